/* The MySQL sink on a real server: SLUICE_TEST_MYSQL_TARGET=host:port, account sluice/sluice, and
 * root without a password for what a task's account may not. Without the variable every test is
 * skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumers/mysql/options.h"
#include "core/log.h"
#include "core/plugin.h"

extern const cdc_sink sink_mysql;

#define TOPIC "sink-test"

static const char *server;
static MYSQL *admin;
static char answer[8192];

/* --- the server, looked at from beside --- */

static void sql(const char *text)
{
    if (mysql_query(admin, text) != 0) {
        fail_msg("%s: %s", text, mysql_error(admin));
    }
    do {
        MYSQL_RES *res = mysql_store_result(admin);
        mysql_free_result(res);
    } while (mysql_next_result(admin) == 0);
}

/* All rows: columns joined by ',', rows by ' '. */
static const char *ask(const char *text)
{
    if (mysql_query(admin, text) != 0) {
        fail_msg("%s: %s", text, mysql_error(admin));
    }
    MYSQL_RES *res = mysql_store_result(admin);
    size_t at = 0;
    answer[0] = '\0';
    for (MYSQL_ROW row; (row = mysql_fetch_row(res)) != NULL;) {
        for (unsigned i = 0; i < mysql_num_fields(res); i++) {
            const char *before = i > 0 ? "," : at > 0 ? " " : "";
            at += (size_t)snprintf(answer + at, sizeof answer - at, "%s%s", before,
                                   row[i] != NULL ? row[i] : "NULL");
            assert_true(at < sizeof answer);
        }
    }
    mysql_free_result(res);
    return answer;
}

/* --- a task and its sink --- */

/* Of a test that failed: its locks would stop the next one. */
static void *open_sinks[4];

static void note_sink(void *sink, bool open)
{
    for (size_t i = 0; i < sizeof open_sinks / sizeof open_sinks[0]; i++) {
        if (open_sinks[i] == (open ? NULL : sink)) {
            open_sinks[i] = open ? sink : NULL;
            return;
        }
    }
}

typedef struct bed {
    cdc_task task;
    cdc_env env;
    void *sink;
    cdc_error err;
    int64_t next;
} bed;

static void bed_make_for(bed *bd, const char *hosts, const char *user, const char *password,
                         const char *more)
{
    static const cdc_option *const tables[] = {cdc_task_options, sink_mysql_options, NULL};
    char text[2048];
    int n =
        snprintf(text, sizeof text,
                 "name: sink-test\nkafka: {bootstrap.servers: none}\nfrom: {topics: [" TOPIC "]}\n"
                 "target: {type: mysql, hosts: [%s], user: %s, password: '%s'%s}\n",
                 hosts, user, password, more);
    *bd = (bed){.next = 0};
    cdc_error_clear(&bd->err);
    if (cdc_task_parse(&bd->task, "test", text, (size_t)n, tables, &bd->err) != CDC_OK) {
        fail_msg("%s", bd->err.text);
    }
    bd->env = (cdc_env){.task = &bd->task, .metrics = cdc_metrics_new("test", "sink-test")};
}

static void bed_make(bed *bd, const char *more)
{
    bed_make_for(bd, server, "sluice", "sluice", more);
}

static void bed_free(bed *bd)
{
    note_sink(bd->sink, false);
    sink_mysql.close(bd->sink);
    cdc_metrics_free(bd->env.metrics);
    cdc_task_fini(&bd->task);
}

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != CDC_OK) {                                                                    \
            fail_msg("%s: %s", #call, bd->err.text);                                               \
        }                                                                                          \
    } while (0)

static void bed_open(bed *bd, const char *more)
{
    bed_make(bd, more);
    OK(sink_mysql.open(&bd->sink, &bd->env, &bd->err));
    note_sink(bd->sink, true);
    OK(sink_mysql.begin(bd->sink, &bd->err));
}

static cdc_rc bed_commit(bed *bd)
{
    cdc_offset at = {.topic = TOPIC, .partition = 0, .next = ++bd->next};
    cdc_rc rc = sink_mysql.commit(bd->sink, &at, 1, &bd->err);
    return rc == CDC_OK ? sink_mysql.begin(bd->sink, &bd->err) : rc;
}

static int64_t conflicts(bed *bd, const char *op)
{
    char label[32];
    snprintf(label, sizeof label, "op=\"%s\"", op);
    return cdc_metric_get(
        cdc_metrics_number(bd->env.metrics, CDC_COUNTER, "sluice_conflicts_total", label, ""));
}

#define FAILS(call, want_rc, want_code, want_text)                                                 \
    do {                                                                                           \
        cdc_error_clear(&bd->err);                                                                 \
        assert_int_equal((call), want_rc);                                                         \
        assert_string_equal(bd->err.code, want_code);                                              \
        if (strstr(bd->err.text, want_text) == NULL) {                                             \
            fail_msg("no '%s' in: %s", want_text, bd->err.text);                                   \
        }                                                                                          \
    } while (0)

/* --- events --- */

static cdc_table *table_of(const char *name, const cdc_column *cols, uint32_t ncols, uint32_t nkeys)
{
    static const uint16_t keys[] = {0, 1, 2};
    cdc_table *tbl = NULL;
    cdc_error err;
    assert_int_equal(cdc_table_new(&tbl, "sluice_sink", name, cols, ncols, keys, nkeys, &err),
                     CDC_OK);
    return tbl;
}

/* (id INT, v VARCHAR): the table of most tests. */
static cdc_table *table_iv(const char *name, uint32_t nkeys)
{
    const cdc_column cols[] = {{.name = "id", .kind = CDC_INT, .type_text = "int"},
                               {.name = "v", .kind = CDC_TEXT, .type_text = "varchar(20)"}};
    return table_of(name, cols, 2, nkeys);
}

static cdc_value num(int64_t i)
{
    return (cdc_value){.kind = CDC_INT, .i = i};
}

static cdc_value txt(const char *s)
{
    return (cdc_value){.kind = s != NULL ? CDC_TEXT : CDC_NULL,
                       .p = s,
                       .len = s != NULL ? (uint32_t)strlen(s) : 0};
}

static cdc_rc put(bed *bd, cdc_table *tbl, cdc_op op, cdc_phase phase, const cdc_value *before,
                  const cdc_value *after)
{
    cdc_event ev = {.op = (uint8_t)op,
                    .phase = (uint8_t)phase,
                    .last = true,
                    .table = tbl,
                    .before = before,
                    .after = after,
                    .txn = "uuid:7",
                    .pos_text = "binlog.000001:4",
                    .source_ms = 1000};
    return sink_mysql.apply(bd->sink, &ev, &bd->err);
}

static cdc_rc ins(bed *bd, cdc_table *tbl, int64_t id, const char *v)
{
    const cdc_value after[] = {num(id), txt(v)};
    return put(bd, tbl, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, after);
}

static cdc_rc upd(bed *bd, cdc_table *tbl, int64_t id, const char *v, int64_t id2, const char *v2)
{
    const cdc_value before[] = {num(id), txt(v)};
    const cdc_value after[] = {num(id2), txt(v2)};
    return put(bd, tbl, CDC_OP_UPDATE, CDC_PHASE_INCR, before, after);
}

static cdc_rc del(bed *bd, cdc_table *tbl, int64_t id, const char *v)
{
    const cdc_value before[] = {num(id), txt(v)};
    return put(bd, tbl, CDC_OP_DELETE, CDC_PHASE_INCR, before, NULL);
}

static cdc_rc snap(bed *bd, cdc_table *tbl, cdc_op op, int64_t id, int64_t id2, const char *v2)
{
    const cdc_value before[] = {num(id), txt(v2)};
    const cdc_value after[] = {num(id2), txt(v2)};
    return put(bd, tbl, op, CDC_PHASE_SNAPSHOT, op == CDC_OP_INSERT ? NULL : before,
               op == CDC_OP_DELETE ? NULL : after);
}

/* --- tests --- */

static void batched_and_offsets(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    int64_t next = 0;
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
    bed_open(bd, "");
    OK(sink_mysql.applied(be.sink, TOPIC, 0, &next, &be.err));
    assert_int_equal(next, -1);
    for (int i = 0; i < 1201; i++) {
        OK(ins(bd, tbl, i, "a"));
    }
    for (int i = 0; i < 1200; i++) {
        OK(upd(bd, tbl, i, "a", i, "b"));
    }
    OK(upd(bd, tbl, 5, "b", 5, "b")); /* already so: no conflict */
    OK(upd(bd, tbl, 7, "b", 7, "c"));
    OK(upd(bd, tbl, 7, "c", 5000, "d"));
    for (int i = 10; i < 1200; i++) {
        OK(del(bd, tbl, i, "b"));
    }
    OK(ins(bd, tbl, 10, "again"));
    OK(del(bd, tbl, 10, "again"));
    OK(ins(bd, tbl, 10, "thrice"));
    OK(bed_commit(bd));
    assert_string_equal(ask("SELECT * FROM t ORDER BY id"),
                        "0,b 1,b 2,b 3,b 4,b 5,b 6,b 8,b 9,b 10,thrice 1200,a 5000,d");
    assert_string_equal(ask("SELECT task,topic,part,next_offset,source_txn,source_pos,source_time "
                            "FROM sluice.applied"),
                        "sink-test,sink-test,0,1,uuid:7,binlog.000001:4,1970-01-01 00:00:01.000");

    OK(ins(bd, tbl, 77, "undone"));
    sink_mysql.rollback(be.sink);
    OK(sink_mysql.begin(be.sink, &be.err));
    OK(del(bd, tbl, 5000, "d"));
    OK(bed_commit(bd)); /* one row alone */
    OK(upd(bd, tbl, 1200, "a", 1200, "z"));
    OK(bed_commit(bd));
    OK(bed_commit(bd)); /* nothing but the offset */
    assert_string_equal(ask("SELECT * FROM t WHERE id>10"), "1200,z");
    bed_free(bd);

    bed_open(bd, "");
    OK(sink_mysql.applied(be.sink, TOPIC, 0, &next, &be.err));
    assert_int_equal(next, 4);
    OK(sink_mysql.applied(be.sink, TOPIC, 1, &next, &be.err));
    assert_int_equal(next, -1);
    bed_free(bd);
    cdc_table_unref(tbl);
}

/* Every type: there and, where a row is found by all of its columns, back again. */
static void every_type(void **state)
{
    (void)state;
    bed be, *bd = &be;
    static const char *const labels[] = {"x", "y"};
    const cdc_column cols[] = {
        {.name = "i", .kind = CDC_INT, .type_text = "bigint"},
        {.name = "u", .kind = CDC_UINT, .type_text = "bigint unsigned"},
        {.name = "dec", .kind = CDC_DECIMAL, .type_text = "decimal(30,5)"},
        {.name = "f", .kind = CDC_FLOAT, .type_text = "float"},
        {.name = "d", .kind = CDC_DOUBLE, .type_text = "double"},
        {.name = "b", .kind = CDC_BIT, .type_text = "bit(64)"},
        {.name = "e",
         .kind = CDC_ENUM,
         .type_text = "enum('x','y')",
         .labels = labels,
         .nlabels = 2},
        {.name = "s", .kind = CDC_SET, .type_text = "set('x','y')", .labels = labels, .nlabels = 2},
        {.name = "y", .kind = CDC_YEAR, .type_text = "year"},
        {.name = "da", .kind = CDC_DATE, .type_text = "date"},
        {.name = "ti", .kind = CDC_TIME, .type_text = "time(3)", .digits = 3},
        {.name = "dt", .kind = CDC_DATETIME, .type_text = "datetime(6)", .digits = 6},
        {.name = "ts", .kind = CDC_TIMESTAMP, .type_text = "timestamp(6)", .digits = 6},
        {.name = "c", .kind = CDC_TEXT, .type_text = "char(5)"},
        {.name = "t", .kind = CDC_TEXT, .type_text = "text"},
        {.name = "bl", .kind = CDC_BYTES, .type_text = "blob"},
        {.name = "bi", .kind = CDC_BYTES, .type_text = "binary(4)"},
        {.name = "j", .kind = CDC_JSON, .type_text = "json"},
        {.name = "g", .kind = CDC_BYTES, .type_text = "point"},
        {.name = "n", .kind = CDC_INT, .type_text = "int"},
    };
    enum { N = sizeof cols / sizeof cols[0] };
    cdc_table *tbl = table_of("ty", cols, N, 0);
    sql("CREATE TABLE ty (i BIGINT, u BIGINT UNSIGNED, dec_ INT, f FLOAT, d DOUBLE, b BIT(64), e "
        "ENUM('x','y'), "
        "s SET('x','y'), y YEAR, da DATE, ti TIME(3), dt DATETIME(6), ts TIMESTAMP(6) NULL, c "
        "CHAR(5) CHARACTER SET "
        "latin1, t TEXT, bl BLOB, bi BINARY(4), j JSON, g POINT, n INT, `dec` DECIMAL(30,5))");
    cdc_value row[N];
    row[0] = num(INT64_MIN);
    row[1] = (cdc_value){.kind = CDC_UINT, .u = UINT64_MAX};
    row[2] = (cdc_value){.kind = CDC_DECIMAL, .p = "-1234567890123456789012345.67890", .len = 32};
    row[3] = (cdc_value){.kind = CDC_FLOAT, .d = (double)0.1F};
    row[4] = (cdc_value){.kind = CDC_DOUBLE, .d = -1.2345678901234567e-200};
    row[5] = (cdc_value){.kind = CDC_BIT, .u = UINT64_MAX};
    row[6] = (cdc_value){.kind = CDC_ENUM, .u = 2};
    row[7] = (cdc_value){.kind = CDC_SET, .u = 3};
    row[8] = (cdc_value){.kind = CDC_YEAR, .i = 0};
    row[9] = (cdc_value){.kind = CDC_DATE, .year = 2024};
    row[9].t.month = 2;
    row[9].t.day = 31;
    row[10] = (cdc_value){.kind = CDC_TIME, .digits = 3};
    row[10].t.neg = true;
    row[10].t.hour = 837;
    row[10].t.usec = 5000;
    row[11] = (cdc_value){.kind = CDC_DATETIME, .digits = 6};
    row[12] = (cdc_value){.kind = CDC_TIMESTAMP, .digits = 6};
    row[12].ts.sec = 1000000000;
    row[12].ts.usec = 1;
    row[13] = txt("\xc3\xa9'\\");
    row[14] = (cdc_value){.kind = CDC_TEXT, .p = "a\0b\xf0\x9f\x98\x80 ", .len = 8};
    row[15] = (cdc_value){.kind = CDC_BYTES, .p = "\0\xff'\\\xe2", .len = 5};
    row[16] = (cdc_value){.kind = CDC_BYTES, .p = "\1\0\0\0", .len = 4};
    row[17] = (cdc_value){.kind = CDC_JSON, .p = "{\"a\": [1, \"\xc3\xa9\"]}", .len = 16};
    row[18] = (cdc_value){.kind = CDC_BYTES,
                          .p = "\0\0\0\0\1\1\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\x08\x40",
                          .len = 25};
    row[19] = (cdc_value){.kind = CDC_NULL};
    bed_open(bd, "");
    for (int careful = 0; careful < 2; careful++) {
        sink_mysql.careful(be.sink, careful == 1);
        OK(put(bd, tbl, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, row));
        OK(put(bd, tbl, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, row));
        OK(bed_commit(bd));
        assert_string_equal(
            ask("SELECT i,u,`dec`,f=CAST(0.1 AS FLOAT) OR f LIKE "
                "'0.1',d,b+0,e,s+0,y,da,ti,dt,ts,HEX(CONVERT(c USING utf8mb4)),"
                "HEX(t),HEX(bl),HEX(bi),JSON_EXTRACT(j,'$.a[1]'),ST_AsText(g),n FROM ty LIMIT 1"),
            "-9223372036854775808,18446744073709551615,-1234567890123456789012345.67890,1,"
            "-1.2345678901234567e-200,18446744073709551615,y,3,0000,2024-02-31,-837:00:00.005,"
            "0000-00-00 00:00:00.000000,2001-09-09 01:46:40.000001,C3A9275C,"
            "610062F09F988020,00FF275CE2,01000000,\"\xc3\xa9\",POINT(2 3),NULL");
        OK(put(bd, tbl, CDC_OP_DELETE, CDC_PHASE_INCR, row, NULL));
        OK(bed_commit(bd));
        assert_string_equal(ask("SELECT COUNT(*) FROM ty"), "1");
        cdc_value moved[N];
        memcpy(moved, row, sizeof row);
        moved[19] = num(5);
        OK(put(bd, tbl, CDC_OP_UPDATE, CDC_PHASE_INCR, row, moved));
        OK(put(bd, tbl, CDC_OP_DELETE, CDC_PHASE_INCR, moved, NULL));
        OK(bed_commit(bd));
        assert_string_equal(ask("SELECT COUNT(*) FROM ty"), "0");
    }
    bed_free(bd);
    cdc_table_unref(tbl);
}

/* What the target cannot hold is never changed to fit. */
static void nothing_is_cut(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    sql("CREATE TABLE t (id TINYINT PRIMARY KEY, v VARCHAR(3) CHARACTER SET latin1)");
    bed_open(bd, "");
    sink_mysql.careful(be.sink, true);
    FAILS(ins(bd, tbl, 1, "abcd"), CDC_FATAL, "mysql_1406", "row id=1");
    FAILS(ins(bd, tbl, 200, "a"), CDC_FATAL, "mysql_1264", "row id=200");
    FAILS(ins(bd, tbl, 1, "\xe4\xb8\xad"), CDC_FATAL, "mysql_1366", "sluice_sink.t");
    sink_mysql.careful(be.sink, false);
    OK(ins(bd, tbl, 1, "abcd"));
    FAILS(bed_commit(bd), CDC_FATAL, "mysql_1406", "sluice_sink.t");
    sink_mysql.rollback(be.sink);
    assert_string_equal(ask("SELECT COUNT(*) FROM t"), "0");
    bed_free(bd);
    cdc_table_unref(tbl);
}

static void conflicts_reported(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO t VALUES "
        "(1,'one'),(2,'two')");
    bed_open(bd, "");
    for (int many = 0; many < 2; many++) { /* a row alone, and with others */
        OK(ins(bd, tbl, 2, "x"));
        OK(many ? ins(bd, tbl, 3, "x") : CDC_OK);
        FAILS(bed_commit(bd), CDC_FATAL, "conflict_insert", "sluice_sink.t");
        sink_mysql.rollback(be.sink);
        OK(sink_mysql.begin(be.sink, &be.err));
        OK(upd(bd, tbl, 9, "x", 9, "y"));
        OK(many ? upd(bd, tbl, 1, "one", 1, "y") : CDC_OK);
        FAILS(bed_commit(bd), CDC_FATAL, "conflict_update", "sluice_sink.t");
        sink_mysql.rollback(be.sink);
        OK(sink_mysql.begin(be.sink, &be.err));
        OK(del(bd, tbl, 9, "x"));
        OK(many ? del(bd, tbl, 1, "one") : CDC_OK);
        FAILS(bed_commit(bd), CDC_FATAL, "conflict_delete", "sluice_sink.t");
        sink_mysql.rollback(be.sink);
        OK(sink_mysql.begin(be.sink, &be.err));
    }
    OK(upd(bd, tbl, 1, "one", 2, "moved")); /* onto a row that is there */
    FAILS(bed_commit(bd), CDC_FATAL, "conflict_update", "sluice_sink.t");
    sink_mysql.rollback(be.sink);
    OK(sink_mysql.begin(be.sink, &be.err));

    sink_mysql.careful(be.sink, true);
    FAILS(ins(bd, tbl, 2, "x"), CDC_FATAL, "conflict_insert", "row id=2");
    FAILS(upd(bd, tbl, 9, "x", 9, "y"), CDC_FATAL, "conflict_update", "row id=9");
    FAILS(upd(bd, tbl, 1, "one", 2, "y"), CDC_FATAL, "conflict_update", "row id=1");
    FAILS(del(bd, tbl, 9, "x"), CDC_FATAL, "conflict_delete", "target.conflict");
    sink_mysql.rollback(be.sink);
    assert_string_equal(ask("SELECT * FROM t"), "1,one 2,two");
    bed_free(bd);
    cdc_table_unref(tbl);
}

static const char UNIQUE_TABLE[] =
    "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), UNIQUE (v)); INSERT INTO t VALUES "
    "(1,'one'),(2,'two'),(3,'three')";
static const char PLAIN_TABLE[] =
    "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO t VALUES "
    "(1,'one'),(2,'two'),(3,'three')";

static void conflicts_kept(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    for (int careful = 0; careful < 2; careful++) {
        sql("DROP TABLE IF EXISTS t");
        sql(UNIQUE_TABLE);
        bed_open(bd, ", conflict: keep");
        sink_mysql.careful(be.sink, careful == 1);
        OK(ins(bd, tbl, 1, "x"));
        OK(ins(bd, tbl, 4, "two"));
        OK(ins(bd, tbl, 5, "five"));
        OK(upd(bd, tbl, 9, "x", 9, "nine"));
        OK(upd(bd, tbl, 5, "five", 5, "cinq"));
        OK(ins(bd, tbl, 5, "x"));
        OK(del(bd, tbl, 8, "x"));
        OK(del(bd, tbl, 3, "three"));
        OK(bed_commit(bd));
        assert_string_equal(ask("SELECT * FROM t ORDER BY id"), "1,one 2,two 5,cinq");
        assert_int_equal(conflicts(bd, "insert"), 3);
        assert_int_equal(conflicts(bd, "update"), 1);
        assert_int_equal(conflicts(bd, "delete"), 1);
        bed_free(bd);
    }
    cdc_table_unref(tbl);
}

static void conflicts_overwritten(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    for (int careful = 0; careful < 2; careful++) {
        sql("DROP TABLE IF EXISTS t");
        sql(PLAIN_TABLE);
        bed_open(bd, ", conflict: overwrite");
        sink_mysql.careful(be.sink, careful == 1);
        OK(ins(bd, tbl, 1, "uno"));
        OK(ins(bd, tbl, 4, "quattro"));
        OK(upd(bd, tbl, 9, "x", 9, "nove"));
        OK(upd(bd, tbl, 2, "two", 2, "due"));
        OK(del(bd, tbl, 8, "x"));
        OK(bed_commit(bd));
        assert_string_equal(ask("SELECT * FROM t ORDER BY id"),
                            "1,uno 2,due 3,three 4,quattro 9,nove");
        assert_int_equal(conflicts(bd, "insert"), 1);
        assert_int_equal(conflicts(bd, "update"), 1);
        assert_int_equal(conflicts(bd, "delete"), 1);
        bed_free(bd);
    }
    /* With another unique key a row may be in the way of two: only row by row. */
    sql("DROP TABLE t");
    sql(UNIQUE_TABLE);
    bed_open(bd, ", conflict: overwrite");
    OK(ins(bd, tbl, 1, "uno"));
    FAILS(bed_commit(bd), CDC_FATAL, "conflict_insert", "");
    sink_mysql.rollback(be.sink);
    OK(sink_mysql.begin(be.sink, &be.err));
    sink_mysql.careful(be.sink, true);
    OK(ins(bd, tbl, 1, "two"));           /* both 1 and 2 are in its way */
    OK(upd(bd, tbl, 7, "x", 8, "three")); /* is not there, and 3 has its value */
    OK(bed_commit(bd));
    assert_string_equal(ask("SELECT * FROM t ORDER BY id"), "1,two 8,three");
    bed_free(bd);
    cdc_table_unref(tbl);
}

static void snapshot_is_lenient(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    for (int way = 0; way < 4; way++) {
        sql("DROP TABLE IF EXISTS t");
        sql(way < 2 ? PLAIN_TABLE : UNIQUE_TABLE);
        bed_open(bd, "");
        sink_mysql.careful(be.sink, way % 2 == 1);
        OK(snap(bd, tbl, CDC_OP_INSERT, 0, 1, "uno"));
        OK(snap(bd, tbl, CDC_OP_INSERT, 0, 4, "four"));
        OK(snap(bd, tbl, CDC_OP_UPDATE, 4, 4, "vier"));
        OK(snap(bd, tbl, CDC_OP_UPDATE, 7, 7, "seven"));
        OK(snap(bd, tbl, CDC_OP_UPDATE, 2, 6, "two"));
        OK(snap(bd, tbl, CDC_OP_DELETE, 99, 0, "x"));
        OK(snap(bd, tbl, CDC_OP_DELETE, 3, 0, "x"));
        OK(way >= 2 ? snap(bd, tbl, CDC_OP_INSERT, 0, 8, "seven") : CDC_OK); /* 7 gives way */
        OK(bed_commit(bd));
        assert_string_equal(ask("SELECT * FROM t ORDER BY id"),
                            way < 2 ? "1,uno 4,vier 6,two 7,seven" : "1,uno 4,vier 6,two 8,seven");
        assert_int_equal(conflicts(bd, "delete"), 0);
        bed_free(bd);
    }
    cdc_table_unref(tbl);
}

static void foreign_keys_and_order(void **state)
{
    (void)state;
    bed be, *bd = &be;
    const cdc_column cols[] = {{.name = "id", .kind = CDC_INT, .type_text = "int"},
                               {.name = "parent", .kind = CDC_INT, .type_text = "int"}};
    cdc_table *parent = table_iv("p", 1);
    cdc_table *child = table_of("c", cols, 2, 1);
    cdc_table *log = table_iv("free", 1);
    sql("CREATE TABLE p (id INT PRIMARY KEY, v VARCHAR(20)); CREATE TABLE free (id INT PRIMARY "
        "KEY, v VARCHAR(20)); "
        "CREATE TABLE c (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES p (id))");
    bed_open(bd, "");
    for (int i = 0; i < 50; i++) {
        const cdc_value row[] = {num(i), num(i)};
        OK(ins(bd, log, i, "x"));
        OK(ins(bd, parent, i, "p"));
        OK(put(bd, child, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, row));
    }
    OK(bed_commit(bd));
    for (int i = 0; i < 50; i++) {
        const cdc_value row[] = {num(i), num(i)};
        OK(put(bd, child, CDC_OP_DELETE, CDC_PHASE_INCR, row, NULL));
        OK(del(bd, parent, i, "p"));
        OK(upd(bd, log, i, "x", i, "y"));
    }
    OK(bed_commit(bd));
    assert_string_equal(ask("SELECT (SELECT COUNT(*) FROM p), (SELECT COUNT(*) FROM c), COUNT(*) "
                            "FROM free WHERE v='y'"),
                        "0,0,50");
    /* While a table is copied its rows may come before those they refer to; then no longer. */
    const cdc_value orphan[] = {num(1), num(7)};
    OK(put(bd, child, CDC_OP_INSERT, CDC_PHASE_SNAPSHOT, NULL, orphan));
    OK(snap(bd, parent, CDC_OP_INSERT, 0, 7, "late"));
    OK(bed_commit(bd));
    const cdc_value lost[] = {num(2), num(8)};
    OK(put(bd, child, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, lost));
    FAILS(bed_commit(bd), CDC_FATAL, "mysql_1452", "sluice_sink.c");
    sink_mysql.rollback(be.sink);
    OK(sink_mysql.begin(be.sink, &be.err));
    sink_mysql.careful(be.sink, true);
    OK(put(bd, child, CDC_OP_UPDATE, CDC_PHASE_SNAPSHOT, orphan, lost));
    FAILS(put(bd, child, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, (const cdc_value[]){num(3), num(8)}),
          CDC_FATAL, "mysql_1452", "row id=3");
    bed_free(bd);
    cdc_table_unref(parent);
    cdc_table_unref(child);
    cdc_table_unref(log);
}

/* A trigger sees the operations that happened, in their order over all tables. */
static void triggers_and_order(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *with = table_iv("tr", 1);
    cdc_table *log = table_iv("free", 1);
    sql("CREATE TABLE tr (id INT PRIMARY KEY, v VARCHAR(20)); CREATE TABLE free (id INT PRIMARY "
        "KEY, v VARCHAR(20)); "
        "CREATE TABLE seen (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20)); "
        "CREATE TRIGGER ai AFTER INSERT ON tr FOR EACH ROW INSERT INTO seen (what) SELECT "
        "CONCAT('i', NEW.id, '-', "
        "COUNT(*)) FROM free; "
        "CREATE TRIGGER bi BEFORE INSERT ON tr FOR EACH ROW SET NEW.v=UPPER(NEW.v); "
        "CREATE TRIGGER au AFTER UPDATE ON tr FOR EACH ROW INSERT INTO seen (what) VALUES "
        "(CONCAT('u', NEW.id))");
    bed_open(bd, "");
    OK(ins(bd, with, 1, "a"));
    OK(ins(bd, log, 1, "a"));
    OK(ins(bd, with, 2, "a"));
    OK(ins(bd, log, 2, "a"));
    OK(upd(bd, with, 1, "A", 1, "b"));
    OK(bed_commit(bd));
    assert_string_equal(ask("SELECT what FROM seen ORDER BY n"), "i1-0 i2-1 u1");
    bed_free(bd);
    cdc_table_unref(with);
    cdc_table_unref(log);
}

static void fencing(void **state)
{
    (void)state;
    bed old, be, *bd = &old;
    cdc_table *tbl = table_iv("t", 1);
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
    bed_open(&old, "");
    OK(ins(bd, tbl, 1, "old"));
    bd = &be;
    bed_open(&be, "");
    bd = &old;
    FAILS(bed_commit(bd), CDC_FATAL, "applier_fenced", "task sink-test");
    sink_mysql.rollback(old.sink);
    assert_string_equal(ask("SELECT COUNT(*) FROM t"), "0");
    bd = &be;
    OK(ins(bd, tbl, 1, "new"));
    OK(bed_commit(bd));
    /* What the old one would take for a conflict is its successor's work. */
    bd = &old;
    OK(sink_mysql.begin(old.sink, &old.err));
    OK(ins(bd, tbl, 1, "old"));
    FAILS(bed_commit(bd), CDC_FATAL, "applier_fenced", "has taken over");
    sink_mysql.rollback(old.sink);
    sink_mysql.careful(old.sink, true);
    OK(sink_mysql.begin(old.sink, &old.err));
    FAILS(ins(bd, tbl, 1, "old"), CDC_FATAL, "applier_fenced", "");
    FAILS(del(bd, tbl, 2, "old"), CDC_FATAL, "applier_fenced", "");
    bed_free(&old);
    bed_free(&be);
    assert_string_equal(ask("SELECT * FROM t"), "1,new");
    cdc_table_unref(tbl);
}

/* A process of an applier group, which has these partitions of TOPIC. */
static void bed_join(bed *bd, const char *user, uint32_t n, const int32_t *partitions)
{
    cdc_offset parts[4];
    bed_make_for(bd, server, user, user, ", appliers: group");
    OK(sink_mysql.open(&bd->sink, &bd->env, &bd->err));
    note_sink(bd->sink, true);
    for (uint32_t i = 0; i < n; i++) {
        parts[i] = (cdc_offset){.topic = TOPIC, .partition = partitions[i]};
    }
    OK(sink_mysql.claim(bd->sink, parts, n, &bd->err));
    OK(sink_mysql.begin(bd->sink, &bd->err));
}

/* Of a group whoever has lost one partition commits nothing, whether its connection was ended
 * (which takes the same account, or a right) or not. */
static void claims(void **state)
{
    (void)state;
    bed one, two, three, single, *bd = &one;
    cdc_table *tbl = table_iv("t", 1);
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)); DROP USER IF EXISTS sluice_two@'%'; "
        "CREATE USER sluice_two@'%' IDENTIFIED BY 'sluice_two'; "
        "GRANT ALL ON sluice.* TO sluice_two@'%'; GRANT ALL ON sluice_sink.* TO sluice_two@'%'");
    bed_join(&one, "sluice", 2, (const int32_t[]){0, 1});
    OK(ins(bd, tbl, 1, "one"));
    OK(bed_commit(bd));
    OK(ins(bd, tbl, 2, "one"));
    bd = &two;
    bed_join(&two, "sluice_two", 1, (const int32_t[]){1});
    bd = &one;
    FAILS(bed_commit(bd), CDC_RETRY, "partition_taken", "task sink-test has claimed a partition");
    sink_mysql.rollback(one.sink);
    assert_string_equal(ask("SELECT * FROM t"), "1,one");
    bd = &two;
    OK(ins(bd, tbl, 3, "two"));
    OK(bed_commit(bd));
    bed_free(&one);

    bd = &one; /* what it still has is its own again; the other goes on */
    bed_join(&one, "sluice", 1, (const int32_t[]){0});
    OK(ins(bd, tbl, 2, "one"));
    OK(bed_commit(bd));
    bd = &two;
    OK(ins(bd, tbl, 4, "two"));
    OK(bed_commit(bd));

    bd = &one; /* asleep with locked rows: they are free when another has its partition */
    sink_mysql.careful(one.sink, true);
    OK(ins(bd, tbl, 5, "one"));
    bd = &three;
    bed_join(&three, "sluice", 1, (const int32_t[]){0});
    OK(ins(bd, tbl, 5, "three"));
    OK(bed_commit(bd));
    bd = &one;
    assert_int_equal(bed_commit(bd), CDC_RETRY);

    bd = &single; /* the other mode fences them all */
    bed_open(&single, "");
    OK(bed_commit(bd));
    bd = &three;
    OK(ins(bd, tbl, 7, "three"));
    FAILS(bed_commit(bd), CDC_FATAL, "applier_fenced", "all processes of a group have");
    assert_string_equal(ask("SELECT * FROM t ORDER BY id"), "1,one 2,one 3,two 4,two 5,three");
    bed_free(&one);
    bed_free(&two);
    bed_free(&three);
    bed_free(&single);
    sql("DROP USER sluice_two@'%'");
    cdc_table_unref(tbl);
}

static void shapes_that_differ(void **state)
{
    (void)state;
    bed be, *bd = &be;
    static const char *const labels[] = {"x", "y"};
    const cdc_column cols[] = {{.name = "ID", .kind = CDC_INT, .type_text = "int"},
                               {.name = "v", .kind = CDC_TEXT, .type_text = "varchar(20)"},
                               {.name = "gen", .kind = CDC_INT, .type_text = "int"},
                               {.name = "e",
                                .kind = CDC_ENUM,
                                .type_text = "enum('x','y')",
                                .labels = labels,
                                .nlabels = 2}};
    cdc_table *wide = table_of("t", cols, 4, 1);
    cdc_table *narrow = table_iv("t", 1);
    cdc_table *none = table_iv("nowhere", 1);
    sql("CREATE TABLE t (extra INT DEFAULT 7, gen INT AS (id+1) STORED, v VARCHAR(20), e "
        "ENUM('y','x'), id INT, PRIMARY "
        "KEY (id))");
    bed_open(bd, "");
    cdc_value row[] = {num(1), txt("a"), num(99), {.kind = CDC_ENUM, .u = 1}};
    OK(put(bd, wide, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, row));
    OK(ins(bd, narrow, 2, "b")); /* another version of the same table, between */
    row[0] = num(3);
    OK(put(bd, wide, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, row));
    OK(upd(bd, narrow, 3, "a", 3, "c"));
    OK(bed_commit(bd));
    assert_string_equal(ask("SELECT id,v,gen,e,extra FROM t ORDER BY id"),
                        "1,a,2,x,7 2,b,3,NULL,7 3,c,4,x,7");
    FAILS(ins(bd, none, 1, "x"), CDC_FATAL, "target_table_missing", "sluice_sink.nowhere");
    sql("ALTER TABLE t DROP COLUMN v");
    sink_mysql.rollback(be.sink);
    OK(sink_mysql.begin(be.sink, &be.err));
    FAILS(ins(bd, narrow, 5, "x"), CDC_FATAL, "target_column_missing",
          "ADD COLUMN `v` varchar(20)");
    sql("CREATE VIEW nowhere AS SELECT 1 AS id, 'x' AS v");
    FAILS(ins(bd, none, 1, "x"), CDC_FATAL, "target_view", "sluice_sink.nowhere");
    sql("DROP VIEW nowhere; CREATE TABLE nowhere (id INT PRIMARY KEY, v VARCHAR(20)) "
        "ENGINE=MyISAM");
    FAILS(ins(bd, none, 1, "x"), CDC_FATAL, "target_engine", "ENGINE=InnoDB");
    bed_free(bd);
    cdc_table_unref(wide);
    cdc_table_unref(narrow);
    cdc_table_unref(none);
}

/* Absent columns are left as they are. */
static void partial_rows(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    const cdc_value absent = {.kind = CDC_ABSENT};
    for (int careful = 0; careful < 2; careful++) {
        sql("DROP TABLE IF EXISTS t; CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) DEFAULT "
            "'def')");
        bed_open(bd, "");
        sink_mysql.careful(be.sink, careful == 1);
        OK(ins(bd, tbl, 1, "a"));
        OK(ins(bd, tbl, 2, "b"));
        const cdc_value after3[] = {num(3), absent};
        OK(put(bd, tbl, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, after3));
        const cdc_value before[] = {num(1), absent};
        const cdc_value after[] = {num(11), absent};
        OK(put(bd, tbl, CDC_OP_UPDATE, CDC_PHASE_INCR, before, after));
        const cdc_value before2[] = {num(2), absent};
        OK(put(bd, tbl, CDC_OP_UPDATE, CDC_PHASE_SNAPSHOT, before2, before2));
        OK(bed_commit(bd));
        assert_string_equal(ask("SELECT * FROM t ORDER BY id"), "2,b 3,def 11,a");
        bed_free(bd);
    }
    cdc_table_unref(tbl);
}

/* Without a key a row is the one that is equal byte for byte, and one of several. */
static void keyless(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 0);
    sql("CREATE TABLE t (id INT, v VARCHAR(20)); INSERT INTO t VALUES "
        "(1,'A'),(1,'a'),(1,'a'),(NULL,NULL)");
    bed_open(bd, "");
    OK(del(bd, tbl, 1, "a"));
    OK(upd(bd, tbl, 1, "A", 1, "B"));
    const cdc_value nulls[] = {{.kind = CDC_NULL}, {.kind = CDC_NULL}};
    OK(put(bd, tbl, CDC_OP_DELETE, CDC_PHASE_INCR, nulls, NULL));
    OK(ins(bd, tbl, 2, "c"));
    OK(ins(bd, tbl, 2, "c"));
    OK(bed_commit(bd));
    assert_string_equal(ask("SELECT * FROM t ORDER BY id, BINARY v"), "1,B 1,a 2,c 2,c");
    OK(del(bd, tbl, 1, "b"));
    FAILS(bed_commit(bd), CDC_FATAL, "conflict_delete", "");
    bed_free(bd);
    cdc_table_unref(tbl);
}

static void composite_keys(void **state)
{
    (void)state;
    bed be, *bd = &be;
    static const char *const labels[] = {"x", "y"};
    const cdc_column cols[] = {{.name = "a",
                                .kind = CDC_ENUM,
                                .type_text = "enum('x','y')",
                                .labels = labels,
                                .nlabels = 2},
                               {.name = "b", .kind = CDC_TEXT, .type_text = "varchar(20)"},
                               {.name = "v", .kind = CDC_INT, .type_text = "int"}};
    cdc_table *tbl = table_of("t", cols, 3, 2);
    sql("CREATE TABLE t (a ENUM('x','y'), b VARCHAR(20), v INT, PRIMARY KEY (a,b))");
    bed_open(bd, "");
    for (int i = 0; i < 100; i++) {
        char b[16];
        snprintf(b, sizeof b, "k%d", i / 2);
        cdc_value row[] = {{.kind = CDC_ENUM, .u = (uint64_t)i % 2 + 1}, txt(b), num(i)};
        OK(put(bd, tbl, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, row));
    }
    for (int i = 0; i < 100; i++) {
        char b[16];
        snprintf(b, sizeof b, "k%d", i / 2);
        cdc_value row[] = {{.kind = CDC_ENUM, .u = (uint64_t)i % 2 + 1}, txt(b), num(i)};
        cdc_value new[] = {row[0], row[1], num(-i)};
        OK(put(bd, tbl, CDC_OP_UPDATE, CDC_PHASE_INCR, row, new));
    }
    for (int i = 3; i < 100; i++) {
        char b[16];
        snprintf(b, sizeof b, "k%d", i / 2);
        cdc_value row[] = {{.kind = CDC_ENUM, .u = (uint64_t)i % 2 + 1}, txt(b), num(-i)};
        OK(put(bd, tbl, CDC_OP_DELETE, CDC_PHASE_INCR, row, NULL));
    }
    OK(bed_commit(bd));
    assert_string_equal(ask("SELECT * FROM t ORDER BY a,b"), "x,k0,0 x,k1,-2 y,k0,-1");
    bed_free(bd);
    cdc_table_unref(tbl);
}

static cdc_rc ddl(bed *bd, cdc_phase phase, const char *table, const char *text)
{
    cdc_event ev = {.op = CDC_OP_DDL,
                    .phase = (uint8_t)phase,
                    .ddl = CDC_DDL_CREATE,
                    .ddl_database = "sluice_sink2",
                    .ddl_table = table,
                    .ddl_default = "",
                    .ddl_was = "",
                    .sql = text,
                    .sql_len = (uint32_t)strlen(text),
                    .txn = "t",
                    .pos_text = "binlog.000001:9",
                    .last = true};
    const cdc_event *events[] = {&ev};
    cdc_offset at = {.topic = TOPIC, .partition = 0, .next = bd->next + 1};
    cdc_rc rc = sink_mysql.ddl(bd->sink, events, 1, &at, 1, &bd->err);
    bd->next += rc == CDC_OK ? 1 : 0;
    return rc;
}

static void definitions(void **state)
{
    (void)state;
    bed be, *bd = &be;
    sql("DROP DATABASE IF EXISTS sluice_sink2");
    bed_open(bd, "");
    OK(ddl(bd, CDC_PHASE_SNAPSHOT, "",
           "CREATE DATABASE `sluice_sink2` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE "
           "utf8mb4_0900_ai_ci */ /*!80016 DEFAULT "
           "ENCRYPTION='N' */"));
    OK(ddl(bd, CDC_PHASE_SNAPSHOT, "c",
           "CREATE TABLE `c` (`id` int NOT NULL, `p` int DEFAULT NULL, `v` varchar(20) COLLATE "
           "utf8mb4_0900_as_cs DEFAULT "
           "'utf8mb4_0900_bin', PRIMARY KEY (`id`), CONSTRAINT `f` FOREIGN KEY (`p`) REFERENCES "
           "`p` (`id`)) ENGINE=InnoDB "
           "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"));
    OK(ddl(bd, CDC_PHASE_SNAPSHOT, "p", "CREATE TABLE IF NOT EXISTS p (id INT PRIMARY KEY)"));
    OK(ddl(bd, CDC_PHASE_SNAPSHOT, "p",
           "CREATE TABLE p (something_else INT)")); /* is there: left alone */
    assert_string_equal(ask("SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE "
                            "TABLE_SCHEMA='sluice_sink2' ORDER BY 1, 2"),
                        "c,id c,p c,v p,id");
    assert_string_equal(
        ask("SELECT COLLATION_NAME LIKE '%as_cs', COLUMN_DEFAULT LIKE '%utf8mb4_0900_bin%' FROM "
            "information_schema.COLUMNS WHERE TABLE_SCHEMA='sluice_sink2' AND COLUMN_NAME='v'"),
        "1,1");
    assert_string_equal(ask("SELECT next_offset FROM sluice.applied"), "4");
    FAILS(ddl(bd, CDC_PHASE_SNAPSHOT, "x", "CREATE TABLE x (id INT); DROP TABLE p"), CDC_FATAL,
          "mysql_1064", "");
    OK(ddl(bd, CDC_PHASE_INCR, "x", "CREATE TABLE x LIKE p"));
    OK(ddl(bd, CDC_PHASE_INCR, "p", "ALTER TABLE p ADD v INT, ALGORITHM=INPLACE"));
    FAILS(ddl(bd, CDC_PHASE_INCR, "p", "ALTER TABLE p ADD v INT"), CDC_FATAL, "mysql_1060",
          "definition of sluice_sink2.p: ALTER TABLE `sluice_sink2`.`p` ADD v INT");
    OK(ddl(bd, CDC_PHASE_SNAPSHOT, "p", "ALTER TABLE p ADD v INT")); /* the copy has seen it */
    OK(ddl(bd, CDC_PHASE_INCR, "", "CREATE VIEW v AS SELECT 1"));    /* said, not replayed */
    assert_string_equal(ask("SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE "
                            "TABLE_SCHEMA='sluice_sink2' AND TABLE_NAME<>'c' ORDER BY 1, 2"),
                        "p,id p,v x,id");
    bed_free(bd);

    bed_open(bd, ", on_ddl_error: skip");
    OK(ddl(bd, CDC_PHASE_INCR, "p", "ALTER TABLE p ADD v INT"));
    OK(ddl(bd, CDC_PHASE_SNAPSHOT, "y", "CREATE TABLE y (id NONSENSE)"));
    assert_int_equal(cdc_metric_get(cdc_metrics_number(be.env.metrics, CDC_COUNTER,
                                                       "sluice_ddl_skipped_total", "", "")),
                     2);
    bed_free(bd);
    sql("DROP DATABASE sluice_sink2");
}

static void lost_connection(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    int64_t next = 0;
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
    for (int careful = 0; careful < 2; careful++) {
        bed_open(bd, "");
        sink_mysql.careful(be.sink, careful == 1);
        OK(ins(bd, tbl, 1, "x"));
        char kill[64];
        snprintf(kill, sizeof kill, "KILL %s",
                 ask("SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE USER='sluice'"));
        sql(kill);
        cdc_error_clear(&be.err);
        assert_int_equal(careful ? ins(bd, tbl, 2, "x") : bed_commit(bd), CDC_RETRY);
        sink_mysql.rollback(be.sink);
        assert_int_equal(sink_mysql.begin(be.sink, &be.err), CDC_RETRY);
        assert_int_equal(ins(bd, tbl, 2, "x"), CDC_RETRY);
        assert_int_equal(bed_commit(bd), CDC_RETRY);
        assert_int_equal(sink_mysql.applied(be.sink, TOPIC, 0, &next, &be.err), CDC_RETRY);
        bed_free(bd);
        assert_string_equal(ask("SELECT COUNT(*) FROM t"), "0");
    }
    cdc_table_unref(tbl);
}

static void opening(void **state)
{
    (void)state;
    bed be, *bd = &be;
    char two[300];
    char user[300];
    bed_make_for(bd, server, "sluice", "wrong", "");
    snprintf(user, sizeof user, "sluice@%s", server);
    FAILS(sink_mysql.open(&be.sink, &be.env, &be.err), CDC_FATAL, "mysql_access", user);
    assert_non_null(strstr(be.err.text, "target.password"));
    assert_int_equal(be.err.exit, CDC_EXIT_REFUSED);
    assert_null(strstr(be.err.text, "wrong"));
    bed_free(bd);

    bed_make_for(bd, "127.0.0.1:1", "sluice", "sluice", "");
    assert_int_equal(sink_mysql.open(&be.sink, &be.env, &be.err), CDC_RETRY);
    assert_null(be.sink);
    bed_free(bd);

    snprintf(two, sizeof two, "127.0.0.1:1, %s", server);
    bed_make_for(bd, two, "sluice", "sluice", "");
    OK(sink_mysql.open(&be.sink, &be.env, &be.err));
    bed_free(bd);

    bed_make(bd, ", tls: {mode: verify-ca, ca: /nonexistent.pem}");
    assert_int_equal(sink_mysql.open(&be.sink, &be.env, &be.err), CDC_FATAL);
    assert_int_equal(be.err.exit, CDC_EXIT_REFUSED);
    bed_free(bd);
    bed_make(bd, ", tls: {mode: verify-identity}");
    FAILS(sink_mysql.open(&be.sink, &be.env, &be.err), CDC_FATAL, "tls_ca", "target.tls.ca");
    bed_free(bd);

    sql("DROP USER IF EXISTS sluice_poor@'%'; CREATE USER sluice_poor@'%' IDENTIFIED BY 'p'");
    bed_make_for(bd, server, "sluice_poor", "p", "");
    FAILS(sink_mysql.open(&be.sink, &be.env, &be.err), CDC_FATAL, "target_privileges",
          "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `sluice`.* TO 'sluice_poor'@'%'");
    assert_int_equal(be.err.exit, CDC_EXIT_REFUSED);
    /* What it says is enough. */
    sql("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `sluice`.* TO 'sluice_poor'@'%'; DROP "
        "DATABASE sluice");
    OK(sink_mysql.open(&be.sink, &be.env, &be.err));
    bed_free(bd);
    sql("DROP USER sluice_poor@'%'");
}

static void huge_rows(void **state)
{
    (void)state;
    bed be, *bd = &be;
    cdc_table *tbl = table_iv("t", 1);
    size_t limit = strtoul(ask("SELECT @@max_allowed_packet"), NULL, 10);
    size_t big = 5 * 1024 * 1024;
    char *text = malloc(limit + 1);
    assert_non_null(text);
    memset(text, 'x', limit);
    sql("CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)");
    bed_open(bd, "");
    for (int i = 0; i < 20; i++) { /* together more than a packet */
        cdc_value row[] = {num(i), {.kind = CDC_TEXT, .p = text, .len = (uint32_t)big}};
        OK(put(bd, tbl, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, row));
    }
    for (int i = 0; i < 8; i++) { /* statements of their own */
        cdc_value row[] = {num(i), {.kind = CDC_TEXT, .p = text, .len = (uint32_t)big}};
        cdc_value moved[] = {num(i + 100), row[1]};
        OK(put(bd, tbl, CDC_OP_UPDATE, CDC_PHASE_INCR, row, moved));
    }
    OK(bed_commit(bd));
    assert_string_equal(ask("SELECT COUNT(*), SUM(LENGTH(v))/20, SUM(id>=100) FROM t"),
                        "20,5242880.0000,8");
    sql("TRUNCATE TABLE t");
    for (int careful = 0; careful < 2; careful++) {
        cdc_value row[] = {num(5), {.kind = CDC_TEXT, .p = text, .len = (uint32_t)limit}};
        sink_mysql.careful(be.sink, careful == 1);
        OK(careful ? CDC_OK : ins(bd, tbl, 1, "small"));
        FAILS(put(bd, tbl, CDC_OP_INSERT, CDC_PHASE_INCR, NULL, row), CDC_FATAL, "packet_too_large",
              "row id=5");
        sink_mysql.rollback(be.sink);
        OK(sink_mysql.begin(be.sink, &be.err));
    }
    bed_free(bd);
    free(text);
    cdc_table_unref(tbl);
}

/* Many tables in turn: runs wait side by side, and more tables than runs. */
static void many_tables(void **state)
{
    (void)state;
    bed be, *bd = &be;
    enum { N = 80 };
    cdc_table *tables[N];
    char text[256];
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "CREATE TABLE m%d (id INT PRIMARY KEY, v VARCHAR(20))", i);
        sql(text);
        snprintf(text, sizeof text, "m%d", i);
        tables[i] = table_iv(text, 1);
    }
    bed_open(bd, "");
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < N; i++) {
            OK(ins(bd, tables[i], round, "x"));
            OK(round > 0 ? upd(bd, tables[i], round - 1, "x", round - 1, "y") : CDC_OK);
        }
    }
    OK(bed_commit(bd));
    for (int i = 0; i < N; i += 13) {
        snprintf(text, sizeof text, "SELECT * FROM m%d ORDER BY id", i);
        assert_string_equal(ask(text), "0,y 1,y 2,y 3,y 4,x");
    }
    bed_free(bd);
    for (int i = 0; i < N; i++) {
        cdc_table_unref(tables[i]);
    }
}

/* --- frame --- */

static int fresh(void **state)
{
    (void)state;
    if (server == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof open_sinks / sizeof open_sinks[0]; i++) {
        sink_mysql.close(open_sinks[i]);
        open_sinks[i] = NULL;
    }
    sql("SET FOREIGN_KEY_CHECKS=0; DROP DATABASE IF EXISTS sluice_sink; CREATE DATABASE "
        "sluice_sink; USE sluice_sink; "
        "CREATE DATABASE IF NOT EXISTS sluice; DROP TABLE IF EXISTS sluice.applied; SET "
        "FOREIGN_KEY_CHECKS=1");
    return 0;
}

static int start(void **state)
{
    (void)state;
    server = getenv("SLUICE_TEST_MYSQL_TARGET");
    cdc_log_set_level(CDC_LOG_ERROR);
    if (server == NULL) {
        return 0;
    }
    char host[200];
    const char *colon = strrchr(server, ':');
    unsigned port = colon != NULL ? (unsigned)strtoul(colon + 1, NULL, 10) : 3306;
    snprintf(host, sizeof host, "%.*s", colon != NULL ? (int)(colon - server) : 199, server);
    admin = mysql_init(NULL);
    mysql_options(admin, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(admin, host, "root", "", NULL, port, NULL, CLIENT_MULTI_STATEMENTS) ==
        NULL) {
        print_error("%s: %s\n", server, mysql_error(admin));
        return -1;
    }
    sql("SET lock_wait_timeout=10; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET "
        "NAMES utf8mb4; SET "
        "time_zone='+00:00'");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (admin != NULL) {
        sql("DROP DATABASE IF EXISTS sluice_sink");
        mysql_close(admin);
    }
    return 0;
}

static void not_asked_for(void **state)
{
    (void)state;
    print_message(
        "SLUICE_TEST_MYSQL_TARGET=host:port is not set: the sink is not tested on a server\n");
    skip();
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(batched_and_offsets),
        TEST(every_type),
        TEST(nothing_is_cut),
        TEST(conflicts_reported),
        TEST(conflicts_kept),
        TEST(conflicts_overwritten),
        TEST(snapshot_is_lenient),
        TEST(foreign_keys_and_order),
        TEST(triggers_and_order),
        TEST(fencing),
        TEST(claims),
        TEST(shapes_that_differ),
        TEST(partial_rows),
        TEST(keyless),
        TEST(composite_keys),
        TEST(definitions),
        TEST(lost_connection),
        TEST(opening),
        TEST(huge_rows),
        TEST(many_tables),
    };
    const struct CMUnitTest skipped[] = {cmocka_unit_test(not_asked_for)};
    return getenv("SLUICE_TEST_MYSQL_TARGET") != NULL ? cmocka_run_group_tests(tests, start, stop)
                                                      : cmocka_run_group_tests(skipped, NULL, NULL);
}

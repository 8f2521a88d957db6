/* Rows of tables as commands for Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumers/redis/rows.h"
#include "core/log.h"
#include "core/task.h"

static const cdc_option target_options[] = {
    {.path = "target.type", .type = CDC_OPTION_ENUM, .choices = "redis"}, {.path = NULL}};
static const cdc_option *const tables[] = {cdc_task_options, target_options, NULL};

static cdc_error err;
static cdc_task task;
static cdc_metrics *metrics;
static sink_redis_rows *rows;
static cdc_buffer out;

enum { ID, NAME, NOTE, COLUMNS };

static void open_map(const char *map)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "name: t\nkafka: {bootstrap.servers: b:1}\nfrom: {topics: [x]}\n"
                   "target: {type: redis%s%s}\n",
                   map[0] != '\0' ? ", map: " : "", map);
    cdc_error_clear(&err);
    if (cdc_task_parse(&task, "t.yaml", text, strlen(text), tables, &err) != CDC_OK) {
        fail_msg("refused: %s", err.text);
    }
    metrics = cdc_metrics_new("apply", "t");
    cdc_env env = {.task = &task, .metrics = metrics};
    assert_int_equal(sink_redis_rows_new(&rows, &env, &err), CDC_OK);
    cdc_buffer_init(&out, 1 << 16);
}

static void close_map(void)
{
    sink_redis_rows_free(rows);
    cdc_metrics_free(metrics);
    cdc_task_fini(&task);
    cdc_buffer_fini(&out);
}

static cdc_table *users(const char *name)
{
    static const cdc_column cols[] = {
        {.name = "id", .type_text = "int", .kind = CDC_INT},
        {.name = "name", .type_text = "varchar(9)", .kind = CDC_TEXT, .nullable = true},
        {.name = "note", .type_text = "varchar(9)", .kind = CDC_TEXT, .nullable = true},
    };
    static const uint16_t keys[] = {0};
    cdc_table *tbl = NULL;
    assert_int_equal(cdc_table_new(&tbl, "shop", name, cols, COLUMNS, keys, 1, &err), CDC_OK);
    return tbl;
}

static cdc_value text(const char *s)
{
    return s == NULL ? (cdc_value){.kind = CDC_NULL}
                     : (cdc_value){.kind = CDC_TEXT, .p = s, .len = (uint32_t)strlen(s)};
}

typedef struct row {
    cdc_value v[COLUMNS];
} row;

static row row_of(int64_t id, const char *name, const char *note)
{
    return (row){{{.kind = CDC_INT, .i = id}, text(name), text(note)}};
}

/* Bytes that are not printable as ~. */
static void show(const cdc_event *command)
{
    cdc_buffer_addf(&out, "%s%d", out.len > 0 ? "; " : "", command->redis_db);
    for (uint32_t i = 0; i < command->nargs; i++) {
        cdc_buffer_add_char(&out, ' ');
        for (uint32_t k = 0; k < command->after[i].len; k++) {
            char c = command->after[i].p[k];
            cdc_buffer_add_char(&out, c >= ' ' && c < 0x7f ? c : '~');
        }
    }
}

static void check(const cdc_event *ev, const char *want)
{
    cdc_event command;
    unsigned lasts = 0, n = 0;
    cdc_error_clear(&err);
    cdc_buffer_reset(&out);
    if (sink_redis_rows_take(rows, ev, &err) != CDC_OK) {
        cdc_buffer_add_str(&out, err.text);
    }
    while (err.rc == CDC_OK && sink_redis_rows_next(rows, &command)) {
        assert_int_equal(command.op, CDC_OP_COMMAND);
        assert_int_equal(command.key_arg, 1);
        assert_int_equal(command.offset, ev->offset);
        assert_null(command.table);
        lasts += command.last;
        n++;
        show(&command);
        assert_int_equal(lasts > 0, n > 0 && command.last);
    }
    assert_int_equal(lasts, n > 0);
    assert_string_equal(cdc_buffer_cstr(&out), want);
}

static void change(cdc_op op, cdc_table *tbl, const row *before, const row *after, const char *want)
{
    cdc_event ev = {.op = (uint8_t)op,
                    .table = tbl,
                    .last = true,
                    .offset = 77,
                    .before = before != NULL ? before->v : NULL,
                    .after = after != NULL ? after->v : NULL};
    check(&ev, want);
}

static void test_hash(void **state)
{
    (void)state;
    open_map("{shop.users: {key: 'user:{ID}', as: hash, database: 2}}");
    cdc_table *tbl = users("users");
    row a = row_of(5, "Ann", NULL), b = row_of(5, NULL, "x"), c = row_of(-6, "Ann", "");
    change(CDC_OP_INSERT, tbl, NULL, &a, "2 DEL user:5; 2 HSET user:5 id 5 name Ann");
    change(CDC_OP_UPDATE, tbl, &a, &b, "2 HSET user:5 id 5 note x; 2 HDEL user:5 name");
    change(CDC_OP_UPDATE, tbl, &b, &c,
           "2 DEL user:5; 2 DEL user:-6; 2 HSET user:-6 id -6 name Ann note ");
    change(CDC_OP_DELETE, tbl, &c, NULL, "2 DEL user:-6");
    cdc_table_unref(tbl);
    tbl = users("other");
    change(CDC_OP_INSERT, tbl, NULL, &a, "");
    assert_int_equal(cdc_metric_get(cdc_metrics_number(metrics, CDC_COUNTER,
                                                       "sluice_rows_unmapped_total", "", "")),
                     1);
    cdc_table_unref(tbl);
    close_map();
}

static void test_json(void **state)
{
    (void)state;
    open_map("{shop.users: {key: '{name}/{id}', as: json, expire_seconds: 5}}");
    cdc_table *tbl = users("users");
    row a = row_of(5, "A\"n", NULL), b = row_of(5, "B", "\n");
    change(CDC_OP_INSERT, tbl, NULL, &a,
           "0 SET A\"n/5 {\"id\":5,\"name\":\"A\\\"n\",\"note\":null} PX 5000");
    change(CDC_OP_UPDATE, tbl, &a, &b,
           "0 DEL A\"n/5; 0 SET B/5 {\"id\":5,\"name\":\"B\",\"note\":\"\\n\"} PX 5000");
    change(CDC_OP_DELETE, tbl, &b, NULL, "0 DEL B/5");
    row c = row_of(5, NULL, NULL);
    change(CDC_OP_INSERT, tbl, NULL, &c,
           "table shop.users: column name: the row's key in target.map needs it, and it is NULL; "
           "use columns that are NOT NULL");
    b.v[NOTE].kind = CDC_ABSENT;
    change(CDC_OP_INSERT, tbl, NULL, &b,
           "table shop.users: column note: the source did not log it; set binlog_row_image to FULL "
           "there");
    b.v[NAME].kind = CDC_ABSENT;
    change(CDC_OP_DELETE, tbl, &b, NULL,
           "table shop.users: column name: the row's key in target.map needs it, and the source "
           "did not log it; set binlog_row_image to FULL there");
    cdc_table_unref(tbl);
    close_map();
}

static void test_expiry_of_hash(void **state)
{
    (void)state;
    open_map("{shop.users: {key: 'u{id}', expire_seconds: 60}}");
    cdc_table *tbl = users("users");
    row a = row_of(5, NULL, NULL);
    change(CDC_OP_INSERT, tbl, NULL, &a, "0 DEL u5; 0 HSET u5 id 5; 0 PEXPIRE u5 60000");
    change(CDC_OP_UPDATE, tbl, &a, &a, "0 HSET u5 id 5; 0 HDEL u5 name note; 0 PEXPIRE u5 60000");
    cdc_table_unref(tbl);
    close_map();
}

static void test_no_column(void **state)
{
    (void)state;
    open_map("{shop.users: {key: 'u{uid}'}}");
    cdc_table *tbl = users("users");
    row a = row_of(5, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        change(CDC_OP_INSERT, tbl, NULL, &a,
               "table shop.users has no column uid, which the key 'u{uid}' of target.map needs; "
               "mend the key, or capture that column");
    }
    cdc_table_unref(tbl);
    close_map();
    open_map("");
    assert_null(rows);
    close_map();
}

/* More versions of tables than are kept. */
static void test_many_versions(void **state)
{
    (void)state;
    open_map("{shop.users: {key: 'u{id}'}}");
    row a = row_of(5, NULL, NULL);
    for (int i = 0; i < 200; i++) {
        cdc_table *tbl = users("users");
        change(CDC_OP_DELETE, tbl, &a, NULL, "0 DEL u5");
        change(CDC_OP_DELETE, tbl, &a, NULL, "0 DEL u5");
        cdc_table_unref(tbl);
    }
    close_map();
}

/* --- every kind of value --- */

static void kind(const cdc_column *col, cdc_value v, const char *raw, const char *json)
{
    cdc_column cols[2] = {{.name = "id", .type_text = "int", .kind = CDC_INT}, *col};
    cdc_value values[2] = {{.kind = CDC_INT, .i = 1}, v};
    cdc_table *hash = NULL, *object = NULL;
    char want[256];
    cols[1].name = "c";
    cols[1].type_text = "";
    assert_int_equal(cdc_table_new(&hash, "d", "h", cols, 2, NULL, 0, &err), CDC_OK);
    assert_int_equal(cdc_table_new(&object, "d", "j", cols, 2, NULL, 0, &err), CDC_OK);
    cdc_event ev = {.op = CDC_OP_INSERT, .table = hash, .after = values, .last = true};
    (void)snprintf(want, sizeof want, "0 DEL h1; 0 HSET h1 id 1 c %s", raw);
    check(&ev, want);
    ev.table = object;
    (void)snprintf(want, sizeof want, "0 SET j1 {\"id\":1,\"c\":%s}", json);
    check(&ev, want);
    cdc_table_unref(hash);
    cdc_table_unref(object);
}

static cdc_value bytes(cdc_kind k, const char *s, uint32_t n)
{
    return (cdc_value){.kind = (uint8_t)k, .p = s, .len = n};
}

static void test_kinds(void **state)
{
    (void)state;
    static const char *const labels[] = {"a", "b\"c"};
    open_map("{d.h: {key: 'h{id}'}, d.j: {key: 'j{id}', as: json}}");
    kind(&(cdc_column){.kind = CDC_UINT}, (cdc_value){.kind = CDC_UINT, .u = UINT64_MAX},
         "18446744073709551615", "18446744073709551615");
    kind(&(cdc_column){.kind = CDC_DECIMAL}, bytes(CDC_DECIMAL, "-1.50", 5), "-1.50", "-1.50");
    kind(&(cdc_column){.kind = CDC_DOUBLE}, (cdc_value){.kind = CDC_DOUBLE, .d = 0.1}, "0.1",
         "0.1");
    kind(&(cdc_column){.kind = CDC_BIT}, (cdc_value){.kind = CDC_BIT, .u = 5}, "5", "5");
    kind(&(cdc_column){.kind = CDC_YEAR}, (cdc_value){.kind = CDC_YEAR, .i = 0}, "0000", "0");
    kind(&(cdc_column){.kind = CDC_DATE},
         (cdc_value){.kind = CDC_DATE, .year = 2026, .t = {.month = 2, .day = 3}}, "2026-02-03",
         "\"2026-02-03\"");
    kind(&(cdc_column){.kind = CDC_TIMESTAMP, .digits = 3},
         (cdc_value){.kind = CDC_TIMESTAMP, .digits = 3, .ts = {1, 5000}},
         "1970-01-01 00:00:01.005", "\"1970-01-01 00:00:01.005\"");
    kind(&(cdc_column){.kind = CDC_BYTES}, bytes(CDC_BYTES, "\0\xff", 2), "~~", "\"AP8=\"");
    kind(&(cdc_column){.kind = CDC_BYTES, .length = 4}, bytes(CDC_BYTES, "ab", 2), "ab~~",
         "\"YWIAAA==\"");
    kind(&(cdc_column){.kind = CDC_JSON}, bytes(CDC_JSON, "{\"a\": [1]}", 10), "{\"a\": [1]}",
         "{\"a\": [1]}");
    cdc_column col = {.kind = CDC_ENUM, .labels = labels, .nlabels = 2};
    kind(&col, (cdc_value){.kind = CDC_ENUM, .u = 2}, "b\"c", "\"b\\\"c\"");
    kind(&col, (cdc_value){.kind = CDC_ENUM, .u = 0}, "", "\"\"");
    kind(&col, (cdc_value){.kind = CDC_ENUM, .u = 3}, "3", "\"3\"");
    col.kind = CDC_SET;
    kind(&col, (cdc_value){.kind = CDC_SET, .u = 3}, "a,b\"c", "\"a,b\\\"c\"");
    kind(&col, (cdc_value){.kind = CDC_SET, .u = 4}, "4", "\"4\"");
    close_map();
}

/* --- definitions --- */

static void ddl(cdc_ddl kind_of, const char *database, const char *table, const char *sql,
                const char *want)
{
    cdc_event ev = {.op = CDC_OP_DDL,
                    .ddl = (uint8_t)kind_of,
                    .ddl_database = database,
                    .ddl_table = table,
                    .ddl_default = "",
                    .ddl_was = "",
                    .sql = sql,
                    .sql_len = (uint32_t)strlen(sql)};
    const cdc_event *events[] = {&ev};
    cdc_error_clear(&err);
    cdc_rc rc = sink_redis_rows_ddl(rows, events, 1, &err);
    assert_int_equal(rc == CDC_FATAL, want[0] != '\0');
    assert_true(rc == CDC_OK || strncmp(err.text, want, strlen(want)) == 0);
}

static void test_ddl(void **state)
{
    (void)state;
    open_map("{shop.users: {key: 'u{id}'}, shop.kept: {key: 'k{id}', truncate: keep}}");
    ddl(CDC_DDL_TRUNCATE, "shop", "users", "TRUNCATE users",
        "TRUNCATE of shop.users at the source");
    ddl(CDC_DDL_ERASE, "shop", "users", "DROP TABLE users", "ERASE of shop.users at the source");
    ddl(CDC_DDL_QUERY, "shop", "", "DROP DATABASE shop", "QUERY of shop.users at the source");
    ddl(CDC_DDL_CREATE, "shop", "users", "CREATE OR REPLACE TABLE users (id INT)",
        "CREATE of shop.users at the source");
    ddl(CDC_DDL_CREATE, "shop", "users", "CREATE TABLE users (id INT)", "");
    ddl(CDC_DDL_TRUNCATE, "shop", "kept", "TRUNCATE kept", "");
    ddl(CDC_DDL_TRUNCATE, "shop", "user", "TRUNCATE user", "");
    ddl(CDC_DDL_QUERY, "sho", "", "DROP DATABASE sho", "");
    ddl(CDC_DDL_ALTER, "shop", "users", "ALTER TABLE users ADD x INT", "");
    close_map();
}

int main(void)
{
    cdc_log_set_level(CDC_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_expiry_of_hash),
        cmocka_unit_test(test_no_column),
        cmocka_unit_test(test_many_versions),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_ddl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The MySQL source meets every kind of event that a real server writes; see source_kit.h. */
#include "source_kit.h"

#include <sys/stat.h>
#include <unistd.h>

static bool is_mariadb(void)
{
    return strstr(mysql_get_server_info(admin), "MariaDB") != NULL;
}

/* A statement of another session. */
static void sql_on(MYSQL *connection, const char *text)
{
    MYSQL *old = admin;
    admin = connection;
    sql(text);
    admin = old;
}

static MYSQL *another_session(void)
{
    MYSQL *connection = mysql_init(NULL);
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(connection, MYSQL_OPT_PROTOCOL, &tcp);
    char host[256];
    snprintf(host, sizeof(host), "%.*s", (int)(strrchr(server, ':') - server), server);
    assert_non_null(mysql_real_connect(connection, host, "root", "", DATABASE,
                                       (unsigned)strtoul(strrchr(server, ':') + 1, NULL, 10), NULL,
                                       0));
    return connection;
}

static void from_now(bed *bd)
{
    cdc_rc rc = bed_open(bd, ", start: now", "incremental", NULL);
    assert_string_equal(bd->err.text, "");
    assert_int_equal(rc, CDC_OK);
    await_caught_up(bd);
}

/* Closes the source and goes on behind its last token. */
static void restart(bed *bd)
{
    char *token = strdup(cdc_buffer_cstr(&bd->token));
    bed_close(bd);
    cdc_rc rc = bed_open(bd, ", start: now", "incremental", token);
    assert_string_equal(bd->err.text, "");
    assert_int_equal(rc, CDC_OK);
    cdc_buffer_add_str(&bd->token, token);
    free(token);
}

static void assert_stops(bed *bd, const char *code, const char *word)
{
    cdc_rc rc = CDC_AGAIN;
    for (int i = 0; i < POLLS_MAX && (rc == CDC_AGAIN || rc == CDC_OK); i++) {
        rc = bed_poll(bd);
    }
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(bd->err.code, code);
    if (strstr(bd->err.text, word) == NULL) {
        fail_msg("\"%s\" is not in: %s", word, bd->err.text);
    }
}

/* --- transactions --- */

static void compressed_transactions(void **state)
{
    (void)state;
    bed bd;
    if (is_mariadb()) {
        sql("SET GLOBAL log_bin_compress = ON, GLOBAL log_bin_compress_min_len = 10");
    } else {
        sql("SET SESSION binlog_transaction_compression = ON");
    }
    from_now(&bd);
    sql("INSERT INTO t VALUES (1, 'aaaaaaaaaaaaaaaaaaaa'), (2, 'bbbbbbbbbbbbbbbbbbbb')");
    sql("BEGIN");
    sql("UPDATE t SET v = 'cccccccccccccccccccc' WHERE id = 1");
    sql("SAVEPOINT s");
    sql("DELETE FROM t WHERE id = 2");
    sql("COMMIT");
    sql("ALTER TABLE t ADD c INT COMMENT 'a comment that is long enough'");
    assert_comes(&bd, "insert t 1 aaaaaaaaaaaaaaaaaaaa; insert t 2 bbbbbbbbbbbbbbbbbbbb; commit; "
                      "update t 1 aaaaaaaaaaaaaaaaaaaa 1 cccccccccccccccccccc; "
                      "delete t 2 bbbbbbbbbbbbbbbbbbbb; commit; ddl ALTER t; commit; ");
    restart(&bd);
    sql("INSERT INTO t VALUES (3, 'dddddddddddddddddddd', 4)");
    assert_comes(&bd, "insert t 3 dddddddddddddddddddd 4; commit; ");
    bed_close(&bd);
    if (is_mariadb()) {
        sql("SET GLOBAL log_bin_compress = OFF, GLOBAL log_bin_compress_min_len = 256");
    } else {
        sql("SET SESSION binlog_transaction_compression = OFF");
    }
}

/* More rows than a batch holds, many batches inside of one payload. */
static void a_large_compressed_transaction(void **state)
{
    (void)state;
    bed bd;
    if (is_mariadb()) {
        return; /* MariaDB compresses event by event */
    }
    from_now(&bd);
    sql("SET SESSION binlog_transaction_compression = ON");
    sql("INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        "30000) SELECT /*+ SET_VAR(cte_max_recursion_depth = 30000) */ i, 'some text' FROM n");
    sql("SET SESSION binlog_transaction_compression = OFF");
    sql("DELETE FROM t WHERE id = 7");
    uint32_t batches = 0;
    uint32_t rows = 0;
    while (strstr(cdc_buffer_cstr(&bd.log), "delete") == NULL) {
        cdc_buffer_reset(&bd.log);
        cdc_rc rc = bed_poll(&bd);
        assert_true(rc == CDC_OK || rc == CDC_AGAIN);
        for (uint32_t i = 0; i < bd.batch->nevents; i++) {
            const cdc_event *ev = &bd.batch->events[i];
            rows += ev->op == CDC_OP_INSERT ? 1 : 0;
            assert_true(ev->op != CDC_OP_INSERT || ev->after[0].i == rows);
        }
        batches++;
    }
    assert_int_equal(rows, 30000);
    assert_true(batches > 4);
    bed_close(&bd);
}

static void xa_counts_at_its_commit(void **state)
{
    (void)state;
    bed bd;
    from_now(&bd);
    sql("XA START 'one'");
    sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    sql("UPDATE t SET v = 'c' WHERE id = 2");
    sql("XA END 'one'");
    sql("XA PREPARE 'one'");
    MYSQL *other = another_session();
    sql_on(other, "INSERT INTO t VALUES (3, 'other')");
    assert_comes(&bd, "insert t 3 other; commit; ");
    sql("XA COMMIT 'one'");
    assert_comes(&bd, "insert t 1 a; insert t 2 b; update t 2 b 2 c; commit; ");
    sql("XA START 'back'");
    sql("DELETE FROM t");
    sql("XA END 'back'");
    sql("XA PREPARE 'back'");
    sql("XA ROLLBACK 'back'");
    sql("XA START 'x', 'branch', 7");
    sql("DELETE FROM t WHERE id = 1");
    sql("XA END 'x', 'branch', 7");
    sql("XA COMMIT 'x', 'branch', 7 ONE PHASE");
    assert_comes(&bd, "delete t 1 a; commit; ");
    /* two at a time, in the other order, over a restart */
    sql("XA START 'p'");
    sql("INSERT INTO t VALUES (10, 'p')");
    sql("XA END 'p'");
    sql("XA PREPARE 'p'");
    sql_on(other, "XA START 'q'");
    sql_on(other, "INSERT INTO t VALUES (11, 'q')");
    sql_on(other, "XA END 'q'");
    sql_on(other, "XA PREPARE 'q'");
    MYSQL *third = another_session();
    sql_on(third, "INSERT INTO t VALUES (12, 'third')");
    assert_comes(&bd, "insert t 12 third; commit; ");
    restart(&bd);
    sql_on(third, "FLUSH BINARY LOGS");
    sql_on(other, "XA COMMIT 'q'");
    sql("XA COMMIT 'p'");
    assert_comes(&bd, "insert t 11 q; commit; insert t 10 p; commit; ");
    mysql_close(other);
    mysql_close(third);
    bed_close(&bd);
}

/* The rows stand in the log before the place where the capture began. */
static void xa_that_was_prepared_before_the_start(void **state)
{
    (void)state;
    bed bd;
    sql("XA START 'early'");
    sql("INSERT INTO t VALUES (1, 'early')");
    sql("XA END 'early'");
    sql("XA PREPARE 'early'");
    MYSQL *other = another_session();
    sql_on(other, "FLUSH BINARY LOGS");
    sql_on(other, "INSERT INTO t VALUES (2, 'x')");
    sql_on(other, "FLUSH BINARY LOGS");
    from_now(&bd);
    sql_on(other, "INSERT INTO t VALUES (3, 'x')");
    sql("XA COMMIT 'early'");
    sql("DELETE FROM t WHERE id = 1");
    assert_comes(&bd, "insert t 3 x; commit; insert t 1 early; commit; delete t 1 early; commit; ");
    mysql_close(other);
    bed_close(&bd);
}

static bool is_first_log(MYSQL *connection, const char *file)
{
    assert_int_equal(mysql_query(connection, "SHOW BINARY LOGS"), 0);
    MYSQL_RES *res = mysql_store_result(connection);
    bool is = strcmp(mysql_fetch_row(res)[0], file) == 0;
    mysql_free_result(res);
    return is;
}

static void xa_of_a_purged_log(void **state)
{
    (void)state;
    bed bd;
    from_now(&bd);
    sql("XA START 'gone'");
    sql("INSERT INTO t VALUES (1, 'x')");
    sql("XA END 'gone'");
    sql("XA PREPARE 'gone'");
    MYSQL *other = another_session();
    sql_on(other, "INSERT INTO t VALUES (2, 'x')");
    assert_comes(&bd, "insert t 2 x; commit; ");
    sql_on(other, "FLUSH BINARY LOGS");
    sql_on(other, "INSERT INTO t VALUES (3, 'x')");
    sql_on(other, "FLUSH BINARY LOGS");
    assert_comes(&bd, "insert t 3 x; commit; ");
    char *log = strdup(cdc_buffer_cstr(&bd.token));
    char text[600];
    char *file = strstr(log, "file=") + 5;
    *strchr(file, ';') = '\0';
    bed_close(&bd);
    snprintf(text, sizeof(text), "PURGE BINARY LOGS TO '%s'", file);
    for (int i = 0; i < POLLS_MAX && !is_first_log(other, file); i++) {
        usleep(100000); /* a log that is in use is not purged, and is so until the dump has ended */
        sql_on(other, text);
    }
    *strchr(log, '\0') = ';';
    cdc_rc rc = bed_open(&bd, ", start: now", "incremental", log);
    assert_string_equal(bd.err.text, "");
    assert_int_equal(rc, CDC_OK);
    sql("XA COMMIT 'gone'");
    assert_stops(&bd, "mysql_purged", "start the task again with a full copy");
    mysql_close(other);
    bed_close(&bd);
    free(log);
}

/* What the server undid may stand in its log (MariaDB, when a temporary table is created). */
static void undone_rows_do_not_count(void **state)
{
    (void)state;
    bed bd;
    from_now(&bd);
    sql("BEGIN");
    sql("CREATE TEMPORARY TABLE tmp (a INT)");
    sql("INSERT INTO t VALUES (1, 'stays')");
    sql("SAVEPOINT `a b`");
    sql("INSERT INTO t VALUES (2, 'goes')");
    sql("SAVEPOINT s");
    sql("INSERT INTO t VALUES (3, 'goes')");
    sql("ROLLBACK TO s");
    sql("INSERT INTO t VALUES (4, 'goes')");
    sql("ROLLBACK TO `a b`");
    sql("INSERT INTO t VALUES (5, 'stays')");
    sql("COMMIT");
    sql("BEGIN");
    sql("CREATE TEMPORARY TABLE tmp2 (a INT)");
    sql("INSERT INTO t VALUES (6, 'goes')");
    sql("ROLLBACK");
    sql("BEGIN");
    sql("DROP TEMPORARY TABLE tmp2");
    sql("SAVEPOINT s");
    sql("INSERT INTO t VALUES (7, 'goes')");
    sql("ROLLBACK TO s");
    sql("COMMIT");
    sql("DELETE FROM t WHERE id = 1");
    assert_comes(&bd, "insert t 1 stays; insert t 5 stays; commit; delete t 1 stays; commit; ");
    bed_close(&bd);
}

static void insert_20000(int behind)
{
    char text[400];
    if (is_mariadb()) {
        snprintf(text, sizeof(text),
                 "INSERT INTO t SELECT seq + %d, 'some text' FROM seq_1_to_20000", behind);
    } else {
        snprintf(text, sizeof(text),
                 "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                 "WHERE i < 20000) SELECT /*+ SET_VAR(cte_max_recursion_depth = 20000) */ i + %d, "
                 "'some text' FROM n",
                 behind);
    }
    sql(text);
}

/* The same, in a transaction that does not fit into a batch. */
static void undone_rows_of_a_large_transaction(void **state)
{
    (void)state;
    bed bd;
    from_now(&bd);
    sql("BEGIN");
    sql("CREATE TEMPORARY TABLE huge (a INT)");
    insert_20000(0);
    sql("SAVEPOINT s");
    insert_20000(100000);
    sql("ROLLBACK TO s");
    insert_20000(20000);
    sql("COMMIT");
    sql("DROP TEMPORARY TABLE huge");
    sql("BEGIN");
    sql("CREATE TEMPORARY TABLE huge (a INT)");
    insert_20000(200000);
    sql("ROLLBACK");
    sql("DELETE FROM t WHERE id = 7");
    int64_t rows = 0;
    int commits = 0;
    bool deleted = false;
    while (!deleted) {
        cdc_buffer_reset(&bd.log);
        cdc_rc rc = bed_poll(&bd);
        assert_true(rc == CDC_OK || rc == CDC_AGAIN);
        for (uint32_t i = 0; i < bd.batch->nevents; i++) {
            const cdc_event *ev = &bd.batch->events[i];
            rows += ev->op == CDC_OP_INSERT ? 1 : 0;
            commits += ev->op == CDC_OP_COMMIT && rows > 0 && !deleted ? 1 : 0;
            deleted = deleted || ev->op == CDC_OP_DELETE;
            assert_true(ev->op != CDC_OP_INSERT || ev->after[0].i == rows);
        }
    }
    assert_int_equal(rows, 40000);
    assert_int_equal(commits, 1);
    bed_close(&bd);
}

static void create_select_and_load_data(void **state)
{
    (void)state;
    bed bd;
    char path[] = "/tmp/sluice-load-XXXXXX";
    char text[200];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "4\td\n5\te\n", 8), 8);
    assert_int_equal(fchmod(fd, 0644), 0);
    close(fd);
    from_now(&bd);
    sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    sql("CREATE TABLE c AS SELECT * FROM t");
    snprintf(text, sizeof(text), "LOAD DATA INFILE '%s' INTO TABLE t", path);
    sql(text);
    sql("REPLACE INTO t VALUES (4, 'z')");
    sql("TRUNCATE TABLE c");
    assert_comes(&bd, "insert t 1 a; insert t 2 b; commit; "
                      "ddl CREATE c; insert c 1 a; insert c 2 b; commit; "
                      "insert t 4 d; insert t 5 e; commit; update t 4 d 4 z; commit; "
                      "ddl TRUNCATE c; commit; ");
    remove(path);
    bed_close(&bd);
}

static void gtids_of_other_kinds(void **state)
{
    (void)state;
    bed bd;
    from_now(&bd);
    sql(is_mariadb() ? "SET gtid_domain_id = 3" : "SET gtid_next = 'AUTOMATIC:blue'");
    sql("INSERT INTO t VALUES (1, 'a')");
    sql(is_mariadb() ? "SET gtid_domain_id = 9" : "SET gtid_next = 'AUTOMATIC:red'");
    sql("INSERT INTO t VALUES (2, 'b')");
    assert_comes(&bd, "insert t 1 a; commit; insert t 2 b; commit; ");
    restart(&bd);
    sql(is_mariadb() ? "SET gtid_domain_id = 3" : "SET gtid_next = 'AUTOMATIC:blue'");
    sql("INSERT INTO t VALUES (3, 'c')");
    sql(is_mariadb() ? "SET gtid_domain_id = 0" : "SET gtid_next = 'AUTOMATIC'");
    sql("INSERT INTO t VALUES (4, 'd')");
    assert_comes(&bd, "insert t 3 c; commit; insert t 4 d; commit; ");
    assert_non_null(strstr(cdc_buffer_cstr(&bd.token), is_mariadb() ? ",9-" : ":blue:1-2:red:1"));
    bed_close(&bd);
}

/* --- values --- */

/* The text of row 1 as the server prints it, as an event of ours. */
static void expect_row(cdc_buffer *want, const char *before)
{
    assert_int_equal(mysql_query(admin, "SELECT CONCAT('j 1 ', a, ' ', b) FROM j"), 0);
    MYSQL_RES *res = mysql_store_result(admin);
    cdc_buffer_addf(want, "update %s %s; commit; ", before, mysql_fetch_row(res)[0] + 2);
    mysql_free_result(res);
}

static void partial_json_updates(void **state)
{
    (void)state;
    if (is_mariadb()) {
        return; /* MariaDB has no binary JSON */
    }
    static const char *const updates[] = {
        "a = JSON_SET(a, '$.a', 17)",
        "a = JSON_SET(a, '$.arr[0]', 'zz', '$.arr[last]', 8, '$.arr[10]', 9)",
        "a = JSON_SET(a, '$.\"x y\".z', 3.5, '$.\"x y\".\"n\\\\\"k\"', CAST('{\"b\":1}' AS JSON))",
        "a = JSON_REMOVE(a, '$.arr[1]', '$.a'), b = JSON_SET(b, '$[1]', 5)",
        "b = JSON_SET(b, '$[2][1][0]', CAST('2024-02-29' AS DATE), '$[last-1]', NULL)",
        "a = JSON_SET(a, '$.ab', 1, '$.aa', 2, '$.b', 3, '$.\"\\\\u0001\"', 1.20)",
        "a = JSON_REPLACE(a, '$.arr[0][0]', '\xc3\xa4\xf0\x9f\x98\x80'), b = JSON_REMOVE(b, "
        "'$[0]')",
        "a = JSON_SET(a, '$.\xc3\xa4', TRUE, '$.d', CAST('-12:13:14.5' AS TIME(3)))",
    };
    bed bd;
    sql("CREATE TABLE j (id INT PRIMARY KEY, a JSON, b JSON)");
    sql("INSERT INTO j VALUES (1, '{\"a\": 1, \"long\": "
        "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\", "
        "\"arr\": [1, 2, 3, {\"q\": 5}], \"x y\": {\"z\": 1}, \"\\\\u0001\": 1}', "
        "'[1, 2, [3, [4, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]]]')");
    from_now(&bd);
    bd.json = true;
    sql("SET SESSION binlog_row_value_options = PARTIAL_JSON");
    cdc_buffer want, before;
    cdc_buffer_init(&want, 1 << 20);
    cdc_buffer_init(&before, 1 << 16);
    for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
        assert_int_equal(mysql_query(admin, "SELECT CONCAT('j 1 ', a, ' ', b) FROM j"), 0);
        MYSQL_RES *res = mysql_store_result(admin);
        cdc_buffer_reset(&before);
        cdc_buffer_add_str(&before, mysql_fetch_row(res)[0]);
        mysql_free_result(res);
        char text[300];
        snprintf(text, sizeof(text), "UPDATE j SET %s WHERE id = 1", updates[i]);
        sql(text);
        expect_row(&want, cdc_buffer_cstr(&before));
    }
    assert_comes(&bd, cdc_buffer_cstr(&want));
    sql("SET SESSION binlog_row_value_options = ''");
    cdc_buffer_fini(&want);
    cdc_buffer_fini(&before);
    bed_close(&bd);
}

/* --- definitions --- */

/* "position:FILE:POS" of the log's end, as source.start. */
static void here(char out[300])
{
    assert_int_equal(
        mysql_query(admin, is_mariadb() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS"), 0);
    MYSQL_RES *res = mysql_store_result(admin);
    MYSQL_ROW row = mysql_fetch_row(res);
    snprintf(out, 300, ", start: \"position:%s:%s\"", row[0], row[1]);
    mysql_free_result(res);
}

static void a_start_before_many_alters(void **state)
{
    (void)state;
    bed bd;
    char start[300];
    here(start);
    sql("DELETE FROM t");
    sql("INSERT INTO t VALUES (1, 'a')");
    sql("ALTER TABLE t CHANGE v w VARCHAR(20)"); /* nothing but the name */
    sql("INSERT INTO t VALUES (2, 'b')");
    sql("ALTER TABLE t ADD n BIGINT UNSIGNED FIRST, CHANGE id k INT");
    sql("INSERT INTO t VALUES (7, 3, 'c')");
    sql("FLUSH BINARY LOGS");
    sql("DELETE FROM t WHERE k < 3");
    sql("ALTER TABLE t DROP k, CHANGE n id INT PRIMARY KEY");
    sql("UPDATE t SET w = 'd' WHERE id = 7");
    sql("ALTER TABLE t RENAME u");
    sql("INSERT INTO u VALUES (9, 'e')");
    sql("DROP TABLE u");
    assert_int_equal(bed_open(&bd, start, "incremental", NULL), CDC_OK);
    bd.names = true;
    assert_comes(&bd, "insert t id = 1 v = a; commit; ddl ALTER t; commit; "
                      "insert t id = 2 w = b; commit; ddl ALTER t; commit; "
                      "insert t n = uint k = 3 w = c; commit; "
                      "delete t n = null k = 1 w = a; delete t n = null k = 2 w = b; commit; "
                      "ddl ALTER t; commit; update t id = 7 w = c id = 7 w = d; commit; "
                      "ddl RENAME u; commit; insert u id = 9 w = e; commit; ddl ERASE u; commit; ");
    bed_close(&bd);
}

static void set_metadata(const char *value)
{
    char text[100];
    snprintf(text, sizeof(text), "SET GLOBAL binlog_row_metadata = '%s'", value);
    sql(text);
}

static void definitions_without_names(void **state)
{
    (void)state;
    bed bd;
    char start[300];
    set_metadata("MINIMAL");
    sql("CREATE TABLE c (id INT UNSIGNED PRIMARY KEY, e ENUM('x', 'y'), s SET('p', 'q'), d "
        "DECIMAL(9, 3), l VARCHAR(9) CHARACTER SET latin1, b BINARY(3), ts TIMESTAMP(2) NULL, n "
        "BIT(5), y YEAR, f FLOAT, bb BLOB, txt MEDIUMTEXT)");
    from_now(&bd);
    bd.names = true;
    sql("INSERT INTO t VALUES (1, 'a')");
    assert_comes(&bd, "insert t id = 1 v = a; commit; ");
    sql("ALTER TABLE t CHANGE v w VARCHAR(20)");
    sql("INSERT INTO t VALUES (2, 'b')");
    sql("INSERT INTO c (id, e, l) VALUES (1, 'y', '\xc3\xa4')");
    assert_comes(
        &bd, "ddl ALTER t; commit; insert t id = 2 w = b; commit; insert c id = uint e "
             "= enum s = null d = null l = \xc3\xa4 b = null ts = null n = null y = null f = null "
             "bb = null txt = null; commit; ");
    bed_close(&bd);
    /* in the past, with nothing in between that could have changed the table */
    here(start);
    sql("INSERT INTO t VALUES (3, 'c')");
    sql("ALTER TABLE c ADD z INT");
    sql("FLUSH BINARY LOGS");
    sql("TRUNCATE TABLE t");
    sql("INSERT INTO t VALUES (4, 'd')");
    assert_int_equal(bed_open(&bd, start, "incremental", NULL), CDC_OK);
    bd.names = true;
    assert_comes(&bd, "insert t id = 3 w = c; commit; ddl ALTER c; commit; "
                      "ddl TRUNCATE t; commit; insert t id = 4 w = d; commit; ");
    bed_close(&bd);
    set_metadata("FULL");
}

static void definitions_that_may_have_changed(void **state)
{
    (void)state;
    static const char *const changes[][3] = {
        {"ALTER TABLE t CHANGE v w VARCHAR(20)", "mysql_row_metadata", "it was altered since, at "},
        {"RENAME TABLE t TO old, u TO t", "mysql_row_metadata", "it was altered since, at "},
        {"ALTER TABLE t MODIFY v VARCHAR(21)", "mysql_table_changed", "table " DATABASE ".t"},
        {"ALTER TABLE t MODIFY id INT UNSIGNED", "mysql_table_changed", "table " DATABASE ".t"},
        {"ALTER TABLE t MODIFY v VARCHAR(20) CHARACTER SET gbk", "mysql_table_changed", "table "},
        {"DROP TABLE t", "mysql_row_metadata", "does not exist any more"},
    };
    set_metadata("MINIMAL");
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        bed bd;
        char start[300];
        sql("DROP TABLE IF EXISTS t, u, old");
        sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
        sql("CREATE TABLE u (id INT PRIMARY KEY, x VARCHAR(20))");
        here(start);
        sql("INSERT INTO t VALUES (1, 'a')");
        sql(changes[i][0]);
        assert_int_equal(bed_open(&bd, start, "incremental", NULL), CDC_OK);
        assert_stops(&bd, changes[i][1], changes[i][2]);
        assert_int_equal(bd.log.len, 0);
        bed_close(&bd);
    }
    set_metadata("FULL");
}

/* --- what stops --- */

static void row_images_that_lack_columns(void **state)
{
    (void)state;
    static const char *const images[] = {"MINIMAL", "NOBLOB"};
    for (size_t i = 0; i < 2; i++) {
        bed bd;
        sql("CREATE OR REPLACE VIEW ignored AS SELECT 1");
        sql("CREATE TABLE b (id INT PRIMARY KEY, v INT, x TEXT)");
        sql("INSERT INTO b VALUES (1, 1, 'x')");
        from_now(&bd);
        char text[100];
        snprintf(text, sizeof(text), "SET SESSION binlog_row_image = '%s'", images[i]);
        sql(text);
        sql("UPDATE b SET v = 2");
        sql("SET SESSION binlog_row_image = 'FULL'");
        assert_stops(&bd, "mysql_row_image", "SET GLOBAL binlog_row_image=FULL");
        assert_non_null(strstr(bd.err.text, "table " DATABASE ".b"));
        bed_close(&bd);
        sql("DROP TABLE b");
    }
}

static void reset_once(void)
{
    bed bd;
    from_now(&bd);
    sql("INSERT INTO t VALUES (1, 'a')");
    sql("INSERT INTO t VALUES (2, 'a')");
    assert_comes(&bd, "insert t 1 a; commit; insert t 2 a; commit; ");
    sql(is_mariadb() ? "RESET MASTER" : "RESET BINARY LOGS AND GTIDS");
    sql("INSERT INTO t VALUES (3, 'a')");
    cdc_rc rc = CDC_AGAIN;
    for (int i = 0; i < POLLS_MAX && (rc == CDC_AGAIN || rc == CDC_OK); i++) {
        rc = bed_poll(&bd);
    }
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(bd.err.code, "mysql_log_reset");
    assert_int_equal(bd.log.len, 0);
    char *token = strdup(cdc_buffer_cstr(&bd.token));
    bed_close(&bd);
    rc = bed_open(&bd, ", start: now", "incremental", token);
    for (int i = 0; i < POLLS_MAX && (rc == CDC_AGAIN || rc == CDC_OK); i++) {
        rc = bed_poll(&bd);
    }
    assert_int_equal(rc, CDC_FATAL);
    assert_true(strcmp(bd.err.code, "mysql_log_reset") == 0 ||
                strcmp(bd.err.code, "mysql_gtid_diverged") == 0);
    assert_int_equal(bd.log.len, 0);
    bed_close(&bd);
    free(token);
}

static void a_reset_of_the_log(void **state)
{
    (void)state;
    reset_once();
    sql("DROP TABLE t"); /* the second time the log that is read and the new one have one name */
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
    reset_once();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(compressed_transactions, each),
        cmocka_unit_test_setup(a_large_compressed_transaction, each),
        cmocka_unit_test_setup(xa_counts_at_its_commit, each),
        cmocka_unit_test_setup(xa_that_was_prepared_before_the_start, each),
        cmocka_unit_test_setup(xa_of_a_purged_log, each),
        cmocka_unit_test_setup(undone_rows_do_not_count, each),
        cmocka_unit_test_setup(undone_rows_of_a_large_transaction, each),
        cmocka_unit_test_setup(create_select_and_load_data, each),
        cmocka_unit_test_setup(gtids_of_other_kinds, each),
        cmocka_unit_test_setup(partial_json_updates, each),
        cmocka_unit_test_setup(a_start_before_many_alters, each),
        cmocka_unit_test_setup(definitions_without_names, each),
        cmocka_unit_test_setup(definitions_that_may_have_changed, each),
        cmocka_unit_test_setup(row_images_that_lack_columns, each),
        cmocka_unit_test_setup(a_reset_of_the_log, each),
    };
    return RUN_ON_SERVER(tests);
}

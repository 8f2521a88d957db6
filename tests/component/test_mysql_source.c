/* The MySQL source on a real server: stream and full copy; see source_kit.h. */
#include "source_kit.h"

static void streams_from_now(void **state)
{
    (void)state;
    bed bd;
    sql("INSERT INTO t VALUES (1, 'before')");
    assert_int_equal(bed_open(&bd, ", start: now", "incremental", NULL), CDC_OK);
    await_caught_up(&bd);
    assert_int_equal(bd.log.len, 0);
    sql("INSERT INTO t VALUES (2, 'a'), (3, NULL)");
    sql("BEGIN");
    sql("UPDATE t SET v = 'b' WHERE id = 2");
    sql("SAVEPOINT s");
    sql("DELETE FROM t WHERE id = 3");
    sql("COMMIT");
    sql("BEGIN");
    sql("DELETE FROM t");
    sql("ROLLBACK");
    sql("ALTER TABLE t ADD c INT");
    sql("INSERT INTO t VALUES (4, 'd', 7)");
    assert_comes(&bd, "insert t 2 a; insert t 3 null; commit; "
                      "update t 2 a 2 b; delete t 3 null; commit; "
                      "ddl ALTER t; commit; insert t 4 d 7; commit; ");
    bed_close(&bd);
}

static void goes_on_behind_a_token(void **state)
{
    (void)state;
    bed bd;
    assert_int_equal(bed_open(&bd, ", start: now", "incremental", NULL), CDC_OK);
    await_caught_up(&bd);
    sql("INSERT INTO t VALUES (1, 'a')");
    assert_comes(&bd, "insert t 1 a; commit; ");
    char *token = strdup(cdc_buffer_cstr(&bd.token));
    bed_close(&bd);
    sql("FLUSH BINARY LOGS");
    sql("INSERT INTO t VALUES (2, 'b')");
    assert_int_equal(bed_open(&bd, ", start: now", "incremental", token), CDC_OK);
    assert_comes(&bd, "insert t 2 b; commit; ");
    bed_close(&bd);
    /* without its GTIDs the same token counts by file and position */
    char *gtid = strstr(token, ";gtid=");
    assert_non_null(gtid);
    *gtid = '\0';
    assert_int_equal(bed_open(&bd, ", start: now", "incremental", token), CDC_OK);
    assert_comes(&bd, "insert t 2 b; commit; ");
    bed_close(&bd);
    free(token);
}

static void copies_and_goes_on(void **state)
{
    (void)state;
    bed bd;
    sql("CREATE TABLE nokey (x INT)");
    sql("INSERT INTO nokey VALUES (7), (7)");
    sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    assert_int_equal(bed_open(&bd, "", "schema, full, incremental", NULL), CDC_OK);
    assert_comes(&bd, "~ddl QUERY ; ~ddl CREATE nokey; ~ddl CREATE t; ~commit; "
                      "~insert nokey 7; ~insert nokey 7; ~commit; "
                      "~insert t 1 a; ~insert t 2 b; ~commit; ~insert t 3 c; ~commit; ");
    await_caught_up(&bd);
    assert_true(bd.full_done);
    sql("DELETE FROM t WHERE id = 2");
    assert_comes(&bd, "delete t 2 b; commit; ");
    bed_close(&bd);
}

static void resumes_a_copy_behind_its_key(void **state)
{
    (void)state;
    bed bd;
    sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    assert_int_equal(bed_open(&bd, ", start: now", "incremental", NULL), CDC_OK);
    await_caught_up(&bd);
    cdc_buffer_add_str(&bd.token, ";stage=rows;db=" DATABASE ";table=t;key=1;chunk=1");
    char *token = strdup(cdc_buffer_cstr(&bd.token));
    bed_close(&bd);
    sql("INSERT INTO t VALUES (1, 'copied') ON DUPLICATE KEY UPDATE v = 'copied'");
    assert_int_equal(bed_open(&bd, "", "full, incremental", token), CDC_OK);
    assert_comes(&bd, "~update t 1 a 1 copied; commit; ~insert t 2 b; ~insert t 3 c; ~commit; ");
    await_caught_up(&bd);
    assert_true(bd.full_done);
    sql("DELETE FROM t WHERE id = 3");
    assert_comes(&bd, "delete t 3 c; commit; ");
    bed_close(&bd);
    free(token);
}

static void ends_with_the_copy(void **state)
{
    (void)state;
    bed bd;
    sql("INSERT INTO t VALUES (1, 'a')");
    assert_int_equal(bed_open(&bd, "", "full", NULL), CDC_OK);
    assert_comes(&bd, "~insert t 1 a; ~commit; ");
    cdc_rc rc = CDC_OK;
    for (int i = 0; i < POLLS_MAX && rc == CDC_OK; i++) {
        rc = bed_poll(&bd);
    }
    assert_int_equal(rc, CDC_EOF);
    assert_true(bd.full_done);
    bed_close(&bd);
}

static void refuses_what_it_cannot_start_at(void **state)
{
    (void)state;
    static const char *const starts[][2] = {
        {", start: \"position:none.000001:4\"", "mysql_purged"},
        {", start: \"position:none:x\"", "mysql_position"},
        {", start: \"gtid:what\"", "mysql_gtid_set"},
    };
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        bed bd;
        assert_int_equal(bed_open(&bd, starts[i][0], "incremental", NULL), CDC_FATAL);
        assert_string_equal(bd.err.code, starts[i][1]);
        assert_int_equal(bd.err.exit, CDC_EXIT_REFUSED);
        bed_close(&bd);
    }
    bed bd;
    assert_int_equal(bed_open(&bd, ", start: now", "incremental", "v9;x=1"), CDC_FATAL);
    assert_string_equal(bd.err.code, "mysql_token");
    bed_close(&bd);
}

static void stops_at_statement_format(void **state)
{
    (void)state;
    bed bd;
    assert_int_equal(bed_open(&bd, ", start: now", "incremental", NULL), CDC_OK);
    await_caught_up(&bd);
    sql("SET SESSION binlog_format = 'STATEMENT'");
    sql("INSERT INTO t VALUES (1, 'a')");
    sql("SET SESSION binlog_format = 'ROW'");
    cdc_rc rc = CDC_AGAIN;
    for (int i = 0; i < POLLS_MAX && (rc == CDC_AGAIN || rc == CDC_OK); i++) {
        rc = bed_poll(&bd);
    }
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(bd.err.code, "mysql_statement_format");
    bed_close(&bd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(streams_from_now, each),
        cmocka_unit_test_setup(goes_on_behind_a_token, each),
        cmocka_unit_test_setup(copies_and_goes_on, each),
        cmocka_unit_test_setup(resumes_a_copy_behind_its_key, each),
        cmocka_unit_test_setup(ends_with_the_copy, each),
        cmocka_unit_test_setup(refuses_what_it_cannot_start_at, each),
        cmocka_unit_test_setup(stops_at_statement_format, each),
    };
    return RUN_ON_SERVER(tests);
}

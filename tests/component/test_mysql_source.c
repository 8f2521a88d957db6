/* The MySQL source on a real server: SLUICE_TEST_MYSQL_SOURCE=host:port, account sluice/sluice, and
 * root without a password to write. Without the variable every test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mysql.h>

#include "core/log.h"
#include "core/plugin.h"
#include "producers/mysql/options.h"
#include "producers/mysql/source.h"

#define DATABASE "sluice_source_test"
#define POLLS_MAX 200 /* of 100 ms */

static const char *server;
static MYSQL *admin;

static void sql(const char *text)
{
    if (mysql_query(admin, text) != 0) {
        fail_msg("%s: %s", text, mysql_error(admin));
    }
    mysql_free_result(mysql_store_result(admin));
}

/* A source that is open and started, and the text of all events that came. */
typedef struct bed {
    cdc_task task;
    cdc_selection *selection;
    cdc_metrics *metrics;
    cdc_env env;
    void *src;
    cdc_batch *batch;
    cdc_buffer log;   /* "insert t 1 a; commit; " */
    cdc_buffer token; /* the last one */
    bool caught_up, full_done;
    cdc_error err;
} bed;

static const cdc_option *const option_tables[] = {cdc_task_options, src_mysql_options, NULL};

static cdc_rc bed_open(bed *bd, const char *source, const char *phases, const char *token)
{
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "name: source-test\n"
                     "source: {type: mysql, hosts: [\"%s\"], user: sluice, password: sluice%s}\n"
                     "objects: {include: [\"" DATABASE ".*\"]}\n"
                     "full: {chunk_rows: 2}\n"
                     "phases: [%s]\n"
                     "kafka: {bootstrap.servers: \"127.0.0.1:1\"}\n",
                     server, source, phases);
    char path[] = "/tmp/sluice-source-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_int_equal(fwrite(text, 1, (size_t)n, file), n);
    fclose(file);
    memset(bd, 0, sizeof(*bd));
    cdc_buffer_init(&bd->log, 1 << 20);
    cdc_buffer_init(&bd->token, 1 << 20);
    assert_int_equal(cdc_task_load(&bd->task, path, option_tables, &bd->err), CDC_OK);
    remove(path);
    assert_int_equal(cdc_selection_new(&bd->selection, bd->task.cfg, &bd->err), CDC_OK);
    bd->metrics = cdc_metrics_new("test", "source-test");
    bd->env = (cdc_env){.task = &bd->task, .selection = bd->selection, .metrics = bd->metrics};
    bd->batch = cdc_batch_new((size_t)64 << 20);
    cdc_rc rc = src_mysql.open(&bd->src, &bd->env, &bd->err);
    if (rc == CDC_OK) {
        rc = src_mysql.start(bd->src, token, token != NULL ? strlen(token) : 0, &bd->err);
    }
    return rc;
}

static void bed_close(bed *bd)
{
    src_mysql.close(bd->src);
    cdc_batch_free(bd->batch);
    cdc_selection_free(bd->selection);
    cdc_metrics_free(bd->metrics);
    cdc_task_fini(&bd->task);
    cdc_buffer_fini(&bd->log);
    cdc_buffer_fini(&bd->token);
}

static void note_value(cdc_buffer *out, const cdc_value *val)
{
    cdc_buffer_add_char(out, ' ');
    if (val->kind == CDC_INT) {
        cdc_buffer_add_i64(out, val->i);
    } else if (val->kind == CDC_TEXT) {
        cdc_buffer_add(out, val->p, val->len);
    } else {
        cdc_buffer_add_str(out, cdc_kind_name((cdc_kind)val->kind));
    }
}

static void note_row(cdc_buffer *out, const cdc_event *ev, const cdc_value *row)
{
    for (uint32_t i = 0; row != NULL && i < ev->table->ncols; i++) {
        note_value(out, &row[i]);
    }
}

static void note_event(bed *bd, const cdc_event *ev)
{
    cdc_buffer *out = &bd->log;
    assert_true(ev->txn[0] != '\0');
    assert_true(ev->pos_file[0] != '\0');
    assert_true(ev->source_ms > 0 && ev->capture_ms > 0 && ev->server_id != 0);
    cdc_buffer_add_str(out, ev->phase == CDC_PHASE_SNAPSHOT ? "~" : "");
    cdc_buffer_add_str(out, cdc_op_name((cdc_op)ev->op));
    if (ev->op == CDC_OP_DDL) {
        cdc_buffer_addf(out, " %s %s", cdc_ddl_name((cdc_ddl)ev->ddl), ev->ddl_table);
    }
    if (ev->table != NULL) {
        cdc_buffer_addf(out, " %s", ev->table->name);
        note_row(out, ev, ev->before);
        note_row(out, ev, ev->after);
    }
    cdc_buffer_add_str(out, "; ");
}

static cdc_rc bed_poll(bed *bd)
{
    cdc_batch_reset(bd->batch);
    cdc_rc rc = src_mysql.poll(bd->src, bd->batch, 100, &bd->err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (uint32_t i = 0; i < bd->batch->nevents; i++) {
        note_event(bd, &bd->batch->events[i]);
    }
    if (bd->batch->token_len > 0) {
        cdc_buffer_reset(&bd->token);
        cdc_buffer_add(&bd->token, bd->batch->token, bd->batch->token_len);
    }
    bd->caught_up = bd->caught_up || bd->batch->caught_up;
    bd->full_done = bd->full_done || bd->batch->full_done;
    return rc;
}

/* Polls until the events are at least as long as `want`, and compares. */
static void assert_comes(bed *bd, const char *want)
{
    for (int i = 0; i < POLLS_MAX && bd->log.len < strlen(want); i++) {
        cdc_rc rc = bed_poll(bd);
        if (rc != CDC_OK && rc != CDC_AGAIN) {
            fail_msg("%s: %s", cdc_rc_name(rc), bd->err.text);
        }
    }
    assert_string_equal(cdc_buffer_cstr(&bd->log), want);
    cdc_buffer_reset(&bd->log);
}

static void await_caught_up(bed *bd)
{
    for (int i = 0; i < POLLS_MAX && !bd->caught_up; i++) {
        cdc_rc rc = bed_poll(bd);
        assert_true(rc == CDC_OK || rc == CDC_AGAIN);
    }
    assert_true(bd->caught_up);
}

static int each(void **state)
{
    (void)state;
    sql("DROP DATABASE IF EXISTS " DATABASE);
    sql("CREATE DATABASE " DATABASE);
    sql("USE " DATABASE);
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
    return 0;
}

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
    sql("INSERT INTO t VALUES (9, 'z')"); /* in the new snapshot, and in the stream */
    assert_int_equal(bed_open(&bd, "", "full, incremental", token), CDC_OK);
    assert_comes(&bd, "~insert t 2 b; ~insert t 3 c; ~commit; ~insert t 9 z; ~commit; "
                      "~insert t 9 z; ~commit; ");
    sql("DELETE FROM t WHERE id = 9");
    assert_comes(&bd, "delete t 9 z; commit; ");
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

static int connect_admin(void **state)
{
    (void)state;
    cdc_log_set_level(CDC_LOG_ERROR);
    server = getenv("SLUICE_TEST_MYSQL_SOURCE");
    char host[256];
    snprintf(host, sizeof(host), "%s", server);
    char *colon = strrchr(host, ':');
    assert_non_null(colon);
    *colon = '\0';
    admin = mysql_init(NULL);
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(admin, MYSQL_OPT_PROTOCOL, &tcp);
    if (mysql_real_connect(admin, host, "root", "", NULL, (unsigned)strtoul(colon + 1, NULL, 10),
                           NULL, 0) == NULL) {
        print_error("%s: %s\n", server, mysql_error(admin));
        return -1;
    }
    return 0;
}

static int disconnect_admin(void **state)
{
    (void)state;
    sql("DROP DATABASE IF EXISTS " DATABASE);
    mysql_close(admin);
    return 0;
}

static void not_asked_for(void **state)
{
    (void)state;
    print_message("SLUICE_TEST_MYSQL_SOURCE is not set\n");
    skip();
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
    const struct CMUnitTest skipped[] = {cmocka_unit_test(not_asked_for)};
    return getenv("SLUICE_TEST_MYSQL_SOURCE") != NULL
               ? cmocka_run_group_tests(tests, connect_admin, disconnect_admin)
               : cmocka_run_group_tests(skipped, NULL, NULL);
}

/* For component tests of the MySQL source on a real server: SLUICE_TEST_MYSQL_SOURCE=host:port,
 * account sluice/sluice, and root without a password to write. Without the variable every test is
 * skipped. Each test has an empty database with table t. */
#ifndef SOURCE_KIT_H
#define SOURCE_KIT_H

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
    bool json;  /* note JSON texts too */
    bool names; /* note column names too */
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

static void note_value(cdc_buffer *out, const cdc_value *val, bool json)
{
    cdc_buffer_add_char(out, ' ');
    if (val->kind == CDC_INT) {
        cdc_buffer_add_i64(out, val->i);
    } else if (val->kind == CDC_TEXT || (json && val->kind == CDC_JSON)) {
        cdc_buffer_add(out, val->p, val->len);
    } else {
        cdc_buffer_add_str(out, cdc_kind_name((cdc_kind)val->kind));
    }
}

static void note_row(bed *bd, const cdc_event *ev, const cdc_value *row)
{
    for (uint32_t i = 0; row != NULL && i < ev->table->ncols; i++) {
        if (bd->names) {
            cdc_buffer_addf(&bd->log, " %s =", ev->table->cols[i].name);
        }
        note_value(&bd->log, &row[i], bd->json);
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
        note_row(bd, ev, ev->before);
        note_row(bd, ev, ev->after);
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

static int each(void **state)
{
    (void)state;
    mysql_close(admin); /* settings and what a failed test left open end with the session */
    if (connect_admin(state) != 0) {
        return -1;
    }
    sql("SET GLOBAL binlog_row_metadata = 'FULL'"); /* whatever a failed test left */
    sql("DROP DATABASE IF EXISTS " DATABASE);
    sql("CREATE DATABASE " DATABASE);
    sql("USE " DATABASE);
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
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

/* Runs the tests if there is a server. */
#define RUN_ON_SERVER(tests)                                                                       \
    (getenv("SLUICE_TEST_MYSQL_SOURCE") != NULL                                                    \
         ? cmocka_run_group_tests(tests, connect_admin, disconnect_admin)                          \
         : run_skipped())

static int run_skipped(void)
{
    const struct CMUnitTest skipped[] = {cmocka_unit_test(not_asked_for)};
    return cmocka_run_group_tests(skipped, NULL, NULL);
}

#endif

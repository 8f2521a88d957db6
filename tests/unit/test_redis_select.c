/* What a Redis task takes of a command, and its expiry as an absolute time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/log.h"
#include "core/task.h"
#include "producers/redis/expiry.h"
#include "producers/redis/select.h"

static const cdc_option source_options[] = {
    {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "redis"},
    {.path = "source.flush",
     .type = CDC_OPTION_ENUM,
     .def = "carry",
     .choices = "carry|refuse|skip"},
    {.path = "source.unsplittable", .type = CDC_OPTION_ENUM, .def = "stop", .choices = "stop|skip"},
    {.path = NULL}};
static const cdc_option *const tables[] = {cdc_task_options, source_options, NULL};

enum { WORDS = 32 };

typedef struct words {
    char text[512];
    cdc_value argv[WORDS];
    uint32_t argc;
} words;

static cdc_error err;
static cdc_task task;
static cdc_selection *selection;
static cdc_metrics *metrics;
static src_redis_select *sel;
static cdc_buffer out;

/* --- a task --- */

static void open_task(const char *source, const char *objects)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "name: t\nkafka: {bootstrap.servers: b:1}\nsource: {type: redis%s}\n%s%s%s",
                   source, objects[0] != '\0' ? "objects: {" : "", objects,
                   objects[0] != '\0' ? "}\n" : "");
    cdc_error_clear(&err);
    if (cdc_task_parse(&task, "t.yaml", text, strlen(text), tables, &err) != CDC_OK ||
        cdc_selection_new(&selection, task.cfg, &err) != CDC_OK) {
        fail_msg("refused: %s", err.text);
    }
    metrics = cdc_metrics_new("capture", "t");
    cdc_env env = {.task = &task, .selection = selection, .metrics = metrics};
    assert_int_equal(src_redis_select_new(&sel, &env, &err), CDC_OK);
    cdc_buffer_init(&out, 4096);
}

static void close_task(void)
{
    src_redis_select_free(sel);
    cdc_metrics_free(metrics);
    cdc_selection_free(selection);
    cdc_task_fini(&task);
    cdc_buffer_fini(&out);
}

static void split(words *w, const char *line)
{
    memcpy(w->text, line, strlen(line) + 1);
    w->argc = 0;
    char *rest = NULL;
    for (char *p = strtok_r(w->text, " ", &rest); p != NULL; p = strtok_r(NULL, " ", &rest)) {
        w->argv[w->argc++] = (cdc_value){.kind = CDC_BYTES, .p = p, .len = (uint32_t)strlen(p)};
    }
}

static void join(const cdc_value *argv, uint32_t argc)
{
    for (uint32_t i = 0; i < argc; i++) {
        cdc_buffer_addf(&out, "%s%.*s", i > 0 ? " " : "", (int)argv[i].len, argv[i].p);
    }
}

/* want: what is taken, as "DB COMMAND" each, or "stop". */
static void check(int32_t db, const char *line, const char *want)
{
    static words w;
    src_redis_selected taken;
    split(&w, line);
    cdc_error_clear(&err);
    cdc_buffer_reset(&out);
    if (src_redis_select_command(sel, db, w.argv, w.argc, &err) != CDC_OK) {
        assert_int_equal(err.rc, CDC_FATAL);
        cdc_buffer_add_str(&out, "stop");
        assert_non_null(strstr(err.text, w.argv[0].p));
    }
    while (err.rc == CDC_OK && src_redis_select_next(sel, &taken)) {
        cdc_buffer_addf(&out, "%s%d ", out.len > 0 ? "; " : "", taken.db);
        join(taken.argv, taken.argc);
        if (taken.key_arg >= 0) {
            const cdc_value *key = &taken.argv[taken.key_arg];
            cdc_buffer_addf(&out, " (%.*s)", (int)key->len, key->p);
        }
    }
    if (strcmp(cdc_buffer_cstr(&out), want) != 0) {
        fail_msg("%s in %d: '%s', not '%s'", line, db, cdc_buffer_cstr(&out), want);
    }
}

/* --- tests --- */

static void test_whole(void **state)
{
    (void)state;
    open_task("", "");
    assert_true(src_redis_select_whole(sel));
    check(0, "set a 1", "0 set a 1 (a)");
    check(255, "BITOP AND d a b", "255 BITOP AND d a b (d)");
    check(0, "RENAME a b", "0 RENAME a b (a)");
    check(3, "MOVE a 4", "3 MOVE a 4 (a)");
    check(0, "COPY a b DB 2 REPLACE", "0 COPY a b DB 2 REPLACE (a)");
    check(0, "SWAPDB 0 1", "0 SWAPDB 0 1");
    check(2, "FLUSHDB ASYNC", "2 FLUSHDB ASYNC");
    check(2, "FLUSHALL", "2 FLUSHALL");
    check(0, "FUNCTION LOAD REPLACE text", "0 FUNCTION LOAD REPLACE text");
    check(0, "EVAL script 1 a", "0 EVAL script 1 a (a)");
    check(0, "NEWCOMMAND a b", "0 NEWCOMMAND a b");
    check(0, "PUBLISH channel m", "");
    check(0, "spublish channel m", "");
    check(0, "XGROUP CREATE s g 0", "0 XGROUP CREATE s g 0 (s)");
    check(0, "MSET a", "0 MSET a");
    /* ours */
    check(0, "SET SLUICE_HEARTBEAT:t 1 PX 5", "");
    check(0, "SET sluice:{06S}:t:epoch 1", "");
    check(0, "DEL a sluice:{06S}:t:epoch b", "0 DEL a b (a)");
    check(0, "SET sluice:x 1", "0 SET sluice:x 1 (sluice:x)");
    close_task();
}

static void test_prefixes(void **state)
{
    (void)state;
    open_task("", "key_prefixes: ['user:', 'order:']");
    assert_false(src_redis_select_whole(sel));
    assert_true(src_redis_select_key(sel, 7, "user:1", 6));
    assert_false(src_redis_select_key(sel, 7, "user", 4));
    assert_false(src_redis_select_key(sel, 256, "user:1", 6));
    check(0, "SET user:1 v", "0 SET user:1 v (user:1)");
    check(0, "SET x v", "");
    check(0, "MSET x 1 user:1 2 y 3 order:2 4", "0 MSET user:1 2 order:2 4 (user:1)");
    check(0, "MSET x 1 y 3", "");
    check(0, "MSETEX 3 x 1 user:1 2 y 3 PXAT 9", "0 MSETEX 1 user:1 2 PXAT 9 (user:1)");
    check(0, "UNLINK x user:1", "0 UNLINK user:1 (user:1)");
    check(0, "SINTERSTORE user:1 user:2 order:3", "0 SINTERSTORE user:1 user:2 order:3 (user:1)");
    check(0, "SINTERSTORE x user:2 order:3", "");
    check(0, "SINTERSTORE user:1 user:2 x", "stop");
    assert_string_equal(err.text,
                        "the command SINTERSTORE in database 0 cannot be carried in part: its key "
                        "'user:2' is selected, 'x' is not; select all of what it touches, or leave "
                        "such commands out by source.unsplittable: skip (the target then differs)");
    check(0, "SORT user:1 STORE x", "");
    check(0, "SORT x STORE user:1", "stop");
    check(0, "RENAME user:1 x", "0 DEL user:1 (user:1)");
    check(0, "RENAMENX user:1 x", "0 DEL user:1 (user:1)");
    check(0, "RENAME x user:1", "stop");
    check(0, "SMOVE user:1 x m", "stop");
    check(0, "COPY user:1 x", "");
    check(0, "COPY x user:1", "stop");
    check(0, "MOVE user:1 3", "0 MOVE user:1 3 (user:1)");
    check(0, "MOVE x 3", "");
    check(0, "FLUSHALL", "stop");
    check(0, "SWAPDB 0 1", "stop");
    check(0, "FUNCTION FLUSH", "");
    check(0, "SCRIPT LOAD x", "");
    check(0, "EVAL script 1 user:1", "stop");
    check(0, "NEWCOMMAND user:1", "stop");
    check(0, "MSET x", "stop");
    close_task();
}

static void test_databases(void **state)
{
    (void)state;
    open_task("", "include: ['0', '3']");
    check(0, "SET a v", "0 SET a v (a)");
    check(1, "SET a v", "");
    check(1, "FLUSHDB", "");
    check(3, "FLUSHDB", "3 FLUSHDB");
    check(1, "FLUSHALL", "0 FLUSHDB; 3 FLUSHDB");
    check(1, "MOVE a 2", "");
    check(3, "MOVE a 2", "3 DEL a (a)");
    check(1, "MOVE a 0", "stop");
    check(0, "MOVE a 999", "0 DEL a (a)");
    check(0, "COPY a b DB 3", "0 COPY a b DB 3 (a)");
    check(0, "COPY a b DB 2", "");
    check(2, "COPY a b DB 3", "stop");
    check(2, "SWAPDB 1 2", "");
    check(2, "SWAPDB 0 3", "2 SWAPDB 0 3");
    check(2, "SWAPDB 0 2", "stop");
    check(2, "RENAME a b", "");
    check(0, "SET a v", "0 SET a v (a)"); /* nothing is left of what came before */
    close_task();
}

static void test_options(void **state)
{
    (void)state;
    open_task(", flush: refuse, unsplittable: skip", "include: ['0']");
    check(0, "FLUSHALL", "stop");
    assert_string_equal(err.code, "redis_flush");
    check(1, "FLUSHDB", "");
    check(1, "MOVE a 0", "");
    check(0, "SWAPDB 0 1", "");
    assert_int_equal(cdc_metric_get(cdc_metrics_number(
                         metrics, CDC_COUNTER, "sluice_commands_unsplittable_total", "", "")),
                     2);
    close_task();
    open_task(", flush: skip", "");
    check(0, "FLUSHALL", "");
    check(0, "flushdb", "");
    assert_int_equal(cdc_metric_get(cdc_metrics_number(metrics, CDC_COUNTER,
                                                       "sluice_flushes_skipped_total", "", "")),
                     2);
    close_task();
}

static void check_expiry(const char *line, const char *want, int64_t want_ms)
{
    static words w;
    src_redis_expiry x;
    split(&w, line);
    src_redis_selected taken = {.command = cdc_redis_command_find(w.argv[0].p, w.argv[0].len),
                                .argv = w.argv,
                                .argc = w.argc,
                                .expire_at_ms = -1};
    src_redis_expiry_init(&x);
    cdc_buffer_init(&out, 4096);
    cdc_error_clear(&err);
    if (src_redis_expiry_absolute(&x, 1000000, &taken, &err) != CDC_OK) {
        cdc_buffer_add_str(&out, "stop");
    } else {
        join(taken.argv, taken.argc);
    }
    assert_string_equal(cdc_buffer_cstr(&out), want);
    assert_int_equal(taken.expire_at_ms, want_ms);
    cdc_buffer_fini(&out);
    src_redis_expiry_fini(&x);
}

static void test_expiry(void **state)
{
    (void)state;
    check_expiry("SET k v", "SET k v", -1);
    check_expiry("GET k", "GET k", -1);
    check_expiry("SET k v PX 500 NX", "SET k v PXAT 1000500 NX", 1000500);
    check_expiry("set k v get ex 5", "set k v get PXAT 1005000", 1005000);
    check_expiry("SET k v EXAT 5", "SET k v PXAT 5000", 5000);
    check_expiry("SET k v PXAT 77", "SET k v PXAT 77", 77);
    check_expiry("SETEX k 5 v", "SET k v PXAT 1005000", 1005000);
    check_expiry("psetex k 5 v", "SET k v PXAT 1000005", 1000005);
    check_expiry("EXPIRE k 5 GT", "PEXPIREAT k 1005000 GT", 1005000);
    check_expiry("EXPIRE k -5", "PEXPIREAT k 995000", 995000);
    check_expiry("EXPIRE k -5000", "PEXPIREAT k 0", 0);
    check_expiry("PEXPIRE k 5", "PEXPIREAT k 1000005", 1000005);
    check_expiry("EXPIREAT k 5", "PEXPIREAT k 5000", 5000);
    check_expiry("PEXPIREAT k 5", "PEXPIREAT k 5", 5);
    check_expiry("GETEX k PX 5", "GETEX k PXAT 1000005", 1000005);
    check_expiry("RESTORE k 5 payload REPLACE", "RESTORE k 1000005 payload REPLACE ABSTTL",
                 1000005);
    check_expiry("RESTORE k 5 payload ABSTTL", "RESTORE k 5 payload ABSTTL", 5);
    check_expiry("RESTORE k 0 payload", "RESTORE k 0 payload", -1);
    check_expiry("HEXPIRE k 5 FIELDS 1 f", "HPEXPIREAT k 1005000 FIELDS 1 f", -1);
    check_expiry("HSETEX k PX 5 FIELDS 1 f v", "HSETEX k PXAT 1000005 FIELDS 1 f v", -1);
    check_expiry("MSETEX 2 a 1 b 2 EX 5", "MSETEX 2 a 1 b 2 PXAT 1005000", 1005000);
    check_expiry("PEXPIRE k soon", "stop", -1);
    check_expiry("EXPIRE k 9223372036854775807", "stop", -1);
    check_expiry("PEXPIRE k 9223372036854775807", "stop", -1);
}

int main(void)
{
    cdc_log_set_level(CDC_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),     cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_databases), cmocka_unit_test(test_options),
        cmocka_unit_test(test_expiry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

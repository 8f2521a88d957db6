/* A task file that is read again: what takes effect, what is refused, what is only named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/reload.h"
#include "core/stop.h"

extern const cdc_option *const cdc_all_options[];

#define HEAD                                                                                       \
    "name: t\nkafka: {bootstrap.servers: b:1}\n"                                                   \
    "source: {type: mysql, hosts: [h:3306], user: u, password: p1}\n"

#define OTHER_KAFKA                                                                                \
    "name: t\nkafka: {bootstrap.servers: b:1, acks: all}\nincremental: {rows_per_second: 5}\n"     \
    "source: {type: mysql, hosts: [h:3306], user: u, password: p1}\n"

static char path[64];
static cdc_task task;
static cdc_env env;
static cdc_reload *reload;

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static cdc_rc check(const cdc_env *read, cdc_error *err)
{
    return cdc_config_lookup(read->task->cfg, "kafka", "acks") == NULL
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "config", "%s: no acks here", path);
}

static int open_reload(void **state)
{
    (void)state;
    cdc_error err;
    cdc_error_clear(&err);
    snprintf(path, sizeof path, "/tmp/sluice-reload-%d.yaml", (int)getpid());
    write_file(HEAD "incremental: {rows_per_second: 10}\n");
    cdc_reload_block();
    assert_int_equal(cdc_task_load(&task, path, cdc_all_options, &err), CDC_OK);
    env = (cdc_env){.task = &task};
    assert_int_equal(cdc_limits_init(&env.limits, task.cfg, &err), CDC_OK);
    return cdc_reload_start(&reload, path, cdc_all_options, &env, check, &err) == CDC_OK ? 0 : -1;
}

static int close_reload(void **state)
{
    (void)state;
    cdc_reload_stop(reload);
    cdc_limits_fini(&env.limits);
    cdc_task_fini(&task);
    unlink(path);
    return 0;
}

static cdc_rates rates(void)
{
    cdc_rates now;
    cdc_throttle_get(env.limits.incremental, &now);
    return now;
}

/* What reading the file again writes into the log. */
static const char *log_of_reading(const char *text)
{
    static char lines[4096];
    char name[80];
    snprintf(name, sizeof name, "%s.log", path);
    write_file(text);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_non_null(freopen(name, "w+", stderr));
    cdc_reload_now(reload);
    fflush(stderr);
    rewind(stderr);
    lines[fread(lines, 1, sizeof lines - 1, stderr)] = '\0';
    dup2(saved, STDERR_FILENO);
    close(saved);
    unlink(name);
    return lines;
}

static void test_rates_take_effect(void **state)
{
    (void)state;
    assert_int_equal(rates().rows, 10);
    const char *log =
        log_of_reading(HEAD "incremental: {rows_per_second: 500, mb_per_second: 3}\n");
    assert_int_equal(rates().rows, 500);
    assert_int_equal(rates().bytes, 3000000);
    assert_non_null(strstr(log, "event=task_file_read "));
    assert_non_null(strstr(log, "incremental.rows_per_second incremental.mb_per_second"));
    assert_null(strstr(log, "restart_needed"));
    log = log_of_reading(HEAD); /* back to no limit; compared with the file before, not the first */
    assert_int_equal(rates().rows, 0);
    assert_non_null(strstr(log, "incremental.rows_per_second incremental.mb_per_second"));
}

static void test_a_bad_file_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        HEAD "incremental: {rows_per_second: many}\n",
        HEAD "incremental: {rows_per_second: 5}\nphases: []\n",
        HEAD "incremental: {rows_per_second: 5}\nobjects: {include: [nodot]}\n",
        OTHER_KAFKA,
        "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *log = log_of_reading(bad[i]);
        assert_non_null(strstr(log, "event=task_file_refused"));
        assert_non_null(strstr(log, path));
        assert_ptr_equal(strchr(log, '\n'), log + strlen(log) - 1); /* one line */
        assert_int_equal(rates().rows, 10);
    }
    assert_false(cdc_stop_requested());
}

/* Of Kafka's settings alone: the program begins anew, unless a signal has asked it to end. */
static void test_another_kafka_begins_anew(void **state)
{
    (void)state;
    cdc_stop_install();
    for (int end = 0; end < 2; end++) {
        const char *log = log_of_reading("name: t\nkafka: {bootstrap.servers: b:1, linger.ms: 5}\n"
                                         "source: {type: mysql, hosts: h:3306, user: u, password: "
                                         "p1}\nincremental: {rows_per_second: 11}\n");
        assert_non_null(strstr(log, "event=restart "));
        assert_null(strstr(log, "restart_needed"));
        assert_true(cdc_reload_again(reload));
        assert_true(cdc_stop_requested());
        if (end == 1) {
            assert_int_equal(raise(SIGTERM), 0);
        }
        assert_int_equal(cdc_stop_take_back(), end == 0);
        assert_int_equal(cdc_stop_requested(), end == 1);
    }
    cdc_stop_reset();
}

static void test_other_changes_are_named(void **state)
{
    (void)state;
    const char *log = log_of_reading("name: t\nkafka: {bootstrap.servers: b:1, linger.ms: 5}\n"
                                     "source: {type: mysql, hosts: h:3306, user: u, password: p2}\n"
                                     "objects: {include: ['*.*'], exclude: []}\n"
                                     "full: {threads: 3}\nincremental: {rows_per_second: 11}\n");
    assert_int_equal(rates().rows, 11);
    assert_non_null(strstr(log, "event=restart_needed"));
    assert_false(cdc_reload_again(reload));
    assert_false(cdc_stop_requested());
    const char *named = strstr(log, "restart_needed");
    assert_non_null(strstr(named, "kafka"));
    assert_non_null(strstr(named, "source.password"));
    assert_non_null(strstr(named, "full.threads"));
    assert_null(strstr(named, "hosts"));   /* a single value is a list of one */
    assert_null(strstr(named, "include")); /* the default, written out */
    assert_null(strstr(named, "exclude"));
    assert_null(strstr(named, "rows_per_second"));
    assert_null(strstr(log, "p2"));
}

static void test_the_signal(void **state)
{
    (void)state;
    write_file(HEAD "incremental: {rows_per_second: 77}\n");
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    int64_t deadline = cdc_clock_mono_ms() + 10000;
    while (rates().rows != 77 && cdc_clock_mono_ms() < deadline) {
        cdc_clock_sleep_ms(5);
    }
    assert_int_equal(rates().rows, 77);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_reload, close_reload)
    const struct CMUnitTest tests[] = {
        TEST(test_rates_take_effect),         TEST(test_a_bad_file_is_refused),
        TEST(test_other_changes_are_named),   TEST(test_the_signal),
        TEST(test_another_kafka_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Lines on stderr, caught in a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/log.h"

static int saved = -1;
static FILE *caught;

static void catch_stderr(void)
{
    caught = tmpfile();
    assert_non_null(caught);
    saved = dup(STDERR_FILENO);
    dup2(fileno(caught), STDERR_FILENO);
}

/* What was written since; borrowed until the next call. */
static const char *caught_text(void)
{
    static char text[65536];
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(caught);
    text[fread(text, 1, sizeof text - 1, caught)] = '\0';
    fclose(caught);
    return text;
}

static int lines(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

/* The line without its time: 2026-11-21T05:00:00.123Z */
static const char *untimed(const char *line)
{
    assert_memory_equal(line, "ts=2", 4);
    assert_int_equal(line[13], 'T');
    assert_int_equal(line[22], '.');
    assert_memory_equal(line + 26, "Z ", 2);
    return line + 28;
}

static void test_logfmt(void **state)
{
    (void)state;
    catch_stderr();
    CDC_LOG(CDC_LOG_INFO, "ready", CDC_STR("task", "shop"), CDC_NUM("rows", -12),
            CDC_STR("plain", "a/b:c-1"), CDC_STR("spaced", "a b"), CDC_STR("empty", ""),
            CDC_STR("quoted", "say \"x\"=1\n\\"));
    assert_string_equal(untimed(caught_text()),
                        "level=info event=ready task=shop rows=-12 plain=a/b:c-1 spaced=\"a b\" "
                        "empty=\"\" quoted=\"say \\\"x\\\"=1\\u000a\\\\\"\n");
    catch_stderr();
    CDC_LOG(CDC_LOG_WARN, "bare");
    assert_string_equal(untimed(caught_text()), "level=warn event=bare\n");
}

static void test_context(void **state)
{
    (void)state;
    cdc_error err;
    cdc_error_clear(&err);
    cdc_error_set(&err, CDC_FATAL, "mysql_purged", "the binlog %s is gone", "b.1");
    catch_stderr();
    cdc_log_error("failed", &err);
    assert_string_equal(caught_text(), "sluice: the binlog b.1 is gone\n");
    cdc_log_set_context("capture", "shop");
    catch_stderr();
    cdc_log_error("failed", &err);
    assert_string_equal(untimed(caught_text()),
                        "level=error event=failed program=capture task=shop code=mysql_purged "
                        "error=\"the binlog b.1 is gone\"\n");
    cdc_log_set_context(NULL, NULL);
}

static void test_json(void **state)
{
    (void)state;
    cdc_log_set_json(true);
    catch_stderr();
    CDC_LOG(CDC_LOG_INFO, "ready", CDC_STR("text", "a\"b\xff\n"), CDC_NUM("rows", INT64_MIN));
    json_t *line = json_loads(caught_text(), 0, NULL);
    cdc_log_set_json(false);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "event")), "ready");
    assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(line, "text")), "a\"b\xef\xbf\xbd\n");
    assert_true(json_integer_value(json_object_get(line, "rows")) == INT64_MIN);
    json_decref(line);
}

static void test_level(void **state)
{
    (void)state;
    catch_stderr();
    CDC_LOG(CDC_LOG_DEBUG, "hidden");
    cdc_log_set_level(CDC_LOG_DEBUG);
    CDC_LOG(CDC_LOG_DEBUG, "shown");
    cdc_log_set_level(CDC_LOG_ERROR);
    CDC_LOG(CDC_LOG_WARN, "hidden_too");
    cdc_log_set_level(CDC_LOG_INFO);
    assert_string_equal(untimed(caught_text()), "level=debug event=shown\n");
}

/* Ten of an event, then silence; others are not held back, nor is info. */
static void test_limit(void **state)
{
    (void)state;
    catch_stderr();
    for (int i = 0; i < 50; i++) {
        CDC_LOG(CDC_LOG_WARN, "again_and_again", CDC_NUM("i", i));
    }
    assert_int_equal(lines(caught_text()), 10);
    catch_stderr();
    CDC_LOG(CDC_LOG_WARN, "another");
    for (int i = 0; i < 20; i++) {
        CDC_LOG(CDC_LOG_INFO, "chatty");
    }
    assert_int_equal(lines(caught_text()), 21);
}

static void test_too_long(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, 'x', sizeof text - 1);
    catch_stderr();
    CDC_LOG(CDC_LOG_INFO, "long", CDC_STR("text", text));
    assert_string_equal(caught_text(), "level=error event=log_line_too_long\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logfmt), cmocka_unit_test(test_context),
        cmocka_unit_test(test_json),   cmocka_unit_test(test_level),
        cmocka_unit_test(test_limit),  cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Where in a cluster a command goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "consumers/redis/route.h"

static cdc_error error;
static char given[512];

/* "SLOT WORD WORD;" */
static cdc_rc take(void *arg, uint32_t slot, const sink_redis_words *words, cdc_error *err)
{
    size_t at = strlen(given);
    (void)arg;
    (void)err;
    at += (size_t)snprintf(given + at, sizeof given - at, "%u", slot);
    for (uint32_t i = 0; i < words->argc; i++) {
        at += (size_t)snprintf(given + at, sizeof given - at, " %.*s", (int)words->argv[i].len,
                               words->argv[i].p);
    }
    snprintf(given + at, sizeof given - at, ";");
    return CDC_OK;
}

static uint32_t split(const char *text, cdc_value *argv)
{
    uint32_t n = 0;
    for (const char *p = text; p != NULL; n++) {
        const char *end = strchr(p, ' ');
        size_t len = end != NULL ? (size_t)(end - p) : strlen(p);
        argv[n] = (cdc_value){.kind = CDC_BYTES, .p = p, .len = (uint32_t)len};
        p = end != NULL ? end + 1 : NULL;
    }
    return n;
}

static cdc_rc route(const char *text, int32_t key)
{
    const sink_redis_taker taker = {.take = take};
    cdc_value argv[32];
    sink_redis_words words = {.argv = argv, .argc = split(text, argv), .key = key};
    given[0] = '\0';
    cdc_error_clear(&error);
    return sink_redis_route(cdc_redis_command_find(argv[0].p, argv[0].len), &words, &taker, &error);
}

static void test_one_slot(void **state)
{
    (void)state; /* a 15495, b 3300, c 7365 */
    assert_int_equal(route("SET a 1", 1), CDC_OK);
    assert_string_equal(given, "15495 SET a 1;");
    assert_int_equal(route("SUNIONSTORE {a}x {a}y a", 1), CDC_OK);
    assert_string_equal(given, "15495 SUNIONSTORE {a}x {a}y a;");
    assert_int_equal(route("SOMETHING.NEW x b", 2), CDC_OK); /* by what its event says */
    assert_string_equal(given, "3300 SOMETHING.NEW x b;");
}

static void test_split(void **state)
{
    (void)state;
    assert_int_equal(route("MSET a 1 b 2 {a}z 3 c 4", 1), CDC_OK);
    assert_string_equal(given, "15495 MSET a 1 {a}z 3;3300 MSET b 2;7365 MSET c 4;");
    assert_int_equal(route("DEL b a b", 1), CDC_OK);
    assert_string_equal(given, "3300 DEL b b;15495 DEL a;");
    assert_int_equal(route("UNLINK a b", 1), CDC_OK);
    assert_string_equal(given, "15495 UNLINK a;3300 UNLINK b;");
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(route("RENAME a b", 1), CDC_FATAL);
    assert_string_equal(error.code, "cross_slot");
    assert_non_null(strstr(error.text, "RENAME, key a and key b"));
    assert_int_equal(route("SINTERSTORE {a}x a b", 1), CDC_FATAL);
    assert_non_null(strstr(error.text, "SINTERSTORE, key {a}x and key b"));
    assert_int_equal(route("SOMETHING.NEW x", -1), CDC_FATAL);
    assert_string_equal(error.code, "no_slot");
    assert_string_equal(given, "");
}

static void test_parts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint32_t head, group;
    } cases[] = {{"RPUSH k a b", true, 2, 1},     {"HSET k f v g w", true, 2, 2},
                 {"HSET k f v g", false, 0, 0},   {"ZADD k 1 a 2 b", true, 2, 2},
                 {"ZADD k NX 1 a", false, 0, 0},  {"ZADD k GT CH 1 a", false, 0, 0},
                 {"ZADD k inf a", true, 2, 2},    {"MSET a 1 b 2", true, 1, 2},
                 {"DEL a b", true, 1, 1},         {"GEOADD k 1 2 a", false, 0, 0},
                 {"SINTERSTORE a b", false, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_value argv[32];
        uint32_t n = split(cases[i].text, argv);
        uint32_t head = 0;
        uint32_t group = 0;
        if (sink_redis_route_parts(argv, n, &head, &group) != cases[i].good) {
            fail_msg("%s", cases[i].text);
        }
        if (cases[i].good) {
            assert_int_equal(head, cases[i].head);
            assert_int_equal(group, cases[i].group);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_slot),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

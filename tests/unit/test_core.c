/* Arena, buffer, cursor, clock, error, value: the pieces that everything else trusts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buffer.h"
#include "core/clock.h"
#include "core/cursor.h"
#include "core/error.h"
#include "core/value.h"

static void test_arena_gives_aligned_memory_and_takes_it_back(void **state)
{
    (void)state;
    cdc_arena ar;
    cdc_arena_init(&ar, 1024, 1024 * 1024);
    char *a = cdc_arena_alloc(&ar, 3);
    char *b = cdc_arena_alloc(&ar, 0);
    char *big = cdc_arena_alloc(&ar, 5000);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(big);
    assert_int_equal((uintptr_t)b % 8, 0);
    assert_ptr_not_equal(a, b);
    memset(big, 7, 5000);
    assert_int_equal(ar.used_bytes, 8 + 8 + 5000);
    cdc_arena_reset(&ar, 1024);
    assert_int_equal(ar.used_bytes, 0);
    assert_ptr_equal(cdc_arena_alloc(&ar, 3), a);
    assert_string_equal(cdc_arena_strndup(&ar, "hello", 4), "hell");
    cdc_arena_fini(&ar);
}

static void test_arena_refuses_more_than_its_maximum(void **state)
{
    (void)state;
    cdc_arena ar;
    cdc_arena_init(&ar, 1024, 4096);
    assert_null(cdc_arena_alloc(&ar, 5000));
    assert_null(cdc_arena_alloc(&ar, SIZE_MAX));
    assert_null(cdc_arena_alloc(&ar, SIZE_MAX - 3));
    for (int i = 0; i < 4; i++) {
        assert_non_null(cdc_arena_alloc(&ar, 1024));
    }
    assert_null(cdc_arena_alloc(&ar, 8));
    cdc_arena_fini(&ar);
}

static void test_arena_block_in_the_midst_of_kept_ones(void **state)
{
    (void)state;
    cdc_arena ar;
    cdc_arena_init(&ar, 1024, 1024 * 1024);
    for (int round = 0; round < 5; round++) {
        char *p[20];
        for (int i = 0; i < 20; i++) {
            size_t n = i % 5 == 0 ? 3000U : 500U;
            p[i] = cdc_arena_alloc(&ar, n);
            memset(p[i], i, n);
        }
        for (int i = 0; i < 20; i++) {
            assert_int_equal(p[i][0], i);
            assert_int_equal(p[i][499], i);
        }
        cdc_arena_reset(&ar, 8192);
    }
    cdc_arena_fini(&ar);
}

static void test_buffer_grows_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    cdc_buffer buf;
    cdc_buffer_init(&buf, 300);
    for (int i = 0; i < 300; i++) {
        cdc_buffer_add_char(&buf, 'x');
    }
    assert_false(buf.failed);
    cdc_buffer_add_char(&buf, 'y');
    assert_true(buf.failed);
    assert_int_equal(buf.len, 300);
    cdc_buffer_add_str(&buf, "z");
    assert_int_equal(buf.len, 300);
    cdc_buffer_reset(&buf);
    cdc_buffer_addf(&buf, "%d-%s", 12, "ab");
    assert_string_equal(cdc_buffer_cstr(&buf), "12-ab");
    cdc_buffer_fini(&buf);
}

static void test_buffer_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t v;
        const char *text;
    } cases[] = {{0, "0"},
                 {9, "9"},
                 {10, "10"},
                 {99, "99"},
                 {100, "100"},
                 {-1, "-1"},
                 {12345, "12345"},
                 {INT64_MAX, "9223372036854775807"},
                 {INT64_MIN, "-9223372036854775808"}};
    cdc_buffer buf;
    cdc_buffer_init(&buf, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_buffer_reset(&buf);
        cdc_buffer_add_i64(&buf, cases[i].v);
        assert_string_equal(cdc_buffer_cstr(&buf), cases[i].text);
    }
    cdc_buffer_reset(&buf);
    cdc_buffer_add_u64(&buf, UINT64_MAX);
    assert_string_equal(cdc_buffer_cstr(&buf), "18446744073709551615");
    cdc_buffer_fini(&buf);
}

static void test_buffer_json_text_is_always_valid(void **state)
{
    (void)state;
    cdc_buffer buf;
    cdc_buffer_init(&buf, 200);
    cdc_buffer_add_json(&buf, "a\"\\\n\x01\xc3\xa4\xff\xe2\x82", 10);
    assert_string_equal(cdc_buffer_cstr(&buf),
                        "\"a\\\"\\\\\\u000a\\u0001\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    cdc_buffer_fini(&buf);
}

static void test_cursor_never_reads_past_the_end(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 0xfc, 0x10, 0x20, 0xfe, 1};
    cdc_cursor c = cdc_cursor_of(bytes, sizeof bytes);
    assert_int_equal(cdc_cursor_u16(&c), 0x0201);
    assert_int_equal(cdc_cursor_be(&c, 3), 0x030405);
    assert_int_equal(cdc_cursor_lenenc(&c), 0x2010);
    assert_false(c.failed);
    assert_int_equal(cdc_cursor_lenenc(&c), 0);
    assert_true(c.failed);
    assert_int_equal(cdc_cursor_left(&c), 0);
    c = cdc_cursor_of(bytes, 4);
    assert_null(cdc_cursor_bytes(&c, SIZE_MAX));
    c = cdc_cursor_of(NULL, 0);
    assert_non_null(cdc_cursor_bytes(&c, 0));
    assert_null(cdc_cursor_bytes(&c, 1));
    assert_true(c.failed);
}

static void test_civil_dates_both_ways(void **state)
{
    (void)state;
    for (int64_t days = -800000; days < 800000; days += 37) {
        int year;
        unsigned month;
        unsigned day;
        cdc_clock_civil(days, &year, &month, &day);
        assert_int_equal(cdc_clock_days(year, month, day), days);
    }
    int year;
    unsigned month;
    unsigned day;
    cdc_clock_civil(19782, &year, &month, &day);
    assert_int_equal(year, 2024);
    assert_int_equal(month, 2);
    assert_int_equal(day, 29);
}

static void test_error_text_is_one_cut_line(void **state)
{
    (void)state;
    cdc_error err;
    char longer[2 * CDC_ERROR_TEXT_MAX];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    cdc_error_clear(&err);
    assert_int_equal(cdc_error_set(&err, CDC_RETRY, "x", "a\nb %d", 1), CDC_RETRY);
    assert_string_equal(err.text, "a b 1");
    assert_int_equal(err.exit, CDC_EXIT_FAILED);
    cdc_error_context(&err, "table %s", "t");
    assert_string_equal(err.text, "table t: a b 1");
    cdc_error_refuse(&err, "y", "%s", longer);
    assert_int_equal(err.exit, CDC_EXIT_REFUSED);
    assert_int_equal(strlen(err.text), CDC_ERROR_TEXT_MAX - 1);
    assert_string_equal(err.text + CDC_ERROR_TEXT_MAX - 4, "...");
    cdc_error_context(&err, "more");
    assert_int_equal(strlen(err.text), CDC_ERROR_TEXT_MAX - 1);
}

static void test_value_equality(void **state)
{
    (void)state;
    cdc_value a = {.kind = CDC_TEXT, .len = 3, .p = "abc"};
    cdc_value b = {.kind = CDC_TEXT, .len = 3, .p = (const char[]){'a', 'b', 'c'}};
    cdc_value n = {.kind = CDC_NULL};
    cdc_value absent = {.kind = CDC_ABSENT};
    assert_true(cdc_value_equal(&a, &b));
    b.kind = CDC_BYTES;
    assert_false(cdc_value_equal(&a, &b));
    assert_false(cdc_value_equal(&n, &absent));
    cdc_value t = {.kind = CDC_TIME, .t = {.hour = 838, .neg = true}};
    cdc_value u = t;
    assert_true(cdc_value_equal(&t, &u));
    u.t.neg = false;
    assert_false(cdc_value_equal(&t, &u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_gives_aligned_memory_and_takes_it_back),
        cmocka_unit_test(test_arena_refuses_more_than_its_maximum),
        cmocka_unit_test(test_arena_block_in_the_midst_of_kept_ones),
        cmocka_unit_test(test_buffer_grows_to_its_maximum_and_no_further),
        cmocka_unit_test(test_buffer_numbers),
        cmocka_unit_test(test_buffer_json_text_is_always_valid),
        cmocka_unit_test(test_cursor_never_reads_past_the_end),
        cmocka_unit_test(test_civil_dates_both_ways),
        cmocka_unit_test(test_error_text_is_one_cut_line),
        cmocka_unit_test(test_value_equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The throttle on a clock of its own: no test here waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/throttle.h"

static int64_t now;
static bool stop_requested;
static void (*while_waiting)(void);

static int64_t fake_now(void)
{
    return now;
}

static bool fake_wait(int64_t ms)
{
    now += ms * 1000;
    if (while_waiting != NULL) {
        while_waiting();
    }
    return stop_requested;
}

static const cdc_throttle_clock fake_clock = {fake_now, fake_wait};
static cdc_throttle *th;

static int open_throttle(void **state)
{
    (void)state;
    now = 1000000000;
    stop_requested = false;
    while_waiting = NULL;
    th = cdc_throttle_new(&fake_clock);
    return th != NULL ? 0 : -1;
}

static int close_throttle(void **state)
{
    (void)state;
    cdc_throttle_free(th);
    return 0;
}

static void set(int64_t rows, int64_t bytes, int64_t queries)
{
    cdc_rates rates = {rows, bytes, queries};
    cdc_throttle_set(th, &rates);
}

/* Rows that go through in a time, in pieces, each of which takes some time itself. */
static int64_t run_rows(int64_t us, int64_t piece, int64_t row_bytes, int64_t work_us)
{
    int64_t end = now + us;
    int64_t rows = 0;
    while (now < end) {
        assert_true(cdc_throttle_wait(th, NULL));
        if (now < end) {
            cdc_throttle_take(th, piece, piece * row_bytes, 1);
            rows += piece;
            now += work_us;
        }
    }
    return rows;
}

static void test_no_limit_never_waits(void **state)
{
    (void)state;
    int64_t rows;
    int64_t bytes;
    cdc_throttle_take(th, INT64_MAX, INT64_MAX, INT64_MAX);
    assert_int_equal(cdc_throttle_delay_us(th), 0);
    cdc_throttle_portion(th, &rows, &bytes);
    assert_int_equal(rows, 0);
    assert_int_equal(bytes, 0);
    cdc_throttle_take(NULL, 1, 1, 1);
    assert_true(cdc_throttle_wait(NULL, NULL));
}

/* Within a tenth in every single second, for rates of any size. */
static void test_rate_holds_over_each_second(void **state)
{
    (void)state;
    static const int64_t rates[] = {10, 50, 999, 12345, 1000000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        int64_t piece;
        int64_t bytes;
        set(rates[i], 0, 0);
        cdc_throttle_portion(th, &piece, &bytes);
        now += 10000000; /* a rest before gives no credit of 10 s */
        for (int second = 0; second < 20; second++) {
            int64_t rows = run_rows(1000000, piece, 1000, 100);
            assert_in_range(rows, rates[i] * 9 / 10, (rates[i] * 11 + 9) / 10);
        }
    }
}

static void test_bytes_and_queries_hold_too(void **state)
{
    (void)state;
    set(0, 5000000, 0);
    run_rows(1000000, 100, 500, 100);
    assert_in_range(run_rows(5000000, 100, 500, 100) * 500, 22500000, 27500000);
    set(0, 0, 40);
    run_rows(1000000, 1, 1, 100);
    assert_in_range(run_rows(5000000, 1, 1, 100), 180, 220);
    set(1000, 5000000, 40); /* the narrowest counts: 1000 rows in pieces of 10 */
    run_rows(1000000, 10, 1, 100);
    assert_in_range(run_rows(5000000, 10, 1, 100), 1800, 2200);
}

/* Work that is slower than the rate is never held up. */
static void test_slow_work_is_not_held_up(void **state)
{
    (void)state;
    set(1000, 0, 0);
    for (int i = 0; i < 1000; i++) {
        cdc_throttle_take(th, 1, 0, 0);
        now += 1100;
        assert_int_equal(cdc_throttle_delay_us(th), 0);
    }
}

static void test_debt_follows_a_changed_rate(void **state)
{
    (void)state;
    cdc_rates rates;
    set(10, 0, 0);
    cdc_throttle_take(th, 1000, 0, 0); /* 100 s */
    assert_in_range(cdc_throttle_delay_us(th), 99000000, 100000000);
    set(1000, 0, 0);
    assert_in_range(cdc_throttle_delay_us(th), 900000, 1000000);
    set(10, 0, 0);
    assert_in_range(cdc_throttle_delay_us(th), 99000000, 100000000);
    set(0, 0, 0);
    assert_int_equal(cdc_throttle_delay_us(th), 0);
    set(7, 8, 9);
    assert_int_equal(cdc_throttle_delay_us(th), 0);
    cdc_throttle_get(th, &rates);
    assert_int_equal(rates.rows, 7);
    assert_int_equal(rates.bytes, 8);
    assert_int_equal(rates.queries, 9);
}

static void lift_the_limit(void)
{
    set(0, 0, 0);
}

static void test_a_change_ends_a_wait(void **state)
{
    (void)state;
    int64_t began = now;
    set(1, 0, 0);
    cdc_throttle_take(th, 3600, 0, 0);
    while_waiting = lift_the_limit;
    assert_true(cdc_throttle_wait(th, NULL));
    assert_true(now - began <= 50000);
}

static _Atomic bool own_stop;

static void stop_ourselves(void)
{
    own_stop = true;
}

static void test_a_stop_ends_a_wait(void **state)
{
    (void)state;
    int64_t began = now;
    set(1, 0, 0);
    cdc_throttle_take(th, 3600, 0, 0);
    stop_requested = true;
    assert_false(cdc_throttle_wait(th, NULL));
    stop_requested = false;
    own_stop = false;
    while_waiting = stop_ourselves;
    assert_false(cdc_throttle_wait(th, &own_stop));
    assert_true(now - began <= 100000);
}

/* However much is taken, times stay in range, and the debt is paid one day. */
static void test_extremes(void **state)
{
    (void)state;
    set(1, 1, 1);
    for (int i = 0; i < 100; i++) {
        cdc_throttle_take(th, INT64_MAX, INT64_MAX, INT64_MAX);
    }
    assert_in_range(cdc_throttle_delay_us(th), 1, 1000000000000);
    set(1000000000, 1000000000000, 1000000);
    cdc_throttle_take(th, 1, 1, 1);
    assert_true(cdc_throttle_wait(th, NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_throttle, close_throttle)
    const struct CMUnitTest tests[] = {
        TEST(test_no_limit_never_waits),        TEST(test_rate_holds_over_each_second),
        TEST(test_bytes_and_queries_hold_too),  TEST(test_slow_work_is_not_held_up),
        TEST(test_debt_follows_a_changed_rate), TEST(test_a_change_ends_a_wait),
        TEST(test_a_stop_ends_a_wait),          TEST(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

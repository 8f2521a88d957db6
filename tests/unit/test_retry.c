#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/retry.h"

static void test_waits(void **state)
{
    (void)state;
    static const int64_t base[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    for (uint32_t seed = 1; seed < 200; seed++) {
        cdc_retry rt;
        cdc_retry_init(&rt, INT64_MAX / 2);
        rt.seed = seed * 2654435761U;
        for (size_t i = 0; i < sizeof base / sizeof base[0]; i++) {
            int64_t wait = -1;
            assert_true(cdc_retry_failure(&rt, &wait));
            assert_in_range(wait, base[i] * 8 / 10, base[i] * 12 / 10);
        }
        cdc_retry_success(&rt);
        int64_t wait = -1;
        assert_true(cdc_retry_failure(&rt, &wait));
        assert_in_range(wait, 80, 120);
    }
}

/* The jitter spreads: not all waits are the same. */
static void test_jitter(void **state)
{
    (void)state;
    cdc_retry rt;
    int64_t low = INT64_MAX;
    int64_t high = 0;
    cdc_retry_init(&rt, INT64_MAX / 2);
    for (int i = 0; i < 1000; i++) {
        int64_t wait = 0;
        assert_true(cdc_retry_failure(&rt, &wait));
        if (i > 6) {
            low = wait < low ? wait : low;
            high = wait > high ? wait : high;
        }
    }
    assert_true(low < 4200);
    assert_true(high > 5800);
}

static void test_limit(void **state)
{
    (void)state;
    cdc_retry rt;
    int64_t wait = 0;
    cdc_retry_init(&rt, 0);
    assert_false(cdc_retry_failure(&rt, &wait));
    cdc_retry_init(&rt, 1000000);
    assert_true(cdc_retry_failure(&rt, &wait));
    rt.first_ms -= 1000001; /* as if it had begun so long ago */
    assert_false(cdc_retry_failure(&rt, &wait));
    cdc_retry_success(&rt); /* the time counts from the first failure in a row */
    assert_true(cdc_retry_failure(&rt, &wait));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

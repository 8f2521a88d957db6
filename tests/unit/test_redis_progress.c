/* How far the slots of a cluster are applied, as text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/redis/progress.h"

static sink_redis_progress progress;
static uint16_t owners[CDC_REDIS_SLOTS];

static const char *printed(uint16_t owner)
{
    static cdc_buffer text;
    cdc_buffer_fini(&text);
    cdc_buffer_init(&text, SINK_REDIS_PROGRESS_BYTES);
    sink_redis_progress_print(&progress, owners, owner, &text);
    return cdc_buffer_cstr(&text);
}

static void test_print(void **state)
{
    (void)state;
    sink_redis_progress_fill(&progress, SINK_REDIS_NEVER);
    assert_string_equal(printed(0), "-1 0-16383");
    sink_redis_progress_fill(&progress, 120);
    progress.next[0] = 118;
    progress.next[7] = 118;
    progress.next[8] = 118;
    progress.next[16383] = INT64_MAX - 1;
    assert_string_equal(printed(0), "118 0,7-8;120 1-6,9-16382;9223372036854775806 16383");
    assert_int_equal(sink_redis_progress_least(&progress), 118);
    owners[8] = 1;
    owners[9] = 1;
    assert_string_equal(printed(1), "118 8;120 9");
    assert_string_equal(printed(2), "");
    owners[8] = owners[9] = 0;
}

static void test_merge(void **state)
{
    (void)state;
    sink_redis_progress_fill(&progress, SINK_REDIS_UNTOLD);
    assert_true(sink_redis_progress_merge(&progress, "-1 0-16383"));
    assert_true(sink_redis_progress_merge(&progress, "10 0-5460;12 7000,16383"));
    assert_true(sink_redis_progress_merge(&progress, "9 5460-5461")); /* never back */
    assert_string_equal(printed(0), "-1 5462-6999,7001-16382;9 5461;10 0-5460;12 7000,16383");
    /* what is printed reads back to the same */
    char text[128];
    memcpy(text, printed(0), strlen(printed(0)) + 1);
    sink_redis_progress_fill(&progress, SINK_REDIS_UNTOLD);
    assert_true(sink_redis_progress_merge(&progress, text));
    assert_string_equal(printed(0), text);
}

static void test_damaged(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "7",
        "7 ",
        "7 5;",
        "7 5,",
        "7 5-",
        "x 5",
        "7 16384",
        "7 5-16384",
        "7 5-6 x",
        "- 5",
        "7  5",
        "9223372036854775808 5",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (sink_redis_progress_merge(&progress, texts[i])) {
            fail_msg("'%s' is taken", texts[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

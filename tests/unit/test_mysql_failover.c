/* MariaDB's GTIDs by domain: what a server lacks, and what it has purged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/mysql/failover.h"

typedef void (*compare)(const char *a, const char *b, cdc_buffer *out);

static void check(compare of, const char *a, const char *b, const char *expected)
{
    cdc_buffer out;
    cdc_buffer_init(&out, 1024);
    of(a, b, &out);
    assert_string_equal(cdc_buffer_cstr(&out), expected);
    cdc_buffer_fini(&out);
}

static void test_what_a_server_lacks(void **state)
{
    (void)state;
    const compare of = src_mysql_failover_not_reached;
    check(of, "", "", "");
    check(of, "", "0-1-5", "");
    check(of, "0-1-5", "", "0-1-5");
    check(of, "0-1-5", "0-1-5", "");
    check(of, "0-1-5", "0-1-4", "0-1-5");
    /* a later transaction of another server does not stand for it */
    check(of, "0-1-5", "0-1-4,0-2-9", "0-1-5");
    check(of, "0-1-5", "0-2-9,0-1-6", "");
    check(of, "0-1-5,7-1-1", "0-1-5,1-1-1", "7-1-1");
    check(of, "0-1-18446744073709551615,1-2-3", "1-2-2", "0-1-18446744073709551615,1-2-3");
}

static void test_what_a_server_has_purged(void **state)
{
    (void)state;
    const compare of = src_mysql_failover_purged;
    check(of, "0-1-5", "", "");
    check(of, "0-1-5", "0-1-5", "");
    check(of, "0-1-5", "0-2-4", "");
    check(of, "0-1-5", "0-2-9", " behind 0-1-5 up to 0-2-9");
    check(of, "0-1-5", "0-1-5,3-1-1", " up to 3-1-1");
    check(of, "", "0-1-5,1-1-2", " up to 0-1-5, up to 1-1-2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_server_lacks),
        cmocka_unit_test(test_what_a_server_has_purged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/mysql/copy_keys.h"

static void remembers_exact_keys(void **state_arg)
{
    (void)state_arg;
    src_mysql_key_set set;
    cdc_buffer key;
    src_mysql_key_set_init(&set, 30000);
    cdc_buffer_init(&key, 100);
    uint32_t n = 0;
    for (;; n++) {
        cdc_buffer_reset(&key);
        cdc_buffer_addf(&key, "key %u", n);
        assert_false(src_mysql_key_set_has(&set, &key));
        if (!src_mysql_key_set_add(&set, &key)) {
            break;
        }
        assert_true(src_mysql_key_set_add(&set, &key)); /* again: no room is taken */
    }
    assert_in_range(n, 1500, 3750);
    for (uint32_t i = 0; i < n; i++) {
        cdc_buffer_reset(&key);
        cdc_buffer_addf(&key, "key %u", i);
        assert_true(src_mysql_key_set_has(&set, &key));
    }
    cdc_buffer_fini(&key);
    src_mysql_key_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(remembers_exact_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

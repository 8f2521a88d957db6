/* SHOW GRANTS as MySQL and MariaDB print it (schema/mysql_sql/grants.h), why a server could not be
 * reached, and its version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/mysql_sql/grants.h"
#include "schema/mysql_sql/reach.h"
#include "schema/mysql_sql/server_version.h"

static cdc_grants grants;

static int set_up(void **state)
{
    (void)state;
    cdc_grants_init(&grants);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cdc_grants_fini(&grants);
    return 0;
}

static void test_levels(void **state)
{
    (void)state;
    cdc_grants_add(&grants, "GRANT USAGE ON *.* TO `u`@`%`");
    cdc_grants_add(&grants, "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%`");
    cdc_grants_add(&grants, "GRANT SELECT, INSERT ON `shop`.* TO `u`@`%`");
    cdc_grants_add(&grants, "GRANT UPDATE ON `shop`.`a``b.c` TO `u`@`%`");
    assert_true(cdc_grants_has(&grants, "REPLICATION SLAVE", "*", "*"));
    assert_false(cdc_grants_has(&grants, "REPLICATION", "*", "*"));
    assert_false(cdc_grants_has(&grants, "SELECT", "*", "*"));
    assert_true(cdc_grants_has(&grants, "SELECT", "shop", "*"));
    assert_true(cdc_grants_has(&grants, "select", "shop", "t"));
    assert_false(cdc_grants_has(&grants, "SELECT", "shop2", "*"));
    assert_false(cdc_grants_has(&grants, "UPDATE", "shop", "*"));
    assert_true(cdc_grants_has(&grants, "UPDATE", "shop", "a`b.c"));
    assert_false(cdc_grants_has(&grants, "UPDATE", "shop", "a"));
}

static void test_all_privileges(void **state)
{
    (void)state;
    cdc_grants_add(&grants, "GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%` WITH GRANT OPTION");
    assert_true(cdc_grants_has(&grants, "TRIGGER", "shop", "*"));
    assert_false(cdc_grants_has(&grants, "TRIGGER", "other", "*"));
}

static void test_patterns_of_databases(void **state)
{
    (void)state;
    cdc_grants_add(&grants, "GRANT SELECT ON `shop\\_%`.* TO `u`@`%`");
    cdc_grants_add(&grants, "GRANT INSERT ON `a_c`.* TO `u`@`%`");
    assert_true(cdc_grants_has(&grants, "SELECT", "shop_eu", "*"));
    assert_true(cdc_grants_has(&grants, "SELECT", "shop_", "*"));
    assert_false(cdc_grants_has(&grants, "SELECT", "shopper", "*"));
    assert_true(cdc_grants_has(&grants, "INSERT", "abc", "*"));
    assert_false(cdc_grants_has(&grants, "INSERT", "ac", "*"));
}

static void test_columns_do_not_count(void **state)
{
    (void)state;
    cdc_grants_add(&grants, "GRANT SELECT (`a`, `b ON c`), INSERT ON `d`.`t` TO `u`@`%`");
    assert_false(cdc_grants_has(&grants, "SELECT", "d", "t"));
    assert_true(cdc_grants_has(&grants, "INSERT", "d", "t"));
}

static void test_partial_revokes(void **state)
{
    (void)state;
    cdc_grants_add(&grants, "GRANT SELECT, INSERT ON *.* TO `u`@`%`");
    cdc_grants_add(&grants, "REVOKE SELECT ON `mysql`.* FROM `u`@`%`");
    assert_true(cdc_grants_has(&grants, "SELECT", "shop", "*"));
    assert_false(cdc_grants_has(&grants, "SELECT", "mysql", "*"));
    assert_false(cdc_grants_has(&grants, "SELECT", "*", "*"));
    assert_true(cdc_grants_has(&grants, "INSERT", "*", "*"));
}

static void test_roles(void **state)
{
    (void)state;
    cdc_grants_add(&grants, "GRANT `reader`@`%` TO `u`@`%`");
    assert_true(grants.roles);
    assert_false(cdc_grants_has(&grants, "SELECT", "shop", "*"));
}

static void test_missing(void **state)
{
    char out[64];
    (void)state;
    cdc_grants_add(&grants, "GRANT SELECT ON `shop`.* TO `u`@`%`");
    assert_int_equal(
        cdc_grants_missing(&grants, "SELECT, INSERT, DELETE", "shop", "*", out, sizeof out), 2);
    assert_string_equal(out, "INSERT, DELETE");
    assert_int_equal(cdc_grants_missing(&grants, "SELECT", "shop", "*", out, sizeof out), 0);
    assert_string_equal(out, "");
}

static void test_hints(void **state)
{
    (void)state;
    assert_string_equal(cdc_reach_hint(2005, "Unknown server host 'x' (-2)", "source.hosts"),
                        "; the name has no address (DNS); check source.hosts");
    assert_non_null(strstr(cdc_reach_hint(2002, "Can't connect to server on 'h' (111)", "o"),
                           "connection refused"));
    assert_non_null(
        strstr(cdc_reach_hint(2003, "Can't connect to server on 'h' (110)", "o"), "timed out"));
    assert_string_equal(cdc_reach_hint(1045, "Access denied", "o"), "");
    assert_true(cdc_reach_tls_cut("TLS/SSL error: unexpected eof while reading"));
    assert_true(cdc_reach_tls_cut("TLS/SSL error: Connection reset by peer (104)"));
    assert_false(cdc_reach_tls_cut("TLS/SSL error: certificate has expired"));
}

static void test_versions(void **state)
{
    (void)state;
    assert_int_equal(cdc_server_version("9.7.4-2"), 90704);
    assert_int_equal(cdc_server_version("5.5.5-10.11.19-MariaDB-0+deb12u1-log"), 101119);
    assert_int_equal(cdc_server_version("10.11.19-MariaDB"), 101119);
    assert_int_equal(cdc_server_version("8.0.1"), 80001);
    assert_int_equal(cdc_server_version(""), 0);
    assert_int_equal(cdc_server_version("MariaDB"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_privileges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_patterns_of_databases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_columns_do_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_partial_revokes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_roles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

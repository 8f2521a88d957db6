/* The order in which views can be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "producers/mysql/schema_objects.h"

static src_mysql_object view(const char *name, const char *sql)
{
    return (src_mysql_object){
        .kind = "VIEW", .database = "shop", .name = name, .sql = sql, .sql_len = strlen(sql)};
}

static void test_behind_what_they_read(void **state)
{
    (void)state;
    src_mysql_object views[] = {
        view("a", "CREATE VIEW `shop`.`a` AS select 1 from `shop`.`b` join `shop`.`d`"),
        view("b", "CREATE VIEW `shop`.`b` AS select 1 from `shop`.`c`"),
        view("c", "CREATE VIEW `shop`.`c` AS select 1 from `shop`.`orders`"),
        view("d", "CREATE VIEW `shop`.`d` AS select 1 from `shop`.`bb`"),
    };
    src_mysql_objects_order_views(views, 4);
    const char *expected[] = {"c", "b", "d", "a"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(views[i].name, expected[i]);
    }
}

static void test_names_with_quotes(void **state)
{
    (void)state;
    src_mysql_object views[] = {
        view("x", "CREATE VIEW `shop`.`x` AS select 1 from `shop`.`y``z`"),
        view("y`z", "CREATE VIEW `shop`.`y``z` AS select 1"),
    };
    src_mysql_objects_order_views(views, 2);
    assert_string_equal(views[0].name, "y`z");
}

/* A name inside of a text constant can make a circle; nothing is lost by it. */
static void test_circle_keeps_all(void **state)
{
    (void)state;
    src_mysql_object views[] = {
        view("a", "CREATE VIEW `shop`.`a` AS select '`shop`.`b`'"),
        view("b", "CREATE VIEW `shop`.`b` AS select 1 from `shop`.`a`"),
        view("c", "CREATE VIEW `shop`.`c` AS select 1"),
    };
    src_mysql_objects_order_views(views, 3);
    assert_string_equal(views[0].name, "c");
    assert_true(views[1].name != views[2].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behind_what_they_read),
        cmocka_unit_test(test_names_with_quotes),
        cmocka_unit_test(test_circle_keeps_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

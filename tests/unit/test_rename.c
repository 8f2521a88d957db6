/* target.rename and target.case: which rule wins, letters beyond ASCII, bad rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/rename.h"
#include "core/task.h"

extern const cdc_option *const cdc_all_options[];

static cdc_rc load(cdc_task *task, const char *rename, cdc_error *err)
{
    char text[2048];
    int n = snprintf(text, sizeof(text),
                     "name: t\n"
                     "source: {type: mysql, hosts: [\"h:1\"], user: u, password: p}\n"
                     "objects: {include: [\"*.*\"]}\n"
                     "kafka: {bootstrap.servers: \"h:1\"}\n"
                     "target:\n"
                     "  type: mysql\n"
                     "  hosts: [\"h:1\"]\n"
                     "  user: u\n"
                     "  password: p\n"
                     "%s",
                     rename);
    return cdc_task_parse(task, "t.yaml", text, (size_t)n, cdc_all_options, err);
}

static void check(const cdc_rename *rn, const char *database, const char *table, const char *want)
{
    cdc_rename_name name;
    char got[2 * CDC_RENAME_MAX];
    cdc_rename_table(rn, database, table, &name);
    snprintf(got, sizeof(got), "%s.%s", name.database, name.table);
    assert_string_equal(got, want);
}

static cdc_rename *open_rename(cdc_task *task, const char *rename)
{
    cdc_error err;
    cdc_rename *rn = NULL;
    cdc_error_clear(&err);
    if (load(task, rename, &err) != CDC_OK || cdc_rename_new(&rn, task->cfg, &err) != CDC_OK) {
        fail_msg("%s", err.text);
    }
    return rn;
}

static void names_are_kept_without_rules(void **state)
{
    (void)state;
    cdc_task task;
    cdc_rename *rn = open_rename(&task, "");
    check(rn, "Shop", "Orders", "Shop.Orders");
    assert_string_equal(cdc_rename_column(rn, "Shop", "Orders", "Id"), "Id");
    assert_false(cdc_rename_splits(rn, "Shop"));
    cdc_rename_free(rn);
    cdc_task_fini(&task);
}

static void tables_go_before_databases_before_case(void **state)
{
    (void)state;
    cdc_task task;
    cdc_rename *rn =
        open_rename(&task, "  case: lower\n"
                           "  rename:\n"
                           "    databases: {Shop: Shop_DR, A: B, B: A}\n"
                           "    tables: {Shop.Orders: Old.Orders_2, \"X.y.z\": \"X.Q\"}\n"
                           "    columns: {Shop.Orders: {a: b, B: a}, X.t: {c: d}}\n");
    check(rn, "Shop", "Orders", "Old.Orders_2");
    check(rn, "Shop", "Items", "Shop_DR.items");
    check(rn, "A", "T", "B.t");
    check(rn, "B", "T", "A.t");
    check(rn, "X", "y.z", "X.Q");
    check(rn, "SHOP", "\xc3\x84\xce\xa9\xd0\x96\xe1\xba\x9e",
          "shop.\xc3\xa4\xcf\x89\xd0\xb6\xc3\x9f");
    check(rn, "S",
          "bad\xff"
          "BYTE",
          "s.bad\xff"
          "BYTE");
    check(rn, "Shop", "", "Shop_DR.");
    char database[CDC_RENAME_MAX];
    cdc_rename_database(rn, "Shop", database);
    assert_string_equal(database, "Shop_DR");
    assert_string_equal(cdc_rename_column(rn, "Shop", "Orders", "A"), "b");
    assert_string_equal(cdc_rename_column(rn, "Shop", "Orders", "b"), "a");
    assert_string_equal(cdc_rename_column(rn, "Shop", "Orders", "c"), "c");
    assert_string_equal(cdc_rename_column(rn, "X", "t", "c"), "d");
    assert_true(cdc_rename_has_columns(rn, "X", "t"));
    assert_false(cdc_rename_has_columns(rn, "X", "u"));
    assert_true(cdc_rename_splits(rn, "Shop"));
    assert_true(cdc_rename_splits(rn, "X"));
    assert_false(cdc_rename_splits(rn, "A"));
    cdc_rename_free(rn);
    cdc_task_fini(&task);
}

static void upper_case_too(void **state)
{
    (void)state;
    cdc_task task;
    cdc_rename *rn = open_rename(&task, "  case: upper\n");
    check(rn, "shop", "\xc3\xa4_1", "SHOP.\xc3\x84_1");
    cdc_rename_free(rn);
    cdc_task_fini(&task);
}

static void refuses_bad_rules(void **state)
{
    (void)state;
    static const struct {
        const char *rename, *text;
    } cases[] = {
        {"  rename: {tables: {orders: shop.x}}\n", "database.table"},
        {"  rename: {tables: {shop.orders: x}}\n", "database.table"},
        {"  rename: {tables: {shop.a: x.y, shop.b: x.y}}\n", "has this name"},
        {"  rename: {columns: {orders: {a: b}}}\n", "database.table"},
        {"  rename: {columns: {shop.orders: {a: b, c: B}}}\n", "has this name"},
        {"  rename: {databases: {shop: \"\"}}\n", "255"},
        {"  case: Lower\n", "lower"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cdc_task task;
        cdc_error err;
        cdc_error_clear(&err);
        assert_int_equal(load(&task, cases[i].rename, &err), CDC_FATAL);
        assert_int_equal(err.exit, CDC_EXIT_USAGE);
        if (strstr(err.text, cases[i].text) == NULL || strstr(err.text, "t.yaml:") == NULL) {
            fail_msg("%s", err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_kept_without_rules),
        cmocka_unit_test(tables_go_before_databases_before_case),
        cmocka_unit_test(upper_case_too),
        cmocka_unit_test(refuses_bad_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

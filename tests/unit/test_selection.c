#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/selection.h"
#include "core/task.h"

static const cdc_option *const tables[] = {cdc_task_options, NULL};
static cdc_error err;

static cdc_rc make(cdc_selection **sel, cdc_config **cfg, const char *objects)
{
    char text[512];
    int n = snprintf(text, sizeof text, "name: t\nkafka: {}\n%s\n", objects);
    cdc_error_clear(&err);
    assert_int_equal(cdc_config_parse(cfg, "t.yaml", text, (size_t)n, tables, &err), CDC_OK);
    return cdc_selection_new(sel, *cfg, &err);
}

static void test_glob(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *s;
        bool match;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a*", "a", true},
        {"a*", "ba", false},
        {"*c", "abc", true},
        {"*c", "abd", false},
        {"a*c", "abbbc", true},
        {"a*c", "acb", false},
        {"a*b*c", "aXbYc", true},
        {"a*b*c", "acb", false},
        {"?", "", false},
        {"?", "a", true},
        {"?", "ab", false},
        {"a?c", "abc", true},
        {"?", "\xc3\xa9", true},
        {"??", "\xc3\xa9", false},
        {"*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaa", false},
        {"**", "x", true},
        {"t_*", "t_1", true},
        {"t_*", "tx1", false},
        {"A", "a", false},
        {"*.tmp", "a.tmp", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cdc_glob(cases[i].pattern, cases[i].s) != cases[i].match) {
            fail_msg("pattern '%s' and '%s'", cases[i].pattern, cases[i].s);
        }
    }
}

static void test_tables(void **state)
{
    (void)state;
    cdc_selection *sel;
    cdc_config *cfg;
    assert_int_equal(make(&sel, &cfg,
                          "objects: {include: [shop.*, 'crm*.c?st', x.y.z],\n"
                          "  exclude: [shop.tmp_*, crm_old.*]}"),
                     CDC_OK);
    assert_true(cdc_selection_table(sel, "shop", "orders"));
    assert_false(cdc_selection_table(sel, "shop", "tmp_1"));
    assert_false(cdc_selection_table(sel, "Shop", "orders"));
    assert_true(cdc_selection_table(sel, "crm", "cust"));
    assert_true(cdc_selection_table(sel, "crm_a", "cost"));
    assert_false(cdc_selection_table(sel, "crm_a", "cst"));
    assert_false(cdc_selection_table(sel, "crm_old", "cust"));
    assert_true(cdc_selection_table(sel, "x", "y.z")); /* the first dot parts the names */
    assert_false(cdc_selection_table(sel, "x.y", "z"));
    assert_false(cdc_selection_table(sel, "other", "orders"));
    assert_true(cdc_selection_database(sel, "shop")); /* only some of its tables are left out */
    assert_true(cdc_selection_database(sel, "crm_new"));
    assert_false(cdc_selection_database(sel, "crm_old"));
    assert_false(cdc_selection_database(sel, "other"));
    cdc_selection_free(sel);
    cdc_config_free(cfg);
}

static void test_whole_databases(void **state)
{
    (void)state;
    cdc_selection *sel;
    cdc_config *cfg;
    assert_int_equal(make(&sel, &cfg,
                          "objects: {include: ['shop.*', 'crm_*.**', 'crm_a.x', 'part.t*'],\n"
                          "  exclude: [crm_old.tmp]}"),
                     CDC_OK);
    assert_true(cdc_selection_whole(sel, "shop"));
    assert_true(cdc_selection_whole(sel, "crm_a"));
    assert_false(cdc_selection_whole(sel, "crm_old"));
    assert_false(cdc_selection_whole(sel, "part"));
    assert_false(cdc_selection_whole(sel, "other"));
    cdc_selection_free(sel);
    cdc_config_free(cfg);
}

static void test_default(void **state)
{
    (void)state;
    cdc_selection *sel;
    cdc_config *cfg;
    assert_int_equal(make(&sel, &cfg, ""), CDC_OK);
    assert_true(cdc_selection_table(sel, "any", "thing"));
    assert_true(cdc_selection_database(sel, "any"));
    cdc_selection_free(sel);
    cdc_config_free(cfg);
    assert_int_equal(make(&sel, &cfg, "objects: {include: []}"), CDC_OK);
    assert_false(cdc_selection_table(sel, "any", "thing"));
    assert_false(cdc_selection_database(sel, "any"));
    cdc_selection_free(sel);
    cdc_config_free(cfg);
}

static void bad(const char *objects, const char *want)
{
    cdc_selection *sel;
    cdc_config *cfg;
    assert_int_equal(make(&sel, &cfg, objects), CDC_FATAL);
    assert_null(sel);
    assert_string_equal(err.text, want);
    assert_int_equal(err.exit, CDC_EXIT_USAGE);
    cdc_config_free(cfg);
}

static void test_bad(void **state)
{
    (void)state;
    bad("objects: {include: [a.b, shop]}",
        "t.yaml:3:26: objects.include 'shop' is no pattern; write database.table, with * and ? as "
        "needed (shop.*)");
    bad("objects: {exclude: .t}",
        "t.yaml:3:11: objects.exclude '.t' is no pattern; write database.table, with * and ? as "
        "needed (shop.*)");
    bad("objects: {exclude: ['']}",
        "t.yaml:3:21: objects.exclude '' is no pattern; write database.table, with * and ? as "
        "needed (shop.*)");
    bad("objects: {include: 'shop.'}",
        "t.yaml:3:11: objects.include 'shop.' is no pattern; write database.table, with * and ? "
        "as needed (shop.*)");
}

static void test_rules(void **state)
{
    (void)state;
    cdc_selection *sel;
    cdc_config *cfg;
    assert_int_equal(make(&sel, &cfg,
                          "objects: {operations: [ddl, update], tables: ["
                          "{match: shop.orders, where: 'a = 1', columns: {exclude: note}},"
                          "{match: 'shop.o*', columns: {include: [id, b], exclude: [c]}},"
                          "{match: 'shop.orders', where: 'z = 1'}, {match: '*.log'}]}"),
                     CDC_OK);
    const cdc_rules *rules = cdc_selection_rules(sel);
    cdc_config_free(cfg); /* everything is copied */
    assert_true(cdc_rules_any(rules));
    assert_true(cdc_rules_operation(rules, CDC_OP_DDL));
    assert_true(cdc_rules_operation(rules, CDC_OP_UPDATE));
    assert_false(cdc_rules_operation(rules, CDC_OP_INSERT));
    assert_false(cdc_rules_operation(rules, CDC_OP_DELETE));
    const cdc_rule *rule = cdc_rules_find(rules, "shop", "orders"); /* the first that matches */
    assert_int_equal(rule->index, 0);
    assert_true(rule->exact);
    assert_non_null(rule->where);
    assert_string_equal(rule->exclude.names[0], "note");
    rule = cdc_rules_find(rules, "shop", "other");
    assert_int_equal(rule->index, 1);
    assert_false(rule->exact);
    assert_null(rule->where);
    assert_int_equal(rule->include.n, 2);
    assert_int_equal(rule->exclude.n, 1);
    assert_int_equal(cdc_rules_find(rules, "x", "log")->index, 3);
    assert_null(cdc_rules_find(rules, "shop", "items"));
    assert_null(cdc_rules_find(rules, "Shop", "orders"));
    cdc_buffer out;
    cdc_buffer_init(&out, 10000);
    cdc_selection_print(sel, "# ", &out);
    assert_string_equal(cdc_buffer_cstr(&out),
                        "# tables that match *.*; also those that are created later\n"
                        "# operations: update, ddl\n"
                        "# shop.orders: the rows where a = 1; all columns but note\n"
                        "# shop.o*: all rows; the columns id, b but c\n"
                        "# shop.orders: the rows where z = 1; all columns\n"
                        "# *.log: all rows; all columns\n"
                        "# other tables: all rows; all columns\n");
    cdc_buffer_fini(&out);
    cdc_selection_free(sel);
}

static void test_no_rules(void **state)
{
    (void)state;
    cdc_selection *sel;
    cdc_config *cfg;
    assert_int_equal(
        make(&sel, &cfg, "objects: {tables: [], operations: [ddl, insert, delete, update]}"),
        CDC_OK);
    assert_false(cdc_rules_any(cdc_selection_rules(sel)));
    cdc_selection_free(sel);
    cdc_config_free(cfg);
    bad("objects: {operations: []}",
        "t.yaml:3:11: objects.operations is empty; give at least one, or leave it out");
    bad("objects: {tables: [{match: x.y}, {match: orders}]}",
        "t.yaml:3:35: objects.tables[].match 'orders' is no pattern; write database.table, with * "
        "and ? as needed (shop.*)");
    bad("objects: {tables: [{match: x.y, where: 'a = 1 AND'}]}",
        "t.yaml:3:33: table x.y: where, character 10: a column is missing at the end");
}

/* As many as a task may have. */
static void test_a_thousand_rules(void **state)
{
    (void)state;
    static char text[100000];
    cdc_selection *sel;
    cdc_config *cfg;
    size_t n = (size_t)snprintf(text, sizeof text, "name: t\nkafka: {}\nobjects:\n  tables:\n");
    for (int i = 0; i < 1000; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "  - {match: d.t%d, where: 'id > %d', columns: {exclude: [n]}}\n", i,
                              i);
    }
    cdc_error_clear(&err);
    assert_int_equal(cdc_config_parse(&cfg, "t.yaml", text, n, tables, &err), CDC_OK);
    assert_int_equal(cdc_selection_new(&sel, cfg, &err), CDC_OK);
    assert_int_equal(cdc_rules_find(cdc_selection_rules(sel), "d", "t999")->index, 999);
    cdc_selection_free(sel);
    cdc_config_free(cfg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_whole_databases),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_no_rules),
        cmocka_unit_test(test_a_thousand_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

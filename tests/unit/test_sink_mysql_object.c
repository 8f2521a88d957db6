/* Views, routines, triggers and events, rewritten for the target. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "consumers/mysql/object.h"
#include "core/task.h"

static const cdc_option options[] = {
    {.path = "target.rename.databases", .type = CDC_OPTION_MAP, .help = "."},
    {.path = "target.rename.tables", .type = CDC_OPTION_MAP, .help = "."},
    {.path = "target.rename.columns", .type = CDC_OPTION_MAP2, .help = "."},
    {.path = "target.case",
     .type = CDC_OPTION_ENUM,
     .def = "source",
     .choices = "source|lower|upper",
     .help = "."},
    {.path = NULL},
};
static const cdc_option *const tables[] = {options, NULL};
static const char *const plain = "target: {case: source}\n";
static const char *const renamed =
    "target: {rename: {databases: {shop: dr}, tables: {shop.orders: dr.orders_2}}}\n";

typedef struct example {
    const char *config, *sql, *expected; /* NULL: refused */
} example;

static const example examples[] = {
    {plain,
     "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW `shop`.`v` AS select "
     "`o`.`id` AS `id` from `shop`.`orders` `o`",
     "CREATE ALGORITHM=UNDEFINED  SQL SECURITY INVOKER VIEW `shop`.`v` AS select "
     "`o`.`id` AS `id` from `shop`.`orders` `o`"},
    {renamed,
     "CREATE ALGORITHM=MERGE DEFINER=`a@b`@`h` SQL SECURITY DEFINER VIEW `v` AS select "
     "`shop`.`orders`.`id` AS `id`,`crm`.`c`.`x` from (`shop`.`orders` join `crm`.`c`)",
     "CREATE ALGORITHM=MERGE  SQL SECURITY INVOKER VIEW `dr`.`v` AS select "
     "`dr`.`orders_2`.`id` AS `id`,`crm`.`c`.`x` from (`dr`.`orders_2` join `crm`.`c`)"},
    {plain,
     "CREATE DEFINER=`root`@`localhost` FUNCTION `f`(a INT) RETURNS INT DETERMINISTIC RETURN a",
     "CREATE  FUNCTION `shop`.`f`(a INT) RETURNS INT DETERMINISTIC RETURN a"},
    {renamed, "CREATE DEFINER=CURRENT_USER() PROCEDURE p() BEGIN DELETE FROM shop.orders; END",
     "CREATE  PROCEDURE `dr`.`p`() BEGIN DELETE FROM `dr`.`orders_2`; END"},
    {renamed,
     "CREATE DEFINER=`r`@`h` TRIGGER `t` BEFORE INSERT ON `orders` FOR EACH ROW SET NEW.a = 1",
     "CREATE  TRIGGER `dr`.`t` BEFORE INSERT ON `dr`.`orders_2` FOR EACH ROW IF @sluice_applier IS "
     "NULL THEN\nSET NEW.a = 1\n; END IF"},
    {plain,
     "CREATE DEFINER=`r`@`h` TRIGGER shop.t AFTER DELETE ON shop.x FOR EACH ROW FOLLOWS other "
     "BEGIN INSERT INTO y VALUES (OLD.a); END; -- done",
     "CREATE  TRIGGER `shop`.`t` AFTER DELETE ON `shop`.`x` FOR EACH ROW FOLLOWS other "
     "IF @sluice_applier IS NULL THEN\nBEGIN INSERT INTO y VALUES (OLD.a); END -- done\n; END IF"},
    {plain,
     "CREATE DEFINER=`r`@`h` EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE "
     "DO "
     "DELETE FROM x",
     "CREATE  EVENT `shop`.`e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE DISABLE DO "
     "DELETE FROM x"},
    {plain, "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE COMMENT 'ENABLE' DO SELECT 1",
     "CREATE EVENT `shop`.`e` ON SCHEDULE EVERY 1 DAY DISABLE  COMMENT 'ENABLE' DO SELECT 1"},
    {plain, "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
     "CREATE EVENT `shop`.`e` ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1"},
    {plain, "CREATE TRIGGER t", NULL},
    {plain, "CREATE TABLE t (a INT)", NULL},
    {plain, "CREATE EVENT e ON SCHEDULE EVERY 1 DAY", NULL},
    {plain, "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW", NULL},
};

static void check(const example *ex)
{
    cdc_error err;
    cdc_error_clear(&err);
    cdc_config *cfg = NULL;
    cdc_rename *rn = NULL;
    assert_int_equal(cdc_config_parse(&cfg, "t", ex->config, strlen(ex->config), tables, &err),
                     CDC_OK);
    assert_int_equal(cdc_rename_new(&rn, cfg, &err), CDC_OK);
    cdc_arena ar;
    cdc_arena_init(&ar, 4096, 1 << 20);
    cdc_buffer out;
    cdc_buffer_init(&out, 1 << 16);
    sink_mysql_draft dr;
    sink_mysql_object object = {0};
    assert_true(sink_mysql_draft_init(&dr, ex->sql, strlen(ex->sql), "shop", &ar));
    bool ok = sink_mysql_object_rewrite(&dr, "shop", rn, &object);
    if (ex->expected == NULL) {
        assert_false(ok);
    } else {
        assert_true(ok);
        sink_mysql_draft_print(&dr, &out);
        assert_string_equal(cdc_buffer_cstr(&out), ex->expected);
    }
    sink_mysql_draft_fini(&dr);
    cdc_buffer_fini(&out);
    cdc_arena_fini(&ar);
    cdc_rename_free(rn);
    cdc_config_free(cfg);
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        check(&examples[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

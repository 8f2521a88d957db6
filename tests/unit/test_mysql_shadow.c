/* gh-ost and pt-online-schema-change: what they write becomes one ALTER, over restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/mysql/shadow.h"

typedef struct step {
    const char *sql;
    const char *want; /* what is published: "TYPE table[; ...]", an ALTER with its text */
} step;

static src_mysql_shadows restarted(src_mysql_shadows *sh)
{
    cdc_buffer text;
    cdc_error err;
    src_mysql_shadows again;
    cdc_buffer_init(&text, 1 << 20);
    cdc_error_clear(&err);
    src_mysql_shadows_print(sh, &text);
    assert_int_equal(src_mysql_shadows_init(&again, true, cdc_buffer_cstr(&text), &err), CDC_OK);
    cdc_buffer_fini(&text);
    src_mysql_shadows_fini(sh);
    return again;
}

static void run(const step *steps, size_t n, bool on)
{
    src_mysql_shadows sh;
    cdc_error err;
    cdc_error_clear(&err);
    assert_int_equal(src_mysql_shadows_init(&sh, on, "", &err), CDC_OK);
    for (size_t i = 0; i < n; i++) {
        cdc_arena ar;
        cdc_sql_statement stmt;
        const char *alters[SRC_MYSQL_SHADOWS_MAX];
        uint32_t nalters = 0;
        char got[512] = "";
        size_t len = 0;
        cdc_arena_init(&ar, 4096, 1 << 20);
        assert_true(
            cdc_sql_statement_parse(steps[i].sql, strlen(steps[i].sql), 0, "s", &ar, &stmt));
        assert_true(src_mysql_shadows_statement(&sh, steps[i].sql, &stmt, &ar, alters, &nalters));
        for (uint32_t k = 0; k < stmt.ntargets; k++) {
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s %s", len > 0 ? "; " : "",
                                    cdc_ddl_name(stmt.targets[k].type), stmt.targets[k].table);
        }
        for (uint32_t k = 0; k < nalters; k++) {
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s", len > 0 ? "; " : "",
                                    alters[k]);
        }
        if (strcmp(got, steps[i].want) != 0) {
            fail_msg("%s\n     got: %s\n    want: %s", steps[i].sql, got, steps[i].want);
        }
        cdc_arena_fini(&ar);
        if (on) {
            sh = restarted(&sh);
        }
    }
    src_mysql_shadows_fini(&sh);
}

#define RUN(steps, on) run(steps, sizeof(steps) / sizeof((steps)[0]), on)

/* The statements about tables that are left out by their names are still published here: the
 * selection takes them out. */
static void gh_ost(void **state)
{
    (void)state;
    static const step steps[] = {
        {"drop /* gh-ost */ table if exists `s`.`_t_gho`", "ERASE _t_gho"},
        {"create /* gh-ost */ table `s`.`_t_ghc` (id bigint)", "CREATE _t_ghc"},
        {"create /* gh-ost */ table `s`.`_t_gho` like `s`.`t`", "CREATE _t_gho"},
        {"alter /* gh-ost */ table `s`.`_t_gho` add column c int, drop d", "ALTER _t_gho"},
        {"alter /* gh-ost */ table `s`.`_t_gho` AUTO_INCREMENT=7;", "ALTER _t_gho"},
        {"ALTER TABLE other ADD x int", "ALTER other"},
        {"create /* gh-ost */ table `s`.`_t_del` (id int)", "CREATE _t_del"},
        {"rename /* gh-ost */ table `s`.`t` to `s`.`_t_del`, `s`.`_t_gho` to `s`.`t`",
         "ALTER TABLE `s`.`t` add column c int, drop d, AUTO_INCREMENT=7"},
        {"drop /* gh-ost */ table if exists `s`.`_t_del`", "ERASE _t_del"},
        {"RENAME TABLE t TO _t_del, _t_gho TO t", "RENAME _t_del; RENAME t"}, /* nothing is known */
    };
    RUN(steps, true);
}

static void gh_ost_in_two_steps(void **state)
{
    (void)state;
    static const step steps[] = {
        {"create table _t_gho like t", "CREATE _t_gho"},
        {"alter table _t_gho add c int", "ALTER _t_gho"},
        {"rename table t to _t_20261121104500_del", ""},
        {"rename table _t_20261121104500_del to t", ""}, /* it failed, and is taken back */
        {"rename table t to _t_20261121104500_del", ""},
        {"rename table _t_gho to t, a to b", "RENAME b; ALTER TABLE `s`.`t` add c int"},
    };
    RUN(steps, true);
}

static void pt_online_schema_change(void **state)
{
    (void)state;
    static const step steps[] = {
        {"CREATE TABLE `s`.`_t_new` (`id` int, PRIMARY KEY (`id`))", "CREATE _t_new"},
        {"ALTER TABLE `s`.`_t_new` ADD KEY (x)", "CINDEX _t_new"},
        {"CREATE DEFINER=`u`@`h` TRIGGER `pt_osc_s_t_del` AFTER DELETE ON `s`.`t` FOR EACH ROW "
         "DELETE IGNORE FROM `s`.`_t_new` WHERE 1",
         ""},
        {"CREATE TRIGGER mine BEFORE INSERT ON t FOR EACH ROW SET @a=1", "QUERY "},
        {"RENAME TABLE `s`.`t` TO `s`.`_t_old`, `s`.`_t_new` TO `s`.`t`",
         "ALTER TABLE `s`.`t` ADD KEY (x)"},
        {"DROP TABLE IF EXISTS `s`.`_t_old`", "ERASE _t_old"},
        {"DROP TRIGGER IF EXISTS `s`.`pt_osc_s_t_del`", ""},
        /* the names of an older run are taken, and the table is odd */
        {"CREATE TABLE `__a``b_new` (`id` int)", "CREATE __a`b_new"},
        {"ALTER TABLE `__a``b_new` ENGINE=InnoDB", "ALTER __a`b_new"},
        {"RENAME TABLE `a``b` TO `__a``b_old`, `__a``b_new` TO `a``b`",
         "ALTER TABLE `s`.`a``b` ENGINE=InnoDB"},
    };
    RUN(steps, true);
}

static void given_up(void **state)
{
    (void)state;
    static const step steps[] = {
        {"CREATE TABLE _t_new (id int)", "CREATE _t_new"},
        {"ALTER TABLE _t_new ADD c int", "ALTER _t_new"},
        {"DROP TABLE IF EXISTS _t_new", "ERASE _t_new"},
        {"CREATE TABLE _t_new (id int)", "CREATE _t_new"},
        {"RENAME TABLE x.t TO x._t_old, x._t_new TO x.t", "RENAME _t_old; RENAME t"},
        {"RENAME TABLE t TO _t_old, _t_new TO t", ""}, /* without any clause */
    };
    RUN(steps, true);
}

static void off(void **state)
{
    (void)state;
    static const step steps[] = {
        {"create table _t_gho like t", "CREATE _t_gho"},
        {"alter table _t_gho add c int", "ALTER _t_gho"},
        {"rename table t to _t_del, _t_gho to t", "RENAME _t_del; RENAME t"},
        {"CREATE TRIGGER pt_osc_x BEFORE INSERT ON t FOR EACH ROW SET @a=1", "QUERY "},
    };
    RUN(steps, false);
}

static void refuses_a_bad_token(void **state)
{
    (void)state;
    src_mysql_shadows sh;
    cdc_error err;
    cdc_error_clear(&err);
    assert_int_equal(src_mysql_shadows_init(&sh, true, "db\x1ftable", &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_token");
    src_mysql_shadows_fini(&sh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gh_ost),
        cmocka_unit_test(gh_ost_in_two_steps),
        cmocka_unit_test(pt_online_schema_change),
        cmocka_unit_test(given_up),
        cmocka_unit_test(off),
        cmocka_unit_test(refuses_a_bad_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

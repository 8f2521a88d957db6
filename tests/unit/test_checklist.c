/* The list of a precheck, and the catalog beside it, on their way from program to program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/checklist.h"
#include "core/clock.h"

static const cdc_check checks[] = {
    {"one", "fail", "What.", "How."},
    {"two", "warn", "What else.", "How."},
    {NULL, NULL, NULL, NULL},
};
static const cdc_check *const tables[] = {checks, NULL};

static cdc_checklist list;
static cdc_error err;

static int set_up(void **state)
{
    (void)state;
    cdc_error_clear(&err);
    cdc_checklist_init(&list, tables);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cdc_checklist_fini(&list);
    return 0;
}

static void test_verdict(void **state)
{
    (void)state;
    cdc_checklist_add(&list, "one", CDC_CHECK_PASS, "h", "fine");
    cdc_checklist_add(&list, "two", CDC_CHECK_WARN, "h", "so so");
    assert_int_equal(cdc_checklist_verdict(&list, &err), CDC_OK);
    cdc_checklist_add(&list, "one", CDC_CHECK_FAIL, "host:1", "off by %d\nlines", 2);
    cdc_checklist_cure(&list, "SET x = %s", "ON");
    assert_int_equal(cdc_checklist_verdict(&list, &err), CDC_FATAL);
    assert_string_equal(err.code, "one");
    assert_string_equal(err.text, "host:1: off by 2 lines: SET x = ON");
    assert_int_equal(err.exit, CDC_EXIT_REFUSED);
    assert_int_equal(cdc_checklist_count(&list, CDC_CHECK_FAIL), 1);
    assert_true(cdc_checklist_has(&list, "two"));
}

static void test_passing(void **state)
{
    (void)state;
    cdc_error_set(&err, CDC_RETRY, "away", "not there");
    cdc_checklist_error(&list, "one", "h", &err);
    assert_true(list.items[0].passing);
    assert_int_equal(cdc_checklist_verdict(&list, &err), CDC_RETRY);
    cdc_error_refuse(&err, "no", "never");
    cdc_checklist_error(&list, "one", "h", &err);
    assert_false(list.items[1].passing);
}

static void test_clock(void **state)
{
    (void)state;
    cdc_checklist_clock(&list, "two", "h", cdc_clock_wall_ms() - 4000);
    assert_int_equal(list.items[0].status, CDC_CHECK_PASS);
    cdc_checklist_clock(&list, "two", "h", cdc_clock_wall_ms() - 6000);
    assert_int_equal(list.items[1].status, CDC_CHECK_WARN);
    cdc_checklist_clock(&list, "two", "h", cdc_clock_wall_ms() + 6000);
    assert_int_equal(list.items[2].status, CDC_CHECK_WARN);
}

static void test_find(void **state)
{
    const char *near;
    (void)state;
    assert_ptr_equal(cdc_check_find(tables, "two", NULL), &checks[1]);
    assert_null(cdc_check_find(tables, "twi", &near));
    assert_string_equal(near, "two");
    assert_null(cdc_check_find(tables, "something", &near));
    assert_null(near);
}

static void fill_catalog(cdc_catalog *cat, cdc_catalog_column *cols, const char **keys,
                         cdc_catalog_table *table)
{
    cols[0] = (cdc_catalog_column){.name = "id", .type = "int unsigned", .generated = false};
    cols[1] = (cdc_catalog_column){.name = "na\"me\xc3\xa4",
                                   .type = "enum('a','b')",
                                   .collation = "utf8mb4_bin",
                                   .nullable = true,
                                   .generated = true};
    keys[0] = "id";
    *table = (cdc_catalog_table){.database = "d",
                                 .name = "t",
                                 .bytes = 77,
                                 .ncols = 2,
                                 .cols = cols,
                                 .nkeys = 1,
                                 .keys = keys};
    cat->server = "h:1";
    cat->flavour = "MySQL";
    cat->version = 90704;
    cat->max_packet_bytes = 1048576;
    cat->name_case = 0;
    cat->ntables = 1;
    cat->tables = table;
    cat->nmodules = 1;
    cat->modules = keys;
}

static void test_round_trip(void **state)
{
    cdc_catalog_column cols[2];
    const char *keys[1];
    cdc_catalog_table table;
    cdc_checklist back;
    cdc_buffer text;
    (void)state;
    cdc_checklist_add(&list, "two", CDC_CHECK_WARN, "a \"b\"", "c\td");
    cdc_checklist_cure(&list, "e");
    list.items[0].passing = true;
    fill_catalog(&list.catalog, cols, keys, &table);
    cdc_buffer_init(&text, 65536);
    cdc_buffer_add_char(&text, '{');
    cdc_checklist_encode(&list, true, &text);
    cdc_buffer_add_char(&text, '}');
    cdc_checklist_init(&back, tables);
    assert_int_equal(cdc_checklist_decode(&back, text.data, text.len, &err), CDC_OK);
    assert_int_equal(back.n, 1);
    assert_int_equal(back.items[0].status, CDC_CHECK_WARN);
    assert_true(back.items[0].passing);
    assert_string_equal(back.items[0].object, "a \"b\"");
    assert_string_equal(back.items[0].reason, "c d");
    assert_string_equal(back.items[0].cure, "e");
    const cdc_catalog *cat = &back.catalog;
    assert_string_equal(cat->server, "h:1");
    assert_int_equal(cat->version, 90704);
    assert_int_equal(cat->max_packet_bytes, 1048576);
    assert_int_equal(cat->ntables, 1);
    assert_int_equal(cat->tables[0].bytes, 77);
    assert_int_equal(cat->tables[0].ncols, 2);
    assert_null(cat->tables[0].cols[0].collation);
    assert_string_equal(cat->tables[0].cols[1].name, "na\"me\xc3\xa4");
    assert_string_equal(cat->tables[0].cols[1].type, "enum('a','b')");
    assert_true(cat->tables[0].cols[1].nullable && cat->tables[0].cols[1].generated);
    assert_string_equal(cat->tables[0].keys[0], "id");
    assert_int_equal(cat->nmodules, 1);
    assert_string_equal(cat->modules[0], "id");
    cdc_checklist_append(&list, &back);
    assert_int_equal(list.n, 2);
    cdc_checklist_fini(&back);
    cdc_buffer_fini(&text);
    list.catalog.tables = NULL; /* the stack's */
}

static void test_ill_texts(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"items\":1}",
        "{\"items\":[{\"name\":\"three\",\"status\":\"pass\"}]}",
        "{\"items\":[{\"name\":\"one\",\"status\":\"odd\"}]}",
        "{\"items\":[],\"catalog\":{}}",
        "{\"items\":[],\"catalog\":{\"tables\":[1]}}",
        "{\"items\":[],\"catalog\":{\"tables\":[{\"database\":\"d\",\"name\":\"t\",\"columns\":[{}]"
        ","
        "\"keys\":[]}]}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cdc_checklist back;
        cdc_checklist_init(&back, tables);
        assert_int_equal(cdc_checklist_decode(&back, texts[i], strlen(texts[i]), &err), CDC_FATAL);
        cdc_checklist_fini(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_verdict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ill_texts, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The MySQL sink's text: literals, statements, host names, CREATE statements. No server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "consumers/mysql/literal.h"
#include "consumers/mysql/stmt.h"

static cdc_buffer out;

static int setup(void **state)
{
    (void)state;
    cdc_buffer_init(&out, 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cdc_buffer_fini(&out);
    return 0;
}

static const char *literal(cdc_value v)
{
    cdc_buffer_reset(&out);
    return sink_mysql_add_value(&out, &v) ? cdc_buffer_cstr(&out) : "(none)";
}

static cdc_value text_value(cdc_kind kind, const char *p, size_t n)
{
    return (cdc_value){.kind = (uint8_t)kind, .p = p, .len = (uint32_t)n};
}

static void numbers(void **state)
{
    (void)state;
    assert_string_equal(literal((cdc_value){.kind = CDC_NULL}), "NULL");
    assert_string_equal(literal((cdc_value){.kind = CDC_ABSENT}), "(none)");
    assert_string_equal(literal((cdc_value){.kind = CDC_INT, .i = INT64_MIN}),
                        "-9223372036854775808");
    assert_string_equal(literal((cdc_value){.kind = CDC_UINT, .u = UINT64_MAX}),
                        "18446744073709551615");
    assert_string_equal(literal((cdc_value){.kind = CDC_BIT, .u = UINT64_MAX}),
                        "18446744073709551615");
    assert_string_equal(literal((cdc_value){.kind = CDC_ENUM, .u = 3}), "3");
    assert_string_equal(literal((cdc_value){.kind = CDC_YEAR, .i = 0}), "0");
    assert_string_equal(literal((cdc_value){.kind = CDC_DOUBLE, .d = 3}), "3e0");
    assert_string_equal(literal((cdc_value){.kind = CDC_DOUBLE, .d = -0.0}), "'-0'");
    assert_string_equal(literal((cdc_value){.kind = CDC_DOUBLE, .d = NAN}), "(none)");
    assert_string_equal(literal((cdc_value){.kind = CDC_DOUBLE, .d = INFINITY}), "(none)");
    const double hard[] = {0.1, 1e300, -1.7976931348623157e308, 5e-324, 1e15 + 1, 123456.789};
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) {
        const char *s = literal((cdc_value){.kind = CDC_DOUBLE, .d = hard[i]});
        assert_non_null(strchr(s, 'e'));
        assert_true(strtod(s, NULL) == hard[i]);
    }
}

static void decimals(void **state)
{
    (void)state;
    const char *good[] = {"0", "-1.00", "12345678901234567890.123456789"};
    const char *bad[] = {"", "-", ".", "1.0)", "1;DROP TABLE x", "1e5", "--1", "1-", "NaN", "1 "};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_string_equal(literal(text_value(CDC_DECIMAL, good[i], strlen(good[i]))), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_string_equal(literal(text_value(CDC_DECIMAL, bad[i], strlen(bad[i]))), "(none)");
    }
}

static void texts(void **state)
{
    (void)state;
    assert_string_equal(literal(text_value(CDC_TEXT, "", 0)), "''");
    assert_string_equal(literal(text_value(CDC_TEXT, "it's", 4)), "'it\\'s'");
    assert_string_equal(literal(text_value(CDC_TEXT, "a\\b\0c\n\xe2\x82\xac", 9)),
                        "'a\\\\b\\0c\n\xe2\x82\xac'");
    assert_string_equal(literal(text_value(CDC_JSON, "{\"a\": \"'\"}", 10)), "'{\"a\": \"\\'\"}'");
    assert_string_equal(literal(text_value(CDC_BYTES, "\xff'", 2)), "_binary'\xff\\''");
    /* Each place in a word of eight bytes, and behind it. */
    for (size_t at = 0; at < 20; at++) {
        const char specials[] = {'\'', '\\', '\0'};
        for (size_t k = 0; k < 3; k++) {
            char in[20];
            char want[32];
            memset(in, 'x', sizeof in);
            in[at] = specials[k];
            int n = snprintf(want, sizeof want, "'%.*s\\%c%.*s'", (int)at, "xxxxxxxxxxxxxxxxxxxx",
                             k == 2 ? '0' : specials[k], (int)(19 - at), "xxxxxxxxxxxxxxxxxxxx");
            literal(text_value(CDC_TEXT, in, sizeof in));
            assert_int_equal(out.len, n);
            assert_memory_equal(out.data, want, (size_t)n);
        }
    }
    /* Longer than a step of the escaping. */
    char big[10000];
    memset(big, '\'', sizeof big);
    literal(text_value(CDC_TEXT, big, sizeof big));
    assert_int_equal(out.len, 20002);
    cdc_buffer_reset(&out);
    sink_mysql_add_name(&out, "a`b");
    assert_string_equal(cdc_buffer_cstr(&out), "`a``b`");
}

static void moments(void **state)
{
    (void)state;
    cdc_value v = {.kind = CDC_DATE, .year = 2024};
    v.t.month = 2;
    v.t.day = 29;
    assert_string_equal(literal(v), "'2024-02-29'");
    assert_string_equal(literal((cdc_value){.kind = CDC_DATE}), "'0000-00-00'");
    v.kind = CDC_DATETIME;
    v.t.hour = 23;
    v.t.minute = 5;
    v.t.second = 59;
    assert_string_equal(literal(v), "'2024-02-29 23:05:59'");
    v.t.usec = 1230;
    assert_string_equal(literal(v), "'2024-02-29 23:05:59.001230'");
    v.kind = CDC_TIME;
    v.t.neg = true;
    v.t.hour = 838;
    v.t.usec = 0;
    assert_string_equal(literal(v), "'-838:05:59'");
    cdc_value ts = {.kind = CDC_TIMESTAMP};
    assert_string_equal(literal(ts), "'0000-00-00 00:00:00'");
    ts.ts.sec = 1;
    assert_string_equal(literal(ts), "'1970-01-01 00:00:01'");
    ts.ts.sec = 2147483647;
    ts.ts.usec = 999999;
    assert_string_equal(literal(ts), "'2038-01-19 03:14:07.999999'");
}

static void labels(void **state)
{
    (void)state;
    const char *const names[] = {"a", "it's", "c"};
    cdc_column col = {.labels = names, .nlabels = 3};
    struct {
        cdc_value v;
        const char *want;
    } cases[] = {
        {{.kind = CDC_ENUM, .u = 2}, "'it\\'s'"},
        {{.kind = CDC_ENUM, .u = 0}, "0"},
        {{.kind = CDC_ENUM, .u = 4}, "4"},
        {{.kind = CDC_SET, .u = 6}, "'it\\'s,c'"},
        {{.kind = CDC_SET, .u = 0}, "''"},
        {{.kind = CDC_SET, .u = 8}, "8"},
        {{.kind = CDC_NULL}, "NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_buffer_reset(&out);
        assert_true(sink_mysql_add_labels(&out, &cases[i].v, &col));
        assert_string_equal(cdc_buffer_cstr(&out), cases[i].want);
    }
}

static void passing_errors(void **state)
{
    (void)state;
    const unsigned passing[] = {1205, 1213, 2002, 2003, 2006, 2013,
                                2026, 1053, 1290, 3169, 1927, 1040};
    const unsigned lasting[] = {1045, 1044, 1062, 1146, 1054, 1406, 1264, 1452, 1142, 1064};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        assert_true(sink_mysql_is_passing(passing[i]));
    }
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
        assert_false(sink_mysql_is_passing(lasting[i]));
    }
}

/* A map made by hand: what the statements look like. */
static void statements(void **state)
{
    (void)state;
    const cdc_column cols[] = {{.name = "id", .kind = CDC_INT}, {.name = "v", .kind = CDC_TEXT}};
    const uint16_t keys[] = {0};
    cdc_table *tbl = NULL;
    cdc_error err;
    assert_int_equal(cdc_table_new(&tbl, "d", "t", cols, 2, keys, 1, &err), CDC_OK);
    sink_mysql_target target = {.quoted = "`d`.`t`"};
    sink_mysql_field fields[] = {{.source = 0, .quoted = "`id`"},
                                 {.source = 1, .compare = SINK_MYSQL_EXACT, .quoted = "`v`"}};
    sink_mysql_map map = {.table = tbl,
                          .target = &target,
                          .fields = fields,
                          .nfields = 2,
                          .keys = fields,
                          .nkeys = 1};
    cdc_value before[] = {{.kind = CDC_INT, .i = 1}, {.kind = CDC_TEXT, .p = "a", .len = 1}};
    cdc_value after[] = {{.kind = CDC_INT, .i = 2}, {.kind = CDC_NULL}};
    cdc_event ev = {.op = CDC_OP_UPDATE, .table = tbl, .before = before, .after = after};
    uint32_t bad = 99;

    assert_int_equal(sink_mysql_add_update(&out, &map, "UPDATE", &ev, &bad), SINK_MYSQL_ROW_OK);
    assert_string_equal(cdc_buffer_cstr(&out), "UPDATE `d`.`t` SET `id`=2,`v`=NULL WHERE `id`=1");
    assert_false(sink_mysql_same_key(&map, &ev));
    char key[32];
    sink_mysql_describe_key(&ev, key, sizeof key);
    assert_string_equal(key, "id=1");

    before[0].kind = CDC_ABSENT; /* then the key is what it is afterwards */
    cdc_buffer_reset(&out);
    assert_int_equal(sink_mysql_add_delete(&out, &map, &ev, &bad), SINK_MYSQL_ROW_OK);
    assert_string_equal(cdc_buffer_cstr(&out), "DELETE FROM `d`.`t` WHERE `id`=2");
    assert_true(sink_mysql_same_key(&map, &ev));

    after[1].kind = CDC_ABSENT;
    cdc_buffer_reset(&out);
    cdc_buffer_add_str(&out, "x");
    assert_int_equal(sink_mysql_add_row(&out, &map, after, &bad), SINK_MYSQL_ROW_PARTIAL);
    assert_int_equal(out.len, 1);
    cdc_buffer_reset(&out);
    assert_int_equal(sink_mysql_add_insert(&out, &map, "INSERT", after, &bad), SINK_MYSQL_ROW_OK);
    assert_string_equal(cdc_buffer_cstr(&out), "INSERT INTO `d`.`t` (`id`) VALUES (2)");

    map.nkeys = 0; /* found by all columns, and one row of several equal ones */
    before[0] = (cdc_value){.kind = CDC_NULL};
    ev.op = CDC_OP_DELETE;
    ev.after = NULL;
    cdc_buffer_reset(&out);
    assert_int_equal(sink_mysql_add_delete(&out, &map, &ev, &bad), SINK_MYSQL_ROW_OK);
    assert_string_equal(cdc_buffer_cstr(&out),
                        "DELETE FROM `d`.`t` WHERE `id`<=>NULL AND `v`<=>'a' AND "
                        "CAST(CONVERT(`v` USING utf8mb4) AS BINARY)<=>CAST('a' AS BINARY) LIMIT 1");

    before[0].kind = CDC_ABSENT; /* nothing to find it by: never a DELETE of just any row */
    before[1].kind = CDC_ABSENT;
    assert_int_equal(sink_mysql_add_delete(&out, &map, &ev, &bad), SINK_MYSQL_ROW_BAD);
    cdc_table_unref(tbl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(decimals, setup, teardown),
        cmocka_unit_test_setup_teardown(texts, setup, teardown),
        cmocka_unit_test_setup_teardown(moments, setup, teardown),
        cmocka_unit_test_setup_teardown(labels, setup, teardown),
        cmocka_unit_test(passing_errors),
        cmocka_unit_test_setup_teardown(statements, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

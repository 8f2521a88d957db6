/* MySQL's column type texts, and floating-point numbers as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/mysql_type.h"
#include "schema/number.h"

static cdc_arena arena;
static cdc_error error;

static int setup(void **state)
{
    (void)state;
    cdc_arena_init(&arena, 65536, 1 << 20);
    cdc_error_clear(&error);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cdc_arena_fini(&arena);
    return 0;
}

static cdc_column parse(const char *text)
{
    cdc_column col = {
        .name = "untouched", .charset = "untouched", .key_part = 5, .length = 99, .nlabels = 99};
    if (cdc_mysql_type_parse(text, &col, &arena, &error) != CDC_OK) {
        fail_msg("%s", error.text);
    }
    assert_string_equal(col.name, "untouched");
    assert_string_equal(col.charset, "untouched");
    assert_int_equal(col.key_part, 5);
    return col;
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        cdc_kind kind;
        int16_t java_type;
        bool is_unsigned;
        unsigned digits, length, precision, scale;
    } cases[] = {
        {"tinyint", CDC_INT, -6, false, 0, 0, 0, 0},
        {"tinyint(1)", CDC_INT, -6, false, 0, 0, 0, 0},
        {"TINYINT(3) UNSIGNED", CDC_UINT, -6, true, 0, 0, 0, 0},
        {"smallint(5) unsigned zerofill", CDC_UINT, 5, true, 0, 0, 0, 0},
        {"mediumint", CDC_INT, 4, false, 0, 0, 0, 0},
        {"int", CDC_INT, 4, false, 0, 0, 0, 0},
        {"int(10) zerofill", CDC_UINT, 4, true, 0, 0, 0, 0},
        {"bigint(20) signed", CDC_INT, -5, false, 0, 0, 0, 0},
        {"decimal(10,2)", CDC_DECIMAL, 3, false, 0, 0, 10, 2},
        {"decimal(65, 30) unsigned", CDC_DECIMAL, 3, true, 0, 0, 65, 30},
        {"decimal(5)", CDC_DECIMAL, 3, false, 0, 0, 5, 0},
        {"decimal", CDC_DECIMAL, 3, false, 0, 0, 0, 0},
        {"float", CDC_FLOAT, 7, false, 0, 0, 0, 0},
        {"float(7,4) unsigned", CDC_FLOAT, 7, true, 0, 0, 0, 0},
        {"double", CDC_DOUBLE, 8, false, 0, 0, 0, 0},
        {"double precision", CDC_DOUBLE, 8, false, 0, 0, 0, 0},
        {"bit(1)", CDC_BIT, -7, false, 0, 1, 0, 0},
        {"bit(64)", CDC_BIT, -7, false, 0, 64, 0, 0},
        {"year(4)", CDC_YEAR, 12, false, 0, 0, 0, 0},
        {"date", CDC_DATE, 91, false, 0, 0, 0, 0},
        {"time", CDC_TIME, 92, false, 0, 0, 0, 0},
        {"time(6)", CDC_TIME, 92, false, 6, 0, 0, 0},
        {"datetime(3)", CDC_DATETIME, 93, false, 3, 0, 0, 0},
        {"timestamp(1)", CDC_TIMESTAMP, 93, false, 1, 0, 0, 0},
        {"timestamp(2) /* mariadb-5.3 */", CDC_TIMESTAMP, 93, false, 2, 0, 0, 0},
        {"char(36)", CDC_TEXT, 1, false, 0, 0, 0, 0},
        {"varchar(255) character set latin1 collate latin1_bin", CDC_TEXT, 12, false, 0, 0, 0, 0},
        {"varchar(10) charset utf8mb4", CDC_TEXT, 12, false, 0, 0, 0, 0},
        {"tinytext", CDC_TEXT, 2005, false, 0, 0, 0, 0},
        {"longtext", CDC_TEXT, 2005, false, 0, 0, 0, 0},
        {"binary(16)", CDC_BYTES, 2004, false, 0, 16, 0, 0},
        {"binary", CDC_BYTES, 2004, false, 0, 1, 0, 0},
        {"varbinary(16)", CDC_BYTES, 2004, false, 0, 0, 0, 0},
        {"mediumblob", CDC_BYTES, 2004, false, 0, 0, 0, 0},
        {"json", CDC_JSON, 12, false, 0, 0, 0, 0},
        {"geomcollection", CDC_BYTES, 2004, false, 0, 0, 0, 0},
        {"vector(3)", CDC_BYTES, 2004, false, 0, 0, 0, 0},
        {"inet6", CDC_TEXT, 12, false, 0, 0, 0, 0},
        {"uuid", CDC_TEXT, 12, false, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_column col = parse(cases[i].text);
        assert_int_equal(col.kind, cases[i].kind);
        assert_int_equal(col.java_type, cases[i].java_type);
        assert_int_equal(col.is_unsigned, cases[i].is_unsigned);
        assert_int_equal(col.digits, cases[i].digits);
        assert_int_equal(col.length, cases[i].length);
        assert_int_equal(col.precision, cases[i].precision);
        assert_int_equal(col.scale, cases[i].scale);
        assert_int_equal(col.nlabels, 0);
    }
}

static void test_labels(void **state)
{
    (void)state;
    cdc_column col = parse("enum('a','it''s','x,y','','ü','back\\\\slash','''','\\n\\r\\'n')");
    static const char *const want[] = {"a", "it's", "x,y", "", "ü", "back\\slash", "'", "\n\r'n"};
    assert_int_equal(col.kind, CDC_ENUM);
    assert_int_equal(col.java_type, 4);
    assert_int_equal(col.nlabels, 8);
    for (size_t i = 0; i < 8; i++) {
        assert_string_equal(col.labels[i], want[i]);
    }
    col = parse("SET( 'x' , 'y' )");
    assert_int_equal(col.kind, CDC_SET);
    assert_int_equal(col.java_type, -7);
    assert_int_equal(col.nlabels, 2);
    assert_string_equal(col.labels[1], "y");
}

static void test_malformed_types(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "int2",
        "hyperint",
        "int(",
        "int()",
        "int(11",
        "int(x)",
        "int(-1)",
        "int(11) big",
        "int unsigned,",
        "enum",
        "enum()",
        "enum('a'",
        "enum('a",
        "enum('a\\'",
        "enum('a\\",
        "enum('a\\0')",
        "enum('a')b",
        "enum('a' 'b')",
        "enum('a',)",
        "enum(a)",
        "decimal(66,0)",
        "decimal(10,39)",
        "decimal(2,3)",
        "decimal(10,2,1)",
        "bit(65)",
        "time(7)",
        "datetime(-1)",
        "binary(256)",
        "timestamp /* open",
        "timestamp /* open *",
        "varchar(10) character",
        "varchar(10) character set",
        "int(4294967296)",
        "set('0','1','2','3','4','5','6','7','8','9','a','b','c','d','e','f','g','h','i','j','k','"
        "l','m','n','o','p',"
        "'q','r','s','t','u','v','w','x','y','z','00','01','02','03','04','05','06','07','08','09',"
        "'0a','0b','0c','0d',"
        "'0e','0f','0g','0h','0i','0j','0k','0l','0m','0n','0o','0p','0q','0r','65')"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cdc_column col = {0};
        if (cdc_mysql_type_parse(bad[i], &col, &arena, &error) != CDC_FATAL) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_non_null(strstr(error.text, "column type"));
        assert_true(strncmp(error.code, "type_", 5) == 0);
    }
}

static void test_no_memory_for_labels(void **state)
{
    (void)state;
    cdc_arena small;
    cdc_column col = {0};
    cdc_arena_init(&small, 64, 64);
    assert_int_equal(
        cdc_mysql_type_parse(
            "enum('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')", &col,
            &small, &error),
        CDC_FATAL);
    assert_string_equal(error.code, "no_memory");
    cdc_arena_fini(&small);
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min;
        uint64_t max, small_max;
        int16_t wide_type;
    } cases[] = {
        {"tinyint", -128, 127, 127, 5},
        {"tinyint unsigned", 0, 255, 127, 5},
        {"smallint unsigned", 0, 65535, 32767, 4},
        {"mediumint unsigned", 0, 16777215, 8388607, 4},
        {"int", INT32_MIN, INT32_MAX, INT32_MAX, -5},
        {"integer unsigned", 0, UINT32_MAX, INT32_MAX, -5},
        {"bigint", INT64_MIN, INT64_MAX, INT64_MAX, 3},
        {"BIGINT(20) UNSIGNED", 0, UINT64_MAX, INT64_MAX, 3},
    };
    cdc_mysql_range range;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_column col = parse(cases[i].text);
        col.type_text = cases[i].text;
        assert_true(cdc_mysql_type_range(&col, &range));
        assert_true(range.min == cases[i].min);
        assert_true(range.max == cases[i].max);
        assert_true(range.small_max == cases[i].small_max);
        assert_int_equal(range.wide_type, cases[i].wide_type);
    }
    cdc_column col = parse("decimal(3,1) unsigned");
    col.type_text = "decimal(3,1) unsigned";
    assert_false(cdc_mysql_type_range(&col, &range));
}

/* --- numbers --- */

static void assert_writes(double d, bool single, const char *want)
{
    char text[40];
    *cdc_number_write(text, d, single) = '\0';
    assert_string_equal(text, want);
}

static void test_number_forms(void **state)
{
    (void)state;
    assert_writes(0.5, false, "0.5");
    assert_writes(-0.25, false, "-0.25");
    assert_writes(1e-5, false, "0.00001");
    assert_writes(1.5e-5, false, "0.000015");
    assert_writes(9.99e-6, false, "9.99e-6");
    assert_writes(1e-100, false, "1e-100");
    assert_writes(99999999999999990.0, false, "99999999999999980");
    assert_writes(1e17, false, "1e17");
    assert_writes(1.0 / 3, false, "0.3333333333333333");
    assert_writes(2.0 / 3, false, "0.6666666666666666");
    assert_writes(123456.789, false, "123456.789");
    assert_writes(5.0e-324, false, "5e-324");
    assert_writes((double)1.1F, true, "1.1");
    assert_writes((double)16777218.0F, true, "16777218");
    assert_writes((double)8589973000.0F, true, "8589974000");
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Bits of every kind: what is written reads back to the same bits, by our reader and by the C
 * library. */
static void test_numbers_read_back(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252ULL;
    char text[40];
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = next_random(&x);
        double d = 0;
        double back = 0;
        memcpy(&d, &bits, sizeof d);
        if (i % 3 == 0) {
            d = (double)(int64_t)(bits % 1000000000) / 1000;
        }
        if (d - d == 0) {
            char *end = cdc_number_write(text, d, false);
            assert_true(cdc_number_read(text, (size_t)(end - text), false, &back));
            assert_memory_equal(&back, &d, sizeof d);
            *end = '\0';
            assert_true(strtod(text, NULL) == d);
            assert_true(end - text <= 24);
        }
        uint32_t half = (uint32_t)bits;
        float f = 0;
        memcpy(&f, &half, sizeof f);
        if (f - f == 0) {
            char *end = cdc_number_write(text, (double)f, true);
            assert_true(cdc_number_read(text, (size_t)(end - text), true, &back));
            assert_true(back == (double)f);
            *end = '\0';
            assert_true(strtof(text, NULL) == f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_for_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_number_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_read_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

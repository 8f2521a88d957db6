/* Conditions: the truth of each operator on each type, three-valued logic, and what is refused with
 * which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/where.h"
#include "where_rows.h"

static cdc_table *table;
static cdc_value row[NCOLS];
static cdc_error err;

static int fresh_row(void **state)
{
    (void)state;
    where_fill(row);
    return 0;
}

static int make_table(void **state)
{
    (void)state;
    const uint16_t keys[] = {I};
    return cdc_table_new(&table, "shop", "all", columns, NCOLS, keys, 1, &err) == CDC_OK ? 0 : -1;
}

static int free_table(void **state)
{
    (void)state;
    cdc_table_unref(table);
    return 0;
}

static cdc_truth truth_lacking(const char *condition, int *lacking)
{
    cdc_where *where;
    cdc_condition *cond;
    cdc_error_clear(&err);
    if (cdc_where_parse(&where, condition, &err) != CDC_OK) {
        fail_msg("%s: %s", condition, err.text);
    }
    if (cdc_where_bind(&cond, where, table, &err) != CDC_OK) {
        fail_msg("%s: %s", condition, err.text);
    }
    cdc_where_free(where);
    cdc_truth truth = cdc_condition_row(cond, row, lacking);
    cdc_condition_free(cond);
    return truth;
}

static void expect(const char *condition, cdc_truth want)
{
    static const char *const names[] = {"false", "true", "unknown"};
    int lacking;
    cdc_truth truth = truth_lacking(condition, &lacking);
    if (truth != want || lacking != -1) {
        fail_msg("%s is %s, not %s (lacking %d)", condition, names[truth], names[want], lacking);
    }
}

/* Each of them, and the opposite of its negation. */
static void expect_all(const char *const *conditions, cdc_truth want)
{
    static const cdc_truth opposite[] = {CDC_TRUE, CDC_FALSE, CDC_UNKNOWN};
    for (; *conditions != NULL; conditions++) {
        char negated[512];
        snprintf(negated, sizeof negated, "NOT (%s)", *conditions);
        expect(*conditions, want);
        expect(negated, opposite[want]);
    }
}

static void all_true(const char *const *conditions)
{
    expect_all(conditions, CDC_TRUE);
}

static void all_false(const char *const *conditions)
{
    expect_all(conditions, CDC_FALSE);
}

#define TRUE_ARE(...) all_true((const char *const[]){__VA_ARGS__, NULL})
#define FALSE_ARE(...) all_false((const char *const[]){__VA_ARGS__, NULL})

/* T, F and U stand for conditions that are true, false and unknown. */
static void test_logic(void **state)
{
    (void)state;
    static const char *const is[] = {"i = 0", "i = -5", "n = 0"};
    static const cdc_truth and[3][3] = {{CDC_FALSE, CDC_FALSE, CDC_FALSE},
                                        {CDC_FALSE, CDC_TRUE, CDC_UNKNOWN},
                                        {CDC_FALSE, CDC_UNKNOWN, CDC_UNKNOWN}};
    static const cdc_truth or [3][3] = {{CDC_FALSE, CDC_TRUE, CDC_UNKNOWN},
                                        {CDC_TRUE, CDC_TRUE, CDC_TRUE},
                                        {CDC_UNKNOWN, CDC_TRUE, CDC_UNKNOWN}};
    static const cdc_truth not [3] = {CDC_TRUE, CDC_FALSE, CDC_UNKNOWN};
    char condition[200];
    for (int a = 0; a < 3; a++) {
        snprintf(condition, sizeof condition, "not %s", is[a]);
        expect(condition, not [a]);
        for (int b = 0; b < 3; b++) {
            snprintf(condition, sizeof condition, "%s AND %s", is[a], is[b]);
            expect(condition, and[a][b]);
            snprintf(condition, sizeof condition, "%s or %s", is[a], is[b]);
            expect(condition, or [a][b]);
        }
    }
    /* AND before OR, NOT before AND, as in SQL */
    TRUE_ARE("i=-5 OR i=-5 AND i=0", "(i=-5 OR i=-5) AND NOT i=0", "NOT i=0 AND i=-5",
             "NOT NOT i=-5", "NOT (i=0 AND i=-5)", "i=0 OR i=0 OR i=-5", "((((i=-5))))");
    FALSE_ARE("(i=-5 OR i=-5) AND i=0", "NOT (i=-5) OR i=0", "NOT (i=0 OR i=-5)");
}

static void test_null(void **state)
{
    (void)state;
    expect_all((const char *const[]){"n = 1", "n <> 1", "n < 1", "n IN (1, 2)", "n NOT IN (1)",
                                     "n BETWEEN 1 AND 2", "n NOT BETWEEN 1 AND 2", "1 > n",
                                     "n = 1 OR n = 2", NULL},
               CDC_UNKNOWN);
    TRUE_ARE("n IS NULL", "i IS NOT NULL", "n is null and i is not null");
    FALSE_ARE("n IS NOT NULL", "i IS NULL", "n = 1 AND i = 0");
    row[TXT] = (cdc_value){.kind = CDC_NULL};
    row[J] = row[TXT];
    expect("txt LIKE '%'", CDC_UNKNOWN);
    expect("txt NOT LIKE '%'", CDC_UNKNOWN);
    expect("j IS NULL", CDC_TRUE);
}

static void test_integers(void **state)
{
    (void)state;
    TRUE_ARE("i = -5", "i <> 5", "i != 5", "i < -4", "i <= -5", "i >= -5", "i > -6", "i < 0",
             "i = '-5'", "i = -5.0", "i = -50e-1", "i = -0.5E+1", "-5 = i", "-4 > i", "-6 < i",
             "-5 >= i", "-5 <= i", "0 <> i", "i < -4.9", "i > -5.1", "i <> -5.5",
             "i > -99999999999999999999", "i < 99999999999999999999", "i < 18446744073709551615",
             "i IN (1, 2, -5)", "i NOT IN (1, 2)", "i BETWEEN -6 AND -4", "i BETWEEN -5 AND -5",
             "i NOT BETWEEN -4 AND 4", "i BETWEEN -5.5 AND -4.5", "i < TRUE", "i < FALSE");
    FALSE_ARE("i = 5", "i = -5.0001", "i > -5", "i < -5", "i BETWEEN -4 AND -6", "i > -4.9",
              "i < -5.1", "i = -18446744073709551611", "i IN (5)", "i = 99999999999999999999",
              "i = 1e400", "i = -4.99999999999999999999999999");
    TRUE_ARE("u = 18446744073709551615", "u > 18446744073709551614", "u > -1",
             "u > 9223372036854775807", "u < 18446744073709551616", "u < 18446744073709551615.5",
             "u = 1.8446744073709551615e19", "u = X'FFFFFFFFFFFFFFFF'", "u = 0xffffffffffffffff",
             "u >= 18446744073709551614.5");
    FALSE_ARE("u = 18446744073709551614", "u = 18446744073709551616", "u = -1", "u < 1",
              "u = X'01FFFFFFFFFFFFFFFF'", "u = 18446744073709551615.5");
    row[I].i = INT64_MIN;
    TRUE_ARE("i = -9223372036854775808", "i < -9223372036854775807", "i > -9223372036854775809",
             "i > -9223372036854775808.5");
    row[I].i = 0;
    TRUE_ARE("i = 0", "i = -0", "i = 0.000", "i = 0e99", "i > -0.5", "i < 0.5", "i = '+0'",
             "i = .0");
}

static void test_other_integers(void **state)
{
    (void)state;
    TRUE_ARE("b = 258", "b = B'100000010'", "b = X'0102'", "b = 0x102", "b > 257");
    FALSE_ARE("b = 257", "b = X'0201'");
    TRUE_ARE("y = 2024", "y = '2024'", "y BETWEEN 2000 AND 2100");
    FALSE_ARE("y < 2024", "y = 24");
}

static void test_decimals(void **state)
{
    (void)state;
    TRUE_ARE("de = -12345678901234567890.12", "de = -12345678901234567890.120000000",
             "de = '-12345678901234567890.12'", "de = -1234567890123456789012e-2",
             "de < -12345678901234567890.1199999999", "de > -12345678901234567890.1200001",
             "de < 0", "de < 1", "de <> 12345678901234567890.12", "de > -123456789012345678901",
             "de IN (0, -12345678901234567890.12)");
    FALSE_ARE("de = -12345678901234567890.13", "de = -12345678901234567890.1", "de > 0",
              "de < -99999999999999999999");
    row[DEC] = text(CDC_DECIMAL, "0.0500");
    TRUE_ARE("de = .05", "de = 5e-2", "de > 0", "de < 0.0501", "de > 0.0499", "de > -1", "de < 0.1",
             "de > 0.00999");
    row[DEC] = text(CDC_DECIMAL, "0.0000");
    TRUE_ARE("de = 0", "de = -0", "de = 0.00", "de < 1e-10", "de > -1e-10");
    row[DEC] = text(CDC_DECIMAL, "100");
    TRUE_ARE("de = 100", "de = 1e2", "de > 99.99", "de < 100.01", "de > 20", "de < 1000");
}

static void test_reals(void **state)
{
    (void)state;
    /* in the column's own type: what was written as 0.1 is found as 0.1 */
    TRUE_ARE("f = 0.1", "d = 0.1", "f = '0.1'", "d = 1e-1", "d < 0.2", "d > 0", "f BETWEEN 0 AND 1",
             "d > -1e300", "d < 10");
    FALSE_ARE("d = 0.10000001", "f > 0.1", "d < 0.1", "f <> 0.1");
}

static void test_enums_and_sets(void **state)
{
    (void)state;
    TRUE_ARE("e = 'paid'", "e <> 'Paid'", "e IN ('x', 'paid')", "e = 2", "e > 1", "e LIKE 'p%'",
             "e < 'q'", "e NOT LIKE 'P%'");
    FALSE_ARE("e = 'new'", "e = 'no such label'", "e = 3", "e = ''");
    row[E].u = 0; /* the invalid value */
    TRUE_ARE("e = ''", "e = 0", "e <> 'new'");
    TRUE_ARE("s = 'new,Sent'", "s = 'Sent,new'", "s = 5", "s IN ('new', 'new,Sent')",
             "s <> 'new,none'", "s <> 'new'");
    FALSE_ARE("s = 'new'", "s = 'none'", "s = 'new,sent'", "s = ''");
    row[S].u = 0;
    TRUE_ARE("s = ''", "s = 0");
}

static void test_dates(void **state)
{
    (void)state;
    TRUE_ARE("da = '2024-02-29'", "da = DATE '2024-02-29'", "da < '2024-03-01'",
             "da BETWEEN '2024-01-01' AND '2024-12-31'", "da > '0000-00-00'", "da > '2024-02-00'",
             "da < '2024-02-29 00:00:00.000001'", "da = '2024-02-29T00:00'");
    FALSE_ARE("da = '2024-02-28'", "da = '2024-02-29 12:00'", "da > '2024-02-29'");
    TRUE_ARE("dt = '2024-02-29 12:30:01.25'", "dt > '2024-02-29'", "dt < '2024-02-29 12:30:01.26'",
             "dt > '2024-02-29 12:30'", "dt = TIMESTAMP '2024-02-29T12:30:01.250000'");
    FALSE_ARE("dt = '2024-02-29'", "dt < '2024-02-29 12:30:01.249999'");
    row[DA] = (cdc_value){.kind = CDC_DATE};
    TRUE_ARE("da = '0000-00-00'", "da < '0000-00-01'", "da < '1000-01-01'");
}

static void test_timestamps_and_times(void **state)
{
    (void)state;
    TRUE_ARE("ts = '2024-02-29 12:30:01.25'", "ts = '2024-02-29T12:30:01.25Z'",
             "ts = '2024-02-29 13:30:01.250+01:00'", "ts = '2024-02-28 22:30:01.25-14:00'",
             "ts > '1969-12-31'", "ts > '0000-00-00'", "ts < '2038-01-19 03:14:07'");
    FALSE_ARE("ts = '2024-02-29 13:30:01.25'", "ts < '2024-02-29'");
    row[TS].ts.sec = 0;
    row[TS].ts.usec = 0;
    TRUE_ARE("ts = '0000-00-00 00:00:00'", "ts < '1970-01-01 00:00:01'");
    TRUE_ARE("t = '-800:01:02.5'", "t < '00:00'", "t > '-838:59:59'", "t = TIME '-800:01:02.500'",
             "t < '-800:01:02.4'", "t > '-800:01:02.6'");
    FALSE_ARE("t = '800:01:02.5'", "t > '0:00:00'");
}

static void test_text(void **state)
{
    (void)state;
    TRUE_ARE("txt = 'Straße 100%'", "txt <> 'straße 100%'", "txt <> 'Straße 100% '",
             "txt > 'Straz'", "txt < 'Straß~'", "txt < 'a'", "txt >= 'Straße'", "txt <> ''",
             "txt IN ('', 'Straße 100%')", "txt = X'53747261C39F652031303025'");
    FALSE_ARE("txt = 'Straße'", "txt = ''", "txt < 'Straße 100%'");
    row[TXT] = text(CDC_TEXT, "it's \\ \"x\"");
    TRUE_ARE("txt = 'it''s \\ \"x\"'", "txt LIKE '%''%'", "`txt` <> ''");
    row[TXT] = (cdc_value){.kind = CDC_TEXT, .p = NULL, .len = 0};
    TRUE_ARE("txt = ''", "txt < 'a'", "txt LIKE ''", "txt LIKE '%'", "txt NOT LIKE '_'");
    TRUE_ARE("byt = X'00FF7A'", "byt = 0x00ff7A", "byt > X'00FF'", "byt < X'00FF7B'",
             "byt LIKE '__z'", "byt LIKE '%z'", "byt <> ''", "byt > ''");
    FALSE_ARE("byt = 'z'", "byt = X'FF7A'", "byt LIKE '_z'");
    TRUE_ARE("j LIKE '%\"a\": 1%'", "j IS NOT NULL");
}

static void test_like(void **state)
{
    (void)state;
    TRUE_ARE("txt LIKE 'Straße 100%'", "txt LIKE '%'", "txt LIKE 'S%'", "txt LIKE '%100\\%'",
             "txt LIKE 'Stra_e%'", "txt LIKE '_tr%e%0%'", "txt LIKE '%%a%%'",
             "txt LIKE '%!%' ESCAPE '!'", "txt LIKE '%\\%' ESCAPE '\\'", "txt LIKE '___________'",
             "txt LIKE '%1%0%'");
    FALSE_ARE("txt LIKE 'straße%'", "txt LIKE 'Straße'", "txt LIKE 'Stra__e%'", "txt LIKE ''",
              "txt LIKE '%101%'", "txt LIKE '%\\%' ESCAPE ''", "txt LIKE 'S_'", "txt LIKE '%x'",
              "txt LIKE '____________'");
    row[TXT] = text(CDC_TEXT, "a_b\\c");
    TRUE_ARE("txt LIKE 'a\\_b\\\\c'", "txt LIKE 'a|_b\\c' ESCAPE '|'", "txt LIKE 'a_b\\\\%'");
    FALSE_ARE("txt LIKE 'aXb%'", "txt LIKE '\\a\\%b%'");
    row[TXT] = text(CDC_TEXT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    TRUE_ARE("txt LIKE '%a%a%a%a%b'");
    FALSE_ARE("txt LIKE '%a%a%a%a%c'");
}

static void test_names(void **state)
{
    (void)state;
    TRUE_ARE("I = -5", "`i` = -5", " i=-5 ", "\ti\n=\r-5", "i=- 5", "i<>5");
}

/* --- faults --- */

static void refused(const char *condition, const char *want)
{
    cdc_where *where;
    cdc_condition *cond;
    cdc_error_clear(&err);
    cdc_rc rc = cdc_where_parse(&where, condition, &err);
    if (rc == CDC_OK) {
        rc = cdc_where_bind(&cond, where, table, &err);
        cdc_where_free(where);
        if (rc == CDC_OK) {
            cdc_condition_free(cond);
            fail_msg("%s is taken", condition);
        }
    }
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(err.code, "where");
    if (strstr(err.text, want) == NULL) {
        fail_msg("%s: '%s' does not hold '%s'", condition, err.text, want);
    }
}

static void test_syntax_faults(void **state)
{
    (void)state;
    static const char *const faults[][2] = {
        {"", "character 1: a column is missing at the end"},
        {"i", "character 2: a comparison"},
        {"i = ", "character 5: a number or 'text' is missing"},
        {"i = 1 AND", "character 10: a column is missing"},
        {"i = 1 i = 2", "character 7: AND or OR is expected here, not i"},
        {"(i = 1", "character 7: ) is missing"},
        {"i = 1)", "character 6: AND or OR is expected here, not )"},
        {"i IN ()", "character 7: a number or 'text' is expected here, not )"},
        {"i IN (1", "character 8: ) is missing"},
        {"i IN 1", "character 6: ( is expected"},
        {"i BETWEEN 1 OR 2", "character 13: AND of BETWEEN"},
        {"i BETWEEN 1", "AND of BETWEEN is missing"},
        {"i = NULL", "character 5: nothing is equal to NULL"},
        {"i IN (1, NULL)", "character 10: nothing is equal to NULL"},
        {"i IS 5", "character 6: NULL is expected"},
        {"i NOT 5", "character 7: a comparison"},
        {"txt = 'ß' AND x = 'abc", "character 19: this quote is never closed"},
        {"txt = \"x\"", "character 7: double quotes are not used"},
        {"txt LIKE 5", "character 10: a 'pattern' is expected"},
        {"txt LIKE 'x' ESCAPE 'ab'", "character 21: one ASCII character"},
        {"i == 1", "character 4: a number or 'text' is expected here, not ="},
        {"i = 1;", "character 6: this character has no place"},
        {"i = 1a", "character 5: this is no number"},
        {"i = 1.2.3", "character 5: this is no number"},
        {"i = 0xZZ", "hexadecimal digits"},
        {"byt = X'ABC'", "an even number of digits"},
        {"byt = X'GG'", "hexadecimal digits"},
        {"b = B'12'", "binary digits"},
        {"1 = 1", "character 5: a column is expected"},
        {"1 IN (1)", "with a column"},
        {"i = u", "character 5: a number or 'text' is expected here, not u"},
        {"i = -'5'", "character 6: a number is expected"},
        {"select = 1 and = 2", "character 16: a column is expected"},
        {"i = 1 || i = 2", "character 7: this character has no place"},
    };
    for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++) {
        refused(faults[k][0], faults[k][1]);
    }
    char deep[2 * CDC_WHERE_DEPTH_MAX + 20];
    memset(deep, '(', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    refused(deep, "nested too deeply");
}

static void test_type_faults(void **state)
{
    (void)state;
    static const char *const faults[][2] = {
        {"amount = 1", "character 1: table shop.all has no column 'amount'"},
        {"i = 1 AND txxt = ''",
         "character 11: table shop.all has no column 'txxt' (the nearest is 'txt')"},
        {"i = 'abc'", "character 5: shop.all.i is bigint: this is no number"},
        {"i = ''", "no number"},
        {"i = '1 '", "no number"},
        {"i = '0x10'", "no number"},
        {"de = X'01'", "shop.all.de is decimal(30,4): this is no number"},
        {"d = '1e999999'", "no number"},
        {"f = 1e39", "out of its range"},
        {"d = 1e400", "out of its range"},
        {"i = 1e401", "no number"},
        {"txt = 5", "character 7: shop.all.txt is varchar(99): a number"},
        {"byt IN ('a', 5)", "character 14: "},
        {"da = '2024-13-01'", "shop.all.da is date: this is no 'yyyy-mm-dd"},
        {"da = '2024-2-1'", "yyyy-mm-dd"},
        {"da = '2024-02-29Z'", "yyyy-mm-dd"},
        {"da = 20240229", "yyyy-mm-dd"},
        {"dt = '2024-02-29 24:00'", "yyyy-mm-dd"},
        {"dt = '2024-02-29 12:00:00.1234567'", "yyyy-mm-dd"},
        {"ts = '2024-02-29 12:00+1'", "+hh:mm"},
        {"ts = '2024-00-10'", "+hh:mm"},
        {"t = '12'", "hhh:mm"},
        {"t = '839:00'", "hhh:mm"},
        {"t = '12:60'", "hhh:mm"},
        {"s > 'new'", "it knows = <> IN with labels"},
        {"s LIKE 'new'", "LIKE is for text"},
        {"e IN ('new', 2)", "character 14: "},
        {"j = '{}'", "IS NULL and LIKE"},
        {"i LIKE '5'", "LIKE is for text"},
    };
    for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++) {
        refused(faults[k][0], faults[k][1]);
    }
}

/* A row that does not hold what the answer hangs on is told, not guessed. */
static void test_lacking_values(void **state)
{
    (void)state;
    int lacking;
    row[DEC] = (cdc_value){.kind = CDC_ABSENT};
    assert_int_equal(truth_lacking("i = -5 AND de > 0", &lacking), CDC_UNKNOWN);
    assert_int_equal(lacking, DEC);
    assert_int_equal(truth_lacking("i = 0 AND de > 0", &lacking), CDC_FALSE);
    assert_int_equal(lacking, -1);
    row[TXT] = (cdc_value){.kind = CDC_INT, .i = 5};
    (void)truth_lacking("txt = '5'", &lacking);
    assert_int_equal(lacking, TXT);
    row[DEC] = (cdc_value){.kind = CDC_ABSENT};
    (void)truth_lacking("de IS NULL", &lacking);
    assert_int_equal(lacking, DEC);
}

/* Long lists and long chains. */
static void test_size(void **state)
{
    (void)state;
    static char condition[CDC_WHERE_BYTES_MAX + 100];
    size_t n = (size_t)snprintf(condition, sizeof condition, "i IN (0");
    while (n < CDC_WHERE_BYTES_MAX - 20) {
        n += (size_t)snprintf(condition + n, sizeof condition - n, ",%zu", n);
    }
    snprintf(condition + n, sizeof condition - n, ",-5)");
    expect(condition, CDC_TRUE);
    n = (size_t)snprintf(condition, sizeof condition, "i=-5");
    while (n < CDC_WHERE_BYTES_MAX - 20) {
        n += (size_t)snprintf(condition + n, sizeof condition - n, " and i<0");
    }
    expect(condition, CDC_TRUE);
    memset(condition, ' ', sizeof condition - 1);
    refused(condition, "longer than 65536 bytes");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh_row)
    const struct CMUnitTest tests[] = {
        TEST(test_logic),          TEST(test_null),        TEST(test_integers),
        TEST(test_other_integers), TEST(test_decimals),    TEST(test_reals),
        TEST(test_enums_and_sets), TEST(test_dates),       TEST(test_timestamps_and_times),
        TEST(test_text),           TEST(test_like),        TEST(test_names),
        TEST(test_syntax_faults),  TEST(test_type_faults), TEST(test_lacking_values),
        TEST(test_size),
    };
    return cmocka_run_group_tests(tests, make_table, free_table);
}

/* canal-json, decoding: what is refused, with field, column and place; what other writers may do;
 * tables that are kept between messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/canal_json/canal.h"

static cdc_canal_decoder *dec;
static cdc_batch *batch;
static cdc_error error;

static int setup(void **state)
{
    (void)state;
    dec = cdc_canal_decoder_new(&(cdc_canal_options){.max_bytes = 1 << 20});
    batch = cdc_batch_new(16 << 20);
    return dec == NULL || batch == NULL;
}

static int teardown(void **state)
{
    (void)state;
    cdc_canal_decoder_free(dec);
    cdc_batch_free(batch);
    return 0;
}

/* From memory that ends where the message ends. */
static cdc_rc decode_bytes(const char *text, size_t n)
{
    char *exact = malloc(n > 0 ? n : 1);
    memcpy(exact, text, n);
    cdc_rc rc = cdc_canal_decode(dec, (cdc_bytes){exact, n}, batch, &error);
    free(exact);
    return rc;
}

static cdc_rc decode(const char *text)
{
    return decode_bytes(text, strlen(text));
}

static const cdc_event *decoded(const char *text)
{
    cdc_batch_reset(batch);
    if (decode(text) != CDC_OK) {
        fail_msg("%s\n%s", error.text, text);
    }
    return &batch->events[batch->nevents - 1];
}

static void refused(const char *text, const char *a, const char *b)
{
    uint32_t nevents = batch->nevents;
    if (decode(text) != CDC_FATAL) {
        fail_msg("not refused: %s", text);
    }
    if (strstr(error.text, a) == NULL || strstr(error.text, b) == NULL) {
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"\n%s", error.text, a, b, text);
    }
    assert_int_equal(batch->nevents, nevents);
}

#define INSERT(data)                                                                               \
    "{\"database\":\"d\",\"table\":\"t\",\"pkNames\":[\"k\"],\"isDdl\":false,\"type\":\"INSERT\"," \
    "\"data\":" data ",\"mysqlType\":{\"k\":\"int\",\"v\":\"varchar(9)\"}}"
#define UPDATE(data, old)                                                                          \
    "{\"database\":\"d\",\"table\":\"t\",\"pkNames\":[\"k\"],\"isDdl\":false,\"type\":\"UPDATE\"," \
    "\"data\":" data ",\"old\":" old ",\"mysqlType\":{\"k\":\"int\",\"v\":\"varchar(9)\"}}"
#define TYPED(pk, types, data)                                                                     \
    "{\"database\":\"d\",\"table\":\"t\",\"pkNames\":" pk ",\"type\":\"INSERT\",\"data\":" data    \
    ",\"mysqlType\":" types "}"
#define ROW "[{\"k\":\"1\",\"v\":\"x\"}]"
#define WITH(field) "{\"isDdl\":true,\"type\":\"ALTER\",\"sql\":\"s\"," field "}"

static void test_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault, *place;
    } cases[] = {
        {"", "an object was expected", "byte 0"},
        {"[]", "an object was expected", "byte 0"},
        {"{", "a string was expected", "byte 1"},
        {"{\"a\"}", "':' was expected", "byte 4"},
        {"{\"a\":}", "a value was expected", "byte 5"},
        {"{\"a\":1", "',' or '}' was expected", "byte 6"},
        {"{\"a\":1,}", "a string was expected", "byte 7"},
        {"{\"a\":1}x", "something follows", "byte 7"},
        {"{\"a\":01}", "',' or '}'", "byte 6"},
        {"{\"a\":-}", "a value was expected", "byte 6"},
        {"{\"a\":1.}", "malformed number", "byte 7"},
        {"{\"a\":1e}", "malformed number", "byte 7"},
        {"{\"a\":nul}", "a value was expected", "byte 5"},
        {"{\"a\":[1,]}", "a value was expected", "byte 8"},
        {"{\"a\":[1 2]}", "',' or ']' was expected", "byte 8"},
        {"{\"a\":\"x}", "a string has no end", "byte 8"},
        {"{\"a\":\"x\ty\"}", "a control character in a string", "byte 7"},
        {"{\"a\":\"0123456789\x01 and more than the step of the scan\"}",
         "a control character in a string", "byte 16"},
        {"{\"a\":\"0123456789\x1f and more than the step of the scan\"}",
         "a control character in a string", "byte 16"},
        {"{\"a\":\"\\x\"}", "an unknown escape", "byte 6"},
        {"{\"a\":\"\\u12g4\"}", "an unknown escape", "byte 6"},
        {"{\"a\":\"\\u123", "an unknown escape", "byte 6"},
        {"{\"a\":\"\\", "an unknown escape", "byte 6"},
        {"{\"a\":\"0123456789012345678901234567890\\q\"}", "an unknown escape", "byte 37"},
        {"{\"a\":\"\xff\"}", "not UTF-8", "byte 6"},
        {"{\"a\":\"0123456789012345678901234567890\xc3\"}", "not UTF-8", "byte 37"},
        {"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8", "byte 6"},
        {"{\"a\":\"\xc3", "not UTF-8", "byte 6"},
        {"\xef\xbb\xbf{}", "an object was expected", "byte 0"},
        {"{\"id\":1,\"id\":2}", "the field is there twice", "field id, byte 13"},
        {"{\"id\":1,\"i\\u0064\":2}", "the field is there twice", "field id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(cases[i].text, cases[i].fault, cases[i].place);
    }
}

static void test_depth(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    char *text = malloc(2 * DEEP + 16);
    memcpy(text, "{\"a\":", 5);
    memset(text + 5, '[', DEEP);
    memset(text + 5 + DEEP, ']', DEEP);
    text[5 + 2 * DEEP] = '}';
    assert_int_equal(decode_bytes(text, 6 + 2 * DEEP), CDC_FATAL);
    assert_non_null(strstr(error.text, "too many arrays and objects inside of each other"));
    free(text);
}

static void test_fields(void **state)
{
    (void)state;
    refused("{}", "field type", "INSERT, UPDATE or DELETE was expected");
    refused("{\"type\":\"QUERY\",\"sql\":\"delete from t\",\"isDdl\":false}", "field type",
            "not statements");
    refused("{\"type\":\"ALTERX\",\"isDdl\":true}", "field type", "not a type of a DDL");
    refused("{\"isDdl\":true}", "field type", "not a type of a DDL");
    refused("{\"isDdl\":1,\"type\":\"INSERT\"}", "field isDdl", "true or false");
    refused("{\"isDdl\":true,\"type\":\"ALTER\"}", "field sql", "a statement");
    refused("{\"isDdl\":true,\"type\":\"ALTER\",\"sql\":null}", "field sql", "a statement");
    refused("{\"isDdl\":true,\"type\":\"ALTER\",\"sql\":{}}", "field sql", "a string was expected");
    refused(WITH("\"id\":9007199254740992"), "field id", "out of range");
    refused(WITH("\"id\":99999999999999999999999"), "field id", "out of range");
    refused(WITH("\"id\":-1"), "field id", "out of range");
    refused(WITH("\"id\":1.5"), "field id", "a whole number");
    refused(WITH("\"id\":\"1\""), "field id", "a whole number");
    refused(WITH("\"es\":1e3"), "field es", "a whole number");
    refused(WITH("\"ts\":true"), "field ts", "a whole number");
    refused(WITH("\"serverId\":1"), "field serverId", "a string");
    refused(WITH("\"serverId\":\"4294967296\""), "field serverId", "out of range");
    refused(WITH("\"serverId\":\"-1\""), "field serverId", "server id");
    refused(WITH("\"serverId\":\"1x\""), "field serverId", "server id");
    refused(WITH("\"serverId\":\"\""), "field serverId", "number");
    refused(WITH("\"gtid\":7"), "field gtid", "a string");
    refused(WITH("\"gtid\":\"a\\u0000b\""), "field gtid", "NUL");
    refused(WITH("\"table\":\"\\ud800\""), "field table", "surrogate");
    refused(WITH("\"table\":\"\\udc00\\ud800\""), "field table", "surrogate");
    refused(WITH("\"table\":\"\\ud800x\""), "field table", "surrogate");
    const cdc_event *ev =
        decoded(WITH("\"table\":\"\\u0041\\ud83d\\ude00\",\"serverId\":\"4294967295\",\"es\":-5"));
    assert_string_equal(ev->ddl_table, "A😀");
    assert_int_equal(ev->server_id, UINT32_MAX);
    assert_int_equal(ev->source_ms, -5);
}

static void test_rows_and_definitions(void **state)
{
    (void)state;
    (void)decoded(INSERT(ROW));
    refused(INSERT("null"), "field data", "without rows");
    refused(INSERT("[]"), "field data", "an array with rows");
    refused(INSERT("{}"), "field data", "an array with rows");
    refused(INSERT("[null]"), "table d.t, field data", "an object");
    refused(INSERT("[{}]"), "table d.t, column k (int), field data", "whole rows");
    refused(INSERT("[{\"k\":\"1\"}]"), "column v (varchar(9))", "whole rows");
    refused(INSERT("[{\"k\":\"1\",\"v\":\"x\"},{\"v\":\"x\"}]"), "column k", "whole rows");
    refused(INSERT("[{\"k\":\"1\",\"v\":\"x\",\"k\":\"1\"}]"), "column k", "twice");
    refused(INSERT("[{\"k\":\"1\",\"v\":\"x\",\"w\":\"1\"}]"), "field data",
            "that mysqlType does not have");
    refused(INSERT("[{\"k\":1,\"v\":\"x\"}]"), "column k (int), field data, byte 87",
            "a string or null");
    refused(INSERT("[{\"k\":\"1\",\"v\":true}]"), "column v", "a string or null");
    refused(INSERT("[{\"k\":\"1\",\"v\":{\"x\":1}}]"), "column v", "a string or null");
    refused(INSERT("[{\"k\":\"1\",\"v\":\"\\ud800\"}]"), "column v", "surrogate");
    refused(INSERT("[{\"k\":\"1x\",\"v\":\"x\"}]"), "column k (int), field data, byte 87",
            "not a number");
    refused(UPDATE(ROW, "null"), "field old", "an array with the old values");
    refused(UPDATE(ROW, "[]"), "field old", "an object was expected");
    refused(UPDATE(ROW, "[null]"), "field old", "an object was expected");
    refused(UPDATE(ROW, "[{},{}]"), "field old", "as many elements");
    refused(UPDATE("[{\"k\":\"1\",\"v\":\"x\"},{\"k\":\"1\",\"v\":\"x\"}]", "[{}]"), "field old",
            "as many elements");
    refused(UPDATE(ROW, "[{\"w\":\"x\"}]"), "field old", "that mysqlType does not have");
    refused(TYPED("null", "null", ROW), "field mysqlType", "needs the field");
    refused(TYPED("null", "{}", ROW), "a string was expected", "byte");
    refused(TYPED("null", "[]", ROW), "an object with the columns' types", "byte");
    refused(TYPED("null", "{\"k\":4}", ROW), "a string was expected", "byte");
    refused(TYPED("null", "{\"k\":\"int\",\"K\":\"int\"}", ROW), "twice", "byte");
    refused(TYPED("null", "{\"k\":\"hyperint\"}", ROW), "table d.t, column k",
            "\"hyperint\" is not known");
    refused(TYPED("null", "{\"k\":\"int\\u0000\"}", ROW), "NUL in a name", "byte");
    refused(TYPED("7", "{\"k\":\"int\",\"v\":\"text\"}", ROW), "an array of column names", "byte");
    refused(TYPED("[\"z\"]", "{\"k\":\"int\",\"v\":\"text\"}", ROW), "that mysqlType does not have",
            "byte");
    refused(TYPED("[\"k\",\"k\"]", "{\"k\":\"int\",\"v\":\"text\"}", ROW), "twice", "byte");
    refused(TYPED("[null]", "{\"k\":\"int\",\"v\":\"text\"}", ROW), "a string was expected",
            "byte");
    refused("{\"database\":\"d\",\"table\":null,\"type\":\"INSERT\",\"data\":[{}]}", "field table",
            "needs the field");
}

/* One value of a type: out of range or malformed. */
static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *type, *bad; /* several, separated by '|' */
    } cases[] = {
        {"tinyint", "-129|128|1.0|+1|| 1|1 |0x1|99999999999999999999999|-|--1"},
        {"tinyint unsigned", "-1|256|-0"},
        {"smallint", "-32769|32768"},
        {"smallint unsigned", "65536"},
        {"mediumint", "-8388609|8388608"},
        {"mediumint unsigned", "16777216"},
        {"int", "-2147483649|2147483648"},
        {"int unsigned", "4294967296"},
        {"bigint", "-9223372036854775809|9223372036854775808"},
        {"bigint unsigned", "18446744073709551616"},
        {"decimal(4,2)", "100.00|1.001|1.|.5|1e2|-|--1|1-1|1.2.3|a|"},
        {"decimal(4,2) unsigned", "-1.00"},
        {"float", "1e39|nan|inf|1.|.1|0x1p3||1e|1e+|-"},
        {"double", "1e309|-1e309|NaN|Infinity|1 |1,5"},
        {"bit(3)", "8|-1|b"},
        {"enum('a','b')", "3|a|-1|"},
        {"set('a','b')", "4|a|a,b|"},
        {"year", "1900|2156|20240|"},
        {"date", "2024-13-01|2024-01-32|2024-1-01|2024-01-01 |20240101|2024-01-01 00:00:00|"},
        {"time",
         "839:00:00|1:00:00|00:60:00|00:00:60|00:00|0000:00:00|--1:00:00|00:00:00.5|00:00:00.|"},
        {"time(3)", "00:00:00.1234|00:00:00.12a"},
        {"datetime", "2024-01-01|2024-01-01T00:00:00|2024-01-01 24:00:00|2024-01-01 "
                     "00:00:00.5|2024-01-01 00:00:00Z"},
        {"timestamp",
         "1970-01-01 00:00:00|1969-12-31 23:59:59|2023-02-29 00:00:00|0000-00-00 00:00:01|"
         "2024-00-01 00:00:00"},
        {"varbinary(3)", "\xc4\x80|\xe6\x97\xa5"},
        {"binary(2)", "abc"},
    };
    char text[512];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *bad = cases[i].bad;
        for (bool more = true; more;) {
            size_t n = strcspn(bad, "|");
            snprintf(text, sizeof text,
                     "{\"database\":\"d\",\"table\":\"t\",\"type\":\"DELETE\",\"data\":[{\"v\":\"%."
                     "*s\"}],"
                     "\"mysqlType\":{\"v\":\"%s\"}}",
                     (int)n, bad, cases[i].type);
            refused(text, "table d.t, column v (", cases[i].type);
            more = bad[n] == '|';
            bad += n + 1;
        }
    }
}

static void decode_with(const cdc_canal_options *opt, const char *type, const char *value,
                        bool good)
{
    char text[512];
    cdc_canal_decoder_free(dec);
    dec = cdc_canal_decoder_new(opt);
    snprintf(text, sizeof text,
             "{\"database\":\"d\",\"table\":\"t\",\"type\":\"DELETE\",\"data\":[{\"v\":\"%s\"}],"
             "\"mysqlType\":{\"v\":\"%s\"}}",
             value, type);
    if (good) {
        (void)decoded(text);
    } else {
        refused(text, "table d.t, column v (", type);
    }
}

static void test_values_by_option(void **state)
{
    (void)state;
    const cdc_canal_options hex = {.binary = CDC_BINARY_HEX};
    decode_with(&hex, "blob", "0aFf", true);
    assert_memory_equal(batch->events[0].before[0].p, "\x0a\xff", 2);
    decode_with(&hex, "blob", "0", false);
    decode_with(&hex, "blob", "0g", false);
    const cdc_canal_options base64 = {.binary = CDC_BINARY_BASE64};
    decode_with(&base64, "blob", "AP8=", true);
    assert_int_equal(batch->events[0].before[0].len, 2);
    assert_memory_equal(batch->events[0].before[0].p, "\x00\xff", 2);
    decode_with(&base64, "blob", "AP8", false);
    decode_with(&base64, "blob", "A===", false);
    decode_with(&base64, "blob", "====", false);
    decode_with(&base64, "blob", "A*==", false);
    decode_with(&base64, "blob", "AA==AA==", false);
    const cdc_canal_options labels = {.labels = true};
    decode_with(&labels, "enum('a','2')", "2", true);
    assert_int_equal(batch->events[0].before[0].u, 2);
    decode_with(&labels, "enum('a','2')", "1", false);
    decode_with(&labels, "set('a','b')", "b,a", true);
    assert_int_equal(batch->events[0].before[0].u, 3);
    decode_with(&labels, "set('a','b')", "a,", false);
    decode_with(&labels, "set('a','b')", "c", false);
    const cdc_canal_options zone = {.zone_offset_s = 7200};
    decode_with(&zone, "timestamp", "1970-01-01 02:00:01", true);
    assert_int_equal(batch->events[0].before[0].ts.sec, 1);
    decode_with(&zone, "timestamp", "1970-01-01 02:00:00", false);
}

/* What other writers print, and the one value that it means. */
static void test_lenient_values(void **state)
{
    (void)state;
    const cdc_canal_options opt = {0};
    decode_with(&opt, "int", "-007", true);
    assert_int_equal(batch->events[0].before[0].i, -7);
    decode_with(&opt, "double", "1.0E10", true);
    assert_true(batch->events[0].before[0].d == 1e10);
    decode_with(&opt, "double", "100000000000000000000000000000000000000000", true);
    assert_true(batch->events[0].before[0].d == 1e41);
    decode_with(&opt, "float", "3.14159265358979", true);
    assert_true(batch->events[0].before[0].d == (double)3.14159265358979F);
    decode_with(&opt, "decimal(4,2)", "1.5000", true);
    assert_int_equal(batch->events[0].before[0].len, 4);
    assert_memory_equal(batch->events[0].before[0].p, "1.50", 4);
    decode_with(&opt, "decimal(4,0)", "-15.0", true);
    assert_int_equal(batch->events[0].before[0].len, 3);
    assert_memory_equal(batch->events[0].before[0].p, "-15", 3);
    decode_with(&opt, "datetime", "2024-02-29 12:34:56.0", true);
    assert_int_equal(batch->events[0].before[0].t.usec, 0);
    decode_with(&opt, "datetime(6)", "2024-02-29 12:34:56.5", true);
    assert_int_equal(batch->events[0].before[0].t.usec, 500000);
    assert_int_equal(batch->events[0].before[0].digits, 6);
    decode_with(&opt, "time(2)", "12:34:56", true);
    assert_int_equal(batch->events[0].before[0].digits, 2);
    decode_with(&opt, "binary(3)", "", true);
    assert_int_equal(batch->events[0].before[0].len, 3);
    assert_memory_equal(batch->events[0].before[0].p, "\0\0\0", 3);
}

static void test_skipped(void **state)
{
    (void)state;
    assert_int_equal(cdc_canal_decode(dec, (cdc_bytes){NULL, 0}, batch, &error), CDC_SKIP);
    assert_int_equal(decode("{\"type\":\"TIDB_WATERMARK\",\"isDdl\":false}"), CDC_SKIP);
    assert_int_equal(batch->nevents, 0);
}

static void test_tables_are_kept(void **state)
{
    (void)state;
    static const char changed[] =
        "{\"database\":\"d\",\"table\":\"t\",\"pkNames\":[\"k\"],\"type\":\"DELETE\","
        "\"data\":[{\"k\":\"1\"}],\"sqlType\":{\"k\":%d},\"mysqlType\":{\"k\":\"int "
        "unsigned\"}}";
    char text[256];
    cdc_table *first = decoded(INSERT(ROW))->table;
    uint32_t uid = first->uid;
    assert_int_equal(decoded(INSERT(ROW))->table->uid, uid);
    assert_int_equal(decoded(UPDATE(ROW, "[{}]"))->table->uid, uid);
    /* another version of the table, whose sqlType depends on the row */
    snprintf(text, sizeof text, changed, 4);
    uint32_t other = decoded(text)->table->uid;
    assert_int_not_equal(other, uid);
    snprintf(text, sizeof text, changed, -5);
    assert_int_equal(decoded(text)->table->uid, other);
    assert_int_equal(decoded(INSERT(ROW))->table->uid, uid);
    /* the same columns, another key */
    assert_int_not_equal(
        decoded(TYPED("null", "{\"k\":\"int\",\"v\":\"varchar(9)\"}", ROW))->table->uid, uid);
}

static void test_more_tables_than_are_kept(void **state)
{
    (void)state;
    char text[256];
    for (int turn = 0; turn < 2; turn++) {
        cdc_batch_reset(batch);
        for (int i = 0; i < 3000; i++) {
            snprintf(text, sizeof text,
                     "{\"database\":\"d\",\"table\":\"t%d\",\"type\":\"INSERT\",\"data\":[{\"k%d\":"
                     "\"%d\"}],"
                     "\"mysqlType\":{\"k%d\":\"int\"}}",
                     i, i, i, i);
            assert_int_equal(decode(text), CDC_OK);
        }
        for (uint32_t i = 0; i < 3000; i++) { /* the batch holds what the decoder has dropped */
            snprintf(text, sizeof text, "t%u", i);
            assert_string_equal(batch->events[i].table->name, text);
            assert_int_equal(batch->events[i].after[0].i, i);
        }
    }
}

static void test_nothing_points_into_the_message(void **state)
{
    (void)state;
    char text[] = INSERT("[{\"k\":\"1\",\"v\":\"kept text\"}]");
    assert_int_equal(cdc_canal_decode(dec, (cdc_bytes){text, strlen(text)}, batch, &error), CDC_OK);
    memset(text, 'z', sizeof text);
    const cdc_event *ev = &batch->events[0];
    assert_string_equal(ev->table->cols[1].name, "v");
    assert_memory_equal(ev->after[1].p, "kept text", 9);
    assert_string_equal(ev->gtid, "");
}

static void test_full_batch_is_refused(void **state)
{
    (void)state;
    cdc_batch_free(batch);
    batch = cdc_batch_new(4096);
    char text[8192];
    snprintf(text, sizeof text, INSERT("[{\"k\":\"1\",\"v\":\"%07000d\"}]"), 1);
    refused(text, "table d.t", "no memory left in the batch");
}

/* --- every cut and many changes of good messages: refused or taken, never a step too far --- */

static char *read_golden(const char *name, size_t *n)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/canal_json/%s", SLUICE_GOLDEN, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("%s cannot be opened", path);
        return NULL;
    }
    char *text = malloc(8192);
    *n = fread(text, 1, 8192, f);
    fclose(f);
    return text;
}

static void test_cut_and_changed_messages(void **state)
{
    (void)state;
    static const char *const names[] = {"messages/update.json", "messages/two_keys.json",
                                        "messages/ddl_alter.json", "foreign/spaced.json",
                                        "foreign/canal_1_1_7.json"};
    static const char put[] = "\"\\{}[],:0 \n\x80\xff";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = 0;
        char *text = read_golden(names[i], &n);
        n -= text[n - 1] == '\n';
        for (size_t cut = 0; cut < n; cut++) {
            assert_int_equal(decode_bytes(text, cut), CDC_FATAL);
        }
        for (size_t at = 0; at < n; at++) {
            char kept = text[at];
            for (size_t k = 0; k < sizeof put; k++) {
                text[at] = put[k];
                cdc_batch_reset(batch);
                cdc_rc rc = decode_bytes(text, n);
                assert_true(rc == CDC_OK || rc == CDC_FATAL);
            }
            text[at] = kept;
        }
        assert_int_equal(decode_bytes(text, n), CDC_OK);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_grammar, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_and_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_by_option, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lenient_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_tables_than_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_points_into_the_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_batch_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_and_changed_messages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

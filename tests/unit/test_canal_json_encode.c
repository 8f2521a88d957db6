/* canal-json, encoding: what is refused and how, options, limits, tables that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/canal_json/canal.h"
#include "schema/codec.h"

static cdc_canal_encoder *enc;
static cdc_buffer key, value;
static cdc_error error;

static int setup(void **state)
{
    (void)state;
    enc = cdc_canal_encoder_new(&(cdc_canal_options){.max_bytes = 1 << 20});
    cdc_buffer_init(&key, 8 << 20);
    cdc_buffer_init(&value, 8 << 20);
    cdc_error_clear(&error);
    return enc == NULL;
}

static int teardown(void **state)
{
    (void)state;
    cdc_canal_encoder_free(enc);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
    return 0;
}

static const cdc_column columns[] = {
    {.name = "id", .type_text = "int", .kind = CDC_INT, .java_type = 4},
    {.name = "note", .type_text = "text", .kind = CDC_TEXT, .java_type = 2005},
};

static cdc_table *table_of(const char *name, const cdc_column *cols, uint32_t ncols)
{
    static const uint16_t keys[] = {0};
    cdc_table *tbl = NULL;
    assert_int_equal(cdc_table_new(&tbl, "shop", name, cols, ncols, keys, 1, &error), CDC_OK);
    return tbl;
}

static cdc_rc encode(const cdc_event *ev)
{
    cdc_buffer_reset(&key);
    cdc_buffer_reset(&value);
    return cdc_canal_encode(enc, ev, 1, &key, &value, &error);
}

/* Refused, with these words in the message, and nothing written. */
static void refused(const cdc_event *ev, const char *code, const char *a, const char *b)
{
    assert_int_equal(encode(ev), CDC_FATAL);
    assert_string_equal(error.code, code);
    if (strstr(error.text, a) == NULL || strstr(error.text, b) == NULL) {
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", error.text, a, b);
    }
    assert_int_equal(key.len, 0);
    assert_int_equal(value.len, 0);
}

static bool has(const cdc_buffer *buf, const char *text)
{
    return memmem(buf->data, buf->len, text, strlen(text)) != NULL;
}

static void test_absent_column_is_refused(void **state)
{
    (void)state;
    cdc_table *tbl = table_of("orders", columns, 2);
    const cdc_value whole[] = {{.kind = CDC_INT, .i = 1}, {.kind = CDC_NULL}};
    const cdc_value part[] = {{.kind = CDC_INT, .i = 1}, {.kind = CDC_ABSENT}};
    const cdc_value keyless[] = {{.kind = CDC_ABSENT}, {.kind = CDC_NULL}};
    cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl, .after = part};
    refused(&ev, "row_image", "table shop.orders, column note", "binlog_row_image=FULL");
    ev = (cdc_event){.op = CDC_OP_UPDATE, .table = tbl, .before = part, .after = whole};
    refused(&ev, "row_image", "table shop.orders, column note", "binlog_row_image=FULL");
    ev = (cdc_event){.op = CDC_OP_UPDATE, .table = tbl, .before = whole, .after = part};
    refused(&ev, "row_image", "table shop.orders, column note", "binlog_row_image=FULL");
    ev = (cdc_event){.op = CDC_OP_DELETE, .table = tbl, .before = part};
    refused(&ev, "row_image", "table shop.orders, column note", "binlog_row_image=FULL");
    ev = (cdc_event){.op = CDC_OP_DELETE, .table = tbl, .before = keyless};
    refused(&ev, "row_image", "table shop.orders, column id", "binlog_row_image=FULL");
    ev = (cdc_event){.op = CDC_OP_INSERT, .table = tbl};
    refused(&ev, "row_image", "table shop.orders", "after image");
    ev = (cdc_event){.op = CDC_OP_UPDATE, .table = tbl, .after = whole};
    refused(&ev, "row_image", "table shop.orders", "before image");
    cdc_table_unref(tbl);
}

static void test_null_key_is_refused(void **state)
{
    (void)state;
    cdc_table *tbl = table_of("orders", columns, 2);
    const cdc_value row[] = {{.kind = CDC_NULL}, {.kind = CDC_NULL}};
    cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl, .after = row};
    refused(&ev, "key_null", "table shop.orders, column id", "NULL");
    cdc_table_unref(tbl);
}

static void test_values_out_of_range_are_refused(void **state)
{
    (void)state;
    static const char *const labels[] = {"a", "b"};
    static const struct {
        cdc_column col;
        cdc_value v;
    } cases[] = {
        {{.type_text = "date", .kind = CDC_DATE}, {.kind = CDC_DATE, .year = 10000}},
        {{.type_text = "date", .kind = CDC_DATE}, {.kind = CDC_DATE, .t = {.month = 13}}},
        {{.type_text = "date", .kind = CDC_DATE}, {.kind = CDC_DATE, .t = {.day = 32}}},
        {{.type_text = "time", .kind = CDC_TIME}, {.kind = CDC_TIME, .t = {.hour = 839}}},
        {{.type_text = "time", .kind = CDC_TIME}, {.kind = CDC_TIME, .digits = 7}},
        {{.type_text = "datetime", .kind = CDC_DATETIME},
         {.kind = CDC_DATETIME, .t = {.hour = 24}}},
        {{.type_text = "datetime", .kind = CDC_DATETIME},
         {.kind = CDC_DATETIME, .t = {.minute = 60}}},
        {{.type_text = "datetime", .kind = CDC_DATETIME},
         {.kind = CDC_DATETIME, .t = {.second = 60}}},
        {{.type_text = "datetime", .kind = CDC_DATETIME},
         {.kind = CDC_DATETIME, .t = {.usec = 1000000}}},
        {{.type_text = "timestamp", .kind = CDC_TIMESTAMP},
         {.kind = CDC_TIMESTAMP, .ts = {.usec = 1000000}}},
        {{.type_text = "timestamp", .kind = CDC_TIMESTAMP},
         {.kind = CDC_TIMESTAMP, .ts = {.sec = INT64_MAX}}},
        {{.type_text = "timestamp", .kind = CDC_TIMESTAMP},
         {.kind = CDC_TIMESTAMP, .ts = {.sec = INT64_MIN}}},
        {{.type_text = "year", .kind = CDC_YEAR}, {.kind = CDC_YEAR, .i = 10000}},
        {{.type_text = "year", .kind = CDC_YEAR}, {.kind = CDC_YEAR, .i = -1}},
        {{.type_text = "double", .kind = CDC_DOUBLE}, {.kind = CDC_DOUBLE, .d = 1.0 / 0.0}},
        {{.type_text = "float", .kind = CDC_FLOAT}, {.kind = CDC_FLOAT, .d = 0.0 / 0.0}},
        {{.type_text = "int", .kind = CDC_INT}, {.kind = 99}},
        {{.type_text = "enum('a','b')", .kind = CDC_ENUM, .labels = labels, .nlabels = 2},
         {.kind = CDC_ENUM, .u = 3}},
        {{.type_text = "set('a','b')", .kind = CDC_SET, .labels = labels, .nlabels = 2},
         {.kind = CDC_SET, .u = 4}},
    };
    cdc_canal_encoder_free(enc);
    enc = cdc_canal_encoder_new(&(cdc_canal_options){.max_bytes = 1 << 20, .labels = true});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_column two[] = {columns[0], cases[i].col};
        two[1].name = "bad";
        cdc_table *tbl = table_of("orders", two, 2);
        const cdc_value row[] = {{.kind = CDC_INT, .i = 1}, cases[i].v};
        cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl, .after = row};
        refused(&ev, "value_refused", "table shop.orders, column bad", cases[i].col.type_text);
        cdc_table_unref(tbl);
    }
}

static void test_events_without_a_message(void **state)
{
    (void)state;
    cdc_table *tbl = table_of("orders", columns, 2);
    const cdc_value row[] = {{.kind = CDC_INT, .i = 1}, {.kind = CDC_NULL}};
    cdc_event ev = {.op = CDC_OP_COMMIT, .table = tbl};
    refused(&ev, "event_kind", "commit", "");
    ev = (cdc_event){.table = tbl, .after = row};
    refused(&ev, "event_kind", "", "");
    ev = (cdc_event){.op = CDC_OP_INSERT, .table = tbl, .after = row, .id = UINT64_C(1) << 53};
    refused(&ev, "number_range", "shop.orders", "id");
    ev = (cdc_event){.op = CDC_OP_INSERT, .table = tbl, .after = row, .source_ms = INT64_MAX};
    refused(&ev, "number_range", "shop.orders", "es");
    cdc_table_unref(tbl);
}

static void test_too_large_names_table_key_and_size(void **state)
{
    (void)state;
    enum { LARGE = 2 << 20 };
    cdc_table *tbl = table_of("orders", columns, 2);
    char *text = malloc(LARGE);
    memset(text, 'x', LARGE);
    cdc_value row[] = {{.kind = CDC_INT, .i = 77}, {.kind = CDC_TEXT, .p = text, .len = LARGE}};
    cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl, .after = row};
    refused(&ev, "message_too_large", "table shop.orders, key [\"shop\",\"orders\",\"77\"]",
            "1048576");
    assert_non_null(strstr(error.text, " 2097")); /* the size */
    cdc_buffer_fini(&value);
    cdc_buffer_init(&value, 1 << 20);
    refused(&ev, "message_too_large", "table shop.orders, key [\"shop\",\"orders\",\"77\"]",
            "1048576");
    row[1].len = 1000;
    assert_int_equal(encode(&ev), CDC_OK);
    ev = (cdc_event){
        .op = CDC_OP_DDL, .ddl_database = "a", .ddl_table = "b", .sql = text, .sql_len = LARGE};
    refused(&ev, "message_too_large", "[\"a\",\"b\"]", "1048576");
    free(text);
    cdc_table_unref(tbl);
}

static void test_appends_to_what_is_there(void **state)
{
    (void)state;
    cdc_table *tbl = table_of("orders", columns, 2);
    const cdc_value row[] = {{.kind = CDC_INT, .i = 1}, {.kind = CDC_ABSENT}};
    cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl, .after = row};
    cdc_buffer_add_str(&key, "K");
    cdc_buffer_add_str(&value, "V");
    assert_int_equal(cdc_canal_encode(enc, &ev, 1, &key, &value, &error), CDC_FATAL);
    assert_int_equal(key.len, 1);
    assert_int_equal(value.len, 1);
    const cdc_value whole[] = {{.kind = CDC_INT, .i = 1}, {.kind = CDC_NULL}};
    ev.after = whole;
    assert_int_equal(cdc_canal_encode(enc, &ev, 1, &key, &value, &error), CDC_OK);
    assert_memory_equal(key.data, "K[\"shop\",\"orders\",\"1\"]", key.len);
    assert_memory_equal(value.data, "V{\"id\":0,", 9);
    cdc_table_unref(tbl);
}

static void test_text_is_always_valid_json(void **state)
{
    (void)state;
    static const struct {
        const char *given, *want;
        uint64_t replaced;
    } cases[] = {
        {"a\xff", "a\xef\xbf\xbd", 1},
        {"\xc3", "\xef\xbf\xbd", 1},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3},
        {"\xc0\x80z", "\xef\xbf\xbd\xef\xbf\xbdz", 2},
        {"0123456789abcdef\xf0\x9f\x98", "0123456789abcdef\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3},
    };
    cdc_table *tbl = table_of("orders", columns, 2);
    uint64_t replaced = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const cdc_value row[] = {
            {.kind = CDC_INT, .i = 1},
            {.kind = CDC_TEXT, .p = cases[i].given, .len = (uint32_t)strlen(cases[i].given)}};
        cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl, .after = row};
        char want[64];
        snprintf(want, sizeof want, "\"note\":\"%s\"}", cases[i].want);
        assert_int_equal(encode(&ev), CDC_OK);
        assert_true(has(&value, want));
        replaced += cases[i].replaced;
        assert_int_equal(cdc_canal_encoder_replaced(enc), replaced);
    }
    cdc_table_unref(tbl);
}

/* Every length around the steps of the scan and the pieces of the writer, with a special character
 * at each place that matters: compared with a writer that knows no steps. */
static void check_long(size_t n, size_t special, const char *mark)
{
    char *text = malloc(n + 8);
    size_t mark_len = strlen(mark);
    memset(text, 'x', n);
    size_t at = special < n ? special : n;
    memcpy(text + at, mark, mark_len);
    size_t len = at + mark_len > n ? at + mark_len : n;
    cdc_buffer want;
    cdc_buffer_init(&want, 1 << 20);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') {
            cdc_buffer_add_str(&want, "\\");
        }
        cdc_buffer_add_char(&want, text[i]);
    }
    cdc_writer w;
    uint64_t replaced = 0;
    cdc_buffer_reset(&value);
    assert_true(cdc_writer_begin(&w, &value));
    assert_true(cdc_writer_text(&w, text, len, &replaced));
    cdc_writer_end(&w);
    assert_int_equal(replaced, 0);
    assert_int_equal(value.len, want.len);
    assert_memory_equal(value.data, want.data, want.len);
    cdc_buffer_fini(&want);
    free(text);
}

static void test_long_text(void **state)
{
    (void)state;
    for (size_t n = 1; n < 70; n++) {
        for (size_t special = 0; special <= n; special++) {
            check_long(n, special, "\"");
            check_long(n, special, "\xf0\x9f\x98\x80");
        }
    }
    for (size_t special = 8180; special < 8200; special++) { /* around the end of a piece */
        check_long(20000, special, "\xe6\x97\xa5");
        check_long(20000, special, "\xf0\x9f\x98\x80");
        check_long(special, special, "\"");
    }
}

static void test_table_that_changes(void **state)
{
    (void)state;
    const cdc_value row[] = {{.kind = CDC_INT, .i = 1}, {.kind = CDC_NULL}};
    cdc_column renamed[] = {columns[0], columns[1]};
    renamed[1].name = "remark";
    /* far more definitions than the encoder keeps, in turns */
    for (int i = 0; i < 3000; i++) {
        cdc_table *a = table_of("orders", columns, 2);
        cdc_table *b = table_of("orders", renamed, 2);
        cdc_event ev = {.op = CDC_OP_INSERT, .table = a, .after = row};
        for (int turn = 0; turn < 2; turn++) {
            ev.table = a;
            assert_int_equal(encode(&ev), CDC_OK);
            assert_true(has(&value, "\"note\":null}],"));
            ev.table = b;
            assert_int_equal(encode(&ev), CDC_OK);
            assert_true(has(&value, "\"remark\":null}],"));
        }
        cdc_table_unref(a);
        cdc_table_unref(b);
    }
}

/* The text says the wide type only in rows that need it. */
static void test_unsigned_types_follow_the_row(void **state)
{
    (void)state;
    const cdc_column cols[] = {
        columns[0],
        {.name = "t",
         .type_text = "tinyint unsigned",
         .kind = CDC_UINT,
         .java_type = -6,
         .is_unsigned = true},
        {.name = "m",
         .type_text = "mediumint unsigned",
         .kind = CDC_UINT,
         .java_type = 4,
         .is_unsigned = true},
        {.name = "b",
         .type_text = "bigint unsigned",
         .kind = CDC_UINT,
         .java_type = -5,
         .is_unsigned = true},
    };
    cdc_table *tbl = table_of("u", cols, 4);
    cdc_value low[] = {
        {.kind = CDC_INT}, {.kind = CDC_UINT}, {.kind = CDC_UINT}, {.kind = CDC_NULL}};
    cdc_value high[] = {{.kind = CDC_INT},
                        {.kind = CDC_UINT, .u = 200},
                        {.kind = CDC_UINT, .u = 16777215},
                        {.kind = CDC_UINT, .u = UINT64_MAX}};
    cdc_event ev = {.op = CDC_OP_UPDATE, .table = tbl, .before = high, .after = low};
    assert_int_equal(encode(&ev), CDC_OK);
    assert_true(has(&value, "\"sqlType\":{\"id\":4,\"t\":-6,\"m\":4,\"b\":-5},"));
    ev = (cdc_event){.op = CDC_OP_UPDATE, .table = tbl, .before = low, .after = high};
    assert_int_equal(encode(&ev), CDC_OK);
    assert_true(has(&value, "\"sqlType\":{\"id\":4,\"t\":5,\"m\":4,\"b\":3},"));
    ev = (cdc_event){.op = CDC_OP_DELETE, .table = tbl, .before = high};
    assert_int_equal(encode(&ev), CDC_OK);
    assert_true(has(&value, "\"sqlType\":{\"id\":4,\"t\":5,\"m\":4,\"b\":3},"));
    cdc_table_unref(tbl);
}

static void test_time_of_building(void **state)
{
    (void)state;
    cdc_event ev = {
        .op = CDC_OP_DDL, .ddl_database = "a", .ddl_table = "b", .sql = "x", .sql_len = 1};
    assert_int_equal(encode(&ev), CDC_OK);
    assert_false(has(&value, "\"ts\":0,")); /* without a capture time the clock says it */
    ev.capture_ms = 12345;
    assert_int_equal(encode(&ev), CDC_OK);
    assert_true(has(&value, "\"es\":0,\"ts\":12345,"));
}

static void test_zones(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t offset_s;
    } good[] = {{"UTC", 0},       {"utc", 0},         {"Z", 0},         {"+00:00", 0},
                {"+02:00", 7200}, {"-05:30", -19800}, {"+14:00", 50400}};
    static const char *const bad[] = {"",        "Europe/Berlin", "SYSTEM", "+2:00",
                                      "+0200",   "+14:01",        "+02:60", "02:00",
                                      "+02:00 ", "+0a:00",        "CET"};
    int32_t offset_s = 1;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(cdc_canal_zone(good[i].name, &offset_s));
        assert_int_equal(offset_s, good[i].offset_s);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(cdc_canal_zone(bad[i], &offset_s));
    }
}

/* --- through core/plugin.h, with options from a task file --- */

static const char task_text[] = "name: t\n"
                                "kafka: {bootstrap.servers: h}\n"
                                "message: {binary: hex, enum: label}\n";

static void test_plugin(void **state)
{
    (void)state;
    const cdc_option *const tables[] = {cdc_task_options, NULL};
    static const char *const labels[] = {"x", "y"};
    const cdc_column cols[] = {
        {.name = "e",
         .type_text = "enum('x','y')",
         .kind = CDC_ENUM,
         .labels = labels,
         .nlabels = 2,
         .java_type = 4},
        {.name = "b", .type_text = "blob", .kind = CDC_BYTES, .java_type = 2004}};
    const cdc_value row[] = {{.kind = CDC_ENUM, .u = 2},
                             {.kind = CDC_BYTES, .p = "\xab", .len = 1}};
    cdc_task task = {0};
    void *codec = NULL;
    if (cdc_config_parse(&task.cfg, "t.yaml", task_text, sizeof task_text - 1, tables, &error) !=
        CDC_OK) {
        fail_msg("%s", error.text);
    }
    cdc_env env = {.task = &task, .metrics = cdc_metrics_new("test", "t")};
    const cdc_codec *plugin = cdc_codec_find("canal-json");
    assert_ptr_equal(plugin, &cdc_canal_json_codec);
    assert_int_equal(plugin->open(&codec, &env, &error), CDC_OK);
    cdc_table *tbl = table_of("p", cols, 2);
    cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl, .after = row, .gtid = "\xff"};
    assert_int_equal(plugin->encode(codec, &ev, 1, &key, &value, &error), CDC_OK);
    assert_true(has(&value, "\"data\":[{\"e\":\"y\",\"b\":\"ab\"}]"));
    assert_memory_equal(key.data, "[\"shop\",\"p\",\"y\"]", key.len);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    assert_int_equal(plugin->decode(codec, (cdc_bytes){key.data, key.len},
                                    (cdc_bytes){value.data, value.len}, batch, &error),
                     CDC_OK);
    assert_int_equal(batch->events[0].after[0].u, 2);
    assert_int_equal(
        cdc_metric_get(cdc_metrics_number(env.metrics, CDC_COUNTER, "sluice_text_replaced_total",
                                          "codec=\"canal-json\"", "")),
        1);
    plugin->close(codec);
    plugin->close(NULL);
    cdc_batch_free(batch);
    cdc_table_unref(tbl);
    cdc_metrics_free(env.metrics);
    cdc_config_free(task.cfg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_absent_column_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_null_key_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_out_of_range_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events_without_a_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large_names_table_key_and_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_appends_to_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text_is_always_valid_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_table_that_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsigned_types_follow_the_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_of_building, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zones, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plugin, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

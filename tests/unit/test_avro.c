/* The codec avro without a registry: names, decimals, schemas and messages against
 * tests/golden/avro, every type there and back, and avro-c as a reader of what we write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <avro.h>

#include "avro_kit.h"
#include "schema/avro/decimal.h"
#include "schema/avro/name.h"
#include "schema/avro/schema_text.h"

static avro_kit kit;
static cdc_error error;

static int setup(void **state)
{
    (void)state;
    avro_kit_init(&kit);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    avro_kit_fini(&kit);
    return 0;
}

/* --- names --- */

static void check_name(const char *name, const char *want)
{
    cdc_buffer out;
    char back[512];
    cdc_buffer_init(&out, 4096);
    cdc_avro_name(&out, name);
    assert_string_equal(cdc_buffer_cstr(&out), want);
    assert_true(cdc_avro_name_legal(out.data));
    assert_int_equal(cdc_avro_name_read(out.data, out.len, back), strlen(name));
    assert_string_equal(back, name);
    cdc_buffer_fini(&out);
}

static void test_names(void **state)
{
    (void)state;
    check_name("order_id", "order_id");
    check_name("2nd", "_x32nd");
    check_name("a-b.c d", "a_x2db_x2ec_x20d");
    check_name("é", "_xc3_xa9");
    check_name("", "_x00");
    check_name("_", "_");
    check_name("_x", "_x");
    check_name("_x2d", "_x5fx2d");
    check_name("_x2D", "_x2D"); /* no escape: those are lower-case */
    check_name("__x41", "__x5fx41");
    check_name("_x_x41", "_x_x5fx41");
    assert_false(cdc_avro_name_legal(""));
    assert_false(cdc_avro_name_legal("1a"));
    assert_false(cdc_avro_name_legal("a b"));
}

/* --- decimals --- */

static void check_decimal(const char *text, unsigned scale, const char *hex)
{
    char bytes[64];
    char shown[128];
    char back[CDC_AVRO_DECIMAL_TEXT + 1];
    size_t n = cdc_avro_decimal_write(text, strlen(text), scale, bytes);
    for (size_t i = 0; i < n; i++) {
        snprintf(shown + 2 * i, 3, "%02x", (unsigned)(uint8_t)bytes[i]);
    }
    shown[2 * n] = '\0';
    assert_string_equal(shown, hex);
    size_t len = cdc_avro_decimal_read(bytes, n, scale, back);
    back[len] = '\0';
    assert_string_equal(back, text);
}

static void test_decimals(void **state)
{
    (void)state;
    check_decimal("0", 0, "00");
    check_decimal("0.00", 2, "00");
    check_decimal("-0.01", 2, "ff");
    check_decimal("1.27", 2, "7f");
    check_decimal("1.28", 2, "0080");
    check_decimal("-1.28", 2, "80");
    check_decimal("-1.29", 2, "ff7f");
    check_decimal("12345678.90", 2, "499602d2");
    check_decimal("999999999999999999", 0, "0de0b6b3a763ffff");
    check_decimal("1000000000000000000", 0, "0de0b6b3a7640000");
    check_decimal("18446744073709551615", 0, "00ffffffffffffffff");
    check_decimal("-18446744073709551616", 0, "ff0000000000000000");
    check_decimal("99999999999999999999999999999999999.999999999999999999999999999999", 30,
                  "00f316271c7fc3908a8bef464e3945ef7a253609ffffffffffffffff");
    check_decimal("-99999999999999999999999999999999999.999999999999999999999999999999", 30,
                  "ff0ce9d8e3803c6f757410b9b1c6ba1085dac9f60000000000000001");
    char bytes[64];
    assert_int_equal(cdc_avro_decimal_write("1.2", 3, 2, bytes), 0);
    assert_int_equal(cdc_avro_decimal_write("1e2", 3, 0, bytes), 0);
    assert_int_equal(cdc_avro_decimal_write("", 0, 0, bytes), 0);
    assert_int_equal(cdc_avro_decimal_write("-", 1, 0, bytes), 0);
    char back[CDC_AVRO_DECIMAL_TEXT];
    assert_int_equal(
        cdc_avro_decimal_read("\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                              "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                              28, 0, back),
        0);
    assert_int_equal(cdc_avro_decimal_read("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                           "\0\0\0\0\0\0\0\0\0\x05",
                                           35, 1, back),
                     3);
}

/* --- messages --- */

static const avro_kit_column all[] = {
    {"id", "bigint unsigned", "18446744073709551615"},
    {"i", "int", "-2147483648"},
    {"t", "tinyint unsigned", "255"},
    {"d", "decimal(10,2)", "-12345678.90"},
    {"f", "float", "1.5"},
    {"r", "double", "-0.1"},
    {"b", "bit(9)", "257"},
    {"e", "enum('new','paid','sent')", "paid"},
    {"e0", "enum('new','paid')", ""},
    {"el", "enum('not a name','b')", "not a name"},
    {"s", "set('a','b','c')", "a,c"},
    {"s0", "set('a')", ""},
    {"y", "year", "2024"},
    {"dt", "date", "2024-02-29"},
    {"dt0", "date", "0000-00-00"},
    {"ti", "time(3)", "23:59:59.999"},
    {"tx", "time", "-838:59:59"},
    {"m", "datetime(6)", "1000-01-01 00:00:00.000001"},
    {"m0", "datetime", "2024-02-30 00:00:00"},
    {"ts", "timestamp(3)", "2038-01-19 03:14:07.999"},
    {"ts0", "timestamp", "0000-00-00 00:00:00"},
    {"v", "varchar(20)", "\xc3\xa9 \"q\""},
    {"bi", "binary(4)", "ff000000"},
    {"j", "json", "{\"a\": 1}"},
    {"u", "uuid", "00112233-4455-6677-8899-aabbccddeeff"},
    {"n", "int", NULL},
    {"odd name", "int", "1"},
    {"si", "smallint", "-32768"},
    {"mi", "mediumint unsigned", "16777215"},
    {"bg", "bigint", "-9223372036854775808"},
    {"un", "int unsigned", "4294967295"},
    {"d65", "decimal(65,30)",
     "-99999999999999999999999999999999999.999999999999999999999999999999"},
    {"b1", "bit(1)", "1"},
    {"b64", "bit(64)", "18446744073709551615"},
    {"c", "char(5)", "ab"},
    {"tt", "tinytext", ""},
    {"tx0", "text", "line\nline"},
    {"lt", "longtext", "\xf0\x9f\x90\xac"},
    {"vb", "varbinary(9)", "00ff"},
    {"tb", "tinyblob", ""},
    {"lb", "longblob", "c0ffee"},
    {"g", "geometry", "000000000101000000000000000000f03f0000000000000040"},
    {"p", "point", "000000000101000000000000000000f03f0000000000000040"},
    {"vec", "vector(2)", "0000803f00000040"},
    {"ti0", "time", "00:00:00"},
    {"dt2", "datetime", "9999-12-31 23:59:59"},
    {"ts6", "timestamp(6)", "1970-01-01 00:00:01.000001"},
    {"y0", "year", "0000"},
    {"i4", "inet4", "127.0.0.1"},
    {"i6", "inet6", "::1"},
};
enum { ALL = sizeof all / sizeof all[0] };

static cdc_event event_of(cdc_table *tbl, cdc_op op, const cdc_value *before,
                          const cdc_value *after)
{
    return (cdc_event){.op = (uint8_t)op,
                       .phase = CDC_PHASE_INCR,
                       .table = tbl,
                       .before = before,
                       .after = after,
                       .id = 7,
                       .topic = "orders",
                       .source_ms = 1709210096000,
                       .capture_ms = 1709210096004,
                       .gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23",
                       .server_id = 4294967295U};
}

static void encode(const cdc_event *ev, cdc_buffer *key, cdc_buffer *value)
{
    cdc_avro_encoder *enc = cdc_avro_encoder_new(&kit.opt, &kit.ids);
    cdc_buffer_reset(key);
    cdc_buffer_reset(value);
    if (cdc_avro_encode(enc, ev, 1, key, value, &error) != CDC_OK) {
        fail_msg("encode: %s", error.text);
    }
    assert_int_equal(cdc_avro_encoder_replaced(enc), 0);
    cdc_avro_encoder_free(enc);
}

/* Bytes of the first row of `data`, of which JSON by avro-c shows only what is before a NUL. */
static void check_bytes(const avro_value_t *envelope, const cdc_table *tbl, const cdc_value *row)
{
    avro_value_t data;
    avro_value_t rows;
    avro_value_t record;
    assert_int_equal(avro_value_get_by_name(envelope, "data", &data, NULL), 0);
    assert_int_equal(avro_value_get_current_branch(&data, &rows), 0);
    assert_int_equal(avro_value_get_by_index(&rows, 0, &record, NULL), 0);
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        avro_value_t field;
        avro_value_t branch;
        const void *bytes = NULL;
        size_t n = 0;
        if (tbl->cols[i].kind == CDC_BYTES) {
            assert_int_equal(avro_value_get_by_index(&record, i, &field, NULL), 0);
            assert_int_equal(avro_value_get_current_branch(&field, &branch), 0);
            assert_int_equal(avro_value_get_bytes(&branch, &bytes, &n), 0);
            assert_int_equal(n, row[i].len);
            assert_memory_equal(bytes, row[i].p, n);
        }
    }
}

/* What avro-c reads, as JSON; the bytes end where the message ends. tbl NULL: no typed row. */
static char *read_by_avro_c(const cdc_buffer *message, const cdc_table *tbl, const cdc_value *row)
{
    avro_schema_t schema = NULL;
    avro_value_t value;
    char *json = NULL;
    int32_t id = (int32_t)(uint8_t)message->data[4];
    size_t n = message->len - CDC_AVRO_PREFIX;
    char *exact = malloc(n);
    memcpy(exact, message->data + CDC_AVRO_PREFIX, n);
    const char *text = kit.schemas[id - 1];
    if (avro_schema_from_json_length(text, strlen(text), &schema) != 0) {
        fail_msg("avro-c: %s\n%s", avro_strerror(), text);
    }
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_reader_t reader = avro_reader_memory(exact, (int64_t)n);
    assert_int_equal(avro_generic_value_new(iface, &value), 0);
    if (avro_value_read(reader, &value) != 0) {
        fail_msg("avro-c: %s", avro_strerror());
    }
    char rest = 0;
    assert_int_not_equal(avro_read(reader, &rest, 1), 0); /* nothing is left */
    assert_int_equal(avro_value_to_json(&value, 1, &json), 0);
    if (tbl != NULL) {
        check_bytes(&value, tbl, row);
    }
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    free(exact);
    return json;
}

/* With SLUICE_GOLDEN_WRITE set the file is written instead, to be looked through. */
static void check_golden(const char *name, const char *got)
{
    char path[1024];
    snprintf(path, sizeof path, SLUICE_GOLDEN "/avro/%s", name);
    FILE *f = fopen(path, getenv("SLUICE_GOLDEN_WRITE") != NULL ? "w" : "r");
    assert_non_null(f);
    if (getenv("SLUICE_GOLDEN_WRITE") != NULL) {
        fprintf(f, "%s\n", got);
        fclose(f);
        return;
    }
    char *want = cdc_arena_zalloc(&kit.arena, 1 << 16);
    size_t n = fread(want, 1, (1 << 16) - 1, f);
    fclose(f);
    want[n > 0 ? n - 1 : 0] = '\0';
    if (strcmp(got, want) != 0) {
        fail_msg("%s\ngot:  %s\nwant: %s", name, got, want);
    }
}

static void check_same(const cdc_value *a, const cdc_value *b, const cdc_table *tbl)
{
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        if (!cdc_value_equal(&a[i], &b[i])) {
            fail_msg("column %s (%s) differs", tbl->cols[i].name, tbl->cols[i].type_text);
        }
    }
}

static void check_table(const cdc_table *got, const cdc_table *want)
{
    assert_string_equal(got->database, want->database);
    assert_string_equal(got->name, want->name);
    assert_int_equal(got->ncols, want->ncols);
    assert_int_equal(got->nkeys, want->nkeys);
    assert_int_equal(got->keys[0], want->keys[0]);
    for (uint32_t i = 0; i < want->ncols; i++) {
        assert_string_equal(got->cols[i].name, want->cols[i].name);
        assert_string_equal(got->cols[i].type_text, want->cols[i].type_text);
    }
}

static void check_there_and_back(const cdc_event *ev, const cdc_buffer *value)
{
    cdc_avro_decoder *dec = cdc_avro_decoder_new(&kit.ids);
    cdc_batch *batch = cdc_batch_new(16 << 20);
    char *exact = malloc(value->len);
    memcpy(exact, value->data, value->len);
    cdc_rc rc = cdc_avro_decode(dec, (cdc_bytes){exact, value->len}, batch, &error);
    free(exact);
    cdc_avro_decoder_free(dec);
    if (rc != CDC_OK) {
        fail_msg("decode: %s", error.text);
    }
    assert_int_equal(batch->nevents, 1);
    const cdc_event *got = &batch->events[0];
    assert_int_equal(got->op, ev->op);
    assert_int_equal(got->id, ev->id);
    assert_int_equal(got->source_ms, ev->source_ms);
    assert_int_equal(got->capture_ms, ev->capture_ms);
    assert_int_equal(got->server_id, ev->server_id);
    assert_string_equal(got->gtid, ev->gtid);
    check_table(got->table, ev->table);
    assert_int_equal(got->before != NULL, ev->before != NULL);
    assert_int_equal(got->after != NULL, ev->after != NULL);
    if (ev->before != NULL) {
        check_same(got->before, ev->before, ev->table);
    }
    if (ev->after != NULL) {
        check_same(got->after, ev->after, ev->table);
    }
    cdc_batch_free(batch);
}

static void check_all(const char *schema_file, const char *value_file, const char *key_file)
{
    cdc_value values[ALL];
    cdc_value before[ALL];
    cdc_buffer key;
    cdc_buffer value;
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    cdc_table *tbl = avro_kit_table(&kit, "all-types", all, ALL, values, &error);
    if (tbl == NULL) {
        fail_msg("%s", error.text);
    }
    memcpy(before, values, sizeof before);
    before[1].i = 5;
    before[21].kind = CDC_NULL;
    const cdc_event events[] = {event_of(tbl, CDC_OP_INSERT, NULL, values),
                                event_of(tbl, CDC_OP_UPDATE, before, values),
                                event_of(tbl, CDC_OP_DELETE, values, NULL)};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        encode(&events[i], &key, &value);
        check_there_and_back(&events[i], &value);
        char *json = read_by_avro_c(&value, kit.opt.generic ? NULL : tbl, values);
        char *json_key = read_by_avro_c(&key, NULL, NULL);
        if (i == 1) {
            check_golden(value_file, json);
            check_golden(key_file, json_key);
        }
        free(json);
        free(json_key);
    }
    check_golden(schema_file, kit.schemas[1]);
    assert_string_equal(kit.subjects[1],
                        kit.opt.generic ? "orders-sluice.generic.Envelope"
                                        : "orders-shop_x2dto_x2ddr.shop.all_x2dtypes.Envelope");
    cdc_table_unref(tbl);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
}

static void test_row(void **state)
{
    (void)state;
    check_all("row.avsc", "row.json", "row.key.json");
}

static void test_row_of_strings(void **state)
{
    (void)state;
    kit.opt.temporal = CDC_AVRO_STRING;
    check_all("strings.avsc", "strings.json", "row.key.json");
}

static void test_generic(void **state)
{
    (void)state;
    kit.opt.generic = true;
    check_all("generic.avsc", "generic.json", "generic.key.json");
}

static void test_statement(void **state)
{
    (void)state;
    for (int generic = 0; generic < 2; generic++) {
        cdc_buffer key;
        cdc_buffer value;
        cdc_buffer_init(&key, 1 << 20);
        cdc_buffer_init(&value, 1 << 20);
        cdc_event ev = event_of(NULL, CDC_OP_DDL, NULL, NULL);
        ev.ddl = CDC_DDL_ALTER;
        ev.ddl_database = "shop";
        ev.ddl_table = "orders";
        ev.sql = "ALTER TABLE orders ADD x INT";
        ev.sql_len = (uint32_t)strlen(ev.sql);
        kit.opt.generic = generic == 1;
        encode(&ev, &key, &value);
        free(read_by_avro_c(&key, NULL, NULL));
        free(read_by_avro_c(&value, NULL, NULL));
        cdc_avro_decoder *dec = cdc_avro_decoder_new(&kit.ids);
        cdc_batch *batch = cdc_batch_new(1 << 20);
        assert_int_equal(cdc_avro_decode(dec, (cdc_bytes){value.data, value.len}, batch, &error),
                         CDC_OK);
        assert_int_equal(batch->events[0].op, CDC_OP_DDL);
        assert_int_equal(batch->events[0].ddl, CDC_DDL_ALTER);
        assert_string_equal(batch->events[0].sql, ev.sql);
        assert_string_equal(batch->events[0].ddl_table, "orders");
        cdc_avro_decoder_free(dec);
        cdc_batch_free(batch);
        cdc_buffer_fini(&key);
        cdc_buffer_fini(&value);
    }
}

/* --- commands --- */

static cdc_value octets_of(const char *p, size_t n)
{
    return (cdc_value){.kind = CDC_BYTES, .len = (uint32_t)n, .p = p};
}

static void check_command(const cdc_event *got, const cdc_event *want)
{
    assert_int_equal(got->op, CDC_OP_COMMAND);
    assert_int_equal(got->redis_db, want->redis_db);
    assert_int_equal(got->phase, want->phase);
    assert_int_equal(got->key_arg, want->key_arg);
    assert_int_equal(got->expire_at_ms, want->expire_at_ms);
    assert_int_equal(got->tx_seq, want->tx_seq);
    assert_int_equal(got->last, want->last);
    assert_int_equal(got->id, 7);
    assert_int_equal(got->source_ms, want->source_ms);
    if (want->tx_seq > 0) {
        assert_string_equal(got->txn, want->txn);
    }
    assert_int_equal(got->nargs, want->nargs);
    for (uint32_t i = 0; i < want->nargs; i++) {
        assert_true(cdc_value_equal(&got->after[i], &want->after[i]));
    }
}

/* Three of a block: octets as key, an empty argument, and no key at all. */
static void test_commands(void **state)
{
    (void)state;
    const cdc_value set[] = {octets_of("SET", 3), octets_of("\xff\0k", 3), octets_of("", 0)};
    const cdc_value expire[] = {octets_of("PEXPIREAT", 9), octets_of("k", 1), octets_of("5000", 4)};
    const cdc_value flush[] = {octets_of("FLUSHALL", 8)};
    cdc_event events[3];
    cdc_buffer key;
    cdc_buffer value;
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    for (uint32_t i = 0; i < 3; i++) {
        events[i] = event_of(NULL, CDC_OP_COMMAND, NULL, i == 0 ? set : i == 1 ? expire : flush);
        events[i].nargs = i < 2 ? 3 : 1;
        events[i].key_arg = i < 2 ? 1 : -1;
        events[i].expire_at_ms = i == 1 ? 5000 : -1;
        events[i].redis_db = 3;
        events[i].txn = "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb:1000";
        events[i].tx_seq = i < 2 ? i + 1 : 0;
        events[i].last = i > 0;
    }
    kit.opt.generic = true;
    cdc_avro_encoder *enc = cdc_avro_encoder_new(&kit.opt, &kit.ids);
    assert_int_equal(cdc_avro_encode(enc, events, 3, &key, &value, &error), CDC_OK);
    cdc_avro_encoder_free(enc);
    char *json = read_by_avro_c(&value, NULL, NULL);
    char *json_key = read_by_avro_c(&key, NULL, NULL);
    check_golden("commands.json", json);
    check_golden("commands.key.json", json_key);
    free(json);
    free(json_key);
    cdc_avro_decoder *dec = cdc_avro_decoder_new(&kit.ids);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    for (size_t n = CDC_AVRO_PREFIX; n < value.len; n++) {
        assert_int_equal(cdc_avro_decode(dec, (cdc_bytes){value.data, n}, batch, &error),
                         CDC_FATAL);
    }
    assert_int_equal(batch->nevents, 0);
    assert_int_equal(cdc_avro_decode(dec, (cdc_bytes){value.data, value.len}, batch, &error),
                     CDC_OK);
    assert_int_equal(batch->nevents, 3);
    for (uint32_t i = 0; i < 3; i++) {
        check_command(&batch->events[i], &events[i]);
    }
    cdc_avro_decoder_free(dec);
    cdc_batch_free(batch);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
}

/* --- faults and ids --- */

static const avro_kit_column small[] = {
    {"id", "int", "1"}, {"d", "date", "0000-00-00"}, {"v", "varchar(9)", "abc"}};

static void test_refused(void **state)
{
    (void)state;
    cdc_value values[3];
    cdc_buffer key;
    cdc_buffer value;
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    kit.opt.temporal = CDC_AVRO_STRICT;
    cdc_table *tbl = avro_kit_table(&kit, "t", small, 3, values, &error);
    cdc_avro_encoder *enc = cdc_avro_encoder_new(&kit.opt, &kit.ids);
    cdc_event ev = event_of(tbl, CDC_OP_INSERT, NULL, values);
    assert_int_equal(cdc_avro_encode(enc, &ev, 1, &key, &value, &error), CDC_FATAL);
    assert_string_equal(error.code, "value_refused");
    assert_non_null(strstr(error.text, "table shop.t, column d (date)"));
    assert_int_equal(key.len + value.len, 0);
    values[1].kind = CDC_ABSENT;
    assert_int_equal(cdc_avro_encode(enc, &ev, 1, &key, &value, &error), CDC_FATAL);
    assert_string_equal(error.code, "row_image");
    values[1].kind = CDC_NULL;
    values[0].kind = CDC_NULL;
    assert_int_equal(cdc_avro_encode(enc, &ev, 1, &key, &value, &error), CDC_FATAL);
    assert_string_equal(error.code, "key_null");
    values[0] = (cdc_value){.kind = CDC_INT, .i = 42};
    ev.id = UINT64_C(1) << 53;
    assert_int_equal(cdc_avro_encode(enc, &ev, 1, &key, &value, &error), CDC_FATAL);
    assert_string_equal(error.code, "number_range");
    cdc_avro_encoder_free(enc);
    ev.id = 1;
    kit.opt.max_bytes = 100;
    enc = cdc_avro_encoder_new(&kit.opt, &kit.ids);
    assert_int_equal(cdc_avro_encode(enc, &ev, 1, &key, &value, &error), CDC_FATAL);
    assert_string_equal(error.code, "message_too_large");
    assert_non_null(strstr(error.text, "key [\"42\"]"));
    cdc_avro_encoder_free(enc);
    cdc_table_unref(tbl);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
}

/* A registry that forgot everything gives other ids, which the next message has. */
static void test_generations(void **state)
{
    (void)state;
    cdc_value values[3];
    cdc_buffer key;
    cdc_buffer value;
    int32_t other = 0;
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    cdc_table *tbl = avro_kit_table(&kit, "t", small, 3, values, &error);
    cdc_avro_encoder *enc = cdc_avro_encoder_new(&kit.opt, &kit.ids);
    cdc_event ev = event_of(tbl, CDC_OP_INSERT, NULL, values);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cdc_avro_encode(enc, &ev, 1, &key, &value, &error), CDC_OK);
    }
    assert_int_equal(kit.asked, 2);
    assert_int_equal(value.data[4], 2);
    avro_kit_forget(&kit);
    assert_int_equal(avro_kit_id(&kit, "s", "\"int\"", &other, &error), CDC_OK);
    cdc_buffer_reset(&value);
    assert_int_equal(cdc_avro_encode(enc, &ev, 1, &key, &value, &error), CDC_OK);
    assert_int_equal(value.data[4], 3);
    cdc_avro_encoder_free(enc);
    cdc_table_unref(tbl);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
}

/* An id that has become another table's schema. */
static void test_schema_of_another_table(void **state)
{
    (void)state;
    cdc_value values[3];
    cdc_buffer key;
    cdc_buffer value;
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    cdc_table *one = avro_kit_table(&kit, "one", small, 3, values, &error);
    cdc_table *other = avro_kit_table(&kit, "other-one", small, 3, values, &error);
    cdc_event ev = event_of(one, CDC_OP_INSERT, NULL, values);
    encode(&ev, &key, &value);
    ev.table = other;
    encode(&ev, &key, &value);
    assert_int_equal(value.data[4], 4);
    value.data[4] = 2;
    cdc_avro_decoder *dec = cdc_avro_decoder_new(&kit.ids);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    assert_int_equal(cdc_avro_decode(dec, (cdc_bytes){value.data, value.len}, batch, &error),
                     CDC_FATAL);
    assert_string_equal(error.code, "message_foreign");
    assert_non_null(strstr(error.text, "table shop.other-one"));
    assert_int_equal(batch->nevents, 0);
    cdc_avro_decoder_free(dec);
    cdc_batch_free(batch);
    cdc_table_unref(one);
    cdc_table_unref(other);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
}

/* Name of the third column and of the key's; NULL: refused. */
static const char *third_column(cdc_avro_decoder *dec, const cdc_buffer *value, const char **key)
{
    cdc_batch *batch = cdc_batch_new(1 << 20);
    const char *name = NULL;
    cdc_error_clear(&error);
    if (cdc_avro_decode(dec, (cdc_bytes){value->data, value->len}, batch, &error) == CDC_OK) {
        const cdc_table *tbl = batch->events[0].table;
        name = cdc_arena_strndup(&kit.arena, tbl->cols[2].name, strlen(tbl->cols[2].name));
        *key = tbl->cols[tbl->keys[0]].name[0] == 'i' ? "id" : "other";
    } else {
        assert_int_equal(batch->nevents, 0);
    }
    cdc_batch_free(batch);
    return name;
}

/* A registry without its data gives ids to other versions of a table, which read the same bytes as
 * other columns: every message says by which it was written. */
static void test_ids_given_anew(void **state)
{
    (void)state;
    static const avro_kit_column renamed[] = {
        {"id", "int", "1"}, {"d", "date", "0000-00-00"}, {"w", "varchar(9)", "abc"}};
    static const uint16_t last[] = {2};
    cdc_value values[3];
    cdc_table *tables[3] = {NULL};
    cdc_buffer key;
    cdc_buffer value[3];
    const char *by = "";
    cdc_buffer_init(&key, 1 << 20);
    tables[0] = avro_kit_table(&kit, "t", small, 3, values, &error);
    tables[1] = avro_kit_table(&kit, "t", renamed, 3, values, &error);
    assert_int_equal(cdc_table_new(&tables[2], "shop", "t", tables[0]->cols, 3, last, 1, &error),
                     CDC_OK);
    cdc_avro_decoder *dec = cdc_avro_decoder_new(&kit.ids);
    for (int i = 0; i < 3; i++) {
        cdc_event ev = event_of(tables[i], CDC_OP_INSERT, NULL, values);
        cdc_buffer_init(&value[i], 1 << 20);
        avro_kit_forget(&kit);
        encode(&ev, &key, &value[i]);
        assert_int_equal(value[i].data[4], 2);
        assert_string_equal(third_column(dec, &value[i], &by), i == 1 ? "w" : "v");
        assert_string_equal(by, i == 2 ? "other" : "id");
    }
    for (int i = 0; i < 6; i++) { /* it has seen them all */
        assert_string_equal(third_column(dec, &value[i % 3], &by), i % 3 == 1 ? "w" : "v");
        assert_string_equal(by, i % 3 == 2 ? "other" : "id");
    }
    cdc_avro_decoder_free(dec);
    dec = cdc_avro_decoder_new(&kit.ids);
    for (int i = 0; i < 2; i++) { /* another one has not */
        assert_null(third_column(dec, &value[i], &by));
        assert_string_equal(error.code, "message_foreign");
        assert_non_null(strstr(error.text, "table shop.t: schema id 2"));
        assert_non_null(strstr(error.text, "version 1 of subject orders-shop_x2dto_x2ddr.shop.t."));
        assert_non_null(strstr(error.text, "restore its data"));
    }
    assert_string_equal(third_column(dec, &value[2], &by), "v");
    cdc_avro_decoder_free(dec);
    for (int i = 0; i < 3; i++) {
        cdc_table_unref(tables[i]);
        cdc_buffer_fini(&value[i]);
    }
    cdc_buffer_fini(&key);
}

static void check_malformed(const char *bytes, size_t n, cdc_rc want, const char *code)
{
    cdc_avro_decoder *dec = cdc_avro_decoder_new(&kit.ids);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    cdc_error_clear(&error);
    assert_int_equal(cdc_avro_decode(dec, (cdc_bytes){bytes, n}, batch, &error), want);
    assert_string_equal(error.code, code);
    assert_int_equal(batch->nevents, 0);
    cdc_avro_decoder_free(dec);
    cdc_batch_free(batch);
}

/* Every cut of a message is refused, and so is one byte more. */
static void test_malformed(void **state)
{
    (void)state;
    cdc_value values[3];
    cdc_buffer key;
    cdc_buffer value;
    int32_t id = 0;
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    cdc_table *tbl = avro_kit_table(&kit, "t", small, 3, values, &error);
    cdc_event ev = event_of(tbl, CDC_OP_UPDATE, values, values);
    encode(&ev, &key, &value);
    for (size_t n = 1; n < value.len; n++) {
        check_malformed(value.data, n, CDC_FATAL, "message_malformed");
    }
    cdc_buffer_add_char(&value, 'x');
    check_malformed(value.data, value.len, CDC_FATAL, "message_malformed");
    check_malformed(NULL, 0, CDC_SKIP, "message_empty");
    check_malformed("{\"id\":1}", 8, CDC_FATAL, "message_malformed");
    check_malformed("\0\0\0\0\x3f", 5, CDC_FATAL, "registry_id_unknown");
    assert_int_equal(avro_kit_id(&kit, "s", "\"int\"", &id, &error), CDC_OK);
    check_malformed("\0\0\0\0\x03", 5, CDC_FATAL, "message_foreign");
    assert_int_equal(avro_kit_id(&kit, "s", "{\"type\":\"record\"}", &id, &error), CDC_OK);
    check_malformed("\0\0\0\0\x04", 5, CDC_FATAL, "avro_schema");
    cdc_table_unref(tbl);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
}

/* A generic message whose double is said to be a float's. */
static cdc_rc decode_as_float(const char *number)
{
    const avro_kit_column columns[] = {{"id", "int", "1"}, {"r", "double", number}};
    cdc_value values[2];
    cdc_buffer key;
    cdc_buffer value;
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    kit.opt.generic = true;
    cdc_table *tbl = avro_kit_table(&kit, "t", columns, 2, values, &error);
    cdc_event ev = event_of(tbl, CDC_OP_INSERT, NULL, values);
    encode(&ev, &key, &value);
    char *type = memmem(value.data, value.len, "\014double", 7);
    assert_non_null(type);
    size_t rest = value.len - (size_t)(type + 7 - value.data);
    memcpy(type, "\012float", 6);
    memmove(type + 6, type + 7, rest);
    cdc_avro_decoder *dec = cdc_avro_decoder_new(&kit.ids);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    cdc_rc rc = cdc_avro_decode(dec, (cdc_bytes){value.data, value.len - 1}, batch, &error);
    cdc_batch_free(batch);
    cdc_avro_decoder_free(dec);
    cdc_table_unref(tbl);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
    return rc;
}

static void test_float_has_32_bits(void **state)
{
    (void)state;
    assert_int_equal(decode_as_float("0.5"), CDC_OK);
    assert_int_equal(decode_as_float("0.1"), CDC_FATAL);
    assert_non_null(strstr(error.text, "a value out of the column's range"));
    assert_int_equal(decode_as_float("1e300"), CDC_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decimals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_row_of_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_generic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_statement, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_float_has_32_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_generations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_schema_of_another_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_given_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

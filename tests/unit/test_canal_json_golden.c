/* canal-json against tests/golden/canal_json, byte for byte: values of every type, whole messages,
 * and back. The expected texts were written from docs/formats/canal-json.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/canal_json/canal.h"
#include "schema/mysql_type.h"

#define GOLDEN SLUICE_GOLDEN "/canal_json/"

enum { ES = 1709210096, LINE_FIELDS = 4 };

static cdc_arena arena;
static cdc_batch *batch;
static cdc_buffer key, value, key2, value2;
static cdc_error error;
static cdc_canal_options options;

static int setup(void **state)
{
    (void)state;
    cdc_arena_init(&arena, 65536, 16 << 20);
    batch = cdc_batch_new(16 << 20);
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    cdc_buffer_init(&key2, 1 << 20);
    cdc_buffer_init(&value2, 1 << 20);
    options = (cdc_canal_options){.max_bytes = 1 << 20};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cdc_arena_fini(&arena);
    cdc_batch_free(batch);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
    cdc_buffer_fini(&key2);
    cdc_buffer_fini(&value2);
    return 0;
}

/* A file without its last newline. */
static char *read_file(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s%s", GOLDEN, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("%s cannot be opened", path);
        return NULL;
    }
    char *text = cdc_arena_alloc(&arena, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    n -= n > 0 && text[n - 1] == '\n';
    text[n] = '\0';
    return text;
}

static void assert_text(const cdc_buffer *got, const char *want)
{
    if (got->len != strlen(want) || memcmp(got->data, want, got->len) != 0) {
        fail_msg("\ngot:  %.*s\nwant: %s", (int)got->len, got->data, want);
    }
}

static void assert_same(const cdc_buffer *a, const cdc_buffer *b)
{
    if (a->len != b->len || memcmp(a->data, b->data, a->len) != 0) {
        fail_msg("\nfirst:  %.*s\nsecond: %.*s", (int)a->len, a->data, (int)b->len, b->data);
    }
}

static void encode(const cdc_event *ev, cdc_buffer *k, cdc_buffer *v)
{
    cdc_canal_encoder *enc = cdc_canal_encoder_new(&options);
    cdc_buffer_reset(k);
    cdc_buffer_reset(v);
    if (cdc_canal_encode(enc, ev, 1, k, v, &error) != CDC_OK) {
        fail_msg("encode: %s", error.text);
    }
    assert_int_equal(cdc_canal_encoder_replaced(enc), 0);
    cdc_canal_encoder_free(enc);
}

/* Decodes from memory that ends where the message ends, so that the sanitizer sees every step too
 * far. */
static void decode(const char *text, size_t n)
{
    cdc_canal_decoder *dec = cdc_canal_decoder_new(&options);
    char *exact = malloc(n);
    memcpy(exact, text, n);
    cdc_batch_reset(batch);
    cdc_rc rc = cdc_canal_decode(dec, (cdc_bytes){exact, n}, batch, &error);
    free(exact);
    cdc_canal_decoder_free(dec);
    if (rc != CDC_OK) {
        fail_msg("decode: %s\n%.*s", error.text, (int)n, text);
    }
}

/* --- values.golden --- */

static char *next_field(char **at)
{
    char *start = *at;
    char *tab = start != NULL ? strchr(start, '\t') : NULL;
    if (tab != NULL) {
        *tab = '\0';
    }
    *at = tab != NULL ? tab + 1 : NULL;
    return start;
}

static unsigned hex(const char *s)
{
    char two[3] = {s[0], s[1], 0};
    return (unsigned)strtoul(two, NULL, 16);
}

static void parse_text(const char *s, cdc_value *v)
{
    char *to = cdc_arena_alloc(&arena, strlen(s) + 1);
    v->p = to;
    while (*s != '\0') {
        if (s[0] == '\\' && s[1] == 'x') {
            *to++ = (char)hex(s + 2);
            s += 4;
        } else {
            *to++ = *s++;
        }
    }
    v->len = (uint32_t)(to - v->p);
}

static void parse_bytes(const char *s, cdc_value *v)
{
    char *to = cdc_arena_alloc(&arena, strlen(s) + 1);
    v->p = to;
    for (; *s != '\0'; s += 2) {
        *to++ = (char)hex(s);
    }
    v->len = (uint32_t)(to - v->p);
}

static unsigned number(char **s, char end)
{
    unsigned n = (unsigned)strtoul(*s, s, 10);
    if (**s == end && end != '\0') {
        (*s)++;
    }
    return n;
}

static void parse_date(char **s, cdc_value *v)
{
    v->year = (uint16_t)number(s, '-');
    v->t.month = (uint8_t)number(s, '-');
    v->t.day = (uint8_t)number(s, ' ');
}

static void parse_clock(char **s, cdc_value *v)
{
    v->t.hour = (uint16_t)number(s, ':');
    v->t.minute = (uint8_t)number(s, ':');
    v->t.second = (uint8_t)number(s, '.');
    v->t.usec = number(s, '\0');
}

static void parse_temporal(char *s, cdc_value *v)
{
    switch (v->kind) {
    case CDC_YEAR:
        v->i = strtoll(s, NULL, 10);
        break;
    case CDC_DATE:
        parse_date(&s, v);
        break;
    case CDC_TIME:
        v->t.neg = *s == '-';
        s += v->t.neg;
        parse_clock(&s, v);
        break;
    case CDC_DATETIME:
        parse_date(&s, v);
        parse_clock(&s, v);
        break;
    default:
        v->ts.sec = strtoll(s, &s, 10);
        v->ts.usec = *s == '.' ? (uint32_t)strtoul(s + 1, NULL, 10) : 0;
        break;
    }
}

static cdc_kind parse_kind(const char *name)
{
    static const struct {
        const char *name;
        cdc_kind kind;
    } kinds[] = {{"int", CDC_INT},      {"uint", CDC_UINT},     {"dec", CDC_DECIMAL},
                 {"float", CDC_FLOAT},  {"double", CDC_DOUBLE}, {"bit", CDC_BIT},
                 {"enum", CDC_ENUM},    {"set", CDC_SET},       {"year", CDC_YEAR},
                 {"date", CDC_DATE},    {"time", CDC_TIME},     {"datetime", CDC_DATETIME},
                 {"ts", CDC_TIMESTAMP}, {"text", CDC_TEXT},     {"bytes", CDC_BYTES},
                 {"json", CDC_JSON}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return kinds[i].kind;
        }
    }
    fail_msg("%s is no kind of value", name);
    return CDC_NULL;
}

static cdc_value parse_value(char *s, const cdc_column *col)
{
    cdc_value v = {.kind = CDC_NULL};
    char *colon = strchr(s, ':');
    if (colon == NULL) {
        assert_string_equal(s, "null");
        return v;
    }
    *colon++ = '\0';
    v.kind = (uint8_t)parse_kind(s);
    assert_int_equal(v.kind, col->kind);
    switch ((cdc_kind)v.kind) {
    case CDC_INT:
        v.i = strtoll(colon, NULL, 10);
        break;
    case CDC_UINT:
    case CDC_BIT:
    case CDC_ENUM:
    case CDC_SET:
        v.u = strtoull(colon, NULL, 10);
        break;
    case CDC_FLOAT:
    case CDC_DOUBLE:
        v.d = strtod(colon, NULL);
        v.d = v.kind == CDC_FLOAT ? (double)(float)v.d : v.d;
        break;
    case CDC_TEXT:
    case CDC_JSON:
    case CDC_DECIMAL:
        parse_text(colon, &v);
        break;
    case CDC_BYTES:
        parse_bytes(colon, &v);
        break;
    default:
        v.digits = col->digits;
        parse_temporal(colon, &v);
        break;
    }
    return v;
}

static void set_option(char *line)
{
    char *name = strtok_r(line, " ", &line);
    const char *to = strtok_r(NULL, " ", &line);
    if (strcmp(name, "zone") == 0) {
        assert_true(cdc_canal_zone(to, &options.zone_offset_s));
    } else if (strcmp(name, "binary") == 0) {
        options.binary = strcmp(to, "base64") == 0 ? CDC_BINARY_BASE64
                         : strcmp(to, "hex") == 0  ? CDC_BINARY_HEX
                                                   : CDC_BINARY_LATIN1;
    } else {
        assert_string_equal(name, "enum");
        options.labels = strcmp(to, "label") == 0;
    }
}

/* The type text inside of a JSON string. */
static const char *escaped(const char *s)
{
    char *to = cdc_arena_alloc(&arena, 2 * strlen(s) + 1);
    char *start = to;
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            *to++ = '\\';
        }
        *to++ = *s;
    }
    *to = '\0';
    return start;
}

static void check_value(char *type, char *given, const char *want, const char *java_type)
{
    cdc_column col = {.name = "v", .type_text = type, .charset = ""};
    const uint16_t keys[] = {0};
    cdc_table *tbl = NULL;
    assert_int_equal(cdc_mysql_type_parse(type, &col, &arena, &error), CDC_OK);
    cdc_value v = parse_value(given, &col);
    uint32_t nkeys = v.kind != CDC_NULL;
    assert_int_equal(cdc_table_new(&tbl, "g", "t", &col, 1, keys, nkeys, &error), CDC_OK);
    cdc_event ev = {.op = CDC_OP_INSERT,
                    .table = tbl,
                    .after = &v,
                    .id = 7,
                    .source_ms = 8,
                    .capture_ms = 9,
                    .server_id = 10,
                    .gtid = ""};
    encode(&ev, &key, &value);

    cdc_buffer expected;
    cdc_buffer_init(&expected, 1 << 20);
    cdc_buffer_addf(
        &expected,
        "{\"id\":7,\"database\":\"g\",\"table\":\"t\",\"pkNames\":%s,\"isDdl\":false,\"type\":"
        "\"INSERT\","
        "\"es\":8,\"ts\":9,\"data\":[{\"v\":%s}],\"old\":null,\"sql\":\"\",\"sqlType\":{\"v\":%s},"
        "\"mysqlType\":{\"v\":\"%s\"},\"gtid\":\"\",\"serverId\":\"10\"}",
        nkeys ? "[\"v\"]" : "null", want, java_type, escaped(type));
    assert_text(&value, cdc_buffer_cstr(&expected));
    cdc_buffer_reset(&expected);
    cdc_buffer_addf(&expected, nkeys ? "[\"g\",\"t\",%s]" : "[\"g\",\"t\"]", want);
    assert_text(&key, cdc_buffer_cstr(&expected));
    cdc_buffer_fini(&expected);

    decode(value.data, value.len);
    assert_int_equal(batch->nevents, 1);
    const cdc_value *back = &batch->events[0].after[0];
    bool padded = v.kind == CDC_BYTES && col.length > v.len;
    if (!padded && !cdc_value_equal(back, &v)) {
        fail_msg("%s %s reads back as another value", type, want);
    }
    encode(&batch->events[0], &key2, &value2);
    assert_same(&value, &value2);
    assert_same(&key, &key2);
    cdc_table_unref(tbl);
}

static void test_values(void **state)
{
    (void)state;
    char *text = read_file("values.golden");
    int cases = 0;
    for (char *line = strtok_r(text, "\n", &text); line != NULL;
         line = strtok_r(NULL, "\n", &text)) {
        if (line[0] == '#') {
            continue;
        }
        if (line[0] == '@') {
            set_option(line + 2);
            continue;
        }
        char *field[LINE_FIELDS];
        for (int i = 0; i < LINE_FIELDS; i++) {
            field[i] = next_field(&line);
            assert_non_null(field[i]);
        }
        check_value(field[0], field[1], field[2], field[3]);
        cases++;
    }
    assert_true(cases > 190);
}

/* --- messages --- */

#define TEXT(s)                                                                                    \
    {                                                                                              \
        .kind = CDC_TEXT, .p = s, .len = sizeof(s) - 1                                             \
    }
#define DECIMAL(s)                                                                                 \
    {                                                                                              \
        .kind = CDC_DECIMAL, .p = s, .len = sizeof(s) - 1                                          \
    }

static const cdc_column order_columns[] = {
    {.name = "id",
     .type_text = "int unsigned",
     .kind = CDC_UINT,
     .java_type = 4,
     .is_unsigned = true},
    {.name = "customer", .type_text = "varchar(64)", .kind = CDC_TEXT, .java_type = 12},
    {.name = "amount",
     .type_text = "decimal(10,2)",
     .kind = CDC_DECIMAL,
     .java_type = 3,
     .precision = 10,
     .scale = 2},
    {.name = "note", .type_text = "text", .kind = CDC_TEXT, .java_type = 2005},
};
static const cdc_value order[] = {
    {.kind = CDC_UINT, .u = 7}, TEXT("日本 \"A\""), DECIMAL("12.50"), {.kind = CDC_NULL}};
static const cdc_value order_changed[] = {
    {.kind = CDC_UINT, .u = 7}, TEXT("日本 \"A\""), DECIMAL("13.00"), TEXT("null")};
static const cdc_value order_moved[] = {
    {.kind = CDC_UINT, .u = 3000000000}, TEXT("日本 \"A\""), DECIMAL("12.50"), {.kind = CDC_NULL}};

static cdc_table *orders(void)
{
    static const uint16_t keys[] = {0};
    cdc_table *tbl = NULL;
    assert_int_equal(cdc_table_new(&tbl, "shop", "orders", order_columns, 4, keys, 1, &error),
                     CDC_OK);
    return tbl;
}

/* Encodes to golden NAME.json and NAME.key, and the decoded event encodes to them again. */
static void check_message(const char *name, cdc_event *ev)
{
    char file[64];
    ev->source_ms = ev->source_ms == 0 ? 0 : 1709210096000;
    ev->capture_ms = ev->capture_ms != 0 ? ev->capture_ms : 1709210096004;
    encode(ev, &key, &value);
    snprintf(file, sizeof file, "messages/%s.json", name);
    assert_text(&value, read_file(file));
    snprintf(file, sizeof file, "messages/%s.key", name);
    assert_text(&key, read_file(file));
    decode(value.data, value.len);
    assert_int_equal(batch->nevents, 1);
    encode(&batch->events[0], &key2, &value2);
    assert_same(&value, &value2);
    assert_same(&key, &key2);
}

static void assert_rows_equal(const cdc_value *a, const cdc_value *b, uint32_t n)
{
    assert_int_equal(a != NULL, b != NULL);
    for (uint32_t i = 0; a != NULL && i < n; i++) {
        if (!cdc_value_equal(&a[i], &b[i])) {
            fail_msg("column %u differs", i);
        }
    }
}

/* The decoded event is the one that was encoded. */
static void check_event(const cdc_event *want)
{
    const cdc_event *got = &batch->events[0];
    assert_int_equal(got->op, want->op);
    assert_int_equal(got->id, want->id);
    assert_int_equal(got->source_ms, want->source_ms);
    assert_int_equal(got->capture_ms, want->capture_ms);
    assert_int_equal(got->server_id, want->server_id);
    assert_string_equal(got->gtid, want->gtid);
    assert_string_equal(got->table->database, want->table->database);
    assert_string_equal(got->table->name, want->table->name);
    assert_int_equal(got->table->ncols, want->table->ncols);
    assert_int_equal(got->table->nkeys, want->table->nkeys);
    for (uint32_t i = 0; i < got->table->ncols; i++) {
        const cdc_column *a = &got->table->cols[i];
        const cdc_column *b = &want->table->cols[i];
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->type_text, b->type_text);
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->java_type, b->java_type);
        assert_int_equal(a->key_part, b->key_part);
        assert_int_equal(a->is_unsigned, b->is_unsigned);
        assert_int_equal(a->precision, b->precision);
        assert_int_equal(a->scale, b->scale);
    }
    assert_rows_equal(got->before, want->before, want->table->ncols);
    assert_rows_equal(got->after, want->after, want->table->ncols);
}

static void test_rows(void **state)
{
    (void)state;
    cdc_table *tbl = orders();
    cdc_event ev = {.op = CDC_OP_INSERT,
                    .table = tbl,
                    .after = order,
                    .id = 1,
                    .server_id = 1,
                    .source_ms = ES,
                    .gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23"};
    check_message("insert", &ev);
    check_event(&ev);
    ev = (cdc_event){.op = CDC_OP_UPDATE,
                     .table = tbl,
                     .before = order,
                     .after = order_changed,
                     .id = 2,
                     .server_id = 1,
                     .source_ms = ES,
                     .gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:24"};
    check_message("update", &ev);
    check_event(&ev);
    ev = (cdc_event){.op = CDC_OP_UPDATE,
                     .table = tbl,
                     .before = order,
                     .after = order_moved,
                     .id = 3,
                     .server_id = 1,
                     .source_ms = ES,
                     .gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:25"};
    check_message("update_key", &ev);
    check_event(&ev);
    ev = (cdc_event){.op = CDC_OP_UPDATE,
                     .table = tbl,
                     .before = order,
                     .after = order,
                     .id = 4,
                     .server_id = 1,
                     .source_ms = ES,
                     .gtid = ""};
    check_message("update_same", &ev);
    check_event(&ev);
    ev = (cdc_event){.op = CDC_OP_DELETE,
                     .table = tbl,
                     .before = order,
                     .id = CDC_CANAL_NUMBER_MAX,
                     .server_id = UINT32_MAX,
                     .source_ms = ES,
                     .gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:blue:26"};
    check_message("delete", &ev);
    check_event(&ev);
    cdc_table_unref(tbl);
}

static void test_keys(void **state)
{
    (void)state;
    static const cdc_column two[] = {
        {.name = "a", .type_text = "char(3)", .kind = CDC_TEXT, .java_type = 1},
        {.name = "b", .type_text = "smallint", .kind = CDC_INT, .java_type = 5},
        {.name = "c \"q\"", .type_text = "varbinary(3)", .kind = CDC_BYTES, .java_type = 2004},
    };
    static const cdc_value row[] = {
        TEXT("x\ty"), {.kind = CDC_INT, .i = -1}, {.kind = CDC_BYTES, .p = "\xe9", .len = 2}};
    static const uint16_t keys[] = {1, 0};
    cdc_table *tbl = NULL;
    assert_int_equal(cdc_table_new(&tbl, "s\"q", "tä\\b", two, 3, keys, 2, &error), CDC_OK);
    cdc_event ev = {
        .op = CDC_OP_INSERT, .table = tbl, .after = row, .id = 5, .capture_ms = 1, .gtid = ""};
    check_message("two_keys", &ev);
    check_event(&ev);
    cdc_table_unref(tbl);

    static const cdc_column one[] = {
        {.name = "line", .type_text = "varchar(20)", .kind = CDC_TEXT, .java_type = 12}};
    static const cdc_value line[] = {TEXT("a\nb")};
    assert_int_equal(cdc_table_new(&tbl, "shop", "log", one, 1, NULL, 0, &error), CDC_OK);
    ev = (cdc_event){.op = CDC_OP_DELETE,
                     .table = tbl,
                     .before = line,
                     .id = 6,
                     .server_id = 1,
                     .source_ms = ES,
                     .gtid = ""};
    check_message("no_key", &ev);
    check_event(&ev);
    cdc_table_unref(tbl);
}

static void test_ddl(void **state)
{
    (void)state;
    static const char alter[] = "ALTER TABLE orders\n  ADD note2 VARCHAR(10) DEFAULT '\"x\\\\ü'";
    cdc_event ev = {.op = CDC_OP_DDL,
                    .ddl = CDC_DDL_ALTER,
                    .ddl_database = "shop",
                    .ddl_table = "orders",
                    .sql = alter,
                    .sql_len = sizeof alter - 1,
                    .id = 8,
                    .server_id = 1,
                    .source_ms = ES,
                    .gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:27"};
    check_message("ddl_alter", &ev);
    const cdc_event *got = &batch->events[0];
    assert_int_equal(got->op, CDC_OP_DDL);
    assert_int_equal(got->ddl, CDC_DDL_ALTER);
    assert_string_equal(got->ddl_database, "shop");
    assert_string_equal(got->ddl_table, "orders");
    assert_int_equal(got->sql_len, sizeof alter - 1);
    assert_string_equal(got->sql, alter);
    assert_null(got->table);
    ev = (cdc_event){.op = CDC_OP_DDL,
                     .ddl = CDC_DDL_QUERY,
                     .ddl_database = "",
                     .ddl_table = "",
                     .sql = "CREATE DATABASE shop2",
                     .sql_len = 21,
                     .id = 9,
                     .server_id = 1,
                     .source_ms = ES,
                     .gtid = ""};
    check_message("ddl_query", &ev);
}

/* --- messages of other writers --- */

static void decode_file(const char *name)
{
    const char *text = read_file(name);
    decode(text, strlen(text));
}

static void test_message_of_canal(void **state)
{
    (void)state;
    decode_file("foreign/canal_1_1_7.json");
    assert_int_equal(batch->nevents, 2);
    const cdc_event *ev = &batch->events[0];
    assert_int_equal(ev->op, CDC_OP_INSERT);
    assert_int_equal(ev->id, 12);
    assert_int_equal(ev->server_id, 0);
    assert_int_equal(ev->after[0].u, 1);
    assert_memory_equal(ev->after[1].p, "1.00", 4);
    assert_memory_equal(ev->after[2].p, "a", 1);
    assert_int_equal(ev->after[3].digits, 3);
    assert_int_equal(ev->after[4].i, 2024);
    ev = &batch->events[1];
    assert_memory_equal(ev->after[1].p, "-2.50", 5);
    assert_int_equal(ev->after[2].kind, CDC_NULL);
    assert_int_equal(ev->after[3].year, 0);
    assert_int_equal(ev->after[4].i, 0);
    assert_ptr_equal(ev->table, batch->events[0].table);
}

static void test_message_with_spaces(void **state)
{
    (void)state;
    decode_file("foreign/spaced.json");
    assert_int_equal(batch->nevents, 2);
    const cdc_event *ev = &batch->events[0];
    assert_int_equal(ev->op, CDC_OP_UPDATE);
    assert_int_equal(ev->table->nkeys, 0);
    assert_int_equal(ev->after[0].i, 7);
    assert_int_equal(ev->after[1].kind, CDC_NULL);
    assert_int_equal(ev->before[0].i, 7);
    assert_int_equal(ev->before[1].len, 7);
    assert_memory_equal(ev->before[1].p, "é😀/", 7);
    ev = &batch->events[1];
    assert_int_equal(ev->after[0].i, 2);
    assert_int_equal(ev->before[1].kind, CDC_TEXT);
    assert_int_equal(ev->before[1].len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ddl, setup, teardown),
        cmocka_unit_test_setup_teardown(test_message_of_canal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_message_with_spaces, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

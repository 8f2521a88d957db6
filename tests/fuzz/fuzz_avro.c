/* Any bytes as a message, under one of the schemas that the first byte chooses: refused with a
 * text, or taken; the events that were taken encode to messages which decode to the same events.
 * Bytes that begin with '{' are a schema. Now and then the mutations begin anew with a whole
 * message, for hardly any other bytes come far. */
#include "tests/unit/avro_kit.h"

enum { MEMORY = 32 * 1024 * 1024, LONGEST = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max); /* libFuzzer's own */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static const avro_kit_column columns[] = {
    {"id", "bigint unsigned", "1"},
    {"i", "int", "-2"},
    {"d", "decimal(40,10)", "1.0000000000"},
    {"f", "float", "1.5"},
    {"r", "double", "2.5"},
    {"b", "bit(9)", "257"},
    {"e", "enum('new','paid')", "paid"},
    {"el", "enum('a b','b')", "b"},
    {"s", "set('a','b','c')", "a,c"},
    {"y", "year", "2024"},
    {"dt", "date", "2024-02-29"},
    {"ti", "time(3)", "23:59:59.999"},
    {"m", "datetime(6)", "1000-01-01 00:00:00.000001"},
    {"ts", "timestamp(3)", "2038-01-19 03:14:07.999"},
    {"v", "varchar(20)", "x"},
    {"bi", "binary(4)", "ff000000"},
    {"j", "json", "{}"},
};
enum { COLUMNS = sizeof columns / sizeof columns[0], FORMS = 3, OPS = 3, ANEW_EVERY = 32 };

typedef struct avro_fuzz {
    avro_kit kit;
    cdc_avro_encoder *enc[FORMS]; /* row, generic, row with strings */
    cdc_avro_decoder *dec;
    cdc_batch *first, *second;
    cdc_buffer key, value;
    cdc_buffer whole[FORMS * OPS]; /* messages as inputs */
} avro_fuzz;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void keep_whole(cdc_buffer *out, const cdc_buffer *message)
{
    cdc_buffer_init(out, LONGEST);
    cdc_buffer_add_char(out, (char)(message->data[CDC_AVRO_PREFIX - 1] - 1)); /* of few schemas */
    cdc_buffer_add(out, message->data + CDC_AVRO_PREFIX, message->len - CDC_AVRO_PREFIX);
}

/* The first messages of each form give the ids: their schemas are those of key and value. */
static avro_fuzz *fuzz_new(void)
{
    avro_fuzz *fz = calloc(1, sizeof *fz);
    cdc_value values[COLUMNS];
    cdc_error err;
    avro_kit_init(&fz->kit);
    fz->kit.opt.max_bytes = MEMORY;
    fz->dec = cdc_avro_decoder_new(&fz->kit.ids);
    fz->first = cdc_batch_new(MEMORY);
    fz->second = cdc_batch_new(MEMORY);
    cdc_buffer_init(&fz->key, MEMORY);
    cdc_buffer_init(&fz->value, MEMORY);
    cdc_table *tbl = avro_kit_table(&fz->kit, "t", columns, COLUMNS, values, &err);
    must(tbl != NULL);
    for (int i = 0; i < FORMS; i++) {
        fz->kit.opt.generic = i == 1;
        fz->kit.opt.temporal = i == 2 ? CDC_AVRO_STRING : CDC_AVRO_MIXED;
        fz->enc[i] = cdc_avro_encoder_new(&fz->kit.opt, &fz->kit.ids);
        for (int op = 0; op < OPS; op++) {
            cdc_event ev = {.op = (uint8_t)(CDC_OP_INSERT + op), .table = tbl, .topic = "t"};
            ev.before = ev.op != CDC_OP_INSERT ? values : NULL;
            ev.after = ev.op != CDC_OP_DELETE ? values : NULL;
            cdc_buffer_reset(&fz->key);
            cdc_buffer_reset(&fz->value);
            must(cdc_avro_encode(fz->enc[i], &ev, 1, &fz->key, &fz->value, &err) == CDC_OK);
            keep_whole(&fz->whole[i * OPS + op], &fz->value);
        }
    }
    cdc_table_unref(tbl);
    return fz;
}

static void check_same_rows(const cdc_event *a, const cdc_event *b)
{
    must(a->op == b->op && (a->before != NULL) == (b->before != NULL) &&
         (a->after != NULL) == (b->after != NULL));
    for (uint32_t i = 0; a->table != NULL && i < a->table->ncols; i++) {
        must(a->before == NULL || cdc_value_equal(&a->before[i], &b->before[i]));
        must(a->after == NULL || cdc_value_equal(&a->after[i], &b->after[i]));
    }
}

/* Has a time more digits than its column? Texts, which the generic form has, do not. */
static bool is_finer(const cdc_event *ev, const cdc_value *row)
{
    static const uint32_t unit[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    for (uint32_t i = 0; row != NULL && i < ev->table->ncols; i++) {
        const cdc_value *v = &row[i];
        uint32_t usec = v->kind == CDC_TIMESTAMP                         ? v->ts.usec
                        : v->kind == CDC_TIME || v->kind == CDC_DATETIME ? v->t.usec
                                                                         : 0;
        if (usec % unit[v->digits < 6 ? v->digits : 6] != 0) {
            return true;
        }
    }
    return false;
}

/* What the decoder took for a NULL in the key, a table that would need one schema too many, or a
 * time finer than its column, is no event of a source. */
static void check_event(avro_fuzz *fz, const cdc_event *ev)
{
    cdc_error err;
    if (ev->table != NULL && (is_finer(ev, ev->before) || is_finer(ev, ev->after))) {
        return;
    }
    cdc_event again = *ev;
    cdc_buffer_reset(&fz->key);
    cdc_buffer_reset(&fz->value);
    again.topic = "t";
    again.capture_ms = again.capture_ms != 0 ? again.capture_ms : 1;
    if (cdc_avro_encode(fz->enc[1], &again, 1, &fz->key, &fz->value, &err) != CDC_OK) {
        must(strcmp(err.code, "key_null") == 0 || strcmp(err.code, "number_range") == 0);
        return;
    }
    must(cdc_avro_encoder_replaced(fz->enc[1]) == 0);
    cdc_batch_reset(fz->second);
    must(cdc_avro_decode(fz->dec, (cdc_bytes){fz->value.data, fz->value.len}, fz->second, &err) ==
         CDC_OK);
    must(fz->second->nevents == 1);
    check_same_rows(ev, &fz->second->events[0]);
}

static void check_schema(avro_fuzz *fz, const char *data, size_t size)
{
    cdc_arena ar;
    cdc_avro_node *node = NULL;
    cdc_error err;
    (void)fz;
    cdc_arena_init(&ar, 4096, MEMORY);
    char *text = strndup(data, size);
    if (cdc_avro_node_parse(text, &ar, &node, &err) != CDC_OK) {
        must(err.text[0] != '\0');
    }
    free(text);
    cdc_arena_fini(&ar);
}

static avro_fuzz *fuzz(void)
{
    static avro_fuzz *fz = NULL;
    fz = fz != NULL ? fz : fuzz_new();
    return fz;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    const cdc_buffer *whole = &fuzz()->whole[seed / ANEW_EVERY % (FORMS * OPS)];
    if (seed % ANEW_EVERY == 0 && whole->len <= max) {
        memcpy(data, whole->data, whole->len);
        size = whole->len;
    }
    return LLVMFuzzerMutate(data, size, max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    avro_fuzz *fz = fuzz();
    cdc_error err;
    if (size == 0 || size > LONGEST) {
        return 0;
    }
    if (data[0] == '{') {
        check_schema(fz, (const char *)data, size);
        return 0;
    }
    char *message = malloc(size + 4);
    const char head[CDC_AVRO_PREFIX] = {0, 0, 0, 0, (char)(1 + data[0] % fz->kit.n)};
    memcpy(message, head, sizeof head);
    memcpy(message + sizeof head, data + 1, size - 1);
    cdc_batch_reset(fz->first);
    cdc_error_clear(&err);
    cdc_rc rc = cdc_avro_decode(fz->dec, (cdc_bytes){message, size + 4}, fz->first, &err);
    free(message);
    must(rc == CDC_OK || err.text[0] != '\0');
    for (uint32_t i = 0; rc == CDC_OK && i < fz->first->nevents; i++) {
        check_event(fz, &fz->first->events[i]);
    }
    return 0;
}

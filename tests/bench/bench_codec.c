/* bench_codec [MESSAGES] - CPU nanoseconds per message of the codecs canal-json and avro, for one
 * INSERT of ten columns and about 200 bytes of values, an UPDATE of the same table, and a message
 * of 100 Redis commands of 100 bytes (canal-json). Started by ./dev bench codec. */
#include "tests/unit/avro_kit.h"

enum { DEFAULT_MESSAGES = 1000000, ROUNDS = 5, BATCH_BYTES = 512 * 1024, COMMANDS = 100 };

#define TEXT(s)                                                                                    \
    {                                                                                              \
        .kind = CDC_TEXT, .p = s, .len = sizeof s - 1                                              \
    }

static const char *const labels[] = {"new", "paid", "sent"};

static const cdc_column columns[] = {
    {.name = "id",
     .type_text = "bigint unsigned",
     .kind = CDC_UINT,
     .java_type = -5,
     .is_unsigned = true},
    {.name = "customer_id", .type_text = "int", .kind = CDC_INT, .java_type = 4},
    {.name = "state",
     .type_text = "enum('new','paid','sent')",
     .kind = CDC_ENUM,
     .java_type = 4,
     .labels = labels,
     .nlabels = 3},
    {.name = "amount",
     .type_text = "decimal(10,2)",
     .kind = CDC_DECIMAL,
     .java_type = 3,
     .precision = 10,
     .scale = 2},
    {.name = "name", .type_text = "varchar(64)", .kind = CDC_TEXT, .java_type = 12},
    {.name = "address", .type_text = "varchar(255)", .kind = CDC_TEXT, .java_type = 12},
    {.name = "note", .type_text = "text", .kind = CDC_TEXT, .java_type = 2005},
    {.name = "weight", .type_text = "double", .kind = CDC_DOUBLE, .java_type = 8},
    {.name = "created_at",
     .type_text = "datetime(3)",
     .kind = CDC_DATETIME,
     .java_type = 93,
     .digits = 3},
    {.name = "changed_at", .type_text = "timestamp", .kind = CDC_TIMESTAMP, .java_type = 93},
};

enum { COLUMNS = sizeof columns / sizeof columns[0] };

static const cdc_value row[COLUMNS] = {
    {.kind = CDC_UINT, .u = 1234567},
    {.kind = CDC_INT, .i = 45678},
    {.kind = CDC_ENUM, .u = 2},
    {.kind = CDC_DECIMAL, .p = "1299.90", .len = 7},
    TEXT("Ada Lovelace of Ockham"),
    TEXT("12 St James's Square, London SW1Y 4JH, United Kingdom"),
    TEXT("The engine weaves algebraic patterns just as the Jacquard loom weaves flowers and "
         "leaves."),
    {.kind = CDC_DOUBLE, .d = 12.75},
    {.kind = CDC_DATETIME,
     .digits = 3,
     .year = 2024,
     .t = {.usec = 123000, .hour = 12, .month = 2, .day = 29}},
    {.kind = CDC_TIMESTAMP, .ts = {.sec = 1709210096}},
};

static void die(const char *what, const cdc_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

/* CPU time, so that what else runs on the machine counts for little. */
static int64_t cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void report(const char *what, int64_t best_us, long messages, size_t bytes)
{
    printf("%-30s %7.1f ns per message, %9.0f a second, %5zu bytes\n", what,
           (double)best_us * 1000 / (double)messages, (double)messages * 1e6 / (double)best_us,
           bytes);
}

/* The formats, each with what it needs. */
typedef struct bench_codec {
    const char *name;
    cdc_canal_encoder *canal_enc;
    cdc_canal_decoder *canal_dec;
    cdc_avro_encoder *avro_enc; /* NULL: Canal JSON */
    cdc_avro_decoder *avro_dec;
} bench_codec;

static cdc_rc encode(const bench_codec *codec, const cdc_event *ev, uint32_t n, cdc_buffer *key,
                     cdc_buffer *value, cdc_error *err)
{
    return codec->avro_enc != NULL ? cdc_avro_encode(codec->avro_enc, ev, n, key, value, err)
                                   : cdc_canal_encode(codec->canal_enc, ev, n, key, value, err);
}

static cdc_rc decode(const bench_codec *codec, cdc_bytes value, cdc_batch *batch, cdc_error *err)
{
    return codec->avro_dec != NULL ? cdc_avro_decode(codec->avro_dec, value, batch, err)
                                   : cdc_canal_decode(codec->canal_dec, value, batch, err);
}

static int64_t bench_encode(const bench_codec *codec, cdc_event *ev, uint32_t n, long messages,
                            cdc_buffer *key, cdc_buffer *value)
{
    cdc_error err;
    int64_t start = cpu_us();
    for (long i = 0; i < messages; i++) {
        cdc_buffer_reset(key);
        cdc_buffer_reset(value);
        ev->id = (uint64_t)i;
        if (encode(codec, ev, n, key, value, &err) != CDC_OK) {
            die("encode", &err);
        }
    }
    return cpu_us() - start;
}

static int64_t bench_decode(const bench_codec *codec, cdc_bytes value, long messages,
                            cdc_batch *batch)
{
    cdc_error err;
    int64_t start = cpu_us();
    for (long i = 0; i < messages; i++) {
        if (cdc_batch_bytes(batch) > BATCH_BYTES) {
            cdc_batch_reset(batch);
        }
        if (decode(codec, value, batch, &err) != CDC_OK) {
            die("decode", &err);
        }
    }
    return cpu_us() - start;
}

static void bench(const bench_codec *codec, const char *name, cdc_event *ev, uint32_t n,
                  long messages)
{
    cdc_batch *batch = cdc_batch_new(64 << 20);
    cdc_buffer key;
    cdc_buffer value;
    cdc_buffer_init(&key, 1 << 20);
    cdc_buffer_init(&value, 1 << 20);
    int64_t encode_us = INT64_MAX;
    int64_t decode_us = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t us = bench_encode(codec, ev, n, messages, &key, &value);
        encode_us = us < encode_us ? us : encode_us;
        us = bench_decode(codec, (cdc_bytes){value.data, value.len}, messages, batch);
        decode_us = us < decode_us ? us : decode_us;
    }
    char what[64];
    snprintf(what, sizeof what, "%s %s encode", codec->name, name);
    report(what, encode_us, messages, value.len);
    snprintf(what, sizeof what, "%s %s decode", codec->name, name);
    report(what, decode_us, messages, value.len);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
    cdc_batch_free(batch);
}

static void bench_commands(const bench_codec *codec, long messages)
{
    static const cdc_value argv[] = {
        {.kind = CDC_BYTES, .p = "SET", .len = 3},
        {.kind = CDC_BYTES, .p = "key:000000012345", .len = 16},
        {.kind = CDC_BYTES,
         .p = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz012345678",
         .len = 81}};
    cdc_event events[COMMANDS];
    for (int i = 0; i < COMMANDS; i++) {
        events[i] = (cdc_event){.op = CDC_OP_COMMAND,
                                .phase = CDC_PHASE_INCR,
                                .last = true,
                                .after = argv,
                                .nargs = 3,
                                .key_arg = 1,
                                .expire_at_ms = -1,
                                .source_ms = 1709210096000,
                                .capture_ms = 1709210096004};
    }
    bench(codec, "100 commands", events, COMMANDS, messages / COMMANDS);
    bench(codec, "1 command", events, 1, messages);
}

int main(int argc, char **argv)
{
    long messages = argc > 1 ? strtol(argv[1], NULL, 10) : DEFAULT_MESSAGES;
    const uint16_t keys[] = {0};
    cdc_table *tbl = NULL;
    cdc_error err;
    if (messages <= 0 ||
        cdc_table_new(&tbl, "shop", "orders", columns, COLUMNS, keys, 1, &err) != CDC_OK) {
        fprintf(stderr, "usage: bench_codec [MESSAGES]\n");
        return 2;
    }
    cdc_value before[COLUMNS];
    memcpy(before, row, sizeof before);
    before[2].u = 1;
    before[3].p = "1199.90";
    cdc_event ev = {.op = CDC_OP_INSERT,
                    .table = tbl,
                    .after = row,
                    .source_ms = 1709210096000,
                    .capture_ms = 1709210096004,
                    .gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23",
                    .server_id = 1};
    static avro_kit kit;
    avro_kit_init(&kit);
    const cdc_canal_options opt = {.max_bytes = 1 << 20};
    const bench_codec codecs[] = {
        {"canal-json", cdc_canal_encoder_new(&opt), cdc_canal_decoder_new(&opt), NULL, NULL},
        {"avro", NULL, NULL, cdc_avro_encoder_new(&kit.opt, &kit.ids),
         cdc_avro_decoder_new(&kit.ids)}};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        ev.op = CDC_OP_INSERT;
        ev.before = NULL;
        bench(&codecs[i], "INSERT", &ev, 1, messages);
        ev.op = CDC_OP_UPDATE;
        ev.before = before;
        bench(&codecs[i], "UPDATE", &ev, 1, messages);
    }
    bench_commands(&codecs[0], messages);
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        cdc_canal_encoder_free(codecs[i].canal_enc);
        cdc_canal_decoder_free(codecs[i].canal_dec);
        cdc_avro_encoder_free(codecs[i].avro_enc);
        cdc_avro_decoder_free(codecs[i].avro_dec);
    }
    avro_kit_fini(&kit);
    cdc_table_unref(tbl);
    return 0;
}

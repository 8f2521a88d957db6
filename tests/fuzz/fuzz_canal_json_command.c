/* Any bytes as a message of commands: refused with a text, or taken; and any bytes as commands:
 * what is decoded from their message is what was encoded. */
#include "core/cursor.h"
#include "schema/canal_json/canal.h"

enum { MEMORY = 32 * 1024 * 1024, LONGEST = 64 * 1024, COMMANDS_MAX = 8, ARGUMENTS_MAX = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    cdc_canal_encoder *enc;
    cdc_canal_decoder *dec;
    cdc_batch *first, *second;
    cdc_buffer key, value;
} fz;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_same(const cdc_event *a, const cdc_event *b)
{
    must(b->op == CDC_OP_COMMAND && a->nargs == b->nargs && a->phase == b->phase &&
         a->redis_db == b->redis_db && a->expire_at_ms == b->expire_at_ms &&
         a->tx_seq == b->tx_seq && a->last == b->last && (a->key_arg < 0) == (b->key_arg < 0));
    must(a->tx_seq == 0 || strcmp(a->txn, b->txn) == 0);
    for (uint32_t i = 0; i < a->nargs; i++) {
        must(cdc_value_equal(&a->after[i], &b->after[i]));
    }
    must(a->key_arg < 0 || cdc_value_equal(&a->after[a->key_arg], &b->after[b->key_arg]));
}

static void there_and_back(const cdc_event *events, uint32_t n)
{
    cdc_error err;
    cdc_buffer_reset(&fz.key);
    cdc_buffer_reset(&fz.value);
    must(cdc_canal_encode(fz.enc, events, n, &fz.key, &fz.value, &err) == CDC_OK);
    cdc_batch_reset(fz.second);
    must(cdc_canal_decode(fz.dec, (cdc_bytes){fz.value.data, fz.value.len}, fz.second, &err) ==
         CDC_OK);
    must(fz.second->nevents == n);
    for (uint32_t i = 0; i < n; i++) {
        check_same(&events[i], &fz.second->events[i]);
    }
}

/* As a message. */
static void read_message(const uint8_t *data, size_t size)
{
    cdc_error err;
    cdc_batch_reset(fz.first);
    cdc_rc rc = cdc_canal_decode(fz.dec, (cdc_bytes){(const char *)data, size}, fz.first, &err);
    must(rc == CDC_OK || ((rc == CDC_FATAL || rc == CDC_SKIP) && err.text[0] != '\0'));
    if (rc != CDC_OK) {
        must(fz.first->nevents == 0);
        return;
    }
    if (fz.first->events[0].op == CDC_OP_COMMAND) {
        there_and_back(fz.first->events, fz.first->nevents);
    }
}

/* As commands: two bytes of length and flags before each argument. */
static void write_commands(const uint8_t *data, size_t size)
{
    cdc_value values[COMMANDS_MAX][ARGUMENTS_MAX];
    cdc_event events[COMMANDS_MAX];
    cdc_cursor in = cdc_cursor_of(data, size);
    uint32_t n = 0;
    while (n < COMMANDS_MAX && cdc_cursor_left(&in) >= 2) {
        cdc_event *ev = &events[n];
        uint8_t flags = cdc_cursor_u8(&in);
        *ev = (cdc_event){.op = CDC_OP_COMMAND,
                          .phase = (flags & 1) != 0 ? CDC_PHASE_INCR : CDC_PHASE_SNAPSHOT,
                          .last = (flags & 6) != 2,
                          .after = values[n],
                          .tx_seq = (flags & 2) != 0 ? 1U + flags : 0,
                          .txn = "r:1",
                          .expire_at_ms = (flags & 8) != 0 ? (int64_t)flags << 40 : -1,
                          .capture_ms = 1};
        for (; ev->nargs <= (flags >> 4) % ARGUMENTS_MAX; ev->nargs++) {
            size_t len = cdc_cursor_u8(&in);
            len = len < cdc_cursor_left(&in) ? len : cdc_cursor_left(&in);
            values[n][ev->nargs] =
                (cdc_value){.kind = CDC_BYTES, .len = (uint32_t)len, .p = (const char *)in.p};
            in.p += len;
        }
        ev->key_arg = ev->nargs > 1 ? 1 : -1;
        n++;
    }
    if (n > 0) {
        there_and_back(events, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const cdc_canal_options options = {.max_bytes = MEMORY};
    if (size > LONGEST) {
        return 0;
    }
    if (fz.enc == NULL) {
        fz.enc = cdc_canal_encoder_new(&options);
        fz.dec = cdc_canal_decoder_new(&options);
        fz.first = cdc_batch_new(MEMORY);
        fz.second = cdc_batch_new(MEMORY);
        cdc_buffer_init(&fz.key, MEMORY);
        cdc_buffer_init(&fz.value, MEMORY);
    }
    read_message(data, size);
    write_commands(data, size);
    return 0;
}

/* Any bytes as a message: refused with a text, or taken; the events that were taken encode to
 * messages which decode to events that encode to the same bytes. */
#include "schema/canal_json/canal.h"

enum { MEMORY = 32 * 1024 * 1024, LONGEST = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Kept over all inputs, as in a program, so that one message meets the definitions of others. */
typedef struct cdc_fuzz {
    cdc_canal_encoder *enc;
    cdc_canal_decoder *dec;
    cdc_batch *first, *second;
    cdc_buffer key, value, key_again, value_again;
} cdc_fuzz;

static cdc_fuzz *fuzz_new(cdc_canal_options opt)
{
    cdc_fuzz *fz = calloc(1, sizeof *fz);
    opt.max_bytes = MEMORY;
    fz->enc = cdc_canal_encoder_new(&opt);
    fz->dec = cdc_canal_decoder_new(&opt);
    fz->first = cdc_batch_new(MEMORY);
    fz->second = cdc_batch_new(MEMORY);
    cdc_buffer_init(&fz->key, MEMORY);
    cdc_buffer_init(&fz->value, MEMORY);
    cdc_buffer_init(&fz->key_again, MEMORY);
    cdc_buffer_init(&fz->value_again, MEMORY);
    return fz;
}

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool same(const cdc_buffer *a, const cdc_buffer *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* False: refused for the one thing that a message may hold but an event may not, a NULL in the key.
 */
static bool encode(cdc_fuzz *fz, const cdc_event *ev, cdc_buffer *key, cdc_buffer *value)
{
    cdc_error err;
    cdc_buffer_reset(key);
    cdc_buffer_reset(value);
    cdc_error_clear(&err);
    if (cdc_canal_encode(fz->enc, ev, 1, key, value, &err) == CDC_OK) {
        return true;
    }
    must(strcmp(err.code, "key_null") == 0);
    return false;
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

static void check_event(cdc_fuzz *fz, cdc_event ev)
{
    cdc_error err;
    ev.capture_ms = ev.capture_ms != 0 ? ev.capture_ms : 1; /* not the clock's time */
    if (!encode(fz, &ev, &fz->key, &fz->value)) {
        return;
    }
    must(cdc_canal_encoder_replaced(fz->enc) == 0);
    cdc_batch_reset(fz->second);
    must(cdc_canal_decode(fz->dec, (cdc_bytes){fz->value.data, fz->value.len}, fz->second, &err) ==
         CDC_OK);
    must(fz->second->nevents == 1);
    check_same_rows(&ev, &fz->second->events[0]);
    must(encode(fz, &fz->second->events[0], &fz->key_again, &fz->value_again));
    must(same(&fz->key, &fz->key_again) && same(&fz->value, &fz->value_again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const cdc_canal_options options[] = {
        {.binary = CDC_BINARY_LATIN1},
        {.binary = CDC_BINARY_HEX, .labels = true},
        {.binary = CDC_BINARY_BASE64, .zone_offset_s = -5 * 3600},
        {.zone_offset_s = 2 * 3600}};
    static cdc_fuzz *all[sizeof options / sizeof options[0]];
    if (size > LONGEST) {
        return 0;
    }
    size_t which = size % (sizeof options / sizeof options[0]);
    if (all[which] == NULL) {
        all[which] = fuzz_new(options[which]);
    }
    cdc_fuzz *fz = all[which];
    cdc_error err;
    cdc_batch_reset(fz->first);
    cdc_rc rc = cdc_canal_decode(fz->dec, (cdc_bytes){(const char *)data, size}, fz->first, &err);
    must(rc == CDC_OK || ((rc == CDC_FATAL || rc == CDC_SKIP) && err.text[0] != '\0'));
    must(rc == CDC_OK || fz->first->nevents == 0);
    for (uint32_t i = 0; i < fz->first->nevents; i++) {
        check_event(fz, fz->first->events[i]);
    }
    return 0;
}

#include "batch.h"

#include <stdlib.h>

#include "schema/redis/client.h"

enum { FIRST_PARTS = 256 };

void sink_redis_bulk_number(cdc_buffer *out, int64_t n)
{
    char text[24];
    cdc_redis_add_bulk(out, text, cdc_format_i64(text, n));
}

void sink_redis_batch_init(sink_redis_batch *batch)
{
    *batch = (sink_redis_batch){.n = 0};
    cdc_buffer_init(&batch->bytes, SINK_REDIS_BATCH_BYTES);
}

void sink_redis_batch_reset(sink_redis_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        free(batch->parts[i].past);
    }
    batch->n = 0;
    cdc_buffer_reset(&batch->bytes);
}

void sink_redis_batch_fini(sink_redis_batch *batch)
{
    sink_redis_batch_reset(batch);
    cdc_buffer_fini(&batch->bytes);
    free(batch->parts);
    batch->parts = NULL;
}

static bool make_room(sink_redis_batch *batch)
{
    if (batch->n < batch->cap) {
        return true;
    }
    uint32_t cap = batch->cap > 0 ? batch->cap * 2 : FIRST_PARTS;
    sink_redis_part *parts = realloc(batch->parts, cap * sizeof *parts);
    if (parts != NULL) {
        batch->parts = parts;
        batch->cap = cap;
    }
    return parts != NULL;
}

cdc_rc sink_redis_batch_add(sink_redis_batch *batch, uint16_t slot, const sink_redis_words *words,
                            bool *past, cdc_error *err)
{
    sink_redis_part part = {.at = batch->bytes.len,
                            .nargs = words->argc + 1,
                            .slot = slot,
                            .key = words->key,
                            .past = past};
    sink_redis_bulk_number(&batch->bytes, words->argc);
    for (uint32_t i = 0; i < words->argc; i++) {
        cdc_redis_add_bulk(&batch->bytes, words->argv[i].p, words->argv[i].len);
    }
    if (batch->bytes.failed || !make_room(batch)) {
        free(past);
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "out of memory for a transaction of %u commands", batch->n);
    }
    part.len = (uint32_t)(batch->bytes.len - part.at);
    batch->parts[batch->n++] = part;
    return CDC_OK;
}

void sink_redis_batch_text(const sink_redis_batch *batch, const sink_redis_part *part, char *text,
                           size_t size)
{
    const char *p = batch->bytes.data + part->at;
    cdc_value argv[2] = {{.kind = CDC_BYTES}, {.kind = CDC_BYTES}};
    for (int32_t i = -1; i <= part->key || i == 0; i++) { /* -1: the number in front */
        char *end = NULL;
        size_t len = strtoul(p + 1, &end, 10);
        if (i == 0 || (i > 0 && i == part->key)) {
            argv[i > 0] = (cdc_value){.kind = CDC_BYTES, .p = end + 2, .len = (uint32_t)len};
        }
        p = end + 2 + len + 2;
    }
    sink_redis_describe(argv, 2, part->key > 0 ? 1 : -1, text, size);
}

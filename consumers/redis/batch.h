/* The commands of a target transaction to a cluster, in their order, until it is known where each
 * slot is: every one as the arguments of the script that runs them (cluster_commit.c), its number
 * of arguments in front. What goes to several slots is several of them. One thread. */
#ifndef SINK_REDIS_BATCH_H
#define SINK_REDIS_BATCH_H

#include "core/buffer.h"
#include "note.h"

#define SINK_REDIS_BATCH_BYTES ((size_t)1 << 30)
#define SINK_REDIS_EVERY_SLOT UINT16_MAX

typedef struct sink_redis_part {
    size_t at; /* in bytes */
    uint32_t len;
    uint32_t nargs; /* with the number in front */
    uint16_t slot;  /* or SINK_REDIS_EVERY_SLOT */
    int32_t key;    /* index of its key among the command's arguments, -1: none */
    bool *past;     /* of CDC_REDIS_SLOTS, owned: those that it leaves out; NULL: none */
} sink_redis_part;

typedef struct sink_redis_batch {
    cdc_buffer bytes; /* RESP bulks */
    sink_redis_part *parts;
    uint32_t n, cap;
} sink_redis_batch;

void sink_redis_batch_init(sink_redis_batch *batch);
void sink_redis_batch_fini(sink_redis_batch *batch);
void sink_redis_batch_reset(sink_redis_batch *batch);

/* Appends a command; past is taken, also on failure. FATAL: out of memory. */
cdc_rc sink_redis_batch_add(sink_redis_batch *batch, uint16_t slot, const sink_redis_words *words,
                            bool *past, cdc_error *err) CDC_MUST_CHECK;
/* What a message says of it: "SET, key user:1". */
void sink_redis_batch_text(const sink_redis_batch *batch, const sink_redis_part *part, char *text,
                           size_t size);

/* A number as a RESP bulk. */
void sink_redis_bulk_number(cdc_buffer *out, int64_t n);

#endif

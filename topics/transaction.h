/* The record of a source transaction in topics.transactions: what it has become in Kafka
 * (docs/formats/transactions.md). One JSON object; the checkpoint holds the same of a transaction
 * that is not whole yet. */
#ifndef CDC_TRANSACTION_H
#define CDC_TRANSACTION_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/plugin.h"

typedef struct cdc_transaction_table {
    const char *database, *name; /* "" of a statement that has none */
    uint64_t count;              /* messages */
} cdc_transaction_table;

typedef struct cdc_transaction_part {
    const char *topic;
    int32_t partition;
    uint64_t count;
    uint64_t first, last; /* ids of its first and last message there */
} cdc_transaction_part;

typedef struct cdc_transaction {
    const char *task;
    const char *id; /* as `txn` of its messages' header */
    uint64_t count;
    uint64_t first, last; /* ids; all between belong to it */
    int64_t source_ms;    /* commit time at the source */
    int64_t capture_ms;   /* when the record was made */
    cdc_transaction_table *tables;
    cdc_transaction_part *parts;
    uint32_t ntables, nparts;
} cdc_transaction;

/* Tables without a message are left out. */
void cdc_transaction_encode(const cdc_transaction *tx, cdc_buffer *out);
/* Everything in the arena. FATAL "transaction_malformed": it is none, or its numbers cannot be. */
cdc_rc cdc_transaction_parse(cdc_bytes in, cdc_arena *ar, cdc_transaction *out,
                             cdc_error *err) CDC_MUST_CHECK;

#endif

/* The messages of several partitions in the source's order, one whole transaction after the other
 * (docs/adr/0077-transactions-are-merged-by-their-records.md).
 *
 * The topic of transactions says which messages a transaction has become: for each of its records,
 * in order, exactly these are handed on, by id. A message that belongs to none, and one that is
 * missing, is an error, unless it is certain that it was applied: all that lies before the offset
 * that the target knows was.
 *
 * Messages wait undecoded. When there are many, partitions that have more than their part of them
 * are paused, each until half of that is handed on; a pause is dear, for what librdkafka had read
 * ahead is read again. Only the first message of each partition is needed to go on, and the
 * partition that is needed has none that waits, so it is never paused. The intake's thread. */
#ifndef CDC_MERGE_H
#define CDC_MERGE_H

#include "topics/consumer.h"

/* Code: no failure, the session is to begin anew. */
#define CDC_REPARTITIONED "repartitioned"

typedef struct cdc_merge cdc_merge;

/* What is read; all is borrowed. */
typedef struct cdc_merge_read {
    cdc_consumer *consumer;
    const cdc_offset *offsets; /* the partitions, those of each topic one behind the other; next: 0
                                  or more is what the target knows */
    uint32_t n;
    const char *transactions; /* the topic; its partition 0 is among them */
    const char *side; /* topics.oversize, "": none: may be among them, and is no part of what is put
                         in order */
} cdc_merge_read;

cdc_rc cdc_merge_new(cdc_merge **out, const cdc_env *env, const cdc_merge_read *read,
                     cdc_error *err) CDC_MUST_CHECK;
void cdc_merge_free(cdc_merge *mg); /* NULL is fine */

/* A message was read, of rows or the record of a transaction: it is taken (its handle is cleared),
 * but after an error. FATAL: memory, or it belongs to no transaction. */
cdc_rc cdc_merge_take(cdc_merge *mg, uint32_t part, cdc_message *msg,
                      cdc_error *err) CDC_MUST_CHECK;

/* OK: the next message in order; release it. AGAIN: it has not been read yet, or the transaction is
 * at its end. RETRY, CDC_REPARTITIONED: the transaction has messages in partitions that are not
 * read, because they are new. FATAL. */
cdc_rc cdc_merge_next(cdc_merge *mg, cdc_message *msg, uint32_t *part,
                      cdc_error *err) CDC_MUST_CHECK;
/* The transaction in hand is whole: *at is where the topic of transactions goes on. Once for each;
 * to be asked after every message, and when there is none. */
bool cdc_merge_end(cdc_merge *mg, cdc_offset *at);

/* Some messages of the transaction in hand were handed on, and some are missing yet. */
bool cdc_merge_open(const cdc_merge *mg);
/* Offset of the partition's first message that was taken and not handed on, or -1. */
int64_t cdc_merge_waits_at(const cdc_merge *mg, uint32_t part);

/* Now and then: is what is waited for missing, or was it applied? RETRY: Kafka does not answer. */
cdc_rc cdc_merge_look(cdc_merge *mg, int64_t now_ms, cdc_error *err) CDC_MUST_CHECK;

#endif

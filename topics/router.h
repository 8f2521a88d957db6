/* Where a record goes: topic and partition by the rule for its table (core/topic_rules.h): topic by
 * template with {task} {database} {table}, partition by policy. Publisher's thread. Caches by table
 * uid. */
#ifndef CDC_ROUTER_H
#define CDC_ROUTER_H

#include "core/plugin.h"
#include "counts.h"
#include "producer.h"
#include "router_names.h"

typedef struct cdc_router cdc_router;

typedef struct cdc_route {
    cdc_topic *topic;
    int32_t partition;
} cdc_route;

cdc_rc cdc_router_new(cdc_router **out, const cdc_env *env, cdc_producer *pr,
                      cdc_error *err) CDC_MUST_CHECK;
void cdc_router_free(cdc_router *rt);

/* The name of the topic that the row, statement or command goes to, which is made as by the calls
 * below; before the event has a key. Owned by the producer. */
cdc_rc cdc_router_name(cdc_router *rt, const cdc_event *ev, const char **name,
                       cdc_error *err) CDC_MUST_CHECK;

/* Appends the text of a value of that column, which is neither NULL nor absent, as messages have
 * it. */
typedef cdc_rc (*cdc_router_text)(void *arg, const cdc_column *col, const cdc_value *v,
                                  cdc_buffer *out, cdc_error *err);
/* For the policies columns and canal, before the first row. */
void cdc_router_set_text(cdc_router *rt, cdc_router_text text, void *arg);

/* Appends what the policy pk hashes of a row. */
typedef cdc_rc (*cdc_router_key)(void *arg, const cdc_event *ev, cdc_buffer *out, cdc_error *err);
/* Where that is not the record's key; before the first row. */
void cdc_router_set_key(cdc_router *rt, cdc_router_key key, void *arg);

/* How many partitions topics had (counts.h; borrowed), before the first row. */
void cdc_router_set_counts(cdc_router *rt, cdc_counts *counts);
/* To be asked before a table's first row is sent: the topic's rows now hash over another number of
 * partitions than before, and topics.repartition is barrier; *barrier is the topic's name, once for
 * each topic, else NULL. FATAL "topic_partitions": the number changed, and it is stop. */
cdc_rc cdc_router_prepare(cdc_router *rt, const cdc_table *tbl, const char **barrier,
                          cdc_error *err) CDC_MUST_CHECK;

/* Row event (its after-image, or the before-image of a DELETE, counts): creates the topic when it
 * is missing and may be. key: the encoded Kafka key, which pk hashes. */
cdc_rc cdc_router_row(cdc_router *rt, const cdc_event *ev, cdc_bytes key, cdc_route *out,
                      cdc_error *err) CDC_MUST_CHECK;
/* Does this UPDATE change what the policy hashes, so that it must become DELETE and INSERT? */
cdc_rc cdc_router_moves(cdc_router *rt, const cdc_event *ev, bool *out,
                        cdc_error *err) CDC_MUST_CHECK;
/* DDL event: topics.ddl, or the table's data topic when that is "" (partition 0). */
cdc_rc cdc_router_ddl(cdc_router *rt, const cdc_event *ev, cdc_route *out,
                      cdc_error *err) CDC_MUST_CHECK;
/* A command: {database} is its number, {table} "redis". The partition is that of the shard: its
 * number, modulo the topic's partitions. */
cdc_rc cdc_router_command(cdc_router *rt, const cdc_event *ev, cdc_route *out,
                          cdc_error *err) CDC_MUST_CHECK;
/* topics.oversize, partition 0, and how many bytes of key and value a record of it may have:
 * CDC_SIDE_BYTES_MAX, or less when the topic's own limit is lower. */
cdc_rc cdc_router_side(cdc_router *rt, const cdc_event *ev, cdc_route *out, size_t *max_bytes,
                       cdc_error *err) CDC_MUST_CHECK;
/* topics.transactions, partition 0. */
cdc_rc cdc_router_transactions(cdc_router *rt, cdc_route *out, cdc_error *err) CDC_MUST_CHECK;

/* The pieces, for tests. MurmurHash2 with the seed of Kafka's Java client, and its default
 * partitioner: (hash & 0x7fffffff) % partitions. */
uint32_t cdc_router_murmur2(const void *p, size_t n);
int32_t cdc_router_partition(const void *p, size_t n, int32_t partitions);

#endif

/* The capture's checkpoint: where to go on, kept in the compacted topic _sluice_checkpoints under
 * the task's name, in the same Kafka transaction as the records it speaks of. Value: one JSON
 * object (see checkpoint.c). Tasks are spread over partitions, because an open transaction hides
 * what others wrote behind it (docs/adr/0009-partitions-of-checkpoints.md). */
#ifndef CDC_CHECKPOINT_H
#define CDC_CHECKPOINT_H

#include "core/plugin.h"

#define CDC_CHECKPOINT_TOPIC "_sluice_checkpoints"

enum { CDC_CHECKPOINT_PARTITIONS = 50 };

/* Where the task's checkpoints are in a topic of so many partitions: murmur2 of its name modulo 50,
 * also when there are more; with fewer, all are in the first. */
int32_t cdc_checkpoint_partition(const char *task, int32_t partitions);

typedef struct cdc_checkpoint {
    const char
        *instance;   /* process that wrote it (random hex): tells a takeover from our own timeout */
    cdc_bytes token; /* source's restart token (UTF-8 text); p NULL: the source has not started */
    uint64_t skip_rows; /* source rows behind the token that are already in Kafka */
    const char *txn;    /* the transaction that they belong to; NULL or "" when there are none */
    uint64_t seq;       /* records of that unfinished transaction already in Kafka */
    uint64_t id;        /* last message id used */
    const char *partitions;  /* JSON object: partitions by topic (counts.h); NULL: none */
    const char *transaction; /* JSON object: what of it is (transaction.h); NULL: not counted */
    uint64_t ddl;            /* id of the newest DDL message in Kafka, 0 = none */
    int64_t wall_ms;         /* when it was written */
    int64_t source_ms;       /* commit time of the newest source event in Kafka, 0 = none */
} cdc_checkpoint;

void cdc_checkpoint_encode(const cdc_checkpoint *cp, const char *task, cdc_buffer *out);
cdc_rc cdc_checkpoint_parse(cdc_bytes in, cdc_arena *ar, cdc_checkpoint *out,
                            cdc_error *err) CDC_MUST_CHECK;

/* Reads the task's newest committed checkpoint. EOF: there is none (topic missing, or no record of
 * the task). Reads the task's partition backwards in growing windows, so it costs little on a long
 * one; then the first, where the task's are when the topic had fewer than 50 partitions. Waits
 * while another task's open transaction may hide our newest one (RETRY, "checkpoint_hidden", when
 * that takes longer than the transaction timeout). */
cdc_rc cdc_checkpoint_read(const cdc_env *env, cdc_arena *ar, cdc_checkpoint *out,
                           cdc_error *err) CDC_MUST_CHECK;

#endif

/* Kafka consumer: read_committed, manual assignment; offsets come from the target, not from the
 * group. They are committed to Kafka too (group = task), only for lag tools. One thread. */
#ifndef CDC_CONSUMER_H
#define CDC_CONSUMER_H

#include "core/plugin.h"

#define CDC_OFFSET_EARLIEST (-1)
#define CDC_OFFSET_LATEST (-2)

typedef struct cdc_consumer cdc_consumer;

typedef struct cdc_message {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    cdc_bytes key, value;
    cdc_bytes header; /* the `cdc` header; p NULL if there is none */
    void *handle;
    void *joined; /* value of a message that came in parts; NULL otherwise */
} cdc_message;

cdc_rc cdc_consumer_new(cdc_consumer **out, const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;
void cdc_consumer_free(cdc_consumer *cs);

/* Number of partitions of a topic. EOF: there is no such topic. RETRY: broker not reachable. */
cdc_rc cdc_consumer_partitions(cdc_consumer *cs, const char *topic, int32_t *out,
                               cdc_error *err) CDC_MUST_CHECK;

/* Reads from exactly these partitions from now on; next may be CDC_OFFSET_EARLIEST or LATEST. An
 * offset that the topic no longer holds is FATAL at poll (code "kafka_offset_lost": retention has
 * deleted what was not applied yet), never a silent jump. */
cdc_rc cdc_consumer_assign(cdc_consumer *cs, const cdc_offset *offsets, uint32_t n,
                           cdc_error *err) CDC_MUST_CHECK;

/* No more records of this partition until cdc_consumer_resume or the next assign; some that are
 * here already may still come. */
void cdc_consumer_pause(cdc_consumer *cs, const char *topic, int32_t partition);
/* Ends a pause: goes on behind the last record that came. */
void cdc_consumer_resume(cdc_consumer *cs, const char *topic, int32_t partition);

/* Next message; one that came in several records (split.h) is whole, and has the offset of its last
 * record. OK, and release it when done; AGAIN: none within timeout_ms; RETRY: brokers down for
 * long; FATAL. */
cdc_rc cdc_consumer_poll(cdc_consumer *cs, cdc_message *msg, int timeout_ms,
                         cdc_error *err) CDC_MUST_CHECK;
void cdc_consumer_release(cdc_message *msg);

/* First and last stable offset of a partition, asked from the broker: records before *end are
 * committed. */
cdc_rc cdc_consumer_bounds(cdc_consumer *cs, const char *topic, int32_t partition, int64_t *begin,
                           int64_t *end, cdc_error *err) CDC_MUST_CHECK;
/* The offset to read next as far as was polled (jumps over control records and aborted ones when at
 * the end). */
int64_t cdc_consumer_position(cdc_consumer *cs, const char *topic, int32_t partition);

/* First offset at or after a wall time. */
cdc_rc cdc_consumer_offset_at(cdc_consumer *cs, const char *topic, int32_t partition,
                              int64_t wall_ms, int64_t *out, cdc_error *err) CDC_MUST_CHECK;

/* Commits offsets to the group without waiting; failures are not told. Any thread, also while
 * another one polls. */
void cdc_consumer_report(cdc_consumer *cs, const cdc_offset *offsets, uint32_t n);

#endif

/* Kafka producer of a capture: transactional (exactly-once) or idempotent (at-least-once). One
 * thread (the publisher). Delivery reports are counted by poll; a record that failed is never
 * counted as done. */
#ifndef CDC_PRODUCER_H
#define CDC_PRODUCER_H

#include "checkpoint.h"
#include "core/plugin.h"

typedef struct cdc_producer cdc_producer;
typedef struct cdc_topic cdc_topic; /* a topic to send to; owned by the producer */

/* Connects with the task's kafka properties and, for exactly-once, runs init_transactions, which
 * fences an older process of the task and waits for its open transaction to end. RETRY: broker not
 * reachable or still loading (after a bounded wait); FATAL: property refused, authentication failed
 * (bad password), no rights. */
cdc_rc cdc_producer_new(cdc_producer **out, const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;
/* Could a producer be had? Connects and, for exactly-once, takes the transactional id, which fences
 * a process of the task: only for a task that has not begun. Same codes. */
cdc_rc cdc_producer_try(const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;
/* Aborts an open transaction (waits 0.7 s at most) and frees. NULL is fine. */
void cdc_producer_free(cdc_producer *pr);

/* Handle of an existing topic (see admin.h), with its number of partitions; the same pointer for
 * the same name. */
cdc_rc cdc_producer_topic(cdc_producer *pr, const char *name, cdc_topic **out,
                          cdc_error *err) CDC_MUST_CHECK;
int32_t cdc_topic_partitions(const cdc_topic *topic);
const char *cdc_topic_name(const cdc_topic *topic);

/* Hands over one record; bytes are copied. Exactly-once: the first records after a commit (up to
 * 128 KB) are kept back, and a Kafka transaction begins only with the commit or when they grow
 * beyond that, so that a small transaction costs few round trips; errors of kept records come from
 * the commit. Waits while the queue is full, as long as the broker takes records. RETRY: the
 * transaction must be aborted and its records sent again from the last checkpoint
 * (cdc_producer_free, new, read the checkpoint). FATAL: fenced, record too large (err names topic,
 * size and limit; the caller adds table, key and position), not authorized. */
cdc_rc cdc_producer_send(cdc_producer *pr, cdc_topic *topic, int32_t partition, cdc_bytes key,
                         cdc_bytes value, cdc_bytes header, cdc_error *err) CDC_MUST_CHECK;

/* What is sent after this call comes to readers after what was sent before it. Exactly-once, a
 * transaction's records come all at once and this does nothing; at-least-once it waits until all
 * records are acknowledged. */
cdc_rc cdc_producer_order(cdc_producer *pr, cdc_error *err) CDC_MUST_CHECK;

/* Adds the checkpoint record and commits; returns when the broker has acknowledged. At-least-once:
 * waits until all records are acknowledged, then writes the checkpoint and waits for it too. Same
 * codes as send; code "kafka_fenced" when another process has taken the transactional id (or our
 * own transaction timed out: compare the checkpoint's instance). */
cdc_rc cdc_producer_commit(cdc_producer *pr, const cdc_checkpoint *cp,
                           cdc_error *err) CDC_MUST_CHECK;

/* Serves callbacks; call when idle. Returns FATAL/RETRY when an error was reported in the
 * background. */
cdc_rc cdc_producer_poll(cdc_producer *pr, int timeout_ms, cdc_error *err) CDC_MUST_CHECK;
/* What was sent since the last commit: records, and their bytes before compression. */
size_t cdc_producer_pending(const cdc_producer *pr);
size_t cdc_producer_pending_bytes(const cdc_producer *pr);

#endif

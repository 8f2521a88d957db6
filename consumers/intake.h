/* The intake: the reader thread of the replay loop. Consumes the task's data topics from given
 * offsets, decodes, and hands over batches in order. */
#ifndef CDC_INTAKE_H
#define CDC_INTAKE_H

#include "core/plugin.h"
#include "core/queue.h"
#include "elsewhere.h"
#include "topics/consumer.h"

typedef struct cdc_intake cdc_intake;

/* The consumer is used by the intake's thread alone from start to stop; offsets: where to begin,
 * also which partitions (strings are borrowed for the intake's life). ends: offset per partition
 * behind which the intake is caught up. */
/* Also the offsets of the topic of oversize messages may be among them: its records are not decoded
 * but told in the log, and become events of kind CDC_OP_COMMIT, which only move the offset. */
/* elsewhere: of an applier group, else NULL. */
typedef struct cdc_intake_read {
    cdc_consumer *consumer;
    const cdc_offset *offsets;
    const int64_t *ends;
    uint32_t n;
    cdc_elsewhere *elsewhere;
} cdc_intake_read;
cdc_rc cdc_intake_start(cdc_intake **out, const cdc_env *env, const cdc_codec *codec,
                        const cdc_intake_read *read, cdc_error *err) CDC_MUST_CHECK;
void cdc_intake_stop(cdc_intake *in); /* NULL is fine */

/* Asks anew: a batch will be caught_up with this question when everything up to these ends, one for
 * each partition, is in it or in earlier ones. Partitions that are held count as there. The first
 * question is 0, with the ends of the start; a new one replaces one that is not answered yet. */
void cdc_intake_ask(cdc_intake *in, const int64_t *ends, uint64_t question);
/* Only what ends the moves of rows (moves.h), or all again. */
void cdc_intake_steer(cdc_intake *in, bool on);
/* No more records of this partition. */
void cdc_intake_hold(cdc_intake *in, uint32_t part);

/* Next batch; give it back. AGAIN after timeout_ms; otherwise how the reader ended. */
cdc_rc cdc_intake_next(cdc_intake *in, cdc_batch **out, int timeout_ms,
                       cdc_error *err) CDC_MUST_CHECK;
void cdc_intake_give_back(cdc_intake *in, cdc_batch *batch);

/* Decodes one record into batch: events with everything that the cdc header says. SKIP: not a
 * message of ours. */
cdc_rc cdc_intake_decode(const cdc_codec *codec, void *handle, const cdc_message *msg,
                         cdc_batch *batch, cdc_error *err) CDC_MUST_CHECK;

#endif

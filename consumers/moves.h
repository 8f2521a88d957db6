/* Rows on their way from one partition to another: an UPDATE of what the policy hashes is a DELETE
 * in one partition and an INSERT in another, or the same (docs/adr/0057-a-row-that-moves.md).
 *
 * The INSERT, and what follows it in its partition, waits until the DELETE has been handed on; and
 * from the DELETE to the INSERT every event is marked `moving`, so that no target transaction ends
 * between them. Ids of a partition's records only grow, so a record with a higher id tells that the
 * other one was passed, or lies before the place where reading began; at the end of a partition the
 * same is known.
 *
 * A partition that is held at a definition change has its records passed over, to be read again:
 * what waits for one of them goes on, and the session applies it only after that.
 *
 * Records that wait are kept in memory up to a limit; then their partition is paused. While a
 * target transaction grows only because something is on its way, cdc_moves_steer lets nothing
 * through but what ends that.
 *
 * In an applier group an INSERT also waits for a DELETE that another process applies (elsewhere.h),
 * and nothing is marked `moving`: a transaction that waits for others' must not keep its own from
 * being committed, for which they may wait. The intake's thread. */
#ifndef CDC_MOVES_H
#define CDC_MOVES_H

#include "elsewhere.h"
#include "topics/consumer.h"

typedef struct cdc_moves cdc_moves;

/* What is read; all is borrowed. */
typedef struct cdc_moves_read {
    cdc_consumer *consumer;
    const cdc_offset *offsets; /* the partitions */
    _Atomic bool *held;        /* of each: it is not read any more; another thread sets it */
    uint32_t n;
    cdc_elsewhere *elsewhere; /* of a group: what others apply; NULL: all partitions are ours */
} cdc_moves_read;

cdc_rc cdc_moves_new(cdc_moves **out, const cdc_env *env, const cdc_moves_read *read,
                     cdc_error *err) CDC_MUST_CHECK;
void cdc_moves_free(cdc_moves *mv); /* NULL is fine */

/* A record was read. True: it waits, and the message is taken (its handle is cleared); false: it
 * can be handed on. FATAL: memory is out. */
cdc_rc cdc_moves_take(cdc_moves *mv, uint32_t part, cdc_message *msg, bool *waits,
                      cdc_error *err) CDC_MUST_CHECK;
/* One that waits no longer; release it. False: none. */
bool cdc_moves_next(cdc_moves *mv, cdc_message *msg, uint32_t *part);
/* An event of the partition is handed on: sets its `moving`. */
void cdc_moves_pass(cdc_moves *mv, uint32_t part, cdc_event *ev);

/* Something is on its way. */
bool cdc_moves_open(const cdc_moves *mv);
/* Offset of the first record of the partition that waits, or -1. */
int64_t cdc_moves_waits_at(const cdc_moves *mv, uint32_t part);
/* Only what ends the moves. Any thread. */
void cdc_moves_steer(cdc_moves *mv, bool on);

/* Now and then: what has waited for long is let go when it is certain that the other record does
 * not come, because reading began between the two. RETRY: Kafka does not answer. */
cdc_rc cdc_moves_look(cdc_moves *mv, int64_t now_ms, cdc_error *err) CDC_MUST_CHECK;

#endif

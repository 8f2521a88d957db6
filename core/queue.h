/* cdc_queue: batches from one thread to another, bounded in bytes. The only way data crosses
 * threads.
 *
 * One mutex, two condition variables; a batch holds hundreds of events, so the lock is rare. The
 * queue also keeps the pool of empty batches, so that memory goes round instead of through malloc.
 */
#ifndef CDC_QUEUE_H
#define CDC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

typedef struct cdc_queue cdc_queue;

/* max_bytes: what may wait in the queue. A batch larger than that is let in when the queue is
 * empty. batch_max_bytes: arena limit of the pooled batches. */
cdc_queue *cdc_queue_new(size_t max_bytes, size_t batch_max_bytes);
void cdc_queue_free(cdc_queue *q);

/* An empty batch from the pool, or a new one; NULL: out of memory. Any thread. */
cdc_batch *cdc_queue_take_empty(cdc_queue *q);
void cdc_queue_give_back(cdc_queue *q, cdc_batch *batch); /* resets it */

/* OK; AGAIN after timeout_ms without room (the caller keeps the batch); EOF when the queue is
 * closed. */
cdc_rc cdc_queue_push(cdc_queue *q, cdc_batch *batch, int timeout_ms) CDC_MUST_CHECK;
/* OK with *out; AGAIN after timeout_ms (0 = do not wait); EOF when closed and drained. */
cdc_rc cdc_queue_pop(cdc_queue *q, cdc_batch **out, int timeout_ms) CDC_MUST_CHECK;
/* No more pushes; pops drain what is there. Any thread, also twice. */
void cdc_queue_close(cdc_queue *q);
size_t cdc_queue_bytes(cdc_queue *q);

#endif

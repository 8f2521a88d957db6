#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { POOL_MAX = 8 };

struct cdc_queue {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t can_push, can_pop;
    cdc_batch *head, *tail;
    cdc_batch *pool;
    unsigned npool;
    size_t bytes, max_bytes, batch_max_bytes;
    bool closed;
};

cdc_queue *cdc_queue_new(size_t max_bytes, size_t batch_max_bytes)
{
    cdc_queue *q = calloc(1, sizeof *q);
    if (q == NULL) {
        return NULL;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->can_push, &attr);
    pthread_cond_init(&q->can_pop, &attr);
    pthread_condattr_destroy(&attr);
    q->max_bytes = max_bytes;
    q->batch_max_bytes = batch_max_bytes;
    return q;
}

static void cdc_queue_free_list(cdc_batch *batch)
{
    while (batch != NULL) {
        cdc_batch *next = batch->next;
        cdc_batch_free(batch);
        batch = next;
    }
}

void cdc_queue_free(cdc_queue *q)
{
    if (q == NULL) {
        return;
    }
    cdc_queue_free_list(q->head);
    cdc_queue_free_list(q->pool);
    pthread_cond_destroy(&q->can_pop);
    pthread_cond_destroy(&q->can_push);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

cdc_batch *cdc_queue_take_empty(cdc_queue *q)
{
    pthread_mutex_lock(&q->lock);
    cdc_batch *batch = q->pool;
    if (batch != NULL) {
        q->pool = batch->next;
        q->npool--;
        batch->next = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    return batch != NULL ? batch : cdc_batch_new(q->batch_max_bytes);
}

void cdc_queue_give_back(cdc_queue *q, cdc_batch *batch)
{
    cdc_batch_reset(batch);
    pthread_mutex_lock(&q->lock);
    if (q->npool < POOL_MAX) {
        batch->next = q->pool;
        q->pool = batch;
        q->npool++;
        batch = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    cdc_batch_free(batch);
}

static struct timespec cdc_queue_deadline(int timeout_ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (ts.tv_nsec >= 1000000000L) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000L;
    }
    return ts;
}

cdc_rc cdc_queue_push(cdc_queue *q, cdc_batch *batch, int timeout_ms)
{
    struct timespec deadline = cdc_queue_deadline(timeout_ms);
    size_t bytes = cdc_batch_bytes(batch);
    cdc_rc rc = CDC_OK;
    pthread_mutex_lock(&q->lock);
    while (!q->closed && q->head != NULL && q->bytes + bytes > q->max_bytes) {
        if (pthread_cond_timedwait(&q->can_push, &q->lock, &deadline) == ETIMEDOUT) {
            rc = CDC_AGAIN;
            goto out;
        }
    }
    if (q->closed) {
        rc = CDC_EOF;
        goto out;
    }
    batch->next = NULL;
    if (q->tail != NULL) {
        q->tail->next = batch;
    } else {
        q->head = batch;
    }
    q->tail = batch;
    q->bytes += bytes;
    pthread_cond_signal(&q->can_pop);
out:
    pthread_mutex_unlock(&q->lock);
    return rc;
}

cdc_rc cdc_queue_pop(cdc_queue *q, cdc_batch **out, int timeout_ms)
{
    struct timespec deadline = cdc_queue_deadline(timeout_ms);
    cdc_rc rc = CDC_OK;
    *out = NULL;
    pthread_mutex_lock(&q->lock);
    while (q->head == NULL) {
        if (q->closed) {
            rc = CDC_EOF;
            goto out;
        }
        if (timeout_ms == 0 ||
            pthread_cond_timedwait(&q->can_pop, &q->lock, &deadline) == ETIMEDOUT) {
            rc = CDC_AGAIN;
            goto out;
        }
    }
    *out = q->head;
    q->head = q->head->next;
    if (q->head == NULL) {
        q->tail = NULL;
    }
    (*out)->next = NULL;
    q->bytes -= cdc_batch_bytes(*out);
    pthread_cond_signal(&q->can_push);
out:
    pthread_mutex_unlock(&q->lock);
    return rc;
}

void cdc_queue_close(cdc_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->can_push);
    pthread_cond_broadcast(&q->can_pop);
    pthread_mutex_unlock(&q->lock);
}

size_t cdc_queue_bytes(cdc_queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t bytes = q->bytes;
    pthread_mutex_unlock(&q->lock);
    return bytes;
}

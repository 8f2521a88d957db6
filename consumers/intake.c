#include "intake.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "merge.h"
#include "moves.h"
#include "topics/header.h"
#include "topics/router.h"

enum {
    QUEUE_BYTES = 4 * 1024 * 1024,
    BATCH_BYTES_MAX =
        1100 * 1024 * 1024, /* limit for one giant record; ordinary batches end at BATCH_BYTES */
    BATCH_BYTES = 512 * 1024,
    BATCH_EVENTS = 2000,
    POLL_MS = 100,
    ASKED_MS =
        5, /* while a question waits for its answer, or a partition is held: an end is near */
};

struct cdc_intake {
    const cdc_env *env;
    const cdc_codec *codec;
    void *codec_handle;
    cdc_consumer *consumer;
    const cdc_offset *offsets;
    uint32_t n;
    uint32_t latest; /* partition of the last record */
    _Atomic bool *held;
    _Atomic bool holds;       /* any of them */
    bool *paused;             /* the thread's: it has told the consumer */
    cdc_moves *moves;         /* or... */
    cdc_merge *merge;         /* ...with target.atomic: transaction */
    cdc_elsewhere *elsewhere; /* of a group */
    bool moving;              /* the thread's: what the last batch has said */
    pthread_mutex_t lock;     /* of the three below */
    int64_t *ends;
    uint64_t question;
    _Atomic bool answered; /* written under the lock */
    cdc_queue *queue;
    pthread_t thread;
    bool runs;
    _Atomic bool stop;
    cdc_rc rc; /* written by the thread before it closes the queue */
    cdc_error err;
    cdc_arena names;
    const char *side; /* topic of the oversize messages; "": none */
    const char *transactions;
    cdc_metric *records, *bytes, *skipped;
};

static void cdc_intake_apply_header(const cdc_header *h, const cdc_message *msg, cdc_event *ev)
{
    ev->seq = h->seq;
    if (ev->op != CDC_OP_COMMAND) { /* a command tells its phase and place itself */
        ev->phase = (uint8_t)h->phase;
        /* without a transaction each record stands for itself */
        ev->last = h->last || h->txn == NULL;
    }
    if (ev->tx_seq == 0) {
        ev->txn = h->txn != NULL ? h->txn : "";
    }
    ev->unchecked = h->unchecked;
    ev->move = h->move;
    ev->partial = h->partial;
    ev->barrier = h->barrier;
    ev->pos_text = h->pos != NULL ? h->pos : "";
    ev->ddl_was = h->was != NULL ? h->was : "";
    ev->ddl_default = h->use != NULL ? h->use : "";
    ev->after_ddl = h->ddl;
    ev->task = h->task != NULL ? h->task : "";
    ev->topic = msg->topic;
    ev->partition = msg->partition;
    ev->offset = msg->offset;
}

cdc_rc cdc_intake_decode(const cdc_codec *codec, void *handle, const cdc_message *msg,
                         cdc_batch *batch, cdc_error *err)
{
    cdc_header h = {.phase = CDC_PHASE_INCR};
    uint32_t first = batch->nevents;
    cdc_rc rc = CDC_OK;
    if (msg->header.p != NULL) {
        rc = cdc_header_parse(msg->header, &batch->arena, &h, err);
    }
    if (rc == CDC_OK) {
        rc = codec->decode(handle, msg->key, msg->value, batch, err);
    }
    if (rc != CDC_OK) {
        return cdc_error_context(err, "topic %s partition %d offset %lld", msg->topic,
                                 msg->partition, (long long)msg->offset);
    }
    for (uint32_t i = first; i < batch->nevents; i++) {
        cdc_intake_apply_header(&h, msg, &batch->events[i]);
        batch->events[i].more = i + 1 < batch->nevents;
        /* Of grouped rows only the last ends the transaction. */
        if (batch->events[i].more && batch->events[i].op != CDC_OP_COMMAND) {
            batch->events[i].last = false;
        }
    }
    return CDC_OK;
}

/* Is anything on its way, so that no target transaction may end? */
static bool cdc_intake_is_open(const cdc_intake *in)
{
    return in->merge != NULL ? cdc_merge_open(in->merge) : cdc_moves_open(in->moves);
}

/* A message that was too large for the data topic. */
static cdc_rc cdc_intake_side(cdc_intake *in, const cdc_message *msg, cdc_batch *batch)
{
    cdc_header h = {.phase = CDC_PHASE_INCR};
    cdc_rc rc =
        msg->header.p != NULL ? cdc_header_parse(msg->header, &batch->arena, &h, &in->err) : CDC_OK;
    cdc_event *ev = rc == CDC_OK ? cdc_batch_add(batch) : NULL;
    if (rc == CDC_OK && ev == NULL) {
        rc = cdc_error_set(&in->err, CDC_FATAL, "no_memory", "out of memory for a record");
    }
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_intake_apply_header(&h, msg, ev);
    ev->op = CDC_OP_COMMIT;
    ev->after_ddl = 0; /* it waits for nothing */
    ev->moving = cdc_intake_is_open(in);
    CDC_LOG(CDC_LOG_WARN, "oversize_left_out", CDC_STR("topic", msg->topic),
            CDC_NUM("offset", msg->offset), CDC_NUM("bytes", msg->key.len + msg->value.len),
            CDC_STR("transaction", ev->txn), CDC_STR("position", ev->pos_text));
    return CDC_OK;
}

static cdc_rc cdc_intake_record(cdc_intake *in, uint32_t part, cdc_message *msg, cdc_batch *batch)
{
    uint32_t first = batch->nevents;
    cdc_metric_add(in->records, 1);
    cdc_metric_add(in->bytes, (int64_t)(msg->key.len + msg->value.len));
    batch->source_bytes += msg->value.len;
    if (strcmp(msg->topic, in->side) == 0) {
        return cdc_intake_side(in, msg, batch);
    }
    cdc_rc rc = cdc_intake_decode(in->codec, in->codec_handle, msg, batch, &in->err);
    if (rc == CDC_SKIP) {
        cdc_metric_add(in->skipped, 1);
        CDC_LOG(CDC_LOG_WARN, "record_skipped", CDC_STR("reason", in->err.text));
        rc = CDC_OK;
    }
    for (uint32_t i = first; i < batch->nevents; i++) {
        if (in->merge != NULL) {
            batch->events[i].moving = true; /* until the transaction is whole */
        } else {
            cdc_moves_pass(in->moves, part, &batch->events[i]);
        }
    }
    return rc;
}

static int64_t cdc_intake_waits_at(const cdc_intake *in, uint32_t part)
{
    return in->merge != NULL ? cdc_merge_waits_at(in->merge, part)
                             : cdc_moves_waits_at(in->moves, part);
}

static bool cdc_intake_at_end(cdc_intake *in)
{
    for (uint32_t i = 0; i < in->n; i++) {
        const cdc_offset *at = &in->offsets[i];
        int64_t next = cdc_intake_waits_at(in, i);
        next = next >= 0 ? next : cdc_consumer_position(in->consumer, at->topic, at->partition);
        if (!atomic_load(&in->held[i]) && next < in->ends[i]) {
            return false;
        }
    }
    return true;
}

/* Does this batch bring the answer? */
static bool cdc_intake_answer(cdc_intake *in, cdc_batch *batch)
{
    pthread_mutex_lock(&in->lock);
    if (!in->answered && cdc_intake_at_end(in)) {
        in->answered = true;
        batch->caught_up = true;
        batch->question = in->question;
    }
    pthread_mutex_unlock(&in->lock);
    return batch->caught_up;
}

/* The assigned partition of a message. Topic names outlive it only as the assignment's own strings.
 */
static uint32_t cdc_intake_part(cdc_intake *in, cdc_message *msg)
{
    uint32_t i = in->latest;
    while (in->offsets[i].partition != msg->partition ||
           strcmp(in->offsets[i].topic, msg->topic) != 0) {
        i = i + 1 < in->n ? i + 1 : 0;
    }
    in->latest = i;
    msg->topic = in->offsets[i].topic;
    return i;
}

static cdc_rc cdc_intake_message(cdc_intake *in, cdc_message *msg, cdc_batch *batch)
{
    uint32_t part = cdc_intake_part(in, msg);
    bool aside = strcmp(msg->topic, in->side) == 0;
    if (in->merge != NULL) {
        return aside ? cdc_intake_record(in, part, msg, batch)
                     : cdc_merge_take(in->merge, part, msg, &in->err);
    }
    if (!atomic_load(&in->held[part])) {
        bool waits = false;
        cdc_rc rc = aside ? CDC_OK : cdc_moves_take(in->moves, part, msg, &waits, &in->err);
        return rc == CDC_OK && !waits ? cdc_intake_record(in, part, msg, batch) : rc;
    }
    if (!in->paused[part]) {
        in->paused[part] = true;
        cdc_consumer_pause(in->consumer, msg->topic, msg->partition);
    }
    return CDC_OK;
}

/* The transaction that was handed on is whole: its record's topic goes on. */
static cdc_rc cdc_intake_end(cdc_intake *in, const cdc_offset *at, cdc_batch *batch)
{
    const char *pos = batch->nevents > 0 ? batch->events[batch->nevents - 1].pos_text : NULL;
    cdc_event *ev = cdc_batch_add(batch);
    if (ev == NULL) {
        return cdc_error_set(&in->err, CDC_FATAL, "no_memory", "out of memory for a record");
    }
    ev->op = CDC_OP_COMMIT;
    ev->txn = ev->task = "";
    ev->topic = at->topic;
    ev->partition = at->partition;
    ev->offset = at->next - 1;
    ev->pos_text = pos;
    return CDC_OK;
}

/* As cdc_intake_one. */
static cdc_rc cdc_intake_in_order(cdc_intake *in, int timeout_ms, cdc_batch *batch)
{
    cdc_message msg = {.handle = NULL};
    cdc_offset at;
    uint32_t part = 0;
    cdc_rc rc = cdc_merge_next(in->merge, &msg, &part, &in->err);
    if (rc == CDC_OK) {
        rc = cdc_intake_record(in, part, &msg, batch);
    }
    if ((rc == CDC_OK || rc == CDC_AGAIN) && cdc_merge_end(in->merge, &at)) {
        rc = cdc_intake_end(in, &at, batch);
    }
    if (rc == CDC_AGAIN) {
        rc = cdc_consumer_poll(in->consumer, &msg, timeout_ms, &in->err);
        rc = rc == CDC_OK ? cdc_intake_message(in, &msg, batch) : rc;
    }
    cdc_consumer_release(&msg);
    return rc;
}

/* The next record: one that waits no longer, or a new one. */
static cdc_rc cdc_intake_one(cdc_intake *in, int timeout_ms, cdc_batch *batch)
{
    cdc_message msg;
    uint32_t part = 0;
    if (in->merge != NULL) {
        return cdc_intake_in_order(in, timeout_ms, batch);
    }
    bool kept = cdc_moves_next(in->moves, &msg, &part);
    cdc_rc rc = kept ? CDC_OK : cdc_consumer_poll(in->consumer, &msg, timeout_ms, &in->err);
    if (rc == CDC_OK) {
        rc = kept ? cdc_intake_record(in, part, &msg, batch) : cdc_intake_message(in, &msg, batch);
        cdc_consumer_release(&msg);
    }
    return rc;
}

/* How long to wait for a record. */
static int cdc_intake_patience(cdc_intake *in)
{
    bool near = !atomic_load(&in->answered) || atomic_load(&in->holds) ||
                (in->elsewhere != NULL && cdc_elsewhere_waits(in->elsewhere));
    return near ? ASKED_MS : POLL_MS;
}

/* Fills a batch: waits for the first record, then takes what is there. */
static cdc_rc cdc_intake_fill(cdc_intake *in, cdc_batch *batch)
{
    int patience = cdc_intake_patience(in);
    int64_t now_ms = cdc_clock_mono_ms();
    cdc_rc rc = in->merge != NULL ? cdc_merge_look(in->merge, now_ms, &in->err)
                                  : cdc_moves_look(in->moves, now_ms, &in->err);
    while (rc == CDC_OK && batch->nevents < BATCH_EVENTS && cdc_batch_bytes(batch) < BATCH_BYTES) {
        rc = cdc_intake_one(in, batch->nevents == 0 ? patience : 0, batch);
        if (atomic_load(&in->stop)) {
            return CDC_EOF;
        }
    }
    bool settled = in->moving && !cdc_intake_is_open(in);
    batch->moving = in->moving = cdc_intake_is_open(in);
    if ((rc == CDC_AGAIN || rc == CDC_OK) &&
        (cdc_intake_answer(in, batch) || batch->nevents > 0 || settled)) {
        return CDC_OK;
    }
    return rc;
}

static cdc_rc cdc_intake_hand_over(cdc_intake *in, cdc_batch *batch)
{
    cdc_rc rc;
    do {
        rc = cdc_queue_push(in->queue, batch, POLL_MS);
    } while (rc == CDC_AGAIN && !atomic_load(&in->stop));
    return rc;
}

static void *cdc_intake_main(void *arg)
{
    cdc_intake *in = arg;
    cdc_rc rc = CDC_OK;
    while (!atomic_load(&in->stop)) {
        cdc_batch *batch = cdc_queue_take_empty(in->queue);
        if (batch == NULL) {
            rc = cdc_error_set(&in->err, CDC_FATAL, "no_memory",
                               "out of memory for a batch of records");
            break;
        }
        rc = cdc_intake_fill(in, batch);
        /* What was decoded before an error comes first; the error is met again or kept for after
         * it. */
        if (rc == CDC_OK || (batch->nevents > 0 && rc != CDC_EOF)) {
            cdc_rc pushed = cdc_intake_hand_over(in, batch);
            if (pushed != CDC_OK) {
                cdc_queue_give_back(in->queue, batch);
            }
        } else {
            cdc_queue_give_back(in->queue, batch);
        }
        if (rc != CDC_OK && rc != CDC_AGAIN) {
            break;
        }
    }
    in->rc = rc == CDC_AGAIN ? CDC_OK : rc;
    cdc_queue_close(in->queue);
    return NULL;
}

static void cdc_intake_metrics(cdc_intake *in)
{
    cdc_metrics *mx = in->env->metrics;
    in->records =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_records_total", "", "Records read from Kafka");
    in->bytes = cdc_metrics_number(mx, CDC_COUNTER, "sluice_record_bytes_total", "",
                                   "Bytes of keys and values read from Kafka");
    in->skipped = cdc_metrics_number(mx, CDC_COUNTER, "sluice_records_skipped_total", "",
                                     "Records that are no messages of this format");
}

cdc_rc cdc_intake_start(cdc_intake **out, const cdc_env *env, const cdc_codec *codec,
                        const cdc_intake_read *read, cdc_error *err)
{
    uint32_t n = read->n;
    cdc_intake *in = calloc(1, sizeof *in);
    *out = in;
    if (in == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the reader of topics");
    }
    in->env = env;
    in->codec = codec;
    in->consumer = read->consumer;
    in->offsets = read->offsets;
    in->n = n;
    in->elsewhere = read->elsewhere;
    pthread_mutex_init(&in->lock, NULL);
    cdc_error_clear(&in->err);
    cdc_intake_metrics(in);
    cdc_arena_init(&in->names, 1024, 64 * 1024);
    cdc_rc rc = cdc_router_side_topic(env->task, &in->names, &in->side, err);
    if (rc == CDC_OK) {
        rc = cdc_router_transactions_topic(env->task, &in->names, &in->transactions, err);
    }
    if (rc == CDC_OK) {
        rc = codec->open(&in->codec_handle, env, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_consumer_assign(in->consumer, in->offsets, n, err);
    }
    if (rc != CDC_OK) {
        goto fail;
    }
    in->ends = calloc(n + 1, sizeof *in->ends);
    in->held = calloc(n + 1, sizeof *in->held);
    in->paused = calloc(n + 1, sizeof *in->paused);
    in->queue = cdc_queue_new(QUEUE_BYTES, BATCH_BYTES_MAX);
    if (env->task->whole) {
        const cdc_merge_read merge = {in->consumer, in->offsets, n, in->transactions, in->side};
        rc = cdc_merge_new(&in->merge, env, &merge, err);
    } else if (in->held != NULL) {
        const cdc_moves_read moves = {in->consumer, in->offsets, in->held, n, in->elsewhere};
        rc = cdc_moves_new(&in->moves, env, &moves, err);
    }
    if (rc != CDC_OK) {
        goto fail;
    }
    if (in->ends != NULL && in->held != NULL && in->paused != NULL && in->queue != NULL) {
        memcpy(in->ends, read->ends, n * sizeof *in->ends);
        in->runs = pthread_create(&in->thread, NULL, cdc_intake_main, in) == 0;
    }
    if (in->runs) {
        return CDC_OK;
    }
    rc = cdc_error_set(err, CDC_FATAL, "no_memory",
                       "out of memory or threads for the reader of topics");
fail:
    cdc_intake_stop(in);
    *out = NULL;
    return rc;
}

void cdc_intake_stop(cdc_intake *in)
{
    if (in == NULL) {
        return;
    }
    atomic_store(&in->stop, true);
    if (in->queue != NULL) {
        cdc_queue_close(in->queue);
    }
    if (in->runs) {
        pthread_join(in->thread, NULL);
    }
    if (in->codec_handle != NULL) {
        in->codec->close(in->codec_handle);
    }
    cdc_queue_free(in->queue);
    cdc_moves_free(in->moves);
    cdc_merge_free(in->merge);
    cdc_arena_fini(&in->names);
    pthread_mutex_destroy(&in->lock);
    free(in->ends);
    free((void *)in->held);
    free(in->paused);
    free(in);
}

void cdc_intake_ask(cdc_intake *in, const int64_t *ends, uint64_t question)
{
    pthread_mutex_lock(&in->lock);
    memcpy(in->ends, ends, in->n * sizeof *ends);
    in->question = question;
    in->answered = false;
    pthread_mutex_unlock(&in->lock);
}

void cdc_intake_steer(cdc_intake *in, bool on)
{
    if (in->moves != NULL) {
        cdc_moves_steer(in->moves, on);
    }
}

void cdc_intake_hold(cdc_intake *in, uint32_t part)
{
    atomic_store(&in->held[part], true);
    atomic_store(&in->holds, true);
}

cdc_rc cdc_intake_next(cdc_intake *in, cdc_batch **out, int timeout_ms, cdc_error *err)
{
    cdc_rc rc = cdc_queue_pop(in->queue, out, timeout_ms);
    if (rc == CDC_EOF) {
        *err = in->err;
        rc = in->rc != CDC_OK ? in->rc : CDC_EOF;
    }
    return rc;
}

void cdc_intake_give_back(cdc_intake *in, cdc_batch *batch)
{
    cdc_queue_give_back(in->queue, batch);
}

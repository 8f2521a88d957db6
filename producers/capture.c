#include "capture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/queue.h"
#include "core/retry.h"
#include "core/stop.h"
#include "publisher.h"
#include "topics/admin.h"

enum {
    QUEUE_BYTES = 4 * 1024 * 1024,
    BATCH_BYTES_MAX = 1100 * 1024 * 1024, /* one row can have 1 GB; ordinary batches have 1 MB */
    POLL_MS = 100,
    COMMIT_RECORDS = 50000, /* a Kafka transaction ends at the latest after so many records... */
    COMMIT_MS = 200,     /* ...or this long after it began, when the backlog never lets it rest */
    COMMIT_FAR = 4,      /* so much more of both as long as the session has not caught up */
    COMMIT_PAUSE_MS = 5, /* rest between two of them: see docs/adr/0005-commit-pacing.md... */
    COMMIT_PAUSE_BYTES = 4096,  /* ...a millisecond for so much that waits... */
    COMMIT_PAUSE_BUSY_MS = 100, /* ...but no more */
    COMMIT_PAUSE_FAR_MS = 200,
    TOKEN_ONLY_MS = 1000, /* a token that moved without records is made durable this often */
    FENCED_WAIT_MS = 1500,
};

typedef struct cdc_capture {
    const cdc_env *env;
    const cdc_source *source;
    const cdc_codec *codec;
    bool until_caught_up;
    char instance[33];
    cdc_retry retry;
    cdc_metric *lag, *queue_bytes, *source_bytes, *sessions;
} cdc_capture;

/* One life of producer, source and reader thread. */
typedef struct cdc_session {
    cdc_capture *cap;
    cdc_producer *producer;
    cdc_publisher *publisher;
    void *source;
    cdc_queue *queue;
    pthread_t reader;
    bool reader_runs;
    _Atomic bool stop; /* the publisher tells the reader to end */
    cdc_rc reader_rc;  /* written by the reader before it closes the queue */
    cdc_error reader_err;
    int64_t opened_ms; /* when the first record of the open Kafka transaction was sent; 0 = none */
    int64_t committed_ms; /* when the last commit ended */
    bool caught_up, full_done;
    bool anchored; /* a checkpoint holds a token: from here on no restart can miss anything */
    bool ready_told;
} cdc_session;

/* --- reader thread --- */

static cdc_rc cdc_reader_hand_over(cdc_session *ss, cdc_batch *batch)
{
    for (;;) {
        cdc_rc rc = cdc_queue_push(ss->queue, batch, POLL_MS);
        if (rc != CDC_AGAIN) {
            return rc;
        }
        if (atomic_load(&ss->stop)) {
            return CDC_EOF;
        }
    }
}

/* Rows of the full copy are the source's own to hold back, by the limits of full.*. */
static void cdc_reader_note(cdc_session *ss, const cdc_batch *batch)
{
    int64_t streamed = 0;
    int64_t copied = 0;
    for (uint32_t i = 0; i < batch->nevents; i++) {
        const cdc_event *ev = &batch->events[i];
        bool incr = ev->phase == CDC_PHASE_INCR;
        streamed += incr && ev->op != CDC_OP_COMMIT ? 1 : 0;
        copied += incr ? 0 : 1;
    }
    cdc_metric_add(ss->cap->source_bytes, (int64_t)batch->source_bytes);
    cdc_throttle_take(ss->cap->env->limits.incremental, streamed,
                      copied == 0 ? (int64_t)batch->source_bytes : 0, 0);
}

/* An empty batch, as large as the rates allow, when what was read before is paid off. While it
 * waits the source's server waits to send: its timeout for that is the source's to set. */
static cdc_rc cdc_reader_begin(cdc_session *ss, cdc_batch **batch)
{
    cdc_throttle *th = ss->cap->env->limits.incremental;
    int64_t rows;
    int64_t bytes;
    if (!cdc_throttle_wait(th, &ss->stop)) {
        return CDC_EOF;
    }
    *batch = cdc_queue_take_empty(ss->queue);
    if (*batch == NULL) {
        return cdc_error_set(&ss->reader_err, CDC_FATAL, "no_memory",
                             "out of memory for a batch of events");
    }
    cdc_throttle_portion(th, &rows, &bytes);
    (*batch)->want_rows = rows < UINT32_MAX ? (uint32_t)rows : UINT32_MAX;
    (*batch)->want_bytes = (uint64_t)bytes;
    return CDC_OK;
}

static void *cdc_reader_main(void *arg)
{
    cdc_session *ss = arg;
    const cdc_source *source = ss->cap->source;
    cdc_rc rc = CDC_OK;
    while (!atomic_load(&ss->stop)) {
        cdc_batch *batch = NULL;
        rc = cdc_reader_begin(ss, &batch);
        if (rc != CDC_OK) {
            break;
        }
        rc = source->poll(ss->source, batch, POLL_MS, &ss->reader_err);
        if (rc == CDC_OK) {
            cdc_reader_note(ss, batch);
            rc = cdc_reader_hand_over(ss, batch);
            if (rc == CDC_OK) {
                continue;
            }
        }
        cdc_queue_give_back(ss->queue, batch);
        if (rc != CDC_AGAIN) {
            break;
        }
    }
    ss->reader_rc = rc == CDC_AGAIN ? CDC_OK : rc;
    cdc_queue_close(ss->queue);
    return NULL;
}

/* --- publisher side --- */

/* Streaming, and nothing can be missed any more: the place to go on from is durable. A new task is
 * ready only when its first token is in Kafka; killed before that, it would begin at another "now".
 */
static void cdc_session_tell_ready(cdc_session *ss)
{
    cdc_metrics *mx = ss->cap->env->metrics;
    if (ss->ready_told || !(ss->anchored || ss->caught_up)) {
        return;
    }
    ss->ready_told = true;
    cdc_metrics_word(mx, "state", "streaming");
    cdc_metrics_word(mx, "last_error", "");
    cdc_metrics_set_ready(mx, true);
    cdc_metrics_set_healthy(mx, true);
    CDC_LOG(CDC_LOG_INFO, "ready", CDC_STR("source", ss->cap->source->name));
}

static cdc_rc cdc_session_commit(cdc_session *ss, cdc_error *err)
{
    cdc_capture *cap = ss->cap;
    cdc_rc rc = cdc_publisher_commit(ss->publisher, err);
    if (rc != CDC_OK) {
        return rc;
    }
    ss->opened_ms = 0;
    ss->committed_ms = cdc_clock_mono_ms();
    cdc_retry_success(&cap->retry);
    cdc_bytes token = cdc_publisher_token(ss->publisher);
    ss->anchored = ss->anchored || token.len > 0;
    cdc_session_tell_ready(ss);
    if (cap->source->ack != NULL && token.len > 0) {
        cap->source->ack(ss->source, token.p, token.len);
    }
    cdc_metrics_word(cap->env->metrics, "position", cdc_publisher_position(ss->publisher));
    int64_t source_ms = cdc_publisher_source_ms(ss->publisher);
    if (source_ms > 0) {
        int64_t lag = cdc_clock_wall_ms() - source_ms;
        cdc_metric_set(cap->lag, lag > 0 ? lag : 0);
    }
    return CDC_OK;
}

/* Between two transactions: longer when much is waiting, so that a busy stream makes few. */
static int64_t cdc_session_pause(const cdc_session *ss)
{
    bool ending = ss->cap->until_caught_up && ss->caught_up;
    if (cdc_producer_pending(ss->producer) == 0 && ss->anchored && !ending) {
        return TOKEN_ONLY_MS;
    }
    if (ss->anchored && !ss->caught_up) {
        return COMMIT_PAUSE_FAR_MS;
    }
    size_t busy = cdc_producer_pending_bytes(ss->producer) / COMMIT_PAUSE_BYTES;
    return busy <= COMMIT_PAUSE_MS       ? COMMIT_PAUSE_MS
           : busy < COMMIT_PAUSE_BUSY_MS ? (int64_t)busy
                                         : COMMIT_PAUSE_BUSY_MS;
}

/* How long the publisher may wait for the next batch before it has to commit; 0 = commit now. */
static int cdc_session_patience(cdc_session *ss)
{
    if (!cdc_publisher_may_commit(ss->publisher) || !cdc_publisher_dirty(ss->publisher)) {
        return POLL_MS;
    }
    int64_t wait = ss->committed_ms + cdc_session_pause(ss) - cdc_clock_mono_ms();
    return wait <= 0 ? 0 : wait < POLL_MS ? (int)wait : POLL_MS;
}

static bool cdc_session_must_commit(cdc_session *ss)
{
    if (!cdc_publisher_may_commit(ss->publisher)) {
        return false;
    }
    unsigned times = ss->caught_up ? 1 : COMMIT_FAR;
    return cdc_producer_pending(ss->producer) >= (size_t)COMMIT_RECORDS * times ||
           (ss->opened_ms > 0 && cdc_clock_mono_ms() - ss->opened_ms >= (int64_t)COMMIT_MS * times);
}

static cdc_rc cdc_session_take(cdc_session *ss, cdc_batch *batch, cdc_error *err)
{
    cdc_rc rc = cdc_publisher_batch(ss->publisher, batch, err);
    ss->caught_up = ss->caught_up || batch->caught_up;
    if (batch->full_done) {
        ss->full_done = true;
        cdc_metrics_word(ss->cap->env->metrics, "phase", "incremental");
        CDC_LOG(CDC_LOG_INFO, "full_copy_done", CDC_STR("source", ss->cap->source->name));
    }
    cdc_queue_give_back(ss->queue, batch);
    if (ss->opened_ms == 0 && cdc_producer_pending(ss->producer) > 0) {
        ss->opened_ms = cdc_clock_mono_ms();
    }
    return rc;
}

/* Nothing is waiting: make durable what there is, keep Kafka's callbacks served. */
static cdc_rc cdc_session_idle(cdc_session *ss, cdc_error *err)
{
    if (cdc_publisher_may_commit(ss->publisher) && cdc_publisher_dirty(ss->publisher) &&
        cdc_session_patience(ss) == 0) {
        return cdc_session_commit(ss, err);
    }
    if (!cdc_publisher_dirty(ss->publisher) && ss->caught_up) {
        cdc_session_tell_ready(ss);
        cdc_metric_set(ss->cap->lag, 0);
    }
    return cdc_producer_poll(ss->producer, 0, err);
}

static bool cdc_session_complete(const cdc_session *ss)
{
    return ss->cap->until_caught_up && ss->caught_up && !cdc_publisher_dirty(ss->publisher);
}

/* EOF from here: the reader has ended (its own code says why). */
static cdc_rc cdc_session_pump(cdc_session *ss, cdc_error *err)
{
    while (!cdc_stop_requested() && !cdc_session_complete(ss)) {
        cdc_batch *batch = NULL;
        cdc_rc rc = cdc_queue_pop(ss->queue, &batch, cdc_session_patience(ss));
        if (rc == CDC_OK) {
            rc = cdc_session_take(ss, batch, err);
            if (rc == CDC_OK && cdc_session_must_commit(ss)) {
                rc = cdc_session_commit(ss, err);
            }
        } else if (rc == CDC_AGAIN) {
            rc = cdc_session_idle(ss, err);
        }
        if (rc != CDC_OK) {
            return rc;
        }
        cdc_metric_set(ss->cap->queue_bytes, (int64_t)cdc_queue_bytes(ss->queue));
    }
    return CDC_OK;
}

/* The pump has ended well, or the reader has: what was sent is committed all the same. */
static cdc_rc cdc_session_last_commit(cdc_session *ss, cdc_error *err)
{
    if (cdc_publisher_may_commit(ss->publisher) && cdc_publisher_dirty(ss->publisher)) {
        return cdc_session_commit(ss, err);
    }
    return CDC_OK;
}

/* --- session --- */

static cdc_rc cdc_session_ensure_topics(cdc_session *ss, cdc_error *err)
{
    const cdc_env *env = ss->cap->env;
    cdc_rc rc = cdc_admin_ensure(env, CDC_CHECKPOINT_TOPIC, CDC_CHECKPOINT_PARTITIONS,
                                 CDC_TOPIC_COMPACTED, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_arena ar;
    cdc_arena_init(&ar, 4096, 1024 * 1024);
    cdc_topic_names names;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    /* A template with {database} or {table} has no fixed list: those topics are made when their
     * first row comes. */
    if (cdc_router_topics(env->task, &ar, &names, &ignored) == CDC_OK) {
        for (size_t i = 0; i < names.ndata && rc == CDC_OK; i++) {
            rc = cdc_admin_ensure(env, names.data[i], names.partitions[i], CDC_TOPIC_RECORDS, err);
        }
        for (size_t i = 0; i < names.nddl && rc == CDC_OK; i++) {
            rc = cdc_admin_ensure(env, names.ddl[i], 1, CDC_TOPIC_DDL, err);
        }
    }
    const char *side = NULL;
    if (rc == CDC_OK) {
        rc = cdc_router_side_topic(env->task, &ar, &side, err);
    }
    if (rc == CDC_OK && side[0] != '\0') {
        rc = cdc_admin_ensure(env, side, 1, CDC_TOPIC_SIDE, err);
    }
    const char *transactions = "";
    if (rc == CDC_OK) {
        rc = cdc_router_transactions_topic(env->task, &ar, &transactions, err);
    }
    if (rc == CDC_OK && transactions[0] != '\0') {
        rc = cdc_admin_ensure(env, transactions, 1, CDC_TOPIC_TRANSACTIONS, err);
    }
    cdc_arena_fini(&ar);
    return rc;
}

/* Kafka side: fence an older process, read where it stopped, and write our name there. */
static cdc_rc cdc_session_open_kafka(cdc_session *ss, cdc_arena *ar, cdc_checkpoint *cp,
                                     cdc_error *err)
{
    cdc_rc rc = cdc_session_ensure_topics(ss, err);
    if (rc == CDC_OK) {
        rc = cdc_producer_new(&ss->producer, ss->cap->env, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    rc = cdc_checkpoint_read(ss->cap->env, ar, cp, err);
    if (rc == CDC_EOF) {
        *cp = (cdc_checkpoint){0};
    } else if (rc != CDC_OK) {
        return rc;
    }
    cp->instance = ss->cap->instance;
    cp->wall_ms = cdc_clock_wall_ms();
    rc = cdc_producer_commit(ss->producer, cp, err);
    ss->committed_ms = cdc_clock_mono_ms();
    return rc == CDC_OK ? cdc_publisher_new(&ss->publisher, ss->cap->env, ss->cap->codec,
                                            ss->producer, cp, err)
                        : rc;
}

static cdc_rc cdc_session_open_source(cdc_session *ss, const cdc_checkpoint *cp, cdc_error *err)
{
    const cdc_source *source = ss->cap->source;
    cdc_rc rc = source->open(&ss->source, ss->cap->env, err);
    if (rc == CDC_OK && source->resume != NULL && cp->txn != NULL && cp->skip_rows > 0) {
        source->resume(ss->source, cp->txn);
    }
    if (rc == CDC_OK) {
        rc = source->start(ss->source, cp->token.len > 0 ? cp->token.p : NULL, cp->token.len, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    ss->queue = cdc_queue_new(QUEUE_BYTES, BATCH_BYTES_MAX);
    if (ss->queue == NULL || pthread_create(&ss->reader, NULL, cdc_reader_main, ss) != 0) {
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "out of memory or threads for the reader");
    }
    ss->reader_runs = true;
    return CDC_OK;
}

static void cdc_session_close(cdc_session *ss)
{
    atomic_store(&ss->stop, true);
    if (ss->queue != NULL) {
        cdc_queue_close(ss->queue);
    }
    if (ss->reader_runs) {
        pthread_join(ss->reader, NULL);
    }
    ss->cap->source->close(ss->source);
    cdc_publisher_free(ss->publisher);
    cdc_producer_free(ss->producer);
    cdc_queue_free(ss->queue);
}

/* Runs until a stop, the end, or an error. */
static cdc_rc cdc_session_run(cdc_session *ss, cdc_error *err)
{
    cdc_checkpoint cp = {0};
    cdc_arena ar;
    cdc_arena_init(&ar, 4096, 64 * 1024 * 1024);
    cdc_rc rc = cdc_session_open_kafka(ss, &ar, &cp, err);
    if (rc == CDC_OK) {
        rc = cdc_session_open_source(ss, &cp, err);
    }
    if (rc != CDC_OK) {
        goto out;
    }
    CDC_LOG(CDC_LOG_INFO, "start", CDC_STR("from", cp.token.len > 0 ? "checkpoint" : "new"),
            CDC_NUM("id", cp.id), CDC_NUM("skip_rows", cp.skip_rows));
    ss->anchored = cp.token.len > 0;
    cdc_session_tell_ready(ss);
    rc = cdc_session_pump(ss, err);
    if (rc == CDC_OK || rc == CDC_EOF) {
        bool reader_ended = rc == CDC_EOF;
        rc = cdc_session_last_commit(ss, err);
        if (rc == CDC_OK && reader_ended && ss->reader_rc != CDC_OK && ss->reader_rc != CDC_EOF) {
            *err = ss->reader_err;
            rc = ss->reader_rc;
        }
    }
out:
    cdc_arena_fini(&ar);
    return rc;
}

/* --- over sessions --- */

/* Kafka says that the transactional id belongs to somebody newer. Either a second capture of this
 * task has started, or our own transaction ran into its timeout and the broker ended it. The
 * checkpoint tells: a newcomer writes its instance there before anything else. */
static cdc_rc cdc_capture_fenced(cdc_capture *cap, cdc_error *err)
{
    cdc_stop_wait(FENCED_WAIT_MS);
    cdc_arena ar;
    cdc_arena_init(&ar, 4096, 64 * 1024 * 1024);
    cdc_checkpoint cp = {0};
    cdc_error read_err;
    cdc_error_clear(&read_err);
    cdc_rc rc = cdc_checkpoint_read(cap->env, &ar, &cp, &read_err);
    if (rc == CDC_OK && cp.instance != NULL && strcmp(cp.instance, cap->instance) != 0) {
        cdc_error_set(err, CDC_FATAL, "capture_fenced",
                      "another capture of task %s (instance %.8s) has taken over from this one "
                      "(instance %.8s); this "
                      "one stops, nothing is lost or doubled: run only one capture for each task",
                      cap->env->task->name, cp.instance, cap->instance);
        rc = CDC_FATAL;
    } else {
        err->rc = CDC_RETRY;
        rc = CDC_RETRY;
    }
    cdc_arena_fini(&ar);
    return rc;
}

/* After a failed session: RETRY when another may be tried (the wait is over), or the end. */
static cdc_rc cdc_capture_after_failure(cdc_capture *cap, cdc_rc rc, cdc_error *err)
{
    cdc_metrics_set_ready(cap->env->metrics, false);
    cdc_metrics_word(cap->env->metrics, "last_error", err->text);
    if (rc == CDC_FATAL && strcmp(err->code, "kafka_fenced") == 0) {
        rc = cdc_capture_fenced(cap, err);
    }
    int64_t wait_ms = 0;
    if (rc == CDC_RETRY && !cdc_retry_failure(&cap->retry, &wait_ms)) {
        cdc_error_context(err, "given up after retry.connect_minutes");
        rc = CDC_FATAL;
    }
    if (rc != CDC_RETRY) {
        cdc_metrics_word(cap->env->metrics, "state", "failed");
        cdc_metrics_set_healthy(cap->env->metrics, false);
        return rc;
    }
    cdc_metrics_word(cap->env->metrics, "state", "retrying");
    CDC_LOG(CDC_LOG_WARN, "retry", CDC_STR("code", err->code), CDC_STR("error", err->text),
            CDC_NUM("wait_ms", wait_ms));
    return cdc_stop_wait(wait_ms) ? CDC_OK : CDC_RETRY;
}

static void cdc_capture_init(cdc_capture *cap)
{
    cdc_metrics *mx = cap->env->metrics;
    unsigned char random[16] = {0};
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        int64_t now = cdc_clock_wall_us();
        memcpy(random, &now, sizeof now);
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(cap->instance + 2 * i, 3, "%02x", random[i]);
    }
    cdc_retry_init(&cap->retry, cap->env->task->retry_connect_ms);
    cap->lag = cdc_metrics_number(mx, CDC_GAUGE, "sluice_lag_ms", "",
                                  "Commit at the source to commit in Kafka of the newest row, ms");
    cap->queue_bytes = cdc_metrics_number(mx, CDC_GAUGE, "sluice_queue_bytes", "",
                                          "Events read, not yet published");
    cap->source_bytes = cdc_metrics_number(mx, CDC_COUNTER, "sluice_source_bytes_total", "",
                                           "Bytes read at the source");
    cap->sessions = cdc_metrics_number(mx, CDC_COUNTER, "sluice_sessions_total", "",
                                       "Times that source and producer were opened");
    cdc_metrics_word(mx, "state", "starting");
    cdc_metrics_word(mx, "phase", cap->env->task->phase_full ? "full" : "incremental");
}

cdc_rc cdc_capture_run(const cdc_env *env, const cdc_source *source, const cdc_codec *codec,
                       bool until_caught_up, cdc_error *err)
{
    cdc_capture cap = {
        .env = env, .source = source, .codec = codec, .until_caught_up = until_caught_up};
    cdc_capture_init(&cap);
    while (!cdc_stop_requested()) {
        cdc_session ss = {.cap = &cap};
        cdc_error_clear(err);
        cdc_error_clear(&ss.reader_err);
        cdc_metric_add(cap.sessions, 1);
        cdc_rc rc = cdc_session_run(&ss, err);
        cdc_session_close(&ss);
        if (rc == CDC_OK) {
            return CDC_OK;
        }
        rc = cdc_capture_after_failure(&cap, rc, err);
        if (rc != CDC_RETRY) {
            return rc;
        }
    }
    return CDC_OK;
}

/* Transactions, as this file uses them: the first record begins one, commit adds the checkpoint and
 * ends it. Whatever goes wrong on the way makes the handle useless for the caller (RETRY or FATAL):
 * it is freed, which aborts, and a new one starts from the last committed checkpoint. So there is
 * no path on which a lost record could be counted as done.
 *
 * Only failed deliveries are reported to us; a commit, or for at-least-once an emptied queue
 * without a failure, says that all the others have arrived. */
#include "producer.h"

#include <stdlib.h>

#include "client.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"
#include "header.h"
#include "hold.h"

enum {
    INIT_MS = 15000, /* a coordinator that still loads, an older transaction that ends */
    SLICE_MS = 500,  /* blocking calls end that often to look at stop */
    METADATA_MS = 10000,
    COMMIT_MS =
        60000, /* then the session starts over; the checkpoint says what became of the commit */
    REPORT_MS = 200, /* for the delivery report that says why a transaction failed */
    ABORT_MS = 700,
    STOP_PATIENCE_MS = 5000, /* after a stop was requested, for brokers that do not answer */
    REST_US =
        3000, /* from a commit's end to the next transaction's first record; see docs/adr/0005 */
    SERVE_EVERY = 1024,            /* records between two looks at the callbacks */
    QUEUE_BYTES = 3 * 1024 * 1024, /* see docs/adr/0044 */
    LOOK_BYTES = 64 * 1024,        /* sent between two looks at what the queue holds */
    BATCH_BYTES = 1000 * 1000,     /* batch.size */
    MARKS = QUEUE_BYTES / LOOK_BYTES + 2,
    ROOM_MS = 1,     /* between two looks while there is no room */
    IDLE_LOOKS = 10, /* so many in a row that found nothing delivered: it waits for linger.ms */
    HOLD_BYTES = 128 * 1024,
    CHECKPOINT_BYTES_MAX = 64 * 1024 * 1024,
};

struct cdc_topic {
    rd_kafka_topic_t *rkt;
    char *name;
    int32_t partitions;
};

/* Arguments of rd_kafka_produceva, set once but for what changes with each record. */
enum {
    VU_TOPIC,
    VU_PARTITION,
    VU_FLAGS,
    VU_KEY,
    VU_VALUE,
    VU_HEADER /* may be left out */,
    VU_COUNT
};

/* All that was sent up to some record. */
typedef struct cdc_mark {
    uint64_t records, bytes;
} cdc_mark;

struct cdc_producer {
    cdc_client client;
    bool transactional;
    bool open; /* a transaction is open */
    size_t pending, pending_bytes;
    unsigned served;
    cdc_mark sent, delivered; /* delivered: at least up to there */
    cdc_mark marks[MARKS];    /* a ring: places between the two, LOOK_BYTES and more apart */
    size_t oldest_mark, nmarks;
    int64_t committed_us; /* monotonic; 0 = none yet */
    cdc_topic **topics;
    size_t ntopics;
    cdc_topic *checkpoints;
    cdc_buffer checkpoint;
    cdc_hold hold; /* transactional: records sent while no transaction is open */
    rd_kafka_vu_t vu[VU_COUNT];
};

/* --- life --- */

/* Fences an older process. In slices, so that SIGTERM is honoured and the reason of a refusal is
 * seen. */
static cdc_rc cdc_producer_init_transactions(cdc_producer *pr, cdc_error *err)
{
    static const char doing[] = "opening the transactional producer";
    int64_t deadline = cdc_clock_mono_ms() + INIT_MS;
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(pr->client.rk, SLICE_MS);
        cdc_client_serve(&pr->client, 0);
        if (error == NULL) {
            return CDC_OK;
        }
        bool again = rd_kafka_error_is_retriable(error) && !pr->client.refused &&
                     !cdc_stop_requested() && cdc_clock_mono_ms() < deadline;
        if (again) {
            rd_kafka_error_destroy(error);
            continue;
        }
        if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
            rd_kafka_error_destroy(error);
            return cdc_client_unreachable(&pr->client, doing, err);
        }
        return cdc_client_fail_take(&pr->client, error, doing, err);
    }
}

static void cdc_producer_arguments(cdc_producer *pr)
{
    pr->vu[VU_TOPIC].vtype = RD_KAFKA_VTYPE_RKT;
    pr->vu[VU_PARTITION].vtype = RD_KAFKA_VTYPE_PARTITION;
    pr->vu[VU_FLAGS].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    pr->vu[VU_FLAGS].u.i = RD_KAFKA_MSG_F_COPY;
    pr->vu[VU_KEY].vtype = RD_KAFKA_VTYPE_KEY;
    pr->vu[VU_VALUE].vtype = RD_KAFKA_VTYPE_VALUE;
    pr->vu[VU_HEADER].vtype = RD_KAFKA_VTYPE_HEADER;
    pr->vu[VU_HEADER].u.header.name = CDC_HEADER_NAME;
}

cdc_rc cdc_producer_new(cdc_producer **out, const cdc_env *env, cdc_error *err)
{
    cdc_producer *pr = calloc(1, sizeof *pr);
    *out = NULL;
    if (pr == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the producer");
    }
    pr->transactional = env->task->exactly_once;
    cdc_producer_arguments(pr);
    cdc_buffer_init(&pr->checkpoint, CHECKPOINT_BYTES_MAX);
    cdc_hold_init(&pr->hold, HOLD_BYTES);
    cdc_rc rc = cdc_client_init(&pr->client, CDC_CLIENT_PRODUCER, env, err);
    if (rc == CDC_OK && pr->transactional) {
        rc = cdc_producer_init_transactions(pr, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_producer_topic(pr, CDC_CHECKPOINT_TOPIC, &pr->checkpoints, err);
    }
    if (rc != CDC_OK) {
        cdc_producer_free(pr);
        return rc;
    }
    *out = pr;
    return CDC_OK;
}

cdc_rc cdc_producer_try(const cdc_env *env, cdc_error *err)
{
    cdc_producer pr = {.transactional = env->task->exactly_once};
    cdc_rc rc = cdc_client_init(&pr.client, CDC_CLIENT_PRODUCER, env, err);
    if (rc == CDC_OK && pr.transactional) {
        rc = cdc_producer_init_transactions(&pr, err);
    }
    cdc_client_fini(&pr.client);
    return rc;
}

/* The broker would end the transaction by itself, but only at its timeout, and hide what lies
 * behind it until then. */
static void cdc_producer_abort(cdc_producer *pr)
{
    char text[8];
    if (rd_kafka_fatal_error(pr->client.rk, text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    rd_kafka_error_t *error = rd_kafka_abort_transaction(pr->client.rk, ABORT_MS);
    if (error != NULL) {
        CDC_LOG(CDC_LOG_INFO, "abort_failed", CDC_STR("reason", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
    }
}

void cdc_producer_free(cdc_producer *pr)
{
    if (pr == NULL) {
        return;
    }
    if (pr->client.rk != NULL) {
        if (pr->open) {
            cdc_producer_abort(pr);
        }
        rd_kafka_purge(pr->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }
    for (size_t i = 0; i < pr->ntopics; i++) {
        rd_kafka_topic_destroy(pr->topics[i]->rkt);
        free(pr->topics[i]->name);
        free(pr->topics[i]);
    }
    free(pr->topics);
    cdc_client_fini(&pr->client);
    cdc_buffer_fini(&pr->checkpoint);
    cdc_hold_fini(&pr->hold);
    free(pr);
}

/* --- topics --- */

static cdc_rc cdc_producer_add_topic(cdc_producer *pr, const char *name, int32_t partitions,
                                     cdc_topic **out, cdc_error *err)
{
    cdc_topic *topic = calloc(1, sizeof *topic);
    cdc_topic **topics = realloc(pr->topics, (pr->ntopics + 1) * sizeof *topics);
    if (topics != NULL) {
        pr->topics = topics;
    }
    if (topic != NULL && topics != NULL) {
        topic->name = strdup(name);
        topic->rkt = rd_kafka_topic_new(pr->client.rk, name, NULL);
        topic->partitions = partitions;
    }
    if (topic == NULL || topics == NULL || topic->name == NULL || topic->rkt == NULL) {
        if (topic != NULL) {
            free(topic->name);
        }
        free(topic);
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for topic %s", name);
    }
    pr->topics[pr->ntopics++] = topic;
    *out = topic;
    return CDC_OK;
}

cdc_rc cdc_producer_topic(cdc_producer *pr, const char *name, cdc_topic **out, cdc_error *err)
{
    int32_t partitions = 0;
    *out = NULL;
    for (size_t i = 0; i < pr->ntopics; i++) {
        if (strcmp(pr->topics[i]->name, name) == 0) {
            *out = pr->topics[i];
            return CDC_OK;
        }
    }
    int64_t deadline = cdc_clock_mono_ms() + METADATA_MS;
    for (;;) {
        cdc_rc rc = cdc_client_partitions(&pr->client, name, METADATA_MS, &partitions, NULL, err);
        if (rc != CDC_OK) {
            return rc;
        }
        /* a topic made a moment ago may not have reached this broker */
        if (partitions > 0 || cdc_clock_mono_ms() > deadline || cdc_stop_wait(50)) {
            break;
        }
    }
    if (partitions == 0) {
        return cdc_error_set(err, CDC_RETRY, "topic_missing", "topic %s does not exist", name);
    }
    return cdc_producer_add_topic(pr, name, partitions, out, err);
}

int32_t cdc_topic_partitions(const cdc_topic *topic)
{
    return topic->partitions;
}

const char *cdc_topic_name(const cdc_topic *topic)
{
    return topic->name;
}

/* --- sending --- */

/* What callbacks have noted since: a failed delivery, or a fatal error. */
static cdc_rc cdc_producer_check(cdc_producer *pr, cdc_error *err)
{
    char text[256];
    char doing[320];
    if (pr->client.lost == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(pr->client.rk, text, sizeof text);
        return fatal == RD_KAFKA_RESP_ERR_NO_ERROR
                   ? CDC_OK
                   : cdc_client_fail(&pr->client, fatal, text, "sending records", err);
    }
    snprintf(doing, sizeof doing, "topic %s: a record was not delivered", pr->client.lost_topic);
    return cdc_client_fail(&pr->client, pr->client.lost, rd_kafka_err2str(pr->client.lost), doing,
                           err);
}

/* Right behind a commit the broker is still writing its markers and refuses the next transaction's
 * partitions for 20 ms; waiting a little is faster. */
static void cdc_producer_rest(const cdc_producer *pr)
{
    int64_t left_us = pr->committed_us > 0 ? pr->committed_us + REST_US - cdc_clock_mono_us() : 0;
    if (left_us > 0 && left_us <= REST_US) {
        struct timespec ts = {.tv_nsec = (long)left_us * 1000};
        nanosleep(&ts, NULL);
    }
}

static cdc_rc cdc_producer_begin(cdc_producer *pr, cdc_error *err)
{
    cdc_producer_rest(pr);
    rd_kafka_error_t *error = rd_kafka_begin_transaction(pr->client.rk);
    if (error != NULL) {
        return cdc_client_fail_take(&pr->client, error, "beginning a transaction", err);
    }
    pr->open = true;
    return CDC_OK;
}

/* A wait for brokers. */
typedef struct cdc_wait {
    int left;        /* records under way at the last look; 0: there was none */
    unsigned idle;   /* looks since one was delivered */
    int64_t stop_ms; /* when a stop is waited for no longer; 0 = none was requested */
} cdc_wait;

/* As long as brokers take records the queue drains; when they do not, deliveries fail at their
 * timeout. */
static cdc_rc cdc_producer_wait(cdc_producer *pr, cdc_wait *wait, cdc_error *err)
{
    int left = rd_kafka_outq_len(pr->client.rk);
    wait->idle = left == wait->left ? wait->idle + 1 : 0;
    wait->left = left;
    cdc_client_serve(&pr->client, ROOM_MS);
    cdc_rc rc = cdc_producer_check(pr, err);
    if (rc != CDC_OK || !cdc_stop_requested()) {
        return rc;
    }
    int64_t now = cdc_clock_mono_ms();
    if (wait->stop_ms == 0) {
        wait->stop_ms = now + STOP_PATIENCE_MS;
    }
    return now < wait->stop_ms
               ? CDC_OK
               : cdc_error_set(
                     err, CDC_RETRY, "stopped",
                     "stopped while Kafka took no records; they are sent again at the next start");
}

/* Bytes that are not known to have been delivered. Partitions do not answer in the order in which
 * records were sent, so with several of them it is what so many records usually have. */
static uint64_t cdc_producer_under_way(cdc_producer *pr)
{
    uint64_t waiting = (uint64_t)rd_kafka_outq_len(pr->client.rk);
    while (pr->nmarks > 0 && pr->marks[pr->oldest_mark].records + waiting <= pr->sent.records) {
        pr->delivered = pr->marks[pr->oldest_mark];
        pr->oldest_mark = (pr->oldest_mark + 1) % MARKS;
        pr->nmarks--;
    }
    return pr->sent.bytes - pr->delivered.bytes;
}

/* The queue is full. With many partitions it may hold nothing but batches that wait for more. */
static cdc_rc cdc_producer_make_room(cdc_producer *pr, cdc_wait *wait, cdc_error *err)
{
    if (wait->idle >= IDLE_LOOKS) {
        (void)rd_kafka_flush(pr->client.rk, ROOM_MS);
        wait->idle = 0;
    }
    return cdc_producer_wait(pr, wait, err);
}

static cdc_rc cdc_producer_await_room(cdc_producer *pr, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    cdc_wait wait = {0};
    pr->marks[(pr->oldest_mark + pr->nmarks++) % MARKS] = pr->sent;
    while (rc == CDC_OK && cdc_producer_under_way(pr) > QUEUE_BYTES) {
        rc = cdc_producer_make_room(pr, &wait, err);
    }
    return rc;
}

/* Before a flush, which polls without rest while a batch waits behind another. */
static cdc_rc cdc_producer_settle(cdc_producer *pr, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    cdc_wait wait = {0};
    while (rc == CDC_OK && wait.idle < IDLE_LOOKS &&
           cdc_producer_under_way(pr) > BATCH_BYTES + LOOK_BYTES) {
        rc = cdc_producer_wait(pr, &wait, err);
    }
    return rc;
}

static bool cdc_producer_looks(const cdc_producer *pr)
{
    uint64_t marked = pr->nmarks > 0 ? pr->marks[(pr->oldest_mark + pr->nmarks - 1) % MARKS].bytes
                                     : pr->delivered.bytes;
    return pr->sent.bytes - marked >= LOOK_BYTES;
}

static cdc_rc cdc_producer_produce(cdc_producer *pr, const cdc_held_record *record, cdc_error *err)
{
    char doing[320];
    cdc_wait wait = {0};
    size_t n = record->header.p != NULL ? VU_COUNT : VU_HEADER;
    pr->vu[VU_TOPIC].u.rkt = record->topic->rkt;
    pr->vu[VU_PARTITION].u.i32 = record->partition;
    pr->vu[VU_KEY].u.mem.ptr = (void *)(uintptr_t)record->key.p;
    pr->vu[VU_KEY].u.mem.size = record->key.len;
    pr->vu[VU_VALUE].u.mem.ptr = (void *)(uintptr_t)record->value.p;
    pr->vu[VU_VALUE].u.mem.size = record->value.len;
    pr->vu[VU_HEADER].u.header.val = record->header.p;
    pr->vu[VU_HEADER].u.header.size = (int64_t)record->header.len;
    if (cdc_producer_looks(pr)) {
        cdc_rc rc = cdc_producer_await_room(pr, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_produceva(pr->client.rk, pr->vu, n);
        if (error == NULL) {
            pr->sent.records++;
            pr->sent.bytes += record->key.len + record->value.len + record->header.len;
            return CDC_OK;
        }
        if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            snprintf(doing, sizeof doing, "topic %s: sending a record of %zu bytes",
                     record->topic->name, record->key.len + record->value.len);
            return cdc_client_fail_take(&pr->client, error, doing, err);
        }
        rd_kafka_error_destroy(error);
        cdc_rc rc = cdc_producer_make_room(pr, &wait, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
}

/* Begins the transaction with what was kept back. */
static cdc_rc cdc_producer_open(cdc_producer *pr, cdc_error *err)
{
    cdc_held_record record;
    cdc_rc rc = cdc_producer_begin(pr, err);
    while (rc == CDC_OK && cdc_hold_take(&pr->hold, &record)) {
        rc = cdc_producer_produce(pr, &record, err);
    }
    return rc;
}

cdc_rc cdc_producer_send(cdc_producer *pr, cdc_topic *topic, int32_t partition, cdc_bytes key,
                         cdc_bytes value, cdc_bytes header, cdc_error *err)
{
    cdc_held_record record = {topic, partition, key, value, header};
    cdc_rc rc = CDC_OK;
    bool held = pr->transactional && !pr->open && cdc_hold_add(&pr->hold, &record);
    if (pr->transactional && !pr->open && !held) {
        rc = cdc_producer_open(pr, err);
    }
    if (rc == CDC_OK && !held) {
        rc = cdc_producer_produce(pr, &record, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    pr->pending++;
    pr->pending_bytes += key.len + value.len + header.len;
    if (!held && ++pr->served >= SERVE_EVERY) {
        pr->served = 0;
        return cdc_producer_poll(pr, 0, err);
    }
    return CDC_OK;
}

/* --- committing --- */

static cdc_rc cdc_producer_send_checkpoint(cdc_producer *pr, const cdc_checkpoint *cp,
                                           cdc_error *err)
{
    const char *task = pr->client.env->task->name;
    cdc_buffer_reset(&pr->checkpoint);
    cdc_checkpoint_encode(cp, task, &pr->checkpoint);
    if (pr->checkpoint.failed) {
        return cdc_error_set(err, CDC_FATAL, "checkpoint_too_large",
                             "the checkpoint is larger than %d bytes", CHECKPOINT_BYTES_MAX);
    }
    cdc_held_record record = {
        .topic = pr->checkpoints,
        .partition = cdc_checkpoint_partition(task, cdc_topic_partitions(pr->checkpoints)),
        .key = {task, strlen(task)},
        .value = {pr->checkpoint.data, pr->checkpoint.len},
    };
    cdc_rc rc = pr->transactional && !pr->open ? cdc_producer_open(pr, err) : CDC_OK;
    return rc == CDC_OK ? cdc_producer_produce(pr, &record, err) : rc;
}

/* May a wait for brokers go on? */
static bool cdc_producer_patient(int64_t start_ms)
{
    int64_t waited = cdc_clock_mono_ms() - start_ms;
    return waited < COMMIT_MS && (!cdc_stop_requested() || waited < STOP_PATIENCE_MS);
}

static cdc_rc cdc_producer_commit_transaction(cdc_producer *pr, cdc_error *err)
{
    static const char doing[] = "committing the Kafka transaction";
    int64_t start = cdc_clock_mono_ms();
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(pr->client.rk, SLICE_MS);
        if (error == NULL) {
            pr->open = false;
            return CDC_OK;
        }
        cdc_client_serve(&pr->client, 0);
        /* Calling again goes on with the same commit. Given up, its outcome is in the checkpoint
         * topic. */
        if (!rd_kafka_error_is_retriable(error) || rd_kafka_error_txn_requires_abort(error)) {
            cdc_client_serve(&pr->client, REPORT_MS);
            cdc_rc rc = cdc_producer_check(pr, err);
            if (rc != CDC_OK) {
                rd_kafka_error_destroy(error);
                return rc;
            }
            return cdc_client_fail_take(&pr->client, error, doing, err);
        }
        rd_kafka_error_destroy(error);
        cdc_client_serve(&pr->client, 0);
        if (!cdc_producer_patient(start)) {
            return cdc_client_unreachable(&pr->client, doing, err);
        }
    }
}

/* At-least-once: all records so far are acknowledged. */
static cdc_rc cdc_producer_drain(cdc_producer *pr, cdc_error *err)
{
    int64_t start = cdc_clock_mono_ms();
    for (;;) {
        bool drained = rd_kafka_flush(pr->client.rk, SLICE_MS) != RD_KAFKA_RESP_ERR__TIMED_OUT;
        /* a failed record counts as under way until its report is taken */
        cdc_client_serve(&pr->client, 0);
        cdc_rc rc = cdc_producer_check(pr, err);
        if (rc != CDC_OK || drained) {
            return rc;
        }
        if (!cdc_producer_patient(start)) {
            return cdc_client_unreachable(&pr->client, "waiting for acknowledgements", err);
        }
    }
}

cdc_rc cdc_producer_order(cdc_producer *pr, cdc_error *err)
{
    return pr->transactional ? CDC_OK : cdc_producer_drain(pr, err);
}

cdc_rc cdc_producer_commit(cdc_producer *pr, const cdc_checkpoint *cp, cdc_error *err)
{
    cdc_rc rc = pr->transactional ? CDC_OK : cdc_producer_drain(pr, err);
    if (rc == CDC_OK && pr->transactional) {
        rc = cdc_producer_settle(pr, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_producer_send_checkpoint(pr, cp, err);
    }
    if (rc == CDC_OK) {
        rc = pr->transactional ? cdc_producer_commit_transaction(pr, err)
                               : cdc_producer_drain(pr, err);
    }
    if (rc == CDC_OK) {
        pr->pending = 0;
        pr->pending_bytes = 0;
        pr->committed_us = cdc_clock_mono_us();
    }
    return rc;
}

cdc_rc cdc_producer_poll(cdc_producer *pr, int timeout_ms, cdc_error *err)
{
    cdc_client_serve(&pr->client, timeout_ms);
    return cdc_producer_check(pr, err);
}

size_t cdc_producer_pending(const cdc_producer *pr)
{
    return pr->pending;
}

size_t cdc_producer_pending_bytes(const cdc_producer *pr)
{
    return pr->pending_bytes;
}

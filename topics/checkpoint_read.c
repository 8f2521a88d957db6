/* Finding a task's newest committed checkpoint: its partition is read backwards in growing windows.
 *
 * One task's open transaction hides from read_committed readers everything behind its first record,
 * committed records of other tasks too. So the first window ends only when the reader has passed
 * the high watermark of its first look: all that this task had committed before lies below it. A
 * reader that stopped at the last stable offset could go on from an old checkpoint and double
 * records. The same holds for a fetch from a leader elected a moment ago, whose high watermark is
 * still an older one; asked for the topic's bounds, it answers only when it has caught up
 * (KIP-207), so they are asked first. */
#include "checkpoint.h"
#include "client.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"

enum {
    WINDOW = 1000,      /* records; then four times as many */
    REQUEST_MS = 10000, /* for bounds, and for the next record of a window */
    HIDDEN_MS = 90000,  /* longer than the transaction timeout after which the broker ends another
                           task's transaction */
    HIDDEN_LOG_MS = 2000,
    SLICE_MS = 100,
    ARRAY = 256,
};

typedef struct cdc_search {
    cdc_client client;
    rd_kafka_topic_t *rkt;
    int32_t partition;
    int64_t begin; /* first offset of the partition */
    int64_t from;  /* window: from this offset... */
    int64_t until; /* ...up to this one; below 0 in the first window until a fetch has shown the
                      high watermark */
    int64_t at;    /* offset behind the last record seen */
    rd_kafka_message_t *newest; /* of this task */
} cdc_search;

static const char doing[] = "reading the checkpoint from topic " CDC_CHECKPOINT_TOPIC;

/* Takes the message. */
static void cdc_search_record(cdc_search *se, rd_kafka_message_t *rkm)
{
    const char *task = se->client.env->task->name;
    size_t len = strlen(task);
    bool inside = se->until < 0 || rkm->offset < se->until;
    se->at = inside ? rkm->offset + 1 : rkm->offset;
    if (inside && rkm->key_len == len && memcmp(rkm->key, task, len) == 0) {
        rd_kafka_message_t *older = se->newest;
        se->newest = rkm;
        rkm = older;
    }
    if (rkm != NULL) {
        rd_kafka_message_destroy(rkm);
    }
}

/* Takes the message. */
static cdc_rc cdc_search_message(cdc_search *se, rd_kafka_message_t *rkm, cdc_error *err)
{
    int64_t low = 0;
    int64_t high = 0;
    if (rkm->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        cdc_search_record(se, rkm);
    } else {
        bool end = rkm->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        cdc_rc rc =
            end ? CDC_OK
                : cdc_client_fail(&se->client, rkm->err, rd_kafka_message_errstr(rkm), doing, err);
        se->at = end ? rkm->offset : se->at;
        rd_kafka_message_destroy(rkm);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    if (se->until < 0 &&
        rd_kafka_get_watermark_offsets(se->client.rk, CDC_CHECKPOINT_TOPIC, se->partition, &low,
                                       &high) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        se->until = high;
    }
    return CDC_OK;
}

/* Nothing has come for a while. */
static cdc_rc cdc_search_idle(cdc_search *se, int64_t idle_ms, bool *told, cdc_error *err)
{
    bool hidden = se->until >= 0; /* the broker answers, but holds back what is there */
    if (cdc_stop_requested() || se->client.refused || idle_ms > (hidden ? HIDDEN_MS : REQUEST_MS)) {
        return hidden && !se->client.refused
                   ? cdc_error_set(
                         err, CDC_RETRY, "checkpoint_hidden",
                         "topic " CDC_CHECKPOINT_TOPIC
                         " partition %d: an open transaction of another task hides what lies "
                         "behind offset %lld",
                         (int)se->partition, (long long)se->at)
                   : cdc_client_unreachable(&se->client, doing, err);
    }
    if (hidden && !*told && idle_ms > HIDDEN_LOG_MS) {
        *told = true;
        CDC_LOG(
            CDC_LOG_WARN, "checkpoint_hidden", CDC_STR("topic", CDC_CHECKPOINT_TOPIC),
            CDC_NUM("partition", se->partition), CDC_NUM("offset", se->at),
            CDC_STR(
                "text",
                "waiting for the end of another task's transaction: until that task runs again, or "
                "Kafka ends it at transaction.timeout.ms"));
    }
    return CDC_OK;
}

static cdc_rc cdc_search_window(cdc_search *se, cdc_error *err)
{
    rd_kafka_message_t *array[ARRAY];
    cdc_rc rc = CDC_OK;
    bool told = false;
    int64_t heard_ms = cdc_clock_mono_ms();
    se->at = se->from;
    if (rd_kafka_consume_start(se->rkt, se->partition, se->from) != 0) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        return cdc_client_fail(&se->client, code, rd_kafka_err2str(code), doing, err);
    }
    while (rc == CDC_OK && (se->until < 0 || se->at < se->until)) {
        /* the first record alone: librdkafka waits for as many as it may give */
        ssize_t n = rd_kafka_consume_batch(se->rkt, se->partition, 0, array, ARRAY);
        n = n == 0 ? rd_kafka_consume_batch(se->rkt, se->partition, SLICE_MS, array, 1) : n;
        for (ssize_t i = 0; i < n; i++) {
            if (rc == CDC_OK) {
                rc = cdc_search_message(se, array[i], err);
            } else {
                rd_kafka_message_destroy(array[i]);
            }
        }
        if (n > 0) {
            heard_ms = cdc_clock_mono_ms();
        } else if (rc == CDC_OK) {
            cdc_client_serve(&se->client, 0);
            rc = cdc_search_idle(se, cdc_clock_mono_ms() - heard_ms, &told, err);
        }
    }
    (void)rd_kafka_consume_stop(se->rkt, se->partition);
    return rc;
}

static cdc_rc cdc_search_bounds(cdc_search *se, int64_t *end, cdc_error *err)
{
    rd_kafka_resp_err_t code;
    int64_t deadline = cdc_clock_mono_ms() + REQUEST_MS;
    do {
        code = rd_kafka_query_watermark_offsets(se->client.rk, CDC_CHECKPOINT_TOPIC, se->partition,
                                                &se->begin, end, 500);
        cdc_client_serve(&se->client, 0);
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR && !se->client.refused && !cdc_stop_requested() &&
             cdc_clock_mono_ms() < deadline);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? CDC_OK
               : cdc_client_fail(&se->client, code, rd_kafka_err2str(code), doing, err);
}

/* A tombstone: the task was erased. */
static cdc_rc cdc_search_result(const cdc_search *se, cdc_arena *ar, cdc_checkpoint *out,
                                cdc_error *err)
{
    if (se->newest == NULL || se->newest->payload == NULL) {
        return CDC_EOF;
    }
    cdc_rc rc =
        cdc_checkpoint_parse((cdc_bytes){se->newest->payload, se->newest->len}, ar, out, err);
    if (rc != CDC_OK) {
        cdc_error_context(err, "topic " CDC_CHECKPOINT_TOPIC " partition %d offset %lld, task %s",
                          (int)se->partition, (long long)se->newest->offset,
                          se->client.env->task->name);
    }
    return rc;
}

static cdc_rc cdc_search_partition(cdc_search *se, int32_t partition, cdc_error *err)
{
    int64_t end = 0;
    se->partition = partition;
    se->until = -1;
    cdc_rc rc = cdc_search_bounds(se, &end, err);
    for (int64_t window = WINDOW; rc == CDC_OK; window *= 4) {
        se->from = end - window > se->begin ? end - window : se->begin;
        rc = cdc_search_window(se, err);
        if (se->newest != NULL || se->from == se->begin) {
            break;
        }
        end = se->from;
        se->until = se->from;
    }
    return rc;
}

static cdc_rc cdc_search_run(cdc_search *se, cdc_arena *ar, cdc_checkpoint *out, cdc_error *err)
{
    int32_t partitions = 0;
    cdc_rc rc = cdc_client_partitions(&se->client, CDC_CHECKPOINT_TOPIC, REQUEST_MS, &partitions,
                                      NULL, err);
    if (rc != CDC_OK || partitions == 0) {
        return rc == CDC_OK ? CDC_EOF : rc;
    }
    se->rkt = rd_kafka_topic_new(se->client.rk, CDC_CHECKPOINT_TOPIC, NULL);
    if (se->rkt == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "out of memory for " CDC_CHECKPOINT_TOPIC);
    }
    int32_t own = cdc_checkpoint_partition(se->client.env->task->name, partitions);
    rc = cdc_search_partition(se, own, err);
    if (rc == CDC_OK && se->newest == NULL && own != 0) {
        rc = cdc_search_partition(se, 0, err);
    }
    return rc == CDC_OK ? cdc_search_result(se, ar, out, err) : rc;
}

cdc_rc cdc_checkpoint_read(const cdc_env *env, cdc_arena *ar, cdc_checkpoint *out, cdc_error *err)
{
    cdc_search se = {.begin = 0};
    *out = (cdc_checkpoint){0};
    cdc_rc rc = cdc_client_init(&se.client, CDC_CLIENT_TOOL, env, err);
    if (rc == CDC_OK) {
        rc = cdc_search_run(&se, ar, out, err);
    }
    if (se.newest != NULL) {
        rd_kafka_message_destroy(se.newest);
    }
    if (se.rkt != NULL) {
        rd_kafka_topic_destroy(se.rkt);
    }
    cdc_client_fini(&se.client);
    return rc;
}

#include "tail.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "header.h"

#define START_MS 10000
#define POLL_MS 200
#define REASON_MAX 512

/* What librdkafka would print: a failure is told once, by the error that ends the command. */
static void cdc_tail_silent(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    (void)level;
    (void)facility;
    (void)text;
}

static cdc_rc cdc_tail_property(rd_kafka_conf_t *conf, const char *name, const char *value,
                                cdc_error *err)
{
    char reason[REASON_MAX];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK) {
        return CDC_OK;
    }
    cdc_error_set(err, CDC_FATAL, "kafka_property", "Kafka property %s: %s", name, reason);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

static cdc_rc cdc_tail_properties(const cdc_tail *tail, rd_kafka_conf_t *conf, cdc_error *err)
{
    static const char *const own[][2] = {{"group.id", "sluice-tail"}, /* wanted, never joined */
                                         {"enable.auto.commit", "false"},
                                         {"auto.offset.reset", "error"},
                                         {"isolation.level", "read_committed"},
                                         {"fetch.error.backoff.ms", "100"}};
    cdc_rc rc = cdc_tail_property(conf, "bootstrap.servers", tail->brokers, err);
    for (size_t i = 0; rc == CDC_OK && i < sizeof own / sizeof own[0]; i++) {
        rc = cdc_tail_property(conf, own[i][0], own[i][1], err);
    }
    for (size_t i = 0; rc == CDC_OK && i < tail->nproperties; i++) {
        char name[256];
        const char *pair = tail->properties[i];
        size_t n = strcspn(pair, "=");
        if (pair[n] == '\0' || n >= sizeof name) {
            rc = cdc_error_set(err, CDC_FATAL, "usage", "-X %.*s is not NAME=VALUE", (int)n, pair);
            err->exit = CDC_EXIT_USAGE;
        } else {
            snprintf(name, sizeof name, "%.*s", (int)n, pair);
            rc = cdc_tail_property(conf, name, pair + n + 1, err);
        }
    }
    return rc;
}

static cdc_rc cdc_tail_failed(rd_kafka_resp_err_t code, const cdc_tail *tail, cdc_error *err)
{
    const char *cure = "";
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        cure = "; is -b right, and does Kafka run?";
    } else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        cure = "; sluice topics TASK.yaml lists those of a task";
    }
    return cdc_error_set(err, CDC_FATAL, "kafka", "topic %s at %s: %s%s", tail->topic,
                         tail->brokers, rd_kafka_err2str(code), cure);
}

/* The topic's partitions, each with the offset to begin at. */
static cdc_rc cdc_tail_partitions(const cdc_tail *tail, rd_kafka_t *rk,
                                  rd_kafka_topic_partition_list_t **out, cdc_error *err)
{
    const struct rd_kafka_metadata *md = NULL;
    cdc_rc rc = CDC_OK;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, tail->topic, NULL);
    if (topic == NULL) {
        return cdc_tail_failed(rd_kafka_last_error(), tail, err);
    }
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &md, START_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && md->topic_cnt == 1) {
        code = md->topics[0].err;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = cdc_tail_failed(code, tail, err);
        goto out;
    }
    int n = md->topics[0].partition_cnt;
    *out = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++) {
        int64_t from = tail->from;
        if (from < 0) {
            from = from == CDC_OFFSET_LATEST ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
        }
        rd_kafka_topic_partition_list_add(*out, tail->topic, i)->offset = from;
    }
    if (tail->from >= 0) { /* times in, offsets out; none so late: the end */
        code = rd_kafka_offsets_for_times(rk, *out, START_MS);
        rc = code == RD_KAFKA_RESP_ERR_NO_ERROR ? CDC_OK : cdc_tail_failed(code, tail, err);
    }
out:
    if (md != NULL) {
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_topic_destroy(topic);
    return rc;
}

static bool cdc_tail_give(const cdc_tail *tail, rd_kafka_message_t *rkm)
{
    rd_kafka_headers_t *headers = NULL;
    const void *header = NULL;
    size_t header_len = 0;
    if (rd_kafka_message_headers(rkm, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_header_get_last(headers, CDC_HEADER_NAME, &header, &header_len);
    }
    cdc_message msg = {.topic = tail->topic,
                       .partition = rkm->partition,
                       .offset = rkm->offset,
                       .timestamp_ms = rd_kafka_message_timestamp(rkm, NULL),
                       .key = {rkm->key, rkm->key_len},
                       .value = {rkm->payload, rkm->len},
                       .header = {header, header_len}};
    return tail->record(tail->arg, &msg);
}

static cdc_rc cdc_tail_loop(const cdc_tail *tail, rd_kafka_t *rk, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (bool more = true; more && rc == CDC_OK;) {
        rd_kafka_message_t *rkm = rd_kafka_consumer_poll(rk, POLL_MS);
        if (rkm == NULL) {
            more = tail->idle(tail->arg);
        } else if (rkm->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            more = cdc_tail_give(tail, rkm);
        } else if (rkm->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                   rkm->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                   rkm->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            rc = cdc_tail_failed(rkm->err, tail, err);
        } else {
            more = tail->idle(tail->arg); /* librdkafka goes on by itself */
        }
        if (rkm != NULL) {
            rd_kafka_message_destroy(rkm);
        }
    }
    return rc;
}

cdc_rc cdc_tail_run(const cdc_tail *tail, cdc_error *err)
{
    char reason[REASON_MAX];
    rd_kafka_topic_partition_list_t *partitions = NULL;
    rd_kafka_t *rk = NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, cdc_tail_silent);
    cdc_rc rc = cdc_tail_properties(tail, conf, err);
    if (rc != CDC_OK) {
        goto out;
    }
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    if (rk == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "kafka", "%s", reason);
        goto out;
    }
    conf = NULL; /* rk has it */
    rd_kafka_poll_set_consumer(rk);
    rc = cdc_tail_partitions(tail, rk, &partitions, err);
    if (rc != CDC_OK) {
        goto out;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(rk, partitions);
    rc = code == RD_KAFKA_RESP_ERR_NO_ERROR ? cdc_tail_loop(tail, rk, err)
                                            : cdc_tail_failed(code, tail, err);
out:
    if (partitions != NULL) {
        rd_kafka_topic_partition_list_destroy(partitions);
    }
    if (rk != NULL) {
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
    }
    if (conf != NULL) {
        rd_kafka_conf_destroy(conf);
    }
    return rc;
}

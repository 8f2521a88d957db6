#include "ddl_feed.h"

#include <stdlib.h>

#include "core/clock.h"
#include "intake.h"
#include "topics/consumer.h"

enum { BATCH_BYTES_MAX = 64 * 1024 * 1024, DRAIN_MS = 10000, POLL_MS = 50 };

struct cdc_ddl_feed {
    const cdc_env *env;
    const cdc_sink *sink;
    void *sink_handle;
    const cdc_codec *codec;
    void *codec_handle;
    cdc_consumer *consumer;
    cdc_batch *batch;
    char *topic;
    bool assigned;
    int64_t applied; /* offset behind the last record applied */
    uint64_t count;
};

cdc_rc cdc_ddl_feed_new(cdc_ddl_feed **out, const cdc_env *env, const cdc_sink *sink,
                        void *sink_handle, const cdc_codec *codec, const char *topic,
                        cdc_error *err)
{
    cdc_ddl_feed *df = calloc(1, sizeof *df);
    *out = df;
    if (df == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the DDL topic");
    }
    *df = (cdc_ddl_feed){.env = env, .sink = sink, .sink_handle = sink_handle, .codec = codec};
    df->topic = strdup(topic);
    df->batch = cdc_batch_new(BATCH_BYTES_MAX);
    cdc_rc rc = df->topic != NULL && df->batch != NULL
                    ? codec->open(&df->codec_handle, env, err)
                    : cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the DDL topic");
    if (rc == CDC_OK) {
        rc = cdc_consumer_new(&df->consumer, env, err);
    }
    if (rc != CDC_OK) {
        cdc_ddl_feed_free(df);
        *out = NULL;
    }
    return rc;
}

void cdc_ddl_feed_free(cdc_ddl_feed *df)
{
    if (df == NULL) {
        return;
    }
    cdc_consumer_free(df->consumer);
    if (df->codec_handle != NULL) {
        df->codec->close(df->codec_handle);
    }
    cdc_batch_free(df->batch);
    free(df->topic);
    free(df);
}

/* EOF: the topic does not exist yet. */
static cdc_rc cdc_ddl_feed_assign(cdc_ddl_feed *df, cdc_error *err)
{
    int32_t partitions = 0;
    cdc_rc rc = cdc_consumer_partitions(df->consumer, df->topic, &partitions, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_offset at = {.topic = df->topic, .partition = 0};
    rc = df->sink->applied(df->sink_handle, df->topic, 0, &at.next, err);
    if (rc != CDC_OK) {
        return rc;
    }
    df->applied = at.next;
    if (at.next < 0) {
        at.next = CDC_OFFSET_EARLIEST;
    }
    rc = cdc_consumer_assign(df->consumer, &at, 1, err);
    df->assigned = rc == CDC_OK;
    return rc;
}

static cdc_rc cdc_ddl_feed_record(cdc_ddl_feed *df, const cdc_message *msg, cdc_error *err)
{
    cdc_batch_reset(df->batch);
    cdc_rc rc = cdc_intake_decode(df->codec, df->codec_handle, msg, df->batch, err);
    if (rc == CDC_SKIP) {
        rc = CDC_OK;
    }
    cdc_offset at = {.topic = df->topic, .partition = 0, .next = msg->offset + 1};
    for (uint32_t i = 0; i < df->batch->nevents && rc == CDC_OK; i++) {
        const cdc_event *ev = &df->batch->events[i];
        rc = df->sink->ddl(df->sink_handle, &ev, 1, &at, 1, err);
    }
    if (rc != CDC_OK) {
        return cdc_error_context(err, "topic %s offset %lld", df->topic, (long long)msg->offset);
    }
    df->applied = at.next;
    df->count++;
    return CDC_OK;
}

cdc_rc cdc_ddl_feed_apply(cdc_ddl_feed *df, cdc_error *err)
{
    int64_t begin = 0;
    int64_t end = 0;
    cdc_rc rc = df->assigned ? CDC_OK : cdc_ddl_feed_assign(df, err);
    if (rc == CDC_OK) {
        rc = cdc_consumer_bounds(df->consumer, df->topic, 0, &begin, &end, err);
    }
    if (rc != CDC_OK) {
        return rc == CDC_EOF ? CDC_OK : rc;
    }
    int64_t deadline = cdc_clock_mono_ms() + DRAIN_MS;
    while (rc == CDC_OK && df->applied < end) {
        cdc_message msg;
        rc = cdc_consumer_poll(df->consumer, &msg, POLL_MS, err);
        if (rc == CDC_OK) {
            rc = cdc_ddl_feed_record(df, &msg, err);
            cdc_consumer_release(&msg);
            deadline = cdc_clock_mono_ms() + DRAIN_MS;
        } else if (rc == CDC_AGAIN) {
            /* The last offsets may be transaction markers, which are never delivered. */
            bool at_end = cdc_consumer_position(df->consumer, df->topic, 0) >= end;
            if (at_end) {
                df->applied = end;
            } else if (cdc_clock_mono_ms() > deadline) {
                return cdc_error_set(err, CDC_RETRY, "kafka_slow",
                                     "topic %s: no record for %d s before offset %lld", df->topic,
                                     DRAIN_MS / 1000, (long long)end);
            }
            rc = CDC_OK;
        }
    }
    return rc;
}

uint64_t cdc_ddl_feed_count(const cdc_ddl_feed *df)
{
    return df->count;
}

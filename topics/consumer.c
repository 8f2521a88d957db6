/* Records are taken from librdkafka in arrays and handed out one by one. Position in a partition =
 * what was handed out, plus what an end-of-partition event says: transaction markers and aborted
 * records take offsets, but never come.
 *
 * librdkafka before 2.2 stops fetching when its queue is full and looks again only once a second,
 * unless something wakes the broker's thread; cdc_consumer_wake is that something. */
#include "consumer.h"

#include <stdlib.h>

#include "client.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"
#include "header.h"
#include "split.h"

enum {
    ARRAY = 512,    /* records taken at once */
    WAKES_MAX = 16, /* partitions asked after the queue was full */
    METADATA_MS = 10000,
    BOUNDS_MS = 10000,
    SLICE_MS = 500,
    PAUSE_MS = 20,   /* before a question is asked again */
    DOWN_MS = 15000, /* all brokers down for so long: the caller starts over */
    LOST_BOUNDS_MS = 2000,
};

typedef struct cdc_part {
    bool assigned;
    bool anywhere;    /* nothing was read yet, and it began where from.start says */
    int64_t position; /* offset to hand out next; below 0: not known yet */
    cdc_join *join;   /* parts of a message; NULL: there were none yet */
} cdc_part;

typedef struct cdc_feed {
    char *name;
    rd_kafka_topic_t *rkt;
    cdc_part *parts;
    int32_t nparts;
} cdc_feed;

struct cdc_consumer {
    cdc_client client;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *array[ARRAY];
    size_t n, at;
    cdc_feed **feeds;
    size_t nfeeds;
    cdc_feed *latest;                 /* the feed of the last record: mostly also of the next */
    bool must_wake;                   /* librdkafka has no fetch.queue.backoff.ms */
    int64_t limit_bytes, limit_count; /* of librdkafka's queue */
    uint32_t nparts;                  /* assigned */
    uint32_t wakes;                   /* to be done: the queue was near its limit */
    size_t turn_feed;                 /* the partition that is asked next */
    int32_t turn_part;
    uint64_t mean_bytes;                     /* of a record, smoothed, x 16 */
    rd_kafka_topic_partition_list_t *paused; /* NULL: none */
};

/* --- life --- */

static bool cdc_consumer_has_backoff(void)
{
    char reason[128];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool has = rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "10", reason, sizeof reason) ==
               RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    return has;
}

cdc_rc cdc_consumer_new(cdc_consumer **out, const cdc_env *env, cdc_error *err)
{
    cdc_consumer *cs = calloc(1, sizeof *cs);
    *out = NULL;
    if (cs == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the consumer");
    }
    cdc_rc rc = cdc_client_init(&cs->client, CDC_CLIENT_CONSUMER, env, err);
    if (rc != CDC_OK) {
        free(cs);
        return rc;
    }
    cs->must_wake = !cdc_consumer_has_backoff();
    cs->limit_bytes = cdc_properties_queue_kbytes(env) * 1024;
    cs->limit_count = cdc_properties_queue_messages(env);
    cs->queue = rd_kafka_queue_get_consumer(cs->client.rk);
    *out = cs;
    return CDC_OK;
}

static void cdc_consumer_drop_array(cdc_consumer *cs)
{
    while (cs->at < cs->n) {
        rd_kafka_message_destroy(cs->array[cs->at++]);
    }
    cs->at = 0;
    cs->n = 0;
}

static void cdc_feed_free(cdc_feed *feed)
{
    if (feed != NULL) {
        if (feed->rkt != NULL) {
            rd_kafka_topic_destroy(feed->rkt);
        }
        for (int32_t p = 0; p < feed->nparts; p++) {
            cdc_join_free(feed->parts[p].join);
        }
        free(feed->parts);
        free(feed->name);
        free(feed);
    }
}

static void cdc_consumer_drop_feeds(cdc_consumer *cs)
{
    for (size_t i = 0; i < cs->nfeeds; i++) {
        cdc_feed_free(cs->feeds[i]);
    }
    free(cs->feeds);
    cs->feeds = NULL;
    cs->nfeeds = 0;
    cs->latest = NULL;
}

void cdc_consumer_free(cdc_consumer *cs)
{
    if (cs == NULL) {
        return;
    }
    cdc_consumer_drop_array(cs);
    if (cs->paused != NULL) {
        rd_kafka_topic_partition_list_destroy(cs->paused);
    }
    rd_kafka_queue_destroy(cs->queue);
    cdc_consumer_drop_feeds(cs);
    cdc_client_fini(&cs->client);
    free(cs);
}

/* --- assignment --- */

static cdc_feed *cdc_consumer_feed(const cdc_consumer *cs, const char *topic)
{
    for (size_t i = 0; i < cs->nfeeds; i++) {
        if (cs->feeds[i]->name == topic || strcmp(cs->feeds[i]->name, topic) == 0) {
            return cs->feeds[i];
        }
    }
    return NULL;
}

static cdc_feed *cdc_consumer_add_feed(cdc_consumer *cs, const char *topic)
{
    cdc_feed **feeds = realloc(cs->feeds, (cs->nfeeds + 1) * sizeof *feeds);
    if (feeds == NULL) {
        return NULL;
    }
    cs->feeds = feeds;
    cdc_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) {
        return NULL;
    }
    feed->name = strdup(topic);
    feed->rkt = feed->name != NULL ? rd_kafka_topic_new(cs->client.rk, topic, NULL) : NULL;
    if (feed->rkt == NULL) {
        cdc_feed_free(feed);
        return NULL;
    }
    cs->feeds[cs->nfeeds++] = feed;
    return feed;
}

static bool cdc_consumer_note(cdc_consumer *cs, const cdc_offset *at)
{
    cdc_feed *feed = cdc_consumer_feed(cs, at->topic);
    feed = feed != NULL ? feed : cdc_consumer_add_feed(cs, at->topic);
    if (feed == NULL) {
        return false;
    }
    if (at->partition >= feed->nparts) {
        cdc_part *parts = realloc(feed->parts, ((size_t)at->partition + 1) * sizeof *parts);
        if (parts == NULL) {
            return false;
        }
        for (int32_t p = feed->nparts; p <= at->partition; p++) {
            parts[p] = (cdc_part){.position = -1};
        }
        feed->parts = parts;
        feed->nparts = at->partition + 1;
    }
    cdc_part *part = &feed->parts[at->partition];
    cdc_join_free(part->join);
    *part = (cdc_part){.assigned = true, .anywhere = at->next < 0, .position = at->next};
    return true;
}

cdc_rc cdc_consumer_assign(cdc_consumer *cs, const cdc_offset *offsets, uint32_t n, cdc_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    bool good = true;
    cdc_consumer_drop_array(cs);
    if (cs->paused != NULL) {
        /* A pause outlives the assignment; and ended behind the new one, it would go on from where
         * the old one was. */
        (void)rd_kafka_resume_partitions(cs->client.rk, cs->paused);
        rd_kafka_topic_partition_list_destroy(cs->paused);
        cs->paused = NULL;
    }
    cs->nparts = n;
    for (size_t i = 0; i < cs->nfeeds; i++) {
        for (int32_t p = 0; p < cs->feeds[i]->nparts; p++) {
            cs->feeds[i]->parts[p].assigned = false;
        }
    }
    for (uint32_t i = 0; i < n && good; i++) {
        good = cdc_consumer_note(cs, &offsets[i]);
        int64_t next = offsets[i].next;
        rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition)->offset =
            next == CDC_OFFSET_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING
            : next == CDC_OFFSET_LATEST ? RD_KAFKA_OFFSET_END
                                        : next;
    }
    rd_kafka_resp_err_t code =
        good ? rd_kafka_assign(cs->client.rk, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    if (!good) {
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "out of memory for the list of partitions");
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? CDC_OK
               : cdc_client_fail(&cs->client, code, rd_kafka_err2str(code), "assigning partitions",
                                 err);
}

void cdc_consumer_pause(cdc_consumer *cs, const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    (void)rd_kafka_pause_partitions(cs->client.rk, list); /* one that is not assigned is silent */
    rd_kafka_topic_partition_list_destroy(list);
    if (cs->paused == NULL) {
        cs->paused = rd_kafka_topic_partition_list_new(1);
    }
    rd_kafka_topic_partition_list_add(cs->paused, topic, partition);
}

void cdc_consumer_resume(cdc_consumer *cs, const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    (void)rd_kafka_resume_partitions(cs->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (cs->paused != NULL) {
        (void)rd_kafka_topic_partition_list_del(cs->paused, topic, partition);
    }
}

/* The assigned partition of a message, or NULL. */
static cdc_part *cdc_consumer_part(cdc_consumer *cs, const rd_kafka_message_t *rkm)
{
    if (rkm->rkt == NULL) {
        return NULL;
    }
    if (cs->latest == NULL || cs->latest->rkt != rkm->rkt) {
        cs->latest = NULL;
        for (size_t i = 0; i < cs->nfeeds && cs->latest == NULL; i++) {
            cs->latest = cs->feeds[i]->rkt == rkm->rkt ? cs->feeds[i] : NULL;
        }
        if (cs->latest == NULL) {
            cs->latest = cdc_consumer_feed(cs, rd_kafka_topic_name(rkm->rkt));
        }
    }
    cdc_feed *feed = cs->latest;
    bool known = feed != NULL && rkm->partition >= 0 && rkm->partition < feed->nparts;
    return known && feed->parts[rkm->partition].assigned ? &feed->parts[rkm->partition] : NULL;
}

/* --- keeping the queue filled --- */

/* How full librdkafka's queue is, in percent of the limit at which it stops fetching. */
static int64_t cdc_consumer_fullness(const cdc_consumer *cs)
{
    int64_t length = (int64_t)rd_kafka_queue_length(cs->queue);
    int64_t by_bytes = length * (int64_t)(cs->mean_bytes / 16) * 100 / cs->limit_bytes;
    int64_t by_count = length * 100 / cs->limit_count;
    return by_bytes > by_count ? by_bytes : by_count;
}

/* The next assigned partition after the last one that was asked for, in turns. */
static bool cdc_consumer_turn(cdc_consumer *cs, const char **topic, int32_t *partition)
{
    for (size_t steps = 0; steps <= cs->nfeeds; steps++) {
        const cdc_feed *feed = cs->turn_feed < cs->nfeeds ? cs->feeds[cs->turn_feed] : NULL;
        while (feed != NULL && cs->turn_part < feed->nparts) {
            int32_t p = cs->turn_part++;
            if (feed->parts[p].assigned) {
                *topic = feed->name;
                *partition = p;
                return true;
            }
        }
        cs->turn_part = 0;
        cs->turn_feed = cs->turn_feed + 1 < cs->nfeeds ? cs->turn_feed + 1 : 0;
    }
    return false;
}

/* A request to a partition's leader makes the thread of that broker look at the queue. Partitions
 * are asked in turns, one for each array taken, since their leaders may be many. */
static void cdc_consumer_wake(cdc_consumer *cs)
{
    const char *topic = NULL;
    int32_t partition = 0;
    int64_t low = 0;
    int64_t high = 0;
    if (cdc_consumer_turn(cs, &topic, &partition)) {
        (void)rd_kafka_query_watermark_offsets(cs->client.rk, topic, partition, &low, &high,
                                               SLICE_MS);
    }
}

/* Before records are taken: a full queue is one that librdkafka has left alone. */
static void cdc_consumer_note_full(cdc_consumer *cs)
{
    if (cdc_consumer_fullness(cs) > 75) {
        cs->wakes = cs->nparts < WAKES_MAX ? cs->nparts : WAKES_MAX;
    }
}

static void cdc_consumer_refill(cdc_consumer *cs)
{
    if (cs->wakes > 0 && cdc_consumer_fullness(cs) < 50) {
        cs->wakes--;
        cdc_consumer_wake(cs);
    }
}

/* How many records to take: a quarter of the queue at most, so that it fills again meanwhile. */
static size_t cdc_consumer_portion(const cdc_consumer *cs)
{
    uint64_t mean = cs->mean_bytes / 16 + 1;
    uint64_t n = (uint64_t)cs->limit_bytes / 4 / mean + 1;
    return n < ARRAY ? (size_t)n : ARRAY;
}

/* --- polling --- */

static cdc_rc cdc_consumer_lost(cdc_consumer *cs, const rd_kafka_message_t *rkm, cdc_error *err)
{
    const char *topic = rd_kafka_topic_name(rkm->rkt);
    const cdc_part *part = cdc_consumer_part(cs, rkm);
    int64_t low = -1;
    int64_t high = -1;
    long long wanted = part != NULL ? (long long)part->position : -1;
    (void)rd_kafka_query_watermark_offsets(cs->client.rk, topic, rkm->partition, &low, &high,
                                           LOST_BOUNDS_MS);
    return cdc_error_set(
        err, CDC_FATAL, "kafka_offset_lost",
        "topic %s partition %d no longer holds offset %lld, only %lld to %lld: its retention has "
        "deleted what was not applied yet, or the topic was made anew; copy the tables anew, under "
        "a new task name",
        topic, (int)rkm->partition, wanted, (long long)low, (long long)high);
}

static cdc_rc cdc_consumer_event(cdc_consumer *cs, rd_kafka_message_t *rkm, cdc_error *err)
{
    char doing[320];
    rd_kafka_resp_err_t code = rkm->err;
    const char *topic = rkm->rkt != NULL ? rd_kafka_topic_name(rkm->rkt) : "";
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        cdc_part *part = cdc_consumer_part(cs, rkm);
        if (part != NULL) {
            part->position = rkm->offset;
        }
        return CDC_OK;
    }
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        return cdc_consumer_lost(cs, rkm, err);
    }
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
        code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__RESOLVE) {
        return CDC_OK; /* librdkafka connects again by itself; the error callback has noted it */
    }
    snprintf(doing, sizeof doing, "topic %s partition %d: reading", topic, (int)rkm->partition);
    return cdc_client_fail(&cs->client, code, rd_kafka_message_errstr(rkm), doing, err);
}

/* All brokers have been down for long: are they still? */
static cdc_rc cdc_consumer_down(cdc_consumer *cs, cdc_error *err)
{
    const struct rd_kafka_metadata *md = NULL;
    if (rd_kafka_metadata(cs->client.rk, 0, NULL, &md, SLICE_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return cdc_client_unreachable(&cs->client, "reading topics", err);
    }
    rd_kafka_metadata_destroy(md);
    cs->client.down_ms = 0;
    return CDC_AGAIN;
}

/* Takes what is there; waits for the first only, since librdkafka would wait for a full array. */
static cdc_rc cdc_consumer_take(cdc_consumer *cs, int timeout_ms, cdc_error *err)
{
    if (cs->must_wake) {
        cdc_consumer_note_full(cs);
    }
    ssize_t n = rd_kafka_consume_batch_queue(cs->queue, 0, cs->array, cdc_consumer_portion(cs));
    if (n == 0 && timeout_ms > 0) {
        n = rd_kafka_consume_batch_queue(cs->queue, timeout_ms, cs->array, 1);
    }
    cs->at = 0;
    cs->n = n > 0 ? (size_t)n : 0;
    cdc_client_serve(&cs->client, 0);
    if (cs->client.refused) {
        return cdc_client_unreachable(&cs->client, "reading topics", err);
    }
    if (cs->n > 0) {
        cs->client.down_ms = 0;
        if (cs->must_wake) {
            cdc_consumer_refill(cs);
        }
        return CDC_OK;
    }
    bool down = cs->client.down_ms > 0 && cdc_clock_mono_ms() - cs->client.down_ms > DOWN_MS;
    return down ? cdc_consumer_down(cs, err) : CDC_AGAIN;
}

static void cdc_consumer_fill(cdc_consumer *cs, rd_kafka_message_t *rkm, cdc_part *part,
                              cdc_message *msg)
{
    rd_kafka_timestamp_type_t kind;
    rd_kafka_headers_t *headers = NULL;
    const void *header = NULL;
    size_t header_len = 0;
    *msg = (cdc_message){
        .topic = cs->latest->name,
        .partition = rkm->partition,
        .offset = rkm->offset,
        .timestamp_ms = rd_kafka_message_timestamp(rkm, &kind),
        .key = {rkm->key, rkm->key_len},
        .value = {rkm->payload, rkm->len},
        .handle = rkm,
    };
    if (rd_kafka_message_headers(rkm, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, CDC_HEADER_NAME, &header, &header_len) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        msg->header = (cdc_bytes){header, header_len};
    }
    part->position = rkm->offset + 1;
    cs->mean_bytes += (rkm->len + rkm->key_len + header_len + 128) - cs->mean_bytes / 16;
}

/* OK: the message is whole. Otherwise it was released; AGAIN: a part was kept. */
static cdc_rc cdc_consumer_join(const cdc_consumer *cs, cdc_part *part, cdc_message *msg,
                                cdc_error *err)
{
    cdc_join_rules rules = {.repeats = !cs->client.env->task->exactly_once,
                            .anywhere = part->anywhere};
    cdc_rc rc = cdc_join_take(&part->join, msg, rules, err);
    part->anywhere = part->anywhere && rc == CDC_AGAIN && part->join == NULL;
    if (rc != CDC_OK) {
        cdc_consumer_release(msg);
    }
    return rc;
}

cdc_rc cdc_consumer_poll(cdc_consumer *cs, cdc_message *msg, int timeout_ms, cdc_error *err)
{
    for (;;) {
        if (cs->at == cs->n) {
            cdc_rc rc = cdc_consumer_take(cs, timeout_ms, err);
            if (rc != CDC_OK) {
                return rc;
            }
        }
        rd_kafka_message_t *rkm = cs->array[cs->at++];
        /* not assigned any more: a record from before the last assign */
        cdc_part *part = rkm->err == RD_KAFKA_RESP_ERR_NO_ERROR ? cdc_consumer_part(cs, rkm) : NULL;
        if (part != NULL) {
            cdc_consumer_fill(cs, rkm, part, msg);
            cdc_rc rc = cdc_consumer_join(cs, part, msg, err);
            if (rc != CDC_AGAIN) {
                return rc;
            }
            continue;
        }
        cdc_rc rc =
            rkm->err != RD_KAFKA_RESP_ERR_NO_ERROR ? cdc_consumer_event(cs, rkm, err) : CDC_OK;
        rd_kafka_message_destroy(rkm);
        if (rc != CDC_OK) {
            return rc;
        }
        timeout_ms =
            cs->at == cs->n ? 0 : timeout_ms; /* an event instead of a record: the wait is over */
    }
}

void cdc_consumer_release(cdc_message *msg)
{
    if (msg->handle != NULL) {
        rd_kafka_message_destroy(msg->handle);
        msg->handle = NULL;
    }
    free(msg->joined);
    msg->joined = NULL;
}

/* --- questions --- */

cdc_rc cdc_consumer_partitions(cdc_consumer *cs, const char *topic, int32_t *out, cdc_error *err)
{
    cdc_rc rc = cdc_client_partitions(&cs->client, topic, METADATA_MS, out, NULL, err);
    return rc == CDC_OK && *out == 0 ? CDC_EOF : rc;
}

/* Worth asking again? Looks at what has been said in the background, too. A broker that did not
 * know the topic yet is remembered by librdkafka until somebody asks for the topic's metadata. */
static bool cdc_consumer_again(cdc_consumer *cs, const char *topic, rd_kafka_resp_err_t code,
                               int64_t deadline)
{
    int32_t partitions = 0;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    cdc_client_serve(&cs->client, 0);
    if (!cdc_client_unsettled(code) || cs->client.refused || cdc_clock_mono_ms() >= deadline ||
        cdc_stop_wait(PAUSE_MS)) {
        return false;
    }
    return cdc_client_passing(code) || cdc_client_partitions(&cs->client, topic, METADATA_MS,
                                                             &partitions, NULL, &ignored) == CDC_OK;
}

static cdc_rc cdc_consumer_unanswered(cdc_consumer *cs, rd_kafka_resp_err_t code, const char *doing,
                                      cdc_error *err)
{
    return cdc_client_passing(code)
               ? cdc_client_unreachable(&cs->client, doing, err)
               : cdc_client_fail(&cs->client, code, rd_kafka_err2str(code), doing, err);
}

cdc_rc cdc_consumer_bounds(cdc_consumer *cs, const char *topic, int32_t partition, int64_t *begin,
                           int64_t *end, cdc_error *err)
{
    char doing[320];
    rd_kafka_resp_err_t code;
    int64_t deadline = cdc_clock_mono_ms() + BOUNDS_MS;
    do {
        /* read_committed: the end is the last stable offset */
        code =
            rd_kafka_query_watermark_offsets(cs->client.rk, topic, partition, begin, end, SLICE_MS);
    } while (cdc_consumer_again(cs, topic, code, deadline));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return CDC_OK;
    }
    snprintf(doing, sizeof doing, "topic %s partition %d: asking for its offsets", topic,
             (int)partition);
    return cdc_consumer_unanswered(cs, code, doing, err);
}

int64_t cdc_consumer_position(cdc_consumer *cs, const char *topic, int32_t partition)
{
    const cdc_feed *feed = cdc_consumer_feed(cs, topic);
    bool known = feed != NULL && partition >= 0 && partition < feed->nparts;
    return known ? feed->parts[partition].position : -1;
}

cdc_rc cdc_consumer_offset_at(cdc_consumer *cs, const char *topic, int32_t partition,
                              int64_t wall_ms, int64_t *out, cdc_error *err)
{
    char doing[320];
    rd_kafka_resp_err_t code;
    int64_t begin = 0;
    int64_t deadline = cdc_clock_mono_ms() + BOUNDS_MS;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, topic, partition);
    do {
        at->offset = wall_ms;
        code = rd_kafka_offsets_for_times(cs->client.rk, list, SLICE_MS);
        code = code == RD_KAFKA_RESP_ERR_NO_ERROR ? at->err : code;
    } while (cdc_consumer_again(cs, topic, code, deadline));
    *out = at->offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(doing, sizeof doing, "topic %s partition %d: asking for the offset of a time",
                 topic, (int)partition);
        return cdc_consumer_unanswered(cs, code, doing, err);
    }
    /* nothing so new: the end */
    return *out >= 0 ? CDC_OK : cdc_consumer_bounds(cs, topic, partition, &begin, out, err);
}

void cdc_consumer_report(cdc_consumer *cs, const cdc_offset *offsets, uint32_t n)
{
    cdc_client_report(&cs->client, offsets, n);
}

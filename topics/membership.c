#include "membership.h"

#include <pthread.h>
#include <stdlib.h>

#include "client.h"
#include "core/clock.h"
#include "core/log.h"

enum {
    POLL_MS = 50,
    LEAVE_MS = 3000, /* brokers that are away must not hold up the end */
    NOTE_MAX = 900,  /* of partitions in a line of the log or the status */
};

struct cdc_membership {
    cdc_client client;
    pthread_t thread;
    bool runs;
    _Atomic bool stop;
    _Atomic uint64_t generation;
    pthread_mutex_t lock; /* of what is below, but the metrics */
    rd_kafka_topic_partition_list_t *set;
    rd_kafka_topic_partition_list_t *leaving; /* taken away, not given back yet; NULL: none */
    bool joined, let_go;
    bool denied; /* the brokers refuse us the group */
    cdc_metric *partitions, *rebalances;
};

/* --- what the group says --- */

/* "orders:0,1,2 other:4" */
static void cdc_membership_text(const rd_kafka_topic_partition_list_t *list, char *out, size_t size)
{
    const char *topic = "";
    out[0] = '\0';
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *part = &list->elems[i];
        size_t at = strlen(out);
        if (at > NOTE_MAX) {
            snprintf(out + at, size - at, "...");
            return;
        }
        if (strcmp(part->topic, topic) != 0) {
            topic = part->topic;
            snprintf(out + at, size - at, "%s%s:%d", at > 0 ? " " : "", topic, part->partition);
        } else {
            snprintf(out + at, size - at, ",%d", part->partition);
        }
    }
}

/* Under the lock. */
static void cdc_membership_changed(cdc_membership *ms)
{
    char text[NOTE_MAX + 300];
    rd_kafka_topic_partition_list_sort(ms->set, NULL, NULL);
    cdc_membership_text(ms->set, text, sizeof text);
    cdc_metric_set(ms->partitions, ms->set->cnt);
    cdc_metric_add(ms->rebalances, 1);
    cdc_metrics_word(ms->client.env->metrics, "partitions", text);
    CDC_LOG(CDC_LOG_INFO, "group", CDC_NUM("partitions", ms->set->cnt), CDC_STR("of", text));
    atomic_fetch_add(&ms->generation, 1);
}

static void cdc_membership_assigned(cdc_membership *ms, rd_kafka_t *rk,
                                    rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = RD_KAFKA_OFFSET_END; /* nothing is read here */
    }
    rd_kafka_error_t *error = rd_kafka_incremental_assign(rk, list);
    if (error != NULL) {
        CDC_LOG(CDC_LOG_WARN, "group", CDC_STR("error", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
        return;
    }
    (void)rd_kafka_pause_partitions(rk, list);
    pthread_mutex_lock(&ms->lock);
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_list_add(ms->set, list->elems[i].topic, list->elems[i].partition);
    }
    if (list->cnt > 0 || !ms->joined) {
        ms->joined = true;
        cdc_membership_changed(ms);
    }
    pthread_mutex_unlock(&ms->lock);
}

static void cdc_membership_unassign(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(rk, list);
    if (error != NULL) {
        CDC_LOG(CDC_LOG_WARN, "group", CDC_STR("error", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
    }
}

static void cdc_membership_revoked(cdc_membership *ms, rd_kafka_t *rk,
                                   rd_kafka_topic_partition_list_t *list)
{
    /* Others have them already, or we are leaving: there is nothing to wait for. */
    bool now = rd_kafka_assignment_lost(rk) || atomic_load(&ms->stop) || list->cnt == 0;
    pthread_mutex_lock(&ms->lock);
    for (int i = 0; i < list->cnt; i++) {
        (void)rd_kafka_topic_partition_list_del(ms->set, list->elems[i].topic,
                                                list->elems[i].partition);
    }
    if (!now) {
        ms->leaving = rd_kafka_topic_partition_list_copy(list);
        ms->let_go = false;
    }
    if (list->cnt > 0) {
        cdc_membership_changed(ms);
    }
    pthread_mutex_unlock(&ms->lock);
    if (now) {
        cdc_membership_unassign(rk, list);
    }
}

static void cdc_membership_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                        rd_kafka_topic_partition_list_t *list, void *opaque)
{
    cdc_client *client = opaque;
    cdc_membership *ms = client->owner;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        cdc_membership_assigned(ms, rk, list);
    } else {
        cdc_membership_revoked(ms, rk, list);
    }
}

/* --- the thread --- */

static void cdc_membership_give_back(cdc_membership *ms)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    pthread_mutex_lock(&ms->lock);
    if (ms->leaving != NULL && ms->let_go) {
        list = ms->leaving;
        ms->leaving = NULL;
    }
    pthread_mutex_unlock(&ms->lock);
    if (list != NULL) {
        cdc_membership_unassign(ms->client.rk, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
}

static void *cdc_membership_main(void *arg)
{
    cdc_membership *ms = arg;
    while (!atomic_load(&ms->stop)) {
        rd_kafka_message_t *rkm = rd_kafka_consumer_poll(ms->client.rk, POLL_MS);
        cdc_membership_give_back(ms);
        if (rkm == NULL) {
            continue;
        }
        if (rkm->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
            pthread_mutex_lock(&ms->lock);
            ms->denied = true;
            pthread_mutex_unlock(&ms->lock);
        }
        rd_kafka_message_destroy(rkm); /* what came before the pause; topics that are not there */
    }
    return NULL;
}

/* --- life --- */

static cdc_rc cdc_membership_subscribe(cdc_membership *ms, const char *const *topics, size_t n,
                                       cdc_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t code = rd_kafka_poll_set_consumer(ms->client.rk);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_subscribe(ms->client.rk, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? CDC_OK
               : cdc_client_fail(&ms->client, code, rd_kafka_err2str(code), "joining the group",
                                 err);
}

cdc_rc cdc_membership_new(cdc_membership **out, const cdc_env *env, const char *const *topics,
                          size_t ntopics, cdc_error *err)
{
    cdc_membership *ms = calloc(1, sizeof *ms);
    *out = NULL;
    if (ms == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the group");
    }
    pthread_mutex_init(&ms->lock, NULL);
    ms->set = rd_kafka_topic_partition_list_new(16);
    ms->partitions = cdc_metrics_number(env->metrics, CDC_GAUGE, "sluice_group_partitions", "",
                                        "Partitions that the applier group has given to us");
    ms->rebalances = cdc_metrics_number(env->metrics, CDC_COUNTER, "sluice_group_changes_total", "",
                                        "Changes of the partitions that we have");
    cdc_rc rc = cdc_client_init_member(&ms->client, env, cdc_membership_on_rebalance, ms, err);
    if (rc == CDC_OK) {
        rc = cdc_membership_subscribe(ms, topics, ntopics, err);
    }
    if (rc == CDC_OK) {
        ms->runs = pthread_create(&ms->thread, NULL, cdc_membership_main, ms) == 0;
        rc = ms->runs ? CDC_OK
                      : cdc_error_set(err, CDC_FATAL, "no_memory", "no thread for the group");
    }
    if (rc != CDC_OK) {
        cdc_membership_free(ms);
        return rc;
    }
    *out = ms;
    return CDC_OK;
}

/* Tells the brokers that we go. */
static void cdc_membership_leave(cdc_membership *ms)
{
    int64_t until = cdc_clock_mono_ms() + LEAVE_MS;
    if (ms->leaving != NULL) {
        cdc_membership_unassign(ms->client.rk, ms->leaving);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(ms->client.rk);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(ms->client.rk, queue);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
    while (!rd_kafka_consumer_closed(ms->client.rk) && cdc_clock_mono_ms() < until) {
        (void)rd_kafka_queue_poll_callback(queue, POLL_MS);
    }
    rd_kafka_queue_destroy(queue);
}

void cdc_membership_free(cdc_membership *ms)
{
    if (ms == NULL) {
        return;
    }
    atomic_store(&ms->stop, true);
    if (ms->runs) {
        pthread_join(ms->thread, NULL);
        cdc_membership_leave(ms);
    }
    cdc_client_fini(&ms->client);
    if (ms->leaving != NULL) {
        rd_kafka_topic_partition_list_destroy(ms->leaving);
    }
    rd_kafka_topic_partition_list_destroy(ms->set);
    pthread_mutex_destroy(&ms->lock);
    free(ms);
}

/* --- the set --- */

cdc_rc cdc_membership_take(cdc_membership *ms, cdc_arena *ar, cdc_membership_set *out,
                           cdc_error *err)
{
    bool good = true;
    pthread_mutex_lock(&ms->lock);
    bool denied = ms->denied;
    ms->let_go = true;
    *out = (cdc_membership_set){.generation = atomic_load(&ms->generation), .joined = ms->joined};
    out->parts = cdc_arena_zalloc(ar, ((size_t)ms->set->cnt + 1) * sizeof *out->parts);
    for (int i = 0; i < ms->set->cnt && out->parts != NULL && good; i++) {
        const rd_kafka_topic_partition_t *part = &ms->set->elems[i];
        const char *topic = cdc_arena_strndup(ar, part->topic, strlen(part->topic));
        good = topic != NULL;
        out->parts[out->n++] = (cdc_offset){.topic = topic, .partition = part->partition};
    }
    pthread_mutex_unlock(&ms->lock);
    if (denied) {
        return cdc_client_fail(&ms->client, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                               rd_kafka_err2str(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED),
                               "joining the group", err);
    }
    return out->parts != NULL && good
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the group");
}

uint64_t cdc_membership_generation(const cdc_membership *ms)
{
    return atomic_load(&ms->generation);
}

void cdc_membership_report(cdc_membership *ms, const cdc_offset *offsets, uint32_t n)
{
    cdc_client_report(&ms->client, offsets, n);
}

#include "admin.h"

#include "admin_client.h"
#include "checkpoint.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"

enum {
    METADATA_MS = 10000,
    REQUEST_MS = 10000,
    SETTINGS_MS = 300, /* only for a warning: a start does not wait long for it */
    APPEAR_MS = 15000, /* until a topic just made is in the metadata with its leaders */
    REASON_BYTES = 512,
    MAX_MESSAGE_DEFAULT = 1048588, /* Kafka's max.message.bytes */
    COMPACTED_SEGMENT_BYTES = 2 * 1024 * 1024,
    COMPACTED_SEGMENT_MS = 3600000,
    HOUR_MS = 3600000,
    MB_BYTES = 1024 * 1024,
    CHECKPOINT_REPLICAS = 3,
};

/* --- one request and its answer --- */

/* Hands out the answer's event, or NULL with err set. The event belongs to the caller. */
static rd_kafka_event_t *cdc_admin_wait(cdc_client *cl, rd_kafka_queue_t *queue, const char *doing,
                                        cdc_error *err)
{
    rd_kafka_event_t *event = NULL;
    int64_t deadline = cdc_clock_mono_ms() + REQUEST_MS + 1000;
    while (event == NULL && cdc_clock_mono_ms() < deadline && !cdc_stop_requested()) {
        event = rd_kafka_queue_poll(queue, 200);
    }
    if (event == NULL) {
        (void)cdc_client_unreachable(cl, doing, err);
        return NULL;
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return event;
    }
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
        (void)cdc_client_unreachable(cl, doing, err);
    } else {
        (void)cdc_client_fail(cl, code, rd_kafka_event_error_string(event), doing, err);
    }
    rd_kafka_event_destroy(event);
    return NULL;
}

static rd_kafka_AdminOptions_t *cdc_admin_options(cdc_client *cl, rd_kafka_admin_op_t op)
{
    char reason[REASON_BYTES];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(cl->rk, op);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, reason, sizeof reason);
    if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS) {
        (void)rd_kafka_AdminOptions_set_operation_timeout(options, REQUEST_MS, reason,
                                                          sizeof reason);
    }
    return options;
}

/* --- settings of a topic --- */

static void cdc_admin_read_setting(const char *name, const char *value, cdc_settings *out)
{
    const struct {
        const char *name;
        int64_t *to;
    } numbers[] = {
        {"max.message.bytes", &out->max_message_bytes},
        {"message.max.bytes", &out->max_message_bytes},
        {"retention.ms", &out->retention_ms},
        {"retention.bytes", &out->retention_bytes},
        {"min.insync.replicas", &out->min_insync},
        {"transaction.max.timeout.ms", &out->max_transaction_ms},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].to = strtoll(value, NULL, 10);
        }
    }
    if (strcmp(name, "cleanup.policy") == 0) {
        out->compacted = strstr(value, "compact") != NULL;
        out->deleted = strstr(value, "delete") != NULL;
    } else if (strcmp(name, "inter.broker.protocol.version") == 0) {
        snprintf(out->protocol, sizeof out->protocol, "%s", value);
    }
}

static void cdc_admin_read_settings(const rd_kafka_ConfigResource_t *resource, cdc_settings *out)
{
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &n);
    out->known = true;
    for (size_t i = 0; i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value != NULL) {
            cdc_admin_read_setting(rd_kafka_ConfigEntry_name(entries[i]), value, out);
        }
    }
}

/* Waits a little; NULL when nothing came, or the broker hung up on the question (it may not know
 * it). */
static rd_kafka_event_t *cdc_admin_wait_settings(cdc_client *cl, rd_kafka_queue_t *queue,
                                                 int timeout_ms)
{
    rd_kafka_event_t *event = NULL;
    int64_t deadline = cdc_clock_mono_ms() + timeout_ms;
    cl->last = RD_KAFKA_RESP_ERR_NO_ERROR;
    while (event == NULL && cl->last == RD_KAFKA_RESP_ERR_NO_ERROR &&
           cdc_clock_mono_ms() < deadline) {
        event = rd_kafka_queue_poll(queue, 20);
        cdc_client_serve(cl, 0);
    }
    if (event != NULL && rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_event_destroy(event);
        event = NULL;
    }
    return event;
}

/* Without the right to ask, or an answer in time, nothing is known: no error. */
void cdc_admin_settings(cdc_client *cl, rd_kafka_ResourceType_t type, const char *name,
                        int timeout_ms, cdc_settings *out)
{
    *out = (cdc_settings){.known = false};
    rd_kafka_queue_t *queue = rd_kafka_queue_new(cl->rk);
    rd_kafka_AdminOptions_t *options = cdc_admin_options(cl, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *ask = rd_kafka_ConfigResource_new(type, name);
    rd_kafka_DescribeConfigs(cl->rk, &ask, 1, options, queue);
    rd_kafka_event_t *event = cdc_admin_wait_settings(cl, queue, timeout_ms);
    if (event != NULL) {
        size_t n = 0;
        const rd_kafka_ConfigResource_t **found = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &n);
        rd_kafka_resp_err_t code =
            n > 0 ? rd_kafka_ConfigResource_error(found[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            cdc_admin_read_settings(found[0], out);
        }
        out->denied = code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ConfigResource_destroy(ask);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
}

static void cdc_admin_check_existing(cdc_client *cl, const char *name)
{
    static const char cure[] =
        "a record between the two stops the task: raise the topic's max.message.bytes, or "
        "lower message.max_bytes";
    cdc_settings settings;
    int64_t wanted = cdc_config_int(cl->env->task->cfg, "message.max_bytes");
    cdc_admin_settings(cl, RD_KAFKA_RESOURCE_TOPIC, name, SETTINGS_MS, &settings);
    if (settings.max_message_bytes > 0 && settings.max_message_bytes < wanted) {
        CDC_LOG(CDC_LOG_WARN, "topic_limit", CDC_STR("topic", name),
                CDC_NUM("max_message_bytes", settings.max_message_bytes),
                CDC_NUM("message_max_bytes", wanted), CDC_STR("text", cure));
    }
}

int64_t cdc_admin_record_limit(cdc_client *cl, const char *name)
{
    cdc_settings settings;
    cdc_admin_settings(cl, RD_KAFKA_RESOURCE_TOPIC, name, SETTINGS_MS, &settings);
    return settings.max_message_bytes;
}

/* --- creating --- */

static void cdc_admin_put_text(cdc_topic_setting *settings, size_t *n, const char *name,
                               const char *value)
{
    cdc_topic_setting *to = &settings[(*n)++];
    to->name = name;
    snprintf(to->value, sizeof to->value, "%s", value);
}

/* Numbers: 0 = as the brokers say. */
static void cdc_admin_put(cdc_topic_setting *settings, size_t *n, const char *name, int64_t value)
{
    char text[24];
    if (value != 0) {
        snprintf(text, sizeof text, "%lld", (long long)value);
        cdc_admin_put_text(settings, n, name, text);
    }
}

/* In Kafka's words; NULL: as the brokers say. Only data topics hold something to compact. */
static const char *cdc_admin_cleanup(const cdc_env *env, cdc_topic_kind kind)
{
    const char *cleanup = cdc_config_str(env->task->cfg, "topics.cleanup_policy");
    if (strcmp(cleanup, "broker") == 0) {
        return NULL;
    }
    if (kind != CDC_TOPIC_RECORDS) {
        return "delete";
    }
    return strcmp(cleanup, "compact-delete") == 0 ? "compact,delete" : cleanup;
}

size_t cdc_admin_plan(const cdc_env *env, cdc_topic_kind kind, int replicas,
                      cdc_topic_setting settings[CDC_TOPIC_SETTINGS_MAX])
{
    const cdc_config *cfg = env->task->cfg;
    int64_t hours = cdc_config_int(cfg, "topics.retention_hours");
    int64_t mb = cdc_config_int(cfg, "topics.retention_mb");
    int64_t max = 65536 + (kind == CDC_TOPIC_SIDE ? (int64_t)CDC_SIDE_BYTES_MAX
                                                  : cdc_config_int(cfg, "message.max_bytes"));
    int64_t insync = cdc_config_int(cfg, "topics.min_insync_replicas");
    size_t n = 0;
    /* as many as there are would stop the task with the first broker that is away */
    cdc_admin_put(settings, &n, "min.insync.replicas", insync < replicas ? insync : 0);
    if (kind == CDC_TOPIC_COMPACTED) {
        /* A start reads the end of it: old segments are to be compacted soon and cheaply. */
        cdc_admin_put_text(settings, &n, "cleanup.policy", "compact");
        cdc_admin_put(settings, &n, "segment.bytes", COMPACTED_SEGMENT_BYTES);
        cdc_admin_put(settings, &n, "segment.ms", COMPACTED_SEGMENT_MS);
        cdc_admin_put_text(settings, &n, "min.cleanable.dirty.ratio", "0.01");
        return n;
    }
    if (max > MAX_MESSAGE_DEFAULT) {
        cdc_admin_put(settings, &n, "max.message.bytes", max < INT32_MAX ? max : INT32_MAX);
    }
    cdc_admin_put(settings, &n, "retention.ms", hours > 0 ? hours * HOUR_MS : hours);
    cdc_admin_put(settings, &n, "retention.bytes", mb > 0 ? mb * MB_BYTES : mb);
    const char *cleanup = cdc_admin_cleanup(env, kind);
    if (cleanup != NULL) {
        cdc_admin_put_text(settings, &n, "cleanup.policy", cleanup);
    }
    return n;
}

static void cdc_admin_topic_settings(rd_kafka_NewTopic_t *topic, const cdc_env *env,
                                     cdc_topic_kind kind, int replicas)
{
    cdc_topic_setting settings[CDC_TOPIC_SETTINGS_MAX];
    size_t n = cdc_admin_plan(env, kind, replicas, settings);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_NewTopic_set_config(topic, settings[i].name, settings[i].value);
    }
}

static cdc_rc cdc_admin_created(cdc_client *cl, const rd_kafka_event_t *event, const char *doing,
                                cdc_error *err)
{
    size_t n = 0;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result((rd_kafka_event_t *)(uintptr_t)event), &n);
    rd_kafka_resp_err_t code =
        n > 0 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return CDC_OK;
    }
    const char *reason = n > 0 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
    return cdc_client_fail(cl, code, reason != NULL ? reason : rd_kafka_err2str(code), doing, err);
}

/* The checkpoints are every task's: they are not as safe as the first task alone would have it. */
int cdc_admin_replicas(const cdc_env *env, cdc_topic_kind kind, int nbrokers)
{
    int wanted = (int)cdc_config_int(env->task->cfg, "topics.replication_factor");
    int safe = nbrokers < CHECKPOINT_REPLICAS ? nbrokers : CHECKPOINT_REPLICAS;
    return kind == CDC_TOPIC_COMPACTED && safe > wanted ? safe : wanted;
}

static cdc_rc cdc_admin_count_brokers(cdc_client *cl, int *out, cdc_error *err)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(cl->rk, 0, NULL, &md, METADATA_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return cdc_client_fail(cl, code, rd_kafka_err2str(code), "asking for brokers", err);
    }
    *out = md->broker_cnt;
    rd_kafka_metadata_destroy(md);
    return CDC_OK;
}

/* try: the brokers only look whether it could be done. */
static cdc_rc cdc_admin_request_creation(cdc_client *cl, const char *name, int32_t partitions,
                                         cdc_topic_kind kind, bool try, cdc_error *err)
{
    char doing[320];
    char reason[REASON_BYTES];
    int brokers = 0;
    cdc_rc rc = kind == CDC_TOPIC_COMPACTED ? cdc_admin_count_brokers(cl, &brokers, err) : CDC_OK;
    if (rc != CDC_OK) {
        return rc;
    }
    int replicas = cdc_admin_replicas(cl->env, kind, brokers);
    snprintf(doing, sizeof doing, "creating topic %s with %d partition%s and %d replica%s", name,
             (int)partitions, partitions == 1 ? "" : "s", replicas, replicas == 1 ? "" : "s");
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, partitions, replicas, reason, sizeof reason);
    if (topic == NULL) {
        return cdc_error_set(err, CDC_FATAL, "kafka_refused", "%s: %s", doing, reason);
    }
    cdc_admin_topic_settings(topic, cl->env, kind, replicas);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(cl->rk);
    rd_kafka_AdminOptions_t *options = cdc_admin_options(cl, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_validate_only(options, try, reason, sizeof reason);
    rd_kafka_CreateTopics(cl->rk, &topic, 1, options, queue);
    rd_kafka_event_t *event = cdc_admin_wait(cl, queue, doing, err);
    rc = event != NULL ? cdc_admin_created(cl, event, doing, err) : err->rc;
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    if (rc == CDC_OK && !try) {
        CDC_LOG(CDC_LOG_INFO, "topic_created", CDC_STR("topic", name),
                CDC_NUM("partitions", partitions), CDC_NUM("replicas", replicas));
    }
    return rc;
}

static cdc_rc cdc_admin_await(cdc_client *cl, const char *name, cdc_error *err)
{
    int64_t deadline = cdc_clock_mono_ms() + APPEAR_MS;
    int64_t pause_ms = 2;
    for (;;) {
        int32_t partitions = 0;
        bool leaders = true;
        cdc_rc rc = cdc_client_partitions(cl, name, METADATA_MS, &partitions, &leaders, err);
        if (rc != CDC_OK || (partitions > 0 && leaders)) {
            return rc;
        }
        if (cdc_clock_mono_ms() > deadline || cdc_stop_wait(pause_ms)) {
            return cdc_error_set(err, CDC_RETRY, "topic_not_ready",
                                 "topic %s was created, but its partitions have no leader yet",
                                 name);
        }
        pause_ms = pause_ms < 100 ? pause_ms * 2 : pause_ms;
    }
}

static cdc_rc cdc_admin_make(cdc_client *cl, const char *name, int32_t partitions,
                             cdc_topic_kind kind, cdc_error *err)
{
    cdc_rc rc = cdc_admin_request_creation(cl, name, partitions, kind, false, err);
    return rc == CDC_OK ? cdc_admin_await(cl, name, err) : rc;
}

cdc_rc cdc_admin_try_creation(cdc_client *cl, const char *name, int32_t partitions,
                              cdc_topic_kind kind, cdc_error *err)
{
    return cdc_admin_request_creation(cl, name, partitions, kind, true, err);
}

cdc_rc cdc_admin_ensure_with(cdc_client *cl, const char *name, int32_t partitions,
                             cdc_topic_kind kind, cdc_error *err)
{
    const cdc_task *task = cl->env->task;
    int32_t found = 0;
    cdc_rc rc = cdc_client_partitions(cl, name, METADATA_MS, &found, NULL, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (found > 0) {
        if (kind != CDC_TOPIC_COMPACTED && kind != CDC_TOPIC_SIDE) {
            cdc_admin_check_existing(cl, name);
        }
        return CDC_OK;
    }
    if (!cdc_config_bool(task->cfg, "topics.create")) {
        return cdc_error_refuse(
            err, "topic_missing",
            "topic %s does not exist, and topics.create is false: create it, or run `sluice "
            "topics TASK create` with the file of task %s",
            name, task->name);
    }
    return cdc_admin_make(cl, name, partitions, kind, err);
}

/* --- on a handle of its own --- */

cdc_rc cdc_admin_ensure(const cdc_env *env, const char *name, int32_t partitions,
                        cdc_topic_kind kind, cdc_error *err)
{
    cdc_client cl;
    cdc_rc rc = cdc_client_init(&cl, CDC_CLIENT_TOOL, env, err);
    if (rc == CDC_OK) {
        rc = cdc_admin_ensure_with(&cl, name, partitions, kind, err);
    }
    cdc_client_fini(&cl);
    return rc;
}

cdc_rc cdc_admin_create(const cdc_env *env, const char *name, int32_t partitions,
                        cdc_topic_kind kind, cdc_error *err)
{
    cdc_client cl;
    cdc_rc rc = cdc_client_init(&cl, CDC_CLIENT_TOOL, env, err);
    if (rc == CDC_OK) {
        rc = cdc_admin_make(&cl, name, partitions, kind, err);
    }
    cdc_client_fini(&cl);
    return rc;
}

cdc_rc cdc_admin_try(const cdc_env *env, const char *name, int32_t partitions, cdc_topic_kind kind,
                     cdc_error *err)
{
    cdc_client cl;
    cdc_rc rc = cdc_client_init(&cl, CDC_CLIENT_TOOL, env, err);
    if (rc == CDC_OK) {
        rc = cdc_admin_try_creation(&cl, name, partitions, kind, err);
    }
    cdc_client_fini(&cl);
    return rc;
}

cdc_rc cdc_admin_describe(const cdc_env *env, const char *name, cdc_topic_info *out, cdc_error *err)
{
    cdc_client cl;
    cdc_settings settings;
    *out = (cdc_topic_info){.name = name};
    cdc_rc rc = cdc_client_init(&cl, CDC_CLIENT_TOOL, env, err);
    if (rc == CDC_OK) {
        rc = cdc_client_partitions(&cl, name, METADATA_MS, &out->partitions, NULL, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_admin_count_brokers(&cl, &out->brokers, err);
    }
    if (rc == CDC_OK && out->partitions > 0) {
        cdc_admin_settings(&cl, RD_KAFKA_RESOURCE_TOPIC, name, SETTINGS_MS, &settings);
        out->compacted = settings.compacted;
    }
    cdc_client_fini(&cl);
    return rc;
}

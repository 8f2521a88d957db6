#include "properties.h"

#include <strings.h>

enum {
    NAME_BYTES_MAX = 64,
    VALUE_BYTES_MAX = 128,
    CONSUMER_QUEUE_KBYTES = 8192,
    CONSUMER_QUEUE_MESSAGES = 20000, /* each costs some 500 bytes beside its own */
    PRODUCER_QUEUE_KBYTES = 12288,   /* the producer hands over less, but for large records */
    PRODUCER_LINGER_MS = 200,        /* in a transaction; see docs/adr/0044 */
    SOCKET_TIMEOUT_MS = 20000,
};

typedef struct cdc_default {
    const char *name, *value;
} cdc_default;

/* What differs from librdkafka's own defaults, and why. */
static const cdc_default common_defaults[] = {
    {"socket.nagle.disable", "true"}, /* small requests wait for nobody */
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "20000"}, /* a broker that hangs is noticed within half a minute */
    {"reconnect.backoff.ms", "50"}, /* a restarted broker is back within a second or two */
    {"reconnect.backoff.max.ms", "1000"},
    {"retry.backoff.ms", "50"},
    {"log.connection.close", "false"}, /* idle connections are closed by brokers all the time */
    {NULL, NULL},
};

static const cdc_default producer_defaults[] = {
    {"compression.codec", "lz4"},
    {"batch.num.messages", "10000"},
    {"batch.size", "1000000"}, /* below every topic's max.message.bytes */
    {"queue.buffering.max.messages", "100000"},
    {"transaction.timeout.ms", "60000"},
    {NULL, NULL},
};

/* Over the consumer's: a search must not wait for the end to be the end, nor for a full queue. */
static const cdc_default tool_defaults[] = {
    {"fetch.wait.max.ms", "5"},
    {"queued.min.messages", "100000"},
    {"queued.max.messages.kbytes", "65536"},
    {NULL, NULL},
};

static const cdc_default consumer_defaults[] = {
    {"fetch.wait.max.ms", "50"}, /* without data; with data the answer comes at once */
    {"fetch.error.backoff.ms", "50"},
    {"check.crcs", "false"},
    /* nobody joins the group; only a reported offset that finds no coordinator waits so long, also
       at the end */
    {"session.timeout.ms", "1000"},
    {"heartbeat.interval.ms", "300"},
    {NULL, NULL},
};

/* target.atomic: transaction. What a partition is ahead of the others waits in memory: that is less
 * when each gives little at a time. */
static const cdc_default whole_defaults[] = {
    {"fetch.message.max.bytes", "262144"},
    {NULL, NULL},
};

/* Over the consumer's: partitions of a process that was killed go to others within 10 s. */
static const cdc_default member_defaults[] = {
    {"session.timeout.ms", "10000"},
    {"heartbeat.interval.ms", "2000"},
    {"topic.metadata.refresh.interval.ms", "3000"}, /* a topic that is made later, or grows */
    {"queued.min.messages", "1"},
    {NULL, NULL},
};

/* A broker looks at rights first, then at acks: it knows -1, 0 and 1, and takes no record with
 * another number. */
static const cdc_default probe_owned[] = {
    {"acks", "2"},
    {"linger.ms", "0"},
    {"message.timeout.ms", "5000"},
    {"delivery.report.only.error", "true"},
    {NULL, NULL},
};

/* Set by us for a reason that the task's author must know. */
static const cdc_default owned[] = {
    {"transactional.id", "it is the task's name, by which an older process is fenced"},
    {"enable.idempotence", "records would be doubled; `delivery` and acks choose it"},
    {"enable.gapless.guarantee", "delivery failures are handled by sluice"},
    {"delivery.report.only.error", "delivery failures are handled by sluice"},
    {"isolation.level", "records of aborted transactions would be applied"},
    {"enable.auto.commit", "offsets are kept in the target"},
    {"enable.auto.offset.store", "offsets are kept in the target"},
    {"auto.offset.reset", "a lost offset must stop the task; `from.start` says where it begins"},
    {"enable.partition.eof", "sluice needs to know when it is caught up"},
    {"allow.auto.create.topics", "`topics.create` decides on it"},
    {NULL, NULL},
};

const char *cdc_properties_given(const cdc_env *env, const char *name)
{
    return cdc_config_lookup(env->task->cfg, "kafka", name);
}

/* --- refusals --- */

/* The known name that is nearest to one, or "": librdkafka prints its table with a property on each
 * line, the name first. Its dump of values would lack the aliases, which are what people write
 * (linger.ms). */
static void cdc_properties_nearest(const char *name, char *best, size_t best_size)
{
    char *table = NULL;
    size_t size = 0;
    size_t distance = strlen(name) / 2;
    best[0] = '\0';
    FILE *file = open_memstream(&table, &size);
    if (file == NULL) {
        return;
    }
    rd_kafka_conf_properties_show(file);
    fclose(file);
    char *rest = NULL;
    for (char *line = strtok_r(table, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        line[strcspn(line, " |")] = '\0';
        size_t d = strchr(line, '.') != NULL || strcmp(line, "acks") == 0
                       ? cdc_config_distance(name, line)
                       : NAME_BYTES_MAX;
        if (d < distance) {
            distance = d;
            snprintf(best, best_size, "%s", line);
        }
    }
    free(table);
}

static cdc_rc cdc_properties_fault(const cdc_env *env, const char *name, const char *reason,
                                   cdc_error *err)
{
    char path[NAME_BYTES_MAX + 16];
    snprintf(path, sizeof path, "kafka.%s", name);
    const char *where = cdc_config_where(env->task->cfg, path);
    if (strchr(where, ':') == NULL) {
        where = cdc_config_where(env->task->cfg, "kafka");
    }
    cdc_error_set(err, CDC_FATAL, "config", "%s: kafka.%s: %s", where, name, reason);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

static cdc_rc cdc_properties_unknown(const cdc_env *env, const char *name, cdc_error *err)
{
    char best[NAME_BYTES_MAX + 1];
    char text[256];
    cdc_properties_nearest(name, best, sizeof best);
    snprintf(text, sizeof text, "librdkafka %s has no such property%s%s%s", rd_kafka_version_str(),
             best[0] != '\0' ? "; the nearest name is '" : "", best, best[0] != '\0' ? "'" : "");
    return cdc_properties_fault(env, name, text, err);
}

static bool cdc_properties_secret(const char *name)
{
    static const char *const marks[] = {"password", "secret", "key.pem", "oauthbearer.config",
                                        "sasl.jaas"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(name, marks[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* --- setting --- */

static cdc_rc cdc_properties_set(rd_kafka_conf_t *conf, const cdc_env *env, const char *name,
                                 const char *value, cdc_error *err)
{
    char reason[512];
    rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, name, value, reason, sizeof reason);
    if (res == RD_KAFKA_CONF_OK) {
        return CDC_OK;
    }
    if (res == RD_KAFKA_CONF_UNKNOWN) {
        return cdc_properties_unknown(env, name, err);
    }
    return cdc_properties_fault(
        env, name, cdc_properties_secret(name) ? "librdkafka refuses the value" : reason, err);
}

static cdc_rc cdc_properties_set_number(rd_kafka_conf_t *conf, const cdc_env *env, const char *name,
                                        int64_t value, cdc_error *err)
{
    char text[VALUE_BYTES_MAX];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return cdc_properties_set(conf, env, name, text, err);
}

static cdc_rc cdc_properties_table(rd_kafka_conf_t *conf, const cdc_env *env,
                                   const cdc_default *table, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (; table->name != NULL && rc == CDC_OK; table++) {
        rc = cdc_properties_set(conf, env, table->name, table->value, err);
    }
    return rc;
}

/* Whole milliseconds that the task gives for a property, or def. Malformed ones are refused by
 * librdkafka. */
static int64_t cdc_properties_number(const cdc_env *env, const char *name, int64_t def)
{
    const char *text = cdc_properties_given(env, name);
    return text != NULL ? strtoll(text, NULL, 10) : def;
}

static int64_t cdc_properties_max_bytes(const cdc_env *env)
{
    /* key, headers and framing come on top of what the task counts */
    int64_t max = cdc_config_int(env->task->cfg, "message.max_bytes") + 65536;
    int64_t side = (int64_t)CDC_SIDE_BYTES_MAX + 65536;
    if (env->task->oversize == CDC_OVERSIZE_SIDE && side > max) {
        max = side;
    }
    return max < 1000000000 ? max : 1000000000;
}

static cdc_rc cdc_properties_producer(rd_kafka_conf_t *conf, const cdc_env *env, cdc_error *err)
{
    int64_t max = cdc_properties_max_bytes(env);
    int64_t kbytes = max / 1024 + 1024;
    int64_t timeout = cdc_properties_number(env, "transaction.timeout.ms", 60000);
    cdc_rc rc = cdc_properties_table(conf, env, producer_defaults, err);
    if (rc == CDC_OK) {
        /* In a transaction nothing is seen before the commit, which sends what is there at once, so
         * waiting for larger batches is free; at least once, a record is seen as soon as it is
         * sent. */
        rc = cdc_properties_set_number(conf, env, "linger.ms",
                                       env->task->exactly_once ? PRODUCER_LINGER_MS : 0, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_properties_set_number(conf, env, "message.max.bytes", max, err);
    }
    if (rc == CDC_OK) {
        /* memory under a backlog; a record larger than the whole queue would never fit */
        rc = cdc_properties_set_number(
            conf, env, "queue.buffering.max.kbytes",
            kbytes > PRODUCER_QUEUE_KBYTES ? kbytes : PRODUCER_QUEUE_KBYTES, err);
    }
    if (rc == CDC_OK && timeout > 1000 && timeout <= SOCKET_TIMEOUT_MS) {
        /* librdkafka wants it to be less */
        rc = cdc_properties_set_number(conf, env, "socket.timeout.ms", timeout / 4 * 3, err);
    }
    if (rc == CDC_OK) {
        /* before the broker ends the transaction, so that the reason is known here */
        rc = cdc_properties_set_number(
            conf, env, "message.timeout.ms",
            timeout > 1000 && timeout <= INT32_MAX ? timeout / 4 * 3 : 45000, err);
    }
    return rc;
}

int64_t cdc_properties_queue_kbytes(const cdc_env *env)
{
    int64_t v = cdc_properties_number(env, "queued.max.messages.kbytes", CONSUMER_QUEUE_KBYTES);
    return v > 0 ? v : CONSUMER_QUEUE_KBYTES;
}

int64_t cdc_properties_queue_messages(const cdc_env *env)
{
    int64_t v = cdc_properties_number(env, "queued.min.messages", CONSUMER_QUEUE_MESSAGES);
    return v > 0 ? v : CONSUMER_QUEUE_MESSAGES;
}

static cdc_rc cdc_properties_consumer_queue(rd_kafka_conf_t *conf, const cdc_env *env,
                                            cdc_error *err)
{
    char reason[128];
    /* since librdkafka 2.2; before, the consumer wakes it up (consumer.c) */
    (void)rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "10", reason, sizeof reason);
    cdc_rc rc = cdc_properties_set_number(conf, env, "queued.max.messages.kbytes",
                                          CONSUMER_QUEUE_KBYTES, err);
    return rc == CDC_OK ? cdc_properties_set_number(conf, env, "queued.min.messages",
                                                    CONSUMER_QUEUE_MESSAGES, err)
                        : rc;
}

static cdc_rc cdc_properties_consumer(rd_kafka_conf_t *conf, const cdc_env *env, cdc_error *err)
{
    int64_t max = cdc_properties_max_bytes(env);
    int64_t fetch = max > 8388608 ? max : 8388608;
    int64_t receive = fetch + 1048576;
    cdc_rc rc = cdc_properties_table(conf, env, consumer_defaults, err);
    if (rc == CDC_OK && env->task->whole) {
        rc = cdc_properties_table(conf, env, whole_defaults, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_properties_consumer_queue(conf, env, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_properties_set_number(conf, env, "message.max.bytes", max, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_properties_set_number(conf, env, "fetch.max.bytes", fetch, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_properties_set_number(conf, env, "receive.message.max.bytes",
                                       receive > 100000000 ? receive : 100000000, err);
    }
    return rc;
}

/* The task's own map, over the defaults. */
static cdc_rc cdc_properties_task(rd_kafka_conf_t *conf, const cdc_env *env, cdc_error *err)
{
    const cdc_config *cfg = env->task->cfg;
    size_t n = cdc_config_count(cfg, "kafka");
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; i < n && rc == CDC_OK; i++) {
        const char *name = NULL;
        const char *value = NULL;
        cdc_config_entry(cfg, "kafka", i, &name, &value);
        for (const cdc_default *own = owned; own->name != NULL && rc == CDC_OK; own++) {
            if (strcmp(own->name, name) == 0) {
                char text[VALUE_BYTES_MAX];
                snprintf(text, sizeof text, "sluice sets this property itself: %s", own->value);
                rc = cdc_properties_fault(env, name, text, err);
            }
        }
        if (rc == CDC_OK) {
            rc = cdc_properties_set(conf, env, name, value, err);
        }
    }
    return rc;
}

static bool cdc_properties_acks_all(const cdc_env *env)
{
    const char *acks = cdc_properties_given(env, "acks");
    if (acks == NULL) {
        acks = cdc_properties_given(env, "request.required.acks");
    }
    return acks == NULL || strcasecmp(acks, "all") == 0 || strcmp(acks, "-1") == 0;
}

static cdc_rc cdc_properties_owned_producer(rd_kafka_conf_t *conf, const cdc_env *env,
                                            cdc_error *err)
{
    cdc_rc rc = cdc_properties_set(conf, env, "delivery.report.only.error", "true", err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (env->task->exactly_once) {
        return cdc_properties_set(conf, env, "transactional.id", env->task->name, err);
    }
    if (cdc_properties_acks_all(env)) {
        return cdc_properties_set(conf, env, "enable.idempotence", "true", err);
    }
    /* without idempotence only one request under way keeps the order when it is sent again */
    return cdc_properties_set(conf, env, "max.in.flight.requests.per.connection", "1", err);
}

static cdc_rc cdc_properties_owned_consumer(rd_kafka_conf_t *conf, cdc_client_kind kind,
                                            const cdc_env *env, cdc_error *err)
{
    static const cdc_default fixed[] = {
        {"isolation.level", "read_committed"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"allow.auto.create.topics", "false"},
        {NULL, NULL},
    };
    cdc_rc rc = cdc_properties_table(conf, env, fixed, err);
    if (rc == CDC_OK && kind == CDC_CLIENT_MEMBER) {
        /* processes that keep their partitions go on while others come and go */
        rc = cdc_properties_set(conf, env, "partition.assignment.strategy", "cooperative-sticky",
                                err);
    }
    return rc == CDC_OK && kind == CDC_CLIENT_ENDS
               ? cdc_properties_set(conf, env, "isolation.level", "read_uncommitted", err)
               : rc;
}

static bool cdc_properties_in_group(cdc_client_kind kind)
{
    return kind == CDC_CLIENT_CONSUMER || kind == CDC_CLIENT_MEMBER;
}

static cdc_rc cdc_properties_names(rd_kafka_conf_t *conf, cdc_client_kind kind, const cdc_env *env,
                                   cdc_error *err)
{
    static const char *const roles[] = {"capture", "apply", "tool", "ends", "member", "probe"};
    char id[VALUE_BYTES_MAX];
    cdc_rc rc = CDC_OK;
    snprintf(id, sizeof id, "sluice-%s-%s", roles[kind], env->task->name);
    if (cdc_properties_given(env, "client.id") == NULL) {
        rc = cdc_properties_set(conf, env, "client.id", id, err);
    }
    if (rc == CDC_OK && cdc_properties_in_group(kind) &&
        cdc_properties_given(env, "group.id") == NULL) {
        rc = cdc_properties_set(conf, env, "group.id", env->task->name, err);
    }
    return rc;
}

cdc_rc cdc_properties_new(rd_kafka_conf_t **out, cdc_client_kind kind, const cdc_env *env,
                          cdc_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool producer = kind == CDC_CLIENT_PRODUCER || kind == CDC_CLIENT_PROBE;
    cdc_rc rc = cdc_properties_table(conf, env, common_defaults, err);
    if (rc == CDC_OK) {
        rc = producer ? cdc_properties_producer(conf, env, err)
                      : cdc_properties_consumer(conf, env, err);
    }
    if (rc == CDC_OK && kind == CDC_CLIENT_TOOL) {
        rc = cdc_properties_table(conf, env, tool_defaults, err);
    }
    if (rc == CDC_OK && kind == CDC_CLIENT_MEMBER) {
        rc = cdc_properties_table(conf, env, member_defaults, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_properties_names(conf, kind, env, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_properties_task(conf, env, err);
    }
    if (rc == CDC_OK) {
        rc = kind == CDC_CLIENT_PROBE ? cdc_properties_table(conf, env, probe_owned, err)
             : producer               ? cdc_properties_owned_producer(conf, env, err)
                                      : cdc_properties_owned_consumer(conf, kind, env, err);
    }
    if (rc != CDC_OK) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    *out = conf;
    return rc;
}

/* What fits to what, acks to transactions for one, a handle finds out. */
static cdc_rc cdc_properties_fit(rd_kafka_conf_t *conf, const cdc_env *env, cdc_error *err)
{
    char reason[512];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return cdc_error_set(err, CDC_FATAL, "config", "%s: kafka: %s",
                             cdc_config_where(env->task->cfg, "kafka"), reason);
    }
    rd_kafka_destroy(rk);
    return CDC_OK;
}

cdc_rc cdc_properties_check(const cdc_env *env, cdc_error *err)
{
    rd_kafka_conf_t *conf = NULL;
    cdc_rc rc = cdc_properties_new(&conf, CDC_CLIENT_CONSUMER, env, err);
    if (rc == CDC_OK) {
        rd_kafka_conf_destroy(conf);
        rc = cdc_properties_new(&conf, CDC_CLIENT_PRODUCER, env, err);
    }
    return rc == CDC_OK ? cdc_properties_fit(conf, env, err) : rc;
}

#include "client.h"

#include <strings.h>

#include "core/certificate.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"

enum {
    SLICE_MS = 500,           /* blocking calls end that often to look at stop and at errors */
    SCRAM_FIXED = 0x020601ff, /* first librdkafka whose SCRAM nonce Kafka 4 accepts */
};

/* --- callbacks --- */

/* Is it about a broker's certificate? */
static bool cdc_client_theirs(rd_kafka_resp_err_t code, const char *text)
{
    return code == RD_KAFKA_RESP_ERR__SSL && strstr(text, "certificate verify failed") != NULL;
}

static void cdc_client_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    cdc_client *cl = opaque;
    rd_kafka_resp_err_t resp = (rd_kafka_resp_err_t)code;
    (void)rk;
    if (resp == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        if (cl->down_ms == 0) {
            cl->down_ms = cdc_clock_mono_ms();
        }
        return;
    }
    reason = reason != NULL ? reason : "";
    bool refusal = resp == RD_KAFKA_RESP_ERR__AUTHENTICATION || cdc_client_theirs(resp, reason) ||
                   cdc_certificate_is_alert(reason);
    if (cl->refused && !refusal) {
        return; /* the reason to be told is known */
    }
    cl->refused = refusal;
    cl->last = resp;
    snprintf(cl->last_text, sizeof cl->last_text, "%s", reason);
}

/* Notes why the brokers' certificate is not accepted: librdkafka's own text is the same for another
 * name and for another CA. Only looks on: the verdict is OpenSSL's. Threads: the brokers'. */
static int cdc_client_on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *code,
                                     int depth, const char *cert, size_t size, char *reason,
                                     size_t reason_size, void *opaque)
{
    cdc_client *cl = opaque;
    const char *text;
    (void)rk;
    (void)broker;
    (void)id;
    (void)depth;
    (void)cert;
    (void)size;
    if (*code == 0) {
        return 1;
    }
    atomic_store(&cl->certificate, *code);
    (void)cdc_certificate_fault_of(*code, &text);
    snprintf(reason, reason_size, "%s", text);
    return 0;
}

static void cdc_client_on_log(const rd_kafka_t *rk, int level, const char *facility,
                              const char *text)
{
    (void)rk;
    /* One map of properties serves producers and consumers, so each meets some of the other's. */
    if (strcmp(facility, "CONFWARN") == 0 && strstr(text, "will be ignored by this") != NULL) {
        return;
    }
    if (strcmp(facility, "AUTOCREATE") == 0) {
        level = 7; /* brokers before 0.11, and the mock */
    }
    cdc_log_level to = level <= 4 ? CDC_LOG_WARN : level <= 6 ? CDC_LOG_INFO : CDC_LOG_DEBUG;
    CDC_LOG(to, "kafka_client", CDC_STR("facility", facility), CDC_STR("text", text));
}

static void cdc_client_note_delivery(cdc_client *cl, const rd_kafka_message_t *msg)
{
    if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR || msg->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        msg->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
        return;
    }
    size_t bytes = msg->len + msg->key_len;
    if (cl->lost == RD_KAFKA_RESP_ERR_NO_ERROR) {
        cl->lost = msg->err;
        snprintf(cl->lost_topic, sizeof cl->lost_topic, "%s",
                 msg->rkt != NULL ? rd_kafka_topic_name(msg->rkt) : "");
    }
    if (msg->err == cl->lost && bytes > cl->lost_bytes) {
        cl->lost_bytes = bytes;
    }
}

void cdc_client_serve(cdc_client *cl, int timeout_ms)
{
    if (cl->events == NULL) {
        rd_kafka_poll(cl->rk, timeout_ms);
        return;
    }
    rd_kafka_event_t *event = rd_kafka_queue_poll(cl->events, timeout_ms);
    while (event != NULL) {
        const rd_kafka_message_t *msg;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
            cdc_client_on_error(cl->rk, rd_kafka_event_error(event),
                                rd_kafka_event_error_string(event), cl);
        }
        while ((msg = rd_kafka_event_message_next(event)) != NULL) {
            cdc_client_note_delivery(cl, msg);
        }
        rd_kafka_event_destroy(event);
        event = rd_kafka_queue_poll(cl->events, 0);
    }
}

/* --- life --- */

static cdc_rc cdc_client_refused_conf(const cdc_env *env, const char *reason, cdc_error *err)
{
    cdc_error_set(err, CDC_FATAL, "config", "%s: librdkafka refuses the kafka properties: %s",
                  cdc_config_where(env->task->cfg, "kafka"), reason);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

static cdc_rc cdc_client_make(cdc_client *cl, cdc_client_rebalance *rebalance, cdc_error *err)
{
    char reason[512];
    rd_kafka_conf_t *conf = NULL;
    const cdc_env *env = cl->env;
    bool produces = cl->kind == CDC_CLIENT_PRODUCER || cl->kind == CDC_CLIENT_PROBE;
    cdc_rc rc = cdc_properties_new(&conf, cl->kind, env, err);
    if (rc != CDC_OK) {
        return rc;
    }
    rd_kafka_conf_set_opaque(conf, cl);
    rd_kafka_conf_set_error_cb(conf, cdc_client_on_error);
    rd_kafka_conf_set_log_cb(conf, cdc_client_on_log);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, cdc_client_on_certificate);
    if (produces) {
        /* As events: librdkafka's flush and commit then wake up when the last record is
         * acknowledged; with a callback for failures alone they would look only every 10 ms. */
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    }
    if (rebalance != NULL) {
        rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    }
    cl->rk =
        rd_kafka_new(produces ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    if (cl->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return cdc_client_refused_conf(env, reason, err);
    }
    cl->events = produces ? rd_kafka_queue_get_main(cl->rk) : NULL;
    return CDC_OK;
}

cdc_rc cdc_client_init(cdc_client *cl, cdc_client_kind kind, const cdc_env *env, cdc_error *err)
{
    *cl = (cdc_client){.env = env, .kind = kind};
    return cdc_client_make(cl, NULL, err);
}

cdc_rc cdc_client_init_member(cdc_client *cl, const cdc_env *env, cdc_client_rebalance *rebalance,
                              void *owner, cdc_error *err)
{
    *cl = (cdc_client){.env = env, .kind = CDC_CLIENT_MEMBER, .owner = owner};
    return cdc_client_make(cl, rebalance, err);
}

void cdc_client_report(cdc_client *cl, const cdc_offset *offsets, uint32_t n)
{
    if (n == 0) {
        return;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (uint32_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition)->offset =
            offsets[i].next;
    }
    (void)rd_kafka_commit(cl->rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

void cdc_client_fini(cdc_client *cl)
{
    if (cl->events != NULL) {
        rd_kafka_queue_destroy(cl->events);
        cl->events = NULL;
    }
    if (cl->rk != NULL) {
        rd_kafka_set_log_level(cl->rk, 0); /* connections that end now are no news */
        rd_kafka_destroy_flags(cl->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        cl->rk = NULL;
    }
}

/* --- errors --- */

static const char *cdc_client_brokers(const cdc_client *cl)
{
    const char *brokers = cdc_properties_given(cl->env, "bootstrap.servers");
    return brokers != NULL ? brokers : "(no bootstrap.servers)";
}

/* "sasl_ssl://127.0.0.1:9093/bootstrap", with which librdkafka's text begins. */
static int cdc_client_broker_len(const cdc_client *cl)
{
    const char *end = strstr(cl->last_text, ": ");
    return end != NULL ? (int)(end - cl->last_text) : (int)strlen(cl->last_text);
}

static cdc_rc cdc_client_denied_tls(cdc_client *cl, const char *doing, cdc_error *err)
{
    const char *why;
    int broker = cdc_client_broker_len(cl);
    const char *own = cdc_properties_given(cl->env, "ssl.certificate.location");
    if (cdc_certificate_is_alert(cl->last_text)) {
        return cdc_error_set(err, CDC_FATAL, "kafka_tls",
                             "%s: %.*s does not let us in with %s (%s): give "
                             "kafka.ssl.certificate.location and kafka.ssl.key.location of a "
                             "certificate whose CA the brokers trust",
                             doing, broker, cl->last_text,
                             own != NULL ? own : "no certificate of ours", cl->last_text);
    }
    switch (cdc_certificate_fault_of(atomic_load(&cl->certificate), &why)) {
    case CDC_CERTIFICATE_OTHER_NAME:
        return cdc_error_set(err, CDC_FATAL, "kafka_tls",
                             "%s: the certificate of %.*s is for another name (%s): name the "
                             "brokers in kafka.bootstrap.servers and their advertised.listeners as "
                             "it does, or give them one for that name",
                             doing, broker, cl->last_text, why);
    case CDC_CERTIFICATE_OUT_OF_DATE:
        return cdc_error_set(err, CDC_FATAL, "kafka_tls",
                             "%s: the certificate of %.*s is out of date (%s): give the broker a "
                             "new one, or set this host's clock",
                             doing, broker, cl->last_text, why);
    default:
        return cdc_error_set(err, CDC_FATAL, "kafka_tls",
                             "%s: the certificate of %.*s is not trusted (%s): set "
                             "kafka.ssl.ca.location to the file of the CA that has signed it",
                             doing, broker, cl->last_text, why);
    }
}

/* Before 2.6.1 librdkafka's nonce for SCRAM is one that Kafka 4 refuses, in the very words in which
 * it refuses a wrong password. */
static bool cdc_client_scram_trap(const char *mechanism)
{
    return strncasecmp(mechanism, "SCRAM", 5) == 0 && rd_kafka_version() < SCRAM_FIXED;
}

static cdc_rc cdc_client_denied(cdc_client *cl, const char *doing, cdc_error *err)
{
    if (cl->last != RD_KAFKA_RESP_ERR__AUTHENTICATION &&
        (cdc_client_theirs(cl->last, cl->last_text) || cdc_certificate_is_alert(cl->last_text))) {
        return cdc_client_denied_tls(cl, doing, err);
    }
    const char *mechanism = cdc_properties_given(cl->env, "sasl.mechanism");
    if (mechanism == NULL) {
        mechanism = cdc_properties_given(cl->env, "sasl.mechanisms");
    }
    mechanism = mechanism != NULL ? mechanism : "no mechanism";
    const char *user = cdc_properties_given(cl->env, "sasl.username");
    bool trap = cdc_client_scram_trap(mechanism);
    return cdc_error_set(
        err, CDC_FATAL, "kafka_auth",
        "%s: Kafka refuses user %s (SASL %s): %s; check kafka.sasl.username and "
        "kafka.sasl.password%s%s%s",
        doing, user != NULL ? user : "(none)", mechanism, cl->last_text,
        trap ? " (or: librdkafka " : "", trap ? rd_kafka_version_str() : "",
        trap
            ? ", being older than 2.6.1, cannot use SCRAM with Kafka 4 at all: take PLAIN over TLS "
              "or a newer librdkafka)"
            : "");
}

static cdc_rc cdc_client_too_large(cdc_client *cl, const char *doing, cdc_error *err)
{
    long long max = (long long)cdc_config_int(cl->env->task->cfg, "message.max_bytes");
    if (cl->lost != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        return cdc_error_set(err, CDC_FATAL, "message_too_large",
                             "%s: the record is larger than message.max_bytes = %lld allows", doing,
                             max);
    }
    return cdc_error_set(
        err, CDC_FATAL, "message_too_large",
        "%s: the broker refuses a record of up to %zu bytes for topic %s as too large, although "
        "message.max_bytes = %lld allows it: raise the topic's max.message.bytes to that",
        doing, cl->lost_bytes, cl->lost_topic, max);
}

static bool cdc_client_is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* The rights that lack; NULL: it is not about rights. */
static const char *cdc_client_rights(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "DESCRIBE and READ of the topic, a capture also DESCRIBE, READ and WRITE of topic "
               "_sluice_checkpoints, WRITE of the others, and CREATE to make them";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return "READ of the group that has the task's name";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return "CREATE of the topics and, before Kafka 2.8, IDEMPOTENT_WRITE of the cluster";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return "DESCRIBE and WRITE of the transactional id that has the task's name";
    default:
        return NULL;
    }
}

/* Settings that the brokers do not take: a human must act. */
static bool cdc_client_refused_setting(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__NOT_CONFIGURED:
        return true;
    default:
        return false;
    }
}

cdc_rc cdc_client_fail(cdc_client *cl, rd_kafka_resp_err_t code, const char *reason,
                       const char *doing, cdc_error *err)
{
    char fatal_text[256];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(cl->rk, fatal_text, sizeof fatal_text);
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = fatal;
        reason = fatal_text;
    }
    if (cdc_client_is_fenced(code)) {
        return cdc_error_set(
            err, CDC_FATAL, "kafka_fenced",
            "%s: a newer process has taken the transactional id %s, or Kafka has ended the "
            "transaction of this one at transaction.timeout.ms: %s",
            doing, cl->env->task->name, reason);
    }
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
        cl->lost == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        return cdc_client_too_large(cl, doing, err);
    }
    if (cl->refused || code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
        code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        return cdc_client_denied(cl, doing, err);
    }
    const char *rights = cdc_client_rights(code);
    if (rights != NULL) {
        return cdc_error_set(err, CDC_FATAL, "kafka_not_authorized",
                             "%s: %s; the account needs %s: `sluice precheck` prints the "
                             "kafka-acls.sh lines",
                             doing, reason, rights);
    }
    if (cdc_client_refused_setting(code)) {
        return cdc_error_set(err, CDC_FATAL, "kafka_refused", "%s: %s (%s)", doing, reason,
                             rd_kafka_err2name(code));
    }
    return cdc_error_set(err, CDC_RETRY, "kafka", "%s: %s (%s)%s%s", doing, reason,
                         rd_kafka_err2name(code), cl->last_text[0] != '\0' ? "; last seen: " : "",
                         cl->last_text);
}

cdc_rc cdc_client_fail_take(cdc_client *cl, rd_kafka_error_t *error, const char *doing,
                            cdc_error *err)
{
    cdc_rc rc =
        cdc_client_fail(cl, rd_kafka_error_code(error), rd_kafka_error_string(error), doing, err);
    rd_kafka_error_destroy(error);
    return rc;
}

cdc_rc cdc_client_unreachable(cdc_client *cl, const char *doing, cdc_error *err)
{
    if (cl->refused) {
        return cdc_client_denied(cl, doing, err);
    }
    return cdc_error_set(err, CDC_RETRY, "kafka_unreachable", "%s: no answer from Kafka at %s%s%s",
                         doing, cdc_client_brokers(cl), cl->last_text[0] != '\0' ? ": " : "",
                         cl->last_text);
}

/* --- metadata --- */

bool cdc_client_passing(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return true;
    default:
        return false;
    }
}

bool cdc_client_unsettled(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
        return true;
    default:
        return cdc_client_passing(code);
    }
}

static void cdc_client_count(const rd_kafka_metadata_topic_t *md, int32_t *out, bool *leaders)
{
    *out = md->partition_cnt;
    for (int i = 0; leaders != NULL && i < md->partition_cnt; i++) {
        *leaders = *leaders && md->partitions[i].leader >= 0;
    }
}

static rd_kafka_resp_err_t cdc_client_ask(cdc_client *cl, rd_kafka_topic_t *rkt, int timeout_ms,
                                          int32_t *out, bool *leaders)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(cl->rk, 0, rkt, &md, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return code;
    }
    code = md->topic_cnt > 0 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        cdc_client_count(&md->topics[0], out, leaders);
    } else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_metadata_destroy(md);
    return code;
}

cdc_rc cdc_client_partitions(cdc_client *cl, const char *topic, int timeout_ms, int32_t *out,
                             bool *leaders, cdc_error *err)
{
    char doing[320];
    int64_t deadline = cdc_clock_mono_ms() + timeout_ms;
    rd_kafka_resp_err_t code;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(cl->rk, topic, NULL);
    snprintf(doing, sizeof doing, "topic %s: asking for its partitions", topic);
    if (rkt == NULL) {
        return cdc_client_fail(cl, rd_kafka_last_error(), rd_kafka_err2str(rd_kafka_last_error()),
                               doing, err);
    }
    do {
        *out = 0;
        if (leaders != NULL) {
            *leaders = true;
        }
        code = cdc_client_ask(cl, rkt, SLICE_MS, out, leaders);
        cdc_client_serve(cl, 0); /* the error callback may know why */
    } while (cdc_client_passing(code) && !cl->refused && !cdc_stop_requested() &&
             cdc_clock_mono_ms() < deadline);
    rd_kafka_topic_destroy(rkt);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return CDC_OK;
    }
    return cdc_client_passing(code) ? cdc_client_unreachable(cl, doing, err)
                                    : cdc_client_fail(cl, code, rd_kafka_err2str(code), doing, err);
}

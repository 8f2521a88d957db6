#include "precheck.h"

#include <strings.h>

#include "admin_client.h"
#include "checkpoint.h"
#include "producer.h"
#include "rights.h"
#include "router_names.h"

enum {
    ANSWER_MS = 5000,
    METADATA_MS = 4000,
    RETENTION_MS = 86400000,
    BROKERS_FOR_REPLICAS = 3,
    TESTED_VERSION = 201, /* 2.1 */
    TRANSACTIONS_VERSION = 11,
};

typedef struct cdc_kafka_check {
    const cdc_env *env;
    cdc_checklist *list;
    cdc_client client;
    cdc_rights rights;
    const char *brokers; /* bootstrap.servers */
    int nbrokers;
    int32_t broker;     /* one of them */
    bool unseen;        /* there is a topic that the account may not even see */
    int64_t min_insync; /* of topics that do not say otherwise; 0: not known */
    int64_t bytes;      /* the source's rows */
} cdc_kafka_check;

/* What is found of one topic. */
typedef struct cdc_topic_check {
    const char *name;
    const char *prefix; /* rights are for all topics whose names begin so; NULL: for this one */
    const char *place;  /* of `partitions` in the task file: "topics.rules[2]" */
    int32_t wanted;     /* partitions */
    bool counts;        /* another number is a fault */
    cdc_topic_kind kind;
    bool ours;     /* we make it when it is missing; else another task does */
    bool optional; /* it may be missing */
} cdc_topic_check;

static void cdc_kafka_pass(cdc_kafka_check *kc, const char *item, const char *reason)
{
    if (!cdc_checklist_has(kc->list, item)) {
        cdc_checklist_add(kc->list, item, CDC_CHECK_PASS, kc->brokers, "%s", reason);
    }
}

static void cdc_kafka_configs_cure(cdc_kafka_check *kc, const char *topic, const char *name,
                                   const char *value)
{
    cdc_checklist_cure(kc->list,
                       "kafka-configs.sh %s --alter --entity-type topics --entity-name %s "
                       "--add-config %s=%s",
                       kc->rights.servers, topic, name, value);
}

static bool cdc_kafka_is_denied(const cdc_error *why)
{
    return strcmp(why->code, "kafka_not_authorized") == 0;
}

/* --- brokers --- */

static cdc_rc cdc_kafka_reach(cdc_kafka_check *kc)
{
    const struct rd_kafka_metadata *md = NULL;
    int32_t partitions = 0;
    cdc_error why;
    cdc_error_clear(&why);
    cdc_rc rc = cdc_client_partitions(&kc->client, CDC_CHECKPOINT_TOPIC, METADATA_MS, &partitions,
                                      NULL, &why);
    if (rc == CDC_OK || cdc_kafka_is_denied(&why)) {
        rd_kafka_resp_err_t code = rd_kafka_metadata(kc->client.rk, 0, NULL, &md, ANSWER_MS);
        rc = code == RD_KAFKA_RESP_ERR_NO_ERROR
                 ? CDC_OK
                 : cdc_client_fail(&kc->client, code, rd_kafka_err2str(code), "asking for brokers",
                                   &why);
    }
    if (rc != CDC_OK) {
        cdc_checklist_error(kc->list, "kafka_connect", kc->brokers, &why);
        return rc;
    }
    kc->nbrokers = md->broker_cnt;
    kc->broker = md->broker_cnt > 0 ? md->brokers[0].id : 0;
    rd_kafka_metadata_destroy(md);
    cdc_checklist_add(kc->list, "kafka_connect", CDC_CHECK_PASS, kc->brokers, "%d broker%s",
                      kc->nbrokers, kc->nbrokers == 1 ? "" : "s");
    return CDC_OK;
}

static void cdc_kafka_check_version(cdc_kafka_check *kc)
{
    char id[16];
    char *rest = NULL;
    cdc_settings settings;
    snprintf(id, sizeof id, "%d", (int)kc->broker);
    cdc_admin_settings(&kc->client, RD_KAFKA_RESOURCE_BROKER, id, ANSWER_MS, &settings);
    kc->min_insync = settings.min_insync;
    long major = strtol(settings.protocol, &rest, 10);
    long version = 100 * major + (*rest == '.' ? strtol(rest + 1, NULL, 10) : 0);
    bool told = settings.protocol[0] != '\0';
    cdc_check_status status = told && version < TRANSACTIONS_VERSION ? CDC_CHECK_FAIL
                              : told && version < TESTED_VERSION     ? CDC_CHECK_WARN
                                                                     : CDC_CHECK_PASS;
    cdc_checklist_add(kc->list, "kafka_version", status, kc->brokers,
                      told ? "the brokers' protocol is %s"
                           : "the brokers do not tell their version%s",
                      settings.protocol);
    if (status != CDC_CHECK_PASS) {
        cdc_checklist_cure(kc->list, "brokers of version 2.1 or later");
    }
}

/* --- rights --- */

static void cdc_kafka_lack(cdc_kafka_check *kc, const cdc_topic_check *topic, unsigned operations)
{
    cdc_rights_lack(&kc->rights, topic->prefix != NULL ? CDC_RIGHT_ON_PREFIX : CDC_RIGHT_ON_TOPIC,
                    topic->prefix != NULL ? topic->prefix : topic->name, operations);
}

/* What the task's account must be able to do with the topic; with CREATE if it may be missing. */
static unsigned cdc_kafka_needs(const cdc_kafka_check *kc, const cdc_topic_check *topic)
{
    const cdc_task *task = kc->env->task;
    bool writes = task->source_type != NULL && topic->ours;
    bool reads = task->target_type != NULL || topic->kind == CDC_TOPIC_COMPACTED;
    bool makes = writes && cdc_config_bool(task->cfg, "topics.create");
    return CDC_RIGHT_DESCRIBE_CONFIGS | (writes ? CDC_RIGHT_WRITE : 0U) |
           (reads ? CDC_RIGHT_READ : 0U) | (makes ? CDC_RIGHT_CREATE : 0U);
}

/* The group of an applier, which reports there how far it is. */
static void cdc_kafka_check_group(cdc_kafka_check *kc)
{
    const cdc_task *task = kc->env->task;
    const char *group = cdc_properties_given(kc->env, "group.id");
    if (task->target_type != NULL && cdc_rights_lack_group(&kc->rights, task->name)) {
        cdc_rights_lack(&kc->rights, CDC_RIGHT_ON_GROUP, group != NULL ? group : task->name,
                        CDC_RIGHT_READ);
    }
}

static void cdc_kafka_check_rights(cdc_kafka_check *kc)
{
    char text[700];
    cdc_rights_report(&kc->rights, kc->list);
    snprintf(text, sizeof text, "%s may do what the task needs", kc->rights.principal);
    cdc_kafka_pass(kc, "kafka_rights",
                   kc->rights.enforced ? text : "the brokers look at nobody's rights");
}

/* --- a topic that is there --- */

static void cdc_kafka_check_count(cdc_kafka_check *kc, const cdc_topic_check *topic, int32_t found)
{
    bool barrier = strcmp(cdc_config_str(kc->env->task->cfg, "topics.repartition"), "barrier") == 0;
    if (!topic->counts || found == topic->wanted || barrier) {
        return;
    }
    cdc_checklist_add(kc->list, "kafka_topics", CDC_CHECK_FAIL, topic->name,
                      "it has %d partitions, and %s.partitions is %d: another number sends a "
                      "key to another partition",
                      (int)found, topic->place, (int)topic->wanted);
    if (found < topic->wanted) {
        cdc_checklist_cure(kc->list,
                           "%s.partitions: %d; or, before its first message: kafka-topics.sh "
                           "%s --alter --topic %s --partitions %d",
                           topic->place, (int)found, kc->rights.servers, topic->name,
                           (int)topic->wanted);
    } else {
        cdc_checklist_cure(kc->list, "%s.partitions: %d", topic->place, (int)found);
    }
}

static void cdc_kafka_check_policy(cdc_kafka_check *kc, const cdc_topic_check *topic,
                                   const cdc_settings *settings)
{
    if (topic->kind == CDC_TOPIC_COMPACTED && (!settings->compacted || settings->deleted)) {
        cdc_checklist_add(kc->list, "kafka_checkpoints", CDC_CHECK_FAIL, topic->name,
                          "its cleanup.policy deletes: a task that stands still for long would "
                          "forget where it was");
        cdc_kafka_configs_cure(kc, topic->name, "cleanup.policy", "compact");
    }
    const char *cleanup = cdc_config_str(kc->env->task->cfg, "topics.cleanup_policy");
    bool wanted = topic->kind == CDC_TOPIC_RECORDS && strncmp(cleanup, "compact", 7) == 0;
    if (topic->kind != CDC_TOPIC_COMPACTED && settings->compacted && !wanted) {
        cdc_checklist_add(kc->list, "kafka_cleanup_policy", CDC_CHECK_FAIL, topic->name,
                          "its cleanup.policy is compact: it forgets all changes of a row but the "
                          "last");
        cdc_kafka_configs_cure(kc, topic->name, "cleanup.policy", "delete");
    }
}

static void cdc_kafka_check_retention(cdc_kafka_check *kc, const cdc_topic_check *topic,
                                      const cdc_settings *settings)
{
    char value[32];
    bool copies = kc->env->task->phase_full;
    if (settings->retention_ms > 0 && settings->retention_ms < RETENTION_MS) {
        cdc_checklist_add(kc->list, "kafka_retention", CDC_CHECK_WARN, topic->name,
                          "its retention.ms is %lld: what is not applied after that, during a full "
                          "copy for example, is lost",
                          (long long)settings->retention_ms);
        snprintf(value, sizeof value, "%d", RETENTION_MS);
        cdc_kafka_configs_cure(kc, topic->name, "retention.ms", value);
    }
    if (copies && settings->retention_bytes > 0 && settings->retention_bytes < kc->bytes) {
        cdc_checklist_add(
            kc->list, "kafka_retention", CDC_CHECK_WARN, topic->name,
            "its retention.bytes is %lld for a partition, and the full copy has about "
            "%lld",
            (long long)settings->retention_bytes, (long long)kc->bytes);
        cdc_kafka_configs_cure(kc, topic->name, "retention.bytes", "-1");
    }
}

/* What the task says of topics that it makes, and this one is there already. */
static void cdc_kafka_check_plan(cdc_kafka_check *kc, const cdc_topic_check *topic,
                                 const cdc_settings *settings)
{
    cdc_topic_setting plan[CDC_TOPIC_SETTINGS_MAX];
    int replicas = cdc_admin_replicas(kc->env, topic->kind, kc->nbrokers);
    size_t n = cdc_admin_plan(kc->env, topic->kind, replicas, plan);
    for (size_t i = 0; i < n; i++) {
        const char *value = plan[i].value;
        bool cleanup = strcmp(plan[i].name, "cleanup.policy") == 0;
        bool ms = strcmp(plan[i].name, "retention.ms") == 0;
        bool bytes = strcmp(plan[i].name, "retention.bytes") == 0;
        long long number = strtoll(value, NULL, 10);
        bool equal = cleanup ? (strstr(value, "compact") != NULL) == settings->compacted &&
                                   (strstr(value, "delete") != NULL) == settings->deleted
                     : ms    ? settings->retention_ms == number
                     : bytes ? settings->retention_bytes == number
                             : true;
        if (!equal) {
            cdc_checklist_add(kc->list, cleanup ? "kafka_cleanup_policy" : "kafka_retention",
                              CDC_CHECK_WARN, topic->name,
                              "its %s is not %s, as topics says for those that sluice creates: "
                              "topics that are there stay as they are",
                              plan[i].name, value);
            cdc_kafka_configs_cure(kc, topic->name, plan[i].name, value);
        }
    }
}

static void cdc_kafka_check_size(cdc_kafka_check *kc, const cdc_topic_check *topic,
                                 const cdc_settings *settings)
{
    char value[32];
    int64_t wanted = cdc_config_int(kc->env->task->cfg, "message.max_bytes");
    if (settings->max_message_bytes > 0 && settings->max_message_bytes < wanted) {
        cdc_checklist_add(
            kc->list, "kafka_message_size", CDC_CHECK_WARN, topic->name,
            "its max.message.bytes is %lld, below message.max_bytes = %lld: a message "
            "between the two stops the task",
            (long long)settings->max_message_bytes, (long long)wanted);
        snprintf(value, sizeof value, "%lld", (long long)wanted + 65536);
        cdc_kafka_configs_cure(kc, topic->name, "max.message.bytes", value);
    }
}

static int cdc_kafka_replicas(cdc_kafka_check *kc, const char *name)
{
    const struct rd_kafka_metadata *md = NULL;
    int replicas = 0;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(kc->client.rk, name, NULL);
    if (rkt == NULL) {
        return 0;
    }
    if (rd_kafka_metadata(kc->client.rk, 0, rkt, &md, ANSWER_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (md->topic_cnt > 0 && md->topics[0].partition_cnt > 0) {
            replicas = md->topics[0].partitions[0].replica_cnt;
        }
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_topic_destroy(rkt);
    return replicas;
}

/* A topic that is there is mended at the brokers, one that is to be made by the task file. */
static void cdc_kafka_replicas_cure(cdc_kafka_check *kc, bool there, int replicas)
{
    cdc_checklist_cure(kc->list, "topics.replication_factor: %d%s", replicas,
                       there ? ", and for the topic that is there: kafka-reassign-partitions.sh"
                             : "");
}

static void cdc_kafka_check_insync(cdc_kafka_check *kc, const char *name, bool there, int replicas,
                                   int64_t min_insync)
{
    char value[16];
    if (min_insync > replicas) {
        cdc_checklist_add(kc->list, "kafka_replication", CDC_CHECK_FAIL, name,
                          "its min.insync.replicas is %lld, and it has %d: with acks all nothing "
                          "can be written",
                          (long long)min_insync, replicas);
        snprintf(value, sizeof value, "%d", replicas > 1 ? replicas - 1 : 1);
        if (there) {
            cdc_kafka_configs_cure(kc, name, "min.insync.replicas", value);
        } else {
            cdc_kafka_replicas_cure(kc, there, (int)min_insync + 1);
        }
    } else if (replicas > 1 && min_insync == replicas) {
        cdc_checklist_add(kc->list, "kafka_replication", CDC_CHECK_WARN, name,
                          "its min.insync.replicas is %lld of %d replicas: while one broker is "
                          "away nothing can be written",
                          (long long)min_insync, replicas);
        cdc_kafka_replicas_cure(kc, there, replicas + 1);
    } else if (there && replicas >= BROKERS_FOR_REPLICAS && min_insync == 1) {
        cdc_checklist_add(kc->list, "kafka_replication", CDC_CHECK_WARN, name,
                          "its min.insync.replicas is 1: what one broker alone has acknowledged is "
                          "lost with it");
        cdc_kafka_configs_cure(kc, name, "min.insync.replicas", "2");
    }
}

/* min_insync 0: not known; of a topic that is not there it is what it would get. */
static void cdc_kafka_check_replicas(cdc_kafka_check *kc, const char *name, bool there,
                                     int replicas, int64_t min_insync)
{
    if (replicas > 0) {
        cdc_kafka_check_insync(kc, name, there, replicas, min_insync);
    }
    if (replicas == 1 && kc->nbrokers >= BROKERS_FOR_REPLICAS) {
        cdc_checklist_add(kc->list, "kafka_replication", CDC_CHECK_WARN, name,
                          "one replica of %d brokers: it is away with its broker", kc->nbrokers);
        cdc_kafka_replicas_cure(kc, there, BROKERS_FOR_REPLICAS);
    }
}

static void cdc_kafka_check_existing(cdc_kafka_check *kc, const cdc_topic_check *topic,
                                     int32_t partitions)
{
    cdc_settings settings;
    cdc_kafka_check_count(kc, topic, partitions);
    cdc_kafka_lack(kc, topic,
                   cdc_rights_try_topic(&kc->rights, topic->name, cdc_kafka_needs(kc, topic)));
    cdc_admin_settings(&kc->client, RD_KAFKA_RESOURCE_TOPIC, topic->name, ANSWER_MS, &settings);
    if (!settings.known) {
        cdc_kafka_lack(kc, topic, CDC_RIGHT_DESCRIBE_CONFIGS);
        return;
    }
    cdc_kafka_check_policy(kc, topic, &settings);
    if (topic->kind != CDC_TOPIC_COMPACTED) {
        cdc_kafka_check_retention(kc, topic, &settings);
        cdc_kafka_check_size(kc, topic, &settings);
    }
    if (topic->ours && topic->kind != CDC_TOPIC_COMPACTED) {
        cdc_kafka_check_plan(kc, topic, &settings);
    }
    cdc_kafka_check_replicas(kc, topic->name, true, cdc_kafka_replicas(kc, topic->name),
                             settings.min_insync);
}

/* --- a topic that is not --- */

/* Of a topic that is to be made. */
static int64_t cdc_kafka_planned_insync(const cdc_kafka_check *kc, cdc_topic_kind kind,
                                        int replicas)
{
    cdc_topic_setting plan[CDC_TOPIC_SETTINGS_MAX];
    size_t n = cdc_admin_plan(kc->env, kind, replicas, plan);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(plan[i].name, "min.insync.replicas") == 0) {
            return strtoll(plan[i].value, NULL, 10);
        }
    }
    return kc->min_insync;
}

static void cdc_kafka_check_missing(cdc_kafka_check *kc, const cdc_topic_check *topic)
{
    const cdc_config *cfg = kc->env->task->cfg;
    int replicas = cdc_admin_replicas(kc->env, topic->kind, kc->nbrokers);
    cdc_settings settings;
    cdc_error why;
    cdc_error_clear(&why);
    cdc_admin_settings(&kc->client, RD_KAFKA_RESOURCE_TOPIC, topic->name, ANSWER_MS, &settings);
    if (settings.denied) {
        cdc_kafka_lack(kc, topic, CDC_RIGHT_DESCRIBE_CONFIGS);
    }
    if (topic->optional) {
        return;
    }
    if (!topic->ours || !cdc_config_bool(cfg, "topics.create")) {
        cdc_checklist_add(kc->list, "kafka_topics", CDC_CHECK_FAIL, topic->name,
                          "it does not exist%s",
                          topic->ours ? ", and topics.create is false"
                                      : ", and a task without a source makes none");
        cdc_checklist_cure(kc->list,
                           "kafka-topics.sh %s --create --topic %s --partitions %d "
                           "--replication-factor %d%s",
                           kc->rights.servers, topic->name, (int)topic->wanted, replicas,
                           topic->kind == CDC_TOPIC_COMPACTED ? " --config cleanup.policy=compact"
                                                              : "");
        return;
    }
    if (cdc_admin_try_creation(&kc->client, topic->name, topic->wanted, topic->kind, &why) !=
        CDC_OK) {
        if (cdc_kafka_is_denied(&why)) {
            cdc_kafka_lack(kc, topic, CDC_RIGHT_CREATE);
            return;
        }
        cdc_checklist_error(kc->list, "kafka_topics", topic->name, &why);
        if (replicas > kc->nbrokers) {
            cdc_checklist_cure(kc->list, "topics.replication_factor: %d, or more brokers",
                               kc->nbrokers);
        }
        return;
    }
    cdc_kafka_check_replicas(kc, topic->name, false, replicas,
                             cdc_kafka_planned_insync(kc, topic->kind, replicas));
}

static void cdc_kafka_check_topic(cdc_kafka_check *kc, const cdc_topic_check *topic)
{
    int32_t partitions = 0;
    cdc_error why;
    cdc_error_clear(&why);
    cdc_rc rc =
        cdc_client_partitions(&kc->client, topic->name, METADATA_MS, &partitions, NULL, &why);
    if (rc != CDC_OK && cdc_kafka_is_denied(&why)) {
        cdc_kafka_lack(kc, topic, cdc_kafka_needs(kc, topic)); /* it has none of them */
        kc->unseen = true;
    } else if (rc != CDC_OK) {
        cdc_checklist_error(
            kc->list, topic->kind == CDC_TOPIC_COMPACTED ? "kafka_checkpoints" : "kafka_topics",
            topic->name, &why);
    } else if (partitions > 0) {
        cdc_kafka_check_existing(kc, topic, partitions);
    } else {
        cdc_kafka_check_missing(kc, topic);
    }
}

/* --- which topics --- */

/* What the names of a template's topics have in common: all that stands before {table}, or the
 * whole name where it has none, for one database. "": nothing. */
static cdc_rc cdc_kafka_prefix(const cdc_kafka_check *kc, const char *pattern, const char *database,
                               cdc_buffer *out, cdc_error *err)
{
    const char *cut = strstr(pattern, "{table}");
    cdc_buffer head;
    cdc_buffer_init(&head, 4096);
    cdc_buffer_add(&head, pattern, cut != NULL ? (size_t)(cut - pattern) : 0);
    cdc_rc rc = head.len > 0 ? cdc_router_expand(cdc_buffer_cstr(&head), kc->env->task->name,
                                                 database, "", out, err)
                             : CDC_OK;
    cdc_buffer_fini(&head);
    return rc;
}

/* The topic of one of the catalog's tables, unless it is among those done: "\nname\nname\n". */
static cdc_rc cdc_kafka_check_table(cdc_kafka_check *kc, const cdc_catalog_table *tbl,
                                    cdc_buffer *done, cdc_error *err)
{
    const cdc_task *task = kc->env->task;
    const cdc_topic_rule *rule = cdc_topic_rules_find(&task->topics, tbl->database, tbl->name);
    cdc_buffer name;
    cdc_buffer prefix;
    char line[300];
    cdc_buffer_init(&name, 4096);
    cdc_buffer_init(&prefix, 4096);
    cdc_rc rc = cdc_router_expand(rule->topic, task->name, tbl->database, tbl->name, &name, err);
    if (rc == CDC_OK) {
        rc = cdc_kafka_prefix(kc, rule->topic, tbl->database, &prefix, err);
    }
    if (rc == CDC_FATAL) { /* too long for Kafka */
        cdc_checklist_error(kc->list, "kafka_topics", tbl->name, err);
        rc = CDC_OK;
    } else if (rc == CDC_OK) {
        snprintf(line, sizeof line, "\n%s\n", cdc_buffer_cstr(&name));
        if (strstr(cdc_buffer_cstr(done), line) == NULL) {
            cdc_topic_check topic = {.name = cdc_buffer_cstr(&name),
                                     .prefix = prefix.len > 0 ? cdc_buffer_cstr(&prefix) : NULL,
                                     .place = rule->place,
                                     .wanted = rule->partitions,
                                     .counts = rule->policy != CDC_POLICY_SINGLE,
                                     .ours = true};
            cdc_kafka_check_topic(kc, &topic);
            cdc_buffer_add_str(done, line + 1);
        }
    }
    cdc_buffer_fini(&name);
    cdc_buffer_fini(&prefix);
    return rc;
}

/* Two tables whose names become one. */
static void cdc_kafka_check_shared(cdc_kafka_check *kc, cdc_arena *ar)
{
    cdc_topic_names names;
    cdc_error why;
    cdc_error_clear(&why);
    if (cdc_router_topics_of(kc->env->task, &kc->list->catalog, ar, &names, &why) != CDC_OK &&
        strcmp(why.code, "topic_shared") == 0) {
        cdc_checklist_error(kc->list, "kafka_topics", "topics.rules", &why);
    }
}

static cdc_rc cdc_kafka_check_by_table(cdc_kafka_check *kc, cdc_arena *ar, cdc_error *err)
{
    const cdc_catalog *cat = &kc->list->catalog;
    cdc_buffer done;
    cdc_rc rc = CDC_OK;
    cdc_kafka_check_shared(kc, ar);
    cdc_buffer_init(&done, 64 * 1024 * 1024);
    cdc_buffer_add_char(&done, '\n');
    for (size_t i = 0; rc == CDC_OK && i < cat->ntables; i++) {
        rc = cdc_kafka_check_table(kc, &cat->tables[i], &done, err);
    }
    cdc_buffer_fini(&done);
    return rc;
}

static void cdc_kafka_check_data(cdc_kafka_check *kc, const cdc_topic_names *names)
{
    bool source = kc->env->task->source_type != NULL;
    for (size_t i = 0; i < names->ndata; i++) {
        cdc_topic_check data = {.name = names->data[i],
                                .place = names->places[i],
                                .wanted = names->partitions[i],
                                .counts = source && names->hashed[i],
                                .ours = source};
        cdc_kafka_check_topic(kc, &data);
    }
    for (size_t i = 0; i < names->nddl; i++) {
        cdc_topic_check own = {.name = names->ddl[i],
                               .wanted = 1,
                               .kind = CDC_TOPIC_DDL,
                               .ours = source,
                               .optional = !source};
        cdc_kafka_check_topic(kc, &own);
    }
}

static cdc_rc cdc_kafka_check_side(cdc_kafka_check *kc, cdc_arena *ar, cdc_error *err)
{
    const char *name = NULL;
    cdc_rc rc = cdc_router_side_topic(kc->env->task, ar, &name, err);
    if (rc == CDC_OK && name[0] != '\0') {
        cdc_topic_check side = {.name = name,
                                .wanted = 1,
                                .kind = CDC_TOPIC_SIDE,
                                .ours = kc->env->task->source_type != NULL};
        cdc_kafka_check_topic(kc, &side);
    }
    return rc;
}

static cdc_rc cdc_kafka_check_transaction_records(cdc_kafka_check *kc, cdc_arena *ar,
                                                  cdc_error *err)
{
    const char *name = NULL;
    cdc_rc rc = cdc_router_transactions_topic(kc->env->task, ar, &name, err);
    if (rc == CDC_OK && name[0] != '\0') {
        cdc_topic_check own = {.name = name,
                               .wanted = 1,
                               .kind = CDC_TOPIC_TRANSACTIONS,
                               .ours = kc->env->task->source_type != NULL};
        cdc_kafka_check_topic(kc, &own);
    }
    return rc;
}

/* The DDL topic beside topics by table. */
static cdc_rc cdc_kafka_check_statements(cdc_kafka_check *kc, cdc_error *err)
{
    const cdc_task *task = kc->env->task;
    const char *pattern = cdc_config_str(task->cfg, "topics.ddl");
    bool apart = pattern != NULL && pattern[0] != '\0' && !task->commands;
    cdc_buffer name;
    cdc_buffer_init(&name, 4096);
    cdc_rc rc = apart ? cdc_router_topic_of(task, NULL, NULL, &name, err) : CDC_OK;
    if (rc == CDC_OK && name.len > 0) {
        cdc_topic_check own = {
            .name = cdc_buffer_cstr(&name), .wanted = 1, .kind = CDC_TOPIC_DDL, .ours = true};
        cdc_kafka_check_topic(kc, &own);
    }
    cdc_buffer_fini(&name);
    return rc;
}

static cdc_rc cdc_kafka_check_topics(cdc_kafka_check *kc, cdc_arena *ar, cdc_error *err)
{
    const cdc_task *task = kc->env->task;
    bool source = task->source_type != NULL;
    cdc_topic_names names = {.ndata = 0};
    if (source) {
        cdc_topic_check own = {.name = CDC_CHECKPOINT_TOPIC,
                               .wanted = CDC_CHECKPOINT_PARTITIONS,
                               .kind = CDC_TOPIC_COMPACTED,
                               .ours = true};
        cdc_kafka_check_topic(kc, &own);
    }
    if (source && cdc_topic_rules_by_table(&task->topics) != NULL) {
        cdc_rc rc = cdc_kafka_check_by_table(kc, ar, err);
        rc = rc == CDC_OK ? cdc_kafka_check_statements(kc, err) : rc;
        rc = rc == CDC_OK ? cdc_kafka_check_side(kc, ar, err) : rc;
        return rc == CDC_OK ? cdc_kafka_check_transaction_records(kc, ar, err) : rc;
    }
    cdc_rc rc = cdc_router_topics(task, ar, &names, err);
    if (rc == CDC_OK) {
        cdc_kafka_check_data(kc, &names);
        rc = cdc_kafka_check_side(kc, ar, err);
    }
    return rc == CDC_OK ? cdc_kafka_check_transaction_records(kc, ar, err) : rc;
}

/* --- columns that are hashed --- */

/* The catalog has no columns that objects.tables leaves out. */
static bool cdc_kafka_has_column(const cdc_catalog_table *tbl, const char *name)
{
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        if (strcasecmp(tbl->cols[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void cdc_kafka_check_columns(cdc_kafka_check *kc)
{
    const cdc_env *env = kc->env;
    const cdc_catalog *cat = &kc->list->catalog;
    for (size_t t = 0; t < cat->ntables; t++) {
        const cdc_catalog_table *tbl = &cat->tables[t];
        const cdc_topic_rule *rule =
            cdc_topic_rules_find(&env->task->topics, tbl->database, tbl->name);
        for (size_t i = 0; i < rule->ncolumns; i++) {
            if (!cdc_kafka_has_column(tbl, rule->columns[i])) {
                char object[600];
                snprintf(object, sizeof object, "%s.%s", tbl->database, tbl->name);
                cdc_checklist_add(kc->list, "topic_columns", CDC_CHECK_FAIL, object,
                                  "%s.columns has %s, and the table has no such column, or "
                                  "objects.tables leaves it out",
                                  rule->place, rule->columns[i]);
                cdc_checklist_cure(kc->list, "a rule of its own for %s in topics.rules", object);
            }
        }
    }
    cdc_kafka_pass(kc, "topic_columns", "every table has the columns that are hashed");
}

/* --- transactions --- */

/* unread: the checkpoints cannot be read, so the task may run elsewhere, and trying would end that:
 * the right is named, lacking or not, where the account cannot write them either. */
static void cdc_kafka_lack_transactions(cdc_kafka_check *kc, bool unread)
{
    unsigned lacks = cdc_rights_lacking(&kc->rights, CDC_RIGHT_ON_TOPIC, CDC_CHECKPOINT_TOPIC);
    if (kc->env->task->exactly_once && (!unread || (lacks & CDC_RIGHT_WRITE) != 0)) {
        cdc_rights_lack(&kc->rights, CDC_RIGHT_ON_TRANSACTIONAL_ID, kc->env->task->name,
                        CDC_RIGHT_WRITE);
    }
}

static void cdc_kafka_check_transactions(cdc_kafka_check *kc, cdc_arena *ar)
{
    const cdc_env *env = kc->env;
    cdc_checkpoint checkpoint;
    cdc_error why;
    cdc_error_clear(&why);
    if (env->task->source_type == NULL) {
        return;
    }
    cdc_rc rc = cdc_checkpoint_read(env, ar, &checkpoint, &why);
    if (rc == CDC_OK) {
        cdc_kafka_pass(kc, "kafka_transactions",
                       "the task has begun: its transactional id was used before");
        return;
    }
    bool unread = rc != CDC_EOF;
    if (!unread) {
        rc = cdc_producer_try(env, &why);
    } else if (!cdc_kafka_is_denied(&why)) {
        cdc_checklist_error(kc->list, "kafka_checkpoints", CDC_CHECKPOINT_TOPIC, &why);
        return;
    }
    if (rc != CDC_OK && cdc_kafka_is_denied(&why)) {
        cdc_kafka_lack_transactions(kc, unread);
        return;
    }
    if (rc != CDC_OK) {
        cdc_checklist_error(kc->list, "kafka_transactions", env->task->name, &why);
        return;
    }
    cdc_kafka_pass(kc, "kafka_transactions",
                   env->task->exactly_once ? "the task's transactional id can be used"
                                           : "delivery is at-least-once, without transactions");
}

static cdc_rc cdc_kafka_check_all(cdc_kafka_check *kc, cdc_arena *ar, cdc_error *err)
{
    cdc_kafka_check_version(kc);
    cdc_rc rc = cdc_kafka_check_topics(kc, ar, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_kafka_check_columns(kc);
    cdc_kafka_check_transactions(kc, ar);
    cdc_kafka_check_group(kc);
    cdc_kafka_check_rights(kc);
    if (kc->unseen) {
        return CDC_OK;
    }
    if (kc->env->task->source_type != NULL) {
        cdc_kafka_pass(kc, "kafka_checkpoints", "can be read, or made");
    }
    cdc_kafka_pass(kc, "kafka_topics", "every topic is there, or can be made");
    cdc_kafka_pass(kc, "kafka_settings", "the topics' settings can be read");
    cdc_kafka_pass(kc, "kafka_cleanup_policy", "no topic is compacted that should not be");
    cdc_kafka_pass(kc, "kafka_retention", "messages are kept for long enough");
    cdc_kafka_pass(kc, "kafka_message_size", "topics take messages of message.max_bytes");
    cdc_kafka_pass(kc, "kafka_replication", "replicas fit the brokers");
    return CDC_OK;
}

cdc_rc cdc_topics_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err)
{
    cdc_kafka_check kc = {.env = env, .list = list};
    cdc_arena ar;
    const char *brokers = cdc_properties_given(env, "bootstrap.servers");
    kc.brokers = brokers != NULL ? brokers : "(no bootstrap.servers)";
    for (size_t i = 0; i < list->catalog.ntables; i++) {
        kc.bytes += list->catalog.tables[i].bytes;
    }
    cdc_arena_init(&ar, 16 * 1024, 16 * 1024 * 1024);
    cdc_rc rc = cdc_client_init(&kc.client, CDC_CLIENT_TOOL, env, err);
    if (rc == CDC_OK && cdc_kafka_reach(&kc) == CDC_OK) {
        cdc_rights_init(&kc.rights, &kc.client);
        rc = cdc_kafka_check_all(&kc, &ar, err);
        cdc_rights_fini(&kc.rights);
    }
    cdc_client_fini(&kc.client);
    cdc_arena_fini(&ar);
    return rc;
}

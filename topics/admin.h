/* Topics of a task: names, creation, checks. */
#ifndef CDC_ADMIN_H
#define CDC_ADMIN_H

#include "core/plugin.h"

typedef enum cdc_topic_kind {
    CDC_TOPIC_RECORDS,      /* data: takes records of message.max_bytes; topics.cleanup_policy */
    CDC_TOPIC_DDL,          /* the same, never compacted */
    CDC_TOPIC_COMPACTED,    /* checkpoints: small segments, so that a start reads little */
    CDC_TOPIC_SIDE,         /* topics.oversize: takes records of CDC_SIDE_BYTES_MAX */
    CDC_TOPIC_TRANSACTIONS, /* topics.transactions: as DDL */
} cdc_topic_kind;

typedef struct cdc_topic_info {
    const char *name;
    int32_t partitions; /* 0: does not exist */
    int brokers;        /* of the cluster */
    bool compacted;
} cdc_topic_info;

/* A setting of a topic that sluice creates, by Kafka's own name. */
typedef struct cdc_topic_setting {
    const char *name;
    char value[24];
} cdc_topic_setting;

#define CDC_TOPIC_SETTINGS_MAX 6

/* Those that differ from the brokers', by what topics and message say; how many. replicas: of the
 * topic, as cdc_admin_replicas tells. */
size_t cdc_admin_plan(const cdc_env *env, cdc_topic_kind kind, int replicas,
                      cdc_topic_setting settings[CDC_TOPIC_SETTINGS_MAX]);

/* The replicas of a topic that is made while there are so many brokers; only those of the
 * checkpoints depend on them. */
int cdc_admin_replicas(const cdc_env *env, cdc_topic_kind kind, int nbrokers);

/* Makes sure that a topic exists, creating it with `partitions` and topics.replication_factor (that
 * of checkpoints, which all tasks share, with 3 where there are so many brokers) when topics.create
 * is true; FATAL ("topic_missing", exit 3) naming the topic and the command that
 * creates it when false. Existing topics are never changed. Raises a too small max.message.bytes of
 * a topic it creates to what its kind takes. */
cdc_rc cdc_admin_ensure(const cdc_env *env, const char *name, int32_t partitions,
                        cdc_topic_kind kind, cdc_error *err) CDC_MUST_CHECK;
/* Creates it whatever topics.create says (a human has asked for it); one that exists already is
 * fine. */
cdc_rc cdc_admin_create(const cdc_env *env, const char *name, int32_t partitions,
                        cdc_topic_kind kind, cdc_error *err) CDC_MUST_CHECK;
/* Could it be made? The brokers look at rights, policies and replicas, and make nothing. */
cdc_rc cdc_admin_try(const cdc_env *env, const char *name, int32_t partitions, cdc_topic_kind kind,
                     cdc_error *err) CDC_MUST_CHECK;
/* The topic's state; partitions 0 when it does not exist. */
cdc_rc cdc_admin_describe(const cdc_env *env, const char *name, cdc_topic_info *out,
                          cdc_error *err) CDC_MUST_CHECK;

#endif

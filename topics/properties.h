/* Properties of librdkafka for a task: our defaults, then the task file's `kafka:` map by
 * librdkafka's own names, then what exactly-once delivery rests on and no task may change. */
#ifndef CDC_PROPERTIES_H
#define CDC_PROPERTIES_H

#include <librdkafka/rdkafka.h>

#include "core/plugin.h"

typedef enum cdc_client_kind {
    CDC_CLIENT_PRODUCER,
    CDC_CLIENT_CONSUMER,
    CDC_CLIENT_TOOL, /* metadata, admin requests, and reading without a group; never creates a topic
                        by asking */
    CDC_CLIENT_ENDS, /* asks where partitions end, what is not committed included (ends.h) */
    CDC_CLIENT_MEMBER, /* joins the group, fetches nothing (membership.h) */
    CDC_CLIENT_PROBE,  /* sends records that no broker takes, but for one without the right to be
                          sent them (rights.h) */
} cdc_client_kind;

/* The caller owns *out (rd_kafka_new takes it). FATAL with exit code 2 and the place in the task
 * file when librdkafka refuses a property; its nearest known name when there is no such property.
 * No value of a secret is shown. */
cdc_rc cdc_properties_new(rd_kafka_conf_t **out, cdc_client_kind kind, const cdc_env *env,
                          cdc_error *err) CDC_MUST_CHECK;

/* A cdc_reload_check: would they be taken, of a producer and of a consumer? Connects to nobody for
 * longer than it takes to ask. */
cdc_rc cdc_properties_check(const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;

/* What the task says for a property, or NULL. */
const char *cdc_properties_given(const cdc_env *env, const char *name);

/* Limits at which a consumer's queue stops fetching. */
int64_t cdc_properties_queue_kbytes(const cdc_env *env);
int64_t cdc_properties_queue_messages(const cdc_env *env);

#endif

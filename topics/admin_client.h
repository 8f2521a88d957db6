/* admin.h's requests on a handle that is kept open: for the router, which may have to make a
 * thousand topics, and for a precheck. */
#ifndef CDC_ADMIN_CLIENT_H
#define CDC_ADMIN_CLIENT_H

#include "admin.h"
#include "client.h"

/* What brokers say of a topic, or of themselves. Numbers: 0 = not known, -1 = without a limit. */
typedef struct cdc_settings {
    bool known;                /* false: no answer in time, no such topic, or denied */
    bool denied;               /* the right to ask lacks */
    int64_t max_message_bytes; /* max.message.bytes, message.max.bytes */
    bool compacted, deleted;   /* cleanup.policy */
    int64_t retention_ms, retention_bytes;
    int64_t min_insync;         /* min.insync.replicas */
    int64_t max_transaction_ms; /* transaction.max.timeout.ms (broker) */
    char protocol[16];          /* inter.broker.protocol.version (broker); "": newer than 3 */
} cdc_settings;

/* type: RD_KAFKA_RESOURCE_TOPIC, or RD_KAFKA_RESOURCE_BROKER with the broker's id as name. */
void cdc_admin_settings(cdc_client *cl, rd_kafka_ResourceType_t type, const char *name,
                        int timeout_ms, cdc_settings *out);

cdc_rc cdc_admin_ensure_with(cdc_client *cl, const char *name, int32_t partitions,
                             cdc_topic_kind kind, cdc_error *err) CDC_MUST_CHECK;
/* The topic's max.message.bytes; 0 when the brokers do not tell. */
int64_t cdc_admin_record_limit(cdc_client *cl, const char *name);
/* Could the topic be made? The brokers look at rights, policies and replicas, and make nothing. */
cdc_rc cdc_admin_try_creation(cdc_client *cl, const char *name, int32_t partitions,
                              cdc_topic_kind kind, cdc_error *err) CDC_MUST_CHECK;

#endif

/* A librdkafka handle and what it said in the background. Shared by producer, consumer and tools;
 * internal to topics/.
 *
 * The error callback runs in the thread that polls the handle, the log callback in any; both only
 * note or log. */
#ifndef CDC_CLIENT_H
#define CDC_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "core/plugin.h"
#include "properties.h"

typedef struct cdc_client {
    rd_kafka_t *rk;
    const cdc_env *env;
    cdc_client_kind kind;
    void *owner;              /* members: the membership */
    rd_kafka_queue_t *events; /* producers: failed deliveries */
    /* Noted by callbacks; the polling thread's. */
    rd_kafka_resp_err_t last; /* newest connection error, 0 = none */
    char last_text[256];
    bool refused;           /* authentication or certificate: trying again does not help */
    atomic_int certificate; /* the broker's was not accepted: OpenSSL's code; its thread's */
    int64_t down_ms;        /* monotonic time since which all brokers are down, 0 = they are not */
    /* First failed delivery (producers). */
    rd_kafka_resp_err_t lost;
    char lost_topic[256];
    size_t lost_bytes; /* the largest record that failed with it */
} cdc_client;

/* Makes the handle. FATAL when a property is refused. */
cdc_rc cdc_client_init(cdc_client *cl, cdc_client_kind kind, const cdc_env *env,
                       cdc_error *err) CDC_MUST_CHECK;
/* One that joins the task's group. The callback's opaque is the client. */
typedef void cdc_client_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                  rd_kafka_topic_partition_list_t *list, void *opaque);
cdc_rc cdc_client_init_member(cdc_client *cl, const cdc_env *env, cdc_client_rebalance *rebalance,
                              void *owner, cdc_error *err) CDC_MUST_CHECK;
/* Frees it without waiting for brokers. The caller has freed what else it had from the handle. */
void cdc_client_fini(cdc_client *cl);

/* Serves what librdkafka has to tell, waiting up to timeout_ms for it. Not for consumers, whose
 * queue does that. */
void cdc_client_serve(cdc_client *cl, int timeout_ms);

/* Sets err for what librdkafka answered: doing says what was tried ("topic orders: reading its
 * partitions"). FATAL when only a human can mend it, RETRY otherwise. */
cdc_rc cdc_client_fail(cdc_client *cl, rd_kafka_resp_err_t code, const char *reason,
                       const char *doing, cdc_error *err);
/* The same for an error object, which it destroys. */
cdc_rc cdc_client_fail_take(cdc_client *cl, rd_kafka_error_t *error, const char *doing,
                            cdc_error *err);
/* For a request that got no answer: FATAL when the brokers refuse us, RETRY with the newest reason
 * otherwise. */
cdc_rc cdc_client_unreachable(cdc_client *cl, const char *doing, cdc_error *err);

/* Brokers away, a leader being chosen: the same question may be answered in a moment. */
bool cdc_client_passing(rd_kafka_resp_err_t code);

/* Commits offsets to the group without waiting; failures are not told. Any thread. */
void cdc_client_report(cdc_client *cl, const cdc_offset *offsets, uint32_t n);

/* Passing, or brokers of a cluster that do not all know yet of a topic made or a leader chosen a
 * moment ago: for questions about a topic that is there. */
bool cdc_client_unsettled(rd_kafka_resp_err_t code);

/* The topic's partitions, asked from a broker, or 0 when there is no such topic. Waits up to
 * timeout_ms for an answer, less when a stop is requested or the brokers refuse us. leaders (may be
 * NULL): set true when every partition has a leader. */
cdc_rc cdc_client_partitions(cdc_client *cl, const char *topic, int timeout_ms, int32_t *out,
                             bool *leaders, cdc_error *err) CDC_MUST_CHECK;

#endif

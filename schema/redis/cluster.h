/* cdc_redis_cluster: the masters of a cluster and the slots that each has, as one node says
 * (CLUSTER SLOTS).
 *
 * Plain data; masters stand in the order of their first slot. An answer may be out of date a moment
 * later: who sends a command still obeys MOVED and ASK. */
#ifndef CDC_REDIS_CLUSTER_H
#define CDC_REDIS_CLUSTER_H

#include "schema/redis/client.h"
#include "schema/redis/slot.h"

#define CDC_REDIS_MASTERS_MAX 1000
#define CDC_REDIS_NO_MASTER UINT16_MAX

typedef struct cdc_redis_master {
    char id[64];
    char host[CDC_NET_HOST_MAX]; /* as it announces itself; else where we asked */
    unsigned port;
    uint32_t slots; /* how many it has */
} cdc_redis_master;

typedef struct cdc_redis_cluster {
    cdc_redis_master *masters; /* owned */
    uint32_t nmasters;
    uint32_t assigned;               /* slots that have a master */
    uint16_t owner[CDC_REDIS_SLOTS]; /* index of the master, or CDC_REDIS_NO_MASTER */
} cdc_redis_cluster;

/* Asks. RETRY: connection lost; FATAL: not a cluster, or no right to CLUSTER SLOTS. Fills an empty
 * one; fini it in any case. */
cdc_rc cdc_redis_cluster_load(cdc_redis_cluster *cluster, cdc_redis *rd,
                              cdc_error *err) CDC_MUST_CHECK;
void cdc_redis_cluster_fini(cdc_redis_cluster *cluster);

/* Appends the master's slots as text: "0-5460,6000". */
void cdc_redis_cluster_ranges(const cdc_redis_cluster *cluster, uint32_t master, cdc_buffer *out);

#endif

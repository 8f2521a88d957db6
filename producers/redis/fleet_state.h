/* The inside of src_redis_fleet, for its files (fleet*.c) only. */
#ifndef SRC_REDIS_FLEET_STATE_H
#define SRC_REDIS_FLEET_STATE_H

#include "fleet.h"
#include "heartbeat.h"
#include "topology.h"

typedef struct src_redis_member {
    src_redis_shard *shard;
    const char **hosts;           /* of a cluster: the master, then all nodes; names are topo's */
    const src_redis_place *place; /* of the token; NULL: none */
    bool joins;                   /* it is new in the cluster */
    bool visited;                 /* while a circle of waits is looked for */
} src_redis_member;

struct src_redis_fleet {
    const cdc_env *env;
    src_redis_select *select;
    const char **hosts; /* source.hosts */
    uint32_t nhosts;
    src_redis_place *given; /* the token's */
    uint32_t ngiven;
    uint16_t given_home[CDC_REDIS_SLOTS]; /* number of a place of the token */
    bool is_cluster;
    bool again;              /* all are copied, whatever the task said of its beginning */
    src_redis_topology topo; /* of a cluster, when the session began */
    src_redis_moves moves;
    int64_t watch_ms; /* monotonic: when to look at the cluster again */
    src_redis_member *members;
    src_redis_place *places; /* room for a token's */
    src_redis_place *told;   /* by the last token */
    uint32_t n;
    uint32_t next; /* whose turn it is */
};

/* Room for so many shards; and drops them. */
cdc_rc src_redis_fleet_enlist(src_redis_fleet *fleet, uint32_t n, cdc_error *err) CDC_MUST_CHECK;
void src_redis_fleet_dismiss(src_redis_fleet *fleet);
/* A file only tells where the stream begins: of a new task, or one that had not come further. */
bool src_redis_fleet_passes_over(const src_redis_fleet *fleet, const src_redis_place *place);

cdc_rc src_redis_fleet_open_cluster(src_redis_fleet *fleet, cdc_error *err) CDC_MUST_CHECK;
/* No order is known between shards, for the reason that err holds: begins with all of them anew. */
cdc_rc src_redis_fleet_copy_anew(src_redis_fleet *fleet, cdc_error *err) CDC_MUST_CHECK;

/* May shard i be filled? AGAIN: it waits for others. RETRY with moves.crossed set: these wait for
 * it. */
cdc_rc src_redis_fleet_let_go(src_redis_fleet *fleet, uint32_t i, cdc_error *err) CDC_MUST_CHECK;
/* Makes the files of all copies wait until the other shards have come to where their masters are
 * now. */
cdc_rc src_redis_fleet_hold_files(src_redis_fleet *fleet, cdc_error *err) CDC_MUST_CHECK;
/* From time to time looks for slots that have moved without a key. RETRY: the cluster has got a
 * master that is not read. */
cdc_rc src_redis_fleet_watch(src_redis_fleet *fleet, cdc_error *err) CDC_MUST_CHECK;
/* Names the shard's heartbeat after a slot of its own; "": it has none. */
void src_redis_fleet_name_heartbeat(const src_redis_fleet *fleet, uint32_t i,
                                    char key[SRC_REDIS_HEARTBEAT_BYTES]);

#endif

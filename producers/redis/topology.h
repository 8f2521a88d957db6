/* src_redis_topology: the masters of a cluster source and who has which slot
 * (docs/adr/0043-redis-cluster-source.md).
 *
 * Masters without a slot count, too: a new one is read before it gets slots, one that gave all of
 * them away to its last byte. They stand behind the others. */
#ifndef SRC_REDIS_TOPOLOGY_H
#define SRC_REDIS_TOPOLOGY_H

#include "core/plugin.h"
#include "schema/redis/cluster.h"
#include "schema/redis/server.h"

typedef struct src_redis_topology {
    cdc_redis_cluster cluster;
    char *text;         /* the addresses below */
    const char **nodes; /* host:port of every master, in their order, then of every replica */
    uint32_t nnodes;
} src_redis_topology;

/* Asks the first node that answers of hosts, host:port each. RETRY: none, or slots without a
 * master. Fills an empty one; fini it in any case. */
cdc_rc src_redis_topology_load(src_redis_topology *topo, const cdc_env *env,
                               const char *const *hosts, uint32_t nhosts,
                               cdc_error *err) CDC_MUST_CHECK;
void src_redis_topology_fini(src_redis_topology *topo);
/* Number of the master with this id; CDC_REDIS_NO_MASTER: it has none. */
uint16_t src_redis_topology_member(const src_redis_topology *topo, const char *id);

/* What one server says, asked in a connection of its own. The slots are its own view of who has
 * them: a master that gives a slot to another serves it until it says so itself. */
typedef struct src_redis_view {
    cdc_redis_server before, after;  /* replication only: before and behind the slots */
    uint16_t owner[CDC_REDIS_SLOTS]; /* number in the given topology, or CDC_REDIS_NO_MASTER */
    bool importing[CDC_REDIS_SLOTS]; /* by itself, from another */
    bool moving;                     /* some of its slots are on their way, to it or from it */
} src_redis_view;

cdc_rc src_redis_view_ask(src_redis_view *view, const src_redis_topology *topo, const cdc_env *env,
                          const char *host, cdc_error *err) CDC_MUST_CHECK;
/* The server alone. */
cdc_rc src_redis_topology_ask(const cdc_env *env, const char *host, cdc_redis_server *info,
                              cdc_error *err) CDC_MUST_CHECK;

#endif

/* What cluster.c and cluster_commit.c share: the nodes, where the slots are, what is applied. */
#ifndef SINK_REDIS_CLUSTER_STATE_H
#define SINK_REDIS_CLUSTER_STATE_H

#include "batch.h"
#include "cluster.h"
#include "schema/redis/cluster.h"

#define SINK_REDIS_SLOT_TAG_MAX 8

typedef struct sink_redis_member {
    cdc_redis *rd;
    char id[64];
    uint32_t tag; /* the slot whose tag its own keys have */
    /* of the attempt at hand */
    uint32_t nslots, nprobes, ncommands;
    uint64_t nargs; /* of the commands */
    bool asked;     /* the script is sent */
    bool emptied;   /* it drops our own keys with all others */
} sink_redis_member;

/* A partition of a topic. */
typedef struct sink_redis_stretch {
    char *topic; /* owned */
    int32_t partition;
    int64_t next; /* of the transaction at hand; SINK_REDIS_UNTOLD: it has none */
    sink_redis_progress applied;
} sink_redis_stretch;

struct sink_redis_cluster {
    const cdc_env *env;
    cdc_redis_cluster map;
    sink_redis_member *members;
    uint32_t nmembers;
    uint16_t owner[CDC_REDIS_SLOTS]; /* index of the member that has the slot */
    int64_t epoch;
    bool old; /* before Redis 7 */
    sink_redis_batch batch;
    bool known[CDC_REDIS_SLOTS];  /* own keys with this slot's tag have been seen */
    bool probed[CDC_REDIS_SLOTS]; /* of the attempt at hand: it has commands for the slot */
    bool done[CDC_REDIS_SLOTS];   /* of the transaction at hand: the slot has it */
    bool moving[CDC_REDIS_SLOTS]; /* the slot is not where we think, or on its way */
    char tags[CDC_REDIS_SLOTS][SINK_REDIS_SLOT_TAG_MAX]; /* of every slot */
    sink_redis_stretch **stretches;                      /* both are owned */
    uint32_t nstretches;
    sink_redis_progress scratch;
    cdc_buffer text;
};

static inline void sink_redis_member_own(const sink_redis_cluster *cl, const sink_redis_member *mb,
                                         const char *rest, sink_redis_own *own)
{
    sink_redis_own_key(own, cl->tags[mb->tag], cl->env->task->name, rest);
}

/* What came with an answer that is another node's. */
static inline bool sink_redis_is_elsewhere(const char *error)
{
    return strncmp(error, "MOVED ", 6) == 0 || strncmp(error, "ASK ", 4) == 0 ||
           strncmp(error, "TRYAGAIN", 8) == 0 || strstr(error, "non local key") != NULL;
}

/* Is the tag of this slot that of a node's own keys? */
bool sink_redis_is_tag(const sink_redis_cluster *cl, uint32_t slot);

/* Gives found the value of our own key REST of every slot's tag, where there is one. */
typedef struct sink_redis_look {
    const char *rest;
    cdc_rc (*found)(sink_redis_cluster *cl, uint32_t slot, const char *text, void *arg,
                    cdc_error *err);
    void *arg;
    bool known_only; /* only of tags that have been seen */
} sink_redis_look;
cdc_rc sink_redis_look_at_tags(sink_redis_cluster *cl, const sink_redis_look *lk,
                               cdc_error *err) CDC_MUST_CHECK;

/* Makes these the offsets of the transaction at hand. */
cdc_rc sink_redis_cluster_expect(sink_redis_cluster *cl, const cdc_offset *offsets, uint32_t n,
                                 cdc_error *err) CDC_MUST_CHECK;

/* Appends the slots of a member as CLUSTER NODES writes them: "0-5460 6000". */
void sink_redis_slots_print(const uint16_t *owners, uint16_t owner, cdc_buffer *out);

/* Writes to every node how far all slots are applied, of all partitions: first what is known of
 * all, then of its own alone. So nothing is forgotten where slots have changed hands. */
cdc_rc sink_redis_cluster_restate(sink_redis_cluster *cl, cdc_error *err) CDC_MUST_CHECK;

#endif

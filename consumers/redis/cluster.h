/* A cluster as target: a connection to each master, and transactions over several of them.
 *
 * A MULTI of a cluster may touch one slot only, a script all slots of its node: so what a target
 * transaction has for a node is one script's arguments. The script looks first whether the task is
 * still ours and every slot that it needs is there and at rest, then writes how far the node's
 * slots are applied, then runs the commands. Nodes commit one by one. After a crash between two of
 * them it is known of every slot up to which offset it is applied, and what comes once more is left
 * out there. What goes to a slot on its way to another node waits for its arrival, all else of the
 * transaction does not (ADR 0042). One thread. */
#ifndef SINK_REDIS_CLUSTER_H
#define SINK_REDIS_CLUSTER_H

#include "core/plugin.h"
#include "note.h"
#include "own.h"
#include "progress.h"
#include "schema/redis/client.h"

typedef struct sink_redis_cluster sink_redis_cluster;

/* Connects to every master that the seed names, and takes the task over. */
cdc_rc sink_redis_cluster_open(sink_redis_cluster **out, const cdc_env *env, cdc_redis *seed,
                               cdc_error *err) CDC_MUST_CHECK;
void sink_redis_cluster_close(sink_redis_cluster *cl); /* NULL is fine */

uint32_t sink_redis_cluster_nodes(const sink_redis_cluster *cl);
cdc_redis *sink_redis_cluster_node(const sink_redis_cluster *cl, uint32_t i);
/* The hash tag of a node's own keys. */
const char *sink_redis_cluster_tag(const sink_redis_cluster *cl, uint32_t i);
/* The node that has the slot of a key, as far as we know. */
uint32_t sink_redis_cluster_owner(const sink_redis_cluster *cl, const char *key, size_t len);
/* Tags that earlier sessions used, and that are no node's now; "" behind the last. */
const char *sink_redis_cluster_old_tag(const sink_redis_cluster *cl, uint32_t i);

/* A question about one of our own keys. Borrowed. */
typedef struct sink_redis_question {
    const char *doing; /* for messages */
    size_t nargs;
    const cdc_redis_arg *args;
} sink_redis_question;

/* Answered by the node that has the key, wherever that is by now. */
cdc_rc sink_redis_cluster_ask(sink_redis_cluster *cl, const sink_redis_own *own,
                              const sink_redis_question *qu, redisReply **out,
                              cdc_error *err) CDC_MUST_CHECK;

/* Reads how far a partition is applied; *progress is the cluster's and goes forward with each
 * commit, *next is the least of it. FATAL: "target_emptied", a node has lost its data. */
cdc_rc sink_redis_cluster_applied(sink_redis_cluster *cl, const char *topic, int32_t partition,
                                  const sink_redis_progress **progress, int64_t *next,
                                  cdc_error *err) CDC_MUST_CHECK;

/* Adds a command to the open transaction, in parts when its keys have several slots, for all nodes
 * when it concerns the whole; slots where `past` says that `offset` is applied are left out (NULL:
 * none). FATAL: keys in several slots that belong together. */
cdc_rc sink_redis_cluster_put(sink_redis_cluster *cl, const sink_redis_words *words,
                              const sink_redis_progress *past, int64_t offset,
                              cdc_error *err) CDC_MUST_CHECK;
bool sink_redis_cluster_is_open(const sink_redis_cluster *cl);

/* Ends the open transaction at all nodes, with these offsets (to read next). RETRY: some slots may
 * have it. *failures > 0: so many commands failed, all the others were carried out; fault says
 * which was the first. */
cdc_rc sink_redis_cluster_commit(sink_redis_cluster *cl, const cdc_offset *offsets, uint32_t n,
                                 uint32_t *failures, cdc_error *fault,
                                 cdc_error *err) CDC_MUST_CHECK;

/* Asks again where the slots are. RETRY: other masters than before, or own keys have moved. */
cdc_rc sink_redis_cluster_refresh(sink_redis_cluster *cl, cdc_error *err) CDC_MUST_CHECK;
/* RETRY: slots have moved since we asked, or are on their way. */
cdc_rc sink_redis_cluster_at_rest(sink_redis_cluster *cl, cdc_error *err) CDC_MUST_CHECK;

#endif

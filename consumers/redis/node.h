/* A server of the target: the claim on it, and transactions there.
 *
 * A transaction is MULTI, the commands, the offsets, EXEC. The key "epoch" is watched since the
 * last EXEC, and was ours when it was: whoever claims the task in between makes the EXEC do
 * nothing. In the same packet as an EXEC go the WATCH and GET for the next transaction, so there is
 * one round trip for each; commands are sent as they come, and the server queues them meanwhile.
 * Plain SETs in a row become one MSET, which does the same and costs the server half.
 * After an error the connection is of no use any more. One thread. */
#ifndef SINK_REDIS_NODE_H
#define SINK_REDIS_NODE_H

#include "core/plugin.h"
#include "note.h"
#include "own.h"
#include "schema/redis/client.h"
#include "schema/redis/server.h"
#include "schema/redis/slot.h"

typedef struct sink_redis_node {
    cdc_redis *rd; /* NULL: given up */
    const char *task;
    char tag[CDC_REDIS_TAG_MAX];
    cdc_redis_server sv;
    int64_t epoch;
    int32_t db; /* selected, behind all that was added */
    bool open;
    uint32_t queued;  /* commands behind MULTI so far */
    cdc_buffer notes; /* of each of them, what a message would say */
    cdc_buffer sets;  /* keys and values of the SETs that came last, not sent yet */
    uint32_t nsets;
} sink_redis_node;

/* Asks a server what it is. RETRY: it loads its data, or is a replica (of a cluster it may be one).
 * FATAL with exit 3: nothing for a target. */
cdc_rc sink_redis_node_inspect(cdc_redis *rd, cdc_redis_server *sv, cdc_error *err) CDC_MUST_CHECK;
/* Connects to the first of target.hosts that is a master, and asks what it is. RETRY, FATAL with
 * exit 3. node is zeroed first. */
cdc_rc sink_redis_node_open(sink_redis_node *node, const cdc_env *env,
                            cdc_error *err) CDC_MUST_CHECK;
/* Takes the task over from every older applier. */
cdc_rc sink_redis_node_claim(sink_redis_node *node, cdc_error *err) CDC_MUST_CHECK;
void sink_redis_node_close(sink_redis_node *node);

/* Adds a command to the open transaction, which it begins if there is none; key: index of its key,
 * -1 if it has none. */
cdc_rc sink_redis_node_add(sink_redis_node *node, int32_t database, const cdc_value *argv,
                           uint32_t argc, int32_t key, cdc_error *err) CDC_MUST_CHECK;
/* Ends the open transaction. The command that the server refused stands in the error. RETRY:
 * nothing of it was done, or it is not known. FATAL: nothing of it was done. *failures > 0: so many
 * commands failed, all the others were carried out; fault ("target_partial") has the first. */
cdc_rc sink_redis_node_commit(sink_redis_node *node, uint32_t *failures, cdc_error *fault,
                              cdc_error *err) CDC_MUST_CHECK;

/* The text of one of our own keys, in `out`. Outside of a transaction. */
cdc_rc sink_redis_own_get(cdc_redis *rd, const sink_redis_own *key, char *out, size_t size,
                          bool *found, cdc_error *err) CDC_MUST_CHECK;

#endif

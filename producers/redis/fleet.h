/* src_redis_fleet: all shards of a source: the one server, or the masters of a cluster, read in
 * turns.
 *
 * Of a cluster, what one shard gives may have to wait for what others give before it (moves.h).
 * Where no order can be known, everything is copied anew, loudly. A master that the cluster gets
 * besides ends the session (RETRY), and the next one copies what it has. One thread. */
#ifndef SRC_REDIS_FLEET_H
#define SRC_REDIS_FLEET_H

#include "shard.h"

typedef struct src_redis_fleet src_redis_fleet;

/* Connects to all. token NULL: a new task. env and select outlive it. */
cdc_rc src_redis_fleet_open(src_redis_fleet **out, const cdc_env *env, src_redis_select *select,
                            const char *token, size_t len, cdc_error *err) CDC_MUST_CHECK;
void src_redis_fleet_close(src_redis_fleet *fleet); /* NULL is fine */

/* As src_redis_shard_fill, of whoever has something. */
cdc_rc src_redis_fleet_fill(src_redis_fleet *fleet, src_redis_emitter *to,
                            const src_redis_limits *limits, int timeout_ms,
                            cdc_error *err) CDC_MUST_CHECK;
/* If this is a place to begin again, and another than before, ends the batch with its token. */
cdc_rc src_redis_fleet_commit(src_redis_fleet *fleet, src_redis_emitter *to,
                              cdc_error *err) CDC_MUST_CHECK;

bool src_redis_fleet_is_copying(const src_redis_fleet *fleet); /* any of them */
bool src_redis_fleet_caught_up(const src_redis_fleet *fleet);  /* all of them */

#endif

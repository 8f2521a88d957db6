/* src_redis_shard: what one master gives, as events: the file of a full synchronization between two
 * markers, then its stream. A server that is no cluster's is shard 0.
 *
 * What becomes of what: SELECT, MULTI, EXEC, PING and REPLCONF are followed and are no events.
 * Of a cluster a key's part of the topic is told by its slot; a key that is moved to this master
 * (RESTORE-ASKING) becomes RESTORE ... REPLACE; FLUSHALL clears the slots whose home is the shard,
 * by two markers; functions are taken from the first master. What waits for other shards: moves.h.
 * Commands of a block that are left in it are numbered from 1, the last one is `last`. A
 * collection of the file that was there before under another form is deleted first (DEL), since its
 * commands only add.
 *
 * A connection that is lost while the stream runs is made again at once, to the same server or
 * another that has the same history, as long as it can go on at the very byte; else RETRY. Where no
 * server has what is behind the place, a full synchronization begins, loudly
 * (docs/adr/0031-redis-source.md). One thread, the reader's. */
#ifndef SRC_REDIS_SHARD_H
#define SRC_REDIS_SHARD_H

#include "core/plugin.h"
#include "emit.h"
#include "moves.h"
#include "select.h"
#include "token.h"

typedef struct src_redis_shard src_redis_shard;

typedef struct src_redis_shard_start {
    const cdc_env *env;
    src_redis_select *select; /* of the source; borrowed */
    uint32_t number;
    const char *const *hosts; /* host:port each; borrowed for the shard's life */
    uint32_t nhosts;
    uint32_t nfull; /* so many of them have all that is wanted: the others only serve to go on */
    src_redis_moves *moves;       /* of the cluster, borrowed; NULL: no cluster */
    const char *heartbeat;        /* key, "": none */
    const src_redis_place *place; /* to go on from; NULL: from anew */
    bool may_copy;                /* where no server can go on, everything is copied */
    bool joins;     /* the master is new: all that it has came from others, so that its copy clears
                       nothing and has no markers */
    bool pass_over; /* the file only tells where the stream begins: source.start now */
} src_redis_shard_start;

/* Connects and asks for the stream. RETRY, FATAL as for a source's start. */
cdc_rc src_redis_shard_open(src_redis_shard **out, const src_redis_shard_start *start,
                            cdc_error *err) CDC_MUST_CHECK;
void src_redis_shard_close(src_redis_shard *shard); /* NULL is fine */

/* How far a batch may be filled. */
typedef struct src_redis_limits {
    uint32_t rows;
    uint64_t bytes;
} src_redis_limits;

/* Appends events. OK: there are some, or the place moved, or there is more; AGAIN: nothing came
 * within timeout_ms. */
cdc_rc src_redis_shard_fill(src_redis_shard *shard, src_redis_emitter *to,
                            const src_redis_limits *limits, int timeout_ms,
                            cdc_error *err) CDC_MUST_CHECK;

/* Where a restart would go on: behind what was filled, or before the block that is open. */
const src_redis_place *src_redis_shard_place(const src_redis_shard *shard);
bool src_redis_shard_in_block(const src_redis_shard *shard);   /* the events end inside of one */
uint64_t src_redis_shard_offset(const src_redis_shard *shard); /* of the stream that was given */
bool src_redis_shard_is_copying(const src_redis_shard *shard);
/* Up to this offset no command waits for other shards; all: not even for those that it might. */
void src_redis_shard_cover(src_redis_shard *shard, uint64_t offset, bool all);
void src_redis_shard_heartbeat(src_redis_shard *shard, const char *key); /* another key */
/* Without a connection, of which everything was read that the server had written. */
bool src_redis_shard_has_ended(const src_redis_shard *shard);
const cdc_net *src_redis_shard_net(const src_redis_shard *shard); /* NULL: not connected */

/* Is all behind that the server had when we connected? */
bool src_redis_shard_caught_up(const src_redis_shard *shard);

#endif

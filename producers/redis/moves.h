/* src_redis_moves: slots of a cluster that go from one master to another, as its shards see them
 * (docs/adr/0043-redis-cluster-source.md).
 *
 * A key's part of the topic is told by its slot alone: the slots are cut into as many even runs as
 * the topic has partitions, so that a slot which moves stays in its partition. Each slot has a
 * home: the shard whose commands for it are given as they come. Another shard's command for it
 * waits until the home has given what its master had then; so does a key that is moved to a shard.
 * The home changes when its master no longer says that it has the slot.
 *
 * Data of the fleet, which its shards read and write; one thread. */
#ifndef SRC_REDIS_MOVES_H
#define SRC_REDIS_MOVES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "schema/redis/cluster.h"

/* Of a wait, by slot. */
#define SRC_REDIS_MAY 1U     /* the master has it, or imports it */
#define SRC_REDIS_SETTLES 2U /* the master has it, and no other says that it does */

/* A shard that waits for others. */
typedef struct src_redis_wait {
    bool on;
    bool file;        /* it is the file of a copy that waits, not a command */
    bool all;         /* for all others: the key's former master is not known */
    bool asked;       /* what follows is known */
    bool settling;    /* its offset is not yet at cover */
    int64_t since_ms; /* monotonic: of a question that has no answer yet; 0: none */
    uint64_t *need;   /* by shard: offset that it must have come to; 0: none */
    uint64_t cover;   /* up to this offset of its own the shard needs not wait again */
    uint8_t *slots;
} src_redis_wait;

typedef struct src_redis_moves {
    uint32_t parts; /* of the topic */
    uint16_t home[CDC_REDIS_SLOTS];
    bool shared[CDC_REDIS_SLOTS]; /* not only its home has given commands for it */
    bool changed;                 /* home, since the newest token */
    bool crossed;                 /* no order between the shards is known: copy everything anew */
    src_redis_wait *waits;        /* by shard */
} src_redis_moves;

static inline uint32_t src_redis_moves_part(const src_redis_moves *moves, uint32_t slot)
{
    return (uint32_t)((uint64_t)slot * moves->parts / CDC_REDIS_SLOTS);
}

/* Appends the slots of this home, of all parts or (>= 0) of one: "0-5460,6000"; comma is what
 * stands between. */
void src_redis_moves_slots(const src_redis_moves *moves, uint32_t home, int32_t part,
                           const char *comma, cdc_buffer *out);

#endif

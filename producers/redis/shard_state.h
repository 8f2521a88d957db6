/* The inside of src_redis_shard, for the files of the shard (shard*.c) only. */
#ifndef SRC_REDIS_SHARD_STATE_H
#define SRC_REDIS_SHARD_STATE_H

#include "expiry.h"
#include "heartbeat.h"
#include "link.h"
#include "rdb.h"
#include "resp.h"
#include "shard.h"

typedef enum src_redis_stage {
    SRC_REDIS_HEAD, /* "$LENGTH" or "$EOF:MARK", before the file */
    SRC_REDIS_FILE,
    SRC_REDIS_MARK,   /* the mark again, behind a file without a length */
    SRC_REDIS_STREAM, /* commands */
} src_redis_stage;

enum { SRC_REDIS_MARK_BYTES = 40 };

/* The newest command of a block whose batch is full: it is not known yet whether it is the last. */
typedef struct src_redis_held {
    bool full;
    src_redis_emitted command;
    cdc_buffer argv; /* cdc_value each, then... */
    cdc_buffer bytes;
} src_redis_held;

struct src_redis_shard {
    src_redis_shard_start start; /* place is not used behind open */
    src_redis_link *link;        /* NULL: to be made again */
    src_redis_stage stage;
    src_redis_place place; /* see src_redis_shard_place */
    uint64_t offset;       /* of the stream that was read */
    int32_t db;            /* selected there */
    uint64_t covered;      /* see src_redis_shard_cover; and for keys that come to their home */
    uint64_t covered_all;
    bool numbered;       /* of a cluster: there may be databases besides 0 */
    bool importing;      /* the command at hand moves its key to this master */
    uint64_t goal;       /* caught up from this offset on */
    src_redis_resp resp; /* what was received; of the file, only its beginning and what follows */
    src_redis_link_answer answer;
    uint64_t behind;     /* bytes read since nothing more was there to read */
    int64_t silent_ms;   /* nothing was heard for so long */
    int64_t lost_ms;     /* monotonic: since when there is no connection */
    int64_t next_try_ms; /* and when it is tried again */
    int64_t now_ms;      /* when the newest bytes came */
    /* the file */
    src_redis_rdb *rdb;
    char *chunk;
    int64_t file_bytes; /* as told; -1: it ends with the mark */
    char mark[SRC_REDIS_MARK_BYTES];
    cdc_buffer values; /* cdc_value each: the arguments of its commands */
    int64_t keys;      /* so far */
    src_redis_expiry expiry;
    char heartbeat[SRC_REDIS_HEARTBEAT_BYTES];
    /* the block */
    bool in_block;
    uint64_t block_begin;
    uint32_t block_events;
    uint32_t block_part; /* where its first command with a key went */
    src_redis_held held;
    cdc_metric *copy_keys, *copy_bytes, *copy_keys_estimated, *lag, *full_again, *reconnects;
};

/* HEAD, FILE and MARK: events from what is there. OK: the batch is full, or the stage is another;
 * AGAIN: receive more. */
cdc_rc src_redis_shard_take_file(src_redis_shard *shard, src_redis_emitter *to,
                                 const src_redis_limits *limits, cdc_error *err) CDC_MUST_CHECK;
/* Puts bytes into the reader of the file. */
cdc_rc src_redis_shard_feed_file(src_redis_shard *shard, const char *p, size_t n,
                                 cdc_error *err) CDC_MUST_CHECK;
/* STREAM, likewise. */
cdc_rc src_redis_shard_take_stream(src_redis_shard *shard, src_redis_emitter *to,
                                   const src_redis_limits *limits, cdc_error *err) CDC_MUST_CHECK;
/* Inside of a block takes the batch's newest event back: whether it is the block's last is told by
 * what comes next. */
cdc_rc src_redis_shard_hold(src_redis_shard *shard, src_redis_emitter *to,
                            cdc_error *err) CDC_MUST_CHECK;
/* A marker for each part of the topic that has slots of this master. */
cdc_rc src_redis_shard_mark(src_redis_shard *shard, src_redis_emitter *to, const char *which,
                            cdc_error *err) CDC_MUST_CHECK;
void src_redis_held_fini(src_redis_held *held);

static inline bool src_redis_shard_is_of_cluster(const src_redis_shard *shard)
{
    return shard->start.moves != NULL;
}

/* Of a cluster's stream: takes apart what only clusters have. OK: it may be a command to give;
 * SKIP: it is none. */
cdc_rc src_redis_shard_look(src_redis_shard *shard, src_redis_resp_command *cmd,
                            cdc_error *err) CDC_MUST_CHECK;
/* May the command be given now? AGAIN: it waits for other shards. */
cdc_rc src_redis_shard_admit(src_redis_shard *shard, const src_redis_selected *taken,
                             cdc_error *err) CDC_MUST_CHECK;
/* A command that names no key, of one master of a cluster. OK: it is to be given; SKIP: it is not,
 * or was. */
cdc_rc src_redis_shard_whole(src_redis_shard *shard, src_redis_emitter *to,
                             const src_redis_selected *taken, cdc_error *err) CDC_MUST_CHECK;

/* The part of the topic for a command. */
static inline uint32_t src_redis_shard_part(const src_redis_shard *shard, const cdc_value *argv,
                                            int32_t key_arg)
{
    const src_redis_moves *moves = shard->start.moves;
    return moves == NULL || key_arg < 0
               ? 0
               : src_redis_moves_part(moves, cdc_redis_slot(argv[key_arg].p, argv[key_arg].len));
}

static inline bool src_redis_shard_waits(const src_redis_shard *shard)
{
    return shard->start.moves != NULL && shard->start.moves->waits[shard->start.number].on;
}

static inline bool src_redis_shard_is_full(const src_redis_emitter *to,
                                           const src_redis_limits *limits)
{
    return to->batch->nevents >= limits->rows || to->batch->arena.used_bytes >= limits->bytes;
}

#endif

/* The inside of src_redis_rdb, for the files of the reader (rdb*.c) only.
 *
 * The reader is a chain of steps. A step settles at most one item of the input, may complete a
 * command, and says which step is next; it returns OK, or AGAIN and will be called again, or EOF or
 * FATAL. */
#ifndef SRC_REDIS_RDB_STATE_H
#define SRC_REDIS_RDB_STATE_H

#include "rdb_input.h"
#include "rdb_pack.h"

typedef cdc_rc src_redis_step(src_redis_rdb *rdb);

typedef struct src_redis_arg {
    size_t at, n; /* in bytes */
} src_redis_arg;

/* The command being built. */
typedef struct src_redis_builder {
    cdc_buffer bytes;
    cdc_buffer args;   /* src_redis_arg each */
    cdc_buffer slices; /* src_redis_slice each, made when the command is complete */
    uint32_t nargs;
    int32_t key_arg;
    bool ready;
} src_redis_builder;

typedef struct src_redis_collection {
    const char *command;
    const char *roles; /* of the elements of an entry, rdb_collection.c */
    size_t role;       /* of the next element */
    uint64_t left;     /* elements to come from the input */
    uint64_t nodes;    /* packs to come */
    src_redis_pack_kind kind;
    bool marked;  /* a node begins with what it is: an element or a pack */
    bool in_pack; /* elements come from pack, which reads blob */
    src_redis_pack pack;
    cdc_buffer blob;
    uint32_t items;    /* entries in the command */
    uint64_t min_ms;   /* what fields' expiries count from */
    uint64_t ttl;      /* of the entry; 0 = none */
    uint32_t begin;    /* first argument of the entry */
    cdc_buffer expiry; /* of the command's fields: ms, length, name */
    size_t expiry_at;
} src_redis_collection;

typedef struct src_redis_text {
    uint64_t stored; /* bytes to come from the input */
    uint64_t size;   /* bytes of the string to come */
    cdc_buffer out;  /* compressed: what is decompressed, with enough before it to copy from */
    size_t sent;     /* ... and what of it has gone */
} src_redis_text;

typedef struct src_redis_id {
    uint64_t ms, seq;
} src_redis_id;

typedef struct src_redis_pending {
    src_redis_id id;
    int64_t delivered_ms;
    uint32_t count;
    bool claimed;
} src_redis_pending;

typedef struct src_redis_stream {
    uint8_t version; /* 1 to 3 */
    uint64_t nodes;
    src_redis_id node, last, max_deleted;
    uint64_t added;
    src_redis_pack pack, master; /* the node's entries; where its fields' names begin */
    uint64_t fields;             /* of the master entry */
    cdc_buffer blob;
    uint64_t groups, consumers;
    uint64_t group_pending, consumer_pending; /* still to come */
    cdc_buffer group, consumer;               /* names */
    cdc_buffer pending;                       /* src_redis_pending each, by id */
    size_t npending, claimed;
} src_redis_stream;

struct src_redis_rdb {
    src_redis_rdb_options options;
    src_redis_input in;
    src_redis_step *step;
    src_redis_builder cmd;
    unsigned version;
    bool valkey;
    int32_t stream_db, db;
    /* the key */
    bool in_key;
    int64_t expire_at_ms;
    cdc_buffer key;
    uint8_t type;
    uint64_t commands; /* given for it */
    bool recording;    /* it will be a RESTORE; its plain commands are dropped */
    cdc_buffer record;
    src_redis_step *after_module;
    src_redis_collection col;
    src_redis_text text;
    src_redis_stream stream;
};

/* Building a command: begin, its arguments, complete. */
void src_redis_rdb_begin(src_redis_rdb *rdb, const char *name);
/* One of the key; sub may be NULL. */
void src_redis_rdb_begin_key(src_redis_rdb *rdb, const char *name, const char *sub);
void src_redis_rdb_arg(src_redis_rdb *rdb, src_redis_slice arg);
void src_redis_rdb_arg_str(src_redis_rdb *rdb, const char *arg);
void src_redis_rdb_arg_buffer(src_redis_rdb *rdb, const cdc_buffer *arg);
void src_redis_rdb_arg_u64(src_redis_rdb *rdb, uint64_t v);
void src_redis_rdb_arg_i64(src_redis_rdb *rdb, int64_t v);
src_redis_arg *src_redis_rdb_args(src_redis_rdb *rdb);
void src_redis_rdb_complete(src_redis_rdb *rdb);

/* The value is read: ends the key. */
src_redis_step src_redis_step_finish;
/* Reads a value of rdb->type; FATAL: no known type. */
src_redis_step src_redis_step_collection, src_redis_step_text, src_redis_step_stream;
/* A module's value or, with after_module, data of it that is passed over. */
src_redis_step src_redis_step_module;

void src_redis_stream_init(src_redis_stream *stream, size_t max_bytes);
void src_redis_stream_fini(src_redis_stream *stream);

#endif

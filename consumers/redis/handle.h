/* The sink's handle, shared by its parts. The applier's thread. */
#ifndef SINK_REDIS_HANDLE_H
#define SINK_REDIS_HANDLE_H

#include "cluster.h"
#include "core/plugin.h"
#include "kept.h"
#include "node.h"
#include "rows.h"
#include "schema/redis/command.h"

typedef enum sink_redis_rule {
    SINK_REDIS_REPORT,
    SINK_REDIS_KEEP,
    SINK_REDIS_OVERWRITE,
} sink_redis_rule;

/* How far a partition is applied. */
typedef struct sink_redis_mark {
    char *topic; /* owned */
    int32_t partition;
    int64_t next;      /* offset to read next; -1: nothing was ever applied */
    int64_t source_ms; /* of the newest event applied from it in this session, 0: none */
    const sink_redis_progress *progress; /* the cluster's; NULL: standalone */
} sink_redis_mark;

typedef struct sink_redis_handle {
    const cdc_env *env;
    sink_redis_rule conflict;
    int64_t extend_ms;
    sink_redis_node node;        /* a standalone server, or the node asked about the cluster */
    sink_redis_cluster *cluster; /* NULL: standalone */
    bool database_ok[CDC_DATABASES_MAX]; /* the target has it */
    bool whole;                          /* the task takes every key of every database */
    sink_redis_mark *marks;
    uint32_t nmarks, marks_cap;
    const sink_redis_progress *past; /* of the event at hand: what of it is applied already... */
    int64_t offset;                  /* ...and its offset */
    bool emptied;              /* the open transaction drops our own keys: all are written anew */
    sink_redis_rows *rows;     /* NULL: the task has no target.map */
    sink_redis_kept *kept;     /* with target.conflict keep, else NULL */
    bool any_held;             /* some key's expiry may be held off (held.h) */
    int64_t settled_ms;        /* monotonic time of the last look at them */
    int64_t newest_ms;         /* when the newest event of the session was read at the source */
    int64_t commands, skipped; /* of the open transaction */
    struct {
        cdc_metric *commands, *conflicts, *held;
    } metrics;
} sink_redis_handle;

/* Adds one command to the open transaction, which it begins if there is none; `database` is the
 * target's. argv is copied. */
cdc_rc sink_redis_put(sink_redis_handle *sr, int32_t database, const cdc_value *argv, uint32_t argc,
                      int32_t key, cdc_error *err) CDC_MUST_CHECK;

/* Ends the open transaction, if there is one. */
cdc_rc sink_redis_end(sink_redis_handle *sr, cdc_error *err) CDC_MUST_CHECK;

/* Is anything in the open transaction? */
bool sink_redis_is_open(const sink_redis_handle *sr);
/* Has the event at hand been applied to this key before? */
bool sink_redis_is_past(const sink_redis_handle *sr, const char *key, size_t len);

/* The servers: one, or the masters of a cluster; each with the tag of its own keys. */
uint32_t sink_redis_servers(const sink_redis_handle *sr);
cdc_redis *sink_redis_server(const sink_redis_handle *sr, uint32_t i, const char **tag);
/* That of a key, as far as we know. */
uint32_t sink_redis_server_of(const sink_redis_handle *sr, const char *key, size_t len);
/* A command about one of our own keys, at the server that has it. */
cdc_rc sink_redis_ask_own(const sink_redis_handle *sr, const sink_redis_own *own,
                          const sink_redis_question *qu, redisReply **out,
                          cdc_error *err) CDC_MUST_CHECK;

/* The number at the target of a source's database. FATAL: the target does not have it. */
cdc_rc sink_redis_database(const sink_redis_handle *sr, int64_t source, int32_t *target,
                           cdc_error *err) CDC_MUST_CHECK;
/* Does the task take keys of this database of the source? */
bool sink_redis_takes(const sink_redis_handle *sr, uint32_t source);

sink_redis_mark *sink_redis_find_mark(const sink_redis_handle *sr, const char *topic,
                                      int32_t partition);

static inline cdc_value sink_redis_bytes(const char *p, size_t len)
{
    return (cdc_value){.kind = CDC_BYTES, .p = p, .len = (uint32_t)len};
}

#define SINK_REDIS_WORD(text) sink_redis_bytes((text), sizeof(text) - 1)

#endif

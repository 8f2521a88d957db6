/* cdc_event and cdc_batch: what a source hands to the capture loop and a codec to a sink.
 *
 * A batch is an arena and the events in it; it is what crosses the queue between two threads, and
 * who hands over the batch hands over everything but the tables, which are reference-counted.
 * Nothing is allocated per event: events, values and bytes come from the batch's arena. */
#ifndef CDC_EVENT_H
#define CDC_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "table.h"

typedef enum cdc_op {
    CDC_OP_INSERT = 1,
    CDC_OP_UPDATE,
    CDC_OP_DELETE,
    CDC_OP_DDL,     /* ddl_* is set; table is NULL */
    CDC_OP_COMMIT,  /* marker from a source: the transaction that txn names is complete; nothing
                       published */
    CDC_OP_COMMAND, /* a command of Redis: after, nargs... are set; table is NULL */
} cdc_op;

typedef enum cdc_phase {
    CDC_PHASE_SNAPSHOT = 1, /* row of the full copy, or a change that the copy may already hold */
    CDC_PHASE_INCR = 2,
} cdc_phase;

/* The DDL types of Canal (canal-json.md section 4). */
typedef enum cdc_ddl {
    CDC_DDL_QUERY = 0,
    CDC_DDL_CREATE,
    CDC_DDL_ALTER,
    CDC_DDL_ERASE,
    CDC_DDL_TRUNCATE,
    CDC_DDL_RENAME,
    CDC_DDL_CINDEX,
    CDC_DDL_DINDEX,
} cdc_ddl;

/* A full resynchronization of a Redis source (of one of its shards) begins and ends with a command
 * of this name, whose one argument says which: what the target has and no command between the two
 * set is gone at the source. */
#define CDC_COMMAND_FULLSYNC "SLUICE.FULLSYNC"
#define CDC_FULLSYNC_BEGIN "BEGIN"
#define CDC_FULLSYNC_END "END"

#define CDC_COMMAND_TABLE "redis" /* `table` of messages with commands, in every format */

#define CDC_DATABASES_MAX 256 /* of Redis: numbers 0 to 255 */

#define CDC_TXN_TEXT_MAX 384 /* a transaction's name (cdc_event.txn) with its NUL */

typedef struct cdc_event {
    uint8_t op;     /* cdc_op */
    uint8_t phase;  /* cdc_phase */
    uint8_t ddl;    /* cdc_ddl, for CDC_OP_DDL */
    bool last;      /* decoded records: last of its transaction; commands, at the source too: the
                       last of its MULTI block, or a single command */
    bool more;      /* decoded records: the next event is of the same record */
    bool unchecked; /* the source changed the row without looking at foreign keys: by a cascade that
                       it logs row by row, or in a session with foreign_key_checks=0 */
    bool moving;    /* decoded records: behind this event a row is on its way from one partition to
                       another (consumers/moves.h) */
    bool barrier;   /* DDL that is none: the topic named in sql hashes over another number of
                       partitions from here on */
    bool partial;   /* DDL of a database: some of its tables are left out by objects */
    uint32_t server_id;
    cdc_table *table;        /* borrowed from the batch, which holds the reference */
    const cdc_value *before; /* ncols values: UPDATE, DELETE; NULL otherwise */
    const cdc_value *after;  /* ncols values: INSERT, UPDATE; NULL otherwise */
    int64_t source_ms;       /* commit time at the source, ms since 1970 */
    int64_t capture_ms;      /* our clock when the event was read, or when its message was built */
    uint64_t id;             /* message id (set by the capture loop; by the codec when decoding) */
    uint64_t seq;            /* order in its transaction over all tables, from 1 (likewise) */
    uint64_t after_ddl;   /* id of the newest DDL message before this record, 0 = none (likewise) */
    const char *txn;      /* transaction: GTID or "file:pos" of its beginning; NUL-terminated */
    const char *gtid;     /* its GTID, "" if the source has none */
    const char *pos_file; /* position of the event: log file... */
    uint64_t pos;         /* ...and offset of the event's end; 0 with pos_file "" = not known */
    const char *task;     /* decoded records: the task that published it, "" if not known */
    const char *topic;    /* where the record goes to; decoded: where it was read from */
    /* A row that an UPDATE moves to another partition, or to where it would hash anew, is a DELETE,
     * and with the next id an INSERT: the partition of the other one, plus 1; 0: none. */
    int32_t move;
    int32_t partition;
    int64_t offset;
    const char *pos_text; /* decoded records: the header's pos as it was written; NULL otherwise */
    const char *ddl_database, *ddl_table; /* DDL: object's names, "" if none */
    const char *ddl_default; /* DDL: default database when the statement ran, "" if none */
    const char *ddl_was;     /* RENAME: old "database.table", "" otherwise */
    const char *sql;         /* DDL: statement, UTF-8 */
    uint32_t sql_len;
    /* COMMAND: after holds the whole command as nargs values of kind CDC_BYTES, after[0] its name
     * in upper case. txn is "replid:offset" of the MULTI, or of a single command itself; decoded,
     * that of the record's first command for the single ones of a record. pos_file is the replid,
     * pos the offset behind the command. */
    uint32_t nargs;
    int32_t key_arg;      /* index of the first key in after, -1 if it has none */
    int32_t redis_db;     /* 0 to CDC_DATABASES_MAX - 1 */
    uint32_t shard;       /* of a cluster source, from 0 */
    uint32_t tx_seq;      /* number in its MULTI block, from 1; 0: not in a block */
    int64_t expire_at_ms; /* when the key that it sets expires, ms since 1970; -1: not told */
} cdc_event;

typedef struct cdc_batch {
    struct cdc_batch *next; /* for the queue and the pool; owner's use otherwise */
    cdc_arena arena;
    cdc_event *events; /* in order */
    uint32_t nevents, cap;
    /* Tables that the events point to: one reference each, dropped by reset. */
    cdc_table **tables;
    uint32_t ntables, tables_cap;
    /* Restart token valid behind the last COMMIT of this batch (or, if the batch has none,
     * unchanged: token_len 0). Whoever starts a source with it gets everything after that commit.
     * In the arena. */
    const char *token;
    uint32_t token_len;
    bool full_done; /* with this batch the full copy is complete */
    bool atomic;    /* the open transaction must not be split over Kafka transactions */
    bool caught_up; /* the source had nothing more when the batch was closed */
    /* For the source that fills it: close the batch at so many rows or bytes read; 0 = at its own
     * limits. */
    uint32_t want_rows;
    uint64_t want_bytes;
    uint64_t source_bytes; /* bytes read from the source for this batch */
    int64_t first_ms;      /* when the first event was read */
    bool moving;           /* consumer side: as cdc_event.moving, behind the last event */
    uint64_t question;     /* consumer side: which question caught_up answers (intake.h) */
} cdc_batch;

/* Position in a topic: the offset to read next. */
typedef struct cdc_offset {
    const char *topic;
    int32_t partition;
    int64_t next; /* offset of the next record to read */
} cdc_offset;

cdc_batch *cdc_batch_new(size_t max_bytes); /* NULL: out of memory */
void cdc_batch_free(cdc_batch *batch);
void cdc_batch_reset(cdc_batch *batch); /* drops events and table references, keeps some memory */

/* Exchanges what the two hold; their places in queue and pool stay. */
void cdc_batch_swap(cdc_batch *a, cdc_batch *b);

/* Appends a zeroed event; NULL when the arena is at its maximum or memory is out. The pointer is
 * valid until the next add: growing moves the array. */
cdc_event *cdc_batch_add(cdc_batch *batch);
/* Makes the batch hold a reference to tbl (once, however often it is called in a row). False: no
 * memory. */
bool cdc_batch_hold(cdc_batch *batch, cdc_table *tbl);

static inline size_t cdc_batch_bytes(const cdc_batch *batch)
{
    return batch->arena.used_bytes + batch->nevents * sizeof(cdc_event);
}

/* A command CDC_COMMAND_FULLSYNC with this argument? */
bool cdc_event_is_fullsync(const cdc_event *ev, const char *which);

const char *cdc_op_name(cdc_op op);
const char *cdc_ddl_name(cdc_ddl ddl); /* "ALTER"... */
cdc_ddl cdc_ddl_parse(const char *s, size_t n, bool *known);

#endif

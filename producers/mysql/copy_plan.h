/* src_mysql_copy_plan: the full copy's ranges: which are read, which may be handed over, and which
 * of their rows the stream has made stale (docs/adr/0015-full-copy-by-watermarks.md).
 *
 * A range is a piece of a table by primary key. Workers cut ranges, register them at a boundary of
 * the stream, read them from a snapshot, and push what they read as batches of rows. The reader,
 * which polls the stream, shows every batch of the stream to the plan and takes finished pieces
 * from it when the stream has come to the range's high watermark. Ranges are handed over in the
 * order of tables and keys, whatever the order in which they were read, so that one key tells how
 * far the copy is.
 *
 * A key that the stream touches between a range's registration and its hand-over is left out of the
 * range: its newest state came with the stream. Hence at each boundary what was handed over is a
 * part of what the source held at that place of its log.
 *
 * A table without a usable primary key is one range, handed over while it is read; until then its
 * changes in the stream are left out, because the copy has them. The stream is held while the range
 * is registered, and stands still from its high watermark to its end.
 *
 * One lock inside. Ranges belong to the plan; the worker that has taken one may read its fields. */
#ifndef SRC_MYSQL_COPY_PLAN_H
#define SRC_MYSQL_COPY_PLAN_H

#include <stdatomic.h>

#include "copy_cascades.h"
#include "copy_keys.h"
#include "copy_tables.h"
#include "position.h"

#define SRC_MYSQL_PIECE_MAX ((size_t)1100 << 20) /* one row can have 1 GB */
#define SRC_MYSQL_GTIDS_MAX (64U << 20)
#define SRC_MYSQL_KEY_MAX (1U << 20) /* one key */

typedef struct src_mysql_copy_plan src_mysql_copy_plan;

/* A definition that workers and ranges share; counted. */
typedef struct src_mysql_shared_table {
    _Atomic uint32_t refs;
    src_mysql_table *tbl;
    uint32_t key_definition;
} src_mysql_shared_table;

src_mysql_shared_table *src_mysql_shared_table_new(src_mysql_table *tbl_take,
                                                   uint32_t key_definition); /* NULL: no memory */
void src_mysql_shared_table_unref(src_mysql_shared_table *def);              /* NULL is fine */

/* Rows that were read: INSERTs of one definition with nothing but table and after set. */
typedef struct src_mysql_piece {
    struct src_mysql_piece *next;
    cdc_batch *batch;
    char *key; /* literals of its last row; NULL without a key */
    src_mysql_row_index index;
    uint64_t bytes;    /* as the server sent them */
    uint64_t bad_text; /* bytes that were no text */
} src_mysql_piece;

typedef struct src_mysql_range src_mysql_range;

/* What a worker is to do next. */
typedef enum src_mysql_work_kind {
    SRC_MYSQL_WORK_DEFINE, /* read a table's definition */
    SRC_MYSQL_WORK_CUT,    /* find where the next range of a table ends */
    SRC_MYSQL_WORK_READ,   /* read a range */
} src_mysql_work_kind;

/* Strings are the work's own. */
typedef struct src_mysql_work {
    src_mysql_work_kind kind;
    src_mysql_range *range;      /* READ */
    src_mysql_shared_table *def; /* CUT, READ: a reference */
    uint32_t table;              /* index, for the plan */
    uint32_t generation;         /* of the table's definition, for the plan */
    char *database, *name;
    char *from, *to; /* keys, "" = no bound; CUT: to is not known yet */
    bool whole, transactional;
    uint64_t rows; /* CUT: how many rows the range should have */
} src_mysql_work;

void src_mysql_work_fini(src_mysql_work *work);

typedef struct src_mysql_copy_plan_limits {
    /* What the server does below its log; borrowed for the plan's life. NULL: nothing. */
    const src_mysql_cascades *cascades;
    unsigned threads;
    uint64_t chunk_rows;
    /* The log's end when the tables had been listed: what they were called before is in the stream,
     * and until it was seen, no table is known to be the last. */
    src_mysql_log_pos listed;
} src_mysql_copy_plan_limits;

/* tables is taken, also on failure. from: how far a token says that the copy is. */
cdc_rc src_mysql_copy_plan_new(src_mysql_copy_plan **out, src_mysql_copy_tables *tables_take,
                               const cdc_selection *selection, const src_mysql_position *from,
                               const src_mysql_copy_plan_limits *limits,
                               cdc_error *err) CDC_MUST_CHECK;
void src_mysql_copy_plan_free(src_mysql_copy_plan *plan); /* no worker runs any more */

/* --- workers --- */

/* Waits up to timeout_ms. OK: *work is filled in, fini and the matching call below follow. AGAIN:
 * nothing to do now. EOF: the plan is stopped or all is read. */
cdc_rc src_mysql_copy_plan_take(src_mysql_copy_plan *plan, src_mysql_work *work,
                                int timeout_ms) CDC_MUST_CHECK;
/* DEFINE is done; takes the reference. FATAL: the table lost its primary key while it was copied.
 */
cdc_rc src_mysql_copy_plan_define(src_mysql_copy_plan *plan, const src_mysql_work *work,
                                  src_mysql_shared_table *def_take, cdc_error *err) CDC_MUST_CHECK;
/* CUT is done: the range goes up to `to`, "" = the table's end. False: no memory. */
bool src_mysql_copy_plan_cut(src_mysql_copy_plan *plan, const src_mysql_work *work,
                             const char *to) CDC_MUST_CHECK;
/* The table is not there: nothing to copy, once the stream has come to `high`. */
void src_mysql_copy_plan_gone(src_mysql_copy_plan *plan, const src_mysql_work *work,
                              const src_mysql_log_pos *high);
/* Nothing came of the work: it will be taken again. */
void src_mysql_copy_plan_give_up(src_mysql_copy_plan *plan, const src_mysql_work *work);

/* Registers the range at a boundary of the stream: *at, *gtids (executed set as text, appended). A
 * whole range waits until it is the first, and for the stream to come to `reach`. EOF: the plan is
 * stopped; SKIP: the range is not wanted any more. */
cdc_rc src_mysql_copy_plan_register(src_mysql_copy_plan *plan, const src_mysql_work *work,
                                    const src_mysql_log_pos *reach, src_mysql_log_pos *at,
                                    cdc_buffer *gtids) CDC_MUST_CHECK;
/* The high watermark, before the first piece is pushed; seen: the snapshot's very place in the log,
 * NULL or with file "" where it is not known. A whole range waits until the stream is
 * there. SKIP: it is to be read again (changed between the watermarks). EOF as above. */
cdc_rc src_mysql_copy_plan_high(src_mysql_copy_plan *plan, const src_mysql_work *work,
                                const src_mysql_log_pos *seen,
                                const src_mysql_log_pos *high) CDC_MUST_CHECK;
/* A batch to fill; NULL: no memory. */
cdc_batch *src_mysql_copy_plan_batch(src_mysql_copy_plan *plan);
/* Takes the piece, also on failure. Waits while enough is waiting already. SKIP: what comes now of
 * the range is not wanted. EOF: stopped. */
cdc_rc src_mysql_copy_plan_push(src_mysql_copy_plan *plan, const src_mysql_work *work,
                                src_mysql_piece *piece_take) CDC_MUST_CHECK;
/* The range was read to its end. */
void src_mysql_copy_plan_read(src_mysql_copy_plan *plan, const src_mysql_work *work,
                              const src_mysql_log_pos *high);
void src_mysql_piece_free(src_mysql_copy_plan *plan, src_mysql_piece *piece); /* NULL is fine */
/* A worker cannot go on: the reader's next call returns this error. */
void src_mysql_copy_plan_fail(src_mysql_copy_plan *plan, const cdc_error *err);
void src_mysql_copy_plan_stop(src_mysql_copy_plan *plan); /* wakes all that wait */
bool src_mysql_copy_plan_stopped(src_mysql_copy_plan *plan);

/* --- the reader --- */

/* What the stream is to do until the next call. */
typedef enum src_mysql_flow {
    SRC_MYSQL_FLOW_RUN,
    SRC_MYSQL_FLOW_STOP, /* stop at the first boundary at or behind a position */
    SRC_MYSQL_FLOW_HOLD, /* do not read on */
} src_mysql_flow;

/* Where the stream is: asked for before each poll of the stream and of the plan. */
void src_mysql_copy_plan_boundary(src_mysql_copy_plan *plan, bool at_boundary,
                                  const src_mysql_log_pos *at, const char *gtids);
src_mysql_flow src_mysql_copy_plan_flow(src_mysql_copy_plan *plan, src_mysql_log_pos *stop_at);
/* Takes in what came from the stream: sets the phase of its events, drops those that the copy will
 * have, and notes keys and changes of definition. redefined: definitions have changed, and with
 * them perhaps the position. */
cdc_rc src_mysql_copy_plan_events(src_mysql_copy_plan *plan, cdc_batch *batch, bool *redefined,
                                  cdc_error *err) CDC_MUST_CHECK;

typedef struct src_mysql_portion {
    src_mysql_piece *piece; /* rows that are left have op INSERT, stale ones op 0; NULL: no rows */
    char txn[600];
    bool rows_follow; /* the transaction goes on with the next portion */
    bool commit;      /* it ends here */
} src_mysql_portion;

/* OK: something is handed over, or the position moved. AGAIN: nothing is ready. EOF: all is done.
 * Other: the error of a worker. Waits up to timeout_ms. */
cdc_rc src_mysql_copy_plan_next(src_mysql_copy_plan *plan, src_mysql_portion *out, int timeout_ms,
                                cdc_error *err) CDC_MUST_CHECK;
/* How far the copy is, for tokens: stage, table, key, marks, numbers. Changes with next and events
 * only, whatever the workers do. */
const src_mysql_position *src_mysql_copy_plan_position(const src_mysql_copy_plan *plan);

typedef struct src_mysql_progress {
    uint64_t tables, tables_done, rows, rows_estimated, bytes;
} src_mysql_progress;

void src_mysql_copy_plan_progress(src_mysql_copy_plan *plan, src_mysql_progress *out);

#endif

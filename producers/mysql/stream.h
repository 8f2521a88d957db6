/* src_mysql_stream: the binlog of one server as cdc_events, from a position on.
 *
 * What becomes of what:
 *   - rows of selected tables: INSERT, UPDATE, DELETE; then one COMMIT at the XID event or COMMIT.
 *   - DDL on a selected table or database: a DDL event and a COMMIT of its own; MySQL's CREATE
 * TABLE ... SELECT is one transaction of the DDL and its rows. DDL that cannot be placed counts for
 * the default database.
 *   - rows that were undone by ROLLBACK or ROLLBACK TO SAVEPOINT, where they stand in the log, do
 * not count (undo.h).
 *   - XA transactions: their rows at XA COMMIT, with its GTID, from where XA PREPARE left them in
 * the log (docs/adr/0012-xa-rows-at-commit.md).
 *   - changes in STATEMENT format: FATAL if they may concern what is selected. Events of unknown
 * types, unless they are marked as ignorable: FATAL. err names position and cure.
 *
 * Batches end at about 1 MB of events or 4096 rows; the largest row events are taken in slices.
 * Events in hand are never held back to wait for more. One thread. */
#ifndef SRC_MYSQL_STREAM_H
#define SRC_MYSQL_STREAM_H

#include "connection.h"
#include "core/plugin.h"
#include "gtid_set.h"
#include "position.h"
#include "server_checks.h"
#include "value.h"

typedef struct src_mysql_stream src_mysql_stream;

typedef struct src_mysql_stream_start {
    const cdc_env *env;
    const src_mysql_server *server;
    src_mysql_decode *dec;
    uint32_t server_id;           /* ours */
    src_mysql_gtid_set *executed; /* taken, also on failure; NULL: not known */
    bool by_gtid;                 /* start behind executed, else at the position */
    src_mysql_gtid_set *ask; /* taken; what the server is told instead of executed; NULL = it */
    bool single;             /* end behind the first transaction */
    src_mysql_log_pos at;    /* file "" if only the GTIDs are known */
    src_mysql_log_pos until; /* phase is SNAPSHOT up to here; file "" = none */
    src_mysql_log_pos end;   /* caught up from here on */
    const char *xa;          /* prepared XA transactions of the token, or NULL */
    const char *shadows;     /* of the token; NULL = none */
    bool moved;              /* their places in the log are another server's */
    bool at_end;             /* nothing lies between the start and the end */
} src_mysql_stream_start;

/* The connection is taken, also on failure. */
cdc_rc src_mysql_stream_open(src_mysql_stream **out, src_mysql_connection *conn_take,
                             const src_mysql_stream_start *start, cdc_error *err) CDC_MUST_CHECK;
/* As cdc_source.poll; EOF only behind a single transaction. */
cdc_rc src_mysql_stream_poll(src_mysql_stream *st, cdc_batch *batch, int timeout_ms,
                             cdc_error *err) CDC_MUST_CHECK;
void src_mysql_stream_close(src_mysql_stream *st); /* NULL is fine */

/* For the full copy, which runs beside the stream. */

/* Between two transactions? Then *at is the end of what was handed over, and the executed set is
 * appended to gtids (NULL: not asked for; nothing while it is not known). */
bool src_mysql_stream_boundary(const src_mysql_stream *st, src_mysql_log_pos *at,
                               cdc_buffer *gtids);
/* From now on a poll ends at the first boundary at or behind the position; NULL: it does not care.
 */
void src_mysql_stream_stop_at(src_mysql_stream *st, const src_mysql_log_pos *at);
/* Tokens take stage, table, key, and marks from here; borrowed, NULL: there is no copy. */
void src_mysql_stream_set_copy(src_mysql_stream *st, const src_mysql_position *copy);
/* Gives the batch a token of the last transaction's end. */
cdc_rc src_mysql_stream_token(src_mysql_stream *st, cdc_batch *batch,
                              cdc_error *err) CDC_MUST_CHECK;
/* Has everything been handed over that the server had when the stream was opened? */
bool src_mysql_stream_caught_up(const src_mysql_stream *st);

#endif

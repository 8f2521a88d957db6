/* What stream.c (batches, rows, positions) and stream_txn.c (transactions, statements) share. */
#ifndef SRC_MYSQL_STREAM_STATE_H
#define SRC_MYSQL_STREAM_STATE_H

#include "feed.h"
#include "map_cache.h"
#include "prepared.h"
#include "rows.h"
#include "schema/mysql_sql/statement.h"
#include "shadow.h"
#include "stream.h"
#include "undo.h"

/* The transaction (event group) that the stream is in. */
typedef struct src_mysql_txn {
    bool in_group; /* its first event was seen, its COMMIT not yet */
    bool open;     /* behind BEGIN: a DDL does not end it */
    bool emitted;  /* rows or DDL of it are in the batch, or were handed over */
    bool is_xa;
    bool selected; /* rows of selected tables were passed over */
    bool deferred; /* its rows come when it is read for the second time */
    uint32_t mark; /* events in the batch before its own */
    bool has_gtid;
    src_mysql_log_pos begin;             /* of its first event */
    src_mysql_gtid gtid;                 /* MySQL */
    src_mysql_mariadb_gtid mariadb_gtid; /* MariaDB */
    int64_t commit_ms;                   /* 0: the events' own time */
} src_mysql_txn;

/* The transaction that is read a second time (stream_replay.c). */
typedef struct src_mysql_replay {
    bool active;
    bool begun; /* its first event came */
    bool final; /* what is undone in it is known: rows can be handed over as they come */
    src_mysql_feed feed;
    src_mysql_log_pos begin; /* file "": by gtid, see src_mysql_prepared */
    char gtid[SRC_MYSQL_GTID_TEXT_MAX];
    char xid[SRC_MYSQL_XID_MAX]; /* "" = no XA transaction */
} src_mysql_replay;

/* The search for a prepared transaction (stream_search.c). */
typedef struct src_mysql_search {
    bool active;
    char xid[SRC_MYSQL_XID_MAX];
    src_mysql_feed feed;
    char **files; /* oldest first; those from next on are done */
    size_t nfiles, next;
    src_mysql_log_pos at, current; /* in the file; the beginning of the running transaction */
    bool found;
    src_mysql_log_pos group; /* where it begins */
} src_mysql_search;

/* See stream_watch.c. */
typedef struct src_mysql_watch {
    src_mysql_connection conn; /* closed until it is needed */
    int64_t event_ms;          /* when the last event but a heartbeat came */
    int64_t asked_ms;
    src_mysql_log_pos missing; /* end of the log when the stream stood at stuck_at; file "": none */
    src_mysql_log_pos stuck_at;
} src_mysql_watch;

/* A statement that the stream has not reached alters this table. */
typedef struct src_mysql_change {
    char *database, *table; /* owned */
    src_mysql_log_pos at;   /* its end, the latest one */
    src_mysql_log_pos kind; /* the same of one that may change what src_mysql_stream_resolve asks */
} src_mysql_change;

/* See stream_define.c. */
typedef struct src_mysql_lookahead {
    bool active;
    src_mysql_connection conn; /* for definitions; closed until it is needed */
    src_mysql_feed feed;
    src_mysql_log_pos at;   /* looked through up to here; file "": not at all */
    src_mysql_log_pos end;  /* end of the log when `built` had been read */
    src_mysql_table *built; /* waits for the look ahead; NULL: none */
    bool sequence;          /* waits likewise: it is one */
    src_mysql_change *changes;
    size_t nchanges, changes_cap;
} src_mysql_lookahead;

/* What MariaDB's log does not say about the table of the event at hand. See stream_resolve.c. */
typedef struct src_mysql_resolve {
    uint32_t event_s; /* the event's time */
    bool asked;       /* the rest is there: it waits for the look ahead */
    MYSQL_RES *cols;
    bool exists, versioned, sequence;
    int64_t created_s; /* when the definition was made, by the server's clock */
} src_mysql_resolve;

struct src_mysql_stream {
    const cdc_env *env;
    const src_mysql_server *server;
    src_mysql_decode *dec;
    src_mysql_feed feed;
    src_mysql_map_cache *tables;

    src_mysql_log_pos at;         /* end of the last event */
    src_mysql_log_pos done;       /* end of the last transaction */
    src_mysql_gtid_set *executed; /* up to done; NULL: not known yet */
    src_mysql_log_pos until;      /* file "": the window of the full copy is passed */
    src_mysql_log_pos end;
    bool caught_up, caught_up_told;
    bool single, single_done; /* one transaction is wanted; it was read */
    src_mysql_txn txn;
    src_mysql_prepared_list prepared; /* as of done */
    bool logs_undone;                 /* this server's log may hold rows that were undone */
    src_mysql_undo undo;
    src_mysql_replay replay;
    src_mysql_search search;
    src_mysql_watch watch;
    src_mysql_lookahead ahead;
    src_mysql_resolve resolve;
    src_mysql_resolver resolver;
    src_mysql_event waiting; /* a TABLE_MAP event whose definition is not there yet */
    bool is_waiting;
    const src_mysql_position *copy; /* progress of the full copy, for tokens; borrowed */
    bool stops;                     /* polls end at the first boundary at or behind stop_at */
    src_mysql_log_pos stop_at;

    /* a ROWS event that is not finished: its rows lie in the library's buffer until the next fetch
     */
    bool rows_open;
    src_mysql_rows rows; /* rows.data: what is left of it */
    const src_mysql_known_table *rows_table;
    int64_t rows_ms;
    uint32_t rows_server_id;
    size_t window_bytes; /* how much of it is copied at once */

    /* of the batch being filled */
    cdc_batch *batch;
    bool stop;      /* the batch must be handed over now */
    bool took;      /* at least one event was read for it */
    bool moved;     /* done moved since the last token */
    bool committed; /* a COMMIT is in the batch */
    int64_t capture_ms;
    const char *txn_text, *gtid_text, *file_text; /* in the batch's arena; NULL: not yet */

    int64_t token_ms; /* when the last token was made */
    cdc_buffer token, set_text, xa_text, shadow_text;
    cdc_arena scratch; /* statements; reset for each */
    src_mysql_shadows shadows;
    unsigned queries_told; /* kinds of objects, as bits, whose QUERY was said */
    cdc_metric *transactions_total, *events_total, *lag_ms, *bad_text_total;
};

/* Appends an event with everything that the transaction and position give. NULL: the arena is full.
 */
cdc_event *src_mysql_stream_add(src_mysql_stream *st, cdc_op op, int64_t source_ms,
                                uint32_t server_id);
/* Is the current position inside the window that the full copy may hold already? */
bool src_mysql_stream_in_window(const src_mysql_stream *st);
/* Adds server and position to err; returns its code. */
cdc_rc src_mysql_stream_at(const src_mysql_stream *st, cdc_error *err);
/* A batch could not take more: FATAL. */
cdc_rc src_mysql_stream_full(const src_mysql_stream *st, cdc_error *err);

/* stream_txn.c: events that begin, end, or stand for transactions. */
cdc_rc src_mysql_txn_gtid(src_mysql_stream *st, const src_mysql_event *ev,
                          cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_txn_query(src_mysql_stream *st, const src_mysql_event *ev,
                           cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_txn_commit(src_mysql_stream *st, const src_mysql_event *ev,
                            cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_txn_load_query(src_mysql_stream *st, const src_mysql_event *ev,
                                cdc_error *err) CDC_MUST_CHECK;
/* The transaction's end: everything up to here is done; or, if it was deferred, its second reading
 * begins. */
cdc_rc src_mysql_txn_finish(src_mysql_stream *st, const src_mysql_event *ev,
                            cdc_error *err) CDC_MUST_CHECK;

/* stream_xa.c: XA, savepoints and rollbacks. */
cdc_rc src_mysql_txn_xa_prepare(src_mysql_stream *st, const src_mysql_event *ev,
                                cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_txn_xa(src_mysql_stream *st, const src_mysql_event *ev, const char *sql,
                        cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_txn_savepoint(src_mysql_stream *st, const char *sql,
                               cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_txn_rollback_to(src_mysql_stream *st, const char *sql,
                                 cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_txn_rollback(src_mysql_stream *st, const src_mysql_event *ev,
                              cdc_error *err) CDC_MUST_CHECK;
/* Are the events of the running transaction only passed over? */
bool src_mysql_txn_is_silent(const src_mysql_stream *st);
/* May events of the running transaction, which are in the batch, turn out to be undone? */
bool src_mysql_txn_may_undo(const src_mysql_stream *st);
/* The batch must be handed over before the transaction's end: takes its events back. */
void src_mysql_txn_defer(src_mysql_stream *st);
/* What stands behind the words; NULL: the statement does not begin with them. */
const char *src_mysql_xa_verb(const char *sql, const char *verb);

/* stream_replay.c */
/* A second connection to the same server, and a free server id for it. */
cdc_rc src_mysql_replay_connect(src_mysql_stream *st, src_mysql_connection *conn, uint32_t *id,
                                cdc_error *err) CDC_MUST_CHECK;
/* The rows of a prepared transaction are what comes next. */
cdc_rc src_mysql_replay_prepared(src_mysql_stream *st, const src_mysql_prepared *item,
                                 cdc_error *err) CDC_MUST_CHECK;
/* The running transaction is read once more, without what is undone in it. */
cdc_rc src_mysql_replay_again(src_mysql_stream *st, cdc_error *err) CDC_MUST_CHECK;
/* AGAIN: an event that says nothing here. */
cdc_rc src_mysql_replay_take(src_mysql_stream *st, src_mysql_event *ev,
                             cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_replay_check_xid(const src_mysql_stream *st, const char *xid,
                                  cdc_error *err) CDC_MUST_CHECK;
void src_mysql_replay_close(src_mysql_stream *st);

/* stream_search.c: ends with src_mysql_replay_prepared. */
cdc_rc src_mysql_search_begin(src_mysql_stream *st, const char *xid, cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_search_take(src_mysql_stream *st, cdc_error *err) CDC_MUST_CHECK;
void src_mysql_search_fini(src_mysql_search *search);

/* A statement of the log. */
typedef struct src_mysql_statement {
    cdc_sql_statement parsed;
    const char *sql; /* UTF-8, as a session without special modes writes it; not terminated */
    const char *database;
} src_mysql_statement;

/* In the scratch arena, until the next one. */
cdc_rc src_mysql_txn_parse(src_mysql_stream *st, const src_mysql_query *query,
                           src_mysql_statement *out, cdc_error *err) CDC_MUST_CHECK;

/* stream_database.c: a CREATE DATABASE that names no character set gets the one that it meant. */
cdc_rc src_mysql_txn_complete(src_mysql_stream *st, const src_mysql_query *query,
                              src_mysql_statement *stmt, cdc_error *err) CDC_MUST_CHECK;

/* stream_define.c */
cdc_rc src_mysql_lookahead_define(void *ctx, const src_mysql_table_map *map, src_mysql_table **out,
                                  cdc_error *err) CDC_MUST_CHECK; /* a src_mysql_definer */
cdc_rc src_mysql_lookahead_take(src_mysql_stream *st, cdc_error *err) CDC_MUST_CHECK;
void src_mysql_lookahead_fini(src_mysql_lookahead *la);
/* The connection for definitions, opened if it is not. */
cdc_rc src_mysql_lookahead_connect(src_mysql_stream *st, cdc_error *err) CDC_MUST_CHECK;
/* Is the log looked through up to ahead.end? AGAIN: not yet; poll goes on with that. */
cdc_rc src_mysql_lookahead_reach(src_mysql_stream *st, cdc_error *err) CDC_MUST_CHECK;
/* What was seen of the table; NULL: no statement about it. */
const src_mysql_change *src_mysql_lookahead_change(const src_mysql_stream *st, const char *database,
                                                   const char *table);

/* stream_resolve.c: a src_mysql_resolver's function; ctx is the stream. AGAIN: the log has to be
 * looked through first. FATAL: the answer is not certain. */
cdc_rc src_mysql_stream_resolve(void *ctx, const src_mysql_table_map *map,
                                struct src_mysql_column_spec *specs, cdc_error *err) CDC_MUST_CHECK;
/* Could this statement, an ALTER, change what is asked for? */
bool src_mysql_resolve_may_change(const char *sql, size_t len);
void src_mysql_resolve_fini(src_mysql_resolve *re);

/* stream_watch.c */
void src_mysql_watch_event(src_mysql_stream *st);
/* Between events: RETRY, or FATAL: the log is not the server's any more. */
cdc_rc src_mysql_watch_heartbeat(src_mysql_stream *st, cdc_error *err) CDC_MUST_CHECK;
void src_mysql_watch_fini(src_mysql_stream *st);

#endif

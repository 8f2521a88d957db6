/* What stream.c (batches, rows, positions) and stream_txn.c (transactions, statements) share. */
#ifndef SRC_MYSQL_STREAM_STATE_H
#define SRC_MYSQL_STREAM_STATE_H

#include "feed.h"
#include "map_cache.h"
#include "rows.h"
#include "stream.h"

/* The transaction (event group) that the stream is in. */
typedef struct src_mysql_txn {
    bool in_group; /* its first event was seen, its COMMIT not yet */
    bool open;     /* behind BEGIN: a DDL does not end it */
    bool emitted;  /* rows or DDL of it were handed over */
    bool is_xa;
    bool has_gtid;
    src_mysql_log_pos begin;             /* of its first event */
    src_mysql_gtid gtid;                 /* MySQL */
    src_mysql_mariadb_gtid mariadb_gtid; /* MariaDB */
    int64_t commit_ms;                   /* 0: the events' own time */
} src_mysql_txn;

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
    bool stop_at_boundary;
    src_mysql_txn txn;

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
    cdc_buffer token, set_text;
    cdc_arena scratch;     /* statements; reset for each */
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
cdc_rc src_mysql_txn_xa_prepare(src_mysql_stream *st, const src_mysql_event *ev,
                                cdc_error *err) CDC_MUST_CHECK;

#endif

#include <stddef.h>

#include "core/clock.h"
#include "core/log.h"
#include "stream_state.h"

#define BATCH_SOURCE_BYTES (1U << 20)
#define BATCH_ROWS 4096U
#define BATCH_ARENA_BYTES (4U << 20)
#define WINDOW_BYTES ((size_t)1 << 20)
#define TOKEN_EVERY_MS 1000
#define SILENCE_MS 10000 /* 20 heartbeats */
#define TOKEN_MAX (64U << 20)
#define STATEMENT_MAX (256U << 20)

/* --- events into the batch --- */

cdc_rc src_mysql_stream_at(const src_mysql_stream *st, cdc_error *err)
{
    return cdc_error_context(err, "server %s at %s:%llu", st->feed.conn.name, st->at.file,
                             (unsigned long long)st->at.pos);
}

cdc_rc src_mysql_stream_full(const src_mysql_stream *st, cdc_error *err)
{
    (void)cdc_error_set(err, CDC_FATAL, "mysql_too_large",
                        "an event does not fit into the memory of a batch (%zu MB)",
                        st->batch->arena.max_bytes >> 20);
    return src_mysql_stream_at(st, err);
}

bool src_mysql_stream_in_window(const src_mysql_stream *st)
{
    return st->until.file[0] != '\0' && src_mysql_log_pos_compare(&st->at, &st->until) <= 0;
}

/* The transaction's texts, once per transaction and batch. */
static bool intern_names(src_mysql_stream *st)
{
    cdc_arena *ar = &st->batch->arena;
    if (st->file_text == NULL) {
        st->file_text = cdc_arena_strndup(ar, st->at.file, strlen(st->at.file));
    }
    if (st->txn_text == NULL) {
        char text[SRC_MYSQL_FILE_MAX + SRC_MYSQL_GTID_TEXT_MAX + 24];
        if (st->txn.has_gtid) {
            if (st->server->is_mariadb) {
                src_mysql_mariadb_gtid_text(&st->txn.mariadb_gtid, text);
            } else {
                src_mysql_gtid_text(&st->txn.gtid, text);
            }
        } else {
            snprintf(text, sizeof(text), "%s:%llu", st->txn.begin.file,
                     (unsigned long long)st->txn.begin.pos);
        }
        st->txn_text = cdc_arena_strndup(ar, text, strlen(text));
        st->gtid_text = st->txn.has_gtid ? st->txn_text : "";
    }
    return st->file_text != NULL && st->txn_text != NULL;
}

cdc_event *src_mysql_stream_add(src_mysql_stream *st, cdc_op op, int64_t source_ms,
                                uint32_t server_id)
{
    if (!intern_names(st)) {
        return NULL;
    }
    cdc_event *out = cdc_batch_add(st->batch);
    if (out == NULL) {
        return NULL;
    }
    out->op = (uint8_t)op;
    out->phase = src_mysql_stream_in_window(st) ? CDC_PHASE_SNAPSHOT : CDC_PHASE_INCR;
    out->server_id = server_id;
    out->source_ms = source_ms;
    out->capture_ms = st->capture_ms;
    out->txn = st->txn_text;
    out->gtid = st->gtid_text;
    out->pos_file = st->file_text;
    out->pos = st->at.pos;
    if (st->batch->first_ms == 0) {
        st->batch->first_ms = st->capture_ms;
    }
    return out;
}

/* --- rows --- */

static cdc_rc begin_rows(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    if (src_mysql_rows_begin(ev, &st->rows, err) != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    uint64_t number = st->undo.rows_event++;
    if (st->rows.table_id == SRC_MYSQL_ROWS_NO_TABLE) {
        return CDC_OK;
    }
    const src_mysql_known_table *known = src_mysql_map_cache_find(st->tables, st->rows.table_id);
    if (known == NULL) {
        (void)cdc_error_set(err, CDC_FATAL, "mysql_event",
                            "rows of table id %llu without its TABLE_MAP event: the position is "
                            "inside of a transaction; start at the beginning of one",
                            (unsigned long long)st->rows.table_id);
        return src_mysql_stream_at(st, err);
    }
    if (known->tbl == NULL) {
        return CDC_OK;
    }
    st->txn.selected = true;
    if (src_mysql_txn_is_silent(st) ||
        (st->replay.active && st->replay.final && src_mysql_undo_has(&st->undo, number))) {
        return CDC_OK;
    }
    const cdc_table *tbl = known->tbl->table;
    if (tbl->nkeys == 0 && st->copy == NULL && src_mysql_stream_in_window(st)) {
        (void)cdc_error_set(
            err, CDC_FATAL, "mysql_copy_keyless",
            "table %s.%s has no primary key and was changed while its full copy began, so "
            "its rows cannot be matched; add a primary key, or start the task again under "
            "a new name when nothing writes to the table",
            tbl->database, tbl->name);
        return src_mysql_stream_at(st, err);
    }
    st->rows_open = true;
    st->rows_table = known;
    st->rows_ms = st->txn.commit_ms > 0 ? st->txn.commit_ms : (int64_t)ev->timestamp * 1000;
    st->rows_server_id = ev->server_id;
    st->window_bytes = WINDOW_BYTES;
    return CDC_OK;
}

/* How much more than usual may lie in the batch, so that what may be undone need not be read twice.
 */
static uint32_t slack(const src_mysql_stream *st)
{
    return src_mysql_txn_may_undo(st) && st->txn.emitted ? 4 : 1;
}

static bool batch_has_rows(const src_mysql_stream *st)
{
    const cdc_batch *batch = st->batch;
    return batch->nevents >= BATCH_ROWS * slack(st) ||
           (batch->want_rows > 0 && batch->nevents >= batch->want_rows);
}

static bool batch_is_full(const src_mysql_stream *st)
{
    const cdc_batch *batch = st->batch;
    return batch_has_rows(st) || batch->source_bytes >= (uint64_t)BATCH_SOURCE_BYTES * slack(st) ||
           (batch->want_bytes > 0 && batch->source_bytes >= batch->want_bytes) ||
           (batch->nevents > 0 && batch->arena.used_bytes >= (size_t)BATCH_ARENA_BYTES * slack(st));
}

/* Decodes rows of `part`, a copy of the next bytes, until its end or until the batch is full. Moves
 * part on behind the last row taken. FATAL: the next row cannot be decoded from these bytes. */
static cdc_rc decode_rows(src_mysql_stream *st, src_mysql_rows *part, cdc_error *err)
{
    cdc_table *tbl = st->rows_table->tbl->table;
    size_t limit = st->batch->arena.used_bytes + BATCH_ARENA_BYTES;
    while (cdc_cursor_left(&part->data) > 0) {
        if (batch_has_rows(st) || st->batch->arena.used_bytes >= limit) {
            st->stop = true;
            return CDC_OK;
        }
        cdc_value *before = NULL;
        cdc_value *after = NULL;
        cdc_cursor from = part->data;
        const src_mysql_table *known = st->rows_table->tbl;
        cdc_rc rc = src_mysql_rows_next(part, known, st->dec, &before, &after, err);
        if (rc == CDC_OK && known->versioned && !src_mysql_rows_current(known, &before, &after)) {
            continue;
        }
        if (rc == CDC_OK && !cdc_batch_hold(st->batch, tbl)) {
            rc = src_mysql_stream_full(st, err);
        }
        cdc_event *out = NULL;
        if (rc == CDC_OK) {
            cdc_op op = before == NULL  ? CDC_OP_INSERT
                        : after == NULL ? CDC_OP_DELETE
                                        : CDC_OP_UPDATE;
            out = src_mysql_stream_add(st, op, st->rows_ms, st->rows_server_id);
            rc = out != NULL ? CDC_OK : src_mysql_stream_full(st, err);
        }
        if (rc != CDC_OK) {
            part->data = from;
            return rc == CDC_EOF ? CDC_OK : rc;
        }
        out->table = tbl;
        out->unchecked = (part->flags & SRC_MYSQL_ROWS_NO_FOREIGN_KEYS) != 0;
        out->before = before;
        out->after = after;
    }
    return CDC_OK;
}

static void start_batch_over(src_mysql_stream *st)
{
    uint64_t bytes = st->batch->source_bytes;
    cdc_batch_reset(st->batch);
    st->batch->source_bytes = bytes;
    st->txn_text = st->gtid_text = st->file_text = NULL;
}

/* Takes the next slice of the open event: copies up to a window of it into the batch's arena, and
 * decodes out of that. A row that is cut off at the window's end is taken again in the next slice;
 * if not even one row fits, with a wider window; if the batch holds other rows already, in a batch
 * of its own. */
static cdc_rc continue_rows(src_mysql_stream *st, cdc_error *err)
{
    size_t left = cdc_cursor_left(&st->rows.data);
    size_t n = left < st->window_bytes ? left : st->window_bytes;
    uint32_t before = st->batch->nevents;
    src_mysql_rows part = st->rows;
    cdc_rc rc = CDC_OK;
    uint8_t *copy = cdc_arena_memdup(&st->batch->arena, st->rows.data.p, n);
    if (copy == NULL && n > 0) {
        rc = src_mysql_stream_full(st, err);
    } else {
        part.data = cdc_cursor_of(copy, n);
        rc = decode_rows(st, &part, err);
        (void)cdc_cursor_bytes(&st->rows.data, n - cdc_cursor_left(&part.data));
    }
    if (st->batch->nevents > before) {
        st->txn.emitted = true;
        cdc_metric_add(st->events_total, st->batch->nevents - before);
    }
    st->rows_open = cdc_cursor_left(&st->rows.data) > 0;
    if (rc == CDC_OK) {
        return CDC_OK;
    }
    if (st->batch->nevents > before && n < left) {
        cdc_error_clear(err); /* most likely the cut at the window's end: the next slice tells */
        return CDC_OK;
    }
    if (before > 0 || st->batch->nevents > 0) {
        cdc_error_clear(err);
        st->stop = true;
        return CDC_OK;
    }
    if (n < left) {
        cdc_error_clear(err);
        start_batch_over(st);
        st->window_bytes *= 4;
        return CDC_OK;
    }
    return src_mysql_stream_at(st, err);
}

/* --- positions --- */

static void set_file(src_mysql_stream *st, const char *file, size_t n, uint64_t pos)
{
    n = n < SRC_MYSQL_FILE_MAX ? n : SRC_MYSQL_FILE_MAX;
    if (strlen(st->at.file) != n || memcmp(st->at.file, file, n) != 0) {
        memcpy(st->at.file, file, n);
        st->at.file[n] = '\0';
        st->file_text = NULL;
    }
    st->at.pos = pos;
}

/* Positions without a transaction count too, but only forward: with GTIDs the server begins to read
 * at the head of a log. */
static void passed(src_mysql_stream *st)
{
    if (!st->txn.in_group && src_mysql_log_pos_compare(&st->at, &st->done) > 0) {
        st->done = st->at;
        st->moved = true;
    }
}

static cdc_rc handle_rotate(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    src_mysql_rotate rotate;
    if (src_mysql_event_rotate(ev, &rotate, err) != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    set_file(st, rotate.file, rotate.file_len, rotate.position);
    passed(st);
    return CDC_OK;
}

static cdc_rc handle_heartbeat(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    src_mysql_rotate beat;
    if (src_mysql_event_heartbeat(ev, &beat, err) != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    src_mysql_log_pos to = {.pos = beat.position};
    if (beat.file_len == 0 || beat.file_len > SRC_MYSQL_FILE_MAX || beat.position == 0) {
        return src_mysql_watch_heartbeat(st, err);
    }
    memcpy(to.file, beat.file, beat.file_len);
    if (src_mysql_log_pos_compare(&to, &st->at) > 0) {
        set_file(st, beat.file, beat.file_len, beat.position);
        passed(st);
    }
    if (!st->txn.in_group) {
        cdc_metric_set(st->lag_ms, 0);
    }
    return src_mysql_watch_heartbeat(st, err);
}

/* The state at the beginning of a log: tells the executed set when we came by file and position. */
static cdc_rc handle_previous_gtids(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    if (st->executed != NULL || !st->server->has_gtids) {
        return CDC_OK;
    }
    st->executed = src_mysql_gtid_set_new(false);
    if (st->executed == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the GTID set");
    }
    cdc_rc rc =
        src_mysql_gtid_set_decode(st->executed, ev->body.p, cdc_cursor_left(&ev->body), err);
    return rc == CDC_OK ? CDC_OK : src_mysql_stream_at(st, err);
}

/* --- dispatch --- */

static cdc_rc unhandled(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    return src_mysql_event_unhandled(ev, err) == CDC_OK ? CDC_OK : src_mysql_stream_at(st, err);
}

static cdc_rc handle_table_map(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    st->resolve.event_s = ev->timestamp;
    cdc_rc rc = src_mysql_map_cache_event(st->tables, ev->body, err);
    st->is_waiting = rc == CDC_AGAIN;
    st->waiting = *ev;
    return rc == CDC_OK || rc == CDC_AGAIN ? CDC_OK : src_mysql_stream_at(st, err);
}

/* Says nothing that is needed; the statement it belongs to decides. */
static cdc_rc skip_event(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    (void)st;
    (void)ev;
    (void)err;
    return CDC_OK;
}

typedef cdc_rc (*event_handler)(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err);

#define APPEND_BLOCK_EVENT 9

static const event_handler handlers[256] = {
    [SRC_MYSQL_GTID_EVENT] = src_mysql_txn_gtid,
    [SRC_MYSQL_ANONYMOUS_GTID_EVENT] = src_mysql_txn_gtid,
    [SRC_MYSQL_GTID_TAGGED_EVENT] = src_mysql_txn_gtid,
    [SRC_MYSQL_MARIADB_GTID_EVENT] = src_mysql_txn_gtid,
    [SRC_MYSQL_TABLE_MAP_EVENT] = handle_table_map,
    [SRC_MYSQL_WRITE_ROWS_EVENT] = begin_rows,
    [SRC_MYSQL_UPDATE_ROWS_EVENT] = begin_rows,
    [SRC_MYSQL_DELETE_ROWS_EVENT] = begin_rows,
    [SRC_MYSQL_WRITE_ROWS_V1_EVENT] = begin_rows,
    [SRC_MYSQL_UPDATE_ROWS_V1_EVENT] = begin_rows,
    [SRC_MYSQL_DELETE_ROWS_V1_EVENT] = begin_rows,
    [SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT] = begin_rows,
    [SRC_MYSQL_QUERY_EVENT] = src_mysql_txn_query,
    [SRC_MYSQL_XID_EVENT] = src_mysql_txn_commit,
    [SRC_MYSQL_XA_PREPARE_EVENT] = src_mysql_txn_xa_prepare,
    [SRC_MYSQL_EXECUTE_LOAD_QUERY_EVENT] = src_mysql_txn_load_query,
    [SRC_MYSQL_ROTATE_EVENT] = handle_rotate,
    [SRC_MYSQL_HEARTBEAT_EVENT] = handle_heartbeat,
    [SRC_MYSQL_HEARTBEAT_V2_EVENT] = handle_heartbeat,
    [SRC_MYSQL_PREVIOUS_GTIDS_EVENT] = handle_previous_gtids,
    [SRC_MYSQL_FORMAT_DESCRIPTION_EVENT] = skip_event,
    [SRC_MYSQL_TRANSACTION_PAYLOAD_EVENT] = skip_event, /* the events in it follow */
    [SRC_MYSQL_STOP_EVENT] = skip_event,
    [SRC_MYSQL_INTVAR_EVENT] = skip_event,
    [SRC_MYSQL_RAND_EVENT] = skip_event,
    [SRC_MYSQL_USER_VAR_EVENT] = skip_event,
    [SRC_MYSQL_BEGIN_LOAD_QUERY_EVENT] = skip_event,
    [APPEND_BLOCK_EVENT] = skip_event,
    [SRC_MYSQL_IGNORABLE_EVENT] = skip_event,
    [SRC_MYSQL_ROWS_QUERY_EVENT] = skip_event,
    [SRC_MYSQL_TRANSACTION_CONTEXT_EVENT] = skip_event,
    [SRC_MYSQL_VIEW_CHANGE_EVENT] = skip_event,
    [SRC_MYSQL_MARIADB_ANNOTATE_ROWS_EVENT] = skip_event,
    [SRC_MYSQL_MARIADB_BINLOG_CHECKPOINT_EVENT] = skip_event,
    [SRC_MYSQL_MARIADB_GTID_LIST_EVENT] = skip_event,
    [SRC_MYSQL_MARIADB_START_ENCRYPTION_EVENT] = skip_event, /* the server decrypts for us */
};

static cdc_rc handle_event(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    event_handler handler = handlers[ev->type];
    return handler != NULL ? handler(st, ev, err) : unhandled(st, ev, err);
}

/* Of a transaction that is read for the second time: positions stay where they are. */
static cdc_rc take_replayed(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_event ev;
    uint64_t before = st->replay.feed.bytes;
    cdc_rc rc = src_mysql_replay_take(st, &ev, err);
    st->batch->source_bytes += st->replay.feed.bytes - before;
    if (rc != CDC_OK) {
        return rc == CDC_AGAIN ? CDC_OK : rc;
    }
    return handle_event(st, &ev, err);
}

static cdc_rc take_event(src_mysql_stream *st, cdc_error *err)
{
    if (st->ahead.active) {
        return src_mysql_lookahead_take(st, err);
    }
    if (st->search.active) {
        return src_mysql_search_take(st, err);
    }
    if (st->replay.active) {
        return take_replayed(st, err);
    }
    src_mysql_event ev;
    uint64_t before = st->feed.bytes;
    cdc_rc rc = src_mysql_feed_next(&st->feed, &st->at, &ev, err);
    if (rc == CDC_AGAIN) {
        return CDC_OK;
    }
    if (rc != CDC_OK) {
        bool damaged = rc == CDC_FATAL && err->exit != CDC_EXIT_REFUSED; /* else it says where */
        return damaged ? src_mysql_stream_at(st, err) : rc;
    }
    st->capture_ms = cdc_clock_wall_ms();
    st->batch->source_bytes += st->feed.bytes - before;
    if (src_mysql_event_has_end(&ev)) {
        src_mysql_watch_event(st);
        src_mysql_log_pos_advance(&st->at, ev.end_pos);
    }
    return handle_event(st, &ev, err);
}

/* --- tokens and batches --- */

static cdc_rc make_token(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_position pos = {.stage = SRC_MYSQL_STREAM};
    if (st->copy != NULL) {
        pos = *st->copy;
    }
    pos.server = st->server->identity;
    pos.at = st->done;
    pos.gtid = NULL;
    pos.until.file[0] = '\0';
    if (st->until.file[0] != '\0' && src_mysql_log_pos_compare(&st->done, &st->until) < 0) {
        pos.until = st->until;
    }
    cdc_buffer_reset(&st->set_text);
    if (st->executed != NULL) {
        src_mysql_gtid_set_print(st->executed, &st->set_text);
        pos.gtid = cdc_buffer_cstr(&st->set_text);
    }
    if (pos.gtid == NULL && pos.at.file[0] == '\0') {
        return CDC_OK; /* nothing has said yet where we are */
    }
    cdc_buffer_reset(&st->xa_text);
    src_mysql_prepared_print(&st->prepared, &st->xa_text);
    pos.xa = cdc_buffer_cstr(&st->xa_text);
    cdc_buffer_reset(&st->shadow_text);
    src_mysql_shadows_print(&st->shadows, &st->shadow_text);
    pos.shadows = cdc_buffer_cstr(&st->shadow_text);
    cdc_buffer_reset(&st->token);
    src_mysql_position_print(&pos, &st->token);
    bool failed =
        st->token.failed || st->set_text.failed || st->xa_text.failed || st->shadow_text.failed;
    char *token =
        failed ? NULL : cdc_arena_strndup(&st->batch->arena, st->token.data, st->token.len);
    if (token == NULL) {
        return src_mysql_stream_full(st, err);
    }
    st->batch->token = token;
    st->batch->token_len = (uint32_t)st->token.len;
    st->token_ms = cdc_clock_mono_ms();
    st->moved = false;
    char text[SRC_MYSQL_FILE_MAX + 32];
    snprintf(text, sizeof(text), "%s:%llu", st->done.file, (unsigned long long)st->done.pos);
    cdc_metrics_word(st->env->metrics, "source_position", text);
    return CDC_OK;
}

static void check_caught_up(src_mysql_stream *st)
{
    st->caught_up = st->caught_up || (!st->txn.in_group && st->at.file[0] != '\0' &&
                                      src_mysql_log_pos_compare(&st->at, &st->end) >= 0);
}

static bool token_is_due(const src_mysql_stream *st)
{
    return st->moved && !st->txn.in_group && cdc_clock_mono_ms() - st->token_ms >= TOKEN_EVERY_MS;
}

static cdc_rc finish_batch(src_mysql_stream *st, cdc_error *err)
{
    bool first_caught_up = st->caught_up && !st->caught_up_told;
    st->batch->caught_up = st->caught_up;
    if (st->committed || token_is_due(st) || first_caught_up) {
        cdc_rc rc = make_token(st, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    cdc_metric_set(st->bad_text_total, (int64_t)st->dec->bad_text);
    bool any = st->batch->nevents > 0 || st->batch->token_len > 0 || first_caught_up;
    st->caught_up_told = st->caught_up_told || st->caught_up;
    return any ? CDC_OK : CDC_AGAIN;
}

static void begin_batch(src_mysql_stream *st, cdc_batch *batch)
{
    st->batch = batch;
    st->dec->ar = &batch->arena;
    st->stop = st->committed = st->took = false;
    st->txn_text = st->gtid_text = st->file_text = NULL;
    st->txn.mark = 0;
}

/* The connection whose event is the next. */
static src_mysql_feed *current_feed(src_mysql_stream *st)
{
    return st->search.active ? &st->search.feed : st->replay.active ? &st->replay.feed : &st->feed;
}

/* Waits for something to read, not at all with events in hand. AGAIN: there is nothing. */
static cdc_rc await_input(src_mysql_stream *st, int64_t deadline, cdc_error *err)
{
    src_mysql_feed *feed = current_feed(st);
    bool undecided = src_mysql_txn_may_undo(st) && st->txn.emitted;
    bool in_hand = (st->batch->nevents > 0 && !undecided) || (st->caught_up && !st->caught_up_told);
    int64_t now = cdc_clock_mono_ms();
    if (st->took && !in_hand && now >= deadline) {
        return CDC_AGAIN; /* much is read, but nothing of it is for us */
    }
    int wait_ms = in_hand || now >= deadline ? 0 : (int)(deadline - now);
    if (src_mysql_feed_wait(feed, wait_ms > 0, wait_ms)) {
        return CDC_OK;
    }
    if (!in_hand && cdc_clock_mono_ms() - feed->heard_ms > SILENCE_MS) {
        return cdc_error_set(err, CDC_RETRY, "mysql_silence",
                             "server %s is silent for %d s, not even a heartbeat came",
                             st->feed.conn.name, SILENCE_MS / 1000);
    }
    return CDC_AGAIN;
}

static bool must_stop(const src_mysql_stream *st)
{
    src_mysql_log_pos at;
    return st->stops && src_mysql_stream_boundary(st, &at, NULL) &&
           src_mysql_log_pos_compare(&at, &st->stop_at) >= 0;
}

/* One step: what is in hand first, then the next event. AGAIN: there is none. */
static cdc_rc go_on(src_mysql_stream *st, int64_t deadline, cdc_error *err)
{
    if (st->rows_open) {
        return continue_rows(st, err);
    }
    if (st->is_waiting && !st->ahead.active) {
        return handle_table_map(st, &st->waiting, err);
    }
    check_caught_up(st);
    cdc_rc rc = await_input(st, deadline, err);
    if (rc == CDC_OK) {
        st->took = true;
        rc = take_event(st, err);
        st->stop = st->stop || token_is_due(st) || must_stop(st);
    }
    return rc;
}

cdc_rc src_mysql_stream_poll(src_mysql_stream *st, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    int64_t now = cdc_clock_mono_ms();
    /* time in which nobody asked is no silence */
    st->feed.heard_ms =
        now > st->feed.heard_ms + SILENCE_MS ? now - SILENCE_MS / 2 : st->feed.heard_ms;
    if (st->single_done) {
        return CDC_EOF;
    }
    begin_batch(st, batch);
    cdc_rc rc = CDC_OK;
    while (rc == CDC_OK && !st->stop && !batch_is_full(st)) {
        rc = go_on(st, now + timeout_ms, err);
    }
    if (rc != CDC_OK && rc != CDC_AGAIN) {
        return rc;
    }
    if (src_mysql_txn_may_undo(st) && st->txn.emitted) {
        src_mysql_txn_defer(st);
    }
    check_caught_up(st);
    return finish_batch(st, err);
}

/* --- for the full copy --- */

bool src_mysql_stream_boundary(const src_mysql_stream *st, src_mysql_log_pos *at, cdc_buffer *gtids)
{
    /* Positions between transactions count too. A start by GTID begins to read before its place:
     * on MariaDB all before that is left out, on MySQL a transaction that was in the log, but not
     * executed yet, still comes. */
    bool before = st->server->is_mariadb && src_mysql_log_pos_compare(&st->at, &st->done) < 0;
    *at = before ? st->done : st->at;
    if (gtids != NULL && st->executed != NULL) {
        src_mysql_gtid_set_print(st->executed, gtids);
    }
    return !st->txn.in_group && !st->rows_open && at->file[0] != '\0';
}

void src_mysql_stream_stop_at(src_mysql_stream *st, const src_mysql_log_pos *at)
{
    st->stops = at != NULL;
    if (at != NULL) {
        st->stop_at = *at;
    }
}

void src_mysql_stream_set_copy(src_mysql_stream *st, const src_mysql_position *copy)
{
    st->copy = copy;
}

cdc_rc src_mysql_stream_token(src_mysql_stream *st, cdc_batch *batch, cdc_error *err)
{
    st->batch = batch;
    return make_token(st, err);
}

bool src_mysql_stream_caught_up(const src_mysql_stream *st)
{
    return st->caught_up;
}

/* --- life --- */

static void register_metrics(src_mysql_stream *st)
{
    cdc_metrics *mx = st->env->metrics;
    st->transactions_total =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_source_transactions_total", "",
                           "Transactions read from the source's log, also those left out.");
    st->events_total = cdc_metrics_number(mx, CDC_COUNTER, "sluice_source_rows_total", "",
                                          "Row changes of selected tables read from the source.");
    st->lag_ms = cdc_metrics_number(mx, CDC_GAUGE, "sluice_source_lag_ms", "",
                                    "Time from a commit at the source to our reading it, in ms.");
    st->bad_text_total =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_source_bad_text_bytes_total", "",
                           "Bytes that were no text of their charset and became U+FFFD.");
}

/* What the token remembers besides the place. */
static cdc_rc take_up(src_mysql_stream *st, const src_mysql_stream_start *start, cdc_error *err)
{
    bool skip = src_mysql_shadows_wanted(start->env->task->cfg);
    cdc_rc rc = src_mysql_prepared_parse(&st->prepared, start->xa, err);
    if (rc == CDC_OK) {
        rc = src_mysql_shadows_init(&st->shadows, skip, start->shadows, err);
    }
    for (size_t i = 0; start->moved && i < st->prepared.n; i++) {
        st->prepared.items[i].begin = (src_mysql_log_pos){.file = ""};
    }
    return rc;
}

cdc_rc src_mysql_stream_open(src_mysql_stream **out, src_mysql_connection *conn_take,
                             const src_mysql_stream_start *start, cdc_error *err)
{
    *out = NULL;
    src_mysql_stream *st = calloc(1, sizeof(*st));
    src_mysql_map_cache *tables =
        src_mysql_map_cache_new(start->env->selection, start->server->is_mariadb);
    if (st == NULL || tables == NULL) {
        src_mysql_disconnect(conn_take);
        src_mysql_gtid_set_free(start->executed);
        src_mysql_gtid_set_free(start->ask);
        src_mysql_map_cache_free(tables);
        free(st);
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the stream");
    }
    st->env = start->env;
    st->server = start->server;
    st->dec = start->dec;
    st->tables = tables;
    st->resolver = (src_mysql_resolver){st, src_mysql_stream_resolve};
    src_mysql_map_cache_define_by(tables, src_mysql_lookahead_define, st, &st->resolver);
    st->at = st->done = start->at;
    if (start->by_gtid && !start->server->is_mariadb) {
        st->at.file[0] = '\0'; /* until the server tells where it begins */
    }
    st->executed = start->executed;
    st->until = start->until;
    st->end = start->end;
    st->caught_up = start->at_end;
    st->single = start->single;
    st->token_ms = cdc_clock_mono_ms();
    cdc_buffer_init(&st->token, TOKEN_MAX);
    cdc_buffer_init(&st->set_text, TOKEN_MAX);
    cdc_buffer_init(&st->xa_text, TOKEN_MAX);
    cdc_buffer_init(&st->shadow_text, TOKEN_MAX);
    cdc_arena_init(&st->scratch, 16384, STATEMENT_MAX);
    st->logs_undone = start->server->is_mariadb || !start->server->has_gtids;
    register_metrics(st);
    cdc_rc rc = src_mysql_feed_open(&st->feed, conn_take, start->server_id,
                                    !start->by_gtid      ? NULL
                                    : start->ask != NULL ? start->ask
                                                         : st->executed,
                                    &st->at, err);
    src_mysql_gtid_set_free(start->ask);
    if (rc == CDC_OK) {
        rc = take_up(st, start, err);
    }
    if (rc != CDC_OK) {
        src_mysql_stream_close(st);
        return rc;
    }
    *out = st;
    return CDC_OK;
}

void src_mysql_stream_close(src_mysql_stream *st)
{
    if (st == NULL) {
        return;
    }
    src_mysql_feed_close(&st->feed);
    src_mysql_replay_close(st);
    src_mysql_search_fini(&st->search);
    src_mysql_watch_fini(st);
    src_mysql_lookahead_fini(&st->ahead);
    src_mysql_resolve_fini(&st->resolve);
    src_mysql_map_cache_free(st->tables);
    src_mysql_gtid_set_free(st->executed);
    cdc_buffer_fini(&st->token);
    cdc_buffer_fini(&st->set_text);
    cdc_buffer_fini(&st->xa_text);
    cdc_buffer_fini(&st->shadow_text);
    src_mysql_shadows_fini(&st->shadows);
    src_mysql_prepared_fini(&st->prepared);
    src_mysql_undo_fini(&st->undo);
    cdc_arena_fini(&st->scratch);
    free(st);
}

#include "full_copy.h"

#include "copy_worker.h"
#include "core/clock.h"
#include "core/log.h"

#define IDLE_MS                                                                                    \
    1 /* how long the stream is waited for while rows may become ready, and the reverse */
#define BOUNDARY_MS 20
#define PROGRESS_EVERY_MS 200

typedef struct copy_metrics {
    cdc_metric *tables, *tables_left, *rows, *rows_estimated, *bytes, *seconds_left;
} copy_metrics;

struct src_mysql_copy {
    const cdc_env *env;
    const src_mysql_server *server;
    src_mysql_decode *dec;
    char only[300];
    src_mysql_cascades cascades;
    src_mysql_copy_plan *plan;
    src_mysql_workers *workers;
    src_mysql_stream *stream;
    src_mysql_log_pos at; /* the boundary that the plan knows */
    cdc_buffer gtids;     /* and its executed set */
    bool at_boundary;
    bool told; /* the last batch was handed over */
    copy_metrics mx;
    int64_t begun_ms, shown_ms;
    uint64_t begun_rows; /* copied before this process began */
};

/* --- life --- */

static void register_metrics(src_mysql_copy *copy)
{
    cdc_metrics *mx = copy->env->metrics;
    copy->mx = (copy_metrics){
        .tables = cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_tables", "",
                                     "Tables that the full copy takes."),
        .tables_left = cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_tables_left", "",
                                          "Tables that the full copy has not finished."),
        .rows = cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_rows", "",
                                   "Rows that the full copy has read, over restarts."),
        .rows_estimated = cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_rows_estimated", "",
                                             "Rows of the full copy, by the server's estimate."),
        .bytes = cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_bytes", "",
                                    "Bytes of these rows as the server sent them."),
        .seconds_left = cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_seconds_left", "",
                                           "Time that the rest of the full copy takes at the pace "
                                           "so far; -1 = not known yet."),
    };
}

static void show_progress(src_mysql_copy *copy, bool now)
{
    int64_t now_ms = cdc_clock_mono_ms();
    if (!now && now_ms - copy->shown_ms < PROGRESS_EVERY_MS) {
        return;
    }
    copy->shown_ms = now_ms;
    src_mysql_progress pg;
    src_mysql_copy_plan_progress(copy->plan, &pg);
    uint64_t done = pg.rows - copy->begun_rows;
    uint64_t left = pg.rows_estimated - pg.rows;
    double ms = (double)(now_ms - copy->begun_ms);
    cdc_metric_set(copy->mx.tables, (int64_t)pg.tables);
    cdc_metric_set(copy->mx.tables_left, (int64_t)(pg.tables - pg.tables_done));
    cdc_metric_set(copy->mx.rows, (int64_t)pg.rows);
    cdc_metric_set(copy->mx.rows_estimated, (int64_t)pg.rows_estimated);
    cdc_metric_set(copy->mx.bytes, (int64_t)pg.bytes);
    cdc_metric_set(copy->mx.seconds_left,
                   pg.tables == pg.tables_done ? 0
                   : done == 0                 ? -1
                               : (int64_t)(ms / 1000.0 * (double)left / (double)done));
}

cdc_rc src_mysql_copy_open(src_mysql_copy **out, const src_mysql_copy_start *start, cdc_error *err)
{
    const cdc_env *env = start->env;
    src_mysql_copy *copy = calloc(1, sizeof(*copy));
    *out = copy;
    if (copy == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the full copy");
    }
    copy->env = env;
    copy->server = start->server;
    copy->dec = start->dec;
    cdc_buffer_init(&copy->gtids, SRC_MYSQL_GTIDS_MAX);
    src_mysql_copy_tables tables = {.items = NULL};
    src_mysql_log_pos listed = {.file = ""};
    cdc_rc rc = src_mysql_copy_tables_session(start->conn, err);
    if (rc == CDC_OK) {
        rc = src_mysql_copy_tables_load(&tables, start->conn, env->selection, err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(start->conn, start->server, &listed, err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_cascades_load(&copy->cascades, start->conn, err);
    }
    if (rc == CDC_OK) {
        src_mysql_copy_plan_limits limits = {
            .cascades = &copy->cascades,
            .threads = (unsigned)cdc_config_int(env->task->cfg, "full.threads"),
            .chunk_rows = (uint64_t)cdc_config_int(env->task->cfg, "full.chunk_rows"),
            .listed = listed};
        rc = src_mysql_copy_plan_new(&copy->plan, &tables, env->selection, start->from, &limits,
                                     err);
    }
    if (rc != CDC_OK) {
        src_mysql_copy_tables_fini(&tables);
        src_mysql_copy_close(copy);
        *out = NULL;
        return rc;
    }
    register_metrics(copy);
    copy->begun_ms = cdc_clock_mono_ms();
    copy->begun_rows = start->from->rows;
    show_progress(copy, true);
    CDC_LOG(CDC_LOG_INFO, "copy_open", CDC_STR("server", start->conn->name),
            CDC_NUM("tables", cdc_metric_get(copy->mx.tables)),
            CDC_NUM("tables_left", cdc_metric_get(copy->mx.tables_left)),
            CDC_NUM("rows", cdc_metric_get(copy->mx.rows)),
            CDC_NUM("rows_estimated", cdc_metric_get(copy->mx.rows_estimated)));
    return CDC_OK;
}

void src_mysql_copy_attach(src_mysql_copy *copy, src_mysql_stream *stream)
{
    copy->stream = stream;
    src_mysql_stream_set_copy(stream, src_mysql_copy_plan_position(copy->plan));
}

cdc_rc src_mysql_copy_run(src_mysql_copy *copy, const char *server, cdc_error *err)
{
    snprintf(copy->only, sizeof(copy->only), "%s", server);
    copy->begun_ms = cdc_clock_mono_ms();
    return src_mysql_workers_start(&copy->workers, copy->env, copy->server, copy->only, copy->plan,
                                   err);
}

void src_mysql_copy_close(src_mysql_copy *copy)
{
    if (copy == NULL) {
        return;
    }
    if (copy->stream != NULL) {
        src_mysql_stream_set_copy(copy->stream, NULL);
        src_mysql_stream_stop_at(copy->stream, NULL);
    }
    src_mysql_workers_stop(copy->workers);
    src_mysql_copy_plan_free(copy->plan);
    src_mysql_cascades_fini(&copy->cascades);
    cdc_buffer_fini(&copy->gtids);
    free(copy);
}

/* --- handing over --- */

static cdc_rc too_large(const src_mysql_portion *portion, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "mysql_too_large",
                         "rows of %s do not fit into the memory of a batch", portion->txn);
}

/* Takes the stale rows out, and says of the others where and when they are handed over. */
static void dress_rows(cdc_batch *batch, const cdc_event *as)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch->nevents; i++) {
        cdc_event *ev = &batch->events[i];
        if (ev->op == 0) {
            continue;
        }
        cdc_table *tbl = ev->table;
        const cdc_value *after = ev->after;
        batch->events[n] = *as;
        batch->events[n].op = CDC_OP_INSERT;
        batch->events[n].table = tbl;
        batch->events[n].after = after;
        n++;
    }
    batch->nevents = n;
}

static cdc_rc dress(src_mysql_copy *copy, cdc_batch *batch, const src_mysql_portion *portion,
                    cdc_error *err)
{
    cdc_arena *ar = &batch->arena;
    int64_t now_ms = cdc_clock_wall_ms();
    cdc_event as = {
        .phase = CDC_PHASE_SNAPSHOT,
        .server_id = copy->server->server_id,
        .source_ms = now_ms,
        .capture_ms = now_ms,
        .txn = cdc_arena_strndup(ar, portion->txn, strlen(portion->txn)),
        .gtid = "",
        .pos_file = cdc_arena_strndup(ar, copy->at.file, strlen(copy->at.file)),
        .pos = copy->at.pos,
        .ddl_database = "",
        .ddl_table = "",
        .ddl_default = "",
        .ddl_was = "",
        .sql = "",
    };
    if (as.txn == NULL || as.pos_file == NULL) {
        return too_large(portion, err);
    }
    dress_rows(batch, &as);
    batch->first_ms = now_ms;
    if (portion->commit && (batch->nevents > 0 || portion->piece == NULL)) {
        cdc_event *commit = cdc_batch_add(batch);
        if (commit == NULL) {
            return too_large(portion, err);
        }
        *commit = as;
        commit->op = CDC_OP_COMMIT;
    }
    return CDC_OK;
}

static cdc_rc hand_over(src_mysql_copy *copy, cdc_batch *batch, const src_mysql_portion *portion,
                        cdc_error *err)
{
    uint64_t bytes = 0;
    cdc_batch_reset(batch);
    if (portion->piece != NULL) {
        cdc_batch_swap(batch, portion->piece->batch);
        bytes = portion->piece->bytes;
        copy->dec->bad_text += portion->piece->bad_text;
        src_mysql_piece_free(copy->plan, portion->piece);
    }
    cdc_rc rc = dress(copy, batch, portion, err);
    batch->source_bytes = bytes;
    batch->atomic = portion->rows_follow;
    if (rc == CDC_OK && !portion->rows_follow) {
        rc = src_mysql_stream_token(copy->stream, batch, err);
    }
    show_progress(copy, false);
    return rc;
}

/* All tables are done: from now on the token is one of the stream alone. */
static cdc_rc finish(src_mysql_copy *copy, cdc_batch *batch, cdc_error *err)
{
    if (copy->told) {
        return CDC_EOF;
    }
    cdc_batch_reset(batch);
    src_mysql_stream_set_copy(copy->stream, NULL);
    batch->full_done = true;
    batch->caught_up = src_mysql_stream_caught_up(copy->stream);
    copy->told = true;
    show_progress(copy, true);
    CDC_LOG(CDC_LOG_INFO, "copy_done", CDC_NUM("rows", cdc_metric_get(copy->mx.rows)));
    return src_mysql_stream_token(copy->stream, batch, err);
}

/* --- the stream beside it --- */

static void tell_boundary(src_mysql_copy *copy)
{
    src_mysql_log_pos at;
    bool at_boundary = src_mysql_stream_boundary(copy->stream, &at, NULL);
    bool moved = at_boundary != copy->at_boundary || src_mysql_log_pos_compare(&at, &copy->at) != 0;
    if (at_boundary && moved) {
        cdc_buffer_reset(&copy->gtids);
        (void)src_mysql_stream_boundary(copy->stream, &at, &copy->gtids);
    }
    copy->at_boundary = at_boundary;
    copy->at = at;
    src_mysql_copy_plan_boundary(copy->plan, at_boundary, &at, cdc_buffer_cstr(&copy->gtids));
}

cdc_rc src_mysql_copy_stream(src_mysql_copy *copy, cdc_batch *batch, cdc_error *err)
{
    bool redefined = false;
    cdc_rc rc = src_mysql_copy_plan_events(copy->plan, batch, &redefined, err);
    batch->caught_up = false; /* told with the copy's end */
    if (rc == CDC_OK && batch->token_len > 0 && redefined) {
        rc = src_mysql_stream_token(copy->stream, batch, err); /* with the position of now */
    }
    return rc;
}

/* Polls the stream and shows the plan what came. AGAIN: nothing for the caller. */
static cdc_rc poll_stream(src_mysql_copy *copy, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    cdc_rc rc = src_mysql_stream_poll(copy->stream, batch, timeout_ms, err);
    if (rc == CDC_OK) {
        rc = src_mysql_copy_stream(copy, batch, err);
    }
    return rc == CDC_OK && batch->nevents == 0 && batch->token_len == 0 ? CDC_AGAIN : rc;
}

static cdc_rc poll_once(src_mysql_copy *copy, cdc_batch *batch, cdc_error *err)
{
    src_mysql_portion portion;
    tell_boundary(copy);
    cdc_rc rc = src_mysql_copy_plan_next(copy->plan, &portion, 0, err);
    if (rc == CDC_OK) {
        return hand_over(copy, batch, &portion, err);
    }
    if (rc != CDC_AGAIN) {
        return rc == CDC_EOF ? finish(copy, batch, err) : rc;
    }
    src_mysql_log_pos stop_at;
    src_mysql_flow flow = src_mysql_copy_plan_flow(copy->plan, &stop_at);
    if (flow != SRC_MYSQL_FLOW_HOLD) {
        bool stops = flow == SRC_MYSQL_FLOW_STOP;
        src_mysql_stream_stop_at(copy->stream, stops ? &stop_at : NULL);
        rc =
            poll_stream(copy, batch, stops && stop_at.file[0] != '\0' ? BOUNDARY_MS : IDLE_MS, err);
        if (rc != CDC_AGAIN || flow == SRC_MYSQL_FLOW_STOP) {
            return rc;
        }
        tell_boundary(copy);
    }
    rc = src_mysql_copy_plan_next(copy->plan, &portion, IDLE_MS, err);
    if (rc == CDC_OK) {
        return hand_over(copy, batch, &portion, err);
    }
    return rc == CDC_EOF ? finish(copy, batch, err) : rc;
}

cdc_rc src_mysql_copy_poll(src_mysql_copy *copy, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    int64_t until_ms = cdc_clock_mono_ms() + timeout_ms;
    uint32_t want_rows = batch->want_rows;
    uint64_t want_bytes = batch->want_bytes;
    cdc_rc rc;
    do {
        cdc_batch_reset(batch);
        batch->want_rows = want_rows;
        batch->want_bytes = want_bytes;
        rc = poll_once(copy, batch, err);
    } while (rc == CDC_AGAIN && cdc_clock_mono_ms() < until_ms);
    return rc;
}

#include "source.h"

#include "copy_schema.h"
#include "core/log.h"
#include "failover.h"
#include "full_copy.h"
#include "precheck.h"
#include "shadow.h"
#include "stream.h"

#define VALUE_MAX ((size_t)1 << 30)
#define TEXT_MAX (64U << 20)

typedef struct source {
    const cdc_env *env;        /* the loop's, or own_env */
    cdc_env own_env;           /* with the selection below */
    cdc_selection *selection;  /* NULL: the loop's counts */
    src_mysql_connection conn; /* closed while it serves a stream or a copy runs */
    src_mysql_server server;
    src_mysql_decode dec;
    uint32_t server_id;            /* ours */
    src_mysql_copy_schema *schema; /* the phase that is under way; then the others */
    src_mysql_copy *copy;
    src_mysql_stream *stream;
    char server_name[300];             /* "host:port" of the server that serves now */
    char unfinished[CDC_TXN_TEXT_MAX]; /* a transaction that was sent in part; "" = none */
    bool finishing;                    /* the stream is open for its rest alone */
    cdc_buffer finished;               /* then: the token behind it */
    src_mysql_position begin; /* where schema or full began, or go on; strings in begin_arena */
    cdc_arena begin_arena;
} source;

static void close_source(void *handle)
{
    source *src = handle;
    if (src == NULL) {
        return;
    }
    src_mysql_copy_schema_close(src->schema);
    src_mysql_copy_close(src->copy);
    src_mysql_stream_close(src->stream);
    src_mysql_disconnect(&src->conn);
    src_mysql_decode_fini(&src->dec);
    cdc_buffer_fini(&src->finished);
    cdc_selection_free(src->selection);
    cdc_arena_fini(&src->begin_arena);
    free(src);
}

/* Connects to the server of source.hosts that holds the goal; any, with pos NULL. */
static cdc_rc attach(source *src, const src_mysql_position *pos, cdc_error *err)
{
    const cdc_env *env = src->env;
    src_mysql_goal goal = {.pos = pos, .txn = src->unfinished};
    cdc_rc rc = src_mysql_failover_connect(&src->conn, &src->server, env->task->cfg, &goal, err);
    if (rc == CDC_OK) {
        uint32_t wish = (uint32_t)cdc_config_int(env->task->cfg, "source.server_id");
        rc = src_mysql_server_choose_id(&src->conn, &src->server, wish, &src->server_id, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    snprintf(src->server_name, sizeof(src->server_name), "%s", src->conn.name);
    cdc_metrics_word(env->metrics, "server_version", src->server.version);
    cdc_metrics_word(env->metrics, "source_server", src->conn.name);
    CDC_LOG(CDC_LOG_INFO, "source_open", CDC_STR("server", src->conn.name),
            CDC_STR("version", src->server.version), CDC_NUM("server_id", src->server_id),
            CDC_STR("identity", src->server.identity));
    return CDC_OK;
}

/* Is the server that we are connected to fit to go on from pos? If not, another is looked for. */
static cdc_rc attach_for(source *src, const src_mysql_position *pos, cdc_error *err)
{
    src_mysql_goal goal = {.pos = pos, .txn = src->unfinished};
    cdc_rc rc = src_mysql_failover_check(&src->conn, &src->server, &goal, err);
    if (rc == CDC_OK) {
        return CDC_OK;
    }
    cdc_error_clear(err);
    src_mysql_disconnect(&src->conn);
    return attach(src, pos, err);
}

/* The source has a selection of its own where the tables of schema change tools are left out. */
static cdc_rc leave_out_shadows(source *src, cdc_error *err)
{
    if (!src_mysql_shadows_wanted(src->env->task->cfg)) {
        return CDC_OK;
    }
    cdc_rc rc = cdc_selection_new(&src->selection, src->env->task->cfg, err);
    if (rc != CDC_OK) {
        return rc;
    }
    src->own_env = *src->env;
    src->own_env.selection = src->selection;
    src->env = &src->own_env;
    return src_mysql_shadows_exclude(src->selection)
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the source");
}

static cdc_rc open_source(void **out, const cdc_env *env, cdc_error *err)
{
    *out = NULL;
    source *src = calloc(1, sizeof(*src));
    if (src == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the source");
    }
    src->env = env;
    src_mysql_decode_init(&src->dec, VALUE_MAX);
    cdc_buffer_init(&src->finished, TEXT_MAX);
    cdc_arena_init(&src->begin_arena, 4096, TEXT_MAX);
    cdc_rc rc = leave_out_shadows(src, err);
    if (rc == CDC_OK) {
        rc = attach(src, NULL, err);
    }
    if (rc != CDC_OK) {
        close_source(src);
        return rc;
    }
    *out = src;
    return CDC_OK;
}

/* --- where to start --- */

static cdc_rc parse_set(const source *src, const char *text, size_t len, src_mysql_gtid_set **out,
                        cdc_error *err)
{
    *out = src_mysql_gtid_set_new(src->server.is_mariadb);
    if (*out == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the GTID set");
    }
    cdc_rc rc = src_mysql_gtid_set_parse(*out, text, len, err);
    if (rc != CDC_OK) {
        src_mysql_gtid_set_free(*out);
        *out = NULL;
    }
    return rc;
}

/* What the server has executed by now, as a set. */
static cdc_rc executed_now(source *src, src_mysql_gtid_set **out, cdc_error *err)
{
    cdc_buffer text;
    cdc_buffer_init(&text, TEXT_MAX);
    *out = NULL;
    cdc_rc rc = src_mysql_server_executed(&src->conn, &src->server, &text, err);
    if (rc == CDC_OK) {
        rc = parse_set(src, cdc_buffer_cstr(&text), text.len, out, err);
    }
    cdc_buffer_fini(&text);
    return rc;
}

/* Are the changes behind the start still in the server's log? */
static cdc_rc check_log_holds(source *src, const src_mysql_stream_start *start, cdc_error *err)
{
    if (!start->by_gtid) {
        return src_mysql_server_check_file(&src->conn, &start->at, err);
    }
    cdc_buffer text;
    cdc_buffer_init(&text, TEXT_MAX);
    src_mysql_gtid_set_print(start->executed, &text);
    cdc_rc rc =
        src_mysql_server_check_purged(&src->conn, &src->server, cdc_buffer_cstr(&text), err);
    cdc_buffer_fini(&text);
    return rc;
}

/* A position behind the log's end, of a server that goes by GTIDs: its log was reset. The GTIDs
 * need not tell, if as many transactions were written since. */
static cdc_rc check_not_reset(const source *src, const src_mysql_stream_start *start,
                              cdc_error *err)
{
    if (!start->by_gtid || start->at.file[0] == '\0' ||
        src_mysql_log_pos_compare(&start->at, &start->end) <= 0) {
        return CDC_OK;
    }
    return cdc_error_refuse(
        err, "mysql_log_reset",
        "position %s:%llu, which was read before, is behind the end of server %s's log (%s:%llu): "
        "the log was reset or lost its end; start the task again with a full copy under a new name",
        start->at.file, (unsigned long long)start->at.pos, src->conn.name, start->end.file,
        (unsigned long long)start->end.pos);
}

/* Fills in the end of the log and opens the stream; takes start->executed. */
static cdc_rc start_stream(source *src, src_mysql_stream_start *start, cdc_error *err)
{
    start->env = src->env;
    start->server = &src->server;
    start->dec = &src->dec;
    start->server_id = src->server_id;
    cdc_rc rc = check_log_holds(src, start, err);
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(&src->conn, &src->server, &start->end, err);
    }
    if (rc == CDC_OK) {
        rc = check_not_reset(src, start, err);
    }
    src_mysql_gtid_set *all = NULL;
    if (rc == CDC_OK && start->by_gtid) {
        rc = executed_now(src, &all, err);
        start->at_end = rc == CDC_OK && src_mysql_gtid_set_includes(start->executed, all);
    } else if (rc == CDC_OK) {
        start->at_end = src_mysql_log_pos_compare(&start->at, &start->end) >= 0;
    }
    src_mysql_gtid_set_free(all);
    if (rc != CDC_OK) {
        src_mysql_gtid_set_free(start->executed);
        src_mysql_gtid_set_free(start->ask);
        return rc;
    }
    if (start->by_gtid && !start->at_end) {
        start->at.file[0] = '\0'; /* what is missing may stand before it, out of order */
    }
    rc = src_mysql_stream_open(&src->stream, &src->conn, start, err);
    if (rc == CDC_OK) {
        CDC_LOG(CDC_LOG_INFO, "stream_open", CDC_STR("by", start->by_gtid ? "gtid" : "position"),
                CDC_STR("file", start->at.file), CDC_NUM("pos", start->at.pos));
    }
    return rc;
}

/* On another server the transactions behind the position may stand in another order. The one that
 * was sent in part comes first; the stream ends behind it. */
static cdc_rc ask_for_unfinished(source *src, const char *executed, src_mysql_stream_start *start,
                                 cdc_error *err)
{
    cdc_buffer text;
    cdc_buffer_init(&text, TEXT_MAX);
    cdc_rc rc = src_mysql_failover_all_but(&src->conn, executed, src->unfinished, &text, err);
    if (rc == CDC_OK) {
        rc = parse_set(src, cdc_buffer_cstr(&text), text.len, &start->ask, err);
    }
    cdc_buffer_fini(&text);
    start->single = true;
    src->finishing = true;
    CDC_LOG(CDC_LOG_INFO, "failover_unfinished", CDC_STR("server", src->conn.name),
            CDC_STR("transaction", src->unfinished));
    return rc;
}

static cdc_rc start_at_position(source *src, const src_mysql_position *pos, cdc_error *err)
{
    src_mysql_stream_start start = {
        .at = pos->at, .until = pos->until, .xa = pos->xa, .shadows = pos->shadows};
    bool same = pos->server[0] == '\0' || strcmp(pos->server, src->server.identity) == 0;
    cdc_rc rc = CDC_OK;
    if (pos->gtid != NULL && src->server.has_gtids) {
        rc = parse_set(src, pos->gtid, strlen(pos->gtid), &start.executed, err);
        start.by_gtid = true;
    }
    if (rc == CDC_OK && !same) {
        CDC_LOG(CDC_LOG_WARN, "failover", CDC_STR("server", src->conn.name),
                CDC_STR("identity", src->server.identity), CDC_STR("was", pos->server));
        /* positions are the old server's; all that the copy can hold is in the new one's log by now
         */
        start.at = (src_mysql_log_pos){.file = ""};
        start.moved = true;
        if (pos->until.file[0] != '\0') {
            rc = src_mysql_server_log_end(&src->conn, &src->server, &start.until, err);
        }
    }
    if (rc == CDC_OK && !same && start.by_gtid && src->unfinished[0] != '\0') {
        rc = ask_for_unfinished(src, pos->gtid, &start, err);
    }
    if (rc != CDC_OK) {
        src_mysql_gtid_set_free(start.executed);
        src_mysql_gtid_set_free(start.ask);
        return rc;
    }
    return start_stream(src, &start, err);
}

static cdc_rc start_now(source *src, cdc_error *err)
{
    src_mysql_stream_start start = {.by_gtid = src->server.has_gtids};
    cdc_rc rc = CDC_OK;
    if (start.by_gtid) {
        rc = executed_now(src, &start.executed, err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(&src->conn, &src->server, &start.at, err);
    }
    if (rc != CDC_OK) {
        src_mysql_gtid_set_free(start.executed);
        return rc;
    }
    return start_stream(src, &start, err);
}

static cdc_rc start_at_gtid(source *src, const char *text, cdc_error *err)
{
    if (!src->server.has_gtids) {
        return cdc_error_refuse(err, "mysql_gtid_mode",
                                "source.start is gtid:..., but server %s has gtid_mode off; use "
                                "position:FILE:POS",
                                src->conn.name);
    }
    src_mysql_stream_start start = {.by_gtid = true};
    cdc_rc rc = parse_set(src, text, strlen(text), &start.executed, err);
    if (rc != CDC_OK) {
        err->exit = CDC_EXIT_REFUSED;
        return cdc_error_context(err, "source.start");
    }
    return start_stream(src, &start, err);
}

/* MariaDB can tell the GTIDs of a place in its log; MySQL's come at the head of the next log. */
static cdc_rc gtids_of_place(source *src, const src_mysql_log_pos *at, src_mysql_gtid_set **out,
                             cdc_error *err)
{
    char sql[2 * SRC_MYSQL_FILE_MAX + 128];
    char file[2 * SRC_MYSQL_FILE_MAX + 1];
    mysql_real_escape_string(src->conn.mysql, file, at->file, (unsigned long)strlen(at->file));
    snprintf(sql, sizeof(sql), "SELECT BINLOG_GTID_POS('%s', %llu)", file,
             (unsigned long long)at->pos);
    cdc_buffer text;
    cdc_buffer_init(&text, TEXT_MAX);
    cdc_rc rc = src_mysql_select_text(&src->conn, sql, &text, err);
    if (rc == CDC_OK && text.len > 0) {
        rc = parse_set(src, cdc_buffer_cstr(&text), text.len, out, err);
    }
    cdc_buffer_fini(&text);
    return rc;
}

static cdc_rc start_at_place(source *src, const char *text, cdc_error *err)
{
    src_mysql_stream_start start = {.by_gtid = false};
    if (!src_mysql_log_pos_parse(&start.at, text, strlen(text)) || start.at.pos < 4) {
        return cdc_error_refuse(
            err, "mysql_position",
            "source.start: \"position:%s\" is not position:FILE:POS with POS at "
            "least 4, e.g. position:binlog.000003:4",
            text);
    }
    if (src->server.is_mariadb) {
        cdc_rc rc = src_mysql_server_check_file(&src->conn, &start.at, err);
        if (rc == CDC_OK) {
            rc = gtids_of_place(src, &start.at, &start.executed, err);
        }
        if (rc != CDC_OK) {
            return rc;
        }
    }
    return start_stream(src, &start, err);
}

/* --- schema and full copy --- */

/* Where the stream of a new task starts: what is executed by now is in the definitions and rows
 * that are read later. */
static cdc_rc begin_now(source *src, cdc_error *err)
{
    cdc_buffer gtids;
    cdc_buffer_init(&gtids, TEXT_MAX);
    src_mysql_position *begin = &src->begin;
    *begin = (src_mysql_position){
        .server = src->server.identity, .database = "", .table = "", .key = ""};
    cdc_rc rc = src_mysql_server_log_end(&src->conn, &src->server, &begin->at, err);
    if (rc == CDC_OK) {
        rc = src_mysql_server_executed(&src->conn, &src->server, &gtids, err);
    }
    if (rc == CDC_OK) {
        begin->gtid = cdc_arena_strndup(&src->begin_arena, gtids.data, gtids.len);
        rc = begin->gtid != NULL
                 ? CDC_OK
                 : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the GTID set");
    }
    cdc_buffer_fini(&gtids);
    return rc;
}

/* Beside the stream that is open. One that is open for the rest of a transaction comes first. */
static cdc_rc run_copy(source *src, cdc_error *err)
{
    src_mysql_copy_attach(src->copy, src->stream);
    return src->finishing ? CDC_OK : src_mysql_copy_run(src->copy, src->server_name, err);
}

/* The definitions are complete: the stream begins, and the copy beside it. */
static cdc_rc start_rows(source *src, cdc_error *err)
{
    const cdc_task *task = src->env->task;
    cdc_rc rc = CDC_OK;
    if (task->phase_full) {
        src_mysql_copy_start start = {.env = src->env,
                                      .server = &src->server,
                                      .conn = &src->conn,
                                      .dec = &src->dec,
                                      .from = &src->begin};
        rc = src_mysql_copy_open(&src->copy, &start, err);
    }
    if (rc == CDC_OK && (task->phase_full || task->phase_incremental)) {
        rc = start_at_position(src, &src->begin, err);
    }
    return rc == CDC_OK && src->copy != NULL ? run_copy(src, err) : rc;
}

static cdc_rc start_schema(source *src, cdc_error *err)
{
    return src_mysql_copy_schema_open(&src->schema, src->env, &src->server, &src->conn, &src->begin,
                                      err);
}

/* from: of a token; NULL: a new task. */
static cdc_rc start_copy(source *src, const src_mysql_position *from, cdc_error *err)
{
    cdc_rc rc = src_mysql_server_check_copy(&src->conn, &src->server, src->env->task->cfg, err);
    if (rc == CDC_OK && from == NULL) {
        rc = begin_now(src, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    bool schema = from != NULL ? from->stage == SRC_MYSQL_SCHEMA : src->env->task->phase_schema;
    return schema ? start_schema(src, err) : start_rows(src, err);
}

/* From src->begin, which the server that we are connected to holds. */
static cdc_rc go_on(source *src, cdc_error *err)
{
    if (src->begin.stage != SRC_MYSQL_STREAM) {
        return start_copy(src, &src->begin, err);
    }
    return src->env->task->phase_incremental ? start_at_position(src, &src->begin, err) : CDC_OK;
}

static cdc_rc start_from_token(source *src, const char *token, size_t len, cdc_error *err)
{
    cdc_rc rc = src_mysql_position_parse(&src->begin, token, len, &src->begin_arena, err);
    if (rc == CDC_OK) {
        rc = attach_for(src, &src->begin, err);
    }
    return rc == CDC_OK ? go_on(src, err) : rc;
}

static cdc_rc start_source(void *handle, const char *token, size_t len, cdc_error *err)
{
    source *src = handle;
    const cdc_task *task = src->env->task;
    if (token != NULL) {
        return start_from_token(src, token, len, err);
    }
    const char *from = cdc_config_str(task->cfg, "source.start");
    if (from == NULL) {
        from = task->phase_full ? "full" : "now";
    }
    if (strcmp(from, "full") == 0) {
        return start_copy(src, NULL, err);
    }
    if (!task->phase_incremental) {
        return CDC_OK; /* neither a copy nor a stream: the first poll says so */
    }
    if (strcmp(from, "now") == 0) {
        return task->phase_schema ? start_copy(src, NULL, err) : start_now(src, err);
    }
    if (strncmp(from, "gtid:", 5) == 0) {
        return start_at_gtid(src, from + 5, err);
    }
    if (strncmp(from, "position:", 9) == 0) {
        return start_at_place(src, from + 9, err);
    }
    return cdc_error_refuse(
        err, "mysql_start",
        "source.start: \"%s\" is not one of full, now, gtid:SET, position:FILE:POS", from);
}

/* --- poll --- */

/* The target's definitions may be as late as the log's end is now. */
static cdc_rc leave_schema(source *src, cdc_error *err)
{
    src_mysql_copy_schema_close(src->schema);
    src->schema = NULL;
    src->begin.stage = SRC_MYSQL_ROWS;
    src->begin.database = src->begin.table = "";
    src->begin.table_done = false;
    cdc_rc rc = src_mysql_server_log_end(&src->conn, &src->server, &src->begin.until, err);
    return rc == CDC_OK ? start_rows(src, err) : rc;
}

/* The unfinished transaction is complete: the stream goes on with all the others, from its token,
 * and a copy beside it. That may be on another server, whose tables are listed again. */
static cdc_rc leave_unfinished(source *src, cdc_error *err)
{
    src_mysql_copy_close(src->copy);
    src_mysql_stream_close(src->stream);
    src->copy = NULL;
    src->stream = NULL;
    src->finishing = false;
    src->unfinished[0] = '\0';
    cdc_rc rc = src_mysql_position_parse(&src->begin, cdc_buffer_cstr(&src->finished),
                                         src->finished.len, &src->begin_arena, err);
    if (rc == CDC_OK) {
        rc = attach(src, &src->begin, err);
    }
    return rc == CDC_OK ? go_on(src, err) : rc;
}

static cdc_rc poll_unfinished(source *src, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    cdc_rc rc = src_mysql_stream_poll(src->stream, batch, timeout_ms, err);
    if (rc == CDC_OK && src->copy != NULL) {
        rc = src_mysql_copy_stream(src->copy, batch, err);
    }
    if (rc == CDC_OK && batch->token_len > 0) {
        cdc_buffer_reset(&src->finished);
        cdc_buffer_add(&src->finished, batch->token, batch->token_len);
    }
    if (rc == CDC_EOF) {
        rc = leave_unfinished(src, err);
        rc = rc == CDC_OK ? CDC_AGAIN : rc;
    }
    return rc;
}

static cdc_rc poll_schema(source *src, cdc_batch *batch, cdc_error *err)
{
    cdc_rc rc = src_mysql_copy_schema_poll(src->schema, batch, err);
    if (rc == CDC_EOF) {
        rc = leave_schema(src, err);
        rc = rc == CDC_OK ? CDC_AGAIN : rc;
    }
    return rc;
}

static cdc_rc poll_source(void *handle, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    source *src = handle;
    if (src->schema != NULL) {
        return poll_schema(src, batch, err);
    }
    if (src->finishing) {
        return poll_unfinished(src, batch, timeout_ms, err);
    }
    if (src->copy != NULL) {
        cdc_rc rc = src_mysql_copy_poll(src->copy, batch, timeout_ms, err);
        if (rc != CDC_EOF) {
            return rc;
        }
        src_mysql_copy_close(src->copy);
        src->copy = NULL;
        if (!src->env->task->phase_incremental) {
            return CDC_EOF;
        }
    }
    if (src->stream == NULL) {
        return CDC_EOF;
    }
    return src_mysql_stream_poll(src->stream, batch, timeout_ms, err);
}

static void resume_source(void *handle, const char *txn)
{
    source *src = handle;
    snprintf(src->unfinished, sizeof(src->unfinished), "%s", txn);
}

const cdc_source src_mysql = {
    .name = "mysql",
    .open = open_source,
    .resume = resume_source,
    .start = start_source,
    .poll = poll_source,
    .ack = NULL,
    .close = close_source,
    .precheck = src_mysql_precheck,
};

#include "charset.h"
#include "core/clock.h"
#include "core/log.h"
#include "schema/mysql_sql/plain.h"
#include "schema/mysql_sql/statement.h"
#include "stream_state.h"

static void begin_group(src_mysql_stream *st, const src_mysql_event *ev)
{
    memset(&st->txn, 0, sizeof(st->txn));
    st->txn.in_group = true;
    st->txn.mark = st->batch->nevents;
    src_mysql_undo_reset(&st->undo);
    st->txn.begin = st->at;
    st->txn.begin.pos -= st->txn.begin.pos >= ev->length ? ev->length : 0;
    st->txn_text = NULL;
    st->gtid_text = NULL;
    src_mysql_map_cache_forget_ids(st->tables);
}

cdc_rc src_mysql_txn_gtid(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    begin_group(st, ev);
    if (ev->type == SRC_MYSQL_MARIADB_GTID_EVENT) {
        cdc_rc rc = src_mysql_event_mariadb_gtid(ev, &st->txn.mariadb_gtid, err);
        if (rc != CDC_OK) {
            return src_mysql_stream_at(st, err);
        }
        st->txn.has_gtid = true;
        st->txn.open = (st->txn.mariadb_gtid.flags & SRC_MYSQL_MARIADB_GTID_STANDALONE) == 0;
        st->txn.is_xa = (st->txn.mariadb_gtid.flags & (SRC_MYSQL_MARIADB_GTID_PREPARED_XA |
                                                       SRC_MYSQL_MARIADB_GTID_COMPLETED_XA)) != 0;
        return CDC_OK;
    }
    if (src_mysql_event_gtid(ev, &st->txn.gtid, err) != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    st->txn.has_gtid = !st->txn.gtid.anonymous;
    st->txn.commit_ms = st->txn.gtid.immediate_commit_us / 1000;
    return CDC_OK;
}

cdc_rc src_mysql_txn_finish(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    src_mysql_txn *txn = &st->txn;
    if (txn->deferred) {
        return src_mysql_replay_again(st, err);
    }
    int64_t source_ms = txn->commit_ms > 0 ? txn->commit_ms : (int64_t)ev->timestamp * 1000;
    if (txn->emitted) {
        if (src_mysql_stream_add(st, CDC_OP_COMMIT, source_ms, ev->server_id) == NULL) {
            return src_mysql_stream_full(st, err);
        }
        st->committed = true;
    }
    if (txn->has_gtid && st->executed != NULL) {
        bool ok = st->server->is_mariadb
                      ? src_mysql_gtid_set_add_mariadb(st->executed, &txn->mariadb_gtid)
                      : src_mysql_gtid_set_add(st->executed, &txn->gtid);
        if (!ok) {
            return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the GTID set");
        }
    }
    st->done = st->at;
    st->moved = true;
    txn->in_group = txn->open = false;
    src_mysql_replay_close(st);
    if (st->single) {
        st->single_done = st->stop = true;
    }
    cdc_metric_add(st->transactions_total, 1);
    cdc_metric_set(st->lag_ms, st->capture_ms > source_ms ? st->capture_ms - source_ms : 0);
    return CDC_OK;
}

cdc_rc src_mysql_txn_commit(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    return src_mysql_txn_finish(st, ev, err);
}

/* --- statements --- */

/* Rows changed by a statement that is logged as its text. */
static cdc_rc check_row_change(const src_mysql_stream *st, const cdc_sql_statement *stmt,
                               const char *database, cdc_error *err)
{
    bool selected;
    if (stmt->ntargets > 0) {
        database = stmt->targets[0].database;
        selected = cdc_selection_table(st->env->selection, database, stmt->targets[0].table);
    } else {
        selected = cdc_selection_database(st->env->selection, database);
    }
    if (!selected) {
        return CDC_OK;
    }
    (void)cdc_error_set(
        err, CDC_FATAL, "mysql_statement_format",
        "a change in database %s is logged in STATEMENT format, its rows are not in the "
        "log: SET GLOBAL binlog_format = 'ROW', let the sessions that write reconnect, and "
        "start again with a full copy",
        database);
    return src_mysql_stream_at(st, err);
}

static bool is_selected(const src_mysql_stream *st, const cdc_sql_target *target)
{
    const cdc_selection *sel = st->env->selection;
    if (target->table[0] != '\0') {
        return cdc_selection_table(sel, target->database, target->table) ||
               (target->was_table[0] != '\0' &&
                cdc_selection_table(sel, target->was_database, target->was_table));
    }
    return target->database[0] != '\0' && cdc_selection_database(sel, target->database);
}

/* Definitions that have no type of their own are published as QUERY: said once for each kind of
 * object. */
static void say_query(src_mysql_stream *st, const cdc_sql_statement *stmt, const char *sql)
{
    static const char *const objects[] = {
        [CDC_SQL_UNPLACED] = "unknown",      [CDC_SQL_VIEW] = "view",
        [CDC_SQL_TRIGGER] = "trigger",       [CDC_SQL_ROUTINE] = "routine",
        [CDC_SQL_SCHEDULED_EVENT] = "event", [CDC_SQL_SEQUENCE] = "sequence",
    };
    enum { HEAD_MAX = 120 };
    size_t object = stmt->object;
    if (object >= sizeof(objects) / sizeof(objects[0]) || objects[object] == NULL ||
        (st->queries_told & 1U << object) != 0) {
        return;
    }
    char head[HEAD_MAX + 1];
    char pos[SRC_MYSQL_FILE_MAX + 32];
    st->queries_told |= 1U << object;
    snprintf(head, sizeof(head), "%.*s", (int)(stmt->sql_len < HEAD_MAX ? stmt->sql_len : HEAD_MAX),
             sql);
    snprintf(pos, sizeof(pos), "%s:%llu", st->at.file, (unsigned long long)st->at.pos);
    CDC_LOG(CDC_LOG_WARN, "ddl_query", CDC_STR("object", objects[object]),
            CDC_STR("statement", head), CDC_STR("pos", pos),
            CDC_STR("note", "published with type QUERY; said once for each kind of object"));
}

static const char *intern(src_mysql_stream *st, const char *s)
{
    return cdc_arena_strndup(&st->batch->arena, s, strlen(s));
}

static const char *old_name(src_mysql_stream *st, const cdc_sql_target *target)
{
    if (target->was_table[0] == '\0') {
        return "";
    }
    size_t n = strlen(target->was_database) + strlen(target->was_table) + 2;
    char *s = cdc_arena_alloc(&st->batch->arena, n);
    if (s != NULL) {
        snprintf(s, n, "%s.%s", target->was_database, target->was_table);
    }
    return s;
}

static cdc_rc emit_ddl(src_mysql_stream *st, const src_mysql_event *ev,
                       const cdc_sql_statement *stmt, const char *sql, const char *database,
                       cdc_error *err)
{
    int64_t source_ms = st->txn.commit_ms > 0 ? st->txn.commit_ms : (int64_t)ev->timestamp * 1000;
    const char *copy = NULL;
    for (uint32_t i = 0; i < stmt->ntargets; i++) {
        const cdc_sql_target *target = &stmt->targets[i];
        if (!is_selected(st, target)) {
            continue;
        }
        if (copy == NULL) {
            copy = cdc_arena_strndup(&st->batch->arena, sql, stmt->sql_len);
        }
        cdc_event *out = src_mysql_stream_add(st, CDC_OP_DDL, source_ms, ev->server_id);
        if (out == NULL || copy == NULL) {
            return src_mysql_stream_full(st, err);
        }
        out->ddl = (uint8_t)target->type;
        out->ddl_database = intern(st, target->database);
        out->ddl_table = intern(st, target->table);
        out->ddl_was = old_name(st, target);
        out->ddl_default = intern(st, database);
        out->partial = stmt->object == CDC_SQL_DATABASE &&
                       !cdc_selection_whole(st->env->selection, target->database);
        out->sql = copy;
        out->sql_len = (uint32_t)stmt->sql_len;
        if (!out->ddl_database || !out->ddl_table || !out->ddl_was || !out->ddl_default) {
            return src_mysql_stream_full(st, err);
        }
        st->txn.emitted = true;
    }
    if (copy != NULL) {
        say_query(st, stmt, sql);
    }
    return CDC_OK;
}

static void forget_definitions(src_mysql_stream *st, const cdc_sql_statement *stmt)
{
    for (uint32_t i = 0; i < stmt->ntargets; i++) {
        const cdc_sql_target *target = &stmt->targets[i];
        src_mysql_map_cache_forget_table(st->tables, target->database, target->table);
        src_mysql_map_cache_forget_table(st->tables, target->was_database, target->was_table);
    }
}

/* The statement, or what it amounts to without the tables of schema change tools. */
static cdc_rc publish_ddl(src_mysql_stream *st, const src_mysql_event *ev, cdc_sql_statement *stmt,
                          const char *sql, const char *database, cdc_error *err)
{
    const char *alters[SRC_MYSQL_SHADOWS_MAX];
    uint32_t n = 0;
    if (!src_mysql_shadows_statement(&st->shadows, sql, stmt, &st->scratch, alters, &n)) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a schema change");
    }
    cdc_rc rc = emit_ddl(st, ev, stmt, sql, database, err);
    for (uint32_t i = 0; i < n && rc == CDC_OK; i++) {
        cdc_sql_statement alter;
        if (!cdc_sql_statement_parse(alters[i], strlen(alters[i]), 0, database, &st->scratch,
                                     &alter)) {
            return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a schema change");
        }
        rc = emit_ddl(st, ev, &alter, alters[i], database, err);
    }
    return rc;
}

static cdc_rc handle_ddl(src_mysql_stream *st, const src_mysql_event *ev, cdc_sql_statement *stmt,
                         const char *sql, const char *database, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (stmt->kind == CDC_SQL_DDL) {
        forget_definitions(st, stmt);
    }
    if (stmt->kind == CDC_SQL_DDL && !src_mysql_txn_is_silent(st)) {
        rc = publish_ddl(st, ev, stmt, sql, database, err);
    }
    if (stmt->opens_transaction) {
        st->txn.open = true;
    }
    return rc == CDC_OK && !st->txn.open ? src_mysql_txn_finish(st, ev, err) : rc;
}

static cdc_rc handle_row_change(src_mysql_stream *st, const src_mysql_event *ev,
                                const cdc_sql_statement *stmt, const char *database, cdc_error *err)
{
    cdc_rc rc = check_row_change(st, stmt, database, err);
    return rc == CDC_OK && !st->txn.open ? src_mysql_txn_finish(st, ev, err) : rc;
}

/* Statements about the transaction whose words matter; sql is NUL-terminated. */
static cdc_rc handle_words(src_mysql_stream *st, const src_mysql_event *ev,
                           cdc_sql_statement_kind kind, const char *sql, cdc_error *err)
{
    switch (kind) {
    case CDC_SQL_ROLLBACK_TO:
        return src_mysql_txn_rollback_to(st, sql, err);
    case CDC_SQL_SAVEPOINT:
        return src_mysql_txn_savepoint(st, sql, err);
    default:
        return src_mysql_txn_xa(st, ev, sql, err);
    }
}

static cdc_rc handle_statement(src_mysql_stream *st, const src_mysql_event *ev,
                               cdc_sql_statement *stmt, const char *sql, const char *database,
                               cdc_error *err)
{
    switch (stmt->kind) {
    case CDC_SQL_BEGIN:
        st->txn.open = true;
        return CDC_OK;
    case CDC_SQL_COMMIT:
        return src_mysql_txn_finish(st, ev, err);
    case CDC_SQL_ROLLBACK:
        return src_mysql_txn_rollback(st, ev, err);
    case CDC_SQL_ROLLBACK_TO:
    case CDC_SQL_SAVEPOINT:
    case CDC_SQL_XA: {
        const char *text = cdc_arena_strndup(&st->scratch, sql, stmt->sql_len);
        return text != NULL ? handle_words(st, ev, stmt->kind, text, err)
                            : cdc_error_set(err, CDC_FATAL, "memory", "out of memory");
    }
    case CDC_SQL_ROWS:
        return handle_row_change(st, ev, stmt, database, err);
    case CDC_SQL_DDL:
    case CDC_SQL_IGNORE:
        break;
    }
    return handle_ddl(st, ev, stmt, sql, database, err);
}

/* The statement in UTF-8, in the scratch arena. */
static bool statement_text(src_mysql_stream *st, const src_mysql_query *query, const char **sql,
                           size_t *len)
{
    src_mysql_convert convert = SRC_MYSQL_CONVERT_UTF8;
    if (query->has_charset) {
        const src_mysql_charset *cs = src_mysql_charset_by_collation(query->charset_client);
        if (cs != NULL && cs->convert != SRC_MYSQL_CONVERT_BINARY) {
            convert = (src_mysql_convert)cs->convert;
        }
    }
    src_mysql_text text = {query->sql, query->sql_len};
    bool ok = src_mysql_charset_to_utf8(convert, &text, &st->scratch, &st->dec->bad_text);
    *sql = text.p;
    *len = text.n;
    return ok;
}

static unsigned statement_mode(const src_mysql_stream *st, const src_mysql_query *query)
{
    unsigned mode = st->server->is_mariadb ? 0 : CDC_SQL_MYSQL;
    mode |= (query->sql_mode & SRC_MYSQL_MODE_ANSI_QUOTES) != 0 ? CDC_SQL_ANSI_QUOTES : 0;
    mode |= (query->sql_mode & SRC_MYSQL_MODE_NO_BACKSLASH_ESCAPES) != 0
                ? CDC_SQL_NO_BACKSLASH_ESCAPES
                : 0;
    return mode;
}

static bool is_exactly(const src_mysql_query *query, const char *text)
{
    return query->sql_len == strlen(text) && memcmp(query->sql, text, query->sql_len) == 0;
}

cdc_rc src_mysql_txn_parse(src_mysql_stream *st, const src_mysql_query *query,
                           src_mysql_statement *out, cdc_error *err)
{
    size_t len;
    unsigned mode = statement_mode(st, query);
    cdc_arena_reset(&st->scratch, 64 * 1024);
    out->database = cdc_arena_strndup(&st->scratch, query->database, query->database_len);
    if (out->database == NULL || !statement_text(st, query, &out->sql, &len) ||
        !cdc_sql_plain(&out->sql, &len, mode, &st->scratch) ||
        !cdc_sql_statement_parse(out->sql, len, mode & CDC_SQL_MYSQL, out->database, &st->scratch,
                                 &out->parsed)) {
        (void)cdc_error_set(err, CDC_FATAL, "mysql_statement",
                            "a statement of %zu bytes in database %.*s is too large to be read",
                            query->sql_len, (int)query->database_len, query->database);
        return src_mysql_stream_at(st, err);
    }
    return CDC_OK;
}

cdc_rc src_mysql_txn_query(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    src_mysql_query query;
    src_mysql_statement stmt;
    if (src_mysql_event_query(ev, &query, err) != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    if (!st->txn.in_group) {
        begin_group(st, ev); /* a log without GTID events */
    }
    if (is_exactly(&query, "BEGIN")) {
        st->txn.open = true;
        return CDC_OK;
    }
    cdc_rc rc = src_mysql_txn_parse(st, &query, &stmt, err);
    rc = rc == CDC_OK ? src_mysql_txn_complete(st, &query, &stmt, err) : rc;
    return rc == CDC_OK ? handle_statement(st, ev, &stmt.parsed, stmt.sql, stmt.database, err) : rc;
}

/* LOAD DATA in STATEMENT format: the event begins like a QUERY event. */
cdc_rc src_mysql_txn_load_query(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    cdc_cursor c = ev->body;
    (void)cdc_cursor_bytes(&c, 8); /* thread id, seconds */
    size_t ndatabase = cdc_cursor_u8(&c);
    (void)cdc_cursor_u16(&c); /* error code */
    size_t nstatus = cdc_cursor_u16(&c);
    (void)cdc_cursor_bytes(&c, 13 + nstatus); /* file id and the name's place in the statement */
    const char *name = (const char *)cdc_cursor_bytes(&c, ndatabase);
    cdc_arena_reset(&st->scratch, 64 * 1024);
    const char *database = name != NULL ? cdc_arena_strndup(&st->scratch, name, ndatabase) : NULL;
    if (database == NULL) {
        (void)cdc_error_set(err, CDC_FATAL, "mysql_event", "EXECUTE_LOAD_QUERY event is malformed");
        return src_mysql_stream_at(st, err);
    }
    cdc_sql_statement stmt = {.kind = CDC_SQL_ROWS};
    return handle_row_change(st, ev, &stmt, database, err);
}

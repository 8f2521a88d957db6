#include "rewrite.h"

#include "literal.h"

enum { SQL_MAX = 64 * 1024 * 1024, NOTES_MAX = 2048 };

void sink_mysql_rewritten_init(sink_mysql_rewritten *rw)
{
    memset(rw, 0, sizeof *rw);
    cdc_buffer_init(&rw->before, SQL_MAX);
    cdc_buffer_init(&rw->sql, SQL_MAX);
    cdc_buffer_init(&rw->notes, NOTES_MAX);
}

void sink_mysql_rewritten_fini(sink_mysql_rewritten *rw)
{
    cdc_buffer_fini(&rw->before);
    cdc_buffer_fini(&rw->sql);
    cdc_buffer_fini(&rw->notes);
}

/* --- names --- */

static void sink_mysql_put_name(const sink_mysql_rewrite *how, const cdc_sql_name *name,
                                cdc_buffer *out)
{
    cdc_rename_name to;
    cdc_rename_table(how->rename, name->database, name->table, &to);
    sink_mysql_add_name(out, to.database);
    if (name->table[0] != '\0') {
        cdc_buffer_add_char(out, '.');
        sink_mysql_add_name(out, to.table);
    }
}

static void sink_mysql_replace_names(const sink_mysql_rewrite *how, sink_mysql_draft *dr)
{
    cdc_buffer text;
    cdc_buffer_init(&text, 4096);
    for (uint32_t i = 0; i < dr->stmt.nnames; i++) {
        const cdc_sql_name *name = &dr->stmt.names[i];
        cdc_buffer_reset(&text);
        cdc_buffer_add_str(&text, name->len == 0 ? " " : "");
        sink_mysql_put_name(how, name, &text);
        cdc_buffer_add_str(&text, name->len == 0 ? " " : "");
        sink_mysql_draft_replace(dr, name->at, name->len,
                                 sink_mysql_draft_format(dr, "%s", cdc_buffer_cstr(&text)));
    }
    cdc_buffer_fini(&text);
}

/* --- statements about several objects --- */

static const char *sink_mysql_given(const char *s)
{
    return s != NULL ? s : "";
}

/* Did a message come for this target of the statement? */
static bool sink_mysql_is_captured(const cdc_sql_target *target, const cdc_event *const *events,
                                   uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const cdc_event *ev = events[i];
        const char *was = sink_mysql_given(ev->ddl_was);
        size_t len = strlen(target->was_database);
        bool same = strcmp(sink_mysql_given(ev->ddl_database), target->database) == 0 &&
                    strcmp(sink_mysql_given(ev->ddl_table), target->table) == 0;
        bool same_was = target->was_table[0] == '\0'
                            ? was[0] == '\0'
                            : strncmp(was, target->was_database, len) == 0 && was[len] == '.' &&
                                  strcmp(was + len + 1, target->was_table) == 0;
        if (same && same_was) {
            return true;
        }
    }
    return false;
}

/* DROP TABLE and DROP SEQUENCE: what is not there at the target is gone, too. */
static void sink_mysql_write_drop(const sink_mysql_rewrite *how, const sink_mysql_draft *dr,
                                  const cdc_event *const *events, uint32_t n, cdc_buffer *out)
{
    const cdc_sql_statement *stmt = &dr->stmt;
    bool first = true;
    for (uint32_t i = 0; i < stmt->ntargets && i < stmt->nnames; i++) {
        if (!sink_mysql_is_captured(&stmt->targets[i], events, n)) {
            continue;
        }
        cdc_buffer_add_str(out, !first                             ? ", "
                                : stmt->object == CDC_SQL_SEQUENCE ? "DROP SEQUENCE IF EXISTS "
                                                                   : "DROP TABLE IF EXISTS ");
        sink_mysql_put_name(how, &stmt->names[i], out);
        first = false;
    }
}

/* RENAME TABLE: all pairs in one statement, which both servers carry out as a whole. */
static void sink_mysql_write_rename(const sink_mysql_rewrite *how, const sink_mysql_draft *dr,
                                    const cdc_event *const *events, uint32_t n, cdc_buffer *out)
{
    const cdc_sql_statement *stmt = &dr->stmt;
    bool first = true;
    for (uint32_t i = 0; i < stmt->ntargets && 2 * i + 1 < stmt->nnames; i++) {
        cdc_rename_name old;
        cdc_rename_name now;
        const cdc_sql_name *names = &stmt->names[2 * i];
        cdc_rename_table(how->rename, names[0].database, names[0].table, &old);
        cdc_rename_table(how->rename, names[1].database, names[1].table, &now);
        bool same = strcmp(old.database, now.database) == 0 && strcmp(old.table, now.table) == 0;
        if (same || !sink_mysql_is_captured(&stmt->targets[i], events, n)) {
            continue;
        }
        cdc_buffer_add_str(out, first ? "RENAME TABLE " : ", ");
        sink_mysql_put_name(how, &names[0], out);
        cdc_buffer_add_str(out, " TO ");
        sink_mysql_put_name(how, &names[1], out);
        first = false;
    }
}

/* --- all others --- */

/* Tokens of this kind from here on: 0 if it is none of them. */
static uint32_t sink_mysql_manner_length(const sink_mysql_draft *dr, uint32_t tok)
{
    const cdc_sql_statement *stmt = &dr->stmt;
    const char *name = dr->sql + stmt->names[0].at;
    bool before = dr->toks[tok].p < name;
    if (before) {
        return sink_mysql_draft_is(dr, tok, "ONLINE|OFFLINE") ? 1 : 0;
    }
    if (stmt->object == CDC_SQL_INDEX && sink_mysql_draft_is(dr, tok, "ALGORITHM|LOCK")) {
        return sink_mysql_draft_is_punct(dr, tok + 1, '=') ? 3 : 2;
    }
    if (sink_mysql_draft_is(dr, tok, "WAIT") && tok + 1 < dr->ntoks &&
        dr->toks[tok + 1].kind == CDC_SQL_NUMBER) {
        return 2;
    }
    return sink_mysql_draft_is(dr, tok, "NOWAIT") ? 1 : 0;
}

/* ALGORITHM, LOCK, WAIT: how the source went about it, which is no business of the target's. */
static void sink_mysql_drop_manner(sink_mysql_draft *dr)
{
    for (uint32_t i = 0; i < dr->nparts && dr->stmt.verb == CDC_SQL_ALTER; i++) {
        if (sink_mysql_draft_is(dr, dr->parts[i].first, "ALGORITHM|LOCK")) {
            sink_mysql_draft_remove_part(dr, &dr->parts[i]);
        }
    }
    for (uint32_t i = 1; i < dr->ntoks; i = sink_mysql_draft_past(dr, i)) {
        sink_mysql_draft_remove(dr, i, i + sink_mysql_manner_length(dr, i));
    }
}

/* "CREATE OR REPLACE" at a target that has none: dropped first. */
static void sink_mysql_split_replace(const sink_mysql_rewrite *how, sink_mysql_draft *dr,
                                     sink_mysql_rewritten *out)
{
    const cdc_sql_statement *stmt = &dr->stmt;
    if (!stmt->or_replace || how->to_maria || stmt->object == CDC_SQL_INDEX) {
        return;
    }
    for (uint32_t i = 1; i + 1 < dr->ntoks; i++) {
        if (sink_mysql_draft_is(dr, i, "OR") && sink_mysql_draft_is(dr, i + 1, "REPLACE")) {
            sink_mysql_draft_remove(dr, i, i + 2);
            break;
        }
    }
    cdc_buffer_add_str(&out->before, stmt->object == CDC_SQL_DATABASE ? "DROP DATABASE IF EXISTS "
                                                                      : "DROP TABLE IF EXISTS ");
    sink_mysql_put_name(how, &stmt->names[0], &out->before);
}

static cdc_rc sink_mysql_no_room(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "ddl_too_large",
                         "the statement is too large to be rewritten (64 MB)");
}

/* MariaDB's GTIDs are numbers, MySQL's are UUIDs, or none. */
static bool sink_mysql_from_maria(const cdc_event *ev)
{
    const char *p = sink_mysql_given(ev->gtid);
    size_t digits = strspn(p, "0123456789");
    return digits > 0 && p[digits] == '-' && strspn(p, "0123456789-") == strlen(p);
}

/* What came out must do the same to the object that is meant: a net under the edits, which could
 * make a comment of two tokens that they bring together. */
static cdc_rc sink_mysql_check_written(const sink_mysql_draft *dr, const sink_mysql_rewritten *rw,
                                       cdc_error *err)
{
    cdc_sql_statement again;
    const cdc_sql_statement *stmt = &dr->stmt;
    bool same = !rw->sql.failed &&
                cdc_sql_statement_parse(rw->sql.data, rw->sql.len, 0, "", dr->ar, &again) &&
                again.verb == stmt->verb && again.object == stmt->object && again.nnames > 0 &&
                strcmp(again.names[0].database, rw->name.database) == 0 &&
                strcmp(again.names[0].table, rw->name.table) == 0;
    return same ? CDC_OK
                : cdc_error_set(err, CDC_FATAL, "ddl_rewrite",
                                "the statement cannot be put into the target's words surely; run "
                                "it on the target by hand");
}

static cdc_rc sink_mysql_write_other(const sink_mysql_rewrite *how, sink_mysql_draft *dr,
                                     const cdc_event *ev, sink_mysql_rewritten *out, cdc_error *err)
{
    if (dr->selects) {
        return cdc_error_set(err, CDC_FATAL, "ddl_select",
                             "CREATE TABLE ... SELECT is not replayed as it is: its rows are not "
                             "in the log in ROW format");
    }
    sink_mysql_replace_names(how, dr);
    sink_mysql_drop_manner(dr);
    sink_mysql_split_replace(how, dr, out);
    cdc_rc rc = sink_mysql_rename_columns(how, dr, err);
    if (rc != CDC_OK) {
        return rc;
    }
    sink_mysql_adapt_dialect(how, dr, sink_mysql_from_maria(ev), out);
    sink_mysql_draft_print(dr, &out->sql);
    return sink_mysql_check_written(dr, out, err);
}

/* DROP DATABASE and CREATE OR REPLACE DATABASE remove whatever the target has there. */
static cdc_rc sink_mysql_check_drop(const sink_mysql_rewrite *how, const sink_mysql_draft *dr,
                                    const cdc_event *ev, cdc_error *err)
{
    const cdc_sql_statement *stmt = &dr->stmt;
    bool drops =
        stmt->object == CDC_SQL_DATABASE && (stmt->verb == CDC_SQL_DROP || stmt->or_replace);
    if (drops && ev->partial) {
        char target[CDC_RENAME_MAX];
        cdc_rename_database(how->rename, stmt->names[0].database, target);
        return cdc_error_set(err, CDC_FATAL, "ddl_drop_database",
                             "only some tables of database %s are captured (objects.include, "
                             "objects.exclude), and database %s of the target may hold others: "
                             "drop those that are to go there by hand, with DROP TABLE",
                             stmt->names[0].database, target);
    }
    if (!drops || !cdc_rename_splits(how->rename, stmt->names[0].database)) {
        return CDC_OK;
    }
    return cdc_error_set(err, CDC_FATAL, "ddl_drop_database",
                         "target.rename gives tables of database %s to another one, or its "
                         "database to others: which tables of the target are to go is not clear; "
                         "drop them by hand",
                         stmt->names[0].database);
}

static cdc_rc sink_mysql_check_names(const sink_mysql_draft *dr, cdc_error *err)
{
    for (uint32_t i = 0; i < dr->stmt.nnames; i++) {
        if (dr->stmt.names[i].database[0] == '\0') {
            return cdc_error_set(err, CDC_FATAL, "ddl_no_database",
                                 "table %s is named without a database, and the message does not "
                                 "say which was the default one",
                                 dr->stmt.names[i].table);
        }
    }
    return CDC_OK;
}

static sink_mysql_replay sink_mysql_what(const sink_mysql_rewrite *how,
                                         const cdc_sql_statement *stmt)
{
    bool sequence = stmt->object == CDC_SQL_SEQUENCE && how->to_maria;
    bool named = stmt->object == CDC_SQL_TABLE || stmt->object == CDC_SQL_INDEX ||
                 stmt->object == CDC_SQL_DATABASE || sequence;
    return stmt->kind == CDC_SQL_DDL && named && stmt->nnames > 0 ? SINK_MYSQL_REPLAY
                                                                  : SINK_MYSQL_NO_OBJECT;
}

static cdc_rc sink_mysql_rewrite_draft(const sink_mysql_rewrite *how, sink_mysql_draft *dr,
                                       const cdc_event *const *events, uint32_t n,
                                       sink_mysql_rewritten *out, cdc_error *err)
{
    const cdc_sql_statement *stmt = &dr->stmt;
    out->replay = sink_mysql_what(how, stmt);
    out->verb = stmt->verb;
    out->object = stmt->object;
    if (out->replay != SINK_MYSQL_REPLAY) {
        return CDC_OK;
    }
    cdc_rc rc = sink_mysql_check_names(dr, err);
    rc = rc == CDC_OK ? sink_mysql_check_drop(how, dr, events[0], err) : rc;
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_rename_table(how->rename, stmt->names[0].database, stmt->names[0].table, &out->name);
    bool about_tables = stmt->object == CDC_SQL_TABLE || stmt->object == CDC_SQL_SEQUENCE;
    if (stmt->verb == CDC_SQL_DROP && about_tables) {
        sink_mysql_write_drop(how, dr, events, n, &out->sql);
    } else if (stmt->verb == CDC_SQL_RENAME) {
        sink_mysql_write_rename(how, dr, events, n, &out->sql);
    } else {
        rc = sink_mysql_write_other(how, dr, events[0], out, err);
    }
    if (rc == CDC_OK && (out->sql.failed || out->before.failed || dr->failed)) {
        return sink_mysql_no_room(err);
    }
    if (rc == CDC_OK && out->sql.len == 0) {
        out->replay = SINK_MYSQL_NOTHING;
    }
    return rc;
}

cdc_rc sink_mysql_rewrite_statement(const sink_mysql_rewrite *how, const cdc_event *const *events,
                                    uint32_t n, sink_mysql_rewritten *out, cdc_error *err)
{
    const cdc_event *ev = events[0];
    const char *database = sink_mysql_given(ev->ddl_default);
    if (database[0] == '\0') {
        database = sink_mysql_given(ev->ddl_database);
    }
    cdc_arena ar;
    sink_mysql_draft dr;
    cdc_arena_init(&ar, 64 * 1024, SIZE_MAX / 2);
    cdc_rc rc = sink_mysql_draft_init(&dr, ev->sql, ev->sql_len, database, &ar)
                    ? sink_mysql_rewrite_draft(how, &dr, events, n, out, err)
                    : sink_mysql_no_room(err);
    cdc_buffer_add(&out->notes, dr.notes.data, dr.notes.len);
    sink_mysql_draft_fini(&dr);
    cdc_arena_fini(&ar);
    return rc;
}

#include "careful.h"

#include <mysqld_error.h>
#include <stdlib.h>

#include "handle.h"
#include "offsets.h"

enum { KEY_TEXT = 256 };

/* One row on its way. */
typedef struct sink_mysql_careful {
    sink_mysql_handle *sm;
    sink_mysql_map *map;
    const cdc_event *ev;
    sink_mysql_rule rule;
    int64_t
        count; /* rows that the last statement matched; -1: it met a row with the same unique key */
} sink_mysql_careful;

/* --- errors --- */

static cdc_rc sink_mysql_name_row(const sink_mysql_careful *cf, cdc_error *err)
{
    char key[KEY_TEXT];
    sink_mysql_describe_key(cf->ev, key, sizeof key);
    return cdc_error_context(err, "%s in table %s.%s, row %s", cdc_op_name((cdc_op)cf->ev->op),
                             cf->ev->table->database, cf->ev->table->name, key);
}

static cdc_rc sink_mysql_conflict(const sink_mysql_careful *cf, cdc_error *err)
{
    sink_mysql_handle *sm = cf->sm;
    const char *what = "it is not there";
    const char *code = cf->ev->op == CDC_OP_UPDATE ? "conflict_update" : "conflict_delete";
    char duplicate[600] = "";
    if (cf->count < 0) {
        snprintf(duplicate, sizeof duplicate, "a row is in its way (%s)", mysql_error(sm->conn.my));
        what = duplicate;
        code = cf->ev->op == CDC_OP_INSERT ? "conflict_insert" : "conflict_update";
    }
    cdc_error_set(err, CDC_FATAL, code,
                  "%s at the target %s, so source and target differ: mend the row, or set "
                  "target.conflict to keep or "
                  "overwrite",
                  what, sm->conn.where);
    sink_mysql_name_row(cf, err);
    return sink_mysql_check_fence(sm, err);
}

static void sink_mysql_count_conflict(const sink_mysql_careful *cf)
{
    cf->sm->counts.conflicts[cf->ev->op]++;
}

/* --- statements --- */

/* Is the warning about an ENUM that gets its invalid value, and nothing else? */
static bool sink_mysql_is_wanted(const sink_mysql_careful *cf, MYSQL_ROW warning)
{
    if (warning[1] == NULL || warning[2] == NULL ||
        strtoul(warning[1], NULL, 10) != WARN_DATA_TRUNCATED) {
        return false;
    }
    for (uint32_t i = 0; i < cf->map->nfields; i++) {
        const sink_mysql_field *field = &cf->map->fields[i];
        const cdc_value *v = &cf->ev->after[field->source];
        char name[2 * CDC_TABLE_NAME_MAX + 8];
        snprintf(name, sizeof name, "'%.*s'", (int)strlen(field->quoted) - 2, field->quoted + 1);
        if (v->kind == CDC_ENUM && v->u == 0 && strstr(warning[2], name) != NULL) {
            return true;
        }
    }
    return false;
}

/* Without strict mode the server bends other values too, and says so: none may be. */
static cdc_rc sink_mysql_careful_warnings(const sink_mysql_careful *cf, cdc_error *err)
{
    static const char sql[] = "SHOW WARNINGS";
    sink_mysql_handle *sm = cf->sm;
    unsigned n = mysql_warning_count(sm->conn.my);
    MYSQL_RES *res = NULL;
    if (n == 0) {
        return CDC_OK;
    }
    cdc_rc rc = sink_mysql_query(&sm->conn, "read warnings", sql, sizeof sql - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (mysql_num_rows(res) != n) {
        rc = cdc_error_set(err, CDC_FATAL, "target_warning",
                           "target %s: a row was written with %u warnings, more than it tells",
                           sm->conn.where, n);
    }
    for (MYSQL_ROW row; rc == CDC_OK && (row = mysql_fetch_row(res)) != NULL;) {
        if (!sink_mysql_is_wanted(cf, row)) {
            rc = cdc_error_set(err, CDC_FATAL, "target_warning",
                               "target %s: a value was changed when it was written: %s: make the "
                               "column as it is at the source",
                               sm->conn.where, row[2] != NULL ? row[2] : "");
        }
    }
    mysql_free_result(res);
    return rc == CDC_OK ? rc : sink_mysql_name_row(cf, err);
}

/* Runs the statement that is alone in the packet's buffer. */
static cdc_rc sink_mysql_careful_send(sink_mysql_careful *cf, cdc_error *err)
{
    sink_mysql_handle *sm = cf->sm;
    cdc_buffer *sql = &sm->packet.sql;
    cdc_metric_add(sm->metrics.statements, 1);
    if (sink_mysql_send(&sm->conn, sql->data, sql->len)) {
        cf->count = (int64_t)mysql_affected_rows(sm->conn.my);
        return CDC_OK;
    }
    if (mysql_errno(sm->conn.my) == ER_DUP_ENTRY) {
        cf->count = -1;
        return CDC_OK;
    }
    sink_mysql_fail(&sm->conn, "apply a row", err);
    sink_mysql_name_row(cf, err);
    return err->rc == CDC_FATAL ? sink_mysql_check_fence(sm, err) : err->rc;
}

/* An ENUM's invalid value has no literal that strict mode takes: it is off for that statement. */
static cdc_rc sink_mysql_careful_run(sink_mysql_careful *cf, cdc_error *err)
{
    sink_mysql_handle *sm = cf->sm;
    if (sm->packet.sql.failed) {
        return sink_mysql_too_large(sm, cf->ev, err);
    }
    if (!sink_mysql_has_invalid_enum(cf->map, cf->ev->after)) {
        return sink_mysql_careful_send(cf, err);
    }
    cdc_rc rc = sink_mysql_strict(&sm->conn, false, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_careful_send(cf, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_careful_warnings(cf, err);
    }
    if (rc != CDC_OK) { /* the session must not be used like this by anybody */
        sink_mysql_disconnect(&sm->conn);
        return rc;
    }
    return sink_mysql_strict(&sm->conn, true, err);
}

static cdc_rc sink_mysql_careful_insert(sink_mysql_careful *cf, const char *verb, cdc_error *err)
{
    uint32_t bad = 0;
    cdc_buffer_reset(&cf->sm->packet.sql);
    if (sink_mysql_add_insert(&cf->sm->packet.sql, cf->map, verb, cf->ev->after, &bad) !=
        SINK_MYSQL_ROW_OK) {
        return sink_mysql_bad_value(cf->ev, bad, err);
    }
    return sink_mysql_careful_run(cf, err);
}

static cdc_rc sink_mysql_careful_update(sink_mysql_careful *cf, const char *verb,
                                        const cdc_event *ev, cdc_error *err)
{
    uint32_t bad = 0;
    cdc_buffer_reset(&cf->sm->packet.sql);
    if (sink_mysql_add_update(&cf->sm->packet.sql, cf->map, verb, ev, &bad) != SINK_MYSQL_ROW_OK) {
        return sink_mysql_bad_value(ev, bad, err);
    }
    return sink_mysql_careful_run(cf, err);
}

static cdc_rc sink_mysql_careful_delete(sink_mysql_careful *cf, cdc_error *err)
{
    uint32_t bad = 0;
    cdc_buffer_reset(&cf->sm->packet.sql);
    if (sink_mysql_add_delete(&cf->sm->packet.sql, cf->map, cf->ev, &bad) != SINK_MYSQL_ROW_OK) {
        return sink_mysql_bad_value(cf->ev, bad, err);
    }
    return sink_mysql_careful_run(cf, err);
}

/* The source's row, whatever is in its way. */
static cdc_rc sink_mysql_careful_replace(sink_mysql_careful *cf, cdc_error *err)
{
    cdc_event same = *cf->ev;
    bool by_key = cf->map->nkeys > 0;
    cdc_rc rc = CDC_OK;
    cf->count = 0;
    if (by_key) { /* REPLACE deletes the row first, and with it what refers to it: only if nothing
                     else will do */
        same.before = cf->ev->after;
        rc = sink_mysql_careful_update(cf, "UPDATE", &same, err);
    }
    if (rc != CDC_OK || cf->count > 0) {
        return rc;
    }
    if (!sink_mysql_is_complete(cf->map, cf->ev->after) && cf->ev->op == CDC_OP_UPDATE) {
        return sink_mysql_conflict(cf, err);
    }
    return sink_mysql_careful_insert(cf, "REPLACE", err);
}

/* foreign_key_checks as a statement needs it, by way of the packet, which knows what the session
 * has. */
static cdc_rc sink_mysql_careful_session(sink_mysql_careful *cf, bool unchecked, cdc_error *err)
{
    sink_mysql_handle *sm = cf->sm;
    int8_t want = unchecked ? 0 : 1;
    if (!cf->map->target->has_foreign_keys || sm->packet.foreign_keys == want) {
        return CDC_OK;
    }
    char sql[64];
    int n = snprintf(sql, sizeof sql, "SET foreign_key_checks=%d", want);
    cdc_rc rc = sink_mysql_exec(&sm->conn, "set foreign_key_checks", sql, (size_t)n, err);
    sm->packet.foreign_keys = rc == CDC_OK ? want : -1;
    return rc;
}

/* See sink_mysql_run_cascade. */
static cdc_rc sink_mysql_careful_cascade(sink_mysql_careful *cf, cdc_error *err)
{
    cdc_event was = *cf->ev;
    sink_mysql_careful bring = *cf;
    was.after = cf->ev->before;
    bring.ev = &was;
    cdc_rc rc = sink_mysql_careful_session(cf, true, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_careful_insert(&bring, "INSERT IGNORE", err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_careful_session(cf, false, err);
    }
    if (rc != CDC_OK || cf->ev->op == CDC_OP_DELETE) {
        return rc;
    }
    rc = sink_mysql_careful_update(cf, "UPDATE IGNORE", cf->ev, err);
    return rc == CDC_OK ? sink_mysql_careful_session(cf, true, err) : rc;
}

/* --- rules --- */

static cdc_rc sink_mysql_careful_insert_event(sink_mysql_careful *cf, cdc_error *err)
{
    if (cf->rule == SINK_MYSQL_LENIENT) {
        return cf->map->nkeys > 0 ? sink_mysql_careful_replace(cf, err)
                                  : sink_mysql_careful_insert(cf, "REPLACE", err);
    }
    cdc_rc rc = sink_mysql_careful_insert(cf, "INSERT", err);
    if (rc != CDC_OK || cf->count >= 0) {
        return rc;
    }
    if (cf->rule == SINK_MYSQL_REPORT) {
        return sink_mysql_conflict(cf, err);
    }
    sink_mysql_count_conflict(cf);
    return cf->rule == SINK_MYSQL_OVERWRITE ? sink_mysql_careful_replace(cf, err) : CDC_OK;
}

/* The row at its old key goes, and comes at its new one. */
static cdc_rc sink_mysql_careful_move(sink_mysql_careful *cf, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (!sink_mysql_same_key(cf->map, cf->ev) && sink_mysql_is_complete(cf->map, cf->ev->after)) {
        rc = sink_mysql_careful_delete(cf, err);
    }
    return rc == CDC_OK ? sink_mysql_careful_replace(cf, err) : rc;
}

static cdc_rc sink_mysql_careful_update_event(sink_mysql_careful *cf, cdc_error *err)
{
    bool by_key = cf->map->nkeys > 0;
    if (cf->rule == SINK_MYSQL_LENIENT && by_key &&
        sink_mysql_is_complete(cf->map, cf->ev->after)) {
        return sink_mysql_careful_move(cf, err);
    }
    cdc_rc rc = sink_mysql_careful_update(cf, "UPDATE", cf->ev, err);
    if (rc != CDC_OK || cf->count > 0 || cf->rule == SINK_MYSQL_LENIENT) {
        return rc;
    }
    if (cf->rule == SINK_MYSQL_REPORT) {
        return sink_mysql_conflict(cf, err);
    }
    sink_mysql_count_conflict(cf);
    if (cf->rule == SINK_MYSQL_KEEP) {
        return CDC_OK;
    }
    return by_key ? sink_mysql_careful_move(cf, err)
                  : sink_mysql_careful_insert(cf, "REPLACE", err);
}

static cdc_rc sink_mysql_careful_delete_event(sink_mysql_careful *cf, cdc_error *err)
{
    cdc_rc rc = sink_mysql_careful_delete(cf, err);
    if (rc != CDC_OK || cf->count > 0 || cf->rule == SINK_MYSQL_LENIENT) {
        return rc;
    }
    if (cf->rule == SINK_MYSQL_REPORT) {
        return sink_mysql_conflict(cf, err);
    }
    sink_mysql_count_conflict(cf);
    return CDC_OK;
}

cdc_rc sink_mysql_careful_event(sink_mysql_handle *sm, const cdc_event *ev, cdc_error *err)
{
    sink_mysql_careful cf = {.sm = sm, .ev = ev, .rule = sink_mysql_rule_of(sm, ev)};
    cdc_rc rc = sink_mysql_map_of(sm, ev, &cf.map, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_careful_session(&cf, sink_mysql_unchecked(ev), err);
    }
    if (rc == CDC_OK && sink_mysql_must_cascade(cf.map, ev)) {
        rc = sink_mysql_careful_cascade(&cf, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    switch (ev->op) {
    case CDC_OP_INSERT:
        rc = sink_mysql_careful_insert_event(&cf, err);
        break;
    case CDC_OP_UPDATE:
        rc = sink_mysql_careful_update_event(&cf, err);
        break;
    default:
        rc = sink_mysql_careful_delete_event(&cf, err);
        break;
    }
    cdc_buffer_reset(&sm->packet.sql);
    return rc;
}

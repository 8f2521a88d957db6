#include "ddl.h"

#include "core/log.h"
#include "handle.h"
#include "literal.h"
#include "object.h"
#include "rewrite.h"

enum { HEAD_MAX = 120, NAME_MAX_BYTES = 64, OBJECT_BYTES_MAX = 64 * 1024 * 1024 };

#define SCHEMA_TXN "schema:" /* transactions of the phase schema */

/* --- asking the target --- */

static bool sink_mysql_knows_collation(void *context, const char *name, size_t len)
{
    sink_mysql_conn *conn = context;
    char sql[NAME_MAX_BYTES + 64];
    cdc_error ignored;
    MYSQL_RES *res = NULL;
    cdc_error_clear(&ignored);
    if (len > NAME_MAX_BYTES || len == 0) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        bool word = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
                    (name[i] >= '0' && name[i] <= '9') || name[i] == '_';
        if (!word) {
            return false;
        }
    }
    size_t charset = strcspn(name, "_");
    int n = snprintf(sql, sizeof sql, "SELECT _%.*s'' COLLATE %.*s",
                     (int)(charset < len ? charset : 0), name, (int)len, name);
    bool known =
        n > 0 && (size_t)n < sizeof sql &&
        sink_mysql_query(conn, "look for a collation", sql, (size_t)n, &res, &ignored) == CDC_OK;
    if (known) {
        mysql_free_result(res);
    }
    return known;
}

/* Is there such a table (or view), routine, trigger, event? */
static cdc_rc sink_mysql_exists(sink_mysql_handle *sm, const sink_mysql_object *object,
                                bool *exists, cdc_error *err)
{
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_buffer_init(&sql, 4096);
    sink_mysql_object_exists(object, &sql);
    cdc_rc rc = sink_mysql_query(&sm->conn, "look for an object", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        *exists = mysql_num_rows(res) > 0;
        mysql_free_result(res);
    }
    return rc;
}

/* --- running --- */

/* One statement, and no second one behind a ';' in it. Definitions commit by themselves; without
 * autocommit MariaDB's EXCHANGE PARTITION waits for a lock that it holds itself (measured on
 * 10.11). */
static cdc_rc sink_mysql_ddl_run(sink_mysql_handle *sm, const char *sql, size_t len, cdc_error *err)
{
    /* tables come in any order */
    static const char before[] = "SET foreign_key_checks=0,autocommit=1";
    static const char after[] = "SET autocommit=0";
    cdc_rc rc = sink_mysql_exec(&sm->conn, "prepare the session", before, sizeof before - 1, err);
    if (rc != CDC_OK) {
        return rc;
    }
    sm->packet.foreign_keys = 0;
    mysql_set_server_option(sm->conn.my, MYSQL_OPTION_MULTI_STATEMENTS_OFF);
    rc = sink_mysql_exec(&sm->conn, "definition change", sql, len, err);
    if (rc == CDC_OK || rc == CDC_FATAL) {
        cdc_error failed;
        cdc_error_clear(&failed);
        mysql_set_server_option(sm->conn.my, MYSQL_OPTION_MULTI_STATEMENTS_ON);
        cdc_rc again =
            sink_mysql_exec(&sm->conn, "set the session up", after, sizeof after - 1, &failed);
        if (again != CDC_OK) {
            *err = failed; /* not for rows any more */
            return again;
        }
    }
    return rc;
}

static cdc_rc sink_mysql_make_database(sink_mysql_handle *sm, const char *database, cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, 4096);
    cdc_buffer_add_str(&sql, "CREATE DATABASE IF NOT EXISTS ");
    sink_mysql_add_name(&sql, database);
    cdc_rc rc = sink_mysql_ddl_run(sm, sql.data, sql.len, err);
    cdc_buffer_fini(&sql);
    return rc;
}

/* Errors that say: it is as the statement would have it. */
static bool sink_mysql_is_done(const cdc_error *err)
{
    static const char *const codes[] = {
        "mysql_1007", /* CREATE DATABASE: exists */
        "mysql_1008", /* DROP DATABASE: does not exist */
        "mysql_1050", /* CREATE TABLE: exists */
        "mysql_1051", /* DROP TABLE: unknown */
        "mysql_1054", /* unknown column: renamed or changed already */
        "mysql_1060", /* column exists */
        "mysql_1061", /* key exists */
        "mysql_1068", /* primary key exists */
        "mysql_1091", /* column or key to be dropped does not exist */
        "mysql_1146", /* table does not exist */
        "mysql_1176", /* key does not exist */
        "mysql_1826", /* foreign key exists */
        "mysql_3822", /* check constraint exists */
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(err->code, codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static cdc_rc sink_mysql_ddl_statements(sink_mysql_handle *sm, const sink_mysql_rewritten *rw,
                                        cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (rw->before.len > 0) {
        rc = sink_mysql_ddl_run(sm, rw->before.data, rw->before.len, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_ddl_run(sm, rw->sql.data, rw->sql.len, err);
    }
    bool no_database = rc == CDC_FATAL && strcmp(err->code, "mysql_1049") == 0 &&
                       rw->verb == CDC_SQL_CREATE && rw->object == CDC_SQL_TABLE;
    if (no_database) {
        cdc_error_clear(err);
        rc = sink_mysql_make_database(sm, rw->name.database, err);
        rc = rc == CDC_OK ? sink_mysql_ddl_run(sm, rw->sql.data, rw->sql.len, err) : rc;
    }
    return rc;
}

static cdc_rc sink_mysql_ddl_refused(const sink_mysql_rewritten *rw, cdc_error *err)
{
    size_t len = rw->sql.len < HEAD_MAX ? rw->sql.len : HEAD_MAX;
    return cdc_error_context(err, "definition of %s%s%s: %.*s%s", rw->name.database,
                             rw->name.table[0] != '\0' ? "." : "", rw->name.table, (int)len,
                             rw->sql.data, rw->sql.len > HEAD_MAX ? "..." : "");
}

static cdc_rc sink_mysql_ddl_replay(sink_mysql_handle *sm, const cdc_event *ev,
                                    const sink_mysql_rewritten *rw, cdc_error *err)
{
    bool snapshot = ev->phase == CDC_PHASE_SNAPSHOT;
    bool creates = rw->verb == CDC_SQL_CREATE && rw->object == CDC_SQL_TABLE;
    bool exists = false;
    sink_mysql_object object = {.kind = "TABLE", .name = rw->name};
    cdc_rc rc = snapshot && creates ? sink_mysql_exists(sm, &object, &exists, err) : CDC_OK;
    if (rc != CDC_OK || exists) {
        return rc;
    }
    rc = sink_mysql_ddl_statements(sm, rw, err);
    if (rc == CDC_FATAL && (snapshot || rw->if_exists) && sink_mysql_is_done(err)) {
        CDC_LOG(CDC_LOG_INFO, "ddl_done_before", CDC_STR("database", rw->name.database),
                CDC_STR("table", rw->name.table), CDC_STR("error", err->text));
        cdc_error_clear(err);
        return CDC_OK;
    }
    if (rc == CDC_OK && creates) {
        CDC_LOG(CDC_LOG_INFO, "table_created", CDC_STR("database", rw->name.database),
                CDC_STR("table", rw->name.table));
    }
    return rc == CDC_FATAL ? sink_mysql_ddl_refused(rw, err) : rc;
}

/* The definition's text is ready: it is made, unless something of that name is there. A routine
 * runs with the rights of whoever calls it, which only an ALTER can say of any routine. */
static cdc_rc sink_mysql_make_object(sink_mysql_handle *sm, const sink_mysql_object *object,
                                     const cdc_buffer *sql, cdc_error *err)
{
    bool exists = false;
    cdc_rc rc = sink_mysql_exists(sm, object, &exists, err);
    if (rc != CDC_OK || exists) {
        return rc;
    }
    rc = sink_mysql_servers_mode(&sm->conn, true, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_ddl_run(sm, sql->data, sql->len, err);
    }
    if (rc == CDC_OK || rc == CDC_FATAL) {
        cdc_error restore;
        cdc_error_clear(&restore);
        if (sink_mysql_servers_mode(&sm->conn, false, &restore) != CDC_OK) {
            *err = restore;
            return err->rc;
        }
    }
    if (rc == CDC_FATAL && strcmp(err->code, "mysql_1419") == 0) {
        cdc_error_context(err,
                          "run SET GLOBAL log_bin_trust_function_creators = 1 at the target, or "
                          "take routines and triggers out of schema.objects");
    }
    bool routine = strcmp(object->kind, "FUNCTION") == 0 || strcmp(object->kind, "PROCEDURE") == 0;
    if (rc == CDC_OK && routine) {
        cdc_buffer alter;
        cdc_buffer_init(&alter, 4096);
        cdc_buffer_addf(&alter, "ALTER %s ", object->kind);
        sink_mysql_add_name(&alter, object->name.database);
        cdc_buffer_add_char(&alter, '.');
        sink_mysql_add_name(&alter, object->name.table);
        cdc_buffer_add_str(&alter, " SQL SECURITY INVOKER");
        rc = sink_mysql_ddl_run(sm, alter.data, alter.len, err);
        cdc_buffer_fini(&alter);
    }
    if (rc == CDC_OK) {
        CDC_LOG(CDC_LOG_INFO, "object_created", CDC_STR("kind", object->kind),
                CDC_STR("database", object->name.database), CDC_STR("name", object->name.table));
    }
    return rc == CDC_FATAL ? cdc_error_context(err, "%s %s.%s", object->kind, object->name.database,
                                               object->name.table)
                           : rc;
}

/* A view, routine, trigger or event of the phase schema. */
static cdc_rc sink_mysql_ddl_object(sink_mysql_handle *sm, const cdc_event *ev, cdc_error *err)
{
    cdc_arena ar;
    cdc_buffer sql;
    sink_mysql_draft dr;
    sink_mysql_object object = {.kind = ""};
    cdc_arena_init(&ar, 16 * 1024, OBJECT_BYTES_MAX);
    cdc_buffer_init(&sql, OBJECT_BYTES_MAX);
    const char *database =
        ev->ddl_default != NULL && ev->ddl_default[0] != '\0' ? ev->ddl_default : ev->ddl_database;
    cdc_rc rc = CDC_OK;
    bool drafted = sink_mysql_draft_init(&dr, ev->sql, ev->sql_len, database, &ar);
    if (drafted && sink_mysql_object_rewrite(&dr, database, sm->rename, &object)) {
        sink_mysql_draft_print(&dr, &sql);
    } else {
        rc = cdc_error_set(err, CDC_FATAL, "ddl_object",
                           "a definition of database %s is not understood: %.*s: make it at the "
                           "target by hand, or take its kind out of schema.objects",
                           database, (int)(ev->sql_len < HEAD_MAX ? ev->sql_len : HEAD_MAX),
                           ev->sql);
    }
    if (rc == CDC_OK && (dr.failed || sql.failed)) {
        rc = cdc_error_set(err, CDC_FATAL, "no_memory",
                           "out of memory for the definition of %s %s.%s", object.kind,
                           object.name.database, object.name.table);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_make_object(sm, &object, &sql, err);
    }
    if (drafted) {
        sink_mysql_draft_fini(&dr);
    }
    cdc_buffer_fini(&sql);
    cdc_arena_fini(&ar);
    return rc;
}

/* Views, triggers, routines, events; sequences where the target has none. */
static void sink_mysql_ddl_pass(sink_mysql_handle *sm, const cdc_event *ev)
{
    char head[HEAD_MAX + 1];
    snprintf(head, sizeof head, "%.*s", (int)(ev->sql_len < HEAD_MAX ? ev->sql_len : HEAD_MAX),
             ev->sql);
    CDC_LOG(
        CDC_LOG_WARN, "ddl_skipped", CDC_STR("statement", head),
        CDC_STR("pos", ev->pos_text != NULL ? ev->pos_text : ""),
        CDC_STR("why", "only tables, indexes, databases and, at MariaDB, sequences are replayed"));
    cdc_metric_add(sm->metrics.ddl_skipped, 1);
}

cdc_rc sink_mysql_ddl_execute(sink_mysql_handle *sm, const cdc_event *const *events, uint32_t n,
                              cdc_error *err)
{
    const sink_mysql_rewrite how = {.rename = sm->rename,
                                    .to_maria = sm->conn.maria,
                                    .knows_collation = sink_mysql_knows_collation,
                                    .context = &sm->conn};
    const cdc_event *ev = events[0];
    sink_mysql_rewritten rw;
    sink_mysql_rewritten_init(&rw);
    cdc_rc rc = sink_mysql_rewrite_statement(&how, events, n, &rw, err);
    if (rc == CDC_FATAL) {
        cdc_error_context(err, "definition change %.*s",
                          (int)(ev->sql_len < HEAD_MAX ? ev->sql_len : HEAD_MAX), ev->sql);
    } else if (rc == CDC_OK && rw.replay == SINK_MYSQL_NO_OBJECT) {
        bool of_schema = strncmp(ev->txn, SCHEMA_TXN, sizeof SCHEMA_TXN - 1) == 0;
        if (of_schema) {
            rc = sink_mysql_ddl_object(sm, ev, err);
        } else {
            sink_mysql_ddl_pass(sm, ev);
        }
    } else if (rc == CDC_OK && rw.replay == SINK_MYSQL_REPLAY) {
        if (rw.notes.len > 0) {
            CDC_LOG(CDC_LOG_WARN, "ddl_adapted", CDC_STR("database", rw.name.database),
                    CDC_STR("table", rw.name.table), CDC_STR("note", cdc_buffer_cstr(&rw.notes)));
        }
        rc = sink_mysql_ddl_replay(sm, ev, &rw, err);
    }
    sink_mysql_rewritten_fini(&rw);
    /* Also what was changed at the target by hand, before a skip. */
    sink_mysql_cache_reset(&sm->cache);
    return rc;
}

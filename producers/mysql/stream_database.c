/* CREATE DATABASE without a character set means the session's collation_server, which only the
 * event tells. Whoever reads the statement elsewhere would take another default, and so would every
 * table of that database later. So it is published with the character set and collation that it
 * meant; their names are asked of the server by the collation's id. */
#include "core/log.h"
#include "stream_state.h"

#define SQL_MAX (64U << 10)
#define FULL_NAMES_SINCE 101000U /* MariaDB: the newest collations have their ids elsewhere */

static bool names_charset(const src_mysql_statement *stmt, const src_mysql_stream *st)
{
    cdc_sql_scanner sc;
    cdc_sql_scan(&sc, stmt->sql, stmt->parsed.sql_len, st->server->is_mariadb ? 0 : CDC_SQL_MYSQL);
    while (sc.now.kind != CDC_SQL_END) {
        if (sc.now.kind == CDC_SQL_WORD &&
            cdc_sql_is_one_of(&sc.now, "CHARSET|CHARACTER|CHAR|COLLATE")) {
            return true;
        }
        cdc_sql_next(&sc);
    }
    return false;
}

/* " CHARACTER SET x COLLATE y"; nothing when the server does not know that id. */
static cdc_rc ask(src_mysql_stream *st, unsigned id, cdc_buffer *clause, cdc_error *err)
{
    const src_mysql_connection *conn = &st->ahead.conn;
    cdc_rc rc = src_mysql_lookahead_connect(st, err);
    if (rc != CDC_OK) {
        return rc;
    }
    bool full = conn->is_mariadb && conn->version >= FULL_NAMES_SINCE;
    cdc_buffer sql;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_addf(&sql,
                    "SELECT CONCAT(' CHARACTER SET ', CHARACTER_SET_NAME, ' COLLATE ', %s) FROM "
                    "information_schema.%s WHERE ID = %u",
                    full ? "FULL_COLLATION_NAME" : "COLLATION_NAME",
                    full ? "COLLATION_CHARACTER_SET_APPLICABILITY" : "COLLATIONS", id);
    cdc_buffer_reset(clause);
    rc = src_mysql_select_text(&st->ahead.conn, cdc_buffer_cstr(&sql), clause, err);
    cdc_buffer_fini(&sql);
    if (rc != CDC_OK) {
        src_mysql_disconnect(&st->ahead.conn);
    }
    return rc;
}

/* Behind the database's name: options come in any order. */
static cdc_rc put_clause(src_mysql_stream *st, src_mysql_statement *stmt, const cdc_buffer *clause,
                         cdc_error *err)
{
    const cdc_sql_name *name = &stmt->parsed.names[0];
    size_t at = name->at + name->len;
    size_t len = stmt->parsed.sql_len + clause->len;
    char *sql = cdc_arena_alloc(&st->scratch, len + 1);
    bool ok = sql != NULL;
    if (ok) {
        memcpy(sql, stmt->sql, at);
        memcpy(sql + at, clause->data, clause->len);
        memcpy(sql + at + clause->len, stmt->sql + at, stmt->parsed.sql_len - at);
        sql[len] = '\0';
        stmt->sql = sql;
        ok = cdc_sql_statement_parse(sql, len, st->server->is_mariadb ? 0 : CDC_SQL_MYSQL,
                                     stmt->database, &st->scratch, &stmt->parsed);
    }
    return ok ? CDC_OK : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a statement");
}

cdc_rc src_mysql_txn_complete(src_mysql_stream *st, const src_mysql_query *query,
                              src_mysql_statement *stmt, cdc_error *err)
{
    const cdc_sql_statement *parsed = &stmt->parsed;
    bool creates = parsed->kind == CDC_SQL_DDL && parsed->verb == CDC_SQL_CREATE &&
                   parsed->object == CDC_SQL_DATABASE && parsed->nnames > 0;
    if (!creates || !query->has_charset || src_mysql_txn_is_silent(st) ||
        !cdc_selection_database(st->env->selection, parsed->names[0].database) ||
        names_charset(stmt, st)) {
        return CDC_OK;
    }
    cdc_buffer clause;
    cdc_buffer_init(&clause, SQL_MAX);
    bool was_open = st->ahead.conn.mysql != NULL; /* it may have lain idle, and be gone */
    cdc_rc rc = ask(st, query->collation_server, &clause, err);
    if (rc == CDC_RETRY && was_open) {
        cdc_error_clear(err);
        rc = ask(st, query->collation_server, &clause, err);
    }
    if (rc == CDC_OK && clause.len == 0) {
        CDC_LOG(CDC_LOG_WARN, "database_charset", CDC_STR("database", parsed->names[0].database),
                CDC_NUM("collation_id", query->collation_server),
                CDC_STR("note", "the server does not know the collation with which it was created: "
                                "the target takes its own default"));
    } else if (rc == CDC_OK) {
        rc = put_clause(st, stmt, &clause, err);
    }
    cdc_buffer_fini(&clause);
    return rc;
}

/* Definitions of tables whose events hold no names (binlog_row_metadata=MINIMAL): from
 * information_schema, which tells the definition of now and not that of the event.
 *
 * It is taken only if no DDL on that table stands in the log between the event and the log's end
 * after it was read. A second dump connection looks through that part for statements, once; a DDL
 * that the stream itself meets drops the definition (docs/adr/0014-definitions-without-names.md).
 */
#include "copy_tables.h"
#include "core/log.h"
#include "stream_state.h"

#define READ_TIMEOUT_S 10U
#define CHANGES_MAX 65536

static void forget_built(src_mysql_lookahead *la)
{
    src_mysql_table_free(la->built);
    la->built = NULL;
    la->sequence = false;
}

void src_mysql_lookahead_fini(src_mysql_lookahead *la)
{
    src_mysql_feed_close(&la->feed);
    src_mysql_disconnect(&la->conn);
    forget_built(la);
    for (size_t i = 0; i < la->nchanges; i++) {
        free(la->changes[i].database);
        free(la->changes[i].table);
    }
    free(la->changes);
    memset(la, 0, sizeof(*la));
}

/* --- what was seen ahead --- */

static src_mysql_change *find_change(const src_mysql_lookahead *la, const char *database,
                                     const char *table)
{
    for (size_t i = 0; i < la->nchanges; i++) {
        if (src_mysql_same_name(la->changes[i].database, database) &&
            src_mysql_same_name(la->changes[i].table, table)) {
            return &la->changes[i];
        }
    }
    return NULL;
}

const src_mysql_change *src_mysql_lookahead_change(const src_mysql_stream *st, const char *database,
                                                   const char *table)
{
    return find_change(&st->ahead, database, table);
}

/* The latest place of each table is enough. kind: see src_mysql_change. False: no memory. */
static bool note_change(src_mysql_lookahead *la, const char *database, const char *table, bool kind)
{
    src_mysql_change *old = find_change(la, database, table);
    if (old != NULL) {
        old->at = la->at;
        old->kind = kind ? la->at : old->kind;
        return true;
    }
    if (la->nchanges == la->changes_cap) {
        size_t cap = la->changes_cap > 0 ? la->changes_cap * 2 : 16;
        void *p = cap <= CHANGES_MAX ? realloc(la->changes, cap * sizeof(*la->changes)) : NULL;
        if (p == NULL) {
            return false;
        }
        la->changes = p;
        la->changes_cap = cap;
    }
    src_mysql_change *change = &la->changes[la->nchanges];
    *change = (src_mysql_change){.database = strdup(database), .table = strdup(table)};
    change->at = la->at;
    change->kind = kind ? la->at : change->kind;
    la->nchanges += change->database != NULL && change->table != NULL ? 1 : 0;
    return change->database != NULL && change->table != NULL;
}

static cdc_rc note_query(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    src_mysql_lookahead *la = &st->ahead;
    src_mysql_query query;
    src_mysql_statement stmt;
    cdc_rc rc = src_mysql_event_query(ev, &query, err);
    if (rc == CDC_OK) {
        rc = src_mysql_txn_parse(st, &query, &stmt, err);
    }
    if (rc != CDC_OK || stmt.parsed.kind != CDC_SQL_DDL) {
        return rc;
    }
    bool ok = true;
    bool words = src_mysql_resolve_may_change(stmt.sql, stmt.parsed.sql_len);
    for (uint32_t i = 0; ok && i < stmt.parsed.ntargets; i++) {
        const cdc_sql_target *target = &stmt.parsed.targets[i];
        bool alters = target->type == CDC_DDL_ALTER || target->type == CDC_DDL_CINDEX ||
                      target->type == CDC_DDL_DINDEX;
        if (target->table[0] != '\0' && target->type != CDC_DDL_TRUNCATE) {
            ok = note_change(la, target->database, target->table, !alters || words);
        }
        if (ok && target->was_table[0] != '\0') {
            ok = note_change(la, target->was_database, target->was_table, true);
        }
    }
    return ok ? CDC_OK
              : cdc_error_set(err, CDC_FATAL, "memory",
                              "out of memory for the tables that are altered in the log");
}

/* --- looking ahead --- */

static cdc_rc begin(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_lookahead *la = &st->ahead;
    src_mysql_connection conn;
    uint32_t id;
    if (src_mysql_log_pos_compare(&la->at, &st->txn.begin) < 0) {
        la->at = st->txn.begin; /* nothing was looked through yet, or the stream has passed it */
    }
    CDC_LOG(CDC_LOG_INFO, "look_ahead", CDC_STR("file", la->at.file), CDC_NUM("pos", la->at.pos),
            CDC_STR("to_file", la->end.file), CDC_NUM("to_pos", la->end.pos));
    cdc_rc rc = src_mysql_replay_connect(st, &conn, &id, err);
    if (rc != CDC_OK) {
        src_mysql_disconnect(&conn);
        return rc;
    }
    rc = src_mysql_feed_open(&la->feed, &conn, id, NULL, &la->at, err);
    la->active = rc == CDC_OK;
    return rc;
}

static void move_to(src_mysql_lookahead *la, const src_mysql_rotate *to)
{
    if (to->file_len <= SRC_MYSQL_FILE_MAX) {
        memcpy(la->at.file, to->file, to->file_len);
        la->at.file[to->file_len] = '\0';
        la->at.pos = to->position;
    }
}

cdc_rc src_mysql_lookahead_take(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_lookahead *la = &st->ahead;
    src_mysql_event ev;
    src_mysql_rotate rotate;
    cdc_rc rc = src_mysql_feed_next(&la->feed, &la->at, &ev, err);
    if (rc != CDC_OK) {
        return rc == CDC_AGAIN ? CDC_OK : rc;
    }
    if (src_mysql_event_has_end(&ev)) {
        src_mysql_log_pos_advance(&la->at, ev.end_pos);
    }
    if (ev.type == SRC_MYSQL_QUERY_EVENT) {
        rc = note_query(st, &ev, err);
    } else if (ev.type == SRC_MYSQL_ROTATE_EVENT) {
        rc = src_mysql_event_rotate(&ev, &rotate, err);
        if (rc == CDC_OK) {
            move_to(la, &rotate);
        }
    }
    if (rc != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    if (src_mysql_log_pos_compare(&la->at, &la->end) >= 0 && !src_mysql_feed_is_inside(&la->feed)) {
        src_mysql_feed_close(&la->feed);
        la->active = false;
    }
    return CDC_OK;
}

/* --- definitions --- */

static cdc_rc refuse(const src_mysql_table_map *map, const char *why, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "mysql_row_metadata",
                         "the log holds no column names of table %s.%s "
                         "(binlog_row_metadata is not FULL), and %s: SET GLOBAL "
                         "binlog_row_metadata = 'FULL', let the sessions that write reconnect, and "
                         "start again with a full copy under a new name",
                         map->database, map->name, why);
}

cdc_rc src_mysql_lookahead_connect(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_lookahead *la = &st->ahead;
    return la->conn.mysql != NULL ? CDC_OK
                                  : src_mysql_connect(&la->conn, st->env->task->cfg,
                                                      st->feed.conn.name, READ_TIMEOUT_S, err);
}

cdc_rc src_mysql_lookahead_reach(src_mysql_stream *st, cdc_error *err)
{
    if (src_mysql_log_pos_compare(&st->ahead.at, &st->ahead.end) >= 0) {
        return CDC_OK;
    }
    cdc_rc rc = begin(st, err);
    return rc == CDC_OK ? CDC_AGAIN : rc;
}

/* Reads the definition, and then where the log ends: all that can have changed it stands before. */
static cdc_rc read_definition(src_mysql_stream *st, const src_mysql_table_map *map, cdc_error *err)
{
    src_mysql_lookahead *la = &st->ahead;
    cdc_rc rc = src_mysql_lookahead_connect(st, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_arena_reset(&st->scratch, 64 * 1024);
    src_mysql_copy_table table = {
        .database = cdc_arena_strndup(&st->scratch, map->database, map->database_len),
        .name = cdc_arena_strndup(&st->scratch, map->name, map->name_len),
    };
    if (table.database == NULL || table.name == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a table's name");
    }
    rc = src_mysql_copy_table_define(&la->conn, &table, map, &la->built, NULL, err);
    if (rc == CDC_SKIP) {
        return refuse(map,
                      "the table does not exist any more, or the account may not see it "
                      "(GRANT SELECT)",
                      err);
    }
    la->sequence = rc == CDC_OK && la->built == NULL;
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(&la->conn, st->server, &la->end, err);
    }
    if (rc != CDC_OK) {
        src_mysql_disconnect(&la->conn);
    }
    return rc;
}

cdc_rc src_mysql_lookahead_define(void *ctx, const src_mysql_table_map *map, src_mysql_table **out,
                                  cdc_error *err)
{
    src_mysql_stream *st = ctx;
    src_mysql_lookahead *la = &st->ahead;
    bool read = la->built != NULL || la->sequence;
    cdc_rc rc = read ? CDC_OK : read_definition(st, map, err);
    if (rc == CDC_OK) {
        rc = src_mysql_lookahead_reach(st, err);
    }
    if (rc == CDC_AGAIN) {
        return rc;
    }
    if (rc != CDC_OK) {
        forget_built(la);
        return rc;
    }
    const src_mysql_change *change = find_change(la, map->database, map->name);
    if (change != NULL && src_mysql_log_pos_compare(&change->at, &st->at) > 0) {
        char why[SRC_MYSQL_FILE_MAX + 80];
        snprintf(why, sizeof(why), "it was altered since, at %s:%llu", change->at.file,
                 (unsigned long long)change->at.pos);
        forget_built(la);
        return refuse(map, why, err);
    }
    rc = la->sequence ? CDC_SKIP : CDC_OK;
    *out = la->built;
    la->built = NULL;
    la->sequence = false;
    return rc;
}

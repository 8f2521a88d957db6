#include "full_copy.h"

#include "copy_key.h"
#include "copy_tables.h"
#include "core/clock.h"
#include "core/log.h"
#include "gtid_set.h"
#include "raw_stream.h"
#include "text_value.h"

#define READ_TIMEOUT_S 3600U /* a filtered or sorted table may be silent for long */
#define BATCH_ROWS 4096U
#define BATCH_BYTES (1U << 20)
#define TEXT_MAX (64U << 20)
#define SQL_MAX (16U << 20)

struct src_mysql_copy {
    const cdc_env *env;
    const src_mysql_server *server;
    src_mysql_decode *dec;
    src_mysql_connection conn;
    src_mysql_copy_tables tables;
    char identity[64]; /* of the server that was copied from */
    size_t next;       /* index of the table that is being copied, or comes next */
    int64_t snapshot_ms;
    uint64_t chunk_rows_max;

    src_mysql_position pos; /* strings: identity, tables, and the buffers below */
    cdc_buffer gtid, key, sql, token;
    bool moved; /* pos moved since the last token */

    /* the table that is open */
    src_mysql_table *tbl;
    MYSQL_RES *res;
    bool hidden;         /* see src_mysql_input_hidden */
    uint64_t chunk_rows; /* in the open chunk */
    bool chunk_closed;   /* the next row begins another one */
    MYSQL_ROW cells;     /* of the last row */
    unsigned long *lengths;
    cdc_value *last; /* its values, in the batch's arena */

    cdc_batch *batch;
    const char *txn_text, *file_text; /* in the batch's arena */
    bool told;                        /* the last batch was handed over */
    cdc_metric *rows_total, *tables_left;
};

/* --- the snapshot and its positions --- */

static cdc_rc set_gtid(src_mysql_copy *copy, cdc_rc rc)
{
    copy->pos.gtid = rc == CDC_OK ? cdc_buffer_cstr(&copy->gtid) : NULL;
    return rc;
}

/* MySQL: what is executed before the snapshot is opened is in it; what it can see was in the log
 * before the end that is read afterwards. */
static cdc_rc open_mysql_snapshot(src_mysql_copy *copy, bool fresh, cdc_error *err)
{
    src_mysql_log_pos before;
    cdc_rc rc = src_mysql_server_log_end(&copy->conn, copy->server, &before, err);
    if (rc == CDC_OK && fresh) {
        copy->pos.at = before;
        rc = set_gtid(copy, src_mysql_server_executed(&copy->conn, copy->server, &copy->gtid, err));
    }
    if (rc == CDC_OK) {
        rc = src_mysql_execute(&copy->conn, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
                               err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(&copy->conn, copy->server, &copy->pos.until, err);
    }
    return rc;
}

/* MariaDB tells the exact position of a snapshot. */
static cdc_rc open_mariadb_snapshot(src_mysql_copy *copy, bool fresh, cdc_error *err)
{
    cdc_rc rc = src_mysql_execute(&copy->conn,
                                  "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", err);
    MYSQL_RES *res = NULL;
    if (rc == CDC_OK) {
        rc = src_mysql_select(&copy->conn, "SHOW STATUS LIKE 'binlog_snapshot_%'", &res, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    src_mysql_log_pos at = {.file = ""};
    for (MYSQL_ROW row; (row = mysql_fetch_row(res)) != NULL;) {
        if (strcasecmp(row[0], "binlog_snapshot_file") == 0) {
            snprintf(at.file, sizeof(at.file), "%s", row[1]);
        } else if (strcasecmp(row[0], "binlog_snapshot_position") == 0) {
            at.pos = strtoull(row[1], NULL, 10);
        }
    }
    mysql_free_result(res);
    if (at.file[0] == '\0') {
        return cdc_error_set(err, CDC_FATAL, "mysql_snapshot",
                             "server %s does not tell the log position of a snapshot "
                             "(binlog_snapshot_file is empty)",
                             copy->conn.name);
    }
    if (!fresh) {
        copy->pos.until = at;
        return CDC_OK;
    }
    copy->pos.at = at;
    char sql[SRC_MYSQL_FILE_MAX + 64];
    snprintf(sql, sizeof(sql), "SELECT BINLOG_GTID_POS('%s', %llu)", at.file,
             (unsigned long long)at.pos);
    return set_gtid(copy, src_mysql_select_text(&copy->conn, sql, &copy->gtid, err));
}

static cdc_rc open_snapshot(src_mysql_copy *copy, bool fresh, cdc_error *err)
{
    static const char *const session[] = {
        SRC_MYSQL_TEXT_SESSION,
        "SET SESSION net_write_timeout = 31536000, wait_timeout = 31536000",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    };
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < sizeof(session) / sizeof(session[0]); i++) {
        rc = src_mysql_execute(&copy->conn, session[i], err);
    }
    if (rc == CDC_OK) {
        rc = copy->server->is_mariadb ? open_mariadb_snapshot(copy, fresh, err)
                                      : open_mysql_snapshot(copy, fresh, err);
    }
    copy->snapshot_ms = cdc_clock_wall_ms();
    snprintf(copy->identity, sizeof(copy->identity), "%s", copy->server->identity);
    copy->pos.server = copy->identity;
    return rc;
}

/* --- life --- */

static bool copy_from(src_mysql_copy *copy, const src_mysql_position *from)
{
    copy->pos.at = from->at;
    copy->pos.stage = from->stage;
    copy->pos.chunk = from->chunk;
    cdc_buffer_add_str(&copy->gtid, from->gtid != NULL ? from->gtid : "");
    copy->pos.gtid = from->gtid != NULL ? cdc_buffer_cstr(&copy->gtid) : NULL;
    cdc_buffer_add_str(&copy->key, from->key);
    copy->pos.key = cdc_buffer_cstr(&copy->key);
    return !copy->gtid.failed && !copy->key.failed;
}

/* Finds the table that the token names, or the one that would stand behind it. */
static void find_table(src_mysql_copy *copy, const src_mysql_position *from)
{
    int c = -1;
    while (copy->next < copy->tables.n) {
        const src_mysql_copy_table *table = &copy->tables.items[copy->next];
        /* definitions are sent by databases: go on behind the named one */
        c = from->stage == SRC_MYSQL_SCHEMA
                ? (strcmp(table->database, from->database) <= 0 ? -1 : 1)
                : src_mysql_copy_table_compare(table->database, table->name, from->database,
                                               from->table);
        if (c >= 0) {
            break;
        }
        copy->next++;
    }
    bool here = from->stage == SRC_MYSQL_ROWS && copy->next < copy->tables.n && c == 0;
    if (here && from->table_done) {
        copy->next++;
    }
    if (!here || from->table_done) {
        cdc_buffer_reset(&copy->key);
        copy->pos.key = "";
        copy->pos.chunk = 0;
    }
}

static void register_metrics(src_mysql_copy *copy)
{
    cdc_metrics *mx = copy->env->metrics;
    copy->rows_total = cdc_metrics_number(mx, CDC_COUNTER, "sluice_source_copy_rows_total", "",
                                          "Rows read by the full copy.");
    copy->tables_left = cdc_metrics_number(mx, CDC_GAUGE, "sluice_source_copy_tables_left", "",
                                           "Tables that the full copy has not finished.");
    cdc_metric_set(copy->tables_left, (int64_t)(copy->tables.n - copy->next));
}

cdc_rc src_mysql_copy_open(src_mysql_copy **out, const src_mysql_copy_start *start, cdc_error *err)
{
    const cdc_env *env = start->env;
    const src_mysql_position *from = start->from;
    *out = NULL;
    src_mysql_copy *copy = calloc(1, sizeof(*copy));
    if (copy == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the full copy");
    }
    copy->env = env;
    copy->server = start->server;
    copy->dec = start->dec;
    copy->chunk_rows_max = (uint64_t)cdc_config_int(env->task->cfg, "full.chunk_rows");
    cdc_buffer_init(&copy->gtid, TEXT_MAX);
    cdc_buffer_init(&copy->key, TEXT_MAX);
    cdc_buffer_init(&copy->sql, SQL_MAX);
    cdc_buffer_init(&copy->token, TEXT_MAX);
    copy->pos.database = copy->pos.table = copy->pos.key = "";
    copy->pos.stage = env->task->phase_schema ? SRC_MYSQL_SCHEMA : SRC_MYSQL_ROWS;
    cdc_rc rc = src_mysql_connect(&copy->conn, env->task->cfg, start->only, READ_TIMEOUT_S, err);
    if (rc == CDC_OK) {
        rc = open_snapshot(copy, from == NULL, err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_copy_tables_load(&copy->tables, &copy->conn, env->selection, err);
    }
    if (rc == CDC_OK && from != NULL) {
        if (!copy_from(copy, from)) {
            rc = cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the full copy");
        }
        find_table(copy, from);
    }
    if (rc != CDC_OK) {
        src_mysql_copy_close(copy);
        return rc;
    }
    register_metrics(copy);
    CDC_LOG(CDC_LOG_INFO, "copy_open", CDC_STR("server", copy->conn.name),
            CDC_NUM("tables", copy->tables.n - copy->next), CDC_STR("file", copy->pos.at.file),
            CDC_NUM("pos", copy->pos.at.pos), CDC_STR("until_file", copy->pos.until.file),
            CDC_NUM("until_pos", copy->pos.until.pos));
    *out = copy;
    return CDC_OK;
}

static void close_table(src_mysql_copy *copy)
{
    if (copy->res != NULL) {
        mysql_free_result(copy->res);
        copy->res = NULL;
    }
    src_mysql_table_free(copy->tbl);
    copy->tbl = NULL;
    copy->chunk_rows = 0;
    copy->chunk_closed = false;
}

void src_mysql_copy_close(src_mysql_copy *copy)
{
    if (copy == NULL) {
        return;
    }
    /* first the connection: freeing an unfinished result would read all the rest of the table */
    if (copy->res != NULL && copy->conn.mysql != NULL) {
        src_mysql_connection_abandon(&copy->conn);
    }
    close_table(copy);
    src_mysql_disconnect(&copy->conn);
    src_mysql_copy_tables_fini(&copy->tables);
    cdc_buffer_fini(&copy->gtid);
    cdc_buffer_fini(&copy->key);
    cdc_buffer_fini(&copy->sql);
    cdc_buffer_fini(&copy->token);
    free(copy);
}

const src_mysql_position *src_mysql_copy_position(const src_mysql_copy *copy)
{
    return &copy->pos;
}

/* --- events --- */

static cdc_rc batch_full(const src_mysql_copy *copy, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_too_large",
        "full copy of %s.%s: a row does not fit into the memory of a batch (%zu MB)",
        copy->pos.database, copy->pos.table, copy->batch->arena.max_bytes >> 20);
}

static cdc_event *add_event(src_mysql_copy *copy, cdc_op op)
{
    cdc_arena *ar = &copy->batch->arena;
    if (copy->file_text == NULL) {
        copy->file_text = cdc_arena_strndup(ar, copy->pos.at.file, strlen(copy->pos.at.file));
    }
    if (copy->txn_text == NULL) {
        size_t n = strlen(copy->pos.database) + strlen(copy->pos.table) + 40;
        char *text = cdc_arena_alloc(ar, n);
        if (text != NULL && copy->pos.stage == SRC_MYSQL_SCHEMA) {
            snprintf(text, n, "schema:%s", copy->pos.database);
        } else if (text != NULL) {
            snprintf(text, n, "full:%s.%s:%llu", copy->pos.database, copy->pos.table,
                     (unsigned long long)copy->pos.chunk);
        }
        copy->txn_text = text;
    }
    cdc_event *out =
        copy->file_text != NULL && copy->txn_text != NULL ? cdc_batch_add(copy->batch) : NULL;
    if (out == NULL) {
        return NULL;
    }
    out->op = (uint8_t)op;
    out->phase = CDC_PHASE_SNAPSHOT;
    out->server_id = copy->server->server_id;
    out->source_ms = copy->snapshot_ms;
    if (copy->batch->first_ms == 0) {
        copy->batch->first_ms = cdc_clock_wall_ms();
    }
    out->capture_ms = copy->batch->first_ms;
    out->txn = copy->txn_text;
    out->gtid = "";
    out->pos_file = copy->file_text;
    out->pos = copy->pos.at.pos;
    return out;
}

static cdc_rc make_token(src_mysql_copy *copy, cdc_error *err)
{
    cdc_buffer_reset(&copy->token);
    src_mysql_position_print(&copy->pos, &copy->token);
    char *token = copy->token.failed
                      ? NULL
                      : cdc_arena_strndup(&copy->batch->arena, copy->token.data, copy->token.len);
    if (token == NULL) {
        return batch_full(copy, err);
    }
    copy->batch->token = token;
    copy->batch->token_len = (uint32_t)copy->token.len;
    copy->moved = false;
    return CDC_OK;
}

/* --- definitions --- */

static cdc_rc add_ddl(src_mysql_copy *copy, cdc_ddl type, const char *table, const char *sql,
                      size_t n, cdc_error *err)
{
    cdc_arena *ar = &copy->batch->arena;
    cdc_event *out = add_event(copy, CDC_OP_DDL);
    if (out == NULL) {
        return batch_full(copy, err);
    }
    out->ddl = (uint8_t)type;
    out->ddl_database = cdc_arena_strndup(ar, copy->pos.database, strlen(copy->pos.database));
    out->ddl_table = cdc_arena_strndup(ar, table, strlen(table));
    out->ddl_default = out->ddl_database;
    out->ddl_was = "";
    out->sql = cdc_arena_strndup(ar, sql, n);
    out->sql_len = (uint32_t)n;
    if (out->ddl_database == NULL || out->ddl_table == NULL || out->sql == NULL) {
        return batch_full(copy, err);
    }
    return CDC_OK;
}

static cdc_rc add_database(src_mysql_copy *copy, cdc_error *err)
{
    cdc_buffer_reset(&copy->sql);
    cdc_buffer_add_str(&copy->sql, "SHOW CREATE DATABASE ");
    src_mysql_add_name(&copy->sql, copy->pos.database);
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(&copy->conn, cdc_buffer_cstr(&copy->sql), &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    static const char head[] = "CREATE DATABASE ";
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row != NULL && row[1] != NULL && strncmp(row[1], head, strlen(head)) == 0) {
        cdc_buffer_reset(&copy->sql);
        cdc_buffer_add_str(&copy->sql, "CREATE DATABASE IF NOT EXISTS ");
        cdc_buffer_add_str(&copy->sql, row[1] + strlen(head));
        rc = add_ddl(copy, CDC_DDL_QUERY, "", copy->sql.data, copy->sql.len, err);
    }
    mysql_free_result(res);
    return rc;
}

static cdc_rc add_definition(src_mysql_copy *copy, const src_mysql_copy_table *table,
                             cdc_error *err)
{
    cdc_buffer_reset(&copy->sql);
    cdc_buffer_add_str(&copy->sql, "SHOW CREATE TABLE ");
    src_mysql_add_name(&copy->sql, table->database);
    cdc_buffer_add_char(&copy->sql, '.');
    src_mysql_add_name(&copy->sql, table->name);
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(&copy->conn, cdc_buffer_cstr(&copy->sql), &res, err);
    if (rc != CDC_OK) {
        return mysql_errno(copy->conn.mysql) == 1146 ? CDC_OK
                                                     : rc; /* dropped since it was listed */
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row != NULL && row[1] != NULL) {
        rc = add_ddl(copy, CDC_DDL_CREATE, table->name, row[1], mysql_fetch_lengths(res)[1], err);
    }
    mysql_free_result(res);
    return rc;
}

/* One database and its tables as one transaction; behind the last one come the rows. */
static cdc_rc copy_schema(src_mysql_copy *copy, cdc_error *err)
{
    if (copy->next >= copy->tables.n) {
        copy->pos.stage = SRC_MYSQL_ROWS;
        copy->pos.database = copy->pos.table = "";
        copy->next = copy->env->task->phase_full ? 0 : copy->tables.n;
        copy->moved = true;
        return CDC_OK;
    }
    copy->pos.database = copy->tables.items[copy->next].database;
    copy->txn_text = NULL;
    cdc_rc rc = add_database(copy, err);
    while (rc == CDC_OK && copy->next < copy->tables.n &&
           strcmp(copy->tables.items[copy->next].database, copy->pos.database) == 0) {
        rc = add_definition(copy, &copy->tables.items[copy->next], err);
        copy->next++;
    }
    if (rc == CDC_OK && add_event(copy, CDC_OP_COMMIT) == NULL) {
        rc = batch_full(copy, err);
    }
    copy->batch->atomic = true;
    copy->moved = true;
    return rc;
}

/* --- rows --- */

static cdc_rc select_error(src_mysql_copy *copy, cdc_error *err)
{
    unsigned code = mysql_errno(copy->conn.mysql);
    if (code == 1142 || code == 1143) {
        return cdc_error_refuse(
            err, "mysql_privilege",
            "user %s may not read table %s.%s at server %s: GRANT SELECT ON `%s`.* TO %s",
            copy->conn.user, copy->pos.database, copy->pos.table, copy->conn.name,
            copy->pos.database, copy->conn.account);
    }
    (void)src_mysql_connection_error(&copy->conn, "reading rows", err);
    return cdc_error_context(err, "full copy of %s.%s", copy->pos.database, copy->pos.table);
}

static cdc_rc build_select(src_mysql_copy *copy, cdc_error *err)
{
    const cdc_table *tbl = copy->tbl->table;
    cdc_buffer *sql = &copy->sql;
    cdc_rc rc = CDC_OK;
    cdc_buffer_reset(sql);
    cdc_buffer_add_str(sql, "SELECT ");
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        cdc_buffer_add_str(sql, i > 0 ? ", " : "");
        src_mysql_text_column(copy->tbl, i, sql);
    }
    cdc_buffer_add_str(sql, " FROM ");
    src_mysql_add_name(sql, tbl->database);
    cdc_buffer_add_char(sql, '.');
    src_mysql_add_name(sql, tbl->name);
    cdc_buffer_add_str(sql, " AS t");
    if (tbl->nkeys > 0) {
        cdc_buffer_add_str(sql, " FORCE INDEX (PRIMARY)");
        if (copy->pos.key[0] != '\0') {
            cdc_buffer_add_str(sql, " WHERE ");
            rc = src_mysql_key_condition(tbl, copy->pos.key, sql, err);
        }
        for (uint32_t i = 0; i < tbl->nkeys; i++) {
            cdc_buffer_add_str(sql, i > 0 ? ", t." : " ORDER BY t.");
            src_mysql_add_name(sql, tbl->cols[tbl->keys[i]].name);
        }
    }
    return rc;
}

/* The savepoint lets go of the table's metadata lock when it is done. Touching the table before its
 * definition is read takes that lock, so that definition and rows belong together. */
static cdc_rc lock_definition(src_mysql_copy *copy, const src_mysql_copy_table *table,
                              cdc_error *err)
{
    cdc_rc rc = src_mysql_execute(&copy->conn, "SAVEPOINT sluice", err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_buffer_reset(&copy->sql);
    cdc_buffer_add_str(&copy->sql, "SELECT 1 FROM ");
    src_mysql_add_name(&copy->sql, table->database);
    cdc_buffer_add_char(&copy->sql, '.');
    src_mysql_add_name(&copy->sql, table->name);
    cdc_buffer_add_str(&copy->sql, " LIMIT 0");
    MYSQL_RES *res = NULL;
    if (mysql_query(copy->conn.mysql, cdc_buffer_cstr(&copy->sql)) != 0 ||
        (res = mysql_store_result(copy->conn.mysql)) == NULL) {
        return mysql_errno(copy->conn.mysql) == 1146 ? CDC_SKIP : select_error(copy, err);
    }
    mysql_free_result(res);
    return CDC_OK;
}

/* SKIP: the table is gone. */
static cdc_rc open_table(src_mysql_copy *copy, cdc_error *err)
{
    const src_mysql_copy_table *table = &copy->tables.items[copy->next];
    copy->pos.database = table->database;
    copy->pos.table = table->name;
    copy->pos.table_done = false;
    copy->txn_text = NULL;
    copy->pos.chunk++;
    cdc_rc rc = lock_definition(copy, table, err);
    if (rc == CDC_OK) {
        rc = src_mysql_copy_table_define(&copy->conn, table, NULL, &copy->tbl, err);
    }
    if (rc == CDC_OK) {
        rc = build_select(copy, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    if (copy->sql.failed) {
        return cdc_error_set(err, CDC_FATAL, "mysql_too_large",
                             "full copy of %s.%s: the statement that selects its rows is too long",
                             table->database, table->name);
    }
    if (mysql_real_query(copy->conn.mysql, copy->sql.data, copy->sql.len) != 0 ||
        (copy->res = mysql_use_result(copy->conn.mysql)) == NULL) {
        return select_error(copy, err);
    }
    copy->hidden = true;
    return CDC_OK;
}

/* Behind the last row of a chunk: notes its key, and adds the COMMIT. */
static cdc_rc close_chunk(src_mysql_copy *copy, cdc_error *err)
{
    const cdc_table *tbl = copy->tbl->table;
    cdc_buffer_reset(&copy->key);
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        uint16_t k = tbl->keys[i];
        if (i > 0) {
            cdc_buffer_add_char(&copy->key, ',');
        }
        src_mysql_key_literal(&tbl->cols[k], &copy->last[k], copy->cells[k], copy->lengths[k],
                              &copy->key);
    }
    copy->pos.key = cdc_buffer_cstr(&copy->key);
    if (copy->key.failed || add_event(copy, CDC_OP_COMMIT) == NULL) {
        return batch_full(copy, err);
    }
    copy->chunk_rows = 0;
    copy->chunk_closed = true;
    copy->moved = true;
    return CDC_OK;
}

static cdc_rc finish_table(src_mysql_copy *copy, cdc_error *err)
{
    const src_mysql_copy_table *table = &copy->tables.items[copy->next];
    cdc_rc rc = CDC_OK;
    if (copy->chunk_rows > 0) {
        if (add_event(copy, CDC_OP_COMMIT) == NULL) {
            return batch_full(copy, err);
        }
        copy->chunk_rows = 0;
    }
    close_table(copy);
    rc = src_mysql_execute(&copy->conn, "ROLLBACK TO SAVEPOINT sluice", err);
    if (rc == CDC_OK && !table->transactional) {
        /* the snapshot does not hold for it: all that is in the log by now may be in its copy */
        rc = src_mysql_server_log_end(&copy->conn, copy->server, &copy->pos.until, err);
    }
    cdc_buffer_reset(&copy->key);
    copy->pos.key = "";
    copy->pos.table_done = true;
    copy->pos.chunk = 0;
    copy->moved = true;
    copy->next++;
    cdc_metric_set(copy->tables_left, (int64_t)(copy->tables.n - copy->next));
    return rc;
}

static cdc_rc add_row(src_mysql_copy *copy, MYSQL_ROW cells, cdc_error *err)
{
    cdc_table *tbl = copy->tbl->table;
    cdc_value *values = cdc_arena_alloc(&copy->batch->arena, tbl->ncols * sizeof(*values));
    if (values == NULL) {
        return batch_full(copy, err);
    }
    copy->lengths = mysql_fetch_lengths(copy->res);
    copy->cells = cells;
    copy->last = values;
    size_t row_bytes = 0;
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        src_mysql_text cell = {cells[i], copy->lengths[i]};
        cdc_rc rc = src_mysql_text_value(copy->tbl, i, cell, copy->dec, &values[i], err);
        if (rc != CDC_OK) {
            return cdc_error_context(err, "full copy");
        }
        row_bytes += copy->lengths[i];
    }
    cdc_event *out = cdc_batch_hold(copy->batch, tbl) ? add_event(copy, CDC_OP_INSERT) : NULL;
    if (out == NULL) {
        return batch_full(copy, err);
    }
    out->table = tbl;
    out->after = values;
    copy->batch->source_bytes += row_bytes;
    copy->hidden = src_mysql_input_hidden(copy->conn.mysql, row_bytes);
    copy->chunk_rows++;
    cdc_metric_add(copy->rows_total, 1);
    return CDC_OK;
}

/* One row, or the table's end. */
static cdc_rc copy_row(src_mysql_copy *copy, cdc_error *err)
{
    if (copy->chunk_closed) {
        copy->chunk_closed = false;
        copy->pos.chunk++;
        copy->txn_text = NULL;
    }
    MYSQL_ROW cells = mysql_fetch_row(copy->res);
    if (cells == NULL) {
        return mysql_errno(copy->conn.mysql) != 0 ? select_error(copy, err)
                                                  : finish_table(copy, err);
    }
    cdc_rc rc = add_row(copy, cells, err);
    if (rc == CDC_OK && copy->tbl->table->nkeys > 0 && copy->chunk_rows >= copy->chunk_rows_max) {
        rc = close_chunk(copy, err);
    }
    return rc;
}

static cdc_rc next_table(src_mysql_copy *copy, cdc_error *err)
{
    cdc_rc rc = open_table(copy, err);
    if (rc == CDC_SKIP) {
        CDC_LOG(CDC_LOG_INFO, "copy_table_gone", CDC_STR("database", copy->pos.database),
                CDC_STR("table", copy->pos.table));
        rc = finish_table(copy, err);
    }
    return rc;
}

/* All tables are done: the token is one of the stream from now on. */
static cdc_rc finish_copy(src_mysql_copy *copy, cdc_error *err)
{
    if (copy->told) {
        return CDC_EOF;
    }
    copy->pos.stage = SRC_MYSQL_STREAM;
    copy->pos.database = copy->pos.table = copy->pos.key = "";
    copy->batch->full_done = true;
    copy->told = true;
    CDC_LOG(CDC_LOG_INFO, "copy_done", CDC_NUM("rows", cdc_metric_get(copy->rows_total)));
    return make_token(copy, err);
}

static bool batch_has_room(const src_mysql_copy *copy)
{
    return copy->batch->nevents < BATCH_ROWS && copy->batch->source_bytes < BATCH_BYTES &&
           copy->batch->arena.used_bytes < 4 * BATCH_BYTES;
}

static cdc_rc copy_rows(src_mysql_copy *copy, int timeout_ms, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    while (rc == CDC_OK && batch_has_room(copy)) {
        if (copy->res == NULL) {
            if (copy->next >= copy->tables.n) {
                break;
            }
            rc = next_table(copy, err);
            continue;
        }
        bool in_hand = copy->batch->nevents > 0;
        if (!src_mysql_input_wait(copy->conn.mysql, copy->hidden, !in_hand,
                                  in_hand ? 0 : timeout_ms)) {
            break;
        }
        rc = copy_row(copy, err);
    }
    copy->batch->atomic = copy->batch->nevents > 0;
    return rc;
}

cdc_rc src_mysql_copy_poll(src_mysql_copy *copy, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    copy->batch = batch;
    copy->dec->ar = &batch->arena;
    copy->txn_text = copy->file_text = NULL;
    cdc_rc rc = CDC_OK;
    if (copy->pos.stage == SRC_MYSQL_SCHEMA) {
        rc = copy_schema(copy, err);
    } else if (copy->next >= copy->tables.n && copy->res == NULL) {
        return finish_copy(copy, err);
    } else {
        rc = copy_rows(copy, timeout_ms, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    if (copy->moved) {
        rc = make_token(copy, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    return batch->nevents > 0 || batch->token_len > 0 ? CDC_OK : CDC_AGAIN;
}

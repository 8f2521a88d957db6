#include "copy_range.h"

#include "copy_key.h"
#include "core/stop.h"
#include "names.h"
#include "text_value.h"

#define SQL_MAX (16U << 20)
#define VALUE_MAX ((size_t)1 << 30)
#define PIECE_BYTES ((size_t)512 << 10) /* decoded */
#define PIECE_ROWS 2048U
/* between the log and the commit of the engine, with a semi-synchronous wait */
#define EXECUTED_WAIT_S 10
#define SNAPSHOT_TRIES 2000
#define WHOLE_TRIES 50U /* moments without a change that are looked for */

/* --- life --- */

void src_mysql_reader_init(src_mysql_reader *rd, const cdc_env *env, const src_mysql_server *server,
                           const char *only, src_mysql_copy_plan *plan, const _Atomic bool *stop)
{
    memset(rd, 0, sizeof(*rd));
    rd->env = env;
    rd->server = server;
    rd->only = only;
    rd->plan = plan;
    rd->stop = stop;
    src_mysql_decode_init(&rd->dec, VALUE_MAX);
    cdc_buffer_init(&rd->sql, SQL_MAX);
    cdc_buffer_init(&rd->key_cells, SRC_MYSQL_KEY_MAX);
    cdc_buffer_init(&rd->gtids, SRC_MYSQL_GTIDS_MAX);
    cdc_buffer_init(&rd->seen, SRC_MYSQL_GTIDS_MAX);
}

void src_mysql_reader_reset(src_mysql_reader *rd)
{
    if (rd->res != NULL) {
        /* freeing an unfinished result would read all the rest of it */
        src_mysql_connection_abandon(&rd->conn);
        mysql_free_result(rd->res);
        rd->res = NULL;
    }
    if (rd->piece != NULL) {
        src_mysql_piece_free(rd->plan, rd->piece);
        rd->piece = NULL;
    }
    cdc_buffer_reset(&rd->seen);
}

void src_mysql_reader_fini(src_mysql_reader *rd)
{
    src_mysql_decode_fini(&rd->dec);
    cdc_buffer_fini(&rd->sql);
    cdc_buffer_fini(&rd->key_cells);
    cdc_buffer_fini(&rd->gtids);
    cdc_buffer_fini(&rd->seen);
}

/* --- statements --- */

/* Waits for the limits, and notes one query. */
static cdc_rc pace(src_mysql_reader *rd)
{
    cdc_throttle *th = rd->env->limits.full;
    if (!cdc_throttle_wait(th, rd->stop)) {
        return CDC_EOF;
    }
    cdc_throttle_take(th, 0, 0, 1);
    return CDC_OK;
}

/* What a statement on a table says when its definition is not what we know: SKIP: it is gone. */
static cdc_rc table_error(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    unsigned code = mysql_errno(rd->conn.mysql);
    if (code == 1146 || code == 1049) {
        return CDC_SKIP;
    }
    if (code == 1142 || code == 1143) {
        return cdc_error_refuse(
            err, "mysql_privilege",
            "user %s may not read table %s.%s at server %s: GRANT SELECT ON `%s`.* TO %s",
            rd->conn.user, work->database, work->name, rd->conn.name, work->database,
            rd->conn.account);
    }
    (void)src_mysql_connection_error(&rd->conn, "reading rows", err);
    if (code == 1054 || code == 1176) { /* its column or its key: an ALTER is on the way to us */
        err->rc = CDC_RETRY;
    }
    return cdc_error_context(err, "full copy of %s.%s", work->database, work->name);
}

static cdc_rc too_long(const src_mysql_work *work, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "mysql_too_large",
                         "full copy of %s.%s: the statement that selects its rows is too long",
                         work->database, work->name);
}

/* The statement in rd->sql; its result comes row by row. SKIP: the table is gone. */
static cdc_rc open_result(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    if (rd->sql.failed) {
        return too_long(work, err);
    }
    cdc_rc rc = pace(rd);
    if (rc != CDC_OK) {
        return rc;
    }
    if (mysql_real_query(rd->conn.mysql, rd->sql.data, rd->sql.len) != 0 ||
        (rd->res = mysql_use_result(rd->conn.mysql)) == NULL) {
        return table_error(rd, work, err);
    }
    return CDC_OK;
}

static void close_result(src_mysql_reader *rd)
{
    mysql_free_result(rd->res);
    rd->res = NULL;
}

static void add_from(src_mysql_reader *rd, const src_mysql_work *work)
{
    cdc_buffer_add_str(&rd->sql, " FROM ");
    src_mysql_add_table(&rd->sql, work->database, work->name);
    cdc_buffer_add_str(&rd->sql, " AS t");
}

static void add_order(src_mysql_reader *rd, const cdc_table *tbl)
{
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        cdc_buffer_add_str(&rd->sql, i > 0 ? ", t." : " ORDER BY t.");
        src_mysql_add_name(&rd->sql, tbl->cols[tbl->keys[i]].name);
    }
}

/* --- where a range ends --- */

static cdc_rc cut_select(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    const cdc_table *tbl = work->def->tbl->table;
    cdc_buffer_reset(&rd->sql);
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        cdc_buffer_add_str(&rd->sql, i > 0 ? ", " : "SELECT ");
        src_mysql_text_column(work->def->tbl, tbl->keys[i], &rd->sql);
    }
    add_from(rd, work);
    cdc_buffer_add_str(&rd->sql, " FORCE INDEX (PRIMARY)");
    cdc_rc rc = src_mysql_key_range(tbl, work->from, "", &rd->sql, err);
    add_order(rd, tbl);
    cdc_buffer_addf(&rd->sql, " LIMIT 1 OFFSET %llu",
                    (unsigned long long)(work->rows > 0 ? work->rows - 1 : 0));
    return rc;
}

/* Literals of the key whose cells are the row. */
static cdc_rc add_cut(src_mysql_reader *rd, const src_mysql_work *work, MYSQL_ROW cells,
                      cdc_buffer *to, cdc_error *err)
{
    const cdc_table *tbl = work->def->tbl->table;
    const unsigned long *lengths = mysql_fetch_lengths(rd->res);
    cdc_arena ar;
    cdc_arena_init(&ar, 4096, SQL_MAX);
    rd->dec.ar = &ar;
    cdc_value *row = cdc_arena_zalloc(&ar, tbl->ncols * sizeof(*row));
    cdc_rc rc = row != NULL ? CDC_OK : too_long(work, err);
    for (uint32_t i = 0; rc == CDC_OK && i < tbl->nkeys; i++) {
        src_mysql_text cell = {cells[i], lengths[i]};
        rc = src_mysql_text_value(work->def->tbl, tbl->keys[i], cell, &rd->dec, &row[tbl->keys[i]],
                                  err);
    }
    if (rc == CDC_OK) {
        src_mysql_key_literals(tbl, row, cells, lengths, to);
    }
    rd->dec.ar = NULL;
    cdc_arena_fini(&ar);
    return rc;
}

cdc_rc src_mysql_reader_cut(src_mysql_reader *rd, const src_mysql_work *work, cdc_buffer *to,
                            cdc_error *err)
{
    cdc_rc rc = cut_select(rd, work, err);
    if (rc == CDC_OK) {
        rc = open_result(rd, work, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW cells = mysql_fetch_row(rd->res);
    if (cells != NULL) {
        rc = add_cut(rd, work, cells, to, err);
    } else if (mysql_errno(rd->conn.mysql) != 0) {
        rc = table_error(rd, work, err);
    }
    close_result(rd);
    return rc;
}

/* --- the snapshot --- */

/* MySQL: a transaction stands in the log before the engine commits it, and in gtid_executed only
 * afterwards. */
static cdc_rc await_executed(src_mysql_reader *rd, cdc_error *err)
{
    if (rd->seen.len == rd->gtids.len && memcmp(rd->seen.data, rd->gtids.data, rd->seen.len) == 0) {
        return CDC_OK;
    }
    cdc_buffer_reset(&rd->sql);
    cdc_buffer_add_str(&rd->sql, "SELECT WAIT_FOR_EXECUTED_GTID_SET('");
    cdc_buffer_add(&rd->sql, rd->gtids.data, rd->gtids.len); /* a printed set: no quotes */
    cdc_buffer_addf(&rd->sql, "', %d)", EXECUTED_WAIT_S);
    cdc_buffer answer;
    cdc_buffer_init(&answer, 64);
    cdc_rc rc = src_mysql_select_text(&rd->conn, cdc_buffer_cstr(&rd->sql), &answer, err);
    if (rc == CDC_OK && strcmp(cdc_buffer_cstr(&answer), "0") != 0) {
        rc = cdc_error_set(err, CDC_RETRY, "mysql_snapshot",
                           "server %s has not committed within %d s what is in its log already",
                           rd->conn.name, EXECUTED_WAIT_S);
    }
    if (rc == CDC_OK) {
        cdc_buffer_reset(&rd->seen);
        cdc_buffer_add(&rd->seen, rd->gtids.data, rd->gtids.len);
    }
    cdc_buffer_fini(&answer);
    return rc;
}

static cdc_rc open_snapshot(src_mysql_reader *rd, cdc_error *err)
{
    return src_mysql_execute(&rd->conn, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
                             err);
}

/* MariaDB tells the exact position of a snapshot. */
static cdc_rc snapshot_position(src_mysql_reader *rd, src_mysql_log_pos *at, cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(&rd->conn, "SHOW STATUS LIKE 'binlog_snapshot_%'", &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    *at = (src_mysql_log_pos){.file = ""};
    for (MYSQL_ROW row; (row = mysql_fetch_row(res)) != NULL;) {
        if (strcasecmp(row[0], "binlog_snapshot_file") == 0) {
            snprintf(at->file, sizeof(at->file), "%s", row[1]);
        } else if (strcasecmp(row[0], "binlog_snapshot_position") == 0) {
            at->pos = strtoull(row[1], NULL, 10);
        }
    }
    mysql_free_result(res);
    if (at->file[0] == '\0') {
        return cdc_error_set(err, CDC_FATAL, "mysql_snapshot",
                             "server %s does not tell the log position of a snapshot "
                             "(binlog_snapshot_file is empty)",
                             rd->conn.name);
    }
    return CDC_OK;
}

/* A snapshot that sees everything up to the low watermark. at: its very place in the log, "" where
 * the server does not tell it. */
static cdc_rc open_snapshot_behind(src_mysql_reader *rd, const src_mysql_log_pos *low,
                                   src_mysql_log_pos *at, cdc_error *err)
{
    if (!rd->server->is_mariadb) {
        cdc_rc rc = await_executed(rd, err);
        return rc == CDC_OK ? open_snapshot(rd, err) : rc;
    }
    /* without the file's name the GTIDs count, and what they name was there when we connected */
    const src_mysql_log_pos *want =
        src_mysql_log_pos_compare(low, &rd->floor) > 0 ? low : &rd->floor;
    for (int i = 0; i < SNAPSHOT_TRIES; i++) {
        cdc_rc rc = open_snapshot(rd, err);
        if (rc == CDC_OK) {
            rc = snapshot_position(rd, at, err);
        }
        if (rc != CDC_OK || src_mysql_log_pos_compare(at, want) >= 0) {
            return rc;
        }
        if (cdc_stop_wait(i < 20 ? 1 : 5) || atomic_load(rd->stop)) {
            return CDC_EOF;
        }
    }
    return cdc_error_set(err, CDC_RETRY, "mysql_snapshot",
                         "server %s has not committed within 10 s what is in its log already",
                         rd->conn.name);
}

/* Takes the table's metadata lock, which holds until the snapshot ends: no definition change can
 * come between the high watermark and the last row. SKIP: the table is gone. */
static cdc_rc lock_definition(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    cdc_buffer_reset(&rd->sql);
    cdc_buffer_add_str(&rd->sql, "SELECT 1");
    add_from(rd, work);
    cdc_buffer_add_str(&rd->sql, " LIMIT 0");
    cdc_rc rc = open_result(rd, work, err);
    if (rc == CDC_OK) {
        close_result(rd);
    }
    return rc;
}

cdc_rc src_mysql_reader_lock(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    cdc_rc rc = src_mysql_execute(&rd->conn, "START TRANSACTION READ ONLY", err);
    return rc == CDC_OK ? lock_definition(rd, work, err) : rc;
}

/* The log's end while a result is being read: by a connection of its own. */
static cdc_rc log_end_beside(src_mysql_reader *rd, src_mysql_log_pos *high, cdc_error *err)
{
    src_mysql_connection conn;
    cdc_rc rc = src_mysql_connect(&conn, rd->env->task->cfg, rd->only, EXECUTED_WAIT_S, err);
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(&conn, rd->server, high, err);
        src_mysql_disconnect(&conn);
    }
    return rc;
}

/* --- rows --- */

static cdc_rc row_too_large(const src_mysql_work *work, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_too_large",
        "full copy of %s.%s: a row does not fit into the memory of a batch (%zu MB)",
        work->database, work->name, SRC_MYSQL_PIECE_MAX >> 20);
}

static cdc_rc begin_piece(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    rd->piece = calloc(1, sizeof(*rd->piece));
    if (rd->piece != NULL) {
        rd->piece->batch = src_mysql_copy_plan_batch(rd->plan);
    }
    if (rd->piece == NULL || rd->piece->batch == NULL) {
        return row_too_large(work, err);
    }
    rd->dec.ar = &rd->piece->batch->arena;
    return CDC_OK;
}

static cdc_rc add_row(src_mysql_reader *rd, const src_mysql_work *work, MYSQL_ROW cells,
                      cdc_error *err)
{
    const src_mysql_table *def = work->def->tbl;
    cdc_table *tbl = def->table;
    cdc_batch *batch = rd->piece->batch;
    const unsigned long *lengths = mysql_fetch_lengths(rd->res);
    cdc_value *values = cdc_arena_alloc(&batch->arena, tbl->ncols * sizeof(*values));
    if (values == NULL) {
        return row_too_large(work, err);
    }
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        src_mysql_text cell = {cells[i], lengths[i]};
        cdc_rc rc = src_mysql_text_value(def, i, cell, &rd->dec, &values[i], err);
        if (rc != CDC_OK) {
            return cdc_error_context(err, "full copy");
        }
        rd->piece->bytes += lengths[i];
    }
    cdc_event *ev = cdc_batch_hold(batch, tbl) ? cdc_batch_add(batch) : NULL;
    if (ev == NULL) {
        return row_too_large(work, err);
    }
    ev->op = CDC_OP_INSERT;
    ev->table = tbl;
    ev->after = values;
    return CDC_OK;
}

/* Keeps the texts of the row's key: when a piece ends, its last row may be gone from the library.
 */
static void note_key(src_mysql_reader *rd, const cdc_table *tbl, MYSQL_ROW cells)
{
    const unsigned long *lengths = mysql_fetch_lengths(rd->res);
    cdc_buffer_reset(&rd->key_cells);
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        rd->key_lengths[i] = lengths[tbl->keys[i]];
        cdc_buffer_add(&rd->key_cells, cells[tbl->keys[i]], lengths[tbl->keys[i]]);
    }
}

/* The literals of the last row's key. */
static char *last_key(src_mysql_reader *rd, const cdc_table *tbl)
{
    const cdc_batch *batch = rd->piece->batch;
    char *cells[SRC_MYSQL_KEY_PARTS_MAX];
    char *cell = rd->key_cells.data;
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        cells[i] = cell;
        cell += rd->key_lengths[i];
    }
    cdc_buffer_reset(&rd->sql);
    src_mysql_key_literals(tbl, batch->events[batch->nevents - 1].after, cells, rd->key_lengths,
                           &rd->sql);
    bool failed = rd->sql.failed || rd->key_cells.failed;
    return failed ? NULL : strdup(cdc_buffer_cstr(&rd->sql));
}

/* Hands what was read to the plan. */
static cdc_rc push_piece(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    src_mysql_piece *piece = rd->piece;
    piece->bad_text = rd->dec.bad_text;
    rd->dec.bad_text = 0;
    cdc_throttle_take(rd->env->limits.full, piece->batch->nevents, (int64_t)piece->bytes, 0);
    if (!work->whole) {
        piece->key = last_key(rd, work->def->tbl->table);
        if (piece->key == NULL ||
            !src_mysql_row_index_init(&piece->index, piece->batch, &rd->sql)) {
            return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the full copy");
        }
    }
    rd->piece = NULL;
    cdc_rc rc = src_mysql_copy_plan_push(rd->plan, work, piece);
    if (rc == CDC_OK && !cdc_throttle_wait(rd->env->limits.full, rd->stop)) {
        rc = CDC_EOF;
    }
    return rc;
}

typedef struct portion {
    int64_t rows, bytes; /* 0: any */
} portion;

static bool piece_is_full(const src_mysql_piece *piece, const portion *max)
{
    const cdc_batch *batch = piece->batch;
    return batch->nevents >= PIECE_ROWS || cdc_batch_bytes(batch) >= PIECE_BYTES ||
           (max->rows > 0 && batch->nevents >= max->rows) ||
           (max->bytes > 0 && (int64_t)piece->bytes >= max->bytes);
}

static cdc_rc read_rows(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    portion max = {0, 0};
    MYSQL_ROW cells;
    while (rc == CDC_OK && (cells = mysql_fetch_row(rd->res)) != NULL) {
        if (rd->piece == NULL) {
            cdc_throttle_portion(rd->env->limits.full, &max.rows, &max.bytes);
            rc = begin_piece(rd, work, err);
        }
        if (rc == CDC_OK) {
            rc = add_row(rd, work, cells, err);
        }
        if (rc == CDC_OK) {
            note_key(rd, work->def->tbl->table, cells);
            rc = piece_is_full(rd->piece, &max) ? push_piece(rd, work, err) : CDC_OK;
        }
    }
    if (rc == CDC_OK && mysql_errno(rd->conn.mysql) != 0) {
        rc = table_error(rd, work, err);
    }
    return rc == CDC_OK && rd->piece != NULL ? push_piece(rd, work, err) : rc;
}

static cdc_rc select_rows(src_mysql_reader *rd, const src_mysql_work *work, cdc_error *err)
{
    const src_mysql_table *def = work->def->tbl;
    cdc_buffer *sql = &rd->sql;
    cdc_rc rc = CDC_OK;
    cdc_buffer_reset(sql);
    /* the engine is asked for all rows before the first comes, and does not lock them for long */
    cdc_buffer_add_str(sql, work->whole && !work->transactional ? "SELECT SQL_BUFFER_RESULT "
                                                                : "SELECT ");
    for (uint32_t i = 0; i < def->table->ncols; i++) {
        cdc_buffer_add_str(sql, i > 0 ? ", " : "");
        src_mysql_text_column(def, i, sql);
    }
    add_from(rd, work);
    if (!work->whole) {
        cdc_buffer_add_str(sql, " FORCE INDEX (PRIMARY)");
        rc = src_mysql_key_range(def->table, work->from, work->to, sql, err);
        add_order(rd, def->table);
    }
    return rc == CDC_OK ? open_result(rd, work, err) : rc;
}

/* --- ranges --- */

/* Opens the snapshot and the table in it, and reads the high watermark. */
static cdc_rc begin_range(src_mysql_reader *rd, const src_mysql_work *work,
                          const src_mysql_log_pos *low, src_mysql_log_pos *high, cdc_error *err)
{
    src_mysql_log_pos at = {.file = ""};
    cdc_rc rc = open_snapshot_behind(rd, low, &at, err);
    if (rc == CDC_OK) {
        rc = lock_definition(rd, work, err);
    }
    if (rc == CDC_OK && work->transactional) {
        rc = src_mysql_server_log_end(&rd->conn, rd->server, high, err);
        return rc == CDC_OK && !work->whole ? src_mysql_copy_plan_high(rd->plan, work, &at, high)
                                            : rc;
    }
    return rc;
}

static cdc_rc too_often_changed(const src_mysql_work *work, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_copy_keyless",
        "table %s.%s has no primary key to copy it by, and was changed in each of %u moments in "
        "which a snapshot of it was taken; add a primary key, or let its writers pause while it "
        "is copied",
        work->database, work->name, WHOLE_TRIES);
}

/* A table without a usable key: its rows count only if the stream shows no change of it between
 * the watermarks. */
static cdc_rc await_unchanged(src_mysql_reader *rd, const src_mysql_work *work,
                              src_mysql_log_pos *high, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (!work->transactional) {
        rc = log_end_beside(rd, high, err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_copy_plan_high(rd->plan, work, NULL, high);
    }
    if (rc == CDC_SKIP && ++rd->whole_tries >= WHOLE_TRIES) {
        return too_often_changed(work, err);
    }
    rd->opened = rc == CDC_OK;
    return rc;
}

/* What is seen of a table that a snapshot does not hold for is in the log when it was read. */
static cdc_rc end_range(src_mysql_reader *rd, const src_mysql_work *work, src_mysql_log_pos *high,
                        cdc_error *err)
{
    close_result(rd);
    cdc_rc rc = src_mysql_execute(&rd->conn, "ROLLBACK", err);
    if (rc == CDC_OK && !work->transactional && !work->whole) {
        rc = src_mysql_server_log_end(&rd->conn, rd->server, high, err);
    }
    if (rc == CDC_OK) {
        src_mysql_copy_plan_read(rd->plan, work, high);
        rd->whole_tries = 0;
    }
    return rc;
}

cdc_rc src_mysql_reader_range(src_mysql_reader *rd, const src_mysql_work *work, bool *gone,
                              cdc_error *err)
{
    src_mysql_log_pos low = {.file = ""};
    src_mysql_log_pos high = {.file = ""};
    cdc_rc rc = CDC_OK;
    if (work->whole) { /* first the stream comes close, so that the window is short */
        rc = src_mysql_server_log_end(&rd->conn, rd->server, &high, err);
    }
    cdc_buffer_reset(&rd->gtids);
    if (rc == CDC_OK) {
        rc = src_mysql_copy_plan_register(rd->plan, work, &high, &low, &rd->gtids);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    rc = begin_range(rd, work, &low, &high, err);
    if (rc == CDC_OK) {
        rc = select_rows(rd, work, err);
    }
    if (rc == CDC_SKIP && mysql_errno(rd->conn.mysql) != 0) {
        *gone = true;
        return src_mysql_execute(&rd->conn, "ROLLBACK", err);
    }
    if (rc == CDC_OK && work->whole) {
        rc = await_unchanged(rd, work, &high, err);
    }
    if (rc == CDC_OK) {
        rc = read_rows(rd, work, err);
    }
    return rc == CDC_OK ? end_range(rd, work, &high, err) : rc;
}

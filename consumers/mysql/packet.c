#include "packet.h"

#include <mysqld_error.h>
#include <stdlib.h>

#include "handle.h"
#include "offsets.h"

enum {
    SEND_BYTES = 256 * 1024,
    STMTS_MAX = 1024,
    KEEP_BYTES = 4 * 1024 * 1024, /* a buffer that a huge row made larger goes back to the system */
};

bool sink_mysql_packet_init(sink_mysql_packet *pk, size_t max_bytes)
{
    cdc_buffer_init(&pk->sql, max_bytes);
    pk->stmts = calloc(STMTS_MAX, sizeof *pk->stmts);
    pk->nstmts = 0;
    pk->foreign_keys = -1;
    return pk->stmts != NULL;
}

void sink_mysql_packet_fini(sink_mysql_packet *pk)
{
    cdc_buffer_fini(&pk->sql);
    free(pk->stmts);
    pk->stmts = NULL;
}

void sink_mysql_packet_reset(sink_mysql_packet *pk, bool failed)
{
    if (pk->sql.cap > KEEP_BYTES) {
        size_t max = pk->sql.max;
        cdc_buffer_fini(&pk->sql);
        cdc_buffer_init(&pk->sql, max);
    }
    cdc_buffer_reset(&pk->sql);
    pk->nstmts = 0;
    if (failed) {
        pk->foreign_keys = -1;
    }
}

/* --- building --- */

static void sink_mysql_packet_add(sink_mysql_packet *pk, const sink_mysql_stmt *stmt)
{
    if (pk->nstmts > 0) {
        cdc_buffer_add_char(&pk->sql, ';');
    }
    pk->stmts[pk->nstmts++] = *stmt;
}

static void sink_mysql_packet_foreign_keys(sink_mysql_packet *pk, const sink_mysql_stmt *stmt)
{
    if (stmt->map == NULL || !stmt->map->target->has_foreign_keys) {
        return;
    }
    int8_t want = stmt->unchecked ? 0 : 1;
    if (pk->foreign_keys != want) {
        sink_mysql_stmt set = {.check = SINK_MYSQL_ANY};
        sink_mysql_packet_add(pk, &set);
        cdc_buffer_add_str(&pk->sql,
                           want == 1 ? "SET foreign_key_checks=1" : "SET foreign_key_checks=0");
        pk->foreign_keys = want;
    }
}

cdc_rc sink_mysql_packet_open(sink_mysql_handle *sm, const sink_mysql_stmt *stmt, size_t bytes,
                              cdc_error *err)
{
    sink_mysql_packet *pk = &sm->packet;
    bool full = pk->nstmts + 2 >= STMTS_MAX || pk->sql.len + bytes + 64 > pk->sql.max;
    cdc_rc rc = full && pk->nstmts > 0 ? sink_mysql_packet_send(sm, err) : CDC_OK;
    if (rc == CDC_OK) {
        sink_mysql_packet_foreign_keys(pk, stmt);
        sink_mysql_packet_add(pk, stmt);
    }
    return rc;
}

void sink_mysql_packet_cut(sink_mysql_packet *pk, uint32_t nstmts, size_t len)
{
    pk->nstmts = nstmts;
    pk->sql.len = len;
    pk->sql.failed = false;
    pk->foreign_keys = -1;
}

cdc_rc sink_mysql_packet_close(sink_mysql_handle *sm, cdc_error *err)
{
    return sm->packet.sql.len >= SEND_BYTES || sm->packet.sql.failed
               ? sink_mysql_packet_send(sm, err)
               : CDC_OK;
}

/* --- results --- */

static const char *sink_mysql_conflict_code(uint8_t op)
{
    return op == CDC_OP_INSERT   ? "conflict_insert"
           : op == CDC_OP_UPDATE ? "conflict_update"
                                 : "conflict_delete";
}

/* "Records: 3  Duplicates: 2  Warnings: 0" */
static int64_t sink_mysql_duplicates(MYSQL *my)
{
    const char *info = mysql_info(my);
    const char *at = info != NULL ? strstr(info, "Duplicates: ") : NULL;
    return at != NULL ? strtoll(at + 12, NULL, 10) : -1;
}

static cdc_rc sink_mysql_check_count(sink_mysql_handle *sm, const sink_mysql_stmt *stmt,
                                     cdc_error *err)
{
    if (stmt->check == SINK_MYSQL_ANY) {
        return CDC_OK;
    }
    int64_t count = stmt->by_duplicates
                        ? sink_mysql_duplicates(sm->conn.my) - (stmt->doubled ? 1 : 0)
                        : (int64_t)mysql_affected_rows(sm->conn.my);
    const sink_mysql_target *target = stmt->map->target;
    if (count < 0 || count > (int64_t)stmt->rows) {
        return cdc_error_set(err, CDC_FATAL, "target_count",
                             "table %s.%s at the target %s: %lld rows counted for %u sent",
                             target->database, target->name, sm->conn.where, (long long)count,
                             stmt->rows);
    }
    if (stmt->check == SINK_MYSQL_EXISTING) {
        sm->counts.conflicts[stmt->op] += count;
    } else if (stmt->check == SINK_MYSQL_MISSING) {
        sm->counts.conflicts[stmt->op] += (int64_t)stmt->rows - count;
    } else if (count != (int64_t)stmt->rows) {
        return cdc_error_set(err, CDC_FATAL, sink_mysql_conflict_code(stmt->op),
                             "table %s.%s at the target %s: %lld of %u rows to %s are not there",
                             target->database, target->name, sm->conn.where,
                             (long long)stmt->rows - (long long)count, stmt->rows,
                             cdc_op_name((cdc_op)stmt->op));
    }
    return CDC_OK;
}

/* Reads the results that are left, so that the connection can be used to undo the transaction. */
static void sink_mysql_drain(sink_mysql_conn *conn)
{
    while (sink_mysql_next(conn) == 0) {
        MYSQL_RES *res = sink_mysql_store(conn);
        if (res != NULL) {
            mysql_free_result(res);
        }
    }
}

/* Reads one statement's result. */
static cdc_rc sink_mysql_result(sink_mysql_handle *sm, const sink_mysql_stmt *stmt, cdc_error *err)
{
    MYSQL *my = sm->conn.my;
    if (mysql_field_count(my) == 0) {
        return sink_mysql_check_count(sm, stmt, err);
    }
    MYSQL_RES *res = sink_mysql_store(&sm->conn);
    if (res == NULL) {
        return sink_mysql_fail(&sm->conn, "read a result", err);
    }
    bool any = mysql_num_rows(res) > 0;
    mysql_free_result(res);
    if (stmt->check != SINK_MYSQL_FENCE || any) {
        return CDC_OK;
    }
    sink_mysql_drain(&sm->conn);
    return sink_mysql_fenced(sm, err);
}

static cdc_rc sink_mysql_stmt_failed(sink_mysql_handle *sm, const sink_mysql_stmt *stmt,
                                     cdc_error *err)
{
    unsigned number = mysql_errno(sm->conn.my);
    char doing[2 * CDC_TABLE_NAME_MAX + 64];
    if (stmt->map == NULL) {
        return sink_mysql_fail(&sm->conn, "write the offsets (sluice.applied)", err);
    }
    snprintf(doing, sizeof doing, "%s in %s.%s", cdc_op_name((cdc_op)stmt->op),
             stmt->map->target->database, stmt->map->target->name);
    cdc_rc rc = sink_mysql_fail(&sm->conn, doing, err);
    if (number == ER_DUP_ENTRY) {
        snprintf(err->code, sizeof err->code, "%s", sink_mysql_conflict_code(stmt->op));
    }
    return rc;
}

static cdc_rc sink_mysql_results(sink_mysql_handle *sm, cdc_error *err)
{
    const sink_mysql_packet *pk = &sm->packet;
    for (uint32_t i = 0; i < pk->nstmts; i++) {
        int more = i > 0 ? sink_mysql_next(&sm->conn)
                         : !sink_mysql_send(&sm->conn, pk->sql.data, pk->sql.len);
        if (more > 0) {
            return sink_mysql_stmt_failed(sm, &pk->stmts[i], err);
        }
        if (more < 0) {
            return cdc_error_set(err, CDC_FATAL, "target_protocol",
                                 "target %s: %u results for %u statements", sm->conn.where, i,
                                 pk->nstmts);
        }
        cdc_rc rc = sink_mysql_result(sm, &pk->stmts[i], err);
        if (rc != CDC_OK) {
            sink_mysql_drain(&sm->conn);
            return rc;
        }
    }
    return CDC_OK;
}

cdc_rc sink_mysql_packet_send(sink_mysql_handle *sm, cdc_error *err)
{
    sink_mysql_packet *pk = &sm->packet;
    if (pk->nstmts == 0) {
        return CDC_OK;
    }
    if (pk->sql.failed) {
        sink_mysql_packet_reset(pk, true);
        return cdc_error_set(err, CDC_FATAL, "packet_too_large",
                             "target %s: a statement passes max_allowed_packet of %zu bytes",
                             sm->conn.where, sm->conn.max_packet);
    }
    cdc_rc rc = sink_mysql_results(sm, err);
    cdc_metric_add(sm->metrics.statements, pk->nstmts);
    cdc_metric_add(sm->metrics.bytes, (int64_t)pk->sql.len);
    sink_mysql_packet_reset(pk, rc != CDC_OK);
    return rc == CDC_FATAL ? sink_mysql_check_fence(sm, err) : rc;
}

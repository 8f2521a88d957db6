#include "offsets.h"

#include <mysqld_error.h>
#include <stdlib.h>
#include <unistd.h>

#include "checks.h"
#include "claims.h"
#include "core/clock.h"
#include "ddl_intent.h"
#include "handle.h"
#include "literal.h"
#include "server_checks.h"

enum { SQL_MAX = 4 * 1024 * 1024, TASK_MAX = 64 };

#define GROUP "group" /* the owner of a task whose processes share it */

static const char CREATE_DATABASE[] = "CREATE DATABASE IF NOT EXISTS sluice CHARACTER SET utf8mb4";
static const char CREATE_APPLIERS[] =
    "CREATE TABLE IF NOT EXISTS sluice.appliers ("
    "task VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
    "epoch BIGINT UNSIGNED NOT NULL,"
    "owner VARCHAR(255) NOT NULL,"
    "claimed_at DATETIME(3) NOT NULL) ENGINE=InnoDB";
static const char CREATE_APPLIED[] =
    "CREATE TABLE IF NOT EXISTS sluice.applied ("
    "task VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
    "topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
    "part INT NOT NULL,"
    "next_offset BIGINT NOT NULL,"
    "epoch BIGINT UNSIGNED NOT NULL,"
    "source_txn VARCHAR(255) NOT NULL,"
    "source_pos VARCHAR(255) NOT NULL,"
    "source_time DATETIME(3) NULL,"
    "updated_at DATETIME(3) NOT NULL,"
    "PRIMARY KEY (task, topic, part)) ENGINE=InnoDB";

static const char CREATE_INTENTS[] = SINK_MYSQL_CREATE_INTENTS;

/* --- making the tables --- */

/* Says which privileges lack; the server's own words if it is none of those that are known. */
static cdc_rc sink_mysql_refuse_grant(sink_mysql_handle *sm, cdc_error *err)
{
    static const cdc_check *const tables[] = {sink_mysql_checks, NULL};
    char reason[CDC_ERROR_TEXT_MAX];
    cdc_grants grants;
    cdc_checklist list;
    snprintf(reason, sizeof reason, "%s", mysql_error(sm->conn.my));
    cdc_grants_init(&grants);
    cdc_checklist_init(&list, tables);
    cdc_rc rc = sink_mysql_read_grants(&sm->conn, &grants, err);
    if (rc == CDC_OK) {
        sink_mysql_check_own_grants(&sm->conn, &grants, &list);
        rc = cdc_checklist_verdict(&list, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_error_refuse(err, "target_privileges",
                              "target %s: the account may not keep its offsets there (%s)",
                              sm->conn.where, reason);
    }
    cdc_checklist_fini(&list);
    cdc_grants_fini(&grants);
    return rc;
}

static bool sink_mysql_is_denied(unsigned number)
{
    return number == ER_DBACCESS_DENIED_ERROR || number == ER_TABLEACCESS_DENIED_ERROR ||
           number == ER_COLUMNACCESS_DENIED_ERROR || number == ER_SPECIFIC_ACCESS_DENIED_ERROR ||
           number == ER_ACCESS_DENIED_ERROR;
}

/* A statement on our own tables: a missing privilege refuses the start. */
static cdc_rc sink_mysql_own(sink_mysql_handle *sm, const char *sql, size_t len, cdc_error *err)
{
    cdc_rc rc = sink_mysql_exec(&sm->conn, "prepare the tables of database sluice", sql, len, err);
    if (rc == CDC_FATAL && sink_mysql_is_denied(mysql_errno(sm->conn.my))) {
        return sink_mysql_refuse_grant(sm, err);
    }
    if (rc == CDC_FATAL) {
        err->exit = CDC_EXIT_REFUSED;
    }
    return rc;
}

cdc_rc sink_mysql_own_exist(sink_mysql_conn *conn, bool *exist, cdc_error *err)
{
    static const char sql[] =
        "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE "
        "TABLE_SCHEMA='sluice' AND TABLE_NAME IN ('appliers','applied','ddl')";
    MYSQL_RES *res = NULL;
    cdc_rc rc = sink_mysql_query(conn, "look for sluice.applied", sql, sizeof sql - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    *exist = mysql_num_rows(res) == 3;
    for (MYSQL_ROW row; rc == CDC_OK && (row = mysql_fetch_row(res)) != NULL;) {
        if (row[1] == NULL || strcmp(row[1], "InnoDB") != 0) {
            rc = cdc_error_refuse(err, "target_engine",
                                  "table sluice.%s at the target %s has the engine %s, and offsets "
                                  "need transactions: "
                                  "ALTER TABLE sluice.%s ENGINE=InnoDB",
                                  row[0], conn->where, row[1] != NULL ? row[1] : "unknown", row[0]);
        }
    }
    mysql_free_result(res);
    return rc;
}

static cdc_rc sink_mysql_make_own(sink_mysql_handle *sm, cdc_error *err)
{
    bool exist = false;
    cdc_rc rc = sink_mysql_own_exist(&sm->conn, &exist, err);
    if (rc != CDC_OK || exist) {
        return rc;
    }
    rc = sink_mysql_own(sm, CREATE_DATABASE, sizeof CREATE_DATABASE - 1, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_own(sm, CREATE_APPLIERS, sizeof CREATE_APPLIERS - 1, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_own(sm, CREATE_APPLIED, sizeof CREATE_APPLIED - 1, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_own(sm, CREATE_INTENTS, sizeof CREATE_INTENTS - 1, err);
    }
    return rc == CDC_OK ? sink_mysql_own_exist(&sm->conn, &exist, err) : rc;
}

/* --- the claim --- */

void sink_mysql_add_task(cdc_buffer *sql, const sink_mysql_handle *sm)
{
    sink_mysql_add_text(sql, sm->env->task->name, strlen(sm->env->task->name));
}

static cdc_rc sink_mysql_read_epoch(sink_mysql_handle *sm, uint64_t *epoch, cdc_error *err)
{
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT epoch FROM sluice.appliers WHERE task=");
    sink_mysql_add_task(&sql, sm);
    cdc_buffer_add_str(&sql, " LOCK IN SHARE MODE");
    cdc_rc rc = sink_mysql_query(&sm->conn, "read sluice.appliers", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    *epoch = row != NULL && row[0] != NULL ? strtoull(row[0], NULL, 10) : 0;
    mysql_free_result(res);
    return CDC_OK;
}

/* Does a group have the task already? Then nothing is written, which would wait for a process of it
 * that is stopped in the midst of a commit. Otherwise the epoch is 0. */
static cdc_rc sink_mysql_claimed_by_group(sink_mysql_handle *sm, cdc_error *err)
{
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    sm->epoch = 0;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT epoch FROM sluice.appliers WHERE owner='" GROUP "' AND task=");
    sink_mysql_add_task(&sql, sm);
    cdc_rc rc = sink_mysql_query(&sm->conn, "read sluice.appliers", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    sm->epoch = row != NULL && row[0] != NULL ? strtoull(row[0], NULL, 10) : 0;
    mysql_free_result(res);
    return sink_mysql_own(sm, "COMMIT", 6, err);
}

cdc_rc sink_mysql_claim(sink_mysql_handle *sm, cdc_error *err)
{
    char owner[200] = "";
    char name[128] = "";
    cdc_buffer sql;
    cdc_rc rc = sink_mysql_make_own(sm, err);
    if (rc == CDC_OK && sm->group) {
        rc = sink_mysql_claimed_by_group(sm, err);
    }
    if (rc != CDC_OK || (sm->group && sm->epoch > 0)) {
        return rc;
    }
    gethostname(name, sizeof name - 1);
    snprintf(owner, sizeof owner, "%s:%ld", name, (long)getpid());
    /* The processes of a group have one epoch together. */
    const char *next = sm->group ? "IF(owner='" GROUP "',epoch,epoch+1)" : "epoch+1";
    if (sm->group) {
        snprintf(owner, sizeof owner, GROUP);
    }
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql,
                       "INSERT INTO sluice.appliers (task, epoch, owner, claimed_at) VALUES (");
    sink_mysql_add_task(&sql, sm);
    cdc_buffer_add_str(&sql, ",1,");
    sink_mysql_add_text(&sql, owner, strlen(owner));
    cdc_buffer_addf(&sql,
                    ",NOW(3)) ON DUPLICATE KEY UPDATE epoch=%s, owner=VALUES(owner), "
                    "claimed_at=VALUES(claimed_at)",
                    next);
    rc = sink_mysql_own(sm, sql.data, sql.len, err);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        rc = sink_mysql_read_epoch(sm, &sm->epoch, err);
    }
    return rc == CDC_OK ? sink_mysql_own(sm, "COMMIT", 6, err) : rc;
}

/* --- the fence --- */

cdc_rc sink_mysql_fenced(sink_mysql_handle *sm, cdc_error *err)
{
    uint64_t now = 0;
    bool lost = false;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    if (sink_mysql_read_epoch(sm, &now, &ignored) != CDC_OK) {
        now = 0;
    }
    if (sm->group && (now == sm->epoch || now == 0) &&
        (sink_mysql_claim_lost(sm, &lost, &ignored) != CDC_OK || lost)) {
        return cdc_error_set(err, CDC_RETRY, "partition_taken",
                             "target %s: another process of the group of task %s has claimed a "
                             "partition of this one",
                             sm->conn.where, sm->env->task->name);
    }
    return cdc_error_set(err, CDC_FATAL, "applier_fenced",
                         "target %s: another applier of task %s has taken over (epoch %llu, ours "
                         "is %llu): stop one of "
                         "them, or give the tasks different names%s",
                         sm->conn.where, sm->env->task->name, (unsigned long long)now,
                         (unsigned long long)sm->epoch,
                         sm->group ? "; all processes of a group have target.appliers: group" : "");
}

cdc_rc sink_mysql_check_fence(sink_mysql_handle *sm, cdc_error *err)
{
    uint64_t now = 0;
    bool lost = false;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    bool known = strcmp(err->code, "applier_fenced") == 0;
    bool fenced = !known && sink_mysql_read_epoch(sm, &now, &ignored) == CDC_OK && now != sm->epoch;
    if (sm->group && !known && !fenced) {
        fenced = sink_mysql_claim_lost(sm, &lost, &ignored) == CDC_OK && lost;
    }
    return fenced ? sink_mysql_fenced(sm, err) : err->rc;
}

/* --- offsets --- */

cdc_rc sink_mysql_read_offset(sink_mysql_handle *sm, const char *topic, int32_t partition,
                              int64_t *next, cdc_error *err)
{
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT next_offset FROM sluice.applied WHERE task=");
    sink_mysql_add_task(&sql, sm);
    cdc_buffer_add_str(&sql, " AND topic=");
    sink_mysql_add_text(&sql, topic, strlen(topic));
    cdc_buffer_addf(&sql, " AND part=%d", partition);
    cdc_rc rc = sink_mysql_query(&sm->conn, "read sluice.applied", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    *next = row != NULL && row[0] != NULL ? strtoll(row[0], NULL, 10) : -1;
    mysql_free_result(res);
    return sink_mysql_exec(&sm->conn, "read sluice.applied", "COMMIT", 6,
                           err); /* ends the read view */
}

static void sink_mysql_add_offset(cdc_buffer *sql, const sink_mysql_handle *sm,
                                  const cdc_offset *at)
{
    cdc_value when = {.kind = CDC_TIMESTAMP};
    cdc_buffer_add_char(sql, '(');
    sink_mysql_add_task(sql, sm);
    cdc_buffer_add_char(sql, ',');
    sink_mysql_add_text(sql, at->topic, strlen(at->topic));
    cdc_buffer_add_char(sql, ',');
    cdc_buffer_add_i64(sql, at->partition);
    cdc_buffer_add_char(sql, ',');
    cdc_buffer_add_i64(sql, at->next);
    cdc_buffer_add_char(sql, ',');
    cdc_buffer_add_u64(sql, sm->epoch);
    cdc_buffer_add_char(sql, ',');
    sink_mysql_add_text(sql, sm->last_txn, strlen(sm->last_txn));
    cdc_buffer_add_char(sql, ',');
    sink_mysql_add_text(sql, sm->last_pos, strlen(sm->last_pos));
    cdc_buffer_add_char(sql, ',');
    if (sm->last_source_ms > 0) {
        when.ts.sec = sm->last_source_ms / 1000;
        when.ts.usec = (uint32_t)(sm->last_source_ms % 1000) * 1000;
        sink_mysql_add_value(sql, &when);
    } else {
        cdc_buffer_add(sql, "NULL", 4);
    }
    cdc_buffer_add_str(sql, ",NOW(3))");
}

cdc_rc sink_mysql_put_fence(sink_mysql_handle *sm, cdc_error *err)
{
    const sink_mysql_stmt fence = {.check = SINK_MYSQL_FENCE};
    cdc_buffer *sql = &sm->packet.sql;
    /* A shared lock, held to the end of the transaction: a successor's claim waits for it, and once
     * claimed it fails. */
    cdc_rc rc = sink_mysql_packet_open(sm, &fence, 1024, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_buffer_add_str(sql, "SELECT a.epoch FROM sluice.appliers AS a");
    sink_mysql_add_claim_join(sql, sm);
    cdc_buffer_add_str(sql, " WHERE a.task=");
    sink_mysql_add_task(sql, sm);
    cdc_buffer_add_str(sql, " AND a.epoch=");
    cdc_buffer_add_u64(sql, sm->epoch);
    sink_mysql_add_claim_where(sql, sm);
    cdc_buffer_add_str(sql, " LOCK IN SHARE MODE");
    return CDC_OK;
}

cdc_rc sink_mysql_put_offsets(sink_mysql_handle *sm, const cdc_offset *offsets, uint32_t n,
                              cdc_error *err)
{
    static const char tail[] =
        " ON DUPLICATE KEY UPDATE next_offset=VALUES(next_offset), epoch=VALUES(epoch), "
        "source_txn=VALUES(source_txn), source_pos=VALUES(source_pos), "
        "source_time=VALUES(source_time), updated_at=VALUES(updated_at)";
    sink_mysql_stmt write = {.check = SINK_MYSQL_ANY};
    cdc_buffer *sql = &sm->packet.sql;
    cdc_rc rc = sink_mysql_put_fence(sm, err);
    if (rc != CDC_OK || n == 0) {
        return rc;
    }
    rc = sink_mysql_packet_open(sm, &write, n * 1024UL + sizeof tail, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_buffer_add_str(sql, "INSERT INTO sluice.applied (task, topic, part, next_offset, epoch, "
                            "source_txn, source_pos, "
                            "source_time, updated_at) VALUES ");
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0) {
            cdc_buffer_add_char(sql, ',');
        }
        sink_mysql_add_offset(sql, sm, &offsets[i]);
    }
    cdc_buffer_add_str(sql, tail);
    return CDC_OK;
}

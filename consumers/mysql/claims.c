#include "claims.h"

#include <stdlib.h>

#include "core/log.h"
#include "ddl_intent.h"
#include "handle.h"
#include "literal.h"
#include "offsets.h"

enum { SQL_MAX = 4 * 1024 * 1024 };

static const char CREATE_CLAIMS[] =
    "CREATE TABLE IF NOT EXISTS sluice.claims ("
    "task VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
    "topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
    "part INT NOT NULL,"
    "token BIGINT UNSIGNED NOT NULL,"
    "claimed_at DATETIME(3) NOT NULL,"
    "PRIMARY KEY (task, topic, part)) ENGINE=InnoDB";

/* --- statements --- */

/* Runs it and starts the next one. */
static cdc_rc sink_mysql_claim_run(sink_mysql_handle *sm, cdc_buffer *sql, cdc_error *err)
{
    cdc_rc rc = sql->failed ? cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for claims")
                            : sink_mysql_exec(&sm->conn, "claim partitions (sluice.claims)",
                                              sql->data, sql->len, err);
    cdc_buffer_reset(sql);
    return rc;
}

/* The first column of the first row; 0: none, or NULL. */
static cdc_rc sink_mysql_claim_ask(sink_mysql_handle *sm, cdc_buffer *sql, uint64_t *out,
                                   cdc_error *err)
{
    MYSQL_RES *res = NULL;
    cdc_rc rc = sink_mysql_query(&sm->conn, "read sluice.claims", sql->data, sql->len, &res, err);
    cdc_buffer_reset(sql);
    if (rc == CDC_OK) {
        MYSQL_ROW row = mysql_fetch_row(res);
        *out = row != NULL && row[0] != NULL ? strtoull(row[0], NULL, 10) : 0;
        mysql_free_result(res);
    }
    return rc;
}

/* A lock that a session's connection holds as long as it lives: it tells which one that is. */
static void sink_mysql_add_session_lock(cdc_buffer *sql, const sink_mysql_handle *sm,
                                        uint64_t token)
{
    cdc_buffer_add_str(sql, "CONCAT('sluice.',LEFT(SHA2(");
    sink_mysql_add_task(sql, sm);
    cdc_buffer_addf(sql, ",256),32),'.%llu')", (unsigned long long)token);
}

/* topic='a' AND part IN (0,1) OR topic='b' AND part IN (3): the array is in the topics' order. */
static void sink_mysql_add_parts(cdc_buffer *sql, const cdc_offset *parts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        bool same = i > 0 && strcmp(parts[i].topic, parts[i - 1].topic) == 0;
        if (!same) {
            cdc_buffer_add_str(sql, i > 0 ? ") OR c.topic=" : "c.topic=");
            sink_mysql_add_text(sql, parts[i].topic, strlen(parts[i].topic));
        }
        cdc_buffer_addf(sql, same ? ",%d" : " AND c.part IN (%d", parts[i].partition);
    }
    cdc_buffer_add_char(sql, ')');
}

/* --- the claim --- */

static cdc_rc sink_mysql_claim_table(sink_mysql_handle *sm, cdc_buffer *sql, cdc_error *err)
{
    uint64_t there = 0;
    cdc_buffer_add_str(sql, "SELECT COUNT(*) FROM information_schema.TABLES WHERE "
                            "TABLE_SCHEMA='sluice' AND TABLE_NAME='claims'");
    cdc_rc rc = sink_mysql_claim_ask(sm, sql, &there, err);
    if (rc == CDC_OK && there == 0) {
        cdc_buffer_add_str(sql, CREATE_CLAIMS);
        rc = sink_mysql_claim_run(sm, sql, err);
    }
    return rc;
}

/* The counter's row lock lets one process of the task claim at a time. */
static cdc_rc sink_mysql_claim_token(sink_mysql_handle *sm, cdc_buffer *sql, uint64_t *token,
                                     cdc_error *err)
{
    uint64_t got = 0;
    cdc_buffer_add_str(sql, "INSERT INTO sluice.claims (task, topic, part, token, claimed_at) "
                            "VALUES (");
    sink_mysql_add_task(sql, sm);
    cdc_buffer_add_str(sql, ",'#tokens',0,1,NOW(3)) ON DUPLICATE KEY UPDATE token=token+1");
    cdc_rc rc = sink_mysql_claim_run(sm, sql, err);
    if (rc == CDC_OK) {
        cdc_buffer_add_str(sql, "SELECT token FROM sluice.claims WHERE topic='#tokens' AND part=0 "
                                "AND task=");
        sink_mysql_add_task(sql, sm);
        rc = sink_mysql_claim_ask(sm, sql, token, err);
    }
    if (rc == CDC_OK) {
        cdc_buffer_add_str(sql, "SELECT GET_LOCK(");
        sink_mysql_add_session_lock(sql, sm, *token);
        cdc_buffer_add_str(sql, ",0)");
        rc = sink_mysql_claim_ask(sm, sql, &got, err);
    }
    return rc;
}

/* A session that has not ended, of a process that is stopped, cut off, or slow: its connection
 * would keep its locks. One that executes a definition change is let be: that is waited for. */
static cdc_rc sink_mysql_end_session(sink_mysql_handle *sm, cdc_buffer *sql, uint64_t token,
                                     cdc_error *err)
{
    uint64_t connection = 0;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    cdc_buffer_add_str(sql, "SELECT NULLIF(IS_USED_LOCK(");
    sink_mysql_add_session_lock(sql, sm, token);
    cdc_buffer_add_str(sql, "), IFNULL(IS_USED_LOCK");
    sink_mysql_add_ddl_lock(sql, sm);
    cdc_buffer_add_str(sql, "),0))");
    cdc_rc rc = sink_mysql_claim_ask(sm, sql, &connection, err);
    if (rc == CDC_OK && connection > 0) {
        CDC_LOG(CDC_LOG_WARN, "claim", CDC_NUM("ends_connection", connection),
                CDC_STR("why", "a process of the group had not given back a partition that the "
                               "group has given to this one"));
        cdc_buffer_addf(sql, "KILL %llu", (unsigned long long)connection);
        /* It may have ended by itself meanwhile. */
        if (sink_mysql_exec(&sm->conn, "end a connection", sql->data, sql->len, &ignored) ==
            CDC_RETRY) {
            rc = sink_mysql_fail(&sm->conn, "end a connection", err);
        }
        cdc_buffer_reset(sql);
    }
    if (rc == CDC_OK) {
        cdc_buffer_add_str(sql, "DELETE FROM sluice.claims WHERE topic='#session' AND task=");
        sink_mysql_add_task(sql, sm);
        cdc_buffer_addf(sql, " AND part=%llu", (unsigned long long)token);
        rc = sink_mysql_claim_run(sm, sql, err);
    }
    return rc;
}

static cdc_rc sink_mysql_end_sessions(sink_mysql_handle *sm, cdc_buffer *sql,
                                      const cdc_offset *parts, uint32_t n, cdc_error *err)
{
    MYSQL_RES *res = NULL;
    cdc_buffer_add_str(sql, "SELECT DISTINCT c.token FROM sluice.claims AS c JOIN sluice.claims AS "
                            "s ON s.task=c.task AND s.topic='#session' AND s.part=c.token WHERE "
                            "c.task=");
    sink_mysql_add_task(sql, sm);
    cdc_buffer_add_str(sql, " AND (");
    sink_mysql_add_parts(sql, parts, n);
    cdc_buffer_add_char(sql, ')');
    cdc_rc rc = sink_mysql_query(&sm->conn, "read sluice.claims", sql->data, sql->len, &res, err);
    cdc_buffer_reset(sql);
    if (rc != CDC_OK) {
        return rc;
    }
    for (MYSQL_ROW row; rc == CDC_OK && (row = mysql_fetch_row(res)) != NULL;) {
        rc = sink_mysql_end_session(sm, sql, strtoull(row[0], NULL, 10), err);
    }
    mysql_free_result(res);
    return rc;
}

static void sink_mysql_add_claim(cdc_buffer *sql, const sink_mysql_handle *sm, const char *topic,
                                 uint64_t part, uint64_t token)
{
    cdc_buffer_add_char(sql, '(');
    sink_mysql_add_task(sql, sm);
    cdc_buffer_add_char(sql, ',');
    sink_mysql_add_text(sql, topic, strlen(topic));
    cdc_buffer_addf(sql, ",%llu,%llu,NOW(3))", (unsigned long long)part, (unsigned long long)token);
}

cdc_rc sink_mysql_claim_parts(sink_mysql_handle *sm, const cdc_offset *parts, uint32_t n,
                              cdc_error *err)
{
    uint64_t token = 0;
    cdc_buffer sql;
    if (n == 0) {
        return CDC_OK; /* nothing will be committed */
    }
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_rc rc = sink_mysql_claim_table(sm, &sql, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_claim_token(sm, &sql, &token, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_end_sessions(sm, &sql, parts, n, err);
    }
    if (rc == CDC_OK) {
        cdc_buffer_add_str(&sql, "INSERT INTO sluice.claims (task, topic, part, token, claimed_at) "
                                 "VALUES ");
        sink_mysql_add_claim(&sql, sm, "#session", token, token);
        for (uint32_t i = 0; i < n; i++) {
            cdc_buffer_add_char(&sql, ',');
            sink_mysql_add_claim(&sql, sm, parts[i].topic, (uint64_t)parts[i].partition, token);
        }
        cdc_buffer_add_str(&sql, " ON DUPLICATE KEY UPDATE token=VALUES(token), "
                                 "claimed_at=VALUES(claimed_at)");
        rc = sink_mysql_claim_run(sm, &sql, err);
    }
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        rc = sink_mysql_exec(&sm->conn, "commit", "COMMIT", 6, err);
    }
    sm->token = rc == CDC_OK ? token : 0;
    return rc;
}

/* --- the fence --- */

void sink_mysql_add_claim_join(cdc_buffer *sql, const sink_mysql_handle *sm)
{
    if (sm->group) {
        cdc_buffer_add_str(sql, " JOIN sluice.claims AS c ON c.task=a.task");
    }
}

void sink_mysql_add_claim_where(cdc_buffer *sql, const sink_mysql_handle *sm)
{
    if (sm->group) {
        cdc_buffer_addf(sql, " AND c.topic='#session' AND c.part=%llu",
                        (unsigned long long)sm->token);
    }
}

cdc_rc sink_mysql_claim_lost(sink_mysql_handle *sm, bool *lost, cdc_error *err)
{
    uint64_t there = 0;
    cdc_buffer sql;
    *lost = false;
    if (sm->token == 0) {
        return CDC_OK;
    }
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT COUNT(*) FROM sluice.claims WHERE topic='#session' AND task=");
    sink_mysql_add_task(&sql, sm);
    cdc_buffer_addf(&sql, " AND part=%llu LOCK IN SHARE MODE", (unsigned long long)sm->token);
    cdc_rc rc = sink_mysql_claim_ask(sm, &sql, &there, err);
    cdc_buffer_fini(&sql);
    *lost = rc == CDC_OK && there == 0;
    return rc;
}

#include "dump.h"

#define TEXT_MAX (16U << 20)
#define FLAG_HEARTBEAT_V2 2U /* heartbeats with a position of 64 bits */
#define HEARTBEAT_V2_VERSION 80026U

/* Both spellings of each variable: MySQL from 8.4 on reads source_*, others master_*. Without the
 * checksum variable MySQL ends the stream. The backlog may have to wait for Kafka: the server shall
 * not give up sending. */
static cdc_rc set_session(src_mysql_connection *conn, cdc_error *err)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32', "
             "@master_heartbeat_period = %lld, @source_heartbeat_period = %lld, "
             "@slave_uuid = UUID(), @replica_uuid = @slave_uuid, net_write_timeout = 31536000",
             SRC_MYSQL_HEARTBEAT_MS * 1000000LL, SRC_MYSQL_HEARTBEAT_MS * 1000000LL);
    return src_mysql_execute(conn, sql, err);
}

static cdc_rc set_mariadb_session(src_mysql_connection *conn, const src_mysql_gtid_set *executed,
                                  cdc_error *err)
{
    cdc_rc rc = src_mysql_execute(conn, "SET @mariadb_slave_capability = 4", err);
    if (rc != CDC_OK || executed == NULL) {
        return rc;
    }
    cdc_buffer sql;
    cdc_buffer_init(&sql, TEXT_MAX);
    cdc_buffer_add_str(&sql, "SET @slave_connect_state = '");
    src_mysql_gtid_set_print(executed, &sql);
    cdc_buffer_add_str(&sql, "', @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0");
    rc = src_mysql_execute(conn, cdc_buffer_cstr(&sql), err);
    cdc_buffer_fini(&sql);
    return rc;
}

cdc_rc src_mysql_dump_open(src_mysql_raw_stream **out, src_mysql_connection *conn,
                           uint32_t server_id, const src_mysql_gtid_set *executed,
                           const src_mysql_log_pos *at, cdc_error *err)
{
    *out = NULL;
    cdc_rc rc = set_session(conn, err);
    if (rc == CDC_OK && conn->is_mariadb) {
        rc = set_mariadb_session(conn, executed, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    src_mysql_raw_request request = {.file = "", .pos = 4, .server_id = server_id};
    if (!conn->is_mariadb && conn->version >= HEARTBEAT_V2_VERSION) {
        request.flags = FLAG_HEARTBEAT_V2; /* to MariaDB it would mean ANNOTATE_ROWS */
    }
    cdc_buffer set;
    cdc_buffer_init(&set, TEXT_MAX);
    if (executed == NULL) {
        request.file = at->file;
        request.pos = at->pos;
        if (at->pos > UINT32_MAX) {
            return cdc_error_set(err, CDC_FATAL, "mysql_position",
                                 "position %s:%llu cannot be asked for without GTIDs: the protocol "
                                 "ends at 4 GB",
                                 at->file, (unsigned long long)at->pos);
        }
    } else if (!conn->is_mariadb) {
        src_mysql_gtid_set_encode(executed, &set);
        request.gtid_set = cdc_buffer_cstr(&set);
        request.gtid_set_len = set.len;
    }
    rc = src_mysql_raw_open(out, conn->mysql, &request);
    if (rc != CDC_OK) {
        rc = src_mysql_connection_error(conn, "cannot ask for the binary log", err);
        rc = rc == CDC_OK ? CDC_RETRY : rc;
    }
    cdc_buffer_fini(&set);
    return rc;
}

typedef struct explanation {
    const char *in_text; /* part of the server's message */
    const char *code;
    const char *cure;
} explanation;

/* The forms of error 1236 (ER_MASTER_FATAL_ERROR_READING_BINLOG); the first that fits. */
static const explanation explanations[] = {
    {"purged", "mysql_purged",
     "changes are lost; start the task again with a full copy under a new name, and keep logs "
     "longer "
     "(binlog_expire_logs_seconds)"},
    {"Could not find first log", "mysql_purged",
     "that log file was purged or never was on this server; start the task again with a full copy "
     "under a new name"},
    {"Could not find GTID state", "mysql_purged",
     "the logs with these transactions were purged; start the task again with a full copy under a "
     "new "
     "name"},
    {"not in the master's binlog", "mysql_gtid_diverged",
     "this server never had that transaction, or lost it in a failover; point source.hosts at a "
     "server "
     "that has it"},
    {"has more GTIDs", "mysql_gtid_diverged",
     "this server lacks transactions that were captured already, as after a failover that lost "
     "them; "
     "point source.hosts at a server that has them"},
    {"same server_", "mysql_server_id",
     "another replica uses our id; set source.server_id to one of its own, or 0"},
    {"could not find next log", "mysql_log_reset",
     "the server's log was reset (RESET BINARY LOGS AND GTIDS, RESET MASTER) while it was read; "
     "start the task again with a full copy under a new name"},
    {"position > file size", "mysql_position", "the position is behind the end of that log"},
    {"exceeded max_allowed_packet", "mysql_position",
     "the position is not the beginning of an event, or an event is larger than the server's "
     "max_allowed_packet"},
    {"", "mysql_binlog", "the server cannot go on reading its log"},
};

static const explanation *explain(const char *text)
{
    const explanation *why = explanations;
    while (why->in_text[0] != '\0' && strstr(text, why->in_text) == NULL) {
        why++;
    }
    return why;
}

cdc_rc src_mysql_dump_error(src_mysql_connection *conn, cdc_rc fetched, const src_mysql_log_pos *at,
                            cdc_error *err)
{
    unsigned code = mysql_errno(conn->mysql);
    if (fetched == CDC_EOF || code == 0) {
        return cdc_error_set(
            err, CDC_RETRY, "mysql_stream_end",
            "server %s ended the stream at %s:%llu (it is shutting down, or another "
            "replica took our server id)",
            conn->name, at->file, (unsigned long long)at->pos);
    }
    if (code == 1236) {
        const explanation *why = explain(mysql_error(conn->mysql));
        return cdc_error_refuse(err, why->code,
                                "cannot read the binary log of %s at %s:%llu: %s (%s)", conn->name,
                                at->file[0] != '\0' ? at->file : "its GTID position",
                                (unsigned long long)at->pos, why->cure, mysql_error(conn->mysql));
    }
    if (code == 1227 || code == 1045) {
        return cdc_error_refuse(
            err, "mysql_privilege",
            "the account lacks REPLICATION SLAVE at server %s: GRANT REPLICATION "
            "SLAVE ON *.* TO %s",
            conn->name, conn->account);
    }
    (void)src_mysql_connection_error(conn, "reading the binary log", err);
    return cdc_error_context(err, "at %s:%llu", at->file, (unsigned long long)at->pos);
}

#include "server_checks.h"

#include <strings.h>
#include <sys/random.h>

#include "checks.h"
#include "core/table.h"

#define TEXT_MAX (1U << 20)
#define RETENTION_S 86400 /* what a binary log should be kept for */

/* SHOW MASTER STATUS went away in MySQL 8.4, the new name came in 8.2 */
static const char *log_status(const src_mysql_connection *conn, const src_mysql_server *server)
{
    return !server->is_mariadb && conn->version >= 80200 ? "SHOW BINARY LOG STATUS"
                                                         : "SHOW MASTER STATUS";
}

/* --- settings --- */

static const char *const setting_names[] = {
    "log_bin",
    "binlog_format",
    "binlog_row_image",
    "binlog_row_metadata",
    "binlog_expire_logs_seconds",
    "log_replica_updates",
    "log_slave_updates",
    "gtid_mode",
    "server_id",
    "server_uuid",
    "version",
};

enum { NSETTINGS = sizeof(setting_names) / sizeof(setting_names[0]) };

/* One server under inspection. */
typedef struct inspection {
    src_mysql_connection *conn;
    src_mysql_server *server;
    cdc_checklist *list;
    MYSQL_RES *settings;
} inspection;

static cdc_rc read_settings(inspection *in, cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, TEXT_MAX);
    cdc_buffer_add_str(&sql, "SHOW GLOBAL VARIABLES WHERE Variable_name IN (''");
    for (size_t i = 0; i < NSETTINGS; i++) {
        cdc_buffer_addf(&sql, ",'%s'", setting_names[i]);
    }
    cdc_buffer_add_str(&sql, ")");
    cdc_rc rc = src_mysql_select(in->conn, cdc_buffer_cstr(&sql), &in->settings, err);
    cdc_buffer_fini(&sql);
    return rc;
}

/* NULL: the server does not know it. */
static const char *setting(const inspection *in, const char *name)
{
    mysql_data_seek(in->settings, 0);
    for (MYSQL_ROW row; (row = mysql_fetch_row(in->settings)) != NULL;) {
        if (strcasecmp(row[0], name) == 0) {
            return row[1] != NULL ? row[1] : "";
        }
    }
    return NULL;
}

/* MySQL keeps a persisted value over restarts; MariaDB needs its option file for that. */
static const char *set_word(const inspection *in)
{
    return in->conn->is_mariadb ? "SET GLOBAL" : "SET PERSIST";
}

static void note_server(inspection *in)
{
    src_mysql_server *server = in->server;
    const char *id = setting(in, "server_id");
    const char *uuid = setting(in, "server_uuid");
    const char *gtid_mode = setting(in, "gtid_mode");
    const char *version = setting(in, "version");
    memset(server, 0, sizeof(*server));
    server->is_mariadb = in->conn->is_mariadb;
    server->server_id = id != NULL ? (uint32_t)strtoul(id, NULL, 10) : 0;
    server->has_gtids =
        server->is_mariadb || (gtid_mode != NULL && strcasecmp(gtid_mode, "ON") == 0);
    snprintf(server->version, sizeof(server->version), "%s", version != NULL ? version : "");
    if (!server->is_mariadb && uuid != NULL) {
        snprintf(server->identity, sizeof(server->identity), "%s", uuid);
    } else {
        snprintf(server->identity, sizeof(server->identity), "server-%u", server->server_id);
    }
}

static void check_version(inspection *in)
{
    bool old = in->conn->version < (in->conn->is_mariadb ? 100500 : 80001);
    cdc_checklist_add(in->list, "source_version", old ? CDC_CHECK_FAIL : CDC_CHECK_PASS,
                      in->conn->name, "%s %s%s", in->conn->is_mariadb ? "MariaDB" : "MySQL",
                      in->server->version,
                      old ? " has no binlog_row_metadata; capture needs at least MySQL 8.0.1 or "
                            "MariaDB 10.5"
                          : "");
    if (old) {
        cdc_checklist_cure(in->list, "capture from a newer server, for example a replica of it");
    }
}

/* A variable that must have a value. bad: what it is otherwise. */
static void check_value(inspection *in, const char *item, const char *variable, const char *want,
                        cdc_check_status bad)
{
    const char *value = setting(in, variable);
    if (value == NULL || strcasecmp(value, want) == 0) {
        cdc_checklist_add(in->list, item, CDC_CHECK_PASS, in->conn->name, "%s is %s", variable,
                          want);
        return;
    }
    cdc_checklist_add(
        in->list, item, bad, in->conn->name,
        "%s is \"%s\", capture %s \"%s\" (sessions that are open keep their old value)", variable,
        value, bad == CDC_CHECK_FAIL ? "needs" : "is safer with", want);
    cdc_checklist_cure(in->list, "%s %s = '%s'", set_word(in), variable, want);
}

static void check_log_bin(inspection *in)
{
    const char *value = setting(in, "log_bin");
    bool on = value != NULL && strcasecmp(value, "ON") == 0;
    cdc_checklist_add(in->list, "source_log_bin", on ? CDC_CHECK_PASS : CDC_CHECK_FAIL,
                      in->conn->name, on ? "log_bin is ON" : "log_bin is OFF");
    if (!on) {
        cdc_checklist_cure(
            in->list, "set log_bin=binlog in the server's configuration and restart the server");
    }
}

/* MySQL removes a log after 30 days by default, MariaDB never (0). */
static void check_retention(inspection *in)
{
    const char *value = setting(in, "binlog_expire_logs_seconds");
    long long seconds = value != NULL ? strtoll(value, NULL, 10) : 0;
    if (seconds == 0 || seconds >= RETENTION_S) {
        cdc_checklist_add(in->list, "source_log_retention", CDC_CHECK_PASS, in->conn->name,
                          "binlog_expire_logs_seconds is %lld%s", seconds,
                          seconds == 0 ? ": binary logs are not removed by age" : "");
        return;
    }
    cdc_checklist_add(in->list, "source_log_retention", CDC_CHECK_WARN, in->conn->name,
                      "binary logs are removed after %lld seconds; a task that stands still for "
                      "longer must begin anew",
                      seconds);
    cdc_checklist_cure(in->list, "%s binlog_expire_logs_seconds = %d", set_word(in), RETENTION_S);
}

/* --- privileges --- */

static cdc_rc read_lines(src_mysql_connection *conn, const char *sql, cdc_grants *grants,
                         cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(conn, sql, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (MYSQL_ROW row; (row = mysql_fetch_row(res)) != NULL;) {
        cdc_grants_add(grants, row[0] != NULL ? row[0] : "");
    }
    mysql_free_result(res);
    return CDC_OK;
}

/* MySQL tells the privileges of the active roles only when they are named. */
cdc_rc src_mysql_server_grants(src_mysql_connection *conn, cdc_grants *grants, cdc_error *err)
{
    cdc_rc rc = read_lines(conn, "SHOW GRANTS", grants, err);
    if (rc != CDC_OK || !grants->roles || conn->is_mariadb) {
        return rc;
    }
    cdc_buffer sql;
    cdc_buffer_init(&sql, TEXT_MAX);
    cdc_buffer_add_str(&sql, "SHOW GRANTS FOR CURRENT_USER() USING ");
    size_t head = sql.len;
    rc = src_mysql_select_text(conn, "SELECT CURRENT_ROLE()", &sql, err);
    bool none = sql.len == head || strcmp(cdc_buffer_cstr(&sql) + head, "NONE") == 0;
    if (rc == CDC_OK && !none) {
        rc = read_lines(conn, cdc_buffer_cstr(&sql), grants, err);
    }
    cdc_buffer_fini(&sql);
    return rc;
}

/* One FAIL for an object on which privileges lack, with the GRANT. */
static void check_grant(inspection *in, const cdc_grants *grants, const char *privileges,
                        const char *database)
{
    char missing[200];
    char on[300];
    if (cdc_grants_missing(grants, privileges, database, "*", missing, sizeof(missing)) == 0) {
        return;
    }
    snprintf(on, sizeof(on), strcmp(database, "*") == 0 ? "%s.*" : "`%s`.*", database);
    cdc_checklist_add(in->list, "source_privileges", CDC_CHECK_FAIL, in->conn->name,
                      "the account lacks %s on %s", missing, on);
    cdc_checklist_cure(in->list, "GRANT %s ON %s TO %s", missing, on, in->conn->account);
}

static void check_replication_grants(inspection *in, const cdc_grants *grants)
{
    bool monitor = cdc_grants_has(grants, "BINLOG MONITOR", "*", "*"); /* MariaDB's name */
    check_grant(in, grants, monitor ? "REPLICATION SLAVE" : "REPLICATION SLAVE, REPLICATION CLIENT",
                "*");
}

/* SELECT on what a pattern names. Tables that the account may not see would be missing from the
 * copy without a word. */
static void check_select_grant(inspection *in, const cdc_grants *grants, const char *pattern)
{
    const char *dot = strchr(pattern, '.');
    char database[CDC_TABLE_NAME_MAX + 1];
    snprintf(database, sizeof(database), "%.*s",
             dot != NULL ? (int)(dot - pattern) : (int)strlen(pattern), pattern);
    if (dot == NULL || strpbrk(database, "*?") != NULL) {
        check_grant(in, grants, "SELECT", "*");
    } else if (strpbrk(dot, "*?") != NULL || !cdc_grants_has(grants, "SELECT", database, dot + 1)) {
        check_grant(in, grants, "SELECT", database);
    }
}

static void check_select_grants(inspection *in, const cdc_grants *grants, const cdc_config *cfg)
{
    for (size_t i = 0; i < cdc_config_count(cfg, "objects.include"); i++) {
        check_select_grant(in, grants, cdc_config_item(cfg, "objects.include", i));
    }
}

/* --- GTIDs --- */

static void check_gtids(inspection *in, cdc_check_status without, const char *why)
{
    if (in->server->has_gtids || without == CDC_CHECK_PASS) {
        cdc_checklist_add(in->list, "source_gtid_mode", CDC_CHECK_PASS, in->conn->name,
                          in->server->has_gtids ? "GTIDs are on" : "GTIDs are off, and not needed");
        return;
    }
    cdc_checklist_add(in->list, "source_gtid_mode", without, in->conn->name, "GTIDs are off, %s",
                      why);
    cdc_checklist_cure(in->list,
                       "without a restart, one after the other: SET PERSIST "
                       "enforce_gtid_consistency = ON; SET PERSIST gtid_mode = OFF_PERMISSIVE; SET "
                       "PERSIST gtid_mode = ON_PERMISSIVE; wait until SHOW STATUS LIKE "
                       "'Ongoing_anonymous_transaction_count' is 0; SET PERSIST gtid_mode = ON");
}

/* --- the inspections --- */

static cdc_rc begin(inspection *in, src_mysql_connection *conn, src_mysql_server *server,
                    cdc_checklist *list, cdc_error *err)
{
    *in = (inspection){.conn = conn, .server = server, .list = list};
    return read_settings(in, err);
}

cdc_rc src_mysql_server_inspect(src_mysql_connection *conn, src_mysql_server *server,
                                cdc_checklist *list, cdc_error *err)
{
    inspection in;
    cdc_grants grants;
    cdc_grants_init(&grants);
    cdc_rc rc = begin(&in, conn, server, list, err);
    if (rc == CDC_OK) {
        note_server(&in);
        check_version(&in);
        check_log_bin(&in);
        check_value(&in, "source_binlog_format", "binlog_format", "ROW", CDC_CHECK_FAIL);
        check_value(&in, "source_row_image", "binlog_row_image", "FULL", CDC_CHECK_FAIL);
        check_value(&in, "source_row_metadata", "binlog_row_metadata", "FULL", CDC_CHECK_WARN);
        rc = src_mysql_server_grants(conn, &grants, err);
    }
    if (rc == CDC_OK) {
        check_replication_grants(&in, &grants);
    }
    mysql_free_result(in.settings);
    cdc_grants_fini(&grants);
    return rc;
}

cdc_rc src_mysql_server_inspect_copy(src_mysql_connection *conn, src_mysql_server *server,
                                     const cdc_config *cfg, cdc_checklist *list, cdc_error *err)
{
    inspection in = {.conn = conn, .server = server, .list = list};
    cdc_grants grants;
    cdc_grants_init(&grants);
    check_gtids(&in, CDC_CHECK_FAIL, "the full copy needs them, or source.start: now");
    cdc_rc rc = src_mysql_server_grants(conn, &grants, err);
    if (rc == CDC_OK) {
        check_select_grants(&in, &grants, cfg);
    }
    cdc_grants_fini(&grants);
    return rc;
}

static bool logs_what_it_replicates(const inspection *in)
{
    const char *logs = setting(in, "log_replica_updates");
    logs = logs != NULL ? logs : setting(in, "log_slave_updates");
    return logs == NULL || strcasecmp(logs, "ON") == 0;
}

/* MariaDB tells replicas only to accounts that have SLAVE MONITOR; a position that was replicated
 * before shows to all. */
static cdc_rc ask_replica(inspection *in, cdc_check_status *bad, bool *is_replica, cdc_error *err)
{
    bool renamed = !in->conn->is_mariadb && in->conn->version >= 80022;
    MYSQL_RES *res;
    cdc_buffer position;
    *bad = CDC_CHECK_FAIL;
    cdc_rc rc = src_mysql_select(in->conn, renamed ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS",
                                 &res, err);
    if (rc == CDC_OK) {
        *is_replica = mysql_num_rows(res) > 0;
        mysql_free_result(res);
    }
    if (rc != CDC_FATAL || !in->conn->is_mariadb) {
        return rc;
    }
    *bad = CDC_CHECK_WARN;
    cdc_buffer_init(&position, TEXT_MAX);
    rc = src_mysql_select_text(in->conn, "SELECT @@GLOBAL.gtid_slave_pos", &position, err);
    *is_replica = position.len > 0;
    cdc_buffer_fini(&position);
    return rc;
}

static cdc_rc check_replica(inspection *in, cdc_error *err)
{
    cdc_check_status bad;
    bool is_replica = false;
    cdc_rc rc = ask_replica(in, &bad, &is_replica, err);
    if (rc != CDC_OK) {
        return rc;
    }
    bool lacks = is_replica && !logs_what_it_replicates(in);
    cdc_checklist_add(in->list, "source_replica", lacks ? bad : CDC_CHECK_PASS, in->conn->name,
                      lacks        ? "it is, or was, a replica that does not log what it replicates"
                      : is_replica ? "it is a replica that logs what it replicates"
                                   : "it is no replica");
    if (lacks) {
        cdc_checklist_cure(in->list,
                           "set log_%s_updates=ON in the server's configuration and restart the "
                           "server",
                           in->conn->is_mariadb ? "slave" : "replica");
    }
    return CDC_OK;
}

static cdc_rc check_binlog_filter(inspection *in, cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(in->conn, log_status(in->conn, in->server), &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_num_fields(res) > 3 ? mysql_fetch_row(res) : NULL;
    const char *kept = row != NULL && row[2] != NULL ? row[2] : "";
    const char *left_out = row != NULL && row[3] != NULL ? row[3] : "";
    bool bad = kept[0] != '\0' || left_out[0] != '\0';
    cdc_checklist_add(in->list, "source_binlog_filter", bad ? CDC_CHECK_FAIL : CDC_CHECK_PASS,
                      in->conn->name, "binlog_do_db is \"%s\", binlog_ignore_db is \"%s\"", kept,
                      left_out);
    if (bad) {
        cdc_checklist_cure(in->list, "take binlog_do_db and binlog_ignore_db out of the server's "
                                     "configuration and restart the server");
    }
    mysql_free_result(res);
    return CDC_OK;
}

static cdc_rc check_clock(inspection *in, cdc_error *err)
{
    cdc_buffer text;
    cdc_buffer_init(&text, TEXT_MAX);
    cdc_rc rc = src_mysql_select_text(
        in->conn, "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)", &text, err);
    if (rc == CDC_OK) {
        cdc_checklist_clock(in->list, "source_clock", in->conn->name,
                            strtoll(cdc_buffer_cstr(&text), NULL, 10));
    }
    cdc_buffer_fini(&text);
    return rc;
}

/* What is good to know beside what a start needs. */
static cdc_rc check_surroundings(inspection *in, cdc_error *err)
{
    check_retention(in);
    cdc_rc rc = check_replica(in, err);
    if (rc == CDC_OK && !cdc_checklist_has(in->list, "source_log_bin")) {
        rc = check_binlog_filter(in, err);
    }
    if (rc == CDC_FATAL && cdc_checklist_has(in->list, "source_privileges")) {
        rc = CDC_OK; /* denied: that is said already */
    }
    return rc == CDC_OK ? check_clock(in, err) : rc;
}

cdc_rc src_mysql_server_inspect_wholly(src_mysql_connection *conn, src_mysql_server *server,
                                       const cdc_task *task, cdc_checklist *list, cdc_error *err)
{
    inspection in;
    bool copies = task->phase_full || task->phase_schema;
    bool several = cdc_config_count(task->cfg, "source.hosts") > 1;
    cdc_rc rc = src_mysql_server_inspect(conn, server, list, err);
    if (rc == CDC_OK && copies) {
        rc = src_mysql_server_inspect_copy(conn, server, task->cfg, list, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    rc = begin(&in, conn, server, list, err);
    if (rc == CDC_OK && !copies) {
        check_gtids(&in, several ? CDC_CHECK_WARN : CDC_CHECK_PASS,
                    "so the task cannot go on at another server of source.hosts");
    }
    if (rc == CDC_OK) {
        rc = check_surroundings(&in, err);
    }
    mysql_free_result(in.settings);
    if (rc == CDC_OK && !cdc_checklist_has(list, "source_privileges")) {
        cdc_checklist_add(list, "source_privileges", CDC_CHECK_PASS, conn->name,
                          "%s has what it needs", conn->account);
    }
    return rc;
}

/* --- for a start --- */

static const cdc_check *const tables[] = {src_mysql_checks, NULL};

cdc_rc src_mysql_server_check(src_mysql_connection *conn, src_mysql_server *server, cdc_error *err)
{
    cdc_checklist list;
    cdc_checklist_init(&list, tables);
    cdc_rc rc = src_mysql_server_inspect(conn, server, &list, err);
    rc = rc == CDC_OK ? cdc_checklist_verdict(&list, err) : rc;
    cdc_checklist_fini(&list);
    return rc;
}

cdc_rc src_mysql_server_check_copy(src_mysql_connection *conn, src_mysql_server *server,
                                   const cdc_config *cfg, cdc_error *err)
{
    cdc_checklist list;
    cdc_checklist_init(&list, tables);
    cdc_rc rc = src_mysql_server_inspect_copy(conn, server, cfg, &list, err);
    rc = rc == CDC_OK ? cdc_checklist_verdict(&list, err) : rc;
    cdc_checklist_fini(&list);
    return rc;
}

/* --- positions --- */

cdc_rc src_mysql_server_log_end(src_mysql_connection *conn, const src_mysql_server *server,
                                src_mysql_log_pos *end, cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(conn, log_status(conn, server), &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row == NULL || row[0] == NULL || row[1] == NULL) {
        rc = cdc_error_refuse(err, "source_log_bin",
                              "server %s writes no binary log (it shows no log position)",
                              conn->name);
    } else {
        snprintf(end->file, sizeof(end->file), "%s", row[0]);
        end->pos = strtoull(row[1], NULL, 10);
    }
    mysql_free_result(res);
    return rc;
}

cdc_rc src_mysql_server_executed(src_mysql_connection *conn, const src_mysql_server *server,
                                 cdc_buffer *out, cdc_error *err)
{
    return src_mysql_select_text(conn,
                                 server->is_mariadb ? "SELECT @@GLOBAL.gtid_binlog_pos"
                                                    : "SELECT @@GLOBAL.gtid_executed",
                                 out, err);
}

cdc_rc src_mysql_server_check_file(src_mysql_connection *conn, const src_mysql_log_pos *at,
                                   cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(conn, "SHOW BINARY LOGS", &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    char oldest[SRC_MYSQL_FILE_MAX + 1] = "none";
    bool found = false;
    bool first = true;
    uint64_t size = 0;
    for (MYSQL_ROW row = mysql_fetch_row(res); row != NULL; row = mysql_fetch_row(res)) {
        if (first) {
            snprintf(oldest, sizeof(oldest), "%s", row[0]);
            first = false;
        }
        if (strcmp(row[0], at->file) == 0) {
            found = true;
            size = strtoull(row[1], NULL, 10);
        }
    }
    mysql_free_result(res);
    if (!found) {
        return cdc_error_refuse(
            err, "mysql_purged",
            "binary log %s is not at server %s any more (its oldest is %s): changes "
            "are lost; start the task again with a full copy under a new name, and "
            "keep logs longer (binlog_expire_logs_seconds)",
            at->file, conn->name, oldest);
    }
    if (at->pos > size) {
        return cdc_error_refuse(
            err, "mysql_position",
            "position %s:%llu is behind the end of that log (%llu) at server %s: "
            "another server, or its log was reset",
            at->file, (unsigned long long)at->pos, (unsigned long long)size, conn->name);
    }
    return CDC_OK;
}

cdc_rc src_mysql_server_check_purged(src_mysql_connection *conn, const src_mysql_server *server,
                                     const char *executed, cdc_error *err)
{
    if (server->is_mariadb) {
        return CDC_OK; /* it says so itself when the stream is opened */
    }
    cdc_buffer text;
    cdc_buffer_init(&text, TEXT_MAX);
    cdc_buffer_add_str(&text, "SELECT GTID_SUBTRACT(@@GLOBAL.gtid_purged, '");
    cdc_buffer_add_str(&text, executed); /* only what a parsed set prints: no quotes in it */
    cdc_buffer_add_str(&text, "')");
    cdc_buffer missing;
    cdc_buffer_init(&missing, TEXT_MAX);
    cdc_rc rc = src_mysql_select_text(conn, cdc_buffer_cstr(&text), &missing, err);
    if (rc == CDC_OK && missing.len > 0) {
        rc = cdc_error_refuse(
            err, "mysql_purged",
            "server %s has purged transactions that are needed from its binary "
            "logs (%s): changes are lost; start the task again with a full copy under a "
            "new name, and keep logs longer (binlog_expire_logs_seconds)",
            conn->name, cdc_buffer_cstr(&missing));
    }
    cdc_buffer_fini(&missing);
    cdc_buffer_fini(&text);
    return rc;
}

/* --- our id --- */

static bool id_in_use(src_mysql_connection *conn, uint32_t id)
{
    bool renamed = !conn->is_mariadb && conn->version >= 80022;
    if (mysql_query(conn->mysql, renamed ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS") != 0) {
        return false; /* may not be asked: 2^31 numbers make a clash unlikely enough */
    }
    MYSQL_RES *res = mysql_store_result(conn->mysql);
    bool used = false;
    if (res != NULL) {
        for (MYSQL_ROW row = mysql_fetch_row(res); row != NULL; row = mysql_fetch_row(res)) {
            used = used || (row[0] != NULL && strtoul(row[0], NULL, 10) == id);
        }
        mysql_free_result(res);
    }
    return used;
}

cdc_rc src_mysql_server_choose_id(src_mysql_connection *conn, const src_mysql_server *server,
                                  uint32_t wish, uint32_t *id, cdc_error *err)
{
    bool own = wish == server->server_id;
    if (wish != 0) {
        *id = wish;
        if (own || id_in_use(conn, wish)) {
            return cdc_error_refuse(err, "source_server_id",
                                    "source.server_id %u is used by %s server %s; take "
                                    "another one, or 0",
                                    wish, own ? "the" : "another replica of", conn->name);
        }
        return CDC_OK;
    }
    for (int tries = 0; tries < 100; tries++) {
        uint32_t random;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
            break;
        }
        *id = random | 0x80000000U;
        if (*id != UINT32_MAX && !id_in_use(conn, *id)) {
            return CDC_OK;
        }
    }
    return cdc_error_set(err, CDC_FATAL, "mysql_server_id",
                         "found no free server id; set "
                         "source.server_id");
}

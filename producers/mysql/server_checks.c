#include "server_checks.h"

#include <strings.h>
#include <sys/random.h>

#define TEXT_MAX (1U << 20)

/* --- variables --- */

typedef struct variable {
    const char *name;
    bool needed;      /* the server must know it */
    const char *want; /* required value, NULL: any */
    const char *cure;
} variable;

static const variable variables[] = {
    {"log_bin", true, "ON",
     "set log_bin=binlog in the server's configuration and restart the server"},
    {"binlog_format", false, "ROW", "SET GLOBAL binlog_format = 'ROW'"},
    {"binlog_row_image", true, "FULL", "SET GLOBAL binlog_row_image = 'FULL'"},
    {"binlog_row_metadata", true, "FULL", "SET GLOBAL binlog_row_metadata = 'FULL'"},
    {"gtid_mode", false, NULL, ""},
    {"server_id", false, NULL, ""},
    {"server_uuid", false, NULL, ""},
    {"version", true, NULL, ""},
};

enum { NVARIABLES = sizeof(variables) / sizeof(variables[0]) };

static cdc_rc check_variable(const src_mysql_connection *conn, const variable *var,
                             const char *value, cdc_error *err)
{
    if (value == NULL) {
        if (!var->needed) {
            return CDC_OK;
        }
        return cdc_error_refuse(err, "mysql_variable",
                                "server %s does not know the variable %s; it needs at least "
                                "MySQL 8.0.1 or MariaDB 10.5",
                                conn->name, var->name);
    }
    if (var->want != NULL && strcasecmp(value, var->want) != 0) {
        return cdc_error_refuse(
            err, "mysql_variable", "server %s has %s = \"%s\", capture needs \"%s\": %s%s",
            conn->name, var->name, value, var->want, var->cure,
            strncmp(var->cure, "SET", 3) == 0 ? " (sessions that are open keep their old value)"
                                              : "");
    }
    return CDC_OK;
}

static void note_variable(src_mysql_server *server, const variable *var, const char *value)
{
    if (value == NULL) {
        return;
    }
    if (strcmp(var->name, "gtid_mode") == 0) {
        server->has_gtids = strcasecmp(value, "ON") == 0;
    } else if (strcmp(var->name, "server_id") == 0) {
        server->server_id = (uint32_t)strtoul(value, NULL, 10);
        if (server->identity[0] == '\0') {
            snprintf(server->identity, sizeof(server->identity), "server-%u", server->server_id);
        }
    } else if (strcmp(var->name, "server_uuid") == 0) {
        snprintf(server->identity, sizeof(server->identity), "%s", value);
    } else if (strcmp(var->name, "version") == 0) {
        snprintf(server->version, sizeof(server->version), "%s", value);
    }
}

static cdc_rc check_variables(src_mysql_connection *conn, src_mysql_server *server, cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, TEXT_MAX);
    cdc_buffer_add_str(&sql, "SHOW GLOBAL VARIABLES WHERE Variable_name IN (''");
    for (size_t i = 0; i < NVARIABLES; i++) {
        cdc_buffer_addf(&sql, ",'%s'", variables[i].name);
    }
    cdc_buffer_add_str(&sql, ")");
    MYSQL_RES *res = NULL;
    cdc_rc rc = src_mysql_select(conn, cdc_buffer_cstr(&sql), &res, err);
    for (size_t i = 0; rc == CDC_OK && i < NVARIABLES; i++) {
        const char *value = NULL;
        mysql_data_seek(res, 0);
        for (MYSQL_ROW row = mysql_fetch_row(res); row != NULL; row = mysql_fetch_row(res)) {
            if (strcasecmp(row[0], variables[i].name) == 0) {
                value = row[1] != NULL ? row[1] : "";
            }
        }
        note_variable(server, &variables[i], value);
        rc = check_variable(conn, &variables[i], value, err);
    }
    if (res != NULL) {
        mysql_free_result(res);
    }
    cdc_buffer_fini(&sql);
    return rc;
}

/* --- privileges --- */

static cdc_rc missing_privilege(const src_mysql_connection *conn, const char *privilege,
                                const char *on, cdc_error *err)
{
    return cdc_error_refuse(err, "mysql_privilege",
                            "the account lacks %s at server %s: GRANT %s ON %s TO %s", privilege,
                            conn->name, privilege, on, conn->account);
}

static bool has_word(const char *s, size_t n, const char *word)
{
    size_t nword = strlen(word);
    for (size_t i = 0; i + nword <= n; i++) {
        if (strncasecmp(s + i, word, nword) == 0 &&
            (i == 0 || s[i - 1] == ' ' || s[i - 1] == ',') &&
            (i + nword == n || s[i + nword] == ' ' || s[i + nword] == ',')) {
            return true;
        }
    }
    return false;
}

/* Does one line of SHOW GRANTS give the privilege on `on` ("*.*", "`db`.*", "`db`.`table`")? A line
 * without ON grants a role, whose privileges are not followed: it counts as yes. */
static bool line_grants(const char *line, const char *privilege, const char *on)
{
    const char *at = strstr(line, " ON ");
    if (at == NULL) {
        return true;
    }
    size_t n = (size_t)(at - line);
    size_t non = strlen(on);
    return strncmp(at + 4, on, non) == 0 && (at[4 + non] == ' ' || at[4 + non] == '\0') &&
           (has_word(line, n, privilege) || has_word(line, n, "ALL PRIVILEGES"));
}

static bool granted(MYSQL_RES *grants, const char *privilege, const char *on)
{
    mysql_data_seek(grants, 0);
    for (MYSQL_ROW row = mysql_fetch_row(grants); row != NULL; row = mysql_fetch_row(grants)) {
        if (row[0] != NULL && line_grants(row[0], privilege, on)) {
            return true;
        }
    }
    return false;
}

static cdc_rc check_grants(src_mysql_connection *conn, cdc_error *err)
{
    MYSQL_RES *grants;
    cdc_rc rc = src_mysql_select(conn, "SHOW GRANTS", &grants, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (!granted(grants, "REPLICATION SLAVE", "*.*")) {
        rc = missing_privilege(conn, "REPLICATION SLAVE", "*.*", err);
    } else if (!granted(grants, "REPLICATION CLIENT", "*.*") &&
               !granted(grants, "BINLOG MONITOR", "*.*")) {
        rc = missing_privilege(conn, "REPLICATION CLIENT", "*.*", err);
    }
    mysql_free_result(grants);
    return rc;
}

cdc_rc src_mysql_server_check(src_mysql_connection *conn, src_mysql_server *server, cdc_error *err)
{
    memset(server, 0, sizeof(*server));
    server->is_mariadb = conn->is_mariadb;
    cdc_rc rc = check_variables(conn, server, err);
    if (server->is_mariadb) {
        server->has_gtids = true;
        snprintf(server->identity, sizeof(server->identity), "server-%u", server->server_id);
    }
    return rc != CDC_OK ? rc : check_grants(conn, err);
}

cdc_rc src_mysql_server_check_types(src_mysql_connection *conn, const src_mysql_server *server,
                                    const cdc_selection *selection, cdc_error *err)
{
    if (!server->is_mariadb) {
        return CDC_OK;
    }
    MYSQL_RES *res;
    MYSQL_ROW row;
    cdc_rc rc = src_mysql_select(
        conn,
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
        " WHERE DATA_TYPE IN ('uuid', 'inet4', 'inet6')",
        &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    while (rc == CDC_OK && (row = mysql_fetch_row(res)) != NULL) {
        if (cdc_selection_table(selection, row[0], row[1])) {
            rc = cdc_error_refuse(err, "mysql_type_unsupported",
                                  "table %s.%s, column %s: type %s is not decoded by this version; "
                                  "leave the table out (objects.exclude)",
                                  row[0], row[1], row[2], row[3]);
        }
    }
    mysql_free_result(res);
    return rc;
}

/* SELECT on *.*, or on the database, or on the table that the pattern names. Tables that the
 * account may not see would be missing from the copy without a word. */
static cdc_rc check_select(src_mysql_connection *conn, MYSQL_RES *grants, const char *pattern,
                           cdc_error *err)
{
    const char *dot = strchr(pattern, '.');
    char on[600];
    if (dot == NULL || memchr(pattern, '*', (size_t)(dot - pattern)) != NULL ||
        memchr(pattern, '?', (size_t)(dot - pattern)) != NULL) {
        return missing_privilege(conn, "SELECT", "*.*", err);
    }
    snprintf(on, sizeof(on), "`%.*s`.`%s`", (int)(dot - pattern), pattern, dot + 1);
    if (granted(grants, "SELECT", on)) {
        return CDC_OK;
    }
    snprintf(on, sizeof(on), "`%.*s`.*", (int)(dot - pattern), pattern);
    return granted(grants, "SELECT", on) ? CDC_OK : missing_privilege(conn, "SELECT", on, err);
}

cdc_rc src_mysql_server_check_copy(src_mysql_connection *conn, const src_mysql_server *server,
                                   const cdc_config *cfg, cdc_error *err)
{
    if (!server->has_gtids) {
        return cdc_error_refuse(
            err, "mysql_gtid_mode",
            "server %s has GTIDs off, the full copy needs them; switch them on without a restart, "
            "one "
            "after the other: SET GLOBAL enforce_gtid_consistency = ON; SET GLOBAL gtid_mode = "
            "OFF_PERMISSIVE; SET GLOBAL gtid_mode = ON_PERMISSIVE; wait until SHOW STATUS LIKE "
            "'Ongoing_anonymous_transaction_count' is 0; SET GLOBAL gtid_mode = ON; or use "
            "source.start: "
            "now",
            conn->name);
    }
    MYSQL_RES *grants;
    cdc_rc rc = src_mysql_select(conn, "SHOW GRANTS", &grants, err);
    if (rc != CDC_OK) {
        return rc;
    }
    bool all = granted(grants, "SELECT", "*.*");
    size_t n = cdc_config_count(cfg, "objects.include");
    for (size_t i = 0; rc == CDC_OK && !all && i < n; i++) {
        rc = check_select(conn, grants, cdc_config_item(cfg, "objects.include", i), err);
    }
    mysql_free_result(grants);
    return rc;
}

/* --- positions --- */

cdc_rc src_mysql_server_log_end(src_mysql_connection *conn, const src_mysql_server *server,
                                src_mysql_log_pos *end, cdc_error *err)
{
    /* SHOW MASTER STATUS went away in MySQL 8.4, the new name came in 8.2 */
    bool renamed = !server->is_mariadb && conn->version >= 80200;
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(conn, renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS",
                                 &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row == NULL || row[0] == NULL || row[1] == NULL) {
        rc = cdc_error_refuse(err, "mysql_variable",
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

cdc_rc src_mysql_server_choose_id(src_mysql_connection *conn, uint32_t wish, uint32_t *id,
                                  cdc_error *err)
{
    if (wish != 0) {
        *id = wish;
        if (id_in_use(conn, wish)) {
            return cdc_error_refuse(
                err, "mysql_server_id",
                "source.server_id %u is used by another replica of server %s; take "
                "another one, or 0",
                wish, conn->name);
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

#include "server_checks.h"

#include <stdlib.h>
#include <strings.h>

#include "schema/mysql_sql/server_version.h"

enum { SQL_MAX = 1024 * 1024 };

static const char OWN_PRIVILEGES[] = "SELECT, INSERT, UPDATE, DELETE, CREATE";
static const char ROW_PRIVILEGES[] =
    "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, TRIGGER";

/* --- the account --- */

void sink_mysql_account(sink_mysql_conn *conn, char *out, size_t size)
{
    static const char who[] = "SELECT CURRENT_USER()";
    cdc_error ignored;
    MYSQL_RES *res = NULL;
    snprintf(out, size, "'user'@'host'");
    cdc_error_clear(&ignored);
    if (sink_mysql_query(conn, "read the account's name", who, sizeof who - 1, &res, &ignored) !=
        CDC_OK) {
        return;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    const char *at = row != NULL && row[0] != NULL ? strrchr(row[0], '@') : NULL;
    if (at != NULL) {
        snprintf(out, size, "'%.*s'@'%s'", (int)(at - row[0]), row[0], at + 1);
    }
    mysql_free_result(res);
}

static cdc_rc sink_mysql_grant_lines(sink_mysql_conn *conn, const char *sql, cdc_grants *grants,
                                     cdc_error *err)
{
    MYSQL_RES *res = NULL;
    cdc_rc rc =
        sink_mysql_query(conn, "read the account's privileges", sql, strlen(sql), &res, err);
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
static cdc_rc sink_mysql_role_grants(sink_mysql_conn *conn, cdc_grants *grants, cdc_error *err)
{
    static const char roles[] = "SELECT CURRENT_ROLE()";
    MYSQL_RES *res = NULL;
    cdc_buffer sql;
    cdc_rc rc = sink_mysql_query(conn, "read its roles", roles, sizeof roles - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    cdc_buffer_init(&sql, SQL_MAX);
    if (row != NULL && row[0] != NULL && strcmp(row[0], "NONE") != 0) {
        cdc_buffer_addf(&sql, "SHOW GRANTS FOR CURRENT_USER() USING %s", row[0]);
        rc = sink_mysql_grant_lines(conn, cdc_buffer_cstr(&sql), grants, err);
    }
    cdc_buffer_fini(&sql);
    mysql_free_result(res);
    return rc;
}

cdc_rc sink_mysql_read_grants(sink_mysql_conn *conn, cdc_grants *grants, cdc_error *err)
{
    cdc_rc rc = sink_mysql_grant_lines(conn, "SHOW GRANTS", grants, err);
    return rc == CDC_OK && grants->roles && !conn->maria ? sink_mysql_role_grants(conn, grants, err)
                                                         : rc;
}

static void sink_mysql_check_grants(sink_mysql_conn *conn, const cdc_grants *grants,
                                    const char *privileges, const char *database, const char *item,
                                    cdc_checklist *list)
{
    char missing[256];
    char account[512];
    if (cdc_grants_missing(grants, privileges, database, "*", missing, sizeof missing) == 0) {
        return;
    }
    sink_mysql_account(conn, account, sizeof account);
    cdc_checklist_add(list, item, CDC_CHECK_FAIL, conn->where, "the account lacks %s on `%s`.*",
                      missing, database);
    cdc_checklist_cure(list, "GRANT %s ON `%s`.* TO %s", missing, database, account);
}

void sink_mysql_check_own_grants(sink_mysql_conn *conn, const cdc_grants *grants,
                                 cdc_checklist *list)
{
    sink_mysql_check_grants(conn, grants, OWN_PRIVILEGES, "sluice", "target_privileges", list);
}

void sink_mysql_check_database_grants(sink_mysql_conn *conn, const cdc_grants *grants,
                                      const char *database, cdc_checklist *list)
{
    sink_mysql_check_grants(conn, grants, ROW_PRIVILEGES, database, "target_privileges", list);
}

void sink_mysql_check_object_grants(sink_mysql_conn *conn, const cdc_grants *grants,
                                    const char *database, cdc_checklist *list)
{
    static const struct {
        const char *kind, *privileges;
    } needs[] = {
        {"VIEW", "CREATE VIEW"},
        {"FUNCTION", "CREATE ROUTINE, ALTER ROUTINE"},
        {"PROCEDURE", "CREATE ROUTINE, ALTER ROUTINE"},
        {"EVENT", "EVENT"}, /* TRIGGER is among those for rows */
    };
    char privileges[128] = "";
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (cdc_catalog_has_kind(&list->catalog, needs[i].kind) &&
            strstr(privileges, needs[i].privileges) == NULL) {
            size_t len = strlen(privileges);
            snprintf(privileges + len, sizeof privileges - len, "%s%s", len > 0 ? ", " : "",
                     needs[i].privileges);
        }
    }
    sink_mysql_check_grants(conn, grants, privileges, database, "target_objects", list);
}

cdc_rc sink_mysql_check_creators(sink_mysql_conn *conn, const cdc_grants *grants,
                                 cdc_checklist *list, cdc_error *err)
{
    static const char sql[] =
        "SELECT @@GLOBAL.log_bin AND NOT @@GLOBAL.log_bin_trust_function_creators";
    MYSQL_RES *res = NULL;
    bool makes = cdc_catalog_has_kind(&list->catalog, "FUNCTION") ||
                 cdc_catalog_has_kind(&list->catalog, "TRIGGER");
    if (!makes || cdc_grants_has(grants, "SUPER", "*", "*")) {
        return CDC_OK;
    }
    cdc_rc rc = sink_mysql_query(conn, "read its settings", sql, sizeof sql - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row != NULL && row[0] != NULL && strcmp(row[0], "0") != 0) {
        cdc_checklist_add(list, "target_objects", CDC_CHECK_FAIL, conn->where,
                          "log_bin_trust_function_creators is OFF: it takes functions and triggers "
                          "only of accounts that have SUPER, and the source has some "
                          "(schema.objects)");
        cdc_checklist_cure(list, "SET %s log_bin_trust_function_creators = 1",
                           conn->maria ? "GLOBAL" : "PERSIST");
    }
    mysql_free_result(res);
    return CDC_OK;
}

/* --- the server --- */

static void sink_mysql_check_tls(sink_mysql_conn *conn, cdc_checklist *list)
{
    const char *cipher = mysql_get_ssl_cipher(conn->my);
    bool here = strncmp(conn->host, "127.", 4) == 0 || strcmp(conn->host, "localhost") == 0 ||
                strcmp(conn->host, "::1") == 0;
    bool plain = cipher == NULL && !here;
    cdc_checklist_add(list, "target_tls", plain ? CDC_CHECK_WARN : CDC_CHECK_PASS, conn->where,
                      cipher != NULL ? "encrypted (%s)" : "not encrypted%s",
                      cipher != NULL ? cipher
                      : plain        ? ": all rows can be read on the way"
                                     : ", and on this host");
    if (plain) {
        cdc_checklist_cure(list, "target.tls: {mode: verify-identity, ca: FILE}");
    }
}

static void sink_mysql_check_version(sink_mysql_conn *conn, cdc_checklist *list)
{
    const cdc_catalog *cat = &list->catalog;
    const char *flavour = conn->maria ? "MariaDB" : "MySQL";
    const char *text = mysql_get_server_info(conn->my);
    int64_t version = (int64_t)cdc_server_version(text);
    if (cat->server != NULL && strcmp(cat->flavour, flavour) != 0) {
        cdc_checklist_add(list, "target_version", CDC_CHECK_WARN, conn->where,
                          "it is %s %s, the source is %s: types and collations that only one of "
                          "them has cannot be carried over",
                          flavour, text, cat->flavour);
        cdc_checklist_cure(list, "look at target_columns and target_collation, then --ignore "
                                 "target_version");
        return;
    }
    /* patch levels do not count */
    bool older = cat->server != NULL && version / 100 < cat->version / 100;
    cdc_checklist_add(list, "target_version", older ? CDC_CHECK_WARN : CDC_CHECK_PASS, conn->where,
                      "it is %s %s%s", flavour, text, older ? ", older than the source" : "");
    if (older) {
        cdc_checklist_cure(list, "take a target of the source's version or later");
    }
}

static void sink_mysql_check_packet(sink_mysql_conn *conn, const cdc_env *env, cdc_checklist *list)
{
    int64_t wanted = cdc_config_int(env->task->cfg, "message.max_bytes");
    const char *whose = "message.max_bytes";
    int64_t has = (int64_t)conn->max_packet;
    if (list->catalog.max_packet_bytes > wanted) {
        wanted = list->catalog.max_packet_bytes;
        whose = "the source's";
    }
    bool small = has < wanted;
    cdc_checklist_add(list, "target_max_packet", small ? CDC_CHECK_WARN : CDC_CHECK_PASS,
                      conn->where, "max_allowed_packet is %lld, %s%s %lld", (long long)has,
                      small ? "smaller than " : "not smaller than ", whose, (long long)wanted);
    if (small) {
        cdc_checklist_cure(list, "SET %s max_allowed_packet = %lld",
                           conn->maria ? "GLOBAL" : "PERSIST",
                           (long long)(wanted + 1023) / 1024 * 1024);
    }
}

/* Privileges that pass a read-only server (MySQL's CONNECTION_ADMIN, SUPER) are not to be counted
 * on: a switch-over would then find two servers that are written. */
static void sink_mysql_check_read_only(sink_mysql_conn *conn, const char *value,
                                       cdc_checklist *list)
{
    bool on = value != NULL && strcmp(value, "0") != 0;
    cdc_checklist_add(list, "target_read_only", on ? CDC_CHECK_FAIL : CDC_CHECK_PASS, conn->where,
                      "read_only is %s", on ? "ON: it takes no writes, a replica perhaps" : "OFF");
    if (on) {
        list->items[list->n - 1].passing = true;
        cdc_checklist_cure(list, "SET GLOBAL read_only = OFF");
    }
}

cdc_rc sink_mysql_inspect_server(sink_mysql_conn *conn, const cdc_env *env, cdc_checklist *list,
                                 cdc_error *err)
{
    static const char facts[] =
        "SELECT @@GLOBAL.read_only, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
    MYSQL_RES *res = NULL;
    sink_mysql_check_tls(conn, list);
    sink_mysql_check_version(conn, list);
    sink_mysql_check_packet(conn, env, list);
    cdc_rc rc = sink_mysql_query(conn, "read its settings", facts, sizeof facts - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row != NULL) {
        sink_mysql_check_read_only(conn, row[0], list);
        cdc_checklist_clock(list, "target_clock", conn->where,
                            row[1] != NULL ? strtoll(row[1], NULL, 10) : 0);
    }
    mysql_free_result(res);
    return CDC_OK;
}

#include "precheck.h"

#include "catalog.h"
#include "checks.h"
#include "connection.h"
#include "copy_tables.h"
#include "objects_check.h"
#include "server_checks.h"

enum { READ_TIMEOUT_S = 60, TABLES_MAX = 1000, NAMES_BYTES = 600 };

typedef struct precheck {
    const cdc_env *env;
    cdc_checklist *list;
    src_mysql_connection conn; /* to the first server that answers */
    src_mysql_server server;
} precheck;

/* --- servers --- */

static bool is_loopback(const char *name)
{
    return strncmp(name, "127.", 4) == 0 || strncmp(name, "localhost:", 10) == 0 ||
           strncmp(name, "[::1]", 5) == 0;
}

static void check_tls(precheck *pc, src_mysql_connection *conn)
{
    const char *cipher = mysql_get_ssl_cipher(conn->mysql);
    bool plain = cipher == NULL && !is_loopback(conn->name);
    cdc_checklist_add(pc->list, "source_tls", plain ? CDC_CHECK_WARN : CDC_CHECK_PASS, conn->name,
                      cipher != NULL ? "encrypted (%s)" : "not encrypted%s",
                      cipher != NULL ? cipher
                      : plain        ? ": passwords of other plug-ins and all rows can be read on "
                                       "the way"
                                     : ", and on this host");
    if (plain) {
        cdc_checklist_cure(pc->list, "source.tls: {mode: verify-identity, ca: FILE}");
    }
}

static cdc_rc check_server_id(precheck *pc, src_mysql_connection *conn, src_mysql_server *server)
{
    cdc_error err;
    uint32_t id = 0;
    uint32_t wish = (uint32_t)cdc_config_int(pc->env->task->cfg, "source.server_id");
    cdc_error_clear(&err);
    cdc_rc rc = src_mysql_server_choose_id(conn, server, wish, &id, &err);
    if (rc == CDC_OK) {
        cdc_checklist_add(pc->list, "source_server_id", CDC_CHECK_PASS, conn->name,
                          wish != 0 ? "%u is free" : "a free one is chosen at each start (%u)", id);
    } else {
        cdc_checklist_error(pc->list, "source_server_id", conn->name, &err);
    }
    return CDC_OK;
}

static cdc_rc check_server(precheck *pc, src_mysql_connection *conn, src_mysql_server *server,
                           cdc_error *err)
{
    cdc_checklist_add(pc->list, "source_connect", CDC_CHECK_PASS, conn->name, "connected as %s",
                      conn->account);
    check_tls(pc, conn);
    cdc_rc rc = src_mysql_server_inspect_wholly(conn, server, pc->env->task, pc->list, err);
    return rc == CDC_OK ? check_server_id(pc, conn, server) : rc;
}

/* All of source.hosts. Not one can be reached: a FAIL each, and all else stays unknown. */
static cdc_rc check_servers(precheck *pc, cdc_error *err)
{
    const cdc_config *cfg = pc->env->task->cfg;
    size_t first = pc->list->n;
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < cdc_config_count(cfg, "source.hosts"); i++) {
        const char *host = cdc_config_item(cfg, "source.hosts", i);
        src_mysql_connection conn;
        src_mysql_server server;
        cdc_error why;
        cdc_error_clear(&why);
        if (src_mysql_connect(&conn, cfg, host, READ_TIMEOUT_S, &why) != CDC_OK) {
            cdc_checklist_error(pc->list, "source_connect", host, &why);
            continue;
        }
        rc = check_server(pc, &conn, &server, err);
        if (rc == CDC_OK && pc->conn.mysql == NULL) {
            pc->conn = conn;
            pc->server = server;
        } else {
            src_mysql_disconnect(&conn);
        }
    }
    for (size_t i = first; pc->conn.mysql != NULL && i < pc->list->n; i++) {
        cdc_check_item *item = &pc->list->items[i];
        if (item->status == CDC_CHECK_FAIL && strcmp(item->name, "source_connect") == 0) {
            item->status = CDC_CHECK_WARN;
        }
    }
    return rc;
}

/* --- tables --- */

static void pass(precheck *pc, const char *item, const char *reason)
{
    if (!cdc_checklist_has(pc->list, item)) {
        cdc_checklist_add(pc->list, item, CDC_CHECK_PASS, pc->conn.name, "%s", reason);
    }
}

static void check_count(precheck *pc)
{
    size_t n = pc->list->catalog.ntables;
    cdc_checklist_add(pc->list, "source_tables",
                      n == 0           ? CDC_CHECK_FAIL
                      : n > TABLES_MAX ? CDC_CHECK_WARN
                                       : CDC_CHECK_PASS,
                      pc->conn.name, "objects takes %zu table%s%s", n, n == 1 ? "" : "s",
                      n > TABLES_MAX ? ", more than the 1000 that are tested" : "");
    if (n == 0) {
        cdc_checklist_cure(
            pc->list,
            "check objects.include and objects.exclude; a table that the account may "
            "not see is not there for it: GRANT SELECT ON *.* TO %s",
            pc->conn.account);
    } else if (n > TABLES_MAX) {
        cdc_checklist_cure(pc->list, "divide it over several tasks (objects.include)");
    }
}

static void check_table(precheck *pc, const cdc_catalog_table *table,
                        const src_mysql_extent *extent)
{
    char name[NAMES_BYTES];
    int64_t max = cdc_config_int(pc->env->task->cfg, "message.max_bytes");
    snprintf(name, sizeof(name), "%s.%s", table->database, table->name);
    if (table->nkeys == 0) {
        cdc_checklist_add(pc->list, "source_key", CDC_CHECK_WARN, name,
                          "it has no primary key: it is copied in one chunk, and a changed row is "
                          "found by all its columns");
        cdc_checklist_cure(pc->list,
                           "ALTER TABLE `%s`.`%s` ADD COLUMN `row_key` BIGINT UNSIGNED NOT NULL "
                           "AUTO_INCREMENT PRIMARY KEY INVISIBLE",
                           table->database, table->name);
    }
    if (!extent->is_innodb) {
        cdc_checklist_add(pc->list, "source_engine", CDC_CHECK_WARN, name,
                          "its engine is not InnoDB: it has no snapshot and no rollback");
        cdc_checklist_cure(pc->list, "ALTER TABLE `%s`.`%s` ENGINE=InnoDB", table->database,
                           table->name);
    }
    if (extent->row_bytes > max &&
        strcmp(cdc_config_str(pc->env->task->cfg, "message.oversize"), "fail") == 0) {
        cdc_checklist_add(pc->list, "source_row_size", CDC_CHECK_WARN, name,
                          "a row may have %lld bytes, and one whose message has more than "
                          "message.max_bytes = %lld stops the task",
                          (long long)extent->row_bytes, (long long)max);
        cdc_checklist_cure(pc->list,
                           "raise message.max_bytes and the topic's max.message.bytes, or "
                           "set message.oversize");
    }
}

/* The very verdict of the copy and the stream on a table's columns. */
static cdc_rc check_types(precheck *pc, const cdc_catalog_table *table, cdc_error *err)
{
    char name[NAMES_BYTES];
    src_mysql_table *definition = NULL;
    src_mysql_copy_table wanted = {.database = (char *)(uintptr_t)table->database,
                                   .name = (char *)(uintptr_t)table->name};
    cdc_rc rc = src_mysql_copy_table_define(&pc->conn, &wanted, NULL, &definition, NULL, err);
    if (rc == CDC_FATAL) {
        snprintf(name, sizeof(name), "%s.%s", table->database, table->name);
        cdc_checklist_error(pc->list, "source_types", name, err);
    }
    src_mysql_table_free(definition);
    return rc == CDC_RETRY ? rc : CDC_OK;
}

static cdc_rc check_tables(precheck *pc, cdc_error *err)
{
    cdc_catalog *cat = &pc->list->catalog;
    src_mysql_extent *extents = NULL;
    cdc_rc rc = src_mysql_catalog_load(cat, &pc->conn, pc->env->selection, &extents, err);
    if (rc != CDC_OK) {
        return rc;
    }
    check_count(pc);
    for (size_t i = 0; rc == CDC_OK && i < cat->ntables; i++) {
        check_table(pc, &cat->tables[i], &extents[i]);
        rc = check_types(pc, &cat->tables[i], err);
    }
    if (cat->ntables > 0) {
        pass(pc, "source_key", "every table has a primary key");
        pass(pc, "source_engine", "every table is InnoDB's");
        pass(pc, "source_row_size", "every row fits into a message");
        pass(pc, "source_types", "every column can be decoded");
    }
    return rc;
}

cdc_rc src_mysql_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err)
{
    precheck pc = {.env = env, .list = list};
    cdc_rc rc = check_servers(&pc, err);
    if (rc == CDC_OK && pc.conn.mysql != NULL) {
        rc = check_tables(&pc, err);
        rc = rc == CDC_OK ? src_mysql_check_objects(&pc.conn, env, list, err) : rc;
        rc = rc == CDC_OK ? src_mysql_check_cascades(&pc.conn, env, list, err) : rc;
    }
    src_mysql_disconnect(&pc.conn);
    return rc;
}

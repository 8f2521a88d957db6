#include "precheck.h"

#include "checks.h"
#include "objects_check.h"
#include "offsets.h"
#include "server_checks.h"

/* --- one server --- */

static cdc_rc sink_mysql_check_offsets(sink_mysql_conn *conn, cdc_checklist *list)
{
    bool exist = false;
    cdc_error err;
    cdc_error_clear(&err);
    cdc_rc rc = sink_mysql_own_exist(conn, &exist, &err);
    if (rc == CDC_OK) {
        cdc_checklist_add(list, "target_offsets", CDC_CHECK_PASS, conn->where,
                          exist ? "sluice.applied, sluice.appliers and sluice.ddl are there"
                                : "the tables of database sluice will be made at the start");
    } else {
        cdc_checklist_error(list, "target_offsets", conn->where, &err);
    }
    return rc == CDC_RETRY ? rc : CDC_OK;
}

typedef struct sink_mysql_precheck_of {
    const cdc_env *env;
    cdc_rename *rename;
    cdc_checklist *list;
} sink_mysql_precheck_of;

/* Each database that tables go to, once for tables in a row. */
static void sink_mysql_check_databases(const sink_mysql_precheck_of *pc, sink_mysql_conn *conn,
                                       const cdc_grants *grants)
{
    char last[CDC_RENAME_MAX] = "";
    for (size_t i = 0; i < pc->list->catalog.ntables; i++) {
        const cdc_catalog_table *table = &pc->list->catalog.tables[i];
        cdc_rename_name name;
        cdc_rename_table(pc->rename, table->database, table->name, &name);
        if (strcmp(name.database, last) != 0) {
            sink_mysql_check_database_grants(conn, grants, name.database, pc->list);
            sink_mysql_check_object_grants(conn, grants, name.database, pc->list);
        }
        snprintf(last, sizeof last, "%s", name.database);
    }
}

static cdc_rc sink_mysql_check_privileges(const sink_mysql_precheck_of *pc, sink_mysql_conn *conn,
                                          cdc_error *err)
{
    cdc_grants grants;
    cdc_grants_init(&grants);
    cdc_rc rc = sink_mysql_read_grants(conn, &grants, err);
    if (rc == CDC_OK) {
        sink_mysql_check_own_grants(conn, &grants, pc->list);
        sink_mysql_check_databases(pc, conn, &grants);
        rc = sink_mysql_check_creators(conn, &grants, pc->list, err);
    }
    if (rc == CDC_OK && !cdc_checklist_has(pc->list, "target_objects")) {
        cdc_checklist_add(pc->list, "target_objects", CDC_CHECK_PASS, conn->where,
                          "what schema.objects asks for can be made");
    }
    if (rc == CDC_OK && !cdc_checklist_has(pc->list, "target_privileges")) {
        cdc_checklist_add(pc->list, "target_privileges", CDC_CHECK_PASS, conn->where,
                          "the account has what it needs");
    }
    cdc_grants_fini(&grants);
    return rc;
}

static cdc_rc sink_mysql_check_server(const sink_mysql_precheck_of *pc, sink_mysql_conn *conn,
                                      cdc_error *err)
{
    cdc_checklist_add(pc->list, "target_connect", CDC_CHECK_PASS, conn->where, "connected");
    cdc_rc rc = sink_mysql_inspect_server(conn, pc->env, pc->list, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_check_privileges(pc, conn, err);
    }
    return rc == CDC_OK ? sink_mysql_check_offsets(conn, pc->list) : rc;
}

/* --- all of target.hosts --- */

/* Not one can be reached: a FAIL each, and all else stays unknown. */
static cdc_rc sink_mysql_check_hosts(const sink_mysql_precheck_of *pc, cdc_error *err)
{
    const cdc_config *cfg = pc->env->task->cfg;
    cdc_checklist *list = pc->list;
    size_t first = list->n;
    bool reached = false;
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < cdc_config_count(cfg, "target.hosts"); i++) {
        sink_mysql_conn conn;
        cdc_error why;
        cdc_error_clear(&why);
        if (sink_mysql_connect(&conn, pc->env, i, &why) != CDC_OK) {
            cdc_checklist_error(list, "target_connect", cdc_config_item(cfg, "target.hosts", i),
                                &why);
            continue;
        }
        rc = sink_mysql_check_server(pc, &conn, err);
        if (rc == CDC_OK && !reached) {
            rc = sink_mysql_check_objects(&conn, pc->env, pc->rename, list, err);
        }
        reached = true;
        sink_mysql_disconnect(&conn);
    }
    for (size_t i = first; reached && i < list->n; i++) {
        cdc_check_item *item = &list->items[i];
        if (item->status == CDC_CHECK_FAIL && strcmp(item->name, "target_connect") == 0) {
            item->status = CDC_CHECK_WARN;
        }
    }
    return rc;
}

cdc_rc sink_mysql_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err)
{
    sink_mysql_precheck_of pc = {.env = env, .list = list};
    cdc_rc rc = cdc_rename_new(&pc.rename, env->task->cfg, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_check_hosts(&pc, err);
    }
    cdc_rename_free(pc.rename);
    return rc;
}

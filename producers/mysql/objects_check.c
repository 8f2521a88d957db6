#include "objects_check.h"

#include <string.h>

#include "copy_cascades.h"
#include "schema_objects.h"
#include "server_checks.h"

#define SHOW_ROUTINE_SINCE 80020U /* MySQL; before, SELECT on everything shows a routine's text */

typedef struct objects_check {
    src_mysql_connection *conn;
    const cdc_env *env;
    cdc_checklist *list;
    const cdc_grants *grants;
} objects_check;

/* --- privileges --- */

static void lacks(const objects_check *oc, const char *privileges, const char *on, const char *why)
{
    cdc_checklist_add(oc->list, "source_objects", CDC_CHECK_FAIL, oc->conn->name,
                      "the account lacks %s on %s: %s", privileges, on, why);
    cdc_checklist_cure(oc->list, "GRANT %s ON %s TO %s", privileges, on, oc->conn->account);
}

/* The texts of routines that others made. */
static void check_routines(const objects_check *oc)
{
    static const char why[] = "routines of others are not seen, or without their text";
    if (oc->conn->is_mariadb) {
        if (!cdc_grants_has(oc->grants, "SELECT", "mysql", "proc")) {
            lacks(oc, "SELECT", "mysql.proc", why);
        }
    } else if (!cdc_grants_has(oc->grants, "SHOW_ROUTINE", "*", "*") &&
               !cdc_grants_has(oc->grants, "SELECT", "*", "*")) {
        lacks(oc, oc->conn->version < SHOW_ROUTINE_SINCE ? "SELECT" : "SHOW_ROUTINE", "*.*", why);
    }
}

/* What `privilege` shows in the database; "*": in all. */
static void check_shown(const objects_check *oc, const char *privilege, const char *database)
{
    char on[CDC_TABLE_NAME_MAX + 8];
    if (cdc_grants_has(oc->grants, privilege, database, "*")) {
        return;
    }
    snprintf(on, sizeof(on), strcmp(database, "*") == 0 ? "%s.*" : "`%s`.*", database);
    lacks(oc, privilege, on, "what it would show is left out of the phase schema");
}

static void check_privileges(const objects_check *oc, const char *database)
{
    const cdc_config *cfg = oc->env->task->cfg;
    if (cdc_catalog_has_kind(&oc->list->catalog, "VIEW")) {
        check_shown(oc, "SHOW VIEW", database);
    }
    if (src_mysql_schema_has(cfg, "triggers")) {
        check_shown(oc, "TRIGGER", database);
    }
    if (src_mysql_schema_has(cfg, "events")) {
        check_shown(oc, "EVENT", database);
    }
}

/* Each database that objects.include names, once for patterns in a row. */
static void check_databases(const objects_check *oc)
{
    const cdc_config *cfg = oc->env->task->cfg;
    char last[CDC_TABLE_NAME_MAX + 1] = "";
    for (size_t i = 0; i < cdc_config_count(cfg, "objects.include"); i++) {
        const char *pattern = cdc_config_item(cfg, "objects.include", i);
        char database[CDC_TABLE_NAME_MAX + 1];
        snprintf(database, sizeof(database), "%.*s", (int)strcspn(pattern, "."), pattern);
        if (strpbrk(database, "*?") != NULL) {
            snprintf(database, sizeof(database), "*");
        }
        if (strcmp(database, last) != 0) {
            check_privileges(oc, database);
        }
        snprintf(last, sizeof(last), "%s", database);
    }
}

cdc_rc src_mysql_check_objects(src_mysql_connection *conn, const cdc_env *env, cdc_checklist *list,
                               cdc_error *err)
{
    cdc_grants grants;
    objects_check oc = {.conn = conn, .env = env, .list = list, .grants = &grants};
    if (!env->task->phase_schema) {
        cdc_checklist_add(list, "source_objects", CDC_CHECK_PASS, conn->name,
                          "the task has no phase schema");
        return CDC_OK;
    }
    cdc_grants_init(&grants);
    cdc_rc rc = src_mysql_server_grants(conn, &grants, err);
    if (rc == CDC_OK) {
        rc = src_mysql_objects_kinds(&list->catalog, conn, env, err);
    }
    if (rc == CDC_OK) {
        check_databases(&oc);
        if (src_mysql_schema_has(env->task->cfg, "routines")) {
            check_routines(&oc);
        }
        if (!cdc_checklist_has(list, "source_objects")) {
            cdc_checklist_add(list, "source_objects", CDC_CHECK_PASS, conn->name,
                              "the account sees what schema.objects asks for");
        }
    }
    cdc_grants_fini(&grants);
    return rc;
}

/* --- cascades --- */

static void check_cascade(const objects_check *oc, const src_mysql_cascade *cascade)
{
    char child[2 * CDC_TABLE_NAME_MAX + 2];
    char parent[2 * CDC_TABLE_NAME_MAX + 2];
    const cdc_selection *sel = oc->env->selection;
    bool takes_child = cdc_selection_table(sel, cascade->child_database, cascade->child);
    bool takes_parent = cdc_selection_table(sel, cascade->parent_database, cascade->parent);
    if (takes_child == takes_parent) {
        return;
    }
    snprintf(child, sizeof(child), "%s.%s", cascade->child_database, cascade->child);
    snprintf(parent, sizeof(parent), "%s.%s", cascade->parent_database, cascade->parent);
    cdc_checklist_add(oc->list, "source_cascades", CDC_CHECK_WARN, takes_child ? child : parent,
                      takes_child
                          ? "a foreign key changes its rows with those of %s, which is not "
                            "captured, and the server does not log that: such rows stay at "
                            "the target as they were"
                          : "a foreign key changes rows of %s with its own, the server does "
                            "not log that, and the task leaves that table out: whoever "
                            "captures it must capture this one, too",
                      takes_child ? parent : child);
    cdc_checklist_cure(oc->list, "objects.include: add \"%s\"", takes_child ? parent : child);
}

cdc_rc src_mysql_check_cascades(src_mysql_connection *conn, const cdc_env *env, cdc_checklist *list,
                                cdc_error *err)
{
    src_mysql_cascades cascades;
    const objects_check oc = {.conn = conn, .env = env, .list = list};
    cdc_rc rc = src_mysql_cascades_load(&cascades, conn, err);
    for (size_t i = 0; rc == CDC_OK && i < cascades.n; i++) {
        const src_mysql_cascade *it = &cascades.items[i];
        const src_mysql_cascade *before = i > 0 ? it - 1 : NULL;
        /* a key of several columns is several cascades in a row */
        bool again = before != NULL && strcmp(it->child, before->child) == 0 &&
                     strcmp(it->child_database, before->child_database) == 0 &&
                     strcmp(it->parent, before->parent) == 0 &&
                     strcmp(it->parent_database, before->parent_database) == 0;
        if (!again) {
            check_cascade(&oc, it);
        }
    }
    if (rc == CDC_OK && !cdc_checklist_has(list, "source_cascades")) {
        cdc_checklist_add(list, "source_cascades", CDC_CHECK_PASS, conn->name,
                          "no cascade without a word in the log leads into or out of the task");
    }
    src_mysql_cascades_fini(&cascades);
    return rc;
}

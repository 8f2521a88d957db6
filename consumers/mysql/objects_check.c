#include "objects_check.h"

#include <stdlib.h>
#include <strings.h>

#include "column_fit.h"
#include "literal.h"
#include "rewrite.h"
#include "schema/mysql_sql/server_version.h"
#include "target.h"

enum {
    SQL_MAX = 4 * 1024 * 1024,
    NAME_BYTES = 600,
};

typedef struct sink_mysql_inspection {
    const cdc_env *env;
    sink_mysql_conn *conn;
    cdc_checklist *list;
    const cdc_rename *rename;
    sink_mysql_cache cache;
    const sink_mysql_target **found; /* the target's tables, those that are there */
    size_t nfound;
    bool begun; /* the task has applied something here before */
} sink_mysql_inspection;

static void sink_mysql_pass(sink_mysql_inspection *in, const char *item, const char *reason)
{
    if (!cdc_checklist_has(in->list, item)) {
        cdc_checklist_add(in->list, item, CDC_CHECK_PASS, in->conn->where, "%s", reason);
    }
}

static void sink_mysql_name(char *out, size_t size, const char *database, const char *name)
{
    snprintf(out, size, "%s.%s", database, name);
}

/* --- the definition as the applier sees it --- */

/* What a column is called at the target. */
static const char *sink_mysql_mapped(const sink_mysql_inspection *in,
                                     const cdc_catalog_table *table, const char *column)
{
    return cdc_rename_column(in->rename, table->database, table->name, column);
}

static const char *sink_mysql_quoted_keys(const sink_mysql_inspection *in, cdc_buffer *buf,
                                          const cdc_catalog_table *table)
{
    cdc_buffer_reset(buf);
    for (uint32_t i = 0; i < table->nkeys; i++) {
        cdc_buffer_add_str(buf, i > 0 ? "," : "");
        sink_mysql_add_name(buf, sink_mysql_mapped(in, table, table->keys[i]));
    }
    return cdc_buffer_cstr(buf);
}

/* CREATE TABLE with columns and primary key: what applying needs. */
static void sink_mysql_create_statement(const sink_mysql_inspection *in,
                                        const cdc_catalog_table *table, cdc_buffer *out)
{
    cdc_rename_name name;
    cdc_buffer keys;
    cdc_buffer_init(&keys, SQL_MAX);
    cdc_rename_table(in->rename, table->database, table->name, &name);
    cdc_buffer_add_str(out, "CREATE DATABASE IF NOT EXISTS ");
    sink_mysql_add_name(out, name.database);
    cdc_buffer_add_str(out, "; CREATE TABLE ");
    sink_mysql_add_name(out, name.database);
    cdc_buffer_add_str(out, ".");
    sink_mysql_add_name(out, name.table);
    for (uint32_t i = 0; i < table->ncols; i++) {
        cdc_buffer_add_str(out, i > 0 ? ", " : " (");
        sink_mysql_add_name(out, sink_mysql_mapped(in, table, table->cols[i].name));
        cdc_buffer_addf(out, " %s%s", table->cols[i].type,
                        table->cols[i].nullable ? " NULL" : " NOT NULL");
    }
    if (table->nkeys > 0) {
        cdc_buffer_addf(out, ", PRIMARY KEY (%s)", sink_mysql_quoted_keys(in, &keys, table));
    }
    cdc_buffer_add_str(out, ")");
    cdc_buffer_fini(&keys);
}

static void sink_mysql_missing_table(sink_mysql_inspection *in, const cdc_catalog_table *table,
                                     const char *name)
{
    cdc_buffer sql;
    if (in->env->task->phase_schema) {
        return;
    }
    cdc_buffer_init(&sql, SQL_MAX);
    sink_mysql_create_statement(in, table, &sql);
    cdc_checklist_add(in->list, "target_tables", CDC_CHECK_FAIL, name,
                      "it does not exist at the target %s (or the account may not see it), and "
                      "phases has no schema, which would create it with its indexes",
                      in->conn->where);
    cdc_checklist_cure(in->list, "%s", cdc_buffer_cstr(&sql));
    cdc_buffer_fini(&sql);
}

/* A cdc_table of the catalog's: names, keys and types are all that is looked at. */
static cdc_rc sink_mysql_table_of(const cdc_catalog_table *from, cdc_table **out, cdc_error *err)
{
    cdc_column *cols = calloc(from->ncols + 1, sizeof *cols);
    uint16_t *keys = calloc(from->nkeys + 1, sizeof *keys);
    cdc_rc rc = CDC_OK;
    if (cols == NULL || keys == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a table's definition");
    }
    for (uint32_t i = 0; rc == CDC_OK && i < from->ncols; i++) {
        cols[i] = (cdc_column){.name = from->cols[i].name,
                               .type_text = from->cols[i].type,
                               .kind = CDC_TEXT,
                               .charset = "",
                               .key_part = -1,
                               .nullable = from->cols[i].nullable,
                               .is_generated = from->cols[i].generated};
        for (uint32_t k = 0; k < from->nkeys; k++) {
            keys[k] = strcmp(from->keys[k], from->cols[i].name) == 0 ? (uint16_t)i : keys[k];
        }
    }
    if (rc == CDC_OK) {
        rc = cdc_table_new(out, from->database, from->name, cols, from->ncols, keys, from->nkeys,
                           err);
    }
    free(cols);
    free(keys);
    return rc;
}

static void sink_mysql_check_types(sink_mysql_inspection *in, const cdc_catalog_table *table,
                                   const sink_mysql_map *map, const char *name)
{
    for (uint32_t i = 0; i < map->nfields; i++) {
        const cdc_catalog_column *col = &table->cols[map->fields[i].source];
        const sink_mysql_column *to = map->fields[i].to;
        sink_mysql_fit fit = sink_mysql_column_fit(col->type, to->type_text);
        if (fit != SINK_MYSQL_FITS) {
            bool narrow = fit == SINK_MYSQL_NARROWER;
            cdc_checklist_add(
                in->list, "target_columns", narrow ? CDC_CHECK_FAIL : CDC_CHECK_WARN, name,
                "column %s is %s at the target, %s at the source: %s", to->name, to->type_text,
                col->type, narrow ? "some values do not fit" : "values are converted, or refused");
            cdc_checklist_cure(in->list, "ALTER TABLE %s MODIFY COLUMN `%s` %s%s",
                               map->target->quoted, to->name, col->type,
                               col->nullable ? "" : " NOT NULL");
        }
    }
}

static bool sink_mysql_is_filled(const sink_mysql_map *map, const sink_mysql_column *to)
{
    for (uint32_t i = 0; i < map->nfields; i++) {
        if (map->fields[i].to == to) {
            return true;
        }
    }
    return false;
}

static void sink_mysql_check_required(sink_mysql_inspection *in, const sink_mysql_map *map,
                                      const char *name)
{
    for (uint32_t i = 0; i < map->target->ncols; i++) {
        const sink_mysql_column *to = &map->target->cols[i];
        if (to->required && !sink_mysql_is_filled(map, to)) {
            cdc_checklist_add(in->list, "target_columns", CDC_CHECK_FAIL, name,
                              "column %s of the target is NOT NULL without a default, and the "
                              "source has no such column",
                              to->name);
            cdc_checklist_cure(in->list, "ALTER TABLE %s MODIFY COLUMN `%s` %s NULL",
                               map->target->quoted, to->name, to->type_text);
        }
    }
}

static void sink_mysql_check_key(sink_mysql_inspection *in, const cdc_catalog_table *table,
                                 const sink_mysql_map *map, const char *name)
{
    cdc_buffer keys;
    bool none = map->target->nkeys == 0;
    bool same = map->target->nkeys == map->nkeys;
    for (uint32_t i = 0; same && i < map->nkeys; i++) {
        same = map->keys[i].to->in_key;
    }
    if (same || map->nkeys == 0) {
        return;
    }
    cdc_buffer_init(&keys, SQL_MAX);
    cdc_checklist_add(in->list, "target_key", none ? CDC_CHECK_WARN : CDC_CHECK_FAIL, name,
                      none
                          ? "it has no primary key at the target: each change reads the whole table"
                          : "its primary key is another one at the target than at the source");
    cdc_checklist_cure(in->list, "ALTER TABLE %s %sADD PRIMARY KEY (%s)", map->target->quoted,
                       none ? "" : "DROP PRIMARY KEY, ", sink_mysql_quoted_keys(in, &keys, table));
    cdc_buffer_fini(&keys);
}

static cdc_rc sink_mysql_check_rows(sink_mysql_inspection *in, const sink_mysql_target *target,
                                    const char *name, cdc_error *err)
{
    const cdc_task *task = in->env->task;
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    if (in->begun || !task->phase_full) {
        return CDC_OK;
    }
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_addf(&sql, "SELECT 1 FROM %s LIMIT 1", target->quoted);
    cdc_rc rc = sink_mysql_query(in->conn, "look for rows", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc != CDC_OK) { /* no SELECT: target_privileges has said it */
        return rc == CDC_FATAL && cdc_checklist_has(in->list, "target_privileges") ? CDC_OK : rc;
    }
    if (mysql_num_rows(res) > 0) {
        const char *rule = cdc_config_str(task->cfg, "target.conflict");
        bool report = strcmp(rule, "report") == 0;
        cdc_checklist_add(in->list, "target_data", report ? CDC_CHECK_FAIL : CDC_CHECK_WARN, name,
                          "it has rows at the target, which the full copy would mix with the "
                          "source's; target.conflict is %s",
                          rule);
        cdc_checklist_cure(in->list, "TRUNCATE TABLE %s", target->quoted);
    }
    mysql_free_result(res);
    return CDC_OK;
}

static cdc_rc sink_mysql_check_table(sink_mysql_inspection *in, const cdc_catalog_table *table,
                                     cdc_error *err)
{
    char name[NAME_BYTES];
    cdc_rename_name mapped;
    cdc_table *tbl = NULL;
    sink_mysql_map *map = NULL;
    cdc_error why;
    cdc_rc rc = sink_mysql_table_of(table, &tbl, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_error_clear(&why);
    cdc_rename_table(in->rename, table->database, table->name, &mapped);
    sink_mysql_name(name, sizeof name, mapped.database, mapped.table);
    rc = sink_mysql_cache_load(&in->cache, in->conn, tbl, &map, &why);
    if (rc == CDC_RETRY) {
        *err = why;
    } else if (rc != CDC_OK && strcmp(why.code, "target_table_missing") == 0) {
        sink_mysql_missing_table(in, table, name);
        rc = CDC_OK;
    } else if (rc != CDC_OK) {
        bool column = strcmp(why.code, "target_column_missing") == 0;
        cdc_checklist_error(in->list, column ? "target_columns" : "target_tables", name, &why);
        rc = CDC_OK;
    } else {
        in->found[in->nfound++] = map->target;
        sink_mysql_check_types(in, table, map, name);
        sink_mysql_check_required(in, map, name);
        sink_mysql_check_key(in, table, map, name);
        rc = sink_mysql_check_rows(in, map->target, name, err);
    }
    cdc_table_unref(tbl);
    return rc;
}

/* --- foreign keys and triggers --- */

static bool sink_mysql_is_found(const sink_mysql_inspection *in, const char *database,
                                const char *name)
{
    for (size_t i = 0; i < in->nfound; i++) {
        if (strcasecmp(in->found[i]->database, database) == 0 &&
            strcasecmp(in->found[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static cdc_rc sink_mysql_check_triggers(sink_mysql_inspection *in, cdc_error *err)
{
    static const char sql[] = "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_SCHEMA, "
                              "TRIGGER_NAME FROM information_schema.TRIGGERS";
    char name[NAME_BYTES];
    MYSQL_RES *res = NULL;
    cdc_rc rc = sink_mysql_query(in->conn, "read triggers", sql, sizeof sql - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (MYSQL_ROW row; (row = mysql_fetch_row(res)) != NULL;) {
        if (sink_mysql_is_found(in, row[0], row[1])) {
            sink_mysql_name(name, sizeof name, row[0], row[1]);
            cdc_checklist_add(in->list, "target_triggers", CDC_CHECK_WARN, name,
                              "trigger %s runs at the target for every row that is applied; what "
                              "triggers did at the source comes as rows already",
                              row[3]);
            cdc_checklist_cure(in->list, "DROP TRIGGER `%s`.`%s`", row[2], row[3]);
        }
    }
    mysql_free_result(res);
    sink_mysql_pass(in, "target_triggers", "no trigger stands at the task's tables");
    return CDC_OK;
}

static void sink_mysql_check_foreign_key(sink_mysql_inspection *in, MYSQL_ROW row)
{
    char name[NAME_BYTES];
    if (!sink_mysql_is_found(in, row[0], row[1]) || sink_mysql_is_found(in, row[3], row[4])) {
        return;
    }
    sink_mysql_name(name, sizeof name, row[0], row[1]);
    cdc_checklist_add(in->list, "target_foreign_keys", CDC_CHECK_WARN, name,
                      "foreign key %s leads to %s.%s, which the task does not fill: a row whose "
                      "parent is not there is refused",
                      row[2], row[3], row[4]);
    cdc_checklist_cure(in->list, "ALTER TABLE `%s`.`%s` DROP FOREIGN KEY `%s`", row[0], row[1],
                       row[2]);
}

static cdc_rc sink_mysql_check_foreign_keys(sink_mysql_inspection *in, cdc_error *err)
{
    static const char sql[] =
        "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_SCHEMA, "
        "REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS";
    MYSQL_RES *res = NULL;
    cdc_rc rc = sink_mysql_query(in->conn, "read foreign keys", sql, sizeof sql - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (MYSQL_ROW row; (row = mysql_fetch_row(res)) != NULL;) {
        sink_mysql_check_foreign_key(in, row);
    }
    mysql_free_result(res);
    sink_mysql_pass(in, "target_foreign_keys", "no foreign key stands in the way");
    return CDC_OK;
}

/* --- names, collations, space --- */

static int sink_mysql_compare_folded(const void *a, const void *b)
{
    const cdc_rename_name *x = a;
    const cdc_rename_name *y = b;
    int c = strcasecmp(x->database, y->database);
    return c != 0 ? c : strcasecmp(x->table, y->table);
}

/* Two tables whose names at the target differ by capitals alone. */
static void sink_mysql_check_collisions(sink_mysql_inspection *in)
{
    const cdc_catalog *cat = &in->list->catalog;
    cdc_rename_name *sorted = calloc(cat->ntables + 1, sizeof *sorted);
    in->list->failed = in->list->failed || sorted == NULL;
    for (size_t i = 0; sorted != NULL && i < cat->ntables; i++) {
        cdc_rename_table(in->rename, cat->tables[i].database, cat->tables[i].name, &sorted[i]);
    }
    if (sorted != NULL) {
        qsort(sorted, cat->ntables, sizeof *sorted, sink_mysql_compare_folded);
    }
    for (size_t i = 1; sorted != NULL && i < cat->ntables; i++) {
        if (sink_mysql_compare_folded(&sorted[i - 1], &sorted[i]) == 0) {
            char name[NAME_BYTES];
            sink_mysql_name(name, sizeof name, sorted[i].database, sorted[i].table);
            cdc_checklist_add(in->list, "target_name_case", CDC_CHECK_FAIL, name,
                              "at the target it would be one table with %s.%s: names there do not "
                              "differ by capitals",
                              sorted[i - 1].database, sorted[i - 1].table);
            cdc_checklist_cure(in->list, "another name for one of them (target.rename.tables), or "
                                         "leave it out (objects.exclude)");
        }
    }
    free(sorted);
}

static cdc_rc sink_mysql_check_name_case(sink_mysql_inspection *in, cdc_error *err)
{
    static const char sql[] = "SELECT @@GLOBAL.lower_case_table_names";
    MYSQL_RES *res = NULL;
    cdc_rc rc = sink_mysql_query(in->conn, "read its settings", sql, sizeof sql - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    int64_t here = row != NULL && row[0] != NULL ? strtoll(row[0], NULL, 10) : 0;
    int64_t there = in->list->catalog.name_case;
    mysql_free_result(res);
    if (here > 0 && there == 0) {
        sink_mysql_check_collisions(in);
    }
    bool differ = here != there;
    cdc_checklist_add(in->list, "target_name_case", differ ? CDC_CHECK_WARN : CDC_CHECK_PASS,
                      in->conn->where, "lower_case_table_names is %lld, at the source %lld",
                      (long long)here, (long long)there);
    if (differ) {
        cdc_checklist_cure(in->list, "initialize the target with lower_case_table_names=%lld",
                           (long long)there);
    }
    return CDC_OK;
}

/* Names of the collations that the target knows, sorted. */
typedef struct sink_mysql_names {
    const char **list;
    size_t n;
} sink_mysql_names;

static int sink_mysql_compare_text(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static bool sink_mysql_has_name(void *context, const char *name, size_t len)
{
    const sink_mysql_names *names = context;
    char text[NAME_BYTES];
    const char *key = text;
    snprintf(text, sizeof text, "%.*s", (int)len, name);
    return names->n > 0 && bsearch(&key, names->list, names->n, sizeof *names->list,
                                   sink_mysql_compare_text) != NULL;
}

/* MariaDB lists its newest collations by their full names elsewhere. */
static cdc_rc sink_mysql_load_collations(sink_mysql_inspection *in, sink_mysql_names *out,
                                         cdc_error *err)
{
    static const char mysql[] = "SELECT COLLATION_NAME FROM information_schema.COLLATIONS";
    static const char maria[] =
        "SELECT COLLATION_NAME FROM information_schema.COLLATIONS UNION SELECT FULL_COLLATION_NAME "
        "FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY";
    bool full =
        in->conn->maria && cdc_server_version(mysql_get_server_info(in->conn->my)) >= 101000;
    MYSQL_RES *res = NULL;
    cdc_rc rc = sink_mysql_query(in->conn, "read its collations", full ? maria : mysql,
                                 full ? sizeof maria - 1 : sizeof mysql - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    out->list = cdc_arena_zalloc(&in->list->arena, mysql_num_rows(res) * sizeof *out->list);
    for (MYSQL_ROW row; out->list != NULL && (row = mysql_fetch_row(res)) != NULL;) {
        const char *name = row[0] != NULL ? row[0] : "";
        out->list[out->n] = cdc_arena_strndup(&in->list->arena, name, strlen(name));
        out->n += out->list[out->n] != NULL ? 1 : 0;
    }
    mysql_free_result(res);
    if (out->n > 0) {
        qsort(out->list, out->n, sizeof *out->list, sink_mysql_compare_text);
    }
    return CDC_OK;
}

static void sink_mysql_check_collation(sink_mysql_inspection *in, const cdc_catalog_table *table,
                                       const cdc_catalog_column *col)
{
    char name[NAME_BYTES];
    sink_mysql_name(name, sizeof name, table->database, table->name);
    cdc_checklist_add(in->list, "target_collation",
                      in->env->task->phase_schema ? CDC_CHECK_FAIL : CDC_CHECK_WARN, name,
                      "column %s has the collation %s at the source, which the target %s does not "
                      "know",
                      col->name, col->collation, in->conn->where);
    cdc_checklist_cure(in->list,
                       "at the source: ALTER TABLE `%s`.`%s` CONVERT TO CHARACTER SET utf8mb4 "
                       "COLLATE utf8mb4_unicode_ci",
                       table->database, table->name);
}

static cdc_rc sink_mysql_check_collations(sink_mysql_inspection *in, cdc_error *err)
{
    static const char nothing[] = "COMMIT"; /* stand-ins are looked for on behalf of a statement */
    const cdc_catalog *cat = &in->list->catalog;
    sink_mysql_names names = {.n = 0};
    sink_mysql_rewrite how = {.rename = in->rename,
                              .to_maria = in->conn->maria,
                              .knows_collation = sink_mysql_has_name,
                              .context = &names};
    sink_mysql_draft dr;
    const char *last = "";
    cdc_rc rc = sink_mysql_load_collations(in, &names, err);
    if (rc != CDC_OK ||
        !sink_mysql_draft_init(&dr, nothing, sizeof nothing - 1, "", &in->list->arena)) {
        return rc;
    }
    for (size_t i = 0; i < cat->ntables; i++) {
        for (uint32_t c = 0; c < cat->tables[i].ncols; c++) {
            const cdc_catalog_column *col = &cat->tables[i].cols[c];
            if (col->collation == NULL || strcmp(col->collation, last) == 0) {
                continue; /* once for columns in a row */
            }
            last = col->collation;
            if (!sink_mysql_has_name(&names, last, strlen(last)) &&
                sink_mysql_stand_in(&how, &dr, last) == NULL) {
                sink_mysql_check_collation(in, &cat->tables[i], col);
            }
        }
    }
    sink_mysql_draft_fini(&dr);
    sink_mysql_pass(in, "target_collation", "every collation of the source has its like");
    return CDC_OK;
}

/* Only MariaDB's plug-in DISKS tells; an account without FILE sees no rows. */
static void sink_mysql_check_space(sink_mysql_inspection *in)
{
    static const char sql[] = "SELECT MAX(Available) FROM information_schema.DISKS d JOIN (SELECT "
                              "@@datadir AS dir) x ON x.dir LIKE CONCAT(d.Path, '%')";
    int64_t needed = 0;
    cdc_error ignored;
    MYSQL_RES *res = NULL;
    cdc_error_clear(&ignored);
    for (size_t i = 0; i < in->list->catalog.ntables; i++) {
        needed += in->list->catalog.tables[i].bytes;
    }
    if (sink_mysql_query(in->conn, "read its disks", sql, sizeof sql - 1, &res, &ignored) !=
        CDC_OK) {
        cdc_checklist_add(
            in->list, "target_space", CDC_CHECK_PASS, in->conn->where,
            "the source's tables have about %lld MB of rows; the target does not tell "
            "how much room it has",
            (long long)needed / 1000000);
        return;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    int64_t kbytes = row != NULL && row[0] != NULL ? strtoll(row[0], NULL, 10) : INT64_MAX / 1024;
    bool small = in->env->task->phase_full && !in->begun && kbytes < needed / 1024;
    cdc_checklist_add(in->list, "target_space", small ? CDC_CHECK_WARN : CDC_CHECK_PASS,
                      in->conn->where, "the source's tables have about %lld MB of rows, %s",
                      (long long)needed / 1000000,
                      small ? "more than the target's disk has room for" : "and there is room");
    if (small) {
        cdc_checklist_cure(in->list, "give the target a larger disk");
    }
    mysql_free_result(res);
}

/* --- together --- */

/* Has the task applied something here? Then rows are no surprise. */
static cdc_rc sink_mysql_ask_begun(sink_mysql_inspection *in, cdc_error *err)
{
    static const char there[] = "SELECT 1 FROM information_schema.TABLES WHERE "
                                "TABLE_SCHEMA='sluice' AND TABLE_NAME='applied'";
    const char *task = in->env->task->name;
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_rc rc =
        sink_mysql_query(in->conn, "look for sluice.applied", there, sizeof there - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    bool exists = mysql_num_rows(res) > 0;
    mysql_free_result(res);
    if (!exists) {
        return CDC_OK;
    }
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT 1 FROM sluice.applied WHERE task=");
    sink_mysql_add_text(&sql, task, strlen(task));
    cdc_buffer_add_str(&sql, " LIMIT 1");
    rc = sink_mysql_query(in->conn, "read sluice.applied", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        in->begun = mysql_num_rows(res) > 0;
        mysql_free_result(res);
    }
    return rc == CDC_FATAL && cdc_checklist_has(in->list, "target_privileges") ? CDC_OK : rc;
}

static cdc_rc sink_mysql_check_tables(sink_mysql_inspection *in, cdc_error *err)
{
    const cdc_catalog *cat = &in->list->catalog;
    in->found = cdc_arena_zalloc(&in->list->arena, cat->ntables * sizeof *in->found);
    if (in->found == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the list of tables");
    }
    cdc_rc rc = sink_mysql_ask_begun(in, err);
    for (size_t i = 0; rc == CDC_OK && i < cat->ntables; i++) {
        rc = sink_mysql_check_table(in, &cat->tables[i], err);
    }
    if (rc == CDC_OK) {
        sink_mysql_pass(in, "target_tables",
                        in->nfound == cat->ntables
                            ? "every table is there"
                            : "tables that are missing are made by the phase schema");
        sink_mysql_pass(in, "target_columns", "every column has its place");
        sink_mysql_pass(in, "target_key", "every primary key is the source's");
        sink_mysql_pass(in, "target_data",
                        in->begun ? "the task has begun before" : "no row stands in the way");
    }
    return rc;
}

cdc_rc sink_mysql_check_objects(sink_mysql_conn *conn, const cdc_env *env, const cdc_rename *rename,
                                cdc_checklist *list, cdc_error *err)
{
    sink_mysql_inspection in = {.env = env, .conn = conn, .list = list, .rename = rename};
    if (list->catalog.server == NULL) {
        return CDC_OK; /* the source's tables are not known */
    }
    sink_mysql_cache_init(&in.cache, rename);
    cdc_rc rc = sink_mysql_check_tables(&in, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_check_triggers(&in, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_check_foreign_keys(&in, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_check_name_case(&in, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_check_collations(&in, err);
    }
    if (rc == CDC_OK) {
        sink_mysql_check_space(&in);
    }
    sink_mysql_cache_fini(&in.cache);
    return rc;
}

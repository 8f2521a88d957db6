#include "copy_cascades.h"

#include <string.h>

/* Does the server log every row that a cascade changes? */
static cdc_rc logs_cascades(src_mysql_connection *conn, bool *logs, cdc_error *err)
{
    *logs = false;
    if (conn->is_mariadb || conn->version < 90600) {
        return CDC_OK;
    }
    cdc_buffer native;
    cdc_buffer_init(&native, 64);
    cdc_rc rc =
        src_mysql_select_text(conn, "SELECT @@GLOBAL.innodb_native_foreign_keys", &native, err);
    *logs = rc == CDC_OK && strcmp(cdc_buffer_cstr(&native), "0") == 0;
    cdc_buffer_fini(&native);
    return rc;
}

static bool acts(const char *rule)
{
    return strcmp(rule, "CASCADE") == 0 || strcmp(rule, "SET NULL") == 0 ||
           strcmp(rule, "SET DEFAULT") == 0;
}

static bool add_cascade(src_mysql_cascades *cascades, MYSQL_ROW row)
{
    src_mysql_cascade *cascade = &cascades->items[cascades->n];
    cascade->parent_database = strdup(row[0]);
    cascade->parent = strdup(row[1]);
    cascade->column = strdup(row[2]);
    cascade->child_database = strdup(row[3]);
    cascade->child = strdup(row[4]);
    cascade->on_delete = acts(row[5]);
    cascade->on_update = acts(row[6]);
    cascades->n++;
    return cascade->parent_database != NULL && cascade->parent != NULL && cascade->column != NULL &&
           cascade->child_database != NULL && cascade->child != NULL;
}

cdc_rc src_mysql_cascades_load(src_mysql_cascades *cascades, src_mysql_connection *conn,
                               cdc_error *err)
{
    bool logs;
    MYSQL_RES *res = NULL;
    memset(cascades, 0, sizeof(*cascades));
    cdc_rc rc = logs_cascades(conn, &logs, err);
    if (rc != CDC_OK || logs) {
        return rc;
    }
    rc = src_mysql_select(
        conn,
        "SELECT k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, "
        "k.TABLE_SCHEMA, k.TABLE_NAME, r.DELETE_RULE, r.UPDATE_RULE "
        "FROM information_schema.KEY_COLUMN_USAGE k "
        "JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = "
        "k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = "
        "k.CONSTRAINT_NAME WHERE k.REFERENCED_TABLE_NAME IS NOT NULL",
        &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cascades->items = calloc((size_t)mysql_num_rows(res) + 1, sizeof(*cascades->items));
    bool ok = cascades->items != NULL;
    for (MYSQL_ROW row; ok && (row = mysql_fetch_row(res)) != NULL;) {
        ok = !(acts(row[5]) || acts(row[6])) || add_cascade(cascades, row);
    }
    mysql_free_result(res);
    return ok ? CDC_OK
              : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the foreign keys");
}

void src_mysql_cascades_fini(src_mysql_cascades *cascades)
{
    for (size_t i = 0; i < cascades->n; i++) {
        src_mysql_cascade *cascade = &cascades->items[i];
        free(cascade->parent_database);
        free(cascade->parent);
        free(cascade->column);
        free(cascade->child_database);
        free(cascade->child);
    }
    free(cascades->items);
    memset(cascades, 0, sizeof(*cascades));
}

bool src_mysql_cascade_reaches(const src_mysql_cascade *cascade, const cdc_event *ev)
{
    if (ev->op == CDC_OP_DELETE) {
        return cascade->on_delete;
    }
    if (ev->op != CDC_OP_UPDATE || !cascade->on_update) {
        return false;
    }
    int i = cdc_table_find_column(ev->table, cascade->column);
    return i < 0 || !cdc_value_equal(&ev->before[i], &ev->after[i]);
}

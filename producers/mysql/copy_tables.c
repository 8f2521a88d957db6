#include "copy_tables.h"

#include <strings.h>

#define SQL_MAX (1U << 20)

/* 'text' with quotes doubled; the session's sql_mode has no NO_BACKSLASH_ESCAPES, so those are
 * doubled too. */
static void add_literal(cdc_buffer *out, const char *s)
{
    cdc_buffer_add_char(out, '\'');
    for (; *s != '\0'; s++) {
        if (*s == '\'' || *s == '\\') {
            cdc_buffer_add_char(out, *s);
        }
        cdc_buffer_add_char(out, *s);
    }
    cdc_buffer_add_char(out, '\'');
}

int src_mysql_copy_table_compare(const char *database_a, const char *name_a, const char *database_b,
                                 const char *name_b)
{
    int c = strcmp(database_a, database_b);
    return c != 0 ? c : strcmp(name_a, name_b);
}

static int compare_tables(const void *a, const void *b)
{
    const src_mysql_copy_table *x = a;
    const src_mysql_copy_table *y = b;
    return src_mysql_copy_table_compare(x->database, x->name, y->database, y->name);
}

void src_mysql_copy_tables_fini(src_mysql_copy_tables *tables)
{
    for (size_t i = 0; i < tables->n; i++) {
        free(tables->items[i].database);
        free(tables->items[i].name);
    }
    free(tables->items);
    memset(tables, 0, sizeof(*tables));
}

static cdc_rc add_table(src_mysql_copy_tables *tables, MYSQL_ROW row, cdc_error *err)
{
    src_mysql_copy_table *table = &tables->items[tables->n];
    table->database = strdup(row[0]);
    table->name = strdup(row[1]);
    table->transactional = row[3] != NULL && strcmp(row[3], "InnoDB") == 0;
    table->rows_estimated = row[4] != NULL ? strtoull(row[4], NULL, 10) : 0;
    tables->n++;
    if (table->database == NULL || table->name == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the list of tables");
    }
    return CDC_OK;
}

cdc_rc src_mysql_copy_tables_session(src_mysql_connection *conn, cdc_error *err)
{
    if (conn->is_mariadb || conn->version < 80030) {
        return CDC_OK;
    }
    return src_mysql_execute(
        conn, "SET SESSION show_gipk_in_create_table_and_information_schema = ON", err);
}

static cdc_rc find_keys(src_mysql_copy_tables *tables, src_mysql_connection *conn, cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(conn,
                                 "SELECT TABLE_SCHEMA, TABLE_NAME, COUNT(SUB_PART) FROM "
                                 "information_schema.STATISTICS WHERE INDEX_NAME = 'PRIMARY' "
                                 "GROUP BY TABLE_SCHEMA, TABLE_NAME",
                                 &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (MYSQL_ROW row; (row = mysql_fetch_row(res)) != NULL;) {
        src_mysql_copy_table key = {.database = row[0], .name = row[1]};
        src_mysql_copy_table *table =
            bsearch(&key, tables->items, tables->n, sizeof(key), compare_tables);
        if (table != NULL) {
            table->has_key = true;
            table->has_prefix = strcmp(row[2], "0") != 0;
        }
    }
    mysql_free_result(res);
    return CDC_OK;
}

cdc_rc src_mysql_copy_tables_load(src_mysql_copy_tables *tables, src_mysql_connection *conn,
                                  const cdc_selection *selection, cdc_error *err)
{
    memset(tables, 0, sizeof(*tables));
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(
        conn,
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS "
        "FROM information_schema.TABLES "
        "WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN "
        "('mysql', 'sys', 'information_schema', 'performance_schema')",
        &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    tables->items = calloc((size_t)mysql_num_rows(res) + 1, sizeof(*tables->items));
    if (tables->items == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the list of tables");
    }
    for (MYSQL_ROW row; rc == CDC_OK && (row = mysql_fetch_row(res)) != NULL;) {
        if (cdc_selection_table(selection, row[0], row[1])) {
            rc = add_table(tables, row, err);
        }
    }
    mysql_free_result(res);
    if (rc == CDC_OK && tables->n == 0) {
        rc = cdc_error_refuse(
            err, "mysql_no_tables",
            "no table of server %s matches objects.include, or user %s may not see it; "
            "check the patterns, and GRANT SELECT on the tables",
            conn->name, conn->user);
    }
    if (rc == CDC_OK) {
        qsort(tables->items, tables->n, sizeof(*tables->items), compare_tables);
        rc = find_keys(tables, conn, err);
    }
    return rc;
}

/* --- one table's definition --- */

static cdc_rc select_for(src_mysql_connection *conn, const char *head,
                         const src_mysql_table_info *table, const char *tail, MYSQL_RES **res,
                         cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, head);
    cdc_buffer_add_str(&sql, " WHERE TABLE_SCHEMA = ");
    add_literal(&sql, table->database);
    cdc_buffer_add_str(&sql, " AND TABLE_NAME = ");
    add_literal(&sql, table->name);
    cdc_buffer_add_str(&sql, tail);
    cdc_rc rc = src_mysql_select(conn, cdc_buffer_cstr(&sql), res, err);
    cdc_buffer_fini(&sql);
    return rc;
}

static uint64_t number(const char *s)
{
    return s != NULL ? strtoull(s, NULL, 10) : 0;
}

static void read_column(MYSQL_ROW row, src_mysql_column_info *col)
{
    col->name = row[0];
    col->data_type = row[1];
    col->column_type = row[2];
    col->charset = row[3];
    col->octets = number(row[4]);
    col->chars = number(row[5]);
    col->precision = (uint32_t)number(row[6]);
    col->scale = (uint32_t)number(row[7]);
    col->datetime_precision = (uint32_t)number(row[8]);
    col->nullable = row[9] != NULL && strcmp(row[9], "YES") == 0;
    col->generation = row[10];
}

/* keys: room for ncols. The primary key's columns by their place in cols. */
static cdc_rc read_keys(MYSQL_RES *res, src_mysql_table_info *info, uint16_t *keys, cdc_error *err)
{
    for (MYSQL_ROW row; (row = mysql_fetch_row(res)) != NULL;) {
        uint32_t i = 0;
        while (i < info->ncols && strcmp(info->cols[i].name, row[0]) != 0) {
            i++;
        }
        if (i == info->ncols || info->nkeys == info->ncols) {
            return cdc_error_set(
                err, CDC_RETRY, "mysql_definition",
                "table %s.%s is being altered (key column %s is not among its columns)",
                info->database, info->name, row[0]);
        }
        keys[info->nkeys++] = (uint16_t)i;
    }
    return CDC_OK;
}

static uint32_t hash_text(uint32_t h, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        h = (h ^ (unsigned char)*p) * 16777619U;
    }
    return (h ^ 0xffU) * 16777619U;
}

/* The key's columns with their types and collations, which order them; results as selected below.
 */
static uint32_t hash_key(MYSQL_RES *columns, MYSQL_RES *keys)
{
    uint32_t h = 2166136261U;
    mysql_data_seek(keys, 0);
    for (MYSQL_ROW key; (key = mysql_fetch_row(keys)) != NULL;) {
        mysql_data_seek(columns, 0);
        for (MYSQL_ROW col; (col = mysql_fetch_row(columns)) != NULL;) {
            if (strcmp(col[0], key[0]) == 0) {
                h = hash_text(hash_text(h, col[0]), col[2]);
                h = hash_text(h, col[11] != NULL ? col[11] : "");
            }
        }
    }
    return h != 0 ? h : 1;
}

/* The two columns of MariaDB's system versioning that information_schema does not show where the
 * definition does not name them: behind all others, in the order of an event. */
static void add_row_times(src_mysql_table_info *info, src_mysql_column_info *cols)
{
    static const char *const names[][2] = {{"row_start", "ROW START"}, {"row_end", "ROW END"}};
    for (uint32_t i = 0; i < info->ncols; i++) {
        if (cols[i].generation != NULL && strcasecmp(cols[i].generation, names[0][1]) == 0) {
            return;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        cols[info->ncols++] = (src_mysql_column_info){.name = names[i][0],
                                                      .data_type = "timestamp",
                                                      .column_type = "timestamp(6)",
                                                      .datetime_precision = 6,
                                                      .generation = names[i][1]};
    }
}

static cdc_rc build(src_mysql_table_info *info, MYSQL_RES *columns, MYSQL_RES *keys,
                    const src_mysql_table_map *map, src_mysql_table **out, cdc_error *err)
{
    size_t ncols = (size_t)mysql_num_rows(columns);
    src_mysql_column_info *cols = calloc(ncols + 2, sizeof(*cols));
    uint16_t *key_cols = calloc(ncols + 2, sizeof(*key_cols));
    cdc_rc rc = CDC_OK;
    if (cols == NULL || key_cols == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a table's definition");
    } else {
        for (MYSQL_ROW row; (row = mysql_fetch_row(columns)) != NULL;) {
            read_column(row, &cols[info->ncols++]);
        }
        if (info->versioned) {
            add_row_times(info, cols);
        }
        info->cols = cols;
        info->keys = key_cols;
        rc = read_keys(keys, info, key_cols, err);
    }
    if (rc == CDC_OK) {
        rc = map != NULL ? src_mysql_table_build(map, info, out, err)
                         : src_mysql_table_from_info(info, out, err);
    }
    free(cols);
    free(key_cols);
    return rc;
}

/* What MariaDB says it is; the columns of an event depend on it. */
static cdc_rc ask_type(src_mysql_connection *conn, src_mysql_table_info *info, bool *sequence,
                       cdc_error *err)
{
    MYSQL_RES *res = NULL;
    cdc_rc rc =
        select_for(conn, "SELECT TABLE_TYPE FROM information_schema.TABLES", info, "", &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    const char *type = row != NULL && row[0] != NULL ? row[0] : "";
    info->versioned = strcmp(type, "SYSTEM VERSIONED") == 0;
    *sequence = strcmp(type, "SEQUENCE") == 0;
    mysql_free_result(res);
    return CDC_OK;
}

cdc_rc src_mysql_copy_table_define(src_mysql_connection *conn, const src_mysql_copy_table *table,
                                   const src_mysql_table_map *map, src_mysql_table **out,
                                   uint32_t *key_definition, cdc_error *err)
{
    MYSQL_RES *columns = NULL;
    MYSQL_RES *keys = NULL;
    src_mysql_table_info info = {.database = table->database, .name = table->name};
    bool sequence = false;
    *out = NULL;
    cdc_rc rc = map != NULL && conn->is_mariadb ? ask_type(conn, &info, &sequence, err) : CDC_OK;
    if (rc != CDC_OK || sequence) {
        return rc;
    }
    rc = select_for(conn,
                    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, "
                    "CHARACTER_OCTET_LENGTH, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, "
                    "NUMERIC_SCALE, DATETIME_PRECISION, IS_NULLABLE, GENERATION_EXPRESSION, "
                    "COLLATION_NAME "
                    "FROM information_schema.COLUMNS",
                    &info, " ORDER BY ORDINAL_POSITION", &columns, err);
    if (rc == CDC_OK) {
        rc = select_for(conn, "SELECT COLUMN_NAME FROM information_schema.STATISTICS", &info,
                        " AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX", &keys, err);
    }
    if (rc == CDC_OK) {
        rc = mysql_num_rows(columns) == 0 ? CDC_SKIP : build(&info, columns, keys, map, out, err);
    }
    if (rc == CDC_OK && key_definition != NULL) {
        *key_definition = hash_key(columns, keys);
    }
    if (columns != NULL) {
        mysql_free_result(columns);
    }
    if (keys != NULL) {
        mysql_free_result(keys);
    }
    return rc;
}

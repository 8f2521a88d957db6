#include "catalog.h"

#include <stdlib.h>

#include "core/table.h"

#define NOT_THE_SERVERS " NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') "

typedef struct loader {
    cdc_catalog *cat;
    src_mysql_connection *conn;
    const cdc_selection *selection;
    src_mysql_extent *extents;
} loader;

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the list of tables");
}

static const char *dup(loader *ld, const char *s)
{
    return s != NULL ? cdc_arena_strndup(&ld->cat->arena, s, strlen(s)) : NULL;
}

static int64_t number(const char *s)
{
    return s != NULL ? strtoll(s, NULL, 10) : 0;
}

static cdc_rc load_server(loader *ld, cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(
        ld->conn, "SELECT @@GLOBAL.max_allowed_packet, @@GLOBAL.lower_case_table_names", &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    ld->cat->server = dup(ld, ld->conn->name);
    ld->cat->flavour = ld->conn->is_mariadb ? "MariaDB" : "MySQL";
    ld->cat->version = ld->conn->version;
    ld->cat->max_packet_bytes = row != NULL ? number(row[0]) : 0;
    ld->cat->name_case = row != NULL ? number(row[1]) : -1;
    mysql_free_result(res);
    return ld->cat->server != NULL ? CDC_OK : no_memory(err);
}

/* --- tables --- */

static int compare_tables(const void *a, const void *b)
{
    const cdc_catalog_table *x = a;
    const cdc_catalog_table *y = b;
    int c = strcmp(x->database, y->database);
    return c != 0 ? c : strcmp(x->name, y->name);
}

static cdc_catalog_table *find_table(loader *ld, const char *database, const char *name)
{
    cdc_catalog_table key = {.database = database, .name = name};
    cdc_catalog *cat = ld->cat;
    return cat->ntables > 0
               ? bsearch(&key, cat->tables, cat->ntables, sizeof(*cat->tables), compare_tables)
               : NULL;
}

static cdc_rc load_tables(loader *ld, cdc_error *err)
{
    cdc_catalog *cat = ld->cat;
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(
        ld->conn,
        "SELECT TABLE_SCHEMA, TABLE_NAME, DATA_LENGTH FROM information_schema.TABLES WHERE "
        "TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA" NOT_THE_SERVERS,
        &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    size_t n = (size_t)mysql_num_rows(res);
    cat->tables = cdc_arena_zalloc(&cat->arena, n * sizeof(*cat->tables));
    ld->extents = cdc_arena_zalloc(&cat->arena, n * sizeof(*ld->extents));
    rc = cat->tables != NULL && ld->extents != NULL ? CDC_OK : no_memory(err);
    for (MYSQL_ROW row; rc == CDC_OK && (row = mysql_fetch_row(res)) != NULL;) {
        if (!cdc_selection_table(ld->selection, row[0], row[1])) {
            continue;
        }
        cdc_catalog_table *table = &cat->tables[cat->ntables++];
        table->database = dup(ld, row[0]);
        table->name = dup(ld, row[1]);
        table->bytes = number(row[2]);
        rc = table->database != NULL && table->name != NULL ? CDC_OK : no_memory(err);
    }
    mysql_free_result(res);
    if (rc == CDC_OK && cat->ntables > 1) {
        qsort(cat->tables, cat->ntables, sizeof(*cat->tables), compare_tables);
    }
    return rc;
}

/* Runs a query whose rows begin with database and table, and gives each row of a selected table to
 * take, which says false when memory is out. */
static cdc_rc for_each(loader *ld, const char *sql,
                       bool (*take)(loader *ld, cdc_catalog_table *table, MYSQL_ROW row),
                       cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(ld->conn, sql, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (MYSQL_ROW row; rc == CDC_OK && (row = mysql_fetch_row(res)) != NULL;) {
        cdc_catalog_table *table = find_table(ld, row[0], row[1]);
        if (table != NULL && !take(ld, table, row)) {
            rc = no_memory(err);
        }
    }
    mysql_free_result(res);
    return rc;
}

static bool take_engine(loader *ld, cdc_catalog_table *table, MYSQL_ROW row)
{
    ld->extents[table - ld->cat->tables].is_innodb =
        row[2] != NULL && strcasecmp(row[2], "InnoDB") == 0;
    return true;
}

static bool take_column_count(loader *ld, cdc_catalog_table *table, MYSQL_ROW row)
{
    uint32_t n = (uint32_t)number(row[2]);
    table->cols = cdc_arena_zalloc(&ld->cat->arena, n * sizeof(*table->cols));
    table->keys = cdc_arena_zalloc(&ld->cat->arena, n * sizeof(*table->keys));
    table->ncols = n;
    return table->cols != NULL && table->keys != NULL;
}

static bool take_column(loader *ld, cdc_catalog_table *table, MYSQL_ROW row)
{
    const cdc_rules *rules = cdc_selection_rules(ld->selection);
    uint32_t i = 0;
    while (i < table->ncols && table->cols[i].name != NULL) {
        i++;
    }
    if (i == table->ncols || /* it is being altered */
        !cdc_rule_column(cdc_rules_find(rules, table->database, table->name), row[2])) {
        return true;
    }
    src_mysql_extent *extent = &ld->extents[table - ld->cat->tables];
    int64_t packet = ld->cat->max_packet_bytes;
    bool json = row[7] != NULL && strcmp(row[7], "json") == 0;
    extent->row_bytes += json ? packet : number(row[6]);
    extent->row_bytes = extent->row_bytes < packet ? extent->row_bytes : packet;
    table->cols[i] = (cdc_catalog_column){.name = dup(ld, row[2]),
                                          .type = dup(ld, row[3]),
                                          .collation = dup(ld, row[4]),
                                          .nullable = row[5] != NULL && row[5][0] == 'Y',
                                          .generated = row[8] != NULL && row[8][0] != '\0'};
    return table->cols[i].name != NULL && table->cols[i].type != NULL;
}

/* Fewer came than were counted: some are left out, or the table is being altered. */
static void trim_columns(cdc_catalog_table *table)
{
    while (table->ncols > 0 && table->cols[table->ncols - 1].name == NULL) {
        table->ncols--;
    }
}

static bool take_key(loader *ld, cdc_catalog_table *table, MYSQL_ROW row)
{
    if (table->nkeys < table->ncols) {
        table->keys[table->nkeys++] = dup(ld, row[2]);
        return table->keys[table->nkeys - 1] != NULL;
    }
    return true;
}

cdc_rc src_mysql_catalog_load(cdc_catalog *cat, src_mysql_connection *conn,
                              const cdc_selection *selection, src_mysql_extent **extents,
                              cdc_error *err)
{
    static const struct {
        const char *sql;
        bool (*take)(loader *ld, cdc_catalog_table *table, MYSQL_ROW row);
    } steps[] = {
        {"SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE "
         "TABLE_SCHEMA" NOT_THE_SERVERS,
         take_engine},
        {"SELECT TABLE_SCHEMA, TABLE_NAME, COUNT(*) FROM information_schema.COLUMNS WHERE "
         "TABLE_SCHEMA" NOT_THE_SERVERS "GROUP BY TABLE_SCHEMA, TABLE_NAME",
         take_column_count},
        {"SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, IS_NULLABLE, "
         "CHARACTER_OCTET_LENGTH, DATA_TYPE, GENERATION_EXPRESSION FROM information_schema.COLUMNS "
         "WHERE TABLE_SCHEMA" NOT_THE_SERVERS "ORDER BY ORDINAL_POSITION",
         take_column},
        {"SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE "
         "INDEX_NAME = 'PRIMARY' AND TABLE_SCHEMA" NOT_THE_SERVERS "ORDER BY SEQ_IN_INDEX",
         take_key},
    };
    loader ld = {.cat = cat, .conn = conn, .selection = selection};
    cdc_rc rc = load_server(&ld, err);
    if (rc == CDC_OK) {
        rc = load_tables(&ld, err);
    }
    for (size_t i = 0; rc == CDC_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
        rc = for_each(&ld, steps[i].sql, steps[i].take, err);
    }
    for (size_t i = 0; rc == CDC_OK && i < cat->ntables; i++) {
        trim_columns(&cat->tables[i]);
    }
    *extents = ld.extents;
    return rc;
}

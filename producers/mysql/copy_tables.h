/* What a full copy copies: the list of selected tables, and their definitions from
 * information_schema. */
#ifndef SRC_MYSQL_COPY_TABLES_H
#define SRC_MYSQL_COPY_TABLES_H

#include "connection.h"
#include "core/selection.h"
#include "table_map.h"

typedef struct src_mysql_copy_table {
    char *database, *name; /* owned */
    bool transactional;    /* a snapshot holds for its rows */
    bool has_key;          /* a primary key */
    bool has_prefix;       /* ...over the beginnings of columns, which does not give their order */
    uint64_t rows_estimated;
} src_mysql_copy_table;

typedef struct src_mysql_copy_tables {
    src_mysql_copy_table *items; /* ordered by database, then name, byte for byte */
    size_t n;
} src_mysql_copy_tables;

int src_mysql_copy_table_compare(const char *database_a, const char *name_a, const char *database_b,
                                 const char *name_b);

/* Base tables that the selection takes; never the server's own databases. FATAL with exit 3: none
 * at all, or one that cannot be copied. */
cdc_rc src_mysql_copy_tables_load(src_mysql_copy_tables *tables, src_mysql_connection *conn,
                                  const cdc_selection *selection, cdc_error *err) CDC_MUST_CHECK;
void src_mysql_copy_tables_fini(src_mysql_copy_tables *tables);

/* What the session needs that lists and reads tables: their invisible keys are shown. */
cdc_rc src_mysql_copy_tables_session(src_mysql_connection *conn, cdc_error *err) CDC_MUST_CHECK;

/* The definition, as the binlog would give it, and a fingerprint of its primary key and the key's
 * order, never 0 (NULL: not asked for). map: an event that it must fit, or NULL; with one, *out
 * NULL means a sequence. SKIP: the table is gone. */
cdc_rc src_mysql_copy_table_define(src_mysql_connection *conn, const src_mysql_copy_table *table,
                                   const src_mysql_table_map *map, src_mysql_table **out,
                                   uint32_t *key_definition, cdc_error *err) CDC_MUST_CHECK;

#endif

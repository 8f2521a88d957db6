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

/* The definition, as the binlog would give it. map: an event that it must fit, or NULL. SKIP: the
 * table is gone. */
cdc_rc src_mysql_copy_table_define(src_mysql_connection *conn, const src_mysql_copy_table *table,
                                   const src_mysql_table_map *map, src_mysql_table **out,
                                   cdc_error *err) CDC_MUST_CHECK;

/* Appends `name`, with inner backticks doubled. */
void src_mysql_add_name(cdc_buffer *out, const char *name);

#endif

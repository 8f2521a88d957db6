/* The selected tables of a server, in bulk from information_schema, for a precheck. */
#ifndef SRC_MYSQL_CATALOG_H
#define SRC_MYSQL_CATALOG_H

#include "connection.h"
#include "core/catalog.h"
#include "core/selection.h"

/* What only the source's own checks want to know of a table. */
typedef struct src_mysql_extent {
    bool is_innodb;
    int64_t row_bytes; /* the most that a row may have, by its columns and max_allowed_packet */
} src_mysql_extent;

/* Fills in an empty catalog: the server, and every table that the selection takes. extents: one for
 * each table, in the catalog's arena. Sees only what the account may see. */
cdc_rc src_mysql_catalog_load(cdc_catalog *cat, src_mysql_connection *conn,
                              const cdc_selection *selection, src_mysql_extent **extents,
                              cdc_error *err) CDC_MUST_CHECK;

#endif

/* src_mysql_rows: walks the rows of a WRITE, UPDATE or DELETE_ROWS event, versions 1 and 2, and of
 * PARTIAL_UPDATE_ROWS, whose JSON columns are made whole again.
 *
 *     src_mysql_rows rows;
 *     src_mysql_rows_begin(&ev, &rows, err);      -> rows.table_id: find the table, or leave it
 *     while ((rc = src_mysql_rows_next(&rows, tbl, dec, &before, &after, err)) == CDC_OK) {...}
 *
 * Page: MySQL source documentation, class Rows_event. */
#ifndef SRC_MYSQL_ROWS_H
#define SRC_MYSQL_ROWS_H

#include "core/event.h"
#include "producers/mysql/event.h"
#include "producers/mysql/value.h"

#define SRC_MYSQL_ROWS_STMT_END 0x0001U /* last rows event of its statement: table ids end here */
#define SRC_MYSQL_ROWS_NO_FOREIGN_KEYS                                                             \
    0x0002U /* changed without checks: foreign_key_checks=0, or                                    \
               by a cascade that is logged row by row */
#define SRC_MYSQL_ROWS_NO_TABLE                                                                    \
    0x00ffffffU /* table id of an empty event that only carries the flag */

typedef struct src_mysql_rows {
    uint64_t table_id;
    uint16_t flags;
    cdc_op op;
    uint32_t ncols;
    bool full;    /* all columns are in the row images */
    bool partial; /* after-images begin with value options */
    cdc_cursor data;
} src_mysql_rows;

/* FATAL: malformed. */
cdc_rc src_mysql_rows_begin(const src_mysql_event *ev, src_mysql_rows *out,
                            cdc_error *err) CDC_MUST_CHECK;

/* The next row: *before and *after are arrays of tbl->ncols values in dec->ar, NULL where the
 * operation has none. EOF behind the last row. FATAL: malformed, another column count than the
 * table's, a row image that is not FULL, no memory; err names table, and column if there is one. */
cdc_rc src_mysql_rows_next(src_mysql_rows *rows, const src_mysql_table *tbl, src_mysql_decode *dec,
                           cdc_value **before, cdc_value **after, cdc_error *err) CDC_MUST_CHECK;

/* For a table with system versioning: what the row event means for the current rows, of which
 * alone the table consists for us. Hidden columns are taken out of the images; an UPDATE that ends
 * a row leaves its before-image (a DELETE), history leaves nothing. False: nothing is left. */
bool src_mysql_rows_current(const src_mysql_table *tbl, cdc_value **before, cdc_value **after);

#endif

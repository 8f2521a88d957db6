/* Inside table_map.c and table_info.c: column specs on their way to a src_mysql_table. */
#ifndef SRC_MYSQL_TABLE_SPEC_H
#define SRC_MYSQL_TABLE_SPEC_H

#include "producers/mysql/type_text.h"

#define SRC_MYSQL_TABLE_ARENA_MAX (256U << 20) /* names, labels and type texts of one table */

typedef struct src_mysql_definition {
    const char *database;
    const char *name;
    const src_mysql_column_spec *specs;
    uint32_t ncols;
    const uint16_t *keys;
    uint32_t nkeys;
} src_mysql_definition;

/* Builds the table; ar is for the texts on the way, nothing of it is kept. */
cdc_rc src_mysql_table_define(const src_mysql_definition *def, cdc_arena *ar, src_mysql_table **out,
                              cdc_error *err) CDC_MUST_CHECK;

/* Specs of info->ncols columns from information_schema; texts are borrowed from info or lie in ar.
 */
cdc_rc src_mysql_specs_from_info(const src_mysql_table_info *info, cdc_arena *ar,
                                 src_mysql_column_spec **out, cdc_error *err) CDC_MUST_CHECK;

#endif

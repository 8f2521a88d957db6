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

/* Is what it shows in the log also another type's? BINARY(16), BINARY(4), old dates and times. */
bool src_mysql_spec_is_binary(const src_mysql_column_spec *spec);
bool src_mysql_spec_is_old_temporal(const src_mysql_column_spec *spec);
/* The shape of a MariaDB sequence. */
bool src_mysql_specs_are_sequence(const src_mysql_column_spec *specs, uint32_t ncols);

/* Builds the table; ar is for the texts on the way, nothing of it is kept. */
cdc_rc src_mysql_table_define(const src_mysql_definition *def, cdc_arena *ar, src_mysql_table **out,
                              cdc_error *err) CDC_MUST_CHECK;

/* Specs of info->ncols columns from information_schema; texts are borrowed from info or lie in ar.
 */
cdc_rc src_mysql_specs_from_info(const src_mysql_table_info *info, cdc_arena *ar,
                                 src_mysql_column_spec **out, cdc_error *err) CDC_MUST_CHECK;

#endif

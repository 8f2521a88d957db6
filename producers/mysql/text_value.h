/* src_mysql_text_value: one cell of a text protocol result to the cdc_value that the binlog gives.
 *
 * The session that selects must have run SRC_MYSQL_TEXT_SESSION: results unconverted, in each
 * column's own charset, times in UTC. The select list comes from src_mysql_text_column, because
 * some types have no faithful text (FLOAT) or an ambiguous one (ENUM, SET). */
#ifndef SRC_MYSQL_TEXT_VALUE_H
#define SRC_MYSQL_TEXT_VALUE_H

#include "core/buffer.h"
#include "producers/mysql/value.h"

#define SRC_MYSQL_TEXT_SESSION                                                                     \
    "SET SESSION character_set_results = NULL, time_zone = '+00:00', sql_mode = ''"

/* Appends the expression that selects column col, with its name quoted. */
void src_mysql_text_column(const src_mysql_table *tbl, uint32_t col, cdc_buffer *out);

/* cell.p NULL: SQL NULL. The value's bytes are copied into dec->ar. FATAL: not the text of that
 * type, or no memory; err names table and column. */
cdc_rc src_mysql_text_value(const src_mysql_table *tbl, uint32_t col, src_mysql_text cell,
                            src_mysql_decode *dec, cdc_value *out, cdc_error *err) CDC_MUST_CHECK;

#endif

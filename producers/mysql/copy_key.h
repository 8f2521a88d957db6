/* Primary keys of rows: as SQL, to name a range of them, and as bytes, to find a row again. */
#ifndef SRC_MYSQL_COPY_KEY_H
#define SRC_MYSQL_COPY_KEY_H

#include "core/buffer.h"
#include "core/value.h"
#include "table_map.h"

/* Appends the literal of one key column: val is its value, cell its text as the server gave it.
 * Literals hold digits, signs, or hexadecimal only, no comma and nothing to escape: `_latin1
 * X'6162'`, `-7`. */
void src_mysql_key_literal(const cdc_column *col, const cdc_value *val, const char *cell, size_t n,
                           cdc_buffer *out);

/* The key of one row as literals joined by ",": row has the table's values, cells and lengths the
 * texts of the key's columns, in the key's order. */
void src_mysql_key_literals(const cdc_table *tbl, const cdc_value *row, char *const *cells,
                            const unsigned long *lengths, cdc_buffer *out);

/* Appends " WHERE " and what holds for the rows behind the key `from`, up to the key `to` with it,
 * in a form for which both servers use the primary key: (t.`a` >= x AND (t.`a` > x OR (t.`a` = x
 * AND (t.`b` > y)))). Keys are literals joined by ","; "" is no bound. FATAL: another number of
 * literals than the key has columns. */
cdc_rc src_mysql_key_range(const cdc_table *tbl, const char *from, const char *to, cdc_buffer *out,
                           cdc_error *err) CDC_MUST_CHECK;

/* Appends bytes that two rows of equal definition have in common exactly when their keys are the
 * same value for value, byte for byte. */
void src_mysql_key_bytes(const cdc_table *tbl, const cdc_value *row, cdc_buffer *out);

#endif

/* The primary key of the last copied row as SQL, to go on behind it. */
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

/* Appends "(t.`a` >= x AND (t.`a` > x OR (t.`a` = x AND (...))))": rows behind the key, in a form
 * for which both servers use the primary key. key: literals joined by ",". FATAL: another number of
 * literals than the key has columns, as after an ALTER. */
cdc_rc src_mysql_key_condition(const cdc_table *tbl, const char *key, cdc_buffer *out,
                               cdc_error *err) CDC_MUST_CHECK;

#endif

/* SQL literals: a cdc_value as text that MySQL and MariaDB read back to exactly that value.
 *
 * Written straight into the statement's buffer. Nothing that comes from a message gets into a
 * statement but through here: text and bytes are escaped, decimals are checked character by
 * character. The session must have NAMES utf8mb4, time zone +00:00, and an sql_mode without
 * NO_BACKSLASH_ESCAPES and ANSI_QUOTES. */
#ifndef SINK_MYSQL_LITERAL_H
#define SINK_MYSQL_LITERAL_H

#include "core/buffer.h"
#include "core/table.h"

/* Appends the value. False: a value that has no literal (ABSENT, a decimal that is none, NaN). ENUM
 * and SET are written as numbers, which stand for the position of the label. */
bool sink_mysql_add_value(cdc_buffer *buf, const cdc_value *v);
/* ENUM and SET by label: for a target column whose labels are others. Labels that are unknown: the
 * number. */
bool sink_mysql_add_labels(cdc_buffer *buf, const cdc_value *v, const cdc_column *col);
/* 'text', escaped. */
void sink_mysql_add_text(cdc_buffer *buf, const char *p, size_t n);
/* `name`, escaped. */
void sink_mysql_add_name(cdc_buffer *buf, const char *name);

#endif

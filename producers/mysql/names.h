/* Names of databases, tables, and columns as SQL takes them. */
#ifndef SRC_MYSQL_NAMES_H
#define SRC_MYSQL_NAMES_H

#include "core/buffer.h"

/* Appends `name`, with inner backticks doubled. */
void src_mysql_add_name(cdc_buffer *out, const char *name);
/* Appends `database`.`table`. */
void src_mysql_add_table(cdc_buffer *out, const char *database, const char *table);

#endif

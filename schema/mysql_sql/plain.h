/* cdc_sql_plain: a statement written under ANSI_QUOTES or NO_BACKSLASH_ESCAPES as a session without
 * them writes it, so that whoever reads the statement later need not know its sql_mode. Any thread.
 */
#ifndef CDC_SQL_PLAIN_H
#define CDC_SQL_PLAIN_H

#include "token.h"

/* *sql and *len are replaced, in the arena, if anything changes. False: the arena is full. */
bool cdc_sql_plain(const char **sql, size_t *len, unsigned mode, cdc_arena *ar) CDC_MUST_CHECK;

#endif

/* src_mysql_charset_table: to UTF-8 from the character sets that charset.c does not convert itself:
 * those by table, and the wide ones (UCS-2, UTF-16, UTF-32).
 *
 * What a code means is the server's own mapping (charset_tables.h). A code that stands for no
 * character becomes one U+FFFD; an ASCII byte is never swallowed by a byte before it that is
 * wrong. The tables of several bytes are unfolded at their first use, by whichever thread comes
 * first. Any thread. */
#ifndef SRC_MYSQL_CHARSET_TABLE_H
#define SRC_MYSQL_CHARSET_TABLE_H

#include "producers/mysql/charset.h"

/* As src_mysql_charset_to_utf8, for converts from SRC_MYSQL_CONVERT_UCS2 on. */
bool src_mysql_charset_table_to_utf8(src_mysql_convert convert, src_mysql_text *text, cdc_arena *ar,
                                     uint64_t *bad) CDC_MUST_CHECK;

#endif

/* src_mysql_charset: the character sets of MySQL and MariaDB: their names, sizes, and the way to
 * UTF-8.
 *
 * Names of objects are UTF-8 in the log; values, labels and statements are in the charset of their
 * column or client. The ids are those of MySQL 9.7 and MariaDB 10.11 (information_schema.COLLATIONS
 * of both; they do not contradict each other). Tables are constant; any thread. */
#ifndef SRC_MYSQL_CHARSET_H
#define SRC_MYSQL_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

typedef enum src_mysql_convert {
    SRC_MYSQL_CONVERT_BINARY = 1, /* octets, never text */
    SRC_MYSQL_CONVERT_UTF8,       /* utf8mb4, utf8mb3: checked, used in place */
    SRC_MYSQL_CONVERT_LATIN1,     /* MySQL's latin1: cp1252, with its five holes as U+0081... */
    /* Where a byte below 0x80 need not be ASCII: */
    SRC_MYSQL_CONVERT_UCS2,
    SRC_MYSQL_CONVERT_UTF16,
    SRC_MYSQL_CONVERT_UTF16LE,
    SRC_MYSQL_CONVERT_UTF32,
    SRC_MYSQL_CONVERT_SWE7,
    /* By table, ASCII in the lower half: */
    SRC_MYSQL_CONVERT_BIG5,
    SRC_MYSQL_CONVERT_EUCKR,
    SRC_MYSQL_CONVERT_GB2312,
    SRC_MYSQL_CONVERT_GBK,
    SRC_MYSQL_CONVERT_GB18030,
    SRC_MYSQL_CONVERT_SJIS,
    SRC_MYSQL_CONVERT_CP932,
    SRC_MYSQL_CONVERT_UJIS,
    SRC_MYSQL_CONVERT_EUCJPMS,
    SRC_MYSQL_CONVERT_SINGLE, /* plus SRC_MYSQL_SINGLE_* of charset_tables.h: one byte each */
} src_mysql_convert;

typedef struct src_mysql_charset {
    const char *name;
    uint8_t maxlen;  /* bytes a character at most: VARCHAR(n) is n * maxlen bytes in the metadata */
    uint8_t convert; /* src_mysql_convert */
} src_mysql_charset;

/* NULL: not known. */
const src_mysql_charset *src_mysql_charset_by_collation(uint64_t id);
const src_mysql_charset *src_mysql_charset_by_name(const char *name);

typedef struct src_mysql_text {
    const char *p;
    size_t n;
} src_mysql_text;

/* Turns text in that charset into valid UTF-8: text->p stays when nothing had to change, else
 * points into the arena. Bytes that are no text become U+FFFD and are added to *bad (may be NULL).
 * False: the arena is full. convert is not BINARY. */
bool src_mysql_charset_to_utf8(src_mysql_convert convert, src_mysql_text *text, cdc_arena *ar,
                               uint64_t *bad) CDC_MUST_CHECK;

/* Length of the longest prefix that is valid UTF-8 (Unicode 3.9, table 3-7: no surrogates, no
 * overlong forms); n when all is. */
size_t src_mysql_utf8_valid_prefix(const uint8_t *p, size_t n);

#endif

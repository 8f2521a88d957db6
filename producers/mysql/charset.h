/* src_mysql_charset: the character sets of MySQL and MariaDB: their names, sizes, and the way to
 * UTF-8.
 *
 * The ids are those of MySQL 9.7 and MariaDB 10.11 (information_schema.COLLATIONS of both; they do
 * not contradict each other). Tables are constant; any thread. */
#ifndef SRC_MYSQL_CHARSET_H
#define SRC_MYSQL_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

typedef enum src_mysql_convert {
    SRC_MYSQL_CONVERT_NONE = 0, /* this version has no way to UTF-8 */
    SRC_MYSQL_CONVERT_BINARY,   /* octets, never text */
    SRC_MYSQL_CONVERT_UTF8,     /* utf8mb4, utf8mb3, ascii: checked, used in place */
    SRC_MYSQL_CONVERT_LATIN1,   /* MySQL's latin1: cp1252, with its five holes as U+0081... */
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
 * points into the arena. Bytes that are no text become U+FFFD each and are added to *bad (may be
 * NULL). False: the arena is full. convert must be UTF8 or LATIN1. */
bool src_mysql_charset_to_utf8(src_mysql_convert convert, src_mysql_text *text, cdc_arena *ar,
                               uint64_t *bad) CDC_MUST_CHECK;

/* Length of the longest prefix that is valid UTF-8 (Unicode 3.9, table 3-7: no surrogates, no
 * overlong forms); n when all is. */
size_t src_mysql_utf8_valid_prefix(const uint8_t *p, size_t n);

#endif

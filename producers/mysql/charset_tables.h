/* Tables of the character sets that follow no rule, written by charset_tables.py from a server's
 * own conversion. Constant; for charset.c and charset_table.c only. */
#ifndef SRC_MYSQL_CHARSET_TABLES_H
#define SRC_MYSQL_CHARSET_TABLES_H

#include <stddef.h>
#include <stdint.h>

/* Charsets of one byte a character. */
enum {
    SRC_MYSQL_SINGLE_ARMSCII8,
    SRC_MYSQL_SINGLE_ASCII,
    SRC_MYSQL_SINGLE_CP1250,
    SRC_MYSQL_SINGLE_CP1251,
    SRC_MYSQL_SINGLE_CP1256,
    SRC_MYSQL_SINGLE_CP1257,
    SRC_MYSQL_SINGLE_CP850,
    SRC_MYSQL_SINGLE_CP852,
    SRC_MYSQL_SINGLE_CP866,
    SRC_MYSQL_SINGLE_DEC8,
    SRC_MYSQL_SINGLE_GEOSTD8,
    SRC_MYSQL_SINGLE_GREEK,
    SRC_MYSQL_SINGLE_HEBREW,
    SRC_MYSQL_SINGLE_HP8,
    SRC_MYSQL_SINGLE_KEYBCS2,
    SRC_MYSQL_SINGLE_KOI8R,
    SRC_MYSQL_SINGLE_KOI8U,
    SRC_MYSQL_SINGLE_LATIN2,
    SRC_MYSQL_SINGLE_LATIN5,
    SRC_MYSQL_SINGLE_LATIN7,
    SRC_MYSQL_SINGLE_MACCE,
    SRC_MYSQL_SINGLE_MACROMAN,
    SRC_MYSQL_SINGLE_SWE7,
    SRC_MYSQL_SINGLE_TIS620,
    SRC_MYSQL_SINGLE_COUNT,
};

/* Unicode of the bytes 0x80 to 0xff; 0: none. The lower half is ASCII, but for swe7's. */
extern const uint16_t src_mysql_single[SRC_MYSQL_SINGLE_COUNT][128];
extern const uint16_t src_mysql_swe7_low[128];

/* Characters of one lead byte, in the order of the trail bytes from `first` on, of which 0x7f is
 * left out. ' ' stands for no character, "a-z" for all from a to z. A list ends with text NULL. */
typedef struct src_mysql_charset_row {
    uint8_t lead, first;
    const char *text; /* UTF-8 */
} src_mysql_charset_row;

extern const src_mysql_charset_row src_mysql_rows_big5[];
extern const src_mysql_charset_row src_mysql_rows_euckr[];
extern const src_mysql_charset_row src_mysql_rows_gb2312[];
extern const src_mysql_charset_row src_mysql_rows_gbk[];
extern const src_mysql_charset_row src_mysql_rows_gb18030[]; /* its codes of two bytes */
extern const src_mysql_charset_row src_mysql_rows_sjis[];
extern const src_mysql_charset_row src_mysql_rows_cp932[];
extern const src_mysql_charset_row src_mysql_rows_ujis[];
extern const src_mysql_charset_row src_mysql_rows_ujis_8f[]; /* behind the byte 0x8f */
extern const src_mysql_charset_row src_mysql_rows_eucjpms[];
extern const src_mysql_charset_row src_mysql_rows_eucjpms_8f[];

/* gb18030's codes of four bytes in the basic plane, numbered from 81308130 on: from `index` to the
 * next range's, they are consecutive code points from `unicode` on. */
#define SRC_MYSQL_GB18030_RANGES 208
#define SRC_MYSQL_GB18030_CODES 39420

typedef struct src_mysql_gb18030_range {
    uint16_t index, unicode;
} src_mysql_gb18030_range;

extern const src_mysql_gb18030_range src_mysql_gb18030_ranges[SRC_MYSQL_GB18030_RANGES];

#endif

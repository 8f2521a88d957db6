#include "producers/mysql/charset_table.h"

#include <pthread.h>
#include <stdatomic.h>

#include "producers/mysql/charset_tables.h"

#define NO_CHARACTER UINT32_MAX
#define REPLACEMENT 0xfffdU

/* --- tables of several bytes --- */

/* Codes of two bytes, from 0x80 0x40 on; 0: no character. */
typedef uint16_t table_cells[128][192];

typedef struct table_charset {
    const src_mysql_charset_row *rows;
    const src_mysql_charset_row *rows_8f; /* behind 0x8f; NULL: no such codes */
    bool kana;                            /* 0xa1 to 0xdf stand alone: half-width katakana */
    bool four;                            /* gb18030's codes of four bytes */
} table_charset;

#define TABLE(convert) ((convert)-SRC_MYSQL_CONVERT_BIG5)

static const table_charset table_charsets[] = {
    [TABLE(SRC_MYSQL_CONVERT_BIG5)] = {src_mysql_rows_big5, NULL, false, false},
    [TABLE(SRC_MYSQL_CONVERT_EUCKR)] = {src_mysql_rows_euckr, NULL, false, false},
    [TABLE(SRC_MYSQL_CONVERT_GB2312)] = {src_mysql_rows_gb2312, NULL, false, false},
    [TABLE(SRC_MYSQL_CONVERT_GBK)] = {src_mysql_rows_gbk, NULL, false, false},
    [TABLE(SRC_MYSQL_CONVERT_GB18030)] = {src_mysql_rows_gb18030, NULL, false, true},
    [TABLE(SRC_MYSQL_CONVERT_SJIS)] = {src_mysql_rows_sjis, NULL, true, false},
    [TABLE(SRC_MYSQL_CONVERT_CP932)] = {src_mysql_rows_cp932, NULL, true, false},
    [TABLE(SRC_MYSQL_CONVERT_UJIS)] = {src_mysql_rows_ujis, src_mysql_rows_ujis_8f, false, false},
    [TABLE(SRC_MYSQL_CONVERT_EUCJPMS)] = {src_mysql_rows_eucjpms, src_mysql_rows_eucjpms_8f, false,
                                          false},
};

#define TABLES (sizeof table_charsets / sizeof table_charsets[0])

/* Unfolded rows. Pages that are never touched cost nothing. */
static table_cells cells[TABLES];
static table_cells cells_8f[TABLES];
static atomic_bool unfolded[TABLES];
static pthread_mutex_t unfolding = PTHREAD_MUTEX_INITIALIZER;

/* A character of a row's text: valid UTF-8 in the basic plane. */
static unsigned take_character(const char **text)
{
    const uint8_t *p = (const uint8_t *)*text;
    if (p[0] < 0x80) {
        *text += 1;
        return p[0];
    }
    if (p[0] < 0xe0) {
        *text += 2;
        return (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU);
    }
    *text += 3;
    return (p[0] & 0xfU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
}

static void unfold_row(const src_mysql_charset_row *row, table_cells to)
{
    unsigned trail = row->first;
    const char *text = row->text;
    while (*text != '\0') {
        unsigned first = take_character(&text);
        unsigned last = first;
        if (*text == '-') {
            text++;
            last = take_character(&text);
        }
        for (unsigned u = first; u <= last; u++) {
            to[row->lead - 0x80][trail - 0x40] = (uint16_t)(u != ' ' ? u : 0);
            trail += trail == 0x7e ? 2 : 1;
        }
    }
}

static void unfold(size_t at)
{
    pthread_mutex_lock(&unfolding);
    for (const src_mysql_charset_row *row = table_charsets[at].rows; row->text != NULL; row++) {
        unfold_row(row, cells[at]);
    }
    const src_mysql_charset_row *row = table_charsets[at].rows_8f;
    for (; row != NULL && row->text != NULL; row++) {
        unfold_row(row, cells_8f[at]);
    }
    atomic_store_explicit(&unfolded[at], true, memory_order_release);
    pthread_mutex_unlock(&unfolding);
}

static uint32_t find_pair(const table_cells table, uint8_t lead, uint8_t trail)
{
    return lead >= 0x80 && trail >= 0x40 && table[lead - 0x80][trail - 0x40] != 0
               ? table[lead - 0x80][trail - 0x40]
               : NO_CHARACTER;
}

static bool is_digit(uint8_t b)
{
    return b >= 0x30 && b <= 0x39;
}

/* gb18030: lead 81 to fe, 30 to 39, 81 to fe, 30 to 39, counted in that order. */
static uint32_t find_four(const uint8_t *p)
{
    if (p[0] < 0x81 || p[0] == 0xff || !is_digit(p[1]) || p[2] < 0x81 || p[2] == 0xff ||
        !is_digit(p[3])) {
        return NO_CHARACTER;
    }
    uint32_t index =
        (p[0] - 0x81U) * 12600 + (p[1] - 0x30U) * 1260 + (p[2] - 0x81U) * 10 + (p[3] - 0x30U);
    const uint32_t planes = (0x90 - 0x81) * 12600; /* 90308130 is U+10000 */
    if (index >= planes) {
        return index - planes <= 0xfffff ? index - planes + 0x10000 : NO_CHARACTER;
    }
    if (index >= SRC_MYSQL_GB18030_CODES) {
        return NO_CHARACTER;
    }
    size_t low = 0;
    size_t high = SRC_MYSQL_GB18030_RANGES;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (src_mysql_gb18030_ranges[mid].index <= index) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return src_mysql_gb18030_ranges[low].unicode + index - src_mysql_gb18030_ranges[low].index;
}

/* --- one character --- */

/* Reads the character at p, n > 0: its code point, or NO_CHARACTER; *used is its length. */
typedef uint32_t (*take_one)(unsigned at, const uint8_t *p, size_t n, size_t *used);

static uint32_t take_long(unsigned at, const uint8_t *p, size_t n, size_t *used)
{
    uint32_t u;
    if (table_charsets[at].four) {
        u = n >= 4 ? find_four(p) : NO_CHARACTER;
        *used = u != NO_CHARACTER ? 4 : 1;
    } else {
        bool whole = n >= 3 && p[1] >= 0xa1 && p[2] >= 0xa1;
        u = whole ? find_pair(cells_8f[at], p[1], p[2]) : NO_CHARACTER;
        *used = whole ? 3 : 1;
    }
    return u;
}

static uint32_t take_table(unsigned at, const uint8_t *p, size_t n, size_t *used)
{
    const table_charset *cs = &table_charsets[at];
    *used = 1;
    if (p[0] < 0x80) {
        return p[0];
    }
    if (cs->kana && p[0] >= 0xa1 && p[0] <= 0xdf) {
        return 0xff61U + (p[0] - 0xa1U);
    }
    if ((cs->rows_8f != NULL && p[0] == 0x8f) || (cs->four && n >= 2 && is_digit(p[1]))) {
        return take_long(at, p, n, used);
    }
    uint32_t u = n >= 2 ? find_pair(cells[at], p[0], p[1]) : NO_CHARACTER;
    *used = u != NO_CHARACTER || (n >= 2 && p[1] >= 0x80) ? 2 : 1;
    return u;
}

static uint32_t take_single(unsigned at, const uint8_t *p, size_t n, size_t *used)
{
    (void)n;
    *used = 1;
    if (p[0] < 0x80) {
        return p[0];
    }
    uint16_t u = src_mysql_single[at][p[0] - 0x80];
    return u != 0 ? u : NO_CHARACTER;
}

static uint32_t take_swe7(unsigned at, const uint8_t *p, size_t n, size_t *used)
{
    (void)at;
    (void)n;
    *used = 1;
    uint16_t u = p[0] < 0x80 ? src_mysql_swe7_low[p[0]] : 0;
    return u != 0 || p[0] == 0 ? u : NO_CHARACTER;
}

static bool is_surrogate(uint32_t u)
{
    return u >= 0xd800 && u <= 0xdfff;
}

static uint32_t take_ucs2(unsigned at, const uint8_t *p, size_t n, size_t *used)
{
    (void)at;
    *used = n >= 2 ? 2 : 1;
    uint32_t u = n >= 2 ? (uint32_t)p[0] << 8 | p[1] : NO_CHARACTER;
    return is_surrogate(u) ? NO_CHARACTER : u;
}

static uint32_t pair_of(uint32_t high, uint32_t low)
{
    bool ok = high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff;
    return ok ? 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00) : NO_CHARACTER;
}

/* at: 0 big-endian, 1 little-endian. */
static uint32_t take_utf16(unsigned at, const uint8_t *p, size_t n, size_t *used)
{
    *used = n >= 2 ? 2 : 1;
    if (n < 2) {
        return NO_CHARACTER;
    }
    uint32_t u = (uint32_t)p[at] << 8 | p[1 - at];
    if (!is_surrogate(u)) {
        return u;
    }
    u = n >= 4 ? pair_of(u, (uint32_t)p[2 + at] << 8 | p[3 - at]) : NO_CHARACTER;
    *used = u != NO_CHARACTER ? 4 : 2;
    return u;
}

static uint32_t take_utf32(unsigned at, const uint8_t *p, size_t n, size_t *used)
{
    (void)at;
    *used = n >= 4 ? 4 : n;
    if (n < 4) {
        return NO_CHARACTER;
    }
    uint32_t u = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return u > 0x10ffff || is_surrogate(u) ? NO_CHARACTER : u;
}

/* --- a text --- */

static size_t utf8_size(uint32_t u)
{
    return u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t u)
{
    if (u < 0x80) {
        *to++ = (uint8_t)u;
        return to;
    }
    if (u < 0x800) {
        *to++ = (uint8_t)(0xc0U | u >> 6);
    } else {
        if (u < 0x10000) {
            *to++ = (uint8_t)(0xe0U | u >> 12);
        } else {
            *to++ = (uint8_t)(0xf0U | u >> 18);
            *to++ = (uint8_t)(0x80U | (u >> 12 & 0x3fU));
        }
        *to++ = (uint8_t)(0x80U | (u >> 6 & 0x3fU));
    }
    *to++ = (uint8_t)(0x80U | (u & 0x3fU));
    return to;
}

/* Twice over the text: its length is wanted before its bytes, so that no more is taken than it
 * needs. */
static bool convert_text(take_one take, unsigned at, src_mysql_text *text, cdc_arena *ar,
                         uint64_t *bad)
{
    const uint8_t *p = (const uint8_t *)text->p;
    size_t n = text->n;
    size_t len = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; i += used) {
        uint32_t u = take(at, p + i, n - i, &used);
        len += utf8_size(u != NO_CHARACTER ? u : REPLACEMENT);
    }
    uint8_t *to = cdc_arena_alloc(ar, len);
    if (to == NULL) {
        return false;
    }
    text->p = (const char *)to;
    text->n = len;
    uint64_t faults = 0;
    for (size_t i = 0; i < n; i += used) {
        uint32_t u = take(at, p + i, n - i, &used);
        faults += u == NO_CHARACTER ? used : 0;
        to = put_utf8(to, u != NO_CHARACTER ? u : REPLACEMENT);
    }
    if (bad != NULL) {
        *bad += faults;
    }
    return true;
}

bool src_mysql_charset_table_to_utf8(src_mysql_convert convert, src_mysql_text *text, cdc_arena *ar,
                                     uint64_t *bad)
{
    switch (convert) {
    case SRC_MYSQL_CONVERT_UCS2:
        return convert_text(take_ucs2, 0, text, ar, bad);
    case SRC_MYSQL_CONVERT_UTF16:
        return convert_text(take_utf16, 0, text, ar, bad);
    case SRC_MYSQL_CONVERT_UTF16LE:
        return convert_text(take_utf16, 1, text, ar, bad);
    case SRC_MYSQL_CONVERT_UTF32:
        return convert_text(take_utf32, 0, text, ar, bad);
    case SRC_MYSQL_CONVERT_SWE7:
        return convert_text(take_swe7, 0, text, ar, bad);
    default:
        break;
    }
    if (convert >= SRC_MYSQL_CONVERT_SINGLE) {
        return convert_text(take_single, (unsigned)(convert - SRC_MYSQL_CONVERT_SINGLE), text, ar,
                            bad);
    }
    size_t at = (size_t)TABLE(convert);
    if (!atomic_load_explicit(&unfolded[at], memory_order_acquire)) {
        unfold(at);
    }
    return convert_text(take_table, (unsigned)at, text, ar, bad);
}

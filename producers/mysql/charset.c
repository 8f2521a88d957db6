#include "producers/mysql/charset.h"

#include <string.h>
#include <strings.h>

#include "producers/mysql/charset_table.h"
#include "producers/mysql/charset_tables.h"

/* clang-format off */
enum {
    CS_BIG5, CS_LATIN2, CS_DEC8, CS_CP850, CS_LATIN1, CS_HP8, CS_KOI8R, CS_SWE7, CS_ASCII,
    CS_UJIS, CS_SJIS, CS_CP1251, CS_HEBREW, CS_TIS620, CS_EUCKR, CS_LATIN7, CS_KOI8U, CS_GB2312,
    CS_GREEK, CS_CP1250, CS_GBK, CS_CP1257, CS_LATIN5, CS_ARMSCII8, CS_UTF8MB3, CS_UCS2,
    CS_CP866, CS_KEYBCS2, CS_MACCE, CS_MACROMAN, CS_CP852, CS_UTF8MB4, CS_UTF16, CS_UTF16LE,
    CS_CP1256, CS_UTF32, CS_BINARY, CS_GEOSTD8, CS_CP932, CS_EUCJPMS, CS_GB18030,
};

#define SINGLE(name) (SRC_MYSQL_CONVERT_SINGLE + SRC_MYSQL_SINGLE_##name)

static const src_mysql_charset charsets[] = {
    [CS_BIG5] = {"big5", 2, SRC_MYSQL_CONVERT_BIG5},
    [CS_LATIN2] = {"latin2", 1, SINGLE(LATIN2)},
    [CS_DEC8] = {"dec8", 1, SINGLE(DEC8)},
    [CS_CP850] = {"cp850", 1, SINGLE(CP850)},
    [CS_LATIN1] = {"latin1", 1, SRC_MYSQL_CONVERT_LATIN1},
    [CS_HP8] = {"hp8", 1, SINGLE(HP8)},
    [CS_KOI8R] = {"koi8r", 1, SINGLE(KOI8R)},
    [CS_SWE7] = {"swe7", 1, SRC_MYSQL_CONVERT_SWE7},
    [CS_ASCII] = {"ascii", 1, SINGLE(ASCII)},
    [CS_UJIS] = {"ujis", 3, SRC_MYSQL_CONVERT_UJIS},
    [CS_SJIS] = {"sjis", 2, SRC_MYSQL_CONVERT_SJIS},
    [CS_CP1251] = {"cp1251", 1, SINGLE(CP1251)},
    [CS_HEBREW] = {"hebrew", 1, SINGLE(HEBREW)},
    [CS_TIS620] = {"tis620", 1, SINGLE(TIS620)},
    [CS_EUCKR] = {"euckr", 2, SRC_MYSQL_CONVERT_EUCKR},
    [CS_LATIN7] = {"latin7", 1, SINGLE(LATIN7)},
    [CS_KOI8U] = {"koi8u", 1, SINGLE(KOI8U)},
    [CS_GB2312] = {"gb2312", 2, SRC_MYSQL_CONVERT_GB2312},
    [CS_GREEK] = {"greek", 1, SINGLE(GREEK)},
    [CS_CP1250] = {"cp1250", 1, SINGLE(CP1250)},
    [CS_GBK] = {"gbk", 2, SRC_MYSQL_CONVERT_GBK},
    [CS_CP1257] = {"cp1257", 1, SINGLE(CP1257)},
    [CS_LATIN5] = {"latin5", 1, SINGLE(LATIN5)},
    [CS_ARMSCII8] = {"armscii8", 1, SINGLE(ARMSCII8)},
    [CS_UTF8MB3] = {"utf8mb3", 3, SRC_MYSQL_CONVERT_UTF8},
    [CS_UCS2] = {"ucs2", 2, SRC_MYSQL_CONVERT_UCS2},
    [CS_CP866] = {"cp866", 1, SINGLE(CP866)},
    [CS_KEYBCS2] = {"keybcs2", 1, SINGLE(KEYBCS2)},
    [CS_MACCE] = {"macce", 1, SINGLE(MACCE)},
    [CS_MACROMAN] = {"macroman", 1, SINGLE(MACROMAN)},
    [CS_CP852] = {"cp852", 1, SINGLE(CP852)},
    [CS_UTF8MB4] = {"utf8mb4", 4, SRC_MYSQL_CONVERT_UTF8},
    [CS_UTF16] = {"utf16", 4, SRC_MYSQL_CONVERT_UTF16},
    [CS_UTF16LE] = {"utf16le", 4, SRC_MYSQL_CONVERT_UTF16LE},
    [CS_CP1256] = {"cp1256", 1, SINGLE(CP1256)},
    [CS_UTF32] = {"utf32", 4, SRC_MYSQL_CONVERT_UTF32},
    [CS_BINARY] = {"binary", 1, SRC_MYSQL_CONVERT_BINARY},
    [CS_GEOSTD8] = {"geostd8", 1, SINGLE(GEOSTD8)},
    [CS_CP932] = {"cp932", 2, SRC_MYSQL_CONVERT_CP932},
    [CS_EUCJPMS] = {"eucjpms", 3, SRC_MYSQL_CONVERT_EUCJPMS},
    [CS_GB18030] = {"gb18030", 4, SRC_MYSQL_CONVERT_GB18030},
};

/* Ids in ascending order, both ends included. */
static const struct {
    uint16_t first, last;
    uint8_t charset;
} collations[] = {
    {1, 1, CS_BIG5}, {2, 2, CS_LATIN2}, {3, 3, CS_DEC8}, {4, 4, CS_CP850}, {5, 5, CS_LATIN1},
    {6, 6, CS_HP8}, {7, 7, CS_KOI8R}, {8, 8, CS_LATIN1}, {9, 9, CS_LATIN2}, {10, 10, CS_SWE7},
    {11, 11, CS_ASCII}, {12, 12, CS_UJIS}, {13, 13, CS_SJIS}, {14, 14, CS_CP1251},
    {15, 15, CS_LATIN1}, {16, 16, CS_HEBREW}, {18, 18, CS_TIS620}, {19, 19, CS_EUCKR},
    {20, 20, CS_LATIN7}, {21, 21, CS_LATIN2}, {22, 22, CS_KOI8U}, {23, 23, CS_CP1251},
    {24, 24, CS_GB2312}, {25, 25, CS_GREEK}, {26, 26, CS_CP1250}, {27, 27, CS_LATIN2},
    {28, 28, CS_GBK}, {29, 29, CS_CP1257}, {30, 30, CS_LATIN5}, {31, 31, CS_LATIN1},
    {32, 32, CS_ARMSCII8}, {33, 33, CS_UTF8MB3}, {34, 34, CS_CP1250}, {35, 35, CS_UCS2},
    {36, 36, CS_CP866}, {37, 37, CS_KEYBCS2}, {38, 38, CS_MACCE}, {39, 39, CS_MACROMAN},
    {40, 40, CS_CP852}, {41, 42, CS_LATIN7}, {43, 43, CS_MACCE}, {44, 44, CS_CP1250},
    {45, 46, CS_UTF8MB4}, {47, 49, CS_LATIN1}, {50, 52, CS_CP1251}, {53, 53, CS_MACROMAN},
    {54, 55, CS_UTF16}, {56, 56, CS_UTF16LE}, {57, 57, CS_CP1256}, {58, 59, CS_CP1257},
    {60, 61, CS_UTF32}, {62, 62, CS_UTF16LE}, {63, 63, CS_BINARY}, {64, 64, CS_ARMSCII8},
    {65, 65, CS_ASCII}, {66, 66, CS_CP1250}, {67, 67, CS_CP1256}, {68, 68, CS_CP866},
    {69, 69, CS_DEC8}, {70, 70, CS_GREEK}, {71, 71, CS_HEBREW}, {72, 72, CS_HP8},
    {73, 73, CS_KEYBCS2}, {74, 74, CS_KOI8R}, {75, 75, CS_KOI8U}, {76, 76, CS_UTF8MB3},
    {77, 77, CS_LATIN2}, {78, 78, CS_LATIN5}, {79, 79, CS_LATIN7}, {80, 80, CS_CP850},
    {81, 81, CS_CP852}, {82, 82, CS_SWE7}, {83, 83, CS_UTF8MB3}, {84, 84, CS_BIG5},
    {85, 85, CS_EUCKR}, {86, 86, CS_GB2312}, {87, 87, CS_GBK}, {88, 88, CS_SJIS},
    {89, 89, CS_TIS620}, {90, 90, CS_UCS2}, {91, 91, CS_UJIS}, {92, 93, CS_GEOSTD8},
    {94, 94, CS_LATIN1}, {95, 96, CS_CP932}, {97, 98, CS_EUCJPMS}, {99, 99, CS_CP1250},
    {101, 124, CS_UTF16}, {128, 151, CS_UCS2}, {159, 159, CS_UCS2}, {160, 183, CS_UTF32},
    {192, 215, CS_UTF8MB3}, {223, 223, CS_UTF8MB3}, {224, 247, CS_UTF8MB4},
    {248, 250, CS_GB18030}, {255, 271, CS_UTF8MB4}, {273, 275, CS_UTF8MB4},
    {277, 294, CS_UTF8MB4}, {296, 298, CS_UTF8MB4}, {300, 300, CS_UTF8MB4},
    {303, 323, CS_UTF8MB4}, {576, 578, CS_UTF8MB3}, {608, 610, CS_UTF8MB4}, {640, 642, CS_UCS2},
    {672, 674, CS_UTF16}, {736, 738, CS_UTF32}, {1025, 1025, CS_BIG5}, {1027, 1027, CS_DEC8},
    {1028, 1028, CS_CP850}, {1030, 1030, CS_HP8}, {1031, 1031, CS_KOI8R}, {1032, 1032, CS_LATIN1},
    {1033, 1033, CS_LATIN2}, {1034, 1034, CS_SWE7}, {1035, 1035, CS_ASCII}, {1036, 1036, CS_UJIS},
    {1037, 1037, CS_SJIS}, {1040, 1040, CS_HEBREW}, {1042, 1042, CS_TIS620},
    {1043, 1043, CS_EUCKR}, {1046, 1046, CS_KOI8U}, {1048, 1048, CS_GB2312},
    {1049, 1049, CS_GREEK}, {1050, 1050, CS_CP1250}, {1052, 1052, CS_GBK},
    {1054, 1054, CS_LATIN5}, {1056, 1056, CS_ARMSCII8}, {1057, 1057, CS_UTF8MB3},
    {1059, 1059, CS_UCS2}, {1060, 1060, CS_CP866}, {1061, 1061, CS_KEYBCS2},
    {1062, 1062, CS_MACCE}, {1063, 1063, CS_MACROMAN}, {1064, 1064, CS_CP852},
    {1065, 1065, CS_LATIN7}, {1067, 1067, CS_MACCE}, {1069, 1070, CS_UTF8MB4},
    {1071, 1071, CS_LATIN1}, {1074, 1075, CS_CP1251}, {1077, 1077, CS_MACROMAN},
    {1078, 1079, CS_UTF16}, {1080, 1080, CS_UTF16LE}, {1081, 1081, CS_CP1256},
    {1082, 1083, CS_CP1257}, {1084, 1085, CS_UTF32}, {1086, 1086, CS_UTF16LE},
    {1088, 1088, CS_ARMSCII8}, {1089, 1089, CS_ASCII}, {1090, 1090, CS_CP1250},
    {1091, 1091, CS_CP1256}, {1092, 1092, CS_CP866}, {1093, 1093, CS_DEC8},
    {1094, 1094, CS_GREEK}, {1095, 1095, CS_HEBREW}, {1096, 1096, CS_HP8},
    {1097, 1097, CS_KEYBCS2}, {1098, 1098, CS_KOI8R}, {1099, 1099, CS_KOI8U},
    {1101, 1101, CS_LATIN2}, {1102, 1102, CS_LATIN5}, {1103, 1103, CS_LATIN7},
    {1104, 1104, CS_CP850}, {1105, 1105, CS_CP852}, {1106, 1106, CS_SWE7},
    {1107, 1107, CS_UTF8MB3}, {1108, 1108, CS_BIG5}, {1109, 1109, CS_EUCKR},
    {1110, 1110, CS_GB2312}, {1111, 1111, CS_GBK}, {1112, 1112, CS_SJIS}, {1113, 1113, CS_TIS620},
    {1114, 1114, CS_UCS2}, {1115, 1115, CS_UJIS}, {1116, 1117, CS_GEOSTD8},
    {1119, 1120, CS_CP932}, {1121, 1122, CS_EUCJPMS}, {1125, 1125, CS_UTF16},
    {1147, 1147, CS_UTF16}, {1152, 1152, CS_UCS2}, {1174, 1174, CS_UCS2}, {1184, 1184, CS_UTF32},
    {1206, 1206, CS_UTF32}, {1216, 1216, CS_UTF8MB3}, {1238, 1238, CS_UTF8MB3},
    {1248, 1248, CS_UTF8MB4}, {1270, 1270, CS_UTF8MB4}, {2048, 2215, CS_UTF8MB3},
    {2232, 2247, CS_UTF8MB3}, {2304, 2471, CS_UTF8MB4}, {2488, 2503, CS_UTF8MB4},
    {2560, 2727, CS_UCS2}, {2744, 2759, CS_UCS2}, {2816, 2983, CS_UTF16}, {3000, 3015, CS_UTF16},
    {3072, 3239, CS_UTF32}, {3256, 3271, CS_UTF32},
};
/* clang-format on */

#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

const src_mysql_charset *src_mysql_charset_by_collation(uint64_t id)
{
    size_t low = 0;
    size_t high = COUNT_OF(collations);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (id > collations[mid].last) {
            low = mid + 1;
        } else if (id < collations[mid].first) {
            high = mid;
        } else {
            return &charsets[collations[mid].charset];
        }
    }
    return NULL;
}

const src_mysql_charset *src_mysql_charset_by_name(const char *name)
{
    if (strcasecmp(name, "utf8") == 0) { /* servers before 8.0 and 10.6 */
        name = "utf8mb3";
    }
    for (size_t i = 0; i < COUNT_OF(charsets); i++) {
        if (strcasecmp(charsets[i].name, name) == 0) {
            return &charsets[i];
        }
    }
    return NULL;
}

static bool has_high_bit(const uint8_t *p)
{
    uint64_t a;
    memcpy(&a, p, sizeof a);
    return (a & UINT64_C(0x8080808080808080)) != 0;
}

/* Bytes before the first that is not ASCII. */
static size_t ascii_prefix(const uint8_t *p, size_t n)
{
    size_t i = 0;
    while (n - i >= 8 && !has_high_bit(p + i)) {
        i += 8;
    }
    while (i < n && p[i] < 0x80) {
        i++;
    }
    return i;
}

static bool is_tail(uint8_t b)
{
    return (b & 0xc0U) == 0x80;
}

/* What the second byte may be after that first one of three or four (Unicode, table 3-7): neither
 * overlong forms, nor surrogates, nor numbers over 0x10ffff. */
static bool is_second(uint8_t first, uint8_t b)
{
    switch (first) {
    case 0xe0:
        return b >= 0xa0 && b <= 0xbf;
    case 0xed:
        return b >= 0x80 && b <= 0x9f;
    case 0xf0:
        return b >= 0x90 && b <= 0xbf;
    case 0xf4:
        return b >= 0x80 && b <= 0x8f;
    default:
        return is_tail(b);
    }
}

/* Length of the valid sequence of 2 to 4 bytes at p, or 0. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t b = p[0];
    size_t len = b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
    if (b < 0xc2 || b > 0xf4 || n < len || !is_second(b, p[1])) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (!is_tail(p[i])) {
            return 0;
        }
    }
    return len;
}

size_t src_mysql_utf8_valid_prefix(const uint8_t *p, size_t n)
{
    size_t i = ascii_prefix(p, n);
    while (i < n) {
        size_t len = utf8_sequence(p + i, n - i);
        if (len == 0) {
            return i;
        }
        i += len;
        if (i < n && p[i] < 0x80) {
            i += ascii_prefix(p + i, n - i);
        }
    }
    return n;
}

static const char replacement[3] = {'\xef', '\xbf', '\xbd'}; /* U+FFFD */

/* Copies the valid parts and puts U+FFFD for each byte between them; `good` bytes are known to be
 * valid. */
static bool utf8_repair(src_mysql_text *text, size_t good, cdc_arena *ar, uint64_t *bad)
{
    const uint8_t *p = (const uint8_t *)text->p;
    size_t n = text->n;
    uint64_t faults = 0;
    for (size_t i = good; i < n; i++) {
        i += src_mysql_utf8_valid_prefix(p + i, n - i);
        faults += i < n;
    }
    char *to = cdc_arena_alloc(ar, n + (size_t)faults * (sizeof replacement - 1));
    if (to == NULL) {
        return false;
    }
    text->p = to;
    text->n = n + (size_t)faults * (sizeof replacement - 1);
    for (size_t i = 0; i < n; i++) {
        size_t len = src_mysql_utf8_valid_prefix(p + i, n - i);
        memcpy(to, p + i, len);
        to += len;
        i += len;
        if (i < n) {
            memcpy(to, replacement, sizeof replacement);
            to += sizeof replacement;
        }
    }
    if (bad != NULL) {
        *bad += faults;
    }
    return true;
}

/* Unicode of the bytes 0x80 to 0x9f in MySQL's latin1. */
static const uint16_t latin1_c1[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

static uint32_t latin1_unicode(uint8_t b)
{
    return b >= 0x80 && b < 0xa0 ? latin1_c1[b - 0x80] : b;
}

static bool latin1_to_utf8(src_mysql_text *text, size_t ascii, cdc_arena *ar)
{
    const uint8_t *p = (const uint8_t *)text->p;
    size_t n = text->n;
    size_t len = n;
    for (size_t i = ascii; i < n; i++) {
        uint32_t u = latin1_unicode(p[i]);
        len += (size_t)(u >= 0x80) + (size_t)(u >= 0x800);
    }
    uint8_t *to = cdc_arena_alloc(ar, len);
    if (to == NULL) {
        return false;
    }
    text->p = (const char *)to;
    text->n = len;
    memcpy(to, p, ascii);
    to += ascii;
    for (size_t i = ascii; i < n; i++) {
        uint32_t u = latin1_unicode(p[i]);
        if (u < 0x80) {
            *to++ = (uint8_t)u;
        } else if (u < 0x800) {
            *to++ = (uint8_t)(0xc0U | u >> 6);
            *to++ = (uint8_t)(0x80U | (u & 0x3fU));
        } else {
            *to++ = (uint8_t)(0xe0U | u >> 12);
            *to++ = (uint8_t)(0x80U | (u >> 6 & 0x3fU));
            *to++ = (uint8_t)(0x80U | (u & 0x3fU));
        }
    }
    return true;
}

bool src_mysql_charset_to_utf8(src_mysql_convert convert, src_mysql_text *text, cdc_arena *ar,
                               uint64_t *bad)
{
    const uint8_t *p = (const uint8_t *)text->p;
    size_t n = text->n;
    if (convert >= SRC_MYSQL_CONVERT_UCS2 && convert <= SRC_MYSQL_CONVERT_SWE7) {
        return src_mysql_charset_table_to_utf8(convert, text, ar, bad);
    }
    size_t ascii = ascii_prefix(p, n);
    if (ascii == n) {
        return true;
    }
    if (convert == SRC_MYSQL_CONVERT_LATIN1) {
        return latin1_to_utf8(text, ascii, ar);
    }
    if (convert >= SRC_MYSQL_CONVERT_BIG5) {
        return src_mysql_charset_table_to_utf8(convert, text, ar, bad);
    }
    size_t good = ascii + src_mysql_utf8_valid_prefix(p + ascii, n - ascii);
    return good == n || utf8_repair(text, good, ar, bad);
}

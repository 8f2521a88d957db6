/* Charsets, DECIMAL, JSON: bytes to text, and bytes that are none. What servers really write is in
 * test_mysql_golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/mysql/charset.h"
#include "producers/mysql/decimal.h"
#include "producers/mysql/json_binary.h"
#include "producers/mysql/special_type.h"
#include "producers/mysql/stream_state.h"
#include "producers/mysql/temporal.h"

static void check_text(src_mysql_convert convert, const char *in, const char *want, uint64_t faults)
{
    cdc_arena ar;
    src_mysql_text text = {in, strlen(in)};
    uint64_t bad = 0;
    cdc_arena_init(&ar, 1024, 1024);
    assert_true(src_mysql_charset_to_utf8(convert, &text, &ar, &bad));
    assert_int_equal(text.n, strlen(want));
    assert_memory_equal(text.p, want, text.n);
    assert_int_equal(bad, faults);
    assert_int_equal(text.p == in, strcmp(in, want) == 0);
    cdc_arena_fini(&ar);
}

static void test_utf8_is_checked(void **state)
{
    (void)state;
    src_mysql_convert u = SRC_MYSQL_CONVERT_UTF8;
    check_text(u, "0123456789 plain ascii, longer than a step",
               "0123456789 plain ascii, longer than a step", 0);
    check_text(u, "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 end",
               "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 end", 0);
    check_text(u, "\xf4\x8f\xbf\xbf\xed\x9f\xbf", "\xf4\x8f\xbf\xbf\xed\x9f\xbf", 0);
    check_text(u,
               "a\xff"
               "b",
               "a\xef\xbf\xbd"
               "b",
               1);
    check_text(u, "12345678\x80", "12345678\xef\xbf\xbd", 1);
    check_text(u, "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", 2);                   /* overlong */
    check_text(u, "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3);   /* surrogate */
    check_text(u, "\xe0\x80\x80z", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz", 3); /* overlong */
    check_text(u, "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 4);
    check_text(u, "\xf0\x9f\x98", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3); /* cut */
    check_text(u, "\xc3", "\xef\xbf\xbd", 1);
}

/* 0x80 to 0x9f as both servers convert them; above, byte and character number are the same. */
static void test_latin1_is_cp1252_with_its_holes(void **state)
{
    (void)state;
    src_mysql_convert l = SRC_MYSQL_CONVERT_LATIN1;
    check_text(l, "caf\xe9", "caf\xc3\xa9", 0);
    check_text(l,
               "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"
               "\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f",
               "\xe2\x82\xac\xc2\x81\xe2\x80\x9a\xc6\x92\xe2\x80\x9e\xe2\x80\xa6"
               "\xe2\x80\xa0\xe2\x80\xa1\xcb\x86\xe2\x80\xb0\xc5\xa0\xe2\x80\xb9"
               "\xc5\x92\xc2\x8d\xc5\xbd\xc2\x8f\xc2\x90\xe2\x80\x98\xe2\x80\x99"
               "\xe2\x80\x9c\xe2\x80\x9d\xe2\x80\xa2\xe2\x80\x93\xe2\x80\x94\xcb"
               "\x9c\xe2\x84\xa2\xc5\xa1\xe2\x80\xba\xc5\x93\xc2\x9d\xc5\xbe\xc5"
               "\xb8",
               0);
    for (unsigned b = 0xa0; b <= 0xff; b++) {
        char in[2] = {(char)b, '\0'};
        char want[3] = {(char)(0xc0U | b >> 6), (char)(0x80U | (b & 0x3fU)), '\0'};
        check_text(l, in, want, 0);
    }
}

static src_mysql_convert convert_of(const char *charset)
{
    return (src_mysql_convert)src_mysql_charset_by_name(charset)->convert;
}

/* One character of each, and what is none; all characters are compared with the servers in
 * tests/e2e/test_charsets.py. */
static void test_charsets_by_table(void **state)
{
    (void)state;
    static const struct {
        const char *charset, *in, *want;
        uint64_t faults;
    } cases[] = {
        {"ascii", "a\x80", "a\ufffd", 1},
        {"armscii8", "\xb2", "\u0531", 0},
        {"big5", "a\xa4\xa4z", "a中z", 0},
        {"cp1250", "\x8a\x81", "Š\ufffd", 1},
        {"cp1251", "\xdf\x98", "Я\ufffd", 1},
        {"cp1256", "\xc7", "ا", 0},
        {"cp1257", "\xd0", "Š", 0},
        {"cp850", "\x82", "é", 0},
        {"cp852", "\x88", "ł", 0},
        {"cp866", "\x80", "А", 0},
        {"cp932", "\x81\x60\x87\x40\xb1", "～①ｱ", 0},
        {"dec8", "\xe9", "é", 0},
        {"eucjpms", "\xc6\xfc\x8e\xb1\x8f\xb0\xa1", "日ｱ丂", 0},
        {"euckr", "\xb0\xa1\x81\x41", "가갂", 0},
        {"gb18030", "\xd6\xd0\x81\x30\x81\x30\x90\x30\x81\x30\xe3\x32\x9a\x35",
         "中\302\200𐀀\U0010ffff", 0},
        {"gb2312", "\xd6\xd0", "中", 0},
        {"gbk", "\xd6\xd0\x81\x40", "中丂", 0},
        {"geostd8", "\xc0", "\u10d0", 0},
        {"greek", "\xe1\xff", "α\ufffd", 1},
        {"hebrew", "\xe0", "א", 0},
        {"hp8", "\xc5", "é", 0},
        {"keybcs2", "\x80", "Č", 0},
        {"koi8r", "\xd1", "я", 0},
        {"koi8u", "\xa4", "є", 0},
        {"latin2", "\xa1", "Ą", 0},
        {"latin5", "\xf0", "ğ", 0},
        {"latin7", "\xe0", "ą", 0},
        {"macce", "\x88", "ą", 0},
        {"macroman", "\x8e", "é", 0},
        {"sjis", "\x93\xfa\xb1\x5c", "日ｱ\\", 0},
        {"swe7", "[\\]", "ÄÖÅ", 0},
        {"tis620", "\xa1", "ก", 0},
        {"ujis", "\xc6\xfc\x8e\xb1\x8f\xb0\xa1", "日ｱ丂", 0},
        /* bytes that are no character; ASCII behind them stays */
        {"gbk", "\xd6", "\ufffd", 1},
        {"gbk", "\x80z\xff", "\ufffdz\ufffd", 2},
        {"big5", "\xf9\xfez\xa1\x20", "\ufffdz\ufffd ", 3},
        {"ujis", "\x8f\xff\x41", "\ufffd\ufffdA", 2},
        {"ujis", "\x8f\xa1\xa1", "\ufffd", 3},
        {"gb18030", "\x84\x31\xa5\x30", "\ufffd1\ufffd0", 2},
        {"gb18030", "\xfe\x39\xfe\x39", "\ufffd9\ufffd9", 2},
        {"sjis", "\x80\xa0", "\ufffd", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_text(convert_of(cases[i].charset), cases[i].in, cases[i].want, cases[i].faults);
    }
}

static void test_wide_charsets(void **state)
{
    (void)state;
    static const struct {
        const char *charset, *in;
        size_t n;
        const char *want;
        uint64_t faults;
    } cases[] = {
        {"ucs2", "\0A\x4e\x2d", 4, "A中", 0},
        {"ucs2", "\xd8\0\0A", 4, "\ufffdA", 2},
        {"ucs2", "\0A\0", 3, "A\ufffd", 1},
        {"utf16", "\0A\xd8\x3d\xde\0\x4e\x2d", 8, "A😀中", 0},
        {"utf16", "\xdc\0\0A\xd8\0", 6, "\ufffdA\ufffd", 4},
        {"utf16", "\xd8\0\0A", 4, "\ufffdA", 2},
        {"utf16le", "A\0\x3d\xd8\0\xde\x2d\x4e", 8, "A😀中", 0},
        {"utf32", "\0\0\0A\0\1\xf6\0", 8, "A😀", 0},
        {"utf32", "\0\x11\0\0\0\0\xd8\0\0\0A", 11, "\ufffd\ufffd\ufffd", 11},
        {"utf32", "", 0, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_arena ar;
        src_mysql_text text = {cases[i].in, cases[i].n};
        uint64_t bad = 0;
        cdc_arena_init(&ar, 1024, 1024);
        assert_true(src_mysql_charset_to_utf8(convert_of(cases[i].charset), &text, &ar, &bad));
        assert_int_equal(text.n, strlen(cases[i].want));
        assert_memory_equal(text.p, cases[i].want, text.n);
        assert_int_equal(bad, cases[i].faults);
        cdc_arena_fini(&ar);
    }
}

static void check_inet6(const char *bytes, const char *want)
{
    char text[SRC_MYSQL_ADDRESS_TEXT_MAX];
    size_t n = src_mysql_inet6_text((const uint8_t *)bytes, text);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(text, want, n);
}

static void check_inflate(const char *in, size_t n, src_mysql_inflate want_rc, const char *want)
{
    cdc_arena ar;
    src_mysql_text value = {in, n};
    cdc_arena_init(&ar, 1024, 1024);
    assert_int_equal(src_mysql_column_inflate(&value, &ar), want_rc);
    if (want_rc == SRC_MYSQL_INFLATE_OK) {
        assert_int_equal(value.n, strlen(want));
        assert_memory_equal(value.p, want, value.n);
    }
    cdc_arena_fini(&ar);
}

static void test_special_types(void **state)
{
    (void)state;
    char text[SRC_MYSQL_ADDRESS_TEXT_MAX];
    static const uint8_t uuid[16] = {0,    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    size_t n = src_mysql_uuid_text(uuid, text);
    assert_int_equal(n, 36);
    assert_memory_equal(text, "00112233-4455-6677-8899-aabbccddeeff", n);
    n = src_mysql_inet4_text((const uint8_t *)"\xff\x00\x0a\x01", text);
    assert_memory_equal(text, "255.0.10.1", n);
    check_inet6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "::");
    check_inet6("\0\1\0\0\0\2\0\0\0\0\0\3\0\0\0\0", "1:0:2::3:0:0"); /* the first of two */
    check_inet6("\0\0\0\0\0\0\0\0\0\0\0\0\1\2\3\4", "::1.2.3.4");
    check_inet6("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    /* 100 bytes 'ab...' as MariaDB logged them; the header says zlib, one byte of length */
    static const char packed[] = "\x89\x64\x4b\x4c\x4a\xa4\x39\x04";
    char want[101];
    for (size_t i = 0; i < 100; i++) {
        want[i] = i % 2 == 0 ? 'a' : 'b';
    }
    want[100] = '\0';
    check_inflate("\x89\x64\x4b\x4c\x4a\xa4\x39\x04\x00", 9, SRC_MYSQL_INFLATE_OK, want);
    check_inflate("", 0, SRC_MYSQL_INFLATE_OK, "");
    check_inflate("\0abc", 4, SRC_MYSQL_INFLATE_OK, "abc");
    check_inflate(packed, 4, SRC_MYSQL_INFLATE_MALFORMED, NULL); /* cut */
    check_inflate("\x89\x63\x4b\x4c\x4a\xa4\x39\x04\x00", 9, SRC_MYSQL_INFLATE_MALFORMED,
                  NULL);                                             /* another length */
    check_inflate("\x79\x64", 2, SRC_MYSQL_INFLATE_MALFORMED, NULL); /* another method */
    check_inflate("\x8f\x64", 2, SRC_MYSQL_INFLATE_MALFORMED, NULL); /* seven bytes of length */
    check_inflate("\x8c\xff\xff\xff\xff", 5, SRC_MYSQL_INFLATE_NO_MEMORY, NULL);
}

typedef bool (*old_reader)(cdc_cursor *c, uint8_t digits, cdc_value *out);

/* Values that are right are in test_mysql_golden. */
static void test_old_times_that_are_none(void **state)
{
    (void)state;
    static const struct {
        old_reader read;
        uint8_t digits;
        const char *bytes;
        size_t n;
    } cases[] = {
        {src_mysql_temporal_old_time, 0, "\x3f\x42\x0f", 3}, /* 99:99:99 */
        {src_mysql_temporal_old_time, 0, "\xff\xff\x7f", 3}, /* 838:86:07 */
        {src_mysql_temporal_old_time, 6, "\xff\xff\xff\xff\xff\xff", 6},
        {src_mysql_temporal_old_time, 3, "\0\0\0\0\0", 5}, /* -839:00:00.000 */
        {src_mysql_temporal_old_datetime, 0, "\xff\xff\xff\xff\xff\xff\xff\xff", 8},
        {src_mysql_temporal_old_datetime, 0, "\x99\0\0\0\0\0\0\0", 8}, /* 00:01:53 */
        {src_mysql_temporal_old_datetime, 6, "\xff\xff\xff\xff\xff\xff\xff\xff", 8},
        {src_mysql_temporal_old_timestamp, 1, "\0\0\0\1\x0a", 5}, /* ten tenths */
        {src_mysql_temporal_old_timestamp, 3, "\0\0\0\1\x03\xe8", 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_value v;
        cdc_cursor c = cdc_cursor_of(cases[i].bytes, cases[i].n);
        bool ok = cases[i].read(&c, cases[i].digits, &v);
        assert_int_equal(ok, i == 5);
        assert_int_equal(cdc_cursor_left(&c), 0);
    }
}

static void test_statements_that_may_change_what_the_log_hides(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        bool may;
    } cases[] = {
        {"ALTER TABLE t ADD x INT", false},
        {"alter table t drop column a, engine=innodb", false},
        {"ALTER TABLE t MODIFY b UUID", true},
        {"ALTER TABLE t MODIFY b inet4", true},
        {"ALTER TABLE t MODIFY b BINARY(16)", true},
        {"ALTER TABLE t MODIFY b CHAR(16) BYTE", true},
        {"ALTER TABLE t ADD SYSTEM VERSIONING", true},
        {"ALTER TABLE t RENAME COLUMN a TO b", true},
        {"ALTER TABLE t MODIFY d DATETIME(3)", true},
        {"", false},
        {"uui", false},
        {"uuid", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(src_mysql_resolve_may_change(cases[i].sql, strlen(cases[i].sql)),
                         cases[i].may);
    }
}

static void test_text_that_does_not_fit_the_arena(void **state)
{
    (void)state;
    cdc_arena ar;
    char in[2400];
    memset(in, 0xe9, sizeof in);
    cdc_arena_init(&ar, 256, 1000);
    for (int convert = SRC_MYSQL_CONVERT_UTF8; convert <= SRC_MYSQL_CONVERT_SINGLE; convert++) {
        src_mysql_text text = {in, sizeof in};
        assert_false(src_mysql_charset_to_utf8((src_mysql_convert)convert, &text, &ar, NULL));
        assert_int_equal(ar.used_bytes, 0);
    }
    cdc_arena_fini(&ar);
}

static void test_collations(void **state)
{
    (void)state;
    static const struct {
        uint64_t id;
        const char *name;
        unsigned maxlen;
    } cases[] = {
        {1, "big5", 2},      {8, "latin1", 1},     {11, "ascii", 1},     {33, "utf8mb3", 3},
        {45, "utf8mb4", 4},  {63, "binary", 1},    {76, "utf8mb3", 3},   {101, "utf16", 4},
        {248, "gb18030", 4}, {255, "utf8mb4", 4},  {309, "utf8mb4", 4},  {323, "utf8mb4", 4},
        {1032, "latin1", 1}, {2048, "utf8mb3", 3}, {2304, "utf8mb4", 4}, {2503, "utf8mb4", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const src_mysql_charset *cs = src_mysql_charset_by_collation(cases[i].id);
        assert_non_null(cs);
        assert_string_equal(cs->name, cases[i].name);
        assert_int_equal(cs->maxlen, cases[i].maxlen);
        assert_ptr_equal(cs, src_mysql_charset_by_name(cases[i].name));
    }
    assert_null(src_mysql_charset_by_collation(0));
    assert_null(src_mysql_charset_by_collation(100));
    assert_null(src_mysql_charset_by_collation(70000));
    assert_null(src_mysql_charset_by_name("klingon"));
    assert_string_equal(src_mysql_charset_by_name("UTF8")->name, "utf8mb3");
}

static void check_decimal(const char *bytes, unsigned precision, unsigned scale, const char *want)
{
    char text[SRC_MYSQL_DECIMAL_TEXT_MAX + 1];
    size_t n = src_mysql_decimal_text((const uint8_t *)bytes, precision, scale, text);
    text[n] = '\0';
    assert_string_equal(text, want);
}

static void test_decimal(void **state)
{
    (void)state;
    /* the example of the server's source: 1234567890.1234 as DECIMAL(14,4) */
    check_decimal("\x81\x0d\xfb\x38\xd2\x04\xd2", 14, 4, "1234567890.1234");
    check_decimal("\x7e\xf2\x04\xc7\x2d\xfb\x2d", 14, 4, "-1234567890.1234");
    check_decimal("\x80\0\0\0\0", 10, 2, "0.00");
    check_decimal("\x80", 1, 0, "0");
    check_decimal("\x7f", 1, 0, "-0"); /* no server writes it */
    check_decimal("\x89", 1, 0, "9");
    check_decimal("\x8a", 1, 0, ""); /* 10 in one digit */
    check_decimal("\x89", 1, 1, "0.9");
    check_decimal("\xbb\x9a\xca\0", 9, 0, ""); /* 1,000,000,000 in nine */
    assert_int_equal(src_mysql_decimal_size(14, 4), 7);
    assert_int_equal(src_mysql_decimal_size(65, 30), 30);
    assert_int_equal(src_mysql_decimal_size(1, 1), 1);
    char text[SRC_MYSQL_DECIMAL_TEXT_MAX];
    assert_int_equal(src_mysql_decimal_text((const uint8_t *)"", 0, 0, text), 0);
    assert_int_equal(src_mysql_decimal_text((const uint8_t *)"", 66, 0, text), 0);
    assert_int_equal(src_mysql_decimal_text((const uint8_t *)"", 5, 6, text), 0);
}

static void check_double(double d, const char *want)
{
    cdc_buffer out;
    cdc_buffer_init(&out, 1024);
    src_mysql_json_double(&out, d);
    assert_string_equal(cdc_buffer_cstr(&out), want);
    cdc_buffer_fini(&out);
}

static void test_json_doubles(void **state)
{
    (void)state;
    check_double(1, "1.0");
    check_double(-0.0, "-0.0");
    check_double(3.14, "3.14");
    check_double(100, "100.0");
    check_double(1e14, "100000000000000.0");
    check_double(1e15, "1e15");
    check_double(1.5e300, "1.5e300");
    check_double(0.000000000000001, "0.000000000000001");
    check_double(1e-16, "1e-16");
    check_double(-2.5e-7, "-0.00000025");
    check_double(5e-324, "5e-324");
    check_double(1.7976931348623157e308, "1.7976931348623157e308");
    check_double(0x1p-44, "0.00000000000005684341886080802");
    check_double(0.1 + 0.2, "0.30000000000000004");
}

static cdc_rc json(const char *bytes, size_t n, cdc_buffer *out)
{
    cdc_error err;
    cdc_error_clear(&err);
    cdc_buffer_reset(out);
    return src_mysql_json_text((const uint8_t *)bytes, n, out, NULL, &err);
}

#define CHECK_JSON(bytes, want)                                                                    \
    do {                                                                                           \
        assert_int_equal(json(bytes, sizeof(bytes) - 1, &out), CDC_OK);                            \
        assert_string_equal(cdc_buffer_cstr(&out), want);                                          \
    } while (0)
#define CHECK_NO_JSON(bytes) assert_int_equal(json(bytes, sizeof(bytes) - 1, &out), CDC_FATAL)

static void test_json_values(void **state)
{
    (void)state;
    cdc_buffer out;
    cdc_buffer_init(&out, 4096);
    CHECK_JSON("", "null");
    CHECK_JSON("\x04\x01", "true");
    CHECK_JSON("\x05\xff\x7f", "32767");
    CHECK_JSON("\x0c\x05"
               "a\"\\\x01\n",
               "\"a\\\"\\\\\\u0001\\n\"");
    CHECK_JSON("\x0c\x02"
               "a\xff",
               "\"a\xef\xbf\xbd\"");
    CHECK_JSON("\x02\0\0\4\0", "[]");
    CHECK_JSON("\0\1\0\x0c\0\x0b\0\1\0\5\7\0k", "{\"k\": 7}");
    CHECK_JSON("\x02\1\0\x09\0\x0c\7\0\1x", "[\"x\"]");
    CHECK_JSON("\x0f\x10\1\x2a", "\"base64:type16:Kg==\"");
    cdc_buffer_fini(&out);
}

static void test_json_that_is_none(void **state)
{
    (void)state;
    cdc_buffer out;
    cdc_buffer_init(&out, 64);
    CHECK_NO_JSON("\x04\x03");                 /* literal 3 */
    CHECK_NO_JSON("\x04");                     /* no literal */
    CHECK_NO_JSON("\x0d");                     /* type 13 */
    CHECK_NO_JSON("\x05\1");                   /* cut integer */
    CHECK_NO_JSON("\x0b\0\0\0\0\0\0\xf0\x7f"); /* infinity */
    CHECK_NO_JSON("\x0c\x05"
                  "ab");                            /* string past the end */
    CHECK_NO_JSON("\x0c\xff\xff\xff\xff\xff\1");    /* length of six bytes */
    CHECK_NO_JSON("\x02\1\0\x09\0\x0c\3\0\1x");     /* element inside the entries */
    CHECK_NO_JSON("\x02\1\0\x09\0\x0c\x09\0\1x");   /* element behind the end */
    CHECK_NO_JSON("\x02\1\0\x0a\0\x0c\7\0\1x");     /* size larger than what is there */
    CHECK_NO_JSON("\x02\xff\xff\x09\0\x0c\7\0\1x"); /* count larger than the size */
    CHECK_NO_JSON("\0\1\0\x0c\0\x0b\0\2\0\5\7\0k"); /* key past the end */
    CHECK_NO_JSON("\x0f\xf6\4\2\2\x80\0");          /* opaque decimal with a byte too many */
    CHECK_NO_JSON("\x0f\xf6\2\2\2");                /* and with one too few */
    CHECK_NO_JSON("\x0f\x0c\4\1\2\3\4");            /* opaque datetime of four bytes */
    cdc_buffer_fini(&out);
}

static void test_json_larger_than_the_limit(void **state)
{
    (void)state;
    char doc[3 + 999] = "\x0c\xe7\7"; /* a string of 999 bytes */
    memset(doc + 3, 'x', 999);
    cdc_buffer out;
    cdc_buffer_init(&out, 1001);
    assert_int_equal(json(doc, sizeof doc, &out), CDC_OK);
    cdc_buffer_fini(&out);
    cdc_buffer_init(&out, 1000);
    assert_int_equal(json(doc, sizeof doc, &out), CDC_FATAL);
    cdc_buffer_fini(&out);
}

static void test_json_depth_limit(void **state)
{
    (void)state;
    /* arrays in arrays: the count, the size, one entry, then the next one */
    for (unsigned depth = 100; depth <= 101; depth++) {
        char doc[1024] = {0};
        doc[0] = 2;
        char *at = doc + 1;
        size_t left = (size_t)depth * 7 - 3;
        for (unsigned i = 0; i < depth; i++, at += 7, left -= 7) {
            bool innermost = i + 1 == depth;
            at[0] = innermost ? 0 : 1;
            at[2] = (char)(left & 0xff);
            at[3] = (char)(left >> 8);
            at[4] = innermost ? 0 : 2;
            at[5] = innermost ? 0 : 7;
        }
        cdc_buffer out;
        cdc_buffer_init(&out, 4096);
        assert_int_equal(json(doc, 1 + (size_t)depth * 7 - 3, &out),
                         depth == 100 ? CDC_OK : CDC_FATAL);
        cdc_buffer_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_is_checked),
        cmocka_unit_test(test_latin1_is_cp1252_with_its_holes),
        cmocka_unit_test(test_charsets_by_table),
        cmocka_unit_test(test_wide_charsets),
        cmocka_unit_test(test_special_types),
        cmocka_unit_test(test_old_times_that_are_none),
        cmocka_unit_test(test_statements_that_may_change_what_the_log_hides),
        cmocka_unit_test(test_text_that_does_not_fit_the_arena),
        cmocka_unit_test(test_collations),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_json_doubles),
        cmocka_unit_test(test_json_values),
        cmocka_unit_test(test_json_that_is_none),
        cmocka_unit_test(test_json_larger_than_the_limit),
        cmocka_unit_test(test_json_depth_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

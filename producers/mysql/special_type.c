#include "producers/mysql/special_type.h"

#include <stdio.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/cursor.h"

size_t src_mysql_uuid_text(const uint8_t bytes[16], char *to)
{
    static const char hex[] = "0123456789abcdef";
    char *p = to;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 15U];
    }
    return (size_t)(p - to);
}

size_t src_mysql_inet4_text(const uint8_t bytes[4], char *to)
{
    return (size_t)snprintf(to, SRC_MYSQL_ADDRESS_TEXT_MAX, "%u.%u.%u.%u", bytes[0], bytes[1],
                            bytes[2], bytes[3]);
}

/* The longest run of zero words, the first of equal ones; a run of one counts. */
static void longest_zeros(const unsigned words[8], unsigned *start, unsigned *length)
{
    *start = 8;
    *length = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;
        while (i + n < 8 && words[i + n] == 0) {
            n++;
        }
        if (n > *length) {
            *start = i;
            *length = n;
        }
        i += n;
    }
}

/* The server's own way (Inet6::to_string): the last 32 bits of IPv4-compatible and IPv4-mapped
 * addresses are written as IPv4. */
size_t src_mysql_inet6_text(const uint8_t bytes[16], char *to)
{
    unsigned words[8];
    unsigned start, length;
    char *p = to;
    for (unsigned i = 0; i < 8; i++) {
        words[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    }
    longest_zeros(words, &start, &length);
    for (unsigned i = 0; i < 8; i++) {
        size_t room = SRC_MYSQL_ADDRESS_TEXT_MAX - (size_t)(p - to);
        if (i == start) {
            *p++ = ':';
            i += length - 1;
            if (i == 7) {
                *p++ = ':';
            }
            continue;
        }
        if (i > 0) {
            *p++ = ':';
            room--;
        }
        bool v4 = start == 0 && (length == 6 || (length == 5 && words[5] == 0xffff));
        if (i == 6 && v4) {
            return (size_t)(p - to) + src_mysql_inet4_text(bytes + 12, p);
        }
        p += snprintf(p, room, "%x", words[i]);
    }
    return (size_t)(p - to);
}

enum { STORED_PLAIN = 0x00, STORED_ZLIB = 0x80, RAW_DEFLATE = 0x08, LENGTH_BYTES = 0x07 };

src_mysql_inflate src_mysql_column_inflate(src_mysql_text *value, cdc_arena *ar)
{
    cdc_cursor c = cdc_cursor_of(value->p, value->n);
    if (value->n == 0) { /* the empty string has no header */
        return SRC_MYSQL_INFLATE_OK;
    }
    unsigned how = cdc_cursor_u8(&c);
    unsigned nlength = how & LENGTH_BYTES;
    if (how == STORED_PLAIN) {
        value->p++;
        value->n--;
        return SRC_MYSQL_INFLATE_OK;
    }
    uint64_t length = nlength >= 1 && nlength <= 4 ? cdc_cursor_be(&c, nlength) : 0;
    if ((how & 0xf0U) != STORED_ZLIB || c.failed || length == 0) {
        return SRC_MYSQL_INFLATE_MALFORMED;
    }
    uint8_t *to = cdc_arena_alloc(ar, (size_t)length);
    z_stream z = {.next_in = c.p, .avail_in = (uInt)cdc_cursor_left(&c)};
    if (to == NULL || inflateInit2(&z, (how & RAW_DEFLATE) != 0 ? -MAX_WBITS : MAX_WBITS) != Z_OK) {
        return SRC_MYSQL_INFLATE_NO_MEMORY;
    }
    z.next_out = to;
    z.avail_out = (uInt)length;
    bool ok = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == length;
    (void)inflateEnd(&z);
    value->p = (const char *)to;
    value->n = (size_t)length;
    return ok ? SRC_MYSQL_INFLATE_OK : SRC_MYSQL_INFLATE_MALFORMED;
}

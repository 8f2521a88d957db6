/* Avro's binary encoding: numbers as zigzag varints, bytes and strings behind their length. Writing
 * goes through cdc_writer, whose pad has room for a number; reading through cdc_cursor. */
#ifndef CDC_AVRO_BINARY_H
#define CDC_AVRO_BINARY_H

#include "core/cursor.h"
#include "schema/writer.h"

enum { CDC_AVRO_LONG_BYTES = 10 };

/* At most CDC_AVRO_LONG_BYTES. */
static inline char *cdc_avro_put_long(char *p, int64_t v)
{
    uint64_t z = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    while (z >= 0x80) {
        *p++ = (char)(z | 0x80);
        z >>= 7;
    }
    *p++ = (char)z;
    return p;
}

/* Length and bytes; asks for room. */
static inline bool cdc_avro_put_bytes(cdc_writer *w, const char *s, size_t n)
{
    if (!cdc_writer_room(w, n)) {
        return false;
    }
    w->p = cdc_avro_put_long(w->p, (int64_t)n);
    if (n > 0) {
        cdc_writer_copy(w, s, n);
    }
    return true;
}

static inline bool cdc_avro_put_name(cdc_writer *w, const char *s)
{
    return cdc_avro_put_bytes(w, s, strlen(s));
}

static inline int64_t cdc_avro_take_long(cdc_cursor *c)
{
    uint64_t z = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = cdc_cursor_u8(c);
        z |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            c->failed = c->failed || (shift == 63 && b > 1);
            return (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
        }
    }
    c->failed = true;
    return 0;
}

/* Length and bytes; the length is that of what is there. */
static inline const char *cdc_avro_take_bytes(cdc_cursor *c, size_t *n)
{
    int64_t len = cdc_avro_take_long(c);
    *n = 0;
    if (len < 0 || (uint64_t)len > cdc_cursor_left(c)) {
        c->failed = true;
        return "";
    }
    *n = (size_t)len;
    return (const char *)cdc_cursor_bytes(c, *n);
}

#endif

/* cdc_cursor: reads input bytes in order and never past their end. All parsers of foreign input use
 * it.
 *
 * A read past the end sets `failed`, gives 0, and leaves the cursor at the end; the parser may go
 * on and ask once. Fixed-width integers are little-endian unless the name says be (MySQL uses
 * both). */
#ifndef CDC_CURSOR_H
#define CDC_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct cdc_cursor {
    const uint8_t *p;
    const uint8_t *end;
    bool failed;
} cdc_cursor;

/* p may be NULL when n is 0: a cursor over no bytes points somewhere all the same, so that reading
 * none of them is not taken for a failure. */
static inline cdc_cursor cdc_cursor_of(const void *p, size_t n)
{
    const uint8_t *at = p != NULL ? (const uint8_t *)p : (const uint8_t *)"";
    cdc_cursor c = {at, at + n, false};
    return c;
}

static inline size_t cdc_cursor_left(const cdc_cursor *c)
{
    return (size_t)(c->end - c->p);
}

/* n bytes in place, or NULL and failed. */
static inline const uint8_t *cdc_cursor_bytes(cdc_cursor *c, size_t n)
{
    if (n > cdc_cursor_left(c)) {
        c->failed = true;
        c->p = c->end;
        return NULL;
    }
    const uint8_t *at = c->p;
    c->p += n;
    return at;
}

/* Little-endian unsigned of n bytes, 1 to 8. */
static inline uint64_t cdc_cursor_le(cdc_cursor *c, unsigned n)
{
    const uint8_t *b = cdc_cursor_bytes(c, n);
    uint64_t v = 0;
    for (unsigned i = 0; b != NULL && i < n; i++) {
        v |= (uint64_t)b[i] << (8 * i);
    }
    return v;
}

/* Big-endian unsigned of n bytes, 1 to 8. */
static inline uint64_t cdc_cursor_be(cdc_cursor *c, unsigned n)
{
    const uint8_t *b = cdc_cursor_bytes(c, n);
    uint64_t v = 0;
    for (unsigned i = 0; b != NULL && i < n; i++) {
        v = v << 8 | b[i];
    }
    return v;
}

static inline uint8_t cdc_cursor_u8(cdc_cursor *c)
{
    return (uint8_t)cdc_cursor_le(c, 1);
}

static inline uint16_t cdc_cursor_u16(cdc_cursor *c)
{
    return (uint16_t)cdc_cursor_le(c, 2);
}

static inline uint32_t cdc_cursor_u32(cdc_cursor *c)
{
    return (uint32_t)cdc_cursor_le(c, 4);
}

static inline uint64_t cdc_cursor_u64(cdc_cursor *c)
{
    return cdc_cursor_le(c, 8);
}

/* MySQL's length-encoded integer (protocol basics, "int<lenenc>"). */
static inline uint64_t cdc_cursor_lenenc(cdc_cursor *c)
{
    uint8_t first = cdc_cursor_u8(c);
    switch (first) {
    case 0xfb:
    case 0xff:
        c->failed = true; /* NULL marker and error marker are no lengths */
        return 0;
    case 0xfc:
        return cdc_cursor_le(c, 2);
    case 0xfd:
        return cdc_cursor_le(c, 3);
    case 0xfe:
        return cdc_cursor_le(c, 8);
    default:
        return first;
    }
}

#endif

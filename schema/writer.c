#include "schema/writer.h"

#include "schema/scan.h"

/* Long values are written in pieces, so that room for the worst case (six bytes for one) stays
 * small. */
enum { PIECE = 8 * 1024, WORST = 6 };

bool cdc_writer_begin(cdc_writer *w, cdc_buffer *buf)
{
    w->buf = buf;
    w->p = cdc_buffer_reserve(buf, CDC_WRITER_PAD);
    w->end = w->p != NULL ? buf->data + buf->cap : NULL;
    return w->p != NULL;
}

void cdc_writer_end(cdc_writer *w)
{
    w->buf->len = (size_t)(w->p - w->buf->data);
}

bool cdc_writer_grow(cdc_writer *w, size_t n)
{
    cdc_writer_end(w);
    char *p =
        n <= SIZE_MAX - CDC_WRITER_PAD ? cdc_buffer_reserve(w->buf, n + CDC_WRITER_PAD) : NULL;
    if (p == NULL) {
        w->buf->failed = true;
        return false;
    }
    w->p = p;
    w->end = w->buf->data + w->buf->cap;
    return true;
}

bool cdc_writer_str(cdc_writer *w, const char *s)
{
    size_t n = strlen(s);
    if (!cdc_writer_room(w, n)) {
        return false;
    }
    cdc_writer_copy(w, s, n);
    return true;
}

/* How each octet looks inside a JSON string, as U+00XX. */
typedef struct cdc_octet_text {
    char s[7];
    uint8_t n;
} cdc_octet_text;

#define U(hi, lo)                                                                                  \
    {                                                                                              \
        {'\\', 'u', '0', '0', hi, lo, 0}, 6                                                        \
    }
#define E(c)                                                                                       \
    {                                                                                              \
        {'\\', c, 0, 0, 0, 0, 0}, 2                                                                \
    }
#define A(c)                                                                                       \
    {                                                                                              \
        {(char)(c), 0, 0, 0, 0, 0, 0}, 1                                                           \
    }
#define A8(c)                                                                                      \
    A(c), A((c) + 1), A((c) + 2), A((c) + 3), A((c) + 4), A((c) + 5), A((c) + 6), A((c) + 7)
#define H(c)                                                                                       \
    {                                                                                              \
        {(char)(0xc0 | (c) >> 6), (char)(0x80 | ((c)&0x3f)), 0, 0, 0, 0, 0}, 2                     \
    }
#define H8(c)                                                                                      \
    H(c), H((c) + 1), H((c) + 2), H((c) + 3), H((c) + 4), H((c) + 5), H((c) + 6), H((c) + 7)

static const cdc_octet_text octets[256] = {
    U('0', '0'), U('0', '1'), U('0', '2'), U('0', '3'), U('0', '4'), U('0', '5'), U('0', '6'),
    U('0', '7'), E('b'),      E('t'),      E('n'),      U('0', 'b'), E('f'),      E('r'),
    U('0', 'e'), U('0', 'f'), U('1', '0'), U('1', '1'), U('1', '2'), U('1', '3'), U('1', '4'),
    U('1', '5'), U('1', '6'), U('1', '7'), U('1', '8'), U('1', '9'), U('1', 'a'), U('1', 'b'),
    U('1', 'c'), U('1', 'd'), U('1', 'e'), U('1', 'f'), A(' '),      A('!'),      E('"'),
    A('#'),      A('$'),      A('%'),      A('&'),      A('\''),     A8('('),     A8('0'),
    A8('8'),     A8('@'),     A8('H'),     A8('P'),     A('X'),      A('Y'),      A('Z'),
    A('['),      E('\\'),     A(']'),      A('^'),      A('_'),      A8('`'),     A8('h'),
    A8('p'),     A8('x'),     H8(0x80),    H8(0x88),    H8(0x90),    H8(0x98),    H8(0xa0),
    H8(0xa8),    H8(0xb0),    H8(0xb8),    H8(0xc0),    H8(0xc8),    H8(0xd0),    H8(0xd8),
    H8(0xe0),    H8(0xe8),    H8(0xf0),    H8(0xf8),
};

static inline char *put_octet(char *p, uint8_t c)
{
    memcpy(p, &octets[c], 8); /* the length byte behind the text is overwritten by what follows */
    return p + octets[c].n;
}

/* Sequences of more than one byte from s on, to the next ASCII character. */
static char *put_utf8(char *p, const uint8_t **at, const uint8_t *end, uint64_t *replaced)
{
    const uint8_t *s = *at;
    do {
        unsigned n = cdc_scan_utf8(s, end);
        if (n == 0) {
            memcpy(p, "\xef\xbf\xbd", 3);
            p += 3;
            s++;
            (*replaced)++;
            continue;
        }
        for (unsigned i = 0; i < n; i++) {
            *p++ = (char)*s++;
        }
    } while (s < end && *s >= 0x80);
    *at = s;
    return p;
}

static char *put_text(char *p, const uint8_t *s, const uint8_t *end, uint64_t *replaced)
{
    while (s < end) {
        if (cdc_scan_copy(&p, &s, end)) {
            continue;
        }
        if (*s < 0x80) {
            p = put_octet(p, *s++);
        } else {
            p = put_utf8(p, &s, end, replaced);
        }
    }
    return p;
}

bool cdc_writer_text(cdc_writer *w, const char *s, size_t n, uint64_t *replaced)
{
    const uint8_t *at = (const uint8_t *)s;
    while (n > PIECE) {
        size_t piece = PIECE;
        while (piece > PIECE - 4 && (at[piece] & 0xc0) == 0x80) {
            piece--; /* not inside of a UTF-8 sequence */
        }
        if (!cdc_writer_room(w, piece * WORST)) {
            return false;
        }
        w->p = put_text(w->p, at, at + piece, replaced);
        at += piece;
        n -= piece;
    }
    if (!cdc_writer_room(w, n * WORST)) {
        return false;
    }
    if (n > 0) {
        w->p = put_text(w->p, at, at + n, replaced);
    }
    return true;
}

static char *put_latin1(char *p, const uint8_t *s, const uint8_t *end)
{
    while (s < end) {
        if (cdc_scan_copy(&p, &s, end)) {
            continue;
        }
        /* special octets come in groups: a few more one by one before the next look ahead */
        const uint8_t *stop = (size_t)(end - s) > 8 ? s + 8 : end;
        while (s < stop) {
            p = put_octet(p, *s++);
        }
    }
    return p;
}

static char *put_hex(char *p, const uint8_t *s, const uint8_t *end)
{
    static const char digits[] = "0123456789abcdef";
    for (; s < end; s++) {
        *p++ = digits[*s >> 4];
        *p++ = digits[*s & 15];
    }
    return p;
}

static char *put_base64(char *p, const uint8_t *s, const uint8_t *end)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; end - s >= 3; s += 3) {
        unsigned v = (unsigned)s[0] << 16 | (unsigned)s[1] << 8 | s[2];
        *p++ = digits[v >> 18];
        *p++ = digits[v >> 12 & 63];
        *p++ = digits[v >> 6 & 63];
        *p++ = digits[v & 63];
    }
    if (s < end) {
        unsigned v = (unsigned)s[0] << 16 | (end - s == 2 ? (unsigned)s[1] << 8 : 0);
        *p++ = digits[v >> 18];
        *p++ = digits[v >> 12 & 63];
        *p++ = end - s == 2 ? digits[v >> 6 & 63] : '=';
        *p++ = '=';
    }
    return p;
}

static bool write_octets(cdc_writer *w, cdc_binary how, const uint8_t *s, size_t n)
{
    while (n > 0) {
        size_t piece = n < PIECE / 2 * 3 ? n : PIECE / 2 * 3; /* a multiple of 3 for base64 */
        if (!cdc_writer_room(w, piece * WORST)) {
            return false;
        }
        switch (how) {
        case CDC_BINARY_LATIN1:
            w->p = put_latin1(w->p, s, s + piece);
            break;
        case CDC_BINARY_BASE64:
            w->p = put_base64(w->p, s, s + piece);
            break;
        case CDC_BINARY_HEX:
            w->p = put_hex(w->p, s, s + piece);
            break;
        }
        s += piece;
        n -= piece;
    }
    return true;
}

bool cdc_writer_octets(cdc_writer *w, cdc_binary how, const char *s, size_t n, size_t zeros)
{
    if (zeros == 0) {
        return write_octets(w, how, (const uint8_t *)s, n);
    }
    uint8_t padded[256] = {0}; /* BINARY(n) has at most 255 */
    if (n + zeros > sizeof padded) {
        return false;
    }
    if (n > 0) {
        memcpy(padded, s, n);
    }
    return write_octets(w, how, padded, n + zeros);
}

static const char pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243"
    "4445464748495051525354555657585960616263646566676869707172737475767778798081828384858687"
    "888990919293949596979899";

static unsigned count_digits(uint64_t v)
{
    unsigned n = 1;
    while (v >= 10000) {
        v /= 10000;
        n += 4;
    }
    return v < 10 ? n : v < 100 ? n + 1 : v < 1000 ? n + 2 : n + 3;
}

char *cdc_write_u64(char *p, uint64_t v)
{
    unsigned n = count_digits(v);
    char *end = p + n;
    char *at = end;
    while (v >= 100) {
        at -= 2;
        memcpy(at, pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        memcpy(p, pairs + 2 * v, 2);
    } else {
        *p = (char)('0' + v);
    }
    return end;
}

char *cdc_write_i64(char *p, int64_t v)
{
    if (v >= 0) {
        return cdc_write_u64(p, (uint64_t)v);
    }
    *p = '-';
    return cdc_write_u64(p + 1, 0 - (uint64_t)v);
}

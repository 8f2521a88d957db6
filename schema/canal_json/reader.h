/* cdc_reader: reads JSON text in place, without a tree. A message is checked for UTF-8 as a whole
 * first; every function returns false on malformed input, with the place and the reason in the
 * reader, and never reads past the end. */
#ifndef CDC_CANAL_READER_H
#define CDC_CANAL_READER_H

#include "core/arena.h"
#include "core/cursor.h"

/* Arrays and objects inside of each other. */
#define CDC_READER_DEPTH_MAX 32

typedef struct cdc_reader {
    cdc_cursor in;
    const uint8_t *start; /* of the message */
    const char *fault;    /* why it failed; in.p is where */
} cdc_reader;

/* A part of the message as it stands there; n 0: not there. */
typedef struct cdc_span {
    const uint8_t *p;
    size_t n;
} cdc_span;

/* The inside of a JSON string. */
typedef struct cdc_reader_text {
    cdc_span raw;
    bool escaped; /* holds backslashes */
} cdc_reader_text;

/* False: not UTF-8. Long runs of ASCII cost next to nothing. */
bool cdc_reader_init(cdc_reader *r, const void *p, size_t n);
/* Reads a span of the same message. */
cdc_reader cdc_reader_sub(const cdc_reader *r, cdc_span span);

bool cdc_reader_fail(cdc_reader *r, const char *fault);

static inline void cdc_reader_space(cdc_reader *r)
{
    while (r->in.p < r->in.end &&
           (*r->in.p == ' ' || *r->in.p == '\t' || *r->in.p == '\n' || *r->in.p == '\r')) {
        r->in.p++;
    }
}

/* The next character behind spaces, 0 at the end. */
static inline uint8_t cdc_reader_peek(cdc_reader *r)
{
    if (r->in.p<r->in.end && * r->in.p> ' ') {
        return *r->in.p;
    }
    cdc_reader_space(r);
    return r->in.p < r->in.end ? *r->in.p : 0;
}

/* Takes c, behind spaces; false without a fault when something else is there. */
static inline bool cdc_reader_take(cdc_reader *r, char c)
{
    if (cdc_reader_peek(r) != (uint8_t)c) {
        return false;
    }
    r->in.p++;
    return true;
}

bool cdc_reader_expect(cdc_reader *r, char c, const char *fault);
/* Takes the bytes if they come next, as they are. */
static inline bool cdc_reader_take_bytes(cdc_reader *r, const void *p, size_t n)
{
    if (n > cdc_cursor_left(&r->in) || memcmp(r->in.p, p, n) != 0) {
        return false;
    }
    r->in.p += n;
    return true;
}

bool cdc_reader_string(cdc_reader *r, cdc_reader_text *out);
bool cdc_reader_skip(cdc_reader *r); /* any value */
bool cdc_reader_end(cdc_reader *r);  /* nothing but spaces may follow */

/* Writes the text that a string means at `to` (room for raw.n bytes; may be raw.p itself) and
 * returns its length, or SIZE_MAX: half a surrogate pair. */
size_t cdc_reader_unescape(cdc_reader_text text, char *to);

/* A number without fraction and exponent from -max to max. */
bool cdc_reader_integer(cdc_reader *r, int64_t max, int64_t *out);

#endif

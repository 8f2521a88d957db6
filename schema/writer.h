/* Writes parts of messages into a cdc_buffer: room is asked for once per value, then bytes go
 * through a raw pointer. */
#ifndef CDC_WRITER_H
#define CDC_WRITER_H

#include "core/buffer.h"

/* Every request for room gets this much more, so that short copies may be done in whole machine
 * words. */
#define CDC_WRITER_PAD 64U

typedef struct cdc_writer {
    cdc_buffer *buf;
    char *p; /* where the next byte goes */
    char *end;
} cdc_writer;

typedef enum cdc_binary {
    CDC_BINARY_LATIN1, /* each byte as U+00XX */
    CDC_BINARY_BASE64,
    CDC_BINARY_HEX,
} cdc_binary;

/* Begins behind what buf holds. False: no room; buf->failed is set. */
bool cdc_writer_begin(cdc_writer *w, cdc_buffer *buf);
/* Makes what was written part of the buffer. */
void cdc_writer_end(cdc_writer *w);

bool cdc_writer_grow(cdc_writer *w, size_t n);

/* n bytes and CDC_WRITER_PAD more may be written at w->p. */
static inline bool cdc_writer_room(cdc_writer *w, size_t n)
{
    return (size_t)(w->end - w->p) >= n + CDC_WRITER_PAD || cdc_writer_grow(w, n);
}

/* Copies without asking for room. */
static inline void cdc_writer_copy(cdc_writer *w, const char *s, size_t n)
{
    memcpy(w->p, s, n);
    w->p += n;
}

/* The same, where at least 32 bytes may be read at s whatever n is. */
static inline void cdc_writer_copy_padded(cdc_writer *w, const char *s, size_t n)
{
    memcpy(w->p, s, 32);
    if (n > 32) {
        memcpy(w->p + 32, s + 32, n - 32);
    }
    w->p += n;
}

bool cdc_writer_str(cdc_writer *w, const char *s);

/* The inside of a JSON string, without the quotes. Text: escapes what JSON wants; a byte that is
 * not part of valid UTF-8 becomes U+FFFD and is counted in *replaced, so that the result is always
 * valid JSON. */
bool cdc_writer_text(cdc_writer *w, const char *s, size_t n, uint64_t *replaced);
/* Octets, followed by `zeros` octets of value 0. */
bool cdc_writer_octets(cdc_writer *w, cdc_binary how, const char *s, size_t n, size_t zeros);

/* Decimal digits; returns the end. Room for 20 (21) bytes is the caller's. */
char *cdc_write_u64(char *p, uint64_t v);
char *cdc_write_i64(char *p, int64_t v);

#endif

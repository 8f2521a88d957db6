/* cdc_buffer: bytes that grow up to a maximum given when it is made.
 *
 * Appending never fails visibly: a buffer that could not grow remembers it in `failed`, ignores
 * what follows, and the writer asks once at the end. That keeps encoders free of a branch per byte.
 */
#ifndef CDC_BUFFER_H
#define CDC_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "error.h"

typedef struct cdc_buffer {
    char *data; /* not NUL-terminated unless cdc_buffer_cstr was called */
    size_t len;
    size_t cap;
    size_t max;
    bool failed; /* maximum passed or out of memory; data holds a cut prefix */
} cdc_buffer;

void cdc_buffer_init(cdc_buffer *buf, size_t max_bytes);
void cdc_buffer_fini(cdc_buffer *buf);

static inline void cdc_buffer_reset(cdc_buffer *buf)
{
    buf->len = 0;
    buf->failed = false;
}

bool cdc_buffer_grow(cdc_buffer *buf, size_t n);

/* Makes room for n more bytes and returns where to write them, or NULL; add to len what was
 * written. */
static inline char *cdc_buffer_reserve(cdc_buffer *buf, size_t n)
{
    if ((n > buf->cap - buf->len || buf->data == NULL) && !cdc_buffer_grow(buf, n)) {
        return NULL;
    }
    return buf->data + buf->len;
}

static inline void cdc_buffer_add(cdc_buffer *buf, const void *p, size_t n)
{
    char *to = cdc_buffer_reserve(buf, n);
    if (to != NULL && n > 0) {
        memcpy(to, p, n);
        buf->len += n;
    }
}

static inline void cdc_buffer_add_char(cdc_buffer *buf, char c)
{
    char *to = cdc_buffer_reserve(buf, 1);
    if (to != NULL) {
        *to = c;
        buf->len++;
    }
}

void cdc_buffer_add_str(cdc_buffer *buf, const char *s);
void cdc_buffer_add_u64(cdc_buffer *buf, uint64_t v); /* decimal */
void cdc_buffer_add_i64(cdc_buffer *buf, int64_t v);
void cdc_buffer_addf(cdc_buffer *buf, const char *fmt, ...) CDC_PRINTF(2, 3);
/* Appends s as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. For cold
 * paths (status, logs); the codecs have their own. */
void cdc_buffer_add_json(cdc_buffer *buf, const char *s, size_t n);
/* NUL-terminates in place (the NUL does not count in len); "" when it cannot. */
const char *cdc_buffer_cstr(cdc_buffer *buf);

/* Writes v in decimal at p (room for 20 bytes) and returns the number of digits. */
size_t cdc_format_u64(char *p, uint64_t v);
size_t cdc_format_i64(char *p, int64_t v); /* room for 21 bytes */

#endif

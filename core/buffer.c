#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void cdc_buffer_init(cdc_buffer *buf, size_t max_bytes)
{
    *buf = (cdc_buffer){.max = max_bytes};
}

void cdc_buffer_fini(cdc_buffer *buf)
{
    free(buf->data);
    *buf = (cdc_buffer){.max = buf->max};
}

bool cdc_buffer_grow(cdc_buffer *buf, size_t n)
{
    if (buf->failed || buf->max == 0 || n > buf->max || buf->len > buf->max - n) {
        buf->failed = true;
        return false;
    }
    size_t cap = buf->cap > 0 ? buf->cap : buf->max < 256 ? buf->max : 256;
    while (cap < buf->len + n) {
        cap = cap > buf->max / 2 ? buf->max : cap * 2;
    }
    char *data = realloc(buf->data, cap);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

void cdc_buffer_add_str(cdc_buffer *buf, const char *s)
{
    cdc_buffer_add(buf, s, strlen(s));
}

static const char digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

size_t cdc_format_u64(char *p, uint64_t v)
{
    char tmp[20];
    size_t at = sizeof tmp;
    while (v >= 100) {
        at -= 2;
        memcpy(tmp + at, digit_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(tmp + at, digit_pairs + 2 * v, 2);
    } else {
        tmp[--at] = (char)('0' + v);
    }
    size_t n = sizeof tmp - at;
    memcpy(p, tmp + at, n);
    return n;
}

size_t cdc_format_i64(char *p, int64_t v)
{
    if (v >= 0) {
        return cdc_format_u64(p, (uint64_t)v);
    }
    *p = '-';
    return 1 + cdc_format_u64(p + 1, 0 - (uint64_t)v);
}

void cdc_buffer_add_u64(cdc_buffer *buf, uint64_t v)
{
    char *to = cdc_buffer_reserve(buf, 20);
    if (to != NULL) {
        buf->len += cdc_format_u64(to, v);
    }
}

void cdc_buffer_add_i64(cdc_buffer *buf, int64_t v)
{
    char *to = cdc_buffer_reserve(buf, 21);
    if (to != NULL) {
        buf->len += cdc_format_i64(to, v);
    }
}

void cdc_buffer_addf(cdc_buffer *buf, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *to = n >= 0 ? cdc_buffer_reserve(buf, (size_t)n + 1) : NULL;
    if (to != NULL) {
        va_start(ap, fmt);
        vsnprintf(to, (size_t)n + 1, fmt, ap);
        va_end(ap);
        buf->len += (size_t)n;
    }
}

/* Length of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t cdc_utf8_length(const unsigned char *s, size_t n)
{
    size_t want = s[0] < 0x80   ? 1
                  : s[0] < 0xc2 ? 0
                  : s[0] < 0xe0 ? 2
                  : s[0] < 0xf0 ? 3
                  : s[0] < 0xf5 ? 4
                                : 0;
    if (want == 0 || want > n) {
        return 0;
    }
    for (size_t i = 1; i < want; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool bad = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
               (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
    return bad ? 0 : want;
}

void cdc_buffer_add_json(cdc_buffer *buf, const char *s, size_t n)
{
    cdc_buffer_add_char(buf, '"');
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        size_t len = cdc_utf8_length((const unsigned char *)s + i, n - i);
        if (len == 0) {
            cdc_buffer_add_str(buf, "\xef\xbf\xbd");
            len = 1;
        } else if (c == '"' || c == '\\') {
            cdc_buffer_addf(buf, "\\%c", c);
        } else if (c < 0x20) {
            cdc_buffer_addf(buf, "\\u%04x", c);
        } else {
            cdc_buffer_add(buf, s + i, len);
        }
        i += len;
    }
    cdc_buffer_add_char(buf, '"');
}

const char *cdc_buffer_cstr(cdc_buffer *buf)
{
    char *to = cdc_buffer_reserve(buf, 1);
    if (to == NULL) {
        return "";
    }
    *to = '\0';
    return buf->data;
}

#include "rdb_input.h"

#include "core/cursor.h"
#include "rdb_crc64.h"
#include "rdb_lzf.h"

void src_redis_input_init(src_redis_input *in, size_t max_bytes)
{
    *in = (src_redis_input){.max_bytes = max_bytes};
    cdc_buffer_init(&in->buf, SIZE_MAX / 4); /* by who feeds, and by max_bytes of an item */
    cdc_buffer_init(&in->scratch, max_bytes);
}

void src_redis_input_fini(src_redis_input *in)
{
    cdc_buffer_fini(&in->buf);
    cdc_buffer_fini(&in->scratch);
}

bool src_redis_input_feed(src_redis_input *in, const void *p, size_t n)
{
    cdc_buffer *buf = &in->buf;
    if (in->pos > 0) {
        memmove(buf->data, buf->data + in->pos, buf->len - in->pos);
        buf->len -= in->pos;
        in->base += in->pos;
        in->pos = 0;
        in->at = 0;
    }
    cdc_buffer_add(buf, p, n);
    return !buf->failed;
}

cdc_rc src_redis_input_bad(src_redis_input *in, const char *fmt, ...)
{
    if (in->rc != CDC_OK) {
        return in->rc;
    }
    char what[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    in->rc = cdc_error_set(in->err, CDC_FATAL, "redis_rdb_malformed", "RDB at byte %llu: %s",
                           (unsigned long long)(in->base + in->at), what);
    return in->rc;
}

void src_redis_input_want(src_redis_input *in, uint64_t n)
{
    if (in->rc == CDC_OK) {
        in->need = (size_t)n;
        in->rc = CDC_AGAIN;
    }
}

const uint8_t *src_redis_input_bytes(src_redis_input *in, uint64_t n)
{
    if (in->rc != CDC_OK) {
        return NULL;
    }
    if (n > in->max_bytes) {
        src_redis_input_bad(in,
                            "a value of %llu bytes, which must be held whole, is over the limit "
                            "of %zu bytes, or its length is malformed",
                            (unsigned long long)n, in->max_bytes);
        return NULL;
    }
    if (n > src_redis_input_there(in)) {
        src_redis_input_want(in, in->at - in->pos + n);
        return NULL;
    }
    const uint8_t *bytes = (const uint8_t *)in->buf.data + in->at;
    in->at += (size_t)n;
    return bytes;
}

uint8_t src_redis_input_u8(src_redis_input *in)
{
    return (uint8_t)src_redis_input_le(in, 1);
}

uint64_t src_redis_input_le(src_redis_input *in, unsigned n)
{
    const uint8_t *bytes = src_redis_input_bytes(in, n);
    cdc_cursor c = cdc_cursor_of(bytes, bytes != NULL ? n : 0);
    return bytes != NULL ? cdc_cursor_le(&c, n) : 0;
}

uint64_t src_redis_input_be(src_redis_input *in, unsigned n)
{
    const uint8_t *bytes = src_redis_input_bytes(in, n);
    cdc_cursor c = cdc_cursor_of(bytes, bytes != NULL ? n : 0);
    return bytes != NULL ? cdc_cursor_be(&c, n) : 0;
}

/* A length, or (encoded) the number of a special encoding. */
static uint64_t length(src_redis_input *in, bool *encoded)
{
    uint8_t first = src_redis_input_u8(in);
    *encoded = first >= 0xc0;
    if (first < 0x40) {
        return first;
    }
    if (first < 0x80) {
        return (uint64_t)(first & 0x3f) << 8 | src_redis_input_u8(in);
    }
    if (first == 0x80) {
        return src_redis_input_be(in, 4);
    }
    if (first == 0x81) {
        return src_redis_input_be(in, 8);
    }
    if (!*encoded) {
        src_redis_input_bad(in, "expected a length, found byte %02x", first);
    }
    return first & 0x3f;
}

uint64_t src_redis_input_length(src_redis_input *in)
{
    bool encoded = false;
    uint64_t n = length(in, &encoded);
    if (encoded) {
        src_redis_input_bad(in, "expected a length, found an encoded string");
    }
    return in->rc == CDC_OK ? n : 0;
}

src_redis_string src_redis_input_head(src_redis_input *in)
{
    bool encoded = false;
    uint64_t n = length(in, &encoded);
    if (!encoded) {
        return (src_redis_string){SRC_REDIS_RAW, n, n};
    }
    if (n < 3) {
        return (src_redis_string){SRC_REDIS_NUMBER, UINT64_C(1) << n, 0};
    }
    if (n > 3) {
        src_redis_input_bad(in, "expected a string, found encoding %u", (unsigned)n);
    }
    uint64_t stored = src_redis_input_length(in);
    return (src_redis_string){SRC_REDIS_COMPRESSED, stored, src_redis_input_length(in)};
}

static void decompress(src_redis_input *in, const src_redis_string *head)
{
    const uint8_t *bytes = src_redis_input_bytes(in, head->stored);
    if (bytes == NULL) {
        return;
    }
    cdc_cursor c = cdc_cursor_of(bytes, (size_t)head->stored);
    src_redis_lzf result = SRC_REDIS_LZF_OK;
    while (result == SRC_REDIS_LZF_OK && cdc_cursor_left(&c) > 0 && in->scratch.len < head->size) {
        result = src_redis_lzf_next(&c, &in->scratch);
    }
    if (result != SRC_REDIS_LZF_OK || cdc_cursor_left(&c) > 0 || in->scratch.len != head->size) {
        src_redis_input_bad(in, "the compressed string that ends here is malformed");
    }
}

src_redis_slice src_redis_input_body(src_redis_input *in, const src_redis_string *head)
{
    cdc_buffer_reset(&in->scratch);
    if (head->kind == SRC_REDIS_RAW) {
        const uint8_t *bytes = src_redis_input_bytes(in, head->stored);
        return (src_redis_slice){(const char *)bytes, bytes != NULL ? (size_t)head->stored : 0};
    }
    if (head->kind == SRC_REDIS_COMPRESSED) {
        decompress(in, head);
    } else {
        unsigned bits = 8U * (unsigned)head->stored;
        uint64_t v = src_redis_input_le(in, (unsigned)head->stored) << (64 - bits);
        cdc_buffer_add_i64(&in->scratch, (int64_t)v >> (64 - bits));
    }
    return (src_redis_slice){in->scratch.data, in->scratch.len};
}

src_redis_slice src_redis_input_string(src_redis_input *in)
{
    src_redis_string head = src_redis_input_head(in);
    if (in->rc != CDC_OK) {
        return (src_redis_slice){NULL, 0};
    }
    return src_redis_input_body(in, &head);
}

cdc_rc src_redis_input_settle(src_redis_input *in)
{
    cdc_rc rc = in->rc;
    if (rc == CDC_AGAIN) {
        in->at = in->pos;
        in->rc = CDC_OK;
        return rc;
    }
    if (rc != CDC_OK) {
        return rc;
    }
    size_t n = in->at - in->pos;
    if (n == 0) {
        return CDC_OK;
    }
    const char *bytes = in->buf.data + in->pos;
    if (in->record != NULL) {
        cdc_buffer_add(in->record, bytes, n);
        if (in->record->failed) {
            return src_redis_input_bad(in,
                                       "a value that must be held whole is over the limit of %zu "
                                       "bytes",
                                       in->record->max);
        }
    }
    in->crc = src_redis_crc64(in->crc, bytes, n);
    in->pos = in->at;
    in->need = 0;
    return CDC_OK;
}

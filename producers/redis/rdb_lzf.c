#include "rdb_lzf.h"

static src_redis_lzf literal(cdc_cursor *in, cdc_buffer *out, size_t n)
{
    const uint8_t *bytes = cdc_cursor_bytes(in, n);
    if (bytes == NULL) {
        return SRC_REDIS_LZF_SHORT;
    }
    cdc_buffer_add(out, bytes, n);
    return out->failed ? SRC_REDIS_LZF_BAD : SRC_REDIS_LZF_OK;
}

static src_redis_lzf copy(cdc_cursor *in, cdc_buffer *out, uint8_t control)
{
    size_t n = control >> 5;
    if (n == 7) {
        n += cdc_cursor_u8(in);
    }
    n += 2;
    size_t back = ((size_t)(control & 0x1f) << 8) + cdc_cursor_u8(in) + 1;
    if (in->failed) {
        return SRC_REDIS_LZF_SHORT;
    }
    char *to = cdc_buffer_reserve(out, n);
    if (back > out->len || to == NULL) {
        return SRC_REDIS_LZF_BAD;
    }
    for (size_t i = 0; i < n; i++) { /* may overlap: a byte just written is copied again */
        to[i] = *(to + i - back);
    }
    out->len += n;
    return SRC_REDIS_LZF_OK;
}

src_redis_lzf src_redis_lzf_next(cdc_cursor *in, cdc_buffer *out)
{
    cdc_cursor before = *in;
    uint8_t control = cdc_cursor_u8(in);
    src_redis_lzf result = SRC_REDIS_LZF_SHORT;
    if (!in->failed) {
        result = control < 32 ? literal(in, out, (size_t)control + 1) : copy(in, out, control);
    }
    if (result == SRC_REDIS_LZF_SHORT) {
        *in = before;
    }
    return result;
}

#include "rdb_pack.h"

#include "core/buffer.h"

enum { END = 0xff };

/* A number of fewer than 64 bits, in two's complement. */
static int64_t extend(uint64_t v, unsigned bits)
{
    return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static void number(src_redis_pack *pack, src_redis_slice *element, int64_t v)
{
    *element = (src_redis_slice){pack->text, cdc_format_i64(pack->text, v)};
}

static void text(src_redis_pack *pack, src_redis_slice *element, size_t n)
{
    *element = (src_redis_slice){(const char *)cdc_cursor_bytes(&pack->in, n), n};
}

/* --- listpack --- */

static void listpack_wide(src_redis_pack *pack, src_redis_slice *element, uint8_t first)
{
    static const uint8_t bytes[] = {[1] = 2, [2] = 3, [3] = 4, [4] = 8};
    cdc_cursor *in = &pack->in;
    if (first == 0xf0) {
        text(pack, element, cdc_cursor_u32(in));
    } else if (first <= 0xf4) {
        unsigned n = bytes[first & 0xf];
        number(pack, element, extend(cdc_cursor_le(in, n), 8 * n));
    } else {
        in->failed = true;
    }
}

/* Behind an element stands its length, for readers from the end. */
static void listpack_back_length(cdc_cursor *in, size_t n)
{
    static const size_t limits[] = {127, 16382, 2097150, 268435454};
    size_t bytes = 1;
    while (bytes <= sizeof limits / sizeof limits[0] && n > limits[bytes - 1]) {
        bytes++;
    }
    (void)cdc_cursor_bytes(in, bytes);
}

static void listpack_element(src_redis_pack *pack, src_redis_slice *element, uint8_t first)
{
    cdc_cursor *in = &pack->in;
    const uint8_t *begin = in->p - 1;
    if (first < 0x80) {
        number(pack, element, first);
    } else if (first < 0xc0) {
        text(pack, element, first & 0x3f);
    } else if (first < 0xe0) {
        number(pack, element, extend((uint64_t)(first & 0x1f) << 8 | cdc_cursor_u8(in), 13));
    } else if (first < 0xf0) {
        text(pack, element, (size_t)(first & 0xf) << 8 | cdc_cursor_u8(in));
    } else {
        listpack_wide(pack, element, first);
    }
    listpack_back_length(in, (size_t)(in->p - begin));
}

/* --- ziplist --- */

static void ziplist_number(src_redis_pack *pack, src_redis_slice *element, uint8_t encoding)
{
    cdc_cursor *in = &pack->in;
    switch (encoding) {
    case 0xc0:
        number(pack, element, extend(cdc_cursor_le(in, 2), 16));
        break;
    case 0xd0:
        number(pack, element, extend(cdc_cursor_le(in, 4), 32));
        break;
    case 0xe0:
        number(pack, element, (int64_t)cdc_cursor_le(in, 8));
        break;
    case 0xf0:
        number(pack, element, extend(cdc_cursor_le(in, 3), 24));
        break;
    case 0xfe:
        number(pack, element, extend(cdc_cursor_le(in, 1), 8));
        break;
    default:
        if (encoding < 0xf1 || encoding > 0xfd) {
            in->failed = true;
        }
        number(pack, element, (encoding & 0xf) - 1);
    }
}

static void ziplist_element(src_redis_pack *pack, src_redis_slice *element, uint8_t before)
{
    cdc_cursor *in = &pack->in;
    if (before == 0xfe) {
        (void)cdc_cursor_u32(in); /* length of the element before */
    }
    uint8_t encoding = cdc_cursor_u8(in);
    if (encoding < 0x40) {
        text(pack, element, encoding);
    } else if (encoding < 0x80) {
        text(pack, element, (size_t)(encoding & 0x3f) << 8 | cdc_cursor_u8(in));
    } else if (encoding == 0x80) {
        text(pack, element, (size_t)cdc_cursor_be(in, 4));
    } else {
        ziplist_number(pack, element, encoding);
    }
}

/* --- zipmap --- */

static void zipmap_element(src_redis_pack *pack, src_redis_slice *element, uint8_t first)
{
    cdc_cursor *in = &pack->in;
    size_t n = first < 0xfe ? first : cdc_cursor_u32(in);
    size_t spare = pack->value ? cdc_cursor_u8(in) : 0;
    text(pack, element, n);
    (void)cdc_cursor_bytes(in, spare);
    pack->value = !pack->value;
}

/* --- all --- */

static bool begin_intset(src_redis_pack *pack)
{
    uint32_t width = cdc_cursor_u32(&pack->in);
    pack->left = cdc_cursor_u32(&pack->in);
    pack->width = (uint8_t)width;
    return !pack->in.failed && (width == 2 || width == 4 || width == 8) &&
           cdc_cursor_left(&pack->in) == pack->left * width;
}

bool src_redis_pack_begin(src_redis_pack *pack, src_redis_pack_kind kind, const void *p, size_t n)
{
    *pack = (src_redis_pack){.kind = kind, .in = cdc_cursor_of(p, n), .left = UINT64_MAX};
    cdc_cursor *in = &pack->in;
    uint64_t length = n;
    uint16_t count = UINT16_MAX;
    switch (kind) {
    case SRC_REDIS_INTSET:
        return begin_intset(pack);
    case SRC_REDIS_LISTPACK:
        length = cdc_cursor_u32(in);
        count = cdc_cursor_u16(in);
        break;
    case SRC_REDIS_ZIPLIST:
        length = cdc_cursor_u32(in);
        (void)cdc_cursor_u32(in); /* where the last element is */
        count = cdc_cursor_u16(in);
        break;
    default:
        (void)cdc_cursor_u8(in); /* how many, if few */
    }
    if (count != UINT16_MAX) {
        pack->left = count;
    }
    return !in->failed && length == n;
}

cdc_rc src_redis_pack_next(src_redis_pack *pack, src_redis_slice *element)
{
    cdc_cursor *in = &pack->in;
    if (pack->kind == SRC_REDIS_INTSET) {
        if (pack->left == 0) {
            return CDC_EOF;
        }
        pack->left--;
        number(pack, element, extend(cdc_cursor_le(in, pack->width), 8U * pack->width));
        return CDC_OK;
    }
    uint8_t first = cdc_cursor_u8(in);
    if (!in->failed && first == END) {
        bool whole = (pack->left == 0 || pack->left == UINT64_MAX) && !pack->value;
        return whole && cdc_cursor_left(in) == 0 ? CDC_EOF : CDC_FATAL;
    }
    if (in->failed || pack->left == 0) {
        return CDC_FATAL;
    }
    pack->left -= pack->left != UINT64_MAX;
    if (pack->kind == SRC_REDIS_LISTPACK) {
        listpack_element(pack, element, first);
    } else if (pack->kind == SRC_REDIS_ZIPLIST) {
        ziplist_element(pack, element, first);
    } else {
        zipmap_element(pack, element, first);
    }
    return in->failed ? CDC_FATAL : CDC_OK;
}

const char *src_redis_pack_name(src_redis_pack_kind kind)
{
    static const char *const names[] = {"string", "listpack", "ziplist", "intset", "zipmap"};
    return names[kind];
}

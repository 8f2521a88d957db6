#include "producers/mysql/json_binary.h"

#include <math.h>
#include <string.h>

#include "core/cursor.h"
#include "producers/mysql/charset.h"
#include "producers/mysql/decimal.h"
#include "producers/mysql/temporal.h"
#include "producers/mysql/type_text.h"

enum {
    JSONB_SMALL_OBJECT = 0x00,
    JSONB_LARGE_OBJECT = 0x01,
    JSONB_SMALL_ARRAY = 0x02,
    JSONB_LARGE_ARRAY = 0x03,
    JSONB_LITERAL = 0x04,
    JSONB_INT16 = 0x05,
    JSONB_UINT16 = 0x06,
    JSONB_INT32 = 0x07,
    JSONB_UINT32 = 0x08,
    JSONB_INT64 = 0x09,
    JSONB_UINT64 = 0x0a,
    JSONB_DOUBLE = 0x0b,
    JSONB_STRING = 0x0c,
    JSONB_OPAQUE = 0x0f,
};

static void write_escaped(cdc_buffer *out, uint8_t b)
{
    static const char shorts[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', '0', '0'};
    if (b == '"' || b == '\\') {
        text[1] = (char)b;
        cdc_buffer_add(out, text, 2);
    } else if (shorts[b] != 0) {
        text[1] = shorts[b];
        cdc_buffer_add(out, text, 2);
    } else {
        text[4] = hex[b >> 4];
        text[5] = hex[b & 15U];
        cdc_buffer_add(out, text, 6);
    }
}

/* Valid UTF-8: copies runs that need no escape. */
static void write_valid(cdc_buffer *out, const uint8_t *p, size_t n)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\') {
            cdc_buffer_add(out, p + from, i - from);
            write_escaped(out, p[i]);
            from = i + 1;
        }
    }
    cdc_buffer_add(out, p + from, n - from);
}

void src_mysql_json_write_string(src_mysql_json_writer *w, const uint8_t *p, size_t n)
{
    cdc_buffer_add_char(w->out, '"');
    while (n > 0) {
        size_t good = src_mysql_utf8_valid_prefix(p, n);
        write_valid(w->out, p, good);
        p += good;
        n -= good;
        if (n > 0) {
            cdc_buffer_add_str(w->out, "\xef\xbf\xbd");
            p++;
            n--;
            if (w->bad != NULL) {
                ++*w->bad;
            }
        }
    }
    cdc_buffer_add_char(w->out, '"');
}

/* Length in seven bits a byte, lowest first, the eighth bit says that more follow; five bytes at
 * most. */
static size_t read_length(cdc_cursor *c)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 5; i++) {
        uint8_t b = cdc_cursor_u8(c);
        v |= (uint64_t)(b & 0x7fU) << (7 * i);
        if ((b & 0x80U) == 0) {
            return (size_t)v;
        }
    }
    c->failed = true;
    return 0;
}

#define BASE64_LINE_BYTES 57 /* the server breaks the text into lines of 76 digits */

static void write_base64(cdc_buffer *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        if (i > 0 && i % BASE64_LINE_BYTES == 0) {
            cdc_buffer_add_str(out, "\\n");
        }
        uint32_t v = (uint32_t)p[i] << 16;
        v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
        v |= i + 2 < n ? (uint32_t)p[i + 2] : 0;
        char text[4] = {digits[v >> 18], digits[v >> 12 & 63U], digits[v >> 6 & 63U],
                        digits[v & 63U]};
        if (i + 1 >= n) {
            text[2] = '=';
        }
        if (i + 2 >= n) {
            text[3] = '=';
        }
        cdc_buffer_add(out, text, sizeof text);
    }
}

static bool write_temporal(src_mysql_json_writer *w, uint8_t type, cdc_cursor c)
{
    int64_t packed = (int64_t)cdc_cursor_u64(&c);
    cdc_value v;
    bool ok = type == SRC_MYSQL_TYPE_TIME ? src_mysql_temporal_unpack_time(packed, &v)
                                          : src_mysql_temporal_unpack_datetime(packed, &v);
    cdc_buffer_add_char(w->out, '"');
    if (type != SRC_MYSQL_TYPE_TIME) {
        cdc_buffer_addf(w->out, "%04u-%02u-%02u", v.year, v.t.month, v.t.day);
    }
    if (type != SRC_MYSQL_TYPE_TIME && type != SRC_MYSQL_TYPE_DATE) {
        cdc_buffer_add_char(w->out, ' ');
    }
    if (type != SRC_MYSQL_TYPE_DATE) {
        cdc_buffer_addf(w->out, "%s%02u:%02u:%02u.%06u", v.t.neg ? "-" : "", v.t.hour, v.t.minute,
                        v.t.second, v.t.usec);
    }
    cdc_buffer_add_char(w->out, '"');
    return ok && !c.failed && cdc_cursor_left(&c) == 0;
}

static bool write_decimal(src_mysql_json_writer *w, cdc_cursor c)
{
    unsigned precision = cdc_cursor_u8(&c);
    unsigned scale = cdc_cursor_u8(&c);
    char text[SRC_MYSQL_DECIMAL_TEXT_MAX];
    if (c.failed || precision == 0 || precision > SRC_MYSQL_DECIMAL_PRECISION_MAX ||
        scale > precision || cdc_cursor_left(&c) != src_mysql_decimal_size(precision, scale)) {
        return false;
    }
    size_t n = src_mysql_decimal_text(c.p, precision, scale, text);
    if (n > 0) {
        cdc_buffer_add(w->out, text, n);
    }
    return n > 0;
}

static bool write_opaque(src_mysql_json_writer *w, cdc_cursor c)
{
    uint8_t type = cdc_cursor_u8(&c);
    size_t n = read_length(&c);
    const uint8_t *p = cdc_cursor_bytes(&c, n);
    if (p == NULL || c.failed) {
        return false;
    }
    switch (type) {
    case SRC_MYSQL_TYPE_NEWDECIMAL:
        return write_decimal(w, cdc_cursor_of(p, n));
    case SRC_MYSQL_TYPE_DATE:
    case SRC_MYSQL_TYPE_TIME:
    case SRC_MYSQL_TYPE_DATETIME:
    case SRC_MYSQL_TYPE_TIMESTAMP:
        return write_temporal(w, type, cdc_cursor_of(p, n));
    default:
        cdc_buffer_addf(w->out, "\"base64:type%u:", type);
        write_base64(w->out, p, n);
        cdc_buffer_add_char(w->out, '"');
        return true;
    }
}

static bool write_literal(src_mysql_json_writer *w, uint8_t literal)
{
    static const char *const names[] = {"null", "true", "false"};
    if (literal > 2) {
        return false;
    }
    cdc_buffer_add_str(w->out, names[literal]);
    return true;
}

static bool write_double(src_mysql_json_writer *w, cdc_cursor *c)
{
    uint64_t bits = cdc_cursor_u64(c);
    double d;
    memcpy(&d, &bits, sizeof d);
    if (!isfinite(d)) {
        return false;
    }
    src_mysql_json_double(w->out, d);
    return !c->failed;
}

static bool write_scalar(src_mysql_json_writer *w, uint8_t type, cdc_cursor c)
{
    switch (type) {
    case JSONB_LITERAL:
        return write_literal(w, cdc_cursor_left(&c) > 0 ? cdc_cursor_u8(&c) : 3);
    case JSONB_INT16:
        cdc_buffer_add_i64(w->out, (int16_t)cdc_cursor_u16(&c));
        return !c.failed;
    case JSONB_UINT16:
        cdc_buffer_add_u64(w->out, cdc_cursor_u16(&c));
        return !c.failed;
    case JSONB_INT32:
        cdc_buffer_add_i64(w->out, (int32_t)cdc_cursor_u32(&c));
        return !c.failed;
    case JSONB_UINT32:
        cdc_buffer_add_u64(w->out, cdc_cursor_u32(&c));
        return !c.failed;
    case JSONB_INT64:
        cdc_buffer_add_i64(w->out, (int64_t)cdc_cursor_u64(&c));
        return !c.failed;
    case JSONB_UINT64:
        cdc_buffer_add_u64(w->out, cdc_cursor_u64(&c));
        return !c.failed;
    case JSONB_DOUBLE:
        return write_double(w, &c);
    case JSONB_STRING: {
        size_t n = read_length(&c);
        const uint8_t *p = cdc_cursor_bytes(&c, n);
        if (p != NULL) {
            src_mysql_json_write_string(w, p, n);
        }
        return p != NULL && !c.failed;
    }
    case JSONB_OPAQUE:
        return write_opaque(w, c);
    default:
        return false;
    }
}

bool src_mysql_json_is_box(const src_mysql_json_value *value)
{
    return value->type <= JSONB_LARGE_ARRAY;
}

bool src_mysql_json_open(const src_mysql_json_value *value, src_mysql_json_box *box)
{
    cdc_cursor c = value->at;
    box->width = value->type == JSONB_LARGE_OBJECT || value->type == JSONB_LARGE_ARRAY ? 4 : 2;
    box->object = value->type == JSONB_SMALL_OBJECT || value->type == JSONB_LARGE_OBJECT;
    box->base = c.p;
    size_t left = cdc_cursor_left(&c);
    box->count = (size_t)cdc_cursor_le(&c, box->width);
    box->size = (size_t)cdc_cursor_le(&c, box->width);
    size_t entry = 1U + box->width + (box->object ? box->width + 2U : 0);
    return !c.failed && box->size <= left && box->count <= left / entry &&
           2 * box->width + box->count * entry <= box->size;
}

static cdc_cursor box_at(const src_mysql_json_box *box, size_t offset)
{
    return cdc_cursor_of(box->base + offset, box->size - offset);
}

bool src_mysql_json_key(const src_mysql_json_box *box, size_t i, const uint8_t **key, size_t *n)
{
    cdc_cursor entry = box_at(box, 2 * box->width + i * (box->width + 2U));
    size_t offset = (size_t)cdc_cursor_le(&entry, box->width);
    *n = cdc_cursor_u16(&entry);
    if (offset > box->size || *n > box->size - offset) {
        return false;
    }
    *key = box->base + offset;
    return true;
}

static bool is_inlined(uint8_t type, unsigned width)
{
    return type == JSONB_LITERAL || type == JSONB_INT16 || type == JSONB_UINT16 ||
           (width == 4 && (type == JSONB_INT32 || type == JSONB_UINT32));
}

bool src_mysql_json_element(const src_mysql_json_box *box, size_t i, src_mysql_json_value *out)
{
    size_t header = 2 * box->width;
    size_t keys = box->object ? box->count * (box->width + 2U) : 0;
    size_t values_end = header + keys + box->count * (1U + box->width);
    cdc_cursor entry = box_at(box, header + keys + i * (1U + box->width));
    out->type = cdc_cursor_u8(&entry);
    if (is_inlined(out->type, box->width)) {
        out->at = cdc_cursor_of(entry.p, box->width);
        return true;
    }
    size_t offset = (size_t)cdc_cursor_le(&entry, box->width);
    /* Behind the entries, so that no element can hold its own container. */
    if (offset < values_end || offset >= box->size) {
        return false;
    }
    out->at = box_at(box, offset);
    return true;
}

static bool write_element(src_mysql_json_writer *w, const src_mysql_json_box *box, size_t i)
{
    src_mysql_json_value value;
    if (box->object) {
        const uint8_t *key;
        size_t n;
        if (!src_mysql_json_key(box, i, &key, &n)) {
            return false;
        }
        src_mysql_json_write_string(w, key, n);
        cdc_buffer_add(w->out, ": ", 2);
    }
    return src_mysql_json_element(box, i, &value) && src_mysql_json_write(w, &value);
}

static bool write_box(src_mysql_json_writer *w, const src_mysql_json_value *value)
{
    src_mysql_json_box box;
    if (!src_mysql_json_open(value, &box) || w->depth >= SRC_MYSQL_JSON_DEPTH_MAX) {
        return false;
    }
    w->depth++;
    cdc_buffer_add_char(w->out, box.object ? '{' : '[');
    bool ok = true;
    for (size_t i = 0; ok && i < box.count; i++) {
        if (i > 0) {
            cdc_buffer_add(w->out, ", ", 2);
        }
        ok = write_element(w, &box, i) && !w->out->failed;
    }
    cdc_buffer_add_char(w->out, box.object ? '}' : ']');
    w->depth--;
    return ok;
}

bool src_mysql_json_write(src_mysql_json_writer *w, const src_mysql_json_value *value)
{
    return src_mysql_json_is_box(value) ? write_box(w, value)
                                        : write_scalar(w, value->type, value->at);
}

src_mysql_json_value src_mysql_json_root(const uint8_t *p, size_t n)
{
    static const uint8_t null_document[] = {JSONB_LITERAL, 0};
    if (n == 0) {
        p = null_document;
        n = sizeof null_document;
    }
    return (src_mysql_json_value){p[0], cdc_cursor_of(p + 1, n - 1)};
}

cdc_rc src_mysql_json_text(const uint8_t *p, size_t n, cdc_buffer *out, uint64_t *bad,
                           cdc_error *err)
{
    src_mysql_json_writer w = {out, bad, 0};
    src_mysql_json_value root = src_mysql_json_root(p, n);
    bool ok = src_mysql_json_write(&w, &root);
    if (out->failed) {
        return cdc_error_set(err, CDC_FATAL, "mysql_value_too_large",
                             "JSON document whose text passes the limit of %zu bytes", out->max);
    }
    return ok ? CDC_OK
              : cdc_error_set(
                    err, CDC_FATAL, "mysql_json_malformed",
                    "malformed binary JSON; the binlog is damaged: check it with mysqlbinlog");
}

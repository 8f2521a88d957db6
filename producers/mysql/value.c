#include "producers/mysql/value.h"

#include <string.h>

#include "producers/mysql/decimal.h"
#include "producers/mysql/json_patch.h"
#include "producers/mysql/special_type.h"
#include "producers/mysql/temporal.h"

void src_mysql_decode_init(src_mysql_decode *dec, size_t value_max_bytes)
{
    memset(dec, 0, sizeof *dec);
    cdc_buffer_init(&dec->scratch, value_max_bytes);
    cdc_arena_init(&dec->work, 16384, value_max_bytes);
}

void src_mysql_decode_fini(src_mysql_decode *dec)
{
    cdc_buffer_fini(&dec->scratch);
    cdc_arena_fini(&dec->work);
}

static cdc_rc too_large(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory",
                         "the value does not fit the memory that one batch may use");
}

static cdc_rc malformed(cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_event_malformed",
        "the row image does not fit the column's type; the binlog is damaged: check "
        "it with mysqlbinlog");
}

static inline uint64_t load_le(cdc_cursor *row, unsigned n)
{
    const uint8_t *p = cdc_cursor_bytes(row, n);
    uint64_t v = 0;
    if (p != NULL && n == 8) {
        v = (uint64_t)p[7] << 56 | (uint64_t)p[6] << 48 | (uint64_t)p[5] << 40 |
            (uint64_t)p[4] << 32;
    }
    if (p != NULL && n >= 4) {
        v |= (uint64_t)p[3] << 24;
    }
    if (p != NULL && n >= 3) {
        v |= (uint64_t)p[2] << 16;
    }
    if (p != NULL && n >= 2) {
        v |= (uint64_t)p[1] << 8;
    }
    return p != NULL ? v | p[0] : 0;
}

static inline void set_int(cdc_value *out, int64_t i)
{
    *out = (cdc_value){.kind = CDC_INT};
    out->i = i;
}

static inline void set_u(cdc_value *out, cdc_kind kind, uint64_t u)
{
    *out = (cdc_value){.kind = (uint8_t)kind};
    out->u = u;
}

static inline void set_bytes(cdc_value *out, cdc_kind kind, const char *p, size_t n)
{
    *out = (cdc_value){.kind = (uint8_t)kind, .len = (uint32_t)n};
    out->p = p;
}

/* FLOAT and DOUBLE are IEEE 754, little-endian on every server that there is a build of. */
static void read_float(cdc_cursor *row, cdc_value *out)
{
    uint32_t bits = (uint32_t)load_le(row, 4);
    float f;
    memcpy(&f, &bits, sizeof f);
    *out = (cdc_value){.kind = CDC_FLOAT};
    out->d = (double)f;
}

static void read_double(cdc_cursor *row, cdc_value *out)
{
    uint64_t bits = load_le(row, 8);
    *out = (cdc_value){.kind = CDC_DOUBLE};
    memcpy(&out->d, &bits, sizeof bits);
}

static cdc_rc read_decimal(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                           cdc_value *out, cdc_error *err)
{
    const uint8_t *p = cdc_cursor_bytes(row, src_mysql_decimal_size(plan->precision, plan->scale));
    char *text = cdc_arena_alloc(dec->ar, plan->precision + 3U);
    if (text == NULL) {
        return too_large(err);
    }
    size_t n = p != NULL ? src_mysql_decimal_text(p, plan->precision, plan->scale, text) : 0;
    if (n == 0) {
        return malformed(err);
    }
    set_bytes(out, CDC_DECIMAL, text, n);
    return CDC_OK;
}

static cdc_rc set_text(const src_mysql_plan *plan, src_mysql_text text, src_mysql_decode *dec,
                       cdc_value *out, cdc_error *err)
{
    if (!src_mysql_charset_to_utf8((src_mysql_convert)plan->convert, &text, dec->ar,
                                   &dec->bad_text) ||
        text.n > UINT32_MAX) {
        return too_large(err);
    }
    set_bytes(out, CDC_TEXT, text.p, text.n);
    return CDC_OK;
}

static cdc_rc read_text(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                        cdc_value *out, cdc_error *err)
{
    size_t n = (size_t)load_le(row, plan->pack);
    src_mysql_text text = {(const char *)cdc_cursor_bytes(row, n), n};
    return text.p != NULL ? set_text(plan, text, dec, out, err) : malformed(err);
}

static cdc_rc read_compressed(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                              cdc_value *out, cdc_error *err)
{
    size_t n = (size_t)load_le(row, plan->pack);
    src_mysql_text text = {(const char *)cdc_cursor_bytes(row, n), n};
    if (text.p == NULL) {
        return malformed(err);
    }
    src_mysql_inflate done = src_mysql_column_inflate(&text, dec->ar);
    if (done != SRC_MYSQL_INFLATE_OK || text.n > UINT32_MAX) {
        return done == SRC_MYSQL_INFLATE_MALFORMED ? malformed(err) : too_large(err);
    }
    if (plan->convert != SRC_MYSQL_CONVERT_BINARY) {
        return set_text(plan, text, dec, out, err);
    }
    set_bytes(out, CDC_BYTES, text.p, text.n);
    return CDC_OK;
}

/* UUID, INET6, INET4: as BINARY, whose trailing zeros the log cuts. */
static cdc_rc read_special(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                           cdc_value *out, cdc_error *err)
{
    uint8_t bytes[16] = {0};
    size_t n = (size_t)load_le(row, 1);
    const uint8_t *p = cdc_cursor_bytes(row, n);
    char *text = cdc_arena_alloc(dec->ar, SRC_MYSQL_ADDRESS_TEXT_MAX);
    if (p == NULL || n > plan->length) {
        return malformed(err);
    }
    if (text == NULL) {
        return too_large(err);
    }
    memcpy(bytes, p, n);
    size_t len = plan->op == SRC_MYSQL_DECODE_UUID    ? src_mysql_uuid_text(bytes, text)
                 : plan->op == SRC_MYSQL_DECODE_INET6 ? src_mysql_inet6_text(bytes, text)
                                                      : src_mysql_inet4_text(bytes, text);
    set_bytes(out, CDC_TEXT, text, len);
    return CDC_OK;
}

static cdc_rc read_binary(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                          cdc_value *out, cdc_error *err)
{
    size_t n = (size_t)load_le(row, plan->pack);
    const uint8_t *p = cdc_cursor_bytes(row, n);
    if (p == NULL || n > plan->length) {
        return malformed(err);
    }
    if (n < plan->length) {
        uint8_t *padded = cdc_arena_alloc(dec->ar, plan->length);
        if (padded == NULL) {
            return too_large(err);
        }
        memcpy(padded, p, n);
        memset(padded + n, 0, plan->length - n);
        p = padded;
    }
    set_bytes(out, CDC_BYTES, (const char *)p, plan->length);
    return CDC_OK;
}

/* The text in dec->scratch as the value. */
static cdc_rc set_json(src_mysql_decode *dec, cdc_value *out, cdc_error *err)
{
    const char *text = cdc_arena_memdup(dec->ar, dec->scratch.data, dec->scratch.len);
    if (text == NULL || dec->scratch.len > UINT32_MAX) {
        return too_large(err);
    }
    set_bytes(out, CDC_JSON, text, dec->scratch.len);
    return CDC_OK;
}

static cdc_rc read_json(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                        cdc_value *out, cdc_error *err)
{
    size_t n = (size_t)load_le(row, plan->pack);
    const uint8_t *p = cdc_cursor_bytes(row, n);
    if (p == NULL) {
        return malformed(err);
    }
    cdc_buffer_reset(&dec->scratch);
    cdc_rc rc = src_mysql_json_text(p, n, &dec->scratch, &dec->bad_text, err);
    return rc == CDC_OK ? set_json(dec, out, err) : rc;
}

static void read_year(cdc_cursor *row, cdc_value *out)
{
    int64_t v = (int64_t)load_le(row, 1);
    *out = (cdc_value){.kind = CDC_YEAR};
    out->i = v != 0 ? v + 1900 : 0;
}

static int64_t sign_extend24(uint64_t v)
{
    return (int64_t)(v ^ 0x800000U) - 0x800000;
}

static void read_integer(const src_mysql_plan *plan, cdc_cursor *row, cdc_value *out)
{
    switch (plan->op) {
    case SRC_MYSQL_DECODE_I8:
        set_int(out, (int8_t)load_le(row, 1));
        break;
    case SRC_MYSQL_DECODE_I16:
        set_int(out, (int16_t)load_le(row, 2));
        break;
    case SRC_MYSQL_DECODE_I24:
        set_int(out, sign_extend24(load_le(row, 3)));
        break;
    case SRC_MYSQL_DECODE_I32:
        set_int(out, (int32_t)load_le(row, 4));
        break;
    case SRC_MYSQL_DECODE_I64:
        set_int(out, (int64_t)load_le(row, 8));
        break;
    case SRC_MYSQL_DECODE_U8:
        set_u(out, CDC_UINT, load_le(row, 1));
        break;
    case SRC_MYSQL_DECODE_U16:
        set_u(out, CDC_UINT, load_le(row, 2));
        break;
    case SRC_MYSQL_DECODE_U24:
        set_u(out, CDC_UINT, load_le(row, 3));
        break;
    case SRC_MYSQL_DECODE_U32:
        set_u(out, CDC_UINT, load_le(row, 4));
        break;
    default:
        set_u(out, CDC_UINT, load_le(row, 8));
        break;
    }
}

static bool read_temporal(const src_mysql_plan *plan, cdc_cursor *row, cdc_value *out)
{
    switch (plan->op) {
    case SRC_MYSQL_DECODE_DATE:
        return src_mysql_temporal_date(row, out);
    case SRC_MYSQL_DECODE_TIME2:
        return src_mysql_temporal_time2(row, plan->digits, out);
    case SRC_MYSQL_DECODE_DATETIME2:
        return src_mysql_temporal_datetime2(row, plan->digits, out);
    case SRC_MYSQL_DECODE_TIMESTAMP2:
        return src_mysql_temporal_timestamp2(row, plan->digits, out);
    case SRC_MYSQL_DECODE_OLD_TIME:
        return src_mysql_temporal_old_time(row, plan->digits, out);
    case SRC_MYSQL_DECODE_OLD_DATETIME:
        return src_mysql_temporal_old_datetime(row, plan->digits, out);
    case SRC_MYSQL_DECODE_OLD_TIMESTAMP:
        return src_mysql_temporal_old_timestamp(row, plan->digits, out);
    default:
        return false;
    }
}

/* Values of fixed size. False: out of the type's range. */
static bool read_fixed(const src_mysql_plan *plan, cdc_cursor *row, cdc_value *out)
{
    switch (plan->op) {
    case SRC_MYSQL_DECODE_FLOAT:
        read_float(row, out);
        return true;
    case SRC_MYSQL_DECODE_DOUBLE:
        read_double(row, out);
        return true;
    case SRC_MYSQL_DECODE_BIT:
        set_u(out, CDC_BIT, cdc_cursor_be(row, plan->pack));
        return plan->length == 64 || out->u >> plan->length == 0;
    case SRC_MYSQL_DECODE_ENUM:
        set_u(out, CDC_ENUM, load_le(row, plan->pack));
        return out->u <= plan->length;
    case SRC_MYSQL_DECODE_SET:
        set_u(out, CDC_SET, load_le(row, plan->pack));
        return plan->length == 64 || out->u >> plan->length == 0;
    case SRC_MYSQL_DECODE_YEAR:
        read_year(row, out);
        return true;
    default:
        return read_temporal(plan, row, out);
    }
}

/* Text, octets and all else whose bytes go somewhere. */
static cdc_rc read_variable(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                            cdc_value *out, cdc_error *err)
{
    switch (plan->op) {
    case SRC_MYSQL_DECODE_TEXT:
        return read_text(plan, row, dec, out, err);
    case SRC_MYSQL_DECODE_DECIMAL:
        return read_decimal(plan, row, dec, out, err);
    case SRC_MYSQL_DECODE_BINARY:
        return read_binary(plan, row, dec, out, err);
    case SRC_MYSQL_DECODE_BYTES: {
        size_t n = (size_t)load_le(row, plan->pack);
        set_bytes(out, CDC_BYTES, (const char *)cdc_cursor_bytes(row, n), n);
        return CDC_OK;
    }
    case SRC_MYSQL_DECODE_JSON:
        return read_json(plan, row, dec, out, err);
    case SRC_MYSQL_DECODE_COMPRESSED:
        return read_compressed(plan, row, dec, out, err);
    case SRC_MYSQL_DECODE_UUID:
    case SRC_MYSQL_DECODE_INET6:
    case SRC_MYSQL_DECODE_INET4:
        return read_special(plan, row, dec, out, err);
    default:
        return read_fixed(plan, row, out) ? CDC_OK : malformed(err);
    }
}

cdc_rc src_mysql_value_read(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                            cdc_value *out, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (plan->op <= SRC_MYSQL_DECODE_U64) {
        read_integer(plan, row, out);
    } else {
        rc = read_variable(plan, row, dec, out, err);
    }
    /* Asked here for all: a length that is not there reads as 0, and no bytes can always be had. */
    return rc == CDC_OK && row->failed ? malformed(err) : rc;
}

cdc_rc src_mysql_value_patch(const src_mysql_plan *plan, cdc_cursor document, cdc_cursor *row,
                             src_mysql_decode *dec, cdc_value *out, cdc_error *err)
{
    if (document.p == NULL) {
        return malformed(err);
    }
    size_t n = (size_t)load_le(&document, plan->pack);
    const uint8_t *p = cdc_cursor_bytes(&document, n);
    size_t ndiffs = cdc_cursor_u32(row);
    const uint8_t *diffs = cdc_cursor_bytes(row, ndiffs);
    if (p == NULL || diffs == NULL) {
        return malformed(err);
    }
    cdc_buffer_reset(&dec->scratch);
    cdc_rc rc = src_mysql_json_patch(cdc_cursor_of(p, n), cdc_cursor_of(diffs, ndiffs), &dec->work,
                                     &dec->scratch, &dec->bad_text, err);
    return rc == CDC_OK ? set_json(dec, out, err) : rc;
}

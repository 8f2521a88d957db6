#include "core/clock.h"
#include "schema/avro/binary.h"
#include "schema/avro/decimal.h"
#include "schema/avro/value.h"
#include "schema/scan.h"

#define SECOND INT64_C(1000000)
#define DAY_S INT64_C(86400)

/* Branches of a column's union, as they are written. */
enum { BRANCH_VALUE = 2, BRANCH_STRING = 4 };

static const char fault_clock[] =
    "a date or time that its logical type cannot hold (message.avro.temporal: mixed writes it as a "
    "string)";
static const char fault_range[] = "a date or time out of range";

/* --- text --- */

static size_t count_valid(const uint8_t *s, size_t n)
{
    size_t at = 0;
    while (at < n) {
        if (n - at >= CDC_SCAN_STEP && cdc_scan_is_ascii(s + at)) {
            at += CDC_SCAN_STEP;
            continue;
        }
        unsigned step = s[at] < 0x80 ? 1 : cdc_scan_utf8(s + at, s + n);
        if (step == 0) {
            return at;
        }
        at += step;
    }
    return n;
}

/* Text with bytes that are not UTF-8, which is rare: measured first, then written. */
static bool write_mended(cdc_writer *w, const char *s, size_t n, uint64_t *replaced)
{
    const uint8_t *b = (const uint8_t *)s;
    size_t bad = 0;
    for (size_t at = 0; at < n; at++) {
        at += count_valid(b + at, n - at);
        bad += at < n;
    }
    size_t len = n + 2 * bad;
    if (!cdc_writer_room(w, len)) {
        return false;
    }
    w->p = cdc_avro_put_long(w->p, (int64_t)len);
    for (size_t at = 0; at < n; at++) {
        size_t good = count_valid(b + at, n - at);
        cdc_writer_copy(w, s + at, good);
        at += good;
        if (at < n) {
            cdc_writer_copy(w, "\xef\xbf\xbd", 3);
        }
    }
    *replaced += bad;
    return true;
}

bool cdc_avro_is_text(const char *s, size_t n)
{
    return n == 0 || count_valid((const uint8_t *)s, n) == n;
}

bool cdc_avro_text_write(cdc_writer *w, const char *s, size_t n, uint64_t *replaced)
{
    if (!cdc_avro_is_text(s, n)) {
        return write_mended(w, s, n, replaced);
    }
    return cdc_avro_put_bytes(w, s, n);
}

/* --- dates and times --- */

static unsigned days_of(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* A day of the calendar, from the year 1 on. */
static bool is_day(const cdc_value *v)
{
    return v->year >= 1 && v->year <= 9999 && v->t.month >= 1 && v->t.month <= 12 &&
           v->t.day >= 1 && v->t.day <= days_of(v->year, v->t.month);
}

static bool is_clock(const cdc_value *v)
{
    return v->t.hour <= 23 && v->t.minute <= 59 && v->t.second <= 59 && v->t.usec < SECOND;
}

static int64_t clock_us(const cdc_value *v)
{
    int64_t seconds = (v->t.hour * 60 + v->t.minute) * 60 + v->t.second;
    return seconds * SECOND + v->t.usec;
}

/* From the year 1 to the end of 9999. */
static bool is_instant(const cdc_value *v)
{
    return v->ts.sec >= INT64_C(-62135596800) && v->ts.sec < INT64_C(253402300800) &&
           v->ts.usec < SECOND && (v->ts.sec != 0 || v->ts.usec != 0);
}

/* False: the logical type cannot hold it. */
static bool logical_value(const cdc_value *v, int64_t *out)
{
    switch (v->kind) {
    case CDC_DATE:
        *out = is_day(v) ? cdc_clock_days(v->year, v->t.month, v->t.day) : 0;
        return is_day(v);
    case CDC_TIME:
        *out = clock_us(v);
        return !v->t.neg && is_clock(v);
    case CDC_DATETIME:
        if (!is_day(v) || !is_clock(v)) {
            return false;
        }
        *out = cdc_clock_days(v->year, v->t.month, v->t.day) * DAY_S * SECOND + clock_us(v);
        return true;
    default:
        *out = is_instant(v) ? v->ts.sec * SECOND + v->ts.usec : 0;
        return is_instant(v);
    }
}

/* As MySQL prints it, TIMESTAMP in UTC; fewer than 64 bytes, so that the length has one. */
static bool write_clock_text(cdc_writer *w, const cdc_column *col, const cdc_value *v,
                             const char **fault)
{
    static const cdc_canal_options plain = {.max_bytes = 0};
    uint64_t replaced = 0;
    size_t start = (size_t)(w->p - w->buf->data);
    w->p++;
    if (!cdc_canal_value_write(w, &plain, col, v, &replaced, fault)) {
        *fault = *fault != NULL ? fault_range : NULL;
        return false;
    }
    char *at = w->buf->data + start;
    (void)cdc_avro_put_long(at, w->p - at - 1);
    return true;
}

static bool write_clock(cdc_writer *w, const cdc_avro_column *column, const cdc_value *v,
                        const char **fault)
{
    int64_t logical = 0;
    if (logical_value(v, &logical)) {
        *w->p++ = BRANCH_VALUE;
        w->p = cdc_avro_put_long(w->p, logical);
        return true;
    }
    if (!column->mixed) {
        *fault = fault_clock;
        return false;
    }
    *w->p++ = BRANCH_STRING;
    return write_clock_text(w, column->col, v, fault);
}

/* --- labels --- */

static bool write_enum(cdc_writer *w, const cdc_column *col, uint64_t index, const char **fault)
{
    if (index > col->nlabels) {
        *fault = "an ENUM number above the number of labels";
        return false;
    }
    *w->p++ = index > 0 ? BRANCH_VALUE : BRANCH_STRING; /* the invalid value is "" */
    w->p = cdc_avro_put_long(w->p, index > 0 ? (int64_t)index - 1 : 0);
    return true;
}

static bool write_label(cdc_writer *w, const cdc_column *col, uint64_t index, uint64_t *replaced,
                        const char **fault)
{
    if (index > col->nlabels) {
        *fault = "an ENUM number above the number of labels";
        return false;
    }
    const char *label = index > 0 ? col->labels[index - 1] : "";
    return cdc_avro_text_write(w, label, strlen(label), replaced);
}

static bool write_set(cdc_writer *w, const cdc_column *col, uint64_t bits, uint64_t *replaced,
                      const char **fault)
{
    if (col->nlabels < 64 && bits >> col->nlabels != 0) {
        *fault = "a SET bit above the number of labels";
        return false;
    }
    if (bits != 0) {
        w->p = cdc_avro_put_long(w->p, __builtin_popcountll(bits));
    }
    for (; bits != 0; bits &= bits - 1) {
        const char *label = col->labels[__builtin_ctzll(bits)];
        if (!cdc_avro_text_write(w, label, strlen(label), replaced)) {
            return false;
        }
    }
    *w->p++ = 0; /* what was written before left the pad free */
    return true;
}

/* --- numbers and bytes --- */

static bool write_decimal(cdc_writer *w, const cdc_column *col, const cdc_value *v,
                          const char **fault)
{
    size_t n = cdc_avro_decimal_write(v->p, v->len, col->scale, w->p + 1);
    if (n == 0) {
        *fault = "a number that is not of the column's type";
        return false;
    }
    (void)cdc_avro_put_long(w->p, (int64_t)n);
    w->p += n + 1;
    return true;
}

static void write_u64(cdc_writer *w, uint64_t u)
{
    size_t n = cdc_avro_u64_write(u, w->p + 1);
    (void)cdc_avro_put_long(w->p, (int64_t)n);
    w->p += n + 1;
}

/* Big-endian, as many bytes as BIT(n) has. */
static void write_bits(cdc_writer *w, const cdc_column *col, uint64_t u)
{
    unsigned n = col->length == 0 || col->length > 64 ? 8 : (col->length + 7) / 8;
    w->p = cdc_avro_put_long(w->p, n);
    for (unsigned i = n; i > 0; i--) {
        *w->p++ = (char)(u >> (8 * (i - 1)));
    }
}

static bool write_real(cdc_writer *w, double d, bool single, const char **fault)
{
    float f = (float)d;
    if (d - d != 0) {
        *fault = "a number that is not finite";
        return false;
    }
    uint64_t bits = 0;
    if (single) {
        uint32_t half;
        memcpy(&half, &f, sizeof half);
        bits = half;
    } else {
        memcpy(&bits, &d, sizeof bits);
    }
    for (unsigned i = 0; i < (single ? 4U : 8U); i++) {
        *w->p++ = (char)(bits >> (8 * i));
    }
    return true;
}

/* BINARY(n) with the zeros that the source's log leaves out. */
static bool write_octets(cdc_writer *w, const cdc_column *col, const cdc_value *v)
{
    size_t n = col->length > v->len && col->length <= 255 ? col->length : v->len;
    if (!cdc_writer_room(w, n)) {
        return false;
    }
    w->p = cdc_avro_put_long(w->p, (int64_t)n);
    if (v->len > 0) {
        cdc_writer_copy(w, v->p, v->len);
    }
    memset(w->p, 0, n - v->len);
    w->p += n - v->len;
    return true;
}

/* What is not a number. */
static bool write_sized(cdc_writer *w, const cdc_avro_column *column, const cdc_value *v,
                        uint64_t *replaced, const char **fault)
{
    const cdc_column *col = column->col;
    switch (column->way) {
    case CDC_AVRO_WAY_LABEL:
        return write_label(w, col, v->u, replaced, fault);
    case CDC_AVRO_WAY_SET:
        return write_set(w, col, v->u, replaced, fault);
    case CDC_AVRO_WAY_CLOCK_TEXT:
        return write_clock_text(w, col, v, fault);
    case CDC_AVRO_WAY_BYTES:
        return write_octets(w, col, v);
    default:
        return cdc_avro_text_write(w, v->p, v->len, replaced);
    }
}

bool cdc_avro_value_write(cdc_writer *w, const cdc_avro_column *column, const cdc_value *v,
                          uint64_t *replaced, const char **fault)
{
    cdc_avro_way way = column->way;
    *fault = NULL;
    if (!cdc_writer_room(w, 8)) {
        return false;
    }
    if (way == CDC_AVRO_WAY_ENUM) {
        return write_enum(w, column->col, v->u, fault);
    }
    if (way >= CDC_AVRO_WAY_DATE && way <= CDC_AVRO_WAY_TIMESTAMP) {
        return write_clock(w, column, v, fault);
    }
    *w->p++ = BRANCH_VALUE;
    switch (way) {
    case CDC_AVRO_WAY_LONG:
        w->p = cdc_avro_put_long(w->p, v->i);
        return true;
    case CDC_AVRO_WAY_U64:
        write_u64(w, v->u);
        return true;
    case CDC_AVRO_WAY_DECIMAL:
        return write_decimal(w, column->col, v, fault);
    case CDC_AVRO_WAY_FLOAT:
    case CDC_AVRO_WAY_DOUBLE:
        return write_real(w, v->d, way == CDC_AVRO_WAY_FLOAT, fault);
    case CDC_AVRO_WAY_BITS:
        write_bits(w, column->col, v->u);
        return true;
    default:
        return write_sized(w, column, v, replaced, fault);
    }
}

/* --- the layout generic --- */

/* Labels joined by commas, as MySQL prints a SET. */
static bool write_joined(cdc_writer *w, const cdc_column *col, uint64_t bits, uint64_t *replaced,
                         const char **fault)
{
    cdc_buffer text;
    if (col->nlabels < 64 && bits >> col->nlabels != 0) {
        *fault = "a SET bit above the number of labels";
        return false;
    }
    cdc_buffer_init(&text, 1024 * 1024);
    for (bool first = true; bits != 0; bits &= bits - 1, first = false) {
        cdc_buffer_add_str(&text, first ? "" : ",");
        cdc_buffer_add_str(&text, col->labels[__builtin_ctzll(bits)]);
    }
    bool ok = !text.failed && cdc_avro_text_write(w, text.data, text.len, replaced);
    cdc_buffer_fini(&text);
    return ok;
}

/* Numbers beyond a long are text. */
static bool write_unsigned(cdc_writer *w, uint64_t u)
{
    char digits[20];
    *w->p++ = u <= INT64_MAX ? CDC_AVRO_GENERIC_LONG : CDC_AVRO_GENERIC_STRING;
    if (u <= INT64_MAX) {
        w->p = cdc_avro_put_long(w->p, (int64_t)u);
        return true;
    }
    return cdc_avro_put_bytes(w, digits, (size_t)(cdc_write_u64(digits, u) - digits));
}

static bool write_generic_text(cdc_writer *w, const cdc_column *col, const cdc_value *v,
                               uint64_t *replaced, const char **fault)
{
    *w->p++ = CDC_AVRO_GENERIC_STRING;
    switch (v->kind) {
    case CDC_ENUM:
        return write_label(w, col, v->u, replaced, fault);
    case CDC_SET:
        return write_joined(w, col, v->u, replaced, fault);
    case CDC_DATE:
    case CDC_TIME:
    case CDC_DATETIME:
    case CDC_TIMESTAMP:
        return write_clock_text(w, col, v, fault);
    default:
        return cdc_avro_text_write(w, v->p, v->len, replaced);
    }
}

bool cdc_avro_generic_write(cdc_writer *w, const cdc_column *col, const cdc_value *v,
                            uint64_t *replaced, const char **fault)
{
    *fault = NULL;
    if (!cdc_writer_room(w, 8)) {
        return false;
    }
    switch (v->kind) {
    case CDC_INT:
    case CDC_YEAR:
        *w->p++ = CDC_AVRO_GENERIC_LONG;
        w->p = cdc_avro_put_long(w->p, v->i);
        return true;
    case CDC_UINT:
        return write_unsigned(w, v->u);
    case CDC_FLOAT:
        *w->p++ = CDC_AVRO_GENERIC_FLOAT;
        return write_real(w, v->d, true, fault);
    case CDC_DOUBLE:
        *w->p++ = CDC_AVRO_GENERIC_DOUBLE;
        return write_real(w, v->d, false, fault);
    case CDC_BIT:
        *w->p++ = CDC_AVRO_GENERIC_BYTES;
        write_bits(w, col, v->u);
        return true;
    case CDC_BYTES:
        *w->p++ = CDC_AVRO_GENERIC_BYTES;
        return write_octets(w, col, v);
    default:
        return write_generic_text(w, col, v, replaced, fault);
    }
}

#include <float.h>

#include "core/clock.h"
#include "schema/avro/binary.h"
#include "schema/avro/decimal.h"
#include "schema/avro/value.h"

#define SECOND INT64_C(1000000)
#define DAY_S INT64_C(86400)

static const char fault_type[] = "the schema's type does not fit the column's";
static const char fault_range[] = "a value out of the column's range";
static const char fault_cut[] = "the message ends inside of the value";

/* --- dates and times --- */

static void set_day(int64_t days, cdc_value *out)
{
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    cdc_clock_civil(days, &year, &month, &day);
    out->year = (uint16_t)year;
    out->t.month = (uint8_t)month;
    out->t.day = (uint8_t)day;
}

static void set_clock(int64_t us, cdc_value *out)
{
    int64_t seconds = us / SECOND;
    out->t.usec = (uint32_t)(us % SECOND);
    out->t.hour = (uint16_t)(seconds / 3600);
    out->t.minute = (uint8_t)(seconds / 60 % 60);
    out->t.second = (uint8_t)(seconds % 60);
    out->t.neg = false;
}

/* Days from 1970 to the year 1 and to the end of 9999. */
static bool is_day(int64_t days)
{
    return days >= -719162 && days <= 2932896;
}

static const char *read_day(int64_t days, cdc_value *out)
{
    if (!is_day(days)) {
        return fault_range;
    }
    set_clock(0, out);
    set_day(days, out);
    return NULL;
}

static const char *read_datetime(int64_t us, cdc_value *out)
{
    int64_t seconds = us / SECOND - (us % SECOND < 0);
    int64_t days = seconds / DAY_S - (seconds % DAY_S < 0);
    if (!is_day(days)) {
        return fault_range;
    }
    set_clock(us - days * DAY_S * SECOND, out);
    set_day(days, out);
    return NULL;
}

static const char *read_logical(cdc_avro_logical logical, int64_t v, const cdc_column *col,
                                cdc_value *out)
{
    out->digits = col->digits;
    if (logical == CDC_AVRO_DATE && col->kind == CDC_DATE) {
        return read_day(v, out);
    }
    if (logical == CDC_AVRO_LOCAL_MICROS && col->kind == CDC_DATETIME) {
        return read_datetime(v, out);
    }
    if (logical == CDC_AVRO_TIME_MICROS && col->kind == CDC_TIME) {
        out->t.month = out->t.day = 0;
        set_clock(v < 0 ? 0 : v, out);
        return v >= 0 && v < DAY_S * SECOND ? NULL : fault_range;
    }
    if (logical == CDC_AVRO_TIMESTAMP_MICROS && col->kind == CDC_TIMESTAMP) {
        out->ts.sec = v / SECOND;
        out->ts.usec = (uint32_t)(v < 0 ? 0 : v % SECOND);
        return v >= SECOND && v < INT64_C(253402300800) * SECOND ? NULL : fault_range;
    }
    return fault_type;
}

/* --- numbers and bytes --- */

static const char *read_integer(const cdc_avro_node *branch, cdc_cursor *c, const cdc_column *col,
                                const cdc_canal_limits *lim, cdc_value *out)
{
    int64_t v = cdc_avro_take_long(c);
    if (branch->logical != CDC_AVRO_PLAIN) {
        return read_logical(branch->logical, v, col, out);
    }
    out->i = v;
    switch (col->kind) {
    case CDC_INT:
        return v >= lim->min && (v < 0 || (uint64_t)v <= lim->max) ? NULL : fault_range;
    case CDC_UINT:
        return v >= 0 && (uint64_t)v <= lim->max ? NULL : fault_range;
    case CDC_YEAR:
        return v == 0 || (v >= 1901 && v <= 2155) ? NULL : fault_range;
    default:
        return fault_type;
    }
}

static const char *read_real(const cdc_avro_node *branch, cdc_cursor *c, const cdc_column *col,
                             cdc_value *out)
{
    if (branch->type == CDC_AVRO_FLOAT) {
        uint32_t bits = cdc_cursor_u32(c);
        float f = 0;
        memcpy(&f, &bits, sizeof f);
        out->d = (double)f;
    } else {
        uint64_t bits = cdc_cursor_u64(c);
        memcpy(&out->d, &bits, sizeof bits);
    }
    if (col->kind != CDC_FLOAT && col->kind != CDC_DOUBLE) {
        return fault_type;
    }
    bool fits = out->d - out->d == 0; /* neither infinite nor no number */
    if (fits && col->kind == CDC_FLOAT) {
        fits = out->d >= -FLT_MAX && out->d <= FLT_MAX && (double)(float)out->d == out->d;
    }
    return fits ? NULL : fault_range;
}

/* Text as MySQL prints it. */
static const char *read_text(const char *s, size_t n, const cdc_column *col,
                             const cdc_canal_limits *lim, cdc_arena *ar, cdc_value *out)
{
    static const cdc_canal_options labels = {.labels = true};
    if (col->kind == CDC_BYTES || col->kind == CDC_BIT || col->kind == CDC_FLOAT ||
        col->kind == CDC_DOUBLE) {
        return fault_type;
    }
    if (!cdc_avro_is_text(s, n)) {
        return "a string that is not UTF-8";
    }
    return cdc_canal_value_read(&labels, col, lim, (cdc_bytes){s, n}, ar, out);
}

static const char *read_octets(const char *s, size_t n, const cdc_column *col, cdc_arena *ar,
                               cdc_value *out)
{
    size_t len = n > col->length ? n : col->length;
    if (col->length != 0 && n > col->length) {
        return "longer than the column";
    }
    char *p = len < UINT32_MAX ? cdc_arena_alloc(ar, len + 1) : NULL;
    if (p == NULL) {
        return cdc_canal_no_memory;
    }
    if (n > 0) {
        memcpy(p, s, n);
    }
    memset(p + n, 0, len - n);
    out->p = p;
    out->len = (uint32_t)len;
    return NULL;
}

static const char *read_bits(const char *s, size_t n, const cdc_canal_limits *lim, cdc_value *out)
{
    out->u = 0;
    for (size_t i = 0; i < n && n <= 8; i++) {
        out->u = out->u << 8 | (uint8_t)s[i];
    }
    return n <= 8 && out->u <= lim->max ? NULL : fault_range;
}

static const char *read_bytes(const cdc_avro_node *branch, cdc_cursor *c, const cdc_column *col,
                              const cdc_canal_limits *lim, cdc_arena *ar, cdc_value *out)
{
    size_t n = 0;
    const char *s = cdc_avro_take_bytes(c, &n);
    if (c->failed) {
        return fault_cut;
    }
    if (branch->logical == CDC_AVRO_DECIMAL) {
        char text[CDC_AVRO_DECIMAL_TEXT];
        size_t len = cdc_avro_decimal_read(s, n, branch->scale, text);
        if (col->kind != CDC_DECIMAL && col->kind != CDC_UINT && col->kind != CDC_INT) {
            return fault_type;
        }
        return len > 0 ? read_text(text, len, col, lim, ar, out) : fault_range;
    }
    switch (col->kind) {
    case CDC_BYTES:
        return read_octets(s, n, col, ar, out);
    case CDC_BIT:
        return read_bits(s, n, lim, out);
    default:
        return fault_type;
    }
}

/* --- labels --- */

/* Index from 0, nlabels: there is none. `hint` is where it mostly is. */
static uint64_t find_label(const cdc_column *col, const char *s, size_t n, uint64_t hint)
{
    for (uint64_t k = 0; k <= col->nlabels; k++) {
        uint64_t i = k == 0 ? hint : k - 1;
        if (i < col->nlabels && strlen(col->labels[i]) == n && memcmp(col->labels[i], s, n) == 0) {
            return i;
        }
    }
    return col->nlabels;
}

static const char *read_enum(const cdc_avro_node *branch, cdc_cursor *c, const cdc_column *col,
                             cdc_value *out)
{
    int64_t v = cdc_avro_take_long(c);
    if (col->kind != CDC_ENUM) {
        return fault_type;
    }
    if (v < 0 || v >= branch->n) {
        return fault_range;
    }
    const char *symbol = branch->names[v];
    out->u = find_label(col, symbol, strlen(symbol), (uint64_t)v) + 1;
    return out->u <= col->nlabels ? NULL : "not a label of this column";
}

static const char *read_set(const cdc_avro_node *branch, cdc_cursor *c, const cdc_column *col,
                            cdc_value *out)
{
    out->u = 0;
    if (col->kind != CDC_SET || branch->nodes[0]->type != CDC_AVRO_STRING_TYPE) {
        return fault_type;
    }
    for (uint64_t n = cdc_avro_take_block(c); n > 0; n = cdc_avro_take_block(c)) {
        for (uint64_t i = 0; i < n; i++) {
            size_t len = 0;
            const char *s = cdc_avro_take_bytes(c, &len);
            uint64_t label = find_label(col, s, len, 0);
            if (c->failed || label >= col->nlabels || label >= 64) {
                return c->failed ? fault_cut : "not a label of this column";
            }
            out->u |= UINT64_C(1) << label;
        }
    }
    return NULL;
}

static const char *read_branch(const cdc_avro_node *branch, cdc_cursor *c, const cdc_column *col,
                               const cdc_canal_limits *lim, cdc_arena *ar, cdc_value *out)
{
    size_t n = 0;
    switch (branch->type) {
    case CDC_AVRO_INT:
    case CDC_AVRO_LONG:
        return read_integer(branch, c, col, lim, out);
    case CDC_AVRO_FLOAT:
    case CDC_AVRO_DOUBLE:
        return read_real(branch, c, col, out);
    case CDC_AVRO_BYTES:
        return read_bytes(branch, c, col, lim, ar, out);
    case CDC_AVRO_ENUM:
        return read_enum(branch, c, col, out);
    case CDC_AVRO_ARRAY:
        return read_set(branch, c, col, out);
    case CDC_AVRO_STRING_TYPE: {
        const char *s = cdc_avro_take_bytes(c, &n);
        return c->failed ? fault_cut : read_text(s, n, col, lim, ar, out);
    }
    default:
        return fault_type;
    }
}

const char *cdc_avro_value_read(const cdc_avro_node *branch, cdc_cursor *c, const cdc_column *col,
                                const cdc_canal_limits *lim, cdc_arena *ar, cdc_value *out)
{
    out->kind = (uint8_t)col->kind;
    const char *fault = read_branch(branch, c, col, lim, ar, out);
    return c->failed ? fault_cut : fault;
}

/* Text to values (docs/formats/canal-json.md, "Values"). What other writers of Canal JSON print
 * differently but mean clearly is accepted: fewer or more zeros in fractions, leading zeros, other
 * exponents. */
#include "core/clock.h"
#include "core/cursor.h"
#include "schema/canal_json/canal.h"
#include "schema/mysql_type.h"
#include "schema/number.h"

enum { DECIMAL_TEXT_MAX = 200 };

const char cdc_canal_no_memory[] = "no memory left in the batch";

static const char fault_number[] = "not a number of this type, or out of its range";
static const char fault_temporal[] = "not a date or time of this type, or out of its range";

void cdc_canal_limits_init(cdc_canal_limits *lim, const cdc_column *col)
{
    cdc_mysql_range range;
    *lim = (cdc_canal_limits){INT64_MIN, UINT64_MAX};
    if (cdc_mysql_type_range(col, &range)) {
        *lim = (cdc_canal_limits){range.min, range.max};
    } else if (col->kind == CDC_ENUM) {
        lim->max = col->nlabels;
    } else if (col->kind == CDC_SET || col->kind == CDC_BIT) {
        uint32_t bits = col->kind == CDC_SET ? col->nlabels : col->length;
        lim->max = bits == 0 || bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    }
}

static bool read_u64(const char *s, const char *end, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (s == end) {
        return false;
    }
    for (; s < end; s++) {
        unsigned digit = (unsigned)(uint8_t)*s - '0';
        if (digit > 9 || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, digit, &v)) {
            return false;
        }
    }
    *out = v;
    return v <= max;
}

static bool read_i64(const char *s, const char *end, const cdc_canal_limits *lim, int64_t *out)
{
    uint64_t v = 0;
    bool neg = s < end && *s == '-';
    uint64_t max = neg ? 0 - (uint64_t)lim->min : lim->max;
    if (!read_u64(s + neg, end, max < (UINT64_C(1) << 63) ? max : UINT64_C(1) << 63, &v)) {
        return false;
    }
    *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* --- dates and times --- */

/* Exactly n digits. */
static bool take_digits(cdc_cursor *c, unsigned n, unsigned *out)
{
    const uint8_t *s = cdc_cursor_bytes(c, n);
    unsigned v = 0;
    if (s == NULL) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
        v = v * 10 + (unsigned)(s[i] - '0');
    }
    *out = v;
    return true;
}

static bool take_char(cdc_cursor *c, char ch)
{
    if (c->p < c->end && *c->p == (uint8_t)ch) {
        c->p++;
        return true;
    }
    return false;
}

static bool take_date(cdc_cursor *c, cdc_value *out)
{
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    if (!take_digits(c, 4, &year) || !take_char(c, '-') || !take_digits(c, 2, &month) ||
        !take_char(c, '-') || !take_digits(c, 2, &day) || month > 12 || day > 31) {
        return false;
    }
    out->year = (uint16_t)year;
    out->t.month = (uint8_t)month;
    out->t.day = (uint8_t)day;
    return true;
}

/* To the end: digits behind the column's own must be zeros, missing ones are. */
static bool take_fraction(cdc_cursor *c, unsigned digits, uint32_t *usec)
{
    uint32_t v = 0;
    unsigned n = 0;
    if (take_char(c, '.')) {
        for (; c->p < c->end; c->p++, n++) {
            unsigned digit = (unsigned)*c->p - '0';
            if (digit > 9 || (n >= digits && digit != 0)) {
                return false;
            }
            v = n < 6 ? v * 10 + digit : v;
        }
        if (n == 0) {
            return false;
        }
    }
    for (; n < 6; n++) {
        v *= 10;
    }
    *usec = v;
    return c->p == c->end;
}

static bool take_minutes(cdc_cursor *c, unsigned digits, cdc_value *out)
{
    unsigned minute = 0;
    unsigned second = 0;
    uint32_t usec = 0;
    if (!take_char(c, ':') || !take_digits(c, 2, &minute) || !take_char(c, ':') ||
        !take_digits(c, 2, &second) || minute > 59 || second > 59 ||
        !take_fraction(c, digits, &usec)) {
        return false;
    }
    out->t.minute = (uint8_t)minute;
    out->t.second = (uint8_t)second;
    out->t.usec = usec;
    out->digits = (uint8_t)digits;
    return true;
}

static bool read_time(cdc_cursor *c, unsigned digits, cdc_value *out)
{
    unsigned hour = 0;
    unsigned n = 0;
    out->t.neg = take_char(c, '-');
    for (; n < 3 && c->p < c->end && *c->p >= '0' && *c->p <= '9'; n++) {
        hour = hour * 10 + (unsigned)(*c->p++ - '0');
    }
    out->t.hour = (uint16_t)hour;
    return n >= 2 && hour <= 838 && take_minutes(c, digits, out);
}

static bool read_datetime(cdc_cursor *c, unsigned digits, cdc_value *out)
{
    unsigned hour = 0;
    if (!take_date(c, out) || !take_char(c, ' ') || !take_digits(c, 2, &hour) || hour > 23) {
        return false;
    }
    out->t.hour = (uint16_t)hour;
    return take_minutes(c, digits, out);
}

static bool read_timestamp(cdc_cursor *c, unsigned digits, int32_t offset_s, cdc_value *out)
{
    cdc_value wall = {0};
    if (!read_datetime(c, digits, &wall)) {
        return false;
    }
    out->digits = (uint8_t)digits;
    out->ts.usec = wall.t.usec;
    if (wall.t.month == 0 || wall.t.day == 0) {
        out->ts.sec = 0;
        return wall.year == 0 && wall.t.month == 0 && wall.t.day == 0 && wall.t.hour == 0 &&
               wall.t.minute == 0 && wall.t.second == 0 && wall.t.usec == 0;
    }
    int64_t days = cdc_clock_days(wall.year, wall.t.month, wall.t.day);
    out->ts.sec = days * 86400 + wall.t.hour * 3600 + wall.t.minute * 60 + wall.t.second - offset_s;
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    cdc_clock_civil(days, &year, &month, &day);
    return out->ts.sec > 0 && day == wall.t.day; /* there is no 30 February in a TIMESTAMP */
}

static cdc_canal_fault read_temporal(const cdc_column *col, int32_t offset_s, const char *s,
                                     size_t n, cdc_value *out)
{
    cdc_cursor c = cdc_cursor_of(s, n);
    uint64_t year = 0;
    bool ok = false;
    out->t.hour = 0;
    out->t.usec = 0;
    out->t.month = out->t.day = out->t.minute = out->t.second = 0;
    out->t.neg = false;
    switch (col->kind) {
    case CDC_YEAR:
        ok = n <= 4 && read_u64(s, s + n, 2155, &year) && (year == 0 || year >= 1901);
        out->i = (int64_t)year;
        break;
    case CDC_DATE:
        ok = take_date(&c, out) && c.p == c.end;
        break;
    case CDC_TIME:
        ok = read_time(&c, col->digits, out);
        break;
    case CDC_DATETIME:
        ok = read_datetime(&c, col->digits, out);
        break;
    default:
        ok = read_timestamp(&c, col->digits, offset_s, out);
        break;
    }
    return ok ? NULL : fault_temporal;
}

/* --- bytes --- */

static cdc_canal_fault keep(const char *s, size_t n, cdc_arena *ar, cdc_value *out)
{
    char *p = n < UINT32_MAX ? cdc_arena_alloc(ar, n + 1) : NULL;
    if (p == NULL) {
        return cdc_canal_no_memory;
    }
    memcpy(p, s, n);
    out->p = p;
    out->len = (uint32_t)n;
    return NULL;
}

/* [-]digits[.digits] in its parts. */
typedef struct cdc_decimal {
    size_t sign;    /* 1: negative */
    size_t whole;   /* digits before the point */
    size_t places;  /* and behind it, without zeros that the type has no room for */
    size_t leading; /* zeros at the beginning */
} cdc_decimal;

static bool all_digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
    }
    return n > 0;
}

static bool split_decimal(const char *s, size_t n, size_t scale, cdc_decimal *dec)
{
    const char *point = n > 0 ? memchr(s, '.', n) : NULL;
    dec->sign = n > 0 && *s == '-';
    dec->whole = (point != NULL ? (size_t)(point - s) : n) - dec->sign;
    dec->places = point != NULL ? n - dec->sign - dec->whole - 1 : 0;
    if (!all_digits(s + dec->sign, dec->whole) ||
        (point != NULL && !all_digits(point + 1, dec->places))) {
        return false;
    }
    for (; dec->places > scale; dec->places--) {
        if (point[dec->places] != '0') {
            return false;
        }
    }
    dec->leading = 0;
    while (dec->leading < dec->whole && s[dec->sign + dec->leading] == '0') {
        dec->leading++;
    }
    return true;
}

/* With as many places as the column declares. */
static cdc_canal_fault read_decimal(const cdc_column *col, const char *s, size_t n, cdc_arena *ar,
                                    cdc_value *out)
{
    bool declared = col->precision != 0; /* otherwise the type text does not say */
    cdc_decimal dec;
    if (n > DECIMAL_TEXT_MAX || !split_decimal(s, n, declared ? col->scale : n, &dec) ||
        (declared && dec.whole - dec.leading > (size_t)col->precision - col->scale) ||
        (col->is_unsigned && dec.sign != 0)) {
        return fault_number;
    }
    size_t scale = declared ? col->scale : dec.places;
    size_t whole = dec.sign + dec.whole;
    size_t len = whole + (scale > 0 ? scale + 1 : 0);
    char *p = cdc_arena_alloc(ar, len);
    if (p == NULL) {
        return cdc_canal_no_memory;
    }
    memcpy(p, s, whole);
    if (scale > 0) {
        p[whole] = '.';
        memset(p + whole + 1, '0', scale);
    }
    if (dec.places > 0) {
        memcpy(p + whole + 1, s + whole + 1, dec.places);
    }
    out->p = p;
    out->len = (uint32_t)len;
    return NULL;
}

/* Characters U+0000 to U+00FF, one per octet. SIZE_MAX: there are others. */
static size_t octets_of_latin1(const char *s, size_t n, char *to)
{
    const uint8_t *at = (const uint8_t *)s;
    const uint8_t *end = at + n;
    char *start = to;
    while (at < end) {
        if (*at < 0x80) {
            *to++ = (char)*at++;
        } else if (*at <= 0xc3) {
            *to++ =
                (char)((*at & 3) << 6 | (at[1] & 0x3f)); /* valid UTF-8: the second byte is there */
            at += 2;
        } else {
            return SIZE_MAX;
        }
    }
    return (size_t)(to - start);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static size_t octets_of_hex(const char *s, size_t n, char *to)
{
    for (size_t i = 0; i < n / 2; i++) {
        int hi = hex_digit(s[2 * i]);
        int lo = hex_digit(s[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            return SIZE_MAX;
        }
        to[i] = (char)(hi << 4 | lo);
    }
    return n % 2 == 0 ? n / 2 : SIZE_MAX;
}

static int base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

size_t cdc_base64_read(const char *s, size_t n, char *to)
{
    char *start = to;
    unsigned bits = 0;
    size_t digits = n;
    while (digits > 0 && n - digits < 2 && s[digits - 1] == '=') {
        digits--;
    }
    if (n % 4 != 0 || digits % 4 == 1) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(s[i]);
        if (digit < 0) {
            return SIZE_MAX;
        }
        bits = bits << 6 | (unsigned)digit;
        if (i % 4 != 0) {
            *to++ = (char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    return (size_t)(to - start);
}

static cdc_canal_fault read_octets(cdc_binary how, const cdc_column *col, const char *s, size_t n,
                                   cdc_arena *ar, cdc_value *out)
{
    size_t room = n > col->length ? n : col->length;
    char *p = n <= UINT32_MAX ? cdc_arena_alloc(ar, room + 1) : NULL;
    if (p == NULL) {
        return cdc_canal_no_memory;
    }
    size_t len = how == CDC_BINARY_LATIN1   ? octets_of_latin1(s, n, p)
                 : how == CDC_BINARY_BASE64 ? cdc_base64_read(s, n, p)
                                            : octets_of_hex(s, n, p);
    if (len == SIZE_MAX) {
        return "not octets as message.binary says";
    }
    if (len < col->length) {
        memset(p + len, 0, col->length - len); /* Canal cuts the zeros of BINARY(n) */
        len = col->length;
    }
    if (col->length != 0 && len > col->length) {
        return "longer than the column";
    }
    out->p = p;
    out->len = (uint32_t)len;
    return NULL;
}

/* --- ENUM and SET by label --- */

/* Index from 0 of the label, or nlabels. */
static uint32_t find_label(const cdc_column *col, const char *s, size_t n)
{
    uint32_t i = 0;
    while (i < col->nlabels && (strlen(col->labels[i]) != n || memcmp(col->labels[i], s, n) != 0)) {
        i++;
    }
    return i;
}

static cdc_canal_fault read_labels(const cdc_column *col, const char *s, size_t n, cdc_value *out)
{
    static const char fault[] = "not a label of this column";
    out->u = 0;
    if (col->kind == CDC_ENUM) {
        uint32_t i = find_label(col, s, n);
        out->u = i < col->nlabels ? i + 1 : 0;
        return out->u == 0 && n > 0 ? fault : NULL; /* "" is the invalid value */
    }
    const char *end = s + n;
    while (s < end) {
        const char *comma = memchr(s, ',', (size_t)(end - s));
        const char *stop = comma != NULL ? comma : end;
        uint32_t i = find_label(col, s, (size_t)(stop - s));
        if (i == col->nlabels || (comma != NULL && comma + 1 == end)) {
            return fault;
        }
        out->u |= UINT64_C(1) << i;
        s = comma != NULL ? comma + 1 : end;
    }
    return NULL;
}

static cdc_canal_fault read_count(const cdc_canal_options *opt, const cdc_column *col,
                                  const cdc_canal_limits *lim, const char *s, size_t n,
                                  cdc_value *out)
{
    bool labelled = col->kind == CDC_ENUM || col->kind == CDC_SET;
    if (opt->labels && labelled) {
        return read_labels(col, s, n, out);
    }
    if (read_u64(s, s + n, lim->max, &out->u)) {
        return NULL;
    }
    return labelled
               ? "not a number from the column's labels (labels are read with message.enum: label)"
               : fault_number;
}

typedef struct cdc_read {
    const cdc_canal_options *opt;
    const cdc_column *col;
    const cdc_canal_limits *lim;
    cdc_arena *ar;
} cdc_read;

static cdc_canal_fault read_number(const cdc_read *rd, const char *s, size_t n, cdc_value *out)
{
    bool ok = rd->col->kind == CDC_INT ? read_i64(s, s + n, rd->lim, &out->i)
                                       : cdc_number_read(s, n, rd->col->kind == CDC_FLOAT, &out->d);
    return ok ? NULL : fault_number;
}

static cdc_canal_fault read_bytes(const cdc_read *rd, const char *s, size_t n, cdc_value *out)
{
    switch (rd->col->kind) {
    case CDC_DECIMAL:
        return read_decimal(rd->col, s, n, rd->ar, out);
    case CDC_BYTES:
        return read_octets(rd->opt->binary, rd->col, s, n, rd->ar, out);
    default:
        return keep(s, n, rd->ar, out);
    }
}

cdc_canal_fault cdc_canal_value_read(const cdc_canal_options *opt, const cdc_column *col,
                                     const cdc_canal_limits *lim, cdc_bytes text, cdc_arena *ar,
                                     cdc_value *out)
{
    const cdc_read rd = {opt, col, lim, ar};
    out->kind = (uint8_t)col->kind;
    switch (col->kind) {
    case CDC_INT:
    case CDC_FLOAT:
    case CDC_DOUBLE:
        return read_number(&rd, text.p, text.len, out);
    case CDC_UINT:
    case CDC_BIT:
    case CDC_ENUM:
    case CDC_SET:
        return read_count(opt, col, lim, text.p, text.len, out);
    case CDC_DECIMAL:
    case CDC_TEXT:
    case CDC_JSON:
    case CDC_BYTES:
        return read_bytes(&rd, text.p, text.len, out);
    default: /* of a definition no other kinds come than dates and times */
        return read_temporal(col, opt->zone_offset_s, text.p, text.len, out);
    }
}

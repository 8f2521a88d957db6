#include "literal.h"

#include <math.h>

#include "core/clock.h"

enum { ESCAPE_STEP = 4096, SECONDS_A_DAY = 86400 };

/* --- text --- */

/* Bit 7 of each byte of x that is zero, exact for the lowest one: enough to ask "is there any". */
static inline uint64_t sink_mysql_zero_bytes(uint64_t x)
{
    return (x - 0x0101010101010101U) & ~x & 0x8080808080808080U;
}

static inline bool sink_mysql_is_plain(uint64_t word)
{
    return (sink_mysql_zero_bytes(word) | sink_mysql_zero_bytes(word ^ 0x2727272727272727U) |
            sink_mysql_zero_bytes(word ^ 0x5c5c5c5c5c5c5c5cU)) == 0;
}

static inline char *sink_mysql_escape_byte(char *to, char c)
{
    if (c == '\'' || c == '\\' || c == '\0') {
        *to++ = '\\';
        c = c == '\0' ? '0' : c;
    }
    *to++ = c;
    return to;
}

/* Escapes what the server's lexer needs escaped: quote, backslash, NUL. Eight bytes at a time while
 * there is none. In UTF-8 none of them is ever part of a longer character. */
static char *sink_mysql_escape(char *to, const char *p, size_t n)
{
    while (n >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        if (sink_mysql_is_plain(word)) {
            memcpy(to, &word, 8);
            to += 8;
        } else {
            for (int i = 0; i < 8; i++) {
                to = sink_mysql_escape_byte(to, p[i]);
            }
        }
        p += 8;
        n -= 8;
    }
    while (n-- > 0) {
        to = sink_mysql_escape_byte(to, *p++);
    }
    return to;
}

static void sink_mysql_add_escaped(cdc_buffer *buf, const char *p, size_t n)
{
    while (n > 0) {
        size_t step = n < ESCAPE_STEP ? n : ESCAPE_STEP;
        char *to = cdc_buffer_reserve(buf, 2 * step);
        if (to == NULL) {
            return;
        }
        buf->len += (size_t)(sink_mysql_escape(to, p, step) - to);
        p += step;
        n -= step;
    }
}

void sink_mysql_add_text(cdc_buffer *buf, const char *p, size_t n)
{
    cdc_buffer_add_char(buf, '\'');
    sink_mysql_add_escaped(buf, p, n);
    cdc_buffer_add_char(buf, '\'');
}

static void sink_mysql_add_bytes(cdc_buffer *buf, const char *p, size_t n)
{
    cdc_buffer_add(buf, "_binary", 7);
    sink_mysql_add_text(buf, p, n);
}

void sink_mysql_add_name(cdc_buffer *buf, const char *name)
{
    cdc_buffer_add_char(buf, '`');
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '`') {
            cdc_buffer_add_char(buf, '`');
        }
        cdc_buffer_add_char(buf, *p);
    }
    cdc_buffer_add_char(buf, '`');
}

/* --- numbers --- */

static bool sink_mysql_add_decimal(cdc_buffer *buf, const char *p, size_t n)
{
    size_t digits = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] >= '0' && p[i] <= '9') {
            digits++;
        } else if (!(p[i] == '.' && digits > 0) && !(p[i] == '-' && i == 0)) {
            return false;
        }
    }
    cdc_buffer_add(buf, p, n);
    return digits > 0;
}

/* 17 significant digits read back to the same double, and a float is held exactly by a double: so a
 * FLOAT column compares equal to its own value, which it would not to its short form. The exponent
 * makes it a double literal. */
static bool sink_mysql_add_double(cdc_buffer *buf, double d)
{
    if (!isfinite(d)) {
        return false;
    }
    if (d == 0 && signbit(d)) {
        cdc_buffer_add(buf, "'-0'", 4); /* MariaDB folds the literal -0e0 to 0 */
        return true;
    }
    if (fabs(d) < 1e15 && d == (double)(int64_t)d) {
        cdc_buffer_add_i64(buf, (int64_t)d);
        cdc_buffer_add(buf, "e0", 2);
        return true;
    }
    cdc_buffer_addf(buf, "%.16e", d);
    return true;
}

/* --- dates and times --- */

static inline char *sink_mysql_put2(char *to, unsigned v)
{
    to[0] = (char)('0' + v / 10 % 10);
    to[1] = (char)('0' + v % 10);
    return to + 2;
}

static char *sink_mysql_put_date(char *to, unsigned year, unsigned month, unsigned day)
{
    to = sink_mysql_put2(to, year / 100);
    to = sink_mysql_put2(to, year % 100);
    *to++ = '-';
    to = sink_mysql_put2(to, month);
    *to++ = '-';
    return sink_mysql_put2(to, day);
}

static char *sink_mysql_put_clock(char *to, unsigned minute, unsigned second, unsigned usec)
{
    *to++ = ':';
    to = sink_mysql_put2(to, minute);
    *to++ = ':';
    to = sink_mysql_put2(to, second);
    if (usec > 0) {
        *to++ = '.';
        to = sink_mysql_put2(to, usec / 10000);
        to = sink_mysql_put2(to, usec / 100);
        to = sink_mysql_put2(to, usec);
    }
    return to;
}

static char *sink_mysql_put_timestamp(char *to, int64_t sec, unsigned usec)
{
    if (sec == 0 && usec == 0) {
        memcpy(to, "0000-00-00 00:00:00", 19);
        return to + 19;
    }
    int64_t days = sec / SECONDS_A_DAY - (sec % SECONDS_A_DAY < 0 ? 1 : 0);
    unsigned rest = (unsigned)(sec - days * SECONDS_A_DAY);
    int year;
    unsigned month, day;
    cdc_clock_civil(days, &year, &month, &day);
    to = sink_mysql_put_date(to, (unsigned)year % 10000, month, day);
    *to++ = ' ';
    to = sink_mysql_put2(to, rest / 3600);
    return sink_mysql_put_clock(to, rest / 60 % 60, rest % 60, usec);
}

static char *sink_mysql_put_time(char *to, const cdc_value *v)
{
    if (v->t.neg) {
        *to++ = '-';
    }
    if (v->t.hour >= 100) {
        *to++ = (char)('0' + v->t.hour / 100 % 10);
    }
    to = sink_mysql_put2(to, v->t.hour % 100U);
    return sink_mysql_put_clock(to, v->t.minute, v->t.second, v->t.usec);
}

static void sink_mysql_add_moment(cdc_buffer *buf, const cdc_value *v)
{
    char *start = cdc_buffer_reserve(buf, 40);
    if (start == NULL) {
        return;
    }
    char *to = start;
    *to++ = '\'';
    if (v->kind == CDC_TIMESTAMP) {
        to = sink_mysql_put_timestamp(to, v->ts.sec, v->ts.usec);
    } else if (v->kind == CDC_TIME) {
        to = sink_mysql_put_time(to, v);
    } else {
        to = sink_mysql_put_date(to, v->year, v->t.month, v->t.day);
        if (v->kind == CDC_DATETIME) {
            *to++ = ' ';
            to = sink_mysql_put2(to, v->t.hour);
            to = sink_mysql_put_clock(to, v->t.minute, v->t.second, v->t.usec);
        }
    }
    *to++ = '\'';
    buf->len += (size_t)(to - start);
}

/* --- any value --- */

bool sink_mysql_add_value(cdc_buffer *buf, const cdc_value *v)
{
    switch ((cdc_kind)v->kind) {
    case CDC_NULL:
        cdc_buffer_add(buf, "NULL", 4);
        return true;
    case CDC_INT:
    case CDC_YEAR:
        cdc_buffer_add_i64(buf, v->i);
        return true;
    case CDC_UINT:
    case CDC_BIT:
    case CDC_ENUM:
    case CDC_SET:
        cdc_buffer_add_u64(buf, v->u);
        return true;
    case CDC_DECIMAL:
        return sink_mysql_add_decimal(buf, v->p, v->len);
    case CDC_FLOAT:
    case CDC_DOUBLE:
        return sink_mysql_add_double(buf, v->d);
    case CDC_DATE:
    case CDC_TIME:
    case CDC_DATETIME:
    case CDC_TIMESTAMP:
        sink_mysql_add_moment(buf, v);
        return true;
    case CDC_TEXT:
    case CDC_JSON:
        sink_mysql_add_text(buf, v->p, v->len);
        return true;
    case CDC_BYTES:
        sink_mysql_add_bytes(buf, v->p, v->len);
        return true;
    case CDC_ABSENT:
        break;
    }
    return false;
}

static void sink_mysql_add_set(cdc_buffer *buf, uint64_t bits, const cdc_column *col)
{
    bool first = true;
    cdc_buffer_add_char(buf, '\'');
    for (uint32_t i = 0; i < col->nlabels && i < 64; i++) {
        if ((bits >> i & 1) == 0) {
            continue;
        }
        if (!first) {
            cdc_buffer_add_char(buf, ',');
        }
        sink_mysql_add_escaped(buf, col->labels[i], strlen(col->labels[i]));
        first = false;
    }
    cdc_buffer_add_char(buf, '\'');
}

bool sink_mysql_add_labels(cdc_buffer *buf, const cdc_value *v, const cdc_column *col)
{
    if (v->kind == CDC_ENUM && v->u >= 1 && v->u <= col->nlabels) {
        sink_mysql_add_text(buf, col->labels[v->u - 1], strlen(col->labels[v->u - 1]));
        return true;
    }
    bool labelled =
        v->kind == CDC_SET && col->nlabels > 0 && (col->nlabels >= 64 || v->u >> col->nlabels == 0);
    if (labelled) {
        sink_mysql_add_set(buf, v->u, col);
        return true;
    }
    return sink_mysql_add_value(buf, v);
}

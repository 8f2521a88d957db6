#include "producers/mysql/text_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

#define NUMBER_TEXT_MAX 340 /* a DOUBLE(M,D) is written with all its digits */

void src_mysql_text_column(const src_mysql_table *tbl, uint32_t col, cdc_buffer *out)
{
    const char *name = tbl->table->cols[col].name;
    switch (tbl->plan[col].op) {
    case SRC_MYSQL_DECODE_FLOAT: /* printed with six digits; as a double, with all */
    case SRC_MYSQL_DECODE_DOUBLE:
        src_mysql_add_name(out, name);
        cdc_buffer_add_str(out, "*1e0"); /* and not +0e0, which turns -0 into 0 */
        break;
    case SRC_MYSQL_DECODE_BIT:
    case SRC_MYSQL_DECODE_ENUM:
    case SRC_MYSQL_DECODE_SET: /* by number; "+0" would go through a double */
        cdc_buffer_add_str(out, "CAST(");
        src_mysql_add_name(out, name);
        cdc_buffer_add_str(out, " AS UNSIGNED)");
        break;
    default:
        src_mysql_add_name(out, name);
    }
}

/* A text that is read from the left; a part that is not there sets bad. */
typedef struct text_reader {
    const char *p;
    const char *end;
    bool bad;
} text_reader;

static bool take(text_reader *rd, char c)
{
    if (rd->p < rd->end && *rd->p == c) {
        rd->p++;
        return true;
    }
    return false;
}

static void expect(text_reader *rd, char c)
{
    rd->bad = !take(rd, c) || rd->bad;
}

/* Digits, at least one, up to the limit. */
static uint64_t take_number(text_reader *rd, uint64_t limit)
{
    uint64_t v = 0;
    const char *from = rd->p;
    while (rd->p < rd->end && *rd->p >= '0' && *rd->p <= '9') {
        uint64_t digit = (uint64_t)(*rd->p++ - '0');
        if (digit > limit || v > (limit - digit) / 10) {
            rd->bad = true;
            return 0;
        }
        v = v * 10 + digit;
    }
    rd->bad = rd->bad || rd->p == from;
    return v;
}

/* ".123" with as many digits as the column has, in microseconds. */
static uint32_t take_fraction(text_reader *rd, uint8_t digits)
{
    uint32_t v = 0;
    if (digits == 0) {
        return 0;
    }
    expect(rd, '.');
    for (unsigned i = 0; i < 6; i++) {
        v *= 10;
        if (i < digits) {
            text_reader one = {rd->p, rd->p < rd->end ? rd->p + 1 : rd->p, false};
            v += (uint32_t)take_number(&one, 9);
            rd->bad = rd->bad || one.bad;
            rd->p = one.p;
        }
    }
    return v;
}

static bool all_read(const text_reader *rd)
{
    return !rd->bad && rd->p == rd->end;
}

static bool text_int(text_reader *rd, cdc_value *out)
{
    bool neg = take(rd, '-');
    uint64_t v = take_number(rd, (uint64_t)INT64_MAX + neg);
    *out = (cdc_value){.kind = CDC_INT};
    out->i = neg ? (int64_t)(0 - v) : (int64_t)v;
    return all_read(rd);
}

static bool text_unsigned(text_reader *rd, cdc_kind kind, uint64_t limit, cdc_value *out)
{
    *out = (cdc_value){.kind = (uint8_t)kind};
    out->u = take_number(rd, limit);
    return all_read(rd);
}

static bool text_real(const text_reader *rd, cdc_kind kind, cdc_value *out)
{
    char text[NUMBER_TEXT_MAX];
    size_t n = (size_t)(rd->end - rd->p);
    if (n == 0 || n >= sizeof text) {
        return false;
    }
    memcpy(text, rd->p, n);
    text[n] = '\0';
    char *end;
    errno = 0;
    double d = strtod(text, &end);
    *out = (cdc_value){.kind = (uint8_t)kind};
    out->d = kind == CDC_FLOAT ? (double)(float)d : d;
    return *end == '\0' && (kind != CDC_FLOAT || out->d == d);
}

static void take_date(text_reader *rd, cdc_value *out)
{
    out->year = (uint16_t)take_number(rd, 9999);
    expect(rd, '-');
    out->t.month = (uint8_t)take_number(rd, 12);
    expect(rd, '-');
    out->t.day = (uint8_t)take_number(rd, 31);
}

static void take_clock(text_reader *rd, uint64_t hours, uint8_t digits, cdc_value *out)
{
    out->t.hour = (uint16_t)take_number(rd, hours);
    expect(rd, ':');
    out->t.minute = (uint8_t)take_number(rd, 59);
    expect(rd, ':');
    out->t.second = (uint8_t)take_number(rd, 59);
    out->t.usec = take_fraction(rd, digits);
    out->digits = digits;
}

static bool text_date(text_reader *rd, cdc_value *out)
{
    *out = (cdc_value){.kind = CDC_DATE};
    take_date(rd, out);
    return all_read(rd);
}

static bool text_time(text_reader *rd, uint8_t digits, cdc_value *out)
{
    *out = (cdc_value){.kind = CDC_TIME};
    out->t.neg = take(rd, '-');
    take_clock(rd, 838, digits, out);
    return all_read(rd);
}

static bool text_datetime(text_reader *rd, uint8_t digits, cdc_value *out)
{
    *out = (cdc_value){.kind = CDC_DATETIME};
    take_date(rd, out);
    expect(rd, ' ');
    take_clock(rd, 23, digits, out);
    return all_read(rd);
}

/* Days from 1970-01-01 of a date in the Gregorian calendar, year >= 1. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static bool text_timestamp(text_reader *rd, uint8_t digits, cdc_value *out)
{
    cdc_value wall;
    if (!text_datetime(rd, digits, &wall)) {
        return false;
    }
    *out = (cdc_value){.kind = CDC_TIMESTAMP, .digits = digits};
    out->ts.usec = wall.t.usec;
    if (wall.year != 0) { /* else the zero timestamp */
        out->ts.sec = days_of(wall.year, wall.t.month, wall.t.day) * 86400 + wall.t.hour * 3600 +
                      wall.t.minute * 60 + wall.t.second;
    }
    return true;
}

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory",
                         "the value does not fit the memory that one batch may use");
}

/* Copies the cell, with zeros behind it up to `padded` bytes. */
static cdc_rc keep(src_mysql_text cell, size_t padded, cdc_arena *ar, cdc_value *out,
                   cdc_error *err)
{
    size_t len = cell.n < padded ? padded : cell.n;
    char *copy = cdc_arena_alloc(ar, len);
    if (copy == NULL || len > UINT32_MAX) {
        return no_memory(err);
    }
    memcpy(copy, cell.p, cell.n);
    memset(copy + cell.n, 0, len - cell.n);
    out->len = (uint32_t)len;
    out->p = copy;
    return CDC_OK;
}

static cdc_rc keep_text(src_mysql_convert convert, src_mysql_text cell, src_mysql_decode *dec,
                        cdc_value *out, cdc_error *err)
{
    src_mysql_text text = cell;
    if (!src_mysql_charset_to_utf8(convert, &text, dec->ar, &dec->bad_text) ||
        text.n > UINT32_MAX) {
        return no_memory(err);
    }
    if (text.p == cell.p) {
        return keep(cell, 0, dec->ar, out, err);
    }
    out->len = (uint32_t)text.n;
    out->p = text.p;
    return CDC_OK;
}

/* ZEROFILL columns come with zeros in front, which the binlog's values do not have. */
static cdc_rc keep_decimal(src_mysql_text cell, cdc_arena *ar, cdc_value *out, cdc_error *err)
{
    while (cell.n > 1 && cell.p[0] == '0' && cell.p[1] != '.') {
        cell.p++;
        cell.n--;
    }
    return keep(cell, 0, ar, out, err);
}

static cdc_rc text_string(const src_mysql_plan *plan, src_mysql_text cell, src_mysql_decode *dec,
                          cdc_value *out, cdc_error *err)
{
    switch (plan->op) {
    case SRC_MYSQL_DECODE_TEXT:
        *out = (cdc_value){.kind = CDC_TEXT};
        return keep_text((src_mysql_convert)plan->convert, cell, dec, out, err);
    case SRC_MYSQL_DECODE_JSON:
        *out = (cdc_value){.kind = CDC_JSON};
        return keep_text(SRC_MYSQL_CONVERT_UTF8, cell, dec, out, err);
    case SRC_MYSQL_DECODE_UUID:
    case SRC_MYSQL_DECODE_INET6:
    case SRC_MYSQL_DECODE_INET4:
        *out = (cdc_value){.kind = CDC_TEXT};
        return keep_text(SRC_MYSQL_CONVERT_UTF8, cell, dec, out, err);
    case SRC_MYSQL_DECODE_DECIMAL:
        *out = (cdc_value){.kind = CDC_DECIMAL};
        return keep_decimal(cell, dec->ar, out, err);
    case SRC_MYSQL_DECODE_COMPRESSED:
        if (plan->convert != SRC_MYSQL_CONVERT_BINARY) {
            *out = (cdc_value){.kind = CDC_TEXT};
            return keep_text((src_mysql_convert)plan->convert, cell, dec, out, err);
        }
        *out = (cdc_value){.kind = CDC_BYTES};
        return keep(cell, 0, dec->ar, out, err);
    default:
        *out = (cdc_value){.kind = CDC_BYTES};
        return keep(cell, plan->op == SRC_MYSQL_DECODE_BINARY ? plan->length : 0, dec->ar, out,
                    err);
    }
}

static uint64_t bits_limit(uint32_t bits)
{
    return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

/* Everything but strings. False: not the text of such a value. */
static bool text_scalar(const src_mysql_plan *plan, text_reader *rd, cdc_value *out)
{
    switch (plan->op) {
    case SRC_MYSQL_DECODE_FLOAT:
        return text_real(rd, CDC_FLOAT, out);
    case SRC_MYSQL_DECODE_DOUBLE:
        return text_real(rd, CDC_DOUBLE, out);
    case SRC_MYSQL_DECODE_BIT:
        return text_unsigned(rd, CDC_BIT, bits_limit(plan->length), out);
    case SRC_MYSQL_DECODE_ENUM:
        return text_unsigned(rd, CDC_ENUM, plan->length, out);
    case SRC_MYSQL_DECODE_SET:
        return text_unsigned(rd, CDC_SET, bits_limit(plan->length), out);
    case SRC_MYSQL_DECODE_YEAR:
        return text_unsigned(rd, CDC_YEAR, 2155, out);
    case SRC_MYSQL_DECODE_DATE:
        return text_date(rd, out);
    case SRC_MYSQL_DECODE_TIME2:
    case SRC_MYSQL_DECODE_OLD_TIME:
        return text_time(rd, plan->digits, out);
    case SRC_MYSQL_DECODE_DATETIME2:
    case SRC_MYSQL_DECODE_OLD_DATETIME:
        return text_datetime(rd, plan->digits, out);
    case SRC_MYSQL_DECODE_TIMESTAMP2:
    case SRC_MYSQL_DECODE_OLD_TIMESTAMP:
        return text_timestamp(rd, plan->digits, out);
    default:
        return plan->op <= SRC_MYSQL_DECODE_I64 ? text_int(rd, out)
                                                : text_unsigned(rd, CDC_UINT, UINT64_MAX, out);
    }
}

static bool is_string(uint8_t op)
{
    return op >= SRC_MYSQL_DECODE_TEXT || op == SRC_MYSQL_DECODE_DECIMAL;
}

cdc_rc src_mysql_text_value(const src_mysql_table *tbl, uint32_t col, src_mysql_text cell,
                            src_mysql_decode *dec, cdc_value *out, cdc_error *err)
{
    const src_mysql_plan *plan = &tbl->plan[col];
    const cdc_table *def = tbl->table;
    cdc_rc rc = CDC_OK;
    if (cell.p == NULL) {
        *out = (cdc_value){.kind = CDC_NULL};
        return CDC_OK;
    }
    if (is_string(plan->op)) {
        rc = text_string(plan, cell, dec, out, err);
    } else {
        text_reader rd = {cell.p, cell.p + cell.n, false};
        if (!text_scalar(plan, &rd, out)) {
            rc = cdc_error_set(err, CDC_FATAL, "mysql_text_malformed",
                               "the server's answer (%zu bytes) is no value of type %s", cell.n,
                               def->cols[col].type_text);
        }
    }
    return rc == CDC_OK ? rc
                        : cdc_error_context(err, "table %s.%s, column %s", def->database, def->name,
                                            def->cols[col].name);
}

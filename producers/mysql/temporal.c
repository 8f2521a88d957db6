#include "producers/mysql/temporal.h"

/* Packed form: the whole part shifted by 24 bits, plus microseconds; a negative time is the negated
 * sum. */
#define PACKED_SHIFT 24

/* Fraction of ceil(digits / 2) bytes, big-endian, in units of 10000, 100 or 1 microseconds. */
static uint32_t read_fraction(cdc_cursor *c, uint8_t digits)
{
    switch ((digits + 1) / 2) {
    case 1:
        return (uint32_t)cdc_cursor_be(c, 1) * 10000U;
    case 2:
        return (uint32_t)cdc_cursor_be(c, 2) * 100U;
    case 3:
        return (uint32_t)cdc_cursor_be(c, 3);
    default:
        return 0;
    }
}

bool src_mysql_temporal_unpack_time(int64_t packed, cdc_value *out)
{
    bool neg = packed < 0;
    uint64_t v = neg ? 0 - (uint64_t)packed : (uint64_t)packed;
    uint64_t hms = v >> PACKED_SHIFT;
    *out = (cdc_value){.kind = CDC_TIME, .digits = 6};
    out->t.neg = neg;
    out->t.usec = (uint32_t)(v & ((1U << PACKED_SHIFT) - 1));
    out->t.hour = (uint16_t)(hms >> 12 & 0x3ffU);
    out->t.minute = (uint8_t)(hms >> 6 & 63U);
    out->t.second = (uint8_t)(hms & 63U);
    return out->t.hour <= 838 && out->t.minute < 60 && out->t.second < 60 && out->t.usec < 1000000;
}

bool src_mysql_temporal_unpack_datetime(int64_t packed, cdc_value *out)
{
    uint64_t v = (uint64_t)packed;
    uint64_t ymd = v >> (PACKED_SHIFT + 17);
    uint64_t hms = v >> PACKED_SHIFT & 0x1ffffU;
    uint64_t months = ymd >> 5;
    *out = (cdc_value){.kind = CDC_DATETIME, .digits = 6};
    out->t.usec = (uint32_t)(v & ((1U << PACKED_SHIFT) - 1));
    out->year = (uint16_t)(months / 13);
    out->t.month = (uint8_t)(months % 13);
    out->t.day = (uint8_t)(ymd & 31U);
    out->t.hour = (uint16_t)(hms >> 12);
    out->t.minute = (uint8_t)(hms >> 6 & 63U);
    out->t.second = (uint8_t)(hms & 63U);
    return packed >= 0 && months / 13 <= 9999 && out->t.hour < 24 && out->t.minute < 60 &&
           out->t.second < 60 && out->t.usec < 1000000;
}

bool src_mysql_temporal_time2(cdc_cursor *c, uint8_t digits, cdc_value *out)
{
    /* Whole and fraction are one big-endian number with its sign bit inverted, of 3 bytes and those
     * of the fraction: the fraction of a negative time counts downwards. */
    static const int64_t units[4] = {0, 10000, 100, 1};
    unsigned fraction_bytes = (digits + 1U) / 2U;
    unsigned bits = 8 * fraction_bytes;
    int64_t v = (int64_t)cdc_cursor_be(c, 3 + fraction_bytes) - (INT64_C(0x800000) << bits);
    bool neg = v < 0;
    uint64_t magnitude = neg ? (uint64_t)-v : (uint64_t)v;
    int64_t fraction = (int64_t)(magnitude & ((UINT64_C(1) << bits) - 1)) * units[fraction_bytes];
    int64_t packed = (int64_t)(magnitude >> bits) * (INT64_C(1) << PACKED_SHIFT) + fraction;
    bool ok = fraction < 1000000 && src_mysql_temporal_unpack_time(neg ? -packed : packed, out);
    out->digits = digits;
    return ok;
}

bool src_mysql_temporal_datetime2(cdc_cursor *c, uint8_t digits, cdc_value *out)
{
    int64_t whole = (int64_t)cdc_cursor_be(c, 5) - INT64_C(0x8000000000);
    uint32_t fraction = read_fraction(c, digits);
    bool ok = whole >= 0 && fraction < 1000000 &&
              src_mysql_temporal_unpack_datetime(
                  whole * (INT64_C(1) << PACKED_SHIFT) + (int64_t)fraction, out);
    out->digits = digits;
    return ok;
}

bool src_mysql_temporal_timestamp2(cdc_cursor *c, uint8_t digits, cdc_value *out)
{
    *out = (cdc_value){.kind = CDC_TIMESTAMP, .digits = digits};
    out->ts.sec = (int64_t)cdc_cursor_be(c, 4);
    out->ts.usec = read_fraction(c, digits);
    return out->ts.usec < 1000000;
}

bool src_mysql_temporal_date(cdc_cursor *c, cdc_value *out)
{
    uint32_t v = (uint32_t)cdc_cursor_le(c, 3);
    *out = (cdc_value){.kind = CDC_DATE};
    out->year = (uint16_t)(v >> 9);
    out->t.month = (uint8_t)(v >> 5 & 15U);
    out->t.day = (uint8_t)(v & 31U);
    return out->t.month <= 12 && out->year <= 9999;
}

/* --- before MySQL 5.6 --- */

static bool clock_fits(const cdc_value *v, unsigned hours)
{
    return v->t.hour <= hours && v->t.minute < 60 && v->t.second < 60;
}

/* 123456 is 12:34:56. */
static void take_clock_digits(uint64_t hms, cdc_value *out)
{
    out->t.second = (uint8_t)(hms % 100);
    out->t.minute = (uint8_t)(hms / 100 % 100);
    out->t.hour = (uint16_t)(hms / 10000 % 10000);
}

static const uint32_t units_of_second[7] = {1, 10, 100, 1000, 10000, 100000, 1000000};

/* Units of the last digit, into microseconds, seconds, minutes and hours; what is left is
 * returned. */
static uint64_t take_clock_units(uint64_t v, uint8_t digits, uint64_t hours, cdc_value *out)
{
    uint32_t units = units_of_second[digits];
    out->t.usec = (uint32_t)(v % units) * (1000000 / units);
    v /= units;
    out->t.second = (uint8_t)(v % 60);
    out->t.minute = (uint8_t)(v / 60 % 60);
    v /= 3600;
    out->t.hour = (uint16_t)(hours != 0 ? v % hours : v % 10000);
    return hours != 0 ? v / hours : v / 10000;
}

bool src_mysql_temporal_old_time(cdc_cursor *c, uint8_t digits, cdc_value *out)
{
    static const uint8_t sizes[7] = {3, 4, 4, 5, 5, 5, 6};
    *out = (cdc_value){.kind = CDC_TIME, .digits = digits};
    if (digits == 0) {
        int64_t v = (int64_t)(cdc_cursor_le(c, 3) ^ 0x800000U) - 0x800000;
        out->t.neg = v < 0;
        take_clock_digits((uint64_t)(v < 0 ? -v : v), out);
        return clock_fits(out, 838);
    }
    const int64_t zero = INT64_C(3020400) * units_of_second[digits]; /* 839 hours */
    int64_t v = (int64_t)cdc_cursor_be(c, sizes[digits]) - zero;
    out->t.neg = v < 0;
    return take_clock_units((uint64_t)(v < 0 ? -v : v), digits, 0, out) == 0 &&
           clock_fits(out, 838);
}

bool src_mysql_temporal_old_datetime(cdc_cursor *c, uint8_t digits, cdc_value *out)
{
    static const uint8_t sizes[7] = {5, 6, 6, 7, 7, 7, 8};
    *out = (cdc_value){.kind = CDC_DATETIME, .digits = digits};
    uint64_t ymd;
    if (digits == 0) {
        uint64_t v = cdc_cursor_u64(c);
        take_clock_digits(v % 1000000, out);
        ymd = v / 1000000;
        out->t.day = (uint8_t)(ymd % 100);
        out->t.month = (uint8_t)(ymd / 100 % 100);
        ymd /= 10000;
    } else {
        ymd = take_clock_units(cdc_cursor_be(c, sizes[digits]), digits, 24, out);
        out->t.day = (uint8_t)(ymd % 32);
        out->t.month = (uint8_t)(ymd / 32 % 13);
        ymd /= 32 * 13;
    }
    out->year = (uint16_t)(ymd % 10000);
    return ymd <= 9999 && out->t.month <= 12 && out->t.day <= 31 && clock_fits(out, 23);
}

bool src_mysql_temporal_old_timestamp(cdc_cursor *c, uint8_t digits, cdc_value *out)
{
    *out = (cdc_value){.kind = CDC_TIMESTAMP, .digits = digits};
    if (digits == 0) {
        out->ts.sec = (int64_t)cdc_cursor_le(c, 4);
        return true;
    }
    uint32_t units = units_of_second[digits];
    out->ts.sec = (int64_t)cdc_cursor_be(c, 4);
    uint32_t fraction = (uint32_t)cdc_cursor_be(c, (digits + 1U) / 2U);
    out->ts.usec = fraction * (1000000 / units);
    return fraction < units;
}

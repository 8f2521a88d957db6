#include "producers/mysql/decimal.h"

#define GROUP_DIGITS 9U

static const uint8_t group_bytes[GROUP_DIGITS + 1] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
static const uint32_t group_limit[GROUP_DIGITS + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
};

size_t src_mysql_decimal_size(unsigned precision, unsigned scale)
{
    unsigned whole = precision - scale;
    return whole / GROUP_DIGITS * 4U + group_bytes[whole % GROUP_DIGITS] +
           scale / GROUP_DIGITS * 4U + group_bytes[scale % GROUP_DIGITS];
}

typedef struct decimal_reader {
    const uint8_t *p;
    uint8_t flip;  /* 0xff for a negative number */
    uint8_t first; /* what the first byte is flipped by in addition; 0 behind it */
    char *out;
    bool bad;
} decimal_reader;

/* One group: its bytes to exactly that many digits. */
static void decimal_group(decimal_reader *rd, unsigned digits)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < group_bytes[digits]; i++) {
        v = v << 8 | (uint8_t)(*rd->p++ ^ rd->flip ^ rd->first);
        rd->first = 0;
    }
    rd->bad = rd->bad || v >= group_limit[digits];
    for (unsigned i = digits; i > 0; i--) {
        rd->out[i - 1] = (char)('0' + v % 10);
        v /= 10;
    }
    rd->out += digits;
}

size_t src_mysql_decimal_text(const uint8_t *p, unsigned precision, unsigned scale, char *out)
{
    unsigned whole = precision - scale;
    if (precision == 0 || precision > SRC_MYSQL_DECIMAL_PRECISION_MAX || scale > precision) {
        return 0;
    }
    char digits[SRC_MYSQL_DECIMAL_PRECISION_MAX];
    bool negative = (p[0] & 0x80U) == 0;
    decimal_reader rd = {p, negative ? 0xff : 0, 0x80, digits, false};
    decimal_group(&rd, whole % GROUP_DIGITS);
    for (unsigned i = 0; i < whole / GROUP_DIGITS; i++) {
        decimal_group(&rd, GROUP_DIGITS);
    }
    for (unsigned i = 0; i < scale / GROUP_DIGITS; i++) {
        decimal_group(&rd, GROUP_DIGITS);
    }
    decimal_group(&rd, scale % GROUP_DIGITS);
    if (rd.bad) {
        return 0;
    }
    char *to = out;
    if (negative) {
        *to++ = '-';
    }
    unsigned i = 0;
    while (i + 1 < whole && digits[i] == '0') {
        i++;
    }
    if (whole == 0) {
        *to++ = '0';
    }
    for (; i < whole; i++) {
        *to++ = digits[i];
    }
    if (scale > 0) {
        *to++ = '.';
    }
    for (; i < precision; i++) {
        *to++ = digits[i];
    }
    return (size_t)(to - out);
}

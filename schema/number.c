#include "schema/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cursor.h"
#include "schema/writer.h"

enum { EXACT_POWERS = 22, NUMBER_TEXT_MAX = 400 };

/* Powers of ten that a double holds exactly. */
static const double powers[EXACT_POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Places the point in n digits (no trailing zeros) whose first stands for 10^exponent. */
static char *put_digits(char *p, const char *digits, int n, int exponent)
{
    if (exponent < -5 || exponent >= 17) {
        *p++ = digits[0];
        if (n > 1) {
            *p++ = '.';
            memcpy(p, digits + 1, (size_t)n - 1);
            p += n - 1;
        }
        *p++ = 'e';
        return cdc_write_i64(p, exponent);
    }
    if (exponent < 0) {
        memcpy(p, "0.00000", 7);
        p += 1 - exponent;
        memcpy(p, digits, (size_t)n);
        return p + n;
    }
    for (int i = 0; i <= exponent; i++) {
        *p++ = i < n ? digits[i] : '0';
    }
    if (n > exponent + 1) {
        *p++ = '.';
        memcpy(p, digits + exponent + 1, (size_t)(n - exponent - 1));
        p += n - exponent - 1;
    }
    return p;
}

static bool reads_back(double d, double value, bool single)
{
    return single ? (float)d == (float)value : d == value;
}

/* Numbers with few decimal places, such as 19.99: d = m / 10^k with m and 10^k exact, and the
 * division correctly rounded, means that the text of m with k places reads back as d. The smallest
 * k gives the shortest text. m stays far enough below 2^53 that the rounding of d * 10^k cannot
 * hide it. */
static char *put_fixed(char *p, double d, bool single)
{
    double limit = single ? 1e8 : 1e15;
    for (int k = 1; k <= 15; k++) {
        double scaled = d * powers[k];
        if (scaled >= limit) {
            return NULL;
        }
        uint64_t m = (uint64_t)(scaled + 0.5);
        if (m == 0 || !reads_back((double)m / powers[k], d, single)) {
            continue;
        }
        char digits[24];
        int n = (int)(cdc_write_u64(digits, m) - digits);
        if (n - 1 - k < -5) {
            return NULL;
        }
        return put_digits(p, digits, n, n - 1 - k);
    }
    return NULL;
}

/* Any number: the C library's exact conversion with more and more digits. */
static char *put_general(char *p, double d, bool single)
{
    bool tiny =
        d < (single ? (double)FLT_MIN : DBL_MIN); /* few bits are left, so few digits may do */
    int last = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    char text[40];
    for (int n = tiny ? 1 : single ? FLT_DIG : DBL_DIG; n <= last; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, d);
        if (n == last || reads_back(strtod(text, NULL), d, single)) {
            break;
        }
    }
    char digits[20];
    int n = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at != '.') {
            digits[n++] = *at;
        }
    }
    while (n > 1 && digits[n - 1] == '0') {
        n--;
    }
    return put_digits(p, digits, n, (int)strtol(at + 1, NULL, 10));
}

char *cdc_number_write(char *p, double d, bool single)
{
    if (signbit(d)) {
        *p++ = '-';
        d = -d;
    }
    /* below these limits neighbours are at most 1 apart, so that no shorter text means the same
     * integer */
    if (d < (single ? 16777216.0 : 9007199254740992.0) && d == (double)(uint64_t)d) {
        return cdc_write_u64(p, (uint64_t)d);
    }
    char *end = put_fixed(p, d, single);
    return end != NULL ? end : put_general(p, d, single);
}

typedef struct cdc_number {
    uint64_t digits; /* all digits as one number, while they fit */
    int ndigits;     /* significant ones */
    int exponent;    /* of the last digit */
} cdc_number;

static void add_digit(cdc_number *num, char c)
{
    if (num->ndigits > 0 || c != '0') {
        num->ndigits++;
        if (num->ndigits <= 18) {
            num->digits = num->digits * 10 + (uint64_t)(c - '0');
        }
    }
}

/* At least one digit. */
static bool take_digits(cdc_cursor *c, cdc_number *num)
{
    const uint8_t *start = c->p;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
        add_digit(num, (char)*c->p);
    }
    return c->p > start;
}

static bool take_char(cdc_cursor *c, char a, char b)
{
    if (c->p < c->end && (*c->p == (uint8_t)a || *c->p == (uint8_t)b)) {
        c->p++;
        return true;
    }
    return false;
}

static bool take_exponent(cdc_cursor *c, cdc_number *num)
{
    cdc_number exponent = {0};
    bool neg = take_char(c, '-', '-');
    if (!neg) {
        (void)take_char(c, '+', '+');
    }
    if (!take_digits(c, &exponent)) {
        return false;
    }
    int value = exponent.ndigits < 6 ? (int)exponent.digits : 100000;
    num->exponent += neg ? -value : value;
    return true;
}

/* Checks the grammar; *num is exact when it has at most 18 digits. */
static bool split(cdc_cursor *c, cdc_number *num)
{
    if (!take_digits(c, num)) {
        return false;
    }
    if (take_char(c, '.', '.')) {
        const uint8_t *point = c->p;
        if (!take_digits(c, num)) {
            return false;
        }
        num->exponent = -(int)(c->p - point);
    }
    return (!take_char(c, 'e', 'E') || take_exponent(c, num)) && c->p == c->end;
}

bool cdc_number_read(const char *s, size_t n, bool single, double *out)
{
    cdc_number num = {0};
    cdc_cursor c = cdc_cursor_of(s, n);
    bool neg = take_char(&c, '-', '-');
    if (n > NUMBER_TEXT_MAX || !split(&c, &num)) {
        return false;
    }
    double d = 0;
    if (num.ndigits <= 15 && num.exponent <= EXACT_POWERS && num.exponent >= -EXACT_POWERS) {
        d = (double)num.digits; /* both operands are exact, so one rounding is all there is */
        d = num.exponent < 0 ? d / powers[-num.exponent] : d * powers[num.exponent];
        d = neg ? -d : d;
    } else {
        char text[NUMBER_TEXT_MAX + 1];
        memcpy(text, s, n);
        text[n] = '\0';
        d = strtod(text, NULL);
    }
    if (single) {
        d = (double)(float)d;
    }
    *out = d;
    return isfinite(d);
}

#include "schema/avro/decimal.h"

#include <stdbool.h>
#include <string.h>

enum { LIMBS = 4, CHUNK_DIGITS = 18, DIGITS_MAX = 65 };
#define CHUNK UINT64_C(1000000000000000000)

typedef unsigned __int128 cdc_wide;

/* Unsigned, least significant limb first. */
typedef struct cdc_limbs {
    uint64_t v[LIMBS];
} cdc_limbs;

static void multiply_add(cdc_limbs *x, uint64_t by, uint64_t add)
{
    cdc_wide carry = add;
    for (int i = 0; i < LIMBS; i++) {
        carry += (cdc_wide)x->v[i] * by;
        x->v[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static uint64_t divide(cdc_limbs *x, uint64_t by)
{
    cdc_wide rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 64 | x->v[i];
        x->v[i] = (uint64_t)(rest / by);
        rest %= by;
    }
    return (uint64_t)rest;
}

static void negate(cdc_limbs *x)
{
    uint64_t carry = 1;
    for (int i = 0; i < LIMBS; i++) {
        x->v[i] = ~x->v[i] + carry;
        carry = carry == 1 && x->v[i] == 0 ? 1 : 0;
    }
}

static size_t put_bytes(const cdc_limbs *x, char *to)
{
    uint8_t all[LIMBS * 8];
    for (int i = 0; i < LIMBS * 8; i++) {
        all[i] = (uint8_t)(x->v[LIMBS - 1 - i / 8] >> (56 - 8 * (i % 8)));
    }
    size_t skip = 0;
    uint8_t sign = (uint8_t)(all[0] & 0x80) != 0 ? 0xff : 0;
    while (skip < sizeof all - 1 && all[skip] == sign && ((all[skip + 1] ^ sign) & 0x80) == 0) {
        skip++;
    }
    memcpy(to, all + skip, sizeof all - skip);
    return sizeof all - skip;
}

/* A number of 64 bits in its shortest form. */
static size_t put_i64(int64_t v, char *to)
{
    /* bits that matter, the sign's with them */
    unsigned bits = v == 0 || v == -1 ? 1 : 65 - (unsigned)__builtin_clzll((uint64_t)(v ^ v >> 63));
    size_t n = (bits + 7) / 8;
    uint64_t big = __builtin_bswap64((uint64_t)v << (64 - 8 * n));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    big = (uint64_t)v << (64 - 8 * n);
#endif
    memcpy(to, &big, 8);
    return n;
}

size_t cdc_avro_u64_write(uint64_t v, char *to)
{
    if (v <= INT64_MAX) {
        return put_i64((int64_t)v, to);
    }
    to[0] = 0;
    for (int i = 0; i < 8; i++) {
        to[i + 1] = (char)(v >> (56 - 8 * i));
    }
    return 9;
}

static size_t put_large(const char *s, const char *end, bool negative, char *to)
{
    cdc_limbs x = {{0}};
    uint64_t chunk = 0;
    uint64_t weight = 1;
    for (; s < end; s++) {
        if (*s == '.') {
            continue;
        }
        chunk = chunk * 10 + (uint64_t)(*s - '0');
        weight *= 10;
        if (weight == CHUNK) {
            multiply_add(&x, weight, chunk);
            chunk = 0;
            weight = 1;
        }
    }
    multiply_add(&x, weight, chunk);
    if (negative) {
        negate(&x);
    }
    return put_bytes(&x, to);
}

/* Digits of the text, 0 if it is not of the form. */
static size_t count_digits(const char *s, size_t n, unsigned scale)
{
    size_t digits = scale > 0 ? n - 1 : n;
    if (n < (scale > 0 ? scale + 2U : 1U) || digits > DIGITS_MAX + 1) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        bool point = scale > 0 && i == n - 1 - scale;
        if (point ? s[i] != '.' : s[i] < '0' || s[i] > '9') {
            return 0;
        }
    }
    return digits;
}

size_t cdc_avro_decimal_write(const char *s, size_t n, unsigned scale, char *to)
{
    bool negative = n > 0 && *s == '-';
    s += negative;
    n -= negative;
    size_t digits = count_digits(s, n, scale);
    if (digits == 0) {
        return 0;
    }
    if (digits > CHUNK_DIGITS) {
        return put_large(s, s + n, negative, to);
    }
    int64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = s[i] == '.' ? v : v * 10 + (s[i] - '0');
    }
    return put_i64(negative ? -v : v, to);
}

static bool take_limbs(const char *p, size_t n, cdc_limbs *x, bool *negative)
{
    *negative = n > 0 && (*p & 0x80) != 0;
    char sign = *negative ? (char)0xff : 0;
    while (n > LIMBS * 8 && *p == sign) {
        p++;
        n--;
    }
    if (n > LIMBS * 8) {
        return false;
    }
    memset(x, *negative ? 0xff : 0, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        size_t from = n - 1 - i; /* of the least significant byte on */
        uint64_t byte = (uint8_t)p[from];
        x->v[i / 8] = (x->v[i / 8] & ~(UINT64_C(0xff) << (8 * (i % 8)))) | byte << (8 * (i % 8));
    }
    if (*negative) {
        negate(x);
    }
    return true;
}

size_t cdc_avro_decimal_read(const char *p, size_t n, unsigned scale, char *to)
{
    cdc_limbs x;
    bool negative = false;
    char digits[CDC_AVRO_DECIMAL_TEXT]; /* least significant first */
    size_t count = 0;
    if (scale > DIGITS_MAX || !take_limbs(p, n, &x, &negative)) {
        return 0;
    }
    while ((x.v[0] | x.v[1] | x.v[2] | x.v[3]) != 0) {
        uint64_t chunk = divide(&x, CHUNK);
        for (int i = 0; i < CHUNK_DIGITS && count < sizeof digits; i++) {
            digits[count++] = (char)('0' + chunk % 10);
            chunk /= 10;
        }
    }
    while (count > 0 && digits[count - 1] == '0') {
        count--;
    }
    if (count > DIGITS_MAX) {
        return 0;
    }
    while (count <= scale) {
        digits[count++] = '0';
    }
    char *start = to;
    if (negative) {
        *to++ = '-';
    }
    while (count > 0) {
        *to++ = digits[--count];
        if (count == scale && scale > 0) {
            *to++ = '.';
        }
    }
    return (size_t)(to - start);
}

#include "canal_hash.h"

/* The next character of valid UTF-8; a byte that begins none stands for itself. */
static uint32_t cdc_canal_next(const unsigned char **p, const unsigned char *end)
{
    uint32_t c = *(*p)++;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    c &= more > 0 ? 0x3fU >> more : 0xffU;
    for (; more > 0 && *p < end; more--) {
        c = c << 6 | (*(*p)++ & 0x3fU);
    }
    return c;
}

int32_t cdc_canal_hash(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    const unsigned char *end = p + n;
    uint32_t h = 0;
    while (p < end) {
        uint32_t c = cdc_canal_next(&p, end);
        if (c >= 0x10000) {
            h = h * 31 + (0xd800 + ((c - 0x10000) >> 10));
            c = 0xdc00 + (c & 0x3ff);
        }
        h = h * 31 + c;
    }
    return (int32_t)h;
}

int32_t cdc_canal_partition(int32_t hash, int32_t partitions)
{
    int32_t positive = hash >= 0 || hash == INT32_MIN ? hash : -hash;
    int32_t rest = positive % partitions;
    return rest < 0 ? -rest : rest;
}

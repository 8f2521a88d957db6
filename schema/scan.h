/* Looks at CDC_SCAN_STEP bytes at once for those that JSON strings treat specially. */
#ifndef CDC_SCAN_H
#define CDC_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#define CDC_SCAN_STEP 16U

/* Index of the first byte that is '"', '\\', a control character or not ASCII; CDC_SCAN_STEP if
 * there is none. */
static inline unsigned cdc_scan_plain(const uint8_t *s)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)s);
    /* a signed comparison: bytes from 0x80 are negative */
    __m128i bad = _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)),
                               _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
                                            _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(bad) | 1U << CDC_SCAN_STEP);
}

/* The same, but bytes from 0x80 are as good as others. */
static inline unsigned cdc_scan_string(const uint8_t *s)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)s);
    __m128i low = _mm_set1_epi8(0x1f);
    __m128i bad = _mm_or_si128(_mm_cmpeq_epi8(_mm_max_epu8(x, low), low),
                               _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
                                            _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(bad) | 1U << CDC_SCAN_STEP);
}

static inline bool cdc_scan_is_ascii(const uint8_t *s)
{
    return _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)s)) == 0;
}

#else
#define CDC_SCAN_STEP 8U

static inline uint64_t cdc_scan_load(const uint8_t *s)
{
    uint64_t x;
    memcpy(&x, s, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

/* High bits of the bytes of x that are zero; above the first of them there may be false ones. */
static inline uint64_t cdc_scan_zeros(uint64_t x)
{
    return (x - 0x0101010101010101ULL) & ~x & 0x8080808080808080ULL;
}

static inline uint64_t cdc_scan_specials(uint64_t x)
{
    return (((x - 0x2020202020202020ULL) & ~x & 0x8080808080808080ULL) |
            cdc_scan_zeros(x ^ 0x2222222222222222ULL) | cdc_scan_zeros(x ^ 0x5c5c5c5c5c5c5c5cULL));
}

static inline unsigned cdc_scan_first(uint64_t marks)
{
    return marks == 0 ? CDC_SCAN_STEP : (unsigned)__builtin_ctzll(marks) / 8;
}

static inline unsigned cdc_scan_plain(const uint8_t *s)
{
    uint64_t x = cdc_scan_load(s);
    return cdc_scan_first(cdc_scan_specials(x) | (x & 0x8080808080808080ULL));
}

static inline unsigned cdc_scan_string(const uint8_t *s)
{
    return cdc_scan_first(cdc_scan_specials(cdc_scan_load(s)));
}

static inline bool cdc_scan_is_ascii(const uint8_t *s)
{
    return (cdc_scan_load(s) & 0x8080808080808080ULL) == 0;
}
#endif

/* Copies the plain bytes among the next CDC_SCAN_STEP of s, if end is not nearer, and moves both
 * on; *p needs room for CDC_SCAN_STEP. True: all were plain. */
static inline bool cdc_scan_copy(char **p, const uint8_t **s, const uint8_t *end)
{
    if ((size_t)(end - *s) < CDC_SCAN_STEP) {
        return false;
    }
    unsigned n = cdc_scan_plain(*s);
    memcpy(*p, *s, CDC_SCAN_STEP);
    *p += n;
    *s += n;
    return n == CDC_SCAN_STEP;
}

/* What the first byte says of the length; 0: it is none. */
static inline unsigned cdc_scan_length(uint8_t c)
{
    return c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* Do the bytes behind the first of a sequence carry on with it? */
static inline bool cdc_scan_carries_on(const uint8_t *s, unsigned n)
{
    return (s[1] & 0xc0) == 0x80 && (n < 3 || (s[2] & 0xc0) == 0x80) &&
           (n < 4 || (s[3] & 0xc0) == 0x80);
}

/* Length of the UTF-8 sequence (2 to 4 bytes) at s, whose first byte is not ASCII; 0 if it is
 * malformed or cut off by end. */
static inline unsigned cdc_scan_utf8(const uint8_t *s, const uint8_t *end)
{
    unsigned n = cdc_scan_length(s[0]);
    if (n == 0 || n > (size_t)(end - s) || !cdc_scan_carries_on(s, n)) {
        return 0;
    }
    switch (s[0]) { /* nothing overlong, no surrogates, nothing above U+10FFFF */
    case 0xe0:
        return s[1] >= 0xa0 ? n : 0;
    case 0xed:
        return s[1] <= 0x9f ? n : 0;
    case 0xf0:
        return s[1] >= 0x90 ? n : 0;
    case 0xf4:
        return s[1] <= 0x8f ? n : 0;
    default:
        return n;
    }
}

#endif

#include "rdb_crc64.h"

#include <pthread.h>

enum { SLICES = 8 };

static uint64_t tables[SLICES][256]; /* [k][b]: of byte b with k zero bytes behind it */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
    const uint64_t reflected = UINT64_C(0x95ac9329ac4bc9b5);
    for (unsigned b = 0; b < 256; b++) {
        uint64_t crc = b;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ reflected : crc >> 1;
        }
        tables[0][b] = crc;
    }
    for (unsigned k = 1; k < SLICES; k++) {
        for (unsigned b = 0; b < 256; b++) {
            uint64_t before = tables[k - 1][b];
            tables[k][b] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

uint64_t src_redis_crc64(uint64_t crc, const void *p, size_t n)
{
    const uint8_t *at = p;
    pthread_once(&once, fill);
    for (; n >= SLICES; n -= SLICES, at += SLICES) {
        uint64_t next = 0;
        for (unsigned k = 0; k < SLICES; k++) {
            next ^= tables[SLICES - 1 - k][(crc >> (8 * k) & 0xff) ^ at[k]];
        }
        crc = next;
    }
    for (; n > 0; n--, at++) {
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
    }
    return crc;
}

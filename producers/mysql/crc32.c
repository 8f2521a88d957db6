#include "producers/mysql/event.h"

#include <pthread.h>

/* CRC-32, eight bytes a step by eight tables ("slicing by 8"). The tables are made at the first
 * use: 8 KB of constants would say less than the loop that makes them. */

#define SLICES 8

static uint32_t crc_tables[SLICES][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) {
            c = (c & 1U) != 0 ? c >> 1 ^ 0xedb88320U : c >> 1;
        }
        crc_tables[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int k = 1; k < SLICES; k++) {
            uint32_t before = crc_tables[k - 1][i];
            crc_tables[k][i] = before >> 8 ^ crc_tables[0][before & 0xffU];
        }
    }
}

static uint32_t crc_load(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t src_mysql_crc32(const uint8_t *p, size_t n)
{
    pthread_once(&crc_once, crc_make_tables);
    uint32_t(*t)[256] = crc_tables;
    uint32_t c = 0xffffffffU;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a = crc_load(p) ^ c;
        uint32_t b = crc_load(p + 4);
        c = t[7][a & 0xffU] ^ t[6][a >> 8 & 0xffU] ^ t[5][a >> 16 & 0xffU] ^ t[4][a >> 24] ^
            t[3][b & 0xffU] ^ t[2][b >> 8 & 0xffU] ^ t[1][b >> 16 & 0xffU] ^ t[0][b >> 24];
    }
    for (; n > 0; n--, p++) {
        c = c >> 8 ^ t[0][(c ^ *p) & 0xffU];
    }
    return ~c;
}

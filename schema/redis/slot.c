#include "schema/redis/slot.h"

#include <string.h>

#include "core/buffer.h"

/* CRC16 of XMODEM: polynomial 0x1021, start 0, most significant bit first; four bits a step. */
static uint32_t crc16(const char *p, size_t len)
{
    static const uint16_t nibble[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                        0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                        0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint32_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t byte = (uint8_t)p[i];
        crc = (crc << 4 & 0xffff) ^ nibble[(crc >> 12 ^ byte >> 4) & 15];
        crc = (crc << 4 & 0xffff) ^ nibble[(crc >> 12 ^ byte) & 15];
    }
    return crc;
}

uint32_t cdc_redis_slot(const char *key, size_t len)
{
    const char *open = len > 0 ? (const char *)memchr(key, '{', len) : NULL;
    if (open != NULL) {
        const char *tag = open + 1;
        const char *close = (const char *)memchr(tag, '}', (size_t)(key + len - tag));
        if (close != NULL && close > tag) {
            return crc16(tag, (size_t)(close - tag)) % CDC_REDIS_SLOTS;
        }
    }
    return crc16(key, len) % CDC_REDIS_SLOTS;
}

void cdc_redis_slot_tag(uint32_t slot, char tag[CDC_REDIS_TAG_MAX])
{
    /* The numbers up to 109757 hit every slot. */
    for (uint64_t i = 0;; i++) {
        size_t n = cdc_format_u64(tag, i);
        tag[n] = '\0';
        if (cdc_redis_slot(tag, n) == slot % CDC_REDIS_SLOTS) {
            return;
        }
    }
}

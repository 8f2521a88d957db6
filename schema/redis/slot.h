/* The slot of a key in a cluster of Redis or Valkey: CRC16 of the key, or of what stands between
 * its first { and the first } behind it if that is not empty, modulo 16384 (cluster specification,
 * "Key distribution model" and "Hash tags"). */
#ifndef CDC_REDIS_SLOT_H
#define CDC_REDIS_SLOT_H

#include <stddef.h>
#include <stdint.h>

#define CDC_REDIS_SLOTS 16384U

uint32_t cdc_redis_slot(const char *key, size_t len);

/* Writes a hash tag (a short text without braces, NUL-terminated) whose slot is this one: "{tag}"
 * in a key puts it there. Found by trying, some thousand times; keep the result. */
#define CDC_REDIS_TAG_MAX 12
void cdc_redis_slot_tag(uint32_t slot, char tag[CDC_REDIS_TAG_MAX]);

#endif

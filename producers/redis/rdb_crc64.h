/* CRC-64 as Redis has it: polynomial ad93d23594c935a9 (Jones), reflected, from 0, not inverted.
 * Check value of "123456789": e9c6d914c4b8d9ca. */
#ifndef SRC_REDIS_RDB_CRC64_H
#define SRC_REDIS_RDB_CRC64_H

#include <stddef.h>
#include <stdint.h>

uint64_t src_redis_crc64(uint64_t crc, const void *p, size_t n);

#endif

/* Canal's own choice of a partition: Java's hash of each text joined by XOR, and two absolute
 * values around the remainder, because that of the smallest number is negative in Java. Pure
 * functions. */
#ifndef CDC_CANAL_HASH_H
#define CDC_CANAL_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Java's String.hashCode of a text in UTF-8, which Java has in UTF-16. */
int32_t cdc_canal_hash(const char *s, size_t n);
/* abs(abs(hash) % partitions) */
int32_t cdc_canal_partition(int32_t hash, int32_t partitions);

#endif

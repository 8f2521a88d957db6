/* DECIMAL values as Avro's logical type decimal: the unscaled value in two's complement,
 * big-endian, as short as it can be. Up to 65 digits, which are 27 bytes. */
#ifndef CDC_AVRO_DECIMAL_H
#define CDC_AVRO_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

enum { CDC_AVRO_DECIMAL_BYTES = 32, CDC_AVRO_DECIMAL_TEXT = 96 };

/* "-12.50" with exactly `scale` places. Returns the number of bytes at `to`, 0: it is no such text,
 * or has more than 65 digits. */
size_t cdc_avro_decimal_write(const char *s, size_t n, unsigned scale, char *to);
size_t cdc_avro_u64_write(uint64_t v, char *to); /* the same for an integer; at most 9 bytes */
/* Back to text. 0: more than 32 bytes that matter, or more than 65 digits. */
size_t cdc_avro_decimal_read(const char *p, size_t n, unsigned scale, char *to);

#endif

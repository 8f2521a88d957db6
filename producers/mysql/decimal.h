/* MySQL's binary DECIMAL (strings/decimal.cc, decimal2bin): groups of nine digits in four bytes,
 * big-endian, a smaller group at either end; the first bit is inverted, and all of them for a
 * negative number. */
#ifndef SRC_MYSQL_DECIMAL_H
#define SRC_MYSQL_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SRC_MYSQL_DECIMAL_PRECISION_MAX 65U
#define SRC_MYSQL_DECIMAL_TEXT_MAX (SRC_MYSQL_DECIMAL_PRECISION_MAX + 3U) /* sign, "0", point */

/* Bytes of a DECIMAL(precision,scale); scale <= precision <= 65. */
size_t src_mysql_decimal_size(unsigned precision, unsigned scale);

/* The text: full scale, no leading zeros but one before the point, not terminated. Returns its
 * length; 0: the bytes are no decimal. out has room for SRC_MYSQL_DECIMAL_TEXT_MAX. */
size_t src_mysql_decimal_text(const uint8_t *p, unsigned precision, unsigned scale, char *out);

#endif

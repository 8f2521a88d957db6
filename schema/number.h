/* Floating-point numbers as text: the shortest that reads back to the same value, and back. */
#ifndef CDC_NUMBER_H
#define CDC_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* Writes d at p (room for 32 bytes) and returns the end. Digits as few as possible; without an
 * exponent while the number is from 1e-5 to below 1e17 ("0.1", "-0", "12300"), else as "1.5e20",
 * "5e-324". single: d holds the value of a 32-bit float, and the text need only read back to that
 * float. d is finite. */
char *cdc_number_write(char *p, double d, bool single);

/* Reads [-]digits[.digits][e[+-]digits], all of it. False: malformed, longer than 400 bytes, or too
 * large for the type. */
bool cdc_number_read(const char *s, size_t n, bool single, double *out);

#endif

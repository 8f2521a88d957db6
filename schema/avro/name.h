/* Names of databases, tables and columns as Avro names, and back.
 *
 * Avro takes A-Z a-z 0-9 _ with no digit in front. Every other byte of a name's UTF-8, a digit in
 * front, and a '_' that would read as the beginning of such an escape, become _xHH with two
 * lower-case hexadecimal digits; the empty name becomes _x00. So names differ as much as they did
 * before, and those of plain letters stay as they are. Avro specification, "Names". */
#ifndef CDC_AVRO_NAME_H
#define CDC_AVRO_NAME_H

#include "core/buffer.h"

void cdc_avro_name(cdc_buffer *out, const char *name);
/* The name that became this one; at most n bytes and a NUL are written. Names of other writers,
 * which hold no escapes, stay as they are. Returns the length. */
size_t cdc_avro_name_read(const char *avro, size_t n, char *to);
/* Is it a name in Avro as it stands? */
bool cdc_avro_name_legal(const char *name);

#endif

/* sink_redis_row_text: a row's values as texts in Redis.
 *
 * Raw: numbers, dates and times as MySQL prints them (a TIMESTAMP in UTC), ENUM and SET by their
 * labels, text in UTF-8, octets as they are. In JSON: numbers, also DECIMAL and YEAR, are numbers,
 * a JSON column is nested as it is, octets are base64, NULL is null, all else is a string. */
#ifndef SINK_REDIS_ROW_TEXT_H
#define SINK_REDIS_ROW_TEXT_H

#include "core/buffer.h"
#include "core/table.h"

/* Appends a value that is neither NULL nor absent. False: *fault says what is wrong with it, or is
 * NULL when the buffer has no room. */
bool sink_redis_row_text(cdc_buffer *out, const cdc_column *col, const cdc_value *v,
                         const char **fault);
/* Appends a value that is not absent, as JSON. */
bool sink_redis_row_json(cdc_buffer *out, const cdc_column *col, const cdc_value *v,
                         const char **fault);
/* Appends a name or text as a JSON string with its quotes. */
bool sink_redis_row_string(cdc_buffer *out, const char *s, size_t n);

#endif

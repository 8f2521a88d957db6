/* MySQL's binary JSON (MySQL source, sql-common/json_binary.h) to the text that the server prints
 * for it:
 * `{"a": 1, "b": [1, 2]}`, keys in stored order. */
#ifndef SRC_MYSQL_JSON_BINARY_H
#define SRC_MYSQL_JSON_BINARY_H

#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"

#define SRC_MYSQL_JSON_DEPTH_MAX 100 /* the server's own limit */

/* Appends the text of the document to out. Bytes in strings that are not UTF-8 become U+FFFD and
 * are added to *bad (may be NULL). FATAL: malformed, deeper than the limit, or larger than out's
 * maximum. */
cdc_rc src_mysql_json_text(const uint8_t *p, size_t n, cdc_buffer *out, uint64_t *bad,
                           cdc_error *err) CDC_MUST_CHECK;

/* Appends d as the server prints a JSON double: the shortest digits that read back to it. */
void src_mysql_json_double(cdc_buffer *out, double d);

#endif

/* MySQL's binary JSON (MySQL source, sql-common/json_binary.h) to the text that the server prints
 * for it:
 * `{"a": 1, "b": [1, 2]}`, keys in stored order. */
#ifndef SRC_MYSQL_JSON_BINARY_H
#define SRC_MYSQL_JSON_BINARY_H

#include <stdint.h>

#include "core/buffer.h"
#include "core/cursor.h"
#include "core/error.h"

#define SRC_MYSQL_JSON_DEPTH_MAX 100 /* the server's own limit */

/* Appends the text of the document to out. Bytes in strings that are not UTF-8 become U+FFFD and
 * are added to *bad (may be NULL). FATAL: malformed, deeper than the limit, or larger than out's
 * maximum. */
cdc_rc src_mysql_json_text(const uint8_t *p, size_t n, cdc_buffer *out, uint64_t *bad,
                           cdc_error *err) CDC_MUST_CHECK;

/* --- what json_patch.c needs of the format --- */

/* One value: its type and its bytes, which may go beyond its end. */
typedef struct src_mysql_json_value {
    uint8_t type;
    cdc_cursor at;
} src_mysql_json_value;

/* An object or array. All offsets count from the beginning of its element count. */
typedef struct src_mysql_json_box {
    const uint8_t *base;
    size_t size;
    unsigned width; /* bytes of counts and offsets: 2 small, 4 large */
    size_t count;
    bool object;
} src_mysql_json_box;

typedef struct src_mysql_json_writer {
    cdc_buffer *out;
    uint64_t *bad; /* may be NULL */
    unsigned depth;
} src_mysql_json_writer;

/* An empty document, left by ALTER and IGNORE, is null, as the server reads it. */
src_mysql_json_value src_mysql_json_root(const uint8_t *p, size_t n);
bool src_mysql_json_is_box(const src_mysql_json_value *value);
/* All false: malformed. i below box->count. */
bool src_mysql_json_open(const src_mysql_json_value *value, src_mysql_json_box *box);
bool src_mysql_json_key(const src_mysql_json_box *box, size_t i, const uint8_t **key, size_t *n);
bool src_mysql_json_element(const src_mysql_json_box *box, size_t i, src_mysql_json_value *out);
bool src_mysql_json_write(src_mysql_json_writer *w, const src_mysql_json_value *value);
void src_mysql_json_write_string(src_mysql_json_writer *w, const uint8_t *p, size_t n);

/* Appends d as the server prints a JSON double: the shortest digits that read back to it. */
void src_mysql_json_double(cdc_buffer *out, double d);

#endif

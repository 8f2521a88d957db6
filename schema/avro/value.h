/* One column's value in Avro's binary encoding, without its union's branch for NULL. */
#ifndef CDC_AVRO_VALUE_H
#define CDC_AVRO_VALUE_H

#include "schema/avro/node.h"
#include "schema/avro/schema_text.h"
#include "schema/canal_json/canal.h"

typedef struct cdc_avro_column {
    const cdc_column *col;
    cdc_avro_way way;
    bool mixed; /* dates and times: what the logical type cannot hold is a string */
} cdc_avro_column;

/* Writes the branch of ["null", T...] and the value of a value that is neither NULL nor absent.
 * Asks for room. False: *fault says why, or is NULL when the buffer has none. */
bool cdc_avro_value_write(cdc_writer *w, const cdc_avro_column *column, const cdc_value *v,
                          uint64_t *replaced, const char **fault);

/* The same for the union of the layout generic. */
bool cdc_avro_generic_write(cdc_writer *w, const cdc_column *col, const cdc_value *v,
                            uint64_t *replaced, const char **fault);

/* Are the bytes UTF-8? */
bool cdc_avro_is_text(const char *s, size_t n);

/* A string; bytes that are not UTF-8 become U+FFFD and are counted. */
bool cdc_avro_text_write(cdc_writer *w, const char *s, size_t n, uint64_t *replaced);

/* Reads a value of the branch that the message has, which is not null, into a zeroed value of the
 * column; bytes are copied to the arena. Returns NULL, or what is wrong. */
const char *cdc_avro_value_read(const cdc_avro_node *branch, cdc_cursor *c, const cdc_column *col,
                                const cdc_canal_limits *lim, cdc_arena *ar,
                                cdc_value *out) CDC_MUST_CHECK;

#endif

/* The schemas that we register, as text: this very text is what registry and readers get, since
 * avro-c loses logical types, defaults and docs when it prints. docs/formats/avro.md shows them. */
#ifndef CDC_AVRO_SCHEMA_TEXT_H
#define CDC_AVRO_SCHEMA_TEXT_H

#include "schema/avro/avro.h"

/* How a column's values are written; decided by its type and the task's options. */
typedef enum cdc_avro_way {
    CDC_AVRO_WAY_LONG,
    CDC_AVRO_WAY_U64, /* decimal(20,0) */
    CDC_AVRO_WAY_DECIMAL,
    CDC_AVRO_WAY_DECIMAL_TEXT, /* the type does not say its precision */
    CDC_AVRO_WAY_FLOAT,
    CDC_AVRO_WAY_DOUBLE,
    CDC_AVRO_WAY_BITS,
    CDC_AVRO_WAY_ENUM,
    CDC_AVRO_WAY_LABEL, /* of an ENUM whose labels are no names in Avro */
    CDC_AVRO_WAY_SET,
    CDC_AVRO_WAY_DATE,
    CDC_AVRO_WAY_TIME,
    CDC_AVRO_WAY_DATETIME,
    CDC_AVRO_WAY_TIMESTAMP,
    CDC_AVRO_WAY_CLOCK_TEXT, /* a date or time as text */
    CDC_AVRO_WAY_TEXT,
    CDC_AVRO_WAY_UUID,
    CDC_AVRO_WAY_JSON,
    CDC_AVRO_WAY_BYTES,
} cdc_avro_way;

cdc_avro_way cdc_avro_way_of(const cdc_avro_options *opt, const cdc_column *col);

/* Branches of a value's union in the layout generic, as they are written. */
enum {
    CDC_AVRO_GENERIC_NULL = 0,
    CDC_AVRO_GENERIC_LONG = 2,
    CDC_AVRO_GENERIC_FLOAT = 4,
    CDC_AVRO_GENERIC_DOUBLE = 6,
    CDC_AVRO_GENERIC_BYTES = 8,
    CDC_AVRO_GENERIC_STRING = 10,
    CDC_AVRO_GENERIC_ARRAY = 12, /* of bytes: arguments of a command */
};

/* Append the schema, and its record's full name to `name`. */
void cdc_avro_row_schema(const cdc_avro_options *opt, const cdc_table *tbl, cdc_buffer *out,
                         cdc_buffer *name);
void cdc_avro_key_schema(const cdc_avro_options *opt, const cdc_table *tbl, cdc_buffer *out,
                         cdc_buffer *name);
/* Of statements. */
void cdc_avro_ddl_schema(const cdc_avro_options *opt, cdc_buffer *out, cdc_buffer *name);
void cdc_avro_ddl_key_schema(const cdc_avro_options *opt, cdc_buffer *out, cdc_buffer *name);
/* The layout generic. */
void cdc_avro_generic_schema(cdc_buffer *out, cdc_buffer *name);
void cdc_avro_generic_key_schema(cdc_buffer *out, cdc_buffer *name);

/* The subject of a record's schema by the task's way of naming. */
void cdc_avro_subject(const cdc_avro_options *opt, const char *topic, const char *record,
                      bool is_key, cdc_buffer *out);

#endif

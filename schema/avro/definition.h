/* cdc_avro_definition: the table that a message's rows are of, kept while messages repeat it, so
 * that events of an unchanged table point to the same cdc_table. */
#ifndef CDC_AVRO_DEFINITION_H
#define CDC_AVRO_DEFINITION_H

#include "schema/avro/value.h"

typedef struct cdc_avro_definition {
    cdc_table *tbl; /* holds a reference */
    cdc_canal_limits *limits;
    char *mark; /* what it was made from */
    size_t mark_len;
    cdc_buffer types, keys; /* mysqlType and pkNames of its messages */
} cdc_avro_definition;

typedef struct cdc_avro_definitions cdc_avro_definitions;

cdc_avro_definitions *cdc_avro_definitions_new(void);
void cdc_avro_definitions_free(cdc_avro_definitions *defs);

/* Where a message says what its table is. */
typedef struct cdc_avro_described {
    cdc_bytes database, table;
    int32_t id;                /* of the schema */
    uint32_t serial;           /* which of those that the id ever meant */
    const cdc_avro_node *row;  /* layout row */
    const cdc_avro_node *cell; /* layout generic */
    cdc_cursor data;           /* generic: the array of rows */
    cdc_cursor keys;           /* generic: the array of primary key columns */
    bool has_keys;
} cdc_avro_described;

/* Made if it is new; valid until the next call. NULL: *fault or err is set. */
const cdc_avro_definition *cdc_avro_definitions_get(cdc_avro_definitions *defs,
                                                    const cdc_avro_described *what,
                                                    const char **fault, cdc_error *err);

/* Does the map of types, the array of names in a message say the same as the definition? */
bool cdc_avro_definition_has_types(const cdc_avro_definition *def, cdc_cursor map);
bool cdc_avro_definition_has_keys(const cdc_avro_definition *def, cdc_cursor names);

#endif

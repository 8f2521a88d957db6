/* cdc_avro_form: what is constant in a table's messages, made once per table definition: the ids
 * and texts of its two schemas, how each column is written, and the fields that never change. */
#ifndef CDC_AVRO_FORM_H
#define CDC_AVRO_FORM_H

#include "schema/avro/value.h"

/* An unsigned column whose java.sql.Types number depends on the row's value; both have one byte. */
typedef struct cdc_avro_slot {
    uint32_t col;
    uint64_t small_max; /* up to this value `small`, above it `wide` */
    char small, wide;
    size_t at; /* in the tail */
} cdc_avro_slot;

/* A schema and the subject that it is under. */
typedef struct cdc_avro_named {
    cdc_buffer schema, subject; /* NUL-terminated */
    int32_t id;
} cdc_avro_named;

/* The schemas of a message's key and value, with ids of one generation. */
typedef struct cdc_avro_pair {
    cdc_avro_named key, value;
    uint32_t generation; /* 0: not asked for yet */
} cdc_avro_pair;

typedef struct cdc_avro_form {
    uint32_t uid; /* of the cdc_table; 0: empty */
    size_t bytes; /* memory used */
    cdc_avro_pair pair;
    cdc_avro_column *cols;
    cdc_buffer head; /* database, table, pkNames, isDdl */
    cdc_buffer tail; /* sql, sqlType, mysqlType */
    cdc_avro_slot *slots;
    uint32_t nslots;
} cdc_avro_form;

/* Fills a zeroed form. False: out of memory. */
bool cdc_avro_form_init(cdc_avro_form *form, const cdc_avro_options *opt, const cdc_table *tbl,
                        const char *topic);
void cdc_avro_form_fini(cdc_avro_form *form);

/* Of statements, and of all messages in the layout generic. */
bool cdc_avro_pair_init_row(cdc_avro_pair *pair, const cdc_avro_options *opt, const cdc_table *tbl,
                            const char *topic);
bool cdc_avro_pair_init_ddl(cdc_avro_pair *pair, const cdc_avro_options *opt, const char *topic);
bool cdc_avro_pair_init_generic(cdc_avro_pair *pair, const cdc_avro_options *opt,
                                const char *topic);
void cdc_avro_pair_fini(cdc_avro_pair *pair);

/* Makes sure that the ids are of the present generation. */
cdc_rc cdc_avro_pair_refresh(cdc_avro_pair *pair, const cdc_avro_ids *ids,
                             cdc_error *err) CDC_MUST_CHECK;

#endif

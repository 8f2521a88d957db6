/* cdc_avro_readers: what the ids in front of messages mean, parsed. Kept for the decoder's life.
 *
 * An id that a registry gave anew, because it had lost its data, means several things: each of them
 * is kept, and the decoder takes the one that fits the message. One thread. */
#ifndef CDC_AVRO_READER_H
#define CDC_AVRO_READER_H

#include "schema/avro/avro.h"
#include "schema/avro/node.h"

typedef struct cdc_avro_reader cdc_avro_reader;

/* A schema of an id, and what its fields are. */
struct cdc_avro_reader {
    int32_t id;
    uint32_t serial;        /* unique in the set */
    cdc_avro_reader *older; /* of the same id */
    cdc_arena ar;
    const char *text;
    cdc_avro_node *root;
    uint8_t *fields;           /* of root: cdc_avro_field, or CDC_AVRO_FIELDS */
    const cdc_avro_node *row;  /* layout row: the row's record */
    const cdc_avro_node *cell; /* layout generic: the record of name, type, value */
};

typedef struct cdc_avro_readers cdc_avro_readers;

cdc_avro_readers *cdc_avro_readers_new(const cdc_avro_ids *ids); /* NULL: out of memory */
void cdc_avro_readers_free(cdc_avro_readers *set);               /* NULL is fine */

/* The one that fitted last; *asked: the registry was asked for it just now. */
cdc_rc cdc_avro_readers_get(cdc_avro_readers *set, int32_t id, cdc_avro_reader **out, bool *asked,
                            cdc_error *err) CDC_MUST_CHECK;

/* Asks the registry again. *out: what the id means now, as the newest; NULL: what is known. */
cdc_rc cdc_avro_readers_ask(cdc_avro_readers *set, int32_t id, cdc_avro_reader **out,
                            cdc_error *err) CDC_MUST_CHECK;

/* Puts this one in front of the others of its id. */
void cdc_avro_readers_prefer(cdc_avro_readers *set, cdc_avro_reader *reader);

/* Puts behind the error what the registry has under the id now, and what to do. Returns err->rc. */
cdc_rc cdc_avro_readers_explain(const cdc_avro_readers *set, int32_t id, cdc_error *err);

#endif

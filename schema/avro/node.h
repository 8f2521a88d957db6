/* cdc_avro_node: a writer's schema as a graph of nodes, parsed from its text. Named types that are
 * used again are the same node. Avro specification 1.11, "Schema Declaration". */
#ifndef CDC_AVRO_NODE_H
#define CDC_AVRO_NODE_H

#include "core/arena.h"
#include "core/cursor.h"
#include "core/error.h"

typedef enum cdc_avro_type {
    CDC_AVRO_NULL,
    CDC_AVRO_BOOLEAN,
    CDC_AVRO_INT,
    CDC_AVRO_LONG,
    CDC_AVRO_FLOAT,
    CDC_AVRO_DOUBLE,
    CDC_AVRO_BYTES,
    CDC_AVRO_STRING_TYPE,
    CDC_AVRO_RECORD_TYPE,
    CDC_AVRO_ENUM,
    CDC_AVRO_ARRAY,
    CDC_AVRO_MAP,
    CDC_AVRO_UNION,
    CDC_AVRO_FIXED,
} cdc_avro_type;

typedef enum cdc_avro_logical {
    CDC_AVRO_PLAIN,
    CDC_AVRO_DECIMAL,
    CDC_AVRO_DATE,
    CDC_AVRO_TIME_MICROS,
    CDC_AVRO_TIMESTAMP_MICROS,
    CDC_AVRO_LOCAL_MICROS,
} cdc_avro_logical;

typedef struct cdc_avro_node cdc_avro_node;

struct cdc_avro_node {
    cdc_avro_type type;
    cdc_avro_logical logical;
    uint32_t n;              /* fields, branches, symbols; FIXED: bytes */
    uint32_t scale;          /* DECIMAL */
    const char *name;        /* full name of a record, an enum or a fixed */
    cdc_avro_node **nodes;   /* types of fields, branches; ARRAY, MAP: one, of the items */
    const char **names;      /* of fields, symbols */
    const char **type_texts; /* RECORD: each field's "sluice.type", or NULL */
    const char **keys;       /* RECORD: "sluice.keys" */
    uint32_t nkeys;
};

/* All of it is in the arena. FATAL: not a schema, or one that is nested too deeply. */
cdc_rc cdc_avro_node_parse(const char *text, cdc_arena *ar, cdc_avro_node **out,
                           cdc_error *err) CDC_MUST_CHECK;

/* Steps over a value; c fails when it is malformed. */
void cdc_avro_node_skip(const cdc_avro_node *node, cdc_cursor *c);

/* Reads a union's branch number: the branch's node; other nodes are their own. NULL, and c fails:
 * there is no such branch. */
const cdc_avro_node *cdc_avro_node_branch(const cdc_avro_node *node, cdc_cursor *c);

/* The next block of an array or map: its number of items, 0 at the end. A block holds no more items
 * than bytes are left. */
uint64_t cdc_avro_take_block(cdc_cursor *c);

#endif

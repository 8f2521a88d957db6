/* cdc_definition: a table as a message describes it, kept while messages repeat the same texts, so
 * that parsing is done once and events of an unchanged table point to the same cdc_table. */
#ifndef CDC_CANAL_DEFINITION_H
#define CDC_CANAL_DEFINITION_H

#include "core/table.h"
#include "schema/canal_json/canal.h"
#include "schema/canal_json/reader.h"

/* The fields of a message that define its table, as they stand there. */
typedef struct cdc_definition_text {
    cdc_span database, table; /* strings with their quotes */
    cdc_span pk_names;        /* array or null, n 0 if left out */
    cdc_span mysql_type;      /* object */
} cdc_definition_text;

typedef struct cdc_definition_column {
    cdc_span lead; /* "name": as mysqlType writes it */
    cdc_canal_limits limits;
} cdc_definition_column;

typedef struct cdc_definition {
    cdc_table *tbl; /* holds a reference */
    uint32_t hash;  /* of database and table */
    size_t bytes;   /* memory used */
    cdc_definition_text text;
    cdc_span sql_type; /* as it stood in the first message; only to skip equal ones faster */
    cdc_definition_column *cols;
    char *copy; /* of the texts */
} cdc_definition;

typedef struct cdc_definitions cdc_definitions;

cdc_definitions *cdc_definitions_new(void);
void cdc_definitions_free(cdc_definitions *defs);

/* The definition last used of a table of this name, whatever its columns; NULL if there is none. */
const cdc_definition *cdc_definitions_guess(cdc_definitions *defs, cdc_span database,
                                            cdc_span table);

/* The definition with exactly these texts, made if it is new. Valid until the next call. NULL: r
 * has the fault, or err is set (a column type that is not known, no memory). sql_type may be empty.
 */
const cdc_definition *cdc_definitions_get(cdc_definitions *defs, const cdc_definition_text *text,
                                          cdc_span sql_type, cdc_reader *r, cdc_error *err);

#endif

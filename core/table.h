/* cdc_table: one version of a table's definition. Immutable once built, reference-counted
 * (atomically), shared by events, codecs and sinks. An ALTER gives a new cdc_table. */
#ifndef CDC_TABLE_H
#define CDC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "value.h"

#define CDC_TABLE_COLUMNS_MAX 4096
#define CDC_TABLE_NAME_MAX 255

typedef struct cdc_column {
    const char *name;      /* UTF-8 */
    const char *type_text; /* full type as MySQL prints it: "int unsigned", "enum('a','b')" */
    cdc_kind kind; /* what its values are (CDC_INT, CDC_TEXT...); values may also be NULL/ABSENT */
    int16_t java_type; /* java.sql.Types number for Canal's sqlType */
    int16_t key_part;  /* position in the primary key from 0, or -1 */
    bool is_unsigned;
    bool nullable;
    bool is_generated;         /* never written at a target */
    uint8_t digits;            /* fraction digits of TIME, DATETIME, TIMESTAMP */
    uint32_t length;           /* BINARY(n), BIT(n): n; else 0 */
    uint16_t precision, scale; /* DECIMAL */
    const char *charset;       /* source's name of the column's charset, "" if it has none */
    const char *const *labels; /* ENUM, SET: UTF-8 labels */
    uint32_t nlabels;
} cdc_column;

typedef struct cdc_table {
    _Atomic uint32_t refs;
    uint32_t uid;         /* unique in this process; 0 never; codecs key their caches by it */
    uint32_t version;     /* fingerprint of the definition: equal definitions have equal versions */
    const char *database; /* UTF-8 */
    const char *name;
    uint32_t ncols;
    uint32_t nkeys; /* primary key columns; 0 = no primary key */
    const cdc_column *cols;
    const uint16_t *keys; /* column indexes in primary key order */
} cdc_table;

/* Copies everything it is given into one allocation. `keys` may be NULL when nkeys is 0; key_part
 * of the columns is set from it. Fails (FATAL) on no columns, more than CDC_TABLE_COLUMNS_MAX, or
 * no memory. */
cdc_rc cdc_table_new(cdc_table **out, const char *database, const char *name,
                     const cdc_column *cols, uint32_t ncols, const uint16_t *keys, uint32_t nkeys,
                     cdc_error *err) CDC_MUST_CHECK;
cdc_table *cdc_table_ref(cdc_table *tbl);
void cdc_table_unref(cdc_table *tbl); /* NULL is fine */

/* Index of the column, or -1. Case-insensitive for ASCII, as MySQL's column names are. */
int cdc_table_find_column(const cdc_table *tbl, const char *name);

#endif

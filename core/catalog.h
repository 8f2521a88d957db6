/* cdc_catalog: what the source end of a task tells the other ends in a precheck: its server's
 * nature and the definitions of the selected tables.
 *
 * Plain data in one arena; JSON on its way from program to program. A source fills in what it
 * knows: 0, NULL and no tables mean "not known". */
#ifndef CDC_CATALOG_H
#define CDC_CATALOG_H

#include "arena.h"
#include "buffer.h"
#include "error.h"

typedef struct cdc_catalog_column {
    const char *name;
    const char *type;      /* full type text: "int unsigned" */
    const char *collation; /* NULL: it has none */
    bool nullable, generated;
} cdc_catalog_column;

typedef struct cdc_catalog_table {
    const char *database, *name;
    int64_t bytes; /* of its rows, as the server estimates them */
    uint32_t ncols;
    cdc_catalog_column *cols;
    uint32_t nkeys;
    const char **keys; /* names of the primary key's columns, in its order */
} cdc_catalog_table;

typedef struct cdc_catalog {
    cdc_arena arena;
    const char *server;  /* "host:port"; NULL: there is no catalog */
    const char *flavour; /* "MySQL", "MariaDB", "Redis", "Valkey" */
    int64_t version;     /* 90704 */
    int64_t max_packet_bytes;
    int64_t name_case; /* lower_case_table_names; -1 = not known */
    size_t ntables;
    cdc_catalog_table *tables; /* Redis: databases with keys, "0" and "redis" */
    uint32_t nkinds; /* of the objects that the phase schema is to carry: "VIEW", "FUNCTION",
                        "PROCEDURE", "TRIGGER", "EVENT" */
    const char **kinds;
    uint32_t nmodules;
    const char **modules; /* Redis: names of loaded modules */
} cdc_catalog;

void cdc_catalog_init(cdc_catalog *cat);
void cdc_catalog_fini(cdc_catalog *cat);

bool cdc_catalog_has_kind(const cdc_catalog *cat, const char *kind);

/* Appends it as a JSON object. */
void cdc_catalog_encode(const cdc_catalog *cat, cdc_buffer *out);

struct json_t;
/* Reads such an object into an empty catalog. FATAL: not of that shape. */
cdc_rc cdc_catalog_decode(cdc_catalog *cat, const struct json_t *root, cdc_error *err);

#endif

/* cdc_key_map: which keys of a Redis the rows of tables become (target.map):
 *
 *   target: {type: redis, map: {shop.users: {key: "user:{id}", as: hash, expire_seconds: 3600}}}
 *
 * A table is named as the source names it, without patterns. A key is a text with {column} in it,
 * of which one at least; {{ and }} stand for the braces themselves. Immutable; any thread. */
#ifndef CDC_KEY_MAP_H
#define CDC_KEY_MAP_H

#include "config.h"

typedef enum cdc_key_form {
    CDC_KEY_HASH, /* a field for each column that is not NULL */
    CDC_KEY_JSON, /* a string: a JSON object with a member for each column */
} cdc_key_form;

typedef struct cdc_key_part {
    char *text; /* a column's name, or what stands in every key */
    bool column;
} cdc_key_part;

typedef struct cdc_key_rule {
    const char *table; /* "database.table" */
    const char *key;   /* as it is written */
    cdc_key_form form;
    int64_t expire_ms; /* after the row's last change; 0: never */
    int32_t redis_db;  /* in which its keys are */
    bool
        keep_on_truncate; /* TRUNCATE and DROP TABLE leave the keys; otherwise they stop the task */
    cdc_key_part *parts;
    size_t nparts;
} cdc_key_rule;

typedef struct cdc_key_map {
    cdc_key_rule *rules;
    size_t nrules;
} cdc_key_map;

/* No target.map: no rules. FATAL with exit 2 names the entry, the member and the cure. What it
 * holds is borrowed from cfg or its own. fini in any case. */
cdc_rc cdc_key_map_init(cdc_key_map *map, const cdc_config *cfg, cdc_error *err) CDC_MUST_CHECK;
void cdc_key_map_fini(cdc_key_map *map);

/* NULL: rows of the table become no keys. */
const cdc_key_rule *cdc_key_map_find(const cdc_key_map *map, const char *database,
                                     const char *table);

#endif

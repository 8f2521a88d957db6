/* What the target's tables look like, and how the rows of a source table go into them.
 *
 * sink_mysql_target is one table at the target, read from information_schema once. sink_mysql_map
 * leads from one version of a source table (cdc_table) to it by the names of cdc_rename: which
 * column goes where, and the
 * pieces of statement text that all its rows share. Both live in the cache's arena until
 * sink_mysql_cache_reset: after a DDL statement, or when it is full. An error ends the handle and
 * the cache with it. */
#ifndef SINK_MYSQL_TARGET_H
#define SINK_MYSQL_TARGET_H

#include "conn.h"
#include "core/arena.h"
#include "core/rename.h"

struct sink_mysql_run;

/* How a value is written. */
typedef enum sink_mysql_how {
    SINK_MYSQL_PLAIN,  /* its own literal */
    SINK_MYSQL_LABELS, /* ENUM, SET whose labels are others at the target: by label */
    /* In a comparison only: */
    SINK_MYSQL_EXACT,  /* text: byte for byte, whatever the collation */
    SINK_MYSQL_JSON,   /* MySQL's JSON compares with JSON only */
    SINK_MYSQL_OCTETS, /* VECTOR has no comparison: as its octets */
} sink_mysql_how;

typedef struct sink_mysql_column {
    const char *name;
    const char *type_text; /* COLUMN_TYPE: "enum('a','b')" */
    const char *data_type; /* DATA_TYPE: "enum" */
    bool is_generated;
    bool required; /* NOT NULL without a default */
    bool in_key;   /* of the primary key */
} sink_mysql_column;

typedef struct sink_mysql_target {
    struct sink_mysql_target *next;            /* in the cache */
    const char *source_database, *source_name; /* of the one table whose rows go here */
    const char *database, *name;
    const char *quoted; /* `database`.`name` */
    sink_mysql_column *cols;
    uint32_t ncols;
    uint32_t nkeys;    /* columns of the primary key */
    bool other_unique; /* has a unique key besides the primary one */
    bool has_triggers;
    bool has_foreign_keys;      /* on either side */
    bool is_free;               /* neither: its rows may change places with another free table's */
    struct sink_mysql_run *run; /* rows that wait (run.h); NULL if none */
} sink_mysql_target;

typedef struct sink_mysql_field {
    uint16_t source; /* index of the value in the event's rows */
    uint8_t write;   /* sink_mysql_how when it is stored */
    uint8_t compare; /* ...and when a row is looked for by it */
    const sink_mysql_column *to;
    const char *quoted; /* `column` */
} sink_mysql_field;

typedef struct sink_mysql_text {
    const char *p;
    size_t len;
} sink_mysql_text;

typedef struct sink_mysql_map {
    struct sink_mysql_map *next; /* in the cache */
    cdc_table *table;            /* a reference */
    sink_mysql_target *target;
    sink_mysql_field *fields; /* columns that are written */
    uint32_t nfields;
    sink_mysql_field
        *keys; /* source's primary key in its order; none: rows are found by all columns */
    uint32_t nkeys;
    bool upserts; /* INSERT ... ON DUPLICATE KEY UPDATE can only meet the row of the same key */
    bool enums;   /* has ENUM columns */
    bool updates; /* ...and stands for an UPDATE: no trigger would tell the difference, no default
                     is missing */
    sink_mysql_text columns; /* " INTO `db`.`t` (`a`,`b`) VALUES " */
    sink_mysql_text upsert;  /* " ON DUPLICATE KEY UPDATE ..." all fields but the key */
    sink_mysql_text
        keep; /* " ON DUPLICATE KEY UPDATE `a`=`t`.`a`": nothing, but other errors stay errors */
    sink_mysql_text where; /* " WHERE (`a`,`b`) IN (" of a DELETE by key */
} sink_mysql_map;

typedef struct sink_mysql_cache {
    cdc_arena arena;
    const cdc_rename *rename;
    sink_mysql_map *maps[1024];       /* by the source table's uid */
    sink_mysql_target *targets[1024]; /* by name */
    const char *
        *linked; /* tables with foreign keys or triggers: "f:db.table", "t:db.table", sorted */
    size_t nlinked;
    bool linked_known;
} sink_mysql_cache;

/* rename outlives the cache. */
void sink_mysql_cache_init(sink_mysql_cache *cache, const cdc_rename *rename);
void sink_mysql_cache_fini(sink_mysql_cache *cache);
void sink_mysql_cache_reset(sink_mysql_cache *cache); /* no run may be open */

/* The map of a source table if it is known, else NULL. */
sink_mysql_map *sink_mysql_cache_find(sink_mysql_cache *cache, const cdc_table *tbl);
/* Makes it, reading the target's definition. Nothing may be in flight on the connection. FATAL: the
 * table or a column is missing there ("target_table_missing", "target_column_missing"), it is a
 * view, has no transactions, or is another source table's ("target_shared"). */
cdc_rc sink_mysql_cache_load(sink_mysql_cache *cache, sink_mysql_conn *conn, cdc_table *tbl,
                             sink_mysql_map **out, cdc_error *err) CDC_MUST_CHECK;

#endif

/* src_mysql_map_cache: table definitions by the table ids of the stream.
 *
 * Servers repeat a table's TABLE_MAP event for every statement. An event whose bytes were seen
 * before costs a hash and a comparison; only a new definition is parsed and built, and only for
 * tables that the selection takes. One thread. */
#ifndef SRC_MYSQL_MAP_CACHE_H
#define SRC_MYSQL_MAP_CACHE_H

#include "core/selection.h"
#include "table_map.h"

typedef struct src_mysql_known_table {
    bool defined; /* by src_mysql_definer or src_mysql_resolver: the event alone does not tell */
    uint64_t hash;
    uint8_t *bytes; /* the event's body behind the table id */
    size_t len;
    src_mysql_table *tbl; /* NULL: not selected, or no table of rows */
} src_mysql_known_table;

typedef struct src_mysql_map_cache src_mysql_map_cache;

/* NULL: no memory. */
src_mysql_map_cache *src_mysql_map_cache_new(const cdc_selection *selection, bool is_mariadb);

/* Gives the definition of a selected table whose events hold no names
 * (binlog_row_metadata=MINIMAL). AGAIN: not yet; give the event again later. */
typedef cdc_rc (*src_mysql_definer)(void *ctx, const src_mysql_table_map *map,
                                    src_mysql_table **out, cdc_error *err);
/* Without a definer such tables are an error. resolver: of src_mysql_table_map; it may answer AGAIN
 * too. */
void src_mysql_map_cache_define_by(src_mysql_map_cache *cache, src_mysql_definer definer, void *ctx,
                                   const src_mysql_resolver *resolver);
void src_mysql_map_cache_free(src_mysql_map_cache *cache);

/* Takes in a TABLE_MAP event. FATAL: malformed, or a definition that cannot be decoded; err names
 * it. AGAIN: as the definer says. */
cdc_rc src_mysql_map_cache_event(src_mysql_map_cache *cache, cdc_cursor body,
                                 cdc_error *err) CDC_MUST_CHECK;
/* NULL: no such table id since the last forget. */
const src_mysql_known_table *src_mysql_map_cache_find(const src_mysql_map_cache *cache,
                                                      uint64_t table_id);
/* Between transactions: definitions of these names (src_mysql_same_name) that were asked for are
 * dropped, and all table ids end. */
void src_mysql_map_cache_forget_table(src_mysql_map_cache *cache, const char *database,
                                      const char *name);
/* May the two be one table to some server? Without regard to case; letters that are not ASCII may
 * be any. */
bool src_mysql_same_name(const char *a, const char *b);
/* Between transactions: table ids end; definitions stay, up to a limit. */
void src_mysql_map_cache_forget_ids(src_mysql_map_cache *cache);

#endif

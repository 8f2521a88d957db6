#include "target.h"

#include <stdlib.h>
#include <strings.h>

#include "literal.h"

enum { ARENA_BLOCK = 256 * 1024, ARENA_MAX = 256 * 1024 * 1024, SQL_MAX = 1024 * 1024 };

static cdc_rc sink_mysql_no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the target's definitions");
}

/* --- names --- */

static char *sink_mysql_dup(cdc_arena *ar, const char *s)
{
    return cdc_arena_strndup(ar, s != NULL ? s : "", s != NULL ? strlen(s) : 0);
}

static const char *sink_mysql_dup_quoted(cdc_arena *ar, const char *database, const char *name)
{
    cdc_buffer buf;
    cdc_buffer_init(&buf, SQL_MAX);
    if (database != NULL) {
        sink_mysql_add_name(&buf, database);
        cdc_buffer_add_char(&buf, '.');
    }
    sink_mysql_add_name(&buf, name);
    const char *out = buf.failed ? NULL : cdc_arena_strndup(ar, buf.data, buf.len);
    cdc_buffer_fini(&buf);
    return out;
}

/* " TABLE_SCHEMA='db' AND TABLE_NAME='t'" */
static void sink_mysql_add_table_is(cdc_buffer *sql, const char *database, const char *name)
{
    cdc_buffer_add_str(sql, " TABLE_SCHEMA=");
    sink_mysql_add_text(sql, database, strlen(database));
    cdc_buffer_add_str(sql, " AND TABLE_NAME=");
    sink_mysql_add_text(sql, name, strlen(name));
}

/* --- the target's definition --- */

static cdc_rc sink_mysql_load_engine(sink_mysql_conn *conn, const sink_mysql_target *target,
                                     cdc_error *err)
{
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql,
                       "SELECT TABLE_TYPE, t.ENGINE, TRANSACTIONS FROM information_schema.TABLES t "
                       "LEFT JOIN information_schema.ENGINES e ON e.ENGINE=t.ENGINE WHERE");
    sink_mysql_add_table_is(&sql, target->database, target->name);
    cdc_rc rc = sink_mysql_query(conn, "read a table's definition", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row == NULL) {
        rc = cdc_error_set(
            err, CDC_FATAL, "target_table_missing",
            "table %s.%s does not exist at the target %s, or the account may not see it: create it "
            "there, or start the task with the phase schema",
            target->database, target->name, conn->where);
    } else if (row[0] != NULL && strstr(row[0], "VIEW") != NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "target_view",
                           "%s.%s is a view at the target %s: leave it out (objects.exclude)",
                           target->database, target->name, conn->where);
    } else if (row[2] == NULL || strcmp(row[2], "YES") != 0) {
        rc = cdc_error_set(
            err, CDC_FATAL, "target_engine",
            "table %s.%s at the target %s has the engine %s, which has no transactions: "
            "ALTER TABLE `%s`.`%s` ENGINE=InnoDB",
            target->database, target->name, conn->where, row[1] != NULL ? row[1] : "unknown",
            target->database, target->name);
    }
    mysql_free_result(res);
    return rc;
}

static cdc_rc sink_mysql_load_columns(sink_mysql_cache *cache, sink_mysql_conn *conn,
                                      sink_mysql_target *target, cdc_error *err)
{
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(
        &sql, "SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, GENERATION_EXPRESSION, IS_NULLABLE, "
              "COLUMN_DEFAULT IS NULL, EXTRA, COLUMN_KEY FROM information_schema.COLUMNS WHERE");
    sink_mysql_add_table_is(&sql, target->database, target->name);
    cdc_buffer_add_str(&sql, " ORDER BY ORDINAL_POSITION");
    cdc_rc rc = sink_mysql_query(conn, "read a table's columns", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc != CDC_OK) {
        return rc;
    }
    uint64_t n = mysql_num_rows(res);
    target->cols = cdc_arena_zalloc(&cache->arena, (n + 1) * sizeof *target->cols);
    for (MYSQL_ROW row; target->cols != NULL && (row = mysql_fetch_row(res)) != NULL;) {
        sink_mysql_column *col = &target->cols[target->ncols++];
        col->name = sink_mysql_dup(&cache->arena, row[0]);
        col->type_text = sink_mysql_dup(&cache->arena, row[1]);
        col->data_type = sink_mysql_dup(&cache->arena, row[2]);
        if (col->name == NULL || col->type_text == NULL || col->data_type == NULL) {
            target->cols = NULL;
            break;
        }
        col->is_generated = row[3] != NULL && row[3][0] != '\0';
        bool automatic = row[6] != NULL && strstr(row[6], "auto_increment") != NULL;
        bool has_default = strcmp(row[5], "0") == 0 || automatic;
        col->required = strcmp(row[4], "NO") == 0 && !has_default && !col->is_generated;
        col->in_key = row[7] != NULL && strcmp(row[7], "PRI") == 0;
        target->nkeys += col->in_key ? 1 : 0;
    }
    mysql_free_result(res);
    return target->cols != NULL ? CDC_OK : sink_mysql_no_memory(err);
}

static cdc_rc sink_mysql_load_unique(sink_mysql_conn *conn, sink_mysql_target *target,
                                     cdc_error *err)
{
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT 1 FROM information_schema.STATISTICS WHERE NON_UNIQUE=0 AND "
                             "INDEX_NAME<>'PRIMARY' AND");
    sink_mysql_add_table_is(&sql, target->database, target->name);
    cdc_buffer_add_str(&sql, " LIMIT 1");
    cdc_rc rc = sink_mysql_query(conn, "read a table's keys", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        target->other_unique = mysql_num_rows(res) > 0;
        mysql_free_result(res);
    }
    return rc;
}

/* --- foreign keys and triggers --- */

static int sink_mysql_compare_names(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every table with a foreign key on either side or a trigger, in one query: on MariaDB each look
 * into these views opens the definitions of all tables. */
static cdc_rc sink_mysql_load_linked(sink_mysql_cache *cache, sink_mysql_conn *conn, cdc_error *err)
{
    static const char sql[] =
        "SELECT DISTINCT CONCAT('f:',CONSTRAINT_SCHEMA,'.',TABLE_NAME) "
        "FROM information_schema.REFERENTIAL_CONSTRAINTS UNION "
        "SELECT DISTINCT CONCAT('f:',UNIQUE_CONSTRAINT_SCHEMA,'.',REFERENCED_TABLE_NAME) "
        "FROM information_schema.REFERENTIAL_CONSTRAINTS UNION "
        "SELECT DISTINCT CONCAT('t:',EVENT_OBJECT_SCHEMA,'.',EVENT_OBJECT_TABLE) "
        "FROM information_schema.TRIGGERS";
    MYSQL_RES *res = NULL;
    cdc_rc rc =
        sink_mysql_query(conn, "read foreign keys and triggers", sql, sizeof sql - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    uint64_t n = mysql_num_rows(res);
    cache->nlinked = 0;
    cache->linked = cdc_arena_zalloc(&cache->arena, (n + 1) * sizeof *cache->linked);
    for (MYSQL_ROW row; cache->linked != NULL && (row = mysql_fetch_row(res)) != NULL;) {
        const char *name = row[0] != NULL ? sink_mysql_dup(&cache->arena, row[0]) : "";
        if (name == NULL) {
            cache->linked = NULL;
            break;
        }
        cache->linked[cache->nlinked++] = name;
    }
    mysql_free_result(res);
    if (cache->linked == NULL) {
        return sink_mysql_no_memory(err);
    }
    qsort(cache->linked, cache->nlinked, sizeof *cache->linked, sink_mysql_compare_names);
    cache->linked_known = true;
    return CDC_OK;
}

static bool sink_mysql_is_linked(const sink_mysql_cache *cache, char kind,
                                 const sink_mysql_target *target)
{
    char name[2 * CDC_TABLE_NAME_MAX + 8];
    snprintf(name, sizeof name, "%c:%s.%s", kind, target->database, target->name);
    const char *key = name;
    return cache->nlinked > 0 && bsearch(&key, cache->linked, cache->nlinked, sizeof *cache->linked,
                                         sink_mysql_compare_names) != NULL;
}

/* --- target --- */

static uint32_t sink_mysql_hash_names(const char *database, const char *name)
{
    uint32_t h = 2166136261U;
    for (const char *p = database; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 16777619U;
    }
    for (const char *p = name; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 16777619U;
    }
    return h % 1024;
}

/* The target table that a source table's rows go to, if it is known. FATAL: those of another source
 * table go there too, which no order of changes could keep apart. */
static cdc_rc sink_mysql_find_target(const sink_mysql_cache *cache, const cdc_table *tbl,
                                     const cdc_rename_name *name, sink_mysql_target **out,
                                     cdc_error *err)
{
    sink_mysql_target *at = cache->targets[sink_mysql_hash_names(name->database, name->table)];
    while (at != NULL &&
           !(strcmp(at->database, name->database) == 0 && strcmp(at->name, name->table) == 0)) {
        at = at->next;
    }
    *out = at;
    if (at == NULL || (strcmp(at->source_database, tbl->database) == 0 &&
                       strcmp(at->source_name, tbl->name) == 0)) {
        return CDC_OK;
    }
    return cdc_error_set(
        err, CDC_FATAL, "target_shared",
        "tables %s.%s and %s.%s of the source both go to %s.%s at the target: give "
        "them different names (target.rename.tables, target.case)",
        at->source_database, at->source_name, tbl->database, tbl->name, at->database, at->name);
}

static sink_mysql_target *sink_mysql_new_target(sink_mysql_cache *cache, const cdc_table *tbl,
                                                const cdc_rename_name *name)
{
    sink_mysql_target *target = cdc_arena_zalloc(&cache->arena, sizeof *target);
    if (target == NULL) {
        return NULL;
    }
    target->source_database = sink_mysql_dup(&cache->arena, tbl->database);
    target->source_name = sink_mysql_dup(&cache->arena, tbl->name);
    target->database = sink_mysql_dup(&cache->arena, name->database);
    target->name = sink_mysql_dup(&cache->arena, name->table);
    target->quoted = sink_mysql_dup_quoted(&cache->arena, name->database, name->table);
    bool ok = target->source_database != NULL && target->source_name != NULL &&
              target->database != NULL && target->name != NULL && target->quoted != NULL;
    return ok ? target : NULL;
}

static cdc_rc sink_mysql_load_target(sink_mysql_cache *cache, sink_mysql_conn *conn,
                                     const cdc_table *tbl, sink_mysql_target **out, cdc_error *err)
{
    cdc_rename_name name;
    cdc_rename_table(cache->rename, tbl->database, tbl->name, &name);
    cdc_rc rc = sink_mysql_find_target(cache, tbl, &name, out, err);
    if (rc != CDC_OK || *out != NULL) {
        return rc;
    }
    sink_mysql_target *target = sink_mysql_new_target(cache, tbl, &name);
    if (target == NULL) {
        return sink_mysql_no_memory(err);
    }
    rc = cache->linked_known ? CDC_OK : sink_mysql_load_linked(cache, conn, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_load_engine(conn, target, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_load_columns(cache, conn, target, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_load_unique(conn, target, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    sink_mysql_target **slot = &cache->targets[sink_mysql_hash_names(name.database, name.table)];
    target->has_foreign_keys = sink_mysql_is_linked(cache, 'f', target);
    target->has_triggers = sink_mysql_is_linked(cache, 't', target);
    target->is_free = !target->has_foreign_keys && !target->has_triggers;
    target->next = *slot;
    *slot = target;
    *out = target;
    return CDC_OK;
}

static const sink_mysql_column *sink_mysql_find_column(const sink_mysql_target *target,
                                                       const char *name)
{
    for (uint32_t i = 0; i < target->ncols; i++) {
        if (strcasecmp(target->cols[i].name, name) == 0) {
            return &target->cols[i];
        }
    }
    return NULL;
}

/* --- map --- */

static uint8_t sink_mysql_write_how(const cdc_column *col, const sink_mysql_column *to)
{
    bool labelled = (col->kind == CDC_ENUM || col->kind == CDC_SET) && col->nlabels > 0;
    return labelled && strcasecmp(col->type_text, to->type_text) != 0 ? SINK_MYSQL_LABELS
                                                                      : SINK_MYSQL_PLAIN;
}

static uint8_t sink_mysql_compare_how(const sink_mysql_conn *conn, const cdc_column *col,
                                      const sink_mysql_column *to, bool by_key)
{
    if (col->kind == CDC_ENUM && col->nlabels > 0) {
        return SINK_MYSQL_LABELS; /* an index serves a comparison with the label only */
    }
    if (by_key) {
        return sink_mysql_write_how(col, to);
    }
    if (strcasecmp(to->data_type, "json") == 0 && !conn->maria) {
        return SINK_MYSQL_JSON;
    }
    if (strcasecmp(to->data_type, "vector") == 0) {
        return SINK_MYSQL_OCTETS;
    }
    return col->kind == CDC_TEXT ? SINK_MYSQL_EXACT : sink_mysql_write_how(col, to);
}

/* The column at the target that a source's column goes to, by its name there. */
static const char *sink_mysql_column_name(const sink_mysql_cache *cache, const cdc_table *tbl,
                                          const cdc_column *col)
{
    return cdc_rename_column(cache->rename, tbl->database, tbl->name, col->name);
}

static cdc_rc sink_mysql_column_missing(const sink_mysql_conn *conn,
                                        const sink_mysql_target *target, const char *name,
                                        const cdc_column *col, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "target_column_missing",
        "table %s.%s at the target %s has no column %s: ALTER TABLE `%s`.`%s` ADD COLUMN `%s` %s, "
        "or "
        "leave it out at the source (objects.tables[].columns.exclude)",
        target->database, target->name, conn->where, name, target->database, target->name, name,
        col->type_text != NULL && col->type_text[0] != '\0' ? col->type_text : "...");
}

static cdc_rc sink_mysql_map_fields(sink_mysql_cache *cache, const sink_mysql_conn *conn,
                                    sink_mysql_map *map, cdc_error *err)
{
    const cdc_table *tbl = map->table;
    map->fields = cdc_arena_zalloc(&cache->arena, tbl->ncols * sizeof *map->fields);
    map->keys = cdc_arena_zalloc(&cache->arena, (tbl->nkeys + 1) * sizeof *map->keys);
    if (map->fields == NULL || map->keys == NULL) {
        return sink_mysql_no_memory(err);
    }
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const cdc_column *col = &tbl->cols[i];
        const char *name = sink_mysql_column_name(cache, tbl, col);
        const sink_mysql_column *to = sink_mysql_find_column(map->target, name);
        if (col->is_generated || (to != NULL && to->is_generated)) {
            continue;
        }
        if (to == NULL) {
            return sink_mysql_column_missing(conn, map->target, name, col, err);
        }
        sink_mysql_field *field = &map->fields[map->nfields++];
        *field = (sink_mysql_field){.source = (uint16_t)i,
                                    .to = to,
                                    .write = sink_mysql_write_how(col, to),
                                    .compare = sink_mysql_compare_how(conn, col, to, false),
                                    .quoted = sink_mysql_dup_quoted(&cache->arena, NULL, to->name)};
        map->enums = map->enums || col->kind == CDC_ENUM;
        if (field->quoted == NULL) {
            return sink_mysql_no_memory(err);
        }
    }
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        const cdc_column *col = &tbl->cols[tbl->keys[i]];
        const char *name = sink_mysql_column_name(cache, tbl, col);
        const sink_mysql_column *to = sink_mysql_find_column(map->target, name);
        if (to == NULL) {
            return sink_mysql_column_missing(conn, map->target, name, col, err);
        }
        map->keys[map->nkeys++] =
            (sink_mysql_field){.source = tbl->keys[i],
                               .to = to,
                               .compare = sink_mysql_compare_how(conn, col, to, true),
                               .quoted = sink_mysql_dup_quoted(&cache->arena, NULL, to->name)};
        if (map->keys[i].quoted == NULL) {
            return sink_mysql_no_memory(err);
        }
    }
    return map->nfields > 0
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "target_no_columns",
                               "table %s.%s at the target %s has no column that could be written",
                               map->target->database, map->target->name, conn->where);
}

static bool sink_mysql_is_key_field(const sink_mysql_map *map, const sink_mysql_field *field)
{
    for (uint32_t i = 0; i < map->nkeys; i++) {
        if (map->keys[i].source == field->source) {
            return true;
        }
    }
    return false;
}

/* Is every column that the target cannot fill by itself in the row? */
static bool sink_mysql_has_required(const sink_mysql_map *map)
{
    for (uint32_t i = 0; i < map->target->ncols; i++) {
        const sink_mysql_column *to = &map->target->cols[i];
        bool given = !to->required;
        for (uint32_t k = 0; k < map->nfields && !given; k++) {
            given = map->fields[k].to == to;
        }
        if (!given) {
            return false;
        }
    }
    return true;
}

static void sink_mysql_map_flags(sink_mysql_map *map)
{
    const sink_mysql_target *target = map->target;
    bool same_key = map->nkeys > 0 && map->nkeys == target->nkeys;
    for (uint32_t i = 0; i < map->nkeys && same_key; i++) {
        const sink_mysql_column *to = map->keys[i].to;
        same_key = to->in_key && !to->is_generated;
    }
    map->upserts = same_key && !target->other_unique;
    map->updates = map->upserts && !target->has_triggers && sink_mysql_has_required(map);
}

static bool sink_mysql_map_text(cdc_arena *ar, cdc_buffer *buf, sink_mysql_text *out)
{
    *out = (sink_mysql_text){.p = buf->failed ? NULL : cdc_arena_strndup(ar, buf->data, buf->len),
                             .len = buf->len};
    cdc_buffer_reset(buf);
    return out->p != NULL;
}

static void sink_mysql_build_columns(const sink_mysql_map *map, cdc_buffer *buf)
{
    cdc_buffer_add_str(buf, " INTO ");
    cdc_buffer_add_str(buf, map->target->quoted);
    for (uint32_t i = 0; i < map->nfields; i++) {
        cdc_buffer_add_str(buf, i == 0 ? " (" : ",");
        cdc_buffer_add_str(buf, map->fields[i].quoted);
    }
    cdc_buffer_add_str(buf, ") VALUES ");
}

/* A table of nothing but its key sets a key column to what it is. */
static void sink_mysql_build_upsert(const sink_mysql_map *map, bool alias, cdc_buffer *buf)
{
    bool first = true;
    cdc_buffer_add_str(buf, alias ? " AS sluice_new ON DUPLICATE KEY UPDATE "
                                  : " ON DUPLICATE KEY UPDATE ");
    for (uint32_t i = 0; i < map->nfields; i++) {
        const char *name = map->fields[i].quoted;
        bool last_chance = first && i == map->nfields - 1;
        if (sink_mysql_is_key_field(map, &map->fields[i]) && !last_chance) {
            continue;
        }
        cdc_buffer_add_str(buf, first ? "" : ",");
        cdc_buffer_add_str(buf, name);
        cdc_buffer_add_str(buf, alias ? "=sluice_new." : "=VALUES(");
        cdc_buffer_add_str(buf, name);
        cdc_buffer_add_str(buf, alias ? "" : ")");
        first = false;
    }
}

static void sink_mysql_build_keep(const sink_mysql_map *map, cdc_buffer *buf)
{
    const char *name = map->fields[0].quoted;
    cdc_buffer_add_str(buf, " ON DUPLICATE KEY UPDATE ");
    cdc_buffer_add_str(buf, name);
    cdc_buffer_add_str(buf, "=");
    cdc_buffer_add_str(buf, map->target->quoted);
    cdc_buffer_add_str(buf, ".");
    cdc_buffer_add_str(buf, name);
}

static void sink_mysql_build_where(const sink_mysql_map *map, cdc_buffer *buf)
{
    cdc_buffer_add_str(buf, " WHERE ");
    for (uint32_t i = 0; i < map->nkeys; i++) {
        cdc_buffer_add_str(buf, i > 0 ? "," : map->nkeys > 1 ? "(" : "");
        cdc_buffer_add_str(buf, map->keys[i].quoted);
    }
    cdc_buffer_add_str(buf, map->nkeys > 1 ? ") IN (" : " IN (");
}

static cdc_rc sink_mysql_map_texts(sink_mysql_cache *cache, const sink_mysql_conn *conn,
                                   sink_mysql_map *map, cdc_error *err)
{
    cdc_buffer buf;
    cdc_buffer_init(&buf, SQL_MAX);
    sink_mysql_build_columns(map, &buf);
    bool ok = sink_mysql_map_text(&cache->arena, &buf, &map->columns);
    sink_mysql_build_upsert(map, conn->row_alias, &buf);
    ok = ok && sink_mysql_map_text(&cache->arena, &buf, &map->upsert);
    sink_mysql_build_keep(map, &buf);
    ok = ok && sink_mysql_map_text(&cache->arena, &buf, &map->keep);
    sink_mysql_build_where(map, &buf);
    ok = ok && sink_mysql_map_text(&cache->arena, &buf, &map->where);
    cdc_buffer_fini(&buf);
    return ok ? CDC_OK : sink_mysql_no_memory(err);
}

/* --- cache --- */

void sink_mysql_cache_init(sink_mysql_cache *cache, const cdc_rename *rename)
{
    memset(cache, 0, sizeof *cache);
    cache->rename = rename;
    cdc_arena_init(&cache->arena, ARENA_BLOCK, ARENA_MAX);
}

void sink_mysql_cache_reset(sink_mysql_cache *cache)
{
    for (size_t i = 0; i < sizeof cache->maps / sizeof cache->maps[0]; i++) {
        for (sink_mysql_map *map = cache->maps[i]; map != NULL; map = map->next) {
            cdc_table_unref(map->table);
        }
    }
    memset(cache->maps, 0, sizeof cache->maps);
    memset(cache->targets, 0, sizeof cache->targets);
    cache->linked_known = false;
    cdc_arena_reset(&cache->arena, ARENA_BLOCK);
}

void sink_mysql_cache_fini(sink_mysql_cache *cache)
{
    sink_mysql_cache_reset(cache);
    cdc_arena_fini(&cache->arena);
}

sink_mysql_map *sink_mysql_cache_find(sink_mysql_cache *cache, const cdc_table *tbl)
{
    for (sink_mysql_map *map = cache->maps[tbl->uid % 1024]; map != NULL; map = map->next) {
        if (map->table == tbl) {
            return map;
        }
    }
    return NULL;
}

cdc_rc sink_mysql_cache_load(sink_mysql_cache *cache, sink_mysql_conn *conn, cdc_table *tbl,
                             sink_mysql_map **out, cdc_error *err)
{
    sink_mysql_map *map = cdc_arena_zalloc(&cache->arena, sizeof *map);
    if (map == NULL) {
        return sink_mysql_no_memory(err);
    }
    map->table = tbl;
    cdc_rc rc = sink_mysql_load_target(cache, conn, tbl, &map->target, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_map_fields(cache, conn, map, err);
    }
    if (rc == CDC_OK) {
        sink_mysql_map_flags(map);
        rc = sink_mysql_map_texts(cache, conn, map, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_table_ref(tbl);
    map->next = cache->maps[tbl->uid % 1024];
    cache->maps[tbl->uid % 1024] = map;
    *out = map;
    return CDC_OK;
}

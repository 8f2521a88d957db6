#include "shadow.h"

#include <stdlib.h>

#include "core/log.h"

enum { CLAUSES_MAX = 256 * 1024, UNDERSCORES_MAX = 10 };

/* Between the members of an entry and behind it, in the token; no clause holds them. */
#define MEMBER_END '\x1f'
#define ENTRY_END '\x1e'

/* --- names --- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t len = strlen(suffix);
    return n > len && name[0] == '_' && strcmp(name + n - len, suffix) == 0;
}

/* A table that becomes the real one. */
static bool is_new_table(const char *name)
{
    return has_suffix(name, "_gho") || has_suffix(name, "_new");
}

/* "_t_gho", "__t_old", "_t_20261121104500_del" for t. */
static bool is_shadow_of(const char *name, const char *base)
{
    static const char *const suffixes[] = {"_gho", "_ghc", "_del", "_new", "_old"};
    size_t len = strlen(base);
    for (size_t i = 1; i <= UNDERSCORES_MAX && name[i - 1] == '_'; i++) {
        if (strncmp(name + i, base, len) != 0) {
            continue;
        }
        const char *rest = name + i + len;
        size_t digits = rest[0] == '_' ? strspn(rest + 1, "0123456789") : 0;
        rest += digits > 0 ? digits + 1 : 0;
        for (size_t k = 0; k < sizeof(suffixes) / sizeof(suffixes[0]); k++) {
            if (strcmp(rest, suffixes[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool src_mysql_shadows_wanted(const cdc_config *cfg)
{
    return strcmp(cdc_config_str(cfg, "source.online_schema_change"), "skip-shadow") == 0;
}

bool src_mysql_shadows_exclude(cdc_selection *sel)
{
    static const char *const patterns[] = {"_*_gho", "_*_ghc", "_*_del", "_*_new", "_*_old"};
    return cdc_selection_exclude(sel, patterns, sizeof(patterns) / sizeof(patterns[0]));
}

/* --- memory --- */

static void free_item(src_mysql_shadow *item)
{
    free(item->database);
    free(item->table);
    free(item->clauses);
}

static void forget(src_mysql_shadows *sh, uint32_t i)
{
    free_item(&sh->items[i]);
    sh->n--;
    memmove(&sh->items[i], &sh->items[i + 1], (sh->n - i) * sizeof(sh->items[0]));
}

void src_mysql_shadows_fini(src_mysql_shadows *sh)
{
    while (sh->n > 0) {
        forget(sh, sh->n - 1);
    }
}

static src_mysql_shadow *find(src_mysql_shadows *sh, const char *database, const char *table)
{
    for (uint32_t i = 0; i < sh->n; i++) {
        if (strcmp(sh->items[i].database, database) == 0 &&
            strcmp(sh->items[i].table, table) == 0) {
            return &sh->items[i];
        }
    }
    return NULL;
}

static bool remember(src_mysql_shadows *sh, const char *database, const char *table,
                     const char *clauses)
{
    src_mysql_shadow *known = find(sh, database, table);
    if (known != NULL) {
        forget(sh, (uint32_t)(known - sh->items));
    } else if (sh->n == SRC_MYSQL_SHADOWS_MAX) {
        CDC_LOG(CDC_LOG_WARN, "shadow_forgotten", CDC_STR("database", sh->items[0].database),
                CDC_STR("table", sh->items[0].table),
                CDC_STR("why", "too many schema changes at once; its RENAME will be published"));
        forget(sh, 0);
    }
    src_mysql_shadow item = {strdup(database), strdup(table), strdup(clauses)};
    if (item.database == NULL || item.table == NULL || item.clauses == NULL) {
        free_item(&item);
        return false;
    }
    sh->items[sh->n++] = item;
    return true;
}

/* --- token --- */

void src_mysql_shadows_print(const src_mysql_shadows *sh, cdc_buffer *out)
{
    for (uint32_t i = 0; i < sh->n; i++) {
        cdc_buffer_add_str(out, sh->items[i].database);
        cdc_buffer_add_char(out, MEMBER_END);
        cdc_buffer_add_str(out, sh->items[i].table);
        cdc_buffer_add_char(out, MEMBER_END);
        cdc_buffer_add_str(out, sh->items[i].clauses);
        cdc_buffer_add_char(out, ENTRY_END);
    }
}

cdc_rc src_mysql_shadows_init(src_mysql_shadows *sh, bool on, const char *text, cdc_error *err)
{
    memset(sh, 0, sizeof(*sh));
    sh->on = on;
    char *copy = strdup(text != NULL ? text : "");
    bool ok = copy != NULL;
    for (char *p = copy; ok && *p != '\0' && on;) {
        char *table = strchr(p, MEMBER_END);
        char *clauses = table != NULL ? strchr(table + 1, MEMBER_END) : NULL;
        char *end = clauses != NULL ? strchr(clauses + 1, ENTRY_END) : NULL;
        if (end == NULL) {
            free(copy);
            return cdc_error_set(err, CDC_FATAL, "mysql_token",
                                 "restart position: the memory of schema changes is malformed");
        }
        *table++ = *clauses++ = *end = '\0';
        ok = remember(sh, p, table, clauses);
        p = end + 1;
    }
    free(copy);
    return ok ? CDC_OK : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the token");
}

/* --- statements --- */

/* What stands behind the table's name in an ALTER TABLE; NULL: no memory. */
static const char *clauses_of(const char *sql, const cdc_sql_statement *stmt, cdc_arena *ar)
{
    size_t from = stmt->names[0].at + stmt->names[0].len;
    size_t to = stmt->sql_len;
    while (from < to && strchr(" \t\r\n", sql[from]) != NULL) {
        from++;
    }
    while (to > from && strchr(" \t\r\n;", sql[to - 1]) != NULL) {
        to--;
    }
    return cdc_arena_strndup(ar, sql + from, to - from);
}

static bool add_clauses(src_mysql_shadows *sh, const char *sql, const cdc_sql_statement *stmt,
                        cdc_arena *ar)
{
    const cdc_sql_target *target = &stmt->targets[0];
    src_mysql_shadow *item = find(sh, target->database, target->table);
    const char *more = clauses_of(sql, stmt, ar);
    if (item == NULL || more == NULL || more[0] == '\0') {
        return more != NULL;
    }
    size_t n = strlen(item->clauses) + strlen(more) + 3;
    if (n > CLAUSES_MAX || strchr(more, MEMBER_END) != NULL || strchr(more, ENTRY_END) != NULL) {
        CDC_LOG(CDC_LOG_WARN, "shadow_forgotten", CDC_STR("database", item->database),
                CDC_STR("table", item->table),
                CDC_STR("why", "its ALTER cannot be kept; its RENAME will be published"));
        forget(sh, (uint32_t)(item - sh->items));
        return true;
    }
    char *all = cdc_arena_alloc(ar, n);
    if (all == NULL) {
        return false;
    }
    snprintf(all, n, "%s%s%s", item->clauses, item->clauses[0] != '\0' ? ", " : "", more);
    return remember(sh, target->database, target->table, all);
}

/* The new table that is being built for this one. */
static src_mysql_shadow *built_for(src_mysql_shadows *sh, const char *database, const char *base)
{
    for (uint32_t i = 0; i < sh->n; i++) {
        if (strcmp(sh->items[i].database, database) == 0 &&
            is_shadow_of(sh->items[i].table, base)) {
            return &sh->items[i];
        }
    }
    return NULL;
}

static void put_name(cdc_buffer *out, const char *name)
{
    cdc_buffer_add_char(out, '`');
    for (; *name != '\0'; name++) {
        cdc_buffer_add(out, "``", *name == '`' ? 2 : 0);
        cdc_buffer_add(out, name, *name == '`' ? 0 : 1);
    }
    cdc_buffer_add_char(out, '`');
}

/* ALTER TABLE `db`.`base` clauses; NULL: no memory. */
static const char *alter_of(const src_mysql_shadow *item, const char *base, cdc_arena *ar)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, 2 * CLAUSES_MAX);
    cdc_buffer_add_str(&sql, "ALTER TABLE ");
    put_name(&sql, item->database);
    cdc_buffer_add_char(&sql, '.');
    put_name(&sql, base);
    cdc_buffer_add_char(&sql, ' ');
    cdc_buffer_add_str(&sql, item->clauses);
    const char *text = sql.failed ? NULL : cdc_arena_strndup(ar, sql.data, sql.len);
    cdc_buffer_fini(&sql);
    return text;
}

typedef struct dance {
    src_mysql_shadows *sh;
    cdc_arena *ar;
    const char **alters;
    uint32_t nalters;
    bool failed;
} dance;

/* One pair of a RENAME: true if it is a tool's and goes with it. */
static bool is_dance(dance *da, const cdc_sql_target *pair)
{
    const char *database = pair->database;
    if (strcmp(database, pair->was_database) != 0) {
        return false;
    }
    bool away = is_shadow_of(pair->table, pair->was_table);
    const char *base = away ? pair->was_table : pair->table;
    src_mysql_shadow *item = built_for(da->sh, database, base);
    if (item == NULL || (!away && !is_shadow_of(pair->was_table, base))) {
        return false;
    }
    if (!away && strcmp(item->table, pair->was_table) == 0) {
        if (item->clauses[0] != '\0' && da->nalters < SRC_MYSQL_SHADOWS_MAX) {
            const char *alter = alter_of(item, base, da->ar);
            da->failed = da->failed || alter == NULL;
            da->alters[da->nalters++] = alter;
        }
        forget(da->sh, (uint32_t)(item - da->sh->items));
    }
    return true;
}

static bool rename_tables(src_mysql_shadows *sh, cdc_sql_statement *stmt, cdc_arena *ar,
                          const char **alters, uint32_t *nalters)
{
    dance da = {.sh = sh, .ar = ar, .alters = alters};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < stmt->ntargets; i++) {
        if (!is_dance(&da, &stmt->targets[i])) {
            stmt->targets[kept++] = stmt->targets[i];
        }
    }
    stmt->ntargets = kept;
    *nalters = da.nalters;
    return !da.failed;
}

bool src_mysql_shadows_statement(src_mysql_shadows *sh, const char *sql, cdc_sql_statement *stmt,
                                 cdc_arena *ar, const char *alters[SRC_MYSQL_SHADOWS_MAX],
                                 uint32_t *nalters)
{
    *nalters = 0;
    if (!sh->on || stmt->ntargets == 0) {
        return true;
    }
    const cdc_sql_target *first = &stmt->targets[0];
    if (stmt->object == CDC_SQL_TRIGGER && strncmp(stmt->object_name, "pt_osc_", 7) == 0) {
        stmt->ntargets = 0;
        return true;
    }
    if (stmt->object != CDC_SQL_TABLE) {
        return true;
    }
    if (stmt->verb == CDC_SQL_RENAME || first->type == CDC_DDL_RENAME) {
        return rename_tables(sh, stmt, ar, alters, nalters);
    }
    if (stmt->verb == CDC_SQL_CREATE && is_new_table(first->table)) {
        return remember(sh, first->database, first->table, "");
    }
    if (stmt->verb == CDC_SQL_ALTER && is_new_table(first->table)) {
        return add_clauses(sh, sql, stmt, ar);
    }
    for (uint32_t i = 0; stmt->verb == CDC_SQL_DROP && i < stmt->ntargets; i++) {
        src_mysql_shadow *item = find(sh, stmt->targets[i].database, stmt->targets[i].table);
        if (item != NULL) {
            forget(sh, (uint32_t)(item - sh->items));
        }
    }
    return true;
}

#include "map_cache.h"

#include <string.h>

#include "core/log.h"

#define KNOWN_MAX 4096U
#define SLOTS 16384U /* open addressing, a power of two, well above KNOWN_MAX */

typedef struct id_entry {
    uint64_t id;
    src_mysql_known_table *table;
} id_entry;

struct src_mysql_map_cache {
    const cdc_selection *selection;
    bool is_mariadb;
    src_mysql_definer definer;
    void *ctx;
    const src_mysql_resolver *resolver;
    src_mysql_known_table *slots[SLOTS];
    size_t nknown;
    id_entry *ids; /* of the running transaction: few */
    size_t nids, ids_cap;
};

src_mysql_map_cache *src_mysql_map_cache_new(const cdc_selection *selection, bool is_mariadb)
{
    src_mysql_map_cache *cache = calloc(1, sizeof(*cache));
    if (cache != NULL) {
        cache->selection = selection;
        cache->is_mariadb = is_mariadb;
    }
    return cache;
}

void src_mysql_map_cache_define_by(src_mysql_map_cache *cache, src_mysql_definer definer, void *ctx,
                                   const src_mysql_resolver *resolver)
{
    cache->definer = definer;
    cache->ctx = ctx;
    cache->resolver = resolver;
}

static void drop_all(src_mysql_map_cache *cache)
{
    for (size_t i = 0; i < SLOTS; i++) {
        src_mysql_known_table *known = cache->slots[i];
        if (known != NULL) {
            src_mysql_table_free(known->tbl);
            free(known->bytes);
            free(known);
            cache->slots[i] = NULL;
        }
    }
    cache->nknown = 0;
    cache->nids = 0;
}

void src_mysql_map_cache_free(src_mysql_map_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    drop_all(cache);
    free(cache->ids);
    free(cache);
}

static char plain(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool src_mysql_same_name(const char *a, const char *b)
{
    for (;;) {
        while ((unsigned char)*a >= 0x80) {
            a++;
        }
        while ((unsigned char)*b >= 0x80) {
            b++;
        }
        if (plain(*a) != plain(*b)) {
            return false;
        }
        if (*a == '\0') {
            return true;
        }
        a++;
        b++;
    }
}

/* Takes the slot's table out, and puts those behind it where a search finds them. */
static void empty_slot(src_mysql_map_cache *cache, size_t at)
{
    src_mysql_known_table *gone = cache->slots[at];
    src_mysql_table_free(gone->tbl);
    free(gone->bytes);
    free(gone);
    cache->slots[at] = NULL;
    cache->nknown--;
    for (at = (at + 1) & (SLOTS - 1); cache->slots[at] != NULL; at = (at + 1) & (SLOTS - 1)) {
        src_mysql_known_table *known = cache->slots[at];
        cache->slots[at] = NULL;
        size_t to = known->hash & (SLOTS - 1);
        while (cache->slots[to] != NULL) {
            to = (to + 1) & (SLOTS - 1);
        }
        cache->slots[to] = known;
    }
}

void src_mysql_map_cache_forget_table(src_mysql_map_cache *cache, const char *database,
                                      const char *name)
{
    size_t at = 0;
    cache->nids = 0;
    while (at < SLOTS) {
        const src_mysql_known_table *known = cache->slots[at];
        if (known != NULL && known->defined &&
            src_mysql_same_name(known->tbl->table->database, database) &&
            src_mysql_same_name(known->tbl->table->name, name)) {
            empty_slot(cache, at);
        } else {
            at++;
        }
    }
}

void src_mysql_map_cache_forget_ids(src_mysql_map_cache *cache)
{
    cache->nids = 0;
    if (cache->nknown >= KNOWN_MAX) {
        drop_all(cache);
    }
}

/* 8 bytes at a time; only spreads, the bytes are compared afterwards. */
static uint64_t hash_bytes(const uint8_t *p, size_t n)
{
    uint64_t h = n * UINT64_C(0x9e3779b97f4a7c15);
    while (n >= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
        p += 8;
        n -= 8;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    h = (h ^ v) * UINT64_C(0xff51afd7ed558ccd);
    return h ^ h >> 32;
}

static src_mysql_known_table **find_slot(src_mysql_map_cache *cache, uint64_t hash,
                                         const uint8_t *p, size_t n)
{
    size_t at = hash & (SLOTS - 1);
    while (cache->slots[at] != NULL) {
        const src_mysql_known_table *known = cache->slots[at];
        if (known->hash == hash && known->len == n && memcmp(known->bytes, p, n) == 0) {
            break;
        }
        at = (at + 1) & (SLOTS - 1);
    }
    return &cache->slots[at];
}

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for table definitions");
}

static cdc_rc build(src_mysql_map_cache *cache, cdc_cursor body, src_mysql_known_table *known,
                    cdc_error *err)
{
    src_mysql_table_map map;
    cdc_rc rc = src_mysql_table_map_parse(body, &map, err);
    if (rc != CDC_OK || !cdc_selection_table(cache->selection, map.database, map.name)) {
        return rc;
    }
    map.is_mariadb = cache->is_mariadb;
    known->defined = cache->definer != NULL && map.optional[SRC_MYSQL_META_COLUMN_NAME].p == NULL;
    map.resolver = cache->resolver;
    rc = known->defined ? cache->definer(cache->ctx, &map, &known->tbl, err)
                        : src_mysql_table_build(&map, NULL, &known->tbl, err);
    if (rc == CDC_SKIP) { /* a sequence: a target's own numbers are its own */
        CDC_LOG(CDC_LOG_INFO, "sequence_left_out", CDC_STR("database", map.database),
                CDC_STR("sequence", map.name));
        known->defined = false;
        return CDC_OK;
    }
    known->defined = known->defined || (rc == CDC_OK && known->tbl->resolved);
    return rc;
}

static cdc_rc learn(src_mysql_map_cache *cache, cdc_cursor body, src_mysql_known_table **slot,
                    uint64_t hash, cdc_error *err)
{
    if (cache->nknown >= SLOTS / 2) {
        return cdc_error_set(err, CDC_FATAL, "mysql_tables",
                             "a transaction changes more than %u tables", SLOTS / 2);
    }
    src_mysql_known_table *known = calloc(1, sizeof(*known));
    if (known == NULL) {
        return no_memory(err);
    }
    known->hash = hash;
    known->len = cdc_cursor_left(&body) - 6;
    known->bytes = malloc(known->len);
    cdc_rc rc = known->bytes == NULL ? no_memory(err) : build(cache, body, known, err);
    if (rc != CDC_OK) {
        free(known->bytes);
        free(known);
        return rc;
    }
    memcpy(known->bytes, body.p + 6, known->len);
    *slot = known;
    cache->nknown++;
    return CDC_OK;
}

static cdc_rc set_id(src_mysql_map_cache *cache, uint64_t id, src_mysql_known_table *known,
                     cdc_error *err)
{
    for (size_t i = 0; i < cache->nids; i++) {
        if (cache->ids[i].id == id) {
            cache->ids[i].table = known;
            return CDC_OK;
        }
    }
    if (cache->nids == cache->ids_cap) {
        size_t cap = cache->ids_cap > 0 ? cache->ids_cap * 2 : 64;
        id_entry *ids = realloc(cache->ids, cap * sizeof(*ids));
        if (ids == NULL) {
            return no_memory(err);
        }
        cache->ids = ids;
        cache->ids_cap = cap;
    }
    cache->ids[cache->nids++] = (id_entry){id, known};
    return CDC_OK;
}

cdc_rc src_mysql_map_cache_event(src_mysql_map_cache *cache, cdc_cursor body, cdc_error *err)
{
    cdc_cursor c = body;
    uint64_t id = cdc_cursor_le(&c, 6);
    if (c.failed || cdc_cursor_left(&c) == 0) {
        return cdc_error_set(err, CDC_FATAL, "mysql_event", "TABLE_MAP event is too short");
    }
    uint64_t hash = hash_bytes(c.p, cdc_cursor_left(&c));
    src_mysql_known_table **slot = find_slot(cache, hash, c.p, cdc_cursor_left(&c));
    if (*slot == NULL) {
        cdc_rc rc = learn(cache, body, slot, hash, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    return set_id(cache, id, *slot, err);
}

const src_mysql_known_table *src_mysql_map_cache_find(const src_mysql_map_cache *cache,
                                                      uint64_t table_id)
{
    for (size_t i = cache->nids; i > 0; i--) {
        if (cache->ids[i - 1].id == table_id) {
            return cache->ids[i - 1].table;
        }
    }
    return NULL;
}

#include "router.h"

#include <stdlib.h>

#include "admin_client.h"
#include "canal_hash.h"

enum {
    ROUTES_MIN = 64,
    COLUMNS_BYTES_MAX = 256 * 1024 * 1024,
    FRAMING_BYTES = 8192, /* header, and what Kafka adds to a record, well rounded up */
};

/* Where the rows of one table version go; uid 0 = empty. */
typedef struct cdc_cached {
    uint32_t uid;
    int32_t partition; /* unless the policy looks at the row */
    cdc_topic *topic;
    const cdc_topic_rule *rule;
    const uint16_t *cols; /* that the policy hashes */
    uint32_t ncols;
} cdc_cached;

struct cdc_router {
    const cdc_env *env;
    cdc_producer *producer;
    const char *ddl, *side;  /* templates */
    cdc_topic *transactions; /* NULL: not asked for yet */
    cdc_counts *counts;
    bool repartition;         /* topics.repartition is barrier */
    const cdc_topic *changed; /* its number of partitions is another; a barrier is due */
    cdc_router_text text;
    void *text_arg;
    cdc_router_key key; /* NULL: the record's key is hashed */
    void *key_arg;
    cdc_buffer hashed; /* texts of the row in hand */
    cdc_arena arena;   /* columns of the tables in the cache */
    cdc_cached *cache; /* open addressing by uid; a power of two */
    size_t cap, used;
    cdc_topic *numbered[CDC_DATABASES_MAX]; /* of Redis, by database */
    cdc_client admin;                       /* made with the first topic that is missing */
    bool has_admin;
};

/* --- hashing --- */

uint32_t cdc_router_murmur2(const void *p, size_t n)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *b = p;
    uint32_t h = 0x9747b28cU ^ (uint32_t)n;
    for (; n >= 4; b += 4, n -= 4) {
        uint32_t k =
            (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    if (n == 3) {
        h ^= (uint32_t)b[2] << 16;
    }
    if (n >= 2) {
        h ^= (uint32_t)b[1] << 8;
    }
    if (n >= 1) {
        h = (h ^ b[0]) * m;
    }
    h = (h ^ h >> 13) * m;
    return h ^ h >> 15;
}

int32_t cdc_router_partition(const void *p, size_t n, int32_t partitions)
{
    return (int32_t)(cdc_router_murmur2(p, n) & 0x7fffffffU) % partitions;
}

/* --- life --- */

cdc_rc cdc_router_new(cdc_router **out, const cdc_env *env, cdc_producer *pr, cdc_error *err)
{
    const cdc_config *cfg = env->task->cfg;
    cdc_router *rt = calloc(1, sizeof *rt);
    *out = rt;
    if (rt != NULL) {
        rt->cap = ROUTES_MIN;
        rt->cache = calloc(rt->cap, sizeof *rt->cache);
    }
    if (rt == NULL || rt->cache == NULL) {
        free(rt);
        *out = NULL;
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for routes");
    }
    rt->env = env;
    rt->producer = pr;
    rt->ddl = cdc_config_str(cfg, "topics.ddl");
    rt->side = cdc_config_str(cfg, "topics.oversize");
    rt->repartition = strcmp(cdc_config_str(cfg, "topics.repartition"), "barrier") == 0;
    cdc_buffer_init(&rt->hashed, CDC_MESSAGE_BYTES_MAX);
    cdc_arena_init(&rt->arena, 4096, COLUMNS_BYTES_MAX);
    return CDC_OK;
}

void cdc_router_set_text(cdc_router *rt, cdc_router_text text, void *arg)
{
    rt->text = text;
    rt->text_arg = arg;
}

void cdc_router_set_key(cdc_router *rt, cdc_router_key key, void *arg)
{
    rt->key = key;
    rt->key_arg = arg;
}

void cdc_router_set_counts(cdc_router *rt, cdc_counts *counts)
{
    rt->counts = counts;
}

void cdc_router_free(cdc_router *rt)
{
    if (rt == NULL) {
        return;
    }
    if (rt->has_admin) {
        cdc_client_fini(&rt->admin);
    }
    cdc_buffer_fini(&rt->hashed);
    cdc_arena_fini(&rt->arena);
    free(rt->cache);
    free(rt);
}

/* --- cache --- */

static cdc_cached *cdc_router_slot(cdc_cached *cache, size_t cap, uint32_t uid)
{
    size_t i = (uid * 0x9e3779b1U) & (cap - 1);
    while (cache[i].uid != 0 && cache[i].uid != uid) {
        i = (i + 1) & (cap - 1);
    }
    return &cache[i];
}

static cdc_rc cdc_router_remember(cdc_router *rt, const cdc_cached *entry, cdc_error *err)
{
    if (rt->used + 1 > rt->cap / 2) {
        size_t cap = rt->cap * 2;
        cdc_cached *cache = calloc(cap, sizeof *cache);
        if (cache == NULL) {
            return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for routes");
        }
        for (size_t i = 0; i < rt->cap; i++) {
            if (rt->cache[i].uid != 0) {
                *cdc_router_slot(cache, cap, rt->cache[i].uid) = rt->cache[i];
            }
        }
        free(rt->cache);
        rt->cache = cache;
        rt->cap = cap;
    }
    *cdc_router_slot(rt->cache, rt->cap, entry->uid) = *entry;
    rt->used++;
    return CDC_OK;
}

/* --- routing --- */

static cdc_rc cdc_router_topic(cdc_router *rt, const char *name, int32_t partitions,
                               cdc_topic_kind kind, cdc_topic **out, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (!rt->has_admin) {
        rc = cdc_client_init(&rt->admin, CDC_CLIENT_TOOL, rt->env, err);
        rt->has_admin = rc == CDC_OK;
    }
    if (rc == CDC_OK) {
        rc = cdc_admin_ensure_with(&rt->admin, name, partitions, kind, err);
    }
    return rc == CDC_OK ? cdc_producer_topic(rt->producer, name, out, err) : rc;
}

static cdc_rc cdc_router_other_number(const cdc_topic_rule *rule, const cdc_topic *topic,
                                      int32_t before, cdc_error *err)
{
    char was[64] = "";
    int32_t found = cdc_topic_partitions(topic);
    if (before != 0 && before != found) {
        snprintf(was, sizeof was, ", had %d when the task last wrote to it", (int)before);
    }
    return cdc_error_set(err, CDC_FATAL, "topic_partitions",
                         "topic %s has %d partitions%s, and %s.partitions is %d: with policy %s "
                         "another number sends a key to another partition, out of order; set "
                         "%s.partitions to %d and topics.repartition to barrier, so that the "
                         "applier first applies what is there, or use another topic",
                         cdc_topic_name(topic), (int)found, was, rule->place, (int)rule->partitions,
                         cdc_policy_name(rule->policy), rule->place, (int)found);
}

/* Another number of partitions than the task's, or than before, sends a key elsewhere, and undoes
 * its order. */
static cdc_rc cdc_router_check_partitions(cdc_router *rt, const cdc_topic_rule *rule,
                                          const cdc_topic *topic, cdc_error *err)
{
    const char *name = cdc_topic_name(topic);
    int32_t found = cdc_topic_partitions(topic);
    int32_t before = rt->counts != NULL ? cdc_counts_get(rt->counts, name) : 0;
    bool same = before == found || (before == 0 && rule->partitions == found);
    if (rule->policy == CDC_POLICY_SINGLE) {
        return CDC_OK;
    }
    if (!rt->repartition && (!same || rule->partitions != found)) {
        return cdc_router_other_number(rule, topic, before, err);
    }
    rt->changed = same ? rt->changed : topic;
    return rt->counts != NULL ? cdc_counts_set(rt->counts, name, found, err) : CDC_OK;
}

/* What the policy hashes of the table's rows. */
static cdc_rc cdc_router_columns(cdc_router *rt, const cdc_table *tbl, cdc_cached *entry,
                                 cdc_error *err)
{
    const cdc_topic_rule *rule = entry->rule;
    bool key = rule->policy == CDC_POLICY_PK || rule->ncolumns == 0;
    if (rule->policy == CDC_POLICY_SINGLE || rule->policy == CDC_POLICY_TABLE) {
        return CDC_OK;
    }
    uint32_t n = key ? tbl->nkeys : (uint32_t)rule->ncolumns;
    uint16_t *cols = cdc_arena_alloc(&rt->arena, (n + 1) * sizeof *cols);
    if (cols == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for routes");
    }
    for (uint32_t i = 0; i < n; i++) {
        int found = key ? tbl->keys[i] : cdc_table_find_column(tbl, rule->columns[i]);
        if (found < 0) {
            return cdc_error_set(err, CDC_FATAL, "topic_columns",
                                 "%s.columns: table %s.%s has no column %s, or objects.tables "
                                 "leaves it out: name columns that every table of the rule has, or "
                                 "give this table a rule of its own",
                                 rule->place, tbl->database, tbl->name, rule->columns[i]);
        }
        cols[i] = (uint16_t)found;
    }
    entry->cols = cols;
    entry->ncols = n;
    return CDC_OK;
}

static cdc_rc cdc_router_data_topic(cdc_router *rt, const cdc_topic_rule *rule,
                                    const char *database, const char *table, cdc_topic **out,
                                    cdc_error *err)
{
    cdc_buffer name;
    cdc_buffer_init(&name, 4096);
    cdc_rc rc = cdc_router_expand(rule->topic, rt->env->task->name, database, table, &name, err);
    if (rc == CDC_OK) {
        rc = cdc_router_topic(rt, cdc_buffer_cstr(&name), rule->partitions, CDC_TOPIC_RECORDS, out,
                              err);
    }
    cdc_buffer_fini(&name);
    return rc;
}

static int32_t cdc_router_by_table(const cdc_table *tbl, const cdc_topic *topic)
{
    cdc_buffer name;
    cdc_buffer_init(&name, 4096);
    cdc_buffer_add_str(&name, tbl->database);
    cdc_buffer_add_char(&name, '.');
    cdc_buffer_add_str(&name, tbl->name);
    int32_t partition = cdc_router_partition(name.data, name.len, cdc_topic_partitions(topic));
    cdc_buffer_fini(&name);
    return partition;
}

/* First row of a table version. */
static cdc_rc cdc_router_resolve(cdc_router *rt, const cdc_table *tbl, cdc_cached *entry,
                                 cdc_error *err)
{
    *entry = (cdc_cached){
        .uid = tbl->uid,
        .rule = cdc_topic_rules_find(&rt->env->task->topics, tbl->database, tbl->name)};
    cdc_rc rc = cdc_router_columns(rt, tbl, entry, err);
    if (rc == CDC_OK) {
        rc = cdc_router_data_topic(rt, entry->rule, tbl->database, tbl->name, &entry->topic, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_router_check_partitions(rt, entry->rule, entry->topic, err);
    }
    if (rc == CDC_OK && entry->rule->policy == CDC_POLICY_TABLE) {
        entry->partition = cdc_router_by_table(tbl, entry->topic);
    }
    return rc == CDC_OK ? cdc_router_remember(rt, entry, err) : rc;
}

static cdc_rc cdc_router_entry(cdc_router *rt, const cdc_table *tbl, cdc_cached *out,
                               cdc_error *err)
{
    *out = *cdc_router_slot(rt->cache, rt->cap, tbl->uid);
    return out->uid != 0 ? CDC_OK : cdc_router_resolve(rt, tbl, out, err);
}

cdc_rc cdc_router_prepare(cdc_router *rt, const cdc_table *tbl, const char **barrier,
                          cdc_error *err)
{
    cdc_cached entry;
    cdc_rc rc = cdc_router_entry(rt, tbl, &entry, err);
    *barrier = rc == CDC_OK && rt->changed != NULL ? cdc_topic_name(rt->changed) : NULL;
    rt->changed = NULL;
    return rc;
}

/* The hash of some columns: Canal's, or Kafka's over the texts with a zero byte between them. A
 * NULL counts as an empty text. */
static cdc_rc cdc_router_hash(cdc_router *rt, const cdc_cached *entry, const cdc_event *ev,
                              int32_t *partition, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    const cdc_value *row = ev->op == CDC_OP_DELETE ? ev->before : ev->after;
    bool canal = entry->rule->policy == CDC_POLICY_CANAL;
    bool database = cdc_config_bool(rt->env->task->cfg, "topics.canal_database_hash");
    int32_t hash = canal && database ? cdc_canal_hash(tbl->database, strlen(tbl->database)) : 0;
    cdc_rc rc = CDC_OK;
    cdc_buffer_reset(&rt->hashed);
    for (uint32_t i = 0; i < entry->ncols && rc == CDC_OK; i++) {
        size_t start = rt->hashed.len;
        const cdc_value *v = &row[entry->cols[i]];
        if (v->kind != CDC_NULL) {
            rc = rt->text(rt->text_arg, &tbl->cols[entry->cols[i]], v, &rt->hashed, err);
        }
        hash ^= rt->hashed.len > start
                    ? cdc_canal_hash(rt->hashed.data + start, rt->hashed.len - start)
                    : 0;
        if (i + 1 < entry->ncols) {
            cdc_buffer_add_char(&rt->hashed, '\0');
        }
    }
    int32_t n = cdc_topic_partitions(entry->topic);
    *partition = canal ? cdc_canal_partition(hash, n)
                       : cdc_router_partition(rt->hashed.data, rt->hashed.len, n);
    return rc;
}

static cdc_rc cdc_router_hash_key(cdc_router *rt, const cdc_cached *entry, const cdc_event *ev,
                                  cdc_bytes key, int32_t *partition, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (rt->key != NULL) {
        cdc_buffer_reset(&rt->hashed);
        rc = rt->key(rt->key_arg, ev, &rt->hashed, err);
        key = (cdc_bytes){rt->hashed.data, rt->hashed.len};
    }
    *partition = cdc_router_partition(key.p, key.len, cdc_topic_partitions(entry->topic));
    return rc;
}

cdc_rc cdc_router_row(cdc_router *rt, const cdc_event *ev, cdc_bytes key, cdc_route *out,
                      cdc_error *err)
{
    cdc_cached entry;
    cdc_rc rc = cdc_router_entry(rt, ev->table, &entry, err);
    if (rc != CDC_OK) {
        return rc;
    }
    out->topic = entry.topic;
    out->partition = entry.partition;
    if (entry.rule->policy == CDC_POLICY_PK) {
        rc = cdc_router_hash_key(rt, &entry, ev, key, &out->partition, err);
    } else if (entry.rule->policy >= CDC_POLICY_COLUMNS) {
        rc = cdc_router_hash(rt, &entry, ev, &out->partition, err);
    }
    return rc;
}

cdc_rc cdc_router_moves(cdc_router *rt, const cdc_event *ev, bool *out, cdc_error *err)
{
    cdc_cached entry;
    *out = false;
    cdc_rc rc = cdc_router_entry(rt, ev->table, &entry, err);
    for (uint32_t i = 0; rc == CDC_OK && i < entry.ncols && !*out; i++) {
        *out = !cdc_value_equal(&ev->before[entry.cols[i]], &ev->after[entry.cols[i]]);
    }
    return rc;
}

/* First command of a database. */
static cdc_rc cdc_router_number(cdc_router *rt, int32_t database, cdc_error *err)
{
    char number[16];
    snprintf(number, sizeof number, "%d", (int)database);
    return cdc_router_data_topic(rt, cdc_topic_rules_find(&rt->env->task->topics, number, "redis"),
                                 number, "redis", &rt->numbered[database], err);
}

cdc_rc cdc_router_command(cdc_router *rt, const cdc_event *ev, cdc_route *out, cdc_error *err)
{
    if (ev->redis_db < 0 || ev->redis_db >= CDC_DATABASES_MAX) {
        return cdc_error_set(err, CDC_FATAL, "database_number",
                             "database %d: sluice takes 0 to %d; leave it out by objects.exclude",
                             (int)ev->redis_db, CDC_DATABASES_MAX - 1);
    }
    cdc_rc rc =
        rt->numbered[ev->redis_db] == NULL ? cdc_router_number(rt, ev->redis_db, err) : CDC_OK;
    if (rc == CDC_OK) {
        out->topic = rt->numbered[ev->redis_db];
        out->partition = (int32_t)(ev->shard % (uint32_t)cdc_topic_partitions(out->topic));
    }
    return rc;
}

/* DDL is rare: its topic is looked up each time. */
cdc_rc cdc_router_ddl(cdc_router *rt, const cdc_event *ev, cdc_route *out, cdc_error *err)
{
    const cdc_task *task = rt->env->task;
    cdc_buffer name;
    *out = (cdc_route){.partition = 0};
    if (rt->ddl == NULL || rt->ddl[0] == '\0') {
        return cdc_router_data_topic(
            rt, cdc_topic_rules_find(&task->topics, ev->ddl_database, ev->ddl_table),
            ev->ddl_database, ev->ddl_table, &out->topic, err);
    }
    cdc_buffer_init(&name, 4096);
    cdc_rc rc = cdc_router_expand(rt->ddl, task->name, ev->ddl_database, ev->ddl_table, &name, err);
    if (rc == CDC_OK) {
        rc = cdc_router_topic(rt, cdc_buffer_cstr(&name), 1, CDC_TOPIC_DDL, &out->topic, err);
    }
    cdc_buffer_fini(&name);
    return rc;
}

cdc_rc cdc_router_name(cdc_router *rt, const cdc_event *ev, const char **name, cdc_error *err)
{
    cdc_route route = {.topic = NULL};
    cdc_cached entry = {.topic = NULL};
    cdc_rc rc = CDC_OK;
    if (ev->table != NULL) {
        rc = cdc_router_entry(rt, ev->table, &entry, err);
        route.topic = entry.topic;
    } else {
        rc = ev->op == CDC_OP_COMMAND ? cdc_router_command(rt, ev, &route, err)
                                      : cdc_router_ddl(rt, ev, &route, err);
    }
    *name = rc == CDC_OK ? cdc_topic_name(route.topic) : NULL;
    return rc;
}

cdc_rc cdc_router_side(cdc_router *rt, const cdc_event *ev, cdc_route *out, size_t *max_bytes,
                       cdc_error *err)
{
    cdc_buffer name;
    cdc_buffer_init(&name, 4096);
    *out = (cdc_route){.partition = 0};
    cdc_rc rc = cdc_router_expand(rt->side, rt->env->task->name, ev->table->database,
                                  ev->table->name, &name, err);
    if (rc == CDC_OK) {
        rc = cdc_router_topic(rt, cdc_buffer_cstr(&name), 1, CDC_TOPIC_SIDE, &out->topic, err);
    }
    *max_bytes = CDC_SIDE_BYTES_MAX;
    if (rc == CDC_OK) {
        int64_t limit = cdc_admin_record_limit(&rt->admin, cdc_buffer_cstr(&name)) - FRAMING_BYTES;
        if (limit > 0 && limit < (int64_t)*max_bytes) {
            *max_bytes = (size_t)limit;
        }
    }
    cdc_buffer_fini(&name);
    return rc;
}

cdc_rc cdc_router_transactions(cdc_router *rt, cdc_route *out, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    *out = (cdc_route){.topic = rt->transactions};
    if (rt->transactions == NULL) {
        const cdc_task *task = rt->env->task;
        cdc_buffer name;
        cdc_buffer_init(&name, 4096);
        rc = cdc_router_expand(cdc_config_str(task->cfg, "topics.transactions"), task->name, "", "",
                               &name, err);
        if (rc == CDC_OK) {
            rc = cdc_router_topic(rt, cdc_buffer_cstr(&name), 1, CDC_TOPIC_TRANSACTIONS,
                                  &out->topic, err);
        }
        cdc_buffer_fini(&name);
        rt->transactions = rc == CDC_OK ? out->topic : NULL;
    }
    return rc;
}

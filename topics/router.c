#include "router.h"

#include <stdlib.h>

#include "admin_client.h"
#include "canal_hash.h"

enum {
    TOPIC_BYTES_MAX = 249,
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

/* --- names --- */

static bool cdc_router_legal(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static void cdc_router_add_name(cdc_buffer *out, const char *name)
{
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        if ((c & 0xc0) != 0x80) { /* a character of several bytes counts once */
            cdc_buffer_add_char(out, cdc_router_legal(c) ? (char)c : '_');
        }
    }
}

cdc_rc cdc_router_expand(const char *pattern, const char *task, const char *database,
                         const char *table, cdc_buffer *out, cdc_error *err)
{
    const struct {
        const char *mark, *value;
    } marks[] = {{"{task}", task}, {"{database}", database}, {"{table}", table}};
    size_t start = out->len;
    for (const char *p = pattern; *p != '\0';) {
        size_t i = 0;
        while (i < 3 && strncmp(p, marks[i].mark, strlen(marks[i].mark)) != 0) {
            i++;
        }
        if (i < 3) {
            cdc_router_add_name(out, marks[i].value);
            p += strlen(marks[i].mark);
        } else {
            cdc_buffer_add_char(out, *p++);
        }
    }
    const char *name = cdc_buffer_cstr(out) + start;
    size_t len = out->len - start;
    if (len == 0 || len > TOPIC_BYTES_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return cdc_error_set(
            err, CDC_FATAL, "topic_name",
            "topics: '%s' gives the topic name '%.300s' for table %s.%s, and Kafka takes 1 to %d "
            "characters: shorten the template",
            pattern, name, database, table, TOPIC_BYTES_MAX);
    }
    return CDC_OK;
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

/* --- the topics of a task --- */

/* tbl NULL: of a pattern without {database} and {table}. */
static const char *cdc_router_named(const cdc_task *task, const char *pattern,
                                    const cdc_catalog_table *tbl, cdc_arena *ar, cdc_error *err)
{
    cdc_buffer name;
    const char *database = tbl != NULL ? tbl->database : "";
    const char *table = tbl != NULL ? tbl->name : "";
    cdc_buffer_init(&name, 4096);
    const char *text = NULL;
    if (cdc_router_expand(pattern, task->name, database, table, &name, err) == CDC_OK) {
        text = cdc_arena_strndup(ar, name.data, name.len);
        if (text == NULL) {
            (void)cdc_error_set(err, CDC_FATAL, "no_memory",
                                "out of memory for the names of topics");
        }
    }
    cdc_buffer_fini(&name);
    return text;
}

static cdc_rc cdc_router_no_list(const cdc_task *task, const cdc_topic_rule *rule, cdc_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "%s.%s", rule->place,
             strcmp(rule->place, "topics") == 0 ? "data" : "topic");
    (void)cdc_error_set(
        err, CDC_FATAL, "config",
        "%s: %s '%s' has a topic for each table: give from.topics, the topics to apply",
        cdc_config_where(task->cfg, path), path, rule->topic);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

cdc_rc cdc_router_topic_of(const cdc_task *task, const char *database, const char *table,
                           cdc_buffer *out, cdc_error *err)
{
    const cdc_topic_rules *rules = &task->topics;
    const char *ddl = cdc_config_str(task->cfg, "topics.ddl");
    const char *all = rules->rules[rules->n - 1].topic;
    if (database != NULL) {
        return cdc_router_expand(cdc_topic_rules_find(rules, database, table)->topic, task->name,
                                 database, table, out, err);
    }
    if (ddl != NULL && ddl[0] != '\0') {
        return cdc_router_expand(ddl, task->name, "", "", out, err);
    }
    return cdc_topic_by_table(all) ? CDC_OK : cdc_router_expand(all, task->name, "", "", out, err);
}

/* The topic's name with a tail, which is what the options' defaults make of another task's name. */
static const char *cdc_router_beside(const char *topic, const char *tail, cdc_arena *ar,
                                     cdc_error *err)
{
    size_t len = strlen(topic);
    size_t tail_len = strlen(tail);
    char *text = cdc_arena_alloc(ar, len + tail_len + 1);
    if (text == NULL) {
        (void)cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the names of topics");
        return NULL;
    }
    memcpy(text, topic, len);
    memcpy(text + len, tail, tail_len + 1);
    return text;
}

cdc_rc cdc_router_side_topic(const cdc_task *task, cdc_arena *ar, const char **out, cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    const char *pattern = cdc_config_str(cfg, "topics.oversize");
    *out = "";
    if (task->oversize != CDC_OVERSIZE_SIDE || pattern == NULL || pattern[0] == '\0') {
        return CDC_OK;
    }
    if (!cdc_config_has(cfg, "from.topics") || cdc_config_has(cfg, "topics.oversize")) {
        *out = cdc_router_named(task, pattern, NULL, ar, err);
    } else if (cdc_config_count(cfg, "from.topics") == 1) {
        *out = cdc_router_beside(cdc_config_item(cfg, "from.topics", 0), ".oversize", ar, err);
    }
    return *out != NULL ? CDC_OK : err->rc;
}

/* Index of the topic among the first n, or n. */
static size_t cdc_router_find(const char *const *names, size_t n, const char *topic)
{
    size_t i = 0;
    while (i < n && strcmp(names[i], topic) != 0) {
        i++;
    }
    return i;
}

/* None of a source that has no DDL. others: the data topics are other tasks', and theirs are beside
 * them. */
static cdc_rc cdc_router_ddl_topics(const cdc_task *task, bool others, cdc_arena *ar,
                                    cdc_topic_names *out, cdc_error *err)
{
    const char *pattern = cdc_config_str(task->cfg, "topics.ddl");
    size_t n = others ? out->ndata : 1;
    const char **names = cdc_arena_zalloc(ar, n * sizeof *names);
    if (names == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the names of topics");
    }
    out->ddl = names;
    if (pattern == NULL || pattern[0] == '\0' || task->commands) {
        return CDC_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = others ? cdc_router_beside(out->data[i], ".ddl", ar, err)
                                  : cdc_router_named(task, pattern, NULL, ar, err);
        if (name == NULL) {
            return err->rc;
        }
        if (cdc_router_find(out->data, out->ndata, name) == out->ndata) {
            names[out->nddl++] = name;
        }
    }
    return CDC_OK;
}

typedef struct cdc_topic_arrays {
    const char **data;
    int32_t *partitions;
    bool *hashed;
    const char **places;
    size_t n;
} cdc_topic_arrays;

static cdc_rc cdc_router_arrays(cdc_topic_arrays *to, size_t room, cdc_arena *ar, cdc_error *err)
{
    *to = (cdc_topic_arrays){.data = cdc_arena_zalloc(ar, room * sizeof *to->data),
                             .partitions = cdc_arena_zalloc(ar, room * sizeof *to->partitions),
                             .hashed = cdc_arena_zalloc(ar, room * sizeof *to->hashed),
                             .places = cdc_arena_zalloc(ar, room * sizeof *to->places)};
    return to->data != NULL && to->partitions != NULL && to->hashed != NULL && to->places != NULL
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "no_memory",
                               "out of memory for the names of topics");
}

static void cdc_router_names(const cdc_topic_arrays *to, cdc_topic_names *out)
{
    *out = (cdc_topic_names){.data = to->data,
                             .partitions = to->partitions,
                             .hashed = to->hashed,
                             .places = to->places,
                             .ndata = to->n};
}

/* A topic of the rule's, once. */
static cdc_rc cdc_router_add(cdc_topic_arrays *to, const cdc_task *task, const cdc_topic_rule *rule,
                             const cdc_catalog_table *tbl, cdc_arena *ar, cdc_error *err)
{
    const char *name = cdc_router_named(task, rule->topic, tbl, ar, err);
    if (name == NULL) {
        return err->rc;
    }
    size_t at = cdc_router_find(to->data, to->n, name);
    to->n += at == to->n ? 1 : 0;
    to->data[at] = name;
    to->partitions[at] = rule->partitions;
    to->places[at] = rule->place;
    to->hashed[at] = to->hashed[at] || rule->policy != CDC_POLICY_SINGLE;
    return CDC_OK;
}

/* The topics of our own rules that are one for all their tables, the rule for all tables first. */
static cdc_rc cdc_router_own(const cdc_task *task, cdc_topic_arrays *to, cdc_arena *ar,
                             cdc_error *err)
{
    const cdc_topic_rules *rules = &task->topics;
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; i < rules->n && rc == CDC_OK; i++) {
        const cdc_topic_rule *rule = &rules->rules[i == 0 ? rules->n - 1 : i - 1];
        if (!cdc_topic_by_table(rule->topic)) {
            rc = cdc_router_add(to, task, rule, NULL, ar, err);
        }
    }
    return rc;
}

cdc_rc cdc_router_topics(const cdc_task *task, cdc_arena *ar, cdc_topic_names *out, cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    bool given = cdc_config_has(cfg, "from.topics");
    bool others = given && !cdc_config_has(cfg, "topics.ddl") &&
                  !cdc_topic_by_table(cdc_config_str(cfg, "topics.data"));
    size_t room = given ? cdc_config_count(cfg, "from.topics") : task->topics.n;
    const cdc_topic_rule *by_table = cdc_topic_rules_by_table(&task->topics);
    cdc_topic_arrays to;
    *out = (cdc_topic_names){.ndata = 0};
    if (!given && by_table != NULL) {
        return cdc_router_no_list(task, by_table, err);
    }
    cdc_rc rc = cdc_router_arrays(&to, room, ar, err);
    for (size_t i = 0; given && i < room && rc == CDC_OK; i++) {
        to.data[to.n] = cdc_config_item(cfg, "from.topics", i);
        to.places[to.n] = "topics";
        to.partitions[to.n++] = (int32_t)cdc_config_int(cfg, "topics.partitions");
    }
    if (rc == CDC_OK && !given) {
        rc = cdc_router_own(task, &to, ar, err);
    }
    cdc_router_names(&to, out);
    return rc == CDC_OK ? cdc_router_ddl_topics(task, others, ar, out, err) : rc;
}

cdc_rc cdc_router_topics_of(const cdc_task *task, const cdc_catalog *cat, cdc_arena *ar,
                            cdc_topic_names *out, cdc_error *err)
{
    cdc_topic_arrays to;
    *out = (cdc_topic_names){.ndata = 0};
    cdc_rc rc = cdc_router_arrays(&to, task->topics.n + cat->ntables, ar, err);
    if (rc == CDC_OK) {
        rc = cdc_router_own(task, &to, ar, err);
    }
    for (size_t i = 0; i < cat->ntables && rc == CDC_OK; i++) {
        const cdc_catalog_table *tbl = &cat->tables[i];
        const cdc_topic_rule *rule = cdc_topic_rules_find(&task->topics, tbl->database, tbl->name);
        if (cdc_topic_by_table(rule->topic)) {
            rc = cdc_router_add(&to, task, rule, tbl, ar, err);
        }
    }
    cdc_router_names(&to, out);
    return rc == CDC_OK ? cdc_router_ddl_topics(task, false, ar, out, err) : rc;
}

/* Is it one of the task's other topics, as far as these have fixed names? */
static cdc_rc cdc_router_own_name(const cdc_task *task, const char *name, cdc_arena *ar,
                                  cdc_error *err)
{
    static const char path[] = "topics.transactions";
    cdc_topic_names names;
    const char *side = "";
    cdc_error ignored;
    cdc_error_clear(&ignored);
    bool known = name[0] != '\0' && cdc_router_topics(task, ar, &names, &ignored) == CDC_OK &&
                 cdc_router_side_topic(task, ar, &side, &ignored) == CDC_OK;
    if (!known ||
        (cdc_router_find(names.data, names.ndata, name) == names.ndata &&
         cdc_router_find(names.ddl, names.nddl, name) == names.nddl && strcmp(side, name) != 0)) {
        return CDC_OK;
    }
    (void)cdc_error_set(err, CDC_FATAL, "config",
                        "%s: %s '%s' is a topic of the task's messages: give the records of "
                        "transactions one of their own",
                        cdc_config_where(task->cfg, path), path, name);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

cdc_rc cdc_router_transactions_topic(const cdc_task *task, cdc_arena *ar, const char **out,
                                     cdc_error *err)
{
    const char *pattern = cdc_config_str(task->cfg, "topics.transactions");
    bool none = pattern == NULL || pattern[0] == '\0';
    *out = none ? "" : cdc_router_named(task, pattern, NULL, ar, err);
    return *out != NULL ? cdc_router_own_name(task, *out, ar, err) : err->rc;
}

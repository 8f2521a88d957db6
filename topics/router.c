#include "router.h"

#include <stdlib.h>

#include "admin_client.h"

enum {
    TOPIC_BYTES_MAX = 249,
    ROUTES_MIN = 64,
    FRAMING_BYTES = 8192, /* header, and what Kafka adds to a record, well rounded up */
};

typedef enum cdc_policy { POLICY_SINGLE, POLICY_TABLE, POLICY_PK } cdc_policy;

/* Where the rows of one table version go; uid 0 = empty. */
typedef struct cdc_cached {
    uint32_t uid;
    int32_t partition; /* unless the policy hashes the key */
    cdc_topic *topic;
} cdc_cached;

struct cdc_router {
    const cdc_env *env;
    cdc_producer *producer;
    cdc_policy policy;
    const char *data, *ddl, *side; /* templates */
    cdc_cached *cache;             /* open addressing by uid; a power of two */
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
    const char *policy = cdc_config_str(cfg, "topics.policy");
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
    rt->data = cdc_config_str(cfg, "topics.data");
    rt->ddl = cdc_config_str(cfg, "topics.ddl");
    rt->side = cdc_config_str(cfg, "topics.oversize");
    rt->policy = strcmp(policy, "pk") == 0      ? POLICY_PK
                 : strcmp(policy, "table") == 0 ? POLICY_TABLE
                                                : POLICY_SINGLE;
    return CDC_OK;
}

void cdc_router_free(cdc_router *rt)
{
    if (rt == NULL) {
        return;
    }
    if (rt->has_admin) {
        cdc_client_fini(&rt->admin);
    }
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

/* Another number of partitions than the task's would send a key elsewhere than before, and undo its
 * order. */
static cdc_rc cdc_router_check_partitions(const cdc_router *rt, const cdc_topic *topic,
                                          cdc_error *err)
{
    const cdc_config *cfg = rt->env->task->cfg;
    int32_t wanted = (int32_t)cdc_config_int(cfg, "topics.partitions");
    int32_t found = cdc_topic_partitions(topic);
    if (rt->policy == POLICY_SINGLE || wanted == found) {
        return CDC_OK;
    }
    return cdc_error_set(err, CDC_FATAL, "topic_partitions",
                         "topic %s has %d partitions, and topics.partitions is %d: with policy %s "
                         "another number sends "
                         "a key to another partition, out of order; set topics.partitions to %d, "
                         "or use another topic",
                         cdc_topic_name(topic), (int)found, (int)wanted,
                         cdc_config_str(cfg, "topics.policy"), (int)found);
}

/* First row of a table version. */
static cdc_rc cdc_router_resolve(cdc_router *rt, const cdc_table *tbl, cdc_cached *entry,
                                 cdc_error *err)
{
    int32_t partitions = (int32_t)cdc_config_int(rt->env->task->cfg, "topics.partitions");
    cdc_buffer name;
    cdc_buffer_init(&name, 4096);
    *entry = (cdc_cached){.uid = tbl->uid};
    cdc_rc rc =
        cdc_router_expand(rt->data, rt->env->task->name, tbl->database, tbl->name, &name, err);
    if (rc == CDC_OK) {
        rc = cdc_router_topic(rt, cdc_buffer_cstr(&name), partitions, CDC_TOPIC_RECORDS,
                              &entry->topic, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_router_check_partitions(rt, entry->topic, err);
    }
    if (rc == CDC_OK && rt->policy == POLICY_TABLE) {
        cdc_buffer_reset(&name);
        cdc_buffer_add_str(&name, tbl->database);
        cdc_buffer_add_char(&name, '.');
        cdc_buffer_add_str(&name, tbl->name);
        entry->partition =
            cdc_router_partition(name.data, name.len, cdc_topic_partitions(entry->topic));
    }
    cdc_buffer_fini(&name);
    return rc == CDC_OK ? cdc_router_remember(rt, entry, err) : rc;
}

cdc_rc cdc_router_row(cdc_router *rt, const cdc_table *tbl, cdc_bytes key, cdc_route *out,
                      cdc_error *err)
{
    cdc_cached entry = *cdc_router_slot(rt->cache, rt->cap, tbl->uid);
    if (entry.uid == 0) {
        cdc_rc rc = cdc_router_resolve(rt, tbl, &entry, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    out->topic = entry.topic;
    out->partition = rt->policy == POLICY_PK
                         ? cdc_router_partition(key.p, key.len, cdc_topic_partitions(entry.topic))
                         : entry.partition;
    return CDC_OK;
}

/* First command of a database. */
static cdc_rc cdc_router_number(cdc_router *rt, int32_t database, cdc_error *err)
{
    int32_t partitions = (int32_t)cdc_config_int(rt->env->task->cfg, "topics.partitions");
    char number[16];
    cdc_buffer name;
    cdc_buffer_init(&name, 4096);
    snprintf(number, sizeof number, "%d", (int)database);
    cdc_rc rc = cdc_router_expand(rt->data, rt->env->task->name, number, "redis", &name, err);
    if (rc == CDC_OK) {
        rc = cdc_router_topic(rt, cdc_buffer_cstr(&name), partitions, CDC_TOPIC_RECORDS,
                              &rt->numbered[database], err);
    }
    cdc_buffer_fini(&name);
    return rc;
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
    bool own = rt->ddl != NULL && rt->ddl[0] != '\0';
    int32_t partitions = own ? 1 : (int32_t)cdc_config_int(task->cfg, "topics.partitions");
    cdc_buffer name;
    cdc_buffer_init(&name, 4096);
    *out = (cdc_route){.partition = 0};
    cdc_rc rc = cdc_router_expand(own ? rt->ddl : rt->data, task->name, ev->ddl_database,
                                  ev->ddl_table, &name, err);
    if (rc == CDC_OK) {
        rc = cdc_router_topic(rt, cdc_buffer_cstr(&name), partitions, CDC_TOPIC_RECORDS,
                              &out->topic, err);
    }
    cdc_buffer_fini(&name);
    return rc;
}

cdc_rc cdc_router_name(cdc_router *rt, const cdc_event *ev, const char **name, cdc_error *err)
{
    cdc_route route = {.topic = NULL};
    cdc_rc rc = ev->op == CDC_OP_COMMAND ? cdc_router_command(rt, ev, &route, err)
                : ev->table != NULL ? cdc_router_row(rt, ev->table, (cdc_bytes){"", 0}, &route, err)
                                    : cdc_router_ddl(rt, ev, &route, err);
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

bool cdc_router_hashes_key(const cdc_router *rt, const cdc_table *tbl)
{
    return rt->policy == POLICY_PK && tbl->nkeys > 0;
}

/* --- the applier's topics --- */

static const char *cdc_router_fixed(const cdc_task *task, const char *pattern, cdc_arena *ar,
                                    cdc_error *err)
{
    cdc_buffer name;
    cdc_buffer_init(&name, 4096);
    const char *text = NULL;
    if (cdc_router_expand(pattern, task->name, "", "", &name, err) == CDC_OK) {
        text = cdc_arena_strndup(ar, name.data, name.len);
        if (text == NULL) {
            (void)cdc_error_set(err, CDC_FATAL, "no_memory",
                                "out of memory for the names of topics");
        }
    }
    cdc_buffer_fini(&name);
    return text;
}

static cdc_rc cdc_router_no_list(const cdc_task *task, const char *pattern, cdc_error *err)
{
    (void)cdc_error_set(
        err, CDC_FATAL, "config",
        "%s: topics.data '%s' has a topic for each table: give from.topics, the topics to apply",
        cdc_config_where(task->cfg, "topics.data"), pattern);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

static bool cdc_router_by_table(const char *pattern)
{
    return strstr(pattern, "{database}") != NULL || strstr(pattern, "{table}") != NULL;
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
        *out = cdc_router_fixed(task, pattern, ar, err);
    } else if (cdc_config_count(cfg, "from.topics") == 1) {
        *out = cdc_router_beside(cdc_config_item(cfg, "from.topics", 0), ".oversize", ar, err);
    }
    return *out != NULL ? CDC_OK : err->rc;
}

static bool cdc_router_has(const cdc_topic_names *names, const char *topic)
{
    for (size_t i = 0; i < names->ndata; i++) {
        if (strcmp(names->data[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

/* None of a source that has no DDL. */
static cdc_rc cdc_router_ddl_topics(const cdc_task *task, cdc_arena *ar, cdc_topic_names *out,
                                    cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    const char *pattern = cdc_config_str(cfg, "topics.ddl");
    bool others = cdc_config_has(cfg, "from.topics") && !cdc_config_has(cfg, "topics.ddl") &&
                  !cdc_router_by_table(cdc_config_str(cfg, "topics.data"));
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
                                  : cdc_router_fixed(task, pattern, ar, err);
        if (name == NULL) {
            return err->rc;
        }
        if (!cdc_router_has(out, name)) {
            names[out->nddl++] = name;
        }
    }
    return CDC_OK;
}

cdc_rc cdc_router_topics(const cdc_task *task, cdc_arena *ar, cdc_topic_names *out, cdc_error *err)
{
    const cdc_config *cfg = task->cfg;
    const char *pattern = cdc_config_str(cfg, "topics.data");
    bool given = cdc_config_has(cfg, "from.topics");
    size_t n = given ? cdc_config_count(cfg, "from.topics") : 1;
    const char **names = cdc_arena_zalloc(ar, n * sizeof *names);
    *out = (cdc_topic_names){.data = names, .ndata = n};
    if (names == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the names of topics");
    }
    if (!given && cdc_router_by_table(pattern)) {
        return cdc_router_no_list(task, pattern, err);
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = given ? cdc_config_item(cfg, "from.topics", i)
                         : cdc_router_fixed(task, pattern, ar, err);
        if (names[i] == NULL) {
            return err->rc;
        }
    }
    return cdc_router_ddl_topics(task, ar, out, err);
}

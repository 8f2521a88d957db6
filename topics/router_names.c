#include "router_names.h"

enum { TOPIC_BYTES_MAX = 249 };

/* --- one name --- */

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
    const cdc_catalog_table **first; /* whose topic it is; NULL: of all tables of a rule */
    int32_t *partitions;
    bool *hashed;
    const char **places;
    size_t n;
} cdc_topic_arrays;

static cdc_rc cdc_router_arrays(cdc_topic_arrays *to, size_t room, cdc_arena *ar, cdc_error *err)
{
    *to = (cdc_topic_arrays){.data = cdc_arena_zalloc(ar, room * sizeof *to->data),
                             .first = cdc_arena_zalloc(ar, room * sizeof *to->first),
                             .partitions = cdc_arena_zalloc(ar, room * sizeof *to->partitions),
                             .hashed = cdc_arena_zalloc(ar, room * sizeof *to->hashed),
                             .places = cdc_arena_zalloc(ar, room * sizeof *to->places)};
    return to->data != NULL && to->first != NULL && to->partitions != NULL && to->hashed != NULL &&
                   to->places != NULL
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

static const char *cdc_router_whose(const cdc_catalog_table *tbl, char *text, size_t size)
{
    snprintf(text, size, tbl != NULL ? "table %s.%s" : "all tables",
             tbl != NULL ? tbl->database : "", tbl != NULL ? tbl->name : "");
    return text;
}

/* The i-th topic is also that of a table whose rule says another number. */
static cdc_rc cdc_router_shared(const cdc_topic_arrays *to, size_t i, const cdc_topic_rule *rule,
                                const cdc_catalog_table *tbl, cdc_error *err)
{
    char one[300];
    char two[300];
    return cdc_error_refuse(
        err, "topic_shared",
        "topic %s is that of %s with %d partitions (%s), and of %s with %d (%s): a character that "
        "Kafka does not take becomes '_', and a topic has one number of partitions; give one of "
        "them another topic in topics.rules, or both the same number",
        to->data[i], cdc_router_whose(to->first[i], one, sizeof one), (int)to->partitions[i],
        to->places[i], cdc_router_whose(tbl, two, sizeof two), (int)rule->partitions, rule->place);
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
    if (at < to->n && to->partitions[at] != rule->partitions) {
        return cdc_router_shared(to, at, rule, tbl, err);
    }
    if (at == to->n) {
        to->data[to->n++] = name;
        to->first[at] = tbl;
        to->partitions[at] = rule->partitions;
        to->places[at] = rule->place;
    }
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

#include "topic_rules.h"

#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "selection.h"

enum { PATH_BYTES = 80, ARENA_BYTES_MAX = 16 * 1024 * 1024 };

static const char *const names[] = {
    [CDC_POLICY_SINGLE] = "single",   [CDC_POLICY_TABLE] = "table", [CDC_POLICY_PK] = "pk",
    [CDC_POLICY_COLUMNS] = "columns", [CDC_POLICY_CANAL] = "canal",
};

const char *cdc_policy_name(cdc_policy policy)
{
    return names[policy];
}

static cdc_policy cdc_policy_of(const char *name)
{
    size_t i = 0;
    while (i + 1 < sizeof names / sizeof names[0] && strcmp(names[i], name) != 0) {
        i++;
    }
    return (cdc_policy)i;
}

bool cdc_topic_by_table(const char *pattern)
{
    return strstr(pattern, "{database}") != NULL || strstr(pattern, "{table}") != NULL;
}

const cdc_topic_rule *cdc_topic_rules_by_table(const cdc_topic_rules *rules)
{
    for (size_t i = 0; i < rules->n; i++) {
        if (cdc_topic_by_table(rules->rules[i].topic)) {
            return &rules->rules[i];
        }
    }
    return NULL;
}

/* "topics.rules[2].match" */
static const char *cdc_topic_rule_path(const cdc_topic_rule *rule, const char *member, char *out)
{
    snprintf(out, PATH_BYTES, "%s.%s", rule->place, member);
    return out;
}

static cdc_rc cdc_topic_rule_fault(const cdc_topic_rule *rule, const char *member,
                                   const cdc_config *cfg, cdc_error *err, const char *text)
{
    char path[PATH_BYTES];
    bool written = cdc_config_has(cfg, cdc_topic_rule_path(rule, member, path));
    const char *where = cdc_config_where(cfg, written ? path : rule->place);
    cdc_error_set(err, CDC_FATAL, "config", "%s: %s %s", where, path, text);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

static cdc_rc cdc_topic_rule_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for topics.rules");
}

static cdc_rc cdc_topic_rule_match(cdc_topic_rules *rules, cdc_topic_rule *rule,
                                   const cdc_config *cfg, cdc_error *err)
{
    char path[PATH_BYTES];
    const char *match = cdc_config_str(cfg, cdc_topic_rule_path(rule, "match", path));
    const char *dot = strchr(match, '.');
    if (dot == NULL || dot == match || dot[1] == '\0') {
        return cdc_pattern_refuse(cfg, path, "topics.rules[].match", match, err);
    }
    rule->database = cdc_arena_strndup(&rules->arena, match, (size_t)(dot - match));
    rule->table = dot + 1;
    return rule->database != NULL ? CDC_OK : cdc_topic_rule_memory(err);
}

static cdc_rc cdc_topic_rule_columns(cdc_topic_rules *rules, cdc_topic_rule *rule,
                                     const cdc_config *cfg, cdc_error *err)
{
    char path[PATH_BYTES];
    size_t n = cdc_config_count(cfg, cdc_topic_rule_path(rule, "columns", path));
    const char **columns = cdc_arena_alloc(&rules->arena, (n + 1) * sizeof *columns);
    if (columns == NULL) {
        return cdc_topic_rule_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        columns[i] = cdc_config_item(cfg, path, i);
    }
    rule->columns = columns;
    rule->ncolumns = n;
    return CDC_OK;
}

/* Policy and columns fit each other. */
static cdc_rc cdc_topic_rule_fits(const cdc_topic_rule *rule, bool given, const cdc_config *cfg,
                                  cdc_error *err)
{
    if (rule->policy == CDC_POLICY_COLUMNS && rule->ncolumns == 0) {
        return cdc_topic_rule_fault(rule, "policy", cfg, err,
                                    "is columns and no columns are named; give those to hash, for "
                                    "instance columns: [customer_id]");
    }
    if (given && rule->policy != CDC_POLICY_COLUMNS && rule->policy != CDC_POLICY_CANAL) {
        return cdc_topic_rule_fault(rule, "columns", cfg, err,
                                    "is for the policies columns and canal; remove it, or change "
                                    "the policy");
    }
    return CDC_OK;
}

/* What the entry leaves out is as for all. */
static cdc_rc cdc_topic_rule_read(cdc_topic_rules *rules, cdc_topic_rule *rule,
                                  const cdc_topic_rule *all, const cdc_config *cfg, cdc_error *err)
{
    char path[PATH_BYTES];
    cdc_rc rc = cdc_topic_rule_match(rules, rule, cfg, err);
    if (rc != CDC_OK) {
        return rc;
    }
    rule->own_topic = cdc_config_has(cfg, cdc_topic_rule_path(rule, "topic", path));
    rule->topic = rule->own_topic ? cdc_config_str(cfg, path) : all->topic;
    rule->partitions = cdc_config_has(cfg, cdc_topic_rule_path(rule, "partitions", path))
                           ? (int32_t)cdc_config_int(cfg, path)
                           : all->partitions;
    bool given = cdc_config_has(cfg, cdc_topic_rule_path(rule, "policy", path));
    rule->policy = given ? cdc_policy_of(cdc_config_str(cfg, path)) : all->policy;
    bool columns = cdc_config_has(cfg, cdc_topic_rule_path(rule, "columns", path));
    if (columns) {
        rc = cdc_topic_rule_columns(rules, rule, cfg, err);
    } else if (!given) {
        rule->columns = all->columns;
        rule->ncolumns = all->ncolumns;
    }
    return rc == CDC_OK ? cdc_topic_rule_fits(rule, columns, cfg, err) : rc;
}

static cdc_rc cdc_topic_rules_all(cdc_topic_rules *rules, cdc_topic_rule *all,
                                  const cdc_config *cfg, cdc_error *err)
{
    snprintf(all->place, sizeof all->place, "topics");
    all->database = all->table = "*";
    all->topic = cdc_config_str(cfg, "topics.data");
    all->partitions = (int32_t)cdc_config_int(cfg, "topics.partitions");
    all->policy = cdc_policy_of(cdc_config_str(cfg, "topics.policy"));
    cdc_rc rc = cdc_topic_rule_columns(rules, all, cfg, err);
    return rc == CDC_OK ? cdc_topic_rule_fits(all, all->ncolumns > 0, cfg, err) : rc;
}

/* The template with {task} put in. */
static void cdc_topic_plain(const char *pattern, const char *task, cdc_buffer *out)
{
    static const char mark[] = "{task}";
    for (const char *p = pattern; *p != '\0';) {
        bool here = strncmp(p, mark, sizeof mark - 1) == 0;
        cdc_buffer_add(out, here ? task : p, here ? strlen(task) : 1);
        p += here ? sizeof mark - 1 : 1;
    }
}

/* One topic for all tables, and the same? */
static bool cdc_topic_same(const char *a, const char *b, const char *task)
{
    enum { NAME_BYTES_MAX = 64 * 1024 };
    cdc_buffer one, two;
    if (cdc_topic_by_table(a) || cdc_topic_by_table(b)) {
        return false;
    }
    cdc_buffer_init(&one, NAME_BYTES_MAX);
    cdc_buffer_init(&two, NAME_BYTES_MAX);
    cdc_topic_plain(a, task, &one);
    cdc_topic_plain(b, task, &two);
    bool same = strcmp(cdc_buffer_cstr(&one), cdc_buffer_cstr(&two)) == 0;
    cdc_buffer_fini(&one);
    cdc_buffer_fini(&two);
    return same;
}

static cdc_rc cdc_topic_rules_fight(const cdc_topic_rule *a, const cdc_topic_rule *b,
                                    const cdc_config *cfg, cdc_error *err)
{
    char text[CDC_ERROR_TEXT_MAX];
    if (strcmp(a->database, b->database) == 0 && strcmp(a->table, b->table) == 0 &&
        strcmp(b->place, "topics") != 0) {
        snprintf(text, sizeof text,
                 "'%.200s.%.200s' is that of %s too, and the first one counts; remove one of them",
                 b->database, b->table, a->place);
        return cdc_topic_rule_fault(b, "match", cfg, err, text);
    }
    if (a->partitions != b->partitions &&
        cdc_topic_same(a->topic, b->topic, cdc_config_str(cfg, "name"))) {
        snprintf(text, sizeof text,
                 "gives topic '%.200s' %d partitions, and %s gives it %d; a topic has one number: "
                 "make them equal, or give another topic",
                 a->topic, (int)a->partitions, b->place, (int)b->partitions);
        return cdc_topic_rule_fault(a, "partitions", cfg, err, text);
    }
    return CDC_OK;
}

cdc_rc cdc_topic_rules_init(cdc_topic_rules *rules, const cdc_config *cfg, cdc_error *err)
{
    size_t n = cdc_config_count(cfg, "topics.rules");
    *rules = (cdc_topic_rules){.n = 0};
    cdc_arena_init(&rules->arena, 1024, ARENA_BYTES_MAX);
    rules->rules = cdc_arena_zalloc(&rules->arena, (n + 1) * sizeof *rules->rules);
    if (rules->rules == NULL) {
        return cdc_topic_rule_memory(err);
    }
    cdc_rc rc = cdc_topic_rules_all(rules, &rules->rules[n], cfg, err);
    for (size_t i = 0; i < n && rc == CDC_OK; i++) {
        cdc_topic_rule *rule = &rules->rules[i];
        snprintf(rule->place, sizeof rule->place, "topics.rules[%zu]", i);
        rc = cdc_topic_rule_read(rules, rule, &rules->rules[n], cfg, err);
    }
    for (size_t i = 0; i <= n && rc == CDC_OK; i++) {
        for (size_t k = i + 1; k <= n && rc == CDC_OK; k++) {
            rc = cdc_topic_rules_fight(&rules->rules[i], &rules->rules[k], cfg, err);
        }
    }
    rules->n = n + 1;
    return rc;
}

void cdc_topic_rules_fini(cdc_topic_rules *rules)
{
    cdc_arena_fini(&rules->arena);
    *rules = (cdc_topic_rules){.n = 0};
}

const cdc_topic_rule *cdc_topic_rules_find(const cdc_topic_rules *rules, const char *database,
                                           const char *table)
{
    size_t i = 0;
    while (i + 1 < rules->n && (!cdc_glob(rules->rules[i].database, database) ||
                                !cdc_glob(rules->rules[i].table, table))) {
        i++;
    }
    return &rules->rules[i];
}

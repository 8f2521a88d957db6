#include "rules.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "selection.h"

#define ARENA_BYTES_MAX (64 * 1024 * 1024)
#define PATH_BYTES 80

static const cdc_op operations[] = {CDC_OP_INSERT, CDC_OP_UPDATE, CDC_OP_DELETE, CDC_OP_DDL};
#define NOPERATIONS (sizeof operations / sizeof operations[0])

static cdc_rc cdc_rules_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for objects.tables");
}

static void cdc_rules_operations(cdc_rules *rules, const cdc_config *cfg)
{
    for (size_t i = 0; i < cdc_config_count(cfg, "objects.operations"); i++) {
        for (size_t k = 0; k < NOPERATIONS; k++) {
            if (strcmp(cdc_config_item(cfg, "objects.operations", i), cdc_op_name(operations[k])) ==
                0) {
                rules->operations |= 1U << operations[k];
            }
        }
    }
}

static cdc_rc cdc_rule_match(cdc_rules *rules, cdc_rule *rule, const cdc_config *cfg,
                             cdc_error *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "objects.tables[%zu].match", rule->index);
    const char *match = cdc_config_str(cfg, path);
    const char *dot = strchr(match, '.');
    if (dot == NULL || dot == match || dot[1] == '\0') {
        return cdc_pattern_refuse(cfg, path, "objects.tables[].match", match, err);
    }
    rule->match = cdc_arena_strndup(&rules->arena, match, strlen(match));
    rule->database = cdc_arena_strndup(&rules->arena, match, (size_t)(dot - match));
    rule->table = cdc_arena_strndup(&rules->arena, dot + 1, strlen(dot + 1));
    rule->exact = strpbrk(match, "*?") == NULL;
    return rule->match != NULL && rule->database != NULL && rule->table != NULL
               ? CDC_OK
               : cdc_rules_memory(err);
}

static cdc_rc cdc_rule_columns(cdc_rules *rules, const cdc_rule *rule, const cdc_config *cfg,
                               const char *which, cdc_names *out, cdc_error *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "objects.tables[%zu].columns.%s", rule->index, which);
    size_t n = cdc_config_count(cfg, path);
    const char **names = cdc_arena_alloc(&rules->arena, (n + 1) * sizeof *names);
    if (names == NULL) {
        return cdc_rules_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = cdc_config_item(cfg, path, i);
        names[i] = cdc_arena_strndup(&rules->arena, name, strlen(name));
        if (names[i] == NULL) {
            return cdc_rules_memory(err);
        }
    }
    *out = (cdc_names){names, n};
    return CDC_OK;
}

static cdc_rc cdc_rule_where(cdc_rules *rules, cdc_rule *rule, const cdc_config *cfg,
                             cdc_error *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "objects.tables[%zu].where", rule->index);
    const char *text = cdc_config_str(cfg, path);
    if (text == NULL) {
        return CDC_OK;
    }
    rule->where_text = cdc_arena_strndup(&rules->arena, text, strlen(text));
    if (rule->where_text == NULL) {
        return cdc_rules_memory(err);
    }
    cdc_rc rc = cdc_where_parse(&rule->where, text, err);
    if (rc != CDC_OK) {
        err->exit = CDC_EXIT_USAGE;
        cdc_error_context(err, "%s: table %s", cdc_config_where(cfg, path), rule->match);
    }
    return rc;
}

static cdc_rc cdc_rule_read(cdc_rules *rules, cdc_rule *rule, const cdc_config *cfg, cdc_error *err)
{
    cdc_rc rc = cdc_rule_match(rules, rule, cfg, err);
    if (rc == CDC_OK) {
        rc = cdc_rule_columns(rules, rule, cfg, "include", &rule->include, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_rule_columns(rules, rule, cfg, "exclude", &rule->exclude, err);
    }
    return rc == CDC_OK ? cdc_rule_where(rules, rule, cfg, err) : rc;
}

cdc_rc cdc_rules_init(cdc_rules *rules, const cdc_config *cfg, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    size_t n = cdc_config_count(cfg, "objects.tables");
    *rules = (cdc_rules){.operations = 0};
    cdc_arena_init(&rules->arena, 4096, ARENA_BYTES_MAX);
    cdc_rules_operations(rules, cfg);
    if (rules->operations == 0) {
        cdc_error_set(err, CDC_FATAL, "config",
                      "%s: objects.operations is empty; give at least one, or leave it out",
                      cdc_config_where(cfg, "objects.operations"));
        err->exit = CDC_EXIT_USAGE;
        return CDC_FATAL;
    }
    rules->rules = cdc_arena_zalloc(&rules->arena, (n + 1) * sizeof *rules->rules);
    if (rules->rules == NULL) {
        return cdc_rules_memory(err);
    }
    for (size_t i = 0; i < n && rc == CDC_OK; i++) {
        rules->nrules = i + 1;
        rules->rules[i].index = i;
        rc = cdc_rule_read(rules, &rules->rules[i], cfg, err);
    }
    return rc;
}

void cdc_rules_fini(cdc_rules *rules)
{
    for (size_t i = 0; i < rules->nrules; i++) {
        cdc_where_free(rules->rules[i].where);
    }
    cdc_arena_fini(&rules->arena);
    *rules = (cdc_rules){.operations = 0};
}

const cdc_rule *cdc_rules_find(const cdc_rules *rules, const char *database, const char *table)
{
    for (size_t i = 0; i < rules->nrules; i++) {
        const cdc_rule *rule = &rules->rules[i];
        if (cdc_glob(rule->database, database) && cdc_glob(rule->table, table)) {
            return rule;
        }
    }
    return NULL;
}

static bool cdc_names_have(const cdc_names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcasecmp(names->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool cdc_rule_column(const cdc_rule *rule, const char *column)
{
    return rule == NULL || ((rule->include.n == 0 || cdc_names_have(&rule->include, column)) &&
                            !cdc_names_have(&rule->exclude, column));
}

bool cdc_rules_operation(const cdc_rules *rules, cdc_op op)
{
    return (rules->operations & 1U << op) != 0;
}

static bool cdc_rules_all_operations(const cdc_rules *rules)
{
    for (size_t i = 0; i < NOPERATIONS; i++) {
        if (!cdc_rules_operation(rules, operations[i])) {
            return false;
        }
    }
    return true;
}

bool cdc_rules_any(const cdc_rules *rules)
{
    return rules->nrules > 0 || !cdc_rules_all_operations(rules);
}

/* --- in words --- */

static void cdc_rules_names(const char *head, const cdc_names *names, cdc_buffer *out)
{
    for (size_t i = 0; i < names->n; i++) {
        cdc_buffer_addf(out, "%s%s", i == 0 ? head : ", ", names->names[i]);
    }
}

static void cdc_rule_print(const cdc_rule *rule, const char *prefix, cdc_buffer *out)
{
    cdc_buffer_addf(out, "%s%s: ", prefix, rule->match);
    if (rule->where_text != NULL) {
        cdc_buffer_add_str(out, "the rows where ");
        for (const char *p = rule->where_text; *p != '\0'; p++) {
            cdc_buffer_add_char(out, *p == '\n' || *p == '\r' ? ' ' : *p);
        }
    } else {
        cdc_buffer_add_str(out, "all rows");
    }
    cdc_buffer_add_str(out, "; ");
    if (rule->include.n == 0) {
        cdc_buffer_add_str(out, "all columns");
    }
    cdc_rules_names("the columns ", &rule->include, out);
    cdc_rules_names(" but ", &rule->exclude, out);
    cdc_buffer_add_char(out, '\n');
}

void cdc_rules_print(const cdc_rules *rules, const char *prefix, cdc_buffer *out)
{
    cdc_buffer_addf(out, "%soperations: ", prefix);
    const char *joint = "";
    for (size_t i = 0; i < NOPERATIONS; i++) {
        if (cdc_rules_operation(rules, operations[i])) {
            cdc_buffer_addf(out, "%s%s", joint, cdc_op_name(operations[i]));
            joint = ", ";
        }
    }
    cdc_buffer_add_char(out, '\n');
    for (size_t i = 0; i < rules->nrules; i++) {
        cdc_rule_print(&rules->rules[i], prefix, out);
    }
    if (rules->nrules > 0) {
        cdc_buffer_addf(out, "%sother tables: all rows; all columns\n", prefix);
    }
}

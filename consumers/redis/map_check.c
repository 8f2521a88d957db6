#include "map_check.h"

#include <strings.h>

static const char check[] = "target_map";

typedef struct look {
    const cdc_rules *rules; /* which columns are captured */
    const cdc_key_rule *rule;
    cdc_checklist *list;
} look;

static const cdc_catalog_table *find_table(const cdc_catalog *cat, const cdc_key_rule *rule)
{
    for (size_t i = 0; i < cat->ntables; i++) {
        size_t n = strlen(cat->tables[i].database);
        if (strncmp(rule->table, cat->tables[i].database, n) == 0 && rule->table[n] == '.' &&
            strcmp(rule->table + n + 1, cat->tables[i].name) == 0) {
            return &cat->tables[i];
        }
    }
    return NULL;
}

static const cdc_catalog_column *find_column(const cdc_catalog_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->ncols; i++) {
        if (strcasecmp(table->cols[i].name, name) == 0) {
            return &table->cols[i];
        }
    }
    return NULL;
}

/* --- a table --- */

static void check_column(const look *lk, const cdc_catalog_table *table, const char *name)
{
    const cdc_catalog_column *col = find_column(table, name);
    const cdc_rule *rule = cdc_rules_find(lk->rules, table->database, table->name);
    if (col == NULL) {
        cdc_checklist_add(lk->list, check, CDC_CHECK_FAIL, lk->rule->table,
                          "the key '%s' needs a column %s, which the table has not", lk->rule->key,
                          name);
        cdc_checklist_cure(lk->list, "target.map: {%s: {key: ...}} with columns of the table",
                           lk->rule->table);
    } else if (!cdc_rule_column(rule, name)) {
        cdc_checklist_add(lk->list, check, CDC_CHECK_FAIL, lk->rule->table,
                          "the key '%s' needs the column %s, which objects.tables leaves out",
                          lk->rule->key, name);
        cdc_checklist_cure(lk->list, "take %s in the columns of objects.tables", name);
    } else if (col->nullable) {
        cdc_checklist_add(lk->list, check, CDC_CHECK_WARN, lk->rule->table,
                          "the key '%s' needs the column %s: a row where it is NULL stops the task",
                          lk->rule->key, name);
        cdc_checklist_cure(lk->list, "ALTER TABLE ... MODIFY %s %s NOT NULL", name, col->type);
    }
}

static bool key_has(const cdc_key_rule *rule, const char *column)
{
    for (size_t i = 0; i < rule->nparts; i++) {
        if (rule->parts[i].column && strcasecmp(rule->parts[i].text, column) == 0) {
            return true;
        }
    }
    return false;
}

/* Rows that share a key overwrite each other, and the DELETE of one deletes both. */
static void check_unique(const look *lk, const cdc_catalog_table *table)
{
    for (uint32_t i = 0; i < table->nkeys; i++) {
        if (!key_has(lk->rule, table->keys[i])) {
            cdc_checklist_add(lk->list, check, CDC_CHECK_WARN, lk->rule->table,
                              "the key '%s' has not the primary key's column %s: rows that differ "
                              "in it alone share a key",
                              lk->rule->key, table->keys[i]);
            cdc_checklist_cure(lk->list,
                               "key: \"%s:{%s}\"; or --ignore %s if the key's columns are "
                               "unique by another index",
                               lk->rule->key, table->keys[i], check);
            return;
        }
    }
    if (table->nkeys == 0) {
        cdc_checklist_add(lk->list, check, CDC_CHECK_WARN, lk->rule->table,
                          "the table has no primary key: rows with the same '%s' share a key",
                          lk->rule->key);
        cdc_checklist_cure(lk->list,
                           "a primary key; or --ignore %s if the key's columns are unique", check);
    }
}

static void check_rule(const look *lk)
{
    const cdc_catalog_table *table = find_table(&lk->list->catalog, lk->rule);
    size_t before = lk->list->n;
    if (table == NULL) {
        cdc_checklist_add(lk->list, check, CDC_CHECK_FAIL, lk->rule->table,
                          "the task does not capture this table, or the source has it not");
        cdc_checklist_cure(lk->list,
                           "objects.include: [\"%s\"]; names are as the source writes them",
                           lk->rule->table);
        return;
    }
    for (size_t i = 0; i < lk->rule->nparts; i++) {
        if (lk->rule->parts[i].column) {
            check_column(lk, table, lk->rule->parts[i].text);
        }
    }
    if (lk->list->n == before) {
        check_unique(lk, table);
    }
    if (lk->list->n == before) {
        cdc_checklist_add(lk->list, check, CDC_CHECK_PASS, lk->rule->table,
                          "each row has a key of its own");
    }
}

/* Captured, sent to Kafka, and then dropped. */
static void check_unmapped(const cdc_key_map *map, cdc_checklist *list)
{
    const cdc_catalog_table *first = NULL;
    unsigned n = 0;
    for (size_t i = 0; i < list->catalog.ntables; i++) {
        const cdc_catalog_table *table = &list->catalog.tables[i];
        if (cdc_key_map_find(map, table->database, table->name) == NULL) {
            first = n++ == 0 ? table : first;
        }
    }
    if (first != NULL) {
        cdc_checklist_add(
            list, check, CDC_CHECK_WARN, first->name,
            "%u tables are captured that target.map has not, one is %s.%s: their rows "
            "are dropped by the applier",
            n, first->database, first->name);
        cdc_checklist_cure(list, "objects.exclude, or an entry in target.map, for each of them");
    }
}

void sink_redis_check_map(const cdc_env *env, const cdc_key_map *map, cdc_checklist *list)
{
    if (list->catalog.server == NULL) {
        return;
    }
    for (size_t i = 0; i < map->nrules; i++) {
        const look lk = {cdc_selection_rules(env->selection), &map->rules[i], list};
        check_rule(&lk);
    }
    if (map->nrules > 0) {
        check_unmapped(map, list);
    }
}

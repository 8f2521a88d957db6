#include "key_map.h"

#include <stdlib.h>

static const char map_path[] = "target.map";

enum { DATABASES = 256 };
#define EXPIRE_SECONDS_MAX INT64_C(100000000000)

static cdc_rc fault(const cdc_config *cfg, const char *table, cdc_error *err, const char *text,
                    const char *value)
{
    cdc_error_set(err, CDC_FATAL, "map", "%s: %s: %.100s: %s '%.100s'",
                  cdc_config_where(cfg, map_path), map_path, table, text, value);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for target.map");
}

/* --- a key --- */

/* Reads one part into `text` (room for all of the key) and moves *at behind it. False: a brace
 * without its other, or a column without a name. */
static bool read_part(const char **at, char *text, bool *column)
{
    const char *s = *at;
    size_t n = 0;
    *column = s[0] == '{' && s[1] != '{';
    if (*column) {
        n = strcspn(s + 1, "{}");
        memcpy(text, s + 1, n);
        *at = s + n + 2;
        text[n] = '\0';
        return n > 0 && s[n + 1] == '}';
    }
    while (*s != '\0' && (s[0] != '{' || s[1] == '{')) {
        if (*s == '{' || *s == '}') {
            if (s[1] != s[0]) {
                return false;
            }
            s++;
        }
        text[n++] = *s++;
    }
    text[n] = '\0';
    *at = s;
    return true;
}

static cdc_rc add_part(cdc_key_rule *rule, const char *text, bool column, cdc_error *err)
{
    cdc_key_part *more = reallocarray(rule->parts, rule->nparts + 1, sizeof *more);
    char *copy = strdup(text);
    if (more != NULL) {
        rule->parts = more;
    }
    if (more == NULL || copy == NULL) {
        free(copy);
        return no_memory(err);
    }
    more[rule->nparts++] = (cdc_key_part){copy, column};
    return CDC_OK;
}

static cdc_rc read_key(cdc_key_rule *rule, const cdc_config *cfg, cdc_error *err)
{
    const char *at = rule->key;
    char *text = malloc(strlen(rule->key) + 1);
    bool any = false;
    cdc_rc rc = text != NULL ? CDC_OK : no_memory(err);
    while (rc == CDC_OK && *at != '\0') {
        bool column;
        if (!read_part(&at, text, &column)) {
            rc = fault(cfg, rule->table, err,
                       "a column of the key is written {column}, a brace itself {{ or }}, not",
                       rule->key);
            break;
        }
        any = any || column;
        rc = add_part(rule, text, column, err);
    }
    if (rc == CDC_OK && !any) {
        rc = fault(cfg, rule->table, err,
                   "the key names no {column}, so that all rows would share it:", rule->key);
    }
    free(text);
    return rc;
}

/* --- an entry --- */

static bool read_number(const char *text, int64_t max, int64_t *n)
{
    *n = 0;
    for (const char *s = text; *s != '\0'; s++) {
        if (*s < '0' || *s > '9' || *n > max) {
            return false;
        }
        *n = *n * 10 + (*s - '0');
    }
    return text[0] != '\0' && *n <= max;
}

static cdc_rc read_member(cdc_key_rule *rule, const cdc_config *cfg, const char *name,
                          const char *value, cdc_error *err)
{
    int64_t n = 0;
    if (strcmp(name, "key") == 0) {
        rule->key = value;
        return CDC_OK;
    }
    if (strcmp(name, "as") == 0) {
        rule->form = strcmp(value, "json") == 0 ? CDC_KEY_JSON : CDC_KEY_HASH;
        return rule->form == CDC_KEY_JSON || strcmp(value, "hash") == 0
                   ? CDC_OK
                   : fault(cfg, rule->table, err, "as is hash or json, not", value);
    }
    if (strcmp(name, "expire_seconds") == 0) {
        bool good = read_number(value, EXPIRE_SECONDS_MAX, &n);
        rule->expire_ms = n * 1000;
        return good ? CDC_OK
                    : fault(cfg, rule->table, err,
                            "expire_seconds is a number of seconds, 0 for never, not", value);
    }
    if (strcmp(name, "database") == 0) {
        bool good = read_number(value, DATABASES - 1, &n);
        rule->redis_db = (int32_t)n;
        return good
                   ? CDC_OK
                   : fault(cfg, rule->table, err, "database is a number from 0 to 255, not", value);
    }
    if (strcmp(name, "truncate") == 0) {
        rule->keep_on_truncate = strcmp(value, "keep") == 0;
        return rule->keep_on_truncate || strcmp(value, "stop") == 0
                   ? CDC_OK
                   : fault(cfg, rule->table, err, "truncate is stop or keep, not", value);
    }
    return fault(cfg, rule->table, err,
                 "an entry has key, as, expire_seconds, database and truncate, but no", name);
}

static cdc_rc read_rule(cdc_key_rule *rule, const cdc_config *cfg, size_t i, cdc_error *err)
{
    const char *value;
    cdc_rc rc = CDC_OK;
    cdc_config_entry(cfg, map_path, i, &rule->table, &value);
    const char *dot = strchr(rule->table, '.');
    if (dot == NULL || dot == rule->table || dot[1] == '\0' || strpbrk(rule->table, "*?") != NULL) {
        return fault(cfg, rule->table, err, "give one table as database.table, not", rule->table);
    }
    for (size_t j = 0; rc == CDC_OK; j++) {
        const char *name;
        cdc_config_entry2(cfg, map_path, i, j, &name, &value);
        if (name == NULL) {
            break;
        }
        rc = read_member(rule, cfg, name, value, err);
    }
    if (rc == CDC_OK && rule->key == NULL) {
        return fault(cfg, rule->table, err, "give the rows' key, for instance", "name:{id}");
    }
    return rc == CDC_OK ? read_key(rule, cfg, err) : rc;
}

static cdc_rc refuse_twins(const cdc_key_map *map, const cdc_config *cfg, cdc_error *err)
{
    const cdc_key_rule *last = &map->rules[map->nrules - 1];
    for (size_t i = 0; i + 1 < map->nrules; i++) {
        if (strcmp(map->rules[i].key, last->key) == 0 && map->rules[i].redis_db == last->redis_db) {
            return fault(cfg, last->table, err,
                         "the rows of another table have this key too:", last->key);
        }
    }
    return CDC_OK;
}

/* --- the map --- */

cdc_rc cdc_key_map_init(cdc_key_map *map, const cdc_config *cfg, cdc_error *err)
{
    size_t n = cdc_config_count(cfg, map_path);
    *map = (cdc_key_map){.rules = calloc(n + 1, sizeof(cdc_key_rule))};
    cdc_rc rc = map->rules != NULL ? CDC_OK : no_memory(err);
    for (size_t i = 0; i < n && rc == CDC_OK; i++) {
        map->nrules++;
        rc = read_rule(&map->rules[i], cfg, i, err);
        if (rc == CDC_OK) {
            rc = refuse_twins(map, cfg, err);
        }
    }
    return rc;
}

void cdc_key_map_fini(cdc_key_map *map)
{
    for (size_t i = 0; i < map->nrules; i++) {
        for (size_t k = 0; k < map->rules[i].nparts; k++) {
            free(map->rules[i].parts[k].text);
        }
        free(map->rules[i].parts);
    }
    free(map->rules);
    *map = (cdc_key_map){0};
}

const cdc_key_rule *cdc_key_map_find(const cdc_key_map *map, const char *database,
                                     const char *table)
{
    size_t n = strlen(database);
    for (size_t i = 0; i < map->nrules; i++) {
        const char *name = map->rules[i].table;
        if (strncmp(name, database, n) == 0 && name[n] == '.' && strcmp(name + n + 1, table) == 0) {
            return &map->rules[i];
        }
    }
    return NULL;
}

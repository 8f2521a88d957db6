#include "selection.h"

#include <stdlib.h>
#include <string.h>

/* A pattern cut at its first dot, so that * never reaches from the database's name into the
 * table's. */
typedef struct cdc_pattern {
    const char *database;
    const char *table;
} cdc_pattern;

struct cdc_selection {
    cdc_pattern *include, *exclude;
    size_t ninclude, nexclude;
    bool numbered; /* databases have numbers, and no tables */
    char *text;    /* holds the patterns' bytes */
    cdc_rules rules;
};

bool cdc_glob(const char *pattern, const char *s)
{
    /* On a mismatch the last * takes one more character; earlier ones never need to be tried again.
     */
    const char *star = NULL;
    const char *resume = NULL;
    while (*s != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = s;
        } else if (*pattern == '?' || *pattern == *s) {
            /* ? takes a character, not a byte of one */
            if (*pattern == '?') {
                while (((unsigned char)s[1] & 0xC0) == 0x80) {
                    s++;
                }
            }
            pattern++;
            s++;
        } else if (star != NULL) {
            pattern = star + 1;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

cdc_rc cdc_pattern_refuse(const cdc_config *cfg, const char *path, const char *option,
                          const char *pattern, cdc_error *err)
{
    cdc_error_set(
        err, CDC_FATAL, "config",
        "%s: %s '%s' is no pattern; write database.table, with * and ? as needed (shop.*)",
        cdc_config_where(cfg, path), option, pattern);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

/* A number of a Redis database, or all of them. */
static bool cdc_selection_number(const char *pattern)
{
    size_t n = strlen(pattern);
    if (strcmp(pattern, "*") == 0) {
        return true;
    }
    return n > 0 && n <= 3 && strspn(pattern, "0123456789") == n && (n == 1 || *pattern != '0') &&
           strtol(pattern, NULL, 10) < CDC_DATABASES_MAX;
}

static cdc_rc cdc_selection_numbers(cdc_pattern *out, size_t *nout, char **text,
                                    const cdc_config *cfg, const char *path, cdc_error *err)
{
    for (size_t i = 0; cdc_config_has(cfg, path) && i < cdc_config_count(cfg, path); i++) {
        const char *pattern = cdc_config_item(cfg, path, i);
        if (!cdc_selection_number(pattern)) {
            char item[64];
            snprintf(item, sizeof item, "%s[%zu]", path, i);
            cdc_error_set(err, CDC_FATAL, "config",
                          "%s: %s '%s' is no database of Redis; write its number, 0 to %d, or *",
                          cdc_config_where(cfg, item), path, pattern, CDC_DATABASES_MAX - 1);
            err->exit = CDC_EXIT_USAGE;
            return CDC_FATAL;
        }
        size_t len = strlen(pattern) + 1;
        memcpy(*text, pattern, len);
        out[(*nout)++] = (cdc_pattern){*text, "*"};
        *text += len;
    }
    return CDC_OK;
}

static cdc_rc cdc_selection_list(cdc_selection *sel, bool excluded, char **text,
                                 const cdc_config *cfg, const char *path, cdc_error *err)
{
    cdc_pattern **out = excluded ? &sel->exclude : &sel->include;
    size_t *nout = excluded ? &sel->nexclude : &sel->ninclude;
    size_t n = cdc_config_count(cfg, path);
    *out = calloc(n + 1, sizeof **out);
    if (*out == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory");
    }
    if (sel->numbered) {
        return cdc_selection_numbers(*out, nout, text, cfg, path, err);
    }
    for (size_t i = 0; i < n; i++) {
        const char *pattern = cdc_config_item(cfg, path, i);
        const char *dot = strchr(pattern, '.');
        if (dot == NULL || dot == pattern || dot[1] == '\0') {
            char item[64];
            snprintf(item, sizeof item, "%s[%zu]", path, i);
            return cdc_pattern_refuse(cfg, item, path, pattern, err);
        }
        size_t len = strlen(pattern) + 1;
        memcpy(*text, pattern, len);
        (*text)[dot - pattern] = '\0';
        (*out)[i] = (cdc_pattern){*text, *text + (dot - pattern) + 1};
        *text += len;
        (*nout)++;
    }
    return CDC_OK;
}

static size_t cdc_selection_bytes(const cdc_config *cfg, const char *path)
{
    size_t bytes = 1;
    for (size_t i = 0; i < cdc_config_count(cfg, path); i++) {
        bytes += strlen(cdc_config_item(cfg, path, i)) + 1;
    }
    return bytes;
}

cdc_rc cdc_selection_new(cdc_selection **out, const cdc_config *cfg, cdc_error *err)
{
    static const char include[] = "objects.include";
    static const char exclude[] = "objects.exclude";
    cdc_rc rc;
    *out = NULL;
    cdc_selection *sel = calloc(1, sizeof *sel);
    if (sel != NULL) {
        sel->text = malloc(cdc_selection_bytes(cfg, include) + cdc_selection_bytes(cfg, exclude));
    }
    if (sel == NULL || sel->text == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "memory", "out of memory");
        goto out;
    }
    char *text = sel->text;
    sel->numbered = cdc_config_has(cfg, "source.type") &&
                    strcmp(cdc_config_str(cfg, "source.type"), "redis") == 0;
    rc = cdc_selection_list(sel, false, &text, cfg, include, err);
    if (rc == CDC_OK && sel->numbered && !cdc_config_has(cfg, include)) {
        sel->include[sel->ninclude++] = (cdc_pattern){"*", "*"};
    }
    if (rc == CDC_OK) {
        rc = cdc_selection_list(sel, true, &text, cfg, exclude, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_rules_init(&sel->rules, cfg, err);
    }
out:
    if (rc == CDC_OK) {
        *out = sel;
    } else {
        cdc_selection_free(sel);
    }
    return rc;
}

bool cdc_selection_exclude(cdc_selection *sel, const char *const *tables, size_t n)
{
    cdc_pattern *more = reallocarray(sel->exclude, sel->nexclude + n + 1, sizeof *more);
    if (more == NULL) {
        return false;
    }
    sel->exclude = more;
    for (size_t i = 0; i < n; i++) {
        more[sel->nexclude++] = (cdc_pattern){"*", tables[i]};
    }
    return true;
}

void cdc_selection_free(cdc_selection *sel)
{
    if (sel != NULL) {
        cdc_rules_fini(&sel->rules);
        free(sel->include);
        free(sel->exclude);
        free(sel->text);
        free(sel);
    }
}

static bool cdc_selection_any(const cdc_pattern *list, size_t n, const char *database,
                              const char *table)
{
    for (size_t i = 0; i < n; i++) {
        if (cdc_glob(list[i].database, database) && cdc_glob(list[i].table, table)) {
            return true;
        }
    }
    return false;
}

bool cdc_selection_table(const cdc_selection *sel, const char *database, const char *table)
{
    return cdc_selection_any(sel->include, sel->ninclude, database, table) &&
           !cdc_selection_any(sel->exclude, sel->nexclude, database, table);
}

bool cdc_selection_database(const cdc_selection *sel, const char *database)
{
    bool taken = false;
    for (size_t i = 0; i < sel->ninclude; i++) {
        taken = taken || cdc_glob(sel->include[i].database, database);
    }
    for (size_t i = 0; i < sel->nexclude; i++) {
        if (strcmp(sel->exclude[i].table, "*") == 0 &&
            cdc_glob(sel->exclude[i].database, database)) {
            return false;
        }
    }
    return taken;
}

bool cdc_selection_whole(const cdc_selection *sel, const char *database)
{
    bool whole = false;
    for (size_t i = 0; i < sel->ninclude; i++) {
        const char *table = sel->include[i].table;
        whole = whole ||
                (table[strspn(table, "*")] == '\0' && cdc_glob(sel->include[i].database, database));
    }
    for (size_t i = 0; i < sel->nexclude; i++) {
        whole = whole && !cdc_glob(sel->exclude[i].database, database);
    }
    return whole;
}

const cdc_rules *cdc_selection_rules(const cdc_selection *sel)
{
    return &sel->rules;
}

/* --- in words --- */

static void cdc_selection_words(const cdc_selection *sel, const cdc_pattern *list, size_t n,
                                cdc_buffer *out)
{
    for (size_t i = 0; i < n; i++) {
        cdc_buffer_addf(out, "%s%s", i > 0 ? " or " : "", list[i].database);
        if (!sel->numbered) {
            cdc_buffer_addf(out, ".%s", list[i].table);
        }
    }
}

void cdc_selection_print(const cdc_selection *sel, const char *prefix, cdc_buffer *out)
{
    cdc_buffer_addf(out, "%s%s that match ", prefix, sel->numbered ? "databases" : "tables");
    cdc_selection_words(sel, sel->include, sel->ninclude, out);
    cdc_buffer_add_str(out, sel->nexclude > 0 ? " and do not match " : "");
    cdc_selection_words(sel, sel->exclude, sel->nexclude, out);
    if (sel->numbered) {
        cdc_buffer_add_char(out, '\n');
        return;
    }
    cdc_buffer_add_str(out, "; also those that are created later\n");
    cdc_rules_print(&sel->rules, prefix, out);
}

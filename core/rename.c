#include "rename.h"

#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <strings.h>
#include <wchar.h>
#include <wctype.h>

#include "config_node.h"

typedef enum cdc_case { CDC_CASE_SOURCE, CDC_CASE_LOWER, CDC_CASE_UPPER } cdc_case;

typedef struct cdc_rename_rule {
    cdc_rename_name from, to; /* table "": of a database */
} cdc_rename_rule;

typedef struct cdc_rename_column_rule {
    cdc_rename_name table;
    char from[CDC_RENAME_MAX], to[CDC_RENAME_MAX];
} cdc_rename_column_rule;

struct cdc_rename {
    cdc_rename_rule *rules;
    size_t nrules;
    cdc_rename_column_rule *columns;
    size_t ncolumns;
    cdc_case letters;
    locale_t locale; /* for the case of letters beyond ASCII */
};

/* --- rules --- */

static cdc_rc cdc_rename_fault(const cdc_config *cfg, const char *path, cdc_error *err,
                               const char *what, const char *name)
{
    cdc_error_set(err, CDC_FATAL, "rename", "%s: %s: %s: %s", cdc_config_where(cfg, path), path,
                  name, what);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

static bool cdc_rename_copy(char out[CDC_RENAME_MAX], const char *s, size_t n)
{
    size_t fits = n < CDC_RENAME_MAX ? n : CDC_RENAME_MAX - 1;
    memcpy(out, s, fits);
    out[fits] = '\0';
    return n > 0 && n == fits;
}

/* "database.table" */
static bool cdc_rename_split(cdc_rename_name *out, const char *text)
{
    const char *dot = strchr(text, '.');
    return dot != NULL && cdc_rename_copy(out->database, text, (size_t)(dot - text)) &&
           cdc_rename_copy(out->table, dot + 1, strlen(dot + 1));
}

static cdc_rc cdc_rename_load_databases(cdc_rename *rn, const cdc_config *cfg, cdc_error *err)
{
    static const char path[] = "target.rename.databases";
    size_t n = cdc_config_count(cfg, path);
    for (size_t i = 0; i < n; i++) {
        const char *from;
        const char *to;
        cdc_rename_rule *rule = &rn->rules[rn->nrules];
        cdc_config_entry(cfg, path, i, &from, &to);
        if (!cdc_rename_copy(rule->from.database, from, strlen(from)) ||
            !cdc_rename_copy(rule->to.database, to, strlen(to))) {
            return cdc_rename_fault(cfg, path, err, "a database's name has 1 to 255 bytes", from);
        }
        rn->nrules++;
    }
    return CDC_OK;
}

static cdc_rc cdc_rename_load_tables(cdc_rename *rn, const cdc_config *cfg, cdc_error *err)
{
    static const char path[] = "target.rename.tables";
    size_t n = cdc_config_count(cfg, path);
    for (size_t i = 0; i < n; i++) {
        const char *from;
        const char *to;
        cdc_rename_rule *rule = &rn->rules[rn->nrules];
        cdc_config_entry(cfg, path, i, &from, &to);
        if (!cdc_rename_split(&rule->from, from) || !cdc_rename_split(&rule->to, to)) {
            return cdc_rename_fault(cfg, path, err, "give both names as database.table", from);
        }
        for (size_t k = 0; k < rn->nrules; k++) {
            const cdc_rename_rule *other = &rn->rules[k];
            if (other->from.table[0] != '\0' &&
                strcmp(other->to.database, rule->to.database) == 0 &&
                strcmp(other->to.table, rule->to.table) == 0) {
                return cdc_rename_fault(cfg, path, err,
                                        "another table has this name at the target already", to);
            }
        }
        rn->nrules++;
    }
    return CDC_OK;
}

static cdc_rc cdc_rename_add_column(cdc_rename *rn, const cdc_config *cfg,
                                    const cdc_rename_name *table, const char *from, const char *to,
                                    cdc_error *err)
{
    static const char path[] = "target.rename.columns";
    cdc_rename_column_rule *more = reallocarray(rn->columns, rn->ncolumns + 1, sizeof *rn->columns);
    if (more == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for target.rename");
    }
    rn->columns = more;
    cdc_rename_column_rule *rule = &more[rn->ncolumns];
    rule->table = *table;
    if (!cdc_rename_copy(rule->from, from, strlen(from)) ||
        !cdc_rename_copy(rule->to, to, strlen(to))) {
        return cdc_rename_fault(cfg, path, err, "a column's name has 1 to 255 bytes", from);
    }
    for (size_t k = 0; k < rn->ncolumns; k++) {
        if (strcmp(more[k].table.database, table->database) == 0 &&
            strcmp(more[k].table.table, table->table) == 0 && strcasecmp(more[k].to, to) == 0) {
            return cdc_rename_fault(cfg, path, err,
                                    "another column of the table has this name at the target", to);
        }
    }
    rn->ncolumns++;
    return CDC_OK;
}

static cdc_rc cdc_rename_load_columns(cdc_rename *rn, const cdc_config *cfg, cdc_error *err)
{
    static const char path[] = "target.rename.columns";
    size_t n = cdc_config_count(cfg, path);
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; i < n && rc == CDC_OK; i++) {
        const char *name;
        const char *from = "";
        const char *to;
        cdc_rename_name table;
        cdc_config_entry(cfg, path, i, &name, &to);
        if (!cdc_rename_split(&table, name)) {
            return cdc_rename_fault(cfg, path, err, "give the table as database.table", name);
        }
        for (size_t k = 0; rc == CDC_OK; k++) {
            cdc_config_entry2(cfg, path, i, k, &from, &to);
            if (from == NULL) {
                break;
            }
            rc = cdc_rename_add_column(rn, cfg, &table, from, to, err);
        }
    }
    return rc;
}

static cdc_rc cdc_rename_load_case(cdc_rename *rn, const cdc_config *cfg, cdc_error *err)
{
    const char *text = cdc_config_str(cfg, "target.case");
    rn->letters = text == NULL || strcmp(text, "source") == 0 ? CDC_CASE_SOURCE
                  : strcmp(text, "lower") == 0                ? CDC_CASE_LOWER
                                                              : CDC_CASE_UPPER;
    if (rn->letters != CDC_CASE_SOURCE) {
        rn->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        if (rn->locale == (locale_t)0) {
            return cdc_error_refuse(err, "locale",
                                    "target.case: the system has no locale C.UTF-8: install it, or "
                                    "leave the option out");
        }
    }
    return CDC_OK;
}

cdc_rc cdc_rename_new(cdc_rename **out, const cdc_config *cfg, cdc_error *err)
{
    cdc_rename *rn = calloc(1, sizeof *rn);
    *out = rn;
    if (rn == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for target.rename");
    }
    if (cdc_config_setting(cfg, "target.rename.tables") == NULL) {
        return CDC_OK;
    }
    size_t n = cdc_config_count(cfg, "target.rename.databases") +
               cdc_config_count(cfg, "target.rename.tables");
    rn->rules = calloc(n + 1, sizeof *rn->rules);
    cdc_rc rc = rn->rules != NULL
                    ? cdc_rename_load_databases(rn, cfg, err)
                    : cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for target.rename");
    rc = rc == CDC_OK ? cdc_rename_load_tables(rn, cfg, err) : rc;
    rc = rc == CDC_OK ? cdc_rename_load_columns(rn, cfg, err) : rc;
    rc = rc == CDC_OK ? cdc_rename_load_case(rn, cfg, err) : rc;
    if (rc != CDC_OK) {
        cdc_rename_free(rn);
        *out = NULL;
    }
    return rc;
}

void cdc_rename_free(cdc_rename *rn)
{
    if (rn == NULL) {
        return;
    }
    if (rn->locale != (locale_t)0) {
        freelocale(rn->locale);
    }
    free(rn->rules);
    free(rn->columns);
    free(rn);
}

/* --- lookups --- */

/* One letter in its other case. Names of servers have no letters that change their number. */
static wint_t cdc_rename_letter(const cdc_rename *rn, wchar_t c)
{
    return rn->letters == CDC_CASE_LOWER ? towlower_l((wint_t)c, rn->locale)
                                         : towupper_l((wint_t)c, rn->locale);
}

static void cdc_rename_by_case(const cdc_rename *rn, const char *name, char out[CDC_RENAME_MAX])
{
    size_t n = 0;
    size_t left = strlen(name);
    mbstate_t in = {0};
    locale_t before = rn->letters != CDC_CASE_SOURCE ? uselocale(rn->locale) : (locale_t)0;
    while (left > 0 && rn->letters != CDC_CASE_SOURCE) {
        wchar_t c;
        char bytes[MB_LEN_MAX];
        mbstate_t state = {0};
        size_t read = mbrtowc(&c, name, left, &in);
        if (read == 0 || read > left) {
            break; /* no UTF-8: the rest as it is */
        }
        size_t written = wcrtomb(bytes, (wchar_t)cdc_rename_letter(rn, c), &state);
        if (written > sizeof bytes || n + written >= CDC_RENAME_MAX) {
            break;
        }
        memcpy(out + n, bytes, written);
        n += written;
        name += read;
        left -= read;
    }
    if (before != (locale_t)0) {
        uselocale(before);
    }
    snprintf(out + n, CDC_RENAME_MAX - n, "%s", name);
}

static const cdc_rename_rule *cdc_rename_find(const cdc_rename *rn, const char *database,
                                              const char *table)
{
    for (size_t i = 0; i < rn->nrules; i++) {
        if (strcmp(rn->rules[i].from.table, table) == 0 &&
            strcmp(rn->rules[i].from.database, database) == 0) {
            return &rn->rules[i];
        }
    }
    return NULL;
}

void cdc_rename_database(const cdc_rename *rn, const char *database, char out[CDC_RENAME_MAX])
{
    const cdc_rename_rule *rule = cdc_rename_find(rn, database, "");
    if (rule != NULL) {
        snprintf(out, CDC_RENAME_MAX, "%s", rule->to.database);
    } else {
        cdc_rename_by_case(rn, database, out);
    }
}

void cdc_rename_table(const cdc_rename *rn, const char *database, const char *table,
                      cdc_rename_name *out)
{
    const cdc_rename_rule *rule = table[0] != '\0' ? cdc_rename_find(rn, database, table) : NULL;
    if (rule != NULL) {
        *out = rule->to;
        return;
    }
    cdc_rename_database(rn, database, out->database);
    cdc_rename_by_case(rn, table, out->table);
}

static const cdc_rename_column_rule *cdc_rename_next_column(const cdc_rename *rn, size_t from,
                                                            const char *database, const char *table)
{
    for (size_t i = from; i < rn->ncolumns; i++) {
        if (strcmp(rn->columns[i].table.table, table) == 0 &&
            strcmp(rn->columns[i].table.database, database) == 0) {
            return &rn->columns[i];
        }
    }
    return NULL;
}

bool cdc_rename_has_columns(const cdc_rename *rn, const char *database, const char *table)
{
    return cdc_rename_next_column(rn, 0, database, table) != NULL;
}

const char *cdc_rename_column(const cdc_rename *rn, const char *database, const char *table,
                              const char *column)
{
    const cdc_rename_column_rule *rule = cdc_rename_next_column(rn, 0, database, table);
    while (rule != NULL) {
        if (strcasecmp(rule->from, column) == 0) {
            return rule->to;
        }
        rule = cdc_rename_next_column(rn, (size_t)(rule - rn->columns) + 1, database, table);
    }
    return column;
}

bool cdc_rename_splits(const cdc_rename *rn, const char *database)
{
    char name[CDC_RENAME_MAX];
    cdc_rename_database(rn, database, name);
    for (size_t i = 0; i < rn->nrules; i++) {
        const cdc_rename_rule *rule = &rn->rules[i];
        bool leaves = strcmp(rule->from.database, database) == 0;
        bool comes = strcmp(rule->to.database, name) == 0;
        if (leaves != comes) {
            return true;
        }
    }
    return false;
}

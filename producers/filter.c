#include "filter.h"

#include <stdlib.h>

#include "core/log.h"

enum {
    TABLES_MIN = 256,  /* places at first; a power of two */
    TABLES_MAX = 8192, /* versions of tables; when they are more all are forgotten */
};

/* What the rules mean for one version of a table. */
typedef struct cdc_fit {
    uint32_t uid; /* of the source's table; 0 = empty place */
    bool all;     /* nothing is left out */
    const cdc_rule *rule;
    cdc_condition *where; /* NULL: all rows */
    cdc_table *narrow;    /* without the columns left out; NULL: with all */
    uint16_t *columns;    /* narrow's columns in the source's table */
    cdc_value *values;    /* two rows of narrow, before and after */
} cdc_fit;

struct cdc_filter {
    const cdc_rules *rules;
    bool active;
    cdc_fit *fits; /* open addressing by uid */
    size_t cap, count;
    cdc_fit *newest; /* rows of one table come in runs */
};

/* --- what fits a table --- */

static void cdc_fit_fini(cdc_fit *fit)
{
    cdc_condition_free(fit->where);
    cdc_table_unref(fit->narrow);
    free(fit->columns);
    free(fit->values);
    *fit = (cdc_fit){.uid = 0};
}

static cdc_rc cdc_fit_fault(const cdc_rule *rule, const cdc_table *tbl, const char *column,
                            const char *what, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "columns", "objects.tables[%zu] (%s): table %s.%s: %s %s",
                         rule->index, rule->match, tbl->database, tbl->name, column, what);
}

/* A name that is no column of the table: a slip where the entry is for one table, usual where it is
 * for many. */
static cdc_rc cdc_fit_check_names(const cdc_rule *rule, const cdc_table *tbl,
                                  const cdc_names *names, cdc_error *err)
{
    for (size_t i = 0; i < names->n; i++) {
        if (cdc_table_find_column(tbl, names->names[i]) < 0 && rule->exact) {
            return cdc_fit_fault(rule, tbl, names->names[i],
                                 "is not among its columns; mend the entry's columns", err);
        }
    }
    return CDC_OK;
}

/* The columns that are taken, into fit->columns; *n of them. */
static cdc_rc cdc_fit_choose(cdc_fit *fit, const cdc_table *tbl, uint32_t *n, cdc_error *err)
{
    const cdc_rule *rule = fit->rule;
    cdc_rc rc = cdc_fit_check_names(rule, tbl, &rule->include, err);
    if (rc == CDC_OK) {
        rc = cdc_fit_check_names(rule, tbl, &rule->exclude, err);
    }
    for (uint32_t i = 0; i < tbl->ncols && rc == CDC_OK; i++) {
        if (cdc_rule_column(rule, tbl->cols[i].name)) {
            fit->columns[(*n)++] = (uint16_t)i;
        } else if (tbl->cols[i].key_part >= 0) {
            rc = cdc_fit_fault(rule, tbl, tbl->cols[i].name,
                               "is of the primary key and cannot be left out; mend the entry's "
                               "columns",
                               err);
        }
    }
    return rc == CDC_OK && *n == 0
               ? cdc_fit_fault(rule, tbl, "no column", "is left; mend the entry's columns", err)
               : rc;
}

static cdc_rc cdc_fit_narrow(cdc_fit *fit, const cdc_table *tbl, uint32_t n, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    cdc_column *cols = calloc(n, sizeof *cols);
    uint16_t *keys = calloc(tbl->nkeys + 1, sizeof *keys);
    fit->values = calloc(2 * (size_t)n, sizeof *fit->values);
    if (cols == NULL || keys == NULL || fit->values == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the filter");
        goto out;
    }
    for (uint32_t i = 0; i < n; i++) {
        cols[i] = tbl->cols[fit->columns[i]];
        if (cols[i].key_part >= 0) {
            keys[cols[i].key_part] = (uint16_t)i;
        }
    }
    rc = cdc_table_new(&fit->narrow, tbl->database, tbl->name, cols, n, keys, tbl->nkeys, err);
out:
    free(cols);
    free(keys);
    return rc;
}

static cdc_rc cdc_fit_columns(cdc_fit *fit, const cdc_table *tbl, cdc_error *err)
{
    uint32_t n = 0;
    if (fit->rule->include.n + fit->rule->exclude.n == 0) {
        return CDC_OK;
    }
    fit->columns = calloc(tbl->ncols, sizeof *fit->columns);
    if (fit->columns == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the filter");
    }
    cdc_rc rc = cdc_fit_choose(fit, tbl, &n, err);
    return rc == CDC_OK && n < tbl->ncols ? cdc_fit_narrow(fit, tbl, n, err) : rc;
}

static cdc_rc cdc_fit_init(cdc_fit *fit, const cdc_rules *rules, const cdc_table *tbl,
                           cdc_error *err)
{
    *fit = (cdc_fit){.uid = tbl->uid, .rule = cdc_rules_find(rules, tbl->database, tbl->name)};
    cdc_rc rc = CDC_OK;
    if (fit->rule != NULL && fit->rule->where != NULL) {
        rc = cdc_where_bind(&fit->where, fit->rule->where, tbl, err);
        if (rc != CDC_OK) {
            cdc_error_context(err, "objects.tables[%zu] (%s)", fit->rule->index, fit->rule->match);
        }
    }
    if (rc == CDC_OK && fit->rule != NULL) {
        rc = cdc_fit_columns(fit, tbl, err);
    }
    if (rc != CDC_OK) {
        cdc_fit_fini(fit);
        return rc;
    }
    fit->all = fit->where == NULL && fit->narrow == NULL;
    if (fit->rule != NULL) {
        CDC_LOG(CDC_LOG_DEBUG, "filter", CDC_STR("database", tbl->database),
                CDC_STR("table", tbl->name), CDC_NUM("entry", fit->rule->index),
                CDC_NUM("columns", fit->narrow != NULL ? fit->narrow->ncols : tbl->ncols));
    }
    return CDC_OK;
}

/* --- by table --- */

static cdc_fit *cdc_filter_place(cdc_fit *fits, size_t cap, uint32_t uid)
{
    size_t i = (uid * 0x9e3779b1U) & (cap - 1);
    while (fits[i].uid != 0 && fits[i].uid != uid) {
        i = (i + 1) & (cap - 1);
    }
    return &fits[i];
}

static void cdc_filter_forget(cdc_filter *flt)
{
    for (size_t i = 0; i < flt->cap; i++) {
        cdc_fit_fini(&flt->fits[i]);
    }
    flt->count = 0;
}

/* Half of the places stay empty. */
static cdc_rc cdc_filter_room(cdc_filter *flt, cdc_error *err)
{
    if (flt->count == TABLES_MAX) {
        cdc_filter_forget(flt);
    }
    if (2 * (flt->count + 1) <= flt->cap) {
        return CDC_OK;
    }
    size_t cap = flt->cap > 0 ? 2 * flt->cap : TABLES_MIN;
    cdc_fit *fits = calloc(cap, sizeof *fits);
    if (fits == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the filter");
    }
    for (size_t i = 0; i < flt->cap; i++) {
        if (flt->fits[i].uid != 0) {
            *cdc_filter_place(fits, cap, flt->fits[i].uid) = flt->fits[i];
        }
    }
    free(flt->fits);
    flt->fits = fits;
    flt->cap = cap;
    return CDC_OK;
}

static cdc_rc cdc_filter_fit(cdc_filter *flt, const cdc_table *tbl, cdc_fit **out, cdc_error *err)
{
    cdc_fit *fit = flt->newest;
    if (fit == NULL || fit->uid != tbl->uid) {
        fit = flt->cap > 0 ? cdc_filter_place(flt->fits, flt->cap, tbl->uid) : NULL;
    }
    if (fit == NULL || fit->uid == 0) {
        cdc_rc rc = cdc_filter_room(flt, err);
        flt->newest = NULL;
        if (rc != CDC_OK) {
            return rc;
        }
        fit = cdc_filter_place(flt->fits, flt->cap, tbl->uid);
        rc = cdc_fit_init(fit, flt->rules, tbl, err);
        if (rc != CDC_OK) {
            return rc;
        }
        flt->count++;
    }
    flt->newest = fit;
    *out = fit;
    return CDC_OK;
}

/* --- events --- */

static cdc_rc cdc_filter_matches(const cdc_fit *fit, const cdc_table *tbl, const cdc_value *row,
                                 bool *matches, cdc_error *err)
{
    int lacking;
    *matches = row != NULL && cdc_condition_row(fit->where, row, &lacking) == CDC_TRUE;
    if (row != NULL && lacking >= 0) {
        return cdc_error_set(err, CDC_FATAL, "where",
                             "objects.tables[%zu] (%s): where needs column %s, and this row of "
                             "table %s.%s has no value for it; set binlog_row_image=FULL",
                             fit->rule->index, fit->rule->match, tbl->cols[lacking].name,
                             tbl->database, tbl->name);
    }
    return CDC_OK;
}

static cdc_rc cdc_filter_where(const cdc_fit *fit, cdc_event *ev, bool *taken, cdc_error *err)
{
    bool before;
    bool after;
    cdc_rc rc = cdc_filter_matches(fit, ev->table, ev->before, &before, err);
    if (rc == CDC_OK) {
        rc = cdc_filter_matches(fit, ev->table, ev->after, &after, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    *taken = before || after;
    if (ev->op == CDC_OP_UPDATE && !before) {
        ev->op = CDC_OP_INSERT;
        ev->before = NULL;
    } else if (ev->op == CDC_OP_UPDATE && !after) {
        ev->op = CDC_OP_DELETE;
        ev->after = NULL;
    }
    return CDC_OK;
}

static const cdc_value *cdc_filter_row(const cdc_fit *fit, const cdc_value *row, cdc_value *to)
{
    if (row == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < fit->narrow->ncols; i++) {
        to[i] = row[fit->columns[i]];
    }
    return to;
}

static bool cdc_filter_changed(const cdc_event *ev)
{
    for (uint32_t i = 0; i < ev->table->ncols; i++) {
        if (!cdc_value_equal(&ev->before[i], &ev->after[i])) {
            return true;
        }
    }
    return false;
}

/* The full copy leaves a row to the stream that has touched it. So where inserts are taken and
 * updates are not, an UPDATE beside the copy is the row's only message: its INSERT. */
static bool cdc_filter_operation(const cdc_filter *flt, cdc_event *ev)
{
    bool taken = cdc_rules_operation(flt->rules, (cdc_op)ev->op);
    if (!taken && ev->op == CDC_OP_UPDATE && ev->phase == CDC_PHASE_SNAPSHOT &&
        cdc_rules_operation(flt->rules, CDC_OP_INSERT)) {
        ev->op = CDC_OP_INSERT;
        ev->before = NULL;
        taken = true;
    }
    return taken;
}

cdc_rc cdc_filter_event(cdc_filter *flt, cdc_event *ev, bool *taken, cdc_error *err)
{
    cdc_fit *fit;
    *taken = cdc_filter_operation(flt, ev);
    if (!flt->active || !*taken || ev->table == NULL) {
        return CDC_OK;
    }
    cdc_rc rc = cdc_filter_fit(flt, ev->table, &fit, err);
    if (rc != CDC_OK || fit->all) {
        return rc;
    }
    if (fit->where != NULL) {
        rc = cdc_filter_where(fit, ev, taken, err);
    }
    if (rc == CDC_OK && *taken && fit->narrow != NULL) {
        ev->table = fit->narrow;
        ev->before = cdc_filter_row(fit, ev->before, fit->values);
        ev->after = cdc_filter_row(fit, ev->after, fit->values + fit->narrow->ncols);
        /* the full copy leaves out a row that the stream has touched: this is its only message */
        *taken =
            ev->op != CDC_OP_UPDATE || ev->phase == CDC_PHASE_SNAPSHOT || cdc_filter_changed(ev);
    }
    return rc;
}

/* --- life --- */

cdc_rc cdc_filter_new(cdc_filter **out, const cdc_env *env, cdc_error *err)
{
    cdc_filter *flt = calloc(1, sizeof *flt);
    *out = flt;
    if (flt == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the filter");
    }
    flt->rules = cdc_selection_rules(env->selection);
    flt->active = cdc_rules_any(flt->rules);
    return CDC_OK;
}

void cdc_filter_free(cdc_filter *flt)
{
    if (flt != NULL) {
        cdc_filter_forget(flt);
        free(flt->fits);
        free(flt);
    }
}

bool cdc_filter_active(const cdc_filter *flt)
{
    return flt->active;
}

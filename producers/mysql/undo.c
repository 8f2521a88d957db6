#include "undo.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void cut_savepoints(src_mysql_undo *undo, size_t n)
{
    while (undo->nsavepoints > n) {
        free(undo->savepoints[--undo->nsavepoints].name);
    }
}

void src_mysql_undo_rewind(src_mysql_undo *undo)
{
    cut_savepoints(undo, 0);
    undo->rows_event = 0;
}

void src_mysql_undo_reset(src_mysql_undo *undo)
{
    src_mysql_undo_rewind(undo);
    undo->nundone = 0;
}

void src_mysql_undo_fini(src_mysql_undo *undo)
{
    src_mysql_undo_reset(undo);
    free(undo->savepoints);
    free(undo->undone);
    memset(undo, 0, sizeof(*undo));
}

/* Makes room for one more; NULL: no memory. */
static void *grown(void *items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return items;
    }
    size_t more = *cap > 0 ? *cap * 2 : 8;
    void *p = realloc(items, more * size);
    *cap = p != NULL ? more : *cap;
    return p;
}

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for savepoints");
}

/* Index, or nsavepoints. */
static size_t find(const src_mysql_undo *undo, const char *name)
{
    size_t i = 0;
    while (i < undo->nsavepoints && strcasecmp(undo->savepoints[i].name, name) != 0) {
        i++;
    }
    return i;
}

cdc_rc src_mysql_undo_savepoint(src_mysql_undo *undo, const char *name, uint32_t mark,
                                cdc_error *err)
{
    size_t old = find(undo, name);
    if (old < undo->nsavepoints) { /* one of the same name takes its place, at the end */
        free(undo->savepoints[old].name);
        undo->nsavepoints--;
        memmove(&undo->savepoints[old], &undo->savepoints[old + 1],
                (undo->nsavepoints - old) * sizeof(*undo->savepoints));
    }
    if (undo->nsavepoints == SRC_MYSQL_SAVEPOINTS_MAX) {
        return cdc_error_set(err, CDC_FATAL, "mysql_rollback",
                             "a transaction has more than %d savepoints", SRC_MYSQL_SAVEPOINTS_MAX);
    }
    void *items = grown(undo->savepoints, undo->nsavepoints, &undo->savepoints_cap,
                        sizeof(*undo->savepoints));
    char *copy = strdup(name);
    if (items != NULL) {
        undo->savepoints = items;
    }
    if (items == NULL || copy == NULL) {
        free(copy);
        return no_memory(err);
    }
    undo->savepoints[undo->nsavepoints++] =
        (src_mysql_savepoint){.name = copy, .rows_event = undo->rows_event, .mark = mark};
    return CDC_OK;
}

cdc_rc src_mysql_undo_rollback_to(src_mysql_undo *undo, const char *name, uint32_t *mark,
                                  cdc_error *err)
{
    size_t at = find(undo, name);
    if (at == undo->nsavepoints) {
        return cdc_error_set(err, CDC_FATAL, "mysql_rollback",
                             "ROLLBACK TO SAVEPOINT %s, which the transaction did not set: which "
                             "rows count cannot be told; start again with a full copy under a new "
                             "name",
                             name);
    }
    void *items = grown(undo->undone, undo->nundone, &undo->undone_cap, sizeof(*undo->undone));
    if (items == NULL) {
        return no_memory(err);
    }
    undo->undone = items;
    undo->undone[undo->nundone++] =
        (src_mysql_undone){undo->savepoints[at].rows_event, undo->rows_event};
    *mark = undo->savepoints[at].mark;
    cut_savepoints(undo, at + 1);
    return CDC_OK;
}

bool src_mysql_undo_has(const src_mysql_undo *undo, uint64_t rows_event)
{
    for (size_t i = 0; i < undo->nundone; i++) {
        if (rows_event >= undo->undone[i].from && rows_event < undo->undone[i].to) {
            return true;
        }
    }
    return false;
}

/* Which databases and tables a task takes: objects.include and objects.exclude, patterns "db.table"
 * with * and ?, of a Redis source numbers of databases (0 to 255) or *, with every table; and, as
 * rules.h says, what is taken of them. Sources know the tables only; the
 * capture loop applies the rules. Names are compared as the source gives them (case-sensitive).
 * Immutable once made; any thread. */
#ifndef CDC_SELECTION_H
#define CDC_SELECTION_H

#include "config.h"
#include "rules.h"

typedef struct cdc_selection cdc_selection;

cdc_rc cdc_selection_new(cdc_selection **out, const cdc_config *cfg, cdc_error *err) CDC_MUST_CHECK;
void cdc_selection_free(cdc_selection *sel);
/* Leaves out tables of these patterns, in any database; before the selection is shared. The texts
 * are borrowed for its life. False: no memory. */
bool cdc_selection_exclude(cdc_selection *sel, const char *const *tables, size_t n) CDC_MUST_CHECK;
bool cdc_selection_table(const cdc_selection *sel, const char *database, const char *table);
/* Could any table of this database be taken? */
bool cdc_selection_database(const cdc_selection *sel, const char *database);
/* Are all of its tables taken, whatever they are called? */
bool cdc_selection_whole(const cdc_selection *sel, const char *database);
/* Borrowed from sel. */
const cdc_rules *cdc_selection_rules(const cdc_selection *sel);
/* Says in words what it means, every line begun with `prefix`. */
void cdc_selection_print(const cdc_selection *sel, const char *prefix, cdc_buffer *out);

/* The error for a pattern without a dot between two names: `option` with this value, at `path` of
 * the file. Exit code 2. */
cdc_rc cdc_pattern_refuse(const cdc_config *cfg, const char *path, const char *option,
                          const char *pattern, cdc_error *err);
/* Glob with * and ? over the whole string; * also matches nothing. */
bool cdc_glob(const char *pattern, const char *s);

#endif

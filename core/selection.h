/* Which databases and tables a task takes: objects.include and objects.exclude, patterns "db.table"
 * with * and ?. Names are compared as the source gives them (case-sensitive). Immutable; any
 * thread. */
#ifndef CDC_SELECTION_H
#define CDC_SELECTION_H

#include "config.h"

typedef struct cdc_selection cdc_selection;

cdc_rc cdc_selection_new(cdc_selection **out, const cdc_config *cfg, cdc_error *err) CDC_MUST_CHECK;
void cdc_selection_free(cdc_selection *sel);
bool cdc_selection_table(const cdc_selection *sel, const char *database, const char *table);
/* Could any table of this database be taken? */
bool cdc_selection_database(const cdc_selection *sel, const char *database);
/* Glob with * and ? over the whole string; * also matches nothing. */
bool cdc_glob(const char *pattern, const char *s);

#endif

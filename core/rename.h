/* cdc_rename: what databases, tables and columns are called at the target (target.rename,
 * target.case).
 *
 * A rule for a table goes before one for its database. target.case applies to the names of
 * databases and tables that no rule gives; columns keep theirs, because no server tells their
 * capitals apart. Rules name source objects as the source writes them (case-sensitive; columns are
 * not). Immutable; any thread. A lookup walks the rules: callers on the hot path keep the answer by
 * table. */
#ifndef CDC_RENAME_H
#define CDC_RENAME_H

#include "config.h"

#define CDC_RENAME_MAX 256 /* bytes of a name, with its NUL */

typedef struct cdc_rename cdc_rename;

typedef struct cdc_rename_name {
    char database[CDC_RENAME_MAX], table[CDC_RENAME_MAX];
} cdc_rename_name;

/* A task whose target has no such options renames nothing. FATAL with exit 2: a rule that is no
 * "database.table", a name that is empty or too long, two tables or two columns of one table with
 * one name at the target. */
cdc_rc cdc_rename_new(cdc_rename **out, const cdc_config *cfg, cdc_error *err) CDC_MUST_CHECK;
void cdc_rename_free(cdc_rename *rn); /* NULL is fine */

/* Names that are too long are cut. */
void cdc_rename_table(const cdc_rename *rn, const char *database, const char *table,
                      cdc_rename_name *out);
void cdc_rename_database(const cdc_rename *rn, const char *database, char out[CDC_RENAME_MAX]);
/* The column's own name unless a rule names it. */
const char *cdc_rename_column(const cdc_rename *rn, const char *database, const char *table,
                              const char *column);
/* Has this table rules for columns? */
bool cdc_rename_has_columns(const cdc_rename *rn, const char *database, const char *table);
/* May tables of this database have another database than the others, or tables of other databases
 * come into its own? Then it cannot be dropped as a whole. */
bool cdc_rename_splits(const cdc_rename *rn, const char *database);

#endif

/* What is taken of the tables that a task takes: objects.operations for all of them, and for each
 * the first entry of objects.tables whose match fits. Immutable; any thread. */
#ifndef CDC_RULES_H
#define CDC_RULES_H

#include "arena.h"
#include "config.h"
#include "event.h"
#include "where.h"

typedef struct cdc_names {
    const char *const *names;
    size_t n;
} cdc_names;

typedef struct cdc_rule {
    const char *match;            /* "database.table" as it is written */
    const char *database, *table; /* its two patterns */
    bool exact;                   /* no pattern, one table */
    size_t index;                 /* of the entry: objects.tables[index] */
    const char *where_text;       /* NULL: all rows */
    cdc_where *where;
    cdc_names include; /* columns; none = all of them */
    cdc_names exclude; /* and of these all but those */
} cdc_rule;

typedef struct cdc_rules {
    cdc_arena arena;     /* holds the rules, but for their wheres */
    unsigned operations; /* bits 1 << cdc_op */
    cdc_rule *rules;
    size_t nrules;
} cdc_rules;

/* Errors (a bad pattern, a condition that does not parse) have exit code 2 and the place in the
 * file. Copies what it takes from cfg. fini in any case. */
cdc_rc cdc_rules_init(cdc_rules *rules, const cdc_config *cfg, cdc_error *err) CDC_MUST_CHECK;
void cdc_rules_fini(cdc_rules *rules);

/* The first rule for the table, or NULL: all of its rows and columns. */
const cdc_rule *cdc_rules_find(const cdc_rules *rules, const char *database, const char *table);
/* Does the rule take that column? A name is compared without capitals, as MySQL does; rule NULL:
 * yes. */
bool cdc_rule_column(const cdc_rule *rule, const char *column);
bool cdc_rules_operation(const cdc_rules *rules, cdc_op op);
/* Is anything left out at all? */
bool cdc_rules_any(const cdc_rules *rules);

/* Says in words what the rules mean, one line each, every line begun with `prefix`. */
void cdc_rules_print(const cdc_rules *rules, const char *prefix, cdc_buffer *out);

#endif

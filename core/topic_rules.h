/* Where rows go, as the task file says: for each table the first entry of topics.rules whose match
 * fits, and what topics itself says for what an entry leaves out and for all other tables.
 *
 * Immutable once made; any thread. */
#ifndef CDC_TOPIC_RULES_H
#define CDC_TOPIC_RULES_H

#include "arena.h"
#include "config.h"

typedef enum cdc_policy {
    CDC_POLICY_SINGLE,  /* partition 0 */
    CDC_POLICY_TABLE,   /* hash of database and table */
    CDC_POLICY_PK,      /* hash of the message's key */
    CDC_POLICY_COLUMNS, /* hash of some columns */
    CDC_POLICY_CANAL,   /* of some columns, or the primary key, by Canal's own hash */
} cdc_policy;

const char *cdc_policy_name(cdc_policy policy);

typedef struct cdc_topic_rule {
    char place[40];               /* "topics.rules[2]"; "topics" of the last, which is for all */
    const char *database, *table; /* its two patterns */
    const char *topic;            /* template of {task} {database} {table} */
    bool own_topic;               /* the entry gives it */
    int32_t partitions;
    cdc_policy policy;
    const char *const *columns; /* of COLUMNS and CANAL; CANAL without: the primary key */
    size_t ncolumns;
} cdc_topic_rule;

typedef struct cdc_topic_rules {
    cdc_arena arena; /* holds the rules; strings are the configuration's, or in it */
    cdc_topic_rule *rules;
    size_t n; /* at least 1 */
} cdc_topic_rules;

/* Errors (a bad pattern, columns missing or without use, two entries for one match, two numbers of
 * partitions for one topic) have exit code 2 and the place in the file. cfg must outlive it. fini
 * in any case. */
cdc_rc cdc_topic_rules_init(cdc_topic_rules *rules, const cdc_config *cfg,
                            cdc_error *err) CDC_MUST_CHECK;
void cdc_topic_rules_fini(cdc_topic_rules *rules);

/* Never NULL. */
const cdc_topic_rule *cdc_topic_rules_find(const cdc_topic_rules *rules, const char *database,
                                           const char *table);

/* Does the template give a topic for each database or table? */
bool cdc_topic_by_table(const char *pattern);
/* The first rule whose template does, or NULL. */
const cdc_topic_rule *cdc_topic_rules_by_table(const cdc_topic_rules *rules);

#endif

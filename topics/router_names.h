/* The names of a task's topics: templates with {task} {database} {table}, and which topics a task
 * has. Any thread; what is handed out lives in the caller's arena or buffer. */
#ifndef CDC_ROUTER_NAMES_H
#define CDC_ROUTER_NAMES_H

#include "core/plugin.h"

typedef struct cdc_topic_names {
    const char *const *data;
    const int32_t *partitions; /* of each, that the task asks for */
    const bool *hashed;        /* ...and whether another number sends keys elsewhere */
    const char *const *places; /* ...and whose `partitions` it is: "topics.rules[2]" */
    size_t ndata;
    const char *const *ddl; /* none: DDL travels in the data topics */
    size_t nddl;
} cdc_topic_names;

/* The data topics that an applier of this task reads: from.topics, or topics.data's expansion and
 * those of topics.rules when they have no {database} or {table}, each once; and the DDL topics:
 * topics.ddl; when that is not given and the topics are other tasks', each topic's name with
 * ".ddl". Also used by `sluice topics`. FATAL if a template has {database} or {table} and
 * from.topics is not given. */
cdc_rc cdc_router_topics(const cdc_task *task, cdc_arena *ar, cdc_topic_names *out,
                         cdc_error *err) CDC_MUST_CHECK;

/* The topics that a task with a source writes while its tables are those of the catalog: of every
 * rule, and where its template has {database} or {table}, of each table that it is for. FATAL
 * ("topic_shared"): two tables have one topic, by rules with different numbers of partitions. */
cdc_rc cdc_router_topics_of(const cdc_task *task, const cdc_catalog *cat, cdc_arena *ar,
                            cdc_topic_names *out, cdc_error *err) CDC_MUST_CHECK;

/* topics.oversize of a task whose message.oversize is side-topic, "" of others; named after the one
 * topic of from.topics like the DDL topic. */
cdc_rc cdc_router_side_topic(const cdc_task *task, cdc_arena *ar, const char **out,
                             cdc_error *err) CDC_MUST_CHECK;

/* topics.transactions, "" when there is none. */
cdc_rc cdc_router_transactions_topic(const cdc_task *task, cdc_arena *ar, const char **out,
                                     cdc_error *err) CDC_MUST_CHECK;

/* A topic's name: the template with {task} {database} {table} put in. Kafka takes only a-z A-Z 0-9
 * . _ - in names: every other character of a database or table becomes '_', so two tables may share
 * a topic; which table a record is of stands in its key and value, never only in the topic's name.
 * FATAL when the name is empty or longer than 249. */
cdc_rc cdc_router_expand(const char *pattern, const char *task, const char *database,
                         const char *table, cdc_buffer *out, cdc_error *err) CDC_MUST_CHECK;
/* The topic of a table's rows or, with database NULL, of statements, "" when those go to their
 * tables' topics: a cdc_topic_of (core/plugin.h). */
cdc_rc cdc_router_topic_of(const cdc_task *task, const char *database, const char *table,
                           cdc_buffer *out, cdc_error *err) CDC_MUST_CHECK;

#endif

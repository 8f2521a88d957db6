/* Where a record goes: topic by template (topics.data with {task} {database} {table}), partition by policy
 * (single | table | pk). Publisher's thread. Caches by table uid. */
#ifndef CDC_ROUTER_H
#define CDC_ROUTER_H

#include "core/plugin.h"
#include "producer.h"

typedef struct cdc_router cdc_router;

typedef struct cdc_route {
    cdc_topic *topic;
    int32_t partition;
} cdc_route;

cdc_rc cdc_router_new(cdc_router **out, const cdc_env *env, cdc_producer *pr, cdc_error *err) CDC_MUST_CHECK;
void cdc_router_free(cdc_router *rt);

/* Row event: creates the topic when it is missing and may be. key: the encoded Kafka key. */
cdc_rc cdc_router_row(cdc_router *rt, const cdc_table *tbl, cdc_bytes key, cdc_route *out, cdc_error *err)
    CDC_MUST_CHECK;
/* DDL event: topics.ddl, or the data topic when that is "" (partition 0). */
cdc_rc cdc_router_ddl(cdc_router *rt, const cdc_event *ev, cdc_route *out, cdc_error *err) CDC_MUST_CHECK;
/* Does the policy hash the key, so that an UPDATE of the key must become DELETE and INSERT? */
bool cdc_router_hashes_key(const cdc_router *rt, const cdc_table *tbl);

/* The data topics that an applier of this task reads: from.topics, or topics.data's expansion when it has no
 * {database} or {table}; and the DDL topic. Also used by `sluice topics`. FATAL if the template has {database} or
 * {table} and from.topics is not given. */
cdc_rc cdc_router_topics(const cdc_task *task, cdc_arena *ar, const char *const **data, size_t *ndata,
                         const char **ddl, cdc_error *err) CDC_MUST_CHECK;

#endif

/* The MySQL sink's handle, shared by its parts. The applier's thread.
 *
 * Rows of a target transaction wait in runs (run.h), one per table; a run becomes one multi-row
 * statement in the packet (packet.h); the packet's statements go to the server together, and each
 * result is checked. Batched, the sink is optimistic: whatever is not as expected is FATAL, the
 * loop undoes the transaction and comes again with careful mode, in which each row is a statement
 * of its own (careful.h), the conflict rules are applied, and an error names the row.
 *
 * Phase SNAPSHOT is lenient in both modes: INSERT and UPDATE replace, DELETE may find nothing. */
#ifndef SINK_MYSQL_HANDLE_H
#define SINK_MYSQL_HANDLE_H

#include "packet.h"
#include "run.h"
#include "stmt.h"

/* What is done with a row that is (INSERT) or is not (UPDATE, DELETE) at the target. */
typedef enum sink_mysql_rule {
    SINK_MYSQL_REPORT,
    SINK_MYSQL_KEEP,
    SINK_MYSQL_OVERWRITE,
    SINK_MYSQL_LENIENT, /* phase SNAPSHOT */
} sink_mysql_rule;

typedef struct sink_mysql_metrics {
    cdc_metric *applied[CDC_OP_DDL + 1]; /* by cdc_op */
    cdc_metric *conflicts[CDC_OP_DELETE + 1];
    cdc_metric *statements, *bytes, *ddl_skipped;
} sink_mysql_metrics;

/* Counts of the open transaction, which become metrics when it is committed. */
typedef struct sink_mysql_counts {
    int64_t applied[CDC_OP_DDL + 1];
    int64_t conflicts[CDC_OP_DELETE + 1];
} sink_mysql_counts;

typedef struct sink_mysql_handle {
    const cdc_env *env;
    sink_mysql_conn conn;
    cdc_rename *rename; /* names at the target */
    sink_mysql_cache cache;
    sink_mysql_packet packet;
    sink_mysql_runs runs;
    sink_mysql_rule conflict; /* target.conflict */
    bool skip_ddl;            /* target.on_ddl_error: skip */
    bool careful;
    uint64_t epoch; /* our claim on the task */
    bool group;     /* target.appliers: group */
    uint64_t token; /* ...our claim on partitions (claims.h); 0: none */
    sink_mysql_counts counts;
    sink_mysql_metrics metrics;
    /* Of the last row applied, for people who look into sluice.applied. */
    char last_txn[256], last_pos[256];
    int64_t last_source_ms;
} sink_mysql_handle;

static inline sink_mysql_rule sink_mysql_rule_of(const sink_mysql_handle *sm, const cdc_event *ev)
{
    return ev->phase == CDC_PHASE_SNAPSHOT ? SINK_MYSQL_LENIENT : sm->conflict;
}

/* While a table is copied its rows may come before the rows that they refer to, so foreign keys are
 * not checked then. A DELETE is as at the source: most servers log no cascade, so it has to happen
 * at the target as well, and a row that is gone breaks no rule. */
static inline bool sink_mysql_unchecked(const cdc_event *ev)
{
    return ev->unchecked || (ev->phase == CDC_PHASE_SNAPSHOT && ev->op != CDC_OP_DELETE);
}

/* Phase SNAPSHOT: may rows refer to what this UPDATE or DELETE changes, and does it matter? */
static inline bool sink_mysql_must_cascade(const sink_mysql_map *map, const cdc_event *ev)
{
    return ev->phase == CDC_PHASE_SNAPSHOT && !ev->unchecked && ev->op != CDC_OP_INSERT &&
           map->target->has_foreign_keys && map->nkeys > 0 &&
           sink_mysql_is_complete(map, ev->before);
}

/* The map of the event's table, made if need be. */
cdc_rc sink_mysql_map_of(sink_mysql_handle *sm, const cdc_event *ev, sink_mysql_map **out,
                         cdc_error *err) CDC_MUST_CHECK;
/* A row that has a value which cannot be written. */
cdc_rc sink_mysql_bad_value(const cdc_event *ev, uint32_t column, cdc_error *err);
/* A row that is larger than the server takes. */
cdc_rc sink_mysql_too_large(const sink_mysql_handle *sm, const cdc_event *ev, cdc_error *err);

#endif

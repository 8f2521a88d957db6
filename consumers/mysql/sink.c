#include "handle.h"

#include <stdlib.h>

#include "careful.h"
#include "claims.h"
#include "core/log.h"
#include "ddl_apply.h"
#include "offsets.h"
#include "precheck.h"

extern const cdc_sink sink_mysql;

/* --- for the parts --- */

cdc_rc sink_mysql_map_of(sink_mysql_handle *sm, const cdc_event *ev, sink_mysql_map **out,
                         cdc_error *err)
{
    *out = sink_mysql_cache_find(&sm->cache, ev->table);
    if (*out != NULL) {
        return CDC_OK;
    }
    return sink_mysql_cache_load(&sm->cache, &sm->conn, ev->table, out, err);
}

cdc_rc sink_mysql_bad_value(const cdc_event *ev, uint32_t column, cdc_error *err)
{
    char key[256];
    sink_mysql_describe_key(ev, key, sizeof key);
    return cdc_error_set(err, CDC_FATAL, "value",
                         "table %s.%s, row %s: column %s has no value that could be written (%s)",
                         ev->table->database, ev->table->name, key, ev->table->cols[column].name,
                         ev->table->cols[column].type_text);
}

cdc_rc sink_mysql_too_large(const sink_mysql_handle *sm, const cdc_event *ev, cdc_error *err)
{
    char key[256];
    sink_mysql_describe_key(ev, key, sizeof key);
    return cdc_error_set(err, CDC_FATAL, "packet_too_large",
                         "table %s.%s, row %s: larger than the target %s takes: raise its "
                         "max_allowed_packet above %zu",
                         ev->table->database, ev->table->name, key, sm->conn.where,
                         sm->conn.max_packet);
}

/* --- opening --- */

static void sink_mysql_init_metrics(sink_mysql_handle *sm)
{
    static const struct {
        cdc_op op;
        const char *label;
    } ops[] = {{CDC_OP_INSERT, "op=\"insert\""},
               {CDC_OP_UPDATE, "op=\"update\""},
               {CDC_OP_DELETE, "op=\"delete\""},
               {CDC_OP_DDL, "op=\"ddl\""}};
    cdc_metrics *mx = sm->env->metrics;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        sm->metrics.applied[ops[i].op] =
            cdc_metrics_number(mx, CDC_COUNTER, "sluice_applied_rows_total", ops[i].label,
                               "Events applied and committed at the target");
        if (ops[i].op != CDC_OP_DDL) {
            sm->metrics.conflicts[ops[i].op] = cdc_metrics_number(
                mx, CDC_COUNTER, "sluice_conflicts_total", ops[i].label,
                "Rows that were (insert) or were not (update, delete) at the target");
        }
    }
    sm->metrics.statements = cdc_metrics_number(mx, CDC_COUNTER, "sluice_target_statements_total",
                                                "", "Statements sent to the target");
    sm->metrics.bytes = cdc_metrics_number(mx, CDC_COUNTER, "sluice_target_bytes_total", "",
                                           "Bytes of statements sent to the target");
    sm->metrics.ddl_skipped =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_ddl_skipped_total", "",
                           "Definition changes that were left out at the target");
}

static sink_mysql_rule sink_mysql_conflict_rule(const char *name)
{
    return name == NULL || strcmp(name, "report") == 0 ? SINK_MYSQL_REPORT
           : strcmp(name, "keep") == 0                 ? SINK_MYSQL_KEEP
                                                       : SINK_MYSQL_OVERWRITE;
}

static cdc_rc sink_mysql_open_host(sink_mysql_handle *sm, size_t host, cdc_error *err)
{
    cdc_rc rc = sink_mysql_connect(&sm->conn, sm->env, host, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_claim(sm, err);
    }
    if (rc != CDC_OK) {
        sink_mysql_disconnect(&sm->conn);
    }
    return rc;
}

static void sink_mysql_close(void *handle)
{
    sink_mysql_handle *sm = handle;
    if (sm == NULL) {
        return;
    }
    sink_mysql_runs_fini(&sm->runs);
    sink_mysql_packet_fini(&sm->packet);
    sink_mysql_cache_fini(&sm->cache);
    sink_mysql_disconnect(&sm->conn);
    cdc_rename_free(sm->rename);
    free(sm);
}

static cdc_rc sink_mysql_open(void **out, const cdc_env *env, cdc_error *err)
{
    const cdc_config *cfg = env->task->cfg;
    const char *on_ddl = cdc_config_str(cfg, "target.on_ddl_error");
    size_t hosts = cdc_config_count(cfg, "target.hosts");
    sink_mysql_handle *sm = calloc(1, sizeof *sm);
    *out = NULL;
    if (sm == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the target's handle");
    }
    sm->env = env;
    sm->conflict = sink_mysql_conflict_rule(cdc_config_str(cfg, "target.conflict"));
    sm->group = strcmp(cdc_config_str(cfg, "target.appliers"), "group") == 0;
    sm->skip_ddl = on_ddl != NULL && strcmp(on_ddl, "skip") == 0;
    sink_mysql_init_metrics(sm);
    cdc_rc rc = cdc_rename_new(&sm->rename, cfg, err) == CDC_OK ? CDC_RETRY : CDC_FATAL;
    sink_mysql_cache_init(&sm->cache, sm->rename);
    for (size_t i = 0; i < hosts && rc == CDC_RETRY; i++) {
        cdc_error_clear(err);
        rc = sink_mysql_open_host(sm, i, err);
    }
    if (rc == CDC_OK && !sink_mysql_packet_init(&sm->packet, sm->conn.max_packet - 1)) {
        rc = cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for statements");
    }
    if (rc != CDC_OK) {
        sink_mysql_close(sm);
        return rc;
    }
    CDC_LOG(CDC_LOG_INFO, "target", CDC_STR("server", sm->conn.where),
            CDC_STR("version", mysql_get_server_info(sm->conn.my)), CDC_NUM("epoch", sm->epoch));
    *out = sm;
    return CDC_OK;
}

/* --- the target transaction --- */

static cdc_rc sink_mysql_lost(const sink_mysql_handle *sm, cdc_error *err)
{
    return cdc_error_set(err, CDC_RETRY, "mysql_lost", "target %s: the connection was given up",
                         sm->conn.where);
}

static cdc_rc sink_mysql_applied(void *handle, const char *topic, int32_t partition, int64_t *next,
                                 cdc_error *err)
{
    sink_mysql_handle *sm = handle;
    return sm->conn.my == NULL ? sink_mysql_lost(sm, err)
                               : sink_mysql_read_offset(sm, topic, partition, next, err);
}

static cdc_rc sink_mysql_claim_some(void *handle, const cdc_offset *parts, uint32_t n,
                                    cdc_error *err)
{
    sink_mysql_handle *sm = handle;
    return sm->conn.my == NULL ? sink_mysql_lost(sm, err)
                               : sink_mysql_claim_parts(sm, parts, n, err);
}

static cdc_rc sink_mysql_begin(void *handle, cdc_error *err)
{
    sink_mysql_handle *sm = handle;
    memset(&sm->counts, 0, sizeof sm->counts);
    return sm->conn.my == NULL ? sink_mysql_lost(sm, err) : CDC_OK; /* autocommit is off */
}

/* For people only: what is not ASCII, or too long, is made fit. */
static void sink_mysql_note_text(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; text != NULL && text[n] != '\0' && n < size - 1; n++) {
        out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
    }
    out[n] = '\0';
}

static void sink_mysql_note_last(sink_mysql_handle *sm, const cdc_event *ev)
{
    sink_mysql_note_text(sm->last_txn, sizeof sm->last_txn, ev->txn);
    sink_mysql_note_text(sm->last_pos, sizeof sm->last_pos, ev->pos_text);
    sm->last_source_ms = ev->source_ms;
}

static cdc_rc sink_mysql_apply(void *handle, const cdc_event *ev, cdc_error *err)
{
    sink_mysql_handle *sm = handle;
    if (sm->conn.my == NULL) {
        return sink_mysql_lost(sm, err);
    }
    if (ev->last) {
        sink_mysql_note_last(sm, ev);
    }
    cdc_rc rc =
        sm->careful ? sink_mysql_careful_event(sm, ev, err) : sink_mysql_run_event(sm, ev, err);
    if (rc == CDC_OK) {
        sm->counts.applied[ev->op]++;
    }
    return rc;
}

static void sink_mysql_count(sink_mysql_handle *sm)
{
    for (int op = CDC_OP_INSERT; op <= CDC_OP_DDL; op++) {
        cdc_metric_add(sm->metrics.applied[op], sm->counts.applied[op]);
    }
    for (int op = CDC_OP_INSERT; op <= CDC_OP_DELETE; op++) {
        cdc_metric_add(sm->metrics.conflicts[op], sm->counts.conflicts[op]);
    }
    memset(&sm->counts, 0, sizeof sm->counts);
}

static cdc_rc sink_mysql_commit(void *handle, const cdc_offset *offsets, uint32_t n, cdc_error *err)
{
    sink_mysql_handle *sm = handle;
    if (sm->conn.my == NULL) {
        return sink_mysql_lost(sm, err);
    }
    cdc_rc rc = sink_mysql_runs_flush(sm, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_put_offsets(sm, offsets, n, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_packet_send(sm, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_exec(&sm->conn, "commit", "COMMIT", 6, err);
    }
    if (rc == CDC_OK) {
        sink_mysql_count(sm);
    }
    return rc;
}

static cdc_rc sink_mysql_ddl(void *handle, const cdc_event *const *events, uint32_t n,
                             const cdc_offset *offsets, uint32_t noffsets, cdc_error *err)
{
    sink_mysql_handle *sm = handle;
    if (sm->conn.my == NULL) {
        return sink_mysql_lost(sm, err);
    }
    memset(&sm->counts, 0, sizeof sm->counts);
    sink_mysql_note_last(sm, events[n - 1]);
    cdc_rc rc = sink_mysql_ddl_apply(sm, events, n, &offsets[0], err);
    if (rc == CDC_OK) {
        rc = sink_mysql_commit(sm, offsets, noffsets, err);
    }
    return rc == CDC_OK ? sink_mysql_ddl_applied(sm, events[0], err) : rc;
}

static void sink_mysql_rollback(void *handle)
{
    sink_mysql_handle *sm = handle;
    sink_mysql_runs_reset(&sm->runs);
    sink_mysql_packet_reset(&sm->packet, true);
    memset(&sm->counts, 0, sizeof sm->counts);
    sink_mysql_undo(&sm->conn);
    sink_mysql_cache_reset(&sm->cache); /* the definitions may be what was wrong */
}

static void sink_mysql_careful_mode(void *handle, bool on)
{
    sink_mysql_handle *sm = handle;
    sm->careful = on;
}

const cdc_sink sink_mysql = {
    .name = "mysql",
    .open = sink_mysql_open,
    .claim = sink_mysql_claim_some,
    .applied = sink_mysql_applied,
    .begin = sink_mysql_begin,
    .apply = sink_mysql_apply,
    .commit = sink_mysql_commit,
    .ddl = sink_mysql_ddl,
    .rollback = sink_mysql_rollback,
    .close = sink_mysql_close,
    .careful = sink_mysql_careful_mode,
    .precheck = sink_mysql_precheck,
};

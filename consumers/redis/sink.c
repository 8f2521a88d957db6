#include <stdlib.h>

#include "command.h"
#include "core/log.h"
#include "fullsync.h"
#include "handle.h"
#include "held.h"
#include "precheck.h"
#include "schema/redis/reserved.h"

extern const cdc_sink sink_redis;

/* --- for the parts --- */

bool sink_redis_takes(const sink_redis_handle *sr, uint32_t source)
{
    char number[16];
    snprintf(number, sizeof number, "%u", source);
    return cdc_selection_database(sr->env->selection, number);
}

sink_redis_mark *sink_redis_find_mark(const sink_redis_handle *sr, const char *topic,
                                      int32_t partition)
{
    for (uint32_t i = 0; i < sr->nmarks; i++) {
        if (sr->marks[i].partition == partition && strcmp(sr->marks[i].topic, topic) == 0) {
            return &sr->marks[i];
        }
    }
    return NULL;
}

cdc_rc sink_redis_put(sink_redis_handle *sr, int32_t database, const cdc_value *argv, uint32_t argc,
                      int32_t key, cdc_error *err)
{
    if (sr->cluster == NULL) {
        return sink_redis_node_add(&sr->node, database, argv, argc, key, err);
    }
    bool own = key >= 0 && cdc_redis_reserved(argv[key].p, argv[key].len);
    const sink_redis_words words = {.argv = argv, .argc = argc, .key = key};
    return sink_redis_cluster_put(sr->cluster, &words, own ? NULL : sr->past, sr->offset, err);
}

bool sink_redis_is_open(const sink_redis_handle *sr)
{
    return sr->cluster != NULL ? sink_redis_cluster_is_open(sr->cluster) : sr->node.open;
}

bool sink_redis_is_past(const sink_redis_handle *sr, const char *key, size_t len)
{
    return sr->past != NULL && sr->offset < sr->past->next[cdc_redis_slot(key, len)];
}

uint32_t sink_redis_servers(const sink_redis_handle *sr)
{
    return sr->cluster != NULL ? sink_redis_cluster_nodes(sr->cluster) : 1;
}

cdc_redis *sink_redis_server(const sink_redis_handle *sr, uint32_t i, const char **tag)
{
    *tag = sr->cluster != NULL ? sink_redis_cluster_tag(sr->cluster, i) : sr->node.tag;
    return sr->cluster != NULL ? sink_redis_cluster_node(sr->cluster, i) : sr->node.rd;
}

uint32_t sink_redis_server_of(const sink_redis_handle *sr, const char *key, size_t len)
{
    return sr->cluster != NULL ? sink_redis_cluster_owner(sr->cluster, key, len) : 0;
}

cdc_rc sink_redis_ask_own(const sink_redis_handle *sr, const sink_redis_own *own,
                          const sink_redis_question *qu, redisReply **out, cdc_error *err)
{
    return sr->cluster == NULL
               ? cdc_redis_ask_args(sr->node.rd, qu->doing, qu->nargs, qu->args, out, err)
               : sink_redis_cluster_ask(sr->cluster, own, qu, out, err);
}

/* --- opening --- */

static sink_redis_rule sink_redis_conflict_rule(const char *name)
{
    return name == NULL || strcmp(name, "report") == 0 ? SINK_REDIS_REPORT
           : strcmp(name, "keep") == 0                 ? SINK_REDIS_KEEP
                                                       : SINK_REDIS_OVERWRITE;
}

static void sink_redis_init_metrics(sink_redis_handle *sr)
{
    cdc_metrics *mx = sr->env->metrics;
    sr->metrics.commands =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_applied_rows_total", "op=\"command\"",
                           "Events applied and committed at the target");
    sr->metrics.conflicts =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_conflicts_total", "op=\"command\"",
                           "Commands that target.conflict left out, or that failed");
    sr->metrics.held = cdc_metrics_number(mx, CDC_COUNTER, "sluice_held_expiries_total", "",
                                          "Expiries that were held off while the applier lagged");
}

/* Which databases the target has. */
static cdc_rc sink_redis_probe_databases(sink_redis_handle *sr, cdc_error *err)
{
    cdc_redis *rd = sr->node.rd;
    cdc_redis_faults faults = {.errors = 0};
    char words[32];
    for (int i = CDC_DATABASES_MAX - 1; i >= 0; i--) {
        snprintf(words, sizeof words, "SELECT %d", i);
        cdc_redis_append_words(rd, words);
    }
    cdc_rc rc = cdc_redis_flush(rd, err);
    for (int i = CDC_DATABASES_MAX - 1; i >= 0 && rc == CDC_OK; i--) {
        rc = cdc_redis_skim(rd, 1, &faults, err);
        sr->database_ok[i] = rc == CDC_OK && faults.errors == 0;
    }
    for (int i = 1; i < CDC_DATABASES_MAX && sr->node.sv.mode == CDC_REDIS_CLUSTER; i++) {
        sr->database_ok[i] = false; /* where a cluster has them, slots are still one database's */
    }
    if (rc == CDC_OK && !sr->database_ok[0]) {
        rc = cdc_redis_refusal(rd, "SELECT 0", faults.text, strlen(faults.text), err);
    }
    return rc;
}

/* A command has failed before, and nobody has looked after it since. */
static cdc_rc sink_redis_check_failed(sink_redis_handle *sr, cdc_error *err)
{
    sink_redis_own own;
    redisReply *reply = NULL;
    sink_redis_own_key(&own, sr->node.tag, sr->node.task, "failed");
    const cdc_redis_arg args[] = {CDC_REDIS_ARG("GET"), {own.name, own.len}};
    const sink_redis_question qu = {.doing = "GET", .nargs = 2, .args = args};
    cdc_rc rc = sink_redis_ask_own(sr, &own, &qu, &reply, err);
    if (rc == CDC_OK && reply->type == REDIS_REPLY_STRING) {
        rc = cdc_error_refuse(err, "target_failed_before",
                              "target %s: mend the key by hand, then DEL %s: %.400s",
                              cdc_redis_where(sr->node.rd), own.name, reply->str);
    }
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    return rc;
}

static void sink_redis_close(void *handle)
{
    sink_redis_handle *sr = handle;
    if (sr == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sr->nmarks; i++) {
        free(sr->marks[i].topic);
    }
    free(sr->marks);
    sink_redis_kept_free(sr->kept);
    sink_redis_rows_free(sr->rows);
    sink_redis_cluster_close(sr->cluster);
    sink_redis_node_close(&sr->node);
    free(sr);
}

static cdc_rc sink_redis_prepare(sink_redis_handle *sr, cdc_error *err)
{
    cdc_rc rc = sink_redis_node_open(&sr->node, sr->env, err);
    if (rc == CDC_OK) {
        rc = sink_redis_probe_databases(sr, err);
    }
    if (rc == CDC_OK) {
        rc = sr->node.sv.mode == CDC_REDIS_CLUSTER
                 ? sink_redis_cluster_open(&sr->cluster, sr->env, sr->node.rd, err)
                 : sink_redis_node_claim(&sr->node, err);
    }
    if (rc == CDC_OK) {
        rc = sink_redis_check_failed(sr, err);
    }
    if (rc == CDC_OK) {
        rc = sink_redis_held_load(sr, err);
    }
    if (rc == CDC_OK && sr->kept != NULL) {
        rc = sink_redis_kept_load(sr, err);
    }
    return rc;
}

static bool sink_redis_takes_all(const sink_redis_handle *sr)
{
    bool all = cdc_config_count(sr->env->task->cfg, "objects.key_prefixes") == 0;
    for (uint32_t i = 0; i < CDC_DATABASES_MAX && all; i++) {
        all = sr->env->task->databases[i] == i && sink_redis_takes(sr, i);
    }
    return all;
}

static cdc_rc sink_redis_open(void **out, const cdc_env *env, cdc_error *err)
{
    const cdc_config *cfg = env->task->cfg;
    sink_redis_handle *sr = calloc(1, sizeof *sr);
    *out = NULL;
    if (sr == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the target's handle");
    }
    sr->env = env;
    sr->conflict = sink_redis_conflict_rule(cdc_config_str(cfg, "target.conflict"));
    sr->extend_ms = cdc_config_int(cfg, "target.extend_expiry_seconds") * 1000;
    sr->whole = sink_redis_takes_all(sr);
    sink_redis_init_metrics(sr);
    cdc_rc rc = sink_redis_rows_new(&sr->rows, env, err);
    if (rc == CDC_OK && sr->conflict == SINK_REDIS_KEEP &&
        (sr->kept = sink_redis_kept_new()) == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the target's handle");
    }
    if (rc == CDC_OK) {
        rc = sink_redis_prepare(sr, err);
    }
    if (rc != CDC_OK) {
        sink_redis_close(sr);
        return rc;
    }
    CDC_LOG(CDC_LOG_INFO, "target", CDC_STR("server", cdc_redis_where(sr->node.rd)),
            CDC_STR("flavour", cdc_redis_server_flavour(&sr->node.sv)),
            CDC_STR("version", sr->node.sv.version_text), CDC_NUM("epoch", sr->node.epoch));
    *out = sr;
    return CDC_OK;
}

/* --- offsets --- */

static cdc_rc sink_redis_add_mark(sink_redis_handle *sr, const char *topic, int32_t partition,
                                  int64_t next, cdc_error *err)
{
    if (sr->nmarks == sr->marks_cap) {
        uint32_t cap = sr->marks_cap > 0 ? sr->marks_cap * 2 : 16;
        sink_redis_mark *marks = realloc(sr->marks, cap * sizeof *marks);
        if (marks == NULL) {
            return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the offsets");
        }
        sr->marks = marks;
        sr->marks_cap = cap;
    }
    sink_redis_mark *mark = &sr->marks[sr->nmarks];
    *mark = (sink_redis_mark){.topic = strdup(topic), .partition = partition, .next = next};
    if (mark->topic == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the offsets");
    }
    sr->nmarks++;
    return CDC_OK;
}

static cdc_rc sink_redis_read_mark(sink_redis_handle *sr, sink_redis_mark *mark, cdc_error *err)
{
    sink_redis_own own;
    char text[32];
    bool found = false;
    if (sr->cluster == NULL) {
        sink_redis_own_mark(&own, sr->node.tag, sr->node.task, mark->topic, mark->partition);
        cdc_rc rc = sink_redis_own_get(sr->node.rd, &own, text, sizeof text, &found, err);
        mark->next = found ? strtoll(text, NULL, 10) : -1;
        return rc;
    }
    return sink_redis_cluster_applied(sr->cluster, mark->topic, mark->partition, &mark->progress,
                                      &mark->next, err);
}

static cdc_rc sink_redis_applied(void *handle, const char *topic, int32_t partition, int64_t *next,
                                 cdc_error *err)
{
    sink_redis_handle *sr = handle;
    sink_redis_mark *mark = sink_redis_find_mark(sr, topic, partition);
    cdc_rc rc = CDC_OK;
    if (mark == NULL) {
        rc = sink_redis_add_mark(sr, topic, partition, -1, err);
        mark = &sr->marks[sr->nmarks - 1];
    }
    if (rc == CDC_OK) {
        rc = sink_redis_read_mark(sr, mark, err);
        *next = mark->next;
    }
    return rc;
}

static cdc_rc sink_redis_put_mark(sink_redis_handle *sr, const sink_redis_mark *mark,
                                  cdc_error *err)
{
    sink_redis_own own;
    char text[24];
    sink_redis_own_mark(&own, sr->node.tag, sr->node.task, mark->topic, mark->partition);
    const cdc_value argv[] = {SINK_REDIS_WORD("SET"), sink_redis_bytes(own.name, own.len),
                              sink_redis_bytes(text, cdc_format_i64(text, mark->next))};
    return sink_redis_put(sr, 0, argv, 3, 1, err);
}

/* The transaction has dropped them, with everything else. */
static cdc_rc sink_redis_put_own(sink_redis_handle *sr, cdc_error *err)
{
    sink_redis_own own;
    char text[24];
    sink_redis_own_key(&own, sr->node.tag, sr->node.task, "epoch");
    const cdc_value argv[] = {SINK_REDIS_WORD("SET"), sink_redis_bytes(own.name, own.len),
                              sink_redis_bytes(text, cdc_format_i64(text, sr->node.epoch))};
    cdc_rc rc = sink_redis_put(sr, 0, argv, 3, 1, err);
    for (uint32_t i = 0; i < sr->nmarks && rc == CDC_OK; i++) {
        rc = sr->marks[i].next >= 0 ? sink_redis_put_mark(sr, &sr->marks[i], err) : CDC_OK;
    }
    return rc;
}

static cdc_rc sink_redis_put_offsets(sink_redis_handle *sr, const cdc_offset *offsets, uint32_t n,
                                     cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < n && rc == CDC_OK; i++) {
        const cdc_offset *at = &offsets[i];
        sink_redis_mark *mark = sink_redis_find_mark(sr, at->topic, at->partition);
        if (mark == NULL) {
            rc = sink_redis_add_mark(sr, at->topic, at->partition, at->next, err);
            mark = rc == CDC_OK ? &sr->marks[sr->nmarks - 1] : NULL;
        }
        if (mark != NULL) {
            mark->next = at->next;
            rc = sr->emptied || sr->cluster != NULL ? CDC_OK : sink_redis_put_mark(sr, mark, err);
        }
    }
    return rc == CDC_OK && sr->emptied && sr->cluster == NULL ? sink_redis_put_own(sr, err) : rc;
}

/* --- the target transaction --- */

static cdc_rc sink_redis_lost(cdc_error *err)
{
    return cdc_error_set(err, CDC_RETRY, "redis_lost", "target: the connection was given up");
}

static cdc_rc sink_redis_begin(void *handle, cdc_error *err)
{
    sink_redis_handle *sr = handle;
    sr->commands = 0;
    sr->skipped = 0;
    sr->emptied = false;
    return sr->node.rd == NULL ? sink_redis_lost(err) : CDC_OK;
}

/* A row of a table: the commands that target.map makes of it. */
static cdc_rc sink_redis_row(sink_redis_handle *sr, const cdc_event *ev, cdc_error *err)
{
    cdc_event command;
    if (sr->rows == NULL) {
        return cdc_error_set(err, CDC_FATAL, "target_rows",
                             "table %s.%s: the rows of a table need target.map to be written to "
                             "Redis",
                             ev->table->database, ev->table->name);
    }
    cdc_rc rc = sink_redis_rows_take(sr->rows, ev, err);
    while (rc == CDC_OK && sink_redis_rows_next(sr->rows, &command)) {
        rc = sink_redis_command(sr, &command, err);
    }
    return rc;
}

static cdc_rc sink_redis_apply(void *handle, const cdc_event *ev, cdc_error *err)
{
    sink_redis_handle *sr = handle;
    if (sr->node.rd == NULL) {
        return sink_redis_lost(err);
    }
    sink_redis_mark *mark = sink_redis_find_mark(sr, ev->topic, ev->partition);
    if (mark != NULL) {
        mark->source_ms = ev->source_ms;
    }
    sr->past = mark != NULL ? mark->progress : NULL;
    sr->offset = ev->offset;
    sr->newest_ms = ev->source_ms;
    if (ev->op != CDC_OP_COMMAND) {
        return sink_redis_row(sr, ev, err);
    }
    if (cdc_event_is_fullsync(ev, CDC_FULLSYNC_BEGIN)) {
        return sink_redis_begin_copy(sr, ev, err);
    }
    if (cdc_event_is_fullsync(ev, CDC_FULLSYNC_END)) {
        CDC_LOG(CDC_LOG_INFO, "full_copy_ends", CDC_STR("topic", ev->topic),
                CDC_NUM("partition", ev->partition));
        return CDC_OK;
    }
    return sink_redis_command(sr, ev, err);
}

/* Commands failed, and all else of the transaction was done: that the offset has moved must not
 * make anybody forget it. OK: it is let pass. */
static cdc_rc sink_redis_failed(sink_redis_handle *sr, uint32_t failures, const cdc_error *fault)
{
    sink_redis_own own;
    redisReply *reply = NULL;
    cdc_error ignored;
    if (sr->conflict == SINK_REDIS_KEEP) {
        CDC_LOG(CDC_LOG_WARN, "command_failed", CDC_STR("error", fault->text));
        sr->skipped += failures;
        return CDC_OK;
    }
    sink_redis_own_key(&own, sr->node.tag, sr->node.task, "failed");
    const cdc_redis_arg args[] = {
        CDC_REDIS_ARG("SET"), {own.name, own.len}, {fault->text, strlen(fault->text)}};
    const sink_redis_question qu = {.doing = "SET", .nargs = 3, .args = args};
    cdc_error_clear(&ignored);
    if (sink_redis_ask_own(sr, &own, &qu, &reply, &ignored) == CDC_OK) {
        freeReplyObject(reply);
    }
    return CDC_FATAL;
}

/* With offsets, which a standalone server has among its commands. */
static cdc_rc sink_redis_finish(sink_redis_handle *sr, const cdc_offset *offsets, uint32_t n,
                                cdc_error *err)
{
    uint32_t failures = 0;
    cdc_error fault;
    cdc_rc rc = CDC_OK;
    cdc_error_clear(&fault);
    if (sr->cluster != NULL && (n > 0 || sink_redis_is_open(sr))) {
        rc = sink_redis_cluster_commit(sr->cluster, offsets, n, &failures, &fault, err);
    } else if (sr->cluster == NULL && sr->node.open) {
        rc = sink_redis_node_commit(&sr->node, &failures, &fault, err);
    }
    if (failures > 0 && sink_redis_failed(sr, failures, &fault) != CDC_OK) {
        *err = fault;
        rc = CDC_FATAL;
    }
    return rc;
}

cdc_rc sink_redis_end(sink_redis_handle *sr, cdc_error *err)
{
    return sink_redis_finish(sr, NULL, 0, err);
}

static cdc_rc sink_redis_commit(void *handle, const cdc_offset *offsets, uint32_t n, cdc_error *err)
{
    sink_redis_handle *sr = handle;
    if (sr->node.rd == NULL) {
        return sink_redis_lost(err);
    }
    cdc_rc rc = sink_redis_put_offsets(sr, offsets, n, err);
    if (rc == CDC_OK) {
        rc = sink_redis_finish(sr, offsets, n, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_metric_add(sr->metrics.commands, sr->commands);
    cdc_metric_add(sr->metrics.conflicts, sr->skipped);
    return sink_redis_held_settle(sr, false, err);
}

/* Keys have no definition. */
static cdc_rc sink_redis_ddl(void *handle, const cdc_event *const *events, uint32_t n,
                             const cdc_offset *offsets, uint32_t noffsets, cdc_error *err)
{
    sink_redis_handle *sr = handle;
    cdc_rc rc = sink_redis_begin(sr, err);
    if (rc == CDC_OK && sr->rows != NULL) {
        rc = sink_redis_rows_ddl(sr->rows, events, n, err);
    }
    return rc == CDC_OK ? sink_redis_commit(sr, offsets, noffsets, err) : rc;
}

static cdc_rc sink_redis_idle(void *handle, cdc_error *err)
{
    sink_redis_handle *sr = handle;
    return sr->node.rd != NULL ? sink_redis_held_settle(sr, true, err) : CDC_OK;
}

/* The server forgets what it has queued when the connection ends. */
static void sink_redis_rollback(void *handle)
{
    sink_redis_handle *sr = handle;
    sink_redis_cluster_close(sr->cluster);
    sr->cluster = NULL;
    sr->past = NULL;
    cdc_redis_close(sr->node.rd);
    sr->node.rd = NULL;
}

/* An error names its command anyway. */
static void sink_redis_careful(void *handle, bool on)
{
    (void)handle;
    (void)on;
}

const cdc_sink sink_redis = {
    .name = "redis",
    .open = sink_redis_open,
    .applied = sink_redis_applied,
    .begin = sink_redis_begin,
    .apply = sink_redis_apply,
    .commit = sink_redis_commit,
    .ddl = sink_redis_ddl,
    .idle = sink_redis_idle,
    .rollback = sink_redis_rollback,
    .careful = sink_redis_careful,
    .close = sink_redis_close,
    .precheck = sink_redis_precheck,
};

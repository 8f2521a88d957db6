#include "run.h"

#include <stdlib.h>

#include "careful.h"
#include "handle.h"

enum {
    RUN_ROWS = 500,
    RUN_BYTES = 256 * 1024,
    OPEN_BYTES = 2 * 1024 * 1024,
    KEEP_BYTES = 1024 * 1024, /* a buffer that a huge row made larger goes back to the system */
    STMT_SLACK = 4096,
};

/* --- the pool --- */

static sink_mysql_run *sink_mysql_run_take(sink_mysql_runs *runs, size_t max_bytes)
{
    sink_mysql_run *run = runs->pool;
    if (run != NULL) {
        runs->pool = run->next;
    } else {
        run = calloc(1, sizeof *run);
        if (run != NULL) {
            cdc_buffer_init(&run->rows, max_bytes);
        }
    }
    return run;
}

static void sink_mysql_run_give_back(sink_mysql_runs *runs, sink_mysql_run *run)
{
    run->map->target->run = NULL;
    runs->bytes -= run->rows.len;
    if (run->rows.cap > KEEP_BYTES) {
        size_t max = run->rows.max;
        cdc_buffer_fini(&run->rows);
        cdc_buffer_init(&run->rows, max);
    }
    cdc_buffer_reset(&run->rows);
    run->next = runs->pool;
    runs->pool = run;
}

void sink_mysql_runs_reset(sink_mysql_runs *runs)
{
    for (uint32_t i = 0; i < runs->nopen; i++) {
        sink_mysql_run_give_back(runs, runs->open[i]);
    }
    runs->nopen = 0;
    runs->bytes = 0;
}

void sink_mysql_runs_fini(sink_mysql_runs *runs)
{
    sink_mysql_runs_reset(runs);
    while (runs->pool != NULL) {
        sink_mysql_run *run = runs->pool;
        runs->pool = run->next;
        cdc_buffer_fini(&run->rows);
        free(run);
    }
}

/* --- a run becomes a statement --- */

static void sink_mysql_run_text(const sink_mysql_run *run, cdc_buffer *sql)
{
    const sink_mysql_map *map = run->map;
    if (run->form == SINK_MYSQL_DELETE) {
        cdc_buffer_add_str(sql, "DELETE FROM ");
        cdc_buffer_add_str(sql, map->target->quoted);
        cdc_buffer_add(sql, map->where.p, map->where.len);
        cdc_buffer_add(sql, run->rows.data, run->rows.len);
        cdc_buffer_add_char(sql, ')');
        return;
    }
    cdc_buffer_add_str(sql, run->form == SINK_MYSQL_REPLACE ? "REPLACE" : "INSERT");
    cdc_buffer_add(sql, map->columns.p, map->columns.len);
    cdc_buffer_add(sql, run->rows.data, run->rows.len);
    if (run->stmt.doubled) {
        cdc_buffer_add_char(sql, ',');
        cdc_buffer_add(sql, run->rows.data, run->rows.len);
    }
    if (run->form == SINK_MYSQL_UPSERT) {
        cdc_buffer_add(sql, map->upsert.p, map->upsert.len);
    } else if (run->form == SINK_MYSQL_KEEPING) {
        cdc_buffer_add(sql, map->keep.p, map->keep.len);
    }
}

/* Closes the open run at index i. */
static cdc_rc sink_mysql_run_close(sink_mysql_handle *sm, uint32_t i, cdc_error *err)
{
    sink_mysql_runs *runs = &sm->runs;
    sink_mysql_run *run = runs->open[i];
    run->stmt.by_duplicates = run->stmt.check != SINK_MYSQL_ANY &&
                              (run->form == SINK_MYSQL_UPSERT || run->form == SINK_MYSQL_KEEPING);
    run->stmt.doubled = run->stmt.by_duplicates && run->stmt.rows == 1;
    size_t bytes = run->rows.len * (run->stmt.doubled ? 2 : 1) + run->map->columns.len +
                   run->map->upsert.len + STMT_SLACK;
    cdc_rc rc = sink_mysql_packet_open(sm, &run->stmt, bytes, err);
    if (rc == CDC_OK) {
        sink_mysql_run_text(run, &sm->packet.sql);
    }
    sink_mysql_run_give_back(runs, run);
    runs->nopen--;
    memmove(&runs->open[i], &runs->open[i + 1], (runs->nopen - i) * sizeof runs->open[0]);
    return rc == CDC_OK ? sink_mysql_packet_close(sm, err) : rc;
}

/* Closes all but the run of `except` (NULL: all). */
static cdc_rc sink_mysql_runs_close(sink_mysql_handle *sm, const sink_mysql_target *except,
                                    cdc_error *err)
{
    sink_mysql_runs *runs = &sm->runs;
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < runs->nopen && rc == CDC_OK;) {
        if (runs->open[i]->map->target == except) {
            i++;
        } else {
            rc = sink_mysql_run_close(sm, i, err);
        }
    }
    return rc;
}

cdc_rc sink_mysql_runs_flush(sink_mysql_handle *sm, cdc_error *err)
{
    return sink_mysql_runs_close(sm, NULL, err);
}

/* Closes a table's own run. */
static cdc_rc sink_mysql_run_end(sink_mysql_handle *sm, const sink_mysql_target *target,
                                 cdc_error *err)
{
    for (uint32_t i = 0; i < sm->runs.nopen; i++) {
        if (sm->runs.open[i] == target->run) {
            return sink_mysql_run_close(sm, i, err);
        }
    }
    return CDC_OK;
}

/* A table that is not free waits for nobody and nobody waits for it: while its run is open there is
 * no other. */
static cdc_rc sink_mysql_runs_order(sink_mysql_handle *sm, const sink_mysql_target *target,
                                    cdc_error *err)
{
    const sink_mysql_runs *runs = &sm->runs;
    bool other_bound = runs->nopen > 0 && !runs->open[0]->map->target->is_free;
    bool apart = !target->is_free || other_bound || runs->nopen == SINK_MYSQL_RUNS_MAX ||
                 runs->bytes >= OPEN_BYTES;
    return apart ? sink_mysql_runs_close(sm, target, err) : CDC_OK;
}

/* --- rows into runs --- */

typedef struct sink_mysql_plan {
    sink_mysql_form form;
    sink_mysql_check check;
    bool delete_first; /* phase SNAPSHOT: the UPDATE moved the row, its old key goes */
} sink_mysql_plan;

static sink_mysql_plan sink_mysql_plan_insert(const sink_mysql_map *map, sink_mysql_rule rule)
{
    sink_mysql_form upsert = map->upserts ? SINK_MYSQL_UPSERT : SINK_MYSQL_REPLACE;
    switch (rule) {
    case SINK_MYSQL_LENIENT:
        return (sink_mysql_plan){.form = upsert, .check = SINK_MYSQL_ANY};
    case SINK_MYSQL_KEEP:
        return (sink_mysql_plan){.form = SINK_MYSQL_KEEPING, .check = SINK_MYSQL_EXISTING};
    case SINK_MYSQL_OVERWRITE:
        if (map->updates) {
            return (sink_mysql_plan){.form = SINK_MYSQL_UPSERT, .check = SINK_MYSQL_EXISTING};
        }
        break;
    case SINK_MYSQL_REPORT:
        break;
    }
    return (sink_mysql_plan){.form = SINK_MYSQL_INSERT, .check = SINK_MYSQL_ALL};
}

static sink_mysql_plan sink_mysql_plan_update(const sink_mysql_map *map, const cdc_event *ev,
                                              sink_mysql_rule rule)
{
    sink_mysql_plan single = {.form = SINK_MYSQL_SINGLE, .check = SINK_MYSQL_ALL};
    if (rule == SINK_MYSQL_LENIENT) {
        if (map->nkeys == 0 || !sink_mysql_is_complete(map, ev->after)) {
            single.check = SINK_MYSQL_ANY;
            return single;
        }
        sink_mysql_plan plan = sink_mysql_plan_insert(map, rule);
        plan.delete_first = !sink_mysql_same_key(map, ev);
        return plan;
    }
    if (rule == SINK_MYSQL_KEEP) {
        single.check = SINK_MYSQL_MISSING;
        return single;
    }
    if (map->updates && sink_mysql_same_key(map, ev)) {
        bool overwrite = rule == SINK_MYSQL_OVERWRITE;
        return (sink_mysql_plan){.form = SINK_MYSQL_UPSERT,
                                 .check = overwrite ? SINK_MYSQL_MISSING : SINK_MYSQL_ALL};
    }
    return single;
}

static sink_mysql_plan sink_mysql_plan_delete(const sink_mysql_map *map, sink_mysql_rule rule)
{
    return (sink_mysql_plan){.form = map->nkeys > 0 ? SINK_MYSQL_DELETE : SINK_MYSQL_SINGLE,
                             .check = rule == SINK_MYSQL_LENIENT  ? SINK_MYSQL_ANY
                                      : rule == SINK_MYSQL_REPORT ? SINK_MYSQL_ALL
                                                                  : SINK_MYSQL_MISSING};
}

static sink_mysql_plan sink_mysql_plan_of(const sink_mysql_handle *sm, const sink_mysql_map *map,
                                          const cdc_event *ev)
{
    sink_mysql_rule rule = sink_mysql_rule_of(sm, ev);
    switch (ev->op) {
    case CDC_OP_INSERT:
        return sink_mysql_plan_insert(map, rule);
    case CDC_OP_UPDATE:
        return sink_mysql_plan_update(map, ev, rule);
    default:
        return sink_mysql_plan_delete(map, rule);
    }
}

static sink_mysql_row sink_mysql_single_text(cdc_buffer *sql, const sink_mysql_map *map,
                                             const cdc_event *ev, sink_mysql_form form,
                                             uint32_t *bad)
{
    switch (ev->op) {
    case CDC_OP_INSERT:
        return sink_mysql_add_insert(sql, map,
                                     form == SINK_MYSQL_CASCADE  ? "INSERT IGNORE"
                                     : form == SINK_MYSQL_INSERT ? "INSERT"
                                                                 : "REPLACE",
                                     ev->after, bad);
    case CDC_OP_UPDATE:
        return sink_mysql_add_update(
            sql, map, form == SINK_MYSQL_CASCADE ? "UPDATE IGNORE" : "UPDATE", ev, bad);
    default:
        return sink_mysql_add_delete(sql, map, ev, bad);
    }
}

/* A statement of its own for this row: of an UPDATE, or when columns are absent. */
static cdc_rc sink_mysql_run_single(sink_mysql_handle *sm, const sink_mysql_map *map,
                                    const cdc_event *ev, sink_mysql_form form,
                                    sink_mysql_check check, cdc_error *err)
{
    sink_mysql_packet *pk = &sm->packet;
    sink_mysql_stmt stmt = {.map = map,
                            .rows = 1,
                            .op = ev->op,
                            .check = (uint8_t)check,
                            .lenient = ev->phase == CDC_PHASE_SNAPSHOT,
                            .unchecked = sink_mysql_unchecked(ev)};
    cdc_rc rc = sink_mysql_run_end(sm, map->target, err);
    for (bool alone = false; rc == CDC_OK; alone = true) {
        uint32_t bad = 0;
        uint32_t nstmts = pk->nstmts;
        size_t len = pk->sql.len;
        rc = sink_mysql_packet_open(sm, &stmt, STMT_SLACK, err);
        if (rc != CDC_OK) {
            break;
        }
        if (sink_mysql_single_text(&pk->sql, map, ev, form, &bad) != SINK_MYSQL_ROW_OK) {
            return sink_mysql_bad_value(ev, bad, err);
        }
        if (!pk->sql.failed) {
            return sink_mysql_packet_close(sm, err);
        }
        if (alone || nstmts == 0) {
            return sink_mysql_too_large(sm, ev, err);
        }
        sink_mysql_packet_cut(pk, nstmts, len); /* too much together with the others */
        rc = sink_mysql_packet_send(sm, err);
    }
    return rc;
}

/* A row with absent columns. Which of several rules it breaks is found row by row. */
static cdc_rc sink_mysql_run_partial(sink_mysql_handle *sm, const sink_mysql_map *map,
                                     const cdc_event *ev, cdc_error *err)
{
    bool lenient = ev->phase == CDC_PHASE_SNAPSHOT;
    return sink_mysql_run_single(sm, map, ev, lenient ? SINK_MYSQL_REPLACE : SINK_MYSQL_INSERT,
                                 lenient ? SINK_MYSQL_ANY : SINK_MYSQL_ALL, err);
}

static cdc_rc sink_mysql_run_delete_old(sink_mysql_handle *sm, const sink_mysql_map *map,
                                        const cdc_event *ev, cdc_error *err)
{
    cdc_event gone = *ev;
    gone.op = CDC_OP_DELETE;
    gone.unchecked = true; /* the row moves: what refers to it stays */
    return sink_mysql_run_single(sm, map, &gone, SINK_MYSQL_SINGLE, SINK_MYSQL_ANY, err);
}

/* In phase SNAPSHOT an UPDATE becomes a replacement without checks, and the row of an UPDATE or
 * DELETE may not have come yet. But a cascade that the source did not log has to happen: the row is
 * brought if it is not here, and updated under checks as far as its own references are here; the
 * DELETE, which is under checks anyway, follows. */
static cdc_rc sink_mysql_run_cascade(sink_mysql_handle *sm, const sink_mysql_map *map,
                                     const cdc_event *ev, cdc_error *err)
{
    cdc_event was = *ev;
    was.op = CDC_OP_INSERT;
    was.after = ev->before;
    cdc_rc rc = sink_mysql_run_single(sm, map, &was, SINK_MYSQL_CASCADE, SINK_MYSQL_ANY, err);
    if (rc != CDC_OK || ev->op == CDC_OP_DELETE) {
        return rc;
    }
    cdc_event checked = *ev;
    checked.phase = CDC_PHASE_INCR;
    return sink_mysql_run_single(sm, map, &checked, SINK_MYSQL_CASCADE, SINK_MYSQL_ANY, err);
}

/* The table's run for rows of this plan. */
static cdc_rc sink_mysql_run_open(sink_mysql_handle *sm, sink_mysql_map *map, const cdc_event *ev,
                                  const sink_mysql_plan *plan, sink_mysql_run **out, cdc_error *err)
{
    sink_mysql_run *run = map->target->run;
    bool fits = run != NULL && run->map == map && run->form == plan->form &&
                run->stmt.check == plan->check &&
                run->stmt.lenient == (ev->phase == CDC_PHASE_SNAPSHOT) &&
                run->stmt.unchecked == sink_mysql_unchecked(ev) &&
                (run->stmt.op == ev->op || plan->check == SINK_MYSQL_ANY) &&
                run->stmt.rows < RUN_ROWS && run->rows.len < RUN_BYTES;
    *out = run;
    if (fits) {
        return CDC_OK;
    }
    cdc_rc rc = run != NULL ? sink_mysql_run_end(sm, map->target, err) : CDC_OK;
    if (rc != CDC_OK) {
        return rc;
    }
    run = sink_mysql_run_take(&sm->runs, sm->conn.max_packet);
    if (run == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for rows to apply");
    }
    run->map = map;
    run->form = plan->form;
    run->stmt = (sink_mysql_stmt){.map = map,
                                  .op = ev->op,
                                  .check = (uint8_t)plan->check,
                                  .lenient = ev->phase == CDC_PHASE_SNAPSHOT,
                                  .unchecked = sink_mysql_unchecked(ev)};
    map->target->run = run;
    sm->runs.open[sm->runs.nopen++] = run;
    *out = run;
    return CDC_OK;
}

static cdc_rc sink_mysql_run_row(sink_mysql_handle *sm, sink_mysql_map *map, const cdc_event *ev,
                                 const sink_mysql_plan *plan, cdc_error *err)
{
    sink_mysql_run *run = NULL;
    uint32_t bad = 0;
    cdc_rc rc = sink_mysql_run_open(sm, map, ev, plan, &run, err);
    if (rc != CDC_OK) {
        return rc;
    }
    size_t before = run->rows.len;
    if (run->stmt.rows > 0) {
        cdc_buffer_add_char(&run->rows, ',');
    }
    sink_mysql_row row = plan->form == SINK_MYSQL_DELETE
                             ? sink_mysql_add_key(&run->rows, map, ev->before, &bad)
                             : sink_mysql_add_row(&run->rows, map, ev->after, &bad);
    if (row == SINK_MYSQL_ROW_OK && !run->rows.failed) {
        run->stmt.rows++;
        sm->runs.bytes += run->rows.len - before;
        return CDC_OK;
    }
    bool first = run->stmt.rows == 0;
    run->rows.len = before;
    bool failed = run->rows.failed;
    run->rows.failed = false;
    if (row == SINK_MYSQL_ROW_BAD) {
        return sink_mysql_bad_value(ev, bad, err);
    }
    if (first && failed) {
        return sink_mysql_too_large(sm, ev, err);
    }
    if (first) { /* an empty run must not become a statement */
        sm->runs.nopen--;
        sink_mysql_run_give_back(&sm->runs, run);
    }
    if (row == SINK_MYSQL_ROW_PARTIAL) {
        return sink_mysql_run_partial(sm, map, ev, err);
    }
    rc = sink_mysql_run_end(sm, map->target,
                            err); /* too much together with the others: alone in a new run */
    return rc == CDC_OK ? sink_mysql_run_row(sm, map, ev, plan, err) : rc;
}

/* A row that takes a session of another mode: at once, behind all that waits. */
static cdc_rc sink_mysql_run_apart(sink_mysql_handle *sm, const cdc_event *ev, cdc_error *err)
{
    cdc_rc rc = sink_mysql_runs_flush(sm, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_packet_send(sm, err);
    }
    return rc == CDC_OK ? sink_mysql_careful_event(sm, ev, err) : rc;
}

cdc_rc sink_mysql_run_event(sink_mysql_handle *sm, const cdc_event *ev, cdc_error *err)
{
    sink_mysql_map *map = NULL;
    cdc_rc rc = sink_mysql_map_of(sm, ev, &map, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_runs_order(sm, map->target, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    if (sink_mysql_has_invalid_enum(map, ev->after)) {
        return sink_mysql_run_apart(sm, ev, err);
    }
    sink_mysql_plan plan = sink_mysql_plan_of(sm, map, ev);
    if (sink_mysql_must_cascade(map, ev)) {
        rc = sink_mysql_run_cascade(sm, map, ev, err);
    }
    if (rc == CDC_OK && plan.delete_first) {
        rc = sink_mysql_run_delete_old(sm, map, ev, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    return plan.form == SINK_MYSQL_SINGLE
               ? sink_mysql_run_single(sm, map, ev, plan.form, plan.check, err)
               : sink_mysql_run_row(sm, map, ev, &plan, err);
}

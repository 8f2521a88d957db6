#include "copy_key.h"
#include "copy_plan_state.h"
#include "core/clock.h"

/* --- where the stream is, and what it is to do --- */

void src_mysql_copy_plan_boundary(src_mysql_copy_plan *plan, bool at_boundary,
                                  const src_mysql_log_pos *at, const char *gtids)
{
    pthread_mutex_lock(&plan->lock);
    bool moved = plan->at_boundary != at_boundary || src_mysql_log_pos_compare(at, &plan->at) != 0;
    plan->at_boundary = at_boundary;
    plan->at = *at;
    if (at_boundary && moved) {
        cdc_buffer_reset(&plan->gtids);
        cdc_buffer_add_str(&plan->gtids, gtids);
    }
    if (at_boundary && !plan->knows_names) {
        plan->knows_names = src_mysql_log_pos_compare(at, &plan->listed) >= 0;
        moved = moved || plan->knows_names;
    }
    if (plan->held != NULL && !plan->at_reach && at_boundary) {
        plan->at_reach = src_mysql_log_pos_compare(at, &plan->reach) >= 0;
        moved = true;
    }
    if (moved) {
        pthread_cond_broadcast(&plan->changed);
    }
    pthread_mutex_unlock(&plan->lock);
}

/* Does the range wait for the stream to come to its high watermark? */
static bool waits_for_high(const src_mysql_range *range)
{
    return range->has_high && !range->opened &&
           (range->first != NULL || range->state == SRC_MYSQL_RANGE_READ);
}

static src_mysql_flow flow_held(const src_mysql_copy_plan *plan, src_mysql_log_pos *stop_at)
{
    const src_mysql_range *range = plan->held;
    if (!plan->at_reach) {
        *stop_at = plan->reach;
        return SRC_MYSQL_FLOW_STOP;
    }
    bool whole = plan->tables[range->table].whole;
    if (whole && range->has_high && !range->opened &&
        src_mysql_log_pos_compare(&plan->at, &range->high) < 0) {
        *stop_at = range->high;
        return SRC_MYSQL_FLOW_STOP;
    }
    return SRC_MYSQL_FLOW_HOLD;
}

src_mysql_flow src_mysql_copy_plan_flow(src_mysql_copy_plan *plan, src_mysql_log_pos *stop_at)
{
    src_mysql_flow flow = SRC_MYSQL_FLOW_RUN;
    *stop_at = (src_mysql_log_pos){.file = ""};
    pthread_mutex_lock(&plan->lock);
    const src_mysql_range *head = plan->ranges;
    if (plan->held != NULL) {
        flow = flow_held(plan, stop_at);
    } else if (plan->waiting > 0) {
        flow = SRC_MYSQL_FLOW_STOP;
    } else if (head != NULL && waits_for_high(head)) {
        *stop_at = head->high;
        flow = SRC_MYSQL_FLOW_STOP;
    } else if (head == NULL && !plan->knows_names) { /* all may be copied */
        *stop_at = plan->listed;
        flow = SRC_MYSQL_FLOW_STOP;
    }
    pthread_mutex_unlock(&plan->lock);
    return flow;
}

/* --- events of the stream --- */

/* Index of the event's table if it is not copied yet; else plan->last_captured says whether it was.
 */
static uint32_t table_of(src_mysql_copy_plan *plan, const cdc_table *tbl)
{
    if (plan->last_uid != tbl->uid) {
        plan->last_uid = tbl->uid;
        plan->last_table = src_mysql_copy_plan_find(plan, tbl->database, tbl->name);
        plan->last_captured = src_mysql_copy_plan_captured(plan, tbl->database, tbl->name);
    }
    uint32_t i = plan->last_table;
    return i < plan->ntables && !plan->tables[i].done ? i : plan->ntables;
}

/* The stream has a newer state of the row with plan->key than ranges that are open. */
static void touch_key(src_mysql_copy_plan *plan, uint32_t table)
{
    for (src_mysql_range *range = plan->ranges; range != NULL && range->table <= table;
         range = range->next) {
        if (range->table != table) {
            continue;
        }
        for (src_mysql_piece *piece = range->first; piece != NULL; piece = piece->next) {
            cdc_event *row =
                src_mysql_row_index_find(&piece->index, piece->batch, &plan->key, &plan->scratch);
            if (row != NULL) {
                row->op = 0;
            }
        }
        bool open = range->state == SRC_MYSQL_RANGE_READING && range->registered && !range->stale;
        if (open && !src_mysql_key_set_add(&range->touched, &plan->key)) {
            range->stale = true;
            range->overflows++;
            src_mysql_key_set_fini(&range->touched);
            pthread_cond_broadcast(&plan->changed);
        }
    }
}

static void touch_row(src_mysql_copy_plan *plan, uint32_t table, const cdc_table *tbl,
                      const cdc_value *row)
{
    if (row != NULL) {
        cdc_buffer_reset(&plan->key);
        src_mysql_key_bytes(tbl, row, &plan->key);
        touch_key(plan, table);
    }
}

static void dirty_whole(src_mysql_copy_plan *plan, uint32_t table)
{
    for (src_mysql_range *range = plan->ranges; range != NULL; range = range->next) {
        if (range->table == table) {
            range->dirty = true;
        }
    }
}

/* Rows of the table may have changed by the event without a word in the log: what was read of it
 * from a snapshot that may not have seen that is not wanted any more. */
static void reach_table(src_mysql_copy_plan *plan, uint32_t table, const cdc_event *ev)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[table];
    src_mysql_log_pos at = {.pos = ev->pos};
    bool stale = false;
    snprintf(at.file, sizeof(at.file), "%s", ev->pos_file);
    for (src_mysql_range *range = plan->ranges; range != NULL; range = range->next) {
        if (range->table != table || range->state == SRC_MYSQL_RANGE_PENDING) {
            continue;
        }
        range->reached = at; /* a snapshot that is being opened may see it */
        stale = stale || (range->has_high && !src_mysql_range_saw(range, &at));
    }
    if (tbl->whole) {
        dirty_whole(plan, table);
    } else if (stale) {
        tbl->reached = true;
        src_mysql_copy_plan_poison(plan, table);
    }
}

/* follow_cascades marks those that it has been at. */
static void follow_cascade(src_mysql_copy_plan *plan, size_t i, const cdc_event *ev)
{
    const src_mysql_cascade *from = &plan->cascades->items[i];
    plan->followed[i] = true;
    uint32_t table = src_mysql_copy_plan_find(plan, from->child_database, from->child);
    if (table < plan->ntables && !plan->tables[table].done) {
        reach_table(plan, table, ev);
    }
    for (size_t j = 0; j < plan->cascades->n; j++) {
        const src_mysql_cascade *next = &plan->cascades->items[j];
        if (!plan->followed[j] && strcmp(next->parent, from->child) == 0 &&
            strcmp(next->parent_database, from->child_database) == 0) {
            follow_cascade(plan, j, ev);
        }
    }
}

static void follow_cascades(src_mysql_copy_plan *plan, const cdc_event *ev)
{
    if (plan->cascades == NULL || plan->cascades->n == 0 || ev->op == CDC_OP_INSERT) {
        return;
    }
    memset(plan->followed, 0, plan->cascades->n * sizeof(*plan->followed));
    for (size_t i = 0; i < plan->cascades->n; i++) {
        const src_mysql_cascade *cascade = &plan->cascades->items[i];
        if (!plan->followed[i] && strcmp(cascade->parent, ev->table->name) == 0 &&
            strcmp(cascade->parent_database, ev->table->database) == 0 &&
            src_mysql_cascade_reaches(cascade, ev)) {
            follow_cascade(plan, i, ev);
        }
    }
}

/* False: the event goes, the copy will have what it says. */
static bool take_row(src_mysql_copy_plan *plan, cdc_event *ev)
{
    uint32_t table = table_of(plan, ev->table);
    if (table == plan->ntables && plan->last_captured) {
        return true;
    }
    if (table == plan->ntables) { /* it had another name when the list was read: to be copied yet */
        ev->phase = CDC_PHASE_SNAPSHOT;
        return ev->table->nkeys > 0;
    }
    src_mysql_copy_plan_table *tbl = &plan->tables[table];
    if (!tbl->is_known) {
        tbl->whole = ev->table->nkeys == 0;
        tbl->is_known = true;
    }
    if (tbl->whole) {
        dirty_whole(plan, table);
    }
    /* The row's own definition decides, and nothing that the list said: another process must leave
     * out the same rows when it reads the transaction again. */
    if (ev->table->nkeys == 0 && tbl->key == NULL) {
        if (!tbl->whole) {
            src_mysql_copy_plan_poison(plan, table); /* its key is on the way */
        }
        return false;
    }
    ev->phase = CDC_PHASE_SNAPSHOT;
    if (tbl->whole) {
        return true;
    }
    if (tbl->def != NULL && tbl->def->tbl->table->nkeys != ev->table->nkeys) {
        src_mysql_copy_plan_poison(plan,
                                   table); /* of another definition; its ALTER is on the way */
        return true;
    }
    touch_row(plan, table, ev->table, ev->before);
    touch_row(plan, table, ev->table, ev->after);
    return true;
}

cdc_rc src_mysql_copy_plan_events(src_mysql_copy_plan *plan, cdc_batch *batch, bool *redefined,
                                  cdc_error *err)
{
    uint32_t n = 0;
    bool ok = true;
    pthread_mutex_lock(&plan->lock);
    *redefined = plan->renamed; /* by a transaction that goes on */
    plan->at_boundary = false;  /* until boundary says where this batch ends */
    for (uint32_t i = 0; ok && i < batch->nevents; i++) {
        cdc_event *ev = &batch->events[i];
        bool keep = true;
        if (ev->op == CDC_OP_DDL) {
            ok = src_mysql_copy_plan_ddl(plan, ev);
            *redefined = true;
        } else if (ev->op == CDC_OP_COMMIT) {
            src_mysql_copy_plan_commit(plan);
        } else {
            follow_cascades(plan, ev);
            keep = take_row(plan, ev);
        }
        if (keep && n != i) {
            batch->events[n] = *ev;
        }
        n += keep;
    }
    batch->nevents = ok ? n : batch->nevents;
    ok = ok && !plan->key.failed && !plan->scratch.failed;
    pthread_mutex_unlock(&plan->lock);
    return ok ? CDC_OK : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the full copy");
}

/* --- handing over --- */

static void name_transaction(const src_mysql_copy_plan_table *tbl, src_mysql_portion *out)
{
    snprintf(out->txn, sizeof(out->txn), "full:%s.%s:%llu", tbl->database, tbl->name,
             (unsigned long long)tbl->chunk);
}

static void finish_range(src_mysql_copy_plan *plan, src_mysql_range *range)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[range->table];
    tbl->done = range->to[0] == '\0';
    src_mysql_range_remove(plan, range);
}

/* A piece is handed over, its key is how far the table is. False: no memory. */
static bool pass_piece(src_mysql_copy_plan *plan, src_mysql_range *range, src_mysql_piece *piece)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[range->table];
    char *key = strdup(piece->key);
    char *from = strdup(piece->key);
    if (key == NULL || from == NULL) {
        free(key);
        free(from);
        return false;
    }
    free(tbl->key);
    free(range->from);
    tbl->key = key;
    range->from = from;
    return true;
}

static void count_piece(src_mysql_copy_plan *plan, src_mysql_copy_plan_table *tbl,
                        const src_mysql_piece *piece)
{
    tbl->rows += piece->batch->nevents;
    tbl->bytes += piece->bytes;
    plan->rows += piece->batch->nevents;
    plan->bytes += piece->bytes;
}

/* A range of a table with a key: AGAIN: its turn has not come. */
static cdc_rc next_of_keyed(src_mysql_copy_plan *plan, src_mysql_range *range,
                            src_mysql_portion *out, cdc_error *err)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[range->table];
    if (!waits_for_high(range) || !plan->at_boundary ||
        src_mysql_log_pos_compare(&plan->at, &range->high) < 0) {
        return CDC_AGAIN;
    }
    if (range->first != NULL) {
        tbl->chunk++;
        name_transaction(tbl, out);
        out->piece = src_mysql_range_take_piece(plan, range);
        out->commit = true;
        count_piece(plan, tbl, out->piece);
        if (!pass_piece(plan, range, out->piece)) {
            return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the full copy");
        }
    }
    if (range->first == NULL && range->state == SRC_MYSQL_RANGE_READ) {
        finish_range(plan, range);
    }
    return CDC_OK;
}

static cdc_rc next_of_whole(src_mysql_copy_plan *plan, src_mysql_range *range,
                            src_mysql_portion *out, cdc_error *err)
{
    if (range->gone) {
        return next_of_keyed(plan, range, out, err);
    }
    if (!range->opened || (range->first == NULL && range->state != SRC_MYSQL_RANGE_READ)) {
        return CDC_AGAIN;
    }
    src_mysql_copy_plan_table *tbl = &plan->tables[range->table];
    tbl->chunk = 1;
    name_transaction(tbl, out);
    if (range->first != NULL) {
        out->piece = src_mysql_range_take_piece(plan, range);
        out->rows_follow = true;
        count_piece(plan, tbl, out->piece);
    } else {
        out->commit = tbl->rows > 0;
        finish_range(plan, range);
    }
    return CDC_OK;
}

static cdc_rc next_portion(src_mysql_copy_plan *plan, src_mysql_portion *out, cdc_error *err)
{
    src_mysql_range *head = plan->ranges;
    if (plan->failed) {
        *err = plan->err;
        return err->rc;
    }
    if (plan->first == plan->ntables && plan->knows_names && plan->at_boundary) {
        plan->complete = true;
        pthread_cond_broadcast(&plan->changed);
        return CDC_EOF;
    }
    if (head == NULL || head->table != plan->first) {
        return CDC_AGAIN;
    }
    cdc_rc rc = plan->tables[head->table].whole ? next_of_whole(plan, head, out, err)
                                                : next_of_keyed(plan, head, out, err);
    if (rc == CDC_OK) {
        src_mysql_copy_plan_advance(plan, true);
        pthread_cond_broadcast(&plan->changed);
    }
    return rc;
}

cdc_rc src_mysql_copy_plan_next(src_mysql_copy_plan *plan, src_mysql_portion *out, int timeout_ms,
                                cdc_error *err)
{
    int64_t until_ms = cdc_clock_mono_ms() + timeout_ms;
    struct timespec ts = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&plan->lock);
    cdc_rc rc = next_portion(plan, out, err);
    if (rc == CDC_AGAIN && timeout_ms > 0) {
        (void)pthread_cond_timedwait(&plan->changed, &plan->lock, &ts);
        rc = next_portion(plan, out, err);
    }
    pthread_mutex_unlock(&plan->lock);
    return rc;
}

const src_mysql_position *src_mysql_copy_plan_position(const src_mysql_copy_plan *plan)
{
    return &plan->pos;
}

void src_mysql_copy_plan_progress(src_mysql_copy_plan *plan, src_mysql_progress *out)
{
    pthread_mutex_lock(&plan->lock);
    *out = (src_mysql_progress){.tables = plan->ntables, .rows = plan->rows, .bytes = plan->bytes};
    uint64_t left = 0;
    for (uint32_t i = 0; i < plan->ntables; i++) {
        const src_mysql_copy_plan_table *tbl = &plan->tables[i];
        out->tables_done += tbl->done;
        uint64_t copied = tbl->rows + tbl->rows_before;
        if (!tbl->done && tbl->rows_estimated > copied) {
            left += tbl->rows_estimated - copied;
        }
    }
    out->rows_estimated = plan->rows + left;
    pthread_mutex_unlock(&plan->lock);
}

#include "replay.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"
#include "merge.h"
#include "session.h"

enum {
    TXN_ROWS =
        8000,     /* a target transaction takes further source transactions up to so many rows... */
    TXN_MS = 200, /* ...or this age... */
    TXN_BYTES = 4 * 1024 * 1024, /* ...or, of commands, so many bytes, which wait in memory */
    POLL_MS = 100,
    WAITS_POLL_MS = 10, /* rows wait for another process of the group */
    TICK_MS = 100,      /* between looks at the DDL topics while rows come */
    CAREFUL_ROWS =
        20000, /* after an error rows go one by one for so many rows, unless it is met again */
};

/* --- applying --- */

/* These offsets are committed. */
static void cdc_session_report(cdc_session *ss, const cdc_offset *offsets, uint32_t n)
{
    if (ss->share != NULL) {
        cdc_share_committed(ss->share, offsets, n);
    } else {
        cdc_consumer_report(ss->consumer, offsets, n);
    }
}

static cdc_rc cdc_session_commit(cdc_session *ss, cdc_error *err)
{
    cdc_replay *rp = ss->rp;
    uint32_t n = 0;
    for (uint32_t i = 0; i < ss->n; i++) {
        if (ss->offsets[i].next != ss->committed[i]) {
            ss->changed[n++] = ss->offsets[i];
        }
    }
    uint32_t all = ss->share != NULL ? cdc_share_marks(ss->share, ss->changed, n) : n;
    cdc_rc rc = rp->sink->commit(ss->sink, ss->changed, all, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (uint32_t i = 0; i < ss->n; i++) {
        ss->committed[i] = ss->offsets[i].next;
    }
    cdc_session_report(ss, ss->changed, n);
    cdc_metrics_word(rp->env->metrics, "position", ss->position);
    cdc_metric_add(rp->commits, 1);
    cdc_metric_add(rp->txns, ss->open_txns);
    cdc_metric_add(rp->rows, ss->open_rows);
    if (ss->newest_source_ms > 0) {
        int64_t lag = cdc_clock_wall_ms() - ss->newest_source_ms;
        cdc_metric_set(rp->lag, lag > 0 ? lag : 0);
    }
    if (rp->careful && (rp->careful_left -= ss->open_rows) <= 0) {
        rp->careful = false;
        rp->sink->careful(ss->sink, false);
    }
    if (ss->steered) {
        ss->steered = false;
        cdc_intake_steer(ss->intake, false);
    }
    ss->open = false;
    ss->open_rows = 0;
    ss->open_txns = 0;
    ss->open_bytes = 0;
    cdc_retry_success(&rp->retry);
    return CDC_OK;
}

static cdc_rc cdc_session_begin(cdc_session *ss, cdc_error *err)
{
    cdc_rc rc = ss->rp->sink->begin(ss->sink, err);
    if (rc == CDC_OK) {
        ss->open = true;
        ss->opened_ms = cdc_clock_mono_ms();
    }
    return rc;
}

static uint32_t cdc_session_part(cdc_session *ss, const char *topic, int32_t partition)
{
    uint32_t i = ss->latest;
    while (ss->offsets[i].partition != partition || ss->offsets[i].topic != topic) {
        i = i + 1 < ss->n ? i + 1 : 0;
    }
    ss->latest = i;
    return i;
}

static cdc_rc cdc_session_where(const cdc_event *ev, cdc_error *err)
{
    return cdc_error_context(
        err, "topic %s partition %d offset %lld (transaction %s, source position %s)", ev->topic,
        ev->partition, (long long)ev->offset, ev->txn,
        ev->pos_text != NULL ? ev->pos_text : "unknown");
}

/* May the target transaction end behind the last applied record? */
static bool cdc_session_boundary(const cdc_session *ss)
{
    return ss->open && ss->nunfinished == 0 && !ss->moving && !ss->torn;
}

static bool cdc_session_is_full(const cdc_session *ss)
{
    return ss->rp->careful || ss->open_rows >= TXN_ROWS || ss->open_bytes >= TXN_BYTES ||
           cdc_clock_mono_ms() - ss->opened_ms >= TXN_MS;
}

/* Offsets behind a definition change: those of data topics are ours. */
static void cdc_session_note_definition(cdc_session *ss, const cdc_definition *def)
{
    for (uint32_t i = 0; i < def->noffsets; i++) {
        for (uint32_t p = 0; p < ss->n; p++) {
            if (ss->offsets[p].topic == def->offsets[i].topic &&
                ss->offsets[p].partition == def->offsets[i].partition) {
                ss->offsets[p].next = def->offsets[i].next;
                ss->committed[p] = def->offsets[i].next;
            }
        }
    }
    cdc_session_report(ss, def->offsets, def->noffsets);
}

/* The change itself, a target transaction of its own, if it is ours. */
static cdc_rc cdc_session_carry_out(cdc_session *ss, cdc_definition *def, cdc_share_turn turn,
                                    cdc_error *err)
{
    const cdc_sink *sink = ss->rp->sink;
    const cdc_event *ev = def->events[def->n - 1];
    if (turn == CDC_SHARE_DONE) {
        CDC_LOG(CDC_LOG_INFO, "ddl_elsewhere", CDC_NUM("id", ev->id), CDC_STR("txn", ev->txn));
        return CDC_OK;
    }
    if (!ev->barrier && !cdc_order_is_repeated(ss->order, def)) {
        return sink->ddl(ss->sink, def->events, def->n, def->offsets, def->noffsets, err);
    }
    CDC_LOG(CDC_LOG_WARN, ev->barrier ? "repartitioned" : "ddl_repeated", CDC_NUM("id", ev->id),
            CDC_STR("txn", ev->txn));
    cdc_rc rc = sink->begin(ss->sink, err);
    return rc == CDC_OK ? sink->commit(ss->sink, def->offsets, def->noffsets, err) : rc;
}

/* A definition change whose place has come. What is open belongs before it. In a group one process
 * carries it out, when all have come so far; *waits: they have not. Behind a barrier there are
 * other partitions: RETRY, with CDC_REPARTITIONED. */
static cdc_rc cdc_session_define(cdc_session *ss, cdc_definition *def, bool *waits, cdc_error *err)
{
    const cdc_event *ev = def->events[def->n - 1];
    bool barrier = ev->barrier;
    cdc_share_turn turn = CDC_SHARE_OURS;
    if (barrier && ss->transactions != NULL) {
        return cdc_order_done(ss->order, def, err); /* what comes is in order already */
    }
    cdc_rc rc = ss->open ? cdc_session_commit(ss, err) : CDC_OK;
    if (rc == CDC_OK && ss->share != NULL) {
        rc = cdc_share_define(ss->share, def, &turn, err);
        *waits = rc == CDC_OK && turn == CDC_SHARE_WAIT;
    }
    if (*waits) {
        return CDC_OK;
    }
    rc = rc == CDC_OK ? cdc_session_carry_out(ss, def, turn, err) : rc;
    if (rc != CDC_OK) {
        return cdc_session_where(ev, err);
    }
    cdc_session_note_definition(ss, def);
    snprintf(ss->position, sizeof ss->position, "%s", ev->pos_text);
    cdc_metrics_word(ss->rp->env->metrics, "position", ss->position);
    cdc_retry_success(&ss->rp->retry);
    rc = cdc_order_done(ss->order, def, err);
    return rc == CDC_OK && barrier
               ? cdc_error_set(err, CDC_RETRY, CDC_REPARTITIONED, "other partitions")
               : rc;
}

/* Every definition change that is due. */
static cdc_rc cdc_session_definitions(cdc_session *ss, cdc_error *err)
{
    cdc_definition *def = NULL;
    cdc_rc rc = cdc_order_next(ss->order, &def, err);
    bool waits = false;
    while (rc == CDC_OK && def != NULL && !waits && !cdc_stop_requested()) {
        rc = cdc_session_define(ss, def, &waits, err);
        rc = rc == CDC_OK && !waits ? cdc_order_next(ss->order, &def, err) : rc;
    }
    return rc;
}

/* Does the event leave its partition where no target transaction may end? Over several partitions
 * no row is known to be the last of all, and each ends its part; the commands of a MULTI block have
 * one partition. */
static void cdc_session_note_end(cdc_session *ss, uint32_t part, const cdc_event *ev)
{
    bool whole = ss->nall == 1 || ev->op == CDC_OP_COMMAND;
    bool unfinished = ev->more || (whole && !ev->last);
    ss->nunfinished += unfinished ? 1 : 0;
    ss->nunfinished -= ss->unfinished[part] ? 1 : 0;
    ss->unfinished[part] = unfinished;
}

static size_t cdc_session_bytes(const cdc_event *ev)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < ev->nargs; i++) {
        bytes += ev->after[i].len;
    }
    return bytes;
}

/* Ends the target transaction, or reads only what lets it end. */
static cdc_rc cdc_session_end_full(cdc_session *ss, cdc_error *err)
{
    if (cdc_session_boundary(ss)) {
        return cdc_session_commit(ss, err);
    }
    if (ss->moving && !ss->steered) {
        ss->steered = true;
        cdc_intake_steer(ss->intake, true);
    }
    return CDC_OK;
}

/* A record of topics.oversize: it is not applied; that it was seen is kept with the next commit. Or
 * the end of a whole transaction. */
static cdc_rc cdc_session_left_out(cdc_session *ss, const cdc_event *ev, cdc_error *err)
{
    cdc_rc rc = ss->open ? CDC_OK : cdc_session_begin(ss, err);
    if (rc == CDC_OK) {
        ss->offsets[cdc_session_part(ss, ev->topic, ev->partition)].next = ev->offset + 1;
        cdc_metric_add(ss->rp->left_out, ev->topic == ss->transactions ? 0 : 1);
    }
    return rc == CDC_OK && ss->transactions != NULL && cdc_session_is_full(ss)
               ? cdc_session_end_full(ss, err)
               : rc;
}

static cdc_rc cdc_session_row(cdc_session *ss, uint32_t part, const cdc_event *ev, cdc_error *err)
{
    /* What a full copy drops is all that came before it. */
    bool anew = cdc_session_boundary(ss) && cdc_event_is_fullsync(ev, CDC_FULLSYNC_BEGIN);
    cdc_rc rc = anew ? cdc_session_commit(ss, err) : CDC_OK;
    if (rc == CDC_OK && !ss->open) {
        rc = cdc_session_begin(ss, err);
    }
    if (rc == CDC_OK) {
        rc = ss->rp->sink->apply(ss->sink, ev, err);
    }
    if (rc != CDC_OK) {
        return cdc_session_where(ev, err);
    }
    ss->offsets[part].next = ev->more ? ev->offset : ev->offset + 1;
    if (ss->share != NULL && !ev->more) {
        cdc_share_note(ss->share, ev);
    }
    ss->open_bytes += cdc_session_bytes(ev);
    ss->open_rows++;
    ss->open_txns += ev->last ? 1 : 0;
    ss->newest_source_ms = ev->source_ms;
    cdc_session_note_end(ss, part, ev);
    return cdc_session_is_full(ss) ? cdc_session_end_full(ss, err) : CDC_OK;
}

/* Is the other record of a row that moves among those passed over? Both are to be read again. */
static bool cdc_session_is_half(const cdc_session *ss, const cdc_event *ev)
{
    for (uint32_t i = 0; i < ss->n && ev->move > 0; i++) {
        if (ss->offsets[i].topic == ev->topic && ss->offsets[i].partition == ev->move - 1) {
            return ss->lost[i] > 0 && (ev->op == CDC_OP_DELETE || ss->lost[i] < ev->id);
        }
    }
    return false;
}

static cdc_rc cdc_session_event(cdc_session *ss, const cdc_event *ev, cdc_error *err);

/* In a group: was its DELETE, which another process applies, not applied yet? The record came only
 * because it was behind a definition change then (elsewhere.h). */
static bool cdc_session_is_early(const cdc_session *ss, const cdc_event *ev)
{
    return ss->share != NULL && ev->op == CDC_OP_INSERT && ev->move > 0 &&
           !cdc_share_has(ss->share, ev->topic, ev->move - 1) &&
           !cdc_elsewhere_passed(cdc_share_elsewhere(ss->share), ev->topic, ev->move - 1,
                                 ev->id - 1);
}

static bool cdc_session_is_lone(const cdc_session *ss, const cdc_event *ev)
{
    return cdc_session_is_half(ss, ev) || cdc_session_is_early(ss, ev);
}

/* The partition is stopped here: this record and those behind it are read again. */
static void cdc_session_pass_over(cdc_session *ss, uint32_t part, const cdc_event *ev)
{
    cdc_order_pass_over(ss->order, part);
    ss->lost[part] = ss->lost[part] == 0 ? ev->id : ss->lost[part];
    /* In a group both records stand for themselves (elsewhere.h). */
    ss->torn = ss->torn || (ss->share == NULL && ev->op == CDC_OP_INSERT && ev->move > 0 &&
                            !cdc_session_is_half(ss, ev));
    cdc_intake_hold(ss->intake, part);
}

/* The record is behind a definition change that is not applied yet, or is one. */
static cdc_rc cdc_session_stopped(cdc_session *ss, uint32_t part, const cdc_event *ev,
                                  cdc_admission admission, cdc_error *err)
{
    if (ss->transactions != NULL && admission == CDC_ORDER_TAKEN) {
        (void)cdc_error_set(err, CDC_FATAL, "transaction_ddl",
                            "a definition change among the rows: target.atomic: transaction needs "
                            "the capture's topics.ddl to be a topic of its own");
        return cdc_session_where(ev, err);
    }
    cdc_rc rc = cdc_session_definitions(ss, err);
    if (rc == CDC_OK && admission == CDC_ORDER_STOP && !cdc_order_is_stopped(ss->order, part)) {
        return cdc_session_event(ss, ev, err);
    }
    if (rc == CDC_OK && ss->transactions != NULL) {
        ss->reread = true; /* nothing behind it may be applied before it */
    } else if (rc == CDC_OK && admission == CDC_ORDER_STOP) {
        cdc_session_pass_over(ss, part, ev);
    }
    return rc;
}

static cdc_rc cdc_session_event(cdc_session *ss, const cdc_event *ev, cdc_error *err)
{
    ss->moving = ev->moving;
    if (ev->op == CDC_OP_COMMIT) {
        return cdc_session_left_out(ss, ev, err);
    }
    uint32_t part = cdc_session_part(ss, ev->topic, ev->partition);
    cdc_admission admission = CDC_ORDER_STOP;
    cdc_rc rc = cdc_order_admit(ss->order, part, ev, &admission, err);
    if (rc != CDC_OK) {
        return cdc_session_where(ev, err);
    }
    if (admission == CDC_ORDER_PASS && cdc_session_is_lone(ss, ev)) {
        ss->reread = true;
        return CDC_OK;
    }
    if (admission == CDC_ORDER_PASS) {
        return cdc_session_row(ss, part, ev, err);
    }
    return cdc_session_stopped(ss, part, ev, admission, err);
}

static bool cdc_session_must_resume(const cdc_session *ss)
{
    return ss->reread || cdc_order_must_resume(ss->order);
}

static cdc_rc cdc_session_batch(cdc_session *ss, const cdc_batch *batch, cdc_error *err)
{
    const char *pos = batch->nevents > 0 ? batch->events[batch->nevents - 1].pos_text : NULL;
    if (pos != NULL) {
        snprintf(ss->position, sizeof ss->position, "%s", pos);
    }
    for (uint32_t i = 0; i < batch->nevents && !cdc_session_must_resume(ss); i++) {
        cdc_rc rc = cdc_session_event(ss, &batch->events[i], err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    /* Of a batch that was left, what the last event applied says holds. */
    ss->moving = cdc_session_must_resume(ss) ? ss->moving : batch->moving;
    return CDC_OK;
}

/* Looks at the definition changes that wait. */
static cdc_rc cdc_session_tick(cdc_session *ss, cdc_error *err)
{
    bool ask = false;
    ss->tick_ms = cdc_clock_mono_ms();
    cdc_rc rc = cdc_order_tick(ss->order, &ask, err);
    if (rc == CDC_OK && ask) {
        memcpy(ss->asked, cdc_order_targets(ss->order), ss->ndata * sizeof *ss->asked);
        cdc_intake_ask(ss->intake, ss->asked, cdc_order_round(ss->order));
    }
    return rc == CDC_OK ? cdc_session_definitions(ss, err) : rc;
}

/* Back to where the target is. */
static void cdc_session_undo(cdc_session *ss)
{
    ss->rp->sink->rollback(ss->sink);
    for (uint32_t i = 0; i < ss->n; i++) {
        ss->offsets[i].next = ss->committed[i];
        ss->unfinished[i] = false;
    }
    if (ss->share != NULL) {
        cdc_share_undone(ss->share);
    }
    ss->nunfinished = 0;
    ss->open = false;
    ss->open_rows = 0;
    ss->open_txns = 0;
    ss->open_bytes = 0;
}

/* Records were passed over: they are read again, from where the target is. */
static cdc_rc cdc_session_resume(cdc_session *ss, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (ss->open && (ss->moving || ss->torn)) {
        cdc_session_undo(ss);
    } else if (ss->open) {
        rc = cdc_session_commit(ss, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_order_resume(ss->order);
    cdc_intake_stop(ss->intake);
    ss->intake = NULL;
    ss->moving = ss->torn = ss->steered = ss->reread = false;
    memset(ss->lost, 0, ss->n * sizeof *ss->lost);
    ss->caught_up = false; /* not with what was passed over */
    return cdc_session_read(ss, err);
}

/* Rows wait for what other processes of the group apply, which may wait for what is open here. */
static cdc_rc cdc_session_look_elsewhere(cdc_session *ss, cdc_error *err)
{
    if (ss->share == NULL || !cdc_share_waits(ss->share) ||
        (ss->open && !cdc_session_boundary(ss))) {
        return CDC_OK;
    }
    cdc_rc rc = ss->open ? cdc_session_commit(ss, err) : CDC_OK;
    return rc == CDC_OK ? cdc_share_look(ss->share, err) : rc;
}

/* Between batches. */
static cdc_rc cdc_session_look(cdc_session *ss, bool idle, cdc_error *err)
{
    bool due =
        idle || cdc_order_is_urgent(ss->order) || cdc_clock_mono_ms() - ss->tick_ms >= TICK_MS;
    cdc_rc rc = due ? cdc_session_tick(ss, err) : CDC_OK;
    rc = rc == CDC_OK ? cdc_session_look_elsewhere(ss, err) : rc;
    return rc == CDC_OK && cdc_session_must_resume(ss) ? cdc_session_resume(ss, err) : rc;
}

/* Nothing waits in the queue. */
static cdc_rc cdc_session_idle(cdc_session *ss, cdc_error *err)
{
    cdc_rc rc = cdc_session_boundary(ss) ? cdc_session_commit(ss, err) : CDC_OK;
    if (rc == CDC_OK && !ss->open && ss->rp->sink->idle != NULL) {
        rc = ss->rp->sink->idle(ss->sink, err);
    }
    return rc == CDC_OK ? cdc_session_look(ss, true, err) : rc;
}

/* All that was there when it was asked has been handed to the sink. */
static void cdc_session_answer(cdc_session *ss, uint64_t question)
{
    if (question > 0) {
        cdc_order_reached(ss->order, question);
        if (!ss->caught_up) {
            cdc_intake_ask(ss->intake, ss->ends, 0);
        }
        return;
    }
    ss->caught_up = true;
    cdc_metrics_word(ss->rp->env->metrics, "phase", "incremental");
    if (!ss->open) {
        cdc_metric_set(ss->rp->lag, 0);
    }
}

static cdc_rc cdc_session_take(cdc_session *ss, cdc_batch *batch, cdc_error *err)
{
    cdc_rc rc = cdc_session_batch(ss, batch, err);
    /* After a must_resume the rest of the batch is read again. */
    if (rc == CDC_OK && batch->caught_up && !cdc_session_must_resume(ss)) {
        cdc_session_answer(ss, batch->question);
        rc = cdc_session_definitions(ss, err);
    }
    cdc_intake_give_back(ss->intake, batch);
    return rc == CDC_OK ? cdc_session_look(ss, false, err) : rc;
}

static bool cdc_session_is_done(const cdc_session *ss)
{
    return ss->rp->until_caught_up && ss->caught_up && !ss->open && cdc_order_is_idle(ss->order) &&
           cdc_ddl_feed_caught_up(ss->ddl) && (ss->share == NULL || cdc_share_may_end(ss->share));
}

static bool cdc_session_is_over(const cdc_session *ss)
{
    return ss->share != NULL && cdc_share_is_over(ss->share);
}

static cdc_rc cdc_session_pump(cdc_session *ss, cdc_error *err)
{
    while (!cdc_stop_requested() && !cdc_session_is_done(ss) && !cdc_session_is_over(ss)) {
        bool waits = ss->share != NULL && cdc_elsewhere_waits(cdc_share_elsewhere(ss->share));
        int poll_ms = cdc_session_boundary(ss) ? 0 : waits ? WAITS_POLL_MS : POLL_MS;
        cdc_batch *batch = NULL;
        cdc_rc rc = cdc_intake_next(ss->intake, &batch, poll_ms, err);
        if (rc == CDC_OK) {
            rc = cdc_session_take(ss, batch, err);
        } else if (rc == CDC_AGAIN) {
            rc = cdc_session_idle(ss, err);
        }
        if (rc != CDC_OK) {
            return rc;
        }
    }
    return CDC_OK;
}

/* --- session --- */

static void cdc_session_ready(cdc_session *ss)
{
    cdc_metrics *mx = ss->rp->env->metrics;
    cdc_metrics_word(mx, "state", "applying");
    cdc_metrics_word(mx, "last_error", "");
    cdc_metrics_set_ready(mx, true);
    cdc_metrics_set_healthy(mx, true);
    CDC_LOG(CDC_LOG_INFO, "ready", CDC_STR("target", ss->rp->sink->name),
            CDC_NUM("partitions", ss->n), CDC_NUM("offset", ss->n > 0 ? ss->offsets[0].next : 0),
            CDC_NUM("end", ss->n > 0 ? ss->ends[0] : 0),
            CDC_STR("mode", ss->rp->careful ? "careful" : "batched"));
}

/* A stop finishes what can be finished: whole source transactions are committed, a begun one is
 * undone. */
static cdc_rc cdc_session_finish(cdc_session *ss, cdc_error *err)
{
    return cdc_session_boundary(ss) ? cdc_session_commit(ss, err) : CDC_OK;
}

static cdc_rc cdc_session_run(cdc_session *ss, cdc_error *err)
{
    cdc_rc rc = cdc_session_open(ss, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_session_ready(ss);
    rc = cdc_session_pump(ss, err);
    rc = rc == CDC_OK ? cdc_session_finish(ss, err) : rc;
    bool over = rc == CDC_OK && cdc_session_is_over(ss) && !cdc_stop_requested();
    return over ? cdc_error_set(err, CDC_RETRY, CDC_REPARTITIONED, "other partitions") : rc;
}

/* --- over sessions --- */

/* An error of one row in the midst of a batch: once more, row by row, so that everything before it
 * is applied and the message names it. */
static bool cdc_replay_turn_careful(cdc_replay *rp, const cdc_session *ss, cdc_rc rc,
                                    const cdc_error *err)
{
    bool of_a_row = rc == CDC_FATAL && ss->open && strcmp(err->code, "applier_fenced") != 0 &&
                    strcmp(err->code, "target_partial") != 0 &&
                    strcmp(err->code, "ddl_missing") != 0;
    if (!of_a_row || rp->careful) {
        return false;
    }
    CDC_LOG(CDC_LOG_WARN, "careful", CDC_STR("code", err->code), CDC_STR("error", err->text),
            CDC_STR("next", "the batch is undone and applied again row by row"));
    rp->careful = true;
    rp->careful_left = CAREFUL_ROWS;
    return true;
}

static cdc_rc cdc_replay_after_failure(cdc_replay *rp, cdc_rc rc, cdc_error *err)
{
    cdc_metrics *mx = rp->env->metrics;
    int64_t wait_ms = 0;
    cdc_metrics_set_ready(mx, false);
    cdc_metrics_word(mx, "last_error", err->text);
    if (rc == CDC_RETRY && !cdc_retry_failure(&rp->retry, &wait_ms)) {
        cdc_error_context(err, "given up after retry.connect_minutes");
        rc = CDC_FATAL;
    }
    if (rc != CDC_RETRY) {
        cdc_metrics_word(mx, "state", "failed");
        cdc_metrics_set_healthy(mx, false);
        return rc;
    }
    cdc_metrics_word(mx, "state", "retrying");
    CDC_LOG(CDC_LOG_WARN, "retry", CDC_STR("code", err->code), CDC_STR("error", err->text),
            CDC_NUM("wait_ms", wait_ms));
    return cdc_stop_wait(wait_ms) ? CDC_OK : CDC_RETRY;
}

static void cdc_replay_init(cdc_replay *rp)
{
    cdc_metrics *mx = rp->env->metrics;
    cdc_retry_init(&rp->retry, rp->env->task->retry_connect_ms);
    rp->lag =
        cdc_metrics_number(mx, CDC_GAUGE, "sluice_lag_ms", "",
                           "Commit at the source to commit at the target of the newest row, ms");
    rp->commits = cdc_metrics_number(mx, CDC_COUNTER, "sluice_commits_total", "",
                                     "Target transactions committed");
    rp->txns = cdc_metrics_number(mx, CDC_COUNTER, "sluice_transactions_total", "",
                                  "Source transactions applied");
    rp->rows =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "", "Rows applied and committed");
    rp->left_out = cdc_metrics_number(mx, CDC_COUNTER, "sluice_oversize_left_out_total", "",
                                      "Messages of topics.oversize, which are not applied");
    cdc_metrics_word(mx, "state", "starting");
    cdc_metrics_word(mx, "phase", "catching-up");
}

static cdc_rc cdc_replay_sessions(cdc_replay *rp, cdc_error *err)
{
    while (!cdc_stop_requested()) {
        cdc_session ss = {.rp = rp, .fresh = true, .anchored = true};
        cdc_error_clear(err);
        cdc_rc rc = cdc_session_run(&ss, err);
        bool careful = cdc_replay_turn_careful(rp, &ss, rc, err);
        cdc_session_close(&ss);
        if (rc == CDC_OK) {
            return CDC_OK;
        }
        if (careful || (rc == CDC_RETRY && strcmp(err->code, CDC_REPARTITIONED) == 0)) {
            continue;
        }
        rc = cdc_replay_after_failure(rp, rc, err);
        if (rc != CDC_RETRY) {
            return rc;
        }
    }
    return CDC_OK;
}

cdc_rc cdc_replay_run(const cdc_env *env, const cdc_sink *sink, const cdc_codec *codec,
                      bool until_caught_up, cdc_error *err)
{
    cdc_replay rp = {.env = env, .sink = sink, .codec = codec, .until_caught_up = until_caught_up};
    const char *appliers = cdc_config_str(env->task->cfg, "target.appliers");
    cdc_rc rc = CDC_OK;
    cdc_replay_init(&rp);
    if (strcmp(appliers, "group") == 0) {
        rc = cdc_share_check(env, sink, err);
        rc = rc == CDC_OK ? cdc_share_join(&rp.members, env, err) : rc;
    }
    rc = rc == CDC_OK ? cdc_replay_sessions(&rp, err) : rc;
    cdc_membership_free(rp.members);
    return rc;
}

#include "order.h"

#include <stdlib.h>

#include "core/log.h"

/* A task whose records are met. */
typedef struct cdc_order_task {
    char *name;
    uint64_t known; /* all definition changes up to this id are applied */
    bool exact;     /* ...and none above it is: one that is not found is missing */
} cdc_order_task;

typedef struct cdc_order_part {
    bool stopped;
    bool passed_over;    /* records behind the stop are lost to this reading */
    size_t task;         /* of the record at which it is stopped... */
    uint64_t after;      /* ...which is behind this definition change */
    cdc_definition *def; /* ...and is one itself, not applied yet */
    uint64_t round;      /* the question that was asked since the stop; 0 = none */
    uint64_t reached;    /* not stopped: applied up to where it ended at this question */
} cdc_order_part;

struct cdc_order {
    const cdc_env *env;
    cdc_ddl_feed *feed;
    cdc_ends *ends;
    const cdc_offset *at;
    cdc_order_part *parts;
    int64_t *targets;
    uint32_t n, nstopped;
    cdc_order_task *tasks;
    size_t ntasks, latest; /* the task of the last record */
    cdc_definition *found; /* among the rows */
    uint64_t round;        /* the newest question */
    bool open;             /* ...is not answered yet */
    bool fresh, skip;
    bool total;           /* records come in the source's order: all before a stop are applied */
    cdc_elsewhere *apart; /* of a group: no definition change is among the rows */
    bool resume;
    cdc_metric *skipped;
};

/* --- life --- */

cdc_rc cdc_order_new(cdc_order **out, const cdc_env *env, cdc_ddl_feed *feed, cdc_ends *ends,
                     cdc_error *err)
{
    const cdc_config *cfg = env->task->cfg;
    const char *option = "target.on_ddl_error"; /* of targets that carry out DDL */
    const char *on_ddl = cdc_config_has(cfg, option) ? cdc_config_str(cfg, option) : NULL;
    cdc_order *od = calloc(1, sizeof *od);
    *out = od;
    if (od == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the order of DDL");
    }
    *od = (cdc_order){.env = env, .feed = feed, .ends = ends};
    od->total = env->task->whole;
    od->skip = on_ddl != NULL && strcmp(on_ddl, "skip") == 0;
    od->skipped = cdc_metrics_number(env->metrics, CDC_COUNTER, "sluice_ddl_missing_total", "",
                                     "Definition changes that were in no topic and passed over");
    return CDC_OK;
}

cdc_rc cdc_order_parts(cdc_order *od, const cdc_offset *parts, uint32_t n, bool fresh,
                       cdc_error *err)
{
    od->at = parts;
    od->n = n;
    od->fresh = fresh;
    od->parts = calloc(n, sizeof *od->parts);
    od->targets = calloc(n, sizeof *od->targets);
    return od->parts != NULL && od->targets != NULL
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the order of DDL");
}

void cdc_order_apart(cdc_order *od, cdc_elsewhere *elsewhere)
{
    od->apart = elsewhere;
}

static void cdc_order_know(cdc_order *od, cdc_order_task *task, uint64_t id)
{
    task->known = id > task->known ? id : task->known;
    if (od->apart != NULL) {
        cdc_elsewhere_define(od->apart, task->name, task->known);
    }
}

static void cdc_order_drop_found(cdc_order *od)
{
    while (od->found != NULL) {
        cdc_definition *def = od->found;
        od->found = def->next;
        cdc_definition_free(def);
    }
}

void cdc_order_free(cdc_order *od)
{
    if (od == NULL) {
        return;
    }
    cdc_order_drop_found(od);
    for (size_t i = 0; i < od->ntasks; i++) {
        free(od->tasks[i].name);
    }
    free(od->tasks);
    free(od->parts);
    free(od->targets);
    free(od);
}

static cdc_rc cdc_order_task_of(cdc_order *od, const char *name, size_t *out, cdc_error *err)
{
    for (size_t i = 0; i < od->ntasks; i++) {
        size_t at = (od->latest + i) % od->ntasks;
        if (strcmp(od->tasks[at].name, name) == 0) {
            *out = od->latest = at;
            return CDC_OK;
        }
    }
    cdc_order_task *tasks = realloc(od->tasks, (od->ntasks + 1) * sizeof *tasks);
    od->tasks = tasks != NULL ? tasks : od->tasks;
    char *copy = tasks != NULL ? strdup(name) : NULL;
    if (copy == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the order of DDL");
    }
    tasks[od->ntasks] = (cdc_order_task){.name = copy, .exact = od->fresh};
    *out = od->latest = od->ntasks++;
    return CDC_OK;
}

/* --- records --- */

static bool cdc_order_behind(const cdc_order *od, const cdc_order_part *part)
{
    return part->after > od->tasks[part->task].known;
}

/* The oldest definition change of the task that waits in the feed. */
static cdc_definition *cdc_order_waiting(const cdc_order *od, size_t task)
{
    cdc_definition *oldest = NULL;
    size_t turn = 0;
    for (cdc_definition *def; (def = cdc_ddl_feed_head(od->feed, &turn)) != NULL;) {
        bool ours = strcmp(cdc_definition_task(def), od->tasks[task].name) == 0;
        if (ours && (oldest == NULL || cdc_definition_id(def) < cdc_definition_id(oldest))) {
            oldest = def;
        }
    }
    return oldest;
}

/* The partition is stopped at ev, or is so already. */
static cdc_rc cdc_order_stop(cdc_order *od, cdc_order_part *part, size_t task, const cdc_event *ev,
                             cdc_error *err)
{
    if (!part->stopped) {
        *part = (cdc_order_part){.stopped = true, .task = task, .after = ev->after_ddl};
        od->nstopped++;
    }
    /* Where the DDL has a topic of its own, most often its record is there already. */
    const cdc_definition *def = cdc_order_behind(od, part) ? cdc_order_waiting(od, task) : NULL;
    return cdc_order_behind(od, part) && (def == NULL || cdc_definition_id(def) > part->after)
               ? cdc_ddl_feed_catch_up(od->feed, err)
               : CDC_OK;
}

/* A definition change among the rows: the first message of a statement, or a further one. */
static cdc_rc cdc_order_take(cdc_order *od, cdc_order_part *part, const cdc_event *ev,
                             cdc_error *err)
{
    for (cdc_definition *def = od->found; def != NULL; def = def->next) {
        if (cdc_definition_takes(def, ev)) {
            part->def = def;
            return cdc_definition_add(def, ev)
                       ? CDC_OK
                       : cdc_error_set(err, CDC_FATAL, "no_memory",
                                       "out of memory for a definition change");
        }
    }
    cdc_definition *def = cdc_definition_new(ev);
    if (def == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a definition change");
    }
    /* Its completeness is looked at over all partitions. */
    def->next = od->found;
    od->found = def;
    part->def = def;
    return CDC_OK;
}

cdc_rc cdc_order_admit(cdc_order *od, uint32_t i, const cdc_event *ev, cdc_admission *out,
                       cdc_error *err)
{
    cdc_order_part *part = &od->parts[i];
    size_t task = 0;
    cdc_rc rc = CDC_OK;
    *out = CDC_ORDER_PASS;
    if (!part->stopped) {
        rc = cdc_order_task_of(od, ev->task, &task, err);
        if (rc != CDC_OK || (ev->op != CDC_OP_DDL && ev->after_ddl <= od->tasks[task].known)) {
            return rc;
        }
        rc = cdc_order_stop(od, part, task, ev, err);
        *out = ev->op == CDC_OP_DDL ? CDC_ORDER_TAKEN : CDC_ORDER_STOP;
        return rc == CDC_OK && ev->op == CDC_OP_DDL ? cdc_order_take(od, part, ev, err) : rc;
    }
    *out = CDC_ORDER_STOP;
    if (part->def == NULL || part->passed_over) {
        return CDC_OK;
    }
    if (ev->op == CDC_OP_DDL && cdc_definition_takes(part->def, ev)) {
        *out = CDC_ORDER_TAKEN;
        return cdc_order_take(od, part, ev, err);
    }
    if (od->n == 1) { /* what follows is of another statement */
        part->def->complete = true;
    }
    return CDC_OK;
}

void cdc_order_pass_over(cdc_order *od, uint32_t part)
{
    od->parts[part].passed_over = true;
}

bool cdc_order_is_stopped(const cdc_order *od, uint32_t part)
{
    return od->parts[part].stopped;
}

/* --- what is due --- */

/* Has everything been applied, or is stopped, that was there when the question was asked? */
static bool cdc_order_was_reached(const cdc_order *od, uint64_t round)
{
    for (uint32_t i = 0; i < od->n && od->nstopped < (od->total ? 1 : od->n); i++) {
        if (!od->parts[i].stopped && (round == 0 || od->parts[i].reached < round)) {
            return false;
        }
    }
    return true;
}

/* Has every row that came before it been applied? */
static bool cdc_order_is_due(const cdc_order *od, const cdc_definition *def)
{
    if (!def->complete || !cdc_order_was_reached(od, def->round)) {
        return false;
    }
    for (uint32_t i = 0; i < od->n && od->nstopped > 0; i++) {
        const cdc_order_part *part = &od->parts[i];
        if (part->stopped && part->def != def && part->after < cdc_definition_id(def) &&
            strcmp(od->tasks[part->task].name, cdc_definition_task(def)) == 0) {
            return false;
        }
    }
    return true;
}

/* The one with the lowest id of its task that is due. */
static cdc_definition *cdc_order_due(const cdc_order *od)
{
    cdc_definition *due = NULL;
    size_t turn = 0;
    for (cdc_definition *def; (def = cdc_ddl_feed_head(od->feed, &turn)) != NULL;) {
        if (cdc_order_is_due(od, def)) {
            return def;
        }
    }
    for (cdc_definition *def = od->found; def != NULL; def = def->next) {
        if (cdc_order_is_due(od, def) &&
            (due == NULL || cdc_definition_id(def) < cdc_definition_id(due))) {
            due = def;
        }
    }
    return due;
}

static cdc_rc cdc_order_missing(cdc_order *od, cdc_order_task *task, uint64_t id, cdc_error *err)
{
    char have[300];
    char lack[300];
    if (od->skip) {
        CDC_LOG(CDC_LOG_WARN, "ddl_missing", CDC_STR("of", task->name), CDC_NUM("id", id),
                CDC_STR("why", "it is in no topic, and target.on_ddl_error is skip"));
        cdc_metric_add(od->skipped, 1);
        cdc_order_know(od, task, id);
        return CDC_OK;
    }
    cdc_ddl_feed_names(od->feed, true, have, sizeof have);
    cdc_ddl_feed_names(od->feed, false, lack, sizeof lack);
    return cdc_error_set(
        err, CDC_FATAL, "ddl_missing",
        "task %s has published a definition change with id %llu that is in no topic read here "
        "(DDL topics: %s; not there: %s): name the capture's DDL topic in topics.ddl, or, if its "
        "records are lost, make the change at the target and start once with "
        "target.on_ddl_error: skip",
        task->name, (unsigned long long)id, have[0] != '\0' ? have : "none",
        lack[0] != '\0' ? lack : "none");
}

/* The lowest id that a stopped partition of the task waits for, or 0. *asked: all topics have been
 * read up to where they ended since the first of them was stopped. */
static uint64_t cdc_order_wanted(const cdc_order *od, size_t task, bool *asked)
{
    uint64_t wanted = 0;
    *asked = true;
    for (uint32_t i = 0; i < od->n; i++) {
        const cdc_order_part *part = &od->parts[i];
        if (part->stopped && part->task == task && cdc_order_behind(od, part)) {
            wanted = wanted == 0 || part->after < wanted ? part->after : wanted;
            *asked = *asked && (od->apart != NULL || cdc_order_was_reached(od, part->round));
        }
    }
    return wanted;
}

static bool cdc_order_is_found(const cdc_order *od, size_t task, uint64_t upto)
{
    for (const cdc_definition *def = od->found; def != NULL; def = def->next) {
        if (strcmp(cdc_definition_task(def), od->tasks[task].name) == 0 &&
            cdc_definition_id(def) <= upto) {
            return true;
        }
    }
    const cdc_definition *def = cdc_order_waiting(od, task);
    return def != NULL && cdc_definition_id(def) <= upto;
}

/* Partitions wait for a definition change that comes no more: it was applied before this session,
 * or it is missing. */
static cdc_rc cdc_order_settle_wanted(cdc_order *od, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (size_t t = 0; t < od->ntasks && rc == CDC_OK; t++) {
        bool asked = false;
        uint64_t wanted = cdc_order_wanted(od, t, &asked);
        if (wanted == 0 || !asked || cdc_order_is_found(od, t, wanted)) {
            continue;
        }
        /* At the stop an older one may have been waiting, and this one not read yet. */
        rc = cdc_ddl_feed_catch_up(od->feed, err);
        if (rc != CDC_OK || cdc_order_is_found(od, t, wanted)) {
            continue;
        }
        if (od->tasks[t].exact) {
            rc = cdc_order_missing(od, &od->tasks[t], wanted, err);
        } else {
            cdc_order_know(od, &od->tasks[t], wanted);
        }
    }
    return rc;
}

static void cdc_order_release(cdc_order *od)
{
    for (uint32_t i = 0; i < od->n; i++) {
        cdc_order_part *part = &od->parts[i];
        if (!part->stopped || part->def != NULL || cdc_order_behind(od, part)) {
            continue;
        }
        if (part->passed_over) {
            od->resume = true;
        } else {
            part->stopped = false;
            od->nstopped--;
        }
    }
}

/* A definition change whose predecessor was never met. */
static cdc_rc cdc_order_check_gap(cdc_order *od, const cdc_definition *def, cdc_error *err)
{
    size_t t = 0;
    cdc_rc rc = cdc_order_task_of(od, cdc_definition_task(def), &t, err);
    bool gap = rc == CDC_OK && od->tasks[t].exact && cdc_definition_after(def) > od->tasks[t].known;
    return gap ? cdc_order_missing(od, &od->tasks[t], cdc_definition_after(def), err) : rc;
}

cdc_rc cdc_order_next(cdc_order *od, cdc_definition **out, cdc_error *err)
{
    *out = NULL;
    if (od->resume) { /* first those that may go on have to do so */
        return CDC_OK;
    }
    *out = cdc_order_due(od);
    if (*out == NULL && od->nstopped > 0) {
        cdc_rc rc = cdc_order_settle_wanted(od, err);
        if (rc != CDC_OK) {
            return rc;
        }
        cdc_order_release(od);
        *out = od->resume ? NULL : cdc_order_due(od);
    }
    return *out != NULL ? cdc_order_check_gap(od, *out, err) : CDC_OK;
}

bool cdc_order_is_repeated(const cdc_order *od, const cdc_definition *def)
{
    for (size_t i = 0; i < od->ntasks; i++) {
        if (strcmp(od->tasks[i].name, cdc_definition_task(def)) == 0) {
            return !od->env->task->exactly_once &&
                   cdc_definition_last_id(def) <= od->tasks[i].known;
        }
    }
    return false;
}

cdc_rc cdc_order_done(cdc_order *od, cdc_definition *def, cdc_error *err)
{
    size_t task = 0;
    bool among_rows = false;
    cdc_rc rc = cdc_order_task_of(od, cdc_definition_task(def), &task, err);
    if (rc != CDC_OK) {
        return rc;
    }
    uint64_t id = cdc_definition_last_id(def);
    cdc_order_know(od, &od->tasks[task], id);
    od->tasks[task].exact = true;
    for (cdc_definition **at = &od->found; *at != NULL; at = &(*at)->next) {
        if (*at == def) {
            *at = def->next;
            among_rows = true;
            break;
        }
    }
    for (uint32_t i = 0; i < od->n; i++) {
        od->parts[i].def = od->parts[i].def == def ? NULL : od->parts[i].def;
    }
    if (among_rows) {
        cdc_definition_free(def);
    } else {
        rc = cdc_ddl_feed_pop(od->feed, def, err);
    }
    cdc_order_release(od);
    return rc;
}

/* --- questions --- */

/* Everything that waits, and was not answered yet, belongs to the next question. False: there is
 * nothing. */
static bool cdc_order_set_round(cdc_order *od, uint64_t round)
{
    bool any = false;
    size_t turn = 0;
    for (cdc_definition *first; (first = cdc_ddl_feed_head(od->feed, &turn)) != NULL;) {
        for (cdc_definition *def = first; def != NULL; def = def->next) {
            if (!cdc_order_was_reached(od, def->round)) {
                def->round = round;
                any = true;
            }
        }
    }
    for (cdc_definition *def = od->found; def != NULL; def = def->next) {
        if (!def->complete || !cdc_order_was_reached(od, def->round)) {
            def->round = round;
            any = true;
        }
    }
    for (uint32_t i = 0; i < od->n && od->nstopped > 0; i++) {
        cdc_order_part *part = &od->parts[i];
        if (part->stopped && !cdc_order_was_reached(od, part->round)) {
            part->round = round;
            any = true;
        }
    }
    return any;
}

cdc_rc cdc_order_tick(cdc_order *od, bool *ask, cdc_error *err)
{
    *ask = false;
    cdc_rc rc = cdc_ddl_feed_read(od->feed, err);
    if (rc != CDC_OK || od->open || !cdc_order_set_round(od, od->round + 1)) {
        return rc;
    }
    od->round++;
    od->open = true;
    *ask = true;
    return cdc_ends_ask(od->ends, od->at, od->n, od->targets, err);
}

bool cdc_order_is_urgent(const cdc_order *od)
{
    return od->nstopped > 0 && !od->open && !od->resume;
}

const int64_t *cdc_order_targets(const cdc_order *od)
{
    return od->targets;
}

uint64_t cdc_order_round(const cdc_order *od)
{
    return od->round;
}

void cdc_order_reached(cdc_order *od, uint64_t round)
{
    if (!od->open || round != od->round) {
        return; /* the answer to a question from before a resume */
    }
    od->open = false;
    for (uint32_t i = 0; i < od->n; i++) {
        if (!od->parts[i].stopped) {
            od->parts[i].reached = round;
        }
    }
    /* A statement's messages come in one Kafka transaction, so there is no more of it. */
    for (cdc_definition *def = od->found; def != NULL; def = def->next) {
        def->complete = def->complete || def->round == round;
    }
}

bool cdc_order_must_resume(const cdc_order *od)
{
    return od->resume;
}

void cdc_order_resume(cdc_order *od)
{
    cdc_order_drop_found(od);
    memset(od->parts, 0, od->n * sizeof *od->parts);
    od->nstopped = 0;
    od->resume = false;
    od->open = false; /* the question is put again */
}

bool cdc_order_is_idle(const cdc_order *od)
{
    return od->nstopped == 0;
}

#include "moves.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/log.h"
#include "topics/ends.h"
#include "topics/header.h"

enum {
    KEPT_BYTES_MAX = 4 * 1024 * 1024, /* then the partitions of what waits are paused */
    LOOK_MS = 5000,
};

#define NOBODY UINT32_MAX

typedef struct cdc_kept_message {
    struct cdc_kept_message *next;
    cdc_message msg;
} cdc_kept_message;

typedef struct cdc_moves_part {
    uint64_t passed; /* id of the newest record handed on */
    uint64_t awaits; /* id of the INSERT that ends a move; 0: none */
    cdc_kept_message *first, **last;
    bool paused;
} cdc_moves_part;

struct cdc_moves {
    const cdc_env *env;
    cdc_moves_read read;
    cdc_moves_part *parts;   /* of each partition that is read */
    uint32_t nawaits, nkept; /* partitions */
    size_t kept_bytes;
    _Atomic bool steer;
    int64_t since_ms; /* a look since which nothing was let go; 0: there was none */
    cdc_ends *ends;   /* made when it is first needed */
    cdc_metric *waited;
};

/* What the header of a moved row's record says. */
typedef struct cdc_move {
    bool is;
    int32_t partition; /* of the other record */
    uint64_t id;       /* of an INSERT's DELETE; 0: it is the DELETE */
} cdc_move;

static cdc_move cdc_moves_header(cdc_bytes header)
{
    cdc_bytes text = {.len = 0};
    uint64_t number[2] = {0, 0};
    int n = 0;
    (void)cdc_header_find(header, ";move=", &text);
    for (size_t i = 0; i < text.len && n < 2; i++) {
        if (text.p[i] == ':') {
            n++;
        } else {
            number[n] = number[n] * 10 + (uint64_t)(text.p[i] - '0'); /* cdc_header_parse checks */
        }
    }
    return (cdc_move){.is = text.len > 0, .partition = (int32_t)number[0], .id = number[1]};
}

static uint32_t cdc_moves_find(const cdc_moves *mv, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < mv->read.n; i++) {
        if (mv->read.offsets[i].partition == partition &&
            strcmp(mv->read.offsets[i].topic, topic) == 0) {
            return i;
        }
    }
    return NOBODY;
}

cdc_rc cdc_moves_new(cdc_moves **out, const cdc_env *env, const cdc_moves_read *read,
                     cdc_error *err)
{
    cdc_moves *mv = calloc(1, sizeof *mv);
    *out = mv;
    if (mv != NULL) {
        mv->parts = calloc(read->n + 1, sizeof *mv->parts);
    }
    if (mv == NULL || mv->parts == NULL) {
        free(mv);
        *out = NULL;
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for rows that move");
    }
    mv->env = env;
    mv->read = *read;
    for (uint32_t i = 0; i < read->n; i++) {
        mv->parts[i].last = &mv->parts[i].first;
    }
    mv->waited = cdc_metrics_number(env->metrics, CDC_COUNTER, "sluice_moves_waited_total", "",
                                    "Records that waited for the other record of a moved row");
    return CDC_OK;
}

/* --- what waits --- */

static void cdc_moves_settle(cdc_moves *mv, uint32_t part)
{
    cdc_moves_part *pt = &mv->parts[part];
    mv->nawaits -= pt->awaits > 0 ? 1 : 0;
    pt->awaits = 0;
    mv->since_ms = 0;
}

static size_t cdc_moves_bytes(const cdc_message *msg)
{
    return msg->key.len + msg->value.len + msg->header.len;
}

static void cdc_moves_drop_first(cdc_moves *mv, uint32_t part, cdc_message *msg)
{
    cdc_moves_part *pt = &mv->parts[part];
    cdc_kept_message *kept = pt->first;
    *msg = kept->msg;
    pt->first = kept->next;
    if (pt->first == NULL) {
        pt->last = &pt->first;
        mv->nkept--;
    }
    mv->kept_bytes -= cdc_moves_bytes(msg);
    mv->since_ms = 0;
    free(kept);
}

void cdc_moves_free(cdc_moves *mv)
{
    if (mv == NULL) {
        return;
    }
    for (uint32_t i = 0; i < mv->read.n; i++) {
        while (mv->parts[i].first != NULL) {
            cdc_message msg;
            cdc_moves_drop_first(mv, i, &msg);
            cdc_consumer_release(&msg);
        }
    }
    cdc_ends_free(mv->ends);
    free(mv->parts);
    free(mv);
}

/* The id up to which all of the partition's records have been handed on, or never come. An INSERT
 * that waits tells its own. */
static uint64_t cdc_moves_passed(const cdc_moves *mv, uint32_t part)
{
    const cdc_moves_part *pt = &mv->parts[part];
    uint64_t before = pt->first != NULL ? cdc_moves_header(pt->first->msg.header).id : 0;
    return before > pt->passed ? before : pt->passed;
}

/* The partition whose DELETE this record has to wait for, or NOBODY. */
static uint32_t cdc_moves_needs(const cdc_moves *mv, const cdc_message *msg)
{
    cdc_move move = cdc_moves_header(msg->header);
    if (!move.is || move.id == 0) {
        return NOBODY;
    }
    if (move.partition == msg->partition) {
        return NOBODY; /* it came before */
    }
    uint32_t from = cdc_moves_find(mv, msg->topic, move.partition);
    bool waits = from != NOBODY && cdc_moves_passed(mv, from) < move.id &&
                 (mv->read.elsewhere == NULL ||
                  !cdc_elsewhere_knows(mv->read.elsewhere, msg->topic, move.partition, move.id));
    return waits ? from : NOBODY;
}

/* Behind a definition change that is not applied yet? */
static bool cdc_moves_is_behind(const cdc_moves *mv, const cdc_message *msg)
{
    cdc_arena ar;
    cdc_header header;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    cdc_arena_init(&ar, 1024, 64 * 1024);
    bool behind = cdc_header_parse(msg->header, &ar, &header, &ignored) != CDC_OK ||
                  cdc_elsewhere_is_behind(mv->read.elsewhere,
                                          header.task != NULL ? header.task : "", header.ddl);
    cdc_arena_fini(&ar);
    return behind;
}

/* ...which another process of the group has not applied yet. */
static bool cdc_moves_needs_others(const cdc_moves *mv, const cdc_message *msg)
{
    if (mv->read.elsewhere == NULL) {
        return false;
    }
    cdc_move move = cdc_moves_header(msg->header);
    return move.is && move.id > 0 && cdc_moves_find(mv, msg->topic, move.partition) == NOBODY &&
           !cdc_elsewhere_passed(mv->read.elsewhere, msg->topic, move.partition, move.id) &&
           !cdc_moves_is_behind(mv, msg);
}

/* Does something that is on its way, or waits, need this partition? */
static bool cdc_moves_wanted(const cdc_moves *mv, uint32_t part)
{
    if (mv->parts[part].awaits > 0) {
        return true;
    }
    for (uint32_t i = 0; i < mv->read.n; i++) {
        const cdc_kept_message *first = mv->parts[i].first;
        if (first != NULL && cdc_moves_needs(mv, &first->msg) == part) {
            return true;
        }
    }
    return false;
}

/* A definition change waits for the other partitions: they must be read. */
static bool cdc_moves_any_held(const cdc_moves *mv)
{
    for (uint32_t i = 0; i < mv->read.n; i++) {
        if (atomic_load(&mv->read.held[i])) {
            return true;
        }
    }
    return false;
}

/* What waits for a partition that is held must not: the session passes it over too. */
static bool cdc_moves_must_wait(const cdc_moves *mv, uint32_t part, const cdc_message *msg)
{
    uint32_t from = cdc_moves_needs(mv, msg);
    if (from != NOBODY) {
        return !atomic_load(&mv->read.held[from]);
    }
    if (cdc_moves_needs_others(mv, msg)) {
        return true;
    }
    return mv->nawaits > 0 && atomic_load(&mv->steer) && !cdc_moves_any_held(mv) &&
           !cdc_moves_wanted(mv, part);
}

cdc_rc cdc_moves_take(cdc_moves *mv, uint32_t part, cdc_message *msg, bool *waits, cdc_error *err)
{
    cdc_moves_part *pt = &mv->parts[part];
    *waits = pt->first != NULL || cdc_moves_must_wait(mv, part, msg);
    if (!*waits) {
        return CDC_OK;
    }
    cdc_kept_message *kept = malloc(sizeof *kept);
    if (kept == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for rows that move");
    }
    mv->nkept += pt->first == NULL ? 1 : 0;
    kept->next = NULL;
    kept->msg = *msg;
    *pt->last = kept;
    pt->last = &kept->next;
    mv->kept_bytes += cdc_moves_bytes(msg);
    cdc_metric_add(mv->waited, 1);
    msg->handle = NULL;
    msg->joined = NULL;
    if (mv->kept_bytes > KEPT_BYTES_MAX && !pt->paused) {
        pt->paused = true;
        cdc_consumer_pause(mv->read.consumer, msg->topic, msg->partition);
    }
    return CDC_OK;
}

/* Its records are not wanted any more. */
static void cdc_moves_hold(cdc_moves *mv, uint32_t part)
{
    while (mv->parts[part].first != NULL) {
        cdc_message msg;
        cdc_moves_drop_first(mv, part, &msg);
        cdc_consumer_release(&msg);
    }
}

bool cdc_moves_next(cdc_moves *mv, cdc_message *msg, uint32_t *part)
{
    for (uint32_t i = 0; i < mv->read.n && mv->nkept > 0; i++) {
        cdc_moves_part *pt = &mv->parts[i];
        if (pt->first != NULL && atomic_load(&mv->read.held[i])) {
            cdc_moves_hold(mv, i);
        }
        if (pt->first != NULL && !cdc_moves_must_wait(mv, i, &pt->first->msg)) {
            cdc_moves_drop_first(mv, i, msg);
            if (pt->first == NULL && pt->paused) {
                pt->paused = false;
                cdc_consumer_resume(mv->read.consumer, msg->topic, msg->partition);
            }
            *part = i;
            return true;
        }
    }
    return false;
}

/* --- what passes --- */

void cdc_moves_pass(cdc_moves *mv, uint32_t part, cdc_event *ev)
{
    cdc_moves_part *pt = &mv->parts[part];
    pt->passed = ev->id;
    if (pt->awaits > 0 && ev->id >= pt->awaits) {
        cdc_moves_settle(mv, part);
    }
    uint32_t to = ev->op == CDC_OP_DELETE && ev->move > 0 && mv->read.elsewhere == NULL
                      ? cdc_moves_find(mv, ev->topic, ev->move - 1)
                      : NOBODY;
    if (to != NOBODY && mv->parts[to].passed <= ev->id) {
        mv->nawaits += mv->parts[to].awaits == 0 ? 1 : 0;
        if (mv->parts[to].awaits <= ev->id) {
            mv->parts[to].awaits = ev->id + 1;
        }
    }
    ev->moving = mv->nawaits > 0;
}

bool cdc_moves_open(const cdc_moves *mv)
{
    return mv->nawaits > 0;
}

int64_t cdc_moves_waits_at(const cdc_moves *mv, uint32_t part)
{
    return mv->parts[part].first != NULL ? mv->parts[part].first->msg.offset : -1;
}

void cdc_moves_steer(cdc_moves *mv, bool on)
{
    atomic_store(&mv->steer, on);
}

/* --- what never comes --- */

/* Was all that the partition has handed on? Not where it is held: records are passed over there. */
static cdc_rc cdc_moves_at_end(cdc_moves *mv, uint32_t part, bool *out, cdc_error *err)
{
    const cdc_offset *at = &mv->read.offsets[part];
    int64_t end = 0;
    cdc_rc rc = mv->ends == NULL ? cdc_ends_new(&mv->ends, mv->env, err) : CDC_OK;
    if (rc == CDC_OK) {
        rc = cdc_ends_ask(mv->ends, at, 1, &end, err);
    }
    *out = rc == CDC_OK && mv->parts[part].first == NULL && !atomic_load(&mv->read.held[part]) &&
           cdc_consumer_position(mv->read.consumer, at->topic, at->partition) >= end;
    return rc;
}

static void cdc_moves_say(const cdc_moves *mv, uint32_t part, const char *text)
{
    CDC_LOG(CDC_LOG_WARN, "move_half", CDC_STR("topic", mv->read.offsets[part].topic),
            CDC_NUM("partition", mv->read.offsets[part].partition), CDC_STR("text", text));
}

cdc_rc cdc_moves_look(cdc_moves *mv, int64_t now_ms, cdc_error *err)
{
    bool ended = false;
    cdc_rc rc = CDC_OK;
    if (mv->nawaits == 0 && mv->nkept == 0) {
        return CDC_OK;
    }
    mv->since_ms = mv->since_ms == 0 ? now_ms : mv->since_ms;
    if (now_ms - mv->since_ms < LOOK_MS) {
        return CDC_OK;
    }
    mv->since_ms = now_ms;
    for (uint32_t i = 0; i < mv->read.n && rc == CDC_OK; i++) {
        cdc_moves_part *pt = &mv->parts[i];
        uint32_t from = pt->first != NULL ? cdc_moves_needs(mv, &pt->first->msg) : NOBODY;
        if (from != NOBODY) {
            rc = cdc_moves_at_end(mv, from, &ended, err);
            if (rc == CDC_OK && ended) {
                cdc_moves_say(mv, i, "the DELETE of a row that moved here lies before the start");
                mv->parts[from].passed = cdc_moves_header(pt->first->msg.header).id;
            }
        } else if (pt->awaits > 0) {
            rc = cdc_moves_at_end(mv, i, &ended, err);
            if (rc == CDC_OK && ended) {
                cdc_moves_say(mv, i,
                              "the INSERT of a row that moved here lies before the start, or "
                              "went aside (message.oversize)");
                cdc_moves_settle(mv, i);
            }
        }
    }
    return rc;
}

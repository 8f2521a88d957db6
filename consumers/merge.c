#include "merge.h"

#include <stdlib.h>

#include "core/log.h"
#include "topics/ends.h"
#include "topics/header.h"
#include "topics/transaction.h"

enum {
    KEPT_BYTES_MAX = 16 * 1024 * 1024, /* over all partitions, before one is paused */
    KEPT_BYTES_MIN = 64 * 1024,        /* of one that is */
    MESSAGE_BYTES = 700,               /* what one costs beside its own */
    ARENA_KEEP = 64 * 1024,
    ARENA_BYTES_MAX = 512 * 1024 * 1024,
    LOOK_MS = 100,
};

#define NOBODY UINT32_MAX

typedef struct cdc_waiting {
    struct cdc_waiting *next;
    cdc_message msg;
    uint64_t id;
} cdc_waiting;

typedef struct cdc_merge_part {
    cdc_waiting *first, **last;
    size_t bytes;
    uint64_t newest; /* id of the last message taken */
    bool paused;
    bool known;         /* what lies before the place where reading began is applied */
    bool passed;        /* a message was handed on */
    int64_t ended_upto; /* it has no message of a transaction before this offset but what waits */
} cdc_merge_part;

/* A partition's messages of the transaction in hand that are not handed on. */
typedef struct cdc_merge_share {
    uint32_t part;
    uint64_t first, last, count;
    uint64_t done;
    bool begun;
    bool cut; /* its first ones were applied earlier */
} cdc_merge_share;

typedef struct cdc_merge_topic {
    const char *name;
    uint32_t first, n; /* its partitions */
} cdc_merge_topic;

struct cdc_merge {
    const cdc_env *env;
    cdc_consumer *consumer;
    const cdc_offset *offsets;
    cdc_merge_part *parts;
    uint32_t n;
    uint32_t records; /* the partition with the records of transactions */
    cdc_merge_topic *topics;
    uint32_t ntopics;
    size_t kept;  /* bytes that wait */
    size_t limit; /* ...in a partition that is paused when they are too many */
    char *task;   /* whose transactions they are; NULL: not known yet */
    cdc_arena arena;
    cdc_transaction tx; /* in hand */
    int64_t offset;     /* ...and its record's; -1: none is */
    bool open;
    bool handed;       /* a message was handed on: what comes now was not applied earlier */
    uint64_t expected; /* the id behind the last one handed on */
    uint64_t done;     /* id up to which all transactions are handed on */
    cdc_merge_share *shares;
    uint32_t nshares, shares_cap;
    cdc_ends *ends; /* made when it is first needed */
    cdc_offset *asked;
    int64_t *answers;
    int64_t since_ms; /* nothing was handed on since; 0: since the last look */
};

/* --- life --- */

static cdc_rc cdc_merge_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for whole transactions");
}

/* What is too large is taken by nobody here, so no transaction may wait for it. */
static void cdc_merge_group(cdc_merge *mg, const char *side)
{
    for (uint32_t i = 0; i < mg->n; i++) {
        cdc_merge_topic *latest = mg->ntopics > 0 ? &mg->topics[mg->ntopics - 1] : NULL;
        if (i == mg->records || strcmp(mg->offsets[i].topic, side) == 0) {
            continue;
        }
        if (latest != NULL && strcmp(latest->name, mg->offsets[i].topic) == 0) {
            latest->n++;
        } else {
            mg->topics[mg->ntopics++] =
                (cdc_merge_topic){.name = mg->offsets[i].topic, .first = i, .n = 1};
        }
    }
}

cdc_rc cdc_merge_new(cdc_merge **out, const cdc_env *env, const cdc_merge_read *read,
                     cdc_error *err)
{
    const cdc_offset *offsets = read->offsets;
    uint32_t n = read->n;
    cdc_merge *mg = calloc(1, sizeof *mg);
    *out = mg;
    if (mg == NULL) {
        return cdc_merge_memory(err);
    }
    mg->env = env;
    mg->consumer = read->consumer;
    mg->offsets = offsets;
    mg->n = n;
    mg->records = NOBODY;
    mg->offset = -1;
    cdc_arena_init(&mg->arena, 16 * 1024, ARENA_BYTES_MAX);
    mg->parts = calloc(n + 1, sizeof *mg->parts);
    mg->topics = calloc(n + 1, sizeof *mg->topics);
    mg->asked = calloc(n + 1, sizeof *mg->asked);
    mg->answers = calloc(n + 1, sizeof *mg->answers);
    if (mg->parts == NULL || mg->topics == NULL || mg->asked == NULL || mg->answers == NULL) {
        cdc_merge_free(mg);
        *out = NULL;
        return cdc_merge_memory(err);
    }
    mg->limit =
        KEPT_BYTES_MAX / (n + 1) > KEPT_BYTES_MIN ? KEPT_BYTES_MAX / (n + 1) : KEPT_BYTES_MIN;
    for (uint32_t i = 0; i < n; i++) {
        mg->parts[i].last = &mg->parts[i].first;
        mg->parts[i].known = offsets[i].next >= 0;
        if (offsets[i].partition == 0 && strcmp(offsets[i].topic, read->transactions) == 0) {
            mg->records = i;
        }
    }
    cdc_merge_group(mg, read->side);
    return CDC_OK;
}

static size_t cdc_merge_bytes(const cdc_message *msg)
{
    return msg->key.len + msg->value.len + msg->header.len + MESSAGE_BYTES;
}

/* The first message that waits is wanted. */
static void cdc_merge_drop_first(cdc_merge *mg, uint32_t part, cdc_message *msg)
{
    cdc_merge_part *pt = &mg->parts[part];
    cdc_waiting *first = pt->first;
    *msg = first->msg;
    pt->first = first->next;
    if (pt->first == NULL) {
        pt->last = &pt->first;
    }
    pt->bytes -= cdc_merge_bytes(msg);
    mg->kept -= cdc_merge_bytes(msg);
    free(first);
    if (pt->paused && pt->bytes <= mg->limit / 2) {
        pt->paused = false;
        cdc_consumer_resume(mg->consumer, mg->offsets[part].topic, mg->offsets[part].partition);
    }
}

void cdc_merge_free(cdc_merge *mg)
{
    if (mg == NULL) {
        return;
    }
    for (uint32_t i = 0; mg->parts != NULL && i < mg->n; i++) {
        mg->parts[i].paused = false;
        while (mg->parts[i].first != NULL) {
            cdc_message msg;
            cdc_merge_drop_first(mg, i, &msg);
            cdc_consumer_release(&msg);
        }
    }
    cdc_arena_fini(&mg->arena);
    cdc_ends_free(mg->ends);
    free(mg->parts);
    free(mg->topics);
    free(mg->shares);
    free(mg->asked);
    free(mg->answers);
    free(mg->task);
    free(mg);
}

/* --- what is read --- */

#define CURE                                                                                       \
    "apply it with target.atomic: partition and --until-caught-up, then set target.atomic: "       \
    "transaction again"

static cdc_rc cdc_merge_uncovered(const cdc_merge *mg, const cdc_message *msg, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "transaction_uncovered",
        "topic %s partition %d offset %lld: the message belongs to no transaction of topic %s "
        "(next "
        "is %s): it was published before topics.transactions was switched on, or the records of "
        "that time are deleted, or the capture's delivery is at-least-once; " CURE,
        msg->topic, (int)msg->partition, (long long)msg->offset, mg->offsets[mg->records].topic,
        mg->offset >= 0 ? mg->tx.id : "not there yet");
}

static cdc_rc cdc_merge_foreign(const cdc_merge *mg, const cdc_message *msg, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "transaction_foreign",
        "topic %s partition %d offset %lld: the message is not of task %s, whose transactions "
        "topic "
        "%s has: give target.atomic: transaction to an applier of one task's topics only",
        msg->topic, (int)msg->partition, (long long)msg->offset, mg->task,
        mg->offsets[mg->records].topic);
}

static bool cdc_merge_is_ours(const cdc_merge *mg, const cdc_message *msg)
{
    cdc_bytes task;
    return mg->task == NULL ||
           (cdc_header_find(msg->header, ";task=", &task) && task.len == strlen(mg->task) &&
            memcmp(task.p, mg->task, task.len) == 0);
}

static cdc_rc cdc_merge_check(cdc_merge *mg, cdc_merge_part *pt, const cdc_message *msg,
                              uint64_t *id, cdc_error *err)
{
    cdc_bytes text;
    *id = 0;
    if (cdc_header_find(msg->header, ";id=", &text)) {
        for (size_t i = 0; i < text.len; i++) { /* cdc_header_parse checks it */
            *id = *id * 10 + (uint64_t)(text.p[i] - '0');
        }
    }
    if (!cdc_merge_is_ours(mg, msg)) {
        return cdc_merge_foreign(mg, msg, err);
    }
    bool before = mg->offset >= 0 && *id < mg->tx.first;
    if (*id <= pt->newest || *id <= mg->done || before) {
        return cdc_merge_uncovered(mg, msg, err);
    }
    pt->newest = *id;
    return CDC_OK;
}

cdc_rc cdc_merge_take(cdc_merge *mg, uint32_t part, cdc_message *msg, cdc_error *err)
{
    cdc_merge_part *pt = &mg->parts[part];
    uint64_t id = 0;
    cdc_rc rc = part != mg->records ? cdc_merge_check(mg, pt, msg, &id, err) : CDC_OK;
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_waiting *waiting = malloc(sizeof *waiting);
    if (waiting == NULL) {
        return cdc_merge_memory(err);
    }
    *waiting = (cdc_waiting){.msg = *msg, .id = id};
    *pt->last = waiting;
    pt->last = &waiting->next;
    pt->bytes += cdc_merge_bytes(msg);
    mg->kept += cdc_merge_bytes(msg);
    msg->handle = NULL;
    msg->joined = NULL;
    if (mg->kept > KEPT_BYTES_MAX && pt->bytes > mg->limit && !pt->paused) {
        pt->paused = true;
        cdc_consumer_pause(mg->consumer, mg->offsets[part].topic, mg->offsets[part].partition);
    }
    return CDC_OK;
}

/* --- the transaction in hand --- */

static cdc_rc cdc_merge_add_share(cdc_merge *mg, const cdc_transaction_part *of, cdc_error *err)
{
    const cdc_merge_topic *topic = NULL;
    for (uint32_t i = 0; i < mg->ntopics && topic == NULL; i++) {
        topic = strcmp(mg->topics[i].name, of->topic) == 0 ? &mg->topics[i] : NULL;
    }
    if (topic == NULL) {
        return CDC_OK;
    }
    if ((uint32_t)of->partition >= topic->n) {
        return cdc_error_set(err, CDC_RETRY, CDC_REPARTITIONED,
                             "topic %s has got partition %d since this applier began to read",
                             of->topic, (int)of->partition);
    }
    if (mg->nshares == mg->shares_cap) {
        uint32_t cap = mg->shares_cap > 0 ? 2 * mg->shares_cap : 16;
        cdc_merge_share *shares = realloc(mg->shares, cap * sizeof *shares);
        if (shares == NULL) {
            return cdc_merge_memory(err);
        }
        mg->shares = shares;
        mg->shares_cap = cap;
    }
    mg->shares[mg->nshares++] = (cdc_merge_share){.part = topic->first + (uint32_t)of->partition,
                                                  .first = of->first,
                                                  .last = of->last,
                                                  .count = of->count};
    return CDC_OK;
}

/* What waits and was not looked at while no transaction was known. */
static cdc_rc cdc_merge_check_waiting(cdc_merge *mg, bool all, cdc_error *err)
{
    for (uint32_t i = 0; i < mg->n; i++) {
        const cdc_waiting *at = i != mg->records ? mg->parts[i].first : NULL;
        if (at != NULL && at->id < mg->tx.first) {
            return cdc_merge_uncovered(mg, &at->msg, err);
        }
        for (; all && at != NULL; at = at->next) {
            if (!cdc_merge_is_ours(mg, &at->msg)) {
                return cdc_merge_foreign(mg, &at->msg, err);
            }
        }
    }
    return CDC_OK;
}

static cdc_rc cdc_merge_begin(cdc_merge *mg, cdc_error *err)
{
    cdc_waiting *record = mg->parts[mg->records].first;
    bool first = mg->task == NULL;
    cdc_arena_reset(&mg->arena, ARENA_KEEP);
    cdc_rc rc = cdc_transaction_parse(record->msg.value, &mg->arena, &mg->tx, err);
    if (rc == CDC_OK && mg->handed && mg->tx.first != mg->done + 1) {
        rc = cdc_error_set(err, CDC_FATAL, "transaction_uncovered",
                           "transaction %s begins with the message id %llu, and the one before it "
                           "ended with %llu: topics.transactions was switched off between them, or "
                           "the capture's delivery is at-least-once; " CURE,
                           mg->tx.id, (unsigned long long)mg->tx.first,
                           (unsigned long long)mg->done);
    }
    if (rc == CDC_OK && first) {
        mg->task = strdup(mg->tx.task);
        rc = mg->task == NULL ? cdc_merge_memory(err) : CDC_OK;
    }
    mg->nshares = 0;
    for (uint32_t i = 0; rc == CDC_OK && i < mg->tx.nparts; i++) {
        rc = cdc_merge_add_share(mg, &mg->tx.parts[i], err);
    }
    if (rc != CDC_OK) {
        return cdc_error_context(err, "topic %s offset %lld", mg->offsets[mg->records].topic,
                                 (long long)record->msg.offset);
    }
    if (strcmp(mg->task, mg->tx.task) != 0) {
        return cdc_merge_foreign(mg, &record->msg, err);
    }
    mg->offset = record->msg.offset;
    mg->expected = mg->tx.first;
    return cdc_merge_check_waiting(mg, first, err);
}

bool cdc_merge_end(cdc_merge *mg, cdc_offset *at)
{
    cdc_message msg;
    if (mg->offset < 0 || mg->nshares > 0) {
        return false;
    }
    *at = mg->offsets[mg->records];
    at->next = mg->offset + 1;
    mg->done = mg->tx.last;
    mg->offset = -1;
    mg->open = false;
    mg->since_ms = 0;
    cdc_merge_drop_first(mg, mg->records, &msg);
    cdc_consumer_release(&msg);
    return true;
}

/* --- handing on --- */

static cdc_rc cdc_merge_missing(const cdc_merge *mg, const cdc_merge_share *sh, uint64_t found,
                                cdc_error *err)
{
    char what[64] = "the partition is at its end";
    const cdc_offset *at = &mg->offsets[sh->part];
    const cdc_waiting *first = mg->parts[sh->part].first;
    if (found > 0) {
        snprintf(what, sizeof what, "the next there has id %llu", (unsigned long long)found);
    }
    return cdc_error_set(
        err, CDC_FATAL, "transaction_incomplete",
        "topic %s partition %d offset %lld: of transaction %s (ids %llu to %llu) %llu messages are "
        "missing, %s: retention or compaction has deleted what was not applied yet; copy the "
        "tables anew, under a new task name, or go on without them by target.atomic: partition",
        at->topic, (int)at->partition, first != NULL ? (long long)first->msg.offset : -1LL,
        mg->tx.id, (unsigned long long)mg->tx.first, (unsigned long long)mg->tx.last,
        (unsigned long long)(sh->count - sh->done), what);
}

static void cdc_merge_drop_share(cdc_merge *mg, uint32_t i)
{
    mg->shares[i] = mg->shares[--mg->nshares];
}

/* All that the partition had of the transaction was applied, by an applier that did not wait for
 * the others. */
static bool cdc_merge_was_applied(const cdc_merge *mg, const cdc_merge_share *sh)
{
    const cdc_merge_part *pt = &mg->parts[sh->part];
    return pt->known && !pt->passed;
}

/* Is the partition's first message the share's next one? *applied: the share is done with. */
static cdc_rc cdc_merge_fits(cdc_merge *mg, cdc_merge_share *sh, bool *applied, cdc_error *err)
{
    uint64_t id = mg->parts[sh->part].first->id;
    *applied = false;
    if (sh->begun) {
        return id <= sh->last ? CDC_OK : cdc_merge_missing(mg, sh, id, err);
    }
    if (id == sh->first) {
        return CDC_OK;
    }
    if (!cdc_merge_was_applied(mg, sh)) {
        return cdc_merge_missing(mg, sh, id, err);
    }
    sh->cut = true;
    *applied = id > sh->last;
    return CDC_OK;
}

/* The share whose first message is next, or NOBODY. */
static cdc_rc cdc_merge_pick(cdc_merge *mg, uint32_t *out, cdc_error *err)
{
    uint64_t lowest = UINT64_MAX;
    uint32_t lowest_at = NOBODY;
    bool lacks = false;
    *out = NOBODY;
    for (uint32_t i = 0; i < mg->nshares;) {
        bool applied = false;
        const cdc_waiting *first = mg->parts[mg->shares[i].part].first;
        cdc_rc rc = first != NULL ? cdc_merge_fits(mg, &mg->shares[i], &applied, err) : CDC_OK;
        if (rc != CDC_OK) {
            return rc;
        }
        if (applied) {
            cdc_merge_drop_share(mg, i);
            continue;
        }
        if (first != NULL && first->id == mg->expected) {
            *out = i;
            return CDC_OK;
        }
        lacks = lacks || first == NULL;
        if (first != NULL && first->id < lowest) {
            lowest = first->id;
            lowest_at = i;
        }
        i++;
    }
    *out = lacks ? NOBODY : lowest_at; /* the ids between are of other topics, or were applied */
    return CDC_OK;
}

cdc_rc cdc_merge_next(cdc_merge *mg, cdc_message *msg, uint32_t *part, cdc_error *err)
{
    uint32_t i = NOBODY;
    cdc_rc rc = CDC_OK;
    if (mg->offset < 0) {
        if (mg->parts[mg->records].first == NULL) {
            return CDC_AGAIN;
        }
        rc = cdc_merge_begin(mg, err);
    }
    rc = rc == CDC_OK ? cdc_merge_pick(mg, &i, err) : rc;
    if (rc != CDC_OK || i == NOBODY) {
        return rc == CDC_OK ? CDC_AGAIN : rc;
    }
    cdc_merge_share *sh = &mg->shares[i];
    cdc_merge_part *pt = &mg->parts[sh->part];
    uint64_t id = pt->first->id;
    sh->begun = pt->passed = true;
    sh->done++;
    if (id == sh->last && !sh->cut && sh->done != sh->count) {
        return cdc_merge_missing(mg, sh, id, err);
    }
    *part = sh->part;
    cdc_merge_drop_first(mg, sh->part, msg);
    mg->expected = id + 1;
    mg->since_ms = 0;
    if (id == sh->last) {
        cdc_merge_drop_share(mg, i);
    }
    mg->open = mg->handed = true;
    return CDC_OK;
}

bool cdc_merge_open(const cdc_merge *mg)
{
    return mg->open;
}

int64_t cdc_merge_waits_at(const cdc_merge *mg, uint32_t part)
{
    return mg->parts[part].first != NULL ? mg->parts[part].first->msg.offset : -1;
}

/* --- what never comes --- */

/* Asks for the ends of the partitions that lack a message, and notes of those that have none any
 * more up to which record of a transaction that is so: all that a record speaks of was written
 * before it. */
static cdc_rc cdc_merge_ask(cdc_merge *mg, cdc_error *err)
{
    uint32_t n = 0;
    int64_t upto = cdc_consumer_position(mg->consumer, mg->offsets[mg->records].topic, 0);
    for (uint32_t i = 0; i < mg->nshares; i++) {
        if (mg->parts[mg->shares[i].part].first == NULL) {
            mg->asked[n] = mg->offsets[mg->shares[i].part];
            mg->asked[n++].next = mg->shares[i].part;
        }
    }
    cdc_rc rc = mg->ends == NULL ? cdc_ends_new(&mg->ends, mg->env, err) : CDC_OK;
    if (rc == CDC_OK && n > 0) {
        rc = cdc_ends_ask(mg->ends, mg->asked, n, mg->answers, err);
    }
    for (uint32_t i = 0; rc == CDC_OK && i < n; i++) {
        const cdc_offset *at = &mg->asked[i];
        if (cdc_consumer_position(mg->consumer, at->topic, at->partition) >= mg->answers[i]) {
            mg->parts[at->next].ended_upto = upto;
        }
    }
    return rc;
}

cdc_rc cdc_merge_look(cdc_merge *mg, int64_t now_ms, cdc_error *err)
{
    bool lacks = false;
    for (uint32_t i = 0; mg->offset >= 0 && i < mg->nshares;) {
        const cdc_merge_part *pt = &mg->parts[mg->shares[i].part];
        bool ended = pt->first == NULL && pt->ended_upto > mg->offset;
        if (ended && !cdc_merge_was_applied(mg, &mg->shares[i])) {
            return cdc_merge_missing(mg, &mg->shares[i], 0, err);
        }
        lacks = lacks || (pt->first == NULL && !ended);
        if (ended) {
            cdc_merge_drop_share(mg, i);
        } else {
            i++;
        }
    }
    if (!lacks) {
        mg->since_ms = 0;
        return CDC_OK;
    }
    mg->since_ms = mg->since_ms == 0 ? now_ms : mg->since_ms;
    if (now_ms - mg->since_ms < LOOK_MS) {
        return CDC_OK;
    }
    mg->since_ms = now_ms;
    return cdc_merge_ask(mg, err);
}

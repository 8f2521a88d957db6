#include "session.h"

#include <stdlib.h>

#include "core/log.h"
#include "topics/admin.h"
#include "topics/router.h"

enum { PARTITIONS_MAX = 10000 };

/* Where to go on in a partition: where the target is; where it knows nothing, as from.start says.
 * exists: the topic does. */
static cdc_rc cdc_session_first_offset(cdc_session *ss, cdc_offset *at, bool exists, cdc_error *err)
{
    const char *start = cdc_config_str(ss->rp->env->task->cfg, "from.start");
    int64_t begin = 0;
    int64_t wall_ms = 0;
    cdc_rc rc = ss->rp->sink->applied(ss->sink, at->topic, at->partition, &at->next, err);
    if (rc != CDC_OK || at->next >= 0) {
        ss->fresh = false;
        ss->joined = true;
        return rc;
    }
    at->next = CDC_OFFSET_EARLIEST;
    /* A partition that was added since has nothing that could be before the start; of the records
     * of transactions those are passed that are applied. */
    if (start == NULL || strcmp(start, "earliest") == 0 || ss->joined ||
        (at->topic == ss->transactions && !ss->fresh)) {
        return CDC_OK;
    }
    if (ss->rp->env->task->whole) {
        return cdc_error_refuse(
            err, "transaction_start",
            "from.start %s may lie in the midst of a transaction, and target.atomic is "
            "transaction: "
            "start once with target.atomic: partition and --until-caught-up, then set "
            "target.atomic: transaction again",
            start);
    }
    /* Asked again after a restart, the answer would be another. */
    ss->fresh = false;
    ss->anchored = false;
    if (!exists) {
        at->next = 0;
        return CDC_OK;
    }
    if (strncmp(start, "time:", 5) == 0 && cdc_task_time(start + 5, &wall_ms)) {
        return cdc_consumer_offset_at(ss->consumer, at->topic, at->partition, wall_ms, &at->next,
                                      err);
    }
    return cdc_consumer_bounds(ss->consumer, at->topic, at->partition, &begin, &at->next, err);
}

/* A partition of another process of the group: where the task begins is fixed for all at once. */
static cdc_rc cdc_session_others(cdc_session *ss, const char *topic, int32_t partition,
                                 cdc_error *err)
{
    bool anchored = ss->anchored;
    cdc_offset at = {.topic = topic, .partition = partition};
    ss->anchored = true;
    cdc_rc rc = cdc_session_first_offset(ss, &at, true, err);
    if (!ss->anchored && ss->nothers < PARTITIONS_MAX) {
        ss->others[ss->nothers++] = at;
    }
    ss->anchored = ss->anchored && anchored;
    return rc;
}

static cdc_rc cdc_session_topic(cdc_session *ss, const char *topic, int32_t wanted,
                                cdc_topic_kind kind, cdc_error *err)
{
    const cdc_env *env = ss->rp->env;
    int32_t partitions = 0;
    cdc_rc rc = CDC_OK;
    if (!cdc_config_has(env->task->cfg, "from.topics")) {
        rc = cdc_admin_ensure(env, topic, wanted, kind, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_consumer_partitions(ss->consumer, topic, &partitions, err);
    }
    if (rc == CDC_EOF) {
        return cdc_error_set(
            err, CDC_RETRY, "topic_missing",
            "topic %s does not exist: start the capture that writes it, or mend from.topics",
            topic);
    }
    ss->joined = false;
    if (rc == CDC_OK && ss->share != NULL && kind == CDC_TOPIC_RECORDS) {
        rc = cdc_share_topic(ss->share, topic, partitions, err);
    }
    for (int32_t p = 0; p < partitions && rc == CDC_OK; p++) {
        if (ss->share != NULL && !cdc_share_has(ss->share, topic, p)) {
            rc = cdc_session_others(ss, topic, p, err);
            continue;
        }
        if (ss->n == PARTITIONS_MAX) {
            return cdc_error_set(err, CDC_FATAL, "partitions",
                                 "more than %d partitions in one applier", PARTITIONS_MAX);
        }
        cdc_offset *at = &ss->offsets[ss->n];
        *at = (cdc_offset){.topic = topic, .partition = p};
        rc = cdc_session_first_offset(ss, at, true, err);
        ss->committed[ss->n] = at->next;
        ss->n++;
    }
    return rc;
}

/* The topic of the oversize messages is read only to say what is not applied. */
static cdc_rc cdc_session_open_side(cdc_session *ss, cdc_error *err)
{
    const char *side = NULL;
    cdc_rc rc = cdc_router_side_topic(ss->rp->env->task, &ss->arena, &side, err);
    if (rc != CDC_OK || side[0] == '\0') {
        return rc;
    }
    CDC_LOG(CDC_LOG_WARN, "oversize_not_applied", CDC_STR("topic", side),
            CDC_STR("text", "message.oversize is side-topic: rows over message.max_bytes are not "
                            "applied to the target, each is told here and counted in "
                            "sluice_oversize_left_out_total; with split they would be applied"));
    return cdc_session_topic(ss, side, 1, CDC_TOPIC_SIDE, err);
}

/* The records of transactions; asked for after the data topics, whose offsets tell what is applied.
 */
static cdc_rc cdc_session_open_transactions(cdc_session *ss, cdc_error *err)
{
    if (!ss->rp->env->task->whole) {
        return CDC_OK;
    }
    cdc_rc rc =
        cdc_router_transactions_topic(ss->rp->env->task, &ss->arena, &ss->transactions, err);
    return rc == CDC_OK ? cdc_session_topic(ss, ss->transactions, 1, CDC_TOPIC_TRANSACTIONS, err)
                        : rc;
}

/* The DDL topics come before the data topics: a definition change that is left out as older than
 * the start must be older than every row that is read. */
static cdc_rc cdc_session_open_ddl(cdc_session *ss, const cdc_topic_names *names, cdc_offset *at,
                                   cdc_error *err)
{
    const cdc_env *env = ss->rp->env;
    cdc_rc rc = cdc_ends_new(&ss->tails, env, err);
    if (rc == CDC_OK) {
        rc = cdc_ddl_feed_new(&ss->ddl, env, ss->rp->codec, ss->tails, err);
    }
    for (size_t i = 0; i < names->nddl && rc == CDC_OK; i++) {
        int32_t partitions = 0;
        at[i].topic = names->ddl[i];
        ss->joined = false;
        rc = cdc_consumer_partitions(ss->consumer, at[i].topic, &partitions, err);
        if (rc == CDC_OK || rc == CDC_EOF) {
            rc = cdc_session_first_offset(ss, &at[i], rc == CDC_OK, err);
        }
        if (rc == CDC_OK) {
            rc = cdc_ddl_feed_add(ss->ddl, at[i].topic, at[i].next, err);
        }
    }
    return rc;
}

/* What depends on the moment of the first start is kept at once, or a restart would begin at
 * another. */
static cdc_rc cdc_session_anchor(cdc_session *ss, const cdc_offset *ddl, uint32_t nddl,
                                 cdc_error *err)
{
    const cdc_sink *sink = ss->rp->sink;
    if (ss->anchored) {
        return CDC_OK;
    }
    if (ss->share != NULL && !cdc_share_leads(ss->share)) {
        return cdc_error_set(err, CDC_RETRY, "group_begins",
                             "the process that has the first partition has not written yet where "
                             "the task begins (from.start)");
    }
    memcpy(ss->changed, ss->offsets, ss->n * sizeof *ss->changed);
    memcpy(ss->changed + ss->n, ss->others, ss->nothers * sizeof *ss->changed);
    cdc_rc rc = sink->begin(ss->sink, err);
    if (rc == CDC_OK) {
        rc = sink->commit(ss->sink, ss->changed, ss->n + ss->nothers, err);
    }
    if (rc == CDC_OK && nddl > 0) {
        rc = sink->begin(ss->sink, err);
        rc = rc == CDC_OK ? sink->commit(ss->sink, ddl, nddl, err) : rc;
    }
    return rc;
}

static cdc_rc cdc_session_arrays(cdc_session *ss, cdc_error *err)
{
    cdc_arena_init(&ss->arena, 64 * 1024, 64 * 1024 * 1024);
    ss->offsets = cdc_arena_zalloc(&ss->arena, PARTITIONS_MAX * sizeof *ss->offsets);
    ss->changed = cdc_arena_zalloc(&ss->arena, 2UL * PARTITIONS_MAX * sizeof *ss->changed);
    ss->others = cdc_arena_zalloc(&ss->arena, PARTITIONS_MAX * sizeof *ss->others);
    ss->committed = cdc_arena_zalloc(&ss->arena, PARTITIONS_MAX * sizeof *ss->committed);
    ss->ends = cdc_arena_zalloc(&ss->arena, PARTITIONS_MAX * sizeof *ss->ends);
    ss->asked = cdc_arena_zalloc(&ss->arena, PARTITIONS_MAX * sizeof *ss->asked);
    ss->unfinished = cdc_arena_zalloc(&ss->arena, PARTITIONS_MAX * sizeof *ss->unfinished);
    ss->lost = cdc_arena_zalloc(&ss->arena, PARTITIONS_MAX * sizeof *ss->lost);
    return ss->offsets && ss->changed && ss->others && ss->committed && ss->ends && ss->asked &&
                   ss->unfinished && ss->lost
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "no_memory",
                               "out of memory for the list of partitions");
}

/* In a group: which partitions are ours, before the target is asked about them. */
static cdc_rc cdc_session_share(cdc_session *ss, const cdc_topic_names *names, cdc_error *err)
{
    const cdc_replay *rp = ss->rp;
    const cdc_share_of of = {.env = rp->env,
                             .sink = rp->sink,
                             .handle = ss->sink,
                             .codec = rp->codec,
                             .members = rp->members,
                             .names = names};
    return rp->members != NULL ? cdc_share_new(&ss->share, &of, err) : CDC_OK;
}

static cdc_rc cdc_session_open_topics(cdc_session *ss, cdc_error *err)
{
    cdc_topic_names names = {.ndata = 0};
    cdc_offset *ddl = NULL;
    cdc_rc rc = cdc_session_arrays(ss, err);
    if (rc == CDC_OK) {
        rc = cdc_router_topics(ss->rp->env->task, &ss->arena, &names, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_session_share(ss, &names, err);
    }
    if (rc == CDC_OK) {
        ddl = cdc_arena_zalloc(&ss->arena, names.nddl * sizeof *ddl);
        rc = ddl != NULL ? cdc_session_open_ddl(ss, &names, ddl, err)
                         : cdc_error_set(err, CDC_FATAL, "no_memory",
                                         "out of memory for the list of partitions");
    }
    for (size_t i = 0; i < names.ndata && rc == CDC_OK; i++) {
        rc = cdc_session_topic(ss, names.data[i], names.partitions[i], CDC_TOPIC_RECORDS, err);
    }
    ss->ndata = ss->n;
    ss->nall = ss->share != NULL ? cdc_share_partitions(ss->share) : ss->n;
    if (rc == CDC_OK) {
        rc = cdc_session_open_side(ss, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_session_open_transactions(ss, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_ends_ask(ss->tails, ss->offsets, ss->n, ss->ends, err);
    }
    return rc == CDC_OK ? cdc_session_anchor(ss, ddl, (uint32_t)names.nddl, err) : rc;
}

cdc_rc cdc_session_read(cdc_session *ss, cdc_error *err)
{
    const cdc_intake_read read = {.consumer = ss->consumer,
                                  .offsets = ss->offsets,
                                  .ends = ss->ends,
                                  .n = ss->n,
                                  .elsewhere =
                                      ss->share != NULL ? cdc_share_elsewhere(ss->share) : NULL};
    return cdc_intake_start(&ss->intake, ss->rp->env, ss->rp->codec, &read, err);
}

cdc_rc cdc_session_open(cdc_session *ss, cdc_error *err)
{
    cdc_replay *rp = ss->rp;
    cdc_rc rc = rp->sink->open(&ss->sink, rp->env, err);
    if (rc == CDC_OK) {
        rp->sink->careful(ss->sink, rp->careful);
        rc = cdc_consumer_new(&ss->consumer, rp->env, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_session_open_topics(ss, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_order_new(&ss->order, rp->env, ss->ddl, ss->tails, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_order_parts(ss->order, ss->offsets, ss->ndata, ss->fresh, err);
    }
    if (rc == CDC_OK && ss->share != NULL) {
        cdc_order_apart(ss->order, cdc_share_elsewhere(ss->share));
    }
    if (rc == CDC_OK) {
        rc = cdc_session_read(ss, err);
    }
    return rc;
}

void cdc_session_close(cdc_session *ss)
{
    cdc_intake_stop(ss->intake);
    cdc_order_free(ss->order);
    cdc_ddl_feed_free(ss->ddl);
    cdc_ends_free(ss->tails);
    cdc_consumer_free(ss->consumer);
    if (ss->sink != NULL && ss->open) {
        ss->rp->sink->rollback(ss->sink);
    }
    ss->rp->sink->close(ss->sink);
    cdc_share_free(ss->share);
    cdc_arena_fini(&ss->arena);
}

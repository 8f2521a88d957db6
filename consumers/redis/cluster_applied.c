/* How far the partitions are applied: what the marks say. */
#include <stdlib.h>

#include "cluster_state.h"

/* KEYS: the epoch, a mark that is no longer needed. */
static const char DROP[] = "if redis.call('GET',KEYS[1])==ARGV[1] then\n"
                           "redis.call('DEL',KEYS[2])\n"
                           "end\n"
                           "return 1";

static cdc_rc merge_mark(sink_redis_cluster *cl, uint32_t slot, const char *text, void *arg,
                         cdc_error *err)
{
    sink_redis_stretch *st = arg;
    return sink_redis_progress_merge(&st->applied, text)
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "target_mark",
                               "target %s: the key sluice:{%s}:%s:%s:%d does not hold what the "
                               "applier of a cluster writes: begin the task anew with a full copy",
                               cdc_redis_where(cl->members[cl->owner[slot]].rd), cl->tags[slot],
                               cl->env->task->name, st->topic, st->partition);
}

/* Marks of tags that are no node's now: what they say is in the nodes' own. A newer applier's are
 * not touched. That one stays which cannot be reached does no harm. */
static void drop_old_marks(sink_redis_cluster *cl, const sink_redis_stretch *st)
{
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        sink_redis_own epoch;
        sink_redis_own mark;
        char number[24];
        redisReply *reply = NULL;
        cdc_error ignored;
        if (!cl->known[s] || sink_redis_is_tag(cl, s)) {
            continue;
        }
        cdc_error_clear(&ignored);
        sink_redis_own_key(&epoch, cl->tags[s], cl->env->task->name, "epoch");
        sink_redis_own_mark(&mark, cl->tags[s], cl->env->task->name, st->topic, st->partition);
        const cdc_redis_arg args[] = {
            CDC_REDIS_ARG("EVAL"), CDC_REDIS_ARG(DROP),
            CDC_REDIS_ARG("2"),    {epoch.name, epoch.len},
            {mark.name, mark.len}, {number, cdc_format_i64(number, cl->epoch)}};
        const sink_redis_question qu = {.doing = "EVAL", .nargs = 6, .args = args};
        if (sink_redis_cluster_ask(cl, &mark, &qu, &reply, &ignored) == CDC_OK) {
            freeReplyObject(reply);
        }
    }
}

/* The first mark of all says that nothing was applied: where a later one is missing, a node has
 * lost its data. */
static cdc_rc check_told(const sink_redis_cluster *cl, sink_redis_stretch *st, cdc_error *err)
{
    uint32_t untold = 0;
    uint32_t slot = 0;
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        if (st->applied.next[s] == SINK_REDIS_UNTOLD) {
            slot = untold++ == 0 ? s : slot;
        }
    }
    if (untold == CDC_REDIS_SLOTS) {
        sink_redis_progress_fill(&st->applied, SINK_REDIS_NEVER);
    } else if (untold > 0) {
        return cdc_error_set(err, CDC_FATAL, "target_emptied",
                             "target %s: our keys sluice:{...}:%s:%s:%d for %u slots (%u and "
                             "others) are gone: somebody emptied the node, or it restarted without "
                             "its data; begin the task anew with a full copy",
                             cdc_redis_where(cl->members[cl->owner[slot]].rd), cl->env->task->name,
                             st->topic, st->partition, untold, slot);
    }
    return CDC_OK;
}

static cdc_rc add_stretch(sink_redis_cluster *cl, const char *topic, int32_t partition,
                          sink_redis_stretch **out, cdc_error *err)
{
    sink_redis_stretch **all = realloc(cl->stretches, (cl->nstretches + 1) * sizeof *cl->stretches);
    cl->stretches = all != NULL ? all : cl->stretches;
    sink_redis_stretch *st = all != NULL ? malloc(sizeof *st) : NULL;
    char *copy = st != NULL ? strdup(topic) : NULL;
    if (copy == NULL) {
        free(st);
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the offsets");
    }
    st->topic = copy;
    st->partition = partition;
    st->next = SINK_REDIS_UNTOLD;
    sink_redis_progress_fill(&st->applied, SINK_REDIS_UNTOLD);
    all[cl->nstretches++] = st;
    *out = st;
    return CDC_OK;
}

/* The partition's, which is read when it is new. */
static cdc_rc stretch_of(sink_redis_cluster *cl, const char *topic, int32_t partition,
                         sink_redis_stretch **out, cdc_error *err)
{
    char rest[SINK_REDIS_OWN_MAX];
    for (uint32_t i = 0; i < cl->nstretches; i++) {
        if (cl->stretches[i]->partition == partition &&
            strcmp(cl->stretches[i]->topic, topic) == 0) {
            *out = cl->stretches[i];
            return CDC_OK;
        }
    }
    cdc_rc rc = add_stretch(cl, topic, partition, out, err);
    if (rc != CDC_OK) {
        return rc;
    }
    snprintf(rest, sizeof rest, "%s:%d", topic, partition);
    const sink_redis_look lk = {.rest = rest, .found = merge_mark, .arg = *out, .known_only = true};
    rc = sink_redis_look_at_tags(cl, &lk, err);
    if (rc == CDC_OK) {
        rc = check_told(cl, *out, err);
    }
    if (rc == CDC_OK) {
        rc = sink_redis_cluster_restate(cl, err);
    }
    if (rc == CDC_OK) {
        drop_old_marks(cl, *out);
    }
    return rc;
}

cdc_rc sink_redis_cluster_applied(sink_redis_cluster *cl, const char *topic, int32_t partition,
                                  const sink_redis_progress **progress, int64_t *next,
                                  cdc_error *err)
{
    sink_redis_stretch *st = NULL;
    cdc_rc rc = stretch_of(cl, topic, partition, &st, err);
    if (rc == CDC_OK) {
        *progress = &st->applied;
        *next = sink_redis_progress_least(&st->applied);
    }
    return rc;
}

cdc_rc sink_redis_cluster_expect(sink_redis_cluster *cl, const cdc_offset *offsets, uint32_t n,
                                 cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < cl->nstretches; i++) {
        cl->stretches[i]->next = SINK_REDIS_UNTOLD;
    }
    for (uint32_t i = 0; i < n && rc == CDC_OK; i++) {
        sink_redis_stretch *st = NULL;
        rc = stretch_of(cl, offsets[i].topic, offsets[i].partition, &st, err);
        if (rc == CDC_OK) {
            st->next = offsets[i].next;
        }
    }
    return rc;
}

#include <stdlib.h>

#include "cluster_state.h"
#include "core/clock.h"
#include "core/log.h"
#include "node.h"

enum {
    TAG_TRIES = 64, /* slots of a node that may be on their way */
    HOPS = 8,       /* from node to node after a key */
    HOP_MS = 20,
    FREE_ARGS_SINCE = 70000, /* more than a million arguments of a command */
};

/* KEYS[1]: an epoch, which is never lowered. ARGV: ours, and a key of the same slot: one that is
 * never there, if the slot must be at rest. */
static const char CLAIM[] = "redis.call('EXISTS',ARGV[2])\n"
                            "local e=tonumber(redis.call('GET',KEYS[1]) or 0)\n"
                            "if e<tonumber(ARGV[1]) then\n"
                            "redis.call('SET',KEYS[1],ARGV[1])\n"
                            "end\n"
                            "return 1";
/* KEYS[1]: the epoch. ARGV[1]: the node's slots as we know them. */
static const char AT_REST[] = "local own=string.match(redis.call('CLUSTER','NODES'),\n"
                              "'myself[^ ]* [^ ]+ [^ ]+ [^ ]+ [^ ]+ connected ?([^\\n]*)')\n"
                              "return own==ARGV[1] and 1 or 0";

/* --- where things are --- */

uint32_t sink_redis_cluster_nodes(const sink_redis_cluster *cl)
{
    return cl->nmembers;
}

cdc_redis *sink_redis_cluster_node(const sink_redis_cluster *cl, uint32_t i)
{
    return cl->members[i].rd;
}

const char *sink_redis_cluster_tag(const sink_redis_cluster *cl, uint32_t i)
{
    return cl->tags[cl->members[i].tag];
}

uint32_t sink_redis_cluster_owner(const sink_redis_cluster *cl, const char *key, size_t len)
{
    return cl->owner[cdc_redis_slot(key, len)];
}

bool sink_redis_is_tag(const sink_redis_cluster *cl, uint32_t slot)
{
    bool used = false;
    for (uint32_t i = 0; i < cl->nmembers && !used; i++) {
        used = cl->members[i].tag == slot;
    }
    return used;
}

const char *sink_redis_cluster_old_tag(const sink_redis_cluster *cl, uint32_t i)
{
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        if (cl->known[s] && !sink_redis_is_tag(cl, s) && i-- == 0) {
            return cl->tags[s];
        }
    }
    return "";
}

/* The member that "MOVED 5 host:port" or "ASK 5 host:port" names; nmembers: none of ours. */
static uint32_t member_named(const sink_redis_cluster *cl, const char *error, uint32_t asked)
{
    const char *colon = strrchr(error, ':');
    const char *host = strrchr(error, ' ');
    if (colon == NULL || host == NULL || host > colon) {
        return cl->nmembers;
    }
    size_t len = (size_t)(colon - ++host);
    unsigned long port = strtoul(colon + 1, NULL, 10);
    bool same = len == 0 || *host == '?';
    if (same) { /* the host of whom we asked */
        host = cl->map.masters[asked].host;
        len = strlen(host);
    }
    for (uint32_t i = 0; i < cl->nmembers; i++) {
        const cdc_redis_master *master = &cl->map.masters[i];
        if (master->port == port && strlen(master->host) == len &&
            memcmp(master->host, host, len) == 0) {
            return i;
        }
    }
    return cl->nmembers;
}

/* An answer that is taken, or NULL and where to ask instead. */
static cdc_rc ask_member(sink_redis_cluster *cl, uint32_t *at, bool *asking,
                         const sink_redis_question *qu, redisReply **out, cdc_error *err)
{
    cdc_redis *rd = cl->members[*at].rd;
    cdc_redis_faults faults;
    redisReply *reply = NULL;
    cdc_rc rc = CDC_OK;
    if (*asking) {
        cdc_redis_append_words(rd, "ASKING");
    }
    cdc_redis_append(rd, qu->nargs, qu->args);
    rc = cdc_redis_flush(rd, err);
    if (rc == CDC_OK && *asking) {
        rc = cdc_redis_skim(rd, 1, &faults, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_redis_reply(rd, &reply, err);
    }
    *out = reply;
    if (rc != CDC_OK || reply->type != REDIS_REPLY_ERROR || !sink_redis_is_elsewhere(reply->str)) {
        return rc;
    }
    uint32_t next = member_named(cl, reply->str, *at);
    *asking = strncmp(reply->str, "ASK ", 4) == 0;
    if (next == cl->nmembers) {
        cdc_clock_sleep_ms(HOP_MS); /* TRYAGAIN, or a node that is new */
    } else {
        *at = next;
    }
    freeReplyObject(reply);
    *out = NULL;
    return CDC_OK;
}

cdc_rc sink_redis_cluster_ask(sink_redis_cluster *cl, const sink_redis_own *own,
                              const sink_redis_question *qu, redisReply **out, cdc_error *err)
{
    uint32_t at = sink_redis_cluster_owner(cl, own->name, own->len);
    bool asking = false;
    *out = NULL;
    for (int hop = 0; hop < HOPS; hop++) {
        cdc_rc rc = ask_member(cl, &at, &asking, qu, out, err);
        if (rc != CDC_OK || *out != NULL) {
            if (rc == CDC_OK && (*out)->type == REDIS_REPLY_ERROR) {
                rc = cdc_redis_refusal(cl->members[at].rd, qu->doing, (*out)->str,
                                       (size_t)(*out)->len, err);
                freeReplyObject(*out);
                *out = NULL;
            }
            return rc;
        }
    }
    return cdc_error_set(err, CDC_RETRY, "redis_moved",
                         "target %s: %s: the key's slot is on its way between nodes",
                         cdc_redis_where(cl->members[at].rd), qu->doing);
}

/* --- opening --- */

static void make_tags(sink_redis_cluster *cl)
{
    uint32_t missing = CDC_REDIS_SLOTS;
    for (unsigned i = 0; missing > 0; i++) {
        char text[SINK_REDIS_SLOT_TAG_MAX];
        size_t n = (size_t)snprintf(text, sizeof text, "%u", i);
        uint32_t slot = cdc_redis_slot(text, n);
        if (cl->tags[slot][0] == '\0') {
            memcpy(cl->tags[slot], text, n + 1);
            missing--;
        }
    }
}

static cdc_rc lacks_slots(const cdc_redis_cluster *map, const cdc_redis *rd, cdc_error *err)
{
    return cdc_error_set(err, CDC_RETRY, "redis_clusterdown",
                         "target %s: %u slots of the cluster have no master: mend it "
                         "(redis-cli --cluster fix)",
                         cdc_redis_where(rd), CDC_REDIS_SLOTS - map->assigned);
}

static cdc_rc open_member(sink_redis_cluster *cl, sink_redis_member *mb,
                          const cdc_redis_master *master, const cdc_redis_login *login,
                          cdc_error *err)
{
    cdc_redis_server sv = {.mode = CDC_REDIS_CLUSTER};
    snprintf(mb->id, sizeof mb->id, "%s", master->id);
    cdc_rc rc = cdc_redis_open(&mb->rd, master->host, master->port, login, err);
    if (rc == CDC_OK) {
        rc = sink_redis_node_inspect(mb->rd, &sv, err);
    }
    if (rc == CDC_OK && sv.is_replica) {
        rc = cdc_error_set(err, CDC_RETRY, "redis_readonly",
                           "target %s is a replica by now: the cluster fails over",
                           cdc_redis_where(mb->rd));
    }
    cl->old = cl->old || (!sv.is_valkey && sv.version < FREE_ARGS_SINCE);
    return rc;
}

static cdc_rc open_members(sink_redis_cluster *cl, cdc_error *err)
{
    cdc_redis_login login;
    cdc_redis_login_read(&login, cl->env->task->cfg, "target");
    cl->members = calloc(cl->map.nmasters, sizeof *cl->members);
    if (cl->members == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the cluster");
    }
    memcpy(cl->owner, cl->map.owner, sizeof cl->owner);
    for (uint32_t i = 0; i < cl->map.nmasters; i++) {
        sink_redis_member *mb = &cl->members[cl->nmembers++];
        cdc_rc rc = open_member(cl, mb, &cl->map.masters[i], &login, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    return CDC_OK;
}

static bool looks_at(const sink_redis_cluster *cl, const sink_redis_look *lk, uint32_t member,
                     uint32_t slot)
{
    return cl->owner[slot] == member && (cl->known[slot] || !lk->known_only);
}

/* Takes one answer; a key that is elsewhere by now is asked for there. */
static cdc_rc look_at_slot(sink_redis_cluster *cl, const sink_redis_look *lk, uint32_t member,
                           uint32_t slot, bool *elsewhere, cdc_error *err)
{
    cdc_redis *rd = cl->members[member].rd;
    redisReply *reply = NULL;
    cdc_rc rc = cdc_redis_reply(rd, &reply, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (reply->type == REDIS_REPLY_STRING) {
        rc = lk->found(cl, slot, reply->str, lk->arg, err);
    } else if (reply->type == REDIS_REPLY_ERROR && sink_redis_is_elsewhere(reply->str)) {
        *elsewhere = true;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        rc = cdc_redis_refusal(rd, "GET of our own keys", reply->str, (size_t)reply->len, err);
    }
    freeReplyObject(reply);
    return rc;
}

static cdc_rc look_elsewhere(sink_redis_cluster *cl, const sink_redis_look *lk, uint32_t slot,
                             cdc_error *err)
{
    sink_redis_own own;
    redisReply *reply = NULL;
    sink_redis_own_key(&own, cl->tags[slot], cl->env->task->name, lk->rest);
    const cdc_redis_arg args[] = {CDC_REDIS_ARG("GET"), {own.name, own.len}};
    const sink_redis_question qu = {.doing = "GET of our own keys", .nargs = 2, .args = args};
    cdc_rc rc = sink_redis_cluster_ask(cl, &own, &qu, &reply, err);
    if (rc == CDC_OK && reply->type == REDIS_REPLY_STRING) {
        rc = lk->found(cl, slot, reply->str, lk->arg, err);
    }
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    return rc;
}

static cdc_rc look_at_member(sink_redis_cluster *cl, const sink_redis_look *lk, uint32_t member,
                             bool *elsewhere, cdc_error *err)
{
    cdc_redis *rd = cl->members[member].rd;
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        if (looks_at(cl, lk, member, s)) {
            sink_redis_own own;
            sink_redis_own_key(&own, cl->tags[s], cl->env->task->name, lk->rest);
            const cdc_redis_arg args[] = {CDC_REDIS_ARG("GET"), {own.name, own.len}};
            cdc_redis_append(rd, 2, args);
        }
    }
    cdc_rc rc = cdc_redis_flush(rd, err);
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS && rc == CDC_OK; s++) {
        if (looks_at(cl, lk, member, s)) {
            rc = look_at_slot(cl, lk, member, s, &elsewhere[s], err);
        }
    }
    return rc;
}

/* All questions to a node go out together. */
cdc_rc sink_redis_look_at_tags(sink_redis_cluster *cl, const sink_redis_look *lk, cdc_error *err)
{
    bool *elsewhere = calloc(CDC_REDIS_SLOTS, sizeof *elsewhere);
    cdc_rc rc = elsewhere != NULL
                    ? CDC_OK
                    : cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the slots");
    for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
        rc = look_at_member(cl, lk, i, elsewhere, err);
    }
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS && rc == CDC_OK; s++) {
        rc = elsewhere[s] ? look_elsewhere(cl, lk, s, err) : CDC_OK;
    }
    free(elsewhere);
    return rc;
}

/* --- the claim --- */

static cdc_rc note_tag(sink_redis_cluster *cl, uint32_t slot, const char *text, void *arg,
                       cdc_error *err)
{
    long long *newest = arg;
    long long epoch = strtoll(text, NULL, 10);
    (void)err;
    cl->known[slot] = true;
    *newest = epoch > *newest ? epoch : *newest;
    return CDC_OK;
}

/* Raises the epoch with this slot's tag; only: at this node, or it is elsewhere. */
static cdc_rc claim_tag(sink_redis_cluster *cl, uint32_t slot, cdc_redis *only, bool *elsewhere,
                        cdc_error *err)
{
    sink_redis_own own;
    sink_redis_own never;
    char number[24];
    redisReply *reply = NULL;
    cdc_rc rc;
    sink_redis_own_key(&own, cl->tags[slot], cl->env->task->name, "epoch");
    sink_redis_own_key(&never, cl->tags[slot], cl->env->task->name,
                       only != NULL ? "none" : "epoch");
    const cdc_redis_arg args[] = {CDC_REDIS_ARG("EVAL"),
                                  CDC_REDIS_ARG(CLAIM),
                                  CDC_REDIS_ARG("1"),
                                  {own.name, own.len},
                                  {number, cdc_format_i64(number, cl->epoch)},
                                  {never.name, never.len}};
    *elsewhere = false;
    if (only == NULL) {
        const sink_redis_question qu = {.doing = "EVAL of the claim", .nargs = 6, .args = args};
        rc = sink_redis_cluster_ask(cl, &own, &qu, &reply, err);
    } else {
        cdc_redis_append(only, 6, args);
        rc = cdc_redis_flush(only, err);
        rc = rc == CDC_OK ? cdc_redis_reply(only, &reply, err) : rc;
        if (rc == CDC_OK && reply->type == REDIS_REPLY_ERROR) {
            *elsewhere = sink_redis_is_elsewhere(reply->str);
            rc = *elsewhere ? CDC_OK
                            : cdc_redis_refusal(only, "EVAL of the claim", reply->str,
                                                (size_t)reply->len, err);
        }
    }
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    return rc;
}

/* A node's tag is that of its last slot, since slots are mostly given away from the first on; of
 * another one if that is on its way. */
static cdc_rc choose_tag(sink_redis_cluster *cl, uint32_t member, cdc_error *err)
{
    sink_redis_member *mb = &cl->members[member];
    int tries = 0;
    for (uint32_t s = CDC_REDIS_SLOTS; s-- > 0 && tries < TAG_TRIES;) {
        bool elsewhere = false;
        if (cl->owner[s] != member) {
            continue;
        }
        cdc_rc rc = claim_tag(cl, s, mb->rd, &elsewhere, err);
        if (rc != CDC_OK || !elsewhere) {
            mb->tag = s;
            cl->known[s] = true;
            return rc;
        }
        tries++;
    }
    return cdc_error_set(err, CDC_RETRY, "redis_moved",
                         "target %s: its slots are on their way to other nodes",
                         cdc_redis_where(mb->rd));
}

/* Adds to the epoch that all others come from. */
static cdc_rc ask_epoch(sink_redis_cluster *cl, long long more, long long *epoch, cdc_error *err)
{
    sink_redis_own own;
    char number[24];
    redisReply *reply = NULL;
    sink_redis_own_key(&own, "0", cl->env->task->name, "epoch");
    const cdc_redis_arg args[] = {more > 0 ? CDC_REDIS_ARG("INCRBY") : CDC_REDIS_ARG("GET"),
                                  {own.name, own.len},
                                  {number, cdc_format_i64(number, more)}};
    const sink_redis_question qu = {.doing = "the epoch", .nargs = more > 0 ? 3 : 2, .args = args};
    cdc_rc rc = sink_redis_cluster_ask(cl, &own, &qu, &reply, err);
    if (rc == CDC_OK) {
        *epoch = reply->type == REDIS_REPLY_INTEGER  ? reply->integer
                 : reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10)
                                                     : 0;
        freeReplyObject(reply);
    }
    return rc;
}

/* The epoch comes from one key, and is then written to each that another applier looks at: to those
 * that are there, and to one for each node. An older applier that makes a new one meanwhile sees
 * behind it that the epoch is no longer its own. Where a FLUSHALL has taken the one key, the others
 * are ahead of it. */
static cdc_rc claim(sink_redis_cluster *cl, cdc_error *err)
{
    long long epoch = 0;
    long long newest = 0;
    const sink_redis_look lk = {.rest = "epoch", .found = note_tag, .arg = &newest};
    bool elsewhere = false;
    cdc_rc rc = ask_epoch(cl, 1, &epoch, err);
    if (rc == CDC_OK) {
        rc = sink_redis_look_at_tags(cl, &lk, err);
    }
    if (rc == CDC_OK && newest > epoch) {
        rc = ask_epoch(cl, newest + 1 - epoch, &epoch, err);
    }
    cl->epoch = epoch;
    for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
        rc = choose_tag(cl, i, err);
    }
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS && rc == CDC_OK; s++) {
        rc = cl->known[s] && !sink_redis_is_tag(cl, s) ? claim_tag(cl, s, NULL, &elsewhere, err)
                                                       : CDC_OK;
    }
    if (rc == CDC_OK) {
        rc = ask_epoch(cl, 0, &epoch, err);
    }
    if (rc == CDC_OK && epoch != cl->epoch) {
        rc = cdc_error_set(err, CDC_FATAL, "applier_fenced",
                           "another applier of task %s has taken over (epoch %lld, ours is %lld): "
                           "stop one of them, or give the tasks different names",
                           cl->env->task->name, epoch, (long long)cl->epoch);
    }
    return rc;
}

cdc_rc sink_redis_cluster_open(sink_redis_cluster **out, const cdc_env *env, cdc_redis *seed,
                               cdc_error *err)
{
    sink_redis_cluster *cl = calloc(1, sizeof *cl);
    *out = NULL;
    if (cl == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the cluster");
    }
    cl->env = env;
    sink_redis_batch_init(&cl->batch);
    cdc_buffer_init(&cl->text, SINK_REDIS_BATCH_BYTES);
    make_tags(cl);
    cdc_rc rc = cdc_redis_cluster_load(&cl->map, seed, err);
    if (rc == CDC_OK && cl->map.assigned < CDC_REDIS_SLOTS) {
        rc = lacks_slots(&cl->map, seed, err);
    }
    if (rc == CDC_OK) {
        rc = open_members(cl, err);
    }
    if (rc == CDC_OK) {
        rc = claim(cl, err);
    }
    if (rc != CDC_OK) {
        sink_redis_cluster_close(cl);
        return rc;
    }
    *out = cl;
    return CDC_OK;
}

void sink_redis_cluster_close(sink_redis_cluster *cl)
{
    if (cl == NULL) {
        return;
    }
    for (uint32_t i = 0; i < cl->nmembers; i++) {
        cdc_redis_close(cl->members[i].rd);
    }
    for (uint32_t i = 0; i < cl->nstretches; i++) {
        free(cl->stretches[i]->topic);
        free(cl->stretches[i]);
    }
    free(cl->stretches);
    free(cl->members);
    sink_redis_batch_fini(&cl->batch);
    cdc_buffer_fini(&cl->text);
    cdc_redis_cluster_fini(&cl->map);
    free(cl);
}

/* --- where the slots are now --- */

/* What the nodes say, each of its own slots, which it knows best. */
typedef struct survey {
    uint16_t owner[CDC_REDIS_SLOTS]; /* CDC_REDIS_NO_MASTER: nobody of ours */
    bool foreign[CDC_REDIS_SLOTS];   /* somebody says that it is one of whom we don't know */
} survey;

static bool is_member(const sink_redis_cluster *cl, const char *id)
{
    bool found = false;
    for (uint32_t i = 0; i < cl->nmembers && !found; i++) {
        found = strcmp(cl->members[i].id, id) == 0;
    }
    return found;
}

static cdc_rc hear_member(sink_redis_cluster *cl, uint32_t member, survey *sy, cdc_error *err)
{
    const sink_redis_member *mb = &cl->members[member];
    cdc_redis_cluster map = {.masters = NULL};
    cdc_rc rc = cdc_redis_cluster_load(&map, mb->rd, err);
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS && rc == CDC_OK; s++) {
        const char *id =
            map.owner[s] != CDC_REDIS_NO_MASTER ? map.masters[map.owner[s]].id : mb->id;
        bool own = map.owner[s] != CDC_REDIS_NO_MASTER && strcmp(id, mb->id) == 0;
        /* While a slot changes hands, both may say so: it is the new one's. */
        if (own && (sy->owner[s] == CDC_REDIS_NO_MASTER || sy->owner[s] == cl->owner[s])) {
            sy->owner[s] = (uint16_t)member;
        }
        sy->foreign[s] = sy->foreign[s] || !is_member(cl, id);
    }
    cdc_redis_cluster_fini(&map);
    return rc;
}

/* Takes what was heard: our masters must be all, each with its tag's slot still. */
static cdc_rc take_survey(sink_redis_cluster *cl, const survey *sy, bool *changed, cdc_error *err)
{
    bool same = true;
    for (uint32_t i = 0; i < cl->nmembers; i++) {
        same = same && sy->owner[cl->members[i].tag] == i;
    }
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS && same; s++) {
        same = sy->owner[s] != CDC_REDIS_NO_MASTER || !sy->foreign[s];
        if (same && sy->owner[s] != CDC_REDIS_NO_MASTER && sy->owner[s] != cl->owner[s]) {
            cl->owner[s] = sy->owner[s];
            *changed = true;
        }
    }
    return same ? CDC_OK
                : cdc_error_set(err, CDC_RETRY, "redis_moved",
                                "target %s: the cluster has other masters than before, or the slot "
                                "of our own keys has moved",
                                cdc_redis_where(cl->members[0].rd));
}

cdc_rc sink_redis_cluster_refresh(sink_redis_cluster *cl, cdc_error *err)
{
    bool changed = false;
    cdc_rc rc = CDC_OK;
    survey *sy = calloc(1, sizeof *sy);
    if (sy == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the cluster");
    }
    memset(sy->owner, 0xff, sizeof sy->owner);
    for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
        rc = hear_member(cl, i, sy, err);
    }
    if (rc == CDC_OK) {
        rc = take_survey(cl, sy, &changed, err);
    }
    free(sy);
    return rc == CDC_OK && changed ? sink_redis_cluster_restate(cl, err) : rc;
}

cdc_rc sink_redis_cluster_at_rest(sink_redis_cluster *cl, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
        const sink_redis_member *mb = &cl->members[i];
        sink_redis_own own;
        redisReply *reply = NULL;
        sink_redis_member_own(cl, mb, "epoch", &own);
        cdc_buffer_reset(&cl->text);
        sink_redis_slots_print(cl->owner, (uint16_t)i, &cl->text);
        const cdc_redis_arg args[] = {CDC_REDIS_ARG("EVAL"),
                                      CDC_REDIS_ARG(AT_REST),
                                      CDC_REDIS_ARG("1"),
                                      {own.name, own.len},
                                      {cl->text.data, cl->text.len}};
        rc = cdc_redis_ask_args(mb->rd, "EVAL of CLUSTER NODES", 5, args, &reply, err);
        if (rc == CDC_OK && reply->integer != 1) {
            rc = cdc_error_set(err, CDC_RETRY, "redis_moved",
                               "target %s: slots move between the nodes of the cluster",
                               cdc_redis_where(mb->rd));
        }
        if (reply != NULL) {
            freeReplyObject(reply);
        }
    }
    return rc;
}

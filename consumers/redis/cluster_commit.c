/* A transaction over the nodes of a cluster. Each attempt sends a script to every node that has
 * slots which lack the transaction still; a node that says that slots are on their way gets the
 * rest at once, and those follow where they arrive. */
#include <stdlib.h>

#include "cluster_state.h"
#include "core/clock.h"
#include "core/stop.h"

enum {
    PATIENCE_MS = 3000, /* for slots on their way; then all is read anew from the target */
    PAUSE_MS = 5,
    PAUSE_MAX_MS = 200,
    OLD_ARGS_MAX = 1024 * 1024, /* of a command, before Redis 7 */
};

/* KEYS[1]: the epoch. ARGV: ours; the node's slots if they must be just these, or ''; how many
 * slots, a key that is never there in each; how many marks, key and value of each; commands, each
 * with its number of arguments in front. A command '' SLOT empties a slot but for keys of ours.
 * Returns "INDEX error" of those that failed. "MOVING 3 7": nothing was done, since these keys'
 * slots are not here or on their way. */
static const char SCRIPT[] =
    "local a=ARGV\n"
    "local e=redis.call('GET',KEYS[1])\n"
    "if e~=a[1] then return redis.error_reply('FENCED '..(e or '')) end\n"
    "if a[2]~='' then\n"
    "local own=string.match(redis.call('CLUSTER','NODES'),\n"
    "'myself[^ ]* [^ ]+ [^ ]+ [^ ]+ [^ ]+ connected ?([^\\n]*)')\n"
    "if own~=a[2] then return redis.error_reply('MOVING') end\n"
    "end\n"
    "local n,p=tonumber(a[3]),4\n"
    "local moving=''\n"
    "for i=p,p+n-1 do\n"
    "local r=redis.pcall('EXISTS',a[i])\n"
    "if type(r)=='table' then moving=moving..' '..(i-p) end\n"
    "end\n"
    "if moving~='' then return redis.error_reply('MOVING'..moving) end\n"
    "p=p+n\n"
    "n=tonumber(a[p])\n"
    "p=p+1\n"
    "for i=1,n do\n"
    "redis.call('SET',a[p],a[p+1])\n"
    "p=p+2\n"
    "end\n"
    "local function empty(slot)\n"
    "local n=redis.call('CLUSTER','COUNTKEYSINSLOT',slot)\n"
    "local keys=redis.call('CLUSTER','GETKEYSINSLOT',slot,n)\n"
    "for i=1,#keys do\n"
    "if string.sub(keys[i],1,8)~='sluice:{' then redis.call('UNLINK',keys[i]) end\n"
    "end\n"
    "end\n"
    "local out,k,last={},0,#a\n"
    "while p<=last do\n"
    "local c=tonumber(a[p])\n"
    "if a[p+1]=='' then\n"
    "empty(a[p+2])\n"
    "else\n"
    "local r=redis.pcall(unpack(a,p+1,p+c))\n"
    "if type(r)=='table' and r.err then out[#out+1]=k..' '..r.err end\n"
    "end\n"
    "k=k+1\n"
    "p=p+c+1\n"
    "end\n"
    "return out";

/* --- which command goes where --- */

/* What a node is given: a part of the batch, as it is, or (part NULL) the emptying of a slot. */
typedef void take(sink_redis_cluster *cl, uint32_t member, const sink_redis_part *part,
                  uint32_t slot, void *arg);

static bool is_due(const sink_redis_cluster *cl, const sink_redis_part *part, uint32_t slot)
{
    return !cl->done[slot] && !(part->past != NULL && part->past[slot]);
}

/* A FLUSHALL goes as it is to a node of which all slots are due. */
static void walk_flush(sink_redis_cluster *cl, const sink_redis_part *part, take *fn, void *arg)
{
    for (uint32_t i = 0; i < cl->nmembers; i++) {
        uint32_t due = 0;
        for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
            due += cl->owner[s] == i && is_due(cl, part, s) ? 1 : 0;
        }
        if (due > 0 && due == cl->members[i].nslots) {
            fn(cl, i, part, SINK_REDIS_EVERY_SLOT, arg);
            continue;
        }
        for (uint32_t s = 0; s < CDC_REDIS_SLOTS && due > 0; s++) {
            if (cl->owner[s] == i && is_due(cl, part, s) && !cl->moving[s]) {
                fn(cl, i, NULL, s, arg);
            }
        }
    }
}

/* Every command of the attempt, in order. */
static void walk(sink_redis_cluster *cl, take *fn, void *arg)
{
    for (uint32_t i = 0; i < cl->batch.n; i++) {
        const sink_redis_part *part = &cl->batch.parts[i];
        if (part->slot == SINK_REDIS_EVERY_SLOT) {
            walk_flush(cl, part, fn, arg);
        } else if (!cl->done[part->slot] && !cl->moving[part->slot]) {
            fn(cl, cl->owner[part->slot], part, part->slot, arg);
        }
    }
}

static void plan_part(sink_redis_cluster *cl, uint32_t member, const sink_redis_part *part,
                      uint32_t slot, void *arg)
{
    sink_redis_member *mb = &cl->members[member];
    (void)arg;
    mb->ncommands++;
    mb->nargs += part != NULL ? part->nargs : 3;
    if (slot == SINK_REDIS_EVERY_SLOT) {
        mb->emptied = true;
    } else if (!cl->probed[slot]) {
        cl->probed[slot] = true;
        mb->nprobes++;
    }
}

static void send_part(sink_redis_cluster *cl, uint32_t member, const sink_redis_part *part,
                      uint32_t slot, void *arg)
{
    cdc_redis *rd = cl->members[member].rd;
    (void)arg;
    if (part != NULL) {
        cdc_redis_append_raw(rd, cl->batch.bytes.data + part->at, part->len);
        return;
    }
    cdc_buffer_reset(&cl->text);
    sink_redis_bulk_number(&cl->text, 2);
    cdc_redis_add_bulk(&cl->text, "", 0);
    sink_redis_bulk_number(&cl->text, slot);
    cdc_redis_append_raw(rd, cl->text.data, cl->text.len);
}

/* For a message: the command with a number at a node. */
typedef struct naming {
    uint32_t member, command;
    char *text;
    size_t size;
} naming;

static void name_part(sink_redis_cluster *cl, uint32_t member, const sink_redis_part *part,
                      uint32_t slot, void *arg)
{
    naming *nm = arg;
    if (member == nm->member && nm->command-- == 0) {
        if (part != NULL) {
            sink_redis_batch_text(&cl->batch, part, nm->text, nm->size);
        } else {
            snprintf(nm->text, nm->size, "UNLINK of the keys of slot %u", slot);
        }
    }
}

static uint32_t marks_to_write(const sink_redis_cluster *cl)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < cl->nstretches; i++) {
        n += cl->stretches[i]->next != SINK_REDIS_UNTOLD ? 1 : 0;
    }
    return n;
}

/* The transaction is in all slots of the node but those on their way. */
static void note_done(sink_redis_cluster *cl, uint32_t member)
{
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        if (cl->owner[s] == member && !cl->moving[s]) {
            cl->done[s] = true;
            for (uint32_t i = 0; i < cl->nstretches; i++) {
                sink_redis_stretch *st = cl->stretches[i];
                if (st->next > st->applied.next[s]) {
                    st->applied.next[s] = st->next;
                }
            }
        }
    }
}

static void plan(sink_redis_cluster *cl)
{
    memset(cl->probed, 0, sizeof cl->probed);
    for (uint32_t i = 0; i < cl->nmembers; i++) {
        sink_redis_member *mb = &cl->members[i];
        mb->nslots = 0;
        mb->nprobes = 1; /* of the slot of its own keys */
        mb->ncommands = 0;
        mb->nargs = 0;
        mb->emptied = false;
        mb->asked = false;
        cl->probed[mb->tag] = true;
    }
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        sink_redis_member *mb = &cl->members[cl->owner[s]];
        mb->nslots++;
        mb->asked = mb->asked || (!cl->done[s] && !cl->moving[s]);
    }
    walk(cl, plan_part, NULL);
    for (uint32_t i = 0; i < cl->nmembers && marks_to_write(cl) == 0; i++) {
        if (cl->members[i].asked && cl->members[i].ncommands == 0) {
            cl->members[i].asked = false;
            note_done(cl, i);
        }
    }
}

/* --- the script's arguments --- */

void sink_redis_slots_print(const uint16_t *owners, uint16_t owner, cdc_buffer *out)
{
    const char *space = "";
    for (uint32_t first = 0; first < CDC_REDIS_SLOTS; first++) {
        uint32_t last = first;
        if (owners[first] != owner) {
            continue;
        }
        while (last + 1 < CDC_REDIS_SLOTS && owners[last + 1] == owner) {
            last++;
        }
        cdc_buffer_addf(out, last > first ? "%s%u-%u" : "%s%u", space, first, last);
        space = " ";
        first = last;
    }
}

/* What a mark says. */
typedef enum tells {
    TELLS_NEXT, /* how far the node's slots are applied when the transaction is */
    TELLS_OWN,  /* how far they are */
    TELLS_ALL,  /* how far all slots are */
} tells;

/* In cl->text. */
static void print_mark(sink_redis_cluster *cl, const sink_redis_stretch *st, uint32_t member,
                       tells what)
{
    static const uint16_t nobody[CDC_REDIS_SLOTS];
    cdc_buffer_reset(&cl->text);
    if (what == TELLS_ALL) {
        sink_redis_progress_print(&st->applied, nobody, 0, &cl->text);
        return;
    }
    cl->scratch = st->applied;
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS && what == TELLS_NEXT; s++) {
        if (!cl->moving[s] && st->next > cl->scratch.next[s]) {
            cl->scratch.next[s] = st->next;
        }
    }
    sink_redis_progress_print(&cl->scratch, cl->owner, (uint16_t)member, &cl->text);
}

static void append_mark(sink_redis_cluster *cl, const sink_redis_stretch *st, uint32_t member,
                        tells what, cdc_buffer *out)
{
    const sink_redis_member *mb = &cl->members[member];
    sink_redis_own own;
    print_mark(cl, st, member, what);
    sink_redis_own_mark(&own, cl->tags[mb->tag], cl->env->task->name, st->topic, st->partition);
    cdc_redis_add_bulk(out, own.name, own.len);
    cdc_redis_add_bulk(out, cl->text.data, cl->text.len);
}

/* What a FLUSHALL has taken with it, as commands. */
static void append_own(sink_redis_cluster *cl, uint32_t member, cdc_buffer *out)
{
    sink_redis_own own;
    sink_redis_member_own(cl, &cl->members[member], "epoch", &own);
    sink_redis_bulk_number(out, 3);
    cdc_redis_add_bulk(out, "SET", 3);
    cdc_redis_add_bulk(out, own.name, own.len);
    sink_redis_bulk_number(out, cl->epoch);
    for (uint32_t i = 0; i < cl->nstretches; i++) {
        sink_redis_bulk_number(out, 3);
        cdc_redis_add_bulk(out, "SET", 3);
        append_mark(cl, cl->stretches[i], member, TELLS_NEXT, out);
    }
}

static void append_probes(const sink_redis_cluster *cl, uint32_t member, cdc_buffer *out)
{
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        if (cl->probed[s] && cl->owner[s] == member) {
            sink_redis_own own;
            sink_redis_own_key(&own, cl->tags[s], cl->env->task->name, "none");
            cdc_redis_add_bulk(out, own.name, own.len);
        }
    }
}

/* All of the script but the commands; nargs: of those. */
static void append_head(sink_redis_cluster *cl, uint32_t member, uint64_t nargs, uint32_t nmarks,
                        cdc_buffer *out)
{
    const sink_redis_member *mb = &cl->members[member];
    sink_redis_own own;
    sink_redis_member_own(cl, mb, "epoch", &own);
    cdc_buffer_addf(out, "*%llu\r\n",
                    (unsigned long long)(4 + 4 + mb->nprobes + 2 * (uint64_t)nmarks + nargs));
    cdc_redis_add_bulk(out, "EVAL", 4);
    cdc_redis_add_bulk(out, SCRIPT, sizeof SCRIPT - 1);
    sink_redis_bulk_number(out, 1);
    cdc_redis_add_bulk(out, own.name, own.len);
    sink_redis_bulk_number(out, cl->epoch);
    cdc_buffer_reset(&cl->text);
    if (mb->emptied) {
        sink_redis_slots_print(cl->owner, (uint16_t)member, &cl->text);
    }
    cdc_redis_add_bulk(out, cl->text.data, cl->text.len);
    sink_redis_bulk_number(out, mb->nprobes);
    append_probes(cl, member, out);
    sink_redis_bulk_number(out, nmarks);
}

static cdc_rc send_head(sink_redis_cluster *cl, uint32_t member, cdc_error *err)
{
    const sink_redis_member *mb = &cl->members[member];
    cdc_buffer head;
    uint64_t nargs = mb->nargs + (mb->emptied ? 4 * (1 + (uint64_t)cl->nstretches) : 0);
    if (nargs > OLD_ARGS_MAX - 2 * CDC_REDIS_SLOTS && cl->old) {
        return cdc_error_set(err, CDC_FATAL, "transaction_too_large",
                             "target %s: a MULTI block of the source has %u commands with %llu "
                             "arguments: a cluster before Redis 7 takes a million at once",
                             cdc_redis_where(mb->rd), mb->ncommands, (unsigned long long)nargs);
    }
    cdc_buffer_init(&head, SINK_REDIS_BATCH_BYTES);
    append_head(cl, member, nargs, marks_to_write(cl), &head);
    for (uint32_t i = 0; i < cl->nstretches; i++) {
        if (cl->stretches[i]->next != SINK_REDIS_UNTOLD) {
            append_mark(cl, cl->stretches[i], member, TELLS_NEXT, &head);
        }
    }
    cdc_redis_append_raw(mb->rd, head.data, head.len);
    cdc_rc rc = head.failed
                    ? cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a transaction")
                    : CDC_OK;
    cdc_buffer_fini(&head);
    return rc;
}

static cdc_rc send_tail(sink_redis_cluster *cl, uint32_t member, cdc_error *err)
{
    cdc_redis *rd = cl->members[member].rd;
    if (cl->members[member].emptied) {
        cdc_buffer tail;
        cdc_buffer_init(&tail, SINK_REDIS_BATCH_BYTES);
        append_own(cl, member, &tail);
        cdc_redis_append_raw(rd, tail.data, tail.len);
        bool failed = tail.failed;
        cdc_buffer_fini(&tail);
        if (failed) {
            return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a transaction");
        }
    }
    return cdc_redis_flush(rd, err);
}

static void skip_part(sink_redis_cluster *cl, uint32_t member, const sink_redis_part *part,
                      uint32_t slot, void *arg)
{
    if (cl->members[member].asked) {
        send_part(cl, member, part, slot, arg);
    }
}

static cdc_rc send_all(sink_redis_cluster *cl, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
        rc = cl->members[i].asked ? send_head(cl, i, err) : CDC_OK;
    }
    if (rc == CDC_OK) {
        walk(cl, skip_part, NULL);
    }
    for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
        rc = cl->members[i].asked ? send_tail(cl, i, err) : CDC_OK;
    }
    return rc;
}

/* --- answers --- */

typedef struct outcome {
    uint32_t *failures;
    cdc_error *fault; /* of the first of them */
    bool moving;      /* a node has said so of more slots, or of itself */
    bool found;       /* of slots that we did not know of */
} outcome;

static cdc_rc fenced(const sink_redis_cluster *cl, const cdc_redis *rd, const char *now,
                     cdc_error *err)
{
    return now[0] != '\0'
               ? cdc_error_set(err, CDC_FATAL, "applier_fenced",
                               "target %s: another applier of task %s has taken over (epoch %s, "
                               "ours is %lld): stop one of them, or give the tasks different names",
                               cdc_redis_where(rd), cl->env->task->name, now, (long long)cl->epoch)
               : cdc_error_set(err, CDC_FATAL, "target_emptied",
                               "target %s: our keys sluice:{...}:%s:* are gone: somebody emptied "
                               "the node, or it restarted without its data; begin the task anew "
                               "with a full copy",
                               cdc_redis_where(rd), cl->env->task->name);
}

/* "MOVING 3 7": numbers of probes, which came in the order of the slots. */
static void note_moving(sink_redis_cluster *cl, uint32_t member, const char *text, outcome *oc)
{
    char *p = NULL;
    uint32_t n = 0;
    uint32_t s = 0;
    oc->moving = true;
    for (; *text == ' '; text = p) {
        unsigned long wanted = strtoul(text + 1, &p, 10);
        for (; s < CDC_REDIS_SLOTS; s++) {
            if (cl->probed[s] && cl->owner[s] == member && n++ == wanted) {
                oc->found = oc->found || !cl->moving[s];
                cl->moving[s] = true;
                s++;
                break;
            }
        }
    }
}

static cdc_rc take_error(sink_redis_cluster *cl, uint32_t member, const redisReply *reply,
                         outcome *oc, cdc_error *err)
{
    const sink_redis_member *mb = &cl->members[member];
    const char *text = reply->str;
    if (strncmp(text, "FENCED", 6) == 0) {
        return fenced(cl, mb->rd, text[6] == ' ' ? text + 7 : "", err);
    }
    if (strncmp(text, "MOVING", 6) == 0) {
        note_moving(cl, member, text + 6, oc);
        return cl->moving[mb->tag]
                   ? cdc_error_set(err, CDC_RETRY, "redis_moved",
                                   "target %s: the slot of our own keys is on its way to another "
                                   "node",
                                   cdc_redis_where(mb->rd))
                   : CDC_OK;
    }
    if (sink_redis_is_elsewhere(text)) {
        return cdc_error_set(err, CDC_RETRY, "redis_moved",
                             "target %s: the slot of our own keys has moved, or is on its way, to "
                             "another node",
                             cdc_redis_where(mb->rd));
    }
    return cdc_redis_refusal(mb->rd, "EVAL of a transaction", text, (size_t)reply->len, err);
}

static void take_failures(sink_redis_cluster *cl, uint32_t member, const redisReply *reply,
                          outcome *oc)
{
    char text[320] = "";
    char *error = NULL;
    if (*oc->failures == 0) {
        naming nm = {.member = member, .text = text, .size = sizeof text};
        nm.command = (uint32_t)strtoul(reply->element[0]->str, &error, 10);
        walk(cl, name_part, &nm);
        cdc_error_set(oc->fault, CDC_FATAL, "target_partial",
                      "%s: %s:%.200s (%zu commands of a transaction failed, the others were "
                      "carried out): the target's key is not as the source's was",
                      cdc_redis_where(cl->members[member].rd), text[0] != '\0' ? text : "SET",
                      error, reply->elements);
    }
    *oc->failures += (uint32_t)reply->elements;
}

static cdc_rc take_all(sink_redis_cluster *cl, outcome *oc, cdc_error *err)
{
    bool good[CDC_REDIS_MASTERS_MAX] = {false};
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < cl->nmembers; i++) {
        redisReply *reply = NULL;
        cdc_error other;
        cdc_error_clear(&other);
        if (!cl->members[i].asked) {
            continue;
        }
        cdc_rc one = cdc_redis_reply(cl->members[i].rd, &reply, &other);
        good[i] = one == CDC_OK && reply->type == REDIS_REPLY_ARRAY;
        if (one == CDC_OK && reply->type == REDIS_REPLY_ERROR) {
            one = take_error(cl, i, reply, oc, &other);
        } else if (good[i] && reply->elements > 0) {
            take_failures(cl, i, reply, oc);
        }
        if (reply != NULL) {
            freeReplyObject(reply);
        }
        if (one != CDC_OK && rc != CDC_FATAL) {
            rc = one;
            *err = other;
        }
    }
    for (uint32_t i = 0; i < cl->nmembers; i++) {
        if (good[i]) {
            note_done(cl, i);
        }
    }
    return rc;
}

/* --- marks alone --- */

static cdc_rc send_marks(sink_redis_cluster *cl, uint32_t member, tells what, cdc_error *err)
{
    cdc_redis *rd = cl->members[member].rd;
    cdc_buffer out;
    cdc_buffer_init(&out, SINK_REDIS_BATCH_BYTES);
    append_head(cl, member, 0, cl->nstretches, &out);
    for (uint32_t i = 0; i < cl->nstretches; i++) {
        append_mark(cl, cl->stretches[i], member, what, &out);
    }
    cdc_redis_append_raw(rd, out.data, out.len);
    bool failed = out.failed;
    cdc_buffer_fini(&out);
    return failed ? cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the offsets")
                  : cdc_redis_flush(rd, err);
}

cdc_rc sink_redis_cluster_restate(sink_redis_cluster *cl, cdc_error *err)
{
    static const tells turns[] = {TELLS_ALL, TELLS_OWN};
    uint32_t failures = 0;
    outcome oc = {.failures = &failures};
    cdc_rc rc = CDC_OK;
    memset(cl->probed, 0, sizeof cl->probed);
    for (uint32_t i = 0; i < cl->nmembers; i++) {
        sink_redis_member *mb = &cl->members[i];
        mb->nprobes = 1;
        mb->emptied = false;
        cl->probed[mb->tag] = true;
    }
    for (size_t turn = 0; turn < sizeof turns / sizeof turns[0] && rc == CDC_OK; turn++) {
        for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
            rc = send_marks(cl, i, turns[turn], err);
        }
        for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
            redisReply *reply = NULL;
            rc = cdc_redis_reply(cl->members[i].rd, &reply, err);
            if (rc == CDC_OK && reply->type == REDIS_REPLY_ERROR) {
                rc = take_error(cl, i, reply, &oc, err);
            }
            if (reply != NULL) {
                freeReplyObject(reply);
            }
        }
    }
    return rc;
}

/* --- attempts --- */

static bool is_complete(const sink_redis_cluster *cl)
{
    return memchr(cl->done, false, sizeof cl->done) == NULL;
}

static cdc_rc attempt(sink_redis_cluster *cl, outcome *oc, cdc_error *err)
{
    plan(cl);
    oc->moving = false;
    oc->found = false;
    cdc_rc rc = send_all(cl, err);
    return rc == CDC_OK ? take_all(cl, oc, err) : rc;
}

/* Until every slot has it. */
static cdc_rc carry_out(sink_redis_cluster *cl, outcome *oc, cdc_error *err)
{
    int64_t until_ms = cdc_clock_mono_ms() + PATIENCE_MS;
    int64_t pause_ms = PAUSE_MS;
    cdc_rc rc = attempt(cl, oc, err);
    while (rc == CDC_OK && !is_complete(cl)) {
        if (oc->found) { /* the rest of those nodes' */
            rc = attempt(cl, oc, err);
            continue;
        }
        if (cdc_clock_mono_ms() >= until_ms || cdc_stop_wait(pause_ms)) {
            return cdc_error_set(err, CDC_RETRY, "redis_moved",
                                 "target: slots of the cluster are on their way between nodes "
                                 "still; the other slots have the transaction");
        }
        pause_ms = pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms * 2;
        rc = sink_redis_cluster_refresh(cl, err);
        memset(cl->moving, 0, sizeof cl->moving);
        rc = rc == CDC_OK ? attempt(cl, oc, err) : rc;
    }
    return rc;
}

cdc_rc sink_redis_cluster_commit(sink_redis_cluster *cl, const cdc_offset *offsets, uint32_t n,
                                 uint32_t *failures, cdc_error *fault, cdc_error *err)
{
    outcome oc = {.failures = failures, .fault = fault};
    *failures = 0;
    cdc_rc rc = sink_redis_cluster_expect(cl, offsets, n, err);
    memset(cl->done, 0, sizeof cl->done);
    memset(cl->moving, 0, sizeof cl->moving);
    if (rc == CDC_OK) {
        rc = carry_out(cl, &oc, err);
    }
    sink_redis_batch_reset(&cl->batch);
    return rc;
}

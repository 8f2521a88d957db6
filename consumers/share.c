#include "share.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"

enum {
    ARENA_MAX = 64 * 1024 * 1024,
    TOPIC_MAX = 249,  /* characters at the target */
    ASK_MS = 50,      /* between looks whether a definition change may be carried out... */
    LOOK_MS = 10,     /* ...and whether a row that moves has left its partition */
    EMPTY_MS = 15000, /* a process without partitions that ends when caught up waits so long */
};

/* A data partition of the task. */
typedef struct cdc_share_part {
    const char *topic;
    const char *ids, *ddl; /* names at the target */
    int32_t partition;
    bool ours;
    uint64_t id;        /* ours: newest handed to the sink */
    uint64_t committed; /* ours: newest at the target */
    int64_t mark; /* before the definition changes up to there all is applied, as far as known */
} cdc_share_part;

struct cdc_share {
    cdc_share_of of;
    cdc_arena arena;
    cdc_membership_set set;
    cdc_share_part *parts;
    uint32_t nparts, latest;
    bool leads;
    cdc_elsewhere *elsewhere;
    int64_t begun_ms, asked_ms, looked_ms;
};

static cdc_rc cdc_share_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the group's partitions");
}

/* --- joining --- */

static cdc_rc cdc_share_refuse(const cdc_env *env, const char *why, cdc_error *err)
{
    cdc_error_set(err, CDC_FATAL, "config", "%s: target.appliers: group %s",
                  cdc_config_where(env->task->cfg, "target.appliers"), why);
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

cdc_rc cdc_share_check(const cdc_env *env, const cdc_sink *sink, cdc_error *err)
{
    cdc_arena ar;
    cdc_topic_names names = {.ndata = 0};
    cdc_arena_init(&ar, 4096, ARENA_MAX);
    cdc_rc rc = cdc_router_topics(env->task, &ar, &names, err);
    if (rc == CDC_OK && sink->claim == NULL) {
        rc = cdc_share_refuse(env, "is not for targets of this type: set it to one", err);
    } else if (rc == CDC_OK && !env->task->exactly_once) {
        rc = cdc_share_refuse(env,
                              "needs delivery: exactly-once, for records that come again may "
                              "be another process's by then",
                              err);
    } else if (rc == CDC_OK && names.nddl != 1) {
        rc = cdc_share_refuse(env,
                              "needs definition changes in one topic of their own, which all "
                              "processes can read: name one in topics.ddl",
                              err);
    }
    for (size_t i = 0; i < names.ndata && rc == CDC_OK; i++) {
        if (strlen(names.data[i]) + sizeof "#ddl" > TOPIC_MAX) {
            rc = cdc_share_refuse(env, "takes topics with names of at most 240 characters", err);
        }
    }
    cdc_arena_fini(&ar);
    return rc;
}

cdc_rc cdc_share_join(cdc_membership **out, const cdc_env *env, cdc_error *err)
{
    cdc_arena ar;
    cdc_topic_names names = {.ndata = 0};
    const char *side = NULL;
    size_t n = 0;
    cdc_arena_init(&ar, 4096, ARENA_MAX);
    cdc_rc rc = cdc_router_topics(env->task, &ar, &names, err);
    if (rc == CDC_OK) {
        rc = cdc_router_side_topic(env->task, &ar, &side, err);
    }
    const char **topics = cdc_arena_zalloc(&ar, (names.ndata + 1) * sizeof *topics);
    if (rc == CDC_OK && topics == NULL) {
        rc = cdc_share_memory(err);
    }
    if (rc == CDC_OK) {
        for (; n < names.ndata; n++) {
            topics[n] = names.data[n];
        }
        if (side[0] != '\0') {
            topics[n++] = side;
        }
        rc = cdc_membership_new(out, env, topics, n, err);
    }
    cdc_arena_fini(&ar);
    return rc;
}

/* --- a session's share --- */

bool cdc_share_has(const cdc_share *sh, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < sh->set.n; i++) {
        if (sh->set.parts[i].partition == partition && strcmp(sh->set.parts[i].topic, topic) == 0) {
            return true;
        }
    }
    return false;
}

/* The leader has the DDL topic, too: which nobody else writes for. */
static cdc_rc cdc_share_claim(cdc_share *sh, cdc_error *err)
{
    const cdc_topic_names *names = sh->of.names;
    uint32_t n = sh->set.n;
    cdc_offset *parts = cdc_arena_zalloc(&sh->arena, (n + names->nddl + 1) * sizeof *parts);
    if (parts == NULL) {
        return cdc_share_memory(err);
    }
    memcpy(parts, sh->set.parts, n * sizeof *parts);
    for (size_t i = 0; sh->leads && i < names->nddl; i++) {
        parts[n++] = (cdc_offset){.topic = names->ddl[i]};
    }
    return sh->of.sink->claim(sh->of.handle, parts, n, err);
}

cdc_rc cdc_share_new(cdc_share **out, const cdc_share_of *of, cdc_error *err)
{
    cdc_share *sh = calloc(1, sizeof *sh);
    *out = sh;
    if (sh == NULL) {
        return cdc_share_memory(err);
    }
    sh->of = *of;
    sh->begun_ms = cdc_clock_mono_ms();
    cdc_arena_init(&sh->arena, 4096, ARENA_MAX);
    sh->elsewhere = cdc_elsewhere_new();
    cdc_rc rc = sh->elsewhere != NULL ? CDC_OK : cdc_share_memory(err);
    if (rc == CDC_OK) {
        rc = cdc_membership_take(of->members, &sh->arena, &sh->set, err);
    }
    if (rc == CDC_OK) {
        sh->leads = of->names->ndata > 0 && cdc_share_has(sh, of->names->data[0], 0);
        rc = cdc_share_claim(sh, err);
    }
    return rc;
}

void cdc_share_free(cdc_share *sh)
{
    if (sh != NULL) {
        cdc_elsewhere_free(sh->elsewhere);
        cdc_arena_fini(&sh->arena);
        free(sh->parts);
        free(sh);
    }
}

bool cdc_share_leads(const cdc_share *sh)
{
    return sh->leads;
}

bool cdc_share_is_over(const cdc_share *sh)
{
    return cdc_membership_generation(sh->of.members) != sh->set.generation;
}

bool cdc_share_may_end(const cdc_share *sh)
{
    return sh->set.n > 0 || (sh->set.joined && cdc_clock_mono_ms() - sh->begun_ms > EMPTY_MS);
}

cdc_elsewhere *cdc_share_elsewhere(cdc_share *sh)
{
    return sh->elsewhere;
}

uint32_t cdc_share_partitions(const cdc_share *sh)
{
    return sh->nparts;
}

/* What the target knows of a partition of ours. */
static cdc_rc cdc_share_load(cdc_share *sh, cdc_share_part *part, cdc_error *err)
{
    int64_t id = -1;
    cdc_rc rc = sh->of.sink->applied(sh->of.handle, part->ids, part->partition, &id, err);
    part->id = part->committed = id > 0 ? (uint64_t)id : 0;
    cdc_elsewhere_set(sh->elsewhere, part->topic, part->partition, part->id);
    return rc;
}

cdc_rc cdc_share_topic(cdc_share *sh, const char *topic, int32_t partitions, cdc_error *err)
{
    char name[TOPIC_MAX + 1];
    cdc_share_part *parts =
        realloc(sh->parts, (sh->nparts + (size_t)partitions + 1) * sizeof *parts);
    if (parts == NULL) {
        return cdc_share_memory(err);
    }
    sh->parts = parts;
    (void)cdc_elsewhere_mark(topic, name, sizeof name); /* cdc_share_check has looked at it */
    const char *ids = cdc_arena_strndup(&sh->arena, name, strlen(name));
    snprintf(name, sizeof name, "%s#ddl", topic);
    const char *ddl = cdc_arena_strndup(&sh->arena, name, strlen(name));
    cdc_rc rc = ids != NULL && ddl != NULL ? CDC_OK : cdc_share_memory(err);
    for (int32_t p = 0; p < partitions && rc == CDC_OK; p++) {
        cdc_share_part *part = &parts[sh->nparts++];
        *part = (cdc_share_part){.topic = topic, .ids = ids, .ddl = ddl, .partition = p};
        part->ours = cdc_share_has(sh, topic, p);
        rc = part->ours ? cdc_share_load(sh, part, err) : CDC_OK;
    }
    return rc;
}

/* --- what is applied --- */

/* NULL: no data partition. */
static cdc_share_part *cdc_share_part_of(cdc_share *sh, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < sh->nparts; i++) {
        cdc_share_part *part = &sh->parts[(sh->latest + i) % sh->nparts];
        if (part->partition == partition && strcmp(part->topic, topic) == 0) {
            sh->latest = (sh->latest + i) % sh->nparts;
            return part;
        }
    }
    return NULL;
}

void cdc_share_note(cdc_share *sh, const cdc_event *ev)
{
    cdc_share_part *part = cdc_share_part_of(sh, ev->topic, ev->partition);
    if (part != NULL && ev->id > part->id) {
        part->id = ev->id;
    }
}

uint32_t cdc_share_marks(cdc_share *sh, cdc_offset *offsets, uint32_t n)
{
    uint32_t all = n;
    for (uint32_t i = 0; i < n; i++) {
        const cdc_share_part *part = cdc_share_part_of(sh, offsets[i].topic, offsets[i].partition);
        if (part != NULL && part->id > part->committed) {
            offsets[all++] = (cdc_offset){
                .topic = part->ids, .partition = part->partition, .next = (int64_t)part->id};
        }
    }
    return all;
}

void cdc_share_committed(cdc_share *sh, const cdc_offset *offsets, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        cdc_share_part *part = cdc_share_part_of(sh, offsets[i].topic, offsets[i].partition);
        if (part != NULL) {
            part->committed = part->id;
            cdc_elsewhere_set(sh->elsewhere, part->topic, part->partition, part->id);
        }
    }
    cdc_membership_report(sh->of.members, offsets, n);
}

void cdc_share_undone(cdc_share *sh)
{
    for (uint32_t i = 0; i < sh->nparts; i++) {
        sh->parts[i].id = sh->parts[i].committed;
    }
}

bool cdc_share_waits(const cdc_share *sh)
{
    return cdc_elsewhere_waits(sh->elsewhere) && cdc_clock_mono_ms() - sh->looked_ms >= LOOK_MS;
}

cdc_rc cdc_share_look(cdc_share *sh, cdc_error *err)
{
    sh->looked_ms = cdc_clock_mono_ms();
    const cdc_elsewhere_asker asker = {
        .env = sh->of.env, .codec = sh->of.codec, .sink = sh->of.sink, .handle = sh->of.handle};
    return cdc_elsewhere_look(sh->elsewhere, &asker, err);
}

/* --- definition changes --- */

/* Says at the target that our partitions have come as far as the change. */
static cdc_rc cdc_share_mark(cdc_share *sh, int64_t upto, cdc_error *err)
{
    uint32_t n = 0;
    cdc_offset *marks = calloc((size_t)sh->nparts + 1, sizeof *marks);
    if (marks == NULL) {
        return cdc_share_memory(err);
    }
    for (uint32_t i = 0; i < sh->nparts; i++) {
        cdc_share_part *part = &sh->parts[i];
        if (part->ours && part->mark < upto) {
            marks[n++] =
                (cdc_offset){.topic = part->ddl, .partition = part->partition, .next = upto};
        }
    }
    cdc_rc rc = n > 0 ? sh->of.sink->begin(sh->of.handle, err) : CDC_OK;
    if (rc == CDC_OK && n > 0) {
        rc = sh->of.sink->commit(sh->of.handle, marks, n, err);
    }
    for (uint32_t i = 0; i < sh->nparts && rc == CDC_OK; i++) {
        if (sh->parts[i].ours && sh->parts[i].mark < upto) {
            sh->parts[i].mark = upto;
        }
    }
    free(marks);
    return rc;
}

/* Have all partitions of the task come as far, also those that nobody has just now? */
static cdc_rc cdc_share_all_marked(cdc_share *sh, int64_t upto, bool *all, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    *all = true;
    for (uint32_t i = 0; i < sh->nparts && *all && rc == CDC_OK; i++) {
        cdc_share_part *part = &sh->parts[i];
        if (part->mark < upto) {
            rc = sh->of.sink->applied(sh->of.handle, part->ddl, part->partition, &part->mark, err);
            *all = rc == CDC_OK && part->mark >= upto;
        }
    }
    return rc;
}

cdc_rc cdc_share_define(cdc_share *sh, const cdc_definition *def, cdc_share_turn *out,
                        cdc_error *err)
{
    const cdc_offset *at = &def->offsets[0];
    int64_t done = -1;
    bool all = false;
    *out = CDC_SHARE_WAIT;
    cdc_rc rc = cdc_share_mark(sh, at->next, err);
    if (rc != CDC_OK || cdc_clock_mono_ms() - sh->asked_ms < ASK_MS) {
        return rc;
    }
    sh->asked_ms = cdc_clock_mono_ms();
    if (sh->leads) {
        rc = cdc_share_all_marked(sh, at->next, &all, err);
        *out = rc == CDC_OK && all ? CDC_SHARE_OURS : CDC_SHARE_WAIT;
        return rc;
    }
    rc = sh->of.sink->applied(sh->of.handle, at->topic, at->partition, &done, err);
    if (rc == CDC_OK && done >= at->next) {
        *out = CDC_SHARE_DONE;
        sh->of.sink->rollback(sh->of.handle); /* forgets the definitions that it has read */
    }
    return rc;
}

#include "elsewhere.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/clock.h"

enum { TOPIC_MAX = CDC_ELSEWHERE_MARK };

typedef struct cdc_elsewhere_task {
    char *name;
    uint64_t ddl;
} cdc_elsewhere_task;

struct cdc_elsewhere {
    pthread_mutex_t lock; /* of the array */
    cdc_elsewhere_part *parts;
    size_t nparts;
    cdc_elsewhere_task *tasks;
    size_t ntasks;
    _Atomic bool waits;
};

cdc_elsewhere *cdc_elsewhere_new(void)
{
    cdc_elsewhere *ew = calloc(1, sizeof *ew);
    if (ew != NULL) {
        pthread_mutex_init(&ew->lock, NULL);
    }
    return ew;
}

void cdc_elsewhere_free(cdc_elsewhere *ew)
{
    if (ew != NULL) {
        pthread_mutex_destroy(&ew->lock);
        for (size_t i = 0; i < ew->ntasks; i++) {
            free(ew->tasks[i].name);
        }
        free(ew->tasks);
        free(ew->parts);
        free(ew);
    }
}

bool cdc_elsewhere_mark(const char *topic, char *out, size_t size)
{
    int n = snprintf(out, size, "%s#id", topic);
    return n > 0 && (size_t)n < size && n < TOPIC_MAX;
}

/* --- asking --- */

/* Under the lock; NULL: out of memory, and it is asked again. */
static cdc_elsewhere_part *cdc_elsewhere_find(cdc_elsewhere *ew, const char *topic,
                                              int32_t partition)
{
    for (size_t i = 0; i < ew->nparts; i++) {
        if (ew->parts[i].partition == partition && strcmp(ew->parts[i].topic, topic) == 0) {
            return &ew->parts[i];
        }
    }
    cdc_elsewhere_part *parts = realloc(ew->parts, (ew->nparts + 1) * sizeof *parts);
    if (parts == NULL) {
        return NULL;
    }
    ew->parts = parts;
    parts[ew->nparts] = (cdc_elsewhere_part){.topic = topic, .partition = partition};
    return &parts[ew->nparts++];
}

bool cdc_elsewhere_passed(cdc_elsewhere *ew, const char *topic, int32_t partition, uint64_t id)
{
    pthread_mutex_lock(&ew->lock);
    cdc_elsewhere_part *part = cdc_elsewhere_find(ew, topic, partition);
    bool passed = part != NULL && part->passed >= id;
    if (!passed && part != NULL && (part->wanted == 0 || id < part->wanted)) {
        part->wanted = id;
        part->since_ms = cdc_clock_mono_ms();
    }
    if (!passed) {
        atomic_store(&ew->waits, true);
    }
    pthread_mutex_unlock(&ew->lock);
    return passed;
}

void cdc_elsewhere_set(cdc_elsewhere *ew, const char *topic, int32_t partition, uint64_t id)
{
    pthread_mutex_lock(&ew->lock);
    cdc_elsewhere_part *part = cdc_elsewhere_find(ew, topic, partition);
    if (part != NULL && part->passed < id) {
        part->passed = id;
    }
    pthread_mutex_unlock(&ew->lock);
}

bool cdc_elsewhere_knows(cdc_elsewhere *ew, const char *topic, int32_t partition, uint64_t id)
{
    pthread_mutex_lock(&ew->lock);
    const cdc_elsewhere_part *part = cdc_elsewhere_find(ew, topic, partition);
    bool knows = part != NULL && part->passed >= id;
    pthread_mutex_unlock(&ew->lock);
    return knows;
}

bool cdc_elsewhere_waits(const cdc_elsewhere *ew)
{
    return atomic_load(&ew->waits);
}

/* --- definition changes --- */

static cdc_elsewhere_task *cdc_elsewhere_task_of(cdc_elsewhere *ew, const char *name)
{
    for (size_t i = 0; i < ew->ntasks; i++) {
        if (strcmp(ew->tasks[i].name, name) == 0) {
            return &ew->tasks[i];
        }
    }
    return NULL;
}

void cdc_elsewhere_define(cdc_elsewhere *ew, const char *task, uint64_t id)
{
    pthread_mutex_lock(&ew->lock);
    cdc_elsewhere_task *known = cdc_elsewhere_task_of(ew, task);
    cdc_elsewhere_task *tasks =
        known == NULL ? realloc(ew->tasks, (ew->ntasks + 1) * sizeof *tasks) : NULL;
    if (tasks != NULL) {
        ew->tasks = tasks;
        tasks[ew->ntasks] = (cdc_elsewhere_task){.name = strdup(task)};
        known = tasks[ew->ntasks].name != NULL ? &tasks[ew->ntasks++] : NULL;
    }
    if (known != NULL) {
        known->ddl = id;
    }
    pthread_mutex_unlock(&ew->lock);
}

bool cdc_elsewhere_is_behind(cdc_elsewhere *ew, const char *task, uint64_t ddl)
{
    pthread_mutex_lock(&ew->lock);
    const cdc_elsewhere_task *known = cdc_elsewhere_task_of(ew, task);
    bool behind = ddl > (known != NULL ? known->ddl : 0);
    pthread_mutex_unlock(&ew->lock);
    return behind;
}

/* --- answers --- */

bool cdc_elsewhere_next(cdc_elsewhere *ew, size_t *turn, cdc_elsewhere_part *out)
{
    bool found = false;
    pthread_mutex_lock(&ew->lock);
    if (*turn == 0) {
        atomic_store(&ew->waits, false); /* until it is asked again */
    }
    while (!found && *turn < ew->nparts) {
        *out = ew->parts[(*turn)++];
        found = out->wanted > 0;
    }
    pthread_mutex_unlock(&ew->lock);
    return found;
}

void cdc_elsewhere_answer(cdc_elsewhere *ew, const cdc_elsewhere_part *answer)
{
    pthread_mutex_lock(&ew->lock);
    cdc_elsewhere_part *part = cdc_elsewhere_find(ew, answer->topic, answer->partition);
    if (part != NULL) {
        part->passed = answer->passed > part->passed ? answer->passed : part->passed;
        part->since_ms = part->wanted == answer->wanted ? answer->since_ms : part->since_ms;
        part->wanted = part->passed >= part->wanted ? 0 : part->wanted;
    }
    pthread_mutex_unlock(&ew->lock);
}

#include "definition.h"

#include <stdlib.h>

enum { ARENA_BLOCK = 4096, ARENA_MAX = 256 * 1024 * 1024 };

static const char *cdc_definition_text(cdc_definition *def, const char *s)
{
    return s != NULL ? cdc_arena_strndup(&def->arena, s, strlen(s)) : "";
}

/* A copy without anything of the event's batch; the statement is shared by all messages. */
static cdc_event *cdc_definition_copy(cdc_definition *def, const cdc_event *ev)
{
    cdc_event *copy = cdc_arena_memdup(&def->arena, ev, sizeof *ev);
    if (copy == NULL) {
        return NULL;
    }
    copy->table = NULL;
    copy->before = NULL;
    copy->after = NULL;
    copy->pos_file = "";
    copy->task = cdc_definition_text(def, ev->task);
    copy->txn = cdc_definition_text(def, ev->txn);
    copy->gtid = cdc_definition_text(def, ev->gtid);
    copy->pos_text = cdc_definition_text(def, ev->pos_text);
    copy->ddl_database = cdc_definition_text(def, ev->ddl_database);
    copy->ddl_table = cdc_definition_text(def, ev->ddl_table);
    copy->ddl_default = cdc_definition_text(def, ev->ddl_default);
    copy->ddl_was = cdc_definition_text(def, ev->ddl_was);
    copy->sql =
        def->n > 0 ? def->events[0]->sql : cdc_arena_strndup(&def->arena, ev->sql, ev->sql_len);
    bool good = copy->task && copy->txn && copy->gtid && copy->pos_text && copy->ddl_database &&
                copy->ddl_table && copy->ddl_default && copy->ddl_was && copy->sql;
    return good ? copy : NULL;
}

/* Room for one more element of an array that has n, in steps of powers of two. */
static void *cdc_definition_grow(cdc_definition *def, void *array, uint32_t n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0) {
        return array;
    }
    void *more = cdc_arena_alloc(&def->arena, (n > 0 ? 2UL * n : 1UL) * size);
    if (more != NULL && n > 0) {
        memcpy(more, array, n * size);
    }
    return more;
}

static bool cdc_definition_note_offset(cdc_definition *def, const cdc_event *ev)
{
    for (uint32_t i = 0; i < def->noffsets; i++) {
        cdc_offset *at = &def->offsets[i];
        if (at->partition == ev->partition && strcmp(at->topic, ev->topic) == 0) {
            at->next = ev->offset + 1;
            return true;
        }
    }
    def->offsets = cdc_definition_grow(def, def->offsets, def->noffsets, sizeof *def->offsets);
    if (def->offsets == NULL) {
        return false;
    }
    def->offsets[def->noffsets++] =
        (cdc_offset){.topic = ev->topic, .partition = ev->partition, .next = ev->offset + 1};
    return true;
}

bool cdc_definition_add(cdc_definition *def, const cdc_event *ev)
{
    cdc_event *copy = cdc_definition_copy(def, ev);
    const cdc_event **events = cdc_definition_grow(def, def->events, def->n, sizeof *def->events);
    if (copy == NULL || events == NULL || !cdc_definition_note_offset(def, ev)) {
        return false;
    }
    uint32_t i = def->n++;
    for (; i > 0 && events[i - 1]->seq > ev->seq; i--) {
        events[i] = events[i - 1];
    }
    events[i] = copy;
    def->events = events;
    def->complete = def->complete || ev->last;
    return true;
}

cdc_definition *cdc_definition_new(const cdc_event *ev)
{
    cdc_definition *def = calloc(1, sizeof *def);
    if (def == NULL) {
        return NULL;
    }
    cdc_arena_init(&def->arena, ARENA_BLOCK, ARENA_MAX);
    if (!cdc_definition_add(def, ev)) {
        cdc_definition_free(def);
        return NULL;
    }
    /* The full copy's statements are of one table each, and share one transaction. */
    def->complete = def->complete || ev->phase == CDC_PHASE_SNAPSHOT || ev->txn[0] == '\0';
    return def;
}

void cdc_definition_free(cdc_definition *def)
{
    if (def != NULL) {
        cdc_arena_fini(&def->arena);
        free(def);
    }
}

bool cdc_definition_takes(const cdc_definition *def, const cdc_event *ev)
{
    const cdc_event *first = def->events[0];
    return ev->op == CDC_OP_DDL && ev->phase == CDC_PHASE_INCR && first->phase == ev->phase &&
           ev->txn[0] != '\0' && strcmp(first->txn, ev->txn) == 0 &&
           strcmp(first->task, ev->task) == 0 && first->sql_len == ev->sql_len &&
           memcmp(first->sql, ev->sql, ev->sql_len) == 0;
}

uint64_t cdc_definition_id(const cdc_definition *def)
{
    return def->events[0]->id;
}

uint64_t cdc_definition_last_id(const cdc_definition *def)
{
    return def->events[def->n - 1]->id;
}

uint64_t cdc_definition_after(const cdc_definition *def)
{
    return def->events[0]->after_ddl;
}

const char *cdc_definition_task(const cdc_definition *def)
{
    return def->events[0]->task;
}

#include "command.h"

#include <stdlib.h>

#include "held.h"

enum { ARGS_INLINE = 64 };

/* A command that is changed on its way. */
typedef struct sink_redis_change {
    const cdc_value *argv; /* the event's, or own */
    cdc_value inlined[ARGS_INLINE];
    cdc_value *own; /* NULL: nothing was changed yet; inlined, or on the heap */
    char numbers[2][16];
} sink_redis_change;

static bool sink_redis_change_arg(sink_redis_change *ch, uint32_t argc, uint32_t at, const char *p,
                                  size_t len)
{
    if (ch->own == NULL) {
        ch->own = argc <= ARGS_INLINE ? ch->inlined : malloc(argc * sizeof *ch->own);
        if (ch->own == NULL) {
            return false;
        }
        memcpy(ch->own, ch->argv, argc * sizeof *ch->own);
        ch->argv = ch->own;
    }
    ch->own[at] = sink_redis_bytes(p, len);
    return true;
}

static void sink_redis_change_fini(sink_redis_change *ch)
{
    if (ch->own != ch->inlined) {
        free(ch->own);
    }
}

static cdc_rc sink_redis_no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a command");
}

cdc_rc sink_redis_database(const sink_redis_handle *sr, int64_t source, int32_t *target,
                           cdc_error *err)
{
    *target = source >= 0 && source < CDC_DATABASES_MAX ? sr->env->task->databases[source] : 0;
    bool known = source >= 0 && source < CDC_DATABASES_MAX;
    if (known && sr->cluster != NULL && *target != 0) {
        return cdc_error_set(err, CDC_FATAL, "target_databases",
                             "database %lld of the source goes to %d, and the target %s is a "
                             "cluster, which has 0 alone: send it there by target.databases, or "
                             "leave it out by objects",
                             (long long)source, *target, cdc_redis_where(sr->node.rd));
    }
    if (!known || !sr->database_ok[*target]) {
        return cdc_error_set(
            err, CDC_FATAL, "target_databases",
            "database %lld of the source goes to %d, which the target %s does not have: raise "
            "databases in its configuration, or choose another by target.databases",
            (long long)source, *target, cdc_redis_where(sr->node.rd));
    }
    return CDC_OK;
}

/* --- numbers of databases among the arguments --- */

static cdc_rc sink_redis_map_numbers(sink_redis_handle *sr, const cdc_event *ev,
                                     const cdc_redis_command *cmd, sink_redis_change *ch,
                                     cdc_error *err)
{
    uint32_t at[2];
    uint32_t n = cdc_redis_databases_of(cmd, ev->after, ev->nargs, at);
    int32_t mapped[2] = {sr->env->task->databases[ev->redis_db], 0};
    int64_t numbers[2] = {ev->redis_db, -1};
    for (uint32_t i = 0; i < n; i++) {
        int32_t *to = &mapped[n == 2 ? i : 1];
        int64_t *from = &numbers[n == 2 ? i : 1];
        if (!cdc_redis_number(&ev->after[at[i]], from)) {
            return CDC_OK; /* the target says what it thinks of it */
        }
        cdc_rc rc = sink_redis_database(sr, *from, to, err);
        if (rc != CDC_OK) {
            return rc;
        }
        int len = snprintf(ch->numbers[i], sizeof ch->numbers[i], "%d", *to);
        if (!sink_redis_change_arg(ch, ev->nargs, at[i], ch->numbers[i], (size_t)len)) {
            return sink_redis_no_memory(err);
        }
    }
    if (n > 0 && mapped[0] == mapped[1] && numbers[0] != numbers[1]) {
        return cdc_error_set(err, CDC_FATAL, "databases_merged",
                             "databases %lld and %lld of the source are both %d at the target "
                             "(target.databases), and %s is between the two: give each its own",
                             (long long)numbers[0], (long long)numbers[1], mapped[0],
                             cdc_redis_command_name(cmd));
    }
    return CDC_OK;
}

/* --- commands that would take our own keys with them --- */

static cdc_rc sink_redis_flush_database(sink_redis_handle *sr, const cdc_event *ev, int32_t target,
                                        cdc_error *err)
{
    cdc_value argv[2] = {SINK_REDIS_WORD("FLUSHDB")};
    uint32_t argc = 1;
    for (uint32_t i = 0; i < CDC_DATABASES_MAX; i++) {
        if (sr->env->task->databases[i] == target && (int32_t)i != ev->redis_db &&
            cdc_redis_word(ev->after, 0, "FLUSHDB") && sink_redis_takes(sr, i)) {
            return cdc_error_set(err, CDC_FATAL, "databases_merged",
                                 "FLUSHDB of database %d of the source would empty database %d at "
                                 "the target, where database %u goes, too: give each its own by "
                                 "target.databases",
                                 ev->redis_db, target, i);
        }
    }
    if (ev->nargs > 1) { /* SYNC or ASYNC */
        argv[argc++] = ev->after[1];
    }
    sr->emptied = sr->emptied || target == 0;
    return sink_redis_put(sr, target, argv, argc, -1, err);
}

static cdc_rc sink_redis_flush_all(sink_redis_handle *sr, const cdc_event *ev, cdc_error *err)
{
    bool done[CDC_DATABASES_MAX] = {false};
    cdc_rc rc = CDC_OK;
    if (sr->whole) {
        sr->emptied = true;
        return sink_redis_put(sr, 0, ev->after, ev->nargs, -1, err);
    }
    for (uint32_t i = 0; i < CDC_DATABASES_MAX && rc == CDC_OK; i++) {
        uint8_t target = sr->env->task->databases[i];
        if (sink_redis_takes(sr, i) && sr->database_ok[target] && !done[target]) {
            done[target] = true;
            rc = sink_redis_flush_database(sr, ev, target, err);
        }
    }
    return rc;
}

static cdc_rc sink_redis_bring_back(sink_redis_handle *sr, int32_t from, const sink_redis_own *own,
                                    cdc_error *err)
{
    const cdc_value argv[] = {SINK_REDIS_WORD("MOVE"), sink_redis_bytes(own->name, own->len),
                              SINK_REDIS_WORD("0")};
    return sink_redis_put(sr, from, argv, 3, 1, err);
}

/* A SWAPDB of 0 has taken our keys to the other database. */
static cdc_rc sink_redis_follow_swap(sink_redis_handle *sr, const cdc_value *argv, cdc_error *err)
{
    static const char *const names[] = {"epoch", "held", "kept"};
    int64_t a = 0;
    int64_t b = 0;
    sink_redis_own own;
    cdc_rc rc = CDC_OK;
    if (!cdc_redis_number(&argv[1], &a) || !cdc_redis_number(&argv[2], &b) || (a != 0 && b != 0) ||
        a == b) {
        return CDC_OK;
    }
    int32_t there = (int32_t)(a == 0 ? b : a);
    for (size_t i = 0; i < 3 && rc == CDC_OK; i++) {
        sink_redis_own_key(&own, sr->node.tag, sr->node.task, names[i]);
        rc = sink_redis_bring_back(sr, there, &own, err);
    }
    for (uint32_t i = 0; i < sr->nmarks && rc == CDC_OK; i++) {
        sink_redis_own_mark(&own, sr->node.tag, sr->node.task, sr->marks[i].topic,
                            sr->marks[i].partition);
        rc = sink_redis_bring_back(sr, there, &own, err);
    }
    return rc;
}

/* --- the command --- */

static bool sink_redis_is_kept(const sink_redis_handle *sr, const cdc_event *ev, int32_t database)
{
    if (sr->kept == NULL || ev->phase != CDC_PHASE_SNAPSHOT || ev->key_arg < 0) {
        return false;
    }
    const cdc_value *key = &ev->after[ev->key_arg];
    return sink_redis_kept_has(sr->kept, database, key->p, key->len);
}

static cdc_rc sink_redis_changed(sink_redis_handle *sr, const cdc_event *ev, int32_t database,
                                 const cdc_redis_command *cmd, cdc_error *err)
{
    sink_redis_change ch = {.argv = ev->after};
    sink_redis_expiry expiry;
    sink_redis_expiry_of(sr, ev, cmd, &expiry);
    cdc_rc rc = cmd != NULL ? sink_redis_map_numbers(sr, ev, cmd, &ch, err) : CDC_OK;
    if (rc == CDC_OK && expiry.at > 0 &&
        !sink_redis_change_arg(&ch, ev->nargs, expiry.at, expiry.text, expiry.len)) {
        rc = sink_redis_no_memory(err);
    }
    if (rc == CDC_OK) {
        rc = sink_redis_put(sr, database, ch.argv, ev->nargs - expiry.conditions, ev->key_arg, err);
    }
    if (rc == CDC_OK && expiry.held_ms > 0 && ev->key_arg >= 0) {
        rc = sink_redis_hold(sr, database, &ev->after[ev->key_arg], expiry.held_ms, err);
    }
    if (rc == CDC_OK && cmd != NULL && ev->nargs == 3 && cdc_redis_word(ev->after, 0, "SWAPDB")) {
        rc = sink_redis_follow_swap(sr, ch.argv, err);
    }
    sink_redis_change_fini(&ch);
    return rc;
}

cdc_rc sink_redis_command(sink_redis_handle *sr, const cdc_event *ev, cdc_error *err)
{
    const cdc_redis_command *cmd = cdc_redis_command_find(ev->after[0].p, ev->after[0].len);
    char text[512];
    int32_t database = 0;
    cdc_rc rc = sink_redis_database(sr, ev->redis_db, &database, err);
    if (rc == CDC_OK && sink_redis_is_kept(sr, ev, database)) {
        sr->skipped++;
        return CDC_OK;
    }
    sr->commands++;
    if (rc == CDC_OK && cdc_redis_word(ev->after, 0, "FLUSHALL")) {
        rc = sink_redis_flush_all(sr, ev, err);
    } else if (rc == CDC_OK && cdc_redis_word(ev->after, 0, "FLUSHDB")) {
        rc = sink_redis_flush_database(sr, ev, database, err);
    } else if (rc == CDC_OK) {
        rc = sink_redis_changed(sr, ev, database, cmd, err);
    }
    if (rc == CDC_FATAL) {
        sink_redis_describe(ev->after, ev->nargs, ev->key_arg, text, sizeof text);
        return cdc_error_context(err, "command %s", text);
    }
    return rc;
}

#include "route.h"

#include <stdlib.h>
#include <string.h>

bool sink_redis_route_parts(const cdc_value *argv, uint32_t argc, uint32_t *head, uint32_t *group)
{
    static const struct {
        const char *name;
        uint32_t head, group;
    } parts[] = {{"RPUSH", 2, 1}, {"LPUSH", 2, 1}, {"SADD", 2, 1},  {"SREM", 2, 1},  {"HDEL", 2, 1},
                 {"ZREM", 2, 1},  {"XDEL", 2, 1},  {"HSET", 2, 2},  {"HMSET", 2, 2}, {"ZADD", 2, 2},
                 {"MSET", 1, 2},  {"DEL", 1, 1},   {"UNLINK", 1, 1}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (cdc_redis_word(argv, 0, parts[i].name)) {
            *head = parts[i].head;
            *group = parts[i].group;
            /* ZADD may have NX, GT... before its scores */
            bool option = parts[i].name[0] == 'Z' && argc > 2 && argv[2].len > 0 &&
                          argv[2].p[0] >= 'A' && argv[2].p[0] != 'I' && argv[2].p[0] != 'i';
            return !option && (argc - *head) % *group == 0;
        }
    }
    return false;
}

static cdc_rc cross_slot(const cdc_value *argv, uint32_t argc, uint32_t a, uint32_t b,
                         cdc_error *err)
{
    char first[SINK_REDIS_DESCRIPTION_MAX];
    char other[SINK_REDIS_DESCRIPTION_MAX];
    const cdc_value pair[2] = {{.kind = CDC_BYTES, .p = "and", .len = 3}, argv[b]};
    sink_redis_describe(argv, argc, (int32_t)a, first, sizeof first);
    sink_redis_describe(pair, 2, 1, other, sizeof other);
    return cdc_error_set(err, CDC_FATAL, "cross_slot",
                         "command %s and %s: the keys are in different slots of the cluster, and "
                         "the command cannot be split: name the keys with a common {hash tag}, or "
                         "take a standalone target",
                         first, other + strlen("and, "));
}

/* A part for each slot, in the order of their first keys. */
static cdc_rc route_split(const cdc_redis_command *cmd, const sink_redis_words *words,
                          const uint32_t *slots, uint32_t n, const sink_redis_taker *taker,
                          cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    bool *wanted = calloc(n, 2 * sizeof *wanted);
    cdc_value *argv = malloc(words->argc * sizeof *argv);
    if (wanted == NULL || argv == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a command");
        goto out;
    }
    bool *done = wanted + n;
    for (uint32_t i = 0; i < n && rc == CDC_OK; i++) {
        char count[CDC_REDIS_COUNT_MAX];
        if (done[i]) {
            continue;
        }
        for (uint32_t k = 0; k < n; k++) {
            wanted[k] = slots[k] == slots[i];
            done[k] = done[k] || wanted[k];
        }
        sink_redis_words part = {.argv = argv, .key = words->key};
        part.argc = cdc_redis_subset(cmd, words->argv, words->argc, wanted, argv, count);
        rc = taker->take(taker->arg, slots[i], &part, err);
    }

out:
    free(wanted);
    free(argv);
    return rc;
}

static cdc_rc route_unknown(const sink_redis_words *words, const sink_redis_taker *taker,
                            cdc_error *err)
{
    char text[SINK_REDIS_DESCRIPTION_MAX];
    if (words->key >= 0 && (uint32_t)words->key < words->argc) {
        const cdc_value *key = &words->argv[words->key];
        return taker->take(taker->arg, cdc_redis_slot(key->p, key->len), words, err);
    }
    sink_redis_describe(words->argv, words->argc, -1, text, sizeof text);
    return cdc_error_set(err, CDC_FATAL, "no_slot",
                         "command %s: it is not known which keys it has, and to which node of "
                         "the cluster it belongs: take a standalone target",
                         text);
}

cdc_rc sink_redis_route(const cdc_redis_command *cmd, const sink_redis_words *words,
                        const sink_redis_taker *taker, cdc_error *err)
{
    cdc_redis_keys keys = {.count = 0};
    bool known = cmd != NULL && cdc_redis_keys_of(cmd, words->argv, words->argc, &keys);
    if (!known || keys.count == 0) {
        return route_unknown(words, taker, err);
    }
    uint32_t few[16];
    uint32_t *slots = keys.count <= 16 ? few : malloc(keys.count * sizeof *slots);
    if (slots == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a command");
    }
    uint32_t other = 0; /* a key in another slot than the first */
    bool written;
    for (uint32_t i = 0; i < keys.count; i++) {
        const cdc_value *at = &words->argv[cdc_redis_key_at(&keys, i, &written)];
        slots[i] = cdc_redis_slot(at->p, at->len);
        other = other == 0 && slots[i] != slots[0] ? i : other;
    }
    cdc_rc rc;
    if (other == 0) {
        rc = taker->take(taker->arg, slots[0], words, err);
    } else if ((cdc_redis_command_flags(cmd) & CDC_REDIS_SPLIT) != 0) {
        rc = route_split(cmd, words, slots, keys.count, taker, err);
    } else {
        rc = cross_slot(words->argv, words->argc, cdc_redis_key_at(&keys, 0, &written),
                        cdc_redis_key_at(&keys, other, &written), err);
    }
    if (slots != few) {
        free(slots);
    }
    return rc;
}

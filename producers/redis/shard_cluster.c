/* What the stream of a cluster's master has besides: keys that come from another one, and commands
 * that are of one master only. */
#include "core/log.h"
#include "schema/redis/command.h"
#include "shard_state.h"

/* --- keys that are moved to this master --- */

/* RESTORE-ASKING KEY TTL VALUE [REPLACE] ... becomes RESTORE ... REPLACE: what a target has under
 * the key is what the former master had, or older. */
static cdc_rc import_key(src_redis_shard *shard, src_redis_resp_command *cmd, cdc_error *err)
{
    const cdc_value word = {.kind = CDC_BYTES, .p = "REPLACE", .len = 7};
    bool replace = false;
    for (uint32_t i = 4; i < cmd->argc; i++) {
        replace = replace || cdc_redis_word(cmd->argv, i, "REPLACE");
    }
    cdc_buffer_reset(&shard->values);
    cdc_buffer_add(&shard->values, cmd->argv, cmd->argc * sizeof *cmd->argv);
    if (!replace) {
        cdc_buffer_add(&shard->values, &word, sizeof word);
    }
    if (shard->values.failed) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a moved key");
    }
    cmd->argv = (cdc_value *)(void *)shard->values.data;
    cmd->argc += replace ? 0 : 1;
    cmd->argv[0].p = "RESTORE";
    cmd->argv[0].len = 7;
    shard->importing = true;
    return CDC_OK;
}

/* Valkey tells its replicas where slots go (SETSLOT): masters are asked that. */
static cdc_rc of_slots(const src_redis_resp_command *cmd, cdc_error *err)
{
    if (cmd->argc > 1 && src_redis_resp_is(&cmd->argv[1], "SETSLOT")) {
        return CDC_SKIP;
    }
    return cdc_error_set(err, CDC_FATAL, "redis_slots_atomic",
                         "slots are moved as a whole (CLUSTER MIGRATESLOTS or MIGRATION), whose "
                         "keys do not come as commands of one master after the other: start the "
                         "task under a new name when they have moved, and move slots by redis-cli "
                         "--cluster reshard while it runs");
}

cdc_rc src_redis_shard_look(src_redis_shard *shard, src_redis_resp_command *cmd, cdc_error *err)
{
    const cdc_value *name = &cmd->argv[0];
    shard->importing = false;
    if (name->len == 14 && src_redis_resp_is(name, "RESTORE-ASKING")) {
        return import_key(shard, cmd, err);
    }
    bool slots = (name->len == 7 && src_redis_resp_is(name, "CLUSTER")) ||
                 (name->len == 9 && src_redis_resp_is(name, "TRIMSLOTS"));
    return slots ? of_slots(cmd, err) : CDC_OK;
}

/* --- the order between the masters --- */

static cdc_rc cross(src_redis_shard *shard, const char *what, cdc_error *err)
{
    shard->start.moves->crossed = true;
    return cdc_error_set(err, CDC_RETRY, "redis_slots_crossed", "%s: %s", shard->place.server,
                         what);
}

cdc_rc src_redis_shard_admit(src_redis_shard *shard, const src_redis_selected *taken,
                             cdc_error *err)
{
    src_redis_moves *moves = shard->start.moves;
    if (taken->key_arg < 0) {
        return CDC_OK;
    }
    const cdc_value *key = &taken->argv[taken->key_arg];
    uint32_t slot = cdc_redis_slot(key->p, key->len);
    bool foreign = moves->home[slot] != shard->start.number;
    src_redis_wait *w = &moves->waits[shard->start.number];
    if (!foreign && !shard->importing) {
        return CDC_OK;
    }
    if (shard->offset >= (foreign ? shard->covered : shard->covered_all)) {
        if (src_redis_shard_in_block(shard)) {
            return cdc_error_set(err, CDC_FATAL, "redis_block_slots",
                                 "%.*s: a script or function has written keys of several slots in "
                                 "one go while one of these moves: start the task under a new name",
                                 (int)taken->argv[0].len, taken->argv[0].p);
        }
        w->on = true;
        w->file = w->asked = false;
        w->all = !foreign;
        return CDC_AGAIN;
    }
    if (foreign && (w->slots[slot] & SRC_REDIS_MAY) == 0) {
        return cross(shard,
                     "a slot came to it and left it again before the capture had read what its "
                     "keys went through",
                     err);
    }
    moves->shared[slot] = moves->shared[slot] || foreign;
    return CDC_OK;
}

/* --- commands of one master only --- */

static bool any_shared(const src_redis_moves *moves)
{
    bool any = false;
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        any = any || moves->shared[slot];
    }
    return any;
}

/* What the target has besides is of other masters: what this one had is dropped by two markers. */
static cdc_rc flush(src_redis_shard *shard, src_redis_emitter *to, const char *name, cdc_error *err)
{
    bool some = shard->numbered && strcmp(name, "FLUSHALL") != 0;
    if (shard->in_block || some) {
        return cdc_error_set(
            err, CDC_FATAL, "redis_flush",
            "%s of one master of a cluster, %s, cannot be carried to a target that "
            "has the others' keys too: leave it out by source.flush skip",
            name, some ? "which has numbered databases" : "inside of a MULTI");
    }
    if (any_shared(shard->start.moves)) {
        return cross(shard, "its keys were flushed while one of its slots moved", err);
    }
    cdc_rc rc = src_redis_shard_mark(shard, to, CDC_FULLSYNC_BEGIN, err);
    return rc == CDC_OK ? src_redis_shard_mark(shard, to, CDC_FULLSYNC_END, err) : rc;
}

cdc_rc src_redis_shard_whole(src_redis_shard *shard, src_redis_emitter *to,
                             const src_redis_selected *taken, cdc_error *err)
{
    if (taken->command == NULL ||
        (cdc_redis_command_flags(taken->command) & CDC_REDIS_WHOLE) == 0) {
        return CDC_OK;
    }
    const char *name = cdc_redis_command_name(taken->command);
    if (strncmp(name, "FLUSH", 5) != 0) {
        return shard->start.number == 0 ? CDC_OK : CDC_SKIP;
    }
    cdc_rc rc = flush(shard, to, name, err);
    return rc == CDC_OK ? CDC_SKIP : rc;
}

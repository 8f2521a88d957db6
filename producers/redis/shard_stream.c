/* The stream's commands as events. */
#include "core/clock.h"
#include "schema/redis/command.h"
#include "shard_state.h"

/* --- the newest command of a block --- */

void src_redis_held_fini(src_redis_held *held)
{
    cdc_buffer_fini(&held->argv);
    cdc_buffer_fini(&held->bytes);
}

cdc_rc src_redis_shard_hold(src_redis_shard *shard, src_redis_emitter *to, cdc_error *err)
{
    src_redis_held *held = &shard->held;
    if (held->full || shard->block_events == 0) {
        return CDC_OK;
    }
    const cdc_event *ev = &to->batch->events[to->batch->nevents - 1];
    cdc_buffer_reset(&held->argv);
    cdc_buffer_reset(&held->bytes);
    for (uint32_t i = 0; i < ev->nargs; i++) {
        cdc_buffer_add(&held->bytes, ev->after[i].p, ev->after[i].len);
    }
    cdc_buffer_add(&held->argv, ev->after, ev->nargs * sizeof(cdc_value));
    if (held->bytes.failed || held->argv.failed) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a command of a block");
    }
    cdc_value *argv = (cdc_value *)(void *)held->argv.data;
    size_t at = 0;
    for (uint32_t i = 0; i < ev->nargs; i++) {
        argv[i].p = held->bytes.data + at;
        at += argv[i].len;
    }
    held->command = (src_redis_emitted){.argv = argv,
                                        .argc = ev->nargs,
                                        .key_arg = ev->key_arg,
                                        .db = ev->redis_db,
                                        .expire_at_ms = ev->expire_at_ms,
                                        .phase = CDC_PHASE_INCR,
                                        .replid = shard->place.replid,
                                        .begin = shard->block_begin,
                                        .end = ev->pos,
                                        .shard = ev->shard,
                                        .tx_seq = ev->tx_seq,
                                        .now_ms = ev->source_ms};
    held->full = true;
    to->batch->nevents--;
    return CDC_OK;
}

static cdc_rc release(src_redis_shard *shard, src_redis_emitter *to, bool last, cdc_error *err)
{
    if (!shard->held.full) {
        return CDC_OK;
    }
    shard->held.full = false;
    shard->held.command.last = last;
    return src_redis_emit(to, &shard->held.command, err);
}

/* --- what is no event --- */

static cdc_rc select_db(src_redis_shard *shard, const src_redis_resp_command *cmd, cdc_error *err)
{
    int64_t db = -1;
    if (cmd->argc != 2 || !cdc_redis_number(&cmd->argv[1], &db) || db >= CDC_DATABASES_MAX) {
        return cdc_error_set(err, CDC_FATAL, "database_number",
                             "SELECT %.20s in the stream: sluice takes databases 0 to %d",
                             cmd->argc > 1 && cmd->argv[1].len < 20 ? "of a number" : "",
                             CDC_DATABASES_MAX - 1);
    }
    shard->db = (int32_t)db;
    return CDC_OK;
}

static cdc_rc begin_block(src_redis_shard *shard, cdc_error *err)
{
    if (shard->in_block) {
        return cdc_error_set(err, CDC_FATAL, "redis_stream_malformed", "MULTI inside of a MULTI");
    }
    shard->in_block = true;
    shard->block_begin = shard->offset;
    shard->block_events = 0;
    return CDC_OK;
}

/* The newest event of the block is its last. */
static cdc_rc end_block(src_redis_shard *shard, src_redis_emitter *to, cdc_error *err)
{
    if (!shard->in_block) {
        return cdc_error_set(err, CDC_FATAL, "redis_stream_malformed", "EXEC without a MULTI");
    }
    shard->in_block = false;
    if (shard->held.full) {
        return release(shard, to, true, err);
    }
    if (shard->block_events > 0) {
        to->batch->events[to->batch->nevents - 1].last = true;
    }
    return CDC_OK;
}

/* SKIP: it is an event. */
static cdc_rc follow(src_redis_shard *shard, src_redis_emitter *to,
                     const src_redis_resp_command *cmd, cdc_error *err)
{
    const cdc_value *name = &cmd->argv[0];
    switch (name->len) {
    case 4:
        if (src_redis_resp_is(name, "EXEC")) {
            return end_block(shard, to, err);
        }
        return src_redis_resp_is(name, "PING") ? CDC_OK : CDC_SKIP;
    case 5:
        return src_redis_resp_is(name, "MULTI") ? begin_block(shard, err) : CDC_SKIP;
    case 6:
        return src_redis_resp_is(name, "SELECT") ? select_db(shard, cmd, err) : CDC_SKIP;
    case 8:
        if (!src_redis_resp_is(name, "REPLCONF")) {
            return CDC_SKIP;
        }
        if (cmd->argc > 1 && src_redis_resp_is(&cmd->argv[1], "GETACK")) {
            src_redis_link_progress(shard->link, shard->offset + cmd->bytes, true);
        }
        return CDC_OK;
    default:
        return CDC_SKIP;
    }
}

/* --- events --- */

/* Our own key, with the time at which it was written. */
static bool is_heartbeat(src_redis_shard *shard, const src_redis_resp_command *cmd)
{
    const char *key = shard->heartbeat;
    if (key[0] == '\0' || cmd->argc < 3 || cmd->argv[1].len != strlen(key) ||
        memcmp(cmd->argv[1].p, key, cmd->argv[1].len) != 0) {
        return false;
    }
    int64_t written_ms = 0;
    if (src_redis_resp_is(&cmd->argv[0], "SET") && cdc_redis_number(&cmd->argv[2], &written_ms)) {
        int64_t lag = shard->now_ms - written_ms;
        cdc_metric_set(shard->lag, lag > 0 ? lag : 0);
    }
    return true;
}

static cdc_rc spread(const src_redis_selected *taken, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "redis_block_slots",
                         "%.*s: a script or function has written keys of several slots in one go, "
                         "and they belong to different partitions: start the task under a new name "
                         "with topics.partitions 1",
                         (int)taken->argv[0].len, taken->argv[0].p);
}

static cdc_rc emit_taken(src_redis_shard *shard, src_redis_emitter *to, src_redis_selected *taken,
                         size_t bytes, cdc_error *err)
{
    cdc_rc rc = release(shard, to, false, err);
    if (rc == CDC_OK) {
        rc = src_redis_expiry_absolute(&shard->expiry, shard->now_ms, taken, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    uint32_t part = src_redis_shard_part(shard, taken->argv, taken->key_arg);
    if (shard->in_block) {
        bool first = shard->block_events == 0;
        shard->block_part = first ? part : shard->block_part;
        if (part != shard->block_part && taken->key_arg >= 0) {
            return spread(taken, err);
        }
        part = shard->block_part;
    }
    src_redis_emitted out = {.argv = taken->argv,
                             .argc = taken->argc,
                             .key_arg = taken->key_arg,
                             .db = taken->db,
                             .expire_at_ms = taken->expire_at_ms,
                             .phase = CDC_PHASE_INCR,
                             .replid = shard->place.replid,
                             .begin = shard->in_block ? shard->block_begin : shard->offset,
                             .end = shard->offset + bytes,
                             .shard = part,
                             .tx_seq = shard->in_block ? ++shard->block_events : 0,
                             .last = !shard->in_block,
                             .now_ms = shard->now_ms};
    return src_redis_emit(to, &out, err);
}

static cdc_rc emit_selected(src_redis_shard *shard, src_redis_emitter *to,
                            src_redis_selected *taken, size_t bytes, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    if (src_redis_shard_is_of_cluster(shard)) {
        rc = src_redis_shard_whole(shard, to, taken, err);
        if (rc == CDC_OK) {
            rc = src_redis_shard_admit(shard, taken, err);
        }
    }
    if (rc == CDC_OK) {
        rc = emit_taken(shard, to, taken, bytes, err);
    }
    return rc == CDC_SKIP ? CDC_OK : rc;
}

static cdc_rc emit(src_redis_shard *shard, src_redis_emitter *to, const src_redis_resp_command *cmd,
                   cdc_error *err)
{
    src_redis_selected taken;
    if (is_heartbeat(shard, cmd)) {
        return CDC_OK;
    }
    cdc_rc rc = src_redis_select_command(shard->start.select, shard->db, cmd->argv, cmd->argc, err);
    while (rc == CDC_OK && src_redis_select_next(shard->start.select, &taken)) {
        rc = emit_selected(shard, to, &taken, cmd->bytes, err);
    }
    return rc;
}

/* AGAIN: it waits for other shards, and is the next again. */
static cdc_rc take_command(src_redis_shard *shard, src_redis_emitter *to,
                           src_redis_resp_command *cmd, cdc_error *err)
{
    if (src_redis_shard_is_of_cluster(shard)) {
        cdc_rc rc = src_redis_shard_look(shard, cmd, err);
        if (rc != CDC_OK) {
            return rc == CDC_SKIP ? CDC_OK : rc;
        }
    }
    cdc_rc rc = follow(shard, to, cmd, err);
    if (rc == CDC_SKIP) {
        rc = emit(shard, to, cmd, err);
    }
    if (rc == CDC_AGAIN) {
        src_redis_resp_unread(&shard->resp, cmd);
    }
    return rc;
}

static void moved(src_redis_shard *shard)
{
    if (!shard->in_block) {
        shard->place.offset = shard->offset;
        shard->place.db = shard->db;
    }
}

static cdc_rc where(const src_redis_shard *shard, cdc_error *err)
{
    return cdc_error_context(err, "%s at %s:%llu", shard->place.server, shard->place.replid,
                             (unsigned long long)shard->offset);
}

cdc_rc src_redis_shard_take_stream(src_redis_shard *shard, src_redis_emitter *to,
                                   const src_redis_limits *limits, cdc_error *err)
{
    src_redis_resp_command cmd;
    cdc_rc rc = CDC_OK;
    while (!src_redis_shard_is_full(to, limits)) {
        rc = src_redis_resp_next(&shard->resp, &cmd, err);
        if (rc != CDC_OK) {
            break;
        }
        rc = take_command(shard, to, &cmd, err);
        if (rc != CDC_OK) {
            break;
        }
        shard->offset += cmd.bytes;
        moved(shard);
    }
    if (rc == CDC_FATAL) {
        return where(shard, err);
    }
    return rc;
}

#include "fleet.h"

#include <stdlib.h>

#include "fleet_state.h"
#include "schema/redis/reserved.h"

/* --- life --- */

void src_redis_fleet_dismiss(src_redis_fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->n; i++) {
        src_redis_shard_close(fleet->members[i].shard);
        free(fleet->moves.waits[i].need);
        free(fleet->moves.waits[i].slots);
        free(fleet->members[i].hosts);
    }
    free(fleet->members);
    free(fleet->moves.waits);
    free(fleet->places);
    free(fleet->told);
    fleet->members = NULL;
    fleet->moves.waits = NULL;
    fleet->places = fleet->told = NULL;
    fleet->n = fleet->next = 0;
}

void src_redis_fleet_close(src_redis_fleet *fleet)
{
    if (fleet == NULL) {
        return;
    }
    src_redis_fleet_dismiss(fleet);
    src_redis_topology_fini(&fleet->topo);
    free(fleet->given);
    free(fleet->hosts);
    free(fleet);
}

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the source");
}

static cdc_rc make(src_redis_fleet **out, const cdc_env *env, src_redis_select *select,
                   cdc_error *err)
{
    size_t n = cdc_config_count(env->task->cfg, "source.hosts");
    src_redis_fleet *fleet = calloc(1, sizeof *fleet);
    *out = fleet;
    if (fleet == NULL) {
        return no_memory(err);
    }
    fleet->env = env;
    fleet->select = select;
    fleet->hosts = calloc(n > 0 ? n : 1, sizeof *fleet->hosts);
    fleet->given = calloc(SRC_REDIS_SHARDS_MAX, sizeof *fleet->given);
    if (fleet->hosts == NULL || fleet->given == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        fleet->hosts[i] = cdc_config_item(env->task->cfg, "source.hosts", i);
    }
    fleet->nhosts = (uint32_t)n;
    return CDC_OK;
}

cdc_rc src_redis_fleet_enlist(src_redis_fleet *fleet, uint32_t n, cdc_error *err)
{
    fleet->members = calloc(n, sizeof *fleet->members);
    fleet->moves.waits = calloc(n, sizeof *fleet->moves.waits);
    fleet->places = calloc(n, sizeof *fleet->places);
    fleet->told = calloc(n, sizeof *fleet->told);
    if (fleet->members == NULL || fleet->moves.waits == NULL || fleet->places == NULL ||
        fleet->told == NULL) {
        return no_memory(err);
    }
    fleet->n = n;
    for (uint32_t i = 0; i < n; i++) {
        src_redis_wait *w = &fleet->moves.waits[i];
        w->need = calloc(n, sizeof *w->need);
        w->slots = calloc(CDC_REDIS_SLOTS, sizeof *w->slots);
        if (w->need == NULL || w->slots == NULL) {
            return no_memory(err);
        }
    }
    return CDC_OK;
}

bool src_redis_fleet_passes_over(const src_redis_fleet *fleet, const src_redis_place *place)
{
    const cdc_task *task = fleet->env->task;
    const char *start = cdc_config_str(task->cfg, "source.start");
    bool now = start != NULL ? strcmp(start, "now") == 0 : !task->phase_full;
    return now && !fleet->again && (place == NULL || !place->stream);
}

static cdc_rc open_server(src_redis_fleet *fleet, cdc_error *err)
{
    cdc_rc rc = src_redis_fleet_enlist(fleet, 1, err);
    if (rc != CDC_OK) {
        return rc;
    }
    char heartbeat[SRC_REDIS_HEARTBEAT_BYTES];
    snprintf(heartbeat, sizeof heartbeat, CDC_REDIS_HEARTBEAT_PREFIX "%s", fleet->env->task->name);
    const src_redis_place *place = fleet->ngiven > 0 ? &fleet->given[0] : NULL;
    src_redis_shard_start start = {.env = fleet->env,
                                   .select = fleet->select,
                                   .hosts = fleet->hosts,
                                   .nhosts = fleet->nhosts,
                                   .nfull = fleet->nhosts,
                                   .heartbeat = heartbeat,
                                   .place = place,
                                   .may_copy = fleet->env->task->phase_full,
                                   .pass_over = src_redis_fleet_passes_over(fleet, place)};
    return src_redis_shard_open(&fleet->members[0].shard, &start, err);
}

/* Of the first server that answers. */
static cdc_rc ask_mode(const src_redis_fleet *fleet, cdc_redis_mode *mode, cdc_error *err)
{
    cdc_redis_server info;
    cdc_rc rc = CDC_RETRY;
    for (uint32_t i = 0; i < fleet->nhosts && rc == CDC_RETRY; i++) {
        cdc_error_clear(err);
        rc = src_redis_topology_ask(fleet->env, fleet->hosts[i], &info, err);
    }
    *mode = rc == CDC_OK ? info.mode : CDC_REDIS_STANDALONE;
    return rc;
}

cdc_rc src_redis_fleet_open(src_redis_fleet **out, const cdc_env *env, src_redis_select *select,
                            const char *token, size_t len, cdc_error *err)
{
    src_redis_fleet *fleet = NULL;
    cdc_redis_mode mode = CDC_REDIS_STANDALONE;
    *out = NULL;
    cdc_rc rc = make(&fleet, env, select, err);
    if (rc == CDC_OK && token != NULL) {
        rc = src_redis_token_parse(token, len, fleet->given, SRC_REDIS_SHARDS_MAX, &fleet->ngiven,
                                   fleet->given_home, err);
    }
    if (rc == CDC_OK) {
        rc = ask_mode(fleet, &mode, err);
    }
    if (rc == CDC_OK) {
        fleet->is_cluster = mode == CDC_REDIS_CLUSTER;
        rc = fleet->is_cluster ? src_redis_fleet_open_cluster(fleet, err) : open_server(fleet, err);
    }
    if (rc != CDC_OK) {
        src_redis_fleet_close(fleet);
        return rc;
    }
    *out = fleet;
    return CDC_OK;
}

/* --- filling --- */

/* In turns, without waiting. One whose block is open goes on alone: its events come in one run. */
static cdc_rc fill_round(src_redis_fleet *fleet, src_redis_emitter *to,
                         const src_redis_limits *limits, cdc_error *err)
{
    cdc_rc any = CDC_AGAIN;
    for (uint32_t k = 0; k < fleet->n; k++) {
        uint32_t i = fleet->next;
        src_redis_shard *shard = fleet->members[i].shard;
        cdc_rc rc = src_redis_fleet_let_go(fleet, i, err);
        if (rc == CDC_OK) {
            rc = src_redis_shard_fill(shard, to, limits, 0, err);
        }
        if (rc != CDC_OK && rc != CDC_AGAIN) {
            return rc;
        }
        any = rc == CDC_OK ? CDC_OK : any;
        if (src_redis_shard_in_block(shard)) {
            return any;
        }
        fleet->next = (i + 1) % fleet->n;
        if (to->batch->nevents >= limits->rows || to->batch->arena.used_bytes >= limits->bytes) {
            break;
        }
    }
    return any;
}

static void wait_for_bytes(const src_redis_fleet *fleet, int timeout_ms)
{
    const cdc_net *nets[SRC_REDIS_SHARDS_MAX];
    for (uint32_t i = 0; i < fleet->n; i++) {
        nets[i] = fleet->moves.waits[i].on ? NULL : src_redis_shard_net(fleet->members[i].shard);
    }
    cdc_net_wait_any(nets, fleet->n, timeout_ms);
}

static cdc_rc fill_cluster(src_redis_fleet *fleet, src_redis_emitter *to,
                           const src_redis_limits *limits, int timeout_ms, cdc_error *err)
{
    cdc_rc rc = src_redis_fleet_watch(fleet, err);
    if (rc == CDC_OK) {
        rc = fill_round(fleet, to, limits, err);
    }
    if (rc == CDC_AGAIN) {
        wait_for_bytes(fleet, timeout_ms);
        rc = fill_round(fleet, to, limits, err);
    }
    return rc == CDC_RETRY && fleet->moves.crossed ? src_redis_fleet_copy_anew(fleet, err) : rc;
}

cdc_rc src_redis_fleet_fill(src_redis_fleet *fleet, src_redis_emitter *to,
                            const src_redis_limits *limits, int timeout_ms, cdc_error *err)
{
    return fleet->is_cluster
               ? fill_cluster(fleet, to, limits, timeout_ms, err)
               : src_redis_shard_fill(fleet->members[0].shard, to, limits, timeout_ms, err);
}

bool src_redis_fleet_is_copying(const src_redis_fleet *fleet)
{
    bool copying = false;
    for (uint32_t i = 0; i < fleet->n; i++) {
        copying = copying || src_redis_shard_is_copying(fleet->members[i].shard);
    }
    return copying;
}

bool src_redis_fleet_caught_up(const src_redis_fleet *fleet)
{
    bool up = true;
    for (uint32_t i = 0; i < fleet->n; i++) {
        up = up && src_redis_shard_caught_up(fleet->members[i].shard);
    }
    return up;
}

cdc_rc src_redis_fleet_commit(src_redis_fleet *fleet, src_redis_emitter *to, cdc_error *err)
{
    bool moved = to->batch->nevents > 0 || fleet->moves.changed;
    bool streams = true;
    for (uint32_t i = 0; i < fleet->n; i++) {
        const src_redis_shard *shard = fleet->members[i].shard;
        const src_redis_place *place = src_redis_shard_place(shard);
        if (src_redis_shard_in_block(shard)) {
            return CDC_OK;
        }
        moved = moved || place->stream != fleet->told[i].stream ||
                place->offset != fleet->told[i].offset ||
                strcmp(place->replid, fleet->told[i].replid) != 0;
        streams = streams && place->stream;
        fleet->places[i] = *place;
    }
    if (!moved) {
        return CDC_OK;
    }
    memcpy(fleet->told, fleet->places, fleet->n * sizeof *fleet->told);
    fleet->moves.changed = false;
    return src_redis_emit_commit(to, fleet->places, fleet->n,
                                 fleet->is_cluster ? &fleet->moves : NULL,
                                 streams ? CDC_PHASE_INCR : CDC_PHASE_SNAPSHOT, err);
}

/* Shards of a cluster that wait for each other while slots move. */
#include "core/clock.h"
#include "core/log.h"
#include "fleet_state.h"

enum { WATCH_MS = 2000, PATIENCE_MS = 3000 };

static const char *server_of(const src_redis_fleet *fleet, uint32_t i)
{
    return src_redis_shard_place(fleet->members[i].shard)->server;
}

/* --- asking --- */

/* Only a master tells when a key that it has sent is deleted there. One that has given its last
 * slot away becomes a replica of another: its stream is over when all of it was read. AGAIN: not
 * yet. */
static cdc_rc ask(const src_redis_fleet *fleet, uint32_t i, src_redis_view *view, cdc_error *err)
{
    const src_redis_shard *shard = fleet->members[i].shard;
    cdc_rc rc = src_redis_view_ask(view, &fleet->topo, fleet->env, server_of(fleet, i), err);
    if (rc != CDC_OK || !view->after.is_replica) {
        return rc;
    }
    view->before.offset = view->after.offset = 0;
    return src_redis_shard_has_ended(shard) ? CDC_OK : CDC_AGAIN;
}

static cdc_rc is_replica(const src_redis_fleet *fleet, uint32_t i, cdc_error *err)
{
    return cdc_error_set(err, CDC_RETRY, "redis_no_master",
                         "%s: slots move, and it is a replica: its master is looked for again",
                         server_of(fleet, i));
}

/* Not for ever: it may have been read as a replica all the time. */
static cdc_rc ask_later(const src_redis_fleet *fleet, src_redis_wait *w, uint32_t i, cdc_error *err)
{
    int64_t now_ms = cdc_clock_mono_ms();
    w->since_ms = w->since_ms == 0 ? now_ms : w->since_ms;
    return now_ms - w->since_ms < PATIENCE_MS ? CDC_AGAIN : is_replica(fleet, i, err);
}

/* Of slots that have come to shard i, or are coming. */
static void need_only_homes(const src_redis_fleet *fleet, uint32_t i)
{
    const src_redis_moves *moves = &fleet->moves;
    for (uint32_t k = 0; k < fleet->n; k++) {
        const src_redis_wait *of = &moves->waits[k];
        bool needed = false;
        for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS && !needed && k != i; slot++) {
            bool comes =
                (moves->waits[i].slots[slot] & SRC_REDIS_MAY) != 0 && moves->home[slot] != i;
            bool passed = of->settling && (of->slots[slot] & SRC_REDIS_MAY) != 0;
            needed = comes && (moves->home[slot] == k || passed);
        }
        moves->waits[i].need[k] = needed ? moves->waits[i].need[k] : 0;
    }
}

/* A master that has sent a key away answers us only when it has deleted it: so what the others have
 * for a key that has come stands before the offsets that they tell now. What the shard itself had
 * before they were asked is covered by that. */
static cdc_rc ask_all(src_redis_fleet *fleet, uint32_t i, cdc_error *err)
{
    src_redis_wait *w = &fleet->moves.waits[i];
    src_redis_view view;
    uint32_t asked = i;
    cdc_rc rc = ask(fleet, i, &view, err);
    w->cover = (uint64_t)view.before.offset;
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        bool has = view.owner[slot] == i;
        w->slots[slot] = (uint8_t)((has || view.importing[slot] ? SRC_REDIS_MAY : 0U) |
                                   (has ? SRC_REDIS_SETTLES : 0U));
    }
    for (uint32_t k = 0; rc == CDC_OK && k < fleet->n; k++) {
        if (k == i) {
            continue;
        }
        asked = k;
        rc = ask(fleet, k, &view, err);
        w->need[k] = (uint64_t)view.after.offset;
        for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
            if (view.owner[slot] == k) {
                w->slots[slot] &= (uint8_t)~SRC_REDIS_SETTLES;
            }
        }
    }
    if (rc == CDC_AGAIN) {
        return ask_later(fleet, w, asked, err);
    }
    if (!w->all) {
        need_only_homes(fleet, i);
    }
    w->asked = rc == CDC_OK;
    w->since_ms = 0;
    return rc;
}

cdc_rc src_redis_fleet_hold_files(src_redis_fleet *fleet, cdc_error *err)
{
    for (uint32_t k = 0; k < fleet->n; k++) {
        src_redis_view view;
        bool streams = !src_redis_shard_is_copying(fleet->members[k].shard);
        cdc_rc rc = ask(fleet, k, &view, err);
        if (rc != CDC_OK) {
            return rc == CDC_AGAIN ? is_replica(fleet, k, err) : rc;
        }
        for (uint32_t i = 0; i < fleet->n; i++) {
            src_redis_wait *w = &fleet->moves.waits[i];
            w->need[k] = streams && k != i ? (uint64_t)view.after.offset : 0;
            w->on = w->file = w->asked = src_redis_shard_is_copying(fleet->members[i].shard);
        }
    }
    return CDC_OK;
}

/* --- waiting --- */

static bool waits_for(const src_redis_fleet *fleet, uint32_t i, uint32_t k)
{
    const src_redis_wait *w = &fleet->moves.waits[i];
    const src_redis_shard *shard = fleet->members[k].shard;
    return k != i && w->on && w->asked && w->need[k] > 0 &&
           (src_redis_shard_is_copying(shard) || src_redis_shard_offset(shard) < w->need[k]);
}

/* Does `from`, or one that it waits for, wait for `to`? */
static bool leads_to(src_redis_fleet *fleet, uint32_t from, uint32_t to)
{
    bool leads = false;
    fleet->members[from].visited = true;
    for (uint32_t k = 0; k < fleet->n && !leads; k++) {
        leads = waits_for(fleet, from, k) &&
                (k == to || (!fleet->members[k].visited && leads_to(fleet, k, to)));
    }
    return leads;
}

static cdc_rc cross(src_redis_fleet *fleet, uint32_t i, uint32_t k, cdc_error *err)
{
    fleet->moves.crossed = true;
    return cdc_error_set(err, CDC_RETRY, "redis_slots_crossed",
                         "slots have moved from %s to %s and others, or the same, the other way, "
                         "before the capture had read what their keys went through",
                         server_of(fleet, i), server_of(fleet, k));
}

/* All commands of other shards for these slots have been given. */
static void settle(src_redis_fleet *fleet, uint32_t i)
{
    src_redis_moves *moves = &fleet->moves;
    src_redis_wait *w = &moves->waits[i];
    uint32_t came = 0;
    w->settling = false;
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        if ((w->slots[slot] & SRC_REDIS_SETTLES) != 0 && moves->home[slot] != i) {
            moves->home[slot] = (uint16_t)i;
            moves->shared[slot] = false;
            came++;
        }
    }
    if (came == 0) {
        return;
    }
    moves->changed = true;
    CDC_LOG(CDC_LOG_INFO, "slots_moved", CDC_STR("to", server_of(fleet, i)),
            CDC_NUM("slots", came));
    for (uint32_t k = 0; k < fleet->n; k++) {
        char key[SRC_REDIS_HEARTBEAT_BYTES];
        src_redis_fleet_name_heartbeat(fleet, k, key);
        src_redis_shard_heartbeat(fleet->members[k].shard, key);
    }
}

cdc_rc src_redis_fleet_let_go(src_redis_fleet *fleet, uint32_t i, cdc_error *err)
{
    src_redis_wait *w = &fleet->moves.waits[i];
    src_redis_shard *shard = fleet->members[i].shard;
    if (w->settling && src_redis_shard_offset(shard) >= w->cover) {
        settle(fleet, i);
        w->on = w->on && w->file; /* it may not have to wait any more */
    }
    if (!w->on) {
        return CDC_OK;
    }
    cdc_rc rc = w->asked ? CDC_OK : ask_all(fleet, i, err);
    for (uint32_t k = 0; rc == CDC_OK && k < fleet->n; k++) {
        if (!waits_for(fleet, i, k)) {
            continue;
        }
        for (uint32_t m = 0; m < fleet->n; m++) {
            fleet->members[m].visited = false;
        }
        rc = leads_to(fleet, k, i) ? cross(fleet, i, k, err) : CDC_AGAIN;
    }
    if (rc == CDC_OK && !w->file) {
        src_redis_shard_cover(shard, w->cover, w->all);
        w->settling = true;
    }
    w->on = rc != CDC_OK;
    return rc;
}

/* --- looking at the cluster --- */

/* A slot can move without a key, and a key can come to the new master much later. */
static void follow_slots(src_redis_fleet *fleet, const src_redis_topology *now)
{
    const src_redis_moves *moves = &fleet->moves;
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        uint16_t at = now->cluster.owner[slot];
        uint16_t i = at == CDC_REDIS_NO_MASTER
                         ? at
                         : src_redis_topology_member(&fleet->topo, now->cluster.masters[at].id);
        if (i == CDC_REDIS_NO_MASTER || i == moves->home[slot]) {
            continue;
        }
        const src_redis_shard *shard = fleet->members[i].shard;
        src_redis_wait *w = &moves->waits[i];
        if (!w->on && !w->settling && !src_redis_shard_is_copying(shard) &&
            !src_redis_shard_in_block(shard)) {
            w->on = true;
            w->file = w->asked = w->all = false;
        }
    }
}

cdc_rc src_redis_fleet_watch(src_redis_fleet *fleet, cdc_error *err)
{
    if (cdc_clock_mono_ms() < fleet->watch_ms) {
        return CDC_OK;
    }
    src_redis_topology now = {.text = NULL};
    cdc_error ignored;
    cdc_error_clear(&ignored);
    cdc_rc rc =
        src_redis_topology_load(&now, fleet->env, fleet->topo.nodes, fleet->topo.nnodes, &ignored);
    const char *added = NULL;
    for (uint32_t i = 0; rc == CDC_OK && i < now.cluster.nmasters; i++) {
        const char *id = now.cluster.masters[i].id;
        added = src_redis_topology_member(&fleet->topo, id) == CDC_REDIS_NO_MASTER ? now.nodes[i]
                                                                                   : added;
    }
    if (added != NULL) {
        rc = cdc_error_set(err, CDC_RETRY, "redis_new_master",
                           "%s: the cluster has another master: it is read from now on", added);
    } else {
        if (rc == CDC_OK) {
            follow_slots(fleet, &now);
        }
        rc = CDC_OK; /* else whoever cannot be reached is seen by its own shard */
    }
    src_redis_topology_fini(&now);
    fleet->watch_ms = cdc_clock_mono_ms() + WATCH_MS;
    return rc;
}

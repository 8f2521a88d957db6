/* The masters of a cluster: which of them goes on where, and which is copied. */
#include <stdlib.h>

#include "core/log.h"
#include "fleet_state.h"
#include "history.h"
#include "schema/redis/reserved.h"

void src_redis_fleet_name_heartbeat(const src_redis_fleet *fleet, uint32_t i,
                                    char key[SRC_REDIS_HEARTBEAT_BYTES])
{
    char tag[CDC_REDIS_TAG_MAX];
    uint32_t slot = 0;
    while (slot < CDC_REDIS_SLOTS && fleet->moves.home[slot] != i) {
        slot++;
    }
    key[0] = '\0';
    if (slot < CDC_REDIS_SLOTS) {
        cdc_redis_slot_tag(slot, tag);
        snprintf(key, SRC_REDIS_HEARTBEAT_BYTES, CDC_REDIS_HEARTBEAT_PREFIX "%s:{%s}",
                 fleet->env->task->name, tag);
    }
}

/* --- the places of the token --- */

/* Whose history a place is of, first by its own name, then by that of its former master. Each place
 * is one master's. */
static void match(const src_redis_fleet *fleet, const cdc_redis_server *infos, bool own_name,
                  uint16_t *member_of)
{
    for (uint32_t p = 0; p < fleet->ngiven; p++) {
        const src_redis_place *place = &fleet->given[p];
        for (uint32_t i = 0; i < fleet->n && member_of[p] == CDC_REDIS_NO_MASTER; i++) {
            bool fits = own_name ? strcmp(infos[i].replid, place->replid) == 0
                                 : src_redis_history_fit(&infos[i], place) != SRC_REDIS_OTHER;
            if (place->stream && fits && fleet->members[i].place == NULL) {
                fleet->members[i].place = place;
                member_of[p] = (uint16_t)i;
            }
        }
    }
}

/* Its copy takes the place's: the one that has exactly the slots that this place had, and no
 * history that was read. */
static uint16_t successor(const src_redis_fleet *fleet, uint16_t p)
{
    uint16_t heir = CDC_REDIS_NO_MASTER;
    const uint16_t *owner = fleet->topo.cluster.owner;
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS && heir == CDC_REDIS_NO_MASTER; slot++) {
        heir = fleet->given_home[slot] == p ? owner[slot] : heir;
    }
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        if ((fleet->given_home[slot] == p) != (owner[slot] == heir)) {
            return CDC_REDIS_NO_MASTER;
        }
    }
    return fleet->members[heir].place == NULL ? heir : CDC_REDIS_NO_MASTER;
}

/* Where each slot was at home, by today's masters. False: the keys of some slots cannot be gone on
 * with: their master's history is gone, and nobody has just its slots. */
static bool bring_home(src_redis_fleet *fleet, uint16_t *member_of)
{
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        uint16_t p = fleet->given_home[slot];
        if (p == CDC_REDIS_NO_MASTER) {
            return false;
        }
        if (member_of[p] == CDC_REDIS_NO_MASTER) {
            member_of[p] = successor(fleet, p);
            if (member_of[p] == CDC_REDIS_NO_MASTER) {
                return false;
            }
            fleet->members[member_of[p]].place = &fleet->given[p];
        }
        fleet->moves.home[slot] = member_of[p];
    }
    for (uint32_t i = 0; i < fleet->n; i++) {
        fleet->members[i].joins = fleet->members[i].place == NULL;
    }
    return true;
}

/* *known: everything can be gone on with, or copied by itself. */
static cdc_rc recognize(src_redis_fleet *fleet, bool *known, cdc_error *err)
{
    cdc_redis_server *infos = calloc(fleet->n, sizeof *infos);
    uint16_t *member_of = calloc(fleet->ngiven, sizeof *member_of);
    cdc_rc rc = infos != NULL && member_of != NULL
                    ? CDC_OK
                    : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the masters");
    for (uint32_t i = 0; rc == CDC_OK && i < fleet->n; i++) {
        rc = src_redis_topology_ask(fleet->env, fleet->topo.nodes[i], &infos[i], err);
    }
    for (uint32_t p = 0; rc == CDC_OK && p < fleet->ngiven; p++) {
        member_of[p] = CDC_REDIS_NO_MASTER;
    }
    if (rc == CDC_OK) {
        match(fleet, infos, true, member_of);
        match(fleet, infos, false, member_of);
        *known = bring_home(fleet, member_of);
    }
    free(infos);
    free(member_of);
    return rc;
}

/* --- opening --- */

static cdc_rc open_member(src_redis_fleet *fleet, uint32_t i, cdc_error *err)
{
    const src_redis_topology *topo = &fleet->topo;
    src_redis_member *member = &fleet->members[i];
    char heartbeat[SRC_REDIS_HEARTBEAT_BYTES];
    member->hosts = calloc(topo->nnodes + 1, sizeof *member->hosts);
    if (member->hosts == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the cluster's nodes");
    }
    member->hosts[0] = topo->nodes[i];
    memcpy(member->hosts + 1, topo->nodes, topo->nnodes * sizeof *member->hosts);
    src_redis_fleet_name_heartbeat(fleet, i, heartbeat);
    src_redis_shard_start start = {.env = fleet->env,
                                   .select = fleet->select,
                                   .number = i,
                                   .hosts = member->hosts,
                                   .nhosts = topo->nnodes + 1,
                                   .nfull = 1,
                                   .moves = &fleet->moves,
                                   .heartbeat = heartbeat,
                                   .place = member->place,
                                   .may_copy = fleet->env->task->phase_full || member->joins,
                                   .joins = member->joins,
                                   .pass_over = !member->joins &&
                                                src_redis_fleet_passes_over(fleet, member->place)};
    return src_redis_shard_open(&member->shard, &start, err);
}

/* A copy clears the slots of its master and brings what the master has: these must be its slots
 * before and behind the moment that the copy tells of. *known false: they are others than those
 * that the token says. */
static cdc_rc check_copies(src_redis_fleet *fleet, bool *known, cdc_error *err)
{
    for (uint32_t i = 0; i < fleet->n; i++) {
        const src_redis_member *member = &fleet->members[i];
        if (!src_redis_shard_is_copying(member->shard) || member->joins) {
            continue;
        }
        src_redis_view view;
        cdc_rc rc = src_redis_view_ask(&view, &fleet->topo, fleet->env, fleet->topo.nodes[i], err);
        if (rc != CDC_OK) {
            return rc;
        }
        bool still = !view.moving;
        for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
            bool is_home = fleet->moves.home[slot] == i;
            still = still && is_home == (view.owner[slot] == i);
            *known = *known && is_home == (fleet->topo.cluster.owner[slot] == i);
        }
        if (*known && !still) {
            return cdc_error_set(err, CDC_RETRY, "redis_slots_moving",
                                 "%s: its slots are on their way to or from another master: its "
                                 "full copy begins when they have come",
                                 fleet->topo.nodes[i]);
        }
    }
    return CDC_OK;
}

static cdc_rc open_once(src_redis_fleet *fleet, bool anew, bool *known, cdc_error *err)
{
    cdc_rc rc = src_redis_fleet_enlist(fleet, fleet->topo.cluster.nmasters, err);
    *known = true;
    if (rc == CDC_OK && !anew) {
        rc = recognize(fleet, known, err);
    } else {
        memcpy(fleet->moves.home, fleet->topo.cluster.owner, sizeof fleet->moves.home);
    }
    for (uint32_t i = 0; rc == CDC_OK && *known && i < fleet->n; i++) {
        rc = open_member(fleet, i, err);
    }
    if (rc == CDC_OK && *known) {
        rc = check_copies(fleet, known, err);
    }
    return rc == CDC_OK && *known && src_redis_fleet_is_copying(fleet)
               ? src_redis_fleet_hold_files(fleet, err)
               : rc;
}

static cdc_rc load(src_redis_fleet *fleet, cdc_error *err)
{
    src_redis_moves *moves = &fleet->moves;
    src_redis_fleet_dismiss(fleet);
    moves->parts = (uint32_t)cdc_config_int(fleet->env->task->cfg, "topics.partitions");
    moves->crossed = false;
    moves->changed = true;
    memset(moves->shared, 0, sizeof moves->shared);
    return src_redis_topology_load(&fleet->topo, fleet->env, fleet->hosts, fleet->nhosts, err);
}

cdc_rc src_redis_fleet_copy_anew(src_redis_fleet *fleet, cdc_error *err)
{
    bool known = false;
    if (!fleet->env->task->phase_full) {
        return cdc_error_refuse(err, "redis_slots_crossed",
                                "%.300s; the capture cannot go on from there, and phases has no "
                                "full: start the task under a new name with phases [full, "
                                "incremental]",
                                err->text);
    }
    cdc_metric_add(cdc_metrics_number(fleet->env->metrics, CDC_COUNTER, "sluice_full_resyncs_total",
                                      "",
                                      "Times that the source could not go on and everything "
                                      "was copied again"),
                   1);
    CDC_LOG(CDC_LOG_WARN, "full_resync", CDC_STR("server", "all masters of the cluster"),
            CDC_STR("reason", err->text));
    cdc_error_clear(err);
    fleet->again = true;
    cdc_rc rc = load(fleet, err);
    return rc == CDC_OK ? open_once(fleet, true, &known, err) : rc;
}

cdc_rc src_redis_fleet_open_cluster(src_redis_fleet *fleet, cdc_error *err)
{
    bool known = true;
    cdc_rc rc = load(fleet, err);
    if (rc == CDC_OK) {
        rc = open_once(fleet, fleet->ngiven == 0, &known, err);
    }
    if (rc == CDC_OK && !known) {
        cdc_error_set(err, CDC_RETRY, "redis_slots_crossed",
                      "a master of the cluster at %s has no history any more that was captured, "
                      "and slots have moved since",
                      fleet->hosts[0]);
        rc = src_redis_fleet_copy_anew(fleet, err);
    }
    return rc;
}

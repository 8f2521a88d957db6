#include "precheck.h"

#include <stdlib.h>

#include "data_check.h"
#include "map_check.h"
#include "schema/redis/cluster.h"
#include "schema/redis/inspect.h"
#include "server_checks.h"

enum { INFO_BYTES = 4 * 1024 * 1024 };

typedef struct precheck {
    const cdc_env *env;
    cdc_checklist *list;
    cdc_redis_login login;
    bool reached, has_master;
    cdc_redis_cluster cluster; /* of the first node, if it is one */
} precheck;

/* The rights, on a connection of their own: it ends inside of a MULTI. */
static cdc_rc check_rights(precheck *pc, const sink_redis_inspection *in, cdc_error *err)
{
    char host[CDC_NET_HOST_MAX];
    unsigned port = 0;
    cdc_redis *spare = NULL;
    if (!cdc_net_split(in->where, CDC_REDIS_PORT, host, sizeof host, &port)) {
        return CDC_OK; /* it is where we are connected */
    }
    cdc_rc rc = cdc_redis_open(&spare, host, port, &pc->login, err);
    if (rc == CDC_OK) {
        rc = sink_redis_check_rights(in, spare, err);
    }
    cdc_redis_close(spare);
    return rc;
}

/* One server; share: of the source's data that comes to it, 0 for none. SKIP: nothing can be asked.
 */
static cdc_rc check_server(precheck *pc, cdc_redis *rd, double share, cdc_redis_mode *mode,
                           cdc_error *err)
{
    cdc_buffer info;
    cdc_buffer_init(&info, INFO_BYTES);
    sink_redis_inspection in = {
        .env = pc->env, .list = pc->list, .rd = rd, .where = cdc_redis_where(rd), .info = &info};
    cdc_rc rc = sink_redis_inspect(&in, err);
    *mode = in.sv.mode;
    pc->has_master = pc->has_master || (rc == CDC_OK && !in.sv.is_replica);
    if (rc == CDC_OK) {
        rc = check_rights(pc, &in, err);
    }
    if (rc == CDC_OK && !in.sv.is_replica && share > 0.0) {
        rc = sink_redis_check_data(&in, share, err);
    }
    cdc_buffer_fini(&info);
    return rc;
}

/* --- a cluster --- */

static cdc_rc check_master(precheck *pc, const cdc_redis_master *master, cdc_error *err)
{
    char name[CDC_NET_HOST_MAX + 16];
    cdc_redis *rd = NULL;
    cdc_redis_mode mode;
    cdc_error why;
    cdc_error_clear(&why);
    snprintf(name, sizeof name, "%s:%u", master->host, master->port);
    if (cdc_redis_open(&rd, master->host, master->port, &pc->login, &why) != CDC_OK) {
        cdc_checklist_error(pc->list, "target_cluster", name, &why);
        return CDC_OK;
    }
    cdc_rc rc = check_server(pc, rd, (double)master->slots / CDC_REDIS_SLOTS, &mode, err);
    cdc_redis_close(rd);
    return rc == CDC_SKIP ? CDC_OK : rc;
}

/* All of its masters, as the node sees them. */
static cdc_rc check_cluster(precheck *pc, cdc_redis *node, cdc_error *err)
{
    const char *where = cdc_redis_where(node);
    cdc_rc rc = cdc_redis_cluster_load(&pc->cluster, node, err);
    if (rc == CDC_FATAL) {
        cdc_checklist_error(pc->list, "target_cluster", where, err);
        cdc_error_clear(err);
        return CDC_OK;
    }
    for (uint32_t i = 0; rc == CDC_OK && i < pc->cluster.nmasters; i++) {
        rc = check_master(pc, &pc->cluster.masters[i], err);
    }
    if (rc == CDC_OK && pc->cluster.assigned < CDC_REDIS_SLOTS) {
        cdc_checklist_add(pc->list, "target_cluster", CDC_CHECK_FAIL, where,
                          "%u of %u slots have a master", pc->cluster.assigned, CDC_REDIS_SLOTS);
        pc->list->items[pc->list->n - 1].passing = true;
        cdc_checklist_cure(pc->list, "redis-cli --cluster fix %s", where);
    } else if (rc == CDC_OK && !cdc_checklist_has(pc->list, "target_cluster")) {
        cdc_checklist_add(pc->list, "target_cluster", CDC_CHECK_PASS, where,
                          "a cluster of %u masters with all slots", pc->cluster.nmasters);
    }
    return rc;
}

/* --- all of target.hosts --- */

/* A standalone server is looked at at once, a node of a cluster with all the others, once. */
static cdc_rc check_host(precheck *pc, cdc_redis *rd, cdc_error *err)
{
    cdc_redis_server sv;
    cdc_redis_mode mode = CDC_REDIS_STANDALONE;
    cdc_rc rc = cdc_redis_inspect(rd, &sv, NULL, err);
    bool is_cluster = rc == CDC_OK && sv.mode == CDC_REDIS_CLUSTER;
    if (rc == CDC_OK && is_cluster) {
        if (!pc->reached) {
            rc = check_cluster(pc, rd, err);
        }
    } else if (rc == CDC_OK || rc == CDC_SKIP) {
        rc = check_server(pc, rd, pc->has_master ? 0.0 : 1.0, &mode, err);
        cdc_redis_check_pass(pc->list, "target_cluster", cdc_redis_where(rd),
                             "it is not of a cluster");
    }
    pc->reached = true;
    return rc == CDC_SKIP ? CDC_OK : rc;
}

/* A replica is none that can be written, but may become one. */
static void allow_replicas(precheck *pc, size_t first)
{
    for (size_t i = first; pc->has_master && i < pc->list->n; i++) {
        cdc_check_item *item = &pc->list->items[i];
        if (item->status == CDC_CHECK_FAIL && strcmp(item->name, "target_read_only") == 0) {
            item->status = CDC_CHECK_WARN;
        }
    }
}

/* Not one can be reached: a FAIL each, and all else stays unknown. */
static cdc_rc check_hosts(precheck *pc, cdc_error *err)
{
    const cdc_config *cfg = pc->env->task->cfg;
    size_t first = pc->list->n;
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < cdc_config_count(cfg, "target.hosts"); i++) {
        cdc_redis *rd = NULL;
        cdc_error why;
        cdc_error_clear(&why);
        if (cdc_redis_open_host(&rd, cfg, "target", i, &why) != CDC_OK) {
            cdc_checklist_error(pc->list, "target_connect", cdc_config_item(cfg, "target.hosts", i),
                                &why);
            continue;
        }
        rc = check_host(pc, rd, err);
        cdc_redis_close(rd);
    }
    if (pc->reached) {
        cdc_redis_check_others(pc->list, first, "target");
    }
    allow_replicas(pc, first);
    return rc;
}

cdc_rc sink_redis_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err)
{
    precheck *pc = calloc(1, sizeof *pc);
    if (pc == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the checks");
    }
    pc->env = env;
    pc->list = list;
    cdc_redis_login_read(&pc->login, env->task->cfg, "target");
    cdc_key_map map;
    cdc_rc rc = cdc_key_map_init(&map, env->task->cfg, err);
    if (rc == CDC_OK) {
        sink_redis_check_map(env, &map, list);
        rc = check_hosts(pc, err);
    }
    cdc_key_map_fini(&map);
    cdc_redis_cluster_fini(&pc->cluster);
    free(pc);
    return rc;
}

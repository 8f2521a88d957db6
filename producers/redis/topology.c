#include "topology.h"

#include <stdlib.h>

#include "open.h"

void src_redis_topology_fini(src_redis_topology *topo)
{
    cdc_redis_cluster_fini(&topo->cluster);
    free(topo->text);
    free(topo->nodes);
    *topo = (src_redis_topology){.text = NULL};
}

uint16_t src_redis_topology_member(const src_redis_topology *topo, const char *id)
{
    for (uint32_t i = 0; i < topo->cluster.nmasters; i++) {
        if (strcmp(topo->cluster.masters[i].id, id) == 0) {
            return (uint16_t)i;
        }
    }
    return CDC_REDIS_NO_MASTER;
}

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the cluster's nodes");
}

/* A line "ID HOST:PORT@BUS[,NAME] FLAGS ..." of CLUSTER NODES, taken apart in place. */
typedef struct node_line {
    const char *id;
    const char *address; /* "" if nobody knows it */
    const char *flags;
} node_line;

static bool read_line(char *line, node_line *node)
{
    char *at = strchr(line, ' ');
    char *flags = at != NULL ? strchr(at + 1, ' ') : NULL;
    char *end = flags != NULL ? strchr(flags + 1, ' ') : NULL;
    if (end == NULL) {
        return false;
    }
    *at = *flags = *end = '\0';
    *node = (node_line){line, at + 1, flags + 1};
    at[1 + strcspn(at + 1, "@,")] = '\0';
    bool gone = strstr(node->flags, "noaddr") != NULL || strstr(node->flags, "handshake") != NULL ||
                strstr(node->flags, "fail") != NULL;
    return !gone || strstr(node->flags, "fail?") != NULL;
}

/* A master that CLUSTER SLOTS did not name. */
static cdc_rc add_empty(src_redis_topology *topo, const node_line *node, cdc_error *err)
{
    cdc_redis_cluster *cluster = &topo->cluster;
    if (src_redis_topology_member(topo, node->id) != CDC_REDIS_NO_MASTER ||
        cluster->nmasters == CDC_REDIS_MASTERS_MAX) {
        return CDC_OK;
    }
    cdc_redis_master *masters =
        realloc(cluster->masters, (cluster->nmasters + 1) * sizeof *masters);
    if (masters == NULL) {
        return no_memory(err);
    }
    cluster->masters = masters;
    cdc_redis_master *master = &masters[cluster->nmasters];
    *master = (cdc_redis_master){.slots = 0};
    snprintf(master->id, sizeof master->id, "%s", node->id);
    if (cdc_net_split(node->address, CDC_REDIS_PORT, master->host, sizeof master->host,
                      &master->port)) {
        cluster->nmasters++;
    }
    return CDC_OK;
}

/* Adds the masters without slots that CLUSTER NODES tells, whose answer it takes apart in place,
 * and gives the replicas' addresses, which point into it; room for one of each line. */
static cdc_rc read_nodes(src_redis_topology *topo, char *text, const char **replicas, uint32_t *n,
                         cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (char *line = text, *next = NULL; rc == CDC_OK && line != NULL; line = next) {
        node_line node;
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (!read_line(line, &node) || node.address[0] == ':' || node.address[0] == '\0') {
            continue;
        }
        if (strstr(node.flags, "master") != NULL) {
            rc = add_empty(topo, &node, err);
        } else {
            replicas[(*n)++] = node.address;
        }
    }
    return rc;
}

static cdc_rc print_nodes(src_redis_topology *topo, const char *const *replicas, uint32_t n,
                          cdc_error *err)
{
    enum { ROOM = CDC_NET_HOST_MAX + 16 };
    const cdc_redis_cluster *cluster = &topo->cluster;
    uint32_t all = cluster->nmasters + n;
    topo->text = calloc(all + 1, ROOM);
    topo->nodes = calloc(all + 1, sizeof *topo->nodes);
    if (topo->text == NULL || topo->nodes == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < all; i++) {
        char *to = topo->text + (size_t)i * ROOM;
        if (i < cluster->nmasters) {
            const cdc_redis_master *master = &cluster->masters[i];
            bool v6 = strchr(master->host, ':') != NULL;
            snprintf(to, ROOM, v6 ? "[%s]:%u" : "%s:%u", master->host, master->port);
        } else {
            snprintf(to, ROOM, "%s", replicas[i - cluster->nmasters]);
        }
        topo->nodes[topo->nnodes++] = to;
    }
    return CDC_OK;
}

static cdc_rc list_nodes(src_redis_topology *topo, char *text, cdc_error *err)
{
    size_t lines = 1;
    for (const char *p = text; *p != '\0'; p++) {
        lines += *p == '\n' ? 1 : 0;
    }
    uint32_t n = 0;
    const char **replicas = calloc(lines, sizeof *replicas);
    cdc_rc rc = replicas != NULL ? read_nodes(topo, text, replicas, &n, err) : no_memory(err);
    if (rc == CDC_OK) {
        rc = print_nodes(topo, replicas, n, err);
    }
    free(replicas);
    return rc;
}

static cdc_rc load(src_redis_topology *topo, cdc_redis *rd, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_rc rc = cdc_redis_cluster_load(&topo->cluster, rd, err);
    if (rc == CDC_OK && topo->cluster.assigned < CDC_REDIS_SLOTS) {
        rc = cdc_error_set(err, CDC_RETRY, "redis_cluster_slots",
                           "%s: %u slots of the cluster have no master: mend it (redis-cli "
                           "--cluster fix)",
                           cdc_redis_where(rd), CDC_REDIS_SLOTS - topo->cluster.assigned);
    }
    if (rc == CDC_OK) {
        rc = cdc_redis_ask(rd, "CLUSTER NODES", &reply, err);
    }
    if (rc == CDC_OK) {
        char none[] = "";
        rc = list_nodes(topo, reply->str != NULL ? reply->str : none, err);
        freeReplyObject(reply);
    }
    return rc;
}

cdc_rc src_redis_topology_load(src_redis_topology *topo, const cdc_env *env,
                               const char *const *hosts, uint32_t nhosts, cdc_error *err)
{
    cdc_rc rc = CDC_RETRY;
    for (uint32_t i = 0; i < nhosts && rc == CDC_RETRY; i++) {
        cdc_redis *rd = NULL;
        cdc_error_clear(err);
        src_redis_topology_fini(topo);
        rc = src_redis_open(&rd, env, hosts[i], err);
        if (rc == CDC_OK) {
            rc = load(topo, rd, err);
        }
        cdc_redis_close(rd);
    }
    return rc;
}

/* --- one server --- */

static cdc_rc ask_info(cdc_redis *rd, const char *words, cdc_redis_server *info, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_rc rc = cdc_redis_ask(rd, words, &reply, err);
    if (rc == CDC_OK) {
        cdc_redis_server_parse(info, reply->str != NULL ? reply->str : "", (size_t)reply->len);
        freeReplyObject(reply);
    }
    return rc;
}

cdc_rc src_redis_topology_ask(const cdc_env *env, const char *host, cdc_redis_server *info,
                              cdc_error *err)
{
    cdc_redis *rd = NULL;
    cdc_rc rc = src_redis_open(&rd, env, host, err);
    if (rc == CDC_OK) {
        rc = ask_info(rd, "INFO", info, err);
    }
    cdc_redis_close(rd);
    return rc;
}

static cdc_rc ask_owners(cdc_redis *rd, src_redis_view *view, const src_redis_topology *topo,
                         cdc_error *err)
{
    cdc_redis_cluster now = {.masters = NULL};
    cdc_rc rc = cdc_redis_cluster_load(&now, rd, err);
    for (uint32_t slot = 0; rc == CDC_OK && slot < CDC_REDIS_SLOTS; slot++) {
        uint16_t i = now.owner[slot];
        view->owner[slot] =
            i == CDC_REDIS_NO_MASTER ? i : src_redis_topology_member(topo, now.masters[i].id);
    }
    cdc_redis_cluster_fini(&now);
    return rc;
}

/* Only the server's own line has slots on their way: "[93-<-ID]" comes, "[77->-ID]" goes. */
static cdc_rc ask_moving(cdc_redis *rd, src_redis_view *view, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_rc rc = cdc_redis_ask(rd, "CLUSTER NODES", &reply, err);
    if (rc != CDC_OK) {
        return rc;
    }
    const char *at = reply->str != NULL ? reply->str : "";
    while ((at = strstr(at, " [")) != NULL) {
        char *end = NULL;
        unsigned long slot = strtoul(at + 2, &end, 10);
        view->moving = true;
        if (slot < CDC_REDIS_SLOTS && strncmp(end, "-<-", 3) == 0) {
            view->importing[slot] = true;
        }
        at += 2;
    }
    freeReplyObject(reply);
    return CDC_OK;
}

cdc_rc src_redis_view_ask(src_redis_view *view, const src_redis_topology *topo, const cdc_env *env,
                          const char *host, cdc_error *err)
{
    cdc_redis *rd = NULL;
    *view = (src_redis_view){.moving = false};
    cdc_rc rc = src_redis_open(&rd, env, host, err);
    if (rc == CDC_OK) {
        rc = ask_info(rd, "INFO replication", &view->before, err);
    }
    if (rc == CDC_OK) {
        rc = ask_moving(rd, view, err); /* first: what is imported no more by then has come */
    }
    if (rc == CDC_OK) {
        rc = ask_owners(rd, view, topo, err);
    }
    if (rc == CDC_OK) {
        rc = ask_info(rd, "INFO replication", &view->after, err);
    }
    cdc_redis_close(rd);
    return rc;
}

#include "cluster.h"

#include <stdlib.h>

void cdc_redis_cluster_fini(cdc_redis_cluster *cluster)
{
    free(cluster->masters);
    cluster->masters = NULL;
    cluster->nmasters = 0;
}

static cdc_rc malformed(const cdc_redis *rd, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "redis_cluster",
                         "%s: its answer to CLUSTER SLOTS cannot be read", cdc_redis_where(rd));
}

/* Index of the master with that id, which is made if it is new; -1: too many, or no memory. */
static int master_of(cdc_redis_cluster *cluster, const cdc_redis_master *wanted)
{
    for (uint32_t i = 0; i < cluster->nmasters; i++) {
        if (strcmp(cluster->masters[i].id, wanted->id) == 0) {
            return (int)i;
        }
    }
    if (cluster->nmasters == CDC_REDIS_MASTERS_MAX) {
        return -1;
    }
    cdc_redis_master *masters =
        realloc(cluster->masters, (cluster->nmasters + 1) * sizeof *masters);
    if (masters == NULL) {
        return -1;
    }
    masters[cluster->nmasters] = *wanted;
    cluster->masters = masters;
    return (int)cluster->nmasters++;
}

/* [host or nil, port, id, ...]; "?" is a host that is not known yet, nil where we asked. */
static bool read_node(const cdc_redis *rd, const redisReply *node, cdc_redis_master *out)
{
    unsigned own_port;
    if (node->type != REDIS_REPLY_ARRAY || node->elements < 3 ||
        node->element[1]->type != REDIS_REPLY_INTEGER ||
        node->element[2]->type != REDIS_REPLY_STRING ||
        (size_t)node->element[2]->len >= sizeof out->id) {
        return false;
    }
    const redisReply *host = node->element[0];
    *out = (cdc_redis_master){.port = (unsigned)node->element[1]->integer};
    snprintf(out->id, sizeof out->id, "%s", node->element[2]->str);
    if (host->type == REDIS_REPLY_STRING && host->len > 0 && strcmp(host->str, "?") != 0) {
        snprintf(out->host, sizeof out->host, "%s", host->str);
        return true;
    }
    return cdc_net_split(cdc_redis_where(rd), CDC_REDIS_PORT, out->host, sizeof out->host,
                         &own_port);
}

/* [first, last, master, replica...] */
static bool read_range(cdc_redis_cluster *cluster, const cdc_redis *rd, const redisReply *range)
{
    cdc_redis_master master;
    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 ||
        range->element[0]->type != REDIS_REPLY_INTEGER ||
        range->element[1]->type != REDIS_REPLY_INTEGER) {
        return false;
    }
    long long first = range->element[0]->integer;
    long long last = range->element[1]->integer;
    if (first < 0 || last < first || last >= CDC_REDIS_SLOTS ||
        !read_node(rd, range->element[2], &master)) {
        return false;
    }
    int i = master_of(cluster, &master);
    for (long long slot = first; i >= 0 && slot <= last; slot++) {
        if (cluster->owner[slot] == CDC_REDIS_NO_MASTER) {
            cluster->owner[slot] = (uint16_t)i;
            cluster->masters[i].slots++;
            cluster->assigned++;
        }
    }
    return i >= 0;
}

/* Masters stand in the order of the answer: sorts them by their first slot. */
static bool sort_masters(cdc_redis_cluster *cluster)
{
    uint16_t place[CDC_REDIS_MASTERS_MAX];
    uint32_t n = 0;
    cdc_redis_master *sorted = calloc(cluster->nmasters + 1, sizeof *sorted);
    if (sorted == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < cluster->nmasters; i++) {
        place[i] = CDC_REDIS_NO_MASTER;
    }
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        uint16_t i = cluster->owner[slot];
        if (i != CDC_REDIS_NO_MASTER) {
            if (place[i] == CDC_REDIS_NO_MASTER) {
                sorted[n] = cluster->masters[i];
                place[i] = (uint16_t)n++;
            }
            cluster->owner[slot] = place[i];
        }
    }
    free(cluster->masters);
    cluster->masters = sorted;
    cluster->nmasters = n;
    return true;
}

cdc_rc cdc_redis_cluster_load(cdc_redis_cluster *cluster, cdc_redis *rd, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_redis_cluster_fini(cluster);
    cluster->assigned = 0;
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        cluster->owner[slot] = CDC_REDIS_NO_MASTER;
    }
    cdc_rc rc = cdc_redis_ask(rd, "CLUSTER SLOTS", &reply, err);
    if (rc != CDC_OK) {
        return rc;
    }
    bool good = reply->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; good && i < reply->elements; i++) {
        good = read_range(cluster, rd, reply->element[i]);
    }
    freeReplyObject(reply);
    return good && sort_masters(cluster) ? CDC_OK : malformed(rd, err);
}

void cdc_redis_cluster_ranges(const cdc_redis_cluster *cluster, uint32_t master, cdc_buffer *out)
{
    const char *comma = "";
    for (uint32_t first = 0; first < CDC_REDIS_SLOTS; first++) {
        uint32_t last = first;
        if (cluster->owner[first] != master) {
            continue;
        }
        while (last + 1 < CDC_REDIS_SLOTS && cluster->owner[last + 1] == master) {
            last++;
        }
        cdc_buffer_addf(out, "%s%u", comma, first);
        if (last > first) {
            cdc_buffer_addf(out, "-%u", last);
        }
        comma = ",";
        first = last;
    }
}

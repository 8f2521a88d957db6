#include "precheck.h"

#include <stdlib.h>

#include "schema/redis/cluster.h"
#include "schema/redis/inspect.h"
#include "server_checks.h"

enum { INFO_BYTES = 4 * 1024 * 1024 };

typedef struct precheck {
    const cdc_env *env;
    cdc_checklist *list;
    bool reached;    /* a server */
    char replid[41]; /* of the first standalone one */
    char first[CDC_NET_HOST_MAX + 16];
    cdc_redis_cluster cluster; /* of the first node, if it is one */
    int64_t bytes[CDC_DATABASES_MAX];
    bool described; /* the catalog has the server's nature */
} precheck;

/* --- the catalog --- */

static void add_module(void *arg, const char *name, size_t n)
{
    cdc_catalog *cat = arg;
    const char **modules =
        cdc_arena_zalloc(&cat->arena, (cat->nmodules + 1) * sizeof *cat->modules);
    const char *copy = cdc_arena_strndup(&cat->arena, name, n);
    if (modules != NULL && copy != NULL) {
        if (cat->nmodules > 0) {
            memcpy(modules, cat->modules, cat->nmodules * sizeof *modules);
        }
        modules[cat->nmodules++] = copy;
        cat->modules = modules;
    }
}

/* A server's nature, and what its databases hold: each key counts alike. */
static void describe(precheck *pc, const cdc_redis *rd, const cdc_redis_server *sv,
                     const cdc_buffer *info)
{
    cdc_catalog *cat = &pc->list->catalog;
    int64_t keys = cdc_redis_server_keys(sv);
    for (int db = 0; keys > 0 && db < CDC_DATABASES_MAX; db++) {
        pc->bytes[db] +=
            (int64_t)((double)sv->dataset_bytes * ((double)sv->keys[db] / (double)keys));
    }
    if (!pc->described) {
        const char *where = cdc_redis_where(rd);
        cat->server = cdc_arena_strndup(&cat->arena, where, strlen(where));
        cat->flavour = cdc_redis_server_flavour(sv);
        cat->version = sv->version;
        cdc_redis_server_modules(info->data, info->len, add_module, cat);
        pc->described = true;
    }
}

/* The databases that have keys, as tables: Kafka's part wants to know how much comes. */
static void describe_databases(precheck *pc)
{
    char number[16];
    cdc_catalog *cat = &pc->list->catalog;
    cat->tables = cdc_arena_zalloc(&cat->arena, CDC_DATABASES_MAX * sizeof *cat->tables);
    for (int db = 0; cat->tables != NULL && db < CDC_DATABASES_MAX; db++) {
        snprintf(number, sizeof number, "%d", db);
        if (pc->bytes[db] > 0 && cdc_selection_database(pc->env->selection, number)) {
            cdc_catalog_table *table = &cat->tables[cat->ntables++];
            table->database = cdc_arena_strndup(&cat->arena, number, strlen(number));
            table->name = "redis";
            table->bytes = pc->bytes[db];
        }
    }
}

/* --- what the task says --- */

/* The numbers that objects.include names. */
static cdc_rc check_databases(precheck *pc, cdc_redis *rd, const cdc_redis_server *sv,
                              cdc_error *err)
{
    static const char item[] = "source_databases";
    const cdc_config *cfg = pc->env->task->cfg;
    bool is_cluster = sv->mode == CDC_REDIS_CLUSTER;
    char value[CDC_REDIS_SETTING_MAX];
    cdc_rc rc = cdc_redis_setting(rd, is_cluster ? "cluster-databases" : "databases", value, err);
    if (rc != CDC_OK) {
        return rc == CDC_SKIP ? CDC_OK : rc; /* source_settings says so */
    }
    long has = value[0] != '\0' ? strtol(value, NULL, 10) : 1;
    for (size_t i = 0; i < cdc_config_count(cfg, "objects.include"); i++) {
        char *end;
        const char *word = cdc_config_item(cfg, "objects.include", i);
        long db = strtol(word, &end, 10);
        if (end != word && *end == '\0' && db >= has) {
            cdc_checklist_add(pc->list, item, CDC_CHECK_FAIL, cdc_redis_where(rd),
                              "it has no database %ld: its databases are 0 to %ld%s", db, has - 1,
                              is_cluster ? " (it is of a cluster)" : "");
            cdc_checklist_cure(pc->list, "take %ld out of objects.include", db);
        }
    }
    if (!cdc_checklist_has(pc->list, item)) {
        cdc_checklist_add(pc->list, item, CDC_CHECK_PASS, cdc_redis_where(rd),
                          "it has %ld databases, and %lld keys", has,
                          (long long)cdc_redis_server_keys(sv));
    }
    return CDC_OK;
}

static void check_flush(precheck *pc)
{
    const char *flush = cdc_config_str(pc->env->task->cfg, "source.flush");
    bool refuse = strcmp(flush, "refuse") == 0;
    bool carry = strcmp(flush, "carry") == 0;
    cdc_checklist_add(
        pc->list, "source_flush", refuse ? CDC_CHECK_PASS : CDC_CHECK_WARN, "source.flush", "%s",
        refuse  ? "FLUSHALL and FLUSHDB at the source stop the task"
        : carry ? "FLUSHALL and FLUSHDB at the source empty the target too"
                : "FLUSHALL and FLUSHDB at the source leave the target as it is, with "
                  "keys that the source no longer has");
    if (!refuse) {
        cdc_checklist_cure(pc->list, "source.flush: refuse; or --ignore source_flush");
    }
}

/* --- servers --- */

/* A server whose connection stands. SKIP: nothing more can be asked of it. */
static cdc_rc check_server(precheck *pc, cdc_redis *rd, cdc_redis_server *sv, cdc_error *err)
{
    cdc_buffer info;
    cdc_buffer_init(&info, INFO_BYTES);
    cdc_redis_check_connection(rd, pc->env->task->cfg, "source", pc->list);
    cdc_rc rc = src_redis_inspect(rd, pc->env, sv, &info, pc->list, err);
    if (rc == CDC_OK) {
        rc = src_redis_inspect_settings(rd, pc->env, sv, pc->list, err);
    }
    if (rc == CDC_OK && !sv->is_replica) {
        describe(pc, rd, sv, &info);
    }
    cdc_buffer_fini(&info);
    return rc;
}

/* The masters of a cluster that are not the node that was asked. */
static cdc_rc check_masters(precheck *pc, const cdc_redis *asked, cdc_error *err)
{
    cdc_redis_login login;
    cdc_rc rc = CDC_OK;
    cdc_redis_login_read(&login, pc->env->task->cfg, "source");
    for (uint32_t i = 0; rc == CDC_OK && i < pc->cluster.nmasters; i++) {
        const cdc_redis_master *master = &pc->cluster.masters[i];
        char name[CDC_NET_HOST_MAX + 16];
        cdc_redis *rd = NULL;
        cdc_redis_server sv;
        cdc_error why;
        cdc_error_clear(&why);
        snprintf(name, sizeof name, "%s:%u", master->host, master->port);
        if (strcmp(name, cdc_redis_where(asked)) == 0) {
            continue;
        }
        if (cdc_redis_open(&rd, master->host, master->port, &login, &why) != CDC_OK) {
            cdc_checklist_error(pc->list, "source_cluster", name, &why);
            continue;
        }
        rc = check_server(pc, rd, &sv, err);
        rc = rc == CDC_SKIP ? CDC_OK : rc;
        cdc_redis_close(rd);
    }
    return rc;
}

static void check_slots(precheck *pc, const char *where)
{
    int64_t partitions = cdc_config_int(pc->env->task->cfg, "topics.partitions");
    const cdc_redis_cluster *cluster = &pc->cluster;
    if (cluster->assigned < CDC_REDIS_SLOTS) {
        cdc_checklist_add(pc->list, "source_cluster", CDC_CHECK_FAIL, where,
                          "%u of %u slots have a master", cluster->assigned, CDC_REDIS_SLOTS);
        pc->list->items[pc->list->n - 1].passing = true;
        cdc_checklist_cure(pc->list, "redis-cli --cluster fix %s", where);
    }
    if (partitions < (int64_t)cluster->nmasters) {
        cdc_checklist_add(pc->list, "source_cluster", CDC_CHECK_WARN, where,
                          "it has %u masters, and topics.partitions is %lld: several masters share "
                          "a partition, and an applier takes them one after another",
                          cluster->nmasters, (long long)partitions);
        cdc_checklist_cure(pc->list, "topics.partitions: %u", cluster->nmasters);
    }
    if (!cdc_checklist_has(pc->list, "source_cluster")) {
        cdc_checklist_add(pc->list, "source_cluster", CDC_CHECK_PASS, where,
                          "a cluster of %u masters with all slots", cluster->nmasters);
    }
}

static void refuse_other(precheck *pc, const char *where, const char *what)
{
    cdc_checklist_add(pc->list, "source_hosts", CDC_CHECK_FAIL, where, "%s %s", what, pc->first);
    cdc_checklist_cure(pc->list, "take %s out of source.hosts", where);
}

static cdc_rc check_node(precheck *pc, cdc_redis *rd, cdc_error *err)
{
    cdc_redis_cluster own = {.masters = NULL};
    bool first = pc->first[0] == '\0';
    cdc_redis_cluster *cluster = first ? &pc->cluster : &own;
    cdc_rc rc = cdc_redis_cluster_load(cluster, rd, err);
    if (rc == CDC_FATAL) {
        cdc_checklist_error(pc->list, "source_cluster", cdc_redis_where(rd), err);
        cdc_error_clear(err);
        return CDC_OK;
    }
    if (rc == CDC_OK && first) {
        snprintf(pc->first, sizeof pc->first, "%s", cdc_redis_where(rd));
        check_slots(pc, pc->first);
        rc = check_masters(pc, rd, err);
    } else if (rc == CDC_OK) {
        bool same = false;
        for (uint32_t i = 0; i < own.nmasters && pc->cluster.nmasters > 0; i++) {
            same = same || strcmp(own.masters[i].id, pc->cluster.masters[0].id) == 0;
        }
        if (!same) {
            refuse_other(pc, cdc_redis_where(rd), "it is not of the cluster of");
        }
    }
    cdc_redis_cluster_fini(&own);
    return rc;
}

/* Two servers that replicate one from the other have the same replid. */
static void check_family(precheck *pc, const cdc_redis *rd, const cdc_redis_server *sv)
{
    if (pc->first[0] == '\0') {
        snprintf(pc->first, sizeof pc->first, "%s", cdc_redis_where(rd));
        snprintf(pc->replid, sizeof pc->replid, "%s", sv->replid);
        cdc_checklist_add(pc->list, "source_cluster", CDC_CHECK_PASS, pc->first,
                          "it is not of a cluster");
    } else if (strcmp(pc->replid, sv->replid) != 0) {
        refuse_other(pc, cdc_redis_where(rd), "it does not have the data of");
    }
}

static cdc_rc check_host(precheck *pc, cdc_redis *rd, cdc_error *err)
{
    cdc_redis_server sv;
    bool first = pc->first[0] == '\0';
    cdc_rc rc = check_server(pc, rd, &sv, err);
    pc->reached = true;
    if (rc == CDC_OK && first) {
        rc = check_databases(pc, rd, &sv, err);
    }
    if (rc == CDC_OK && sv.mode == CDC_REDIS_CLUSTER) {
        rc = check_node(pc, rd, err);
    } else if (rc == CDC_OK) {
        check_family(pc, rd, &sv);
    }
    return rc == CDC_SKIP ? CDC_OK : rc;
}

/* All of source.hosts. Not one can be reached: a FAIL each, and all else stays unknown. */
static cdc_rc check_hosts(precheck *pc, cdc_error *err)
{
    const cdc_config *cfg = pc->env->task->cfg;
    size_t first = pc->list->n;
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < cdc_config_count(cfg, "source.hosts"); i++) {
        cdc_redis *rd = NULL;
        cdc_error why;
        cdc_error_clear(&why);
        if (cdc_redis_open_host(&rd, cfg, "source", i, &why) != CDC_OK) {
            cdc_checklist_error(pc->list, "source_connect", cdc_config_item(cfg, "source.hosts", i),
                                &why);
            continue;
        }
        rc = check_host(pc, rd, err);
        cdc_redis_close(rd);
    }
    if (pc->reached) {
        cdc_redis_check_others(pc->list, first, "source");
    }
    if (pc->first[0] != '\0') {
        cdc_redis_check_pass(pc->list, "source_hosts", pc->first, "all have the same data");
    }
    return rc;
}

cdc_rc src_redis_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err)
{
    precheck *pc = calloc(1, sizeof *pc);
    if (pc == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the checks");
    }
    pc->env = env;
    pc->list = list;
    check_flush(pc);
    cdc_rc rc = check_hosts(pc, err);
    if (rc == CDC_OK) {
        describe_databases(pc);
    }
    cdc_redis_cluster_fini(&pc->cluster);
    free(pc);
    return rc;
}

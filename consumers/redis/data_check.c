#include "data_check.h"

#include <stdlib.h>

#include "core/key_map.h"
#include "schema/redis/inspect.h"
#include "schema/redis/reserved.h"

enum {
    KEY_SHOWN = 64,
    SCAN_KEYS = 5000,
    MB = 1024 * 1024,
};

/* --- databases --- */

/* The databases that the task may write, by their numbers at the target. */
static void targets(const cdc_env *env, bool wanted[CDC_DATABASES_MAX])
{
    char number[16];
    for (int db = 0; db < CDC_DATABASES_MAX; db++) {
        snprintf(number, sizeof number, "%d", db);
        if (cdc_selection_database(env->selection, number)) {
            wanted[env->task->databases[db]] = true;
        }
    }
}

/* How many databases the server has; 0: it does not say. */
static cdc_rc count_databases(const sink_redis_inspection *in, long *n, cdc_error *err)
{
    char value[CDC_REDIS_SETTING_MAX];
    bool is_cluster = in->sv.mode == CDC_REDIS_CLUSTER;
    cdc_rc rc =
        cdc_redis_setting(in->rd, is_cluster ? "cluster-databases" : "databases", value, err);
    *n = rc == CDC_OK && value[0] != '\0' ? strtol(value, NULL, 10) : is_cluster ? 1 : 0;
    return rc == CDC_SKIP ? CDC_OK : rc;
}

static void refuse_database(const sink_redis_inspection *in, long from, long to, long has)
{
    bool is_cluster = in->sv.mode == CDC_REDIS_CLUSTER;
    cdc_checklist_add(in->list, "target_databases", CDC_CHECK_FAIL, in->where,
                      "database %ld of the source goes to %ld, and %s has 0 to %ld only", from, to,
                      is_cluster ? "a cluster" : "the server", has - 1);
    if (is_cluster) {
        cdc_checklist_cure(in->list, "objects.exclude: [\"%ld\"]; a task for each database", from);
    } else {
        cdc_checklist_cure(in->list,
                           "databases %ld in the server's configuration, and a restart; or "
                           "target.databases: {%ld: 0}",
                           to + 1, from);
    }
}

/* Those of target.map. */
static void check_mapped(const sink_redis_inspection *in, const cdc_key_map *map, long has)
{
    for (size_t i = 0; i < map->nrules; i++) {
        long db = map->rules[i].redis_db;
        if (db >= has) {
            cdc_checklist_add(
                in->list, "target_databases", CDC_CHECK_FAIL, in->where,
                "keys of %s go to database %ld, and %s has 0 to %ld only", map->rules[i].table, db,
                in->sv.mode == CDC_REDIS_CLUSTER ? "a cluster" : "the server", has - 1);
            cdc_checklist_cure(in->list, "target.map: {%s: {database: 0}}", map->rules[i].table);
        }
    }
}

/* Those that have keys at the source, and those that the task names. */
static void check_carried(const sink_redis_inspection *in, long has)
{
    const cdc_task *task = in->env->task;
    const cdc_catalog *cat = &in->list->catalog;
    bool named[CDC_DATABASES_MAX] = {false};
    for (size_t i = 0; i < cat->ntables; i++) {
        named[strtoul(cat->tables[i].database, NULL, 10) % CDC_DATABASES_MAX] = true;
    }
    for (size_t i = 0; i < cdc_config_count(task->cfg, "objects.include"); i++) {
        char *end;
        const char *word = cdc_config_item(task->cfg, "objects.include", i);
        unsigned long db = strtoul(word, &end, 10);
        named[db % CDC_DATABASES_MAX] |= end != word && *end == '\0';
    }
    for (long db = 0; db < CDC_DATABASES_MAX; db++) {
        if (named[db] && task->databases[db] >= has) {
            refuse_database(in, db, task->databases[db], has);
        }
    }
}

static cdc_rc check_databases(const sink_redis_inspection *in, cdc_error *err)
{
    cdc_key_map map;
    long has = 0;
    cdc_rc rc = count_databases(in, &has, err);
    if (rc != CDC_OK || has == 0) {
        return rc;
    }
    rc = cdc_key_map_init(&map, in->env->task->cfg, err);
    if (rc == CDC_OK && map.nrules > 0) {
        check_mapped(in, &map, has);
    } else if (rc == CDC_OK) {
        check_carried(in, has);
    }
    cdc_key_map_fini(&map);
    cdc_redis_check_pass(in->list, "target_databases", in->where, "it has the databases");
    return rc;
}

/* --- memory --- */

static void check_memory(const sink_redis_inspection *in, double share, bool begun)
{
    const cdc_redis_server *sv = &in->sv;
    const cdc_catalog *cat = &in->list->catalog;
    int64_t source = 0;
    for (size_t i = 0; i < cat->ntables; i++) {
        source += cat->tables[i].bytes;
    }
    int64_t needed = (int64_t)((double)source * share);
    int64_t max = sv->max_bytes > 0 ? sv->max_bytes : sv->system_bytes;
    int64_t room = max > sv->used_bytes ? max - sv->used_bytes : 0;
    bool copies = in->env->task->phase_full && !begun;
    bool part = cdc_config_count(in->env->task->cfg, "objects.key_prefixes") > 0 ||
                cdc_config_count(in->env->task->cfg, "target.map") > 0;
    cdc_check_status status = !copies || needed <= room    ? CDC_CHECK_PASS
                              : part || needed / 2 <= room ? CDC_CHECK_WARN
                                                           : CDC_CHECK_FAIL;
    cdc_checklist_add(in->list, "target_memory", status, in->where,
                      "%lld bytes are left of %s, the source has %lld%s", (long long)room,
                      sv->max_bytes > 0 ? "maxmemory" : "the host's memory", (long long)needed,
                      begun ? ", and the task has begun before" : "");
    if (status != CDC_CHECK_PASS && sv->max_bytes > 0) {
        int64_t wanted = (sv->used_bytes + needed + needed / 4 + MB) / MB * MB;
        cdc_checklist_cure(in->list, "CONFIG SET maxmemory %lld", (long long)wanted);
    } else if (status != CDC_CHECK_PASS) {
        cdc_checklist_cure(in->list, "a host with more memory");
    }
}

/* --- keys that are there --- */

typedef struct search {
    const cdc_config *cfg;
    char key[4 * KEY_SHOWN + 4]; /* the first that stands in the way, for messages; "" = none */
    bool ours;                   /* looks for one of sluice's own */
} search;

static bool is_selected(const cdc_config *cfg, const char *key, size_t len)
{
    size_t n = cdc_config_count(cfg, "objects.key_prefixes");
    for (size_t i = 0; i < n; i++) {
        const char *prefix = cdc_config_item(cfg, "objects.key_prefixes", i);
        size_t prefix_len = strlen(prefix);
        if (len >= prefix_len && memcmp(key, prefix, prefix_len) == 0) {
            return true;
        }
    }
    return n == 0;
}

static void show_key(search *to, const char *key, size_t len)
{
    size_t used = 0;
    for (size_t i = 0; i < len && i < KEY_SHOWN; i++) {
        unsigned char c = (unsigned char)key[i];
        bool plain = c >= ' ' && c < 0x7f && c != '\\' && c != '"';
        used +=
            (size_t)snprintf(to->key + used, sizeof to->key - used, plain ? "%c" : "\\x%02x", c);
    }
    if (len > KEY_SHOWN) {
        snprintf(to->key + used, sizeof to->key - used, "...");
    }
}

static void look_at(search *to, const redisReply *keys)
{
    for (size_t i = 0; i < keys->elements && to->key[0] == '\0'; i++) {
        const redisReply *key = keys->element[i];
        if (key->type != REDIS_REPLY_STRING) {
            continue;
        }
        bool reserved = cdc_redis_reserved(key->str, (size_t)key->len);
        if (reserved ? to->ours : is_selected(to->cfg, key->str, (size_t)key->len)) {
            show_key(to, key->str, (size_t)key->len);
        }
    }
}

/* Goes through a database until something is found. match: a pattern, NULL: all keys. */
static cdc_rc scan(cdc_redis *rd, int db, const char *match, search *to, cdc_error *err)
{
    char words[192];
    char cursor[32] = "0";
    redisReply *reply = NULL;
    snprintf(words, sizeof words, "SELECT %d", db);
    cdc_rc rc = cdc_redis_ask(rd, words, &reply, err);
    freeReplyObject(reply);
    while (rc == CDC_OK && to->key[0] == '\0') {
        reply = NULL;
        snprintf(words, sizeof words, "SCAN %s COUNT %d%s%s", cursor, SCAN_KEYS,
                 match != NULL ? " MATCH " : "", match != NULL ? match : "");
        rc = cdc_redis_ask(rd, words, &reply, err);
        if (rc == CDC_OK && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
                             reply->element[0]->type != REDIS_REPLY_STRING ||
                             reply->element[1]->type != REDIS_REPLY_ARRAY)) {
            rc = cdc_error_set(err, CDC_FATAL, "redis_answer",
                               "%s: its answer to SCAN cannot be read", cdc_redis_where(rd));
        }
        if (rc == CDC_OK) {
            snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
            look_at(to, reply->element[1]);
        }
        freeReplyObject(reply);
        if (strcmp(cursor, "0") == 0) {
            break;
        }
    }
    return rc;
}

/* Has the task applied something here before? An offset's key ends in a number, the epoch's does
 * not. */
static cdc_rc ask_begun(const sink_redis_inspection *in, bool *begun, cdc_error *err)
{
    char match[128];
    search found = {.cfg = in->env->task->cfg, .ours = true};
    snprintf(match, sizeof match, CDC_REDIS_CHECKPOINT_PREFIX "*}:%s:*[0-9]", in->env->task->name);
    cdc_rc rc = in->sv.keys[0] > 0 ? scan(in->rd, 0, match, &found, err) : CDC_OK;
    *begun = found.key[0] != '\0';
    return rc;
}

/* What takes the keys away, for a shell. In database 0 the appliers have theirs. */
static void cure_keys(const sink_redis_inspection *in, int db)
{
    char host[CDC_NET_HOST_MAX];
    char cli[CDC_NET_HOST_MAX + 64];
    unsigned port = 0;
    const cdc_config *cfg = in->env->task->cfg;
    size_t n = cdc_config_count(cfg, "objects.key_prefixes");
    const char *prefix = n == 1 ? cdc_config_item(cfg, "objects.key_prefixes", 0) : "";
    if (!cdc_net_split(in->where, CDC_REDIS_PORT, host, sizeof host, &port)) {
        snprintf(host, sizeof host, "HOST");
    }
    snprintf(cli, sizeof cli, "redis-cli -h %s -p %u -n %d", host, port, db);
    if (n == 0 && db > 0) {
        cdc_checklist_cure(in->list, "%s FLUSHDB; or target.conflict: keep, overwrite", cli);
    } else if (n > 1 || strpbrk(prefix, "'\\*?[]") != NULL) {
        cdc_checklist_cure(in->list, "take these keys away, or target.conflict: keep, overwrite");
    } else {
        cdc_checklist_cure(
            in->list,
            "%s --scan --pattern '%s*' | grep -Ev '^(sluice:\\{|SLUICE_)' | xargs -d "
            "'\\n' %s UNLINK; or target.conflict: keep, overwrite",
            cli, prefix, cli);
    }
}

static cdc_rc check_keys(const sink_redis_inspection *in, cdc_error *err)
{
    const cdc_config *cfg = in->env->task->cfg;
    bool report = strcmp(cdc_config_str(cfg, "target.conflict"), "report") == 0;
    bool wanted[CDC_DATABASES_MAX] = {false};
    cdc_rc rc = CDC_OK;
    targets(in->env, wanted);
    for (int db = 0; rc == CDC_OK && db < CDC_DATABASES_MAX; db++) {
        search found = {.cfg = cfg};
        if (!wanted[db] || in->sv.keys[db] == 0) {
            continue;
        }
        rc = scan(in->rd, db, NULL, &found, err);
        if (rc == CDC_OK && found.key[0] != '\0') {
            cdc_checklist_add(in->list, "target_data", report ? CDC_CHECK_FAIL : CDC_CHECK_WARN,
                              in->where, "database %d has keys already, one is \"%s\"", db,
                              found.key);
            cure_keys(in, db);
        }
    }
    return rc;
}

cdc_rc sink_redis_check_data(const sink_redis_inspection *in, double share, cdc_error *err)
{
    bool begun = false;
    cdc_rc rc = check_databases(in, err);
    if (rc == CDC_OK) {
        rc = ask_begun(in, &begun, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    check_memory(in, share, begun);
    bool mapped = cdc_config_count(in->env->task->cfg, "target.map") > 0;
    if (!begun && !mapped && in->env->task->phase_full) {
        rc = check_keys(in, err);
    }
    cdc_redis_check_pass(in->list, "target_data", in->where,
                         begun ? "the task has begun before" : "no key stands in the way");
    return rc;
}

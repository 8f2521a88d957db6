#include "server_checks.h"

#include <stdlib.h>

#include "schema/redis/command_table.h"
#include "schema/redis/inspect.h"
#include "schema/redis/reserved.h"
#include "schema/redis/rights.h"

enum {
    OLDEST = 60200,
    COMMON = 70299, /* what Redis and Valkey have in common */
    RULES_BYTES = 16384,
    WORDS_BYTES = 160,
    ARGUMENTS_MAX = 8, /* the most that a command must have */
    SINGLE_MAX = 12,   /* so many commands are named one by one */
};

/* --- its nature --- */

/* How the target's version goes with the source's. */
typedef enum fit { FITS, ANCIENT, OLDER, OTHER_KIND } fit;

static fit fit_of(const cdc_redis_server *sv, const cdc_catalog *cat)
{
    bool from_redis = cat->server != NULL && strcmp(cat->flavour, "Redis") == 0;
    bool from_valkey = cat->server != NULL && strcmp(cat->flavour, "Valkey") == 0;
    if (sv->compatible < OLDEST) {
        return ANCIENT;
    }
    if (!from_redis && !from_valkey) {
        return FITS;
    }
    if (from_valkey == sv->is_valkey) {
        return sv->version / 100 < cat->version / 100 ? OLDER : FITS; /* patches do not count */
    }
    if (from_valkey) {
        return sv->version / 100 < COMMON / 100 ? OLDER : OTHER_KIND;
    }
    return cat->version > COMMON ? OTHER_KIND : FITS;
}

static bool check_version(const sink_redis_inspection *in)
{
    static const char *const words[] = {
        [FITS] = "",
        [ANCIENT] = ", and 6.2 is the oldest that can be written",
        [OLDER] = ", older than the source: it refuses what it does not know",
        [OTHER_KIND] = ", of another kind than the source: it refuses what came after 7.2",
    };
    const cdc_redis_server *sv = &in->sv;
    if (sv->mode == CDC_REDIS_SENTINEL) {
        cdc_checklist_add(in->list, "target_version", CDC_CHECK_FAIL, in->where,
                          "it is a Sentinel, which has no data");
        cdc_checklist_cure(in->list, "name the servers that it watches in target.hosts: SENTINEL "
                                     "MASTERS, SENTINEL REPLICAS tell them");
        return false;
    }
    fit how = fit_of(sv, &in->list->catalog);
    cdc_checklist_add(in->list, "target_version",
                      how == ANCIENT ? CDC_CHECK_FAIL
                      : how == FITS  ? CDC_CHECK_PASS
                                     : CDC_CHECK_WARN,
                      in->where, "it is %s %s%s", cdc_redis_server_flavour(sv), sv->version_text,
                      words[how]);
    if (how != FITS) {
        cdc_checklist_cure(in->list, "take a target of the source's kind and version%s",
                           how == ANCIENT ? ""
                                          : ", or --ignore target_version if its applications use "
                                            "nothing newer");
    }
    return true;
}

static void check_role(const sink_redis_inspection *in)
{
    bool replica = in->sv.is_replica;
    cdc_checklist_add(in->list, "target_read_only", replica ? CDC_CHECK_FAIL : CDC_CHECK_PASS,
                      in->where, "%s%s",
                      replica ? "it takes no writes, it is a replica of " : "it is a master",
                      replica ? in->sv.master : "");
    if (replica) {
        in->list->items[in->list->n - 1].passing = true;
        cdc_checklist_cure(in->list, "REPLICAOF NO ONE; or target.hosts: [%s]", in->sv.master);
    }
}

static void check_eviction(const sink_redis_inspection *in)
{
    const cdc_redis_server *sv = &in->sv;
    bool bad = strcmp(sv->policy, "noeviction") != 0;
    bool cache = cdc_config_count(in->env->task->cfg, "target.map") > 0;
    cdc_checklist_add(in->list, "target_eviction",
                      !bad                          ? CDC_CHECK_PASS
                      : sv->max_bytes > 0 && !cache ? CDC_CHECK_FAIL
                                                    : CDC_CHECK_WARN,
                      in->where, "maxmemory-policy is %s%s", sv->policy,
                      bad ? ": it drops keys when maxmemory is reached" : "");
    if (bad) {
        cdc_checklist_cure(in->list, "CONFIG SET maxmemory-policy noeviction");
    }
}

/* --- modules --- */

typedef struct modules {
    const char *wanted;
    bool found;
} modules;

static void find_module(void *arg, const char *name, size_t n)
{
    modules *m = arg;
    m->found = m->found || (strlen(m->wanted) == n && memcmp(m->wanted, name, n) == 0);
}

static void check_modules(const sink_redis_inspection *in)
{
    const cdc_catalog *cat = &in->list->catalog;
    for (uint32_t i = 0; i < cat->nmodules; i++) {
        modules m = {.wanted = cat->modules[i]};
        cdc_redis_server_modules(in->info->data, in->info->len, find_module, &m);
        if (!m.found) {
            cdc_checklist_add(
                in->list, "target_modules", CDC_CHECK_WARN, in->where,
                "the source has the module %s, which is not here: values of its types "
                "are refused",
                m.wanted);
            cdc_checklist_cure(
                in->list, "MODULE LOAD, or --ignore target_modules if no key has such a value");
        }
    }
    cdc_redis_check_pass(in->list, "target_modules", in->where, "it has the modules of the source");
}

/* --- settings --- */

static cdc_rc check_persistence(const sink_redis_inspection *in, cdc_error *err)
{
    char save[CDC_REDIS_SETTING_MAX];
    cdc_rc rc = cdc_redis_setting(in->rd, "save", save, err);
    if (rc == CDC_SKIP) {
        const char *account = cdc_redis_account(in->env->task->cfg, "target");
        cdc_checklist_add(in->list, "target_settings", CDC_CHECK_WARN, in->where,
                          "the account %s lacks +config|get, so the settings of the server are not "
                          "known",
                          account);
        cdc_checklist_cure(in->list, "ACL SETUSER %s +config|get", account);
        return CDC_OK;
    }
    if (rc != CDC_OK) {
        return rc;
    }
    bool kept = in->sv.has_aof || save[0] != '\0';
    cdc_checklist_add(in->list, "target_settings", CDC_CHECK_PASS, in->where, "they can be read");
    cdc_checklist_add(in->list, "target_persistence", kept ? CDC_CHECK_PASS : CDC_CHECK_WARN,
                      in->where, "%s",
                      in->sv.has_aof ? "appendonly is on"
                      : kept         ? "its data is saved now and then"
                                     : "neither appendonly nor save is on: after a restart it is "
                                       "empty, and the task must begin anew");
    if (!kept) {
        cdc_checklist_cure(in->list, "CONFIG SET appendonly yes");
    }
    return CDC_OK;
}

cdc_rc sink_redis_inspect(sink_redis_inspection *in, cdc_error *err)
{
    const char *account = cdc_redis_account(in->env->task->cfg, "target");
    cdc_redis_check_connection(in->rd, in->env->task->cfg, "target", in->list);
    cdc_rc rc = cdc_redis_inspect(in->rd, &in->sv, in->info, err);
    if (rc == CDC_SKIP) {
        cdc_checklist_add(in->list, "target_privileges", CDC_CHECK_FAIL, in->where,
                          "the account %s lacks +info, so nothing can be asked", account);
        cdc_checklist_cure(in->list, "ACL SETUSER %s +info", account);
        return rc;
    }
    if (rc != CDC_OK) {
        return rc;
    }
    if (!check_version(in)) {
        return CDC_SKIP;
    }
    check_role(in);
    check_eviction(in);
    check_modules(in);
    rc = check_persistence(in, err);
    return rc == CDC_OK ? cdc_redis_check_clock(in->rd, "target", in->list, err) : rc;
}

/* --- rights --- */

/* What the applier uses for itself; what a source sends, of that with subcommands and without keys.
 */
#define KEYS "~sluice:*"
static const cdc_redis_try own[] = {
    {"PING", "+ping", NULL},
    {"TIME", "+time", NULL},
    {"SELECT 0", "+select", NULL},
    {"GET sluice:{0}:", "+get", KEYS},
    {"WATCH sluice:{0}:", "+watch", KEYS},
    {"SCAN 0 COUNT 1", "+scan", NULL},
    {"EXEC", "+exec", NULL},
    {"EVAL return 0", "+eval", NULL}, /* and what its script calls */
    {"ZRANGEBYSCORE sluice:{0}: 0 0", "+zrangebyscore", KEYS},
    {"ZCARD sluice:{0}:", "+zcard", KEYS},
    {"PTTL sluice:{0}:", "+pttl", KEYS},
    {"PFCOUNT sluice:{0}:", "+pfcount", KEYS},
};
static const cdc_redis_try writes[] = {
    {"SCRIPT LOAD x", "+script|load", NULL},
    {"SCRIPT FLUSH", "+script|flush", NULL},
    {"FLUSHALL", "+flushall", NULL},
    {"FLUSHDB", "+flushdb", NULL},
    {"SWAPDB 0 0", "+swapdb", NULL},
    {"FUNCTION LOAD x", "+function|load", NULL},
    {"FUNCTION DELETE x", "+function|delete", NULL},
    {"FUNCTION FLUSH", "+function|flush", NULL},
    {"FUNCTION RESTORE x", "+function|restore", NULL},
    {"XGROUP CREATE sluice:{0}: g 0", "+xgroup|create", NULL},
    {"XGROUP SETID sluice:{0}: g 0", "+xgroup|setid", NULL},
    {"XGROUP DESTROY sluice:{0}: g", "+xgroup|destroy", NULL},
    {"XGROUP CREATECONSUMER sluice:{0}: g c", "+xgroup|createconsumer", NULL},
    {"XGROUP DELCONSUMER sluice:{0}: g c", "+xgroup|delconsumer", NULL},
};
static const cdc_redis_try cluster[] = {
    {"CLUSTER SLOTS", "+cluster|slots", NULL},
    {"CLUSTER NODES", "+cluster|nodes", NULL},
    {"CLUSTER COUNTKEYSINSLOT 0", "+cluster|countkeysinslot", NULL},
    {"CLUSTER GETKEYSINSLOT 0 0", "+cluster|getkeysinslot", NULL},
    {"ASKING", "+asking", NULL},
};
#define EVERY_WRITE " +@write +script|load +script|flush"
/* Of the table, but never in a stream: administration, and what became something else. */
static const char *const elsewhere[] = {"MIGRATE", "PFDEBUG", "RESTORE-ASKING", "TOUCH", "PFCOUNT"};

static bool is_elsewhere(const char *name)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (strcmp(elsewhere[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static size_t count_rules(const cdc_buffer *rules)
{
    size_t n = 0;
    for (size_t i = 0; i < rules->len; i++) {
        n += rules->data[i] == ' ' ? 1 : 0;
    }
    return n;
}

/* A command is tried with every number of arguments that it might need: one of them is right. */
static cdc_rc try_command(cdc_redis *spare, const char *name, cdc_buffer *lacks, cdc_error *err)
{
    char words[ARGUMENTS_MAX][WORDS_BYTES];
    char rule[WORDS_BYTES] = "+";
    cdc_redis_try tries[ARGUMENTS_MAX];
    for (size_t n = 0; n < ARGUMENTS_MAX; n++) {
        size_t used = (size_t)snprintf(words[n], WORDS_BYTES, "%s", name);
        for (size_t i = 0; i <= n; i++) {
            used += (size_t)snprintf(words[n] + used, WORDS_BYTES - used, " sluice:{0}:");
        }
        tries[n] = (cdc_redis_try){words[n], rule, NULL};
    }
    for (size_t i = 0; name[i] != '\0' && i + 2 < sizeof rule; i++) {
        rule[i + 1] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
        rule[i + 2] = '\0';
    }
    return cdc_redis_try_all(spare, tries, ARGUMENTS_MAX, lacks, err);
}

/* From now on commands are only queued. False: it does not say so, and nothing may be tried. */
static cdc_rc begin_block(cdc_redis *spare, bool *begun, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_redis_append_words(spare, "MULTI");
    cdc_rc rc = cdc_redis_flush(spare, err);
    if (rc == CDC_OK) {
        rc = cdc_redis_reply(spare, &reply, err);
    }
    *begun = rc == CDC_OK && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "OK") == 0;
    freeReplyObject(reply);
    return rc;
}

/* Redis 8's vector sets are registered as a module is. */
static bool is_of_module(const char *name)
{
    return name[0] == 'V' || strchr(name, '.') != NULL;
}

/* All that a source may send; those of modules apart. Too many that lack are named by their
 * category. */
static cdc_rc try_writes(cdc_redis *spare, cdc_buffer *lacks, cdc_buffer *of_modules,
                         cdc_error *err)
{
    cdc_buffer single;
    cdc_buffer_init(&single, RULES_BYTES);
    cdc_rc rc = cdc_redis_try_all(spare, writes, sizeof writes / sizeof writes[0], &single, err);
    for (uint32_t i = 0; rc == CDC_OK && i < cdc_redis_table_rows; i++) {
        const char *name = cdc_redis_command_name(&cdc_redis_table[i]);
        if ((cdc_redis_command_flags(&cdc_redis_table[i]) & CDC_REDIS_WRITE) != 0 &&
            !is_elsewhere(name)) {
            rc = try_command(spare, name, is_of_module(name) ? of_modules : &single, err);
        }
    }
    if (count_rules(&single) > SINGLE_MAX) {
        cdc_buffer_add_str(lacks, EVERY_WRITE);
    } else {
        cdc_buffer_add(lacks, single.data, single.len);
    }
    cdc_buffer_fini(&single);
    return rc;
}

/* The keys that the task writes: of each prefix one, or any. */
static cdc_rc try_keys(const sink_redis_inspection *in, cdc_redis *spare, cdc_buffer *lacks,
                       cdc_error *err)
{
    const cdc_config *cfg = in->env->task->cfg;
    size_t n = cdc_config_count(cfg, "objects.key_prefixes");
    bool may = true;
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < n; i++) {
        const char *prefix = cdc_config_item(cfg, "objects.key_prefixes", i);
        rc = cdc_redis_try_key(spare, "DEL", (cdc_redis_arg){prefix, strlen(prefix)}, &may, err);
        if (rc == CDC_OK && !may) {
            bool plain = strpbrk(prefix, " *?[]\\\t\r\n") == NULL;
            cdc_buffer_addf(lacks, plain ? " ~%s*" : " ~*%s", plain ? prefix : "");
        }
    }
    if (n == 0) {
        rc = cdc_redis_try_key(spare, "DEL", CDC_REDIS_ARG("\x01sluice precheck"), &may, err);
        cdc_buffer_add_str(lacks, rc == CDC_OK && !may ? " ~*" : "");
    }
    return rc;
}

static void add_lacks(const sink_redis_inspection *in, cdc_check_status status, cdc_buffer *lacks,
                      const char *what)
{
    const char *account = cdc_redis_account(in->env->task->cfg, "target");
    if (lacks->len > 0) {
        cdc_checklist_add(in->list, "target_privileges", status, in->where,
                          "the account %s lacks%s%s", account, cdc_buffer_cstr(lacks), what);
        cdc_checklist_cure(in->list, "ACL SETUSER %s%s", account, cdc_buffer_cstr(lacks));
    }
}

cdc_rc sink_redis_check_rights(const sink_redis_inspection *in, cdc_redis *spare, cdc_error *err)
{
    bool begun = false;
    cdc_buffer lacks;
    cdc_buffer of_modules;
    cdc_buffer_init(&lacks, RULES_BYTES);
    cdc_buffer_init(&of_modules, RULES_BYTES);
    cdc_rc rc = CDC_OK;
    if (in->sv.mode == CDC_REDIS_CLUSTER) {
        rc = cdc_redis_try_all(spare, cluster, sizeof cluster / sizeof cluster[0], &lacks, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_redis_try_all(spare, own, sizeof own / sizeof own[0], &lacks, err);
    }
    if (rc == CDC_OK) {
        rc = begin_block(spare, &begun, err);
        cdc_buffer_add_str(&lacks, rc == CDC_OK && !begun ? " +multi" EVERY_WRITE " ~*" : "");
    }
    if (rc == CDC_OK && begun) {
        rc = try_writes(spare, &lacks, &of_modules, err);
    }
    if (rc == CDC_OK && begun) {
        rc = try_keys(in, spare, &lacks, err);
    }
    if (rc == CDC_OK) {
        add_lacks(in, CDC_CHECK_FAIL, &lacks,
                  begun ? "" : " (all but the first few cannot be tried without +multi)");
        add_lacks(in, CDC_CHECK_WARN, &of_modules,
                  ": a source that has such values or indexes stops the task");
        cdc_redis_check_pass(in->list, "target_privileges", in->where,
                             "the account has what it needs");
        rc = lacks.len > 0 ? CDC_SKIP : CDC_OK;
    }
    cdc_buffer_fini(&of_modules);
    cdc_buffer_fini(&lacks);
    return rc;
}

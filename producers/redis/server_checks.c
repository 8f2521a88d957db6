#include "server_checks.h"

#include <stdlib.h>

#include "checks.h"
#include "schema/redis/inspect.h"
#include "schema/redis/rights.h"

enum {
    MB = 1024 * 1024,
    OLDEST = 60200,
    NEWEST_REDIS = 80299, /* RDB 12 */
    NEWEST_VALKEY = 90199,
    BACKLOG_MB = 64,
    BACKLOG_S = 600, /* the backlog holds the writes of this time */
    BACKLOG_TTL_S = 86400,
    TIMEOUT_S = 60,
    BUFFER_HARD_MB = 256, /* the server's own defaults */
    BUFFER_SOFT_MB = 64,
    COPY_MB_PER_S = 40, /* how fast a server's data goes to Kafka at least */
    RULES_BYTES = 4096,
};

typedef struct inspection {
    cdc_redis *rd;
    const char *where;
    const cdc_env *env;
    const cdc_redis_server *sv;
    cdc_checklist *list;
} inspection;

/* --- what capture cannot be without --- */

static void check_version(const inspection *in)
{
    const cdc_redis_server *sv = in->sv;
    const char *flavour = cdc_redis_server_flavour(sv);
    if (sv->mode == CDC_REDIS_SENTINEL) {
        cdc_checklist_add(in->list, "source_version", CDC_CHECK_FAIL, in->where,
                          "it is a Sentinel, which has no data");
        cdc_checklist_cure(in->list, "name the servers that it watches in source.hosts: SENTINEL "
                                     "MASTERS, SENTINEL REPLICAS tell them");
        return;
    }
    bool old = sv->compatible < OLDEST;
    bool newer = sv->version > (sv->is_valkey ? NEWEST_VALKEY : NEWEST_REDIS);
    cdc_checklist_add(in->list, "source_version",
                      old     ? CDC_CHECK_FAIL
                      : newer ? CDC_CHECK_WARN
                              : CDC_CHECK_PASS,
                      in->where, "it is %s %s%s", flavour, sv->version_text,
                      old     ? ", and 6.2 is the oldest that can be captured"
                      : newer ? ", later than those that are tested: its full copy may have values "
                                "that stop the task"
                              : "");
    if (old || newer) {
        cdc_checklist_cure(in->list,
                           old ? "a newer server"
                               : "a newer sluice; or try it, and --ignore source_version");
    }
}

static void check_replica(const inspection *in)
{
    const cdc_redis_server *sv = in->sv;
    if (!sv->is_replica) {
        cdc_checklist_add(in->list, "source_replica", CDC_CHECK_PASS, in->where, "it is a master");
        return;
    }
    cdc_checklist_add(in->list, "source_replica", sv->link_up ? CDC_CHECK_WARN : CDC_CHECK_FAIL,
                      in->where,
                      sv->link_up ? "it is a replica of %s: what it has comes later than there, "
                                    "and nothing can be written to it"
                                  : "it is a replica of %s and not connected with it, so it lets "
                                    "nobody replicate",
                      sv->master);
    if (sv->link_up) {
        cdc_checklist_cure(in->list, "source.hosts: [%s]", sv->master);
    } else {
        in->list->items[in->list->n - 1].passing = true;
        cdc_checklist_cure(in->list, "mend its link (masteruser, masterauth), or REPLICAOF NO ONE");
    }
}

/* The rules that the account lacks as one item, or a PASS. */
static void add_rights(const inspection *in, const char *item, cdc_check_status status,
                       const char *what, cdc_buffer *rules)
{
    const char *account = cdc_redis_account(in->env->task->cfg, "source");
    if (rules->len == 0) {
        cdc_checklist_add(in->list, item, CDC_CHECK_PASS, in->where,
                          "the account has what it needs");
        return;
    }
    cdc_checklist_add(in->list, item, status, in->where, "the account %s lacks%s%s", account,
                      cdc_buffer_cstr(rules), what);
    cdc_checklist_cure(in->list, "ACL SETUSER %s%s", account, cdc_buffer_cstr(rules));
}

/* Nothing of this does anything: PSYNC's offset is no number, REPLCONF's option is none. */
static cdc_rc check_privileges(const inspection *in, cdc_error *err)
{
    static const cdc_redis_try tries[] = {
        {"PING", "+ping", NULL},
        {"REPLCONF precheck 1", "+replconf", NULL},
        {"PSYNC ? x", "+psync", NULL},
        {"CLUSTER SLOTS", "+cluster|slots", NULL}, /* of a cluster: the last two */
        {"CLUSTER NODES", "+cluster|nodes", NULL},
    };
    cdc_buffer rules;
    size_t n = sizeof tries / sizeof tries[0] - (in->sv->mode == CDC_REDIS_CLUSTER ? 0 : 2);
    cdc_buffer_init(&rules, RULES_BYTES);
    cdc_rc rc = cdc_redis_try_all(in->rd, tries, n, &rules, err);
    if (rc == CDC_OK) {
        add_rights(in, "source_privileges", CDC_CHECK_FAIL, "", &rules);
    }
    cdc_buffer_fini(&rules);
    return rc;
}

cdc_rc src_redis_inspect(cdc_redis *rd, const cdc_env *env, cdc_redis_server *sv, cdc_buffer *text,
                         cdc_checklist *list, cdc_error *err)
{
    cdc_rc rc = cdc_redis_inspect(rd, sv, text, err);
    if (rc == CDC_SKIP) {
        cdc_checklist_add(list, "source_privileges", CDC_CHECK_FAIL, cdc_redis_where(rd),
                          "the account %s lacks +info, so nothing can be asked",
                          cdc_redis_account(env->task->cfg, "source"));
        cdc_checklist_cure(list, "ACL SETUSER %s +info +ping +replconf +psync +time +config|get",
                           cdc_redis_account(env->task->cfg, "source"));
        return rc;
    }
    if (rc != CDC_OK) {
        return rc;
    }
    inspection in = {rd, cdc_redis_where(rd), env, sv, list};
    check_version(&in);
    if (sv->mode == CDC_REDIS_SENTINEL) {
        return CDC_SKIP;
    }
    check_replica(&in);
    return check_privileges(&in, err);
}

cdc_rc src_redis_check(cdc_redis *rd, const cdc_env *env, cdc_error *err)
{
    static const cdc_check *const tables[] = {src_redis_checks, NULL};
    cdc_redis_server sv;
    cdc_checklist list;
    cdc_checklist_init(&list, tables);
    cdc_rc rc = src_redis_inspect(rd, env, &sv, NULL, &list, err);
    if (rc == CDC_OK || rc == CDC_SKIP) { /* warnings are the precheck's: this runs often */
        bool bad = list.failed || cdc_checklist_count(&list, CDC_CHECK_FAIL) > 0;
        rc = bad ? cdc_checklist_verdict(&list, err) : CDC_OK;
    }
    cdc_checklist_fini(&list);
    return rc;
}

/* --- what is good to know --- */

static cdc_rc check_heartbeat(const inspection *in, cdc_error *err)
{
    char words[160];
    const cdc_config *cfg = in->env->task->cfg;
    const cdc_redis_try set = {words, "+set", "~SLUICE_HEARTBEAT:*"};
    if (cdc_config_int(cfg, "source.heartbeat_seconds") == 0) {
        cdc_checklist_add(in->list, "source_heartbeat", CDC_CHECK_PASS, in->where,
                          "source.heartbeat_seconds is 0: none is written");
        return CDC_OK;
    }
    if (in->sv->is_replica) {
        cdc_checklist_add(in->list, "source_heartbeat", CDC_CHECK_WARN, in->where,
                          "it is a replica and takes no writes: while nobody writes at its master, "
                          "the lag is not known");
        cdc_checklist_cure(in->list, "source.heartbeat_seconds: 0");
        return CDC_OK;
    }
    /* NX and XX at once: refused before anything is written */
    snprintf(words, sizeof words, "SET SLUICE_HEARTBEAT:%s 1 NX XX", in->env->task->name);
    cdc_buffer rules;
    cdc_buffer_init(&rules, RULES_BYTES);
    cdc_rc rc = cdc_redis_try_all(in->rd, &set, 1, &rules, err);
    if (rc == CDC_OK) {
        add_rights(in, "source_heartbeat", CDC_CHECK_WARN,
                   ": while nobody writes, the lag is not known", &rules);
    }
    cdc_buffer_fini(&rules);
    return rc;
}

static void check_backlog(const inspection *in)
{
    int64_t rate = cdc_redis_server_rate(in->sv);
    int64_t wanted =
        rate > (int64_t)BACKLOG_MB * MB / BACKLOG_S ? rate * BACKLOG_S : (int64_t)BACKLOG_MB * MB;
    bool small = in->sv->backlog_bytes < wanted;
    cdc_checklist_add(in->list, "source_backlog", small ? CDC_CHECK_WARN : CDC_CHECK_PASS,
                      in->where, "repl-backlog-size is %lld, and %lld bytes are written a second%s",
                      (long long)in->sv->backlog_bytes, (long long)rate,
                      small ? ": after a longer break everything is copied again" : "");
    if (small) {
        wanted = (wanted + MB - 1) / MB * MB;
        cdc_checklist_cure(in->list, "CONFIG SET repl-backlog-size %lld", (long long)wanted);
    }
}

/* A setting that should be this at least, or 0 if that stands for no end. */
typedef struct least {
    const char *item, *setting;
    int64_t least;
    bool zero;
    const char *why;
} least;

static cdc_rc check_least(const inspection *in, const least *l, cdc_error *err)
{
    char value[CDC_REDIS_SETTING_MAX];
    cdc_rc rc = cdc_redis_setting(in->rd, l->setting, value, err);
    if (rc != CDC_OK) {
        return rc;
    }
    int64_t has = strtoll(value, NULL, 10);
    bool low = has < l->least && !(l->zero && has == 0);
    cdc_checklist_add(in->list, l->item, low ? CDC_CHECK_WARN : CDC_CHECK_PASS, in->where,
                      "%s is %s s%s", l->setting, value, low ? l->why : "");
    if (low) {
        cdc_checklist_cure(in->list, "CONFIG SET %s %lld", l->setting, (long long)l->least);
    }
    return CDC_OK;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* "normal 0 0 0 slave 268435456 67108864 60 pubsub ..." */
static cdc_rc check_output_buffer(const inspection *in, cdc_error *err)
{
    char value[CDC_REDIS_SETTING_MAX];
    cdc_rc rc = cdc_redis_setting(in->rd, "client-output-buffer-limit", value, err);
    if (rc != CDC_OK) {
        return rc;
    }
    const char *at = strstr(value, "slave ");
    at = at != NULL ? at : strstr(value, "replica ");
    at = at != NULL ? strchr(at, ' ') : NULL;
    if (at == NULL) {
        return CDC_OK;
    }
    char *end;
    int64_t hard = strtoll(at, &end, 10);
    int64_t soft = strtoll(end, &end, 10);
    int64_t soft_s = strtoll(end, &end, 10);
    int64_t copy_s = in->sv->dataset_bytes / ((int64_t)COPY_MB_PER_S * MB);
    int64_t written = copy_s * cdc_redis_server_rate(in->sv);
    int64_t want_soft = larger((int64_t)BUFFER_SOFT_MB * MB, written);
    int64_t want_hard = larger((int64_t)BUFFER_HARD_MB * MB, larger(2 * written, want_soft));
    bool low = (hard > 0 && hard < want_hard) || (soft > 0 && soft < want_soft);
    cdc_checklist_add(
        in->list, "source_output_buffer", low ? CDC_CHECK_WARN : CDC_CHECK_PASS, in->where,
        "a replica may have %lld bytes waiting, or %lld for %lld s; about %lld are written while "
        "all is copied%s",
        (long long)hard, (long long)soft, (long long)soft_s, (long long)written,
        low ? ": the server may break the copy off, again and again" : "");
    if (low) {
        cdc_checklist_cure(in->list,
                           "CONFIG SET client-output-buffer-limit \"replica %lld %lld %lld\"",
                           (long long)(hard == 0 ? 0 : larger(hard, want_hard)),
                           (long long)(soft == 0 ? 0 : larger(soft, want_soft)),
                           (long long)larger(soft_s, TIMEOUT_S));
    }
    return CDC_OK;
}

static cdc_rc check_save(const inspection *in, cdc_error *err)
{
    char value[CDC_REDIS_SETTING_MAX];
    cdc_rc rc = cdc_redis_setting(in->rd, "repl-diskless-sync", value, err);
    if (rc != CDC_OK) {
        return rc;
    }
    bool bad = in->env->task->phase_full && in->sv->save_failed && strcmp(value, "yes") != 0;
    cdc_checklist_add(in->list, "source_save", bad ? CDC_CHECK_WARN : CDC_CHECK_PASS, in->where,
                      "repl-diskless-sync is %s, the last RDB %s%s", value,
                      in->sv->save_failed ? "could not be written" : "was written",
                      bad ? ": a full copy needs one (its log says why)" : "");
    if (bad) {
        cdc_checklist_cure(in->list, "CONFIG SET repl-diskless-sync yes");
    }
    return CDC_OK;
}

static cdc_rc check_settings(const inspection *in, cdc_error *err)
{
    static const least all[] = {
        {"source_backlog_ttl", "repl-backlog-ttl", BACKLOG_TTL_S, true,
         ": after a longer break everything is copied again"},
        {"source_repl_timeout", "repl-timeout", TIMEOUT_S, false,
         ": a Kafka that is slow for so long breaks a full copy off"},
    };
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < sizeof all / sizeof all[0]; i++) {
        rc = check_least(in, &all[i], err);
    }
    if (rc == CDC_OK) {
        rc = check_output_buffer(in, err);
    }
    return rc == CDC_OK ? check_save(in, err) : rc;
}

cdc_rc src_redis_inspect_settings(cdc_redis *rd, const cdc_env *env, const cdc_redis_server *sv,
                                  cdc_checklist *list, cdc_error *err)
{
    inspection in = {rd, cdc_redis_where(rd), env, sv, list};
    const char *account = cdc_redis_account(env->task->cfg, "source");
    check_backlog(&in);
    cdc_rc rc = check_heartbeat(&in, err);
    if (rc == CDC_OK) {
        rc = check_settings(&in, err);
    }
    if (rc == CDC_SKIP) {
        cdc_checklist_add(list, "source_settings", CDC_CHECK_WARN, in.where,
                          "the account %s lacks +config|get, so the settings of the server are not "
                          "known",
                          account);
        cdc_checklist_cure(list, "ACL SETUSER %s +config|get", account);
        rc = CDC_OK;
    } else if (rc == CDC_OK) {
        cdc_checklist_add(list, "source_settings", CDC_CHECK_PASS, in.where, "they can be read");
    }
    return rc == CDC_OK ? cdc_redis_check_clock(rd, "source", list, err) : rc;
}

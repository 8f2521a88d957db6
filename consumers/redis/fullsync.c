#include "fullsync.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/stop.h"
#include "note.h"
#include "schema/redis/reserved.h"

enum { FUNCTIONS_SINCE = 70000 }; /* Redis 7, every Valkey */

/* A sweep over the keys of the target. */
typedef struct sink_redis_sweep {
    sink_redis_handle *sr;
    bool first;  /* nothing of the partition was ever applied */
    bool *slots; /* of CDC_REDIS_SLOTS; NULL: all */
    cdc_redis *rd;
    int32_t database;
    int64_t found;
} sink_redis_sweep;

/* --- what the marker says --- */

static bool sink_redis_parse_slot(const char **p, const char *end, uint32_t *slot)
{
    const char *start = *p;
    *slot = 0;
    for (; *p < end && **p >= '0' && **p <= '9' && *slot < CDC_REDIS_SLOTS; (*p)++) {
        *slot = *slot * 10 + (uint32_t)(**p - '0');
    }
    return *p > start && *slot < CDC_REDIS_SLOTS;
}

/* "0-5460,6000" */
static bool sink_redis_parse_slots(const char *p, size_t len, bool *slots)
{
    const char *end = p + len;
    while (p < end) {
        uint32_t from = 0;
        bool good = sink_redis_parse_slot(&p, end, &from);
        uint32_t to = from;
        if (good && p < end && *p == '-') {
            p++;
            good = sink_redis_parse_slot(&p, end, &to);
        }
        if (!good || (p < end && *p++ != ',')) {
            return false;
        }
        for (uint32_t s = from; s <= to; s++) {
            slots[s] = true;
        }
    }
    return true;
}

static bool sink_redis_covers(const sink_redis_sweep *sweep, const char *key, size_t len)
{
    const cdc_config *cfg = sweep->sr->env->task->cfg;
    size_t prefixes = cdc_config_count(cfg, "objects.key_prefixes");
    bool covered = prefixes == 0;
    if (cdc_redis_reserved(key, len) || sink_redis_is_past(sweep->sr, key, len) ||
        (sweep->slots != NULL && !sweep->slots[cdc_redis_slot(key, len)])) {
        return false;
    }
    for (size_t i = 0; i < prefixes && !covered; i++) {
        const char *prefix = cdc_config_item(cfg, "objects.key_prefixes", i);
        size_t n = strlen(prefix);
        covered = len >= n && memcmp(key, prefix, n) == 0;
    }
    return covered;
}

/* --- keys that are there --- */

static cdc_rc sink_redis_refuse_key(const sink_redis_sweep *sweep, const cdc_value *key,
                                    cdc_error *err)
{
    char text[256];
    const cdc_value argv[] = {SINK_REDIS_WORD("database"), *key};
    sink_redis_describe(argv, 2, 1, text, sizeof text);
    return cdc_error_refuse(err, "target_data",
                            "target %s: database %d has keys already (%s) where the full copy is "
                            "to go: empty it, or choose target.conflict keep or overwrite",
                            cdc_redis_where(sweep->rd), sweep->database,
                            text + sizeof "database, " - 1);
}

static cdc_rc sink_redis_keep_key(const sink_redis_sweep *sweep, const cdc_value *key,
                                  cdc_error *err)
{
    sink_redis_handle *sr = sweep->sr;
    sink_redis_own own;
    cdc_buffer member;
    sink_redis_own_key(&own, sr->node.tag, sr->node.task, "kept");
    cdc_buffer_init(&member, (size_t)key->len + 32);
    cdc_buffer_add_i64(&member, sweep->database);
    cdc_buffer_add_char(&member, ' ');
    cdc_buffer_add(&member, key->p, key->len);
    const cdc_value argv[] = {SINK_REDIS_WORD("SADD"), sink_redis_bytes(own.name, own.len),
                              sink_redis_bytes(member.data, member.len)};
    cdc_rc rc = !member.failed && sink_redis_kept_add(sr->kept, member.data, member.len)
                    ? sink_redis_put(sr, 0, argv, 3, 1, err)
                    : cdc_error_set(err, CDC_FATAL, "no_memory",
                                    "out of memory for the %zu keys that target.conflict keeps",
                                    sink_redis_kept_count(sr->kept));
    cdc_buffer_fini(&member);
    return rc;
}

static cdc_rc sink_redis_sweep_key(sink_redis_sweep *sweep, const char *p, size_t len,
                                   cdc_error *err)
{
    sink_redis_handle *sr = sweep->sr;
    const cdc_value argv[] = {SINK_REDIS_WORD("UNLINK"), sink_redis_bytes(p, len)};
    if (!sink_redis_covers(sweep, p, len)) {
        return CDC_OK;
    }
    if (sweep->first && sr->conflict == SINK_REDIS_REPORT) {
        return sink_redis_refuse_key(sweep, &argv[1], err);
    }
    if (sweep->first && sr->conflict == SINK_REDIS_KEEP) {
        sweep->found++;
        return sink_redis_keep_key(sweep, &argv[1], err);
    }
    if (sr->kept != NULL && sink_redis_kept_has(sr->kept, sweep->database, p, len)) {
        return CDC_OK;
    }
    sweep->found++;
    return sink_redis_put(sr, sweep->database, argv, 2, 1, err);
}

/* --- SCAN --- */

/* One page of the keys; cursor "0" behind the last. */
static cdc_rc sink_redis_sweep_page(sink_redis_sweep *sweep, char *cursor, size_t size,
                                    cdc_error *err)
{
    cdc_redis *rd = sweep->rd;
    char words[96];
    cdc_redis_faults faults;
    redisReply *reply = NULL;
    snprintf(words, sizeof words, "SELECT %d", sweep->database);
    cdc_redis_append_words(rd, words);
    snprintf(words, sizeof words, "SCAN %s COUNT 1000", cursor);
    cdc_redis_append_words(rd, words);
    cdc_redis_append_words(rd, "SELECT 0");
    cdc_rc rc = cdc_redis_flush(rd, err);
    rc = rc == CDC_OK ? cdc_redis_skim(rd, 1, &faults, err) : rc;
    rc = rc == CDC_OK ? cdc_redis_reply(rd, &reply, err) : rc;
    rc = rc == CDC_OK ? cdc_redis_skim(rd, 1, &faults, err) : rc;
    if (rc == CDC_OK && reply->type == REDIS_REPLY_ERROR) {
        rc = cdc_redis_refusal(rd, "SCAN", reply->str, (size_t)reply->len, err);
    } else if (rc == CDC_OK && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
                                reply->element[0]->type != REDIS_REPLY_STRING ||
                                reply->element[1]->type != REDIS_REPLY_ARRAY)) {
        rc = cdc_error_set(err, CDC_FATAL, "redis_reply", "%s: SCAN: an unknown kind of answer",
                           cdc_redis_where(rd));
    }
    if (rc == CDC_OK) {
        snprintf(cursor, size, "%s", reply->element[0]->str);
    }
    for (size_t i = 0; rc == CDC_OK && i < reply->element[1]->elements; i++) {
        const redisReply *key = reply->element[1]->element[i];
        rc = sink_redis_sweep_key(sweep, key->str, (size_t)key->len, err);
    }
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    return rc;
}

static cdc_rc sink_redis_sweep_database(sink_redis_sweep *sweep, cdc_error *err)
{
    char cursor[32] = "0";
    do {
        cdc_rc rc = sink_redis_sweep_page(sweep, cursor, sizeof cursor, err);
        if (rc == CDC_OK) {
            rc = sink_redis_end(sweep->sr, err);
        }
        if (rc != CDC_OK) {
            return rc;
        }
        if (cdc_stop_requested()) {
            return cdc_error_set(err, CDC_RETRY, "stopped", "stopped while it clears the target");
        }
    } while (strcmp(cursor, "0") != 0);
    return CDC_OK;
}

/* Functions belong to no database: they go when everything goes. */
static cdc_rc sink_redis_sweep_functions(const sink_redis_sweep *sweep, cdc_error *err)
{
    sink_redis_handle *sr = sweep->sr;
    const cdc_value argv[] = {SINK_REDIS_WORD("FUNCTION"), SINK_REDIS_WORD("FLUSH")};
    bool has = sr->node.sv.is_valkey || sr->node.sv.version >= FUNCTIONS_SINCE;
    if (!has || !sr->whole || sweep->slots != NULL || (sweep->first && sr->kept != NULL)) {
        return CDC_OK;
    }
    cdc_rc rc = sink_redis_put(sr, 0, argv, 2, -1, err);
    return rc == CDC_OK ? sink_redis_end(sr, err) : rc;
}

static cdc_rc sink_redis_sweep_all(sink_redis_sweep *sweep, cdc_error *err)
{
    const sink_redis_handle *sr = sweep->sr;
    bool done[CDC_DATABASES_MAX] = {false};
    const char *tag;
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < CDC_DATABASES_MAX && rc == CDC_OK; i++) {
        uint8_t target = sr->env->task->databases[i];
        if (sink_redis_takes(sr, i) && sr->database_ok[target] && !done[target]) {
            done[target] = true;
            sweep->database = target;
            for (uint32_t k = 0; k < sink_redis_servers(sr) && rc == CDC_OK; k++) {
                sweep->rd = sink_redis_server(sr, k, &tag);
                rc = sink_redis_sweep_database(sweep, err);
            }
        }
    }
    return rc == CDC_OK ? sink_redis_sweep_functions(sweep, err) : rc;
}

/* --- the marker --- */

cdc_rc sink_redis_begin_copy(sink_redis_handle *sr, const cdc_event *ev, cdc_error *err)
{
    const sink_redis_mark *mark = sink_redis_find_mark(sr, ev->topic, ev->partition);
    sink_redis_sweep sweep = {.sr = sr, .first = mark != NULL && mark->next < 0};
    cdc_rc rc = CDC_OK;
    if (sink_redis_is_open(sr)) {
        return cdc_error_set(err, CDC_RETRY, "fullsync_amid",
                             "a full copy begins amid a MULTI block of another shard");
    }
    if (ev->nargs > 2) {
        sweep.slots = calloc(CDC_REDIS_SLOTS, sizeof *sweep.slots);
        if (sweep.slots == NULL ||
            !sink_redis_parse_slots(ev->after[2].p, ev->after[2].len, sweep.slots)) {
            free(sweep.slots);
            return cdc_error_set(err, CDC_FATAL, "fullsync_slots",
                                 "the full copy's slots cannot be read: the record is damaged");
        }
    }
    /* A key that moves meanwhile may be seen nowhere. */
    if (sr->cluster != NULL) {
        rc = sink_redis_cluster_at_rest(sr->cluster, err);
    }
    if (rc == CDC_OK) {
        rc = sink_redis_sweep_all(&sweep, err);
    }
    if (rc == CDC_OK && sr->cluster != NULL) {
        rc = sink_redis_cluster_at_rest(sr->cluster, err);
    }
    free(sweep.slots);
    if (rc == CDC_OK) {
        bool keeps = sweep.first && sr->kept != NULL;
        CDC_LOG(sweep.first ? CDC_LOG_INFO : CDC_LOG_WARN, "full_copy_begins",
                CDC_STR("target", cdc_redis_where(sr->node.rd)), CDC_STR("topic", ev->topic),
                CDC_NUM("partition", ev->partition),
                CDC_NUM(keeps ? "kept_keys" : "dropped_keys", sweep.found));
    }
    return rc;
}

cdc_rc sink_redis_kept_load(sink_redis_handle *sr, cdc_error *err)
{
    char cursor[32] = "0";
    sink_redis_own own;
    cdc_rc rc = CDC_OK;
    sink_redis_own_key(&own, sr->node.tag, sr->node.task, "kept");
    do {
        redisReply *reply = NULL;
        const cdc_redis_arg args[] = {CDC_REDIS_ARG("SSCAN"),
                                      {own.name, own.len},
                                      {cursor, strlen(cursor)},
                                      CDC_REDIS_ARG("COUNT"),
                                      CDC_REDIS_ARG("1000")};
        const sink_redis_question qu = {
            .doing = "SSCAN of the kept keys", .nargs = 5, .args = args};
        rc = sink_redis_ask_own(sr, &own, &qu, &reply, err);
        if (rc != CDC_OK) {
            break;
        }
        snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        for (size_t i = 0; rc == CDC_OK && i < reply->element[1]->elements; i++) {
            const redisReply *member = reply->element[1]->element[i];
            if (!sink_redis_kept_add(sr->kept, member->str, (size_t)member->len)) {
                rc = cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the kept keys");
            }
        }
        freeReplyObject(reply);
    } while (rc == CDC_OK && strcmp(cursor, "0") != 0);
    return rc;
}

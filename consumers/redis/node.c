#include "node.h"

#include <stdlib.h>

#include "core/log.h"
#include "schema/redis/reserved.h"

enum {
    FLUSH_BYTES = 128 * 1024, /* so much of a transaction is sent before its end */
    SETS_MAX = 256,           /* keys of an MSET: it keeps others waiting for long enough */
    SET_BYTES_MAX = 4096,     /* a longer value goes by itself */
};

/* --- opening --- */

static cdc_rc sink_redis_node_fit(const cdc_redis *rd, const cdc_redis_server *sv, cdc_error *err)
{
    const char *where = cdc_redis_where(rd);
    bool evicts = sv->max_bytes > 0 && strncmp(sv->policy, "allkeys", 7) == 0;
    if (sv->mode == CDC_REDIS_SENTINEL) {
        return cdc_error_refuse(err, "target_version",
                                "target %s is a Sentinel, which holds no data: name its master in "
                                "target.hosts",
                                where);
    }
    if (sv->is_loading) {
        return cdc_error_set(err, CDC_RETRY, "redis_loading", "target %s loads its data", where);
    }
    if (sv->is_replica && sv->mode != CDC_REDIS_CLUSTER) {
        return cdc_error_set(err, CDC_RETRY, "redis_readonly",
                             "target %s is a replica of %s: name the master in target.hosts, or "
                             "REPLICAOF NO ONE",
                             where, sv->master);
    }
    if (evicts) {
        return cdc_error_refuse(err, "target_eviction",
                                "target %s drops keys when its memory is full, and could drop "
                                "where the applier was: CONFIG SET maxmemory-policy noeviction",
                                where);
    }
    return CDC_OK;
}

cdc_rc sink_redis_node_inspect(cdc_redis *rd, cdc_redis_server *sv, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_rc rc = cdc_redis_ask(rd, "INFO", &reply, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_redis_server_parse(sv, reply->str != NULL ? reply->str : "", (size_t)reply->len);
    freeReplyObject(reply);
    return sink_redis_node_fit(rd, sv, err);
}

cdc_rc sink_redis_node_open(sink_redis_node *node, const cdc_env *env, cdc_error *err)
{
    const cdc_config *cfg = env->task->cfg;
    size_t hosts = cdc_config_count(cfg, "target.hosts");
    cdc_rc rc = CDC_RETRY;
    *node = (sink_redis_node){.task = env->task->name};
    snprintf(node->tag, sizeof node->tag, "0");
    cdc_buffer_init(&node->notes, SINK_REDIS_NOTES_BYTES);
    cdc_buffer_init(&node->sets, SINK_REDIS_NOTES_BYTES);
    for (size_t i = 0; i < hosts && rc == CDC_RETRY; i++) {
        cdc_error_clear(err);
        rc = cdc_redis_open_host(&node->rd, cfg, "target", i, err);
        if (rc == CDC_OK) {
            rc = sink_redis_node_inspect(node->rd, &node->sv, err);
        }
        if (rc != CDC_OK) {
            cdc_redis_close(node->rd);
            node->rd = NULL;
        }
    }
    return rc;
}

void sink_redis_node_close(sink_redis_node *node)
{
    cdc_redis_close(node->rd);
    node->rd = NULL;
    cdc_buffer_fini(&node->notes);
    cdc_buffer_fini(&node->sets);
}

/* --- the claim --- */

static cdc_redis_arg sink_redis_own_arg(const sink_redis_own *own)
{
    return (cdc_redis_arg){own->name, own->len};
}

cdc_rc sink_redis_own_get(cdc_redis *rd, const sink_redis_own *key, char *out, size_t size,
                          bool *found, cdc_error *err)
{
    const cdc_redis_arg args[] = {CDC_REDIS_ARG("GET"), sink_redis_own_arg(key)};
    redisReply *reply = NULL;
    char doing[SINK_REDIS_OWN_MAX + 16];
    *found = false;
    snprintf(doing, sizeof doing, "GET %s", key->name);
    cdc_rc rc = cdc_redis_ask_args(rd, doing, 2, args, &reply, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (reply->type == REDIS_REPLY_STRING) {
        snprintf(out, size, "%s", reply->str);
        *found = true;
    }
    freeReplyObject(reply);
    return CDC_OK;
}

static void sink_redis_node_add_watch(sink_redis_node *node)
{
    sink_redis_own epoch;
    sink_redis_own_key(&epoch, node->tag, node->task, "epoch");
    const cdc_redis_arg watch[] = {CDC_REDIS_ARG("WATCH"), sink_redis_own_arg(&epoch)};
    const cdc_redis_arg get[] = {CDC_REDIS_ARG("GET"), sink_redis_own_arg(&epoch)};
    cdc_redis_append(node->rd, 2, watch);
    cdc_redis_append(node->rd, 2, get);
}

static cdc_rc sink_redis_node_fenced(const sink_redis_node *node, const char *now, cdc_error *err)
{
    return now != NULL
               ? cdc_error_set(err, CDC_FATAL, "applier_fenced",
                               "target %s: another applier of task %s has taken over (epoch %s, "
                               "ours is %lld): stop one of them, or give the tasks different names",
                               cdc_redis_where(node->rd), node->task, now, (long long)node->epoch)
               : cdc_error_set(err, CDC_FATAL, "target_emptied",
                               "target %s: our keys sluice:{%s}:%s:* are gone: somebody emptied "
                               "the server, or it restarted without its data; begin the task anew "
                               "with a full copy",
                               cdc_redis_where(node->rd), node->tag, node->task);
}

/* The answers to WATCH and GET. */
static cdc_rc sink_redis_node_take_watch(sink_redis_node *node, cdc_error *err)
{
    cdc_redis_faults faults;
    redisReply *reply = NULL;
    cdc_rc rc = cdc_redis_skim(node->rd, 1, &faults, err);
    if (rc == CDC_OK && faults.errors > 0) {
        rc = cdc_redis_refusal(node->rd, "WATCH", faults.text, strlen(faults.text), err);
    }
    if (rc == CDC_OK) {
        rc = cdc_redis_reply(node->rd, &reply, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        rc = cdc_redis_refusal(node->rd, "GET", reply->str, (size_t)reply->len, err);
    } else if (reply->type != REDIS_REPLY_STRING || strtoll(reply->str, NULL, 10) != node->epoch) {
        rc = sink_redis_node_fenced(node, reply->type == REDIS_REPLY_STRING ? reply->str : NULL,
                                    err);
    }
    freeReplyObject(reply);
    return rc;
}

cdc_rc sink_redis_node_claim(sink_redis_node *node, cdc_error *err)
{
    sink_redis_own epoch;
    redisReply *reply = NULL;
    char doing[SINK_REDIS_OWN_MAX + 16];
    sink_redis_own_key(&epoch, node->tag, node->task, "epoch");
    const cdc_redis_arg incr[] = {CDC_REDIS_ARG("INCR"), sink_redis_own_arg(&epoch)};
    snprintf(doing, sizeof doing, "INCR %s", epoch.name);
    cdc_rc rc = cdc_redis_ask_args(node->rd, doing, 2, incr, &reply, err);
    if (rc != CDC_OK) {
        return rc;
    }
    node->epoch = reply->integer;
    freeReplyObject(reply);
    sink_redis_node_add_watch(node);
    rc = cdc_redis_flush(node->rd, err);
    return rc == CDC_OK ? sink_redis_node_take_watch(node, err) : rc;
}

/* --- transactions --- */

/* A command behind those that wait. */
static cdc_rc sink_redis_node_note(sink_redis_node *node, const cdc_value *argv, uint32_t argc,
                                   int32_t key, cdc_error *err)
{
    if (!sink_redis_note_add(&node->notes, argv, argc, key)) {
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "out of memory for a transaction of %u commands", node->queued);
    }
    node->queued++;
    return CDC_OK;
}

/* Our own keys stay by themselves, so that who follows the target knows them as before. */
static bool sink_redis_node_is_set(const cdc_value *argv, uint32_t argc)
{
    return argc == 3 && argv[0].len == 3 && memcmp(argv[0].p, "SET", 3) == 0 &&
           argv[2].len <= SET_BYTES_MAX && !cdc_redis_reserved(argv[1].p, argv[1].len);
}

static cdc_rc sink_redis_node_close_sets(sink_redis_node *node, cdc_error *err)
{
    if (node->sets.failed) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for %u commands",
                             node->nsets);
    }
    if (node->nsets > 0) {
        cdc_redis_append_bulks(node->rd, node->nsets > 1 ? "MSET" : "SET", 2 * (size_t)node->nsets,
                               &node->sets);
        cdc_buffer_reset(&node->sets);
        node->nsets = 0;
    }
    return CDC_OK;
}

static cdc_rc sink_redis_node_set(sink_redis_node *node, const cdc_value *argv, cdc_error *err)
{
    cdc_rc rc = node->nsets == SETS_MAX ? sink_redis_node_close_sets(node, err) : CDC_OK;
    if (rc == CDC_OK && node->nsets == 0) {
        rc = sink_redis_node_note(node, argv, 3, 1, err);
    }
    cdc_redis_add_bulk(&node->sets, argv[1].p, argv[1].len);
    cdc_redis_add_bulk(&node->sets, argv[2].p, argv[2].len);
    node->nsets++;
    return rc;
}

static cdc_rc sink_redis_node_queue(sink_redis_node *node, const cdc_value *argv, uint32_t argc,
                                    int32_t key, cdc_error *err)
{
    cdc_rc rc = sink_redis_node_close_sets(node, err);
    if (rc == CDC_OK) {
        rc = sink_redis_node_note(node, argv, argc, key, err);
    }
    cdc_redis_append_values(node->rd, argc, argv);
    return rc;
}

static cdc_rc sink_redis_node_select(sink_redis_node *node, int32_t database, cdc_error *err)
{
    char number[16];
    cdc_value argv[2] = {{.kind = CDC_BYTES, .p = "SELECT", .len = 6},
                         {.kind = CDC_BYTES, .p = number}};
    if (node->db == database) {
        return CDC_OK;
    }
    argv[1].len = (uint32_t)snprintf(number, sizeof number, "%d", database);
    node->db = database;
    return sink_redis_node_queue(node, argv, 2, 1, err);
}

cdc_rc sink_redis_node_add(sink_redis_node *node, int32_t database, const cdc_value *argv,
                           uint32_t argc, int32_t key, cdc_error *err)
{
    if (!node->open) {
        cdc_redis_append_words(node->rd, "MULTI");
        cdc_buffer_reset(&node->notes);
        cdc_buffer_reset(&node->sets);
        node->nsets = 0;
        node->queued = 0;
        node->open = true;
    }
    cdc_rc rc = sink_redis_node_select(node, database, err);
    if (rc == CDC_OK) {
        rc = sink_redis_node_is_set(argv, argc) ? sink_redis_node_set(node, argv, err)
                                                : sink_redis_node_queue(node, argv, argc, key, err);
    }
    if (rc == CDC_OK && cdc_redis_waiting(node->rd) >= FLUSH_BYTES) {
        rc = cdc_redis_flush(node->rd, err);
    }
    return rc;
}

/* The error of the command with this number, with its name and key. */
static cdc_rc sink_redis_node_refused(sink_redis_node *node, uint32_t command, const char *text,
                                      cdc_error *err)
{
    char doing[SINK_REDIS_DESCRIPTION_MAX];
    sink_redis_note_text(&node->notes, command, doing, sizeof doing);
    if (doing[0] == '\0') {
        snprintf(doing, sizeof doing, "MULTI");
    }
    return cdc_redis_refusal(node->rd, doing, text, strlen(text), err);
}

static cdc_rc sink_redis_node_take_exec(sink_redis_node *node, uint32_t *failures, cdc_error *fault,
                                        cdc_error *err)
{
    cdc_redis_faults faults;
    char text[CDC_ERROR_TEXT_MAX];
    cdc_rc rc = cdc_redis_skim(node->rd, 1, &faults, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (faults.nil) {
        return CDC_OK; /* the epoch has changed: what GET answers says to what */
    }
    if (faults.errors > 0 && faults.element < 0) {
        return cdc_redis_refusal(node->rd, "EXEC", faults.text, strlen(faults.text), err);
    }
    if (faults.errors > 0) {
        *failures = faults.errors;
        sink_redis_node_refused(node, (uint32_t)faults.element, faults.text, fault);
        snprintf(text, sizeof text, "%s", fault->text);
        cdc_error_set(fault, CDC_FATAL, "target_partial",
                      "%s (%u commands of a transaction failed, the others were carried out): the "
                      "target's key is not as the source's was",
                      text, faults.errors);
    }
    return CDC_OK;
}

cdc_rc sink_redis_node_commit(sink_redis_node *node, uint32_t *failures, cdc_error *fault,
                              cdc_error *err)
{
    cdc_redis_faults faults = {.errors = 0};
    *failures = 0;
    cdc_rc rc = sink_redis_node_select(node, 0, err);
    if (rc == CDC_OK) {
        rc = sink_redis_node_close_sets(node, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    node->open = false;
    cdc_redis_append_words(node->rd, "EXEC");
    sink_redis_node_add_watch(node);
    rc = cdc_redis_flush(node->rd, err);
    if (rc == CDC_OK) {
        rc = cdc_redis_skim(node->rd, node->queued + 1, &faults, err);
    }
    if (rc == CDC_OK && faults.errors > 0) { /* EXEC does nothing then */
        return sink_redis_node_refused(node, faults.reply - 1, faults.text, err);
    }
    if (rc == CDC_OK) {
        rc = sink_redis_node_take_exec(node, failures, fault, err);
    }
    return rc == CDC_OK ? sink_redis_node_take_watch(node, err) : rc;
}

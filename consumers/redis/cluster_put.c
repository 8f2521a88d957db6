/* What becomes of a command: parts of the batch, each for a slot. */
#include <stdlib.h>

#include "cluster_state.h"
#include "core/log.h"
#include "route.h"

enum {
    SCRIPT_ARGS = 7000, /* of one command; a Lua stack's limit is about 8000 */
};

/* A command of more arguments than a script can give goes in parts. */
static cdc_rc add_large(sink_redis_cluster *cl, uint16_t slot, const sink_redis_words *words,
                        cdc_error *err)
{
    uint32_t argc = words->argc;
    uint32_t head = 0;
    uint32_t group = 0;
    char text[SINK_REDIS_DESCRIPTION_MAX];
    if (!sink_redis_route_parts(words->argv, argc, &head, &group)) {
        sink_redis_describe(words->argv, argc, words->key, text, sizeof text);
        return cdc_error_set(err, CDC_FATAL, "command_too_large",
                             "command %s has %u arguments: a cluster takes at most %d of it in a "
                             "transaction: delete the key at the source, and write it in pieces",
                             text, argc, SCRIPT_ARGS);
    }
    uint32_t most = (SCRIPT_ARGS - head) / group * group;
    cdc_value *part = malloc((head + most) * sizeof *part);
    cdc_rc rc = part != NULL ? CDC_OK : cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory");
    for (uint32_t i = head; i < argc && rc == CDC_OK; i += most) {
        uint32_t n = argc - i < most ? argc - i : most;
        const sink_redis_words some = {.argv = part, .argc = head + n, .key = words->key};
        memcpy(part, words->argv, head * sizeof *part);
        memcpy(part + head, words->argv + i, n * sizeof *part);
        rc = sink_redis_batch_add(&cl->batch, slot, &some, NULL, err);
    }
    free(part);
    return rc;
}

typedef struct putting {
    sink_redis_cluster *cl;
    const sink_redis_progress *past;
    int64_t offset;
} putting;

static cdc_rc put_at_slot(void *arg, uint32_t slot, const sink_redis_words *words, cdc_error *err)
{
    const putting *pt = arg;
    if (pt->past != NULL && pt->offset < pt->past->next[slot]) {
        return CDC_OK;
    }
    return words->argc > SCRIPT_ARGS
               ? add_large(pt->cl, (uint16_t)slot, words, err)
               : sink_redis_batch_add(&pt->cl->batch, (uint16_t)slot, words, NULL, err);
}

/* FLUSHALL and FLUSHDB, in their place at every node. */
static cdc_rc put_flush(const putting *pt, const sink_redis_words *words, cdc_error *err)
{
    uint32_t n = 0;
    bool *past = calloc(CDC_REDIS_SLOTS, sizeof *past);
    if (past == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a command");
    }
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS && pt->past != NULL; s++) {
        past[s] = pt->offset < pt->past->next[s];
        n += past[s] ? 1 : 0;
    }
    if (n == 0) {
        free(past);
        past = NULL;
    }
    return sink_redis_batch_add(&pt->cl->batch, SINK_REDIS_EVERY_SLOT, words, past, err);
}

/* Once more with REPLACE: FUNCTION LOAD code, FUNCTION RESTORE payload. */
static cdc_rc replace_function(cdc_redis *rd, const cdc_value *argv, uint32_t argc,
                               redisReply **out, cdc_error *err)
{
    static const cdc_value replace = {.kind = CDC_BYTES, .p = "REPLACE", .len = 7};
    cdc_value again[4] = {argv[0], argv[1]};
    bool load = cdc_redis_word(argv, 1, "LOAD");
    again[2] = load ? replace : argv[2];
    again[3] = load ? argv[argc - 1] : replace;
    freeReplyObject(*out);
    *out = NULL;
    cdc_redis_append_values(rd, 4, again);
    cdc_rc rc = cdc_redis_flush(rd, err);
    return rc == CDC_OK ? cdc_redis_reply(rd, out, err) : rc;
}

static cdc_rc put_at_member(cdc_redis *rd, const cdc_value *argv, uint32_t argc, cdc_error *err)
{
    char text[SINK_REDIS_DESCRIPTION_MAX];
    redisReply *reply = NULL;
    bool function = cdc_redis_word(argv, 0, "FUNCTION") && argc > 2;
    cdc_redis_append_values(rd, argc, argv);
    cdc_rc rc = cdc_redis_flush(rd, err);
    rc = rc == CDC_OK ? cdc_redis_reply(rd, &reply, err) : rc;
    if (rc == CDC_OK && reply->type == REDIS_REPLY_ERROR && function &&
        strstr(reply->str, "already exists") != NULL) {
        CDC_LOG(CDC_LOG_WARN, "function_replaced", CDC_STR("target", cdc_redis_where(rd)),
                CDC_STR("because", reply->str));
        rc = replace_function(rd, argv, argc, &reply, err);
    }
    if (rc == CDC_OK && reply->type == REDIS_REPLY_ERROR && function &&
        cdc_redis_word(argv, 1, "DELETE") && strstr(reply->str, "not found") != NULL) {
        CDC_LOG(CDC_LOG_WARN, "function_gone", CDC_STR("target", cdc_redis_where(rd)),
                CDC_STR("because", reply->str));
    } else if (rc == CDC_OK && reply->type == REDIS_REPLY_ERROR) {
        sink_redis_describe(argv, argc, -1, text, sizeof text);
        rc = cdc_redis_refusal(rd, text, reply->str, (size_t)reply->len, err);
    }
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    return rc;
}

/* Functions, scripts and indexes cannot be changed by a script. To do it twice comes to the same,
 * so they go to every master at once. */
static cdc_rc put_whole(const sink_redis_cluster *cl, const cdc_value *argv, uint32_t argc,
                        cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < cl->nmembers && rc == CDC_OK; i++) {
        rc = put_at_member(cl->members[i].rd, argv, argc, err);
    }
    return rc;
}

cdc_rc sink_redis_cluster_put(sink_redis_cluster *cl, const sink_redis_words *words,
                              const sink_redis_progress *past, int64_t offset, cdc_error *err)
{
    const cdc_value *argv = words->argv;
    putting pt = {.cl = cl, .past = past, .offset = offset};
    const sink_redis_taker taker = {.take = put_at_slot, .arg = &pt};
    if (cdc_redis_word(argv, 0, "FLUSHALL") || cdc_redis_word(argv, 0, "FLUSHDB")) {
        return put_flush(&pt, words, err);
    }
    const cdc_redis_command *cmd = cdc_redis_command_find(argv[0].p, argv[0].len);
    if (cmd != NULL && (cdc_redis_command_flags(cmd) & CDC_REDIS_WHOLE) != 0 &&
        !cdc_redis_word(argv, 0, "CLUSTER")) {
        return put_whole(cl, argv, words->argc, err);
    }
    return sink_redis_route(cmd, words, &taker, err);
}

bool sink_redis_cluster_is_open(const sink_redis_cluster *cl)
{
    return cl->batch.n > 0;
}

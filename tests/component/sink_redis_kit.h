/* For tests of the Redis sink: a task with a sink, commands for it, and a client that looks at the
 * server from beside. */
#ifndef SINK_REDIS_KIT_H
#define SINK_REDIS_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumers/redis/options.h"
#include "core/clock.h"
#include "core/plugin.h"
#include "core/stop.h"
#include "schema/redis/client.h"

extern const cdc_sink sink_redis;

#define TOPIC "sink-test"

static const char *server;
static cdc_redis *admin; /* the server, or any node of the cluster */
static cdc_error admin_err;
static char answer[4096];

/* --- the server, looked at from beside --- */

static inline void describe(const redisReply *reply, char *to, size_t size)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        snprintf(to, size, "%lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        snprintf(to, size, "nil");
        break;
    case REDIS_REPLY_ARRAY:
        to[0] = '\0';
        for (size_t i = 0; i < reply->elements; i++) {
            size_t at = strlen(to);
            at += (size_t)snprintf(to + at, size - at, i > 0 ? "," : "");
            describe(reply->element[i], to + at, size - at);
        }
        break;
    default:
        snprintf(to, size, "%s", reply->str);
    }
}

static inline const char *ask(const char *words)
{
    redisReply *reply = NULL;
    if (cdc_redis_ask(admin, words, &reply, &admin_err) != CDC_OK) {
        fail_msg("%s: %s", words, admin_err.text);
    }
    describe(reply, answer, sizeof answer);
    freeReplyObject(reply);
    return answer;
}

/* In another database. */
static inline const char *ask_in(int database, const char *words)
{
    char select[32];
    snprintf(select, sizeof select, "SELECT %d", database);
    ask(select);
    ask(words);
    char kept[sizeof answer];
    memcpy(kept, answer, sizeof kept);
    ask("SELECT 0");
    memcpy(answer, kept, sizeof kept);
    return answer;
}

/* --- a task and its sink --- */

typedef struct bed {
    cdc_task task;
    cdc_env env;
    cdc_selection *selection;
    void *sink;
    cdc_error err;
    int64_t next;
    int64_t source_ms; /* of the events; 0: now */
    int32_t db;
    cdc_phase phase;
} bed;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != CDC_OK) {                                                                    \
            fail_msg("%s: %s", #call, bd->err.text);                                               \
        }                                                                                          \
    } while (0)

#define FAILS(call, want_rc, want_code, want_text)                                                 \
    do {                                                                                           \
        cdc_error_clear(&bd->err);                                                                 \
        assert_int_equal((call), want_rc);                                                         \
        assert_string_equal(bd->err.code, want_code);                                              \
        if (strstr(bd->err.text, want_text) == NULL) {                                             \
            fail_msg("no '%s' in: %s", want_text, bd->err.text);                                   \
        }                                                                                          \
    } while (0)

/* target: more of its options; rest: more of the file. */
static inline void bed_make(bed *bd, const char *target, const char *rest)
{
    static const cdc_option source[] = {
        {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "redis"}, {.path = NULL}};
    static const cdc_option *const tables[] = {cdc_task_options, source, sink_redis_options, NULL};
    char text[2048];
    int n = snprintf(text, sizeof text,
                     "name: sink-test\nkafka: {bootstrap.servers: none}\nsource: {type: redis}\n"
                     "target: {type: redis, hosts: [%s]%s}\n%s\n",
                     server, target, rest);
    *bd = (bed){.phase = CDC_PHASE_INCR};
    cdc_error_clear(&bd->err);
    OK(cdc_task_parse(&bd->task, "test", text, (size_t)n, tables, &bd->err));
    OK(cdc_selection_new(&bd->selection, bd->task.cfg, &bd->err));
    bd->env = (cdc_env){.task = &bd->task,
                        .selection = bd->selection,
                        .metrics = cdc_metrics_new("test", "sink-test")};
}

static inline void bed_start(bed *bd)
{
    OK(sink_redis.open(&bd->sink, &bd->env, &bd->err));
    OK(sink_redis.applied(bd->sink, TOPIC, 0, &bd->next, &bd->err));
    OK(sink_redis.begin(bd->sink, &bd->err));
}

static inline void bed_open(bed *bd, const char *target, const char *rest)
{
    bed_make(bd, target, rest);
    bed_start(bd);
}

static inline void bed_free(bed *bd)
{
    sink_redis.close(bd->sink);
    cdc_metrics_free(bd->env.metrics);
    cdc_selection_free(bd->selection);
    cdc_task_fini(&bd->task);
}

static inline void bed_restart(bed *bd)
{
    sink_redis.close(bd->sink);
    bd->sink = NULL;
    bed_start(bd);
}

static inline cdc_rc bed_commit(bed *bd)
{
    cdc_offset at = {.topic = TOPIC, .partition = 0, .next = (bd->next < 0 ? 0 : bd->next) + 1};
    cdc_rc rc = sink_redis.commit(bd->sink, &at, 1, &bd->err);
    if (rc == CDC_OK) {
        bd->next = at.next;
        rc = sink_redis.begin(bd->sink, &bd->err);
    }
    return rc;
}

/* One command, words separated by single spaces; key: index of its key. */
static inline cdc_rc put_key(bed *bd, const char *words, int32_t key)
{
    cdc_value argv[16];
    uint32_t n = 0;
    for (const char *p = words; n < 16; n++) {
        const char *end = strchrnul(p, ' ');
        argv[n] = (cdc_value){.kind = CDC_BYTES, .p = p, .len = (uint32_t)(end - p)};
        p = end + 1;
        if (*end == '\0') {
            n++;
            break;
        }
    }
    cdc_event ev = {.op = CDC_OP_COMMAND,
                    .phase = (uint8_t)bd->phase,
                    .last = true,
                    .after = argv,
                    .nargs = n,
                    .key_arg = n > 1 ? key : -1,
                    .redis_db = bd->db,
                    .expire_at_ms = -1,
                    .topic = TOPIC,
                    .partition = 0,
                    .offset = bd->next,
                    .txn = "abc:7",
                    .source_ms = bd->source_ms > 0 ? bd->source_ms : cdc_clock_wall_ms()};
    return sink_redis.apply(bd->sink, &ev, &bd->err);
}

static inline cdc_rc put(bed *bd, const char *words)
{
    return put_key(bd, words, 1);
}

static inline int64_t count(const bed *bd, const char *name, const char *labels)
{
    return cdc_metric_get(cdc_metrics_number(bd->env.metrics, CDC_COUNTER, name, labels, ""));
}

/* Connects `admin` to what the variable names. False: that failed. */
static inline bool connect_admin(const char *variable)
{
    char host[CDC_NET_HOST_MAX];
    unsigned port = 0;
    const cdc_redis_login login = {.option = "target"};
    server = getenv(variable);
    if (server == NULL) {
        return true;
    }
    bool done = cdc_net_split(server, CDC_REDIS_PORT, host, sizeof host, &port) &&
                cdc_redis_open(&admin, host, port, &login, &admin_err) == CDC_OK;
    if (!done) {
        fprintf(stderr, "%s: %s\n", server, admin_err.text);
    }
    return done;
}

#endif

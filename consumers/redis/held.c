#include "held.h"

#include <stdlib.h>

#include "core/clock.h"

enum {
    SLACK_MS = 5000,  /* an expiry is held off that is nearer than this... */
    LAGS = 2,         /* ...or than the lag so many times */
    MARGIN_MS = 5000, /* clocks, and the way from the source to the capture */
    SETTLE_MS = 100,  /* between two looks */
};
static const int64_t HOLD_MS = 2591999000; /* a month less a second: no expiry of a user's */

/* KEYS[1]: the set. Settles those up to ARGV[1] and from ARGV[2] on; returns how many are left, and
 * those of which the key has moved to another node of the cluster, each with its time. */
static const char SETTLE[] =
    "local t=redis.call('TIME')\n"
    "local now=t[1]*1000+math.floor(t[2]/1000)\n"
    "local away={}\n"
    "local function settle(from,to)\n"
    "local m=redis.call('ZRANGEBYSCORE',KEYS[1],from,to,'WITHSCORES','LIMIT',0,10000)\n"
    "for i=1,#m,2 do\n"
    "local s=string.find(m[i],' ',1,true)\n"
    "local key=string.sub(m[i],s+1)\n"
    "redis.call('SELECT',string.sub(m[i],1,s-1))\n"
    "local left=redis.pcall('PTTL',key)\n"
    "if type(left)~='number' then\n"
    "away[#away+1]=m[i]\n"
    "away[#away+1]=m[i+1]\n"
    "elseif left>=0 and math.abs(now+left-m[i+1]-ARGV[3])<2000 then\n"
    "redis.call('PEXPIREAT',key,m[i+1])\n"
    "end\n"
    "redis.call('SELECT',0)\n"
    "if type(left)=='number' then redis.call('ZREM',KEYS[1],m[i]) end\n"
    "end\n"
    "end\n"
    "settle('-inf',ARGV[1])\n"
    "settle(ARGV[2],'+inf')\n"
    "return {redis.call('ZCARD',KEYS[1]),away}";

static int64_t sink_redis_slack(int64_t lag_ms)
{
    return lag_ms * LAGS > SLACK_MS ? lag_ms * LAGS : SLACK_MS;
}

void sink_redis_expiry_of(const sink_redis_handle *sr, const cdc_event *ev,
                          const cdc_redis_command *cmd, sink_redis_expiry *out)
{
    cdc_redis_expiry found;
    int64_t ms = 0;
    *out = (sink_redis_expiry){.at = 0};
    if (cmd == NULL || !cdc_redis_expiry_of(cmd, ev->after, ev->nargs, &found)) {
        return;
    }
    out->conditions = found.conditions;
    if (found.relative || !cdc_redis_number(&ev->after[found.at], &ms) ||
        (found.seconds && ms > INT64_MAX / 2000)) {
        return;
    }
    int64_t now_ms = cdc_clock_wall_ms();
    int64_t unit = found.seconds ? 1000 : 1;
    int64_t given_ms = ms * unit;
    if (given_ms > INT64_MAX / 2) {
        return; /* out of any clock's range: as it is */
    }
    ms = given_ms + sr->extend_ms;
    if (ms < now_ms + sink_redis_slack(now_ms - ev->source_ms)) {
        out->held_ms = found.fields ? 0 : ms;
        ms += HOLD_MS;
    }
    if (ms != given_ms) {
        out->at = found.at;
        out->len = cdc_format_i64(out->text, ms / unit);
    }
}

/* The set of server i. */
static cdc_redis *sink_redis_held_key(const sink_redis_handle *sr, uint32_t i, sink_redis_own *own)
{
    const char *tag;
    cdc_redis *rd = sink_redis_server(sr, i, &tag);
    sink_redis_own_key(own, tag, sr->node.task, "held");
    return rd;
}

cdc_rc sink_redis_hold(sink_redis_handle *sr, int32_t database, const cdc_value *key,
                       int64_t held_ms, cdc_error *err)
{
    sink_redis_own own;
    cdc_buffer member;
    char score[SINK_REDIS_TIME_MAX];
    if (sink_redis_is_past(sr, key->p, key->len)) {
        return CDC_OK;
    }
    sink_redis_held_key(sr, sink_redis_server_of(sr, key->p, key->len), &own);
    cdc_buffer_init(&member, (size_t)key->len + 32);
    cdc_buffer_add_i64(&member, database);
    cdc_buffer_add_char(&member, ' ');
    cdc_buffer_add(&member, key->p, key->len);
    const cdc_value argv[] = {SINK_REDIS_WORD("ZADD"), sink_redis_bytes(own.name, own.len),
                              sink_redis_bytes(score, cdc_format_i64(score, held_ms)),
                              sink_redis_bytes(member.data, member.len)};
    cdc_rc rc = member.failed ? cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory")
                              : sink_redis_put(sr, 0, argv, 4, 1, err);
    cdc_buffer_fini(&member);
    sr->any_held = true;
    cdc_metric_add(sr->metrics.held, 1);
    return rc;
}

/* --- keys that have moved to another node --- */

static cdc_rc sink_redis_move_held(const sink_redis_handle *sr, const sink_redis_own *from,
                                   const redisReply *member, const redisReply *score,
                                   cdc_error *err)
{
    sink_redis_own to;
    redisReply *reply = NULL;
    const char *key = memchr(member->str, ' ', (size_t)member->len);
    size_t len = key != NULL ? (size_t)(member->str + member->len - ++key) : 0;
    sink_redis_held_key(sr, sink_redis_server_of(sr, key, len), &to);
    if (strcmp(to.name, from->name) == 0) {
        return CDC_OK; /* it is on its way still */
    }
    const cdc_redis_arg add[] = {CDC_REDIS_ARG("ZADD"),
                                 {to.name, to.len},
                                 CDC_REDIS_ARG("NX"), /* there may be a later one by now */
                                 {score->str, (size_t)score->len},
                                 {member->str, (size_t)member->len}};
    const cdc_redis_arg drop[] = {
        CDC_REDIS_ARG("ZREM"), {from->name, from->len}, {member->str, (size_t)member->len}};
    const sink_redis_question adding = {.doing = "ZADD of a held key", .nargs = 5, .args = add};
    const sink_redis_question dropping = {.doing = "ZREM of a held key", .nargs = 3, .args = drop};
    cdc_rc rc = sink_redis_ask_own(sr, &to, &adding, &reply, err);
    if (rc == CDC_OK) {
        freeReplyObject(reply);
        rc = sink_redis_ask_own(sr, from, &dropping, &reply, err);
    }
    if (rc == CDC_OK) {
        freeReplyObject(reply);
    }
    return rc;
}

/* members: each with its time. */
static cdc_rc sink_redis_move_all_held(const sink_redis_handle *sr, const sink_redis_own *from,
                                       const redisReply *members, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; i + 1 < members->elements && rc == CDC_OK; i += 2) {
        rc = sink_redis_move_held(sr, from, members->element[i], members->element[i + 1], err);
    }
    return rc;
}

/* Sets of nodes that have given away the slot of their own keys. */
static cdc_rc sink_redis_held_of_tag(sink_redis_handle *sr, const char *tag, cdc_error *err)
{
    sink_redis_own own;
    bool more = true;
    cdc_rc rc = CDC_OK;
    sink_redis_own_key(&own, tag, sr->node.task, "held");
    while (rc == CDC_OK && more) {
        redisReply *reply = NULL;
        const cdc_redis_arg args[] = {CDC_REDIS_ARG("ZRANGE"),
                                      {own.name, own.len},
                                      CDC_REDIS_ARG("0"),
                                      CDC_REDIS_ARG("999"),
                                      CDC_REDIS_ARG("WITHSCORES")};
        const sink_redis_question qu = {
            .doing = "ZRANGE of the held keys", .nargs = 5, .args = args};
        rc = sink_redis_ask_own(sr, &own, &qu, &reply, err);
        if (rc == CDC_OK) {
            more = reply->elements > 0;
            rc = sink_redis_move_all_held(sr, &own, reply, err);
            freeReplyObject(reply);
        }
    }
    return rc;
}

cdc_rc sink_redis_held_load(sink_redis_handle *sr, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; sr->cluster != NULL && rc == CDC_OK; i++) {
        const char *tag = sink_redis_cluster_old_tag(sr->cluster, i);
        if (tag[0] == '\0') {
            break;
        }
        rc = sink_redis_held_of_tag(sr, tag, err);
    }
    for (uint32_t i = 0; i < sink_redis_servers(sr) && rc == CDC_OK; i++) {
        sink_redis_own own;
        redisReply *reply = NULL;
        cdc_redis *rd = sink_redis_held_key(sr, i, &own);
        const cdc_redis_arg args[] = {CDC_REDIS_ARG("ZCARD"), {own.name, own.len}};
        rc = cdc_redis_ask_args(rd, "ZCARD of the held keys", 2, args, &reply, err);
        if (rc == CDC_OK) {
            sr->any_held = sr->any_held || reply->integer > 0;
            freeReplyObject(reply);
        }
    }
    return rc;
}

/* Everything that the source did up to here is applied, in every partition. */
static int64_t sink_redis_applied_ms(const sink_redis_handle *sr)
{
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < sr->nmarks; i++) {
        int64_t ms = sr->marks[i].source_ms;
        if (ms > 0 && ms < least) {
            least = ms;
        }
    }
    return least == INT64_MAX ? 0 : least - MARGIN_MS;
}

/* Sets left: how many keys are held still. */
static cdc_rc sink_redis_settle_server(const sink_redis_handle *sr, uint32_t server,
                                       const int64_t *values, long long *left, cdc_error *err)
{
    char numbers[3][SINK_REDIS_TIME_MAX];
    sink_redis_own own;
    redisReply *reply = NULL;
    cdc_redis_arg args[7] = {CDC_REDIS_ARG("EVAL"), CDC_REDIS_ARG(SETTLE), CDC_REDIS_ARG("1")};
    cdc_redis *rd = sink_redis_held_key(sr, server, &own);
    args[3] = (cdc_redis_arg){own.name, own.len};
    for (size_t i = 0; i < 3; i++) {
        args[4 + i] = (cdc_redis_arg){numbers[i], cdc_format_i64(numbers[i], values[i])};
    }
    cdc_rc rc = cdc_redis_ask_args(rd, "EVAL of the held expiries", 7, args, &reply, err);
    if (rc != CDC_OK) {
        return rc;
    }
    const redisReply *away = reply->element[1];
    *left += reply->element[0]->integer;
    if (away->elements > 0) {
        rc = sr->cluster != NULL ? sink_redis_cluster_refresh(sr->cluster, err) : CDC_OK;
        rc = rc == CDC_OK ? sink_redis_move_all_held(sr, &own, away, err) : rc;
    }
    freeReplyObject(reply);
    return rc;
}

cdc_rc sink_redis_held_settle(sink_redis_handle *sr, bool idle, cdc_error *err)
{
    int64_t mono_ms = cdc_clock_mono_ms();
    if (!sr->any_held || mono_ms - sr->settled_ms < SETTLE_MS) {
        return CDC_OK;
    }
    int64_t now_ms = cdc_clock_wall_ms();
    int64_t lag_ms = idle ? 0 : now_ms - sr->newest_ms;
    const int64_t values[3] = {sink_redis_applied_ms(sr), now_ms + sink_redis_slack(lag_ms),
                               HOLD_MS};
    long long left = 0;
    cdc_rc rc = CDC_OK;
    sr->settled_ms = mono_ms;
    for (uint32_t i = 0; i < sink_redis_servers(sr) && rc == CDC_OK; i++) {
        rc = sink_redis_settle_server(sr, i, values, &left, err);
    }
    sr->any_held = rc != CDC_OK || left > 0;
    return rc;
}

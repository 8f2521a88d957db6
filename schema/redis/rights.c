#include "rights.h"

/* Of Valkey 9.1 and later, where an account may have the right to some databases only. */
static const char DATABASES_RULE[] = "alldbs";

typedef enum refusal { REFUSED_NOTHING, REFUSED_COMMAND, REFUSED_KEY, REFUSED_DATABASE } refusal;

/* The texts differ between versions: "no permissions to run the 'set' command", "to access one of
 * the keys used as arguments", "to access a key", "to access database". */
static refusal refusal_of(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "NOPERM", 6) != 0) {
        return REFUSED_NOTHING;
    }
    return strstr(reply->str, "access database") != NULL ? REFUSED_DATABASE
           : strstr(reply->str, " access ") != NULL      ? REFUSED_KEY
                                                         : REFUSED_COMMAND;
}

static bool has_rule(const cdc_buffer *lacks, const char *rule)
{
    size_t n = strlen(rule);
    for (size_t at = 0; at + n < lacks->len; at++) {
        if (lacks->data[at] == ' ' && memcmp(lacks->data + at + 1, rule, n) == 0 &&
            (at + 1 + n == lacks->len || lacks->data[at + 1 + n] == ' ')) {
            return true;
        }
    }
    return false;
}

static void add_rule(cdc_buffer *lacks, const char *rule)
{
    if (rule != NULL && !has_rule(lacks, rule)) {
        cdc_buffer_addf(lacks, " %s", rule);
    }
}

cdc_rc cdc_redis_try_all(cdc_redis *rd, const cdc_redis_try *tries, size_t n, cdc_buffer *lacks,
                         cdc_error *err)
{
    for (size_t i = 0; i < n; i++) {
        cdc_redis_append_words(rd, tries[i].words);
    }
    cdc_rc rc = cdc_redis_flush(rd, err);
    for (size_t i = 0; rc == CDC_OK && i < n; i++) {
        redisReply *reply = NULL;
        rc = cdc_redis_reply(rd, &reply, err);
        refusal what = rc == CDC_OK ? refusal_of(reply) : REFUSED_NOTHING;
        if (what == REFUSED_COMMAND) {
            add_rule(lacks, tries[i].rule);
        }
        if (what == REFUSED_COMMAND || what == REFUSED_KEY) {
            add_rule(lacks, tries[i].keys);
        }
        if (what == REFUSED_DATABASE) {
            add_rule(lacks, DATABASES_RULE);
        }
        freeReplyObject(reply);
    }
    return rc;
}

cdc_rc cdc_redis_try_key(cdc_redis *rd, const char *command, cdc_redis_arg key, bool *may,
                         cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_redis_arg args[] = {{command, strlen(command)}, key};
    cdc_redis_append(rd, 2, args);
    cdc_rc rc = cdc_redis_flush(rd, err);
    if (rc == CDC_OK) {
        rc = cdc_redis_reply(rd, &reply, err);
    }
    if (rc == CDC_OK) {
        *may = refusal_of(reply) != REFUSED_KEY;
        freeReplyObject(reply);
    }
    return rc;
}

const char *cdc_redis_account(const cdc_config *cfg, const char *side)
{
    char path[32];
    snprintf(path, sizeof path, "%s.user", side);
    const char *user = cdc_config_str(cfg, path);
    return user != NULL && user[0] != '\0' ? user : "default";
}

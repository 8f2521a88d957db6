#include "rights.h"

/* Of Valkey 9.1 and later, where an account may have the right to some databases only. */
static const char DATABASES_RULE[] = "alldbs";

static bool is_refused(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOPERM", 6) == 0;
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
        if (rc == CDC_OK && is_refused(reply)) {
            const char *rule =
                strstr(reply->str, "access database") != NULL ? DATABASES_RULE : tries[i].rule;
            if (!has_rule(lacks, rule)) {
                cdc_buffer_addf(lacks, " %s", rule);
            }
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
        *may = !is_refused(reply);
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

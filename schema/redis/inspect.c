#include "inspect.h"

#include <stdlib.h>

#include "schema/redis/rights.h"

/* Sends a question; SKIP when the server refuses it to this account. */
static cdc_rc ask(cdc_redis *rd, const char *words, redisReply **out, cdc_error *err)
{
    cdc_redis_append_words(rd, words);
    cdc_rc rc = cdc_redis_flush(rd, err);
    if (rc == CDC_OK) {
        rc = cdc_redis_reply(rd, out, err);
    }
    if (rc == CDC_OK && (*out)->type == REDIS_REPLY_ERROR) {
        bool skip = strncmp((*out)->str, "NOPERM", 6) == 0 ||
                    strncmp((*out)->str, "ERR unknown command", 19) == 0;
        rc = skip ? CDC_SKIP : cdc_redis_refusal(rd, words, (*out)->str, (size_t)(*out)->len, err);
        freeReplyObject(*out);
        *out = NULL;
    }
    return rc;
}

static cdc_rc malformed(const cdc_redis *rd, const char *words, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "redis_answer", "%s: its answer to %s cannot be read",
                         cdc_redis_where(rd), words);
}

cdc_rc cdc_redis_inspect(cdc_redis *rd, cdc_redis_server *sv, cdc_buffer *text, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_rc rc = ask(rd, "INFO", &reply, err);
    if (rc == CDC_OK && reply->type == REDIS_REPLY_STRING) {
        cdc_redis_server_parse(sv, reply->str, (size_t)reply->len);
        if (text != NULL) {
            cdc_buffer_add(text, reply->str, (size_t)reply->len);
        }
    } else if (rc == CDC_OK) {
        rc = malformed(rd, "INFO", err);
    }
    freeReplyObject(reply);
    return rc;
}

cdc_rc cdc_redis_setting(cdc_redis *rd, const char *name, char value[CDC_REDIS_SETTING_MAX],
                         cdc_error *err)
{
    char words[128];
    redisReply *reply = NULL;
    snprintf(words, sizeof words, "CONFIG GET %s", name);
    cdc_rc rc = ask(rd, words, &reply, err);
    value[0] = '\0';
    if (rc == CDC_OK && reply->type != REDIS_REPLY_ARRAY) {
        rc = malformed(rd, words, err);
    }
    if (rc == CDC_OK && reply->elements == 2 && reply->element[1]->type == REDIS_REPLY_STRING) {
        snprintf(value, CDC_REDIS_SETTING_MAX, "%s", reply->element[1]->str);
    }
    freeReplyObject(reply);
    return rc;
}

/* --- items --- */

static const char *item(char name[32], const char *side, const char *check)
{
    snprintf(name, 32, "%s_%s", side, check);
    return name;
}

static bool is_loopback(const char *where)
{
    return strncmp(where, "127.", 4) == 0 || strncmp(where, "localhost:", 10) == 0 ||
           strncmp(where, "[::1]", 5) == 0;
}

void cdc_redis_check_connection(const cdc_redis *rd, const cdc_config *cfg, const char *side,
                                cdc_checklist *list)
{
    char name[32];
    cdc_net_tls tls;
    const char *where = cdc_redis_where(rd);
    cdc_net_tls_read(&tls, cfg, side);
    cdc_checklist_add(list, item(name, side, "connect"), CDC_CHECK_PASS, where, "connected as %s",
                      cdc_redis_account(cfg, side));
    bool plain = tls.mode == CDC_TLS_OFF && !is_loopback(where);
    cdc_checklist_add(list, item(name, side, "tls"), plain ? CDC_CHECK_WARN : CDC_CHECK_PASS, where,
                      "%s",
                      tls.mode != CDC_TLS_OFF ? "encrypted"
                      : plain ? "not encrypted: the password and all data can be read on the way"
                              : "not encrypted, and on this host");
    if (plain) {
        cdc_checklist_cure(list, "%s.tls: {mode: verify-identity, ca: FILE}", side);
    }
}

cdc_rc cdc_redis_check_clock(cdc_redis *rd, const char *side, cdc_checklist *list, cdc_error *err)
{
    char name[32];
    redisReply *reply = NULL;
    cdc_rc rc = ask(rd, "TIME", &reply, err);
    if (rc == CDC_OK && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
                         reply->element[0]->type != REDIS_REPLY_STRING ||
                         reply->element[1]->type != REDIS_REPLY_STRING)) {
        rc = malformed(rd, "TIME", err);
    }
    if (rc == CDC_OK) {
        int64_t ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
                     strtoll(reply->element[1]->str, NULL, 10) / 1000;
        cdc_checklist_clock(list, item(name, side, "clock"), cdc_redis_where(rd), ms);
    }
    freeReplyObject(reply);
    return rc == CDC_SKIP ? CDC_OK : rc;
}

void cdc_redis_check_others(cdc_checklist *list, size_t first, const char *side)
{
    char name[32];
    item(name, side, "connect");
    for (size_t i = first; i < list->n; i++) {
        if (list->items[i].status == CDC_CHECK_FAIL && strcmp(list->items[i].name, name) == 0) {
            list->items[i].status = CDC_CHECK_WARN;
        }
    }
}

void cdc_redis_check_pass(cdc_checklist *list, const char *name, const char *object,
                          const char *reason)
{
    if (!cdc_checklist_has(list, name)) {
        cdc_checklist_add(list, name, CDC_CHECK_PASS, object, "%s", reason);
    }
}

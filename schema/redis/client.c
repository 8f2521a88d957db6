#include "client.h"

#include <stdlib.h>

enum {
    CONNECT_MS = 10000,
    READ_BYTES = 256 * 1024,
    OUT_KEEP = 8 * 1024 * 1024, /* a larger buffer is given back after the flush */
};
static const size_t OUT_MAX = (size_t)1 << 30;

struct cdc_redis {
    cdc_net *net; /* NULL: taken */
    redisReader *reader;
    cdc_buffer out;
    char *in; /* READ_BYTES */
    const char *option;
    char where[CDC_NET_HOST_MAX + 16];
};

/* --- opening --- */

void cdc_redis_login_read(cdc_redis_login *login, const cdc_config *cfg, const char *side)
{
    char path[64];
    snprintf(path, sizeof path, "%s.user", side);
    login->user = cdc_config_str(cfg, path);
    snprintf(path, sizeof path, "%s.password", side);
    login->password = cdc_config_secret(cfg, path);
    cdc_net_tls_read(&login->tls, cfg, side);
    login->option = strcmp(side, "source") == 0 ? "source" : "target";
}

static cdc_rc cdc_redis_log_in(cdc_redis *rd, const cdc_redis_login *login, cdc_error *err)
{
    bool named = login->user != NULL && login->user[0] != '\0';
    redisReply *reply = NULL;
    if (login->password == NULL || login->password[0] == '\0') {
        if (!named) {
            return CDC_OK;
        }
        return cdc_error_refuse(err, "redis_password", "%s: %s.user %s needs %s.password",
                                rd->where, login->option, login->user, login->option);
    }
    cdc_redis_arg args[3] = {CDC_REDIS_ARG("AUTH")};
    size_t n = 1;
    if (named) {
        args[n++] = (cdc_redis_arg){login->user, strlen(login->user)};
    }
    args[n++] = (cdc_redis_arg){login->password, strlen(login->password)};
    cdc_rc rc = cdc_redis_ask_args(rd, "AUTH", n, args, &reply, err);
    if (rc == CDC_OK) {
        freeReplyObject(reply);
    } else if (rc == CDC_FATAL) {
        err->exit = CDC_EXIT_REFUSED;
    }
    return rc;
}

/* The first question: does it speak the protocol, and to us? */
static cdc_rc cdc_redis_greet(cdc_redis *rd, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_redis_append_words(rd, "PING");
    cdc_rc rc = cdc_redis_flush(rd, err);
    if (rc == CDC_OK) {
        rc = cdc_redis_reply(rd, &reply, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOPERM", 6) != 0) {
        rc = cdc_redis_refusal(rd, "PING", reply->str, (size_t)reply->len, err);
    }
    freeReplyObject(reply);
    return rc;
}

static cdc_rc cdc_redis_new(cdc_redis **out, cdc_error *err)
{
    cdc_redis *rd = calloc(1, sizeof *rd);
    *out = NULL;
    if (rd != NULL) {
        cdc_buffer_init(&rd->out, OUT_MAX);
        rd->in = malloc(READ_BYTES);
        rd->reader = redisReaderCreate();
    }
    if (rd != NULL && rd->reader != NULL) {
        rd->reader->maxbuf = 0; /* its buffer is kept for the next replies */
    }
    if (rd == NULL || rd->in == NULL || rd->reader == NULL) {
        cdc_redis_close(rd);
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a connection");
    }
    *out = rd;
    return CDC_OK;
}

/* A server that wants another kind of connection often just ends it. */
static void cdc_redis_turned_away(const cdc_redis_login *login, cdc_rc rc, cdc_error *err)
{
    char text[CDC_ERROR_TEXT_MAX];
    if (rc == CDC_RETRY &&
        (strcmp(err->code, "net_closed") == 0 || strcmp(err->code, "net_lost") == 0)) {
        snprintf(text, sizeof text, "%s", err->text);
        cdc_error_set(err, CDC_RETRY, "redis_turned_away",
                      "%s before its first answer: if this stays, check %s (mode, cert, key) "
                      "against what the port wants",
                      text, login->tls.option);
    }
}

cdc_rc cdc_redis_open(cdc_redis **out, const char *host, unsigned port,
                      const cdc_redis_login *login, cdc_error *err)
{
    cdc_redis *rd = NULL;
    *out = NULL;
    cdc_rc rc = cdc_redis_new(&rd, err);
    if (rc != CDC_OK) {
        return rc;
    }
    rd->option = login->option;
    rc = cdc_net_open(&rd->net, host, port, &login->tls, CONNECT_MS, err);
    if (rc != CDC_OK) {
        goto out;
    }
    snprintf(rd->where, sizeof rd->where, "%s", cdc_net_where(rd->net));
    rc = cdc_redis_log_in(rd, login, err);
    if (rc == CDC_OK) {
        rc = cdc_redis_greet(rd, err);
    }
    if (rc != CDC_OK) {
        cdc_redis_turned_away(login, rc, err);
        goto out;
    }
    *out = rd;
    rd = NULL;

out:
    cdc_redis_close(rd);
    return rc == CDC_OK ? rc : cdc_error_context(err, "%s", login->option);
}

cdc_rc cdc_redis_open_host(cdc_redis **out, const cdc_config *cfg, const char *side, size_t i,
                           cdc_error *err)
{
    char path[64];
    char host[CDC_NET_HOST_MAX];
    unsigned port = 0;
    cdc_redis_login login;
    *out = NULL;
    snprintf(path, sizeof path, "%s.hosts", side);
    const char *text = cdc_config_item(cfg, path, i);
    if (!cdc_net_split(text, CDC_REDIS_PORT, host, sizeof host, &port)) {
        return cdc_error_refuse(err, "net_host", "%s: %s is no host:port", path, text);
    }
    cdc_redis_login_read(&login, cfg, side);
    return cdc_redis_open(out, host, port, &login, err);
}

cdc_rc cdc_redis_open_any(cdc_redis **out, const cdc_config *cfg, const char *side, cdc_error *err)
{
    char path[64];
    cdc_rc rc = CDC_RETRY;
    snprintf(path, sizeof path, "%s.hosts", side);
    size_t hosts = cdc_config_count(cfg, path);
    for (size_t i = 0; i < hosts && rc == CDC_RETRY; i++) {
        cdc_error_clear(err);
        rc = cdc_redis_open_host(out, cfg, side, i, err);
    }
    return rc;
}

void cdc_redis_close(cdc_redis *rd)
{
    if (rd == NULL) {
        return;
    }
    cdc_net_close(rd->net);
    if (rd->reader != NULL) {
        redisReaderFree(rd->reader);
    }
    cdc_buffer_fini(&rd->out);
    free(rd->in);
    free(rd);
}

void cdc_redis_shutdown(cdc_redis *rd)
{
    if (rd->net != NULL) {
        cdc_net_shutdown(rd->net);
    }
}

const char *cdc_redis_where(const cdc_redis *rd)
{
    return rd->where;
}

/* --- commands --- */

static void cdc_redis_add_head(cdc_buffer *out, char kind, uint64_t n)
{
    char *at = cdc_buffer_reserve(out, 24);
    if (at == NULL) {
        return;
    }
    *at = kind;
    size_t digits = cdc_format_u64(at + 1, n);
    memcpy(at + 1 + digits, "\r\n", 2);
    out->len += digits + 3;
}

void cdc_redis_add_bulk(cdc_buffer *out, const void *p, size_t len)
{
    char *at = cdc_buffer_reserve(out, 24 + len + 2);
    if (at == NULL) {
        return;
    }
    cdc_redis_add_head(out, '$', len);
    at = out->data + out->len;
    if (len > 0) {
        memcpy(at, p, len);
    }
    memcpy(at + len, "\r\n", 2);
    out->len += len + 2;
}

void cdc_redis_append(cdc_redis *rd, size_t nargs, const cdc_redis_arg *args)
{
    cdc_redis_add_head(&rd->out, '*', nargs);
    for (size_t i = 0; i < nargs; i++) {
        cdc_redis_add_bulk(&rd->out, args[i].p, args[i].len);
    }
}

void cdc_redis_append_words(cdc_redis *rd, const char *words)
{
    cdc_redis_arg args[16];
    size_t n = 0;
    while (n < sizeof args / sizeof args[0]) {
        const char *end = strchrnul(words, ' ');
        args[n++] = (cdc_redis_arg){words, (size_t)(end - words)};
        if (*end == '\0') {
            break;
        }
        words = end + 1;
    }
    cdc_redis_append(rd, n, args);
}

void cdc_redis_append_values(cdc_redis *rd, size_t nargs, const cdc_value *args)
{
    cdc_redis_add_head(&rd->out, '*', nargs);
    for (size_t i = 0; i < nargs; i++) {
        cdc_redis_add_bulk(&rd->out, args[i].p, args[i].len);
    }
}

void cdc_redis_append_raw(cdc_redis *rd, const char *p, size_t len)
{
    cdc_buffer_add(&rd->out, p, len);
}

void cdc_redis_append_bulks(cdc_redis *rd, const char *name, size_t nargs, const cdc_buffer *bulks)
{
    cdc_redis_add_head(&rd->out, '*', nargs + 1);
    cdc_redis_add_bulk(&rd->out, name, strlen(name));
    cdc_buffer_add(&rd->out, bulks->data, bulks->len);
}

size_t cdc_redis_waiting(const cdc_redis *rd)
{
    return rd->out.len;
}

cdc_rc cdc_redis_flush(cdc_redis *rd, cdc_error *err)
{
    cdc_buffer *out = &rd->out;
    if (out->failed) {
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "%s: out of memory for commands of more than %zu bytes", rd->where,
                             out->len);
    }
    cdc_rc rc = cdc_net_write(rd->net, out->data, out->len, CDC_REDIS_REPLY_MS, err);
    if (out->cap > OUT_KEEP) {
        cdc_buffer_fini(out);
        cdc_buffer_init(out, OUT_MAX);
    }
    cdc_buffer_reset(out);
    return rc;
}

/* --- replies --- */

static cdc_rc cdc_redis_bad_protocol(const cdc_redis *rd, cdc_error *err)
{
    if (rd->reader->err == REDIS_ERR_OOM) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "%s: out of memory for a reply",
                             rd->where);
    }
    return cdc_error_refuse(err, "redis_protocol",
                            "%s: it does not answer as a Redis does (%s): check the port, and "
                            "%s.tls.mode if it speaks TLS there",
                            rd->where, rd->reader->errstr, rd->option);
}

static cdc_rc cdc_redis_fill(cdc_redis *rd, cdc_error *err)
{
    size_t got = 0;
    cdc_rc rc = cdc_net_read(rd->net, rd->in, READ_BYTES, &got, CDC_REDIS_REPLY_MS, err);
    if (rc == CDC_AGAIN) {
        return cdc_error_set(err, CDC_RETRY, "net_timeout",
                             "%s: no answer for %d s: the server is busy with a slow command, or "
                             "hangs",
                             rd->where, CDC_REDIS_REPLY_MS / 1000);
    }
    if (rc == CDC_OK && redisReaderFeed(rd->reader, rd->in, got) != REDIS_OK) {
        return cdc_redis_bad_protocol(rd, err);
    }
    return rc;
}

cdc_rc cdc_redis_reply(cdc_redis *rd, redisReply **out, cdc_error *err)
{
    void *reply = NULL;
    *out = NULL;
    for (;;) {
        if (redisReaderGetReply(rd->reader, &reply) != REDIS_OK) {
            return cdc_redis_bad_protocol(rd, err);
        }
        if (reply != NULL) {
            *out = reply;
            return CDC_OK;
        }
        cdc_rc rc = cdc_redis_fill(rd, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
}

/* --- replies that are only looked at for errors --- */

static int skimmed; /* its address stands for every reply: never looked into */

static void *cdc_redis_skim_string(const redisReadTask *task, char *str, size_t len)
{
    cdc_redis_faults *faults = task->privdata;
    bool shallow = task->parent == NULL || task->parent->parent == NULL;
    if (task->type == REDIS_REPLY_ERROR && shallow && faults->errors++ == 0) {
        faults->element = task->parent == NULL ? -1 : task->idx;
        snprintf(faults->text, sizeof faults->text, "%.*s",
                 (int)(len < sizeof faults->text ? len : sizeof faults->text - 1), str);
    }
    return &skimmed;
}

static void *cdc_redis_skim_array(const redisReadTask *task, int elements)
{
    (void)task;
    (void)elements;
    return &skimmed;
}

static void *cdc_redis_skim_integer(const redisReadTask *task, long long value)
{
    (void)task;
    (void)value;
    return &skimmed;
}

static void *cdc_redis_skim_nil(const redisReadTask *task)
{
    cdc_redis_faults *faults = task->privdata;
    faults->nil = faults->nil || task->parent == NULL;
    return &skimmed;
}

static void cdc_redis_skim_free(void *reply)
{
    (void)reply;
}

cdc_rc cdc_redis_skim(cdc_redis *rd, uint32_t n, cdc_redis_faults *faults, cdc_error *err)
{
    static redisReplyObjectFunctions light = {cdc_redis_skim_string, cdc_redis_skim_array,
                                              cdc_redis_skim_integer, cdc_redis_skim_nil,
                                              cdc_redis_skim_free};
    redisReplyObjectFunctions *full = rd->reader->fn;
    cdc_rc rc = CDC_OK;
    *faults = (cdc_redis_faults){.element = -1};
    rd->reader->fn = &light;
    rd->reader->privdata = faults;
    for (uint32_t i = 0; i < n && rc == CDC_OK; i++) {
        redisReply *reply = NULL;
        uint32_t before = faults->errors;
        rc = cdc_redis_reply(rd, &reply, err);
        if (before == 0 && faults->errors > 0) {
            faults->reply = i;
        }
    }
    if (rc == CDC_OK) { /* otherwise a reply may be half read, and is the light ones' to free */
        rd->reader->fn = full;
        rd->reader->privdata = NULL;
    }
    return rc;
}

static cdc_rc cdc_redis_answer(cdc_redis *rd, const char *doing, redisReply **out, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_rc rc = cdc_redis_flush(rd, err);
    if (rc == CDC_OK) {
        rc = cdc_redis_reply(rd, &reply, err);
    }
    if (rc == CDC_OK && reply->type == REDIS_REPLY_ERROR) {
        rc = cdc_redis_refusal(rd, doing, reply->str, (size_t)reply->len, err);
        freeReplyObject(reply);
        reply = NULL;
    }
    *out = reply;
    return rc;
}

cdc_rc cdc_redis_ask_args(cdc_redis *rd, const char *doing, size_t nargs, const cdc_redis_arg *args,
                          redisReply **out, cdc_error *err)
{
    cdc_redis_append(rd, nargs, args);
    return cdc_redis_answer(rd, doing, out, err);
}

cdc_rc cdc_redis_ask(cdc_redis *rd, const char *words, redisReply **out, cdc_error *err)
{
    cdc_redis_append_words(rd, words);
    return cdc_redis_answer(rd, words, out, err);
}

/* --- errors --- */

typedef struct cdc_redis_cure {
    const char *word;
    cdc_rc rc;
    bool refuse;
    const char *cure;
} cdc_redis_cure;

static const cdc_redis_cure cures[] = {
    {"LOADING", CDC_RETRY, false, "the server loads its data"},
    {"BUSY", CDC_RETRY, false, "a script or function runs there: SCRIPT KILL or FUNCTION KILL"},
    {"READONLY", CDC_RETRY, false,
     "it is a replica: name the master in hosts, or end its failover"},
    {"MASTERDOWN", CDC_RETRY, false, "the replica has lost its master"},
    {"CLUSTERDOWN", CDC_RETRY, false, "the cluster lacks slots: mend it (CLUSTER INFO)"},
    {"TRYAGAIN", CDC_RETRY, false, "slots are on their way between nodes"},
    {"MOVED", CDC_RETRY, false, "a slot has moved to another node"},
    {"ASK", CDC_RETRY, false, "a slot is on its way to another node"},
    {"MISCONF", CDC_RETRY, false, "it cannot save its data: free its disk"},
    {"NOREPLICAS", CDC_RETRY, false, "it lacks replicas for min-replicas-to-write"},
    {"OOM", CDC_FATAL, false,
     "its memory is full: raise maxmemory (CONFIG SET maxmemory), or free "
     "keys there"},
    {"NOAUTH", CDC_FATAL, true, "it wants a login: give user and password"},
    {"WRONGPASS", CDC_FATAL, true, "check user and password (ACL LIST)"},
    {"NOPERM", CDC_FATAL, true, "the account lacks rights: ACL SETUSER, see docs/accounts.md"},
    {"DENIED", CDC_FATAL, true, "protected mode: set a password there, or protected-mode no"},
};

static const cdc_redis_cure *cdc_redis_find_cure(const char *text, size_t word)
{
    static const cdc_redis_cure full = {"ERR", CDC_RETRY, false, "raise its maxclients"};
    static const char full_text[] = "ERR max number of clients";
    if (strncmp(text, full_text, sizeof full_text - 1) == 0) {
        return &full;
    }
    for (size_t i = 0; i < sizeof cures / sizeof cures[0]; i++) {
        if (strlen(cures[i].word) == word && memcmp(cures[i].word, text, word) == 0) {
            return &cures[i];
        }
    }
    return NULL;
}

/* Length of the error's first word, if it is one of capitals. */
static size_t cdc_redis_first_word(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && ((text[n] >= 'A' && text[n] <= 'Z') || text[n] == '_')) {
        n++;
    }
    return n == len || text[n] == ' ' ? n : 0;
}

/* Before 7.0 an error in a script comes behind its place: "@user_script: 1: -OOM command ...". */
static void cdc_redis_unwrap(const char **text, size_t *len)
{
    static const char place[] = "@user_script: ";
    const char *end = *text + *len;
    const char *at = memmem(*text, *len, place, sizeof place - 1);
    const char *error = at != NULL ? memmem(at, (size_t)(end - at), ": -", 3) : NULL;
    if (error != NULL) {
        *text = error + 3;
        *len = (size_t)(end - *text);
    }
}

cdc_rc cdc_redis_refusal(const cdc_redis *rd, const char *doing, const char *text, size_t len,
                         cdc_error *err)
{
    cdc_redis_unwrap(&text, &len);
    size_t word = cdc_redis_first_word(text, len);
    const cdc_redis_cure *found = cdc_redis_find_cure(text, word);
    char code[sizeof err->code] = "redis_";
    size_t at = strlen(code);
    for (size_t i = 0; i < word && at < sizeof code - 1; i++) {
        code[at++] = (char)(text[i] == '_' ? '_' : text[i] - 'A' + 'a');
    }
    code[at] = '\0';
    if (word == 0 || (word == 3 && memcmp(text, "ERR", 3) == 0)) {
        snprintf(code, sizeof code, "redis_err");
    }
    cdc_error_set(err, found != NULL ? found->rc : CDC_FATAL, code, "%s: %s: %.*s%s%s", rd->where,
                  doing, (int)(len < 256 ? len : 256), text, found != NULL ? ": " : "",
                  found != NULL ? found->cure : "");
    if (found != NULL && found->refuse) {
        err->exit = CDC_EXIT_REFUSED;
    }
    return err->rc;
}

/* --- the stream itself --- */

const cdc_net *cdc_redis_net(const cdc_redis *rd)
{
    return rd->net;
}

cdc_net *cdc_redis_take_net(cdc_redis *rd, const char **rest, size_t *nrest)
{
    cdc_net *net = rd->net;
    *rest = rd->reader->buf != NULL ? rd->reader->buf + rd->reader->pos : "";
    *nrest = rd->reader->len - rd->reader->pos;
    rd->net = NULL;
    return net;
}

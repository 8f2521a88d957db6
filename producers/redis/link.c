#include "link.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "heartbeat.h"
#include "open.h"
#include "server_checks.h"

enum { ACK_MS = 1000, WRITE_MS = 5000, ANSWER_MS = 60000, LINE_BYTES = 256 };

struct src_redis_link {
    const cdc_env *env;
    cdc_redis *rd;
    cdc_net *net; /* from psync on */
    cdc_redis_server info;
    char server[SRC_REDIS_SERVER_BYTES];
    const char *rest; /* read behind the answer, not yet given */
    size_t nrest;
    /* the link's thread */
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock; /* of what follows, and of writing to net */
    pthread_cond_t wake;
    bool stop;
    bool online;                   /* the file is complete */
    uint64_t offset;               /* to tell */
    src_redis_heartbeat heartbeat; /* the thread's own */
};

/* --- the link's thread --- */

/* Under the lock. Whether the connection holds is the reader's to see. */
static void tell(src_redis_link *link)
{
    char text[96] = "\n"; /* we are there, and busy with the file */
    cdc_error ignored;
    if (link->online) {
        char number[24];
        number[cdc_format_u64(number, link->offset)] = '\0';
        snprintf(text, sizeof text, "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$%zu\r\n%s\r\n",
                 strlen(number), number);
    }
    cdc_error_clear(&ignored);
    if (cdc_net_write(link->net, text, strlen(text), WRITE_MS, &ignored) != CDC_OK) {
        cdc_net_shutdown(link->net);
    }
}

static void *link_main(void *arg)
{
    src_redis_link *link = arg;
    pthread_mutex_lock(&link->lock);
    while (!link->stop) {
        int64_t until_us = cdc_clock_wall_us() + ACK_MS * INT64_C(1000);
        struct timespec at = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
        if (pthread_cond_timedwait(&link->wake, &link->lock, &at) == 0 || link->stop) {
            continue;
        }
        tell(link);
        pthread_mutex_unlock(&link->lock);
        src_redis_heartbeat_beat(&link->heartbeat);
        pthread_mutex_lock(&link->lock);
    }
    pthread_mutex_unlock(&link->lock);
    return NULL;
}

void src_redis_link_progress(src_redis_link *link, uint64_t offset, bool at_once)
{
    pthread_mutex_lock(&link->lock);
    link->offset = offset;
    if (!link->online || at_once) {
        link->online = true;
        tell(link);
    }
    pthread_mutex_unlock(&link->lock);
}

/* --- opening --- */

cdc_rc src_redis_link_refresh(src_redis_link *link, cdc_error *err)
{
    redisReply *reply = NULL;
    cdc_rc rc = cdc_redis_ask(link->rd, "INFO", &reply, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_redis_server_parse(&link->info, reply->str != NULL ? reply->str : "", (size_t)reply->len);
    freeReplyObject(reply);
    if (link->info.is_loading) {
        return cdc_error_set(err, CDC_RETRY, "redis_loading", "%s: the server loads its data",
                             link->server);
    }
    return CDC_OK;
}

cdc_rc src_redis_link_open(src_redis_link **out, const cdc_env *env, const char *host,
                           cdc_error *err)
{
    *out = NULL;
    src_redis_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a connection");
    }
    link->env = env;
    pthread_mutex_init(&link->lock, NULL);
    pthread_cond_init(&link->wake, NULL);
    snprintf(link->server, sizeof link->server, "%s", host);
    cdc_rc rc = src_redis_open(&link->rd, env, host, err);
    if (rc == CDC_OK) {
        rc = src_redis_check(link->rd, env, err);
    }
    if (rc == CDC_OK) {
        rc = src_redis_link_refresh(link, err);
    }
    if (rc != CDC_OK) {
        src_redis_link_close(link);
        return rc;
    }
    *out = link;
    return CDC_OK;
}

const cdc_redis_server *src_redis_link_info(const src_redis_link *link)
{
    return &link->info;
}

const char *src_redis_link_server(const src_redis_link *link)
{
    return link->server;
}

/* --- PSYNC --- */

/* The server lists us among its replicas with the port that we are connected from. Valkey 9 gives
 * one that does not tell its version an RDB 11, which fails as soon as the field of a hash expires.
 */
static cdc_rc introduce(src_redis_link *link, cdc_error *err)
{
    enum { VALKEY_9 = 90000 };
    char words[64];
    redisReply *reply = NULL;
    snprintf(words, sizeof words, "REPLCONF listening-port %u",
             cdc_net_local_port(cdc_redis_net(link->rd)));
    cdc_rc rc = cdc_redis_ask(link->rd, words, &reply, err);
    freeReplyObject(reply);
    if (rc == CDC_OK) {
        rc = cdc_redis_ask(link->rd, "REPLCONF capa eof capa psync2", &reply, err);
        freeReplyObject(reply);
    }
    if (rc == CDC_OK && link->info.is_valkey && link->info.version >= VALKEY_9) {
        snprintf(words, sizeof words, "REPLCONF version %s", link->info.version_text);
        rc = cdc_redis_ask(link->rd, words, &reply, err);
        freeReplyObject(reply);
    }
    return rc;
}

/* The next byte behind PSYNC. */
static cdc_rc next_byte(src_redis_link *link, char *byte, int64_t deadline_ms, cdc_error *err)
{
    size_t got = 0;
    int64_t left = deadline_ms - cdc_clock_mono_ms();
    cdc_rc rc = src_redis_link_read(link, byte, 1, &got, left > 0 ? (int)left : 0, err);
    return rc != CDC_AGAIN
               ? rc
               : cdc_error_set(err, CDC_RETRY, "redis_psync_timeout",
                               "%s: no answer to PSYNC for %d s", link->server, ANSWER_MS / 1000);
}

/* The line that answers; empty ones before it say that the server is busy with it. */
static cdc_rc read_answer(src_redis_link *link, char line[LINE_BYTES], cdc_error *err)
{
    int64_t deadline_ms = cdc_clock_mono_ms() + ANSWER_MS;
    size_t n = 0;
    for (;;) {
        char byte = 0;
        cdc_rc rc = next_byte(link, &byte, deadline_ms, err);
        if (rc != CDC_OK) {
            return rc;
        }
        if (byte == '\n' && n > 0) {
            line[n] = '\0';
            return CDC_OK;
        }
        if (byte != '\n' && byte != '\r' && n < LINE_BYTES - 1) {
            line[n++] = byte;
        }
    }
}

static cdc_rc refused(const src_redis_link *link, const char *line, cdc_error *err)
{
    bool passes = strncmp(line, "-NOMASTERLINK", 13) == 0 || strncmp(line, "-LOADING", 8) == 0 ||
                  strstr(line, "Can't SYNC") != NULL;
    if (passes) {
        return cdc_error_set(err, CDC_RETRY, "redis_psync", "%s: PSYNC: %.150s", link->server,
                             line + 1);
    }
    return cdc_error_refuse(err, "redis_psync",
                            "%s: PSYNC: %.150s: the account must be allowed PSYNC and REPLCONF "
                            "(docs/accounts.md)",
                            link->server, line);
}

/* "+FULLRESYNC REPLID OFFSET", "+CONTINUE[ REPLID]", "-..." */
static cdc_rc parse_answer(const src_redis_link *link, const char *line,
                           const src_redis_place *place, src_redis_link_answer *answer,
                           cdc_error *err)
{
    static const char full[] = "+FULLRESYNC ";
    static const char on[] = "+CONTINUE";
    *answer = (src_redis_link_answer){.full = strncmp(line, full, sizeof full - 1) == 0};
    const char *id = line + (answer->full ? sizeof full - 1 : sizeof on - 1);
    bool known = false;
    if (answer->full) {
        size_t n = strcspn(id, " ");
        known = src_redis_is_replid(id, n) && id[n] == ' ';
        snprintf(answer->replid, sizeof answer->replid, "%.*s", (int)n, id);
        answer->offset = known ? strtoull(id + n, NULL, 10) : 0;
    } else if (strncmp(line, on, sizeof on - 1) == 0 && place != NULL) {
        id += strspn(id, " ");
        known = *id == '\0' || src_redis_is_replid(id, strlen(id));
        snprintf(answer->replid, sizeof answer->replid, "%s", *id == '\0' ? place->replid : id);
        answer->offset = place->offset;
    }
    return known ? CDC_OK : refused(link, line, err);
}

cdc_rc src_redis_link_psync(src_redis_link *link, const src_redis_place *place,
                            const char *heartbeat, src_redis_link_answer *answer, cdc_error *err)
{
    char words[SRC_REDIS_REPLID_BYTES + 64];
    char line[LINE_BYTES];
    if (place != NULL && place->replid[0] == '\0') {
        place = NULL;
    }
    cdc_rc rc = introduce(link, err);
    if (rc != CDC_OK) {
        return rc;
    }
    snprintf(words, sizeof words, "PSYNC %s %lld", place != NULL ? place->replid : "?",
             place != NULL ? (long long)place->offset + 1 : -1LL);
    cdc_redis_append_words(link->rd, words);
    rc = cdc_redis_flush(link->rd, err);
    if (rc != CDC_OK) {
        return rc;
    }
    link->net = cdc_redis_take_net(link->rd, &link->rest, &link->nrest);
    rc = read_answer(link, line, err);
    if (rc == CDC_OK) {
        rc = parse_answer(link, line, place, answer, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    src_redis_heartbeat_init(&link->heartbeat, link->env, link->server, heartbeat);
    link->online = !answer->full;
    link->offset = answer->offset;
    link->runs = pthread_create(&link->thread, NULL, link_main, link) == 0;
    return link->runs ? CDC_OK
                      : cdc_error_set(err, CDC_FATAL, "memory", "out of threads for a connection");
}

void src_redis_link_heartbeat(src_redis_link *link, const char *key)
{
    src_redis_heartbeat_name(&link->heartbeat, key);
}

const cdc_net *src_redis_link_net(const src_redis_link *link)
{
    return link->net;
}

cdc_rc src_redis_link_read(src_redis_link *link, void *p, size_t size, size_t *got, int timeout_ms,
                           cdc_error *err)
{
    if (link->nrest > 0) {
        *got = link->nrest < size ? link->nrest : size;
        memcpy(p, link->rest, *got);
        link->rest += *got;
        link->nrest -= *got;
        return CDC_OK;
    }
    return cdc_net_read(link->net, p, size, got, timeout_ms, err);
}

void src_redis_link_close(src_redis_link *link)
{
    if (link == NULL) {
        return;
    }
    if (link->net != NULL) {
        cdc_net_shutdown(link->net);
    }
    if (link->runs) {
        pthread_mutex_lock(&link->lock);
        link->stop = true;
        pthread_cond_signal(&link->wake);
        pthread_mutex_unlock(&link->lock);
        src_redis_heartbeat_stop(&link->heartbeat);
        pthread_join(link->thread, NULL);
        src_redis_heartbeat_fini(&link->heartbeat);
    }
    cdc_net_close(link->net);
    cdc_redis_close(link->rd);
    pthread_cond_destroy(&link->wake);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

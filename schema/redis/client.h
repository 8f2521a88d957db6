/* cdc_redis: one connection to a Redis or Valkey, in RESP2: commands are appended to a buffer, sent
 * together, and answered in their order
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 *
 * One thread, but for cdc_redis_shutdown. The bytes come and go by core/net.h, replies are parsed
 * by hiredis. Results: RETRY for what passes by itself, FATAL with exit 3 where the account or the
 * server is not fit; an error that the server answers is a reply like others, until
 * cdc_redis_refusal has made a cdc_error of it. No message holds the password or an argument. */
#ifndef CDC_REDIS_CLIENT_H
#define CDC_REDIS_CLIENT_H

#include <hiredis/hiredis.h>

#include "core/buffer.h"
#include "core/net.h"
#include "core/value.h"

#define CDC_REDIS_PORT 6379
#define CDC_REDIS_REPLY_MS 60000 /* the longest that a server may be busy with one command */

typedef struct cdc_redis_arg {
    const char *p;
    size_t len;
} cdc_redis_arg;

/* A constant as an argument. */
#define CDC_REDIS_ARG(text) ((cdc_redis_arg){(text), sizeof(text) - 1})

/* How to log in; strings are borrowed. */
typedef struct cdc_redis_login {
    const char *user;     /* NULL or "": the server's default account */
    const char *password; /* NULL or "": AUTH is not sent */
    cdc_net_tls tls;
    const char *option; /* of which the messages speak: "source" or "target" */
} cdc_redis_login;

/* The options SIDE.user, SIDE.password and SIDE.tls. */
void cdc_redis_login_read(cdc_redis_login *login, const cdc_config *cfg, const char *side);

typedef struct cdc_redis cdc_redis;

/* Connects and logs in, within 10 s. */
cdc_rc cdc_redis_open(cdc_redis **out, const char *host, unsigned port,
                      const cdc_redis_login *login, cdc_error *err) CDC_MUST_CHECK;
/* Entry i of SIDE.hosts. */
cdc_rc cdc_redis_open_host(cdc_redis **out, const cdc_config *cfg, const char *side, size_t i,
                           cdc_error *err) CDC_MUST_CHECK;
/* The first entry of SIDE.hosts that can be reached and lets us in; the error is the last one's. */
cdc_rc cdc_redis_open_any(cdc_redis **out, const cdc_config *cfg, const char *side,
                          cdc_error *err) CDC_MUST_CHECK;
void cdc_redis_close(cdc_redis *rd);    /* at once; NULL is fine */
void cdc_redis_shutdown(cdc_redis *rd); /* any thread: what waits, and all after it, is RETRY */

const char *cdc_redis_where(const cdc_redis *rd); /* "host:port" */

/* --- commands --- */

/* Adds one command to what the next flush sends. The buffer takes 1 GB; more is told by flush. */
void cdc_redis_append(cdc_redis *rd, size_t nargs, const cdc_redis_arg *args);
/* The same from values of kind CDC_BYTES. */
void cdc_redis_append_values(cdc_redis *rd, size_t nargs, const cdc_value *args);
/* Bytes of whole commands, or of parts that make a whole before the flush. */
void cdc_redis_append_raw(cdc_redis *rd, const char *p, size_t len);
/* A command from its name and its nargs arguments, which are bulks already. */
void cdc_redis_append_bulks(cdc_redis *rd, const char *name, size_t nargs, const cdc_buffer *bulks);
/* Adds a bulk of RESP to a buffer. */
void cdc_redis_add_bulk(cdc_buffer *out, const void *p, size_t len);
/* Words separated by single spaces: "CONFIG GET maxmemory". */
void cdc_redis_append_words(cdc_redis *rd, const char *words);
/* Bytes that wait for the next flush. */
size_t cdc_redis_waiting(const cdc_redis *rd);

cdc_rc cdc_redis_flush(cdc_redis *rd, cdc_error *err) CDC_MUST_CHECK;

/* --- replies --- */

/* The next reply, also one of type REDIS_REPLY_ERROR; flush first. freeReplyObject it. RETRY: the
 * connection is lost, or no answer came for CDC_REDIS_REPLY_MS. */
cdc_rc cdc_redis_reply(cdc_redis *rd, redisReply **out, cdc_error *err) CDC_MUST_CHECK;

/* What replies that nobody looks at told besides success. */
typedef struct cdc_redis_faults {
    uint32_t errors; /* error replies, and those that are an element of a reply */
    uint32_t reply;  /* of the first: number of the reply, from 0... */
    int32_t element; /* ...and of the element in it; -1: the reply itself */
    bool nil;        /* a reply was nil */
    char text[256];  /* the first error, cut */
} cdc_redis_faults;

/* Takes n replies without keeping them, a good deal faster than cdc_redis_reply. */
cdc_rc cdc_redis_skim(cdc_redis *rd, uint32_t n, cdc_redis_faults *faults,
                      cdc_error *err) CDC_MUST_CHECK;

/* Appends, flushes, takes the one reply; nothing may be outstanding. An error in it is refused as
 * by cdc_redis_refusal, with the words as the doing. */
cdc_rc cdc_redis_ask(cdc_redis *rd, const char *words, redisReply **out,
                     cdc_error *err) CDC_MUST_CHECK;
cdc_rc cdc_redis_ask_args(cdc_redis *rd, const char *doing, size_t nargs, const cdc_redis_arg *args,
                          redisReply **out, cdc_error *err) CDC_MUST_CHECK;

/* What an error that a server answers means. `doing` stands in the message and names the command.
 * RETRY: LOADING, BUSY, READONLY, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, MOVED, ASK, MISCONF,
 * NOREPLICAS: it passes by itself. FATAL with exit 3: NOAUTH, WRONGPASS, NOPERM. FATAL else. The
 * code is "redis_" and the error's first word in small letters ("redis_oom"), "redis_err" if it
 * is ERR or none. */
cdc_rc cdc_redis_refusal(const cdc_redis *rd, const char *doing, const char *text, size_t len,
                         cdc_error *err);

/* --- the stream itself (PSYNC) --- */

/* The connection is the caller's from now on: its stream, and the bytes that were read of it and
 * are in no reply yet (valid until cdc_redis_close, which no longer closes the stream). Send what
 * asks for the stream by append and flush, and take before any reply to it. */
const cdc_net *cdc_redis_net(const cdc_redis *rd); /* borrowed; before it is taken */
cdc_net *cdc_redis_take_net(cdc_redis *rd, const char **rest, size_t *nrest);

#endif

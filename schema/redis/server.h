/* cdc_redis_server: what a Redis or Valkey server says of itself in its answer to INFO.
 *
 * Plain data, copied out of the text; what the server does not tell is 0, "" or false. The text is
 * foreign input: names, numbers and lines of any kind are taken or left out, never trusted.
 *
 * Page: "INFO" of the commands' reference. Valkey tells a redis_version for its compatibility
 * beside its own version; Valkey 9 calls the mode server_mode. */
#ifndef CDC_REDIS_SERVER_H
#define CDC_REDIS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"

typedef enum cdc_redis_mode {
    CDC_REDIS_STANDALONE,
    CDC_REDIS_CLUSTER,
    CDC_REDIS_SENTINEL,
} cdc_redis_mode;

typedef struct cdc_redis_server {
    bool is_valkey;
    char version_text[32]; /* its own: "7.0.15", Valkey "9.1.2" */
    int32_t version;       /* 70015, 90102; 0: not known */
    int32_t compatible;    /* the Redis that it is compatible with: 70204 for every Valkey so far */
    cdc_redis_mode mode;
    bool is_loading;
    /* replication */
    bool is_replica;
    bool link_up;     /* of a replica: connected with its master */
    char master[288]; /* of a replica: "host:port" */
    char replid[41];
    int64_t offset;        /* bytes of its stream so far; moves only while it has a backlog */
    char replid2[41];      /* that of its master before it was promoted; "" = none */
    int64_t offset2;       /* replid2 counts for what stands before this byte; -1: none */
    int64_t backlog_bytes; /* its size */
    bool has_backlog;
    int64_t backlog_first; /* number of its first byte, from 1 */
    int64_t backlog_held;  /* bytes in it */
    int64_t uptime_s;
    int64_t input_bytes_per_s; /* of all clients, now */
    /* memory */
    int64_t used_bytes;
    int64_t dataset_bytes;
    int64_t max_bytes; /* maxmemory; 0: no limit */
    int64_t system_bytes;
    char policy[32]; /* maxmemory-policy */
    /* persistence */
    bool has_aof;
    bool save_failed; /* the last RDB could not be written */
    int64_t keys[CDC_DATABASES_MAX];
} cdc_redis_server;

void cdc_redis_server_parse(cdc_redis_server *sv, const char *text, size_t len);

/* "Redis", "Valkey" */
const char *cdc_redis_server_flavour(const cdc_redis_server *sv);
/* Of all databases. */
int64_t cdc_redis_server_keys(const cdc_redis_server *sv);
/* Bytes a second that the server writes into its stream, about: of its life (an hour at least), or
 * of now if more. */
int64_t cdc_redis_server_rate(const cdc_redis_server *sv);

/* Calls each with the name of every module that is loaded, but not with Valkey's own engine "lua".
 */
void cdc_redis_server_modules(const char *text, size_t len,
                              void (*each)(void *arg, const char *name, size_t n), void *arg);

#endif

/* src_redis_heartbeat: a key with an expiry that the capture writes at the source from time to
 * time, so that the stream, and the place in it, move while nobody else writes, and so that the lag
 * can be told: what stands in the stream has no times of its own. The key is taken out of what is
 * captured; its value is our clock in ms.
 *
 * It has a connection of its own. An account that may not write leaves a warning and the word
 * `heartbeat` in the status, once. The link's thread, but for name
 * and stop. */
#ifndef SRC_REDIS_HEARTBEAT_H
#define SRC_REDIS_HEARTBEAT_H

#include <pthread.h>

#include "core/plugin.h"
#include "schema/redis/client.h"
#include "token.h"

enum { SRC_REDIS_HEARTBEAT_BYTES = 160 };

typedef struct src_redis_heartbeat {
    const cdc_env *env;
    char server[SRC_REDIS_SERVER_BYTES];
    int64_t every_ms;                    /* 0: none is written */
    int64_t due_ms;                      /* monotonic */
    bool refused;                        /* told already */
    pthread_mutex_t lock;                /* of what follows */
    char key[SRC_REDIS_HEARTBEAT_BYTES]; /* "": none is written */
    bool stopped;
    cdc_redis *rd; /* NULL: not connected; stop shuts it down */
} src_redis_heartbeat;

/* server: host:port. key: "": none is written. */
void src_redis_heartbeat_init(src_redis_heartbeat *hb, const cdc_env *env, const char *server,
                              const char *key);
/* Any thread: another key from now on, as the slot of the old one is no longer this server's. */
void src_redis_heartbeat_name(src_redis_heartbeat *hb, const char *key);
/* Writes if it is time to. */
void src_redis_heartbeat_beat(src_redis_heartbeat *hb);
/* Any thread: what runs ends at once. */
void src_redis_heartbeat_stop(src_redis_heartbeat *hb);
void src_redis_heartbeat_fini(src_redis_heartbeat *hb);

#endif

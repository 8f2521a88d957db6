/* src_redis_history: can a server go on from where the capture stopped? */
#ifndef SRC_REDIS_HISTORY_H
#define SRC_REDIS_HISTORY_H

#include "schema/redis/server.h"
#include "token.h"

typedef enum src_redis_fit {
    SRC_REDIS_FITS,   /* it has everything behind the place */
    SRC_REDIS_BEHIND, /* it has not come so far yet */
    SRC_REDIS_GONE,   /* its backlog begins later */
    SRC_REDIS_OTHER,  /* it has another history */
} src_redis_fit;

/* By the rules that the server itself follows at PSYNC: its own history, or, before its promotion,
 * that of its master. */
src_redis_fit src_redis_history_fit(const cdc_redis_server *server, const src_redis_place *place);

#endif

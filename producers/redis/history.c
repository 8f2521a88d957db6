#include "history.h"

#include <string.h>

src_redis_fit src_redis_history_fit(const cdc_redis_server *server, const src_redis_place *place)
{
    int64_t next = (int64_t)place->offset + 1;
    bool named = place->replid[0] != '\0';
    bool first = named && strcmp(place->replid, server->replid) == 0;
    bool second = named && strcmp(place->replid, server->replid2) == 0 && next <= server->offset2;
    if (!first && !second) {
        return SRC_REDIS_OTHER;
    }
    if (!server->has_backlog || next < server->backlog_first) {
        return SRC_REDIS_GONE; /* a server keeps no backlog until it has had a replica */
    }
    return next > server->backlog_first + server->backlog_held ? SRC_REDIS_BEHIND : SRC_REDIS_FITS;
}

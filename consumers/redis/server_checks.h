/* Whether a server can be written by the applier, and whether that would go well.
 *
 * Every refusal is one line that names the server, the setting or right, and the command that mends
 * it. One thread, the connection's. Not OK: connection lost; SKIP: nothing more can be asked of
 * this server, and why stands in the list. */
#ifndef SINK_REDIS_SERVER_CHECKS_H
#define SINK_REDIS_SERVER_CHECKS_H

#include "core/plugin.h"
#include "schema/redis/client.h"
#include "schema/redis/server.h"

typedef struct sink_redis_inspection {
    const cdc_env *env;
    cdc_checklist *list;
    cdc_redis *rd;
    const char *where;
    cdc_redis_server sv; /* filled in by sink_redis_inspect */
    cdc_buffer *info;    /* the answer to INFO is appended */
} sink_redis_inspection;

/* Version, role, eviction, modules, persistence, clock. */
cdc_rc sink_redis_inspect(sink_redis_inspection *in, cdc_error *err) CDC_MUST_CHECK;
/* Rights, on a connection of its own, which it leaves inside of a MULTI: close it. SKIP: some
 * lack. */
cdc_rc sink_redis_check_rights(const sink_redis_inspection *in, cdc_redis *spare,
                               cdc_error *err) CDC_MUST_CHECK;

#endif

/* src_redis_inspect: whether a server can be captured, and whether it would run well.
 *
 * Every refusal is one line that names the server, the setting or right, and the command that mends
 * it (exit code 3). One thread, the connection's. Not OK: connection lost, or INFO is not allowed
 * (FATAL with exit 3 from src_redis_check). */
#ifndef SRC_REDIS_SERVER_CHECKS_H
#define SRC_REDIS_SERVER_CHECKS_H

#include "core/plugin.h"
#include "schema/redis/client.h"
#include "schema/redis/server.h"

/* What capture cannot be without: version, rights, a replica's link. Fills in sv, and appends the
 * answer to INFO to text (may be NULL). SKIP: the account may not ask INFO, which stands in the
 * list; nothing else is known. */
cdc_rc src_redis_inspect(cdc_redis *rd, const cdc_env *env, cdc_redis_server *sv, cdc_buffer *text,
                         cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;
/* What is good to know before a start: heartbeat, backlog, buffers, timeouts. */
cdc_rc src_redis_inspect_settings(cdc_redis *rd, const cdc_env *env, const cdc_redis_server *sv,
                                  cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

/* src_redis_inspect for a start: FATAL with exit 3 and the check's name as code, RETRY for what
 * passes by itself. */
cdc_rc src_redis_check(cdc_redis *rd, const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;

#endif

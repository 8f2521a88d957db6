/* Questions to a Redis or Valkey that the checks of both ends ask (core/checklist.h).
 *
 * One thread, the connection's. Not OK: connection lost, or an answer that cannot be read. */
#ifndef CDC_REDIS_INSPECT_H
#define CDC_REDIS_INSPECT_H

#include "core/checklist.h"
#include "schema/redis/client.h"
#include "schema/redis/server.h"

/* What INFO says. text (may be NULL) gets the answer itself. SKIP: the account lacks +info. */
cdc_rc cdc_redis_inspect(cdc_redis *rd, cdc_redis_server *sv, cdc_buffer *text,
                         cdc_error *err) CDC_MUST_CHECK;

#define CDC_REDIS_SETTING_MAX 256
/* CONFIG GET. "" when the server has no such setting. SKIP: the account lacks +config|get, or the
 * server lets nobody read it. */
cdc_rc cdc_redis_setting(cdc_redis *rd, const char *name, char value[CDC_REDIS_SETTING_MAX],
                         cdc_error *err) CDC_MUST_CHECK;

/* Items SIDE_connect (a PASS), SIDE_tls; side: "source" or "target". */
void cdc_redis_check_connection(const cdc_redis *rd, const cdc_config *cfg, const char *side,
                                cdc_checklist *list);
/* Item SIDE_clock; nothing if the account lacks +time. */
cdc_rc cdc_redis_check_clock(cdc_redis *rd, const char *side, cdc_checklist *list,
                             cdc_error *err) CDC_MUST_CHECK;
/* FAILs of SIDE_connect from item `first` on become WARNs: another server could be reached. */
void cdc_redis_check_others(cdc_checklist *list, size_t first, const char *side);
/* A PASS, unless the check has an item already. */
void cdc_redis_check_pass(cdc_checklist *list, const char *name, const char *object,
                          const char *reason);

#endif

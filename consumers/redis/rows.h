/* sink_redis_rows: rows of tables as commands (target.map, core/key_map.h).
 *
 * A row is one key. INSERT and rows of the full copy set it anew, UPDATE sets its fields (those
 * that are NULL now are gone), DELETE deletes it, and an UPDATE that changes the key deletes the
 * old one. So what the target has for the key does not matter, and the same row applied twice is
 * the same. hash: [DEL old] [DEL key] HSET key column value ... [HDEL key column ...] [PEXPIRE key
 * ms] json: [DEL old] SET key object [PX ms] Rows of tables that the map has not are dropped and
 * counted, sluice_rows_unmapped_total. One thread: the applier's. */
#ifndef SINK_REDIS_ROWS_H
#define SINK_REDIS_ROWS_H

#include "core/plugin.h"

typedef struct sink_redis_rows sink_redis_rows;

/* *out NULL: the task has no map. */
cdc_rc sink_redis_rows_new(sink_redis_rows **out, const cdc_env *env,
                           cdc_error *err) CDC_MUST_CHECK;
void sink_redis_rows_free(sink_redis_rows *rows); /* NULL is fine */

/* Makes the commands of one row, which next then gives; those of the row before are gone. FATAL:
 * the map does not fit the table, or a column of the key is NULL; err names table and column. */
cdc_rc sink_redis_rows_take(sink_redis_rows *rows, const cdc_event *ev,
                            cdc_error *err) CDC_MUST_CHECK;
/* An event of the kind COMMAND, with the row's times and place; its bytes are rows' until the next
 * take. False: no more. */
bool sink_redis_rows_next(sink_redis_rows *rows, cdc_event *command);

/* Looks at a definition change before it counts as done: TRUNCATE and DROP of a table of the map
 * (of its database, or in a CREATE OR REPLACE) leave its keys behind; FATAL unless its entry says
 * truncate: keep. A RENAME is warned of. */
cdc_rc sink_redis_rows_ddl(sink_redis_rows *rows, const cdc_event *const *events, uint32_t n,
                           cdc_error *err) CDC_MUST_CHECK;

#endif

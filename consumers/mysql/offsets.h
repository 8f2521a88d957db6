/* What the sink keeps at the target: how far it has come, and who may write
 * (docs/adr/0004-applier-offsets-and-fencing.md).
 *
 *   sluice.applied   task, topic, part -> next_offset, written in the transaction of the rows
 *   sluice.appliers  task -> epoch, counted up by every applier that starts; a transaction whose
 * epoch is no longer the task's cannot be committed
 *   sluice.ddl       see ddl_intent.h */
#ifndef SINK_MYSQL_OFFSETS_H
#define SINK_MYSQL_OFFSETS_H

#include "conn.h"
#include "core/event.h"

struct sink_mysql_handle;

/* The task's name, as a literal: all that we keep at the target has it. */
void sink_mysql_add_task(cdc_buffer *sql, const struct sink_mysql_handle *sm);

/* Makes database and tables if they are missing (FATAL with exit 3 and the GRANT if the account may
 * not), and claims the task: waits for a transaction of the former applier that is just being
 * committed. */
cdc_rc sink_mysql_claim(struct sink_mysql_handle *sm, cdc_error *err) CDC_MUST_CHECK;

/* Are all tables there? FATAL with exit 3 when one has no transactions. */
cdc_rc sink_mysql_own_exist(sink_mysql_conn *conn, bool *exist, cdc_error *err) CDC_MUST_CHECK;

cdc_rc sink_mysql_read_offset(struct sink_mysql_handle *sm, const char *topic, int32_t partition,
                              int64_t *next, cdc_error *err) CDC_MUST_CHECK;

/* Puts the fence into the packet: the transaction fails unless the task is still ours. */
cdc_rc sink_mysql_put_fence(struct sink_mysql_handle *sm, cdc_error *err) CDC_MUST_CHECK;
/* Puts the fence and the offsets into the packet. */
cdc_rc sink_mysql_put_offsets(struct sink_mysql_handle *sm, const cdc_offset *offsets, uint32_t n,
                              cdc_error *err) CDC_MUST_CHECK;

/* Replaces the FATAL error in err by "applier_fenced" if another applier has the task; otherwise
 * leaves it. */
cdc_rc sink_mysql_check_fence(struct sink_mysql_handle *sm, cdc_error *err);
cdc_rc sink_mysql_fenced(struct sink_mysql_handle *sm, cdc_error *err);

#endif

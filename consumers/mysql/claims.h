/* An applier group at the target (docs/adr/0074-claims-at-the-target.md): which session of which
 * process may write for which partitions.
 *
 *   sluice.claims  (task, topic, part) -> token of the session that has claimed the partition;
 *                  topic '#session': one row for each session that may write, part is its token;
 *                  part 0 counts tokens
 *
 * A session that claims a partition takes away the row of the session that had it. The fence is
 * that row, held by a shared lock to the end of each target transaction: so the claim waits for a
 * transaction that is being committed, and whoever has lost one partition commits nothing any more
 * before it has claimed anew what it still has. */
#ifndef SINK_MYSQL_CLAIMS_H
#define SINK_MYSQL_CLAIMS_H

#include "conn.h"
#include "core/event.h"

struct sink_mysql_handle;

/* Claims the partitions for a new session, all or none. RETRY: a transaction of the former owner is
 * in the way. */
cdc_rc sink_mysql_claim_parts(struct sink_mysql_handle *sm, const cdc_offset *parts, uint32_t n,
                              cdc_error *err) CDC_MUST_CHECK;

/* Adds what the fence asks besides the epoch, after "FROM sluice.appliers AS a" and as conditions.
 */
void sink_mysql_add_claim_join(cdc_buffer *sql, const struct sink_mysql_handle *sm);
void sink_mysql_add_claim_where(cdc_buffer *sql, const struct sink_mysql_handle *sm);

/* *lost: another process has claimed one of our partitions. */
cdc_rc sink_mysql_claim_lost(struct sink_mysql_handle *sm, bool *lost,
                             cdc_error *err) CDC_MUST_CHECK;

#endif

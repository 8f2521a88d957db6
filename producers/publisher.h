/* The publisher: turns the events of batches into records, in order, and keeps the count that makes
 * a restart exact.
 *
 * It sends a transaction's record only when it knows whether it is the last one, so the newest
 * record of an unfinished transaction is held back until the next event comes. What has been sent
 * is described at any time by: the token behind the last COMMIT, the number of source rows since
 * (skip_rows), and of records (seq). A restart begins at the token and drops the first skip_rows
 * rows.
 *
 * Commands: several go into a record (group.h), which never waits, since a command tells itself
 * whether it is the last of its transaction. No Kafka transaction ends inside of a MULTI block: it
 * ends where the source has given a token, and no command is ever skipped. One thread. */
#ifndef CDC_PUBLISHER_H
#define CDC_PUBLISHER_H

#include "core/plugin.h"
#include "topics/producer.h"
#include "topics/router.h"

typedef struct cdc_publisher cdc_publisher;

/* start: where the last process stopped (copied, but for instance, which is borrowed for the
 * publisher's life). */
cdc_rc cdc_publisher_new(cdc_publisher **out, const cdc_env *env, const cdc_codec *codec,
                         cdc_producer *pr, const cdc_checkpoint *start,
                         cdc_error *err) CDC_MUST_CHECK;
void cdc_publisher_free(cdc_publisher *pub);

/* Sends the records of a batch (all but the held one). Sets the ids of commands in it. */
cdc_rc cdc_publisher_batch(cdc_publisher *pub, const cdc_batch *batch,
                           cdc_error *err) CDC_MUST_CHECK;

/* May a Kafka transaction end here? Not inside a source transaction that must not be split, nor
 * where what is in Kafka cannot be told by a number of rows. */
bool cdc_publisher_may_commit(const cdc_publisher *pub);
/* Is there anything that a commit would make durable: records, or a token that has moved? */
bool cdc_publisher_dirty(const cdc_publisher *pub);
/* Commits the Kafka transaction with the checkpoint. */
cdc_rc cdc_publisher_commit(cdc_publisher *pub, cdc_error *err) CDC_MUST_CHECK;
/* The token of the last commit; empty before the first. */
cdc_bytes cdc_publisher_token(const cdc_publisher *pub);
/* Commit time of the newest source event sent, ms; 0 = none. */
int64_t cdc_publisher_source_ms(const cdc_publisher *pub);

/* "file:pos" of the newest source event sent; "" before the first. */
const char *cdc_publisher_position(const cdc_publisher *pub);

#endif

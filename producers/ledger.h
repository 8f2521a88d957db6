/* The ledger: what the open source transaction has become in Kafka, for its record in
 * topics.transactions (topics/transaction.h). Counts messages when they are sent, so that at any
 * commit it speaks of what is in Kafka; the checkpoint takes it over a restart. The publisher's
 * thread.
 *
 * Where the task has no such topic there is no ledger: all functions take NULL and do nothing. */
#ifndef CDC_LEDGER_H
#define CDC_LEDGER_H

#include "core/plugin.h"
#include "topics/producer.h"
#include "topics/router.h"

typedef struct cdc_ledger cdc_ledger;

/* NULL in *out: the task has no topic for it. start: what the last process has left; a transaction
 * of which it has sent some without counting gets no record. FATAL "transaction_malformed": what it
 * counted is none. router and pr are borrowed. */
cdc_rc cdc_ledger_new(cdc_ledger **out, const cdc_env *env, cdc_router *router, cdc_producer *pr,
                      const cdc_checkpoint *start, cdc_error *err) CDC_MUST_CHECK;
void cdc_ledger_free(cdc_ledger *lg);

/* The table (or object of a statement) of a message that is made; *table is its number until the
 * transaction ends. */
cdc_rc cdc_ledger_table(cdc_ledger *lg, const cdc_event *ev, uint32_t *table,
                        cdc_error *err) CDC_MUST_CHECK;
/* A message with this id was sent. */
cdc_rc cdc_ledger_add(cdc_ledger *lg, uint32_t table, const cdc_route *route, uint64_t id,
                      cdc_error *err) CDC_MUST_CHECK;
/* The transaction is whole: sends its record, unless nothing of it was sent. */
cdc_rc cdc_ledger_close(cdc_ledger *lg, const char *txn, int64_t source_ms,
                        cdc_error *err) CDC_MUST_CHECK;

/* For the checkpoint; NULL: nothing of the open transaction is in Kafka, or there is no ledger.
 * Until the next call; cut when memory is out. */
const char *cdc_ledger_text(cdc_ledger *lg, const char *txn);

#endif

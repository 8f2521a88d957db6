/* The order between rows and definition changes
 * (docs/adr/0017-ddl-has-its-place-among-the-rows.md).
 *
 * Each record says after which definition change it was published (cdc_event.after_ddl). A record
 * that is behind one which is not applied yet stops its partition. A definition change is due when
 * every partition is stopped at a record behind it, or has been read up to where it ended when the
 * change was already known: so nothing that was committed before it can still come.
 *
 * Definition changes come from the feed (DDL topics), or among the rows, where one stops its own
 * partition. The rows of a stopped partition are passed over by the session and read again later;
 * nothing waits in memory but definition changes.
 *
 * With target.atomic: transaction records come in the source's order, whatever their partition: a
 * stop of one is a stop of all, and everything before it is applied.
 *
 * Several tasks: their ids are counted apart, and a topic is one task's. The applier's thread. */
#ifndef CDC_ORDER_H
#define CDC_ORDER_H

#include "ddl_feed.h"
#include "elsewhere.h"

typedef struct cdc_order cdc_order;

/* parts: the data partitions (borrowed, also their topics); feed and ends are borrowed. fresh: the
 * target has applied nothing yet and begins at the beginning, so a definition change that cannot be
 * found is missing and not just applied long ago. */
cdc_rc cdc_order_new(cdc_order **out, const cdc_env *env, cdc_ddl_feed *feed, cdc_ends *ends,
                     cdc_error *err) CDC_MUST_CHECK;
cdc_rc cdc_order_parts(cdc_order *od, const cdc_offset *parts, uint32_t n, bool fresh,
                       cdc_error *err) CDC_MUST_CHECK;
/* No definition change is among the rows, and some of them may wait for what other processes apply:
 * one that is not in the feed is nowhere, and it is not waited until all rows are read. What is
 * applied is told to those who wait (borrowed). */
void cdc_order_apart(cdc_order *od, cdc_elsewhere *elsewhere);
void cdc_order_free(cdc_order *od); /* NULL is fine */

typedef enum cdc_admission {
    CDC_ORDER_PASS,  /* apply the row */
    CDC_ORDER_STOP,  /* its partition is stopped here; see cdc_order_next */
    CDC_ORDER_TAKEN, /* a definition change among the rows; likewise */
} cdc_admission;

/* May this record of the partition be applied? Any record of a partition must be shown, in order.
 */
cdc_rc cdc_order_admit(cdc_order *od, uint32_t part, const cdc_event *ev, cdc_admission *out,
                       cdc_error *err) CDC_MUST_CHECK;
/* The caller has passed over the record at which the partition is stopped (after STOP). */
void cdc_order_pass_over(cdc_order *od, uint32_t part);
bool cdc_order_is_stopped(const cdc_order *od, uint32_t part);

/* The definition change that is due, or NULL. Partitions that may go on without having lost records
 * are not stopped any more. FATAL "ddl_missing": rows are behind a definition change that is
 * nowhere. */
cdc_rc cdc_order_next(cdc_order *od, cdc_definition **out, cdc_error *err) CDC_MUST_CHECK;
/* It was carried out; it is freed here. */
cdc_rc cdc_order_done(cdc_order *od, cdc_definition *def, cdc_error *err) CDC_MUST_CHECK;
/* At least once, a capture may publish one again: it is not to be carried out. */
bool cdc_order_is_repeated(const cdc_order *od, const cdc_definition *def);

/* Now and then, and when nothing comes: reads the feed. *ask: the caller must find out when every
 * partition that is not stopped has been applied up to cdc_order_targets(), and then call
 * cdc_order_reached with the round. */
cdc_rc cdc_order_tick(cdc_order *od, bool *ask, cdc_error *err) CDC_MUST_CHECK;
/* A partition is stopped, and nobody has asked yet. */
bool cdc_order_is_urgent(const cdc_order *od);
const int64_t *cdc_order_targets(const cdc_order *od);
uint64_t cdc_order_round(const cdc_order *od);
void cdc_order_reached(cdc_order *od, uint64_t round);

/* Partitions that have lost records may go on: the session must read again from the offsets
 * applied. cdc_order_resume forgets all stops. */
bool cdc_order_must_resume(const cdc_order *od);
void cdc_order_resume(cdc_order *od);

/* No partition is stopped. */
bool cdc_order_is_idle(const cdc_order *od);

#endif

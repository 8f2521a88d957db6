/* Where partitions end, records that are not committed yet included: whatever a producer was told
 * to be written before the question lies below the answer. A read_committed consumer cannot tell:
 * its own end is the last stable offset, which stands still while a transaction's markers are on
 * their way. One thread. */
#ifndef CDC_ENDS_H
#define CDC_ENDS_H

#include "core/plugin.h"

typedef struct cdc_ends cdc_ends;

cdc_rc cdc_ends_new(cdc_ends **out, const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;
void cdc_ends_free(cdc_ends *en); /* NULL is fine */

/* Asks for all n partitions of at (next is not looked at) at once. RETRY: no answer within 10 s. */
cdc_rc cdc_ends_ask(cdc_ends *en, const cdc_offset *at, uint32_t n, int64_t *ends,
                    cdc_error *err) CDC_MUST_CHECK;

#endif

/* How many partitions each topic had when a hashing policy last wrote to it: kept in the checkpoint
 * as a JSON object, because a restart under another number sends keys elsewhere. One thread. */
#ifndef CDC_COUNTS_H
#define CDC_COUNTS_H

#include "core/error.h"

typedef struct cdc_counts cdc_counts;

/* text: of an earlier one, or NULL. FATAL: it is none ("checkpoint_malformed"). */
cdc_rc cdc_counts_new(cdc_counts **out, const char *text, cdc_error *err) CDC_MUST_CHECK;
void cdc_counts_free(cdc_counts *ct); /* NULL is fine */

/* 0: not known. */
int32_t cdc_counts_get(const cdc_counts *ct, const char *topic);
cdc_rc cdc_counts_set(cdc_counts *ct, const char *topic, int32_t n, cdc_error *err) CDC_MUST_CHECK;
/* The object; NULL while it is empty. Until the next set. */
const char *cdc_counts_text(const cdc_counts *ct);

#endif

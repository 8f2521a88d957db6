/* A definition change on its way to the sink: the messages of one statement, copied out of their
 * batches, and where each partition goes on behind them. The applier's thread. */
#ifndef CDC_DEFINITION_H
#define CDC_DEFINITION_H

#include "core/arena.h"
#include "core/event.h"

typedef struct cdc_definition {
    struct cdc_definition *next; /* owner's use */
    cdc_arena arena;
    const cdc_event **events; /* by their place in the transaction */
    uint32_t n;
    cdc_offset *offsets; /* behind the messages, one per partition; topics are borrowed */
    uint32_t noffsets;
    bool complete;  /* no further message of the statement can come */
    uint64_t round; /* the question after which it may be applied (order.h); 0 = not asked */
} cdc_definition;

cdc_definition *cdc_definition_new(const cdc_event *ev); /* NULL: out of memory */
void cdc_definition_free(cdc_definition *def);           /* NULL is fine */
/* Is this a further message of the same statement? */
bool cdc_definition_takes(const cdc_definition *def, const cdc_event *ev);
/* False: out of memory. */
bool cdc_definition_add(cdc_definition *def, const cdc_event *ev);

/* Message ids: of its first and its last message, and of the DDL message before it. */
uint64_t cdc_definition_id(const cdc_definition *def);
uint64_t cdc_definition_last_id(const cdc_definition *def);
uint64_t cdc_definition_after(const cdc_definition *def);
const char *cdc_definition_task(const cdc_definition *def);

#endif

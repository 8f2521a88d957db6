#include "group.h"

enum { COMMAND_BYTES = 64 }; /* what a command costs besides its arguments, about */

static size_t cdc_group_bytes(const cdc_event *ev)
{
    size_t bytes = COMMAND_BYTES;
    for (uint32_t i = 0; i < ev->nargs; i++) {
        bytes += ev->after[i].len;
    }
    return bytes;
}

static bool cdc_group_joins(const cdc_event *first, const cdc_event *ev)
{
    return ev->op == CDC_OP_COMMAND && !cdc_event_is_fullsync(ev, CDC_FULLSYNC_BEGIN) &&
           ev->redis_db == first->redis_db && ev->phase == first->phase &&
           ev->shard == first->shard;
}

uint32_t cdc_group_commands(const cdc_event *events, uint32_t n, uint32_t max_rows,
                            size_t max_bytes)
{
    bool part = events[0].tx_seq > 1; /* the rest of a block, or some more of it */
    uint32_t whole = 0;               /* so many are whole transactions */
    uint32_t i = 1;
    size_t bytes = cdc_group_bytes(&events[0]);
    for (;; i++) {
        if (events[i - 1].last) {
            whole = i;
        }
        if (i == n || i == max_rows || (part && whole > 0) ||
            !cdc_group_joins(&events[0], &events[i])) {
            break;
        }
        bytes += cdc_group_bytes(&events[i]);
        if (bytes > max_bytes) {
            break;
        }
    }
    return whole > 0 ? whole : i;
}

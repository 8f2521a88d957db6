/* How far each slot of a cluster is applied, of one partition. As text it is the value of a mark
 * (own.h): "OFFSET RANGES", several of them joined by ';': "120 0-5460;118 5461,7000-8000". All
 * pure. */
#ifndef SINK_REDIS_PROGRESS_H
#define SINK_REDIS_PROGRESS_H

#include <stdbool.h>

#include "core/buffer.h"
#include "schema/redis/slot.h"

#define SINK_REDIS_PROGRESS_BYTES (CDC_REDIS_SLOTS * 32) /* more than any text of it */
#define SINK_REDIS_NEVER (-1)                            /* nothing was ever applied */
#define SINK_REDIS_UNTOLD (-2)                           /* no mark speaks of the slot */

typedef struct sink_redis_progress {
    int64_t next[CDC_REDIS_SLOTS]; /* offset to apply next, or one of the above */
} sink_redis_progress;

void sink_redis_progress_fill(sink_redis_progress *progress, int64_t next);
/* Slots of which the text knows more go forward, none goes back. False: it is not such a text. */
bool sink_redis_progress_merge(sink_redis_progress *progress, const char *text);
/* Appends the text of those slots whose owner is this one. */
void sink_redis_progress_print(const sink_redis_progress *progress, const uint16_t *owners,
                               uint16_t owner, cdc_buffer *out);
int64_t sink_redis_progress_least(const sink_redis_progress *progress);

#endif

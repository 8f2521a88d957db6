/* Keys that are ours in every Redis, whatever the task: offsets and epochs of the appliers
 * ("sluice:{tag}:...") and the heartbeats of the captures ("SLUICE_HEARTBEAT:TASK"). They are never
 * carried, and never cleared with a user's keys. */
#ifndef CDC_REDIS_RESERVED_H
#define CDC_REDIS_RESERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define CDC_REDIS_CHECKPOINT_PREFIX "sluice:{"
#define CDC_REDIS_HEARTBEAT_PREFIX "SLUICE_HEARTBEAT:"

static inline bool cdc_redis_reserved(const char *key, size_t len)
{
    static const char checkpoint[] = CDC_REDIS_CHECKPOINT_PREFIX;
    static const char heartbeat[] = CDC_REDIS_HEARTBEAT_PREFIX;
    return (len >= sizeof checkpoint - 1 && memcmp(key, checkpoint, sizeof checkpoint - 1) == 0) ||
           (len >= sizeof heartbeat - 1 && memcmp(key, heartbeat, sizeof heartbeat - 1) == 0);
}

#endif

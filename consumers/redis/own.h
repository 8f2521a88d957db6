/* Names of the keys that a sink keeps for itself in the target, in database 0:
 * "sluice:{TAG}:TASK:REST", where the tag only chooses a slot in a cluster. REST is "epoch", who
 * may write; "TOPIC:PARTITION", the offset to read next (in a cluster: progress.h); "failed", why
 * the task stopped for good; "held", keys whose expiry is held off; "kept", keys that were there
 * before. */
#ifndef SINK_REDIS_OWN_H
#define SINK_REDIS_OWN_H

#include <stddef.h>
#include <stdint.h>

#define SINK_REDIS_OWN_MAX 384 /* a topic has up to 249 bytes, a task 64 */

typedef struct sink_redis_own {
    char name[SINK_REDIS_OWN_MAX];
    size_t len;
} sink_redis_own;

void sink_redis_own_key(sink_redis_own *own, const char *tag, const char *task, const char *rest);
void sink_redis_own_mark(sink_redis_own *own, const char *tag, const char *task, const char *topic,
                         int32_t partition);
#endif

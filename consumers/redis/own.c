#include "own.h"

#include "schema/redis/reserved.h"

void sink_redis_own_key(sink_redis_own *own, const char *tag, const char *task, const char *rest)
{
    own->len = (size_t)snprintf(own->name, sizeof own->name,
                                CDC_REDIS_CHECKPOINT_PREFIX "%s}:%s:%s", tag, task, rest);
}

void sink_redis_own_mark(sink_redis_own *own, const char *tag, const char *task, const char *topic,
                         int32_t partition)
{
    own->len =
        (size_t)snprintf(own->name, sizeof own->name, CDC_REDIS_CHECKPOINT_PREFIX "%s}:%s:%s:%d",
                         tag, task, topic, partition);
}

/* The keys that the target had before the first full copy, with target.conflict keep: those that
 * the copy leaves alone. In memory, and in the target's set "kept" (own.h), members "DATABASE KEY",
 * so that a restart knows them. One thread. */
#ifndef SINK_REDIS_KEPT_H
#define SINK_REDIS_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sink_redis_kept sink_redis_kept;

sink_redis_kept *sink_redis_kept_new(void); /* NULL: out of memory */
void sink_redis_kept_free(sink_redis_kept *kept);
/* member: "DATABASE KEY". False: out of memory. */
bool sink_redis_kept_add(sink_redis_kept *kept, const char *member, size_t len);
bool sink_redis_kept_has(const sink_redis_kept *kept, int32_t database, const char *key,
                         size_t len);
size_t sink_redis_kept_count(const sink_redis_kept *kept);

#endif

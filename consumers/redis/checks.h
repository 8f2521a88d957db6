/* The checks of the Redis and Valkey target (core/checklist.h); apart from the rest of the sink, so
 * that every program knows their names. */
#ifndef SINK_REDIS_CHECKS_H
#define SINK_REDIS_CHECKS_H

#include "core/checklist.h"

extern const cdc_check sink_redis_checks[];

#endif

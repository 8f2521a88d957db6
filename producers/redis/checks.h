/* The checks of the Redis and Valkey source (core/checklist.h); apart from the rest of the source,
 * so that every program knows their names. */
#ifndef SRC_REDIS_CHECKS_H
#define SRC_REDIS_CHECKS_H

#include "core/checklist.h"

extern const cdc_check src_redis_checks[];

#endif

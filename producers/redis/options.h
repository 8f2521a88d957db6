/* The options of a Redis source. */
#ifndef SRC_REDIS_OPTIONS_H
#define SRC_REDIS_OPTIONS_H

#include "core/config.h"

extern const cdc_option src_redis_options[];

#endif

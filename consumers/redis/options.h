/* The task file's options of a Redis target: data only, so that every program can check every task
 * file. */
#ifndef SINK_REDIS_OPTIONS_H
#define SINK_REDIS_OPTIONS_H

#include "core/config.h"

extern const cdc_option sink_redis_options[];

#endif

/* src_redis: a Redis or Valkey server as a source, by its replication protocol: full copy by its
 * RDB, then its stream of commands (docs/adr/0031-redis-source.md).
 *
 * Precheck, options and checks stand in files of their own; shard.h is one master's. */
#ifndef SRC_REDIS_SOURCE_H
#define SRC_REDIS_SOURCE_H

#include "core/plugin.h"

extern const cdc_source src_redis;

#endif

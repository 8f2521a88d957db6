/* A connection with a source's account to one server, for questions and for what becomes a link. */
#ifndef SRC_REDIS_OPEN_H
#define SRC_REDIS_OPEN_H

#include "core/plugin.h"
#include "schema/redis/client.h"

/* host: "host:port", of source.hosts or of a cluster's node. */
cdc_rc src_redis_open(cdc_redis **out, const cdc_env *env, const char *host,
                      cdc_error *err) CDC_MUST_CHECK;

#endif

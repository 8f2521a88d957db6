/* src_redis_expiry: commands that tell an expiry, as commands that tell it as a time since 1970 in
 * milliseconds: what is read late or applied late must not live longer.
 *
 * A server of Redis 7 or Valkey propagates absolute times for most of them, one of Redis 6.2 does
 * not; its own replicas count from when they read the command, and so does this. What comes out has
 * one of few forms:
 *   SET ... PXAT t | GETEX ... PXAT t | MSETEX ... PXAT t | PEXPIREAT k t ... |
 *   RESTORE ... t ... ABSTTL | HPEXPIREAT k t ... | HSETEX ... PXAT t | HGETEX ... PXAT t
 * One thread at a time. */
#ifndef SRC_REDIS_EXPIRY_H
#define SRC_REDIS_EXPIRY_H

#include "core/buffer.h"
#include "core/error.h"
#include "select.h"

typedef struct src_redis_expiry {
    cdc_buffer argv; /* cdc_value each */
    char time[24];
} src_redis_expiry;

void src_redis_expiry_init(src_redis_expiry *x);
void src_redis_expiry_fini(src_redis_expiry *x);

/* Replaces the arguments when the command tells an expiry that has another form; what they then
 * point to is x's until the next call. taken->expire_at_ms: when the key expires, -1 if the command
 * tells none, or that of a hash's fields. FATAL: the time is none; err names the command. */
cdc_rc src_redis_expiry_absolute(src_redis_expiry *x, int64_t now_ms, src_redis_selected *taken,
                                 cdc_error *err) CDC_MUST_CHECK;

#endif

/* Expiries that the target must not carry out by itself yet.
 *
 * A replica of Redis never drops an expired key before its master says so by a DEL; a target that
 * is an ordinary server does, by its own clock, and then a renewal, an INCR or an APPEND that is
 * still on its way meets no key. So while what is applied lags behind, an expiry that comes too
 * soon for that lag is set a month later, and the true one is kept in the sorted set "held"
 * (own.h), in the same transaction. Mostly the source's DEL or renewal settles the matter.
 * Otherwise, when the applied source time has passed the true expiry, or when nothing lags any
 * more, the true one is set, unless the key has another expiry by then. ADR 0035. Fields of hashes
 * are held off likewise, but only the source's HDEL settles them. The applier's thread. */
#ifndef SINK_REDIS_HELD_H
#define SINK_REDIS_HELD_H

#include "handle.h"

#define SINK_REDIS_TIME_MAX 24

/* What becomes of a command's expiry. */
typedef struct sink_redis_expiry {
    uint32_t at;                    /* number of the argument to replace; 0: none */
    char text[SINK_REDIS_TIME_MAX]; /* the argument instead */
    size_t len;
    int64_t held_ms;     /* the true expiry of the key, if it is held off; 0: it is not */
    uint32_t conditions; /* arguments at the end to leave out: they would be compared with an expiry
                            that is held off, and were true at the source */
} sink_redis_expiry;

/* argv: the command of ev. Adds target.extend_expiry_seconds, too. */
void sink_redis_expiry_of(const sink_redis_handle *sr, const cdc_event *ev,
                          const cdc_redis_command *cmd, sink_redis_expiry *out);
/* Notes a held key in the open transaction. */
cdc_rc sink_redis_hold(sink_redis_handle *sr, int32_t database, const cdc_value *key,
                       int64_t held_ms, cdc_error *err) CDC_MUST_CHECK;

/* At the start: is any key held? */
cdc_rc sink_redis_held_load(sink_redis_handle *sr, cdc_error *err) CDC_MUST_CHECK;
/* Between transactions: sets the true expiries whose time has come. idle: nothing waits to be
 * applied. */
cdc_rc sink_redis_held_settle(sink_redis_handle *sr, bool idle, cdc_error *err) CDC_MUST_CHECK;

#endif

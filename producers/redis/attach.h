/* src_redis_attach: which server of a list the capture reads.
 *
 * The servers are tried in their order. The first that has all that comes behind the place is
 * taken; one that has not come so far yet, or that cannot be reached, is waited for a while. Else,
 * and without a place, it is the first master, or the first replica that is connected with its
 * own. */
#ifndef SRC_REDIS_ATTACH_H
#define SRC_REDIS_ATTACH_H

#include "history.h"
#include "link.h"

typedef struct src_redis_servers {
    const cdc_env *env;
    const char *const *hosts; /* host:port */
    uint32_t n;
    uint32_t nfull; /* so many of them, from the first, serve for anything but to go on */
} src_redis_servers;

/* Connects; *fit says whether the place holds there. place NULL or without a history:
 * SRC_REDIS_OTHER. patience_ms 0: one round, and only a server that fits. RETRY: none can be
 * reached, or none yet. FATAL: some refuse us for good, and no other will do. */
cdc_rc src_redis_attach(src_redis_link **out, const src_redis_servers *servers,
                        const src_redis_place *place, int64_t patience_ms, src_redis_fit *fit,
                        cdc_error *err) CDC_MUST_CHECK;

#endif

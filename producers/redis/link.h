/* src_redis_link: a connection on which a server takes us for a replica.
 *
 * psync introduces us (REPLCONF listening-port, capa eof, capa psync2) and asks for the stream
 * behind a place; what comes then is read by the owner. A thread of the
 * link tells the server once a second how far was read (REPLCONF ACK), or that we are there, while
 * the owner waits for Kafka: a server drops a replica that says nothing for repl-timeout. It also
 * writes the heartbeat key, on a connection of its own (docs/adr/0031-redis-source.md).
 *
 * One thread, the owner's; the link's own touches nothing but what is marked. */
#ifndef SRC_REDIS_LINK_H
#define SRC_REDIS_LINK_H

#include "core/net.h"
#include "core/plugin.h"
#include "schema/redis/server.h"
#include "token.h"

typedef struct src_redis_link src_redis_link;

/* Answers of a server to PSYNC. */
typedef struct src_redis_link_answer {
    bool full;                               /* its file comes, then the stream behind offset */
    char replid[SRC_REDIS_REPLID_BYTES + 1]; /* from now on */
    uint64_t offset;
} src_redis_link_answer;

/* Connects and asks INFO. RETRY, FATAL (exit 3) as core/plugin.h says. */
cdc_rc src_redis_link_open(src_redis_link **out, const cdc_env *env, const char *host,
                           cdc_error *err) CDC_MUST_CHECK;
const cdc_redis_server *src_redis_link_info(const src_redis_link *link);
const char *src_redis_link_server(const src_redis_link *link); /* host:port */
/* Asks INFO again; before psync. */
cdc_rc src_redis_link_refresh(src_redis_link *link, cdc_error *err) CDC_MUST_CHECK;

/* Becomes a replica. place NULL or without a history: anew. The bytes behind the answer are given
 * by read. heartbeat: the key to write, or "". */
cdc_rc src_redis_link_psync(src_redis_link *link, const src_redis_place *place,
                            const char *heartbeat, src_redis_link_answer *answer,
                            cdc_error *err) CDC_MUST_CHECK;

void src_redis_link_heartbeat(src_redis_link *link, const char *key); /* from now on */

const cdc_net *src_redis_link_net(const src_redis_link *link); /* behind psync; to wait on */
/* As cdc_net_read. */
cdc_rc src_redis_link_read(src_redis_link *link, void *p, size_t size, size_t *got, int timeout_ms,
                           cdc_error *err) CDC_MUST_CHECK;
/* So much of the stream was read: told within a second, or at once. The first call also says that
 * the file is complete. */
void src_redis_link_progress(src_redis_link *link, uint64_t offset, bool at_once);

void src_redis_link_close(src_redis_link *link); /* at once; NULL is fine */

#endif

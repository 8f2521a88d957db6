/* src_redis_token: where a Redis source stands, at each of its masters, as text for the checkpoint:
 *
 *   v1;STAGE,REPLID,OFFSET,DATABASE,HOST:PORT[,SLOTS];...
 *
 * a part for each shard in their order; STAGE is `full` or `stream`. Of a shard whose copy is not
 * complete nothing else counts: it begins anew. The server is the one that served, for people. Of a
 * cluster follow the slots whose home is the shard, "0-5460+6000". */
#ifndef SRC_REDIS_TOKEN_H
#define SRC_REDIS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "moves.h"
#include "rdb.h"

enum {
    SRC_REDIS_REPLID_BYTES = 40,
    SRC_REDIS_SERVER_BYTES = 300, /* host:port with its NUL */
    SRC_REDIS_SHARDS_MAX = 1000,
};

typedef struct src_redis_place {
    bool stream;                             /* the copy is complete */
    char replid[SRC_REDIS_REPLID_BYTES + 1]; /* history that the offset counts in; "" = none */
    uint64_t offset;                         /* bytes of it that are behind */
    int32_t db;                              /* selected there */
    char server[SRC_REDIS_SERVER_BYTES];
} src_redis_place;

/* Appends the token of n shards; moves NULL: of no cluster. */
void src_redis_token_print(const src_redis_place *places, uint32_t n, const src_redis_moves *moves,
                           cdc_buffer *out);
/* At most max places into `places`; *n how many. home, by slot: number of the place, or
 * CDC_REDIS_NO_MASTER. FATAL: it is none of ours. */
cdc_rc src_redis_token_parse(const char *text, size_t len, src_redis_place *places, uint32_t max,
                             uint32_t *n, uint16_t home[CDC_REDIS_SLOTS],
                             cdc_error *err) CDC_MUST_CHECK;

/* Is it the name of a history, 40 of 0-9 a-f? */
bool src_redis_is_replid(const char *s, size_t n);

#endif

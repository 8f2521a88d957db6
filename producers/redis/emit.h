/* src_redis_emit: commands become events of a batch, with all their bytes in its arena. */
#ifndef SRC_REDIS_EMIT_H
#define SRC_REDIS_EMIT_H

#include "core/event.h"
#include "token.h"

typedef struct src_redis_emitted {
    const cdc_value *argv; /* borrowed */
    uint32_t argc;
    int32_t key_arg, db;
    int64_t expire_at_ms;
    cdc_phase phase;
    const char *replid; /* copied once a batch */
    uint64_t begin;     /* offset of its transaction's first byte: the MULTI's or its own */
    uint64_t end;       /* behind the command */
    uint32_t shard;
    uint32_t tx_seq;
    bool last;
    int64_t now_ms; /* when it was read */
} src_redis_emitted;

/* Of one batch; zeroed before the first. */
typedef struct src_redis_emitter {
    cdc_batch *batch;
    char *replid; /* the last one's copy in the batch's arena */
} src_redis_emitter;

cdc_rc src_redis_emit(src_redis_emitter *to, const src_redis_emitted *command,
                      cdc_error *err) CDC_MUST_CHECK;
/* The batch ends here, where a token is valid; the token is the batch's from now on. moves NULL: of
 * no cluster. */
cdc_rc src_redis_emit_commit(src_redis_emitter *to, const src_redis_place *places, uint32_t n,
                             const src_redis_moves *moves, cdc_phase phase,
                             cdc_error *err) CDC_MUST_CHECK;

#endif

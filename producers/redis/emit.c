#include "emit.h"

#include "core/clock.h"

enum { TXN_BYTES = SRC_REDIS_REPLID_BYTES + 1 + 20 + 1, SLOT_BYTES = 6 };

static cdc_rc out_of_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "memory",
                         "out of memory for the commands of a batch, or one command is too large");
}

/* The name of the history, which outlives this connection with the batch. */
static bool name_history(src_redis_emitter *to, const char *replid)
{
    if (to->replid == NULL || strcmp(to->replid, replid) != 0) {
        to->replid = cdc_arena_strndup(&to->batch->arena, replid, strlen(replid));
    }
    return to->replid != NULL;
}

/* In upper case; servers pass it on as the client wrote it. */
static void copy_name(char *to, const cdc_value *name)
{
    for (size_t i = 0; i < name->len; i++) {
        char c = name->p[i];
        to[i] = (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
    }
}

static char *copy_arguments(cdc_value *values, char *p, const src_redis_emitted *command)
{
    for (uint32_t i = 0; i < command->argc; i++) {
        const cdc_value *arg = &command->argv[i];
        values[i] = (cdc_value){.kind = CDC_BYTES, .len = arg->len, .p = p};
        if (i == 0) {
            copy_name(p, arg);
        } else if (arg->len > 0) {
            memcpy(p, arg->p, arg->len);
        }
        p += arg->len;
    }
    return p;
}

cdc_rc src_redis_emit(src_redis_emitter *to, const src_redis_emitted *command, cdc_error *err)
{
    size_t bytes = command->argc * sizeof(cdc_value) + TXN_BYTES;
    for (uint32_t i = 0; i < command->argc; i++) {
        bytes += command->argv[i].len;
    }
    cdc_event *ev = cdc_batch_add(to->batch);
    cdc_value *values = ev != NULL && name_history(to, command->replid)
                            ? cdc_arena_alloc(&to->batch->arena, bytes)
                            : NULL;
    if (values == NULL) {
        return out_of_memory(err);
    }
    char *txn = copy_arguments(values, (char *)(values + command->argc), command);
    size_t n = strlen(to->replid);
    memcpy(txn, to->replid, n);
    txn[n] = ':';
    txn[n + 1 + cdc_format_u64(txn + n + 1, command->begin)] = '\0';
    ev->op = CDC_OP_COMMAND;
    ev->phase = (uint8_t)command->phase;
    ev->last = command->last;
    ev->after = values;
    ev->nargs = command->argc;
    ev->key_arg = command->key_arg;
    ev->redis_db = command->db;
    ev->shard = command->shard;
    ev->tx_seq = command->tx_seq;
    ev->expire_at_ms = command->expire_at_ms;
    ev->source_ms = ev->capture_ms = command->now_ms;
    ev->txn = txn;
    ev->pos_file = to->replid;
    ev->pos = command->end;
    return CDC_OK;
}

cdc_rc src_redis_emit_commit(src_redis_emitter *to, const src_redis_place *places, uint32_t n,
                             const src_redis_moves *moves, cdc_phase phase, cdc_error *err)
{
    cdc_buffer token;
    cdc_buffer_init(&token, (size_t)n * sizeof(*places) + 64 +
                                (moves != NULL ? (size_t)CDC_REDIS_SLOTS * SLOT_BYTES : 0));
    src_redis_token_print(places, n, moves, &token);
    cdc_event *ev = cdc_batch_add(to->batch);
    char *copy = token.failed ? NULL : cdc_arena_strndup(&to->batch->arena, token.data, token.len);
    if (ev != NULL && copy != NULL && name_history(to, places[0].replid)) {
        ev->op = CDC_OP_COMMIT;
        ev->phase = (uint8_t)phase;
        ev->pos_file = to->replid;
        ev->pos = places[0].offset;
        ev->source_ms = ev->capture_ms = cdc_clock_wall_ms();
        to->batch->token = copy;
        to->batch->token_len = (uint32_t)token.len;
        cdc_buffer_fini(&token);
        return CDC_OK;
    }
    cdc_buffer_fini(&token);
    return out_of_memory(err);
}

/* RDB files of any bytes, fed in pieces: refused with a text, or commands of bounded size; the same
 * ones whatever the pieces. The first two bytes choose pieces and options. */
#include "fuzz_kit.h"
#include "producers/redis/rdb.h"
#include "producers/redis/rdb_crc64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    cdc_rc rc;
    uint64_t sum; /* of all commands */
} outcome;

static uint64_t sum_command(uint64_t sum, const src_redis_rdb_command *cmd)
{
    must(cmd->argc > 0 && cmd->key_arg < (int32_t)cmd->argc && cmd->db >= 0);
    for (uint32_t i = 0; i < cmd->argc; i++) {
        sum = src_redis_crc64(sum, &cmd->argv[i].n, sizeof cmd->argv[i].n);
        sum = src_redis_crc64(sum, cmd->argv[i].p, cmd->argv[i].n);
    }
    return src_redis_crc64(sum, &cmd->expire_at_ms, sizeof cmd->expire_at_ms);
}

static outcome run(const src_redis_rdb_options *options, const uint8_t *data, size_t size,
                   size_t piece)
{
    outcome out = {.rc = CDC_AGAIN};
    src_redis_rdb_command cmd;
    cdc_error err;
    cdc_error_clear(&err);
    src_redis_rdb *rdb = src_redis_rdb_new(options);
    must(rdb != NULL);
    for (size_t at = 0; at < size && out.rc == CDC_AGAIN; at += piece) {
        must(src_redis_rdb_feed(rdb, data + at, size - at < piece ? size - at : piece));
        while ((out.rc = src_redis_rdb_next(rdb, &cmd, &err)) == CDC_OK) {
            out.sum = sum_command(out.sum, &cmd);
        }
    }
    if (out.rc == CDC_FATAL) {
        must_explain(out.rc, &err);
    }
    src_redis_rdb_free(rdb);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    src_redis_rdb_options options = {.max_bytes = (size_t)1 << 20};
    size_t piece = 16;
    if (size > 2 && data[0] != 'R' && data[0] != 'V') { /* else a golden file */
        piece = (size_t)data[0] + 1;
        options.restore = (data[1] & 1) != 0;
        options.items = data[1] >> 5;
        options.piece_bytes = data[1] >> 1 & 0xf;
        data += 2;
        size -= 2;
    }
    outcome whole = run(&options, data, size, size > 0 ? size : 1);
    outcome pieces = run(&options, data, size, piece);
    must(whole.rc == pieces.rc && whole.sum == pieces.sum);
    return 0;
}

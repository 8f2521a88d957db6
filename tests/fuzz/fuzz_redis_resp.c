/* The commands of a replication stream: the first byte says in what pieces the rest is received. */
#include <stdlib.h>

#include "producers/redis/resp.h"

enum { COMMAND_MAX = 1 << 16 };

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Takes what is there. Every argument lies in what was received, and is followed by CR LF. */
static cdc_rc take(src_redis_resp *resp, size_t *behind)
{
    src_redis_resp_command cmd;
    cdc_error err;
    cdc_rc rc = src_redis_resp_next(resp, &cmd, &err);
    for (; rc == CDC_OK; rc = src_redis_resp_next(resp, &cmd, &err)) {
        *behind += cmd.bytes;
        must(cmd.argc > 0 && cmd.bytes <= COMMAND_MAX);
        for (uint32_t i = 0; i < cmd.argc; i++) {
            must(cmd.argv[i].len <= cmd.bytes && cmd.argv[i].p[cmd.argv[i].len] == '\r');
        }
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    src_redis_resp resp;
    size_t behind = 0;
    cdc_rc rc = CDC_AGAIN;
    size_t piece = size > 0 ? data[0] : 0;
    src_redis_resp_init(&resp, COMMAND_MAX);
    for (size_t at = 1; rc == CDC_AGAIN && at < size;) {
        size_t room = 0;
        char *to = src_redis_resp_room(&resp, &room);
        size_t n = piece == 0 || piece > size - at ? size - at : piece;
        must(to != NULL && room > 0);
        n = n < room ? n : room;
        memcpy(to, data + at, n);
        src_redis_resp_received(&resp, n);
        at += n;
        rc = take(&resp, &behind);
        must(rc == CDC_FATAL || behind + src_redis_resp_rest(&resp).n == at - 1);
    }
    src_redis_resp_fini(&resp);
    return 0;
}

#include "source.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"
#include "precheck.h"
#include "schema/redis/reserved.h"
#include "shard.h"

enum { BATCH_ROWS = 4096, BATCH_BYTES = 1024 * 1024, HEARTBEAT_BYTES = 128 };

typedef struct source {
    const cdc_env *env;
    const char **hosts; /* source.hosts, borrowed */
    uint32_t nhosts;
    char heartbeat[HEARTBEAT_BYTES];
    src_redis_select *select;
    src_redis_shard *shard;
    src_redis_place told; /* by the last token */
    bool full_done;       /* the batch with it was given */
} source;

static void close_source(void *handle)
{
    source *src = handle;
    if (src == NULL) {
        return;
    }
    src_redis_shard_close(src->shard);
    src_redis_select_free(src->select);
    free(src->hosts);
    free(src);
}

static cdc_rc open_source(void **out, const cdc_env *env, cdc_error *err)
{
    size_t n = cdc_config_count(env->task->cfg, "source.hosts");
    source *src = calloc(1, sizeof *src);
    const char **hosts = calloc(n > 0 ? n : 1, sizeof *hosts);
    *out = NULL;
    if (src == NULL || hosts == NULL) {
        free(src);
        free(hosts);
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the source");
    }
    for (size_t i = 0; i < n; i++) {
        hosts[i] = cdc_config_item(env->task->cfg, "source.hosts", i);
    }
    *src = (source){.env = env, .hosts = hosts, .nhosts = (uint32_t)n};
    snprintf(src->heartbeat, sizeof src->heartbeat, CDC_REDIS_HEARTBEAT_PREFIX "%s",
             env->task->name);
    cdc_rc rc = src_redis_select_new(&src->select, env, err);
    if (rc != CDC_OK) {
        close_source(src);
        return rc;
    }
    *out = src;
    return CDC_OK;
}

/* source.start: full, or now. */
static bool starts_now(const cdc_task *task)
{
    const char *start = cdc_config_str(task->cfg, "source.start");
    return start != NULL ? strcmp(start, "now") == 0 : !task->phase_full;
}

static cdc_rc start_source(void *handle, const char *token, size_t len, cdc_error *err)
{
    source *src = handle;
    src_redis_place place;
    uint32_t n = 0;
    src_redis_shard_start start = {.env = src->env,
                                   .select = src->select,
                                   .hosts = src->hosts,
                                   .nhosts = src->nhosts,
                                   .heartbeat = src->heartbeat};
    if (token == NULL) {
        start.pass_over = starts_now(src->env->task);
        return src_redis_shard_open(&src->shard, &start, err);
    }
    cdc_rc rc = src_redis_token_parse(token, len, &place, 1, &n, err);
    if (rc == CDC_OK) {
        start.place = &place;
        rc = src_redis_shard_open(&src->shard, &start, err);
    }
    return rc;
}

/* --- poll --- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return b > 0 && b < a ? b : a;
}

/* While the file is read the limits of full.* count. False: nothing may be read now. */
static bool limit(const source *src, const cdc_batch *batch, int timeout_ms,
                  src_redis_limits *limits)
{
    cdc_throttle *th = src->env->limits.full;
    *limits = (src_redis_limits){(uint32_t)smaller(BATCH_ROWS, batch->want_rows),
                                 smaller(BATCH_BYTES, batch->want_bytes)};
    if (src_redis_shard_place(src->shard)->stream) {
        return true;
    }
    int64_t delay_ms = cdc_throttle_delay_us(th) / 1000;
    if (delay_ms > 0) {
        cdc_stop_wait(delay_ms < timeout_ms ? delay_ms : timeout_ms);
        return false;
    }
    int64_t rows;
    int64_t bytes;
    cdc_throttle_portion(th, &rows, &bytes);
    *limits = (src_redis_limits){(uint32_t)smaller(BATCH_ROWS, (uint64_t)rows),
                                 smaller(BATCH_BYTES, (uint64_t)bytes)};
    return true;
}

static cdc_rc commit(source *src, src_redis_emitter *to, cdc_error *err)
{
    const src_redis_place *place = src_redis_shard_place(src->shard);
    bool moved = place->stream != src->told.stream || place->offset != src->told.offset ||
                 strcmp(place->replid, src->told.replid) != 0;
    if (src_redis_shard_in_block(src->shard) || (!moved && to->batch->nevents == 0)) {
        return CDC_OK;
    }
    cdc_phase phase = place->stream ? CDC_PHASE_INCR : CDC_PHASE_SNAPSHOT;
    src->told = *place;
    return src_redis_emit_commit(to, place, 1, phase, err);
}

static cdc_rc poll_source(void *handle, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    source *src = handle;
    src_redis_emitter to = {.batch = batch};
    src_redis_limits limits;
    if (src->full_done && !src->env->task->phase_incremental) {
        return CDC_EOF;
    }
    bool copying = !src_redis_shard_place(src->shard)->stream;
    if (!limit(src, batch, timeout_ms, &limits)) {
        return CDC_AGAIN;
    }
    cdc_rc rc = src_redis_shard_fill(src->shard, &to, &limits, timeout_ms, err);
    if (rc != CDC_OK && rc != CDC_AGAIN) {
        return rc;
    }
    if (copying) {
        cdc_throttle_take(src->env->limits.full, batch->nevents, (int64_t)batch->source_bytes, 0);
        src->full_done = src_redis_shard_place(src->shard)->stream;
        batch->full_done = src->full_done;
    }
    rc = commit(src, &to, err);
    batch->caught_up = src_redis_shard_caught_up(src->shard);
    return rc == CDC_OK && batch->nevents == 0 ? CDC_AGAIN : rc;
}

const cdc_source src_redis = {
    .name = "redis",
    .open = open_source,
    .start = start_source,
    .poll = poll_source,
    .close = close_source,
    .precheck = src_redis_precheck,
};

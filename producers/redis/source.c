#include "source.h"

#include <stdlib.h>

#include "core/stop.h"
#include "fleet.h"
#include "precheck.h"

enum { BATCH_ROWS = 4096, BATCH_BYTES = 1024 * 1024 };

typedef struct source {
    const cdc_env *env;
    src_redis_select *select;
    src_redis_fleet *fleet;
    bool full_done; /* the batch with it was given */
} source;

static void close_source(void *handle)
{
    source *src = handle;
    if (src == NULL) {
        return;
    }
    src_redis_fleet_close(src->fleet);
    src_redis_select_free(src->select);
    free(src);
}

/* Nothing is asked for yet: whom to ask depends on where to begin. */
static cdc_rc open_source(void **out, const cdc_env *env, cdc_error *err)
{
    source *src = calloc(1, sizeof *src);
    *out = NULL;
    if (src == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the source");
    }
    src->env = env;
    cdc_rc rc = src_redis_select_new(&src->select, env, err);
    if (rc != CDC_OK) {
        close_source(src);
        return rc;
    }
    *out = src;
    return CDC_OK;
}

static cdc_rc start_source(void *handle, const char *token, size_t len, cdc_error *err)
{
    source *src = handle;
    return src_redis_fleet_open(&src->fleet, src->env, src->select, token, len, err);
}

/* --- poll --- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return b > 0 && b < a ? b : a;
}

/* While a file is read the limits of full.* count. False: nothing may be read now. */
static bool limit(const source *src, const cdc_batch *batch, bool copying, int timeout_ms,
                  src_redis_limits *limits)
{
    cdc_throttle *th = src->env->limits.full;
    *limits = (src_redis_limits){(uint32_t)smaller(BATCH_ROWS, batch->want_rows),
                                 smaller(BATCH_BYTES, batch->want_bytes)};
    if (!copying) {
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

static cdc_rc poll_source(void *handle, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    source *src = handle;
    src_redis_emitter to = {.batch = batch};
    src_redis_limits limits;
    bool copying = src_redis_fleet_is_copying(src->fleet);
    if (src->full_done && !src->env->task->phase_incremental) {
        return CDC_EOF;
    }
    if (!limit(src, batch, copying, timeout_ms, &limits)) {
        return CDC_AGAIN;
    }
    cdc_rc rc = src_redis_fleet_fill(src->fleet, &to, &limits, timeout_ms, err);
    if (rc != CDC_OK && rc != CDC_AGAIN) {
        return rc;
    }
    if (copying) {
        cdc_throttle_take(src->env->limits.full, batch->nevents, (int64_t)batch->source_bytes, 0);
        src->full_done = !src_redis_fleet_is_copying(src->fleet);
        batch->full_done = src->full_done;
    }
    rc = src_redis_fleet_commit(src->fleet, &to, err);
    batch->caught_up = src_redis_fleet_caught_up(src->fleet);
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

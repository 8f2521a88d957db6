#include "shard.h"

#include <stdlib.h>

#include "attach.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"
#include "shard_state.h"

enum {
    CHUNK_BYTES = 128 * 1024,
    PATIENCE_MS = 15000,   /* for a server that can go on, before all is copied again */
    SILENCE_MS = 60000,    /* servers say something every 10 s */
    IN_FLIGHT = 32 * 1024, /* less than that fits into any socket: a server has none of it left */
    RECONNECT_MS = 20000,  /* a lost connection is tried again for so long before RETRY */
    PAUSE_MS = 200,
};
static const size_t COMMAND_MAX = (size_t)1 << 30;

static void numbers(src_redis_shard *shard)
{
    cdc_metrics *mx = shard->start.env->metrics;
    char labels[32] = "";
    if (src_redis_shard_is_of_cluster(shard)) {
        snprintf(labels, sizeof labels, "shard=\"%u\"", shard->start.number);
    }
    shard->copy_keys = cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_rows", labels,
                                          "Keys that the full copy has read");
    shard->copy_keys_estimated =
        cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_rows_estimated", labels,
                           "Keys that the source had when the full copy began");
    shard->copy_bytes = cdc_metrics_number(mx, CDC_GAUGE, "sluice_copy_bytes", labels,
                                           "Bytes of the full copy's file that were read");
    shard->lag = cdc_metrics_number(mx, CDC_GAUGE, "sluice_source_lag_ms", labels,
                                    "Heartbeat written at the source to read from its stream, ms");
    shard->full_again =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_full_resyncs_total", labels,
                           "Times that the source could not go on and everything was copied again");
    shard->reconnects = cdc_metrics_number(mx, CDC_COUNTER, "sluice_source_reconnects_total",
                                           labels, "Lost connections that were gone on with");
}

/* --- connecting --- */

static src_redis_servers servers_of(const src_redis_shard *shard)
{
    return (src_redis_servers){shard->start.env, shard->start.hosts, shard->start.nhosts,
                               shard->start.nfull};
}

static void set_server(src_redis_shard *shard)
{
    const cdc_redis_server *info = src_redis_link_info(shard->link);
    shard->numbered = info->is_valkey && info->version >= 90000;
    snprintf(shard->place.server, sizeof shard->place.server, "%s",
             src_redis_link_server(shard->link));
    cdc_metrics_word(shard->start.env->metrics, "source_server", shard->place.server);
    cdc_metrics_word(shard->start.env->metrics, "server_version", info->version_text);
}

static cdc_rc refuse_full(const src_redis_shard *shard, const src_redis_place *at, cdc_error *err)
{
    return cdc_error_refuse(
        err, "redis_backlog",
        "%s no longer has what comes behind byte %llu of history %s, where the capture stopped, "
        "and phases has no full: start the task under a new name with phases [full, incremental], "
        "and give the source a larger backlog (CONFIG SET repl-backlog-size)",
        shard->place.server, (unsigned long long)at->offset, at->replid);
}

/* Everything is copied again: that must not go unnoticed. */
static void tell_full(src_redis_shard *shard, const src_redis_place *at, src_redis_fit fit)
{
    static const char *const reasons[] = {
        "the server refused to go on", "the server has not all that was captured",
        "its backlog no longer holds what comes next (repl-backlog-size)",
        "it has another history: restarted without its data, or not the same server"};
    cdc_metric_add(shard->full_again, 1);
    CDC_LOG(CDC_LOG_WARN, "full_resync", CDC_STR("server", shard->place.server),
            CDC_STR("was", at->server), CDC_STR("replid", at->replid),
            CDC_NUM("offset", at->offset), CDC_STR("reason", reasons[fit]));
}

/* The file comes. */
static void expect_file(src_redis_shard *shard)
{
    shard->stage = SRC_REDIS_HEAD;
    shard->place.stream = false;
    shard->place.offset = shard->answer.offset;
    shard->place.db = 0;
    shard->keys = 0;
}

static void go_on(src_redis_shard *shard, const src_redis_place *at)
{
    shard->stage = SRC_REDIS_STREAM;
    shard->place.stream = true;
    shard->place.offset = shard->offset = at->offset;
    shard->place.db = shard->db = at->db;
}

static cdc_rc first_psync(src_redis_shard *shard, const src_redis_place *at, src_redis_fit fit,
                          cdc_error *err)
{
    bool known = at != NULL && at->replid[0] != '\0';
    bool may_copy = shard->start.pass_over || shard->start.may_copy;
    set_server(shard);
    if (known && fit != SRC_REDIS_FITS && !may_copy) {
        return refuse_full(shard, at, err);
    }
    shard->goal = (uint64_t)src_redis_link_info(shard->link)->offset;
    cdc_rc rc = src_redis_link_psync(shard->link, fit == SRC_REDIS_FITS ? at : NULL,
                                     shard->heartbeat, &shard->answer, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (known && shard->answer.full && !may_copy) {
        return refuse_full(shard, at, err);
    }
    snprintf(shard->place.replid, sizeof shard->place.replid, "%s", shard->answer.replid);
    if (!shard->answer.full) {
        go_on(shard, at);
        CDC_LOG(CDC_LOG_INFO, "stream_open", CDC_STR("server", shard->place.server),
                CDC_STR("replid", shard->place.replid), CDC_NUM("offset", at->offset));
        return CDC_OK;
    }
    expect_file(shard);
    if (known) {
        tell_full(shard, at, fit);
    }
    return CDC_OK;
}

cdc_rc src_redis_shard_open(src_redis_shard **out, const src_redis_shard_start *start,
                            cdc_error *err)
{
    *out = NULL;
    src_redis_shard *shard = calloc(1, sizeof *shard);
    char *chunk = malloc(CHUNK_BYTES);
    if (shard == NULL || chunk == NULL) {
        free(chunk);
        free(shard);
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the source");
    }
    shard->start = *start;
    shard->start.place = NULL;
    shard->chunk = chunk;
    snprintf(shard->heartbeat, sizeof shard->heartbeat, "%s", start->heartbeat);
    src_redis_resp_init(&shard->resp, COMMAND_MAX);
    cdc_buffer_init(&shard->values, COMMAND_MAX);
    cdc_buffer_init(&shard->held.argv, COMMAND_MAX);
    cdc_buffer_init(&shard->held.bytes, COMMAND_MAX);
    src_redis_expiry_init(&shard->expiry);
    numbers(shard);
    src_redis_servers servers = servers_of(shard);
    src_redis_fit fit = SRC_REDIS_OTHER;
    const src_redis_place *at = start->place != NULL && start->place->stream ? start->place : NULL;
    cdc_rc rc = src_redis_attach(&shard->link, &servers, at, PATIENCE_MS, &fit, err);
    if (rc == CDC_OK) {
        rc = first_psync(shard, at, fit, err);
    }
    if (rc != CDC_OK) {
        src_redis_shard_close(shard);
        return rc;
    }
    *out = shard;
    return CDC_OK;
}

void src_redis_shard_close(src_redis_shard *shard)
{
    if (shard == NULL) {
        return;
    }
    src_redis_link_close(shard->link);
    src_redis_rdb_free(shard->rdb);
    src_redis_resp_fini(&shard->resp);
    src_redis_held_fini(&shard->held);
    src_redis_expiry_fini(&shard->expiry);
    cdc_buffer_fini(&shard->values);
    free(shard->chunk);
    free(shard);
}

/* --- a lost connection --- */

/* Goes on at the very byte, or says why not. */
static cdc_rc reconnect(src_redis_shard *shard, cdc_error *err)
{
    src_redis_servers servers = servers_of(shard);
    src_redis_fit fit = SRC_REDIS_OTHER;
    src_redis_place at = shard->place;
    at.offset = shard->offset;
    at.db = shard->db;
    cdc_rc rc = src_redis_attach(&shard->link, &servers, &at, 0, &fit, err);
    if (rc == CDC_OK) {
        rc = src_redis_link_psync(shard->link, &at, shard->heartbeat, &shard->answer, err);
    }
    if (rc == CDC_OK && shard->answer.full) {
        rc = cdc_error_set(err, CDC_RETRY, "redis_lost", "%s: it does not go on at byte %llu",
                           src_redis_link_server(shard->link), (unsigned long long)at.offset);
    }
    if (rc != CDC_OK) {
        src_redis_link_close(shard->link);
        shard->link = NULL;
        return rc;
    }
    set_server(shard);
    snprintf(shard->place.replid, sizeof shard->place.replid, "%s", shard->answer.replid);
    src_redis_resp_reset(&shard->resp);
    shard->lost_ms = 0;
    shard->silent_ms = 0;
    cdc_metric_add(shard->reconnects, 1);
    CDC_LOG(CDC_LOG_WARN, "source_reconnect", CDC_STR("server", shard->place.server),
            CDC_STR("replid", shard->place.replid), CDC_NUM("offset", at.offset));
    return CDC_OK;
}

/* Without a connection. AGAIN: not yet. */
static cdc_rc try_again(src_redis_shard *shard, int timeout_ms, cdc_error *err)
{
    int64_t now = cdc_clock_mono_ms();
    if (now < shard->next_try_ms) {
        int64_t wait = shard->next_try_ms - now;
        cdc_stop_wait(wait < timeout_ms ? wait : timeout_ms);
        return CDC_AGAIN;
    }
    cdc_rc rc = reconnect(shard, err);
    if (rc == CDC_OK || rc == CDC_FATAL) {
        return rc;
    }
    shard->next_try_ms = cdc_clock_mono_ms() + PAUSE_MS;
    return shard->next_try_ms - shard->lost_ms > RECONNECT_MS ? rc : CDC_AGAIN;
}

/* The place in the stream is known to the byte, so the session can go on; of a file not. */
static cdc_rc lost(src_redis_shard *shard, cdc_error *err)
{
    if (shard->stage != SRC_REDIS_STREAM) {
        return cdc_error_context(err, "full synchronization from %s", shard->place.server);
    }
    CDC_LOG(CDC_LOG_WARN, "source_lost", CDC_STR("error", err->text),
            CDC_NUM("offset", shard->offset));
    src_redis_link_close(shard->link);
    shard->link = NULL;
    shard->lost_ms = cdc_clock_mono_ms();
    shard->next_try_ms = 0;
    cdc_error_clear(err);
    return CDC_AGAIN;
}

/* --- filling --- */

static cdc_rc receive(src_redis_shard *shard, src_redis_emitter *to, int timeout_ms, cdc_error *err)
{
    bool file = shard->stage == SRC_REDIS_FILE;
    size_t room = CHUNK_BYTES;
    size_t got = 0;
    char *p = file ? shard->chunk : src_redis_resp_room(&shard->resp, &room);
    if (p == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the stream");
    }
    cdc_rc rc = src_redis_link_read(shard->link, p, room, &got, timeout_ms, err);
    if (rc == CDC_AGAIN) {
        shard->behind = 0;
        shard->silent_ms += timeout_ms;
        return shard->silent_ms < SILENCE_MS
                   ? rc
                   : cdc_error_set(err, CDC_RETRY, "redis_silent", "%s: nothing was heard for %d s",
                                   shard->place.server, SILENCE_MS / 1000);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    shard->silent_ms = 0;
    shard->behind += got;
    shard->now_ms = cdc_clock_wall_ms();
    to->batch->source_bytes += got;
    if (file) {
        return src_redis_shard_feed_file(shard, p, got, err);
    }
    src_redis_resp_received(&shard->resp, got);
    return CDC_OK;
}

static cdc_rc take(src_redis_shard *shard, src_redis_emitter *to, const src_redis_limits *limits,
                   cdc_error *err)
{
    cdc_rc rc = shard->stage == SRC_REDIS_STREAM
                    ? src_redis_shard_take_stream(shard, to, limits, err)
                    : src_redis_shard_take_file(shard, to, limits, err);
    if (rc == CDC_AGAIN && shard->stage == SRC_REDIS_STREAM && shard->link != NULL) {
        src_redis_link_progress(shard->link, shard->offset, false);
    }
    return rc;
}

/* Takes what is there, and receives more when that is not enough for a batch. */
static cdc_rc step(src_redis_shard *shard, src_redis_emitter *to, const src_redis_limits *limits,
                   int timeout_ms, cdc_error *err)
{
    uint32_t before = to->batch->nevents;
    cdc_rc rc = take(shard, to, limits, err);
    if (rc != CDC_AGAIN) {
        return rc;
    }
    int wait_ms = to->batch->nevents > before ? 0 : timeout_ms;
    if (src_redis_shard_waits(shard)) {
        return CDC_AGAIN;
    }
    if (shard->link == NULL) {
        return try_again(shard, wait_ms, err);
    }
    rc = receive(shard, to, wait_ms, err);
    return rc == CDC_RETRY ? lost(shard, err) : rc;
}

cdc_rc src_redis_shard_fill(src_redis_shard *shard, src_redis_emitter *to,
                            const src_redis_limits *limits, int timeout_ms, cdc_error *err)
{
    uint32_t before = to->batch->nevents;
    int64_t until_ms = cdc_clock_mono_ms() + timeout_ms; /* where nothing is selected */
    cdc_rc rc = CDC_OK;
    while (rc == CDC_OK && !src_redis_shard_is_full(to, limits)) {
        rc = step(shard, to, limits, to->batch->nevents > before ? 0 : timeout_ms, err);
        if (rc == CDC_OK && cdc_clock_mono_ms() > until_ms) {
            break;
        }
    }
    if (rc != CDC_OK && rc != CDC_AGAIN) {
        return rc;
    }
    bool more = to->batch->nevents > before;
    cdc_rc held = shard->in_block ? src_redis_shard_hold(shard, to, err) : CDC_OK;
    return held != CDC_OK ? held : rc == CDC_AGAIN && more ? CDC_OK : rc;
}

const src_redis_place *src_redis_shard_place(const src_redis_shard *shard)
{
    return &shard->place;
}

bool src_redis_shard_in_block(const src_redis_shard *shard)
{
    return shard->in_block && shard->block_events > 0;
}

uint64_t src_redis_shard_offset(const src_redis_shard *shard)
{
    return shard->offset;
}

bool src_redis_shard_is_copying(const src_redis_shard *shard)
{
    return shard->stage != SRC_REDIS_STREAM;
}

void src_redis_shard_cover(src_redis_shard *shard, uint64_t offset, bool all)
{
    shard->covered = offset;
    shard->covered_all = all ? offset : shard->covered_all;
}

void src_redis_shard_heartbeat(src_redis_shard *shard, const char *key)
{
    snprintf(shard->heartbeat, sizeof shard->heartbeat, "%s", key);
    if (shard->link != NULL) {
        src_redis_link_heartbeat(shard->link, key);
    }
}

bool src_redis_shard_has_ended(const src_redis_shard *shard)
{
    return shard->stage == SRC_REDIS_STREAM && shard->link == NULL && shard->behind < IN_FLIGHT &&
           src_redis_resp_rest(&shard->resp).n == 0;
}

const cdc_net *src_redis_shard_net(const src_redis_shard *shard)
{
    return shard->link != NULL ? src_redis_link_net(shard->link) : NULL;
}

bool src_redis_shard_caught_up(const src_redis_shard *shard)
{
    return shard->stage == SRC_REDIS_STREAM && shard->offset >= shard->goal;
}

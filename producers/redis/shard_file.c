/* The file of a full synchronization as events, between its two markers. */
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "shard_state.h"

enum { HEAD_MAX_BYTES = 128 };

/* --- events --- */

static cdc_rc emit(src_redis_shard *shard, src_redis_emitter *to, const cdc_value *argv,
                   const src_redis_rdb_command *cmd, uint32_t part, cdc_error *err)
{
    src_redis_emitted out = {.argv = argv,
                             .argc = cmd->argc,
                             .key_arg = cmd->key_arg,
                             .db = cmd->db,
                             .expire_at_ms = cmd->expire_at_ms,
                             .phase = CDC_PHASE_SNAPSHOT,
                             .replid = shard->place.replid,
                             .begin = shard->place.offset,
                             .end = shard->place.offset,
                             .shard = part,
                             .last = true,
                             .now_ms = shard->now_ms};
    return src_redis_emit(to, &out, err);
}

static cdc_value text(const char *s)
{
    return (cdc_value){.kind = CDC_BYTES, .p = s, .len = (uint32_t)strlen(s)};
}

cdc_rc src_redis_shard_mark(src_redis_shard *shard, src_redis_emitter *to, const char *which,
                            cdc_error *err)
{
    const src_redis_moves *moves = shard->start.moves;
    cdc_rc rc = CDC_OK;
    cdc_buffer slots;
    cdc_buffer_init(&slots, (size_t)CDC_REDIS_SLOTS * 8);
    for (uint32_t part = 0; rc == CDC_OK && part < (moves != NULL ? moves->parts : 1); part++) {
        src_redis_rdb_command cmd = {.argc = 2, .key_arg = -1, .expire_at_ms = -1};
        cdc_value argv[3] = {text(CDC_COMMAND_FULLSYNC), text(which)};
        if (moves != NULL) {
            cdc_buffer_reset(&slots);
            src_redis_moves_slots(moves, shard->start.number, (int32_t)part, ",", &slots);
            if (slots.len == 0) {
                continue;
            }
            argv[2] = text(cdc_buffer_cstr(&slots));
            cmd.argc = 3;
        }
        rc = emit(shard, to, argv, &cmd, part, err);
    }
    cdc_buffer_fini(&slots);
    return rc;
}

static cdc_rc mark_file(src_redis_shard *shard, src_redis_emitter *to, const char *which,
                        cdc_error *err)
{
    return shard->start.pass_over || shard->start.joins
               ? CDC_OK
               : src_redis_shard_mark(shard, to, which, err);
}

static bool is(const src_redis_slice *name, const char *upper)
{
    return name->n == strlen(upper) && memcmp(name->p, upper, name->n) == 0;
}

/* What the target has under the key may be older, of another type, or the same copy begun before.
 */
static cdc_rc emit_delete(src_redis_shard *shard, src_redis_emitter *to,
                          const src_redis_rdb_command *cmd, cdc_error *err)
{
    src_redis_rdb_command del = {.argc = 2, .key_arg = 1, .db = cmd->db, .expire_at_ms = -1};
    const src_redis_slice *key = &cmd->argv[cmd->key_arg];
    const cdc_value argv[2] = {{.kind = CDC_BYTES, .p = "DEL", .len = 3},
                               {.kind = CDC_BYTES, .p = key->p, .len = (uint32_t)key->n}};
    return emit(shard, to, argv, &del, src_redis_shard_part(shard, argv, 1), err);
}

/* Functions and scripts belong to no database: they are taken with everything only, and from one
 * master, as all have the same. A key whose slot is not the master's was left behind there. */
static bool is_selected(const src_redis_shard *shard, const src_redis_rdb_command *cmd)
{
    const src_redis_slice *key = cmd->key_arg >= 0 ? &cmd->argv[cmd->key_arg] : NULL;
    const src_redis_moves *moves = shard->start.moves;
    if (key == NULL) {
        return src_redis_select_whole(shard->start.select) && shard->start.number == 0;
    }
    bool is_ours = moves == NULL || shard->start.joins ||
                   moves->home[cdc_redis_slot(key->p, key->n)] == shard->start.number;
    return is_ours && src_redis_select_key(shard->start.select, cmd->db, key->p, key->n);
}

static cdc_rc emit_command(src_redis_shard *shard, src_redis_emitter *to,
                           const src_redis_rdb_command *cmd, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    shard->keys += cmd->first ? 1 : 0;
    if (shard->start.pass_over || !is_selected(shard, cmd)) {
        return CDC_OK;
    }
    cdc_buffer_reset(&shard->values);
    cdc_value *argv =
        (cdc_value *)(void *)cdc_buffer_reserve(&shard->values, cmd->argc * sizeof(cdc_value));
    if (argv == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a command of the file");
    }
    for (uint32_t i = 0; i < cmd->argc; i++) {
        argv[i] =
            (cdc_value){.kind = CDC_BYTES, .p = cmd->argv[i].p, .len = (uint32_t)cmd->argv[i].n};
    }
    if (cmd->first && !is(&cmd->argv[0], "SET") && !is(&cmd->argv[0], "RESTORE")) {
        rc = emit_delete(shard, to, cmd, err);
    }
    uint32_t part = src_redis_shard_part(shard, argv, cmd->key_arg);
    return rc == CDC_OK ? emit(shard, to, argv, cmd, part, err) : rc;
}

/* --- the head --- */

static cdc_rc begin_file(src_redis_shard *shard, src_redis_emitter *to, cdc_error *err)
{
    src_redis_rdb_options options = {
        .restore =
            strcmp(cdc_config_str(shard->start.env->task->cfg, "source.rdb"), "restore") == 0};
    shard->rdb = src_redis_rdb_new(&options);
    if (shard->rdb == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the file's reader");
    }
    CDC_LOG(CDC_LOG_INFO, "full_copy_begin", CDC_STR("server", shard->place.server),
            CDC_STR("replid", shard->answer.replid), CDC_NUM("offset", shard->answer.offset),
            CDC_NUM("bytes", shard->file_bytes));
    cdc_metric_set(shard->copy_keys_estimated,
                   cdc_redis_server_keys(src_redis_link_info(shard->link)));
    shard->stage = SRC_REDIS_FILE;
    cdc_rc rc = mark_file(shard, to, CDC_FULLSYNC_BEGIN, err);
    src_redis_slice rest = src_redis_resp_rest(&shard->resp);
    if (rc == CDC_OK) {
        rc = src_redis_shard_feed_file(shard, rest.p, rest.n, err);
    }
    src_redis_resp_reset(&shard->resp);
    return rc;
}

/* A line "$LENGTH", "$EOF:MARK" or "-ERR ...". */
static cdc_rc parse_head(src_redis_shard *shard, src_redis_slice line, cdc_error *err)
{
    static const char eof[] = "$EOF:";
    char text[HEAD_MAX_BYTES + 1];
    snprintf(text, sizeof text, "%.*s", (int)line.n, line.p);
    if (text[0] == '-') {
        return cdc_error_set(err, CDC_RETRY, "redis_fullsync",
                             "%s: the full synchronization was given up by the server: %.100s",
                             shard->place.server, text + 1);
    }
    if (strncmp(text, eof, sizeof eof - 1) == 0 &&
        strlen(text) == sizeof eof - 1 + SRC_REDIS_MARK_BYTES) {
        memcpy(shard->mark, text + sizeof eof - 1, SRC_REDIS_MARK_BYTES);
        shard->file_bytes = -1;
        return CDC_OK;
    }
    char *end = text;
    shard->file_bytes = text[0] == '$' ? strtoll(text + 1, &end, 10) : 0;
    if (shard->file_bytes <= 0 || *end != '\0') {
        return cdc_error_set(err, CDC_FATAL, "redis_fullsync",
                             "%s: expected the length of the file of a full synchronization, found "
                             "\"%.40s\"",
                             shard->place.server, text);
    }
    return CDC_OK;
}

static cdc_rc take_head(src_redis_shard *shard, src_redis_emitter *to, cdc_error *err)
{
    src_redis_slice rest = src_redis_resp_rest(&shard->resp);
    size_t empty = 0;
    while (empty < rest.n && rest.p[empty] == '\n') {
        empty++; /* the server prepares the file */
    }
    src_redis_resp_skip(&shard->resp, empty);
    if (src_redis_shard_waits(shard)) {
        return CDC_AGAIN;
    }
    src_redis_slice line = {rest.p + empty, rest.n - empty};
    const char *end = line.n > 0 ? memchr(line.p, '\n', line.n) : NULL;
    if (end == NULL) {
        return line.n > HEAD_MAX_BYTES ? parse_head(shard, line, err) : CDC_AGAIN;
    }
    size_t n = (size_t)(end - line.p);
    line.n = n - (n > 0 && line.p[n - 1] == '\r' ? 1 : 0);
    cdc_rc rc = parse_head(shard, line, err);
    src_redis_resp_skip(&shard->resp, n + 1);
    return rc == CDC_OK ? begin_file(shard, to, err) : rc;
}

/* --- the file --- */

cdc_rc src_redis_shard_feed_file(src_redis_shard *shard, const char *p, size_t n, cdc_error *err)
{
    return n == 0 || src_redis_rdb_feed(shard->rdb, p, n)
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the file's reader");
}

/* What was fed behind the file's end is the mark, or the stream. */
static cdc_rc end_file(src_redis_shard *shard, cdc_error *err)
{
    src_redis_slice rest = src_redis_rdb_rest(shard->rdb);
    uint64_t bytes = src_redis_rdb_offset(shard->rdb);
    if (shard->file_bytes >= 0 && bytes != (uint64_t)shard->file_bytes) {
        return cdc_error_set(err, CDC_FATAL, "redis_fullsync",
                             "%s: the file of the full synchronization ends at byte %llu, and "
                             "%lld were told",
                             shard->place.server, (unsigned long long)bytes,
                             (long long)shard->file_bytes);
    }
    while (rest.n > 0) {
        size_t room = 0;
        char *to = src_redis_resp_room(&shard->resp, &room);
        if (to == NULL) {
            return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the stream");
        }
        size_t n = rest.n < room ? rest.n : room;
        memcpy(to, rest.p, n);
        src_redis_resp_received(&shard->resp, n);
        rest = (src_redis_slice){rest.p + n, rest.n - n};
    }
    shard->stage = SRC_REDIS_MARK;
    return CDC_OK;
}

/* The target has what the server had at the offset: the stream goes on from there. */
static cdc_rc begin_stream(src_redis_shard *shard, src_redis_emitter *to, cdc_error *err)
{
    int32_t db = src_redis_rdb_stream_db(shard->rdb);
    cdc_rc rc = mark_file(shard, to, CDC_FULLSYNC_END, err);
    shard->stage = SRC_REDIS_STREAM;
    shard->offset = shard->answer.offset;
    shard->db = db >= 0 ? db : 0;
    shard->place.stream = true;
    shard->place.offset = shard->offset;
    shard->place.db = shard->db;
    CDC_LOG(CDC_LOG_INFO, "full_copy_end", CDC_STR("server", shard->place.server),
            CDC_NUM("keys", shard->keys), CDC_NUM("bytes", src_redis_rdb_offset(shard->rdb)));
    src_redis_rdb_free(shard->rdb);
    shard->rdb = NULL;
    src_redis_link_progress(shard->link, shard->offset, true);
    return rc;
}

static cdc_rc take_mark(src_redis_shard *shard, src_redis_emitter *to, cdc_error *err)
{
    src_redis_slice rest = src_redis_resp_rest(&shard->resp);
    if (shard->file_bytes < 0) {
        if (rest.n < SRC_REDIS_MARK_BYTES) {
            return CDC_AGAIN;
        }
        if (memcmp(rest.p, shard->mark, SRC_REDIS_MARK_BYTES) != 0) {
            return cdc_error_set(err, CDC_FATAL, "redis_fullsync",
                                 "%s: the file of the full synchronization is not followed by its "
                                 "mark",
                                 shard->place.server);
        }
        src_redis_resp_skip(&shard->resp, SRC_REDIS_MARK_BYTES);
    }
    return begin_stream(shard, to, err);
}

static cdc_rc take_commands(src_redis_shard *shard, src_redis_emitter *to,
                            const src_redis_limits *limits, cdc_error *err)
{
    src_redis_rdb_command cmd;
    cdc_rc rc = CDC_OK;
    while (rc == CDC_OK && !src_redis_shard_is_full(to, limits)) {
        rc = src_redis_rdb_next(shard->rdb, &cmd, err);
        if (rc == CDC_OK) {
            rc = emit_command(shard, to, &cmd, err);
        }
    }
    cdc_metric_set(shard->copy_keys, shard->keys);
    cdc_metric_set(shard->copy_bytes, (int64_t)src_redis_rdb_offset(shard->rdb));
    if (rc == CDC_EOF) {
        return end_file(shard, err);
    }
    return rc == CDC_FATAL
               ? cdc_error_context(err, "full synchronization from %s", shard->place.server)
               : rc;
}

cdc_rc src_redis_shard_take_file(src_redis_shard *shard, src_redis_emitter *to,
                                 const src_redis_limits *limits, cdc_error *err)
{
    switch (shard->stage) {
    case SRC_REDIS_HEAD:
        return take_head(shard, to, err);
    case SRC_REDIS_FILE:
        return take_commands(shard, to, limits, err);
    default:
        return take_mark(shard, to, err);
    }
}

#include "resp.h"

#include <strings.h>

#include "core/cursor.h"

enum {
    READ_BYTES = 256 * 1024,
    ROOM_MIN = 32 * 1024,
    KEEP_BYTES = 1024 * 1024, /* a buffer that a large command needed is given back */
    ARGS_MAX = INT32_MAX,
};

void src_redis_resp_init(src_redis_resp *resp, size_t max_bytes)
{
    *resp = (src_redis_resp){.max_bytes = max_bytes, .args_left = -1, .arg_bytes = -1};
    cdc_buffer_init(&resp->in, max_bytes + 2 * READ_BYTES);
    cdc_buffer_init(&resp->places, max_bytes);
    cdc_buffer_init(&resp->argv, max_bytes);
}

void src_redis_resp_fini(src_redis_resp *resp)
{
    cdc_buffer_fini(&resp->in);
    cdc_buffer_fini(&resp->places);
    cdc_buffer_fini(&resp->argv);
}

static void begin(src_redis_resp *resp)
{
    resp->at = 0;
    resp->args_left = -1;
    resp->arg_bytes = -1;
    resp->need = 0;
    cdc_buffer_reset(&resp->places);
}

void src_redis_resp_reset(src_redis_resp *resp)
{
    cdc_buffer_reset(&resp->in);
    resp->pos = 0;
    begin(resp);
}

static void compact(src_redis_resp *resp)
{
    size_t left = resp->in.len - resp->pos;
    if (left == 0 && resp->in.cap > KEEP_BYTES) {
        cdc_buffer_fini(&resp->in);
    } else if (left > 0 && resp->pos > 0) {
        memmove(resp->in.data, resp->in.data + resp->pos, left);
    }
    resp->in.len = left;
    resp->pos = 0;
}

char *src_redis_resp_room(src_redis_resp *resp, size_t *n)
{
    size_t free_bytes = resp->in.cap - resp->in.len;
    if (free_bytes < ROOM_MIN || resp->pos == resp->in.len) {
        compact(resp);
    }
    size_t want = READ_BYTES;
    if (resp->need > resp->in.len + want) {
        want = (size_t)resp->need - resp->in.len;
    }
    free_bytes = resp->in.cap - resp->in.len;
    *n = 0;
    if (free_bytes < ROOM_MIN && cdc_buffer_reserve(&resp->in, want) == NULL) {
        return NULL;
    }
    *n = resp->in.cap - resp->in.len;
    return resp->in.data + resp->in.len;
}

void src_redis_resp_received(src_redis_resp *resp, size_t n)
{
    resp->in.len += n;
}

src_redis_slice src_redis_resp_rest(const src_redis_resp *resp)
{
    return (src_redis_slice){resp->in.data + resp->pos, resp->in.len - resp->pos};
}

void src_redis_resp_skip(src_redis_resp *resp, size_t n)
{
    resp->pos += n;
    begin(resp);
}

void src_redis_resp_unread(src_redis_resp *resp, const src_redis_resp_command *command)
{
    resp->pos -= command->bytes;
    begin(resp);
}

static cdc_rc malformed(const src_redis_resp *resp, const char *expected, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "redis_stream_malformed",
                         "replication stream: byte %zu of the next command is not %s; the "
                         "connection gave something else than a command",
                         resp->at, expected);
}

/* A line of lead, number, CR and LF. AGAIN: not all of it is there. SKIP: it is no such line. */
static cdc_rc number(cdc_cursor *c, uint8_t lead, int64_t *out)
{
    cdc_cursor line = *c;
    int64_t v = 0;
    if (cdc_cursor_left(&line) < 4) {
        return CDC_AGAIN;
    }
    if (cdc_cursor_u8(&line) != lead) {
        return CDC_SKIP;
    }
    unsigned digits = 0;
    uint8_t b = cdc_cursor_u8(&line);
    for (; b >= '0' && b <= '9' && digits < 12; digits++) {
        v = v * 10 + (b - '0');
        b = cdc_cursor_u8(&line);
    }
    if (line.failed) {
        return CDC_AGAIN;
    }
    if (digits == 0 || b != '\r') {
        return CDC_SKIP;
    }
    b = cdc_cursor_u8(&line);
    if (line.failed) {
        return CDC_AGAIN;
    }
    *c = line;
    *out = v;
    return b == '\n' ? CDC_OK : CDC_SKIP;
}

/* How far into the command the cursor is. */
static size_t offset(const src_redis_resp *resp, const cdc_cursor *c)
{
    return (size_t)(c->p - (const uint8_t *)resp->in.data) - resp->pos;
}

static cdc_rc too_large(const src_redis_resp *resp, uint64_t bytes, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "redis_command_too_large",
                         "a command of the replication stream has %llu bytes or more, over the "
                         "limit of %zu bytes for one command",
                         (unsigned long long)bytes, resp->max_bytes);
}

/* The length of the argument that comes. */
static cdc_rc argument_head(src_redis_resp *resp, cdc_cursor *c, cdc_error *err)
{
    int64_t n = 0;
    cdc_rc rc = number(c, '$', &n);
    if (rc == CDC_AGAIN) {
        resp->need = resp->at + cdc_cursor_left(c) + 1;
        return rc;
    }
    if (rc != CDC_OK) {
        return malformed(resp, "the length of a bulk string", err);
    }
    resp->at = offset(resp, c);
    resp->arg_bytes = n;
    uint64_t end = resp->at + (uint64_t)n + 2;
    return end > resp->max_bytes ? too_large(resp, end, err) : CDC_OK;
}

/* The argument that comes, when all of it is there. */
static cdc_rc argument(src_redis_resp *resp, cdc_cursor *c, cdc_error *err)
{
    if (resp->arg_bytes < 0) {
        cdc_rc rc = argument_head(resp, c, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    size_t place[2] = {resp->at, (size_t)resp->arg_bytes};
    if (cdc_cursor_left(c) < place[1] + 2) {
        resp->need = resp->at + place[1] + 2;
        return CDC_AGAIN;
    }
    (void)cdc_cursor_bytes(c, place[1]);
    if (cdc_cursor_be(c, 2) != 0x0d0a) {
        resp->at += place[1];
        return malformed(resp, "the end of a bulk string", err);
    }
    resp->at = offset(resp, c);
    resp->arg_bytes = -1;
    resp->args_left--;
    cdc_buffer_add(&resp->places, place, sizeof place);
    return resp->places.failed ? too_large(resp, resp->at, err) : CDC_OK;
}

static cdc_rc command_head(src_redis_resp *resp, cdc_cursor *c, cdc_error *err)
{
    int64_t n = 0;
    cdc_rc rc = number(c, '*', &n);
    if (rc == CDC_AGAIN) {
        resp->need = cdc_cursor_left(c) + 1;
        return rc;
    }
    if (rc != CDC_OK || n == 0 || n > ARGS_MAX) {
        return malformed(resp, "the head of an array of bulk strings", err);
    }
    resp->at = offset(resp, c);
    resp->args_left = n;
    return CDC_OK;
}

/* All arguments are there: their places become values, and the command is behind. */
static cdc_rc complete(src_redis_resp *resp, src_redis_resp_command *command, cdc_error *err)
{
    const char *base = resp->in.data + resp->pos;
    size_t n = resp->places.len / (2 * sizeof(size_t));
    cdc_buffer_reset(&resp->argv);
    cdc_value *argv = (cdc_value *)(void *)cdc_buffer_reserve(&resp->argv, n * sizeof *argv);
    if (argv == NULL) {
        return too_large(resp, resp->at, err);
    }
    const size_t *place = (const size_t *)(const void *)resp->places.data;
    for (size_t i = 0; i < n; i++) {
        argv[i] = (cdc_value){
            .kind = CDC_BYTES, .len = (uint32_t)place[2 * i + 1], .p = base + place[2 * i]};
    }
    *command = (src_redis_resp_command){argv, (uint32_t)n, resp->at};
    src_redis_resp_skip(resp, resp->at);
    return CDC_OK;
}

cdc_rc src_redis_resp_next(src_redis_resp *resp, src_redis_resp_command *command, cdc_error *err)
{
    size_t there = resp->in.len - resp->pos;
    if (there == 0 || there < resp->need) {
        return CDC_AGAIN;
    }
    cdc_cursor c = cdc_cursor_of(resp->in.data + resp->pos + resp->at, there - resp->at);
    cdc_rc rc = resp->args_left < 0 ? command_head(resp, &c, err) : CDC_OK;
    while (rc == CDC_OK && resp->args_left > 0) {
        rc = argument(resp, &c, err);
    }
    return rc == CDC_OK ? complete(resp, command, err) : rc;
}

bool src_redis_resp_is(const cdc_value *name, const char *upper)
{
    size_t n = strlen(upper);
    return name->len == n && strncasecmp(name->p, upper, n) == 0;
}

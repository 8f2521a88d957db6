#include "token.h"

#include "core/cursor.h"

bool src_redis_is_replid(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f')) {
            return false;
        }
    }
    return n == SRC_REDIS_REPLID_BYTES;
}

void src_redis_token_print(const src_redis_place *places, uint32_t n, const src_redis_moves *moves,
                           cdc_buffer *out)
{
    cdc_buffer_add_str(out, "v1");
    for (uint32_t i = 0; i < n; i++) {
        const src_redis_place *place = &places[i];
        cdc_buffer_addf(out, ";%s,%s,%llu,%d,%s", place->stream ? "stream" : "full", place->replid,
                        (unsigned long long)place->offset, (int)place->db, place->server);
        if (moves != NULL) {
            cdc_buffer_add_str(out, ",");
            src_redis_moves_slots(moves, i, -1, "+", out);
        }
    }
}

/* The text up to the next `end`, or to the end of all. */
static src_redis_slice field(cdc_cursor *c, char end)
{
    src_redis_slice s = {(const char *)c->p, cdc_cursor_left(c)};
    const char *at = memchr(s.p, end, s.n);
    if (at != NULL) {
        s.n = (size_t)(at - s.p);
    }
    (void)cdc_cursor_bytes(c, s.n + (at != NULL ? 1 : 0));
    return s;
}

static bool field_number(cdc_cursor *c, uint64_t max, uint64_t *out)
{
    src_redis_slice s = field(c, ',');
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (digit > 9 || *out > (max - digit) / 10) {
            return false;
        }
        *out = *out * 10 + digit;
    }
    return s.n > 0;
}

static bool field_is(src_redis_slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static bool parse_slot(src_redis_slice text, uint64_t *slot)
{
    *slot = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned digit = (unsigned)(text.p[i] - '0');
        *slot = *slot * 10 + digit;
        if (digit > 9 || *slot >= CDC_REDIS_SLOTS) {
            return false;
        }
    }
    return text.n > 0;
}

/* "0-5460+6000" */
static bool parse_slots(src_redis_slice text, uint16_t number, uint16_t home[CDC_REDIS_SLOTS])
{
    cdc_cursor c = cdc_cursor_of(text.p, text.n);
    while (cdc_cursor_left(&c) > 0) {
        src_redis_slice range = field(&c, '+');
        cdc_cursor ends = cdc_cursor_of(range.p, range.n);
        uint64_t first = 0;
        uint64_t last = 0;
        src_redis_slice one = field(&ends, '-');
        if (!parse_slot(one, &first)) {
            return false;
        }
        last = first;
        if (range.n > one.n && !parse_slot(field(&ends, ' '), &last)) {
            return false;
        }
        if (last < first) {
            return false;
        }
        for (uint64_t slot = first; slot <= last; slot++) {
            home[slot] = number;
        }
    }
    return true;
}

static bool parse_place(src_redis_slice part, src_redis_place *place, uint16_t number,
                        uint16_t home[CDC_REDIS_SLOTS])
{
    cdc_cursor c = cdc_cursor_of(part.p, part.n);
    *place = (src_redis_place){.offset = 0};
    src_redis_slice stage = field(&c, ',');
    src_redis_slice replid = field(&c, ',');
    uint64_t db = 0;
    place->stream = field_is(stage, "stream");
    if (!place->stream && !field_is(stage, "full")) {
        return false;
    }
    bool named = src_redis_is_replid(replid.p, replid.n);
    if (!named && (place->stream || replid.n > 0)) {
        return false;
    }
    memcpy(place->replid, replid.p, replid.n);
    if (!field_number(&c, INT64_MAX, &place->offset) || !field_number(&c, INT32_MAX, &db)) {
        return false;
    }
    place->db = (int32_t)db;
    src_redis_slice server = field(&c, ',');
    if (server.n >= sizeof place->server) {
        return false;
    }
    memcpy(place->server, server.p, server.n);
    return parse_slots(field(&c, ';'), number, home);
}

cdc_rc src_redis_token_parse(const char *text, size_t len, src_redis_place *places, uint32_t max,
                             uint32_t *n, uint16_t home[CDC_REDIS_SLOTS], cdc_error *err)
{
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        home[slot] = CDC_REDIS_NO_MASTER;
    }
    cdc_cursor c = cdc_cursor_of(text, len);
    bool ok = field_is(field(&c, ';'), "v1") && cdc_cursor_left(&c) > 0;
    for (*n = 0; ok && cdc_cursor_left(&c) > 0 && *n < max; ++*n) {
        ok = parse_place(field(&c, ';'), &places[*n], (uint16_t)*n, home);
    }
    if (ok && cdc_cursor_left(&c) == 0) {
        return CDC_OK;
    }
    return cdc_error_set(err, CDC_FATAL, "redis_token",
                         "the checkpoint's position \"%.100s\" is none of a Redis source of this "
                         "version: it is of another source or a later sluice; give the task "
                         "another name",
                         len > 0 ? text : "");
}

#include "payload.h"

#include <zstd.h>

#define CHUNK_BYTES ((size_t)128 << 10)
#define KEEP_BYTES ((size_t)4 << 20) /* a larger buffer is given back behind its event */

enum { FIELD_END = 0, FIELD_SIZE = 1, FIELD_COMPRESSION = 2, FIELD_PLAIN_SIZE = 3 };
enum { COMPRESSION_ZSTD = 0, COMPRESSION_NONE = 255 };

void src_mysql_payload_init(src_mysql_payload *payload)
{
    memset(payload, 0, sizeof(*payload));
    cdc_buffer_init(&payload->out, SRC_MYSQL_EVENT_MAX + CHUNK_BYTES);
}

void src_mysql_payload_fini(src_mysql_payload *payload)
{
    ZSTD_freeDStream(payload->zstd);
    payload->zstd = NULL;
    cdc_buffer_fini(&payload->out);
    payload->open = false;
}

static cdc_rc malformed(src_mysql_payload *payload, const char *what, cdc_error *err)
{
    payload->open = false;
    return cdc_error_set(err, CDC_FATAL, "mysql_event_malformed",
                         "malformed TRANSACTION_PAYLOAD event: %s; the binlog is damaged: check it "
                         "with mysqlbinlog",
                         what);
}

/* Reads the fields before the payload. False: they do not fit into the event. */
static bool read_fields(src_mysql_payload *payload, cdc_cursor *c, uint64_t *size,
                        uint64_t *compression)
{
    *size = UINT64_MAX;
    *compression = COMPRESSION_ZSTD;
    for (;;) {
        uint64_t field = cdc_cursor_lenenc(c);
        if (c->failed || field == FIELD_END) {
            return !c->failed && *size == cdc_cursor_left(c);
        }
        size_t len = (size_t)cdc_cursor_lenenc(c);
        const uint8_t *p = cdc_cursor_bytes(c, len);
        if (p == NULL) {
            return false;
        }
        cdc_cursor value = cdc_cursor_of(p, len);
        if (field == FIELD_SIZE) {
            *size = cdc_cursor_lenenc(&value);
        } else if (field == FIELD_COMPRESSION) {
            *compression = cdc_cursor_lenenc(&value);
        } else if (field == FIELD_PLAIN_SIZE) {
            payload->declared = cdc_cursor_lenenc(&value);
        }
        c->failed = c->failed || value.failed;
    }
}

cdc_rc src_mysql_payload_begin(src_mysql_payload *payload, const src_mysql_event *ev,
                               cdc_error *err)
{
    uint64_t size, compression;
    cdc_cursor c = ev->body;
    payload->declared = payload->produced = 0;
    if (!read_fields(payload, &c, &size, &compression)) {
        return malformed(payload, "its fields do not fit its size", err);
    }
    if (compression != COMPRESSION_ZSTD && compression != COMPRESSION_NONE) {
        return cdc_error_set(err, CDC_FATAL, "mysql_event_version",
                             "TRANSACTION_PAYLOAD event with compression type %llu; only zstd is "
                             "known: SET GLOBAL binlog_transaction_compression = OFF",
                             (unsigned long long)compression);
    }
    payload->plain = compression == COMPRESSION_NONE;
    if (payload->zstd == NULL) {
        payload->zstd = ZSTD_createDStream();
    }
    if (payload->zstd == NULL || ZSTD_isError(ZSTD_initDStream(payload->zstd))) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for decompression");
    }
    payload->in = c;
    payload->used = 0;
    cdc_buffer_reset(&payload->out);
    payload->open = true;
    return CDC_OK;
}

/* Takes the used bytes out of the buffer, and gives a large one back. */
static void compact(src_mysql_payload *payload)
{
    cdc_buffer *out = &payload->out;
    size_t left = out->len - payload->used;
    if (out->cap > KEEP_BYTES && left < CHUNK_BYTES) {
        cdc_buffer smaller;
        cdc_buffer_init(&smaller, out->max);
        cdc_buffer_add(&smaller, out->data + payload->used, left);
        cdc_buffer_fini(out);
        *out = smaller;
    } else if (payload->used > 0) {
        memmove(out->data, out->data + payload->used, left);
        out->len = left;
    }
    payload->used = 0;
}

/* Decompresses up to a chunk more. False: damaged, or no memory. */
static bool produce(src_mysql_payload *payload)
{
    char *to = cdc_buffer_reserve(&payload->out, CHUNK_BYTES);
    if (to == NULL) {
        return false;
    }
    size_t left = cdc_cursor_left(&payload->in);
    size_t n;
    if (payload->plain) {
        n = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        memcpy(to, cdc_cursor_bytes(&payload->in, n), n);
    } else {
        ZSTD_inBuffer in = {payload->in.p, left, 0};
        ZSTD_outBuffer out = {to, CHUNK_BYTES, 0};
        size_t rc = ZSTD_decompressStream(payload->zstd, &out, &in);
        if (ZSTD_isError(rc) || (in.pos == 0 && out.pos == 0)) {
            return false; /* damaged, or cut off */
        }
        (void)cdc_cursor_bytes(&payload->in, in.pos);
        n = out.pos;
    }
    payload->out.len += n;
    payload->produced += n;
    return true;
}

/* Makes n bytes available, as far as there are any. */
static bool fill(src_mysql_payload *payload, size_t n)
{
    while (payload->out.len - payload->used < n) {
        size_t before = payload->out.len;
        bool more = cdc_cursor_left(&payload->in) > 0;
        if (!more && (payload->plain || payload->produced >= payload->declared)) {
            break; /* all was read, and zstd holds nothing back */
        }
        if (!produce(payload)) {
            return false;
        }
        if (!more && payload->out.len == before) {
            break;
        }
    }
    return true;
}

cdc_rc src_mysql_payload_next(src_mysql_payload *payload, src_mysql_event *ev, cdc_error *err)
{
    compact(payload);
    if (!fill(payload, SRC_MYSQL_EVENT_HEADER)) {
        return malformed(payload, "it cannot be decompressed", err);
    }
    size_t have = payload->out.len;
    if (have == 0) {
        payload->open = false;
        if (payload->declared != 0 && payload->produced != payload->declared) {
            return malformed(payload, "its size is not the one it tells", err);
        }
        return CDC_EOF;
    }
    cdc_cursor header = cdc_cursor_of(payload->out.data, have);
    (void)cdc_cursor_bytes(&header, 9);
    uint32_t n = cdc_cursor_u32(&header);
    if (header.failed || n < SRC_MYSQL_EVENT_HEADER || n > SRC_MYSQL_EVENT_MAX) {
        return malformed(payload, "an event in it has an impossible length", err);
    }
    if (!fill(payload, n)) {
        return malformed(payload, "it cannot be decompressed", err);
    }
    if (payload->out.len < n) {
        return malformed(payload, "its last event is cut off", err);
    }
    payload->used = n;
    return src_mysql_event_parse((const uint8_t *)payload->out.data, n, SRC_MYSQL_CHECKSUM_NONE, ev,
                                 err);
}

#include "uncompress.h"

#include <zlib.h>

#define CHUNK_BYTES ((size_t)1 << 20)
#define KEEP_BYTES ((size_t)4 << 20)

static uint8_t plain_type(uint8_t type)
{
    switch (type) {
    case SRC_MYSQL_MARIADB_QUERY_COMPRESSED_EVENT:
        return SRC_MYSQL_QUERY_EVENT;
    case SRC_MYSQL_MARIADB_WRITE_ROWS_COMPRESSED_V1_EVENT:
        return SRC_MYSQL_WRITE_ROWS_V1_EVENT;
    case SRC_MYSQL_MARIADB_UPDATE_ROWS_COMPRESSED_V1_EVENT:
        return SRC_MYSQL_UPDATE_ROWS_V1_EVENT;
    case SRC_MYSQL_MARIADB_DELETE_ROWS_COMPRESSED_V1_EVENT:
        return SRC_MYSQL_DELETE_ROWS_V1_EVENT;
    case SRC_MYSQL_MARIADB_WRITE_ROWS_COMPRESSED_EVENT:
        return SRC_MYSQL_WRITE_ROWS_EVENT;
    case SRC_MYSQL_MARIADB_UPDATE_ROWS_COMPRESSED_EVENT:
        return SRC_MYSQL_UPDATE_ROWS_EVENT;
    case SRC_MYSQL_MARIADB_DELETE_ROWS_COMPRESSED_EVENT:
        return SRC_MYSQL_DELETE_ROWS_EVENT;
    default:
        return 0;
    }
}

bool src_mysql_event_is_compressed(uint8_t type)
{
    return plain_type(type) != 0;
}

/* Moves c to where the compressed part begins: behind the default database of a statement, behind
 * the column bitmaps of rows. */
static void skip_head(uint8_t type, cdc_cursor *c)
{
    if (type == SRC_MYSQL_QUERY_EVENT) {
        (void)cdc_cursor_bytes(c, 8); /* thread, execution time */
        size_t ndatabase = cdc_cursor_u8(c);
        (void)cdc_cursor_u16(c); /* error code */
        size_t nstatus = cdc_cursor_u16(c);
        (void)cdc_cursor_bytes(c, nstatus + ndatabase + 1);
        return;
    }
    (void)cdc_cursor_bytes(c, 8); /* table id, flags */
    if (type >= SRC_MYSQL_WRITE_ROWS_EVENT) {
        size_t extra = cdc_cursor_u16(c); /* counts itself */
        c->failed = c->failed || extra < 2;
        (void)cdc_cursor_bytes(c, extra - 2);
    }
    uint64_t ncols = cdc_cursor_lenenc(c);
    c->failed = c->failed || ncols > UINT16_MAX;
    bool update = type == SRC_MYSQL_UPDATE_ROWS_EVENT || type == SRC_MYSQL_UPDATE_ROWS_V1_EVENT;
    (void)cdc_cursor_bytes(c, (update ? 2U : 1U) * (size_t)((ncols + 7) / 8));
}

/* A chunk header (0x80, algorithm in bits 4 to 6, bytes of the length in bits 0 to 2; the length,
 * big-endian), then a zlib stream of exactly that length. */
static bool inflate_into(cdc_cursor *c, cdc_buffer *buf)
{
    unsigned head = cdc_cursor_u8(c);
    unsigned width = head & 7U;
    if ((head & 0xf0U) != 0x80U || width < 1 || width > 4) {
        return false;
    }
    uint64_t want = cdc_cursor_be(c, width);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)c->p, .avail_in = (uInt)cdc_cursor_left(c)};
    if (c->failed || want > SRC_MYSQL_EVENT_MAX || inflateInit(&z) != Z_OK) {
        return false;
    }
    int rc = Z_OK;
    while (rc == Z_OK && z.total_out <= want) {
        size_t room = want - z.total_out < CHUNK_BYTES ? want - z.total_out + 1 : CHUNK_BYTES;
        char *to = cdc_buffer_reserve(buf, room);
        if (to == NULL) {
            break;
        }
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)room;
        rc = inflate(&z, Z_NO_FLUSH);
        buf->len += room - z.avail_out;
    }
    bool ok = rc == Z_STREAM_END && z.total_out == want && z.avail_in == 0;
    (void)inflateEnd(&z);
    return ok;
}

cdc_rc src_mysql_event_uncompress(const src_mysql_event *ev, cdc_buffer *buf, src_mysql_event *out,
                                  cdc_error *err)
{
    uint8_t type = plain_type(ev->type);
    cdc_cursor c = ev->body;
    skip_head(type, &c);
    size_t nhead = (size_t)(c.p - ev->body.p);
    if (buf->cap > KEEP_BYTES) {
        size_t max = buf->max;
        cdc_buffer_fini(buf);
        cdc_buffer_init(buf, max);
    }
    cdc_buffer_reset(buf);
    cdc_buffer_add(buf, ev->body.p, nhead);
    if (c.failed || !inflate_into(&c, buf) || buf->failed) {
        return cdc_error_set(err, CDC_FATAL, "mysql_event_malformed",
                             "malformed %s event (%u bytes, ends at %u); the binlog is damaged or "
                             "of an unknown version: check it with mysqlbinlog",
                             src_mysql_event_type_name(ev->type), ev->length, ev->end_pos);
    }
    *out = *ev;
    out->type = type;
    out->body = cdc_cursor_of(buf->data, buf->len);
    return CDC_OK;
}

/* A binlog of any bytes, with or without its magic: every event is refused with a text, or decoded;
 * what is decoded is what the types promise. Checksums are not looked at, so that damage gets
 * through to the decoders. */
#include "producers/mysql/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz {
    cdc_arena ar;
    src_mysql_decode dec;
    src_mysql_checksum checksum;
    src_mysql_table *tbl;
    cdc_error err;
} fuzz;

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void must_explain(fuzz *fz, cdc_rc rc)
{
    must(rc == CDC_FATAL && fz->err.rc == CDC_FATAL && fz->err.text[0] != '\0');
    cdc_error_clear(&fz->err);
}

static void check_value(const cdc_column *col, const cdc_value *v)
{
    if (v->kind == CDC_NULL) {
        return;
    }
    must(v->kind == col->kind && v->digits == col->digits);
    switch ((cdc_kind)v->kind) {
    case CDC_TEXT:
    case CDC_JSON:
        must(src_mysql_utf8_valid_prefix((const uint8_t *)v->p, v->len) == v->len);
        break;
    case CDC_DECIMAL:
        must(v->len >= 1 && v->len <= col->precision + 3U);
        break;
    case CDC_BYTES:
        must(col->length == 0 || v->len == col->length);
        break;
    case CDC_ENUM:
        must(v->u <= col->nlabels);
        break;
    case CDC_DATETIME:
    case CDC_TIME:
        must(v->t.usec < 1000000 && v->t.minute < 60 && v->t.second < 60 && v->t.hour <= 838);
        break;
    default:
        break;
    }
}

static void check_row(const cdc_table *tbl, const cdc_value *row)
{
    for (uint32_t i = 0; row != NULL && i < tbl->ncols; i++) {
        check_value(&tbl->cols[i], &row[i]);
    }
}

static void one_table_map(fuzz *fz, const src_mysql_event *ev)
{
    src_mysql_table_map map;
    src_mysql_table_free(fz->tbl);
    fz->tbl = NULL;
    cdc_rc rc = src_mysql_table_map_parse(ev->body, &map, &fz->err);
    if (rc == CDC_OK) {
        map.is_mariadb = (map.table_id & 1) != 0;
        rc = src_mysql_table_build(&map, NULL, &fz->tbl, &fz->err);
    }
    if (rc != CDC_OK) {
        must_explain(fz, rc);
    }
}

static void one_rows(fuzz *fz, const src_mysql_event *ev)
{
    src_mysql_rows rows;
    cdc_value *before, *after;
    cdc_rc rc = src_mysql_rows_begin(ev, &rows, &fz->err);
    while (rc == CDC_OK && fz->tbl != NULL) {
        rc = src_mysql_rows_next(&rows, fz->tbl, &fz->dec, &before, &after, &fz->err);
        if (rc == CDC_OK) {
            check_row(fz->tbl->table, before);
            check_row(fz->tbl->table, after);
        }
    }
    if (rc != CDC_OK && rc != CDC_EOF) {
        must_explain(fz, rc);
    }
}

static cdc_rc one_fixed(fuzz *fz, const src_mysql_event *ev)
{
    src_mysql_query query;
    src_mysql_rotate at;
    src_mysql_gtid gtid;
    src_mysql_mariadb_gtid mariadb;
    src_mysql_format format;
    char text[SRC_MYSQL_GTID_TEXT_MAX];
    uint64_t xid;
    cdc_rc rc;
    switch (ev->type) {
    case SRC_MYSQL_QUERY_EVENT:
        return src_mysql_event_query(ev, &query, &fz->err);
    case SRC_MYSQL_ROTATE_EVENT:
        return src_mysql_event_rotate(ev, &at, &fz->err);
    case SRC_MYSQL_HEARTBEAT_EVENT:
    case SRC_MYSQL_HEARTBEAT_V2_EVENT:
        return src_mysql_event_heartbeat(ev, &at, &fz->err);
    case SRC_MYSQL_XID_EVENT:
        return src_mysql_event_xid(ev, &xid, &fz->err);
    case SRC_MYSQL_GTID_EVENT:
    case SRC_MYSQL_ANONYMOUS_GTID_EVENT:
    case SRC_MYSQL_GTID_TAGGED_EVENT:
        rc = src_mysql_event_gtid(ev, &gtid, &fz->err);
        must(rc != CDC_OK || src_mysql_gtid_text(&gtid, text) < sizeof text);
        return rc;
    case SRC_MYSQL_MARIADB_GTID_EVENT:
        rc = src_mysql_event_mariadb_gtid(ev, &mariadb, &fz->err);
        must(rc != CDC_OK || src_mysql_mariadb_gtid_text(&mariadb, text) < sizeof text);
        return rc;
    case SRC_MYSQL_FORMAT_DESCRIPTION_EVENT:
        rc = src_mysql_event_format(ev, &format, &fz->err);
        if (rc == CDC_OK) {
            fz->checksum = format.checksum ? SRC_MYSQL_CHECKSUM_SKIP : SRC_MYSQL_CHECKSUM_NONE;
        }
        return rc;
    default:
        return src_mysql_event_unhandled(ev, &fz->err);
    }
}

static void one_event(fuzz *fz, const uint8_t *p, size_t n)
{
    src_mysql_event ev;
    bool format = n > 4 && p[4] == SRC_MYSQL_FORMAT_DESCRIPTION_EVENT;
    cdc_rc rc =
        src_mysql_event_parse(p, n, format ? SRC_MYSQL_CHECKSUM_NONE : fz->checksum, &ev, &fz->err);
    if (rc == CDC_OK && ev.type == SRC_MYSQL_TABLE_MAP_EVENT) {
        one_table_map(fz, &ev);
    } else if (rc == CDC_OK &&
               ((ev.type >= SRC_MYSQL_WRITE_ROWS_V1_EVENT &&
                 ev.type <= SRC_MYSQL_DELETE_ROWS_V1_EVENT) ||
                (ev.type >= SRC_MYSQL_WRITE_ROWS_EVENT && ev.type <= SRC_MYSQL_DELETE_ROWS_EVENT) ||
                ev.type == SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT)) {
        one_rows(fz, &ev);
    } else {
        rc = rc == CDC_OK ? one_fixed(fz, &ev) : rc;
        if (rc != CDC_OK) {
            must_explain(fz, rc);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz fz = {.checksum = SRC_MYSQL_CHECKSUM_NONE};
    cdc_cursor c = cdc_cursor_of(data, size);
    cdc_arena_init(&fz.ar, 64U << 10, 64U << 20);
    src_mysql_decode_init(&fz.dec, 1U << 20);
    fz.dec.ar = &fz.ar;
    cdc_error_clear(&fz.err);
    if (size > 4 && data[0] == 0xfe) {
        cdc_cursor_bytes(&c, 4);
    }
    while (cdc_cursor_left(&c) >= SRC_MYSQL_EVENT_HEADER) {
        cdc_cursor header = c;
        cdc_cursor_bytes(&header, 9);
        size_t n = cdc_cursor_u32(&header);
        if (n < SRC_MYSQL_EVENT_HEADER || n > cdc_cursor_left(&c)) {
            n = cdc_cursor_left(&c);
        }
        one_event(&fz, cdc_cursor_bytes(&c, n), n);
    }
    src_mysql_table_free(fz.tbl);
    src_mysql_decode_fini(&fz.dec);
    cdc_arena_fini(&fz.ar);
    return 0;
}

/* Whole binlogs of real servers against the text that they must decode to: every definition, every
 * value, every refusal. tests/golden/mysql/NAME.binlog and NAME.txt; SLUICE_GOLDEN_UPDATE=1 writes
 * the texts anew, to be read before they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>

#include "producers/mysql/payload.h"
#include "producers/mysql/rows.h"
#include "producers/mysql/table_spec.h"
#include "producers/mysql/uncompress.h"

#define FILE_MAX (1U << 20)

typedef struct walk {
    cdc_buffer *out;
    cdc_arena ar;
    src_mysql_decode dec;
    src_mysql_checksum checksum;
    bool is_mariadb;
    src_mysql_table *tbl; /* NULL: refused */
    cdc_error err;
} walk;

static size_t read_file(const char *path, char *to, size_t max)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(to, 1, max, f);
    assert_true(n < max);
    fclose(f);
    return n;
}

static void show_time(cdc_buffer *out, const cdc_value *v)
{
    if (v->kind != CDC_TIME) {
        cdc_buffer_addf(out, "%04u-%02u-%02u", v->year, v->t.month, v->t.day);
    }
    if (v->kind != CDC_DATE) {
        cdc_buffer_addf(out, " %s%02u:%02u:%02u.%06u/%u", v->t.neg ? "-" : "", v->t.hour,
                        v->t.minute, v->t.second, v->t.usec, v->digits);
    }
}

static void show_value(cdc_buffer *out, const cdc_value *v)
{
    switch ((cdc_kind)v->kind) {
    case CDC_ABSENT:
    case CDC_NULL:
        cdc_buffer_add_str(out, cdc_kind_name(v->kind));
        break;
    case CDC_INT:
    case CDC_YEAR:
        cdc_buffer_add_i64(out, v->i);
        break;
    case CDC_UINT:
    case CDC_BIT:
    case CDC_ENUM:
    case CDC_SET:
        cdc_buffer_add_u64(out, v->u);
        break;
    case CDC_FLOAT:
    case CDC_DOUBLE:
        cdc_buffer_addf(out, "%.17g", v->d);
        break;
    case CDC_DATE:
    case CDC_TIME:
    case CDC_DATETIME:
        show_time(out, v);
        break;
    case CDC_TIMESTAMP:
        cdc_buffer_addf(out, "@%" PRId64 ".%06u/%u", v->ts.sec, v->ts.usec, v->digits);
        break;
    case CDC_BYTES:
        for (uint32_t i = 0; i < v->len; i++) {
            cdc_buffer_addf(out, "%02x", (unsigned char)v->p[i]);
        }
        break;
    case CDC_DECIMAL:
    case CDC_TEXT:
    case CDC_JSON:
        if (v->len > 2000) {
            cdc_buffer_addf(out, "(%u bytes, CRC32 %08x)", v->len,
                            src_mysql_crc32((const uint8_t *)v->p, v->len));
        } else {
            cdc_buffer_add_json(out, v->p, v->len);
        }
        break;
    }
}

static void show_row(walk *w, const char *label, const cdc_value *row)
{
    if (row == NULL) {
        return;
    }
    cdc_buffer_add_str(w->out, label);
    for (uint32_t i = 0; i < w->tbl->table->ncols; i++) {
        cdc_buffer_addf(w->out, " %s=", w->tbl->table->cols[i].name);
        show_value(w->out, &row[i]);
    }
    cdc_buffer_add_char(w->out, '\n');
}

static void show_table(walk *w, const src_mysql_table_map *map)
{
    const cdc_table *tbl = w->tbl->table;
    cdc_buffer_addf(w->out, "table %s.%s, %u columns, %u in key\n", tbl->database, tbl->name,
                    tbl->ncols, tbl->nkeys);
    assert_int_equal(map->ncols, w->tbl->ncols);
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const cdc_column *col = &tbl->cols[i];
        cdc_buffer_addf(w->out, "  %s: %s; %s java %d%s%s", col->name, col->type_text,
                        cdc_kind_name(col->kind), col->java_type, col->nullable ? "" : " not null",
                        col->is_unsigned ? " unsigned" : "");
        cdc_buffer_addf(w->out, " digits %u length %u charset %s labels %u key %d\n", col->digits,
                        col->length, col->charset[0] != '\0' ? col->charset : "-", col->nlabels,
                        col->key_part);
    }
}

static void show_refusal(walk *w)
{
    cdc_buffer_addf(w->out, "refused (%s): %s\n", w->err.code, w->err.text);
    cdc_error_clear(&w->err);
}

/* In place of the server: what the log does not tell is in the names. */
static cdc_rc resolve_by_name(void *ctx, const src_mysql_table_map *map,
                              src_mysql_column_spec *specs, cdc_error *err)
{
    (void)ctx;
    (void)err;
    for (uint32_t i = 0; i < map->ncols; i++) {
        src_mysql_column_spec *spec = &specs[i];
        unsigned digits = (unsigned)spec->name[strlen(spec->name) - 1] - '0';
        if (src_mysql_spec_is_binary(spec)) {
            spec->special = strcmp(spec->name, "u") == 0    ? SRC_MYSQL_SPECIAL_UUID
                            : strcmp(spec->name, "i6") == 0 ? SRC_MYSQL_SPECIAL_INET6
                            : strcmp(spec->name, "i4") == 0 ? SRC_MYSQL_SPECIAL_INET4
                                                            : SRC_MYSQL_SPECIAL_NONE;
        } else if (src_mysql_spec_is_old_temporal(spec) && digits <= 6) {
            spec->unsupported = NULL;
            spec->digits = (uint8_t)digits;
        }
        spec->row_end = strcmp(spec->name, "row_end") == 0;
        spec->hidden = spec->row_end || strcmp(spec->name, "row_start") == 0;
    }
    return src_mysql_specs_are_sequence(specs, map->ncols) ? CDC_SKIP : CDC_OK;
}

static void walk_table_map(walk *w, const src_mysql_event *ev)
{
    src_mysql_table_map map;
    assert_int_equal(src_mysql_table_map_parse(ev->body, &map, &w->err), CDC_OK);
    static const src_mysql_resolver resolver = {NULL, resolve_by_name};
    map.is_mariadb = w->is_mariadb;
    map.resolver = &resolver;
    src_mysql_table_free(w->tbl);
    cdc_rc rc = src_mysql_table_build(&map, NULL, &w->tbl, &w->err);
    if (rc == CDC_SKIP) {
        assert_null(w->tbl);
        cdc_buffer_addf(w->out, "no table of rows: %s.%s\n", map.database, map.name);
        return;
    }
    if (rc != CDC_OK) {
        assert_null(w->tbl);
        show_refusal(w);
        return;
    }
    show_table(w, &map);
}

static void walk_rows(walk *w, const src_mysql_event *ev)
{
    src_mysql_rows rows;
    cdc_value *before, *after;
    cdc_rc rc = src_mysql_rows_begin(ev, &rows, &w->err);
    assert_int_equal(rc, CDC_OK);
    while (w->tbl != NULL && rc == CDC_OK) {
        rc = src_mysql_rows_next(&rows, w->tbl, &w->dec, &before, &after, &w->err);
        if (rc == CDC_OK && w->tbl->versioned && !src_mysql_rows_current(w->tbl, &before, &after)) {
            cdc_buffer_add_str(w->out, "  history\n");
        } else if (rc == CDC_OK) {
            show_row(w, "  before", before);
            show_row(w, "  after ", after);
        }
    }
    if (rc == CDC_FATAL) {
        show_refusal(w);
    }
}

static void walk_gtid(walk *w, const src_mysql_event *ev)
{
    char text[SRC_MYSQL_GTID_TEXT_MAX];
    if (ev->type == SRC_MYSQL_MARIADB_GTID_EVENT) {
        src_mysql_mariadb_gtid gtid;
        assert_int_equal(src_mysql_event_mariadb_gtid(ev, &gtid, &w->err), CDC_OK);
        size_t len = src_mysql_mariadb_gtid_text(&gtid, text);
        assert_int_equal(len, strlen(text));
        cdc_buffer_addf(w->out, "gtid %s flags %02x\n", text, gtid.flags);
        return;
    }
    src_mysql_gtid gtid;
    assert_int_equal(src_mysql_event_gtid(ev, &gtid, &w->err), CDC_OK);
    size_t len = src_mysql_gtid_text(&gtid, text);
    assert_int_equal(len, strlen(text));
    cdc_buffer_addf(w->out,
                    "gtid %s group %" PRId64 " %" PRId64 " commit %" PRId64 " length %" PRIu64 "\n",
                    text, gtid.last_committed, gtid.sequence_number,
                    src_mysql_gtid_commit_ms(&gtid, ev), gtid.transaction_length);
}

static void walk_query(walk *w, const src_mysql_event *ev)
{
    src_mysql_query query;
    assert_int_equal(src_mysql_event_query(ev, &query, &w->err), CDC_OK);
    cdc_buffer_addf(w->out, "query [%.*s] charset %u ", (int)query.database_len, query.database,
                    query.has_charset ? query.charset_client : 0);
    cdc_buffer_add_json(w->out, query.sql, query.sql_len);
    cdc_buffer_add_char(w->out, '\n');
}

static void walk_format(walk *w, const src_mysql_event *ev)
{
    src_mysql_format format;
    assert_int_equal(src_mysql_event_format(ev, &format, &w->err), CDC_OK);
    w->is_mariadb = format.mariadb;
    w->checksum = format.checksum ? SRC_MYSQL_CHECKSUM_VERIFY : SRC_MYSQL_CHECKSUM_NONE;
    cdc_buffer_addf(w->out, "format %s%s%s\n", format.server_version,
                    format.checksum ? " checksum" : "", format.mariadb ? " MariaDB" : "");
}

static void walk_event(walk *w, const src_mysql_event *ev);

static void walk_payload(walk *w, const src_mysql_event *ev)
{
    src_mysql_payload payload;
    src_mysql_event inner;
    src_mysql_payload_init(&payload);
    cdc_buffer_add_str(w->out, "payload {\n");
    assert_int_equal(src_mysql_payload_begin(&payload, ev, &w->err), CDC_OK);
    cdc_rc rc = src_mysql_payload_next(&payload, &inner, &w->err);
    for (; rc == CDC_OK; rc = src_mysql_payload_next(&payload, &inner, &w->err)) {
        assert_int_equal(inner.end_pos, 0);
        walk_event(w, &inner);
    }
    assert_int_equal(rc, CDC_EOF);
    cdc_buffer_add_str(w->out, "}\n");
    src_mysql_payload_fini(&payload);
}

static void walk_compressed(walk *w, const src_mysql_event *ev)
{
    cdc_buffer buf;
    src_mysql_event plain;
    cdc_buffer_init(&buf, 16U << 20);
    cdc_buffer_addf(w->out, "%s: ", src_mysql_event_type_name(ev->type));
    assert_int_equal(src_mysql_event_uncompress(ev, &buf, &plain, &w->err), CDC_OK);
    cdc_buffer_addf(w->out, "%s\n", src_mysql_event_type_name(plain.type));
    walk_event(w, &plain);
    cdc_buffer_fini(&buf);
}

static void walk_event(walk *w, const src_mysql_event *ev)
{
    src_mysql_rotate rotate;
    uint64_t xid;
    if (src_mysql_event_is_compressed(ev->type)) {
        walk_compressed(w, ev);
        return;
    }
    switch (ev->type) {
    case SRC_MYSQL_TRANSACTION_PAYLOAD_EVENT:
        walk_payload(w, ev);
        break;
    case SRC_MYSQL_FORMAT_DESCRIPTION_EVENT:
        walk_format(w, ev);
        break;
    case SRC_MYSQL_TABLE_MAP_EVENT:
        walk_table_map(w, ev);
        break;
    case SRC_MYSQL_WRITE_ROWS_EVENT:
    case SRC_MYSQL_UPDATE_ROWS_EVENT:
    case SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT:
    case SRC_MYSQL_DELETE_ROWS_EVENT:
    case SRC_MYSQL_WRITE_ROWS_V1_EVENT:
    case SRC_MYSQL_UPDATE_ROWS_V1_EVENT:
    case SRC_MYSQL_DELETE_ROWS_V1_EVENT:
        walk_rows(w, ev);
        break;
    case SRC_MYSQL_GTID_EVENT:
    case SRC_MYSQL_GTID_TAGGED_EVENT:
    case SRC_MYSQL_MARIADB_GTID_EVENT:
        walk_gtid(w, ev);
        break;
    case SRC_MYSQL_QUERY_EVENT:
        walk_query(w, ev);
        break;
    case SRC_MYSQL_ROTATE_EVENT:
        assert_int_equal(src_mysql_event_rotate(ev, &rotate, &w->err), CDC_OK);
        cdc_buffer_addf(w->out, "rotate %.*s:%" PRIu64 "\n", (int)rotate.file_len, rotate.file,
                        rotate.position);
        break;
    case SRC_MYSQL_XID_EVENT:
        assert_int_equal(src_mysql_event_xid(ev, &xid, &w->err), CDC_OK);
        cdc_buffer_addf(w->out, "xid %" PRIu64 "\n", xid);
        break;
    default:
        cdc_buffer_addf(w->out, "%s\n", src_mysql_event_type_name(ev->type));
    }
}

static void walk_file(walk *w, const char *bytes, size_t n)
{
    cdc_cursor c = cdc_cursor_of(bytes, n);
    assert_memory_equal(cdc_cursor_bytes(&c, 4),
                        "\xfe"
                        "bin",
                        4);
    while (cdc_cursor_left(&c) > 0) {
        cdc_cursor header = c;
        cdc_cursor_bytes(&header, 9);
        uint32_t len = cdc_cursor_u32(&header);
        const uint8_t *p = cdc_cursor_bytes(&c, len);
        assert_non_null(p);
        bool format = p[4] == SRC_MYSQL_FORMAT_DESCRIPTION_EVENT;
        src_mysql_event ev;
        cdc_rc rc = src_mysql_event_parse(p, len, format ? SRC_MYSQL_CHECKSUM_NONE : w->checksum,
                                          &ev, &w->err);
        assert_int_equal(rc, CDC_OK);
        walk_event(w, &ev);
    }
}

static void compare(const char *path, cdc_buffer *out)
{
    if (getenv("SLUICE_GOLDEN_UPDATE") != NULL) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(out->data, 1, out->len, f), out->len);
        fclose(f);
        return;
    }
    char *want = malloc(FILE_MAX);
    size_t n = read_file(path, want, FILE_MAX);
    want[n] = '\0';
    const char *got = cdc_buffer_cstr(out);
    /* Line by line, so that a failure shows the line and not the file. */
    for (char *at = want; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        size_t got_len = strcspn(got, "\n");
        at[len] = '\0';
        char *line = strndup(got, got_len);
        assert_string_equal(line, at);
        free(line);
        at += len + 1;
        got += got_len + (got[got_len] == '\n');
    }
    assert_string_equal(got, "");
    free(want);
}

static void golden(const char *name)
{
    char path[1024];
    char *bytes = malloc(FILE_MAX);
    cdc_buffer out;
    cdc_buffer_init(&out, 4U << 20);
    walk w = {.out = &out, .checksum = SRC_MYSQL_CHECKSUM_NONE};
    cdc_arena_init(&w.ar, 64U << 10, 64U << 20);
    src_mysql_decode_init(&w.dec, 1U << 20);
    w.dec.ar = &w.ar;
    cdc_error_clear(&w.err);
    snprintf(path, sizeof path, "%s/mysql/%s.binlog", SLUICE_GOLDEN, name);
    size_t n = read_file(path, bytes, FILE_MAX);
    walk_file(&w, bytes, n);
    assert_int_equal(w.dec.bad_text, 0);
    assert_false(out.failed);
    snprintf(path, sizeof path, "%s/mysql/%s.txt", SLUICE_GOLDEN, name);
    compare(path, &out);
    src_mysql_table_free(w.tbl);
    src_mysql_decode_fini(&w.dec);
    cdc_arena_fini(&w.ar);
    cdc_buffer_fini(&out);
    free(bytes);
}

static void test_types_mysql(void **state)
{
    (void)state;
    golden("types-mysql");
}

static void test_types_mariadb(void **state)
{
    (void)state;
    golden("types-mariadb");
}

static void test_refused_mysql(void **state)
{
    (void)state;
    golden("refused-mysql");
}

static void test_refused_mariadb(void **state)
{
    (void)state;
    golden("refused-mariadb");
}

static void test_events_mysql(void **state)
{
    (void)state;
    golden("events-mysql");
}

static void test_events_mariadb(void **state)
{
    (void)state;
    golden("events-mariadb");
}

static void test_more_mysql(void **state)
{
    (void)state;
    golden("more-mysql");
}

static void test_more_mariadb(void **state)
{
    (void)state;
    golden("more-mariadb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_mysql),   cmocka_unit_test(test_types_mariadb),
        cmocka_unit_test(test_refused_mysql), cmocka_unit_test(test_refused_mariadb),
        cmocka_unit_test(test_more_mysql),    cmocka_unit_test(test_more_mariadb),
        cmocka_unit_test(test_events_mysql),  cmocka_unit_test(test_events_mariadb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

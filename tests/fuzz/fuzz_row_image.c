/* Row events of any bytes for a table that is right: all types that the golden logs have. The first
 * two bytes of an input that is no binlog choose table and kind of event. */
#include "binlog_walk.h"
#include "producers/mysql/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TABLES_MAX 64

/* Tables of the golden logs, read once. */
static src_mysql_table *tables[TABLES_MAX];
static size_t ntables;

typedef struct fuzz {
    cdc_arena ar;
    src_mysql_decode dec;
    src_mysql_table *tbl;
    cdc_error err;
} fuzz;

static void learn(void *ctx, uint8_t type, cdc_cursor body)
{
    (void)ctx;
    (void)type;
    src_mysql_table_map map;
    cdc_error err;
    cdc_error_clear(&err);
    if (ntables < TABLES_MAX && src_mysql_table_map_parse(body, &map, &err) == CDC_OK &&
        src_mysql_table_build(&map, NULL, &tables[ntables], &err) == CDC_OK) {
        ntables++;
    }
}

static void learn_tables(const char *name)
{
    static const bool wants[256] = {[SRC_MYSQL_TABLE_MAP_EVENT] = true};
    static uint8_t bytes[1 << 20];
    char path[1024];
    snprintf(path, sizeof path, "%s/mysql/%s.binlog", SLUICE_GOLDEN, name);
    FILE *f = fopen(path, "rb");
    must(f != NULL);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    walk_bodies(bytes, n, wants, 0, learn, NULL);
}

static void one_rows(fuzz *fz, uint8_t type, cdc_cursor body)
{
    src_mysql_event ev = {.type = type, .body = body};
    src_mysql_rows rows;
    cdc_value *before, *after;
    cdc_rc rc = src_mysql_rows_begin(&ev, &rows, &fz->err);
    while (rc == CDC_OK && fz->tbl != NULL) {
        rc = src_mysql_rows_next(&rows, fz->tbl, &fz->dec, &before, &after, &fz->err);
        for (uint32_t i = 0; rc == CDC_OK && i < fz->tbl->ncols; i++) {
            const cdc_column *col = &fz->tbl->table->cols[i];
            must(before == NULL || before[i].kind == CDC_NULL || before[i].kind == col->kind);
            must(after == NULL || after[i].kind == CDC_NULL || after[i].kind == col->kind);
        }
    }
    if (rc != CDC_OK && rc != CDC_EOF) {
        must_explain(rc, &fz->err);
    }
}

static void take(void *ctx, uint8_t type, cdc_cursor body)
{
    fuzz *fz = ctx;
    src_mysql_table_map map;
    if (type != SRC_MYSQL_TABLE_MAP_EVENT) {
        one_rows(fz, type, body);
        return;
    }
    src_mysql_table_free(fz->tbl);
    fz->tbl = NULL;
    if (src_mysql_table_map_parse(body, &map, &fz->err) != CDC_OK ||
        src_mysql_table_build(&map, NULL, &fz->tbl, &fz->err) != CDC_OK) {
        cdc_error_clear(&fz->err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bool wants[256] = {
        [SRC_MYSQL_TABLE_MAP_EVENT] = true,      [SRC_MYSQL_WRITE_ROWS_V1_EVENT] = true,
        [SRC_MYSQL_UPDATE_ROWS_V1_EVENT] = true, [SRC_MYSQL_DELETE_ROWS_V1_EVENT] = true,
        [SRC_MYSQL_WRITE_ROWS_EVENT] = true,     [SRC_MYSQL_UPDATE_ROWS_EVENT] = true,
        [SRC_MYSQL_DELETE_ROWS_EVENT] = true,    [SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT] = true,
    };
    static const uint8_t types[] = {SRC_MYSQL_WRITE_ROWS_EVENT, SRC_MYSQL_UPDATE_ROWS_EVENT,
                                    SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT,
                                    SRC_MYSQL_WRITE_ROWS_V1_EVENT, SRC_MYSQL_UPDATE_ROWS_V1_EVENT};
    if (ntables == 0) {
        learn_tables("types-mysql");
        learn_tables("types-mariadb");
        learn_tables("events-mysql");
        must(ntables > 3);
    }
    fuzz fz = {.tbl = NULL};
    cdc_arena_init(&fz.ar, 64U << 10, 64U << 20);
    src_mysql_decode_init(&fz.dec, 1U << 20);
    fz.dec.ar = &fz.ar;
    cdc_error_clear(&fz.err);
    if (size >= 4 && memcmp(data,
                            "\xfe"
                            "bin",
                            4) == 0) {
        walk_bodies(data, size, wants, 0, take, &fz);
        src_mysql_table_free(fz.tbl);
    } else if (size >= 2) {
        fz.tbl = tables[data[0] % ntables];
        one_rows(&fz, types[data[1] % sizeof types], cdc_cursor_of(data + 2, size - 2));
    }
    src_mysql_decode_fini(&fz.dec);
    cdc_arena_fini(&fz.ar);
    return 0;
}

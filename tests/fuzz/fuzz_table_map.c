/* TABLE_MAP events of any bytes, as both kinds of servers write them: refused with a text, or a
 * definition whose names are text and whose key is made of its columns. */
#include "binlog_walk.h"
#include "producers/mysql/table_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_text(const char *s)
{
    must(src_mysql_utf8_valid_prefix((const uint8_t *)s, strlen(s)) == strlen(s));
}

static void check_table(const cdc_table *tbl)
{
    must(tbl->ncols > 0 && tbl->nkeys <= tbl->ncols);
    must_be_text(tbl->database);
    must_be_text(tbl->name);
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        must_be_text(tbl->cols[i].name);
        must_be_text(tbl->cols[i].type_text);
    }
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        must(tbl->keys[i] < tbl->ncols);
    }
}

static void take(void *ctx, uint8_t type, cdc_cursor body)
{
    (void)ctx;
    (void)type;
    static const src_mysql_column_info col = {
        .name = "c", .data_type = "int", .column_type = "int unsigned", .precision = 10};
    static const src_mysql_table_info info = {
        .database = "d", .name = "t", .cols = &col, .ncols = 1};
    src_mysql_table_map map;
    cdc_error err;
    cdc_error_clear(&err);
    cdc_rc rc = src_mysql_table_map_parse(body, &map, &err);
    if (rc != CDC_OK) {
        must_explain(rc, &err);
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        src_mysql_table *tbl = NULL;
        map.is_mariadb = (i & 1U) != 0;
        rc = src_mysql_table_build(&map, (i & 2U) != 0 ? &info : NULL, &tbl, &err);
        if (rc == CDC_OK) {
            check_table(tbl->table);
        } else {
            must_explain(rc, &err);
        }
        src_mysql_table_free(tbl);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bool wants[256] = {[SRC_MYSQL_TABLE_MAP_EVENT] = true};
    walk_bodies(data, size, wants, SRC_MYSQL_TABLE_MAP_EVENT, take, NULL);
    return 0;
}

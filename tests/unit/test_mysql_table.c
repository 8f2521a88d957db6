/* Tables from information_schema and from TABLE_MAP give the same definition; cells of a text
 * result give the values that the binlog gives; damaged events are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/mysql/rows.h"
#include "producers/mysql/text_value.h"
#include "producers/mysql/type_text.h"

static const src_mysql_column_info shop_columns[] = {
    {.name = "id", .data_type = "int", .column_type = "int(10) unsigned", .precision = 10},
    {.name = "name",
     .data_type = "varchar",
     .column_type = "varchar(20)",
     .charset = "utf8mb4",
     .chars = 20,
     .octets = 80,
     .nullable = true},
    {.name = "code",
     .data_type = "char",
     .column_type = "char(4)",
     .charset = "latin1",
     .chars = 4,
     .octets = 4},
    {.name = "kind",
     .data_type = "enum",
     .column_type = "enum('a','it''s','b\\\\c\\n,')",
     .charset = "utf8mb4"},
    {.name = "price",
     .data_type = "decimal",
     .column_type = "decimal(10,2) unsigned zerofill",
     .precision = 10,
     .scale = 2},
    {.name = "at",
     .data_type = "timestamp",
     .column_type = "timestamp(3)",
     .datetime_precision = 3,
     .nullable = true},
    {.name = "hash",
     .data_type = "binary",
     .column_type = "binary(4)",
     .chars = 4,
     .octets = 4,
     .nullable = true},
    {.name = "doc",
     .data_type = "mediumtext",
     .column_type = "mediumtext",
     .charset = "utf8mb3",
     .chars = 16777215,
     .octets = 16777215,
     .nullable = true},
};

static const uint16_t shop_keys[] = {2, 0};
static const src_mysql_table_info shop_info = {"shop",    "orders", shop_columns, 8,
                                               shop_keys, 2,        false};

typedef struct map_bytes {
    uint8_t p[512];
    size_t n;
} map_bytes;

static void put(map_bytes *b, const char *p, size_t n)
{
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

#define PUT(b, s) put(b, s, sizeof(s) - 1)

static void put_field(map_bytes *b, uint8_t field, const char *p, size_t n)
{
    char head[2] = {(char)field, (char)n};
    put(b, head, 2);
    put(b, p, n);
}

#define FIELD(b, field, s) put_field(b, field, s, sizeof(s) - 1)

/* The table of shop_info as MySQL writes it. */
static map_bytes shop_event(void)
{
    map_bytes b = {.n = 0};
    PUT(&b, "\x7b\0\0\0\0\0\1\0\4shop\0\6orders\0\x08");
    PUT(&b, "\x03\x0f\xfe\xfe\xf6\x11\xfe\xfc");
    PUT(&b, "\x0c\x50\0\xfe\4\xf7\1\x0a\2\3\xfe\4\3");
    PUT(&b, "\xe2"); /* may be NULL: name, at, hash, doc */
    FIELD(&b, SRC_MYSQL_META_SIGNEDNESS, "\xc0");
    FIELD(&b, SRC_MYSQL_META_DEFAULT_CHARSET, "\xfc\xff\0\1\x08\2\x3f\3\x21");
    FIELD(&b, SRC_MYSQL_META_COLUMN_NAME, "\2id\4name\4code\4kind\5price\2at\4hash\3doc");
    FIELD(&b, SRC_MYSQL_META_ENUM_VALUES, "\3\1a\4it's\5b\\c\n,");
    FIELD(&b, SRC_MYSQL_META_ENUM_SET_DEFAULT_CHARSET, "\xfc\xff\0");
    FIELD(&b, SRC_MYSQL_META_SIMPLE_PK, "\2\0");
    return b;
}

static cdc_rc build(const map_bytes *b, const src_mysql_table_info *info, src_mysql_table **out,
                    cdc_error *err)
{
    src_mysql_table_map map;
    *out = NULL;
    cdc_error_clear(err);
    cdc_rc rc = src_mysql_table_map_parse(cdc_cursor_of(b->p, b->n), &map, err);
    return rc == CDC_OK ? src_mysql_table_build(&map, info, out, err) : rc;
}

static void check_same(const src_mysql_table *a, const src_mysql_table *b)
{
    assert_int_equal(a->table->version, b->table->version);
    assert_int_equal(a->table->nkeys, b->table->nkeys);
    for (uint32_t i = 0; i < a->ncols; i++) {
        assert_string_equal(a->table->cols[i].type_text, b->table->cols[i].type_text);
        assert_string_equal(a->table->cols[i].charset, b->table->cols[i].charset);
        assert_int_equal(a->table->cols[i].key_part, b->table->cols[i].key_part);
        assert_int_equal(a->table->cols[i].nullable, b->table->cols[i].nullable);
        assert_memory_equal(&a->plan[i], &b->plan[i], sizeof a->plan[i]);
    }
}

static void test_event_and_information_schema_agree(void **state)
{
    (void)state;
    map_bytes b = shop_event();
    src_mysql_table *from_event, *from_info;
    cdc_error err;
    assert_int_equal(build(&b, NULL, &from_event, &err), CDC_OK);
    assert_int_equal(src_mysql_table_from_info(&shop_info, &from_info, &err), CDC_OK);
    check_same(from_event, from_info);
    const cdc_column *cols = from_event->table->cols;
    assert_string_equal(cols[0].type_text, "int unsigned");
    assert_string_equal(cols[1].type_text, "varchar(20)");
    assert_string_equal(cols[2].type_text, "char(4)");
    assert_string_equal(cols[3].type_text, "enum('a','it''s','b\\\\c\\n,')");
    assert_string_equal(cols[3].labels[2], "b\\c\n,");
    assert_string_equal(from_info->table->cols[3].labels[2], "b\\c\n,");
    assert_string_equal(cols[4].type_text, "decimal(10,2) unsigned");
    assert_string_equal(cols[5].type_text, "timestamp(3)");
    assert_string_equal(cols[6].type_text, "binary(4)");
    assert_string_equal(cols[7].type_text, "mediumtext");
    assert_string_equal(cols[7].charset, "utf8mb3");
    assert_int_equal(cols[2].key_part, 0);
    assert_int_equal(cols[0].key_part, 1);
    assert_int_equal(cols[6].length, 4);
    src_mysql_table_free(from_event);
    src_mysql_table_free(from_info);
}

static map_bytes without_metadata(void)
{
    map_bytes b = shop_event();
    b.n = 8 + 6 + 8 + 1 + 8 + 13 + 1;
    return b;
}

static void test_without_names_the_error_says_what_to_do(void **state)
{
    (void)state;
    map_bytes b = without_metadata();
    src_mysql_table *tbl, *from_info;
    cdc_error err;
    assert_int_equal(build(&b, NULL, &tbl, &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_row_metadata");
    assert_non_null(strstr(err.text, "shop.orders"));
    assert_non_null(strstr(err.text, "SET GLOBAL binlog_row_metadata=FULL"));
    /* with the names from elsewhere it can be done, if they fit */
    assert_int_equal(build(&b, &shop_info, &tbl, &err), CDC_OK);
    assert_int_equal(src_mysql_table_from_info(&shop_info, &from_info, &err), CDC_OK);
    check_same(tbl, from_info);
    src_mysql_table_free(tbl);
    src_mysql_table_free(from_info);
    src_mysql_table_info seven = shop_info;
    seven.ncols = 7;
    assert_int_equal(build(&b, &seven, &tbl, &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_table_changed");
    src_mysql_column_info cols[8];
    memcpy(cols, shop_columns, sizeof cols);
    cols[1].chars = 21;
    src_mysql_table_info longer = shop_info;
    longer.cols = cols;
    assert_int_equal(build(&b, &longer, &tbl, &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_table_changed");
}

static void test_cut_table_maps_are_refused(void **state)
{
    (void)state;
    map_bytes whole = shop_event();
    src_mysql_table *tbl;
    cdc_error err;
    for (size_t n = 0; n < whole.n; n++) {
        map_bytes b = whole;
        b.n = n;
        cdc_rc rc = build(&b, NULL, &tbl, &err);
        if (rc == CDC_OK) { /* only the optional field at the end is missing: no key */
            assert_true(n >= whole.n - 4);
            assert_int_equal(tbl->table->nkeys, 0);
            src_mysql_table_free(tbl);
        }
    }
}

static cdc_rc one_column(const src_mysql_column_info *col, cdc_error *err)
{
    src_mysql_table_info info = {"d", "t", col, 1, NULL, 0, false};
    src_mysql_table *tbl;
    cdc_error_clear(err);
    cdc_rc rc = src_mysql_table_from_info(&info, &tbl, err);
    src_mysql_table_free(tbl);
    return rc;
}

/* Columns of information_schema and what becomes of them. */
static void test_special_columns_of_information_schema(void **state)
{
    (void)state;
    static const struct {
        src_mysql_column_info info;
        const char *type_text;
        int java_type;
        cdc_kind kind;
        src_mysql_decode_op op;
        unsigned pack, length;
    } cases[] = {
        {{.data_type = "point", .column_type = "point"},
         "point",
         2004,
         CDC_BYTES,
         SRC_MYSQL_DECODE_BYTES,
         4,
         0},
        {{.data_type = "geomcollection", .column_type = "geomcollection"},
         "geometrycollection",
         2004,
         CDC_BYTES,
         SRC_MYSQL_DECODE_BYTES,
         4,
         0},
        {{.data_type = "geometrycollection", .column_type = "geometrycollection"},
         "geometrycollection",
         2004,
         CDC_BYTES,
         SRC_MYSQL_DECODE_BYTES,
         4,
         0},
        {{.data_type = "vector", .column_type = "vector(3)", .octets = 12, .chars = 12},
         "vector(3)",
         2004,
         CDC_BYTES,
         SRC_MYSQL_DECODE_BYTES,
         4,
         0},
        {{.data_type = "uuid", .column_type = "uuid"},
         "uuid",
         12,
         CDC_TEXT,
         SRC_MYSQL_DECODE_UUID,
         0,
         16},
        {{.data_type = "inet6", .column_type = "inet6"},
         "inet6",
         12,
         CDC_TEXT,
         SRC_MYSQL_DECODE_INET6,
         0,
         16},
        {{.data_type = "inet4", .column_type = "inet4"},
         "inet4",
         12,
         CDC_TEXT,
         SRC_MYSQL_DECODE_INET4,
         0,
         4},
        {{.data_type = "text", .column_type = "text /*M!100301 COMPRESSED*/", .charset = "utf8mb4"},
         "text",
         2005,
         CDC_TEXT,
         SRC_MYSQL_DECODE_COMPRESSED,
         2,
         0},
        {{.data_type = "varchar",
          .column_type = "varchar(63) /*M!100301 COMPRESSED*/",
          .charset = "utf8mb4",
          .chars = 63},
         "varchar(63)",
         12,
         CDC_TEXT,
         SRC_MYSQL_DECODE_COMPRESSED,
         1,
         0},
        {{.data_type = "varbinary",
          .column_type = "varbinary(255) /*M!100301 COMPRESSED*/",
          .chars = 255},
         "varbinary(255)",
         2004,
         CDC_BYTES,
         SRC_MYSQL_DECODE_COMPRESSED,
         2,
         256},
        {{.data_type = "varchar", .column_type = "varchar(5)", .charset = "gbk", .chars = 5},
         "varchar(5)",
         12,
         CDC_TEXT,
         SRC_MYSQL_DECODE_TEXT,
         1,
         0},
        {{.data_type = "time", .column_type = "time(3) /* mariadb-5.3 */", .datetime_precision = 3},
         "time(3)",
         92,
         CDC_TIME,
         SRC_MYSQL_DECODE_OLD_TIME,
         0,
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        src_mysql_column_info col = cases[i].info;
        col.name = "c";
        src_mysql_table_info info = {"d", "t", &col, 1, NULL, 0, false};
        src_mysql_table *tbl;
        cdc_error err;
        cdc_error_clear(&err);
        assert_int_equal(src_mysql_table_from_info(&info, &tbl, &err), CDC_OK);
        assert_string_equal(tbl->table->cols[0].type_text, cases[i].type_text);
        assert_int_equal(tbl->table->cols[0].java_type, cases[i].java_type);
        assert_int_equal(tbl->table->cols[0].kind, cases[i].kind);
        assert_int_equal(tbl->plan[0].op, cases[i].op);
        assert_int_equal(tbl->plan[0].pack, cases[i].pack);
        assert_int_equal(tbl->plan[0].length, cases[i].length);
        src_mysql_table_free(tbl);
    }
}

static void test_unsupported_columns_are_named(void **state)
{
    (void)state;
    static const src_mysql_column_info cols[] = {
        {.name = "c1", .data_type = "vektor", .column_type = "vektor(3)"},
        {.name = "c6",
         .data_type = "varchar",
         .column_type = "varchar(5)",
         .charset = "klingon",
         .chars = 5},
        {.name = "c7", .data_type = "enum", .column_type = "enum('a", .charset = "utf8mb4"},
        {.name = "c8",
         .data_type = "decimal",
         .column_type = "decimal(66,2)",
         .precision = 66,
         .scale = 2},
    };
    static const char *const words[] = {"vektor", "klingon", "enum('a", "precision 66"};
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++) {
        cdc_error err;
        assert_int_equal(one_column(&cols[i], &err), CDC_FATAL);
        assert_non_null(strstr(err.text, "d.t"));
        assert_non_null(strstr(err.text, cols[i].name));
        assert_non_null(strstr(err.text, words[i]));
    }
    /* a label is no place to look for words */
    static const src_mysql_column_info tricky = {.name = "e",
                                                 .data_type = "enum",
                                                 .column_type = "enum('x unsigned','COMPRESSED')",
                                                 .charset = "utf8mb4"};
    src_mysql_table_info info = {"d", "t", &tricky, 1, NULL, 0, false};
    src_mysql_table *tbl;
    cdc_error err;
    cdc_error_clear(&err);
    assert_int_equal(src_mysql_table_from_info(&info, &tbl, &err), CDC_OK);
    assert_string_equal(tbl->table->cols[0].type_text, tricky.column_type);
    assert_false(tbl->table->cols[0].is_unsigned);
    src_mysql_table_free(tbl);
}

/* As many bytes as both servers write. */
static void test_sizes_of_enum_and_set(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint32_t labels;
        uint8_t bytes;
    } cases[] = {
        {SRC_MYSQL_TYPE_ENUM, 255, 1}, {SRC_MYSQL_TYPE_ENUM, 256, 2}, {SRC_MYSQL_TYPE_SET, 8, 1},
        {SRC_MYSQL_TYPE_SET, 9, 2},    {SRC_MYSQL_TYPE_SET, 24, 3},   {SRC_MYSQL_TYPE_SET, 32, 4},
        {SRC_MYSQL_TYPE_SET, 33, 8},   {SRC_MYSQL_TYPE_SET, 40, 8},   {SRC_MYSQL_TYPE_SET, 64, 8},
    };
    const char *labels[256];
    cdc_arena ar;
    cdc_arena_init(&ar, 4096, 1U << 20);
    for (size_t i = 0; i < 256; i++) {
        labels[i] = "x";
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        src_mysql_column_spec spec = {.name = "c",
                                      .type = cases[i].type,
                                      .labels = labels,
                                      .nlabels = cases[i].labels,
                                      .charset = src_mysql_charset_by_name("utf8mb4")};
        cdc_column col;
        src_mysql_plan plan;
        cdc_error err;
        cdc_error_clear(&err);
        assert_int_equal(src_mysql_column_fill(&spec, &ar, &col, &plan, &err), CDC_OK);
        assert_int_equal(plan.pack, cases[i].bytes);
    }
    cdc_arena_fini(&ar);
}

/* --- rows --- */

typedef struct rows_fixture {
    cdc_arena ar;
    src_mysql_decode dec;
    src_mysql_table *tbl;
    cdc_error err;
} rows_fixture;

static void rows_setup(rows_fixture *fx)
{
    cdc_arena_init(&fx->ar, 4096, 1U << 20);
    src_mysql_decode_init(&fx->dec, 4096);
    fx->dec.ar = &fx->ar;
    assert_int_equal(src_mysql_table_from_info(&shop_info, &fx->tbl, &fx->err), CDC_OK);
}

static void rows_teardown(rows_fixture *fx)
{
    src_mysql_table_free(fx->tbl);
    src_mysql_decode_fini(&fx->dec);
    cdc_arena_fini(&fx->ar);
}

/* One row: 7, NULL, 'ab', 2, 1.50, NULL, x'01', 'caf\xc3\xa9'. */
static const char one_row[] = "\x22"
                              "\7\0\0\0"
                              "\2ab"
                              "\2"
                              "\x80\0\0\1\x32"
                              "\1\1"
                              "\5\0\0"
                              "caf\xc3\xa9";

static src_mysql_event rows_event(uint8_t type, const char *body, size_t n)
{
    return (src_mysql_event){.type = type, .body = cdc_cursor_of(body, n)};
}

static void test_rows_of_both_versions(void **state)
{
    (void)state;
    rows_fixture fx;
    src_mysql_rows rows;
    cdc_value *before, *after;
    rows_setup(&fx);
    for (int v2 = 0; v2 < 2; v2++) {
        map_bytes b = {.n = 0};
        PUT(&b, "\x7b\0\0\0\0\0\1\0");
        if (v2) {
            PUT(&b, "\5\0abc");
        }
        PUT(&b, "\x08\xff\xff");
        put(&b, one_row, sizeof one_row - 1);
        put(&b, one_row, sizeof one_row - 1);
        src_mysql_event ev = rows_event(
            v2 ? SRC_MYSQL_UPDATE_ROWS_EVENT : SRC_MYSQL_UPDATE_ROWS_V1_EVENT, (char *)b.p, b.n);
        assert_int_equal(src_mysql_rows_begin(&ev, &rows, &fx.err), CDC_OK);
        assert_int_equal(rows.table_id, 0x7b);
        assert_int_equal(rows.flags, SRC_MYSQL_ROWS_STMT_END);
        assert_int_equal(rows.op, CDC_OP_UPDATE);
        assert_int_equal(src_mysql_rows_next(&rows, fx.tbl, &fx.dec, &before, &after, &fx.err),
                         CDC_OK);
        assert_int_equal(before[0].u, 7);
        assert_int_equal(after[1].kind, CDC_NULL);
        assert_memory_equal(after[2].p, "ab", 2);
        assert_int_equal(after[3].u, 2);
        assert_memory_equal(after[4].p, "1.50", 4);
        assert_int_equal(after[5].kind, CDC_NULL);
        assert_int_equal(after[6].len, 4);
        assert_memory_equal(after[6].p, "\1\0\0\0", 4);
        assert_int_equal(after[7].len, 5);
        assert_int_equal(src_mysql_rows_next(&rows, fx.tbl, &fx.dec, &before, &after, &fx.err),
                         CDC_EOF);
    }
    rows_teardown(&fx);
}

static void test_cut_rows_are_refused_with_table_and_column(void **state)
{
    (void)state;
    rows_fixture fx;
    rows_setup(&fx);
    for (size_t n = 1; n < sizeof one_row - 1; n++) {
        map_bytes b = {.n = 0};
        src_mysql_rows rows;
        cdc_value *before, *after;
        PUT(&b, "\x7b\0\0\0\0\0\1\0\x02\0\x08\xff");
        put(&b, one_row, n);
        src_mysql_event ev = rows_event(SRC_MYSQL_DELETE_ROWS_EVENT, (char *)b.p, b.n);
        assert_int_equal(src_mysql_rows_begin(&ev, &rows, &fx.err), CDC_OK);
        cdc_rc rc = src_mysql_rows_next(&rows, fx.tbl, &fx.dec, &before, &after, &fx.err);
        if (rc != CDC_FATAL) {
            fail_msg("%zu bytes of %zu were taken as a row", n, sizeof one_row - 1);
        }
        assert_non_null(strstr(fx.err.text, "shop.orders"));
        assert_non_null(strstr(fx.err.text, "column "));
        cdc_error_clear(&fx.err);
    }
    rows_teardown(&fx);
}

static void test_rows_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *body;
        size_t n;
        const char *code;
    } cases[] = {
        {SRC_MYSQL_WRITE_ROWS_EVENT, "\x7b\0\0\0\0\0\1\0\2\0\x08\xfe\0", 13, "mysql_row_image"},
        {SRC_MYSQL_UPDATE_ROWS_EVENT, "\x7b\0\0\0\0\0\1\0\2\0\x08\xff\x01\0", 14,
         "mysql_row_image"},
        {SRC_MYSQL_WRITE_ROWS_EVENT, "\x7b\0\0\0\0\0\1\0\2\0\7\x7f\0", 13, "mysql_event_malformed"},
        {SRC_MYSQL_WRITE_ROWS_EVENT, "\x7b\0\0\0\0\0\1\0\1\0\x08\xff\0", 13,
         "mysql_event_malformed"},
        {SRC_MYSQL_WRITE_ROWS_EVENT, "\x7b\0\0\0\0\0\1\0\2\0\x08", 11, "mysql_event_malformed"},
        {SRC_MYSQL_XID_EVENT, "", 0, "mysql_event_malformed"},
        {SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT, "", 0, "mysql_event_malformed"},
    };
    rows_fixture fx;
    rows_setup(&fx);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        src_mysql_rows rows;
        cdc_value *before, *after;
        src_mysql_event ev = rows_event(cases[i].type, cases[i].body, cases[i].n);
        cdc_error_clear(&fx.err);
        cdc_rc rc = src_mysql_rows_begin(&ev, &rows, &fx.err);
        if (rc == CDC_OK) {
            rc = src_mysql_rows_next(&rows, fx.tbl, &fx.dec, &before, &after, &fx.err);
        }
        assert_int_equal(rc, CDC_FATAL);
        assert_string_equal(fx.err.code, cases[i].code);
    }
    rows_teardown(&fx);
}

/* A partial update with diffs of a document that was SQL NULL. */
static void test_json_diffs_of_null(void **state)
{
    (void)state;
    static const src_mysql_column_info cols[] = {
        {.name = "j", .data_type = "json", .column_type = "json"},
    };
    static const char body[] = "\x7b\0\0\0\0\0\1\0\2\0\1\xff\xff"
                               "\1"   /* before: NULL */
                               "\1\1" /* the column comes as diffs */
                               "\0\0\0\0\0";
    src_mysql_table_info info = {"d", "t", cols, 1, NULL, 0, false};
    rows_fixture fx;
    rows_setup(&fx);
    src_mysql_table_free(fx.tbl);
    assert_int_equal(src_mysql_table_from_info(&info, &fx.tbl, &fx.err), CDC_OK);
    src_mysql_rows rows;
    cdc_value *before, *after;
    src_mysql_event ev = rows_event(SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT, body, sizeof body - 1);
    assert_int_equal(src_mysql_rows_begin(&ev, &rows, &fx.err), CDC_OK);
    assert_int_equal(src_mysql_rows_next(&rows, fx.tbl, &fx.dec, &before, &after, &fx.err),
                     CDC_FATAL);
    assert_string_equal(fx.err.code, "mysql_event_malformed");
    assert_non_null(strstr(fx.err.text, "table d.t: column j"));
    rows_teardown(&fx);
}

static void test_a_row_larger_than_the_arena(void **state)
{
    (void)state;
    rows_fixture fx;
    src_mysql_rows rows;
    cdc_value *before, *after;
    map_bytes b = {.n = 0};
    rows_setup(&fx);
    fx.ar.max_bytes = 100;
    PUT(&b, "\x7b\0\0\0\0\0\1\0\2\0\x08\xff");
    put(&b, one_row, sizeof one_row - 1);
    src_mysql_event ev = rows_event(SRC_MYSQL_WRITE_ROWS_EVENT, (char *)b.p, b.n);
    assert_int_equal(src_mysql_rows_begin(&ev, &rows, &fx.err), CDC_OK);
    assert_int_equal(src_mysql_rows_next(&rows, fx.tbl, &fx.dec, &before, &after, &fx.err),
                     CDC_FATAL);
    assert_string_equal(fx.err.code, "no_memory");
    rows_teardown(&fx);
}

/* --- text results --- */

typedef struct cell {
    src_mysql_plan plan;
    const char *text;
    bool ok;
    cdc_value want;
} cell;

static void test_text_cells(void **state)
{
    (void)state;
    static const cell cells[] = {
        {{.op = SRC_MYSQL_DECODE_I64},
         "-9223372036854775808",
         true,
         {.kind = CDC_INT, .i = INT64_MIN}},
        {{.op = SRC_MYSQL_DECODE_I64}, "9223372036854775808", false, {0}},
        {{.op = SRC_MYSQL_DECODE_I8}, "12x", false, {0}},
        {{.op = SRC_MYSQL_DECODE_I8}, "", false, {0}},
        {{.op = SRC_MYSQL_DECODE_U64},
         "18446744073709551615",
         true,
         {.kind = CDC_UINT, .u = UINT64_MAX}},
        {{.op = SRC_MYSQL_DECODE_U64}, "18446744073709551616", false, {0}},
        {{.op = SRC_MYSQL_DECODE_U32}, "00042", true, {.kind = CDC_UINT, .u = 42}},
        {{.op = SRC_MYSQL_DECODE_FLOAT},
         "0.10000000149011612",
         true,
         {.kind = CDC_FLOAT, .d = 0.10000000149011612}},
        {{.op = SRC_MYSQL_DECODE_FLOAT}, "0.1", false, {0}},
        {{.op = SRC_MYSQL_DECODE_DOUBLE}, "-1.5e-20", true, {.kind = CDC_DOUBLE, .d = -1.5e-20}},
        {{.op = SRC_MYSQL_DECODE_DOUBLE}, "abc", false, {0}},
        {{.op = SRC_MYSQL_DECODE_BIT, .length = 3}, "7", true, {.kind = CDC_BIT, .u = 7}},
        {{.op = SRC_MYSQL_DECODE_BIT, .length = 3}, "8", false, {0}},
        {{.op = SRC_MYSQL_DECODE_ENUM, .length = 2}, "3", false, {0}},
        {{.op = SRC_MYSQL_DECODE_SET, .length = 64},
         "18446744073709551615",
         true,
         {.kind = CDC_SET, .u = UINT64_MAX}},
        {{.op = SRC_MYSQL_DECODE_YEAR}, "0000", true, {.kind = CDC_YEAR, .i = 0}},
        {{.op = SRC_MYSQL_DECODE_DATE},
         "2024-00-31",
         true,
         {.kind = CDC_DATE, .year = 2024, .t = {.day = 31}}},
        {{.op = SRC_MYSQL_DECODE_DATE}, "2024-13-01", false, {0}},
        {{.op = SRC_MYSQL_DECODE_DATE}, "2024-01-01 ", false, {0}},
        {{.op = SRC_MYSQL_DECODE_TIME2, .digits = 2},
         "-838:59:58.07",
         true,
         {.kind = CDC_TIME,
          .digits = 2,
          .t = {.neg = true, .hour = 838, .minute = 59, .second = 58, .usec = 70000}}},
        {{.op = SRC_MYSQL_DECODE_TIME2, .digits = 2}, "01:02:03", false, {0}},
        {{.op = SRC_MYSQL_DECODE_TIME2}, "01:60:03", false, {0}},
        {{.op = SRC_MYSQL_DECODE_DATETIME2}, "0000-00-00 00:00:00", true, {.kind = CDC_DATETIME}},
        {{.op = SRC_MYSQL_DECODE_DATETIME2}, "2024-01-01T00:00:00", false, {0}},
        {{.op = SRC_MYSQL_DECODE_TIMESTAMP2, .digits = 6},
         "2038-01-19 03:14:07.999999",
         true,
         {.kind = CDC_TIMESTAMP, .digits = 6, .ts = {INT32_MAX, 999999}}},
        {{.op = SRC_MYSQL_DECODE_TIMESTAMP2},
         "2000-02-29 12:00:00",
         true,
         {.kind = CDC_TIMESTAMP, .ts = {951825600, 0}}},
        {{.op = SRC_MYSQL_DECODE_TIMESTAMP2}, "0000-00-00 00:00:00", true, {.kind = CDC_TIMESTAMP}},
        {{.op = SRC_MYSQL_DECODE_DECIMAL},
         "0001.50",
         true,
         {.kind = CDC_DECIMAL, .len = 4, .p = "1.50"}},
        {{.op = SRC_MYSQL_DECODE_DECIMAL},
         "0.50",
         true,
         {.kind = CDC_DECIMAL, .len = 4, .p = "0.50"}},
        {{.op = SRC_MYSQL_DECODE_TEXT, .convert = SRC_MYSQL_CONVERT_LATIN1},
         "\xe9",
         true,
         {.kind = CDC_TEXT, .len = 2, .p = "\xc3\xa9"}},
        {{.op = SRC_MYSQL_DECODE_TEXT, .convert = SRC_MYSQL_CONVERT_UTF8},
         "",
         true,
         {.kind = CDC_TEXT, .p = ""}},
        {{.op = SRC_MYSQL_DECODE_BYTES}, "\xe9", true, {.kind = CDC_BYTES, .len = 1, .p = "\xe9"}},
        {{.op = SRC_MYSQL_DECODE_BINARY, .length = 3},
         "a",
         true,
         {.kind = CDC_BYTES, .len = 3, .p = "a\0"}},
        {{.op = SRC_MYSQL_DECODE_JSON}, "[1]", true, {.kind = CDC_JSON, .len = 3, .p = "[1]"}},
    };
    rows_fixture fx;
    rows_setup(&fx);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        cdc_value got;
        cdc_error_clear(&fx.err);
        fx.tbl->plan[0] = cells[i].plan;
        src_mysql_text text = {cells[i].text, strlen(cells[i].text)};
        cdc_rc rc = src_mysql_text_value(fx.tbl, 0, text, &fx.dec, &got, &fx.err);
        if (rc != (cells[i].ok ? CDC_OK : CDC_FATAL) ||
            (cells[i].ok && !cdc_value_equal(&got, &cells[i].want))) {
            fail_msg("cell %zu: %s", i, cells[i].text);
        }
        if (rc != CDC_OK) {
            assert_non_null(strstr(fx.err.text, "shop.orders, column id"));
        }
    }
    cdc_value got;
    src_mysql_text null = {NULL, 0};
    assert_int_equal(src_mysql_text_value(fx.tbl, 0, null, &fx.dec, &got, &fx.err), CDC_OK);
    assert_int_equal(got.kind, CDC_NULL);
    rows_teardown(&fx);
}

static void test_select_expressions(void **state)
{
    (void)state;
    static const src_mysql_column_info cols[] = {
        {.name = "a`b", .data_type = "int", .column_type = "int"},
        {.name = "f", .data_type = "float", .column_type = "float"},
        {.name = "s", .data_type = "set", .column_type = "set('x')", .charset = "utf8mb4"},
    };
    src_mysql_table_info info = {"d", "t", cols, 3, NULL, 0, false};
    src_mysql_table *tbl;
    cdc_error err;
    cdc_buffer out;
    cdc_error_clear(&err);
    cdc_buffer_init(&out, 1000);
    assert_int_equal(src_mysql_table_from_info(&info, &tbl, &err), CDC_OK);
    for (uint32_t i = 0; i < 3; i++) {
        src_mysql_text_column(tbl, i, &out);
        cdc_buffer_add_char(&out, ' ');
    }
    assert_string_equal(cdc_buffer_cstr(&out), "`a``b` `f`*1e0 CAST(`s` AS UNSIGNED) ");
    cdc_buffer_fini(&out);
    src_mysql_table_free(tbl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_and_information_schema_agree),
        cmocka_unit_test(test_without_names_the_error_says_what_to_do),
        cmocka_unit_test(test_cut_table_maps_are_refused),
        cmocka_unit_test(test_special_columns_of_information_schema),
        cmocka_unit_test(test_unsupported_columns_are_named),
        cmocka_unit_test(test_sizes_of_enum_and_set),
        cmocka_unit_test(test_rows_of_both_versions),
        cmocka_unit_test(test_cut_rows_are_refused_with_table_and_column),
        cmocka_unit_test(test_rows_that_do_not_fit),
        cmocka_unit_test(test_json_diffs_of_null),
        cmocka_unit_test(test_a_row_larger_than_the_arena),
        cmocka_unit_test(test_text_cells),
        cmocka_unit_test(test_select_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

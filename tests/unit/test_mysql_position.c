/* Restart tokens and log positions: written, read back, refused; the key of a copy as SQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/mysql/copy_key.h"
#include "producers/mysql/position.h"

typedef struct kit {
    cdc_arena ar;
    cdc_buffer out;
    cdc_error err;
} kit;

static int set_up(void **state)
{
    kit *k = calloc(1, sizeof(*k));
    cdc_arena_init(&k->ar, 1024, 1 << 20);
    cdc_buffer_init(&k->out, 1 << 20);
    cdc_error_clear(&k->err);
    *state = k;
    return 0;
}

static int tear_down(void **state)
{
    kit *k = *state;
    cdc_arena_fini(&k->ar);
    cdc_buffer_fini(&k->out);
    free(k);
    return 0;
}

static void writes_stream_tokens(void **state)
{
    kit *k = *state;
    src_mysql_position pos = {.server = "u-1", .at = {"binlog.000003", 1934}, .gtid = "u:1-77"};
    src_mysql_position_print(&pos, &k->out);
    assert_string_equal(cdc_buffer_cstr(&k->out),
                        "v1;server=u-1;file=binlog.000003;pos=1934;gtid=u:1-77");
    cdc_buffer_reset(&k->out);
    pos = (src_mysql_position){.gtid = "", .until = {"b.1", 5}};
    src_mysql_position_print(&pos, &k->out);
    assert_string_equal(cdc_buffer_cstr(&k->out), "v1;gtid=;until=b.1:5");
}

static void reads_back_everything(void **state)
{
    kit *k = *state;
    src_mysql_position pos = {.server = "u;1",
                              .at = {"bin%log.1", 9999999999},
                              .gtid = "a:1-3:5,\nb:7",
                              .until = {"x:y.000009", 17},
                              .stage = SRC_MYSQL_ROWS,
                              .database = "d=b",
                              .table = "t;\xc3\xa4%",
                              .key = "_utf8mb4 X'3B',-5",
                              .table_done = true,
                              .chunk = 12,
                              .key_definition = 7,
                              .rows = 70,
                              .bytes = 700};
    src_mysql_mark renamed = {NULL, "d`", "now", "d.x", "w`=`as"};
    src_mysql_mark left_out = {&renamed, "d", "new", NULL, NULL};
    src_mysql_position back;
    pos.marks = &left_out;
    src_mysql_position_print(&pos, &k->out);
    assert_null(memchr(k->out.data, '\n', k->out.len));
    assert_int_equal(src_mysql_position_parse(&back, k->out.data, k->out.len, &k->ar, &k->err),
                     CDC_OK);
    assert_string_equal(back.server, pos.server);
    assert_string_equal(back.at.file, pos.at.file);
    assert_int_equal(back.at.pos, pos.at.pos);
    assert_string_equal(back.gtid, pos.gtid);
    assert_string_equal(back.until.file, pos.until.file);
    assert_int_equal(back.until.pos, 17);
    assert_int_equal(back.stage, SRC_MYSQL_ROWS);
    assert_string_equal(back.database, pos.database);
    assert_string_equal(back.table, pos.table);
    assert_string_equal(back.key, pos.key);
    assert_true(back.table_done);
    assert_int_equal(back.chunk, 12);
    assert_int_equal(back.key_definition, 7);
    assert_int_equal(back.rows, 70);
    assert_int_equal(back.bytes, 700);
    assert_string_equal(back.marks->database, "d`");
    assert_string_equal(back.marks->table, "now");
    assert_string_equal(back.marks->was_database, "d.x");
    assert_string_equal(back.marks->was_table, "w`=`as");
    assert_string_equal(back.marks->next->table, "new");
    assert_null(back.marks->next->was_table);
    assert_null(back.marks->next->next);
}

static void absent_is_not_empty(void **state)
{
    kit *k = *state;
    src_mysql_position pos;
    static const char by_file[] = "v1;file=b.1;pos=4;later=thing";
    assert_int_equal(src_mysql_position_parse(&pos, by_file, strlen(by_file), &k->ar, &k->err),
                     CDC_OK);
    assert_null(pos.gtid);
    assert_string_equal(pos.until.file, "");
    assert_int_equal(pos.stage, SRC_MYSQL_STREAM);
    assert_string_equal(pos.key, "");
    static const char by_gtid[] = "v1;gtid=";
    assert_int_equal(src_mysql_position_parse(&pos, by_gtid, strlen(by_gtid), &k->ar, &k->err),
                     CDC_OK);
    assert_string_equal(pos.gtid, "");
}

static void refuses_other_tokens(void **state)
{
    kit *k = *state;
    static const char *const bad[] = {
        "",
        "v1",
        "v2;file=b.1;pos=4",
        "file=b.1;pos=4",
        "v1;file",
        "v1;file=b.1;pos=",
        "v1;file=b.1;pos=4x",
        "v1;file=b.1;pos=99999999999999999999",
        "v1;file=b%2;pos=4",
        "v1;file=b%;pos=4",
        "v1;file=b%zz;pos=4",
        "v1;gtid=a;until=b",
        "v1;gtid=a;stage=what",
        "v1;gtid=a;done=2",
        "v1;gtid=a;;",
        "v1;gtid=a;mark=d.t",
        "v1;gtid=a;mark=`d`.`t",
        "v1;gtid=a;mark=`d`.`t`x",
        "v1;gtid=a;mark=`d`.`t`=`d`",
        "v1;gtid=a;keydef=4294967296",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        src_mysql_position pos;
        cdc_error_clear(&k->err);
        assert_int_equal(src_mysql_position_parse(&pos, bad[i], strlen(bad[i]), &k->ar, &k->err),
                         CDC_FATAL);
        assert_string_equal(k->err.code, "mysql_token");
    }
}

static int compare(const char *file_a, uint64_t pos_a, const char *file_b, uint64_t pos_b)
{
    src_mysql_log_pos a = {.pos = pos_a};
    src_mysql_log_pos b = {.pos = pos_b};
    snprintf(a.file, sizeof(a.file), "%s", file_a);
    snprintf(b.file, sizeof(b.file), "%s", file_b);
    return src_mysql_log_pos_compare(&a, &b);
}

static void orders_positions(void **state)
{
    (void)state;
    assert_true(compare("b.000002", 4, "b.000001", 900) > 0);
    assert_true(compare("b.999999", 900, "b.1000000", 4) < 0);
    assert_true(compare("b.000001", 5, "b.000001", 4) > 0);
    assert_true(compare("b.000001", 4, "b.000001", 4) == 0);
}

static void parses_positions(void **state)
{
    (void)state;
    src_mysql_log_pos at;
    assert_true(src_mysql_log_pos_parse(&at, "c:x.000003:15", 13));
    assert_string_equal(at.file, "c:x.000003");
    assert_int_equal(at.pos, 15);
    assert_false(src_mysql_log_pos_parse(&at, "b.000003", 8));
    assert_false(src_mysql_log_pos_parse(&at, ":15", 3));
    assert_false(src_mysql_log_pos_parse(&at, "b:", 2));
    assert_false(src_mysql_log_pos_parse(&at, "b:-1", 4));
}

static void makes_key_literals(void **state)
{
    kit *k = *state;
    cdc_column col = {.name = "c", .charset = "latin1"};
    cdc_value num = {.kind = CDC_INT, .i = -7};
    cdc_value big = {.kind = CDC_UINT, .u = UINT64_MAX};
    cdc_value dec = {.kind = CDC_DECIMAL, .p = "-1.50", .len = 5};
    cdc_value dbl = {.kind = CDC_DOUBLE, .d = 0.1};
    cdc_value txt = {.kind = CDC_TEXT, .p = "\xc3\xa9,'", .len = 4};
    cdc_value bin = {.kind = CDC_BYTES, .p = "\x00,\\", .len = 3};
    cdc_value day = {.kind = CDC_DATE};
    const cdc_value *vals[] = {&num, &big, &dec, &dbl, &txt, &bin, &day};
    static const char *const cells[] = {"", "", "", "", "\xe9,'", "", "2024-01-02"};
    for (size_t i = 0; i < sizeof(vals) / sizeof(vals[0]); i++) {
        src_mysql_key_literal(&col, vals[i], cells[i], strlen(cells[i]), &k->out);
        cdc_buffer_add_char(&k->out, '|');
    }
    assert_string_equal(cdc_buffer_cstr(&k->out),
                        "-7|18446744073709551615|-1.50|1.0000000000000001e-01|_latin1 X'E92C27'|"
                        "X'002C5C'|_latin1 X'323032342D30312D3032'|");
}

static void makes_key_conditions(void **state)
{
    kit *k = *state;
    cdc_column cols[3] = {{.name = "a", .kind = CDC_INT, .type_text = "int", .charset = ""},
                          {.name = "b`", .kind = CDC_INT, .type_text = "int", .charset = ""},
                          {.name = "c", .kind = CDC_INT, .type_text = "int", .charset = ""}};
    uint16_t keys[3] = {1, 0, 2};
    cdc_table *tbl;
    assert_int_equal(cdc_table_new(&tbl, "d", "t", cols, 3, keys, 3, &k->err), CDC_OK);
    assert_int_equal(src_mysql_key_range(tbl, "", "", &k->out, &k->err), CDC_OK);
    assert_int_equal(k->out.len, 0);
    assert_int_equal(src_mysql_key_range(tbl, "1,2,3", "", &k->out, &k->err), CDC_OK);
    assert_string_equal(cdc_buffer_cstr(&k->out),
                        " WHERE (t.`b``` >= 1 AND (t.`b``` > 1 OR (t.`b``` = 1 AND "
                        "(t.`a` >= 2 AND (t.`a` > 2 OR (t.`a` = 2 AND t.`c` > 3))))))");
    cdc_table_unref(tbl);
    assert_int_equal(cdc_table_new(&tbl, "d", "t", cols, 3, keys, 1, &k->err), CDC_OK);
    cdc_buffer_reset(&k->out);
    assert_int_equal(src_mysql_key_range(tbl, "-5", "X'00'", &k->out, &k->err), CDC_OK);
    assert_string_equal(cdc_buffer_cstr(&k->out), " WHERE t.`b``` > -5 AND t.`b``` <= X'00'");
    assert_int_equal(src_mysql_key_range(tbl, "1,2", "", &k->out, &k->err), CDC_FATAL);
    assert_int_equal(src_mysql_key_range(tbl, "", "1,2", &k->out, &k->err), CDC_FATAL);
    cdc_table_unref(tbl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_stream_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_back_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absent_is_not_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_other_tokens, set_up, tear_down),
        cmocka_unit_test(orders_positions),
        cmocka_unit_test(parses_positions),
        cmocka_unit_test_setup_teardown(makes_key_literals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(makes_key_conditions, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

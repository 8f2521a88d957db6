/* The cdc header: what is written, what is read back, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topics/header.h"

static cdc_buffer buf;
static cdc_arena arena;
static cdc_error error;

static int setup(void **state)
{
    (void)state;
    cdc_buffer_init(&buf, 65536);
    cdc_arena_init(&arena, 4096, 1024 * 1024);
    cdc_error_clear(&error);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cdc_buffer_fini(&buf);
    cdc_arena_fini(&arena);
    return 0;
}

static cdc_event row(cdc_table *tbl)
{
    return (cdc_event){
        .op = CDC_OP_INSERT,
        .phase = CDC_PHASE_INCR,
        .table = tbl,
        .txn = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23",
        .seq = 2,
        .last = true,
        .pos_file = "binlog.000003",
        .pos = 1934,
        .ddl_was = "",
    };
}

static cdc_rc parse(const char *text, cdc_header *out)
{
    return cdc_header_parse((cdc_bytes){text, strlen(text)}, &arena, out, &error);
}

static void test_foreign_keys_not_checked(void **state)
{
    (void)state;
    cdc_header h;
    cdc_table tbl = {.version = 12};
    cdc_event ev = row(&tbl);
    ev.unchecked = true;
    cdc_header_encode(&buf, "t", "", &ev);
    assert_int_equal(parse(cdc_buffer_cstr(&buf), &h), CDC_OK);
    assert_true(h.unchecked);
    assert_int_equal(parse("v=1;fk=1", &h), CDC_FATAL);
}

static void test_rows_that_move(void **state)
{
    (void)state;
    cdc_header h;
    cdc_table tbl = {.version = 12};
    cdc_event ev = row(&tbl);
    ev.op = CDC_OP_DELETE;
    ev.id = 41;
    ev.move = 4;
    cdc_header_encode(&buf, "t", "", &ev);
    assert_non_null(strstr(cdc_buffer_cstr(&buf), ";move=3"));
    assert_int_equal(parse(cdc_buffer_cstr(&buf), &h), CDC_OK);
    assert_int_equal(h.move, 4);
    assert_int_equal(h.move_id, 0);
    cdc_buffer_reset(&buf);
    ev.op = CDC_OP_INSERT;
    ev.id = 42;
    ev.move = 1;
    cdc_header_encode(&buf, "t", "", &ev);
    assert_non_null(strstr(cdc_buffer_cstr(&buf), ";move=0:41"));
    assert_int_equal(parse(cdc_buffer_cstr(&buf), &h), CDC_OK);
    assert_int_equal(h.move, 1);
    assert_int_equal(h.move_id, 41);
    assert_int_equal(parse("v=1;move=", &h), CDC_FATAL);
    assert_int_equal(parse("v=1;move=1:", &h), CDC_FATAL);
    assert_int_equal(parse("v=1;move=2147483647", &h), CDC_FATAL);
}

static void test_example_of_the_format(void **state)
{
    (void)state;
    cdc_table tbl = {.version = 12};
    cdc_event ev = row(&tbl);
    cdc_header_encode(&buf, "shop-to-dr", "", &ev);
    assert_string_equal(cdc_buffer_cstr(&buf),
                        "v=1;task=shop-to-dr;phase=incr;schema=12;txn=3e11fa47-71ca-11e1-9e33-"
                        "c80aa9429562:23;seq=2;last=1;pos=binlog.000003:1934");
}

static void test_absent_members_are_left_out(void **state)
{
    (void)state;
    cdc_event ev = {.op = CDC_OP_DDL, .phase = CDC_PHASE_SNAPSHOT, .pos_file = ""};
    cdc_header_encode(&buf, "t", NULL, &ev);
    assert_string_equal(cdc_buffer_cstr(&buf), "v=1;task=t;phase=snapshot");
}

static void test_every_byte_comes_back(void **state)
{
    (void)state;
    char was[300];
    char file[300];
    for (int i = 0; i < 255; i++) {
        was[i] = (char)(i + 1);
        file[i] = (char)(255 - i);
    }
    was[255] = '\0';
    file[255] = '\0';
    cdc_event ev = {.op = CDC_OP_DDL,
                    .phase = CDC_PHASE_INCR,
                    .txn = was,
                    .seq = UINT64_MAX,
                    .pos_file = file,
                    .pos = UINT64_MAX,
                    .after_ddl = UINT64_MAX,
                    .ddl_was = was,
                    .ddl_default = was};
    cdc_header h;
    cdc_header_encode(&buf, file, was, &ev);
    assert_false(buf.failed);
    assert_int_equal(cdc_header_parse((cdc_bytes){buf.data, buf.len}, &arena, &h, &error), CDC_OK);
    assert_string_equal(h.txn, was);
    assert_string_equal(h.was, was);
    assert_string_equal(h.src, was);
    assert_string_equal(h.use, was);
    assert_int_equal(h.ddl, UINT64_MAX);
    assert_string_equal(h.task, file);
    assert_int_equal(h.seq, UINT64_MAX);
    assert_memory_equal(h.pos, file, 255);
    assert_string_equal(h.pos + 255, ":18446744073709551615");
    assert_false(h.last);
    assert_int_equal(h.phase, CDC_PHASE_INCR);
}

static void test_definition_changes(void **state)
{
    (void)state;
    cdc_table tbl = {.version = 12};
    cdc_event ev = row(&tbl);
    cdc_header h;
    ev.after_ddl = 40;
    ev.ddl_default = "shop"; /* of no use to a row */
    cdc_header_encode(&buf, "t", "", &ev);
    assert_non_null(strstr(cdc_buffer_cstr(&buf), ";pos=binlog.000003:1934;ddl=40"));
    assert_null(strstr(cdc_buffer_cstr(&buf), "use="));
    ev.op = CDC_OP_DDL;
    ev.table = NULL;
    ev.ddl_was = "shop.a";
    cdc_buffer_reset(&buf);
    cdc_header_encode(&buf, "t", "", &ev);
    assert_non_null(strstr(cdc_buffer_cstr(&buf), ";ddl=40;was=shop.a;use=shop"));
    assert_int_equal(parse("v=1;ddl=40;use=a%3Bb", &h), CDC_OK);
    assert_int_equal(h.ddl, 40);
    assert_string_equal(h.use, "a;b");
    assert_int_equal(parse("v=1;seq=1", &h), CDC_OK);
    assert_int_equal(h.ddl, 0);
    assert_null(h.use);
    assert_false(h.partial);
    assert_int_equal(parse("v=1;ddl=-1", &h), CDC_FATAL);
    ev.partial = true;
    cdc_buffer_reset(&buf);
    cdc_header_encode(&buf, "t", "", &ev);
    assert_non_null(strstr(cdc_buffer_cstr(&buf), ";use=shop;part=1"));
    assert_int_equal(parse(cdc_buffer_cstr(&buf), &h), CDC_OK);
    assert_true(h.partial);
    assert_int_equal(parse("v=1;part=2", &h), CDC_FATAL);
    assert_false(h.barrier);
    ev.barrier = true;
    cdc_buffer_reset(&buf);
    cdc_header_encode(&buf, "t", "", &ev);
    assert_non_null(strstr(cdc_buffer_cstr(&buf), ";use=shop;barrier=1;part=1"));
    assert_int_equal(parse(cdc_buffer_cstr(&buf), &h), CDC_OK);
    assert_true(h.barrier && h.partial);
    assert_int_equal(parse("v=1;barrier=", &h), CDC_FATAL);
}

static void test_unknown_names_are_skipped(void **state)
{
    (void)state;
    cdc_header h;
    assert_int_equal(parse("v=1;task=a;new=%41%zz;phase=snapshot;seq=7;schema=4294967295", &h),
                     CDC_OK);
    assert_string_equal(h.task, "a");
    assert_int_equal(h.phase, CDC_PHASE_SNAPSHOT);
    assert_int_equal(h.seq, 7);
    assert_int_equal(h.schema, UINT32_MAX);
    assert_null(h.txn);
    assert_int_equal(parse("v=1", &h), CDC_OK);
    assert_int_equal(h.phase, CDC_PHASE_INCR);
    assert_null(h.task);
}

static void test_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "v",
        "v=",
        "v=x",
        "task=a;v=1",
        "v=1;task",
        "v=1;;task=a",
        "v=1;txn=%",
        "v=1;txn=%4",
        "v=1;txn=%4g",
        "v=1;txn=%00",
        "v=1;seq=",
        "v=1;seq=-1",
        "v=1;seq=18446744073709551616",
        "v=1;schema=4294967296",
        "v=1;last=0",
        "v=1;phase=later",
        "v=1;txn=a;txn=b",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cdc_header h;
        cdc_error_clear(&error);
        if (parse(bad[i], &h) != CDC_FATAL) {
            fail_msg("'%s' was accepted", bad[i]);
        }
        assert_string_equal(error.code, "header_malformed");
    }
}

static void test_newer_version_and_parts_are_named(void **state)
{
    (void)state;
    cdc_header h;
    assert_int_equal(parse("v=2;task=a", &h), CDC_FATAL);
    assert_string_equal(error.code, "header_version");
    assert_int_equal(parse("v=1;split=1/2", &h), CDC_FATAL);
    assert_string_equal(error.code, "header_split");
}

static void test_foreign_bytes_do_not_reach_the_text(void **state)
{
    (void)state;
    cdc_header h;
    assert_int_equal(parse("\x01\x1b[31m\xff", &h), CDC_FATAL);
    assert_non_null(strstr(error.text, "??[31m?"));
}

static void test_a_full_buffer_is_noticed(void **state)
{
    (void)state;
    cdc_table tbl = {.version = 1};
    cdc_event ev = row(&tbl);
    cdc_buffer small;
    cdc_buffer_init(&small, 100);
    cdc_header_encode(&small, "task", "", &ev);
    assert_true(small.failed);
    assert_int_equal(small.len, 0);
    cdc_buffer_fini(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_foreign_keys_not_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_that_move, setup, teardown),
        cmocka_unit_test_setup_teardown(test_example_of_the_format, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absent_members_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_byte_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_definition_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_names_are_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newer_version_and_parts_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_bytes_do_not_reach_the_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_buffer_is_noticed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

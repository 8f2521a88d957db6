/* GTID sets of MySQL and MariaDB: text, wire form, adding, comparing; bad input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/mysql/gtid_set.h"

#define U1 "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define U2 "7e9a88e5-e56b-11f1-b844-02fc00000001"

static src_mysql_gtid_set *set_of(const char *text, bool is_mariadb)
{
    cdc_error err;
    cdc_error_clear(&err);
    src_mysql_gtid_set *set = src_mysql_gtid_set_new(is_mariadb);
    assert_non_null(set);
    assert_int_equal(src_mysql_gtid_set_parse(set, text, strlen(text), &err), CDC_OK);
    return set;
}

static void assert_prints(const src_mysql_gtid_set *set, const char *want)
{
    cdc_buffer out;
    cdc_buffer_init(&out, 4096);
    src_mysql_gtid_set_print(set, &out);
    assert_string_equal(cdc_buffer_cstr(&out), want);
    cdc_buffer_fini(&out);
}

static void assert_normal(const char *text, bool is_mariadb, const char *want)
{
    src_mysql_gtid_set *set = set_of(text, is_mariadb);
    assert_prints(set, want);
    src_mysql_gtid_set_free(set);
}

static void parses_and_prints(void **state)
{
    (void)state;
    assert_normal("", false, "");
    assert_normal(U1 ":1", false, U1 ":1");
    assert_normal(U1 ":1-5:7:9-12", false, U1 ":1-5:7:9-12");
    assert_normal(" " U1 ":9-12 ,\n" U1 ":1-5:7,", false, U1 ":1-5:7:9-12");
    assert_normal(U1 ":1-3:4:5-6", false, U1 ":1-6");
    assert_normal(U1 ":5:3:1:2:4", false, U1 ":1-5");
    assert_normal(U1 ":1-10:3-20", false, U1 ":1-20");
    assert_normal(U1 ":1:3:5:2-4", false, U1 ":1-5");
    assert_normal(U2 ":1," U1 ":2", false, U1 ":2," U2 ":1");
    assert_normal("3E11FA4771CA11E19E33C80AA9429562:4", false, U1 ":4");
    assert_normal(U1 ":1-23:Blue:1:3", false, U1 ":1-23:blue:1:3");
    assert_normal(U1 ":blue:1:a_1:2-3," U1 ":7", false, U1 ":7:a_1:2-3:blue:1");
    assert_normal("0-1-5,2-3-9", true, "0-1-5,2-3-9");
    assert_normal("2-3-9, 0-1-5,0-2-8", true, "0-2-8,2-3-9");
    assert_normal("", true, "");
}

static void assert_refused(const char *text, bool is_mariadb)
{
    cdc_error err;
    cdc_error_clear(&err);
    src_mysql_gtid_set *set = src_mysql_gtid_set_new(is_mariadb);
    assert_int_equal(src_mysql_gtid_set_parse(set, text, strlen(text), &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_gtid_set");
    src_mysql_gtid_set_free(set);
}

static void refuses_what_is_no_set(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "x",
        U1,
        U1 ":",
        U1 ":0",
        U1 ":5-3",
        U1 ":1-",
        U1 ":1 2",
        U1 ":-1",
        U1 ":blue",
        U1 ":blue:",
        "3e11fa47:1",
        U1 ":1;",
        "0-1-5",
        U1 ":9223372036854775807",
        U1 ":99999999999999999999",
        U1 ":a23456789b123456789c123456789d123:1",
        U1 "a:1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_refused(bad[i], false);
    }
    static const char *const bad_mariadb[] = {
        "x", "0", "0-1", "0-1-", "0-1-2-3", U1 ":1", "4294967296-1-1", "0-1-99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad_mariadb) / sizeof(bad_mariadb[0]); i++) {
        assert_refused(bad_mariadb[i], true);
    }
}

static src_mysql_gtid gtid_of(uint8_t last_byte, const char *tag, uint64_t gno)
{
    src_mysql_gtid gtid = {.gno = gno};
    gtid.sid[15] = last_byte;
    snprintf(gtid.tag, sizeof(gtid.tag), "%s", tag);
    return gtid;
}

static void adds_in_any_order(void **state)
{
    (void)state;
    src_mysql_gtid_set *set = src_mysql_gtid_set_new(false);
    assert_true(src_mysql_gtid_set_empty(set));
    static const uint64_t order[] = {1, 2, 3, 7, 9, 8, 5, 5, 4, 6};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        src_mysql_gtid gtid = gtid_of(1, "", order[i]);
        assert_true(src_mysql_gtid_set_add(set, &gtid));
        if (i == 6) {
            assert_prints(set, "00000000-0000-0000-0000-000000000001:1-3:5:7-9");
        }
    }
    src_mysql_gtid other = gtid_of(0, "t", 3);
    assert_true(src_mysql_gtid_set_add(set, &other));
    src_mysql_gtid anonymous = gtid_of(9, "", 0);
    assert_true(src_mysql_gtid_set_add(set, &anonymous));
    assert_prints(set, "00000000-0000-0000-0000-000000000000:t:3,"
                       "00000000-0000-0000-0000-000000000001:1-9");
    src_mysql_gtid_set_clear(set);
    assert_true(src_mysql_gtid_set_empty(set));
    src_mysql_gtid_set_free(set);
}

static void adds_mariadb(void **state)
{
    (void)state;
    src_mysql_gtid_set *set = set_of("0-1-5", true);
    src_mysql_mariadb_gtid next = {.domain = 0, .server_id = 2, .sequence = 6};
    src_mysql_mariadb_gtid other = {.domain = 7, .server_id = 2, .sequence = 1};
    assert_true(src_mysql_gtid_set_add_mariadb(set, &next));
    assert_true(src_mysql_gtid_set_add_mariadb(set, &other));
    assert_prints(set, "0-2-6,7-2-1");
    src_mysql_gtid_set_free(set);
}

static bool includes(const char *set_text, const char *part_text, bool is_mariadb)
{
    src_mysql_gtid_set *set = set_of(set_text, is_mariadb);
    src_mysql_gtid_set *part = set_of(part_text, is_mariadb);
    bool result = src_mysql_gtid_set_includes(set, part);
    src_mysql_gtid_set_free(set);
    src_mysql_gtid_set_free(part);
    return result;
}

static void compares(void **state)
{
    (void)state;
    assert_true(includes(U1 ":1-9", U1 ":2-5:9", false));
    assert_true(includes(U1 ":1-9", "", false));
    assert_false(includes(U1 ":1-9", U1 ":9-10", false));
    assert_false(includes(U1 ":1-4:6-9", U1 ":3-7", false));
    assert_false(includes(U1 ":1-9", U2 ":1", false));
    assert_false(includes(U1 ":1-9", U1 ":blue:1", false));
    assert_true(includes(U1 ":1-9:blue:1-2," U2 ":1", U1 ":blue:2," U2 ":1", false));
    assert_true(includes("0-1-9,1-1-1", "0-2-9", true));
    assert_false(includes("0-1-9", "0-1-10", true));
    assert_false(includes("0-1-9", "1-1-1", true));
}

static void assert_wire(const char *text, const uint8_t *want, size_t n)
{
    src_mysql_gtid_set *set = set_of(text, false);
    cdc_buffer out;
    cdc_buffer_init(&out, 4096);
    src_mysql_gtid_set_encode(set, &out);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.data, want, n);
    src_mysql_gtid_set *back = src_mysql_gtid_set_new(false);
    cdc_error err;
    assert_int_equal(src_mysql_gtid_set_decode(back, out.data, out.len, &err), CDC_OK);
    assert_prints(back, text);
    for (size_t cut = 0; cut < n; cut++) {
        src_mysql_gtid_set_clear(back);
        assert_int_equal(src_mysql_gtid_set_decode(back, out.data, cut, &err), CDC_FATAL);
    }
    src_mysql_gtid_set_free(back);
    src_mysql_gtid_set_free(set);
    cdc_buffer_fini(&out);
}

/* The bytes that a server of version 9.7 took and gave back. */
static void encodes_and_decodes(void **state)
{
    (void)state;
    static const uint8_t plain[] = {
        1,    0,    0,    0,    0,    0,    0,    0,    0x3e, 0x11, 0xfa, 0x47, 0x71,
        0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62, 2,    0,
        0,    0,    0,    0,    0,    0,    1,    0,    0,    0,    0,    0,    0,
        0,    6,    0,    0,    0,    0,    0,    0,    0,    7,    0,    0,    0,
        0,    0,    0,    0,    8,    0,    0,    0,    0,    0,    0,    0};
    assert_wire(U1 ":1-5:7", plain, sizeof(plain));
    static const uint8_t tagged[] = {
        1,    2,    0,    0,    0,    0,    0,    1,    0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca,
        0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62, 0,    1,    0,    0,
        0,    0,    0,    0,    0,    1,    0,    0,    0,    0,    0,    0,    0,    2,
        0,    0,    0,    0,    0,    0,    0,    0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11,
        0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62, 8,    'b',  'l',  'u',  'e',
        1,    0,    0,    0,    0,    0,    0,    0,    3,    0,    0,    0,    0,    0,
        0,    0,    4,    0,    0,    0,    0,    0,    0,    0};
    assert_wire(U1 ":1:blue:3", tagged, sizeof(tagged));
}

static void refuses_damaged_wire(void **state)
{
    (void)state;
    cdc_error err;
    src_mysql_gtid_set *set = src_mysql_gtid_set_new(false);
    uint8_t body[48] = {1};
    body[24] = 1;
    body[32] = 5;
    body[40] = 5; /* the range is empty */
    assert_int_equal(src_mysql_gtid_set_decode(set, body, sizeof(body), &err), CDC_FATAL);
    body[40] = 6;
    assert_int_equal(src_mysql_gtid_set_decode(set, body, sizeof(body), &err), CDC_OK);
    body[32] = 0; /* numbers begin with 1 */
    assert_int_equal(src_mysql_gtid_set_decode(set, body, sizeof(body), &err), CDC_FATAL);
    memset(body, 0xff, 7); /* a number of pairs that cannot be there */
    assert_int_equal(src_mysql_gtid_set_decode(set, body, sizeof(body), &err), CDC_FATAL);
    src_mysql_gtid_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_prints),
        cmocka_unit_test(refuses_what_is_no_set),
        cmocka_unit_test(adds_in_any_order),
        cmocka_unit_test(adds_mariadb),
        cmocka_unit_test(compares),
        cmocka_unit_test(encodes_and_decodes),
        cmocka_unit_test(refuses_damaged_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

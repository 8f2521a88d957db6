/* Event header, checksum, and bodies of fixed form; truncated and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producers/mysql/event.h"

typedef struct bytes {
    uint8_t p[512];
    size_t n;
} bytes;

static void put(bytes *b, const void *p, size_t n)
{
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void put_le(bytes *b, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        b->p[b->n++] = (uint8_t)(v >> (8 * i));
    }
}

/* Header for a body of that size, without checksum. */
static bytes event_of(uint8_t type, const void *body, size_t n)
{
    bytes b = {.n = 0};
    put_le(&b, 1700000000, 4);
    put_le(&b, type, 1);
    put_le(&b, 7, 4);
    put_le(&b, SRC_MYSQL_EVENT_HEADER + n, 4);
    put_le(&b, 1234, 4);
    put_le(&b, 0, 2);
    put(&b, body, n);
    return b;
}

static src_mysql_event parsed(const bytes *b)
{
    src_mysql_event ev;
    cdc_error err;
    cdc_error_clear(&err);
    assert_int_equal(src_mysql_event_parse(b->p, b->n, SRC_MYSQL_CHECKSUM_NONE, &ev, &err), CDC_OK);
    return ev;
}

static void test_crc32_is_the_common_one(void **state)
{
    (void)state;
    uint8_t zeros[40] = {0};
    assert_int_equal(src_mysql_crc32((const uint8_t *)"123456789", 9), 0xcbf43926U);
    assert_int_equal(src_mysql_crc32(zeros, 0), 0);
    assert_int_equal(src_mysql_crc32(zeros, 32), 0x190a55adU);
}

static void test_header_and_checksum(void **state)
{
    (void)state;
    bytes b = event_of(SRC_MYSQL_XID_EVENT, "\x2a\0\0\0\0\0\0\0\0\0\0\0", 12);
    src_mysql_event ev;
    cdc_error err;
    uint64_t xid;
    cdc_error_clear(&err);
    uint32_t crc = src_mysql_crc32(b.p, b.n - 4);
    b.n -= 4;
    put_le(&b, crc, 4);
    assert_int_equal(src_mysql_event_parse(b.p, b.n, SRC_MYSQL_CHECKSUM_VERIFY, &ev, &err), CDC_OK);
    assert_int_equal(ev.timestamp, 1700000000);
    assert_int_equal(ev.type, SRC_MYSQL_XID_EVENT);
    assert_int_equal(ev.server_id, 7);
    assert_int_equal(ev.end_pos, 1234);
    assert_int_equal(cdc_cursor_left(&ev.body), 8);
    assert_int_equal(src_mysql_event_xid(&ev, &xid, &err), CDC_OK);
    assert_int_equal(xid, 42);
    b.p[20] ^= 1;
    assert_int_equal(src_mysql_event_parse(b.p, b.n, SRC_MYSQL_CHECKSUM_SKIP, &ev, &err), CDC_OK);
    assert_int_equal(src_mysql_event_parse(b.p, b.n, SRC_MYSQL_CHECKSUM_VERIFY, &ev, &err),
                     CDC_FATAL);
    assert_string_equal(err.code, "mysql_event_checksum");
    assert_non_null(strstr(err.text, "XID"));
    assert_non_null(strstr(err.text, "1234"));
}

static void test_wrong_lengths_are_refused(void **state)
{
    (void)state;
    bytes b = event_of(SRC_MYSQL_XID_EVENT, "12345678", 8);
    src_mysql_event ev;
    cdc_error err;
    cdc_error_clear(&err);
    for (size_t n = 0; n < b.n; n++) {
        assert_int_equal(src_mysql_event_parse(b.p, n, SRC_MYSQL_CHECKSUM_NONE, &ev, &err),
                         CDC_FATAL);
    }
    assert_int_equal(src_mysql_event_parse(b.p, 22, SRC_MYSQL_CHECKSUM_SKIP, &ev, &err), CDC_FATAL);
}

static void test_query_with_all_status_variables(void **state)
{
    (void)state;
    static const char status[] = "\0abcd"
                                 "\1abcdefgh"
                                 "\6\3std"
                                 "\3abcd"
                                 "\4\xff\0\x2d\0\x08\0"
                                 "\5\6SYSTEM"
                                 "\7ab"
                                 "\x08"
                                 "ab"
                                 "\x0b\4root\5local"
                                 "\x0c\2a\0bc\0"
                                 "\x0d\x01\x02\x00"
                                 "\x10\1"
                                 "\x11\x09\0\0\0\0\0\0\0"
                                 "\x12\xff\0"
                                 "\x63zzz"; /* unknown: the rest is left alone */
    bytes body = {.n = 0};
    put_le(&body, 0, 8);
    put_le(&body, 4, 1);
    put_le(&body, 0, 2);
    put_le(&body, sizeof status - 1, 2);
    put(&body, status, sizeof status - 1);
    put(&body, "shop\0DROP TABLE t", 17);
    bytes b = event_of(SRC_MYSQL_QUERY_EVENT, body.p, body.n);
    src_mysql_event ev = parsed(&b);
    src_mysql_query q;
    cdc_error err;
    cdc_error_clear(&err);
    assert_int_equal(src_mysql_event_query(&ev, &q, &err), CDC_OK);
    assert_memory_equal(q.database, "shop", 4);
    assert_int_equal(q.database_len, 4);
    assert_int_equal(q.sql_len, 12);
    assert_memory_equal(q.sql, "DROP TABLE t", 12);
    assert_true(q.has_charset && q.has_micros && q.has_xid);
    assert_int_equal(q.charset_client, 255);
    assert_int_equal(q.collation_connection, 45);
    assert_int_equal(q.collation_server, 8);
    assert_int_equal(q.micros, 513);
    assert_int_equal(q.xid, 9);
    /* every cut before the statement is refused */
    for (size_t n = 0; n < body.n - 12; n++) {
        bytes cut = event_of(SRC_MYSQL_QUERY_EVENT, body.p, n);
        ev = parsed(&cut);
        assert_int_equal(src_mysql_event_query(&ev, &q, &err), CDC_FATAL);
    }
}

static void test_gtid_forms(void **state)
{
    (void)state;
    bytes body = {.n = 0};
    put_le(&body, 1, 1);
    put(&body, "\x3e\x11\xfa\x47\x71\xca\x11\xe1\x9e\x33\xc8\x0a\xa9\x42\x95\x62", 16);
    put_le(&body, 23, 8);
    put_le(&body, 2, 1);
    put_le(&body, 5, 8);
    put_le(&body, 6, 8);
    put_le(&body, (UINT64_C(1) << 55) | 1700000000123456, 7);
    put_le(&body, 1600000000654321, 7);
    put_le(&body, 200, 1);
    bytes b = event_of(SRC_MYSQL_GTID_EVENT, body.p, body.n);
    src_mysql_event ev = parsed(&b);
    src_mysql_gtid gtid;
    char text[SRC_MYSQL_GTID_TEXT_MAX];
    cdc_error err;
    cdc_error_clear(&err);
    assert_int_equal(src_mysql_event_gtid(&ev, &gtid, &err), CDC_OK);
    assert_int_equal(src_mysql_gtid_text(&gtid, text), 39);
    assert_string_equal(text, "3e11fa47-71ca-11e1-9e33-c80aa9429562:23");
    assert_int_equal(gtid.immediate_commit_us, 1700000000123456);
    assert_int_equal(gtid.original_commit_us, 1600000000654321);
    assert_int_equal(src_mysql_gtid_commit_ms(&gtid, &ev), 1600000000654);
    assert_int_equal(gtid.transaction_length, 200);
    assert_true(gtid.may_have_sbr);
    /* 5.7 ends behind the logical clock: the header's second is all that there is */
    b = event_of(SRC_MYSQL_GTID_EVENT, body.p, 42);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_gtid(&ev, &gtid, &err), CDC_OK);
    assert_int_equal(src_mysql_gtid_commit_ms(&gtid, &ev), 1700000000000);
    b = event_of(SRC_MYSQL_ANONYMOUS_GTID_EVENT, body.p, body.n);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_gtid(&ev, &gtid, &err), CDC_OK);
    assert_int_equal(src_mysql_gtid_text(&gtid, text), 0);
    assert_string_equal(text, "");
    b = event_of(SRC_MYSQL_GTID_EVENT, body.p, 24);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_gtid(&ev, &gtid, &err), CDC_FATAL);
}

static void test_tagged_gtid_of_a_later_form_is_refused(void **state)
{
    (void)state;
    static const uint8_t version2[] = {0x04, 0x00, 0x00};
    static const uint8_t long_tag[] = {0x02, 0x00, 0x00, 0x04, 0x02, 0x06, 0x7e};
    src_mysql_gtid gtid;
    cdc_error err;
    cdc_error_clear(&err);
    bytes b = event_of(SRC_MYSQL_GTID_TAGGED_EVENT, version2, sizeof version2);
    src_mysql_event ev = parsed(&b);
    assert_int_equal(src_mysql_event_gtid(&ev, &gtid, &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_event_version");
    b = event_of(SRC_MYSQL_GTID_TAGGED_EVENT, long_tag, sizeof long_tag);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_gtid(&ev, &gtid, &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_event_malformed");
}

static void test_mariadb_gtid(void **state)
{
    (void)state;
    bytes b =
        event_of(SRC_MYSQL_MARIADB_GTID_EVENT, "\x09\0\0\0\0\0\0\0\x02\0\0\0\x29\0\0\0\0\0\0", 19);
    src_mysql_event ev = parsed(&b);
    src_mysql_mariadb_gtid gtid;
    char text[SRC_MYSQL_GTID_TEXT_MAX];
    cdc_error err;
    cdc_error_clear(&err);
    assert_int_equal(src_mysql_event_mariadb_gtid(&ev, &gtid, &err), CDC_OK);
    src_mysql_mariadb_gtid_text(&gtid, text);
    assert_string_equal(text, "2-7-9");
    assert_true((gtid.flags & SRC_MYSQL_MARIADB_GTID_STANDALONE) != 0);
    assert_true((gtid.flags & SRC_MYSQL_MARIADB_GTID_DDL) != 0);
    b = event_of(SRC_MYSQL_MARIADB_GTID_EVENT, "\x09\0\0\0\0\0\0\0\x02\0\0\0", 12);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_mariadb_gtid(&ev, &gtid, &err), CDC_FATAL);
}

static void test_heartbeats_and_rotate(void **state)
{
    (void)state;
    src_mysql_rotate at;
    cdc_error err;
    cdc_error_clear(&err);
    bytes b = event_of(SRC_MYSQL_HEARTBEAT_EVENT, "binlog.000003", 13);
    src_mysql_event ev = parsed(&b);
    assert_int_equal(src_mysql_event_heartbeat(&ev, &at, &err), CDC_OK);
    assert_int_equal(at.position, 1234);
    assert_int_equal(at.file_len, 13);
    b = event_of(SRC_MYSQL_HEARTBEAT_V2_EVENT, "\1\6bin.01\2\x09\xfe\1\0\0\0\1\0\0\0\0", 20);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_heartbeat(&ev, &at, &err), CDC_OK);
    assert_int_equal(at.position, 0x100000001);
    assert_memory_equal(at.file, "bin.01", 6);
    b = event_of(SRC_MYSQL_HEARTBEAT_V2_EVENT, "\1\6bin", 5);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_heartbeat(&ev, &at, &err), CDC_FATAL);
    b = event_of(SRC_MYSQL_ROTATE_EVENT, "\4\0\0\0\0\0\0\0binlog.000004", 21);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_rotate(&ev, &at, &err), CDC_OK);
    assert_int_equal(at.position, 4);
    assert_memory_equal(at.file, "binlog.000004", 13);
    b = event_of(SRC_MYSQL_ROTATE_EVENT, "\4\0\0\0\0\0\0\0", 8);
    ev = parsed(&b);
    assert_int_equal(src_mysql_event_rotate(&ev, &at, &err), CDC_FATAL);
}

static void test_format_of_an_unknown_binlog_version(void **state)
{
    (void)state;
    uint8_t body[2 + 50 + 4 + 1 + 3 + 5] = {4, 0, '9', '.', '7'};
    body[56] = SRC_MYSQL_EVENT_HEADER;
    body[60] = 1; /* CRC32 */
    src_mysql_format format;
    cdc_error err;
    cdc_error_clear(&err);
    bytes b = event_of(SRC_MYSQL_FORMAT_DESCRIPTION_EVENT, body, sizeof body);
    src_mysql_event ev = parsed(&b);
    assert_int_equal(src_mysql_event_format(&ev, &format, &err), CDC_OK);
    assert_true(format.checksum);
    assert_false(format.mariadb);
    assert_string_equal(format.server_version, "9.7");
    assert_int_equal(cdc_cursor_left(&format.post_header_lengths), 3);
    b.p[SRC_MYSQL_EVENT_HEADER + 60] = 2;
    assert_int_equal(src_mysql_event_format(&ev, &format, &err), CDC_FATAL);
    b.p[SRC_MYSQL_EVENT_HEADER + 60] = 0;
    assert_int_equal(src_mysql_event_format(&ev, &format, &err), CDC_OK);
    assert_false(format.checksum);
    b.p[SRC_MYSQL_EVENT_HEADER] = 3;
    assert_int_equal(src_mysql_event_format(&ev, &format, &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_binlog_version");
}

static void test_events_that_nobody_takes(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint16_t flags;
        const char *code;
        const char *word;
    } cases[] = {
        {SRC_MYSQL_INCIDENT_EVENT, 0, "mysql_incident", "before position 4711"},
        {SRC_MYSQL_INCIDENT_EVENT, SRC_MYSQL_EVENT_IGNORABLE, "mysql_incident", "4711"},
        {77, 0, "mysql_event_unknown", "type 77 (UNKNOWN) that ends at 4711"},
        {77, (uint16_t)~SRC_MYSQL_EVENT_IGNORABLE, "mysql_event_unknown", "type 77"},
    };
    cdc_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        src_mysql_event ev = {.type = cases[i].type, .flags = cases[i].flags, .end_pos = 4711};
        cdc_error_clear(&err);
        assert_int_equal(src_mysql_event_unhandled(&ev, &err), CDC_FATAL);
        assert_string_equal(err.code, cases[i].code);
        assert_non_null(strstr(err.text, cases[i].word));
    }
    src_mysql_event ev = {.type = 77, .flags = SRC_MYSQL_EVENT_IGNORABLE};
    cdc_error_clear(&err);
    assert_int_equal(src_mysql_event_unhandled(&ev, &err), CDC_OK);
    assert_string_equal(src_mysql_event_type_name(42), "GTID_TAGGED");
    assert_string_equal(src_mysql_event_type_name(171), "DELETE_ROWS_COMPRESSED");
    assert_string_equal(src_mysql_event_type_name(99), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32_is_the_common_one),
        cmocka_unit_test(test_header_and_checksum),
        cmocka_unit_test(test_wrong_lengths_are_refused),
        cmocka_unit_test(test_query_with_all_status_variables),
        cmocka_unit_test(test_gtid_forms),
        cmocka_unit_test(test_tagged_gtid_of_a_later_form_is_refused),
        cmocka_unit_test(test_mariadb_gtid),
        cmocka_unit_test(test_heartbeats_and_rotate),
        cmocka_unit_test(test_format_of_an_unknown_binlog_version),
        cmocka_unit_test(test_events_that_nobody_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the new kinds of events are made of, without a server: payloads, MariaDB's compression,
 * partial JSON, XA lists, savepoints. The bytes of whole events are in test_mysql_golden.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "producers/mysql/json_patch.h"
#include "producers/mysql/payload.h"
#include "producers/mysql/prepared.h"
#include "producers/mysql/uncompress.h"
#include "producers/mysql/undo.h"

static void add_le(cdc_buffer *out, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        cdc_buffer_add_char(out, (char)(v >> (8 * i) & 0xff));
    }
}

/* An event with a body of n bytes, all `fill`. */
static void add_event(cdc_buffer *out, uint8_t type, size_t n, char fill)
{
    add_le(out, 1, 4);
    add_le(out, type, 1);
    add_le(out, 7, 4);
    add_le(out, SRC_MYSQL_EVENT_HEADER + n, 4);
    add_le(out, 0, 6);
    for (size_t i = 0; i < n; i++) {
        cdc_buffer_add_char(out, fill);
    }
}

/* --- payload --- */

enum { DECLARED = 1, CUT = 2, WRONG_SIZE = 4, PLAIN = 8, WRONG_TYPE = 16 };

static void make_payload(cdc_buffer *out, const cdc_buffer *inner, unsigned how)
{
    cdc_buffer packed;
    size_t bound = ZSTD_compressBound(inner->len);
    cdc_buffer_init(&packed, bound + 1);
    char *to = cdc_buffer_reserve(&packed, bound);
    packed.len = ZSTD_compress(to, bound, inner->data, inner->len, 3);
    const cdc_buffer *bytes = (how & PLAIN) != 0 ? inner : &packed;
    size_t n = bytes->len - ((how & CUT) != 0 ? 5 : 0);
    if ((how & DECLARED) != 0) {
        add_le(out, 3, 1);
        add_le(out, 9, 1);
        add_le(out, 0xfe, 1);
        add_le(out, inner->len + ((how & WRONG_SIZE) != 0 ? 1 : 0), 8);
    }
    add_le(out, 2, 1);
    if ((how & (PLAIN | WRONG_TYPE)) != 0) {
        add_le(out, 3, 1);
        add_le(out, 0xfc, 1);
        add_le(out, (how & PLAIN) != 0 ? 255 : 1, 2);
    } else {
        add_le(out, 0x0001, 2);
    }
    add_le(out, 0x0901, 2);
    add_le(out, 0xfe, 1);
    add_le(out, n, 8);
    add_le(out, 0, 1);
    cdc_buffer_add(out, bytes->data, n);
    cdc_buffer_fini(&packed);
}

/* Events and the code that the walk ended with, as text; "" for a proper end. */
static void walk_payload(const cdc_buffer *inner, unsigned how, uint32_t *nevents, char code[48])
{
    cdc_buffer body;
    src_mysql_payload payload;
    src_mysql_event ev = {.type = SRC_MYSQL_TRANSACTION_PAYLOAD_EVENT};
    cdc_error err;
    cdc_error_clear(&err);
    cdc_buffer_init(&body, (size_t)64 << 20);
    make_payload(&body, inner, how);
    ev.body = cdc_cursor_of(body.data, body.len);
    src_mysql_payload_init(&payload);
    *nevents = 0;
    cdc_rc rc = src_mysql_payload_begin(&payload, &ev, &err);
    while (rc == CDC_OK) {
        src_mysql_event one;
        rc = src_mysql_payload_next(&payload, &one, &err);
        if (rc == CDC_OK) {
            size_t n = cdc_cursor_left(&one.body);
            assert_true(n == 0 || (one.body.p[0] == one.type && one.body.end[-1] == one.type));
            assert_true(payload.out.cap <= ((size_t)8 << 20));
            ++*nevents;
        }
    }
    assert_false(payload.open);
    assert_int_equal(rc, err.rc == CDC_OK ? CDC_EOF : CDC_FATAL);
    snprintf(code, 48, "%s", err.code);
    src_mysql_payload_fini(&payload);
    cdc_buffer_fini(&body);
}

static void test_payload(void **state)
{
    (void)state;
    static const struct {
        unsigned how;
        uint32_t nevents;
        const char *code;
    } cases[] = {
        {0, 2003, ""},
        {DECLARED, 2003, ""},
        {PLAIN, 2003, ""},
        {PLAIN | DECLARED, 2003, ""},
        {PLAIN | CUT, 2002, "mysql_event_malformed"},
        {CUT, 2002, "mysql_event_malformed"},
        {DECLARED | WRONG_SIZE, 2003, "mysql_event_malformed"},
        {WRONG_TYPE, 0, "mysql_event_version"},
    };
    cdc_buffer inner;
    cdc_buffer_init(&inner, (size_t)64 << 20);
    add_event(&inner, 'a', 0, 'a');
    add_event(&inner, 'b', 3 << 20, 'b'); /* larger than all steps */
    for (int i = 0; i < 2000; i++) {
        add_event(&inner, 'c', (size_t)i, 'c');
    }
    add_event(&inner, 'd', 100000, 'd');
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t nevents;
        char code[48];
        walk_payload(&inner, cases[i].how, &nevents, code);
        assert_string_equal(code, cases[i].code);
        if (cases[i].how != CUT) { /* zstd gives what it has block by block */
            assert_int_equal(nevents, cases[i].nevents);
        }
    }
    cdc_buffer_fini(&inner);
}

/* --- MariaDB's compression --- */

static cdc_rc unpack(cdc_buffer *body, cdc_buffer *buf, src_mysql_event *plain, cdc_error *err)
{
    src_mysql_event ev = {.type = SRC_MYSQL_MARIADB_UPDATE_ROWS_COMPRESSED_V1_EVENT};
    ev.body = cdc_cursor_of(body->data, body->len);
    cdc_error_clear(err);
    return src_mysql_event_uncompress(&ev, buf, plain, err);
}

static void test_uncompress(void **state)
{
    (void)state;
    static const char head[] = "\x7b\0\0\0\0\0\1\0\2\x03\x03";
    cdc_buffer body, buf;
    cdc_error err;
    src_mysql_event plain;
    Bytef packed[300];
    uLongf npacked = sizeof packed;
    char text[1000];
    memset(text, 'x', sizeof text);
    assert_int_equal(compress(packed, &npacked, (const Bytef *)text, sizeof text), Z_OK);
    cdc_buffer_init(&body, 4096);
    cdc_buffer_init(&buf, 1 << 20);
    cdc_buffer_add(&body, head, sizeof head - 1);
    cdc_buffer_add(&body, "\x82\x03\xe8", 3); /* zlib, two bytes of length, the higher first */
    cdc_buffer_add(&body, packed, npacked);
    assert_int_equal(unpack(&body, &buf, &plain, &err), CDC_OK);
    assert_int_equal(plain.type, SRC_MYSQL_UPDATE_ROWS_V1_EVENT);
    assert_int_equal(cdc_cursor_left(&plain.body), sizeof head - 1 + sizeof text);
    assert_memory_equal(plain.body.p, head, sizeof head - 1);
    assert_memory_equal(plain.body.p + sizeof head - 1, text, sizeof text);
    for (size_t cut = 0; cut < body.len; cut++) {
        cdc_buffer shorter = body;
        shorter.len = cut;
        assert_int_equal(unpack(&shorter, &buf, &plain, &err), CDC_FATAL);
    }
    static const uint8_t wrong[][2] = {{11, 0x02}, {11, 0x80}, {11, 0x92}, {12, 0x04}, {13, 0xe7}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char old = body.data[wrong[i][0]];
        body.data[wrong[i][0]] = (char)wrong[i][1];
        assert_int_equal(unpack(&body, &buf, &plain, &err), CDC_FATAL);
        assert_string_equal(err.code, "mysql_event_malformed");
        body.data[wrong[i][0]] = old;
    }
    cdc_buffer_fini(&body);
    cdc_buffer_fini(&buf);
}

/* --- partial JSON --- */

static cdc_rc patch(const char *diffs, size_t n, cdc_buffer *out)
{
    /* {"a": 1, "b": [1, "x"], "cc": {}} */
    static const char document[] =
        "\000\003\000\055\000\031\000\001\000\032\000\001\000\033\000\002"
        "\000\005\001\000\002\035\000\000\051\000\141\142\143\143\002\000"
        "\014\000\005\001\000\014\012\000\001\170\000\000\004\000";
    cdc_arena ar;
    cdc_error err;
    cdc_error_clear(&err);
    cdc_arena_init(&ar, 4096, 1 << 20);
    cdc_buffer_reset(out);
    cdc_rc rc = src_mysql_json_patch(cdc_cursor_of(document, sizeof document - 1),
                                     cdc_cursor_of(diffs, n), &ar, out, NULL, &err);
    assert_true(rc == CDC_OK || strcmp(err.code, "mysql_json_malformed") == 0);
    cdc_arena_fini(&ar);
    return rc;
}

#define DIFFS(s) s, sizeof s - 1

static void test_json_patch(void **state)
{
    (void)state;
    static const struct {
        const char *diffs;
        size_t n;
        const char *want; /* NULL: refused */
    } cases[] = {
        {DIFFS(""), "{\"a\": 1, \"b\": [1, \"x\"], \"cc\": {}}"},
        {DIFFS("\0\3$.a\3\5\2\0"), "{\"a\": 2, \"b\": [1, \"x\"], \"cc\": {}}"},
        {DIFFS("\0\1$\2\4\1"), "true"},
        {DIFFS("\1\3$.z\2\4\1"), "{\"a\": 1, \"b\": [1, \"x\"], \"z\": true, \"cc\": {}}"},
        {DIFFS("\1\4$.ca\2\4\1"), "{\"a\": 1, \"b\": [1, \"x\"], \"ca\": true, \"cc\": {}}"},
        {DIFFS("\1\5$.\"\"\"\2\4\1"), NULL},
        {DIFFS("\1\4$.\"\"\2\4\1"), "{\"\": true, \"a\": 1, \"b\": [1, \"x\"], \"cc\": {}}"},
        {DIFFS("\1\x0c$.\"\\\"\\u0001\"\2\4\1"),
         "{\"a\": 1, \"b\": [1, \"x\"], \"\\\"\\u0001\": true, \"cc\": {}}"},
        {DIFFS("\2\3$.b"), "{\"a\": 1, \"cc\": {}}"},
        {DIFFS("\2\3$.a\2\3$.b\2\4$.cc"), "{}"},
        {DIFFS("\1\6$.b[0]\2\4\2"), "{\"a\": 1, \"b\": [false, 1, \"x\"], \"cc\": {}}"},
        {DIFFS("\1\6$.b[9]\2\4\2"), "{\"a\": 1, \"b\": [1, \"x\", false], \"cc\": {}}"},
        {DIFFS("\0\x09$.b[last]\2\4\2"), "{\"a\": 1, \"b\": [1, false], \"cc\": {}}"},
        {DIFFS("\2\x0b$.b[last-1]"), "{\"a\": 1, \"b\": [\"x\"], \"cc\": {}}"},
        {DIFFS("\1\6$.cc.k\2\4\0\1\6$.cc.j\2\4\0"),
         "{\"a\": 1, \"b\": [1, \"x\"], \"cc\": {\"j\": null, \"k\": null}}"},
        {DIFFS("\0\3$.z\2\4\1"), NULL},     /* no such member */
        {DIFFS("\1\3$.a\2\4\1"), NULL},     /* is there already */
        {DIFFS("\2\6$.b[2]"), NULL},        /* behind the end */
        {DIFFS("\2\x0b$.b[last-2]"), NULL}, /* before the beginning */
        {DIFFS("\0\5$.a.b\2\4\1"), NULL},   /* a number has no members */
        {DIFFS("\0\4$[0]\2\4\1"), NULL},    /* an object has no cells */
        {DIFFS("\0\5$.b.x\2\4\1"), NULL},   /* an array has no names */
        {DIFFS("\2\1$"), NULL},             /* nothing would be left */
        {DIFFS("\3\3$.a"), NULL},           /* unknown operation */
        {DIFFS("\0\3$.a"), NULL},           /* no value */
        {DIFFS("\0\3$.a\5\4\1"), NULL},     /* shorter than it says */
        {DIFFS("\0\3$.a\3\x63\1\0"), NULL}, /* unknown type */
        {DIFFS("\0\2$a\2\4\1"), NULL},
        {DIFFS("\0\2$.\2\4\1"), NULL},
        {DIFFS("\0\5$.b[]\2\4\1"), NULL},
        {DIFFS("\0\6$.b[0 \2\4\1"), NULL},
        {DIFFS("\0\5$.\"a\\\2\4\1"), NULL},
        {DIFFS("\0\3a.b\2\4\1"), NULL},
        {DIFFS("\0\x08$.\"\\u00g\"\2\4\1"), NULL},
    };
    cdc_buffer out;
    cdc_buffer_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_rc rc = patch(cases[i].diffs, cases[i].n, &out);
        assert_int_equal(rc, cases[i].want != NULL ? CDC_OK : CDC_FATAL);
        if (cases[i].want != NULL) {
            assert_string_equal(cdc_buffer_cstr(&out), cases[i].want);
        }
    }
    cdc_buffer_fini(&out);
}

/* --- XA --- */

static void test_xids(void **state)
{
    (void)state;
    char xid[SRC_MYSQL_XID_MAX], again[SRC_MYSQL_XID_MAX];
    bool one_phase;
    cdc_error err;
    cdc_error_clear(&err);
    static const char body[] = "\1\7\0\0\0\2\0\0\0\1\0\0\0\xab\x63\xff";
    src_mysql_event ev = {.type = SRC_MYSQL_XA_PREPARE_EVENT};
    ev.body = cdc_cursor_of(body, sizeof body - 1);
    assert_int_equal(src_mysql_xid_of_event(&ev, xid, &one_phase, &err), CDC_OK);
    assert_string_equal(xid, "7.ab63.ff");
    assert_true(one_phase);
    assert_true(src_mysql_xid_of_text("X'AB63',x'ff',7", again));
    assert_string_equal(again, xid);
    assert_true(src_mysql_xid_of_text(" X'',X'',-1", again));
    assert_string_equal(again, "-1..");
    ev.body.end--;
    assert_int_equal(src_mysql_xid_of_event(&ev, xid, &one_phase, &err), CDC_FATAL);
    ev.body = cdc_cursor_of("\0\7\0\0\0\xff\xff\xff\x7f\1\0\0\0xx", 15);
    assert_int_equal(src_mysql_xid_of_event(&ev, xid, &one_phase, &err), CDC_FATAL);
    static const char *const wrong[] = {"",        "X'",          "X'61",
                                        "X'61'",   "X'6g',X'',1", "X'',X'',",
                                        "X'',X''", "'a','b',1",   "X'',X'',99999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(src_mysql_xid_of_text(wrong[i], again));
    }
}

static void test_prepared_list(void **state)
{
    (void)state;
    static const char text[] = "1.61.@binlog.000003:1934@uuid:5,1.62.,-1..63@:0@0-1-2";
    src_mysql_prepared_list list = {0};
    cdc_error err;
    cdc_buffer out;
    cdc_error_clear(&err);
    cdc_buffer_init(&out, 4096);
    assert_int_equal(src_mysql_prepared_parse(&list, text, &err), CDC_OK);
    assert_int_equal(list.n, 3);
    src_mysql_prepared_print(&list, &out);
    assert_string_equal(cdc_buffer_cstr(&out), text);
    const src_mysql_prepared *item = src_mysql_prepared_find(&list, "1.61.");
    assert_true(item->selected && item->begin.pos == 1934);
    assert_false(src_mysql_prepared_find(&list, "1.62.")->selected);
    src_mysql_prepared_remove(&list, "1.61.");
    src_mysql_prepared_remove(&list, "1.61.");
    assert_null(src_mysql_prepared_find(&list, "1.61."));
    assert_int_equal(list.n, 2);
    src_mysql_prepared_fini(&list);
    static const char *const wrong[] = {"@",          "1.61.@",    "1.61.@x",
                                        "1.61.@x:y@", "1.61.@:0@", "1.61.,,"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(src_mysql_prepared_parse(&list, wrong[i], &err), CDC_FATAL);
        assert_string_equal(err.code, "mysql_token");
        src_mysql_prepared_fini(&list);
    }
    assert_int_equal(src_mysql_prepared_parse(&list, NULL, &err), CDC_OK);
    cdc_buffer_fini(&out);
}

static void test_prepared_limit(void **state)
{
    (void)state;
    src_mysql_prepared_list list = {0};
    src_mysql_prepared item = {.selected = false};
    cdc_error err;
    cdc_error_clear(&err);
    list.items = calloc(SRC_MYSQL_PREPARED_MAX, sizeof item);
    list.n = list.cap = SRC_MYSQL_PREPARED_MAX;
    snprintf(item.xid, sizeof item.xid, "1.99.");
    assert_int_equal(src_mysql_prepared_add(&list, &item, &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_xa");
    src_mysql_prepared_fini(&list);
}

/* --- savepoints --- */

static void set(src_mysql_undo *undo, const char *name, uint32_t mark)
{
    cdc_error err;
    assert_int_equal(src_mysql_undo_savepoint(undo, name, mark, &err), CDC_OK);
}

static void test_undo(void **state)
{
    (void)state;
    src_mysql_undo undo = {0};
    cdc_error err;
    uint32_t mark;
    cdc_error_clear(&err);
    undo.rows_event = 2;
    set(&undo, "`a`", 20);
    undo.rows_event = 4;
    set(&undo, "`b`", 40);
    undo.rows_event = 6;
    assert_int_equal(src_mysql_undo_rollback_to(&undo, "`B`", &mark, &err), CDC_OK);
    assert_int_equal(mark, 40);
    undo.rows_event = 7;
    set(&undo, "`a`", 70); /* the old one of that name is gone */
    undo.rows_event = 9;
    assert_int_equal(src_mysql_undo_rollback_to(&undo, "`a`", &mark, &err), CDC_OK);
    assert_int_equal(mark, 70);
    undo.rows_event = 10;
    assert_int_equal(src_mysql_undo_rollback_to(&undo, "`b`", &mark, &err), CDC_OK);
    assert_int_equal(mark, 40);
    assert_int_equal(src_mysql_undo_rollback_to(&undo, "`a`", &mark, &err), CDC_FATAL);
    assert_string_equal(err.code, "mysql_rollback");
    for (uint64_t i = 0; i < 12; i++) {
        assert_int_equal(src_mysql_undo_has(&undo, i), i >= 4 && i < 10);
    }
    src_mysql_undo_rewind(&undo);
    assert_true(src_mysql_undo_has(&undo, 5));
    assert_int_equal(undo.rows_event, 0);
    src_mysql_undo_reset(&undo);
    assert_false(src_mysql_undo_has(&undo, 5));
    src_mysql_undo_fini(&undo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload),       cmocka_unit_test(test_uncompress),
        cmocka_unit_test(test_json_patch),    cmocka_unit_test(test_xids),
        cmocka_unit_test(test_prepared_list), cmocka_unit_test(test_prepared_limit),
        cmocka_unit_test(test_undo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

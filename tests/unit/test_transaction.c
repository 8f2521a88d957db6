/* The record of a transaction: what is written comes back, anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topics/transaction.h"

static cdc_buffer buf;
static cdc_arena arena;
static cdc_error error;

static int setup(void **state)
{
    (void)state;
    cdc_buffer_init(&buf, 1024 * 1024);
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

static void test_what_is_written_comes_back(void **state)
{
    (void)state;
    cdc_transaction back;
    cdc_transaction_table tables[] = {{"a \"b\"", "é", 4}, {"none", "sent", 0}, {"", "", 1}};
    cdc_transaction_part parts[] = {
        {"t", 0, 1, 7, 7}, {"t", 2147483647, 3, 8, 11}, {"x", 1, 1, 9, 9}};
    cdc_transaction tx = {.task = "shop",
                          .id = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23",
                          .count = 5,
                          .first = 7,
                          .last = 11,
                          .source_ms = 1709210096000,
                          .capture_ms = -1,
                          .tables = tables,
                          .parts = parts,
                          .ntables = 3,
                          .nparts = 3};
    cdc_transaction_encode(&tx, &buf);
    assert_int_equal(cdc_transaction_parse((cdc_bytes){buf.data, buf.len}, &arena, &back, &error),
                     CDC_OK);
    assert_string_equal(back.task, tx.task);
    assert_string_equal(back.id, tx.id);
    assert_true(back.count == 5 && back.first == 7 && back.last == 11);
    assert_true(back.source_ms == tx.source_ms && back.capture_ms == -1);
    assert_int_equal(back.ntables, 2);
    assert_string_equal(back.tables[0].database, "a \"b\"");
    assert_string_equal(back.tables[0].name, "é");
    assert_int_equal(back.tables[1].count, 1);
    assert_int_equal(back.nparts, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(back.parts[i].topic, parts[i].topic);
        assert_int_equal(back.parts[i].partition, parts[i].partition);
        assert_true(back.parts[i].count == parts[i].count && back.parts[i].first == parts[i].first);
        assert_true(back.parts[i].last == parts[i].last);
    }
}

#define HEAD(count, first, last)                                                                   \
    "{\"v\":1,\"task\":\"t\",\"id\":\"x:1\",\"count\":" count ",\"first\":" first                  \
    ",\"last\":" last ",\"es\":1,\"ts\":2,\"tables\":[],\"new\":{},\"partitions\":["
#define PART(count, first, last)                                                                   \
    "{\"topic\":\"a\",\"partition\":0,\"count\":" count ",\"first\":" first ",\"last\":" last "}"

static cdc_rc parse(const char *text)
{
    cdc_transaction tx;
    return cdc_transaction_parse((cdc_bytes){text, strlen(text)}, &arena, &tx, &error);
}

static void test_what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{\"v\":2}",
        HEAD("1", "5", "5") "]",
        HEAD("1", "5", "5") "]}",                     /* no partition has it */
        HEAD("2", "5", "5") PART("2", "5", "5") "]}", /* more messages than ids */
        HEAD("2", "5", "6") PART("1", "5", "5") "]}", /* one is nowhere */
        HEAD("2", "5", "6") PART("2", "4", "6") "]}", /* begins before itself */
        HEAD("2", "5", "6") PART("2", "5", "7") "]}", /* ends behind itself */
        HEAD("0", "5", "6") "]}",
        HEAD("1", "6", "5") PART("1", "5", "5") "]}",
        HEAD("1", "-1", "5") PART("1", "5", "5") "]}",
        HEAD("1.5", "5", "6") PART("1", "5", "5") "]}",
        HEAD("1", "5", "5") "{\"topic\":1,\"partition\":0,\"count\":1,\"first\":5,\"last\":5}]}",
        HEAD("1", "5",
             "5") "{\"topic\":\"a\",\"partition\":2147483648,\"count\":1,\"first\":5,\"last\":5}]}",
    };
    assert_int_equal(parse(HEAD("1", "5", "5") PART("1", "5", "5") "]}"), CDC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i]) != CDC_FATAL) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_string_equal(error.code, "transaction_malformed");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The checkpoint's value: what is written comes back, anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topics/checkpoint.h"
#include "topics/counts.h"

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

static cdc_rc parse(const char *text, cdc_checkpoint *out)
{
    return cdc_checkpoint_parse((cdc_bytes){text, strlen(text)}, &arena, out, &error);
}

static void check_round_trip(const cdc_checkpoint *cp)
{
    cdc_checkpoint back;
    cdc_buffer_reset(&buf);
    cdc_checkpoint_encode(cp, "a \"task\"", &buf);
    assert_int_equal(cdc_checkpoint_parse((cdc_bytes){buf.data, buf.len}, &arena, &back, &error),
                     CDC_OK);
    assert_string_equal(back.instance, cp->instance != NULL ? cp->instance : "");
    assert_int_equal(back.token.len, cp->token.len);
    if (cp->token.p == NULL) {
        assert_null(back.token.p);
    } else {
        assert_memory_equal(back.token.p, cp->token.p, cp->token.len);
    }
    assert_int_equal(back.skip_rows, cp->skip_rows);
    if (cp->txn == NULL) {
        assert_null(back.txn);
    } else {
        assert_string_equal(back.txn, cp->txn);
    }
    assert_int_equal(back.seq, cp->seq);
    assert_int_equal(back.id, cp->id);
    assert_int_equal(back.ddl, cp->ddl);
    assert_int_equal(back.wall_ms, cp->wall_ms);
    assert_int_equal(back.source_ms, cp->source_ms);
    if (cp->partitions == NULL) {
        assert_null(back.partitions);
    } else {
        assert_string_equal(back.partitions, cp->partitions);
    }
}

static void test_comes_back(void **state)
{
    (void)state;
    static const char token[] =
        "{\"gtid\":\"3e11:1-5\",\"t\":\"\\\\ \n\t\x7f ä 中 \xf0\x9f\x90\x9f\"}\0end";
    cdc_checkpoint cp = {
        .instance = "0123456789abcdef0123456789abcdef",
        .token = {token, sizeof token - 1},
        .skip_rows = 12345678901234567ULL,
        .txn = "3e11fa47-71ca-11e1-9e33-c80aa9429562:tag:6",
        .seq = INT64_MAX,
        .id = 1ULL << 53,
        .ddl = (1ULL << 53) - 1,
        .wall_ms = 1763700000123,
        .source_ms = -1,
        .partitions = "{\"shop.orders\":12,\"shop.x\":1}",
    };
    check_round_trip(&cp);
    check_round_trip(&(cdc_checkpoint){0});
    check_round_trip(&(cdc_checkpoint){.token = {"", 0}});
}

static void test_form(void **state)
{
    (void)state;
    cdc_checkpoint cp = {.instance = "f", .token = {"x", 1}, .skip_rows = 1, .seq = 2, .id = 3};
    cdc_checkpoint_encode(&cp, "t", &buf);
    assert_string_equal(
        cdc_buffer_cstr(&buf),
        "{\"v\":1,\"task\":\"t\",\"instance\":\"f\",\"token\":\"x\",\"skip_rows\":1,"
        "\"seq\":2,\"id\":3,\"ddl\":0,\"wall_ms\":0,\"source_ms\":0}");
}

static void test_later_names_are_skipped(void **state)
{
    (void)state;
    cdc_checkpoint cp;
    assert_int_equal(parse("{\"v\":1,\"instance\":\"\",\"token\":null,\"skip_rows\":0,\"seq\":0,"
                           "\"id\":9,\"wall_ms\":0,\"source_ms\":0,\"more\":{\"a\":[1]}}",
                           &cp),
                     CDC_OK);
    assert_int_equal(cp.id, 9);
    assert_int_equal(cp.ddl, 0); /* written before there was one */
}

static void test_counts_of_partitions(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "1",
                                      "{\"a\":0}",
                                      "{\"a\":1,\"a\":1}",
                                      "{\"a\":\"1\"}",
                                      "{\"a\":2147483648}",
                                      "{\"a\":1"};
    cdc_counts *ct = NULL;
    assert_int_equal(cdc_counts_new(&ct, NULL, &error), CDC_OK);
    assert_null(cdc_counts_text(ct));
    assert_int_equal(cdc_counts_get(ct, "a"), 0);
    assert_int_equal(cdc_counts_set(ct, "a", 3, &error), CDC_OK);
    assert_int_equal(cdc_counts_set(ct, "b\"", 1, &error), CDC_OK);
    assert_int_equal(cdc_counts_set(ct, "a", 4, &error), CDC_OK);
    assert_string_equal(cdc_counts_text(ct), "{\"a\":4,\"b\\\"\":1}");
    cdc_counts *again = NULL;
    assert_int_equal(cdc_counts_new(&again, cdc_counts_text(ct), &error), CDC_OK);
    assert_int_equal(cdc_counts_get(again, "a"), 4);
    assert_int_equal(cdc_counts_get(again, "b\""), 1);
    assert_string_equal(cdc_counts_text(again), cdc_counts_text(ct));
    cdc_counts_free(again);
    cdc_counts_free(ct);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(cdc_counts_new(&ct, bad[i], &error), CDC_FATAL);
        assert_null(ct);
    }
}

static void test_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "null",
        "[]",
        "\"x\"",
        "{}",
        "{\"v\":\"1\"}",
        "{\"v\":0}",
        "{\"v\":1}",
        "{\"v\":1,\"instance\":1,\"token\":null,\"skip_rows\":0,\"seq\":0,\"id\":1,\"wall_ms\":0,"
        "\"source_ms\":0}",
        "{\"v\":1,\"instance\":\"\",\"skip_rows\":0,\"seq\":0,\"id\":1,\"wall_ms\":0,\"source_ms\":"
        "0}",
        "{\"v\":1,\"instance\":\"\",\"token\":{},\"skip_rows\":0,\"seq\":0,\"id\":1,\"wall_ms\":0,"
        "\"source_ms\":0}",
        "{\"v\":1,\"instance\":\"\",\"token\":null,\"skip_rows\":-1,\"seq\":0,\"id\":1,\"wall_ms\":"
        "0,"
        "\"source_ms\":0}",
        "{\"v\":1,\"instance\":\"\",\"token\":null,\"skip_rows\":0,\"seq\":0.5,\"id\":1,"
        "\"wall_ms\":0,\"source_ms\":0}",
        "{\"v\":1,\"instance\":\"\",\"token\":null,\"skip_rows\":0,\"seq\":0,"
        "\"id\":99999999999999999999,\"wall_ms\":0,\"source_ms\":0}",
        "{\"v\":1,\"instance\":\"\",\"token\":null,\"skip_rows\":0,\"seq\":0,\"id\":1,"
        "\"ddl\":\"1\",\"wall_ms\":0,\"source_ms\":0}",
        "{\"v\":1,\"instance\":\"\",\"token\":null,\"skip_rows\":0,\"seq\":0,\"id\":1,\"id\":2,"
        "\"wall_ms\":0,\"source_ms\":0}",
        "{\"v\":1,\"instance\":\"\",\"token\":null,\"skip_rows\":0,\"seq\":0,\"id\":1,"
        "\"partitions\":[1],\"wall_ms\":0,\"source_ms\":0}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cdc_checkpoint cp;
        cdc_error_clear(&error);
        if (parse(bad[i], &cp) != CDC_FATAL) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_string_equal(error.code, "checkpoint_malformed");
    }
    cdc_checkpoint cp;
    assert_int_equal(cdc_checkpoint_parse((cdc_bytes){NULL, 0}, &arena, &cp, &error), CDC_FATAL);
}

static void test_newer_version_is_named(void **state)
{
    (void)state;
    cdc_checkpoint cp;
    assert_int_equal(parse("{\"v\":2}", &cp), CDC_FATAL);
    assert_string_equal(error.code, "checkpoint_version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_later_names_are_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_of_partitions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newer_version_is_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

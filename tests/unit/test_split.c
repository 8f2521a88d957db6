/* Messages in parts, as the reader puts them together: whole ones come out byte for byte, anything
 * missing or foreign is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topics/split.h"

static cdc_error error;
static cdc_join *join;
static cdc_message msg;

#define HEAD "v=1;task=a;phase=incr;txn=t:1;seq=3"

static int clean(void **state)
{
    (void)state;
    cdc_join_free(join);
    join = NULL;
    cdc_error_clear(&error);
    return 0;
}

static cdc_rc take_with(cdc_join_rules rules, const char *header, const char *value)
{
    static int64_t offset;
    msg = (cdc_message){.topic = "t", .partition = 2, .offset = offset++};
    msg.value = (cdc_bytes){value, strlen(value)};
    msg.header = (cdc_bytes){header, header != NULL ? strlen(header) : 0};
    cdc_error_clear(&error);
    return cdc_join_take(&join, &msg, rules, &error);
}

static cdc_rc take(const char *header, const char *value)
{
    return take_with((cdc_join_rules){0}, header, value);
}

static void check_whole(const char *value, const char *header)
{
    assert_int_equal(msg.value.len, strlen(value));
    assert_memory_equal(msg.value.p, value, strlen(value));
    assert_int_equal(msg.header.len, strlen(header));
    assert_memory_equal(msg.header.p, header, strlen(header));
    cdc_consumer_release(&msg);
    assert_null(msg.joined);
}

static void test_parts_become_the_message(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(take(HEAD ";pos=f:1;split=1/3", "one "), CDC_AGAIN);
        assert_int_equal(take(HEAD ";pos=f:1;split=2/3", "two "), CDC_AGAIN);
        assert_int_equal(take(HEAD ";last=1;pos=f:1;split=3/3", "three"), CDC_OK);
        check_whole("one two three", HEAD ";last=1;pos=f:1");
        assert_int_equal(take(HEAD, "plain"), CDC_OK);
        check_whole("plain", HEAD);
        assert_int_equal(take(NULL, "without a header"), CDC_OK);
        assert_int_equal(take("v=1;txn=split%3D1/3", "no mark"), CDC_OK);
    }
}

static void refused(cdc_rc rc, const char *word)
{
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(error.code, "split_parts");
    if (strstr(error.text, word) == NULL) {
        fail_msg("'%s' is missing in: %s", word, error.text);
    }
}

static void test_missing_and_foreign_parts_are_named(void **state)
{
    static const char *const after_first[] = {
        HEAD ";split=3/3",                                /* a part left out */
        HEAD ";split=2/4",                                /* of another number */
        HEAD ";split=1/3",                                /* the first again */
        HEAD,                                             /* another message in between */
        "v=1;task=a;phase=incr;txn=t:1;seq=4;split=2/3",  /* of another record */
        "v=1;task=b;phase=incr;txn=t:1;seq=3;split=2/3",  /* of another task */
        "v=1;task=a;phase=incr;txn=t:1;seq=31;split=2/3", /* whose name is longer */
    };
    (void)state;
    for (size_t i = 0; i < sizeof after_first / sizeof after_first[0]; i++) {
        clean(NULL);
        assert_int_equal(take(HEAD ";split=1/3", "one"), CDC_AGAIN);
        refused(take(after_first[i], "x"), "part 2 of 3");
    }
    clean(NULL);
    refused(take(HEAD ";split=2/3", "x"), "does not follow");
}

static void test_malformed_marks(void **state)
{
    static const char *const bad[] = {";split=",    ";split=1",    ";split=1/",
                                      ";split=0/2", ";split=3/2",  ";split=1/2x",
                                      ";split=/2",  ";split=-1/2", ";split=1/99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, HEAD "%s", bad[i]);
        if (take(text, "x") != CDC_FATAL) {
            fail_msg("%s was taken", text);
        }
    }
    assert_int_equal(take("v=1;task=a;split=1/2", "without seq"), CDC_FATAL);
}

static void test_a_writer_that_repeats_may_break_off(void **state)
{
    cdc_join_rules repeats = {.repeats = true};
    (void)state;
    assert_int_equal(take_with(repeats, HEAD ";split=1/2", "one"), CDC_AGAIN);
    assert_int_equal(take_with(repeats, "v=1;task=a;txn=t:1;seq=2", "earlier"), CDC_OK);
    assert_int_equal(take_with(repeats, HEAD ";split=1/2", "one "), CDC_AGAIN);
    assert_int_equal(take_with(repeats, HEAD ";split=1/2", "ONE "), CDC_AGAIN);
    assert_int_equal(take_with(repeats, HEAD ";split=2/2", "two"), CDC_OK);
    check_whole("ONE two", HEAD);
}

static void test_a_start_in_the_midst_leaves_the_rest_out(void **state)
{
    cdc_join_rules anywhere = {.anywhere = true};
    (void)state;
    assert_int_equal(take_with(anywhere, HEAD ";split=2/3", "two"), CDC_AGAIN);
    assert_int_equal(take_with(anywhere, HEAD ";split=3/3", "three"), CDC_AGAIN);
    assert_int_equal(take_with(anywhere, HEAD, "plain"), CDC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_parts_become_the_message, clean),
        cmocka_unit_test_teardown(test_missing_and_foreign_parts_are_named, clean),
        cmocka_unit_test_teardown(test_malformed_marks, clean),
        cmocka_unit_test_teardown(test_a_writer_that_repeats_may_break_off, clean),
        cmocka_unit_test_teardown(test_a_start_in_the_midst_leaves_the_rest_out, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

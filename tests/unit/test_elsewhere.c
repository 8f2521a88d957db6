/* What other processes of an applier group have applied: who waits for what, what the target
 * answers, and what becomes of a DELETE that never comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/elsewhere.h"
#include "consumers/intake.h"
#include "topics/ends.h"

/* --- a target, and one partition whose next record has this id --- */

static int64_t ids[3];   /* at the target, by partition; -1: none */
static uint64_t next_id; /* 0: the partition has no more records */
static int asked_kafka;

static cdc_rc applied(void *sink, const char *topic, int32_t partition, int64_t *next,
                      cdc_error *err)
{
    (void)sink;
    (void)err;
    bool mark = strcmp(topic, "t#id") == 0;
    assert_true(mark || strcmp(topic, "t") == 0);
    *next = mark ? ids[partition] : 7;
    return CDC_OK;
}

cdc_rc cdc_ends_new(cdc_ends **out, const cdc_env *env, cdc_error *err)
{
    (void)env;
    (void)err;
    *out = NULL;
    asked_kafka++;
    return CDC_OK;
}

void cdc_ends_free(cdc_ends *en)
{
    (void)en;
}

cdc_rc cdc_ends_ask(cdc_ends *en, const cdc_offset *at, uint32_t n, int64_t *out, cdc_error *err)
{
    (void)en;
    (void)at;
    (void)n;
    (void)err;
    *out = 9;
    return CDC_OK;
}

cdc_rc cdc_consumer_new(cdc_consumer **out, const cdc_env *env, cdc_error *err)
{
    (void)env;
    (void)err;
    *out = NULL;
    return CDC_OK;
}

void cdc_consumer_free(cdc_consumer *cs)
{
    (void)cs;
}

cdc_rc cdc_consumer_assign(cdc_consumer *cs, const cdc_offset *offsets, uint32_t n, cdc_error *err)
{
    (void)cs;
    (void)n;
    (void)err;
    assert_int_equal(offsets->next, 7);
    return CDC_OK;
}

int64_t cdc_consumer_position(cdc_consumer *cs, const char *topic, int32_t partition)
{
    (void)cs;
    (void)topic;
    (void)partition;
    return next_id > 0 ? 8 : 9;
}

cdc_rc cdc_consumer_poll(cdc_consumer *cs, cdc_message *msg, int timeout_ms, cdc_error *err)
{
    (void)cs;
    (void)timeout_ms;
    (void)err;
    *msg = (cdc_message){.topic = "t"};
    return CDC_OK;
}

void cdc_consumer_release(cdc_message *msg)
{
    (void)msg;
}

cdc_rc cdc_intake_decode(const cdc_codec *codec, void *handle, const cdc_message *msg,
                         cdc_batch *batch, cdc_error *err)
{
    (void)codec;
    (void)handle;
    (void)msg;
    (void)err;
    cdc_batch_add(batch)->id = next_id;
    return CDC_OK;
}

static cdc_rc open_codec(void **codec, const cdc_env *env, cdc_error *err)
{
    (void)env;
    (void)err;
    *codec = NULL;
    return CDC_OK;
}

static void close_codec(void *codec)
{
    (void)codec;
}

static const cdc_sink sink = {.applied = applied};
static const cdc_codec codec = {.open = open_codec, .close = close_codec};
static const cdc_elsewhere_asker asker = {.codec = &codec, .sink = &sink};
static cdc_error err;

static cdc_elsewhere *open_elsewhere(void)
{
    ids[0] = ids[1] = ids[2] = -1;
    next_id = 0;
    asked_kafka = 0;
    cdc_error_clear(&err);
    return cdc_elsewhere_new();
}

static void look(cdc_elsewhere *ew)
{
    assert_int_equal(cdc_elsewhere_look(ew, &asker, &err), CDC_OK);
}

/* --- tests --- */

static void test_waits_for_the_target(void **state)
{
    (void)state;
    cdc_elsewhere *ew = open_elsewhere();
    assert_false(cdc_elsewhere_waits(ew));
    assert_false(cdc_elsewhere_passed(ew, "t", 1, 50));
    assert_true(cdc_elsewhere_waits(ew));
    ids[1] = 49;
    look(ew);
    assert_false(cdc_elsewhere_waits(ew)); /* asked; whoever still waits says so again */
    assert_false(cdc_elsewhere_passed(ew, "t", 1, 50));
    ids[1] = 50;
    look(ew);
    assert_true(cdc_elsewhere_passed(ew, "t", 1, 50));
    assert_false(cdc_elsewhere_passed(ew, "t", 2, 50)); /* each partition for itself */
    assert_int_equal(asked_kafka, 0);
    cdc_elsewhere_free(ew);
}

/* The lowest id is waited for, and one that is answered wakes those below it only. */
static void test_several_wait_for_one_partition(void **state)
{
    (void)state;
    cdc_elsewhere *ew = open_elsewhere();
    assert_false(cdc_elsewhere_passed(ew, "t", 0, 90));
    assert_false(cdc_elsewhere_passed(ew, "t", 0, 60));
    size_t turn = 0;
    cdc_elsewhere_part part;
    assert_true(cdc_elsewhere_next(ew, &turn, &part));
    assert_int_equal(part.wanted, 60);
    assert_false(cdc_elsewhere_next(ew, &turn, &part));
    ids[0] = 70;
    look(ew);
    assert_true(cdc_elsewhere_passed(ew, "t", 0, 60));
    assert_false(cdc_elsewhere_passed(ew, "t", 0, 90));
    turn = 0;
    assert_true(cdc_elsewhere_next(ew, &turn, &part));
    assert_int_equal(part.wanted, 90);
    cdc_elsewhere_free(ew);
}

static void test_own_partitions(void **state)
{
    (void)state;
    cdc_elsewhere *ew = open_elsewhere();
    assert_false(cdc_elsewhere_knows(ew, "t", 0, 5));
    assert_false(cdc_elsewhere_waits(ew)); /* it was a question only */
    cdc_elsewhere_set(ew, "t", 0, 5);
    cdc_elsewhere_set(ew, "t", 0, 3); /* never back */
    assert_true(cdc_elsewhere_knows(ew, "t", 0, 5));
    assert_false(cdc_elsewhere_knows(ew, "t", 0, 6));
    cdc_elsewhere_free(ew);
}

static void test_definitions(void **state)
{
    (void)state;
    cdc_elsewhere *ew = open_elsewhere();
    assert_false(cdc_elsewhere_is_behind(ew, "a", 0));
    assert_true(cdc_elsewhere_is_behind(ew, "a", 4));
    cdc_elsewhere_define(ew, "a", 4);
    cdc_elsewhere_define(ew, "b", 9);
    assert_false(cdc_elsewhere_is_behind(ew, "a", 4));
    assert_true(cdc_elsewhere_is_behind(ew, "a", 5));
    assert_false(cdc_elsewhere_is_behind(ew, "b", 9));
    cdc_elsewhere_free(ew);
}

/* As if it had been waited for a minute. */
static void grow_old(cdc_elsewhere *ew)
{
    size_t turn = 0;
    cdc_elsewhere_part part;
    assert_true(cdc_elsewhere_next(ew, &turn, &part));
    part.since_ms -= 60000;
    cdc_elsewhere_answer(ew, &part);
}

/* The partition has been read to its end, or its next record is behind: the DELETE lies before the
 * start. What is there may still be it: then the wait goes on. */
static void test_what_never_comes(void **state)
{
    (void)state;
    static const struct {
        uint64_t next;
        bool free;
    } cases[] = {{0, true}, {51, true}, {50, false}, {20, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cdc_elsewhere *ew = open_elsewhere();
        next_id = cases[i].next;
        ids[1] = 10;
        assert_false(cdc_elsewhere_passed(ew, "t", 1, 50));
        look(ew);
        assert_int_equal(asked_kafka, 0); /* too early to ask */
        grow_old(ew);
        look(ew);
        assert_int_equal(asked_kafka, 1);
        assert_int_equal(cdc_elsewhere_passed(ew, "t", 1, 50), cases[i].free);
        cdc_elsewhere_free(ew);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_for_the_target),
        cmocka_unit_test(test_several_wait_for_one_partition),
        cmocka_unit_test(test_own_partitions),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_what_never_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Reading checkpoints from a real broker: the newest committed one of our task, whatever else is in
 * the topic. */
#include "topics_kit.h"

static void test_newest_is_read_among_others(void **state)
{
    (void)state;
    kit ours;
    kit other;
    kit_open(&ours, kit_real(), "");
    kit_open_near(&other, &ours, true, "");
    cdc_producer *pr = kit_producer(&ours);
    cdc_producer *crowd = kit_producer(&other);
    for (uint64_t i = 1; i <= 20; i++) {
        kit_ok(kit_commit(pr, i));
        kit_ok(kit_commit(crowd, 1000 + i));
    }
    assert_int_equal(kit_checkpoint(&ours), 20);
    assert_int_equal(kit_checkpoint(&other), 1020);
    cdc_producer_free(pr);
    cdc_producer_free(crowd);
    kit_close(&ours);
    kit_close(&other);
}

/* Partition of the task's checkpoints. */
static int32_t place(const kit *k)
{
    return cdc_checkpoint_partition(k->name, CDC_CHECKPOINT_PARTITIONS);
}

/* Another producer writes n records under other keys, in one transaction. */
static void crowd(kit *k, cdc_producer *pr, int n)
{
    cdc_topic *topic = NULL;
    kit_ok(cdc_producer_topic(pr, CDC_CHECKPOINT_TOPIC, &topic, &kit_error));
    for (int i = 0; i < n; i++) {
        char key[32];
        snprintf(key, sizeof key, "crowd-%d", i % 50);
        kit_ok(cdc_producer_send(pr, topic, place(k), kit_bytes(key), kit_bytes("{\"v\":1}"),
                                 (cdc_bytes){NULL, 0}, &kit_error));
    }
}

static void test_found_behind_many_records_of_others(void **state)
{
    (void)state;
    kit ours;
    kit other;
    kit_open(&ours, kit_real(), "");
    kit_open_near(&other, &ours, true, "");
    cdc_producer *pr = kit_producer(&ours);
    cdc_producer *others = kit_producer(&other);
    kit_ok(kit_commit(pr, 7));
    crowd(&other, others, 30000);
    kit_ok(kit_commit(others, 1));
    assert_int_equal(kit_checkpoint(&ours), 7);
    crowd(&other, others, 5000); /* aborted: offsets without records at the end */
    cdc_producer_free(others);
    assert_int_equal(kit_checkpoint(&ours), 7);
    kit_ok(kit_commit(pr, 8));
    assert_int_equal(kit_checkpoint(&ours), 8);
    cdc_producer_free(pr);
    kit_close(&ours);
    kit_close(&other);
}

/* Another task's open transaction hides what was committed behind it: an old checkpoint must not be
 * taken for ours. */
static void test_open_transaction_of_another_task(void **state)
{
    (void)state;
    kit ours;
    kit other;
    kit_open(&ours, kit_real(), "");
    kit_open_near(&other, &ours, true, "  transaction.timeout.ms: 3000\n");
    cdc_producer *pr = kit_producer(&ours);
    cdc_producer *others = kit_producer(&other);
    kit_ok(kit_commit(pr, 1));
    cdc_topic *topic = NULL;
    kit_ok(cdc_producer_topic(others, CDC_CHECKPOINT_TOPIC, &topic, &kit_error));
    kit_send_wide(others, topic, place(&ours), 1);
    kit_ok(kit_commit(pr, 2));

    cdc_arena ar;
    cdc_checkpoint cp;
    cdc_arena_init(&ar, 4096, 65536);
    cdc_stop_request(); /* do not wait for its end */
    assert_int_equal(cdc_checkpoint_read(&ours.env, &ar, &cp, &kit_error), CDC_RETRY);
    cdc_stop_reset();
    cdc_arena_fini(&ar);

    /* the broker ends it at its timeout */
    assert_int_equal(kit_checkpoint(&ours), 2);
    cdc_producer_free(others);
    cdc_producer_free(pr);
    kit_close(&ours);
    kit_close(&other);
}

static void test_open_transaction_in_another_partition(void **state)
{
    (void)state;
    kit ours;
    kit other;
    kit_open(&ours, kit_real(), "");
    kit_open_near(&other, &ours, false, "");
    cdc_producer *pr = kit_producer(&ours);
    cdc_producer *others = kit_producer(&other);
    cdc_topic *topic = NULL;
    kit_ok(cdc_producer_topic(others, CDC_CHECKPOINT_TOPIC, &topic, &kit_error));
    kit_send_wide(others, topic, place(&other), 1);
    kit_ok(kit_commit(pr, 2));
    assert_int_equal(kit_checkpoint(&ours), 2);
    kit_ok(kit_commit(others, 1)); /* it was open all the time */
    cdc_producer_free(others);
    cdc_producer_free(pr);
    kit_close(&ours);
    kit_close(&other);
}

/* Where the topic had fewer partitions once, the newest checkpoint is in the first. */
static void test_topic_was_given_partitions(void **state)
{
    (void)state;
    kit k;
    kit other;
    cdc_topic *topic = NULL;
    kit_open(&k, kit_real(), "");
    while (place(&k) == 0) {
        kit_close(&k);
        kit_open(&k, kit_real(), "");
    }
    kit_open(&other, kit_real(), "");
    cdc_producer *others = kit_producer(&other);
    kit_ok(cdc_producer_topic(others, CDC_CHECKPOINT_TOPIC, &topic, &kit_error));
    kit_ok(cdc_producer_send(others, topic, 0, kit_bytes(k.name),
                             kit_bytes("{\"v\":1,\"task\":\"t\",\"instance\":\"\",\"token\":null,"
                                       "\"skip_rows\":0,\"seq\":0,\"id\":17,\"wall_ms\":1,"
                                       "\"source_ms\":0}"),
                             (cdc_bytes){NULL, 0}, &kit_error));
    kit_ok(kit_commit(others, 1));
    assert_int_equal(kit_checkpoint(&k), 17);
    cdc_producer *pr = kit_producer(&k);
    kit_ok(kit_commit(pr, 18));
    assert_int_equal(kit_checkpoint(&k), 18);
    cdc_producer_free(pr);
    cdc_producer_free(others);
    kit_close(&k);
    kit_close(&other);
}

static void test_partition_of_a_task(void **state)
{
    (void)state;
    assert_int_equal(cdc_checkpoint_partition("shop", 1), 0);
    assert_int_equal(cdc_checkpoint_partition("shop", 49), 0);
    assert_in_range(cdc_checkpoint_partition("shop", 50), 1, 49);
    assert_int_equal(cdc_checkpoint_partition("shop", 77), cdc_checkpoint_partition("shop", 50));
}

static void test_tombstone_means_none(void **state)
{
    (void)state;
    kit k;
    cdc_topic *topic = NULL;
    kit_open(&k, kit_real(), "");
    cdc_producer *pr = kit_producer(&k);
    kit_ok(kit_commit(pr, 5));
    kit_ok(cdc_producer_topic(pr, CDC_CHECKPOINT_TOPIC, &topic, &kit_error));
    cdc_producer_free(pr);
    kit other;
    kit_open(&other, kit_real(), "");
    pr = kit_producer(&other);
    kit_ok(cdc_producer_topic(pr, CDC_CHECKPOINT_TOPIC, &topic, &kit_error));
    kit_ok(cdc_producer_send(pr, topic, place(&k), kit_bytes(k.name), (cdc_bytes){NULL, 0},
                             (cdc_bytes){NULL, 0}, &kit_error));
    kit_ok(kit_commit(pr, 1));
    cdc_producer_free(pr);
    assert_int_equal(kit_checkpoint(&k), -1);
    kit_close(&k);
    kit_close(&other);
}

static void test_large_token(void **state)
{
    (void)state;
    kit k;
    static char token[700000];
    cdc_arena ar;
    cdc_checkpoint cp = {.instance = "kit", .token = {token, sizeof token}, .id = 1};
    kit_open(&k, kit_real(), "");
    cdc_producer *pr = kit_producer(&k);
    memset(token, 'g', sizeof token);
    kit_ok(cdc_producer_commit(pr, &cp, &kit_error));
    cdc_arena_init(&ar, 4096, 16 * 1024 * 1024);
    kit_ok(cdc_checkpoint_read(&k.env, &ar, &cp, &kit_error));
    assert_int_equal(cp.token.len, sizeof token);
    assert_memory_equal(cp.token.p, token, sizeof token);
    cdc_arena_fini(&ar);
    cdc_producer_free(pr);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_is_read_among_others),
        cmocka_unit_test(test_found_behind_many_records_of_others),
        cmocka_unit_test(test_open_transaction_of_another_task),
        cmocka_unit_test(test_open_transaction_in_another_partition),
        cmocka_unit_test(test_topic_was_given_partitions),
        cmocka_unit_test(test_partition_of_a_task),
        cmocka_unit_test(test_tombstone_means_none),
        cmocka_unit_test(test_large_token),
    };
    return cmocka_run_group_tests(tests, kit_start, kit_end);
}

/* Commands through the two loops: each once, in order, byte for byte, blocks whole, over faults at
 * the target; through librdkafka's mock cluster, or, for faults at the source (the mock's
 * read_committed readers see aborted records), through the broker that SLUICE_TEST_KAFKA names. */
#include "fake_commands.h"
#include "pipeline_kit.h"

static int clean(void **state)
{
    (void)state;
    fake_commands_reset();
    return 0;
}

static void run(const char *brokers, uint32_t rows, const char *extra)
{
    pipeline pl;
    cdc_error err;
    pipeline_open(&pl, brokers, extra);
    pl.task.commands = true; /* what the file of a Redis task says */
    pl.task.message_rows = rows;
    capture_from(&pl, &src_fake_commands);
    if (replay_to(&pl, &sink_fake_commands, &err) != CDC_OK) {
        fail_msg("replay: %s", err.text);
    }
    assert_int_equal(fake_commands_applied(), fake_commands.commands);
    pipeline_close(&pl);
}

static const char *mocked(void)
{
    return rd_kafka_mock_cluster_bootstraps(mock);
}

static void test_all_commands_arrive(void **state)
{
    (void)state;
    static const uint32_t rows[] = {3, 100};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_commands_reset();
        fake_commands.commands = 20000;
        fake_commands.batch_rows = 333;
        run(mocked(), rows[i], "");
    }
}

static void test_small_batches_and_at_least_once(void **state)
{
    (void)state;
    fake_commands.commands = 1000;
    fake_commands.batch_rows = 3;
    run(mocked(), 100, "delivery: at-least-once\n");
}

/* Blocks of one shard are cut by the records of another. */
static void test_shards(void **state)
{
    (void)state;
    fake_commands.commands = 30000;
    fake_commands.batch_rows = 250;
    fake_commands.shards = 3;
    run(mocked(), 7, "topics: {partitions: 3}\n");
}

/* A target transaction ends at so many bytes, too. */
static void test_bytes(void **state)
{
    (void)state;
    fake_commands.commands = 8000;
    fake_commands.batch_rows = 100;
    fake_commands.value_bytes = 4000;
    run(mocked(), 100, "");
    assert_true(fake_commands_commits() >= 7);
}

static void test_target_lost(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 2000; at += 619) {
        fake_commands_reset();
        fake_commands.commands = 2000;
        fake_commands.sink_retry_after = at;
        run(mocked(), 7, "");
    }
    fake_commands_reset();
    fake_commands.commands = 2000;
    fake_commands.sink_lost_answer_at_commit = 1;
    run(mocked(), 7, "");
}

/* Also inside of blocks, whose first records are in Kafka then. */
static void test_source_lost(void **state)
{
    (void)state;
    if (real_broker == NULL) {
        print_message("skipped: SLUICE_TEST_KAFKA is not set\n");
        skip();
    }
    for (uint64_t at = 1; at < 200; at += 13) {
        fake_commands_reset();
        fake_commands.commands = 300;
        fake_commands.batch_rows = 6;
        fake_commands.source_retry_after = at;
        run(real_broker, 4, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_commands_arrive, clean),
        cmocka_unit_test_setup(test_small_batches_and_at_least_once, clean),
        cmocka_unit_test_setup(test_shards, clean),
        cmocka_unit_test_setup(test_bytes, clean),
        cmocka_unit_test_setup(test_target_lost, clean),
        cmocka_unit_test_setup(test_source_lost, clean),
    };
    return cmocka_run_group_tests(tests, start_mock, stop_mock);
}

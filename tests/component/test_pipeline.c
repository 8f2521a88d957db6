/* The two loops with a fake source and a fake sink: through librdkafka's mock cluster, or, for what
 * the mock cannot do (its read_committed readers see aborted records), through the broker that
 * SLUICE_TEST_KAFKA names. */
#include "pipeline_kit.h"

static int clean(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

/* Every row of transactions 1..n exactly once, in order, with its sequence number. */
static void check_rows(uint64_t transactions)
{
    size_t at = 0;
    for (uint64_t t = 1; t <= transactions; t++) {
        for (uint64_t r = 0; r < 1 + t % 7; r++, at++) {
            char txn[32];
            snprintf(txn, sizeof txn, "t%llu", (unsigned long long)t);
            assert_true(at < fake_nrows);
            assert_int_equal(fake_rows[at].id, t * 100 + r);
            assert_int_equal(fake_rows[at].seq, r + 1);
            assert_string_equal(fake_rows[at].txn, txn);
        }
    }
    assert_int_equal(fake_nrows, at);
    assert_int_equal(fake_torn, 0);
}

static void run_through(const char *brokers, const char *extra)
{
    pipeline pl;
    cdc_error err;
    pipeline_open(&pl, brokers, extra);
    capture_all(&pl);
    if (replay_all(&pl, &err) != CDC_OK) {
        fail_msg("replay: %s", err.text);
    }
    pipeline_close(&pl);
}

static void test_all_rows_arrive_once_in_order(void **state)
{
    (void)state;
    fake.transactions = 300;
    fake.batch_rows = 11;
    run_through(rd_kafka_mock_cluster_bootstraps(mock), "");
    check_rows(300);
}

static void test_at_least_once_delivers_too(void **state)
{
    (void)state;
    fake.transactions = 50;
    run_through(rd_kafka_mock_cluster_bootstraps(mock), "delivery: at-least-once\n");
    check_rows(50);
}

static void test_a_second_run_goes_on_where_the_first_ended(void **state)
{
    (void)state;
    pipeline pl;
    cdc_error err;
    pipeline_open(&pl, rd_kafka_mock_cluster_bootstraps(mock), "");
    for (int round = 1; round <= 3; round++) {
        fake.transactions = (uint64_t)round * 20;
        capture_all(&pl);
        assert_int_equal(replay_all(&pl, &err), CDC_OK);
        check_rows(fake.transactions);
    }
    pipeline_close(&pl);
}

static void test_target_lost_in_the_midst(void **state)
{
    (void)state;
    fake.transactions = 100;
    fake.sink_retry_after_rows = 77;
    run_through(rd_kafka_mock_cluster_bootstraps(mock), "");
    check_rows(100);
}

static void test_answer_to_commit_lost(void **state)
{
    (void)state;
    fake.transactions = 100;
    fake.sink_lost_answer_at_commit = 1;
    run_through(rd_kafka_mock_cluster_bootstraps(mock), "");
    check_rows(100);
}

static void test_conflict_stops_behind_everything_before_it(void **state)
{
    (void)state;
    pipeline pl;
    cdc_error err;
    fake.transactions = 30;
    fake.sink_conflict_at_id = 2002; /* third row of transaction 20 */
    pipeline_open(&pl, rd_kafka_mock_cluster_bootstraps(mock), "");
    capture_all(&pl);
    assert_int_equal(replay_all(&pl, &err), CDC_FATAL);
    assert_string_equal(err.code, "conflict_insert");
    assert_non_null(strstr(err.text, "transaction t20"));
    check_rows(19);
    fake.sink_conflict_at_id = 0;
    assert_int_equal(replay_all(&pl, &err), CDC_OK);
    check_rows(30);
    pipeline_close(&pl);
}

/* The source breaks inside a transaction whose first rows are in Kafka already: needs a broker that
 * hides aborted records. */
static void test_source_lost_inside_a_transaction(void **state)
{
    (void)state;
    if (real_broker == NULL) {
        print_message("skipped: SLUICE_TEST_KAFKA is not set\n");
        skip();
    }
    for (uint64_t row = 1; row < 40; row += 6) {
        fake_reset();
        fake.transactions = 30;
        fake.batch_rows = 3;
        fake.source_retry_after_rows = row;
        run_through(real_broker, "");
        check_rows(30);
    }
}

static void test_real_broker_end_to_end(void **state)
{
    (void)state;
    if (real_broker == NULL) {
        print_message("skipped: SLUICE_TEST_KAFKA is not set\n");
        skip();
    }
    fake.transactions = 5000;
    fake.batch_rows = 1000;
    run_through(real_broker, "");
    check_rows(5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_rows_arrive_once_in_order, clean),
        cmocka_unit_test_setup(test_at_least_once_delivers_too, clean),
        cmocka_unit_test_setup(test_a_second_run_goes_on_where_the_first_ended, clean),
        cmocka_unit_test_setup(test_target_lost_in_the_midst, clean),
        cmocka_unit_test_setup(test_answer_to_commit_lost, clean),
        cmocka_unit_test_setup(test_conflict_stops_behind_everything_before_it, clean),
        cmocka_unit_test_setup(test_source_lost_inside_a_transaction, clean),
        cmocka_unit_test_setup(test_real_broker_end_to_end, clean),
    };
    return cmocka_run_group_tests(tests, start_mock, stop_mock);
}

/* The producer: what is committed is there once, what is not is not, and who is fenced is told so.
 */
#include "topics_kit.h"

#define NUMBERS_MAX 10000
#define WIDE_BYTES (8 * 1000 * 1000)

static void check_numbers(kit *k, int from, int to)
{
    static int numbers[NUMBERS_MAX];
    int n = kit_read(k, numbers, NUMBERS_MAX);
    assert_int_equal(n, to - from + 1);
    for (int i = 0; i < n; i++) {
        assert_int_equal(numbers[i], from + i);
    }
}

static void round_trip(const char *brokers, const char *extra)
{
    kit k;
    kit_open(&k, brokers, extra);
    cdc_producer *pr = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, pr);
    assert_int_equal(cdc_topic_partitions(topic), 1);
    assert_string_equal(cdc_topic_name(topic), k.name);
    assert_ptr_equal(kit_topic(&k, pr), topic);
    assert_int_equal(kit_checkpoint(&k), -1);
    for (int i = 1; i <= 3000; i++) {
        kit_ok(kit_send(pr, topic, 0, i));
        if (i % 1000 == 0) {
            assert_int_equal(cdc_producer_pending(pr), 1000);
            kit_ok(kit_commit(pr, (uint64_t)i));
            assert_int_equal(cdc_producer_pending(pr), 0);
        }
    }
    assert_int_equal(kit_checkpoint(&k), 3000);
    cdc_producer_free(pr);
    check_numbers(&k, 1, 3000);
    kit_close(&k);
}

static void test_transactions_on_the_mock(void **state)
{
    (void)state;
    round_trip(kit_mock_brokers(), "");
}

static void test_at_least_once_on_the_mock(void **state)
{
    (void)state;
    round_trip(kit_mock_brokers(), "delivery: at-least-once\n");
}

static void test_acks_1_is_allowed_at_least_once(void **state)
{
    (void)state;
    round_trip(kit_mock_brokers(), "  acks: 1\ndelivery: at-least-once\n");
}

static void test_transactions_on_a_broker(void **state)
{
    (void)state;
    round_trip(kit_real(), "");
}

static void test_uncommitted_records_vanish(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_real(), "");
    for (int round = 0; round < 5; round++) {
        cdc_producer *pr = kit_producer(&k);
        cdc_topic *topic = kit_topic(&k, pr);
        assert_int_equal(kit_checkpoint(&k), round == 0 ? -1 : round * 10);
        for (int i = 1; i <= 10; i++) {
            kit_ok(kit_send(pr, topic, 0, round * 10 + i));
        }
        kit_ok(kit_commit(pr, (uint64_t)(round + 1) * 10));
        kit_send_wide(pr, topic, 0, -1);
        for (int i = 0; i < 500; i++) {
            kit_ok(kit_send(pr, topic, 0, -i));
        }
        cdc_producer_free(pr);
    }
    check_numbers(&k, 1, 50);
    kit_close(&k);
}

/* Two processes of one task: the newer wins, and ends what the older had begun. */
static void test_newer_process_fences_the_older(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_real(), "");
    cdc_producer *older = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, older);
    kit_ok(kit_send(older, topic, 0, 1));
    kit_ok(kit_commit(older, 1));
    kit_send_wide(older, topic, 0, 99);

    cdc_producer *newer = kit_producer(&k);
    assert_int_equal(kit_checkpoint(&k), 1);
    kit_ok(kit_send(newer, kit_topic(&k, newer), 0, 2));
    kit_ok(kit_commit(newer, 2));

    assert_int_equal(kit_commit(older, 99), CDC_FATAL);
    assert_string_equal(kit_error.code, "kafka_fenced");
    assert_int_equal(kit_send(older, topic, 0, 100), CDC_FATAL);
    cdc_producer_free(older);
    assert_int_equal(kit_checkpoint(&k), 2);
    kit_ok(kit_send(newer, kit_topic(&k, newer), 0, 3));
    kit_ok(kit_commit(newer, 3));
    cdc_producer_free(newer);
    check_numbers(&k, 1, 3);
    kit_close(&k);
}

static void test_too_large_here_names_topic_and_sizes(void **state)
{
    (void)state;
    kit k;
    static char value[200000];
    kit_open(&k, kit_mock_brokers(), "message: {max_bytes: 100000}\n");
    cdc_producer *pr = kit_producer(&k);
    memset(value, 'x', sizeof value);
    cdc_rc rc =
        cdc_producer_send(pr, kit_topic(&k, pr), 0, kit_bytes("k"),
                          (cdc_bytes){value, sizeof value}, (cdc_bytes){NULL, 0}, &kit_error);
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(kit_error.code, "message_too_large");
    assert_non_null(strstr(kit_error.text, k.name));
    assert_non_null(strstr(kit_error.text, "200001"));
    assert_non_null(strstr(kit_error.text, "100000"));
    cdc_producer_free(pr);
    kit_close(&k);
}

/* The topic was made by somebody with a smaller limit than the task's. */
static void test_too_large_for_the_topic(void **state)
{
    (void)state;
    kit small;
    kit k;
    static char value[1500000];
    kit_open(&small, kit_real(), "message: {max_bytes: 1024}\n");
    kit_ok(cdc_admin_ensure(&small.env, small.name, 1, CDC_TOPIC_RECORDS, &kit_error));
    kit_twin(&k, &small, kit_real());
    cdc_producer *pr = kit_producer(&k);
    uint64_t noise = 88172645463325252ULL; /* xorshift: nothing that could be compressed */
    for (size_t i = 0; i < sizeof value; i++) {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        value[i] = (char)noise;
    }
    cdc_rc rc =
        cdc_producer_send(pr, kit_topic(&k, pr), 0, kit_bytes("k"),
                          (cdc_bytes){value, sizeof value}, (cdc_bytes){NULL, 0}, &kit_error);
    rc = rc == CDC_OK ? kit_commit(pr, 1) : rc;
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(kit_error.code, "message_too_large");
    assert_non_null(strstr(kit_error.text, small.name));
    assert_non_null(strstr(kit_error.text, "1500001"));
    cdc_producer_free(pr);
    assert_int_equal(kit_checkpoint(&k), -1);
    kit_close(&k);
    kit_close(&small);
}

static void test_no_broker_is_retry_and_names_it(void **state)
{
    (void)state;
    kit k;
    cdc_producer *pr = NULL;
    kit_open(&k, "127.0.0.1:1", "");
    cdc_stop_request(); /* one try is enough */
    assert_int_equal(cdc_producer_new(&pr, &k.env, &kit_error), CDC_RETRY);
    cdc_stop_reset();
    assert_null(pr);
    assert_non_null(strstr(kit_error.text, "127.0.0.1:1"));
    assert_non_null(strstr(kit_error.text, "refused"));
    kit_close(&k);
}

/* Records that the broker did not take are never counted as done. */
static void test_failed_delivery_fails_the_commit(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_mock_brokers(), "");
    cdc_producer *pr = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, pr);
    kit_ok(kit_send(pr, topic, 0, 1));
    kit_ok(kit_commit(pr, 1));
    rd_kafka_mock_push_request_errors(kit_mock, 0 /* Produce */, 2,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    kit_ok(kit_send(pr, topic, 0, 2));
    assert_int_equal(kit_commit(pr, 2), CDC_FATAL);
    assert_string_equal(kit_error.code, "kafka_not_authorized");
    rd_kafka_mock_clear_request_errors(kit_mock, 0); /* one may be left */
    cdc_producer_free(pr);
    assert_int_equal(kit_checkpoint(&k), 1);
    kit_close(&k);
}

static void test_failed_delivery_fails_at_least_once_too(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_mock_brokers(), "delivery: at-least-once\n");
    cdc_producer *pr = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, pr);
    kit_ok(kit_send(pr, topic, 0, 1));
    kit_ok(kit_commit(pr, 1));
    rd_kafka_mock_push_request_errors(kit_mock, 0, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    kit_ok(kit_send(pr, topic, 0, 2));
    assert_int_equal(kit_commit(pr, 2), CDC_FATAL);
    assert_non_null(strstr(kit_error.text, k.name));
    cdc_producer_free(pr);
    assert_int_equal(kit_checkpoint(&k), 1);
    kit_close(&k);
}

static void test_passing_errors_are_passed_over(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_mock_brokers(), "");
    cdc_producer *pr = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, pr);
    rd_kafka_mock_push_request_errors(kit_mock, 0, 2, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    rd_kafka_mock_push_request_errors(kit_mock, 24 /* AddPartitionsToTxn */, 2,
                                      RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    rd_kafka_mock_push_request_errors(kit_mock, 26 /* EndTxn */, 1,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
    kit_ok(kit_send(pr, topic, 0, 1));
    kit_ok(kit_commit(pr, 1));
    cdc_producer_free(pr);
    check_numbers(&k, 1, 1);
    kit_close(&k);
}

static cdc_rc send_spaces(cdc_producer *pr, cdc_topic *topic, int32_t partition, size_t bytes,
                          int number)
{
    static char text[WIDE_BYTES];
    memset(text, ' ', sizeof text);
    snprintf(text, sizeof text, "%d", number);
    return cdc_producer_send(pr, topic, partition, kit_bytes("k"), (cdc_bytes){text, bytes},
                             kit_bytes("v=1"), &kit_error);
}

/* Each of them is more than what may be under way. */
static void test_records_larger_than_the_queue(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_mock_brokers(), "");
    cdc_producer *pr = kit_producer(&k);
    for (int i = 1; i <= 10; i++) {
        kit_ok(send_spaces(pr, kit_topic(&k, pr), 0, i % 2 == 0 ? WIDE_BYTES : 1000, i));
    }
    kit_ok(kit_commit(pr, 1));
    cdc_producer_free(pr);
    check_numbers(&k, 1, 10);
    kit_close(&k);
}

/* The queue is full of batches that wait for more records, none of which can come. */
static void test_a_queue_of_small_batches(void **state)
{
    (void)state;
    kit k;
    enum { PARTITIONS = 64, RECORDS = 1000, LINGER_MS = 40000 };
    kit_open(&k, kit_mock_brokers(), "  linger.ms: 40000\n");
    rd_kafka_mock_topic_create(kit_mock, k.name, PARTITIONS, 1);
    cdc_producer *pr = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, pr);
    assert_int_equal(cdc_topic_partitions(topic), PARTITIONS);
    int64_t began = cdc_clock_mono_ms();
    for (int i = 1; i <= RECORDS; i++) {
        kit_ok(send_spaces(pr, topic, i % PARTITIONS, 10000, i));
    }
    assert_true(cdc_clock_mono_ms() - began < LINGER_MS);
    kit_ok(kit_commit(pr, 1));
    assert_int_equal(kit_checkpoint(&k), 1);
    cdc_producer_free(pr);
    kit_close(&k);
}

/* The broker takes nothing any more: only so much is kept for it, and a stop ends the wait. */
static void test_stop_while_the_broker_is_down(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_mock_brokers(), "");
    cdc_producer *pr = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, pr);
    kit_ok(send_spaces(pr, topic, 0, 1000, 1));
    kit_ok(kit_commit(pr, 1));
    rd_kafka_mock_broker_set_down(kit_mock, 1);
    cdc_stop_request();
    cdc_rc rc = CDC_OK;
    int sent = 0;
    for (; rc == CDC_OK && sent < NUMBERS_MAX; sent++) {
        rc = send_spaces(pr, topic, 0, 1000, 2 + sent);
    }
    cdc_stop_reset();
    rd_kafka_mock_broker_set_up(kit_mock, 1);
    assert_int_equal(rc, CDC_RETRY);
    assert_string_equal(kit_error.code, "stopped");
    assert_in_range(sent, 1000, 5000);
    cdc_producer_free(pr);
    assert_int_equal(kit_checkpoint(&k), 1);
    kit_close(&k);
}

static void refuse(const char *extra, const char *part)
{
    kit k;
    cdc_producer *pr = NULL;
    kit_open(&k, kit_mock_brokers(), extra);
    cdc_rc rc = cdc_producer_new(&pr, &k.env, &kit_error);
    cdc_producer_free(pr);
    assert_int_equal(rc, CDC_FATAL);
    assert_int_equal(kit_error.exit, CDC_EXIT_USAGE);
    if (strstr(kit_error.text, part) == NULL) {
        fail_msg("no '%s' in: %s", part, kit_error.text);
    }
    assert_non_null(strstr(kit_error.text, "task.yaml:"));
    assert_null(strstr(kit_error.text, "hunter2"));
    kit_close(&k);
}

static void test_bad_properties_are_refused(void **state)
{
    (void)state;
    refuse("  linger.mss: 5\n", "the nearest name is 'linger.ms'");
    refuse("  compression.codc: lz4\n", "compression.codec");
    refuse("  linger.ms: many\n", "linger.ms");
    refuse("  acks: 1\n", "acks");
    refuse("  transactional.id: other\n", "sets this property itself");
    refuse("  isolation.level: read_uncommitted\n", "aborted");
    refuse("  ssl.key.password: hunter2\n  ssl.key.pem: hunter2\n  security.protocol: ssl\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transactions_on_the_mock),
        cmocka_unit_test(test_at_least_once_on_the_mock),
        cmocka_unit_test(test_acks_1_is_allowed_at_least_once),
        cmocka_unit_test(test_too_large_here_names_topic_and_sizes),
        cmocka_unit_test(test_no_broker_is_retry_and_names_it),
        cmocka_unit_test(test_failed_delivery_fails_the_commit),
        cmocka_unit_test(test_failed_delivery_fails_at_least_once_too),
        cmocka_unit_test(test_passing_errors_are_passed_over),
        cmocka_unit_test(test_records_larger_than_the_queue),
        cmocka_unit_test(test_a_queue_of_small_batches),
        cmocka_unit_test(test_stop_while_the_broker_is_down),
        cmocka_unit_test(test_bad_properties_are_refused),
        cmocka_unit_test(test_transactions_on_a_broker),
        cmocka_unit_test(test_uncommitted_records_vanish),
        cmocka_unit_test(test_newer_process_fences_the_older),
        cmocka_unit_test(test_too_large_for_the_topic),
    };
    return cmocka_run_group_tests(tests, kit_start, kit_end);
}

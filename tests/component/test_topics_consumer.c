/* The consumer: every committed record once and in order, the end is known although markers take
 * offsets, and an offset that is gone stops it. */
#include <pthread.h>

#include "topics_kit.h"

#define NUMBERS_MAX 20000

static int numbers[NUMBERS_MAX];

static void fill(kit *k, cdc_producer *pr, int from, int to)
{
    cdc_topic *topic = kit_topic(k, pr);
    for (int i = from; i <= to; i++) {
        kit_ok(kit_send(pr, topic, 0, i));
    }
    kit_ok(kit_commit(pr, (uint64_t)to));
}

/* Polls until the position has reached `until`, or a record comes: its number; 0 = none. */
static int next_number(cdc_consumer *cs, const char *topic, int64_t until)
{
    int64_t deadline = cdc_clock_mono_ms() + 20000;
    while (cdc_clock_mono_ms() < deadline) {
        cdc_message msg;
        cdc_rc rc = cdc_consumer_poll(cs, &msg, 50, &kit_error);
        if (rc == CDC_OK) {
            int number = (int)strtol(msg.value.p, NULL, 10);
            cdc_consumer_release(&msg);
            return number;
        }
        if (rc != CDC_AGAIN) {
            kit_ok(rc);
        }
        if (cdc_consumer_position(cs, topic, 0) >= until) {
            return 0;
        }
    }
    fail_msg("position %lld of %lld", (long long)cdc_consumer_position(cs, topic, 0),
             (long long)until);
    return -1;
}

static void test_members_of_a_record(void **state)
{
    (void)state;
    kit k;
    cdc_consumer *cs = NULL;
    cdc_message msg;
    int32_t partitions = 0;
    int64_t before = cdc_clock_wall_ms();
    kit_open(&k, kit_mock_brokers(), "");
    cdc_producer *pr = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, pr);
    kit_ok(cdc_producer_send(pr, topic, 0, kit_bytes("key"), kit_bytes("value"),
                             kit_bytes("v=1;seq=9"), &kit_error));
    kit_ok(cdc_producer_send(pr, topic, 0, (cdc_bytes){NULL, 0}, (cdc_bytes){NULL, 0},
                             (cdc_bytes){NULL, 0}, &kit_error));
    kit_ok(kit_commit(pr, 1));
    cdc_producer_free(pr);

    kit_ok(cdc_consumer_new(&cs, &k.env, &kit_error));
    kit_ok(cdc_consumer_partitions(cs, k.name, &partitions, &kit_error));
    assert_int_equal(partitions, 1);
    cdc_offset at = {.topic = k.name, .partition = 0, .next = 0};
    kit_ok(cdc_consumer_assign(cs, &at, 1, &kit_error));
    assert_int_equal(cdc_consumer_position(cs, k.name, 0), 0);
    while (cdc_consumer_poll(cs, &msg, 100, &kit_error) == CDC_AGAIN) {
    }
    assert_string_equal(msg.topic, k.name);
    assert_int_equal(msg.partition, 0);
    assert_int_equal(msg.offset, 0);
    assert_in_range(msg.timestamp_ms, before, cdc_clock_wall_ms());
    assert_int_equal(msg.key.len, 3);
    assert_memory_equal(msg.key.p, "key", 3);
    assert_memory_equal(msg.value.p, "value", 5);
    assert_int_equal(msg.header.len, 9);
    assert_memory_equal(msg.header.p, "v=1;seq=9", 9);
    assert_int_equal(cdc_consumer_position(cs, k.name, 0), 1);
    cdc_consumer_release(&msg);
    while (cdc_consumer_poll(cs, &msg, 100, &kit_error) == CDC_AGAIN) {
    }
    assert_null(msg.key.p);
    assert_null(msg.value.p);
    assert_null(msg.header.p);
    cdc_consumer_release(&msg);
    cdc_consumer_report(cs, &(cdc_offset){.topic = k.name, .partition = 0, .next = 2}, 1);
    cdc_consumer_free(cs);
    kit_close(&k);
}

static void test_missing_topic_is_eof(void **state)
{
    (void)state;
    kit k;
    cdc_consumer *cs = NULL;
    int32_t partitions = 0;
    kit_open(&k, kit_real(), "");
    kit_ok(cdc_consumer_new(&cs, &k.env, &kit_error));
    assert_int_equal(cdc_consumer_partitions(cs, k.name, &partitions, &kit_error), CDC_EOF);
    cdc_consumer_free(cs);
    kit_close(&k);
}

/* The topic ends in records of an aborted transaction and its marker: none of them is delivered,
 * yet the end is. */
static void test_position_passes_aborted_records(void **state)
{
    (void)state;
    kit k;
    cdc_consumer *cs = NULL;
    int64_t begin = 0;
    int64_t end = 0;
    kit_open(&k, kit_real(), "");
    cdc_producer *pr = kit_producer(&k);
    kit_ok(cdc_consumer_new(&cs, &k.env, &kit_error));
    cdc_offset at = {.topic = k.name, .partition = 0, .next = CDC_OFFSET_EARLIEST};
    kit_ok(cdc_consumer_assign(cs, &at, 1, &kit_error));
    assert_true(cdc_consumer_position(cs, k.name, 0) < 0);
    for (int round = 0; round < 4; round++) {
        fill(&k, pr, round * 10 + 1, round * 10 + 10);
        kit_send_wide(pr, kit_topic(&k, pr), 0, -1);
        kit_send_wide(pr, kit_topic(&k, pr), 0, -1);
        cdc_producer_free(pr); /* aborts */
        pr = kit_producer(&k);
        kit_ok(cdc_consumer_bounds(cs, k.name, 0, &begin, &end, &kit_error));
        for (int i = 1; i <= 10; i++) {
            assert_int_equal(next_number(cs, k.name, INT64_MAX), round * 10 + i);
        }
        assert_int_equal(next_number(cs, k.name, end), 0);
        assert_int_equal(cdc_consumer_position(cs, k.name, 0), end);
        assert_int_equal(end,
                         (round + 1) * (10 + 1 + 2 + 1)); /* each transaction ends with a marker */
    }
    cdc_producer_free(pr);
    cdc_consumer_free(cs);
    kit_close(&k);
}

static void *settle(void *name)
{
    usleep(300000);
    rd_kafka_mock_topic_set_error(kit_mock, name, RD_KAFKA_RESP_ERR_NO_ERROR);
    return NULL;
}

/* The broker that is asked has not heard yet of a topic that another one has just made. */
static void test_bounds_of_a_topic_just_made(void **state)
{
    (void)state;
    kit k;
    pthread_t later;
    cdc_consumer *cs = NULL;
    int64_t begin = -1;
    int64_t end = -1;
    kit_open(&k, kit_mock_brokers(), "");
    rd_kafka_mock_topic_create(kit_mock, k.name, 1, 1);
    rd_kafka_mock_topic_set_error(kit_mock, k.name, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    kit_ok(cdc_consumer_new(&cs, &k.env, &kit_error));
    assert_int_equal(pthread_create(&later, NULL, settle, k.name), 0);
    cdc_rc rc = cdc_consumer_bounds(cs, k.name, 0, &begin, &end, &kit_error);
    pthread_join(later, NULL);
    kit_ok(rc);
    assert_int_equal(begin, 0);
    assert_int_equal(end, 0);
    cdc_consumer_free(cs);
    kit_close(&k);
}

/* An open transaction: its records are neither delivered nor below the end. */
static void test_end_is_the_last_stable_offset(void **state)
{
    (void)state;
    kit k;
    cdc_consumer *cs = NULL;
    int64_t begin = 0;
    int64_t end = 0;
    kit_open(&k, kit_real(), "");
    cdc_producer *pr = kit_producer(&k);
    fill(&k, pr, 1, 5);
    kit_send_wide(pr, kit_topic(&k, pr), 0, 6);
    kit_ok(cdc_consumer_new(&cs, &k.env, &kit_error));
    cdc_offset at = {.topic = k.name, .partition = 0, .next = CDC_OFFSET_EARLIEST};
    kit_ok(cdc_consumer_assign(cs, &at, 1, &kit_error));
    kit_ok(cdc_consumer_bounds(cs, k.name, 0, &begin, &end, &kit_error));
    assert_int_equal(begin, 0);
    assert_int_equal(end, 6); /* 5 records and the marker */
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(next_number(cs, k.name, INT64_MAX), i);
    }
    assert_int_equal(next_number(cs, k.name, end), 0);
    kit_ok(kit_commit(pr, 6));
    assert_int_equal(next_number(cs, k.name, INT64_MAX), 6);
    cdc_producer_free(pr);
    cdc_consumer_free(cs);
    kit_close(&k);
}

static void test_offsets_by_name_and_by_time(void **state)
{
    (void)state;
    kit k;
    cdc_consumer *cs = NULL;
    int64_t offset = -1;
    kit_open(&k, kit_real(), "");
    cdc_producer *pr = kit_producer(&k);
    int64_t first_ms = cdc_clock_wall_ms();
    fill(&k, pr, 1, 3);
    int64_t after_ms = cdc_clock_wall_ms() + 60000;
    kit_ok(cdc_consumer_new(&cs, &k.env, &kit_error));
    kit_ok(cdc_consumer_offset_at(cs, k.name, 0, first_ms, &offset, &kit_error));
    assert_int_equal(offset, 0);
    kit_ok(cdc_consumer_offset_at(cs, k.name, 0, after_ms, &offset, &kit_error));
    assert_int_equal(offset, 4);
    cdc_offset at = {.topic = k.name, .partition = 0, .next = CDC_OFFSET_LATEST};
    kit_ok(cdc_consumer_assign(cs, &at, 1, &kit_error));
    assert_int_equal(next_number(cs, k.name, 4), 0);
    fill(&k, pr, 4, 4);
    assert_int_equal(next_number(cs, k.name, INT64_MAX), 4);
    at.next = 1;
    kit_ok(cdc_consumer_assign(cs, &at, 1, &kit_error));
    assert_int_equal(next_number(cs, k.name, INT64_MAX), 2);
    assert_int_equal(next_number(cs, k.name, INT64_MAX), 3);
    assert_int_equal(next_number(cs, k.name, INT64_MAX), 4);
    cdc_producer_free(pr);
    cdc_consumer_free(cs);
    kit_close(&k);
}

static void delete_before(kit *k, int64_t offset)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", kit_real(), text, sizeof text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, k->name, 0)->offset = offset;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteRecords(rk, &request, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 10000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

static void check_lost(kit *k, int64_t next)
{
    char wanted[64];
    cdc_consumer *cs = NULL;
    cdc_message msg;
    cdc_rc rc = CDC_AGAIN;
    kit_ok(cdc_consumer_new(&cs, &k->env, &kit_error));
    cdc_offset at = {.topic = k->name, .partition = 0, .next = next};
    kit_ok(cdc_consumer_assign(cs, &at, 1, &kit_error));
    int64_t deadline = cdc_clock_mono_ms() + 20000;
    while (rc == CDC_AGAIN && cdc_clock_mono_ms() < deadline) {
        rc = cdc_consumer_poll(cs, &msg, 100, &kit_error);
    }
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(kit_error.code, "kafka_offset_lost");
    snprintf(wanted, sizeof wanted, "offset %lld, only 6 to 11", (long long)next);
    if (strstr(kit_error.text, wanted) == NULL) {
        fail_msg("%s", kit_error.text);
    }
    cdc_consumer_free(cs);
}

static void test_lost_offset_is_fatal(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_real(), "");
    cdc_producer *pr = kit_producer(&k);
    fill(&k, pr, 1, 10);
    cdc_producer_free(pr);
    delete_before(&k, 6);
    check_lost(&k, 3);
    check_lost(&k, 1000);
    assert_int_equal(kit_read(&k, numbers, NUMBERS_MAX), 4);
    assert_int_equal(numbers[0], 7);
    kit_close(&k);
}

static void test_many_partitions(void **state)
{
    (void)state;
    enum { PARTITIONS = 7, RECORDS = 10000 };
    kit k;
    cdc_consumer *cs = NULL;
    cdc_offset at[PARTITIONS];
    int last[PARTITIONS] = {0};
    kit_open(&k, kit_real(), "topics: {partitions: 7}\n");
    cdc_producer *pr = kit_producer(&k);
    cdc_topic *topic = kit_topic(&k, pr);
    assert_int_equal(cdc_topic_partitions(topic), PARTITIONS);
    for (int i = 1; i <= RECORDS; i++) {
        kit_ok(kit_send(pr, topic, i % PARTITIONS, i));
    }
    kit_ok(kit_commit(pr, RECORDS));
    cdc_producer_free(pr);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        at[p] = (cdc_offset){.topic = k.name, .partition = p, .next = CDC_OFFSET_EARLIEST};
    }
    kit_ok(cdc_consumer_new(&cs, &k.env, &kit_error));
    kit_ok(cdc_consumer_assign(cs, at, PARTITIONS, &kit_error));
    int64_t deadline = cdc_clock_mono_ms() + 20000;
    for (int got = 0; got < RECORDS;) {
        cdc_message msg;
        cdc_rc rc = cdc_consumer_poll(cs, &msg, 100, &kit_error);
        assert_true(cdc_clock_mono_ms() < deadline);
        if (rc == CDC_AGAIN) {
            continue;
        }
        kit_ok(rc);
        int number = (int)strtol(msg.value.p, NULL, 10);
        assert_int_equal(number % PARTITIONS, msg.partition);
        assert_int_equal(number, last[msg.partition] == 0 && msg.partition > 0
                                     ? msg.partition
                                     : last[msg.partition] + PARTITIONS);
        last[msg.partition] = number;
        assert_int_equal(cdc_consumer_position(cs, k.name, msg.partition), msg.offset + 1);
        cdc_consumer_release(&msg);
        got++;
    }
    cdc_consumer_free(cs);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_of_a_record),
        cmocka_unit_test(test_missing_topic_is_eof),
        cmocka_unit_test(test_bounds_of_a_topic_just_made),
        cmocka_unit_test(test_position_passes_aborted_records),
        cmocka_unit_test(test_end_is_the_last_stable_offset),
        cmocka_unit_test(test_offsets_by_name_and_by_time),
        cmocka_unit_test(test_lost_offset_is_fatal),
        cmocka_unit_test(test_many_partitions),
    };
    return cmocka_run_group_tests(tests, kit_start, kit_end);
}

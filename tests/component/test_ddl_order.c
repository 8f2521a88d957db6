/* Rows and definition changes through both loops: whatever the batches, partitions and topics, and
 * wherever the applier starts anew, each row meets the definition that it had at the source. */
#include "pipeline_kit.h"

/* Each row once, each definition change once, and all in their order. */
static void check(uint64_t tasks)
{
    uint64_t rows = 0;
    for (uint64_t t = 1; t <= fake.transactions; t++) {
        rows += t % fake.ddl_every == 0 ? 0 : 1 + t % 7;
    }
    assert_int_equal(fake_misplaced, 0);
    assert_int_equal(fake_ddl, tasks * (fake.transactions / fake.ddl_every));
    assert_int_equal(fake_nrows, tasks * rows);
    uint64_t sum = 0;
    for (size_t i = 0; i < fake_nrows; i++) {
        sum += fake_rows[i].id;
    }
    for (uint64_t t = 1; t <= fake.transactions; t++) {
        uint64_t n = t % fake.ddl_every == 0 ? 0 : 1 + t % 7;
        sum -= tasks * (n * t * 100 + n * (n - 1) / 2);
    }
    assert_int_equal(sum, 0);
}

/* The mock takes seconds for each run, so that a broker is needed for more than a look. */
static const char *brokers(void)
{
    return real_broker != NULL ? real_broker : rd_kafka_mock_cluster_bootstraps(mock);
}

static void plan(uint64_t transactions, uint64_t ddl_every, uint32_t batch_rows)
{
    fake_reset();
    fake.transactions = transactions;
    fake.ddl_every = ddl_every;
    fake.batch_rows = batch_rows;
}

static void run_through(const char *extra)
{
    pipeline pl;
    cdc_error err;
    pipeline_open(&pl, brokers(), extra);
    capture_all(&pl);
    if (replay_all(&pl, &err) != CDC_OK) {
        fail_msg("replay: %s", err.text);
    }
    pipeline_close(&pl);
}

static const char *const placements[] = {
    "",
    "topics: {partitions: 3, policy: pk, ddl: ''}\n",
    "topics: {partitions: 3, policy: pk}\n",
    "topics: {ddl: ''}\n",
    "topics: {partitions: 2, policy: table}\n",
    "delivery: at-least-once\n",
    "delivery: at-least-once\ntopics: {partitions: 3, policy: pk}\n",
};

static size_t nplacements(void)
{
    return real_broker != NULL ? sizeof placements / sizeof placements[0] : 2;
}

static void needs_a_broker(void)
{
    if (real_broker == NULL) {
        print_message("skipped: SLUICE_TEST_KAFKA is not set\n");
        skip();
    }
}

static void test_every_placement(void **state)
{
    (void)state;
    for (size_t i = 0; i < nplacements(); i++) {
        plan(24, 3, 17);
        run_through(placements[i]);
        check(1);
    }
}

/* ...which may be told apart by a batch's end. */
static void test_statements_of_several_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < nplacements(); i++) {
        plan(9, 2, 1);
        fake.ddl_parts = 3;
        run_through(placements[i]);
        check(1);
    }
}

/* No row follows that would ask for them; and more than are read ahead. */
static void test_nothing_but_definitions(void **state)
{
    (void)state;
    needs_a_broker();
    for (size_t i = 0; i < 3; i++) {
        plan(i == 1 ? 20 : 700, 1, 100);
        run_through(placements[i]);
        check(1);
    }
}

static void test_the_applier_starts_anew_anywhere(void **state)
{
    (void)state;
    needs_a_broker();
    for (size_t i = 0; i < 3; i++) {
        for (uint64_t fault = 1; fault <= 4; fault++) {
            plan(9, 2, 7);
            fake.ddl_parts = 2;
            fake.sink_retry_at_ddl = fault == 1 ? 2 : 0;
            fake.sink_lost_answer_at_ddl = fault == 2 ? 2 : 0;
            fake.sink_lost_answer_at_commit = fault == 3 ? 2 : 0;
            fake.sink_retry_after_rows = fault == 4 ? 13 : 0;
            run_through(placements[i]);
            check(1);
        }
    }
}

static void test_second_and_third_runs(void **state)
{
    (void)state;
    needs_a_broker();
    for (size_t i = 0; i < 3; i++) {
        pipeline pl;
        cdc_error err;
        plan(0, 3, 7);
        pipeline_open(&pl, brokers(), placements[i]);
        for (int round = 1; round <= 3; round++) {
            fake.transactions = (uint64_t)round * 13;
            capture_all(&pl);
            if (replay_all(&pl, &err) != CDC_OK) {
                fail_msg("replay: %s", err.text);
            }
            check(1);
        }
        pipeline_close(&pl);
    }
}

/* Two captures with ids of their own, one applier. */
static void test_several_tasks(void **state)
{
    (void)state;
    needs_a_broker();
    pipeline east, west, both;
    cdc_error err;
    char extra[400];
    plan(30, 3, 7);
    fake.database = "east";
    pipeline_open(&east, brokers(), "topics: {partitions: 2, policy: pk}\n");
    capture_all(&east);
    fake.database = "west";
    pipeline_open(&west, brokers(), "");
    capture_all(&west);
    snprintf(extra, sizeof extra, "from: {topics: [%s, %s]}\n", east.task.name, west.task.name);
    pipeline_open(&both, brokers(), extra);
    if (replay_all(&both, &err) != CDC_OK) {
        fail_msg("replay: %s", err.text);
    }
    check(2);
    pipeline_close(&east);
    pipeline_close(&west);
    pipeline_close(&both);
}

/* The rows say that there was one, and no topic has it. */
static void test_missing(void **state)
{
    (void)state;
    pipeline pl, other;
    cdc_error err;
    char extra[400];
    plan(10, 3, 7);
    pipeline_open(&pl, brokers(), "");
    capture_all(&pl);
    snprintf(extra, sizeof extra, "from: {topics: [%s]}\ntopics: {ddl: '%s.none'}\n", pl.task.name,
             pl.task.name);
    pipeline_open(&other, brokers(), extra);
    assert_int_equal(replay_all(&other, &err), CDC_FATAL);
    assert_string_equal(err.code, "ddl_missing");
    assert_non_null(strstr(err.text, "topics.ddl"));
    assert_non_null(strstr(err.text, pl.task.name));
    pipeline_close(&pl);
    pipeline_close(&other);
}

/* An applier that begins at the end has nothing to do with what was before. */
static void test_begins_at_the_end(void **state)
{
    (void)state;
    needs_a_broker();
    pipeline pl, late;
    cdc_error err;
    char extra[400];
    plan(10, 3, 7);
    pipeline_open(&pl, brokers(), "");
    capture_all(&pl);
    snprintf(extra, sizeof extra, "from: {topics: [%s], start: latest}\n", pl.task.name);
    pipeline_open(&late, brokers(), extra);
    assert_int_equal(replay_all(&late, &err), CDC_OK);
    assert_int_equal(fake_ddl, 0);
    assert_int_equal(fake_nrows, 0);
    fake.transactions = 11; /* rows behind a change that is not applied here */
    capture_all(&pl);
    assert_int_equal(replay_all(&late, &err), CDC_OK);
    assert_int_equal(fake_nrows, 1 + 11 % 7);
    fake.transactions = 12;
    capture_all(&pl);
    assert_int_equal(replay_all(&late, &err), CDC_OK);
    assert_int_equal(fake_ddl, 1);
    pipeline_close(&pl);
    pipeline_close(&late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_placement),
        cmocka_unit_test(test_statements_of_several_messages),
        cmocka_unit_test(test_nothing_but_definitions),
        cmocka_unit_test(test_the_applier_starts_anew_anywhere),
        cmocka_unit_test(test_second_and_third_runs),
        cmocka_unit_test(test_several_tasks),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_begins_at_the_end),
    };
    return cmocka_run_group_tests(tests, start_mock, stop_mock);
}

/* Commands in records: how they are grouped, that a MULTI block is never cut by a Kafka
 * transaction, and that a restart anywhere loses and repeats nothing. */
#include "publisher_kit.h"

#include "producers/group.h"

enum { COMMANDS = 400, ROWS = 5, MAX_BYTES = 8192, GROUP_BYTES = MAX_BYTES / 8, LONG = 300 };

static const cdc_option source[] = {
    {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "redis"}, {.path = NULL}};
static const cdc_option *const tables[] = {cdc_task_options, source, NULL};

#define TASK                                                                                       \
    "name: t\nkafka: {bootstrap.servers: b:1}\nsource: {type: redis}\n"                            \
    "message: {rows: 5, max_bytes: 8192}\n"

/* --- a codec: "0 s 17 18 19" with database, phase and the numbers of the commands --- */

static cdc_rc text_open(void **codec, const cdc_env *of, cdc_error *error)
{
    (void)of;
    (void)error;
    *codec = &topic;
    return CDC_OK;
}

static cdc_rc text_encode(void *codec, const cdc_event *events, uint32_t n, cdc_buffer *key,
                          cdc_buffer *value, cdc_error *error)
{
    (void)codec;
    (void)error;
    cdc_buffer_add_str(key, "k");
    cdc_buffer_addf(value, "%d %c", (int)events[0].redis_db,
                    events[0].phase == CDC_PHASE_SNAPSHOT ? 's' : 'i');
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(events[i].redis_db, events[0].redis_db);
        assert_int_equal(events[i].phase, events[0].phase);
        cdc_buffer_addf(value, " %llu", (unsigned long long)events[i].pos);
    }
    return CDC_OK;
}

static void text_close(void *codec)
{
    (void)codec;
}

static const cdc_codec text_codec = {
    .name = "text", .open = text_open, .encode = text_encode, .close = text_close};

/* --- a log: single commands and blocks --- */

static struct {
    int32_t database;
    uint8_t phase;
    uint32_t tx_seq;
    uint32_t shard;
    bool last;
    bool large;
} events[COMMANDS];

static void make_log(uint32_t with_seed)
{
    seed = with_seed;
    int32_t database = 0;
    for (int i = 0; i < COMMANDS;) {
        int left = COMMANDS - i;
        int n = random_below(3) > 0 ? 1 : 1 + random_below(left < 12 ? left : 12);
        bool block = n > 1 || random_below(4) == 0;
        for (int k = 0; k < n; k++, i++) {
            database = random_below(9) == 0 ? random_below(3) : database;
            events[i].database = database;
            events[i].phase = i < COMMANDS / 4 ? CDC_PHASE_SNAPSHOT : CDC_PHASE_INCR;
            events[i].tx_seq = block ? (uint32_t)k + 1 : 0;
            events[i].last = k + 1 == n;
            events[i].large = random_below(10) == 0;
            events[i].shard = 6;
        }
    }
}

static void make_event(cdc_batch *batch, int i)
{
    static const char long_text[LONG] = {0};
    char name[32];
    cdc_event *ev = cdc_batch_add(batch);
    cdc_value *values = cdc_arena_zalloc(&batch->arena, 2 * sizeof *values);
    assert_non_null(ev);
    values[0] = (cdc_value){.kind = CDC_BYTES, .p = "SET", .len = 3};
    values[1] = (cdc_value){.kind = CDC_BYTES, .p = long_text, .len = events[i].large ? LONG : 10};
    *ev = (cdc_event){.op = CDC_OP_COMMAND,
                      .phase = events[i].phase,
                      .redis_db = events[i].database,
                      .tx_seq = events[i].tx_seq,
                      .last = events[i].last,
                      .shard = events[i].shard,
                      .after = values,
                      .nargs = 2,
                      .key_arg = -1,
                      .gtid = "",
                      .pos_file = "r",
                      .pos = (uint64_t)i};
    snprintf(name, sizeof name, "r:%d", events[i].tx_seq > 1 ? i + 1 - (int)events[i].tx_seq : i);
    ev->txn = cdc_arena_strndup(&batch->arena, name, strlen(name));
}

/* The token says how many commands are behind it. */
static void end_batch(cdc_batch *batch, int i)
{
    char token[16];
    cdc_event *ev = cdc_batch_add(batch);
    *ev = (cdc_event){.op = CDC_OP_COMMIT, .txn = "", .gtid = "", .pos_file = ""};
    snprintf(token, sizeof token, "%d", i);
    batch->token = cdc_arena_strndup(&batch->arena, token, strlen(token));
    batch->token_len = (uint32_t)strlen(token);
}

/* --- running --- */

/* One life, as in test_publisher.c. lazy: the source ends batches now and then without a token,
 * where it could give one. */
static bool live(int size, int budget, bool lazy)
{
    cdc_publisher *pub;
    int at = saved.token.len > 0 ? (int)strtol(saved.token.p, NULL, 10) : 0;
    nrecords = ncommitted; /* what was not committed never was */
    cdc_checkpoint start = saved;
    assert_int_equal(cdc_publisher_new(&pub, &env, &text_codec, NULL, &start, &err), CDC_OK);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    while (at < COMMANDS && budget > 0) {
        cdc_batch_reset(batch);
        for (int i = 0; i < size && at < COMMANDS && budget > 0; i++, budget--) {
            make_event(batch, at++);
        }
        bool ended = events[at - 1].last && (at == COMMANDS || !lazy || random_below(2) == 0);
        if (ended) {
            end_batch(batch, at);
        }
        if (cdc_publisher_batch(pub, batch, &err) != CDC_OK) {
            fail_msg("%s", err.text);
        }
        assert_true(cdc_publisher_may_commit(pub) == ended);
        if (ended && (at == COMMANDS || random_below(3) == 0)) {
            assert_int_equal(cdc_publisher_commit(pub, &err), CDC_OK);
            assert_int_equal(saved.skip_rows, 0);
        }
    }
    cdc_batch_free(batch);
    cdc_publisher_free(pub);
    return at == COMMANDS;
}

/* The record has these commands of the log, from number `at` on: all that a record may have, and
 * its place in its block. Returns how many. */
static int check_record(const record *rec, int at, uint64_t *seq)
{
    char text[TEXT_MAX];
    int n = 0;
    int len = snprintf(text, sizeof text, "%d %c", (int)events[at].database,
                       events[at].phase == CDC_PHASE_SNAPSHOT ? 's' : 'i');
    while (strcmp(text, rec->text) != 0) {
        assert_true(n < ROWS && at + n < COMMANDS);
        len += snprintf(text + len, sizeof text - (size_t)len, " %d", at + n);
        n++;
    }
    assert_true(n > 0);
    const bool part = events[at].tx_seq > 1 || !events[at + n - 1].last;
    *seq = events[at].tx_seq > 1 ? *seq + 1 : 1;
    assert_int_equal(rec->seq, *seq);
    assert_int_equal(rec->last, events[at + n - 1].last);
    assert_int_equal(rec->partition, 6 % 4);
    for (int i = 1; part && i < n; i++) { /* a part of a block, and nothing else */
        assert_int_equal(events[at + i].tx_seq, events[at].tx_seq + (uint32_t)i);
    }
    return n;
}

static void check_committed(void)
{
    int at = 0;
    uint64_t seq = 0;
    for (size_t i = 0; i < ncommitted; i++) {
        at += check_record(&records[i], at, &seq);
    }
    assert_int_equal(at, COMMANDS);
}

static void test_deaths(void **state)
{
    (void)state;
    open_task(tables, TASK);
    for (uint32_t s = 1; s <= 4; s++) {
        make_log(s);
        for (int size = 1; size <= 40; size = size * 2 + 1) {
            for (int behind = 1; behind < COMMANDS; behind += 7) {
                begin_anew();
                seed = s * 1000 + (uint32_t)behind;
                bool lazy = behind % 2 == 0;
                bool done = live(size, behind, lazy);
                done = done || live(size, 17 + behind / 2, lazy);
                while (!done) {
                    done = live(size, COMMANDS, lazy);
                }
                check_committed();
            }
        }
    }
    cdc_metric *rows =
        cdc_metrics_number(env.metrics, CDC_COUNTER, "sluice_rows_total", "op=\"command\"", "");
    assert_true(cdc_metric_get(rows) > COMMANDS);
    close_task();
}

/* --- grouping --- */

static cdc_event one(int32_t database, uint32_t tx_seq, bool last)
{
    return (cdc_event){.op = CDC_OP_COMMAND, .redis_db = database, .tx_seq = tx_seq, .last = last};
}

static void test_grouping(void **state)
{
    (void)state;
    cdc_event ev[300];
    cdc_value large = {.kind = CDC_BYTES, .len = 500, .p = ""};
    for (int i = 0; i < 300; i++) {
        ev[i] = one(0, 0, true);
    }
    assert_int_equal(cdc_group_commands(ev, 300, 100, 1 << 20), 100);
    assert_int_equal(cdc_group_commands(ev, 7, 100, 1 << 20), 7);
    assert_int_equal(cdc_group_commands(ev, 300, 1, 1 << 20), 1);
    assert_int_equal(cdc_group_commands(ev, 300, 100, 64 * 20), 20);
    assert_int_equal(cdc_group_commands(ev, 300, 100, 1), 1);
    ev[3].after = &large;
    ev[3].nargs = 1;
    assert_int_equal(cdc_group_commands(ev, 300, 100, 600), 3);
    assert_int_equal(cdc_group_commands(ev + 3, 300, 100, 600), 1);
    ev[3].nargs = 0;
    ev[5].redis_db = 1;
    assert_int_equal(cdc_group_commands(ev, 300, 100, 1 << 20), 5);
    ev[4].shard = 1;
    assert_int_equal(cdc_group_commands(ev, 300, 100, 1 << 20), 4);
    ev[3].phase = CDC_PHASE_SNAPSHOT;
    assert_int_equal(cdc_group_commands(ev, 300, 100, 1 << 20), 3);
    ev[2].op = CDC_OP_COMMIT;
    assert_int_equal(cdc_group_commands(ev, 300, 100, 1 << 20), 2);
    for (int i = 0; i < 10; i++) { /* two single ones, a block of six, two single ones */
        ev[i] = i >= 2 && i < 8 ? one(0, (uint32_t)i - 1, i == 7) : one(0, 0, true);
    }
    assert_int_equal(cdc_group_commands(ev, 10, 100, 1 << 20), 10);
    assert_int_equal(cdc_group_commands(ev, 10, 8, 1 << 20), 8);
    assert_int_equal(cdc_group_commands(ev, 10, 7, 1 << 20), 2);
    assert_int_equal(cdc_group_commands(ev, 7, 100, 1 << 20), 2); /* its end is not here yet */
    assert_int_equal(cdc_group_commands(ev + 2, 8, 5, 1 << 20), 5);
    assert_int_equal(cdc_group_commands(ev + 7, 3, 5, 1 << 20), 1);
    assert_int_equal(cdc_group_commands(ev + 4, 6, 100, 1 << 20), 4);
    ev[4].redis_db = 2; /* SELECT in a block */
    assert_int_equal(cdc_group_commands(ev, 10, 100, 1 << 20), 2);
    assert_int_equal(cdc_group_commands(ev + 2, 8, 100, 1 << 20), 2);
    assert_int_equal(cdc_group_commands(ev + 4, 6, 100, 1 << 20), 1);
}

/* A database that the task cannot name. */
static void test_database_out_of_range(void **state)
{
    (void)state;
    cdc_publisher *pub;
    cdc_checkpoint start = {0};
    open_task(tables, TASK);
    make_log(1);
    events[0].database = 256;
    assert_int_equal(cdc_publisher_new(&pub, &env, &text_codec, NULL, &start, &err), CDC_OK);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    make_event(batch, 0);
    assert_int_equal(cdc_publisher_batch(pub, batch, &err), CDC_FATAL);
    assert_string_equal(err.code, "database_number");
    assert_non_null(strstr(err.text, "r:0 (transaction r:0): database 256: sluice takes 0 to 255"));
    cdc_batch_free(batch);
    cdc_publisher_free(pub);
    close_task();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grouping),
        cmocka_unit_test(test_deaths),
        cmocka_unit_test(test_database_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

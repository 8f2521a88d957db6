/* Whole transactions out of several partitions, whatever the order in which these are read: handed
 * on is what the source has done, in its order; what is missing or belongs to none is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "consumers/merge.h"
#include "topics/ends.h"
#include "topics/transaction.h"

enum { PARTS = 5, DATA = 4, MESSAGES = 300, TEXT = 1200 };

/* --- Kafka: the partitions of a (0 to 2), b (3) and of the records of transactions (4) --- */

typedef struct record {
    char header[64], value[TEXT];
    uint64_t id; /* of a message */
    int upto;    /* of a transaction: how many messages are written before it */
} record;

static record log_of[PARTS][MESSAGES];
static int written[PARTS], have[PARTS], taken[PARTS]; /* have: all; written: so far */
static bool paused[PARTS];
static int allocated;
static const cdc_offset places[PARTS] = {
    {"a", 0, 0}, {"a", 1, 0}, {"a", 2, 0}, {"b", 0, 0}, {"x", 0, 0}};

static int place_of(const char *topic, int32_t partition)
{
    return topic[0] == 'x' ? 4 : topic[0] == 'b' ? 3 : (int)partition;
}

void cdc_consumer_pause(cdc_consumer *cs, const char *topic, int32_t partition)
{
    (void)cs;
    paused[place_of(topic, partition)] = true;
}

void cdc_consumer_resume(cdc_consumer *cs, const char *topic, int32_t partition)
{
    (void)cs;
    paused[place_of(topic, partition)] = false;
}

void cdc_consumer_release(cdc_message *msg)
{
    allocated -= msg->handle != NULL ? 1 : 0;
    msg->handle = NULL;
}

int64_t cdc_consumer_position(cdc_consumer *cs, const char *topic, int32_t partition)
{
    (void)cs;
    return taken[place_of(topic, partition)];
}

cdc_rc cdc_ends_new(cdc_ends **out, const cdc_env *env, cdc_error *err)
{
    (void)env;
    (void)err;
    *out = (cdc_ends *)(uintptr_t)written;
    return CDC_OK;
}

void cdc_ends_free(cdc_ends *en)
{
    (void)en;
}

cdc_rc cdc_ends_ask(cdc_ends *en, const cdc_offset *at, uint32_t n, int64_t *out, cdc_error *err)
{
    (void)en;
    (void)err;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = written[place_of(at[i].topic, at[i].partition)];
    }
    return CDC_OK;
}

/* --- a log --- */

static uint32_t seed;
static int part_of[MESSAGES + 1]; /* by id; DATA: in a topic that is not read */
static int txn_of[MESSAGES + 1], ntxns, nmessages;
static int index_of[MESSAGES + 1]; /* its offset */

static int below(int n)
{
    seed = seed * 1664525U + 1013904223U;
    return (int)((seed >> 8) % (uint32_t)n);
}

static void add_record(int first, int last)
{
    record *rec = &log_of[4][have[4]++];
    char name[16];
    cdc_transaction_part parts[DATA + 1];
    cdc_transaction tx = {.task = "t",
                          .id = name,
                          .count = (uint64_t)(last - first + 1),
                          .first = (uint64_t)first,
                          .last = (uint64_t)last,
                          .parts = parts};
    cdc_buffer out;
    snprintf(name, sizeof name, "g:%d", ntxns);
    for (int p = 0; p <= DATA; p++) {
        cdc_transaction_part part = {.topic = "ddl"};
        for (int id = first; id <= last; id++) {
            if (part_of[id] == p) {
                part.first = part.count++ == 0 ? (uint64_t)id : part.first;
                part.last = (uint64_t)id;
            }
        }
        if (p < DATA) {
            part.topic = places[p].topic;
            part.partition = places[p].partition;
        }
        if (part.count > 0) {
            parts[tx.nparts++] = part;
        }
    }
    cdc_buffer_init(&out, TEXT);
    cdc_transaction_encode(&tx, &out);
    assert_false(out.failed);
    snprintf(rec->value, sizeof rec->value, "%s", cdc_buffer_cstr(&out));
    cdc_buffer_fini(&out);
    rec->upto = last;
}

static void make_log(uint32_t with_seed)
{
    seed = with_seed;
    memset(have, 0, sizeof have);
    ntxns = nmessages = 0;
    for (int largest = 1 + below(40); nmessages < MESSAGES - 40; ntxns++) {
        int first = nmessages + 1;
        for (int n = 1 + below(largest); n > 0; n--) {
            int id = ++nmessages;
            int p = below(10) == 0 ? DATA : below(DATA);
            part_of[id] = p;
            txn_of[id] = ntxns;
            if (p < DATA) {
                record *rec = &log_of[p][have[p]];
                rec->id = (uint64_t)id;
                snprintf(rec->header, sizeof rec->header, "v=1;task=t;seq=1;id=%d", id);
                index_of[id] = have[p]++;
            }
        }
        add_record(first, nmessages);
    }
}

/* --- reading it --- */

static cdc_env env;
static cdc_error err;
static cdc_offset offsets[PARTS];
static int next_id, ended; /* handed on below this id; transactions that came to their end */
static bool skipped[MESSAGES + 1];

/* From these offsets on (-1: nothing is known there). */
static cdc_merge *open_merge(const int *from)
{
    cdc_merge *mg = NULL;
    for (int p = 0; p < PARTS; p++) {
        offsets[p] = places[p];
        offsets[p].next = from[p];
        taken[p] = from[p] > 0 ? from[p] : 0;
        written[p] = taken[p];
        paused[p] = false;
    }
    for (int id = 1; id <= nmessages; id++) {
        skipped[id] = part_of[id] == DATA || index_of[id] < from[part_of[id]];
    }
    next_id = 1;
    ended = 0;
    allocated = 0;
    const cdc_merge_read read = {.offsets = offsets, .n = PARTS, .transactions = "x", .side = ""};
    assert_int_equal(cdc_merge_new(&mg, &env, &read, &err), CDC_OK);
    return mg;
}

/* What is committed: messages up to some id, and the records of what is whole. */
static void write_on(void)
{
    int upto = next_id + below(100);
    for (int p = 0; p < DATA; p++) {
        while (written[p] < have[p] && (int)log_of[p][written[p]].id <= upto) {
            written[p]++;
        }
    }
    while (written[4] < have[4] && log_of[4][written[4]].upto <= upto) {
        written[4]++;
    }
}

static cdc_rc read_one(cdc_merge *mg)
{
    int p = below(PARTS);
    if (taken[p] >= written[p] || (paused[p] && below(5) > 0)) {
        return CDC_AGAIN;
    }
    record *rec = &log_of[p][taken[p]];
    cdc_message msg = {.topic = places[p].topic,
                       .partition = places[p].partition,
                       .offset = taken[p]++,
                       .value = {rec->value, strlen(rec->value)},
                       .header = {rec->header, strlen(rec->header)},
                       .handle = rec};
    allocated++;
    cdc_rc rc = cdc_merge_take(mg, (uint32_t)p, &msg, &err);
    cdc_consumer_release(&msg);
    return rc;
}

static void skip_over(void)
{
    while (next_id <= nmessages && skipped[next_id]) {
        next_id++;
    }
}

/* All that can be handed on now. */
static cdc_rc hand_on(cdc_merge *mg)
{
    cdc_rc rc = CDC_OK;
    for (bool more = true; more && rc == CDC_OK;) {
        cdc_message msg = {.handle = NULL};
        cdc_offset at;
        uint32_t part = 0;
        rc = cdc_merge_next(mg, &msg, &part, &err);
        more = rc == CDC_OK;
        if (more) {
            skip_over();
            assert_int_equal(log_of[part][msg.offset].id, next_id);
            assert_int_equal(txn_of[next_id], ended);
            assert_true(cdc_merge_open(mg));
            next_id++;
            cdc_consumer_release(&msg);
        }
        rc = rc == CDC_AGAIN ? CDC_OK : rc;
        if (rc == CDC_OK && cdc_merge_end(mg, &at)) {
            skip_over();
            assert_int_equal(at.next, ended + 1);
            assert_string_equal(at.topic, "x");
            assert_true(next_id > nmessages || txn_of[next_id] > ended);
            assert_false(cdc_merge_open(mg));
            ended++;
            more = true;
        }
    }
    return rc;
}

/* Until all is handed on, or an error. */
static cdc_rc read_all(cdc_merge *mg)
{
    cdc_rc rc = CDC_OK;
    int64_t now = 1000;
    for (int turn = 0; rc == CDC_OK && ended < have[4]; turn++) {
        if (turn > 200000) {
            fail_msg("stands still at id %d, transaction %d", next_id, ended);
        }
        if (below(8) == 0) {
            write_on();
        }
        rc = read_one(mg);
        rc = rc == CDC_AGAIN ? CDC_OK : rc;
        if (rc == CDC_OK && below(20) == 0) {
            rc = cdc_merge_look(mg, now += 60, &err);
        }
        if (rc == CDC_OK && below(3) == 0) {
            rc = hand_on(mg);
        }
    }
    cdc_merge_free(mg);
    assert_int_equal(allocated, 0);
    return rc;
}

static void test_any_order_of_reading(void **state)
{
    (void)state;
    static const int from[PARTS] = {-1, -1, -1, -1, -1};
    for (uint32_t s = 1; s <= 300; s++) {
        make_log(s);
        if (read_all(open_merge(from)) != CDC_OK) {
            fail_msg("%s", err.text);
        }
        skip_over();
        assert_int_equal(next_id, nmessages + 1);
    }
}

/* Partitions were applied by themselves before, each up to some place. */
static void test_going_on_behind_partitions(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 300; s++) {
        make_log(s);
        int from[PARTS] = {0, 0, 0, 0, -1};
        for (int p = 0; p < DATA; p++) {
            from[p] = below(4) == 0 ? have[p] : below(have[p] + 1);
        }
        if (read_all(open_merge(from)) != CDC_OK) {
            fail_msg("%s", err.text);
        }
        skip_over();
        assert_int_equal(next_id, nmessages + 1);
    }
}

static void lose(int p, int at)
{
    memmove(&log_of[p][at], &log_of[p][at + 1], (size_t)(have[p] - at - 1) * sizeof log_of[p][0]);
    have[p]--;
}

/* A message is gone: nothing of its transaction may come to an end. */
static void test_a_message_that_is_missing(void **state)
{
    (void)state;
    static const int from[PARTS] = {-1, -1, -1, -1, -1};
    for (uint32_t s = 1; s <= 300; s++) {
        make_log(s);
        int p = below(DATA);
        int at = below(have[p]);
        int lost = (int)log_of[p][at].id;
        int txn = txn_of[lost];
        lose(p, at);
        for (int id = 1; id <= nmessages; id++) {
            index_of[id] -= part_of[id] == p && index_of[id] > at ? 1 : 0;
        }
        cdc_merge *mg = open_merge(from);
        skipped[lost] = true;
        assert_int_equal(read_all(mg), CDC_FATAL);
        assert_string_equal(err.code, "transaction_incomplete");
        assert_int_equal(ended, txn);
    }
}

/* The record of a transaction is gone: its messages belong to none. */
static void test_a_record_that_is_missing(void **state)
{
    (void)state;
    static const int from[PARTS] = {0, 0, 0, 0, 0};
    for (uint32_t s = 1; s <= 300; s++) {
        make_log(s);
        int txn = 1 + below(have[4] - 2);
        int rows = 0;
        for (int id = 1; id <= nmessages && txn_of[id] < txn; id++) {
            rows += part_of[id] < DATA ? 1 : 0;
        }
        if (rows == 0) {
            continue;
        }
        lose(4, txn);
        assert_int_equal(read_all(open_merge(from)), CDC_FATAL);
        assert_string_equal(err.code, "transaction_uncovered");
        assert_int_equal(ended, txn);
    }
}

static void take(cdc_merge *mg, int p, record *rec, cdc_rc wanted)
{
    cdc_message msg = {.topic = places[p].topic,
                       .partition = places[p].partition,
                       .value = {rec->value, strlen(rec->value)},
                       .header = {rec->header, strlen(rec->header)}};
    assert_int_equal(cdc_merge_take(mg, (uint32_t)p, &msg, &err), wanted);
}

#define RECORD(first, topic, partition)                                                            \
    "{\"v\":1,\"task\":\"t\",\"id\":\"g\",\"count\":1,\"first\":" first ",\"last\":" first         \
    ",\"es\":0,\"ts\":0,\"tables\":[],\"partitions\":[{\"topic\":\"" topic                         \
    "\",\"partition\":" partition ",\"count\":1,\"first\":" first ",\"last\":" first "}]}"

static void test_what_does_not_belong(void **state)
{
    (void)state;
    static const int from[PARTS] = {-1, -1, -1, -1, -1};
    cdc_message msg;
    cdc_offset at;
    uint32_t part;
    nmessages = 0;
    record foreign = {.header = "v=1;task=other;seq=1;id=9"};
    record without = {.header = "v=1;task=t;seq=1"};
    record ours = {.header = "v=1;task=t;seq=1;id=5"};
    record tx = {.value = RECORD("5", "a", "1")};
    cdc_merge *mg = open_merge(from);
    take(mg, 4, &tx, CDC_OK);
    take(mg, 1, &ours, CDC_OK);
    assert_int_equal(cdc_merge_waits_at(mg, 1), 0);
    assert_int_equal(cdc_merge_next(mg, &msg, &part, &err), CDC_OK);
    assert_int_equal(part, 1);
    assert_true(cdc_merge_end(mg, &at));
    assert_false(cdc_merge_end(mg, &at));
    assert_int_equal(cdc_merge_waits_at(mg, 1), -1);
    take(mg, 1, &ours, CDC_FATAL); /* again */
    assert_string_equal(err.code, "transaction_uncovered");
    take(mg, 2, &without, CDC_FATAL);
    assert_string_equal(err.code, "transaction_uncovered");
    take(mg, 2, &foreign, CDC_FATAL);
    assert_string_equal(err.code, "transaction_foreign");
    record late = {.header = "v=1;task=t;seq=1;id=3"};
    take(mg, 0, &late, CDC_FATAL); /* of a transaction before the one that was handed on */
    assert_string_equal(err.code, "transaction_uncovered");
    take(mg, 4, &tx, CDC_OK); /* again */
    assert_int_equal(cdc_merge_next(mg, &msg, &part, &err), CDC_FATAL);
    assert_string_equal(err.code, "transaction_uncovered");
    cdc_merge_free(mg);

    mg = open_merge(from); /* known only afterwards */
    take(mg, 2, &foreign, CDC_OK);
    take(mg, 4, &tx, CDC_OK);
    assert_int_equal(cdc_merge_next(mg, &msg, &part, &err), CDC_FATAL);
    assert_string_equal(err.code, "transaction_foreign");
    cdc_merge_free(mg);

    record before = {.header = "v=1;task=t;seq=1;id=4"};
    mg = open_merge(from);
    take(mg, 4, &tx, CDC_OK);
    assert_int_equal(cdc_merge_next(mg, &msg, &part, &err), CDC_AGAIN);
    take(mg, 0, &before, CDC_FATAL); /* the one in hand begins with 5 */
    assert_string_equal(err.code, "transaction_uncovered");
    cdc_merge_free(mg);

    record more = {.value = RECORD("5", "a", "3")};
    mg = open_merge(from);
    take(mg, 4, &more, CDC_OK);
    assert_int_equal(cdc_merge_next(mg, &msg, &part, &err), CDC_RETRY);
    assert_string_equal(err.code, "repartitioned");
    cdc_merge_free(mg);
}

/* Much waits, 16 MB, and all in one of five partitions: it is paused, and goes on when half of its
 * part, a sixth of that, waits there. */
static void test_pauses(void **state)
{
    (void)state;
    enum { SIZE = 100 * 1024, N = 250 };
    static const int from[PARTS] = {-1, -1, -1, -1, -1};
    static char large[SIZE];
    nmessages = 0;
    cdc_merge *mg = open_merge(from);
    record recs[N];
    int before = N;
    for (int i = 0; i < N; i++) {
        snprintf(recs[i].header, sizeof recs[i].header, "v=1;task=t;seq=1;id=%d", i + 1);
        cdc_message msg = {.topic = "a",
                           .value = {large, SIZE},
                           .header = {recs[i].header, strlen(recs[i].header)}};
        assert_int_equal(cdc_merge_take(mg, 0, &msg, &err), CDC_OK);
        before = paused[0] && before == N ? i : before;
    }
    assert_in_range(before, 155, 165);
    record tx = {.value = ""};
    snprintf(
        tx.value, sizeof tx.value,
        "{\"v\":1,\"task\":\"t\",\"id\":\"g\",\"count\":250,\"first\":1,\"last\":250,\"es\":0,"
        "\"ts\":0,\"tables\":[],\"partitions\":[{\"topic\":\"a\",\"partition\":0,\"count\":250,"
        "\"first\":1,\"last\":250}]}");
    take(mg, 4, &tx, CDC_OK);
    int left = N;
    for (; left > 0 && paused[0]; left--) {
        cdc_message msg;
        uint32_t part;
        assert_int_equal(cdc_merge_next(mg, &msg, &part, &err), CDC_OK);
    }
    assert_in_range(left, 12, 15);
    cdc_merge_free(mg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_of_reading),
        cmocka_unit_test(test_going_on_behind_partitions),
        cmocka_unit_test(test_a_message_that_is_missing),
        cmocka_unit_test(test_a_record_that_is_missing),
        cmocka_unit_test(test_what_does_not_belong),
        cmocka_unit_test(test_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

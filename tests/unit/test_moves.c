/* Rows that move from one partition to another, as the reader of topics sees them: whatever the
 * order in which partitions are read, each INSERT comes behind its DELETE, each partition's records
 * stay in their order, and it is known when nothing is on its way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "consumers/moves.h"
#include "topics/ends.h"

enum { PARTS = 4, RECORDS = 400 };

/* --- a consumer and the ends of its partitions --- */

static bool paused[PARTS];
static int64_t position[PARTS], ends[PARTS];

void cdc_consumer_pause(cdc_consumer *cs, const char *topic, int32_t partition)
{
    (void)cs;
    (void)topic;
    paused[partition] = true;
}

void cdc_consumer_resume(cdc_consumer *cs, const char *topic, int32_t partition)
{
    (void)cs;
    (void)topic;
    paused[partition] = false;
}

void cdc_consumer_release(cdc_message *msg)
{
    (void)msg;
}

int64_t cdc_consumer_position(cdc_consumer *cs, const char *topic, int32_t partition)
{
    (void)cs;
    (void)topic;
    return position[partition];
}

cdc_rc cdc_ends_new(cdc_ends **out, const cdc_env *env, cdc_error *err)
{
    (void)env;
    (void)err;
    *out = (cdc_ends *)(uintptr_t)ends;
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
    assert_int_equal(n, 1);
    *out = ends[at->partition];
    return CDC_OK;
}

/* --- a log: ids from 1, each in one partition; some are the two records of a row that moves --- */

typedef struct entry {
    char header[64];
    cdc_op op;
    int32_t part, move; /* the other's partition plus 1; 0: none */
} entry;

static entry entries[RECORDS + 2];
static uint32_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % n;
}

static void make_log(uint32_t percent)
{
    for (int id = 1; id <= RECORDS; id++) {
        entry *en = &entries[id];
        *en = (entry){.op = CDC_OP_UPDATE, .part = (int32_t)below(PARTS)};
        snprintf(en->header, sizeof en->header, "v=1;seq=1");
        if (below(100) < percent && id < RECORDS) {
            entry *on = en + 1;
            on->part = (int32_t)below(PARTS); /* most often another */
            en->op = CDC_OP_DELETE;
            on->op = CDC_OP_INSERT;
            en->move = on->part + 1;
            on->move = en->part + 1;
            snprintf(en->header, sizeof en->header, "v=1;seq=1;move=%d", (int)on->part);
            snprintf(on->header, sizeof on->header, "v=1;move=%d:%d;fk=0", (int)en->part, id++);
        }
    }
}

static cdc_env env;
static cdc_offset offsets[PARTS];
static _Atomic bool held[PARTS];
static cdc_error err;
static bool handed[RECORDS + 2];
static int restless; /* records handed on since nothing was on its way */
static int newest[PARTS];

static cdc_moves *open_moves(void)
{
    cdc_moves *mv = NULL;
    memset(handed, 0, sizeof handed);
    for (int p = 0; p < PARTS; p++) {
        offsets[p] = (cdc_offset){.topic = "t", .partition = p};
        held[p] = false;
        paused[p] = false;
        newest[p] = 0;
        position[p] = 0;
        ends[p] = RECORDS + 1;
    }
    const cdc_moves_read read = {.offsets = offsets, .held = held, .n = PARTS};
    assert_int_equal(cdc_moves_new(&mv, &env, &read, &err), CDC_OK);
    return mv;
}

/* The offset of a record is its id. */
static cdc_message message(int id)
{
    return (cdc_message){.topic = "t",
                         .partition = entries[id].part,
                         .offset = id,
                         .header = {entries[id].header, strlen(entries[id].header)}};
}

static bool hand_on(cdc_moves *mv, uint32_t part, const cdc_message *msg)
{
    int id = (int)msg->offset;
    const entry *en = &entries[id];
    cdc_event ev = {.op = (uint8_t)en->op,
                    .id = (uint64_t)id,
                    .move = en->move,
                    .topic = "t",
                    .partition = en->part};
    assert_int_equal(part, en->part);
    assert_true(id > newest[part]);
    newest[part] = id;
    handed[id] = true;
    if (en->op == CDC_OP_INSERT && entries[id - 1].move > 0) {
        assert_true(handed[id - 1]);
    }
    cdc_moves_pass(mv, part, &ev);
    restless = ev.moving ? restless + 1 : 0;
    return ev.moving;
}

static bool half_open(void)
{
    for (int id = 1; id < RECORDS; id++) {
        if (entries[id].op == CDC_OP_DELETE && handed[id] && !handed[id + 1]) {
            return true;
        }
    }
    return false;
}

static void drain(cdc_moves *mv)
{
    cdc_message msg;
    uint32_t part = 0;
    while (cdc_moves_next(mv, &msg, &part)) {
        bool moving = hand_on(mv, part, &msg);
        assert_int_equal(moving, half_open());
    }
}

/* The next record of a partition behind `id`, or 0. */
static int next_of(int32_t part, int64_t id)
{
    int next = (int)id + 1;
    while (next <= RECORDS && entries[next].part != part) {
        next++;
    }
    return next <= RECORDS ? next : 0;
}

/* Reads all partitions in any order; how many records were handed on at most while something was on
 * its way all the time? */
static int read_all(cdc_moves *mv, bool steered)
{
    int longest = 0;
    restless = 0;
    for (int left = RECORDS; left > 0;) {
        int32_t part = (int32_t)below(PARTS);
        int run = (int)below(60);
        int id = next_of(part, position[part]);
        for (; id > 0 && run-- > 0 && !paused[part]; id = next_of(part, position[part])) {
            bool waits = false;
            cdc_message msg = message(id);
            position[part] = id;
            left--;
            assert_int_equal(cdc_moves_take(mv, (uint32_t)part, &msg, &waits, &err), CDC_OK);
            if (!waits) {
                bool moving = hand_on(mv, (uint32_t)part, &msg);
                assert_int_equal(moving, half_open());
            }
            drain(mv);
            longest = restless > longest ? restless : longest;
            cdc_moves_steer(mv, steered && restless > 20);
            drain(mv);
        }
    }
    return longest;
}

static void test_any_order(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 200; s++) {
        seed = s;
        make_log(s % 3 == 0 ? 5 : 60);
        cdc_moves *mv = open_moves();
        (void)read_all(mv, s % 2 == 0);
        for (int id = 1; id <= RECORDS; id++) {
            assert_true(handed[id]);
        }
        assert_false(cdc_moves_open(mv));
        cdc_moves_free(mv);
    }
}

/* A log of moves only hardly comes to rest by itself; steered, it does. */
static void test_steering_ends_it(void **state)
{
    (void)state;
    int longest[2] = {0, 0};
    for (uint32_t s = 0; s < 100; s++) {
        seed = s / 2;
        make_log(100);
        cdc_moves *mv = open_moves();
        int n = read_all(mv, s % 2 == 1);
        longest[s % 2] = n > longest[s % 2] ? n : longest[s % 2];
        cdc_moves_free(mv);
    }
    assert_true(longest[0] > 150);
    assert_true(longest[1] < 100);
}

/* So many looks, a minute apart. */
static void look(cdc_moves *mv, int times)
{
    static int64_t now_ms = 1000;
    while (times-- > 0) {
        now_ms += 60000;
        assert_int_equal(cdc_moves_look(mv, now_ms, &err), CDC_OK);
    }
}

/* A row that moves from partition 0 to 1: its INSERT has come, and waits for the DELETE. */
static cdc_moves *open_waiting(void)
{
    bool waits = false;
    entries[1] = (entry){.header = "v=1;move=1", .op = CDC_OP_DELETE, .part = 0, .move = 2};
    entries[2] = (entry){.header = "v=1;move=0:1", .op = CDC_OP_INSERT, .part = 1, .move = 1};
    cdc_moves *mv = open_moves();
    cdc_message msg = message(2);
    assert_int_equal(cdc_moves_take(mv, 1, &msg, &waits, &err), CDC_OK);
    assert_true(waits);
    return mv;
}

/* Reading began between the two records. */
static void test_halves(void **state)
{
    (void)state;
    bool waits = false;
    cdc_message msg;
    cdc_moves *mv = open_waiting();
    assert_int_equal(cdc_moves_waits_at(mv, 1), 2);
    position[0] =
        ends[0] - 1; /* there is something there that was not read: it may be the DELETE */
    look(mv, 2);
    drain(mv);
    assert_false(handed[2]);
    position[0] = ends[0];
    look(mv, 2);
    handed[1] = true; /* only for hand_on, which looks for it */
    drain(mv);
    assert_true(handed[2]);
    cdc_moves_free(mv);

    mv = open_moves();
    msg = message(1);
    assert_int_equal(cdc_moves_take(mv, 0, &msg, &waits, &err), CDC_OK);
    assert_false(waits);
    assert_true(hand_on(mv, 0, &msg));
    position[1] = ends[1];
    look(mv, 1);
    assert_true(cdc_moves_open(mv)); /* too early to ask */
    look(mv, 2);
    assert_false(cdc_moves_open(mv));
    cdc_moves_free(mv);
}

/* ...of two in one partition: what is there waits for nothing. */
static void test_halves_in_one_partition(void **state)
{
    (void)state;
    bool waits = false;
    entries[1] = (entry){.header = "v=1;move=1", .op = CDC_OP_DELETE, .part = 1, .move = 2};
    entries[2] = (entry){.header = "v=1;move=1:1", .op = CDC_OP_INSERT, .part = 1, .move = 2};
    for (int first = 1; first <= 2; first++) {
        cdc_moves *mv = open_moves();
        handed[1] = true; /* for hand_on, which looks for it */
        for (int id = first; id <= 2; id++) {
            cdc_message msg = message(id);
            assert_int_equal(cdc_moves_take(mv, 1, &msg, &waits, &err), CDC_OK);
            assert_false(waits);
            assert_int_equal(hand_on(mv, 1, &msg), id == 1);
        }
        cdc_moves_free(mv);
    }
}

/* What waits for a partition that is held at a definition change waits no longer. */
static void test_held_partitions(void **state)
{
    (void)state;
    cdc_message msg;
    cdc_moves *mv = open_waiting();
    held[0] = true;
    uint32_t part = 0;
    assert_true(cdc_moves_next(mv, &msg, &part));
    assert_int_equal(msg.offset, 2);
    cdc_moves_free(mv);

    mv = open_moves();
    msg = message(1);
    assert_true(hand_on(mv, 0, &msg));
    held[1] = true;
    drain(mv);
    assert_true(cdc_moves_open(mv)); /* until it is read again */
    position[1] = ends[1];           /* passed over */
    look(mv, 3);
    assert_true(cdc_moves_open(mv));
    cdc_moves_free(mv);
}

/* What waits has a limit in memory; then the partition is paused until it flows again. */
static void test_pauses(void **state)
{
    (void)state;
    static char value[1024 * 1024];
    bool waits = false;
    entries[1] = (entry){.header = "v=1;move=1", .op = CDC_OP_DELETE, .part = 0, .move = 2};
    entries[2] = (entry){.header = "v=1;move=0:1", .op = CDC_OP_INSERT, .part = 1, .move = 1};
    cdc_moves *mv = open_moves();
    for (int id = 2; id <= 8; id++) {
        if (id > 2) {
            entries[id] = (entry){.header = "v=1", .op = CDC_OP_UPDATE, .part = 1};
        }
        cdc_message msg = message(id);
        msg.value = (cdc_bytes){value, sizeof value};
        assert_int_equal(paused[1], id > 5);
        assert_int_equal(cdc_moves_take(mv, 1, &msg, &waits, &err), CDC_OK);
        assert_true(waits);
    }
    cdc_message msg = message(1);
    assert_int_equal(cdc_moves_take(mv, 0, &msg, &waits, &err), CDC_OK);
    assert_true(hand_on(mv, 0, &msg));
    drain(mv);
    assert_true(handed[8]);
    assert_false(paused[1]);
    cdc_moves_free(mv);
}

static int open_env(void **state)
{
    (void)state;
    cdc_error_clear(&err);
    env.metrics = cdc_metrics_new("test", "t");
    return 0;
}

static int close_env(void **state)
{
    (void)state;
    cdc_metrics_free(env.metrics);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order), cmocka_unit_test(test_steering_ends_it),
        cmocka_unit_test(test_halves),    cmocka_unit_test(test_held_partitions),
        cmocka_unit_test(test_pauses),    cmocka_unit_test(test_halves_in_one_partition),
    };
    return cmocka_run_group_tests(tests, open_env, close_env);
}

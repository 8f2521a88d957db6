/* A session's share of a group's partitions: what it claims, what it writes at the target beside
 * the offsets, and who carries out a definition change when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "consumers/share.h"
#include "core/clock.h"

enum { MARKS = 32, DDL_AT = 40, WAIT_MS = 20 * 1000 };

/* --- the group, as it gives partitions --- */

static cdc_offset given[4];
static uint32_t ngiven;
static uint64_t generation;

cdc_rc cdc_membership_new(cdc_membership **out, const cdc_env *env, const char *const *topics,
                          size_t ntopics, cdc_error *err)
{
    (void)env;
    (void)topics;
    (void)ntopics;
    (void)err;
    *out = NULL;
    return CDC_OK;
}

void cdc_membership_free(cdc_membership *ms)
{
    (void)ms;
}

cdc_rc cdc_membership_take(cdc_membership *ms, cdc_arena *ar, cdc_membership_set *out,
                           cdc_error *err)
{
    (void)ms;
    (void)ar;
    (void)err;
    *out = (cdc_membership_set){
        .parts = given, .n = ngiven, .generation = generation, .joined = generation > 0};
    return CDC_OK;
}

uint64_t cdc_membership_generation(const cdc_membership *ms)
{
    (void)ms;
    return generation;
}

static uint32_t reported;

void cdc_membership_report(cdc_membership *ms, const cdc_offset *offsets, uint32_t n)
{
    (void)ms;
    (void)offsets;
    reported += n;
}

/* --- the target: offsets by name and partition, and what was claimed --- */

static struct {
    char topic[64];
    int32_t partition;
    int64_t next;
} marks[MARKS];
static uint32_t nmarks, commits, rollbacks;
static char claimed[200];

static int64_t *mark(const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < nmarks; i++) {
        if (strcmp(marks[i].topic, topic) == 0 && marks[i].partition == partition) {
            return &marks[i].next;
        }
    }
    assert_true(nmarks < MARKS);
    snprintf(marks[nmarks].topic, sizeof marks[nmarks].topic, "%s", topic);
    marks[nmarks].partition = partition;
    marks[nmarks].next = -1;
    return &marks[nmarks++].next;
}

static cdc_rc sink_claim(void *sink, const cdc_offset *parts, uint32_t n, cdc_error *err)
{
    (void)sink;
    (void)err;
    claimed[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        size_t at = strlen(claimed);
        snprintf(claimed + at, sizeof claimed - at, "%s:%d ", parts[i].topic, parts[i].partition);
    }
    return CDC_OK;
}

static cdc_rc sink_applied(void *sink, const char *topic, int32_t partition, int64_t *next,
                           cdc_error *err)
{
    (void)sink;
    (void)err;
    *next = *mark(topic, partition);
    return CDC_OK;
}

static cdc_rc sink_begin(void *sink, cdc_error *err)
{
    (void)sink;
    (void)err;
    return CDC_OK;
}

static cdc_rc sink_commit(void *sink, const cdc_offset *offsets, uint32_t n, cdc_error *err)
{
    (void)sink;
    (void)err;
    commits++;
    for (uint32_t i = 0; i < n; i++) {
        *mark(offsets[i].topic, offsets[i].partition) = offsets[i].next;
    }
    return CDC_OK;
}

static void sink_rollback(void *sink)
{
    (void)sink;
    rollbacks++;
}

static const cdc_sink sink = {.claim = sink_claim,
                              .applied = sink_applied,
                              .begin = sink_begin,
                              .commit = sink_commit,
                              .rollback = sink_rollback};

/* --- sessions: topic t has the partitions 0 to 2, the DDL topic is t.ddl --- */

static cdc_error err;
static const char *data[] = {"t"}, *ddl[] = {"t.ddl"};
static const cdc_topic_names names = {.data = data, .ndata = 1, .ddl = ddl, .nddl = 1};

static void give(uint32_t n, const int32_t *partitions)
{
    ngiven = n;
    generation++;
    for (uint32_t i = 0; i < n; i++) {
        given[i] = (cdc_offset){.topic = "t", .partition = partitions[i]};
    }
}

#define GIVE(...) give(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t), (int32_t[]){__VA_ARGS__})

static cdc_share *open_share(void)
{
    cdc_share *sh = NULL;
    const cdc_share_of of = {.sink = &sink, .names = &names};
    assert_int_equal(cdc_share_new(&sh, &of, &err), CDC_OK);
    assert_int_equal(cdc_share_topic(sh, "t", 3, &err), CDC_OK);
    return sh;
}

static int empty_target(void **state)
{
    (void)state;
    cdc_error_clear(&err);
    nmarks = commits = rollbacks = reported = 0;
    generation = 0;
    return 0;
}

static void note(cdc_share *sh, int32_t partition, uint64_t id)
{
    const cdc_event ev = {.topic = "t", .partition = partition, .id = id};
    cdc_share_note(sh, &ev);
}

/* --- tests --- */

static void test_what_is_claimed(void **state)
{
    (void)state;
    GIVE(0, 2);
    cdc_share *sh = open_share();
    assert_string_equal(claimed, "t:0 t:2 t.ddl:0 "); /* who has the first one leads */
    assert_true(cdc_share_leads(sh));
    assert_true(cdc_share_has(sh, "t", 2));
    assert_false(cdc_share_has(sh, "t", 1));
    assert_int_equal(cdc_share_partitions(sh), 3);
    assert_false(cdc_share_is_over(sh));
    GIVE(1, 2);
    assert_true(cdc_share_is_over(sh));
    cdc_share_free(sh);
    sh = open_share();
    assert_string_equal(claimed, "t:1 t:2 ");
    assert_false(cdc_share_leads(sh));
    cdc_share_free(sh);
}

/* Whoever is to end when it is caught up must not do so before the group has spoken. */
static void test_without_partitions(void **state)
{
    (void)state;
    ngiven = 0;
    cdc_share *sh = open_share();
    assert_string_equal(claimed, "");
    assert_false(cdc_share_may_end(sh));
    cdc_share_free(sh);
    GIVE(1);
    sh = open_share();
    assert_true(cdc_share_may_end(sh));
    cdc_share_free(sh);
}

static void test_newest_ids_are_kept(void **state)
{
    (void)state;
    cdc_offset offsets[6] = {{"t", 0, 11}, {"t", 1, 21}};
    *mark("t#id", 1) = 30;
    GIVE(0, 1);
    cdc_share *sh = open_share();
    note(sh, 0, 5);
    note(sh, 0, 7);
    note(sh, 1, 30); /* is there already */
    assert_int_equal(cdc_share_marks(sh, offsets, 2), 3);
    assert_string_equal(offsets[2].topic, "t#id");
    assert_int_equal(offsets[2].partition, 0);
    assert_int_equal(offsets[2].next, 7);
    assert_false(cdc_elsewhere_knows(cdc_share_elsewhere(sh), "t", 0, 7)); /* not committed */
    cdc_share_committed(sh, offsets, 2);
    assert_true(cdc_elsewhere_knows(cdc_share_elsewhere(sh), "t", 0, 7));
    assert_int_equal(reported, 2);
    note(sh, 0, 9);
    cdc_share_undone(sh);
    assert_int_equal(cdc_share_marks(sh, offsets, 2), 2); /* as if it had not come */
    cdc_share_free(sh);
}

/* Asks until it is not to wait any more; the target is asked only now and then. */
static cdc_share_turn turn_of(cdc_share *sh, const cdc_definition *def, cdc_share_turn expected)
{
    cdc_share_turn turn = CDC_SHARE_WAIT;
    int64_t until = cdc_clock_mono_ms() + (expected == CDC_SHARE_WAIT ? 200 : WAIT_MS);
    do {
        assert_int_equal(cdc_share_define(sh, def, &turn, &err), CDC_OK);
        cdc_clock_sleep_ms(10);
    } while (turn == CDC_SHARE_WAIT && cdc_clock_mono_ms() < until);
    return turn;
}

static void test_definition_changes(void **state)
{
    (void)state;
    cdc_offset at = {"t.ddl", 0, DDL_AT};
    const cdc_definition def = {.offsets = &at, .noffsets = 1};
    GIVE(0);
    cdc_share *leader = open_share();
    GIVE(1);
    cdc_share *other = open_share();
    assert_int_equal(turn_of(leader, &def, CDC_SHARE_WAIT), CDC_SHARE_WAIT);
    assert_int_equal(*mark("t#ddl", 0), DDL_AT);
    assert_int_equal(commits, 1); /* said once */
    assert_int_equal(turn_of(other, &def, CDC_SHARE_WAIT), CDC_SHARE_WAIT);
    assert_int_equal(*mark("t#ddl", 1), DDL_AT);
    /* nobody has partition 2 now; somebody will, and come as far */
    assert_int_equal(turn_of(leader, &def, CDC_SHARE_WAIT), CDC_SHARE_WAIT);
    *mark("t#ddl", 2) = DDL_AT - 1;
    assert_int_equal(turn_of(leader, &def, CDC_SHARE_WAIT), CDC_SHARE_WAIT);
    *mark("t#ddl", 2) = DDL_AT;
    assert_int_equal(turn_of(leader, &def, CDC_SHARE_OURS), CDC_SHARE_OURS);
    assert_int_equal(turn_of(other, &def, CDC_SHARE_WAIT), CDC_SHARE_WAIT); /* not carried out */
    *mark("t.ddl", 0) = DDL_AT;
    assert_int_equal(rollbacks, 0);
    assert_int_equal(turn_of(other, &def, CDC_SHARE_DONE), CDC_SHARE_DONE);
    assert_int_equal(rollbacks, 1); /* what it knew of the target's tables is of before */
    cdc_share_free(leader);
    cdc_share_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_claimed, empty_target),
        cmocka_unit_test_setup(test_without_partitions, empty_target),
        cmocka_unit_test_setup(test_newest_ids_are_kept, empty_target),
        cmocka_unit_test_setup(test_definition_changes, empty_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Topics of a task: made when they are missing and may be, refused when not, and rows sent to the
 * right partition. */
#include "topics/canal_hash.h"
#include "topics_kit.h"

static cdc_table *table(const char *database, const char *name)
{
    cdc_table *tbl = NULL;
    const cdc_column cols[] = {{.name = "id", .type_text = "int", .kind = CDC_INT, .charset = ""}};
    const uint16_t keys[] = {0};
    kit_ok(cdc_table_new(&tbl, database, name, cols, 1, keys, 1, &kit_error));
    return tbl;
}

static void test_topics_are_made(void **state)
{
    (void)state;
    kit k;
    cdc_topic_info info;
    kit_open(&k, kit_real(), "topics: {partitions: 3}\n");
    kit_ok(cdc_admin_describe(&k.env, k.name, &info, &kit_error));
    assert_int_equal(info.partitions, 0);
    kit_ok(cdc_admin_ensure(&k.env, k.name, 3, CDC_TOPIC_RECORDS, &kit_error));
    kit_ok(cdc_admin_ensure(&k.env, k.name, 3, CDC_TOPIC_RECORDS, &kit_error));
    kit_ok(cdc_admin_create(&k.env, k.name, 3, CDC_TOPIC_RECORDS, &kit_error));
    kit_ok(cdc_admin_describe(&k.env, k.name, &info, &kit_error));
    assert_int_equal(info.partitions, 3);
    assert_false(info.compacted);
    kit_ok(cdc_admin_ensure(&k.env, CDC_CHECKPOINT_TOPIC, CDC_CHECKPOINT_PARTITIONS,
                            CDC_TOPIC_COMPACTED, &kit_error));
    kit_ok(cdc_admin_describe(&k.env, CDC_CHECKPOINT_TOPIC, &info, &kit_error));
    assert_int_equal(info.partitions, CDC_CHECKPOINT_PARTITIONS);
    assert_true(info.compacted);
    kit_close(&k);
}

static void test_missing_topic_is_refused(void **state)
{
    (void)state;
    kit k;
    cdc_topic_info info;
    kit_open(&k, kit_real(), "topics: {create: false}\n");
    assert_int_equal(cdc_admin_ensure(&k.env, k.name, 1, CDC_TOPIC_RECORDS, &kit_error), CDC_FATAL);
    assert_string_equal(kit_error.code, "topic_missing");
    assert_int_equal(kit_error.exit, CDC_EXIT_REFUSED);
    assert_non_null(strstr(kit_error.text, k.name));
    assert_non_null(strstr(kit_error.text, "sluice topics TASK create"));
    kit_ok(cdc_admin_create(&k.env, k.name, 2, CDC_TOPIC_RECORDS, &kit_error));
    kit_ok(cdc_admin_ensure(&k.env, k.name, 2, CDC_TOPIC_RECORDS, &kit_error));
    kit_ok(cdc_admin_describe(&k.env, k.name, &info, &kit_error));
    assert_int_equal(info.partitions, 2);
    kit_close(&k);
}

static void test_too_many_replicas_is_fatal(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_real(), "topics: {replication_factor: 5}\n");
    assert_int_equal(cdc_admin_ensure(&k.env, k.name, 1, CDC_TOPIC_RECORDS, &kit_error), CDC_FATAL);
    assert_non_null(strstr(kit_error.text, "5 replicas"));
    kit_close(&k);
}

static void test_checkpoints_have_replicas_in_any_case(void **state)
{
    (void)state;
    kit k;
    kit_open(&k, kit_mock_brokers(), "");
    assert_int_equal(cdc_admin_replicas(&k.env, CDC_TOPIC_RECORDS, 5), 1);
    assert_int_equal(cdc_admin_replicas(&k.env, CDC_TOPIC_COMPACTED, 1), 1);
    assert_int_equal(cdc_admin_replicas(&k.env, CDC_TOPIC_COMPACTED, 2), 2);
    assert_int_equal(cdc_admin_replicas(&k.env, CDC_TOPIC_COMPACTED, 5), 3);
    kit_close(&k);
    kit_open(&k, kit_mock_brokers(), "topics: {replication_factor: 4}\n");
    assert_int_equal(cdc_admin_replicas(&k.env, CDC_TOPIC_RECORDS, 5), 4);
    assert_int_equal(cdc_admin_replicas(&k.env, CDC_TOPIC_COMPACTED, 5), 4);
    kit_close(&k);
}

static cdc_route route(cdc_router *rt, cdc_table *tbl, const char *key)
{
    cdc_route to = {.partition = -1};
    cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl};
    kit_ok(cdc_router_row(rt, &ev, kit_bytes(key), &to, &kit_error));
    return to;
}

/* Does an UPDATE of the first column move the row? */
static bool moves(cdc_router *rt, cdc_table *tbl)
{
    bool moved = false;
    cdc_value before[4] = {{.kind = CDC_INT, .i = 1}};
    cdc_value after[4] = {{.kind = CDC_INT, .i = 2}};
    cdc_event ev = {.op = CDC_OP_UPDATE, .table = tbl, .before = before, .after = after};
    kit_ok(cdc_router_moves(rt, &ev, &moved, &kit_error));
    return moved;
}

static void test_policy_single(void **state)
{
    (void)state;
    kit k;
    cdc_router *rt = NULL;
    kit_open(&k, kit_real(), "topics: {partitions: 4}\n");
    cdc_producer *pr = kit_producer(&k);
    cdc_table *tbl = table("shop", "orders");
    kit_ok(cdc_router_new(&rt, &k.env, pr, &kit_error));
    for (int i = 0; i < 3; i++) {
        cdc_route to = route(rt, tbl, i == 0 ? "a" : "b");
        assert_int_equal(to.partition, 0);
        assert_string_equal(cdc_topic_name(to.topic), k.name);
    }
    assert_false(moves(rt, tbl));
    cdc_router_free(rt);
    cdc_producer_free(pr);
    cdc_table_unref(tbl);
    kit_close(&k);
}

static void test_policy_table(void **state)
{
    (void)state;
    kit k;
    cdc_router *rt = NULL;
    bool used[5] = {false};
    kit_open(&k, kit_real(), "topics: {partitions: 5, policy: table}\n");
    cdc_producer *pr = kit_producer(&k);
    kit_ok(cdc_router_new(&rt, &k.env, pr, &kit_error));
    for (int i = 0; i < 1000; i++) {
        char name[32];
        char full[64];
        snprintf(name, sizeof name, "t%d", i);
        snprintf(full, sizeof full, "shop.t%d", i);
        cdc_table *tbl = table("shop", name);
        cdc_route to = route(rt, tbl, "a");
        assert_int_equal(to.partition, cdc_router_partition(full, strlen(full), 5));
        assert_int_equal(route(rt, tbl, "b").partition, to.partition);
        assert_false(moves(rt, tbl));
        used[to.partition] = true;
        cdc_table_unref(tbl);
    }
    for (int p = 0; p < 5; p++) {
        assert_true(used[p]);
    }
    cdc_router_free(rt);
    cdc_producer_free(pr);
    kit_close(&k);
}

static void test_policy_pk_and_topics_by_table(void **state)
{
    (void)state;
    kit k;
    cdc_router *rt = NULL;
    char wanted[128];
    kit_open(&k, kit_real(),
             "topics: {data: '{task}.{database}.{table}', partitions: 7, policy: pk}\n");
    kit_ok(cdc_admin_ensure(&k.env, CDC_CHECKPOINT_TOPIC, CDC_CHECKPOINT_PARTITIONS,
                            CDC_TOPIC_COMPACTED, &kit_error));
    cdc_producer *pr = NULL;
    kit_ok(cdc_producer_new(&pr, &k.env, &kit_error));
    kit_ok(cdc_router_new(&rt, &k.env, pr, &kit_error));
    cdc_table *one = table("shop", "orders");
    cdc_table *two = table("shop", "größe");
    for (int i = 0; i < 50; i++) {
        char key[32];
        snprintf(key, sizeof key, "[\"shop\",\"orders\",%d]", i);
        cdc_route to = route(rt, one, key);
        assert_int_equal(to.partition, cdc_router_partition(key, strlen(key), 7));
        snprintf(wanted, sizeof wanted, "%s.shop.orders", k.name);
        assert_string_equal(cdc_topic_name(to.topic), wanted);
    }
    snprintf(wanted, sizeof wanted, "%s.shop.gr__e", k.name);
    assert_string_equal(cdc_topic_name(route(rt, two, "x").topic), wanted);
    assert_true(moves(rt, one));
    cdc_router_free(rt);
    cdc_producer_free(pr);
    cdc_table_unref(one);
    cdc_table_unref(two);
    kit_close(&k);
}

static void test_other_number_of_partitions_is_refused(void **state)
{
    (void)state;
    kit k;
    cdc_router *rt = NULL;
    cdc_route to;
    kit_open(&k, kit_real(), "topics: {partitions: 7, policy: pk}\n");
    kit_ok(cdc_admin_create(&k.env, k.name, 4, CDC_TOPIC_RECORDS, &kit_error));
    cdc_producer *pr = kit_producer(&k);
    cdc_table *tbl = table("shop", "orders");
    kit_ok(cdc_router_new(&rt, &k.env, pr, &kit_error));
    cdc_event ev = {.op = CDC_OP_INSERT, .table = tbl};
    assert_int_equal(cdc_router_row(rt, &ev, kit_bytes("a"), &to, &kit_error), CDC_FATAL);
    assert_string_equal(kit_error.code, "topic_partitions");
    assert_non_null(strstr(kit_error.text, "has 4 partitions, and topics.partitions is 7"));
    cdc_router_free(rt);
    cdc_producer_free(pr);
    cdc_table_unref(tbl);
    kit_close(&k);
}

/* The topic had another number when the task wrote to it before. */
static void check_number_before(const char *more, int32_t before, bool refused, bool barrier)
{
    kit k;
    char text[128];
    cdc_router *rt = NULL;
    cdc_counts *counts = NULL;
    const char *name = NULL;
    snprintf(text, sizeof text, "topics: {partitions: 4, policy: pk%s}\n", more);
    kit_open(&k, kit_real(), text);
    cdc_producer *pr = kit_producer(&k);
    cdc_table *tbl = table("shop", "orders");
    cdc_table *newer = table("shop", "orders");
    kit_ok(cdc_counts_new(&counts, NULL, &kit_error));
    kit_ok(cdc_counts_set(counts, k.name, before, &kit_error));
    kit_ok(cdc_router_new(&rt, &k.env, pr, &kit_error));
    cdc_router_set_counts(rt, counts);
    cdc_rc rc = cdc_router_prepare(rt, tbl, &name, &kit_error);
    assert_int_equal(rc, refused ? CDC_FATAL : CDC_OK);
    if (refused) {
        assert_string_equal(kit_error.code, "topic_partitions");
        assert_non_null(strstr(kit_error.text, "has 4 partitions, had 3 when the task last wrote"));
    } else {
        assert_int_equal(name != NULL, barrier);
        assert_int_equal(cdc_counts_get(counts, k.name), 4);
        kit_ok(cdc_router_prepare(rt, newer, &name, &kit_error));
        assert_null(name); /* once */
    }
    cdc_router_free(rt);
    cdc_counts_free(counts);
    cdc_producer_free(pr);
    cdc_table_unref(tbl);
    cdc_table_unref(newer);
    kit_close(&k);
}

static void test_another_number_than_before(void **state)
{
    (void)state;
    check_number_before("", 3, true, false);
    check_number_before("", 4, false, false);
    check_number_before(", repartition: barrier", 3, false, true);
    check_number_before(", repartition: barrier", 4, false, false);
}

static cdc_rc number_text(void *arg, const cdc_column *col, const cdc_value *v, cdc_buffer *out,
                          cdc_error *err)
{
    (void)arg;
    (void)col;
    (void)err;
    cdc_buffer_add_i64(out, v->i);
    return CDC_OK;
}

static cdc_table *wide_table(const char *name)
{
    cdc_table *tbl = NULL;
    const cdc_column cols[] = {{.name = "id", .type_text = "int", .kind = CDC_INT, .charset = ""},
                               {.name = "a", .type_text = "int", .kind = CDC_INT, .charset = ""},
                               {.name = "b", .type_text = "int", .kind = CDC_INT, .charset = ""}};
    const uint16_t keys[] = {0};
    kit_ok(cdc_table_new(&tbl, "shop", name, cols, 3, keys, 1, &kit_error));
    return tbl;
}

static void test_policies_over_columns(void **state)
{
    (void)state;
    kit k;
    cdc_router *rt = NULL;
    cdc_route to;
    kit_open(&k, kit_real(),
             "topics: {partitions: 7, policy: columns, columns: [B, a], rules: [{match: shop.c, "
             "policy: canal, columns: [a]}, {match: shop.x, columns: [nothing]}]}\n");
    cdc_producer *pr = kit_producer(&k);
    kit_ok(cdc_router_new(&rt, &k.env, pr, &kit_error));
    cdc_router_set_text(rt, number_text, NULL);
    cdc_table *t = wide_table("t");
    cdc_table *c = wide_table("c");
    cdc_table *x = wide_table("x");
    cdc_value before[] = {{.kind = CDC_INT, .i = 1}, {.kind = CDC_INT, .i = 2}, {.kind = CDC_NULL}};
    cdc_value after[] = {
        {.kind = CDC_INT, .i = 9}, {.kind = CDC_INT, .i = 2}, {.kind = CDC_INT, .i = 30}};
    bool moved = false;
    cdc_event ev = {.op = CDC_OP_UPDATE, .table = t, .before = before, .after = after};
    kit_ok(cdc_router_row(rt, &ev, kit_bytes("key"), &to, &kit_error));
    assert_int_equal(to.partition, cdc_router_partition("30\0"
                                                        "2",
                                                        4, 7));
    kit_ok(cdc_router_moves(rt, &ev, &moved, &kit_error));
    assert_true(moved);
    ev.op = CDC_OP_DELETE;
    kit_ok(cdc_router_row(rt, &ev, kit_bytes("key"), &to, &kit_error));
    assert_int_equal(to.partition, cdc_router_partition("\0"
                                                        "2",
                                                        2, 7));
    ev = (cdc_event){.op = CDC_OP_UPDATE, .table = c, .before = before, .after = after};
    kit_ok(cdc_router_row(rt, &ev, kit_bytes("key"), &to, &kit_error));
    int32_t hash = cdc_canal_hash("shop", 4) ^ cdc_canal_hash("2", 1);
    assert_int_equal(to.partition, cdc_canal_partition(hash, 7));
    kit_ok(cdc_router_moves(rt, &ev, &moved, &kit_error));
    assert_false(moved); /* its key changes, which is not hashed */
    ev.table = x;
    assert_int_equal(cdc_router_row(rt, &ev, kit_bytes("key"), &to, &kit_error), CDC_FATAL);
    assert_string_equal(kit_error.code, "topic_columns");
    assert_non_null(
        strstr(kit_error.text, "topics.rules[1].columns: table shop.x has no column nothing"));
    cdc_router_free(rt);
    cdc_producer_free(pr);
    cdc_table_unref(t);
    cdc_table_unref(c);
    cdc_table_unref(x);
    kit_close(&k);
}

static void check_ddl(const char *topics, const char *suffix)
{
    kit k;
    cdc_router *rt = NULL;
    cdc_route to;
    char wanted[128];
    cdc_event ev = {.op = CDC_OP_DDL, .ddl_database = "shop", .ddl_table = "orders"};
    kit_open(&k, kit_real(), topics);
    cdc_producer *pr = kit_producer(&k);
    kit_ok(cdc_router_new(&rt, &k.env, pr, &kit_error));
    kit_ok(cdc_router_ddl(rt, &ev, &to, &kit_error));
    snprintf(wanted, sizeof wanted, "%s%s", k.name, suffix);
    assert_string_equal(cdc_topic_name(to.topic), wanted);
    assert_int_equal(to.partition, 0);
    cdc_router_free(rt);
    cdc_producer_free(pr);
    kit_close(&k);
}

static void test_ddl_goes_its_way(void **state)
{
    (void)state;
    check_ddl("", ".ddl");
    check_ddl("topics: {ddl: ''}\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics_are_made),
        cmocka_unit_test(test_missing_topic_is_refused),
        cmocka_unit_test(test_too_many_replicas_is_fatal),
        cmocka_unit_test(test_checkpoints_have_replicas_in_any_case),
        cmocka_unit_test(test_policy_single),
        cmocka_unit_test(test_policy_table),
        cmocka_unit_test(test_policy_pk_and_topics_by_table),
        cmocka_unit_test(test_other_number_of_partitions_is_refused),
        cmocka_unit_test(test_another_number_than_before),
        cmocka_unit_test(test_policies_over_columns),
        cmocka_unit_test(test_ddl_goes_its_way),
    };
    return cmocka_run_group_tests(tests, kit_start, kit_end);
}

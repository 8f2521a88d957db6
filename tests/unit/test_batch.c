/* Tables, batches and the queue between two threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "core/queue.h"

static cdc_table *make_table(const char *type_text)
{
    const char *const labels[] = {"x", "y"};
    const cdc_column cols[] = {
        {.name = "id", .type_text = "bigint", .kind = CDC_INT, .java_type = -5},
        {.name = "Name",
         .type_text = type_text,
         .kind = CDC_TEXT,
         .nullable = true,
         .charset = "utf8mb4"},
        {.name = "e",
         .type_text = "enum('x','y')",
         .kind = CDC_ENUM,
         .labels = labels,
         .nlabels = 2},
    };
    const uint16_t keys[] = {0};
    cdc_table *tbl = NULL;
    cdc_error err;
    assert_int_equal(cdc_table_new(&tbl, "shop", "users", cols, 3, keys, 1, &err), CDC_OK);
    return tbl;
}

static void test_table_copies_everything(void **state)
{
    (void)state;
    cdc_table *a = make_table("varchar(10)");
    cdc_table *b = make_table("varchar(10)");
    cdc_table *c = make_table("varchar(11)");
    assert_string_equal(a->database, "shop");
    assert_string_equal(a->cols[2].labels[1], "y");
    assert_int_equal(a->cols[0].key_part, 0);
    assert_int_equal(a->cols[1].key_part, -1);
    assert_int_equal(cdc_table_find_column(a, "NAME"), 1);
    assert_int_equal(cdc_table_find_column(a, "nope"), -1);
    assert_int_equal(a->version, b->version);
    assert_int_not_equal(a->version, c->version);
    assert_int_not_equal(a->uid, b->uid);
    cdc_table_unref(a);
    cdc_table_unref(b);
    cdc_table_unref(c);
}

static void test_table_refuses_nonsense(void **state)
{
    (void)state;
    const cdc_column col = {.name = "id", .type_text = "int", .kind = CDC_INT};
    const uint16_t keys[] = {5};
    cdc_table *tbl = NULL;
    cdc_error err;
    assert_int_equal(cdc_table_new(&tbl, "d", "t", &col, 0, NULL, 0, &err), CDC_FATAL);
    assert_int_equal(cdc_table_new(&tbl, "d", "t", &col, 1, keys, 1, &err), CDC_FATAL);
    assert_null(tbl);
    assert_non_null(strstr(err.text, "d.t"));
}

static void test_batch_holds_tables_until_reset(void **state)
{
    (void)state;
    cdc_batch *batch = cdc_batch_new(1024 * 1024);
    cdc_table *tbl = make_table("text");
    for (int i = 0; i < 1000; i++) {
        cdc_event *ev = cdc_batch_add(batch);
        assert_non_null(ev);
        ev->seq = (uint64_t)i;
        assert_true(cdc_batch_hold(batch, tbl));
    }
    assert_int_equal(tbl->refs, 2);
    assert_int_equal(batch->events[999].seq, 999);
    assert_string_equal(batch->events[0].txn, "");
    cdc_batch_reset(batch);
    assert_int_equal(tbl->refs, 1);
    assert_int_equal(batch->nevents, 0);
    cdc_batch_free(batch);
    cdc_table_unref(tbl);
}

static void test_batch_ends_at_its_maximum(void **state)
{
    (void)state;
    cdc_batch *batch = cdc_batch_new(256 * sizeof(cdc_event));
    int n = 0;
    while (cdc_batch_add(batch) != NULL) {
        n++;
    }
    assert_int_equal(n, 256);
    cdc_batch_free(batch);
}

static void test_ddl_names_both_ways(void **state)
{
    (void)state;
    bool known = false;
    assert_int_equal(cdc_ddl_parse("ERASE", 5, &known), CDC_DDL_ERASE);
    assert_true(known);
    cdc_ddl_parse("ERAS", 4, &known);
    assert_false(known);
    assert_string_equal(cdc_ddl_name(CDC_DDL_DINDEX), "DINDEX");
}

enum { ROUNDS = 2000 };

static void *produce(void *arg)
{
    cdc_queue *q = arg;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        cdc_batch *batch = cdc_queue_take_empty(q);
        cdc_batch_add(batch)->seq = i;
        cdc_arena_alloc(&batch->arena, 1000);
        cdc_rc rc;
        do {
            rc = cdc_queue_push(q, batch, 10);
        } while (rc == CDC_AGAIN);
        if (rc != CDC_OK) {
            cdc_queue_give_back(q, batch);
        }
    }
    cdc_queue_close(q);
    return NULL;
}

static void test_queue_keeps_order_and_its_bound(void **state)
{
    (void)state;
    cdc_queue *q = cdc_queue_new(10000, 1024 * 1024);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, q), 0);
    uint64_t next = 0;
    cdc_rc rc;
    do {
        cdc_batch *batch = NULL;
        rc = cdc_queue_pop(q, &batch, 1000);
        assert_int_not_equal(rc, CDC_AGAIN);
        assert_true(cdc_queue_bytes(q) <= 10000);
        if (rc == CDC_OK) {
            assert_int_equal(batch->events[0].seq, next);
            next++;
            cdc_queue_give_back(q, batch);
        }
    } while (rc == CDC_OK);
    assert_int_equal(rc, CDC_EOF);
    assert_int_equal(next, ROUNDS);
    pthread_join(thread, NULL);
    cdc_queue_free(q);
}

static void test_queue_full_and_closed(void **state)
{
    (void)state;
    cdc_queue *q = cdc_queue_new(100, 1024 * 1024);
    cdc_batch *a = cdc_queue_take_empty(q);
    cdc_batch *b = cdc_queue_take_empty(q);
    cdc_arena_alloc(&a->arena, 500); /* larger than the queue: let in because it is empty */
    cdc_arena_alloc(&b->arena, 8);
    assert_int_equal(cdc_queue_push(q, a, 0), CDC_OK);
    assert_int_equal(cdc_queue_push(q, b, 1), CDC_AGAIN);
    cdc_queue_close(q);
    assert_int_equal(cdc_queue_push(q, b, 1), CDC_EOF);
    cdc_queue_give_back(q, b);
    assert_int_equal(cdc_queue_pop(q, &a, 0), CDC_OK);
    cdc_queue_give_back(q, a);
    assert_int_equal(cdc_queue_pop(q, &a, 0), CDC_EOF);
    cdc_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_copies_everything),
        cmocka_unit_test(test_table_refuses_nonsense),
        cmocka_unit_test(test_batch_holds_tables_until_reset),
        cmocka_unit_test(test_batch_ends_at_its_maximum),
        cmocka_unit_test(test_ddl_names_both_ways),
        cmocka_unit_test(test_queue_keeps_order_and_its_bound),
        cmocka_unit_test(test_queue_full_and_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

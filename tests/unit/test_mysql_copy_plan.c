/* The plan of a full copy with fake ranges: a log and a table in memory, a writer, workers whose
 * steps come in any order, and a reader. After each step what was handed over must be a part of
 * what the source held at the reader's place in the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/log.h"
#include "producers/mysql/copy_plan.h"

enum { KEYS = 24, LOG_MAX = 400, WORKERS = 3, NONE = -1 };

static uint64_t dice;

static uint32_t roll(uint32_t n)
{
    dice += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = dice;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) % n);
}

/* --- a source: the rows of one table, and every state that it had --- */

typedef struct change {
    cdc_op op;
    int key, to; /* UPDATE: the row's key before and after */
    int was, is; /* its value */
} change;

typedef struct state {
    int value[KEYS]; /* NONE: no row */
} state;

typedef struct world {
    change log[LOG_MAX];
    state at[LOG_MAX + 1]; /* before log[i] */
    uint32_t n;
    state came;      /* what was handed over */
    uint32_t reader; /* log[0 .. reader) was shown to the plan */
    src_mysql_copy_plan *plan;
    cdc_selection *selection;
    cdc_config *cfg;
    src_mysql_table *tbl;
    cdc_batch *batch;
    cdc_error err;
    int values; /* last value given */
} world;

static void write_once(world *wd)
{
    if (wd->n == LOG_MAX) {
        return;
    }
    state now = wd->at[wd->n];
    change ch = {.key = (int)roll(KEYS)};
    ch.to = ch.key;
    ch.was = now.value[ch.key];
    ch.is = ++wd->values;
    if (ch.was == NONE) {
        ch.op = CDC_OP_INSERT;
        now.value[ch.key] = ch.is;
    } else if (roll(3) == 0) {
        ch.op = CDC_OP_DELETE;
        now.value[ch.key] = NONE;
    } else {
        int to = (int)roll(KEYS);
        ch.to = now.value[to] == NONE ? to : ch.key;
        ch.op = CDC_OP_UPDATE;
        now.value[ch.key] = NONE;
        now.value[ch.to] = ch.is;
    }
    wd->log[wd->n++] = ch;
    wd->at[wd->n] = now;
}

static src_mysql_log_pos place(uint32_t i)
{
    return (src_mysql_log_pos){.file = "log.000001", .pos = 4 + i};
}

static const cdc_value *make_row(cdc_batch *batch, int key, int value)
{
    cdc_value *row = cdc_arena_zalloc(&batch->arena, 2 * sizeof(*row));
    row[0] = (cdc_value){.kind = CDC_INT, .i = key};
    row[1] = (cdc_value){.kind = CDC_INT, .i = value};
    return row;
}

static void add_row(world *wd, cdc_batch *batch, cdc_op op, const cdc_value *before,
                    const cdc_value *after)
{
    cdc_event *ev = cdc_batch_add(batch);
    ev->op = (uint8_t)op;
    ev->phase = CDC_PHASE_INCR;
    ev->table = wd->tbl->table;
    ev->before = before;
    ev->after = after;
}

/* --- the reader --- */

static void tell(world *wd)
{
    src_mysql_log_pos at = place(wd->reader);
    src_mysql_copy_plan_boundary(wd->plan, true, &at, "");
}

/* As strictly as a target does it. */
static void apply(world *wd, const cdc_event *ev)
{
    bool strict = ev->phase == CDC_PHASE_INCR;
    if (ev->before != NULL) {
        int *row = &wd->came.value[ev->before[0].i];
        assert_true(!strict || *row == ev->before[1].i);
        *row = NONE;
    }
    if (ev->after != NULL) {
        int *row = &wd->came.value[ev->after[0].i];
        assert_true(!strict || *row == NONE);
        *row = (int)ev->after[1].i;
    }
}

static void check_part(const world *wd)
{
    for (int k = 0; k < KEYS; k++) {
        int value = wd->came.value[k];
        assert_true(value == NONE || value == wd->at[wd->reader].value[k]);
    }
}

static void read_stream(world *wd)
{
    if (wd->reader == wd->n) {
        return;
    }
    const change *ch = &wd->log[wd->reader++];
    cdc_batch_reset(wd->batch);
    add_row(wd, wd->batch, ch->op,
            ch->op != CDC_OP_INSERT ? make_row(wd->batch, ch->key, ch->was) : NULL,
            ch->op != CDC_OP_DELETE ? make_row(wd->batch, ch->to, ch->is) : NULL);
    cdc_batch_add(wd->batch)->op = CDC_OP_COMMIT;
    assert_int_equal(src_mysql_copy_plan_events(wd->plan, wd->batch, &wd->err), CDC_OK);
    for (uint32_t i = 0; i < wd->batch->nevents; i++) {
        if (wd->batch->events[i].op != CDC_OP_COMMIT) {
            apply(wd, &wd->batch->events[i]);
        }
    }
    tell(wd);
}

/* EOF: all is copied. */
static cdc_rc read_copy(world *wd)
{
    src_mysql_portion portion;
    cdc_rc rc = src_mysql_copy_plan_next(wd->plan, &portion, 0, &wd->err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (uint32_t i = 0; portion.piece != NULL && i < portion.piece->batch->nevents; i++) {
        cdc_event *ev = &portion.piece->batch->events[i];
        if (ev->op != 0) {
            ev->phase = CDC_PHASE_SNAPSHOT;
            assert_int_equal(wd->at[wd->reader].value[ev->after[0].i], ev->after[1].i);
            apply(wd, ev);
        }
    }
    src_mysql_piece_free(wd->plan, portion.piece);
    return CDC_OK;
}

/* --- workers --- */

typedef enum step { IDLE, TAKEN, REGISTERED, SEEN, READING } step;

typedef struct worker {
    step step;
    src_mysql_work work;
    uint32_t low, snapshot, high;
    int next; /* key */
} worker;

static int key_of(const char *literal, int usual)
{
    return literal[0] != '\0' ? (int)strtol(literal, NULL, 10) : usual;
}

static void finish(worker *wk)
{
    src_mysql_work_fini(&wk->work);
    wk->step = IDLE;
}

static void define(world *wd, worker *wk)
{
    cdc_column cols[] = {{.name = "a", .kind = CDC_INT, .type_text = "int", .charset = ""},
                         {.name = "v", .kind = CDC_INT, .type_text = "int", .charset = ""}};
    uint16_t key = 0;
    src_mysql_table *tbl = calloc(1, sizeof(*tbl));
    assert_int_equal(cdc_table_new(&tbl->table, "d", "t", cols, 2, &key, 1, &wd->err), CDC_OK);
    tbl->ncols = 2;
    src_mysql_shared_table *def = src_mysql_shared_table_new(tbl, 1);
    assert_int_equal(src_mysql_copy_plan_define(wd->plan, &wk->work, def, &wd->err), CDC_OK);
    finish(wk);
}

static void cut(world *wd, worker *wk)
{
    char to[16] = "";
    int key = key_of(wk->work.from, -1) + 1 + (int)roll(6);
    if (key < KEYS) {
        snprintf(to, sizeof(to), "%d", key);
    }
    assert_true(src_mysql_copy_plan_cut(wd->plan, &wk->work, to));
    finish(wk);
}

static void let_go(world *wd, worker *wk)
{
    src_mysql_copy_plan_give_up(wd->plan, &wk->work);
    finish(wk);
}

static void step_taken(world *wd, worker *wk)
{
    src_mysql_log_pos reach = place(0);
    src_mysql_log_pos at;
    cdc_buffer gtids;
    cdc_buffer_init(&gtids, 1024);
    cdc_rc rc = src_mysql_copy_plan_register(wd->plan, &wk->work, &reach, &at, &gtids);
    cdc_buffer_fini(&gtids);
    if (rc != CDC_OK) {
        let_go(wd, wk);
        return;
    }
    wk->low = (uint32_t)(at.pos - 4);
    wk->step = REGISTERED;
}

/* Up to two rows behind the last one. */
static cdc_rc push_some(world *wd, worker *wk)
{
    src_mysql_piece *piece = calloc(1, sizeof(*piece));
    cdc_buffer scratch;
    char key[16] = "";
    piece->batch = src_mysql_copy_plan_batch(wd->plan);
    int last = key_of(wk->work.to, KEYS - 1);
    for (; wk->next <= last && piece->batch->nevents < 2; wk->next++) {
        int value = wd->at[wk->snapshot].value[wk->next];
        if (value != NONE) {
            add_row(wd, piece->batch, CDC_OP_INSERT, NULL, make_row(piece->batch, wk->next, value));
            snprintf(key, sizeof(key), "%d", wk->next);
        }
    }
    if (piece->batch->nevents == 0) {
        src_mysql_piece_free(wd->plan, piece);
        return CDC_EOF;
    }
    piece->key = strdup(key);
    cdc_buffer_init(&scratch, 1024);
    assert_true(src_mysql_row_index_init(&piece->index, piece->batch, &scratch));
    cdc_buffer_fini(&scratch);
    return src_mysql_copy_plan_push(wd->plan, &wk->work, piece);
}

static void step_reading(world *wd, worker *wk)
{
    if (roll(12) == 0) { /* its connection is lost */
        let_go(wd, wk);
        return;
    }
    cdc_rc rc = push_some(wd, wk);
    if (rc == CDC_SKIP) {
        let_go(wd, wk);
    } else if (rc == CDC_EOF) {
        src_mysql_log_pos high = place(wk->high);
        src_mysql_copy_plan_read(wd->plan, &wk->work, &high);
        finish(wk);
    }
}

static void work_once(world *wd, worker *wk)
{
    src_mysql_log_pos high;
    switch (wk->step) {
    case IDLE:
        if (src_mysql_copy_plan_take(wd->plan, &wk->work, 0) == CDC_OK) {
            wk->step = TAKEN;
        }
        return;
    case TAKEN:
        if (wk->work.kind == SRC_MYSQL_WORK_DEFINE) {
            define(wd, wk);
        } else if (wk->work.kind == SRC_MYSQL_WORK_CUT) {
            cut(wd, wk);
        } else {
            step_taken(wd, wk);
        }
        return;
    case REGISTERED: /* the snapshot sees what was at the low watermark, or more */
        wk->snapshot = wk->low + roll(wd->n - wk->low + 1);
        wk->step = SEEN;
        return;
    case SEEN:
        wk->high = wd->n;
        high = place(wk->high);
        wk->next = key_of(wk->work.from, -1) + 1;
        if (src_mysql_copy_plan_high(wd->plan, &wk->work, NULL, &high) == CDC_OK) {
            wk->step = READING;
        } else {
            let_go(wd, wk);
        }
        return;
    case READING:
        step_reading(wd, wk);
    }
}

/* --- worlds --- */

static void open_plan(world *wd, const src_mysql_position *from)
{
    src_mysql_copy_tables tables = {.items = calloc(1, sizeof(*tables.items)), .n = 1};
    tables.items[0] = (src_mysql_copy_table){.database = strdup("d"),
                                             .name = strdup("t"),
                                             .transactional = true,
                                             .has_key = true,
                                             .rows_estimated = KEYS};
    src_mysql_copy_plan_limits limits = {.threads = WORKERS, .chunk_rows = 3};
    assert_int_equal(
        src_mysql_copy_plan_new(&wd->plan, &tables, wd->selection, from, &limits, &wd->err),
        CDC_OK);
    tell(wd);
}

static void open_world(world *wd)
{
    cdc_column cols[] = {{.name = "a", .kind = CDC_INT, .type_text = "int", .charset = ""},
                         {.name = "v", .kind = CDC_INT, .type_text = "int", .charset = ""}};
    uint16_t key = 0;
    memset(wd, 0, sizeof(*wd));
    for (int k = 0; k < KEYS; k++) {
        wd->at[0].value[k] = roll(2) == 0 ? ++wd->values : NONE;
        wd->came.value[k] = NONE;
    }
    wd->tbl = calloc(1, sizeof(*wd->tbl));
    assert_int_equal(cdc_table_new(&wd->tbl->table, "d", "t", cols, 2, &key, 1, &wd->err), CDC_OK);
    wd->batch = cdc_batch_new((size_t)1 << 20);
}

static void close_world(world *wd)
{
    src_mysql_copy_plan_free(wd->plan);
    cdc_batch_free(wd->batch);
    src_mysql_table_free(wd->tbl);
}

static void stop_workers(world *wd, worker *workers)
{
    src_mysql_copy_plan_stop(wd->plan);
    for (int i = 0; i < WORKERS; i++) {
        if (workers[i].step != IDLE) {
            let_go(wd, &workers[i]);
        }
    }
}

/* The process ends, and another goes on from the token. */
static void restart(world *wd, worker *workers)
{
    cdc_buffer token;
    cdc_arena ar;
    src_mysql_position pos = *src_mysql_copy_plan_position(wd->plan);
    pos.gtid = "";
    cdc_buffer_init(&token, 1 << 16);
    cdc_arena_init(&ar, 1024, 1 << 16);
    src_mysql_position_print(&pos, &token);
    stop_workers(wd, workers);
    src_mysql_copy_plan_free(wd->plan);
    src_mysql_position back;
    assert_int_equal(src_mysql_position_parse(&back, token.data, token.len, &ar, &wd->err), CDC_OK);
    open_plan(wd, &back);
    cdc_arena_fini(&ar);
    cdc_buffer_fini(&token);
}

static void run_world(uint64_t seed)
{
    static world wd;
    worker workers[WORKERS] = {{.step = IDLE}};
    src_mysql_position start = {.server = "", .database = "", .table = "", .key = ""};
    dice = seed;
    open_world(&wd);
    open_plan(&wd, &start);
    uint32_t favour = roll(5); /* who is fast in this world */
    cdc_rc rc = CDC_AGAIN;
    for (int i = 0; rc != CDC_EOF; i++) {
        assert_true(i < 200000);
        uint32_t who = roll(6);
        who = who == 5 ? favour : who;
        if (who == 0) {
            write_once(&wd);
        } else if (who == 1) {
            read_stream(&wd);
        } else if (who == 2) {
            rc = read_copy(&wd);
        } else {
            work_once(&wd, &workers[roll(WORKERS)]);
        }
        if (roll(400) == 0) {
            restart(&wd, workers);
        }
        check_part(&wd);
    }
    for (int k = 0; k < KEYS; k++) {
        assert_int_equal(wd.came.value[k], wd.at[wd.reader].value[k]);
    }
    while (wd.reader < wd.n) { /* every table is strict now */
        read_stream(&wd);
    }
    stop_workers(&wd, workers);
    close_world(&wd);
}

static void any_interleaving_comes_out_right(void **state_arg)
{
    (void)state_arg;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        run_world(seed);
    }
}

/* --- keys --- */

static void remembers_exact_keys(void **state_arg)
{
    (void)state_arg;
    src_mysql_key_set set;
    cdc_buffer key;
    src_mysql_key_set_init(&set, 30000);
    cdc_buffer_init(&key, 100);
    uint32_t n = 0;
    for (;; n++) {
        cdc_buffer_reset(&key);
        cdc_buffer_addf(&key, "key %u", n);
        assert_false(src_mysql_key_set_has(&set, &key));
        if (!src_mysql_key_set_add(&set, &key)) {
            break;
        }
        assert_true(src_mysql_key_set_add(&set, &key)); /* again: no room is taken */
    }
    assert_in_range(n, 1500, 3750);
    for (uint32_t i = 0; i < n; i++) {
        cdc_buffer_reset(&key);
        cdc_buffer_addf(&key, "key %u", i);
        assert_true(src_mysql_key_set_has(&set, &key));
    }
    cdc_buffer_fini(&key);
    src_mysql_key_set_fini(&set);
}

int main(void)
{
    cdc_log_set_level(CDC_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_interleaving_comes_out_right),
        cmocka_unit_test(remembers_exact_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

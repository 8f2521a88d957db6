/* The plan of a full copy with fake ranges: a log and tables in memory, a writer, workers whose
 * steps come in any order, and a reader. After each step what was handed over must be a part of
 * what the source held at the reader's place in the log. In some worlds the writer also creates,
 * drops, empties and renames tables, and a capture goes on from an old token with the list of
 * tables of now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/log.h"
#include "core/task.h"
#include "producers/mysql/copy_plan.h"

enum { KEYS = 24, LOG_MAX = 400, WORKERS = 3, NAMES = 6, MOVES_MAX = 3, NONE = -1 };

/* OUTSIDE is not selected; the first is always there, as a server without tables is refused. */
static const char *const names[NAMES + 1] = {"t_0", "t_b", "t_d", "t_f", "t_h", "t_j", "_x"};

enum { OUTSIDE = NAMES };

static uint64_t dice;

static uint32_t roll(uint32_t n)
{
    dice += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = dice;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) % n);
}

/* --- a source: the rows of its tables, and every state that it had --- */

typedef struct change {
    cdc_op op;
    int table;
    int key, to; /* UPDATE: the row's key before and after */
    int was, is; /* its value */
    cdc_ddl ddl;
    struct {
        int from, to;
    } moves[MOVES_MAX]; /* of a RENAME */
    int nmoves;
} change;

typedef struct table {
    int id; /* 0: there is none of this name */
    uint32_t key_definition;
    int value[KEYS]; /* NONE: no row */
} table;

typedef struct state {
    table tables[NAMES];
} state;

typedef struct world {
    change log[LOG_MAX];
    state at[LOG_MAX + 1]; /* before log[i] */
    uint32_t n;
    state came;      /* what was handed over */
    uint32_t reader; /* log[0 .. reader) was shown to the plan */
    bool definitions;
    src_mysql_copy_plan *plan;
    cdc_selection *selection;
    cdc_config *cfg;
    cdc_table *tables[NAMES];
    cdc_batch *batch;
    cdc_error err;
    int values, ids; /* the last that were given */
    state came_then; /* at the checkpoint that a restart goes back to */
    uint32_t reader_then;
    cdc_buffer token_then;
} world;

static void new_table(world *wd, table *tbl, bool empty)
{
    tbl->id = ++wd->ids;
    tbl->key_definition = 1;
    for (int k = 0; k < KEYS; k++) {
        tbl->value[k] = !empty && roll(2) == 0 ? ++wd->values : NONE;
    }
}

static void no_table(table *tbl)
{
    tbl->id = 0;
    for (int k = 0; k < KEYS; k++) {
        tbl->value[k] = NONE;
    }
}

static int any_name(const state *now, bool there)
{
    int i = 1 + (int)roll(NAMES - 1);
    for (int n = 1; n < NAMES && (now->tables[i].id != 0) != there; n++) {
        i = i % (NAMES - 1) + 1;
    }
    return (now->tables[i].id != 0) == there ? i : NONE;
}

static void add_move(change *ch, state *now, int from, int to)
{
    ch->moves[ch->nmoves].from = from;
    ch->moves[ch->nmoves++].to = to;
    if (from != OUTSIDE && to != OUTSIDE) {
        now->tables[to] = now->tables[from];
        no_table(&now->tables[from]);
    }
}

static change rename_some(world *wd, state *now)
{
    change ch = {.op = CDC_OP_DDL, .ddl = CDC_DDL_RENAME, .table = NONE};
    int there = any_name(now, true);
    int other = any_name(now, true);
    int gone = any_name(now, false);
    switch (roll(6)) {
    case 0: /* as an online schema change does: its copy takes the name */
        if (there != NONE) {
            add_move(&ch, now, there, OUTSIDE);
            add_move(&ch, now, OUTSIDE, there);
            now->tables[there].id = ++wd->ids;
        }
        break;
    case 1: /* two tables exchange their names */
        if (there != NONE && gone != NONE && other != there) {
            add_move(&ch, now, there, gone);
            add_move(&ch, now, other, there);
            add_move(&ch, now, gone, other);
        }
        break;
    case 2:
        if (there != NONE) {
            add_move(&ch, now, there, OUTSIDE);
            no_table(&now->tables[there]);
        }
        break;
    case 3:
        if (gone != NONE) {
            add_move(&ch, now, OUTSIDE, gone);
            new_table(wd, &now->tables[gone], false);
        }
        break;
    default:
        if (there != NONE && gone != NONE) {
            add_move(&ch, now, there, gone);
        }
    }
    return ch;
}

static change change_definition(world *wd, state *now)
{
    change ch = {.op = CDC_OP_DDL};
    uint32_t what = roll(10);
    if (what > 3) {
        return rename_some(wd, now);
    }
    ch.table = any_name(now, what > 0);
    if (ch.table == NONE) {
        return ch;
    }
    table *tbl = &now->tables[ch.table];
    switch (what) {
    case 0:
        ch.ddl = CDC_DDL_CREATE;
        new_table(wd, tbl, true);
        break;
    case 1:
        ch.ddl = CDC_DDL_ERASE;
        no_table(tbl);
        break;
    case 2:
        ch.ddl = CDC_DDL_TRUNCATE;
        new_table(wd, tbl, true);
        break;
    default:
        ch.ddl = CDC_DDL_ALTER;
        tbl->key_definition += roll(2);
    }
    return ch;
}

static change change_row(world *wd, state *now)
{
    int i = any_name(now, true);
    table *tbl = &now->tables[i != NONE ? i : 0];
    change ch = {.table = i != NONE ? i : 0, .key = (int)roll(KEYS)};
    ch.to = ch.key;
    ch.was = tbl->value[ch.key];
    ch.is = ++wd->values;
    if (ch.was == NONE) {
        ch.op = CDC_OP_INSERT;
        tbl->value[ch.key] = ch.is;
    } else if (roll(3) == 0) {
        ch.op = CDC_OP_DELETE;
        tbl->value[ch.key] = NONE;
    } else {
        int to = (int)roll(KEYS);
        ch.to = tbl->value[to] == NONE ? to : ch.key;
        ch.op = CDC_OP_UPDATE;
        tbl->value[ch.key] = NONE;
        tbl->value[ch.to] = ch.is;
    }
    return ch;
}

static void write_once(world *wd)
{
    if (wd->n == LOG_MAX) {
        return;
    }
    state now = wd->at[wd->n];
    bool definition = wd->definitions && roll(5) == 0;
    wd->log[wd->n++] = definition ? change_definition(wd, &now) : change_row(wd, &now);
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

static void add_row(cdc_batch *batch, cdc_table *tbl, cdc_op op, const cdc_value *before,
                    const cdc_value *after)
{
    cdc_event *ev = cdc_batch_add(batch);
    ev->op = (uint8_t)op;
    ev->phase = CDC_PHASE_INCR;
    ev->table = tbl;
    ev->before = before;
    ev->after = after;
}

static void add_ddl(cdc_batch *batch, cdc_ddl type, const char *name, const char *was)
{
    cdc_event *ev = cdc_batch_add(batch);
    ev->op = CDC_OP_DDL;
    ev->ddl = (uint8_t)type;
    ev->ddl_database = "d";
    ev->ddl_table = name;
    ev->ddl_was = was;
    ev->pos_file = ev->sql = "";
}

/* --- the reader --- */

static void tell(world *wd)
{
    src_mysql_log_pos at = place(wd->reader);
    src_mysql_copy_plan_boundary(wd->plan, true, &at, "");
}

static int find_name(const char *name)
{
    int i = 0;
    while (strcmp(names[i], name) != 0) {
        i++;
    }
    return i;
}

/* As strictly as a target does it. */
static void apply(world *wd, const cdc_event *ev)
{
    bool strict = ev->phase == CDC_PHASE_INCR;
    table *tbl = &wd->came.tables[find_name(ev->table->name)];
    if (ev->before != NULL) {
        int *row = &tbl->value[ev->before[0].i];
        assert_true(!strict || *row == ev->before[1].i);
        *row = NONE;
    }
    if (ev->after != NULL) {
        int *row = &tbl->value[ev->after[0].i];
        assert_true(!strict || *row == NONE);
        *row = (int)ev->after[1].i;
    }
}

static void apply_ddl(world *wd, const change *ch)
{
    if (ch->ddl == CDC_DDL_ERASE || ch->ddl == CDC_DDL_TRUNCATE) {
        no_table(&wd->came.tables[ch->table]);
    }
    for (int i = 0; i < ch->nmoves; i++) {
        int from = ch->moves[i].from;
        int to = ch->moves[i].to;
        if (from != OUTSIDE && to != OUTSIDE) {
            wd->came.tables[to] = wd->came.tables[from];
        }
        if (from != OUTSIDE && (to != OUTSIDE || ch->nmoves == 1)) {
            no_table(&wd->came.tables[from]);
        }
    }
}

static void check_part(const world *wd, bool whole)
{
    for (int i = 0; i < NAMES; i++) {
        for (int k = 0; k < KEYS; k++) {
            int value = wd->came.tables[i].value[k];
            int want = wd->at[wd->reader].tables[i].value[k];
            assert_true(value == want || (!whole && value == NONE));
        }
    }
}

static void add_change(world *wd, const change *ch)
{
    if (ch->op != CDC_OP_DDL) {
        add_row(wd->batch, wd->tables[ch->table], ch->op,
                ch->op != CDC_OP_INSERT ? make_row(wd->batch, ch->key, ch->was) : NULL,
                ch->op != CDC_OP_DELETE ? make_row(wd->batch, ch->to, ch->is) : NULL);
    } else if (ch->ddl == CDC_DDL_RENAME) {
        for (int i = 0; i < ch->nmoves; i++) {
            char *was = cdc_arena_zalloc(&wd->batch->arena, 16);
            snprintf(was, 16, "d.%s", names[ch->moves[i].from]);
            add_ddl(wd->batch, ch->ddl, names[ch->moves[i].to], was);
        }
    } else if (ch->table != NONE) {
        add_ddl(wd->batch, ch->ddl, names[ch->table], "");
    }
}

static void read_stream(world *wd)
{
    if (wd->reader == wd->n) {
        return;
    }
    const change *ch = &wd->log[wd->reader++];
    cdc_batch_reset(wd->batch);
    add_change(wd, ch);
    cdc_batch_add(wd->batch)->op = CDC_OP_COMMIT;
    bool redefined;
    assert_int_equal(src_mysql_copy_plan_events(wd->plan, wd->batch, &redefined, &wd->err), CDC_OK);
    assert_int_equal(redefined, ch->op == CDC_OP_DDL && (ch->nmoves > 0 || ch->table != NONE));
    for (uint32_t i = 0; i < wd->batch->nevents; i++) {
        const cdc_event *ev = &wd->batch->events[i];
        if (ev->op != CDC_OP_COMMIT && ev->op != CDC_OP_DDL) {
            apply(wd, ev);
        }
    }
    apply_ddl(wd, ch);
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
    int table; /* by its name at the snapshot; NONE: it was not there yet */
    int next;  /* key */
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

/* The table of that name now; NULL: there is none, and the plan was told. */
static const table *find_now(world *wd, worker *wk)
{
    const table *tbl = &wd->at[wd->n].tables[find_name(wk->work.name)];
    if (tbl->id != 0) {
        return tbl;
    }
    src_mysql_log_pos high = place(wd->n);
    src_mysql_copy_plan_gone(wd->plan, &wk->work, &high);
    finish(wk);
    return NULL;
}

static src_mysql_table *make_table(const char *name)
{
    cdc_column cols[] = {{.name = "a", .kind = CDC_INT, .type_text = "int", .charset = ""},
                         {.name = "v", .kind = CDC_INT, .type_text = "int", .charset = ""}};
    uint16_t key = 0;
    cdc_error err;
    src_mysql_table *tbl = calloc(1, sizeof(*tbl));
    assert_int_equal(cdc_table_new(&tbl->table, "d", name, cols, 2, &key, 1, &err), CDC_OK);
    tbl->ncols = 2;
    return tbl;
}

static void define(world *wd, worker *wk)
{
    const table *now = find_now(wd, wk);
    if (now == NULL) {
        return;
    }
    src_mysql_shared_table *def =
        src_mysql_shared_table_new(make_table(wk->work.name), now->key_definition);
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
    if (find_now(wd, wk) != NULL) {
        assert_true(src_mysql_copy_plan_cut(wd->plan, &wk->work, to));
        finish(wk);
    }
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

/* Locks the table that has the name now, and finds what the snapshot sees of it. */
static void step_seen(world *wd, worker *wk)
{
    const table *now = find_now(wd, wk);
    if (now == NULL) {
        return;
    }
    wk->table = NONE;
    for (int i = 0; i < NAMES; i++) {
        wk->table = wd->at[wk->snapshot].tables[i].id == now->id ? i : wk->table;
    }
    wk->high = wd->n;
    src_mysql_log_pos high = place(wk->high);
    wk->next = key_of(wk->work.from, -1) + 1;
    if (src_mysql_copy_plan_high(wd->plan, &wk->work, NULL, &high) == CDC_OK) {
        wk->step = READING;
    } else {
        let_go(wd, wk);
    }
}

/* Up to two rows behind the last one. */
static cdc_rc push_some(world *wd, worker *wk)
{
    src_mysql_piece *piece = calloc(1, sizeof(*piece));
    cdc_buffer scratch;
    char key[16] = "";
    piece->batch = src_mysql_copy_plan_batch(wd->plan);
    int last = key_of(wk->work.to, KEYS - 1);
    for (; wk->table != NONE && wk->next <= last && piece->batch->nevents < 2; wk->next++) {
        int value = wd->at[wk->snapshot].tables[wk->table].value[wk->next];
        if (value != NONE) {
            add_row(piece->batch, wk->work.def->tbl->table, CDC_OP_INSERT, NULL,
                    make_row(piece->batch, wk->next, value));
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
        step_seen(wd, wk);
        return;
    case READING:
        step_reading(wd, wk);
    }
}

/* --- worlds --- */

static void add_listed(src_mysql_copy_tables *tables, const char *name, bool has_key)
{
    tables->items[tables->n++] = (src_mysql_copy_table){.database = strdup("d"),
                                                        .name = strdup(name),
                                                        .transactional = true,
                                                        .has_key = has_key,
                                                        .rows_estimated = KEYS};
}

/* The list is not read in one moment: a table that is being renamed may be in it under one name,
 * under both, or not at all. */
static src_mysql_copy_tables list_tables(const world *wd)
{
    src_mysql_copy_tables tables = {.items = calloc(NAMES, sizeof(*tables.items))};
    uint32_t before = wd->n > wd->reader ? wd->n - 1 : wd->n;
    for (int i = 0; i < NAMES; i++) {
        if (wd->at[roll(2) == 0 ? before : wd->n].tables[i].id != 0) {
            add_listed(&tables, names[i], roll(4) != 0);
        }
    }
    return tables;
}

static void open_plan(world *wd, src_mysql_copy_tables tables_take, const src_mysql_position *from,
                      uint32_t listed)
{
    src_mysql_copy_plan_limits limits = {
        .threads = WORKERS, .chunk_rows = 3, .listed = place(listed)};
    assert_int_equal(
        src_mysql_copy_plan_new(&wd->plan, &tables_take, wd->selection, from, &limits, &wd->err),
        CDC_OK);
    tell(wd);
}

static void open_world(world *wd, bool definitions)
{
    static const cdc_option *const options[] = {cdc_task_options, NULL};
    static const char text[] = "name: t\nkafka: {}\nobjects: {include: [d.t_*]}\n";
    memset(wd, 0, sizeof(*wd));
    wd->definitions = definitions;
    cdc_buffer_init(&wd->token_then, 1 << 16);
    assert_int_equal(
        cdc_config_parse(&wd->cfg, "t.yaml", text, sizeof(text) - 1, options, &wd->err), CDC_OK);
    assert_int_equal(cdc_selection_new(&wd->selection, wd->cfg, &wd->err), CDC_OK);
    for (int i = 0; i < NAMES; i++) {
        src_mysql_table *tbl = make_table(names[i]);
        wd->tables[i] = cdc_table_ref(tbl->table);
        src_mysql_table_free(tbl);
        no_table(&wd->at[0].tables[i]);
        no_table(&wd->came.tables[i]);
        if (i == 0 || (definitions ? roll(2) == 0 : i == 1)) {
            new_table(wd, &wd->at[0].tables[i], i == 0);
        }
    }
    wd->batch = cdc_batch_new((size_t)1 << 20);
}

static void close_world(world *wd)
{
    src_mysql_copy_plan_free(wd->plan);
    cdc_batch_free(wd->batch);
    cdc_selection_free(wd->selection);
    cdc_config_free(wd->cfg);
    cdc_buffer_fini(&wd->token_then);
    for (int i = 0; i < NAMES; i++) {
        cdc_table_unref(wd->tables[i]);
    }
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

static void checkpoint(world *wd)
{
    src_mysql_position pos = *src_mysql_copy_plan_position(wd->plan);
    pos.gtid = "";
    cdc_buffer_reset(&wd->token_then);
    src_mysql_position_print(&pos, &wd->token_then);
    wd->came_then = wd->came;
    wd->reader_then = wd->reader;
}

/* The process ends, and another goes on from the last checkpoint. */
static void restart(world *wd, worker *workers)
{
    cdc_arena ar;
    src_mysql_position back;
    cdc_arena_init(&ar, 1024, 1 << 16);
    stop_workers(wd, workers);
    src_mysql_copy_plan_free(wd->plan);
    assert_int_equal(
        src_mysql_position_parse(&back, wd->token_then.data, wd->token_then.len, &ar, &wd->err),
        CDC_OK);
    wd->came = wd->came_then;
    wd->reader = wd->reader_then;
    open_plan(wd, list_tables(wd), &back, wd->n);
    cdc_arena_fini(&ar);
}

static void run_world(uint64_t seed, bool definitions)
{
    static world wd;
    worker workers[WORKERS] = {{.step = IDLE}};
    src_mysql_position start = {.server = "", .database = "", .table = "", .key = ""};
    dice = seed;
    open_world(&wd, definitions);
    open_plan(&wd, list_tables(&wd), &start, 0);
    checkpoint(&wd);
    uint32_t favour = roll(5); /* who is fast in this world */
    cdc_rc rc = CDC_AGAIN;
    for (int i = 0; rc != CDC_EOF; i++) {
        assert_true(i < 200000);
        uint32_t any = roll(6);
        uint32_t who = any == 5 ? favour : any;
        if (who == 0) {
            write_once(&wd);
        } else if (who == 1) {
            read_stream(&wd);
        } else if (who == 2) {
            rc = read_copy(&wd);
        } else {
            work_once(&wd, &workers[roll(WORKERS)]);
        }
        check_part(&wd, false);
        if (rc != CDC_EOF && roll(20) == 0) {
            checkpoint(&wd);
        } else if (rc != CDC_EOF && roll(definitions ? 100 : 400) == 0) {
            restart(&wd, workers);
        }
    }
    check_part(&wd, true);
    stop_workers(&wd, workers);
    close_world(&wd);
}

static void any_interleaving_comes_out_right(void **state_arg)
{
    (void)state_arg;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        run_world(seed, false);
    }
}

static void any_renaming_comes_out_right(void **state_arg)
{
    (void)state_arg;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        run_world(seed, true);
    }
}

/* --- what a restart must know --- */

/* A plan behind a token that says that all up to t_d is copied, with a list of one table. */
static void open_behind(world *wd, const char *listed_name, bool has_key)
{
    src_mysql_position from = {.server = "",
                               .gtid = "",
                               .stage = SRC_MYSQL_ROWS,
                               .database = "d",
                               .table = "t_d",
                               .key = "",
                               .table_done = true};
    src_mysql_copy_tables tables = {.items = calloc(1, sizeof(*tables.items))};
    add_listed(&tables, listed_name, has_key);
    open_world(wd, true);
    open_plan(wd, tables, &from, 1);
}

/* t_h was to be copied yet, and is called t_b since: a name that the token is past. */
static void a_table_renamed_to_what_is_past_is_copied(void **state_arg)
{
    (void)state_arg;
    static world wd;
    worker wk = {.step = IDLE};
    open_behind(&wd, "t_b", true);
    assert_int_equal(read_copy(&wd), CDC_AGAIN); /* not all is known yet */
    assert_int_equal(src_mysql_copy_plan_take(wd.plan, &wk.work, 0), CDC_AGAIN);
    wd.log[0] = (change){.op = CDC_OP_DDL, .ddl = CDC_DDL_RENAME, .moves = {{4, 1}}, .nmoves = 1};
    wd.at[1] = wd.at[0];
    wd.n = 1;
    read_stream(&wd);
    assert_int_equal(src_mysql_copy_plan_take(wd.plan, &wk.work, 0), CDC_OK);
    assert_string_equal(wk.work.name, "t_b");
    let_go(&wd, &wk);
    close_world(&wd);
}

static uint32_t left_of_row(world *wd, uint32_t nkeys)
{
    cdc_table *tbl = wd->tables[4]; /* t_h */
    uint32_t had = tbl->nkeys;
    bool redefined;
    tbl->nkeys = nkeys;
    cdc_batch_reset(wd->batch);
    add_row(wd->batch, tbl, CDC_OP_INSERT, NULL, make_row(wd->batch, 1, 1));
    assert_int_equal(src_mysql_copy_plan_events(wd->plan, wd->batch, &redefined, &wd->err), CDC_OK);
    tbl->nkeys = had;
    return wd->batch->nevents;
}

/* The list is of now, the row of then: a key that came or went in between changes nothing. */
static void rows_are_left_out_by_their_own_definition(void **state_arg)
{
    (void)state_arg;
    static world wd;
    for (int i = 0; i < 3; i++) {
        open_behind(&wd, i < 2 ? "t_h" : "t_j", i > 0); /* or its name is another one now */
        assert_int_equal(left_of_row(&wd, 0), 0);
        assert_int_equal(left_of_row(&wd, 1), 1);
        close_world(&wd);
    }
}

int main(void)
{
    cdc_log_set_level(CDC_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_interleaving_comes_out_right),
        cmocka_unit_test(any_renaming_comes_out_right),
        cmocka_unit_test(a_table_renamed_to_what_is_past_is_copied),
        cmocka_unit_test(rows_are_left_out_by_their_own_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

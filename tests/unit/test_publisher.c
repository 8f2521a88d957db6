/* The publisher with a producer of its own that remembers what was committed: rules drop rows, the
 * process dies at every event, and what is in Kafka in the end is always the same. */
#include "publisher_kit.h"

#include "producers/filter.h"
#include "topics/transaction.h"

extern const cdc_option *const cdc_all_options[];

/* --- a codec: "t3 U 7:12>7:30" with ids, values and, if there, notes --- */

static cdc_rc text_open(void **codec, const cdc_env *of, cdc_error *error)
{
    (void)of;
    (void)error;
    *codec = &topic;
    return CDC_OK;
}

static void add_row(cdc_buffer *out, const cdc_table *tbl, const cdc_value *row)
{
    for (uint32_t i = 0; row != NULL && i < tbl->ncols; i++) {
        cdc_buffer_addf(out, "%s%lld", i > 0 ? ":" : " ", (long long)row[i].i);
    }
}

static cdc_rc text_encode(void *codec, const cdc_event *ev, uint32_t n, cdc_buffer *key,
                          cdc_buffer *value, cdc_error *error)
{
    assert_int_equal(n, 1);
    (void)codec;
    (void)error;
    cdc_buffer_add_str(key, "k");
    cdc_buffer_addf(value, "%s %c", ev->txn, "?IUDQ"[ev->op]);
    if (ev->table != NULL) {
        add_row(value, ev->table, ev->before);
        cdc_buffer_add_str(value, " >");
        add_row(value, ev->table, ev->after);
    }
    return CDC_OK;
}

static void text_close(void *codec)
{
    (void)codec;
}

static const cdc_codec text_codec = {
    .name = "text", .open = text_open, .encode = text_encode, .close = text_close};

/* --- a log: transactions of inserts, updates, deletes of rows (id, v, note) --- */

enum { TRANSACTIONS = 30, ROWS_MAX = 7 };

typedef struct change {
    cdc_op op;
    cdc_value before[3], after[3];
} change;

static struct {
    size_t n;
    change rows[ROWS_MAX];
} txns[TRANSACTIONS];

static cdc_table *table;

static void random_row(cdc_value *row)
{
    for (int i = 0; i < 3; i++) {
        row[i] = (cdc_value){.kind = CDC_INT, .i = random_below(i == 1 ? 20 : 3)};
    }
}

static void make_log(uint32_t with_seed)
{
    seed = with_seed;
    for (size_t t = 0; t < TRANSACTIONS; t++) {
        txns[t].n = (size_t)random_below(ROWS_MAX + 1);
        for (size_t r = 0; r < txns[t].n; r++) {
            change *ch = &txns[t].rows[r];
            ch->op = (cdc_op)(CDC_OP_INSERT + random_below(4));
            random_row(ch->before);
            random_row(ch->after);
            if (random_below(3) == 0) { /* an UPDATE of the note alone */
                memcpy(ch->after, ch->before, 2 * sizeof ch->after[0]);
            }
        }
    }
}

/* --- what must come out of it --- */

static record wanted[RECORDS_MAX];
static size_t nwanted;

static void want(size_t t, char op, const cdc_value *before, const cdc_value *after)
{
    char *text = wanted[nwanted].text;
    wanted[nwanted].moved = false;
    int n = snprintf(text, TEXT_MAX, "t%zu %c", t + 1, op);
    if (op != 'Q') {
        if (before != NULL) {
            n += snprintf(text + n, (size_t)(TEXT_MAX - n), " %d:%d", (int)before[0].i,
                          (int)before[1].i);
        }
        n += snprintf(text + n, (size_t)(TEXT_MAX - n), " >");
        if (after != NULL) {
            snprintf(text + n, (size_t)(TEXT_MAX - n), " %d:%d", (int)after[0].i, (int)after[1].i);
        }
    }
    nwanted++;
}

static void want_update(size_t t, const change *ch, bool hashed)
{
    bool before = ch->before[1].i >= 10;
    bool after = ch->after[1].i >= 10;
    bool key_moves = ch->before[0].i != ch->after[0].i;
    if (before && after && key_moves && hashed) {
        want(t, 'D', ch->before, NULL);
        want(t, 'I', NULL, ch->after);
        wanted[nwanted - 2].moved = wanted[nwanted - 1].moved = true;
    } else if (before && after && (key_moves || ch->before[1].i != ch->after[1].i)) {
        want(t, 'U', ch->before, ch->after);
    } else if (before && !after) {
        want(t, 'D', ch->before, NULL);
    } else if (after && !before) {
        want(t, 'I', NULL, ch->after);
    }
}

/* By the rules of RULES below, written down once more. */
static void make_wanted(bool hashed)
{
    nwanted = 0;
    for (size_t t = 0; t < TRANSACTIONS; t++) {
        size_t first = nwanted;
        for (size_t r = 0; r < txns[t].n; r++) {
            const change *ch = &txns[t].rows[r];
            if (ch->op == CDC_OP_INSERT && ch->after[1].i >= 10) {
                want(t, 'I', NULL, ch->after);
            } else if (ch->op == CDC_OP_UPDATE) {
                want_update(t, ch, hashed);
            } else if (ch->op == CDC_OP_DDL) {
                want(t, 'Q', NULL, NULL);
            }
        }
        for (size_t i = first; i < nwanted; i++) {
            wanted[i].seq = i - first + 1;
            wanted[i].last = i + 1 == nwanted;
        }
    }
}

/* --- running --- */

#define HEAD                                                                                       \
    "name: t\nkafka: {bootstrap.servers: b:1}\nsource: {type: mysql, hosts: [h:1], user: u}\n"
#define RULES                                                                                      \
    "objects: {operations: [insert, update, ddl], tables: [{match: d.other, where: 'x = 1'},"      \
    " {match: 'd.t*', where: 'v >= 10', columns: {exclude: [note]}}, {match: 'd.t', where: 'v < "  \
    "0'}]}\n"

static void make_event(cdc_batch *batch, size_t t, size_t r)
{
    char name[16];
    cdc_event *ev = cdc_batch_add(batch);
    assert_non_null(ev);
    snprintf(name, sizeof name, "t%zu", t + 1);
    ev->txn = cdc_arena_strndup(&batch->arena, name, strlen(name));
    if (r == txns[t].n) {
        ev->op = CDC_OP_COMMIT;
        batch->token = cdc_arena_strndup(&batch->arena, name + 1, strlen(name + 1));
        batch->token_len = (uint32_t)strlen(batch->token);
        return;
    }
    const change *ch = &txns[t].rows[r];
    ev->op = (uint8_t)ch->op;
    ev->phase = CDC_PHASE_INCR;
    ev->ddl_database = ev->ddl_table = "";
    if (ch->op != CDC_OP_DDL) {
        ev->table = table;
        ev->before = ch->op != CDC_OP_INSERT ? ch->before : NULL;
        ev->after = ch->op != CDC_OP_DELETE ? ch->after : NULL;
        assert_true(cdc_batch_hold(batch, table));
    }
}

/* One life: from the checkpoint on, in batches of `size`, committing when it may and the dice say
 * so; dies behind `budget` events. True: it has come to the end. */
static bool live(int size, size_t budget)
{
    cdc_publisher *pub;
    size_t t = saved.token.len > 0 ? strtoul(saved.token.p, NULL, 10) : 0;
    size_t r = 0;
    nrecords = ncommitted; /* what was not committed never was */
    cdc_checkpoint start = saved;
    assert_int_equal(cdc_publisher_new(&pub, &env, &text_codec, NULL, &start, &err), CDC_OK);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    while (t < TRANSACTIONS && budget > 0) {
        cdc_batch_reset(batch);
        for (int i = 0; i < size && t < TRANSACTIONS && budget > 0; i++, budget--) {
            make_event(batch, t, r);
            bool end = r == txns[t].n;
            t += end ? 1 : 0;
            r = end ? 0 : r + 1;
        }
        if (cdc_publisher_batch(pub, batch, &err) != CDC_OK) {
            fail_msg("%s", err.text);
        }
        bool done = t == TRANSACTIONS;
        if (cdc_publisher_may_commit(pub) && (done || random_below(2) == 0)) {
            assert_int_equal(cdc_publisher_commit(pub, &err), CDC_OK);
        }
    }
    cdc_batch_free(batch);
    cdc_publisher_free(pub);
    return t == TRANSACTIONS;
}

static void check_committed(void)
{
    assert_int_equal(ncommitted, nwanted);
    for (size_t i = 0; i < nwanted; i++) {
        assert_string_equal(records[i].text, wanted[i].text);
        assert_int_equal(records[i].seq, wanted[i].seq);
        assert_int_equal(records[i].last, wanted[i].last);
        assert_int_equal(records[i].moved, wanted[i].moved);
    }
}

static int open_table(void **state)
{
    (void)state;
    const cdc_column cols[] = {{.name = "id", .type_text = "int", .kind = CDC_INT},
                               {.name = "v", .type_text = "int", .kind = CDC_INT},
                               {.name = "note", .type_text = "int", .kind = CDC_INT}};
    const uint16_t keys[] = {0};
    return cdc_table_new(&table, "d", "t", cols, 3, keys, 1, &err) == CDC_OK ? 0 : -1;
}

static int close_table(void **state)
{
    (void)state;
    cdc_table_unref(table);
    return 0;
}

/* Dies once behind each number of events, goes on from the checkpoint, and dies again and again. */
static void die_everywhere(const char *text, bool hashed)
{
    open_task(cdc_all_options, text);
    for (uint32_t s = 1; s <= 5; s++) {
        make_log(s);
        make_wanted(hashed);
        assert_true(nwanted > 20);
        for (int size = 1; size <= 9; size += 2) {
            for (size_t behind = 1; behind < 150; behind++) {
                begin_anew();
                seed = s * 1000 + (uint32_t)behind;
                bool done = live(size, behind);
                done = done || live(size, 17 + behind / 2);
                while (!done) {
                    done = live(size, SIZE_MAX);
                }
                check_committed();
            }
        }
    }
    close_task();
}

static void test_deaths_with_rules(void **state)
{
    (void)state;
    die_everywhere(HEAD RULES, false);
}

/* A row that becomes two messages is never cut between them, and both say so, also in one
 * partition. */
static void test_deaths_with_moved_keys(void **state)
{
    (void)state;
    die_everywhere(HEAD RULES "topics: {policy: pk, partitions: 4}\n", true);
}

static bool is_mark(const record *rec)
{
    return strcmp(rec->text, " Q") == 0; /* in no transaction */
}

/* All is there once, and wherever rows begin to hash over another number, a mark stands before. */
static void check_marks(void)
{
    size_t n = 0;
    int32_t of = 4;
    bool mark = false;
    for (size_t i = 0; i < ncommitted; i++) {
        if (is_mark(&records[i])) {
            assert_int_equal(records[i].seq, 1);
            assert_true(records[i].last);
            mark = true;
            continue;
        }
        assert_string_equal(records[i].text, wanted[n].text);
        assert_int_equal(records[i].seq, wanted[n].seq);
        assert_int_equal(records[i].last, wanted[n].last);
        assert_int_equal(records[i].moved, wanted[n].moved);
        n++;
        if (strchr(records[i].text, 'Q') == NULL) { /* DDL has one partition */
            assert_true(records[i].of == of || mark);
            of = records[i].of;
            mark = false;
        }
    }
    assert_int_equal(n, nwanted);
}

/* The number of partitions may be another after each death. */
static void test_deaths_with_other_numbers_of_partitions(void **state)
{
    (void)state;
    open_task(cdc_all_options,
              HEAD RULES "topics: {policy: pk, partitions: 4, repartition: barrier}\n");
    for (uint32_t s = 1; s <= 5; s++) {
        make_log(s);
        make_wanted(true);
        for (size_t behind = 1; behind < 150; behind++) {
            begin_anew();
            seed = s * 1000 + (uint32_t)behind;
            bool done = live(1 + random_below(9), behind);
            while (!done) {
                topic.partitions = 4 + random_below(3);
                done = live(1 + random_below(9), 17 + behind / 2);
            }
            check_marks();
            topic.partitions = 4;
        }
    }
    close_task();
}

/* What the messages since the last record of a transaction say themselves. */
typedef struct tally {
    uint64_t count, first, last;
    uint64_t parts[3][8][3]; /* by topic and partition: count, first, last */
    uint32_t nparts;
    uint64_t tables[2]; /* messages of d.t, and of statements without a table */
} tally;

static void tally_add(tally *sum, const record *rec)
{
    uint64_t *part = sum->parts[rec->of == 1 ? 1 : 0][rec->partition];
    assert_int_equal(rec->id, sum->count == 0 ? rec->id : sum->last + 1);
    sum->first = sum->count == 0 ? rec->id : sum->first;
    sum->last = rec->id;
    sum->count++;
    sum->nparts += part[0] == 0 ? 1 : 0;
    part[1] = part[0] == 0 ? rec->id : part[1];
    part[2] = rec->id;
    part[0]++;
    sum->tables[strstr(rec->text, " Q") != NULL && !is_mark(rec) ? 1 : 0]++;
}

static void check_tally(const tally *sum, const char *txn, const char *text)
{
    cdc_transaction tx;
    cdc_arena ar;
    cdc_arena_init(&ar, 4096, 1 << 20);
    if (cdc_transaction_parse((cdc_bytes){text, strlen(text)}, &ar, &tx, &err) != CDC_OK) {
        fail_msg("%s: %s", err.text, text);
    }
    assert_string_equal(tx.task, "t");
    assert_memory_equal(tx.id, txn, strlen(tx.id));
    assert_int_equal(txn[strlen(tx.id)], ' ');
    assert_int_equal(tx.count, sum->count);
    assert_int_equal(tx.first, sum->first);
    assert_int_equal(tx.last, sum->last);
    assert_int_equal(tx.nparts, sum->nparts);
    for (uint32_t i = 0; i < tx.nparts; i++) {
        const cdc_transaction_part *part = &tx.parts[i];
        const uint64_t *is = sum->parts[strcmp(part->topic, "t.ddl") == 0][part->partition];
        assert_int_equal(part->count, is[0]);
        assert_int_equal(part->first, is[1]);
        assert_int_equal(part->last, is[2]);
    }
    assert_int_equal(tx.ntables, (sum->tables[0] > 0) + (sum->tables[1] > 0));
    for (uint32_t i = 0; i < tx.ntables; i++) {
        assert_int_equal(tx.tables[i].count, sum->tables[tx.tables[i].name[0] == '\0']);
    }
    cdc_arena_fini(&ar);
}

/* Every message belongs to the record that follows it, and there is none without. */
static void check_transactions(void)
{
    tally sum = {0};
    size_t n = 0;
    for (size_t i = 0; i < ncommitted; i++) {
        if (records[i].transaction) {
            assert_true(sum.count > 0);
            check_tally(&sum, wanted[n - 1].text, records[i].text);
            sum = (tally){0};
            continue;
        }
        tally_add(&sum, &records[i]);
        if (!is_mark(&records[i])) {
            assert_string_equal(records[i].text, wanted[n].text);
            n++;
        }
    }
    assert_int_equal(n, nwanted);
    assert_int_equal(sum.count, 0);
}

/* The records of transactions are right wherever the process dies. */
static void test_deaths_with_transactions(void **state)
{
    (void)state;
    open_task(cdc_all_options,
              HEAD RULES "topics: {policy: columns, columns: [id], partitions: 4, repartition: "
                         "barrier, transactions: transactions}\n");
    for (uint32_t s = 1; s <= 5; s++) {
        make_log(s);
        make_wanted(true);
        for (size_t behind = 1; behind < 150; behind++) {
            begin_anew();
            seed = s * 1000 + (uint32_t)behind;
            bool done = live(1 + random_below(9), behind);
            while (!done) {
                topic.partitions = 4 + random_below(3);
                done = live(1 + random_below(9), 17 + behind / 2);
            }
            check_transactions();
            topic.partitions = 4;
        }
    }
    close_task();
}

/* A transaction begun without the topic gets no record, also over another restart; the next does.
 */
static void test_transactions_from_now_on(void **state)
{
    (void)state;
    size_t n = 0;
    make_log(3);
    for (size_t t = 0; t < 2; t++) { /* two transactions of six inserts */
        txns[t].n = 6;
        for (size_t r = 0; r < 6; r++) {
            txns[t].rows[r].op = CDC_OP_INSERT;
        }
    }
    begin_anew();
    open_task(cdc_all_options, HEAD);
    seed = 1;
    while (saved.seq != 1) { /* a commit in the midst of the first */
        begin_anew();
        assert_false(live(2, 2));
    }
    close_task();
    open_task(cdc_all_options, HEAD "topics: {transactions: transactions}\n");
    while (saved.seq != 3) {
        cdc_checkpoint kept = saved;
        assert_false(live(2, 4));
        assert_true(kept.seq <= saved.seq);
    }
    assert_null(saved.transaction);
    while (!live(5, SIZE_MAX)) {
    }
    for (size_t i = 0; i < ncommitted; i++) {
        n += records[i].transaction ? 1 : 0;
        assert_true(!records[i].transaction || strstr(records[i].text, "\"id\":\"t1\"") == NULL);
    }
    size_t whole = 0;
    for (size_t t = 1; t < TRANSACTIONS; t++) {
        whole += txns[t].n > 0 ? 1 : 0;
    }
    assert_int_equal(n, whole);
    close_task();
}

/* A transaction of which nothing is left publishes nothing, and the token moves on all the same. */
static void test_nothing_left(void **state)
{
    (void)state;
    open_task(cdc_all_options,
              HEAD "objects: {operations: [delete], tables: [{match: d.t, where: v > 1000}]}\n");
    make_log(7);
    begin_anew();
    assert_true(live(4, SIZE_MAX));
    assert_int_equal(ncommitted, 0);
    assert_string_equal(saved_token, "30");
    assert_int_equal(saved.skip_rows, 0);
    cdc_metric *left_out =
        cdc_metrics_number(env.metrics, CDC_COUNTER, "sluice_filtered_rows_total", "", "");
    size_t rows = 0;
    for (size_t t = 0; t < TRANSACTIONS; t++) {
        rows += txns[t].n;
    }
    assert_int_equal(cdc_metric_get(left_out), rows);
    close_task();
}

/* An UPDATE beside the full copy may be its row's only message. */
static void test_update_beside_the_copy(void **state)
{
    (void)state;
    static const struct {
        const char *operations;
        uint8_t phase;
        int64_t before, after; /* v; 10 and more is taken */
        uint8_t op;            /* what is published; 0 = nothing */
    } cases[] = {
        {"[insert]", CDC_PHASE_SNAPSHOT, 10, 11, CDC_OP_INSERT},
        {"[insert]", CDC_PHASE_SNAPSHOT, 10, 10, CDC_OP_INSERT},
        {"[insert]", CDC_PHASE_SNAPSHOT, 1, 11, CDC_OP_INSERT},
        {"[insert, delete]", CDC_PHASE_SNAPSHOT, 10, 1, 0},
        {"[insert, delete]", CDC_PHASE_INCR, 10, 11, 0},
        {"[delete]", CDC_PHASE_SNAPSHOT, 10, 11, 0},
        {"[insert, update]", CDC_PHASE_SNAPSHOT, 10, 11, CDC_OP_UPDATE},
        {"[insert, update]", CDC_PHASE_SNAPSHOT, 10, 10, CDC_OP_UPDATE},
        {"[insert, update]", CDC_PHASE_INCR, 10, 10, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[400];
        cdc_filter *flt;
        bool taken;
        cdc_value rows[2][3] = {{{.kind = CDC_INT, .i = 1},
                                 {.kind = CDC_INT, .i = cases[i].before},
                                 {.kind = CDC_INT, .i = 1}},
                                {{.kind = CDC_INT, .i = 1},
                                 {.kind = CDC_INT, .i = cases[i].after},
                                 {.kind = CDC_INT, .i = 2}}};
        cdc_event ev = {.op = CDC_OP_UPDATE,
                        .phase = cases[i].phase,
                        .table = table,
                        .before = rows[0],
                        .after = rows[1]};
        snprintf(text, sizeof text,
                 "%sobjects: {operations: %s, tables: [{match: d.t, where: v >= 10, "
                 "columns: {exclude: [note]}}]}\n",
                 HEAD, cases[i].operations);
        open_task(cdc_all_options, text);
        assert_int_equal(cdc_filter_new(&flt, &env, &err), CDC_OK);
        assert_int_equal(cdc_filter_event(flt, &ev, &taken, &err), CDC_OK);
        assert_int_equal(taken, cases[i].op != 0);
        if (taken) {
            assert_int_equal(ev.op, cases[i].op);
            assert_int_equal(ev.before != NULL, ev.op == CDC_OP_UPDATE);
            assert_int_equal(ev.after[1].i, cases[i].after);
        }
        cdc_filter_free(flt);
        close_task();
    }
}

/* More versions of tables than the filter remembers, each of a thousand with an entry of its own.
 */
static void test_many_tables(void **state)
{
    (void)state;
    enum { TABLES = 1000, VERSIONS = 10 };
    static char text[100000];
    cdc_publisher *pub;
    cdc_checkpoint start = {0};
    const cdc_column cols[] = {{.name = "id", .type_text = "int", .kind = CDC_INT}};
    size_t n = (size_t)snprintf(text, sizeof text, "%sobjects:\n  tables:\n", HEAD);
    for (int i = 0; i < TABLES; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "  - {match: d.t%d, where: 'id = %d'}\n",
                              i, i);
    }
    open_task(cdc_all_options, text);
    begin_anew();
    assert_int_equal(cdc_publisher_new(&pub, &env, &text_codec, NULL, &start, &err), CDC_OK);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    for (int i = 0; i < TABLES * VERSIONS; i++) {
        char name[16];
        cdc_table *tbl;
        cdc_value rows[2] = {{.kind = CDC_INT, .i = i % TABLES}, {.kind = CDC_INT, .i = -1}};
        snprintf(name, sizeof name, "t%d", i % TABLES);
        assert_int_equal(cdc_table_new(&tbl, "d", name, cols, 1, NULL, 0, &err), CDC_OK);
        for (int k = 0; k < 4; k++) {
            cdc_event *ev = cdc_batch_add(batch);
            ev->op = k < 3 ? CDC_OP_INSERT : CDC_OP_COMMIT;
            ev->table = k < 3 ? tbl : NULL;
            ev->after = &rows[k % 2]; /* taken, not taken, taken */
            assert_true(cdc_batch_hold(batch, tbl));
        }
        if (cdc_publisher_batch(pub, batch, &err) != CDC_OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(nrecords, 2);
        assert_false(records[0].last);
        assert_true(records[1].last);
        nrecords = 0;
        cdc_batch_reset(batch);
        cdc_table_unref(tbl);
    }
    cdc_batch_free(batch);
    cdc_publisher_free(pub);
    close_task();
}

/* --- rules that do not fit the table --- */

static void refused(const char *rules, const char *code, const char *want)
{
    char text[1000];
    cdc_publisher *pub;
    cdc_checkpoint start = {0};
    snprintf(text, sizeof text, "%s%s", HEAD, rules);
    open_task(cdc_all_options, text);
    make_log(1);
    begin_anew();
    assert_int_equal(cdc_publisher_new(&pub, &env, &text_codec, NULL, &start, &err), CDC_OK);
    cdc_batch *batch = cdc_batch_new(1 << 20);
    for (size_t t = 0; t < TRANSACTIONS; t++) {
        for (size_t r = 0; r <= txns[t].n; r++) {
            make_event(batch, t, r);
        }
    }
    cdc_rc rc = cdc_publisher_batch(pub, batch, &err);
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(err.code, code);
    if (strstr(err.text, want) == NULL) {
        fail_msg("'%s' does not hold '%s'", err.text, want);
    }
    cdc_batch_free(batch);
    cdc_publisher_free(pub);
    close_task();
}

static void test_rules_that_do_not_fit(void **state)
{
    (void)state;
    refused("objects: {tables: [{match: d.t, columns: {exclude: [ID]}}]}\n", "columns",
            "objects.tables[0] (d.t): table d.t: id is of the primary key and cannot be left out");
    refused("objects: {tables: [{match: 'd.*', columns: {include: [v]}}]}\n", "columns",
            "table d.t: id is of the primary key");
    refused("objects: {tables: [{match: d.t, columns: {exclude: [nota]}}]}\n", "columns",
            "table d.t: nota is not among its columns");
    refused("objects: {tables: [{match: d.t, columns: {include: [id, x]}}]}\n", "columns",
            "table d.t: x is not among its columns");
    refused("objects: {tables: [{match: x.y}, {match: 'd.*', where: 'v = 1 AND vv = 2'}]}\n",
            "where", "objects.tables[1] (d.*): where, character 11: table d.t has no column 'vv'");
    refused("objects: {tables: [{match: d.t, where: \"v = 'x'\"}]}\n", "where",
            "where, character 5: d.t.v is int: this is no number");
    refused("topics: {policy: pk, partitions: 7}\n", "topic_partitions",
            "topic t has 4 partitions, and topics.partitions is 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deaths_with_rules),
        cmocka_unit_test(test_deaths_with_moved_keys),
        cmocka_unit_test(test_deaths_with_other_numbers_of_partitions),
        cmocka_unit_test(test_deaths_with_transactions),
        cmocka_unit_test(test_transactions_from_now_on),
        cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_many_tables),
        cmocka_unit_test(test_rules_that_do_not_fit),
        cmocka_unit_test(test_update_beside_the_copy),
    };
    return cmocka_run_group_tests(tests, open_table, close_table);
}

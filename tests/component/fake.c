#include "fake.h"

#include <stdlib.h>

#include "core/clock.h"

fake_plan fake;
fake_row *fake_rows;
size_t fake_nrows;
uint64_t fake_commits, fake_torn, fake_ddl, fake_misplaced;

static fake_row *pending;
static size_t npending, pending_cap, rows_cap;
static struct {
    char topic[64];
    int32_t partition;
    int64_t next;
} offsets[64];
static size_t noffsets;
static uint64_t source_rows, sink_rows, sink_commits, sink_ddl;
static struct {
    char database[16];
    uint64_t version; /* definition changes carried out */
} shapes[4];

void fake_reset(void)
{
    free(fake_rows);
    free(pending);
    fake_rows = NULL;
    pending = NULL;
    fake_nrows = npending = pending_cap = rows_cap = noffsets = 0;
    fake_commits = fake_torn = fake_ddl = fake_misplaced = 0;
    source_rows = sink_rows = sink_commits = sink_ddl = 0;
    memset(shapes, 0, sizeof shapes);
    fake = (fake_plan){.transactions = 10, .batch_rows = 5, .ddl_parts = 1, .database = "fake"};
}

/* --- source --- */

typedef struct fake_source {
    cdc_table *tbl;
    uint64_t txn, row; /* next */
} fake_source;

static cdc_rc fake_source_open(void **out, const cdc_env *env, cdc_error *err)
{
    (void)env;
    const cdc_column cols[] = {{.name = "id",
                                .type_text = "bigint unsigned",
                                .kind = CDC_UINT,
                                .is_unsigned = true,
                                .java_type = -5},
                               {.name = "note",
                                .type_text = "varchar(20)",
                                .kind = CDC_TEXT,
                                .java_type = 12,
                                .charset = "utf8mb4"}};
    const uint16_t keys[] = {0};
    fake_source *src = calloc(1, sizeof *src);
    *out = src;
    return cdc_table_new(&src->tbl, fake.database, "rows", cols, 2, keys, 1, err);
}

static cdc_rc fake_source_start(void *handle, const char *token, size_t len, cdc_error *err)
{
    (void)err;
    fake_source *src = handle;
    char text[32] = "0";
    if (token != NULL) {
        snprintf(text, sizeof text, "%.*s", (int)len, token);
    }
    src->txn = strtoull(text, NULL, 10) + 1;
    src->row = 0;
    return CDC_OK;
}

static char *fake_text(cdc_batch *batch, const char *prefix, uint64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%s%llu", prefix, (unsigned long long)n);
    return cdc_arena_strndup(&batch->arena, text, strlen(text));
}

static cdc_event *fake_event(fake_source *src, cdc_batch *batch, cdc_op op)
{
    cdc_event *ev = cdc_batch_add(batch);
    ev->op = (uint8_t)op;
    ev->phase = CDC_PHASE_INCR;
    ev->txn = fake_text(batch, "t", src->txn);
    ev->pos_file = "fake.000001";
    ev->pos = src->txn * 100 + src->row;
    ev->source_ms = cdc_clock_wall_ms();
    ev->server_id = 1;
    return ev;
}

static bool fake_is_ddl(const fake_source *src)
{
    return fake.ddl_every > 0 && src->txn % fake.ddl_every == 0;
}

static uint64_t fake_length(const fake_source *src)
{
    return fake_is_ddl(src) ? fake.ddl_parts : 1 + src->txn % 7;
}

static void fake_source_ddl(fake_source *src, cdc_batch *batch)
{
    cdc_event *ev = fake_event(src, batch, CDC_OP_DDL);
    ev->ddl = CDC_DDL_ALTER;
    ev->ddl_database = fake.database;
    ev->ddl_table = "rows";
    ev->ddl_default = fake.database;
    ev->ddl_was = "";
    ev->sql = fake_text(batch, "ALTER ", src->txn / fake.ddl_every);
    ev->sql_len = (uint32_t)strlen(ev->sql);
}

static void fake_source_row(fake_source *src, cdc_batch *batch)
{
    cdc_event *ev = fake_event(src, batch, CDC_OP_INSERT);
    cdc_value *values = cdc_arena_zalloc(&batch->arena, 2 * sizeof *values);
    values[0] = (cdc_value){.kind = CDC_UINT, .u = src->txn * 100 + src->row};
    const char *note = fake_text(batch, "", fake.ddl_every > 0 ? src->txn / fake.ddl_every : 0);
    values[1] = (cdc_value){.kind = CDC_TEXT, .p = note, .len = (uint32_t)strlen(note)};
    ev->after = values;
    ev->table = src->tbl;
    cdc_batch_hold(batch, src->tbl);
}

static cdc_rc fake_source_poll(void *handle, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    fake_source *src = handle;
    if (src->txn > fake.transactions) {
        cdc_clock_sleep_ms(timeout_ms < 5 ? timeout_ms : 5);
    }
    while (batch->nevents < fake.batch_rows && src->txn <= fake.transactions) {
        if (fake.source_retry_after_rows > 0 && source_rows == fake.source_retry_after_rows) {
            fake.source_retry_after_rows = 0;
            return cdc_error_set(err, CDC_RETRY, "fake", "the source went away");
        }
        if (src->row == fake_length(src)) {
            fake_event(src, batch, CDC_OP_COMMIT);
            batch->token = fake_text(batch, "", src->txn);
            batch->token_len = (uint32_t)strlen(batch->token);
            src->txn++;
            src->row = 0;
            continue;
        }
        if (fake_is_ddl(src)) {
            fake_source_ddl(src, batch);
        } else {
            fake_source_row(src, batch);
        }
        src->row++;
        source_rows++;
    }
    batch->caught_up = src->txn > fake.transactions;
    return CDC_OK;
}

static void fake_source_close(void *handle)
{
    fake_source *src = handle;
    if (src != NULL) {
        cdc_table_unref(src->tbl);
        free(src);
    }
}

const cdc_source src_fake = {.name = "fake",
                             .open = fake_source_open,
                             .start = fake_source_start,
                             .poll = fake_source_poll,
                             .close = fake_source_close};

/* --- sink --- */

static bool torn; /* the last row applied was not the last of its transaction */

static cdc_rc fake_sink_open(void **out, const cdc_env *env, cdc_error *err)
{
    (void)env;
    (void)err;
    *out = &fake;
    npending = 0;
    return CDC_OK;
}

static cdc_rc fake_sink_applied(void *sink, const char *topic, int32_t partition, int64_t *next,
                                cdc_error *err)
{
    (void)sink;
    (void)err;
    *next = -1;
    for (size_t i = 0; i < noffsets; i++) {
        if (strcmp(offsets[i].topic, topic) == 0 && offsets[i].partition == partition) {
            *next = offsets[i].next;
        }
    }
    return CDC_OK;
}

static cdc_rc fake_sink_begin(void *sink, cdc_error *err)
{
    (void)sink;
    (void)err;
    npending = 0;
    return CDC_OK;
}

static uint64_t *fake_shape(const char *database)
{
    size_t i = 0;
    while (shapes[i].database[0] != '\0' && strcmp(shapes[i].database, database) != 0) {
        i++;
    }
    snprintf(shapes[i].database, sizeof shapes[i].database, "%s", database);
    return &shapes[i].version;
}

static cdc_rc fake_sink_apply(void *sink, const cdc_event *ev, cdc_error *err)
{
    (void)sink;
    uint64_t id = ev->after[0].u;
    if (fake.sink_conflict_at_id == id) {
        return cdc_error_set(err, CDC_FATAL, "conflict_insert", "row %llu is there",
                             (unsigned long long)id);
    }
    if (fake.sink_retry_after_rows > 0 && ++sink_rows == fake.sink_retry_after_rows) {
        return cdc_error_set(err, CDC_RETRY, "fake", "the target went away");
    }
    if (npending == pending_cap) {
        pending_cap = pending_cap > 0 ? 2 * pending_cap : 64;
        pending = realloc(pending, pending_cap * sizeof *pending);
    }
    fake_row *row = &pending[npending++];
    row->id = id;
    row->seq = ev->seq;
    snprintf(row->txn, sizeof row->txn, "%s", ev->txn);
    torn = !ev->last;
    char note[24];
    snprintf(note, sizeof note, "%.*s", (int)ev->after[1].len, ev->after[1].p);
    fake_misplaced += strtoull(note, NULL, 10) != *fake_shape(ev->table->database) ? 1 : 0;
    return CDC_OK;
}

static void fake_sink_set_offset(const cdc_offset *at)
{
    size_t i = 0;
    while (i < noffsets &&
           (strcmp(offsets[i].topic, at->topic) != 0 || offsets[i].partition != at->partition)) {
        i++;
    }
    noffsets += i == noffsets ? 1 : 0;
    snprintf(offsets[i].topic, sizeof offsets[i].topic, "%s", at->topic);
    offsets[i].partition = at->partition;
    offsets[i].next = at->next;
}

static cdc_rc fake_sink_commit(void *sink, const cdc_offset *at, uint32_t n, cdc_error *err)
{
    (void)sink;
    while (fake_nrows + npending > rows_cap) {
        rows_cap = rows_cap > 0 ? 2 * rows_cap : 256;
        fake_rows = realloc(fake_rows, rows_cap * sizeof *fake_rows);
    }
    if (npending > 0) {
        memcpy(fake_rows + fake_nrows, pending, npending * sizeof *pending);
    }
    fake_nrows += npending;
    fake_torn += npending > 0 && torn ? 1 : 0;
    npending = 0;
    for (uint32_t i = 0; i < n; i++) {
        fake_sink_set_offset(&at[i]);
    }
    fake_commits++;
    if (++sink_commits == fake.sink_lost_answer_at_commit) {
        return cdc_error_set(err, CDC_RETRY, "fake", "the answer to COMMIT was lost");
    }
    return CDC_OK;
}

static cdc_rc fake_sink_ddl(void *sink, const cdc_event *const *events, uint32_t n,
                            const cdc_offset *at, uint32_t nat, cdc_error *err)
{
    (void)sink;
    sink_ddl++;
    if (sink_ddl == fake.sink_retry_at_ddl) {
        return cdc_error_set(err, CDC_RETRY, "fake", "the target went away before the change");
    }
    uint64_t *shape = fake_shape(events[0]->ddl_database);
    bool right = npending == 0 && n == fake.ddl_parts && events[0]->seq == 1 &&
                 events[n - 1]->seq == n && events[n - 1]->last &&
                 strtoull(events[0]->sql + strlen("ALTER "), NULL, 10) == *shape + 1 &&
                 strcmp(events[0]->ddl_default, events[0]->ddl_database) == 0;
    fake_misplaced += right ? 0 : 1;
    ++*shape;
    fake_ddl++;
    for (uint32_t i = 0; i < nat; i++) {
        fake_sink_set_offset(&at[i]);
    }
    if (sink_ddl == fake.sink_lost_answer_at_ddl) {
        return cdc_error_set(err, CDC_RETRY, "fake", "the answer to the change was lost");
    }
    return CDC_OK;
}

static void fake_sink_rollback(void *sink)
{
    (void)sink;
    npending = 0;
}

static void fake_sink_careful(void *sink, bool on)
{
    (void)sink;
    (void)on;
}

const cdc_sink sink_fake = {.name = "fake",
                            .open = fake_sink_open,
                            .applied = fake_sink_applied,
                            .begin = fake_sink_begin,
                            .apply = fake_sink_apply,
                            .commit = fake_sink_commit,
                            .ddl = fake_sink_ddl,
                            .rollback = fake_sink_rollback,
                            .close = fake_sink_rollback,
                            .careful = fake_sink_careful};

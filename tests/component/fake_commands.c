#include "fake_commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"

fake_commands_plan fake_commands;

enum { PERIOD = 40, SMALL = 5, LARGE = 16, VALUE_BYTES_MAX = 4096 };

typedef struct fake_state {
    uint64_t next[FAKE_SHARDS_MAX]; /* the number of the command that must come */
    bool inside[FAKE_SHARDS_MAX];   /* of a block */
    struct {
        char topic[64];
        int32_t partition;
        int64_t next;
    } offsets[16];
    size_t noffsets;
} fake_state;

static fake_state done, open_txn;
static uint64_t applied, pending, commits, sink_rows, source_rows;

void fake_commands_reset(void)
{
    done = open_txn = (fake_state){.noffsets = 0};
    applied = pending = commits = sink_rows = source_rows = 0;
    fake_commands =
        (fake_commands_plan){.commands = 100, .batch_rows = 7, .shards = 1, .value_bytes = 20};
}

uint64_t fake_commands_applied(void)
{
    return applied;
}

uint64_t fake_commands_commits(void)
{
    return commits;
}

/* --- the log --- */

/* A run of PERIOD commands: single ones, a block of SMALL, single ones, a block of LARGE. */
static uint32_t tx_seq_of(uint64_t k)
{
    uint32_t at = (uint32_t)(k % PERIOD);
    return at >= 10 && at < 10 + SMALL           ? at - 9
           : at >= PERIOD - LARGE && at < PERIOD ? at - (PERIOD - LARGE) + 1
                                                 : 0;
}

static bool last_of(uint64_t k)
{
    uint32_t seq = tx_seq_of(k);
    return seq == 0 || tx_seq_of(k + 1) != seq + 1;
}

static uint32_t shard_of(uint64_t k)
{
    return (uint32_t)(k / PERIOD % fake_commands.shards);
}

static int32_t database_of(uint64_t k)
{
    return (int32_t)(k / 30 % 2); /* changes in the midst of large blocks, too */
}

static size_t value_of(uint64_t k, char *to)
{
    for (uint32_t i = 0; i < fake_commands.value_bytes; i++) {
        to[i] = (char)(k % 16 == 0 ? 0xf8 + i % 8 : 'a' + (k + i) % 26);
    }
    return fake_commands.value_bytes;
}

/* --- source --- */

typedef struct fake_source {
    uint64_t k;
} fake_source;

static cdc_rc fake_source_open(void **out, const cdc_env *env, cdc_error *err)
{
    (void)env;
    (void)err;
    *out = calloc(1, sizeof(fake_source));
    return *out != NULL ? CDC_OK : CDC_FATAL;
}

static cdc_rc fake_source_start(void *handle, const char *token, size_t len, cdc_error *err)
{
    (void)err;
    fake_source *src = handle;
    char text[32] = "0";
    if (token != NULL) {
        snprintf(text, sizeof text, "%.*s", (int)len, token);
    }
    src->k = strtoull(text, NULL, 10);
    return CDC_OK;
}

static const char *fake_text(cdc_batch *batch, const char *prefix, uint64_t n)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%s%llu", prefix, (unsigned long long)n);
    return cdc_arena_strndup(&batch->arena, text, (size_t)len);
}

static void fake_command(cdc_batch *batch, uint64_t k)
{
    char value[VALUE_BYTES_MAX];
    uint32_t seq = tx_seq_of(k);
    cdc_event *ev = cdc_batch_add(batch);
    cdc_value *argv = cdc_arena_zalloc(&batch->arena, 3 * sizeof *argv);
    const char *name = fake_text(batch, "key:", k);
    size_t n = value_of(k, value);
    argv[0] = (cdc_value){.kind = CDC_BYTES, .p = "SET", .len = 3};
    argv[1] = (cdc_value){.kind = CDC_BYTES, .p = name, .len = (uint32_t)strlen(name)};
    argv[2] = (cdc_value){
        .kind = CDC_BYTES, .p = cdc_arena_memdup(&batch->arena, value, n), .len = (uint32_t)n};
    ev->op = CDC_OP_COMMAND;
    ev->phase = CDC_PHASE_INCR;
    ev->txn = fake_text(batch, "r:", seq > 0 ? k + 1 - seq : k);
    ev->pos_file = "r";
    ev->pos = k;
    ev->source_ms = ev->capture_ms = cdc_clock_wall_ms();
    ev->after = argv;
    ev->nargs = 3;
    ev->key_arg = 1;
    ev->redis_db = database_of(k);
    ev->shard = shard_of(k);
    ev->tx_seq = seq;
    ev->last = last_of(k);
}

static cdc_rc fake_source_poll(void *handle, cdc_batch *batch, int timeout_ms, cdc_error *err)
{
    fake_source *src = handle;
    if (src->k >= fake_commands.commands) {
        cdc_clock_sleep_ms(timeout_ms < 5 ? timeout_ms : 5);
    }
    while (batch->nevents < fake_commands.batch_rows && src->k < fake_commands.commands) {
        if (fake_commands.source_retry_after > 0 &&
            ++source_rows == fake_commands.source_retry_after) {
            return cdc_error_set(err, CDC_RETRY, "fake", "the source went away");
        }
        fake_command(batch, src->k++);
    }
    if (src->k == 0 || last_of(src->k - 1)) {
        cdc_event *ev = cdc_batch_add(batch);
        ev->op = CDC_OP_COMMIT;
        ev->phase = CDC_PHASE_INCR;
        batch->token = fake_text(batch, "", src->k);
        batch->token_len = (uint32_t)strlen(batch->token);
    }
    batch->caught_up = src->k >= fake_commands.commands;
    return CDC_OK;
}

const cdc_source src_fake_commands = {.name = "fake",
                                      .open = fake_source_open,
                                      .start = fake_source_start,
                                      .poll = fake_source_poll,
                                      .close = free};

/* --- sink --- */

static void must(bool holds, const char *what, uint64_t k)
{
    if (!holds) {
        fprintf(stderr, "command %llu: %s\n", (unsigned long long)k, what);
        abort();
    }
}

static cdc_rc fake_sink_open(void **out, const cdc_env *env, cdc_error *err)
{
    (void)env;
    (void)err;
    *out = &done;
    return CDC_OK;
}

static cdc_rc fake_sink_applied(void *sink, const char *topic, int32_t partition, int64_t *next,
                                cdc_error *err)
{
    (void)sink;
    (void)err;
    *next = -1;
    for (size_t i = 0; i < done.noffsets; i++) {
        if (strcmp(done.offsets[i].topic, topic) == 0 && done.offsets[i].partition == partition) {
            *next = done.offsets[i].next;
        }
    }
    return CDC_OK;
}

static cdc_rc fake_sink_begin(void *sink, cdc_error *err)
{
    (void)sink;
    (void)err;
    open_txn = done;
    pending = 0;
    return CDC_OK;
}

/* The first command of this shard from number k on. */
static uint64_t fake_next(uint32_t shard, uint64_t k)
{
    while (shard_of(k) != shard) {
        k++;
    }
    return k;
}

static cdc_rc fake_sink_apply(void *sink, const cdc_event *ev, cdc_error *err)
{
    (void)sink;
    char value[VALUE_BYTES_MAX];
    char name[32];
    uint32_t shard = (uint32_t)ev->partition;
    uint64_t k = fake_next(shard, open_txn.next[shard]);
    if (fake_commands.sink_retry_after > 0 && ++sink_rows == fake_commands.sink_retry_after) {
        return cdc_error_set(err, CDC_RETRY, "fake", "the target went away");
    }
    size_t name_len = (size_t)snprintf(name, sizeof name, "key:%llu", (unsigned long long)k);
    size_t n = value_of(k, value);
    must(ev->op == CDC_OP_COMMAND && ev->nargs == 3 && ev->key_arg == 1, "no command", k);
    must(ev->after[1].len == name_len && memcmp(ev->after[1].p, name, name_len) == 0,
         "another key came", k);
    must(ev->after[2].len == n && memcmp(ev->after[2].p, value, n) == 0, "another value", k);
    must(ev->redis_db == database_of(k), "another database", k);
    must(ev->tx_seq == tx_seq_of(k) && ev->last == last_of(k), "another place in its block", k);
    must(ev->phase == CDC_PHASE_INCR && ev->expire_at_ms == -1, "another phase or expiry", k);
    must(ev->tx_seq == 0 || strtoull(ev->txn + 2, NULL, 10) == k + 1 - ev->tx_seq, "another block",
         k);
    open_txn.next[shard] = k + 1;
    open_txn.inside[shard] = !ev->last;
    pending++;
    return CDC_OK;
}

static void fake_sink_set_offset(const cdc_offset *at)
{
    size_t i = 0;
    while (i < open_txn.noffsets && (strcmp(open_txn.offsets[i].topic, at->topic) != 0 ||
                                     open_txn.offsets[i].partition != at->partition)) {
        i++;
    }
    open_txn.noffsets += i == open_txn.noffsets ? 1 : 0;
    snprintf(open_txn.offsets[i].topic, sizeof open_txn.offsets[i].topic, "%s", at->topic);
    open_txn.offsets[i].partition = at->partition;
    open_txn.offsets[i].next = at->next;
}

static cdc_rc fake_sink_commit(void *sink, const cdc_offset *at, uint32_t n, cdc_error *err)
{
    (void)sink;
    for (uint32_t i = 0; i < FAKE_SHARDS_MAX; i++) {
        must(!open_txn.inside[i], "a block is cut", open_txn.next[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        fake_sink_set_offset(&at[i]);
    }
    done = open_txn;
    applied += pending;
    pending = 0;
    if (++commits == fake_commands.sink_lost_answer_at_commit) {
        return cdc_error_set(err, CDC_RETRY, "fake", "the answer to EXEC was lost");
    }
    return CDC_OK;
}

static void fake_sink_rollback(void *sink)
{
    (void)sink;
    pending = 0;
}

static void fake_sink_careful(void *sink, bool on)
{
    (void)sink;
    (void)on;
}

const cdc_sink sink_fake_commands = {.name = "fake",
                                     .open = fake_sink_open,
                                     .applied = fake_sink_applied,
                                     .begin = fake_sink_begin,
                                     .apply = fake_sink_apply,
                                     .commit = fake_sink_commit,
                                     .rollback = fake_sink_rollback,
                                     .close = fake_sink_rollback,
                                     .careful = fake_sink_careful};

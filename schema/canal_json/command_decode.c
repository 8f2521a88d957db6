/* Messages to commands. argv is freed of the message's escapes once, in the batch's memory; the
 * arguments are then read, and freed of their own escapes, in place. */
#include "schema/canal_json/canal.h"
#include "schema/canal_json/command.h"

typedef enum cdc_col {
    COL_CMD,
    COL_KEY,
    COL_KEY64,
    COL_ARGV,
    COL_EXPIRE_AT,
    COL_PHASE,
    COL_TX,
    COL_TX_SEQ,
    COL_TX_END,
    COLS,
} cdc_col;

static const struct {
    const char *lead; /* with quotes and colon */
    uint8_t n;
} cols[COLS] = {
    {"\"cmd\":", 6},  {"\"key\":", 6},        {"\"key64\":", 8},
    {"\"argv\":", 7}, {"\"expire_at\":", 12}, {"\"phase\":", 8},
    {"\"tx\":", 5},   {"\"tx_seq\":", 9},     {"\"tx_end\":", 9},
};

/* The command that is being read. */
typedef struct cdc_command {
    cdc_reader *r;
    cdc_buffer *scratch; /* its arguments, as an array of cdc_value */
    cdc_arena *ar;
    cdc_reader_text text[COLS]; /* raw.p NULL: null, or not there */
} cdc_command;

static bool fail(cdc_command *cmd, cdc_col col, const char *fault)
{
    if (cmd->text[col].raw.p != NULL) {
        cmd->r->in.p = cmd->text[col].raw.p;
    }
    return cdc_reader_fail(cmd->r, fault);
}

/* --- columns --- */

static cdc_col find_column(cdc_reader_text name)
{
    unsigned i = 0;
    while (i < COLS && (name.escaped || name.raw.n + 3U != cols[i].n ||
                        memcmp(cols[i].lead + 1, name.raw.p, name.raw.n) != 0)) {
        i++;
    }
    return (cdc_col)i;
}

/* Takes a name and its colon. `next` is the one that would come in our own order. */
static bool take_name(cdc_reader *r, unsigned next, cdc_col *out)
{
    cdc_reader_text name;
    (void)cdc_reader_peek(r);
    if (next < COLS && cdc_reader_take_bytes(r, cols[next].lead, cols[next].n)) {
        *out = (cdc_col)next;
        return true;
    }
    if (!cdc_reader_string(r, &name) || !cdc_reader_expect(r, ':', "':' was expected")) {
        return false;
    }
    *out = find_column(name);
    return *out < COLS || cdc_reader_fail(r, "a column that a command does not have");
}

static bool take_columns(cdc_command *cmd)
{
    cdc_reader *r = cmd->r;
    unsigned seen = 0;
    unsigned next = 0;
    if (!cdc_reader_expect(r, '{', "an object was expected")) {
        return false;
    }
    do {
        cdc_col col = COLS;
        if (!take_name(r, next, &col)) {
            return false;
        }
        if ((seen & 1U << col) != 0) {
            return cdc_reader_fail(r, "the column is there twice");
        }
        seen |= 1U << col;
        next = (unsigned)col + 1;
        bool is_null = cdc_reader_peek(r) == 'n' && cdc_reader_take_bytes(r, "null", 4);
        if (!is_null && !cdc_reader_string(r, &cmd->text[col])) {
            return false;
        }
    } while (cdc_reader_take(r, ','));
    return cdc_reader_expect(r, '}', "',' or '}' was expected");
}

/* The text without escapes, in the batch. NULL: a fault. */
static char *plain(cdc_command *cmd, cdc_col col, size_t *n)
{
    cdc_reader_text text = cmd->text[col];
    char *to = cdc_arena_alloc(cmd->ar, text.raw.n + 1);
    *n = to != NULL ? cdc_reader_unescape(text, to) : SIZE_MAX;
    if (*n == SIZE_MAX) {
        fail(cmd, col, to == NULL ? cdc_canal_no_memory : "half of a surrogate pair");
        return NULL;
    }
    to[*n] = '\0';
    return to;
}

static bool is_text(cdc_command *cmd, cdc_col col, const char *word)
{
    cdc_span raw = cmd->text[col].raw;
    return raw.p != NULL && raw.n == strlen(word) && memcmp(raw.p, word, raw.n) == 0;
}

/* A number from 0 to max; left as it is for null. */
static bool get_number(cdc_command *cmd, cdc_col col, int64_t max, int64_t *out)
{
    cdc_span raw = cmd->text[col].raw;
    if (raw.p == NULL) {
        return true;
    }
    cdc_reader r = cdc_reader_sub(cmd->r, raw);
    return (cdc_reader_integer(&r, max, out) && *out >= 0 && r.in.p == r.in.end) ||
           fail(cmd, col, "a number was expected");
}

/* --- argv --- */

/* The string that comes next, freed of its escapes where it stands. */
static bool take_in_place(cdc_reader *in, cdc_value *v)
{
    cdc_reader_text text;
    if (!cdc_reader_string(in, &text)) {
        return false;
    }
    char *s = (char *)(uintptr_t)text.raw.p; /* the batch's memory, which is ours to write */
    size_t n = text.escaped ? cdc_reader_unescape(text, s) : text.raw.n;
    *v = (cdc_value){.kind = CDC_BYTES, .len = (uint32_t)n, .p = s};
    return n != SIZE_MAX || cdc_reader_fail(in, "half of a surrogate pair");
}

/* {"b64":"..."} */
static bool take_octets(cdc_reader *in, cdc_value *v)
{
    cdc_reader_text name;
    in->in.p++;
    if (!cdc_reader_string(in, &name) || name.raw.n != 3 || memcmp(name.raw.p, "b64", 3) != 0 ||
        !cdc_reader_take(in, ':') || cdc_reader_peek(in) != '"' || !take_in_place(in, v) ||
        !cdc_reader_take(in, '}')) {
        return false;
    }
    size_t n = cdc_base64_read(v->p, v->len, (char *)(uintptr_t)v->p);
    v->len = (uint32_t)n;
    return n != SIZE_MAX || cdc_reader_fail(in, "not base64");
}

static bool take_arguments(cdc_command *cmd, cdc_reader *in)
{
    if (!cdc_reader_take(in, '[')) {
        return false;
    }
    do {
        cdc_value *v = (cdc_value *)(void *)cdc_buffer_reserve(cmd->scratch, sizeof *v);
        if (v == NULL) {
            return cdc_reader_fail(in, cdc_canal_no_memory);
        }
        bool ok = cdc_reader_peek(in) == '{' ? take_octets(in, v) : take_in_place(in, v);
        if (!ok) {
            return false;
        }
        cmd->scratch->len += sizeof *v;
    } while (cdc_reader_take(in, ','));
    return cdc_reader_take(in, ']') && cdc_reader_end(in);
}

static bool get_arguments(cdc_command *cmd, cdc_event *ev)
{
    size_t n = 0;
    if (cmd->text[COL_ARGV].raw.p == NULL) {
        return fail(cmd, COL_ARGV, "a command without argv");
    }
    char *text = plain(cmd, COL_ARGV, &n);
    if (text == NULL) {
        return false;
    }
    cdc_buffer_reset(cmd->scratch);
    cdc_reader in = {.in = cdc_cursor_of(text, n), .start = (const uint8_t *)text};
    if (!take_arguments(cmd, &in)) {
        bool memory = in.fault == cdc_canal_no_memory;
        return fail(cmd, COL_ARGV,
                    memory ? cdc_canal_no_memory
                           : "argv is no array of strings and of octets in base64");
    }
    ev->nargs = (uint32_t)(cmd->scratch->len / sizeof(cdc_value));
    ev->after = cdc_arena_memdup(cmd->ar, cmd->scratch->data, cmd->scratch->len);
    return ev->after != NULL || fail(cmd, COL_ARGV, cdc_canal_no_memory);
}

/* --- the rest --- */

/* Which argument is it? The first that equals it. */
static bool get_key(cdc_command *cmd, cdc_event *ev)
{
    cdc_col col = cmd->text[COL_KEY].raw.p != NULL ? COL_KEY : COL_KEY64;
    cdc_reader_text text = cmd->text[col];
    if (text.raw.p == NULL) {
        return true;
    }
    const char *s = (const char *)text.raw.p;
    size_t n = text.raw.n;
    if (text.escaped || col == COL_KEY64) {
        char *to = plain(cmd, col, &n);
        if (to == NULL) {
            return false;
        }
        n = col == COL_KEY64 ? cdc_base64_read(to, n, to) : n;
        s = to;
    }
    for (uint32_t i = 1; i < ev->nargs && n != SIZE_MAX; i++) {
        if (ev->after[i].len == n && memcmp(ev->after[i].p, s, n) == 0) {
            ev->key_arg = (int32_t)i;
            return true;
        }
    }
    return fail(cmd, col, "the key is not in argv");
}

static bool get_phase(cdc_command *cmd, cdc_event *ev)
{
    bool snapshot = is_text(cmd, COL_PHASE, "snapshot");
    ev->phase = snapshot ? CDC_PHASE_SNAPSHOT : CDC_PHASE_INCR;
    return snapshot || is_text(cmd, COL_PHASE, "incr") ||
           fail(cmd, COL_PHASE, "snapshot or incr was expected");
}

/* The block's name; mostly that of the command before. */
static bool get_name(cdc_command *cmd, const cdc_event *before, cdc_event *ev)
{
    size_t n = 0;
    if (before != NULL && before->tx_seq > 0 && is_text(cmd, COL_TX, before->txn)) {
        ev->txn = before->txn;
        return true;
    }
    ev->txn = plain(cmd, COL_TX, &n);
    return ev->txn != NULL && (strlen(ev->txn) == n || fail(cmd, COL_TX, "a NUL in a name"));
}

static bool get_block(cdc_command *cmd, const cdc_event *before, cdc_event *ev)
{
    int64_t seq = 0;
    int64_t end = 0;
    if (!get_number(cmd, COL_TX_SEQ, UINT32_MAX, &seq) || !get_number(cmd, COL_TX_END, 1, &end)) {
        return false;
    }
    bool in_block = cmd->text[COL_TX].raw.p != NULL;
    if (in_block != (seq > 0) || (!in_block && end > 0)) {
        return fail(cmd, COL_TX, "tx and tx_seq, from 1, belong together");
    }
    ev->tx_seq = (uint32_t)seq;
    ev->last = !in_block || end == 1;
    return !in_block || get_name(cmd, before, ev);
}

static bool add_command(cdc_command *cmd, const cdc_command_head *head, cdc_batch *batch,
                        uint32_t first)
{
    cdc_event *ev = cdc_batch_add(batch);
    if (ev == NULL) {
        return cdc_reader_fail(cmd->r, cdc_canal_no_memory);
    }
    ev->op = CDC_OP_COMMAND;
    ev->id = (uint64_t)head->id;
    ev->source_ms = head->es;
    ev->capture_ms = head->ts;
    ev->redis_db = head->database;
    return get_arguments(cmd, ev) && get_key(cmd, ev) &&
           get_number(cmd, COL_EXPIRE_AT, INT64_MAX, &ev->expire_at_ms) && get_phase(cmd, ev) &&
           get_block(cmd, batch->nevents > first + 1 ? ev - 1 : NULL, ev);
}

bool cdc_canal_commands_decode(const cdc_command_head *head, cdc_reader *data, cdc_buffer *scratch,
                               cdc_batch *batch)
{
    uint32_t first = batch->nevents;
    if (!cdc_reader_take(data, '[')) {
        return cdc_reader_fail(data, "an array with commands was expected");
    }
    do {
        cdc_command cmd = {.r = data, .scratch = scratch, .ar = &batch->arena};
        if (!take_columns(&cmd) || !add_command(&cmd, head, batch, first)) {
            return false;
        }
    } while (cdc_reader_take(data, ','));
    return true;
}

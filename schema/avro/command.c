#include "schema/avro/command.h"

#include "core/clock.h"
#include "schema/avro/binary.h"
#include "schema/avro/schema_text.h"
#include "schema/avro/value.h"

enum { ARGUMENTS_MAX = 16 * 1024 * 1024 };

typedef enum cdc_avro_cell {
    CELL_CMD,
    CELL_KEY,
    CELL_ARGV,
    CELL_EXPIRE_AT,
    CELL_PHASE,
    CELL_TX,
    CELL_TX_SEQ,
    CELL_TX_END,
    CELLS,
} cdc_avro_cell;

static const struct {
    const char *name, *type;
} cells[CELLS] = {
    [CELL_CMD] = {"cmd", "string"},     [CELL_KEY] = {"key", "string or bytes"},
    [CELL_ARGV] = {"argv", "array"},    [CELL_EXPIRE_AT] = {"expire_at", "long"},
    [CELL_PHASE] = {"phase", "string"}, [CELL_TX] = {"tx", "string"},
    [CELL_TX_SEQ] = {"tx_seq", "long"}, [CELL_TX_END] = {"tx_end", "long"},
};

/* --- writing --- */

/* Name and type; leaves the pad free. */
static bool put_cell(cdc_writer *w, cdc_avro_cell cell, unsigned branch)
{
    const char *name = cells[cell].name;
    const char *type = cells[cell].type;
    if (!cdc_avro_put_bytes(w, name, strlen(name)) || !cdc_avro_put_bytes(w, type, strlen(type)) ||
        !cdc_writer_room(w, 0)) {
        return false;
    }
    *w->p++ = (char)branch;
    return true;
}

static bool put_long_cell(cdc_writer *w, cdc_avro_cell cell, bool given, int64_t v)
{
    if (!put_cell(w, cell, given ? CDC_AVRO_GENERIC_LONG : CDC_AVRO_GENERIC_NULL)) {
        return false;
    }
    w->p = given ? cdc_avro_put_long(w->p, v) : w->p;
    return true;
}

static bool put_string_cell(cdc_writer *w, cdc_avro_cell cell, const char *s)
{
    return put_cell(w, cell, s != NULL ? CDC_AVRO_GENERIC_STRING : CDC_AVRO_GENERIC_NULL) &&
           (s == NULL || cdc_avro_put_bytes(w, s, strlen(s)));
}

/* Text where it is text. */
static unsigned branch_of(const cdc_value *v)
{
    return cdc_avro_is_text(v->p, v->len) ? CDC_AVRO_GENERIC_STRING : CDC_AVRO_GENERIC_BYTES;
}

static bool put_key_cell(cdc_writer *w, const cdc_event *ev)
{
    if (ev->key_arg < 0) {
        return put_cell(w, CELL_KEY, CDC_AVRO_GENERIC_NULL);
    }
    const cdc_value *v = &ev->after[ev->key_arg];
    return put_cell(w, CELL_KEY, branch_of(v)) && cdc_avro_put_bytes(w, v->p, v->len);
}

static bool put_arguments(cdc_writer *w, const cdc_event *ev)
{
    if (!put_cell(w, CELL_ARGV, CDC_AVRO_GENERIC_ARRAY)) {
        return false;
    }
    w->p = cdc_avro_put_long(w->p, ev->nargs);
    for (uint32_t i = 0; i < ev->nargs; i++) {
        if (!cdc_avro_put_bytes(w, ev->after[i].p, ev->after[i].len)) {
            return false;
        }
    }
    *w->p++ = 0; /* an argument leaves the pad free */
    return true;
}

static bool put_command(cdc_writer *w, const cdc_event *ev)
{
    const cdc_value *name = &ev->after[0];
    bool in_block = ev->tx_seq > 0;
    w->p = cdc_avro_put_long(w->p, CELLS);
    if (!put_cell(w, CELL_CMD, branch_of(name)) || !cdc_avro_put_bytes(w, name->p, name->len) ||
        !put_key_cell(w, ev) || !put_arguments(w, ev) ||
        !put_long_cell(w, CELL_EXPIRE_AT, ev->expire_at_ms >= 0, ev->expire_at_ms) ||
        !put_string_cell(w, CELL_PHASE, ev->phase == CDC_PHASE_SNAPSHOT ? "snapshot" : "incr") ||
        !put_string_cell(w, CELL_TX, in_block ? ev->txn : NULL) ||
        !put_long_cell(w, CELL_TX_SEQ, in_block, ev->tx_seq) ||
        !put_long_cell(w, CELL_TX_END, in_block && ev->last, 1)) {
        return false;
    }
    *w->p++ = 0; /* end of the row */
    return true;
}

/* "0", "redis" */
static bool put_names(cdc_writer *w, const cdc_event *ev)
{
    char digits[24];
    size_t n = cdc_format_i64(digits, ev->redis_db);
    return cdc_avro_put_bytes(w, digits, n) &&
           cdc_avro_put_bytes(w, CDC_COMMAND_TABLE, strlen(CDC_COMMAND_TABLE)) &&
           cdc_writer_room(w, 0);
}

bool cdc_avro_commands_key(cdc_writer *w, const cdc_event *events)
{
    const cdc_event *ev = &events[0];
    if (!put_names(w, ev)) {
        return false;
    }
    if (ev->key_arg >= 0) {
        const cdc_value *v = &ev->after[ev->key_arg];
        *w->p++ = 2; /* one value */
        *w->p++ = (char)branch_of(v);
        if (!cdc_avro_put_bytes(w, v->p, v->len)) {
            return false;
        }
    }
    *w->p++ = 0;
    return true;
}

bool cdc_avro_commands_value(cdc_writer *w, const cdc_event *events, uint32_t n)
{
    const cdc_event *ev = &events[0];
    w->p = cdc_avro_put_long(w->p, (int64_t)ev->id);
    if (!put_names(w, ev)) {
        return false;
    }
    memcpy(w->p, "\0\0\x0cINSERT", 9); /* pkNames, isDdl, type */
    w->p = cdc_avro_put_long(w->p + 9, ev->source_ms);
    w->p = cdc_avro_put_long(w->p, ev->capture_ms != 0 ? ev->capture_ms : cdc_clock_wall_ms());
    *w->p++ = 2;
    w->p = cdc_avro_put_long(w->p, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!put_command(w, &events[i]) || !cdc_writer_room(w, 16)) {
            return false;
        }
    }
    /* end of data; old null; sql ""; sqlType, mysqlType, gtid, serverId null */
    memcpy(w->p, "\0\0\x02\0\0\0\0\0", 8);
    w->p += 8;
    return true;
}

/* --- reading --- */

static const char fault_cell[] = "a cell that is not of the column's type";

/* The command being read. */
typedef struct cdc_avro_command {
    cdc_arena *ar;
    const cdc_event *before;
    cdc_event *ev;
    cdc_bytes key, tx; /* p NULL: none */
    int64_t tx_seq, tx_end;
} cdc_avro_command;

static cdc_avro_cell find_cell(const char *name, size_t n)
{
    unsigned i = 0;
    while (i < CELLS && (strlen(cells[i].name) != n || memcmp(cells[i].name, name, n) != 0)) {
        i++;
    }
    return (cdc_avro_cell)i;
}

/* All blocks of an array of bytes, one after the other in the arena. */
static const char *read_arguments(cdc_avro_command *cmd, const cdc_avro_node *branch, cdc_cursor *c)
{
    cdc_value *args = NULL;
    size_t all = 0;
    if (branch->type != CDC_AVRO_ARRAY || branch->nodes[0]->type != CDC_AVRO_BYTES) {
        return fault_cell;
    }
    for (uint64_t n = cdc_avro_take_block(c); n > 0; n = cdc_avro_take_block(c)) {
        cdc_value *more = n <= ARGUMENTS_MAX && all + n <= ARGUMENTS_MAX
                              ? cdc_arena_zalloc(cmd->ar, (all + n) * sizeof *more)
                              : NULL;
        if (more == NULL) {
            return cdc_canal_no_memory;
        }
        if (all > 0) {
            memcpy(more, args, all * sizeof *more);
        }
        args = more;
        for (size_t end = all + n; all < end; all++) {
            size_t len = 0;
            const char *s = cdc_avro_take_bytes(c, &len);
            char *copy = cdc_arena_memdup(cmd->ar, s, len);
            if (copy == NULL) {
                return cdc_canal_no_memory;
            }
            args[all] = (cdc_value){.kind = CDC_BYTES, .len = (uint32_t)len, .p = copy};
        }
    }
    cmd->ev->after = args;
    cmd->ev->nargs = (uint32_t)all;
    return NULL;
}

static const char *read_number(const cdc_avro_node *branch, cdc_cursor *c, int64_t max,
                               int64_t *out)
{
    if (branch->type != CDC_AVRO_LONG) {
        return fault_cell;
    }
    *out = cdc_avro_take_long(c);
    return *out >= 0 && *out <= max ? NULL : "a number out of range";
}

static const char *read_bytes(const cdc_avro_node *branch, cdc_cursor *c, cdc_bytes *out)
{
    if (branch->type != CDC_AVRO_STRING_TYPE && branch->type != CDC_AVRO_BYTES) {
        return fault_cell;
    }
    out->p = cdc_avro_take_bytes(c, &out->len);
    return NULL;
}

static const char *read_phase(const cdc_avro_node *branch, cdc_cursor *c, cdc_event *ev)
{
    cdc_bytes word;
    const char *fault = read_bytes(branch, c, &word);
    if (fault != NULL) {
        return fault;
    }
    bool snapshot = word.len == 8 && memcmp(word.p, "snapshot", 8) == 0;
    ev->phase = snapshot ? CDC_PHASE_SNAPSHOT : CDC_PHASE_INCR;
    return snapshot || (word.len == 4 && memcmp(word.p, "incr", 4) == 0)
               ? NULL
               : "snapshot or incr was expected";
}

static const char *read_cell(cdc_avro_command *cmd, cdc_avro_cell cell, const cdc_avro_node *branch,
                             cdc_cursor *c)
{
    if (branch->type == CDC_AVRO_NULL) {
        return NULL;
    }
    switch (cell) {
    case CELL_KEY:
        return read_bytes(branch, c, &cmd->key);
    case CELL_ARGV:
        return read_arguments(cmd, branch, c);
    case CELL_EXPIRE_AT:
        return read_number(branch, c, INT64_MAX, &cmd->ev->expire_at_ms);
    case CELL_PHASE:
        return read_phase(branch, c, cmd->ev);
    case CELL_TX:
        return read_bytes(branch, c, &cmd->tx);
    case CELL_TX_SEQ:
        return read_number(branch, c, UINT32_MAX, &cmd->tx_seq);
    case CELL_TX_END:
        return read_number(branch, c, 1, &cmd->tx_end);
    case CELL_CMD: /* it is the first of argv */
        cdc_avro_node_skip(branch, c);
        return NULL;
    default:
        return "a column that a command does not have";
    }
}

static const char *read_cells(cdc_avro_command *cmd, const cdc_avro_node *cell, cdc_cursor *c)
{
    unsigned seen = 0;
    size_t len = 0;
    for (uint64_t n = cdc_avro_take_block(c); n > 0; n = cdc_avro_take_block(c)) {
        for (uint64_t i = 0; i < n; i++) {
            const char *name = cdc_avro_take_bytes(c, &len);
            cdc_avro_cell which = find_cell(name, len);
            (void)cdc_avro_take_bytes(c, &len);
            const cdc_avro_node *branch = cdc_avro_node_branch(cell->nodes[2], c);
            if (branch == NULL || (seen & 1U << which) != 0) {
                return branch == NULL ? "malformed" : "a column is there twice";
            }
            seen |= 1U << which;
            const char *fault = read_cell(cmd, which, branch, c);
            if (fault != NULL) {
                return fault;
            }
        }
    }
    return c->failed ? "the message ends inside of a command" : NULL;
}

/* Which argument is it? The first that equals it. */
static const char *find_key(const cdc_avro_command *cmd)
{
    cdc_event *ev = cmd->ev;
    for (uint32_t i = 1; i < ev->nargs && cmd->key.p != NULL; i++) {
        if (ev->after[i].len == cmd->key.len &&
            memcmp(ev->after[i].p, cmd->key.p, cmd->key.len) == 0) {
            ev->key_arg = (int32_t)i;
            return NULL;
        }
    }
    return cmd->key.p == NULL ? NULL : "the key is not in argv";
}

/* The block's name is mostly that of the command before. */
static const char *set_block(const cdc_avro_command *cmd)
{
    cdc_event *ev = cmd->ev;
    const cdc_event *before = cmd->before;
    bool in_block = cmd->tx.p != NULL;
    if (in_block != (cmd->tx_seq > 0) || (!in_block && cmd->tx_end > 0)) {
        return "tx and tx_seq, from 1, belong together";
    }
    ev->tx_seq = (uint32_t)cmd->tx_seq;
    ev->last = !in_block || cmd->tx_end == 1;
    if (!in_block) {
        return NULL;
    }
    if (memchr(cmd->tx.p, 0, cmd->tx.len) != NULL) {
        return "a NUL in a name";
    }
    bool same = before != NULL && before->tx_seq > 0 && strlen(before->txn) == cmd->tx.len &&
                memcmp(before->txn, cmd->tx.p, cmd->tx.len) == 0;
    ev->txn = same ? before->txn : cdc_arena_strndup(cmd->ar, cmd->tx.p, cmd->tx.len);
    return ev->txn != NULL ? NULL : cdc_canal_no_memory;
}

const char *cdc_avro_command_read(const cdc_avro_node *cell, cdc_cursor *c, const cdc_event *before,
                                  cdc_arena *ar, cdc_event *ev)
{
    cdc_avro_command cmd = {.ar = ar, .before = before, .ev = ev};
    const char *fault = read_cells(&cmd, cell, c);
    if (fault == NULL && ev->nargs == 0) {
        fault = "a command without argv";
    }
    fault = fault != NULL ? fault : find_key(&cmd);
    return fault != NULL ? fault : set_block(&cmd);
}

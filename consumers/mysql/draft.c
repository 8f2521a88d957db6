#include "draft.h"

#include <stdarg.h>
#include <stdlib.h>

#include "literal.h"

enum { TEXT_MAX = 64 * 1024 * 1024, NOTES_MAX = 2048, NAME_BYTES_MAX = 4096 };

/* --- tokens --- */

static void sink_mysql_on_mark(void *context, const char *p, size_t n)
{
    sink_mysql_draft *dr = context;
    sink_mysql_draft_replace(dr, (uint32_t)(p - dr->sql), (uint32_t)n, " ");
}

static bool sink_mysql_read_tokens(sink_mysql_draft *dr)
{
    cdc_sql_scanner sc = {0};
    uint32_t n = 2;
    for (cdc_sql_scan(&sc, dr->sql, dr->len, 0); sc.now.kind != CDC_SQL_END; cdc_sql_next(&sc)) {
        n++;
    }
    dr->toks = cdc_arena_zalloc(dr->ar, n * sizeof *dr->toks);
    dr->closing = cdc_arena_zalloc(dr->ar, n * sizeof *dr->closing);
    if (dr->toks == NULL || dr->closing == NULL) {
        return false;
    }
    sc = (cdc_sql_scanner){.on_mark = sink_mysql_on_mark, .context = dr};
    cdc_sql_scan(&sc, dr->sql, dr->len, 0);
    for (dr->ntoks = 1; dr->ntoks < n; cdc_sql_next(&sc)) {
        dr->toks[dr->ntoks++] = sc.now;
    }
    return true;
}

/* closing[] doubles as the stack of what is open. */
static void sink_mysql_pair_parentheses(sink_mysql_draft *dr)
{
    uint32_t open = 0;
    for (uint32_t i = 1; i < dr->ntoks; i++) {
        if (sink_mysql_draft_is_punct(dr, i, '(')) {
            dr->closing[i] = open;
            open = i;
        } else if (sink_mysql_draft_is_punct(dr, i, ')') && open != 0) {
            uint32_t outer = dr->closing[open];
            dr->closing[open] = i;
            open = outer;
        }
    }
    while (open != 0) { /* never closed */
        uint32_t outer = dr->closing[open];
        dr->closing[open] = dr->ntoks - 1;
        open = outer;
    }
}

/* --- parts --- */

typedef struct sink_mysql_splitter {
    sink_mysql_draft *dr;
    uint32_t at;
    uint32_t cap;
} sink_mysql_splitter;

static bool sink_mysql_take(sink_mysql_splitter *sp, const char *words)
{
    bool is = sink_mysql_draft_is(sp->dr, sp->at, words);
    sp->at += is ? 1 : 0;
    return is;
}

static void sink_mysql_take_if_exists(sink_mysql_splitter *sp)
{
    if (sink_mysql_take(sp, "IF")) {
        (void)sink_mysql_take(sp, "NOT");
        (void)sink_mysql_take(sp, "EXISTS");
    }
}

/* Behind the last token of what stands up to a comma, or up to end. */
static uint32_t sink_mysql_part_end(const sink_mysql_draft *dr, uint32_t at, uint32_t end)
{
    while (at < end && !sink_mysql_draft_is_punct(dr, at, ',')) {
        at = sink_mysql_draft_past(dr, at);
    }
    return at < end ? at : end;
}

static void sink_mysql_add_part(sink_mysql_splitter *sp, sink_mysql_part part)
{
    sink_mysql_draft *dr = sp->dr;
    if (dr->nparts == sp->cap) {
        uint32_t cap = sp->cap > 0 ? sp->cap * 2 : 32;
        sink_mysql_part *more = cdc_arena_alloc(dr->ar, cap * sizeof *more);
        if (more == NULL) {
            dr->failed = true;
            return;
        }
        if (dr->nparts > 0) {
            memcpy(more, dr->parts, dr->nparts * sizeof *more);
        }
        dr->parts = more;
        sp->cap = cap;
    }
    dr->parts[dr->nparts++] = part;
}

/* An element of CREATE TABLE ( ... ), or what follows ADD. */
static sink_mysql_part sink_mysql_element(sink_mysql_splitter *sp, uint32_t first, uint32_t end)
{
    sink_mysql_draft *dr = sp->dr;
    sink_mysql_part part = {.first = first, .end = end};
    if (sink_mysql_take(sp, "CONSTRAINT") &&
        !sink_mysql_draft_is(dr, sp->at, "PRIMARY|UNIQUE|FOREIGN|CHECK")) {
        sp->at++;
    }
    part.body = sp->at;
    if (sink_mysql_take(sp, "PRIMARY|UNIQUE|KEY|INDEX|FULLTEXT|SPATIAL")) {
        part.kind = SINK_MYSQL_PART_KEY;
    } else if (sink_mysql_take(sp, "FOREIGN")) {
        part.kind = SINK_MYSQL_PART_FOREIGN;
    } else if (sink_mysql_draft_is(dr, sp->at, "CHECK")) {
        part.kind = SINK_MYSQL_PART_CHECK;
    } else if (!sink_mysql_draft_is(dr, sp->at, "PERIOD|PARTITION|SYSTEM") || sp->at + 1 >= end ||
               !sink_mysql_draft_is(dr, sp->at + 1, "FOR|IF|PARTITIONS|VERSIONING")) {
        part.kind = SINK_MYSQL_PART_COLUMN;
        part.name = sp->at;
        part.body = sp->at + 1;
    }
    if (sink_mysql_draft_is(dr, part.body, "PARTITION") ||
        (part.name != 0 && sink_mysql_draft_is(dr, part.name, "PARTITION"))) {
        part.kind = SINK_MYSQL_PART_OTHER; /* reserved: never a column */
    }
    return part;
}

static void sink_mysql_split_elements(sink_mysql_splitter *sp, uint32_t open)
{
    sink_mysql_draft *dr = sp->dr;
    uint32_t close = dr->closing[open];
    for (uint32_t at = open + 1; at < close && !dr->failed;) {
        uint32_t end = sink_mysql_part_end(dr, at, close);
        sp->at = at;
        sink_mysql_add_part(sp, sink_mysql_element(sp, at, end));
        at = end + 1;
    }
}

static sink_mysql_part sink_mysql_named(sink_mysql_splitter *sp, uint32_t first, uint32_t end)
{
    sink_mysql_take_if_exists(sp);
    return (sink_mysql_part){.kind = SINK_MYSQL_PART_NAMED,
                             .first = first,
                             .end = end,
                             .name = sp->at,
                             .body = sp->at + 1};
}

/* DROP, ALTER, MODIFY, CHANGE, RENAME. */
static sink_mysql_part sink_mysql_action(sink_mysql_splitter *sp, uint32_t first, uint32_t end)
{
    sink_mysql_part part = {.first = first, .end = end, .body = first};
    if (sink_mysql_take(sp, "MODIFY")) {
        (void)sink_mysql_take(sp, "COLUMN");
        sink_mysql_take_if_exists(sp);
        part.kind = SINK_MYSQL_PART_COLUMN;
        part.name = sp->at;
        part.body = sp->at + 1;
        return part;
    }
    if (sink_mysql_take(sp, "CHANGE")) {
        (void)sink_mysql_take(sp, "COLUMN");
        sink_mysql_take_if_exists(sp);
        part.kind = SINK_MYSQL_PART_COLUMN;
        part.old_name = sp->at;
        part.name = sp->at + 1;
        part.body = sp->at + 2;
        return part;
    }
    if (sink_mysql_take(sp, "RENAME")) {
        if (sink_mysql_take(sp, "COLUMN")) {
            sink_mysql_take_if_exists(sp);
            part.kind = SINK_MYSQL_PART_NAMED;
            part.old_name = sp->at;
            part.name = sp->at + 2; /* past TO */
            part.body = sp->at + 3;
        }
        return part;
    }
    if (sink_mysql_take(sp, "ORDER")) {
        part.kind = SINK_MYSQL_PART_ORDER;
        part.body = sp->at + 1;
        return part;
    }
    if (!sink_mysql_take(sp, "DROP|ALTER") ||
        sink_mysql_draft_is(sp->dr, sp->at,
                            "INDEX|KEY|PRIMARY|FOREIGN|CHECK|CONSTRAINT|PARTITION")) {
        return part;
    }
    if (!sink_mysql_take(sp, "COLUMN") && sink_mysql_draft_is(sp->dr, sp->at, "SYSTEM|PERIOD") &&
        sink_mysql_draft_is(sp->dr, sp->at + 1, "VERSIONING|FOR")) {
        return part;
    }
    return sink_mysql_named(sp, first, end);
}

static void sink_mysql_split_actions(sink_mysql_splitter *sp, uint32_t at)
{
    sink_mysql_draft *dr = sp->dr;
    while (at + 1 < dr->ntoks && !dr->failed) {
        uint32_t end = sink_mysql_part_end(dr, at, dr->ntoks - 1);
        sp->at = at;
        if (sink_mysql_take(sp, "ADD")) {
            (void)sink_mysql_take(sp, "COLUMN");
            sink_mysql_take_if_exists(sp);
            if (sink_mysql_draft_is_punct(dr, sp->at, '(')) {
                sink_mysql_split_elements(sp, sp->at);
            } else {
                sink_mysql_add_part(sp, sink_mysql_element(sp, at, end));
            }
        } else {
            sink_mysql_add_part(sp, sink_mysql_action(sp, at, end));
        }
        at = end + 1;
    }
}

/* The first token behind the statement's first name. */
static uint32_t sink_mysql_behind_name(const sink_mysql_draft *dr)
{
    const char *end = dr->sql + dr->stmt.names[0].at + dr->stmt.names[0].len;
    uint32_t i = 1;
    while (i + 1 < dr->ntoks && dr->toks[i].p < end) {
        i++;
    }
    return i;
}

static void sink_mysql_split(sink_mysql_draft *dr)
{
    sink_mysql_splitter sp = {.dr = dr};
    uint32_t at = sink_mysql_behind_name(dr);
    if (dr->stmt.verb == CDC_SQL_ALTER) {
        if (sink_mysql_draft_is(dr, at, "WAIT|NOWAIT")) {
            at += sink_mysql_draft_is(dr, at, "WAIT") ? 2 : 1;
        }
        sink_mysql_split_actions(&sp, at);
        return;
    }
    if (sink_mysql_draft_is_punct(dr, at, '(') && !sink_mysql_draft_is(dr, at + 1, "LIKE")) {
        dr->selects = sink_mysql_draft_is(dr, at + 1, "SELECT|WITH");
        sink_mysql_split_elements(&sp, at);
        at = dr->closing[at] + 1;
    }
    if (at + 1 < dr->ntoks) {
        sink_mysql_add_part(&sp, (sink_mysql_part){.first = at, .end = dr->ntoks - 1, .body = at});
    }
    for (; at + 1 < dr->ntoks; at = sink_mysql_draft_past(dr, at)) {
        dr->selects = dr->selects || sink_mysql_draft_is(dr, at, "SELECT|AS");
    }
}

bool sink_mysql_draft_init(sink_mysql_draft *dr, const char *sql, size_t len, const char *database,
                           cdc_arena *ar)
{
    memset(dr, 0, sizeof *dr);
    dr->ar = ar;
    dr->sql = sql;
    dr->len = (uint32_t)len;
    cdc_buffer_init(&dr->notes, NOTES_MAX);
    if (len > TEXT_MAX || !cdc_sql_statement_parse(sql, len, 0, database, ar, &dr->stmt) ||
        !sink_mysql_read_tokens(dr)) {
        return false;
    }
    sink_mysql_pair_parentheses(dr);
    bool defines = dr->stmt.object == CDC_SQL_TABLE && dr->stmt.nnames > 0 &&
                   (dr->stmt.verb == CDC_SQL_CREATE || dr->stmt.verb == CDC_SQL_ALTER);
    if (defines) {
        sink_mysql_split(dr);
    }
    return !dr->failed;
}

void sink_mysql_draft_fini(sink_mysql_draft *dr)
{
    cdc_buffer_fini(&dr->notes);
}

/* --- edits --- */

void sink_mysql_draft_replace(sink_mysql_draft *dr, uint32_t at, uint32_t len, const char *text)
{
    if (dr->nedits == dr->edits_cap) {
        uint32_t cap = dr->edits_cap > 0 ? dr->edits_cap * 2 : 32;
        sink_mysql_edit *more = cdc_arena_alloc(dr->ar, cap * sizeof *more);
        if (more == NULL) {
            dr->failed = true;
            return;
        }
        if (dr->nedits > 0) {
            memcpy(more, dr->edits, dr->nedits * sizeof *more);
        }
        dr->edits = more;
        dr->edits_cap = cap;
    }
    dr->edits[dr->nedits++] = (sink_mysql_edit){at, len, text};
}

static uint32_t sink_mysql_offset(const sink_mysql_draft *dr, uint32_t tok)
{
    return (uint32_t)(dr->toks[tok].p - dr->sql);
}

void sink_mysql_draft_token(sink_mysql_draft *dr, uint32_t tok, const char *text)
{
    sink_mysql_draft_replace(dr, sink_mysql_offset(dr, tok), (uint32_t)dr->toks[tok].n, text);
}

void sink_mysql_draft_remove(sink_mysql_draft *dr, uint32_t first, uint32_t end)
{
    if (first < end && end <= dr->ntoks) {
        uint32_t at = sink_mysql_offset(dr, first);
        uint32_t to = sink_mysql_offset(dr, end - 1) + (uint32_t)dr->toks[end - 1].n;
        sink_mysql_draft_replace(dr, at, to - at, "");
    }
}

void sink_mysql_draft_remove_part(sink_mysql_draft *dr, const sink_mysql_part *part)
{
    dr->parts[part - dr->parts].removed = true;
}

/* Is a part before this one, in the same list, still there? */
static bool sink_mysql_follows(const sink_mysql_draft *dr, uint32_t i)
{
    while (i > 0 && dr->parts[i - 1].end + 1 == dr->parts[i].first) {
        i--;
        if (!dr->parts[i].removed) {
            return true;
        }
    }
    return false;
}

/* Removed parts go with the comma before them, or, at the head of the list, with the one behind. */
static void sink_mysql_edit_parts(sink_mysql_draft *dr)
{
    for (uint32_t i = 0; i < dr->nparts; i++) {
        const sink_mysql_part *part = &dr->parts[i];
        bool follows = sink_mysql_follows(dr, i);
        bool after = sink_mysql_draft_is_punct(dr, part->end, ',');
        if (part->removed) {
            sink_mysql_draft_remove(dr, part->first - (follows ? 1 : 0),
                                    part->end + (!follows && after ? 1 : 0));
        }
    }
}

void sink_mysql_draft_note(sink_mysql_draft *dr, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cdc_buffer_add_str(&dr->notes, dr->notes.len > 0 ? "; " : "");
    cdc_buffer_add_str(&dr->notes, text);
}

static int sink_mysql_compare_edits(const void *a, const void *b)
{
    const sink_mysql_edit *x = a;
    const sink_mysql_edit *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    if (x->len == 0 || y->len == 0) {
        return (x->len > 0) - (y->len > 0); /* what is put in stands before */
    }
    return x->len > y->len ? -1 : x->len < y->len; /* the larger holds the smaller */
}

void sink_mysql_draft_print(sink_mysql_draft *dr, cdc_buffer *out)
{
    uint32_t done = (uint32_t)dr->stmt.head_at;
    sink_mysql_edit_parts(dr);
    if (dr->nedits > 0) {
        qsort(dr->edits, dr->nedits, sizeof *dr->edits, sink_mysql_compare_edits);
    }
    for (uint32_t i = 0; i < dr->nedits; i++) {
        const sink_mysql_edit *edit = &dr->edits[i];
        if (edit->at < done) {
            continue;
        }
        cdc_buffer_add(out, dr->sql + done, edit->at - done);
        cdc_buffer_add_str(out, edit->text);
        done = edit->at + edit->len;
    }
    if (done < dr->stmt.sql_len) {
        cdc_buffer_add(out, dr->sql + done, dr->stmt.sql_len - done);
    }
}

/* --- text --- */

static const char *sink_mysql_kept(sink_mysql_draft *dr, const char *text)
{
    dr->failed = dr->failed || text == NULL;
    return text != NULL ? text : "";
}

const char *sink_mysql_draft_name(sink_mysql_draft *dr, const char *name)
{
    cdc_buffer buf;
    cdc_buffer_init(&buf, NAME_BYTES_MAX);
    sink_mysql_add_name(&buf, name);
    const char *text = buf.failed ? NULL : cdc_arena_strndup(dr->ar, buf.data, buf.len);
    cdc_buffer_fini(&buf);
    return sink_mysql_kept(dr, text);
}

const char *sink_mysql_draft_text(sink_mysql_draft *dr, uint32_t tok)
{
    return sink_mysql_kept(dr, cdc_sql_text(&dr->toks[tok], dr->ar));
}

const char *sink_mysql_draft_format(sink_mysql_draft *dr, const char *fmt, ...)
{
    char text[NAME_BYTES_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    bool fits = n >= 0 && (size_t)n < sizeof text;
    return sink_mysql_kept(dr, fits ? cdc_arena_strndup(dr->ar, text, (size_t)n) : NULL);
}

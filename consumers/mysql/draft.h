/* sink_mysql_draft: a definition statement that is being rewritten for the target: its tokens, its
 * parts, and the edits to its text. Everything lives in the arena; the text itself is not touched
 * until it is printed. The applier's thread; no server is asked. */
#ifndef SINK_MYSQL_DRAFT_H
#define SINK_MYSQL_DRAFT_H

#include "core/buffer.h"
#include "schema/mysql_sql/statement.h"

typedef struct sink_mysql_edit {
    uint32_t at, len; /* bytes that are replaced */
    const char *text; /* by this */
} sink_mysql_edit;

typedef enum sink_mysql_part_kind {
    SINK_MYSQL_PART_OTHER = 0, /* table options, actions that are about no column */
    SINK_MYSQL_PART_COLUMN,    /* a column's definition */
    SINK_MYSQL_PART_NAMED,     /* a column that is only named: DROP, ALTER COLUMN, RENAME COLUMN */
    SINK_MYSQL_PART_KEY,       /* PRIMARY, UNIQUE, KEY... */
    SINK_MYSQL_PART_FOREIGN,   /* FOREIGN KEY */
    SINK_MYSQL_PART_CHECK,
    SINK_MYSQL_PART_ORDER, /* ORDER BY columns */
} sink_mysql_part_kind;

/* What stands between two commas of a definition or an ALTER; all are indexes of tokens, 0 = none.
 */
typedef struct sink_mysql_part {
    sink_mysql_part_kind kind;
    uint32_t first, end; /* end: behind its last token */
    uint32_t name;       /* COLUMN, NAMED: the column; for CHANGE and RENAME the new name */
    uint32_t old_name;   /* CHANGE, RENAME COLUMN */
    uint32_t body;       /* COLUMN: its type; otherwise what follows the keywords */
    bool removed;
} sink_mysql_part;

typedef struct sink_mysql_draft {
    const char *sql;
    uint32_t len;
    cdc_arena *ar;
    cdc_sql_statement stmt;
    cdc_sql_token *toks; /* toks[0] is none; the last is CDC_SQL_END */
    uint32_t ntoks;
    uint32_t *closing; /* for "(": its ")", or the last token */
    sink_mysql_part *parts;
    uint32_t nparts;
    sink_mysql_edit *edits;
    uint32_t nedits, edits_cap;
    cdc_buffer notes; /* what was changed in meaning, for the log: "a; b" */
    bool selects;     /* CREATE ... SELECT */
    bool failed;      /* the arena is full */
} sink_mysql_draft;

/* False: the arena is full, or the statement has more than 64 MB. sql is borrowed until fini. */
bool sink_mysql_draft_init(sink_mysql_draft *dr, const char *sql, size_t len, const char *database,
                           cdc_arena *ar) CDC_MUST_CHECK;
void sink_mysql_draft_fini(sink_mysql_draft *dr);

/* Edits may come in any order; one inside of another is left out with it. */
void sink_mysql_draft_replace(sink_mysql_draft *dr, uint32_t at, uint32_t len, const char *text);
void sink_mysql_draft_token(sink_mysql_draft *dr, uint32_t tok, const char *text);
/* Removes tokens first to end - 1. */
void sink_mysql_draft_remove(sink_mysql_draft *dr, uint32_t first, uint32_t end);
/* Removes a part of dr->parts with a comma beside it. */
void sink_mysql_draft_remove_part(sink_mysql_draft *dr, const sink_mysql_part *part);
void sink_mysql_draft_note(sink_mysql_draft *dr, const char *fmt, ...) CDC_PRINTF(2, 3);

/* Appends the statement with its edits. */
void sink_mysql_draft_print(sink_mysql_draft *dr, cdc_buffer *out);

/* Text in the arena; "" when it is full. */
const char *sink_mysql_draft_name(sink_mysql_draft *dr, const char *name); /* `name` */
const char *sink_mysql_draft_text(sink_mysql_draft *dr, uint32_t tok);     /* without quotes */
const char *sink_mysql_draft_format(sink_mysql_draft *dr, const char *fmt, ...) CDC_PRINTF(2, 3);

static inline bool sink_mysql_draft_is(const sink_mysql_draft *dr, uint32_t tok, const char *words)
{
    return tok < dr->ntoks && cdc_sql_is_one_of(&dr->toks[tok], words);
}
static inline bool sink_mysql_draft_is_punct(const sink_mysql_draft *dr, uint32_t tok, char c)
{
    return tok < dr->ntoks && cdc_sql_is_punct(&dr->toks[tok], c);
}
/* The token behind this one; behind ")" if it is "(". */
static inline uint32_t sink_mysql_draft_past(const sink_mysql_draft *dr, uint32_t tok)
{
    return sink_mysql_draft_is_punct(dr, tok, '(') ? dr->closing[tok] + 1 : tok + 1;
}

#endif

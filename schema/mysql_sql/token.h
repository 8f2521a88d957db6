/* cdc_sql_scanner: the tokens of a MySQL or MariaDB statement, one at a time.
 *
 * Comments are passed over; the text of an executable one is read as code, because a server turns
 * the mark of one that it does not execute into a plain comment before it logs the statement. That
 * holds for both marks of MariaDB, and for MySQL's; the one that is MariaDB's alone is a plain
 * comment in what MySQL logs. Text is UTF-8. Nothing is allocated but by cdc_sql_text. Works on any
 * bytes: what is not closed ends with the statement. Any thread.
 *
 * https://dev.mysql.com/doc/refman/en/lexical-structure.html */
#ifndef CDC_SQL_TOKEN_H
#define CDC_SQL_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

typedef enum cdc_sql_kind {
    CDC_SQL_END = 0,
    CDC_SQL_WORD,   /* keyword, plain name, charset introducer (_utf8mb4), prefix (X of X'00') */
    CDC_SQL_NUMBER, /* digits only; 1.5e3 is several tokens */
    CDC_SQL_QUOTED, /* `name`; under ANSI_QUOTES also "name" */
    CDC_SQL_STRING, /* 'text' or "text" */
    CDC_SQL_PUNCT,  /* one character */
} cdc_sql_kind;

typedef struct cdc_sql_token {
    cdc_sql_kind kind;
    const char *p; /* with its quotes */
    size_t n;
} cdc_sql_token;

/* What of the session's sql_mode changes how text is read. */
typedef enum cdc_sql_mode {
    CDC_SQL_ANSI_QUOTES = 1,
    CDC_SQL_NO_BACKSLASH_ESCAPES = 2,
    CDC_SQL_MYSQL = 4, /* logged by MySQL: the mark that is MariaDB's alone is a comment */
} cdc_sql_mode;

typedef struct cdc_sql_scanner {
    const char *p, *end;
    cdc_sql_token now;
    unsigned mode;  /* cdc_sql_mode, or-ed */
    bool in_code;   /* inside of an executable comment */
    bool after_dot; /* what follows is a name, also if it is digits */
    /* The mark that opened or closed an executable comment is told here, if it is set. */
    void (*on_mark)(void *context, const char *p, size_t n);
    void *context;
} cdc_sql_scanner;

/* Stands at the first token afterwards. */
void cdc_sql_scan(cdc_sql_scanner *sc, const char *sql, size_t len, unsigned mode);
/* Moves to the next token. */
void cdc_sql_next(cdc_sql_scanner *sc);

/* Is it this keyword (upper or lower case)? */
bool cdc_sql_is(const cdc_sql_token *tok, const char *word);
/* One of "A|B|C"? */
bool cdc_sql_is_one_of(const cdc_sql_token *tok, const char *words);
static inline bool cdc_sql_is_punct(const cdc_sql_token *tok, char c)
{
    return tok->kind == CDC_SQL_PUNCT && *tok->p == c;
}
/* Could it name something? */
static inline bool cdc_sql_is_name(const cdc_sql_token *tok)
{
    return tok->kind == CDC_SQL_WORD || tok->kind == CDC_SQL_QUOTED;
}

/* Passes over the current keyword if it is this one. */
bool cdc_sql_accept(cdc_sql_scanner *sc, const char *word);
bool cdc_sql_accept_punct(cdc_sql_scanner *sc, char c);

/* A name without its quotes, NUL-terminated, in the arena; NULL: it is full. */
char *cdc_sql_text(const cdc_sql_token *tok, cdc_arena *ar);

#endif

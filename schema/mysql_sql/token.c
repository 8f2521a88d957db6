#include "token.h"

#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v' || c == '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static const char *find(const char *p, const char *end, const char *what)
{
    const char *at = memmem(p, (size_t)(end - p), what, strlen(what));
    return at != NULL ? at + strlen(what) : end;
}

static bool looking_at(const cdc_sql_scanner *sc, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(sc->end - sc->p) >= n && memcmp(sc->p, what, n) == 0;
}

static void tell_mark(const cdc_sql_scanner *sc, const char *from)
{
    if (sc->on_mark != NULL) {
        sc->on_mark(sc->context, from, (size_t)(sc->p - from));
    }
}

/* Enters the code of an executable comment, or skips a plain one. */
static void skip_block_comment(cdc_sql_scanner *sc)
{
    const char *from = sc->p;
    bool code = looking_at(sc, "/*!");
    if (code || (looking_at(sc, "/*M!") && (sc->mode & CDC_SQL_MYSQL) == 0)) {
        sc->p += code ? 3 : 4;
        while (sc->p < sc->end && is_digit(*sc->p)) {
            sc->p++; /* the version from which it counts */
        }
        sc->in_code = true;
        tell_mark(sc, from);
        return;
    }
    sc->p = find(sc->p + 2, sc->end, "*/");
}

static void skip_blank(cdc_sql_scanner *sc)
{
    for (;;) {
        if (sc->p < sc->end && is_space(*sc->p)) {
            sc->p++;
        } else if (looking_at(sc, "/*")) {
            skip_block_comment(sc);
        } else if (sc->in_code && looking_at(sc, "*/")) {
            const char *from = sc->p;
            sc->p += 2;
            sc->in_code = false;
            tell_mark(sc, from);
        } else if (looking_at(sc, "#") ||
                   (looking_at(sc, "--") && (sc->end - sc->p == 2 || is_space(sc->p[2])))) {
            sc->p = find(sc->p, sc->end, "\n");
        } else {
            return;
        }
    }
}

static void scan_quoted(cdc_sql_scanner *sc)
{
    char quote = *sc->p++;
    bool name = quote == '`' || (quote == '"' && (sc->mode & CDC_SQL_ANSI_QUOTES) != 0);
    bool escapes = !name && (sc->mode & CDC_SQL_NO_BACKSLASH_ESCAPES) == 0;
    sc->now.kind = name ? CDC_SQL_QUOTED : CDC_SQL_STRING;
    while (sc->p < sc->end) {
        if (*sc->p == '\\' && escapes && sc->end - sc->p > 1) {
            sc->p += 2;
        } else if (*sc->p != quote) {
            sc->p++;
        } else if (sc->end - sc->p > 1 && sc->p[1] == quote) {
            sc->p += 2;
        } else {
            sc->p++;
            return;
        }
    }
}

static void scan_word(cdc_sql_scanner *sc)
{
    bool digits = true;
    for (; sc->p < sc->end && is_word(*sc->p); sc->p++) {
        digits = digits && is_digit(*sc->p);
    }
    sc->now.kind = digits && !sc->after_dot ? CDC_SQL_NUMBER : CDC_SQL_WORD;
}

void cdc_sql_next(cdc_sql_scanner *sc)
{
    cdc_sql_token *tok = &sc->now;
    sc->after_dot = cdc_sql_is_punct(tok, '.');
    skip_blank(sc);
    tok->p = sc->p;
    if (sc->p >= sc->end) {
        tok->kind = CDC_SQL_END;
    } else if (*sc->p == '`' || *sc->p == '"' || *sc->p == '\'') {
        scan_quoted(sc);
    } else if (is_word(*sc->p)) {
        scan_word(sc);
    } else {
        tok->kind = CDC_SQL_PUNCT;
        sc->p++;
    }
    tok->n = (size_t)(sc->p - tok->p);
}

void cdc_sql_scan(cdc_sql_scanner *sc, const char *sql, size_t len, unsigned mode)
{
    sc->p = sql;
    sc->end = sql + len;
    sc->mode = mode;
    sc->in_code = sc->after_dot = false;
    sc->now = (cdc_sql_token){CDC_SQL_END, sql, 0};
    cdc_sql_next(sc);
}

bool cdc_sql_is(const cdc_sql_token *tok, const char *word)
{
    return tok->kind == CDC_SQL_WORD && tok->n == strlen(word) &&
           strncasecmp(tok->p, word, tok->n) == 0;
}

bool cdc_sql_is_one_of(const cdc_sql_token *tok, const char *words)
{
    if (tok->kind != CDC_SQL_WORD) {
        return false;
    }
    for (const char *p = words; p != NULL; p = strchr(p, '|')) {
        p += *p == '|';
        size_t n = strcspn(p, "|");
        if (n == tok->n && strncasecmp(tok->p, p, n) == 0) {
            return true;
        }
    }
    return false;
}

bool cdc_sql_accept(cdc_sql_scanner *sc, const char *word)
{
    if (!cdc_sql_is(&sc->now, word)) {
        return false;
    }
    cdc_sql_next(sc);
    return true;
}

bool cdc_sql_accept_punct(cdc_sql_scanner *sc, char c)
{
    if (!cdc_sql_is_punct(&sc->now, c)) {
        return false;
    }
    cdc_sql_next(sc);
    return true;
}

char *cdc_sql_text(const cdc_sql_token *tok, cdc_arena *ar)
{
    char *out = cdc_arena_alloc(ar, tok->n + 1);
    if (out == NULL) {
        return NULL;
    }
    if (tok->kind != CDC_SQL_QUOTED) {
        memcpy(out, tok->p, tok->n);
        out[tok->n] = '\0';
        return out;
    }
    char quote = *tok->p;
    size_t k = 0;
    for (size_t i = 1; i < tok->n; i++) {
        if (tok->p[i] == quote && (i + 1 == tok->n || tok->p[++i] != quote)) {
            break;
        }
        out[k++] = tok->p[i];
    }
    out[k] = '\0';
    return out;
}

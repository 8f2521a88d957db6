#include "plain.h"

#include <string.h>

/* "na""me" as `na"me`; apart from another name beside it, which would become one with it. */
static char *put_name(char *to, const cdc_sql_token *tok, char before, char behind)
{
    if (before == '`') {
        *to++ = ' ';
    }
    size_t closed = tok->n > 1 && tok->p[tok->n - 1] == '"';
    *to++ = '`';
    for (size_t i = 1; i < tok->n - closed; i++) {
        if (tok->p[i] == '`') {
            *to++ = '`';
        }
        *to++ = tok->p[i];
        i += tok->p[i] == '"'; /* doubled inside */
    }
    *to++ = '`';
    if (behind == '`') {
        *to++ = ' ';
    }
    return to;
}

/* 'a\b' as 'a\\b'. */
static char *put_string(char *to, const cdc_sql_token *tok)
{
    for (size_t i = 0; i < tok->n; i++) {
        if (tok->p[i] == '\\') {
            *to++ = '\\';
        }
        *to++ = tok->p[i];
    }
    return to;
}

bool cdc_sql_plain(const char **sql, size_t *len, unsigned mode, cdc_arena *ar)
{
    if ((mode & (CDC_SQL_ANSI_QUOTES | CDC_SQL_NO_BACKSLASH_ESCAPES)) == 0) {
        return true;
    }
    char *out = cdc_arena_alloc(ar, *len * 4 + 2);
    if (out == NULL) {
        return false;
    }
    char *to = out;
    const char *done = *sql;
    cdc_sql_scanner sc = {0};
    for (cdc_sql_scan(&sc, *sql, *len, mode); sc.now.kind != CDC_SQL_END; cdc_sql_next(&sc)) {
        const cdc_sql_token *tok = &sc.now;
        bool name = tok->kind == CDC_SQL_QUOTED && *tok->p == '"';
        bool string = tok->kind == CDC_SQL_STRING && (mode & CDC_SQL_NO_BACKSLASH_ESCAPES) != 0;
        if (name || string) {
            memcpy(to, done, (size_t)(tok->p - done));
            to += tok->p - done;
            done = tok->p + tok->n;
            to = name ? put_name(to, tok, to > out ? to[-1] : ' ', done < *sql + *len ? *done : ' ')
                      : put_string(to, tok);
        }
    }
    size_t rest = (size_t)(*sql + *len - done);
    memcpy(to, done, rest);
    *sql = out;
    *len = (size_t)(to - out) + rest;
    return true;
}

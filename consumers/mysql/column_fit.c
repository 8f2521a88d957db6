#include "column_fit.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WORD_BYTES = 32, NO_LENGTH = -1 };

/* What of a type is compared. size: kinds with several names are ordered by it. */
typedef struct type_text {
    char word[WORD_BYTES]; /* "varchar", lower case */
    long first, second;    /* (10,2); NO_LENGTH */
    const char *labels;    /* behind the bracket of ENUM and SET */
    bool is_unsigned;
} type_text;

typedef struct type_kind {
    const char *word;
    const char *kind;
    int rank; /* within the kind */
} type_kind;

static const type_kind kinds[] = {
    {"tinyint", "integer", 1},  {"smallint", "integer", 2},  {"mediumint", "integer", 3},
    {"int", "integer", 4},      {"integer", "integer", 4},   {"bigint", "integer", 8},
    {"decimal", "decimal", 0},  {"numeric", "decimal", 0},   {"float", "float", 1},
    {"double", "float", 2},     {"char", "text", 0},         {"varchar", "text", 0},
    {"tinytext", "text", 1},    {"text", "text", 2},         {"mediumtext", "text", 3},
    {"longtext", "text", 4},    {"json", "text", 4},         {"binary", "bytes", 0},
    {"varbinary", "bytes", 0},  {"tinyblob", "bytes", 1},    {"blob", "bytes", 2},
    {"mediumblob", "bytes", 3}, {"longblob", "bytes", 4},    {"date", "date", 0},
    {"time", "time", 0},        {"datetime", "datetime", 0}, {"timestamp", "timestamp", 0},
    {"year", "year", 0},        {"bit", "bit", 0},
};

static const type_kind *find_kind(const char *word)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].word, word) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void read_type(const char *text, type_text *out)
{
    size_t n = 0;
    *out = (type_text){.first = NO_LENGTH, .second = NO_LENGTH, .labels = ""};
    for (; isalnum((unsigned char)*text) && n < sizeof out->word - 1; text++) {
        out->word[n++] = (char)tolower((unsigned char)*text);
    }
    if (*text == '(' && text[1] == '\'') {
        out->labels = text + 1;
    } else if (*text == '(') {
        char *end = NULL;
        out->first = strtol(text + 1, &end, 10);
        out->second = *end == ',' ? strtol(end + 1, NULL, 10) : NO_LENGTH;
    }
    out->is_unsigned = strcasestr(text, " unsigned") != NULL;
}

/* The most characters or bytes that a text or bytes type may hold. */
static int64_t capacity(const type_text *type, const type_kind *kind)
{
    static const int64_t by_rank[] = {0, 255, 65535, 16777215, 4294967295};
    return kind->rank > 0 ? by_rank[kind->rank] : type->first;
}

static bool holds_integer(const type_text *a, const type_kind *ka, const type_text *b,
                          const type_kind *kb)
{
    if (a->is_unsigned == b->is_unsigned) {
        return kb->rank >= ka->rank;
    }
    return a->is_unsigned && kb->rank > ka->rank; /* a negative one fits into no unsigned */
}

static bool holds_decimal(const type_text *a, const type_text *b)
{
    long scale_a = a->second > 0 ? a->second : 0;
    long scale_b = b->second > 0 ? b->second : 0;
    return scale_b >= scale_a && b->first - scale_b >= a->first - scale_a &&
           (a->is_unsigned || !b->is_unsigned);
}

static sink_mysql_fit fit_same_kind(const type_text *a, const type_kind *ka, const type_text *b,
                                    const type_kind *kb)
{
    bool holds;
    if (strcmp(ka->kind, "integer") == 0) {
        holds = holds_integer(a, ka, b, kb);
    } else if (strcmp(ka->kind, "decimal") == 0) {
        holds = holds_decimal(a, b);
    } else if (strcmp(ka->kind, "text") == 0 || strcmp(ka->kind, "bytes") == 0) {
        holds = capacity(b, kb) >= capacity(a, ka);
    } else {
        long digits_a = a->first > 0 ? a->first : 0; /* fraction digits, bits */
        long digits_b = b->first > 0 ? b->first : 0;
        holds = kb->rank >= ka->rank && (strcmp(ka->kind, "year") == 0 || digits_b >= digits_a);
    }
    return holds ? SINK_MYSQL_FITS : SINK_MYSQL_NARROWER;
}

sink_mysql_fit sink_mysql_column_fit(const char *source, const char *target)
{
    type_text a;
    type_text b;
    if (strcasecmp(source, target) == 0) {
        return SINK_MYSQL_FITS;
    }
    read_type(source, &a);
    read_type(target, &b);
    const type_kind *ka = find_kind(a.word);
    const type_kind *kb = find_kind(b.word);
    if (ka != NULL && kb != NULL && strcmp(ka->kind, kb->kind) == 0) {
        return fit_same_kind(&a, ka, &b, kb);
    }
    if (strcmp(a.word, b.word) != 0) {
        return SINK_MYSQL_CONVERTED;
    }
    if (a.labels[0] == '\0') {
        return SINK_MYSQL_FITS; /* no length that matters: uuid, inet6, geometry */
    }
    /* labels may be added at the end; the first list without its bracket must begin the second */
    size_t n = strlen(a.labels);
    n -= a.labels[n - 1] == ')' ? 1 : 0;
    return strncmp(a.labels, b.labels, n) == 0 ? SINK_MYSQL_FITS : SINK_MYSQL_NARROWER;
}

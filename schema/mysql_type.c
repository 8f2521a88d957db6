#include "schema/mysql_type.h"

#include <strings.h>

#include "core/cursor.h"

enum {
    JAVA_BIT = -7,
    JAVA_TINYINT = -6,
    JAVA_BIGINT = -5,
    JAVA_CHAR = 1,
    JAVA_DECIMAL = 3,
    JAVA_INTEGER = 4
};
enum {
    JAVA_SMALLINT = 5,
    JAVA_REAL = 7,
    JAVA_DOUBLE = 8,
    JAVA_VARCHAR = 12,
    JAVA_DATE = 91,
    JAVA_TIME = 92
};
enum { JAVA_TIMESTAMP = 93, JAVA_BLOB = 2004, JAVA_CLOB = 2005 };

/* What stands in the parentheses behind a type's name. */
typedef enum cdc_mysql_args {
    ARGS_IGNORED, /* display width, or a length that decides nothing here */
    ARGS_LENGTH,  /* cdc_column.length */
    ARGS_DIGITS,  /* fraction digits */
    ARGS_DECIMAL, /* precision, scale */
    ARGS_LABELS,
} cdc_mysql_args;

typedef struct cdc_mysql_type {
    const char *name;
    cdc_kind kind;
    int16_t java_type;
    cdc_mysql_args args;
} cdc_mysql_type;

static const cdc_mysql_type types[] = {
    {"tinyint", CDC_INT, JAVA_TINYINT, ARGS_IGNORED},
    {"smallint", CDC_INT, JAVA_SMALLINT, ARGS_IGNORED},
    {"mediumint", CDC_INT, JAVA_INTEGER, ARGS_IGNORED},
    {"int", CDC_INT, JAVA_INTEGER, ARGS_IGNORED},
    {"integer", CDC_INT, JAVA_INTEGER, ARGS_IGNORED},
    {"bigint", CDC_INT, JAVA_BIGINT, ARGS_IGNORED},
    {"decimal", CDC_DECIMAL, JAVA_DECIMAL, ARGS_DECIMAL},
    {"numeric", CDC_DECIMAL, JAVA_DECIMAL, ARGS_DECIMAL},
    {"float", CDC_FLOAT, JAVA_REAL, ARGS_IGNORED},
    {"double", CDC_DOUBLE, JAVA_DOUBLE, ARGS_IGNORED},
    {"bit", CDC_BIT, JAVA_BIT, ARGS_LENGTH},
    {"enum", CDC_ENUM, JAVA_INTEGER, ARGS_LABELS},
    {"set", CDC_SET, JAVA_BIT, ARGS_LABELS},
    {"year", CDC_YEAR, JAVA_VARCHAR, ARGS_IGNORED},
    {"date", CDC_DATE, JAVA_DATE, ARGS_IGNORED},
    {"time", CDC_TIME, JAVA_TIME, ARGS_DIGITS},
    {"datetime", CDC_DATETIME, JAVA_TIMESTAMP, ARGS_DIGITS},
    {"timestamp", CDC_TIMESTAMP, JAVA_TIMESTAMP, ARGS_DIGITS},
    {"char", CDC_TEXT, JAVA_CHAR, ARGS_IGNORED},
    {"varchar", CDC_TEXT, JAVA_VARCHAR, ARGS_IGNORED},
    {"tinytext", CDC_TEXT, JAVA_CLOB, ARGS_IGNORED},
    {"text", CDC_TEXT, JAVA_CLOB, ARGS_IGNORED},
    {"mediumtext", CDC_TEXT, JAVA_CLOB, ARGS_IGNORED},
    {"longtext", CDC_TEXT, JAVA_CLOB, ARGS_IGNORED},
    {"binary", CDC_BYTES, JAVA_BLOB, ARGS_LENGTH},
    {"varbinary", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"tinyblob", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"blob", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"mediumblob", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"longblob", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"json", CDC_JSON, JAVA_VARCHAR, ARGS_IGNORED},
    {"geometry", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"point", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"linestring", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"polygon", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"multipoint", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"multilinestring", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"multipolygon", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"geometrycollection", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"geomcollection", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"vector", CDC_BYTES, JAVA_BLOB, ARGS_IGNORED},
    {"inet6", CDC_TEXT, JAVA_VARCHAR, ARGS_IGNORED},
    {"inet4", CDC_TEXT, JAVA_VARCHAR, ARGS_IGNORED},
    {"uuid", CDC_TEXT, JAVA_VARCHAR, ARGS_IGNORED},
};

static void skip_spaces(cdc_cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t')) {
        c->p++;
    }
}

static bool take(cdc_cursor *c, char ch)
{
    if (c->p < c->end && *c->p == (uint8_t)ch) {
        c->p++;
        return true;
    }
    return false;
}

static bool is_word_char(uint8_t ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '_';
}

/* A word of letters, digits and '_'; length 0 if there is none. */
static size_t take_word(cdc_cursor *c, const char **word)
{
    const uint8_t *start = c->p;
    while (c->p < c->end && is_word_char(*c->p)) {
        c->p++;
    }
    *word = (const char *)start;
    return (size_t)(c->p - start);
}

static bool word_is(const char *word, size_t n, const char *name)
{
    return strlen(name) == n && strncasecmp(word, name, n) == 0;
}

static const cdc_mysql_type *find_type(const char *word, size_t n)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (word_is(word, n, types[i].name)) {
            return &types[i];
        }
    }
    return NULL;
}

static bool take_number(cdc_cursor *c, uint32_t max, uint32_t *out)
{
    skip_spaces(c);
    const uint8_t *start = c->p;
    uint64_t v = 0;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
        v = v * 10 + (uint64_t)(*c->p++ - '0');
        if (v > max) {
            return false;
        }
    }
    *out = (uint32_t)v;
    skip_spaces(c);
    return c->p > start;
}

/* The next character of a label as the servers print it: '' for a quote, and backslash escapes. 0
 * at the closing quote or the end of the text. */
static uint8_t next_char(cdc_cursor *c)
{
    if (c->p == c->end) {
        return 0;
    }
    uint8_t ch = *c->p;
    bool pair = c->p + 1 < c->end && (ch == '\\' || (ch == '\'' && c->p[1] == '\''));
    if (!pair) {
        c->p += ch != '\'';
        return ch == '\'' ? 0 : ch;
    }
    ch = c->p[1];
    c->p += 2;
    return ch == 'n' ? '\n' : ch == 'r' ? '\r' : ch == '0' ? 0 : ch;
}

/* Copies a quoted label. NULL: malformed, holds a NUL, or no memory. */
static const char *take_label(cdc_cursor *c, cdc_arena *ar, bool *no_memory)
{
    skip_spaces(c);
    if (!take(c, '\'')) {
        return NULL;
    }
    cdc_cursor ahead = *c;
    size_t n = 0;
    while (next_char(&ahead) != 0) {
        n++;
    }
    char *label = cdc_arena_alloc(ar, n + 1);
    if (label == NULL) {
        *no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        label[i] = (char)next_char(c);
    }
    label[n] = '\0';
    if (!take(c, '\'')) {
        return NULL;
    }
    skip_spaces(c);
    return label;
}

/* Upper bound for the number of labels, to size their array. */
static size_t count_labels(const cdc_cursor *c)
{
    size_t n = 1;
    for (const uint8_t *p = c->p; p < c->end; p++) {
        n += *p == ',';
    }
    return n;
}

static bool take_labels(cdc_cursor *c, cdc_column *col, cdc_arena *ar, bool *no_memory)
{
    size_t most = col->kind == CDC_SET ? 64 : 65535;
    size_t room = count_labels(c);
    room = room < most ? room : most;
    const char **labels = cdc_arena_alloc(ar, room * sizeof *labels);
    if (labels == NULL) {
        *no_memory = true;
        return false;
    }
    uint32_t n = 0;
    do {
        if (n == room) {
            return false;
        }
        labels[n] = take_label(c, ar, no_memory);
        if (labels[n++] == NULL) {
            return false;
        }
    } while (take(c, ','));
    col->labels = labels;
    col->nlabels = n;
    return take(c, ')');
}

static bool take_decimal(cdc_cursor *c, cdc_column *col)
{
    uint32_t precision = 0;
    uint32_t scale = 0;
    if (!take_number(c, 65, &precision) || (take(c, ',') && !take_number(c, 38, &scale)) ||
        scale > precision) {
        return false;
    }
    col->precision = (uint16_t)precision;
    col->scale = (uint16_t)scale;
    return take(c, ')');
}

/* Numbers that decide nothing: "(11)", "(10,2)". */
static bool take_ignored(cdc_cursor *c)
{
    uint32_t n = 0;
    do {
        if (!take_number(c, UINT32_MAX, &n)) {
            return false;
        }
    } while (take(c, ','));
    return take(c, ')');
}

static bool take_args(cdc_cursor *c, const cdc_mysql_type *type, cdc_column *col, cdc_arena *ar,
                      bool *no_memory)
{
    uint32_t n = 0;
    switch (type->args) {
    case ARGS_IGNORED:
        return take_ignored(c);
    case ARGS_LENGTH:
        if (!take_number(c, col->kind == CDC_BIT ? 64 : 255, &n) || !take(c, ')')) {
            return false;
        }
        col->length = n;
        return true;
    case ARGS_DIGITS:
        if (!take_number(c, 6, &n) || !take(c, ')')) {
            return false;
        }
        col->digits = (uint8_t)n;
        return true;
    case ARGS_DECIMAL:
        return take_decimal(c, col);
    case ARGS_LABELS:
        return take_labels(c, col, ar, no_memory);
    }
    return false;
}

/* A C comment, as MariaDB puts behind temporal types of old tables: timestamp mariadb-5.3. */
static bool take_comment(cdc_cursor *c)
{
    if (cdc_cursor_left(c) < 4 || c->p[0] != '/' || c->p[1] != '*') {
        return false;
    }
    for (c->p += 2; cdc_cursor_left(c) >= 2; c->p++) {
        if (c->p[0] == '*' && c->p[1] == '/') {
            c->p += 2;
            return true;
        }
    }
    return false;
}

static bool take_attribute(cdc_cursor *c, cdc_column *col)
{
    const char *word = NULL;
    size_t n = take_word(c, &word);
    if (n == 0) {
        return take_comment(c);
    }
    if (word_is(word, n, "unsigned") || word_is(word, n, "zerofill")) {
        col->is_unsigned = true;
        return true;
    }
    if (word_is(word, n, "signed") || word_is(word, n, "precision")) {
        return true;
    }
    if (word_is(word, n, "character")) {
        skip_spaces(c);
        n = take_word(c, &word);
        if (!word_is(word, n, "set")) {
            return false;
        }
    } else if (!word_is(word, n, "charset") && !word_is(word, n, "collate")) {
        return false;
    }
    skip_spaces(c);
    return take_word(c, &word) > 0;
}

static bool take_type(cdc_cursor *c, const cdc_mysql_type *type, cdc_column *col, cdc_arena *ar,
                      bool *no_memory)
{
    skip_spaces(c);
    if (take(c, '(')) {
        if (!take_args(c, type, col, ar, no_memory)) {
            return false;
        }
    } else if (type->args == ARGS_LABELS) {
        return false;
    } else if (type->kind == CDC_BYTES && type->args == ARGS_LENGTH) {
        col->length = 1; /* BINARY is BINARY(1) */
    }
    for (skip_spaces(c); c->p < c->end; skip_spaces(c)) {
        if (!take_attribute(c, col)) {
            return false;
        }
    }
    return true;
}

/* Start of a text for a message: an ENUM may be long. */
static int shown(size_t n)
{
    return n < 120 ? (int)n : 120;
}

cdc_rc cdc_mysql_type_parse(const char *type_text, cdc_column *col, cdc_arena *ar, cdc_error *err)
{
    size_t len = strlen(type_text);
    cdc_cursor c = cdc_cursor_of(type_text, len);
    const char *word = NULL;
    skip_spaces(&c);
    size_t n = take_word(&c, &word);
    const cdc_mysql_type *type = find_type(word, n);
    if (type == NULL) {
        return cdc_error_set(
            err, CDC_FATAL, "type_unknown",
            "column type \"%.*s\" is not known to this version; leave the table out or change the "
            "column's type",
            shown(len), type_text);
    }
    col->kind = type->kind;
    col->java_type = type->java_type;
    col->is_unsigned = false;
    col->digits = 0;
    col->length = 0;
    col->precision = 0;
    col->scale = 0;
    col->labels = NULL;
    col->nlabels = 0;
    bool no_memory = false;
    if (len > CDC_MYSQL_TYPE_MAX || !take_type(&c, type, col, ar, &no_memory)) {
        return no_memory ? cdc_error_set(err, CDC_FATAL, "no_memory",
                                         "no memory for the labels of a column type")
                         : cdc_error_set(err, CDC_FATAL, "type_malformed",
                                         "column type \"%.*s\" cannot be read (at character %zu)",
                                         shown(len), type_text,
                                         (size_t)(c.p - (const uint8_t *)type_text) + 1);
    }
    if (col->kind == CDC_INT && col->is_unsigned) {
        col->kind = CDC_UINT;
    }
    return CDC_OK;
}

bool cdc_mysql_type_range(const cdc_column *col, cdc_mysql_range *out)
{
    static const struct {
        const char *name;
        unsigned bits;
        int16_t wide;
    } sizes[] = {{"tinyint", 8, JAVA_SMALLINT},
                 {"smallint", 16, JAVA_INTEGER},
                 {"mediumint", 24, JAVA_INTEGER},
                 {"int", 32, JAVA_BIGINT},
                 {"bigint", 64, JAVA_DECIMAL}};
    if (col->kind != CDC_INT && col->kind != CDC_UINT) {
        return false;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (strncasecmp(col->type_text, sizes[i].name, strlen(sizes[i].name)) == 0) {
            uint64_t all = UINT64_MAX >> (64 - sizes[i].bits);
            out->small_max = all >> 1;
            out->wide_type = sizes[i].wide;
            out->max = col->kind == CDC_UINT ? all : out->small_max;
            out->min = col->kind == CDC_UINT ? 0 : -(int64_t)out->small_max - 1;
            return true;
        }
    }
    return false;
}

/* --- as the binlog tells it --- */

static bool is_wide(const char *word, size_t n)
{
    static const char *const names[] = {"tinyint", "smallint", "mediumint", "int",
                                        "bigint",  "float",    "double",    "year"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == n && strncasecmp(names[i], word, n) == 0) {
            return true;
        }
    }
    return false;
}

const char *cdc_mysql_type_plain(const char *type_text, cdc_arena *ar)
{
    size_t n = strlen(type_text);
    const char *word = NULL;
    cdc_cursor c = cdc_cursor_of(type_text, n);
    size_t len = take_word(&c, &word);
    if (len == 3 ? strncasecmp(word, "set", 3) == 0
                 : len == 4 && strncasecmp(word, "enum", 4) == 0) {
        return cdc_arena_strndup(ar, type_text, n); /* its labels may be anything */
    }
    if (strcasecmp(type_text, "geomcollection") == 0) {
        return "geometrycollection";
    }
    const char *comment = strstr(type_text, " /*");
    const char *zeros = strcasestr(type_text, " zerofill");
    n = comment != NULL ? (size_t)(comment - type_text) : n;
    n = zeros != NULL && (size_t)(zeros - type_text) < n ? (size_t)(zeros - type_text) : n;
    char *out = cdc_arena_strndup(ar, type_text, n);
    char *open = out != NULL && is_wide(word, len) && out[len] == '(' ? out + len : NULL;
    char *close = open != NULL ? strchr(open, ')') : NULL;
    if (close != NULL) {
        memmove(open, close + 1, strlen(close));
    }
    return out;
}

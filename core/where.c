/* The parser of conditions: a scanner, and one function for each level of the grammar. */
#include "where.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "where_node.h"

#define ARENA_BYTES_MAX (64 * 1024 * 1024)

typedef enum cdc_token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* keyword or column */
    TOKEN_COLUMN, /* in backticks */
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_BYTES,
    TOKEN_SIGN, /* operator, parenthesis, comma: text as written */
} cdc_token_kind;

typedef struct cdc_token {
    cdc_token_kind kind;
    const char *begin; /* in the condition */
    const char *text;  /* without quotes, decoded; in the arena */
    size_t len;
} cdc_token;

typedef struct cdc_parser {
    cdc_where *where;
    const char *p;       /* behind the token in hand */
    const char *counted; /* up to there the text has so many characters */
    unsigned characters;
    cdc_token token;
    unsigned depth;
    cdc_error *err;
} cdc_parser;

/* --- errors --- */

/* Asked for places further and further on. */
static unsigned cdc_parser_at(cdc_parser *ps, const char *p)
{
    for (; ps->counted < p; ps->counted++) {
        ps->characters += ((unsigned char)*ps->counted & 0xC0) != 0x80 ? 1 : 0;
    }
    return ps->characters + 1;
}

static cdc_rc cdc_parser_fault(cdc_parser *ps, const char *p, const char *what)
{
    return cdc_error_set(ps->err, CDC_FATAL, "where", "where, character %u: %s",
                         cdc_parser_at(ps, p), what);
}

static cdc_rc cdc_parser_memory(const cdc_parser *ps)
{
    return cdc_error_set(ps->err, CDC_FATAL, "no_memory", "out of memory for the condition");
}

/* "... is expected here, not 'x'" */
static cdc_rc cdc_parser_expected(cdc_parser *ps, const char *what)
{
    char text[200];
    const cdc_token *t = &ps->token;
    if (t->kind == TOKEN_END) {
        snprintf(text, sizeof text, "%s is missing at the end", what);
    } else {
        int n = (int)(ps->p - t->begin);
        snprintf(text, sizeof text, "%s is expected here, not %.*s", what, n < 60 ? n : 60,
                 t->begin);
    }
    return cdc_parser_fault(ps, t->begin, text);
}

/* --- scanner --- */

static bool cdc_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool cdc_is_name(char c)
{
    return cdc_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* Up to the closing quote, doubled ones inside; p stands behind the opening one. */
static cdc_rc cdc_scan_quoted(cdc_parser *ps, char quote)
{
    const char *end = ps->p;
    while (*end != '\0' && (*end != quote || end[1] == quote)) {
        end += *end == quote ? 2 : 1;
    }
    if (*end == '\0') {
        return cdc_parser_fault(ps, ps->token.begin, "this quote is never closed");
    }
    char *out = cdc_arena_alloc(&ps->where->arena, (size_t)(end - ps->p) + 1);
    if (out == NULL) {
        return cdc_parser_memory(ps);
    }
    ps->token.text = out;
    for (; ps->p < end; ps->p += *ps->p == quote ? 2 : 1) {
        *out++ = *ps->p;
    }
    *out = '\0';
    ps->token.len = (size_t)(out - ps->token.text);
    ps->p = end + 1;
    return CDC_OK;
}

static int cdc_digit_value(char c)
{
    if (cdc_is_digit(c)) {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Digits of `bits` each, the first filled up with zeros on its left, to octets. */
static cdc_rc cdc_scan_octets(cdc_parser *ps, const char *digits, size_t n, unsigned bits)
{
    unsigned per = 8 / bits;
    size_t len = (n + per - 1) / per;
    unsigned char *out = cdc_arena_zalloc(&ps->where->arena, len + 1);
    if (out == NULL) {
        return cdc_parser_memory(ps);
    }
    for (size_t i = 0; i < n; i++) {
        int digit = cdc_digit_value(digits[i]);
        if (digit >= 1 << bits) {
            return cdc_parser_fault(ps, ps->token.begin,
                                    bits == 4 ? "hexadecimal digits are 0-9 A-F"
                                              : "binary digits are 0 and 1");
        }
        size_t to = (n - 1 - i) / per;
        unsigned high = (unsigned)out[len - 1 - to] << bits;
        out[len - 1 - to] = (unsigned char)(high | (unsigned)digit);
    }
    ps->token.kind = TOKEN_BYTES;
    ps->token.text = (const char *)out;
    ps->token.len = len;
    return CDC_OK;
}

/* X'..' and B'..'; p stands at the letter. */
static cdc_rc cdc_scan_letter(cdc_parser *ps)
{
    unsigned bits = (*ps->p | 0x20) == 'x' ? 4 : 1;
    ps->p += 2;
    cdc_rc rc = cdc_scan_quoted(ps, '\'');
    if (rc != CDC_OK) {
        return rc;
    }
    if (bits == 4 && ps->token.len % 2 != 0) {
        return cdc_parser_fault(ps, ps->token.begin, "X'..' needs an even number of digits");
    }
    return cdc_scan_octets(ps, ps->token.text, ps->token.len, bits);
}

static const char *cdc_skip_digits(const char *p)
{
    while (cdc_is_digit(*p)) {
        p++;
    }
    return p;
}

static cdc_rc cdc_scan_number(cdc_parser *ps)
{
    const char *p = ps->p;
    if (p[0] == '0' && (p[1] | 0x20) == 'x') {
        size_t n = strspn(p + 2, "0123456789abcdefABCDEF");
        ps->p = p + 2 + n;
        return n > 0 && !cdc_is_name(*ps->p)
                   ? cdc_scan_octets(ps, p + 2, n, 4)
                   : cdc_parser_fault(ps, p, "hexadecimal digits are 0-9 A-F");
    }
    p = cdc_skip_digits(p);
    if (*p == '.') {
        p = cdc_skip_digits(p + 1);
    }
    if ((*p | 0x20) == 'e') {
        const char *digits = p[1] == '+' || p[1] == '-' ? p + 2 : p + 1;
        p = cdc_is_digit(*digits) ? cdc_skip_digits(digits) : p;
    }
    if (cdc_is_name(*p) || *p == '.') {
        return cdc_parser_fault(
            ps, ps->p,
            "this is no number; a column whose name begins with a digit needs backticks");
    }
    ps->token.kind = TOKEN_NUMBER;
    ps->token.len = (size_t)(p - ps->p);
    ps->token.text = ps->p;
    ps->p = p;
    return CDC_OK;
}

static cdc_rc cdc_scan_sign(cdc_parser *ps)
{
    static const char *const signs[] = {"<=", ">=", "<>", "!=", "=", "<",
                                        ">",  "(",  ")",  ",",  "-", "+"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t n = strlen(signs[i]);
        if (strncmp(ps->p, signs[i], n) == 0) {
            ps->token.kind = TOKEN_SIGN;
            ps->token.text = signs[i];
            ps->token.len = n;
            ps->p += n;
            return CDC_OK;
        }
    }
    if (*ps->p == '"') {
        return cdc_parser_fault(ps, ps->p,
                                "double quotes are not used: 'text' has single ones, a column's "
                                "name backticks or none");
    }
    return cdc_parser_fault(ps, ps->p, "this character has no place in a condition");
}

static cdc_rc cdc_next(cdc_parser *ps)
{
    while (*ps->p != '\0' && strchr(" \t\r\n", *ps->p) != NULL) {
        ps->p++;
    }
    char c = *ps->p;
    ps->token = (cdc_token){.kind = TOKEN_END, .begin = ps->p, .text = ""};
    if (c == '\0') {
        return CDC_OK;
    }
    if (c == '\'' || c == '`') {
        ps->token.kind = c == '`' ? TOKEN_COLUMN : TOKEN_STRING;
        ps->p++;
        return cdc_scan_quoted(ps, c);
    }
    if (cdc_is_digit(c) || (c == '.' && cdc_is_digit(ps->p[1]))) {
        return cdc_scan_number(ps);
    }
    if (strchr("xXbB", c) != NULL && ps->p[1] == '\'') {
        return cdc_scan_letter(ps);
    }
    if (!cdc_is_name(c)) {
        return cdc_scan_sign(ps);
    }
    while (cdc_is_name(*ps->p)) {
        ps->p++;
    }
    ps->token.kind = TOKEN_WORD;
    ps->token.len = (size_t)(ps->p - ps->token.begin);
    ps->token.text = cdc_arena_strndup(&ps->where->arena, ps->token.begin, ps->token.len);
    return ps->token.text != NULL ? CDC_OK : cdc_parser_memory(ps);
}

static bool cdc_is_word(const cdc_parser *ps, const char *word)
{
    return ps->token.kind == TOKEN_WORD && strcasecmp(ps->token.text, word) == 0;
}

static bool cdc_is_sign(const cdc_parser *ps, const char *sign)
{
    return ps->token.kind == TOKEN_SIGN && strcmp(ps->token.text, sign) == 0;
}

/* Takes the word if it is there. */
static cdc_rc cdc_accept(cdc_parser *ps, const char *word, bool *there)
{
    *there = cdc_is_word(ps, word);
    return *there ? cdc_next(ps) : CDC_OK;
}

static cdc_rc cdc_expect_sign(cdc_parser *ps, const char *sign)
{
    return cdc_is_sign(ps, sign) ? cdc_next(ps) : cdc_parser_expected(ps, sign);
}

/* Words that are no column unless in backticks. */
static bool cdc_is_keyword(const cdc_parser *ps)
{
    static const char *const words[] = {"and", "or",   "not",  "in",    "like",  "between",
                                        "is",  "null", "true", "false", "escape"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (cdc_is_word(ps, words[i])) {
            return true;
        }
    }
    return false;
}

/* --- literals --- */

static cdc_rc cdc_literal_new(cdc_parser *ps, cdc_literal **out, cdc_literal_kind kind,
                              const char *text, size_t len)
{
    cdc_literal *lit = cdc_arena_zalloc(&ps->where->arena, sizeof *lit);
    if (lit != NULL) {
        lit->text = cdc_arena_strndup(&ps->where->arena, text, len);
    }
    if (lit == NULL || lit->text == NULL) {
        return cdc_parser_memory(ps);
    }
    lit->kind = kind;
    lit->len = len;
    lit->at = cdc_parser_at(ps, ps->token.begin);
    *out = lit;
    return CDC_OK;
}

static cdc_rc cdc_parse_number(cdc_parser *ps, cdc_literal **out)
{
    bool minus = cdc_is_sign(ps, "-");
    cdc_rc rc = cdc_next(ps);
    if (rc != CDC_OK) {
        return rc;
    }
    if (ps->token.kind != TOKEN_NUMBER) {
        return cdc_parser_expected(ps, "a number");
    }
    /* the sign goes before the digits, wherever it stood */
    char *text = cdc_arena_alloc(&ps->where->arena, ps->token.len + 1);
    if (text == NULL) {
        return cdc_parser_memory(ps);
    }
    text[0] = minus ? '-' : '+';
    memcpy(text + 1, ps->token.text, ps->token.len);
    return cdc_literal_new(ps, out, CDC_LITERAL_NUMBER, text, ps->token.len + 1);
}

/* DATE '...', TIME '...', TIMESTAMP '...': the text says it all. */
static cdc_rc cdc_skip_type(cdc_parser *ps)
{
    bool type = cdc_is_word(ps, "date") || cdc_is_word(ps, "time") || cdc_is_word(ps, "timestamp");
    const char *p = ps->p + strspn(ps->p, " \t\r\n");
    return type && *p == '\'' ? cdc_next(ps) : CDC_OK;
}

/* *out NULL: what stands here is no literal. */
static cdc_rc cdc_parse_literal(cdc_parser *ps, cdc_literal **out)
{
    *out = NULL;
    cdc_rc rc = cdc_skip_type(ps);
    if (rc != CDC_OK) {
        return rc;
    }
    const cdc_token *t = &ps->token;
    if (t->kind == TOKEN_STRING) {
        rc = cdc_literal_new(ps, out, CDC_LITERAL_STRING, t->text, t->len);
    } else if (t->kind == TOKEN_BYTES) {
        rc = cdc_literal_new(ps, out, CDC_LITERAL_BYTES, t->text, t->len);
    } else if (t->kind == TOKEN_NUMBER) {
        rc = cdc_literal_new(ps, out, CDC_LITERAL_NUMBER, t->text, t->len);
    } else if (cdc_is_sign(ps, "-") || cdc_is_sign(ps, "+")) {
        rc = cdc_parse_number(ps, out);
    } else if (cdc_is_word(ps, "true") || cdc_is_word(ps, "false")) {
        rc = cdc_literal_new(ps, out, CDC_LITERAL_NUMBER, cdc_is_word(ps, "true") ? "1" : "0", 1);
    } else if (cdc_is_word(ps, "null")) {
        rc = cdc_parser_fault(ps, t->begin,
                              "nothing is equal to NULL or differs from it: use IS NULL");
    }
    return rc == CDC_OK && *out != NULL ? cdc_next(ps) : rc;
}

static cdc_rc cdc_need_literal(cdc_parser *ps, cdc_literal **out)
{
    cdc_rc rc = cdc_parse_literal(ps, out);
    return rc == CDC_OK && *out == NULL ? cdc_parser_expected(ps, "a number or 'text'") : rc;
}

/* --- predicates --- */

static cdc_rc cdc_node_new(cdc_parser *ps, cdc_where_node **out, cdc_where_op op,
                           const cdc_where_node *like)
{
    cdc_where_node *node = cdc_arena_zalloc(&ps->where->arena, sizeof *node);
    if (node == NULL) {
        return cdc_parser_memory(ps);
    }
    if (like != NULL) {
        node->column = like->column;
        node->at = like->at;
    }
    node->op = op;
    *out = node;
    return CDC_OK;
}

static cdc_rc cdc_negate(cdc_parser *ps, cdc_where_node **node)
{
    cdc_where_node *inner = *node;
    cdc_rc rc = cdc_node_new(ps, node, CDC_WHERE_NOT, NULL);
    if (rc == CDC_OK) {
        (*node)->first = inner;
    }
    return rc;
}

/* The column that begins a predicate, or ends it when the literal came first. */
static cdc_rc cdc_parse_column(cdc_parser *ps, cdc_where_node *node)
{
    const cdc_token *t = &ps->token;
    if ((t->kind != TOKEN_WORD && t->kind != TOKEN_COLUMN) || cdc_is_keyword(ps)) {
        return cdc_parser_expected(ps, "a column");
    }
    node->column = t->text;
    node->at = cdc_parser_at(ps, t->begin);
    return cdc_next(ps);
}

/* A comparison's sign, with the sides changed if the literal stood first. */
static bool cdc_comparison(const cdc_parser *ps, bool turned, cdc_where_op *op, bool *negated)
{
    static const struct {
        const char *sign;
        cdc_where_op op, turned;
        bool negated;
    } signs[] = {
        {"=", CDC_WHERE_EQ, CDC_WHERE_EQ, false},  {"<>", CDC_WHERE_EQ, CDC_WHERE_EQ, true},
        {"!=", CDC_WHERE_EQ, CDC_WHERE_EQ, true},  {"<", CDC_WHERE_LT, CDC_WHERE_GT, false},
        {"<=", CDC_WHERE_LE, CDC_WHERE_GE, false}, {">", CDC_WHERE_GT, CDC_WHERE_LT, false},
        {">=", CDC_WHERE_GE, CDC_WHERE_LE, false},
    };
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (cdc_is_sign(ps, signs[i].sign)) {
            *op = turned ? signs[i].turned : signs[i].op;
            *negated = signs[i].negated;
            return true;
        }
    }
    return false;
}

static cdc_rc cdc_parse_in(cdc_parser *ps, cdc_where_node *node)
{
    cdc_literal **tail = &node->literals;
    cdc_rc rc = cdc_expect_sign(ps, "(");
    node->op = CDC_WHERE_EQ;
    while (rc == CDC_OK) {
        rc = cdc_need_literal(ps, tail);
        if (rc == CDC_OK && !cdc_is_sign(ps, ",")) {
            return cdc_expect_sign(ps, ")");
        }
        if (rc == CDC_OK) {
            tail = &(*tail)->next;
            rc = cdc_next(ps);
        }
    }
    return rc;
}

static cdc_rc cdc_parse_between(cdc_parser *ps, cdc_where_node *node)
{
    cdc_where_node *low = NULL;
    cdc_where_node *high = NULL;
    bool and = false;
    cdc_rc rc = cdc_node_new(ps, &low, CDC_WHERE_GE, node);
    if (rc == CDC_OK) {
        rc = cdc_node_new(ps, &high, CDC_WHERE_LE, node);
    }
    if (rc == CDC_OK) {
        rc = cdc_need_literal(ps, &low->literals);
    }
    if (rc == CDC_OK) {
        rc = cdc_accept(ps, "and", &and);
    }
    if (rc == CDC_OK && !and) {
        rc = cdc_parser_expected(ps, "AND of BETWEEN");
    }
    if (rc == CDC_OK) {
        rc = cdc_need_literal(ps, &high->literals);
    }
    if (rc == CDC_OK) {
        low->next = high;
        node->op = CDC_WHERE_AND;
        node->first = low;
    }
    return rc;
}

static cdc_rc cdc_parse_like(cdc_parser *ps, cdc_where_node *node)
{
    bool escape = false;
    node->op = CDC_WHERE_LIKE;
    node->escape = "\\";
    if (ps->token.kind != TOKEN_STRING) {
        return cdc_parser_expected(ps, "a 'pattern'");
    }
    cdc_rc rc = cdc_need_literal(ps, &node->literals);
    if (rc == CDC_OK) {
        rc = cdc_accept(ps, "escape", &escape);
    }
    if (rc != CDC_OK || !escape) {
        return rc;
    }
    const cdc_token *t = &ps->token;
    if (t->kind != TOKEN_STRING || t->len > 1 || (unsigned char)t->text[0] >= 0x80) {
        return cdc_parser_expected(ps, "one ASCII character in quotes");
    }
    node->escape = t->text;
    return cdc_next(ps);
}

static cdc_rc cdc_parse_null(cdc_parser *ps, cdc_where_node *node, bool *negated)
{
    bool null = false;
    node->op = CDC_WHERE_NULL;
    cdc_rc rc = cdc_accept(ps, "not", negated);
    if (rc == CDC_OK) {
        rc = cdc_accept(ps, "null", &null);
    }
    return rc == CDC_OK && !null ? cdc_parser_expected(ps, "NULL") : rc;
}

/* What follows a column: [NOT] IN, BETWEEN, LIKE; IS. */
static cdc_rc cdc_parse_worded(cdc_parser *ps, cdc_where_node *node, bool *negated)
{
    static const struct {
        const char *word;
        cdc_rc (*parse)(cdc_parser *ps, cdc_where_node *node);
    } forms[] = {{"in", cdc_parse_in}, {"between", cdc_parse_between}, {"like", cdc_parse_like}};
    bool there = false;
    cdc_rc rc = cdc_accept(ps, "is", &there);
    if (rc == CDC_OK && there) {
        return cdc_parse_null(ps, node, negated);
    }
    if (rc == CDC_OK) {
        rc = cdc_accept(ps, "not", negated);
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0] && rc == CDC_OK; i++) {
        rc = cdc_accept(ps, forms[i].word, &there);
        if (rc == CDC_OK && there) {
            return forms[i].parse(ps, node);
        }
    }
    return rc == CDC_OK
               ? cdc_parser_expected(ps, "a comparison (= <> < <= > >= IN LIKE BETWEEN IS)")
               : rc;
}

static cdc_rc cdc_parse_predicate(cdc_parser *ps, cdc_where_node **out)
{
    cdc_literal *literal = NULL;
    bool negated = false;
    cdc_rc rc = cdc_node_new(ps, out, CDC_WHERE_EQ, NULL);
    if (rc == CDC_OK) {
        rc = cdc_parse_literal(ps, &literal);
    }
    cdc_where_node *node = rc == CDC_OK ? *out : NULL;
    if (rc == CDC_OK && literal == NULL) {
        rc = cdc_parse_column(ps, node);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    if (cdc_comparison(ps, literal != NULL, &node->op, &negated)) {
        rc = cdc_next(ps);
        node->literals = literal;
        if (rc == CDC_OK) {
            rc = literal != NULL ? cdc_parse_column(ps, node)
                                 : cdc_need_literal(ps, &node->literals);
        }
    } else if (literal != NULL) {
        rc = cdc_parser_expected(ps, "a comparison (= <> < <= > >=) with a column");
    } else {
        rc = cdc_parse_worded(ps, node, &negated);
    }
    return rc == CDC_OK && negated ? cdc_negate(ps, out) : rc;
}

/* --- logic --- */

static cdc_rc cdc_parse_or(cdc_parser *ps, cdc_where_node **out);

static cdc_rc cdc_parse_not(cdc_parser *ps, cdc_where_node **out)
{
    bool not = false;
    if (++ps->depth > CDC_WHERE_DEPTH_MAX) {
        return cdc_parser_fault(ps, ps->token.begin, "nested too deeply");
    }
    cdc_rc rc = cdc_accept(ps, "not", &not );
    if (rc != CDC_OK) {
        return rc;
    }
    if (not ) {
        rc = cdc_parse_not(ps, out);
        rc = rc == CDC_OK ? cdc_negate(ps, out) : rc;
    } else if (cdc_is_sign(ps, "(")) {
        rc = cdc_next(ps);
        rc = rc == CDC_OK ? cdc_parse_or(ps, out) : rc;
        rc = rc == CDC_OK ? cdc_expect_sign(ps, ")") : rc;
    } else {
        rc = cdc_parse_predicate(ps, out);
    }
    ps->depth--;
    return rc;
}

/* Operands of one operator, side by side in one node. */
static cdc_rc cdc_parse_series(cdc_parser *ps, const char *word, cdc_where_op op,
                               cdc_rc (*operand)(cdc_parser *ps, cdc_where_node **out),
                               cdc_where_node **out)
{
    bool more = true;
    cdc_where_node *first = NULL;
    cdc_where_node **tail = &first;
    while (more) {
        cdc_rc rc = operand(ps, tail);
        if (rc == CDC_OK) {
            tail = &(*tail)->next;
            rc = cdc_accept(ps, word, &more);
        }
        if (rc != CDC_OK) {
            return rc;
        }
    }
    if (first->next == NULL) {
        *out = first;
        return CDC_OK;
    }
    cdc_rc rc = cdc_node_new(ps, out, op, NULL);
    if (rc == CDC_OK) {
        (*out)->first = first;
    }
    return rc;
}

static cdc_rc cdc_parse_and(cdc_parser *ps, cdc_where_node **out)
{
    return cdc_parse_series(ps, "and", CDC_WHERE_AND, cdc_parse_not, out);
}

static cdc_rc cdc_parse_or(cdc_parser *ps, cdc_where_node **out)
{
    return cdc_parse_series(ps, "or", CDC_WHERE_OR, cdc_parse_and, out);
}

cdc_rc cdc_where_parse(cdc_where **out, const char *text, cdc_error *err)
{
    cdc_where_node *root = NULL;
    *out = NULL;
    if (strlen(text) > CDC_WHERE_BYTES_MAX) {
        return cdc_error_set(err, CDC_FATAL, "where", "where: longer than %d bytes",
                             CDC_WHERE_BYTES_MAX);
    }
    cdc_where *where = calloc(1, sizeof *where);
    cdc_parser ps = {.where = where, .p = text, .counted = text, .err = err};
    if (where == NULL) {
        return cdc_parser_memory(&ps);
    }
    cdc_arena_init(&where->arena, 4096, ARENA_BYTES_MAX);
    cdc_rc rc = cdc_next(&ps);
    if (rc == CDC_OK) {
        rc = cdc_parse_or(&ps, &root);
    }
    if (rc == CDC_OK && ps.token.kind != TOKEN_END) {
        rc = cdc_parser_expected(&ps, "AND or OR");
    }
    if (rc != CDC_OK) {
        cdc_where_free(where);
        return rc;
    }
    where->root = root;
    *out = where;
    return CDC_OK;
}

void cdc_where_free(cdc_where *where)
{
    if (where != NULL) {
        cdc_arena_fini(&where->arena);
        free(where);
    }
}

/* Inside of cdc_where: the tree that where.c parses, where_bind.c binds and where_eval.c
 * evaluates. */
#ifndef CDC_WHERE_NODE_H
#define CDC_WHERE_NODE_H

#include "arena.h"
#include "where.h"

typedef enum cdc_literal_kind {
    CDC_LITERAL_NUMBER, /* text as written, with its sign */
    CDC_LITERAL_STRING, /* text without quotes */
    CDC_LITERAL_BYTES,  /* X'..', B'..': text holds the octets */
} cdc_literal_kind;

typedef struct cdc_literal {
    struct cdc_literal *next;
    cdc_literal_kind kind;
    const char *text; /* NUL-terminated, but may hold NULs itself */
    size_t len;
    unsigned at; /* character in the condition, from 1 */
} cdc_literal;

typedef enum cdc_where_op {
    CDC_WHERE_AND,
    CDC_WHERE_OR,
    CDC_WHERE_NOT,
    CDC_WHERE_NULL, /* IS NULL */
    CDC_WHERE_EQ,   /* one literal; also IN: one of several */
    CDC_WHERE_LT,
    CDC_WHERE_LE,
    CDC_WHERE_GT,
    CDC_WHERE_GE,
    CDC_WHERE_LIKE,
} cdc_where_op;

/* <> is NOT of =, BETWEEN an AND, and NOT IN, NOT LIKE, IS NOT NULL the NOT of theirs: in
 * three-valued logic too. */
typedef struct cdc_where_node {
    struct cdc_where_node *next;  /* in the AND or OR that holds it */
    struct cdc_where_node *first; /* AND, OR, NOT */
    cdc_where_op op;
    const char *column;
    unsigned at;           /* character of the column's name */
    cdc_literal *literals; /* in order */
    const char *escape;    /* LIKE: one byte, "" = none */
} cdc_where_node;

struct cdc_where {
    cdc_arena arena; /* holds everything below */
    const cdc_where_node *root;
};

/* --- bound to a table --- */

/* How a column's values are compared. */
typedef enum cdc_compare {
    CDC_COMPARE_INTEGER, /* also BIT, YEAR, SET, ENUM by number, and all dates and times */
    CDC_COMPARE_DECIMAL,
    CDC_COMPARE_REAL,
    CDC_COMPARE_BYTES, /* also text, and ENUM by label */
} cdc_compare;

/* A number in decimal: no zero at either end. */
typedef struct cdc_number {
    bool negative;
    const char *digits; /* of the whole part, then of the fraction */
    size_t whole, fraction;
} cdc_number;

/* The largest integer that is not above the literal. */
typedef struct cdc_integer {
    bool negative;
    bool beyond;   /* further from zero than 64 bit reach: equal to nothing */
    bool fraction; /* the literal is a little more */
    uint64_t magnitude;
} cdc_integer;

typedef struct cdc_constant {
    union {
        cdc_integer integer;
        cdc_number number;
        double real;
        struct {
            const char *p;
            size_t len;
        } bytes;
    };
} cdc_constant;

enum { CDC_LIKE_ONE = 256, CDC_LIKE_MANY }; /* above all bytes */

typedef struct cdc_bound_node {
    struct cdc_bound_node *next, *first;
    cdc_where_op op;
    cdc_compare compare;
    uint8_t kind; /* cdc_kind of the column */
    uint32_t column;
    const cdc_constant *constants;
    size_t nconstants;
    const uint16_t *pattern; /* LIKE: bytes, CDC_LIKE_* */
    size_t npattern;
    const char *const *labels; /* ENUM by label: "" for 0, then the labels */
    uint32_t nlabels;
} cdc_bound_node;

struct cdc_condition {
    cdc_arena arena; /* holds everything below */
    const cdc_bound_node *root;
};

/* Fields of a date and time as a number that sorts as they do. */
uint64_t cdc_where_moment(const cdc_value *v);

#endif

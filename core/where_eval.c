/* Conditions on rows: the hot path. Nothing is allocated. */
#include <string.h>

#include "where_node.h"

typedef struct cdc_evaluation {
    const cdc_value *row;
    int lacking;
} cdc_evaluation;

uint64_t cdc_where_moment(const cdc_value *v)
{
    uint64_t n = v->year;
    n = n << 4 | v->t.month;
    n = n << 5 | v->t.day;
    n = n << 5 | v->t.hour;
    n = n << 6 | v->t.minute;
    n = n << 6 | v->t.second;
    return n << 20 | v->t.usec;
}

/* --- comparisons: below, at or above 0 as the value is to the constant --- */

static cdc_integer cdc_integer_of(int64_t v)
{
    return (cdc_integer){.negative = v < 0, .magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v};
}

static cdc_integer cdc_value_integer(const cdc_value *v)
{
    switch (v->kind) {
    case CDC_INT:
    case CDC_YEAR:
        return cdc_integer_of(v->i);
    case CDC_DATE:
        return (cdc_integer){.magnitude = cdc_where_moment(v) & ~(((uint64_t)1 << 37) - 1)};
    case CDC_DATETIME:
        return (cdc_integer){.magnitude = cdc_where_moment(v)};
    case CDC_TIME: {
        int64_t sec = v->t.hour * 3600 + v->t.minute * 60 + v->t.second;
        int64_t usec = sec * 1000000 + v->t.usec;
        return cdc_integer_of(v->t.neg ? -usec : usec);
    }
    case CDC_TIMESTAMP:
        return cdc_integer_of(v->ts.sec * 1000000 + v->ts.usec);
    default:
        return (cdc_integer){.magnitude = v->u};
    }
}

static int cdc_compare_integer(const cdc_integer *v, const cdc_integer *c)
{
    if (c->beyond) {
        return c->negative ? 1 : -1;
    }
    if (v->negative != c->negative && (v->magnitude | c->magnitude) != 0) {
        return v->negative ? -1 : 1;
    }
    if (v->magnitude != c->magnitude) {
        return (v->magnitude < c->magnitude) != v->negative ? -1 : 1;
    }
    return c->fraction ? -1 : 0;
}

/* The digits of two fractions, the shorter filled up with zeros. */
static int cdc_compare_fraction(const char *a, size_t na, const char *b, size_t nb)
{
    size_t n = na < nb ? na : nb;
    int diff = memcmp(a, b, n);
    if (diff != 0) {
        return diff;
    }
    for (size_t i = n; i < na; i++) {
        if (a[i] != '0') {
            return 1;
        }
    }
    return nb > n ? -1 : 0; /* b has no zeros at its end */
}

static int cdc_compare_decimal(const cdc_value *v, const cdc_number *c)
{
    const char *p = v->p;
    const char *end = p + v->len;
    bool negative = p < end && *p == '-';
    p += negative ? 1 : 0;
    const char *point = memchr(p, '.', (size_t)(end - p));
    const char *whole_end = point != NULL ? point : end;
    const char *fraction = point != NULL ? point + 1 : end;
    while (p < whole_end && *p == '0') {
        p++;
    }
    size_t whole = (size_t)(whole_end - p);
    int diff = whole != c->whole ? (whole < c->whole ? -1 : 1) : memcmp(p, c->digits, whole);
    if (diff == 0) {
        diff = cdc_compare_fraction(fraction, (size_t)(end - fraction), c->digits + c->whole,
                                    c->fraction);
    }
    if (negative == c->negative) {
        return negative ? -diff : diff;
    }
    /* -0.00 does not come, but would be equal to 0 */
    return diff == 0 && c->whole + c->fraction == 0 ? 0 : negative ? -1 : 1;
}

static int cdc_compare_bytes(const char *p, size_t n, const cdc_constant *c)
{
    size_t both = n < c->bytes.len ? n : c->bytes.len;
    int diff = both > 0 ? memcmp(p, c->bytes.p, both) : 0;
    return diff != 0 ? diff : n < c->bytes.len ? -1 : n > c->bytes.len ? 1 : 0;
}

/* The bytes of a text, binary, JSON value, or of an ENUM's label. */
static const char *cdc_value_bytes(const cdc_bound_node *node, const cdc_value *v, size_t *n)
{
    if (node->kind == CDC_ENUM) {
        const char *label = v->u < node->nlabels ? node->labels[v->u] : "";
        *n = strlen(label);
        return label;
    }
    *n = v->len;
    return v->len > 0 ? v->p : "";
}

static int cdc_compare_value(const cdc_bound_node *node, const cdc_value *v, const cdc_constant *c)
{
    size_t n;
    const char *p;
    cdc_integer integer;
    switch (node->compare) {
    case CDC_COMPARE_INTEGER:
        integer = cdc_value_integer(v);
        return cdc_compare_integer(&integer, &c->integer);
    case CDC_COMPARE_DECIMAL:
        return cdc_compare_decimal(v, &c->number);
    case CDC_COMPARE_REAL:
        return v->d < c->real ? -1 : v->d > c->real ? 1 : 0;
    case CDC_COMPARE_BYTES:
        p = cdc_value_bytes(node, v, &n);
        return cdc_compare_bytes(p, n, c);
    }
    return 0;
}

/* --- LIKE --- */

/* How many bytes the character at p has: one in binary columns. */
static size_t cdc_like_step(const cdc_bound_node *node, const char *p, const char *end)
{
    const char *next = p + 1;
    while (node->kind != CDC_BYTES && next < end && ((unsigned char)*next & 0xC0) == 0x80) {
        next++;
    }
    return (size_t)(next - p);
}

/* On a mismatch the last % takes one more byte; earlier ones never need to be tried again. */
static bool cdc_like(const cdc_bound_node *node, const char *p, size_t n)
{
    const char *end = p + n;
    const char *resume = NULL;
    size_t after = 0; /* the pattern behind the last % */
    size_t i = 0;
    while (p < end) {
        if (i < node->npattern && node->pattern[i] == CDC_LIKE_MANY) {
            after = ++i;
            resume = p;
        } else if (i < node->npattern && node->pattern[i] == CDC_LIKE_ONE) {
            p += cdc_like_step(node, p, end);
            i++;
        } else if (i < node->npattern && node->pattern[i] == (unsigned char)*p) {
            p++;
            i++;
        } else if (resume != NULL) {
            resume += cdc_like_step(node, resume, end);
            p = resume;
            i = after;
        } else {
            return false;
        }
    }
    while (i < node->npattern && node->pattern[i] == CDC_LIKE_MANY) {
        i++;
    }
    return i == node->npattern;
}

/* --- logic --- */

static bool cdc_equals_any(const cdc_bound_node *node, const cdc_value *v)
{
    for (size_t i = 0; i < node->nconstants; i++) {
        if (cdc_compare_value(node, v, &node->constants[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Integers may come signed or not, whatever the column's own kind. */
static bool cdc_kind_fits(unsigned value, unsigned column)
{
    return value == column ||
           ((value == CDC_INT || value == CDC_UINT) && (column == CDC_INT || column == CDC_UINT));
}

static cdc_truth cdc_eval_predicate(cdc_evaluation *ev, const cdc_bound_node *node)
{
    const cdc_value *v = &ev->row[node->column];
    size_t n;
    const char *p;
    bool is = false;
    if (v->kind == CDC_NULL) {
        return node->op == CDC_WHERE_NULL ? CDC_TRUE : CDC_UNKNOWN;
    }
    if (!cdc_kind_fits(v->kind, node->kind)) {
        ev->lacking = (int)node->column;
        return CDC_UNKNOWN;
    }
    switch (node->op) {
    case CDC_WHERE_EQ:
        is = cdc_equals_any(node, v);
        break;
    case CDC_WHERE_LT:
        is = cdc_compare_value(node, v, node->constants) < 0;
        break;
    case CDC_WHERE_LE:
        is = cdc_compare_value(node, v, node->constants) <= 0;
        break;
    case CDC_WHERE_GT:
        is = cdc_compare_value(node, v, node->constants) > 0;
        break;
    case CDC_WHERE_GE:
        is = cdc_compare_value(node, v, node->constants) >= 0;
        break;
    case CDC_WHERE_LIKE:
        p = cdc_value_bytes(node, v, &n);
        is = cdc_like(node, p, n);
        break;
    case CDC_WHERE_NULL:
    case CDC_WHERE_AND:
    case CDC_WHERE_OR:
    case CDC_WHERE_NOT:
        break;
    }
    return is ? CDC_TRUE : CDC_FALSE;
}

/* Depth is bounded by the parser's. */
static cdc_truth cdc_eval_node(cdc_evaluation *ev, const cdc_bound_node *node)
{
    if (node->first == NULL) {
        return cdc_eval_predicate(ev, node);
    }
    if (node->op == CDC_WHERE_NOT) {
        cdc_truth truth = cdc_eval_node(ev, node->first);
        return truth == CDC_UNKNOWN ? truth : truth == CDC_TRUE ? CDC_FALSE : CDC_TRUE;
    }
    /* one FALSE decides an AND, one TRUE an OR */
    cdc_truth decides = node->op == CDC_WHERE_AND ? CDC_FALSE : CDC_TRUE;
    cdc_truth result = node->op == CDC_WHERE_AND ? CDC_TRUE : CDC_FALSE;
    for (const cdc_bound_node *child = node->first; child != NULL; child = child->next) {
        cdc_truth truth = cdc_eval_node(ev, child);
        if (truth == decides) {
            return decides;
        }
        result = truth == CDC_UNKNOWN ? CDC_UNKNOWN : result;
    }
    return result;
}

cdc_truth cdc_condition_row(const cdc_condition *cond, const cdc_value *row, int *lacking)
{
    cdc_evaluation ev = {.row = row, .lacking = -1};
    cdc_truth truth = cdc_eval_node(&ev, cond->root);
    *lacking = ev.lacking;
    return truth;
}

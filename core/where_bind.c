/* Conditions bound to a table: columns found, literals turned into values of the columns' types. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "where_node.h"

#define ARENA_BYTES_MAX (64 * 1024 * 1024)
#define EXPONENT_MAX 400

typedef struct cdc_binder {
    cdc_condition *cond;
    const cdc_table *tbl;
    const cdc_column *col; /* of the predicate in hand */
    cdc_error *err;
} cdc_binder;

static cdc_rc cdc_bind_memory(const cdc_binder *bd)
{
    return cdc_error_set(bd->err, CDC_FATAL, "no_memory", "out of memory for the condition");
}

/* "where, character 14: shop.orders.amount is decimal(10,2): <what>" */
static cdc_rc cdc_bind_fault(const cdc_binder *bd, unsigned at, const char *what)
{
    return cdc_error_set(bd->err, CDC_FATAL, "where", "where, character %u: %s.%s.%s is %.80s: %s",
                         at, bd->tbl->database, bd->tbl->name, bd->col->name, bd->col->type_text,
                         what);
}

/* --- numbers --- */

static size_t cdc_count_digits(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && p[n] >= '0' && p[n] <= '9') {
        n++;
    }
    return n;
}

/* [+-]digits[.digits][e[+-]digits]: where its parts are. False: no number. */
typedef struct cdc_number_text {
    bool negative;
    const char *whole, *fraction;
    size_t nwhole, nfraction;
    long exponent;
} cdc_number_text;

static bool cdc_number_exponent(const char *p, const char *end, long *exponent)
{
    *exponent = 0;
    if (p == end) {
        return true;
    }
    bool minus = p + 1 < end && p[1] == '-';
    const char *digits = p + 1 < end && (p[1] == '+' || p[1] == '-') ? p + 2 : p + 1;
    size_t n = cdc_count_digits(digits, end);
    if ((*p | 0x20) != 'e' || n == 0 || n > 5 || digits + n != end) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        *exponent = *exponent * 10 + (digits[i] - '0');
    }
    *exponent = minus ? -*exponent : *exponent;
    return *exponent >= -EXPONENT_MAX && *exponent <= EXPONENT_MAX;
}

static bool cdc_number_parts(cdc_number_text *num, const char *p, size_t len)
{
    const char *end = p + len;
    num->negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+') ? 1 : 0;
    num->whole = p;
    num->nwhole = cdc_count_digits(p, end);
    p += num->nwhole;
    num->fraction = p;
    num->nfraction = 0;
    if (p < end && *p == '.') {
        num->fraction = p + 1;
        num->nfraction = cdc_count_digits(p + 1, end);
        p += 1 + num->nfraction;
    }
    return num->nwhole + num->nfraction > 0 && cdc_number_exponent(p, end, &num->exponent);
}

/* Decimal digits without exponent and without zeros at the ends. */
static bool cdc_number_make(cdc_arena *ar, const cdc_number_text *num, cdc_number *out)
{
    size_t n = num->nwhole + num->nfraction;
    char *digits = cdc_arena_alloc(ar, n + 2 * EXPONENT_MAX);
    if (digits == NULL) {
        return false;
    }
    /* zeros on both sides, so that the point can move either way */
    memset(digits, '0', n + 2 * EXPONENT_MAX);
    memcpy(digits + EXPONENT_MAX, num->whole, num->nwhole);
    memcpy(digits + EXPONENT_MAX + num->nwhole, num->fraction, num->nfraction);
    const char *point = digits + EXPONENT_MAX + (ptrdiff_t)num->nwhole + num->exponent;
    const char *first = digits;
    const char *end = digits + n + 2 * EXPONENT_MAX;
    while (first < point && *first == '0') {
        first++;
    }
    while (end > point && end[-1] == '0') {
        end--;
    }
    *out = (cdc_number){.digits = first,
                        .whole = (size_t)(point - first),
                        .fraction = (size_t)(end - point),
                        .negative = num->negative && (point > first || end > point)};
    return true;
}

static cdc_integer cdc_number_floor(const cdc_number *num)
{
    cdc_integer v = {.negative = num->negative, .fraction = num->fraction > 0};
    for (size_t i = 0; i < num->whole && !v.beyond; i++) {
        v.beyond =
            __builtin_mul_overflow(v.magnitude, 10, &v.magnitude) ||
            __builtin_add_overflow(v.magnitude, (uint64_t)(num->digits[i] - '0'), &v.magnitude);
    }
    if (v.negative && v.fraction && !v.beyond) {
        v.beyond = __builtin_add_overflow(v.magnitude, 1, &v.magnitude);
    }
    return v;
}

/* X'..' as an unsigned number. */
static cdc_integer cdc_octets_integer(const cdc_literal *lit)
{
    cdc_integer v = {.negative = false};
    for (size_t i = 0; i < lit->len; i++) {
        v.beyond = v.beyond || v.magnitude >> 56 != 0;
        v.magnitude = v.magnitude << 8 | (unsigned char)lit->text[i];
    }
    return v;
}

static cdc_rc cdc_bind_number(const cdc_binder *bd, const cdc_literal *lit, cdc_number_text *text,
                              cdc_number *out)
{
    if (lit->kind == CDC_LITERAL_BYTES || !cdc_number_parts(text, lit->text, lit->len)) {
        return cdc_bind_fault(bd, lit->at, "this is no number that can be compared with it");
    }
    return cdc_number_make(&bd->cond->arena, text, out) ? CDC_OK : cdc_bind_memory(bd);
}

static cdc_rc cdc_bind_integer(const cdc_binder *bd, const cdc_literal *lit, cdc_constant *out)
{
    cdc_number num;
    cdc_number_text text;
    if (lit->kind == CDC_LITERAL_BYTES) {
        out->integer = cdc_octets_integer(lit);
        return CDC_OK;
    }
    cdc_rc rc = cdc_bind_number(bd, lit, &text, &num);
    if (rc == CDC_OK) {
        out->integer = cdc_number_floor(&num);
    }
    return rc;
}

static cdc_rc cdc_bind_decimal(const cdc_binder *bd, const cdc_literal *lit, cdc_constant *out)
{
    cdc_number_text text;
    return cdc_bind_number(bd, lit, &text, &out->number);
}

static cdc_rc cdc_bind_real(const cdc_binder *bd, const cdc_literal *lit, cdc_constant *out)
{
    cdc_number num;
    cdc_number_text text;
    cdc_rc rc = cdc_bind_number(bd, lit, &text, &num);
    if (rc == CDC_OK) {
        out->real = strtod(lit->text, NULL);
        if (bd->col->kind == CDC_FLOAT) {
            out->real = (double)strtof(lit->text, NULL);
        }
        if (!isfinite(out->real)) {
            return cdc_bind_fault(bd, lit->at, "this number is out of its range");
        }
    }
    return rc;
}

/* --- dates and times --- */

typedef struct cdc_reader {
    const char *p, *end;
} cdc_reader;

static bool cdc_read_char(cdc_reader *rd, const char *any)
{
    if (rd->p < rd->end && *rd->p != '\0' && strchr(any, *rd->p) != NULL) {
        rd->p++;
        return true;
    }
    return false;
}

/* min to max digits, at most 9 */
static bool cdc_read_digits(cdc_reader *rd, size_t min, size_t max, uint32_t *out)
{
    size_t n = cdc_count_digits(rd->p, rd->end);
    *out = 0;
    if (n < min || n > max) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        *out = *out * 10 + (uint32_t)(*rd->p++ - '0');
    }
    return true;
}

static bool cdc_read_fraction(cdc_reader *rd, uint32_t *usec)
{
    const char *begin = rd->p;
    if (!cdc_read_digits(rd, 1, 6, usec)) {
        return false;
    }
    for (size_t n = (size_t)(rd->p - begin); n < 6; n++) {
        *usec *= 10;
    }
    return true;
}

/* hh:mm[:ss[.ffffff]] into v->t; hours of `digits` digits at most. */
static bool cdc_read_clock(cdc_reader *rd, size_t digits, uint32_t hour_max, cdc_value *v)
{
    uint32_t hour;
    uint32_t minute;
    uint32_t second = 0;
    uint32_t usec = 0;
    bool good = cdc_read_digits(rd, 1, digits, &hour) && cdc_read_char(rd, ":") &&
                cdc_read_digits(rd, 2, 2, &minute);
    if (good && cdc_read_char(rd, ":")) {
        good = cdc_read_digits(rd, 2, 2, &second);
        good = good && (!cdc_read_char(rd, ".") || cdc_read_fraction(rd, &usec));
    }
    if (!good || hour > hour_max || minute > 59 || second > 59) {
        return false;
    }
    v->t.hour = (uint16_t)hour;
    v->t.minute = (uint8_t)minute;
    v->t.second = (uint8_t)second;
    v->t.usec = usec;
    return true;
}

/* yyyy-mm-dd[ hh:mm[:ss[.ffffff]]]; zeros for month and day are dates too. */
static bool cdc_read_moment(cdc_reader *rd, cdc_value *v)
{
    uint32_t year;
    uint32_t month;
    uint32_t day;
    bool good = cdc_read_digits(rd, 4, 4, &year) && cdc_read_char(rd, "-") &&
                cdc_read_digits(rd, 2, 2, &month) && cdc_read_char(rd, "-") &&
                cdc_read_digits(rd, 2, 2, &day);
    if (!good || month > 12 || day > 31) {
        return false;
    }
    v->year = (uint16_t)year;
    v->t.month = (uint8_t)month;
    v->t.day = (uint8_t)day;
    return !cdc_read_char(rd, " T") || cdc_read_clock(rd, 2, 23, v);
}

/* Z, +hh:mm, -hh:mm or nothing, in seconds. */
static bool cdc_read_zone(cdc_reader *rd, int64_t *seconds)
{
    uint32_t hour;
    uint32_t minute;
    *seconds = 0;
    if (rd->p == rd->end || cdc_read_char(rd, "Z")) {
        return rd->p == rd->end;
    }
    bool minus = *rd->p == '-';
    if (!cdc_read_char(rd, "+-") || !cdc_read_digits(rd, 2, 2, &hour) || !cdc_read_char(rd, ":") ||
        !cdc_read_digits(rd, 2, 2, &minute) || hour > 14 || minute > 59) {
        return false;
    }
    *seconds = (minus ? -1 : 1) * (int64_t)(hour * 3600 + minute * 60);
    return rd->p == rd->end;
}

static cdc_integer cdc_signed(int64_t v)
{
    return (cdc_integer){.negative = v < 0, .magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v};
}

static bool cdc_read_timestamp(cdc_reader *rd, cdc_integer *out)
{
    cdc_value v = {.kind = CDC_DATETIME};
    int64_t zone;
    if (!cdc_read_moment(rd, &v) || !cdc_read_zone(rd, &zone)) {
        return false;
    }
    if (cdc_where_moment(&v) == 0) { /* the zero timestamp */
        *out = cdc_signed(0);
        return true;
    }
    int64_t days = cdc_clock_days(v.year, v.t.month, v.t.day);
    int64_t sec = days * 86400 + v.t.hour * 3600 + v.t.minute * 60 + v.t.second - zone;
    *out = cdc_signed(sec * 1000000 + v.t.usec);
    return v.t.month > 0 && v.t.day > 0;
}

static bool cdc_read_time(cdc_reader *rd, cdc_integer *out)
{
    cdc_value v = {.kind = CDC_TIME};
    bool minus = cdc_read_char(rd, "-");
    if (!cdc_read_clock(rd, 3, 838, &v) || rd->p != rd->end) {
        return false;
    }
    int64_t sec = v.t.hour * 3600 + v.t.minute * 60 + v.t.second;
    *out = cdc_signed((minus ? -1 : 1) * (sec * 1000000 + v.t.usec));
    return true;
}

static cdc_rc cdc_bind_time(const cdc_binder *bd, const cdc_literal *lit, cdc_constant *out)
{
    cdc_reader rd = {lit->text, lit->text + lit->len};
    cdc_value v = {.kind = CDC_DATETIME};
    const char *form = "this is no 'yyyy-mm-dd[ hh:mm[:ss[.ffffff]]]'";
    bool good = lit->kind == CDC_LITERAL_STRING;
    if (bd->col->kind == CDC_TIMESTAMP) {
        good = good && cdc_read_timestamp(&rd, &out->integer);
        form = "this is no 'yyyy-mm-dd[ hh:mm[:ss[.ffffff]]][Z|+hh:mm]'";
    } else if (bd->col->kind == CDC_TIME) {
        good = good && cdc_read_time(&rd, &out->integer);
        form = "this is no '[-]hhh:mm[:ss[.ffffff]]'";
    } else {
        good = good && cdc_read_moment(&rd, &v) && rd.p == rd.end;
        out->integer = (cdc_integer){.magnitude = cdc_where_moment(&v)};
    }
    return good ? CDC_OK : cdc_bind_fault(bd, lit->at, form);
}

/* --- text, ENUM, SET --- */

static cdc_rc cdc_bind_bytes(const cdc_binder *bd, const cdc_literal *lit, cdc_constant *out)
{
    if (lit->kind == CDC_LITERAL_NUMBER) {
        return cdc_bind_fault(bd, lit->at, "a number is compared with numbers only; write '...'");
    }
    out->bytes.p = cdc_arena_memdup(&bd->cond->arena, lit->text, lit->len);
    out->bytes.len = lit->len;
    return out->bytes.p != NULL ? CDC_OK : cdc_bind_memory(bd);
}

static bool cdc_set_member(const cdc_column *col, const char *p, size_t n, uint64_t *bits)
{
    for (uint32_t i = 0; i < col->nlabels && i < 64; i++) {
        if (strlen(col->labels[i]) == n && memcmp(col->labels[i], p, n) == 0) {
            *bits |= (uint64_t)1 << i;
            return true;
        }
    }
    return false;
}

/* 'a,b' as a bitmap; with a label that the column does not have it is equal to nothing. */
static cdc_rc cdc_bind_set(const cdc_binder *bd, const cdc_literal *lit, cdc_constant *out)
{
    if (lit->kind != CDC_LITERAL_STRING) {
        return cdc_bind_integer(bd, lit, out);
    }
    out->integer = (cdc_integer){.magnitude = 0};
    for (const char *p = lit->text; *p != '\0';) {
        size_t n = strcspn(p, ",");
        out->integer.beyond =
            out->integer.beyond || !cdc_set_member(bd->col, p, n, &out->integer.magnitude);
        p += n + (p[n] == ',' ? 1 : 0);
    }
    return CDC_OK;
}

static cdc_rc cdc_bind_labels(const cdc_binder *bd, cdc_bound_node *to)
{
    const cdc_column *col = bd->col;
    const char **labels = cdc_arena_alloc(&bd->cond->arena, (col->nlabels + 1) * sizeof *labels);
    if (labels == NULL) {
        return cdc_bind_memory(bd);
    }
    labels[0] = "";
    for (uint32_t i = 0; i < col->nlabels; i++) {
        labels[i + 1] = cdc_arena_strndup(&bd->cond->arena, col->labels[i], strlen(col->labels[i]));
        if (labels[i + 1] == NULL) {
            return cdc_bind_memory(bd);
        }
    }
    to->labels = labels;
    to->nlabels = col->nlabels + 1;
    return CDC_OK;
}

/* --- predicates --- */

typedef cdc_rc (*cdc_bind_literal)(const cdc_binder *bd, const cdc_literal *lit, cdc_constant *out);

/* How values of a kind are compared, and what turns a literal into one of them. */
static const struct {
    cdc_bind_literal literal; /* NULL: not at all */
    cdc_compare compare;
} kinds[] = {
    [CDC_INT] = {cdc_bind_integer, CDC_COMPARE_INTEGER},
    [CDC_UINT] = {cdc_bind_integer, CDC_COMPARE_INTEGER},
    [CDC_BIT] = {cdc_bind_integer, CDC_COMPARE_INTEGER},
    [CDC_YEAR] = {cdc_bind_integer, CDC_COMPARE_INTEGER},
    [CDC_DECIMAL] = {cdc_bind_decimal, CDC_COMPARE_DECIMAL},
    [CDC_FLOAT] = {cdc_bind_real, CDC_COMPARE_REAL},
    [CDC_DOUBLE] = {cdc_bind_real, CDC_COMPARE_REAL},
    [CDC_DATE] = {cdc_bind_time, CDC_COMPARE_INTEGER},
    [CDC_TIME] = {cdc_bind_time, CDC_COMPARE_INTEGER},
    [CDC_DATETIME] = {cdc_bind_time, CDC_COMPARE_INTEGER},
    [CDC_TIMESTAMP] = {cdc_bind_time, CDC_COMPARE_INTEGER},
    [CDC_ENUM] = {cdc_bind_integer, CDC_COMPARE_INTEGER}, /* by number */
    [CDC_SET] = {cdc_bind_set, CDC_COMPARE_INTEGER},
    [CDC_TEXT] = {cdc_bind_bytes, CDC_COMPARE_BYTES},
    [CDC_BYTES] = {cdc_bind_bytes, CDC_COMPARE_BYTES},
    [CDC_JSON] = {NULL, CDC_COMPARE_BYTES},
};

static cdc_rc cdc_bind_compare(const cdc_binder *bd, const cdc_where_node *from, cdc_bound_node *to,
                               cdc_bind_literal *literal)
{
    const cdc_literal *lit = from->literals;
    cdc_kind kind = bd->col->kind;
    bool known = (unsigned)kind < sizeof kinds / sizeof kinds[0];
    if (kind == CDC_ENUM && lit->kind == CDC_LITERAL_STRING) {
        to->compare = CDC_COMPARE_BYTES;
        *literal = cdc_bind_bytes;
        return cdc_bind_labels(bd, to);
    }
    if (kind == CDC_SET && lit->kind == CDC_LITERAL_STRING && from->op != CDC_WHERE_EQ) {
        return cdc_bind_fault(bd, lit->at, "it knows = <> IN with labels");
    }
    *literal = known ? kinds[kind].literal : NULL;
    to->compare = known ? kinds[kind].compare : CDC_COMPARE_BYTES;
    return *literal != NULL
               ? CDC_OK
               : cdc_bind_fault(bd, lit->at, "its values can only be tested with IS NULL and LIKE");
}

static cdc_rc cdc_bind_literals(const cdc_binder *bd, const cdc_where_node *from,
                                cdc_bound_node *to)
{
    cdc_bind_literal bind = NULL;
    for (const cdc_literal *lit = from->literals; lit != NULL; lit = lit->next) {
        to->nconstants++;
        if (bd->col->kind == CDC_ENUM && lit->kind != from->literals->kind) {
            return cdc_bind_fault(bd, lit->at, "labels and numbers cannot be mixed in one IN");
        }
    }
    cdc_constant *constants =
        cdc_arena_zalloc(&bd->cond->arena, to->nconstants * sizeof *constants);
    if (constants == NULL) {
        return cdc_bind_memory(bd);
    }
    to->constants = constants;
    cdc_rc rc = cdc_bind_compare(bd, from, to, &bind);
    for (const cdc_literal *lit = from->literals; lit != NULL && rc == CDC_OK; lit = lit->next) {
        rc = bind(bd, lit, constants++);
    }
    return rc;
}

/* One pattern element for each byte and wildcard; runs of % are one. */
static size_t cdc_like_pattern(const cdc_literal *lit, char escape, uint16_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < lit->len; i++) {
        unsigned char c = (unsigned char)lit->text[i];
        if (escape != '\0' && lit->text[i] == escape) {
            i += i + 1 < lit->len ? 1 : 0; /* at the end it stands for itself */
            out[n++] = (unsigned char)lit->text[i];
        } else if (c == '_') {
            out[n++] = CDC_LIKE_ONE;
        } else if (c != '%') {
            out[n++] = c;
        } else if (n == 0 || out[n - 1] != CDC_LIKE_MANY) {
            out[n++] = CDC_LIKE_MANY;
        }
    }
    return n;
}

static cdc_rc cdc_bind_pattern(const cdc_binder *bd, const cdc_where_node *from, cdc_bound_node *to)
{
    const cdc_literal *lit = from->literals;
    cdc_kind kind = bd->col->kind;
    uint16_t *pattern = cdc_arena_alloc(&bd->cond->arena, (lit->len + 1) * sizeof *pattern);
    if (pattern == NULL) {
        return cdc_bind_memory(bd);
    }
    if (kind != CDC_TEXT && kind != CDC_BYTES && kind != CDC_JSON && kind != CDC_ENUM) {
        return cdc_bind_fault(bd, lit->at, "LIKE is for text, ENUM, JSON and binary columns");
    }
    to->npattern = cdc_like_pattern(lit, from->escape[0], pattern);
    to->pattern = pattern;
    to->compare = CDC_COMPARE_BYTES;
    return kind == CDC_ENUM ? cdc_bind_labels(bd, to) : CDC_OK;
}

/* The column, or, in err, the one whose name is nearest. */
static cdc_rc cdc_bind_column(const cdc_binder *bd, const cdc_where_node *from, uint32_t *out)
{
    const cdc_table *tbl = bd->tbl;
    int column = cdc_table_find_column(tbl, from->column);
    size_t nearest = 0;
    for (uint32_t i = 1; i < tbl->ncols && column < 0; i++) {
        if (cdc_config_distance(from->column, tbl->cols[i].name) <
            cdc_config_distance(from->column, tbl->cols[nearest].name)) {
            nearest = i;
        }
    }
    *out = (uint32_t)column;
    return column >= 0 ? CDC_OK
                       : cdc_error_set(bd->err, CDC_FATAL, "where",
                                       "where, character %u: table %s.%s has no column '%.64s' "
                                       "(the nearest is '%s')",
                                       from->at, tbl->database, tbl->name, from->column,
                                       tbl->cols[nearest].name);
}

static cdc_rc cdc_bind_predicate(cdc_binder *bd, const cdc_where_node *from, cdc_bound_node *to)
{
    cdc_rc rc = cdc_bind_column(bd, from, &to->column);
    if (rc != CDC_OK) {
        return rc;
    }
    bd->col = &bd->tbl->cols[to->column];
    to->kind = (uint8_t)bd->col->kind;
    if (from->op == CDC_WHERE_NULL) {
        return CDC_OK;
    }
    return from->op == CDC_WHERE_LIKE ? cdc_bind_pattern(bd, from, to)
                                      : cdc_bind_literals(bd, from, to);
}

static cdc_rc cdc_bind_node(cdc_binder *bd, const cdc_where_node *from, cdc_bound_node **out)
{
    cdc_bound_node *to = cdc_arena_zalloc(&bd->cond->arena, sizeof *to);
    if (to == NULL) {
        return cdc_bind_memory(bd);
    }
    *out = to;
    to->op = from->op;
    if (from->first == NULL) {
        return cdc_bind_predicate(bd, from, to);
    }
    cdc_bound_node **tail = &to->first;
    for (const cdc_where_node *child = from->first; child != NULL; child = child->next) {
        cdc_rc rc = cdc_bind_node(bd, child, tail);
        if (rc != CDC_OK) {
            return rc;
        }
        tail = &(*tail)->next;
    }
    return CDC_OK;
}

cdc_rc cdc_where_bind(cdc_condition **out, const cdc_where *where, const cdc_table *tbl,
                      cdc_error *err)
{
    cdc_bound_node *root = NULL;
    cdc_condition *cond = calloc(1, sizeof *cond);
    cdc_binder bd = {.cond = cond, .tbl = tbl, .err = err};
    *out = NULL;
    if (cond == NULL) {
        return cdc_bind_memory(&bd);
    }
    cdc_arena_init(&cond->arena, 4096, ARENA_BYTES_MAX);
    cdc_rc rc = cdc_bind_node(&bd, where->root, &root);
    if (rc != CDC_OK) {
        cdc_condition_free(cond);
        return rc;
    }
    cond->root = root;
    *out = cond;
    return CDC_OK;
}

void cdc_condition_free(cdc_condition *cond)
{
    if (cond != NULL) {
        cdc_arena_fini(&cond->arena);
        free(cond);
    }
}

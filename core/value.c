#include "value.h"

#include <string.h>

const char *cdc_kind_name(cdc_kind kind)
{
    static const char *const names[] = {
        "absent", "null", "int",  "uint", "decimal",  "float",     "double", "bit",   "enum",
        "set",    "year", "date", "time", "datetime", "timestamp", "text",   "bytes", "json"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

static bool cdc_value_equal_temporal(const cdc_value *a, const cdc_value *b)
{
    return a->digits == b->digits && a->year == b->year && a->t.usec == b->t.usec &&
           a->t.hour == b->t.hour && a->t.month == b->t.month && a->t.day == b->t.day &&
           a->t.minute == b->t.minute && a->t.second == b->t.second && a->t.neg == b->t.neg;
}

bool cdc_value_equal(const cdc_value *a, const cdc_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch ((cdc_kind)a->kind) {
    case CDC_ABSENT:
    case CDC_NULL:
        return true;
    case CDC_DECIMAL:
    case CDC_TEXT:
    case CDC_BYTES:
    case CDC_JSON:
        return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
    case CDC_DATE:
    case CDC_TIME:
    case CDC_DATETIME:
        return cdc_value_equal_temporal(a, b);
    case CDC_TIMESTAMP:
        return a->digits == b->digits && a->ts.sec == b->ts.sec && a->ts.usec == b->ts.usec;
    case CDC_INT:
    case CDC_UINT:
    case CDC_FLOAT:
    case CDC_DOUBLE:
    case CDC_BIT:
    case CDC_ENUM:
    case CDC_SET:
    case CDC_YEAR:
        return a->u == b->u;
    }
    return false;
}

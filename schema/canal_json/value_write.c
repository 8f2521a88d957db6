/* Values to text (docs/formats/canal-json.md, "Values"). */
#include "core/clock.h"
#include "schema/canal_json/canal.h"
#include "schema/number.h"

static char *put_2(char *p, unsigned v)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
    return p + 2;
}

static char *put_4(char *p, unsigned v)
{
    return put_2(put_2(p, v / 100), v % 100);
}

/* "." and the first `digits` of the six digits of usec; nothing for 0. */
static char *put_fraction(char *p, unsigned usec, unsigned digits)
{
    if (digits == 0) {
        return p;
    }
    char six[6];
    put_2(put_2(put_2(six, usec / 10000), usec / 100 % 100), usec % 100);
    *p = '.';
    memcpy(p + 1, six, sizeof six);
    return p + 1 + digits;
}

static char *put_date(char *p, unsigned year, unsigned month, unsigned day)
{
    p = put_4(p, year);
    *p++ = '-';
    p = put_2(p, month);
    *p++ = '-';
    return put_2(p, day);
}

static char *put_clock(char *p, unsigned hour, unsigned minute, unsigned second)
{
    if (hour >= 100) {
        *p++ = (char)('0' + hour / 100);
        hour %= 100;
    }
    p = put_2(p, hour);
    *p++ = ':';
    p = put_2(p, minute);
    *p++ = ':';
    return put_2(p, second);
}

static bool fits_clock(const cdc_value *v, unsigned max_hour)
{
    return v->t.hour <= max_hour && v->t.minute <= 59 && v->t.second <= 59 && v->t.usec <= 999999 &&
           v->digits <= 6;
}

static bool fits_date(const cdc_value *v)
{
    return v->year <= 9999 && v->t.month <= 12 && v->t.day <= 31;
}

/* Seconds from 1970 to the first years that have not four digits. */
#define YEAR_0_S INT64_C(-62167219200)
#define YEAR_10000_S INT64_C(253402300800)

static char *put_timestamp(char *p, const cdc_value *v, int32_t offset_s)
{
    if (v->digits > 6 || v->ts.usec > 999999) {
        return NULL;
    }
    if (v->ts.sec == 0 && v->ts.usec == 0) {
        memcpy(p, "0000-00-00 00:00:00", 19);
        return put_fraction(p + 19, 0, v->digits);
    }
    int64_t local = 0;
    if (__builtin_add_overflow(v->ts.sec, offset_s, &local) || local < YEAR_0_S ||
        local >= YEAR_10000_S) {
        return NULL;
    }
    int64_t days = local / 86400 - (local % 86400 < 0);
    unsigned second = (unsigned)(local - days * 86400);
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    cdc_clock_civil(days, &year, &month, &day);
    p = put_date(p, (unsigned)year, month, day);
    *p++ = ' ';
    p = put_clock(p, second / 3600, second / 60 % 60, second % 60);
    return put_fraction(p, v->ts.usec, v->digits);
}

/* NULL: out of the type's range. */
static char *put_temporal(char *p, const cdc_value *v, int32_t offset_s)
{
    switch (v->kind) {
    case CDC_YEAR:
        return v->i >= 0 && v->i <= 9999 ? put_4(p, (unsigned)v->i) : NULL;
    case CDC_DATE:
        return fits_date(v) ? put_date(p, v->year, v->t.month, v->t.day) : NULL;
    case CDC_TIME:
        if (!fits_clock(v, 838)) {
            return NULL;
        }
        if (v->t.neg) {
            *p++ = '-';
        }
        p = put_clock(p, v->t.hour, v->t.minute, v->t.second);
        return put_fraction(p, v->t.usec, v->digits);
    case CDC_DATETIME:
        if (!fits_date(v) || !fits_clock(v, 23)) {
            return NULL;
        }
        p = put_date(p, v->year, v->t.month, v->t.day);
        *p++ = ' ';
        p = put_clock(p, v->t.hour, v->t.minute, v->t.second);
        return put_fraction(p, v->t.usec, v->digits);
    default:
        return put_timestamp(p, v, offset_s);
    }
}

static bool write_label(cdc_writer *w, const cdc_column *col, uint64_t index, uint64_t *replaced)
{
    const char *label = col->labels[index];
    return cdc_writer_text(w, label, strlen(label), replaced);
}

static bool write_enum(cdc_writer *w, const cdc_column *col, uint64_t index, uint64_t *replaced,
                       cdc_canal_fault *fault)
{
    if (index > col->nlabels) {
        *fault = "an ENUM number above the number of labels";
        return false;
    }
    return index == 0 || write_label(w, col, index - 1, replaced);
}

static bool write_set(cdc_writer *w, const cdc_column *col, uint64_t bits, uint64_t *replaced,
                      cdc_canal_fault *fault)
{
    bool first = true;
    for (uint32_t i = 0; i < 64 && bits >> i != 0; i++) {
        if ((bits >> i & 1) == 0) {
            continue;
        }
        if (i >= col->nlabels) {
            *fault = "a SET bit above the number of labels";
            return false;
        }
        if (!first) {
            *w->p++ = ','; /* the label before left the pad free */
        }
        first = false;
        if (!write_label(w, col, i, replaced)) {
            return false;
        }
    }
    return true;
}

static bool write_octets(cdc_writer *w, const cdc_canal_options *opt, const cdc_column *col,
                         const cdc_value *v)
{
    size_t zeros = col->length > v->len && col->length <= 255 ? col->length - v->len : 0;
    return cdc_writer_octets(w, opt->binary, v->p, v->len, zeros);
}

/* Room for a number is there. */
static bool write_number(cdc_writer *w, const cdc_value *v, cdc_canal_fault *fault)
{
    if (v->kind == CDC_INT) {
        w->p = cdc_write_i64(w->p, v->i);
    } else if (v->kind != CDC_FLOAT && v->kind != CDC_DOUBLE) {
        w->p = cdc_write_u64(w->p, v->u);
    } else if (v->d - v->d == 0) {
        w->p = cdc_number_write(w->p, v->d, v->kind == CDC_FLOAT);
    } else {
        *fault = "a number that is not finite";
        return false;
    }
    return true;
}

static bool write_temporal(cdc_writer *w, const cdc_value *v, int32_t offset_s,
                           cdc_canal_fault *fault)
{
    char *p = put_temporal(w->p, v, offset_s);
    if (p == NULL) {
        *fault = "a date or time out of range";
        return false;
    }
    w->p = p;
    return true;
}

static bool write_labels(cdc_writer *w, const cdc_column *col, const cdc_value *v,
                         uint64_t *replaced, cdc_canal_fault *fault)
{
    return v->kind == CDC_ENUM ? write_enum(w, col, v->u, replaced, fault)
                               : write_set(w, col, v->u, replaced, fault);
}

/* What is done with a kind of value. */
typedef enum cdc_way { WAY_NONE, WAY_NUMBER, WAY_LABEL, WAY_TEXT, WAY_BYTES, WAY_TIME } cdc_way;

static const uint8_t ways[CDC_JSON + 1] = {
    [CDC_INT] = WAY_NUMBER,     [CDC_UINT] = WAY_NUMBER,   [CDC_BIT] = WAY_NUMBER,
    [CDC_FLOAT] = WAY_NUMBER,   [CDC_DOUBLE] = WAY_NUMBER, [CDC_ENUM] = WAY_LABEL,
    [CDC_SET] = WAY_LABEL,      [CDC_DECIMAL] = WAY_TEXT,  [CDC_TEXT] = WAY_TEXT,
    [CDC_JSON] = WAY_TEXT,      [CDC_BYTES] = WAY_BYTES,   [CDC_YEAR] = WAY_TIME,
    [CDC_DATE] = WAY_TIME,      [CDC_TIME] = WAY_TIME,     [CDC_DATETIME] = WAY_TIME,
    [CDC_TIMESTAMP] = WAY_TIME,
};

bool cdc_canal_value_write(cdc_writer *w, const cdc_canal_options *opt, const cdc_column *col,
                           const cdc_value *v, uint64_t *replaced, cdc_canal_fault *fault)
{
    *fault = NULL;
    if (!cdc_writer_room(w, 0)) {
        return false;
    }
    switch (v->kind <= CDC_JSON ? (cdc_way)ways[v->kind] : WAY_NONE) {
    case WAY_LABEL:
        if (opt->labels) {
            return write_labels(w, col, v, replaced, fault);
        }
        return write_number(w, v, fault);
    case WAY_NUMBER:
        return write_number(w, v, fault);
    case WAY_TEXT:
        return cdc_writer_text(w, v->p, v->len, replaced);
    case WAY_TIME:
        return write_temporal(w, v, opt->zone_offset_s, fault);
    case WAY_BYTES:
        return write_octets(w, opt, col, v);
    case WAY_NONE:
        break;
    }
    *fault = "a value of an unknown kind";
    return false;
}

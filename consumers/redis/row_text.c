#include "row_text.h"

#include "schema/canal_json/canal.h"

static const cdc_canal_options text_options = {.binary = CDC_BINARY_BASE64};

bool sink_redis_row_string(cdc_buffer *out, const char *s, size_t n)
{
    cdc_writer w;
    uint64_t replaced = 0;
    if (!cdc_writer_begin(&w, out) || !cdc_writer_room(&w, 1)) {
        return false;
    }
    *w.p++ = '"';
    if (!cdc_writer_text(&w, s, n, &replaced) || !cdc_writer_room(&w, 1)) {
        return false;
    }
    *w.p++ = '"';
    cdc_writer_end(&w);
    return true;
}

/* Numbers, dates and times, and octets in base64: nothing of it needs an escape. */
static bool plain(cdc_buffer *out, const cdc_column *col, const cdc_value *v, const char **fault)
{
    cdc_writer w;
    uint64_t replaced = 0;
    if (!cdc_writer_begin(&w, out) ||
        !cdc_canal_value_write(&w, &text_options, col, v, &replaced, fault)) {
        return false;
    }
    cdc_writer_end(&w);
    return true;
}

static bool set_labels(cdc_buffer *out, const cdc_column *col, uint64_t bits)
{
    const char *comma = "";
    for (uint32_t i = 0; i < 64 && bits >> i != 0; i++) {
        if ((bits >> i & 1) != 0) {
            cdc_buffer_add_str(out, comma);
            cdc_buffer_add_str(out, col->labels[i]);
            comma = ",";
        }
    }
    return !out->failed;
}

/* By the labels; a number that has none stands as a number. */
static bool labels(cdc_buffer *out, const cdc_column *col, const cdc_value *v)
{
    if (v->kind == CDC_ENUM ? v->u > col->nlabels
                            : col->nlabels < 64 && v->u >> col->nlabels != 0) {
        cdc_buffer_add_u64(out, v->u);
        return !out->failed;
    }
    if (v->kind == CDC_SET) {
        return set_labels(out, col, v->u);
    }
    if (v->u > 0) {
        cdc_buffer_add_str(out, col->labels[v->u - 1]);
    }
    return !out->failed;
}

/* A BINARY(n) value may come without its zeros at the end. */
static bool octets(cdc_buffer *out, const cdc_column *col, const cdc_value *v)
{
    cdc_buffer_add(out, v->p, v->len);
    for (size_t n = v->len; n < col->length && col->length <= 255; n++) {
        cdc_buffer_add_char(out, '\0');
    }
    return !out->failed;
}

bool sink_redis_row_text(cdc_buffer *out, const cdc_column *col, const cdc_value *v,
                         const char **fault)
{
    *fault = NULL;
    switch (v->kind) {
    case CDC_TEXT:
    case CDC_JSON:
    case CDC_DECIMAL:
        cdc_buffer_add(out, v->p, v->len);
        return !out->failed;
    case CDC_BYTES:
        return octets(out, col, v);
    case CDC_ENUM:
    case CDC_SET:
        return labels(out, col, v);
    default:
        return plain(out, col, v, fault);
    }
}

static bool quoted(cdc_buffer *out, const cdc_column *col, const cdc_value *v, const char **fault)
{
    cdc_buffer_add_char(out, '"');
    bool good = plain(out, col, v, fault);
    cdc_buffer_add_char(out, '"');
    return good && !out->failed;
}

static bool quoted_labels(cdc_buffer *out, const cdc_column *col, const cdc_value *v)
{
    cdc_buffer text;
    cdc_buffer_init(&text, out->max);
    bool good = labels(&text, col, v) &&
                sink_redis_row_string(out, text.len > 0 ? text.data : "", text.len);
    cdc_buffer_fini(&text);
    return good;
}

bool sink_redis_row_json(cdc_buffer *out, const cdc_column *col, const cdc_value *v,
                         const char **fault)
{
    *fault = NULL;
    switch (v->kind) {
    case CDC_NULL:
        cdc_buffer_add_str(out, "null");
        return !out->failed;
    case CDC_JSON:
    case CDC_DECIMAL:
        cdc_buffer_add(out, v->p, v->len);
        return !out->failed;
    case CDC_YEAR: /* without the zeros that the text of the year 0 has in front */
        cdc_buffer_add_i64(out, v->i);
        return !out->failed;
    case CDC_TEXT:
        return sink_redis_row_string(out, v->p, v->len);
    case CDC_ENUM:
    case CDC_SET:
        return quoted_labels(out, col, v);
    case CDC_INT:
    case CDC_UINT:
    case CDC_BIT:
    case CDC_FLOAT:
    case CDC_DOUBLE:
        return plain(out, col, v, fault);
    default:
        return quoted(out, col, v, fault);
    }
}

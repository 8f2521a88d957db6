#include "copy_key.h"

#include "copy_tables.h"

static void add_hex(cdc_buffer *out, const char *p, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    cdc_buffer_add_str(out, "X'");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        cdc_buffer_add_char(out, digits[c >> 4]);
        cdc_buffer_add_char(out, digits[c & 15]);
    }
    cdc_buffer_add_char(out, '\'');
}

void src_mysql_key_literal(const cdc_column *col, const cdc_value *val, const char *cell, size_t n,
                           cdc_buffer *out)
{
    switch ((cdc_kind)val->kind) {
    case CDC_INT:
    case CDC_YEAR:
        cdc_buffer_add_i64(out, val->i);
        break;
    case CDC_UINT:
    case CDC_BIT:
    case CDC_ENUM:
    case CDC_SET:
        cdc_buffer_add_u64(out, val->u);
        break;
    case CDC_DECIMAL:
        cdc_buffer_add(out, val->p, val->len);
        break;
    case CDC_FLOAT:
    case CDC_DOUBLE:
        cdc_buffer_addf(out, "%.16e", val->d);
        break;
    case CDC_BYTES:
        add_hex(out, val->p, val->len);
        break;
    case CDC_TEXT:
        /* the cell's own bytes in the column's own charset: what became U+FFFD for us is exact here
         */
        cdc_buffer_addf(out, "_%s ",
                        col->charset != NULL && col->charset[0] ? col->charset : "latin1");
        add_hex(out, cell, n);
        break;
    default: /* dates and times: the server compares them as such with a string */
        cdc_buffer_add_str(out, "_latin1 ");
        add_hex(out, cell, n);
        break;
    }
}

static void add_column(cdc_buffer *out, const cdc_column *col, const char *op, const char *literal,
                       size_t n)
{
    cdc_buffer_add_str(out, "t.");
    src_mysql_add_name(out, col->name);
    cdc_buffer_add_str(out, op);
    cdc_buffer_add(out, literal, n);
}

cdc_rc src_mysql_key_condition(const cdc_table *tbl, const char *key, cdc_buffer *out,
                               cdc_error *err)
{
    const char *p = key;
    uint32_t i = 0;
    for (; p != NULL && i < tbl->nkeys; i++) {
        const cdc_column *col = &tbl->cols[tbl->keys[i]];
        size_t n = strcspn(p, ",");
        if (i + 1 == tbl->nkeys) {
            add_column(out, col, " > ", p, n);
        } else {
            cdc_buffer_add_char(out, '(');
            add_column(out, col, " >= ", p, n);
            cdc_buffer_add_str(out, " AND (");
            add_column(out, col, " > ", p, n);
            cdc_buffer_add_str(out, " OR ");
        }
        p = p[n] == ',' ? p + n + 1 : NULL;
    }
    if (p != NULL || i != tbl->nkeys) {
        return cdc_error_set(
            err, CDC_FATAL, "mysql_copy_key",
            "the primary key of table %s.%s was changed during its full copy; start the "
            "task again under a new name",
            tbl->database, tbl->name);
    }
    for (uint32_t j = 1; j < tbl->nkeys; j++) {
        cdc_buffer_add_str(out, "))");
    }
    return CDC_OK;
}

#include "copy_key.h"

#include "names.h"

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

void src_mysql_key_literals(const cdc_table *tbl, const cdc_value *row, char *const *cells,
                            const unsigned long *lengths, cdc_buffer *out)
{
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        uint16_t k = tbl->keys[i];
        if (i > 0) {
            cdc_buffer_add_char(out, ',');
        }
        src_mysql_key_literal(&tbl->cols[k], &row[k], cells[i], lengths[i], out);
    }
}

/* --- ranges --- */

static void add_column(cdc_buffer *out, const cdc_column *col, const char *op, const char *literal,
                       size_t n)
{
    cdc_buffer_add_str(out, "t.");
    src_mysql_add_name(out, col->name);
    cdc_buffer_add_str(out, op);
    cdc_buffer_add(out, literal, n);
}

typedef struct bound {
    const char *wide, *strict, *last; /* " >= ", " > ", and what the last column takes */
} bound;

static cdc_rc add_bound(const cdc_table *tbl, const char *key, const bound *ops, cdc_buffer *out,
                        cdc_error *err)
{
    const char *p = key;
    uint32_t i = 0;
    for (; p != NULL && i < tbl->nkeys; i++) {
        const cdc_column *col = &tbl->cols[tbl->keys[i]];
        size_t n = strcspn(p, ",");
        if (i + 1 == tbl->nkeys) {
            add_column(out, col, ops->last, p, n);
        } else {
            cdc_buffer_add_char(out, '(');
            add_column(out, col, ops->wide, p, n);
            cdc_buffer_add_str(out, " AND (");
            add_column(out, col, ops->strict, p, n);
            cdc_buffer_add_str(out, " OR (");
            add_column(out, col, " = ", p, n);
            cdc_buffer_add_str(out, " AND ");
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
        cdc_buffer_add_str(out, ")))");
    }
    return CDC_OK;
}

cdc_rc src_mysql_key_range(const cdc_table *tbl, const char *from, const char *to, cdc_buffer *out,
                           cdc_error *err)
{
    static const bound behind = {" >= ", " > ", " > "};
    static const bound up_to = {" <= ", " < ", " <= "};
    cdc_rc rc = CDC_OK;
    if (from[0] != '\0') {
        cdc_buffer_add_str(out, " WHERE ");
        rc = add_bound(tbl, from, &behind, out, err);
    }
    if (rc == CDC_OK && to[0] != '\0') {
        cdc_buffer_add_str(out, from[0] != '\0' ? " AND " : " WHERE ");
        rc = add_bound(tbl, to, &up_to, out, err);
    }
    return rc;
}

/* --- bytes --- */

void src_mysql_key_bytes(const cdc_table *tbl, const cdc_value *row, cdc_buffer *out)
{
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        const cdc_value *val = &row[tbl->keys[i]];
        cdc_buffer_add_char(out, (char)val->kind);
        switch ((cdc_kind)val->kind) {
        case CDC_DECIMAL:
        case CDC_TEXT:
        case CDC_BYTES:
        case CDC_JSON:
            cdc_buffer_add(out, &val->len, sizeof(val->len));
            cdc_buffer_add(out, val->p, val->len);
            break;
        case CDC_TIMESTAMP:
            cdc_buffer_add(out, &val->ts.sec, sizeof(val->ts.sec));
            cdc_buffer_add(out, &val->ts.usec, sizeof(val->ts.usec));
            break;
        case CDC_DATE:
        case CDC_TIME:
        case CDC_DATETIME: {
            uint32_t parts[] = {val->year,     val->t.month,  val->t.day,  val->t.hour,
                                val->t.minute, val->t.second, val->t.usec, val->t.neg};
            cdc_buffer_add(out, parts, sizeof(parts));
            break;
        }
        default:
            cdc_buffer_add(out, &val->u, sizeof(val->u));
        }
    }
}

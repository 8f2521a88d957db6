#include "producers/mysql/rows.h"

#include <string.h>

static cdc_rc rows_malformed(cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_event_malformed",
        "malformed rows event; the binlog is damaged or of an unknown version: check "
        "it with mysqlbinlog");
}

static bool all_bits(const uint8_t *bits, uint32_t n)
{
    for (uint32_t i = 0; i < n / 8; i++) {
        if (bits[i] != 0xff) {
            return false;
        }
    }
    return n % 8 == 0 || (bits[n / 8] | (uint8_t)(0xffU << (n % 8))) == 0xff;
}

static cdc_rc rows_type(const src_mysql_event *ev, src_mysql_rows *out, bool *v2, cdc_error *err)
{
    *v2 = ev->type >= SRC_MYSQL_WRITE_ROWS_EVENT;
    switch (ev->type) {
    case SRC_MYSQL_WRITE_ROWS_V1_EVENT:
    case SRC_MYSQL_WRITE_ROWS_EVENT:
        out->op = CDC_OP_INSERT;
        return CDC_OK;
    case SRC_MYSQL_UPDATE_ROWS_V1_EVENT:
    case SRC_MYSQL_UPDATE_ROWS_EVENT:
    case SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT:
        out->op = CDC_OP_UPDATE;
        out->partial = ev->type == SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT;
        return CDC_OK;
    case SRC_MYSQL_DELETE_ROWS_V1_EVENT:
    case SRC_MYSQL_DELETE_ROWS_EVENT:
        out->op = CDC_OP_DELETE;
        return CDC_OK;
    default:
        return rows_malformed(err);
    }
}

cdc_rc src_mysql_rows_begin(const src_mysql_event *ev, src_mysql_rows *out, cdc_error *err)
{
    bool v2;
    memset(out, 0, sizeof *out);
    cdc_rc rc = rows_type(ev, out, &v2, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_cursor c = ev->body;
    out->table_id = cdc_cursor_le(&c, 6);
    out->flags = cdc_cursor_u16(&c);
    if (v2) { /* extra data; its length counts itself */
        size_t extra = cdc_cursor_u16(&c);
        c.failed = c.failed || extra < 2;
        cdc_cursor_bytes(&c, extra - 2);
    }
    uint64_t ncols = cdc_cursor_lenenc(&c);
    if (c.failed || ncols > CDC_TABLE_COLUMNS_MAX) {
        return rows_malformed(err);
    }
    out->ncols = (uint32_t)ncols;
    const uint8_t *present = cdc_cursor_bytes(&c, (out->ncols + 7) / 8);
    const uint8_t *present_after =
        out->op == CDC_OP_UPDATE ? cdc_cursor_bytes(&c, (out->ncols + 7) / 8) : present;
    if (c.failed) {
        return rows_malformed(err);
    }
    out->full = all_bits(present, out->ncols) && all_bits(present_after, out->ncols);
    out->data = c;
    return CDC_OK;
}

static bool bit_of(const uint8_t *bits, uint32_t i)
{
    return ((unsigned)bits[i / 8] >> (i % 8) & 1U) != 0;
}

/* The JSON columns of a row of PARTIAL_UPDATE_ROWS. */
typedef struct rows_json {
    cdc_cursor *before;  /* by column: where the before-image's value begins; p NULL: SQL NULL */
    const uint8_t *bits; /* after-image: by JSON column, diffs instead of a value; NULL: none */
} rows_json;

static const char *column_name(const src_mysql_table *tbl, uint32_t col)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < col; i++) {
        at += tbl->plan[i].hidden ? 0 : 1;
    }
    return tbl->plan[col].hidden ? "of system versioning" : tbl->table->cols[at].name;
}

/* json: NULL unless the event is partial. */
static cdc_rc rows_image(src_mysql_rows *rows, const src_mysql_table *tbl, src_mysql_decode *dec,
                         cdc_value *values, rows_json *json, cdc_error *err)
{
    const uint8_t *nulls = cdc_cursor_bytes(&rows->data, (tbl->ncols + 7) / 8);
    uint32_t njson = 0;
    if (nulls == NULL) {
        return rows_malformed(err);
    }
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        bool is_json = json != NULL && tbl->plan[i].op == SRC_MYSQL_DECODE_JSON;
        bool diffs = is_json && json->bits != NULL && bit_of(json->bits, njson);
        njson += is_json ? 1 : 0;
        if (bit_of(nulls, i)) {
            values[i] = (cdc_value){.kind = CDC_NULL};
            continue;
        }
        cdc_rc rc;
        if (diffs) {
            rc = src_mysql_value_patch(&tbl->plan[i], json->before[i], &rows->data, dec, &values[i],
                                       err);
        } else {
            if (is_json && json->bits == NULL) {
                json->before[i] = rows->data;
            }
            rc = src_mysql_value_read(&tbl->plan[i], &rows->data, dec, &values[i], err);
        }
        if (rc != CDC_OK) {
            return cdc_error_context(err, "column %s", column_name(tbl, i));
        }
    }
    return CDC_OK;
}

#define VALUE_OPTION_PARTIAL_JSON 1U

/* Value options and, with partial JSON, the bitmap of the JSON columns that come as diffs. */
static cdc_rc rows_options(src_mysql_rows *rows, const src_mysql_table *tbl, rows_json *json,
                           cdc_error *err)
{
    uint64_t options = cdc_cursor_lenenc(&rows->data);
    uint32_t njson = 0;
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        njson += tbl->plan[i].op == SRC_MYSQL_DECODE_JSON ? 1 : 0;
    }
    if (options == VALUE_OPTION_PARTIAL_JSON) {
        json->bits = cdc_cursor_bytes(&rows->data, (njson + 7) / 8);
    }
    return rows->data.failed || options > VALUE_OPTION_PARTIAL_JSON ? rows_malformed(err) : CDC_OK;
}

static cdc_rc rows_no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory",
                         "a row does not fit the memory that one batch may use");
}

static cdc_rc rows_partial(src_mysql_rows *rows, const src_mysql_table *tbl, src_mysql_decode *dec,
                           cdc_value *before, cdc_value *after, cdc_error *err)
{
    cdc_arena_reset(&dec->work, (size_t)1 << 20);
    rows_json json = {
        .before = cdc_arena_zalloc(&dec->work, tbl->ncols * sizeof(*json.before)),
    };
    if (json.before == NULL) {
        return rows_no_memory(err);
    }
    cdc_rc rc = rows_image(rows, tbl, dec, before, &json, err);
    if (rc == CDC_OK) {
        rc = rows_options(rows, tbl, &json, err);
    }
    /* without diffs the after-image is an ordinary one */
    return rc == CDC_OK ? rows_image(rows, tbl, dec, after, json.bits != NULL ? &json : NULL, err)
                        : rc;
}

static cdc_rc rows_check(const src_mysql_rows *rows, const src_mysql_table *tbl, cdc_error *err)
{
    if (rows->ncols != tbl->ncols) {
        return cdc_error_set(
            err, CDC_FATAL, "mysql_event_malformed",
            "rows of %u columns for a definition of %u; the binlog is damaged: check "
            "it with mysqlbinlog",
            rows->ncols, tbl->ncols);
    }
    if (!rows->full) {
        return cdc_error_set(
            err, CDC_FATAL, "mysql_row_image",
            "binlog_row_image is not FULL: columns are missing from the row images; run "
            "SET GLOBAL binlog_row_image=FULL on the source, let its clients "
            "reconnect, and copy the table again");
    }
    return CDC_OK;
}

cdc_rc src_mysql_rows_next(src_mysql_rows *rows, const src_mysql_table *tbl, src_mysql_decode *dec,
                           cdc_value **before, cdc_value **after, cdc_error *err)
{
    *before = NULL;
    *after = NULL;
    if (cdc_cursor_left(&rows->data) == 0) {
        return CDC_EOF;
    }
    cdc_rc rc = rows_check(rows, tbl, err);
    if (rc == CDC_OK) {
        size_t images = rows->op == CDC_OP_UPDATE ? 2 : 1;
        cdc_value *values = cdc_arena_alloc(dec->ar, images * tbl->ncols * sizeof *values);
        if (values == NULL) {
            rc = rows_no_memory(err);
            goto out;
        }
        *before = rows->op == CDC_OP_INSERT ? NULL : values;
        *after = rows->op == CDC_OP_DELETE ? NULL : values + (images - 1) * tbl->ncols;
        if (rows->partial) {
            rc = rows_partial(rows, tbl, dec, *before, *after, err);
            goto out;
        }
        rc = rows_image(rows, tbl, dec, values, NULL, err);
        if (rc == CDC_OK && images == 2) {
            rc = rows_image(rows, tbl, dec, *after, NULL, err);
        }
    }
out:
    if (rc != CDC_OK) {
        cdc_error_context(err, "table %s.%s", tbl->table->database, tbl->table->name);
    }
    return rc;
}

/* --- system versioning --- */

/* The end of time: the largest TIMESTAMP, of 31 bits, from MariaDB 11.5 on of 32; the largest
 * number of a transaction. */
static bool is_current(const cdc_value *row_end)
{
    if (row_end->kind == CDC_TIMESTAMP) {
        return row_end->ts.usec == 999999 &&
               (row_end->ts.sec == INT32_MAX || row_end->ts.sec == (int64_t)UINT32_MAX);
    }
    return row_end->kind == CDC_UINT && row_end->u == UINT64_MAX;
}

static cdc_value *current_image(const src_mysql_table *tbl, cdc_value *row)
{
    uint32_t n = 0;
    if (row == NULL || !is_current(&row[tbl->row_end])) {
        return NULL;
    }
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        if (!tbl->plan[i].hidden) {
            row[n++] = row[i];
        }
    }
    return row;
}

bool src_mysql_rows_current(const src_mysql_table *tbl, cdc_value **before, cdc_value **after)
{
    *before = current_image(tbl, *before);
    *after = current_image(tbl, *after);
    return *before != NULL || *after != NULL;
}

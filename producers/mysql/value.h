/* src_mysql_value: one column's bytes of a binlog row image to a cdc_value.
 *
 * Text and octets stay in the event's bytes when nothing has to be changed, so those must live as
 * long as the value: the caller keeps events in the batch's arena. */
#ifndef SRC_MYSQL_VALUE_H
#define SRC_MYSQL_VALUE_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/cursor.h"
#include "core/error.h"
#include "core/value.h"
#include "producers/mysql/table_map.h"

/* What decoding needs beside its input; one per reader thread, lives as long as the source. */
typedef struct src_mysql_decode {
    cdc_arena *ar;      /* values go here; the caller sets it for each batch */
    cdc_buffer scratch; /* JSON text while it grows */
    cdc_arena work;     /* of one row with partial updates */
    uint64_t bad_text;  /* bytes that were no text of their charset, since init */
} src_mysql_decode;

/* value_max_bytes: limit of one value's text. */
void src_mysql_decode_init(src_mysql_decode *dec, size_t value_max_bytes);
void src_mysql_decode_fini(src_mysql_decode *dec);

/* Reads one value that is not NULL. FATAL: malformed, or no memory; the caller adds table and
 * column. */
cdc_rc src_mysql_value_read(const src_mysql_plan *plan, cdc_cursor *row, src_mysql_decode *dec,
                            cdc_value *out, cdc_error *err) CDC_MUST_CHECK;

/* The value of a JSON column after a partial update: document is the column's value in the
 * before-image, as it stands there, its p NULL for SQL NULL, which nothing can be changed in
 * (FATAL); row is at the diffs. What it needs on the way lies in dec->work. */
cdc_rc src_mysql_value_patch(const src_mysql_plan *plan, cdc_cursor document, cdc_cursor *row,
                             src_mysql_decode *dec, cdc_value *out, cdc_error *err) CDC_MUST_CHECK;

#endif

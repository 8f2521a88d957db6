/* Partial JSON updates (binlog_row_value_options=PARTIAL_JSON): a binary document and the diffs
 * that the log holds for it, to the text that the server prints for the result.
 *
 * A diff: u8 operation (0 replace, 1 insert, 2 remove), lenenc length and JSON path, and but for
 * remove lenenc length and binary value. They are carried out one after the other. Only the
 * containers on the paths are taken apart; the rest is printed as it stands in the document. Page:
 * MySQL source documentation, class Json_diff. */
#ifndef SRC_MYSQL_JSON_PATCH_H
#define SRC_MYSQL_JSON_PATCH_H

#include "core/arena.h"
#include "producers/mysql/json_binary.h"

/* Appends the text to out; what grows on the way lies in ar. Bytes that are not UTF-8: as
 * src_mysql_json_text. FATAL: malformed, a diff that does not fit the document, or too large. */
cdc_rc src_mysql_json_patch(cdc_cursor document, cdc_cursor diffs, cdc_arena *ar, cdc_buffer *out,
                            uint64_t *bad, cdc_error *err) CDC_MUST_CHECK;

#endif

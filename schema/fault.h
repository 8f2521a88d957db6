/* What can be wrong with an event that is to become a message, whatever the format: errors that
 * name the table, the column and what mends it. */
#ifndef CDC_FAULT_H
#define CDC_FAULT_H

#include "core/plugin.h"

cdc_rc cdc_fault_memory(const cdc_table *tbl, cdc_error *err);
cdc_rc cdc_fault_ddl_memory(const cdc_event *ev, cdc_error *err);
cdc_rc cdc_fault_commands_memory(const cdc_event *events, uint32_t n, cdc_error *err);
/* fault: what the source gave; NULL: no memory. */
cdc_rc cdc_fault_value(const cdc_table *tbl, const cdc_column *col, const char *fault,
                       cdc_error *err);
cdc_rc cdc_fault_absent(const cdc_table *tbl, const cdc_column *col, cdc_error *err);
cdc_rc cdc_fault_key(const cdc_table *tbl, const cdc_column *col, cdc_error *err);
/* OK when a row event has the images that its kind needs. */
cdc_rc cdc_fault_images(const cdc_event *ev, cdc_error *err) CDC_MUST_CHECK;
cdc_rc cdc_fault_number(const char *field, const cdc_event *ev, cdc_error *err);
/* key: as text. value_len 0: not known, because the buffer ended before the message. */
cdc_rc cdc_fault_size(uint64_t max_bytes, const cdc_event *ev, cdc_bytes key, size_t value_len,
                      cdc_error *err);

#endif

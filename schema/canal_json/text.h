/* What policies hash, in every format: the text of a single value as a message has it, without
 * JSON's escapes, and the record key of canal-json. One thread. */
#ifndef CDC_CANAL_TEXT_H
#define CDC_CANAL_TEXT_H

#include "core/plugin.h"

typedef struct cdc_canal_text cdc_canal_text;

cdc_rc cdc_canal_text_new(cdc_canal_text **out, const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;
void cdc_canal_text_free(cdc_canal_text *ct); /* NULL is fine */

/* Appends it; v is neither NULL nor absent. FATAL: the value cannot be written. */
cdc_rc cdc_canal_text_add(cdc_canal_text *ct, const cdc_column *col, const cdc_value *v,
                          cdc_buffer *out, cdc_error *err) CDC_MUST_CHECK;

/* Appends the record key of a row. FATAL: a value cannot be written, or is not there. */
cdc_rc cdc_canal_text_key(cdc_canal_text *ct, const cdc_event *ev, cdc_buffer *out,
                          cdc_error *err) CDC_MUST_CHECK;

#endif

/* The filter: what is published of the events that the source gives, by the rules of
 * objects.operations and objects.tables (core/rules.h).
 *
 * operations speaks of what happened at the source, before where is looked at; an UPDATE beside the
 * full copy counts as the INSERT of its row where only inserts are taken. An UPDATE whose old
 * row fulfils where and whose new row does not becomes a DELETE, the other way round an INSERT. An
 * event of a table with columns left out has a table of its own without them; an UPDATE that has
 * changed none of the others is dropped. DDL knows only operations. One thread: the publisher's. */
#ifndef CDC_FILTER_H
#define CDC_FILTER_H

#include "core/plugin.h"

typedef struct cdc_filter cdc_filter;

cdc_rc cdc_filter_new(cdc_filter **out, const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;
void cdc_filter_free(cdc_filter *flt);

/* Can it drop anything? If not, whether a record is the last of its transaction is told by the next
 * event alone. */
bool cdc_filter_active(const cdc_filter *flt);

/* ev, a row or DDL, is changed into what is to be published; its table and values then stand until
 * the next call. *taken false: nothing is. FATAL: a rule does not fit the table (code "where" or
 * "columns"), err names both and the cure. */
cdc_rc cdc_filter_event(cdc_filter *flt, cdc_event *ev, bool *taken, cdc_error *err) CDC_MUST_CHECK;

#endif

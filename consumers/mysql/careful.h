/* Careful mode: each row is a statement of its own, executed before apply returns. The conflict
 * rules are carried out here to the letter, and an error names table and key. */
#ifndef SINK_MYSQL_CAREFUL_H
#define SINK_MYSQL_CAREFUL_H

#include "core/event.h"

struct sink_mysql_handle;

cdc_rc sink_mysql_careful_event(struct sink_mysql_handle *sm, const cdc_event *ev,
                                cdc_error *err) CDC_MUST_CHECK;

#endif

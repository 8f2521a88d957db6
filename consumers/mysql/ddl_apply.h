/* One definition change at the target: the statement itself is executed by ddl.h; here is what
 * stands around it: that it is done once (ddl_intent.h), and what is done when it is refused
 * (target.on_ddl_error). The applier's thread. */
#ifndef SINK_MYSQL_DDL_APPLY_H
#define SINK_MYSQL_DDL_APPLY_H

#include "core/event.h"

struct sink_mysql_handle;

/* Carries out the statement of these messages (cdc_sink.ddl); at: the first of their offsets. The
 * caller commits the offsets, with what this has put into the packet, and calls
 * sink_mysql_ddl_applied. */
cdc_rc sink_mysql_ddl_apply(struct sink_mysql_handle *sm, const cdc_event *const *events,
                            uint32_t n, const cdc_offset *at, cdc_error *err) CDC_MUST_CHECK;
cdc_rc sink_mysql_ddl_applied(struct sink_mysql_handle *sm, const cdc_event *ev,
                              cdc_error *err) CDC_MUST_CHECK;

#endif

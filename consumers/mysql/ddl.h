/* Definition changes at the target.
 *
 * Tables, indexes, databases and, where the target is MariaDB, sequences: rewritten (rewrite.h) and
 * executed. Views, triggers, routines and events are made in the phase schema (object.h); of the
 * log they are not: they are logged and counted.
 *
 * In phase SNAPSHOT (the phase schema, and changes that the full copy may have seen already) what
 * is there already, or gone already, is no error. */
#ifndef SINK_MYSQL_DDL_H
#define SINK_MYSQL_DDL_H

#include "conn.h"
#include "core/event.h"

struct sink_mysql_handle;

/* Executes one statement (ddl_apply.h has what stands around it: skipping, position). events: its
 * messages, as cdc_sink.ddl has them. No target transaction is open; nothing is committed but by
 * the server itself. FATAL: refused; err names the statement's head and the target's object. */
cdc_rc sink_mysql_ddl_execute(struct sink_mysql_handle *sm, const cdc_event *const *events,
                              uint32_t n, cdc_error *err) CDC_MUST_CHECK;

#endif

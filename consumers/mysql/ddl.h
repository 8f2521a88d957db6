/* Definition changes at the target.
 *
 * Replayed is what the phase schema sends: CREATE TABLE and CREATE DATABASE of phase SNAPSHOT,
 * where the object is missing, with what this target does not know put into its own words
 * (collations). Everything else is refused. */
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

/* Splits "CREATE TABLE [IF NOT EXISTS] name rest" or "CREATE DATABASE ...": gives what stands
 * behind the name. False: it is no such statement. */
bool sink_mysql_split_create(const char *sql, size_t len, const char *kind, const char **rest,
                             size_t *rest_len);

/* The collation that stands in for `name` at the other kind of server, or NULL. */
const char *sink_mysql_other_collation(const char *name, size_t len);

/* The next word of sql from *at on that could be a collation's name ("utf8mb4_0900_ai_ci"): its
 * length, 0 at the end. *at is moved to it; quoted text is passed over. */
size_t sink_mysql_next_collation(const char *sql, size_t len, size_t *at);

#endif

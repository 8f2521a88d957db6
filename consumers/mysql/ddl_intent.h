/* Definition changes exactly once, at a server that commits them by itself
 * (docs/adr/0018-intents-for-ddl.md).
 *
 *   sluice.ddl   task, topic, part -> next_offset, the statement's hash, and the hash of what the
 *                objects looked like before it
 *
 * The row is committed before the statement is executed, and goes in the transaction that moves the
 * offset. Who finds it there compares: the objects look different, so the statement was carried
 * out and only the offset is missing; or the same, and it is executed (again). Statements of which
 * that says nothing are executed again where that does no harm.
 *
 * A lock of the server (GET_LOCK), held from before the look until the offset has moved, makes a
 * successor wait for a statement that the server still executes for a connection which is gone. The
 * applier's thread. */
#ifndef SINK_MYSQL_DDL_INTENT_H
#define SINK_MYSQL_DDL_INTENT_H

#include "core/buffer.h"
#include "core/event.h"

struct sink_mysql_handle;

#define SINK_MYSQL_CREATE_INTENTS                                                                  \
    "CREATE TABLE IF NOT EXISTS sluice.ddl ("                                                      \
    "task VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"                             \
    "topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"                           \
    "part INT NOT NULL,"                                                                           \
    "next_offset BIGINT NOT NULL,"                                                                 \
    "epoch BIGINT UNSIGNED NOT NULL,"                                                              \
    "statement_hash CHAR(64) CHARACTER SET ascii NOT NULL,"                                        \
    "before_hash CHAR(64) CHARACTER SET ascii NOT NULL,"                                           \
    "statement VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,"                                       \
    "begun_at DATETIME(3) NOT NULL,"                                                               \
    "PRIMARY KEY (task, topic, part)) ENGINE=InnoDB"

/* The name of the lock, in parentheses that are not closed: a further argument may follow. */
void sink_mysql_add_ddl_lock(cdc_buffer *sql, const struct sink_mysql_handle *sm);

/* Takes the lock, and writes and commits the intent. *done: an earlier attempt has carried the
 * statement out already. RETRY "ddl_running": it still is. FATAL "ddl_unknown": whether it was
 * cannot be told, and doing it twice would do harm. */
cdc_rc sink_mysql_intent_begin(struct sink_mysql_handle *sm, const cdc_event *const *events,
                               uint32_t n, const cdc_offset *at, bool *done,
                               cdc_error *err) CDC_MUST_CHECK;
/* The server has refused the statement: forgets the intent, and unlocks. Leaves err as it is. */
void sink_mysql_intent_forget(struct sink_mysql_handle *sm, const cdc_offset *at);
/* Puts the end of the intent into the packet, to be committed with the offset. */
cdc_rc sink_mysql_intent_end(struct sink_mysql_handle *sm, const cdc_offset *at,
                             cdc_error *err) CDC_MUST_CHECK;
/* After that commit. */
cdc_rc sink_mysql_intent_unlock(struct sink_mysql_handle *sm, cdc_error *err) CDC_MUST_CHECK;

#endif

/* src_mysql_copy: the full copy while the stream is read: polls both, and merges what comes of them
 * (docs/adr/0015-full-copy-by-watermarks.md).
 *
 * Its threads read ranges of the tables (copy_worker.h); the plan (copy_plan.h) says which of their
 * rows may be handed over where in the stream. Each batch of rows is a transaction
 * "full:db.table:N" behind which a restart goes on; a table without a usable primary key is one
 * transaction of several batches. One thread polls. */
#ifndef SRC_MYSQL_FULL_COPY_H
#define SRC_MYSQL_FULL_COPY_H

#include "core/plugin.h"
#include "position.h"
#include "server_checks.h"
#include "stream.h"
#include "value.h"

typedef struct src_mysql_copy src_mysql_copy;

typedef struct src_mysql_copy_start {
    const cdc_env *env;
    const src_mysql_server *server;
    src_mysql_connection *conn; /* borrowed for the call: lists the tables */
    src_mysql_decode *dec;      /* the stream's: counts bad text */
    const src_mysql_position *from;
} src_mysql_copy_start;

/* Lists the tables. */
cdc_rc src_mysql_copy_open(src_mysql_copy **out, const src_mysql_copy_start *start,
                           cdc_error *err) CDC_MUST_CHECK;
/* From now on the stream's tokens have the copy's progress. The stream is borrowed; close comes
 * before its end. */
void src_mysql_copy_attach(src_mysql_copy *copy, src_mysql_stream *stream);
/* Shows the copy what came from the stream while the copy does not run yet: sets phases, drops what
 * the copy will have. */
cdc_rc src_mysql_copy_stream(src_mysql_copy *copy, cdc_batch *batch, cdc_error *err) CDC_MUST_CHECK;
/* Starts the threads, on the server "host:port" that the stream comes from. */
cdc_rc src_mysql_copy_run(src_mysql_copy *copy, const char *server, cdc_error *err) CDC_MUST_CHECK;
/* As cdc_source.poll. EOF: all was handed over; the batch before had full_done, and the stream goes
 * on alone from where it stands. */
cdc_rc src_mysql_copy_poll(src_mysql_copy *copy, cdc_batch *batch, int timeout_ms,
                           cdc_error *err) CDC_MUST_CHECK;
void src_mysql_copy_close(src_mysql_copy *copy); /* NULL is fine */

#endif

/* src_mysql_reader: one range of a table by one connection: where it ends, and its rows out of a
 * short snapshot between two watermarks. One thread. */
#ifndef SRC_MYSQL_COPY_RANGE_H
#define SRC_MYSQL_COPY_RANGE_H

#include "copy_plan.h"
#include "core/plugin.h"
#include "server_checks.h"
#include "value.h"

#define SRC_MYSQL_KEY_PARTS_MAX 64 /* the servers allow 16 and 32 */

typedef struct src_mysql_reader {
    const cdc_env *env;
    const src_mysql_server *server;
    const char *only; /* "host:port" */
    src_mysql_copy_plan *plan;
    const _Atomic bool *stop;
    src_mysql_connection conn; /* opened and closed by the owner */
    src_mysql_log_pos floor;   /* the log's end when the connection was opened */
    src_mysql_decode dec;
    MYSQL_RES *res;
    cdc_buffer sql, gtids, seen; /* seen: set that is known to be executed */
    src_mysql_piece *piece;      /* being filled */
    cdc_buffer key_cells;        /* texts of its last row's key, one behind the other */
    unsigned long key_lengths[SRC_MYSQL_KEY_PARTS_MAX];
    bool opened;          /* a whole range is being handed over */
    unsigned whole_tries; /* snapshots of a whole range that were changed in between */
} src_mysql_reader;

void src_mysql_reader_init(src_mysql_reader *rd, const cdc_env *env, const src_mysql_server *server,
                           const char *only, src_mysql_copy_plan *plan, const _Atomic bool *stop);
void src_mysql_reader_fini(src_mysql_reader *rd); /* the connection is closed already */

/* Begins a transaction in which no definition change of the table can come until ROLLBACK, so that
 * what is read of its definition fits together. SKIP: the table is gone. */
cdc_rc src_mysql_reader_lock(src_mysql_reader *rd, const src_mysql_work *work,
                             cdc_error *err) CDC_MUST_CHECK;
/* Finds the key at which a range of work->rows rows ends; nothing appended: the table ends before.
 * SKIP: the table is gone. */
cdc_rc src_mysql_reader_cut(src_mysql_reader *rd, const src_mysql_work *work, cdc_buffer *to,
                            cdc_error *err) CDC_MUST_CHECK;
/* Registers and reads the range, and pushes its rows. OK with *gone: there is no such table.
 * SKIP, EOF: as the plan's calls. RETRY: connection lost, or the definition is just being changed.
 */
cdc_rc src_mysql_reader_range(src_mysql_reader *rd, const src_mysql_work *work, bool *gone,
                              cdc_error *err) CDC_MUST_CHECK;
/* Forgets result and piece of a connection that is about to be closed. */
void src_mysql_reader_reset(src_mysql_reader *rd);

#endif

/* src_mysql_copy: the full copy: definitions and rows of all selected tables, and where the stream
 * starts then.
 *
 * One connection of its own holds one consistent snapshot and reads table after table in the order
 * of the primary key, unbuffered. Every 5000 rows are a transaction "full:db.table:N" behind which
 * a restart goes on; a table without a primary key is one transaction, and starts over.
 * docs/adr/0003-full-copy-position.md says why what the snapshot and the stream both hold comes out
 * right. One thread. */
#ifndef SRC_MYSQL_FULL_COPY_H
#define SRC_MYSQL_FULL_COPY_H

#include "core/plugin.h"
#include "position.h"
#include "server_checks.h"
#include "value.h"

typedef struct src_mysql_copy src_mysql_copy;

typedef struct src_mysql_copy_start {
    const cdc_env *env;
    const src_mysql_server *server;
    src_mysql_decode *dec;
    const char *only; /* "host:port" of the server */
    const src_mysql_position
        *from; /* position of a token to go on behind; NULL: from the beginning */
} src_mysql_copy_start;

cdc_rc src_mysql_copy_open(src_mysql_copy **out, const src_mysql_copy_start *start,
                           cdc_error *err) CDC_MUST_CHECK;
/* As cdc_source.poll. EOF: all was handed over; the last batch had full_done. */
cdc_rc src_mysql_copy_poll(src_mysql_copy *copy, cdc_batch *batch, int timeout_ms,
                           cdc_error *err) CDC_MUST_CHECK;
/* At EOF: where the stream starts, and until where the copy may hold its changes. Borrowed. */
const src_mysql_position *src_mysql_copy_position(const src_mysql_copy *copy);
void src_mysql_copy_close(src_mysql_copy *copy); /* NULL is fine */

#endif

/* src_mysql_dump: asks a server for its binlog from a position on, and explains its refusals. */
#ifndef SRC_MYSQL_DUMP_H
#define SRC_MYSQL_DUMP_H

#include "connection.h"
#include "gtid_set.h"
#include "position.h"
#include "raw_stream.h"

#define SRC_MYSQL_HEARTBEAT_MS 500

/* executed: start behind these transactions, wherever they stand in this server's log; NULL: start
 * at the position at. The connection serves nothing else from then on. */
cdc_rc src_mysql_dump_open(src_mysql_raw_stream **out, src_mysql_connection *conn,
                           uint32_t server_id, const src_mysql_gtid_set *executed,
                           const src_mysql_log_pos *at, cdc_error *err) CDC_MUST_CHECK;

/* What a failed fetch means; at: the last position that was read. Returns err's code. */
cdc_rc src_mysql_dump_error(src_mysql_connection *conn, cdc_rc fetched, const src_mysql_log_pos *at,
                            cdc_error *err);

#endif

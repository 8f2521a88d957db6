/* src_mysql_failover: which server of source.hosts the capture reads, and whether it can go on
 * there (docs/adr/0026-failover-of-the-source.md).
 *
 * The servers are tried in the order of source.hosts; the first that can be reached, can be
 * captured, and holds the goal is taken. It holds the goal when it has executed all that was
 * captured, and its log still has all that comes behind. Without GTIDs only the server that the
 * position counts on does. One thread. */
#ifndef SRC_MYSQL_FAILOVER_H
#define SRC_MYSQL_FAILOVER_H

#include "connection.h"
#include "position.h"
#include "server_checks.h"

/* Where the capture stopped. Borrowed. */
typedef struct src_mysql_goal {
    const src_mysql_position *pos; /* NULL: nowhere yet, any server will do */
    const char *txn; /* a transaction behind pos that was sent in part: its GTID; "" = none */
} src_mysql_goal;

/* Connects and checks. A server that is a little behind, or the only fit one being away, is waited
 * for, up to a quarter of a minute. RETRY: none can be reached. FATAL with exit 3: some can, and
 * none will do; err says of one why, naming the transactions, and what to do. */
cdc_rc src_mysql_failover_connect(src_mysql_connection *conn, src_mysql_server *server,
                                  const cdc_config *cfg, const src_mysql_goal *goal,
                                  cdc_error *err) CDC_MUST_CHECK;
/* The same for a connection that is there: is it fit for the goal? */
cdc_rc src_mysql_failover_check(src_mysql_connection *conn, const src_mysql_server *server,
                                const src_mysql_goal *goal, cdc_error *err) CDC_MUST_CHECK;

/* GTIDs to start behind so that the server sends txn first, wherever it stands in its log; appended
 * to out. executed: what was captured, as text. */
cdc_rc src_mysql_failover_all_but(src_mysql_connection *conn, const char *executed, const char *txn,
                                  cdc_buffer *out, cdc_error *err) CDC_MUST_CHECK;

/* MariaDB: appends the GTIDs of `wanted` ("0-1-5,1-2-7") that `state` (the last GTID of each server
 * in each domain) does not reach. */
void src_mysql_failover_not_reached(const char *wanted, const char *state, cdc_buffer *out);
/* MariaDB: appends the GTIDs of `purged` (the last of each domain) that stand behind those of
 * `executed`, as "behind 0-1-5 up to 0-1-9". */
void src_mysql_failover_purged(const char *executed, const char *purged, cdc_buffer *out);

#endif

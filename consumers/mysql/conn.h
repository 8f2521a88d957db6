/* One connection to the target server: connecting, the session's settings, statements, and what an
 * error number of the server means for the caller. The applier's thread. */
#ifndef SINK_MYSQL_CONN_H
#define SINK_MYSQL_CONN_H

#include <mysql.h>

#include "core/plugin.h"
#include "watch.h"

typedef struct sink_mysql_conn {
    MYSQL *my; /* NULL: not connected */
    sink_mysql_watch *watch;
    const cdc_env *env;
    char where[512]; /* "user@host:port", for messages */
    char host[256];
    unsigned port;
    bool maria;        /* MariaDB, else MySQL */
    bool row_alias;    /* INSERT ... VALUES ... AS new ON DUPLICATE KEY UPDATE is known (MySQL
                          from 8.0.19) */
    size_t max_packet; /* the server's max_allowed_packet */
} sink_mysql_conn;

/* Connects to one entry of target.hosts and sets the session up. FATAL with exit 3: the account or
 * the server is not fit. RETRY: not reachable now. */
cdc_rc sink_mysql_connect(sink_mysql_conn *conn, const cdc_env *env, size_t host,
                          cdc_error *err) CDC_MUST_CHECK;
/* Set in our sessions: triggers that the phase schema makes look at it (object.h). */
#define SINK_MYSQL_APPLIER_VARIABLE "@sluice_applier"

/* The server's own sql_mode and time zone, under which people's routines and events are made, or
 * (false) ours again. */
cdc_rc sink_mysql_servers_mode(sink_mysql_conn *conn, bool servers, cdc_error *err) CDC_MUST_CHECK;
/* Any state; sends a goodbye without waiting for an answer. */
void sink_mysql_disconnect(sink_mysql_conn *conn);

/* The library's calls that may wait for the server, under the watch. False, > 0, NULL: see
 * mysql_errno. */
bool sink_mysql_send(sink_mysql_conn *conn, const char *sql, size_t len); /* mysql_real_query */
int sink_mysql_next(sink_mysql_conn *conn);                               /* mysql_next_result */
MYSQL_RES *sink_mysql_store(sink_mysql_conn *conn);                       /* mysql_store_result */

/* Runs statements whose results do not matter. `doing` stands in the message: "create table
 * sluice.applied". */
cdc_rc sink_mysql_exec(sink_mysql_conn *conn, const char *doing, const char *sql, size_t len,
                       cdc_error *err) CDC_MUST_CHECK;
/* Runs one query and gives its result; free it. */
cdc_rc sink_mysql_query(sink_mysql_conn *conn, const char *doing, const char *sql, size_t len,
                        MYSQL_RES **out, cdc_error *err) CDC_MUST_CHECK;
/* Strict mode off: what the column cannot hold is written as the server likes, with a warning, as
 * the source's server did with an ENUM's invalid value. Switch it on again before anything else. */
cdc_rc sink_mysql_strict(sink_mysql_conn *conn, bool on, cdc_error *err) CDC_MUST_CHECK;
/* Undoes the open transaction within a second, or else drops the connection (the server undoes it
 * then). */
void sink_mysql_undo(sink_mysql_conn *conn);

/* Sets err from the connection's last error: RETRY for what passes by itself (connection lost,
 * deadlock, lock wait, server stopping or read-only), else FATAL with the code "mysql_<number>". */
cdc_rc sink_mysql_fail(sink_mysql_conn *conn, const char *doing, cdc_error *err);
/* Does this error of the server pass by itself? */
bool sink_mysql_is_passing(unsigned number);

#endif

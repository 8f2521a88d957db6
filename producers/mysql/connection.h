/* src_mysql_connection: a client connection to the source server, and what its errors mean.
 *
 * TLS as source.tls.mode says: off, required (encrypted, not verified), verify-ca,
 * verify-identity. Which server of source.hosts is taken: failover.h. One thread. */
#ifndef SRC_MYSQL_CONNECTION_H
#define SRC_MYSQL_CONNECTION_H

#include <mysql.h>
#include <stdbool.h>

#include "core/buffer.h"
#include "core/config.h"
#include "core/error.h"

typedef struct src_mysql_connection {
    MYSQL *mysql;      /* NULL: closed */
    char name[300];    /* "host:port", for messages */
    const char *user;  /* borrowed from the configuration */
    char account[300]; /* 'user'@'host' as GRANT takes it: the account that the server chose */
    bool is_mariadb;
    unsigned version; /* 90704 for 9.7.4 */
} src_mysql_connection;

/* host: "host:port" of source.hosts. read_timeout_s: how long one read may wait. RETRY: not
 * reachable; FATAL with exit 3: refused (password, TLS, host not allowed). */
cdc_rc src_mysql_connect(src_mysql_connection *conn, const cdc_config *cfg, const char *host,
                         unsigned read_timeout_s, cdc_error *err) CDC_MUST_CHECK;
/* Drops the connection at once, without waiting for the server. Closed is fine. */
void src_mysql_disconnect(src_mysql_connection *conn);

/* Ends both directions of the connection, so that nothing waits for an unfinished result;
 * disconnect follows. */
void src_mysql_connection_abandon(src_mysql_connection *conn);

/* A statement without a result. */
cdc_rc src_mysql_execute(src_mysql_connection *conn, const char *sql,
                         cdc_error *err) CDC_MUST_CHECK;
/* A statement with a result, which is read whole; the caller frees it with mysql_free_result. */
cdc_rc src_mysql_select(src_mysql_connection *conn, const char *sql, MYSQL_RES **res,
                        cdc_error *err) CDC_MUST_CHECK;
/* The first column of the first row, "" if there is none or it is NULL. Appended to out. */
cdc_rc src_mysql_select_text(src_mysql_connection *conn, const char *sql, cdc_buffer *out,
                             cdc_error *err) CDC_MUST_CHECK;

/* Sets err from the connection's last error: RETRY for what passes by itself (connection lost,
 * server shutting down, deadlock), FATAL otherwise. what: "cannot read the binlog". */
cdc_rc src_mysql_connection_error(src_mysql_connection *conn, const char *what, cdc_error *err);

#endif

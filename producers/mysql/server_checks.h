/* src_mysql_server: what a source server is, and whether it can be captured.
 *
 * Every refusal is one line that names the server, the variable or privilege, and the statement
 * that mends it (exit code 3). One thread. */
#ifndef SRC_MYSQL_SERVER_CHECKS_H
#define SRC_MYSQL_SERVER_CHECKS_H

#include "connection.h"
#include "core/checklist.h"
#include "core/selection.h"
#include "core/task.h"
#include "position.h"
#include "schema/mysql_sql/grants.h"

typedef struct src_mysql_server {
    bool is_mariadb;
    bool has_gtids; /* MySQL: gtid_mode=ON; MariaDB: always */
    uint32_t server_id;
    char version[128];
    char identity[64]; /* server_uuid; MariaDB: "server-ID". File and position count on this server
                          only */
} src_mysql_server;

/* Fills in server, and adds to the list what capture cannot be without: version, binary log on,
 * ROW, FULL image and metadata, REPLICATION SLAVE and REPLICATION CLIENT. RETRY: connection lost.
 */
cdc_rc src_mysql_server_inspect(src_mysql_connection *conn, src_mysql_server *server,
                                cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;
/* What a full copy needs beside that: GTIDs on MySQL, and SELECT on what the patterns of
 * objects.include name. */
cdc_rc src_mysql_server_inspect_copy(src_mysql_connection *conn, src_mysql_server *server,
                                     const cdc_config *cfg, cdc_checklist *list,
                                     cdc_error *err) CDC_MUST_CHECK;
/* Both, as the task's phases need it, and what is good to know before a start: retention,
 * replication, filters, clock. */
cdc_rc src_mysql_server_inspect_wholly(src_mysql_connection *conn, src_mysql_server *server,
                                       const cdc_task *task, cdc_checklist *list,
                                       cdc_error *err) CDC_MUST_CHECK;

/* The first two for a start: FATAL with exit 3 and the check's name as code, warnings are logged.
 */
cdc_rc src_mysql_server_check(src_mysql_connection *conn, src_mysql_server *server,
                              cdc_error *err) CDC_MUST_CHECK;
cdc_rc src_mysql_server_check_copy(src_mysql_connection *conn, src_mysql_server *server,
                                   const cdc_config *cfg, cdc_error *err) CDC_MUST_CHECK;

/* The account's privileges, its active roles' too. */
cdc_rc src_mysql_server_grants(src_mysql_connection *conn, cdc_grants *grants,
                               cdc_error *err) CDC_MUST_CHECK;

/* The end of the binary log now. */
cdc_rc src_mysql_server_log_end(src_mysql_connection *conn, const src_mysql_server *server,
                                src_mysql_log_pos *end, cdc_error *err) CDC_MUST_CHECK;
/* The transactions executed (MariaDB: logged) so far, as text appended to out. */
cdc_rc src_mysql_server_executed(src_mysql_connection *conn, const src_mysql_server *server,
                                 cdc_buffer *out, cdc_error *err) CDC_MUST_CHECK;
/* Is the log at that file still there? FATAL with exit 3 if not. */
cdc_rc src_mysql_server_check_file(src_mysql_connection *conn, const src_mysql_log_pos *at,
                                   cdc_error *err) CDC_MUST_CHECK;
/* Are all transactions outside of the set still in the log (MySQL)? FATAL with exit 3 if not. */
cdc_rc src_mysql_server_check_purged(src_mysql_connection *conn, const src_mysql_server *server,
                                     const char *executed, cdc_error *err) CDC_MUST_CHECK;

/* Our id among the server's replicas: wish, or if that is 0 a random one from 2^31 up that no
 * replica uses. */
cdc_rc src_mysql_server_choose_id(src_mysql_connection *conn, const src_mysql_server *server,
                                  uint32_t wish, uint32_t *id, cdc_error *err) CDC_MUST_CHECK;

#endif

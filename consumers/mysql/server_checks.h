/* Whether a target server is fit: its settings and the account's privileges. The applier's thread.
 */
#ifndef SINK_MYSQL_SERVER_CHECKS_H
#define SINK_MYSQL_SERVER_CHECKS_H

#include "conn.h"
#include "core/checklist.h"
#include "schema/mysql_sql/grants.h"

/* 'user'@'host' as GRANT takes it: the account that the server chose. */
void sink_mysql_account(sink_mysql_conn *conn, char *out, size_t size);

/* The account's privileges, its active roles' too. */
cdc_rc sink_mysql_read_grants(sink_mysql_conn *conn, cdc_grants *grants,
                              cdc_error *err) CDC_MUST_CHECK;
/* What the account lacks to keep offsets in database sluice: a FAIL with the GRANT. */
void sink_mysql_check_own_grants(sink_mysql_conn *conn, const cdc_grants *grants,
                                 cdc_checklist *list);
/* ...and to write rows and definitions in another database. */
void sink_mysql_check_database_grants(sink_mysql_conn *conn, const cdc_grants *grants,
                                      const char *database, cdc_checklist *list);

/* ...and to make the objects that the phase schema is to carry (the catalog's kinds), in one of its
 * databases: target_objects. */
void sink_mysql_check_object_grants(sink_mysql_conn *conn, const cdc_grants *grants,
                                    const char *database, cdc_checklist *list);
/* Would the server take functions and triggers of this account? A FAIL of target_objects if not. */
cdc_rc sink_mysql_check_creators(sink_mysql_conn *conn, const cdc_grants *grants,
                                 cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

/* Encryption, version, read-only, packet size, clock; the list's catalog says what the source has.
 */
cdc_rc sink_mysql_inspect_server(sink_mysql_conn *conn, const cdc_env *env, cdc_checklist *list,
                                 cdc_error *err) CDC_MUST_CHECK;

#endif

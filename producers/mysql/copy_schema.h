/* src_mysql_copy_schema: the phase `schema`: what makes the selected databases and tables, as the
 * server prints it, before any row. One database and its tables are one transaction
 * "schema:database", behind which a restart goes on; what is no table comes as "schema:".
 * One thread. */
#ifndef SRC_MYSQL_COPY_SCHEMA_H
#define SRC_MYSQL_COPY_SCHEMA_H

#include "core/plugin.h"
#include "position.h"
#include "server_checks.h"

typedef struct src_mysql_copy_schema src_mysql_copy_schema;

/* from: where the stream starts later on, and in stage SCHEMA the last database that was sent; its
 * strings are borrowed. conn is borrowed. */
cdc_rc src_mysql_copy_schema_open(src_mysql_copy_schema **out, const cdc_env *env,
                                  const src_mysql_server *server, src_mysql_connection *conn,
                                  const src_mysql_position *from, cdc_error *err) CDC_MUST_CHECK;
/* Fills the batch with the definitions of one database, at last with those of views, routines,
 * triggers and events (schema.objects). EOF: all were sent. */
cdc_rc src_mysql_copy_schema_poll(src_mysql_copy_schema *schema, cdc_batch *batch,
                                  cdc_error *err) CDC_MUST_CHECK;
void src_mysql_copy_schema_close(src_mysql_copy_schema *schema); /* NULL is fine */

#endif

/* A precheck of what stands around the tables of a source: objects that the phase schema is to
 * carry (schema.objects) and foreign keys that act without a word in the log. One thread. */
#ifndef SRC_MYSQL_OBJECTS_CHECK_H
#define SRC_MYSQL_OBJECTS_CHECK_H

#include "connection.h"
#include "core/checklist.h"
#include "core/plugin.h"

/* Adds source_objects: may the account see the texts of what schema.objects names? Fills in kinds
 * of the list's catalog. RETRY: connection lost. */
cdc_rc src_mysql_check_objects(src_mysql_connection *conn, const cdc_env *env, cdc_checklist *list,
                               cdc_error *err) CDC_MUST_CHECK;
/* Adds source_cascades: of two tables that a cascade joins, are both taken or none? */
cdc_rc src_mysql_check_cascades(src_mysql_connection *conn, const cdc_env *env, cdc_checklist *list,
                                cdc_error *err) CDC_MUST_CHECK;

#endif

/* What a target already has of the tables that the task will fill: definitions, rows, foreign keys,
 * triggers; against the list's catalog. The definitions are read and judged by the code that the
 * applier itself uses (target.h). */
#ifndef SINK_MYSQL_OBJECTS_CHECK_H
#define SINK_MYSQL_OBJECTS_CHECK_H

#include "conn.h"
#include "core/checklist.h"
#include "core/rename.h"

cdc_rc sink_mysql_check_objects(sink_mysql_conn *conn, const cdc_env *env, const cdc_rename *rename,
                                cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

#endif

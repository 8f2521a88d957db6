/* The MySQL target's part of a precheck: its servers, and what is there already of the tables that
 * the task will fill. */
#ifndef SINK_MYSQL_PRECHECK_H
#define SINK_MYSQL_PRECHECK_H

#include "core/plugin.h"

cdc_rc sink_mysql_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

#endif

/* The MySQL source's part of a precheck: its servers, and the tables that the task takes. */
#ifndef SRC_MYSQL_PRECHECK_H
#define SRC_MYSQL_PRECHECK_H

#include "core/plugin.h"

cdc_rc src_mysql_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

#endif

/* Everything that can be known of a Redis source before a start; see cdc_source.precheck. */
#ifndef SRC_REDIS_PRECHECK_H
#define SRC_REDIS_PRECHECK_H

#include "core/plugin.h"

cdc_rc src_redis_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

#endif

/* The Redis sink's part of a precheck: its servers, and whether the source's data fits there. */
#ifndef SINK_REDIS_PRECHECK_H
#define SINK_REDIS_PRECHECK_H

#include "core/plugin.h"

cdc_rc sink_redis_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

#endif

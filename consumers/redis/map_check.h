/* Whether target.map fits the tables that the task captures: their columns, primary keys and
 * databases. */
#ifndef SINK_REDIS_MAP_CHECK_H
#define SINK_REDIS_MAP_CHECK_H

#include "core/key_map.h"
#include "core/plugin.h"

/* Only what the map says and the list's catalog tells; asks no server. */
void sink_redis_check_map(const cdc_env *env, const cdc_key_map *map, cdc_checklist *list);

#endif

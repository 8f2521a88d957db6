/* Whether the keys of the source find room and no others in their place at a server of the target:
 * databases, memory, existing keys. */
#ifndef SINK_REDIS_DATA_CHECK_H
#define SINK_REDIS_DATA_CHECK_H

#include "server_checks.h"

/* share: of the source's data that comes to this server, 1.0 for all. Not OK: connection lost. */
cdc_rc sink_redis_check_data(const sink_redis_inspection *in, double share,
                             cdc_error *err) CDC_MUST_CHECK;

#endif

/* The full copy's marks in the stream: CDC_COMMAND_FULLSYNC BEGIN [slots] and END [slots]. The
 * applier's thread. */
#ifndef SINK_REDIS_FULLSYNC_H
#define SINK_REDIS_FULLSYNC_H

#include "handle.h"

/* BEGIN drops what the target has of what the task takes (databases, prefixes, slots), page by page
 * in transactions of its own, and comes back with none open; our own keys stay. The first one of a
 * partition goes by target.conflict: report is FATAL at the first key that is there, keep notes
 * them. Carried out twice it comes to the same. RETRY besides: a transaction is open. */
cdc_rc sink_redis_begin_copy(sink_redis_handle *sr, const cdc_event *ev,
                             cdc_error *err) CDC_MUST_CHECK;

/* The keys that an earlier process has noted. */
cdc_rc sink_redis_kept_load(sink_redis_handle *sr, cdc_error *err) CDC_MUST_CHECK;

#endif

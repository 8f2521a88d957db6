/* One command of the source: what becomes of it at the target. The applier's thread. */
#ifndef SINK_REDIS_COMMAND_H
#define SINK_REDIS_COMMAND_H

#include "handle.h"

/* Adds it to the open transaction: database numbers as target.databases says, expiries as held.h
 * does, FLUSHALL and SWAPDB so that our own keys stay. Left out and counted: commands of the full
 * copy for a key that target.conflict keeps. */
cdc_rc sink_redis_command(sink_redis_handle *sr, const cdc_event *ev,
                          cdc_error *err) CDC_MUST_CHECK;

#endif

/* The replay loop: Kafka -> codec -> sink, exactly once.
 *
 * Two threads. The reader consumes committed records and decodes them into batches; the applier
 * (the caller's thread) rebuilds source transactions from the cdc header and applies them, several
 * in one target transaction when more are waiting, never part of one. The offsets are written in
 * the same target transaction; at every start the target is asked where to go on.
 *
 * With one partition a target transaction ends only behind the last record of a source transaction.
 * With several the parts of a source transaction travel apart, so each record is a place where one
 * may end; the order of each partition is kept.
 *
 * A session is one life of consumer and sink; what may pass (broker or target away, deadlock) ends
 * it, and the next goes on behind the last committed offsets. An error of one row first leads to a
 * session in which rows go one by one and each source transaction by itself, so that all before the
 * culprit is applied and the error names it. */
#ifndef CDC_REPLAY_H
#define CDC_REPLAY_H

#include "core/plugin.h"

/* Returns OK when a stop was requested or (until_caught_up) all that Kafka held at the start is
 * applied. */
cdc_rc cdc_replay_run(const cdc_env *env, const cdc_sink *sink, const cdc_codec *codec,
                      bool until_caught_up, cdc_error *err) CDC_MUST_CHECK;

#endif

/* The capture loop: source -> codec -> Kafka, exactly once.
 *
 * Two threads. The reader polls the source into batches; the publisher (the caller's thread)
 * encodes, produces, and commits a Kafka transaction with the checkpoint in it. Between them a
 * queue bounded in bytes; when it is full the source is not read.
 *
 * A session is one life of producer and source. Whatever goes wrong in a way that may pass (broker
 * away, connection lost, our transaction timed out) ends the session; the next one reads the last
 * committed checkpoint and goes on there, within retry.connect_minutes. */
#ifndef CDC_CAPTURE_H
#define CDC_CAPTURE_H

#include "core/plugin.h"

/* Returns OK when a stop was requested or the work is complete (until_caught_up, or phases without
 * incremental). */
cdc_rc cdc_capture_run(const cdc_env *env, const cdc_source *source, const cdc_codec *codec,
                       bool until_caught_up, cdc_error *err) CDC_MUST_CHECK;

#endif

/* The DDL topic of a task, on its way into the sink: definition changes travel beside the rows, and
 * are applied between target transactions, each in one of its own with its offset. The applier's
 * thread. */
#ifndef CDC_DDL_FEED_H
#define CDC_DDL_FEED_H

#include "core/plugin.h"

typedef struct cdc_ddl_feed cdc_ddl_feed;

/* sink_handle must be open and outlive the feed. A topic that does not exist is no error: there is
 * no DDL yet. */
cdc_rc cdc_ddl_feed_new(cdc_ddl_feed **out, const cdc_env *env, const cdc_sink *sink,
                        void *sink_handle, const cdc_codec *codec, const char *topic,
                        cdc_error *err) CDC_MUST_CHECK;
void cdc_ddl_feed_free(cdc_ddl_feed *df);

/* Applies every DDL record committed so far. No target transaction may be open. */
cdc_rc cdc_ddl_feed_apply(cdc_ddl_feed *df, cdc_error *err) CDC_MUST_CHECK;
/* Records applied since the feed was made. */
uint64_t cdc_ddl_feed_count(const cdc_ddl_feed *df);

#endif

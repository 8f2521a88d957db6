/* The DDL topics, read ahead of the rows: definition changes wait here, in order and bounded, until
 * their place among the rows has come (order.h). One consumer for all of them; partition 0, where a
 * capture writes. The applier's thread. */
#ifndef CDC_DDL_FEED_H
#define CDC_DDL_FEED_H

#include "core/plugin.h"
#include "definition.h"
#include "topics/ends.h"

typedef struct cdc_ddl_feed cdc_ddl_feed;

/* ends is borrowed. */
cdc_rc cdc_ddl_feed_new(cdc_ddl_feed **out, const cdc_env *env, const cdc_codec *codec,
                        cdc_ends *ends, cdc_error *err) CDC_MUST_CHECK;
void cdc_ddl_feed_free(cdc_ddl_feed *df);

/* Adds a topic (borrowed), before the first read. It need not exist yet. next: where to go on,
 * CDC_OFFSET_EARLIEST or an offset. */
cdc_rc cdc_ddl_feed_add(cdc_ddl_feed *df, const char *topic, int64_t next,
                        cdc_error *err) CDC_MUST_CHECK;

/* Takes what has come, without waiting; only for the rest of a statement whose first message has.
 */
cdc_rc cdc_ddl_feed_read(cdc_ddl_feed *df, cdc_error *err) CDC_MUST_CHECK;
/* Waits until everything that was written before the call is here, as far as there is room. RETRY,
 * "ddl_hidden": a transaction stays open. */
cdc_rc cdc_ddl_feed_catch_up(cdc_ddl_feed *df, cdc_error *err) CDC_MUST_CHECK;

/* The oldest definition of each topic, when it is complete: in turn, NULL after the last. Those
 * that wait behind it hang on its next. */
cdc_definition *cdc_ddl_feed_head(const cdc_ddl_feed *df, size_t *turn);
/* def, a head, is applied: frees it. */
cdc_rc cdc_ddl_feed_pop(cdc_ddl_feed *df, cdc_definition *def, cdc_error *err) CDC_MUST_CHECK;

/* Is everything applied that was committed when the topics were added? */
bool cdc_ddl_feed_caught_up(const cdc_ddl_feed *df);
/* "a, b" for messages; of those that exist, or of those that do not. */
void cdc_ddl_feed_names(const cdc_ddl_feed *df, bool exist, char *out, size_t size);

#endif

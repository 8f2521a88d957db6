/* Topics of a task: names, creation, checks. */
#ifndef CDC_ADMIN_H
#define CDC_ADMIN_H

#include "core/plugin.h"

typedef struct cdc_topic_info {
    const char *name;
    int32_t partitions; /* 0: does not exist */
    int32_t wanted;     /* partitions that the task asks for */
    bool compacted;
} cdc_topic_info;

/* Makes sure that a topic exists, creating it with `partitions` and topics.replication_factor when
 * topics.create is true; FATAL ("topic_missing", exit 3) naming the topic and the command that
 * creates it when false. compacted: for the checkpoint topic (small segments, so that a start reads
 * little). Existing topics are never changed. Raises a too small max.message.bytes of a topic it
 * creates to message.max_bytes. */
cdc_rc cdc_admin_ensure(const cdc_env *env, const char *name, int32_t partitions, bool compacted,
                        cdc_error *err) CDC_MUST_CHECK;
/* Creates it whatever topics.create says (a human has asked for it); one that exists already is
 * fine. */
cdc_rc cdc_admin_create(const cdc_env *env, const char *name, int32_t partitions, bool compacted,
                        cdc_error *err) CDC_MUST_CHECK;
/* The topic's state; partitions 0 when it does not exist. */
cdc_rc cdc_admin_describe(const cdc_env *env, const char *name, cdc_topic_info *out,
                          cdc_error *err) CDC_MUST_CHECK;

#endif

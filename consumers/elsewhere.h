/* What other processes of an applier group have applied: the INSERT of a row that moves waits here
 * for its DELETE, when that lies in a partition which another process has (moves.h). Each commit
 * keeps the newest message id of its partitions at the target (share.h), and ids only grow within a
 * partition, so an id that is as high tells that the DELETE is applied. Ids of DELETEs are lower
 * than those of their INSERTs: nobody waits in a circle.
 *
 * Asked by the intake's thread, answered by the applier's; a lock is between them. */
#ifndef CDC_ELSEWHERE_H
#define CDC_ELSEWHERE_H

#include "core/plugin.h"

typedef struct cdc_elsewhere cdc_elsewhere;

cdc_elsewhere *cdc_elsewhere_new(void);     /* NULL: out of memory */
void cdc_elsewhere_free(cdc_elsewhere *ew); /* NULL is fine */

/* Of a partition that we have ourselves: it is committed up to this id. */
void cdc_elsewhere_set(cdc_elsewhere *ew, const char *topic, int32_t partition, uint64_t id);
/* ...is it? Any thread. */
bool cdc_elsewhere_knows(cdc_elsewhere *ew, const char *topic, int32_t partition, uint64_t id);

/* Has the partition been applied up to this id? False: it is asked for. The topic's name is
 * borrowed. Any thread. */
bool cdc_elsewhere_passed(cdc_elsewhere *ew, const char *topic, int32_t partition, uint64_t id);
/* The definition changes of this capture's task are applied up to this id, and is a record behind
 * one that is not? Such a record waits for nobody: the session stops its partition there, or none
 * would ever have come as far as the change. */
void cdc_elsewhere_define(cdc_elsewhere *ew, const char *task, uint64_t id);
bool cdc_elsewhere_is_behind(cdc_elsewhere *ew, const char *task, uint64_t ddl);
/* Something waits. Any thread. */
bool cdc_elsewhere_waits(const cdc_elsewhere *ew);

/* The name under which the target keeps a topic's ids. False: it has no room for that. */
enum { CDC_ELSEWHERE_MARK = 250 };
bool cdc_elsewhere_mark(const char *topic, char *out, size_t size);

/* What is asked for: a partition at a time, false after the last; and its answer. */
typedef struct cdc_elsewhere_part {
    const char *topic;
    int32_t partition;
    uint64_t passed; /* applied up to this id */
    uint64_t wanted; /* the lowest that is waited for; 0: none */
    int64_t since_ms;
} cdc_elsewhere_part;
bool cdc_elsewhere_next(cdc_elsewhere *ew, size_t *turn, cdc_elsewhere_part *out);
void cdc_elsewhere_answer(cdc_elsewhere *ew, const cdc_elsewhere_part *answer);

/* Asks the target for all of it; no transaction is open there. What has waited for long is let go
 * when the DELETE does not come: it is in no record that is there and not applied (retention,
 * from.start). The applier's thread. */
typedef struct cdc_elsewhere_asker {
    const cdc_env *env;
    const cdc_codec *codec;
    const cdc_sink *sink;
    void *handle;
} cdc_elsewhere_asker;
cdc_rc cdc_elsewhere_look(cdc_elsewhere *ew, const cdc_elsewhere_asker *as,
                          cdc_error *err) CDC_MUST_CHECK;

#endif

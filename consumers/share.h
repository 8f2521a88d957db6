/* A session's share of the task's partitions, in an applier group (target.appliers: group;
 * docs/adr/0073-a-group-shares-partitions.md).
 *
 * The group says which partitions are ours (topics/membership.h), the target that nobody else
 * writes for them (cdc_sink.claim). When the group says otherwise the session ends, and the next
 * one begins with the new set. The process that has the first partition of the first data topic
 * leads: it carries out definition changes, and fixes where the task begins.
 *
 * Beside the offsets the target keeps, for each data partition, under names that no topic can have:
 *   TOPIC#id   the newest message id applied, for rows that move (elsewhere.h)
 *   TOPIC#ddl  an offset of the DDL topic: everything that was before the definition changes up to
 *              there is applied; true for good, whoever has the partition later
 *
 * The applier's thread. */
#ifndef CDC_SHARE_H
#define CDC_SHARE_H

#include "definition.h"
#include "elsewhere.h"
#include "topics/membership.h"
#include "topics/router.h"

typedef struct cdc_share cdc_share;

/* FATAL, exit 2: what a group cannot do. */
cdc_rc cdc_share_check(const cdc_env *env, const cdc_sink *sink, cdc_error *err) CDC_MUST_CHECK;
/* Joins the task's group. */
cdc_rc cdc_share_join(cdc_membership **out, const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;

/* For one session: what one needs to know of it. All is borrowed. */
typedef struct cdc_share_of {
    const cdc_env *env;
    const cdc_sink *sink;
    void *handle; /* of the sink */
    const cdc_codec *codec;
    cdc_membership *members;
    const cdc_topic_names *names;
} cdc_share_of;

/* Takes the set as it is now and claims it at the target. */
cdc_rc cdc_share_new(cdc_share **out, const cdc_share_of *of, cdc_error *err) CDC_MUST_CHECK;
void cdc_share_free(cdc_share *sh); /* NULL is fine */

bool cdc_share_has(const cdc_share *sh, const char *topic, int32_t partition);
bool cdc_share_leads(const cdc_share *sh);
/* The group has given us others: the session is to end. */
bool cdc_share_is_over(const cdc_share *sh);
/* May a process that ends when it is caught up end? One without partitions waits for a while: the
 * group may be about to give it some. */
bool cdc_share_may_end(const cdc_share *sh);
cdc_elsewhere *cdc_share_elsewhere(cdc_share *sh);

/* At the start, for each data topic: all its partitions, and (topic, partition) one that is ours.
 */
cdc_rc cdc_share_topic(cdc_share *sh, const char *topic, int32_t partitions,
                       cdc_error *err) CDC_MUST_CHECK;
/* How many data partitions the task has. */
uint32_t cdc_share_partitions(const cdc_share *sh);

/* An event of ours was handed to the sink. */
void cdc_share_note(cdc_share *sh, const cdc_event *ev);
/* Adds to the n offsets that a commit writes what else it must; gives how many there are then. The
 * array has room for three times as many. */
uint32_t cdc_share_marks(cdc_share *sh, cdc_offset *offsets, uint32_t n);
/* n offsets were committed. */
void cdc_share_committed(cdc_share *sh, const cdc_offset *offsets, uint32_t n);
/* What was handed to the sink is undone. */
void cdc_share_undone(cdc_share *sh);

/* Asks the target now and then what others have applied, when rows wait for that; no transaction is
 * open there. */
bool cdc_share_waits(const cdc_share *sh);
cdc_rc cdc_share_look(cdc_share *sh, cdc_error *err) CDC_MUST_CHECK;

typedef enum cdc_share_turn {
    CDC_SHARE_WAIT, /* others have not come so far; ask again */
    CDC_SHARE_OURS, /* carry it out */
    CDC_SHARE_DONE, /* another process has */
} cdc_share_turn;
/* Everything that was before the definition change is applied and committed in our partitions: who
 * carries it out, and when? */
cdc_rc cdc_share_define(cdc_share *sh, const cdc_definition *def, cdc_share_turn *out,
                        cdc_error *err) CDC_MUST_CHECK;

#endif

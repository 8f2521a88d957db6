/* A place in the task's consumer group: which partitions this process is to read, told as the group
 * changes. Nothing is fetched here: a session reads with a consumer of its own (consumer.h), and
 * what keeps two processes from applying one partition is the target's fence, not the group
 * (docs/adr/0073-a-group-shares-partitions.md).
 *
 * A thread of its own keeps the membership alive. Partitions that the group takes away are given
 * back only when the caller takes the new set, so that their next owner begins after the former has
 * ended; those of a process that has been silent for session.timeout.ms are given away without it.
 */
#ifndef CDC_MEMBERSHIP_H
#define CDC_MEMBERSHIP_H

#include "core/arena.h"
#include "core/plugin.h"

typedef struct cdc_membership cdc_membership;

/* What a member has; the array is the arena's of cdc_membership_take. */
typedef struct cdc_membership_set {
    cdc_offset *parts; /* next is not set */
    uint32_t n;
    uint64_t generation;
    bool joined; /* the group has answered at least once */
} cdc_membership_set;

/* Joins; the topics need not exist yet. */
cdc_rc cdc_membership_new(cdc_membership **out, const cdc_env *env, const char *const *topics,
                          size_t ntopics, cdc_error *err) CDC_MUST_CHECK;
/* Leaves the group, so that others take over at once; waits a few seconds for it at most. The
 * caller has ended what it did with the partitions. NULL is fine. */
void cdc_membership_free(cdc_membership *ms);

/* The set as it is now. What was taken away before is given back here: the caller has ended what it
 * did with it. FATAL: the brokers refuse us the group. */
cdc_rc cdc_membership_take(cdc_membership *ms, cdc_arena *ar, cdc_membership_set *out,
                           cdc_error *err) CDC_MUST_CHECK;
/* Counted up with every change of the set. Any thread. */
uint64_t cdc_membership_generation(const cdc_membership *ms);

/* As cdc_consumer_report: of a group with members the broker takes no others' offsets. */
void cdc_membership_report(cdc_membership *ms, const cdc_offset *offsets, uint32_t n);

#endif

/* Where in a cluster a command goes: the slot of its keys, or what is left of it for each slot. All
 * pure. */
#ifndef SINK_REDIS_ROUTE_H
#define SINK_REDIS_ROUTE_H

#include "core/error.h"
#include "note.h"
#include "schema/redis/command.h"
#include "schema/redis/slot.h"

/* Takes what goes to one slot; words are valid during the call. */
typedef struct sink_redis_taker {
    cdc_rc (*take)(void *arg, uint32_t slot, const sink_redis_words *words, cdc_error *err);
    void *arg;
} sink_redis_taker;

/* Calls the taker for each slot that the command's keys have. cmd NULL: not known, and the key that
 * its event names decides. FATAL: "cross_slot", keys in several slots that belong together;
 * "no_slot", nothing tells where it goes. */
cdc_rc sink_redis_route(const cdc_redis_command *cmd, const sink_redis_words *words,
                        const sink_redis_taker *taker, cdc_error *err) CDC_MUST_CHECK;

/* Can the command be given in several, one after the other, to the same effect? Each has the first
 * `head` arguments, and whole groups of the others. */
bool sink_redis_route_parts(const cdc_value *argv, uint32_t argc, uint32_t *head, uint32_t *group);

#endif

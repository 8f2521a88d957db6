/* A source and a sink of commands, without a Redis, for the loops' own tests and bench.
 *
 * The source's log is a function of the number k: SET key:k VALUE, with blocks among the single
 * commands (some larger than a message), two databases and as many shards as asked for. A token is
 * the number of the next command. The sink checks in every shard that each command comes once, in
 * its order and byte for byte, and that nothing ends inside of a block; it aborts where it does
 * not. */
#ifndef FAKE_COMMANDS_H
#define FAKE_COMMANDS_H

#include "core/plugin.h"

enum { FAKE_SHARDS_MAX = 4 };

typedef struct fake_commands_plan {
    uint64_t commands;   /* length of the log */
    uint32_t batch_rows; /* commands in a batch, so that blocks span batches */
    uint32_t shards;     /* 1 to FAKE_SHARDS_MAX */
    uint32_t value_bytes;
    /* Faults: each happens once, when the count is reached; 0 = never. */
    uint64_t source_retry_after;
    uint64_t sink_retry_after;
    uint64_t sink_lost_answer_at_commit;
} fake_commands_plan;

extern fake_commands_plan fake_commands;
extern const cdc_source src_fake_commands;
extern const cdc_sink sink_fake_commands;

void fake_commands_reset(void);
uint64_t fake_commands_applied(void); /* and committed, over all shards */
uint64_t fake_commands_commits(void);

#endif

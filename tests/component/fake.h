/* A source and a sink without a database, for the loops' own tests. Both can be told to fail in
 * given ways.
 *
 * The source's log is a function: transaction t (from 1) has 1 + t % 7 rows; row r of it inserts id
 * t*100+r. With ddl_every each transaction t that it divides is a definition change instead: the
 * statement "ALTER <t / ddl_every>"; and each row says how many came before it. A token is the
 * number of the last complete transaction. The sink keeps rows and offsets in memory and makes them
 * visible at commit, as a database does. */
#ifndef FAKE_H
#define FAKE_H

#include "core/plugin.h"

typedef struct fake_plan {
    uint64_t transactions; /* length of the source's log */
    uint32_t batch_rows;   /* rows in a batch, so that transactions span batches */
    uint64_t ddl_every;    /* 0 = no definition changes */
    uint32_t ddl_parts;    /* messages of each */
    const char *database;  /* of all events */
    /* Faults: each happens once, when the count is reached; 0 = never. */
    uint64_t source_retry_after_rows;
    uint64_t sink_retry_after_rows;
    uint64_t sink_lost_answer_at_commit; /* this commit is done, but RETRY is returned */
    uint64_t sink_conflict_at_id;        /* FATAL at this row, for ever */
    uint64_t sink_retry_at_ddl;          /* nothing is done */
    uint64_t sink_lost_answer_at_ddl;    /* it is done */
} fake_plan;

extern fake_plan fake;
extern const cdc_source src_fake;
extern const cdc_sink sink_fake;

/* What the sink holds. */
typedef struct fake_row {
    uint64_t id;
    char txn[32];
    uint64_t seq;
} fake_row;

extern fake_row *fake_rows;
extern size_t fake_nrows;
extern uint64_t fake_commits, fake_torn; /* torn: commits that ended inside a source transaction */
extern uint64_t fake_ddl;                /* definition changes carried out */
extern uint64_t fake_misplaced;          /* rows and definition changes out of their order */

void fake_reset(void);

#endif

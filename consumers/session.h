/* One life of consumer and sink inside of the replay loop (replay.h), and how it begins and ends:
 * which partitions it reads and where each goes on is asked anew every time, first of the target.
 * The applier's thread. */
#ifndef CDC_SESSION_H
#define CDC_SESSION_H

#include "core/retry.h"
#include "intake.h"
#include "order.h"
#include "share.h"

/* What outlives a session. */
typedef struct cdc_replay {
    const cdc_env *env;
    const cdc_sink *sink;
    const cdc_codec *codec;
    cdc_membership *members; /* of an applier group; NULL: all partitions are ours */
    bool until_caught_up;
    cdc_retry retry;
    bool careful; /* one source transaction in a target transaction, row by row */
    int64_t careful_left;
    cdc_metric *lag, *commits, *txns, *rows, *left_out;
} cdc_replay;

typedef struct cdc_session {
    cdc_replay *rp;
    void *sink;
    cdc_consumer *consumer;
    cdc_intake *intake;
    cdc_ends *tails;
    cdc_ddl_feed *ddl;
    cdc_order *order;
    cdc_share *share; /* of a group's partitions */
    cdc_arena arena;  /* names and arrays below */
    cdc_offset
        *offsets; /* every partition read: the offset behind the last record handed to the sink */
    cdc_offset *changed; /* scratch: those that a commit writes */
    cdc_offset *others;  /* of a group's other processes: where the task begins, not fixed yet */
    uint32_t nothers;
    int64_t *committed;       /* by partition: what the target holds */
    int64_t *ends;            /* by partition: where Kafka ended when the session began */
    int64_t *asked;           /* ...and when the order of DDL asked */
    uint32_t n, ndata;        /* partitions; those of data topics come first */
    uint32_t nall;            /* data partitions of the task, others' included */
    uint32_t latest;          /* partition of the last record */
    const char *transactions; /* target.atomic is transaction: the topic that tells them */
    bool joined;              /* the target knows a partition of the topic in hand */
    bool fresh;               /* the target has applied nothing of the task yet */
    bool anchored;            /* ...and where it begins does not depend on when it is asked */
    bool open;                /* a target transaction is open */
    bool *unfinished;         /* by partition: the last event in it was not the last of its source
                                 transaction, or of its record */
    uint32_t nunfinished;
    bool moving;    /* a row is on its way from one partition to another */
    bool torn;      /* ...whose second record alone was passed over */
    bool reread;    /* ...and one came whose other record was passed over */
    uint64_t *lost; /* by partition: id of the first record that was passed over; 0: none */
    bool steered;   /* ...and the intake reads only what ends that */
    bool caught_up;
    uint32_t open_rows, open_txns;
    size_t open_bytes;
    int64_t opened_ms, tick_ms, newest_source_ms;
    char position[320]; /* source position of the newest record handed to the sink */
} cdc_session;

/* Connects to the target and to Kafka, and starts reading behind what the target has. Close it also
 * after an error. RETRY / FATAL as for the sink's open. */
cdc_rc cdc_session_open(cdc_session *ss, cdc_error *err) CDC_MUST_CHECK;
/* Starts the intake, from the offsets. */
cdc_rc cdc_session_read(cdc_session *ss, cdc_error *err) CDC_MUST_CHECK;
/* What is not committed is undone. */
void cdc_session_close(cdc_session *ss);

#endif

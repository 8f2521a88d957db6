/* What copy_plan.c (ranges, workers), copy_merge.c (the reader's side), and copy_names.c (tables
 * and their names, definition changes) share. Everything here is guarded by plan->lock. */
#ifndef SRC_MYSQL_COPY_PLAN_STATE_H
#define SRC_MYSQL_COPY_PLAN_STATE_H

#include <pthread.h>

#include "copy_plan.h"

typedef struct src_mysql_copy_plan_table {
    char *database, *name;             /* now */
    char *order_database, *order_name; /* its place in the copy; the same unless it was renamed */
    bool whole, transactional;
    bool one_range;              /* its key does not give the rows' order: they are sorted once */
    bool is_known;               /* whole is: by the list, the definition, or the first event */
    bool reached;                /* a cascade made ranges stale: the stream is held from now on
                                    while one is begun */
    bool done;                   /* copied, or not to be copied any more */
    bool cutting;                /* a worker finds the next range */
    bool all_cut;                /* the last range was cut */
    uint32_t generation;         /* counts changes of the definition */
    src_mysql_shared_table *def; /* NULL: to be read */
    char *cut;                   /* key up to which ranges were cut */
    char *key;                   /* key up to which rows were handed over */
    uint32_t key_definition;     /* of these two; 0: not known */
    uint64_t chunk, rows, bytes, rows_estimated;
    uint64_t rows_before; /* about how many were copied before this process began */
} src_mysql_copy_plan_table;

typedef enum src_mysql_range_state {
    SRC_MYSQL_RANGE_PENDING,
    SRC_MYSQL_RANGE_READING,
    SRC_MYSQL_RANGE_READ,
} src_mysql_range_state;

struct src_mysql_range {
    src_mysql_range *next;
    uint32_t table;
    src_mysql_range_state state;
    char *from, *to;
    bool registered;    /* touched keys are noted from now on */
    bool has_high;      /* high is known: complete pieces wait for the stream */
    bool stale;         /* READING: what the worker pushes from now on is not wanted */
    bool dropped;       /* READING: free it when the worker lets go of it */
    bool dirty;         /* whole: the stream touched the table behind the registration */
    bool opened;        /* whole: its hand-over has begun */
    bool gone;          /* there is no such table */
    unsigned overflows; /* times that too many keys were touched */
    src_mysql_log_pos high;
    src_mysql_log_pos seen;    /* the snapshot's very place; "" = not known */
    src_mysql_log_pos reached; /* last cascade of the stream since the registration; "" = none */
    src_mysql_key_set touched;
    src_mysql_piece *first, *last; /* complete, not yet handed over */
    src_mysql_shared_table *def;   /* of the pieces */
};

struct src_mysql_copy_plan {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* broadcast at every change that somebody may wait for */
    const cdc_selection *selection;
    uint64_t chunk_rows;
    unsigned threads;
    size_t pieces_max, pieces_bytes; /* decoded bytes that may wait, and do */
    bool stopped, failed;
    cdc_error err;

    src_mysql_copy_plan_table *tables; /* in the order of the copy */
    uint32_t ntables;
    uint32_t *by_name;       /* indexes, ordered by current name */
    uint32_t first;          /* index of the first table that is not done */
    src_mysql_range *ranges; /* in the order of the copy */
    uint32_t nranges;

    /* the stream */
    bool at_boundary;
    src_mysql_log_pos at;
    cdc_buffer gtids;
    src_mysql_log_pos listed; /* see src_mysql_copy_plan_limits */
    bool knows_names;         /* the stream was at a boundary at or behind it */
    bool complete;            /* said by next: all is copied, and what comes in now is not */
    unsigned waiting;         /* workers that wait for a boundary */
    src_mysql_range *held;    /* the range for which the stream is held; NULL: none */
    src_mysql_log_pos reach;  /* where it is to be held; at_reach: it is */
    bool at_reach;

    uint32_t last_table; /* of the last row event: index, or ntables; by its definition's uid */
    uint32_t last_uid;
    bool last_captured;
    const src_mysql_cascades *cascades; /* may be empty */
    bool *followed;                     /* by cascade, while an event's are followed */
    cdc_buffer key, scratch;

    /* the position */
    src_mysql_position pos;
    char *pos_database, *pos_table, *pos_key; /* its words; NULL: the word is a constant */
    src_mysql_mark *marks;                    /* owned, in the heap */
    struct src_mysql_moved *moved;            /* names that were left in the open transaction */
    bool renamed;                             /* it changed definitions */
    uint64_t rows, bytes;

    cdc_batch *pool;
    unsigned npool;
};

/* Index by current name among the tables that are not done; ntables: none. */
uint32_t src_mysql_copy_plan_find(const src_mysql_copy_plan *plan, const char *database,
                                  const char *name);
/* Is a table of that name, which is not in the list, behind us: copied, or made while we copy? */
bool src_mysql_copy_plan_captured(const src_mysql_copy_plan *plan, const char *database,
                                  const char *name);
void src_mysql_copy_plan_sort_names(src_mysql_copy_plan *plan);
void src_mysql_copy_plan_no_memory(src_mysql_copy_plan *plan); /* the plan fails */
/* All ranges of the table are to be read again from what was handed over. */
void src_mysql_copy_plan_poison(src_mysql_copy_plan *plan, uint32_t table);
/* The table starts over: its key is another one. */
void src_mysql_copy_plan_restart(src_mysql_copy_plan *plan, uint32_t table);
/* Its ranges go, and it counts as done. */
void src_mysql_copy_plan_drop(src_mysql_copy_plan *plan, uint32_t table);
/* Is what stands at this place of the log surely in the range's snapshot? */
static inline bool src_mysql_range_saw(const src_mysql_range *range, const src_mysql_log_pos *at)
{
    return range->has_high && range->seen.file[0] != '\0' &&
           src_mysql_log_pos_compare(at, &range->seen) <= 0;
}
/* Unlinks and frees ranges, or leaves that to the worker that reads it. */
void src_mysql_range_remove(src_mysql_copy_plan *plan, src_mysql_range *range);
/* What is not complete of the range becomes a range of its own behind it, or it is taken again. */
void src_mysql_range_split(src_mysql_copy_plan *plan, src_mysql_range *range);
void src_mysql_range_drop_pieces(src_mysql_copy_plan *plan, src_mysql_range *range);
src_mysql_piece *src_mysql_range_take_piece(src_mysql_copy_plan *plan, src_mysql_range *range);
/* Finds the first table that is not done; handed_over: and sets the position to it. */
void src_mysql_copy_plan_advance(src_mysql_copy_plan *plan, bool handed_over);

/* copy_names.c: a DDL event of the stream. False: no memory. */
bool src_mysql_copy_plan_ddl(src_mysql_copy_plan *plan, const cdc_event *ev);
void src_mysql_copy_plan_commit(src_mysql_copy_plan *plan); /* behind a transaction of the stream */
void src_mysql_copy_plan_names_fini(src_mysql_copy_plan *plan);
/* Orders the tables, and sets them to how far a token says that they are. False: no memory. */
bool src_mysql_copy_plan_load(src_mysql_copy_plan *plan, const src_mysql_position *from);

#endif

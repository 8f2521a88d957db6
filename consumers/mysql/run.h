/* Runs: rows of one table that wait to become one multi-row statement.
 *
 * A table has at most one open run. Rows of a table keep their order; rows of different tables
 * change places only when both tables are free (no foreign keys on either side, no triggers). */
#ifndef SINK_MYSQL_RUN_H
#define SINK_MYSQL_RUN_H

#include "packet.h"

typedef enum sink_mysql_form {
    SINK_MYSQL_INSERT,  /* INSERT */
    SINK_MYSQL_KEEPING, /* INSERT ... ON DUPLICATE KEY UPDATE that changes nothing */
    SINK_MYSQL_UPSERT,  /* INSERT ... ON DUPLICATE KEY UPDATE of all columns */
    SINK_MYSQL_REPLACE, /* REPLACE: also removes rows that share another unique key */
    SINK_MYSQL_DELETE,  /* DELETE ... WHERE key IN (...) */
    SINK_MYSQL_SINGLE,  /* a statement for each row, at once in the packet */
    SINK_MYSQL_CASCADE, /* likewise, IGNORE: for its effect on the rows that refer to it */
} sink_mysql_form;

typedef struct sink_mysql_run {
    struct sink_mysql_run *next; /* in the pool */
    sink_mysql_map *map;
    cdc_buffer rows; /* "(1,'a'),(2,'b')" */
    sink_mysql_form form;
    sink_mysql_stmt stmt; /* rows, op, check */
} sink_mysql_run;

enum { SINK_MYSQL_RUNS_MAX = 64 };

typedef struct sink_mysql_runs {
    sink_mysql_run *open[SINK_MYSQL_RUNS_MAX]; /* in the order in which they were opened */
    uint32_t nopen;
    sink_mysql_run *pool;
    size_t bytes; /* in open runs */
} sink_mysql_runs;

void sink_mysql_runs_fini(sink_mysql_runs *runs);
/* Forgets all rows that wait. */
void sink_mysql_runs_reset(sink_mysql_runs *runs);

/* Adds a row event: to its table's run, or as a statement of its own. */
cdc_rc sink_mysql_run_event(struct sink_mysql_handle *sm, const cdc_event *ev,
                            cdc_error *err) CDC_MUST_CHECK;
/* Puts every open run into the packet. */
cdc_rc sink_mysql_runs_flush(struct sink_mysql_handle *sm, cdc_error *err) CDC_MUST_CHECK;

#endif

/* src_mysql_undo: what ROLLBACK and ROLLBACK TO SAVEPOINT take out of a transaction of the log.
 *
 * MySQL with GTIDs cuts what was rolled back out of its log. MariaDB, and MySQL without GTIDs, log
 * it together with the ROLLBACK when the transaction did something that cannot be undone, such as
 * CREATE TEMPORARY TABLE. So there a transaction's rows count only when its end was seen: while
 * they are all in the batch, undone ones are cut off; a transaction that is larger than that is
 * read twice, first for its savepoints, then for its rows (docs/adr/0013-...). Rows events are
 * counted from 0 within their transaction. One thread. */
#ifndef SRC_MYSQL_UNDO_H
#define SRC_MYSQL_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define SRC_MYSQL_SAVEPOINTS_MAX 65536

typedef struct src_mysql_savepoint {
    char *name;          /* as the statement quotes it; owned */
    uint64_t rows_event; /* the next rows event when it was set */
    uint32_t mark;       /* events in the batch at that time */
} src_mysql_savepoint;

typedef struct src_mysql_undone {
    uint64_t from, to; /* rows events from, ..., to - 1 */
} src_mysql_undone;

typedef struct src_mysql_undo {
    uint64_t rows_event; /* number of the next rows event */
    src_mysql_savepoint *savepoints;
    size_t nsavepoints, savepoints_cap;
    src_mysql_undone *undone;
    size_t nundone, undone_cap;
} src_mysql_undo;

/* A transaction begins. */
void src_mysql_undo_reset(src_mysql_undo *undo);
void src_mysql_undo_fini(src_mysql_undo *undo);
/* The same transaction is read once more: what is undone stays known. */
void src_mysql_undo_rewind(src_mysql_undo *undo);

/* "SAVEPOINT `s`". FATAL: too many, or no memory. */
cdc_rc src_mysql_undo_savepoint(src_mysql_undo *undo, const char *name, uint32_t mark,
                                cdc_error *err) CDC_MUST_CHECK;
/* "ROLLBACK TO `s`": mark gets the savepoint's. FATAL: no such savepoint, or no memory. */
cdc_rc src_mysql_undo_rollback_to(src_mysql_undo *undo, const char *name, uint32_t *mark,
                                  cdc_error *err) CDC_MUST_CHECK;
bool src_mysql_undo_has(const src_mysql_undo *undo, uint64_t rows_event);

#endif

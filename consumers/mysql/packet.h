/* The packet: statements that travel to the server together, and what is expected of each.
 *
 * They are sent as one text with ';' between them, so that many small statements cost one round
 * trip; the server stops at the first that fails. A result that is not as expected is FATAL: the
 * transaction must be undone. Before such an error is told, the fence is looked at: what an applier
 * that was taken over sees as a conflict may be its successor's work. */
#ifndef SINK_MYSQL_PACKET_H
#define SINK_MYSQL_PACKET_H

#include "core/buffer.h"
#include "core/event.h"
#include "target.h"

struct sink_mysql_handle;

typedef enum sink_mysql_check {
    SINK_MYSQL_ANY,      /* any count will do */
    SINK_MYSQL_ALL,      /* the count must be `rows`, else conflict */
    SINK_MYSQL_MISSING,  /* rows - count are noted as conflicts */
    SINK_MYSQL_EXISTING, /* count is noted as conflicts */
    SINK_MYSQL_FENCE,    /* a result with a row in it, else another applier has taken over */
} sink_mysql_check;

typedef struct sink_mysql_stmt {
    const sink_mysql_map *map; /* NULL: not about a table */
    uint32_t rows;
    uint8_t op;    /* cdc_op */
    uint8_t check; /* sink_mysql_check */
    /* The count is that of rows which were there before, from "Records: 3  Duplicates: 2" of an
     * INSERT ... ON DUPLICATE KEY UPDATE; otherwise it is that of affected rows (matched ones:
     * CLIENT_FOUND_ROWS). */
    bool by_duplicates;
    /* The server says "Duplicates" from two rows on: a single row is written twice, the second
     * meets the first. */
    bool doubled;
    bool lenient;   /* of phase SNAPSHOT */
    bool unchecked; /* foreign keys are not checked */
} sink_mysql_stmt;

typedef struct sink_mysql_packet {
    cdc_buffer sql;
    sink_mysql_stmt *stmts;
    uint32_t nstmts;
    int8_t foreign_keys; /* foreign_key_checks of the session behind these statements: 1, 0; -1
                            unknown */
} sink_mysql_packet;

bool sink_mysql_packet_init(sink_mysql_packet *pk, size_t max_bytes);
void sink_mysql_packet_fini(sink_mysql_packet *pk);
/* Forgets what was not sent; the state of foreign_key_checks is unknown after a failure. */
void sink_mysql_packet_reset(sink_mysql_packet *pk, bool failed);

/* Opens a statement of about `bytes`: the caller appends its text to pk->sql. Sends first what
 * would not fit with it. */
cdc_rc sink_mysql_packet_open(struct sink_mysql_handle *sm, const sink_mysql_stmt *stmt,
                              size_t bytes, cdc_error *err) CDC_MUST_CHECK;
/* The statement's text is complete: sends when enough has come together. */
cdc_rc sink_mysql_packet_close(struct sink_mysql_handle *sm, cdc_error *err) CDC_MUST_CHECK;
/* Takes back what was added since the packet had so many statements and bytes. */
void sink_mysql_packet_cut(sink_mysql_packet *pk, uint32_t nstmts, size_t len);
/* Sends what is there and checks every result. */
cdc_rc sink_mysql_packet_send(struct sink_mysql_handle *sm, cdc_error *err) CDC_MUST_CHECK;

#endif

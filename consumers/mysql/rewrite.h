/* sink_mysql_rewrite: a definition statement of the source in the target's words: mapped names,
 * only the objects that are captured, and what the other kind of server calls differently
 * (docs/adr/0019-ddl-is-rewritten-by-tokens.md). Asks no server but by the function it is given.
 * The applier's thread. */
#ifndef SINK_MYSQL_REWRITE_H
#define SINK_MYSQL_REWRITE_H

#include "core/event.h"
#include "core/rename.h"
#include "draft.h"

typedef struct sink_mysql_rewrite {
    const cdc_rename *rename;
    bool to_maria; /* the target is MariaDB, else MySQL */
    bool (*knows_collation)(void *context, const char *name, size_t len);
    void *context;
} sink_mysql_rewrite;

typedef enum sink_mysql_replay {
    SINK_MYSQL_REPLAY = 0,
    SINK_MYSQL_NO_OBJECT, /* a view, trigger, routine, event, sequence, or what cannot be placed */
    SINK_MYSQL_NOTHING,   /* nothing is left of it at the target */
} sink_mysql_replay;

typedef struct sink_mysql_rewritten {
    sink_mysql_replay replay;
    cdc_sql_verb verb;
    cdc_sql_object object;
    cdc_rename_name name; /* of the first object at the target; table "": a database */
    cdc_buffer before;    /* runs first if it has a text: the DROP of CREATE OR REPLACE */
    cdc_buffer sql;
    cdc_buffer notes; /* what means something else at the target, for the log; may be empty */
    bool if_exists; /* the target has no IF [NOT] EXISTS there: what is or is not there is right */
} sink_mysql_rewritten;

void sink_mysql_rewritten_init(sink_mysql_rewritten *rw);
void sink_mysql_rewritten_fini(sink_mysql_rewritten *rw);

/* events: the messages of one statement. FATAL: it cannot be done surely; err says why and what the
 * user can do. */
cdc_rc sink_mysql_rewrite_statement(const sink_mysql_rewrite *how, const cdc_event *const *events,
                                    uint32_t n, sink_mysql_rewritten *out,
                                    cdc_error *err) CDC_MUST_CHECK;

/* dialect.c: what the target's kind of server calls differently. */
void sink_mysql_adapt_dialect(const sink_mysql_rewrite *how, sink_mysql_draft *dr, bool from_maria,
                              sink_mysql_rewritten *out);
/* columns.c: columns of tables that have rules for them. */
cdc_rc sink_mysql_rename_columns(const sink_mysql_rewrite *how, sink_mysql_draft *dr,
                                 cdc_error *err) CDC_MUST_CHECK;
/* collation.c: the collation that stands in for `name` at the other kind of server and is known
 * there, in the draft's arena; NULL: none, or none is needed. */
const char *sink_mysql_stand_in(const sink_mysql_rewrite *how, sink_mysql_draft *dr,
                                const char *name);

#endif

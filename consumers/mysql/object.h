/* Views, routines, triggers and events that the phase schema creates at the target.
 *
 * Their statements come from the source as it prints them. Here: the definer goes (the applier's
 * account becomes it) and views and routines run with the rights of whoever uses them; names are
 * mapped; a trigger does nothing in the applier's own sessions, because what it did at the source
 * comes as rows; an event is disabled. What is at the target already stays as it is. The applier's
 * thread. */
#ifndef SINK_MYSQL_OBJECT_H
#define SINK_MYSQL_OBJECT_H

#include "core/rename.h"
#include "draft.h"

typedef struct sink_mysql_object {
    const char *kind;     /* "VIEW", "FUNCTION"... */
    cdc_rename_name name; /* at the target: database, and the object's own name */
} sink_mysql_object;

/* Edits the draft of a CREATE statement of one of these kinds. False: it is none. */
bool sink_mysql_object_rewrite(sink_mysql_draft *dr, const char *database, const cdc_rename *rn,
                               sink_mysql_object *out);

/* Appends the query that gives a row if such an object, also a TABLE, is there. */
void sink_mysql_object_exists(const sink_mysql_object *object, cdc_buffer *sql);

#endif

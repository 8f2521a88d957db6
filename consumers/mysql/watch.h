/* The watch: notices a target server that has gone silent under a statement.
 *
 * No read timeout can: an ALTER TABLE may take hours and send nothing. So when a statement has been
 * under way for 10 s, a thread of the watch asks whether the server still lets us in, by a
 * connection of its own, and again every 10 s. When it does not, twice in a row, the statement's
 * connection is shut down, and the statement ends with "lost connection", at the latest 30 s after
 * the server's last sign.
 *
 * begin and end: the applier's thread; they cost a lock that nobody else holds for long. */
#ifndef SINK_MYSQL_WATCH_H
#define SINK_MYSQL_WATCH_H

#include <stdbool.h>

#include "core/error.h"

typedef struct sink_mysql_watch sink_mysql_watch;

/* answers: does the server let us in? Called by the watch's thread; may take some seconds. */
cdc_rc sink_mysql_watch_new(sink_mysql_watch **out, int fd, bool (*answers)(void *arg), void *arg,
                            cdc_error *err) CDC_MUST_CHECK;
/* Ends the thread, waiting for a question under way. NULL is fine. */
void sink_mysql_watch_free(sink_mysql_watch *wt);

void sink_mysql_watch_begin(sink_mysql_watch *wt); /* a statement is sent or its result awaited */
void sink_mysql_watch_end(sink_mysql_watch *wt);

#endif

/* Is the log that is sent still the server's log? After RESET BINARY LOGS AND GTIDS a dump thread
 * may wait in the deleted file for ever, with heartbeats, when the new file has the same name.
 * While nothing else comes, the end of the log is asked for by a connection of its own: what was
 * read cannot lie behind it, and what lies before it has to come. */
#include "core/clock.h"
#include "core/log.h"
#include "stream_state.h"

#define WATCH_MS 3000
#define READ_TIMEOUT_S 1U

void src_mysql_watch_event(src_mysql_stream *st)
{
    st->watch.event_ms = cdc_clock_mono_ms();
    st->watch.missing.file[0] = '\0';
}

void src_mysql_watch_fini(src_mysql_stream *st)
{
    src_mysql_disconnect(&st->watch.conn);
}

/* False: not now; the stream's own connection will tell if the server is away. */
static bool ask_end(src_mysql_stream *st, src_mysql_log_pos *end)
{
    src_mysql_connection *conn = &st->watch.conn;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    cdc_rc rc = CDC_OK;
    if (conn->mysql == NULL) {
        rc = src_mysql_connect(conn, st->env->task->cfg, st->feed.conn.name, READ_TIMEOUT_S,
                               &ignored);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(conn, st->server, end, &ignored);
    }
    if (rc != CDC_OK) {
        CDC_LOG(CDC_LOG_DEBUG, "watch", CDC_STR("error", ignored.text));
        src_mysql_disconnect(conn);
    }
    return rc == CDC_OK;
}

cdc_rc src_mysql_watch_heartbeat(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_watch *watch = &st->watch;
    src_mysql_log_pos end;
    int64_t now = cdc_clock_mono_ms();
    if (st->txn.in_group || st->at.file[0] == '\0' || now - watch->event_ms < WATCH_MS ||
        now - watch->asked_ms < WATCH_MS) {
        return CDC_OK;
    }
    watch->asked_ms = now;
    if (watch->missing.file[0] != '\0' &&
        src_mysql_log_pos_compare(&watch->stuck_at, &st->at) == 0) {
        return cdc_error_set(err, CDC_RETRY, "mysql_stuck",
                             "server %s sends heartbeats only, at %s:%llu, while its log goes on "
                             "to %s:%llu",
                             st->feed.conn.name, st->at.file, (unsigned long long)st->at.pos,
                             watch->missing.file, (unsigned long long)watch->missing.pos);
    }
    if (!ask_end(st, &end)) {
        return CDC_OK;
    }
    int order = src_mysql_log_pos_compare(&st->at, &end);
    if (order > 0) {
        return cdc_error_refuse(
            err, "mysql_log_reset",
            "server %s was read up to %s:%llu, but its log ends at %s:%llu: it "
            "was reset (RESET BINARY LOGS AND GTIDS, RESET MASTER) while it was "
            "read; start the task again with a full copy under a new name",
            st->feed.conn.name, st->at.file, (unsigned long long)st->at.pos, end.file,
            (unsigned long long)end.pos);
    }
    watch->missing.file[0] = '\0';
    if (order < 0) {
        watch->missing = end;
        watch->stuck_at = st->at;
    }
    return CDC_OK;
}

/* Transactions that are read a second time, by a connection of their own: XA transactions when they
 * are committed, and those whose undone rows could not be cut off (undo.h). */
#include "core/log.h"
#include "stream_state.h"

#define READ_TIMEOUT_S 10U
#define TEXT_MAX (64U << 20)

/* The set behind which the transaction is the first to come. */
static cdc_rc set_before(src_mysql_stream *st, src_mysql_connection *conn, const char *gtid,
                         src_mysql_gtid_set **out, cdc_error *err)
{
    cdc_buffer text, sql;
    cdc_buffer_init(&text, TEXT_MAX);
    cdc_buffer_init(&sql, TEXT_MAX);
    src_mysql_gtid_set *set = src_mysql_gtid_set_new(st->server->is_mariadb);
    cdc_rc rc = CDC_OK;
    src_mysql_gtid_set_print(st->executed, &text);
    if (!st->server->is_mariadb) {
        cdc_buffer_addf(&sql, "SELECT GTID_SUBTRACT('%s', '%s')", cdc_buffer_cstr(&text), gtid);
        cdc_buffer_reset(&text);
        rc = src_mysql_select_text(conn, cdc_buffer_cstr(&sql), &text, err);
    }
    if (rc == CDC_OK && set != NULL) {
        rc = src_mysql_gtid_set_parse(set, cdc_buffer_cstr(&text), text.len, err);
    }
    if (rc == CDC_OK && set != NULL && st->server->is_mariadb) {
        rc = src_mysql_gtid_set_parse(set, gtid, strlen(gtid), err); /* back to that place */
    }
    if (rc == CDC_OK && set == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the GTID set");
    }
    if (rc != CDC_OK) {
        src_mysql_gtid_set_free(set);
        set = NULL;
    }
    *out = set;
    cdc_buffer_fini(&sql);
    cdc_buffer_fini(&text);
    return rc;
}

cdc_rc src_mysql_replay_connect(src_mysql_stream *st, src_mysql_connection *conn, uint32_t *id,
                                cdc_error *err)
{
    cdc_rc rc =
        src_mysql_connect(conn, st->env->task->cfg, st->feed.conn.name, READ_TIMEOUT_S, err);
    if (rc == CDC_OK) {
        rc = src_mysql_server_choose_id(conn, st->server, 0, id, err);
    }
    return rc;
}

static cdc_rc lost(const src_mysql_stream *st, const char *what, cdc_error *err)
{
    const src_mysql_replay *rp = &st->replay;
    (void)cdc_error_set(err, CDC_FATAL, "mysql_reread",
                        "the transaction of %s:%llu%s%s%s cannot be read again: %s; start the task "
                        "again with a full copy under a new name",
                        rp->begin.file, (unsigned long long)rp->begin.pos,
                        rp->xid[0] != '\0' ? " (xid " : "", rp->xid, rp->xid[0] != '\0' ? ")" : "",
                        what);
    return src_mysql_stream_at(st, err);
}

static cdc_rc open_feed(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_replay *rp = &st->replay;
    src_mysql_connection conn;
    src_mysql_gtid_set *set = NULL;
    uint32_t id;
    cdc_rc rc = src_mysql_replay_connect(st, &conn, &id, err);
    if (rc == CDC_OK && rp->begin.file[0] == '\0') {
        rc = st->executed == NULL || rp->gtid[0] == '\0'
                 ? lost(st, "its place on this server is not known", err)
                 : set_before(st, &conn, rp->gtid, &set, err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_feed_open(&rp->feed, &conn, id, set, &rp->begin, err);
    } else {
        src_mysql_disconnect(&conn);
    }
    src_mysql_gtid_set_free(set);
    rp->begun = false;
    rp->active = rc == CDC_OK;
    return rc;
}

void src_mysql_replay_close(src_mysql_stream *st)
{
    src_mysql_feed_close(&st->replay.feed);
    st->replay.active = false;
}

cdc_rc src_mysql_replay_prepared(src_mysql_stream *st, const src_mysql_prepared *item,
                                 cdc_error *err)
{
    src_mysql_replay *rp = &st->replay;
    rp->begin = item->begin;
    snprintf(rp->xid, sizeof(rp->xid), "%s", item->xid);
    snprintf(rp->gtid, sizeof(rp->gtid), "%s", item->gtid);
    rp->final = !st->logs_undone;
    src_mysql_undo_reset(&st->undo);
    return open_feed(st, err);
}

cdc_rc src_mysql_replay_again(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_replay *rp = &st->replay;
    if (rp->active) { /* an XA transaction */
        src_mysql_replay_close(st);
    } else {
        rp->begin = st->txn.begin;
        rp->xid[0] = rp->gtid[0] = '\0';
    }
    rp->final = true;
    st->txn.deferred = st->txn.emitted = false;
    src_mysql_undo_rewind(&st->undo);
    src_mysql_map_cache_forget_ids(st->tables);
    return open_feed(st, err);
}

cdc_rc src_mysql_replay_take(src_mysql_stream *st, src_mysql_event *ev, cdc_error *err)
{
    src_mysql_replay *rp = &st->replay;
    cdc_rc rc = src_mysql_feed_next(&rp->feed, &rp->begin, ev, err);
    if (rc != CDC_OK) {
        return rc;
    }
    if (src_mysql_event_is_gtid(ev->type)) {
        bool second = rp->begun;
        rp->begun = true;
        return second ? lost(st, "another one stands in its place", err) : CDC_AGAIN;
    }
    switch (ev->type) {
    case SRC_MYSQL_ROTATE_EVENT:
    case SRC_MYSQL_HEARTBEAT_EVENT:
    case SRC_MYSQL_HEARTBEAT_V2_EVENT:
    case SRC_MYSQL_PREVIOUS_GTIDS_EVENT:
        return CDC_AGAIN;
    default:
        return rp->begun || ev->type == SRC_MYSQL_FORMAT_DESCRIPTION_EVENT ||
                       ev->type >= SRC_MYSQL_MARIADB_BINLOG_CHECKPOINT_EVENT
                   ? CDC_OK
                   : lost(st, "it does not begin there", err);
    }
}

cdc_rc src_mysql_replay_check_xid(const src_mysql_stream *st, const char *xid, cdc_error *err)
{
    return strcmp(xid, st->replay.xid) == 0 ? CDC_OK
                                            : lost(st, "another one stands in its place", err);
}

/* XA transactions and what is undone: rows count when their transaction is committed.
 * docs/adr/0012-xa-rows-at-commit.md, docs/adr/0013-undone-rows.md. */
#include <strings.h>

#include "stream_state.h"

const char *src_mysql_xa_verb(const char *sql, const char *verb)
{
    size_t n = strlen(verb);
    return strncasecmp(sql, verb, n) == 0 ? sql + n : NULL;
}

/* --- XA --- */

/* What finds the running transaction again. */
static void describe(const src_mysql_stream *st, src_mysql_prepared *item)
{
    const src_mysql_txn *txn = &st->txn;
    item->selected = txn->selected;
    item->begin = txn->begin;
    if (!txn->has_gtid) {
        return;
    }
    if (!st->server->is_mariadb) {
        (void)src_mysql_gtid_text(&txn->gtid, item->gtid);
    } else if (st->executed != NULL) {
        src_mysql_mariadb_gtid last;
        if (src_mysql_gtid_set_last(st->executed, txn->mariadb_gtid.domain, &last)) {
            (void)src_mysql_mariadb_gtid_text(&last, item->gtid);
        }
    }
}

cdc_rc src_mysql_txn_xa_prepare(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    src_mysql_prepared item = {.selected = false};
    bool one_phase;
    cdc_rc rc = src_mysql_xid_of_event(ev, item.xid, &one_phase, err);
    if (rc != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    if (st->replay.active) {
        rc = src_mysql_replay_check_xid(st, item.xid, err);
        if (rc == CDC_OK && !st->txn.deferred) {
            src_mysql_prepared_remove(&st->prepared, item.xid);
        }
        return rc == CDC_OK ? src_mysql_txn_finish(st, ev, err) : rc;
    }
    describe(st, &item);
    if (one_phase && item.selected) {
        return src_mysql_replay_prepared(st, &item, err);
    }
    if (!one_phase) {
        rc = src_mysql_prepared_add(&st->prepared, &item, err);
    }
    return rc == CDC_OK ? src_mysql_txn_finish(st, ev, err) : rc;
}

static cdc_rc commit(src_mysql_stream *st, const src_mysql_event *ev, const char *xid,
                     cdc_error *err)
{
    const src_mysql_prepared *item = src_mysql_prepared_find(&st->prepared, xid);
    if (item != NULL && !item->selected) {
        src_mysql_prepared_remove(&st->prepared, xid);
        return src_mysql_txn_finish(st, ev, err);
    }
    if (st->txn.commit_ms == 0) { /* the rows carry the time of their PREPARE */
        st->txn.commit_ms = (int64_t)ev->timestamp * 1000;
    }
    return item != NULL ? src_mysql_replay_prepared(st, item, err)
                        : src_mysql_search_begin(st, xid, err);
}

cdc_rc src_mysql_txn_xa(src_mysql_stream *st, const src_mysql_event *ev, const char *sql,
                        cdc_error *err)
{
    char xid[SRC_MYSQL_XID_MAX];
    const char *commit_of = src_mysql_xa_verb(sql, "XA COMMIT ");
    const char *rollback_of = src_mysql_xa_verb(sql, "XA ROLLBACK ");
    st->txn.is_xa = true;
    if (commit_of == NULL && rollback_of == NULL) { /* START, END */
        st->txn.open = true;
        return CDC_OK;
    }
    if (!src_mysql_xid_of_text(commit_of != NULL ? commit_of : rollback_of, xid)) {
        (void)cdc_error_set(err, CDC_FATAL, "mysql_xa",
                            "a statement that ends an XA transaction cannot be read: %.100s", sql);
        return src_mysql_stream_at(st, err);
    }
    if (commit_of != NULL) {
        return commit(st, ev, xid, err);
    }
    src_mysql_prepared_remove(&st->prepared, xid);
    return src_mysql_txn_finish(st, ev, err);
}

/* --- undone rows --- */

bool src_mysql_txn_is_silent(const src_mysql_stream *st)
{
    return st->txn.deferred || (st->txn.is_xa && !st->replay.active);
}

bool src_mysql_txn_may_undo(const src_mysql_stream *st)
{
    return st->logs_undone && st->txn.in_group && !(st->replay.active && st->replay.final);
}

/* Takes back events of the open transaction that are still in the batch. */
static void cut_batch(src_mysql_stream *st, uint32_t mark)
{
    st->batch->nevents = mark;
    st->txn.emitted = mark > st->txn.mark;
}

void src_mysql_txn_defer(src_mysql_stream *st)
{
    cut_batch(st, st->txn.mark);
    st->rows_open = false;
    st->txn.deferred = true;
}

static cdc_rc refuse_rollback(const src_mysql_stream *st, const char *what, cdc_error *err)
{
    (void)cdc_error_set(
        err, CDC_FATAL, "mysql_rollback",
        "%s after changes of a captured table: the transaction mixes transactional and "
        "non-transactional tables, and which rows count cannot be told; make the "
        "tables InnoDB (ALTER TABLE ... ENGINE=InnoDB) and start again with a full copy",
        what);
    return src_mysql_stream_at(st, err);
}

cdc_rc src_mysql_txn_rollback(src_mysql_stream *st, const src_mysql_event *ev, cdc_error *err)
{
    if (src_mysql_txn_may_undo(st)) {
        if (!st->txn.deferred) {
            cut_batch(st, st->txn.mark);
        }
        st->txn.deferred = false;
    } else if (st->txn.emitted) {
        return refuse_rollback(st, "ROLLBACK", err);
    }
    return src_mysql_txn_finish(st, ev, err);
}

/* The name behind the words, which may be followed by spaces. */
static const char *name_behind(src_mysql_stream *st, const char *sql, const char *words)
{
    const char *name = src_mysql_xa_verb(sql, words);
    if (name == NULL) {
        return NULL;
    }
    name += strspn(name, " ");
    size_t n = strlen(name);
    while (n > 0 && name[n - 1] == ' ') {
        n--;
    }
    return cdc_arena_strndup(&st->scratch, name, n);
}

cdc_rc src_mysql_txn_savepoint(src_mysql_stream *st, const char *sql, cdc_error *err)
{
    const char *name = name_behind(st, sql, "SAVEPOINT ");
    if (name == NULL || !src_mysql_txn_may_undo(st)) { /* RELEASE: nobody goes back to it */
        return CDC_OK;
    }
    cdc_rc rc = src_mysql_undo_savepoint(&st->undo, name, st->batch->nevents, err);
    return rc == CDC_OK ? rc : src_mysql_stream_at(st, err);
}

cdc_rc src_mysql_txn_rollback_to(src_mysql_stream *st, const char *sql, cdc_error *err)
{
    uint32_t mark;
    if (!src_mysql_txn_may_undo(st)) {
        bool known = st->logs_undone; /* read for the second time */
        return st->txn.emitted && !known ? refuse_rollback(st, "ROLLBACK TO SAVEPOINT", err)
                                         : CDC_OK;
    }
    const char *name = name_behind(st, sql, "ROLLBACK TO SAVEPOINT ");
    name = name != NULL ? name : name_behind(st, sql, "ROLLBACK TO ");
    cdc_rc rc = src_mysql_undo_rollback_to(&st->undo, name != NULL ? name : sql, &mark, err);
    if (rc != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    if (!src_mysql_txn_is_silent(st)) {
        cut_batch(st, mark);
    }
    return CDC_OK;
}

/* An XA transaction that was prepared before the capture began and is committed now: its rows are
 * looked for in the server's logs, file by file, from the newest back. */
#include "core/log.h"
#include "stream_state.h"

void src_mysql_search_fini(src_mysql_search *search)
{
    src_mysql_feed_close(&search->feed);
    for (size_t i = 0; i < search->nfiles; i++) {
        free(search->files[i]);
    }
    free(search->files);
    memset(search, 0, sizeof(*search));
}

/* The logs up to the one that the stream is in. */
static cdc_rc load_files(src_mysql_stream *st, src_mysql_connection *conn, cdc_error *err)
{
    src_mysql_search *search = &st->search;
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(conn, "SHOW BINARY LOGS", &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    search->files = calloc((size_t)mysql_num_rows(res) + 1, sizeof(*search->files));
    bool behind = false;
    for (MYSQL_ROW row; search->files != NULL && !behind && (row = mysql_fetch_row(res)) != NULL;) {
        search->files[search->nfiles] = strdup(row[0]);
        if (search->files[search->nfiles] == NULL) {
            break;
        }
        search->nfiles++;
        behind = strcmp(row[0], st->txn.begin.file) == 0;
    }
    mysql_free_result(res);
    return behind ? CDC_OK
                  : cdc_error_set(err, CDC_FATAL, "mysql_purged",
                                  "log %s, which is being read, is not at the server any more",
                                  st->txn.begin.file);
}

/* Opens the newest log that was not searched yet. */
static cdc_rc open_file(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_search *search = &st->search;
    src_mysql_connection conn;
    uint32_t id;
    cdc_rc rc = src_mysql_replay_connect(st, &conn, &id, err);
    if (rc == CDC_OK && search->files == NULL) {
        rc = load_files(st, &conn, err);
        search->next = search->nfiles;
    }
    if (rc == CDC_OK && search->next == 0) {
        (void)cdc_error_set(err, CDC_FATAL, "mysql_xa_lost",
                            "an XA transaction (xid %s) is committed that was prepared before the "
                            "oldest log of the server: its rows are not known; start the task "
                            "again with a full copy under a new name",
                            search->xid);
        rc = src_mysql_stream_at(st, err);
    }
    if (rc != CDC_OK) {
        src_mysql_disconnect(&conn);
        return rc;
    }
    search->next--;
    snprintf(search->at.file, sizeof(search->at.file), "%s", search->files[search->next]);
    search->at.pos = 4;
    return src_mysql_feed_open(&search->feed, &conn, id, NULL, &search->at, err);
}

cdc_rc src_mysql_search_begin(src_mysql_stream *st, const char *xid, cdc_error *err)
{
    src_mysql_search *search = &st->search;
    CDC_LOG(CDC_LOG_INFO, "xa_search", CDC_STR("xid", xid), CDC_STR("file", st->txn.begin.file),
            CDC_NUM("pos", st->txn.begin.pos));
    snprintf(search->xid, sizeof(search->xid), "%s", xid);
    search->active = true;
    return open_file(st, err);
}

/* A statement: does it end the transaction that was found? */
static void note_query(src_mysql_search *search, const src_mysql_event *ev)
{
    src_mysql_query query;
    char xid[SRC_MYSQL_XID_MAX];
    char text[SRC_MYSQL_XID_MAX + 64];
    cdc_error ignored;
    cdc_error_clear(&ignored);
    if (src_mysql_event_query(ev, &query, &ignored) != CDC_OK || query.sql_len >= sizeof(text)) {
        return;
    }
    memcpy(text, query.sql, query.sql_len);
    text[query.sql_len] = '\0';
    const char *behind = src_mysql_xa_verb(text, "XA COMMIT ");
    behind = behind != NULL ? behind : src_mysql_xa_verb(text, "XA ROLLBACK ");
    if (behind != NULL && src_mysql_xid_of_text(behind, xid) && strcmp(xid, search->xid) == 0) {
        search->found = false;
    }
}

/* The current file is at its end, or at the place of the stream. */
static cdc_rc end_of_file(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_search *search = &st->search;
    src_mysql_feed_close(&search->feed);
    if (!search->found) {
        return open_file(st, err);
    }
    src_mysql_prepared item = {.selected = true, .begin = search->group};
    snprintf(item.xid, sizeof(item.xid), "%s", search->xid);
    src_mysql_search_fini(search);
    return src_mysql_replay_prepared(st, &item, err);
}

static bool is_other_file(const src_mysql_search *search, const src_mysql_rotate *rotate)
{
    return rotate->file_len != strlen(search->at.file) ||
           memcmp(rotate->file, search->at.file, rotate->file_len) != 0;
}

static cdc_rc note_prepare(src_mysql_search *search, const src_mysql_event *ev, cdc_error *err)
{
    char xid[SRC_MYSQL_XID_MAX];
    bool one_phase;
    cdc_rc rc = src_mysql_xid_of_event(ev, xid, &one_phase, err);
    if (rc == CDC_OK && strcmp(xid, search->xid) == 0) {
        search->found = !one_phase;
        search->group = search->current;
    }
    return rc;
}

cdc_rc src_mysql_search_take(src_mysql_stream *st, cdc_error *err)
{
    src_mysql_search *search = &st->search;
    src_mysql_event ev;
    src_mysql_rotate rotate = {.file = NULL};
    cdc_rc rc = src_mysql_feed_next(&search->feed, &search->at, &ev, err);
    if (rc != CDC_OK) {
        return rc == CDC_AGAIN ? CDC_OK : rc;
    }
    if (src_mysql_event_has_end(&ev)) {
        src_mysql_log_pos_advance(&search->at, ev.end_pos);
    }
    if (src_mysql_event_is_gtid(ev.type)) {
        search->current = search->at;
        search->current.pos -= ev.length;
    } else if (ev.type == SRC_MYSQL_XA_PREPARE_EVENT) {
        rc = note_prepare(search, &ev, err);
    } else if (ev.type == SRC_MYSQL_QUERY_EVENT) {
        note_query(search, &ev);
    } else if (ev.type == SRC_MYSQL_ROTATE_EVENT) {
        rc = src_mysql_event_rotate(&ev, &rotate, err);
    }
    if (rc != CDC_OK) {
        return src_mysql_stream_at(st, err);
    }
    bool end = (rotate.file != NULL && is_other_file(search, &rotate)) ||
               src_mysql_log_pos_compare(&search->at, &st->txn.begin) >= 0;
    return end ? end_of_file(st, err) : CDC_OK;
}

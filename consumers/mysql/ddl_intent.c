#include "ddl_intent.h"

#include "core/arena.h"
#include "core/log.h"
#include "handle.h"
#include "literal.h"
#include "offsets.h"
#include "schema/mysql_sql/statement.h"

enum {
    SQL_MAX = 256 * 1024 * 1024,
    ARENA_MAX = 256 * 1024 * 1024,
    HEAD_MAX = 60, /* characters of at most four bytes in VARCHAR(255) */
    LOCK_S = 60,   /* less than the connection waits for an answer */
};

/* --- the lock --- */

/* A name of a lock has at most 64 characters, as many as a task's own. */
void sink_mysql_add_ddl_lock(cdc_buffer *sql, const sink_mysql_handle *sm)
{
    cdc_buffer_add_str(sql, "(CONCAT('sluice.',LEFT(SHA2(");
    sink_mysql_add_task(sql, sm);
    cdc_buffer_add_str(sql, ",256),48))");
}

/* One value of one row; false: none, or NULL. */
static cdc_rc sink_mysql_ask_value(sink_mysql_handle *sm, const char *doing, const cdc_buffer *sql,
                                   bool *is_one, cdc_error *err)
{
    MYSQL_RES *res = NULL;
    *is_one = false;
    if (sql->failed) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "%s: out of memory", doing);
    }
    cdc_rc rc = sink_mysql_query(&sm->conn, doing, sql->data, sql->len, &res, err);
    if (rc == CDC_OK) {
        MYSQL_ROW row = mysql_fetch_row(res);
        *is_one = row != NULL && row[0] != NULL && strcmp(row[0], "1") == 0;
        mysql_free_result(res);
    }
    return rc;
}

static cdc_rc sink_mysql_intent_lock(sink_mysql_handle *sm, cdc_error *err)
{
    cdc_buffer sql;
    bool got = false;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT GET_LOCK");
    sink_mysql_add_ddl_lock(&sql, sm);
    cdc_buffer_addf(&sql, ",%d)", LOCK_S);
    cdc_rc rc = sink_mysql_ask_value(sm, "lock definition changes", &sql, &got, err);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK && !got) {
        rc = cdc_error_set(err, CDC_RETRY, "ddl_running",
                           "target %s: it still executes the definition change of an earlier "
                           "applier of task %s: waiting for it (SHOW PROCESSLIST shows it)",
                           sm->conn.where, sm->env->task->name);
    }
    return rc;
}

cdc_rc sink_mysql_intent_unlock(sink_mysql_handle *sm, cdc_error *err)
{
    cdc_buffer sql;
    bool was = false;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT RELEASE_LOCK");
    sink_mysql_add_ddl_lock(&sql, sm);
    cdc_buffer_add_char(&sql, ')');
    cdc_rc rc = sink_mysql_ask_value(sm, "unlock definition changes", &sql, &was, err);
    cdc_buffer_fini(&sql);
    return rc;
}

/* --- what the objects look like --- */

static bool sink_mysql_is_absent(const cdc_error *err)
{
    return strcmp(err->code, "mysql_1146") == 0 || strcmp(err->code, "mysql_1049") == 0 ||
           strcmp(err->code, "mysql_1008") == 0;
}

/* The counter of AUTO_INCREMENT moves by rows, and by a restart of the server. */
static void sink_mysql_add_definition(cdc_buffer *out, const char *text, size_t len)
{
    static const char counter[] = " AUTO_INCREMENT=";
    const char *at = memmem(text, len, counter, sizeof counter - 1);
    if (at != NULL) {
        cdc_buffer_add(out, text, (size_t)(at - text));
        at += sizeof counter - 1;
        while (at < text + len && *at >= '0' && *at <= '9') {
            at++;
        }
        len -= (size_t)(at - text);
        text = at;
    }
    cdc_buffer_add(out, text, len);
}

/* table "": the database. */
static cdc_rc sink_mysql_look_at(sink_mysql_handle *sm, const char *database, const char *table,
                                 cdc_buffer *out, cdc_error *err)
{
    cdc_rename_name name;
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_error why;
    cdc_error_clear(&why);
    cdc_buffer_init(&sql, SQL_MAX);
    if (table[0] != '\0') {
        cdc_rename_table(sm->rename, database, table, &name);
        cdc_buffer_add_str(&sql, "SHOW CREATE TABLE ");
        sink_mysql_add_name(&sql, name.database);
        cdc_buffer_add_char(&sql, '.');
        sink_mysql_add_name(&sql, name.table);
    } else {
        cdc_rename_database(sm->rename, database, name.database);
        cdc_buffer_add_str(&sql, "SHOW CREATE DATABASE ");
        sink_mysql_add_name(&sql, name.database);
    }
    cdc_rc rc = sink_mysql_query(&sm->conn, "look at a definition", sql.data, sql.len, &res, &why);
    cdc_buffer_add(out, sql.data, sql.len);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        MYSQL_ROW row = mysql_fetch_row(res);
        const unsigned long *lengths = mysql_fetch_lengths(res);
        if (row != NULL && lengths != NULL && row[1] != NULL) {
            sink_mysql_add_definition(out, row[1], lengths[1]);
        }
        mysql_free_result(res);
    } else if (rc == CDC_FATAL && sink_mysql_is_absent(&why)) {
        cdc_buffer_add_str(out, " is not there");
        rc = CDC_OK;
    } else {
        *err = why;
    }
    return rc;
}

/* Everything that the statement touches. */
static cdc_rc sink_mysql_look(sink_mysql_handle *sm, const cdc_event *const *events, uint32_t n,
                              cdc_buffer *out, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < n && rc == CDC_OK; i++) {
        const cdc_event *ev = events[i];
        const char *dot = ev->ddl_was != NULL ? strchr(ev->ddl_was, '.') : NULL;
        const char *database = ev->ddl_database[0] != '\0' ? ev->ddl_database : ev->ddl_default;
        if (database == NULL || database[0] == '\0') {
            continue;
        }
        rc = sink_mysql_look_at(sm, database, ev->ddl_table, out, err);
        if (rc == CDC_OK && dot != NULL) {
            char was[CDC_RENAME_MAX];
            snprintf(was, sizeof was, "%.*s", (int)(dot - ev->ddl_was), ev->ddl_was);
            rc = sink_mysql_look_at(sm, was, dot + 1, out, err);
        }
    }
    return rc;
}

/* --- the intent --- */

static void sink_mysql_add_place(cdc_buffer *sql, const sink_mysql_handle *sm, const cdc_offset *at)
{
    cdc_buffer_add_str(sql, " WHERE task=");
    sink_mysql_add_task(sql, sm);
    cdc_buffer_add_str(sql, " AND topic=");
    sink_mysql_add_text(sql, at->topic, strlen(at->topic));
    cdc_buffer_addf(sql, " AND part=%d", at->partition);
}

static void sink_mysql_add_hash(cdc_buffer *sql, const char *p, size_t n)
{
    cdc_buffer_add_str(sql, "SHA2(");
    sink_mysql_add_text(sql, p, n);
    cdc_buffer_add_str(sql, ",256)");
}

typedef enum sink_mysql_found {
    SINK_MYSQL_NO_INTENT,
    SINK_MYSQL_INTENT_SAME,    /* and the objects look as before it */
    SINK_MYSQL_INTENT_CHANGED, /* ...or otherwise */
} sink_mysql_found;

/* Is there an intent of this very statement? */
static cdc_rc sink_mysql_intent_find(sink_mysql_handle *sm, const cdc_event *ev,
                                     const cdc_offset *at, const cdc_buffer *look,
                                     sink_mysql_found *found, cdc_error *err)
{
    cdc_buffer sql;
    bool open = false;
    bool same = false;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT 1 FROM sluice.ddl");
    sink_mysql_add_place(&sql, sm, at);
    cdc_buffer_addf(&sql, " AND next_offset=%lld AND statement_hash=", (long long)at->next);
    sink_mysql_add_hash(&sql, ev->sql, ev->sql_len);
    cdc_rc rc = sink_mysql_ask_value(sm, "read sluice.ddl", &sql, &open, err);
    if (rc == CDC_OK && open) {
        cdc_buffer_add_str(&sql, " AND before_hash=");
        sink_mysql_add_hash(&sql, look->data, look->len);
        rc = sink_mysql_ask_value(sm, "read sluice.ddl", &sql, &same, err);
    }
    cdc_buffer_fini(&sql);
    *found = !open  ? SINK_MYSQL_NO_INTENT
             : same ? SINK_MYSQL_INTENT_SAME
                    : SINK_MYSQL_INTENT_CHANGED;
    return rc;
}

static size_t sink_mysql_head(const cdc_event *ev)
{
    size_t n = ev->sql_len < HEAD_MAX ? ev->sql_len : HEAD_MAX;
    while (n > 0 && n < ev->sql_len && ((unsigned char)ev->sql[n] & 0xc0) == 0x80) {
        n--;
    }
    return n;
}

/* Written and committed, if the task is still ours. */
static cdc_rc sink_mysql_intent_write(sink_mysql_handle *sm, const cdc_event *ev,
                                      const cdc_offset *at, const cdc_buffer *look, cdc_error *err)
{
    const sink_mysql_stmt write = {.check = SINK_MYSQL_ANY};
    cdc_buffer *sql = &sm->packet.sql;
    cdc_rc rc = sink_mysql_put_fence(sm, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_packet_open(sm, &write, 2 * (ev->sql_len + look->len) + 4096, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_buffer_add_str(sql, "REPLACE INTO sluice.ddl (task, topic, part, next_offset, epoch, "
                            "statement_hash, before_hash, statement, begun_at) VALUES (");
    sink_mysql_add_task(sql, sm);
    cdc_buffer_add_char(sql, ',');
    sink_mysql_add_text(sql, at->topic, strlen(at->topic));
    cdc_buffer_addf(sql, ",%d,%lld,%llu,", at->partition, (long long)at->next,
                    (unsigned long long)sm->epoch);
    sink_mysql_add_hash(sql, ev->sql, ev->sql_len);
    cdc_buffer_add_char(sql, ',');
    sink_mysql_add_hash(sql, look->data, look->len);
    cdc_buffer_add_char(sql, ',');
    sink_mysql_add_text(sql, ev->sql, sink_mysql_head(ev));
    cdc_buffer_add_str(sql, ",NOW(3))");
    rc = sink_mysql_packet_send(sm, err);
    return rc == CDC_OK ? sink_mysql_exec(&sm->conn, "commit", "COMMIT", 6, err) : rc;
}

/* --- what may be done twice --- */

typedef enum sink_mysql_twice {
    SINK_MYSQL_TWICE_LOOK,  /* the look tells whether it was done */
    SINK_MYSQL_TWICE_AGAIN, /* once more does no harm, and the look may be of half of it */
    SINK_MYSQL_TWICE_NEVER,
} sink_mysql_twice;

static sink_mysql_twice sink_mysql_may_repeat(const cdc_event *ev)
{
    cdc_arena ar;
    cdc_sql_statement stmt;
    sink_mysql_twice twice = SINK_MYSQL_TWICE_LOOK;
    cdc_arena_init(&ar, 16 * 1024, ARENA_MAX);
    if (cdc_sql_statement_parse(ev->sql, ev->sql_len, 0, ev->ddl_default, &ar, &stmt)) {
        bool again = stmt.verb == CDC_SQL_TRUNCATE || stmt.verb == CDC_SQL_DROP || stmt.or_replace;
        twice = again ? SINK_MYSQL_TWICE_AGAIN : twice;
        if (stmt.verb == CDC_SQL_ALTER && strcasestr(ev->sql, "EXCHANGE") != NULL) {
            twice = SINK_MYSQL_TWICE_NEVER;
        }
    }
    cdc_arena_fini(&ar);
    return twice;
}

static cdc_rc sink_mysql_judge(const sink_mysql_handle *sm, const cdc_event *ev,
                               sink_mysql_found found, bool *done, cdc_error *err)
{
    size_t head = sink_mysql_head(ev);
    switch (sink_mysql_may_repeat(ev)) {
    case SINK_MYSQL_TWICE_AGAIN:
        break;
    case SINK_MYSQL_TWICE_NEVER:
        return cdc_error_set(
            err, CDC_FATAL, "ddl_unknown",
            "the applier was stopped while the target %s executed %.*s, and whether it was done "
            "cannot be told from the tables: look at their rows; if it was, start once with "
            "target.on_ddl_error: skip; if not, first DELETE FROM sluice.ddl WHERE task='%s'",
            sm->conn.where, (int)head, ev->sql, sm->env->task->name);
    case SINK_MYSQL_TWICE_LOOK:
        *done = found == SINK_MYSQL_INTENT_CHANGED;
        break;
    }
    char text[4 * HEAD_MAX];
    snprintf(text, sizeof text, "%.*s", (int)head, ev->sql);
    CDC_LOG(CDC_LOG_INFO, *done ? "ddl_was_done" : "ddl_again", CDC_STR("statement", text),
            CDC_STR("pos", ev->pos_text != NULL ? ev->pos_text : ""));
    return CDC_OK;
}

cdc_rc sink_mysql_intent_begin(sink_mysql_handle *sm, const cdc_event *const *events, uint32_t n,
                               const cdc_offset *at, bool *done, cdc_error *err)
{
    cdc_buffer look;
    sink_mysql_found found = SINK_MYSQL_NO_INTENT;
    *done = false;
    cdc_buffer_init(&look, SQL_MAX);
    cdc_rc rc = sink_mysql_intent_lock(sm, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_look(sm, events, n, &look, err);
    }
    if (rc == CDC_OK && look.failed) {
        rc = cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a definition");
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_intent_find(sm, events[0], at, &look, &found, err);
    }
    if (rc == CDC_OK) {
        rc = found == SINK_MYSQL_NO_INTENT ? sink_mysql_intent_write(sm, events[0], at, &look, err)
                                           : sink_mysql_judge(sm, events[0], found, done, err);
    }
    cdc_buffer_fini(&look);
    return rc;
}

static void sink_mysql_add_end(cdc_buffer *sql, const sink_mysql_handle *sm, const cdc_offset *at)
{
    cdc_buffer_add_str(sql, "DELETE FROM sluice.ddl");
    sink_mysql_add_place(sql, sm, at);
}

void sink_mysql_intent_forget(sink_mysql_handle *sm, const cdc_offset *at)
{
    cdc_buffer sql;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    if (sm->conn.my == NULL) {
        return;
    }
    cdc_buffer_init(&sql, SQL_MAX);
    sink_mysql_add_end(&sql, sm, at);
    cdc_rc rc = sink_mysql_exec(&sm->conn, "clear sluice.ddl", sql.data, sql.len, &ignored);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        rc = sink_mysql_exec(&sm->conn, "commit", "COMMIT", 6, &ignored);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_intent_unlock(sm, &ignored);
    }
    if (rc != CDC_OK) { /* it is judged by the look then, which shows no change */
        CDC_LOG(CDC_LOG_WARN, "ddl_intent_left", CDC_STR("error", ignored.text));
    }
}

cdc_rc sink_mysql_intent_end(sink_mysql_handle *sm, const cdc_offset *at, cdc_error *err)
{
    const sink_mysql_stmt end = {.check = SINK_MYSQL_ANY};
    cdc_rc rc = sink_mysql_packet_open(sm, &end, 1024, err);
    if (rc == CDC_OK) {
        sink_mysql_add_end(&sm->packet.sql, sm, at);
    }
    return rc;
}

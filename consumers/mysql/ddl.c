#include "ddl.h"

#include <ctype.h>
#include <strings.h>

#include "core/log.h"
#include "handle.h"
#include "literal.h"

enum { HEAD_MAX = 120, SQL_MAX = 8 * 1024 * 1024, NAME_MAX_BYTES = 64 };

/* --- reading a CREATE statement --- */

typedef struct sink_mysql_words {
    const char *p, *end;
} sink_mysql_words;

/* Passes over white space and comments; the text in an executable comment is read as if it stood
 * there. */
static void sink_mysql_skip_space(sink_mysql_words *w)
{
    while (w->p < w->end) {
        size_t left = (size_t)(w->end - w->p);
        if (isspace((unsigned char)*w->p)) {
            w->p++;
        } else if (left >= 3 && memcmp(w->p, "/*!", 3) == 0) {
            w->p += 3;
            while (w->p < w->end && isdigit((unsigned char)*w->p)) {
                w->p++;
            }
        } else if (left >= 2 && memcmp(w->p, "*/", 2) == 0) {
            w->p += 2;
        } else if (left >= 2 && memcmp(w->p, "/*", 2) == 0) {
            const char *stop = memmem(w->p + 2, left - 2, "*/", 2);
            w->p = stop != NULL ? stop + 2 : w->end;
        } else {
            return;
        }
    }
}

static bool sink_mysql_take_word(sink_mysql_words *w, const char *word)
{
    sink_mysql_skip_space(w);
    size_t n = strlen(word);
    size_t left = (size_t)(w->end - w->p);
    bool is = left >= n && strncasecmp(w->p, word, n) == 0 &&
              (left == n || !(isalnum((unsigned char)w->p[n]) || w->p[n] == '_'));
    if (is) {
        w->p += n;
    }
    return is;
}

static bool sink_mysql_take_name(sink_mysql_words *w)
{
    sink_mysql_skip_space(w);
    const char *start = w->p;
    if (w->p < w->end && *w->p == '`') {
        for (w->p++; w->p < w->end; w->p++) {
            if (*w->p != '`') {
                continue;
            }
            w->p++;
            if (w->p == w->end || *w->p != '`') {
                return true;
            }
        }
        return false;
    }
    while (w->p < w->end && (isalnum((unsigned char)*w->p) || *w->p == '_' || *w->p == '$' ||
                             (unsigned char)*w->p >= 0x80)) {
        w->p++;
    }
    return w->p > start;
}

bool sink_mysql_split_create(const char *sql, size_t len, const char *kind, const char **rest,
                             size_t *rest_len)
{
    sink_mysql_words w = {sql, sql + len};
    if (!sink_mysql_take_word(&w, "CREATE") || !sink_mysql_take_word(&w, kind)) {
        return false;
    }
    if (sink_mysql_take_word(&w, "IF") &&
        !(sink_mysql_take_word(&w, "NOT") && sink_mysql_take_word(&w, "EXISTS"))) {
        return false;
    }
    if (!sink_mysql_take_name(&w)) {
        return false;
    }
    if (w.p < w.end && *w.p == '.') {
        w.p++;
        if (!sink_mysql_take_name(&w)) {
            return false;
        }
    }
    *rest = w.p;
    *rest_len = (size_t)(w.end - w.p);
    return true;
}

/* --- what the other kind of server calls it --- */

static const struct {
    const char *mysql, *mariadb;
} COLLATIONS[] = {
    /* The collations of MySQL 8 are NO PAD; MariaDB 10.10 has the same order from a later Unicode
       version. */
    {"utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"},
    {"utf8mb4_0900_as_ci", "utf8mb4_uca1400_nopad_as_ci"},
    {"utf8mb4_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs"},
    {"utf8mb4_0900_bin", "utf8mb4_nopad_bin"},
    {"utf8mb4_0900_ai_ci", "utf8mb4_uca1400_ai_ci"},
    {"utf8mb4_0900_as_ci", "utf8mb4_uca1400_as_ci"},
    {"utf8mb4_0900_as_cs", "utf8mb4_uca1400_as_cs"},
};

const char *sink_mysql_other_collation(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof COLLATIONS / sizeof COLLATIONS[0]; i++) {
        if (strlen(COLLATIONS[i].mysql) == len &&
            strncasecmp(COLLATIONS[i].mysql, name, len) == 0) {
            return COLLATIONS[i].mariadb;
        }
        if (strlen(COLLATIONS[i].mariadb) == len &&
            strncasecmp(COLLATIONS[i].mariadb, name, len) == 0) {
            return COLLATIONS[i].mysql;
        }
    }
    return NULL;
}

static size_t sink_mysql_skip_quoted(const char *sql, size_t len, size_t at)
{
    char quote = sql[at++];
    while (at < len && sql[at] != quote) {
        at += sql[at] == '\\' && quote != '`' ? 2 : 1;
    }
    return at < len ? at + 1 : len; /* a doubled quote reads as the beginning of another text */
}

size_t sink_mysql_next_collation(const char *sql, size_t len, size_t *at)
{
    size_t i = *at;
    while (i < len) {
        char c = sql[i];
        if (c == '\'' || c == '"' || c == '`') {
            i = sink_mysql_skip_quoted(sql, len, i);
            continue;
        }
        size_t start = i;
        while (i < len && (isalnum((unsigned char)sql[i]) || sql[i] == '_')) {
            i++;
        }
        if (i - start > 8 && strncasecmp(sql + start, "utf8mb4_", 8) == 0) {
            *at = start;
            return i - start;
        }
        i += i == start ? 1 : 0;
    }
    *at = len;
    return 0;
}

/* Asks the server. */
static bool sink_mysql_knows_collation(sink_mysql_conn *conn, const char *name, size_t len)
{
    char sql[NAME_MAX_BYTES + 64];
    cdc_error ignored;
    MYSQL_RES *res = NULL;
    cdc_error_clear(&ignored);
    int n = snprintf(sql, sizeof sql, "SELECT _utf8mb4'' COLLATE %.*s", (int)len, name);
    bool known = len <= NAME_MAX_BYTES && sink_mysql_query(conn, "look for a collation", sql,
                                                           (size_t)n, &res, &ignored) == CDC_OK;
    if (known) {
        mysql_free_result(res);
    }
    return known;
}

/* Appends sql with the collations that this server does not know replaced. */
static void sink_mysql_adapt(sink_mysql_handle *sm, const cdc_event *ev, const char *sql,
                             size_t len, cdc_buffer *out)
{
    size_t done = 0;
    size_t at = 0;
    for (size_t n; (n = sink_mysql_next_collation(sql, len, &at)) > 0; at += n) {
        const char *other = sink_mysql_other_collation(sql + at, n);
        if (other == NULL || sink_mysql_knows_collation(&sm->conn, sql + at, n) ||
            !sink_mysql_knows_collation(&sm->conn, other, strlen(other))) {
            continue;
        }
        char was[NAME_MAX_BYTES + 1];
        snprintf(was, sizeof was, "%.*s", (int)n, sql + at);
        CDC_LOG(CDC_LOG_WARN, "ddl_adapted", CDC_STR("database", ev->ddl_database),
                CDC_STR("table", ev->ddl_table), CDC_STR("collation", was),
                CDC_STR("becomes", other));
        cdc_buffer_add(out, sql + done, at - done);
        cdc_buffer_add_str(out, other);
        done = at + n;
    }
    cdc_buffer_add(out, sql + done, len - done);
    if (sm->conn.maria && memmem(sql, len, "/*!8", 4) != NULL) {
        CDC_LOG(
            CDC_LOG_WARN, "ddl_adapted", CDC_STR("database", ev->ddl_database),
            CDC_STR("table", ev->ddl_table),
            CDC_STR(
                "note",
                "what stands in comments like /*!80016 ... */ is for MySQL alone and left out"));
    }
}

/* --- carrying it out --- */

static cdc_rc sink_mysql_ddl_refuse(const sink_mysql_handle *sm, const cdc_event *ev,
                                    cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "ddl_not_replayed",
                         "this definition change is not replayed: %.*s: run it on the target %s, "
                         "then start once with target.on_ddl_error: skip",
                         (int)(ev->sql_len < HEAD_MAX ? ev->sql_len : HEAD_MAX), ev->sql,
                         sm->conn.where);
}

/* One statement, and no second one behind a ';' in it. */
static cdc_rc sink_mysql_ddl_run(sink_mysql_handle *sm, const cdc_event *ev, const cdc_buffer *sql,
                                 cdc_error *err)
{
    static const char no_checks[] = "SET foreign_key_checks=0"; /* tables come in any order */
    if (sql->failed) {
        return cdc_error_set(err, CDC_FATAL, "packet_too_large",
                             "the definition of %s.%s is too long", ev->ddl_database,
                             ev->ddl_table);
    }
    cdc_rc rc =
        sink_mysql_exec(&sm->conn, "set foreign_key_checks", no_checks, sizeof no_checks - 1, err);
    if (rc != CDC_OK) {
        return rc;
    }
    sm->packet.foreign_keys = 0;
    mysql_set_server_option(sm->conn.my, MYSQL_OPTION_MULTI_STATEMENTS_OFF);
    rc = sink_mysql_exec(&sm->conn, "create", sql->data, sql->len, err);
    if (rc == CDC_OK || rc == CDC_FATAL) {
        mysql_set_server_option(sm->conn.my, MYSQL_OPTION_MULTI_STATEMENTS_ON);
    }
    if (rc == CDC_FATAL) {
        cdc_error_context(err, "definition of %s%s%s", ev->ddl_database,
                          ev->ddl_table[0] != '\0' ? "." : "", ev->ddl_table);
    }
    return rc;
}

static cdc_rc sink_mysql_create_database(sink_mysql_handle *sm, const cdc_event *ev,
                                         const char *rest, size_t len, cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "CREATE DATABASE IF NOT EXISTS ");
    sink_mysql_add_name(&sql, ev->ddl_database);
    sink_mysql_adapt(sm, ev, rest, len, &sql);
    cdc_rc rc = sink_mysql_ddl_run(sm, ev, &sql, err);
    cdc_buffer_fini(&sql);
    return rc;
}

static cdc_rc sink_mysql_table_exists(sink_mysql_handle *sm, const cdc_event *ev, bool *exists,
                                      cdc_error *err)
{
    cdc_buffer sql;
    MYSQL_RES *res = NULL;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA=");
    sink_mysql_add_text(&sql, ev->ddl_database, strlen(ev->ddl_database));
    cdc_buffer_add_str(&sql, " AND TABLE_NAME=");
    sink_mysql_add_text(&sql, ev->ddl_table, strlen(ev->ddl_table));
    cdc_rc rc = sink_mysql_query(&sm->conn, "look for a table", sql.data, sql.len, &res, err);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        *exists = mysql_num_rows(res) > 0;
        mysql_free_result(res);
    }
    return rc;
}

static cdc_rc sink_mysql_create_table(sink_mysql_handle *sm, const cdc_event *ev, const char *rest,
                                      size_t len, cdc_error *err)
{
    bool exists = false;
    cdc_rc rc = sink_mysql_table_exists(sm, ev, &exists, err);
    if (rc != CDC_OK || exists) {
        return rc;
    }
    rc = sink_mysql_create_database(sm, ev, "", 0, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_buffer sql;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, "CREATE TABLE IF NOT EXISTS ");
    sink_mysql_add_name(&sql, ev->ddl_database);
    cdc_buffer_add_char(&sql, '.');
    sink_mysql_add_name(&sql, ev->ddl_table);
    cdc_buffer_add_char(&sql, ' ');
    sink_mysql_adapt(sm, ev, rest, len, &sql);
    rc = sink_mysql_ddl_run(sm, ev, &sql, err);
    cdc_buffer_fini(&sql);
    if (rc == CDC_OK) {
        CDC_LOG(CDC_LOG_INFO, "table_created", CDC_STR("database", ev->ddl_database),
                CDC_STR("table", ev->ddl_table));
    }
    return rc;
}

static bool sink_mysql_is_definition(const char *rest, size_t len)
{
    sink_mysql_words w = {rest, rest + len};
    sink_mysql_skip_space(&w);
    return w.p < w.end && *w.p == '('; /* not LIKE, not SELECT */
}

static cdc_rc sink_mysql_ddl_carry_out(sink_mysql_handle *sm, const cdc_event *ev, cdc_error *err)
{
    const char *rest = NULL;
    size_t len = 0;
    cdc_event named = *ev;
    if (ev->ddl_database == NULL || ev->ddl_database[0] == '\0') {
        named.ddl_database = ev->ddl_default != NULL ? ev->ddl_default : "";
    }
    if (ev->ddl_table == NULL) {
        named.ddl_table = "";
    }
    if (ev->phase != CDC_PHASE_SNAPSHOT || named.ddl_database[0] == '\0') {
        return sink_mysql_ddl_refuse(sm, ev, err);
    }
    bool table = named.ddl_table[0] != '\0' &&
                 sink_mysql_split_create(ev->sql, ev->sql_len, "TABLE", &rest, &len) &&
                 sink_mysql_is_definition(rest, len);
    if (table) {
        return sink_mysql_create_table(sm, &named, rest, len, err);
    }
    bool database = sink_mysql_split_create(ev->sql, ev->sql_len, "DATABASE", &rest, &len) ||
                    sink_mysql_split_create(ev->sql, ev->sql_len, "SCHEMA", &rest, &len);
    return database ? sink_mysql_create_database(sm, &named, rest, len, err)
                    : sink_mysql_ddl_refuse(sm, ev, err);
}

cdc_rc sink_mysql_ddl_execute(sink_mysql_handle *sm, const cdc_event *const *events, uint32_t n,
                              cdc_error *err)
{
    (void)n;
    cdc_rc rc = sink_mysql_ddl_carry_out(sm, events[0], err);
    /* Also what was changed at the target by hand, before a skip. */
    sink_mysql_cache_reset(&sm->cache);
    return rc;
}

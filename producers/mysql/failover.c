#include "failover.h"

#include <strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"

enum {
    READ_TIMEOUT_S = 10,
    PATIENCE_MS = 15000,
    PAUSE_MS = 500,
    TEXT_MAX = 64 * 1024 * 1024,
    SHOWN = 300, /* of a list of GTIDs */
};

/* --- MariaDB's GTIDs --- */

typedef struct gtid {
    uint32_t domain, server;
    uint64_t seq;
} gtid;

/* Takes the next "D-S-N" of a list; false at its end or at something else. */
static bool next_gtid(const char **at, gtid *out)
{
    uint64_t part[3];
    const char *p = *at;
    p += strspn(p, ", ");
    for (int i = 0; i < 3; i++) {
        char *end;
        if (*p < '0' || *p > '9') {
            return false;
        }
        part[i] = strtoull(p, &end, 10);
        p = i < 2 && *end == '-' ? end + 1 : end;
    }
    *out = (gtid){(uint32_t)part[0], (uint32_t)part[1], part[2]};
    *at = p;
    return true;
}

static void add_gtid(cdc_buffer *out, const char *before, const gtid *g)
{
    cdc_buffer_addf(out, "%s%u-%u-%llu", before, g->domain, g->server, (unsigned long long)g->seq);
}

/* A transaction without a GTID is named by its place in one server's log. */
static bool is_gtid(const char *txn, bool is_mariadb)
{
    gtid g;
    return is_mariadb ? next_gtid(&txn, &g) && *txn == '\0'
                      : strlen(txn) > 37 && txn[8] == '-' && txn[36] == ':' &&
                            strspn(txn, "0123456789abcdefghijklmnopqrstuvwxyz_:-") == strlen(txn);
}

static const char *comma(const cdc_buffer *out)
{
    return out->len > 0 ? "," : "";
}

void src_mysql_failover_not_reached(const char *wanted, const char *state, cdc_buffer *out)
{
    gtid want;
    while (next_gtid(&wanted, &want)) {
        gtid has;
        bool reached = false;
        for (const char *p = state; !reached && next_gtid(&p, &has);) {
            reached = has.domain == want.domain && has.server == want.server && has.seq >= want.seq;
        }
        if (!reached) {
            add_gtid(out, comma(out), &want);
        }
    }
}

void src_mysql_failover_purged(const char *executed, const char *purged, cdc_buffer *out)
{
    gtid gone;
    while (next_gtid(&purged, &gone)) {
        gtid done = {0};
        gtid has;
        for (const char *p = executed; next_gtid(&p, &has);) {
            done = has.domain == gone.domain ? has : done;
        }
        if (gone.seq > done.seq) {
            cdc_buffer_add_str(out, comma(out));
            if (done.seq > 0) {
                add_gtid(out, " behind ", &done);
            }
            add_gtid(out, " up to ", &gone);
        }
    }
}

/* --- is a server fit? --- */

static int shown(cdc_buffer *text)
{
    return (int)(strlen(cdc_buffer_cstr(text)) < SHOWN ? strlen(cdc_buffer_cstr(text)) : SHOWN);
}

/* One query's text, appended; the query is made of fixed text and of GTIDs. */
static cdc_rc ask(src_mysql_connection *conn, cdc_buffer *sql, cdc_buffer *out, cdc_error *err)
{
    return sql->failed ? cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the GTID set")
                       : src_mysql_select_text(conn, cdc_buffer_cstr(sql), out, err);
}

/* Does a thread apply what another server sends? Not known counts as no. */
static bool replicates(src_mysql_connection *conn, bool *configured)
{
    const char *sql = conn->is_mariadb         ? "SHOW GLOBAL STATUS LIKE 'Slaves_running'"
                      : conn->version >= 80022 ? "SHOW REPLICA STATUS"
                                               : "SHOW SLAVE STATUS";
    bool running = false;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    MYSQL_RES *res;
    *configured = false;
    if (src_mysql_select(conn, sql, &res, &ignored) != CDC_OK) {
        return false;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    MYSQL_FIELD *fields = mysql_fetch_fields(res);
    for (unsigned i = 0; row != NULL && i < mysql_num_fields(res); i++) {
        const char *value = row[i] != NULL ? row[i] : "";
        running = running || (conn->is_mariadb ? i == 1 && strcmp(value, "0") != 0
                                               : strstr(fields[i].name, "_SQL_Running") != NULL &&
                                                     strcasecmp(value, "Yes") == 0);
    }
    *configured = conn->is_mariadb ? running : row != NULL;
    mysql_free_result(res);
    return running;
}

/* A replica that logs only its own changes would show us a part of them. */
static cdc_rc check_logs_all(src_mysql_connection *conn, size_t nhosts, cdc_error *err)
{
    cdc_buffer value;
    bool configured = false;
    cdc_buffer_init(&value, 256);
    cdc_rc rc = src_mysql_select_text(conn, "SELECT @@GLOBAL.log_slave_updates", &value, err);
    bool off = rc == CDC_OK && strcmp(cdc_buffer_cstr(&value), "0") == 0;
    cdc_buffer_fini(&value);
    if (rc == CDC_OK && off) {
        (void)replicates(conn, &configured);
    }
    if (rc != CDC_OK || !off || (nhosts == 1 && !configured)) {
        return rc;
    }
    const char *name = conn->is_mariadb ? "log_slave_updates" : "log_replica_updates";
    return cdc_error_refuse(err, "mysql_variable",
                            "server %s has %s = OFF: what it receives as a replica is not in its "
                            "binary log, and would be missing; set %s=ON in its configuration and "
                            "restart it, or leave it out of source.hosts",
                            conn->name, name, name);
}

static cdc_rc missing_mysql(src_mysql_connection *conn, const src_mysql_goal *goal, cdc_buffer *out,
                            cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, TEXT_MAX);
    cdc_buffer_addf(&sql, "SELECT GTID_SUBTRACT('%s%s%s', @@GLOBAL.gtid_executed)", goal->pos->gtid,
                    goal->txn[0] != '\0' && goal->pos->gtid[0] != '\0' ? "," : "", goal->txn);
    cdc_rc rc = ask(conn, &sql, out, err);
    cdc_buffer_fini(&sql);
    return rc;
}

static cdc_rc missing_mariadb(src_mysql_connection *conn, const src_mysql_goal *goal,
                              cdc_buffer *out, cdc_error *err)
{
    cdc_buffer state;
    cdc_buffer_init(&state, TEXT_MAX);
    cdc_rc rc = src_mysql_select_text(conn, "SELECT @@GLOBAL.gtid_binlog_state", &state, err);
    if (rc == CDC_OK) {
        src_mysql_failover_not_reached(goal->pos->gtid, cdc_buffer_cstr(&state), out);
        src_mysql_failover_not_reached(goal->txn, cdc_buffer_cstr(&state), out);
    }
    cdc_buffer_fini(&state);
    return rc;
}

/* RETRY, code mysql_behind: it may still get there. */
static cdc_rc check_has_all(src_mysql_connection *conn, const src_mysql_goal *goal, cdc_error *err)
{
    cdc_buffer missing;
    cdc_buffer_init(&missing, TEXT_MAX);
    cdc_rc rc = conn->is_mariadb ? missing_mariadb(conn, goal, &missing, err)
                                 : missing_mysql(conn, goal, &missing, err);
    if (rc == CDC_OK && missing.len > 0) {
        bool configured;
        bool running = replicates(conn, &configured);
        rc = cdc_error_refuse(
            err, running ? "mysql_behind" : "mysql_gtid_diverged",
            "server %s lacks transactions that were captured already: %.*s%s; bring them back (add "
            "the old server, or a replica that has them, to source.hosts, or let replication "
            "finish); if they are lost, the topic and the target have rows that the source has "
            "not: start again with a full copy under a new name",
            conn->name, shown(&missing), cdc_buffer_cstr(&missing),
            running ? " (it is a replica that still applies)" : "");
    }
    cdc_buffer_fini(&missing);
    return rc;
}

/* MariaDB tells only when the stream is opened; then another server could no longer be taken. */
static cdc_rc check_purged_mariadb(src_mysql_connection *conn, const char *executed, cdc_error *err)
{
    char file[2 * SRC_MYSQL_FILE_MAX + 1] = "";
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(conn, "SHOW BINARY LOGS", &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row != NULL && row[0] != NULL && strlen(row[0]) <= SRC_MYSQL_FILE_MAX) {
        mysql_real_escape_string(conn->mysql, file, row[0], (unsigned long)strlen(row[0]));
    }
    mysql_free_result(res);
    cdc_buffer sql;
    cdc_buffer purged;
    cdc_buffer missing;
    cdc_buffer_init(&sql, 2048);
    cdc_buffer_init(&purged, TEXT_MAX);
    cdc_buffer_init(&missing, TEXT_MAX);
    cdc_buffer_addf(&sql, "SELECT BINLOG_GTID_POS('%s', 4)", file);
    rc = ask(conn, &sql, &purged, err);
    if (rc == CDC_OK) {
        src_mysql_failover_purged(executed, cdc_buffer_cstr(&purged), &missing);
    }
    if (rc == CDC_OK && missing.len > 0) {
        rc = cdc_error_refuse(
            err, "mysql_purged",
            "server %s has purged transactions that are needed from its binary logs (those%.*s): "
            "changes are lost there; add a server that has them to source.hosts, or start the task "
            "again with a full copy under a new name, and keep logs longer "
            "(binlog_expire_logs_seconds)",
            conn->name, shown(&missing), cdc_buffer_cstr(&missing));
    }
    cdc_buffer_fini(&sql);
    cdc_buffer_fini(&purged);
    cdc_buffer_fini(&missing);
    return rc;
}

/* File and position without GTIDs mean nothing on another server. */
static cdc_rc check_same_server(const src_mysql_connection *conn, const src_mysql_server *server,
                                const src_mysql_position *pos, cdc_error *err)
{
    if (pos->server[0] == '\0' || strcmp(pos->server, server->identity) == 0) {
        return CDC_OK;
    }
    return cdc_error_refuse(
        err, "mysql_other_server",
        "server %s (%s) is not the one that position %s:%llu belongs to (%s), and without GTIDs "
        "the place cannot be found on another server: point source.hosts at the old one, or start "
        "again with a full copy under a new name",
        conn->name, server->identity, pos->at.file, (unsigned long long)pos->at.pos, pos->server);
}

cdc_rc src_mysql_failover_check(src_mysql_connection *conn, const src_mysql_server *server,
                                const src_mysql_goal *goal, cdc_error *err)
{
    if (goal->pos == NULL) {
        return CDC_OK;
    }
    bool by_gtid = goal->pos->gtid != NULL && server->has_gtids &&
                   (goal->txn[0] == '\0' || is_gtid(goal->txn, conn->is_mariadb));
    if (!by_gtid) {
        return check_same_server(conn, server, goal->pos, err);
    }
    cdc_rc rc = check_has_all(conn, goal, err);
    if (rc != CDC_OK) {
        return rc;
    }
    return conn->is_mariadb ? check_purged_mariadb(conn, goal->pos->gtid, err)
                            : src_mysql_server_check_purged(conn, server, goal->pos->gtid, err);
}

/* --- which one --- */

/* What a round through all servers gave. */
typedef struct round_result {
    size_t away, unfit;
    bool waits; /* waiting may help */
    cdc_error refusal, absence;
} round_result;

static cdc_rc try_server(src_mysql_connection *conn, src_mysql_server *server,
                         const cdc_config *cfg, const char *address, const src_mysql_goal *goal,
                         cdc_error *err)
{
    cdc_rc rc = src_mysql_connect(conn, cfg, address, READ_TIMEOUT_S, err);
    if (rc == CDC_OK) {
        rc = src_mysql_server_check(conn, server, err);
    }
    if (rc == CDC_OK) {
        rc = check_logs_all(conn, cdc_config_count(cfg, "source.hosts"), err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_failover_check(conn, server, goal, err);
    }
    if (rc != CDC_OK) {
        src_mysql_disconnect(conn);
    }
    return rc;
}

static cdc_rc try_all(src_mysql_connection *conn, src_mysql_server *server, const cdc_config *cfg,
                      const src_mysql_goal *goal, round_result *round)
{
    size_t n = cdc_config_count(cfg, "source.hosts");
    for (size_t i = 0; i < n; i++) {
        cdc_error err;
        cdc_error_clear(&err);
        const char *address = cdc_config_item(cfg, "source.hosts", i);
        cdc_rc rc = try_server(conn, server, cfg, address, goal, &err);
        if (rc == CDC_OK) {
            return CDC_OK;
        }
        if (n > 1) {
            CDC_LOG(CDC_LOG_WARN, "source_skipped", CDC_STR("server", address),
                    CDC_STR("code", err.code), CDC_STR("error", err.text));
        }
        if (rc == CDC_RETRY) {
            round->away++;
            round->absence = err;
        } else {
            round->waits = round->waits || strcmp(err.code, "mysql_behind") == 0;
            round->refusal = err;
            round->unfit++;
        }
    }
    return CDC_RETRY;
}

static cdc_rc give_up(const round_result *round, size_t nhosts, cdc_error *err)
{
    *err = round->unfit > 0 ? round->refusal : round->absence;
    if (nhosts == 1) {
        return err->rc;
    }
    return round->unfit == 0
               ? cdc_error_context(err,
                                   "none of the %zu servers of source.hosts can be reached, "
                                   "the last",
                                   nhosts)
               : cdc_error_context(err,
                                   "of the %zu servers of source.hosts %zu cannot be reached "
                                   "and %zu cannot be captured from here, the last",
                                   nhosts, round->away, round->unfit);
}

cdc_rc src_mysql_failover_connect(src_mysql_connection *conn, src_mysql_server *server,
                                  const cdc_config *cfg, const src_mysql_goal *goal, cdc_error *err)
{
    size_t nhosts = cdc_config_count(cfg, "source.hosts");
    int64_t deadline = cdc_clock_mono_ms() + PATIENCE_MS;
    if (nhosts == 0) {
        return cdc_error_set(err, CDC_FATAL, "mysql_host", "source.hosts is empty");
    }
    for (;;) {
        round_result round = {0};
        if (try_all(conn, server, cfg, goal, &round) == CDC_OK) {
            return CDC_OK;
        }
        bool waits = round.waits || (round.unfit > 0 && round.away > 0);
        if (!waits || cdc_clock_mono_ms() >= deadline || cdc_stop_wait(PAUSE_MS)) {
            return give_up(&round, nhosts, err);
        }
    }
}

/* --- one transaction first --- */

static void all_but_mariadb(const char *all, const char *executed, const char *txn, cdc_buffer *out)
{
    gtid first = {0};
    gtid g;
    const char *p = txn;
    (void)next_gtid(&p, &first);
    for (p = all; next_gtid(&p, &g);) {
        if (g.domain != first.domain) {
            add_gtid(out, comma(out), &g);
        }
    }
    for (p = executed; next_gtid(&p, &g);) {
        if (g.domain == first.domain) {
            add_gtid(out, comma(out), &g);
        }
    }
}

cdc_rc src_mysql_failover_all_but(src_mysql_connection *conn, const char *executed, const char *txn,
                                  cdc_buffer *out, cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer all;
    cdc_buffer_init(&sql, 4096);
    cdc_buffer_init(&all, TEXT_MAX);
    if (conn->is_mariadb) {
        cdc_buffer_add_str(&sql, "SELECT @@GLOBAL.gtid_binlog_pos");
    } else {
        cdc_buffer_addf(&sql, "SELECT GTID_SUBTRACT(@@GLOBAL.gtid_executed, '%s')", txn);
    }
    cdc_rc rc = ask(conn, &sql, &all, err);
    if (rc == CDC_OK && conn->is_mariadb) {
        all_but_mariadb(cdc_buffer_cstr(&all), executed, txn, out);
    } else if (rc == CDC_OK) {
        cdc_buffer_add(out, all.data, all.len);
    }
    cdc_buffer_fini(&sql);
    cdc_buffer_fini(&all);
    return rc;
}

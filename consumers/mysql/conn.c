#include "conn.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/net.h"
#include "core/socket.h"
#include "schema/mysql_sql/reach.h"

#if defined(MARIADB_BASE_VERSION) || defined(MARIADB_VERSION_ID)
#define SINK_MYSQL_CONNECTOR_C 1
#endif

enum {
    CONNECT_S = 5,
    PROBE_READ_S = 5,
    READ_S =
        7 * 86400, /* a statement may take long: the watch tells a silent server from a busy one */
    UNDO_MS = 800,
    PORT = 3306,
    CLIENT_PACKET_MAX = 1024 * 1024 * 1024,
};

/* No strict mode is left out: a value that the target cannot hold as it is must be an error. What
 * the source could hold passes: zero dates, 31 February, 0 in an AUTO_INCREMENT column. */
#define LOOSE_MODE "ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"
#define SQL_MODE "STRICT_TRANS_TABLES,STRICT_ALL_TABLES," LOOSE_MODE

static const char SESSION[] = "SET NAMES utf8mb4;"
                              "SET autocommit=0,time_zone='+00:00',sql_mode='" SQL_MODE "',"
                              "innodb_lock_wait_timeout=10,lock_wait_timeout=30,foreign_key_checks="
                              "1,unique_checks=1," SINK_MYSQL_APPLIER_VARIABLE "=1"
                              /* MariaDB refuses to alter system-versioned tables otherwise */
                              "/*M!100304 ,system_versioning_alter_history=KEEP*/";

/* --- errors --- */

/* Numbers above 1000 are the server's, of MySQL and MariaDB; from 2000 to 2999 and above 5000 the
 * client library's. */
static const unsigned PASSING[] = {
    /* not reachable, connection lost (2055 and 5014: newer names for it) */
    CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_UNKNOWN_HOST,
    CR_SERVER_HANDSHAKE_ERR, 2055, 5014,
    /* the same under TLS; while connecting it is looked at more closely */
    CR_SSL_CONNECTION_ERROR,
    /* disk full, table full */
    1021, 1114,
    /* too many connections, also of the user; host name, handshake, host blocked after errors */
    1040, 1203, 1226, 1042, 1043, 1129,
    /* shutting down, forcing close, network errors as the server sees them, killed, idle */
    1053, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031,
    /* COMMIT failed; lock wait, deadlock, NOWAIT; XA; too many transactions */
    1180, 1205, 1213, 3572, 1613, 1614, 1637,
    /* read-only: a replica, or the primary is changing; Galera and group replication likewise */
    1290, 1836, 1047, 3098, 3100, 3101,
    /* interrupted, statement time exceeded, table definition changed under the transaction */
    1317, 1969, 3024, 1412};

bool sink_mysql_is_passing(unsigned number)
{
    for (size_t i = 0; i < sizeof PASSING / sizeof PASSING[0]; i++) {
        if (PASSING[i] == number) {
            return true;
        }
    }
    return false;
}

cdc_rc sink_mysql_fail(sink_mysql_conn *conn, const char *doing, cdc_error *err)
{
    unsigned number = mysql_errno(conn->my);
    char code[48];
    snprintf(code, sizeof code, "mysql_%u", number);
    return cdc_error_set(err, sink_mysql_is_passing(number) ? CDC_RETRY : CDC_FATAL, code,
                         "target %s: %s: error %u: %s", conn->where, doing, number,
                         mysql_error(conn->my));
}

/* Connecting failed: which option is wrong? */
static cdc_rc sink_mysql_fail_connect(sink_mysql_conn *conn, cdc_error *err)
{
    unsigned number = mysql_errno(conn->my);
    const char *cure = NULL;
    switch (number) {
    case 1045:
    case 1698:
        cure = "check target.user and target.password, and that the account may log in from this "
               "host";
        break;
    case 1130:
        cure = "the server does not let this host in: CREATE USER for it, or another target.hosts";
        break;
    case 1044:
        cure = "grant the account of target.user its privileges";
        break;
    case CR_SSL_CONNECTION_ERROR:
        if (cdc_reach_tls_cut(mysql_error(conn->my))) {
            return cdc_error_set(err, CDC_RETRY, "mysql_2026", "target %s: connect: %s",
                                 conn->where, mysql_error(conn->my));
        }
        cure = "check target.tls (mode, ca, cert, key)";
        break;
    case 1820:
    case 1862:
        cure = "the password of target.user has expired: ALTER USER ... IDENTIFIED BY";
        break;
    default:
        break;
    }
    if (cure == NULL) {
        char code[sizeof err->code];
        sink_mysql_fail(conn, "connect", err);
        snprintf(code, sizeof code, "%s", err->code);
        cdc_error_set(err, err->rc, code, "%s%s", err->text,
                      cdc_reach_hint(number, mysql_error(conn->my), "target.hosts"));
        if (err->rc == CDC_FATAL) {
            err->exit = CDC_EXIT_REFUSED;
        }
        return err->rc;
    }
    return cdc_error_refuse(err, number == CR_SSL_CONNECTION_ERROR ? "mysql_tls" : "mysql_access",
                            "target %s: error %u: %s: %s", conn->where, number,
                            mysql_error(conn->my), cure);
}

/* --- connecting --- */

#ifdef SINK_MYSQL_CONNECTOR_C
/* Connector/C checks the chain as soon as a CA is given, and the name when asked to verify. */
static void sink_mysql_tls_mode(MYSQL *my, const char *mode)
{
    my_bool on = 1;
    my_bool off = 0;
    mysql_optionsv(my, MYSQL_OPT_SSL_ENFORCE, &on);
    mysql_optionsv(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT,
                   strcmp(mode, "verify-identity") == 0 ? &on : &off);
}

static void sink_mysql_tls_off(MYSQL *my)
{
    my_bool off = 0;
    mysql_optionsv(my, MYSQL_OPT_SSL_ENFORCE, &off);
    mysql_optionsv(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
}

static int sink_mysql_socket(MYSQL *my)
{
    return (int)mysql_get_socket(my);
}
#else
static void sink_mysql_tls_mode(MYSQL *my, const char *mode)
{
    enum mysql_ssl_mode ssl = strcmp(mode, "required") == 0    ? SSL_MODE_REQUIRED
                              : strcmp(mode, "verify-ca") == 0 ? SSL_MODE_VERIFY_CA
                                                               : SSL_MODE_VERIFY_IDENTITY;
    mysql_options(my, MYSQL_OPT_SSL_MODE, &ssl);
}

static void sink_mysql_tls_off(MYSQL *my)
{
    enum mysql_ssl_mode ssl = SSL_MODE_DISABLED;
    bool get =
        true; /* caching_sha2_password without TLS sends the password under the server's RSA key */
    mysql_options(my, MYSQL_OPT_SSL_MODE, &ssl);
    mysql_options(my, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &get);
}

static int sink_mysql_socket(MYSQL *my)
{
    return my->net.fd;
}
#endif

static cdc_rc sink_mysql_set_tls(MYSQL *my, const cdc_config *cfg, cdc_error *err)
{
    const char *mode = cdc_config_str(cfg, "target.tls.mode");
    const char *ca = cdc_config_str(cfg, "target.tls.ca");
    const char *cert = cdc_config_str(cfg, "target.tls.cert");
    const char *key = cdc_config_str(cfg, "target.tls.key");
    if (mode == NULL || strcmp(mode, "off") == 0) {
        sink_mysql_tls_off(my);
        return CDC_OK;
    }
    bool verify = strcmp(mode, "required") != 0;
    if (verify && ca == NULL) {
        return cdc_error_refuse(err, "tls_ca",
                                "target.tls.mode %s needs target.tls.ca: the file with the CA that "
                                "signed the server's certificate",
                                mode);
    }
    sink_mysql_tls_mode(my, mode);
    if (verify) {
        mysql_options(my, MYSQL_OPT_SSL_CA, ca);
    }
    if (cert != NULL) {
        mysql_options(my, MYSQL_OPT_SSL_CERT, cert);
    }
    if (key != NULL) {
        mysql_options(my, MYSQL_OPT_SSL_KEY, key);
    }
    return CDC_OK;
}

/* Connector/C goes on in plain text when a server without TLS is met and its name is not to be
 * checked. */
static cdc_rc sink_mysql_is_encrypted(sink_mysql_conn *conn, const cdc_config *cfg, cdc_error *err)
{
    const char *mode = cdc_config_str(cfg, "target.tls.mode");
    bool wanted = mode != NULL && strcmp(mode, "off") != 0;
    if (!wanted || mysql_get_ssl_cipher(conn->my) != NULL) {
        return CDC_OK;
    }
    return cdc_error_refuse(
        err, "tls_missing",
        "target %s: the server offers no TLS, and target.tls.mode is %s: set TLS up there, or "
        "target.tls.mode: off",
        conn->where, mode);
}

static void sink_mysql_set_options(MYSQL *my, unsigned read_s)
{
    unsigned connect_s = CONNECT_S;
    unsigned long packet = CLIENT_PACKET_MAX;
    unsigned no_local = 0;
    unsigned tcp = MYSQL_PROTOCOL_TCP; /* "localhost" would mean a socket file */
    mysql_options(my, MYSQL_OPT_PROTOCOL, &tcp);
    mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &read_s);
    mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &read_s);
    mysql_options(my, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &no_local);
    mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

/* MySQL's version as a number, 80019 for 8.0.19; 0 for MariaDB, whose numbers mean other things. */
static unsigned long sink_mysql_version(sink_mysql_conn *conn)
{
    return conn->maria ? 0 : mysql_get_server_version(conn->my);
}

static cdc_rc sink_mysql_session(sink_mysql_conn *conn, cdc_error *err)
{
    static const char facts[] = "SELECT @@max_allowed_packet, @@version_comment, VERSION()";
    static const char format[] = "SHOW VARIABLES LIKE 'binlog_format'";
    static const char isolation[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
    MYSQL_RES *res = NULL;
    cdc_rc rc = sink_mysql_exec(conn, "set the session up", SESSION, sizeof SESSION - 1, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_query(conn, "read its settings", facts, sizeof facts - 1, &res, err);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    conn->max_packet = row != NULL && row[0] != NULL ? strtoul(row[0], NULL, 10) : 1024 * 1024;
    conn->maria = row != NULL && row[2] != NULL && strstr(row[2], "MariaDB") != NULL;
    conn->row_alias = sink_mysql_version(conn) >= 80019;
    mysql_free_result(res);

    /* No gap locks, so that parallel writers meet less; but a binlog of statements does not allow
     * it. */
    rc = sink_mysql_query(conn, "read its settings", format, sizeof format - 1, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    row = mysql_fetch_row(res);
    bool statements = row != NULL && row[1] != NULL && strcmp(row[1], "STATEMENT") == 0;
    mysql_free_result(res);
    return statements ? CDC_OK
                      : sink_mysql_exec(conn, "set the isolation level", isolation,
                                        sizeof isolation - 1, err);
}

/* The watch's question. An error that the server sends is an answer, too. */
static bool sink_mysql_answers(void *arg)
{
    const sink_mysql_conn *conn = arg;
    const cdc_config *cfg = conn->env->task->cfg;
    cdc_error ignored;
    cdc_error_clear(&ignored);
    MYSQL *my = mysql_init(NULL);
    if (my == NULL) {
        return true;
    }
    sink_mysql_set_options(my, PROBE_READ_S);
    bool alive = sink_mysql_set_tls(my, cfg, &ignored) != CDC_OK ||
                 mysql_real_connect(my, conn->host, cdc_config_str(cfg, "target.user"),
                                    cdc_config_secret(cfg, "target.password"), NULL, conn->port,
                                    NULL, 0) != NULL;
    unsigned number = mysql_errno(my);
    alive = alive || (number >= 1000 && number < 2000);
    mysql_close(my);
    mysql_thread_end();
    return alive;
}

static cdc_rc sink_mysql_connect_socket(sink_mysql_conn *conn, cdc_error *err)
{
    const cdc_config *cfg = conn->env->task->cfg;
    unsigned long flags = CLIENT_MULTI_STATEMENTS | CLIENT_FOUND_ROWS;
    if (mysql_real_connect(conn->my, conn->host, cdc_config_str(cfg, "target.user"),
                           cdc_config_secret(cfg, "target.password"), NULL, conn->port, NULL,
                           flags) == NULL) {
        return sink_mysql_fail_connect(conn, err);
    }
    cdc_socket_end_when_lost(sink_mysql_socket(conn->my));
    return sink_mysql_watch_new(&conn->watch, sink_mysql_socket(conn->my), sink_mysql_answers, conn,
                                err);
}

cdc_rc sink_mysql_connect(sink_mysql_conn *conn, const cdc_env *env, size_t host, cdc_error *err)
{
    const cdc_config *cfg = env->task->cfg;
    const char *text = cdc_config_item(cfg, "target.hosts", host);
    const char *user = cdc_config_str(cfg, "target.user");
    memset(conn, 0, sizeof *conn);
    conn->env = env;
    if (!cdc_net_split(text, PORT, conn->host, sizeof conn->host, &conn->port)) {
        return cdc_error_refuse(err, "target_hosts", "target.hosts: %s is no host:port", text);
    }
    snprintf(conn->where, sizeof conn->where, "%s@%s:%u", user != NULL ? user : "", conn->host,
             conn->port);
    conn->my = mysql_init(NULL);
    if (conn->my == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a connection");
    }
    sink_mysql_set_options(conn->my, READ_S);
    cdc_rc rc = sink_mysql_set_tls(conn->my, cfg, err);
    if (rc == CDC_OK) {
        rc = sink_mysql_connect_socket(conn, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_is_encrypted(conn, cfg, err);
    }
    if (rc == CDC_OK) {
        rc = sink_mysql_session(conn, err);
    }
    if (rc != CDC_OK) {
        sink_mysql_disconnect(conn);
    }
    return rc;
}

void sink_mysql_disconnect(sink_mysql_conn *conn)
{
    sink_mysql_watch_free(conn->watch);
    conn->watch = NULL;
    if (conn->my != NULL) {
        mysql_close(conn->my);
        conn->my = NULL;
    }
}

/* --- statements --- */

bool sink_mysql_send(sink_mysql_conn *conn, const char *sql, size_t len)
{
    sink_mysql_watch_begin(conn->watch);
    bool done = mysql_real_query(conn->my, sql, len) == 0;
    sink_mysql_watch_end(conn->watch);
    return done;
}

int sink_mysql_next(sink_mysql_conn *conn)
{
    sink_mysql_watch_begin(conn->watch);
    int more = mysql_next_result(conn->my);
    sink_mysql_watch_end(conn->watch);
    return more;
}

MYSQL_RES *sink_mysql_store(sink_mysql_conn *conn)
{
    sink_mysql_watch_begin(conn->watch);
    MYSQL_RES *res = mysql_store_result(conn->my);
    sink_mysql_watch_end(conn->watch);
    return res;
}

cdc_rc sink_mysql_exec(sink_mysql_conn *conn, const char *doing, const char *sql, size_t len,
                       cdc_error *err)
{
    if (!sink_mysql_send(conn, sql, len)) {
        return sink_mysql_fail(conn, doing, err);
    }
    int more;
    do {
        MYSQL_RES *res = sink_mysql_store(conn);
        if (res != NULL) {
            mysql_free_result(res);
        } else if (mysql_errno(conn->my) != 0) {
            return sink_mysql_fail(conn, doing, err);
        }
        more = sink_mysql_next(conn);
    } while (more == 0);
    return more > 0 ? sink_mysql_fail(conn, doing, err) : CDC_OK;
}

cdc_rc sink_mysql_query(sink_mysql_conn *conn, const char *doing, const char *sql, size_t len,
                        MYSQL_RES **out, cdc_error *err)
{
    *out = NULL;
    if (!sink_mysql_send(conn, sql, len) || (*out = sink_mysql_store(conn)) == NULL) {
        return sink_mysql_fail(conn, doing, err);
    }
    return CDC_OK;
}

cdc_rc sink_mysql_servers_mode(sink_mysql_conn *conn, bool servers, cdc_error *err)
{
    static const char theirs[] = "SET sql_mode=@@GLOBAL.sql_mode,time_zone=@@GLOBAL.time_zone";
    static const char ours[] = "SET sql_mode='" SQL_MODE "',time_zone='+00:00'";
    return servers ? sink_mysql_exec(conn, "set sql_mode", theirs, sizeof theirs - 1, err)
                   : sink_mysql_exec(conn, "set sql_mode", ours, sizeof ours - 1, err);
}

cdc_rc sink_mysql_strict(sink_mysql_conn *conn, bool on, cdc_error *err)
{
    static const char strict[] = "SET sql_mode='" SQL_MODE "'";
    static const char loose[] = "SET sql_mode='" LOOSE_MODE "'";
    return on ? sink_mysql_exec(conn, "set sql_mode", strict, sizeof strict - 1, err)
              : sink_mysql_exec(conn, "set sql_mode", loose, sizeof loose - 1, err);
}

void sink_mysql_undo(sink_mysql_conn *conn)
{
    if (conn->my == NULL) {
        return;
    }
    static const char sql[] = "ROLLBACK";
    bool done = mysql_send_query(conn->my, sql, sizeof sql - 1) == 0;
    if (done) {
        struct pollfd wait = {.fd = sink_mysql_socket(conn->my), .events = POLLIN};
        done = poll(&wait, 1, UNDO_MS) == 1 && mysql_read_query_result(conn->my) == 0;
    }
    if (!done) {
        /* Not mysql_close alone: with TLS it could wait for the peer. */
        shutdown(sink_mysql_socket(conn->my), SHUT_RDWR);
        sink_mysql_disconnect(conn);
    }
}

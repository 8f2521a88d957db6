#include "connection.h"

#include <errmsg.h>
#include <sys/socket.h>

#include "core/socket.h"
#include "raw_stream.h"
#include "schema/mysql_sql/reach.h"
#include "schema/mysql_sql/server_version.h"

#if defined(MARIADB_PACKAGE_VERSION) || defined(LIBMARIADB) || defined(MARIADB_BASE_VERSION)
#define IS_CONNECTOR_C 1
#endif

#define CONNECT_TIMEOUT_S 5U
#define PACKET_MAX (1UL << 30)
#define DEFAULT_PORT 3306U

typedef struct address {
    char host[256];
    unsigned port;
} address;

/* "host", "host:port", "[v6]:port" */
static bool parse_address(const char *text, address *out)
{
    const char *host = text;
    const char *end = strrchr(text, ':');
    out->port = DEFAULT_PORT;
    if (text[0] == '[') {
        host = text + 1;
        const char *close = strchr(host, ']');
        if (close == NULL) {
            return false;
        }
        end = close[1] == ':' ? close + 1 : NULL;
        snprintf(out->host, sizeof(out->host), "%.*s", (int)(close - host), host);
    } else {
        int n = end != NULL ? (int)(end - host) : (int)strlen(host);
        snprintf(out->host, sizeof(out->host), "%.*s", n, host);
    }
    if (end != NULL) {
        char *stop;
        unsigned long port = strtoul(end + 1, &stop, 10);
        if (*stop != '\0' || end[1] == '\0' || port == 0 || port > 65535) {
            return false;
        }
        out->port = (unsigned)port;
    }
    return out->host[0] != '\0';
}

static bool is_among(unsigned code, const uint16_t *codes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (codes[i] == code) {
            return true;
        }
    }
    return false;
}

/* Errors that pass by themselves: nothing a human must change. */
static bool passes_by_itself(unsigned code)
{
    static const uint16_t codes[] = {
        CR_CONNECTION_ERROR,
        CR_CONN_HOST_ERROR,
        CR_UNKNOWN_HOST,
        CR_SERVER_GONE_ERROR,
        CR_SERVER_LOST,
        CR_SERVER_LOST_EXTENDED,
        CR_SSL_CONNECTION_ERROR, /* lost under TLS; while connecting it is looked at more closely */
        1040,                    /* too many connections */
        1053,                    /* server shutdown in progress */
        1077,                    /* normal shutdown */
        1079,                    /* shutdown complete */
        1152,                    /* aborted connection */
        1158,                    /* network errors and timeouts, up to 1161 */
        1159,
        1160,
        1161,
        1180, /* error during commit */
        1184, /* aborted connection */
        1203, /* user has too many connections */
        1205, /* lock wait timeout */
        1213, /* deadlock */
        1317, /* query interrupted */
        1412, /* table definition has changed: the snapshot must be taken again */
        1927, /* connection was killed */
        3169, /* session was killed */
        4031, /* disconnected for inactivity */
    };
    return is_among(code, codes, sizeof(codes) / sizeof(codes[0]));
}

static bool is_access_error(unsigned code)
{
    static const uint16_t codes[] = {
        1044, /* access denied to a database */
        1045, /* access denied */
        1130, /* host not allowed */
        1524, /* plugin is not loaded */
        1698, /* access denied, without password */
        1820, /* password must be changed */
        1862, /* password has expired */
        3118, /* account is locked */
        3159, /* requires secure transport */
        4151, /* account is locked (MariaDB) */
        CR_AUTH_PLUGIN_CANNOT_LOAD,
    };
    return is_among(code, codes, sizeof(codes) / sizeof(codes[0]));
}

cdc_rc src_mysql_connection_error(src_mysql_connection *conn, const char *what, cdc_error *err)
{
    unsigned code = mysql_errno(conn->mysql);
    return cdc_error_set(err, passes_by_itself(code) ? CDC_RETRY : CDC_FATAL, "mysql_error",
                         "%s: server %s says: %s (error %u)", what, conn->name,
                         mysql_error(conn->mysql), code);
}

static cdc_rc connect_error(src_mysql_connection *conn, const char *tls, cdc_error *err)
{
    unsigned code = mysql_errno(conn->mysql);
    const char *text = mysql_error(conn->mysql);
    if (is_access_error(code)) {
        return cdc_error_refuse(err, "mysql_access",
                                "server %s refuses user %s: %s (error %u); check source.user, "
                                "source.password and the account's host",
                                conn->name, conn->user, text, code);
    }
    if (code == CR_SSL_CONNECTION_ERROR && !cdc_reach_tls_cut(text)) {
        return cdc_error_refuse(err, "mysql_tls",
                                "no TLS connection to server %s: %s (error %u); check the server's "
                                "certificate and source.tls (mode is %s)",
                                conn->name, text, code, tls);
    }
    return cdc_error_set(err, passes_by_itself(code) ? CDC_RETRY : CDC_FATAL, "mysql_connect",
                         "cannot connect to server %s: %s (error %u)%s", conn->name, text, code,
                         cdc_reach_hint(code, text, "source.hosts"));
}

#ifdef IS_CONNECTOR_C
/* Connector/C checks the certificate's chain whenever it is given a CA, and the name too with
 * VERIFY. */
static void set_tls(MYSQL *mysql, const char *mode)
{
    my_bool enforce = strcmp(mode, "off") != 0;
    my_bool verify = strcmp(mode, "verify-identity") == 0;
    mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, (void *)&enforce);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, (void *)&verify);
}
#else
static void set_tls(MYSQL *mysql, const char *mode)
{
    unsigned tls = strcmp(mode, "off") == 0         ? SSL_MODE_DISABLED
                   : strcmp(mode, "required") == 0  ? SSL_MODE_REQUIRED
                   : strcmp(mode, "verify-ca") == 0 ? SSL_MODE_VERIFY_CA
                                                    : SSL_MODE_VERIFY_IDENTITY;
    bool ask_key = tls == SSL_MODE_DISABLED; /* caching_sha2_password without TLS encrypts by RSA */
    mysql_options(mysql, MYSQL_OPT_SSL_MODE, &tls);
    mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &ask_key);
}
#endif

static void set_options(MYSQL *mysql, const cdc_config *cfg, unsigned read_timeout_s)
{
    unsigned connect_s = CONNECT_TIMEOUT_S;
    unsigned write_s = CONNECT_TIMEOUT_S;
    unsigned long packet = PACKET_MAX;
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &read_timeout_s);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &write_s);
    mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    const char *ca = cdc_config_str(cfg, "source.tls.ca");
    const char *cert = cdc_config_str(cfg, "source.tls.cert");
    const char *key = cdc_config_str(cfg, "source.tls.key");
    const char *mode = cdc_config_str(cfg, "source.tls.mode");
    if (strcmp(mode, "off") != 0) {
        if (ca != NULL && strncmp(mode, "verify-", 7) == 0) {
            mysql_options(mysql, MYSQL_OPT_SSL_CA, ca);
        }
        if (cert != NULL) {
            mysql_options(mysql, MYSQL_OPT_SSL_CERT, cert);
        }
        if (key != NULL) {
            mysql_options(mysql, MYSQL_OPT_SSL_KEY, key);
        }
    }
    set_tls(mysql, mode);
}

static void ask_account(src_mysql_connection *conn)
{
    snprintf(conn->account, sizeof(conn->account), "'%s'@'%%'", conn->user);
    if (mysql_query(conn->mysql, "SELECT CURRENT_USER()") != 0) {
        return;
    }
    MYSQL_RES *res = mysql_store_result(conn->mysql);
    MYSQL_ROW row = res != NULL ? mysql_fetch_row(res) : NULL;
    const char *at = row != NULL && row[0] != NULL ? strrchr(row[0], '@') : NULL;
    if (at != NULL) {
        snprintf(conn->account, sizeof(conn->account), "'%.*s'@'%s'", (int)(at - row[0]), row[0],
                 at + 1);
    }
    if (res != NULL) {
        mysql_free_result(res);
    }
}

/* Connector/C goes on in plain text when a server without TLS is met and its name is not to be
 * checked. */
static cdc_rc check_encrypted(src_mysql_connection *conn, const char *mode, cdc_error *err)
{
    if (strcmp(mode, "off") == 0 || mysql_get_ssl_cipher(conn->mysql) != NULL) {
        return CDC_OK;
    }
    return cdc_error_refuse(err, "tls_missing",
                            "server %s offers no TLS, and source.tls.mode is %s: set TLS up there, "
                            "or source.tls.mode: off",
                            conn->name, mode);
}

static cdc_rc connect_one(src_mysql_connection *conn, const cdc_config *cfg, const char *text,
                          unsigned read_timeout_s, cdc_error *err)
{
    address to;
    if (strcmp(cdc_config_str(cfg, "source.tls.mode"), "verify-ca") == 0 &&
        cdc_config_str(cfg, "source.tls.ca") == NULL) {
        return cdc_error_refuse(err, "mysql_tls",
                                "source.tls.mode is verify-ca, which needs source.tls.ca");
    }
    if (!parse_address(text, &to)) {
        return cdc_error_set(err, CDC_FATAL, "mysql_host",
                             "source.hosts: \"%s\" is not host or host:port", text);
    }
    snprintf(conn->name, sizeof(conn->name), strchr(to.host, ':') ? "[%s]:%u" : "%s:%u", to.host,
             to.port);
    conn->mysql = mysql_init(NULL);
    if (conn->mysql == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a connection");
    }
    set_options(conn->mysql, cfg, read_timeout_s);
    const char *password = cdc_config_secret(cfg, "source.password");
    if (mysql_real_connect(conn->mysql, to.host, conn->user, password != NULL ? password : "", NULL,
                           to.port, NULL, 0) == NULL) {
        cdc_rc rc = connect_error(conn, cdc_config_str(cfg, "source.tls.mode"), err);
        mysql_close(conn->mysql);
        conn->mysql = NULL;
        return rc;
    }
    cdc_socket_end_when_lost(src_mysql_input_socket(conn->mysql));
    cdc_rc encrypted = check_encrypted(conn, cdc_config_str(cfg, "source.tls.mode"), err);
    if (encrypted != CDC_OK) {
        src_mysql_disconnect(conn);
        return encrypted;
    }
    conn->is_mariadb = strstr(mysql_get_server_info(conn->mysql), "MariaDB") != NULL;
    conn->version = cdc_server_version(mysql_get_server_info(conn->mysql));
    ask_account(conn);
    return CDC_OK;
}

cdc_rc src_mysql_connect(src_mysql_connection *conn, const cdc_config *cfg, const char *host,
                         unsigned read_timeout_s, cdc_error *err)
{
    memset(conn, 0, sizeof(*conn));
    conn->user = cdc_config_str(cfg, "source.user");
    conn->user = conn->user != NULL ? conn->user : "";
    return connect_one(conn, cfg, host, read_timeout_s, err);
}

void src_mysql_connection_abandon(src_mysql_connection *conn)
{
    shutdown(src_mysql_input_socket(conn->mysql), SHUT_RDWR);
}

void src_mysql_disconnect(src_mysql_connection *conn)
{
    if (conn->mysql == NULL) {
        return;
    }
    /* mysql_close would first send COM_QUIT and read an unfinished result to its end; both fail at
     * once */
    src_mysql_connection_abandon(conn);
    mysql_close(conn->mysql);
    conn->mysql = NULL;
}

cdc_rc src_mysql_execute(src_mysql_connection *conn, const char *sql, cdc_error *err)
{
    if (mysql_query(conn->mysql, sql) != 0) {
        return src_mysql_connection_error(conn, sql, err);
    }
    return CDC_OK;
}

cdc_rc src_mysql_select(src_mysql_connection *conn, const char *sql, MYSQL_RES **res,
                        cdc_error *err)
{
    *res = NULL;
    if (mysql_query(conn->mysql, sql) != 0) {
        return src_mysql_connection_error(conn, sql, err);
    }
    *res = mysql_store_result(conn->mysql);
    if (*res == NULL) {
        return src_mysql_connection_error(conn, sql, err);
    }
    return CDC_OK;
}

cdc_rc src_mysql_select_text(src_mysql_connection *conn, const char *sql, cdc_buffer *out,
                             cdc_error *err)
{
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(conn, sql, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row != NULL && row[0] != NULL) {
        cdc_buffer_add(out, row[0], mysql_fetch_lengths(res)[0]);
    }
    mysql_free_result(res);
    return CDC_OK;
}

/* The event stream by Oracle's libmysqlclient: mysql_binlog_open() and mysql_binlog_fetch().
 * Page: MySQL C API, "Binary Log Function Descriptions". */
#include "raw_stream.h"

#if !defined(MARIADB_PACKAGE_VERSION) && !defined(LIBMARIADB) && !defined(MARIADB_BASE_VERSION)

#include <poll.h>

struct src_mysql_raw_stream {
    MYSQL *mysql;
    MYSQL_RPL rpl;
    char *file; /* rpl points to these for as long as the stream lives */
    void *gtid_set;
};

cdc_rc src_mysql_raw_open(src_mysql_raw_stream **out, MYSQL *mysql,
                          const src_mysql_raw_request *request)
{
    *out = NULL;
    src_mysql_raw_stream *raw = calloc(1, sizeof(*raw));
    if (raw == NULL) {
        return CDC_RETRY;
    }
    raw->mysql = mysql;
    raw->file = strdup(request->file);
    raw->rpl.file_name = raw->file;
    raw->rpl.file_name_length = strlen(request->file);
    raw->rpl.start_position = request->pos;
    raw->rpl.server_id = request->server_id;
    raw->rpl.flags = request->flags;
    if (request->gtid_set != NULL) {
        raw->gtid_set = malloc(request->gtid_set_len);
        if (raw->gtid_set != NULL) {
            memcpy(raw->gtid_set, request->gtid_set, request->gtid_set_len);
        }
        raw->rpl.flags |= MYSQL_RPL_GTID;
        raw->rpl.gtid_set_encoded_size = request->gtid_set_len;
        raw->rpl.gtid_set_arg = raw->gtid_set;
    }
    if (raw->file == NULL || (request->gtid_set != NULL && raw->gtid_set == NULL) ||
        mysql_binlog_open(mysql, &raw->rpl) != 0) {
        src_mysql_raw_close(raw);
        return CDC_RETRY;
    }
    *out = raw;
    return CDC_OK;
}

void src_mysql_raw_close(src_mysql_raw_stream *raw)
{
    if (raw == NULL) {
        return;
    }
    free(raw->file);
    free(raw->gtid_set);
    free(raw);
}

cdc_rc src_mysql_raw_fetch(src_mysql_raw_stream *raw, const uint8_t **event, size_t *len)
{
    if (mysql_binlog_fetch(raw->mysql, &raw->rpl) != 0) {
        return CDC_RETRY;
    }
    if (raw->rpl.size == 0) {
        return CDC_EOF;
    }
    *event = raw->rpl.buffer + 1; /* behind the status byte */
    *len = raw->rpl.size - 1;
    return CDC_OK;
}

int src_mysql_input_socket(MYSQL *mysql)
{
    return (int)mysql->net.fd;
}

bool src_mysql_input_wait(MYSQL *mysql, bool hidden, bool may_wait, int timeout_ms)
{
    struct pollfd fd = {.fd = src_mysql_input_socket(mysql), .events = POLLIN};
    if (poll(&fd, 1, 0) != 0) {
        return true;
    }
    if (hidden && may_wait) {
        return true;
    }
    return timeout_ms > 0 && poll(&fd, 1, timeout_ms) > 0;
}

bool src_mysql_input_hidden(MYSQL *mysql, size_t last_len)
{
    /* the library's read-ahead buffer cannot be seen from outside */
    (void)mysql;
    return last_len > 0;
}

#else
typedef int src_mysql_raw_mysqlclient_unused;
#endif

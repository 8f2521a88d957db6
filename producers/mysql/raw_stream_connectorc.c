/* The event stream by MariaDB Connector/C: the commands COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID
 * are sent by its table of methods, packets are read by mysql_net_read_packet(); both are in its
 * installed headers. Pages: MySQL source documentation, COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID.
 */
#include "raw_stream.h"

#if defined(MARIADB_PACKAGE_VERSION) || defined(LIBMARIADB) || defined(MARIADB_BASE_VERSION)

#include <ma_pvio.h>
#include <poll.h>

#include "core/buffer.h"

#define COMMAND_DUMP 18
#define COMMAND_DUMP_GTID 30
/* An error comes as (unsigned int)-1 in an unsigned long: not as (unsigned long)-1. */
#define PACKET_ERROR 0xffffffffUL
#define STATUS_EOF 0xfeU

struct src_mysql_raw_stream {
    MYSQL *mysql;
};

static void add_le(cdc_buffer *out, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        cdc_buffer_add_char(out, (char)(v >> (8 * i) & 0xff));
    }
}

cdc_rc src_mysql_raw_open(src_mysql_raw_stream **out, MYSQL *mysql,
                          const src_mysql_raw_request *request)
{
    size_t nfile = strlen(request->file);
    int command = request->gtid_set != NULL ? COMMAND_DUMP_GTID : COMMAND_DUMP;
    cdc_buffer packet;
    cdc_buffer_init(&packet, nfile + request->gtid_set_len + 64);
    if (command == COMMAND_DUMP_GTID) {
        add_le(&packet, request->flags, 2);
        add_le(&packet, request->server_id, 4);
        add_le(&packet, nfile, 4);
        cdc_buffer_add(&packet, request->file, nfile);
        add_le(&packet, request->pos, 8);
        add_le(&packet, request->gtid_set_len, 4);
        cdc_buffer_add(&packet, request->gtid_set, request->gtid_set_len);
    } else {
        add_le(&packet, request->pos, 4);
        add_le(&packet, request->flags, 2);
        add_le(&packet, request->server_id, 4);
        cdc_buffer_add(&packet, request->file, nfile);
    }
    src_mysql_raw_stream *raw = malloc(sizeof(*raw));
    cdc_rc rc = CDC_RETRY;
    if (raw != NULL && !packet.failed) {
        raw->mysql = mysql;
        rc = mysql->methods->db_command(mysql, (enum enum_server_command)command, packet.data,
                                        packet.len, 1, NULL) == 0
                 ? CDC_OK
                 : CDC_RETRY;
    }
    cdc_buffer_fini(&packet);
    if (rc != CDC_OK) {
        free(raw);
        raw = NULL;
    }
    *out = raw;
    return rc;
}

void src_mysql_raw_close(src_mysql_raw_stream *raw)
{
    free(raw);
}

cdc_rc src_mysql_raw_fetch(src_mysql_raw_stream *raw, const uint8_t **event, size_t *len)
{
    unsigned long n = mysql_net_read_packet(raw->mysql);
    if (n == 0 || n >= PACKET_ERROR) {
        return CDC_RETRY;
    }
    const uint8_t *packet = raw->mysql->net.read_pos;
    if (packet[0] == STATUS_EOF && n < 9) {
        return CDC_EOF;
    }
    *event = packet + 1;
    *len = n - 1;
    return CDC_OK;
}

int src_mysql_input_socket(MYSQL *mysql)
{
    return (int)mysql_get_socket(mysql);
}

bool src_mysql_input_wait(MYSQL *mysql, bool hidden, bool may_wait, int timeout_ms)
{
    const MARIADB_PVIO *pvio = mysql->net.pvio;
    if (pvio == NULL) {
        return true; /* closed already: the next read says so */
    }
    if (pvio->cache != NULL && pvio->cache_pos < pvio->cache + pvio->cache_size) {
        return true;
    }
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
    /* The library reads ahead 16 KB, a whole TLS record, except for the rest of packets of at least
     * this size, which it reads in place and so may leave the end of a record behind. */
    return last_len >= PVIO_READ_AHEAD_CACHE_MIN_SIZE && mysql_get_ssl_cipher(mysql) != NULL;
}

#else
typedef int src_mysql_raw_connectorc_unused;
#endif

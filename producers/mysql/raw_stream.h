/* src_mysql_raw_stream: the binlog as the server sends it, event by event, undecoded.
 *
 * Two backends with one interface, chosen by the client library's macros: MariaDB Connector/C,
 * whose replication calls cannot start at a MySQL GTID set (raw_stream_connectorc.c), and Oracle's
 * libmysqlclient (raw_stream_mysqlclient.c). Session variables of the dump (checksum, heartbeat,
 * GTID state) are set by the caller before. One thread. */
#ifndef SRC_MYSQL_RAW_STREAM_H
#define SRC_MYSQL_RAW_STREAM_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

typedef struct src_mysql_raw_request {
    const char *file; /* "" with a GTID set */
    uint64_t pos;     /* at least 4; without a GTID set below 2^32 */
    uint32_t server_id;
    uint16_t flags;       /* of the dump command */
    const void *gtid_set; /* encoded for COM_BINLOG_DUMP_GTID, or NULL */
    size_t gtid_set_len;
} src_mysql_raw_request;

typedef struct src_mysql_raw_stream src_mysql_raw_stream;

/* Asks for the stream; the server's answer, also a refusal, comes with the first fetch. mysql is
 * borrowed and serves nothing else from then on. RETRY: see mysql_errno. */
cdc_rc src_mysql_raw_open(src_mysql_raw_stream **out, MYSQL *mysql,
                          const src_mysql_raw_request *request) CDC_MUST_CHECK;
void src_mysql_raw_close(src_mysql_raw_stream *raw); /* not the connection; NULL is fine */

/* The next event, borrowed until the next call; waits for it. EOF: the server ended the stream.
 * RETRY: an error, see mysql_errno. */
cdc_rc src_mysql_raw_fetch(src_mysql_raw_stream *raw, const uint8_t **event,
                           size_t *len) CDC_MUST_CHECK;

int src_mysql_input_socket(MYSQL *mysql);

/* Is there something to read? Waits up to timeout_ms for it.
 *
 * True: the next read has data, or begins to wait for the rest of what has begun to come. hidden:
 * data may lie where nobody can look (a TLS record that was read in part): then may_wait says
 * whether it is fine to let the next read wait for the server's next packet, a heartbeat at the
 * latest. */
bool src_mysql_input_wait(MYSQL *mysql, bool hidden, bool may_wait, int timeout_ms);
/* May data be hidden behind the last read, which gave a packet of last_len bytes? */
bool src_mysql_input_hidden(MYSQL *mysql, size_t last_len);

#endif

/* src_mysql_feed: the events of one dump connection in their order, ready to be decoded: those
 * inside of compressed transactions one by one, MariaDB's compressed events as plain ones.
 *
 * Memory: the event at hand, as the client library and the decompressors hold it (1 GB is the
 * servers' own limit), whatever the size of the transaction. One thread. */
#ifndef SRC_MYSQL_FEED_H
#define SRC_MYSQL_FEED_H

#include "connection.h"
#include "dump.h"
#include "payload.h"

typedef struct src_mysql_feed {
    src_mysql_connection conn;
    src_mysql_raw_stream *raw; /* NULL: closed */
    src_mysql_checksum checksum;
    bool hidden; /* see src_mysql_input_hidden */
    int64_t
        heard_ms;   /* monotonic time of the last byte, or of the last poll that could have read */
    uint64_t bytes; /* read so far */
    bool started;   /* buffers are there */
    src_mysql_payload payload;
    cdc_buffer plain; /* of a compressed event */
} src_mysql_feed;

/* Asks for the log, as src_mysql_dump_open. The connection is taken, also on failure. */
cdc_rc src_mysql_feed_open(src_mysql_feed *feed, src_mysql_connection *conn_take,
                           uint32_t server_id, const src_mysql_gtid_set *executed,
                           const src_mysql_log_pos *at, cdc_error *err) CDC_MUST_CHECK;
void src_mysql_feed_close(src_mysql_feed *feed); /* closed or zeroed is fine */

/* Is there an event to take? Waits up to timeout_ms for it. */
bool src_mysql_feed_wait(src_mysql_feed *feed, bool may_wait, int timeout_ms);
/* Is the next event one of a compressed transaction? */
bool src_mysql_feed_is_inside(const src_mysql_feed *feed);

/* The next event, valid until the next call. The TRANSACTION_PAYLOAD event itself comes before the
 * events in it; those have end_pos 0. AGAIN: none this time, call again. at: the last position, for
 * errors. */
cdc_rc src_mysql_feed_next(src_mysql_feed *feed, const src_mysql_log_pos *at, src_mysql_event *ev,
                           cdc_error *err) CDC_MUST_CHECK;

#endif

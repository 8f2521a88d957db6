/* src_mysql_payload: the events inside of a TRANSACTION_PAYLOAD event
 * (binlog_transaction_compression), one after the other.
 *
 * Decompressed as a stream: in memory are 128 KB, or the largest single event, whatever the size of
 * the transaction. The inner events have no checksum and end position 0. One thread. Page: MySQL
 * source documentation, class Transaction_payload_event. */
#ifndef SRC_MYSQL_PAYLOAD_H
#define SRC_MYSQL_PAYLOAD_H

#include "core/buffer.h"
#include "event.h"

typedef struct src_mysql_payload {
    bool open;      /* begun, its end not reached */
    bool plain;     /* not compressed */
    cdc_cursor in;  /* what is left of it, in the event's bytes */
    void *zstd;     /* ZSTD_DStream, made for the first payload */
    cdc_buffer out; /* decompressed bytes; those before `used` are taken */
    size_t used;
    uint64_t declared, produced; /* bytes; declared 0: not said */
} src_mysql_payload;

void src_mysql_payload_init(src_mysql_payload *payload);
void src_mysql_payload_fini(src_mysql_payload *payload);

/* ev's bytes must stay until next has said EOF. FATAL: malformed, or an unknown compression. */
cdc_rc src_mysql_payload_begin(src_mysql_payload *payload, const src_mysql_event *ev,
                               cdc_error *err) CDC_MUST_CHECK;
/* The next inner event, valid until the next call. EOF: there are no more. FATAL: malformed. */
cdc_rc src_mysql_payload_next(src_mysql_payload *payload, src_mysql_event *ev,
                              cdc_error *err) CDC_MUST_CHECK;

#endif

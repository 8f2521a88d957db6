/* TRANSACTION_PAYLOAD events of any bytes, and MariaDB's compressed events: refused with a text, or
 * events that have a header and the length they tell. */
#include "binlog_walk.h"
#include "producers/mysql/payload.h"
#include "producers/mysql/uncompress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_payload(const src_mysql_event *ev)
{
    src_mysql_payload payload;
    src_mysql_event inner;
    cdc_error err;
    cdc_error_clear(&err);
    src_mysql_payload_init(&payload);
    payload.out.max = (size_t)16 << 20; /* a few bytes can stand for much */
    cdc_rc rc = src_mysql_payload_begin(&payload, ev, &err);
    for (int i = 0; rc == CDC_OK && i < 1000; i++) {
        rc = src_mysql_payload_next(&payload, &inner, &err);
        must(rc != CDC_OK || cdc_cursor_left(&inner.body) == inner.length - SRC_MYSQL_EVENT_HEADER);
    }
    if (rc != CDC_OK && rc != CDC_EOF) {
        must_explain(rc, &err);
    }
    src_mysql_payload_fini(&payload);
}

static void one_compressed(const src_mysql_event *ev)
{
    cdc_buffer buf;
    src_mysql_event plain;
    cdc_error err;
    cdc_error_clear(&err);
    cdc_buffer_init(&buf, (size_t)16 << 20);
    cdc_rc rc = src_mysql_event_uncompress(ev, &buf, &plain, &err);
    if (rc != CDC_OK) {
        must_explain(rc, &err);
    } else {
        must(!src_mysql_event_is_compressed(plain.type) && plain.body.p == (uint8_t *)buf.data);
    }
    cdc_buffer_fini(&buf);
}

static void take(void *ctx, uint8_t type, cdc_cursor body)
{
    (void)ctx;
    src_mysql_event ev = {.type = type, .body = body};
    if (type == SRC_MYSQL_TRANSACTION_PAYLOAD_EVENT) {
        one_payload(&ev);
    } else {
        one_compressed(&ev);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool wants[256] = {[SRC_MYSQL_TRANSACTION_PAYLOAD_EVENT] = true};
    for (unsigned type = 0; type < 256; type++) {
        wants[type] = wants[type] || src_mysql_event_is_compressed((uint8_t)type);
    }
    if (size > 0 && src_mysql_event_is_compressed(data[0])) { /* the first byte chooses */
        walk_bodies(data + 1, size - 1, wants, data[0], take, NULL);
    } else {
        walk_bodies(data, size, wants, SRC_MYSQL_TRANSACTION_PAYLOAD_EVENT, take, NULL);
    }
    return 0;
}

#include "feed.h"

#include "core/clock.h"
#include "uncompress.h"

cdc_rc src_mysql_feed_open(src_mysql_feed *feed, src_mysql_connection *conn_take,
                           uint32_t server_id, const src_mysql_gtid_set *executed,
                           const src_mysql_log_pos *at, cdc_error *err)
{
    memset(feed, 0, sizeof(*feed));
    feed->conn = *conn_take;
    conn_take->mysql = NULL;
    feed->checksum = SRC_MYSQL_CHECKSUM_SKIP; /* as asked for, until the log says what it has */
    feed->heard_ms = cdc_clock_mono_ms();
    src_mysql_payload_init(&feed->payload);
    cdc_buffer_init(&feed->plain, SRC_MYSQL_EVENT_MAX);
    feed->started = true;
    cdc_rc rc = src_mysql_dump_open(&feed->raw, &feed->conn, server_id, executed, at, err);
    if (rc != CDC_OK) {
        src_mysql_feed_close(feed);
    }
    return rc;
}

void src_mysql_feed_close(src_mysql_feed *feed)
{
    if (!feed->started) {
        return;
    }
    src_mysql_raw_close(feed->raw);
    feed->raw = NULL;
    src_mysql_disconnect(&feed->conn);
    src_mysql_payload_fini(&feed->payload);
    cdc_buffer_fini(&feed->plain);
    feed->started = false;
}

bool src_mysql_feed_is_inside(const src_mysql_feed *feed)
{
    return feed->payload.open;
}

bool src_mysql_feed_wait(src_mysql_feed *feed, bool may_wait, int timeout_ms)
{
    return feed->payload.open ||
           src_mysql_input_wait(feed->conn.mysql, feed->hidden, may_wait, timeout_ms);
}

static cdc_rc take_format(src_mysql_feed *feed, const src_mysql_event *ev, cdc_error *err)
{
    src_mysql_format format;
    cdc_rc rc = src_mysql_event_format(ev, &format, err);
    if (rc == CDC_OK) {
        feed->checksum = format.checksum ? SRC_MYSQL_CHECKSUM_SKIP : SRC_MYSQL_CHECKSUM_NONE;
    }
    return rc;
}

cdc_rc src_mysql_feed_next(src_mysql_feed *feed, const src_mysql_log_pos *at, src_mysql_event *ev,
                           cdc_error *err)
{
    if (feed->payload.open) {
        cdc_rc rc = src_mysql_payload_next(&feed->payload, ev, err);
        return rc == CDC_EOF ? CDC_AGAIN : rc;
    }
    const uint8_t *p = NULL;
    size_t n = 0;
    cdc_rc rc = src_mysql_raw_fetch(feed->raw, &p, &n);
    if (rc != CDC_OK) {
        return src_mysql_dump_error(&feed->conn, rc, at, err);
    }
    feed->hidden = src_mysql_input_hidden(feed->conn.mysql, n);
    feed->heard_ms = cdc_clock_mono_ms();
    feed->bytes += n;
    bool format = n > 4 && p[4] == SRC_MYSQL_FORMAT_DESCRIPTION_EVENT;
    rc = src_mysql_event_parse(p, n, format ? SRC_MYSQL_CHECKSUM_NONE : feed->checksum, ev, err);
    if (rc == CDC_OK && format) {
        return take_format(feed, ev, err);
    }
    if (rc == CDC_OK && ev->type == SRC_MYSQL_TRANSACTION_PAYLOAD_EVENT) {
        return src_mysql_payload_begin(&feed->payload, ev, err);
    }
    if (rc == CDC_OK && src_mysql_event_is_compressed(ev->type)) {
        src_mysql_event packed = *ev;
        return src_mysql_event_uncompress(&packed, &feed->plain, ev, err);
    }
    return rc;
}

/* For fuzz targets of one kind of event: the input is the body of one, or a whole binlog, whose
 * events of that kind are taken one by one, so that the golden logs are a corpus. */
#ifndef BINLOG_WALK_H
#define BINLOG_WALK_H

#include "fuzz_kit.h"
#include "producers/mysql/event.h"

typedef void (*body_taker)(void *ctx, uint8_t type, cdc_cursor body);

/* wants: types that are taken. alone: type of an input that is no binlog. */
static void walk_bodies(const uint8_t *data, size_t size, const bool wants[256], uint8_t alone,
                        body_taker take, void *ctx)
{
    cdc_cursor c = cdc_cursor_of(data, size);
    if (size < 4 || memcmp(data,
                           "\xfe"
                           "bin",
                           4) != 0) {
        take(ctx, alone, c);
        return;
    }
    (void)cdc_cursor_bytes(&c, 4);
    while (cdc_cursor_left(&c) >= SRC_MYSQL_EVENT_HEADER) {
        cdc_cursor header = c;
        (void)cdc_cursor_u32(&header);
        uint8_t type = cdc_cursor_u8(&header);
        (void)cdc_cursor_u32(&header);
        size_t n = cdc_cursor_u32(&header);
        if (n < SRC_MYSQL_EVENT_HEADER || n > cdc_cursor_left(&c)) {
            n = cdc_cursor_left(&c);
        }
        const uint8_t *p = cdc_cursor_bytes(&c, n);
        size_t tail =
            n >= SRC_MYSQL_EVENT_HEADER + SRC_MYSQL_EVENT_CHECKSUM ? SRC_MYSQL_EVENT_CHECKSUM : 0;
        if (wants[type]) {
            take(ctx, type,
                 cdc_cursor_of(p + SRC_MYSQL_EVENT_HEADER, n - SRC_MYSQL_EVENT_HEADER - tail));
        }
    }
}

#endif

#include "producers/mysql/event.h"

#include <stdio.h>
#include <string.h>

/* GTID, ANONYMOUS_GTID: a fixed layout. GTID_TAGGED: mysql::serialization, fields with ids in
 * ascending order, integers of variable length. */

static cdc_rc gtid_malformed(const src_mysql_event *ev, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_event_malformed",
        "malformed %s event (%u bytes, ends at %u); the binlog is damaged or of an "
        "unknown version: check it with mysqlbinlog",
        src_mysql_event_type_name(ev->type), ev->length, ev->end_pos);
}

static cdc_rc gtid_plain(const src_mysql_event *ev, src_mysql_gtid *out, cdc_error *err)
{
    cdc_cursor c = ev->body;
    out->may_have_sbr = (cdc_cursor_u8(&c) & 1U) != 0;
    const uint8_t *sid = cdc_cursor_bytes(&c, sizeof out->sid);
    out->gno = cdc_cursor_u64(&c);
    if (c.failed) {
        return gtid_malformed(ev, err);
    }
    memcpy(out->sid, sid, sizeof out->sid);
    if (cdc_cursor_left(&c) < 17 || cdc_cursor_u8(&c) != 2) { /* 2: logical clock follows */
        return CDC_OK;
    }
    out->last_committed = (int64_t)cdc_cursor_u64(&c);
    out->sequence_number = (int64_t)cdc_cursor_u64(&c);
    if (cdc_cursor_left(&c) < 7) { /* before 8.0 */
        return CDC_OK;
    }
    uint64_t immediate = cdc_cursor_le(&c, 7);
    uint64_t both = UINT64_C(1) << 55; /* the highest bit says that the original time follows */
    out->immediate_commit_us = (int64_t)(immediate & ~both);
    out->original_commit_us =
        (immediate & both) != 0 ? (int64_t)cdc_cursor_le(&c, 7) : out->immediate_commit_us;
    out->transaction_length = cdc_cursor_left(&c) > 0 ? cdc_cursor_lenenc(&c) : 0;
    return c.failed ? gtid_malformed(ev, err) : CDC_OK;
}

/* mysql::serialization's integer: as many low 1-bits in the first byte as bytes follow it. */
static uint64_t tagged_uint(cdc_cursor *c)
{
    uint8_t first = cdc_cursor_u8(c);
    unsigned more = 0;
    while (more < 8 && ((unsigned)first >> more & 1U) != 0) {
        more++;
    }
    if (more == 0) {
        return first >> 1;
    }
    uint64_t rest = cdc_cursor_le(c, more);
    return more >= 7 ? rest : (rest << (7 - more)) | (uint64_t)first >> (more + 1);
}

/* Signed: the sign is the lowest bit, negative numbers are stored as -(v + 1). */
static int64_t tagged_int(cdc_cursor *c)
{
    uint64_t v = tagged_uint(c);
    return (v & 1U) != 0 ? -(int64_t)(v >> 1) - 1 : (int64_t)(v >> 1);
}

static void tagged_tag(cdc_cursor *c, src_mysql_gtid *out)
{
    uint64_t len = tagged_uint(c);
    if (len > SRC_MYSQL_GTID_TAG_MAX) {
        c->failed = true;
        return;
    }
    const uint8_t *p = cdc_cursor_bytes(c, (size_t)len);
    if (p != NULL) {
        memcpy(out->tag, p, (size_t)len);
        out->tag[len] = '\0';
    }
}

/* False: a field that we do not know; what follows is left alone. */
static bool tagged_field(cdc_cursor *c, uint64_t field, src_mysql_gtid *out)
{
    switch (field) {
    case 0:
        out->may_have_sbr = (tagged_uint(c) & 1U) != 0;
        return true;
    case 1:
        for (size_t i = 0; i < sizeof out->sid; i++) {
            out->sid[i] = (uint8_t)tagged_uint(c);
        }
        return true;
    case 2:
        out->gno = (uint64_t)tagged_int(c);
        return true;
    case 3:
        tagged_tag(c, out);
        return true;
    case 4:
        out->last_committed = tagged_int(c);
        return true;
    case 5:
        out->sequence_number = tagged_int(c);
        return true;
    case 6:
        out->immediate_commit_us = (int64_t)tagged_uint(c);
        return true;
    case 7:
        out->original_commit_us = (int64_t)tagged_uint(c);
        return true;
    case 8:
        out->transaction_length = tagged_uint(c);
        return true;
    default:
        return false;
    }
}

static cdc_rc gtid_tagged(const src_mysql_event *ev, src_mysql_gtid *out, cdc_error *err)
{
    cdc_cursor c = ev->body;
    uint64_t version = tagged_uint(&c);
    (void)tagged_uint(&c); /* size of the message */
    (void)tagged_uint(&c); /* last field that may not be ignored */
    if (version != 1) {
        return cdc_error_set(
            err, CDC_FATAL, "mysql_event_version",
            "GTID_TAGGED event in serialization version %llu (ends at %u), only 1 is known",
            (unsigned long long)version, ev->end_pos);
    }
    while (cdc_cursor_left(&c) > 0 && tagged_field(&c, tagged_uint(&c), out)) {
    }
    if (c.failed || out->gno == 0) {
        return gtid_malformed(ev, err);
    }
    if (out->original_commit_us == 0) {
        out->original_commit_us = out->immediate_commit_us;
    }
    return CDC_OK;
}

cdc_rc src_mysql_event_gtid(const src_mysql_event *ev, src_mysql_gtid *out, cdc_error *err)
{
    memset(out, 0, sizeof *out);
    out->anonymous = ev->type == SRC_MYSQL_ANONYMOUS_GTID_EVENT;
    if (ev->type == SRC_MYSQL_GTID_TAGGED_EVENT) {
        return gtid_tagged(ev, out, err);
    }
    return gtid_plain(ev, out, err);
}

size_t src_mysql_gtid_text(const src_mysql_gtid *gtid, char out[SRC_MYSQL_GTID_TEXT_MAX])
{
    static const char hex[] = "0123456789abcdef";
    out[0] = '\0';
    if (gtid->anonymous) {
        return 0;
    }
    size_t n = 0;
    for (size_t i = 0; i < sizeof gtid->sid; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[n++] = '-';
        }
        out[n++] = hex[gtid->sid[i] >> 4];
        out[n++] = hex[gtid->sid[i] & 15U];
    }
    n +=
        (size_t)snprintf(out + n, SRC_MYSQL_GTID_TEXT_MAX - n, "%s%s:%llu",
                         gtid->tag[0] != '\0' ? ":" : "", gtid->tag, (unsigned long long)gtid->gno);
    return n;
}

int64_t src_mysql_gtid_commit_ms(const src_mysql_gtid *gtid, const src_mysql_event *ev)
{
    if (gtid->original_commit_us > 0) {
        return gtid->original_commit_us / 1000;
    }
    if (gtid->immediate_commit_us > 0) {
        return gtid->immediate_commit_us / 1000;
    }
    return (int64_t)ev->timestamp * 1000;
}

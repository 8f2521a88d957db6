/* Commands to messages. An argument is written as text until a byte shows that it is none; then it
 * is written again from its start, in base64. */
#include "core/clock.h"
#include "schema/canal_json/command.h"
#include "schema/scan.h"

/* Long arguments are written in pieces, so that room for the worst case (seven bytes for one, a
 * control character in a string in a string) stays small. */
enum { PIECE = 8 * 1024, WORST = 7 };

/* --- texts in argv: a JSON string in a JSON string --- */

static char *put_special(char *p, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\b\f\n\r\t";
    static const char to[] = "bfnrt";
    const char *at = c != 0 ? strchr(from, c) : NULL;
    if (c == '"' || c == '\\') {
        memcpy(p, c == '"' ? "\\\\\\\"" : "\\\\\\\\", 4);
        return p + 4;
    }
    if (at != NULL) {
        *p++ = '\\';
        *p++ = '\\';
        *p++ = to[at - from];
        return p;
    }
    memcpy(p, "\\\\u00", 5);
    p[5] = hex[c >> 4];
    p[6] = hex[c & 15];
    return p + 7;
}

/* NULL: not UTF-8. */
static char *put_text(char *p, const uint8_t *s, const uint8_t *end)
{
    while (s < end) {
        if (cdc_scan_copy(&p, &s, end)) {
            continue;
        }
        if (*s >= 0x80) {
            unsigned n = cdc_scan_utf8(s, end);
            if (n == 0) {
                return NULL;
            }
            for (unsigned i = 0; i < n; i++) {
                *p++ = (char)*s++;
            }
        } else if (*s < 0x20 || *s == '"' || *s == '\\') {
            p = put_special(p, *s++);
        } else {
            *p++ = (char)*s++;
        }
    }
    return p;
}

/* Writes the inside of the string. False: no room, or (*octets) not UTF-8. */
static bool put_string(cdc_writer *w, const cdc_value *v, bool *octets)
{
    const uint8_t *s = (const uint8_t *)v->p;
    size_t left = v->len;
    while (left > 0) {
        size_t n = left < PIECE ? left : PIECE;
        while (n < left && n > PIECE - 4 && (s[n] & 0xc0) == 0x80) {
            n--; /* not inside of a UTF-8 sequence */
        }
        if (!cdc_writer_room(w, n * WORST)) {
            return false;
        }
        char *p = put_text(w->p, s, s + n);
        if (p == NULL) {
            *octets = true;
            return false;
        }
        w->p = p;
        s += n;
        left -= n;
    }
    return true;
}

static bool put_octets(cdc_writer *w, const char *lead, const cdc_value *v, const char *tail)
{
    return cdc_writer_str(w, lead) && cdc_writer_octets(w, CDC_BINARY_BASE64, v->p, v->len, 0) &&
           cdc_writer_str(w, tail);
}

static bool put_argument(cdc_writer *w, const cdc_value *v)
{
    if (!cdc_writer_room(w, 8)) {
        return false;
    }
    size_t start = (size_t)(w->p - w->buf->data);
    bool octets = false;
    cdc_writer_copy(w, "\\\"", 2);
    if (!put_string(w, v, &octets)) {
        w->p = octets ? w->buf->data + start : w->p;
        return octets && put_octets(w, "{\\\"b64\\\":\\\"", v, "\\\"}");
    }
    cdc_writer_copy(w, "\\\"", 2);
    return true;
}

static bool put_arguments(cdc_writer *w, const cdc_event *ev)
{
    for (uint32_t i = 0; i < ev->nargs; i++) {
        if (!cdc_writer_room(w, 8)) {
            return false;
        }
        *w->p++ = i == 0 ? '[' : ',';
        if (!put_argument(w, &ev->after[i])) {
            return false;
        }
    }
    *w->p++ = ']'; /* an argument leaves the pad free */
    return true;
}

/* --- columns --- */

/* The text, or what stands for octets instead. */
static bool put_key(cdc_writer *w, const cdc_value *v, const char *text_lead, const char *text_tail,
                    const char *octets_lead, const char *octets_tail)
{
    size_t start = (size_t)(w->p - w->buf->data);
    uint64_t replaced = 0;
    if (!cdc_writer_str(w, text_lead) || !cdc_writer_text(w, v->p, v->len, &replaced)) {
        return false;
    }
    if (replaced == 0) {
        return cdc_writer_str(w, text_tail);
    }
    w->p = w->buf->data + start;
    return put_octets(w, octets_lead, v, octets_tail);
}

static bool put_names(cdc_writer *w, const cdc_event *ev)
{
    uint64_t replaced = 0;
    if (!cdc_writer_str(w, "{\"cmd\":\"") ||
        !cdc_writer_text(w, ev->after[0].p, ev->after[0].len, &replaced)) {
        return false;
    }
    return ev->key_arg < 0 ? cdc_writer_str(w, "\",\"key\":null,\"key64\":null,\"argv\":\"")
                           : put_key(w, &ev->after[ev->key_arg], "\",\"key\":\"",
                                     "\",\"key64\":null,\"argv\":\"",
                                     "\",\"key\":null,\"key64\":\"", "\",\"argv\":\"");
}

static bool put_number(cdc_writer *w, const char *lead, int64_t v, const char *tail)
{
    if (!cdc_writer_str(w, lead)) {
        return false;
    }
    w->p = cdc_write_i64(w->p, v); /* at most 20 bytes of the pad, and room is asked for next */
    return cdc_writer_str(w, tail);
}

static bool put_block(cdc_writer *w, const cdc_event *ev)
{
    uint64_t replaced = 0;
    if (ev->tx_seq == 0) {
        return cdc_writer_str(w, ",\"tx\":null,\"tx_seq\":null,\"tx_end\":null}");
    }
    return cdc_writer_str(w, ",\"tx\":\"") &&
           cdc_writer_text(w, ev->txn, strlen(ev->txn), &replaced) &&
           put_number(w, "\",\"tx_seq\":\"", ev->tx_seq,
                      ev->last ? "\",\"tx_end\":\"1\"}" : "\",\"tx_end\":null}");
}

static bool put_command(cdc_writer *w, const cdc_event *ev)
{
    bool snapshot = ev->phase == CDC_PHASE_SNAPSHOT;
    return put_names(w, ev) && put_arguments(w, ev) &&
           (ev->expire_at_ms < 0 ? cdc_writer_str(w, "\",\"expire_at\":null")
                                 : put_number(w, "\",\"expire_at\":\"", ev->expire_at_ms, "\"")) &&
           cdc_writer_str(w, snapshot ? ",\"phase\":\"snapshot\"" : ",\"phase\":\"incr\"") &&
           put_block(w, ev);
}

/* --- messages --- */

static bool put_message(cdc_writer *w, const cdc_event *events, uint32_t n)
{
    const cdc_event *ev = &events[0];
    int64_t ts = ev->capture_ms != 0 ? ev->capture_ms : cdc_clock_wall_ms();
    if (!put_number(w, "{\"id\":", (int64_t)ev->id, ",\"database\":\"") ||
        !put_number(w, "", ev->redis_db,
                    "\",\"table\":\"" CDC_COMMAND_TABLE
                    "\",\"pkNames\":null,\"isDdl\":false,\"type\":\"INSERT\",\"es\":") ||
        !put_number(w, "", ev->source_ms, ",\"ts\":") || !put_number(w, "", ts, ",\"data\":")) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        *w->p++ = i == 0 ? '[' : ','; /* what stands before leaves the pad free */
        if (!put_command(w, &events[i])) {
            return false;
        }
    }
    return cdc_writer_str(w, "],\"old\":null,\"sql\":\"\",\"sqlType\":null,\"mysqlType\":null,"
                             "\"gtid\":null,\"serverId\":null}");
}

static bool put_record_key(cdc_writer *w, const cdc_event *ev)
{
    static const cdc_value none = {.kind = CDC_BYTES, .p = "", .len = 0};
    const cdc_value *v = ev->key_arg < 0 ? &none : &ev->after[ev->key_arg];
    return put_number(w, "[\"", ev->redis_db, "\",") &&
           put_key(w, v, "\"", "\"]", "{\"b64\":\"", "\"}]");
}

bool cdc_canal_commands_encode(const cdc_event *events, uint32_t n, cdc_buffer *key,
                               cdc_buffer *value)
{
    cdc_writer w;
    bool ok = cdc_writer_begin(&w, key);
    if (ok) {
        ok = put_record_key(&w, &events[0]);
        cdc_writer_end(&w);
    }
    if (ok && (ok = cdc_writer_begin(&w, value))) {
        ok = put_message(&w, events, n);
        cdc_writer_end(&w);
    }
    return ok;
}

/* The cdc header, written once per record on the hot path: the room is reserved once, then plain
 * stores. */
#include "header.h"

enum { VERSION = 1, FIXED_BYTES = 256 };

/* Bytes that would end a pair or a name, and control characters. */
static bool cdc_header_plain(unsigned char c)
{
    return c >= 0x20 && c != 0x7f && c != '%' && c != ';' && c != '=';
}

static char *cdc_header_text(char *to, const char *s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (cdc_header_plain(c)) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    return to;
}

#define PUT(to, text) (memcpy((to), (text), sizeof(text) - 1), (to) + sizeof(text) - 1)

static size_t cdc_header_length(const char *s)
{
    return s != NULL ? strlen(s) : 0;
}

static bool cdc_header_given(const char *s)
{
    return s != NULL && s[0] != '\0';
}

static char *cdc_header_position(char *to, const cdc_event *ev)
{
    if (!cdc_header_given(ev->pos_file)) {
        return to;
    }
    to = cdc_header_text(PUT(to, ";pos="), ev->pos_file);
    *to++ = ':';
    return to + cdc_format_u64(to, ev->pos);
}

static char *cdc_header_definition(char *to, const cdc_event *ev)
{
    if (cdc_header_given(ev->ddl_was)) {
        to = cdc_header_text(PUT(to, ";was="), ev->ddl_was);
    }
    if (cdc_header_given(ev->ddl_default)) {
        to = cdc_header_text(PUT(to, ";use="), ev->ddl_default);
    }
    if (ev->barrier) {
        to = PUT(to, ";barrier=1");
    }
    return ev->partial ? PUT(to, ";part=1") : to;
}

void cdc_header_encode(cdc_buffer *out, const char *task, const char *src, const cdc_event *ev)
{
    size_t text = cdc_header_length(task) + cdc_header_length(src) + cdc_header_length(ev->txn) +
                  cdc_header_length(ev->pos_file) + cdc_header_length(ev->ddl_was) +
                  cdc_header_length(ev->ddl_default);
    char *start = cdc_buffer_reserve(out, FIXED_BYTES + 3 * text);
    if (start == NULL) {
        return;
    }
    char *to = cdc_header_text(PUT(start, "v=1;task="), task);
    if (cdc_header_given(src)) {
        to = cdc_header_text(PUT(to, ";src="), src);
    }
    to = ev->phase == CDC_PHASE_SNAPSHOT ? PUT(to, ";phase=snapshot") : PUT(to, ";phase=incr");
    if (ev->table != NULL) {
        to = PUT(to, ";schema=");
        to += cdc_format_u64(to, ev->table->version);
    }
    if (cdc_header_given(ev->txn)) {
        to = cdc_header_text(PUT(to, ";txn="), ev->txn);
    }
    if (ev->seq > 0) {
        to = PUT(to, ";seq=");
        to += cdc_format_u64(to, ev->seq);
    }
    if (ev->last) {
        to = PUT(to, ";last=1");
    }
    to = cdc_header_position(to, ev);
    if (ev->after_ddl > 0) {
        to = PUT(to, ";ddl=");
        to += cdc_format_u64(to, ev->after_ddl);
    }
    if (ev->move > 0) {
        to = PUT(to, ";move=");
        to += cdc_format_u64(to, (uint64_t)ev->move - 1);
        if (ev->op == CDC_OP_INSERT) {
            *to++ = ':';
            to += cdc_format_u64(to, ev->id - 1);
        }
    }
    if (ev->op == CDC_OP_DDL) {
        to = cdc_header_definition(to, ev);
    }
    if (ev->unchecked) {
        to = PUT(to, ";fk=0");
    }
    out->len += (size_t)(to - start);
}

void cdc_header_add_id(cdc_buffer *out, uint64_t id)
{
    cdc_buffer_add_str(out, ";id=");
    cdc_buffer_add_u64(out, id);
}

/* --- reading --- */

typedef struct cdc_pair {
    const char *name, *value;
    size_t name_len, value_len;
} cdc_pair;

static int cdc_header_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value, percent-decoded; NULL when it is malformed, holds a NUL, or memory is out. */
static const char *cdc_header_decode(const cdc_pair *pair, cdc_arena *ar)
{
    char *text = cdc_arena_alloc(ar, pair->value_len + 1);
    char *to = text;
    for (size_t i = 0; text != NULL && i < pair->value_len; i++) {
        int c = (unsigned char)pair->value[i];
        if (c == '%') {
            int high = i + 2 < pair->value_len ? cdc_header_hex(pair->value[i + 1]) : -1;
            int low = high >= 0 ? cdc_header_hex(pair->value[i + 2]) : -1;
            c = low >= 0 ? high << 4 | low : 0;
            i += 2;
        }
        if (c == 0) {
            return NULL;
        }
        *to++ = (char)c;
    }
    if (text != NULL) {
        *to = '\0';
    }
    return text;
}

static bool cdc_header_number(const cdc_pair *pair, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < pair->value_len; i++) {
        char c = pair->value[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(c - '0'), &v) || v > max) {
            return false;
        }
    }
    *out = v;
    return pair->value_len > 0;
}

static bool cdc_pair_is(const cdc_pair *pair, const char *name)
{
    return strlen(name) == pair->name_len && memcmp(pair->name, name, pair->name_len) == 0;
}

static bool cdc_pair_value_is(const cdc_pair *pair, const char *value)
{
    return strlen(value) == pair->value_len && memcmp(pair->value, value, pair->value_len) == 0;
}

/* Texts by name; NULL when the name is another. */
static const char **cdc_header_slot(cdc_header *h, const cdc_pair *pair)
{
    if (cdc_pair_is(pair, "txn")) {
        return &h->txn;
    }
    if (cdc_pair_is(pair, "pos")) {
        return &h->pos;
    }
    if (cdc_pair_is(pair, "task")) {
        return &h->task;
    }
    if (cdc_pair_is(pair, "src")) {
        return &h->src;
    }
    if (cdc_pair_is(pair, "use")) {
        return &h->use;
    }
    return cdc_pair_is(pair, "was") ? &h->was : NULL;
}

static bool cdc_header_phase(cdc_header *h, const cdc_pair *pair)
{
    bool snapshot = cdc_pair_value_is(pair, "snapshot");
    h->phase = snapshot ? CDC_PHASE_SNAPSHOT : CDC_PHASE_INCR;
    return snapshot || cdc_pair_value_is(pair, "incr");
}

/* "3" of a DELETE, "3:1234" of an INSERT. */
static bool cdc_header_move(cdc_header *h, const cdc_pair *pair)
{
    uint64_t v = 0;
    const char *colon = memchr(pair->value, ':', pair->value_len);
    cdc_pair first = *pair;
    first.value_len = colon != NULL ? (size_t)(colon - pair->value) : pair->value_len;
    cdc_pair second = {.value = colon != NULL ? colon + 1 : NULL,
                       .value_len = colon != NULL ? pair->value_len - first.value_len - 1 : 0};
    bool good = cdc_header_number(&first, INT32_MAX - 1, &v);
    h->move = (int32_t)v + 1;
    return good && (colon == NULL || cdc_header_number(&second, UINT64_MAX, &h->move_id));
}

/* False: malformed. */
static bool cdc_header_pair(cdc_header *h, const cdc_pair *pair, cdc_arena *ar)
{
    uint64_t v = 0;
    const char **slot = cdc_header_slot(h, pair);
    if (slot != NULL) {
        bool again = *slot != NULL;
        *slot = cdc_header_decode(pair, ar);
        return *slot != NULL && !again;
    }
    if (cdc_pair_is(pair, "seq")) {
        return cdc_header_number(pair, UINT64_MAX, &h->seq);
    }
    if (cdc_pair_is(pair, "ddl")) {
        return cdc_header_number(pair, UINT64_MAX, &h->ddl);
    }
    if (cdc_pair_is(pair, "id")) {
        return cdc_header_number(pair, UINT64_MAX, &h->id);
    }
    if (cdc_pair_is(pair, "move")) {
        return cdc_header_move(h, pair);
    }
    if (cdc_pair_is(pair, "schema")) {
        bool good = cdc_header_number(pair, UINT32_MAX, &v);
        h->schema = (uint32_t)v;
        return good;
    }
    if (cdc_pair_is(pair, "last")) {
        h->last = cdc_pair_value_is(pair, "1");
        return h->last;
    }
    if (cdc_pair_is(pair, "fk")) {
        h->unchecked = cdc_pair_value_is(pair, "0");
        return h->unchecked;
    }
    if (cdc_pair_is(pair, "part")) {
        h->partial = cdc_pair_value_is(pair, "1");
        return h->partial;
    }
    if (cdc_pair_is(pair, "barrier")) {
        h->barrier = cdc_pair_value_is(pair, "1");
        return h->barrier;
    }
    return !cdc_pair_is(pair, "phase") || cdc_header_phase(h, pair);
}

/* Cuts the next name=value off in; false: there is no '='. */
static bool cdc_header_next(cdc_bytes *in, cdc_pair *pair)
{
    const char *semi = memchr(in->p, ';', in->len);
    size_t len = semi != NULL ? (size_t)(semi - in->p) : in->len;
    const char *equals = memchr(in->p, '=', len);
    if (equals == NULL) {
        return false;
    }
    pair->name = in->p;
    pair->name_len = (size_t)(equals - in->p);
    pair->value = equals + 1;
    pair->value_len = len - pair->name_len - 1;
    size_t used = semi != NULL ? len + 1 : len;
    in->p += used;
    in->len -= used;
    return true;
}

bool cdc_header_find(cdc_bytes in, const char *name, cdc_bytes *out)
{
    size_t len = strlen(name);
    const char *at = in.p != NULL ? memmem(in.p, in.len, name, len) : NULL;
    if (at == NULL) {
        return false;
    }
    out->p = at + len;
    size_t left = in.len - (size_t)(out->p - in.p);
    const char *end = memchr(out->p, ';', left);
    out->len = end != NULL ? (size_t)(end - out->p) : left;
    return true;
}

static cdc_rc cdc_header_malformed(cdc_bytes in, cdc_error *err)
{
    /* It may be anybody's bytes: only what is printable goes into the text. */
    char text[81];
    size_t n = in.len < sizeof text - 1 ? in.len : sizeof text - 1;
    for (size_t i = 0; i < n; i++) {
        text[i] = in.p[i] >= 0x20 && in.p[i] < 0x7f ? in.p[i] : '?';
    }
    text[n] = '\0';
    return cdc_error_set(
        err, CDC_FATAL, "header_malformed",
        "the record's header '" CDC_HEADER_NAME
        "' is malformed: %s%s; it was not written by sluice: leave the topic to one writer",
        text, n < in.len ? "..." : "");
}

cdc_rc cdc_header_parse(cdc_bytes in, cdc_arena *ar, cdc_header *out, cdc_error *err)
{
    cdc_bytes rest = in;
    cdc_pair pair;
    uint64_t version = 0;
    *out = (cdc_header){.phase = CDC_PHASE_INCR};
    if (in.len == 0 || !cdc_header_next(&rest, &pair) || !cdc_pair_is(&pair, "v") ||
        !cdc_header_number(&pair, UINT32_MAX, &version)) {
        return cdc_header_malformed(in, err);
    }
    if (version != VERSION) {
        return cdc_error_set(
            err, CDC_FATAL, "header_version",
            "the record's header has format version %llu, and this program reads %d: "
            "use a newer sluice here",
            (unsigned long long)version, VERSION);
    }
    while (rest.len > 0) {
        if (!cdc_header_next(&rest, &pair) || !cdc_header_pair(out, &pair, ar)) {
            return cdc_header_malformed(in, err);
        }
        if (cdc_pair_is(&pair, "split")) {
            return cdc_error_set(err, CDC_FATAL, "header_split",
                                 "the record is one part of a larger one (split=%.*s), which this "
                                 "version does not put together",
                                 (int)(pair.value_len < 40 ? pair.value_len : 40), pair.value);
        }
    }
    return CDC_OK;
}

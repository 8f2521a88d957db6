#include "position.h"

#include "core/cursor.h"

#define VERSION "v1"

static const char *const stage_names[] = {"stream", "schema", "rows"};

int src_mysql_log_pos_compare(const src_mysql_log_pos *a, const src_mysql_log_pos *b)
{
    /* binlog.999999 is followed by binlog.1000000, so the longer name is the later one */
    size_t na = strlen(a->file);
    size_t nb = strlen(b->file);
    if (na != nb) {
        return na < nb ? -1 : 1;
    }
    int c = memcmp(a->file, b->file, na);
    if (c != 0) {
        return c;
    }
    return (a->pos > b->pos) - (a->pos < b->pos);
}

void src_mysql_log_pos_advance(src_mysql_log_pos *at, uint32_t end_pos)
{
    uint64_t pos = (at->pos & ~(uint64_t)UINT32_MAX) | end_pos;
    if (pos < at->pos && at->pos - pos > UINT32_MAX / 2) {
        pos += (uint64_t)1 << 32;
    }
    at->pos = pos;
}

static bool parse_u64(const char *s, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    if (n == 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(s[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool src_mysql_log_pos_parse(src_mysql_log_pos *out, const char *text, size_t len)
{
    const char *colon = memrchr(text, ':', len);
    size_t nfile = colon != NULL ? (size_t)(colon - text) : 0;
    if (nfile == 0 || nfile > SRC_MYSQL_FILE_MAX ||
        !parse_u64(colon + 1, len - nfile - 1, &out->pos)) {
        return false;
    }
    memcpy(out->file, text, nfile);
    out->file[nfile] = '\0';
    return true;
}

/* --- writing --- */

static void add_escaped(cdc_buffer *out, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '%' || c == ';' || c < 0x20 || c == 0x7f) {
            cdc_buffer_addf(out, "%%%02X", c);
        } else {
            cdc_buffer_add_char(out, *s);
        }
    }
}

static void add_text(cdc_buffer *out, const char *name, const char *value)
{
    cdc_buffer_add_char(out, ';');
    cdc_buffer_add_str(out, name);
    cdc_buffer_add_char(out, '=');
    add_escaped(out, value);
}

static void add_number(cdc_buffer *out, const char *name, uint64_t value)
{
    cdc_buffer_add_char(out, ';');
    cdc_buffer_add_str(out, name);
    cdc_buffer_add_char(out, '=');
    cdc_buffer_add_u64(out, value);
}

static bool given(const char *s)
{
    return s != NULL && s[0] != '\0';
}

void src_mysql_position_print(const src_mysql_position *pos, cdc_buffer *out)
{
    cdc_buffer_add_str(out, VERSION);
    if (given(pos->server)) {
        add_text(out, "server", pos->server);
    }
    if (given(pos->at.file)) {
        add_text(out, "file", pos->at.file);
        add_number(out, "pos", pos->at.pos);
    }
    if (pos->gtid != NULL) {
        add_text(out, "gtid", pos->gtid);
    }
    if (given(pos->until.file)) {
        add_text(out, "until", pos->until.file);
        cdc_buffer_add_char(out, ':');
        cdc_buffer_add_u64(out, pos->until.pos);
    }
    if (given(pos->xa)) {
        add_text(out, "xa", pos->xa);
    }
    if (given(pos->shadows)) {
        add_text(out, "shadows", pos->shadows);
    }
    if (pos->stage == SRC_MYSQL_STREAM) {
        return;
    }
    add_text(out, "stage", stage_names[pos->stage]);
    if (given(pos->database)) {
        add_text(out, "db", pos->database);
    }
    if (given(pos->table)) {
        add_text(out, "table", pos->table);
        if (given(pos->key)) {
            add_text(out, "key", pos->key);
        }
        if (pos->table_done) {
            add_number(out, "done", 1);
        }
        add_number(out, "chunk", pos->chunk);
    }
}

/* --- reading --- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The value without its percent encoding, in the arena; NULL: malformed or no memory. */
static char *unescape(cdc_arena *ar, const char *s, size_t n, size_t *len)
{
    char *out = cdc_arena_alloc(ar, n + 1);
    size_t k = 0;
    for (size_t i = 0; out != NULL && i < n; i++) {
        char c = s[i];
        if (c == '%') {
            int hi = i + 2 < n ? hex_value(s[i + 1]) : -1;
            int lo = i + 2 < n ? hex_value(s[i + 2]) : -1;
            if (hi < 0 || lo < 0) {
                return NULL;
            }
            c = (char)(hi << 4 | lo);
            i += 2;
        }
        out[k++] = c;
    }
    if (out != NULL) {
        out[k] = '\0';
        *len = k;
    }
    return out;
}

static bool is(const char *name, size_t nname, const char *want)
{
    return nname == strlen(want) && memcmp(name, want, nname) == 0;
}

static bool set_file(src_mysql_position *pos, const char *value, size_t nvalue)
{
    if (nvalue > SRC_MYSQL_FILE_MAX) {
        return false;
    }
    memcpy(pos->at.file, value, nvalue + 1);
    return true;
}

static bool set_stage(src_mysql_position *pos, const char *value)
{
    for (size_t i = 0; i < sizeof(stage_names) / sizeof(stage_names[0]); i++) {
        if (strcmp(stage_names[i], value) == 0) {
            pos->stage = (src_mysql_stage)i;
            return true;
        }
    }
    return false;
}

static bool set_field(src_mysql_position *pos, const char *name, size_t nname, const char *value,
                      size_t nvalue)
{
    uint64_t flag;
    if (is(name, nname, "server")) {
        pos->server = value;
    } else if (is(name, nname, "file")) {
        return set_file(pos, value, nvalue);
    } else if (is(name, nname, "pos")) {
        return parse_u64(value, nvalue, &pos->at.pos);
    } else if (is(name, nname, "gtid")) {
        pos->gtid = value;
    } else if (is(name, nname, "xa")) {
        pos->xa = value;
    } else if (is(name, nname, "shadows")) {
        pos->shadows = value;
    } else if (is(name, nname, "until")) {
        return src_mysql_log_pos_parse(&pos->until, value, nvalue);
    } else if (is(name, nname, "stage")) {
        return set_stage(pos, value);
    } else if (is(name, nname, "db")) {
        pos->database = value;
    } else if (is(name, nname, "table")) {
        pos->table = value;
    } else if (is(name, nname, "key")) {
        pos->key = value;
    } else if (is(name, nname, "done")) {
        pos->table_done = true;
        return parse_u64(value, nvalue, &flag) && flag == 1;
    } else if (is(name, nname, "chunk")) {
        return parse_u64(value, nvalue, &pos->chunk);
    }
    return true;
}

static cdc_rc malformed(cdc_error *err, const char *text, size_t len)
{
    return cdc_error_set(err, CDC_FATAL, "mysql_token",
                         "restart position \"%.*s%s\" is not one of a mysql source of this version",
                         (int)(len > 200 ? 200 : len), text, len > 200 ? "..." : "");
}

cdc_rc src_mysql_position_parse(src_mysql_position *pos, const char *text, size_t len,
                                cdc_arena *ar, cdc_error *err)
{
    memset(pos, 0, sizeof(*pos));
    pos->server = pos->database = pos->table = pos->key = pos->xa = pos->shadows = "";
    const char *p = text;
    const char *end = text + len;
    for (bool first = true; p <= end; first = false) {
        const char *stop = memchr(p, ';', (size_t)(end - p));
        stop = stop != NULL ? stop : end;
        if (first) {
            if (!is(p, (size_t)(stop - p), VERSION)) {
                return malformed(err, text, len);
            }
        } else {
            const char *eq = memchr(p, '=', (size_t)(stop - p));
            size_t nvalue = 0;
            char *value =
                eq == NULL ? NULL : unescape(ar, eq + 1, (size_t)(stop - eq - 1), &nvalue);
            if (value == NULL || !set_field(pos, p, (size_t)(eq - p), value, nvalue)) {
                return malformed(err, text, len);
            }
        }
        p = stop + 1;
    }
    if (pos->gtid == NULL && pos->at.file[0] == '\0') {
        return malformed(err, text, len);
    }
    return CDC_OK;
}

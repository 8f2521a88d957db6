#include "position.h"

#include "core/cursor.h"
#include "names.h"

#define VERSION "v1"
#define MARK_MAX 4096U /* four names of 64 characters, quoted */

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

/* "`db`.`table`", or "`db`.`table`=`db`.`was`". */
static void add_mark(cdc_buffer *out, const src_mysql_mark *mark)
{
    cdc_buffer text;
    cdc_buffer_init(&text, MARK_MAX);
    src_mysql_add_table(&text, mark->database, mark->table);
    if (mark->was_table != NULL) {
        cdc_buffer_add_char(&text, '=');
        src_mysql_add_table(&text, mark->was_database, mark->was_table);
    }
    add_text(out, "mark", cdc_buffer_cstr(&text));
    out->failed = out->failed || text.failed;
    cdc_buffer_fini(&text);
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
        if (pos->key_definition != 0) {
            add_number(out, "keydef", pos->key_definition);
        }
    }
    if (pos->rows > 0) {
        add_number(out, "rows", pos->rows);
        add_number(out, "bytes", pos->bytes);
    }
    for (const src_mysql_mark *mark = pos->marks; mark != NULL; mark = mark->next) {
        add_mark(out, mark);
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

/* Reads "`...`" and moves *p behind it; NULL: there is none. The name is unquoted in place. */
static char *take_name(char **p)
{
    char *from = *p;
    if (from == NULL || *from != '`') {
        return NULL;
    }
    char *to = ++from;
    for (char *s = from; *s != '\0'; s++) {
        if (*s == '`' && s[1] != '`') {
            *to = '\0';
            *p = s + 1;
            return from;
        }
        s += *s == '`';
        *to++ = *s;
    }
    return NULL;
}

static bool take_table(char **p, char **database, char **table)
{
    *database = take_name(p);
    if (*database == NULL || **p != '.') {
        return false;
    }
    ++*p;
    *table = take_name(p);
    return *table != NULL;
}

static bool add_to_marks(src_mysql_position *pos, char *value, cdc_arena *ar)
{
    src_mysql_mark *mark = cdc_arena_zalloc(ar, sizeof(*mark));
    char *p = value;
    if (mark == NULL || !take_table(&p, &mark->database, &mark->table)) {
        return false;
    }
    if (*p == '=') {
        p++;
        if (!take_table(&p, &mark->was_database, &mark->was_table)) {
            return false;
        }
    }
    mark->next = pos->marks;
    pos->marks = mark;
    return *p == '\0';
}

/* The numbers of the full copy. */
static bool set_number(src_mysql_position *pos, const char *name, size_t nname, const char *value,
                       size_t nvalue)
{
    uint64_t v = 0;
    if (is(name, nname, "done")) {
        pos->table_done = true;
        return parse_u64(value, nvalue, &v) && v == 1;
    }
    if (is(name, nname, "chunk")) {
        return parse_u64(value, nvalue, &pos->chunk);
    }
    if (is(name, nname, "rows")) {
        return parse_u64(value, nvalue, &pos->rows);
    }
    if (is(name, nname, "bytes")) {
        return parse_u64(value, nvalue, &pos->bytes);
    }
    if (is(name, nname, "keydef")) {
        bool ok = parse_u64(value, nvalue, &v) && v <= UINT32_MAX;
        pos->key_definition = (uint32_t)v;
        return ok;
    }
    return true;
}

static bool set_field(src_mysql_position *pos, const char *name, size_t nname, const char *value,
                      size_t nvalue)
{
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
    } else {
        return set_number(pos, name, nname, value, nvalue);
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
            bool ok = value != NULL && (is(p, (size_t)(eq - p), "mark")
                                            ? add_to_marks(pos, value, ar)
                                            : set_field(pos, p, (size_t)(eq - p), value, nvalue));
            if (!ok) {
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

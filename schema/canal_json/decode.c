/* Messages to events, in two passes: the first finds the fields (any order, unknown ones are
 * skipped) and checks the grammar; then the table's definition, which is mostly a known one; then
 * the rows. No tree is built. */
#include <stdlib.h>

#include "schema/canal_json/canal.h"
#include "schema/canal_json/command.h"
#include "schema/canal_json/definition.h"
#include "schema/canal_json/reader.h"

/* Scratch memory above this size is given back after the message. */
enum { SCRATCH_KEEP_BYTES = 256 * 1024, SCRATCH_MAX_BYTES = 1024 * 1024 * 1024 };

typedef enum cdc_field {
    FIELD_ID,
    FIELD_DATABASE,
    FIELD_TABLE,
    FIELD_PK_NAMES,
    FIELD_IS_DDL,
    FIELD_TYPE,
    FIELD_ES,
    FIELD_TS,
    FIELD_DATA,
    FIELD_OLD,
    FIELD_SQL,
    FIELD_SQL_TYPE,
    FIELD_MYSQL_TYPE,
    FIELD_GTID,
    FIELD_SERVER_ID,
    FIELDS,
} cdc_field;

static const struct {
    const char *lead; /* with quotes and colon */
    uint8_t n;
} fields[FIELDS] = {
    {"\"id\":", 5},         {"\"database\":", 11}, {"\"table\":", 8},     {"\"pkNames\":", 10},
    {"\"isDdl\":", 8},      {"\"type\":", 7},      {"\"es\":", 5},        {"\"ts\":", 5},
    {"\"data\":", 7},       {"\"old\":", 6},       {"\"sql\":", 6},       {"\"sqlType\":", 10},
    {"\"mysqlType\":", 12}, {"\"gtid\":", 7},      {"\"serverId\":", 11},
};

struct cdc_canal_decoder {
    cdc_canal_options opt;
    cdc_definitions *defs;
    cdc_buffer scratch; /* a string without its escapes */
};

/* The message that is being decoded. */
typedef struct cdc_message {
    cdc_canal_decoder *dec;
    cdc_batch *batch;
    cdc_error *err;
    cdc_reader r; /* has the fault */
    cdc_span f[FIELDS];
    cdc_field field; /* being read; FIELDS: none */
    const cdc_definition *def;
    const cdc_column *col; /* being read */
    const char *gtid;
    int64_t id, es, ts, server_id;
} cdc_message;

cdc_canal_decoder *cdc_canal_decoder_new(const cdc_canal_options *opt)
{
    cdc_canal_decoder *dec = calloc(1, sizeof *dec);
    if (dec == NULL) {
        return NULL;
    }
    dec->opt = *opt;
    dec->defs = cdc_definitions_new();
    cdc_buffer_init(&dec->scratch, SCRATCH_MAX_BYTES);
    if (dec->defs == NULL) {
        free(dec);
        return NULL;
    }
    return dec;
}

void cdc_canal_decoder_free(cdc_canal_decoder *dec)
{
    if (dec != NULL) {
        cdc_definitions_free(dec->defs);
        cdc_buffer_fini(&dec->scratch);
        free(dec);
    }
}

/* --- errors --- */

/* The fault of a reader of a part becomes the message's. */
static bool fail_at(cdc_message *msg, const cdc_reader *at, const char *fault)
{
    msg->r.in.p = at->in.p;
    return cdc_reader_fail(&msg->r, at->fault != NULL ? at->fault : fault);
}

static bool fail_field(cdc_message *msg, cdc_field field, const char *fault)
{
    msg->field = field;
    if (msg->f[field].n > 0) {
        msg->r.in.p = msg->f[field].p;
    }
    return cdc_reader_fail(&msg->r, fault);
}

static cdc_rc set_error(cdc_message *msg)
{
    if (msg->err->rc != CDC_OK) {
        return msg->err->rc; /* set where it was seen */
    }
    const char *fault = msg->r.fault != NULL ? msg->r.fault : "malformed";
    size_t offset = (size_t)(msg->r.in.p - msg->r.start);
    char field[32] = "";
    if (msg->field < FIELDS) {
        snprintf(field, sizeof field, ", field %.*s", fields[msg->field].n - 3,
                 fields[msg->field].lead + 1);
    }
    if (msg->def == NULL) {
        return cdc_error_set(msg->err, CDC_FATAL, "message_malformed",
                             "canal-json message%s, byte %zu: %s", field, offset, fault);
    }
    const cdc_table *tbl = msg->def->tbl;
    if (msg->col == NULL) {
        return cdc_error_set(msg->err, CDC_FATAL, "message_malformed",
                             "canal-json message, table %s.%s%s, byte %zu: %s", tbl->database,
                             tbl->name, field, offset, fault);
    }
    return cdc_error_set(msg->err, CDC_FATAL, "message_malformed",
                         "canal-json message, table %s.%s, column %s (%.60s)%s, byte %zu: %s",
                         tbl->database, tbl->name, msg->col->name, msg->col->type_text, field,
                         offset, fault);
}

/* --- first pass: where the fields are --- */

static cdc_field find_field(cdc_reader_text name)
{
    char plain[16];
    size_t n = name.raw.n;
    if (n > 6 * sizeof plain) {
        return FIELDS;
    }
    char buf[6 * sizeof plain];
    n = cdc_reader_unescape(name, buf);
    for (unsigned i = 0; n != SIZE_MAX && i < FIELDS; i++) {
        if (n + 3U == fields[i].n && memcmp(buf, fields[i].lead + 1, n) == 0) {
            return (cdc_field)i;
        }
    }
    return FIELDS;
}

/* Takes a name and its colon. `next` is the one that would come in our own order. */
static bool take_field(cdc_message *msg, unsigned next)
{
    cdc_reader *r = &msg->r;
    if (next < FIELDS && cdc_reader_take_bytes(r, fields[next].lead, fields[next].n)) {
        msg->field = (cdc_field)next;
    } else {
        cdc_reader_text name;
        msg->field = FIELDS;
        if (!cdc_reader_string(r, &name) || !cdc_reader_expect(r, ':', "':' was expected")) {
            return false;
        }
        msg->field = find_field(name);
    }
    if (msg->field < FIELDS && msg->f[msg->field].n > 0) {
        return cdc_reader_fail(r, "the field is there twice");
    }
    (void)cdc_reader_peek(r);
    return true;
}

/* Jumps over the types of a table that was seen before, which are the longest part of most
 * messages. */
static bool skip_known(cdc_message *msg)
{
    if ((msg->field != FIELD_SQL_TYPE && msg->field != FIELD_MYSQL_TYPE) ||
        msg->f[FIELD_TABLE].n == 0 || msg->f[FIELD_DATABASE].n == 0) {
        return false;
    }
    const cdc_definition *def =
        cdc_definitions_guess(msg->dec->defs, msg->f[FIELD_DATABASE], msg->f[FIELD_TABLE]);
    if (def == NULL) {
        return false;
    }
    cdc_span known = msg->field == FIELD_SQL_TYPE ? def->sql_type : def->text.mysql_type;
    return known.n > 0 && known.p[known.n - 1] == '}' &&
           cdc_reader_take_bytes(&msg->r, known.p, known.n);
}

static bool find_fields(cdc_message *msg)
{
    cdc_reader *r = &msg->r;
    unsigned next = 0;
    if (!cdc_reader_expect(r, '{', "an object was expected")) {
        return false;
    }
    if (cdc_reader_take(r, '}')) {
        return cdc_reader_end(r);
    }
    do {
        if (!take_field(msg, next)) {
            return false;
        }
        const uint8_t *start = r->in.p;
        if (!skip_known(msg) && !cdc_reader_skip(r)) {
            return false;
        }
        if (msg->field < FIELDS) {
            msg->f[msg->field] = (cdc_span){start, (size_t)(r->in.p - start)};
            next = (unsigned)msg->field + 1;
        }
    } while (cdc_reader_take(r, ','));
    msg->field = FIELDS;
    return cdc_reader_expect(r, '}', "',' or '}' was expected") && cdc_reader_end(r);
}

/* --- single fields --- */

static bool is_word(cdc_span span, const char *word)
{
    return span.n == strlen(word) && memcmp(span.p, word, span.n) == 0;
}

/* Left out or null. */
static bool is_null(cdc_span span)
{
    return span.n == 0 || is_word(span, "null");
}

static bool get_integer(cdc_message *msg, cdc_field field, int64_t *out)
{
    *out = 0;
    if (is_null(msg->f[field])) {
        return true;
    }
    msg->field = field;
    cdc_reader r = cdc_reader_sub(&msg->r, msg->f[field]);
    return cdc_reader_integer(&r, CDC_CANAL_NUMBER_MAX, out) || fail_at(msg, &r, NULL);
}

/* The string without escapes, NUL-terminated, in the batch. "" for null. */
static bool get_string(cdc_message *msg, cdc_field field, const char **out, size_t *len)
{
    *out = "";
    *len = 0;
    if (is_null(msg->f[field]) || is_word(msg->f[field], "\"\"")) {
        return true;
    }
    msg->field = field;
    cdc_reader r = cdc_reader_sub(&msg->r, msg->f[field]);
    cdc_reader_text text;
    if (!cdc_reader_string(&r, &text)) {
        return fail_at(msg, &r, NULL);
    }
    char *s = cdc_arena_alloc(&msg->batch->arena, text.raw.n + 1);
    size_t n = s != NULL ? cdc_reader_unescape(text, s) : SIZE_MAX;
    if (n == SIZE_MAX) {
        return fail_at(msg, &r, s == NULL ? cdc_canal_no_memory : "half of a surrogate pair");
    }
    s[n] = '\0';
    *out = s;
    *len = n;
    return true;
}

static bool get_name(cdc_message *msg, cdc_field field, const char **out)
{
    size_t n = 0;
    return get_string(msg, field, out, &n) &&
           (strlen(*out) == n || fail_field(msg, field, "a NUL in a name"));
}

static bool get_server_id(cdc_message *msg)
{
    if (is_null(msg->f[FIELD_SERVER_ID])) {
        return true;
    }
    msg->field = FIELD_SERVER_ID;
    cdc_reader r = cdc_reader_sub(&msg->r, msg->f[FIELD_SERVER_ID]);
    if (!cdc_reader_take(&r, '"')) {
        return fail_at(msg, &r, "a string was expected");
    }
    return (cdc_reader_integer(&r, UINT32_MAX, &msg->server_id) && msg->server_id >= 0 &&
            cdc_reader_take(&r, '"')) ||
           fail_at(msg, &r, "a server id was expected");
}

static bool get_common(cdc_message *msg)
{
    return get_integer(msg, FIELD_ID, &msg->id) && get_integer(msg, FIELD_ES, &msg->es) &&
           get_integer(msg, FIELD_TS, &msg->ts) && get_name(msg, FIELD_GTID, &msg->gtid) &&
           get_server_id(msg) &&
           (msg->id >= 0 || fail_field(msg, FIELD_ID, "a number out of range"));
}

static cdc_event *add_event(cdc_message *msg, cdc_op op)
{
    cdc_event *ev = cdc_batch_add(msg->batch);
    if (ev != NULL) {
        ev->op = (uint8_t)op;
        ev->phase = CDC_PHASE_INCR;
        ev->id = (uint64_t)msg->id;
        ev->source_ms = msg->es;
        ev->capture_ms = msg->ts;
        ev->gtid = msg->gtid;
        ev->server_id = (uint32_t)msg->server_id;
    } else {
        cdc_reader_fail(&msg->r, cdc_canal_no_memory);
    }
    return ev;
}

/* --- rows --- */

/* A string without its escapes, valid until the next call. */
static bool unescape(cdc_message *msg, cdc_reader *r, cdc_reader_text text, const char **s,
                     size_t *n)
{
    cdc_buffer *scratch = &msg->dec->scratch;
    cdc_buffer_reset(scratch);
    char *to = cdc_buffer_reserve(scratch, text.raw.n);
    *n = to != NULL ? cdc_reader_unescape(text, to) : SIZE_MAX;
    *s = to;
    return *n != SIZE_MAX ||
           fail_at(msg, r, to == NULL ? cdc_canal_no_memory : "half of a surrogate pair");
}

/* Takes a column's name and colon; `next` is the one that mostly comes. */
static bool take_column(cdc_message *msg, cdc_reader *r, uint32_t next, uint32_t *out)
{
    const cdc_table *tbl = msg->def->tbl;
    cdc_reader_text name;
    const char *s = NULL;
    size_t n = 0;
    for (uint32_t i = next; i < tbl->ncols; i++) {
        cdc_span lead = msg->def->cols[i].lead;
        if (cdc_reader_take_bytes(r, lead.p, lead.n)) {
            *out = i;
            return true;
        }
    }
    if (!cdc_reader_string(r, &name) || !unescape(msg, r, name, &s, &n)) {
        return fail_at(msg, r, NULL);
    }
    uint32_t i = 0;
    while (i < tbl->ncols &&
           (strlen(tbl->cols[i].name) != n || memcmp(tbl->cols[i].name, s, n) != 0)) {
        i++;
    }
    if (i == tbl->ncols || !cdc_reader_take(r, ':')) {
        return fail_at(msg, r, "a column that mysqlType does not have");
    }
    *out = i;
    return true;
}

static bool take_value(cdc_message *msg, cdc_reader *r, uint32_t col, cdc_value *out)
{
    cdc_reader_text text;
    msg->col = &msg->def->tbl->cols[col];
    if (out->kind != CDC_ABSENT) {
        return fail_at(msg, r, "the column is there twice");
    }
    uint8_t c = cdc_reader_peek(r);
    if (c == 'n' && cdc_reader_take_bytes(r, "null", 4)) {
        out->kind = CDC_NULL;
        return true;
    }
    if (c != '"') {
        return fail_at(msg, r, "a value is a string or null");
    }
    cdc_reader start = *r;
    if (!cdc_reader_string(r, &text)) {
        return fail_at(msg, r, NULL);
    }
    const char *s = (const char *)text.raw.p;
    size_t n = text.raw.n;
    if (text.escaped && !unescape(msg, &start, text, &s, &n)) {
        return false;
    }
    cdc_canal_fault fault =
        cdc_canal_value_read(&msg->dec->opt, msg->col, &msg->def->cols[col].limits,
                             (cdc_bytes){s, n}, &msg->batch->arena, out);
    return fault == NULL || fail_at(msg, &start, fault);
}

/* Reads an object of columns into a zeroed row; columns that it does not have stay absent. */
static bool take_row(cdc_message *msg, cdc_reader *r, cdc_value *row)
{
    uint32_t next = 0;
    uint32_t col = 0;
    if (!cdc_reader_take(r, '{')) {
        return fail_at(msg, r, "an object was expected");
    }
    if (cdc_reader_take(r, '}')) {
        return true;
    }
    do {
        (void)cdc_reader_peek(r);
        if (!take_column(msg, r, next, &col) || !take_value(msg, r, col, &row[col])) {
            return false;
        }
        next = col + 1;
    } while (cdc_reader_take(r, ','));
    msg->col = NULL;
    return cdc_reader_take(r, '}') || fail_at(msg, r, "',' or '}' was expected");
}

static bool check_complete(cdc_message *msg, const cdc_reader *r, const cdc_value *row)
{
    for (uint32_t i = 0; i < msg->def->tbl->ncols; i++) {
        if (row[i].kind == CDC_ABSENT) {
            msg->col = &msg->def->tbl->cols[i];
            return fail_at(msg, r,
                           "the row does not have the column; the writer must send whole rows");
        }
    }
    return true;
}

static bool add_row(cdc_message *msg, cdc_op op, cdc_reader *data, cdc_reader *old)
{
    uint32_t ncols = msg->def->tbl->ncols;
    cdc_value *row = cdc_arena_zalloc(&msg->batch->arena, ncols * sizeof *row);
    cdc_value *before = NULL;
    msg->field = FIELD_DATA;
    if (row == NULL) {
        return fail_at(msg, data, cdc_canal_no_memory);
    }
    if (!take_row(msg, data, row) || !check_complete(msg, data, row)) {
        return false;
    }
    if (op == CDC_OP_UPDATE) {
        msg->field = FIELD_OLD;
        before = cdc_arena_zalloc(&msg->batch->arena, ncols * sizeof *before);
        if (before == NULL) {
            return fail_at(msg, old, cdc_canal_no_memory);
        }
        if (!take_row(msg, old, before)) {
            return false;
        }
        for (uint32_t i = 0; i < ncols; i++) {
            if (before[i].kind == CDC_ABSENT) {
                before[i] = row[i];
            }
        }
    }
    cdc_event *ev = add_event(msg, op);
    if (ev == NULL) {
        return false;
    }
    ev->table = msg->def->tbl;
    ev->before = op == CDC_OP_DELETE ? row : before;
    ev->after = op == CDC_OP_DELETE ? NULL : row;
    return true;
}

static bool decode_rows(cdc_message *msg, cdc_op op)
{
    cdc_reader data = cdc_reader_sub(&msg->r, msg->f[FIELD_DATA]);
    cdc_reader old = cdc_reader_sub(&msg->r, msg->f[FIELD_OLD]);
    if (!cdc_reader_take(&data, '[') || cdc_reader_peek(&data) == ']') {
        return fail_field(msg, FIELD_DATA, "an array with rows was expected");
    }
    if (op == CDC_OP_UPDATE && !cdc_reader_take(&old, '[')) {
        return fail_field(msg, FIELD_OLD, "an array with the old values was expected");
    }
    bool more = true;
    while (more) {
        if (!add_row(msg, op, &data, &old)) {
            return false;
        }
        more = cdc_reader_take(&data, ',');
        if (op == CDC_OP_UPDATE && cdc_reader_take(&old, ',') != more) {
            return fail_field(msg, FIELD_OLD, "as many elements as rows in data were expected");
        }
    }
    return true;
}

static bool decode_row_message(cdc_message *msg, cdc_op op)
{
    static const cdc_field needed[] = {FIELD_DATABASE, FIELD_TABLE, FIELD_MYSQL_TYPE};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (is_null(msg->f[needed[i]])) {
            return fail_field(msg, needed[i], "a row message needs the field");
        }
    }
    if (is_null(msg->f[FIELD_DATA])) {
        return fail_field(msg, FIELD_DATA, "a row message without rows");
    }
    cdc_definition_text text = {msg->f[FIELD_DATABASE], msg->f[FIELD_TABLE], msg->f[FIELD_PK_NAMES],
                                msg->f[FIELD_MYSQL_TYPE]};
    msg->field = FIELDS;
    msg->def =
        cdc_definitions_get(msg->dec->defs, &text, msg->f[FIELD_SQL_TYPE], &msg->r, msg->err);
    if (msg->def == NULL) {
        return false;
    }
    if (!cdc_batch_hold(msg->batch, msg->def->tbl)) {
        return cdc_reader_fail(&msg->r, cdc_canal_no_memory);
    }
    return get_common(msg) && decode_rows(msg, op);
}

/* --- messages --- */

static bool decode_ddl(cdc_message *msg, cdc_ddl ddl)
{
    const char *database = NULL;
    const char *table = NULL;
    const char *sql = NULL;
    size_t sql_len = 0;
    if (!get_common(msg) || !get_name(msg, FIELD_DATABASE, &database) ||
        !get_name(msg, FIELD_TABLE, &table) || !get_string(msg, FIELD_SQL, &sql, &sql_len)) {
        return false;
    }
    if (sql_len == 0 || sql_len > UINT32_MAX) {
        return fail_field(msg, FIELD_SQL, "a statement was expected");
    }
    cdc_event *ev = add_event(msg, CDC_OP_DDL);
    if (ev == NULL) {
        return false;
    }
    ev->ddl = (uint8_t)ddl;
    ev->ddl_database = database;
    ev->ddl_table = table;
    ev->sql = sql;
    ev->sql_len = (uint32_t)sql_len;
    return true;
}

static bool is_command(const cdc_message *msg)
{
    return is_word(msg->f[FIELD_TABLE], "\"" CDC_COMMAND_TABLE "\"") &&
           is_null(msg->f[FIELD_MYSQL_TYPE]);
}

static bool decode_commands(cdc_message *msg)
{
    const char *name = NULL;
    char *end = NULL;
    if (!get_common(msg) || !get_name(msg, FIELD_DATABASE, &name)) {
        return false;
    }
    unsigned long database = strtoul(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || *end != '\0' || database >= CDC_DATABASES_MAX) {
        return fail_field(msg, FIELD_DATABASE, "the number of a database was expected");
    }
    const cdc_command_head head = {(int32_t)database, msg->id, msg->es, msg->ts};
    cdc_reader data = cdc_reader_sub(&msg->r, msg->f[FIELD_DATA]);
    msg->field = FIELD_DATA;
    return cdc_canal_commands_decode(&head, &data, &msg->dec->scratch, msg->batch) ||
           fail_at(msg, &data, NULL);
}

static bool decode_typed(cdc_message *msg, bool *foreign)
{
    static const struct {
        const char *word;
        cdc_op op;
    } ops[] = {{"\"INSERT\"", CDC_OP_INSERT},
               {"\"UPDATE\"", CDC_OP_UPDATE},
               {"\"DELETE\"", CDC_OP_DELETE}};
    cdc_span type = msg->f[FIELD_TYPE];
    cdc_span is_ddl = msg->f[FIELD_IS_DDL];
    if (is_word(type, "\"TIDB_WATERMARK\"")) {
        *foreign = true;
        return false;
    }
    if (is_word(is_ddl, "true")) {
        bool known = false;
        cdc_ddl ddl = type.n > 2 ? cdc_ddl_parse((const char *)type.p + 1, type.n - 2, &known)
                                 : CDC_DDL_QUERY;
        return known ? decode_ddl(msg, ddl)
                     : fail_field(msg, FIELD_TYPE, "not a type of a DDL message");
    }
    if (!is_null(is_ddl) && !is_word(is_ddl, "false")) {
        return fail_field(msg, FIELD_IS_DDL, "true or false was expected");
    }
    if (is_command(msg)) {
        return is_word(type, ops[0].word)
                   ? decode_commands(msg)
                   : fail_field(msg, FIELD_TYPE, "INSERT was expected, as of any command");
    }
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (is_word(type, ops[i].word)) {
            return decode_row_message(msg, ops[i].op);
        }
    }
    return fail_field(msg, FIELD_TYPE,
                      "INSERT, UPDATE or DELETE was expected (rows are needed, not statements)");
}

cdc_rc cdc_canal_decode(cdc_canal_decoder *dec, cdc_bytes value, cdc_batch *batch, cdc_error *err)
{
    if (value.p == NULL) {
        return cdc_error_set(err, CDC_SKIP, "message_empty",
                             "a record without a value is no canal-json message");
    }
    uint32_t nevents = batch->nevents;
    bool foreign = false;
    cdc_message msg = {.dec = dec, .batch = batch, .err = err, .field = FIELDS, .gtid = ""};
    cdc_error_clear(err);
    bool ok = cdc_reader_init(&msg.r, value.p, value.len) && find_fields(&msg) &&
              decode_typed(&msg, &foreign);
    if (dec->scratch.cap > SCRATCH_KEEP_BYTES) {
        cdc_buffer_fini(&dec->scratch);
    }
    if (ok) {
        return CDC_OK;
    }
    batch->nevents = nevents;
    if (foreign) {
        return cdc_error_set(err, CDC_SKIP, "message_foreign",
                             "a watermark of TiCDC holds no change");
    }
    return set_error(&msg);
}

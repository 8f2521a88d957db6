/* Messages in Avro to events, by the writer's schema. Two passes: the first notes where each field
 * of the envelope is, in whatever order the schema has them; then rows are read, for the table that
 * the schema (layout row) or the message (layout generic) describes. */
#include <stdlib.h>

#include "schema/avro/binary.h"
#include "schema/avro/command.h"
#include "schema/avro/definition.h"
#include "schema/avro/reader.h"

enum { ROWS_MAX = 1 << 20 };

struct cdc_avro_decoder {
    cdc_avro_readers *readers;
    cdc_avro_definitions *defs;
};

/* Where a field's value stands. */
typedef struct cdc_avro_place {
    const cdc_avro_node *branch; /* NULL: the schema does not have the field */
    cdc_cursor at;
} cdc_avro_place;

typedef struct cdc_avro_message {
    cdc_avro_decoder *dec;
    const cdc_avro_reader *reader;
    cdc_batch *batch;
    cdc_avro_place f[CDC_AVRO_FIELDS];
    const cdc_avro_definition *def;
    const cdc_column *col; /* being read */
    const char *fault;
    unsigned field;
    const char *gtid;
    int64_t id, es, ts, server_id;
} cdc_avro_message;

cdc_avro_decoder *cdc_avro_decoder_new(const cdc_avro_ids *ids)
{
    cdc_avro_decoder *dec = calloc(1, sizeof *dec);
    if (dec == NULL) {
        return NULL;
    }
    dec->readers = cdc_avro_readers_new(ids);
    dec->defs = cdc_avro_definitions_new();
    if (dec->readers == NULL || dec->defs == NULL) {
        cdc_avro_decoder_free(dec);
        return NULL;
    }
    return dec;
}

void cdc_avro_decoder_free(cdc_avro_decoder *dec)
{
    if (dec != NULL) {
        cdc_avro_readers_free(dec->readers);
        cdc_avro_definitions_free(dec->defs);
        free(dec);
    }
}

/* --- single fields --- */

static bool fail(cdc_avro_message *msg, unsigned field, const char *fault)
{
    msg->field = field;
    if (msg->fault == NULL) {
        msg->fault = fault;
    }
    return false;
}

static bool find_places(cdc_avro_message *msg, cdc_cursor *c)
{
    const cdc_avro_node *root = msg->reader->root;
    for (uint32_t i = 0; i < root->n; i++) {
        unsigned f = msg->reader->fields[i];
        const cdc_avro_node *branch = cdc_avro_node_branch(root->nodes[i], c);
        if (branch == NULL) {
            return fail(msg, f, "malformed");
        }
        if (f < CDC_AVRO_FIELDS) {
            msg->f[f] = (cdc_avro_place){branch, *c};
        }
        cdc_avro_node_skip(branch, c);
        if (c->failed) {
            return fail(msg, f, "malformed, or the message ends before it does");
        }
    }
    return c->p == c->end || fail(msg, CDC_AVRO_FIELDS, "bytes behind the end of the record");
}

static bool is_null(const cdc_avro_message *msg, unsigned field)
{
    return msg->f[field].branch->type == CDC_AVRO_NULL;
}

static bool get_long(cdc_avro_message *msg, unsigned field, int64_t *out)
{
    cdc_avro_place place = msg->f[field];
    if (place.branch->type != CDC_AVRO_LONG && place.branch->type != CDC_AVRO_INT) {
        return fail(msg, field, "a number was expected");
    }
    *out = cdc_avro_take_long(&place.at);
    return true;
}

/* In place; "" of null. */
static bool get_text(cdc_avro_message *msg, unsigned field, cdc_bytes *out)
{
    cdc_avro_place place = msg->f[field];
    *out = (cdc_bytes){"", 0};
    if (place.branch->type == CDC_AVRO_NULL) {
        return true;
    }
    if (place.branch->type != CDC_AVRO_STRING_TYPE) {
        return fail(msg, field, "a string was expected");
    }
    out->p = cdc_avro_take_bytes(&place.at, &out->len);
    return cdc_avro_is_text(out->p, out->len) || fail(msg, field, "not UTF-8");
}

/* NUL-terminated, in the batch. */
static bool get_name(cdc_avro_message *msg, unsigned field, const char **out)
{
    cdc_bytes text;
    if (!get_text(msg, field, &text)) {
        return false;
    }
    *out = text.len > 0 ? cdc_arena_strndup(&msg->batch->arena, text.p, text.len) : "";
    if (*out == NULL) {
        return fail(msg, field, cdc_canal_no_memory);
    }
    return memchr(*out, 0, text.len) == NULL || fail(msg, field, "a NUL in a name");
}

static bool get_server_id(cdc_avro_message *msg)
{
    cdc_bytes text;
    uint64_t v = 0;
    if (!get_text(msg, CDC_AVRO_SERVER_ID, &text)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(uint8_t)text.p[i] - '0';
        v = v * 10 + digit;
        if (digit > 9 || v > UINT32_MAX) {
            return fail(msg, CDC_AVRO_SERVER_ID, "a server id was expected");
        }
    }
    msg->server_id = (int64_t)v;
    return true;
}

static bool get_common(cdc_avro_message *msg)
{
    return get_long(msg, CDC_AVRO_ID, &msg->id) && get_long(msg, CDC_AVRO_ES, &msg->es) &&
           get_long(msg, CDC_AVRO_TS, &msg->ts) && get_name(msg, CDC_AVRO_GTID, &msg->gtid) &&
           get_server_id(msg) && (msg->id >= 0 || fail(msg, CDC_AVRO_ID, "a number out of range"));
}

static cdc_event *add_event(cdc_avro_message *msg, cdc_op op)
{
    cdc_event *ev = cdc_batch_add(msg->batch);
    if (ev == NULL) {
        (void)fail(msg, CDC_AVRO_FIELDS, cdc_canal_no_memory);
        return NULL;
    }
    ev->op = (uint8_t)op;
    ev->phase = CDC_PHASE_INCR;
    ev->id = (uint64_t)msg->id;
    ev->source_ms = msg->es;
    ev->capture_ms = msg->ts;
    ev->gtid = msg->gtid;
    ev->server_id = (uint32_t)msg->server_id;
    return ev;
}

/* --- rows --- */

static bool take_column(cdc_avro_message *msg, const cdc_avro_node *node, cdc_cursor *c,
                        uint32_t col, cdc_value *out)
{
    const cdc_avro_node *branch = cdc_avro_node_branch(node, c);
    msg->col = &msg->def->tbl->cols[col];
    if (branch == NULL) {
        return fail(msg, msg->field, "malformed");
    }
    if (branch->type == CDC_AVRO_NULL) {
        out->kind = CDC_NULL;
        return true;
    }
    const char *fault =
        cdc_avro_value_read(branch, c, msg->col, &msg->def->limits[col], &msg->batch->arena, out);
    return fault == NULL || fail(msg, msg->field, fault);
}

/* An array of cells with exactly the table's columns in their order. */
static bool take_cells(cdc_avro_message *msg, cdc_cursor *c, cdc_value *row)
{
    const cdc_table *tbl = msg->def->tbl;
    uint32_t col = 0;
    size_t len = 0;
    for (uint64_t n = cdc_avro_take_block(c); n > 0; n = cdc_avro_take_block(c)) {
        for (uint64_t i = 0; i < n; i++, col++) {
            const char *name = cdc_avro_take_bytes(c, &len);
            if (col >= tbl->ncols || strlen(tbl->cols[col].name) != len ||
                memcmp(tbl->cols[col].name, name, len) != 0) {
                return fail(msg, msg->field, "a row with other columns than the first");
            }
            (void)cdc_avro_take_bytes(c, &len);
            if (!take_column(msg, msg->reader->cell->nodes[2], c, col, &row[col])) {
                return false;
            }
        }
    }
    msg->col = NULL;
    return (!c->failed && col == tbl->ncols) || fail(msg, msg->field, "a row that is not whole");
}

static bool take_row(cdc_avro_message *msg, cdc_cursor *c, cdc_value *row)
{
    const cdc_avro_node *node = msg->reader->row;
    if (node == NULL) {
        return take_cells(msg, c, row);
    }
    for (uint32_t i = 0; i < node->n; i++) {
        if (!take_column(msg, node->nodes[i], c, i, &row[i])) {
            return false;
        }
    }
    msg->col = NULL;
    return true;
}

/* The rows of an array, one after the other in the arena. */
static bool take_rows(cdc_avro_message *msg, unsigned field, cdc_value **rows, size_t *nrows)
{
    cdc_cursor c = msg->f[field].at;
    uint32_t ncols = msg->def->tbl->ncols;
    msg->field = field;
    *rows = NULL;
    *nrows = 0;
    if (msg->f[field].branch->type != CDC_AVRO_ARRAY) {
        return fail(msg, field, "an array with rows was expected");
    }
    for (uint64_t n = cdc_avro_take_block(&c); n > 0; n = cdc_avro_take_block(&c)) {
        size_t all = *nrows + (size_t)n;
        cdc_value *more = all <= ROWS_MAX
                              ? cdc_arena_zalloc(&msg->batch->arena, all * ncols * sizeof *more)
                              : NULL;
        if (more == NULL) {
            return fail(msg, field, cdc_canal_no_memory);
        }
        if (*nrows > 0) {
            memcpy(more, *rows, *nrows * ncols * sizeof *more);
        }
        *rows = more;
        for (; *nrows < all; (*nrows)++) {
            if (!take_row(msg, &c, more + *nrows * ncols)) {
                return false;
            }
        }
    }
    return !c.failed || fail(msg, field, "malformed");
}

/* What a message says of its table, and what its schema says, is from the same definition; if not,
 * the id has become that of another version of the table. */
static bool check_definition(const cdc_avro_message *msg, cdc_error *err)
{
    const cdc_avro_place *types = &msg->f[CDC_AVRO_MYSQL_TYPE];
    const cdc_avro_place *keys = &msg->f[CDC_AVRO_PK_NAMES];
    bool same =
        types->branch->type == CDC_AVRO_MAP && cdc_avro_definition_has_types(msg->def, types->at) &&
        (keys->branch->type == CDC_AVRO_ARRAY ? cdc_avro_definition_has_keys(msg->def, keys->at)
                                              : msg->def->tbl->nkeys == 0);
    if (!same) {
        (void)cdc_error_set(err, CDC_FATAL, "message_foreign",
                            "table %s.%s: schema id %d has other columns, types or primary key "
                            "than the message",
                            msg->def->tbl->database, msg->def->tbl->name, (int)msg->reader->id);
    }
    return same;
}

static bool find_definition(cdc_avro_message *msg, cdc_error *err)
{
    cdc_avro_described what = {.id = msg->reader->id,
                               .serial = msg->reader->serial,
                               .row = msg->reader->row,
                               .cell = msg->reader->cell,
                               .data = msg->f[CDC_AVRO_DATA].at,
                               .keys = msg->f[CDC_AVRO_PK_NAMES].at,
                               .has_keys =
                                   msg->f[CDC_AVRO_PK_NAMES].branch->type == CDC_AVRO_ARRAY};
    if (!get_text(msg, CDC_AVRO_DATABASE, &what.database) ||
        !get_text(msg, CDC_AVRO_TABLE, &what.table)) {
        return false;
    }
    msg->def = cdc_avro_definitions_get(msg->dec->defs, &what, &msg->fault, err);
    if (msg->def == NULL || (what.row != NULL && !check_definition(msg, err))) {
        return false;
    }
    return cdc_batch_hold(msg->batch, msg->def->tbl) ||
           fail(msg, CDC_AVRO_FIELDS, cdc_canal_no_memory);
}

/* The images of all rows of the message. */
typedef struct cdc_avro_images {
    cdc_value *rows, *old; /* old: of an UPDATE */
    size_t n;
} cdc_avro_images;

static bool take_images(cdc_avro_message *msg, cdc_op op, cdc_avro_images *images)
{
    size_t nold = 0;
    if (!get_common(msg) || !take_rows(msg, CDC_AVRO_DATA, &images->rows, &images->n)) {
        return false;
    }
    if (images->n == 0) {
        return fail(msg, CDC_AVRO_DATA, "a row message without rows");
    }
    return op != CDC_OP_UPDATE ||
           (take_rows(msg, CDC_AVRO_OLD, &images->old, &nold) && nold == images->n) ||
           fail(msg, CDC_AVRO_OLD, "as many elements as rows in data were expected");
}

static bool decode_rows(cdc_avro_message *msg, cdc_op op, cdc_error *err)
{
    cdc_avro_images images = {.n = 0};
    if (is_null(msg, CDC_AVRO_DATA) || (msg->reader->row == NULL && msg->reader->cell == NULL)) {
        return fail(msg, CDC_AVRO_DATA, "a row message without rows");
    }
    if (!find_definition(msg, err) || !take_images(msg, op, &images)) {
        return false;
    }
    uint32_t ncols = msg->def->tbl->ncols;
    for (size_t i = 0; i < images.n; i++) {
        cdc_event *ev = add_event(msg, op);
        if (ev == NULL) {
            return false;
        }
        ev->table = msg->def->tbl;
        ev->after = op != CDC_OP_DELETE ? images.rows + i * ncols : NULL;
        ev->before = op == CDC_OP_DELETE   ? images.rows + i * ncols
                     : op == CDC_OP_UPDATE ? images.old + i * ncols
                                           : NULL;
    }
    return true;
}

/* --- commands --- */

static bool get_database(cdc_avro_message *msg, int32_t *out)
{
    const char *name = NULL;
    char *end = NULL;
    if (!get_name(msg, CDC_AVRO_DATABASE, &name)) {
        return false;
    }
    unsigned long database = strtoul(name, &end, 10);
    *out = (int32_t)database;
    return (name[0] >= '0' && name[0] <= '9' && *end == '\0' && database < CDC_DATABASES_MAX) ||
           fail(msg, CDC_AVRO_DATABASE, "the number of a database was expected");
}

static bool is_command(cdc_avro_message *msg)
{
    cdc_bytes table;
    return msg->reader->cell != NULL && is_null(msg, CDC_AVRO_MYSQL_TYPE) &&
           get_text(msg, CDC_AVRO_TABLE, &table) && table.len == strlen(CDC_COMMAND_TABLE) &&
           memcmp(table.p, CDC_COMMAND_TABLE, table.len) == 0;
}

static bool decode_commands(cdc_avro_message *msg)
{
    cdc_cursor c = msg->f[CDC_AVRO_DATA].at;
    uint32_t first = msg->batch->nevents;
    int32_t database = 0;
    if (!get_common(msg) || !get_database(msg, &database)) {
        return false;
    }
    if (is_null(msg, CDC_AVRO_DATA)) {
        return fail(msg, CDC_AVRO_DATA, "a message without commands");
    }
    for (uint64_t n = cdc_avro_take_block(&c); n > 0; n = cdc_avro_take_block(&c)) {
        for (uint64_t i = 0; i < n; i++) {
            cdc_event *ev = add_event(msg, CDC_OP_COMMAND);
            if (ev == NULL) {
                return false;
            }
            ev->redis_db = database;
            const char *fault = cdc_avro_command_read(
                msg->reader->cell, &c, msg->batch->nevents > first + 1 ? ev - 1 : NULL,
                &msg->batch->arena, ev);
            if (fault != NULL) {
                return fail(msg, CDC_AVRO_DATA, fault);
            }
        }
    }
    return (!c.failed && msg->batch->nevents > first) ||
           fail(msg, CDC_AVRO_DATA, "a message without commands");
}

/* --- messages --- */

static bool decode_ddl(cdc_avro_message *msg, cdc_bytes type)
{
    const char *database = NULL;
    const char *table = NULL;
    cdc_bytes sql;
    bool known = false;
    cdc_ddl ddl = cdc_ddl_parse(type.p, type.len, &known);
    if (msg->reader->row != NULL) {
        return fail(msg, CDC_AVRO_IS_DDL, "a statement with the schema of rows");
    }
    if (!known) {
        return fail(msg, CDC_AVRO_TYPE, "not a type of a DDL message");
    }
    if (!get_common(msg) || !get_name(msg, CDC_AVRO_DATABASE, &database) ||
        !get_name(msg, CDC_AVRO_TABLE, &table) || !get_text(msg, CDC_AVRO_SQL, &sql)) {
        return false;
    }
    const char *copy = cdc_arena_strndup(&msg->batch->arena, sql.p, sql.len);
    if (sql.len == 0 || sql.len > UINT32_MAX || copy == NULL) {
        return fail(msg, CDC_AVRO_SQL,
                    copy == NULL ? cdc_canal_no_memory : "a statement was expected");
    }
    cdc_event *ev = add_event(msg, CDC_OP_DDL);
    if (ev == NULL) {
        return false;
    }
    ev->ddl = (uint8_t)ddl;
    ev->ddl_database = database;
    ev->ddl_table = table;
    ev->sql = copy;
    ev->sql_len = (uint32_t)sql.len;
    return true;
}

static bool decode_typed(cdc_avro_message *msg, cdc_error *err)
{
    static const struct {
        const char *word;
        cdc_op op;
    } ops[] = {{"INSERT", CDC_OP_INSERT}, {"UPDATE", CDC_OP_UPDATE}, {"DELETE", CDC_OP_DELETE}};
    cdc_bytes type;
    cdc_avro_place is_ddl = msg->f[CDC_AVRO_IS_DDL];
    if (!get_text(msg, CDC_AVRO_TYPE, &type)) {
        return false;
    }
    if (is_ddl.branch->type != CDC_AVRO_BOOLEAN) {
        return fail(msg, CDC_AVRO_IS_DDL, "a boolean was expected");
    }
    if (cdc_cursor_u8(&is_ddl.at) != 0) {
        return decode_ddl(msg, type);
    }
    if (is_command(msg)) {
        return decode_commands(msg);
    }
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strlen(ops[i].word) == type.len && memcmp(ops[i].word, type.p, type.len) == 0) {
            return decode_rows(msg, ops[i].op, err);
        }
    }
    return fail(msg, CDC_AVRO_TYPE, "INSERT, UPDATE or DELETE was expected");
}

static cdc_rc set_error(const cdc_avro_message *msg, cdc_error *err)
{
    if (msg->fault == NULL) {
        return err->rc; /* set where it was seen */
    }
    char field[40] = "";
    if (msg->field < CDC_AVRO_FIELDS) {
        snprintf(field, sizeof field, ", field %s", cdc_avro_field_names[msg->field]);
    }
    if (msg->def == NULL) {
        return cdc_error_set(err, CDC_FATAL, "message_malformed",
                             "avro message, schema id %d%s: %s", (int)msg->reader->id, field,
                             msg->fault);
    }
    return cdc_error_set(err, CDC_FATAL, "message_malformed",
                         "avro message, schema id %d, table %s.%s%s%s%s: %s", (int)msg->reader->id,
                         msg->def->tbl->database, msg->def->tbl->name,
                         msg->col != NULL ? ", column " : "",
                         msg->col != NULL ? msg->col->name : "", field, msg->fault);
}

/* *other: the schema may be the wrong one. */
static cdc_rc decode_by(cdc_avro_decoder *dec, const cdc_avro_reader *reader, cdc_cursor c,
                        cdc_batch *batch, bool *other, cdc_error *err)
{
    uint32_t nevents = batch->nevents;
    cdc_avro_message msg = {
        .dec = dec, .reader = reader, .batch = batch, .field = CDC_AVRO_FIELDS, .gtid = ""};
    if (find_places(&msg, &c) && decode_typed(&msg, err)) {
        return CDC_OK;
    }
    batch->nevents = nevents;
    *other = msg.fault != cdc_canal_no_memory;
    return set_error(&msg, err);
}

/* The message does not fit what its id is known to mean: what else it meant, or means now. */
static cdc_rc decode_by_others(cdc_avro_decoder *dec, const cdc_avro_reader *known, bool asked,
                               cdc_cursor c, cdc_batch *batch, cdc_error *err)
{
    bool other = false;
    cdc_error why;
    cdc_avro_reader *now = NULL;
    for (cdc_avro_reader *older = known->older; older != NULL; older = older->older) {
        if (decode_by(dec, older, c, batch, &other, &why) == CDC_OK) {
            cdc_avro_readers_prefer(dec->readers, older);
            return CDC_OK;
        }
    }
    if (asked) {
        return err->rc;
    }
    cdc_error_clear(&why);
    cdc_rc rc = cdc_avro_readers_ask(dec->readers, known->id, &now, &why);
    if (rc != CDC_OK) {
        *err = why;
        return rc;
    }
    return now != NULL ? decode_by(dec, now, c, batch, &other, err) : err->rc;
}

static cdc_rc decode_message(cdc_avro_decoder *dec, int32_t id, const cdc_cursor *c,
                             cdc_batch *batch, cdc_error *err)
{
    cdc_avro_reader *reader = NULL;
    bool asked = false;
    bool other = true;
    cdc_rc rc = cdc_avro_readers_get(dec->readers, id, &reader, &asked, err);
    if (reader != NULL) {
        rc = decode_by(dec, reader, *c, batch, &other, err);
        if (rc == CDC_FATAL && other) {
            rc = decode_by_others(dec, reader, asked, *c, batch, err);
        }
    }
    bool mine = strncmp(err->code, "message_", 8) == 0 || strcmp(err->code, "avro_schema") == 0;
    return rc == CDC_FATAL && other && mine ? cdc_avro_readers_explain(dec->readers, id, err) : rc;
}

cdc_rc cdc_avro_decode(cdc_avro_decoder *dec, cdc_bytes value, cdc_batch *batch, cdc_error *err)
{
    if (value.p == NULL) {
        return cdc_error_set(err, CDC_SKIP, "message_empty",
                             "a record without a value is no avro message");
    }
    cdc_cursor c = cdc_cursor_of(value.p, value.len);
    uint8_t magic = cdc_cursor_u8(&c);
    uint32_t id = (uint32_t)cdc_cursor_be(&c, 4);
    if (c.failed || magic != 0 || id == 0 || id > INT32_MAX) {
        return cdc_error_set(err, CDC_FATAL, "message_malformed",
                             "avro message: it does not begin with a zero byte and a schema's id; "
                             "is message.format that of the writer?");
    }
    cdc_error_clear(err);
    return decode_message(dec, (int32_t)id, &c, batch, err);
}

/* Messages in Avro to events, by the writer's schema. Two passes: the first notes where each field
 * of the envelope is, in whatever order the schema has them; then rows are read, for the table that
 * the schema (layout row) or the message (layout generic) describes. */
#include <stdlib.h>

#include "schema/avro/binary.h"
#include "schema/avro/command.h"
#include "schema/avro/definition.h"

enum { READERS_MIN = 64, ROWS_MAX = 1 << 20 };

/* A schema of an id, and what its fields are. */
typedef struct cdc_avro_reader {
    int32_t id;
    cdc_arena ar;
    cdc_avro_node *root;
    uint8_t *fields;           /* of root: cdc_avro_field, or CDC_AVRO_FIELDS */
    const cdc_avro_node *row;  /* layout row: the row's record */
    const cdc_avro_node *cell; /* layout generic: the record of name, type, value */
} cdc_avro_reader;

struct cdc_avro_decoder {
    cdc_avro_ids ids;
    cdc_avro_reader **readers; /* open addressing by id; a power of two; without limit */
    size_t cap, used;
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
    dec->ids = *ids;
    dec->cap = READERS_MIN;
    dec->readers = calloc(dec->cap, sizeof(cdc_avro_reader *));
    dec->defs = cdc_avro_definitions_new();
    if (dec->readers == NULL || dec->defs == NULL) {
        cdc_avro_decoder_free(dec);
        return NULL;
    }
    return dec;
}

static void reader_free(cdc_avro_reader *reader)
{
    if (reader != NULL) {
        cdc_arena_fini(&reader->ar);
        free(reader);
    }
}

void cdc_avro_decoder_free(cdc_avro_decoder *dec)
{
    if (dec != NULL) {
        for (size_t i = 0; dec->readers != NULL && i < dec->cap; i++) {
            reader_free(dec->readers[i]);
        }
        free(dec->readers);
        cdc_avro_definitions_free(dec->defs);
        free(dec);
    }
}

/* --- readers --- */

static cdc_avro_reader **find_place(cdc_avro_reader **readers, size_t cap, int32_t id)
{
    size_t at = ((uint32_t)id * 2654435761U) & (cap - 1);
    while (readers[at] != NULL && readers[at]->id != id) {
        at = (at + 1) & (cap - 1);
    }
    return &readers[at];
}

static bool grow(cdc_avro_decoder *dec)
{
    cdc_avro_reader **readers = calloc(dec->cap * 2, sizeof(cdc_avro_reader *));
    if (readers == NULL) {
        return false;
    }
    for (size_t i = 0; i < dec->cap; i++) {
        if (dec->readers[i] != NULL) {
            *find_place(readers, dec->cap * 2, dec->readers[i]->id) = dec->readers[i];
        }
    }
    free(dec->readers);
    dec->readers = readers;
    dec->cap *= 2;
    return true;
}

/* The array in ["null", array] or array; NULL: neither. */
static const cdc_avro_node *items_of(const cdc_avro_node *node)
{
    for (uint32_t i = 0; node->type == CDC_AVRO_UNION && i < node->n; i++) {
        if (node->nodes[i]->type == CDC_AVRO_ARRAY) {
            node = node->nodes[i];
        }
    }
    return node->type == CDC_AVRO_ARRAY ? node->nodes[0] : NULL;
}

static bool is_cell(const cdc_avro_node *node)
{
    return node->type == CDC_AVRO_RECORD_TYPE && node->n == 3 &&
           strcmp(node->names[0], "name") == 0 && strcmp(node->names[1], "type") == 0 &&
           strcmp(node->names[2], "value") == 0 && node->nodes[0]->type == CDC_AVRO_STRING_TYPE &&
           node->nodes[1]->type == CDC_AVRO_STRING_TYPE;
}

static void find_rows(cdc_avro_reader *reader, const cdc_avro_node *data)
{
    const cdc_avro_node *items = items_of(data);
    if (items != NULL && items->type == CDC_AVRO_RECORD_TYPE) {
        reader->row = items;
    } else if (items != NULL && items->type == CDC_AVRO_ARRAY && is_cell(items->nodes[0])) {
        reader->cell = items->nodes[0];
    }
}

static cdc_rc find_fields(cdc_avro_reader *reader, cdc_error *err)
{
    const cdc_avro_node *root = reader->root;
    bool found[CDC_AVRO_FIELDS + 1] = {false};
    if (root->type == CDC_AVRO_RECORD_TYPE) {
        reader->fields = cdc_arena_zalloc(&reader->ar, root->n);
    }
    for (uint32_t i = 0; reader->fields != NULL && i < root->n; i++) {
        unsigned f = 0;
        while (f < CDC_AVRO_FIELDS && strcmp(root->names[i], cdc_avro_field_names[f]) != 0) {
            f++;
        }
        reader->fields[i] = (uint8_t)(found[f] ? CDC_AVRO_FIELDS : f);
        found[f] = true;
        if (f == CDC_AVRO_DATA) {
            find_rows(reader, root->nodes[i]);
        }
    }
    for (unsigned f = 0; f < CDC_AVRO_FIELDS; f++) {
        if (!found[f]) {
            return cdc_error_set(err, CDC_FATAL, "message_foreign",
                                 "schema id %d: it has no field %s, so it is not of sluice's "
                                 "messages; is it the right topic?",
                                 (int)reader->id, cdc_avro_field_names[f]);
        }
    }
    return CDC_OK;
}

static cdc_rc new_reader(cdc_avro_decoder *dec, int32_t id, const char *text, cdc_avro_reader **out,
                         cdc_error *err)
{
    cdc_avro_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || (dec->used * 2 >= dec->cap && !grow(dec))) {
        free(reader);
        return cdc_error_set(err, CDC_FATAL, "no_memory", "schema id %d: no memory for it",
                             (int)id);
    }
    reader->id = id;
    cdc_arena_init(&reader->ar, 16 * 1024, 256 * 1024 * 1024);
    cdc_rc rc = cdc_avro_node_parse(text, &reader->ar, &reader->root, err);
    if (rc != CDC_OK) {
        (void)cdc_error_context(err, "schema id %d", (int)id);
    } else {
        rc = find_fields(reader, err);
    }
    if (rc != CDC_OK) {
        reader_free(reader);
        return rc;
    }
    *find_place(dec->readers, dec->cap, id) = reader;
    dec->used++;
    *out = reader;
    return CDC_OK;
}

static cdc_rc find_reader(cdc_avro_decoder *dec, int32_t id, cdc_avro_reader **out, cdc_error *err)
{
    const char *text = NULL;
    *out = *find_place(dec->readers, dec->cap, id);
    if (*out != NULL) {
        return CDC_OK;
    }
    cdc_rc rc = dec->ids.schema(dec->ids.arg, id, &text, err);
    return rc == CDC_OK ? new_reader(dec, id, text, out, err) : rc;
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

static bool find_definition(cdc_avro_message *msg, cdc_error *err)
{
    cdc_avro_described what = {.id = msg->reader->id,
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
    if (msg->def == NULL) {
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
    cdc_avro_reader *reader = NULL;
    cdc_error_clear(err);
    cdc_rc rc = find_reader(dec, (int32_t)id, &reader, err);
    if (rc != CDC_OK) {
        return rc;
    }
    uint32_t nevents = batch->nevents;
    cdc_avro_message msg = {
        .dec = dec, .reader = reader, .batch = batch, .field = CDC_AVRO_FIELDS, .gtid = ""};
    if (find_places(&msg, &c) && decode_typed(&msg, err)) {
        return CDC_OK;
    }
    batch->nevents = nevents;
    return set_error(&msg, err);
}

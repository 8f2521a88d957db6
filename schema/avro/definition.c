#include "schema/avro/definition.h"

#include <stdlib.h>
#include <strings.h>

#include "schema/avro/binary.h"
#include "schema/avro/name.h"
#include "schema/mysql_type.h"

enum { PLACES = 1024, MARK_BYTES_MAX = 64 * 1024 * 1024, NAMES_BYTES_MAX = 16 * 1024 };
enum { SCRATCH_BLOCK_BYTES = 64 * 1024, SCRATCH_MAX_BYTES = 128 * 1024 * 1024 };

struct cdc_avro_definitions {
    cdc_avro_definition places[PLACES];
    cdc_buffer mark;   /* of the message being read */
    cdc_arena scratch; /* while a definition is made */
};

cdc_avro_definitions *cdc_avro_definitions_new(void)
{
    cdc_avro_definitions *defs = calloc(1, sizeof *defs);
    if (defs != NULL) {
        cdc_arena_init(&defs->scratch, SCRATCH_BLOCK_BYTES, SCRATCH_MAX_BYTES);
        cdc_buffer_init(&defs->mark, MARK_BYTES_MAX);
    }
    return defs;
}

static void drop(cdc_avro_definition *def)
{
    cdc_table_unref(def->tbl);
    free(def->limits);
    free(def->mark);
    cdc_buffer_fini(&def->types);
    cdc_buffer_fini(&def->keys);
    *def = (cdc_avro_definition){.tbl = NULL};
}

void cdc_avro_definitions_free(cdc_avro_definitions *defs)
{
    if (defs != NULL) {
        for (size_t i = 0; i < PLACES; i++) {
            drop(&defs->places[i]);
        }
        cdc_arena_fini(&defs->scratch);
        cdc_buffer_fini(&defs->mark);
        free(defs);
    }
}

/* --- marks: all that a definition depends on, its strings behind their lengths --- */

static void mark_bytes(cdc_buffer *mark, const char *s, size_t n)
{
    uint32_t len = (uint32_t)n; /* a part of a message, which is smaller */
    cdc_buffer_add(mark, &len, sizeof len);
    cdc_buffer_add(mark, s, n);
}

static void mark_string(cdc_buffer *mark, cdc_cursor *c)
{
    size_t n = 0;
    const char *s = cdc_avro_take_bytes(c, &n);
    mark_bytes(mark, s, n);
}

/* Names and types of the first row's columns. */
static void mark_cells(cdc_buffer *mark, const cdc_avro_described *what)
{
    cdc_cursor c = what->data;
    if (cdc_avro_take_block(&c) == 0) {
        return;
    }
    for (uint64_t n = cdc_avro_take_block(&c); n > 0; n = cdc_avro_take_block(&c)) {
        for (uint64_t i = 0; i < n && !c.failed; i++) {
            mark_string(mark, &c);
            mark_string(mark, &c);
            cdc_avro_node_skip(what->cell->nodes[2], &c);
        }
    }
}

static void mark_keys(cdc_buffer *mark, const cdc_avro_described *what)
{
    cdc_cursor c = what->keys;
    for (uint64_t n = what->has_keys ? cdc_avro_take_block(&c) : 0; n > 0;
         n = cdc_avro_take_block(&c)) {
        for (uint64_t i = 0; i < n && !c.failed; i++) {
            mark_string(mark, &c);
        }
    }
}

/* The second number parts columns from keys. */
static void make_mark(cdc_buffer *mark, const cdc_avro_described *what)
{
    cdc_buffer_reset(mark);
    mark_bytes(mark, what->database.p, what->database.len);
    mark_bytes(mark, what->table.p, what->table.len);
    if (what->row != NULL) {
        cdc_buffer_add(mark, &what->serial, sizeof what->serial);
        return;
    }
    size_t at = mark->len;
    mark_bytes(mark, "", 0);
    mark_cells(mark, what);
    uint32_t columns = (uint32_t)(mark->len - at);
    mark_keys(mark, what);
    if (!mark->failed) {
        memcpy(mark->data + at, &columns, sizeof columns);
    }
}

/* --- making one --- */

typedef struct cdc_avro_maker {
    cdc_arena *ar;
    const char *fault;
    cdc_error *err;
    cdc_column *cols;
    uint32_t ncols;
    uint16_t *keys;
    uint32_t nkeys;
} cdc_avro_maker;

static bool fail(cdc_avro_maker *mk, const char *fault)
{
    mk->fault = fault;
    return false;
}

/* A name as a C string; avro: with its escapes. */
static const char *take_name(cdc_avro_maker *mk, const char *s, size_t n, bool avro)
{
    char *name = cdc_arena_alloc(mk->ar, n + 1);
    if (name == NULL || memchr(s, 0, n) != NULL || !cdc_avro_is_text(s, n)) {
        (void)fail(mk, name == NULL ? cdc_canal_no_memory : "a name that is not UTF-8");
        return NULL;
    }
    if (avro) {
        (void)cdc_avro_name_read(s, n, name);
    } else {
        memcpy(name, s, n);
        name[n] = '\0';
    }
    return name;
}

static bool add_column(cdc_avro_maker *mk, const char *name, const char *type_text)
{
    if (name == NULL || type_text == NULL) {
        return fail(mk, mk->fault != NULL
                            ? mk->fault
                            : "a column without sluice.type: not of sluice's messages");
    }
    cdc_column *col = &mk->cols[mk->ncols];
    *col = (cdc_column){.name = name, .type_text = type_text, .charset = "", .nullable = true};
    if (cdc_mysql_type_parse(type_text, col, mk->ar, mk->err) != CDC_OK) {
        (void)cdc_error_context(mk->err, "column %s", name);
        return false;
    }
    mk->ncols++;
    return true;
}

static bool make_room(cdc_avro_maker *mk, size_t ncols)
{
    if (ncols == 0 || ncols > CDC_TABLE_COLUMNS_MAX) {
        return fail(mk, ncols == 0 ? "a row without columns" : "too many columns");
    }
    mk->cols = cdc_arena_zalloc(mk->ar, ncols * sizeof *mk->cols);
    mk->keys = cdc_arena_zalloc(mk->ar, ncols * sizeof *mk->keys);
    return (mk->cols != NULL && mk->keys != NULL) || fail(mk, cdc_canal_no_memory);
}

static bool add_key(cdc_avro_maker *mk, const char *s, size_t n)
{
    for (uint32_t i = 0; i < mk->ncols && mk->nkeys < mk->ncols; i++) {
        if (strlen(mk->cols[i].name) == n && strncasecmp(mk->cols[i].name, s, n) == 0) {
            mk->keys[mk->nkeys++] = (uint16_t)i;
            return true;
        }
    }
    return fail(mk, "a primary key column that the row does not have");
}

static bool make_from_schema(cdc_avro_maker *mk, const cdc_avro_node *row)
{
    bool ok = make_room(mk, row->n);
    for (uint32_t i = 0; ok && i < row->n; i++) {
        ok = add_column(mk, take_name(mk, row->names[i], strlen(row->names[i]), true),
                        row->type_texts[i]);
    }
    for (uint32_t i = 0; ok && i < row->nkeys; i++) {
        ok = add_key(mk, row->keys[i], strlen(row->keys[i]));
    }
    return ok;
}

static const char *next_part(cdc_cursor *c, size_t *n)
{
    *n = cdc_cursor_u32(c);
    return (const char *)cdc_cursor_bytes(c, *n);
}

/* From the mark, which has the columns and keys one after the other. */
static bool make_from_mark(cdc_avro_maker *mk, const cdc_buffer *mark)
{
    size_t n = 0;
    size_t ncols = 0;
    cdc_cursor c = cdc_cursor_of(mark->data, mark->len);
    (void)next_part(&c, &n);
    (void)next_part(&c, &n);
    size_t bytes = cdc_cursor_u32(&c) - sizeof(uint32_t);
    cdc_cursor cols = cdc_cursor_of(c.p, bytes);
    for (cdc_cursor count = cols; cdc_cursor_left(&count) > 0; ncols++) {
        (void)next_part(&count, &n);
        (void)next_part(&count, &n);
    }
    bool ok = make_room(mk, ncols);
    while (ok && cdc_cursor_left(&cols) > 0) {
        const char *s = next_part(&cols, &n);
        const char *name = take_name(mk, s, n, false);
        s = next_part(&cols, &n);
        ok = add_column(mk, name, take_name(mk, s, n, false));
    }
    cdc_cursor keys = cdc_cursor_of(c.p + bytes, cdc_cursor_left(&c) - bytes);
    while (ok && cdc_cursor_left(&keys) > 0) {
        const char *s = next_part(&keys, &n);
        ok = add_key(mk, s, n);
    }
    return ok;
}

/* A registry that lost its data gives ids anew: is the schema that of the message's table? */
static bool check_names(const cdc_avro_described *what, const char *database, const char *table,
                        cdc_error *err)
{
    cdc_buffer names;
    const char *full = what->row->name;
    cdc_buffer_init(&names, NAMES_BYTES_MAX);
    cdc_buffer_add_char(&names, '.');
    cdc_avro_name(&names, database);
    cdc_buffer_add_char(&names, '.');
    cdc_avro_name(&names, table);
    cdc_buffer_add_str(&names, ".Row");
    size_t n = strlen(full);
    bool same =
        !names.failed && n > names.len && memcmp(full + n - names.len, names.data, names.len) == 0;
    cdc_buffer_fini(&names);
    if (!same) {
        (void)cdc_error_set(err, CDC_FATAL, "message_foreign", "schema id %d is of the record %s",
                            (int)what->id, full);
    }
    return same;
}

/* As the encoder writes them: in one block, in the columns' order. */
static bool keep_told(cdc_avro_definition *def)
{
    const cdc_table *tbl = def->tbl;
    cdc_writer w;
    cdc_buffer_init(&def->types, SIZE_MAX / 2);
    cdc_buffer_init(&def->keys, SIZE_MAX / 2);
    bool ok = cdc_writer_begin(&w, &def->types);
    if (ok) {
        w.p = cdc_avro_put_long(w.p, tbl->ncols);
        for (uint32_t i = 0; i < tbl->ncols && ok; i++) {
            ok = cdc_avro_put_name(&w, tbl->cols[i].name) &&
                 cdc_avro_put_name(&w, tbl->cols[i].type_text);
        }
        *w.p++ = 0;
        cdc_writer_end(&w);
    }
    ok = ok && cdc_writer_begin(&w, &def->keys);
    if (ok) {
        w.p = cdc_avro_put_long(w.p, tbl->nkeys);
        for (uint32_t i = 0; i < tbl->nkeys && ok; i++) {
            ok = cdc_avro_put_name(&w, tbl->cols[tbl->keys[i]].name);
        }
        *w.p++ = 0;
        cdc_writer_end(&w);
    }
    return ok;
}

static bool keep(cdc_avro_definition *def, const cdc_buffer *mark)
{
    def->limits = calloc(def->tbl->ncols, sizeof *def->limits);
    def->mark = malloc(mark->len);
    if (def->limits == NULL || def->mark == NULL) {
        return false;
    }
    memcpy(def->mark, mark->data, mark->len);
    def->mark_len = mark->len;
    for (uint32_t i = 0; i < def->tbl->ncols; i++) {
        cdc_canal_limits_init(&def->limits[i], &def->tbl->cols[i]);
    }
    return keep_told(def);
}

static bool make(cdc_avro_definitions *defs, const cdc_avro_described *what,
                 cdc_avro_definition *def, const char **fault, cdc_error *err)
{
    cdc_avro_maker mk = {.ar = &defs->scratch, .err = err};
    const char *database = take_name(&mk, what->database.p, what->database.len, false);
    const char *table = take_name(&mk, what->table.p, what->table.len, false);
    bool ok =
        database != NULL && table != NULL &&
        (what->row == NULL || check_names(what, database, table, err)) &&
        (what->row != NULL ? make_from_schema(&mk, what->row) : make_from_mark(&mk, &defs->mark));
    ok = ok && cdc_table_new(&def->tbl, database, table, mk.cols, mk.ncols, mk.keys, mk.nkeys,
                             err) == CDC_OK;
    if (ok && !keep(def, &defs->mark)) {
        ok = fail(&mk, cdc_canal_no_memory);
    }
    *fault = mk.fault;
    if (!ok && mk.fault == NULL) {
        (void)cdc_error_context(err, "table %s.%s", database, table);
    }
    return ok;
}

const cdc_avro_definition *cdc_avro_definitions_get(cdc_avro_definitions *defs,
                                                    const cdc_avro_described *what,
                                                    const char **fault, cdc_error *err)
{
    make_mark(&defs->mark, what);
    if (defs->mark.failed) {
        *fault = cdc_canal_no_memory;
        return NULL;
    }
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < defs->mark.len; i++) {
        hash = (hash ^ (uint8_t)defs->mark.data[i]) * 16777619U;
    }
    cdc_avro_definition *def = &defs->places[hash % PLACES];
    if (def->tbl != NULL && def->mark_len == defs->mark.len &&
        memcmp(def->mark, defs->mark.data, def->mark_len) == 0) {
        return def;
    }
    drop(def);
    bool ok = make(defs, what, def, fault, err);
    cdc_arena_reset(&defs->scratch, 0);
    if (!ok) {
        drop(def);
        return NULL;
    }
    return def;
}

static bool begins_with(cdc_cursor c, const cdc_buffer *bytes)
{
    return cdc_cursor_left(&c) >= bytes->len && memcmp(c.p, bytes->data, bytes->len) == 0;
}

static bool take_equal(cdc_cursor *c, const char *s)
{
    size_t n = 0;
    const char *got = cdc_avro_take_bytes(c, &n);
    return !c->failed && strlen(s) == n && memcmp(got, s, n) == 0;
}

/* A column of the definition by its name, with the type behind it. */
static bool take_column(const cdc_table *tbl, cdc_cursor *c)
{
    size_t n = 0;
    const char *name = cdc_avro_take_bytes(c, &n);
    uint32_t i = 0;
    while (i < tbl->ncols &&
           (strlen(tbl->cols[i].name) != n || memcmp(tbl->cols[i].name, name, n) != 0)) {
        i++;
    }
    return i < tbl->ncols && take_equal(c, tbl->cols[i].type_text);
}

bool cdc_avro_definition_has_types(const cdc_avro_definition *def, cdc_cursor map)
{
    uint64_t all = 0;
    if (begins_with(map, &def->types)) {
        return true;
    }
    /* what was decoded and encoded again on its way may have another order */
    for (uint64_t n = cdc_avro_take_block(&map); n > 0; n = cdc_avro_take_block(&map)) {
        for (uint64_t i = 0; i < n; i++, all++) {
            if (!take_column(def->tbl, &map)) {
                return false;
            }
        }
    }
    return !map.failed && all == def->tbl->ncols;
}

bool cdc_avro_definition_has_keys(const cdc_avro_definition *def, cdc_cursor names)
{
    uint64_t all = 0;
    if (begins_with(names, &def->keys)) {
        return true;
    }
    for (uint64_t n = cdc_avro_take_block(&names); n > 0; n = cdc_avro_take_block(&names)) {
        for (uint64_t i = 0; i < n; i++, all++) {
            if (all == def->tbl->nkeys ||
                !take_equal(&names, def->tbl->cols[def->tbl->keys[all]].name)) {
                return false;
            }
        }
    }
    return !names.failed && all == def->tbl->nkeys;
}

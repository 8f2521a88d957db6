#include "schema/canal_json/definition.h"

#include <stdlib.h>
#include <strings.h>

#include "schema/mysql_type.h"

/* Places of the table, and how many of them a name may use: as many versions of a table are kept.
 */
enum { PLACES = 512, VERSIONS = 4, CACHE_MAX_BYTES = 8 * 1024 * 1024 };
enum { SCRATCH_BLOCK_BYTES = 64 * 1024, SCRATCH_MAX_BYTES = 64 * 1024 * 1024 };

struct cdc_definitions {
    cdc_definition *places[PLACES + VERSIONS];
    const cdc_definition *last;
    uint32_t turn; /* which version goes when all places of a name are taken */
    size_t bytes;
    cdc_arena scratch; /* while a definition is made */
};

cdc_definitions *cdc_definitions_new(void)
{
    cdc_definitions *defs = calloc(1, sizeof *defs);
    if (defs != NULL) {
        cdc_arena_init(&defs->scratch, SCRATCH_BLOCK_BYTES, SCRATCH_MAX_BYTES);
    }
    return defs;
}

static void drop(cdc_definitions *defs, cdc_definition **place)
{
    cdc_definition *def = *place;
    if (def != NULL) {
        if (defs->last == def) {
            defs->last = NULL;
        }
        defs->bytes -= def->bytes;
        cdc_table_unref(def->tbl);
        free(def->cols);
        free(def->copy);
        free(def);
        *place = NULL;
    }
}

static void drop_all(cdc_definitions *defs)
{
    for (size_t i = 0; i < PLACES + VERSIONS; i++) {
        drop(defs, &defs->places[i]);
    }
}

void cdc_definitions_free(cdc_definitions *defs)
{
    if (defs != NULL) {
        drop_all(defs);
        cdc_arena_fini(&defs->scratch);
        free(defs);
    }
}

static bool same(cdc_span a, cdc_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static uint32_t hash_names(cdc_span database, cdc_span table)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < database.n; i++) {
        h = (h ^ database.p[i]) * 16777619U;
    }
    for (size_t i = 0; i < table.n; i++) {
        h = (h ^ table.p[i]) * 16777619U;
    }
    return h;
}

const cdc_definition *cdc_definitions_guess(cdc_definitions *defs, cdc_span database,
                                            cdc_span table)
{
    const cdc_definition *last = defs->last;
    if (last != NULL && same(last->text.table, table) && same(last->text.database, database)) {
        return last;
    }
    uint32_t hash = hash_names(database, table);
    for (size_t i = 0; i < VERSIONS; i++) {
        const cdc_definition *def = defs->places[hash % PLACES + i];
        if (def != NULL && def->hash == hash && same(def->text.table, table) &&
            same(def->text.database, database)) {
            return def;
        }
    }
    return NULL;
}

static bool is_it(const cdc_definition *def, const cdc_definition_text *text)
{
    return same(def->text.mysql_type, text->mysql_type) &&
           same(def->text.pk_names, text->pk_names) && same(def->text.table, text->table) &&
           same(def->text.database, text->database);
}

/* --- making one --- */

typedef struct cdc_definition_maker {
    cdc_arena *ar;
    cdc_reader *r; /* takes the fault */
    cdc_error *err;
    const char *database, *table;
    cdc_column *cols;
    uint32_t *hashes; /* of the columns' names, to find doubles */
    uint32_t ncols, room;
    uint16_t *keys;
    uint32_t nkeys;
    cdc_span *leads;
} cdc_definition_maker;

static bool fail_at(cdc_definition_maker *mk, const cdc_reader *at, const char *fault)
{
    mk->r->in.p = at->in.p;
    return cdc_reader_fail(mk->r, at->fault != NULL ? at->fault : fault);
}

/* The text as a C string in the arena. */
static bool take_name(cdc_definition_maker *mk, cdc_reader *r, const char **out)
{
    cdc_reader_text text;
    if (!cdc_reader_string(r, &text)) {
        return fail_at(mk, r, NULL);
    }
    char *s = cdc_arena_alloc(mk->ar, text.raw.n + 1);
    if (s == NULL) {
        return fail_at(mk, r, "the definition is too large");
    }
    size_t n = cdc_reader_unescape(text, s);
    if (n == SIZE_MAX || memchr(s, 0, n) != NULL) {
        return fail_at(mk, r, "half a surrogate pair or a NUL in a name");
    }
    s[n] = '\0';
    *out = s;
    return true;
}

static uint32_t hash_name(const char *name)
{
    uint32_t h = 2166136261U;
    for (; *name != '\0'; name++) {
        h = (h ^ (uint8_t)(*name >= 'A' && *name <= 'Z' ? *name | 0x20 : *name)) * 16777619U;
    }
    return h;
}

/* Index of the column among those made so far, ncols if there is none. */
static uint32_t find_column(const cdc_definition_maker *mk, const char *name, uint32_t hash)
{
    uint32_t i = 0;
    while (i < mk->ncols && (mk->hashes[i] != hash || strcasecmp(mk->cols[i].name, name) != 0)) {
        i++;
    }
    return i;
}

static bool take_column(cdc_definition_maker *mk, cdc_reader *r)
{
    if (mk->ncols == mk->room) {
        return fail_at(mk, r, "too many columns");
    }
    cdc_column *col = &mk->cols[mk->ncols];
    (void)cdc_reader_peek(r);
    const uint8_t *start = r->in.p;
    if (!take_name(mk, r, &col->name)) {
        return false;
    }
    if (!cdc_reader_take(r, ':')) {
        return fail_at(mk, r, "':' was expected");
    }
    mk->leads[mk->ncols] = (cdc_span){start, (size_t)(r->in.p - start)};
    uint32_t hash = hash_name(col->name);
    if (find_column(mk, col->name, hash) < mk->ncols) {
        return fail_at(mk, r, "a column is there twice");
    }
    if (!take_name(mk, r, &col->type_text)) {
        return false;
    }
    col->charset = "";
    col->nullable = true; /* messages do not say */
    if (cdc_mysql_type_parse(col->type_text, col, mk->ar, mk->err) != CDC_OK) {
        (void)cdc_error_context(mk->err, "table %s.%s, column %s", mk->database, mk->table,
                                col->name);
        return false;
    }
    mk->hashes[mk->ncols++] = hash;
    return true;
}

/* At most so many members of strings: each has four quotes. */
static uint32_t count_members(cdc_span span)
{
    size_t quotes = 0;
    for (size_t i = 0; i < span.n; i++) {
        quotes += span.p[i] == '"';
    }
    return quotes / 4 < CDC_TABLE_COLUMNS_MAX ? (uint32_t)(quotes / 4) : CDC_TABLE_COLUMNS_MAX;
}

static bool take_columns(cdc_definition_maker *mk, cdc_span span)
{
    cdc_reader r = cdc_reader_sub(mk->r, span);
    mk->room = count_members(span) + 1; /* one more, so that {} fails for want of a string */
    mk->cols = cdc_arena_zalloc(mk->ar, mk->room * sizeof *mk->cols);
    mk->leads = cdc_arena_zalloc(mk->ar, mk->room * sizeof *mk->leads);
    mk->hashes = cdc_arena_zalloc(mk->ar, mk->room * sizeof *mk->hashes);
    if (mk->cols == NULL || mk->leads == NULL || mk->hashes == NULL) {
        return fail_at(mk, &r, "no memory for the definition");
    }
    if (!cdc_reader_take(&r, '{')) {
        return fail_at(mk, &r, "an object with the columns' types was expected");
    }
    do {
        if (!take_column(mk, &r)) {
            return false;
        }
    } while (cdc_reader_take(&r, ','));
    return true;
}

static bool take_keys(cdc_definition_maker *mk, cdc_span span)
{
    cdc_reader r = cdc_reader_sub(mk->r, span);
    if (span.n == 0 || cdc_reader_take_bytes(&r, "null", 4)) {
        return true;
    }
    mk->keys = cdc_arena_alloc(mk->ar, mk->ncols * sizeof *mk->keys);
    if (mk->keys == NULL || !cdc_reader_take(&r, '[')) {
        return fail_at(mk, &r, "an array of column names or null was expected");
    }
    if (cdc_reader_take(&r, ']')) {
        return true;
    }
    do {
        const char *name = NULL;
        if (!take_name(mk, &r, &name)) {
            return false;
        }
        uint32_t col = find_column(mk, name, hash_name(name));
        bool twice = false;
        for (uint32_t i = 0; i < mk->nkeys; i++) {
            twice = twice || mk->keys[i] == col;
        }
        if (col == mk->ncols || twice) {
            return fail_at(mk, &r,
                           twice ? "a column is there twice"
                                 : "a column that mysqlType does not have");
        }
        mk->keys[mk->nkeys++] = (uint16_t)col;
    } while (cdc_reader_take(&r, ','));
    return true;
}

static bool take_names(cdc_definition_maker *mk, const cdc_definition_text *text)
{
    cdc_reader database = cdc_reader_sub(mk->r, text->database);
    cdc_reader table = cdc_reader_sub(mk->r, text->table);
    return take_name(mk, &database, &mk->database) && take_name(mk, &table, &mk->table);
}

static cdc_span copy_span(char **at, cdc_span span)
{
    cdc_span copy = {(const uint8_t *)*at, span.n};
    if (span.n > 0) {
        memcpy(*at, span.p, span.n);
    }
    *at += span.n;
    return copy;
}

/* Copies the texts that the next messages are compared with. */
static bool keep_texts(cdc_definition *def, const cdc_definition_maker *mk,
                       const cdc_definition_text *text, cdc_span sql_type)
{
    size_t size =
        text->database.n + text->table.n + text->pk_names.n + text->mysql_type.n + sql_type.n;
    def->copy = malloc(size + 1);
    def->cols = calloc(mk->ncols, sizeof *def->cols);
    if (def->copy == NULL || def->cols == NULL) {
        return false;
    }
    char *at = def->copy;
    def->text.database = copy_span(&at, text->database);
    def->text.table = copy_span(&at, text->table);
    def->text.pk_names = copy_span(&at, text->pk_names);
    def->text.mysql_type = copy_span(&at, text->mysql_type);
    def->sql_type = copy_span(&at, sql_type);
    def->hash = hash_names(text->database, text->table);
    def->bytes = sizeof *def + size + mk->ncols * (sizeof *def->cols + sizeof(cdc_column)) +
                 text->mysql_type.n * 3;
    for (uint32_t i = 0; i < mk->ncols; i++) {
        size_t offset = (size_t)(mk->leads[i].p - text->mysql_type.p);
        def->cols[i].lead = (cdc_span){def->text.mysql_type.p + offset, mk->leads[i].n};
        cdc_canal_limits_init(&def->cols[i].limits, &def->tbl->cols[i]);
    }
    return true;
}

static cdc_definition *make(cdc_definitions *defs, const cdc_definition_text *text,
                            cdc_span sql_type, cdc_reader *r, cdc_error *err)
{
    cdc_definition_maker mk = {.ar = &defs->scratch, .r = r, .err = err};
    if (!take_names(&mk, text) || !take_columns(&mk, text->mysql_type) ||
        !take_keys(&mk, text->pk_names)) {
        return NULL;
    }
    cdc_definition *def = calloc(1, sizeof *def);
    if (def == NULL) {
        (void)cdc_error_set(err, CDC_FATAL, "no_memory",
                            "no memory for the definition of table %s.%s", mk.database, mk.table);
        return NULL;
    }
    cdc_rc rc =
        cdc_table_new(&def->tbl, mk.database, mk.table, mk.cols, mk.ncols, mk.keys, mk.nkeys, err);
    if (rc == CDC_OK && !keep_texts(def, &mk, text, sql_type)) {
        rc = cdc_error_set(err, CDC_FATAL, "no_memory",
                           "no memory for the definition of table %s.%s", mk.database, mk.table);
    }
    if (rc != CDC_OK) {
        cdc_table_unref(def->tbl);
        free(def->copy);
        free(def->cols);
        free(def);
        return NULL;
    }
    return def;
}

/* A free place for a definition of this hash, or that of another version. */
static cdc_definition **find_place(cdc_definitions *defs, uint32_t hash)
{
    for (size_t i = 0; i < VERSIONS; i++) {
        if (defs->places[hash % PLACES + i] == NULL) {
            return &defs->places[hash % PLACES + i];
        }
    }
    return &defs->places[hash % PLACES + defs->turn++ % VERSIONS];
}

const cdc_definition *cdc_definitions_get(cdc_definitions *defs, const cdc_definition_text *text,
                                          cdc_span sql_type, cdc_reader *r, cdc_error *err)
{
    if (defs->last != NULL && is_it(defs->last, text)) {
        return defs->last;
    }
    uint32_t hash = hash_names(text->database, text->table);
    for (size_t i = 0; i < VERSIONS; i++) {
        const cdc_definition *def = defs->places[hash % PLACES + i];
        if (def != NULL && def->hash == hash && is_it(def, text)) {
            defs->last = def;
            return def;
        }
    }
    cdc_definition *def = make(defs, text, sql_type, r, err);
    cdc_arena_reset(&defs->scratch, 0);
    if (def == NULL) {
        return NULL;
    }
    if (defs->bytes + def->bytes > CACHE_MAX_BYTES) {
        drop_all(defs);
    }
    cdc_definition **place = find_place(defs, hash);
    drop(defs, place);
    *place = def;
    defs->bytes += def->bytes;
    defs->last = def;
    return def;
}

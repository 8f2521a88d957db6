#include "producers/mysql/table_map.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "producers/mysql/table_spec.h"

static cdc_rc map_malformed(cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_event_malformed",
        "malformed TABLE_MAP event; the binlog is damaged or of an unknown version: "
        "check it with mysqlbinlog");
}

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for a table's definition");
}

/* A name with its length before it and a NUL behind it. */
static const char *map_name(cdc_cursor *c, size_t *len)
{
    *len = (size_t)cdc_cursor_lenenc(c);
    const uint8_t *p = *len < SIZE_MAX ? cdc_cursor_bytes(c, *len) : NULL;
    if (p == NULL || cdc_cursor_u8(c) != 0 || memchr(p, 0, *len) != NULL ||
        src_mysql_utf8_valid_prefix(p, *len) != *len) {
        c->failed = true;
    }
    return (const char *)p;
}

static void map_optional(cdc_cursor *c, src_mysql_table_map *out)
{
    while (cdc_cursor_left(c) > 0) {
        uint8_t field = cdc_cursor_u8(c);
        size_t len = (size_t)cdc_cursor_lenenc(c);
        const uint8_t *p = cdc_cursor_bytes(c, len);
        if (p != NULL && field < SRC_MYSQL_META_COUNT) {
            out->optional[field] = cdc_cursor_of(p, len);
        }
    }
}

cdc_rc src_mysql_table_map_parse(cdc_cursor body, src_mysql_table_map *out, cdc_error *err)
{
    cdc_cursor c = body;
    memset(out, 0, sizeof *out);
    out->table_id = cdc_cursor_le(&c, 6);
    out->flags = cdc_cursor_u16(&c);
    out->all = c;
    out->database = map_name(&c, &out->database_len);
    out->name = map_name(&c, &out->name_len);
    uint64_t ncols = cdc_cursor_lenenc(&c);
    if (c.failed || ncols == 0 || ncols > CDC_TABLE_COLUMNS_MAX) {
        return map_malformed(err);
    }
    out->ncols = (uint32_t)ncols;
    out->types = cdc_cursor_bytes(&c, out->ncols);
    size_t meta_len = (size_t)cdc_cursor_lenenc(&c);
    const uint8_t *meta = cdc_cursor_bytes(&c, meta_len);
    out->meta = cdc_cursor_of(meta, meta != NULL ? meta_len : 0);
    out->nulls = cdc_cursor_bytes(&c, (out->ncols + 7) / 8);
    map_optional(&c, out);
    return c.failed ? map_malformed(err) : CDC_OK;
}

/* --- column specs from the event --- */

typedef struct map_reader {
    const src_mysql_table_map *map;
    src_mysql_column_spec *specs;
    cdc_arena *ar;
} map_reader;

/* CHAR, BINARY, ENUM and SET share a type code; the first metadata byte tells which it is, and
 * holds two bits of CHAR's length, inverted (MySQL bug 37426 says why). */
static void spec_string_meta(src_mysql_column_spec *spec, cdc_cursor *meta)
{
    unsigned high = cdc_cursor_u8(meta);
    unsigned low = cdc_cursor_u8(meta);
    if (high == SRC_MYSQL_TYPE_ENUM || high == SRC_MYSQL_TYPE_SET) {
        spec->type = (uint8_t)high;
        return;
    }
    spec->length = low | ((high & 0x30U) ^ 0x30U) << 4;
    if ((high | 0x30U) != SRC_MYSQL_TYPE_STRING) {
        meta->failed = true;
    }
}

static bool has_meta_pair(uint8_t type)
{
    return type == SRC_MYSQL_TYPE_VARCHAR || type == SRC_MYSQL_TYPE_VAR_STRING ||
           type == SRC_MYSQL_TYPE_VARCHAR_COMPRESSED || type == SRC_MYSQL_TYPE_BIT ||
           type == SRC_MYSQL_TYPE_NEWDECIMAL;
}

/* Two bytes: lengths, bits, digits. */
static void spec_meta_pair(src_mysql_column_spec *spec, cdc_cursor *meta)
{
    unsigned first = cdc_cursor_u8(meta);
    unsigned second = cdc_cursor_u8(meta);
    if (spec->type == SRC_MYSQL_TYPE_NEWDECIMAL) {
        spec->precision = (uint8_t)first;
        spec->scale = (uint8_t)second;
    } else if (spec->type == SRC_MYSQL_TYPE_BIT) {
        spec->length = second * 8U + first;
    } else {
        spec->length = second << 8 | first;
        if (spec->type == SRC_MYSQL_TYPE_VAR_STRING) {
            spec->type = SRC_MYSQL_TYPE_VARCHAR;
        }
    }
}

static void spec_meta(src_mysql_column_spec *spec, cdc_cursor *meta)
{
    switch (spec->type) {
    case SRC_MYSQL_TYPE_FLOAT:
    case SRC_MYSQL_TYPE_DOUBLE: /* their size, which the type says too */
        (void)cdc_cursor_u8(meta);
        break;
    case SRC_MYSQL_TYPE_GEOMETRY:
    case SRC_MYSQL_TYPE_VECTOR:
    case SRC_MYSQL_TYPE_BLOB_COMPRESSED:
    case SRC_MYSQL_TYPE_BLOB:
    case SRC_MYSQL_TYPE_JSON:
        spec->pack = cdc_cursor_u8(meta);
        break;
    case SRC_MYSQL_TYPE_TIME2:
    case SRC_MYSQL_TYPE_DATETIME2:
    case SRC_MYSQL_TYPE_TIMESTAMP2:
        spec->digits = cdc_cursor_u8(meta);
        break;
    case SRC_MYSQL_TYPE_STRING:
        spec_string_meta(spec, meta);
        break;
    default: /* those from before MySQL 5.6 have none, not even their digits */
        if (has_meta_pair(spec->type)) {
            spec_meta_pair(spec, meta);
        }
    }
}

bool src_mysql_spec_is_old_temporal(const src_mysql_column_spec *spec)
{
    return spec->type == SRC_MYSQL_TYPE_TIME || spec->type == SRC_MYSQL_TYPE_DATETIME ||
           spec->type == SRC_MYSQL_TYPE_TIMESTAMP;
}

static bool read_types(map_reader *rd)
{
    cdc_cursor meta = rd->map->meta;
    for (uint32_t i = 0; i < rd->map->ncols; i++) {
        rd->specs[i].type = rd->map->types[i];
        rd->specs[i].nullable = ((unsigned)rd->map->nulls[i / 8] >> (i % 8) & 1U) != 0;
        spec_meta(&rd->specs[i], &meta);
        if (rd->map->is_mariadb && src_mysql_spec_is_old_temporal(&rd->specs[i])) {
            rd->specs[i].unsupported = "date or time in the format before MySQL 5.6, whose digits "
                                       "are not in the log (ALTER TABLE ... FORCE converts it)";
        }
    }
    return !meta.failed;
}

/* A text of the event (lenenc length, bytes) as UTF-8 in the arena. */
static const char *read_text(map_reader *rd, cdc_cursor *c, src_mysql_convert convert)
{
    size_t len = (size_t)cdc_cursor_lenenc(c);
    const uint8_t *p = cdc_cursor_bytes(c, len);
    src_mysql_text text = {(const char *)p, len};
    if (p == NULL || !src_mysql_charset_to_utf8(convert, &text, rd->ar, NULL) ||
        memchr(text.p, 0, text.n) != NULL) {
        c->failed = true;
        return NULL;
    }
    return cdc_arena_strndup(rd->ar, text.p, text.n);
}

static bool read_names(map_reader *rd)
{
    cdc_cursor c = rd->map->optional[SRC_MYSQL_META_COLUMN_NAME];
    for (uint32_t i = 0; i < rd->map->ncols; i++) {
        rd->specs[i].name = read_text(rd, &c, SRC_MYSQL_CONVERT_UTF8);
        if (rd->specs[i].name == NULL) {
            return false;
        }
    }
    return !c.failed;
}

static bool is_numeric(uint8_t type)
{
    switch (type) {
    case SRC_MYSQL_TYPE_TINY:
    case SRC_MYSQL_TYPE_SHORT:
    case SRC_MYSQL_TYPE_INT24:
    case SRC_MYSQL_TYPE_LONG:
    case SRC_MYSQL_TYPE_LONGLONG:
    case SRC_MYSQL_TYPE_NEWDECIMAL:
    case SRC_MYSQL_TYPE_FLOAT:
    case SRC_MYSQL_TYPE_DOUBLE:
    case SRC_MYSQL_TYPE_YEAR: /* has a bit, though none of its values has a sign */
        return true;
    default:
        return false;
    }
}

/* One bit for each numeric column, the highest bit first. */
static bool read_signedness(map_reader *rd)
{
    cdc_cursor c = rd->map->optional[SRC_MYSQL_META_SIGNEDNESS];
    uint32_t k = 0;
    uint8_t bits = 0;
    for (uint32_t i = 0; i < rd->map->ncols; i++) {
        if (is_numeric(rd->specs[i].type)) {
            bits = k % 8 == 0 ? cdc_cursor_u8(&c) : bits;
            rd->specs[i].is_unsigned = ((unsigned)bits >> (7 - k % 8) & 1U) != 0 &&
                                       rd->specs[i].type != SRC_MYSQL_TYPE_YEAR;
            k++;
        }
    }
    return !c.failed;
}

static bool is_labelled(const src_mysql_column_spec *spec)
{
    return spec->type == SRC_MYSQL_TYPE_ENUM || spec->type == SRC_MYSQL_TYPE_SET;
}

static bool is_string(const src_mysql_column_spec *spec)
{
    return spec->type == SRC_MYSQL_TYPE_STRING || spec->type == SRC_MYSQL_TYPE_VARCHAR ||
           spec->type == SRC_MYSQL_TYPE_BLOB || spec->type == SRC_MYSQL_TYPE_VARCHAR_COMPRESSED ||
           spec->type == SRC_MYSQL_TYPE_BLOB_COMPRESSED;
}

/* What the servers count among the columns with a charset differs: */
static bool is_mysql_character(const src_mysql_column_spec *spec)
{
    return is_string(spec) || spec->type == SRC_MYSQL_TYPE_VECTOR;
}

static bool is_mariadb_character(const src_mysql_column_spec *spec)
{
    return is_string(spec) || spec->type == SRC_MYSQL_TYPE_GEOMETRY;
}

/* Default form: a collation for all, then pairs of (ordinal among the columns of this sort,
 * collation) for those that have another. Column form: a collation for each. */
static bool read_charsets(map_reader *rd, bool (*applies)(const src_mysql_column_spec *),
                          const cdc_cursor *with_default, const cdc_cursor *each)
{
    bool use_default = with_default->p != NULL;
    cdc_cursor c = use_default ? *with_default : *each;
    uint64_t fallback = use_default ? cdc_cursor_lenenc(&c) : 0;
    uint64_t other_at = UINT64_MAX;
    uint64_t k = 0;
    for (uint32_t i = 0; i < rd->map->ncols; i++) {
        if (!applies(&rd->specs[i])) {
            continue;
        }
        uint64_t id = fallback;
        if (use_default) {
            if (other_at == UINT64_MAX && cdc_cursor_left(&c) > 0) {
                other_at = cdc_cursor_lenenc(&c);
            }
            if (other_at == k) {
                id = cdc_cursor_lenenc(&c);
                other_at = UINT64_MAX;
            }
        } else {
            id = cdc_cursor_lenenc(&c);
        }
        k++;
        rd->specs[i].charset = src_mysql_charset_by_collation(id);
        if (rd->specs[i].charset == NULL) {
            rd->specs[i].unsupported = "with a collation that is not known";
        }
    }
    return !c.failed;
}

static bool read_text_charsets(map_reader *rd)
{
    const cdc_cursor *optional = rd->map->optional;
    return read_charsets(rd, rd->map->is_mariadb ? is_mariadb_character : is_mysql_character,
                         &optional[SRC_MYSQL_META_DEFAULT_CHARSET],
                         &optional[SRC_MYSQL_META_COLUMN_CHARSET]);
}

static bool read_label_charsets(map_reader *rd)
{
    const cdc_cursor *optional = rd->map->optional;
    return read_charsets(rd, is_labelled, &optional[SRC_MYSQL_META_ENUM_SET_DEFAULT_CHARSET],
                         &optional[SRC_MYSQL_META_ENUM_SET_COLUMN_CHARSET]);
}

static bool read_labels_of(map_reader *rd, src_mysql_column_spec *spec, cdc_cursor *c)
{
    uint64_t n = cdc_cursor_lenenc(c);
    if (n > 65535 || n > cdc_cursor_left(c)) {
        return false;
    }
    bool known = spec->charset != NULL && spec->charset->convert >= SRC_MYSQL_CONVERT_UTF8;
    src_mysql_convert convert = known ? spec->charset->convert : SRC_MYSQL_CONVERT_UTF8;
    const char **labels = cdc_arena_alloc(rd->ar, (size_t)(n + 1) * sizeof *labels);
    for (uint64_t i = 0; labels != NULL && i < n; i++) {
        labels[i] = read_text(rd, c, convert);
        if (labels[i] == NULL) {
            return false;
        }
    }
    spec->labels = labels;
    spec->nlabels = (uint32_t)n;
    return labels != NULL && !c->failed;
}

static bool read_labels(map_reader *rd)
{
    cdc_cursor enums = rd->map->optional[SRC_MYSQL_META_ENUM_VALUES];
    cdc_cursor sets = rd->map->optional[SRC_MYSQL_META_SET_VALUES];
    for (uint32_t i = 0; i < rd->map->ncols; i++) {
        src_mysql_column_spec *spec = &rd->specs[i];
        if (is_labelled(spec) &&
            !read_labels_of(rd, spec, spec->type == SRC_MYSQL_TYPE_ENUM ? &enums : &sets)) {
            return false;
        }
    }
    return true;
}

/* Kinds of geometry and dimensions of vectors. */
static bool read_shapes(map_reader *rd)
{
    cdc_cursor geometries = rd->map->optional[SRC_MYSQL_META_GEOMETRY_TYPE];
    cdc_cursor vectors = rd->map->optional[SRC_MYSQL_META_VECTOR_DIMENSIONS];
    for (uint32_t i = 0; i < rd->map->ncols; i++) {
        src_mysql_column_spec *spec = &rd->specs[i];
        if (spec->type == SRC_MYSQL_TYPE_GEOMETRY) {
            uint64_t kind = cdc_cursor_lenenc(&geometries);
            spec->geometry = kind < UINT8_MAX ? (uint8_t)kind : UINT8_MAX;
        } else if (spec->type == SRC_MYSQL_TYPE_VECTOR && vectors.p != NULL) {
            spec->length = (uint32_t)cdc_cursor_lenenc(&vectors);
        }
    }
    return !geometries.failed && !vectors.failed;
}

static bool read_keys(map_reader *rd, uint16_t **keys, uint32_t *nkeys)
{
    const cdc_cursor *simple = &rd->map->optional[SRC_MYSQL_META_SIMPLE_PK];
    const cdc_cursor *prefixed = &rd->map->optional[SRC_MYSQL_META_PK_WITH_PREFIX];
    cdc_cursor c = simple->p != NULL ? *simple : *prefixed;
    *nkeys = 0;
    *keys = cdc_arena_alloc(rd->ar, rd->map->ncols * sizeof **keys);
    while (*keys != NULL && cdc_cursor_left(&c) > 0) {
        uint64_t col = cdc_cursor_lenenc(&c);
        if (simple->p == NULL) {
            (void)cdc_cursor_lenenc(&c); /* characters of it that are in the key; 0: all */
        }
        if (c.failed || col >= rd->map->ncols || *nkeys >= rd->map->ncols) {
            return false;
        }
        (*keys)[(*nkeys)++] = (uint16_t)col;
    }
    return *keys != NULL;
}

/* What an event without names may tell beside the types. False: malformed. */
static bool read_minimal(map_reader *rd)
{
    const cdc_cursor *optional = rd->map->optional;
    bool text = optional[SRC_MYSQL_META_DEFAULT_CHARSET].p != NULL ||
                optional[SRC_MYSQL_META_COLUMN_CHARSET].p != NULL;
    bool labels = optional[SRC_MYSQL_META_ENUM_SET_DEFAULT_CHARSET].p != NULL ||
                  optional[SRC_MYSQL_META_ENUM_SET_COLUMN_CHARSET].p != NULL;
    return (optional[SRC_MYSQL_META_SIGNEDNESS].p == NULL || read_signedness(rd)) &&
           (!text || read_text_charsets(rd)) && (!labels || read_label_charsets(rd));
}

/* A UUID, INET6 or INET4 is logged as BINARY. */
static bool charset_fits(const src_mysql_column_spec *info, const src_mysql_column_spec *event)
{
    return event->charset == NULL || info->charset == event->charset ||
           (info->special != SRC_MYSQL_SPECIAL_NONE &&
            event->charset->convert == SRC_MYSQL_CONVERT_BINARY);
}

/* Does information_schema's column still have the event's type and size? */
static bool spec_fits(const src_mysql_column_spec *info, const src_mysql_column_spec *event,
                      bool signs_known)
{
    if ((signs_known && info->is_unsigned != event->is_unsigned) || !charset_fits(info, event)) {
        return false;
    }
    return info->type == event->type && info->digits == event->digits &&
           info->precision == event->precision && info->scale == event->scale &&
           info->pack == event->pack && info->nullable == event->nullable &&
           (is_labelled(event) || info->length == event->length);
}

static cdc_rc not_fitting(cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_table_changed",
        "the binlog holds no column names (binlog_row_metadata is not FULL), and the "
        "table's definition has changed since the event was written; run SET GLOBAL "
        "binlog_row_metadata=FULL and copy the table again");
}

static cdc_rc build_from_info(map_reader *rd, const src_mysql_table_info *info,
                              src_mysql_table **out, cdc_error *err)
{
    src_mysql_column_spec *specs;
    if (info == NULL) {
        return cdc_error_set(
            err, CDC_FATAL, "mysql_row_metadata",
            "the binlog holds no column names: run SET GLOBAL binlog_row_metadata=FULL "
            "on the source, let its clients reconnect, and start behind the events "
            "that were written before");
    }
    if (info->ncols != rd->map->ncols) {
        return not_fitting(err);
    }
    if (!read_minimal(rd)) {
        return map_malformed(err);
    }
    bool signs_known = rd->map->optional[SRC_MYSQL_META_SIGNEDNESS].p != NULL;
    cdc_rc rc = src_mysql_specs_from_info(info, rd->ar, &specs, err);
    for (uint32_t i = 0; rc == CDC_OK && i < info->ncols; i++) {
        if (!spec_fits(&specs[i], &rd->specs[i], signs_known)) {
            return not_fitting(err);
        }
    }
    if (rc != CDC_OK) {
        return rc;
    }
    src_mysql_definition def = {info->database, info->name, specs,
                                info->ncols,    info->keys, info->nkeys};
    return src_mysql_table_define(&def, rd->ar, out, err);
}

/* --- what the event does not say --- */

bool src_mysql_spec_is_binary(const src_mysql_column_spec *spec)
{
    return spec->type == SRC_MYSQL_TYPE_STRING && (spec->length == 16 || spec->length == 4) &&
           spec->charset != NULL && spec->charset->convert == SRC_MYSQL_CONVERT_BINARY;
}

bool src_mysql_specs_are_sequence(const src_mysql_column_spec *specs, uint32_t ncols)
{
    static const char *const names[] = {"next_not_cached_value", "minimum_value", "maximum_value",
                                        "start_value",           "increment",     "cache_size",
                                        "cycle_option",          "cycle_count"};
    bool same = ncols == sizeof(names) / sizeof(names[0]);
    for (uint32_t i = 0; same && i < ncols; i++) {
        same = strcmp(specs[i].name, names[i]) == 0;
    }
    return same;
}

/* Could it be ROW START or ROW END: a time, or the number of a transaction? */
static bool may_be_row_time(const src_mysql_column_spec *spec)
{
    return !spec->nullable && ((spec->type == SRC_MYSQL_TYPE_TIMESTAMP2 && spec->digits == 6) ||
                               (spec->type == SRC_MYSQL_TYPE_LONGLONG && spec->is_unsigned));
}

/* A versioned table has two such columns, and the second is the last of its primary key. */
static bool may_be_versioned(const map_reader *rd, const uint16_t *keys, uint32_t nkeys)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < rd->map->ncols; i++) {
        n += may_be_row_time(&rd->specs[i]) ? 1 : 0;
    }
    return n >= 2 && (nkeys == 0 || (nkeys >= 2 && may_be_row_time(&rd->specs[keys[nkeys - 1]])));
}

static bool is_ambiguous(const map_reader *rd, const uint16_t *keys, uint32_t nkeys)
{
    bool ambiguous = may_be_versioned(rd, keys, nkeys) ||
                     src_mysql_specs_are_sequence(rd->specs, rd->map->ncols);
    for (uint32_t i = 0; !ambiguous && i < rd->map->ncols; i++) {
        ambiguous = src_mysql_spec_is_binary(&rd->specs[i]) ||
                    src_mysql_spec_is_old_temporal(&rd->specs[i]);
    }
    return ambiguous && rd->map->is_mariadb && rd->map->resolver != NULL;
}

static cdc_rc build_from_event(map_reader *rd, src_mysql_table **out, cdc_error *err)
{
    uint16_t *keys;
    uint32_t nkeys;
    if (!read_names(rd) || !read_signedness(rd) || !read_text_charsets(rd) ||
        !read_label_charsets(rd) || !read_labels(rd) || !read_shapes(rd) ||
        !read_keys(rd, &keys, &nkeys)) {
        return map_malformed(err);
    }
    src_mysql_definition def = {rd->map->database, rd->map->name, rd->specs,
                                rd->map->ncols,    keys,          nkeys};
    bool resolved = is_ambiguous(rd, keys, nkeys);
    cdc_rc rc = CDC_OK;
    if (resolved) {
        rc = rd->map->resolver->resolve(rd->map->resolver->ctx, rd->map, rd->specs, err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_table_define(&def, rd->ar, out, err);
    }
    if (rc == CDC_OK) {
        (*out)->resolved = resolved;
    }
    return rc;
}

cdc_rc src_mysql_table_build(const src_mysql_table_map *map, const src_mysql_table_info *info,
                             src_mysql_table **out, cdc_error *err)
{
    cdc_arena ar;
    cdc_arena_init(&ar, 64U << 10, SRC_MYSQL_TABLE_ARENA_MAX);
    map_reader rd = {map, cdc_arena_zalloc(&ar, map->ncols * sizeof *rd.specs), &ar};
    cdc_rc rc;
    *out = NULL;
    if (rd.specs == NULL) {
        rc = no_memory(err);
    } else if (!read_types(&rd)) {
        rc = map_malformed(err);
    } else if (map->optional[SRC_MYSQL_META_COLUMN_NAME].p == NULL) {
        rc = build_from_info(&rd, info, out, err);
    } else {
        rc = build_from_event(&rd, out, err);
    }
    cdc_arena_fini(&ar);
    return rc == CDC_OK || rc == CDC_SKIP || rc == CDC_AGAIN
               ? rc
               : cdc_error_context(err, "table %s.%s", map->database, map->name);
}

/* --- both ways --- */

/* The table on its way: the event's columns without the hidden ones. */
typedef struct table_builder {
    cdc_column *cols;
    uint32_t ncols;
    uint16_t *places; /* of the event's columns among them */
    uint16_t *keys;
    uint32_t nkeys;
} table_builder;

static cdc_rc fill_columns(const src_mysql_definition *def, cdc_arena *ar, table_builder *to,
                           src_mysql_table *tbl, cdc_error *err)
{
    for (uint32_t i = 0; i < def->ncols; i++) {
        const src_mysql_column_spec *spec = &def->specs[i];
        cdc_rc rc = src_mysql_column_fill(spec, ar, &to->cols[to->ncols], &tbl->plan[i], err);
        if (rc != CDC_OK) {
            return cdc_error_context(err, "column %s", spec->name);
        }
        to->places[i] = (uint16_t)to->ncols;
        tbl->plan[i].hidden = spec->hidden;
        tbl->versioned = tbl->versioned || spec->hidden;
        tbl->row_end = spec->row_end ? i : tbl->row_end;
        to->ncols += spec->hidden ? 0 : 1;
    }
    for (uint32_t i = 0; i < def->nkeys; i++) {
        if (!def->specs[def->keys[i]].hidden) {
            to->keys[to->nkeys++] = to->places[def->keys[i]];
        }
    }
    return CDC_OK;
}

cdc_rc src_mysql_table_define(const src_mysql_definition *def, cdc_arena *ar, src_mysql_table **out,
                              cdc_error *err)
{
    table_builder to = {
        .cols = cdc_arena_zalloc(ar, def->ncols * sizeof *to.cols),
        .places = cdc_arena_alloc(ar, def->ncols * sizeof *to.places),
        .keys = cdc_arena_alloc(ar, (def->nkeys + 1) * sizeof *to.keys),
    };
    src_mysql_table *tbl = calloc(1, sizeof *tbl + def->ncols * sizeof *tbl->plan);
    cdc_rc rc;
    *out = NULL;
    if (to.cols == NULL || to.places == NULL || to.keys == NULL || tbl == NULL) {
        rc = no_memory(err);
        goto out;
    }
    tbl->ncols = def->ncols;
    tbl->plan = (src_mysql_plan *)(tbl + 1);
    rc = fill_columns(def, ar, &to, tbl, err);
    if (rc == CDC_OK) {
        rc = cdc_table_new(&tbl->table, def->database, def->name, to.cols, to.ncols, to.keys,
                           to.nkeys, err);
    }
    if (rc == CDC_OK) {
        *out = tbl;
        tbl = NULL;
    }
out:
    free(tbl);
    return rc;
}

void src_mysql_table_free(src_mysql_table *tbl)
{
    if (tbl != NULL) {
        cdc_table_unref(tbl->table);
        free(tbl);
    }
}

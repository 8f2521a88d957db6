#include "producers/mysql/table_spec.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Column specs from information_schema.COLUMNS: COLUMN_TYPE's own text is not used but for what
 * stands nowhere else (UNSIGNED, labels), so that display widths and the like cannot make a
 * difference. */

#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

static const struct {
    const char *name;
    uint8_t type;
    uint8_t pack;
} info_types[] = {
    {"tinyint", SRC_MYSQL_TYPE_TINY, 0},
    {"smallint", SRC_MYSQL_TYPE_SHORT, 0},
    {"mediumint", SRC_MYSQL_TYPE_INT24, 0},
    {"int", SRC_MYSQL_TYPE_LONG, 0},
    {"bigint", SRC_MYSQL_TYPE_LONGLONG, 0},
    {"float", SRC_MYSQL_TYPE_FLOAT, 0},
    {"double", SRC_MYSQL_TYPE_DOUBLE, 0},
    {"decimal", SRC_MYSQL_TYPE_NEWDECIMAL, 0},
    {"bit", SRC_MYSQL_TYPE_BIT, 0},
    {"enum", SRC_MYSQL_TYPE_ENUM, 0},
    {"set", SRC_MYSQL_TYPE_SET, 0},
    {"year", SRC_MYSQL_TYPE_YEAR, 0},
    {"date", SRC_MYSQL_TYPE_DATE, 0},
    {"time", SRC_MYSQL_TYPE_TIME2, 0},
    {"datetime", SRC_MYSQL_TYPE_DATETIME2, 0},
    {"timestamp", SRC_MYSQL_TYPE_TIMESTAMP2, 0},
    {"json", SRC_MYSQL_TYPE_JSON, 4},
    {"vector", SRC_MYSQL_TYPE_VECTOR, 4},
    {"char", SRC_MYSQL_TYPE_STRING, 0},
    {"binary", SRC_MYSQL_TYPE_STRING, 0},
    {"varchar", SRC_MYSQL_TYPE_VARCHAR, 0},
    {"varbinary", SRC_MYSQL_TYPE_VARCHAR, 0},
    {"tinytext", SRC_MYSQL_TYPE_BLOB, 1},
    {"text", SRC_MYSQL_TYPE_BLOB, 2},
    {"mediumtext", SRC_MYSQL_TYPE_BLOB, 3},
    {"longtext", SRC_MYSQL_TYPE_BLOB, 4},
    {"tinyblob", SRC_MYSQL_TYPE_BLOB, 1},
    {"blob", SRC_MYSQL_TYPE_BLOB, 2},
    {"mediumblob", SRC_MYSQL_TYPE_BLOB, 3},
    {"longblob", SRC_MYSQL_TYPE_BLOB, 4},
};

/* In the order of their well-known-binary numbers. */
static const char *const info_geometries[][2] = {
    {"geometry", ""},     {"point", ""},
    {"linestring", ""},   {"polygon", ""},
    {"multipoint", ""},   {"multilinestring", ""},
    {"multipolygon", ""}, {"geometrycollection", "geomcollection"},
};

static const struct {
    const char *name;
    uint8_t special;
    uint8_t length;
} info_specials[] = {
    {"uuid", SRC_MYSQL_SPECIAL_UUID, 16},
    {"inet6", SRC_MYSQL_SPECIAL_INET6, 16},
    {"inet4", SRC_MYSQL_SPECIAL_INET4, 4},
};

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for a table's definition");
}

static uint32_t count_labels(const char *text)
{
    uint32_t quotes = 0;
    for (const char *p = text; *p != '\0'; p++) {
        quotes += *p == '\'';
    }
    return quotes / 2; /* at least as many as labels: a quote in a label is doubled */
}

static char unescape(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c;
}

/* The labels of "enum('a','b')". */
static bool spec_labels(src_mysql_column_spec *spec, const char *text, cdc_arena *ar)
{
    const char **labels = cdc_arena_alloc(ar, (count_labels(text) + 1) * sizeof *labels);
    char *to = cdc_arena_alloc(ar, strlen(text) + 1);
    const char *p = strchr(text, '(');
    if (labels == NULL || to == NULL || p == NULL) {
        return false;
    }
    do {
        p++;
        if (*p++ != '\'') {
            return false;
        }
        labels[spec->nlabels++] = to;
        while (*p != '\0' && (*p != '\'' || p[1] == '\'')) {
            bool escaped = *p == '\\' && p[1] != '\0';
            *to++ = escaped ? unescape(p[1]) : *p;
            p += escaped || *p == '\'' ? 2 : 1;
        }
        *to++ = '\0';
        if (*p++ != '\'') {
            return false;
        }
    } while (*p == ',');
    spec->labels = labels;
    return *p == ')';
}

static bool is_binary_string(const char *data_type)
{
    return strstr(data_type, "blob") != NULL || strstr(data_type, "binary") != NULL;
}

static cdc_rc spec_charset(src_mysql_column_spec *spec, const src_mysql_column_info *col,
                           cdc_error *err)
{
    const char *name = col->charset;
    if (name == NULL && is_binary_string(col->data_type)) {
        name = "binary";
    }
    if (name == NULL) {
        return CDC_OK;
    }
    spec->charset = src_mysql_charset_by_name(name);
    return spec->charset != NULL
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "mysql_charset_unsupported",
                               "character set %s is not known; leave the table out by "
                               "objects.exclude, or convert the column to utf8mb4",
                               name);
}

static uint32_t length_of(const src_mysql_column_spec *spec, const src_mysql_column_info *col)
{
    uint32_t octets = (uint32_t)col->chars * (spec->charset != NULL ? spec->charset->maxlen : 1U);
    return octets + (spec->type == SRC_MYSQL_TYPE_VARCHAR_COMPRESSED ? 1 : 0);
}

static void spec_sizes(src_mysql_column_spec *spec, const src_mysql_column_info *col)
{
    const char *open = strchr(col->column_type, '(');
    switch (spec->type) {
    case SRC_MYSQL_TYPE_NEWDECIMAL:
        spec->precision = (uint8_t)col->precision;
        spec->scale = (uint8_t)col->scale;
        break;
    case SRC_MYSQL_TYPE_BIT:
        spec->length = col->precision;
        break;
    case SRC_MYSQL_TYPE_TIME2:
    case SRC_MYSQL_TYPE_DATETIME2:
    case SRC_MYSQL_TYPE_TIMESTAMP2:
    case SRC_MYSQL_TYPE_TIME:
    case SRC_MYSQL_TYPE_DATETIME:
    case SRC_MYSQL_TYPE_TIMESTAMP:
        spec->digits = (uint8_t)col->datetime_precision;
        break;
    case SRC_MYSQL_TYPE_STRING:
    case SRC_MYSQL_TYPE_VARCHAR:
    case SRC_MYSQL_TYPE_VARCHAR_COMPRESSED:
        spec->length = length_of(spec, col);
        break;
    case SRC_MYSQL_TYPE_VECTOR:
        spec->length = open != NULL ? (uint32_t)strtoul(open + 1, NULL, 10) : 0;
        break;
    default:
        break;
    }
}

/* False: no such type. */
static bool spec_type(const char *data_type, src_mysql_column_spec *spec)
{
    for (size_t i = 0; i < COUNT_OF(info_types); i++) {
        if (strcasecmp(data_type, info_types[i].name) == 0) {
            spec->type = info_types[i].type;
            spec->pack = info_types[i].pack;
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(info_geometries); i++) {
        if (strcasecmp(data_type, info_geometries[i][0]) == 0 ||
            strcasecmp(data_type, info_geometries[i][1]) == 0) {
            spec->type = SRC_MYSQL_TYPE_GEOMETRY;
            spec->geometry = (uint8_t)i;
            spec->pack = 4;
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(info_specials); i++) {
        if (strcasecmp(data_type, info_specials[i].name) == 0) {
            spec->type = SRC_MYSQL_TYPE_STRING;
            spec->special = info_specials[i].special;
            spec->length = info_specials[i].length;
            return true;
        }
    }
    return false;
}

/* MariaDB's comments behind the type say what its log shows by other type codes. */
static void spec_comment(const char *column_type, src_mysql_column_spec *spec)
{
    static const struct {
        uint8_t plain, other;
        const char *comment;
    } others[] = {
        {SRC_MYSQL_TYPE_VARCHAR, SRC_MYSQL_TYPE_VARCHAR_COMPRESSED, " COMPRESSED*/"},
        {SRC_MYSQL_TYPE_BLOB, SRC_MYSQL_TYPE_BLOB_COMPRESSED, " COMPRESSED*/"},
        {SRC_MYSQL_TYPE_TIME2, SRC_MYSQL_TYPE_TIME, " mariadb-5.3 */"},
        {SRC_MYSQL_TYPE_DATETIME2, SRC_MYSQL_TYPE_DATETIME, " mariadb-5.3 */"},
        {SRC_MYSQL_TYPE_TIMESTAMP2, SRC_MYSQL_TYPE_TIMESTAMP, " mariadb-5.3 */"},
    };
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (spec->type == others[i].plain && strstr(column_type, others[i].comment) != NULL) {
            spec->type = others[i].other;
            return;
        }
    }
}

static cdc_rc spec_from_info(const src_mysql_column_info *col, cdc_arena *ar,
                             src_mysql_column_spec *spec, cdc_error *err)
{
    const char *generation = col->generation != NULL ? col->generation : "";
    spec->name = col->name;
    spec->nullable = col->nullable;
    spec->row_end = strcasecmp(generation, "ROW END") == 0;
    spec->hidden = spec->row_end || strcasecmp(generation, "ROW START") == 0;
    if (!spec_type(col->data_type, spec)) {
        spec->unsupported = col->data_type;
        return CDC_OK; /* refused where all types are */
    }
    bool labelled = spec->type == SRC_MYSQL_TYPE_ENUM || spec->type == SRC_MYSQL_TYPE_SET;
    spec_comment(col->column_type, spec);
    if (spec->special != SRC_MYSQL_SPECIAL_NONE) {
        return CDC_OK;
    }
    spec->is_unsigned = !labelled && strstr(col->column_type, " unsigned") != NULL;
    cdc_rc rc = spec_charset(spec, col, err);
    spec_sizes(spec, col);
    if (rc == CDC_OK && labelled && !spec_labels(spec, col->column_type, ar)) {
        rc = cdc_error_set(err, CDC_FATAL, "mysql_table_malformed", "cannot read the type %s",
                           col->column_type);
    }
    return rc;
}

cdc_rc src_mysql_specs_from_info(const src_mysql_table_info *info, cdc_arena *ar,
                                 src_mysql_column_spec **out, cdc_error *err)
{
    *out = cdc_arena_zalloc(ar, info->ncols * sizeof **out);
    if (*out == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < info->ncols; i++) {
        cdc_rc rc = spec_from_info(&info->cols[i], ar, &(*out)[i], err);
        if (rc != CDC_OK) {
            return cdc_error_context(err, "column %s", info->cols[i].name);
        }
    }
    return CDC_OK;
}

/* Nobody selects them: they go, and the keys are counted anew. */
static bool drop_hidden(src_mysql_definition *def, src_mysql_column_spec *specs, cdc_arena *ar)
{
    uint16_t *keys = cdc_arena_alloc(ar, (def->nkeys + 1) * sizeof *keys);
    uint32_t ncols = 0;
    uint32_t nkeys = 0;
    if (keys == NULL) {
        return false;
    }
    for (uint32_t k = 0; k < def->nkeys; k++) {
        uint32_t before = 0;
        for (uint32_t i = 0; i < def->keys[k]; i++) {
            before += specs[i].hidden ? 1 : 0;
        }
        if (!specs[def->keys[k]].hidden) {
            keys[nkeys++] = (uint16_t)(def->keys[k] - before);
        }
    }
    for (uint32_t i = 0; i < def->ncols; i++) {
        if (!specs[i].hidden) {
            specs[ncols++] = specs[i];
        }
    }
    def->ncols = ncols;
    def->keys = keys;
    def->nkeys = nkeys;
    return true;
}

cdc_rc src_mysql_table_from_info(const src_mysql_table_info *info, src_mysql_table **out,
                                 cdc_error *err)
{
    cdc_arena ar;
    src_mysql_column_spec *specs;
    cdc_arena_init(&ar, 64U << 10, SRC_MYSQL_TABLE_ARENA_MAX);
    *out = NULL;
    cdc_rc rc = src_mysql_specs_from_info(info, &ar, &specs, err);
    if (rc == CDC_OK) {
        src_mysql_definition def = {info->database, info->name, specs,
                                    info->ncols,    info->keys, info->nkeys};
        rc = drop_hidden(&def, specs, &ar) ? src_mysql_table_define(&def, &ar, out, err)
                                           : no_memory(err);
    }
    cdc_arena_fini(&ar);
    return rc == CDC_OK ? rc : cdc_error_context(err, "table %s.%s", info->database, info->name);
}

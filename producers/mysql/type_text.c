#include "producers/mysql/type_text.h"

#include <string.h>

#include "core/buffer.h"

/* java.sql.Types */
enum {
    JAVA_BIT = -7,
    JAVA_TINYINT = -6,
    JAVA_BIGINT = -5,
    JAVA_CHAR = 1,
    JAVA_DECIMAL = 3,
    JAVA_INTEGER = 4,
    JAVA_SMALLINT = 5,
    JAVA_REAL = 7,
    JAVA_DOUBLE = 8,
    JAVA_VARCHAR = 12,
    JAVA_DATE = 91,
    JAVA_TIME = 92,
    JAVA_TIMESTAMP = 93,
    JAVA_BLOB = 2004,
    JAVA_CLOB = 2005,
};

#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

#define TYPE_TEXT_MAX                                                                              \
    (16U << 20) /* an ENUM of 65,535 labels of 255 characters does not fit; none is made */

/* What all columns of a type share. */
typedef struct type_facts {
    uint8_t type;
    uint8_t op; /* 0: decided by charset and size */
    uint8_t kind;
    int16_t java_type;
    const char *text; /* begin of the type text */
} type_facts;

static const type_facts facts[] = {
    {SRC_MYSQL_TYPE_TINY, SRC_MYSQL_DECODE_I8, CDC_INT, JAVA_TINYINT, "tinyint"},
    {SRC_MYSQL_TYPE_SHORT, SRC_MYSQL_DECODE_I16, CDC_INT, JAVA_SMALLINT, "smallint"},
    {SRC_MYSQL_TYPE_INT24, SRC_MYSQL_DECODE_I24, CDC_INT, JAVA_INTEGER, "mediumint"},
    {SRC_MYSQL_TYPE_LONG, SRC_MYSQL_DECODE_I32, CDC_INT, JAVA_INTEGER, "int"},
    {SRC_MYSQL_TYPE_LONGLONG, SRC_MYSQL_DECODE_I64, CDC_INT, JAVA_BIGINT, "bigint"},
    {SRC_MYSQL_TYPE_FLOAT, SRC_MYSQL_DECODE_FLOAT, CDC_FLOAT, JAVA_REAL, "float"},
    {SRC_MYSQL_TYPE_DOUBLE, SRC_MYSQL_DECODE_DOUBLE, CDC_DOUBLE, JAVA_DOUBLE, "double"},
    {SRC_MYSQL_TYPE_NEWDECIMAL, SRC_MYSQL_DECODE_DECIMAL, CDC_DECIMAL, JAVA_DECIMAL, "decimal"},
    {SRC_MYSQL_TYPE_BIT, SRC_MYSQL_DECODE_BIT, CDC_BIT, JAVA_BIT, "bit"},
    {SRC_MYSQL_TYPE_ENUM, SRC_MYSQL_DECODE_ENUM, CDC_ENUM, JAVA_INTEGER, "enum"},
    {SRC_MYSQL_TYPE_SET, SRC_MYSQL_DECODE_SET, CDC_SET, JAVA_BIT, "set"},
    {SRC_MYSQL_TYPE_YEAR, SRC_MYSQL_DECODE_YEAR, CDC_YEAR, JAVA_VARCHAR, "year"},
    {SRC_MYSQL_TYPE_DATE, SRC_MYSQL_DECODE_DATE, CDC_DATE, JAVA_DATE, "date"},
    {SRC_MYSQL_TYPE_TIME2, SRC_MYSQL_DECODE_TIME2, CDC_TIME, JAVA_TIME, "time"},
    {SRC_MYSQL_TYPE_DATETIME2, SRC_MYSQL_DECODE_DATETIME2, CDC_DATETIME, JAVA_TIMESTAMP,
     "datetime"},
    {SRC_MYSQL_TYPE_TIMESTAMP2, SRC_MYSQL_DECODE_TIMESTAMP2, CDC_TIMESTAMP, JAVA_TIMESTAMP,
     "timestamp"},
    {SRC_MYSQL_TYPE_TIME, SRC_MYSQL_DECODE_OLD_TIME, CDC_TIME, JAVA_TIME, "time"},
    {SRC_MYSQL_TYPE_DATETIME, SRC_MYSQL_DECODE_OLD_DATETIME, CDC_DATETIME, JAVA_TIMESTAMP,
     "datetime"},
    {SRC_MYSQL_TYPE_TIMESTAMP, SRC_MYSQL_DECODE_OLD_TIMESTAMP, CDC_TIMESTAMP, JAVA_TIMESTAMP,
     "timestamp"},
    {SRC_MYSQL_TYPE_JSON, SRC_MYSQL_DECODE_JSON, CDC_JSON, JAVA_VARCHAR, "json"},
    {SRC_MYSQL_TYPE_GEOMETRY, SRC_MYSQL_DECODE_BYTES, CDC_BYTES, JAVA_BLOB, ""},
    {SRC_MYSQL_TYPE_VECTOR, SRC_MYSQL_DECODE_BYTES, CDC_BYTES, JAVA_BLOB, "vector"},
    {SRC_MYSQL_TYPE_STRING, 0, CDC_TEXT, JAVA_CHAR, "char"},
    {SRC_MYSQL_TYPE_VARCHAR, 0, CDC_TEXT, JAVA_VARCHAR, "varchar"},
    {SRC_MYSQL_TYPE_BLOB, 0, CDC_TEXT, JAVA_CLOB, "text"},
    {SRC_MYSQL_TYPE_VARCHAR_COMPRESSED, 0, CDC_TEXT, JAVA_VARCHAR, "varchar"},
    {SRC_MYSQL_TYPE_BLOB_COMPRESSED, 0, CDC_TEXT, JAVA_CLOB, "text"},
};

static const type_facts *facts_of(uint8_t type)
{
    for (size_t i = 0; i < COUNT_OF(facts); i++) {
        if (facts[i].type == type) {
            return &facts[i];
        }
    }
    return NULL;
}

static cdc_rc unsupported(const char *type, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "mysql_type_unsupported",
                         "type %s is not supported in this version; leave the table out by "
                         "objects.exclude, or change the column's type",
                         type);
}

/* MariaDB's types that are BINARY in the log, by src_mysql_special. */
static const type_facts specials[] = {
    [SRC_MYSQL_SPECIAL_UUID] = {SRC_MYSQL_TYPE_STRING, SRC_MYSQL_DECODE_UUID, CDC_TEXT,
                                JAVA_VARCHAR, "uuid"},
    [SRC_MYSQL_SPECIAL_INET6] = {SRC_MYSQL_TYPE_STRING, SRC_MYSQL_DECODE_INET6, CDC_TEXT,
                                 JAVA_VARCHAR, "inet6"},
    [SRC_MYSQL_SPECIAL_INET4] = {SRC_MYSQL_TYPE_STRING, SRC_MYSQL_DECODE_INET4, CDC_TEXT,
                                 JAVA_VARCHAR, "inet4"},
};

static const char *const geometries[] = {
    "geometry",   "point",           "linestring",   "polygon",
    "multipoint", "multilinestring", "multipolygon", "geometrycollection"};

static bool is_binary(const src_mysql_column_spec *spec)
{
    return spec->charset == NULL || spec->charset->convert == SRC_MYSQL_CONVERT_BINARY;
}

static bool is_blob(const src_mysql_column_spec *spec)
{
    return spec->type == SRC_MYSQL_TYPE_BLOB || spec->type == SRC_MYSQL_TYPE_BLOB_COMPRESSED;
}

static bool is_compressed(const src_mysql_column_spec *spec)
{
    return spec->type == SRC_MYSQL_TYPE_VARCHAR_COMPRESSED ||
           spec->type == SRC_MYSQL_TYPE_BLOB_COMPRESSED;
}

/* CHAR, VARCHAR, the BLOB family. */
static cdc_rc fill_string(const src_mysql_column_spec *spec, cdc_column *col, src_mysql_plan *plan,
                          cdc_error *err)
{
    bool fixed = spec->type == SRC_MYSQL_TYPE_STRING;
    plan->pack = is_blob(spec) ? spec->pack : spec->length > 255 ? 2 : 1;
    if (plan->pack < 1 || plan->pack > 4) {
        return cdc_error_set(err, CDC_FATAL, "mysql_table_malformed",
                             "length prefix of %u bytes is not known", plan->pack);
    }
    plan->convert = spec->charset != NULL ? spec->charset->convert : SRC_MYSQL_CONVERT_BINARY;
    plan->op = SRC_MYSQL_DECODE_TEXT;
    if (is_binary(spec)) {
        col->kind = CDC_BYTES;
        col->java_type = JAVA_BLOB;
        col->length = fixed ? spec->length : 0;
        plan->op = fixed ? SRC_MYSQL_DECODE_BINARY : SRC_MYSQL_DECODE_BYTES;
        plan->length = spec->length;
    }
    if (is_compressed(spec)) {
        plan->op = SRC_MYSQL_DECODE_COMPRESSED;
    }
    return CDC_OK;
}

/* ENUM, SET: by the number of labels. */
static bool fill_labelled(const src_mysql_column_spec *spec, src_mysql_plan *plan)
{
    plan->length = spec->nlabels;
    if (spec->type == SRC_MYSQL_TYPE_ENUM) {
        plan->pack = spec->nlabels > 255 ? 2 : 1;
        return spec->nlabels <= 65535;
    }
    plan->pack = (uint8_t)((spec->nlabels + 7) / 8);
    plan->pack = plan->pack > 4 ? 8 : plan->pack;
    return spec->nlabels <= 64;
}

/* Values behind a length of spec->pack bytes. */
static bool fill_packed(const src_mysql_column_spec *spec, src_mysql_plan *plan)
{
    plan->pack = spec->pack;
    return spec->pack >= 1 && spec->pack <= 4 && spec->geometry < COUNT_OF(geometries);
}

/* UUID, INET6, INET4. */
static bool fill_special(const src_mysql_column_spec *spec, src_mysql_plan *plan)
{
    plan->length = spec->length;
    return spec->length == (spec->special == SRC_MYSQL_SPECIAL_INET4 ? 4 : 16);
}

/* False: the sizes contradict the type. */
static bool fill_sizes(const src_mysql_column_spec *spec, cdc_column *col, src_mysql_plan *plan)
{
    switch (spec->type) {
    case SRC_MYSQL_TYPE_NEWDECIMAL:
        col->precision = plan->precision = spec->precision;
        col->scale = plan->scale = spec->scale;
        return spec->precision >= 1 && spec->precision <= 65 && spec->scale <= spec->precision;
    case SRC_MYSQL_TYPE_BIT:
        col->length = plan->length = spec->length;
        plan->pack = (uint8_t)((spec->length + 7) / 8);
        return spec->length >= 1 && spec->length <= 64;
    case SRC_MYSQL_TYPE_ENUM:
    case SRC_MYSQL_TYPE_SET:
        return fill_labelled(spec, plan);
    case SRC_MYSQL_TYPE_STRING:
        return fill_special(spec, plan);
    case SRC_MYSQL_TYPE_JSON:
    case SRC_MYSQL_TYPE_GEOMETRY:
    case SRC_MYSQL_TYPE_VECTOR:
        return fill_packed(spec, plan);
    default: /* dates and times; the others have no digits */
        col->digits = plan->digits = spec->digits;
        return spec->digits <= 6;
    }
}

static cdc_rc fill_sized(const src_mysql_column_spec *spec, cdc_column *col, src_mysql_plan *plan,
                         cdc_error *err)
{
    if (fill_sizes(spec, col, plan)) {
        return CDC_OK;
    }
    return cdc_error_set(err, CDC_FATAL, "mysql_table_malformed",
                         "sizes do not fit the type (precision %u, scale %u, length %u, labels "
                         "%u, digits %u)",
                         spec->precision, spec->scale, spec->length, spec->nlabels, spec->digits);
}

/* As the servers print a label (append_unescaped). */
static void text_label(cdc_buffer *out, const char *label)
{
    cdc_buffer_add_char(out, '\'');
    for (const char *p = label; *p != '\0'; p++) {
        switch (*p) {
        case '\\':
            cdc_buffer_add_str(out, "\\\\");
            break;
        case '\'':
            cdc_buffer_add_str(out, "''");
            break;
        case '\n':
            cdc_buffer_add_str(out, "\\n");
            break;
        case '\r':
            cdc_buffer_add_str(out, "\\r");
            break;
        default:
            cdc_buffer_add_char(out, *p);
        }
    }
    cdc_buffer_add_char(out, '\'');
}

static void text_string(const src_mysql_column_spec *spec, cdc_buffer *out)
{
    static const char *const blobs[] = {"", "tinyblob", "blob", "mediumblob", "longblob"};
    static const char *const texts[] = {"", "tinytext", "text", "mediumtext", "longtext"};
    bool binary = is_binary(spec);
    if (is_blob(spec)) {
        cdc_buffer_add_str(out, binary ? blobs[spec->pack] : texts[spec->pack]);
        return;
    }
    if (spec->type != SRC_MYSQL_TYPE_STRING) {
        cdc_buffer_add_str(out, "var");
    }
    uint32_t length = spec->length - (is_compressed(spec) && spec->length > 0 ? 1 : 0);
    cdc_buffer_add_str(out, binary ? "binary" : "char");
    cdc_buffer_addf(out, "(%u)", binary ? length : length / spec->charset->maxlen);
}

static void text_write(const src_mysql_column_spec *spec, const type_facts *fact, cdc_buffer *out)
{
    if (fact->op == 0) {
        text_string(spec, out);
        return;
    }
    cdc_buffer_add_str(out, fact->text);
    switch (spec->type) {
    case SRC_MYSQL_TYPE_NEWDECIMAL:
        cdc_buffer_addf(out, "(%u,%u)", spec->precision, spec->scale);
        break;
    case SRC_MYSQL_TYPE_BIT:
        cdc_buffer_addf(out, "(%u)", spec->length);
        break;
    case SRC_MYSQL_TYPE_VECTOR:
        if (spec->length > 0) { /* MySQL 9.0 did not log it */
            cdc_buffer_addf(out, "(%u)", spec->length);
        }
        break;
    case SRC_MYSQL_TYPE_GEOMETRY:
        cdc_buffer_add_str(out, geometries[spec->geometry]);
        break;
    case SRC_MYSQL_TYPE_ENUM:
    case SRC_MYSQL_TYPE_SET:
        for (uint32_t i = 0; i < spec->nlabels; i++) {
            cdc_buffer_add_char(out, i == 0 ? '(' : ',');
            text_label(out, spec->labels[i]);
        }
        cdc_buffer_add_char(out, ')');
        break;
    default:
        if (spec->digits > 0) {
            cdc_buffer_addf(out, "(%u)", spec->digits);
        }
    }
    if (spec->is_unsigned) {
        cdc_buffer_add_str(out, " unsigned");
    }
}

static const char *type_text(const src_mysql_column_spec *spec, const type_facts *fact,
                             cdc_arena *ar)
{
    cdc_buffer out;
    cdc_buffer_init(&out, TYPE_TEXT_MAX);
    text_write(spec, fact, &out);
    const char *text = out.failed ? NULL : cdc_arena_strndup(ar, out.data, out.len);
    cdc_buffer_fini(&out);
    return text;
}

static bool has_charset(const src_mysql_column_spec *spec)
{
    return spec->charset != NULL && spec->special == SRC_MYSQL_SPECIAL_NONE &&
           spec->type != SRC_MYSQL_TYPE_GEOMETRY && spec->type != SRC_MYSQL_TYPE_VECTOR;
}

static cdc_rc check_supported(const src_mysql_column_spec *spec, const type_facts *fact,
                              cdc_error *err)
{
    if (spec->unsupported != NULL) {
        return unsupported(spec->unsupported, err);
    }
    if (spec->type == SRC_MYSQL_TYPE_DECIMAL) {
        return unsupported("decimal in the format before MySQL 5.0 (ALTER TABLE ... FORCE converts "
                           "it)",
                           err);
    }
    if (fact == NULL) {
        char number[24];
        snprintf(number, sizeof number, "number %u", spec->type);
        return unsupported(number, err);
    }
    return CDC_OK;
}

cdc_rc src_mysql_column_fill(const src_mysql_column_spec *spec, cdc_arena *ar, cdc_column *col,
                             src_mysql_plan *plan, cdc_error *err)
{
    const type_facts *fact =
        spec->special != SRC_MYSQL_SPECIAL_NONE ? &specials[spec->special] : facts_of(spec->type);
    cdc_rc rc = check_supported(spec, fact, err);
    if (rc != CDC_OK) {
        return rc;
    }
    memset(col, 0, sizeof *col);
    memset(plan, 0, sizeof *plan);
    col->name = spec->name;
    col->kind = fact->kind;
    col->java_type = fact->java_type;
    col->key_part = -1;
    col->nullable = spec->nullable;
    col->is_unsigned = spec->is_unsigned;
    col->charset = has_charset(spec) ? spec->charset->name : "";
    col->labels = spec->labels;
    col->nlabels = spec->nlabels;
    plan->op = fact->op;
    if (spec->is_unsigned && fact->kind == CDC_INT) {
        col->kind = CDC_UINT;
        plan->op = (uint8_t)(fact->op + (SRC_MYSQL_DECODE_U8 - SRC_MYSQL_DECODE_I8));
    }
    rc = fact->op == 0 ? fill_string(spec, col, plan, err) : fill_sized(spec, col, plan, err);
    if (rc != CDC_OK) {
        return rc;
    }
    col->type_text = type_text(spec, fact, ar);
    return col->type_text != NULL
               ? CDC_OK
               : cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the column's type");
}

#include "schema/avro/schema_text.h"

#include <strings.h>

#include "schema/avro/name.h"
#include "schema/mysql_type.h"

#define GENERIC_NAMESPACE "sluice.generic"

const char *const cdc_avro_field_names[CDC_AVRO_FIELDS] = {
    "id",   "database", "table", "pkNames", "isDdl",     "type", "es",      "ts",
    "data", "old",      "sql",   "sqlType", "mysqlType", "gtid", "serverId"};

/* --- ways --- */

static bool has_legal_labels(const cdc_column *col)
{
    for (uint32_t i = 0; i < col->nlabels; i++) {
        if (!cdc_avro_name_legal(col->labels[i])) {
            return false;
        }
    }
    return col->nlabels > 0;
}

static cdc_avro_way way_of_number(const cdc_column *col)
{
    cdc_mysql_range range;
    if (cdc_mysql_type_range(col, &range)) {
        return range.max > INT64_MAX ? CDC_AVRO_WAY_U64 : CDC_AVRO_WAY_LONG;
    }
    return col->kind == CDC_UINT ? CDC_AVRO_WAY_U64 : CDC_AVRO_WAY_LONG;
}

static cdc_avro_way way_of_clock(const cdc_avro_options *opt, const cdc_column *col)
{
    if (opt->temporal == CDC_AVRO_STRING) {
        return CDC_AVRO_WAY_CLOCK_TEXT;
    }
    return col->kind == CDC_DATE       ? CDC_AVRO_WAY_DATE
           : col->kind == CDC_TIME     ? CDC_AVRO_WAY_TIME
           : col->kind == CDC_DATETIME ? CDC_AVRO_WAY_DATETIME
                                       : CDC_AVRO_WAY_TIMESTAMP;
}

cdc_avro_way cdc_avro_way_of(const cdc_avro_options *opt, const cdc_column *col)
{
    static const cdc_avro_way plain[] = {
        [CDC_FLOAT] = CDC_AVRO_WAY_FLOAT, [CDC_DOUBLE] = CDC_AVRO_WAY_DOUBLE,
        [CDC_BIT] = CDC_AVRO_WAY_BITS,    [CDC_SET] = CDC_AVRO_WAY_SET,
        [CDC_BYTES] = CDC_AVRO_WAY_BYTES, [CDC_JSON] = CDC_AVRO_WAY_JSON,
    };
    switch (col->kind) {
    case CDC_INT:
    case CDC_UINT:
    case CDC_YEAR:
        return way_of_number(col);
    case CDC_DECIMAL:
        return col->precision > 0 ? CDC_AVRO_WAY_DECIMAL : CDC_AVRO_WAY_DECIMAL_TEXT;
    case CDC_ENUM:
        return has_legal_labels(col) ? CDC_AVRO_WAY_ENUM : CDC_AVRO_WAY_LABEL;
    case CDC_DATE:
    case CDC_TIME:
    case CDC_DATETIME:
    case CDC_TIMESTAMP:
        return way_of_clock(opt, col);
    case CDC_TEXT:
        return strcasecmp(col->type_text, "uuid") == 0 ? CDC_AVRO_WAY_UUID : CDC_AVRO_WAY_TEXT;
    default:
        return plain[col->kind];
    }
}

/* --- pieces --- */

static void add_string(cdc_buffer *out, const char *s)
{
    cdc_buffer_add_json(out, s, strlen(s));
}

/* task.database.table */
static void add_namespace(cdc_buffer *out, const cdc_avro_options *opt, const cdc_table *tbl)
{
    cdc_avro_name(out, opt->task);
    cdc_buffer_add_char(out, '.');
    cdc_avro_name(out, tbl->database);
    cdc_buffer_add_char(out, '.');
    cdc_avro_name(out, tbl->name);
}

/* {"type":"record","name":"N","namespace":"...","doc":"...","fields":[ */
static void begin_record(cdc_buffer *out, const char *name, const cdc_buffer *space,
                         const char *doc)
{
    cdc_buffer_addf(out, "{\"type\":\"record\",\"name\":\"%s\",\"namespace\":\"", name);
    cdc_buffer_add(out, space->data, space->len);
    cdc_buffer_add_str(out, "\",\"doc\":");
    add_string(out, doc);
    cdc_buffer_add_str(out, ",\"fields\":[");
}

static void add_full_name(cdc_buffer *out, const cdc_buffer *space, const char *name)
{
    cdc_buffer_add(out, space->data, space->len);
    cdc_buffer_add_char(out, '.');
    cdc_buffer_add_str(out, name);
}

static void add_decimal(cdc_buffer *out, unsigned precision, unsigned scale)
{
    cdc_buffer_addf(
        out, "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":%u,\"scale\":%u}",
        precision, scale);
}

static void add_enum(cdc_buffer *out, const cdc_column *col, const cdc_buffer *space)
{
    cdc_buffer_add_str(out, "{\"type\":\"enum\",\"name\":\"");
    cdc_avro_name(out, col->name);
    cdc_buffer_add_str(out, "\",\"namespace\":\"");
    cdc_buffer_add(out, space->data, space->len);
    cdc_buffer_add_str(out, ".labels\",\"symbols\":[");
    for (uint32_t i = 0; i < col->nlabels; i++) {
        cdc_buffer_addf(out, "%s\"%s\"", i > 0 ? "," : "", col->labels[i]);
    }
    cdc_buffer_add_str(out, "]},\"string\"");
}

/* A logical type, and for what it cannot hold a string. */
static void add_clock(cdc_buffer *out, const cdc_avro_options *opt, const char *type,
                      const char *logical)
{
    cdc_buffer_addf(out, "{\"type\":\"%s\",\"logicalType\":\"%s\"}%s", type, logical,
                    opt->temporal == CDC_AVRO_MIXED ? ",\"string\"" : "");
}

static void add_type(cdc_buffer *out, const cdc_avro_options *opt, const cdc_column *col,
                     const cdc_buffer *space)
{
    static const char *const plain[] = {
        [CDC_AVRO_WAY_LONG] = "\"long\"",
        [CDC_AVRO_WAY_DECIMAL_TEXT] = "\"string\"",
        [CDC_AVRO_WAY_FLOAT] = "\"float\"",
        [CDC_AVRO_WAY_DOUBLE] = "\"double\"",
        [CDC_AVRO_WAY_BITS] = "\"bytes\"",
        [CDC_AVRO_WAY_LABEL] = "\"string\"",
        [CDC_AVRO_WAY_SET] = "{\"type\":\"array\",\"items\":\"string\"}",
        [CDC_AVRO_WAY_CLOCK_TEXT] = "\"string\"",
        [CDC_AVRO_WAY_TEXT] = "\"string\"",
        [CDC_AVRO_WAY_UUID] = "{\"type\":\"string\",\"logicalType\":\"uuid\"}",
        [CDC_AVRO_WAY_JSON] = "{\"type\":\"string\",\"logicalType\":\"json\"}",
        [CDC_AVRO_WAY_BYTES] = "\"bytes\"",
    };
    cdc_avro_way way = cdc_avro_way_of(opt, col);
    switch (way) {
    case CDC_AVRO_WAY_U64:
        add_decimal(out, 20, 0);
        break;
    case CDC_AVRO_WAY_DECIMAL:
        add_decimal(out, col->precision, col->scale);
        break;
    case CDC_AVRO_WAY_ENUM:
        add_enum(out, col, space);
        break;
    case CDC_AVRO_WAY_DATE:
        add_clock(out, opt, "int", "date");
        break;
    case CDC_AVRO_WAY_TIME:
        add_clock(out, opt, "long", "time-micros");
        break;
    case CDC_AVRO_WAY_DATETIME:
        add_clock(out, opt, "long", "local-timestamp-micros");
        break;
    case CDC_AVRO_WAY_TIMESTAMP:
        add_clock(out, opt, "long", "timestamp-micros");
        break;
    default:
        cdc_buffer_add_str(out, plain[way]);
        break;
    }
}

static void add_column(cdc_buffer *out, const cdc_avro_options *opt, const cdc_column *col,
                       const cdc_buffer *space)
{
    cdc_buffer_add_str(out, "{\"name\":\"");
    cdc_avro_name(out, col->name);
    cdc_buffer_add_str(out, "\",\"type\":[\"null\",");
    add_type(out, opt, col, space);
    cdc_buffer_add_str(out, "],\"default\":null,\"sluice.type\":");
    add_string(out, col->type_text);
    cdc_buffer_add_char(out, '}');
}

/* --- envelopes --- */

typedef struct cdc_avro_images {
    const char *data, *old; /* types of the two fields */
} cdc_avro_images;

static void add_envelope_fields(cdc_buffer *out, cdc_avro_images images)
{
    static const char nullable[] = "[\"null\",\"string\"],\"default\":null";
    const char *types[CDC_AVRO_FIELDS] = {
        [CDC_AVRO_ID] = "\"long\"",
        [CDC_AVRO_DATABASE] = "\"string\"",
        [CDC_AVRO_TABLE] = "\"string\"",
        [CDC_AVRO_PK_NAMES] = "[\"null\",{\"type\":\"array\",\"items\":\"string\"}],\"default\":"
                              "null",
        [CDC_AVRO_IS_DDL] = "\"boolean\"",
        [CDC_AVRO_TYPE] = "\"string\"",
        [CDC_AVRO_ES] = "\"long\"",
        [CDC_AVRO_TS] = "\"long\"",
        [CDC_AVRO_DATA] = images.data,
        [CDC_AVRO_OLD] = images.old,
        [CDC_AVRO_SQL] = nullable,
        [CDC_AVRO_SQL_TYPE] = "[\"null\",{\"type\":\"map\",\"values\":\"int\"}],\"default\":null",
        [CDC_AVRO_MYSQL_TYPE] = "[\"null\",{\"type\":\"map\",\"values\":\"string\"}],\"default\":"
                                "null",
        [CDC_AVRO_GTID] = nullable,
        [CDC_AVRO_SERVER_ID] = nullable};
    for (unsigned i = 0; i < CDC_AVRO_FIELDS; i++) {
        cdc_buffer_addf(out, "%s{\"name\":\"%s\",\"type\":", i > 0 ? "," : "",
                        cdc_avro_field_names[i]);
        cdc_buffer_add_str(out, types[i]);
        cdc_buffer_add_char(out, '}');
    }
    cdc_buffer_add_str(out, "]}");
}

static const char *const temporal_docs[] = {
    [CDC_AVRO_MIXED] = "A date or time that its logical type cannot hold is a string: zero and "
                       "partial dates, dates of the year 0, TIME below 0 or from 24:00:00 on.",
    [CDC_AVRO_STRING] = "Dates and times are strings as MySQL prints them, TIMESTAMP in UTC.",
    [CDC_AVRO_STRICT] = "There are no zero or partial dates and no TIME below 0 or from 24:00:00 "
                        "on: such a value stops the task.",
};

/* ["null",{"type":"array","items":{record Row}}] */
static void add_rows(cdc_buffer *out, const cdc_avro_options *opt, const cdc_table *tbl,
                     const cdc_buffer *space)
{
    cdc_buffer_add_str(out, "[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
                            "\"Row\",\"namespace\":\"");
    cdc_buffer_add(out, space->data, space->len);
    cdc_buffer_add_str(out, "\",\"doc\":");
    add_string(out, temporal_docs[opt->temporal]);
    cdc_buffer_add_str(out, ",\"sluice.keys\":[");
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        cdc_buffer_add_str(out, i > 0 ? "," : "");
        add_string(out, tbl->cols[tbl->keys[i]].name);
    }
    cdc_buffer_add_str(out, "],\"fields\":[");
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        cdc_buffer_add_str(out, i > 0 ? "," : "");
        add_column(out, opt, &tbl->cols[i], space);
    }
    cdc_buffer_add_str(out, "]}}],\"default\":null");
}

void cdc_avro_row_schema(const cdc_avro_options *opt, const cdc_table *tbl, cdc_buffer *out,
                         cdc_buffer *name)
{
    cdc_buffer space;
    cdc_buffer data;
    cdc_buffer old;
    cdc_buffer_init(&space, out->max);
    cdc_buffer_init(&data, out->max);
    cdc_buffer_init(&old, out->max);
    add_namespace(&space, opt, tbl);
    add_rows(&data, opt, tbl, &space);
    cdc_buffer_add_str(&old, "[\"null\",{\"type\":\"array\",\"items\":\"");
    add_full_name(&old, &space, "Row");
    cdc_buffer_add_str(&old, "\"}],\"default\":null");
    begin_record(out, "Envelope", &space,
                 "A change of one row: data is the row after it, or before a DELETE; old is the "
                 "whole row before an UPDATE.");
    add_envelope_fields(out, (cdc_avro_images){cdc_buffer_cstr(&data), cdc_buffer_cstr(&old)});
    add_full_name(name, &space, "Envelope");
    out->failed = out->failed || space.failed || data.failed || old.failed;
    cdc_buffer_fini(&space);
    cdc_buffer_fini(&data);
    cdc_buffer_fini(&old);
}

static const char names_fields[] = "{\"name\":\"database\",\"type\":\"string\",\"default\":\"\"},"
                                   "{\"name\":\"table\",\"type\":\"string\",\"default\":\"\"}";

void cdc_avro_key_schema(const cdc_avro_options *opt, const cdc_table *tbl, cdc_buffer *out,
                         cdc_buffer *name)
{
    cdc_buffer space;
    cdc_buffer_init(&space, out->max);
    add_namespace(&space, opt, tbl);
    begin_record(out, "Key", &space,
                 tbl->nkeys > 0 ? "The primary key." : "The table has no primary key.");
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        cdc_buffer_add_str(out, i > 0 ? "," : "");
        add_column(out, opt, &tbl->cols[tbl->keys[i]], &space);
    }
    cdc_buffer_add_str(out, tbl->nkeys == 0 ? names_fields : "");
    cdc_buffer_add_str(out, "]}");
    add_full_name(name, &space, "Key");
    out->failed = out->failed || space.failed;
    cdc_buffer_fini(&space);
}

void cdc_avro_ddl_schema(const cdc_avro_options *opt, cdc_buffer *out, cdc_buffer *name)
{
    static const char none[] = "\"null\",\"default\":null";
    cdc_buffer space;
    cdc_buffer_init(&space, out->max);
    cdc_avro_name(&space, opt->task);
    begin_record(out, "Definition", &space, "A statement that changes definitions.");
    add_envelope_fields(out, (cdc_avro_images){none, none});
    add_full_name(name, &space, "Definition");
    cdc_buffer_fini(&space);
}

void cdc_avro_ddl_key_schema(const cdc_avro_options *opt, cdc_buffer *out, cdc_buffer *name)
{
    cdc_buffer space;
    cdc_buffer_init(&space, out->max);
    cdc_avro_name(&space, opt->task);
    begin_record(out, "DefinitionKey", &space, "The object, as far as the statement names one.");
    cdc_buffer_add_str(out, names_fields);
    cdc_buffer_add_str(out, "]}");
    add_full_name(name, &space, "DefinitionKey");
    cdc_buffer_fini(&space);
}

/* --- the layout generic --- */

#define GENERIC_VALUE                                                                              \
    "[\"null\",\"long\",\"float\",\"double\",\"bytes\",\"string\",{\"type\":\"array\",\"items\":"  \
    "\"bytes\"}]"

void cdc_avro_generic_schema(cdc_buffer *out, cdc_buffer *name)
{
    static const char data[] =
        "[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":"
        "\"record\",\"name\":\"Column\",\"namespace\":\"" GENERIC_NAMESPACE
        "\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"type\",\"type\":"
        "\"string\"},{\"name\":\"value\",\"type\":" GENERIC_VALUE
        ",\"default\":null}]}}}],\"default\":null";
    static const char old[] =
        "[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":"
        "\"" GENERIC_NAMESPACE ".Column\"}}],\"default\":null";
    cdc_buffer_add_str(out,
                       "{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":"
                       "\"" GENERIC_NAMESPACE
                       "\",\"doc\":\"A change of one row or statement, of any table, or commands: "
                       "a row is an array of its columns.\",\"fields\":[");
    add_envelope_fields(out, (cdc_avro_images){data, old});
    cdc_buffer_add_str(name, GENERIC_NAMESPACE ".Envelope");
}

void cdc_avro_generic_key_schema(cdc_buffer *out, cdc_buffer *name)
{
    cdc_buffer_add_str(
        out, "{\"type\":\"record\",\"name\":\"Key\",\"namespace\":\"" GENERIC_NAMESPACE
             "\",\"doc\":\"Values of the primary key in its order.\",\"fields\":[{\"name\":"
             "\"database\",\"type\":\"string\"},{\"name\":\"table\",\"type\":\"string\"},"
             "{\"name\":\"values\",\"type\":{\"type\":\"array\",\"items\":" GENERIC_VALUE "}}]}");
    cdc_buffer_add_str(name, GENERIC_NAMESPACE ".Key");
}

void cdc_avro_subject(const cdc_avro_options *opt, const char *topic, const char *record,
                      bool is_key, cdc_buffer *out)
{
    switch (opt->subjects) {
    case CDC_AVRO_TOPIC:
        cdc_buffer_add_str(out, topic);
        cdc_buffer_add_str(out, is_key ? "-key" : "-value");
        break;
    case CDC_AVRO_RECORD:
        cdc_buffer_add_str(out, record);
        break;
    case CDC_AVRO_TOPIC_RECORD:
        cdc_buffer_add_str(out, topic);
        cdc_buffer_add_char(out, '-');
        cdc_buffer_add_str(out, record);
        break;
    }
}

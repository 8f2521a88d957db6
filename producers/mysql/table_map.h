/* src_mysql_table: a table's definition and the plan to decode its rows, from the binlog's
 * TABLE_MAP event (binlog_row_metadata=FULL) or from information_schema.
 *
 * Both ways fill the same src_mysql_column_spec and go through the same code from there on, so that
 * both give the same cdc_table, to the version fingerprint. Plain functions; any thread; a
 * src_mysql_table is immutable once built. Page: MySQL source documentation, class Table_map_event.
 */
#ifndef SRC_MYSQL_TABLE_MAP_H
#define SRC_MYSQL_TABLE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cursor.h"
#include "core/error.h"
#include "core/table.h"
#include "producers/mysql/charset.h"

/* Optional metadata fields of the event. */
enum {
    SRC_MYSQL_META_SIGNEDNESS = 1,
    SRC_MYSQL_META_DEFAULT_CHARSET = 2,
    SRC_MYSQL_META_COLUMN_CHARSET = 3,
    SRC_MYSQL_META_COLUMN_NAME = 4,
    SRC_MYSQL_META_SET_VALUES = 5,
    SRC_MYSQL_META_ENUM_VALUES = 6,
    SRC_MYSQL_META_GEOMETRY_TYPE = 7,
    SRC_MYSQL_META_SIMPLE_PK = 8,
    SRC_MYSQL_META_PK_WITH_PREFIX = 9,
    SRC_MYSQL_META_ENUM_SET_DEFAULT_CHARSET = 10,
    SRC_MYSQL_META_ENUM_SET_COLUMN_CHARSET = 11,
    SRC_MYSQL_META_VISIBILITY = 12,
    SRC_MYSQL_META_VECTOR_DIMENSIONS = 13,
    SRC_MYSQL_META_COUNT = 16,
};

typedef struct src_mysql_table_map {
    /* Set by the caller: */
    bool is_mariadb; /* it counts other columns among those with a charset */
    const struct src_mysql_resolver *resolver; /* NULL: BINARY is taken for what it seems */
    uint64_t table_id;
    uint16_t flags;
    const char *database; /* NUL-terminated in the event */
    size_t database_len;
    const char *name; /* NUL-terminated in the event */
    size_t name_len;
    uint32_t ncols;
    const uint8_t *types; /* ncols type codes */
    cdc_cursor meta;      /* type-dependent metadata, packed */
    const uint8_t *nulls; /* bitmap: column may be NULL */
    cdc_cursor
        optional[SRC_MYSQL_META_COUNT]; /* by field number; p is NULL if the event lacks it */
    cdc_cursor all; /* the bytes behind the table id: equal bytes, equal definition */
} src_mysql_table_map;

/* Points into the body. FATAL: malformed. */
cdc_rc src_mysql_table_map_parse(cdc_cursor body, src_mysql_table_map *out,
                                 cdc_error *err) CDC_MUST_CHECK;

struct src_mysql_column_spec;

/* Tells what MariaDB's log does not: sets special, digits, unsupported, hidden and row_end of the
 * specs. SKIP: not a table of rows. AGAIN: not yet. Asked only for tables that could have such
 * columns. */
typedef struct src_mysql_resolver {
    void *ctx;
    cdc_rc (*resolve)(void *ctx, const src_mysql_table_map *map,
                      struct src_mysql_column_spec *specs, cdc_error *err);
} src_mysql_resolver;

/* One row of information_schema.COLUMNS; texts are UTF-8 and NUL-terminated. In ORDINAL_POSITION
 * order. */
typedef struct src_mysql_column_info {
    const char *name;            /* COLUMN_NAME */
    const char *data_type;       /* DATA_TYPE: "int", "varchar" */
    const char *column_type;     /* COLUMN_TYPE: "int(10) unsigned", "enum('a','b')" */
    const char *charset;         /* CHARACTER_SET_NAME, NULL if NULL */
    uint64_t octets;             /* CHARACTER_OCTET_LENGTH, 0 if NULL */
    uint64_t chars;              /* CHARACTER_MAXIMUM_LENGTH, 0 if NULL */
    uint32_t precision;          /* NUMERIC_PRECISION, 0 if NULL */
    uint32_t scale;              /* NUMERIC_SCALE, 0 if NULL */
    uint32_t datetime_precision; /* DATETIME_PRECISION, 0 if NULL */
    bool nullable;               /* IS_NULLABLE is YES */
    const char *generation;      /* GENERATION_EXPRESSION, NULL if NULL */
} src_mysql_column_info;

typedef struct src_mysql_table_info {
    const char *database; /* UTF-8 */
    const char *name;
    const src_mysql_column_info *cols;
    uint32_t ncols;
    const uint16_t *keys; /* primary key: column indexes from 0, in SEQ_IN_INDEX order of PRIMARY */
    uint32_t nkeys;
    bool versioned; /* MariaDB: by the system */
} src_mysql_table_info;

/* How one column's bytes are read from a row image. */
typedef enum src_mysql_decode_op {
    SRC_MYSQL_DECODE_I8 = 1,
    SRC_MYSQL_DECODE_I16,
    SRC_MYSQL_DECODE_I24,
    SRC_MYSQL_DECODE_I32,
    SRC_MYSQL_DECODE_I64,
    SRC_MYSQL_DECODE_U8,
    SRC_MYSQL_DECODE_U16,
    SRC_MYSQL_DECODE_U24,
    SRC_MYSQL_DECODE_U32,
    SRC_MYSQL_DECODE_U64,
    SRC_MYSQL_DECODE_FLOAT,
    SRC_MYSQL_DECODE_DOUBLE,
    SRC_MYSQL_DECODE_DECIMAL,
    SRC_MYSQL_DECODE_BIT,
    SRC_MYSQL_DECODE_ENUM,
    SRC_MYSQL_DECODE_SET,
    SRC_MYSQL_DECODE_YEAR,
    SRC_MYSQL_DECODE_DATE,
    SRC_MYSQL_DECODE_TIME2,
    SRC_MYSQL_DECODE_DATETIME2,
    SRC_MYSQL_DECODE_TIMESTAMP2,
    SRC_MYSQL_DECODE_OLD_TIME, /* the formats before MySQL 5.6, which MariaDB still can write */
    SRC_MYSQL_DECODE_OLD_DATETIME,
    SRC_MYSQL_DECODE_OLD_TIMESTAMP,
    /* Strings, to the end: */
    SRC_MYSQL_DECODE_TEXT,       /* length of `pack` bytes, then text */
    SRC_MYSQL_DECODE_BYTES,      /* length of `pack` bytes, then octets */
    SRC_MYSQL_DECODE_BINARY,     /* the same; the log cuts trailing zeros, padded to `length` */
    SRC_MYSQL_DECODE_JSON,       /* length of `pack` bytes, then binary JSON */
    SRC_MYSQL_DECODE_COMPRESSED, /* length of `pack` bytes, then MariaDB's compressed column */
    SRC_MYSQL_DECODE_UUID,       /* as BINARY of 16 or 4 bytes */
    SRC_MYSQL_DECODE_INET6,
    SRC_MYSQL_DECODE_INET4,
} src_mysql_decode_op;

typedef struct src_mysql_plan {
    uint8_t op;               /* src_mysql_decode_op */
    uint8_t pack;             /* bytes of the length prefix, or of the value (BIT, ENUM, SET) */
    uint8_t digits;           /* fraction digits */
    uint8_t convert;          /* src_mysql_convert */
    uint8_t precision, scale; /* DECIMAL */
    bool hidden;              /* no column of the table: system versioning */
    uint32_t length;          /* BINARY: padded length; BIT: bits; ENUM: labels; SET: labels */
} src_mysql_plan;

typedef struct src_mysql_table {
    cdc_table *table;     /* one reference, owned */
    uint32_t ncols;       /* of the row images: the table's, and hidden ones */
    src_mysql_plan *plan; /* ncols */
    bool versioned;       /* has hidden columns: src_mysql_rows_current */
    bool resolved;        /* the resolver was asked: a change of the table may change the answer */
    uint32_t row_end;     /* versioned: index of that column */
} src_mysql_table;

/* The definition from the event; SKIP and AGAIN as the resolver. info: where the event holds no
 * names (binlog_row_metadata=MINIMAL), the definition comes from there and must fit the event;
 * NULL: that is an error which names the cure. FATAL also for a type or charset that this version
 * does not take; err names table and column. */
cdc_rc src_mysql_table_build(const src_mysql_table_map *map, const src_mysql_table_info *info,
                             src_mysql_table **out, cdc_error *err) CDC_MUST_CHECK;

/* The definition from information_schema, for the full copy. */
cdc_rc src_mysql_table_from_info(const src_mysql_table_info *info, src_mysql_table **out,
                                 cdc_error *err) CDC_MUST_CHECK;

void src_mysql_table_free(
    src_mysql_table *tbl); /* NULL is fine; events may still hold tbl->table */

#endif

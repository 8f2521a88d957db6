/* src_mysql_column_spec: what is known of a column, wherever it came from; and from it, in one
 * place, the column's type text, java.sql.Types number, kind, and the plan to decode it.
 *
 * The type text is information_schema's COLUMN_TYPE as far as the binlog can tell: no display width
 * (MySQL 8.0.19 and later prints none either), no ZEROFILL, no FLOAT(M,D). */
#ifndef SRC_MYSQL_TYPE_TEXT_H
#define SRC_MYSQL_TYPE_TEXT_H

#include "core/arena.h"
#include "core/table.h"
#include "producers/mysql/table_map.h"

/* Type codes of the binlog and the protocol (enum_field_types). */
typedef enum src_mysql_type {
    SRC_MYSQL_TYPE_DECIMAL = 0,
    SRC_MYSQL_TYPE_TINY = 1,
    SRC_MYSQL_TYPE_SHORT = 2,
    SRC_MYSQL_TYPE_LONG = 3,
    SRC_MYSQL_TYPE_FLOAT = 4,
    SRC_MYSQL_TYPE_DOUBLE = 5,
    SRC_MYSQL_TYPE_NULL = 6,
    SRC_MYSQL_TYPE_TIMESTAMP = 7,
    SRC_MYSQL_TYPE_LONGLONG = 8,
    SRC_MYSQL_TYPE_INT24 = 9,
    SRC_MYSQL_TYPE_DATE = 10,
    SRC_MYSQL_TYPE_TIME = 11,
    SRC_MYSQL_TYPE_DATETIME = 12,
    SRC_MYSQL_TYPE_YEAR = 13,
    SRC_MYSQL_TYPE_VARCHAR = 15,
    SRC_MYSQL_TYPE_BIT = 16,
    SRC_MYSQL_TYPE_TIMESTAMP2 = 17,
    SRC_MYSQL_TYPE_DATETIME2 = 18,
    SRC_MYSQL_TYPE_TIME2 = 19,
    SRC_MYSQL_TYPE_BLOB_COMPRESSED = 140,    /* MariaDB */
    SRC_MYSQL_TYPE_VARCHAR_COMPRESSED = 141, /* MariaDB */
    SRC_MYSQL_TYPE_VECTOR = 242,
    SRC_MYSQL_TYPE_JSON = 245,
    SRC_MYSQL_TYPE_NEWDECIMAL = 246,
    SRC_MYSQL_TYPE_ENUM = 247,
    SRC_MYSQL_TYPE_SET = 248,
    SRC_MYSQL_TYPE_TINY_BLOB = 249,
    SRC_MYSQL_TYPE_MEDIUM_BLOB = 250,
    SRC_MYSQL_TYPE_LONG_BLOB = 251,
    SRC_MYSQL_TYPE_BLOB = 252,
    SRC_MYSQL_TYPE_VAR_STRING = 253,
    SRC_MYSQL_TYPE_STRING = 254,
    SRC_MYSQL_TYPE_GEOMETRY = 255,
} src_mysql_type;

typedef struct src_mysql_column_spec {
    const char *name;
    uint8_t type; /* src_mysql_type; ENUM and SET by their own codes, not STRING */
    bool is_unsigned;
    bool nullable;
    uint8_t digits;           /* fraction digits of TIME, DATETIME, TIMESTAMP */
    uint8_t pack;             /* BLOB, JSON: bytes of the length prefix */
    uint8_t precision, scale; /* DECIMAL */
    /* CHAR, VARCHAR, BINARY, VARBINARY: bytes at most (a compressed one has one more, of its
     * header); BIT: bits; VECTOR: dimensions */
    uint32_t length;
    uint8_t geometry; /* GEOMETRY: 0 to 7, in the order of their well-known-binary numbers */
    uint8_t special;  /* src_mysql_special */
    bool hidden;      /* of system versioning: decoded, and left out of the table */
    bool row_end;     /* of system versioning: until when the row was the current one */
    const src_mysql_charset *charset; /* NULL: none */
    const char *const *labels;        /* ENUM, SET: UTF-8 */
    uint32_t nlabels;
    const char *unsupported; /* not NULL: the type's name, which this version does not take */
} src_mysql_column_spec;

/* MariaDB's types that its log shows as BINARY(16) or BINARY(4). */
typedef enum src_mysql_special {
    SRC_MYSQL_SPECIAL_NONE = 0,
    SRC_MYSQL_SPECIAL_UUID,
    SRC_MYSQL_SPECIAL_INET6,
    SRC_MYSQL_SPECIAL_INET4,
} src_mysql_special;

/* Fills col (but key_part) and plan; texts go into ar. FATAL: type or charset not taken, sizes that
 * contradict the type, no memory; err names type or charset, the caller adds table and column. */
cdc_rc src_mysql_column_fill(const src_mysql_column_spec *spec, cdc_arena *ar, cdc_column *col,
                             src_mysql_plan *plan, cdc_error *err) CDC_MUST_CHECK;

#endif

/* MariaDB's types that need more than a look at their bytes: UUID and network addresses in their
 * canonical text, and columns that are stored compressed. Plain functions; any thread. */
#ifndef SRC_MYSQL_SPECIAL_TYPE_H
#define SRC_MYSQL_SPECIAL_TYPE_H

#include "core/arena.h"
#include "producers/mysql/charset.h"

#define SRC_MYSQL_ADDRESS_TEXT_MAX 48 /* the longest is an IPv6 address of 45 characters */

/* As the server prints them; returns the length. to has room for SRC_MYSQL_ADDRESS_TEXT_MAX. */
size_t src_mysql_uuid_text(const uint8_t bytes[16], char *to);
size_t src_mysql_inet6_text(const uint8_t bytes[16], char *to);
size_t src_mysql_inet4_text(const uint8_t bytes[4], char *to);

typedef enum src_mysql_inflate {
    SRC_MYSQL_INFLATE_OK,
    SRC_MYSQL_INFLATE_MALFORMED,
    SRC_MYSQL_INFLATE_NO_MEMORY,
} src_mysql_inflate;

/* The value of a compressed column: a byte that says how it is stored, the length, a zlib stream
 * (sql/field_comp.cc). in-out: value; uncompressed bytes stay in place, others go into the arena.
 */
src_mysql_inflate src_mysql_column_inflate(src_mysql_text *value, cdc_arena *ar) CDC_MUST_CHECK;

#endif

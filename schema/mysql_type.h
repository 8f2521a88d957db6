/* MySQL's and MariaDB's column type texts, as SHOW CREATE TABLE and information_schema print them,
 * and what Canal JSON derives from them. One table of types serves the source (java_type), the
 * encoder and the decoder. */
#ifndef CDC_MYSQL_TYPE_H
#define CDC_MYSQL_TYPE_H

#include "core/arena.h"
#include "core/table.h"

/* Longest type text that is read: an ENUM with many long labels. */
#define CDC_MYSQL_TYPE_MAX (16U << 20)

/* Parses "int unsigned", "decimal(10,2)", "enum('a','it''s')", "timestamp(3)"... and sets of col:
 * kind, java_type (the number of the signed type), is_unsigned, digits, length, precision, scale,
 * labels and nlabels (in the arena). Leaves name, type_text, charset, nullable and key_part alone.
 * Names are matched without regard to case; display widths, ZEROFILL, character set, collation and
 * comments are skipped. precision 0: the text does not say. FATAL for a type that this version does
 * not know or a malformed text; the error names the text, not the column. */
cdc_rc cdc_mysql_type_parse(const char *type_text, cdc_column *col, cdc_arena *ar,
                            cdc_error *err) CDC_MUST_CHECK;

/* A column type as information_schema prints it, as the binlog would tell it: without display
 * width, ZEROFILL, FLOAT(M,D) and comments. In the arena; NULL: out of memory. */
const char *cdc_mysql_type_plain(const char *type_text, cdc_arena *ar);

/* Range of an integer type. */
typedef struct cdc_mysql_range {
    uint64_t max;       /* largest value of the type as declared */
    int64_t min;        /* smallest */
    uint64_t small_max; /* largest value that the signed type holds */
    int16_t wide_type;  /* java_type of an unsigned value above small_max */
} cdc_mysql_range;

/* False: the column is not of an integer type. */
bool cdc_mysql_type_range(const cdc_column *col, cdc_mysql_range *out);

#endif

/* cdc_where: the conditions of objects.tables[].where. A small language with SQL's spelling:
 *
 *   condition  = condition OR condition | condition AND condition | NOT condition | (condition)
 *              | column = <> != < <= > >= literal   (or the literal first)
 *              | column [NOT] IN (literal, ...) | column [NOT] BETWEEN literal AND literal
 *              | column [NOT] LIKE 'pattern' [ESCAPE 'c'] | column IS [NOT] NULL
 *   column     = name | `any name`
 *   literal    = 12, -1.50, 1e3 | 'text', '' inside for a quote, backslash is itself | X'0AFF',
 * 0x0AFF | B'0101' | TRUE, FALSE | DATE '2024-02-29', TIME '…', TIMESTAMP '…' (as the text)
 *
 * Logic has SQL's three values: with NULL a comparison is unknown, and a row whose condition is
 * unknown is not taken. A literal is compared in the column's own type: integers exactly up to
 * unsigned 64 bit and DECIMAL exactly (also with fractions), FLOAT as a float, DOUBLE as a double;
 * text by code points: binary, case-sensitive, no padding, whatever the collation; bytes by bytes;
 * ENUM by its label (or its number), SET by = <> IN with its labels (or its number); BIT and YEAR
 * as integers; DATE and DATETIME as 'yyyy-mm-dd[ hh:mm[:ss[.ffffff]]]', zero and partial dates too;
 * TIME '[-]hhh:mm[:ss[.ffffff]]'; TIMESTAMP as DATETIME in UTC, or with Z or +hh:mm. JSON knows IS
 * NULL and LIKE only.
 *
 * A text is parsed once, at the task's start, and bound to each version of a table. Both results
 * are immutable: any thread. */
#ifndef CDC_WHERE_H
#define CDC_WHERE_H

#include "error.h"
#include "table.h"

typedef struct cdc_where cdc_where;
typedef struct cdc_condition cdc_condition;

#define CDC_WHERE_BYTES_MAX 65536
#define CDC_WHERE_DEPTH_MAX 100 /* parentheses and NOTs inside each other */

typedef enum cdc_truth { CDC_FALSE, CDC_TRUE, CDC_UNKNOWN } cdc_truth;

/* FATAL, code "where": "where, character 14: ...", characters from 1. */
cdc_rc cdc_where_parse(cdc_where **out, const char *text, cdc_error *err) CDC_MUST_CHECK;
void cdc_where_free(cdc_where *where);

/* For the rows of tbl, which must have the columns, in types that go with the literals: otherwise
 * FATAL, code "where", like the above with the column and its type. Keeps no pointer into where or
 * tbl. */
cdc_rc cdc_where_bind(cdc_condition **out, const cdc_where *where, const cdc_table *tbl,
                      cdc_error *err) CDC_MUST_CHECK;
void cdc_condition_free(cdc_condition *cond);

/* row: the table's ncols values. *lacking: index of a column that the answer would have needed and
 * that the row does not hold (CDC_ABSENT, or a value of another kind than its column); else -1. */
cdc_truth cdc_condition_row(const cdc_condition *cond, const cdc_value *row, int *lacking);

#endif

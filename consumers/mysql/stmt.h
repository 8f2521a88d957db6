/* Statement text for rows: one row of a multi-row statement, or a whole statement for one row. */
#ifndef SINK_MYSQL_STMT_H
#define SINK_MYSQL_STMT_H

#include "core/event.h"
#include "target.h"

/* What came of writing a row. */
typedef enum sink_mysql_row {
    SINK_MYSQL_ROW_OK,
    SINK_MYSQL_ROW_PARTIAL, /* a column is ABSENT: the row needs a statement of its own; nothing was
                               appended */
    SINK_MYSQL_ROW_BAD,     /* a value that has no literal: *bad is its index in the row */
} sink_mysql_row;

/* "(1,'a')": all fields of the map. */
sink_mysql_row sink_mysql_add_row(cdc_buffer *sql, const sink_mysql_map *map, const cdc_value *row,
                                  uint32_t *bad);
/* "1" or "(1,2)": the key, as the map's `where` wants it. row must hold every key column. */
sink_mysql_row sink_mysql_add_key(cdc_buffer *sql, const sink_mysql_map *map, const cdc_value *row,
                                  uint32_t *bad);

/* "INSERT INTO ... " with the columns that the row has. verb: INSERT or REPLACE. */
sink_mysql_row sink_mysql_add_insert(cdc_buffer *sql, const sink_mysql_map *map, const char *verb,
                                     const cdc_value *row, uint32_t *bad);
/* "UPDATE ... SET all that after has WHERE before's key". Every column is set, so that a column
 * with ON UPDATE CURRENT_TIMESTAMP gets the source's value. verb: UPDATE or UPDATE IGNORE. */
sink_mysql_row sink_mysql_add_update(cdc_buffer *sql, const sink_mysql_map *map, const char *verb,
                                     const cdc_event *ev, uint32_t *bad);
/* "DELETE ... WHERE before's key" */
sink_mysql_row sink_mysql_add_delete(cdc_buffer *sql, const sink_mysql_map *map,
                                     const cdc_event *ev, uint32_t *bad);

/* Has the row every column that is written? */
bool sink_mysql_is_complete(const sink_mysql_map *map, const cdc_value *row);
/* Has the row an ENUM of value 0, the invalid value? What strict mode refuses to write. */
bool sink_mysql_has_invalid_enum(const sink_mysql_map *map, const cdc_value *row);
/* Does the UPDATE leave the key as it is? */
bool sink_mysql_same_key(const sink_mysql_map *map, const cdc_event *ev);

/* "id=5, part='x'" for messages; not more than a line's worth. */
void sink_mysql_describe_key(const cdc_event *ev, char *out, size_t size);

#endif

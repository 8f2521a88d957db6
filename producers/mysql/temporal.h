/* MySQL's packed times (sql-common/my_time.cc): the forms with fractions of MySQL 5.6 and later, as
 * in row images (big-endian, shifted to be sortable), and the 64-bit form that binary JSON holds.
 */
#ifndef SRC_MYSQL_TEMPORAL_H
#define SRC_MYSQL_TEMPORAL_H

#include "core/cursor.h"
#include "core/value.h"

/* Each reads one value; false: fields out of range (the cursor has its own mark for too few bytes).
 */
bool src_mysql_temporal_time2(cdc_cursor *c, uint8_t digits, cdc_value *out);
bool src_mysql_temporal_datetime2(cdc_cursor *c, uint8_t digits, cdc_value *out);
bool src_mysql_temporal_timestamp2(cdc_cursor *c, uint8_t digits, cdc_value *out);
bool src_mysql_temporal_date(cdc_cursor *c, cdc_value *out);

/* The formats before MySQL 5.6: without a fraction a number of decimal digits, little-endian (the
 * TIMESTAMP: seconds); with one, which only MariaDB has ever had, units of it since a zero point,
 * big-endian (sql/compat56.cc, Field_time_hires and its like). */
bool src_mysql_temporal_old_time(cdc_cursor *c, uint8_t digits, cdc_value *out);
bool src_mysql_temporal_old_datetime(cdc_cursor *c, uint8_t digits, cdc_value *out);
bool src_mysql_temporal_old_timestamp(cdc_cursor *c, uint8_t digits, cdc_value *out);

/* The 64-bit packed forms; digits is set to 6. */
bool src_mysql_temporal_unpack_time(int64_t packed, cdc_value *out);
bool src_mysql_temporal_unpack_datetime(int64_t packed, cdc_value *out);

#endif

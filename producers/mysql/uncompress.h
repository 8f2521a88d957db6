/* MariaDB's compressed events (log_bin_compress): QUERY_COMPRESSED and the three compressed row
 * events of versions 1 and 2, made into the plain events that they stand for.
 *
 * Page: MariaDB knowledge base, "Query Compressed Event" and "Rows Compressed Events". */
#ifndef SRC_MYSQL_UNCOMPRESS_H
#define SRC_MYSQL_UNCOMPRESS_H

#include "core/buffer.h"
#include "event.h"

bool src_mysql_event_is_compressed(uint8_t type);

/* The plain event of a compressed one; its body lies in buf, which is filled anew. FATAL:
 * malformed. */
cdc_rc src_mysql_event_uncompress(const src_mysql_event *ev, cdc_buffer *buf, src_mysql_event *out,
                                  cdc_error *err) CDC_MUST_CHECK;

#endif

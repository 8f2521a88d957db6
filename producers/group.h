/* Which commands share a record. A record holds whole transactions - single commands and MULTI
 * blocks - or, of a block that is too large for one, a part of it and nothing else. So it is always
 * known of a record whether it ends its transaction. The beginning of a full copy is the first of
 * its record, so that a target transaction can begin there. */
#ifndef CDC_GROUP_H
#define CDC_GROUP_H

#include "core/event.h"

/* How many of the n events, at least one, the first of them a command, go into the next record: at
 * most max_rows commands of one database, phase and shard, with at most about max_bytes unless it
 * is only one. */
uint32_t cdc_group_commands(const cdc_event *events, uint32_t n, uint32_t max_rows,
                            size_t max_bytes);

#endif

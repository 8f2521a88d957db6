/* The first records of a Kafka transaction, kept back until it is committed or grows.
 *
 * librdkafka adds the partitions of a transaction some time after their first record: it waits 1 ms
 * (spinning, 2.0 to 2.x) and asks the coordinator. A small transaction that is handed over whole,
 * with its checkpoint, pays that once; record by record it would pay twice, the second time while
 * the commit waits. */
#ifndef CDC_HOLD_H
#define CDC_HOLD_H

#include "core/plugin.h"
#include "producer.h"

typedef struct cdc_held_record {
    cdc_topic *topic;
    int32_t partition;
    cdc_bytes key, value, header;
} cdc_held_record;

typedef struct cdc_hold {
    cdc_buffer bytes; /* records one behind the other */
    size_t at;        /* where the next to take begins */
} cdc_hold;

void cdc_hold_init(cdc_hold *hold, size_t max_bytes);
void cdc_hold_fini(cdc_hold *hold);
/* Copies the record. False: no room. */
bool cdc_hold_add(cdc_hold *hold, const cdc_held_record *record);
/* The next record, in order, borrowed until the next add; false when there is none, and all room is
 * free again. */
bool cdc_hold_take(cdc_hold *hold, cdc_held_record *record);

#endif

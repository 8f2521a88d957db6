/* A message in several records: its value cut into parts that each fit, the same key and partition,
 * one behind the other, "split=i/n" at the end of each record's cdc header (i from 1 to n). The
 * parts are bytes: a cut may fall inside of a character. All have the message's header; `last`
 * stands on the last part only. One Kafka transaction holds all parts of a message.
 *
 * Joining: one cdc_join for each partition that is read, in that reader's thread. It holds the
 * parts of one message, never more than CDC_MESSAGE_BYTES_MAX; what does not belong to it is an
 * error that names both. */
#ifndef CDC_SPLIT_H
#define CDC_SPLIT_H

#include "consumer.h"
#include "producer.h"

typedef struct cdc_split {
    cdc_topic *topic;
    int32_t partition;
    cdc_bytes key, value;
    cdc_bytes header;      /* of every part but the last */
    cdc_bytes header_last; /* of the last part; may be the same bytes */
    size_t max_bytes;      /* of key and value of a record */
} cdc_split;

/* Sends the message in *parts records; in one, without "split", when it fits. Codes as
 * cdc_producer_send; FATAL "message_too_large" when the key leaves no room. */
cdc_rc cdc_split_send(cdc_producer *pr, const cdc_split *split, uint32_t *parts,
                      cdc_error *err) CDC_MUST_CHECK;

typedef struct cdc_join cdc_join;

typedef struct cdc_join_rules {
    /* A message may break off and come again from its first part: the writer delivers at least
     * once. */
    bool repeats;
    /* Nothing was read here before, and the place to begin was not one where we had stopped: parts
     * whose first is missing belong to what is not wanted. */
    bool anywhere;
} cdc_join_rules;

/* Looks at a record just read. OK: it is a whole message; the last part of one has become it: value
 * is in memory that cdc_consumer_release frees, header has no `split`. AGAIN: a part was kept (or
 * left out), the record can be released. FATAL "split_parts": a part is missing or foreign. *jn is
 * made when it is first needed. */
cdc_rc cdc_join_take(cdc_join **jn, cdc_message *msg, cdc_join_rules rules,
                     cdc_error *err) CDC_MUST_CHECK;
void cdc_join_free(cdc_join *jn); /* NULL is fine */

#endif

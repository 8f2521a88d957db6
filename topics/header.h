/* The `cdc` header of a record: name=value pairs joined by ';' (docs/formats/canal-json.md, "Kafka
 * key, headers, partition"). One header, because each costs CPU in the client library. */
#ifndef CDC_HEADER_H
#define CDC_HEADER_H

#include "core/buffer.h"
#include "core/event.h"
#include "core/plugin.h"

#define CDC_HEADER_NAME "cdc"

/* Appends the header of ev: v, task, src ("" = left out), phase, schema (rows), txn, seq, last,
 * pos, ddl, move, was, use, part (1: DDL of a database of which only some tables are taken),
 * barrier (1: DDL that is only a place in the order), fk (0: foreign keys are not checked for this
 * row). */
void cdc_header_encode(cdc_buffer *out, const char *task, const char *src, const cdc_event *ev);

/* The value of a pair as it is written, without parsing the rest; name is ";id=". False: it is not
 * there. */
bool cdc_header_find(cdc_bytes in, const char *name, cdc_bytes *out);

/* Appends the message's id, for who must put messages in order without decoding them. */
void cdc_header_add_id(cdc_buffer *out, uint64_t id);

typedef struct cdc_header {
    /* Percent-decoded, in the arena; NULL when absent. */
    const char *task, *src, *txn, *pos, *was, *use;
    cdc_phase phase; /* INCR when absent */
    uint32_t schema;
    uint64_t seq;
    uint64_t ddl;     /* 0 when absent */
    uint64_t id;      /* likewise */
    int32_t move;     /* partition of a moved row's other record, plus 1; 0 when absent */
    uint64_t move_id; /* of a moved row's INSERT: the id of its DELETE */
    bool last;
    bool unchecked; /* fk=0 */
    bool partial;   /* part=1 */
    bool barrier;   /* barrier=1 */
} cdc_header;

/* Parses a header; unknown names are skipped. FATAL when it is malformed or of a newer version. */
cdc_rc cdc_header_parse(cdc_bytes in, cdc_arena *ar, cdc_header *out,
                        cdc_error *err) CDC_MUST_CHECK;

#endif

/* Inside of the codec "avro" (docs/formats/avro.md): options, where ids come from, encoder,
 * decoder.
 *
 * A message is Confluent's: a zero byte, the schema's id in four bytes, big-endian, and the value
 * in Avro's binary encoding (Avro specification 1.11, "Data Serialization"). No value tree is built
 * on either way. A handle belongs to one thread. */
#ifndef CDC_AVRO_H
#define CDC_AVRO_H

#include "core/plugin.h"

typedef enum cdc_avro_temporal {
    CDC_AVRO_MIXED,  /* logical types; what they cannot hold as string */
    CDC_AVRO_STRING, /* all of them as string */
    CDC_AVRO_STRICT, /* logical types; what they cannot hold stops the task */
} cdc_avro_temporal;

typedef enum cdc_avro_subjects {
    CDC_AVRO_TOPIC,
    CDC_AVRO_RECORD,
    CDC_AVRO_TOPIC_RECORD,
} cdc_avro_subjects;

typedef struct cdc_avro_options {
    const char *task;
    bool generic; /* one schema for all tables */
    cdc_avro_temporal temporal;
    cdc_avro_subjects subjects;
    uint64_t max_bytes; /* of key and value of a message */
} cdc_avro_options;

/* Where schemas become ids and back: a registry, or what a test has for one. registry.h has the
 * contracts. */
typedef struct cdc_avro_ids {
    void *arg;
    cdc_rc (*id)(void *arg, const char *subject, const char *schema, int32_t *id, cdc_error *err);
    cdc_rc (*schema)(void *arg, int32_t id, const char **schema, cdc_error *err);
    cdc_rc (*anew)(void *arg, int32_t id, const char **schema,
                   cdc_error *err); /* not from memory */
    void (*place)(void *arg, int32_t id,
                  cdc_buffer *out); /* "version 1 of subject s", for errors */
    uint32_t (*generation)(void *arg);
} cdc_avro_ids;

/* The byte and the id in front of a key or value. */
enum { CDC_AVRO_PREFIX = 5 };

/* The 15 fields of an envelope, in their order. */
typedef enum cdc_avro_field {
    CDC_AVRO_ID,
    CDC_AVRO_DATABASE,
    CDC_AVRO_TABLE,
    CDC_AVRO_PK_NAMES,
    CDC_AVRO_IS_DDL,
    CDC_AVRO_TYPE,
    CDC_AVRO_ES,
    CDC_AVRO_TS,
    CDC_AVRO_DATA,
    CDC_AVRO_OLD,
    CDC_AVRO_SQL,
    CDC_AVRO_SQL_TYPE,
    CDC_AVRO_MYSQL_TYPE,
    CDC_AVRO_GTID,
    CDC_AVRO_SERVER_ID,
    CDC_AVRO_FIELDS,
} cdc_avro_field;

extern const char *const cdc_avro_field_names[CDC_AVRO_FIELDS];

typedef struct cdc_avro_encoder cdc_avro_encoder;

/* NULL: out of memory. Options and ids are copied; what they point to stays the caller's. */
cdc_avro_encoder *cdc_avro_encoder_new(const cdc_avro_options *opt, const cdc_avro_ids *ids);
void cdc_avro_encoder_free(cdc_avro_encoder *enc);
/* One row or statement, or n commands. Asks for the ids of a table's schemas before its first
 * message. */
cdc_rc cdc_avro_encode(cdc_avro_encoder *enc, const cdc_event *events, uint32_t n, cdc_buffer *key,
                       cdc_buffer *value, cdc_error *err) CDC_MUST_CHECK;
/* Bytes of text values that were not valid UTF-8 and became U+FFFD, so far. */
uint64_t cdc_avro_encoder_replaced(const cdc_avro_encoder *enc);

typedef struct cdc_avro_decoder cdc_avro_decoder;

cdc_avro_decoder *cdc_avro_decoder_new(const cdc_avro_ids *ids);
void cdc_avro_decoder_free(cdc_avro_decoder *dec);
cdc_rc cdc_avro_decode(cdc_avro_decoder *dec, cdc_bytes value, cdc_batch *batch,
                       cdc_error *err) CDC_MUST_CHECK;

#endif

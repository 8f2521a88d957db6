/* Inside of the codec "canal-json" (docs/formats/canal-json.md): options, encoder, decoder.
 *
 * Encoder and decoder keep what they know about tables between messages, bounded in number and
 * bytes; a handle belongs to one thread. */
#ifndef CDC_CANAL_H
#define CDC_CANAL_H

#include "core/plugin.h"
#include "schema/writer.h"

/* Numbers in messages stay below 2^53, so that readers whose numbers are doubles see them exactly.
 */
#define CDC_CANAL_NUMBER_MAX ((INT64_C(1) << 53) - 1)

typedef struct cdc_canal_options {
    cdc_binary binary;
    bool labels;           /* ENUM and SET by label instead of by number */
    int32_t zone_offset_s; /* of TIMESTAMP values, east of UTC */
    uint64_t max_bytes;    /* of key and value of a message */
} cdc_canal_options;

/* What the task's message.* say. FATAL: a time zone that is none. */
cdc_rc cdc_canal_options_read(const cdc_env *env, cdc_canal_options *opt,
                              cdc_error *err) CDC_MUST_CHECK;

/* Offset of "UTC", "Z", "+02:00" (up to 14 hours, as in MySQL). False: anything else. */
bool cdc_canal_zone(const char *name, int32_t *offset_s);

typedef struct cdc_canal_encoder cdc_canal_encoder;

/* NULL: out of memory. */
cdc_canal_encoder *cdc_canal_encoder_new(const cdc_canal_options *opt);
void cdc_canal_encoder_free(cdc_canal_encoder *enc);
/* One row or statement, or n commands. */
cdc_rc cdc_canal_encode(cdc_canal_encoder *enc, const cdc_event *events, uint32_t n,
                        cdc_buffer *key, cdc_buffer *value, cdc_error *err) CDC_MUST_CHECK;
/* Only the key, of a row. */
cdc_rc cdc_canal_encode_key(cdc_canal_encoder *enc, const cdc_event *ev, cdc_buffer *key,
                            cdc_error *err) CDC_MUST_CHECK;
/* Octets of text values that were not valid UTF-8 and became U+FFFD, so far. */
uint64_t cdc_canal_encoder_replaced(const cdc_canal_encoder *enc);

typedef struct cdc_canal_decoder cdc_canal_decoder;

cdc_canal_decoder *cdc_canal_decoder_new(const cdc_canal_options *opt);
void cdc_canal_decoder_free(cdc_canal_decoder *dec);
cdc_rc cdc_canal_decode(cdc_canal_decoder *dec, cdc_bytes value, cdc_batch *batch,
                        cdc_error *err) CDC_MUST_CHECK;

/* --- one value as text and back --- */

/* Why a value could not be written or read; NULL: no fault of the value. */
typedef const char *cdc_canal_fault;

/* Writes the text of a value that is neither NULL nor absent, without quotes. False: *fault says
 * why, or is NULL when the buffer has no room. Room for a number is made, too. */
bool cdc_canal_value_write(cdc_writer *w, const cdc_canal_options *opt, const cdc_column *col,
                           const cdc_value *v, uint64_t *replaced, cdc_canal_fault *fault);

/* What the decoder knows of a column besides its definition. */
typedef struct cdc_canal_limits {
    int64_t min;  /* integers */
    uint64_t max; /* integers, BIT, ENUM, SET */
} cdc_canal_limits;

void cdc_canal_limits_init(cdc_canal_limits *lim, const cdc_column *col);

/* Reads the text of a value (unescaped, valid UTF-8) of the column into a zeroed value; bytes are
 * copied to the arena. Returns NULL, or what is wrong. */
cdc_canal_fault cdc_canal_value_read(const cdc_canal_options *opt, const cdc_column *col,
                                     const cdc_canal_limits *lim, cdc_bytes text, cdc_arena *ar,
                                     cdc_value *out) CDC_MUST_CHECK;

/* Writes the octets at `to` (room for n bytes; may be s itself) and returns how many, or SIZE_MAX:
 * not base64 with padding. */
size_t cdc_base64_read(const char *s, size_t n, char *to);

extern const char cdc_canal_no_memory[]; /* the fault "the batch is full" */

#endif

/* src_redis_input: the bytes of an RDB that are fed and not yet read, read item by item.
 *
 * An item (an opcode with its fields, a string, a number) is read by the calls below, which after a
 * failure give 0 and do nothing, and settled at the end: only then are its bytes behind. When not
 * all of it is there yet, settling goes back to its beginning and says AGAIN. */
#ifndef SRC_REDIS_RDB_INPUT_H
#define SRC_REDIS_RDB_INPUT_H

#include "core/buffer.h"
#include "rdb.h"

typedef struct src_redis_input {
    cdc_buffer buf;
    size_t pos;         /* beginning of the item */
    size_t at;          /* next byte */
    size_t need;        /* bytes from pos on without which the item can't be read */
    size_t max_bytes;   /* of a string */
    uint64_t base;      /* offset of buf's first byte in the file */
    uint64_t crc;       /* of all before pos */
    cdc_buffer scratch; /* the last string, if it was a number or compressed */
    cdc_buffer *record; /* what is settled goes here too, or NULL */
    cdc_rc rc;          /* of this item */
    cdc_error *err;     /* of the running call of src_redis_rdb_next */
} src_redis_input;

typedef struct src_redis_string {
    enum { SRC_REDIS_RAW, SRC_REDIS_NUMBER, SRC_REDIS_COMPRESSED } kind;
    uint64_t stored; /* bytes in the file */
    uint64_t size;   /* bytes of the string; not known for a number */
} src_redis_string;

void src_redis_input_init(src_redis_input *in, size_t max_bytes);
void src_redis_input_fini(src_redis_input *in);
bool src_redis_input_feed(src_redis_input *in, const void *p, size_t n);

const uint8_t *src_redis_input_bytes(src_redis_input *in, uint64_t n);
uint8_t src_redis_input_u8(src_redis_input *in);
uint64_t src_redis_input_le(src_redis_input *in, unsigned n);
uint64_t src_redis_input_be(src_redis_input *in, unsigned n);
uint64_t src_redis_input_length(src_redis_input *in);
/* A string's head, and the string behind it. One string is valid at a time, until settled. */
src_redis_string src_redis_input_head(src_redis_input *in);
src_redis_slice src_redis_input_body(src_redis_input *in, const src_redis_string *head);
src_redis_slice src_redis_input_string(src_redis_input *in);

/* The item is malformed: sets the error with the offset, and rc. */
cdc_rc src_redis_input_bad(src_redis_input *in, const char *fmt, ...) CDC_PRINTF(2, 3);
/* Nothing more can be done before n bytes from the item's beginning on are there. */
void src_redis_input_want(src_redis_input *in, uint64_t n);
/* OK, AGAIN, FATAL. */
cdc_rc src_redis_input_settle(src_redis_input *in) CDC_MUST_CHECK;

/* Bytes of the item that are there and not yet read. */
static inline size_t src_redis_input_there(const src_redis_input *in)
{
    return in->buf.len - in->at;
}

#endif

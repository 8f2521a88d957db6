/* src_redis_resp: the commands of a replication stream, as they lie in the buffer that the socket
 * is read into.
 *
 * A stream is arrays of bulk strings, "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n". What is received is put
 * into the room that the reader gives; commands are taken one by one; one that is not whole yet is
 * gone on with where it ended, so that no byte is read twice, however long a command is. Memory:
 * the command at hand, up to max_bytes, and 256 KiB. One thread.
 *
 * Pages: "Redis serialization protocol specification", "Replication". */
#ifndef SRC_REDIS_RESP_H
#define SRC_REDIS_RESP_H

#include <stdint.h>

#include "core/buffer.h"
#include "core/value.h"
#include "rdb.h"

typedef struct src_redis_resp {
    cdc_buffer in;     /* what was received */
    size_t pos;        /* the next command's first byte */
    size_t at;         /* behind it, how far it has been read */
    int64_t args_left; /* arguments to come; -1: its head is to come */
    int64_t arg_bytes; /* of the argument that comes; -1: its head is to come */
    uint64_t need;     /* bytes from pos on without which nothing more can be read */
    cdc_buffer places; /* of the arguments behind pos: size_t each, begin and length by turns */
    cdc_buffer argv;   /* cdc_value each */
    size_t max_bytes;
} src_redis_resp;

typedef struct src_redis_resp_command {
    cdc_value *argv; /* CDC_BYTES, at least one */
    uint32_t argc;
    size_t bytes; /* in the stream */
} src_redis_resp_command;

void src_redis_resp_init(src_redis_resp *resp, size_t max_bytes); /* of a command */
void src_redis_resp_fini(src_redis_resp *resp);
void src_redis_resp_reset(src_redis_resp *resp); /* drops what was received */

/* Where to put what is received, at least a few KiB; NULL: out of memory. What was taken before is
 * not valid any more. */
char *src_redis_resp_room(src_redis_resp *resp, size_t *n);
void src_redis_resp_received(src_redis_resp *resp, size_t n);

/* OK: a command, valid until room is asked for, or the next. AGAIN: more must be received. FATAL:
 * this is no command, or it is over max_bytes; err says at which byte of it, never what it holds.
 */
cdc_rc src_redis_resp_next(src_redis_resp *resp, src_redis_resp_command *command,
                           cdc_error *err) CDC_MUST_CHECK;

/* Puts the newest command back: it is the next again. */
void src_redis_resp_unread(src_redis_resp *resp, const src_redis_resp_command *command);

/* For what is no command: bytes that are there and not taken, and takes n of them. */
src_redis_slice src_redis_resp_rest(const src_redis_resp *resp);
void src_redis_resp_skip(src_redis_resp *resp, size_t n);

/* Is the command's name this one, in any case? */
bool src_redis_resp_is(const cdc_value *name, const char *upper);

#endif

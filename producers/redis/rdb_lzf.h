/* LZF, in which Redis compresses long strings: literals, and copies of what lies up to 8 kB back.
 */
#ifndef SRC_REDIS_RDB_LZF_H
#define SRC_REDIS_RDB_LZF_H

#include "core/buffer.h"
#include "core/cursor.h"

#define SRC_REDIS_LZF_REACH 8192 /* so far back does a copy reach */

typedef enum src_redis_lzf {
    SRC_REDIS_LZF_OK,
    SRC_REDIS_LZF_SHORT, /* the sequence is not all there; nothing is read */
    SRC_REDIS_LZF_BAD,   /* it reaches back before the beginning, or no memory */
} src_redis_lzf;

/* Reads one sequence and appends what it stands for, at most 264 bytes. */
src_redis_lzf src_redis_lzf_next(cdc_cursor *in, cdc_buffer *out);

#endif

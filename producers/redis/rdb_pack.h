/* src_redis_pack: the elements of the small collections that Redis keeps, and saves, as one string:
 * listpack, ziplist, intset, zipmap. Elements point into the string, integers into the pack; they
 * are valid until the next call. */
#ifndef SRC_REDIS_RDB_PACK_H
#define SRC_REDIS_RDB_PACK_H

#include "core/cursor.h"
#include "rdb.h"

typedef enum src_redis_pack_kind {
    SRC_REDIS_NO_PACK,
    SRC_REDIS_LISTPACK,
    SRC_REDIS_ZIPLIST,
    SRC_REDIS_INTSET,
    SRC_REDIS_ZIPMAP,
} src_redis_pack_kind;

typedef struct src_redis_pack {
    src_redis_pack_kind kind;
    cdc_cursor in;
    uint64_t left; /* elements that the head tells; UINT64_MAX: it does not */
    uint8_t width; /* intset: bytes of an element */
    bool value;    /* zipmap: a value comes next */
    char text[24]; /* of an integer */
} src_redis_pack;

/* False: malformed. */
bool src_redis_pack_begin(src_redis_pack *pack, src_redis_pack_kind kind, const void *p, size_t n);
/* OK, EOF behind the last, FATAL: malformed. There is no error text: the caller knows where. */
cdc_rc src_redis_pack_next(src_redis_pack *pack, src_redis_slice *element) CDC_MUST_CHECK;
const char *src_redis_pack_name(src_redis_pack_kind kind);

#endif

/* src_redis_rdb: reads an RDB, the file that a Redis or Valkey server sends for a full
 * synchronization, and gives the commands that make its keys.
 *
 * Bytes are fed in pieces of any size, commands are taken one by one. A collection comes as several
 * commands of bounded size, a long string as SET and APPENDs, so that memory does not grow with a
 * key: what is held is one element, one packed node (a few kB by the server's defaults), or, of a
 * stream's group, 32 bytes per pending entry, each up to max_bytes. Values of modules, and with
 * `restore` all values, are held whole and come as RESTORE of the server's own bytes.
 *
 * The commands of a key: SET APPEND | RPUSH | SADD | ZADD | HSET HPEXPIREAT | XADD XSETID XGROUP
 * XCLAIM | RESTORE ... REPLACE ABSTTL, then PEXPIREAT (absolute ms; RESTORE has it inside). Before
 * the keys: FUNCTION LOAD REPLACE, SCRIPT LOAD. A key without elements gives nothing, as the server
 * itself drops it. Not carried: pending entries whose stream entry was deleted (XCLAIM cannot make
 * them; a server's own rewritten AOF lacks them too), the times at which consumers were seen, idle
 * times and use counters; a module's data beside the keys, which is logged as a warning.
 *
 * Known: REDIS versions 5 to 12 (Redis 2.6 to 8.2, Valkey to 8.1), VALKEY 80 (Valkey 9). Everything
 * is checked: a malformed file is FATAL with the offset and what was expected, and so is a checksum
 * that differs. One thread at a time.
 *
 * Pages: redis/src/rdb.h, valkey/src/rdb.h, "RDB File Format". */
#ifndef SRC_REDIS_RDB_H
#define SRC_REDIS_RDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

typedef struct src_redis_rdb src_redis_rdb;

typedef struct src_redis_slice {
    const char *p;
    size_t n;
} src_redis_slice;

typedef struct src_redis_rdb_options {
    bool restore;         /* every value as RESTORE; the target must know the file's version */
    uint32_t items;       /* elements in a command; 0 = 256 */
    uint32_t piece_bytes; /* a command is closed when it is so long; 0 = 64 KiB */
    size_t max_bytes;     /* of what must be held whole; 0 = 1 GiB */
} src_redis_rdb_options;

typedef struct src_redis_rdb_command {
    const src_redis_slice *argv; /* argv[0] is the name, upper case */
    uint32_t argc;
    int32_t key_arg; /* index of the key, -1: none */
    int32_t db;
    bool first;           /* first command of its key: what the target has under it is older */
    int64_t expire_at_ms; /* when the key expires, -1: never */
} src_redis_rdb_command;

src_redis_rdb *src_redis_rdb_new(const src_redis_rdb_options *options); /* NULL: out of memory */
void src_redis_rdb_free(src_redis_rdb *rdb);

/* Copies n bytes in. False: out of memory. */
bool src_redis_rdb_feed(src_redis_rdb *rdb, const void *p, size_t n);
/* OK: a command, valid until the next call with this reader. AGAIN: feed more. EOF: the end, and
 * the checksum is right. FATAL: malformed, or over max_bytes; only free may follow. */
cdc_rc src_redis_rdb_next(src_redis_rdb *rdb, src_redis_rdb_command *command,
                          cdc_error *err) CDC_MUST_CHECK;

/* At EOF: what was fed behind the file's end. */
src_redis_slice src_redis_rdb_rest(const src_redis_rdb *rdb);
/* Bytes of the file that are read. */
uint64_t src_redis_rdb_offset(const src_redis_rdb *rdb);
/* Database that the change stream behind the file begins in; -1: not told (yet). */
int32_t src_redis_rdb_stream_db(const src_redis_rdb *rdb);

#endif

/* What is known of a command of Redis and Valkey: which of its arguments are keys, which of them it
 * changes, what is left of it for a part of its keys, where it tells an expiry or a database.
 *
 * The table has every command that writes, or that a server propagates, of Redis 6.2 to 8 and
 * Valkey 8 and 9, and those of the modules that come with Redis 8; tests/unit/test_redis_command.c
 * holds it against what the servers themselves say (COMMAND, COMMAND GETKEYSANDFLAGS). Pages: "Key
 * specifications", "Command tips" and each command's own at redis.io and valkey.io.
 *
 * All here is pure; any thread. argv is a whole command, argv[0] its name, in values of kind
 * CDC_BYTES. */
#ifndef CDC_REDIS_COMMAND_H
#define CDC_REDIS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/value.h"

/* It changes keys by name, and nothing that it doesn't name. */
#define CDC_REDIS_WRITE 1U
/* It changes what it doesn't name: a database, functions, scripts, indexes. Of a cluster every
 * master must have it. */
#define CDC_REDIS_WHOLE 2U
/* Its keys (with what belongs to each) are independent of each other: for a part of them the
 * command stands with that part, see cdc_redis_subset. */
#define CDC_REDIS_SPLIT 4U
/* A message to whoever listens; no data changes. */
#define CDC_REDIS_TALK 8U
/* It runs a script, which could change more than the keys that it names. Servers propagate what the
 * script did, and this only from 6.2 under a setting that nobody should have. */
#define CDC_REDIS_SCRIPT 16U

typedef struct cdc_redis_command cdc_redis_command;

/* In any case of letters; a command with subcommands by its first word. NULL: not in the table. */
const cdc_redis_command *cdc_redis_command_find(const char *name, size_t len);
const char *cdc_redis_command_name(const cdc_redis_command *cmd); /* in upper case */
uint32_t cdc_redis_command_flags(const cdc_redis_command *cmd);
/* Is argv[at] this word, in any case of letters? word is in upper case. */
bool cdc_redis_word(const cdc_value *argv, uint32_t at, const char *word);

/* Keys of a command: runs of argument numbers first, first + step, ... */
typedef struct cdc_redis_run {
    uint32_t first, count, step;
    bool written; /* the command may change these; otherwise it only reads them */
} cdc_redis_run;
#define CDC_REDIS_RUNS 2
typedef struct cdc_redis_keys {
    cdc_redis_run runs[CDC_REDIS_RUNS];
    uint32_t nruns;
    uint32_t count; /* keys in all runs */
} cdc_redis_keys;

/* False: the arguments are not what the command takes, so that its keys cannot be told. A command
 * without keys has a count of 0. */
bool cdc_redis_keys_of(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                       cdc_redis_keys *keys);

/* Number of the argument that is the i-th key, i < count. */
static inline uint32_t cdc_redis_key_at(const cdc_redis_keys *keys, uint32_t i, bool *written)
{
    const cdc_redis_run *run = keys->runs;
    while (i >= run->count) {
        i -= run->count;
        run++;
    }
    *written = run->written;
    return run->first + i * run->step;
}

/* For a command with CDC_REDIS_SPLIT: writes to out (room for argc) what it is for those keys whose
 * take[i] is true, in order, and returns the number of arguments. At least one must be taken. The
 * values point to argv's bytes, and to count, which must live as long. The server that propagated a
 * MSETNX or MSETEX NX did set all of its keys, so a part of it is true too. */
#define CDC_REDIS_COUNT_MAX 12
uint32_t cdc_redis_subset(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                          const bool *take, cdc_value *out, char count[CDC_REDIS_COUNT_MAX]);

/* Where a command tells an expiry. */
typedef struct cdc_redis_expiry {
    uint32_t at;     /* number of the argument with the time; 0: the command tells none */
    uint32_t option; /* number of the argument EX, PX, EXAT or PXAT before it; 0: the name decides,
                        or RESTORE's ABSTTL */
    bool relative;   /* from now on, not since 1970 */
    bool seconds;    /* not milliseconds */
    bool fields;     /* of fields of a hash, not of the key */
    uint32_t conditions; /* so many arguments at the end (NX, XX, GT, LT) say what the key's expiry
                            had to be; a server that propagated the command has found it so */
} cdc_redis_expiry;
/* Also false when the arguments make no sense. RESTORE with a time of 0 tells none. */
bool cdc_redis_expiry_of(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                         cdc_redis_expiry *expiry);
/* The time as a number; false: it is none, or is below 0. */
bool cdc_redis_number(const cdc_value *v, int64_t *n);

/* Numbers of the arguments that are numbers of databases: SWAPDB, MOVE, COPY ... DB. Returns how
 * many, up to 2. */
uint32_t cdc_redis_databases_of(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                                uint32_t at[2]);

#endif

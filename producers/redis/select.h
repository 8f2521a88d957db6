/* src_redis_select: which commands of the source are taken, and what is left of those that touch
 * selected and other keys at once.
 *
 * A key is selected when objects.include has its database's number, objects.key_prefixes is empty
 * or has a prefix of it, and it is none of ours (schema/redis/reserved.h). Of a command:
 *  - all its keys are selected: taken as it is;
 *  - no key that it writes is: dropped;
 *  - MSET, DEL and their like: what is left for the selected keys;
 *  - RENAME of a selected key to another, MOVE of one to a database that is not taken: DEL;
 *  - else it cannot be split, and source.unsplittable says: stop (FATAL), or skip, which counts it
 *    in sluice_commands_unsplittable_total and logs a warning.
 * FLUSHALL and FLUSHDB: source.flush. FLUSHALL of a task that takes some databases becomes a
 * FLUSHDB of each; with key_prefixes neither can be split. SWAPDB of two databases of which not all
 * keys are taken cannot be split. Functions and scripts belong to no database, and are taken only
 * when everything is. PUBLISH and SPUBLISH are dropped. A command that is not known is taken when
 * everything is, and cannot be split otherwise.
 *
 * One thread at a time. */
#ifndef SRC_REDIS_SELECT_H
#define SRC_REDIS_SELECT_H

#include "core/plugin.h"
#include "schema/redis/command.h"

typedef struct src_redis_select src_redis_select;

/* Reads source.flush and source.unsplittable, and what env->selection and objects.key_prefixes say.
 * env outlives it. */
cdc_rc src_redis_select_new(src_redis_select **out, const cdc_env *env,
                            cdc_error *err) CDC_MUST_CHECK;
void src_redis_select_free(src_redis_select *sel);

/* Is everything taken, but for our own keys? */
bool src_redis_select_whole(const src_redis_select *sel);
bool src_redis_select_key(const src_redis_select *sel, int32_t db, const char *key, size_t len);

typedef struct src_redis_selected {
    const cdc_redis_command *command; /* NULL: not in the table */
    const cdc_value *argv; /* the given arguments, or selection's until the next command */
    uint32_t argc;
    int32_t key_arg; /* -1: none, or not known */
    int32_t db;
    int64_t expire_at_ms; /* set by src_redis_expiry_absolute; -1 */
} src_redis_selected;

/* Looks at a command, of 1 argument or more, that came while this database was selected. What is
 * taken of it is then given by next. FATAL: it must stop the task; err names command and keys, the
 * caller adds the position. */
cdc_rc src_redis_select_command(src_redis_select *sel, int32_t db, const cdc_value *argv,
                                uint32_t argc, cdc_error *err) CDC_MUST_CHECK;
/* False: no more; most commands give one. */
bool src_redis_select_next(src_redis_select *sel, src_redis_selected *taken);

#endif

/* What an account of a Redis or Valkey may not do, found without doing it.
 *
 * The server looks at the account's rights behind the number of arguments and before anything else,
 * and answers NOPERM. So each command is tried in a form that it refuses or only queues: with
 * arguments that make no sense, or inside of a MULTI that is never executed (then close the
 * connection behind it). Asking the server for the account's rules would need a right of its own
 * (ACL GETUSER), and their meaning differs between versions. */
#ifndef CDC_REDIS_RIGHTS_H
#define CDC_REDIS_RIGHTS_H

#include "schema/redis/client.h"

typedef struct cdc_redis_try {
    const char *words; /* "PSYNC ? x" */
    const char *rule;  /* what ACL SETUSER gives for it: "+psync" */
    const char *keys;  /* and for the key in it: "~sluice:*"; NULL: there is none */
} cdc_redis_try;

/* Appends to `lacks` the rules, each once and with a space before it, of the commands that are
 * refused with NOPERM. RETRY: connection lost. */
cdc_rc cdc_redis_try_all(cdc_redis *rd, const cdc_redis_try *tries, size_t n, cdc_buffer *lacks,
                         cdc_error *err) CDC_MUST_CHECK;

/* May it use this key? command: one that takes nothing but a key, and that it may run. */
cdc_rc cdc_redis_try_key(cdc_redis *rd, const char *command, cdc_redis_arg key, bool *may,
                         cdc_error *err) CDC_MUST_CHECK;

/* The account's name for ACL SETUSER: SIDE.user, or "default". */
const char *cdc_redis_account(const cdc_config *cfg, const char *side);

#endif

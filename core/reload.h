/* SIGHUP: the task file is read again while the program runs.
 *
 * A thread of its own waits for the signal, so that no other call is ever interrupted by it. A file
 * that is not right is refused with one line in the log, and everything stays as it was. Of a right
 * one the rates (full.*, incremental.*) take effect at once. When the other changes are of kafka.*
 * alone (acks, compression), a stop is requested, and the program begins anew in its process; other
 * changes are named in the log, for they need a restart. */
#ifndef CDC_RELOAD_H
#define CDC_RELOAD_H

#include "plugin.h"

typedef struct cdc_reload cdc_reload;

/* First thing in main, before there are other threads: SIGHUP waits until somebody takes it. */
void cdc_reload_block(void);

/* What the libraries would refuse in a file at a start; of env only the task is set. */
typedef cdc_rc cdc_reload_check(const cdc_env *env, cdc_error *err);

/* path, tables and env are borrowed until cdc_reload_stop. check may be NULL. */
cdc_rc cdc_reload_start(cdc_reload **out, const char *path, const cdc_option *const *tables,
                        const cdc_env *env, cdc_reload_check *check, cdc_error *err) CDC_MUST_CHECK;
/* Is the program to begin anew? NULL is fine, here and below. */
bool cdc_reload_again(const cdc_reload *rl);
void cdc_reload_stop(cdc_reload *rl);

/* What the thread does at a signal; for tests. The thread's, or nobody else's while it runs. */
void cdc_reload_now(cdc_reload *rl);

#endif

/* SIGHUP: the task file is read again while the program runs.
 *
 * A thread of its own waits for the signal, so that no other call is ever interrupted by it. A file
 * that is not right is refused with one line in the log, and everything stays as it was. Of a right
 * one the rates (full.*, incremental.*) take effect at once; changes of anything else are named in
 * the log, for they need a restart. */
#ifndef CDC_RELOAD_H
#define CDC_RELOAD_H

#include "plugin.h"

typedef struct cdc_reload cdc_reload;

/* First thing in main, before there are other threads: SIGHUP waits until somebody takes it. */
void cdc_reload_block(void);

/* path, tables and env are borrowed until cdc_reload_stop. */
cdc_rc cdc_reload_start(cdc_reload **out, const char *path, const cdc_option *const *tables,
                        const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;
void cdc_reload_stop(cdc_reload *rl); /* NULL is fine */

/* What the thread does at a signal; for tests. The thread's, or nobody else's while it runs. */
void cdc_reload_now(cdc_reload *rl);

#endif

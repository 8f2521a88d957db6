/* What the capture and apply programs have in common: arguments, task file, logging, metrics,
 * signals, and the one line that ends a failure. */
#ifndef CDC_PROGRAM_H
#define CDC_PROGRAM_H

#include "plugin.h"

typedef struct cdc_program {
    const char *name; /* "capture", "apply" */
    const cdc_option *const *tables;
    /* Runs until the work is done, a stop is requested, or it fails. */
    cdc_rc (*run)(const cdc_env *env, bool until_caught_up, cdc_error *err);
} cdc_program;

/* NAME TASK [--until-caught-up] [--log-level debug|info|warn|error] [--log-json]; returns the exit
 * code. */
int cdc_program_main(const cdc_program *prog, int argc, char **argv);

#endif

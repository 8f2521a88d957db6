/* What the capture and apply programs have in common: arguments, task file, logging, metrics,
 * signals, and the one line that ends a failure. */
#ifndef CDC_PROGRAM_H
#define CDC_PROGRAM_H

#include "plugin.h"
#include "reload.h"

typedef struct cdc_program {
    const char *name; /* "capture", "apply" */
    const cdc_option *const *tables;
    /* Runs until the work is done, a stop is requested, or it fails. */
    cdc_rc (*run)(const cdc_env *env, bool until_caught_up, cdc_error *err);
    /* The part of `sluice precheck` that needs the database's client library. */
    cdc_rc (*precheck)(const cdc_env *env, cdc_checklist *list, cdc_error *err);
    const cdc_check *const *checks; /* the whole product's */
    cdc_reload_check *check;
} cdc_program;

/* NAME TASK [--until-caught-up] [--log-level debug|info|warn|error] [--log-json]; returns the exit
 * code. NAME TASK --precheck reads what the other end has found from stdin (nothing, or an object
 * as cdc_checklist_encode makes it), and writes its own findings to stdout. */
int cdc_program_main(const cdc_program *prog, int argc, char **argv);

#endif

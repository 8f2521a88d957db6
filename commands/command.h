/* The command for people: `sluice COMMAND ...`. Each command is a function in a file of its own;
 * main.c finds it, and prints its help. Commands write what was asked for to stdout, and one line
 * to stderr when they fail. */
#ifndef CDC_COMMAND_H
#define CDC_COMMAND_H

#include <getopt.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/plugin.h"

extern const cdc_option
    *const cdc_all_options[]; /* made by the build: the whole product's options */

/* argv[0] is the command's name. Returns the exit code; a failure has been reported. */
int cdc_command_capture(int argc, char **argv);
int cdc_command_apply(int argc, char **argv);
int cdc_command_run(int argc, char **argv);
int cdc_command_check(int argc, char **argv);
int cdc_command_precheck(int argc, char **argv);
int cdc_command_status(int argc, char **argv);
int cdc_command_topics(int argc, char **argv);
int cdc_command_tail(int argc, char **argv);
int cdc_command_document(int argc, char **argv);
int cdc_command_document_checks(int argc, char **argv);

/* "sluice: <text>" on stderr; returns err's exit code. */
int cdc_command_failed(const cdc_error *err);
/* Bad usage: the text, and where help is. Returns 2. */
int cdc_command_usage(const char *command, const char *fmt, ...) CDC_PRINTF(2, 3);
/* Prints a buffer to stdout; 0, or 1 when stdout cannot be written. */
int cdc_command_print(cdc_buffer *out);

/* The name and value of sluice-<kind>-<type> beside the running executable; exit code 3 when it is
 * not there. */
cdc_rc cdc_command_program(const char *kind, const char *type, char *path, size_t size,
                           cdc_error *err) CDC_MUST_CHECK;

/* A task with the environment that the topics' functions want. */
typedef struct cdc_command_env {
    cdc_task task;
    cdc_selection *selection;
    cdc_metrics *metrics;
    cdc_env env;
} cdc_command_env;

/* open silences the log for a command that answers on stdout. After a failure nothing is to be
 * closed. */
cdc_rc cdc_command_open(cdc_command_env *ce, const char *path, cdc_error *err) CDC_MUST_CHECK;
cdc_rc cdc_command_load(cdc_command_env *ce, const char *path, cdc_error *err) CDC_MUST_CHECK;
void cdc_command_close(cdc_command_env *ce);

#endif

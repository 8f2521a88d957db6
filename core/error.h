/* cdc_rc and cdc_error: what went wrong, and what the caller must do about it.
 *
 * Functions that can fail return cdc_rc and take a cdc_error as their last parameter. The text is
 * built where the fault is seen; callers add context on the way up (table, column, position) with
 * cdc_error_context; it is logged once, where it is decided. A text says what failed, on which
 * object, and what to do. It never holds a secret, nor row values other than a key. */
#ifndef CDC_ERROR_H
#define CDC_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define CDC_MUST_CHECK __attribute__((warn_unused_result))
#define CDC_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* The return code tells the caller what it must do. */
typedef enum cdc_rc {
    CDC_OK = 0, /* done */
    CDC_AGAIN,  /* nothing there yet, or no room: call again later; err is not set */
    CDC_EOF,    /* the end that was asked for is reached; err is not set */
    CDC_RETRY,  /* failed for now (connection, server restarting): close, wait, open again */
    CDC_SKIP,   /* this one object cannot be handled; the rest can */
    CDC_FATAL,  /* stop; a human must act */
} cdc_rc;

/* How a fatal error ends the program (exit codes of the commands). */
typedef enum cdc_exit {
    CDC_EXIT_OK = 0,
    CDC_EXIT_FAILED = 1,  /* failed while running */
    CDC_EXIT_USAGE = 2,   /* bad usage or task file */
    CDC_EXIT_REFUSED = 3, /* precheck failed or start refused */
    CDC_EXIT_DIFFERS = 4, /* verify found differences */
} cdc_exit;

#define CDC_ERROR_TEXT_MAX 1024

typedef struct cdc_error {
    cdc_rc rc;     /* CDC_OK while nothing is set */
    cdc_exit exit; /* exit code if it ends the program; CDC_EXIT_FAILED unless set */
    char code[48]; /* stable short name for logs and tests, e.g. "mysql_purged"; may be "" */
    char text[CDC_ERROR_TEXT_MAX]; /* one line, no newline, always terminated */
} cdc_error;

void cdc_error_clear(cdc_error *err);

/* Sets code and text and returns rc, so that "return cdc_error_set(err, CDC_FATAL, "x", "...")"
 * works. A text that does not fit is cut and ends in "...". Newlines in it become spaces. */
cdc_rc cdc_error_set(cdc_error *err, cdc_rc rc, const char *code, const char *fmt, ...)
    CDC_PRINTF(4, 5);
/* The same, with the exit code 3: the start is refused (bad server settings, missing privilege...).
 */
cdc_rc cdc_error_refuse(cdc_error *err, const char *code, const char *fmt, ...) CDC_PRINTF(3, 4);
/* Puts "context: " before the text. Returns err->rc. */
cdc_rc cdc_error_context(cdc_error *err, const char *fmt, ...) CDC_PRINTF(2, 3);

const char *cdc_rc_name(cdc_rc rc);

#endif

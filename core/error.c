#include "error.h"

#include <stdio.h>
#include <string.h>

void cdc_error_clear(cdc_error *err)
{
    err->rc = CDC_OK;
    err->exit = CDC_EXIT_FAILED;
    err->code[0] = '\0';
    err->text[0] = '\0';
}

/* One line: newlines become spaces; a text that was cut shows it. */
static void cdc_error_tidy(cdc_error *err, int wanted)
{
    if (wanted >= (int)sizeof err->text) {
        memcpy(err->text + sizeof err->text - 4, "...", 4);
    }
    for (char *p = err->text; *p != '\0'; p++) {
        if (*p == '\n' || *p == '\r') {
            *p = ' ';
        }
    }
}

static void cdc_error_fill(cdc_error *err, cdc_rc rc, cdc_exit code_exit, const char *code,
                           const char *fmt, va_list ap)
{
    /* The arguments may point into err itself, so the text is built beside it. */
    char text[CDC_ERROR_TEXT_MAX];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    err->rc = rc;
    err->exit = code_exit;
    snprintf(err->code, sizeof err->code, "%s", code);
    memcpy(err->text, text, sizeof text);
    cdc_error_tidy(err, n);
}

cdc_rc cdc_error_set(cdc_error *err, cdc_rc rc, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cdc_error_fill(err, rc, CDC_EXIT_FAILED, code, fmt, ap);
    va_end(ap);
    return rc;
}

cdc_rc cdc_error_refuse(cdc_error *err, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cdc_error_fill(err, CDC_FATAL, CDC_EXIT_REFUSED, code, fmt, ap);
    va_end(ap);
    return CDC_FATAL;
}

cdc_rc cdc_error_context(cdc_error *err, const char *fmt, ...)
{
    char context[CDC_ERROR_TEXT_MAX];
    char whole[2 * CDC_ERROR_TEXT_MAX + 3];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    int n = snprintf(whole, sizeof whole, "%s: %s", context, err->text);
    memcpy(err->text, whole, sizeof err->text - 1);
    err->text[sizeof err->text - 1] = '\0';
    cdc_error_tidy(err, n);
    return err->rc;
}

const char *cdc_rc_name(cdc_rc rc)
{
    static const char *const names[] = {"ok", "again", "eof", "retry", "skip", "fatal"};
    return (unsigned)rc < sizeof names / sizeof names[0] ? names[rc] : "unknown";
}

/* Logging: one line per event to stderr, logfmt by default, JSON by option. Thread-safe.
 *
 *   CDC_LOG(CDC_LOG_INFO, "ready", CDC_STR("task", name), CDC_NUM("rows", n));
 *   ts=2026-11-21T05:00:00.123Z level=info event=ready task=shop rows=12
 *
 * Repeats of the same event name at warn and above are limited to 10 in 10 s; the next line then
 * says how many were left out. No row values above debug; never a secret. */
#ifndef CDC_LOG_H
#define CDC_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

typedef enum cdc_log_level {
    CDC_LOG_DEBUG,
    CDC_LOG_INFO,
    CDC_LOG_WARN,
    CDC_LOG_ERROR
} cdc_log_level;

typedef struct cdc_field {
    const char *key; /* NULL ends the list */
    const char *str; /* text value (copied, quoted as needed), or NULL: num counts */
    int64_t num;
} cdc_field;

#define CDC_STR(k, v) ((cdc_field){.key = (k), .str = (v)})
#define CDC_NUM(k, v) ((cdc_field){.key = (k), .num = (int64_t)(v)})
#define CDC_LOG(level, event, ...)                                                                 \
    cdc_log_write((level), (event), (const cdc_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})

void cdc_log_write(cdc_log_level level, const char *event, const cdc_field *fields);
/* The line that ends a failing command. With a program set as context: event, code and text at
 * level error; without one (the commands for people): "sluice: <text>". */
void cdc_log_error(const char *event, const cdc_error *err);

void cdc_log_set_level(cdc_log_level level);
void cdc_log_set_json(bool json);
/* program ("capture") and task go into every line from then on; strings are borrowed for ever. */
void cdc_log_set_context(const char *program, const char *task);

#endif

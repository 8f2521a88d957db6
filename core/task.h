/* The task: options that every program shares, with the rules between them, and what is derived
 * from them. */
#ifndef CDC_TASK_H
#define CDC_TASK_H

#include "config.h"

extern const cdc_option
    cdc_task_options[]; /* name, objects, phases, full, topics, delivery, retry... */

typedef struct cdc_task {
    cdc_config *cfg; /* owned */
    const char *name;
    const char *source_type; /* NULL: applies only */
    const char *target_type; /* NULL: tracking only */
    bool phase_schema, phase_full, phase_incremental;
    bool exactly_once;
    int64_t retry_connect_ms, retry_other_ms;
    const char *state_dir;
} cdc_task;

/* Loads a task file against the option tables of the whole product (all plug-ins) and checks the
 * rules between options: name's characters, phases, source or from, retry times... Errors have exit
 * code 2. phases: full is left out when source.start says another place to begin and phases is not
 * given. */
cdc_rc cdc_task_load(cdc_task *task, const char *path, const cdc_option *const *tables,
                     cdc_error *err) CDC_MUST_CHECK;
/* The same from memory; `file` stands for the file's name in messages. */
cdc_rc cdc_task_parse(cdc_task *task, const char *file, const char *text, size_t len,
                      const cdc_option *const *tables, cdc_error *err) CDC_MUST_CHECK;
void cdc_task_fini(cdc_task *task);

/* ISO 8601 to ms since 1970: 2026-11-21, with T or space and 05:00, 05:00:00 or 05:00:00.123, then
 * Z, +hh:mm or nothing (UTC). */
bool cdc_task_time(const char *s, int64_t *wall_ms);

#endif

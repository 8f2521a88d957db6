/* The task: options that every program shares, with the rules between them, and what is derived
 * from them. */
#ifndef CDC_TASK_H
#define CDC_TASK_H

#include "config.h"
#include "event.h"
#include "topic_rules.h"

extern const cdc_option
    cdc_task_options[]; /* name, objects, phases, full, topics, delivery, retry... */

/* What is done with a message larger than message.max_bytes. */
typedef enum cdc_oversize {
    CDC_OVERSIZE_FAIL,  /* the task stops */
    CDC_OVERSIZE_SPLIT, /* several records, put together again by the applier */
    CDC_OVERSIZE_SIDE,  /* a topic of its own, which is not applied */
} cdc_oversize;

/* The largest message that can be sent in parts; what a server's largest row becomes. */
#define CDC_MESSAGE_BYTES_MAX ((size_t)1 << 30)
/* The largest record in the topic of the oversize ones. Larger messages are split there too. */
#define CDC_SIDE_BYTES_MAX ((size_t)64 << 20)

#define CDC_TASK_REGISTRIES_MAX 16 /* message.registry.url */

typedef struct cdc_task {
    cdc_config *cfg; /* owned */
    const char *name;
    const char *source_type; /* NULL: applies only */
    const char *target_type; /* NULL: tracking only */
    bool phase_schema, phase_full, phase_incremental;
    bool exactly_once;
    bool whole; /* target.atomic is transaction */
    cdc_oversize oversize;
    bool commands;                        /* the source gives commands (Redis), not rows and DDL */
    uint32_t message_rows;                /* rows or commands in one message */
    uint8_t databases[CDC_DATABASES_MAX]; /* target.databases: by number at the source */
    cdc_topic_rules topics;
    int64_t retry_connect_ms, retry_other_ms;
    const char *state_dir;
} cdc_task;

/* Loads a task file against the option tables of the whole product (all plug-ins) and checks the
 * rules between options: name's characters, phases, source or from, retry times, what only Redis
 * has... Errors have exit code 2. phases: full is left out when source.start says another place to
 * begin and phases is not given. */
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

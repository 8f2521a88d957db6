/* The whole precheck of a task: the source's program, Kafka, the target's program, joined in one
 * list. */
#ifndef CDC_PRECHECK_H
#define CDC_PRECHECK_H

#include "command.h"

extern const cdc_check *const cdc_all_checks[]; /* made by the build */
extern const char *const cdc_all_check_titles[];

/* Fills a list that was made with cdc_all_checks; warnings that precheck.ignore names are marked.
 * Not OK: a check itself broke down, or a name to be ignored is no check's (exit code 2). */
cdc_rc cdc_precheck_task(const cdc_command_env *ce, const char *file, cdc_checklist *list,
                         cdc_error *err) CDC_MUST_CHECK;
/* The source's part alone, of a task that has one; what the source has is the list's catalog then,
 * whose `server` is NULL when it could not be asked (a FAIL says why). */
cdc_rc cdc_precheck_source(const cdc_command_env *ce, const char *file, cdc_checklist *list,
                           cdc_error *err) CDC_MUST_CHECK;
/* Marks the warnings of that name. FATAL with exit code 2: there is no such check. */
cdc_rc cdc_precheck_ignore(cdc_checklist *list, const char *name, cdc_error *err) CDC_MUST_CHECK;

#endif

/* The schema registry in a precheck: nothing is registered or changed. */
#ifndef CDC_REGISTRY_PRECHECK_H
#define CDC_REGISTRY_PRECHECK_H

#include <jansson.h>

#include "core/checklist.h"
#include "core/task.h"

/* subjects: an array of the names that the task writes under; NULL or empty: it only reads. */
cdc_rc cdc_registry_precheck(const cdc_task *task, const json_t *subjects, cdc_checklist *list,
                             cdc_error *err) CDC_MUST_CHECK;

#endif

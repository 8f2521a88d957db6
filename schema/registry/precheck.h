/* The schema registry in a precheck: nothing is registered or changed. */
#ifndef CDC_REGISTRY_PRECHECK_H
#define CDC_REGISTRY_PRECHECK_H

#include <jansson.h>

#include "core/checklist.h"
#include "core/task.h"

/* subjects: an object of the names that the task writes under, each with an array of the schemas,
 * as text, that it would register there; empty: it only reads. A subject without schemas is one
 * whose schemas are not known. */
cdc_rc cdc_registry_precheck(const cdc_task *task, json_t *subjects, cdc_checklist *list,
                             cdc_error *err) CDC_MUST_CHECK;

#endif

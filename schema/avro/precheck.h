/* The schema registry in a precheck, asked for the subjects that the task writes under. */
#ifndef CDC_AVRO_PRECHECK_H
#define CDC_AVRO_PRECHECK_H

#include "schema/avro/avro.h"

cdc_rc cdc_avro_precheck(const cdc_env *env, const cdc_avro_options *opt, cdc_topic_of topic_of,
                         cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

#endif

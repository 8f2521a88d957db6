/* Kafka's part of a precheck: brokers, rights, and the topics of the task. Nothing is made or
 * changed. */
#ifndef CDC_TOPICS_PRECHECK_H
#define CDC_TOPICS_PRECHECK_H

#include "core/plugin.h"

extern const cdc_check cdc_topics_checks[];

/* The list's catalog (of the source, may be empty) tells the tables, for topics by table. Not OK:
 * the kafka properties are refused (exit code 2). */
cdc_rc cdc_topics_precheck(const cdc_env *env, cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

#endif

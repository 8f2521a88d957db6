/* cdc_registry: client of a schema registry that speaks Confluent's API (subjects, versions, ids).
 *
 * One connection is kept open. While it stands nobody has exchanged the registry behind our back;
 * when it is lost, or half a minute has passed, the generation counts on, and whoever keeps an id
 * asks for it again before the id is used: a registry that was restarted empty never makes a
 * message with a wrong id.
 *
 * What passes (no connection, timeouts, 5xx, 429) is tried again in place for some seconds, over
 * all URLs; then the call returns RETRY, and the loops go on trying for retry.connect_minutes. A
 * stop request ends the wait at once. What does not pass is FATAL, with the registry's own reason.
 * A handle belongs to one thread at a time. API: docs.confluent.io, "Schema Registry API
 * Reference". */
#ifndef CDC_REGISTRY_H
#define CDC_REGISTRY_H

#include "core/task.h"

typedef struct cdc_registry cdc_registry;

/* By the options message.registry.*; connects with the first question. */
cdc_rc cdc_registry_new(cdc_registry **out, const cdc_task *task, cdc_error *err) CDC_MUST_CHECK;
void cdc_registry_free(cdc_registry *reg); /* NULL is fine */

/* The id of the Avro schema under the subject: registers it, or, with auto_register: false, looks
 * it up. Answers of this generation are remembered for a bounded number of subjects. FATAL: the
 * registry holds it for incompatible (409) or malformed (422), does not have it (404), ... */
cdc_rc cdc_registry_id(cdc_registry *reg, const char *subject, const char *schema, int32_t *id,
                       cdc_error *err) CDC_MUST_CHECK;

/* The schema of an id, kept for the handle's life: a registry never gives an id twice, unless it
 * lost its data; `anew` asks for what it means now. *schema is valid until then. */
cdc_rc cdc_registry_schema(cdc_registry *reg, int32_t id, bool anew, const char **schema,
                           cdc_error *err) CDC_MUST_CHECK;

/* Appends "version 1 of subject s", for an error; nothing if the registry cannot tell now. */
void cdc_registry_place(cdc_registry *reg, int32_t id, cdc_buffer *out);

/* Ids of an earlier generation must be asked for again. Looks at the connection now and then; cheap
 * enough for every message. */
uint32_t cdc_registry_generation(cdc_registry *reg);

#endif

/* One question to a schema registry over HTTP, and its answer. Inside of schema/registry. */
#ifndef CDC_REGISTRY_ANSWER_H
#define CDC_REGISTRY_ANSWER_H

#include <jansson.h>

#include "core/task.h"

/* The connection; registry.h says what it promises. */
typedef struct cdc_registry_link cdc_registry_link;

cdc_rc cdc_registry_link_new(cdc_registry_link **out, const cdc_task *task,
                             cdc_error *err) CDC_MUST_CHECK;
void cdc_registry_link_free(cdc_registry_link *link);
uint32_t cdc_registry_link_generation(cdc_registry_link *link);
const char *cdc_registry_link_url(const cdc_registry_link *link); /* the one that answered last */

/* A name as a part of a path, percent-encoded. */
void cdc_registry_quote(cdc_buffer *out, const char *name);

/* The body {"schema":"..."}, freed by the caller; NULL: out of memory. */
char *cdc_registry_body(const char *schema);

typedef struct cdc_registry_answer {
    long status;
    json_t *json;   /* NULL: no JSON; freed by the caller */
    int number;     /* error_code of Confluent's API, 0 if there is none */
    char text[600]; /* "message" of an error, or the start of what came instead */
} cdc_registry_answer;

/* GET, or POST when there is a body. OK: something below 500 came, whatever it says; RETRY after
 * some seconds of trying, or at a stop request. `doing` is for the error. */
cdc_rc cdc_registry_ask(cdc_registry_link *link, const char *doing, const char *path,
                        const char *body, cdc_registry_answer *out, cdc_error *err) CDC_MUST_CHECK;

/* The same, one try at the URL that cdc_registry_link_url tells; another is chosen by its index. */
cdc_rc cdc_registry_ask_once(cdc_registry_link *link, const char *doing, const char *path,
                             const char *body, cdc_registry_answer *out,
                             cdc_error *err) CDC_MUST_CHECK;
void cdc_registry_link_choose(cdc_registry_link *link, size_t url);

/* An answer that is neither 200 nor one that the caller knows, as an error of its own with the
 * cure. */
cdc_rc cdc_registry_refused(const cdc_registry_link *link, const char *doing,
                            const cdc_registry_answer *ans, cdc_error *err);
cdc_rc cdc_registry_strange(const cdc_registry_link *link, const char *doing, cdc_error *err);

#endif

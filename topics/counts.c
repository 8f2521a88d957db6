#include "counts.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct cdc_counts {
    json_t *root;
    char *text; /* NULL: empty */
};

static bool cdc_counts_are_good(json_t *root)
{
    const char *topic;
    json_t *n;
    json_object_foreach(root, topic, n)
    {
        if (!json_is_integer(n) || json_integer_value(n) < 1 || json_integer_value(n) > INT32_MAX) {
            return false;
        }
    }
    return json_is_object(root);
}

cdc_rc cdc_counts_new(cdc_counts **out, const char *text, cdc_error *err)
{
    cdc_counts *ct = calloc(1, sizeof *ct);
    *out = ct;
    if (ct == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for counts of partitions");
    }
    ct->root = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : json_object();
    if (ct->root == NULL || !cdc_counts_are_good(ct->root)) {
        cdc_counts_free(ct);
        *out = NULL;
        return cdc_error_set(err, CDC_FATAL, "checkpoint_malformed",
                             "the checkpoint's numbers of partitions are none");
    }
    ct->text = text != NULL ? strdup(text) : NULL;
    return CDC_OK;
}

void cdc_counts_free(cdc_counts *ct)
{
    if (ct != NULL) {
        json_decref(ct->root);
        free(ct->text);
        free(ct);
    }
}

int32_t cdc_counts_get(const cdc_counts *ct, const char *topic)
{
    return (int32_t)json_integer_value(json_object_get(ct->root, topic));
}

cdc_rc cdc_counts_set(cdc_counts *ct, const char *topic, int32_t n, cdc_error *err)
{
    if (cdc_counts_get(ct, topic) == n) {
        return CDC_OK;
    }
    char *text = json_object_set_new(ct->root, topic, json_integer(n)) == 0
                     ? json_dumps(ct->root, JSON_COMPACT)
                     : NULL;
    if (text == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for counts of partitions");
    }
    free(ct->text);
    ct->text = text;
    return CDC_OK;
}

const char *cdc_counts_text(const cdc_counts *ct)
{
    return ct->text;
}

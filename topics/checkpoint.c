/* Value of a checkpoint record, version 1, one JSON object:
 *
 *   {"v":1,"task":"shop","instance":"9f…","token":"…","skip_rows":0,"seq":0,"id":17,"ddl":3,"wall_ms":…,"source_ms":…}
 *
 * token is null before the source has started; txn is there while skip_rows is not 0, and
 * "partitions":{"TOPIC":N,…} when there are such topics, "transaction":{…} (transaction.h) where
 * records of an unfinished transaction are counted. Unknown names are skipped, so that a later
 * version may add some; "ddl" was added so, and is 0 where it is missing. */
#include "checkpoint.h"

#include <jansson.h>
#include <stdlib.h>

#include "router.h"

enum { VERSION = 1 };

int32_t cdc_checkpoint_partition(const char *task, int32_t partitions)
{
    return partitions >= CDC_CHECKPOINT_PARTITIONS
               ? cdc_router_partition(task, strlen(task), CDC_CHECKPOINT_PARTITIONS)
               : 0;
}

static void cdc_checkpoint_number(cdc_buffer *out, const char *name, uint64_t v)
{
    cdc_buffer_add_str(out, name);
    cdc_buffer_add_u64(out, v);
}

void cdc_checkpoint_encode(const cdc_checkpoint *cp, const char *task, cdc_buffer *out)
{
    const char *instance = cp->instance != NULL ? cp->instance : "";
    cdc_buffer_add_str(out, "{\"v\":1,\"task\":");
    cdc_buffer_add_json(out, task, strlen(task));
    cdc_buffer_add_str(out, ",\"instance\":");
    cdc_buffer_add_json(out, instance, strlen(instance));
    cdc_buffer_add_str(out, ",\"token\":");
    if (cp->token.p != NULL) {
        cdc_buffer_add_json(out, cp->token.p, cp->token.len);
    } else {
        cdc_buffer_add_str(out, "null");
    }
    cdc_checkpoint_number(out, ",\"skip_rows\":", cp->skip_rows);
    if (cp->txn != NULL && cp->txn[0] != '\0') {
        cdc_buffer_add_str(out, ",\"txn\":");
        cdc_buffer_add_json(out, cp->txn, strlen(cp->txn));
    }
    cdc_checkpoint_number(out, ",\"seq\":", cp->seq);
    cdc_checkpoint_number(out, ",\"id\":", cp->id);
    cdc_checkpoint_number(out, ",\"ddl\":", cp->ddl);
    if (cp->partitions != NULL) {
        cdc_buffer_add_str(out, ",\"partitions\":");
        cdc_buffer_add_str(out, cp->partitions);
    }
    if (cp->transaction != NULL) {
        cdc_buffer_add_str(out, ",\"transaction\":");
        cdc_buffer_add_str(out, cp->transaction);
    }
    cdc_buffer_add_str(out, ",\"wall_ms\":");
    cdc_buffer_add_i64(out, cp->wall_ms);
    cdc_buffer_add_str(out, ",\"source_ms\":");
    cdc_buffer_add_i64(out, cp->source_ms);
    cdc_buffer_add_char(out, '}');
}

static bool cdc_checkpoint_get(const json_t *root, const char *name, int64_t min, int64_t *out)
{
    const json_t *v = json_object_get(root, name);
    *out = json_integer_value(v);
    return json_is_integer(v) && *out >= min;
}

static bool cdc_checkpoint_count(const json_t *root, const char *name, uint64_t *out)
{
    int64_t v = 0;
    bool good = cdc_checkpoint_get(root, name, 0, &v);
    *out = (uint64_t)v;
    return good;
}

static bool cdc_checkpoint_texts(const json_t *root, cdc_arena *ar, cdc_checkpoint *out)
{
    const json_t *instance = json_object_get(root, "instance");
    const json_t *token = json_object_get(root, "token");
    if (!json_is_string(instance) || (!json_is_string(token) && !json_is_null(token))) {
        return false;
    }
    out->instance =
        cdc_arena_strndup(ar, json_string_value(instance), json_string_length(instance));
    const json_t *txn = json_object_get(root, "txn");
    if (txn != NULL) {
        out->txn = json_is_string(txn)
                       ? cdc_arena_strndup(ar, json_string_value(txn), json_string_length(txn))
                       : NULL;
        if (out->txn == NULL) {
            return false;
        }
    }
    if (json_is_string(token)) {
        out->token.len = json_string_length(token);
        out->token.p = cdc_arena_strndup(ar, json_string_value(token), out->token.len);
        return out->instance != NULL && out->token.p != NULL;
    }
    return out->instance != NULL;
}

/* What is in it is looked at by who uses it. */
static bool cdc_checkpoint_object(const json_t *root, const char *name, cdc_arena *ar,
                                  const char **out)
{
    const json_t *object = json_object_get(root, name);
    char *text = json_is_object(object) ? json_dumps(object, JSON_COMPACT) : NULL;
    *out = text != NULL ? cdc_arena_strndup(ar, text, strlen(text)) : NULL;
    free(text);
    return object == NULL || *out != NULL;
}

static bool cdc_checkpoint_numbers(const json_t *root, cdc_checkpoint *out)
{
    return cdc_checkpoint_count(root, "skip_rows", &out->skip_rows) &&
           cdc_checkpoint_count(root, "seq", &out->seq) &&
           cdc_checkpoint_count(root, "id", &out->id) &&
           (json_object_get(root, "ddl") == NULL || cdc_checkpoint_count(root, "ddl", &out->ddl)) &&
           cdc_checkpoint_get(root, "wall_ms", INT64_MIN, &out->wall_ms) &&
           cdc_checkpoint_get(root, "source_ms", INT64_MIN, &out->source_ms);
}

cdc_rc cdc_checkpoint_parse(cdc_bytes in, cdc_arena *ar, cdc_checkpoint *out, cdc_error *err)
{
    json_error_t fault = {.text = "it has no value"};
    int64_t version = 0;
    cdc_rc rc = CDC_OK;
    *out = (cdc_checkpoint){0};
    json_t *root = in.p != NULL
                       ? json_loadb(in.p, in.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &fault)
                       : NULL;
    if (root == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "checkpoint_malformed",
                           "the checkpoint is no JSON object: %s", fault.text);
    } else if (!cdc_checkpoint_get(root, "v", 1, &version)) {
        rc = cdc_error_set(err, CDC_FATAL, "checkpoint_malformed",
                           "the checkpoint has no format version");
    } else if (version != VERSION) {
        rc = cdc_error_set(
            err, CDC_FATAL, "checkpoint_version",
            "the checkpoint has format version %lld, and this program reads %d: it was "
            "written by a newer sluice, use that one",
            (long long)version, VERSION);
    } else if (!cdc_checkpoint_texts(root, ar, out) || !cdc_checkpoint_numbers(root, out) ||
               !cdc_checkpoint_object(root, "partitions", ar, &out->partitions) ||
               !cdc_checkpoint_object(root, "transaction", ar, &out->transaction)) {
        rc = cdc_error_set(err, CDC_FATAL, "checkpoint_malformed",
                           "the checkpoint lacks a member, or one has the wrong type");
    }
    json_decref(root);
    return rc;
}

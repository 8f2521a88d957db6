#include "schema/registry/registry.h"

#include <stdlib.h>

#include "schema/registry/answer.h"

enum { SUBJECTS = 512, IDS_MIN = 64 };

/* What a subject's schema was answered with. */
typedef struct cdc_registry_known {
    uint32_t generation;
    uint32_t hash;
    int32_t id;
    char *subject, *schema;
} cdc_registry_known;

typedef struct cdc_registry_kept {
    int32_t id; /* 0: free place; ids begin with 1 */
    char *schema;
} cdc_registry_kept;

struct cdc_registry {
    cdc_registry_link *link;
    bool auto_register;
    cdc_registry_known known[SUBJECTS]; /* by hash; a newer one takes the place */
    cdc_registry_kept *ids;             /* open addressing; a power of two */
    size_t cap, used;
};

cdc_rc cdc_registry_new(cdc_registry **out, const cdc_task *task, cdc_error *err)
{
    cdc_registry *reg = calloc(1, sizeof *reg);
    *out = reg;
    if (reg != NULL) {
        reg->ids = calloc(IDS_MIN, sizeof *reg->ids);
        reg->cap = IDS_MIN;
        reg->auto_register = cdc_config_bool(task->cfg, "message.registry.auto_register");
    }
    cdc_rc rc = reg != NULL && reg->ids != NULL
                    ? cdc_registry_link_new(&reg->link, task, err)
                    : cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the registry");
    if (rc != CDC_OK) {
        cdc_registry_free(reg);
        *out = NULL;
    }
    return rc;
}

void cdc_registry_free(cdc_registry *reg)
{
    if (reg == NULL) {
        return;
    }
    for (size_t i = 0; i < SUBJECTS; i++) {
        free(reg->known[i].subject);
        free(reg->known[i].schema);
    }
    for (size_t i = 0; reg->ids != NULL && i < reg->cap; i++) {
        free(reg->ids[i].schema);
    }
    free(reg->ids);
    cdc_registry_link_free(reg->link);
    free(reg);
}

uint32_t cdc_registry_generation(cdc_registry *reg)
{
    return cdc_registry_link_generation(reg->link);
}

/* --- ids of schemas --- */

static uint32_t hash_text(uint32_t h, const char *s)
{
    for (; *s != '\0'; s++) {
        h = (h ^ (uint8_t)*s) * 16777619U;
    }
    return h;
}

/* With auto_register off: what the subject has instead, for the message. */
static cdc_rc fail_lookup(cdc_registry *reg, const char *subject, const cdc_registry_answer *ans,
                          cdc_error *err)
{
    cdc_buffer path;
    cdc_registry_answer latest;
    char version[64] = "none";
    cdc_buffer_init(&path, 1024 * 1024);
    cdc_buffer_add_str(&path, "/subjects/");
    cdc_registry_quote(&path, subject);
    cdc_buffer_add_str(&path, "/versions/latest");
    cdc_rc rc = cdc_registry_ask(reg->link, "reading a subject's latest version",
                                 cdc_buffer_cstr(&path), NULL, &latest, err);
    cdc_buffer_fini(&path);
    if (rc != CDC_OK) {
        return rc;
    }
    if (latest.status == 200) {
        snprintf(version, sizeof version, "version %lld, id %lld",
                 (long long)json_integer_value(json_object_get(latest.json, "version")),
                 (long long)json_integer_value(json_object_get(latest.json, "id")));
    }
    json_decref(latest.json);
    return cdc_error_set(err, CDC_FATAL, "registry_not_registered",
                         "subject %s: schema registry %s does not have the schema (%s), its newest "
                         "is %s; register it there, or set message.registry.auto_register: true",
                         subject, cdc_registry_link_url(reg->link), ans->text, version);
}

static cdc_rc ask_id(cdc_registry *reg, const char *subject, const char *body, int32_t *id,
                     cdc_error *err)
{
    char doing[400];
    cdc_buffer path;
    cdc_registry_answer ans;
    snprintf(doing, sizeof doing, "subject %.300s", subject);
    cdc_buffer_init(&path, 1024 * 1024);
    cdc_buffer_add_str(&path, "/subjects/");
    cdc_registry_quote(&path, subject);
    cdc_buffer_add_str(&path, reg->auto_register ? "/versions" : "");
    cdc_rc rc = cdc_registry_ask(reg->link, doing, cdc_buffer_cstr(&path), body, &ans, err);
    cdc_buffer_fini(&path);
    if (rc != CDC_OK) {
        return rc;
    }
    json_int_t got = json_integer_value(json_object_get(ans.json, "id"));
    if (ans.status == 404 && !reg->auto_register && ans.number != 404) {
        rc = fail_lookup(reg, subject, &ans, err);
    } else if (ans.status != 200) {
        rc = cdc_registry_refused(reg->link, doing, &ans, err);
    } else if (got < 1 || got > INT32_MAX) {
        rc = cdc_registry_strange(reg->link, doing, err);
    }
    *id = (int32_t)got;
    json_decref(ans.json);
    return rc;
}

static void remember(cdc_registry_known *known, const char *subject, const char *schema)
{
    free(known->subject);
    free(known->schema);
    known->subject = strdup(subject);
    known->schema = strdup(schema);
    if (known->subject == NULL || known->schema == NULL) {
        known->generation = 0; /* then it is asked for the next time, too */
    }
}

cdc_rc cdc_registry_id(cdc_registry *reg, const char *subject, const char *schema, int32_t *id,
                       cdc_error *err)
{
    uint32_t hash = hash_text(hash_text(2166136261U, subject), schema);
    cdc_registry_known *known = &reg->known[hash % SUBJECTS];
    bool same = known->hash == hash && known->subject != NULL && known->schema != NULL &&
                strcmp(known->subject, subject) == 0 && strcmp(known->schema, schema) == 0;
    if (same && known->generation == cdc_registry_generation(reg)) {
        *id = known->id;
        return CDC_OK;
    }
    char *body = cdc_registry_body(schema);
    if (body == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "subject %s: no memory for its schema",
                             subject);
    }
    cdc_rc rc = ask_id(reg, subject, body, id, err);
    free(body);
    if (rc == CDC_OK) {
        known->hash = hash;
        known->id = *id;
        known->generation = cdc_registry_generation(reg);
        if (!same) {
            remember(known, subject, schema);
        }
    }
    return rc;
}

/* --- schemas of ids --- */

static cdc_registry_kept *find_id(cdc_registry_kept *ids, size_t cap, int32_t id)
{
    size_t at = ((uint32_t)id * 2654435761U) & (cap - 1);
    while (ids[at].id != 0 && ids[at].id != id) {
        at = (at + 1) & (cap - 1);
    }
    return &ids[at];
}

static bool grow_ids(cdc_registry *reg)
{
    cdc_registry_kept *ids = calloc(reg->cap * 2, sizeof *ids);
    if (ids == NULL) {
        return false;
    }
    for (size_t i = 0; i < reg->cap; i++) {
        if (reg->ids[i].id != 0) {
            *find_id(ids, reg->cap * 2, reg->ids[i].id) = reg->ids[i];
        }
    }
    free(reg->ids);
    reg->ids = ids;
    reg->cap *= 2;
    return true;
}

static cdc_rc keep_schema(cdc_registry *reg, int32_t id, const char *text, const char **schema,
                          cdc_error *err)
{
    char *copy = strdup(text);
    if (copy == NULL || (reg->used * 2 >= reg->cap && !grow_ids(reg))) {
        free(copy);
        return cdc_error_set(err, CDC_FATAL, "no_memory", "schema id %d: no memory for it",
                             (int)id);
    }
    cdc_registry_kept *kept = find_id(reg->ids, reg->cap, id);
    reg->used += kept->id == 0 ? 1 : 0;
    free(kept->schema);
    *kept = (cdc_registry_kept){id, copy};
    *schema = copy;
    return CDC_OK;
}

cdc_rc cdc_registry_schema(cdc_registry *reg, int32_t id, bool anew, const char **schema,
                           cdc_error *err)
{
    const cdc_registry_kept *kept = find_id(reg->ids, reg->cap, id);
    char doing[64];
    char path[64];
    cdc_registry_answer ans;
    if (id > 0 && kept->id == id && !anew) {
        *schema = kept->schema;
        return CDC_OK;
    }
    snprintf(doing, sizeof doing, "schema id %d", (int)id);
    snprintf(path, sizeof path, "/schemas/ids/%d", (int)id);
    cdc_rc rc = cdc_registry_ask(reg->link, doing, path, NULL, &ans, err);
    if (rc != CDC_OK) {
        return rc;
    }
    const char *text = json_string_value(json_object_get(ans.json, "schema"));
    const char *type = json_string_value(json_object_get(ans.json, "schemaType"));
    if (ans.status == 404 && ans.number != 404) {
        rc = cdc_error_set(err, CDC_FATAL, "registry_id_unknown",
                           "%s: schema registry %s does not have it (%s); is it the registry of "
                           "the writer, and does it still have its data?",
                           doing, cdc_registry_link_url(reg->link), ans.text);
    } else if (ans.status != 200) {
        rc = cdc_registry_refused(reg->link, doing, &ans, err);
    } else if (text == NULL || (type != NULL && strcmp(type, "AVRO") != 0)) {
        rc = cdc_registry_strange(reg->link, doing, err);
    } else {
        rc = keep_schema(reg, id, text, schema, err);
    }
    json_decref(ans.json);
    return rc;
}

void cdc_registry_place(cdc_registry *reg, int32_t id, cdc_buffer *out)
{
    char path[64];
    cdc_error ignored;
    cdc_registry_answer ans;
    snprintf(path, sizeof path, "/schemas/ids/%d/versions", (int)id);
    if (cdc_registry_ask_once(reg->link, "asking for an id", path, NULL, &ans, &ignored) !=
        CDC_OK) {
        return;
    }
    const json_t *first = json_array_get(ans.json, 0);
    const char *subject = json_string_value(json_object_get(first, "subject"));
    if (ans.status == 200 && subject != NULL) {
        cdc_buffer_addf(out, "version %lld of subject %s",
                        (long long)json_integer_value(json_object_get(first, "version")), subject);
    }
    json_decref(ans.json);
}

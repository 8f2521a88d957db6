#include "schema/avro/reader.h"

#include <stdlib.h>

#include "core/log.h"

enum { READERS_MIN = 64, PLACE_BYTES_MAX = 16 * 1024 };

struct cdc_avro_readers {
    cdc_avro_ids ids;
    cdc_avro_reader **readers; /* open addressing by id; a power of two; without limit */
    size_t cap, used;
    uint32_t serial;
};

cdc_avro_readers *cdc_avro_readers_new(const cdc_avro_ids *ids)
{
    cdc_avro_readers *set = calloc(1, sizeof *set);
    if (set == NULL) {
        return NULL;
    }
    set->ids = *ids;
    set->cap = READERS_MIN;
    set->readers = calloc(set->cap, sizeof(cdc_avro_reader *));
    if (set->readers == NULL) {
        free(set);
        return NULL;
    }
    return set;
}

static void reader_free(cdc_avro_reader *reader)
{
    cdc_arena_fini(&reader->ar);
    free(reader);
}

void cdc_avro_readers_free(cdc_avro_readers *set)
{
    for (size_t i = 0; set != NULL && i < set->cap; i++) {
        while (set->readers[i] != NULL) {
            cdc_avro_reader *reader = set->readers[i];
            set->readers[i] = reader->older;
            reader_free(reader);
        }
    }
    if (set != NULL) {
        free(set->readers);
        free(set);
    }
}

static cdc_avro_reader **find_place(cdc_avro_reader **readers, size_t cap, int32_t id)
{
    size_t at = ((uint32_t)id * 2654435761U) & (cap - 1);
    while (readers[at] != NULL && readers[at]->id != id) {
        at = (at + 1) & (cap - 1);
    }
    return &readers[at];
}

static bool grow(cdc_avro_readers *set)
{
    cdc_avro_reader **readers = calloc(set->cap * 2, sizeof(cdc_avro_reader *));
    if (readers == NULL) {
        return false;
    }
    for (size_t i = 0; i < set->cap; i++) {
        if (set->readers[i] != NULL) {
            *find_place(readers, set->cap * 2, set->readers[i]->id) = set->readers[i];
        }
    }
    free(set->readers);
    set->readers = readers;
    set->cap *= 2;
    return true;
}

/* --- a schema --- */

/* The array in ["null", array] or array; NULL: neither. */
static const cdc_avro_node *items_of(const cdc_avro_node *node)
{
    for (uint32_t i = 0; node->type == CDC_AVRO_UNION && i < node->n; i++) {
        if (node->nodes[i]->type == CDC_AVRO_ARRAY) {
            node = node->nodes[i];
        }
    }
    return node->type == CDC_AVRO_ARRAY ? node->nodes[0] : NULL;
}

static bool is_cell(const cdc_avro_node *node)
{
    return node->type == CDC_AVRO_RECORD_TYPE && node->n == 3 &&
           strcmp(node->names[0], "name") == 0 && strcmp(node->names[1], "type") == 0 &&
           strcmp(node->names[2], "value") == 0 && node->nodes[0]->type == CDC_AVRO_STRING_TYPE &&
           node->nodes[1]->type == CDC_AVRO_STRING_TYPE;
}

static void find_rows(cdc_avro_reader *reader, const cdc_avro_node *data)
{
    const cdc_avro_node *items = items_of(data);
    if (items != NULL && items->type == CDC_AVRO_RECORD_TYPE) {
        reader->row = items;
    } else if (items != NULL && items->type == CDC_AVRO_ARRAY && is_cell(items->nodes[0])) {
        reader->cell = items->nodes[0];
    }
}

static cdc_rc find_fields(cdc_avro_reader *reader, cdc_error *err)
{
    const cdc_avro_node *root = reader->root;
    bool found[CDC_AVRO_FIELDS + 1] = {false};
    if (root->type == CDC_AVRO_RECORD_TYPE) {
        reader->fields = cdc_arena_zalloc(&reader->ar, root->n);
    }
    for (uint32_t i = 0; reader->fields != NULL && i < root->n; i++) {
        unsigned f = 0;
        while (f < CDC_AVRO_FIELDS && strcmp(root->names[i], cdc_avro_field_names[f]) != 0) {
            f++;
        }
        reader->fields[i] = (uint8_t)(found[f] ? CDC_AVRO_FIELDS : f);
        found[f] = true;
        if (f == CDC_AVRO_DATA) {
            find_rows(reader, root->nodes[i]);
        }
    }
    for (unsigned f = 0; f < CDC_AVRO_FIELDS; f++) {
        if (!found[f]) {
            return cdc_error_set(err, CDC_FATAL, "message_foreign",
                                 "schema id %d: it has no field %s, so it is not of sluice's "
                                 "messages; is it the right topic?",
                                 (int)reader->id, cdc_avro_field_names[f]);
        }
    }
    return CDC_OK;
}

static cdc_rc new_reader(cdc_avro_readers *set, int32_t id, const char *text, cdc_avro_reader **out,
                         cdc_error *err)
{
    cdc_avro_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || (set->used * 2 >= set->cap && !grow(set))) {
        free(reader);
        return cdc_error_set(err, CDC_FATAL, "no_memory", "schema id %d: no memory for it",
                             (int)id);
    }
    reader->id = id;
    reader->serial = ++set->serial;
    cdc_arena_init(&reader->ar, 16 * 1024, 256 * 1024 * 1024);
    reader->text = cdc_arena_strndup(&reader->ar, text, strlen(text));
    cdc_rc rc = reader->text != NULL
                    ? cdc_avro_node_parse(text, &reader->ar, &reader->root, err)
                    : cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the schema");
    if (rc != CDC_OK) {
        (void)cdc_error_context(err, "schema id %d", (int)id);
    } else {
        rc = find_fields(reader, err);
    }
    if (rc != CDC_OK) {
        reader_free(reader);
        return rc;
    }
    cdc_avro_reader **place = find_place(set->readers, set->cap, id);
    set->used += *place == NULL ? 1 : 0;
    reader->older = *place;
    *place = reader;
    *out = reader;
    return CDC_OK;
}

cdc_rc cdc_avro_readers_get(cdc_avro_readers *set, int32_t id, cdc_avro_reader **out, bool *asked,
                            cdc_error *err)
{
    const char *text = NULL;
    *out = *find_place(set->readers, set->cap, id);
    *asked = *out == NULL;
    if (*out != NULL) {
        return CDC_OK;
    }
    cdc_rc rc = set->ids.schema(set->ids.arg, id, &text, err);
    return rc == CDC_OK ? new_reader(set, id, text, out, err) : rc;
}

/* --- ids that were given anew --- */

cdc_rc cdc_avro_readers_ask(cdc_avro_readers *set, int32_t id, cdc_avro_reader **out,
                            cdc_error *err)
{
    const char *text = NULL;
    *out = NULL;
    cdc_rc rc = set->ids.anew(set->ids.arg, id, &text, err);
    const cdc_avro_reader *known = *find_place(set->readers, set->cap, id);
    while (rc == CDC_OK && known != NULL && strcmp(known->text, text) != 0) {
        known = known->older;
    }
    if (rc != CDC_OK || known != NULL) {
        return rc;
    }
    CDC_LOG(CDC_LOG_WARN, "schema_id_anew", CDC_NUM("id", id),
            CDC_STR("reason", "the registry has another schema under this id than before: it lost "
                              "its data; only who read earlier messages can still read them"));
    return new_reader(set, id, text, out, err);
}

void cdc_avro_readers_prefer(cdc_avro_readers *set, cdc_avro_reader *reader)
{
    cdc_avro_reader **first = find_place(set->readers, set->cap, reader->id);
    cdc_avro_reader **at = first;
    while (*at != reader) {
        at = &(*at)->older;
    }
    *at = reader->older;
    reader->older = *first;
    *first = reader;
}

cdc_rc cdc_avro_readers_explain(const cdc_avro_readers *set, int32_t id, cdc_error *err)
{
    cdc_buffer place;
    cdc_error what = *err;
    cdc_buffer_init(&place, PLACE_BYTES_MAX);
    set->ids.place(set->ids.arg, id, &place);
    (void)cdc_error_set(err, what.rc, what.code,
                        "%.500s; schema id %d is %.200s. If the registry lost its data after the "
                        "message was written, it gave the id anew: restore its data, or begin a "
                        "new task with other topics; else it is another writer's message",
                        what.text, (int)id,
                        place.len > 0 ? cdc_buffer_cstr(&place) : "unknown to it");
    cdc_buffer_fini(&place);
    return err->rc;
}

#include "catalog.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 64 * 1024, ARENA_MAX = 1024 * 1024 * 1024 };

void cdc_catalog_init(cdc_catalog *cat)
{
    *cat = (cdc_catalog){.name_case = -1};
    cdc_arena_init(&cat->arena, ARENA_BLOCK, ARENA_MAX);
}

void cdc_catalog_fini(cdc_catalog *cat)
{
    cdc_arena_fini(&cat->arena);
    cdc_catalog_init(cat);
}

bool cdc_catalog_has_kind(const cdc_catalog *cat, const char *kind)
{
    for (uint32_t i = 0; i < cat->nkinds; i++) {
        if (strcmp(cat->kinds[i], kind) == 0) {
            return true;
        }
    }
    return false;
}

/* --- encode --- */

static void cdc_catalog_add_text(cdc_buffer *out, const char *head, const char *text)
{
    cdc_buffer_add_str(out, head);
    if (text == NULL) {
        cdc_buffer_add_str(out, "null");
    } else {
        cdc_buffer_add_json(out, text, strlen(text));
    }
}

static void cdc_catalog_add_texts(cdc_buffer *out, const char *head, const char *const *texts,
                                  uint32_t n)
{
    cdc_buffer_add_str(out, head);
    for (uint32_t i = 0; i < n; i++) {
        cdc_catalog_add_text(out, i > 0 ? "," : "", texts[i]);
    }
    cdc_buffer_add_char(out, ']');
}

static void cdc_catalog_add_table(cdc_buffer *out, const cdc_catalog_table *table)
{
    cdc_catalog_add_text(out, "{\"database\":", table->database);
    cdc_catalog_add_text(out, ",\"name\":", table->name);
    cdc_buffer_addf(out, ",\"bytes\":%lld,\"columns\":[", (long long)table->bytes);
    for (uint32_t i = 0; i < table->ncols; i++) {
        const cdc_catalog_column *col = &table->cols[i];
        cdc_catalog_add_text(out, i > 0 ? ",{\"name\":" : "{\"name\":", col->name);
        cdc_catalog_add_text(out, ",\"type\":", col->type);
        cdc_catalog_add_text(out, ",\"collation\":", col->collation);
        cdc_buffer_addf(out, ",\"nullable\":%s,\"generated\":%s}", col->nullable ? "true" : "false",
                        col->generated ? "true" : "false");
    }
    cdc_catalog_add_texts(out, "],\"keys\":[", table->keys, table->nkeys);
    cdc_buffer_add_char(out, '}');
}

void cdc_catalog_encode(const cdc_catalog *cat, cdc_buffer *out)
{
    cdc_catalog_add_text(out, "{\"server\":", cat->server);
    cdc_catalog_add_text(out, ",\"flavour\":", cat->flavour);
    cdc_buffer_addf(out, ",\"version\":%lld,\"max_packet_bytes\":%lld,\"name_case\":%lld",
                    (long long)cat->version, (long long)cat->max_packet_bytes,
                    (long long)cat->name_case);
    cdc_buffer_add_str(out, ",\"tables\":[");
    for (size_t i = 0; i < cat->ntables; i++) {
        cdc_buffer_add_str(out, i > 0 ? "," : "");
        cdc_catalog_add_table(out, &cat->tables[i]);
    }
    cdc_catalog_add_texts(out, "],\"kinds\":[", cat->kinds, cat->nkinds);
    cdc_catalog_add_texts(out, ",\"modules\":[", cat->modules, cat->nmodules);
    cdc_buffer_add_char(out, '}');
}

/* --- decode --- */

static const char *cdc_catalog_text(cdc_catalog *cat, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value)
               ? cdc_arena_strndup(&cat->arena, json_string_value(value), json_string_length(value))
               : NULL;
}

static int64_t cdc_catalog_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static bool cdc_catalog_read_columns(cdc_catalog *cat, const json_t *list, cdc_catalog_table *out)
{
    size_t n = json_array_size(list);
    out->cols = cdc_arena_zalloc(&cat->arena, n * sizeof *out->cols);
    for (size_t i = 0; out->cols != NULL && i < n; i++) {
        const json_t *from = json_array_get(list, i);
        cdc_catalog_column *col = &out->cols[out->ncols++];
        col->name = cdc_catalog_text(cat, from, "name");
        col->type = cdc_catalog_text(cat, from, "type");
        col->collation = cdc_catalog_text(cat, from, "collation");
        col->nullable = json_is_true(json_object_get(from, "nullable"));
        col->generated = json_is_true(json_object_get(from, "generated"));
        if (col->name == NULL || col->type == NULL) {
            return false;
        }
    }
    return out->cols != NULL;
}

static bool cdc_catalog_read_texts(cdc_catalog *cat, const json_t *list, const char ***texts,
                                   uint32_t *count)
{
    size_t n = json_array_size(list);
    *texts = cdc_arena_zalloc(&cat->arena, n * sizeof **texts);
    for (size_t i = 0; *texts != NULL && i < n; i++) {
        const json_t *name = json_array_get(list, i);
        const char *text = json_is_string(name) ? json_string_value(name) : "";
        (*texts)[*count] = cdc_arena_strndup(&cat->arena, text, strlen(text));
        if ((*texts)[(*count)++] == NULL) {
            return false;
        }
    }
    return *texts != NULL;
}

static bool cdc_catalog_read_table(cdc_catalog *cat, const json_t *from, cdc_catalog_table *out)
{
    out->database = cdc_catalog_text(cat, from, "database");
    out->name = cdc_catalog_text(cat, from, "name");
    out->bytes = cdc_catalog_number(from, "bytes");
    return out->database != NULL && out->name != NULL &&
           cdc_catalog_read_columns(cat, json_object_get(from, "columns"), out) &&
           cdc_catalog_read_texts(cat, json_object_get(from, "keys"), &out->keys, &out->nkeys);
}

cdc_rc cdc_catalog_decode(cdc_catalog *cat, const json_t *root, cdc_error *err)
{
    const json_t *list = json_object_get(root, "tables");
    size_t n = json_array_size(list);
    bool good = json_is_object(root) && json_is_array(list);
    cat->server = cdc_catalog_text(cat, root, "server");
    cat->flavour = cdc_catalog_text(cat, root, "flavour");
    cat->version = cdc_catalog_number(root, "version");
    cat->max_packet_bytes = cdc_catalog_number(root, "max_packet_bytes");
    cat->name_case = cdc_catalog_number(root, "name_case");
    cat->tables = cdc_arena_zalloc(&cat->arena, n * sizeof *cat->tables);
    good = good && cat->tables != NULL;
    for (size_t i = 0; good && i < n; i++) {
        good = cdc_catalog_read_table(cat, json_array_get(list, i), &cat->tables[cat->ntables++]);
    }
    good = good &&
           cdc_catalog_read_texts(cat, json_object_get(root, "kinds"), &cat->kinds, &cat->nkinds) &&
           cdc_catalog_read_texts(cat, json_object_get(root, "modules"), &cat->modules,
                                  &cat->nmodules);
    return good ? CDC_OK
                : cdc_error_set(err, CDC_FATAL, "catalog",
                                "what the source's program said of its tables cannot be read");
}

#include "schema/avro/precheck.h"

#include <strings.h>

#include "schema/avro/form.h"
#include "schema/mysql_type.h"
#include "schema/registry/precheck.h"

enum { TOPIC_BYTES_MAX = 4096, TABLE_BYTES_MAX = 256 * 1024 * 1024 };

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the subjects");
}

/* The subject, and one more schema of it, unless it is NULL. */
static bool add_subject(json_t *set, const cdc_avro_named *named, bool known)
{
    json_t *schemas = json_object_get(set, named->subject.data);
    if (schemas == NULL) {
        schemas = json_array();
        if (json_object_set_new(set, named->subject.data, schemas) != 0) {
            return false;
        }
    }
    json_t *text = known ? json_stringn(named->schema.data, named->schema.len) : NULL;
    for (size_t i = 0; text != NULL && i < json_array_size(schemas); i++) {
        if (json_equal(json_array_get(schemas, i), text)) {
            json_decref(text);
            return true;
        }
    }
    return !known || json_array_append_new(schemas, text) == 0;
}

/* --- tables --- */

/* The two schemas of a topic's rows, or of statements (table NULL). */
static cdc_rc add_pair(const cdc_avro_options *opt, const cdc_table *tbl, bool known,
                       const char *topic, json_t *set, cdc_error *err)
{
    cdc_avro_pair pair;
    bool good = opt->generic  ? cdc_avro_pair_init_generic(&pair, opt, topic)
                : tbl != NULL ? cdc_avro_pair_init_row(&pair, opt, tbl, topic)
                              : cdc_avro_pair_init_ddl(&pair, opt, topic);
    known = known || opt->generic || tbl == NULL;
    good = good && add_subject(set, &pair.key, known) && add_subject(set, &pair.value, known);
    cdc_avro_pair_fini(&pair);
    return good ? CDC_OK : no_memory(err);
}

static bool make_columns(const cdc_catalog_table *from, cdc_column *cols, cdc_arena *ar,
                         cdc_error *ignored)
{
    for (uint32_t i = 0; i < from->ncols; i++) {
        const char *type = cdc_mysql_type_plain(from->cols[i].type, ar);
        cols[i] = (cdc_column){.name = from->cols[i].name, .type_text = type, .charset = ""};
        if (type == NULL || cdc_mysql_type_parse(type, &cols[i], ar, ignored) != CDC_OK) {
            return false;
        }
    }
    return true;
}

/* As the capture will see it; NULL: that cannot be told, as of types that it does not take. */
static cdc_table *make_table(const cdc_catalog_table *from, cdc_arena *ar)
{
    cdc_error ignored;
    cdc_table *tbl = NULL;
    cdc_column *cols = cdc_arena_zalloc(ar, (from->ncols + 1) * sizeof *cols);
    uint16_t *keys = cdc_arena_zalloc(ar, (from->nkeys + 1) * sizeof *keys);
    bool good = cols != NULL && keys != NULL && make_columns(from, cols, ar, &ignored);
    for (uint32_t i = 0; good && i < from->nkeys; i++) {
        uint32_t at = 0;
        while (at < from->ncols && strcasecmp(cols[at].name, from->keys[i]) != 0) {
            at++;
        }
        good = at < from->ncols;
        keys[i] = (uint16_t)at;
    }
    return good && cdc_table_new(&tbl, from->database, from->name, cols, from->ncols, keys,
                                 from->nkeys, &ignored) == CDC_OK
               ? tbl
               : NULL;
}

/* tbl NULL: statements. */
static cdc_rc add_subjects(const cdc_task *task, const cdc_avro_options *opt, cdc_topic_of topic_of,
                           const cdc_catalog_table *tbl, json_t *set, cdc_error *err)
{
    cdc_buffer topic;
    cdc_arena arena;
    cdc_buffer_init(&topic, TOPIC_BYTES_MAX);
    cdc_arena_init(&arena, 16 * 1024, TABLE_BYTES_MAX);
    cdc_rc rc = topic_of(task, tbl != NULL ? tbl->database : NULL, tbl != NULL ? tbl->name : NULL,
                         &topic, err);
    if (rc == CDC_FATAL) { /* too long: the check of the topics tells it */
        cdc_error_clear(err);
        rc = CDC_OK;
    } else if (rc == CDC_OK && topic.len > 0) {
        cdc_table *whole = tbl != NULL && !opt->generic ? make_table(tbl, &arena) : NULL;
        cdc_table bare = {.database = tbl != NULL ? tbl->database : "",
                          .name = tbl != NULL ? tbl->name : ""};
        rc = add_pair(opt,
                      tbl == NULL     ? NULL
                      : whole != NULL ? whole
                                      : &bare,
                      whole != NULL, cdc_buffer_cstr(&topic), set, err);
        cdc_table_unref(whole);
    }
    cdc_arena_fini(&arena);
    cdc_buffer_fini(&topic);
    return rc;
}

static cdc_rc add_all(const cdc_env *env, const cdc_avro_options *opt, cdc_topic_of topic_of,
                      const cdc_catalog *cat, json_t *set, cdc_error *err)
{
    const cdc_task *task = env->task;
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < cat->ntables; i++) {
        rc = add_subjects(task, opt, topic_of, &cat->tables[i], set, err);
    }
    return rc == CDC_OK && !task->commands ? add_subjects(task, opt, topic_of, NULL, set, err) : rc;
}

cdc_rc cdc_avro_precheck(const cdc_env *env, const cdc_avro_options *opt, cdc_topic_of topic_of,
                         cdc_checklist *list, cdc_error *err)
{
    json_t *set = json_object();
    cdc_rc rc = set != NULL ? CDC_OK : no_memory(err);
    if (rc == CDC_OK && env->task->source_type != NULL) {
        rc = add_all(env, opt, topic_of, &list->catalog, set, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_registry_precheck(env->task, set, list, err);
    }
    json_decref(set);
    return rc;
}

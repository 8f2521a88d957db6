#include "schema/avro/precheck.h"

#include "schema/avro/form.h"
#include "schema/registry/precheck.h"

enum { TOPIC_BYTES_MAX = 4096 };

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the subjects");
}

static bool add_subject(json_t *set, const cdc_avro_named *named)
{
    return json_object_set_new(set, named->subject.data, json_true()) == 0;
}

/* The two subjects of a table's rows, or of statements (table NULL). */
static cdc_rc add_subjects(const cdc_task *task, const cdc_avro_options *opt, cdc_topic_of topic_of,
                           const cdc_catalog_table *tbl, json_t *set, cdc_error *err)
{
    cdc_buffer topic;
    cdc_buffer_init(&topic, TOPIC_BYTES_MAX);
    cdc_rc rc = topic_of(task, tbl != NULL ? tbl->database : NULL, tbl != NULL ? tbl->name : NULL,
                         &topic, err);
    if (rc == CDC_FATAL) { /* too long: the check of the topics tells it */
        cdc_error_clear(err);
        rc = CDC_OK;
    } else if (rc == CDC_OK && topic.len > 0) {
        cdc_avro_pair pair;
        const char *name = cdc_buffer_cstr(&topic);
        cdc_table bare = {.database = tbl != NULL ? tbl->database : "",
                          .name = tbl != NULL ? tbl->name : ""};
        bool good = opt->generic  ? cdc_avro_pair_init_generic(&pair, opt, name)
                    : tbl != NULL ? cdc_avro_pair_init_row(&pair, opt, &bare, name)
                                  : cdc_avro_pair_init_ddl(&pair, opt, name);
        good = good && add_subject(set, &pair.key) && add_subject(set, &pair.value);
        cdc_avro_pair_fini(&pair);
        rc = good ? CDC_OK : no_memory(err);
    }
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
    json_t *names = json_array();
    const char *name;
    json_t *ignored;
    cdc_rc rc = set != NULL && names != NULL ? CDC_OK : no_memory(err);
    if (rc == CDC_OK && env->task->source_type != NULL) {
        rc = add_all(env, opt, topic_of, &list->catalog, set, err);
    }
    json_object_foreach(set, name, ignored)
    {
        if (rc == CDC_OK && json_array_append_new(names, json_string(name)) != 0) {
            rc = no_memory(err);
        }
    }
    if (rc == CDC_OK) {
        rc = cdc_registry_precheck(env->task, names, list, err);
    }
    json_decref(names);
    json_decref(set);
    return rc;
}

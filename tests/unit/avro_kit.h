/* What tests, fuzz targets and benchmarks of the codec avro share: ids without a registry, and a
 * table with a column of every kind. */
#ifndef CDC_AVRO_KIT_H
#define CDC_AVRO_KIT_H

#include <stdlib.h>

#include "schema/avro/value.h"
#include "schema/mysql_type.h"

enum { AVRO_KIT_IDS = 64, AVRO_KIT_COLUMNS = 64 };

typedef struct avro_kit {
    cdc_arena arena;
    uint32_t generation;
    uint32_t asked; /* how often an id was */
    char *schemas[AVRO_KIT_IDS];
    char *subjects[AVRO_KIT_IDS];
    int32_t n;
    cdc_avro_ids ids;
    cdc_avro_options opt;
} avro_kit;

/* Ids from 1 in the order of asking; the same schema has the same id. */
static inline cdc_rc avro_kit_id(void *arg, const char *subject, const char *schema, int32_t *id,
                                 cdc_error *err)
{
    avro_kit *kit = arg;
    (void)err;
    kit->asked++;
    for (int32_t i = 0; i < kit->n; i++) {
        if (strcmp(kit->schemas[i], schema) == 0) {
            *id = i + 1;
            return CDC_OK;
        }
    }
    if (kit->n == AVRO_KIT_IDS) {
        return cdc_error_set(err, CDC_FATAL, "kit", "too many schemas");
    }
    kit->schemas[kit->n] = strdup(schema);
    kit->subjects[kit->n] = strdup(subject);
    *id = ++kit->n;
    return CDC_OK;
}

static inline cdc_rc avro_kit_schema(void *arg, int32_t id, const char **schema, cdc_error *err)
{
    avro_kit *kit = arg;
    if (id < 1 || id > kit->n) {
        return cdc_error_set(err, CDC_FATAL, "registry_id_unknown", "no schema %d", (int)id);
    }
    *schema = kit->schemas[id - 1];
    return CDC_OK;
}

static inline void avro_kit_place(void *arg, int32_t id, cdc_buffer *out)
{
    const avro_kit *kit = arg;
    if (id >= 1 && id <= kit->n) {
        cdc_buffer_addf(out, "version 1 of subject %s", kit->subjects[id - 1]);
    }
}

static inline uint32_t avro_kit_generation(void *arg)
{
    return ((avro_kit *)arg)->generation;
}

static inline void avro_kit_forget(avro_kit *kit)
{
    for (int32_t i = 0; i < kit->n; i++) {
        free(kit->schemas[i]);
        free(kit->subjects[i]);
    }
    kit->n = 0;
    kit->generation++;
}

static inline void avro_kit_init(avro_kit *kit)
{
    *kit = (avro_kit){.generation = 1};
    cdc_arena_init(&kit->arena, 65536, 64 << 20);
    kit->ids = (cdc_avro_ids){
        kit, avro_kit_id, avro_kit_schema, avro_kit_schema, avro_kit_place, avro_kit_generation};
    kit->opt = (cdc_avro_options){
        .task = "shop-to-dr", .subjects = CDC_AVRO_TOPIC_RECORD, .max_bytes = 1 << 20};
}

static inline void avro_kit_fini(avro_kit *kit)
{
    avro_kit_forget(kit);
    cdc_arena_fini(&kit->arena);
}

/* A column's name and type, and a value's text as in Canal JSON with labels; NULL is NULL. */
typedef struct avro_kit_column {
    const char *name, *type, *text;
} avro_kit_column;

/* NULL: err says why. values has room for n. */
static inline cdc_table *avro_kit_table(avro_kit *kit, const char *name,
                                        const avro_kit_column *columns, uint32_t n,
                                        cdc_value *values, cdc_error *err)
{
    static const cdc_canal_options labels = {.labels = true, .binary = CDC_BINARY_HEX};
    static const uint16_t keys[] = {0};
    cdc_column *cols = cdc_arena_zalloc(&kit->arena, n * sizeof *cols);
    cdc_table *tbl = NULL;
    for (uint32_t i = 0; i < n; i++) {
        cdc_canal_limits lim;
        cols[i].name = columns[i].name;
        cols[i].type_text = columns[i].type;
        cols[i].charset = "";
        cols[i].nullable = true;
        if (cdc_mysql_type_parse(columns[i].type, &cols[i], &kit->arena, err) != CDC_OK) {
            return NULL;
        }
        cdc_canal_limits_init(&lim, &cols[i]);
        values[i] = (cdc_value){.kind = CDC_NULL};
        if (columns[i].text != NULL) {
            values[i].kind = CDC_ABSENT;
            const char *fault = cdc_canal_value_read(
                &labels, &cols[i], &lim, (cdc_bytes){columns[i].text, strlen(columns[i].text)},
                &kit->arena, &values[i]);
            if (fault != NULL) {
                (void)cdc_error_set(err, CDC_FATAL, "kit", "%s: %s", columns[i].name, fault);
                return NULL;
            }
        }
    }
    return cdc_table_new(&tbl, "shop", name, cols, n, keys, 1, err) == CDC_OK ? tbl : NULL;
}

#endif

#include "schema/avro/form.h"

#include <stdlib.h>

#include "schema/avro/binary.h"
#include "schema/mysql_type.h"

enum { SCHEMA_BYTES_MAX = 32 * 1024 * 1024, NAME_BYTES_MAX = 16 * 1024, TRIES = 3 };

/* --- schemas --- */

static bool name_it(cdc_avro_named *named, const cdc_avro_options *opt, const char *topic,
                    const char *record, bool is_key)
{
    cdc_avro_subject(opt, topic, record, is_key, &named->subject);
    (void)cdc_buffer_cstr(&named->schema);
    (void)cdc_buffer_cstr(&named->subject);
    return !named->schema.failed && !named->subject.failed;
}

static void begin_pair(cdc_avro_pair *pair)
{
    cdc_buffer_init(&pair->key.schema, SCHEMA_BYTES_MAX);
    cdc_buffer_init(&pair->key.subject, NAME_BYTES_MAX);
    cdc_buffer_init(&pair->value.schema, SCHEMA_BYTES_MAX);
    cdc_buffer_init(&pair->value.subject, NAME_BYTES_MAX);
}

/* The names are those of the two records. */
static bool end_pair(cdc_avro_pair *pair, const cdc_avro_options *opt, const char *topic,
                     cdc_buffer *key_name, cdc_buffer *value_name)
{
    bool ok = name_it(&pair->key, opt, topic, cdc_buffer_cstr(key_name), true) &&
              name_it(&pair->value, opt, topic, cdc_buffer_cstr(value_name), false) &&
              !key_name->failed && !value_name->failed;
    cdc_buffer_fini(key_name);
    cdc_buffer_fini(value_name);
    return ok;
}

typedef enum cdc_avro_kind { KIND_ROW, KIND_DDL, KIND_GENERIC } cdc_avro_kind;

static bool init_pair(cdc_avro_pair *pair, cdc_avro_kind kind, const cdc_avro_options *opt,
                      const cdc_table *tbl, const char *topic)
{
    cdc_buffer key_name;
    cdc_buffer value_name;
    cdc_buffer_init(&key_name, NAME_BYTES_MAX);
    cdc_buffer_init(&value_name, NAME_BYTES_MAX);
    begin_pair(pair);
    switch (kind) {
    case KIND_ROW:
        cdc_avro_key_schema(opt, tbl, &pair->key.schema, &key_name);
        cdc_avro_row_schema(opt, tbl, &pair->value.schema, &value_name);
        break;
    case KIND_DDL:
        cdc_avro_ddl_key_schema(opt, &pair->key.schema, &key_name);
        cdc_avro_ddl_schema(opt, &pair->value.schema, &value_name);
        break;
    case KIND_GENERIC:
        cdc_avro_generic_key_schema(&pair->key.schema, &key_name);
        cdc_avro_generic_schema(&pair->value.schema, &value_name);
        break;
    }
    return end_pair(pair, opt, topic, &key_name, &value_name);
}

bool cdc_avro_pair_init_row(cdc_avro_pair *pair, const cdc_avro_options *opt, const cdc_table *tbl,
                            const char *topic)
{
    return init_pair(pair, KIND_ROW, opt, tbl, topic);
}

bool cdc_avro_pair_init_ddl(cdc_avro_pair *pair, const cdc_avro_options *opt, const char *topic)
{
    return init_pair(pair, KIND_DDL, opt, NULL, topic);
}

bool cdc_avro_pair_init_generic(cdc_avro_pair *pair, const cdc_avro_options *opt, const char *topic)
{
    return init_pair(pair, KIND_GENERIC, opt, NULL, topic);
}

void cdc_avro_pair_fini(cdc_avro_pair *pair)
{
    cdc_buffer_fini(&pair->key.schema);
    cdc_buffer_fini(&pair->key.subject);
    cdc_buffer_fini(&pair->value.schema);
    cdc_buffer_fini(&pair->value.subject);
    *pair = (cdc_avro_pair){.generation = 0};
}

static cdc_rc ask(cdc_avro_named *named, const cdc_avro_ids *ids, cdc_error *err)
{
    return ids->id(ids->arg, named->subject.data, named->schema.data, &named->id, err);
}

/* A question may itself begin a generation, by opening a connection; ids that have been asked for
 * are then known already. A registry that ends the connection with each answer must do, too. */
cdc_rc cdc_avro_pair_refresh(cdc_avro_pair *pair, const cdc_avro_ids *ids, cdc_error *err)
{
    uint32_t now = ids->generation(ids->arg);
    for (int i = 0; i < TRIES && pair->generation != now; i++) {
        uint32_t began = now;
        cdc_rc rc = ask(&pair->key, ids, err);
        if (rc == CDC_OK) {
            rc = ask(&pair->value, ids, err);
        }
        if (rc != CDC_OK) {
            pair->generation = 0;
            return rc;
        }
        now = ids->generation(ids->arg);
        pair->generation = now == began || i == TRIES - 1 ? now : 0;
    }
    return CDC_OK;
}

/* --- constant fields --- */

static bool make_head(cdc_avro_form *form, const cdc_table *tbl)
{
    cdc_writer w;
    if (!cdc_writer_begin(&w, &form->head)) {
        return false;
    }
    bool ok = cdc_avro_put_name(&w, tbl->database) && cdc_avro_put_name(&w, tbl->name);
    if (ok && tbl->nkeys == 0) {
        *w.p++ = 0;
    } else if (ok) {
        *w.p++ = 2;
        w.p = cdc_avro_put_long(w.p, tbl->nkeys);
        for (uint32_t i = 0; i < tbl->nkeys && ok; i++) {
            ok = cdc_avro_put_name(&w, tbl->cols[tbl->keys[i]].name);
        }
        if (ok) {
            *w.p++ = 0;
        }
    }
    if (ok) {
        *w.p++ = 0; /* isDdl; the names left the pad free */
        cdc_writer_end(&w);
    }
    return ok;
}

/* One byte where the column's java.sql.Types number depends on the value. */
static void put_java_type(cdc_avro_form *form, cdc_writer *w, const cdc_column *col, uint32_t index)
{
    cdc_mysql_range range;
    if (col->is_unsigned && cdc_mysql_type_range(col, &range) &&
        range.wide_type != col->java_type) {
        cdc_avro_slot *slot = &form->slots[form->nslots++];
        slot->col = index;
        slot->small_max = range.small_max;
        slot->at = (size_t)(w->p - w->buf->data);
        (void)cdc_avro_put_long(&slot->small, col->java_type);
        (void)cdc_avro_put_long(&slot->wide, range.wide_type);
    }
    w->p = cdc_avro_put_long(w->p, col->java_type);
}

static bool make_tail(cdc_avro_form *form, const cdc_table *tbl)
{
    cdc_writer w;
    if (!cdc_writer_begin(&w, &form->tail)) {
        return false;
    }
    memcpy(w.p, "\x02\x00\x02", 3); /* sql: "", sqlType */
    w.p = cdc_avro_put_long(w.p + 3, tbl->ncols);
    bool ok = true;
    for (uint32_t i = 0; i < tbl->ncols && ok; i++) {
        ok = cdc_avro_put_name(&w, tbl->cols[i].name) && cdc_writer_room(&w, 0);
        if (ok) {
            put_java_type(form, &w, &tbl->cols[i], i);
        }
    }
    ok = ok && cdc_writer_room(&w, 0);
    if (ok) {
        memcpy(w.p, "\x00\x02", 2); /* the map's end, mysqlType */
        w.p = cdc_avro_put_long(w.p + 2, tbl->ncols);
    }
    for (uint32_t i = 0; i < tbl->ncols && ok; i++) {
        ok = cdc_avro_put_name(&w, tbl->cols[i].name) &&
             cdc_avro_put_name(&w, tbl->cols[i].type_text);
    }
    if (ok) {
        *w.p++ = 0;
        cdc_writer_end(&w);
    }
    return ok;
}

bool cdc_avro_form_init(cdc_avro_form *form, const cdc_avro_options *opt, const cdc_table *tbl,
                        const char *topic)
{
    cdc_buffer_init(&form->head, SIZE_MAX / 2);
    cdc_buffer_init(&form->tail, SIZE_MAX / 2);
    form->cols = calloc(tbl->ncols, sizeof *form->cols);
    form->slots = calloc(tbl->ncols, sizeof *form->slots);
    bool pair = opt->generic || cdc_avro_pair_init_row(&form->pair, opt, tbl, topic);
    if (!pair || form->cols == NULL || form->slots == NULL || !make_head(form, tbl) ||
        !make_tail(form, tbl)) {
        cdc_avro_form_fini(form);
        return false;
    }
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        form->cols[i] = (cdc_avro_column){&tbl->cols[i], cdc_avro_way_of(opt, &tbl->cols[i]),
                                          opt->temporal == CDC_AVRO_MIXED};
    }
    form->uid = tbl->uid;
    form->bytes = form->head.cap + form->tail.cap + form->pair.value.schema.cap +
                  form->pair.key.schema.cap +
                  tbl->ncols * (sizeof *form->cols + sizeof *form->slots);
    return true;
}

void cdc_avro_form_fini(cdc_avro_form *form)
{
    cdc_avro_pair_fini(&form->pair);
    cdc_buffer_fini(&form->head);
    cdc_buffer_fini(&form->tail);
    free(form->cols);
    free(form->slots);
    *form = (cdc_avro_form){.uid = 0};
}

/* Events to messages in Avro. Constant fields are copied from the table's form; values go straight
 * into the buffer. */
#include <stdlib.h>

#include "core/clock.h"
#include "schema/avro/binary.h"
#include "schema/avro/command.h"
#include "schema/avro/form.h"
#include "schema/canal_json/canal.h"
#include "schema/fault.h"

enum { FORMS = 1024, FORMS_MAX_BYTES = 64 * 1024 * 1024, TOPICS = 64 };

/* The schemas of what is not a row, for a topic. */
typedef struct cdc_avro_topic {
    char *name; /* NULL: a free place */
    cdc_avro_pair pair;
} cdc_avro_topic;

struct cdc_avro_encoder {
    cdc_avro_options opt;
    cdc_avro_ids ids;
    uint64_t replaced;
    size_t forms_bytes;
    uint32_t turn; /* which topic goes when all places are taken */
    cdc_avro_topic topics[TOPICS];
    cdc_avro_form forms[FORMS];
    char server_id[12];
    uint32_t server_id_kept;
    size_t server_id_len; /* 0: nothing kept */
};

cdc_avro_encoder *cdc_avro_encoder_new(const cdc_avro_options *opt, const cdc_avro_ids *ids)
{
    cdc_avro_encoder *enc = calloc(1, sizeof *enc);
    if (enc != NULL) {
        enc->opt = *opt;
        enc->ids = *ids;
    }
    return enc;
}

static void drop_forms(cdc_avro_encoder *enc)
{
    for (size_t i = 0; i < FORMS; i++) {
        cdc_avro_form_fini(&enc->forms[i]);
    }
    enc->forms_bytes = 0;
}

static void drop_topic(cdc_avro_topic *topic)
{
    if (topic->name != NULL) {
        cdc_avro_pair_fini(&topic->pair);
        free(topic->name);
        topic->name = NULL;
    }
}

void cdc_avro_encoder_free(cdc_avro_encoder *enc)
{
    if (enc != NULL) {
        drop_forms(enc);
        for (size_t i = 0; i < TOPICS; i++) {
            drop_topic(&enc->topics[i]);
        }
        free(enc);
    }
}

uint64_t cdc_avro_encoder_replaced(const cdc_avro_encoder *enc)
{
    return enc->replaced;
}

static const char *topic_of(const cdc_event *ev)
{
    return ev->topic != NULL ? ev->topic : "";
}

static cdc_avro_form *find_form(cdc_avro_encoder *enc, const cdc_event *ev)
{
    cdc_avro_form *form = &enc->forms[ev->table->uid % FORMS];
    if (form->uid == ev->table->uid) {
        return form;
    }
    enc->forms_bytes -= form->bytes;
    cdc_avro_form_fini(form);
    if (enc->forms_bytes > FORMS_MAX_BYTES) {
        drop_forms(enc);
    }
    if (!cdc_avro_form_init(form, &enc->opt, ev->table, topic_of(ev))) {
        return NULL;
    }
    enc->forms_bytes += form->bytes;
    return form;
}

/* NULL: out of memory. */
static cdc_avro_pair *find_topic(cdc_avro_encoder *enc, const char *name)
{
    size_t i = 0;
    while (i < TOPICS && enc->topics[i].name != NULL && strcmp(enc->topics[i].name, name) != 0) {
        i++;
    }
    cdc_avro_topic *topic = &enc->topics[i < TOPICS ? i : enc->turn++ % TOPICS];
    if (i < TOPICS && topic->name != NULL) {
        return &topic->pair;
    }
    drop_topic(topic);
    topic->name = strdup(name);
    bool made = topic->name != NULL &&
                (enc->opt.generic ? cdc_avro_pair_init_generic(&topic->pair, &enc->opt, name)
                                  : cdc_avro_pair_init_ddl(&topic->pair, &enc->opt, name));
    if (!made) {
        drop_topic(topic);
        return NULL;
    }
    return &topic->pair;
}

/* --- parts of a message --- */

static void put_prefix(cdc_writer *w, int32_t id)
{
    uint32_t big = __builtin_bswap32((uint32_t)id);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    big = (uint32_t)id;
#endif
    *w->p = 0;
    memcpy(w->p + 1, &big, 4);
    w->p += CDC_AVRO_PREFIX;
}

/* type, es, ts; room is there. */
static void put_times(cdc_writer *w, const char *type, const cdc_event *ev)
{
    size_t n = strlen(type);
    w->p = cdc_avro_put_long(w->p, (int64_t)n);
    cdc_writer_copy(w, type, n);
    w->p = cdc_avro_put_long(w->p, ev->source_ms);
    w->p = cdc_avro_put_long(w->p, ev->capture_ms != 0 ? ev->capture_ms : cdc_clock_wall_ms());
}

/* gtid, serverId */
static bool put_end(cdc_avro_encoder *enc, cdc_writer *w, const cdc_event *ev)
{
    const char *gtid = ev->gtid != NULL ? ev->gtid : "";
    if (enc->server_id_len == 0 || enc->server_id_kept != ev->server_id) {
        enc->server_id_kept = ev->server_id;
        enc->server_id_len =
            (size_t)(cdc_write_u64(enc->server_id, ev->server_id) - enc->server_id);
    }
    if (!cdc_writer_room(w, 0)) {
        return false;
    }
    *w->p++ = 2;
    if (!cdc_avro_put_bytes(w, gtid, strlen(gtid)) || !cdc_writer_room(w, 0)) {
        return false;
    }
    *w->p++ = 2;
    return cdc_avro_put_bytes(w, enc->server_id, enc->server_id_len);
}

static cdc_rc put_row(cdc_avro_encoder *enc, cdc_writer *w, const cdc_avro_form *form,
                      const cdc_table *tbl, const cdc_value *row, cdc_error *err)
{
    const char *fault = NULL;
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const cdc_value *v = &row[i];
        if (v->kind == CDC_ABSENT) {
            return cdc_fault_absent(tbl, &tbl->cols[i], err);
        }
        if (v->kind == CDC_NULL) {
            if (!cdc_writer_room(w, 0)) {
                return cdc_fault_memory(tbl, err);
            }
            *w->p++ = 0;
        } else if (!cdc_avro_value_write(w, &form->cols[i], v, &enc->replaced, &fault)) {
            return cdc_fault_value(tbl, &tbl->cols[i], fault, err);
        }
    }
    return CDC_OK;
}

/* A row as an array of name, type, value. */
static cdc_rc put_generic_row(cdc_avro_encoder *enc, cdc_writer *w, const cdc_table *tbl,
                              const cdc_value *row, cdc_error *err)
{
    const char *fault = NULL;
    if (!cdc_writer_room(w, 0)) {
        return cdc_fault_memory(tbl, err);
    }
    w->p = cdc_avro_put_long(w->p, tbl->ncols);
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const cdc_column *col = &tbl->cols[i];
        if (row[i].kind == CDC_ABSENT) {
            return cdc_fault_absent(tbl, col, err);
        }
        if (!cdc_avro_put_bytes(w, col->name, strlen(col->name)) ||
            !cdc_avro_put_bytes(w, col->type_text, strlen(col->type_text)) ||
            !cdc_writer_room(w, 0)) {
            return cdc_fault_memory(tbl, err);
        }
        if (row[i].kind == CDC_NULL) {
            *w->p++ = 0;
        } else if (!cdc_avro_generic_write(w, col, &row[i], &enc->replaced, &fault)) {
            return cdc_fault_value(tbl, col, fault, err);
        }
    }
    if (!cdc_writer_room(w, 0)) {
        return cdc_fault_memory(tbl, err);
    }
    *w->p++ = 0;
    return CDC_OK;
}

/* An array of one row; its room is made. */
static cdc_rc put_image(cdc_avro_encoder *enc, cdc_writer *w, const cdc_avro_form *form,
                        const cdc_table *tbl, const cdc_value *row, cdc_error *err)
{
    if (!cdc_writer_room(w, 0)) {
        return cdc_fault_memory(tbl, err);
    }
    *w->p++ = 2;
    *w->p++ = 2;
    cdc_rc rc = enc->opt.generic ? put_generic_row(enc, w, tbl, row, err)
                                 : put_row(enc, w, form, tbl, row, err);
    if (rc == CDC_OK && !cdc_writer_room(w, 0)) {
        rc = cdc_fault_memory(tbl, err);
    }
    if (rc == CDC_OK) {
        *w->p++ = 0;
    }
    return rc;
}

static bool put_types(cdc_writer *w, const cdc_avro_form *form, const cdc_value *row)
{
    if (!cdc_writer_room(w, form->tail.len)) {
        return false;
    }
    char *start = w->p;
    cdc_writer_copy(w, form->tail.data, form->tail.len);
    for (uint32_t i = 0; i < form->nslots; i++) {
        const cdc_avro_slot *slot = &form->slots[i];
        bool wide = row[slot->col].kind == CDC_UINT && row[slot->col].u > slot->small_max;
        start[slot->at] = wide ? slot->wide : slot->small;
    }
    return true;
}

/* --- rows --- */

static cdc_rc put_value(cdc_avro_encoder *enc, cdc_writer *w, const cdc_avro_form *form,
                        const cdc_event *ev, cdc_error *err)
{
    static const char names[][8] = {"INSERT", "UPDATE", "DELETE"};
    const cdc_table *tbl = ev->table;
    const cdc_value *row = ev->op == CDC_OP_DELETE ? ev->before : ev->after;
    w->p = cdc_avro_put_long(w->p, (int64_t)ev->id);
    if (!cdc_writer_room(w, form->head.len)) {
        return cdc_fault_memory(tbl, err);
    }
    cdc_writer_copy(w, form->head.data, form->head.len);
    put_times(w, names[ev->op - CDC_OP_INSERT], ev);
    cdc_rc rc = put_image(enc, w, form, tbl, row, err);
    if (rc == CDC_OK && ev->op == CDC_OP_UPDATE) {
        rc = put_image(enc, w, form, tbl, ev->before, err);
    } else if (rc == CDC_OK) {
        *w->p++ = 0; /* the array's end left the pad free */
    }
    if (rc == CDC_OK && (!put_types(w, form, row) || !put_end(enc, w, ev))) {
        rc = cdc_fault_memory(tbl, err);
    }
    return rc;
}

static cdc_rc put_key_column(cdc_avro_encoder *enc, cdc_writer *w, const cdc_avro_form *form,
                             const cdc_event *ev, uint16_t col, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    const cdc_value *v = ev->op == CDC_OP_DELETE ? &ev->before[col] : &ev->after[col];
    const char *fault = NULL;
    if (v->kind == CDC_ABSENT) {
        return cdc_fault_absent(tbl, &tbl->cols[col], err);
    }
    if (v->kind == CDC_NULL) {
        return cdc_fault_key(tbl, &tbl->cols[col], err);
    }
    bool ok = enc->opt.generic
                  ? cdc_avro_generic_write(w, &tbl->cols[col], v, &enc->replaced, &fault)
                  : cdc_avro_value_write(w, &form->cols[col], v, &enc->replaced, &fault);
    return ok ? CDC_OK : cdc_fault_value(tbl, &tbl->cols[col], fault, err);
}

/* Behind the prefix. */
static cdc_rc put_key(cdc_avro_encoder *enc, cdc_writer *w, const cdc_avro_form *form,
                      const cdc_event *ev, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    if ((enc->opt.generic || tbl->nkeys == 0) &&
        (!cdc_avro_put_bytes(w, tbl->database, strlen(tbl->database)) ||
         !cdc_avro_put_bytes(w, tbl->name, strlen(tbl->name)) || !cdc_writer_room(w, 0))) {
        return cdc_fault_memory(tbl, err);
    }
    if (enc->opt.generic && tbl->nkeys > 0) {
        w->p = cdc_avro_put_long(w->p, tbl->nkeys);
    }
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < tbl->nkeys && rc == CDC_OK; i++) {
        rc = put_key_column(enc, w, form, ev, tbl->keys[i], err);
    }
    if (rc == CDC_OK && enc->opt.generic && cdc_writer_room(w, 0)) {
        *w->p++ = 0;
    }
    return rc;
}

static cdc_rc encode_row(cdc_avro_encoder *enc, const cdc_event *ev, cdc_buffer *key,
                         cdc_buffer *value, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    cdc_writer w;
    cdc_rc rc = cdc_fault_images(ev, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_avro_form *form = find_form(enc, ev);
    cdc_avro_pair *pair = form == NULL       ? NULL
                          : enc->opt.generic ? find_topic(enc, topic_of(ev))
                                             : &form->pair;
    if (pair == NULL) {
        return cdc_fault_memory(tbl, err);
    }
    rc = cdc_avro_pair_refresh(pair, &enc->ids, err);
    if (rc != CDC_OK) {
        return cdc_error_context(err, "table %s.%s", tbl->database, tbl->name);
    }
    if (!cdc_writer_begin(&w, key)) {
        return cdc_fault_memory(tbl, err);
    }
    put_prefix(&w, pair->key.id);
    rc = put_key(enc, &w, form, ev, err);
    cdc_writer_end(&w);
    if (rc == CDC_OK && !cdc_writer_begin(&w, value)) {
        rc = cdc_fault_memory(tbl, err);
    }
    if (rc == CDC_OK) {
        put_prefix(&w, pair->value.id);
        rc = put_value(enc, &w, form, ev, err);
        cdc_writer_end(&w);
    }
    return rc;
}

/* --- statements --- */

static bool put_statement(cdc_avro_encoder *enc, cdc_writer *w, const cdc_event *ev)
{
    w->p = cdc_avro_put_long(w->p, (int64_t)ev->id);
    if (!cdc_avro_text_write(w, ev->ddl_database, strlen(ev->ddl_database), &enc->replaced) ||
        !cdc_avro_text_write(w, ev->ddl_table, strlen(ev->ddl_table), &enc->replaced) ||
        !cdc_writer_room(w, 0)) {
        return false;
    }
    *w->p++ = 0; /* pkNames */
    *w->p++ = 1; /* isDdl */
    put_times(w, cdc_ddl_name((cdc_ddl)ev->ddl), ev);
    if (enc->opt.generic) {
        *w->p++ = 0; /* data and old; they have one branch only in a schema of statements */
        *w->p++ = 0;
    }
    *w->p++ = 2;
    if (!cdc_avro_text_write(w, ev->sql, ev->sql_len, &enc->replaced) || !cdc_writer_room(w, 0)) {
        return false;
    }
    *w->p++ = 0; /* sqlType, mysqlType */
    *w->p++ = 0;
    return put_end(enc, w, ev);
}

static bool put_statement_key(cdc_avro_encoder *enc, cdc_writer *w, const cdc_event *ev)
{
    if (!cdc_avro_text_write(w, ev->ddl_database, strlen(ev->ddl_database), &enc->replaced) ||
        !cdc_avro_text_write(w, ev->ddl_table, strlen(ev->ddl_table), &enc->replaced) ||
        !cdc_writer_room(w, 0)) {
        return false;
    }
    if (enc->opt.generic) {
        *w->p++ = 0; /* no values */
    }
    return true;
}

static cdc_rc encode_ddl(cdc_avro_encoder *enc, const cdc_event *ev, cdc_buffer *key,
                         cdc_buffer *value, cdc_error *err)
{
    cdc_writer w;
    cdc_avro_pair *pair = find_topic(enc, topic_of(ev));
    cdc_rc rc = pair != NULL ? cdc_avro_pair_refresh(pair, &enc->ids, err) : CDC_OK;
    if (rc != CDC_OK) {
        return cdc_error_context(err, "%s of %s.%s", cdc_ddl_name((cdc_ddl)ev->ddl),
                                 ev->ddl_database, ev->ddl_table);
    }
    bool ok = pair != NULL && cdc_writer_begin(&w, key);
    if (ok) {
        put_prefix(&w, pair->key.id);
        ok = put_statement_key(enc, &w, ev);
        cdc_writer_end(&w);
    }
    if (ok && (ok = cdc_writer_begin(&w, value))) {
        put_prefix(&w, pair->value.id);
        ok = put_statement(enc, &w, ev);
        cdc_writer_end(&w);
    }
    return ok ? CDC_OK : cdc_fault_ddl_memory(ev, err);
}

/* --- commands --- */

static cdc_rc encode_commands(cdc_avro_encoder *enc, const cdc_event *events, uint32_t n,
                              cdc_buffer *key, cdc_buffer *value, cdc_error *err)
{
    cdc_writer w;
    cdc_avro_pair *pair = find_topic(enc, topic_of(events));
    cdc_rc rc = pair != NULL ? cdc_avro_pair_refresh(pair, &enc->ids, err) : CDC_OK;
    if (rc != CDC_OK) {
        return cdc_error_context(err, "database %d", (int)events[0].redis_db);
    }
    bool ok = pair != NULL && cdc_writer_begin(&w, key);
    if (ok) {
        put_prefix(&w, pair->key.id);
        ok = cdc_avro_commands_key(&w, events);
        cdc_writer_end(&w);
    }
    if (ok && (ok = cdc_writer_begin(&w, value))) {
        put_prefix(&w, pair->value.id);
        ok = cdc_avro_commands_value(&w, events, n);
        cdc_writer_end(&w);
    }
    return ok ? CDC_OK : cdc_fault_commands_memory(events, n, err);
}

/* --- messages --- */

/* The key as text, for an error: that of Canal JSON, and of a command its own. */
static void show_key(const cdc_event *ev, cdc_buffer *out)
{
    static const cdc_canal_options plain = {.binary = CDC_BINARY_HEX, .labels = true};
    const cdc_table *tbl = ev->table;
    cdc_writer w;
    uint64_t replaced = 0;
    const char *fault = NULL;
    if (ev->op == CDC_OP_COMMAND && ev->key_arg >= 0) {
        cdc_buffer_add_json(out, ev->after[ev->key_arg].p, ev->after[ev->key_arg].len);
    }
    if (tbl == NULL || !cdc_writer_begin(&w, out)) {
        return;
    }
    const cdc_value *row = ev->op == CDC_OP_DELETE ? ev->before : ev->after;
    bool ok = cdc_writer_str(&w, "[");
    for (uint32_t i = 0; i < tbl->nkeys && ok; i++) {
        uint16_t col = tbl->keys[i];
        ok = cdc_writer_str(&w, i > 0 ? ",\"" : "\"") &&
             cdc_canal_value_write(&w, &plain, &tbl->cols[col], &row[col], &replaced, &fault) &&
             cdc_writer_str(&w, "\"");
    }
    (void)cdc_writer_str(&w, "]");
    cdc_writer_end(&w);
}

static cdc_rc fail_size(const cdc_avro_encoder *enc, const cdc_event *ev, size_t bytes,
                        cdc_error *err)
{
    cdc_buffer key;
    cdc_buffer_init(&key, 1024 * 1024);
    show_key(ev, &key);
    cdc_rc rc = cdc_fault_size(enc->opt.max_bytes, ev, (cdc_bytes){key.data, key.len},
                               bytes > 0 ? bytes - key.len : 0, err);
    cdc_buffer_fini(&key);
    return rc;
}

static cdc_rc encode_any(cdc_avro_encoder *enc, const cdc_event *events, uint32_t n,
                         cdc_buffer *key, cdc_buffer *value, cdc_error *err)
{
    const cdc_event *ev = &events[0];
    if (ev->id > CDC_CANAL_NUMBER_MAX) {
        return cdc_fault_number("id", ev, err);
    }
    if (ev->op == CDC_OP_DDL) {
        return encode_ddl(enc, ev, key, value, err);
    }
    if (ev->op == CDC_OP_COMMAND && enc->opt.generic) {
        return encode_commands(enc, events, n, key, value, err);
    }
    if (ev->op < CDC_OP_INSERT || ev->op > CDC_OP_DELETE || ev->table == NULL) {
        return cdc_error_set(err, CDC_FATAL, "event_kind", "an event of kind %s has no message",
                             cdc_op_name((cdc_op)ev->op));
    }
    return encode_row(enc, ev, key, value, err);
}

cdc_rc cdc_avro_encode(cdc_avro_encoder *enc, const cdc_event *events, uint32_t n, cdc_buffer *key,
                       cdc_buffer *value, cdc_error *err)
{
    size_t key_start = key->len;
    size_t value_start = value->len;
    cdc_rc rc = encode_any(enc, events, n, key, value, err);
    size_t bytes = key->len - key_start + value->len - value_start;
    if (rc == CDC_OK && bytes > enc->opt.max_bytes) {
        rc = fail_size(enc, events, bytes, err);
    } else if (rc != CDC_OK && value->failed) {
        rc = fail_size(enc, events, 0, err);
    }
    if (rc != CDC_OK) {
        key->len = key_start;
        value->len = value_start;
    }
    return rc;
}

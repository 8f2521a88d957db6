/* Events to messages. The hottest code of the product: constant parts are copied from the table's
 * form, numbers that repeat from event to event are kept as text. */
#include <stdlib.h>

#include "core/clock.h"
#include "schema/canal_json/canal.h"
#include "schema/canal_json/command.h"
#include "schema/canal_json/form.h"
#include "schema/fault.h"

/* Table uids are consecutive, so that this many tables in use at the same time never share a place.
 */
enum { FORMS = 1024, FORMS_MAX_BYTES = 16 * 1024 * 1024 };

/* A number as text, kept because the next event mostly has the same. */
typedef struct cdc_kept {
    int64_t v;
    size_t n; /* 0: nothing kept */
    char text[32];
} cdc_kept;

struct cdc_canal_encoder {
    cdc_canal_options opt;
    uint64_t replaced;
    cdc_kept es, ts, server_id;
    size_t forms_bytes;
    cdc_form forms[FORMS];
};

cdc_canal_encoder *cdc_canal_encoder_new(const cdc_canal_options *opt)
{
    cdc_canal_encoder *enc = calloc(1, sizeof *enc);
    if (enc != NULL) {
        enc->opt = *opt;
    }
    return enc;
}

static void drop_forms(cdc_canal_encoder *enc)
{
    for (size_t i = 0; i < FORMS; i++) {
        cdc_form_fini(&enc->forms[i]);
    }
    enc->forms_bytes = 0;
}

void cdc_canal_encoder_free(cdc_canal_encoder *enc)
{
    if (enc != NULL) {
        drop_forms(enc);
        free(enc);
    }
}

uint64_t cdc_canal_encoder_replaced(const cdc_canal_encoder *enc)
{
    return enc->replaced;
}

static const cdc_form *new_form(cdc_canal_encoder *enc, cdc_form *form, const cdc_table *tbl)
{
    enc->forms_bytes -= form->bytes;
    cdc_form_fini(form);
    if (enc->forms_bytes > FORMS_MAX_BYTES) {
        drop_forms(enc);
    }
    if (!cdc_form_init(form, tbl)) {
        return NULL;
    }
    enc->forms_bytes += form->bytes;
    return form;
}

static const cdc_form *find_form(cdc_canal_encoder *enc, const cdc_table *tbl)
{
    cdc_form *form = &enc->forms[tbl->uid % FORMS];
    return form->uid == tbl->uid ? form : new_form(enc, form, tbl);
}

/* --- parts of a message --- */

/* Room for 32 bytes is the caller's. */
static inline void put_kept(cdc_writer *w, cdc_kept *kept, int64_t v)
{
    if (kept->v != v || kept->n == 0) {
        kept->v = v;
        kept->n = (size_t)(cdc_write_i64(kept->text, v) - kept->text);
    }
    cdc_writer_copy_padded(w, kept->text, kept->n);
}

static cdc_rc put_row(cdc_canal_encoder *enc, cdc_writer *w, const cdc_form *form,
                      const cdc_table *tbl, const cdc_value *row, cdc_error *err)
{
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const cdc_value *v = &row[i];
        cdc_piece name = form->cols[i];
        if (!cdc_writer_room(w, name.n + 8)) {
            return cdc_fault_memory(tbl, err);
        }
        cdc_writer_copy_padded(w, name.p, name.n);
        if (v->kind == CDC_NULL) {
            w->p--; /* the piece ends with a quote */
            memcpy(w->p, "null", 4);
            w->p += 4;
            continue;
        }
        if (v->kind == CDC_ABSENT) {
            return cdc_fault_absent(tbl, &tbl->cols[i], err);
        }
        cdc_canal_fault fault = NULL;
        if (!cdc_canal_value_write(w, &enc->opt, &tbl->cols[i], v, &enc->replaced, &fault)) {
            return cdc_fault_value(tbl, &tbl->cols[i], fault, err);
        }
        *w->p++ = '"'; /* every value leaves the pad free */
    }
    return CDC_OK;
}

/* The columns of before that differ from after. */
static cdc_rc put_old(cdc_canal_encoder *enc, cdc_writer *w, const cdc_form *form,
                      const cdc_event *ev, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    bool first = true;
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const cdc_value *v = &ev->before[i];
        if (v->kind == CDC_ABSENT) {
            return cdc_fault_absent(tbl, &tbl->cols[i], err);
        }
        if (cdc_value_equal(v, &ev->after[i])) {
            continue;
        }
        cdc_piece name = form->cols[i];
        if (!cdc_writer_room(w, name.n + 8)) {
            return cdc_fault_memory(tbl, err);
        }
        if (first && i > 0) {
            name.p++; /* without the comma */
            name.n--;
        }
        first = false;
        cdc_writer_copy(w, name.p, name.n);
        if (v->kind == CDC_NULL) {
            memcpy(w->p - 1, "null", 4);
            w->p += 3;
            continue;
        }
        cdc_canal_fault fault = NULL;
        if (!cdc_canal_value_write(w, &enc->opt, &tbl->cols[i], v, &enc->replaced, &fault)) {
            return cdc_fault_value(tbl, &tbl->cols[i], fault, err);
        }
        *w->p++ = '"';
    }
    return CDC_OK;
}

static bool put_types(cdc_writer *w, const cdc_form *form, const cdc_value *row)
{
    for (uint32_t i = 0; i < form->nslots; i++) {
        const cdc_slot *slot = &form->slots[i];
        if (!cdc_writer_room(w, slot->lead.n + 8)) {
            return false;
        }
        cdc_writer_copy(w, slot->lead.p, slot->lead.n);
        bool wide = row[slot->col].kind == CDC_UINT && row[slot->col].u > slot->small_max;
        w->p = cdc_write_i64(w->p, wide ? slot->wide : slot->small);
    }
    if (!cdc_writer_room(w, form->tail.n)) {
        return false;
    }
    cdc_writer_copy(w, form->tail.p, form->tail.n);
    return true;
}

/* {"id":1 */
static bool put_id(cdc_writer *w, uint64_t id)
{
    if (!cdc_writer_room(w, 32)) {
        return false;
    }
    cdc_writer_copy(w, "{\"id\":", 6);
    w->p = cdc_write_u64(w->p, id);
    return true;
}

/* ","es":1,"ts":2,"data": behind the type */
static bool put_times(cdc_canal_encoder *enc, cdc_writer *w, const cdc_event *ev)
{
    if (!cdc_writer_room(w, 128)) {
        return false;
    }
    cdc_writer_copy(w, "\",\"es\":", 7);
    put_kept(w, &enc->es, ev->source_ms);
    cdc_writer_copy(w, ",\"ts\":", 6);
    put_kept(w, &enc->ts, ev->capture_ms != 0 ? ev->capture_ms : cdc_clock_wall_ms());
    cdc_writer_copy(w, ",\"data\":", 8);
    return true;
}

/* The rest behind "gtid":" */
static bool put_end(cdc_canal_encoder *enc, cdc_writer *w, const cdc_event *ev)
{
    const char *gtid = ev->gtid != NULL ? ev->gtid : "";
    if (!cdc_writer_text(w, gtid, strlen(gtid), &enc->replaced) || !cdc_writer_room(w, 64)) {
        return false;
    }
    cdc_writer_copy(w, "\",\"serverId\":\"", 14);
    put_kept(w, &enc->server_id, ev->server_id);
    cdc_writer_copy(w, "\"}", 2);
    return true;
}

/* --- messages --- */

static cdc_rc put_images(cdc_canal_encoder *enc, cdc_writer *w, const cdc_form *form,
                         const cdc_event *ev, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    const cdc_value *row = ev->op == CDC_OP_DELETE ? ev->before : ev->after;
    if (!cdc_writer_str(w, "[{")) {
        return cdc_fault_memory(tbl, err);
    }
    cdc_rc rc = put_row(enc, w, form, tbl, row, err);
    if (rc == CDC_OK &&
        !cdc_writer_str(w, ev->op == CDC_OP_UPDATE ? "}],\"old\":[{" : "}],\"old\":null")) {
        rc = cdc_fault_memory(tbl, err);
    }
    if (rc == CDC_OK && ev->op == CDC_OP_UPDATE) {
        rc = put_old(enc, w, form, ev, err);
        if (rc == CDC_OK && !cdc_writer_str(w, "}]")) {
            rc = cdc_fault_memory(tbl, err);
        }
    }
    if (rc == CDC_OK && (!put_types(w, form, row) || !put_end(enc, w, ev))) {
        rc = cdc_fault_memory(tbl, err);
    }
    return rc;
}

static cdc_rc encode_value(cdc_canal_encoder *enc, const cdc_form *form, const cdc_event *ev,
                           cdc_buffer *value, cdc_error *err)
{
    static const char names[][8] = {"INSERT", "UPDATE", "DELETE"};
    cdc_writer w;
    if (!cdc_writer_begin(&w, value)) {
        return cdc_fault_memory(ev->table, err);
    }
    cdc_rc rc = CDC_OK;
    if (!put_id(&w, ev->id) || !cdc_writer_room(&w, form->head.n + 8)) {
        rc = cdc_fault_memory(ev->table, err);
    } else {
        cdc_writer_copy(&w, form->head.p, form->head.n);
        cdc_writer_copy(&w, names[ev->op - CDC_OP_INSERT], 6);
        rc = put_times(enc, &w, ev) ? put_images(enc, &w, form, ev, err)
                                    : cdc_fault_memory(ev->table, err);
    }
    cdc_writer_end(&w);
    return rc;
}

static cdc_rc put_key_column(cdc_canal_encoder *enc, cdc_writer *w, const cdc_table *tbl,
                             const cdc_column *col, const cdc_value *v, cdc_error *err)
{
    if (v->kind == CDC_ABSENT) {
        return cdc_fault_absent(tbl, col, err);
    }
    if (v->kind == CDC_NULL) {
        return cdc_fault_key(tbl, col, err);
    }
    cdc_canal_fault fault = NULL;
    cdc_writer_copy(w, ",\"", 2); /* what was written before left the pad free */
    if (!cdc_canal_value_write(w, &enc->opt, col, v, &enc->replaced, &fault)) {
        return cdc_fault_value(tbl, col, fault, err);
    }
    *w->p++ = '"';
    return CDC_OK;
}

static cdc_rc encode_key(cdc_canal_encoder *enc, const cdc_form *form, const cdc_event *ev,
                         cdc_buffer *key, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    const cdc_value *row = ev->op == CDC_OP_DELETE ? ev->before : ev->after;
    cdc_writer w;
    if (!cdc_writer_begin(&w, key)) {
        return cdc_fault_memory(tbl, err);
    }
    if (!cdc_writer_room(&w, form->key.n)) {
        cdc_writer_end(&w);
        return cdc_fault_memory(tbl, err);
    }
    cdc_writer_copy_padded(&w, form->key.p, form->key.n);
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < tbl->nkeys && rc == CDC_OK; i++) {
        uint16_t col = tbl->keys[i];
        rc = put_key_column(enc, &w, tbl, &tbl->cols[col], &row[col], err);
    }
    *w.p++ = ']';
    cdc_writer_end(&w);
    return rc;
}

cdc_rc cdc_canal_encode_key(cdc_canal_encoder *enc, const cdc_event *ev, cdc_buffer *key,
                            cdc_error *err)
{
    const cdc_form *form = find_form(enc, ev->table);
    return form != NULL ? encode_key(enc, form, ev, key, err) : cdc_fault_memory(ev->table, err);
}

static cdc_rc encode_row(cdc_canal_encoder *enc, const cdc_event *ev, cdc_buffer *key,
                         cdc_buffer *value, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    cdc_rc rc = cdc_fault_images(ev, err);
    if (rc != CDC_OK) {
        return rc;
    }
    const cdc_form *form = find_form(enc, tbl);
    if (form == NULL) {
        return cdc_fault_memory(tbl, err);
    }
    rc = encode_key(enc, form, ev, key, err);
    return rc == CDC_OK ? encode_value(enc, form, ev, value, err) : rc;
}

static bool put_string(cdc_canal_encoder *enc, cdc_writer *w, const char *lead, const char *s,
                       size_t n)
{
    return cdc_writer_str(w, lead) && cdc_writer_text(w, s, n, &enc->replaced) &&
           cdc_writer_str(w, "\"");
}

static bool put_ddl(cdc_canal_encoder *enc, cdc_writer *w, const cdc_event *ev)
{
    return put_id(w, ev->id) &&
           put_string(enc, w, ",\"database\":\"", ev->ddl_database, strlen(ev->ddl_database)) &&
           put_string(enc, w, ",\"table\":\"", ev->ddl_table, strlen(ev->ddl_table)) &&
           cdc_writer_str(w, ",\"pkNames\":null,\"isDdl\":true,\"type\":\"") &&
           cdc_writer_str(w, cdc_ddl_name((cdc_ddl)ev->ddl)) && put_times(enc, w, ev) &&
           put_string(enc, w, "null,\"old\":null,\"sql\":\"", ev->sql, ev->sql_len) &&
           cdc_writer_str(w, ",\"sqlType\":null,\"mysqlType\":null,\"gtid\":\"") &&
           put_end(enc, w, ev);
}

static cdc_rc encode_ddl(cdc_canal_encoder *enc, const cdc_event *ev, cdc_buffer *key,
                         cdc_buffer *value, cdc_error *err)
{
    cdc_writer w;
    bool ok = cdc_writer_begin(&w, key);
    if (ok) {
        ok = put_string(enc, &w, "[\"", ev->ddl_database, strlen(ev->ddl_database)) &&
             put_string(enc, &w, ",\"", ev->ddl_table, strlen(ev->ddl_table)) &&
             cdc_writer_str(&w, "]");
        cdc_writer_end(&w);
    }
    if (ok && (ok = cdc_writer_begin(&w, value))) {
        ok = put_ddl(enc, &w, ev);
        cdc_writer_end(&w);
    }
    return ok ? CDC_OK : cdc_fault_ddl_memory(ev, err);
}

static cdc_rc encode_any(cdc_canal_encoder *enc, const cdc_event *events, uint32_t n,
                         cdc_buffer *key, cdc_buffer *value, cdc_error *err)
{
    const cdc_event *ev = &events[0];
    if (ev->id > CDC_CANAL_NUMBER_MAX) {
        return cdc_fault_number("id", ev, err);
    }
    if (ev->source_ms > CDC_CANAL_NUMBER_MAX || ev->source_ms < -CDC_CANAL_NUMBER_MAX) {
        return cdc_fault_number("es", ev, err);
    }
    if (ev->op == CDC_OP_COMMAND) {
        return cdc_canal_commands_encode(events, n, key, value)
                   ? CDC_OK
                   : cdc_fault_commands_memory(events, n, err);
    }
    if (ev->op == CDC_OP_DDL) {
        return encode_ddl(enc, ev, key, value, err);
    }
    if (ev->op < CDC_OP_INSERT || ev->op > CDC_OP_DELETE || ev->table == NULL) {
        return cdc_error_set(err, CDC_FATAL, "event_kind", "an event of kind %s has no message",
                             cdc_op_name((cdc_op)ev->op));
    }
    return encode_row(enc, ev, key, value, err);
}

cdc_rc cdc_canal_encode(cdc_canal_encoder *enc, const cdc_event *events, uint32_t n,
                        cdc_buffer *key, cdc_buffer *value, cdc_error *err)
{
    size_t key_start = key->len;
    size_t value_start = value->len;
    cdc_rc rc = encode_any(enc, events, n, key, value, err);
    cdc_bytes key_bytes = {key->data + key_start, key->len - key_start};
    size_t value_len = value->len - value_start;
    if (rc == CDC_OK && key_bytes.len + value_len > enc->opt.max_bytes) {
        rc = cdc_fault_size(enc->opt.max_bytes, events, key_bytes, value_len, err);
    } else if (rc != CDC_OK && value->failed) {
        rc = cdc_fault_size(enc->opt.max_bytes, events, key_bytes, 0, err);
    }
    if (rc != CDC_OK) {
        key->len = key_start;
        value->len = value_start;
    }
    return rc;
}

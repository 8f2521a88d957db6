#include "schema/canal_json/form.h"

#include <stdlib.h>

#include "schema/mysql_type.h"

enum { FORM_PAD = 32 };

/* While the text grows it may move, so pieces are offsets first: p is made from the offset at the
 * end. */
typedef struct cdc_maker {
    cdc_form *form;
    cdc_writer w;
    size_t start;     /* of the piece being made */
    uint64_t ignored; /* names are valid UTF-8 by contract */
} cdc_maker;

static size_t maker_at(const cdc_maker *mk)
{
    return (size_t)(mk->w.p - mk->form->text.data);
}

static bool maker_string(cdc_maker *mk, const char *s)
{
    return cdc_writer_str(&mk->w, "\"") && cdc_writer_text(&mk->w, s, strlen(s), &mk->ignored) &&
           cdc_writer_str(&mk->w, "\"");
}

/* Ends the piece that began where the last one ended. */
static void maker_cut(cdc_maker *mk, cdc_piece *piece)
{
    size_t at = maker_at(mk);
    *piece = (cdc_piece){NULL, at - mk->start};
    mk->start = at;
}

static bool make_head(cdc_maker *mk, const cdc_table *tbl)
{
    cdc_writer *w = &mk->w;
    bool ok = cdc_writer_str(w, ",\"database\":") && maker_string(mk, tbl->database) &&
              cdc_writer_str(w, ",\"table\":") && maker_string(mk, tbl->name) &&
              cdc_writer_str(w, ",\"pkNames\":");
    for (uint32_t i = 0; i < tbl->nkeys && ok; i++) {
        ok =
            cdc_writer_str(w, i == 0 ? "[" : ",") && maker_string(mk, tbl->cols[tbl->keys[i]].name);
    }
    ok = ok && cdc_writer_str(w, tbl->nkeys == 0 ? "null" : "]") &&
         cdc_writer_str(w, ",\"isDdl\":false,\"type\":\"");
    maker_cut(mk, &mk->form->head);
    return ok;
}

static bool make_key(cdc_maker *mk, const cdc_table *tbl)
{
    bool ok = cdc_writer_str(&mk->w, "[") && maker_string(mk, tbl->database) &&
              cdc_writer_str(&mk->w, ",") && maker_string(mk, tbl->name);
    maker_cut(mk, &mk->form->key);
    return ok;
}

static bool make_columns(cdc_maker *mk, const cdc_table *tbl)
{
    bool ok = true;
    for (uint32_t i = 0; i < tbl->ncols && ok; i++) {
        ok = cdc_writer_str(&mk->w, i == 0 ? "" : ",") && maker_string(mk, tbl->cols[i].name) &&
             cdc_writer_str(&mk->w, ":\"");
        maker_cut(mk, &mk->form->cols[i]);
    }
    return ok;
}

static bool make_slot(cdc_maker *mk, const cdc_table *tbl, uint32_t col)
{
    const cdc_column *column = &tbl->cols[col];
    cdc_mysql_range range;
    if (!column->is_unsigned || !cdc_mysql_type_range(column, &range) ||
        range.wide_type == column->java_type) {
        return false;
    }
    cdc_slot *slot = &mk->form->slots[mk->form->nslots++];
    *slot = (cdc_slot){.col = col,
                       .small_max = range.small_max,
                       .small = column->java_type,
                       .wide = range.wide_type};
    maker_cut(mk, &slot->lead);
    return true;
}

static bool make_sql_types(cdc_maker *mk, const cdc_table *tbl)
{
    bool ok = cdc_writer_str(&mk->w, ",\"sql\":\"\",\"sqlType\":{");
    for (uint32_t i = 0; i < tbl->ncols && ok; i++) {
        ok = cdc_writer_str(&mk->w, i == 0 ? "" : ",") && maker_string(mk, tbl->cols[i].name) &&
             cdc_writer_str(&mk->w, ":") && cdc_writer_room(&mk->w, 0);
        if (ok && !make_slot(mk, tbl, i)) {
            mk->w.p = cdc_write_i64(mk->w.p, tbl->cols[i].java_type);
        }
    }
    return ok;
}

static bool make_tail(cdc_maker *mk, const cdc_table *tbl)
{
    bool ok = make_sql_types(mk, tbl) && cdc_writer_str(&mk->w, "},\"mysqlType\":{");
    for (uint32_t i = 0; i < tbl->ncols && ok; i++) {
        ok = cdc_writer_str(&mk->w, i == 0 ? "" : ",") && maker_string(mk, tbl->cols[i].name) &&
             cdc_writer_str(&mk->w, ":") && maker_string(mk, tbl->cols[i].type_text);
    }
    ok = ok && cdc_writer_str(&mk->w, "},\"gtid\":\"");
    maker_cut(mk, &mk->form->tail);
    return ok;
}

/* In the order in which the pieces were cut. */
static void place_pieces(cdc_form *form, uint32_t ncols)
{
    const char *at = form->text.data;
    cdc_piece *const fixed[] = {&form->head, &form->key};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        fixed[i]->p = at;
        at += fixed[i]->n;
    }
    for (uint32_t i = 0; i < ncols; i++) {
        form->cols[i].p = at;
        at += form->cols[i].n;
    }
    for (uint32_t i = 0; i < form->nslots; i++) {
        form->slots[i].lead.p = at;
        at += form->slots[i].lead.n;
    }
    form->tail.p = at;
}

bool cdc_form_init(cdc_form *form, const cdc_table *tbl)
{
    cdc_buffer_init(&form->text, SIZE_MAX / 2);
    form->cols = calloc(tbl->ncols, sizeof *form->cols);
    form->slots = calloc(tbl->ncols, sizeof *form->slots);
    cdc_maker mk = {.form = form};
    if (form->cols == NULL || form->slots == NULL || !cdc_writer_begin(&mk.w, &form->text) ||
        !make_head(&mk, tbl) || !make_key(&mk, tbl) || !make_columns(&mk, tbl) ||
        !make_tail(&mk, tbl) || !cdc_writer_room(&mk.w, FORM_PAD)) {
        cdc_form_fini(form);
        return false;
    }
    memset(mk.w.p, 0, FORM_PAD);
    cdc_writer_end(&mk.w);
    place_pieces(form, tbl->ncols);
    form->uid = tbl->uid;
    form->bytes = form->text.cap + tbl->ncols * (sizeof *form->cols + sizeof *form->slots);
    return true;
}

void cdc_form_fini(cdc_form *form)
{
    free(form->cols);
    free(form->slots);
    cdc_buffer_fini(&form->text);
    *form = (cdc_form){0};
}

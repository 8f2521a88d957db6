#include "schema/canal_json/text.h"

#include <stdlib.h>

#include "schema/canal_json/canal.h"
#include "schema/canal_json/reader.h"

struct cdc_canal_text {
    cdc_canal_options opt;
    cdc_buffer json;        /* with escapes */
    cdc_canal_encoder *enc; /* of keys; made with the first */
};

cdc_rc cdc_canal_text_new(cdc_canal_text **out, const cdc_env *env, cdc_error *err)
{
    cdc_canal_text *ct = calloc(1, sizeof *ct);
    *out = ct;
    if (ct == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for texts to hash");
    }
    cdc_buffer_init(&ct->json, CDC_MESSAGE_BYTES_MAX);
    cdc_rc rc = cdc_canal_options_read(env, &ct->opt, err);
    if (rc != CDC_OK) {
        cdc_canal_text_free(ct);
        *out = NULL;
    }
    return rc;
}

void cdc_canal_text_free(cdc_canal_text *ct)
{
    if (ct != NULL) {
        cdc_buffer_fini(&ct->json);
        cdc_canal_encoder_free(ct->enc);
        free(ct);
    }
}

cdc_rc cdc_canal_text_add(cdc_canal_text *ct, const cdc_column *col, const cdc_value *v,
                          cdc_buffer *out, cdc_error *err)
{
    cdc_writer w;
    cdc_canal_fault fault = NULL;
    uint64_t replaced = 0;
    cdc_buffer_reset(&ct->json);
    bool good = cdc_writer_begin(&w, &ct->json) && cdc_writer_room(&w, 64) &&
                cdc_canal_value_write(&w, &ct->opt, col, v, &replaced, &fault);
    if (good) {
        cdc_writer_end(&w);
    }
    char *to = good ? cdc_buffer_reserve(out, ct->json.len + 1) : NULL;
    if (to == NULL) {
        return cdc_error_set(err, CDC_FATAL, fault != NULL ? "value_refused" : "no_memory",
                             "column %s (%s): %s", col->name, col->type_text,
                             fault != NULL ? fault : "out of memory for the text to hash");
    }
    cdc_reader_text text = {.raw = {(const uint8_t *)ct->json.data, ct->json.len},
                            .escaped = memchr(ct->json.data, '\\', ct->json.len) != NULL};
    out->len += cdc_reader_unescape(text, to);
    return CDC_OK;
}

cdc_rc cdc_canal_text_key(cdc_canal_text *ct, const cdc_event *ev, cdc_buffer *out, cdc_error *err)
{
    if (ct->enc == NULL && (ct->enc = cdc_canal_encoder_new(&ct->opt)) == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for keys to hash");
    }
    return cdc_canal_encode_key(ct->enc, ev, out, err);
}

/* The codec "canal-json": options of the task file, and encoder and decoder behind core/plugin.h.
 */
#include "schema/codec.h"

#include <stdlib.h>
#include <strings.h>

#include "schema/canal_json/canal.h"

typedef struct cdc_canal_codec {
    cdc_canal_options opt;
    cdc_canal_encoder *enc; /* made at first use: a program mostly needs one of the two */
    cdc_canal_decoder *dec;
    cdc_metric *replaced; /* NULL: nobody counts */
    uint64_t replaced_told;
} cdc_canal_codec;

static bool two_digits(const char *s, int *out)
{
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9') {
        return false;
    }
    *out = (s[0] - '0') * 10 + (s[1] - '0');
    return true;
}

bool cdc_canal_zone(const char *name, int32_t *offset_s)
{
    int hours = 0;
    int minutes = 0;
    *offset_s = 0;
    if (strcasecmp(name, "UTC") == 0 || strcasecmp(name, "Z") == 0) {
        return true;
    }
    if (strlen(name) != 6 || (name[0] != '+' && name[0] != '-') || name[3] != ':' ||
        !two_digits(name + 1, &hours) || !two_digits(name + 4, &minutes) || minutes > 59 ||
        hours * 60 + minutes > 14 * 60) {
        return false;
    }
    *offset_s = (hours * 60 + minutes) * (name[0] == '-' ? -60 : 60);
    return true;
}

cdc_rc cdc_canal_options_read(const cdc_env *env, cdc_canal_options *opt, cdc_error *err)
{
    const cdc_config *cfg = env->task->cfg;
    const char *binary = cdc_config_str(cfg, "message.binary");
    const char *zone = cdc_config_str(cfg, "message.time_zone");
    opt->binary = strcmp(binary, "base64") == 0 ? CDC_BINARY_BASE64
                  : strcmp(binary, "hex") == 0  ? CDC_BINARY_HEX
                                                : CDC_BINARY_LATIN1;
    opt->labels = strcmp(cdc_config_str(cfg, "message.enum"), "label") == 0;
    opt->max_bytes = env->task->oversize == CDC_OVERSIZE_FAIL
                         ? (uint64_t)cdc_config_int(cfg, "message.max_bytes")
                         : CDC_MESSAGE_BYTES_MAX;
    if (!cdc_canal_zone(zone, &opt->zone_offset_s)) {
        (void)cdc_error_set(
            err, CDC_FATAL, "time_zone",
            "%s: message.time_zone \"%s\" is not supported; give UTC or an offset such as +02:00",
            cdc_config_where(cfg, "message.time_zone"), zone);
        err->exit = CDC_EXIT_USAGE;
        return CDC_FATAL;
    }
    return CDC_OK;
}

static cdc_rc canal_open(void **codec, const cdc_env *env, cdc_error *err)
{
    *codec = NULL;
    cdc_canal_options opt;
    cdc_rc rc = cdc_canal_options_read(env, &opt, err);
    if (rc != CDC_OK) {
        return rc;
    }
    cdc_canal_codec *cc = calloc(1, sizeof *cc);
    if (cc == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the codec");
    }
    cc->opt = opt;
    if (env->metrics != NULL) {
        cc->replaced = cdc_metrics_number(
            env->metrics, CDC_COUNTER, "sluice_text_replaced_total", "codec=\"canal-json\"",
            "Bytes of text that were not valid UTF-8 and were published as U+FFFD");
    }
    *codec = cc;
    return CDC_OK;
}

static cdc_rc canal_encode(void *codec, const cdc_event *events, uint32_t n, cdc_buffer *key,
                           cdc_buffer *value, cdc_error *err)
{
    cdc_canal_codec *cc = codec;
    if (cc->enc == NULL && (cc->enc = cdc_canal_encoder_new(&cc->opt)) == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the encoder");
    }
    cdc_rc rc = cdc_canal_encode(cc->enc, events, n, key, value, err);
    uint64_t replaced = cdc_canal_encoder_replaced(cc->enc);
    if (replaced != cc->replaced_told && cc->replaced != NULL) {
        cdc_metric_add(cc->replaced, (int64_t)(replaced - cc->replaced_told));
        cc->replaced_told = replaced;
    }
    return rc;
}

static cdc_rc canal_decode(void *codec, cdc_bytes key, cdc_bytes value, cdc_batch *batch,
                           cdc_error *err)
{
    cdc_canal_codec *cc = codec;
    (void)key; /* all that the key says is in the value, too */
    if (cc->dec == NULL && (cc->dec = cdc_canal_decoder_new(&cc->opt)) == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the decoder");
    }
    return cdc_canal_decode(cc->dec, value, batch, err);
}

static void canal_close(void *codec)
{
    cdc_canal_codec *cc = codec;
    if (cc != NULL) {
        cdc_canal_encoder_free(cc->enc);
        cdc_canal_decoder_free(cc->dec);
        free(cc);
    }
}

const cdc_codec cdc_canal_json_codec = {
    .name = "canal-json",
    .open = canal_open,
    .encode = canal_encode,
    .decode = canal_decode,
    .close = canal_close,
};

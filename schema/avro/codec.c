/* The codec "avro": options of the task file, the schema registry, and encoder and decoder behind
 * core/plugin.h. */
#include "schema/codec.h"

#include <stdlib.h>

#include "schema/avro/avro.h"
#include "schema/avro/precheck.h"
#include "schema/registry/registry.h"

typedef struct cdc_avro_codec {
    cdc_avro_options opt;
    cdc_registry *registry;
    cdc_avro_ids ids;
    cdc_avro_encoder *enc; /* made at first use: a program mostly needs one of the two */
    cdc_avro_decoder *dec;
    cdc_metric *replaced; /* NULL: nobody counts */
    uint64_t replaced_told;
} cdc_avro_codec;

static cdc_rc ask_id(void *arg, const char *subject, const char *schema, int32_t *id,
                     cdc_error *err)
{
    return cdc_registry_id(arg, subject, schema, id, err);
}

static cdc_rc ask_schema(void *arg, int32_t id, const char **schema, cdc_error *err)
{
    return cdc_registry_schema(arg, id, false, schema, err);
}

static cdc_rc ask_anew(void *arg, int32_t id, const char **schema, cdc_error *err)
{
    return cdc_registry_schema(arg, id, true, schema, err);
}

static void ask_place(void *arg, int32_t id, cdc_buffer *out)
{
    cdc_registry_place(arg, id, out);
}

static uint32_t ask_generation(void *arg)
{
    return cdc_registry_generation(arg);
}

/* Unless the file says: one subject for each topic where a table has a topic of its own, since all
 * versions under a subject must be compatible with each other; otherwise one for each record. */
static cdc_avro_subjects subjects_of(const cdc_config *cfg, bool generic)
{
    const char *given = cdc_config_str(cfg, "message.registry.subjects");
    if (given == NULL) {
        bool apart = strstr(cdc_config_str(cfg, "topics.data"), "{table}") != NULL;
        return apart || generic ? CDC_AVRO_TOPIC : CDC_AVRO_TOPIC_RECORD;
    }
    return strcmp(given, "topic") == 0    ? CDC_AVRO_TOPIC
           : strcmp(given, "record") == 0 ? CDC_AVRO_RECORD
                                          : CDC_AVRO_TOPIC_RECORD;
}

static void read_options(const cdc_env *env, cdc_avro_options *opt)
{
    const cdc_config *cfg = env->task->cfg;
    const char *temporal = cdc_config_str(cfg, "message.avro.temporal");
    opt->task = env->task->name;
    opt->generic = strcmp(cdc_config_str(cfg, "message.avro.layout"), "generic") == 0;
    opt->temporal = strcmp(temporal, "string") == 0   ? CDC_AVRO_STRING
                    : strcmp(temporal, "strict") == 0 ? CDC_AVRO_STRICT
                                                      : CDC_AVRO_MIXED;
    opt->subjects = subjects_of(cfg, opt->generic);
    opt->max_bytes = env->task->oversize == CDC_OVERSIZE_FAIL
                         ? (uint64_t)cdc_config_int(cfg, "message.max_bytes")
                         : CDC_MESSAGE_BYTES_MAX;
}

static cdc_rc avro_open(void **codec, const cdc_env *env, cdc_error *err)
{
    *codec = NULL;
    cdc_avro_codec *ac = calloc(1, sizeof *ac);
    if (ac == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the codec");
    }
    read_options(env, &ac->opt);
    cdc_rc rc = cdc_registry_new(&ac->registry, env->task, err);
    if (rc != CDC_OK) {
        free(ac);
        return rc;
    }
    ac->ids = (cdc_avro_ids){ac->registry, ask_id, ask_schema, ask_anew, ask_place, ask_generation};
    if (env->metrics != NULL) {
        ac->replaced = cdc_metrics_number(
            env->metrics, CDC_COUNTER, "sluice_text_replaced_total", "codec=\"avro\"",
            "Bytes of text that were not valid UTF-8 and were published as U+FFFD");
    }
    *codec = ac;
    return CDC_OK;
}

static cdc_rc avro_encode(void *codec, const cdc_event *events, uint32_t n, cdc_buffer *key,
                          cdc_buffer *value, cdc_error *err)
{
    cdc_avro_codec *ac = codec;
    if (ac->enc == NULL && (ac->enc = cdc_avro_encoder_new(&ac->opt, &ac->ids)) == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the encoder");
    }
    cdc_rc rc = cdc_avro_encode(ac->enc, events, n, key, value, err);
    uint64_t replaced = cdc_avro_encoder_replaced(ac->enc);
    if (replaced != ac->replaced_told && ac->replaced != NULL) {
        cdc_metric_add(ac->replaced, (int64_t)(replaced - ac->replaced_told));
        ac->replaced_told = replaced;
    }
    return rc;
}

static cdc_rc avro_decode(void *codec, cdc_bytes key, cdc_bytes value, cdc_batch *batch,
                          cdc_error *err)
{
    cdc_avro_codec *ac = codec;
    (void)key; /* all that the key says is in the value, too */
    if (ac->dec == NULL && (ac->dec = cdc_avro_decoder_new(&ac->ids)) == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the decoder");
    }
    return cdc_avro_decode(ac->dec, value, batch, err);
}

static void avro_close(void *codec)
{
    cdc_avro_codec *ac = codec;
    if (ac != NULL) {
        cdc_avro_encoder_free(ac->enc);
        cdc_avro_decoder_free(ac->dec);
        cdc_registry_free(ac->registry);
        free(ac);
    }
}

static cdc_rc avro_precheck(const cdc_env *env, cdc_topic_of topic_of, cdc_checklist *list,
                            cdc_error *err)
{
    cdc_avro_options opt;
    read_options(env, &opt);
    return cdc_avro_precheck(env, &opt, topic_of, list, err);
}

const cdc_codec cdc_avro_codec_plugin = {
    .name = "avro",
    .by_topic = true,
    .key_changes = true,
    .open = avro_open,
    .encode = avro_encode,
    .decode = avro_decode,
    .close = avro_close,
    .precheck = avro_precheck,
};

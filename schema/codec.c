#include "codec.h"

const cdc_codec *cdc_codec_find(const char *name)
{
    static const cdc_codec *const codecs[] = {&cdc_canal_json_codec, &cdc_avro_codec_plugin};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (strcmp(name, codecs[i]->name) == 0) {
            return codecs[i];
        }
    }
    return NULL;
}

/* The codecs that this build has, by the name that message.format gives. */
#ifndef CDC_CODEC_H
#define CDC_CODEC_H

#include "core/plugin.h"

extern const cdc_codec cdc_canal_json_codec;
extern const cdc_codec cdc_avro_codec_plugin;

/* Of all codecs, for a precheck. */
extern const cdc_check cdc_codec_checks[];

/* NULL: there is no such codec (the option table refuses such names before). */
const cdc_codec *cdc_codec_find(const char *name);

#endif

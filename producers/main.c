/* The program sluice-capture-<database>: the capture loop with the one source it is linked with. */
#include "capture.h"
#include "core/program.h"
#include "schema/codec.h"
#include "topics/properties.h"

extern const cdc_source CDC_SOURCE; /* set by the build */
extern const cdc_option *const cdc_all_options[];
extern const cdc_check *const cdc_all_checks[];

static cdc_rc cdc_capture_main(const cdc_env *env, bool until_caught_up, cdc_error *err)
{
    const cdc_codec *codec = cdc_codec_find(cdc_config_str(env->task->cfg, "message.format"));
    const char *type = env->task->source_type;
    if (type == NULL || strcmp(type, CDC_SOURCE.name) != 0) {
        cdc_error_set(err, CDC_FATAL, "usage",
                      "the task has source.type %s, and this program captures %s",
                      type != NULL ? type : "unset", CDC_SOURCE.name);
        err->exit = CDC_EXIT_USAGE;
        return CDC_FATAL;
    }
    return cdc_capture_run(env, &CDC_SOURCE, codec, until_caught_up, err);
}

int main(int argc, char **argv)
{
    const cdc_program prog = {.name = "capture",
                              .tables = cdc_all_options,
                              .run = cdc_capture_main,
                              .precheck = CDC_SOURCE.precheck,
                              .checks = cdc_all_checks,
                              .check = cdc_properties_check};
    return cdc_program_main(&prog, argc, argv);
}

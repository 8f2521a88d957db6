/* The program sluice-apply-<database>: the replay loop with the one sink it is linked with. */
#include "core/program.h"
#include "replay.h"
#include "schema/codec.h"
#include "topics/properties.h"

extern const cdc_sink CDC_SINK; /* set by the build */
extern const cdc_option *const cdc_all_options[];
extern const cdc_check *const cdc_all_checks[];

static cdc_rc cdc_apply_main(const cdc_env *env, bool until_caught_up, cdc_error *err)
{
    const cdc_codec *codec = cdc_codec_find(cdc_config_str(env->task->cfg, "message.format"));
    const char *type = env->task->target_type;
    if (type == NULL || strcmp(type, CDC_SINK.name) != 0) {
        cdc_error_set(err, CDC_FATAL, "usage",
                      "the task has target.type %s, and this program applies to %s",
                      type != NULL ? type : "unset", CDC_SINK.name);
        err->exit = CDC_EXIT_USAGE;
        return CDC_FATAL;
    }
    return cdc_replay_run(env, &CDC_SINK, codec, until_caught_up, err);
}

int main(int argc, char **argv)
{
    const cdc_program prog = {.name = "apply",
                              .tables = cdc_all_options,
                              .run = cdc_apply_main,
                              .precheck = CDC_SINK.precheck,
                              .checks = cdc_all_checks,
                              .check = cdc_properties_check};
    return cdc_program_main(&prog, argc, argv);
}

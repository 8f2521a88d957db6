#include "command.h"
#include "core/log.h"

cdc_rc cdc_command_open(cdc_command_env *ce, const char *path, cdc_error *err)
{
    cdc_log_set_level(
        CDC_LOG_ERROR); /* a command's answer is its own, on stdout and in one line of failure */
    return cdc_command_load(ce, path, err);
}

cdc_rc cdc_command_load(cdc_command_env *ce, const char *path, cdc_error *err)
{
    *ce = (cdc_command_env){.selection = NULL};
    cdc_rc rc = cdc_task_load(&ce->task, path, cdc_all_options, err);
    if (rc == CDC_OK) {
        rc = cdc_selection_new(&ce->selection, ce->task.cfg, err);
    }
    if (rc != CDC_OK) {
        cdc_command_close(ce);
        return rc;
    }
    ce->metrics = cdc_metrics_new("sluice", ce->task.name);
    ce->env = (cdc_env){.task = &ce->task, .selection = ce->selection, .metrics = ce->metrics};
    return CDC_OK;
}

void cdc_command_close(cdc_command_env *ce)
{
    cdc_metrics_free(ce->metrics);
    cdc_selection_free(ce->selection);
    cdc_task_fini(&ce->task);
}

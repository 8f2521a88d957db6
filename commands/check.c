#include "command.h"

#define OUTPUT_BYTES_MAX (4 * 1024 * 1024)

/* The selection in words, as comments below the options. */
static void cdc_check_selection(const cdc_task *task, const cdc_selection *selection,
                                cdc_buffer *out)
{
    const cdc_rules *rules = cdc_selection_rules(selection);
    cdc_buffer_add_str(out, "# What is captured:\n");
    cdc_selection_print(selection, "# - ", out);
    if (task->phase_full && !cdc_rules_operation(rules, CDC_OP_INSERT)) {
        cdc_buffer_add_str(out, "# - the phase full publishes nothing: its rows are inserts\n");
    }
    if (task->phase_schema && !cdc_rules_operation(rules, CDC_OP_DDL)) {
        cdc_buffer_add_str(out, "# - the phase schema publishes nothing: definitions are ddl\n");
    }
}

int cdc_command_check(int argc, char **argv)
{
    cdc_error err;
    cdc_task task;
    cdc_buffer out;
    if (argc != 2 || argv[1][0] == '-') {
        return cdc_command_usage("check", "usage: sluice check TASK.yaml");
    }
    cdc_error_clear(&err);
    if (cdc_task_load(&task, argv[1], cdc_all_options, &err) != CDC_OK) {
        return cdc_command_failed(&err);
    }
    cdc_selection *selection = NULL;
    if (cdc_selection_new(&selection, task.cfg, &err) != CDC_OK) {
        cdc_task_fini(&task);
        return cdc_command_failed(&err);
    }
    cdc_buffer_init(&out, OUTPUT_BYTES_MAX);
    cdc_config_print(task.cfg, &out);
    if (task.source_type != NULL) {
        cdc_check_selection(&task, selection, &out);
    }
    int code = cdc_command_print(&out);
    cdc_buffer_fini(&out);
    cdc_selection_free(selection);
    cdc_task_fini(&task);
    return code;
}

int cdc_command_document(int argc, char **argv)
{
    cdc_buffer out;
    (void)argv;
    if (argc != 1) {
        return cdc_command_usage("document-options", "it takes no arguments");
    }
    cdc_buffer_init(&out, OUTPUT_BYTES_MAX);
    cdc_config_document(cdc_all_options, &out);
    int code = cdc_command_print(&out);
    cdc_buffer_fini(&out);
    return code;
}

/* capture and apply: the program of the task's database takes over the process. */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "command.h"

cdc_rc cdc_command_program(const char *kind, const char *type, char *path, size_t size,
                           cdc_error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL) {
        return cdc_error_refuse(err, "program", "cannot find the running program: %s",
                                strerror(errno));
    }
    *slash = '\0';
    int len = snprintf(path, size, "%s/sluice-%s-%s", self, kind, type);
    if (len >= (int)size || access(path, X_OK) != 0) {
        return cdc_error_refuse(err, "program",
                                "the program %s is missing; it belongs beside sluice, install it",
                                path);
    }
    return CDC_OK;
}

/* The task's file among the arguments; the program itself judges the others. */
static const char *cdc_exec_task(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--log-level") == 0) {
            i++;
        } else if (argv[i][0] != '-') {
            return argv[i];
        }
    }
    return NULL;
}

static int cdc_exec(int argc, char **argv, const char *kind, const char *end)
{
    char path[PATH_MAX];
    cdc_error err;
    cdc_task task;
    const char *file = cdc_exec_task(argc, argv);
    if (file == NULL) {
        return cdc_command_usage(kind, "usage: sluice %s TASK.yaml [--until-caught-up]", kind);
    }
    cdc_error_clear(&err);
    if (cdc_task_load(&task, file, cdc_all_options, &err) != CDC_OK) {
        return cdc_command_failed(&err);
    }
    const char *type = strcmp(kind, "capture") == 0 ? task.source_type : task.target_type;
    int code;
    if (type == NULL) {
        code = cdc_command_usage(kind, "the task %s has no %s", file, end);
    } else if (cdc_command_program(kind, type, path, sizeof path, &err) != CDC_OK) {
        code = cdc_command_failed(&err);
    } else {
        execv(path, argv);
        cdc_error_refuse(&err, "program", "cannot run %s: %s", path, strerror(errno));
        code = cdc_command_failed(&err);
    }
    cdc_task_fini(&task);
    return code;
}

int cdc_command_capture(int argc, char **argv)
{
    return cdc_exec(argc, argv, "capture", "source");
}

int cdc_command_apply(int argc, char **argv)
{
    return cdc_exec(argc, argv, "apply", "target");
}

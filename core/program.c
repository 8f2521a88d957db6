#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>

#include "http.h"
#include "log.h"
#include "stop.h"

typedef struct cdc_arguments {
    const char *task;
    bool until_caught_up;
    bool precheck;
} cdc_arguments;

enum { PRECHECK_BYTES_MAX = 1024 * 1024 * 1024 };

static bool cdc_program_set_level(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0) {
            cdc_log_set_level((cdc_log_level)i);
            return true;
        }
    }
    return false;
}

static cdc_rc cdc_program_arguments(const cdc_program *prog, int argc, char **argv,
                                    cdc_arguments *args, cdc_error *err)
{
    static const struct option options[] = {{"until-caught-up", no_argument, NULL, 'u'},
                                            {"log-level", required_argument, NULL, 'l'},
                                            {"log-json", no_argument, NULL, 'j'},
                                            {"precheck", no_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'u') {
            args->until_caught_up = true;
        } else if (c == 'p') {
            args->precheck = true;
        } else if (c == 'j') {
            cdc_log_set_json(true);
        } else if (c != 'l' || !cdc_program_set_level(optarg)) {
            cdc_error_set(err, CDC_FATAL, "usage", "%s: unknown argument %s; see sluice %s --help",
                          prog->name, argv[optind - 1], prog->name);
            err->exit = CDC_EXIT_USAGE;
            return CDC_FATAL;
        }
    }
    if (argc - optind != 1) {
        cdc_error_set(err, CDC_FATAL, "usage", "usage: sluice %s TASK.yaml [--until-caught-up]",
                      prog->name);
        err->exit = CDC_EXIT_USAGE;
        return CDC_FATAL;
    }
    args->task = argv[optind];
    return CDC_OK;
}

static cdc_rc cdc_program_http(const cdc_program *prog, const cdc_env *env, cdc_http **http,
                               cdc_error *err)
{
    char path[256];
    const cdc_task *task = env->task;
    if (mkdir(task->state_dir, 0755) != 0 && errno != EEXIST) {
        return cdc_error_refuse(err, "state_dir",
                                "state_dir %s cannot be made: %s; create it or set state_dir",
                                task->state_dir, strerror(errno));
    }
    snprintf(path, sizeof path, "%s/%s.%s.sock", task->state_dir, task->name, prog->name);
    /* One listen address in the file, two programs: the applier of a task that also captures takes
     * the next port. */
    const char *listen = cdc_config_str(task->cfg, "metrics.listen");
    char next[64];
    const char *colon = listen != NULL ? strrchr(listen, ':') : NULL;
    if (colon != NULL && task->source_type != NULL && strcmp(prog->name, "apply") == 0) {
        snprintf(next, sizeof next, "%.*s:%ld", (int)(colon - listen), listen,
                 strtol(colon + 1, NULL, 10) + 1);
        listen = next;
    }
    return cdc_http_start(http, env->metrics, listen, path, err);
}

/* *again: another run is due, by the task file as it is now. */
static cdc_rc cdc_program_run(const cdc_program *prog, const cdc_arguments *args, cdc_task *task,
                              bool *again, cdc_error *err)
{
    cdc_selection *selection = NULL;
    cdc_http *http = NULL;
    cdc_reload *reload = NULL;
    cdc_metrics *metrics = cdc_metrics_new(prog->name, task->name);
    cdc_env env = {.task = task, .metrics = metrics};
    cdc_rc rc = cdc_selection_new(&selection, task->cfg, err);
    if (rc != CDC_OK) {
        goto out;
    }
    rc = cdc_limits_init(&env.limits, task->cfg, err);
    if (rc != CDC_OK) {
        goto out;
    }
    env.selection = selection;
    rc = cdc_program_http(prog, &env, &http, err);
    if (rc != CDC_OK) {
        goto out;
    }
    rc = cdc_reload_start(&reload, args->task, prog->tables, &env, prog->check, err);
    if (rc != CDC_OK) {
        goto out;
    }
    rc = prog->run(&env, args->until_caught_up, err);
out:
    *again = rc == CDC_OK && cdc_reload_again(reload) && cdc_stop_take_back();
    cdc_reload_stop(reload);
    cdc_http_stop(http);
    cdc_limits_fini(&env.limits);
    cdc_selection_free(selection);
    cdc_metrics_free(metrics);
    return rc;
}

/* --- precheck --- */

static cdc_rc cdc_program_read_findings(cdc_checklist *list, cdc_error *err)
{
    cdc_buffer in;
    cdc_buffer_init(&in, PRECHECK_BYTES_MAX);
    size_t n = 1;
    while (n > 0) {
        char *to = cdc_buffer_reserve(&in, 65536);
        n = to != NULL ? fread(to, 1, 65536, stdin) : 0;
        in.len += n;
    }
    cdc_rc rc = in.len > 0 ? cdc_checklist_decode(list, in.data, in.len, err) : CDC_OK;
    cdc_buffer_fini(&in);
    return rc;
}

static cdc_rc cdc_program_write_findings(const cdc_checklist *list, cdc_error *err)
{
    cdc_buffer out;
    cdc_buffer_init(&out, PRECHECK_BYTES_MAX);
    cdc_buffer_add_char(&out, '{');
    cdc_checklist_encode(list, true, &out);
    cdc_buffer_add_str(&out, "}\n");
    bool written = !out.failed && !list->failed &&
                   fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    cdc_buffer_fini(&out);
    return written ? CDC_OK : cdc_error_set(err, CDC_FATAL, "precheck", "stdout cannot be written");
}

static cdc_rc cdc_program_precheck(const cdc_program *prog, const cdc_task *task, cdc_error *err)
{
    cdc_selection *selection = NULL;
    cdc_checklist list;
    cdc_checklist_init(&list, prog->checks);
    cdc_metrics *metrics = cdc_metrics_new(prog->name, task->name);
    cdc_rc rc = cdc_selection_new(&selection, task->cfg, err);
    cdc_env env = {.task = task, .metrics = metrics, .selection = selection};
    if (rc == CDC_OK) {
        rc = cdc_program_read_findings(&list, err);
    }
    if (rc == CDC_OK) {
        rc = prog->precheck(&env, &list, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_program_write_findings(&list, err);
    }
    cdc_selection_free(selection);
    cdc_metrics_free(metrics);
    cdc_checklist_fini(&list);
    return rc;
}

static cdc_rc cdc_program_once(const cdc_program *prog, const cdc_arguments *args, bool *again,
                               cdc_error *err)
{
    cdc_task task = {0};
    *again = false;
    cdc_rc rc = cdc_task_load(&task, args->task, prog->tables, err);
    if (rc == CDC_OK) {
        cdc_log_set_context(prog->name, task.name);
        rc = args->precheck ? cdc_program_precheck(prog, &task, err)
                            : cdc_program_run(prog, args, &task, again, err);
    }
    if (rc == CDC_OK && !args->precheck && !*again) {
        CDC_LOG(CDC_LOG_INFO, "stopped",
                CDC_STR("reason", cdc_stop_requested() ? "signal" : "done"));
    } else if (rc != CDC_OK) {
        cdc_log_error("failed", err);
    }
    cdc_log_set_context(prog->name, NULL); /* the task's name goes with the task */
    cdc_task_fini(&task);
    return rc;
}

int cdc_program_main(const cdc_program *prog, int argc, char **argv)
{
    cdc_error err;
    cdc_arguments args = {0};
    bool again = true;
    cdc_error_clear(&err);
    cdc_reload_block();
    cdc_stop_install();
    cdc_log_set_context(prog->name, NULL);
    cdc_rc rc = cdc_program_arguments(prog, argc, argv, &args, &err);
    if (rc != CDC_OK) {
        cdc_log_error("failed", &err);
    }
    while (rc == CDC_OK && again) {
        rc = cdc_program_once(prog, &args, &again, &err);
    }
    return rc == CDC_OK ? CDC_EXIT_OK : (int)err.exit;
}

#include "reload.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "log.h"
#include "stop.h"

struct cdc_reload {
    const char *path;
    const cdc_option *const *tables;
    const cdc_env *env;
    cdc_reload_check *check;
    cdc_task newest; /* the last file that was taken; cfg NULL: none yet. The thread's */
    pthread_t thread;
    _Atomic bool ending, again;
};

static void cdc_reload_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGHUP);
}

void cdc_reload_block(void)
{
    sigset_t set;
    cdc_reload_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* Everything that would refuse the file at a start. */
static cdc_rc cdc_reload_read(const cdc_reload *rl, cdc_task *task, cdc_error *err)
{
    cdc_selection *selection = NULL;
    cdc_rc rc = cdc_task_load(task, rl->path, rl->tables, err);
    if (rc == CDC_OK) {
        rc = cdc_selection_new(&selection, task->cfg, err);
        cdc_selection_free(selection);
        const cdc_env env = {.task = task};
        rc = rc == CDC_OK && rl->check != NULL ? rl->check(&env, err) : rc;
        if (rc != CDC_OK) {
            cdc_task_fini(task);
        }
    }
    return rc;
}

typedef struct cdc_changes {
    bool limits; /* which of the two is wanted */
    cdc_buffer names;
} cdc_changes;

static void cdc_changes_add(void *arg, const char *path)
{
    cdc_changes *changes = arg;
    if (cdc_limits_option(path) == changes->limits) {
        cdc_buffer_addf(&changes->names, "%s%s", changes->names.len > 0 ? " " : "", path);
    }
}

void cdc_reload_now(cdc_reload *rl)
{
    enum { NAMES_MAX = 4096 };
    cdc_error err;
    cdc_task task;
    cdc_error_clear(&err);
    if (cdc_reload_read(rl, &task, &err) != CDC_OK) {
        CDC_LOG(CDC_LOG_WARN, "task_file_refused", CDC_STR("error", err.text),
                CDC_STR("effect", "nothing is changed"));
        return;
    }
    const cdc_config *last = rl->newest.cfg != NULL ? rl->newest.cfg : rl->env->task->cfg;
    cdc_changes rates = {.limits = true};
    cdc_changes others = {.limits = false};
    cdc_buffer_init(&rates.names, NAMES_MAX);
    cdc_buffer_init(&others.names, NAMES_MAX);
    cdc_config_changes(last, task.cfg, cdc_changes_add, &rates);
    cdc_config_changes(rl->env->task->cfg, task.cfg, cdc_changes_add, &others);
    cdc_limits_set(&rl->env->limits, task.cfg);
    CDC_LOG(CDC_LOG_INFO, "task_file_read", CDC_STR("file", rl->path),
            CDC_STR("changed", cdc_buffer_cstr(&rates.names)));
    if (strcmp(cdc_buffer_cstr(&others.names), "kafka") == 0) {
        CDC_LOG(CDC_LOG_INFO, "restart", CDC_STR("file", rl->path), CDC_STR("changed", "kafka"));
        atomic_store(&rl->again, true);
        cdc_stop_request();
    } else if (others.names.len > 0) {
        CDC_LOG(CDC_LOG_WARN, "restart_needed", CDC_STR("file", rl->path),
                CDC_STR("changed", cdc_buffer_cstr(&others.names)));
    }
    cdc_buffer_fini(&rates.names);
    cdc_buffer_fini(&others.names);
    cdc_task_fini(&rl->newest);
    rl->newest = task;
}

static void *cdc_reload_main(void *arg)
{
    cdc_reload *rl = arg;
    sigset_t set;
    int signo;
    cdc_reload_set(&set);
    while (sigwait(&set, &signo) == 0 && !atomic_load(&rl->ending)) {
        cdc_reload_now(rl);
    }
    return NULL;
}

cdc_rc cdc_reload_start(cdc_reload **out, const char *path, const cdc_option *const *tables,
                        const cdc_env *env, cdc_reload_check *check, cdc_error *err)
{
    cdc_reload *rl = calloc(1, sizeof *rl);
    *out = rl;
    if (rl != NULL) {
        rl->path = path;
        rl->tables = tables;
        rl->env = env;
        rl->check = check;
    }
    if (rl == NULL || pthread_create(&rl->thread, NULL, cdc_reload_main, rl) != 0) {
        free(rl);
        *out = NULL;
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "out of memory or threads to wait for SIGHUP");
    }
    return CDC_OK;
}

bool cdc_reload_again(const cdc_reload *rl)
{
    return rl != NULL && atomic_load(&rl->again);
}

void cdc_reload_stop(cdc_reload *rl)
{
    if (rl == NULL) {
        return;
    }
    atomic_store(&rl->ending, true);
    pthread_kill(rl->thread, SIGHUP);
    pthread_join(rl->thread, NULL);
    cdc_task_fini(&rl->newest);
    free(rl);
}

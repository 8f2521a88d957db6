/* run: capture and apply as children of this process, which starts them again when they die.
 *
 * Who ends how:
 *   - SIGTERM or SIGINT to us goes on to both; we end when they have ended.
 *   - A child that ends with 2 or 3 (bad task file, start refused) ends everything with that code.
 *   - A child that is killed, or ends with 1, is started again, for as long as retry.other_minutes
 * says.
 *   - A capture that has done all it was asked for ends with 0. What it left in Kafka is then
 * applied by a second life of the applier, which ends when it has caught up; so does everything.
 *   - SIGHUP to us goes on to both, which read the task file again (core/reload.h).
 *   - When we die, the kernel sends SIGTERM to both.
 *
 * A task that has no checkpoint yet is prechecked first. What fails there ends the run with 3, but
 * for what may pass by itself, which the children wait for. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/retry.h"
#include "core/stop.h"
#include "precheck.h"
#include "topics/checkpoint.h"

#define STABLE_MS 30000 /* a child that lived so long has recovered from what was before */
#define STOP_MS 30000   /* then a child that does not end is killed */
#define ARGS_MAX 8

typedef enum cdc_child_state {
    CDC_CHILD_NONE, /* the task has no such end, or it has done its work */
    CDC_CHILD_RUNNING,
    CDC_CHILD_WAITING, /* to be started again at restart_ms */
} cdc_child_state;

typedef struct cdc_child {
    const char *kind; /* "capture", "apply" */
    char path[PATH_MAX];
    cdc_child_state state;
    pid_t pid;
    bool until_caught_up;
    bool replaced; /* told to end, to be started again with until_caught_up */
    int64_t started_ms, restart_ms;
    cdc_retry retry;
} cdc_child;

typedef struct cdc_run {
    const char *file;
    bool until_caught_up; /* asked for by the user */
    bool finite;          /* the capture ends by itself */
    const char *log_level;
    bool log_json;
    bool skip_precheck;
    cdc_child capture, apply;
    bool stopping;
    int64_t stop_ms;
    int code; /* exit code so far */
    sigset_t signals, old_signals;
} cdc_run;

static void cdc_run_exec(const cdc_run *run, const cdc_child *child, pid_t parent)
{
    const char *args[ARGS_MAX] = {child->kind, run->file};
    size_t n = 2;
    if (child->until_caught_up) {
        args[n++] = "--until-caught-up";
    }
    if (run->log_level != NULL) {
        args[n++] = "--log-level";
        args[n++] = run->log_level;
    }
    if (run->log_json) {
        args[n++] = "--log-json";
    }
    /* SIGHUP stays blocked until the program waits for it: it must not die of one before that */
    sigset_t signals = run->old_signals;
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent) { /* else it died before prctl */
        execv(child->path, (char *const *)(uintptr_t)args);
    }
    _exit(CDC_EXIT_REFUSED);
}

static void cdc_run_start(cdc_run *run, cdc_child *child)
{
    pid_t self = getpid();
    child->pid = fork();
    if (child->pid == 0) {
        cdc_run_exec(run, child, self);
    }
    child->started_ms = cdc_clock_mono_ms();
    if (child->pid < 0) {
        CDC_LOG(CDC_LOG_ERROR, "fork_failed", CDC_STR("child", child->kind),
                CDC_STR("error", strerror(errno)));
        child->state = CDC_CHILD_WAITING;
        child->restart_ms = child->started_ms + 1000;
        return;
    }
    child->state = CDC_CHILD_RUNNING;
    CDC_LOG(CDC_LOG_INFO, "child_started", CDC_STR("child", child->kind),
            CDC_NUM("pid", child->pid));
}

static void cdc_run_stop(cdc_run *run, int code)
{
    cdc_child *children[] = {&run->capture, &run->apply};
    run->code = run->code != 0 ? run->code : code;
    if (!run->stopping) {
        run->stopping = true;
        run->stop_ms = cdc_clock_mono_ms();
    }
    for (size_t i = 0; i < 2; i++) {
        if (children[i]->state == CDC_CHILD_RUNNING) {
            kill(children[i]->pid, SIGTERM);
        } else {
            children[i]->state = CDC_CHILD_NONE;
        }
    }
}

static void cdc_run_reload(const cdc_run *run)
{
    const cdc_child *const children[] = {&run->capture, &run->apply};
    for (size_t i = 0; i < 2; i++) {
        if (children[i]->state == CDC_CHILD_RUNNING) {
            kill(children[i]->pid, SIGHUP);
        }
    }
}

/* Capture is done: what it left in Kafka is applied by an applier that ends. */
static void cdc_run_finish(cdc_run *run)
{
    cdc_child *apply = &run->apply;
    apply->until_caught_up = true;
    if (apply->state == CDC_CHILD_RUNNING) {
        apply->replaced = true;
        kill(apply->pid, SIGTERM);
    }
}

static void cdc_run_again(cdc_run *run, cdc_child *child, int status)
{
    int64_t wait_ms = 0;
    int64_t now = cdc_clock_mono_ms();
    bool killed = WIFSIGNALED(status);
    int code = killed ? CDC_EXIT_FAILED : WEXITSTATUS(status);
    if (now - child->started_ms > STABLE_MS) {
        cdc_retry_success(&child->retry);
    }
    if (!killed && run->until_caught_up) {
        cdc_run_stop(run, CDC_EXIT_FAILED); /* who waits for the end wants to know */
        return;
    }
    bool again = cdc_retry_failure(&child->retry, &wait_ms);
    CDC_LOG(CDC_LOG_WARN, again ? "child_restarts" : "child_given_up",
            CDC_STR("child", child->kind), CDC_STR("cause", killed ? "signal" : "exit"),
            CDC_NUM("number", killed ? WTERMSIG(status) : code), CDC_NUM("wait_ms", wait_ms));
    if (!again) {
        cdc_run_stop(run, CDC_EXIT_FAILED);
        return;
    }
    child->state = CDC_CHILD_WAITING;
    child->restart_ms = now + wait_ms;
}

static void cdc_run_ended(cdc_run *run, cdc_child *child, int status)
{
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == CDC_EXIT_OK;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : CDC_EXIT_FAILED;
    child->state = CDC_CHILD_NONE;
    CDC_LOG(CDC_LOG_INFO, "child_ended", CDC_STR("child", child->kind), CDC_NUM("pid", child->pid),
            CDC_NUM("code", code));
    if (run->stopping) {
        run->code = run->code != 0 ? run->code : code;
    } else if (child->replaced) {
        child->replaced = false;
        cdc_run_start(run, child);
    } else if (code == CDC_EXIT_USAGE || code == CDC_EXIT_REFUSED) {
        cdc_run_stop(run, code);
    } else if (good && child == &run->capture && run->finite) {
        cdc_run_finish(run);
    } else if (!good || !child->until_caught_up) {
        cdc_run_again(run, child, status);
    }
}

static void cdc_run_reap(cdc_run *run)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (run->capture.state == CDC_CHILD_RUNNING && pid == run->capture.pid) {
            cdc_run_ended(run, &run->capture, status);
        } else if (run->apply.state == CDC_CHILD_RUNNING && pid == run->apply.pid) {
            cdc_run_ended(run, &run->apply, status);
        }
    }
}

/* Starts what is due, kills what does not end, and returns when something is due next. */
static int64_t cdc_run_due(cdc_run *run)
{
    cdc_child *children[] = {&run->capture, &run->apply};
    int64_t now = cdc_clock_mono_ms();
    int64_t wait = 60000;
    for (size_t i = 0; i < 2; i++) {
        cdc_child *child = children[i];
        if (child->state == CDC_CHILD_WAITING && child->restart_ms <= now) {
            cdc_run_start(run, child);
        }
        if (child->state == CDC_CHILD_WAITING && child->restart_ms - now < wait) {
            wait = child->restart_ms - now;
        }
        if (run->stopping && child->state == CDC_CHILD_RUNNING) {
            wait = 1000;
            if (now - run->stop_ms > STOP_MS) {
                CDC_LOG(CDC_LOG_ERROR, "child_killed", CDC_STR("child", child->kind),
                        CDC_STR("cause", "it did not end after SIGTERM"));
                kill(child->pid, SIGKILL);
            }
        }
    }
    return wait;
}

static void cdc_run_loop(cdc_run *run)
{
    while (run->capture.state != CDC_CHILD_NONE || run->apply.state != CDC_CHILD_NONE) {
        int64_t wait_ms = cdc_run_due(run);
        struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
        int signo = sigtimedwait(&run->signals, NULL, &wait);
        if (signo == SIGTERM || signo == SIGINT) {
            cdc_run_stop(run, CDC_EXIT_OK);
        } else if (signo == SIGHUP) {
            cdc_run_reload(run);
        }
        cdc_run_reap(run);
    }
}

static cdc_rc cdc_run_child(cdc_run *run, cdc_child *child, const char *kind, const char *type,
                            const cdc_task *task, cdc_error *err)
{
    child->kind = kind;
    child->state = type != NULL ? CDC_CHILD_WAITING : CDC_CHILD_NONE;
    /* beside a capture the applier first runs without an end */
    child->until_caught_up =
        run->until_caught_up && (child == &run->capture || task->source_type == NULL);
    cdc_retry_init(&child->retry, task->retry_other_ms);
    if (type == NULL) {
        return CDC_OK;
    }
    return cdc_command_program(kind, type, child->path, sizeof child->path, err);
}

static int cdc_run_arguments(cdc_run *run, int argc, char **argv)
{
    static const struct option options[] = {{"until-caught-up", no_argument, NULL, 'u'},
                                            {"log-level", required_argument, NULL, 'l'},
                                            {"log-json", no_argument, NULL, 'j'},
                                            {"skip-precheck", no_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'u') {
            run->until_caught_up = true;
        } else if (c == 's') {
            run->skip_precheck = true;
        } else if (c == 'l') {
            run->log_level = optarg;
        } else if (c == 'j') {
            run->log_json = true;
            cdc_log_set_json(true);
        } else {
            return cdc_command_usage("run", "unknown argument %s", argv[optind - 1]);
        }
    }
    if (argc - optind != 1) {
        return cdc_command_usage("run", "usage: sluice run TASK.yaml [--until-caught-up]");
    }
    run->file = argv[optind];
    return CDC_EXIT_OK;
}

/* --- precheck --- */

/* Has the task never come to a checkpoint? A task that only applies has none. */
static bool cdc_run_is_first(const cdc_command_env *ce)
{
    cdc_arena ar;
    cdc_checkpoint checkpoint;
    cdc_error err;
    if (ce->task.source_type == NULL) {
        return true;
    }
    cdc_error_clear(&err);
    cdc_arena_init(&ar, 4096, 64 * 1024 * 1024);
    cdc_rc rc = cdc_checkpoint_read(&ce->env, &ar, &checkpoint, &err);
    cdc_arena_fini(&ar);
    if (rc != CDC_OK && rc != CDC_EOF) {
        CDC_LOG(CDC_LOG_WARN, "precheck_skipped", CDC_STR("error", err.text));
    }
    return rc == CDC_EOF;
}

static bool cdc_run_log_item(const cdc_check_item *item)
{
    bool blocks = item->status == CDC_CHECK_FAIL && !item->passing;
    if (item->status != CDC_CHECK_PASS && !item->ignored) {
        CDC_LOG(blocks ? CDC_LOG_ERROR : CDC_LOG_WARN, "precheck", CDC_STR("item", item->name),
                CDC_STR("status", cdc_check_status_name(item->status)),
                CDC_STR("object", item->object), CDC_STR("reason", item->reason),
                CDC_STR("cure", item->cure));
    }
    return blocks;
}

static cdc_rc cdc_run_precheck(const cdc_run *run, const cdc_command_env *ce, cdc_error *err)
{
    cdc_checklist list;
    size_t blocking = 0;
    if (run->skip_precheck || !cdc_run_is_first(ce)) {
        return CDC_OK;
    }
    cdc_checklist_init(&list, cdc_all_checks);
    cdc_rc rc = cdc_precheck_task(ce, run->file, &list, err);
    for (size_t i = 0; rc == CDC_OK && i < list.n; i++) {
        blocking += cdc_run_log_item(&list.items[i]) ? 1 : 0;
    }
    if (blocking > 0) {
        rc = cdc_error_refuse(err, "precheck",
                              "the precheck of task %s fails (%zu of %zu checks, see above; sluice "
                              "precheck shows all): mend them, or start with --skip-precheck",
                              ce->task.name, blocking, list.n);
    }
    cdc_checklist_fini(&list);
    return rc;
}

static int cdc_run_supervise(cdc_run *run)
{
    sigemptyset(&run->signals);
    sigaddset(&run->signals, SIGTERM);
    sigaddset(&run->signals, SIGINT);
    sigaddset(&run->signals, SIGCHLD);
    sigaddset(&run->signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &run->signals, &run->old_signals);
    if (!cdc_stop_requested()) {
        cdc_run_loop(run);
    }
    return run->code;
}

int cdc_command_run(int argc, char **argv)
{
    cdc_run run = {.file = NULL};
    cdc_command_env ce;
    cdc_error err;
    int code = cdc_run_arguments(&run, argc, argv);
    if (code != CDC_EXIT_OK) {
        return code;
    }
    cdc_error_clear(&err);
    cdc_stop_install();
    cdc_rc rc = cdc_command_load(&ce, run.file, &err);
    if (rc != CDC_OK) {
        return cdc_command_failed(&err);
    }
    const cdc_task *task = &ce.task;
    run.finite = run.until_caught_up || !task->phase_incremental;
    rc = cdc_run_child(&run, &run.capture, "capture", task->source_type, task, &err);
    if (rc == CDC_OK) {
        rc = cdc_run_child(&run, &run.apply, "apply", task->target_type, task, &err);
    }
    if (rc == CDC_OK) {
        cdc_log_set_context("run", task->name);
        rc = cdc_run_precheck(&run, &ce, &err);
    }
    if (rc == CDC_OK || cdc_stop_requested()) {
        code = cdc_run_supervise(&run);
    } else {
        cdc_log_error("failed", &err);
        code = (int)err.exit;
    }
    cdc_log_set_context(NULL, NULL);
    cdc_command_close(&ce);
    return code;
}

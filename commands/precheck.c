/* precheck: everything that can be known before a start, one line for each check and object. */
#include "precheck.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/stop.h"
#include "schema/codec.h"
#include "topics/precheck.h"
#include "topics/router_names.h"

enum {
    ANSWER_BYTES_MAX = 1024 * 1024 * 1024,
    IGNORE_MAX = 64,
    LINES_MAX = 20, /* of one check; --json has all */
};

/* --- the programs --- */

typedef struct cdc_answer {
    pid_t pid;
    FILE *question; /* its stdin */
    int pipe;       /* its stdout */
} cdc_answer;

static void cdc_precheck_exec(const char *program, const char *file, int in, int out)
{
    const char *args[] = {program, file, "--precheck", "--log-level", "error", NULL};
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
        execv(program, (char *const *)(uintptr_t)args);
    }
    _exit(CDC_EXIT_REFUSED);
}

/* stdin is a file, so that nobody waits for anybody. */
static cdc_rc cdc_precheck_start(cdc_answer *answer, const char *program, const char *file,
                                 const cdc_buffer *question, cdc_error *err)
{
    int ends[2];
    answer->question = tmpfile();
    if (answer->question == NULL ||
        fwrite(question->data, 1, question->len, answer->question) != question->len ||
        fflush(answer->question) != 0 || fseek(answer->question, 0, SEEK_SET) != 0 ||
        pipe(ends) != 0) {
        return cdc_error_set(err, CDC_FATAL, "precheck", "cannot start %s: %s", program,
                             strerror(errno));
    }
    fflush(stdout);
    answer->pipe = ends[0];
    answer->pid = fork();
    if (answer->pid == 0) {
        cdc_precheck_exec(program, file, fileno(answer->question), ends[1]);
    }
    close(ends[1]);
    return answer->pid > 0 ? CDC_OK
                           : cdc_error_set(err, CDC_FATAL, "precheck", "cannot start %s: %s",
                                           program, strerror(errno));
}

static void cdc_precheck_read(const cdc_answer *answer, cdc_buffer *out)
{
    ssize_t n = 1;
    while (n != 0 && !cdc_stop_requested()) {
        char *to = cdc_buffer_reserve(out, 65536);
        n = to != NULL ? read(answer->pipe, to, 65536) : 0;
        out->len += n > 0 ? (size_t)n : 0;
        if (n < 0 && errno != EINTR) {
            return;
        }
    }
}

static cdc_rc cdc_precheck_wait(cdc_answer *answer, const char *program, cdc_error *err)
{
    int status = 0;
    if (cdc_stop_requested()) {
        kill(answer->pid, SIGTERM);
    }
    while (waitpid(answer->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == CDC_EXIT_OK) {
        return CDC_OK;
    }
    cdc_error_set(err, CDC_FATAL, "precheck", "%s could not do its checks (see above)", program);
    if (WIFEXITED(status)) {
        err->exit = (cdc_exit)WEXITSTATUS(status);
    }
    return CDC_FATAL;
}

/* Asks a program; what it found is added to the list, and its catalog taken if ours is empty. */
static cdc_rc cdc_precheck_ask(const char *kind, const char *type, const char *file,
                               cdc_checklist *list, cdc_checklist *found, cdc_error *err)
{
    char program[PATH_MAX];
    cdc_answer answer = {.pipe = -1};
    cdc_buffer text;
    cdc_buffer_init(&text, ANSWER_BYTES_MAX);
    cdc_rc rc = cdc_command_program(kind, type, program, sizeof program, err);
    if (rc == CDC_OK) {
        cdc_buffer_add_str(&text, "{\"items\":[],\"catalog\":");
        cdc_catalog_encode(&list->catalog, &text);
        cdc_buffer_add_char(&text, '}');
        rc = cdc_precheck_start(&answer, program, file, &text, err);
    }
    if (rc == CDC_OK) {
        cdc_buffer_reset(&text);
        cdc_precheck_read(&answer, &text);
        rc = cdc_precheck_wait(&answer, program, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_checklist_decode(found, text.data, text.len, err);
    }
    if (answer.question != NULL) {
        fclose(answer.question);
    }
    if (answer.pipe >= 0) {
        close(answer.pipe);
    }
    cdc_buffer_fini(&text);
    if (rc == CDC_OK) {
        cdc_checklist_append(list, found);
    }
    return rc;
}

/* --- all of it --- */

cdc_rc cdc_precheck_source(const cdc_command_env *ce, const char *file, cdc_checklist *list,
                           cdc_error *err)
{
    cdc_checklist found;
    cdc_checklist_init(&found, cdc_all_checks);
    cdc_rc rc = cdc_precheck_ask("capture", ce->task.source_type, file, list, &found, err);
    if (rc == CDC_OK) { /* the catalog changes its owner */
        cdc_catalog empty = list->catalog;
        list->catalog = found.catalog;
        found.catalog = empty;
    }
    cdc_checklist_fini(&found);
    return rc;
}

static cdc_rc cdc_precheck_target(const char *type, const char *file, cdc_checklist *list,
                                  cdc_error *err)
{
    cdc_checklist found;
    cdc_checklist_init(&found, cdc_all_checks);
    cdc_rc rc = cdc_precheck_ask("apply", type, file, list, &found, err);
    cdc_checklist_fini(&found);
    return rc;
}

static cdc_rc cdc_precheck_format(const cdc_env *env, cdc_checklist *list, cdc_error *err)
{
    const cdc_codec *codec = cdc_codec_find(cdc_config_str(env->task->cfg, "message.format"));
    return codec != NULL && codec->precheck != NULL
               ? codec->precheck(env, cdc_router_topic_of, list, err)
               : CDC_OK;
}

cdc_rc cdc_precheck_ignore(cdc_checklist *list, const char *name, cdc_error *err)
{
    const char *near = NULL;
    if (cdc_check_find(cdc_all_checks, name, &near) == NULL) {
        cdc_error_set(err, CDC_FATAL, "usage", "there is no check '%s' to be ignored%s%s%s", name,
                      near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                      near != NULL ? "'?" : "");
        err->exit = CDC_EXIT_USAGE;
        return CDC_FATAL;
    }
    for (size_t i = 0; i < list->n; i++) {
        cdc_check_item *item = &list->items[i];
        item->ignored =
            item->ignored || (item->status == CDC_CHECK_WARN && strcmp(item->name, name) == 0);
    }
    return CDC_OK;
}

cdc_rc cdc_precheck_task(const cdc_command_env *ce, const char *file, cdc_checklist *list,
                         cdc_error *err)
{
    const cdc_task *task = &ce->task;
    cdc_rc rc = CDC_OK;
    if (task->source_type != NULL) {
        rc = cdc_precheck_source(ce, file, list, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_topics_precheck(&ce->env, list, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_precheck_format(&ce->env, list, err);
    }
    if (rc == CDC_OK && task->target_type != NULL) {
        rc = cdc_precheck_target(task->target_type, file, list, err);
    }
    for (size_t i = 0; rc == CDC_OK && i < cdc_config_count(task->cfg, "precheck.ignore"); i++) {
        rc = cdc_precheck_ignore(list, cdc_config_item(task->cfg, "precheck.ignore", i), err);
    }
    return rc;
}

/* --- the command --- */

typedef struct cdc_precheck {
    const char *file;
    bool json;
    const char *ignore[IGNORE_MAX];
    size_t nignore;
} cdc_precheck;

static int cdc_precheck_arguments(cdc_precheck *pc, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"ignore", required_argument, NULL, 'i'},
                                            {NULL, 0, NULL, 0}};
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'j') {
            pc->json = true;
        } else if (c == 'i' && pc->nignore < IGNORE_MAX) {
            pc->ignore[pc->nignore++] = optarg;
        } else {
            return cdc_command_usage("precheck", "unknown argument %s", argv[optind - 1]);
        }
    }
    if (argc - optind != 1) {
        return cdc_command_usage("precheck",
                                 "usage: sluice precheck TASK.yaml [--json] [--ignore ITEM]...");
    }
    pc->file = argv[optind];
    return CDC_EXIT_OK;
}

static void cdc_precheck_line(cdc_buffer *out, const cdc_check_item *item)
{
    cdc_buffer_addf(out, "%-7s %-22s ",
                    item->ignored ? "ignored" : cdc_check_status_name(item->status), item->name);
    cdc_buffer_add_str(out, item->object);
    cdc_buffer_add_str(out, ": ");
    cdc_buffer_add_str(out, item->reason);
    if (item->cure[0] != '\0') {
        cdc_buffer_add_str(out, " | ");
        cdc_buffer_add_str(out, item->cure);
    }
    cdc_buffer_add_char(out, '\n');
}

static void cdc_precheck_lines(const cdc_checklist *list, cdc_buffer *out)
{
    for (const cdc_check *const *table = list->tables; *table != NULL; table++) {
        for (const cdc_check *check = *table; check->name != NULL; check++) {
            size_t n = 0;
            bool again = cdc_check_find(list->tables, check->name, NULL) != check;
            for (size_t i = 0; !again && i < list->n; i++) {
                if (strcmp(list->items[i].name, check->name) == 0 && n++ < LINES_MAX) {
                    cdc_precheck_line(out, &list->items[i]);
                }
            }
            if (n > LINES_MAX) {
                cdc_buffer_addf(out, "        %-22s ... and %zu more (--json has all)\n",
                                check->name, n - LINES_MAX);
            }
        }
    }
}

static int cdc_precheck_report(const cdc_precheck *pc, const cdc_command_env *ce,
                               const cdc_checklist *list)
{
    cdc_buffer out;
    size_t fails = cdc_checklist_count(list, CDC_CHECK_FAIL);
    size_t warns = cdc_checklist_count(list, CDC_CHECK_WARN);
    size_t ignored = 0;
    for (size_t i = 0; i < list->n; i++) {
        ignored += list->items[i].ignored ? 1 : 0;
    }
    bool good = fails == 0 && warns == ignored && !list->failed;
    cdc_buffer_init(&out, ANSWER_BYTES_MAX);
    if (pc->json) {
        cdc_buffer_add_str(&out, "{\"task\":");
        cdc_buffer_add_json(&out, ce->task.name, strlen(ce->task.name));
        cdc_buffer_addf(&out, ",\"passed\":%s,", good ? "true" : "false");
        cdc_checklist_encode(list, false, &out);
        cdc_buffer_add_str(&out, "}\n");
    } else {
        cdc_precheck_lines(list, &out);
    }
    int code = cdc_command_print(&out);
    cdc_buffer_fini(&out);
    if (code == CDC_EXIT_OK && !good) {
        fprintf(stderr,
                "sluice: the precheck of task %s does not pass: %zu fail, %zu warn, %zu of them "
                "ignored; mend them as the lines say, or --ignore a warning by its name\n",
                ce->task.name, fails, warns, ignored);
        code = CDC_EXIT_REFUSED;
    }
    return code;
}

int cdc_command_precheck(int argc, char **argv)
{
    cdc_precheck pc = {.file = NULL};
    cdc_command_env ce;
    cdc_checklist list;
    cdc_error err;
    int code = cdc_precheck_arguments(&pc, argc, argv);
    if (code != CDC_EXIT_OK) {
        return code;
    }
    cdc_error_clear(&err);
    if (cdc_command_open(&ce, pc.file, &err) != CDC_OK) {
        return cdc_command_failed(&err);
    }
    cdc_checklist_init(&list, cdc_all_checks);
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < pc.nignore; i++) { /* names first: it is quick */
        rc = cdc_precheck_ignore(&list, pc.ignore[i], &err);
    }
    if (rc == CDC_OK) {
        rc = cdc_precheck_task(&ce, pc.file, &list, &err);
    }
    for (size_t i = 0; rc == CDC_OK && i < pc.nignore; i++) {
        rc = cdc_precheck_ignore(&list, pc.ignore[i], &err);
    }
    code = rc == CDC_OK ? cdc_precheck_report(&pc, &ce, &list) : cdc_command_failed(&err);
    cdc_checklist_fini(&list);
    cdc_command_close(&ce);
    return code;
}

int cdc_command_document_checks(int argc, char **argv)
{
    cdc_buffer out;
    (void)argv;
    if (argc != 1) {
        return cdc_command_usage("document-checks", "it takes no arguments");
    }
    cdc_buffer_init(&out, ANSWER_BYTES_MAX);
    cdc_checklist_document(cdc_all_checks, cdc_all_check_titles, &out);
    int code = cdc_command_print(&out);
    cdc_buffer_fini(&out);
    return code;
}

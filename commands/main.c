#include <stdarg.h>
#include <unistd.h>

#include "command.h"

typedef struct cdc_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments;
    const char *summary; /* NULL: not listed */
    const char *help;
} cdc_command;

#define LOG_HELP                                                                                   \
    "  --log-level LEVEL   debug, info, warn or error [info]\n"                                    \
    "  --log-json          log lines as JSON\n"
#define RUN_EXITS                                                                                  \
    "\nEnds with 0 when stopped by SIGTERM or done, 1 when it failed, 2 for a bad task file, 3 "   \
    "when the start\nis refused. Prints event=ready when streaming begins.\n"

static const cdc_command commands[] = {
    {"check", cdc_command_check, "TASK.yaml", "read a task file, show what it means",
     "Prints the task with all defaults, secrets masked. Ends with 0, or 2 when the file is "
     "bad.\n"},
    {"precheck", cdc_command_precheck, "TASK.yaml [--json] [--ignore ITEM]...",
     "every check of both ends and Kafka, and how to mend what fails",
     "  --json         one JSON object\n"
     "  --ignore ITEM  a warning of this check is known and does not count; may be given again\n\n"
     "A line a check and object: pass, warn, fail or ignored, the check's name, the object, the "
     "reason, and\nwhat mends it. Changes nothing anywhere. Ends with 0 when nothing fails and "
     "every "
     "warning is ignored,\n2 for a bad task file, 3 otherwise.\n"},
    {"capture", cdc_command_capture, "TASK.yaml [--until-caught-up]",
     "source to Kafka, until SIGTERM",
     "  --until-caught-up   end when all that the source had at the start is in Kafka\n" LOG_HELP
         RUN_EXITS},
    {"apply", cdc_command_apply, "TASK.yaml [--until-caught-up]", "Kafka to target, until SIGTERM",
     "  --until-caught-up   end when all that Kafka had at the start is at the target\n" LOG_HELP
         RUN_EXITS},
    {"run", cdc_command_run, "TASK.yaml [--until-caught-up] [--skip-precheck]",
     "both as children, restarted when they die",
     "  --skip-precheck     start a new task without looking whether it could run\n"
     "  --until-caught-up   end when all that the source had at the start is at the target; a "
     "child "
     "that\n                      fails ends it, one that is killed is started again\n" LOG_HELP
         RUN_EXITS},
    {"status", cdc_command_status, "TASK.yaml [--json] [--watch]",
     "how the task's programs are doing",
     "  --json    one JSON object\n"
     "  --watch   again every second\n\n"
     "Ends with 0 when every program of the task runs and is healthy, else with 1. Run it where "
     "the programs\nrun, in the same folder, as state_dir holds their sockets.\n"},
    {"topics", cdc_command_topics, "TASK.yaml [create [--dry-run]]",
     "the task's topics; create makes what is missing",
     "Lists topics, partitions, and the first and next offset of each partition. create makes\n"
     "those that are missing; with --dry-run the brokers only say whether it could be done, and\n"
     "it is told with which settings. Where templates of topics have {database} or {table}, the\n"
     "source is asked for its tables.\n"},
    {"tail", cdc_command_tail, "TOPIC -b BROKERS", "print messages as they come",
     "  -b BROKERS        host:port,... of Kafka\n"
     "  --from WHERE      earliest, latest or time:ISO8601 [earliest]\n"
     "  --count N         end after N messages\n"
     "  -X NAME=VALUE     a librdkafka property\n\n"
     "A line a message: partition, offset, key, cdc header, value, with tabs between them. Only "
     "committed\nmessages.\n"},
    {"document-options", cdc_command_document, "", NULL, "Prints docs/configuration.md.\n"},
    {"document-checks", cdc_command_document_checks, "", NULL,
     "Prints the tables of docs/precheck.md.\n"},
};
#define NCOMMANDS (sizeof commands / sizeof commands[0])

int cdc_command_usage(const char *command, const char *fmt, ...)
{
    char text[CDC_ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fprintf(stderr, "sluice%s%s: %s; see sluice %s%s--help\n", command[0] != '\0' ? " " : "",
            command, text, command, command[0] != '\0' ? " " : "");
    return CDC_EXIT_USAGE;
}

int cdc_command_failed(const cdc_error *err)
{
    fprintf(stderr, "sluice: %s\n", err->text);
    return (int)err->exit;
}

int cdc_command_print(cdc_buffer *out)
{
    if (out->failed || fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout) != 0) {
        fprintf(stderr, "sluice: stdout cannot be written\n");
        return CDC_EXIT_FAILED;
    }
    return CDC_EXIT_OK;
}

static void cdc_main_help(FILE *to)
{
    fprintf(to,
            "sluice %s: databases in, Kafka in the middle, databases out\n\nusage: sluice "
            "COMMAND ...\n\n",
            SLUICE_VERSION);
    for (size_t i = 0; i < NCOMMANDS; i++) {
        if (commands[i].summary != NULL) {
            fprintf(to, "  %-8s %-30s %s\n", commands[i].name, commands[i].arguments,
                    commands[i].summary);
        }
    }
    fprintf(to, "\n  sluice COMMAND --help   options of a command, and of the task file\n"
                "  sluice --version\n");
}

static int cdc_main_command_help(const cdc_command *command)
{
    cdc_buffer out;
    cdc_buffer_init(&out, 1024 * 1024);
    cdc_buffer_addf(&out, "usage: sluice %s %s\n", command->name, command->arguments);
    if (command->summary != NULL) {
        cdc_buffer_addf(&out, "%s\n\n", command->summary);
    }
    cdc_buffer_add_str(&out, command->help);
    if (strncmp(command->arguments, "TASK", 4) == 0) {
        cdc_buffer_add_str(&out, "\nOptions of the task file (YAML):\n");
        cdc_config_help(cdc_all_options, &out);
    }
    int code = cdc_command_print(&out);
    cdc_buffer_fini(&out);
    return code;
}

static bool cdc_main_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const char *near = NULL;
    size_t best = 3;
    if (strcmp(name, "--version") == 0) {
        printf("sluice %s\n", SLUICE_VERSION);
        return CDC_EXIT_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        cdc_main_help(stdout);
        return CDC_EXIT_OK;
    }
    for (size_t i = 0; i < NCOMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return cdc_main_wants_help(argc - 1, argv + 1) ? cdc_main_command_help(&commands[i])
                                                           : commands[i].run(argc - 1, argv + 1);
        }
        size_t distance = cdc_config_distance(name, commands[i].name);
        if (distance < best) {
            best = distance;
            near = commands[i].name;
        }
    }
    if (name[0] == '\0') {
        cdc_main_help(stderr);
        return CDC_EXIT_USAGE;
    }
    return near != NULL
               ? cdc_command_usage("", "unknown command '%s'; did you mean '%s'?", name, near)
               : cdc_command_usage("", "unknown command '%s'", name);
}

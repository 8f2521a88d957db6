#include "topics/tail.h"
#include "command.h"
#include "core/stop.h"

#define PROPERTIES_MAX 64

typedef struct cdc_tail_state {
    int64_t left; /* messages to print, -1 = no end */
    bool broken;  /* stdout is gone */
} cdc_tail_state;

static void cdc_tail_field(const char *before, cdc_bytes bytes)
{
    fputs(before, stdout);
    if (bytes.p == NULL) {
        fputs("null", stdout);
        return;
    }
    /* a message of another writer may hold line breaks and tabs: one line stays one message */
    for (size_t i = 0; i < bytes.len; i++) {
        int c = (unsigned char)bytes.p[i];
        putchar_unlocked(c == '\n' || c == '\r' || c == '\t' ? ' ' : c);
    }
}

static bool cdc_tail_record(void *arg, const cdc_message *msg)
{
    cdc_tail_state *state = arg;
    printf("%d\t%lld", (int)msg->partition, (long long)msg->offset);
    cdc_tail_field("\t", msg->key);
    cdc_tail_field("\t", msg->header);
    cdc_tail_field("\t", msg->value);
    putchar_unlocked('\n');
    state->left -= state->left > 0 ? 1 : 0;
    state->broken = ferror(stdout) != 0;
    return state->left != 0 && !state->broken && !cdc_stop_requested();
}

static bool cdc_tail_idle(void *arg)
{
    cdc_tail_state *state = arg;
    state->broken = fflush(stdout) != 0;
    return !state->broken && !cdc_stop_requested();
}

static bool cdc_tail_from(const char *text, int64_t *from)
{
    if (strcmp(text, "earliest") == 0) {
        *from = CDC_OFFSET_EARLIEST;
        return true;
    }
    if (strcmp(text, "latest") == 0) {
        *from = CDC_OFFSET_LATEST;
        return true;
    }
    return strncmp(text, "time:", 5) == 0 && cdc_task_time(text + 5, from) && *from >= 0;
}

static int cdc_tail_arguments(int argc, char **argv, cdc_tail *tail, cdc_tail_state *state,
                              const char **properties)
{
    static const struct option options[] = {{"from", required_argument, NULL, 'f'},
                                            {"count", required_argument, NULL, 'c'},
                                            {"brokers", required_argument, NULL, 'b'},
                                            {NULL, 0, NULL, 0}};
    char *end;
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "b:X:", options, NULL)) != -1) {
        if (c == 'b') {
            tail->brokers = optarg;
        } else if (c == 'X' && tail->nproperties < PROPERTIES_MAX) {
            properties[tail->nproperties++] = optarg;
        } else if (c == 'f') {
            if (!cdc_tail_from(optarg, &tail->from)) {
                return cdc_command_usage("tail",
                                         "--from %s is not earliest, latest or "
                                         "time:2026-11-21T05:00:00Z",
                                         optarg);
            }
        } else if (c == 'c') {
            state->left = strtoll(optarg, &end, 10);
            if (*end != '\0' || end == optarg || state->left < 1) {
                return cdc_command_usage("tail", "--count %s is no number from 1", optarg);
            }
        } else {
            return cdc_command_usage("tail", "unknown argument %s", argv[optind - 1]);
        }
    }
    if (argc - optind != 1 || tail->brokers == NULL) {
        return cdc_command_usage("tail", "usage: sluice tail TOPIC -b BROKERS");
    }
    tail->topic = argv[optind];
    return CDC_EXIT_OK;
}

int cdc_command_tail(int argc, char **argv)
{
    const char *properties[PROPERTIES_MAX];
    cdc_tail_state state = {.left = -1};
    cdc_error err;
    cdc_tail tail = {.from = CDC_OFFSET_EARLIEST,
                     .properties = properties,
                     .record = cdc_tail_record,
                     .idle = cdc_tail_idle,
                     .arg = &state};
    int code = cdc_tail_arguments(argc, argv, &tail, &state, properties);
    if (code != CDC_EXIT_OK) {
        return code;
    }
    cdc_stop_install();
    cdc_error_clear(&err);
    if (cdc_tail_run(&tail, &err) != CDC_OK) {
        code = cdc_command_failed(&err);
    }
    fflush(stdout);
    return code;
}

/* status: asks the programs of a task over their unix sockets how they are; for a capture that does
 * not run, the checkpoint in Kafka tells how far it came. */
#include <jansson.h>
#include <unistd.h>

#include "command.h"
#include "core/clock.h"
#include "core/http.h"
#include "core/stop.h"
#include "topics/checkpoint.h"

#define ANSWER_BYTES_MAX (1024 * 1024)
#define WATCH_MS 1000

/* Numbers and words of a program's /status, by the names that people and scripts see. */
typedef struct cdc_status_field {
    const char *name;
    const char *from; /* member of /status; or_from when it is not there */
    const char *or_from;
} cdc_status_field;

static const cdc_status_field fields[] = {
    {"state", "state", NULL},
    {"phase", "phase", NULL},
    {"position", "position", NULL},
    {"rows", "sluice_rows_total", NULL},
    {"rows_per_second", "sluice_rows_per_second", NULL},
    {"bytes", "sluice_record_bytes_total", "sluice_bytes_total"},
    {"bytes_per_second", "sluice_record_bytes_per_second", "sluice_bytes_per_second"},
    {"lag_ms", "sluice_lag_ms", NULL},
    {"heartbeat", "heartbeat", NULL},
    {"partitions", "partitions", NULL},
    {"last_error", "last_error", NULL},
    {"ready", "ready", NULL},
    {"healthy", "healthy", NULL},
    {"pid", "pid", NULL},
    {"uptime_ms", "uptime_ms", NULL},
    {"rss_bytes", "rss_bytes", NULL},
};

/* How far the full copy is; null: there is none. */
static json_t *cdc_status_copy(const json_t *raw)
{
    static const char *const from[] = {"sluice_copy_tables", "sluice_copy_tables_left",
                                       "sluice_copy_rows",   "sluice_copy_rows_estimated",
                                       "sluice_copy_bytes",  "sluice_copy_seconds_left"};
    json_int_t v[sizeof from / sizeof from[0]];
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        const json_t *value = json_object_get(raw, from[i]);
        if (value == NULL) {
            return json_null();
        }
        v[i] = json_integer_value(value);
    }
    double percent = v[1] == 0 ? 100.0 : v[3] > 0 ? 100.0 * (double)v[2] / (double)v[3] : 0.0;
    percent = v[1] > 0 && percent > 99.9 ? 99.9 : percent;
    json_t *out = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f}", "tables", v[0], "tables_done",
                            v[0] - v[1], "rows", v[2], "rows_estimated", v[3], "bytes", v[4],
                            "percent", (double)(int64_t)(percent * 10.0) / 10.0);
    json_object_set_new(out, "seconds_left", v[5] >= 0 ? json_integer(v[5]) : json_null());
    return out;
}

static json_t *cdc_status_pick(const json_t *raw)
{
    json_t *out = json_object();
    json_object_set_new(out, "running", json_true());
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        json_t *value = json_object_get(raw, fields[i].from);
        if (value == NULL && fields[i].or_from != NULL) {
            value = json_object_get(raw, fields[i].or_from);
        }
        json_object_set_new(out, fields[i].name, value != NULL ? json_incref(value) : json_null());
    }
    json_object_set_new(out, "copy", cdc_status_copy(raw));
    return out;
}

static json_t *cdc_status_checkpoint(const cdc_command_env *ce)
{
    cdc_arena ar;
    cdc_checkpoint cp;
    cdc_error err;
    json_t *out = json_null();
    cdc_error_clear(&err);
    cdc_arena_init(&ar, 64 * 1024, 16 * 1024 * 1024);
    cdc_rc rc = cdc_checkpoint_read(&ce->env, &ar, &cp, &err);
    if (rc == CDC_OK) {
        out = json_object();
        json_object_set_new(out, "position",
                            cp.token.p != NULL ? json_stringn(cp.token.p, cp.token.len)
                                               : json_null());
        json_object_set_new(out, "written_ms", json_integer(cp.wall_ms));
        json_object_set_new(out, "source_ms", json_integer(cp.source_ms));
        json_object_set_new(out, "id", json_integer((json_int_t)cp.id));
    } else if (rc != CDC_EOF) {
        out = json_object();
        json_object_set_new(out, "error", json_string(err.text));
    }
    cdc_arena_fini(&ar);
    return out;
}

/* The status of one program: what it answers, or that it does not run. */
static json_t *cdc_status_program(const cdc_command_env *ce, const char *program)
{
    char path[4096];
    cdc_buffer answer;
    cdc_error err;
    json_t *out = NULL;
    json_t *raw = NULL;
    cdc_error_clear(&err);
    cdc_buffer_init(&answer, ANSWER_BYTES_MAX);
    snprintf(path, sizeof path, "%s/%s.%s.sock", ce->task.state_dir, ce->task.name, program);
    cdc_rc rc = cdc_http_get(path, "/status", &answer, &err);
    if (rc == CDC_OK) {
        raw = json_loadb(answer.data, answer.len, 0, NULL);
    }
    if (raw != NULL) {
        out = cdc_status_pick(raw);
        json_object_set_new(out, "metrics", raw);
    } else {
        out = json_object();
        json_object_set_new(out, "running", json_false());
        if (rc != CDC_EOF) {
            json_object_set_new(out, "last_error",
                                json_string(rc == CDC_OK ? "the status is no JSON" : err.text));
        }
        if (strcmp(program, "capture") == 0) {
            json_object_set_new(out, "checkpoint", cdc_status_checkpoint(ce));
        }
    }
    cdc_buffer_fini(&answer);
    return out;
}

/* --- for people --- */

static const char *cdc_status_word(const json_t *program, const char *name)
{
    const char *s = json_string_value(json_object_get(program, name));
    return s != NULL && s[0] != '\0' ? s : "-";
}

static double cdc_status_num(const json_t *program, const char *name)
{
    return json_number_value(json_object_get(program, name));
}

static void cdc_status_stopped(const json_t *program, cdc_buffer *out)
{
    const json_t *checkpoint = json_object_get(program, "checkpoint");
    const char *error = json_string_value(json_object_get(program, "last_error"));
    cdc_buffer_add_str(out, "not running\n");
    if (error != NULL) {
        cdc_buffer_addf(out, "          %s\n", error);
    }
    if (json_is_object(checkpoint) && json_object_get(checkpoint, "error") != NULL) {
        cdc_buffer_addf(out, "          last checkpoint not known: %s\n",
                        cdc_status_word(checkpoint, "error"));
    } else if (json_is_object(checkpoint)) {
        double age = (double)cdc_clock_wall_ms() - cdc_status_num(checkpoint, "written_ms");
        cdc_buffer_addf(out, "          last checkpoint %s, %.0f s ago\n",
                        cdc_status_word(checkpoint, "position"), age / 1000);
    } else if (checkpoint != NULL) {
        cdc_buffer_add_str(out, "          no checkpoint in Kafka: it has never run\n");
    }
}

static void cdc_status_copy_text(const json_t *copy, cdc_buffer *out)
{
    cdc_buffer_addf(out, "          full copy %.1f%%: tables %.0f of %.0f, rows %.0f of about %.0f",
                    cdc_status_num(copy, "percent"), cdc_status_num(copy, "tables_done"),
                    cdc_status_num(copy, "tables"), cdc_status_num(copy, "rows"),
                    cdc_status_num(copy, "rows_estimated"));
    cdc_buffer_addf(out, ", %.1f MB", cdc_status_num(copy, "bytes") / 1e6);
    if (json_is_integer(json_object_get(copy, "seconds_left"))) {
        cdc_buffer_addf(out, ", about %.0f s left", cdc_status_num(copy, "seconds_left"));
    }
    cdc_buffer_add_char(out, '\n');
}

static void cdc_status_text(const char *name, const json_t *program, cdc_buffer *out)
{
    cdc_buffer_addf(out, "%-9s ", name);
    if (!json_is_true(json_object_get(program, "running"))) {
        cdc_status_stopped(program, out);
        return;
    }
    cdc_buffer_addf(out, "%s, phase %s%s\n", cdc_status_word(program, "state"),
                    cdc_status_word(program, "phase"),
                    json_is_true(json_object_get(program, "healthy")) ? "" : ", NOT HEALTHY");
    cdc_buffer_addf(out, "          position %s\n", cdc_status_word(program, "position"));
    if (json_is_string(json_object_get(program, "partitions"))) {
        cdc_buffer_addf(out, "          partitions %s\n", cdc_status_word(program, "partitions"));
    }
    cdc_buffer_addf(out, "          rows %.0f (%.0f/s), bytes %.0f (%.0f/s), lag ",
                    cdc_status_num(program, "rows"), cdc_status_num(program, "rows_per_second"),
                    cdc_status_num(program, "bytes"), cdc_status_num(program, "bytes_per_second"));
    if (json_is_number(json_object_get(program, "lag_ms"))) {
        cdc_buffer_addf(out, "%.0f ms\n", cdc_status_num(program, "lag_ms"));
    } else {
        cdc_buffer_add_str(out, "not known\n");
    }
    if (json_string_length(json_object_get(program, "heartbeat")) > 0) {
        cdc_buffer_addf(out, "          heartbeat %s\n", cdc_status_word(program, "heartbeat"));
    }
    if (json_is_object(json_object_get(program, "copy"))) {
        cdc_status_copy_text(json_object_get(program, "copy"), out);
    }
    cdc_buffer_addf(out, "          pid %.0f, up %.0f s, memory %.1f MB\n",
                    cdc_status_num(program, "pid"), cdc_status_num(program, "uptime_ms") / 1000,
                    cdc_status_num(program, "rss_bytes") / 1e6);
    if (json_string_length(json_object_get(program, "last_error")) > 0) {
        cdc_buffer_addf(out, "          last error: %s\n", cdc_status_word(program, "last_error"));
    }
}

static bool cdc_status_good(const json_t *program)
{
    return program == NULL || (json_is_true(json_object_get(program, "running")) &&
                               json_is_true(json_object_get(program, "healthy")));
}

/* One look at the task; the exit code. */
static int cdc_status_once(const cdc_command_env *ce, bool as_json, bool clear)
{
    cdc_buffer out;
    cdc_buffer_init(&out, 4 * ANSWER_BYTES_MAX);
    json_t *capture = ce->task.source_type != NULL ? cdc_status_program(ce, "capture") : NULL;
    json_t *apply = ce->task.target_type != NULL ? cdc_status_program(ce, "apply") : NULL;
    bool good = cdc_status_good(capture) && cdc_status_good(apply);
    if (as_json) {
        json_t *all = json_pack("{s:s, s:b, s:o*, s:o*}", "task", ce->task.name, "healthy", good,
                                "capture", json_incref(capture), "apply", json_incref(apply));
        char *text = json_dumps(all, JSON_COMPACT);
        cdc_buffer_addf(&out, "%s\n", text != NULL ? text : "");
        free(text);
        json_decref(all);
    } else {
        cdc_buffer_addf(&out, "%stask      %s\n", clear ? "\033[H\033[2J" : "", ce->task.name);
        if (capture != NULL) {
            cdc_status_text("capture", capture, &out);
        }
        if (apply != NULL) {
            cdc_status_text("apply", apply, &out);
        }
    }
    json_decref(capture);
    json_decref(apply);
    int code = cdc_command_print(&out);
    cdc_buffer_fini(&out);
    return code == CDC_EXIT_OK && good ? CDC_EXIT_OK : CDC_EXIT_FAILED;
}

int cdc_command_status(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"watch", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    bool as_json = false;
    bool watch = false;
    cdc_command_env ce;
    cdc_error err;
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        as_json = as_json || c == 'j';
        watch = watch || c == 'w';
        if (c == '?') {
            return cdc_command_usage("status", "unknown argument %s", argv[optind - 1]);
        }
    }
    if (argc - optind != 1) {
        return cdc_command_usage("status", "usage: sluice status TASK.yaml [--json] [--watch]");
    }
    cdc_error_clear(&err);
    if (cdc_command_open(&ce, argv[optind], &err) != CDC_OK) {
        return cdc_command_failed(&err);
    }
    cdc_stop_install();
    int code;
    do {
        code = cdc_status_once(&ce, as_json, watch && isatty(STDOUT_FILENO) != 0);
    } while (watch && !cdc_stop_wait(WATCH_MS));
    cdc_command_close(&ce);
    return code;
}

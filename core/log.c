#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"

#define LOG_LINE_MAX 16384
#define LOG_LIMIT_COUNT 10
#define LOG_LIMIT_MS 10000
#define LOG_SLOTS 64

/* How often an event name was logged lately. Names share a slot when their hash does: that only
 * makes the limit a little stricter. */
typedef struct cdc_log_slot {
    int64_t since_ms;
    uint32_t count;
    uint32_t left_out;
} cdc_log_slot;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static cdc_log_level least = CDC_LOG_INFO;
static bool as_json;
static const char *context_program;
static const char *context_task;
static cdc_log_slot slots[LOG_SLOTS];

void cdc_log_set_level(cdc_log_level level)
{
    pthread_mutex_lock(&lock);
    least = level;
    pthread_mutex_unlock(&lock);
}

void cdc_log_set_json(bool json)
{
    pthread_mutex_lock(&lock);
    as_json = json;
    pthread_mutex_unlock(&lock);
}

void cdc_log_set_context(const char *program, const char *task)
{
    pthread_mutex_lock(&lock);
    context_program = program;
    context_task = task;
    pthread_mutex_unlock(&lock);
}

static bool cdc_log_plain(const char *s)
{
    if (*s == '\0') {
        return false;
    }
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' || *s == 127) {
            return false;
        }
    }
    return true;
}

static void cdc_log_name(cdc_buffer *line, const char *key)
{
    if (as_json) {
        cdc_buffer_add_str(line, line->len == 0 ? "{" : ",");
        cdc_buffer_add_json(line, key, strlen(key));
        cdc_buffer_add_char(line, ':');
    } else {
        cdc_buffer_add_str(line, line->len == 0 ? "" : " ");
        cdc_buffer_add_str(line, key);
        cdc_buffer_add_char(line, '=');
    }
}

static void cdc_log_str(cdc_buffer *line, const char *key, const char *value)
{
    cdc_log_name(line, key);
    if (!as_json && cdc_log_plain(value)) {
        cdc_buffer_add_str(line, value);
    } else {
        cdc_buffer_add_json(line, value, strlen(value));
    }
}

static void cdc_log_num(cdc_buffer *line, const char *key, int64_t value)
{
    cdc_log_name(line, key);
    cdc_buffer_add_i64(line, value);
}

static void cdc_log_time(cdc_buffer *line)
{
    char text[64];
    struct tm tm;
    int64_t now_ms = cdc_clock_wall_ms();
    time_t sec = (time_t)(now_ms / 1000);
    gmtime_r(&sec, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03dZ", (int)(now_ms % 1000));
    cdc_log_str(line, "ts", text);
}

/* Whether the event may be written now; *left_out: how many of it were not since the last one. */
static bool cdc_log_allowed(const char *event, uint32_t *left_out)
{
    uint32_t hash = 2166136261U;
    for (const char *p = event; *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * 16777619U;
    }
    cdc_log_slot *slot = &slots[hash % LOG_SLOTS];
    int64_t now = cdc_clock_mono_ms();
    if (slot->count == 0 || now - slot->since_ms >= LOG_LIMIT_MS) {
        slot->since_ms = now;
        slot->count = 0;
    }
    if (slot->count >= LOG_LIMIT_COUNT) {
        slot->left_out++;
        return false;
    }
    slot->count++;
    *left_out = slot->left_out;
    slot->left_out = 0;
    return true;
}

/* One write call, so that lines of several processes on one stderr do not mix. */
static void cdc_log_out(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, p, n);
        if (done < 0 && errno != EINTR) {
            return;
        }
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
}

static void cdc_log_finish(cdc_buffer *line)
{
    if (as_json) {
        cdc_buffer_add_char(line, '}');
    }
    if (line->failed) {
        /* too long or no memory: what is there may stop in the middle of a value */
        static const char cut[] = "level=error event=log_line_too_long\n";
        cdc_log_out(cut, sizeof cut - 1);
        return;
    }
    cdc_buffer_add_char(line, '\n');
    cdc_log_out(line->data, line->len);
}

static void cdc_log_line(cdc_log_level level, const char *event, const cdc_field *fields)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    uint32_t left_out = 0;
    cdc_buffer line;
    if (level < least || (level >= CDC_LOG_WARN && !cdc_log_allowed(event, &left_out))) {
        return;
    }
    cdc_buffer_init(&line, LOG_LINE_MAX);
    cdc_log_time(&line);
    cdc_log_str(&line, "level", names[level]);
    cdc_log_str(&line, "event", event);
    if (context_program != NULL) {
        cdc_log_str(&line, "program", context_program);
    }
    if (context_task != NULL) {
        cdc_log_str(&line, "task", context_task);
    }
    for (; fields->key != NULL; fields++) {
        if (fields->str != NULL) {
            cdc_log_str(&line, fields->key, fields->str);
        } else {
            cdc_log_num(&line, fields->key, fields->num);
        }
    }
    if (left_out > 0) {
        cdc_log_num(&line, "left_out", left_out);
    }
    cdc_log_finish(&line);
    cdc_buffer_fini(&line);
}

void cdc_log_write(cdc_log_level level, const char *event, const cdc_field *fields)
{
    pthread_mutex_lock(&lock);
    cdc_log_line(level, event, fields);
    pthread_mutex_unlock(&lock);
}

void cdc_log_error(const char *event, const cdc_error *err)
{
    char line[CDC_ERROR_TEXT_MAX + 16];
    pthread_mutex_lock(&lock);
    bool program = context_program != NULL;
    pthread_mutex_unlock(&lock);
    if (program) {
        CDC_LOG(CDC_LOG_ERROR, event, CDC_STR("code", err->code), CDC_STR("error", err->text));
        return;
    }
    int n = snprintf(line, sizeof line, "sluice: %s\n", err->text);
    cdc_log_out(line, (size_t)n);
}

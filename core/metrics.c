#include "metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"

#define METRICS_SAMPLES 6
#define METRICS_WORD_MAX 2048

typedef struct cdc_metrics_entry {
    struct cdc_metrics_entry *next;
    cdc_metric_type type;
    char *name, *labels, *help;
    cdc_metric metric;
    int64_t samples[METRICS_SAMPLES]; /* counters; index as sampled_ms */
} cdc_metrics_entry;

typedef struct cdc_metrics_word_entry {
    struct cdc_metrics_word_entry *next;
    char *name, *value;
} cdc_metrics_word_entry;

struct cdc_metrics {
    pthread_mutex_t
        lock; /* guards the lists, the words and the samples; the numbers themselves are atomic */
    char *program, *task;
    int64_t started_ms;
    cdc_metrics_entry *numbers; /* in the order of registration, same names together */
    cdc_metrics_word_entry *words;
    int64_t sampled_ms[METRICS_SAMPLES];
    unsigned nsamples; /* ever taken */
    atomic_bool ready, healthy;
};

static void *cdc_metrics_alloc(size_t n)
{
    void *p = calloc(1, n);
    if (p == NULL) {
        abort(); /* at start only: nothing runs yet that could be lost */
    }
    return p;
}

static char *cdc_metrics_dup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(cdc_metrics_alloc(n), s, n);
}

cdc_metrics *cdc_metrics_new(const char *program, const char *task)
{
    cdc_metrics *mx = cdc_metrics_alloc(sizeof *mx);
    pthread_mutex_init(&mx->lock, NULL);
    mx->program = cdc_metrics_dup(program);
    mx->task = cdc_metrics_dup(task);
    mx->started_ms = cdc_clock_mono_ms();
    atomic_init(&mx->ready, false);
    atomic_init(&mx->healthy, true);
    return mx;
}

void cdc_metrics_free(cdc_metrics *mx)
{
    if (mx == NULL) {
        return;
    }
    while (mx->numbers != NULL) {
        cdc_metrics_entry *en = mx->numbers;
        mx->numbers = en->next;
        free(en->name);
        free(en->labels);
        free(en->help);
        free(en);
    }
    while (mx->words != NULL) {
        cdc_metrics_word_entry *word = mx->words;
        mx->words = word->next;
        free(word->name);
        free(word->value);
        free(word);
    }
    pthread_mutex_destroy(&mx->lock);
    free(mx->program);
    free(mx->task);
    free(mx);
}

cdc_metric *cdc_metrics_number(cdc_metrics *mx, cdc_metric_type type, const char *name,
                               const char *labels, const char *help)
{
    cdc_metrics_entry **at = &mx->numbers;
    cdc_metrics_entry **behind = NULL; /* the last of the same name */
    cdc_metrics_entry *en = NULL;
    pthread_mutex_lock(&mx->lock);
    for (; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->name, name) == 0) {
            behind = &(*at)->next;
            if (strcmp((*at)->labels, labels) == 0) {
                en = *at;
                break;
            }
        }
    }
    if (en == NULL) {
        en = cdc_metrics_alloc(sizeof *en);
        en->type = type;
        en->name = cdc_metrics_dup(name);
        en->labels = cdc_metrics_dup(labels);
        en->help = cdc_metrics_dup(help);
        at = behind != NULL ? behind : at;
        en->next = *at;
        *at = en;
    }
    pthread_mutex_unlock(&mx->lock);
    return &en->metric;
}

void cdc_metrics_word(cdc_metrics *mx, const char *name, const char *value)
{
    pthread_mutex_lock(&mx->lock);
    cdc_metrics_word_entry **at = &mx->words;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        *at = cdc_metrics_alloc(sizeof **at);
        (*at)->name = cdc_metrics_dup(name);
        (*at)->value = cdc_metrics_alloc(METRICS_WORD_MAX);
    }
    snprintf((*at)->value, METRICS_WORD_MAX, "%s", value);
    pthread_mutex_unlock(&mx->lock);
}

void cdc_metrics_set_ready(cdc_metrics *mx, bool ready)
{
    atomic_store(&mx->ready, ready);
}

void cdc_metrics_set_healthy(cdc_metrics *mx, bool healthy)
{
    atomic_store(&mx->healthy, healthy);
}

bool cdc_metrics_ready(const cdc_metrics *mx)
{
    return atomic_load(&mx->ready);
}

bool cdc_metrics_healthy(const cdc_metrics *mx)
{
    return atomic_load(&mx->healthy);
}

void cdc_metrics_sample(cdc_metrics *mx, int64_t mono_ms)
{
    pthread_mutex_lock(&mx->lock);
    unsigned slot = mx->nsamples % METRICS_SAMPLES;
    mx->sampled_ms[slot] = mono_ms;
    for (cdc_metrics_entry *en = mx->numbers; en != NULL; en = en->next) {
        en->samples[slot] = cdc_metric_get(&en->metric);
    }
    mx->nsamples++;
    pthread_mutex_unlock(&mx->lock);
}

/* Growth per second of all entries of a name, from the oldest sample kept to the newest. A counter
 * that was registered in between counts from 0, as its older samples are zero. */
static double cdc_metrics_rate(const cdc_metrics *mx, const cdc_metrics_entry *en)
{
    if (mx->nsamples < 2) {
        return 0;
    }
    const char *name = en->name;
    unsigned last = (mx->nsamples - 1) % METRICS_SAMPLES;
    unsigned first = mx->nsamples > METRICS_SAMPLES ? mx->nsamples % METRICS_SAMPLES : 0;
    int64_t ms = mx->sampled_ms[last] - mx->sampled_ms[first];
    int64_t grown = 0;
    for (; en != NULL && strcmp(en->name, name) == 0; en = en->next) {
        grown += en->samples[last] - en->samples[first];
    }
    return ms > 0 ? (double)grown * 1000.0 / (double)ms : 0;
}

static int64_t cdc_metrics_rss_bytes(void)
{
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL) {
        return 0;
    }
    char *got = fgets(text, sizeof text, f);
    fclose(f);
    char *resident = got != NULL ? strchr(text, ' ') : NULL;
    return resident != NULL ? strtoll(resident, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

static double cdc_metrics_cpu_seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void cdc_metrics_head(cdc_buffer *out, const char *name, const char *type, const char *help)
{
    cdc_buffer_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void cdc_metrics_prometheus(cdc_metrics *mx, cdc_buffer *out)
{
    const char *before = "";
    pthread_mutex_lock(&mx->lock);
    for (const cdc_metrics_entry *en = mx->numbers; en != NULL; en = en->next) {
        if (strcmp(before, en->name) != 0) {
            cdc_metrics_head(out, en->name, en->type == CDC_COUNTER ? "counter" : "gauge",
                             en->help);
        }
        before = en->name;
        cdc_buffer_addf(out, "%s{program=\"%s\",task=\"%s\"%s%s} %lld\n", en->name, mx->program,
                        mx->task, en->labels[0] != '\0' ? "," : "", en->labels,
                        (long long)cdc_metric_get(&en->metric));
    }
    cdc_metrics_head(out, "sluice_ready", "gauge", "1 while streaming or applying");
    cdc_buffer_addf(out, "sluice_ready{program=\"%s\",task=\"%s\"} %d\n", mx->program, mx->task,
                    cdc_metrics_ready(mx));
    cdc_metrics_head(out, "sluice_healthy", "gauge", "1 while nothing has failed");
    cdc_buffer_addf(out, "sluice_healthy{program=\"%s\",task=\"%s\"} %d\n", mx->program, mx->task,
                    cdc_metrics_healthy(mx));
    pthread_mutex_unlock(&mx->lock);
    cdc_metrics_head(out, "process_resident_memory_bytes", "gauge", "Resident memory in bytes");
    cdc_buffer_addf(out, "process_resident_memory_bytes %lld\n",
                    (long long)cdc_metrics_rss_bytes());
    cdc_metrics_head(out, "process_cpu_seconds_total", "counter",
                     "User and system CPU time in seconds");
    cdc_buffer_addf(out, "process_cpu_seconds_total %.3f\n", cdc_metrics_cpu_seconds());
}

static void cdc_metrics_json_name(cdc_buffer *out, const char *name)
{
    cdc_buffer_add_char(out, ',');
    cdc_buffer_add_json(out, name, strlen(name));
    cdc_buffer_add_char(out, ':');
}

/* The sum over the labels, each label on its own, and the rate of a counter. */
static void cdc_metrics_json_numbers(const cdc_metrics *mx, const cdc_metrics_entry *en,
                                     cdc_buffer *out)
{
    char name[256];
    int64_t sum = 0;
    for (const cdc_metrics_entry *e = en; e != NULL && strcmp(e->name, en->name) == 0;
         e = e->next) {
        int64_t v = cdc_metric_get(&e->metric);
        sum += v;
        if (e->labels[0] != '\0') {
            snprintf(name, sizeof name, "%s{%s}", e->name, e->labels);
            cdc_metrics_json_name(out, name);
            cdc_buffer_add_i64(out, v);
        }
    }
    cdc_metrics_json_name(out, en->name);
    cdc_buffer_add_i64(out, sum);
    size_t n = strlen(en->name);
    if (en->type == CDC_COUNTER && n > 6 && strcmp(en->name + n - 6, "_total") == 0) {
        snprintf(name, sizeof name, "%.*s_per_second", (int)(n - 6), en->name);
        cdc_metrics_json_name(out, name);
        cdc_buffer_addf(out, "%.1f", cdc_metrics_rate(mx, en));
    }
}

void cdc_metrics_status(cdc_metrics *mx, cdc_buffer *out)
{
    const char *before = "";
    cdc_buffer_add_str(out, "{\"program\":");
    cdc_buffer_add_json(out, mx->program, strlen(mx->program));
    cdc_metrics_json_name(out, "task");
    cdc_buffer_add_json(out, mx->task, strlen(mx->task));
    cdc_buffer_addf(out, ",\"pid\":%d,\"uptime_ms\":%lld,\"rss_bytes\":%lld", (int)getpid(),
                    (long long)(cdc_clock_mono_ms() - mx->started_ms),
                    (long long)cdc_metrics_rss_bytes());
    cdc_buffer_addf(out, ",\"cpu_seconds\":%.3f,\"ready\":%s,\"healthy\":%s",
                    cdc_metrics_cpu_seconds(), cdc_metrics_ready(mx) ? "true" : "false",
                    cdc_metrics_healthy(mx) ? "true" : "false");
    pthread_mutex_lock(&mx->lock);
    for (const cdc_metrics_word_entry *word = mx->words; word != NULL; word = word->next) {
        cdc_metrics_json_name(out, word->name);
        cdc_buffer_add_json(out, word->value, strlen(word->value));
    }
    for (const cdc_metrics_entry *en = mx->numbers; en != NULL; en = en->next) {
        if (strcmp(before, en->name) != 0) {
            cdc_metrics_json_numbers(mx, en, out);
        }
        before = en->name;
    }
    pthread_mutex_unlock(&mx->lock);
    cdc_buffer_add_str(out, "}\n");
}

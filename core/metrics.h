/* Metrics: numbers that a program counts, and a few words on its state, for /metrics and /status.
 *
 * A number is an atomic that any thread adds to or sets; words are behind a mutex. Made once at
 * start. */
#ifndef CDC_METRICS_H
#define CDC_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

typedef enum cdc_metric_type { CDC_COUNTER, CDC_GAUGE } cdc_metric_type;

typedef struct cdc_metric {
    _Atomic int64_t v;
} cdc_metric;

typedef struct cdc_metrics cdc_metrics;

cdc_metrics *cdc_metrics_new(const char *program, const char *task);
void cdc_metrics_free(cdc_metrics *mx);

/* Registers a number. name as Prometheus wants it ("sluice_rows_total"), with its unit; labels ""
 * or "op=\"insert\"". The same name and labels give the same metric. Never NULL (aborts when memory
 * is out). */
cdc_metric *cdc_metrics_number(cdc_metrics *mx, cdc_metric_type type, const char *name,
                               const char *labels, const char *help);
/* Sets a word of the status: "state", "phase", "position", "last_error"... Copied. */
void cdc_metrics_word(cdc_metrics *mx, const char *name, const char *value);
/* ready: streaming or applying; healthy: not failed. Both false at first; healthy is set true by
 * new. */
void cdc_metrics_set_ready(cdc_metrics *mx, bool ready);
void cdc_metrics_set_healthy(cdc_metrics *mx, bool healthy);
bool cdc_metrics_ready(const cdc_metrics *mx);
bool cdc_metrics_healthy(const cdc_metrics *mx);

static inline void cdc_metric_add(cdc_metric *m, int64_t n)
{
    atomic_fetch_add_explicit(&m->v, n, memory_order_relaxed);
}

static inline void cdc_metric_set(cdc_metric *m, int64_t n)
{
    atomic_store_explicit(&m->v, n, memory_order_relaxed);
}

static inline int64_t cdc_metric_get(const cdc_metric *m)
{
    return atomic_load_explicit(&m->v, memory_order_relaxed);
}

/* Notes the counters at a time; rates are taken over the last 5 notes. The HTTP thread calls it
 * once a second. */
void cdc_metrics_sample(cdc_metrics *mx, int64_t mono_ms);

void cdc_metrics_prometheus(cdc_metrics *mx,
                            cdc_buffer *out); /* text format 0.0.4; also process_* */
/* One JSON object: program, task, pid, uptime_ms, rss_bytes, ready, healthy, all words, all numbers
 * by name (the sum over its labels, and each as NAME{LABELS}); and for each counter NAME_total a
 * NAME_per_second over the last seconds. */
void cdc_metrics_status(cdc_metrics *mx, cdc_buffer *out);

#endif

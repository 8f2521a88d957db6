#include "throttle.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "stop.h"

enum {
    BURST_US = 60000, /* rest that may be made up for */
    SLICE_MS = 50,    /* a change of the rates is seen after so long */
    PORTIONS_A_SECOND = 50,
    NRATES = 3,
};

#define DELAY_MAX_US 1e12 /* keeps times exact and in range, however much was taken */

/* One rate, and the time at which all that was taken is paid off at that rate. */
typedef struct cdc_meter {
    int64_t per_second;
    double paid_us;
} cdc_meter;

struct cdc_throttle {
    const cdc_throttle_clock *clock;
    pthread_mutex_t lock; /* guards meters */
    cdc_meter meters[NRATES];
};

static const cdc_throttle_clock real_clock = {cdc_clock_mono_us, cdc_stop_wait};

cdc_throttle *cdc_throttle_new(const cdc_throttle_clock *clock)
{
    cdc_throttle *th = calloc(1, sizeof *th);
    if (th != NULL) {
        th->clock = clock != NULL ? clock : &real_clock;
        pthread_mutex_init(&th->lock, NULL);
    }
    return th;
}

void cdc_throttle_free(cdc_throttle *th)
{
    if (th != NULL) {
        pthread_mutex_destroy(&th->lock);
        free(th);
    }
}

static void cdc_meter_set(cdc_meter *meter, int64_t per_second, double now_us)
{
    double owed_us = meter->per_second > 0 ? fmax(meter->paid_us - now_us, -BURST_US) : 0;
    if (per_second > 0 && owed_us > 0) {
        owed_us = owed_us * (double)meter->per_second / (double)per_second;
    }
    meter->paid_us = now_us + (per_second > 0 ? fmin(owed_us, DELAY_MAX_US) : 0);
    meter->per_second = per_second;
}

void cdc_throttle_set(cdc_throttle *th, const cdc_rates *rates)
{
    if (th == NULL) {
        return;
    }
    double now_us = (double)th->clock->now_us();
    pthread_mutex_lock(&th->lock);
    cdc_meter_set(&th->meters[0], rates->rows, now_us);
    cdc_meter_set(&th->meters[1], rates->bytes, now_us);
    cdc_meter_set(&th->meters[2], rates->queries, now_us);
    pthread_mutex_unlock(&th->lock);
}

void cdc_throttle_get(cdc_throttle *th, cdc_rates *rates)
{
    *rates = (cdc_rates){0};
    if (th != NULL) {
        pthread_mutex_lock(&th->lock);
        *rates = (cdc_rates){.rows = th->meters[0].per_second,
                             .bytes = th->meters[1].per_second,
                             .queries = th->meters[2].per_second};
        pthread_mutex_unlock(&th->lock);
    }
}

static void cdc_meter_take(cdc_meter *meter, int64_t n, double now_us)
{
    if (meter->per_second > 0 && n > 0) {
        meter->paid_us = fmax(meter->paid_us, now_us - BURST_US) +
                         (double)n * 1000000.0 / (double)meter->per_second;
        meter->paid_us = fmin(meter->paid_us, now_us + DELAY_MAX_US);
    }
}

void cdc_throttle_take(cdc_throttle *th, int64_t rows, int64_t bytes, int64_t queries)
{
    if (th == NULL) {
        return;
    }
    double now_us = (double)th->clock->now_us();
    pthread_mutex_lock(&th->lock);
    cdc_meter_take(&th->meters[0], rows, now_us);
    cdc_meter_take(&th->meters[1], bytes, now_us);
    cdc_meter_take(&th->meters[2], queries, now_us);
    pthread_mutex_unlock(&th->lock);
}

int64_t cdc_throttle_delay_us(cdc_throttle *th)
{
    if (th == NULL) {
        return 0;
    }
    double now_us = (double)th->clock->now_us();
    double delay_us = 0;
    pthread_mutex_lock(&th->lock);
    for (size_t i = 0; i < NRATES; i++) {
        if (th->meters[i].per_second > 0) {
            delay_us = fmax(delay_us, th->meters[i].paid_us - now_us);
        }
    }
    pthread_mutex_unlock(&th->lock);
    return (int64_t)ceil(delay_us);
}

bool cdc_throttle_wait(cdc_throttle *th, const _Atomic bool *stop)
{
    for (;;) {
        int64_t delay_us = cdc_throttle_delay_us(th);
        if (delay_us == 0) {
            return true;
        }
        int64_t ms = (delay_us + 999) / 1000;
        if (th->clock->wait(ms < SLICE_MS ? ms : SLICE_MS) ||
            (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed))) {
            return false;
        }
    }
}

static int64_t cdc_meter_portion(const cdc_meter *meter)
{
    int64_t portion = meter->per_second / PORTIONS_A_SECOND;
    return meter->per_second == 0 ? 0 : portion > 1 ? portion : 1;
}

void cdc_throttle_portion(cdc_throttle *th, int64_t *rows, int64_t *bytes)
{
    *rows = 0;
    *bytes = 0;
    if (th != NULL) {
        pthread_mutex_lock(&th->lock);
        *rows = cdc_meter_portion(&th->meters[0]);
        *bytes = cdc_meter_portion(&th->meters[1]);
        pthread_mutex_unlock(&th->lock);
    }
}

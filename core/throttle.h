/* cdc_throttle: holds rows, bytes and queries per second below rates that may change at any time.
 *
 * Work that was done is noted with take; before the next piece the worker waits until what was
 * taken is paid off. For each of the three the throttle keeps the time at which that will be so;
 * rest is credited for BURST at most, so that over any second no more than the rate and its tenth
 * goes through, as long as single pieces are no larger than cdc_throttle_portion says.
 *
 * Any number of threads may take and wait, and another may set the rates: a mutex inside; what was
 * taken under the old rates is owed under the new ones. Everything takes NULL for a throttle
 * without limits. */
#ifndef CDC_THROTTLE_H
#define CDC_THROTTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Per second; 0 = no limit. */
typedef struct cdc_rates {
    int64_t rows;
    int64_t bytes;
    int64_t queries;
} cdc_rates;

/* Where the time comes from, so that tests need none of it. wait sleeps up to ms and returns true
 * when a stop was requested (cdc_stop_wait). */
typedef struct cdc_throttle_clock {
    int64_t (*now_us)(void);
    bool (*wait)(int64_t ms);
} cdc_throttle_clock;

typedef struct cdc_throttle cdc_throttle;

/* Without limits at first. clock: NULL = the real one; borrowed. NULL: out of memory. */
cdc_throttle *cdc_throttle_new(const cdc_throttle_clock *clock);
void cdc_throttle_free(cdc_throttle *th);

void cdc_throttle_set(cdc_throttle *th, const cdc_rates *rates);
void cdc_throttle_get(cdc_throttle *th, cdc_rates *rates);

/* Notes work that was done. Never waits. */
void cdc_throttle_take(cdc_throttle *th, int64_t rows, int64_t bytes, int64_t queries);

/* Microseconds until all that was taken is paid off; 0 = go on. */
int64_t cdc_throttle_delay_us(cdc_throttle *th);

/* Waits for that. Returns false when it was given up: a stop was requested, or *stop (NULL = none)
 * became true, which is seen within 50 ms; so is a change of the rates. */
bool cdc_throttle_wait(cdc_throttle *th, const _Atomic bool *stop);

/* The largest piece that keeps the flow even: rows and bytes of 20 ms, at least 1; 0 = any. */
void cdc_throttle_portion(cdc_throttle *th, int64_t *rows, int64_t *bytes);

#endif

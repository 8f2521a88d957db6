/* cdc_retry: how long to wait before the next try, and when to give up.
 * Exponential from 100 ms to 5 s with +-20% jitter; a success resets. One thread. */
#ifndef CDC_RETRY_H
#define CDC_RETRY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cdc_retry {
    int64_t limit_ms; /* give up this long after the first failure in a row */
    int64_t first_ms; /* monotonic time of that failure, 0 = none */
    unsigned tries;
    uint32_t seed;
} cdc_retry;

void cdc_retry_init(cdc_retry *rt, int64_t limit_ms);
void cdc_retry_success(cdc_retry *rt);
/* Notes a failure. True: wait *wait_ms and try again; false: the time is over. */
bool cdc_retry_failure(cdc_retry *rt, int64_t *wait_ms);

#endif

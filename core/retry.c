#include "retry.h"

#include <unistd.h>

#include "clock.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000

void cdc_retry_init(cdc_retry *rt, int64_t limit_ms)
{
    uint32_t seed = (uint32_t)cdc_clock_mono_us() ^ ((uint32_t)getpid() << 16);
    *rt = (cdc_retry){.limit_ms = limit_ms, .seed = seed != 0 ? seed : 1};
}

void cdc_retry_success(cdc_retry *rt)
{
    rt->first_ms = 0;
    rt->tries = 0;
}

/* xorshift32: the jitter only has to keep several processes from retrying in step */
static uint32_t cdc_retry_random(cdc_retry *rt)
{
    uint32_t x = rt->seed;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    rt->seed = x;
    return x;
}

bool cdc_retry_failure(cdc_retry *rt, int64_t *wait_ms)
{
    int64_t now = cdc_clock_mono_ms();
    if (rt->first_ms == 0) {
        rt->first_ms = now > 0 ? now : 1;
    }
    int64_t left = rt->limit_ms - (now - rt->first_ms);
    int64_t wait = RETRY_MAX_MS;
    if (rt->tries < 6) {
        wait = (int64_t)RETRY_FIRST_MS << rt->tries;
    }
    if (wait > RETRY_MAX_MS) {
        wait = RETRY_MAX_MS;
    }
    rt->tries++;
    *wait_ms = wait * (800 + (int64_t)(cdc_retry_random(rt) % 401)) / 1000;
    return left > 0;
}

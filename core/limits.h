/* cdc_limits: the rates of a task, full.* and incremental.*, as throttles that the loops and
 * sources take from, and that a re-read task file changes while they run. Part of cdc_env; the
 * pointers never change, each throttle guards itself: any thread. */
#ifndef CDC_LIMITS_H
#define CDC_LIMITS_H

#include "config.h"
#include "throttle.h"

typedef struct cdc_limits {
    cdc_throttle *full;        /* rows, bytes and queries of the full copy */
    cdc_throttle *incremental; /* rows and bytes of the change stream */
} cdc_limits;

/* Sets the rates that the configuration gives. On failure (out of memory) fini is needed too. */
cdc_rc cdc_limits_init(cdc_limits *limits, const cdc_config *cfg, cdc_error *err) CDC_MUST_CHECK;
void cdc_limits_fini(cdc_limits *limits);
/* Takes the rates of another configuration; what is being waited for goes on at the new pace. */
void cdc_limits_set(const cdc_limits *limits, const cdc_config *cfg);
/* Is it one of the options that cdc_limits_set reads? */
bool cdc_limits_option(const char *path);

#endif

/* SIGTERM and SIGINT ask a program to stop; its loops look here. */
#ifndef CDC_STOP_H
#define CDC_STOP_H

#include <stdbool.h>
#include <stdint.h>

void cdc_stop_install(void);   /* sets the handlers; SIGPIPE is ignored */
bool cdc_stop_requested(void); /* any thread */
void cdc_stop_request(void);   /* the same from inside, e.g. one thread has failed */
/* Sleeps up to ms, ends early when a stop is requested. Returns cdc_stop_requested(). */
bool cdc_stop_wait(int64_t ms);
/* A stop that was requested from inside is done with, and the loops may run again. False: a signal
 * has asked for it too, and it stays. */
bool cdc_stop_take_back(void);
/* As if no stop had ever been requested: for tests that run a loop several times in one process. */
void cdc_stop_reset(void);

#endif

/* Reading a topic for a person's eyes: no task, no group, only committed records. One thread. */
#ifndef CDC_TAIL_H
#define CDC_TAIL_H

#include "consumer.h"

typedef struct cdc_tail {
    const char *brokers;
    const char *topic;
    int64_t from; /* CDC_OFFSET_EARLIEST, CDC_OFFSET_LATEST; else ms since 1970: the first record at
                     or after */
    const char *const *properties; /* "name=value" of librdkafka */
    size_t nproperties;
    /* Called for each record; false ends. header: the `cdc` header, p NULL without one. */
    bool (*record)(void *arg, const cdc_message *msg);
    bool (*idle)(void *arg); /* nothing has come for a moment; false ends */
    void *arg;
} cdc_tail;

/* Reads until a callback says false. FATAL: bad property, no such topic, brokers not reachable at
 * the start. Later a broker that is away is waited for. */
cdc_rc cdc_tail_run(const cdc_tail *tail, cdc_error *err) CDC_MUST_CHECK;

#endif

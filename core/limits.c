#include "limits.h"

#include <string.h>

#define MB 1000000

static const char *const options[] = {"full.rows_per_second", "full.mb_per_second",
                                      "full.queries_per_second", "incremental.rows_per_second",
                                      "incremental.mb_per_second"};

void cdc_limits_set(const cdc_limits *limits, const cdc_config *cfg)
{
    cdc_rates full = {.rows = cdc_config_int(cfg, "full.rows_per_second"),
                      .bytes = cdc_config_int(cfg, "full.mb_per_second") * MB,
                      .queries = cdc_config_int(cfg, "full.queries_per_second")};
    cdc_rates incremental = {.rows = cdc_config_int(cfg, "incremental.rows_per_second"),
                             .bytes = cdc_config_int(cfg, "incremental.mb_per_second") * MB};
    cdc_throttle_set(limits->full, &full);
    cdc_throttle_set(limits->incremental, &incremental);
}

cdc_rc cdc_limits_init(cdc_limits *limits, const cdc_config *cfg, cdc_error *err)
{
    *limits = (cdc_limits){cdc_throttle_new(NULL), cdc_throttle_new(NULL)};
    if (limits->full == NULL || limits->incremental == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the rate limits");
    }
    cdc_limits_set(limits, cfg);
    return CDC_OK;
}

void cdc_limits_fini(cdc_limits *limits)
{
    cdc_throttle_free(limits->full);
    cdc_throttle_free(limits->incremental);
    *limits = (cdc_limits){NULL, NULL};
}

bool cdc_limits_option(const char *path)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(options[i], path) == 0) {
            return true;
        }
    }
    return false;
}

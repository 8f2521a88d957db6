#include "options.h"

#include "core/access.h"

const cdc_option sink_redis_options[] = {
    {.path = "target.type",
     .type = CDC_OPTION_ENUM,
     .flags = CDC_OPTION_REQUIRED,
     .choices = "redis",
     .help = "Kind of the target: redis (also Valkey)."},
    {.path = "target.hosts",
     .type = CDC_OPTION_STRINGS,
     .flags = CDC_OPTION_REQUIRED,
     .help = "host:port of the target; several are tried in order for one that is a master; any "
             "nodes of a cluster."},
    {.path = "target.user",
     .type = CDC_OPTION_STRING,
     .help = "Account at the target; left out: the server's default user."},
    CDC_ACCESS_OPTIONS("target"),
    {.path = "target.conflict",
     .type = CDC_OPTION_ENUM,
     .def = "report",
     .choices = "report|keep|overwrite",
     .help = "What is done when the target has keys before the full copy: stop and report, keep "
             "them, drop them; and when a command fails at a key: stop, go on, stop."},
    {.path = NULL},
};

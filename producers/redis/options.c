#include "options.h"

#include "core/access.h"

const cdc_option src_redis_options[] = {
    {.path = "source.type",
     .type = CDC_OPTION_ENUM,
     .flags = CDC_OPTION_REQUIRED,
     .choices = "redis",
     .help = "Kind of the source: redis (also Valkey)."},
    {.path = "source.hosts",
     .type = CDC_OPTION_STRINGS,
     .flags = CDC_OPTION_REQUIRED,
     .help = "host:port of the source; several are tried in order: a master and its replicas, or "
             "nodes of a cluster."},
    {.path = "source.user",
     .type = CDC_OPTION_STRING,
     .def = "",
     .help = "Account at the source; empty: the default one."},
    CDC_ACCESS_OPTIONS("source"),
    {.path = "source.start",
     .type = CDC_OPTION_ENUM,
     .choices = "full|now|earliest!",
     .help = "Where a task begins that has no checkpoint yet; unless given, full if phases has "
             "full, else now."},
    {.path = "source.rdb",
     .type = CDC_OPTION_ENUM,
     .def = "commands",
     .choices = "commands|restore",
     .help = "How the full copy's values are published: as plain commands (SET, RPUSH, HSET...), "
             "or each as RESTORE of the server's own bytes, which only a target that is not older "
             "takes."},
    {.path = "source.flush",
     .type = CDC_OPTION_ENUM,
     .def = "carry",
     .choices = "carry|refuse|skip",
     .help = "FLUSHALL and FLUSHDB: carried to the target, the task stops, or they are left out "
             "and counted."},
    {.path = "source.unsplittable",
     .type = CDC_OPTION_ENUM,
     .def = "stop",
     .choices = "stop|skip",
     .help = "A command over keys that are taken and others, and that cannot be split: the task "
             "stops, or it is left out, counted and logged."},
    {.path = "source.heartbeat_seconds",
     .type = CDC_OPTION_INT,
     .def = "10",
     .min = 0,
     .max = 3600,
     .help = "How often the key SLUICE_HEARTBEAT:TASK is written at the source, in seconds, which "
             "tells the lag while nobody else writes; 0 = never."},
    {.path = NULL},
};

#include "options.h"

#include "core/access.h"

const cdc_option src_mysql_options[] = {
    {.path = "source.type",
     .type = CDC_OPTION_ENUM,
     .flags = CDC_OPTION_REQUIRED,
     .choices = "mysql",
     .help = "Kind of the source: mysql (also MariaDB)."},
    {.path = "source.hosts",
     .type = CDC_OPTION_STRINGS,
     .flags = CDC_OPTION_REQUIRED,
     .help = "host:port of the source; several are tried in order."},
    {.path = "source.user",
     .type = CDC_OPTION_STRING,
     .flags = CDC_OPTION_REQUIRED,
     .help = "Account at the source."},
    CDC_ACCESS_OPTIONS("source"),
    {.path = "source.server_id",
     .type = CDC_OPTION_INT,
     .def = "0",
     .min = 0,
     .max = 4294967295,
     .help = "Our id among the source's replicas; 0 = chosen and checked to be free."},
    {.path = "source.start",
     .type = CDC_OPTION_STRING,
     .choices = "full|now|gtid:*|position:*|earliest!|time:*!",
     .help = "Where a task begins that has no checkpoint yet: gtid:SET and position:FILE:POS are "
             "the transactions that are left out and the place in the binlog; unless given, full "
             "if phases has full, else now."},
    {.path = "source.online_schema_change",
     .type = CDC_OPTION_ENUM,
     .def = "capture",
     .choices = "capture|skip-shadow",
     .help = "What gh-ost and pt-online-schema-change do: captured as any other change, or their "
             "tables (_*_gho, _*_ghc, _*_del, _*_new, _*_old) left out and the final RENAME "
             "published as the ALTER TABLE that it amounts to."},
    {.path = NULL},
};

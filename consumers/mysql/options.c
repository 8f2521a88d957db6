#include "options.h"

#include "core/access.h"

const cdc_option sink_mysql_options[] = {
    {.path = "target.type",
     .type = CDC_OPTION_ENUM,
     .flags = CDC_OPTION_REQUIRED,
     .choices = "mysql",
     .help = "Kind of the target: mysql (also MariaDB)."},
    {.path = "target.hosts",
     .type = CDC_OPTION_STRINGS,
     .flags = CDC_OPTION_REQUIRED,
     .help = "host:port of the target; several are tried in order."},
    {.path = "target.user",
     .type = CDC_OPTION_STRING,
     .flags = CDC_OPTION_REQUIRED,
     .help = "Account at the target."},
    CDC_ACCESS_OPTIONS("target"),
    {.path = "target.rename.databases",
     .type = CDC_OPTION_MAP,
     .help = "Names of databases at the target, by their names at the source."},
    {.path = "target.rename.tables",
     .type = CDC_OPTION_MAP,
     .help = "Names of tables at the target: database.table to database.table; goes before the "
             "rule for the database."},
    {.path = "target.rename.columns",
     .type = CDC_OPTION_MAP2,
     .help = "Names of columns at the target, by the source's database.table."},
    {.path = "target.case",
     .type = CDC_OPTION_ENUM,
     .def = "source",
     .choices = "source|lower|upper",
     .help = "Capitals in the names of databases and tables at the target that no rule names."},
    {.path = "target.conflict",
     .type = CDC_OPTION_ENUM,
     .def = "report",
     .choices = "report|keep|overwrite",
     .help = "What is done when a row is there already, or is not there: stop and report, keep "
             "the target's, overwrite it."},
    {.path = "target.atomic",
     .type = CDC_OPTION_ENUM,
     .def = "partition",
     .choices = "partition|transaction",
     .help = "What is applied at once: a source transaction's rows of each partition for "
             "themselves; or whole transactions in the source's order, put together by "
             "topics.transactions."},
    {.path = "target.workers",
     .type = CDC_OPTION_INT,
     .def = "4",
     .min = 1,
     .max = 64,
     .help = "Connections that may write at once, where transactions do not touch each other; a "
             "hint."},
    {.path = NULL},
};

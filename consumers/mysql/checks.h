/* The checks of the MySQL and MariaDB target (core/checklist.h); apart from the rest of the sink,
 * so that every program knows their names. */
#ifndef SINK_MYSQL_CHECKS_H
#define SINK_MYSQL_CHECKS_H

#include "core/checklist.h"

extern const cdc_check sink_mysql_checks[];

#endif

/* The checks of the MySQL and MariaDB source (core/checklist.h); apart from the rest of the source,
 * so that every program knows their names. */
#ifndef SRC_MYSQL_CHECKS_H
#define SRC_MYSQL_CHECKS_H

#include "core/checklist.h"

extern const cdc_check src_mysql_checks[];

#endif

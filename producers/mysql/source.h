/* The MySQL and MariaDB source (core/plugin.h). */
#ifndef SRC_MYSQL_SOURCE_H
#define SRC_MYSQL_SOURCE_H

#include "core/plugin.h"

extern const cdc_source src_mysql;

#endif

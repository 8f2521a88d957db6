/* The task file's options of a MySQL source: data only, so that every program can check every task
 * file. */
#ifndef SRC_MYSQL_OPTIONS_H
#define SRC_MYSQL_OPTIONS_H

#include "core/config.h"

extern const cdc_option src_mysql_options[];

#endif

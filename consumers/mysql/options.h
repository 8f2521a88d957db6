/* The task file's options of a MySQL target: data only, so that every program can check every task
 * file. */
#ifndef SINK_MYSQL_OPTIONS_H
#define SINK_MYSQL_OPTIONS_H

#include "core/config.h"

extern const cdc_option sink_mysql_options[];

#endif

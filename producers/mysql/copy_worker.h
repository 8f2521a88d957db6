/* src_mysql_workers: the threads of a full copy, each with its own connection, which do the plan's
 * work: find ranges, read them.
 *
 * A worker that loses its connection opens another and reads its range again; after some tries in a
 * row it fails the plan with RETRY, so that the whole source is opened again. full.* limits hold
 * over all of them. */
#ifndef SRC_MYSQL_COPY_WORKER_H
#define SRC_MYSQL_COPY_WORKER_H

#include "copy_plan.h"
#include "core/plugin.h"
#include "server_checks.h"

typedef struct src_mysql_workers src_mysql_workers;

/* only: "host:port" of the server; all are borrowed and outlive the workers. */
cdc_rc src_mysql_workers_start(src_mysql_workers **out, const cdc_env *env,
                               const src_mysql_server *server, const char *only,
                               src_mysql_copy_plan *plan, cdc_error *err) CDC_MUST_CHECK;
/* Stops the plan, drops the connections, and joins the threads. NULL is fine. */
void src_mysql_workers_stop(src_mysql_workers *workers);

#endif

/* GET /metrics, /healthz, /readyz, /status from a cdc_metrics, by libmicrohttpd in a thread of its own.
 * Always on a unix socket in the state directory (for `sluice status`); on TCP where metrics.listen says so. */
#ifndef CDC_HTTP_H
#define CDC_HTTP_H

#include "error.h"
#include "metrics.h"

typedef struct cdc_http cdc_http;

/* listen: "ip:port" or NULL; socket_path or NULL (an old socket file there is replaced). */
cdc_rc cdc_http_start(cdc_http **out, cdc_metrics *mx, const char *listen, const char *socket_path,
                      cdc_error *err) CDC_MUST_CHECK;
void cdc_http_stop(cdc_http *http); /* removes the socket file; NULL is fine */

#endif

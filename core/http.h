/* GET /metrics, /healthz, /readyz, /status from a cdc_metrics, by libmicrohttpd in a thread of its
 * own. Always on a unix socket in the state directory (for `sluice status`); on TCP where
 * metrics.listen says so. A second thread samples the metrics once a second, for the rates. */
#ifndef CDC_HTTP_H
#define CDC_HTTP_H

#include "error.h"
#include "metrics.h"

typedef struct cdc_http cdc_http;

/* listen: "ip:port", "[ip6]:port", or NULL or "off"; socket_path or NULL (an old socket file there
 * is replaced; only its owner may connect). */
cdc_rc cdc_http_start(cdc_http **out, cdc_metrics *mx, const char *listen, const char *socket_path,
                      cdc_error *err) CDC_MUST_CHECK;
void cdc_http_stop(cdc_http *http); /* removes the socket file; NULL is fine */

/* Client side: GET target from the unix socket, the body into out. Waits at most 2 s. EOF: nobody
 * serves the socket (no file, or nobody behind it); FATAL: it does not answer as it should. */
cdc_rc cdc_http_get(const char *socket_path, const char *target, cdc_buffer *out,
                    cdc_error *err) CDC_MUST_CHECK;

#endif

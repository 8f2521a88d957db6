/* Why a MySQL or MariaDB server could not be reached, in words, from the client library's error. */
#ifndef CDC_REACH_H
#define CDC_REACH_H

#include <stdbool.h>

/* number and text: of mysql_errno and mysql_error after a failed connect. option: "source.hosts".
 * "" or "; what to look at". Borrowed from a static buffer of the calling thread. */
const char *cdc_reach_hint(unsigned number, const char *text, const char *option);

/* A failed TLS handshake has one error number. Was it cut by a server that goes away, which passes,
 * and not refused? */
bool cdc_reach_tls_cut(const char *text);

#endif

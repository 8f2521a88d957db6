/* TLS for core/net.h, by OpenSSL: a non-blocking session over a connected socket. Private to
 * core/net.c. One thread may read while another writes. */
#ifndef CDC_NET_TLS_H
#define CDC_NET_TLS_H

#include "net.h"

typedef struct cdc_tls_session cdc_tls_session;

/* What one try came to. */
typedef enum cdc_net_step {
    CDC_NET_DONE,     /* *done bytes went */
    CDC_NET_READABLE, /* try again when the socket can be read... */
    CDC_NET_WRITABLE, /* ...or written */
    CDC_NET_CLOSED,   /* the peer has ended the stream */
    CDC_NET_FAILED,   /* err says why */
} cdc_net_step;

/* Loads the files and names the server: FATAL with exit 3 when one of them is not fit. The socket
 * stays the caller's. */
cdc_rc cdc_tls_session_new(cdc_tls_session **out, int fd, const char *host, const cdc_net_tls *tls,
                           cdc_error *err) CDC_MUST_CHECK;
void cdc_tls_session_free(cdc_tls_session *ts); /* NULL is fine */

cdc_net_step cdc_tls_session_handshake(cdc_tls_session *ts, const char *where,
                                       const cdc_net_tls *tls, cdc_error *err);
cdc_net_step cdc_tls_session_read(cdc_tls_session *ts, const char *where, void *p, size_t n,
                                  size_t *done, cdc_error *err);
cdc_net_step cdc_tls_session_write(cdc_tls_session *ts, const char *where, const void *p, size_t n,
                                   size_t *done, cdc_error *err);

#endif

/* cdc_net: a byte stream to a server over TCP, in TLS or plain, for the protocols that we speak
 * ourselves. Also what a task file says about such a connection: host lists, the options tls.*.
 *
 * Every wait has its time. One thread may read while another writes; any thread may shut down. The
 * process ignores SIGPIPE (core/stop.h). Errors name host and port and the cure: RETRY for what
 * passes by itself (not reachable, closed by the peer, no answer in time), FATAL with exit 3
 * ("net_host", "net_tls", "tls_ca"...) for what the task file or the server's certificate has
 * wrong. TLS is 1.2 at least. */
#ifndef CDC_NET_H
#define CDC_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "error.h"

typedef enum cdc_tls_mode {
    CDC_TLS_OFF,
    CDC_TLS_REQUIRED,        /* encrypted; whoever the server is */
    CDC_TLS_VERIFY_CA,       /* its certificate is signed by tls.ca */
    CDC_TLS_VERIFY_IDENTITY, /* and is for the host's name or address */
} cdc_tls_mode;

/* Files are PEM; strings are borrowed. */
typedef struct cdc_net_tls {
    cdc_tls_mode mode;
    const char *ca;
    const char *cert, *key; /* our own; NULL: none */
    const char *option;     /* of which the messages speak: "source.tls" */
} cdc_net_tls;

/* The options SIDE.tls.mode, ca, cert and key; side: "source" or "target". */
void cdc_net_tls_read(cdc_net_tls *tls, const cdc_config *cfg, const char *side);

#define CDC_NET_HOST_MAX 256

/* "host", "host:port", "[v6]:port", or "v6". False: not of that form, or too long for size. */
bool cdc_net_split(const char *text, unsigned default_port, char *host, size_t size,
                   unsigned *port);

typedef struct cdc_net cdc_net;

/* Connects, to each address of the host in turn, and completes the TLS handshake, within timeout_ms
 * (names are looked up by the system's resolver, with its own times). */
cdc_rc cdc_net_open(cdc_net **out, const char *host, unsigned port, const cdc_net_tls *tls,
                    int timeout_ms, cdc_error *err) CDC_MUST_CHECK;
void cdc_net_close(cdc_net *net); /* at once, without a goodbye; NULL is fine */

const char *cdc_net_where(const cdc_net *net); /* "host:port", for messages */
/* Our end of the connection: the address that the server sees us at. */
cdc_rc cdc_net_local(const cdc_net *net, char *address, size_t size, cdc_error *err);
unsigned cdc_net_local_port(const cdc_net *net); /* 0: cannot be told */

/* Reads what is there, 1 to size bytes. AGAIN: nothing came within timeout_ms (0: none was there).
 * RETRY: closed or lost. */
cdc_rc cdc_net_read(cdc_net *net, void *p, size_t size, size_t *got, int timeout_ms,
                    cdc_error *err) CDC_MUST_CHECK;
/* Waits until there is something to read in one of n streams (at most CDC_NET_WAIT_MAX count), of
 * which the last read of each gave AGAIN; a NULL is left out. */
void cdc_net_wait_any(const cdc_net *const *nets, size_t n, int timeout_ms);
#define CDC_NET_WAIT_MAX 1000
/* Writes all n bytes. RETRY: closed or lost, or the peer took no byte for timeout_ms. */
cdc_rc cdc_net_write(cdc_net *net, const void *p, size_t n, int timeout_ms,
                     cdc_error *err) CDC_MUST_CHECK;

/* Any thread: reads and writes end now and later with RETRY. */
void cdc_net_shutdown(cdc_net *net);

#endif

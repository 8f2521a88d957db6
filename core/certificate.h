/* Certificates of TLS connections that a client library makes: whose one is, and why one was not
 * accepted. Any thread. */
#ifndef CDC_CERTIFICATE_H
#define CDC_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

/* The subject of the first certificate in a PEM file, as RFC 2253 writes it ("CN=sluice,O=shop").
 * False: it cannot be read. */
bool cdc_certificate_subject(const char *path, char *out, size_t size);

typedef enum cdc_certificate_fault {
    CDC_CERTIFICATE_UNTRUSTED, /* no CA of ours has signed it, and whatever else there may be */
    CDC_CERTIFICATE_OTHER_NAME,
    CDC_CERTIFICATE_OUT_OF_DATE,
} cdc_certificate_fault;

/* By OpenSSL's code for it (X509_V_ERR_...), with its words: static. */
cdc_certificate_fault cdc_certificate_fault_of(int code, const char **text);

/* Does a client library's text hold the TLS alert of a server that does not take our certificate,
 * or wants one? With TLS 1.3 that comes behind the handshake, as the first that is read. */
bool cdc_certificate_is_alert(const char *text);

#endif

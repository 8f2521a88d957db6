#include "net_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>

struct cdc_tls_session {
    SSL_CTX *ctx;
    SSL *ssl;
    pthread_mutex_t lock; /* over ssl: a session is no more for two threads than a file is */
};

/* OpenSSL's own words for the oldest error of this thread; clears the rest. */
static void cdc_tls_reason(char *text, size_t size)
{
    unsigned long code = ERR_get_error();
    const char *reason = ERR_reason_error_string(code);
    if (reason != NULL) {
        snprintf(text, size, "%s", reason);
    } else {
        snprintf(text, size, "error %lx", code);
    }
    ERR_clear_error();
}

static cdc_rc cdc_tls_refuse_file(const cdc_net_tls *tls, const char *name, const char *path,
                                  cdc_error *err)
{
    char reason[256];
    cdc_tls_reason(reason, sizeof reason);
    return cdc_error_refuse(err, "tls_file", "%s.%s: %s cannot be used: %s: give a PEM file",
                            tls->option, name, path, reason);
}

static cdc_rc cdc_tls_load(SSL_CTX *ctx, const cdc_net_tls *tls, cdc_error *err)
{
    const char *key = tls->key != NULL ? tls->key : tls->cert;
    if (tls->mode != CDC_TLS_REQUIRED && tls->ca == NULL) {
        return cdc_error_refuse(err, "tls_ca",
                                "%s.mode checks the server's certificate and needs %s.ca: the file "
                                "with the CA that signed it",
                                tls->option, tls->option);
    }
    if (tls->mode != CDC_TLS_REQUIRED && SSL_CTX_load_verify_file(ctx, tls->ca) != 1) {
        return cdc_tls_refuse_file(tls, "ca", tls->ca, err);
    }
    if (tls->cert != NULL && SSL_CTX_use_certificate_chain_file(ctx, tls->cert) != 1) {
        return cdc_tls_refuse_file(tls, "cert", tls->cert, err);
    }
    if (tls->cert != NULL && SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        return cdc_tls_refuse_file(tls, "key", key, err);
    }
    return CDC_OK;
}

static bool cdc_tls_is_address(const char *host)
{
    unsigned char raw[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

/* Whom we speak to: for the server's choice of a certificate, and for our check of it. */
static bool cdc_tls_name(SSL *ssl, const char *host, cdc_tls_mode mode)
{
    bool address = cdc_tls_is_address(host);
    if (!address && SSL_set_tlsext_host_name(ssl, host) != 1) {
        return false;
    }
    if (mode != CDC_TLS_VERIFY_IDENTITY) {
        return true;
    }
    return address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
                   : SSL_set1_host(ssl, host) == 1;
}

cdc_rc cdc_tls_session_new(cdc_tls_session **out, int fd, const char *host, const cdc_net_tls *tls,
                           cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    cdc_tls_session *ts = calloc(1, sizeof *ts);
    *out = NULL;
    if (ts == NULL) {
        goto no_memory;
    }
    pthread_mutex_init(&ts->lock, NULL);
    ts->ctx = SSL_CTX_new(TLS_client_method());
    if (ts->ctx == NULL || SSL_CTX_set_min_proto_version(ts->ctx, TLS1_2_VERSION) != 1) {
        goto no_memory;
    }
    SSL_CTX_set_mode(ts->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(ts->ctx, tls->mode == CDC_TLS_REQUIRED ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       NULL);
    rc = cdc_tls_load(ts->ctx, tls, err);
    if (rc != CDC_OK) {
        goto out;
    }
    ts->ssl = SSL_new(ts->ctx);
    if (ts->ssl == NULL || SSL_set_fd(ts->ssl, fd) != 1 ||
        !cdc_tls_name(ts->ssl, host, tls->mode)) {
        goto no_memory;
    }
    *out = ts;
    return CDC_OK;

no_memory:
    rc = cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a TLS session");

out:
    cdc_tls_session_free(ts);
    return rc;
}

void cdc_tls_session_free(cdc_tls_session *ts)
{
    if (ts == NULL) {
        return;
    }
    SSL_free(ts->ssl);
    SSL_CTX_free(ts->ctx);
    pthread_mutex_destroy(&ts->lock);
    free(ts);
}

/* Has the peer ended the stream, with or without TLS's own goodbye? */
static bool cdc_tls_is_end(int code)
{
    unsigned long why = ERR_peek_error();
    return code == SSL_ERROR_ZERO_RETURN || (code == SSL_ERROR_SYSCALL && why == 0) ||
           (code == SSL_ERROR_SSL && ERR_GET_LIB(why) == ERR_LIB_SSL &&
            ERR_GET_REASON(why) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

/* Under the lock. */
static cdc_net_step cdc_tls_step(const cdc_tls_session *ts, int result, const char *where,
                                 cdc_error *err)
{
    int code = SSL_get_error(ts->ssl, result);
    char reason[256];
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) {
        return code == SSL_ERROR_WANT_READ ? CDC_NET_READABLE : CDC_NET_WRITABLE;
    }
    if (cdc_tls_is_end(code)) {
        ERR_clear_error();
        return CDC_NET_CLOSED;
    }
    unsigned long why = ERR_peek_error();
    bool wants_ours = ERR_GET_LIB(why) == ERR_LIB_SSL &&
                      ERR_GET_REASON(why) == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED;
    cdc_tls_reason(reason, sizeof reason);
    if (wants_ours) {
        cdc_error_refuse(err, "net_tls",
                         "%s: the server wants a certificate of ours: give tls.cert and tls.key",
                         where);
    } else {
        cdc_error_set(err, CDC_RETRY, "net_lost", "%s: TLS: %s", where, reason);
    }
    return CDC_NET_FAILED;
}

/* A failed handshake comes again at every try, unless it was cut. */
static void cdc_tls_refuse(const cdc_tls_session *ts, const char *where, const cdc_net_tls *tls,
                           cdc_error *err)
{
    char text[CDC_ERROR_TEXT_MAX];
    long verdict = SSL_get_verify_result(ts->ssl);
    if (verdict != X509_V_OK && tls->mode != CDC_TLS_REQUIRED) {
        cdc_error_refuse(err, "net_tls",
                         "%s: the server's certificate is not accepted: %s: check %s.ca, the name "
                         "in hosts, and the certificate",
                         where, X509_verify_cert_error_string(verdict), tls->option);
        return;
    }
    if (err->rc == CDC_FATAL) {
        return;
    }
    snprintf(text, sizeof text, "%s", err->text);
    cdc_error_refuse(err, "net_tls",
                     "%s: check that the port speaks TLS (tls-port), and %s (mode, ca, cert, key)",
                     text, tls->option);
}

cdc_net_step cdc_tls_session_handshake(cdc_tls_session *ts, const char *where,
                                       const cdc_net_tls *tls, cdc_error *err)
{
    pthread_mutex_lock(&ts->lock);
    ERR_clear_error();
    int result = SSL_connect(ts->ssl);
    cdc_net_step step = result == 1 ? CDC_NET_DONE : cdc_tls_step(ts, result, where, err);
    if (step == CDC_NET_FAILED) {
        cdc_tls_refuse(ts, where, tls, err);
    }
    pthread_mutex_unlock(&ts->lock);
    return step;
}

cdc_net_step cdc_tls_session_read(cdc_tls_session *ts, const char *where, void *p, size_t n,
                                  size_t *done, cdc_error *err)
{
    pthread_mutex_lock(&ts->lock);
    ERR_clear_error();
    int result = SSL_read(ts->ssl, p, n < INT_MAX ? (int)n : INT_MAX);
    cdc_net_step step = result > 0 ? CDC_NET_DONE : cdc_tls_step(ts, result, where, err);
    pthread_mutex_unlock(&ts->lock);
    *done = result > 0 ? (size_t)result : 0;
    return step;
}

cdc_net_step cdc_tls_session_write(cdc_tls_session *ts, const char *where, const void *p, size_t n,
                                   size_t *done, cdc_error *err)
{
    pthread_mutex_lock(&ts->lock);
    ERR_clear_error();
    int result = SSL_write(ts->ssl, p, n < INT_MAX ? (int)n : INT_MAX);
    cdc_net_step step = result > 0 ? CDC_NET_DONE : cdc_tls_step(ts, result, where, err);
    pthread_mutex_unlock(&ts->lock);
    *done = result > 0 ? (size_t)result : 0;
    return step;
}

/* A server in a thread for the tests of core/net.h and of what stands on it: one connection at a
 * time, handled by a function of the test; plain, or in TLS with a certificate made on the spot. */
#ifndef NET_KIT_H
#define NET_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct net_kit_peer {
    int fd;
    SSL *ssl; /* NULL: plain */
} net_kit_peer;

typedef void net_kit_serve(net_kit_peer *peer, void *arg);

typedef struct net_kit {
    int fd;
    unsigned port;
    pthread_t thread;
    net_kit_serve *serve;
    void *arg;
    SSL_CTX *ctx; /* NULL: plain */
} net_kit;

static inline size_t net_kit_read(net_kit_peer *peer, void *p, size_t n)
{
    ssize_t got = peer->ssl != NULL ? SSL_read(peer->ssl, p, (int)n) : read(peer->fd, p, n);
    return got > 0 ? (size_t)got : 0;
}

static inline void net_kit_write(net_kit_peer *peer, const void *p, size_t n)
{
    const char *from = p;
    while (n > 0) {
        ssize_t done = peer->ssl != NULL ? SSL_write(peer->ssl, from, (int)n)
                                         : send(peer->fd, from, n, MSG_NOSIGNAL);
        if (done <= 0) {
            return;
        }
        from += done;
        n -= (size_t)done;
    }
}

static inline void net_kit_one(net_kit *kit, int fd)
{
    net_kit_peer peer = {.fd = fd};
    bool ready = true;
    if (kit->ctx != NULL) {
        peer.ssl = SSL_new(kit->ctx);
        SSL_set_fd(peer.ssl, fd);
        ready = SSL_accept(peer.ssl) == 1;
    }
    if (ready) {
        kit->serve(&peer, kit->arg);
    }
    SSL_free(peer.ssl);
    close(fd);
}

static inline void *net_kit_loop(void *arg)
{
    net_kit *kit = arg;
    for (;;) {
        int fd = accept(kit->fd, NULL, NULL);
        if (fd < 0) {
            return NULL; /* net_kit_stop */
        }
        net_kit_one(kit, fd);
    }
}

/* ctx: net_kit_tls's, or NULL. */
static inline void net_kit_start(net_kit *kit, net_kit_serve *serve, void *arg, SSL_CTX *ctx)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *kit = (net_kit){.serve = serve, .arg = arg, .ctx = ctx};
    kit->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(kit->fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(kit->fd, 8), 0);
    assert_int_equal(getsockname(kit->fd, (struct sockaddr *)&at, &len), 0);
    kit->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&kit->thread, NULL, net_kit_loop, kit), 0);
}

static inline void net_kit_stop(net_kit *kit)
{
    shutdown(kit->fd, SHUT_RDWR);
    pthread_join(kit->thread, NULL);
    close(kit->fd);
    SSL_CTX_free(kit->ctx);
}

/* A server's certificate, signed by itself, for `names` ("DNS:localhost,IP:127.0.0.1"); its PEM
 * goes into a new file, whose name is put into path (of 64 bytes at least). */
static inline SSL_CTX *net_kit_tls(const char *names, char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509V3_CTX v3;
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)names, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509V3_set_ctx(&v3, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &v3, NID_subject_alt_name, names);
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);

    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    snprintf(path, 64, "/tmp/sluice-net-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    PEM_write_X509(file, cert);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

#endif

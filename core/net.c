#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "net_tls.h"
#include "socket.h"

struct cdc_net {
    int fd;              /* non-blocking */
    cdc_tls_session *ts; /* NULL: plain */
    char where[CDC_NET_HOST_MAX + 16];
};

/* --- what a task file says --- */

void cdc_net_tls_read(cdc_net_tls *tls, const cdc_config *cfg, const char *side)
{
    static const char *const modes[] = {"off", "required", "verify-ca", "verify-identity"};
    const char *found[4] = {NULL};
    static const char *const names[] = {"mode", "ca", "cert", "key"};
    char path[64];
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s.tls.%s", side, names[i]);
        found[i] = cdc_config_str(cfg, path);
    }
    *tls = (cdc_net_tls){.mode = CDC_TLS_OFF,
                         .ca = found[1],
                         .cert = found[2],
                         .key = found[3],
                         .option = strcmp(side, "source") == 0 ? "source.tls" : "target.tls"};
    for (int i = 0; i < 4 && found[0] != NULL; i++) {
        if (strcmp(found[0], modes[i]) == 0) {
            tls->mode = (cdc_tls_mode)i;
        }
    }
}

static bool cdc_net_port(const char *text, unsigned *port)
{
    char *stop = NULL;
    unsigned long n = strtoul(text, &stop, 10);
    *port = (unsigned)n;
    return text[0] >= '0' && text[0] <= '9' && *stop == '\0' && n > 0 && n <= 65535;
}

bool cdc_net_split(const char *text, unsigned default_port, char *host, size_t size, unsigned *port)
{
    const char *end;
    const char *rest; /* "" or ":port" */
    if (text[0] == '[') {
        end = strchr(++text, ']');
        rest = end != NULL ? end + 1 : "?";
    } else {
        const char *colon = strrchr(text, ':');
        bool v6 = colon != NULL && strchr(text, ':') != colon;
        end = colon != NULL && !v6 ? colon : text + strlen(text);
        rest = end;
    }
    *port = default_port;
    if (rest[0] != '\0' && (rest[0] != ':' || !cdc_net_port(rest + 1, port))) {
        return false;
    }
    if (end == text || (size_t)(end - text) >= size) {
        return false;
    }
    snprintf(host, size, "%.*s", (int)(end - text), text);
    return true;
}

/* --- waiting --- */

static int cdc_net_left(int64_t deadline_ms)
{
    int64_t left = deadline_ms - cdc_clock_mono_ms();
    return left <= 0 ? 0 : left < 3600000 ? (int)left : 3600000;
}

/* Until the socket can be read or written. False: the time is over. */
static bool cdc_net_wait(int fd, cdc_net_step step, int64_t deadline_ms)
{
    struct pollfd wait = {.fd = fd, .events = step == CDC_NET_WRITABLE ? POLLOUT : POLLIN};
    for (;;) {
        int left = cdc_net_left(deadline_ms);
        int n = poll(&wait, 1, left);
        if (n > 0) {
            return true;
        }
        if (n == 0 && left < 3600000) {
            return false;
        }
        if (n < 0 && errno != EINTR) {
            return true; /* the call that is waited for will say what is wrong */
        }
    }
}

/* --- connecting --- */

static cdc_rc cdc_net_fail_connect(const cdc_net *net, const char *why, cdc_error *err)
{
    return cdc_error_set(err, CDC_RETRY, "net_connect",
                         "%s: connect: %s: check that the server runs and listens there, and hosts",
                         net->where, why);
}

static cdc_rc cdc_net_connect_address(cdc_net *net, const struct addrinfo *to, int64_t deadline_ms,
                                      cdc_error *err)
{
    int failure = 0;
    int one = 1;
    socklen_t size = sizeof failure;
    net->fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (net->fd < 0) {
        return cdc_net_fail_connect(net, strerror(errno), err);
    }
    if (connect(net->fd, to->ai_addr, to->ai_addrlen) != 0) {
        failure = errno;
        if (failure == EINPROGRESS) {
            bool done = cdc_net_wait(net->fd, CDC_NET_WRITABLE, deadline_ms);
            failure = done ? 0 : ETIMEDOUT;
            if (done && getsockopt(net->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) {
                failure = errno;
            }
        }
    }
    if (failure != 0) {
        close(net->fd);
        net->fd = -1;
        return cdc_net_fail_connect(net, strerror(failure), err);
    }
    (void)setsockopt(net->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    cdc_socket_end_when_lost(net->fd);
    return CDC_OK;
}

static cdc_rc cdc_net_connect(cdc_net *net, const char *host, unsigned port, int64_t deadline_ms,
                              cdc_error *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char service[16];
    snprintf(service, sizeof service, "%u", port);
    int failure = getaddrinfo(host, service, &hints, &list);
    if (failure != 0) {
        return cdc_net_fail_connect(
            net, failure == EAI_SYSTEM ? strerror(errno) : gai_strerror(failure), err);
    }
    cdc_rc rc = cdc_net_fail_connect(net, "it has no address", err);
    for (const struct addrinfo *to = list; to != NULL && rc != CDC_OK; to = to->ai_next) {
        rc = cdc_net_connect_address(net, to, deadline_ms, err);
    }
    freeaddrinfo(list);
    if (rc == CDC_OK) {
        cdc_error_clear(err); /* another address has failed before */
    }
    return rc;
}

static cdc_rc cdc_net_handshake(cdc_net *net, const char *host, const cdc_net_tls *tls,
                                int64_t deadline_ms, cdc_error *err)
{
    cdc_rc rc = cdc_tls_session_new(&net->ts, net->fd, host, tls, err);
    while (rc == CDC_OK) {
        cdc_net_step step = cdc_tls_session_handshake(net->ts, net->where, tls, err);
        if (step == CDC_NET_DONE || step == CDC_NET_FAILED) {
            return step == CDC_NET_DONE ? CDC_OK : err->rc;
        }
        if (step == CDC_NET_CLOSED) {
            rc = cdc_net_fail_connect(net, "the server closed it in the TLS handshake", err);
        } else if (!cdc_net_wait(net->fd, step, deadline_ms)) {
            rc = cdc_net_fail_connect(net,
                                      "no answer to the TLS handshake in time (a port without TLS "
                                      "is mostly silent)",
                                      err);
        }
    }
    return rc;
}

cdc_rc cdc_net_open(cdc_net **out, const char *host, unsigned port, const cdc_net_tls *tls,
                    int timeout_ms, cdc_error *err)
{
    int64_t deadline_ms = cdc_clock_mono_ms() + timeout_ms;
    cdc_net *net = calloc(1, sizeof *net);
    *out = NULL;
    if (net == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a connection");
    }
    net->fd = -1;
    bool v6 = strchr(host, ':') != NULL;
    snprintf(net->where, sizeof net->where, v6 ? "[%s]:%u" : "%s:%u", host, port);
    cdc_rc rc = cdc_net_connect(net, host, port, deadline_ms, err);
    if (rc == CDC_OK && tls->mode != CDC_TLS_OFF) {
        rc = cdc_net_handshake(net, host, tls, deadline_ms, err);
    }
    if (rc != CDC_OK) {
        cdc_net_close(net);
        return rc;
    }
    *out = net;
    return CDC_OK;
}

void cdc_net_close(cdc_net *net)
{
    if (net == NULL) {
        return;
    }
    cdc_tls_session_free(net->ts);
    if (net->fd >= 0) {
        close(net->fd);
    }
    free(net);
}

const char *cdc_net_where(const cdc_net *net)
{
    return net->where;
}

cdc_rc cdc_net_local(const cdc_net *net, char *address, size_t size, cdc_error *err)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    int failure = getsockname(net->fd, (struct sockaddr *)&at, &len);
    if (failure == 0) {
        failure = getnameinfo((struct sockaddr *)&at, len, address, (socklen_t)size, NULL, 0,
                              NI_NUMERICHOST);
    }
    return failure == 0 ? CDC_OK
                        : cdc_error_set(err, CDC_RETRY, "net_lost",
                                        "%s: our address cannot be told", net->where);
}

unsigned cdc_net_local_port(const cdc_net *net)
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof at;
    if (getsockname(net->fd, (struct sockaddr *)&at, &len) != 0) {
        return 0;
    }
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
}

/* --- reading and writing --- */

static cdc_rc cdc_net_closed(const cdc_net *net, cdc_error *err)
{
    return cdc_error_set(err, CDC_RETRY, "net_closed", "%s: the server closed the connection",
                         net->where);
}

static cdc_net_step cdc_net_plain_step(const cdc_net *net, ssize_t n, cdc_net_step wait,
                                       size_t *done, cdc_error *err)
{
    *done = n > 0 ? (size_t)n : 0;
    if (n > 0) {
        return CDC_NET_DONE;
    }
    if (n == 0) {
        return CDC_NET_CLOSED;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return wait;
    }
    cdc_error_set(err, CDC_RETRY, "net_lost", "%s: %s", net->where, strerror(errno));
    return CDC_NET_FAILED;
}

cdc_rc cdc_net_read(cdc_net *net, void *p, size_t size, size_t *got, int timeout_ms, cdc_error *err)
{
    int64_t deadline_ms = cdc_clock_mono_ms() + timeout_ms;
    for (;;) {
        cdc_net_step step =
            net->ts != NULL
                ? cdc_tls_session_read(net->ts, net->where, p, size, got, err)
                : cdc_net_plain_step(net, recv(net->fd, p, size, 0), CDC_NET_READABLE, got, err);
        switch (step) {
        case CDC_NET_DONE:
            return CDC_OK;
        case CDC_NET_CLOSED:
            return cdc_net_closed(net, err);
        case CDC_NET_FAILED:
            return err->rc;
        default:
            if (!cdc_net_wait(net->fd, step, deadline_ms)) {
                return CDC_AGAIN;
            }
        }
    }
}

void cdc_net_wait_any(const cdc_net *const *nets, size_t n, int timeout_ms)
{
    struct pollfd waits[CDC_NET_WAIT_MAX];
    nfds_t count = 0;
    for (size_t i = 0; i < n && count < CDC_NET_WAIT_MAX; i++) {
        if (nets[i] != NULL) {
            waits[count++] = (struct pollfd){.fd = nets[i]->fd, .events = POLLIN};
        }
    }
    (void)poll(waits, count, timeout_ms); /* a signal ends it early, too */
}

cdc_rc cdc_net_write(cdc_net *net, const void *p, size_t n, int timeout_ms, cdc_error *err)
{
    const char *from = p;
    int64_t deadline_ms = cdc_clock_mono_ms() + timeout_ms;
    while (n > 0) {
        size_t done = 0;
        cdc_net_step step = net->ts != NULL
                                ? cdc_tls_session_write(net->ts, net->where, from, n, &done, err)
                                : cdc_net_plain_step(net, send(net->fd, from, n, MSG_NOSIGNAL),
                                                     CDC_NET_WRITABLE, &done, err);
        if (step == CDC_NET_FAILED) {
            return err->rc;
        }
        if (step == CDC_NET_CLOSED) {
            return cdc_net_closed(net, err);
        }
        if (step == CDC_NET_DONE) {
            from += done;
            n -= done;
            deadline_ms = cdc_clock_mono_ms() + timeout_ms;
        } else if (!cdc_net_wait(net->fd, step, deadline_ms)) {
            return cdc_error_set(err, CDC_RETRY, "net_timeout",
                                 "%s: the server took no byte for %d s: it is too busy, or hangs",
                                 net->where, timeout_ms / 1000);
        }
    }
    return CDC_OK;
}

void cdc_net_shutdown(cdc_net *net)
{
    shutdown(net->fd, SHUT_RDWR);
}

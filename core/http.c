#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"

#define HTTP_BODY_MAX (1024 * 1024)
#define HTTP_WAIT_S 2

struct cdc_http {
    cdc_metrics *mx;
    struct MHD_Daemon *tcp, *unix_daemon;
    char *socket_path;
    ino_t socket_ino; /* of our file: a successor may have put its own in place */
    pthread_t sampler;
    bool sampling;
    pthread_mutex_t lock; /* guards ending */
    pthread_cond_t wake;
    bool ending;
};

static void *cdc_http_sample(void *arg)
{
    cdc_http *http = arg;
    pthread_mutex_lock(&http->lock);
    while (!http->ending) {
        struct timespec until;
        cdc_metrics_sample(http->mx, cdc_clock_mono_ms());
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&http->wake, &http->lock, &until);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

static unsigned cdc_http_body(cdc_http *http, const char *url, const char **type, cdc_buffer *body)
{
    bool good;
    *type = "text/plain; charset=utf-8";
    if (strcmp(url, "/metrics") == 0) {
        *type = "text/plain; version=0.0.4; charset=utf-8";
        cdc_metrics_prometheus(http->mx, body);
        return MHD_HTTP_OK;
    }
    if (strcmp(url, "/status") == 0) {
        *type = "application/json";
        cdc_metrics_status(http->mx, body);
        return MHD_HTTP_OK;
    }
    if (strcmp(url, "/healthz") == 0) {
        good = cdc_metrics_healthy(http->mx);
        cdc_buffer_add_str(body, good ? "healthy\n" : "failed\n");
    } else if (strcmp(url, "/readyz") == 0) {
        good = cdc_metrics_ready(http->mx);
        cdc_buffer_add_str(body, good ? "ready\n" : "not ready\n");
    } else {
        cdc_buffer_add_str(body, "there are /metrics, /healthz, /readyz and /status\n");
        return MHD_HTTP_NOT_FOUND;
    }
    return good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static enum MHD_Result cdc_http_answer(void *arg, struct MHD_Connection *conn, const char *url,
                                       const char *method, const char *version, const char *upload,
                                       size_t *upload_bytes, void **state)
{
    (void)version;
    (void)upload;
    (void)upload_bytes;
    static int seen;
    if (*state ==
        NULL) { /* the headers are there, the body may not be: answer at the second call */
        *state = &seen;
        return MHD_YES;
    }
    const char *type = "text/plain; charset=utf-8";
    unsigned code = MHD_HTTP_METHOD_NOT_ALLOWED;
    cdc_buffer body;
    cdc_buffer_init(&body, HTTP_BODY_MAX);
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        code = cdc_http_body(arg, url, &type, &body);
    }
    enum MHD_Result rc = MHD_NO;
    struct MHD_Response *re =
        MHD_create_response_from_buffer(body.len, body.data, MHD_RESPMEM_MUST_COPY);
    if (re != NULL) {
        MHD_add_response_header(re, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        rc = MHD_queue_response(conn, code, re);
        MHD_destroy_response(re);
    }
    cdc_buffer_fini(&body);
    return rc;
}

/* Fills a socket address for a path of any length: sun_path has room for 107 bytes, and a path
 * longer than that is reached through its directory's descriptor, which the caller closes. */
static cdc_rc cdc_http_address(const char *path, struct sockaddr_un *sa, int *dir_fd,
                               cdc_error *err)
{
    *dir_fd = -1;
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof sa->sun_path) {
        snprintf(sa->sun_path, sizeof sa->sun_path, "%s", path);
        return CDC_OK;
    }
    char dir[4096];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash - path) >= sizeof dir) {
        return cdc_error_set(err, CDC_FATAL, "socket_path", "%s: the path is too long for a socket",
                             path);
    }
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0) {
        return cdc_error_set(err, CDC_FATAL, "socket_path", "%s: %s", dir, strerror(errno));
    }
    int n = snprintf(sa->sun_path, sizeof sa->sun_path, "/proc/self/fd/%d/%s", *dir_fd, slash + 1);
    if (n >= (int)sizeof sa->sun_path) {
        close(*dir_fd);
        *dir_fd = -1;
        return cdc_error_set(err, CDC_FATAL, "socket_path", "%s: the name is too long for a socket",
                             slash + 1);
    }
    return CDC_OK;
}

/* A file that is there belongs to a dead process, or to one that is being fenced: it is replaced.
 */
static cdc_rc cdc_http_bind_unix(const char *path, int *out, cdc_error *err)
{
    struct sockaddr_un sa;
    int dir_fd = -1;
    int fd = -1;
    cdc_rc rc = cdc_http_address(path, &sa, &dir_fd, err);
    if (rc != CDC_OK) {
        return rc;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(sa.sun_path);
    /* the mode of a socket file comes from the descriptor's mode at bind, less the umask */
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&sa, sizeof sa) != 0 ||
        listen(fd, 16) != 0) {
        rc = cdc_error_refuse(err, "status_socket",
                              "cannot make the status socket %s: %s; check state_dir", path,
                              strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
    if (dir_fd >= 0) {
        close(dir_fd);
    }
    *out = fd;
    return rc;
}

static cdc_rc cdc_http_parse(const char *text, struct sockaddr_storage *sa, socklen_t *len)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    long port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
    if (colon == NULL || end == colon + 1 || *end != '\0' || port < 0 || port > 65535 ||
        (size_t)(colon - text) >= sizeof host) {
        return CDC_FATAL;
    }
    bool six = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - text) - (six ? 2 : 0), text + (six ? 1 : 0));
    memset(sa, 0, sizeof *sa);
    if (six) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        *len = sizeof *in6;
        return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? CDC_OK : CDC_FATAL;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)sa;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    *len = sizeof *in;
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? CDC_OK : CDC_FATAL;
}

static cdc_rc cdc_http_bind_tcp(const char *text, int *out, cdc_error *err)
{
    struct sockaddr_storage sa;
    socklen_t len;
    int one = 1;
    if (cdc_http_parse(text, &sa, &len) != CDC_OK) {
        return cdc_error_refuse(err, "metrics_listen",
                                "metrics.listen %s is no address; write ip:port (127.0.0.1:9464)",
                                text);
    }
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, len) != 0 || listen(fd, 16) != 0) {
        cdc_error_refuse(err, "metrics_listen", "cannot listen on metrics.listen %s: %s", text,
                         strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return CDC_FATAL;
    }
    *out = fd;
    return CDC_OK;
}

static cdc_rc cdc_http_serve(cdc_http *http, int fd, struct MHD_Daemon **out, cdc_error *err)
{
    *out = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL,
                            NULL, cdc_http_answer, http, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_CONNECTION_LIMIT, 64U, MHD_OPTION_CONNECTION_TIMEOUT, 10U,
                            MHD_OPTION_END);
    if (*out == NULL) {
        close(fd);
        return cdc_error_set(err, CDC_FATAL, "http", "the status server cannot start: %s",
                             strerror(errno));
    }
    return CDC_OK;
}

static cdc_rc cdc_http_open(cdc_http *http, const char *listen_at, const char *socket_path,
                            cdc_error *err)
{
    int fd = -1;
    cdc_rc rc = CDC_OK;
    if (socket_path != NULL) {
        rc = cdc_http_bind_unix(socket_path, &fd, err);
        if (rc == CDC_OK) {
            struct stat st;
            http->socket_path = strdup(socket_path);
            http->socket_ino = stat(socket_path, &st) == 0 ? st.st_ino : 0;
            rc = cdc_http_serve(http, fd, &http->unix_daemon, err);
        }
    }
    if (rc == CDC_OK && listen_at != NULL && strcmp(listen_at, "off") != 0) {
        rc = cdc_http_bind_tcp(listen_at, &fd, err);
        if (rc == CDC_OK) {
            rc = cdc_http_serve(http, fd, &http->tcp, err);
        }
    }
    return rc;
}

cdc_rc cdc_http_start(cdc_http **out, cdc_metrics *mx, const char *listen, const char *socket_path,
                      cdc_error *err)
{
    pthread_condattr_t attr;
    cdc_http *http = calloc(1, sizeof *http);
    *out = NULL;
    if (http == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory");
    }
    http->mx = mx;
    pthread_mutex_init(&http->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&http->wake, &attr);
    pthread_condattr_destroy(&attr);
    cdc_rc rc = cdc_http_open(http, listen, socket_path, err);
    if (rc == CDC_OK && pthread_create(&http->sampler, NULL, cdc_http_sample, http) != 0) {
        rc = cdc_error_set(err, CDC_FATAL, "http", "the status thread cannot start");
    } else if (rc == CDC_OK) {
        http->sampling = true;
    }
    if (rc != CDC_OK) {
        cdc_http_stop(http);
        return rc;
    }
    *out = http;
    return CDC_OK;
}

void cdc_http_stop(cdc_http *http)
{
    if (http == NULL) {
        return;
    }
    if (http->sampling) {
        pthread_mutex_lock(&http->lock);
        http->ending = true;
        pthread_cond_signal(&http->wake);
        pthread_mutex_unlock(&http->lock);
        pthread_join(http->sampler, NULL);
    }
    if (http->tcp != NULL) {
        MHD_stop_daemon(http->tcp);
    }
    if (http->unix_daemon != NULL) {
        MHD_stop_daemon(http->unix_daemon);
    }
    if (http->socket_path != NULL) {
        struct stat st;
        if (stat(http->socket_path, &st) == 0 && st.st_ino == http->socket_ino) {
            unlink(http->socket_path);
        }
        free(http->socket_path);
    }
    pthread_cond_destroy(&http->wake);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

/* HTTP/1.0 without keep-alive: the answer ends where the connection does. */
static cdc_rc cdc_http_exchange(int fd, const char *socket_path, const char *target,
                                cdc_buffer *answer, cdc_error *err)
{
    char request[256];
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: sluice\r\n\r\n", target);
    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
        return CDC_EOF;
    }
    for (;;) {
        char *to = cdc_buffer_reserve(answer, 4096);
        if (to == NULL) {
            return cdc_error_set(err, CDC_FATAL, "status_socket", "%s: the answer is too long",
                                 socket_path);
        }
        ssize_t got = recv(fd, to, 4096, 0);
        if (got < 0) {
            return cdc_error_set(err, CDC_FATAL, "status_socket", "%s: no answer within %d s: %s",
                                 socket_path, HTTP_WAIT_S, strerror(errno));
        }
        if (got == 0) {
            return CDC_OK;
        }
        answer->len += (size_t)got;
    }
}

cdc_rc cdc_http_get(const char *socket_path, const char *target, cdc_buffer *out, cdc_error *err)
{
    struct sockaddr_un sa;
    struct timeval wait = {.tv_sec = HTTP_WAIT_S};
    int dir_fd = -1;
    cdc_buffer answer;
    cdc_buffer_init(&answer, 2 * HTTP_BODY_MAX);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || cdc_http_address(socket_path, &sa, &dir_fd, err) != CDC_OK) {
        goto nobody;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, (const struct sockaddr *)&sa, sizeof sa) != 0) {
        goto nobody;
    }
    cdc_rc rc = cdc_http_exchange(fd, socket_path, target, &answer, err);
    if (rc == CDC_OK) {
        const char *text = cdc_buffer_cstr(&answer);
        const char *body = strstr(text, "\r\n\r\n");
        if (strncmp(text, "HTTP/1.", 7) != 0 || body == NULL) {
            rc = cdc_error_set(err, CDC_FATAL, "status_socket", "%s does not speak HTTP",
                               socket_path);
        } else {
            cdc_buffer_add_str(out, body + 4);
        }
    }
    goto out;
nobody:
    cdc_error_clear(err);
    rc = CDC_EOF;
out:
    if (fd >= 0) {
        close(fd);
    }
    if (dir_fd >= 0) {
        close(dir_fd);
    }
    cdc_buffer_fini(&answer);
    return rc;
}

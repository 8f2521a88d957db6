#include "schema/registry/answer.h"

#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/certificate.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/retry.h"
#include "core/stop.h"

enum {
    BODY_BYTES_MAX = 64 * 1024 * 1024,
    WAIT_MS = 20 * 1000,  /* in place; longer waits are the loops' */
    LOOK_MS = 100,        /* how often the connection is looked at... */
    TRUST_MS = 30 * 1000, /* ...and how long it is taken for the same registry at most */
};

struct cdc_registry_link {
    CURL *curl;
    struct curl_slist *headers;
    const char *urls[CDC_TASK_REGISTRIES_MAX]; /* the configuration's */
    size_t nurls, current;
    bool certificate; /* we have one of ours to show */
    int64_t wait_ms;
    cdc_buffer body, url;
    uint32_t generation;
    int64_t looked_ms, trusted_ms;
    curl_socket_t socket; /* of the connection that answered last */
    char fault[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
    cdc_buffer *body = arg;
    cdc_buffer_add(body, p, size * n);
    return body->failed ? 0 : size * n;
}

/* Ends a transfer that hangs when the program is asked to stop. */
static int look_for_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)arg;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return cdc_stop_requested() ? 1 : 0;
}

static void set_string(CURL *curl, CURLoption option, const cdc_config *cfg, const char *path)
{
    const char *value = cdc_config_str(cfg, path);
    if (value != NULL && value[0] != '\0') {
        curl_easy_setopt(curl, option, value);
    }
}

static bool set_account(cdc_registry_link *link, const cdc_config *cfg)
{
    const char *user = cdc_config_str(cfg, "message.registry.user");
    const char *token = cdc_config_secret(cfg, "message.registry.token");
    if (user != NULL) {
        const char *password = cdc_config_secret(cfg, "message.registry.password");
        curl_easy_setopt(link->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(link->curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(link->curl, CURLOPT_PASSWORD, password != NULL ? password : "");
    }
    return token == NULL ||
           (curl_easy_setopt(link->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) == CURLE_OK &&
            curl_easy_setopt(link->curl, CURLOPT_XOAUTH2_BEARER, token) == CURLE_OK);
}

static bool set_options(cdc_registry_link *link, const cdc_task *task)
{
    const cdc_config *cfg = task->cfg;
    CURL *curl = link->curl;
    long timeout_ms = (long)cdc_config_int(cfg, "message.registry.timeout_ms");
    struct curl_slist *more = NULL;
    link->headers = curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
    more = link->headers != NULL
               ? curl_slist_append(link->headers, "Accept: application/vnd.schemaregistry.v1+json, "
                                                  "application/json")
               : NULL;
    if (more == NULL || !set_account(link, cfg)) {
        return false;
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, link->headers);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &link->body);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, link->fault);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_stop);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    set_string(curl, CURLOPT_CAINFO, cfg, "message.registry.tls.ca");
    set_string(curl, CURLOPT_SSLCERT, cfg, "message.registry.tls.cert");
    set_string(curl, CURLOPT_SSLKEY, cfg, "message.registry.tls.key");
    return true;
}

static void take_urls(cdc_registry_link *link, const cdc_config *cfg)
{
    link->nurls = cdc_config_count(cfg, "message.registry.url"); /* 1 to 16: task.h */
    for (size_t i = 0; i < link->nurls; i++) {
        link->urls[i] = cdc_config_item(cfg, "message.registry.url", i);
    }
}

cdc_rc cdc_registry_link_new(cdc_registry_link **out, const cdc_task *task, cdc_error *err)
{
    *out = NULL;
    pthread_once(&once, start_curl);
    cdc_registry_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the schema registry");
    }
    cdc_buffer_init(&link->body, BODY_BYTES_MAX);
    cdc_buffer_init(&link->url, 1024 * 1024);
    link->generation = 1;
    link->certificate = cdc_config_has(task->cfg, "message.registry.tls.cert");
    link->socket = CURL_SOCKET_BAD;
    link->wait_ms = task->retry_connect_ms < WAIT_MS ? task->retry_connect_ms : WAIT_MS;
    take_urls(link, task->cfg);
    link->curl = curl_easy_init();
    if (link->curl == NULL || !set_options(link, task)) {
        cdc_registry_link_free(link);
        return cdc_error_set(err, CDC_FATAL, "no_memory", "no memory for the schema registry");
    }
    *out = link;
    return CDC_OK;
}

void cdc_registry_link_free(cdc_registry_link *link)
{
    if (link != NULL) {
        curl_easy_cleanup(link->curl);
        curl_slist_free_all(link->headers);
        cdc_buffer_fini(&link->body);
        cdc_buffer_fini(&link->url);
        free(link);
    }
}

const char *cdc_registry_link_url(const cdc_registry_link *link)
{
    return link->urls[link->current];
}

static void next_generation(cdc_registry_link *link)
{
    link->generation++;
    link->socket = CURL_SOCKET_BAD;
    link->trusted_ms = cdc_clock_mono_ms();
}

uint32_t cdc_registry_link_generation(cdc_registry_link *link)
{
    int64_t now = cdc_clock_mono_ms();
    if (now - link->looked_ms < LOOK_MS) {
        return link->generation;
    }
    link->looked_ms = now;
    /* a connection at rest has nothing to read: what there is, is its end */
    struct pollfd fd = {.fd = link->socket, .events = POLLIN};
    bool lost = link->socket != CURL_SOCKET_BAD && poll(&fd, 1, 0) != 0;
    if (lost || now - link->trusted_ms > TRUST_MS) {
        next_generation(link);
    }
    return link->generation;
}

void cdc_registry_quote(cdc_buffer *out, const char *name)
{
    for (const char *s = name; *s != '\0'; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                     (*s >= '0' && *s <= '9') || *s == '-' || *s == '_' || *s == '.';
        if (plain) {
            cdc_buffer_add_char(out, *s);
        } else {
            cdc_buffer_addf(out, "%%%02X", (unsigned)(unsigned char)*s);
        }
    }
}

char *cdc_registry_body(const char *schema)
{
    json_t *root = json_pack("{s:s}", "schema", schema);
    char *body = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return body;
}

/* --- one try --- */

/* Is it of no use to try again? */
static bool is_final(CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_WRITE_ERROR: /* an answer larger than BODY_BYTES_MAX */
        return true;
    default:
        return false;
    }
}

static CURLcode perform(cdc_registry_link *link, const char *path, const char *body)
{
    const char *base = link->urls[link->current];
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/') {
        n--;
    }
    cdc_buffer_reset(&link->url);
    cdc_buffer_reset(&link->body);
    cdc_buffer_add(&link->url, base, n);
    cdc_buffer_add_str(&link->url, path);
    link->fault[0] = '\0';
    curl_easy_setopt(link->curl, CURLOPT_URL, cdc_buffer_cstr(&link->url));
    if (body != NULL) {
        curl_easy_setopt(link->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(link->curl, CURLOPT_POSTFIELDS, body);
    } else {
        curl_easy_setopt(link->curl, CURLOPT_HTTPGET, 1L);
    }
    CURLcode code = curl_easy_perform(link->curl);
    long connects = 0;
    curl_easy_getinfo(link->curl, CURLINFO_NUM_CONNECTS, &connects);
    if (code != CURLE_OK || connects > 0) {
        next_generation(link);
    }
    if (code == CURLE_OK) {
        curl_easy_getinfo(link->curl, CURLINFO_ACTIVESOCKET, &link->socket);
    }
    return code;
}

static void read_answer(cdc_registry_link *link, cdc_registry_answer *out)
{
    json_error_t ill;
    *out = (cdc_registry_answer){.status = 0};
    curl_easy_getinfo(link->curl, CURLINFO_RESPONSE_CODE, &out->status);
    if (link->body.len > 0) {
        out->json = json_loadb(link->body.data, link->body.len, 0, &ill);
    }
    if (out->status < 400) {
        return;
    }
    const char *message = json_string_value(json_object_get(out->json, "message"));
    out->number = (int)json_integer_value(json_object_get(out->json, "error_code"));
    if (message != NULL) {
        snprintf(out->text, sizeof out->text, "%s", message);
    } else if (link->body.len > 0) {
        snprintf(out->text, sizeof out->text, "%.*s",
                 link->body.len < 200 ? (int)link->body.len : 200, link->body.data);
    }
}

/* A registry that wants a certificate of ours says so by an alert, which may be lost with the
 * connection that it cuts: then one of the next tries meets it. */
static cdc_rc fail_connection(const cdc_registry_link *link, const char *doing, CURLcode code,
                              cdc_error *err)
{
    const char *url = cdc_registry_link_url(link);
    const char *why = link->fault[0] != '\0' ? link->fault : curl_easy_strerror(code);
    bool cut = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
    if (code == CURLE_SSL_CERTPROBLEM) {
        return cdc_error_refuse(err, "registry_certificate",
                                "%s: schema registry %s: our certificate cannot be used (%s); "
                                "message.registry.tls.cert and message.registry.tls.key are PEM "
                                "files of a certificate and of its key",
                                doing, url, why);
    }
    if (cdc_certificate_is_alert(why)) {
        return cdc_error_refuse(
            err, "registry_certificate",
            "%s: schema registry %s does not let us in with %s (%s); give "
            "message.registry.tls.cert and message.registry.tls.key of a "
            "certificate whose CA it trusts",
            doing, url, link->certificate ? "our certificate" : "no certificate of ours", why);
    }
    if (is_final(code)) {
        return cdc_error_set(err, CDC_FATAL, "registry_connection",
                             "%s: schema registry %s: %s; check message.registry.url and "
                             "message.registry.tls",
                             doing, url, why);
    }
    return cdc_error_set(err, CDC_RETRY, "registry_unreachable", "%s: schema registry %s: %s%s",
                         doing, url, why,
                         cut && strncmp(url, "https", 5) == 0
                             ? "; if it wants a certificate of ours: message.registry.tls.cert"
                             : "");
}

/* One try at the current URL. RETRY: it may pass. */
static cdc_rc try_once(cdc_registry_link *link, const char *doing, const char *path,
                       const char *body, cdc_registry_answer *out, cdc_error *err)
{
    CURLcode code = perform(link, path, body);
    if (code != CURLE_OK) {
        return fail_connection(link, doing, code, err);
    }
    read_answer(link, out);
    if (out->status < 500 && out->status != 429 && out->status != 408) {
        return CDC_OK;
    }
    json_decref(out->json);
    out->json = NULL;
    return cdc_error_set(err, CDC_RETRY, "registry_unavailable",
                         "%s: schema registry %s answers %ld%s%s; see its log", doing,
                         cdc_registry_link_url(link), out->status, out->text[0] != '\0' ? ": " : "",
                         out->text);
}

cdc_rc cdc_registry_ask(cdc_registry_link *link, const char *doing, const char *path,
                        const char *body, cdc_registry_answer *out, cdc_error *err)
{
    cdc_retry retry;
    cdc_retry_init(&retry, link->wait_ms);
    for (bool told = false;;) {
        for (size_t i = 0; i < link->nurls; i++) {
            cdc_rc rc = try_once(link, doing, path, body, out, err);
            if (rc != CDC_RETRY) {
                return rc;
            }
            next_generation(link); /* another registry may answer next */
            link->current = (link->current + 1) % link->nurls;
        }
        int64_t wait_ms = 0;
        if (cdc_stop_requested() || !cdc_retry_failure(&retry, &wait_ms)) {
            return CDC_RETRY;
        }
        if (!told) {
            told = true;
            CDC_LOG(CDC_LOG_WARN, "registry_wait", CDC_STR("error", err->text));
        }
        if (cdc_stop_wait(wait_ms)) {
            return CDC_RETRY;
        }
    }
}

cdc_rc cdc_registry_ask_once(cdc_registry_link *link, const char *doing, const char *path,
                             const char *body, cdc_registry_answer *out, cdc_error *err)
{
    return try_once(link, doing, path, body, out, err);
}

void cdc_registry_link_choose(cdc_registry_link *link, size_t url)
{
    link->current = url;
    next_generation(link);
}

/* --- errors: each status with its own way out --- */

cdc_rc cdc_registry_refused(const cdc_registry_link *link, const char *doing,
                            const cdc_registry_answer *ans, cdc_error *err)
{
    const char *url = cdc_registry_link_url(link);
    const char *reason = ans->text[0] != '\0' ? ans->text : "no reason given";
    switch (ans->status) {
    case 401:
        return cdc_error_refuse(err, "registry_login",
                                "%s: schema registry %s does not take the account (401: %s); set "
                                "message.registry.user and password, or message.registry.token",
                                doing, url, reason);
    case 403:
        return cdc_error_refuse(err, "registry_rights",
                                "%s: schema registry %s does not allow it to the account (403: "
                                "%s); give it the right to read and write the subject",
                                doing, url, reason);
    case 404:
        return cdc_error_set(err, CDC_FATAL, "registry_not_found",
                             "%s: schema registry %s answers 404 (%s); message.registry.url is "
                             "what stands before /subjects, such as http://registry:8081",
                             doing, url, reason);
    case 409:
        return cdc_error_set(
            err, CDC_FATAL, "registry_incompatible",
            "%s: the schema is not compatible with the subject's earlier ones; either lower the "
            "subject's compatibility (PUT %s/config/SUBJECT) and start again, or give the rows "
            "another subject (message.registry.subjects, topics.data). The registry says: %s",
            doing, url, reason);
    case 422:
        return cdc_error_set(err, CDC_FATAL, "registry_schema_refused",
                             "%s: schema registry %s holds the schema for malformed (422: %s); "
                             "leave the table out, or use message.avro.layout: generic",
                             doing, url, reason);
    default:
        return cdc_error_set(err, CDC_FATAL, "registry_refused",
                             "%s: schema registry %s answers %ld (%s)", doing, url, ans->status,
                             reason);
    }
}

cdc_rc cdc_registry_strange(const cdc_registry_link *link, const char *doing, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "registry_answer",
                         "%s: what %s answers is not that of a schema registry; "
                         "message.registry.url is what stands before /subjects",
                         doing, cdc_registry_link_url(link));
}

#include "net_kit.h"

#include "core/clock.h"
#include "core/net.h"
#include "core/stop.h"

static const cdc_net_tls plain = {.mode = CDC_TLS_OFF, .option = "target.tls"};

/* --- servers --- */

static void echo(net_kit_peer *peer, void *arg)
{
    char buf[65536];
    (void)arg;
    for (size_t n; (n = net_kit_read(peer, buf, sizeof buf)) > 0;) {
        net_kit_write(peer, buf, n);
    }
}

/* Reads nothing; ends when the test says so. */
static void deaf(net_kit_peer *peer, void *arg)
{
    char c;
    (void)peer;
    (void)!read(*(int *)arg, &c, 1);
}

static void hang_up(net_kit_peer *peer, void *arg)
{
    (void)peer;
    (void)arg;
}

/* --- host:port --- */

static void test_split(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {{"a.example:7000", "a.example", 7000},
                {"a.example", "a.example", 6379},
                {"[::1]:65535", "::1", 65535},
                {"[::1]", "::1", 6379},
                {"::1", "::1", 6379},
                {"127.0.0.1:1", "127.0.0.1", 1}};
    static const char *const bad[] = {"",     ":1",   "a:",     "a:0",  "a:65536", "a:x",
                                      "a: 5", "a:-5", "[::1:2", "[]:1", "[::1]x",  "a:1x"};
    char host[16];
    unsigned port = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(cdc_net_split(good[i].text, 6379, host, sizeof host, &port));
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(cdc_net_split(bad[i], 6379, host, sizeof host, &port));
    }
    assert_false(cdc_net_split("sixteen.example.", 6379, host, sizeof host, &port));
}

/* --- plain --- */

/* More than the sockets hold goes there and back. */
static void talk(cdc_net *net)
{
    enum { CHUNK = 100000, CHUNKS = 20 };
    char *out = malloc(CHUNK);
    char *in = malloc(CHUNK);
    cdc_error err;
    cdc_error_clear(&err);
    for (int i = 0; i < CHUNKS; i++) {
        size_t at = 0;
        memset(out, 'a' + i, CHUNK);
        assert_int_equal(cdc_net_write(net, out, CHUNK, 5000, &err), CDC_OK);
        while (at < CHUNK) {
            size_t got = 0;
            assert_int_equal(cdc_net_read(net, in + at, CHUNK - at, &got, 5000, &err), CDC_OK);
            at += got;
        }
        assert_memory_equal(in, out, CHUNK);
    }
    free(out);
    free(in);
}

static void test_plain(void **state)
{
    (void)state;
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    char text[64];
    char want[64];
    size_t got = 0;
    net_kit_start(&kit, echo, NULL, NULL);
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &plain, 5000, &err), CDC_OK);
    snprintf(want, sizeof want, "127.0.0.1:%u", kit.port);
    assert_string_equal(cdc_net_where(net), want);
    assert_int_equal(cdc_net_local(net, text, sizeof text, &err), CDC_OK);
    assert_string_equal(text, "127.0.0.1");
    talk(net);
    assert_int_equal(cdc_net_read(net, text, sizeof text, &got, 0, &err), CDC_AGAIN);
    assert_int_equal(cdc_net_read(net, text, sizeof text, &got, 20, &err), CDC_AGAIN);
    cdc_net_close(net);
    net_kit_stop(&kit);
}

static void test_not_reachable(void **state)
{
    (void)state;
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    net_kit_start(&kit, echo, NULL, NULL);
    net_kit_stop(&kit); /* its port is free again */
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &plain, 5000, &err), CDC_RETRY);
    assert_string_equal(err.code, "net_connect");
    assert_non_null(strstr(err.text, "127.0.0.1:"));
    assert_non_null(strstr(err.text, "Connection refused"));
    assert_null(net);
    assert_int_equal(cdc_net_open(&net, "no-such-host.invalid", 1, &plain, 5000, &err), CDC_RETRY);
    assert_string_equal(err.code, "net_connect");
}

static void test_closed(void **state)
{
    (void)state;
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    char c;
    size_t got = 0;
    net_kit_start(&kit, hang_up, NULL, NULL);
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &plain, 5000, &err), CDC_OK);
    assert_int_equal(cdc_net_read(net, &c, 1, &got, 5000, &err), CDC_RETRY);
    assert_string_equal(err.code, "net_closed");
    cdc_net_close(net);
    net_kit_stop(&kit);
}

static void test_write_waits_no_longer(void **state)
{
    (void)state;
    enum { MUCH = 64 * 1024 * 1024 };
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    char *much = calloc(1, MUCH);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    net_kit_start(&kit, deaf, &ends[0], NULL);
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &plain, 5000, &err), CDC_OK);
    assert_int_equal(cdc_net_write(net, much, MUCH, 100, &err), CDC_RETRY);
    assert_string_equal(err.code, "net_timeout");
    cdc_net_close(net);
    close(ends[1]);
    net_kit_stop(&kit);
    close(ends[0]);
    free(much);
}

static void *shut_down(void *net)
{
    cdc_clock_sleep_ms(20);
    cdc_net_shutdown(net);
    return NULL;
}

static void test_shutdown(void **state)
{
    (void)state;
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    pthread_t other;
    char c = 0;
    size_t got = 0;
    net_kit_start(&kit, echo, NULL, NULL);
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &plain, 5000, &err), CDC_OK);
    assert_int_equal(pthread_create(&other, NULL, shut_down, net), 0);
    assert_int_equal(cdc_net_read(net, &c, 1, &got, 60000, &err), CDC_RETRY);
    assert_int_equal(cdc_net_write(net, &c, 1, 1000, &err), CDC_RETRY);
    pthread_join(other, NULL);
    cdc_net_close(net);
    net_kit_stop(&kit);
}

/* --- TLS --- */

typedef struct tls_case {
    cdc_tls_mode mode;
    const char *names; /* of the certificate */
    bool stranger;     /* tls.ca is another's */
    const char *fault; /* in the message; NULL: it works */
} tls_case;

static void try_tls(const tls_case *tc)
{
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    char ours[64];
    char other[64];
    SSL_CTX_free(net_kit_tls("DNS:elsewhere", other));
    net_kit_start(&kit, echo, NULL, net_kit_tls(tc->names, ours));
    cdc_net_tls tls = {.mode = tc->mode, .ca = tc->stranger ? other : ours, .option = "target.tls"};
    cdc_rc rc = cdc_net_open(&net, "127.0.0.1", kit.port, &tls, 5000, &err);
    if (tc->fault == NULL) {
        assert_int_equal(rc, CDC_OK);
        talk(net);
    } else {
        assert_int_equal(rc, CDC_FATAL);
        assert_int_equal(err.exit, CDC_EXIT_REFUSED);
        assert_string_equal(err.code, "net_tls");
        if (strstr(err.text, tc->fault) == NULL) {
            fail_msg("no '%s' in: %s", tc->fault, err.text);
        }
    }
    cdc_net_close(net);
    net_kit_stop(&kit);
    unlink(ours);
    unlink(other);
}

static void test_tls(void **state)
{
    (void)state;
    static const tls_case cases[] = {
        {CDC_TLS_REQUIRED, "DNS:elsewhere", true, NULL},
        {CDC_TLS_VERIFY_CA, "DNS:elsewhere", false, NULL},
        {CDC_TLS_VERIFY_CA, "IP:127.0.0.1", true, "certificate is not accepted: self-signed"},
        {CDC_TLS_VERIFY_IDENTITY, "IP:127.0.0.1", false, NULL},
        {CDC_TLS_VERIFY_IDENTITY, "DNS:elsewhere", false, "IP address mismatch"},
        {CDC_TLS_VERIFY_IDENTITY, "IP:127.0.0.1", true, "certificate is not accepted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        try_tls(&cases[i]);
    }
}

static void test_tls_name(void **state)
{
    (void)state;
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    char ours[64];
    net_kit_start(&kit, echo, NULL, net_kit_tls("DNS:localhost", ours));
    cdc_net_tls tls = {.mode = CDC_TLS_VERIFY_IDENTITY, .ca = ours, .option = "target.tls"};
    assert_int_equal(cdc_net_open(&net, "localhost", kit.port, &tls, 5000, &err), CDC_OK);
    cdc_net_close(net);
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &tls, 5000, &err), CDC_FATAL);
    net_kit_stop(&kit);
    unlink(ours);
}

static void test_tls_to_plain(void **state)
{
    (void)state;
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    cdc_net_tls tls = {.mode = CDC_TLS_REQUIRED, .option = "target.tls"};
    net_kit_start(&kit, echo, NULL, NULL);
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &tls, 5000, &err), CDC_FATAL);
    assert_string_equal(err.code, "net_tls");
    assert_non_null(strstr(err.text, "speaks TLS"));
    net_kit_stop(&kit);

    net_kit_start(&kit, hang_up, NULL, NULL);
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &tls, 5000, &err), CDC_RETRY);
    net_kit_stop(&kit);
}

static void test_tls_files(void **state)
{
    (void)state;
    net_kit kit;
    cdc_net *net = NULL;
    cdc_error err;
    cdc_net_tls tls = {.mode = CDC_TLS_VERIFY_CA, .option = "source.tls"};
    net_kit_start(&kit, echo, NULL, NULL);
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &tls, 5000, &err), CDC_FATAL);
    assert_string_equal(err.code, "tls_ca");
    tls.ca = "/no/such/file";
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &tls, 5000, &err), CDC_FATAL);
    assert_string_equal(err.code, "tls_file");
    assert_non_null(strstr(err.text, "source.tls.ca: /no/such/file"));
    tls = (cdc_net_tls){.mode = CDC_TLS_REQUIRED, .cert = "/no/such/cert", .option = "source.tls"};
    assert_int_equal(cdc_net_open(&net, "127.0.0.1", kit.port, &tls, 5000, &err), CDC_FATAL);
    assert_non_null(strstr(err.text, "source.tls.cert: /no/such/cert"));
    assert_int_equal(err.exit, CDC_EXIT_REFUSED);
    net_kit_stop(&kit);
}

int main(void)
{
    cdc_stop_install(); /* no SIGPIPE */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_not_reachable),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_write_waits_no_longer),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_tls_name),
        cmocka_unit_test(test_tls_to_plain),
        cmocka_unit_test(test_tls_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

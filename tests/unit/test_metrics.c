/* Numbers and words, as Prometheus and as JSON, and over the unix socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/http.h"

static cdc_buffer out;

static const char *prometheus(cdc_metrics *mx)
{
    cdc_buffer_reset(&out);
    cdc_metrics_prometheus(mx, &out);
    return cdc_buffer_cstr(&out);
}

static json_t *status(cdc_metrics *mx)
{
    cdc_buffer_reset(&out);
    cdc_metrics_status(mx, &out);
    json_t *all = json_loads(cdc_buffer_cstr(&out), JSON_REJECT_DUPLICATES, NULL);
    if (all == NULL) {
        fail_msg("no JSON: %s", cdc_buffer_cstr(&out));
    }
    return all;
}

static double number(const json_t *all, const char *name)
{
    const json_t *value = json_object_get(all, name);
    if (!json_is_number(value)) {
        fail_msg("no number %s", name);
    }
    return json_number_value(value);
}

static void test_numbers(void **state)
{
    (void)state;
    cdc_metrics *mx = cdc_metrics_new("capture", "shop");
    cdc_metric *in =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "op=\"insert\"", "Rows");
    cdc_metric *lag = cdc_metrics_number(mx, CDC_GAUGE, "sluice_lag_ms", "", "Lag");
    cdc_metric *del =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "op=\"delete\"", "Rows");
    assert_ptr_equal(in,
                     cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "op=\"insert\"", ""));
    assert_ptr_not_equal(in, del);
    cdc_metric_add(in, 5);
    cdc_metric_add(in, 2);
    cdc_metric_add(del, 3);
    cdc_metric_set(lag, -4);
    const char *text = prometheus(mx);
    /* lines of a name stand together, under one head */
    assert_non_null(strstr(text,
                           "# HELP sluice_rows_total Rows\n# TYPE sluice_rows_total counter\n"
                           "sluice_rows_total{program=\"capture\",task=\"shop\",op=\"insert\"} 7\n"
                           "sluice_rows_total{program=\"capture\",task=\"shop\",op=\"delete\"} 3\n"
                           "# HELP sluice_lag_ms Lag\n# TYPE sluice_lag_ms gauge\n"
                           "sluice_lag_ms{program=\"capture\",task=\"shop\"} -4\n"));
    assert_non_null(strstr(text, "\nprocess_resident_memory_bytes "));
    json_t *all = status(mx);
    assert_true(number(all, "sluice_rows_total") == 10);
    assert_true(number(all, "sluice_rows_total{op=\"insert\"}") == 7);
    assert_true(number(all, "sluice_lag_ms") == -4);
    assert_true(number(all, "pid") == getpid());
    assert_true(number(all, "rss_bytes") > 100000);
    assert_true(number(all, "uptime_ms") >= 0);
    assert_null(json_object_get(all, "sluice_lag_ms_per_second"));
    json_decref(all);
    cdc_metrics_free(mx);
}

static void test_words_and_state(void **state)
{
    (void)state;
    cdc_metrics *mx = cdc_metrics_new("apply", "shop");
    cdc_metrics_word(mx, "state", "starting");
    cdc_metrics_word(mx, "last_error", "a \"quoted\"\nline");
    cdc_metrics_word(mx, "state", "applying");
    assert_true(cdc_metrics_healthy(mx));
    assert_false(cdc_metrics_ready(mx));
    cdc_metrics_set_ready(mx, true);
    cdc_metrics_set_healthy(mx, false);
    json_t *all = status(mx);
    assert_string_equal(json_string_value(json_object_get(all, "program")), "apply");
    assert_string_equal(json_string_value(json_object_get(all, "task")), "shop");
    assert_string_equal(json_string_value(json_object_get(all, "state")), "applying");
    assert_string_equal(json_string_value(json_object_get(all, "last_error")),
                        "a \"quoted\"\nline");
    assert_true(json_is_true(json_object_get(all, "ready")));
    assert_true(json_is_false(json_object_get(all, "healthy")));
    json_decref(all);
    const char *text = prometheus(mx);
    assert_non_null(strstr(text, "sluice_ready{program=\"apply\",task=\"shop\"} 1\n"));
    assert_non_null(strstr(text, "sluice_healthy{program=\"apply\",task=\"shop\"} 0\n"));
    cdc_metrics_free(mx);
}

static void test_rates(void **state)
{
    (void)state;
    cdc_metrics *mx = cdc_metrics_new("capture", "shop");
    cdc_metric *a = cdc_metrics_number(mx, CDC_COUNTER, "n_total", "k=\"a\"", "N");
    cdc_metric *b = cdc_metrics_number(mx, CDC_COUNTER, "n_total", "k=\"b\"", "N");
    json_t *all = status(mx);
    assert_true(number(all, "n_per_second") == 0);
    json_decref(all);
    cdc_metrics_sample(mx, 1000);
    cdc_metric_add(a, 100);
    cdc_metric_add(b, 50);
    cdc_metrics_sample(mx, 2000);
    all = status(mx);
    assert_true(number(all, "n_per_second") == 150);
    json_decref(all);
    for (int i = 0; i < 20; i++) { /* what was before is forgotten */
        cdc_metric_add(a, i);
        cdc_metrics_sample(mx, 3000 + i * 1000);
    }
    all = status(mx);
    assert_true(number(all, "n_per_second") == 17); /* 15 to 19 in the last 5 s */
    json_decref(all);
    cdc_metrics_free(mx);
}

static const char *get(const char *path, const char *target)
{
    cdc_error err;
    cdc_error_clear(&err);
    cdc_buffer_reset(&out);
    if (cdc_http_get(path, target, &out, &err) != CDC_OK) {
        fail_msg("%s: %s", target, err.text);
    }
    return cdc_buffer_cstr(&out);
}

static void serve_at(const char *path)
{
    cdc_error err;
    cdc_http *http;
    struct stat st;
    cdc_error_clear(&err);
    cdc_metrics *mx = cdc_metrics_new("capture", "shop");
    for (int life = 0; life < 2; life++) { /* the second finds the file of a dead one */
        if (cdc_http_start(&http, mx, "off", path, &err) != CDC_OK) {
            fail_msg("%s", err.text);
        }
        assert_string_equal(get(path, "/healthz"), "healthy\n");
        assert_string_equal(get(path, "/readyz"), "not ready\n");
        assert_non_null(strstr(get(path, "/metrics"), "sluice_ready{"));
        assert_memory_equal(get(path, "/status"), "{\"program\":\"capture\"", 20);
        assert_string_equal(get(path, "/other"),
                            "there are /metrics, /healthz, /readyz and /status\n");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0); /* nobody else may ask */
        cdc_http_stop(http);
        assert_int_equal(stat(path, &st), -1);
        FILE *stale = fopen(path, "w");
        assert_non_null(stale);
        fclose(stale);
    }
    cdc_buffer_reset(&out);
    assert_int_equal(cdc_http_get(path, "/status", &out, &err), CDC_EOF);
    unlink(path);
    assert_int_equal(cdc_http_get(path, "/status", &out, &err), CDC_EOF);
    cdc_metrics_free(mx);
}

static void test_http(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-http-XXXXXX";
    char deep[256];
    char path[512];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s.sock", dir);
    serve_at(path);
    /* longer than a socket's address can be */
    snprintf(deep, sizeof deep, "%s/%0150d", dir, 7);
    assert_int_equal(mkdir(deep, 0700), 0);
    snprintf(path, sizeof path, "%s/a-task-with-a-name.capture.sock", deep);
    serve_at(path);
    rmdir(deep);
    rmdir(dir);
}

static void bad_start(const char *listen, const char *path, const char *want)
{
    cdc_error err;
    cdc_http *http;
    cdc_metrics *mx = cdc_metrics_new("capture", "shop");
    cdc_error_clear(&err);
    assert_int_equal(cdc_http_start(&http, mx, listen, path, &err), CDC_FATAL);
    assert_null(http);
    assert_string_equal(err.text, want);
    assert_int_equal(err.exit, CDC_EXIT_REFUSED);
    cdc_metrics_free(mx);
}

static void test_bad_start(void **state)
{
    (void)state;
    bad_start("localhost:1", NULL,
              "metrics.listen localhost:1 is no address; write ip:port (127.0.0.1:9464)");
    bad_start("127.0.0.1:99999", NULL,
              "metrics.listen 127.0.0.1:99999 is no address; write ip:port (127.0.0.1:9464)");
    bad_start("127.0.0.1:", NULL,
              "metrics.listen 127.0.0.1: is no address; write ip:port (127.0.0.1:9464)");
    bad_start("[::1:1", NULL,
              "metrics.listen [::1:1 is no address; write ip:port (127.0.0.1:9464)");
    bad_start("192.0.2.1:1", NULL,
              "cannot listen on metrics.listen 192.0.2.1:1: Cannot assign requested address");
    bad_start(NULL, "/nonexistent/x.sock",
              "cannot make the status socket /nonexistent/x.sock: No such file or directory; check "
              "state_dir");
}

static int setup(void **state)
{
    (void)state;
    cdc_buffer_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cdc_buffer_fini(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_words_and_state),
        cmocka_unit_test(test_rates),     cmocka_unit_test(test_http),
        cmocka_unit_test(test_bad_start),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
